// Services: the key in its header and nowhere else, no key in the clear, and an answer that comes back whole.
#include "channels/service.hpp"

#include <memory>
#include <string>

#include "engine/http.hpp"
#include "engine/json.hpp"
#include "receiver.hpp"

using namespace sentinel::worker;

namespace {

constexpr const char* kOrg = "0190aaaa-0000-7000-8000-000000000001";
constexpr const char* kSecretId = "0190aaaa-0000-7000-8000-000000000002";
const std::string kKey = "sk-example/0123456789abcdef";

struct Room {
    Config config;
    Guard guard;
    Vault vault;
    Request request;

    explicit Room(const std::string& kind = "model") {
        std::vector<std::string> problems;
        vault = Vault(*Keyring::parse("1 " + std::string(64, 'a') + " active\n", problems));
        request.job = "0190aaaa-0000-7000-8000-000000000003";
        request.org = kOrg;
        request.kind = kind;
        request.url = "https://gateway.example/v1/chat/completions";
        request.message_id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        request.body = R"({"model": "m"})";
    }

    // Where the test's own server is.
    void go_to(int port) {
        config.allow_http = true;
        config.egress_allow = {*Egress::parse("127.0.0.1:" + std::to_string(port))};
        guard = Guard(config.egress_allow);
        request.url = "http://127.0.0.1:" + std::to_string(port) + "/v1/chat/completions";
    }

    void seal(const std::string& text, const std::string& purpose = "", const std::string& version = "1") {
        const Binding binding{kOrg, kSecretId, version};
        const std::string name = purpose.empty() ? request.kind + "_key" : purpose;
        request.secrets.push_back({kSecretId, name, version, vault.seal(text, binding)});
    }

    Built build() { return build_call(request, {config, guard, vault, 1614265330}); }

    Outcome ask() {
        Outcome out;
        bool over = false;
        Http http([&](Transfer& transfer, CURLcode code) {
            out = transfer.outcome(code);
            over = true;
        });
        Built built = build();
        Call* const call = std::get_if<Call>(&built);
        if (call == nullptr) {
            ADD_FAILURE() << std::get<Refusal>(built).error_detail;
            return out;
        }
        http.start(std::make_unique<Transfer>(std::move(*call), guard, "", "tag"));
        for (int i = 0; i < 1000 && !over; ++i) {
            http.perform();
            std::vector<curl_waitfd> none;
            if (!over) http.poll(none, 20);
        }
        EXPECT_TRUE(over);
        return out;
    }
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

std::string answer_of(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST(Service, IsAChannelOfBothKinds) {
    EXPECT_TRUE(channel_known("model"));
    EXPECT_TRUE(channel_known("enrichment"));
    EXPECT_FALSE(channel_known("oracle"));
    for (const std::string kind : {"model", "enrichment"}) {
        Room room(kind);
        room.seal(kKey);
        const Built built = room.build();
        EXPECT_EQ(header(built, "authorization"), "Bearer " + kKey);
        EXPECT_EQ(header(built, "content-type"), "application/json");
        EXPECT_EQ(header(built, "accept"), "application/json");
        EXPECT_EQ(header(built, "idempotency-key"), "msg_p5jXN8AQM9LWM0D4loKWxJek");
        EXPECT_EQ(std::get<Call>(built).body, room.request.body);
        EXPECT_EQ(std::get<Call>(built).trust, Trust::guarded) << "the url is a customer's";
    }
}

TEST(Service, TakesTheNewestKeyAndHidesAll) {
    Room room;
    room.seal("new-key-0123456789", "", "2");
    room.seal("old-key-0123456789", "", "1");
    const Built built = room.build();
    EXPECT_EQ(header(built, "authorization"), "Bearer new-key-0123456789");
    EXPECT_EQ(std::get<Call>(built).redactor.clean("new-key-0123456789 old-key-0123456789"),
              "[redacted] [redacted]");
}

TEST(Service, NeedsTheKeyOfItsKind) {
    Room room;
    EXPECT_EQ(refusal(room.build()), "secret_error");
    room.seal(kKey, "enrichment_key");
    EXPECT_EQ(refusal(room.build()), "secret_error");
    room.seal(kKey, "model_key");
    EXPECT_EQ(refusal(room.build()), "(accepted)");
}

TEST(Service, KeysThatCouldSplitTheHeaderAreRefusedWithoutBeingQuoted) {
    for (const std::string key : {"short", "with a space in it", "line\nbreak-0123456789",
                                  "line\r\nx-evil: 1-0123456789", "caf\xc3\xa9-0123456789"}) {
        Room room;
        room.seal(key);
        const Built built = room.build();
        EXPECT_EQ(refusal(built), "secret_error") << key;
        EXPECT_EQ(std::get<Refusal>(built).error_detail.find(key), std::string::npos);
        EXPECT_FALSE(is_bearer_key(key));
    }
    EXPECT_FALSE(is_bearer_key(std::string(2049, 'k')));
    EXPECT_TRUE(is_bearer_key(std::string(2048, 'k')));
    EXPECT_TRUE(is_bearer_key("12345678"));
}

TEST(Service, AKeyGoesOverHttpOnlyWhereTheOperatorNamedThePort) {
    Room room;
    room.seal(kKey);
    room.request.url = "http://gateway.example/v1";
    EXPECT_EQ(refusal(room.build()), "invalid_request");
    room.config.allow_http = true;
    EXPECT_EQ(refusal(room.build()), "invalid_request") << "port 80 is open to webhooks, not to keys";
    room.go_to(8080);
    EXPECT_EQ(refusal(room.build()), "(accepted)");
    room.config.allow_http = false;
    EXPECT_EQ(refusal(room.build()), "invalid_request");
    room.request.url = "https://user:pass@gateway.example/";
    EXPECT_EQ(refusal(room.build()), "invalid_request");
}

TEST(Service, AModelMayThinkForFiftySeconds) {
    Room model;
    model.seal(kKey);
    const Built slow = model.build();
    const Limits limits = *std::get<Call>(slow).limits;
    EXPECT_EQ(limits.total_ms, 50'000);
    EXPECT_EQ(limits.low_speed_s, 50) << "silence is thought, not a broken connection";
    EXPECT_LT(limits.total_ms, 1000L * model.config.lease_s);
    Room other("enrichment");
    other.seal(kKey);
    const Built quick = other.build();
    EXPECT_EQ(std::get<Call>(quick).limits->total_ms, 30'000);
}

TEST(Service, AnAnswerOfAQuarterMegabyteComesBackWhole) {
    const std::string body = "{\"x\": \"" + std::string(256 * 1024 - 9, 'y') + "\"}";
    ASSERT_EQ(body.size(), 256u * 1024);
    const Receiver receiver(answer_of(body));
    Room room;
    room.go_to(receiver.port());
    room.seal(kKey);
    const Outcome outcome = room.ask();
    EXPECT_EQ(outcome.http_status, 200);
    EXPECT_EQ(outcome.error_code, "");
    EXPECT_TRUE(outcome.resp_excerpt == body);
    EXPECT_FALSE(outcome.resp_truncated);
}

TEST(Service, ALongerAnswerIsCutAndSaysSo) {
    const Receiver receiver(answer_of(std::string(400 * 1024, 'y')));
    Room room;
    room.go_to(receiver.port());
    room.seal(kKey);
    const Outcome outcome = room.ask();
    EXPECT_EQ(outcome.error_code, "");
    EXPECT_TRUE(outcome.resp_truncated);
    EXPECT_LE(outcome.resp_excerpt.size(), 256u * 1024);
    EXPECT_GE(outcome.resp_excerpt.size(), 250u * 1024);
}

TEST(Service, HalfAnAnswerIsNone) {
    const Receiver receiver("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\": [");
    Room room;
    room.go_to(receiver.port());
    room.seal(kKey);
    const Outcome outcome = room.ask();
    EXPECT_EQ(outcome.error_code, "protocol_error");
    EXPECT_TRUE(outcome.sent);
}

TEST(Service, AKeyThatComesBackIsCutOut) {
    const Receiver receiver("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n" +
                            std::string("{\"error\": {\"message\": \"Incorrect API key: ") + kKey +
                            " or sk-example\\/0123456789abcdef\"}}");
    Room room;
    room.go_to(receiver.port());
    room.seal(kKey);
    const Outcome outcome = room.ask();
    EXPECT_EQ(outcome.http_status, 401);
    EXPECT_EQ(outcome.resp_excerpt,
              "{\"error\": {\"message\": \"Incorrect API key: [redacted] or [redacted]\"}}");
    EXPECT_EQ(to_json(outcome, "job", 1, "worker", "now").find("0123456789abcdef"), std::string::npos);
}
