#include "engine/config_reader.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/encoding.hpp"
#include "engine/libpq.hpp"

namespace sentinel::worker {

const Json* ConfigReader::find(const char* key) {
    known_.emplace_back(key);
    const auto at = root_.find(key);
    return at == root_.end() ? nullptr : &*at;
}

void ConfigReader::text(const char* key, std::string& target, const char* example) {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return fault(key, std::string("must be a text, such as ") + example);
    target = value->get<std::string>();
    if (target.find('\0') != std::string::npos) fault(key, "has a zero byte");
}

void ConfigReader::flag(const char* key, bool& target) {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return fault(key, "must be true or false");
    target = value->get<bool>();
}

void ConfigReader::number(const char* key, int& target, int least, int most) {
    if (const Json* value = find(key)) number(key, *value, target, least, most);
}

void ConfigReader::number(const std::string& key, const Json& value, int& target, int least, int most) {
    const std::string range = "must be a whole number from " + std::to_string(least) + " to " +
                              std::to_string(most) + ", such as " + std::to_string(target);
    if (!value.is_number_integer()) return fault(key, range);
    const auto wide = value.is_number_unsigned() && value.get<std::uint64_t>() > 1'000'000'000
                          ? std::int64_t{1'000'000'000}
                          : value.get<std::int64_t>();
    if (wide < least || wide > most) return fault(key, range);
    target = static_cast<int>(wide);
}

void ConfigReader::list(const char* key, const char* example,
                        const std::function<void(const std::string&)>& each) {
    const Json* value = find(key);
    if (value == nullptr) return;
    const auto text = [](const Json& one) { return one.is_string(); };
    if (!value->is_array() || !std::all_of(value->begin(), value->end(), text)) {
        return fault(key, std::string("must be a list of texts, such as ") + example);
    }
    for (const auto& one : *value) each(one.get<std::string>());
}

void ConfigReader::database(std::string& conninfo, bool readable_by_others, const char* login) {
    text("database", conninfo, "\"host=/run/postgresql dbname=crm\"");
    if (conninfo.empty()) {
        return fault("database", std::string("is missing; such as \"host=/run/postgresql dbname=crm user=") +
                                     login + "\"");
    }
    char* text = nullptr;
    const OptionsPtr options(PQconninfoParse(conninfo.c_str(), &text));
    if (!options) {
        // libpq's sentence may quote the string, and with it a password: say only that it does not parse.
        PQfreemem(text);
        return fault("database",
                     "is no libpq connection string; such as \"host=/run/postgresql dbname=crm\"");
    }
    for (const PQconninfoOption* one = options.get(); one->keyword != nullptr; ++one) {
        if (one->val == nullptr || std::strcmp(one->keyword, "password") != 0) continue;
        if (readable_by_others) {
            fault("database",
                  "holds a password in a file that others may read; "
                  "chmod 0600 it, or use passfile= or peer authentication");
        }
    }
}

void ConfigReader::refuse_unknown() {
    for (const auto& item : root_.items()) {
        if (std::find(known_.begin(), known_.end(), item.key()) != known_.end()) continue;
        std::string all;
        for (const auto& name : known_) all += (all.empty() ? "" : ", ") + name;
        fault(core::to_printable(item.key(), 60), "is no key of this file; the keys are " + all);
    }
}

std::optional<std::string> read_config_file(const std::string& path, bool& readable_by_others,
                                            std::vector<std::string>& problems) {
    std::ifstream file(path, std::ios::binary);
    struct stat facts {};
    if (!file || stat(path.c_str(), &facts) != 0) {
        problems.push_back("cannot read " + path + ": " + std::strerror(errno));
        return std::nullopt;
    }
    readable_by_others = (facts.st_mode & 077) != 0;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace sentinel::worker
