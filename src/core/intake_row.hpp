// What intake takes from a row: fields out of cells, and whether the row can be used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sentinel::core {

// Why a row is refused: a stable code, a sentence that names the value, and what to do.
struct IntakeFault {
    std::string code;
    std::string reason;
    std::string hint;
};

// A field's name and its text; a text without characters counts as missing.
using IntakeField = std::pair<std::string_view, std::string_view>;

// The fields that judge_intake() looks at.
inline constexpr std::string_view kIntakeFields[] = {
    "name",         "first_name",     "last_name",    "email",        "phone",
    "company_name", "domain",         "profile_link", "industry",     "location",
    "platform",     "lead_source",    "temperature",  "revenue_band", "currency",
    "created_at",   "employee_count", "deal_value",   "notes"};

// Write a row's payload as a JSON object. fields[i] names the field of cells[i]: empty passes the cell over,
// `extra:x` puts it under "extra" as x. Cells are trimmed and left out when empty; the first cell of a field
// wins, several notes are joined by " | "; "n/a" and "-" count as empty where an identifier is expected;
// first and last name make a name. Cells must be UTF-8 without NUL.
std::string intake_payload(const std::vector<std::string_view>& cells,
                           const std::vector<std::string_view>& fields);

// Tell why a row cannot be used; nothing when it can. A row needs a name or an identifier, and each field
// that is checked (e-mail, created_at, employee_count, deal_value, lengths) must be sound. Other fields are
// not looked at.
std::optional<IntakeFault> judge_intake(const std::vector<IntakeField>& fields);

// Read a count as people write it: 1,200 is 1200; of 11-50 and 1000+ the lower bound counts. Nothing when it
// is none or not between 0 and 2^31 - 1.
std::optional<int> parse_count(std::string_view text);

// Read the sign of an amount such as -5, (5.00), 1.234,50 EUR, $3k; nothing when the text is no amount.
std::optional<int> amount_sign(std::string_view text);

}  // namespace sentinel::core
