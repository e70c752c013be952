#include "core/jwk.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "core/digest.hpp"

namespace sentinel::core {
namespace {

constexpr int kFewestBits = 2048;
constexpr int kMostBits = 8192;  // checking a longer one would be a way to keep the server busy
constexpr std::size_t kLongestExponent = 8;
constexpr std::size_t kHalf = 32;

struct Free {
    void operator()(BIGNUM* p) const noexcept { BN_free(p); }
    void operator()(OSSL_PARAM_BLD* p) const noexcept { OSSL_PARAM_BLD_free(p); }
    void operator()(OSSL_PARAM* p) const noexcept { OSSL_PARAM_free(p); }
    void operator()(EVP_PKEY_CTX* p) const noexcept { EVP_PKEY_CTX_free(p); }
    void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
    void operator()(ECDSA_SIG* p) const noexcept { ECDSA_SIG_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

// What OpenSSL leaves in its queue about a stranger's key would be told of the next failure of the session.
struct QuietErrors {
    QuietErrors() noexcept { ERR_set_mark(); }
    QuietErrors(const QuietErrors&) = delete;
    QuietErrors& operator=(const QuietErrors&) = delete;
    ~QuietErrors() { ERR_pop_to_mark(); }
};

const unsigned char* raw(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::optional<Bytes> parameter(const JsonText& jwk, std::string_view name) {
    const auto text = jwk.string(name);
    return text ? from_base64url(*text) : std::nullopt;
}

// Whether a member is missing, or the text that it should be.
bool allows(const JsonText& jwk, std::string_view name, std::string_view value) {
    return jwk.find(name) == nullptr || jwk.string(name) == value;
}

bool allows_verify(const JsonText& jwk) {
    const JsonText* operations = jwk.find("key_ops");
    if (operations == nullptr) return true;
    return operations->kind == JsonText::Kind::array &&
           std::any_of(operations->items.begin(), operations->items.end(), [](const JsonText& item) {
               return item.kind == JsonText::Kind::string && item.text == "verify";
           });
}

PublicKey from_parameters(const char* type, OSSL_PARAM_BLD* builder) {
    const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder));
    const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        EVP_PKEY_free(key);
        return nullptr;
    }
    return PublicKey(key);
}

PublicKey read_rsa(const JsonText& jwk) {
    const auto modulus = parameter(jwk, "n");
    const auto exponent = parameter(jwk, "e");
    if (!modulus || !exponent || modulus->size() > kMostBits / 8 + 1 || exponent->size() > kLongestExponent)
        return nullptr;
    const Owned<BIGNUM> n(BN_bin2bn(modulus->data(), static_cast<int>(modulus->size()), nullptr));
    const Owned<BIGNUM> e(BN_bin2bn(exponent->data(), static_cast<int>(exponent->size()), nullptr));
    if (!n || !e || BN_num_bits(n.get()) < kFewestBits || BN_num_bits(n.get()) > kMostBits ||
        BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1) {
        return nullptr;
    }
    const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return nullptr;
    }
    return from_parameters("RSA", builder.get());
}

PublicKey read_p256(const JsonText& jwk) {
    const auto x = parameter(jwk, "x");
    const auto y = parameter(jwk, "y");
    if (jwk.string("crv") != "P-256" || !x || !y || x->size() != kHalf || y->size() != kHalf) return nullptr;
    Bytes point{4};  // uncompressed
    point.insert(point.end(), x->begin(), x->end());
    point.insert(point.end(), y->begin(), y->end());
    const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return nullptr;
    }
    return from_parameters("EC", builder.get());
}

// The two numbers of a JOSE signature in the DER form that OpenSSL reads.
std::optional<Bytes> to_der(std::string_view signature) {
    if (signature.size() != 2 * kHalf) return std::nullopt;
    const Owned<ECDSA_SIG> pair(ECDSA_SIG_new());
    Owned<BIGNUM> r(BN_bin2bn(raw(signature), kHalf, nullptr));
    Owned<BIGNUM> s(BN_bin2bn(raw(signature) + kHalf, kHalf, nullptr));
    if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return std::nullopt;
    (void)r.release();
    (void)s.release();
    const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
    if (size <= 0) return std::nullopt;
    Bytes out(static_cast<std::size_t>(size));
    unsigned char* to = out.data();
    i2d_ECDSA_SIG(pair.get(), &to);
    return out;
}

bool check(EVP_PKEY* key, const EVP_MD* digest, std::string_view text, std::string_view signature) {
    const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
    return context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
           EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(text), text.size()) == 1;
}

}  // namespace

void FreePublicKey::operator()(evp_pkey_st* key) const noexcept {
    EVP_PKEY_free(key);
}

TokenAlgorithm token_algorithm(std::string_view name) noexcept {
    if (name == "RS256") return TokenAlgorithm::rs256;
    if (name == "ES256") return TokenAlgorithm::es256;
    return TokenAlgorithm::none;
}

PublicKey read_jwk(const JsonText& jwk, TokenAlgorithm algorithm) {
    const bool rsa = algorithm == TokenAlgorithm::rs256;
    if (algorithm == TokenAlgorithm::none || jwk.kind != JsonText::Kind::object) return nullptr;
    if (jwk.string("kty") != (rsa ? "RSA" : "EC") || !allows(jwk, "alg", rsa ? "RS256" : "ES256") ||
        !allows(jwk, "use", "sig") || !allows_verify(jwk)) {
        return nullptr;
    }
    const QuietErrors quiet;
    return rsa ? read_rsa(jwk) : read_p256(jwk);
}

bool verify_with(const PublicKey& key, TokenAlgorithm algorithm, std::string_view text,
                 std::string_view signature) {
    const QuietErrors quiet;
    if (!key || algorithm == TokenAlgorithm::none) return false;
    if (algorithm == TokenAlgorithm::rs256) {
        return EVP_PKEY_is_a(key.get(), "RSA") == 1 &&
               signature.size() == static_cast<std::size_t>(EVP_PKEY_get_size(key.get())) &&
               check(key.get(), EVP_sha256(), text, signature);
    }
    const auto der = to_der(signature);
    return der && EVP_PKEY_is_a(key.get(), "EC") == 1 && check(key.get(), EVP_sha256(), text, view_of(*der));
}

bool verify_ed25519(std::string_view public_key, std::string_view text, std::string_view signature) {
    const QuietErrors quiet;
    const PublicKey key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(public_key), public_key.size()));
    return key && signature.size() == 64 && check(key.get(), nullptr, text, signature);
}

}  // namespace sentinel::core
