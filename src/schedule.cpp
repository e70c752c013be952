// Room schedule: cron expressions over the server's own time zones.
#include "core/cron.hpp"
#include "pg/text.hpp"

namespace core = sentinel::core;
namespace pg = sentinel::pg;
using sentinel::Failure;

namespace {

// Seconds from 1970-01-01, the C library's epoch, to 2000-01-01, the server's.
constexpr std::int64_t kEpochShift =
    (std::int64_t{POSTGRES_EPOCH_JDATE} - std::int64_t{UNIX_EPOCH_JDATE}) * SECS_PER_DAY;

std::int64_t floor_seconds(TimestampTz instant) {
    std::int64_t seconds = instant / USECS_PER_SEC;
    if (instant % USECS_PER_SEC < 0) --seconds;
    return seconds + kEpochShift;
}

core::Cron parsed(std::string_view expression) {
    try {
        return core::parse_cron(expression);
    } catch (const core::CronError& refused) {
        throw Failure("22023", refused.message, refused.detail, refused.hint);
    }
}

// Find the server's time zone of that name; its cache owns it for the life of the session.
pg_tz* zone_named(std::string_view name) {
    pg_tz* zone = nullptr;
    if (!name.empty() && name.size() <= TZ_STRLEN_MAX) {
        const char* terminated = pg::c_string(name);
        zone = pg::server([&] { return pg_tzset(terminated); });
    }
    if (zone == nullptr || !pg_tz_acceptable(zone))
        throw Failure("22023", "unknown time zone \"" + std::string(name.substr(0, TZ_STRLEN_MAX)) + "\"",
                      "A time zone is a name that the server knows, see pg_catalog.pg_timezone_names.",
                      "Use for example Europe/Berlin.");
    return zone;
}

// Answer which stretch of constant offset holds an instant. The calls are plain C: they raise no error.
core::ZoneSpan span_at(const pg_tz* zone, std::int64_t instant) {
    pg_time_t time = instant;
    pg_time_t boundary = 0;
    long int offset = 0;
    long int next_offset = 0;
    int is_dst = 0;
    int next_is_dst = 0;
    switch (pg_next_dst_boundary(&time, &offset, &is_dst, &boundary, &next_offset, &next_is_dst, zone)) {
        case 1:
            return {offset, boundary};
        case 0:
            return {offset, std::nullopt};
        default:
            throw Failure("22008", "timestamp out of range", "The time zone has no offset for that instant.",
                          "Ask for an instant of this century.");
    }
}

}  // namespace

SENTINEL_FUNCTION(sentinel_cron_next) {
    const TimestampTz after = PG_GETARG_TIMESTAMPTZ(2);
    const core::Cron cron = parsed(pg::view(PG_GETARG_DATUM(0)));
    const pg_tz* zone = zone_named(pg::view(PG_GETARG_DATUM(1)));
    if (TIMESTAMP_NOT_FINITE(after)) PG_RETURN_NULL();

    const auto next = core::next_instant(
        cron, [zone](std::int64_t instant) { return span_at(zone, instant); }, floor_seconds(after));
    constexpr std::int64_t end = END_TIMESTAMP / USECS_PER_SEC + kEpochShift;
    if (!next || *next >= end) PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ((*next - kEpochShift) * USECS_PER_SEC);
}

SENTINEL_FUNCTION(sentinel_cron_valid) {
    try {
        core::parse_cron(pg::view(PG_GETARG_DATUM(0)));
    } catch (const core::CronError&) {
        PG_RETURN_BOOL(false);
    }
    PG_RETURN_BOOL(true);
}
