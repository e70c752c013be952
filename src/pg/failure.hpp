// The error that our own C++ code throws to become an ordinary SQL error with a chosen SQLSTATE.
#pragma once

#include <exception>
#include <string>

namespace sentinel {

// Own error class SN: see README, "Errors".
inline constexpr const char* kNotInstalled = "SN001";
inline constexpr const char* kNoOrganisation = "SN002";
inline constexpr const char* kNotAllowed = "SN003";
inline constexpr const char* kNotFound = "SN004";
inline constexpr const char* kIllegalTransition = "SN005";
inline constexpr const char* kAppendOnly = "SN006";
inline constexpr const char* kInvalidInput = "SN007";
inline constexpr const char* kLeaseLost = "SN008";
inline constexpr const char* kNotScheduledHere = "SN009";
inline constexpr const char* kRateLimited = "SN429";
inline constexpr const char* kParked = "SN010";
inline constexpr const char* kTimeLimit = "SN011";

// Carry an SQL error through C++ frames to the entry door. sqlstate has five characters; detail and hint may
// be empty.
struct Failure : std::exception {
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string hint;

    Failure(std::string state, std::string text, std::string rule = {}, std::string good_value = {})
        : sqlstate(std::move(state)),
          message(std::move(text)),
          detail(std::move(rule)),
          hint(std::move(good_value)) {}

    const char* what() const noexcept override { return message.c_str(); }
};

}  // namespace sentinel
