// Read JSON from strangers before anything of it is believed: strict, and limited in depth.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sentinel::core {

// A JSON value. text holds the characters of a string and the digits of a number; items hold the elements of
// an array and the values of an object, in order; names hold the object's names, as many as items.
struct JsonText {
    enum class Kind { null, boolean, number, string, array, object };
    Kind kind = Kind::null;
    bool truth = false;
    std::string text;
    std::vector<JsonText> items;
    std::vector<std::string> names;

    // The member of an object; null when there is none.
    const JsonText* find(std::string_view name) const noexcept;
    // The characters of a string member; nothing when it is missing or no string.
    std::optional<std::string_view> string(std::string_view name) const noexcept;
    // The value of a number member; nothing when it is missing or no number.
    std::optional<double> number(std::string_view name) const noexcept;
};

// Parse the whole text. Nothing when it is not JSON (RFC 8259), not UTF-8, deeper than 16, repeats a name in
// one object, or holds what jsonb refuses: \u0000, half a surrogate pair, a number of more than 40 characters
// or of an exponent above 999.
std::optional<JsonText> parse_json_text(std::string_view text);

}  // namespace sentinel::core
