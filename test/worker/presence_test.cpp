// Presence: hello on every connection, heartbeats three times in a lease, and which leases are lost.
#include "engine/presence.hpp"

#include "engine/json.hpp"
#include "fake_session.hpp"

using namespace sentinel::worker;

namespace {

constexpr const char* kHello = "worker_hello";
constexpr const char* kBeat = "heartbeat";
const Held kOne{"0190aaaa-0000-7000-8000-000000000001", 1};
const Held kTwo{"0190aaaa-0000-7000-8000-000000000002", 2};

Config config_with_lease(int lease_s) {
    Config out;
    out.worker_name = "w1";
    out.lease_s = lease_s;
    return out;
}

struct PresenceTest : testing::Test {
    FakeSession database;
    Log log{Level::error, -1};
    Config config = config_with_lease(90);
    Presence presence{config, database, log};
    Instant now = Clock::now();

    Json hello(const std::string& state) {
        presence.connected(now);
        return Json::parse(database.answer(kHello, {"state"}, {{state}}).at(2).value());
    }
};

}  // namespace

TEST_F(PresenceTest, NamesTheProcessTheSameAfterEachReconnect) {
    const Json first = hello("ready");
    EXPECT_TRUE(presence.ready());
    EXPECT_EQ(first["process"].get<std::string>().size(), 36u);
    EXPECT_EQ(first["slots"]["webhooks"], 64);
    database.lose();
    presence.disconnected();
    EXPECT_FALSE(presence.ready());
    database.rise();
    EXPECT_EQ(hello("ready")["process"], first["process"]);
    Presence other(config, database, log);
    other.connected(now);
    EXPECT_NE(Json::parse(database.take(kHello).parameters.at(2).value())["process"], first["process"])
        << "an earlier process of the same name is another one";
}

TEST_F(PresenceTest, AsksAgainWhileParkedOrRefused) {
    hello("parked");
    EXPECT_TRUE(presence.parked());
    presence.step(now + Seconds(20));
    EXPECT_EQ(database.sent.size(), 0u);
    presence.step(now + Seconds(31));
    database.refuse(kHello, "SN001");
    EXPECT_FALSE(presence.ready());
    presence.step(now + Seconds(40));
    database.answer(kHello, {"state"}, {{"ready"}});
    EXPECT_TRUE(presence.ready());
    EXPECT_FALSE(presence.parked());
}

TEST_F(PresenceTest, BeatsThreeTimesInALeaseAtLeast) {
    for (const auto& [lease_s, every] : {std::pair<int, Millis>{15, Seconds(5)}, {90, Seconds(10)}}) {
        const Config with = config_with_lease(lease_s);
        FakeSession server;
        Presence one(with, server, log);
        one.connected(now);
        server.answer(kHello, {"state"}, {{"ready"}});
        one.step(now);
        EXPECT_EQ(server.answer(kBeat).at(3).value(), std::to_string(lease_s) + " seconds");
        EXPECT_EQ(one.deadline(now), now + every);
        one.step(now + every - Millis(1));
        EXPECT_EQ(server.count(kBeat), 0u);
        one.step(now + every);
        EXPECT_EQ(server.count(kBeat), 1u);
        one.step(now + 10 * every);
        EXPECT_EQ(server.count(kBeat), 1u) << "one at a time";
    }
}

TEST_F(PresenceTest, TellsWhichLeasesAreLost) {
    std::vector<Held> lost;
    presence.leases = [] { return std::vector<Held>{kOne, kTwo}; };
    presence.on_lost = [&](const std::vector<Held>& held) { lost = held; };
    hello("ready");
    presence.step(now);
    database.answer(kBeat, {"job_id"}, {{kTwo.job}});
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_EQ(lost[0].job, kOne.job);
    lost.clear();
    presence.step(now + Seconds(10));
    database.refuse(kBeat, "57014");
    EXPECT_TRUE(lost.empty()) << "no answer is no loss";
    presence.step(now + Seconds(20));
    database.lose();
    EXPECT_TRUE(lost.empty());
}

TEST_F(PresenceTest, PutsAHeartbeatOffForItsIntervalAtMost) {
    hello("ready");
    presence.step(now, false);
    EXPECT_EQ(database.count(kBeat), 0u);
    EXPECT_TRUE(presence.beat_due(now));
    EXPECT_EQ(presence.deadline(now, false), now + Seconds(10)) << "or the loop would spin";
    presence.step(now + Seconds(10), false);
    EXPECT_EQ(database.count(kBeat), 1u);
    EXPECT_TRUE(presence.beating());
}
