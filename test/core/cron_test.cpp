#include "core/cron.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

using namespace sentinel::core;

namespace {

std::int64_t utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
    return seconds_of(Civil{year, month, day, hour, minute, second});
}

std::string text(std::optional<std::int64_t> instant) {
    if (!instant) return "never";
    const Civil c = civil_of(*instant);
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02d %02d:%02d:%02d", static_cast<int>(c.year), c.month,
                  c.day, c.hour, c.minute, c.second);
    return buffer;
}

struct Change {
    std::int64_t instant;
    std::int64_t offset;
};

// Makes a zone from its first offset and the changes that follow, in order.
Zone zone_of(std::int64_t offset, std::vector<Change> changes) {
    return [offset, changes](std::int64_t instant) {
        ZoneSpan span{offset, std::nullopt};
        for (const Change& change : changes) {
            if (change.instant > instant) {
                span.end = change.instant;
                break;
            }
            span.offset = change.offset;
        }
        return span;
    };
}

const Zone greenwich = zone_of(0, {});

Zone berlin() {
    return zone_of(3600, {{utc(2026, 3, 29, 1), 7200}, {utc(2026, 10, 25, 1), 3600}});
}

Zone lord_howe() {  // half an hour of summer time
    return zone_of(39600, {{utc(2026, 4, 4, 15), 37800}, {utc(2026, 10, 3, 15, 30), 39600}});
}

Zone apia() {  // 30 December 2011 did not exist
    return zone_of(-36000, {{utc(2011, 12, 30, 10), 50400}});
}

std::vector<std::string> runs(const char* expression, const Zone& zone, std::int64_t after, int count) {
    std::vector<std::string> found;
    const Cron cron = parse_cron(expression);
    for (int i = 0; i < count; ++i) {
        const auto next = next_instant(cron, zone, after);
        found.push_back(text(next));
        if (!next) break;
        after = *next;
    }
    return found;
}

std::string next_text(const char* expression, std::int64_t after) {
    return text(next_instant(parse_cron(expression), greenwich, after));
}

using Texts = std::vector<std::string>;

}  // namespace

TEST(Civil, goes_round_for_every_day_of_the_calendar) {
    for (std::int64_t day = -1'000'000; day < 1'000'000; ++day) {
        const Civil c = civil_of(day * 86400 + 86399);
        ASSERT_EQ(seconds_of(c), day * 86400 + 86399);
        ASSERT_EQ(c.second, 59);
    }
    EXPECT_EQ(text(0), "1970-01-01 00:00:00");
    EXPECT_EQ(text(-1), "1969-12-31 23:59:59");
    EXPECT_EQ(text(951782400), "2000-02-29 00:00:00");
}

TEST(Cron, takes_values_lists_ranges_steps_and_names) {
    const std::int64_t now = utc(2026, 1, 15, 10, 7, 30);  // a Thursday
    EXPECT_EQ(next_text("* * * * *", now), "2026-01-15 10:08:00");
    EXPECT_EQ(next_text("7 10 * * *", now), "2026-01-16 10:07:00");
    EXPECT_EQ(next_text("*/15 * * * *", now), "2026-01-15 10:15:00");
    EXPECT_EQ(next_text("5,50-59/3 * * * *", now), "2026-01-15 10:50:00");
    EXPECT_EQ(next_text("0 */6 * * *", now), "2026-01-15 12:00:00");
    EXPECT_EQ(next_text("0 9 * * 1", now), "2026-01-19 09:00:00");
    EXPECT_EQ(next_text("0 9 * * mon-fri", now), "2026-01-16 09:00:00");
    EXPECT_EQ(next_text("0 9 * * sat,Sun", now), "2026-01-17 09:00:00");
    EXPECT_EQ(next_text("0 9 1 jan,JUL *", now), "2026-07-01 09:00:00");
    EXPECT_EQ(next_text("0 0 31 * *", now), "2026-01-31 00:00:00");
    EXPECT_EQ(next_text("  30\t8  * * * ", now), "2026-01-16 08:30:00");
    EXPECT_EQ(next_text("0 0 29 2 *", now), "2028-02-29 00:00:00");
    EXPECT_EQ(next_text("0 0 29 2 *", utc(2096, 3, 1)), "2104-02-29 00:00:00");
    EXPECT_EQ(next_text("59 23 31 12 *", utc(2026, 12, 31, 23, 59)), "2027-12-31 23:59:00");
}

TEST(Cron, takes_nicknames) {
    const std::int64_t now = utc(2026, 1, 15, 10, 7);
    EXPECT_EQ(next_text("@hourly", now), "2026-01-15 11:00:00");
    EXPECT_EQ(next_text("@daily", now), "2026-01-16 00:00:00");
    EXPECT_EQ(next_text("@Midnight", now), "2026-01-16 00:00:00");
    EXPECT_EQ(next_text("@weekly", now), "2026-01-18 00:00:00");
    EXPECT_EQ(next_text("@monthly", now), "2026-02-01 00:00:00");
    EXPECT_EQ(next_text("@yearly", now), "2027-01-01 00:00:00");
    EXPECT_EQ(next_text("@annually", now), "2027-01-01 00:00:00");
}

TEST(Cron, knows_sunday_by_both_numbers) {
    const std::int64_t now = utc(2026, 1, 15);
    for (const char* expression : {"0 8 * * 0", "0 8 * * 7", "0 8 * * SUN", "0 8 * * 7-7"})
        EXPECT_EQ(next_text(expression, now), "2026-01-18 08:00:00") << expression;
    EXPECT_EQ(parse_cron("0 0 * * 5-7").weekdays, 0x61U);
    EXPECT_EQ(parse_cron("0 0 * * FRI-SUN").weekdays, 0x61U);
    EXPECT_EQ(parse_cron("0 0 * * SUN-TUE").weekdays, 0x07U);
    EXPECT_EQ(parse_cron("0 0 * * 0-7").weekdays, 0x7FU);
    EXPECT_EQ(parse_cron("0 0 * * */2").weekdays, 0x55U);
}

TEST(Cron, finds_the_last_day_of_each_month) {
    EXPECT_EQ(
        runs("0 18 L * *", greenwich, utc(2027, 12, 31, 18), 4),
        (Texts{"2028-01-31 18:00:00", "2028-02-29 18:00:00", "2028-03-31 18:00:00", "2028-04-30 18:00:00"}));
    EXPECT_EQ(runs("0 0 15,l 2 *", greenwich, utc(2026, 1, 1), 2),
              (Texts{"2026-02-15 00:00:00", "2026-02-28 00:00:00"}));
}

TEST(Cron, runs_on_either_day_when_both_are_restricted) {
    // Friday the 13th and every other 13th and Friday: the rule of Vixie cron.
    EXPECT_EQ(
        runs("0 0 13 * FRI", greenwich, utc(2026, 2, 1), 4),
        (Texts{"2026-02-06 00:00:00", "2026-02-13 00:00:00", "2026-02-20 00:00:00", "2026-02-27 00:00:00"}));
    EXPECT_EQ(runs("0 0 10 * FRI", greenwich, utc(2026, 2, 7), 2),
              (Texts{"2026-02-10 00:00:00", "2026-02-13 00:00:00"}));
    // A field that begins with * does not count as restricted: both must match.
    EXPECT_EQ(runs("0 0 */10 * FRI", greenwich, utc(2026, 1, 1), 2),
              (Texts{"2026-05-01 00:00:00", "2026-07-31 00:00:00"}));
}

TEST(Cron, runs_once_after_a_gap_when_the_hour_is_fixed) {
    const std::int64_t before = utc(2026, 3, 28, 12);
    EXPECT_EQ(runs("30 2 * * *", berlin(), before, 3),  // 29 March: 02:30 is skipped, 03:00 CEST is 01:00 UTC
              (Texts{"2026-03-29 01:00:00", "2026-03-30 00:30:00", "2026-03-31 00:30:00"}));
    EXPECT_EQ(runs("*/15 2 * * *", berlin(), before, 2),
              (Texts{"2026-03-29 01:00:00", "2026-03-30 00:00:00"}));
    EXPECT_EQ(runs("0 2,3 * * *", berlin(), before, 2),
              (Texts{"2026-03-29 01:00:00", "2026-03-30 00:00:00"}));
    EXPECT_EQ(runs("15 2 * * *", lord_howe(), utc(2026, 10, 3, 0), 1), (Texts{"2026-10-03 15:30:00"}));
    // A whole day that the calendar left out runs at the first instant after it.
    EXPECT_EQ(runs("0 9 30 12 *", apia(), utc(2011, 12, 1), 1), (Texts{"2011-12-30 10:00:00"}));
}

TEST(Cron, runs_once_in_a_fold_when_the_hour_is_fixed) {
    const std::int64_t before = utc(2026, 10, 24, 12);
    EXPECT_EQ(runs("30 2 * * *", berlin(), before, 2), (Texts{"2026-10-25 00:30:00", "2026-10-26 01:30:00"}));
    // Asked between the two readings of 02:30, and within the second.
    EXPECT_EQ(runs("30 2 * * *", berlin(), utc(2026, 10, 25, 0, 45), 1), (Texts{"2026-10-26 01:30:00"}));
    EXPECT_EQ(runs("30 2 * * *", berlin(), utc(2026, 10, 25, 1, 10), 1), (Texts{"2026-10-26 01:30:00"}));
    EXPECT_EQ(runs("*/30 2,3 * * *", berlin(), before, 5),
              (Texts{"2026-10-25 00:00:00", "2026-10-25 00:30:00", "2026-10-25 02:00:00",
                     "2026-10-25 02:30:00", "2026-10-26 01:00:00"}));
}

TEST(Cron, runs_every_real_hour_when_no_hour_is_named) {
    EXPECT_EQ(runs("30 * * * *", berlin(), utc(2026, 10, 25, 0), 3),
              (Texts{"2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-10-25 02:30:00"}));
    EXPECT_EQ(runs("30 * * * *", berlin(), utc(2026, 3, 29, 0), 3),
              (Texts{"2026-03-29 00:30:00", "2026-03-29 01:30:00", "2026-03-29 02:30:00"}));
    EXPECT_EQ(runs("30 0-23 * * *", berlin(), utc(2026, 10, 25, 0), 2),
              (Texts{"2026-10-25 00:30:00", "2026-10-25 01:30:00"}));
}

TEST(Cron, refuses_with_field_value_rule_and_example) {
    const struct {
        const char* expression;
        const char* in_message;
        const char* in_detail;
    } cases[] = {
        {"", "empty", "five fields"},
        {"* * * *", "4 fields", "five fields"},
        {"*/5 * * * * *", "6 fields", "seconds"},
        {"@fortnightly", "@fortnightly", "@daily"},
        {"60 * * * *", "invalid minute \"60\"", "0 to 59"},
        {"* 24 * * *", "invalid hour \"24\"", "0 to 23"},
        {"* * 0 * *", "invalid day of month \"0\"", "1 to 31"},
        {"* * 32 * *", "invalid day of month \"32\"", "1 to 31"},
        {"* * * 13 *", "invalid month \"13\"", "JAN to DEC"},
        {"* * * * 8", "invalid day of week \"8\"", "Sunday"},
        {"* * * FOO *", "invalid month \"FOO\"", "JAN"},
        {"* JAN * * *", "invalid hour \"JAN\"", "0 to 23"},
        {"-5 * * * *", "invalid minute \"-5\"", "0 to 59"},
        {"1,,2 * * * *", "invalid minute \"\"", "empty"},
        {"1, * * * *", "invalid minute \"\"", "empty"},
        {"30-10 * * * *", "\"30-10\"", "backwards"},
        {"* 22-6 * * *", "\"22-6\"", "backwards"},
        {"5/10 * * * *", "\"5/10\"", "step"},
        {"*/0 * * * *", "\"*/0\"", "step"},
        {"*/90 * * * *", "\"*/90\"", "1 to 59"},
        {"*/ * * * *", "\"*/\"", "step"},
        {"*/2/3 * * * *", "\"*/2/3\"", "step"},
        {"1-2-3 * * * *", "\"1-2-3\"", "0 to 59"},
        {"+5 * * * *", "\"+5\"", "0 to 59"},
        {"99999999999999999999 * * * *", "invalid minute", "0 to 59"},
        {"* * ? * *", "\"?\"", "dialect"},
        {"L * * * *", "invalid minute \"L\"", "0 to 59"},
        {"* * L-3 * *", "\"L-3\"", "1 to 31"},
        {"0 0 30 2 *", "never", "days"},
        {"0 0 31 4,6,9,11 *", "never", "days"},
    };
    for (const auto& c : cases) {
        try {
            parse_cron(c.expression);
            ADD_FAILURE() << "accepted: " << c.expression;
        } catch (const CronError& e) {
            EXPECT_NE(e.message.find(c.in_message), std::string::npos) << c.expression << ": " << e.message;
            EXPECT_NE(e.detail.find(c.in_detail), std::string::npos) << c.expression << ": " << e.detail;
            EXPECT_FALSE(e.hint.empty()) << c.expression;
        }
    }
}

TEST(Cron, gives_hints_that_are_good_values) {
    const auto hint = [](const char* expression) -> std::string {
        try {
            parse_cron(expression);
        } catch (const CronError& e) {
            return e.hint;
        }
        return "accepted";
    };
    EXPECT_EQ(hint("* 22-6 * * *"), "Use 22-23,0-6.");
    EXPECT_EQ(hint("5/10 * * * *"), "Use 5-59/10.");
    EXPECT_EQ(hint("*/90 * * * *"), "Use */15.");
    EXPECT_EQ(hint("* * ? * *"), "Use *.");
    EXPECT_NO_THROW(parse_cron("0 22-23,0-6 * * *"));
    EXPECT_NO_THROW(parse_cron("5-59/10 * * * *"));
}

TEST(Cron, cuts_long_values_in_messages_between_characters) {
    std::string longest;
    for (int i = 0; i < 100; ++i) longest += "\xC3\xA4";
    try {
        parse_cron(longest + "Q * * * *");
        FAIL();
    } catch (const CronError& e) {
        EXPECT_LT(e.message.size(), 120U);
        EXPECT_EQ(e.message.find('Q'), std::string::npos);
        EXPECT_NE(e.message.find("\xC3\xA4...\""), std::string::npos);
    }
}

// Compares with the definitions, minute by minute, over clock changes of every kind.
TEST(Cron, agrees_with_a_walk_through_every_minute) {
    std::mt19937 random(20260101);
    const auto pick = [&](int low, int high) {
        return std::uniform_int_distribution<int>(low, high)(random);
    };
    for (int round = 0; round < 400; ++round) {
        const int first = pick(-16, 16) * 1800;
        const int change = (pick(0, 1) == 0 ? -1 : 1) * pick(1, 6) * 1800;
        const std::int64_t at = utc(2026, 6, pick(4, 5), pick(0, 23), pick(0, 1) * 30);
        const Zone zone = zone_of(first, {{at, first + change}, {at + 2 * 86400, first}});

        std::string expression = std::to_string(pick(0, 59)) + (pick(0, 1) == 0 ? " " : ",*/20 ");
        const int hours = pick(0, 3);
        expression += hours == 0   ? "*"
                      : hours == 1 ? "*/" + std::to_string(pick(2, 6))
                                   : std::to_string(pick(0, 23)) + "," + std::to_string(pick(0, 23));
        expression += pick(0, 3) == 0 ? " " + std::to_string(pick(1, 9)) + " 6 *" : " * * *";
        const Cron cron = parse_cron(expression);

        const std::int64_t start = utc(2026, 6, 3);
        const std::int64_t end = utc(2026, 6, 9);
        std::vector<std::int64_t> expected;
        std::int64_t reached = start + zone(start).offset;  // the latest reading the clock has shown so far
        for (std::int64_t t = start + 60; t < end; t += 60) {
            const std::int64_t local = t + zone(t).offset;
            bool due = false;
            if (cron.every_hour()) {
                due = next_local(cron, local, local + 1).has_value();
            } else if (local > reached) {  // readings passed for the first time, those of a gap included
                due = next_local(cron, reached + 1, local + 1).has_value();
            }
            reached = std::max(reached, local);
            if (due) expected.push_back(t);
        }

        std::vector<std::int64_t> found;
        for (auto t = next_instant(cron, zone, start); t && *t < end; t = next_instant(cron, zone, *t))
            found.push_back(*t);
        ASSERT_EQ(found, expected) << expression << " offset " << first << " change " << change << " at "
                                   << text(at);

        // From any instant in between, the answer is the next of the list.
        for (int i = 0; i < 20; ++i) {
            const std::int64_t after = start + pick(0, 5 * 86400);
            const auto expected_next = std::upper_bound(expected.begin(), expected.end(), after);
            if (expected_next == expected.end()) continue;
            ASSERT_EQ(text(next_instant(cron, zone, after)), text(*expected_next))
                << expression << " after " << text(after);
        }
    }
}
