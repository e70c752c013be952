// Keep the master keys: read from one file of the user who runs the process (the worker's, or the server's),
// never from the database, argv or environment.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret.hpp"

namespace sentinel::core {

inline constexpr std::size_t kKeySize = 32;

// Lines of the file: `key_id(uint32) 64-hex-digits active|decrypt-only`; '#' begins a comment.
// Exactly one key is active: new envelopes are sealed with it, the others only open what they sealed.
class Keyring {
 public:
    // Nothing, and one sentence per fault in problems. No fault names key material.
    static std::optional<Keyring> parse(std::string_view text, std::vector<std::string>& problems);

    // As parse, after checking that the file belongs to this user and that nobody else may read it.
    // advice is the command that makes a file of the name behind it; empty gives none.
    static std::optional<Keyring> read(const std::string& path, std::vector<std::string>& problems,
                                       std::string_view advice = "sentinel-worker keygen --key-file");

    std::string_view find(std::uint32_t id) const noexcept;  // empty when unknown
    std::vector<std::uint32_t> ids() const;
    std::uint32_t active() const noexcept { return active_; }
    std::size_t size() const noexcept { return keys_.size(); }

 private:
    std::map<std::uint32_t, Secret> keys_;
    std::uint32_t active_ = 0;
};

// Put the directory of systemd's LoadCredential in front, where the path begins with $CREDENTIALS_DIRECTORY/.
std::string expand_credentials(const std::string& path);

// Create a key file holding one random key; an existing file is refused, never overwritten. Its mode is 0400,
// or 0600 where a tool must be able to replace it. Returns an empty text, or what went wrong.
std::string create_key_file(const std::string& path, bool writable = false);

}  // namespace sentinel::core
