// Look at JSON of strangers before anybody parses it.
#pragma once

#include <string>
#include <string_view>

namespace sentinel::core {

inline constexpr int kDeepestJson = 64;
inline constexpr std::size_t kLongestNumber = 64;

// Tell why bytes are not taken as JSON; empty when nothing speaks against parsing them. Refused: what is not
// UTF-8, \u0000 and lone surrogates, nesting beyond kDeepestJson, numbers longer than kLongestNumber or with
// an exponent beyond 308 (a few bytes of them become a hundred thousand digits), and a name twice in one
// object of the two outermost levels, which two readers could read as two things. Grammar is the parser's
// business. Source: RFC 8259, and what jsonb refuses.
std::string json_fault(std::string_view bytes);

}  // namespace sentinel::core
