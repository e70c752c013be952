#include "core/token_bucket.hpp"

#include <gtest/gtest.h>

using namespace sentinel::core;

namespace {

constexpr BucketRule kNormal{100, 60};
constexpr BucketRule kIntake{60000, 60};

}  // namespace

TEST(Refilled, AddsWhatTheTimeBringsUpToTheCapacity) {
    EXPECT_DOUBLE_EQ(refilled(kNormal, 0, 600000), 1);
    EXPECT_DOUBLE_EQ(refilled(kNormal, 50, 30000000), 100);
    EXPECT_DOUBLE_EQ(refilled(kNormal, 99, 3600000000), 100);
    EXPECT_DOUBLE_EQ(refilled(kIntake, 10, 1000000), 1010);
}

TEST(Refilled, AddsNothingWhenTimeRunsBackwards) {
    EXPECT_DOUBLE_EQ(refilled(kNormal, 3, -60000000), 3);
}

TEST(Refilled, TakesACapacityThatWasLoweredSince) {
    EXPECT_DOUBLE_EQ(refilled({10, 60}, 90, 0), 10);
}

TEST(HasToken, ForgivesWhatArithmeticLoses) {
    double tokens = 0;
    for (int i = 0; i < 6; i++) tokens = refilled(kNormal, tokens, 100000);
    EXPECT_TRUE(has_token(tokens));
    EXPECT_FALSE(has_token(0.99));
}

TEST(SecondsToToken, AreTheTrueOnesRoundedUp) {
    EXPECT_EQ(seconds_to_token(kNormal, 0), 1);
    EXPECT_EQ(seconds_to_token({10, 60}, 0), 6);
    EXPECT_EQ(seconds_to_token({10, 60}, 0.5), 3);
    EXPECT_EQ(seconds_to_token({10, 60}, -1), 12);
    EXPECT_EQ(seconds_to_token(kIntake, 0.9), 1);
}

TEST(SecondsToFull, AreTheTrueOnesRoundedUp) {
    EXPECT_EQ(seconds_to_full(kNormal, 100), 0);
    EXPECT_EQ(seconds_to_full(kNormal, 99), 1);
    EXPECT_EQ(seconds_to_full(kNormal, 0), 60);
}

TEST(LeaseSize, IsOneWhereTenOrFewerComeInASecond) {
    EXPECT_EQ(lease_size(kNormal), 1);
    EXPECT_EQ(lease_size({600, 60}), 1);
    EXPECT_EQ(lease_size({660, 60}), 2);
    EXPECT_EQ(lease_size(kIntake), 250);
}
