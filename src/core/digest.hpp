// Hash, sign, derive and compare: the few primitives on which every check of a secret stands.
// All throw std::runtime_error when OpenSSL fails.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/encoding.hpp"

namespace sentinel::core {

using Digest = std::array<std::uint8_t, 32>;

// A 32-byte key that is wiped when it goes. Movable by copy and wipe, so that no byte stays behind.
class DerivedKey {
 public:
    DerivedKey() = default;
    DerivedKey(DerivedKey&& other) noexcept;
    DerivedKey& operator=(DerivedKey&&) = delete;
    DerivedKey(const DerivedKey&) = delete;
    DerivedKey& operator=(const DerivedKey&) = delete;
    ~DerivedKey();

    std::uint8_t* data() noexcept { return bytes_.data(); }
    const std::uint8_t* data() const noexcept { return bytes_.data(); }
    std::size_t size() const noexcept { return bytes_.size(); }
    std::string_view view() const noexcept {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }

 private:
    Digest bytes_{};
};

// HKDF-SHA256 with an empty salt. Source: RFC 5869.
DerivedKey derive_key(std::string_view master, std::string_view info);

// SHA-256 and HMAC-SHA256 of the parts joined; nothing is copied.
Digest sha256(std::initializer_list<std::string_view> parts);
Digest hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts);

// Whether two texts are equal, in a time that tells nothing but their lengths.
bool equal(std::string_view a, std::string_view b) noexcept;

// Random bytes fit for keys and tokens.
Bytes random_bytes(std::size_t size);

inline std::string_view view_of(const Digest& digest) noexcept {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
inline std::string_view view_of(const Bytes& bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes bytes_of(const Digest& digest) {
    return Bytes(digest.begin(), digest.end());
}

}  // namespace sentinel::core
