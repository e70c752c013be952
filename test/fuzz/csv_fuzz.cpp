// Reads any bytes as a CSV file; checks that lines only grow, that good rows fit the header and can become a
// payload.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "core/csv.hpp"
#include "core/intake_row.hpp"
#include "core/unicode.hpp"

using namespace sentinel::core;

namespace {

constexpr std::string_view kFields[] = {"name",       "email", "created_at", "employee_count",
                                        "deal_value", "notes", "extra:x"};

void check_row(const CsvRecord& record) {
    std::vector<std::string_view> cells(record.cells.begin(), record.cells.end());
    std::vector<std::string_view> fields;
    std::vector<IntakeField> row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        fields.push_back(kFields[i % 7]);
        row.emplace_back(fields.back(), cells[i]);
        if (!is_utf8(cells[i]) || cells[i].find('\0') != std::string_view::npos) std::abort();
        if (cells[i].size() > CsvReader::kLongestCell) std::abort();
    }
    const std::string json = intake_payload(cells, fields);
    if (json.front() != '{' || json.back() != '}' || !is_utf8(json)) std::abort();
    const auto fault = judge_intake(row);
    if (fault && (fault->code.empty() || fault->reason.empty() || !is_utf8(fault->reason))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    CsvReader reader(text);
    CsvRecord record;
    std::size_t line = 0;
    std::size_t columns = 0;
    while (reader.next(record)) {
        if (record.line <= line) std::abort();
        line = record.line;
        if (columns == 0) {
            columns = record.cells.size() + 1;
            continue;
        }
        if (!record.fault.empty()) {
            if (record.reason.empty() || record.hint.empty()) std::abort();
            continue;
        }
        if (record.cells.size() + 1 != columns) std::abort();
        check_row(record);
    }
    return 0;
}
