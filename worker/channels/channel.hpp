// Turn a job's request row into a call: what every channel takes and gives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "channels/request.hpp"
#include "engine/config.hpp"
#include "engine/guard.hpp"
#include "engine/shared.hpp"
#include "engine/transfer.hpp"

namespace sentinel::worker {

// Why no call can be made of a row: an error code of the contract, and words without secrets.
struct Refusal {
    std::string error_code;
    std::string error_detail;
};

struct Surroundings {
    const Config& config;
    const Guard& guard;
    const Vault& vault;
    std::int64_t now;  // unix seconds by our own clock
};

using Built = std::variant<Call, Refusal>;

bool channel_known(std::string_view kind);

// Build the call for a row of a known kind.
Built build_call(const Request& request, const Surroundings& around);

// The opened secrets of one purpose, or the refusal secret_error when there is none or one does not open.
std::variant<std::vector<Secret>, Refusal> open_secrets(const Request& request, std::string_view purpose,
                                                        const Vault& vault);

// Have the redactor cut a secret out, also where a receiver quotes it as JSON with escaped slashes.
void hide(Redactor& redactor, std::string_view secret);

// "name: value" appended, or false when a byte of it could split the header block.
bool add_line(std::vector<std::string>& headers, std::string_view name, std::string_view value);

}  // namespace sentinel::worker
