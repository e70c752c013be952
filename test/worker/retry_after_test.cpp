// Retry-After in both forms, clamped, and nothing for what is neither.
#include "engine/retry_after.hpp"

#include <gtest/gtest.h>

#include <string>

using sentinel::worker::read_retry_after;

namespace {
constexpr std::int64_t kNow = 1'700'000'000;  // Tue, 14 Nov 2023 22:13:20 GMT
}

TEST(RetryAfter, Seconds) {
    EXPECT_EQ(read_retry_after("120", kNow), 120);
    EXPECT_EQ(read_retry_after("0", kNow), 0);
    EXPECT_EQ(read_retry_after("  7\t", kNow), 7);
    EXPECT_EQ(read_retry_after("1.5", kNow), 2) << "never earlier than asked";
    EXPECT_EQ(read_retry_after("1.0", kNow), 1);
    EXPECT_EQ(read_retry_after("00000005", kNow), 5);
}

TEST(RetryAfter, IsClamped) {
    EXPECT_EQ(read_retry_after("86400", kNow), 86400);
    EXPECT_EQ(read_retry_after("86400.5", kNow), 86400);
    EXPECT_EQ(read_retry_after("1000000000", kNow), 86400);
    EXPECT_EQ(read_retry_after("99999999999999999999999999999999", kNow), 86400);
    EXPECT_EQ(read_retry_after("Wed, 24 Dec 2053 00:00:00 GMT", kNow), 86400);
}

TEST(RetryAfter, Dates) {
    EXPECT_EQ(read_retry_after("Tue, 14 Nov 2023 22:14:49 GMT", kNow), 89);
    EXPECT_EQ(read_retry_after("Tuesday, 14-Nov-23 22:14:49 GMT", kNow), 89);
    EXPECT_EQ(read_retry_after("Tue Nov 14 22:14:49 2023", kNow), 89);
    EXPECT_EQ(read_retry_after("Tue, 14 Nov 2023 22:13:20 GMT", kNow), 0);
    EXPECT_EQ(read_retry_after("Mon, 01 Jan 2001 00:00:00 GMT", kNow), 0) << "the past is now";
}

TEST(RetryAfter, NothingForTheRest) {
    for (const std::string value :
         {"", " ", "soon", "-5", "+5", "5s", "1.", "1.x", ".5", "0x10", "1e3", "NaN", "inf", "today", "12 13",
          "Tue, 99 Nov 2023 22:13:20 GMT", ",", ":"}) {
        EXPECT_EQ(read_retry_after(value, kNow), std::nullopt) << value;
    }
    EXPECT_EQ(read_retry_after(std::string(1000, '9'), kNow), std::nullopt);
}
