// The outbox: what was said is said again until the database has answered, and one bad result harms no other.
#include "engine/outbox.hpp"

#include "engine/json.hpp"
#include "fake_session.hpp"

using namespace sentinel::worker;

namespace {

constexpr const char* kFinish = "finish_http";
constexpr const char* kRelease = "sentinel.release";

Held held(int n) {
    return {"0190aaaa-0000-7000-8000-00000000000" + std::to_string(n), n};
}

Outcome delivered() {
    Outcome out;
    out.http_status = 200;
    out.resp_excerpt = "thanks";
    return out;
}

struct OutboxTest : testing::Test {
    FakeSession database;
    Log log{Level::error, -1};
    Outbox outbox{database, log, "w1"};
    Instant now = Clock::now();

    void finish(int n) { outbox.finish(held(n), delivered(), "2026-01-01T00:00:00Z"); }
    static Json results(const Parameters& parameters) { return Json::parse(parameters.at(0).value()); }
};

}  // namespace

TEST_F(OutboxTest, SendsWhatGatheredInOneCallAndForgetsItOnceStored) {
    for (int n = 1; n <= 3; ++n) finish(n);
    outbox.step(now);
    ASSERT_EQ(database.count(kFinish), 1u);
    finish(4);
    outbox.step(now);
    EXPECT_EQ(database.count(kFinish), 1u) << "the next call gathers while this one is on its way";
    int leases = 0;
    outbox.for_each([&](const Held&) { ++leases; });
    EXPECT_EQ(leases, 4) << "leases live until their results have arrived";
    const Json first = results(database.answer(kFinish, {"n"}, {{"3"}}));
    EXPECT_EQ(first.size(), 3u);
    EXPECT_EQ(first[0]["job_id"], held(1).job);
    EXPECT_EQ(first[0]["lease"], 1);
    EXPECT_EQ(first[0]["worker"], "w1");
    outbox.step(now);
    EXPECT_EQ(results(database.answer(kFinish, {"n"}, {{"1"}})).size(), 1u);
    EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, SaysEverythingAgainAfterABrokenConnection) {
    finish(1);
    outbox.release(held(2), 5);
    outbox.step(now);
    EXPECT_EQ(database.sent.size(), 2u);
    database.lose();
    EXPECT_FALSE(outbox.empty());
    outbox.step(now);
    EXPECT_TRUE(database.sent.empty()) << "nothing is sent while there is no connection";
    database.rise();
    outbox.step(now);
    EXPECT_EQ(results(database.answer(kFinish, {"n"}, {{"1"}}))[0]["job_id"], held(1).job);
    EXPECT_EQ(database.answer(kRelease).at(2).value(), "5 seconds");
    EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, WaitsBeforeItRepeatsWhatTheServerCouldNotDo) {
    finish(1);
    finish(2);
    outbox.step(now);
    database.refuse(kFinish, "40P01");
    outbox.step(Clock::now());
    EXPECT_EQ(database.count(kFinish), 0u);
    EXPECT_GT(outbox.deadline(Clock::now()), now + Millis(150));
    outbox.step(Clock::now() + Seconds(1));
    EXPECT_EQ(results(database.answer(kFinish, {"n"}, {{"2"}})).size(), 2u) << "both, in one call";
}

TEST_F(OutboxTest, FindsTheResultThatIsAtFault) {
    for (int n = 1; n <= 3; ++n) finish(n);
    outbox.step(now);
    database.refuse(kFinish, "22P05");
    std::vector<std::string> told;
    for (int round = 0; round < 8 && !outbox.empty(); ++round) {
        outbox.step(Clock::now() + Seconds(60));
        const Json sent = Json::parse(database.sent.front().parameters.at(0).value());
        ASSERT_EQ(sent.size(), 1u) << "each by itself";
        if (sent[0]["job_id"] == held(2).job) {
            told.push_back(sent[0]["resp_excerpt_hex"].is_null() ? "bare" : "whole");
            database.refuse(kFinish, "22P05");
        } else {
            database.answer(kFinish, {"n"}, {{"1"}});
        }
    }
    EXPECT_TRUE(outbox.empty()) << "the one at fault is dropped in the end: its lease runs out";
    EXPECT_EQ(told, (std::vector<std::string>{"whole", "bare"}));
}

TEST_F(OutboxTest, GivesJobsBackByDelay) {
    for (int n = 1; n <= 4; ++n) outbox.release(held(n), n % 2 == 0 ? 0 : 30);
    outbox.step(now);
    EXPECT_EQ(database.count(kRelease), 2u);
    const Parameters late = database.answer(kRelease);
    EXPECT_EQ(late.at(1).value(), leases_array({held(1), held(3)}));
    EXPECT_EQ(late.at(2).value(), "30 seconds");
    EXPECT_EQ(database.answer(kRelease).at(2).value(), "0 seconds");
    EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, IsFullBeforeItIsTooLarge) {
    for (std::size_t n = 0; n + 1 < Outbox::kFull; ++n) finish(1);
    EXPECT_FALSE(outbox.full());
    finish(1);
    EXPECT_TRUE(outbox.full());
    outbox.step(now);
    EXPECT_TRUE(outbox.full()) << "what is on its way counts";
    database.answer(kFinish, {"n"}, {{"200"}});
    EXPECT_FALSE(outbox.full());
}
