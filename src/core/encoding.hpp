// Turn bytes into text and back: hex, base64, base64url, uuid, PostgreSQL arrays, printable ASCII.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sentinel::core {

using Bytes = std::vector<std::uint8_t>;

std::string to_hex(std::string_view bytes);
std::string to_hex(const Bytes& bytes);

// Both cases are read; an odd length or another character gives nothing.
std::optional<Bytes> from_hex(std::string_view hex);

// Standard alphabet with padding (RFC 4648 section 4).
std::string to_base64(const Bytes& bytes);

// Strict: padding is required, no white space, unused bits must be zero.
std::optional<Bytes> from_base64(std::string_view text);

// URL-safe alphabet without padding (RFC 4648 section 5), as tokens use it; reading is as strict.
std::string to_base64url(const Bytes& bytes);
std::string to_base64url(std::string_view bytes);
std::optional<Bytes> from_base64url(std::string_view text);

// The lower-case 8-4-4-4-12 form, which is how PostgreSQL prints a uuid; nothing when it is not one.
std::optional<std::string> to_uuid(std::string_view text);

// An array literal for a parameter of type text[], uuid[] or bigint[]; every element is quoted.
std::string to_array(const std::vector<std::string>& elements);

// Replace whatever is not printable ASCII by '?', then cut: safe for logs and for a text column.
std::string to_printable(std::string_view text, std::size_t at_most);

}  // namespace sentinel::core
