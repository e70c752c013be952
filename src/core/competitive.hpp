// Signs in a text that a competitor is in play.
#pragma once

#include <string_view>

namespace sentinel::core {

// Count the competitive indicators of one text, 0 to 2: at most one for a keyword and one for a phrase, found
// as substrings without regard to ASCII case. Source: revenue intelligence, competitive detection.
int competitive_indicators(std::string_view text);

}  // namespace sentinel::core
