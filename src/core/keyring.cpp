#include "core/keyring.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/encoding.hpp"

namespace sentinel::core {
namespace {

constexpr std::string_view kCredentials = "$CREDENTIALS_DIRECTORY/";
constexpr std::size_t kLargestFile = 64 * 1024;

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    line = line.substr(0, line.find('#'));
    for (std::size_t at = 0; (at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos;) {
        const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
        words.push_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

std::string octal(unsigned mode) {
    char text[8];
    snprintf(text, sizeof text, "%04o", mode);
    return text;
}

// Credentials of systemd belong to root and are readable by the service through an ACL, which shows as 0440.
bool is_credential(const std::string& path) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    return directory != nullptr && *directory != '\0' && path.rfind(std::string(directory) + "/", 0) == 0;
}

void check_file(const std::string& path, const struct stat& facts, std::vector<std::string>& problems) {
    const std::string name = "key_file: " + path + " ";
    const unsigned mode = facts.st_mode & 07777;
    if (!S_ISREG(facts.st_mode)) {
        problems.push_back(name + "is not a regular file");
    } else if (is_credential(path)) {
        if (mode & 037)
            problems.push_back(name + "has mode " + octal(mode) + "; a credential has 0400 or 0440");
    } else {
        if (mode != 0400 && mode != 0600) {
            problems.push_back(name + "has mode " + octal(mode) + "; it must be 0400 or 0600: chmod 0400 " +
                               path);
        }
        if (facts.st_uid != geteuid()) {
            problems.push_back(name + "belongs to user " + std::to_string(facts.st_uid) +
                               "; it must belong to the user who reads it, " + std::to_string(geteuid()));
        }
    }
    if (facts.st_size > static_cast<off_t>(kLargestFile)) problems.push_back(name + "is larger than 64 KiB");
}

// A file is there after a crash only when its directory was written as well.
bool keep_name(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int folder = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno == EACCES;  // of a folder that may be entered and not listed
    const bool safe = fsync(folder) == 0;
    close(folder);
    return safe;
}

}  // namespace

std::vector<std::uint32_t> Keyring::ids() const {
    std::vector<std::uint32_t> out;
    for (const auto& entry : keys_) out.push_back(entry.first);
    return out;
}

std::string_view Keyring::find(std::uint32_t id) const noexcept {
    const auto found = keys_.find(id);
    return found == keys_.end() ? std::string_view{} : found->second.view();
}

std::optional<Keyring> Keyring::parse(std::string_view text, std::vector<std::string>& problems) {
    Keyring ring;
    const std::size_t before = problems.size();
    int active = 0;
    int number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const auto words = words_of(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (words.empty()) continue;
        const std::string where = "key_file: line " + std::to_string(number) + " ";
        if (words.size() != 3) {
            problems.push_back(where + "has " + std::to_string(words.size()) +
                               " words; it must read: key_id 64-hex-digits active|decrypt-only");
            continue;
        }
        std::uint32_t id = 0;
        const auto [stop, error] = std::from_chars(words[0].data(), words[0].data() + words[0].size(), id);
        if (error != std::errc{} || stop != words[0].data() + words[0].size()) {
            problems.push_back(where + "begins with a key id that is no number from 0 to 4294967295");
            continue;
        }
        auto key = from_hex(words[1]);
        if (!key || key->size() != kKeySize) {
            problems.push_back(where + "has a key that is not 64 hexadecimal digits");
            continue;
        }
        Secret secret(std::string_view(reinterpret_cast<const char*>(key->data()), key->size()));
        OPENSSL_cleanse(key->data(), key->size());
        if (words[2] == "active") {
            ++active;
            ring.active_ = id;
        } else if (words[2] != "decrypt-only") {
            problems.push_back(where + "ends with neither active nor decrypt-only");
            continue;
        }
        if (!ring.keys_.emplace(id, std::move(secret)).second) {
            problems.push_back(where + "repeats key id " + std::to_string(id) + "; ids must differ");
        }
    }
    if (problems.size() == before && active != 1) {
        problems.push_back("key_file: " + std::to_string(active) +
                           " keys are active; exactly one must be, the others decrypt-only");
    }
    if (problems.size() != before) return std::nullopt;
    return ring;
}

std::optional<Keyring> Keyring::read(const std::string& given, std::vector<std::string>& problems,
                                     std::string_view advice) {
    const std::string path = expand_credentials(given);
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) {
        problems.push_back("key_file: cannot open " + path + ": " + std::strerror(errno) +
                           (advice.empty() ? "" : "; create one with: " + std::string(advice) + " " + path));
        return std::nullopt;
    }
    struct stat facts {};
    fstat(file, &facts);
    const std::size_t before = problems.size();
    check_file(path, facts, problems);
    if (problems.size() != before) {
        close(file);
        return std::nullopt;
    }
    std::string text(kLargestFile, '\0');
    std::size_t size = 0;
    for (ssize_t n; size < text.size() && (n = ::read(file, &text[size], text.size() - size)) > 0;) {
        size += static_cast<std::size_t>(n);
    }
    close(file);
    auto ring = parse(std::string_view(text).substr(0, size), problems);
    wipe(text);
    return ring;
}

std::string expand_credentials(const std::string& path) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr || path.rfind(kCredentials, 0) != 0) return path;
    return std::string(directory) + "/" + path.substr(kCredentials.size());
}

std::string create_key_file(const std::string& path, bool writable) {
    Bytes key(kKeySize);
    if (RAND_priv_bytes(key.data(), static_cast<int>(key.size())) != 1) return "no random bytes to be had";
    std::string line = "1 " + to_hex(key) + " active\n";
    OPENSSL_cleanse(key.data(), key.size());
    const int file =
        open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, writable ? 0600 : 0400);
    if (file < 0) {
        const int why = errno;
        wipe(line);
        return "cannot create " + path + ": " + std::strerror(why) +
               (why == EEXIST ? "; a key file is never overwritten, choose another name" : "");
    }
    const bool whole = ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    const bool safe = fsync(file) == 0 && keep_name(path);
    wipe(line);
    close(file);
    if (!whole || !safe) {
        unlink(path.c_str());
        return "cannot write " + path;
    }
    return "";
}

}  // namespace sentinel::core
