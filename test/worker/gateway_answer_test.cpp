// Answers, who the caller is, how large a body may be, counting: the parts of the gateway that hold no
// socket.
#include "gateway/answer.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "engine/json.hpp"
#include "gateway/doors.hpp"
#include "gateway/forwarded.hpp"
#include "gateway/metrics.hpp"
#include "gateway/routes.hpp"

using namespace sentinel::gateway;
using sentinel::worker::Egress;
using sentinel::worker::parse_json;
using sentinel::worker::to_address;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

int times(const std::string& text, const std::string& part) {
    int n = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

Proxies proxies(const std::vector<std::string>& networks) {
    std::vector<Egress> out;
    for (const auto& one : networks) out.push_back(*Egress::parse(one));
    return Proxies(out);
}

std::string caller(const Proxies& of, const char* peer, const Headers& headers) {
    return to_inet(of.caller(peer == nullptr ? std::nullopt : to_address(peer), headers).address);
}

}  // namespace

TEST(GatewayAnswer, BearsTheHeadersOfEveryAnswer) {
    const auto text = to_bytes(problem(413, "body_too_large", "too \"large\""), "id-1", Body::whole, true);
    EXPECT_EQ(text.rfind("HTTP/1.1 413 Content Too Large\r\n", 0), 0u);
    for (const char* name : {"Strict-Transport-Security: ", "Content-Security-Policy: default-src 'none'; ",
                             "X-Content-Type-Options: nosniff\r\n", "X-Frame-Options: DENY\r\n",
                             "Referrer-Policy: no-referrer\r\n", "Cache-Control: no-store\r\n",
                             "X-Request-Id: id-1\r\n", "Connection: close\r\n", "Content-Length: "}) {
        EXPECT_EQ(times(text, name), 1) << name;
    }
    EXPECT_FALSE(has(text, "Server:"));
    EXPECT_EQ(text.substr(text.size() - 4), "\r\n\r\n");
}

TEST(GatewayAnswer, LetsTheDatabaseSetThem) {
    Answer answer;
    answer.status = 200;
    ASSERT_TRUE(read_headers(R"([["cache-control","max-age=5"],["Set-Cookie","a"],["Set-Cookie","b"],
        ["Content-Length","99"],["Server","x/1"],["Transfer-Encoding","chunked"],["X-Request-Id","theirs"]])",
                             answer.headers));
    const auto text = to_bytes(answer, "ours", Body::whole, false);
    EXPECT_TRUE(has(text, "cache-control: max-age=5\r\n"));
    EXPECT_FALSE(has(text, "no-store"));
    EXPECT_EQ(times(text, "Set-Cookie"), 2);
    EXPECT_TRUE(has(text, "Content-Length: 0\r\n"));
    for (const char* part : {"99", "x/1", "chunked", "theirs", "close"})
        EXPECT_FALSE(has(text, part)) << part;
    EXPECT_FALSE(has(to_bytes(answer, "x", Body::stream, true), "Content-Length"));
    answer.status = 304;
    EXPECT_FALSE(has(to_bytes(answer, "x", Body::whole, false), "Content-Length"));
}

TEST(GatewayAnswer, RefusesHeadersThatCannotBeSent) {
    Headers out;
    for (const char* json : {R"([["X","a\r\nSet-Cookie: b"]])", R"([["X\r\nY","a"]])", R"([["X","\u0000"]])",
                             R"([["","a"]])", R"([["X",1]])", R"([["X"]])", R"({"X":"a"})", "", "["}) {
        EXPECT_FALSE(read_headers(json, out)) << json;
    }
}

TEST(GatewayAnswer, MakesIdsThatDiffer) {
    std::set<std::string> all;
    for (int i = 0; i < 1000; ++i) all.insert(new_request_id());
    EXPECT_EQ(all.size(), 1000u);
    const auto& id = *all.begin();
    EXPECT_TRUE(is_request_id(id));
    EXPECT_EQ(id.size(), 36u);
    EXPECT_EQ(id[14], '4');
}

TEST(GatewayForwarded, BelievesOnlyItsProxies) {
    const Headers two{{"X-Forwarded-For", "1.2.3.4, 198.51.100.9"}};
    EXPECT_EQ(caller(proxies({}), "203.0.113.5", two), "203.0.113.5");
    EXPECT_EQ(caller(proxies({"203.0.113.5"}), "203.0.113.5", two), "198.51.100.9") << "what it heard itself";
    EXPECT_EQ(caller(proxies({"203.0.113.0/24", "198.51.100.9"}), "203.0.113.5", two), "1.2.3.4");
    EXPECT_EQ(caller(proxies({"203.0.113.5"}), "203.0.113.5", {}), "203.0.113.5");
    EXPECT_EQ(caller(proxies({}), nullptr, two), "198.51.100.9") << "over a Unix socket";
    EXPECT_EQ(caller(proxies({}), nullptr, {}), "127.0.0.1");
}

TEST(GatewayForwarded, ReadsEveryForm) {
    const auto of = proxies({"127.0.0.1"});
    const auto heard = [&](const std::string& text) {
        return caller(of, "127.0.0.1", {{"X-Forwarded-For", text}});
    };
    EXPECT_EQ(heard("1.2.3.4:567"), "1.2.3.4");
    EXPECT_EQ(heard("[2001:db8::1]:567"), "2001:db8::1");
    EXPECT_EQ(heard("2001:db8::1"), "2001:db8::1");
    EXPECT_EQ(heard("9.9.9.9, 127.0.0.1 ,127.0.0.1"), "9.9.9.9");
    for (const char* bad : {"", "unknown", "1.2.3", "9.9.9.9, evil", ",", "1.2.3.4'--"}) {
        EXPECT_EQ(heard(bad), "127.0.0.1") << bad;
    }
    const Headers lines{{"X-Forwarded-For", "6.6.6.6"}, {"x-forwarded-for", "7.7.7.7"}};
    EXPECT_EQ(caller(of, "127.0.0.1", lines), "7.7.7.7") << "the last line is the proxy's";
}

TEST(GatewayForwarded, PassesOnNoPretence) {
    Head head;
    head.headers = {{"Host", "h"},
                    {"Connection", "x"},
                    {"X-Forwarded-For", "1.1.1.1"},
                    {"X-Real-IP", "1.1.1.1"},
                    {"X-Forwarded-Proto", "https"},
                    {"X-Request-Id", "theirs"},
                    {"Upgrade", "h2c"},
                    {"Q", "\"\\\xff"}};
    const auto plain = to_headers_json(head, "ours", false);
    const auto list = parse_json(plain);
    ASSERT_TRUE(list) << plain;
    EXPECT_EQ(list->size(), 3u) << plain;
    EXPECT_EQ((*list)[0], (sentinel::worker::Json{"X-Request-Id", "ours"}));
    EXPECT_EQ((*list)[2][1], "\"\\\xEF\xBF\xBD");
    EXPECT_TRUE(has(to_headers_json(head, "ours", true), "[\"X-Forwarded-Proto\",\"https\"]"));
}

TEST(GatewayRoutes, FindsTheLimit) {
    Routes routes;
    routes.add("POST", "/deals/{deal_id}", 100);
    routes.add("POST", "/deals/bulk", 10'000'000);
    routes.add("POST", "/{any}/bulk", 5);
    routes.add("POST", "/huge", 1'000'000'000);
    routes.add("POST", "/none", -1);
    EXPECT_EQ(routes.most_body("POST", "/deals/1"), 100u);
    EXPECT_EQ(routes.most_body("POST", "/api/deals/1"), 100u);
    EXPECT_EQ(routes.most_body("POST", "/deals/bulk"), 10'000'000u);
    EXPECT_EQ(routes.most_body("POST", "/x/bulk"), 5u);
    EXPECT_EQ(routes.most_body("GET", "/deals/1"), kDefaultBody);
    EXPECT_EQ(routes.most_body("POST", "/deals/1/2"), kDefaultBody);
    EXPECT_EQ(routes.most_body("POST", "/huge"), kMostBody);
    EXPECT_EQ(routes.most_body("POST", "/none"), kDefaultBody);
    EXPECT_EQ(routes.most_body("POST", ""), kDefaultBody);
    EXPECT_EQ(routes.most_body("POST", std::string(8000, '/')), kDefaultBody);
}

TEST(GatewayMetrics, CountsWithinBounds) {
    Metrics metrics;
    for (const double ms : {1.0, 5.0, 5.1, 9999.0, 20'000.0}) metrics.answered("GET", "GET /a", 200, ms);
    metrics.answered("BREW", "unmatched", 404, 1);
    metrics.refused("busy");
    metrics.refused("busy");
    const auto json = parse_json(metrics.to_json({}));
    ASSERT_TRUE(json);
    const auto& get = (*json)["requests"][0];
    EXPECT_EQ(get["class"], "2xx");
    EXPECT_EQ(get["count"], 5);
    EXPECT_EQ(get["buckets"], (sentinel::worker::Json{2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4}));
    EXPECT_EQ((*json)["requests"][1]["method"], "OTHER");
    EXPECT_EQ((*json)["refused"]["busy"], 2);
}

TEST(GatewayMetrics, BoundsItsSeries) {
    Metrics metrics;
    for (int i = 0; i < 6000; ++i) metrics.answered("GET", std::to_string(i), 200, 1);
    EXPECT_LE((*parse_json(metrics.to_json({})))["requests"].size(), 5001u);
}

TEST(GatewayDoors, CountInAllAndByAddress) {
    Doors doors(3, 2);
    const auto a = to_address("192.0.2.1");
    const auto b = to_address("192.0.2.2");
    EXPECT_TRUE(doors.enter(a));
    EXPECT_TRUE(doors.enter(a));
    EXPECT_FALSE(doors.enter(a)) << "one address";
    EXPECT_TRUE(doors.enter(b));
    EXPECT_FALSE(doors.enter(std::nullopt)) << "all of them";
    doors.leave(a);
    EXPECT_TRUE(doors.enter(a));
    EXPECT_EQ(doors.inside(), 3);
    Budget budget(100);
    EXPECT_TRUE(budget.take(60));
    EXPECT_FALSE(budget.take(41));
    EXPECT_TRUE(budget.take(40));
    budget.give(100);
    EXPECT_EQ(budget.used(), 0u);
}
