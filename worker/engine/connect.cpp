#include "engine/connect.hpp"

#include <cstring>
#include <utility>
#include <vector>

namespace sentinel::worker {
namespace {

// The user's own options come first, ours after them, so that ours hold.
std::string user_options(const std::string& conninfo) {
    const OptionsPtr options(PQconninfoParse(conninfo.c_str(), nullptr));
    for (const auto* one = options.get(); one != nullptr && one->keyword != nullptr; ++one) {
        if (std::strcmp(one->keyword, "options") == 0 && one->val != nullptr)
            return std::string(one->val) + " ";
    }
    return {};
}

}  // namespace

ConnectionPtr begin_connection(const std::string& conninfo, const std::string& options, const char* name,
                               Waiting waiting, const PlaceLists* places) {
    const std::string all_options = user_options(conninfo) + options;
    std::vector<std::pair<const char*, const char*>> pairs = {
        {"dbname", conninfo.c_str()}, {"application_name", name},
        {"keepalives_idle", "30"},    {"keepalives_interval", "10"},
        {"keepalives_count", "3"},    {"tcp_user_timeout", "30000"},
        {"connect_timeout", "10"},    {"target_session_attrs", "read-write"},
        {"client_encoding", "UTF8"},  {"options", all_options.c_str()},
    };
    if (places != nullptr) {
        pairs.emplace_back("host", places->hosts.c_str());
        pairs.emplace_back("hostaddr", places->addresses.c_str());
        pairs.emplace_back("port", places->ports.c_str());
    }
    pairs.emplace_back(nullptr, nullptr);
    std::vector<const char*> keys;
    std::vector<const char*> values;
    for (const auto& [key, value] : pairs) {
        keys.push_back(key);
        values.push_back(value);
    }
    return ConnectionPtr(waiting == Waiting::yes ? PQconnectdbParams(keys.data(), values.data(), 1)
                                                 : PQconnectStartParams(keys.data(), values.data(), 1));
}

}  // namespace sentinel::worker
