#include "cron.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sentinel::core {

namespace {

constexpr std::int64_t day_seconds = 86400;
// After 400 years the calendar repeats, weekdays included: what has not come by then never does.
constexpr std::int64_t horizon = 146097 * day_seconds;

struct Field {
    const char* name;
    int low;
    int high;
    const char* example;
};

constexpr std::array<Field, 5> fields = {{
    {"minute", 0, 59, "0 or */15"},
    {"hour", 0, 23, "8 or 9-17"},
    {"day of month", 1, 31, "1 or L (the last day)"},
    {"month", 1, 12, "JAN or */3"},
    {"day of week", 0, 7, "MON-FRI or 0 (Sunday)"},
}};

enum { minute_field, hour_field, day_field, month_field, weekday_field };

constexpr std::array<std::string_view, 12> month_names = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct Nickname {
    std::string_view name;
    std::string_view expression;
};

constexpr std::array<Nickname, 7> nicknames = {{
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
}};

constexpr char whole_expression_hint[] =
    "Write minute, hour, day of month, month and day of week, for example \"30 8 * * MON-FRI\", or @daily.";

// Shorten a user's text for a message, never inside a UTF-8 character.
std::string shown(std::string_view text) {
    constexpr std::size_t limit = 60;
    if (text.size() <= limit) return "\"" + std::string(text) + "\"";
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return "\"" + std::string(text.substr(0, end)) + "...\"";
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool equal_names(std::string_view text, std::string_view name) {
    return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                      [](char a, char b) { return upper(a) == upper(b); });
}

[[noreturn]] void refuse(const Field& field, std::string_view value, const std::string& rule,
                         const std::string& hint = "") {
    throw CronError(std::string("invalid ") + field.name + " " + shown(value) + " in cron expression", rule,
                    hint.empty() ? std::string("Use for example ") + field.example + "." : hint);
}

// Read a decimal number of at most four digits.
std::optional<int> number(std::string_view text) {
    if (text.empty() || text.size() > 4 || !std::all_of(text.begin(), text.end(), is_digit))
        return std::nullopt;
    int value = 0;
    for (char c : text) value = value * 10 + (c - '0');
    return value;
}

template <std::size_t N>
std::optional<int> name_index(std::string_view text, const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i)
        if (equal_names(text, names[i])) return static_cast<int>(i);
    return std::nullopt;
}

std::string limits(const Field& field) {
    std::string rule = std::string("A ") + field.name + " is a number from " + std::to_string(field.low) +
                       " to " + std::to_string(field.high);
    if (field.high == 12) return rule + " or a name from JAN to DEC.";
    if (field.high == 7) return rule + " or a name from SUN to SAT; 0 and 7 are both Sunday.";
    return rule + ".";
}

// Read one value of a field: a number in its limits or a name.
int value_of(int index, std::string_view text, std::string_view item) {
    const Field& field = fields[index];
    if (text == "?") refuse(field, item, "The mark ? belongs to another dialect of cron.", "Use *.");
    std::optional<int> value = number(text);
    if (!value && index == month_field)
        if (auto month = name_index(text, month_names)) value = *month + 1;
    if (!value && index == weekday_field) value = name_index(text, weekday_names);
    if (!value || *value < field.low || *value > field.high) refuse(field, item, limits(field));
    return *value;
}

// Read one item of a list: *, a value or a range, each but the plain value with an optional step.
std::uint64_t bits_of(int index, std::string_view item) {
    const Field& field = fields[index];
    if (item.empty()) refuse(field, item, "An item of a list must not be empty.");
    const std::size_t slash = item.find('/');
    const std::string_view base = item.substr(0, slash);
    const std::size_t dash = base.find('-');
    const int high = index == weekday_field ? 6 : field.high;
    int from = field.low;
    int to = high;
    if (base != "*") {
        from = to = value_of(index, base.substr(0, dash), item);
        if (dash != std::string_view::npos) {
            to = value_of(index, base.substr(dash + 1), item);
            // FRI-SUN ends on the Sunday that follows.
            if (index == weekday_field && to == 0 && from > 0) to = 7;
            if (from > to)
                refuse(field, item, "A range must not run backwards.",
                       "Use " + std::to_string(from) + "-" + std::to_string(high) + "," +
                           std::to_string(field.low) + "-" + std::to_string(to) + ".");
        } else if (slash != std::string_view::npos) {
            refuse(field, item, "A step follows * or a range.",
                   "Use " + std::to_string(from) + "-" + std::to_string(high) +
                       (number(item.substr(slash + 1)) ? std::string(item.substr(slash)) : "/2") + ".");
        }
    }
    int step = 1;
    if (slash != std::string_view::npos) {
        const std::optional<int> given = number(item.substr(slash + 1));
        if (!given || *given < 1 || *given > high)
            refuse(field, item,
                   std::string("The step of a ") + field.name + " is a number from 1 to " +
                       std::to_string(high) + ".",
                   "Use */" + std::to_string(index == minute_field ? 15 : 2) + ".");
        step = *given;
    }
    std::uint64_t bits = 0;
    for (int value = from; value <= to; value += step) bits |= std::uint64_t{1} << value;
    return bits;
}

// Read a whole field, a list of items; `last_day` is set when L is among the days of the month.
std::uint64_t field_bits(int index, std::string_view text, bool* last_day) {
    std::uint64_t bits = 0;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        const std::string_view item = text.substr(start, comma - start);
        if (index == day_field && (item == "L" || item == "l"))
            *last_day = true;
        else
            bits |= bits_of(index, item);
        start = comma + 1;
    }
    return bits;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

bool is_leap(std::int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int month_length(std::int64_t year, int month) {
    constexpr std::array<int, 12> lengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : lengths[static_cast<std::size_t>(month - 1)];
}

// Count days since 1970-01-01.  Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
std::int64_t days_of(std::int64_t year, int month, int day) {
    year -= month <= 2;
    const std::int64_t era = floor_div(year, 400);
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

bool day_matches(const Cron& cron, std::int64_t day_number, int day, int length) {
    const auto weekday = static_cast<unsigned>(((day_number + 4) % 7 + 7) % 7);  // 1970-01-01 was a Thursday
    const bool by_day = (cron.days >> day & 1U) != 0 || (cron.last_day && day == length);
    const bool by_weekday = (cron.weekdays >> weekday & 1U) != 0;
    return cron.any_day || cron.any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

// Find the first matching minute of a day at or after `from` (minutes since midnight), or -1.
int minute_of_day(const Cron& cron, int from) {
    for (int hour = from / 60; hour < 24; ++hour) {
        if ((cron.hours >> hour & 1U) == 0) continue;
        for (int minute = hour == from / 60 ? from % 60 : 0; minute < 60; ++minute)
            if ((cron.minutes >> minute & 1U) != 0) return hour * 60 + minute;
    }
    return -1;
}

// Refuse days that none of the months has, such as 31 in April or 30 in February.
void refuse_impossible(const Cron& cron, std::string_view expression) {
    if (cron.last_day || (!cron.any_day && !cron.any_weekday)) return;
    for (int month = 1; month <= 12; ++month)
        if ((cron.months >> month & 1U) != 0)
            for (int day = 1; day <= month_length(2000, month); ++day)
                if ((cron.days >> day & 1U) != 0) return;
    throw CronError("cron expression " + shown(expression) + " never comes due",
                    "None of its months has any of its days of the month.",
                    "Use a day that the month has, or L for its last day.");
}

// Find the first instant at which the wall clock shows `local` or later.
std::optional<std::int64_t> first_instant(const Zone& zone, std::int64_t local) {
    std::int64_t start = local - day_seconds;
    for (;;) {
        const ZoneSpan span = zone(start);
        const std::int64_t instant = std::max(start, local - span.offset);
        if (!span.end || instant < *span.end) return instant;
        if (*span.end <= start) return std::nullopt;
        start = *span.end;
    }
}

}  // namespace

CronError::CronError(std::string message_, std::string detail_, std::string hint_)
    : message(std::move(message_)), detail(std::move(detail_)), hint(std::move(hint_)) {}

const char* CronError::what() const noexcept {
    return message.c_str();
}

bool Cron::every_hour() const noexcept {
    return hours == (1U << 24) - 1;
}

Cron parse_cron(std::string_view expression) {
    while (!expression.empty() && is_space(expression.front())) expression.remove_prefix(1);
    while (!expression.empty() && is_space(expression.back())) expression.remove_suffix(1);
    if (expression.empty())
        throw CronError("empty cron expression", "A cron expression has five fields.", whole_expression_hint);
    if (expression.front() == '@') {
        for (const Nickname& nickname : nicknames)
            if (equal_names(expression, nickname.name)) return parse_cron(nickname.expression);
        throw CronError("unknown cron nickname " + shown(expression),
                        "Known are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually.",
                        "Use @daily, or five fields such as \"0 0 * * *\".");
    }

    std::array<std::string_view, 5> parts;
    std::size_t count = 0;
    for (std::size_t i = 0; i < expression.size();) {
        std::size_t end = i;
        while (end < expression.size() && !is_space(expression[end])) ++end;
        if (count < parts.size()) parts[count] = expression.substr(i, end - i);
        ++count;
        i = end;
        while (i < expression.size() && is_space(expression[i])) ++i;
    }
    if (count != parts.size())
        throw CronError("cron expression " + shown(expression) + " has " + std::to_string(count) +
                            (count == 1 ? " field" : " fields"),
                        "A cron expression has five fields; seconds and years are not among them.",
                        whole_expression_hint);

    Cron cron;
    cron.minutes = field_bits(minute_field, parts[minute_field], nullptr);
    cron.hours = static_cast<std::uint32_t>(field_bits(hour_field, parts[hour_field], nullptr));
    cron.days = static_cast<std::uint32_t>(field_bits(day_field, parts[day_field], &cron.last_day));
    cron.months = static_cast<std::uint32_t>(field_bits(month_field, parts[month_field], nullptr));
    cron.weekdays = static_cast<std::uint32_t>(field_bits(weekday_field, parts[weekday_field], nullptr));
    cron.weekdays = (cron.weekdays | cron.weekdays >> 7) & 0x7FU;  // 7 is Sunday too
    cron.any_day = parts[day_field].front() == '*';
    cron.any_weekday = parts[weekday_field].front() == '*';
    refuse_impossible(cron, expression);
    return cron;
}

std::int64_t seconds_of(const Civil& civil) noexcept {
    return days_of(civil.year, civil.month, civil.day) * day_seconds + civil.hour * 3600 + civil.minute * 60 +
           civil.second;
}

Civil civil_of(std::int64_t seconds) noexcept {
    const std::int64_t day_number = floor_div(seconds, day_seconds);
    const auto rest = static_cast<int>(seconds - day_number * day_seconds);
    const std::int64_t shifted = day_number + 719468;
    const std::int64_t era = floor_div(shifted, 146097);
    const std::int64_t day_of_era = shifted - era * 146097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const auto month_index = static_cast<int>((5 * day_of_year + 2) / 153);
    const int day = static_cast<int>(day_of_year - (153 * month_index + 2) / 5) + 1;
    const int month = month_index + (month_index < 10 ? 3 : -9);
    return Civil{
        year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day, rest / 3600, rest / 60 % 60, rest % 60};
}

std::optional<std::int64_t> next_local(const Cron& cron, std::int64_t from, std::int64_t end) noexcept {
    from = floor_div(from + 59, 60) * 60;
    if (from >= end) return std::nullopt;
    const Civil start = civil_of(from);
    int first_minute = start.hour * 60 + start.minute;
    int day = start.day;
    std::int64_t year = start.year;
    for (int month = start.month;; day = 1, first_minute = 0) {
        const std::int64_t month_start = days_of(year, month, 1);
        if (month_start * day_seconds >= end) return std::nullopt;
        if ((cron.months >> month & 1U) != 0) {
            const int length = month_length(year, month);
            for (; day <= length; ++day, first_minute = 0) {
                const std::int64_t day_number = month_start + day - 1;
                if (day_number * day_seconds >= end) return std::nullopt;
                if (!day_matches(cron, day_number, day, length)) continue;
                const int minute = minute_of_day(cron, first_minute);
                if (minute < 0) continue;
                const std::int64_t found = day_number * day_seconds + std::int64_t{minute} * 60;
                return found < end ? std::optional<std::int64_t>(found) : std::nullopt;
            }
        }
        year += month == 12 ? 1 : 0;
        month = month == 12 ? 1 : month + 1;
    }
}

std::optional<std::int64_t> next_instant(const Cron& cron, const Zone& zone, std::int64_t after) {
    if (cron.every_hour()) {
        // Real time: within one span the wall clock is UTC plus a constant.
        for (std::int64_t start = after + 1; start <= after + horizon;) {
            const ZoneSpan span = zone(start);
            const std::int64_t end = std::min(span.end.value_or(after + horizon + 1), after + horizon + 1);
            if (auto local = next_local(cron, start + span.offset, end + span.offset))
                return *local - span.offset;
            if (!span.end || *span.end <= start) return std::nullopt;
            start = *span.end;
        }
        return std::nullopt;
    }
    // Wall-clock time: first_instant never decreases, so the first match later than `after` is the answer.
    const std::int64_t local_now = after + zone(after).offset;
    for (std::int64_t from = local_now; from <= local_now + horizon;) {
        const std::optional<std::int64_t> local = next_local(cron, from, local_now + horizon);
        if (!local) return std::nullopt;
        const std::optional<std::int64_t> instant = first_instant(zone, *local);
        if (!instant || *instant > after) return instant;
        from = *local + 60;
    }
    return std::nullopt;
}

}  // namespace sentinel::core
