// Sign and verify our own tokens: JWT, HS256, the key derived from a master key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/keyring.hpp"

namespace sentinel::core {

inline constexpr std::size_t kLongestToken = 4096;

// Sign claims (the text of a JSON object) with the active key. Nothing when the claims are no object with a
// number exp, or the token would be longer than kLongestToken. Throws std::runtime_error when OpenSSL fails.
// Source: RFC 7515 (compact form), RFC 7518 section 3.2; key: HKDF of the master key, info "sentinel/jwt/v1".
std::optional<std::string> sign_token(const Keyring& ring, std::string_view claims);

// Give the claims of a token of ours; now is in seconds since 1970. Nothing when anything is wrong with it:
// the header is not, byte for byte, what sign_token() writes for one of the keys, the encoding, the
// signature, exp missing or reached, nbf more than 30 s ahead, aud not this text.
std::optional<std::string> verify_token(const Keyring& ring, std::string_view token,
                                        std::string_view audience, double now);

// Key a password with a secret of the server before it is hashed slowly: `key_id:base64`, 46 to 55
// characters, so that neither length nor a NUL is lost in bcrypt. Nothing when the key id is unknown. Key:
// HKDF of the master key, info "sentinel/password/v1".
std::optional<std::string> password_digest(const Keyring& ring, std::string_view password,
                                           std::uint32_t key_id);

}  // namespace sentinel::core
