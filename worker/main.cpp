// Sentinel's worker: the commands.
#include <cstdio>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/check.hpp"
#include "engine/config.hpp"
#include "engine/curl.hpp"
#include "engine/shared.hpp"
#include "engine/log.hpp"
#include "engine/loop.hpp"
#include "engine/process.hpp"
#include "engine/seal.hpp"

namespace sentinel::worker {
namespace {

constexpr const char* kDefaultConfig = "/etc/sentinel/worker.json";

constexpr const char* kUsage =
    "sentinel-worker: sends what the database wants sent.\n"
    "\n"
    "  sentinel-worker [--config FILE]          run until SIGTERM\n"
    "  sentinel-worker --drain [--config FILE]  run until no http job is due, then exit 0\n"
    "  sentinel-worker --check [--config FILE]  say what is wrong with the configuration; exit 0 or 1\n"
    "  sentinel-worker keygen --key-file FILE   create a key file with one random key\n"
    "  sentinel-worker seal --org UUID --secret UUID --version N [--config FILE | --key-file FILE]\n"
    "                       [--purpose slack_url|webhook_key|enrichment_key|model_key]\n"
    "                       [--store --target UUID]\n"
    "                                           seal the secret on standard input; print it, or store it\n"
    "  sentinel-worker --version\n"
    "\n"
    "The configuration is /etc/sentinel/worker.json unless --config says otherwise; --key-file goes before "
    "its\n"
    "key_file.\n"
    "Signals: SIGTERM stops in order, a second one at once; SIGHUP reads the key file again.\n";

int misuse(const std::string& text) {
    std::fprintf(stderr, "sentinel-worker: %s; see sentinel-worker --help\n", text.c_str());
    return 2;
}

// --name value, or --name alone for those in flags.
struct Arguments {
    std::map<std::string, std::string> values;
    std::set<std::string> flags;
    std::string problem;

    Arguments(const std::vector<std::string>& words, const std::set<std::string>& with_value,
              const std::set<std::string>& alone) {
        for (std::size_t i = 0; i < words.size() && problem.empty(); ++i) {
            if (alone.count(words[i]) != 0) {
                flags.insert(words[i]);
            } else if (with_value.count(words[i]) == 0) {
                problem = "unknown argument " + words[i];
            } else if (i + 1 == words.size()) {
                problem = words[i] + " needs a value";
            } else {
                values[words[i]] = words[i + 1];
                ++i;
            }
        }
    }

    std::string get(const std::string& name, const std::string& otherwise = "") const {
        const auto found = values.find(name);
        return found == values.end() ? otherwise : found->second;
    }
    bool has(const std::string& name) const { return flags.count(name) != 0; }
};

int print(const std::vector<std::string>& problems) {
    for (const auto& problem : problems) std::printf("%s\n", problem.c_str());
    return problems.empty() ? 0 : 1;
}

int check(const std::string& path, const std::string& key_file) {
    ConfigReading reading = read_config(path);
    if (!key_file.empty()) reading.config.key_file = key_file;
    std::vector<std::string> problems = reading.problems;
    const auto further = check_surroundings(reading.config);
    problems.insert(problems.end(), further.begin(), further.end());
    if (problems.empty()) std::printf("%s is in order\n", path.c_str());
    return print(problems);
}

int keygen(const Arguments& arguments) {
    const std::string path = arguments.get("--key-file");
    if (path.empty()) return misuse("keygen needs --key-file FILE");
    const std::string problem = create_key_file(path);
    if (problem.empty()) return 0;
    std::fprintf(stderr, "sentinel-worker: %s\n", problem.c_str());
    return 1;
}

int seal(const Arguments& arguments) {
    SealOrder order;
    order.org = arguments.get("--org");
    order.secret = arguments.get("--secret");
    order.version = arguments.get("--version");
    order.purpose = arguments.get("--purpose");
    order.target = arguments.get("--target");
    order.store = arguments.has("--store");
    order.key_file = arguments.get("--key-file");
    if (order.key_file.empty() || order.store) {
        const ConfigReading reading = read_config(arguments.get("--config", kDefaultConfig));
        if (!reading.problems.empty()) {
            for (const auto& problem : reading.problems)
                std::fprintf(stderr, "sentinel-worker: %s\n", problem.c_str());
            return 1;
        }
        order.database = reading.config.database;
        if (order.key_file.empty()) order.key_file = reading.config.key_file;
    }
    return seal_from_stdin(order);
}

int run(const std::string& path, const std::string& key_file, bool until_drained) {
    ConfigReading reading = read_config(path);
    if (!key_file.empty()) reading.config.key_file = key_file;
    std::vector<std::string> problems = reading.problems;
    std::optional<Keyring> ring;
    if (problems.empty()) ring = Keyring::read(reading.config.key_file, problems);
    if (!ring) {
        for (const auto& problem : problems) std::fprintf(stderr, "sentinel-worker: %s\n", problem.c_str());
        return 2;
    }
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) return 1;
    Log log(reading.config.log_level);
    int status = 0;
    {
        Loop loop(reading.config, Vault(std::move(*ring)), log, until_drained);
        status = loop.run();
    }
    curl_global_cleanup();
    return status;
}

int main_with(const std::vector<std::string>& words) {
    harden_process();
    if (!words.empty() && words[0] == "keygen") {
        const Arguments arguments({words.begin() + 1, words.end()}, {"--key-file"}, {});
        return arguments.problem.empty() ? keygen(arguments) : misuse(arguments.problem);
    }
    if (!words.empty() && words[0] == "seal") {
        const Arguments arguments(
            {words.begin() + 1, words.end()},
            {"--config", "--key-file", "--org", "--secret", "--version", "--purpose", "--target"},
            {"--store"});
        return arguments.problem.empty() ? seal(arguments) : misuse(arguments.problem);
    }
    const Arguments arguments(words, {"--config", "--key-file"},
                              {"--check", "--drain", "--version", "--help", "-h"});
    if (!arguments.problem.empty()) return misuse(arguments.problem);
    if (arguments.has("--help") || arguments.has("-h")) {
        std::fputs(kUsage, stdout);
        return 0;
    }
    if (arguments.has("--version")) {
        std::printf("sentinel-worker %s (%s)\n", SENTINEL_VERSION, curl_version());
        return 0;
    }
    const std::string path = arguments.get("--config", kDefaultConfig);
    const std::string key_file = arguments.get("--key-file");
    if (arguments.has("--check")) return check(path, key_file);
    return run(path, key_file, arguments.has("--drain"));
}

}  // namespace
}  // namespace sentinel::worker

int main(int argc, char** argv) {
    try {
        return sentinel::worker::main_with({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sentinel-worker: %s\n", error.what());
        return 1;
    }
}
