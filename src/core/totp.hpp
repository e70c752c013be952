// Check the codes of authenticator apps. Source: RFC 6238 with SHA-1, 30 s and six digits, as the apps do it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

inline constexpr std::int64_t kTotpStep = 30;  // seconds

// Make a secret of 20 random bytes in base32, 32 characters, as a person types it or a QR code holds it.
std::string new_totp_secret();

// The six digits of one step. Throws std::runtime_error when OpenSSL fails.
std::string totp_code(std::string_view key, std::int64_t step);

// The step, of the one at now (seconds since 1970) and its two neighbours, that a code belongs to. secret is
// base32. Nothing when none does, or when secret or code is malformed. The time tells nothing of which.
std::optional<std::int64_t> totp_step(std::string_view secret, std::string_view code, std::int64_t now);

}  // namespace sentinel::core
