#include "core/csv.hpp"

#include <algorithm>

#include "core/unicode.hpp"

namespace sentinel::core {

namespace {

constexpr std::size_t kSampleLength = 40;

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

bool is_blank(const CsvRecord& record) {
    return std::all_of(record.cells.begin(), record.cells.end(),
                       [](const std::string& cell) { return unicode_trim(cell).empty(); });
}

// Show a damaged cell as Windows-1252 would read it: the usual truth behind bytes that are not UTF-8.
std::string encoding_hint(const CsvRecord& record) {
    std::string sample;
    for (const std::string& cell : record.cells) {
        if (is_utf8(cell)) continue;
        sample = unicode_clip(windows1252_to_utf8(unicode_trim(cell)), kSampleLength);
        break;
    }
    std::string hint = "save the file as UTF-8";
    if (!sample.empty()) hint += "; in Windows-1252 the cell would read \"" + sample + "\"";
    return hint;
}

}  // namespace

CsvReader::CsvReader(std::string_view bytes) {
    find_encoding(bytes);
    if (!text_.empty() && text_.back() == '\x1A') text_.remove_suffix(1);  // end-of-file mark of DOS
    find_delimiter();
}

void CsvReader::find_encoding(std::string_view bytes) {
    const auto zero = [&](std::size_t at) { return bytes[at] == '\0'; };
    const bool wide = bytes.size() >= 4;
    if (starts_with(bytes, "\xEF\xBB\xBF")) {
        format_.encoding = "UTF-8 with BOM";
        text_ = bytes.substr(3);
    } else if (starts_with(bytes, "\xFF\xFE")) {
        format_.encoding = "UTF-16LE";
        decoded_ = utf16_to_utf8(bytes.substr(2), true);
        text_ = decoded_;
    } else if (starts_with(bytes, "\xFE\xFF")) {
        format_.encoding = "UTF-16BE";
        decoded_ = utf16_to_utf8(bytes.substr(2), false);
        text_ = decoded_;
    } else if (wide && !zero(0) && zero(1) && !zero(2) && zero(3)) {
        format_.encoding = "UTF-16LE";
        decoded_ = utf16_to_utf8(bytes, true);
        text_ = decoded_;
    } else if (wide && zero(0) && !zero(1) && zero(2) && !zero(3)) {
        format_.encoding = "UTF-16BE";
        decoded_ = utf16_to_utf8(bytes, false);
        text_ = decoded_;
    } else {
        format_.encoding = is_utf8(bytes) ? "UTF-8" : "not UTF-8";
        text_ = bytes;
    }
}

// Count the candidates outside quotes in the header; the most frequent wins, a comma on a tie.
void CsvReader::find_delimiter() {
    // Excel's own way to say it, a line of its own.
    if (starts_with(text_, "sep=") && text_.size() > 4 &&
        std::string_view(",;\t").find(text_[4]) != std::string_view::npos) {
        const std::size_t line_end = text_.find_first_of("\r\n");
        if (line_end == 5 || text_.size() == 5) {
            format_.delimiter = text_[4];
            at_ = 5;
            skip_line_end();
            return;
        }
    }
    std::size_t commas = 0;
    std::size_t semicolons = 0;
    std::size_t tabs = 0;
    bool quoted = false;
    bool content = false;
    for (const char c : text_.substr(0, 4 * kLongestCell)) {
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == '\n' || c == '\r') {
            if (content) break;
            continue;
        }
        content = content || (c != ' ' && c != '\t');
        commas += c == ',' ? 1 : 0;
        semicolons += c == ';' ? 1 : 0;
        tabs += c == '\t' ? 1 : 0;
    }
    if (semicolons > commas && semicolons >= tabs) {
        format_.delimiter = ';';
    } else if (tabs > commas) {
        format_.delimiter = '\t';
    }
}

bool CsvReader::at_line_end() const {
    return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
}

void CsvReader::skip_line_end() {
    if (at_ >= text_.size()) return;
    at_ += text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n' ? 2 : 1;
    ++line_;
}

void CsvReader::skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || (text_[at_] == '\t' && format_.delimiter != '\t')))
        ++at_;
}

std::size_t CsvReader::next_line(std::size_t from) const {
    const std::size_t end = text_.find_first_of("\r\n", from);
    if (end == std::string_view::npos) return text_.size();
    return end + (text_[end] == '\r' && end + 1 < text_.size() && text_[end + 1] == '\n' ? 2 : 1);
}

void CsvReader::fail(CsvRecord& record, const char* fault, std::string reason, std::string hint) const {
    record.fault = fault;
    record.reason = std::move(reason);
    record.hint = std::move(hint);
}

void CsvReader::resume_after(CsvRecord& record, const Quote& quote) {
    at_ = quote.resume;
    line_ = quote.line + 1;
    const auto start = static_cast<std::size_t>(record.raw.data() - text_.data());
    std::string_view raw = text_.substr(start, at_ - start);
    if (!raw.empty() && raw.back() == '\n') raw.remove_suffix(1);
    if (!raw.empty() && raw.back() == '\r') raw.remove_suffix(1);
    record.raw = raw;
}

// Read a cell whose opening quote is at hand; false when the record is broken and reading resumes elsewhere.
// A quote that closes nothing shows that an earlier one was never closed, so the row where that one opened is
// the broken one and the lines behind it are read afresh. Each rescan ends at a quote behind the one before:
// linear.
bool CsvReader::read_quoted(CsvRecord& record, Quote& quote) {
    quote.line = line_;
    const std::size_t opened = at_++;
    std::string cell;
    std::size_t length = 0;
    const auto add = [&](std::size_t from, std::size_t to) {
        length += to - from;
        if (cell.size() < kLongestCell)
            cell.append(text_, from, std::min(to - from, kLongestCell - cell.size()));
    };
    for (;;) {
        const std::size_t stop = text_.find('"', at_);
        const std::size_t end = std::min(stop, text_.size());
        for (std::size_t i = at_; i < end; ++i) {
            if (text_[i] == '\n' || (text_[i] == '\r' && (i + 1 >= text_.size() || text_[i + 1] != '\n')))
                ++line_;
        }
        add(at_, end);
        if (stop == std::string_view::npos) {
            quote.resume = next_line(opened);
            resume_after(record, quote);
            fail(record, "unclosed_quote",
                 "a quote opened on line " + std::to_string(quote.line) + " is never closed",
                 "close the quote, or write a quote inside a cell twice: \"\"");
            return false;
        }
        at_ = stop + 1;
        if (at_ >= text_.size() || text_[at_] != '"') break;
        add(stop, stop + 1);
        ++at_;
    }
    if (line_ != quote.line) {
        quote.resume = next_line(opened);
        last_multiline_ = quote;
    }
    skip_blanks();
    if (!at_line_end() && text_[at_] != format_.delimiter) {
        quote.resume = next_line(opened);
        resume_after(record, quote);
        fail(record, "text_after_quote", "text follows a closing quote, or a quote was never closed",
             "put the whole cell in quotes and write a quote inside it twice: \"\"");
        return false;
    }
    longest_ = std::max(longest_, length);
    record.cells.push_back(std::move(cell));
    return true;
}

void CsvReader::read_plain(CsvRecord& record) {
    const char stops[] = {format_.delimiter, '\n', '\r'};
    const std::size_t end = std::min(text_.find_first_of(std::string_view(stops, 3), at_), text_.size());
    const std::string_view cell = text_.substr(at_, end - at_);
    longest_ = std::max(longest_, cell.size());
    record.cells.emplace_back(cell.substr(0, kLongestCell));
    at_ = end;
}

void CsvReader::read_record(CsvRecord& record) {
    record.line = line_;
    record.cells.clear();
    record.fault.clear();
    record.reason.clear();
    record.hint.clear();
    record.raw = text_.substr(at_, 0);
    longest_ = 0;
    last_multiline_ = Quote{};
    const std::size_t start = at_;
    for (;;) {
        const std::size_t cell_start = at_;
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == '"') {
            Quote quote;
            if (!read_quoted(record, quote)) return;
        } else {
            at_ = cell_start;
            read_plain(record);
        }
        if (at_line_end()) break;
        ++at_;  // the delimiter
        if (record.cells.size() > kMostColumns) {
            at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
            break;
        }
    }
    record.raw = text_.substr(start, at_ - start);
    skip_line_end();
}

// Judge a record that was read whole; false when a quote has swallowed other rows, which are then read
// afresh.
bool CsvReader::judge(CsvRecord& record) const {
    const std::size_t found = record.cells.size();
    if (record.raw.find('\0') != std::string_view::npos) {
        fail(record, "nul_byte", "the row has a NUL byte", "export the file again as UTF-8 text");
    } else if (columns_ != 0 && !is_utf8(record.raw)) {
        fail(record, "not_utf8", "the row is not UTF-8", encoding_hint(record));
    } else if (longest_ > kLongestCell) {
        fail(record, "cell_too_long",
             "a cell has " + std::to_string(longest_) + " bytes, at most " + std::to_string(kLongestCell) +
                 " are taken",
             "shorten the cell; if it holds several rows, a quote before it was not closed");
    } else if (found > kMostColumns || (columns_ != 0 && found > columns_)) {
        fail(record, "too_many_columns",
             std::to_string(found) + (found > kMostColumns ? " or more" : "") + " columns, " +
                 (columns_ == 0 ? "at most " + std::to_string(kMostColumns) + " are taken"
                                : "the header has " + std::to_string(columns_)),
             std::string("put cells that contain '") +
                 (format_.delimiter == '\t' ? "\\t" : std::string(1, format_.delimiter)) + "' in quotes");
    } else if (columns_ != 0 && found < columns_) {
        fail(record, "too_few_columns",
             std::to_string(found) + (found == 1 ? " column" : " columns") + ", the header has " +
                 std::to_string(columns_),
             "write empty cells too; put cells with line breaks in quotes");
    } else {
        return true;
    }
    const bool columns_differ = record.fault == "too_many_columns" || record.fault == "too_few_columns";
    return !(columns_differ && last_multiline_.resume != 0);
}

bool CsvReader::next(CsvRecord& record) {
    while (at_ < text_.size()) {
        read_record(record);
        if (record.fault.empty()) {
            if (is_blank(record)) continue;
            // Empty cells behind the last column are a spreadsheet's habit and say nothing.
            while (columns_ != 0 && record.cells.size() > columns_ &&
                   unicode_trim(record.cells.back()).empty()) {
                record.cells.pop_back();
            }
            if (!judge(record)) resume_after(record, last_multiline_);
        }
        if (columns_ == 0) {
            if (record.fault.empty() && !is_utf8(record.raw)) {
                for (std::string& cell : record.cells) {
                    if (!is_utf8(cell)) cell = windows1252_to_utf8(cell);
                }
            }
            columns_ = std::max<std::size_t>(record.cells.size(), 1);
            if (!record.fault.empty()) at_ = text_.size();  // without a header no row can be told
        }
        return true;
    }
    return false;
}

}  // namespace sentinel::core
