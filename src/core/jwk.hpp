// Read public keys of JSON Web Key sets and check signatures with them. Source: RFC 7517, RFC 7518.
#pragma once

#include <memory>
#include <string_view>

#include "core/json_text.hpp"

struct evp_pkey_st;

namespace sentinel::core {

struct FreePublicKey {
    void operator()(evp_pkey_st* key) const noexcept;
};
using PublicKey = std::unique_ptr<evp_pkey_st, FreePublicKey>;

// The signature algorithms that an ID token may have; every other name is none.
enum class TokenAlgorithm { none, rs256, es256 };
TokenAlgorithm token_algorithm(std::string_view name) noexcept;

// Make the public key of one JWK for one algorithm. Null when kty, crv, alg, use or key_ops say something
// else, when a parameter is malformed, or when RSA has fewer than 2048 or more than 8192 bits.
PublicKey read_jwk(const JsonText& jwk, TokenAlgorithm algorithm);

// Whether the signature (RSA: as it is; ES256: r and s, 32 bytes each) belongs to the text.
bool verify_with(const PublicKey& key, TokenAlgorithm algorithm, std::string_view text,
                 std::string_view signature);

// Whether an Ed25519 signature (64 bytes) belongs to the text; public_key is its 32 bytes.
bool verify_ed25519(std::string_view public_key, std::string_view text, std::string_view signature);

}  // namespace sentinel::core
