// Every published vector verifies at its own time, and fails with any one byte changed; and the rules of each
// scheme.
#include "core/signature.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/digest.hpp"
#include "core/json_text.hpp"
#include "core/signature_parts.hpp"

using namespace sentinel::core;

namespace {

const std::string kPayloads =
    std::string(__FILE__).substr(0, std::string(__FILE__).rfind('/')) + "/../payloads/";

std::string read_file(const std::string& name) {
    std::stringstream out;
    out << std::ifstream(kPayloads + name).rdbuf();
    return out.str();
}

// A request whose every part can be changed.
struct Request {
    std::string scheme;
    std::string method = "POST";
    std::string url;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::string> keys;
    std::int64_t now = 1764000000000;

    std::string fault() const {
        SignedRequest request;
        request.method = method;
        request.url = url;
        request.body = body;
        request.now = now;
        for (const auto& [name, value] : headers) request.headers.push_back({name, value});
        const std::vector<std::string_view> views(keys.begin(), keys.end());
        return std::string(signature_fault(scheme, views, request));
    }
    Request with(const std::string& name, const std::string& value) const {
        Request out = *this;
        out.headers.emplace_back(name, value);
        return out;
    }
};

Request from_vector(const JsonText& vector) {
    Request out;
    const std::string vendor(*vector.string("vendor"));
    out.scheme = vendor.substr(0, vendor.find_first_of("- "));
    if (out.scheme == "resend") out.scheme = "standard";
    if (vector.string("order") == "body+timestamp") out.scheme = "zendesk_body_first";
    out.method = vector.string("method").value_or("POST");
    out.url = vector.string("url").value_or("");
    out.keys = {
        std::string(vector.string(vector.find("secret") != nullptr ? "secret" : "public_key_pem").value())};
    out.body = vector.find("body") != nullptr ? std::string(*vector.string("body"))
                                              : read_file(std::string(*vector.string("body_file")));
    const JsonText& headers = *vector.find("headers");
    for (std::size_t i = 0; i < headers.names.size(); ++i) {
        const std::string& value = headers.items[i].text;
        out.headers.emplace_back(headers.names[i], value);
        const auto at = read_digits(value);
        if (at) out.now = *at < 100000000000 ? *at * 1000 : *at;
        if (const auto time = read_iso_time(value)) out.now = *time;
    }
    return out;
}

std::vector<Request> vectors() {
    const auto all = parse_json_text(read_file("signature-vectors.json"));
    std::vector<Request> out;
    if (all) {
        for (const auto& item : all->items) out.push_back(from_vector(item));
    }
    return out;
}

// Every single-bit change of one text of the request must fail.
void expect_no_change_passes(const Request& good, std::string& part, const Request& changed,
                             const std::string& what) {
    const std::string original = part;
    for (std::size_t i = 0; i < original.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            part[i] = static_cast<char>(original[i] ^ 1 << bit);
            EXPECT_NE(changed.fault(), "") << good.scheme << ": " << what << ", byte " << i << " bit " << bit;
        }
        part[i] = original[i];
    }
    EXPECT_EQ(changed.fault(), "");
}

const std::string kKey = "a key of the tests";

Request github(const std::string& body) {
    return Request{"github", "POST", "", body, {{"X-Hub-Signature-256", "sha256=" + hmac_hex(kKey, {body})}},
                   {kKey}};
}

Request slack(std::int64_t at) {
    const std::string time = std::to_string(at);
    return Request{"slack",
                   "POST",
                   "",
                   "b",
                   {{"x-slack-signature", "v0=" + hmac_hex(kKey, {"v0:", time, ":b"})},
                    {"x-slack-request-timestamp", time}},
                   {kKey}};
}

Request hubspot_v3(const std::string& url, const std::string& signed_url) {
    const std::string time = "1764000000000";
    return Request{"hubspot",
                   "POST",
                   url,
                   "{}",
                   {{"X-HubSpot-Signature-v3", hmac_base64(kKey, {"POST", signed_url, "{}", time})},
                    {"X-HubSpot-Request-Timestamp", time}},
                   {kKey}};
}

const std::string kStandardKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

Request standard(const std::string& family, const std::string& id) {
    const std::string time = "1764000000";
    const auto key = standard_key(kStandardKey);
    return Request{"standard",
                   "POST",
                   "",
                   "{}",
                   {{family + "-id", id},
                    {family + "-timestamp", time},
                    {family + "-signature", "v1," + hmac_base64(key->view(), {id, ".", time, ".{}"})}},
                   {kStandardKey}};
}

}  // namespace

TEST(Signature, EveryVectorVerifies) {
    const auto all = vectors();
    ASSERT_EQ(all.size(), 10u);
    for (const auto& request : all) EXPECT_EQ(request.fault(), "") << request.scheme;
}

TEST(Signature, NoVectorVerifiesWithOneByteChanged) {
    for (const Request& good : vectors()) {
        Request changed = good;
        expect_no_change_passes(good, changed.body, changed, "body");
        expect_no_change_passes(good, changed.keys[0], changed, "key");
        for (auto& [name, value] : changed.headers) {
            if (good.scheme == "pagerduty")
                continue;  // of its two signatures one is another key's: see below
            expect_no_change_passes(good, value, changed, name);
        }
        if (good.scheme == "hubspot" && !good.url.empty()) {
            expect_no_change_passes(good, changed.url, changed, "url");
            expect_no_change_passes(good, changed.method, changed, "method");
        }
    }
}

TEST(Signature, EitherSignatureOfPagerDutyCounts) {
    for (const Request& good : vectors()) {
        if (good.scheme != "pagerduty") continue;
        const std::string right = "v1=" + hmac_hex(good.keys[0], {good.body});
        ASSERT_NE(good.headers[0].second.find(right), std::string::npos);
        Request alone = good;
        alone.headers[0].second = right;
        expect_no_change_passes(alone, alone.headers[0].second, alone, "signature");
        alone.headers[0].second = "v2=" + right.substr(3);
        EXPECT_EQ(alone.fault(), kMalformed);
        alone.headers[0].second = "v1=abc, " + right;
        EXPECT_EQ(alone.fault(), "");
        alone.headers[0].second = std::string(200, ',') + right;
        EXPECT_EQ(alone.fault(), kMalformed) << "a flood of signatures";
    }
}

TEST(Signature, NamesWhatIsWrong) {
    Request request = github("{}");
    EXPECT_EQ(request.fault(), "");
    EXPECT_EQ(request.with("x-hub-signature-256", request.headers[0].second).fault(), kMalformed) << "twice";
    request.headers[0].second.clear();
    EXPECT_EQ(request.fault(), kMalformed);
    request.headers.clear();
    EXPECT_EQ(request.fault(), kMissingSignature);
    request.keys.clear();
    EXPECT_EQ(request.fault(), kNoKey);
    request.scheme = "unheard of";
    EXPECT_EQ(request.fault(), kNoKey);
}

TEST(Signature, ShortKeysNeverVerify) {
    for (const std::string& key : {std::string(), std::string("1234567")}) {
        Request request = github("{}");
        request.keys = {key};
        request.headers[0].second = "sha256=" + hmac_hex(key, {"{}"});
        EXPECT_EQ(request.fault(), kNoKey);
    }
    Request request = standard("svix", "msg_1");
    EXPECT_EQ(request.fault(), "");
    request.keys = {"whsec_" + to_base64(Bytes(23, 'k'))};
    EXPECT_EQ(request.fault(), kNoKey);
    request.keys = {kStandardKey.substr(6)};
    EXPECT_EQ(request.fault(), kNoKey);
}

TEST(Signature, AnyKeyInForceMatches) {
    Request request = github("{}");
    request.keys = {"an older key", kKey, "a newer key"};
    EXPECT_EQ(request.fault(), "");
    request.keys = {"an older key", "a newer key"};
    EXPECT_EQ(request.fault(), kBadSignature);
}

TEST(Signature, WindowIsFiveMinutesOnBothSides) {
    EXPECT_EQ(slack(1764000000 - 300).fault(), "");
    EXPECT_EQ(slack(1764000000 + 300).fault(), "");
    EXPECT_EQ(slack(1764000000 - 301).fault(), kStale);
    EXPECT_EQ(slack(1764000000 + 301).fault(), kStale);
    Request request = slack(1764000000);
    EXPECT_EQ(request.with("X-Slack-Request-Timestamp", "1764000000").fault(), kMalformed);
    request.headers.pop_back();
    EXPECT_EQ(request.fault(), kMalformed);
    for (Request late : {hubspot_v3("u", "u"), standard("webhook", "m")}) {
        EXPECT_EQ(late.fault(), "");
        late.now += 300001;
        EXPECT_EQ(late.fault(), kStale) << late.scheme;
        late.now -= 600002;
        EXPECT_EQ(late.fault(), kStale) << late.scheme;
    }
}

TEST(Signature, HubSpotDecodesSomeCharactersOfTheUrl) {
    EXPECT_EQ(hubspot_url("https://a.b/c%3Ad%2f%3f%40%21%24%27%28%29%2A%2C%3B?x=%20%26%25%3"),
              "https://a.b/c:d/?@!$'()*,;?x=%20%26%25%3");
    EXPECT_EQ(hubspot_url("%253A"), "%253A") << "decoded once";
    EXPECT_EQ(hubspot_v3("https://a.b/c?x=%40", "https://a.b/c?x=@").fault(), "");
    EXPECT_EQ(hubspot_v3("https://a.b/c?x=%20", "https://a.b/c?x= ").fault(), kBadSignature);
}

TEST(Signature, HubSpotDoesNotFallBackFromTheNewestVersion) {
    const std::string body = "{}";
    Request request{"hubspot", "POST", "", body, {}, {kKey}};
    request.headers = {{"X-HubSpot-Signature", to_hex(view_of(sha256({kKey, body})))},
                       {"X-HubSpot-Signature-Version", "v1"}};
    EXPECT_EQ(request.fault(), "");
    EXPECT_EQ(request.with("X-HubSpot-Signature-v3", "").fault(), kMalformed);
    EXPECT_NE(request.with("X-HubSpot-Signature-v3", "AAAA")
                  .with("X-HubSpot-Request-Timestamp", "1764000000000")
                  .fault(),
              "");
    request.headers[1].second = "v3";
    EXPECT_EQ(request.fault(), kMalformed);
    request.headers.pop_back();
    EXPECT_EQ(request.fault(), kMalformed) << "no version";
}

TEST(Signature, PlainHashesAreNotContinued) {
    const std::string body("{}\0", 3);
    Request request{"hubspot", "POST", "", body, {}, {kKey}};
    request.headers = {{"X-HubSpot-Signature", to_hex(view_of(sha256({kKey, body})))},
                       {"X-HubSpot-Signature-Version", "v1"}};
    EXPECT_EQ(request.fault(), kMalformed);
}

TEST(Signature, GoHighLevelFallsBackOnlyWithoutItsHeader) {
    for (Request request : vectors()) {
        if (request.scheme != "gohighlevel") continue;
        const std::string public_key = request.keys[0];
        request.keys.push_back(kKey);
        EXPECT_EQ(request.fault(), "");
        Request forged = request.with("X-Webhook-Secret", kKey);
        forged.body += " ";
        EXPECT_EQ(forged.fault(), kBadSignature) << "the header is there: nothing else counts";
        request.headers.clear();
        EXPECT_EQ(request.fault(), kMissingSignature);
        EXPECT_EQ(request.with("X-Webhook-Secret", kKey).fault(), "");
        EXPECT_EQ(request.with("X-Webhook-Secret", public_key).fault(), kBadSignature)
            << "all the world knows it";
        const std::string line = public_key.substr(27, 60);
        request.keys = {line};
        EXPECT_EQ(request.with("X-Webhook-Secret", line).fault(), kMissingSignature);
        EXPECT_TRUE(ed25519_key(line)) << "the base64 alone will do";
    }
}

TEST(Signature, StandardTakesBothFamiliesOfNames) {
    for (const std::string family : {"webhook", "svix"}) {
        Request request = standard(family, "msg_1");
        EXPECT_EQ(request.fault(), "");
        request.headers[2].second = "v1a,AAAA v1,AAAA " + request.headers[2].second;
        EXPECT_EQ(request.fault(), "") << "any of several";
        request.headers[2].second = "v1a,AAAA";
        EXPECT_EQ(request.fault(), kMalformed);
    }
    EXPECT_EQ(standard("webhook", "msg.1").fault(), kMalformed) << "the full stop divides";
    Request request = standard("webhook", "msg_1");
    EXPECT_EQ(request.with("svix-signature", "v1,AAAA").fault(), "");
    EXPECT_EQ(request.with("webhook-id", "msg_1").fault(), kMalformed);
}

TEST(Signature, SecretsThatAreSentAsTheyAre) {
    const std::string credentials = "hook:a good password";
    Request request{"pipedrive", "POST", "", "{}", {}, {credentials}};
    EXPECT_EQ(request.fault(), kMissingSignature);
    const std::string coded = to_base64(Bytes(credentials.begin(), credentials.end()));
    EXPECT_EQ(request.with("Authorization", "Basic " + coded).fault(), "");
    EXPECT_EQ(request.with("authorization", "basic " + coded).fault(), "");
    EXPECT_EQ(request.with("Authorization", "Bearer " + coded).fault(), kMalformed);
    EXPECT_EQ(request.with("Authorization", "Basic " + coded + "!").fault(), kMalformed);
    EXPECT_EQ(request.with("Authorization", "Basic aG9vazphIGJhZCBwYXNzd29yZA==").fault(), kBadSignature);
    request.scheme = "basic";
    EXPECT_EQ(request.with("Authorization", "Basic " + coded).fault(), "");

    request.scheme = "shared_secret";
    request.keys = {kKey};
    for (const std::string name : {"x-ntpp-secret", "X-Webhook-Secret", "X-Sentinel-Secret"}) {
        EXPECT_EQ(request.with(name, " " + kKey + "\t").fault(), "");
        EXPECT_EQ(request.with(name, kKey + "!").fault(), kBadSignature);
    }
    EXPECT_EQ(request.with("X-NTPP-Secret", kKey).with("X-Webhook-Secret", kKey).fault(), kMalformed);
}

TEST(Signature, GenericHex) {
    Request request{"hmac_sha256", "POST", "", "{}", {}, {kKey}};
    const std::string hex = hmac_hex(kKey, {"{}"});
    EXPECT_EQ(request.with("X-Signature-256", hex).fault(), "");
    EXPECT_EQ(request.with("X-Hub-Signature-256", "sha256=" + hex).fault(), "");
    EXPECT_EQ(request.with("X-Hub-Signature-256", hex).with("X-Signature-256", hex).fault(), kMalformed);
    request.scheme = "github";
    EXPECT_EQ(request.with("X-Hub-Signature-256", hex).fault(), kMalformed) << "the vendor writes sha256=";
}

TEST(SignatureParts, ReadTimes) {
    EXPECT_EQ(read_iso_time("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(read_iso_time("2021-07-25T10:00:00Z"), 1627207200000);
    EXPECT_EQ(read_iso_time("2024-02-29T23:59:59.123456Z"), 1709251199000);
    EXPECT_EQ(read_iso_time("2021-07-25T12:00:00+02:00"), 1627207200000);
    EXPECT_EQ(read_iso_time("2021-07-25T04:30:00-05:30"), 1627207200000);
    for (const char* text :
         {"", "2021-07-25", "2021-07-25T10:00:00", "2021-07-25 10:00:00Z", "2021-13-25T10:00:00Z",
          "2021-07-25T10:00:00Zx", "2021-07-25T10:00:00.Z", "-021-07-25T10:00:00Z"}) {
        EXPECT_FALSE(read_iso_time(text)) << text;
    }
    EXPECT_EQ(read_digits("1531420618"), 1531420618);
    for (const char* text : {"", "-1", "+1", " 1", "1.5", "1e3", "0x1", "1234567890123456"})
        EXPECT_FALSE(read_digits(text)) << text;
}
