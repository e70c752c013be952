// The bulkheads: who runs, who waits, who is turned away, and for how long.
#include "engine/slots.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace sentinel::worker;

namespace {

Bulkhead bulkhead_of(int places) {
    Bulkhead out;
    out.places = places;
    return out;
}

Slots::Verdict admit(Slots& slots, Bulkhead& bulkhead, const std::string& target, int n,
                     const std::string& org = "org") {
    ++bulkhead.taken;  // as a claim does
    const auto verdict = slots.admit(org, target, bulkhead, target + std::to_string(n));
    if (verdict == Slots::Verdict::turn_away) --bulkhead.taken;  // as giving back does
    return verdict;
}

}  // namespace

TEST(Slots, RunsSoManyPerTargetThenLinesUp) {
    Slots slots(4);
    Bulkhead bulkhead = bulkhead_of(64);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(admit(slots, bulkhead, "a", i), Slots::Verdict::run);
    EXPECT_EQ(admit(slots, bulkhead, "a", 4), Slots::Verdict::wait);
    EXPECT_EQ(admit(slots, bulkhead, "b", 0), Slots::Verdict::run) << "another target is not held up";
    EXPECT_EQ(bulkhead.taken, 5);
    EXPECT_EQ(bulkhead.waiting, 1);
    EXPECT_EQ(slots.next("a"), "") << "no room yet";
    slots.leave("a", 10);
    EXPECT_EQ(slots.next("a"), "a4");
    EXPECT_EQ(slots.next("a"), "");
}

TEST(Slots, OneTargetTakesHalfOfTheLinesAtMost) {
    Slots slots(4);
    Bulkhead bulkhead = bulkhead_of(64);
    int waited = 0;
    int turned_away = 0;
    for (int i = 0; i < 100; ++i) {
        const auto verdict = admit(slots, bulkhead, "a", i);
        waited += verdict == Slots::Verdict::wait ? 1 : 0;
        turned_away += verdict == Slots::Verdict::turn_away ? 1 : 0;
    }
    EXPECT_EQ(waited, 32);
    EXPECT_EQ(turned_away, 64);
    EXPECT_EQ(bulkhead.taken, 4);
    EXPECT_EQ(bulkhead.room(), 60) << "who waits takes no place";
    EXPECT_EQ(admit(slots, bulkhead, "b", 0), Slots::Verdict::run);
}

TEST(Slots, HeldNeverExceedsTwiceThePlaces) {
    Bulkhead bulkhead = bulkhead_of(10);
    bulkhead.taken = 4;
    bulkhead.waiting = 10;
    EXPECT_EQ(bulkhead.room(), 6);
    bulkhead.taken = 10;
    EXPECT_EQ(bulkhead.room(), 0);
    bulkhead.taken = 8;
    bulkhead.waiting = 12;
    EXPECT_EQ(bulkhead.room(), 0);
}

TEST(Slots, ALineGrowsNoLongerThanASecondsWork) {
    Slots slots(4);
    Bulkhead bulkhead = bulkhead_of(64);
    // The target learns to be slow: 4 at once, 4 s each, is one a second.
    for (int i = 0; i < 40; ++i) {
        ASSERT_EQ(admit(slots, bulkhead, "slow", i), Slots::Verdict::run);
        slots.leave("slow", 4000);
        --bulkhead.taken;
    }
    int waited = 0;
    for (int i = 0; i < 50; ++i) waited += admit(slots, bulkhead, "slow", i) == Slots::Verdict::wait ? 1 : 0;
    EXPECT_EQ(waited, 4);
    EXPECT_EQ(slots.come_back_after("slow"), 30) << "42 turned away at one a second, bounded";
    EXPECT_EQ(slots.come_back_after("unknown"), 1);
}

TEST(Slots, GivingUpLeavesTheLine) {
    Slots slots(1);
    Bulkhead bulkhead = bulkhead_of(8);
    EXPECT_EQ(admit(slots, bulkhead, "a", 0), Slots::Verdict::run);
    EXPECT_EQ(admit(slots, bulkhead, "a", 1), Slots::Verdict::wait);
    EXPECT_EQ(admit(slots, bulkhead, "a", 2), Slots::Verdict::wait);
    slots.give_up("a", "a1");
    slots.leave("a", 1);
    EXPECT_EQ(slots.next("a"), "a2");
}

TEST(Slots, CrowdedOnlyWhileLinesAreLong) {
    Bulkhead bulkhead = bulkhead_of(64);
    const Instant now = Clock::now();
    bulkhead.crowded_until = now + Millis(250);
    bulkhead.waiting = 16;
    EXPECT_TRUE(bulkhead.crowded(now));
    bulkhead.waiting = 15;
    EXPECT_FALSE(bulkhead.crowded(now));
    bulkhead.waiting = 64;
    EXPECT_FALSE(bulkhead.crowded(now + Millis(250)));
}

TEST(Slots, TheRampLimitsTheRoom) {
    Bulkhead bulkhead = bulkhead_of(100);
    bulkhead.open = 10;
    EXPECT_EQ(bulkhead.room(), 10);
    bulkhead.taken = 7;
    EXPECT_EQ(bulkhead.room(), 3);
    bulkhead.taken = 50;
    EXPECT_LE(bulkhead.room(), 0) << "after an outage more may still run than are open";
}

TEST(Slots, ASignShortensThePauseAndNeverLengthensIt) {
    Bulkhead bulkhead = bulkhead_of(10);
    const Instant now = Clock::now();
    for (int i = 0; i < 5; ++i) bulkhead.pace.next();
    bulkhead.next_poll = now + Seconds(1);
    bulkhead.stir(now);
    EXPECT_EQ(bulkhead.next_poll, now + Millis(20));
    EXPECT_EQ(bulkhead.pace.next(), Millis(20));
    bulkhead.next_poll = now + Millis(5);
    bulkhead.stir(now);
    EXPECT_EQ(bulkhead.next_poll, now + Millis(5));
}

// Twenty endpoints of one organisation whose name servers hang must leave places for the others.
TEST(Slots, AnOrganisationWhoseCallsAreSlowHasAQuarter) {
    Slots slots(4);
    Bulkhead bulkhead = bulkhead_of(64);
    const auto fill = [&](const std::string& org) {
        int running = 0;
        for (int i = 0; i < 80; ++i) {
            const std::string target = org + std::to_string(i / 4);
            running += admit(slots, bulkhead, target, i, org) == Slots::Verdict::run ? 1 : 0;
        }
        return running;
    };
    EXPECT_EQ(fill("slow"), 32) << "of a newcomer nothing is known";
    for (int i = 0; i < 32; ++i) slots.leave("slow" + std::to_string(i / 4), 5000);
    EXPECT_EQ(fill("slow"), 16);
    EXPECT_EQ(admit(slots, bulkhead, "quiet", 0, "quiet"), Slots::Verdict::run);
    for (int i = 0; i < 16; ++i) slots.leave("slow" + std::to_string(i / 4), 20);
    EXPECT_EQ(fill("slow"), 64) << "quick again: its places are free again soon";
}
