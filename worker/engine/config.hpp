// Read the configuration file and say, for each fault, what is wrong and what would be right.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/guard.hpp"
#include "engine/log.hpp"

namespace sentinel::worker {

struct Config {
    std::string database;     // libpq connection string or URI
    std::string worker_name;  // default host:pid:random, so that no two are alike
    std::string key_file;
    std::map<std::string, int> slots{{"webhooks", 64}, {"chat", 16}, {"mail", 16}, {"crm", 32}, {"llm", 8}};
    int per_target = 4;  // transfers at once to one endpoint
    std::vector<Egress> egress_allow;
    bool allow_http = false;
    std::vector<std::string> slack_hosts{"hooks.slack.com"};
    std::string ca_file;
    Level log_level = Level::info;
    int poll_ms = 1000;  // the longest pause between two looks at an idle queue
    int tick_s = 5;
    bool run_sql_jobs = true;
    int lease_s = 90;
    int stop_grace_s = 20;
    int ramp_s = 60;  // from a tenth of the slots to all of them after an outage; 0: all at once

    int all_slots() const;
};

struct ConfigReading {
    Config config;
    std::vector<std::string> problems;  // empty: the configuration may be used
};

// host:pid:random, so that no two processes have the same, wherever they run.
std::string default_name();

// JSON with // comments. readable_by_others: whether the file lets other users read it.
ConfigReading parse_config(std::string_view text, bool readable_by_others);
ConfigReading read_config(const std::string& path);

}  // namespace sentinel::worker
