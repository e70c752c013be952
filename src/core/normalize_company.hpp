// The compared form of a company name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Bring a company name to the form in which two spellings are equal: lower case, no diacritics, no
// punctuation, `&` as `and`, no leading `the`, no legal form at the end. A name made of legal forms only
// keeps them. Nothing for a text without a letter or digit, and for what is not UTF-8.
std::optional<std::string> normalize_company(std::string_view text);

}  // namespace sentinel::core
