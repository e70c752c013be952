// Our own tokens, peppered passwords, one-time codes and API keys.
#include "core/token.hpp"

#include <gtest/gtest.h>

#include "core/api_key.hpp"
#include "core/digest.hpp"
#include "core/totp.hpp"

using namespace sentinel::core;

namespace {

const std::string kA(64, 'a');
const std::string kB(64, 'b');
constexpr double kNow = 1764000000;

Keyring ring_of(const std::string& text) {
    std::vector<std::string> problems;
    auto ring = Keyring::parse(text, problems);
    EXPECT_TRUE(ring);
    return std::move(*ring);
}

std::string claims_with(const std::string& more) {
    return R"({"aud": "session", "exp": 1764000600)" + more + "}";
}

// A token whose parts are chosen, signed with the key that sign_token() would take.
std::string forge(const std::string& header, const std::string& claims) {
    std::string token = to_base64url(header) + "." + to_base64url(claims);
    const DerivedKey key = derive_key(std::string(32, '\xaa'), "sentinel/jwt/v1");
    return token + "." + to_base64url(view_of(hmac_sha256(key.view(), {token})));
}

}  // namespace

TEST(Token, GivesBackItsClaims) {
    const Keyring ring = ring_of("7 " + kA + " active");
    const std::string claims = claims_with(R"(, "sub": "\u00fc")");
    const auto token = sign_token(ring, claims);
    ASSERT_TRUE(token);
    EXPECT_EQ(verify_token(ring, *token, "session", kNow), claims);
    EXPECT_EQ(token, forge(R"({"alg":"HS256","typ":"JWT","kid":"7"})", claims)) << "the contract";
}

TEST(Token, NoChangedBitPasses) {
    const Keyring ring = ring_of("7 " + kA + " active\n8 " + kB + " decrypt-only");
    const auto token = sign_token(ring, claims_with(""));
    for (std::size_t i = 0; i < token->size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string bad = *token;
            bad[i] = static_cast<char>(bad[i] ^ 1 << bit);
            EXPECT_FALSE(verify_token(ring, bad, "session", kNow)) << i;
        }
        EXPECT_FALSE(verify_token(ring, token->substr(0, i), "session", kNow)) << i;
    }
    EXPECT_FALSE(verify_token(ring, *token + "=", "session", kNow));
    EXPECT_FALSE(verify_token(ring, *token + ".", "session", kNow));
}

TEST(Token, OtherHeadersAreNotOurs) {
    const Keyring ring = ring_of("7 " + kA + " active");
    for (const char* header :
         {R"({"alg":"none","typ":"JWT","kid":"7"})", R"({"alg":"RS256","typ":"JWT","kid":"7"})",
          R"({"alg":"hs256","typ":"JWT","kid":"7"})", R"({"alg":"HS256","typ":"JWT","kid":"8"})",
          R"({"alg":"HS256","typ":"JWT"})", R"({"alg":"HS256","typ":"JWT","kid":"7","crit":["x"]})", "{}",
          ""}) {
        EXPECT_FALSE(verify_token(ring, forge(header, claims_with("")), "session", kNow)) << header;
    }
    const std::string header = to_base64url(std::string_view(R"({"alg":"none","typ":"JWT","kid":"7"})"));
    EXPECT_FALSE(verify_token(ring, header + "." + to_base64url(claims_with("")) + ".", "session", kNow));
}

TEST(Token, ClaimsMustFit) {
    const Keyring ring = ring_of("7 " + kA + " active");
    const auto verify = [&](const std::string& claims, const std::string& audience = "session") {
        return verify_token(ring, forge(R"({"alg":"HS256","typ":"JWT","kid":"7"})", claims), audience, kNow)
            .has_value();
    };
    EXPECT_TRUE(verify(claims_with("")));
    EXPECT_FALSE(verify(claims_with(""), "api"));
    EXPECT_FALSE(verify(claims_with(""), ""));
    EXPECT_FALSE(verify(R"({"aud": ["session"], "exp": 1764000600})"));
    EXPECT_FALSE(verify(R"({"exp": 1764000600})"));
    EXPECT_FALSE(verify(R"({"aud": "session"})"));
    EXPECT_FALSE(verify(R"({"aud": "session", "exp": "1764000600"})"));
    EXPECT_FALSE(verify(R"({"aud": "session", "exp": 1764000000})")) << "reached";
    EXPECT_TRUE(verify(R"({"aud": "session", "exp": 1764000000.5})"));
    EXPECT_TRUE(verify(claims_with(R"(, "nbf": 1764000030)")));
    EXPECT_FALSE(verify(claims_with(R"(, "nbf": 1764000031)")));
    EXPECT_FALSE(verify(claims_with(R"(, "nbf": null)")));
    EXPECT_FALSE(verify(R"({"aud": "session", "exp": 1764000600, "exp": 1})")) << "a name twice";
}

TEST(Token, OldKeysVerifyAndDoNotSign) {
    const auto old = sign_token(ring_of("1 " + kA + " active"), claims_with(""));
    const Keyring both = ring_of("1 " + kA + " decrypt-only\n2 " + kB + " active");
    EXPECT_TRUE(verify_token(both, *old, "session", kNow));
    const auto now = sign_token(both, claims_with(""));
    EXPECT_TRUE(verify_token(ring_of("2 " + kB + " active"), *now, "session", kNow));
    EXPECT_FALSE(verify_token(ring_of("2 " + kB + " active"), *old, "session", kNow)) << "its key is gone";
    EXPECT_FALSE(verify_token(ring_of("1 " + kB + " active"), *old, "session", kNow));
}

TEST(Token, SignsOnlyWhatCouldBeVerified) {
    const Keyring ring = ring_of("7 " + kA + " active");
    for (const char* claims : {"", "[]", "{}", R"({"exp": "1"})", R"({"exp": null})", "{"})
        EXPECT_FALSE(sign_token(ring, claims)) << claims;
    EXPECT_FALSE(sign_token(ring, claims_with(", \"x\": \"" + std::string(4000, 'x') + "\"")));
}

TEST(Password, IsKeyedPerKey) {
    const Keyring ring = ring_of("7 " + kA + " active\n4294967295 " + kB + " decrypt-only");
    const auto digest = password_digest(ring, "correct horse", 7);
    ASSERT_TRUE(digest);
    EXPECT_EQ(digest->substr(0, 2), "7:");
    EXPECT_EQ(digest, password_digest(ring, "correct horse", 7));
    EXPECT_NE(digest, password_digest(ring, "correct horse ", 7));
    EXPECT_NE(digest->substr(2), password_digest(ring, "correct horse", 4294967295)->substr(11));
    EXPECT_EQ(password_digest(ring, std::string(100000, 'x'), 4294967295)->size(), 55u);
    EXPECT_FALSE(password_digest(ring, "correct horse", 8));
}

TEST(Totp, AgreesWithTheStandard) {
    // RFC 6238 appendix B, of whose eight digits the last six are used.
    const std::string key = "12345678901234567890";
    const std::pair<std::int64_t, const char*> known[] = {{59, "287082"},         {1111111109, "081804"},
                                                          {1111111111, "050471"}, {1234567890, "005924"},
                                                          {2000000000, "279037"}, {20000000000, "353130"}};
    for (const auto& [at, code] : known) {
        EXPECT_EQ(totp_code(key, at / 30), code);
        EXPECT_EQ(totp_step("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", code, at), at / 30);
    }
}

TEST(Totp, TakesOneStepOnEitherSide) {
    const std::string secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const std::int64_t step = 1111111111 / 30;
    for (const std::int64_t offset : {-1, 0, 1})
        EXPECT_EQ(totp_step(secret, "050471", (step + offset) * 30 + 7), step);
    EXPECT_FALSE(totp_step(secret, "050471", (step - 2) * 30 + 29));
    EXPECT_FALSE(totp_step(secret, "050471", (step + 2) * 30));
    for (const char* code : {"", "50471", "0050471", "05047a", " 50471", "050472"})
        EXPECT_FALSE(totp_step(secret, code, 1111111111)) << code;
    for (const char* bad :
         {"", "GEZDGNBV", "gezdgnbvgy3tqojqgezdgnbvgy3tqojq", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1"})
        EXPECT_FALSE(totp_step(bad, "050471", 1111111111)) << bad;
}

TEST(Totp, MakesSecretsInBase32) {
    const std::string secret = new_totp_secret();
    EXPECT_EQ(secret.size(), 32u);
    EXPECT_EQ(secret.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos);
    EXPECT_NE(secret, new_totp_secret());
}

TEST(ApiKey, HasFormAndChecksum) {
    EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
    const ApiKey key = new_api_key();
    EXPECT_EQ(key.secret.size(), 68u);
    EXPECT_EQ(key.prefix.size(), 17u);
    EXPECT_EQ(key.secret.rfind(key.prefix + "_", 0), 0u);
    EXPECT_TRUE(api_key_wellformed(key.secret));
    for (std::size_t i = 0; i < key.secret.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string bad = key.secret;
            bad[i] = static_cast<char>(bad[i] ^ 1 << bit);
            EXPECT_FALSE(api_key_wellformed(bad)) << i;
        }
        EXPECT_FALSE(api_key_wellformed(key.secret.substr(0, i)));
    }
    EXPECT_FALSE(api_key_wellformed(key.secret + "0"));
    EXPECT_NE(new_api_key().prefix, key.prefix);
}

TEST(Digest, DerivesAsTheStandard) {
    // RFC 5869 test case 3 has an empty salt and an empty info; the first 32 of its 42 bytes.
    EXPECT_EQ(to_hex(derive_key(std::string(22, '\x0b'), "").view()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    // RFC 4231 test case 2.
    EXPECT_EQ(to_hex(view_of(hmac_sha256("Jefe", {"what do ya want ", "for nothing?"}))),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(to_hex(view_of(hmac_sha256("", {}))),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    EXPECT_EQ(to_hex(view_of(sha256({"a", "", "bc"}))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_TRUE(equal("", ""));
    EXPECT_FALSE(equal("a", "b"));
    EXPECT_FALSE(equal("a", "ab"));
}
