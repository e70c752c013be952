// The risk model: every term and boundary by hand, then properties over seeded random deals.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/risk_model.hpp"
#include "core/risk_timeline.hpp"

using namespace sentinel::core;

namespace {

constexpr Instant kNow = 800'000'000'000'000;  // some day in 2025
constexpr Instant kHour = kDay / 24;

// A deal that nothing speaks for or against: a mail was received a moment ago would lower it, so it has a
// mail sent six days ago, which counts as activity but no longer as recent.
Signals quiet() {
    Signals deal;
    deal.created = kNow - 10 * kDay;
    deal.stage_entered = deal.created;
    deal.sent = kNow - 6 * kDay;
    return deal;
}

Signals negotiation() {
    Signals deal = quiet();
    deal.role = RiskRole::Negotiation;
    return deal;
}

double score(const Signals& deal, Instant at = kNow) {
    return base_score(deal, at);
}

Evaluation look(const Signals& deal, Instant since, Instant at) {
    return evaluate(deal, since, at, at);
}

TEST(Terms, StageBase) {
    Signals deal = quiet();
    EXPECT_EQ(score(deal), 0);
    deal.role = RiskRole::Discover;
    EXPECT_EQ(score(deal), 0.1);
    deal.role = RiskRole::Negotiation;
    EXPECT_EQ(score(deal), 0.3 + 0.4);
}

TEST(Terms, EmailSentCountsToTheEndOfTheFifthDay) {
    Signals deal = negotiation();
    deal.sent = kNow - 5 * kDay;
    EXPECT_EQ(score(deal), 0.3 - 0.2);
    EXPECT_EQ(score(deal, kNow + 1), 0.3 + 0.4);
    deal.sent = kNow + kHour;  // the future counts
    EXPECT_EQ(score(deal), 0.3 - 0.2);
}

TEST(Terms, EmailReceivedCountsToTheEndOfTheFifthDay) {
    Signals deal = negotiation();
    deal.received = kNow - 5 * kDay;
    EXPECT_EQ(score(deal), 0);
    EXPECT_EQ(score(deal, kNow + 1), 0.3 + 0.4);
}

TEST(Terms, MeetingCountsForTheThreshold) {
    Signals deal = negotiation();
    deal.meeting = kNow - 7 * kDay;
    EXPECT_EQ(score(deal), 0.3 - 0.4 + 0.4);
    EXPECT_EQ(score(deal, kNow + 1), 0.3 + 0.4);
    deal.inactivity_days = 3;
    deal.sent = kNow - 8 * kDay;
    EXPECT_EQ(score(deal), 1.0);  // 0.3 + 0.4 + 0.4, clamped
}

TEST(Terms, InactivityBeginsWithTheEighthFullDay) {
    Signals deal = quiet();
    deal.sent = kNow - 7 * kDay;
    EXPECT_EQ(score(deal), 0);
    EXPECT_EQ(score(deal, kNow + kDay - 1), 0);
    EXPECT_EQ(score(deal, kNow + kDay), 0.4);
    deal.sent = kNever;
    deal.created = kNow - 8 * kDay;  // without any event the creation counts
    EXPECT_EQ(score(deal), 0.4);
    EXPECT_EQ(score(deal, kNow - 1), 0);
    deal.inactivity_days = 30;
    EXPECT_EQ(score(deal, deal.created + 31 * kDay - 1), 0);
    EXPECT_EQ(score(deal, deal.created + 31 * kDay), 0.4);
}

TEST(Terms, HighValueIsStrictlyAbove5000) {
    Signals deal = quiet();
    deal.value = 5000;
    EXPECT_EQ(score(deal), 0);
    deal.value = 5000.01;
    EXPECT_EQ(score(deal), 0.2);
    deal.value = 5001;
    EXPECT_EQ(score(deal), 0.2);
}

TEST(Terms, CompetitiveMediumAndHigh) {
    Signals deal = quiet();
    deal.indicators = 1;
    EXPECT_EQ(score(deal), 0.15);
    deal.indicators = 2;
    EXPECT_EQ(score(deal), 0.25);
    deal.indicators = 9;
    EXPECT_EQ(score(deal), 0.25);
    deal.flags = 0;
    EXPECT_EQ(score(deal), 0);
}

TEST(Terms, CompetitiveOfANegotiation) {
    Signals deal = negotiation();
    deal.value = 10000;  // not above
    EXPECT_EQ(score(deal), 0.3 + 0.4 + 0.2);
    deal.value = 10001;
    deal.sent = kNow;
    EXPECT_EQ(score(deal), 0.3 + 0.15 - 0.2 + 0.2);
    deal.indicators = 1;
    EXPECT_EQ(score(deal), 0.3 + 0.25 - 0.2 + 0.2);
}

TEST(Terms, AnOldNegotiationLiftsNothingToMediumOnly) {
    Signals deal = negotiation();
    deal.created = kNow - 31 * kDay;
    deal.sent = kNow;
    EXPECT_EQ(score(deal), 0.3 + 0.15 - 0.2);
    EXPECT_EQ(score(deal, kNow - 1), 0.3 - 0.2);
    deal.indicators = 1;
    EXPECT_EQ(score(deal), 0.3 + 0.15 - 0.2);
}

TEST(Terms, ChampionDormancy) {
    Signals deal = quiet();
    EXPECT_EQ(score(deal), 0);
    deal.flags |= kChampionOn;
    EXPECT_EQ(score(deal), 0.25);  // never received
    deal.received = kNow - 14 * kDay;
    EXPECT_EQ(score(deal), 0.25);
    EXPECT_EQ(score(deal, kNow - 1), 0);
}

TEST(Terms, StageStall) {
    Signals deal = quiet();
    deal.flags |= kStageStallOn;
    EXPECT_EQ(score(deal), 0);  // no norm
    deal.norm_days = 5;
    EXPECT_EQ(score(deal), 0);  // ten days are not more than ten
    EXPECT_EQ(score(deal, kNow + 1), 0.25);
    deal.flags = kCompetitiveOn;
    EXPECT_EQ(score(deal, kNow + 1), 0);
}

TEST(Terms, DoublesAtTheMediumEdge) {
    Signals deal = negotiation();
    deal.received = kNow;
    deal.indicators = 1;
    deal.flags |= kStageStallOn;
    deal.norm_days = 1;
    EXPECT_EQ(score(deal), 0.39999999999999997);
    EXPECT_STREQ(band(score(deal)), "Low");
    EXPECT_STREQ(band(0.4), "Medium");
    EXPECT_STREQ(band(0.4 + 0.2), "High");
    EXPECT_STREQ(band(0.6), "High");
}

TEST(Terms, ClosedHasNone) {
    Signals deal = negotiation();
    deal.closed = true;
    deal.newest = kNow - kDay;
    Evaluation now = look(deal, kNever, kNow);
    EXPECT_EQ(now.score, 0);
    EXPECT_STREQ(status(now), "closed");
    EXPECT_EQ(now.last_activity, kNow - kDay);
    EXPECT_EQ(now.primary, -1);
    EXPECT_EQ(next_change(deal, kNever, kNow, kNow), kForever);
}

TEST(Reasons, PrimaryAndAction) {
    Signals deal = negotiation();
    deal.value = 50000;
    Evaluation now = look(deal, kNever, kNow);
    EXPECT_EQ(now.primary, kNegotiationStalled);
    EXPECT_EQ(now.action, Action::Nudge);
    EXPECT_EQ(now.urgency, Urgency::High);
    deal.sent = kNow - 8 * kDay;
    now = look(deal, kNever, kNow);
    EXPECT_EQ(now.primary, kInactivity);  // mended: inactivity wins
    EXPECT_STREQ(action_label(now.action), "Send follow-up email");
    deal = quiet();
    deal.value = 6000;
    now = look(deal, kNever, kNow);
    EXPECT_EQ(now.primary, kHighValue);
    EXPECT_EQ(now.urgency, Urgency::Medium);
    EXPECT_EQ(reason(kInactivity, 7), "No activity in last 7 days");
    EXPECT_EQ(overdue_reason(1), "Action overdue by 1 day");
    EXPECT_EQ(overdue_reason(2), "Action overdue by 2 days");
}

TEST(Escalation, RaisesByTenthsPerTwoDays) {
    Signals deal = negotiation();  // 0.7, nudge, due one day after the start
    deal.inactivity_days = 30;     // keep inactivity away
    Instant since = kNow;
    auto at = [&](Instant when) { return evaluate(deal, since, since, when); };
    EXPECT_EQ(at(kNow).due, kNow + kDay);
    EXPECT_FALSE(at(kNow + 2 * kDay - 1).overdue);
    EXPECT_TRUE(at(kNow + 2 * kDay).overdue);
    EXPECT_EQ(at(kNow + 2 * kDay).overdue_days, 1);
    EXPECT_EQ(at(kNow + 2 * kDay).score, 0.3 + 0.4);
    EXPECT_EQ(at(kNow + 3 * kDay).score, 0.3 + 0.4 + 0.1 * 1);
    EXPECT_EQ(at(kNow + 5 * kDay).score, 0.3 + 0.4 + 0.1 * 2);
    EXPECT_EQ(at(kNow + 15 * kDay).score, 1);
}

TEST(Period, BeginsWithSilenceAndEndsWithAnAnswer) {
    Signals deal = negotiation();
    deal.sent = kNow;  // 0.1 until five days and a microsecond
    RiskClock clock = first_batch(deal, kNow);
    EXPECT_EQ(clock.since, kNever);
    Instant start = kNow + 5 * kDay + 1;
    EXPECT_EQ(advance(deal, clock.since, clock.input_at, start - 1), kNever);
    EXPECT_EQ(advance(deal, clock.since, clock.input_at, start), start);
    EXPECT_EQ(next_change(deal, clock.since, kNow, kNow), start);

    Signals answered = deal;
    answered.received = kNow + 9 * kDay;
    RiskClock later = next_batch(clock, deal, answered, kNow + 9 * kDay);
    EXPECT_EQ(later.before, start);
    EXPECT_EQ(later.since, kNever);
}

TEST(Period, ABatchIsSettledAsOne) {
    Signals deal = quiet();
    deal.sent = kNow;
    RiskClock clock = first_batch(deal, kNow);
    Signals moved = deal;
    moved.role = RiskRole::Negotiation;
    moved.sent = kNow - 6 * kDay;
    Signals answered = moved;
    answered.received = kNow + kDay;
    RiskClock half = next_batch(clock, deal, moved, kNow + kDay);
    EXPECT_EQ(half.since, kNow + kDay);
    RiskClock whole = next_batch(half, moved, answered, kNow + kDay);
    EXPECT_EQ(whole.since, kNever);
    EXPECT_EQ(whole.before, kNever);
}

TEST(Edges, NoOverflowAtTheEndsOfTime) {
    Signals deal = negotiation();
    deal.flags = kCompetitiveOn | kChampionOn | kStageStallOn;
    deal.norm_days = 1e300;
    for (Instant when : {kNever, kNever + 1, Instant{0}, kForever - 1, kForever}) {
        deal.created = deal.sent = deal.received = deal.meeting = deal.stage_entered = when;
        for (Instant at : {kNever, kNow, kForever}) {
            evaluate(deal, when, kNever, at);
            next_change(deal, when, kNever, at);
        }
    }
}

Signals random_deal(std::mt19937_64& dice) {
    auto pick = [&](Instant limit) {
        return static_cast<Instant>(dice() % static_cast<std::uint64_t>(limit));
    };
    auto when = [&] { return pick(4) == 0 ? kNever : kNow - pick(40 * kDay); };
    Signals deal;
    deal.role = static_cast<RiskRole>(pick(3));
    deal.value = static_cast<double>(pick(20000));
    deal.created = kNow - pick(60 * kDay);
    deal.stage_entered = deal.created + pick(10 * kDay);
    deal.sent = when();
    deal.received = when();
    deal.meeting = when();
    deal.indicators = static_cast<int>(pick(4));
    deal.norm_days = static_cast<double>(pick(20));
    deal.inactivity_days = static_cast<int>(1 + pick(30));
    deal.flags = static_cast<unsigned>(pick(8));
    return deal;
}

bool same(const Evaluation& a, const Evaluation& b) {
    bool equal = a.score == b.score && a.at_risk == b.at_risk && a.overdue == b.overdue && a.since == b.since;
    for (int term = 0; term < kTerms; ++term) equal = equal && a.terms.of[term] == b.terms.of[term];
    return equal;
}

// Between a look and the next change nothing changes, and at the next change something does.
TEST(Properties, NextChangeIsExact) {
    std::mt19937_64 dice(7);
    for (int round = 0; round < 20000; ++round) {
        Signals deal = random_deal(dice);
        RiskClock clock = first_batch(deal, kNow - 50 * kDay);
        Instant at = kNow - static_cast<Instant>(dice() % (40 * kDay));
        Evaluation here = evaluate(deal, clock.since, clock.input_at, at);
        Instant next = next_change(deal, clock.since, clock.input_at, at);
        ASSERT_GT(next, at);
        Instant horizon = next == kForever ? at + 400 * kDay : next;
        for (int probe = 0; probe < 8; ++probe) {
            Instant between = at + static_cast<Instant>(dice() % static_cast<std::uint64_t>(horizon - at));
            Evaluation there = evaluate(deal, clock.since, clock.input_at, between);
            ASSERT_EQ(here.score, there.score);
            ASSERT_EQ(here.at_risk, there.at_risk);
            ASSERT_EQ(here.overdue, there.overdue);
            ASSERT_EQ(here.primary, there.primary);
        }
        if (next == kForever) continue;
        EXPECT_FALSE(same(here, evaluate(deal, clock.since, clock.input_at, next)));
        Evaluation last = evaluate(deal, clock.since, clock.input_at, next - 1);
        ASSERT_EQ(here.score, last.score);
        ASSERT_EQ(here.overdue, last.overdue);
    }
}

// Without an input, risk only grows: so recovery happens at inputs only.
TEST(Properties, TimeAloneNeverLowersTheBase) {
    std::mt19937_64 dice(8);
    for (int round = 0; round < 20000; ++round) {
        Signals deal = random_deal(dice);
        Instant a = kNow - static_cast<Instant>(dice() % (60 * kDay));
        Instant b = a + static_cast<Instant>(dice() % (60 * kDay));
        ASSERT_LE(base_score(deal, a), base_score(deal, b) + 1e-12);
    }
}

// Looking in between, or at an input that changes nothing, does not move the start of a period.
TEST(Properties, AdvanceCanBeSplitAnywhere) {
    std::mt19937_64 dice(9);
    for (int round = 0; round < 20000; ++round) {
        Signals deal = random_deal(dice);
        RiskClock clock = first_batch(deal, kNow - 50 * kDay);
        Instant end = kNow;
        Instant middle = clock.input_at + 1 + static_cast<Instant>(dice() % (49 * kDay));
        RiskClock split = next_batch(clock, deal, deal, middle);
        ASSERT_EQ(advance(deal, clock.since, clock.input_at, end),
                  advance(deal, split.since, split.input_at, end));
    }
}

TEST(Properties, ExplanationSumsToTheScoreExactly) {
    std::mt19937_64 dice(10);
    for (int round = 0; round < 20000; ++round) {
        Signals deal = random_deal(dice);
        Evaluation now = evaluate(deal, first_batch(deal, deal.created).since, deal.created, kNow);
        double total = 0;
        for (double term : now.terms.of) total += term;
        total += now.base - now.raw;
        ASSERT_EQ(total, now.base);
        total += now.score - now.base;
        ASSERT_EQ(total, now.score);
        ASSERT_EQ(now.score, risk_score(deal, first_batch(deal, deal.created).since, deal.created, kNow));
    }
}

}  // namespace
