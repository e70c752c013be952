#include "core/id_token.hpp"

#include <algorithm>

#include "core/digest.hpp"
#include "core/jwk.hpp"

namespace sentinel::core {
namespace {

constexpr std::size_t kLongestToken = 16384;
constexpr std::size_t kLongestKeySet = 262144;
constexpr double kSkew = 30;  // seconds

struct Parts {
    std::string_view signed_part;
    Bytes header;
    Bytes claims;
    Bytes signature;
};

std::optional<Parts> split(std::string_view token) {
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    if (token.size() > kLongestToken || first == std::string_view::npos || last == first) return std::nullopt;
    auto header = from_base64url(token.substr(0, first));
    auto claims = from_base64url(token.substr(first + 1, last - first - 1));
    auto signature = from_base64url(token.substr(last + 1));
    if (!header || !claims || !signature) return std::nullopt;
    return Parts{token.substr(0, last), std::move(*header), std::move(*claims), std::move(*signature)};
}

bool is_jwt(const JsonText& header) {
    if (header.find("typ") == nullptr) return true;
    const auto type = header.string("typ");
    return type == "JWT" || type == "jwt";
}

// The only key of the set that fits: by the token's kid, or, without one, by its kind alone.
PublicKey choose(const JsonText& set, const JsonText& header, TokenAlgorithm algorithm) {
    const JsonText* keys = set.find("keys");
    if (keys == nullptr || keys->kind != JsonText::Kind::array) return nullptr;
    const JsonText* wanted = header.find("kid");
    if (wanted != nullptr && wanted->kind != JsonText::Kind::string) return nullptr;
    PublicKey chosen;
    for (const JsonText& jwk : keys->items) {
        if (wanted != nullptr && jwk.string("kid") != std::string_view(wanted->text)) continue;
        PublicKey key = read_jwk(jwk, algorithm);
        if (!key) continue;
        if (chosen) return nullptr;
        chosen = std::move(key);
    }
    return chosen;
}

bool audience_fits(const JsonText& claims, std::string_view audience) {
    const JsonText* named = claims.find("aud");
    if (named == nullptr) return false;
    const auto same = [&](const JsonText& item) {
        return item.kind == JsonText::Kind::string && item.text == audience;
    };
    const bool listed =
        named->kind == JsonText::Kind::array && std::any_of(named->items.begin(), named->items.end(), same);
    if (!listed && !same(*named)) return false;
    return claims.find("azp") == nullptr || claims.string("azp") == audience;
}

bool time_fits(const JsonText& claims, double now) {
    const auto expires = claims.number("exp");
    const auto issued = claims.number("iat");
    const auto not_before = claims.number("nbf");
    return expires && now < *expires + kSkew && issued && *issued <= now + kSkew &&
           (claims.find("nbf") == nullptr || (not_before && *not_before <= now + kSkew));
}

}  // namespace

std::optional<std::string> verify_id_token(std::string_view token, std::string_view jwks,
                                           std::string_view issuer, std::string_view audience, double now) {
    if (issuer.empty() || audience.empty() || jwks.size() > kLongestKeySet) return std::nullopt;
    const auto parts = split(token);
    if (!parts) return std::nullopt;
    const auto header = parse_json_text(view_of(parts->header));
    // Extensions that must be understood are not understood here.
    if (!header || header->find("crit") != nullptr || !is_jwt(*header)) return std::nullopt;
    const TokenAlgorithm algorithm = token_algorithm(header->string("alg").value_or(""));
    const auto set = parse_json_text(jwks);
    if (algorithm == TokenAlgorithm::none || !set) return std::nullopt;
    const PublicKey key = choose(*set, *header, algorithm);
    if (!key || !verify_with(key, algorithm, parts->signed_part, view_of(parts->signature)))
        return std::nullopt;

    const auto claims = parse_json_text(view_of(parts->claims));
    if (!claims || claims->string("iss") != issuer || claims->string("sub").value_or("").empty())
        return std::nullopt;
    if (!audience_fits(*claims, audience) || !time_fits(*claims, now)) return std::nullopt;
    return std::string(view_of(parts->claims));
}

}  // namespace sentinel::core
