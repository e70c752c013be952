// The channels: Standard Webhooks signatures, header bytes, hosts of Slack, refusals.
#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <vector>

#include "channels/channel.hpp"
#include "channels/slack.hpp"
#include "channels/webhook.hpp"

using namespace sentinel::worker;

namespace {

constexpr const char* kOrg = "0190aaaa-0000-7000-8000-000000000001";
constexpr const char* kSecretId = "0190aaaa-0000-7000-8000-000000000002";
const std::string kKeyText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string kSlackUrl = "https://hooks.slack.com/services/T000/B000/XXXXXXXX";

// Everything a channel needs around it, and a row whose secrets are sealed for it.
struct Room {
    Config config;
    Guard guard;
    Vault vault;
    Request request;

    Room() {
        std::vector<std::string> problems;
        vault = Vault(*Keyring::parse("1 " + std::string(64, 'a') + " active\n", problems));
        request.job = "0190aaaa-0000-7000-8000-000000000003";
        request.org = kOrg;
        request.kind = "webhook";
        request.url = "https://example.com/hook";
        request.message_id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        request.body = R"({"test": 2432232314})";
        request.content_type = "application/json";
    }

    void seal(const std::string& purpose, const std::string& text, const std::string& version = "1") {
        const Binding binding{kOrg, kSecretId, version};
        request.secrets.push_back({kSecretId, purpose, version, vault.seal(text, binding)});
    }

    Built build() { return build_call(request, {config, guard, vault, 1614265330}); }
};

std::string header(const Built& built, const std::string& name) {
    const auto* call = std::get_if<Call>(&built);
    if (call == nullptr) return "(refused)";
    for (const auto& line : call->headers) {
        if (line.rfind(name + ": ", 0) == 0) return line.substr(name.size() + 2);
    }
    return "(missing)";
}

std::string refusal(const Built& built) {
    const auto* one = std::get_if<Refusal>(&built);
    return one == nullptr ? "(accepted)" : one->error_code;
}

}  // namespace

TEST(Signature, IsTheVectorOfTheStandard) {
    const auto key = read_webhook_key(kKeyText);
    ASSERT_TRUE(key);
    EXPECT_EQ(sign_webhook(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Signature, KeysHaveTheRightForm) {
    EXPECT_TRUE(read_webhook_key("whsec_" + std::string(32, 'A')));         // 24 bytes
    EXPECT_TRUE(read_webhook_key("whsec_" + std::string(86, 'A') + "=="));  // 64 bytes
    EXPECT_FALSE(read_webhook_key("whsec_" + std::string(31, 'A') + "="));  // 23 bytes
    EXPECT_FALSE(read_webhook_key("whsec_" + std::string(87, 'A') + "="));  // 65 bytes
    EXPECT_FALSE(read_webhook_key("whsec_"));
    EXPECT_FALSE(read_webhook_key(""));
    EXPECT_FALSE(read_webhook_key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    EXPECT_FALSE(read_webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"));  // unpadded
    EXPECT_FALSE(read_webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa\nw"));
    EXPECT_FALSE(read_webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La-a_w"));  // url alphabet
}

TEST(Webhook, SignsWithEveryKeyNewestFirst) {
    Room room;
    const std::string other = "whsec_" + std::string(43, 'B') + "=";
    EXPECT_FALSE(read_webhook_key(other)) << "unused bits are not zero";
    room.seal("webhook_key", kKeyText, "2");
    room.seal("webhook_key", "whsec_" + std::string(32, 'B'), "1");
    const Built built = room.build();
    EXPECT_EQ(header(built, "webhook-id"), "msg_p5jXN8AQM9LWM0D4loKWxJek");
    EXPECT_EQ(header(built, "webhook-timestamp"), "1614265330");
    EXPECT_EQ(header(built, "content-type"), "application/json");
    const std::string signatures = header(built, "webhook-signature");
    EXPECT_EQ(signatures.rfind("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,", 0), 0u) << signatures;
    EXPECT_EQ(std::get<Call>(built).trust, Trust::guarded);
}

// Our own clock may be wrong; the database's came with the row, and time that passed since is monotonic.
TEST(Webhook, IsStampedByTheDatabasesClock) {
    Room room;
    room.seal("webhook_key", kKeyText);
    room.request.asked_at = 1'800'000'000;
    room.request.read_at = Clock::now() - Seconds(7);
    const Built built = room.build();
    EXPECT_EQ(header(built, "webhook-timestamp"), "1800000007");
    EXPECT_EQ(std::get<Call>(built).now, 1'800'000'007);
    Room slack;
    slack.request.kind = "slack";
    slack.seal("slack_url", kSlackUrl);
    slack.request.asked_at = 1'800'000'000;
    slack.request.read_at = Clock::now();
    EXPECT_EQ(std::get<Call>(slack.build()).now, 1'800'000'000);
}

// Whatever a row holds, the headers are ours, each once.
TEST(Webhook, SendsExactlyItsOwnHeaders) {
    for (const std::string type :
         {"application/json", "host: evil", "webhook-signature: v1,x", "x-evil: 1"}) {
        Room room;
        room.seal("webhook_key", kKeyText);
        room.request.content_type = type;
        const Built built = room.build();
        std::vector<std::string> names;
        for (const auto& line : std::get<Call>(built).headers)
            names.push_back(line.substr(0, line.find(':')));
        EXPECT_EQ(names, (std::vector<std::string>{"content-type", "webhook-id", "webhook-timestamp",
                                                   "webhook-signature"}));
        EXPECT_EQ(header(built, "content-type"), type) << "a value, whatever it looks like";
    }
}

TEST(Webhook, HidesItsKeysHoweverTheyAreQuoted) {
    Room room;
    const std::string key = "whsec_AAAA/AAAA/AAAAAAAAAAAAAAAAAAAAAA";
    room.seal("webhook_key", key);
    const Built built = room.build();
    const Redactor& redactor = std::get<Call>(built).redactor;
    EXPECT_EQ(redactor.clean("<" + key.substr(6) + ">"), "<[redacted]>");
    EXPECT_EQ(redactor.clean(R"(<AAAA\/AAAA\/AAAAAAAAAAAAAAAAAAAAAA>)"), "<[redacted]>");
}

TEST(Webhook, RefusesWithoutAUsableKey) {
    EXPECT_EQ(refusal(Room().build()), "secret_error");
    Room other_purpose;
    other_purpose.seal("slack_url", kSlackUrl);
    EXPECT_EQ(refusal(other_purpose.build()), "secret_error");
    Room short_key;
    short_key.seal("webhook_key", "whsec_AAAA");
    EXPECT_EQ(refusal(short_key.build()), "secret_error");
    Room moved;
    moved.seal("webhook_key", kKeyText);
    moved.request.org = "0190aaaa-0000-7000-8000-0000000000ff";
    EXPECT_EQ(refusal(moved.build()), "secret_error");
    Room damaged;
    damaged.seal("webhook_key", kKeyText);
    damaged.request.secrets[0].envelope.back() ^= 1;
    EXPECT_EQ(refusal(damaged.build()), "secret_error");
}

TEST(Webhook, RefusesWhatCouldSplitTheHeaders) {
    for (const std::string& id :
         std::initializer_list<std::string>{"a.b", "a b", "a\r\nx: y", "", "a\n", std::string("a\0b", 3)}) {
        Room room;
        room.seal("webhook_key", kKeyText);
        room.request.message_id = id;
        EXPECT_EQ(refusal(room.build()), "invalid_request") << id;
    }
    for (int byte = 0; byte < 256; ++byte) {
        Room room;
        room.seal("webhook_key", kKeyText);
        room.request.content_type = std::string("text/plain") + static_cast<char>(byte) + "x";
        const bool fine = byte >= 0x20 && byte <= 0x7e;
        EXPECT_EQ(refusal(room.build()), fine ? "(accepted)" : "invalid_request") << byte;
    }
    for (int byte = 0; byte < 256; ++byte) {
        Room room;
        room.seal("webhook_key", kKeyText);
        const char c = static_cast<char>(byte);
        room.request.url = std::string("https://example.com/a") + c + "b";
        const bool fine = byte > 0x20 && byte < 0x7f && c != '#';
        EXPECT_EQ(refusal(room.build()), fine ? "(accepted)" : "invalid_request") << byte;
        room.request.url = "https://example.com/";
        room.request.message_id = std::string("msg_") + c;
        const bool word = byte < 128 && (std::isalnum(byte) || c == '_' || c == '-');
        EXPECT_EQ(refusal(room.build()), word ? "(accepted)" : "invalid_request") << byte;
    }
}

TEST(Slack, RefusesEveryByteThatCouldSplitTheRequest) {
    for (int byte = 0; byte < 256; ++byte) {
        Room room;
        room.request.kind = "slack";
        const char c = static_cast<char>(byte);
        room.seal("slack_url", kSlackUrl + c + "b");
        const bool fine = byte > 0x20 && byte < 0x7f && c != '#';
        EXPECT_EQ(refusal(room.build()), fine ? "(accepted)" : "invalid_request") << byte;
    }
}

TEST(Header, NamesAndValues) {
    EXPECT_TRUE(header_ok("webhook-id", "x"));
    EXPECT_FALSE(header_ok("", "x"));
    EXPECT_FALSE(header_ok("a:b", "x"));
    EXPECT_FALSE(header_ok("a b", "x"));
    EXPECT_FALSE(header_ok("a", "")) << "libcurl would remove the header";
    EXPECT_FALSE(header_ok("a", "  "));
    EXPECT_FALSE(header_ok("a", "x\r\ny: z"));
    EXPECT_FALSE(header_ok("a", std::string(4097, 'x')));
    EXPECT_FALSE(header_ok(std::string(65, 'a'), "x"));
}

TEST(Slack, PostsToKnownHostsOnly) {
    const std::pair<const char*, const char*> cases[] = {
        {"https://hooks.slack.com/services/T/B/X", "(accepted)"},
        {"https://HOOKS.slack.com/services/T/B/X", "(accepted)"},
        {"https://hooks.slack.com:443/services/T/B/X", "(accepted)"},
        {"http://hooks.slack.com/services/T/B/X", "invalid_request"},
        {"https://hooks.slack.com:8443/services/T/B/X", "invalid_request"},
        {"https://hooks.slack.com.evil.example/x", "invalid_request"},
        {"https://hooks.slack.com@evil.example/x", "invalid_request"},
        {"https://evil.example/hooks.slack.com", "invalid_request"},
        {"https://hooks.slack.com#@evil.example/", "invalid_request"},
        {"https://hooks.slack.com\\@evil.example/", "invalid_request"},
        {"ftp://hooks.slack.com/x", "invalid_request"},
        {"not a url", "invalid_request"},
    };
    for (const auto& [url, expected] : cases) {
        Room room;
        room.request.kind = "slack";
        room.seal("slack_url", url);
        EXPECT_EQ(refusal(room.build()), expected) << url;
    }
}

TEST(Slack, KeepsItsUrlOutOfEveryText) {
    Room room;
    room.request.kind = "slack";
    room.seal("slack_url", kSlackUrl);
    const Built built = room.build();
    const auto& call = std::get<Call>(built);
    EXPECT_EQ(call.trust, Trust::fixed);
    EXPECT_EQ(call.host, "hooks.slack.com");
    for (const auto& line : call.headers) EXPECT_EQ(line.find("services"), std::string::npos);
    EXPECT_EQ(call.redactor.clean("failed: " + kSlackUrl + " gone").find("XXXXXXXX"), std::string::npos);
    EXPECT_EQ(call.redactor.clean("path /services/T000/B000/XXXXXXXX").find("B000"), std::string::npos);
    Room wrong;
    wrong.request.kind = "slack";
    wrong.seal("slack_url", "https://evil.example/services/T000/B000/XXXXXXXX");
    const Built refused = wrong.build();
    EXPECT_EQ(std::get<Refusal>(refused).error_detail.find("XXXXXXXX"), std::string::npos);
}

TEST(Slack, HidesItsTokenHoweverItIsQuoted) {
    Room room;
    room.request.kind = "slack";
    room.seal("slack_url", "https://hooks.slack.com/services/T000/B000/abcdefghijklmnopqrstuvwx");
    const Built built = room.build();
    const Redactor& redactor = std::get<Call>(built).redactor;
    for (const std::string quoted : {R"(\/services\/T000\/B000\/abcdefghijklmnopqrstuvwx)",
                                     "%2Fabcdefghijklmnopqrstuvwx", "abcdefghijklmnopqrstuvwx"}) {
        EXPECT_EQ(redactor.clean(quoted).find("abcdef"), std::string::npos) << quoted;
    }
}

TEST(Slack, PlainHttpNeedsThePortToBeNamed) {
    Room room;
    room.request.kind = "slack";
    room.config.allow_http = true;
    room.config.slack_hosts = {"hooks.slack.com", "127.0.0.1:8090"};
    room.seal("slack_url", "http://127.0.0.1:8090/services/x");
    EXPECT_EQ(refusal(room.build()), "(accepted)");
    room.request.secrets.clear();
    room.seal("slack_url", "http://hooks.slack.com/services/x");
    EXPECT_EQ(refusal(room.build()), "invalid_request");
}

TEST(Redactor, HidesKnownKinds) {
    EXPECT_EQ(redact_patterns("key whsec_abc/+=d end"), "key whsec_[redacted] end");
    EXPECT_EQ(redact_patterns("xoxb-12-34 whsec_"), "xoxb-[redacted] whsec_");
    EXPECT_EQ(redact_patterns("https://hooks.slack.com/services/T/B/X?y"),
              "https://hooks.slack.com/services/[redacted]?y");
}
