#include "core/competitive.hpp"

#include <string>

namespace sentinel::core {

namespace {

constexpr std::string_view kKeywords[] = {
    "competitor",   "competition",    "alternative",        "comparing", "evaluating options",
    "other vendor", "other solution", "switching",          "migration", "pricing comparison",
    "better offer", "lower price",    "cheaper alternative"};

constexpr std::string_view kPhrases[] = {
    "looking at other options",   "considering alternatives", "evaluating other vendors",
    "comparing solutions",        "price shopping",           "getting quotes",
    "multiple vendors",           "decision delayed",         "need to think",
    "taking longer than expected"};

template <size_t N>
int any_of(const std::string& text, const std::string_view (&patterns)[N]) {
    for (std::string_view pattern : patterns) {
        if (text.find(pattern) != std::string::npos) return 1;
    }
    return 0;
}

}  // namespace

int competitive_indicators(std::string_view text) {
    if (text.empty()) return 0;
    std::string lower(text);
    for (char& letter : lower) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    return any_of(lower, kKeywords) + any_of(lower, kPhrases);
}

}  // namespace sentinel::core
