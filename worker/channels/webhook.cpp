#include "channels/webhook.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

#include "engine/url.hpp"

namespace sentinel::worker {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kShortestKey = 24;
constexpr std::size_t kLongestKey = 64;

// A '.' would make "id.timestamp.body" ambiguous, and with it the signature.
bool id_ok(std::string_view id) {
    const auto fine = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
    };
    return !id.empty() && id.size() <= 256 && std::all_of(id.begin(), id.end(), fine);
}

}  // namespace

std::optional<Secret> read_webhook_key(std::string_view text) {
    if (text.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
    auto bytes = from_base64(text.substr(kPrefix.size()));
    if (!bytes) return std::nullopt;
    std::optional<Secret> out;
    if (bytes->size() >= kShortestKey && bytes->size() <= kLongestKey) {
        out.emplace(std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
    }
    if (!bytes->empty()) OPENSSL_cleanse(bytes->data(), bytes->size());
    return out;
}

std::string sign_webhook(const Secret& key, std::string_view id, std::int64_t timestamp,
                         std::string_view body) {
    std::string text;
    text.reserve(id.size() + body.size() + 24);
    text.append(id).append(".").append(std::to_string(timestamp)).append(".").append(body);
    Bytes mac(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    const auto* result =
        HMAC(EVP_sha256(), key.view().data(), static_cast<int>(key.view().size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
    if (result == nullptr) throw std::runtime_error("HMAC failed in OpenSSL");
    mac.resize(size);
    return "v1," + to_base64(mac);
}

Built build_webhook(const Request& request, const Surroundings& around) {
    CheckedUrl checked = check_url(request.url, around.config.allow_http, around.guard);
    if (!checked.ok()) return Refusal{"invalid_request", checked.problem};
    if (!id_ok(request.message_id)) {
        return Refusal{"invalid_request",
                       "the message id has a character other than letters, digits, _ and -"};
    }
    auto opened = open_secrets(request, "webhook_key", around.vault);
    if (auto* refusal = std::get_if<Refusal>(&opened)) return std::move(*refusal);

    Call call;
    call.now = request.now(around.now);
    std::string signatures;
    for (const auto& text : std::get<std::vector<Secret>>(opened)) {
        const auto key = read_webhook_key(text.view());
        if (!key)
            return Refusal{"secret_error", "a webhook key is not whsec_ and the base64 of 24 to 64 bytes"};
        signatures += (signatures.empty() ? "" : " ");
        signatures += sign_webhook(*key, request.message_id, call.now, request.body);
        hide(call.redactor, text.view());
        hide(call.redactor, text.view().substr(kPrefix.size()));
    }
    call.trust = Trust::guarded;
    call.host = checked.host;
    call.http_only = checked.scheme == "http";
    call.url = std::move(checked.handle);
    call.body = request.body;
    const std::string_view type =
        request.content_type.empty() ? "application/json" : std::string_view(request.content_type);
    const bool lines = add_line(call.headers, "content-type", type) &&
                       add_line(call.headers, "webhook-id", request.message_id) &&
                       add_line(call.headers, "webhook-timestamp", std::to_string(call.now)) &&
                       add_line(call.headers, "webhook-signature", signatures);
    if (!lines) return Refusal{"invalid_request", "a header holds a byte that no header may hold"};
    return call;
}

}  // namespace sentinel::worker
