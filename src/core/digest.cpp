#include "core/digest.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <memory>
#include <stdexcept>

namespace sentinel::core {
namespace {

struct Free {
    void operator()(EVP_KDF* p) const noexcept { EVP_KDF_free(p); }
    void operator()(EVP_KDF_CTX* p) const noexcept { EVP_KDF_CTX_free(p); }
    void operator()(EVP_MAC* p) const noexcept { EVP_MAC_free(p); }
    void operator()(EVP_MAC_CTX* p) const noexcept { EVP_MAC_CTX_free(p); }
    void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

char sha256_name[] = "SHA256";  // OSSL_PARAM wants a char it could write to

}  // namespace

DerivedKey::DerivedKey(DerivedKey&& other) noexcept : bytes_(other.bytes_) {
    OPENSSL_cleanse(other.bytes_.data(), other.bytes_.size());
}

DerivedKey::~DerivedKey() {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

DerivedKey derive_key(std::string_view master, std::string_view info) {
    const Owned<EVP_KDF> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
    const Owned<EVP_KDF_CTX> context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256_name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<char*>(master.data()),
                                          master.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
        OSSL_PARAM_construct_end(),
    };
    DerivedKey key;
    if (!context || EVP_KDF_derive(context.get(), key.data(), key.size(), params) != 1)
        throw std::runtime_error("HKDF failed in OpenSSL");
    return key;
}

Digest sha256(std::initializer_list<std::string_view> parts) {
    const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
    Digest out{};
    bool good = context && EVP_DigestInit_ex2(context.get(), EVP_sha256(), nullptr) == 1;
    for (const auto part : parts)
        good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    unsigned size = 0;
    if (!good || EVP_DigestFinal_ex(context.get(), out.data(), &size) != 1)
        throw std::runtime_error("SHA-256 failed in OpenSSL");
    return out;
}

Digest hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts) {
    const Owned<EVP_MAC> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    const Owned<EVP_MAC_CTX> context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256_name, 0),
                                 OSSL_PARAM_construct_end()};
    static constexpr unsigned char nothing = 0;  // a null key would mean: the one set before
    Digest out{};
    bool good =
        context && EVP_MAC_init(context.get(), key.empty() ? &nothing : raw(key), key.size(), params) == 1;
    for (const auto part : parts) good = good && EVP_MAC_update(context.get(), raw(part), part.size()) == 1;
    std::size_t size = 0;
    if (!good || EVP_MAC_final(context.get(), out.data(), &size, out.size()) != 1)
        throw std::runtime_error("HMAC failed in OpenSSL");
    return out;
}

bool equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

Bytes random_bytes(std::size_t size) {
    Bytes out(size);
    if (RAND_bytes(out.data(), static_cast<int>(size)) != 1)
        throw std::runtime_error("no random bytes to be had");
    return out;
}

}  // namespace sentinel::core
