#include "core/vault.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include "core/digest.hpp"

namespace sentinel::core {
namespace {

constexpr std::size_t kHeader = 6;
constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kAes256Gcm = 1;
static_assert(kHeader + kNonce + kTag == kEnvelopeOverhead);

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* p) const noexcept { EVP_CIPHER_CTX_free(p); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

std::optional<DerivedKey> org_key(std::string_view master, const std::string& org) {
    if (master.empty()) return std::nullopt;
    try {
        return derive_key(master, "tenant" + org);
    } catch (const std::runtime_error&) {
        return std::nullopt;
    }
}

void append_number(Bytes& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void append_part(Bytes& out, std::string_view part) {
    append_number(out, static_cast<std::uint32_t>(part.size()));
    out.insert(out.end(), part.begin(), part.end());
}

Bytes associated_data(const std::uint8_t* header, const Binding& binding) {
    constexpr std::string_view kName = "sentinel/secret/v1";
    Bytes out(kName.begin(), kName.end());
    out.push_back(0);
    out.insert(out.end(), header, header + kHeader);
    for (const auto& part : {binding.org, binding.column, binding.row, binding.version})
        append_part(out, part);
    return out;
}

const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Bytes Vault::seal(std::string_view plain, const Binding& binding) const {
    const std::string_view master = ring_.find(ring_.active());
    const auto key = org_key(master, binding.org);
    if (!key) throw std::runtime_error("no usable active key");

    Bytes out{kFormat, kAes256Gcm};
    append_number(out, ring_.active());
    out.resize(kHeader + kNonce + plain.size() + kTag);
    std::uint8_t* const nonce = out.data() + kHeader;
    std::uint8_t* const text = nonce + kNonce;
    const Bytes aad = associated_data(out.data(), binding);
    const Cipher cipher(EVP_CIPHER_CTX_new());
    int n = 0;
    const bool sealed =
        cipher && RAND_bytes(nonce, kNonce) == 1 &&
        EVP_EncryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), key->data(), nonce, nullptr) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
        EVP_EncryptUpdate(cipher.get(), text, &n, raw(plain), static_cast<int>(plain.size())) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), text + plain.size(), &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, text + plain.size()) == 1;
    if (!sealed) throw std::runtime_error("sealing failed in OpenSSL");
    return out;
}

std::optional<Secret> Vault::open(const Bytes& envelope, const Binding& binding) const {
    if (envelope.size() < kEnvelopeOverhead) return std::nullopt;
    if (envelope[0] != kFormat || envelope[1] != kAes256Gcm) return std::nullopt;
    std::uint32_t id = 0;
    for (int i = 2; i < 6; ++i) id = id << 8 | envelope[static_cast<std::size_t>(i)];
    const std::string_view master = ring_.find(id);
    const auto key = org_key(master, binding.org);
    if (!key) return std::nullopt;

    const std::uint8_t* const nonce = envelope.data() + kHeader;
    const std::uint8_t* const text = nonce + kNonce;
    const std::size_t size = envelope.size() - kEnvelopeOverhead;
    std::array<std::uint8_t, kTag> tag{};
    std::copy_n(text + size, kTag, tag.begin());
    const Bytes aad = associated_data(envelope.data(), binding);
    std::vector<char> plain(size +
                            1);  // one more, so that data() is a place to write to even for an empty text
    auto* const target = reinterpret_cast<unsigned char*>(plain.data());
    const Cipher cipher(EVP_CIPHER_CTX_new());
    int n = 0;
    const bool opened =
        cipher && EVP_DecryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), key->data(), nonce, nullptr) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
        EVP_DecryptUpdate(cipher.get(), target, &n, text, static_cast<int>(size)) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), target + size, &n) == 1;
    if (!opened) {
        OPENSSL_cleanse(plain.data(), plain.size());
        return std::nullopt;
    }
    plain.pop_back();
    return Secret(std::move(plain));
}

}  // namespace sentinel::core
