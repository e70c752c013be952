#include "engine/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <random>

#include "engine/config_reader.hpp"
#include "engine/json.hpp"

namespace sentinel::worker {
namespace {

constexpr int kMostSlots = 2000;

bool is_host(const std::string& text) {
    const std::string name = text.substr(0, text.find(':'));
    if (name.empty() || name.size() > 253) return false;
    const auto host_char = [](char c) {
        return std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) ||
               c == '-' || c == '.';
    };
    if (!std::all_of(name.begin(), name.end(), host_char)) return false;
    if (name.size() == text.size()) return true;
    const std::string port = text.substr(name.size() + 1);
    return !port.empty() && port.size() <= 5 &&
           std::all_of(port.begin(), port.end(),
                       [](char c) { return std::isdigit(static_cast<unsigned char>(c)); }) &&
           std::stoi(port) >= 1 && std::stoi(port) <= 65535;
}

void read_slots(Config& config, ConfigReader& reader) {
    const Json* slots = reader.find("slots");
    if (slots == nullptr) return;
    if (!slots->is_object()) {
        return reader.fault(
            "slots", "must be an object, such as {\"webhooks\": 64, \"chat\": 16}; 0 leaves a queue alone");
    }
    for (const auto& item : slots->items()) {
        const auto known = config.slots.find(item.key());
        if (known == config.slots.end()) {
            reader.fault("slots",
                         "names a queue that no worker serves; queues are webhooks, chat, mail, crm, llm");
        } else {
            reader.number("slots." + item.key(), item.value(), known->second, 0, kMostSlots);
        }
    }
    if (config.all_slots() == 0) reader.fault("slots", "are all 0, so nothing would be delivered");
}

}  // namespace

std::string default_name() {
    char host[256] = "worker";
    gethostname(host, sizeof host - 1);
    // Two containers may share host name and pid; two clones of a machine too.
    char random[8];
    std::snprintf(random, sizeof random, "%06x", std::random_device{}() & 0xffffffU);
    return std::string(host) + ":" + std::to_string(getpid()) + ":" + random;
}

int Config::all_slots() const {
    int sum = 0;
    for (const auto& [queue, n] : slots) sum += n;
    return sum;
}

ConfigReading parse_config(std::string_view text, bool readable_by_others) {
    ConfigReading out;
    Config& config = out.config;
    config.worker_name = default_name();
    std::string why;
    const auto root = parse_json(text, &why, true);
    if (!root || !root->is_object()) {
        out.problems.push_back("the file is not one JSON object" + (why.empty() ? "" : ": " + why));
        return out;
    }
    ConfigReader reader(*root, out.problems);
    reader.database(config.database, readable_by_others, "sentinel_worker");
    reader.text("worker_name", config.worker_name, "\"delivery-1\"");
    if (config.worker_name.empty() || config.worker_name.size() > 100) {
        reader.fault("worker_name", "must have 1 to 100 bytes; leave it out for host:pid:random");
    } else if (config.worker_name.rfind("backend ", 0) == 0) {
        reader.fault("worker_name",
                     "begins with \"backend \", as those do that run jobs inside the database");
    }
    reader.text("key_file", config.key_file, "\"/etc/sentinel/keys\"");
    if (config.key_file.empty()) reader.fault("key_file", "is missing; such as \"/etc/sentinel/keys\"");
    read_slots(config, reader);
    reader.number("per_target", config.per_target, 1, kMostSlots);
    reader.list("egress_allow", "[\"10.1.2.3:8080\"]", [&](const std::string& entry) {
        if (const auto egress = Egress::parse(entry)) {
            config.egress_allow.push_back(*egress);
        } else {
            reader.fault("egress_allow",
                         "has an entry that is not ip or ip:port, such as \"10.1.2.3:8080\", "
                         "\"[fd00::1]:8080\" or \"10.1.0.0/16\"; host names are not taken");
        }
    });
    reader.flag("allow_http", config.allow_http);
    std::vector<std::string> hosts;
    reader.list("slack_hosts", "[\"hooks.slack.com\"]", [&](const std::string& entry) {
        if (!is_host(entry)) {
            reader.fault("slack_hosts",
                         "has an entry that is not a lower-case host or host:port, "
                         "such as \"hooks.slack.com\"");
        }
        hosts.push_back(entry);
    });
    if (root->contains("slack_hosts")) config.slack_hosts = std::move(hosts);
    reader.text("ca_file", config.ca_file, "\"/etc/ssl/certs/ca-certificates.crt\"");
    std::string level(to_name(config.log_level));
    reader.text("log_level", level, "\"info\"");
    if (const auto value = to_level(level)) {
        config.log_level = *value;
    } else {
        reader.fault("log_level", "must be debug, info, warning or error");
    }
    reader.number("poll_ms", config.poll_ms, 50, 60'000);
    reader.number("tick_s", config.tick_s, 1, 3'600);
    reader.flag("run_sql_jobs", config.run_sql_jobs);
    // Heartbeats come three times in a lease; below 15 s an answer of the database that is merely slow would
    // cost it.
    reader.number("lease_s", config.lease_s, 15, 3'600);
    reader.number("stop_grace_s", config.stop_grace_s, 0, 300);
    reader.number("ramp_s", config.ramp_s, 0, 3'600);
    reader.refuse_unknown();
    return out;
}

ConfigReading read_config(const std::string& path) {
    ConfigReading out;
    bool readable_by_others = false;
    const auto text = read_config_file(path, readable_by_others, out.problems);
    return text ? parse_config(*text, readable_by_others) : out;
}

}  // namespace sentinel::worker
