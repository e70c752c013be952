// ID tokens signed here with fresh keys, and the ways in which a provider's key could be misused.
#include "core/id_token.hpp"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "core/digest.hpp"
#include "core/jwk.hpp"

using namespace sentinel::core;

namespace {

constexpr double kNow = 1764000000;
const std::string kIssuer = "https://id.example.com";
const std::string kClient = "client-1";

std::string number_of(EVP_PKEY* key, const char* name, int size = 0) {
    BIGNUM* number = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1);
    Bytes bytes(static_cast<std::size_t>(size == 0 ? BN_num_bytes(number) : size));
    BN_bn2binpad(number, bytes.data(), static_cast<int>(bytes.size()));
    BN_free(number);
    return to_base64url(bytes);
}

std::string sign(EVP_PKEY* key, const EVP_MD* digest, const std::string& text) {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, digest, nullptr, key);
    std::size_t size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    EVP_DigestSign(context, nullptr, &size, bytes, text.size());
    std::string out(size, '\0');
    EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size());
    EVP_MD_CTX_free(context);
    out.resize(size);
    return out;
}

// r and s as JOSE writes them.
std::string plain_pair(const std::string& der) {
    const auto* from = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size()));
    std::string out(64, '\0');
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), to, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), to + 32, 32);
    ECDSA_SIG_free(pair);
    return out;
}

EVP_PKEY* rsa() {
    static EVP_PKEY* const key = EVP_RSA_gen(2048);
    return key;
}
EVP_PKEY* short_rsa() {
    static EVP_PKEY* const key = EVP_RSA_gen(1024);
    return key;
}
EVP_PKEY* ec() {
    static EVP_PKEY* const key = EVP_EC_gen("P-256");
    return key;
}

std::string rsa_jwk(EVP_PKEY* key, const std::string& more = R"(,"kid":"r1","use":"sig","alg":"RS256")") {
    return R"({"kty":"RSA","n":")" + number_of(key, OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
           number_of(key, OSSL_PKEY_PARAM_RSA_E) + "\"" + more + "}";
}

std::string ec_jwk(const std::string& more = R"(,"kid":"e1","crv":"P-256")") {
    return R"({"kty":"EC","x":")" + number_of(ec(), OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
           number_of(ec(), OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"" + more + "}";
}

std::string set_of(const std::string& keys) {
    return "{\"keys\":[" + keys + "]}";
}

std::string claims(const std::string& more = "", const std::string& aud = "\"client-1\"") {
    return R"({"iss":"https://id.example.com","sub":"u1","exp":1764000600,"iat":1763999990,"aud":)" + aud +
           more + "}";
}

std::string rs256(const std::string& payload, const std::string& header = R"({"alg":"RS256","kid":"r1"})",
                  EVP_PKEY* key = nullptr) {
    const std::string text = to_base64url(header) + "." + to_base64url(payload);
    return text + "." + to_base64url(sign(key == nullptr ? rsa() : key, EVP_sha256(), text));
}

std::string es256(const std::string& payload, const std::string& header = R"({"alg":"ES256","kid":"e1"})") {
    const std::string text = to_base64url(header) + "." + to_base64url(payload);
    return text + "." + to_base64url(plain_pair(sign(ec(), EVP_sha256(), text)));
}

bool good(const std::string& token, const std::string& keys, double now = kNow) {
    return verify_id_token(token, keys, kIssuer, kClient, now).has_value();
}

const std::string& both() {
    static const std::string text = set_of(rsa_jwk(rsa()) + "," + ec_jwk());
    return text;
}

}  // namespace

TEST(IdToken, GivesTheClaims) {
    EXPECT_EQ(verify_id_token(rs256(claims()), both(), kIssuer, kClient, kNow), claims());
    EXPECT_EQ(verify_id_token(es256(claims()), both(), kIssuer, kClient, kNow), claims());
    EXPECT_TRUE(good(rs256(claims(), R"({"alg":"RS256","kid":"r1","typ":"JWT"})"), both()));
}

TEST(IdToken, NoChangedByteOfTheSignedPartPasses) {
    for (const std::string& token : {rs256(claims()), es256(claims())}) {
        for (std::size_t i = 0; i < token.size(); ++i) {
            std::string bad = token;
            bad[i] = static_cast<char>(bad[i] ^ 1);
            EXPECT_FALSE(good(bad, both())) << i;
        }
        EXPECT_FALSE(good(token + "=", both()));
        EXPECT_FALSE(good(token + ".", both()));
        EXPECT_FALSE(good(token.substr(0, token.rfind('.')), both()));
        EXPECT_FALSE(good(token.substr(0, token.rfind('.') + 1), both()));
    }
}

TEST(IdToken, AlgorithmsAreNotConfused) {
    const std::string payload = to_base64url(claims());
    // HS256 with the public key as its secret: the classic.
    for (const char* algorithm : {"HS256", "none", "None", "RS512", "PS256", "ES384", "EdDSA", ""}) {
        const std::string header = R"({"alg":")" + std::string(algorithm) + R"(","kid":"r1"})";
        EXPECT_FALSE(good(rs256(claims(), header), both())) << algorithm;
        const std::string text = to_base64url(header) + "." + payload;
        const auto modulus = from_base64url(number_of(rsa(), OSSL_PKEY_PARAM_RSA_N));
        EXPECT_FALSE(
            good(text + "." + to_base64url(view_of(hmac_sha256(view_of(*modulus), {text}))), both()));
        EXPECT_FALSE(good(text + ".", both())) << algorithm;
    }
    EXPECT_FALSE(good(rs256(claims(), R"({"alg":"ES256","kid":"r1"})"), both()));
    EXPECT_FALSE(good(es256(claims(), R"({"alg":"RS256","kid":"e1"})"), both()));
    EXPECT_FALSE(good(rs256(claims(), R"({"kid":"r1"})"), both()));
    EXPECT_FALSE(good(rs256(claims(), R"({"alg":"RS256","alg":"RS256","kid":"r1"})"), both()));
    EXPECT_FALSE(good(rs256(claims(), R"({"alg":"RS256","kid":"r1","crit":["b64"]})"), both()));
    EXPECT_FALSE(good(rs256(claims(), R"({"alg":"RS256","kid":"r1","typ":"at+jwt"})"), both()));
}

TEST(IdToken, TheKeyMustBeTheOneNamed) {
    EXPECT_FALSE(good(rs256(claims(), R"({"alg":"RS256","kid":"r2"})"), both()));
    EXPECT_FALSE(good(rs256(claims(), R"({"alg":"RS256","kid":1})"), both()));
    EXPECT_FALSE(good(rs256(claims()), set_of(rsa_jwk(rsa()) + "," + rsa_jwk(rsa())))) << "twice";
    EXPECT_TRUE(good(rs256(claims(), R"({"alg":"RS256"})"), both())) << "the only RSA key";
    const std::string two = set_of(rsa_jwk(rsa()) + "," + rsa_jwk(rsa(), R"(,"kid":"r2")"));
    EXPECT_FALSE(good(rs256(claims(), R"({"alg":"RS256"})"), two)) << "one of two";
    EXPECT_TRUE(good(rs256(claims()), two));
    for (const char* keys : {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1,null,[]]}"})
        EXPECT_FALSE(good(rs256(claims()), keys)) << keys;
}

TEST(IdToken, TheKeyMustBeMeantForIt) {
    const auto rsa_with = [&](const std::string& more) {
        return good(rs256(claims()), set_of(rsa_jwk(rsa(), ",\"kid\":\"r1\"" + more)));
    };
    EXPECT_TRUE(rsa_with(""));
    EXPECT_TRUE(rsa_with(R"(,"key_ops":["verify"])"));
    EXPECT_FALSE(rsa_with(R"(,"use":"enc")"));
    EXPECT_FALSE(rsa_with(R"(,"alg":"RS512")"));
    EXPECT_FALSE(rsa_with(R"(,"alg":null)"));
    EXPECT_FALSE(rsa_with(R"(,"key_ops":["encrypt"])"));
    EXPECT_FALSE(good(es256(claims()), set_of(ec_jwk(R"(,"kid":"e1","crv":"P-384")"))));
    EXPECT_FALSE(good(es256(claims()), set_of(ec_jwk(R"(,"kid":"e1")"))));
    EXPECT_FALSE(good(es256(claims()), set_of(R"({"kty":"EC","kid":"e1","crv":"P-256","x":")" +
                                              to_base64url(std::string(32, 'x')) + R"(","y":")" +
                                              to_base64url(std::string(32, 'y')) + "\"}")))
        << "no point of the curve";
    EXPECT_FALSE(
        good(rs256(claims(), R"({"alg":"RS256","kid":"r1"})", short_rsa()), set_of(rsa_jwk(short_rsa()))))
        << "1024 bits";
    // With an exponent of one the padded hash is its own signature. Source of the padding: RFC 8017
    // section 9.2.
    const std::string text =
        to_base64url(std::string_view(R"({"alg":"RS256","kid":"r1"})")) + "." + to_base64url(claims());
    const std::string info("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
                           19);
    const std::string hash = info + std::string(view_of(sha256({text})));
    const std::string padded =
        std::string("\0\1", 2) + std::string(253 - hash.size(), '\xff') + std::string(1, '\0') + hash;
    EXPECT_FALSE(good(text + "." + to_base64url(padded),
                      set_of(R"({"kty":"RSA","kid":"r1","n":")" + number_of(rsa(), OSSL_PKEY_PARAM_RSA_N) +
                             R"(","e":"AQ"})")))
        << "an exponent of one";
    EXPECT_FALSE(good(rs256(claims()), set_of(R"({"kty":"RSA","kid":"r1","n":")" +
                                              to_base64url(std::string(5000, '\xff')) + R"(","e":"AQAB"})")));
}

TEST(IdToken, ClaimsMustFit) {
    const auto fits = [&](const std::string& payload) { return good(rs256(payload), both()); };
    EXPECT_FALSE(fits(claims("", "\"client-2\"")));
    EXPECT_FALSE(fits(claims("", "[]")));
    EXPECT_FALSE(fits(claims("", "{\"client-1\":1}")));
    EXPECT_TRUE(fits(claims("", "[\"other\",\"client-1\"]")));
    EXPECT_TRUE(fits(claims(R"(,"azp":"client-1")", "[\"other\",\"client-1\"]")));
    EXPECT_FALSE(fits(claims(R"(,"azp":"other")", "[\"other\",\"client-1\"]")));
    EXPECT_FALSE(fits(claims(R"(,"azp":"other")")));
    EXPECT_TRUE(fits(claims(R"(,"nbf":1764000030)")));
    EXPECT_FALSE(fits(claims(R"(,"nbf":1764000031)")));
    EXPECT_FALSE(fits(claims(R"(,"nbf":"1")")));
    EXPECT_FALSE(fits(R"({"sub":"u1","exp":1764000600,"iat":1,"aud":"client-1"})")) << "no iss";
    EXPECT_FALSE(
        fits(R"({"iss":"https://id.example.com/","sub":"u1","exp":1764000600,"iat":1,"aud":"client-1"})"));
    EXPECT_FALSE(fits(R"({"iss":"https://id.example.com","exp":1764000600,"iat":1,"aud":"client-1"})"))
        << "no sub";
    EXPECT_FALSE(
        fits(R"({"iss":"https://id.example.com","sub":"","exp":1764000600,"iat":1,"aud":"client-1"})"));
    EXPECT_FALSE(fits(R"({"iss":"https://id.example.com","sub":"u1","iat":1,"aud":"client-1"})")) << "no exp";
    EXPECT_FALSE(fits(R"({"iss":"https://id.example.com","sub":"u1","exp":1764000600,"aud":"client-1"})"))
        << "no iat";
    EXPECT_FALSE(fits("[]"));
    EXPECT_FALSE(fits("not json"));
    const std::string token = rs256(claims());
    EXPECT_TRUE(good(token, both(), 1764000629));
    EXPECT_FALSE(good(token, both(), 1764000630));
    EXPECT_TRUE(good(token, both(), 1763999960));
    EXPECT_FALSE(good(token, both(), 1763999959)) << "issued later";
    EXPECT_FALSE(verify_id_token(token, both(), "", kClient, kNow));
    EXPECT_FALSE(verify_id_token(token, both(), kIssuer, "", kNow));
    EXPECT_FALSE(good(rs256(claims(",\"x\":\"" + std::string(13000, 'x') + "\"")), both())) << "too long";
}
