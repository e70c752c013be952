// Streams of events: frames, and who is asked for what when streams share an audience.
#include "gateway/hub.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "gateway/config.hpp"

using namespace sentinel::gateway;

namespace {

// Stands for the database and the clients: events are numbers from 1, a cursor is how many there were.
struct Bench {
    Hub hub;
    std::map<StreamId, std::string> got;
    std::map<StreamId, bool> full;
    std::vector<StreamId> closed;
    int head = 0;
    int fetches = 0;

    Bench() {
        hub.deliver = [this](StreamId id, const Bytes& bytes, int) {
            if (full[id]) return false;
            got[id] += *bytes;
            hub.drained(id);
            return true;
        };
        hub.close = [this](StreamId id) {
            closed.push_back(id);
            hub.remove(id);
        };
    }

    StreamId add(const std::string& audience, int cursor) {
        return hub.add({"token of " + audience, audience, std::to_string(cursor)});
    }

    void answer(const Hub::Fetch& fetch) {
        std::vector<Event> events;
        int at = std::stoi(fetch.cursor);
        while (at < head && static_cast<int>(events.size()) < Hub::kMostEvents) {
            ++at;
            events.push_back({std::to_string(at), "e", "d"});
        }
        ++fetches;
        hub.fetched(fetch.key, Hub::Failure::none, events, std::to_string(at));
    }

    // Until nobody wants anything any more.
    void run() {
        for (int rounds = 0; rounds < 3; ++rounds) {
            while (const auto fetch = hub.next()) answer(*fetch);
            hub.again();
        }
        while (const auto fetch = hub.next()) answer(*fetch);
    }

    // One look for news, as the gateway makes it.
    std::size_t look() {
        const auto asked = hub.question();
        std::vector<int> news;
        for (std::size_t i = 0; i < asked.groups.size(); ++i) {
            if (std::stoi(asked.cursors[i]) < head) news.push_back(static_cast<int>(i) + 1);
        }
        hub.news(asked, news);
        run();
        return asked.groups.size();
    }

    // The ids a client got.
    std::vector<int> ids(StreamId id) const {
        std::vector<int> out;
        const auto found = got.find(id);
        if (found == got.end()) return out;
        const std::string& text = found->second;
        for (auto at = text.find("id: "); at != std::string::npos; at = text.find("id: ", at + 1)) {
            out.push_back(std::stoi(text.substr(at + 4)));
        }
        return out;
    }
};

std::vector<int> from_to(int first, int last) {
    std::vector<int> out;
    for (int i = first; i <= last; ++i) out.push_back(i);
    return out;
}

}  // namespace

TEST(GatewayFrame, KeepsLinesApart) {
    EXPECT_EQ(to_frame({"7", "deal.won", "{}"}), "id: 7\nevent: deal.won\ndata: {}\n\n");
    EXPECT_EQ(to_frame({"7", "e", "a\nb\r\nc\rd\n"}),
              "id: 7\nevent: e\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    EXPECT_EQ(to_frame({"7\nid: 8", "e\r\n\r\n", ""}), "id: 7id: 8\nevent: e\ndata: \n\n");
    EXPECT_EQ(to_frame({std::string("7\0", 2), "e", "x"}), "id: 7\nevent: e\ndata: x\n\n");
}

TEST(GatewayTicket, IsReadStrictly) {
    ASSERT_TRUE(to_ticket(R"({"token":"t","audience":"a","cursor":"c"})"));
    EXPECT_FALSE(to_ticket(R"({"token":"t","audience":"a"})"));
    EXPECT_FALSE(to_ticket(R"({"token":"t","audience":"a","cursor":1})"));
    EXPECT_FALSE(to_ticket("[]"));
}

TEST(GatewayHub, OneFetchServesAnAudience) {
    Bench bench;
    bench.head = 10;
    std::vector<StreamId> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(bench.add("a", 10));
    bench.run();
    bench.fetches = 0;
    bench.head = 12;
    EXPECT_EQ(bench.look(), 1u) << "one question for all of them";
    EXPECT_EQ(bench.fetches, 1);
    for (const auto id : ids) EXPECT_EQ(bench.ids(id), from_to(11, 12));
    bench.fetches = 0;
    EXPECT_EQ(bench.look(), 1u);
    EXPECT_EQ(bench.fetches, 0) << "no news, no fetch";
}

TEST(GatewayHub, AudiencesAreApart) {
    Bench bench;
    const auto a = bench.add("a", 0);
    const auto b = bench.add("b", 0);
    bench.run();
    EXPECT_EQ(bench.look(), 2u);
    EXPECT_EQ(bench.hub.count("a"), 1);
    bench.hub.remove(a);
    EXPECT_EQ(bench.hub.count("a"), 0);
    EXPECT_EQ(bench.look(), 1u);
    bench.hub.remove(b);
    EXPECT_EQ(bench.look(), 0u);
    EXPECT_FALSE(bench.hub.next());
}

TEST(GatewayHub, WhoIsBehindCatchesUpAndJoins) {
    Bench bench;
    bench.head = 1000;
    const auto early = bench.add("a", 1000);
    bench.run();
    const auto behind = bench.add("a", 0);
    bench.run();
    EXPECT_EQ(bench.ids(behind), from_to(1, 1000));
    EXPECT_TRUE(bench.ids(early).empty()) << "what it has seen it is not sent again";
    bench.head = 1003;
    EXPECT_EQ(bench.look(), 1u) << "they are one group by now";
    EXPECT_EQ(bench.ids(behind), from_to(1, 1003));
    EXPECT_EQ(bench.ids(early), from_to(1001, 1003));
}

TEST(GatewayHub, JoiningSkipsNothingAndRepeatsNothing) {
    Bench bench;
    bench.head = 5;
    const auto first = bench.add("a", 5);
    bench.run();
    // The group stands at 5. The second begins there too late: 8 events are there when it looks.
    bench.head = 8;
    const auto second = bench.add("a", 2);
    bench.run();
    EXPECT_EQ(bench.ids(second), from_to(3, 8));
    bench.head = 9;
    bench.look();
    EXPECT_EQ(bench.ids(first), from_to(6, 9));
    EXPECT_EQ(bench.ids(second), from_to(3, 9))
        << "6 to 8 come again with the group's fetch and are left out";
}

TEST(GatewayHub, AFetchUnderWayWhenTheGroupMovesIsNotTrusted) {
    Bench bench;
    const auto first = bench.add("a", 0);
    bench.run();
    const auto second = bench.add("a", 0);  // joins at once: the same cursor
    const auto third = bench.add("a", -1);
    const auto slow = bench.hub.next();
    ASSERT_TRUE(slow);
    bench.head = 3;
    bench.look();  // the group goes on to 3 meanwhile
    bench.hub.fetched(slow->key, Hub::Failure::none, {{"0", "e", "d"}}, "0");
    bench.run();
    for (const auto id : {first, second}) EXPECT_EQ(bench.ids(id), from_to(1, 3));
    EXPECT_EQ(bench.ids(third), from_to(0, 3));
}

TEST(GatewayHub, ASlowOneHoldsNobodyUp) {
    Bench bench;
    const auto slow = bench.add("a", 0);
    const auto quick = bench.add("a", 0);
    bench.run();
    bench.full[slow] = true;
    bench.head = 200;
    bench.look();
    EXPECT_EQ(bench.ids(quick), from_to(1, 200));
    EXPECT_TRUE(bench.ids(slow).empty());
    bench.full[slow] = false;
    bench.hub.drained(slow);
    bench.run();
    EXPECT_EQ(bench.ids(slow), from_to(1, 200)) << "none is lost to it";
}

TEST(GatewayHub, AFullQueueLosesNothingOfAnOwnFetch) {
    Bench bench;
    bench.head = 3;
    const auto id = bench.add("a", 0);
    bench.full[id] = true;
    const auto fetch = bench.hub.next();
    ASSERT_TRUE(fetch);
    bench.answer(*fetch);
    bench.full[id] = false;
    bench.hub.drained(id);
    bench.run();
    EXPECT_EQ(bench.ids(id), from_to(1, 3));
}

TEST(GatewayHub, EndsWhoseTokenNoLongerHolds) {
    Bench bench;
    const auto one = bench.add("a", 0);
    const auto two = bench.add("a", 0);
    bench.run();
    bench.head = 1;
    bench.hub.news(bench.hub.question(), {1});
    const auto fetch = bench.hub.next();
    ASSERT_TRUE(fetch);
    bench.hub.fetched(fetch->key, Hub::Failure::unauthorised, {}, "0");
    ASSERT_EQ(bench.closed.size(), 1u);
    bench.run();
    const auto left = bench.closed[0] == one ? two : one;
    EXPECT_EQ(bench.ids(left), from_to(1, 1)) << "the other one's token is tried";
    std::vector<StreamId> ids;
    EXPECT_EQ(bench.hub.tokens(ids), std::vector<std::string>{"token of a"});
    EXPECT_EQ(ids, std::vector<StreamId>{left});
}

TEST(GatewayHub, WaitsWhileTheDatabaseIsAway) {
    Bench bench;
    bench.head = 2;
    const auto id = bench.add("a", 0);
    auto fetch = bench.hub.next();
    ASSERT_TRUE(fetch);
    bench.hub.fetched(fetch->key, Hub::Failure::later, {}, "0");
    EXPECT_FALSE(bench.hub.next()) << "not at once";
    bench.hub.again();
    bench.run();
    EXPECT_EQ(bench.ids(id), from_to(1, 2));
}

TEST(GatewayHub, WhatIsGoneIsForgotten) {
    Bench bench;
    const auto id = bench.add("a", 0);
    const auto fetch = bench.hub.next();
    ASSERT_TRUE(fetch);
    bench.hub.remove(id);
    bench.hub.remove(id);
    bench.answer(*fetch);
    bench.hub.drained(id);
    bench.hub.again();
    EXPECT_FALSE(bench.hub.next());
    EXPECT_EQ(bench.hub.size(), 0u);
    EXPECT_TRUE(bench.got.empty());
}

namespace {

ConfigReading config(const std::string& more, bool readable = false) {
    return parse_config("{\"database\": \"dbname=crm\"" + (more.empty() ? "" : ", " + more) + "}", readable);
}

}  // namespace

TEST(GatewayConfig, DefaultsAreTheLimits) {
    const auto reading = config("");
    ASSERT_TRUE(reading.problems.empty()) << reading.problems.front();
    const Config& c = reading.config;
    EXPECT_EQ(c.listen, "127.0.0.1:8080");
    EXPECT_EQ(c.header_timeout_ms, 10'000);
    EXPECT_EQ(c.body_timeout_ms, 30'000);
    EXPECT_EQ(c.idle_timeout_ms, 30'000);
    EXPECT_EQ(c.requests_per_connection, 100);
    EXPECT_EQ(c.max_streams_per_audience, 5);
    EXPECT_EQ(c.body_memory_mb, 256);
    EXPECT_GE(c.connections, 2);
    EXPECT_TRUE(c.trusted_proxies.empty());
}

TEST(GatewayConfig, SaysWhatIsWrong) {
    EXPECT_FALSE(parse_config("{}", false).problems.empty()) << "no database";
    EXPECT_FALSE(parse_config("[", false).problems.empty());
    EXPECT_FALSE(config(R"("database": "password=x dbname=a")", true).problems.empty());
    for (const char* bad :
         {R"("listen": "localhost:80")", R"("listen": "127.0.0.1")", R"("listen": "1.2.3.4:99999")",
          R"("listen": "::1:80")", R"("listen": "unix:relative")", R"("listen": 80)",
          R"("trusted_proxies": ["proxy.example"])", R"("trusted_proxies": ["10.0.0.1:80"])",
          R"("connections": 0)", R"("body_memory_mb": 1)", R"("unknown": 1)", R"("log_level": "loud")",
          R"("log_requests": "yes")", R"("gateway_name": "")"}) {
        EXPECT_EQ(config(bad).problems.size(), 1u) << bad;
    }
    for (const char* good : {R"("listen": "[::1]:0")", R"("listen": "0.0.0.0:65535")",
                             R"("listen": "unix:/run/sentinel-gateway/http")",
                             R"("trusted_proxies": ["10.0.0.0/8", "::1"], "connections": 8)"}) {
        EXPECT_TRUE(config(good).problems.empty()) << good;
    }
}
