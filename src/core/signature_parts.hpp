// What the signature schemes share: headers, times, keys.
#pragma once

#include <optional>
#include <string>

#include "core/secret.hpp"
#include "core/signature.hpp"

namespace sentinel::core {

using Keys = std::vector<std::string_view>;

// The one line of a name, without blanks around it. A name that comes twice is a fault: readers before and
// behind us could choose differently.
struct Line {
    std::size_t count = 0;
    std::string_view value;

    bool absent() const noexcept { return count == 0; }
    bool once() const noexcept { return count == 1 && !value.empty(); }
};
Line line_of(const SignedRequest& request, std::string_view name);

// Read 1 to 15 digits; nothing for a sign, a blank or a fraction.
std::optional<std::int64_t> read_digits(std::string_view text);

// Read 2021-07-25T10:00:00Z, with or without a fraction or an offset, as milliseconds since 1970.
std::optional<std::int64_t> read_iso_time(std::string_view text);

// Whether a time is within five minutes of now, both in milliseconds since 1970.
bool is_fresh(std::int64_t at, std::int64_t now);

// Lower-case hex of HMAC-SHA256, and its base64.
std::string hmac_hex(std::string_view key, std::initializer_list<std::string_view> parts);
std::string hmac_base64(std::string_view key, std::initializer_list<std::string_view> parts);

// The key behind whsec_: 24 bytes or more of base64.
std::optional<Secret> standard_key(std::string_view text);

// The 32 bytes of an Ed25519 key, from PEM or the base64 of its SubjectPublicKeyInfo.
std::optional<std::string> ed25519_key(std::string_view text);

// Decode what HubSpot decodes in the URL before it signs: : / ? @ ! $ ' ( ) * , ; and nothing else.
std::string hubspot_url(std::string_view url);

}  // namespace sentinel::core
