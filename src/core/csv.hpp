// A CSV reader for files as people send them: it finds encoding and delimiter itself, and one broken row
// costs that row only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sentinel::core {

// How a file is written, found from its first bytes and its header.
struct CsvFormat {
    char delimiter = ',';            // one of , ; tab
    std::string encoding = "UTF-8";  // or "UTF-8 with BOM", "UTF-16LE", "UTF-16BE", "not UTF-8"
};

// One record. A fault leaves the cells incomplete; its three texts fit an SQL error's code, message and hint.
struct CsvRecord {
    std::size_t line = 0;  // physical line on which it begins, from 1
    std::vector<std::string> cells;
    std::string_view raw;  // its bytes without the line end, within the reader's text
    std::string fault;     // empty: none
    std::string reason;
    std::string hint;
};

// Read RFC 4180 records one after the other. Lines end with CRLF, LF or CR. The first record is the header,
// whose number of columns the others must have; blank rows are passed over. Reading is linear in the size of
// the file.
class CsvReader {
 public:
    static constexpr std::size_t kLongestCell = 64 * 1024;  // bytes of UTF-8
    static constexpr std::size_t kMostColumns = 1000;

    // Keeps a view of `bytes`, which must outlive the reader; UTF-16 is decoded into a copy.
    explicit CsvReader(std::string_view bytes);

    const CsvFormat& format() const { return format_; }

    // Read the next record; false at the end.
    bool next(CsvRecord& record);

 private:
    struct Quote {
        std::size_t line = 0;    // on which it opened
        std::size_t resume = 0;  // start of the line after
    };

    void find_encoding(std::string_view bytes);
    void find_delimiter();
    void read_record(CsvRecord& record);
    bool read_quoted(CsvRecord& record, Quote& quote);
    void read_plain(CsvRecord& record);
    bool judge(CsvRecord& record) const;
    void fail(CsvRecord& record, const char* fault, std::string reason, std::string hint) const;
    void resume_after(CsvRecord& record, const Quote& quote);
    bool at_line_end() const;
    void skip_line_end();
    void skip_blanks();
    std::size_t next_line(std::size_t from) const;

    std::string decoded_;  // owns the text of a UTF-16 file
    std::string_view text_;
    CsvFormat format_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t columns_ = 0;  // of the header; 0 before it was read
    std::size_t longest_ = 0;  // longest cell of the record at hand, in bytes
    Quote last_multiline_;     // last quoted cell of the record that went over a line end
};

}  // namespace sentinel::core
