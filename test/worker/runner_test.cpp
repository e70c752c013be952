// The runner: the tick on time, and jobs of the database looked for at the pace at which they come.
#include "engine/runner.hpp"

#include "fake_session.hpp"

using namespace sentinel::worker;

namespace {

constexpr const char* kRun = "run_jobs";
constexpr const char* kTick = "tick";

struct RunnerTest : testing::Test {
    FakeSession database;
    Log log{Level::error, -1};
    Config config;
    Runner runner{config, database, log};

    void SetUp() override {
        runner.connected(Clock::now());
        database.answer("SELECT 1");
        runner.step(Clock::now());
        database.answer(kTick);
    }

    void run(const std::string& ran) {
        runner.step(Clock::now() + Seconds(2));
        database.answer(kRun, {"ran"}, {{ran}});
    }

    // How long until the next look, of the runner alone.
    Millis pause() {
        const Instant now = Clock::now();
        return std::chrono::duration_cast<Millis>(runner.deadline(now) - now);
    }
};

}  // namespace

TEST_F(RunnerTest, GoesOnAtOnceWhileThereIsMore) {
    run("200");
    EXPECT_LE(pause(), Millis(0));
    run("200");
    EXPECT_LE(pause(), Millis(0));
    EXPECT_EQ(runner.idle_since(), Instant{});
    run("7");
    EXPECT_GT(pause(), Millis(10));
    EXPECT_LE(pause(), Pace::kSoonest);
}

TEST_F(RunnerTest, LooksEverLessOftenWhereNothingIs) {
    Millis before{0};
    for (const int ms : {20, 40, 80, 160, 320, 640, 1000, 1000}) {
        run("0");
        EXPECT_LE(pause(), Millis(ms));
        EXPECT_GT(pause(), Millis(ms / 2)) << ms;
        before = pause();
    }
    EXPECT_NE(runner.idle_since(), Instant{});
    runner.wake();
    EXPECT_LE(pause(), Millis(0)) << "a notification";
    run("0");
    EXPECT_LE(pause(), Pace::kSoonest) << "and the quick second look after it";
}

TEST_F(RunnerTest, KeepsANotificationThatCameMeanwhile) {
    runner.step(Clock::now());
    runner.wake();
    database.answer(kRun, {"ran"}, {{"0"}});
    EXPECT_LE(pause(), Millis(0));
}

TEST_F(RunnerTest, ServesADatabaseThatDoesNotSayHowManyRan) {
    runner.step(Clock::now() - Seconds(1));  // so that the call seems to have taken a second
    database.answer(kRun, {}, {});
    EXPECT_LE(pause(), Millis(0));
    runner.step(Clock::now());
    database.answer(kRun, {}, {});
    EXPECT_GT(pause(), Millis(0));
}

TEST_F(RunnerTest, TicksOnTime) {
    run("0");
    runner.step(Clock::now() + Seconds(config.tick_s + 1));
    EXPECT_EQ(database.count(kTick), 1u);
    runner.step(Clock::now() + Seconds(60));
    EXPECT_EQ(database.sent.size(), 1u) << "one call at a time";
    database.answer(kTick);
    EXPECT_LE(pause(), Millis(0)) << "what became due is a job now";
}

TEST_F(RunnerTest, RestsAfterAnError) {
    runner.step(Clock::now());
    database.refuse(kRun, "XX000");
    EXPECT_GT(pause(), Seconds(4));
    runner.step(Clock::now() + Seconds(1));
    EXPECT_TRUE(database.sent.empty());
}

TEST_F(RunnerTest, StopsBetweenCalls) {
    runner.step(Clock::now());
    EXPECT_TRUE(runner.busy());
    runner.stop();
    EXPECT_TRUE(runner.busy());
    database.answer(kRun, {"ran"}, {{"200"}});
    EXPECT_FALSE(runner.busy());
    runner.step(Clock::now() + Seconds(60));
    EXPECT_TRUE(database.sent.empty());
}

TEST_F(RunnerTest, LeavesJobsToOthersWhereToldTo) {
    Config quiet;
    quiet.run_sql_jobs = false;
    FakeSession server;
    Runner other(quiet, server, log);
    other.connected(Clock::now());
    server.answer("SELECT 1");
    other.step(Clock::now());
    server.answer(kTick);
    other.step(Clock::now() + Seconds(1));
    EXPECT_TRUE(server.sent.empty());
}
