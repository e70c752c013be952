// The configuration file: defaults, every key, and a fault for every mistake.
#include "engine/config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

using namespace sentinel::worker;

namespace {

const std::string kGood = R"("database": "dbname=crm", "key_file": "/etc/sentinel/keys")";

ConfigReading read(const std::string& more, bool readable = false) {
    return parse_config("{" + kGood + (more.empty() ? "" : ", ") + more + "}", readable);
}

bool faults(const ConfigReading& reading, const std::string& word) {
    for (const auto& problem : reading.problems) {
        if (problem.find(word) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

TEST(Config, DefaultsAreComplete) {
    const auto reading = read("");
    ASSERT_TRUE(reading.problems.empty()) << reading.problems.front();
    const Config& c = reading.config;
    EXPECT_EQ(c.slots.at("webhooks"), 64);
    EXPECT_EQ(c.slots.at("chat"), 16);
    EXPECT_EQ(c.per_target, 4);
    EXPECT_EQ(c.poll_ms, 1000);
    EXPECT_EQ(c.lease_s, 90);
    EXPECT_FALSE(c.allow_http);
    EXPECT_TRUE(c.run_sql_jobs);
    EXPECT_EQ(c.slack_hosts, std::vector<std::string>{"hooks.slack.com"});
    EXPECT_EQ(c.ramp_s, 60);
    EXPECT_EQ(std::count(c.worker_name.begin(), c.worker_name.end(), ':'), 2) << c.worker_name;
    EXPECT_NE(c.worker_name, read("").config.worker_name) << "two of one host and pid are told apart";
}

TEST(Config, ReadsEveryKeyAndComments) {
    const auto reading = read(R"(
        // a comment
        "worker_name": "w1", "slots": {"webhooks": 8, "llm": 0}, "per_target": 2,
        "egress_allow": ["127.0.0.1:8080", "[::1]:9", "10.1.0.0/16"], "allow_http": true,
        "slack_hosts": ["127.0.0.1:8090", "hooks.slack.com"], "ca_file": "/x", "log_level": "debug",
        "poll_ms": 200, "tick_s": 1, "run_sql_jobs": false, "lease_s": 15, "stop_grace_s": 0,
        "ramp_s": 0)");
    ASSERT_TRUE(reading.problems.empty()) << reading.problems.front();
    EXPECT_EQ(reading.config.slots.at("webhooks"), 8);
    EXPECT_EQ(reading.config.slots.at("chat"), 16) << "a queue not named keeps its default";
    EXPECT_EQ(reading.config.slots.at("llm"), 0);
    EXPECT_EQ(reading.config.egress_allow.size(), 3u);
    EXPECT_EQ(reading.config.log_level, Level::debug);
    EXPECT_FALSE(reading.config.run_sql_jobs);
}

TEST(Config, NamesEveryFault) {
    const std::pair<const char*, const char*> cases[] = {
        {R"("databse": "x")", "databse"},
        {R"("slots": {"webhook": 1})", "slots"},
        {R"("slots": {"webhooks": -1})", "slots.webhooks"},
        {R"("slots": {"webhooks": 99999})", "slots.webhooks"},
        {R"("slots": {"webhooks": 0, "chat": 0, "mail": 0, "crm": 0, "llm": 0})", "all 0"},
        {R"("slots": 5)", "slots"},
        {R"("per_target": 0)", "per_target"},
        {R"("per_target": 1.5)", "per_target"},
        {R"("per_target": 18446744073709551615)", "per_target"},
        {R"("egress_allow": ["localhost:80"])", "egress_allow"},
        {R"("egress_allow": "127.0.0.1")", "egress_allow"},
        {R"("allow_http": "yes")", "allow_http"},
        {R"("slack_hosts": ["https://hooks.slack.com"])", "slack_hosts"},
        {R"("slack_hosts": ["Hooks.Slack.com"])", "slack_hosts"},
        {R"("slack_hosts": ["a:99999"])", "slack_hosts"},
        {R"("log_level": "loud")", "log_level"},
        {R"("lease_s": 5)", "lease_s"},
        {R"("poll_ms": 0)", "poll_ms"},
        {R"("worker_name": "")", "worker_name"},
        {R"("worker_name": 7)", "worker_name"},
        {R"("worker_name": "backend 7")", "worker_name"},
        {R"("ramp_s": -1)", "ramp_s"},
    };
    for (const auto& [text, word] : cases) EXPECT_TRUE(faults(read(text), word)) << text;
}

TEST(Config, FaultsAreOneLineEach) {
    const auto reading = read(R"("a\nb": 1, "per_target": 0, "log_level": "x")");
    EXPECT_EQ(reading.problems.size(), 3u);
    for (const auto& problem : reading.problems) EXPECT_EQ(problem.find('\n'), std::string::npos);
}

TEST(Config, RefusesAPasswordThatOthersMayRead) {
    const std::string with = R"({"database": "dbname=crm password=hunter2x", "key_file": "/k"})";
    const auto open = parse_config(with, true);
    EXPECT_TRUE(faults(open, "password"));
    EXPECT_FALSE(faults(open, "hunter2x")) << "the fault must not print it";
    EXPECT_TRUE(parse_config(with, false).problems.empty());
    const std::string uri = R"({"database": "postgres://u:hunter2x@h/d", "key_file": "/k"})";
    EXPECT_TRUE(faults(parse_config(uri, true), "password"));
    const auto broken = parse_config(R"({"database": "password=hunter2x dbname", "key_file": "/k"})", false);
    EXPECT_TRUE(faults(broken, "database"));
    EXPECT_FALSE(faults(broken, "hunter2x"));
}

TEST(Config, SurvivesWhatIsNoObject) {
    for (const std::string text : {"", "[]", "7", "{", "{\"database\"", "\xff\xfe", "null"}) {
        EXPECT_FALSE(parse_config(text, false).problems.empty()) << text;
    }
    EXPECT_FALSE(parse_config(std::string(100'000, '['), false).problems.empty());
    std::string deep = R"({"database": "dbname=crm", "key_file": "/k", "slots": )";
    for (int i = 0; i < 1000; ++i) deep += "{\"a\":";
    deep += "1" + std::string(1001, '}');
    EXPECT_TRUE(faults(parse_config(deep, false), "64 levels"));
}

TEST(Config, MissingFileIsAFault) {
    EXPECT_TRUE(faults(read_config("/nonexistent/worker.json"), "cannot read"));
}
