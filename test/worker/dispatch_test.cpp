// From claim to result: what is held is run, reported or given back, whatever breaks in between.
#include "engine/dispatch.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "engine/shared.hpp"
#include "engine/json.hpp"
#include "fake_session.hpp"

using namespace sentinel::worker;

namespace {

constexpr const char* kClaim = "sentinel.claim";
constexpr const char* kRequests = "http_requests";
constexpr const char* kFinish = "finish_http";
constexpr const char* kRelease = "sentinel.release";
constexpr const char* kBeat = "heartbeat";
constexpr const char* kOrg = "0190aaaa-0000-7000-8000-0000000000aa";
constexpr const char* kSecret = "0190aaaa-0000-7000-8000-0000000000bb";
constexpr const char* kTarget = "0190aaaa-0000-7000-8000-0000000000cc";

std::string job(int n) {
    return "0190aaaa-0000-7000-8000-00000000000" + std::to_string(n);
}

// Answers 200 to every request, each on a connection of its own, until it goes.
class Receiver {
 public:
    Receiver() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in place{};
        place.sin_family = AF_INET;
        place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof place;
        EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
        EXPECT_EQ(listen(listener_, 16), 0);
        getsockname(listener_, reinterpret_cast<sockaddr*>(&place), &size);
        port_ = ntohs(place.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Receiver() {
        shutdown(listener_, SHUT_RDWR);
        thread_.join();
        close(listener_);
    }
    int port() const { return port_; }

 private:
    void serve() const {
        for (int one = 0; (one = accept(listener_, nullptr, nullptr)) >= 0; close(one)) {
            char request[8192];
            if (read(one, request, sizeof request) <= 0) continue;
            const std::string_view answer =
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            EXPECT_EQ(write(one, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
        }
    }

    int listener_;
    int port_ = 0;
    std::thread thread_;
};

struct DispatchTest : testing::Test {
    DispatchTest() : http([this](Transfer& transfer, CURLcode code) { dispatch->done(transfer, code); }) {
        config.worker_name = "w1";
        config.slots = {{"webhooks", 20}};
        config.per_target = 2;
        config.ramp_s = 0;
        config.allow_http = true;
    }

    void begin() {
        config.egress_allow = {*Egress::parse("127.0.0.1:" + std::to_string(receiver.port()))};
        guard = Guard(config.egress_allow);
        std::vector<std::string> problems;
        dispatch = std::make_unique<Dispatch>(config, database, results, http, guard, log);
        dispatch->set_vault(Vault(*Keyring::parse("7 " + std::string(64, 'a') + " active", problems)));
        dispatch->connected(Clock::now());
        database.answer("worker_hello", {"state"}, {{"ready"}});
        step();
        database.answer(kBeat);
    }

    void step(Clock::duration later = {}) { dispatch->step(Clock::now() + later); }

    // Answer the claim under way with the jobs n of these.
    void claim(const std::vector<int>& jobs) {
        Rows rows;
        for (const int n : jobs) rows.push_back({job(n), std::to_string(n), "send_webhook", "1", "5"});
        database.answer(kClaim, {"job_id", "lease", "job_type", "attempt", "queue_ms"}, rows);
    }

    void requests(const std::vector<int>& jobs, const std::string& kind = "webhook",
                  const std::string& body = "{}") {
        std::vector<std::string> problems;
        const Vault vault(*Keyring::parse("7 " + std::string(64, 'a') + " active", problems));
        const Bytes envelope = vault.seal("whsec_" + to_base64(Bytes(32, 'k')), {kOrg, kSecret, "1"});
        const std::string secrets = R"([{"id": ")" + std::string(kSecret) +
                                    R"(", "purpose": "webhook_key", "version": 1, "envelope": ")" +
                                    to_hex(envelope) + "\"}]";
        Rows rows;
        for (const int n : jobs) {
            rows.push_back({job(n), std::to_string(n), kOrg, kind, kTarget,
                            "http://127.0.0.1:" + std::to_string(receiver.port()) + "/x",
                            "msg_" + std::to_string(n), to_hex(std::string_view(body)), "application/json",
                            secrets});
        }
        database.answer(kRequests,
                        {"job_id", "lease", "org_id", "target_kind", "target_id", "url", "message_id", "body",
                         "content_type", "secrets"},
                        rows);
    }

    void run_transfers() {
        const Instant end = Clock::now() + Seconds(20);
        while (http.running() > 0 && Clock::now() < end) {
            std::vector<curl_waitfd> none;
            http.perform();
            http.poll(none, 10);
        }
        EXPECT_EQ(http.running(), 0u);
    }

    Json reported() {
        step();
        return Json::parse(results.answer(kFinish, {"n"}, {{"1"}}).at(0).value());
    }

    FakeSession database;
    FakeSession results;
    Receiver receiver;
    Log log{Level::error, -1};
    Config config;
    Guard guard;
    std::unique_ptr<Dispatch> dispatch;
    Http http;
};

}  // namespace

TEST_F(DispatchTest, DeliversAndReports) {
    begin();
    EXPECT_EQ(database.sent.front().parameters.at(2).value(), "20") << "as many as there are places";
    claim({1, 2});
    requests({1, 2});
    EXPECT_EQ(http.running(), 2u);
    EXPECT_FALSE(dispatch->quiet());
    run_transfers();
    const Json told = reported();
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0]["http_status"], 200);
    EXPECT_EQ(told[0]["worker"], "w1");
    EXPECT_EQ(told[0]["resp_excerpt_hex"], to_hex(std::string_view("ok")));
    EXPECT_GE(told[0]["queue_ms"], 5) << "since it was due, by the database's clock, and then by ours";
    step(Millis(50));
    claim({});
    EXPECT_TRUE(dispatch->quiet());
}

TEST_F(DispatchTest, LooksAgainSoonAndThenLessOften) {
    begin();
    claim({});
    for (const int ms : {20, 40, 80, 160}) {
        const Instant now = Clock::now();
        EXPECT_LE(dispatch->deadline(now), now + Millis(ms));
        EXPECT_GT(dispatch->deadline(now), now + Millis(ms / 2)) << ms;
        step(Millis(ms));
        claim({});
    }
    dispatch->wake();
    step();
    EXPECT_EQ(database.count(kClaim), 1u) << "a notification ends the pause";
    dispatch->wake();
    claim({});
    step();
    EXPECT_EQ(database.count(kClaim), 1u) << "one that came during the claim counts too";
    claim({1});
    step(Millis(5));
    EXPECT_EQ(database.count(kClaim), 1u) << "fewer than asked for is no empty queue yet";
}

TEST_F(DispatchTest, BeginsSlowlyAfterAnOutage) {
    config.ramp_s = 60;
    begin();
    EXPECT_EQ(database.sent.front().parameters.at(2).value(), "2") << "a tenth of the places";
    claim({});
    step(Seconds(61));
    EXPECT_EQ(database.take(kClaim).parameters.at(2).value(), "20");
}

TEST_F(DispatchTest, RunsSoManyPerTargetAndTheOthersAfterThem) {
    begin();
    claim({1, 2, 3});
    requests({1, 2, 3});
    EXPECT_EQ(http.running(), 2u);
    run_transfers();
    EXPECT_EQ(reported().size(), 3u);
}

TEST_F(DispatchTest, AsksAgainForRequestsAfterABrokenConnection) {
    begin();
    claim({1});
    database.lose();
    dispatch->disconnected(Clock::now());
    step();
    database.rise();
    dispatch->connected(Clock::now());
    database.answer("worker_hello", {"state"}, {{"ready"}});
    step();
    EXPECT_EQ(database.answer(kBeat, {"job_id"}, {{job(1)}}).at(1).value(), "{\"" + job(1) + "\"}")
        << "its lease is renewed first thing";
    requests({1});
    run_transfers();
    EXPECT_EQ(reported().size(), 1u);
}

TEST_F(DispatchTest, GivesBackWhatCannotBeTried) {
    begin();
    claim({1, 2});
    requests({1}, "pigeon");  // an unknown channel; and the second has no request any more
    step(Millis(5));
    EXPECT_EQ(results.answer(kRelease).at(0).value(), "{\"" + job(1) + "\"}");
    claim({});
    EXPECT_TRUE(dispatch->quiet());
}

TEST_F(DispatchTest, FindsTheJobWhoseRequestCannotBeRead) {
    begin();
    claim({1, 2});
    database.refuse(kRequests, "22P02");
    EXPECT_EQ(database.count(kRequests), 2u) << "each by itself";
    database.refuse(kRequests, "22P02");
    requests({2});
    run_transfers();
    const Json told = reported();
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0]["job_id"], job(1));
    EXPECT_EQ(told[0]["error_code"], "invalid_request");
    EXPECT_EQ(told[1]["http_status"], 200);
}

TEST_F(DispatchTest, StopsWithNothingHeld) {
    begin();
    claim({1});
    step(Millis(5));
    ASSERT_EQ(database.count(kClaim), 1u);
    dispatch->stop();
    EXPECT_FALSE(dispatch->quiet());
    requests({1});
    EXPECT_EQ(http.running(), 0u) << "nothing new is begun";
    claim({2});
    EXPECT_EQ(database.count(kRequests), 0u) << "what a claim under way brings goes back at once";
    step();
    EXPECT_EQ(results.answer(kRelease).at(0).value(), "{\"" + job(1) + "\",\"" + job(2) + "\"}");
    EXPECT_TRUE(dispatch->quiet());
    step(Seconds(5));
    EXPECT_EQ(database.count(kClaim), 0u);
}

TEST_F(DispatchTest, ClaimsUnderWayKeepItFromBeingQuiet) {
    begin();
    dispatch->stop();
    EXPECT_FALSE(dispatch->quiet()) << "it may bring jobs, whose leases nobody would give back";
    claim({});
    EXPECT_TRUE(dispatch->quiet());
}

TEST_F(DispatchTest, DropsWhatItLostTheLeaseOf) {
    begin();
    claim({1, 2});
    requests({1, 2});
    EXPECT_EQ(http.running(), 2u);
    step(Seconds(11));
    database.answer(kBeat, {"job_id"}, {{job(2)}});
    EXPECT_EQ(http.running(), 1u);
    run_transfers();
    const Json told = reported();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0]["job_id"], job(2));
}

TEST_F(DispatchTest, HeartbeatsAndReportsTakeTurns) {
    begin();
    claim({1});
    requests({1});
    run_transfers();
    step(Seconds(11));
    EXPECT_EQ(database.count(kBeat), 1u);
    EXPECT_EQ(results.count(kFinish), 0u);
    database.answer(kBeat, {"job_id"}, {{job(1)}});
    step();
    EXPECT_EQ(results.count(kFinish), 1u);
    step(Seconds(22));
    EXPECT_EQ(database.count(kBeat), 0u) << "the report is on its way";
    step(Seconds(32));
    EXPECT_EQ(database.count(kBeat), 1u) << "but leases do not wait for ever";
}

TEST_F(DispatchTest, HoldsNoMoreBodiesThanThereIsMemoryFor) {
    config.slots = {{"webhooks", 2000}};
    config.per_target = 1;
    begin();
    EXPECT_EQ(database.sent.front().parameters.at(2).value(), "2000");
    std::vector<int> first;
    for (int n = 1; n <= 9; ++n) first.push_back(n);
    claim(first);
    requests(first, "webhook", std::string(4 * 1024 * 1024, 'x'));
    step(Millis(300));
    EXPECT_EQ(database.count(kClaim), 0u) << "36 MB are held";
    EXPECT_GT(dispatch->deadline(Clock::now()), Clock::now() + Millis(100)) << "and the loop does not spin";
    run_transfers();
    EXPECT_EQ(reported().size(), 9u);
    step(Millis(300));
    EXPECT_LT(std::stoi(database.take(kClaim).parameters.at(2).value()), 40) << "bodies are large here";
}

TEST_F(DispatchTest, AsksForManyRequestsAFewAtATime) {
    config.slots = {{"webhooks", 2000}};
    begin();
    Rows rows;
    for (int n = 0; n < 1000; ++n) rows.push_back({job(n), "1", "send_webhook", "1", "5"});
    database.answer(kClaim, {"job_id", "lease", "job_type", "attempt", "queue_ms"}, rows);
    EXPECT_EQ(database.count(kRequests), 5u);
}

TEST_F(DispatchTest, AbandonsWhatStillRuns) {
    begin();
    claim({1});
    requests({1});
    dispatch->stop();
    dispatch->abandon();
    EXPECT_EQ(http.running(), 0u);
    step();
    EXPECT_EQ(results.count(kRelease), 1u) << "no byte had been sent";
}
