#include "gateway/config.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include "engine/config.hpp"
#include "engine/config_reader.hpp"
#include "engine/json.hpp"

namespace sentinel::gateway {
namespace {

constexpr int kHour = 3'600'000;

}  // namespace

bool Listen::parse(std::string_view text, Listen& out) {
    if (text.substr(0, 5) == "unix:") {
        out.path = text.substr(5);
        // The kernel's limit of a socket's path, its end included.
        return out.path.size() >= 2 && out.path.front() == '/' && out.path.size() < 108 &&
               out.path.find('\0') == std::string::npos;
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        if (host.find(':') == std::string_view::npos) return false;
    } else if (host.find(':') != std::string_view::npos) {
        return false;
    }
    if (!worker::to_address(host)) return false;
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    out.host = host;
    return !port.empty() && error == std::errc{} && stop == port.data() + port.size();
}

ConfigReading parse_config(std::string_view text, bool readable_by_others) {
    ConfigReading out;
    Config& config = out.config;
    config.gateway_name = worker::default_name();
    config.connections = std::clamp(2 * static_cast<int>(std::thread::hardware_concurrency()), 2, 64);
    std::string why;
    const auto root = worker::parse_json(text, &why, true);
    if (!root || !root->is_object()) {
        out.problems.push_back("the file is not one JSON object" + (why.empty() ? "" : ": " + why));
        return out;
    }
    worker::ConfigReader reader(*root, out.problems);
    reader.text("listen", config.listen, "\"127.0.0.1:8080\"");
    if (Listen place; !Listen::parse(config.listen, place)) {
        reader.fault("listen",
                     "must be an address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", or a "
                     "socket, such as \"unix:/run/sentinel-gateway/http\"; host names are not taken");
    }
    reader.database(config.database, readable_by_others, "sentinel-gateway");
    reader.text("gateway_name", config.gateway_name, "\"gateway-1\"");
    if (config.gateway_name.empty() || config.gateway_name.size() > 100) {
        reader.fault("gateway_name", "must have 1 to 100 bytes; leave it out for host:pid:random");
    }
    reader.number("connections", config.connections, 1, 500);
    reader.list("trusted_proxies", R"(["127.0.0.1", "10.1.0.0/16"])", [&](const std::string& entry) {
        const auto network = worker::Egress::parse(entry);
        if (network && network->port == 0) {
            config.trusted_proxies.push_back(*network);
        } else {
            reader.fault("trusted_proxies",
                         "has an entry that is not ip or ip/bits, such as \"127.0.0.1\" or \"10.1.0.0/16\"");
        }
    });
    reader.number("max_connections", config.max_connections, 1, 1'000'000);
    reader.number("max_connections_per_address", config.max_connections_per_address, 1, 1'000'000);
    reader.number("max_streams", config.max_streams, 0, 1'000'000);
    reader.number("max_streams_per_audience", config.max_streams_per_audience, 1, 1'000'000);
    reader.number("requests_per_connection", config.requests_per_connection, 1, 1'000'000);
    reader.number("body_memory_mb", config.body_memory_mb, 32, 65'536);
    reader.number("statement_timeout_ms", config.statement_timeout_ms, 100, kHour);
    reader.number("header_timeout_ms", config.header_timeout_ms, 100, kHour);
    reader.number("body_timeout_ms", config.body_timeout_ms, 100, kHour);
    reader.number("idle_timeout_ms", config.idle_timeout_ms, 100, kHour);
    reader.number("write_timeout_ms", config.write_timeout_ms, 100, kHour);
    reader.number("routes_every_s", config.routes_every_s, 1, 3'600);
    reader.number("stream_poll_ms", config.stream_poll_ms, 20, 60'000);
    reader.number("stream_check_ms", config.stream_check_ms, 100, kHour);
    reader.number("stream_ping_ms", config.stream_ping_ms, 100, kHour);
    reader.number("stop_grace_s", config.stop_grace_s, 0, 300);
    std::string level(worker::to_name(config.log_level));
    reader.text("log_level", level, "\"info\"");
    if (const auto value = worker::to_level(level)) {
        config.log_level = *value;
    } else {
        reader.fault("log_level", "must be debug, info, warning or error");
    }
    reader.flag("log_requests", config.log_requests);
    reader.refuse_unknown();
    return out;
}

ConfigReading read_config(const std::string& path) {
    ConfigReading out;
    bool readable_by_others = false;
    const auto text = worker::read_config_file(path, readable_by_others, out.problems);
    return text ? parse_config(*text, readable_by_others) : out;
}

}  // namespace sentinel::gateway
