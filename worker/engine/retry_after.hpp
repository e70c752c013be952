// Read a Retry-After header.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sentinel::worker {

inline constexpr int kLongestRetryAfter = 86'400;

// Seconds to wait, within [0, 86400], rounded up. Both forms of RFC 9110 section 10.2.3, and decimal seconds,
// which some vendors send. A date in the past is 0; what is neither form is nothing, as if it were absent.
// now is unix time in seconds.
std::optional<int> read_retry_after(std::string_view value, std::int64_t now);

}  // namespace sentinel::worker
