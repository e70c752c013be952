// Verify the ID token that an OpenID provider gives at sign-in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Give the claims (JSON text) of an ID token; jwks is the provider's key set as JSON text, now is in seconds
// since 1970. Nothing when anything is wrong: more than 16 KiB, an algorithm other than RS256 and ES256, no
// single key for it, the signature, iss or aud not these texts, azp another one, exp passed, iat or nbf in
// the future, both with 30 s of skew, no sub. Sources: OpenID Connect Core 1.0 section 3.1.3.7, RFC 7515, RFC
// 8725.
std::optional<std::string> verify_id_token(std::string_view token, std::string_view jwks,
                                           std::string_view issuer, std::string_view audience, double now);

}  // namespace sentinel::core
