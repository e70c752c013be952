// Read the keys of a configuration file one by one, and say of each fault what would be right.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/json.hpp"

namespace sentinel::worker {

// What remains unread at the end is an unknown key.
class ConfigReader {
 public:
    ConfigReader(const Json& root, std::vector<std::string>& problems) : root_(root), problems_(problems) {}

    void fault(const std::string& key, const std::string& what) { problems_.push_back(key + ": " + what); }
    const Json* find(const char* key);
    void text(const char* key, std::string& target, const char* example);
    void flag(const char* key, bool& target);
    void number(const char* key, int& target, int least, int most);
    void number(const std::string& key, const Json& value, int& target, int least, int most);
    void list(const char* key, const char* example, const std::function<void(const std::string&)>& each);
    // The key "database". A password in a file that others may read is a fault.
    void database(std::string& conninfo, bool readable_by_others, const char* login);
    void refuse_unknown();

 private:
    const Json& root_;
    std::vector<std::string>& problems_;
    std::vector<std::string> known_;
};

// The file's text, and whether others may read it; nothing, and a problem, where it cannot be read.
std::optional<std::string> read_config_file(const std::string& path, bool& readable_by_others,
                                            std::vector<std::string>& problems);

}  // namespace sentinel::worker
