// Text handling that gives the same bytes on every machine: no locale, no collation, no ICU version.
// Input may be any bytes; what is not UTF-8 passes through unchanged and never makes a function throw.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sentinel::core {

// What decode_utf8 returns for a byte that starts no valid character.
constexpr char32_t kNotUtf8 = 0xFFFFFFFF;

// Read the character at `at` and move `at` behind it; a bad byte moves it by one and gives kNotUtf8.
char32_t decode_utf8(std::string_view text, std::size_t& at) noexcept;

// Append one character; surrogates come out as three bytes that is_utf8 refuses.
void append_utf8(std::string& out, char32_t character);

// Tell whether all of the text is well-formed UTF-8 (no surrogates, nothing overlong).
bool is_utf8(std::string_view text) noexcept;

// Count characters; a bad byte counts as one.
std::size_t unicode_length(std::string_view text) noexcept;

// Keep at most `limit` characters, never cutting one in two.
std::string_view unicode_clip(std::string_view text, std::size_t limit) noexcept;

// Drop white space of any script, zero-width spaces and byte-order marks from both ends.
std::string_view unicode_trim(std::string_view text) noexcept;

// Replace each run of white space by one blank, and trim.
std::string unicode_squeeze(std::string_view text);

// Map one character to lower case: Latin, Greek, Cyrillic, Armenian, full-width; simple one-to-one mapping.
char32_t lower_character(char32_t character) noexcept;

// Map a text to lower case with lower_character.
std::string unicode_lower(std::string_view text);

// Lower case without diacritics (é and e + U+0301 both become e, ß becomes ss): for comparing, never for
// display.
std::string unicode_fold(std::string_view text);

// Decode UTF-16 without its mark; an unpaired surrogate becomes bytes that is_utf8 refuses.
std::string utf16_to_utf8(std::string_view bytes, bool little_endian);

// Decode Windows-1252, every byte of which is a character.
std::string windows1252_to_utf8(std::string_view bytes);

}  // namespace sentinel::core
