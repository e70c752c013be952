#include "core/fingerprint.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

using namespace sentinel::core;

namespace {

constexpr const char* kOrg = "0190b1f2-0000-7000-8000-000000000001";

Identity person(std::string_view email, std::string_view domain = {}, std::string_view profile = {}) {
    Identity who;
    who.email = email;
    who.domain = domain;
    who.profile_link = profile;
    return who;
}

}  // namespace

TEST(Sha256, MatchesTheStandardsExamples) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Combined, HashesTheFourPartsInOrder) {
    const std::string org = kOrg;
    EXPECT_EQ(combined_fingerprint(kOrg, person("a@b.de", "b.de", "linkedin.com/in/a")),
              sha256_hex(org + "|a@b.de|b.de|linkedin.com/in/a"));
    EXPECT_EQ(combined_fingerprint(kOrg, person(" A@B.de ")), sha256_hex(org + "|a@b.de||"));
    EXPECT_EQ(combined_fingerprint(kOrg, person("", "B.DE\n")), sha256_hex(org + "||b.de|"));
    EXPECT_NE(combined_fingerprint(kOrg, person("a@b.de")), combined_fingerprint("other", person("a@b.de")));
    EXPECT_FALSE(combined_fingerprint(kOrg, person("", "  ", "")));
}

TEST(Anonymous, TakesOverWhereNothingIdentifies) {
    Identity who;
    EXPECT_FALSE(anonymous_fingerprint(kOrg, who));
    who.name = " Jane DOE ";
    who.company = "Acme";
    EXPECT_EQ(anonymous_fingerprint(kOrg, who), "n:" + sha256_hex(std::string(kOrg) + "|jane doe||acme"));
}

TEST(Email, IsEqualForSpellingsOfOneMailbox) {
    EXPECT_EQ(email_fingerprint(kOrg, "Jane.Doe+x@gmail.com"),
              email_fingerprint(kOrg, "janedoe@googlemail.com"));
    EXPECT_NE(email_fingerprint(kOrg, "jane@a.com"), email_fingerprint(kOrg, "jane@b.com"));
    EXPECT_FALSE(email_fingerprint(kOrg, "jane"));
}

TEST(Profile, NamesAPersonOnly) {
    EXPECT_EQ(profile_fingerprint(kOrg, "https://uk.linkedin.com/in/Jane/"),
              profile_fingerprint(kOrg, "linkedin.com/in/jane"));
    EXPECT_FALSE(profile_fingerprint(kOrg, "https://linkedin.com/company/acme"));
    EXPECT_FALSE(profile_fingerprint(kOrg, "https://acme.com"));
}

TEST(Phone, NeedsTheName) {
    EXPECT_EQ(phone_fingerprint(kOrg, "+44 20 7946 0958", "Jané  Doe"),
              phone_fingerprint(kOrg, "020 7946 0958", "jane doe"));
    EXPECT_NE(phone_fingerprint(kOrg, "+44 20 7946 0958", "Jane"),
              phone_fingerprint(kOrg, "+44 20 7946 0958", "John"));
    EXPECT_FALSE(phone_fingerprint(kOrg, "+44 20 7946 0958", " "));
    EXPECT_FALSE(phone_fingerprint(kOrg, "+44 20 7946 0958", "Unknown"));
    EXPECT_FALSE(phone_fingerprint(kOrg, "12", "Jane"));
}
