// The compared form of a telephone number.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Bring a telephone number to digits: `+` and country code where the text tells it, the bare digits where
// not. 00 becomes +, punctuation, "(0)", labels and extensions go, vanity letters become digits; of several
// numbers the first counts. `country_code` ("44", "+44") is put before numbers written nationally, empty:
// they stay national. Nothing below 7 or above 15 digits, for one digit repeated, and for what a spreadsheet
// wrote as 4.4E+11. Source: ITU-T E.164 (15 digits), E.161 (letters).
std::optional<std::string> normalize_phone(std::string_view text, std::string_view country_code = {});

}  // namespace sentinel::core
