// The compared form of an e-mail address.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Bring an e-mail address to the form in which two spellings of one mailbox are equal.
// For comparing, never for sending: Gmail loses its dots, several providers their +detail.
// Accepts `mailto:` and `Name <address>`; nothing for what is no address on a public host.
// Source: RFC 5321 §4.5.3.1 (64 and 255 octets), provider rules of the scoring notes §1.4.
std::optional<std::string> normalize_email(std::string_view text);

}  // namespace sentinel::core
