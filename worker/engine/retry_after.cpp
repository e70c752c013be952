#include "engine/retry_after.hpp"

#include <algorithm>
#include <string>

#include "engine/curl.hpp"

namespace sentinel::worker {
namespace {

bool digit(char c) {
    return c >= '0' && c <= '9';
}

std::optional<int> read_seconds(std::string_view value) {
    std::int64_t seconds = 0;
    std::size_t i = 0;
    for (; i < value.size() && digit(value[i]); ++i) {
        seconds = std::min<std::int64_t>(seconds * 10 + (value[i] - '0'), kLongestRetryAfter);
    }
    if (i == 0) return std::nullopt;
    if (i < value.size()) {
        if (value[i] != '.' || i + 1 == value.size()) return std::nullopt;
        const std::string_view fraction = value.substr(i + 1);
        if (!std::all_of(fraction.begin(), fraction.end(), digit)) return std::nullopt;
        if (fraction.find_first_not_of('0') != std::string_view::npos) ++seconds;
    }
    return static_cast<int>(std::min<std::int64_t>(seconds, kLongestRetryAfter));
}

}  // namespace

std::optional<int> read_retry_after(std::string_view value, std::int64_t now) {
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    if (value.empty() || value.size() > 64) return std::nullopt;
    if (digit(value.front())) return read_seconds(value);
    // An HTTP date begins with the day's name; anything else that curl_getdate would guess at is no date
    // here.
    if (value.find(',') == std::string_view::npos && value.find(':') == std::string_view::npos)
        return std::nullopt;
    const time_t then = curl_getdate(std::string(value).c_str(), nullptr);
    if (then < 0) return std::nullopt;
    return static_cast<int>(std::clamp<std::int64_t>(then - now, 0, kLongestRetryAfter));
}

}  // namespace sentinel::worker
