// Sentinel's gateway: the commands.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "engine/connect.hpp"
#include "engine/log.hpp"
#include "engine/process.hpp"
#include "engine/session.hpp"
#include "gateway/config.hpp"
#include "gateway/run.hpp"

namespace sentinel::gateway {
namespace {

constexpr const char* kUsage =
    "sentinel-gateway: turns each HTTP request into one call of sentinel.http_handle().\n"
    "\n"
    "  sentinel-gateway [--config FILE]          run until SIGTERM\n"
    "  sentinel-gateway --check [--config FILE]  say what is wrong with the configuration; exit 0 or 1\n"
    "  sentinel-gateway --version\n"
    "\n"
    "The configuration is /etc/sentinel/gateway.json unless --config says otherwise.\n"
    "Signals: SIGTERM stops in order, a second one at once.\n";

int misuse(const std::string& text) {
    std::fprintf(stderr, "sentinel-gateway: %s; see sentinel-gateway --help\n", text.c_str());
    return 2;
}

// What the file points to: descriptors, the database, the rights there.
void check_surroundings(const Config& config, std::vector<std::string>& problems) {
    if (config.max_connections > worker::descriptor_limit() - 64 - config.connections) {
        problems.push_back("max_connections: " + std::to_string(config.max_connections) + ", but only " +
                           std::to_string(worker::descriptor_limit()) +
                           " files may be open (ulimit -n); raise LimitNOFILE= or lower it");
    }
    const auto connection =
        worker::begin_connection(config.database, "", "sentinel-gateway", worker::Waiting::yes);
    if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
        problems.push_back("database: " + (connection ? worker::one_line(PQerrorMessage(connection.get()))
                                                      : std::string("out of memory")));
        return;
    }
    for (const char* name : {"http_handle", "open_gateway", "gateway_routes", "stream_events",
                             "streams_with_news", "streams_ended", "report_requests"}) {
        const char* const values[] = {name};
        const worker::Reply reply(worker::ResultPtr(PQexecParams(
            connection.get(),
            "SELECT pg_catalog.has_function_privilege(p.oid, 'EXECUTE') FROM pg_catalog.pg_proc p "
            "JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
            "WHERE n.nspname = 'sentinel' AND p.proname = $1",
            1, nullptr, values, nullptr, nullptr, 0)));
        if (!reply.ok() || reply.rows() == 0) {
            problems.push_back(std::string("database: there is no sentinel.") + name +
                               "(); CREATE EXTENSION sentinel, then SELECT sentinel.install()");
        } else if (reply.text(0, 0) != "t") {
            problems.push_back(std::string("database: this login may not call sentinel.") + name +
                               "(); GRANT sentinel_gateway to it");
        }
    }
}

int check(const std::string& path) {
    ConfigReading reading = read_config(path);
    if (reading.problems.empty()) check_surroundings(reading.config, reading.problems);
    for (const auto& problem : reading.problems) std::printf("%s\n", problem.c_str());
    if (reading.problems.empty()) std::printf("%s is in order\n", path.c_str());
    return reading.problems.empty() ? 0 : 1;
}

int run(const std::string& path) {
    const ConfigReading reading = read_config(path);
    for (const auto& problem : reading.problems)
        std::fprintf(stderr, "sentinel-gateway: %s\n", problem.c_str());
    if (!reading.problems.empty()) return 2;
    worker::Log log(reading.config.log_level, 2);
    return run_server(reading.config, log);
}

int main_with(const std::vector<std::string>& words) {
    worker::harden_process();
    std::string path = "/etc/sentinel/gateway.json";
    bool only_check = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "--help" || word == "-h") {
            std::fputs(kUsage, stdout);
            return 0;
        }
        if (word == "--version") {
            std::printf("sentinel-gateway %s (%s)\n", SENTINEL_VERSION, library_versions());
            return 0;
        }
        if (word == "--check") {
            only_check = true;
        } else if (word != "--config") {
            return misuse("unknown argument " + word);
        } else if (++i == words.size()) {
            return misuse("--config needs a value");
        } else {
            path = words[i];
        }
    }
    return only_check ? check(path) : run(path);
}

}  // namespace
}  // namespace sentinel::gateway

int main(int argc, char** argv) {
    try {
        return sentinel::gateway::main_with({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sentinel-gateway: %s\n", error.what());
        return 1;
    }
}
