#include "engine/config.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "engine/json.hpp"
#include "engine/libpq.hpp"

namespace sentinel::worker {
namespace {

constexpr int kMostSlots = 2000;

std::string default_name() {
    char host[256] = "worker";
    gethostname(host, sizeof host - 1);
    // Two containers may share host name and pid; two clones of a machine too.
    char random[8];
    std::snprintf(random, sizeof random, "%06x", std::random_device{}() & 0xffffffU);
    return std::string(host) + ":" + std::to_string(getpid()) + ":" + random;
}

// Reads one key after another; what remains unread at the end is an unknown key.
class Reader {
 public:
    Reader(const Json& root, std::vector<std::string>& problems) : root_(root), problems_(problems) {}

    void fault(const std::string& key, const std::string& what) { problems_.push_back(key + ": " + what); }

    const Json* find(const char* key) {
        known_.emplace_back(key);
        const auto at = root_.find(key);
        return at == root_.end() ? nullptr : &*at;
    }

    void text(const char* key, std::string& target, const char* example) {
        const Json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_string()) return fault(key, std::string("must be a text, such as ") + example);
        target = value->get<std::string>();
        if (target.find('\0') != std::string::npos) fault(key, "has a zero byte");
    }

    void flag(const char* key, bool& target) {
        const Json* value = find(key);
        if (value == nullptr) return;
        if (!value->is_boolean()) return fault(key, "must be true or false");
        target = value->get<bool>();
    }

    void number(const char* key, int& target, int least, int most) {
        if (const Json* value = find(key)) number(key, *value, target, least, most);
    }

    void number(const std::string& key, const Json& value, int& target, int least, int most) {
        const std::string range = "must be a whole number from " + std::to_string(least) + " to " +
                                  std::to_string(most) + ", such as " + std::to_string(target);
        if (!value.is_number_integer()) return fault(key, range);
        const auto wide = value.is_number_unsigned() && value.get<std::uint64_t>() > 1'000'000'000
                              ? std::int64_t{1'000'000'000}
                              : value.get<std::int64_t>();
        if (wide < least || wide > most) return fault(key, range);
        target = static_cast<int>(wide);
    }

    void list(const char* key, const char* example, const std::function<void(const std::string&)>& each) {
        const Json* value = find(key);
        if (value == nullptr) return;
        const auto text = [](const Json& one) { return one.is_string(); };
        if (!value->is_array() || !std::all_of(value->begin(), value->end(), text)) {
            return fault(key, std::string("must be a list of texts, such as ") + example);
        }
        for (const auto& one : *value) each(one.get<std::string>());
    }

    void refuse_unknown() {
        for (const auto& item : root_.items()) {
            if (std::find(known_.begin(), known_.end(), item.key()) != known_.end()) continue;
            std::string all;
            for (const auto& name : known_) all += (all.empty() ? "" : ", ") + name;
            fault(to_printable(item.key()), "is no key of this file; the keys are " + all);
        }
    }

 private:
    static std::string to_printable(std::string key) {
        for (char& c : key) {
            if (!std::isprint(static_cast<unsigned char>(c))) c = '?';
        }
        return key.substr(0, 60);
    }

    const Json& root_;
    std::vector<std::string>& problems_;
    std::vector<std::string> known_;
};

void check_database(const std::string& conninfo, bool readable_by_others, Reader& reader) {
    if (conninfo.empty()) {
        return reader.fault("database",
                            "is missing; such as \"host=/run/postgresql dbname=crm user=sentinel_worker\"");
    }
    char* text = nullptr;
    const OptionsPtr options(PQconninfoParse(conninfo.c_str(), &text));
    if (!options) {
        // libpq's sentence may quote the string, and with it a password: say only that it does not parse.
        PQfreemem(text);
        return reader.fault("database",
                            "is no libpq connection string; such as \"host=/run/postgresql dbname=crm\"");
    }
    for (const PQconninfoOption* one = options.get(); one->keyword != nullptr; ++one) {
        if (one->val == nullptr || std::strcmp(one->keyword, "password") != 0) continue;
        if (readable_by_others) {
            reader.fault("database",
                         "holds a password in a file that others may read; "
                         "chmod 0600 it, or use passfile= or peer authentication");
        }
    }
}

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

void read_slots(Config& config, Reader& reader) {
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
    Reader reader(*root, out.problems);
    reader.text("database", config.database, "\"host=/run/postgresql dbname=crm\"");
    check_database(config.database, readable_by_others, reader);
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
    std::ifstream file(path, std::ios::binary);
    struct stat facts {};
    if (!file || stat(path.c_str(), &facts) != 0) {
        ConfigReading out;
        out.problems.push_back("cannot read " + path + ": " + std::strerror(errno));
        return out;
    }
    std::ostringstream text;
    text << file.rdbuf();
    return parse_config(text.str(), (facts.st_mode & 077) != 0);
}

}  // namespace sentinel::worker
