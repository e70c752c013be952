#include "core/csv.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/intake_date.hpp"
#include "core/intake_row.hpp"

using namespace sentinel::core;
using namespace std::string_literals;

namespace {

// One record as `line:cell|cell` or `line!fault`.
std::vector<std::string> read(const std::string& file) {
    CsvReader reader(file);
    std::vector<std::string> out;
    CsvRecord record;
    while (reader.next(record)) {
        std::string shown = std::to_string(record.line);
        if (!record.fault.empty()) {
            shown += "!" + record.fault;
            EXPECT_FALSE(record.reason.empty());
            EXPECT_FALSE(record.hint.empty());
        } else {
            for (std::size_t i = 0; i < record.cells.size(); ++i)
                shown += (i == 0 ? ":" : "|") + record.cells[i];
        }
        out.push_back(shown);
    }
    return out;
}

using Rows = std::vector<std::string>;

}  // namespace

TEST(Csv, ReadsQuotesLineEndsAndBlankRows) {
    EXPECT_EQ(read("a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n,\r\n2,\n3,c\rd,e"),
              (Rows{"1:a|b", "2:1|x, \"y\"\nz", "6:2|", "7:3|c", "8:d|e"}));
    EXPECT_EQ(read("a,b\n 1 , \"q\" \n"), (Rows{"1:a|b", "2: 1 |q"}));
    EXPECT_EQ(read("a,b\nsay \"hi\",2"), (Rows{"1:a|b", "2:say \"hi\"|2"}));
    EXPECT_EQ(read("a,b\n1,2,,\n"), (Rows{"1:a|b", "2:1|2"}));
    EXPECT_EQ(read("a,b\n1,2\x1A"), (Rows{"1:a|b", "2:1|2"}));
    EXPECT_TRUE(read("").empty());
    EXPECT_TRUE(read("\n\n  \n,,\n").empty());
}

TEST(Csv, FindsTheDelimiter) {
    const auto delimiter = [](const std::string& file) { return CsvReader(file).format().delimiter; };
    EXPECT_EQ(delimiter("a,b,c\n"), ',');
    EXPECT_EQ(delimiter("a;b;c\n1,5;2;3\n"), ';');
    EXPECT_EQ(delimiter("a\tb\n"), '\t');
    EXPECT_EQ(delimiter("\"a,b,c\";d\n"), ';');
    EXPECT_EQ(delimiter("a\n"), ',');
    EXPECT_EQ(delimiter("sep=;\na,b\n"), ';');
    EXPECT_EQ(read("sep=;\r\na;b\r\n1;2"), (Rows{"2:a|b", "3:1|2"}));
}

TEST(Csv, FindsTheEncoding) {
    const auto encoding = [](const std::string& file) { return CsvReader(file).format().encoding; };
    EXPECT_EQ(encoding("\xEF\xBB\xBFname\n"), "UTF-8 with BOM");
    EXPECT_EQ(read("\xEF\xBB\xBFname\nx"), (Rows{"1:name", "2:x"}));
    EXPECT_EQ(read("\xFF\xFEn\0\n\0\xE9\0"s), (Rows{"1:n", "2:é"}));
    EXPECT_EQ(read("\xFE\xFF\0n\0\n\0\xE9"s), (Rows{"1:n", "2:é"}));
    EXPECT_EQ(read("n\0a\0\n\0x\0"s), (Rows{"1:na", "2:x"}));
    EXPECT_EQ(read("n\0a\0\n\0x\0\n\0y"s), (Rows{"1:na", "2:x", "3!not_utf8"}));
    EXPECT_EQ(encoding("name\ncaf\xE9\n"), "not UTF-8");
    EXPECT_EQ(read("pr\xE9nom,b\ncaf\xE9,1\nok,2"), (Rows{"1:prénom|b", "2!not_utf8", "3:ok|2"}));
}

TEST(Csv, NamesTheEncodingInTheHint) {
    CsvReader reader("a,b\nx,M\xFCller\n");
    CsvRecord record;
    ASSERT_TRUE(reader.next(record));
    ASSERT_TRUE(reader.next(record));
    EXPECT_NE(record.hint.find("Müller"), std::string::npos);
    EXPECT_EQ(record.raw, "x,M\xFCller");
}

TEST(Csv, RefusesOneRowAtATime) {
    EXPECT_EQ(read("a,b\n1,2,3\n1\n4,5\n"),
              (Rows{"1:a|b", "2!too_many_columns", "3!too_few_columns", "4:4|5"}));
    EXPECT_EQ(read("a,b\n1,x\0y\n4,5\n"s), (Rows{"1:a|b", "2!nul_byte", "3:4|5"}));
    EXPECT_EQ(read("a,b\n1,\"x\"y\n4,5\n"), (Rows{"1:a|b", "2!text_after_quote", "3:4|5"}));
    const std::string huge(10U << 20U, 'x');
    EXPECT_EQ(read("a,b\n1," + huge + "\n\"" + huge + "\",2\n4,5\n"),
              (Rows{"1:a|b", "2!cell_too_long", "3!cell_too_long", "4:4|5"}));
}

TEST(Csv, GoesOnBehindAnUnclosedQuote) {
    EXPECT_EQ(read("a,b\n1,\"open\n2,x\n3,y\n"), (Rows{"1:a|b", "2!unclosed_quote", "3:2|x", "4:3|y"}));
    EXPECT_EQ(read("a,b\n1,\"open\n2,\"x, y\"\n3,y\n"),
              (Rows{"1:a|b", "2!text_after_quote", "3:2|x, y", "4:3|y"}));
    EXPECT_EQ(read("a,b\n1,\"open\n2,x\n3,y\"\n4,z\n"), (Rows{"1:a|b", "2:1|open\n2,x\n3,y", "5:4|z"}));
    EXPECT_EQ(read("a,b,c\n1,\"open\n2,x,1\n3,y,\"\n4,z,2\n"),
              (Rows{"1:a|b|c", "2!too_few_columns", "3:2|x|1", "4!unclosed_quote", "5:4|z|2"}));
    EXPECT_EQ(read("a,b\n\"l1\nl2\",\"open\nnext,2\n"), (Rows{"1:a|b", "2!unclosed_quote", "4:next|2"}));
}

TEST(Csv, StaysLinearOnHostileQuotes) {
    std::string file = "a,b\n";
    for (int i = 0; i < 200000; ++i) file += "x\",\"y\n";
    EXPECT_FALSE(read(file).empty());
    file = "a,b\n";
    for (int i = 0; i < 200000; ++i) file += "\"\"\"a\"\"\n";
    EXPECT_FALSE(read(file).empty());
}

TEST(IntakePayload, MapsCellsToFields) {
    EXPECT_EQ(
        intake_payload({" Jane ", "", "j@x.de", "other@x.de", "a", "b", "T", ""},
                       {"name", "phone", "email", "email", "notes", "notes", "extra:Team", "extra:None"}),
        R"({"name":"Jane","email":"j@x.de","notes":"a | b","extra":{"Team":"T"}})");
    EXPECT_EQ(intake_payload({"Jane", "Doe"}, {"first_name", "last_name"}),
              R"({"first_name":"Jane","last_name":"Doe","name":"Jane Doe"})");
    EXPECT_EQ(intake_payload({"n/a", "a\"\\\n\x01"}, {"email", "name"}), R"({"name":"a\"\\\u000a\u0001"})");
    EXPECT_EQ(intake_payload({"x"}, {"extra:k\""}), R"({"extra":{"k\"":"x"}})");
    EXPECT_EQ(intake_payload({}, {}), "{}");
}

TEST(IntakeRow, IsJudged) {
    const auto code = [](std::vector<IntakeField> fields) {
        const auto fault = judge_intake(fields);
        return fault ? fault->code : std::string("ok");
    };
    const std::string long_text(1001, 'x');
    EXPECT_EQ(code({{"name", "Jane"}}), "ok");
    EXPECT_EQ(code({{"email", "j@x.de"}}), "ok");
    EXPECT_EQ(code({{"phone", "12"}}), "ok");
    EXPECT_EQ(code({{"company_name", "Acme"}}), "no_identifier");
    EXPECT_EQ(code({{"name", "  "}, {"email", "n/a"}}), "no_identifier");
    EXPECT_EQ(code({{"name", "Jane"}, {"email", "jane"}}), "bad_email");
    EXPECT_EQ(code({{"name", long_text}}), "too_long");
    EXPECT_EQ(code({{"name", "J"}, {"notes", long_text}}), "ok");
    EXPECT_EQ(code({{"name", "J"}, {"unknown_field", long_text}}), "ok");
    EXPECT_EQ(code({{"name", "J"}, {"created_at", "0000-01-01"}}), "bad_date");
    EXPECT_EQ(code({{"name", "J"}, {"created_at", "2026-02-29"}}), "bad_date");
    EXPECT_EQ(code({{"name", "J"}, {"employee_count", "-3"}}), "negative_number");
    EXPECT_EQ(code({{"name", "J"}, {"employee_count", "many"}}), "bad_number");
    EXPECT_EQ(code({{"name", "J"}, {"deal_value", "(1.00)"}}), "negative_number");
    EXPECT_EQ(code({{"name", "J"}, {"deal_value", "1.234,50 €"}}), "ok");
}

TEST(IntakeRow, ReadsCountsAndAmounts) {
    EXPECT_EQ(parse_count("1,200"), 1200);
    EXPECT_EQ(parse_count("11-50"), 11);
    EXPECT_EQ(parse_count("11 – 50 employees"), 11);
    EXPECT_EQ(parse_count("1000+"), 1000);
    EXPECT_EQ(parse_count("25.0"), 25);
    EXPECT_FALSE(parse_count("25.5"));
    EXPECT_FALSE(parse_count("3000000000"));
    EXPECT_FALSE(parse_count("12 months"));
    EXPECT_EQ(amount_sign("−5"), -1);
    EXPECT_EQ(amount_sign("5-"), -1);
    EXPECT_EQ(amount_sign("$3k"), 1);
    EXPECT_EQ(amount_sign("-0.00"), 0);
    EXPECT_FALSE(amount_sign("1-2"));
    EXPECT_FALSE(amount_sign("a lot"));
    EXPECT_FALSE(amount_sign(""));
}

TEST(IntakeDate, ReadsWhatPeopleWrite) {
    const std::int64_t day = 1774915200;  // 2026-03-31
    for (const char* text : {"2026-03-31", "2026/3/31", "20260331", "31.03.2026", "31/03/2026", "03/31/2026",
                             "31 Mar 2026", "31-mar-2026", "March 31, 2026", "2026-03-31T02:00:00+02:00",
                             "2026-03-31 00:00:00.123Z", "31.3.2026 12:00 AM"}) {
        const IntakeDate date = parse_intake_date(text);
        EXPECT_EQ(date.fault, "") << text << date.reason;
        EXPECT_EQ(date.seconds, day) << text;
    }
    for (const char* text : {"", "0000-00-00", "0001-01-01", "1899-12-31", "2101-01-01", "2026-13-01",
                             "2026-02-30", "03/04/2026", "31/03/26", "yesterday", "2026-03-31x",
                             "2026-03-31 25:00", "45000", "99999-01-01", "\xFF"}) {
        EXPECT_EQ(parse_intake_date(text).fault, "bad_date") << text;
    }
}
