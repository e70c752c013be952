// What the strict reader takes, and what it does not.
#include "core/json_text.hpp"

#include <gtest/gtest.h>

using namespace sentinel::core;

TEST(JsonText, ReadsValues) {
    const auto read = parse_json_text(
        " {\"a\" : [1, -0.5e+10, true, false, null, {}], \"b\":\"x\\u00fc\\uD83D\\uDE00\\n\\/\", \"\":[]} ");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->names, (std::vector<std::string>{"a", "b", ""}));
    EXPECT_EQ(read->string("b"), "x\xc3\xbc\xf0\x9f\x98\x80\n/");
    ASSERT_EQ(read->items[0].items.size(), 6u);
    EXPECT_EQ(read->items[0].items[1].text, "-0.5e+10");
    EXPECT_TRUE(read->items[0].items[2].truth);
    EXPECT_FALSE(read->string("a"));
    EXPECT_FALSE(read->number("b"));
    EXPECT_FALSE(read->find("c"));
    EXPECT_EQ(parse_json_text("{\"n\":1e3}")->number("n"), 1000);
    EXPECT_FALSE(parse_json_text("{\"n\":1e999}")->number("n")) << "no double";
}

TEST(JsonText, RefusesWhatIsNotJsonOrNotForUs) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "}",
                             "{]",
                             "[1,]",
                             "{\"a\":1,}",
                             "{\"a\"}",
                             "{a:1}",
                             "{'a':1}",
                             "01",
                             "+1",
                             ".5",
                             "5.",
                             "1e",
                             "0x1",
                             "NaN",
                             "Infinity",
                             "tru",
                             "truex",
                             "\"\\x\"",
                             "\"\\u12\"",
                             "\"\\u0000\"",
                             "\"\\ud800\"",
                             "\"\\udc00\"",
                             "\"\\ud800\\u0041\"",
                             "\"\t\"",
                             "\"\xff\"",
                             "\"\xc0\x80\"",
                             "\"open",
                             "\"\\",
                             "1 2",
                             "[1]]",
                             "//\n1",
                             "1e1000",
                             "{\"a\":1,\"a\":2}",
                             "{\"a\":1,\"\\u0061\":2}",
                             "12345678901234567890123456789012345678901"}) {
        EXPECT_FALSE(parse_json_text(text)) << text;
    }
    EXPECT_FALSE(parse_json_text(std::string_view("\"\0\"", 3)));
}

TEST(JsonText, IsLimitedInDepth) {
    EXPECT_TRUE(parse_json_text(std::string(16, '[') + std::string(16, ']')));
    EXPECT_FALSE(parse_json_text(std::string(17, '[') + std::string(17, ']')));
    EXPECT_FALSE(parse_json_text(std::string(100000, '[')));
}
