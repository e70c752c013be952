#include "server_keys.hpp"

#include <sys/stat.h>

#include "pg/door.hpp"
#include "pg/text.hpp"
#include "uuid_text.hpp"

namespace sentinel {

namespace {

constexpr const char* kNotReady = "55000";
constexpr const char* kAdvice = "SELECT sentinel.create_server_key();";

char* key_file_setting = nullptr;

// What the keys were read from; never destroyed, as nothing of this library is when a session ends.
struct Loaded {
    core::Vault vault;
    std::string path;
    struct stat facts;
};
Loaded* loaded = nullptr;

std::string key_file() {
    const std::string given = key_file_setting == nullptr ? "" : key_file_setting;
    if (given.empty()) return std::string(DataDir) + "/sentinel.keys";
    const std::string path = core::expand_credentials(given);
    return path.front() == '/' ? path : std::string(DataDir) + "/" + path;
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mode == b.st_mode &&
           a.st_uid == b.st_uid && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
           a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace

void define_key_setting() {
    DefineCustomStringVariable(
        "sentinel.key_file", "File with the keys for what the database itself checks and signs.",
        "It belongs to the server's user, mode 0400 or 0600. Empty means sentinel.keys in the data "
        "directory.",
        &key_file_setting, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, nullptr, nullptr, nullptr);
}

const core::Vault& server_vault() {
    const std::string path = key_file();
    struct stat facts {};
    if (lstat(path.c_str(), &facts) != 0) {
        throw Failure(kNotReady, "the server has no key",
                      "What the database signs and checks needs the file that sentinel.key_file names.",
                      kAdvice);
    }
    if (loaded != nullptr && loaded->path == path && same_file(loaded->facts, facts)) return loaded->vault;
    delete loaded;
    loaded = nullptr;
    std::vector<std::string> problems;
    auto ring = core::Keyring::read(path, problems, "");
    if (!ring) {
        throw Failure(kNotReady, "the server's key cannot be used", problems.front(),
                      "Give the file to the server's user alone: chmod 0600.");
    }
    // A file that is replaced between the two looks is read again at the next use.
    loaded = new Loaded{core::Vault(std::move(*ring)), path, facts};
    return loaded->vault;
}

core::Binding server_binding(const pg_uuid_t& org, std::string_view purpose, const pg_uuid_t& subject,
                             int32 version) {
    core::Binding binding;
    binding.org = uuid_text(org);
    binding.column = "server." + std::string(purpose);
    binding.row = uuid_text(subject);
    binding.version = std::to_string(version);
    return binding;
}

}  // namespace sentinel

SENTINEL_FUNCTION(sentinel_create_server_key) {
    using namespace sentinel;
    if (!pg::server([] { return superuser(); })) {
        throw Failure(kNotAllowed, "only a superuser makes the server's key",
                      "The key opens every secret that the database itself checks.", "Ask an administrator.");
    }
    const std::string path = key_file();
    struct stat facts {};
    if (lstat(path.c_str(), &facts) == 0) {
        throw Failure("58P02", "the key file " + path + " is there already",
                      "A key file is never overwritten: what it sealed could not be opened again.",
                      "To rotate, add a line with a new key and mark the old one decrypt-only.");
    }
    // Writable by its owner: pg_rewind stops at a file of the data directory that it cannot replace.
    if (const std::string fault = core::create_key_file(path, true); !fault.empty()) {
        throw Failure("58030", "the key file was not made", fault,
                      "Set sentinel.key_file to a path in a folder of the server's user.");
    }
    return pg::text_datum(path);
}

SENTINEL_FUNCTION(sentinel_server_key_ready) {
    try {
        return BoolGetDatum(!sentinel::server_vault().empty());
    } catch (const sentinel::Failure&) {
        return BoolGetDatum(false);
    }
}
