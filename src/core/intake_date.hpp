// Dates as people write them in spreadsheets and forms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sentinel::core {

// What a text says about a time. A fault leaves the seconds at 0; reason and hint are ready to be shown.
struct IntakeDate {
    std::int64_t seconds = 0;  // since 1970-01-01 00:00 UTC
    std::string fault;         // empty, or bad_date
    std::string reason;
    std::string hint;
};

// Read 2026-03-31, 2026-03-31T12:00:00+02:00, 20260331, 31.03.2026, 31/03/2026, 03/31/2026, 31 Mar 2026,
// March 31, 2026, each with an optional time of day; without a zone it is UTC. Years 1900 to 2100.
// 03/04/2026 is refused: it is two different days.
IntakeDate parse_intake_date(std::string_view text);

}  // namespace sentinel::core
