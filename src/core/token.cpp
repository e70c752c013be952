#include "core/token.hpp"

#include "core/digest.hpp"
#include "core/json_text.hpp"

namespace sentinel::core {
namespace {

constexpr std::string_view kTokenKey = "sentinel/jwt/v1";
constexpr std::string_view kPasswordKey = "sentinel/password/v1";
constexpr double kSkew = 30;  // seconds

std::string header_of(std::uint32_t key_id) {
    return to_base64url(
        std::string_view(R"({"alg":"HS256","typ":"JWT","kid":")" + std::to_string(key_id) + "\"}"));
}

std::string signature_of(const Keyring& ring, std::uint32_t key_id, std::string_view signed_part) {
    const DerivedKey key = derive_key(ring.find(key_id), kTokenKey);
    return to_base64url(view_of(hmac_sha256(key.view(), {signed_part})));
}

}  // namespace

std::optional<std::string> sign_token(const Keyring& ring, std::string_view claims) {
    const auto read = parse_json_text(claims);
    if (!read || !read->number("exp")) return std::nullopt;
    std::string token = header_of(ring.active()) + "." + to_base64url(claims);
    token += "." + signature_of(ring, ring.active(), token);
    if (token.size() > kLongestToken) return std::nullopt;
    return token;
}

std::optional<std::string> verify_token(const Keyring& ring, std::string_view token,
                                        std::string_view audience, double now) {
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    if (token.size() > kLongestToken || first == std::string_view::npos || last == first) return std::nullopt;
    for (const std::uint32_t key_id : ring.ids()) {
        if (token.substr(0, first) != header_of(key_id)) continue;
        if (!equal(signature_of(ring, key_id, token.substr(0, last)), token.substr(last + 1))) continue;
        const auto payload = from_base64url(token.substr(first + 1, last - first - 1));
        if (!payload) return std::nullopt;
        const auto claims = parse_json_text(view_of(*payload));
        if (!claims) return std::nullopt;
        const auto expires = claims->number("exp");
        const auto not_before = claims->number("nbf");
        if (!expires || !(now < *expires)) return std::nullopt;
        if (claims->find("nbf") != nullptr && !(not_before && *not_before <= now + kSkew))
            return std::nullopt;
        if (audience.empty() || claims->string("aud") != audience) return std::nullopt;
        return std::string(view_of(*payload));
    }
    return std::nullopt;
}

std::optional<std::string> password_digest(const Keyring& ring, std::string_view password,
                                           std::uint32_t key_id) {
    const std::string_view master = ring.find(key_id);
    if (master.empty()) return std::nullopt;
    const DerivedKey pepper = derive_key(master, kPasswordKey);
    return std::to_string(key_id) + ":" + to_base64(bytes_of(hmac_sha256(pepper.view(), {password})));
}

}  // namespace sentinel::core
