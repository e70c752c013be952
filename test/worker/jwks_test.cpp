// Keys of identity providers: a GET that carries nothing of ours, over https or a port the operator named,
// read to 256 KiB.
#include "channels/jwks.hpp"

#include <memory>
#include <string>

#include "engine/http.hpp"
#include "receiver.hpp"

using namespace sentinel::worker;

namespace {

struct Room {
    Config config;
    Guard guard;
    Vault vault;
    Request request;

    Room() {
        request.job = "0190aaaa-0000-7000-8000-000000000003";
        request.kind = "jwks";
        request.url = "https://idp.example/keys";
        request.message_id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        request.body = "never sent";
    }

    void go_to(int port) {
        config.allow_http = true;
        config.egress_allow = {*Egress::parse("127.0.0.1:" + std::to_string(port))};
        guard = Guard(config.egress_allow);
        request.url = "http://127.0.0.1:" + std::to_string(port) + "/keys";
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

std::string refusal(const Built& built) {
    const auto* one = std::get_if<Refusal>(&built);
    return one == nullptr ? "(accepted)" : one->error_code;
}

std::string answer_of(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST(Jwks, IsAGuardedFetchThatShowsNothingOfOurs) {
    EXPECT_TRUE(channel_known("jwks"));
    Room room;
    const Built built = room.build();
    const Call& call = std::get<Call>(built);
    EXPECT_EQ(call.trust, Trust::guarded) << "the url is a customer's";
    EXPECT_TRUE(call.fetch);
    EXPECT_EQ(call.body, "");
    EXPECT_EQ(call.headers, std::vector<std::string>{"accept: application/json"});
}

TEST(Jwks, ComesOverHttpOnlyFromAPortThatTheOperatorNamed) {
    Room room;
    room.request.url = "http://idp.example/keys";
    EXPECT_EQ(refusal(room.build()), "invalid_request");
    room.config.allow_http = true;
    EXPECT_EQ(refusal(room.build()), "invalid_request") << "port 80 is open to webhooks, not to keys";
    room.go_to(8080);
    EXPECT_EQ(refusal(room.build()), "(accepted)");
    room.config.allow_http = false;
    EXPECT_EQ(refusal(room.build()), "invalid_request");
    for (const std::string url : {"https://user:pass@idp.example/", "ftp://idp.example/", "keys", ""}) {
        room.request.url = url;
        EXPECT_EQ(refusal(room.build()), "invalid_request") << url;
    }
}

TEST(Jwks, InnerAddressesAreNotAsked) {
    const Receiver receiver(answer_of("{}"));
    Room room;
    room.go_to(receiver.port());
    room.guard = Guard();
    room.request.url = "https://127.0.0.1:" + std::to_string(receiver.port()) + "/keys";
    Built built = room.build();
    if (std::get_if<Call>(&built) == nullptr) {
        EXPECT_EQ(refusal(built), "invalid_request");
        return;
    }
    EXPECT_EQ(room.ask().error_code, "blocked_address");
}

TEST(Jwks, AnAnswerOfAQuarterMegabyteComesBackWhole) {
    const std::string body = "{\"keys\": \"" + std::string(256 * 1024 - 12, 'y') + "\"}";
    ASSERT_EQ(body.size(), 256u * 1024);
    const Receiver receiver(answer_of(body));
    Room room;
    room.go_to(receiver.port());
    const Outcome outcome = room.ask();
    EXPECT_EQ(outcome.http_status, 200);
    EXPECT_EQ(outcome.error_code, "");
    EXPECT_TRUE(outcome.resp_excerpt == body);
    EXPECT_FALSE(outcome.resp_truncated);
    EXPECT_EQ(outcome.req_bytes, 0) << "a GET carries no body";
}

TEST(Jwks, ALongerAnswerIsCutAndSaysSo) {
    const Receiver receiver(answer_of(std::string(400 * 1024, 'y')));
    Room room;
    room.go_to(receiver.port());
    const Outcome outcome = room.ask();
    EXPECT_EQ(outcome.error_code, "");
    EXPECT_TRUE(outcome.resp_truncated);
    EXPECT_LE(outcome.resp_excerpt.size(), 256u * 1024);
}

TEST(Jwks, ARedirectIsNotFollowed) {
    const Receiver receiver(
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
    Room room;
    room.go_to(receiver.port());
    const Outcome outcome = room.ask();
    EXPECT_EQ(outcome.http_status, 302);
    EXPECT_EQ(outcome.error_code, "redirect_error");
}
