// Competitive texts and stage names.
#include <gtest/gtest.h>

#include "core/competitive.hpp"
#include "core/stage.hpp"

using sentinel::core::competitive_indicators;
using sentinel::core::normalize_stage;

TEST(Competitive, AtMostOneKeywordAndOnePhrase) {
    EXPECT_EQ(competitive_indicators(""), 0);
    EXPECT_EQ(competitive_indicators("Thanks for the call"), 0);
    EXPECT_EQ(competitive_indicators("A COMPETITOR offered switching and a lower price"), 1);
    EXPECT_EQ(competitive_indicators("we are getting quotes from multiple vendors"), 1);
    EXPECT_EQ(competitive_indicators("Considering Alternatives"), 2);  // holds the keyword "alternative" too
    EXPECT_EQ(competitive_indicators("need to think about migration"), 2);
    EXPECT_EQ(competitive_indicators("compe titor"), 0);
    EXPECT_EQ(competitive_indicators(std::string_view("a\0competitor", 12)), 1);
}

TEST(Stage, Normalises) {
    EXPECT_EQ(normalize_stage("discover"), "discover");
    EXPECT_EQ(normalize_stage("  Discovery\t"), "discover");
    EXPECT_EQ(normalize_stage("Closed   Won"), "closed_won");
    EXPECT_EQ(normalize_stage("closed - lost"), "closed_lost");
    EXPECT_EQ(normalize_stage("WON"), "closed_won");
    EXPECT_EQ(normalize_stage("Closed"), "closed_won");
    EXPECT_EQ(normalize_stage("Negotiate!"), "negotiation");
    EXPECT_EQ(normalize_stage("closed-won"), std::nullopt);
    EXPECT_EQ(normalize_stage("Proposal 2"), std::nullopt);
    EXPECT_EQ(normalize_stage("qualified"), std::nullopt);
    EXPECT_EQ(normalize_stage("lead"), std::nullopt);
    EXPECT_EQ(normalize_stage(""), std::nullopt);
    EXPECT_EQ(normalize_stage("\xff\xfe"), std::nullopt);
}
