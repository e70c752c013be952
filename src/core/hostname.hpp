// Host names in the form in which two spellings are equal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Bring a host name to its compared form: lower case, A-labels (xn--), no final dot.
// Nothing for what is no public host name: no dot, empty or overlong labels, an IP address, a numeric last
// label. Source: RFC 1035 §2.3.4 (63, 253 octets), RFC 3492 (Punycode). Not the whole of UTS #46: full-width
// forms and lower-casing are mapped, other compatibility characters are encoded as they are.
std::optional<std::string> normalize_host(std::string_view host);

// Encode the characters of one label with Punycode, without the xn-- prefix.
std::optional<std::string> punycode(const std::u32string& label);

}  // namespace sentinel::core
