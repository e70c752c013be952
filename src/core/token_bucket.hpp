// Arithmetic of a token bucket that fills steadily. Source: http-delivery.md §5, rule 5.
#pragma once

#include <cstdint>

namespace sentinel::core {

struct BucketRule {
    std::int64_t capacity = 0;
    std::int64_t per_seconds = 1;  // in which an empty bucket fills
};

// Tokens that a bucket which held so many holds some microseconds later; time that runs backwards adds none.
double refilled(const BucketRule& rule, double tokens, std::int64_t microseconds);

// Whether a whole token is there; what arithmetic loses of one does not count.
bool has_token(double tokens);

// Whole seconds, at least one, until the next token of a bucket that has none.
std::int64_t seconds_to_token(const BucketRule& rule, double tokens);

// Whole seconds until the bucket is full.
std::int64_t seconds_to_full(const BucketRule& rule, double tokens);

// Tokens that one holder takes at a time: what a quarter of a second brings. One where ten or fewer come in a
// second, so that small rates are kept exactly.
std::int64_t lease_size(const BucketRule& rule);

}  // namespace sentinel::core
