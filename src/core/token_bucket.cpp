#include "core/token_bucket.hpp"

#include <algorithm>
#include <cmath>

namespace sentinel::core {

namespace {

constexpr double kRounding = 1e-6;

double seconds_for(const BucketRule& rule, double tokens) {
    return tokens * static_cast<double>(rule.per_seconds) / static_cast<double>(rule.capacity);
}

}  // namespace

double refilled(const BucketRule& rule, double tokens, std::int64_t microseconds) {
    const double gained = static_cast<double>(std::max<std::int64_t>(microseconds, 0)) *
                          static_cast<double>(rule.capacity) / (static_cast<double>(rule.per_seconds) * 1e6);
    return std::min(static_cast<double>(rule.capacity), tokens + gained);
}

bool has_token(double tokens) {
    return tokens >= 1 - kRounding;
}

std::int64_t seconds_to_token(const BucketRule& rule, double tokens) {
    const double seconds = std::ceil(seconds_for(rule, 1 - tokens) - kRounding);
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds));
}

std::int64_t seconds_to_full(const BucketRule& rule, double tokens) {
    const double missing = std::max(0.0, static_cast<double>(rule.capacity) - tokens);
    return static_cast<std::int64_t>(std::ceil(seconds_for(rule, missing) - kRounding));
}

std::int64_t lease_size(const BucketRule& rule) {
    if (rule.capacity <= 10 * rule.per_seconds) return 1;
    return std::max<std::int64_t>(1, rule.capacity / rule.per_seconds / 4);
}

}  // namespace sentinel::core
