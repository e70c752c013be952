#include "core/intake_date.hpp"

#include <array>
#include <optional>

#include "core/cron.hpp"
#include "core/unicode.hpp"

namespace sentinel::core {

namespace {

constexpr int kFirstYear = 1900;
constexpr int kLastYear = 2100;
constexpr std::size_t kLongestDate = 64;

// A text being read from the front; each take moves past what it took, or leaves the text as it is.
struct Scanner {
    std::string_view rest;

    bool take(char c) {
        if (rest.empty() || rest.front() != c) return false;
        rest.remove_prefix(1);
        return true;
    }

    void take_blanks() {
        while (take(' ')) {
        }
    }

    // Take a number of at least `fewest` and at most `most` digits.
    std::optional<int> number(std::size_t fewest, std::size_t most) {
        std::size_t length = 0;
        int value = 0;
        while (length < rest.size() && length < most && rest[length] >= '0' && rest[length] <= '9') {
            value = value * 10 + (rest[length++] - '0');
        }
        if (length < fewest) return std::nullopt;
        rest.remove_prefix(length);
        return value;
    }

    // Take the English name of a month, whole or its first three letters.
    std::optional<int> month() {
        static constexpr std::array<std::string_view, 12> names = {
            "january", "february", "march",     "april",   "may",      "june",
            "july",    "august",   "september", "october", "november", "december"};
        std::size_t length = 0;
        while (length < rest.size() && rest[length] >= 'a' && rest[length] <= 'z') ++length;
        const std::string_view word = rest.substr(0, length);
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (word.size() < 3 || word != names[i].substr(0, word.size())) continue;
            rest.remove_prefix(length);
            return static_cast<int>(i) + 1;
        }
        return std::nullopt;
    }
};

enum class Verdict { kDate, kNoDate, kAmbiguous };

// Read the digits-only forms that begin with the year or the day.
Verdict read_numeric(Scanner& in, Civil& date) {
    const Scanner start = in;
    if (const auto year = in.number(4, 4)) {
        char separator = 0;
        for (const char c : {'-', '/', '.'}) separator = in.take(c) ? c : separator;
        const auto month = in.number(separator == 0 ? 2 : 1, 2);
        if (!month || (separator != 0 && !in.take(separator))) return Verdict::kNoDate;
        const auto day = in.number(separator == 0 ? 2 : 1, 2);
        if (!day) return Verdict::kNoDate;
        date.year = *year, date.month = *month, date.day = *day;
        return Verdict::kDate;
    }
    in = start;
    const auto first = in.number(1, 2);
    if (!first) return Verdict::kNoDate;
    char separator = 0;
    for (const char c : {'.', '/', '-'}) separator = separator == 0 && in.take(c) ? c : separator;
    if (separator == 0) return Verdict::kNoDate;
    const auto second = in.number(1, 2);
    if (!second || !in.take(separator)) return Verdict::kNoDate;
    const auto year = in.number(4, 4);
    if (!year) return Verdict::kNoDate;
    date.year = *year;
    const bool day_first = separator == '.' || *first > 12 || *first == *second;
    if (!day_first && *second <= 12) return Verdict::kAmbiguous;
    date.day = day_first ? *first : *second;
    date.month = day_first ? *second : *first;
    return Verdict::kDate;
}

// Read "31 mar 2026", "31-mar-2026" and "march 31, 2026".
bool read_named(Scanner& in, Civil& date) {
    const auto gap = [&] {
        in.take_blanks();
        if (in.take('-') || in.take(',') || in.take('.')) in.take_blanks();
    };
    auto month = in.month();
    if (month) gap();
    const auto day = in.number(1, 2);
    gap();
    if (!month) {
        month = in.month();
        gap();
    }
    const auto year = in.number(4, 4);
    if (!day || !month || !year) return false;
    date.year = *year, date.month = *month, date.day = *day;
    return true;
}

// Read an optional time of day and zone; the offset is taken off the result by the caller.
bool read_clock(Scanner& in, Civil& date, std::int64_t& offset) {
    if (in.rest.empty()) return true;
    if (!in.take('t') && !in.take(' ')) return false;
    in.take_blanks();
    const auto hour = in.number(1, 2);
    if (!hour || !in.take(':')) return false;
    const auto minute = in.number(2, 2);
    if (!minute) return false;
    std::optional<int> second = 0;
    if (in.take(':')) {
        second = in.number(2, 2);
        if (!second) return false;
        if (in.take('.') && !in.number(1, 9)) return false;
    }
    in.take_blanks();
    int shown = *hour;
    if (in.rest.substr(0, 2) == "am" || in.rest.substr(0, 2) == "pm") {
        if (shown < 1 || shown > 12) return false;
        shown = shown % 12 + (in.rest.front() == 'p' ? 12 : 0);
        in.rest.remove_prefix(2);
    }
    if (shown > 23 || *minute > 59 || *second > 59) return false;
    date.hour = shown, date.minute = *minute, date.second = *second;
    if (in.take('z')) return in.rest.empty();
    if (in.rest.substr(0, 3) == "utc" || in.rest.substr(0, 3) == "gmt") in.rest.remove_prefix(3);
    if (in.rest.empty()) return true;
    const int sign = in.take('-') ? -1 : (in.take('+') ? 1 : 0);
    if (sign == 0) return false;
    const auto hours = in.number(1, 2);
    in.take(':');
    const auto minutes = in.rest.empty() ? std::optional<int>(0) : in.number(2, 2);
    if (!hours || !minutes || *hours > 15 || *minutes > 59) return false;
    offset = sign * (*hours * 3600 + *minutes * 60);
    return in.rest.empty();
}

IntakeDate refuse(std::string_view text, const std::string& why, const char* hint) {
    IntakeDate bad;
    bad.fault = "bad_date";
    bad.reason = "\"" + std::string(unicode_clip(text, kLongestDate)) + "\" " + why;
    bad.hint = hint;
    return bad;
}

}  // namespace

IntakeDate parse_intake_date(std::string_view text) {
    const std::string lower = unicode_lower(unicode_trim(text));
    constexpr const char* example = "write it as 2026-03-31";
    if (lower.size() > kLongestDate) return refuse(text, "is no date", example);
    Civil date{0, 0, 0, 0, 0, 0};
    std::int64_t offset = 0;
    Scanner in{lower};
    const Verdict verdict = read_numeric(in, date);
    if (verdict == Verdict::kAmbiguous) return refuse(text, "may be two different days", example);
    if (verdict == Verdict::kNoDate) {
        in.rest = lower;
        if (!read_named(in, date)) return refuse(text, "is no date", example);
    }
    if (!read_clock(in, date, offset))
        return refuse(text, "is no date", "write it as 2026-03-31 or 2026-03-31T14:30:00Z");
    if (date.year < kFirstYear || date.year > kLastYear) {
        return refuse(text, "is outside the years 1900 to 2100", example);
    }
    if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31) {
        return refuse(text, "is no day of the calendar", example);
    }
    IntakeDate good;
    good.seconds = seconds_of(date);
    const Civil back = civil_of(good.seconds);
    if (back.day != date.day || back.month != date.month)
        return refuse(text, "is no day of the calendar", example);
    good.seconds -= offset;
    return good;
}

}  // namespace sentinel::core
