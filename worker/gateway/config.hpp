// Read the gateway's configuration and say, for each fault, what is wrong and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/guard.hpp"
#include "engine/log.hpp"

namespace sentinel::gateway {

using worker::Level;

struct Config {
    std::string listen = "127.0.0.1:8080";  // or [::1]:8080, or unix:/path
    std::string database;                   // libpq connection string or URI
    std::string gateway_name;               // default host:pid:random
    int connections = 2;                    // for requests; two more serve streams and housekeeping
    std::vector<worker::Egress> trusted_proxies;
    int max_connections = 12'000;
    int max_connections_per_address = 100;
    int max_streams = 11'000;
    int max_streams_per_audience = 5;
    int requests_per_connection = 100;
    int body_memory_mb = 256;  // of all requests and answers under way
    int statement_timeout_ms = 30'000;
    int header_timeout_ms = 10'000;
    int body_timeout_ms = 30'000;
    int idle_timeout_ms = 30'000;
    int write_timeout_ms = 30'000;
    int routes_every_s = 30;
    int stream_poll_ms = 250;
    int stream_check_ms = 15'000;
    int stream_ping_ms = 15'000;
    int stop_grace_s = 20;
    Level log_level = Level::info;
    bool log_requests = true;
};

struct ConfigReading {
    Config config;
    std::vector<std::string> problems;  // empty: the configuration may be used
};

// Where to listen: a path, or an address and a port.
struct Listen {
    std::string path;
    std::string host;
    std::uint16_t port = 0;  // 0: any that is free

    static bool parse(std::string_view text, Listen& out);
};

// JSON with // comments. readable_by_others: whether the file lets other users read it.
ConfigReading parse_config(std::string_view text, bool readable_by_others);
ConfigReading read_config(const std::string& path);

}  // namespace sentinel::gateway
