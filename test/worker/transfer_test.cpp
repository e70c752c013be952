// One request against a receiver that answers what it likes: what is said of it, kept of it, and told to
// whom.
#include "engine/transfer.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/http.hpp"
#include "engine/json.hpp"
#include "engine/url.hpp"
#include "receiver.hpp"

using namespace sentinel::worker;

namespace {

Guard open_guard(int port) {
    return Guard({*Egress::parse("127.0.0.1:" + std::to_string(port))});
}

struct Ended {
    Outcome outcome;
    bool exhausted = false;
    bool over = false;
};

Ended attempt(int port, const Guard& guard, const std::vector<std::string>& secrets = {},
              Trust trust = Trust::guarded, std::int64_t now = 0) {
    Ended out;
    Http http([&](Transfer& transfer, CURLcode code) {
        out = {transfer.outcome(code), transfer.exhausted(), true};
    });
    CheckedUrl checked = check_url("http://127.0.0.1:" + std::to_string(port) + "/", true, guard);
    EXPECT_TRUE(checked.ok()) << checked.problem;
    Call call;
    call.trust = trust;
    call.http_only = true;
    call.url = std::move(checked.handle);
    call.body = "{}";
    call.now = now;
    for (const auto& secret : secrets) call.redactor.add(secret);
    http.start(std::make_unique<Transfer>(std::move(call), guard, "", "tag"));
    for (int i = 0; i < 1000 && !out.over; ++i) {
        http.perform();
        std::vector<curl_waitfd> none;
        if (!out.over) http.poll(none, 20);
    }
    EXPECT_TRUE(out.over);
    return out;
}

Ended attempt(const Receiver& receiver, const std::vector<std::string>& secrets = {},
              Trust trust = Trust::guarded) {
    return attempt(receiver.port(), open_guard(receiver.port()), secrets, trust);
}

Json told(const Outcome& outcome) {
    return *parse_json(to_json(outcome, "job", 1, "worker", "now"));
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";

}  // namespace

TEST(Transfer, AHeaderLineWithoutEndIsSaidToBeOne) {
    const Receiver receiver(kOk + "x-long: " + std::string(1'000'000, 'l'));
    const Outcome outcome = attempt(receiver).outcome;
    EXPECT_EQ(outcome.error_code, "header_too_large");
    EXPECT_EQ(outcome.http_status, 200);
}

TEST(Transfer, HeadersWithoutEndAreCut) {
    std::string flood = kOk;
    for (int i = 0; i < 2000; ++i) flood += "x-" + std::to_string(i) + ": " + std::string(100, 'f') + "\r\n";
    EXPECT_EQ(attempt(Receiver(flood)).outcome.error_code, "header_too_large");
}

TEST(Transfer, AnswersBeforeTheAnswerAreCounted) {
    const std::string early = "HTTP/1.1 103 Early Hints\r\n\r\n";
    const std::string last = kOk + "content-length: 0\r\n\r\n";
    EXPECT_EQ(attempt(Receiver(early + early + last)).outcome.http_status, 200);
    std::string many;
    for (int i = 0; i < 100; ++i) many += early;
    const Outcome outcome = attempt(Receiver(many + last)).outcome;
    EXPECT_EQ(outcome.error_code, "header_too_large");
    EXPECT_EQ(outcome.http_status, std::nullopt);
}

TEST(Transfer, ABodyIsCutAndTheBeginningKept) {
    const Receiver receiver(kOk + "content-length: 1000000\r\n\r\n" + std::string(1'000'000, 'b'));
    const Outcome outcome = attempt(receiver).outcome;
    EXPECT_EQ(outcome.error_code, "") << "who has said 200 has taken it";
    EXPECT_EQ(outcome.resp_excerpt, std::string(kLongestExcerpt, 'b'));
    EXPECT_TRUE(outcome.resp_truncated);
    EXPECT_LE(outcome.resp_bytes, 64 * 1024 + CURL_MAX_WRITE_SIZE);
}

TEST(Transfer, AShortAnswerIsKeptWhole) {
    const Outcome outcome = attempt(Receiver(kOk + "content-length: 5\r\n\r\nhello")).outcome;
    EXPECT_EQ(outcome.resp_excerpt, "hello");
    EXPECT_FALSE(outcome.resp_truncated);
}

// Wherever the excerpt is cut, no part of a secret may show, not even its beginning.
TEST(Transfer, TheCutShowsNoPartOfASecret) {
    const std::string secret = "K7f-token-that-nobody-else-may-read-0123456789";
    for (const std::size_t before : {std::size_t{0}, kLongestExcerpt - 20, kLongestExcerpt + 2048 - 20}) {
        std::string body(before, '.');
        while (body.size() < 60'000) body += secret;
        const Receiver receiver(kOk + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        const Outcome outcome = attempt(receiver, {secret}).outcome;
        EXPECT_EQ(outcome.resp_excerpt.find("K7"), std::string::npos) << before;
        EXPECT_LE(outcome.resp_excerpt.size(), kLongestExcerpt);
        EXPECT_TRUE(outcome.resp_truncated);
    }
}

TEST(Transfer, ADateToWaitForCountsFromTheGivenClock) {
    const Receiver receiver(
        "HTTP/1.1 429 Slow\r\nretry-after: Tue, 14 Nov 2023 22:14:49 GMT\r\ncontent-length: 0\r\n\r\n");
    const Guard guard = open_guard(receiver.port());
    EXPECT_EQ(attempt(receiver.port(), guard, {}, Trust::guarded, 1'700'000'000).outcome.retry_after_s, 89);
}

// A customer must not learn whether an address is refused by us or by its host.
TEST(Outcome, UnreachableLooksTheSameToTheCustomer) {
    int port = 0;
    { port = Receiver("").port(); }  // closed again
    const Guard open = open_guard(port);
    const Guard closed({*Egress::parse("198.51.100.77:" + std::to_string(port))});
    const Outcome refused = attempt(port, open).outcome;
    const Outcome blocked = attempt(port, closed).outcome;
    EXPECT_EQ(refused.error_code, "connection_refused") << "our log has the truth";
    EXPECT_EQ(blocked.error_code, "blocked_address");
    EXPECT_EQ(told(refused), told(blocked));
    EXPECT_EQ(told(blocked)["error_code"], "unreachable");
    for (const char* name :
         {"dns_ms", "connect_ms", "tls_ms", "ttfb_ms", "total_ms", "peer_ip", "http_status"}) {
        EXPECT_TRUE(told(blocked)[name].is_null()) << name;
    }
    Outcome late = refused;
    late.error_code = "connect_timeout";
    late.total_ms = 5000;
    EXPECT_EQ(told(late), told(blocked));
    late.error_code = "network_unreachable";
    EXPECT_EQ(told(late), told(blocked));
}

TEST(Outcome, HostsOfTheConfigurationAreToldAsTheyAre) {
    int port = 0;
    { port = Receiver("").port(); }
    const Outcome refused = attempt(port, open_guard(port), {}, Trust::fixed).outcome;
    EXPECT_EQ(told(refused)["error_code"], "connection_refused");
    EXPECT_FALSE(told(refused)["total_ms"].is_null());
}

// Our own want of descriptors is no fault of the receiver, and some are left for everything else.
TEST(Transfer, DescriptorsThatRunOutAreNotTheReceiversFault) {
    const Receiver receiver(kOk + "content-length: 0\r\n\r\n");
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit few{64, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    std::vector<int> taken;
    for (int one = dup(0); one >= 0 && one < 64 - kSpareDescriptors; one = dup(0)) taken.push_back(one);
    taken.push_back(64 - kSpareDescriptors);
    // libcurl needs a few for the pools themselves; the socket is what may not be had.
    for (int i = 0; i < 4; ++i) {
        close(taken[taken.size() - 2]);
        taken.erase(taken.end() - 2);
    }
    const Ended ended = attempt(receiver);
    for (const int one : taken) close(one);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_TRUE(ended.exhausted);
    EXPECT_FALSE(ended.outcome.sent);
    const Ended again = attempt(receiver);
    EXPECT_FALSE(again.exhausted);
    EXPECT_EQ(again.outcome.http_status, 200);
}
