// How soon to look again, and how fast to begin again.
#include "engine/pace.hpp"

#include <gtest/gtest.h>

using namespace sentinel::worker;

TEST(Pace, DoublesUpToTheLongest) {
    Pace pace(Millis(100));
    for (const int ms : {20, 40, 80, 100, 100}) EXPECT_EQ(pace.next(), Millis(ms));
    pace.reset();
    EXPECT_EQ(pace.next(), Millis(20));
    EXPECT_EQ(Pace(Millis(5)).next(), Millis(5)) << "never longer than the longest";
}

TEST(Ramp, OpensFromATenthToAll) {
    Ramp ramp(Seconds(60));
    const Instant now = Clock::now();
    ramp.begin(now);
    EXPECT_EQ(ramp.open(100, now), 10);
    EXPECT_NEAR(ramp.open(100, now + Seconds(30)), 55, 1);
    EXPECT_EQ(ramp.open(100, now + Seconds(60)), 100);
    EXPECT_EQ(ramp.open(1, now), 1) << "one at least";
    EXPECT_EQ(ramp.open(0, now), 0) << "but none where there are none";
    EXPECT_EQ(ramp.open(100, now - Seconds(1)), 10);
    ramp.begin(now + Seconds(100));
    EXPECT_EQ(ramp.open(100, now + Seconds(100)), 10) << "again after the next outage";
}

TEST(Ramp, ZeroOpensAllAtOnce) {
    Ramp ramp(Seconds(0));
    const Instant now = Clock::now();
    ramp.begin(now);
    EXPECT_EQ(ramp.open(100, now), 100);
}
