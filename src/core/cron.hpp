// Cron expressions: parsing, and the next instant at which one is due in a time zone.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Say why an expression was refused; the three texts fit an SQL error's message, detail and hint.
struct CronError : std::exception {
    std::string message;  // names the field and the value
    std::string detail;   // the rule that the value breaks
    std::string hint;     // a good value

    CronError(std::string message_, std::string detail_, std::string hint_);
    const char* what() const noexcept override;
};

// Hold a parsed expression as one bit set per field; bit n stands for value n.
struct Cron {
    std::uint64_t minutes = 0;
    std::uint32_t hours = 0;
    std::uint32_t days = 0;  // of the month, bits 1 to 31
    std::uint32_t months = 0;
    std::uint32_t weekdays = 0;  // bits 0 to 6, Sunday is 0
    bool last_day = false;       // L was among the days of the month
    bool any_day = false;        // the field began with *: days and weekdays must then both match,
    bool any_weekday = false;    // else either is enough (the rule of Vixie cron)

    // Tell whether every hour of the day is meant; such schedules follow real time over a clock change.
    bool every_hour() const noexcept;
};

// Parse five fields, or one of @hourly @daily @midnight @weekly @monthly @yearly @annually.
// Throws CronError, also for an expression that no day of any year matches (30 February).
Cron parse_cron(std::string_view expression);

// Name a date and time of day as a wall clock shows it, proleptic Gregorian.
struct Civil {
    std::int64_t year;
    int month, day, hour, minute, second;
};

// Count the seconds from 1970-01-01 00:00 to a wall-clock reading, both on the same clock.
std::int64_t seconds_of(const Civil& civil) noexcept;

// Turn such a count back into fields.
Civil civil_of(std::int64_t seconds) noexcept;

// Find the first matching wall-clock minute at or after `from` and before `end`, all in wall-clock seconds.
std::optional<std::int64_t> next_local(const Cron& cron, std::int64_t from, std::int64_t end) noexcept;

// Describe a stretch of time with one offset from UTC.
struct ZoneSpan {
    std::int64_t offset;              // seconds, positive to the east
    std::optional<std::int64_t> end;  // first instant (seconds since 1970 UTC) that may have another offset
};

// Answer which span holds an instant; offsets stay below 24 h.  What it throws passes through.
using Zone = std::function<ZoneSpan(std::int64_t instant)>;

// Find the first due instant after `after`, in seconds since 1970 UTC; none within 400 years gives nullopt.
//
// Over a clock change an expression with a restricted hour runs once per wall-clock minute that it names:
// what the clock skips runs at the first instant after the gap, what the clock shows twice runs the first
// time.  An expression for every hour runs in every real hour.
std::optional<std::int64_t> next_instant(const Cron& cron, const Zone& zone, std::int64_t after);

}  // namespace sentinel::core
