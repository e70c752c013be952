// Seal and open secrets so that the database can store them but never read them.
//
// Envelope: 0x01 | alg 0x01 (AES-256-GCM) | key id (4, big endian) | nonce (12) | ciphertext | tag (16).
// AAD: "sentinel/secret/v1" | 0 | first 6 bytes of the envelope | then, each as length (4, big endian) and
// bytes: org id, table.column, row id, version. A ciphertext moved to another org, row or version does not
// open. Key: HKDF-SHA256(master key, salt empty, info "tenant" | org id), so that nonces are drawn per org.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/encoding.hpp"
#include "core/keyring.hpp"
#include "core/secret.hpp"

namespace sentinel::core {

inline constexpr std::size_t kEnvelopeOverhead = 34;

// What an envelope belongs to. Ids are lower-case uuid texts, as PostgreSQL prints them.
struct Binding {
    std::string org;
    std::string row;
    std::string version;
    std::string column = "secrets.envelope";
};

class Vault {
 public:
    Vault() = default;
    explicit Vault(Keyring ring) : ring_(std::move(ring)) {}

    // Throws std::runtime_error when OpenSSL fails or no key is active.
    Bytes seal(std::string_view plain, const Binding& binding) const;

    // Nothing when the format, the key id or the tag is wrong; no byte is given out before the tag is
    // checked.
    std::optional<Secret> open(const Bytes& envelope, const Binding& binding) const;

    const Keyring& ring() const noexcept { return ring_; }
    bool empty() const noexcept { return ring_.size() == 0; }

 private:
    Keyring ring_;
};

}  // namespace sentinel::core
