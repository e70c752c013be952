#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "core/hostname.hpp"
#include "core/normalize_company.hpp"
#include "core/normalize_email.hpp"
#include "core/normalize_phone.hpp"
#include "core/normalize_web.hpp"
#include "core/unicode.hpp"

using namespace sentinel::core;

namespace {

std::string or_null(const std::optional<std::string>& value) {
    return value ? *value : "null";
}

struct Case {
    const char* in;
    const char* out;
};

}  // namespace

TEST(Unicode, LowersTrimsAndFolds) {
    EXPECT_EQ(unicode_lower("ÄÖÜ ŁÓDŹ ΑΒΓ ЖУК ԱԲ"), "äöü łódź αβγ жук աբ");
    EXPECT_EQ(unicode_lower("İIẞ"), "iiß");
    EXPECT_EQ(unicode_trim(" \t\u00A0\u3000\uFEFFa b\u2028\n "), "a b");
    EXPECT_EQ(unicode_trim("\u00A0"), "");
    EXPECT_EQ(unicode_squeeze("  a \n\u00A0 b  "), "a b");
    EXPECT_EQ(unicode_fold("Société Générale"), "societe generale");
    EXPECT_EQ(unicode_fold("e\u0301"), "e");
    EXPECT_EQ(unicode_fold("Weiß Æsir Ødegård Šimůnek Nguyễn"), "weiss aesir odegard simunek nguyen");
    EXPECT_EQ(unicode_lower("\xFF\x41\xC3"), "\xFF\x61\xC3");
    EXPECT_EQ(unicode_length("aé😀"), 3U);
    EXPECT_EQ(unicode_clip("aé😀b", 3), "aé😀");
}

TEST(Unicode, KnowsWellFormedUtf8) {
    EXPECT_TRUE(is_utf8("aé😀"));
    EXPECT_FALSE(is_utf8("\xC0\x80"));
    EXPECT_FALSE(is_utf8("\xED\xA0\x80"));
    EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));
    EXPECT_FALSE(is_utf8("caf\xE9"));
    EXPECT_FALSE(is_utf8("\xE2\x82"));
}

TEST(Unicode, DecodesUtf16AndWindows1252) {
    using namespace std::string_view_literals;
    EXPECT_EQ(utf16_to_utf8("a\0\xE9\0\x3D\xD8\x00\xDE"sv, true), "aé😀");
    EXPECT_EQ(utf16_to_utf8("\0a\0\xE9"sv, false), "aé");
    EXPECT_FALSE(is_utf8(utf16_to_utf8("\x3D\xD8"sv, true)));
    EXPECT_FALSE(is_utf8(utf16_to_utf8("a\0b"sv, true)));
    EXPECT_EQ(windows1252_to_utf8("\x80 caf\xE9 \x93"), "€ café “");
}

TEST(Hostname, MapsToALabels) {
    const Case cases[] = {
        {"Example.COM.", "example.com"},
        {"münchen.de", "xn--mnchen-3ya.de"},
        {"MÜNCHEN.de", "xn--mnchen-3ya.de"},
        {"例え.jp", "xn--r8jz45g.jp"},
        {"правда.рф", "xn--80aafi6cg.xn--p1ai"},
        {"ｅｘａｍｐｌｅ。com", "example.com"},
        {"localhost", "null"},
        {"192.168.0.1", "null"},
        {"a..b", "null"},
        {"-a.com", "null"},
        {"a_b.com", "null"},
        {"a b.com", "null"},
        {"x.c", "null"},
        {"", "null"},
        {".", "null"},
    };
    for (const Case& c : cases) EXPECT_EQ(or_null(normalize_host(c.in)), c.out) << c.in;
    EXPECT_FALSE(normalize_host(std::string(64, 'a') + ".com"));
    EXPECT_TRUE(normalize_host(std::string(63, 'a') + ".com"));
}

TEST(Email, AppliesProviderRules) {
    const Case cases[] = {
        {"  Jane.Doe+news@GoogleMail.com ", "janedoe@gmail.com"},
        {"jane.doe@gmail.com", "janedoe@gmail.com"},
        {"j.d+x@workspace-domain.com", "j.d+x@workspace-domain.com"},
        {"J.Doe+x@Outlook.com", "j.doe@outlook.com"},
        {"j.doe+x@hotmail.com", "j.doe@hotmail.com"},
        {"me+a@icloud.com", "me@icloud.com"},
        {"me+a@zoho.com", "me@zoho.com"},
        {"tag@user.fastmail.com", "user@fastmail.com"},
        {"user+tag@fastmail.com", "user@fastmail.com"},
        {"j-d_o.e+x@pm.me", "jdoe@proton.me"},
        {"jdoe@protonmail.com", "jdoe@proton.me"},
        {"jane-doe@ya.ru", "jane.doe@yandex.ru"},
        {"jane.doe@yandex.com", "jane.doe@yandex.ru"},
        {"base-keyword@yahoo.com", "base-keyword@yahoo.com"},
        {"123+login@users.noreply.github.com", "login@users.noreply.github.com"},
        {"+x@gmail.com", "+x@gmail.com"},
        {"mailto:jane@example.com?subject=Hi", "jane@example.com"},
        {"Jane Doe <Jane@Example.com>", "jane@example.com"},
        {"josé@müller.de", "josé@xn--mller-kva.de"},
        {"o'neil@example.com", "o'neil@example.com"},
    };
    for (const Case& c : cases) EXPECT_EQ(or_null(normalize_email(c.in)), c.out) << c.in;
}

TEST(Email, RefusesWhatIsNoAddress) {
    for (const char* bad : {"",
                            "   ",
                            "jane",
                            "jane@",
                            "@example.com",
                            "jane@localhost",
                            "jane@1.2.3.4",
                            "a@b@c.de",
                            "jane doe@example.com",
                            "jane@exa mple.com",
                            "jane..doe@example.com",
                            ".jane@example.com",
                            "jane.@example.com",
                            "a@x.com; b@x.com",
                            "a@x.com,b@x.com",
                            "\"a b\"@x.com",
                            "jane@-x.com",
                            "jane@x.c",
                            "jane@\xFF.com",
                            "ja\xFFne@x.com",
                            "<jane@x.com",
                            "jane\u00A0d@x.com"}) {
        EXPECT_EQ(or_null(normalize_email(bad)), "null") << bad;
    }
    EXPECT_FALSE(normalize_email(std::string(65, 'a') + "@example.com"));
    EXPECT_TRUE(normalize_email(std::string(64, 'a') + "@example.com"));
}

TEST(Phone, GivesDigits) {
    const Case cases[] = {
        {"+44 20 7946 0958", "+442079460958"},
        {"0044 20 7946 0958", "+442079460958"},
        {"+44 (0)20 7946-0958", "+442079460958"},
        {"(555) 010-4477", "5550104477"},
        {"555.010.4477 ext. 12", "5550104477"},
        {"555 010 4477 x12", "5550104477"},
        {"+49 89/1234567", "+49891234567"},
        {"089/1234567", "0891234567"},
        {"tel: +1-202-555-0143", "+12025550143"},
        {"+1 202 555 0143 (mobile)", "+12025550143"},
        {"1-800-FLOWERS", "18003569377"},
        {"020 7946 0958 / 020 7946 0959", "02079460958"},
        {"020 7946 0958 or 07700 900123", "02079460958"},
        {"+４４ ２０ ７９４６ ０９５８", "+442079460958"},
        {"٠٢٠٧٩٤٦٠٩٥٨", "02079460958"},
        {"4.47911E+11", "null"},
        {"123456", "null"},
        {"0000000000", "null"},
        {"1234567890123456", "null"},
        {"n/a", "null"},
        {"call me maybe", "null"},
        {"", "null"},
        {"+", "null"},
        {"\xFF\xFE", "null"},
    };
    for (const Case& c : cases) EXPECT_EQ(or_null(normalize_phone(c.in)), c.out) << c.in;
}

TEST(Phone, PutsTheCountryBeforeNationalNumbers) {
    EXPECT_EQ(or_null(normalize_phone("020 7946 0958", "44")), "+442079460958");
    EXPECT_EQ(or_null(normalize_phone("020 7946 0958", "+44")), "+442079460958");
    EXPECT_EQ(or_null(normalize_phone("(202) 555-0143", "1")), "+12025550143");
    EXPECT_EQ(or_null(normalize_phone("1 202 555 0143", "1")), "+12025550143");
    EXPECT_EQ(or_null(normalize_phone("011 44 20 7946 0958", "1")), "+442079460958");
    EXPECT_EQ(or_null(normalize_phone("0352 123456", "39")), "+390352123456");
    EXPECT_EQ(or_null(normalize_phone("+33 1 23 45 67 89", "44")), "+33123456789");
    EXPECT_EQ(or_null(normalize_phone("020 7946 0958", "what")), "02079460958");
}

TEST(Domain, TakesTheHost) {
    const Case cases[] = {
        {"https://www.Acme.com:8443/about?x=1#y", "acme.com"},
        {"ACME.com.", "acme.com"},
        {"www.acme.co.uk/", "acme.co.uk"},
        {"jane@acme.com", "acme.com"},
        {"http://user:pw@shop.acme.com", "shop.acme.com"},
        {"//acme.com", "acme.com"},
        {"www.com", "www.com"},
        {"müller.de", "xn--mller-kva.de"},
        {"http://localhost", "null"},
        {"10.0.0.1", "null"},
        {"acme", "null"},
        {"", "null"},
        {"http://", "null"},
    };
    for (const Case& c : cases) EXPECT_EQ(or_null(normalize_domain(c.in)), c.out) << c.in;
}

TEST(Profile, GivesOneSpellingPerAccount) {
    const Case cases[] = {
        {"https://www.linkedin.com/in/Jane-Doe/?trk=x", "linkedin.com/in/jane-doe"},
        {"uk.linkedin.com/in/jane-doe/de", "linkedin.com/in/jane-doe"},
        {"http://m.linkedin.com/in/jane-doe#about", "linkedin.com/in/jane-doe"},
        {"linkedin.com/in/jos%C3%A9", "linkedin.com/in/josé"},
        {"linkedin.com/pub/jane-doe/1/2/3", "linkedin.com/pub/jane-doe/1/2/3"},
        {"linkedin.com/in/ACoAABcDeFgHiJkLmNoPqRs", "linkedin.com/in/ACoAABcDeFgHiJkLmNoPqRs"},
        {"linkedin.com/sales/lead/ACwAAA,NAME_SEARCH", "linkedin.com/sales/lead/ACwAAA"},
        {"linkedin.com/company/Acme", "linkedin.com/company/acme"},
        {"https://twitter.com/JaneDoe/status/1", "x.com/janedoe"},
        {"https://mobile.twitter.com/JaneDoe", "x.com/janedoe"},
        {"https://x.com/JaneDoe", "x.com/janedoe"},
        {"https://www.instagram.com/Jane.Doe/", "instagram.com/jane.doe"},
        {"https://www.facebook.com/profile.php?ref=x&id=123", "facebook.com/profile.php?id=123"},
        {"https://fb.com/jane.doe", "facebook.com/jane.doe"},
        {"https://example.com/People/Jane/", "example.com/People/Jane"},
        {"https://example.com", "null"},
        {"linkedin.com/", "null"},
        {"linkedin.com/in/", "null"},
        {"@janedoe", "null"},
        {"jane@example.com/x", "null"},
        {"", "null"},
    };
    for (const Case& c : cases) EXPECT_EQ(or_null(normalize_profile_url(c.in)), c.out) << c.in;
    EXPECT_TRUE(is_personal_profile("linkedin.com/in/jane-doe"));
    EXPECT_FALSE(is_personal_profile("linkedin.com/company/acme"));
}

TEST(Company, DropsFormAndOrnament) {
    const Case cases[] = {
        {"Acme, Inc.", "acme"},
        {"The Acme Corporation", "acme"},
        {"ACME L.L.C.", "acme"},
        {"Müller & Söhne GmbH & Co. KG", "muller and sohne"},
        {"Société Générale S.A.", "societe generale"},
        {"Wendy's Ltd", "wendys"},
        {"Wendy’s Ltd", "wendys"},
        {"J. P. Morgan Chase & Co.", "jp morgan chase"},
        {"Grupo Ejemplo S.A. de C.V.", "grupo ejemplo"},
        {"Acme Pty Ltd", "acme"},
        {"Acme Sp. z o.o.", "acme"},
        {"Deutsche Bank AG", "deutsche bank"},
        {"Co", "co"},
        {"The", "the"},
        {"Smith and Sons", "smith and sons"},
        {"株式会社トヨタ", "株式会社トヨタ"},
        {"---", "null"},
        {"", "null"},
    };
    for (const Case& c : cases) EXPECT_EQ(or_null(normalize_company(c.in)), c.out) << c.in;
}
