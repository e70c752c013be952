#include "channels/service.hpp"

#include <algorithm>

#include "engine/url.hpp"

namespace sentinel::worker {
namespace {

constexpr std::size_t kShortestKey = 8;  // a shorter one would be cut out of everything
constexpr std::size_t kLongestKey = 2048;
constexpr std::size_t kAnswer = 256 * 1024;  // as much as the database keeps

// A model thinks for long before the first byte comes; without streaming nothing tells that it still does.
Limits limits_for(std::string_view kind) {
    Limits out;
    out.total_ms = kind == "model" ? 50'000 : 30'000;
    out.low_speed_s = kind == "model" ? 50 : 15;
    out.body = kAnswer;
    out.excerpt = kAnswer;
    return out;
}

}  // namespace

bool is_service(std::string_view kind) {
    return kind == "enrichment" || kind == "model";
}

bool is_bearer_key(std::string_view text) {
    const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
    return text.size() >= kShortestKey && text.size() <= kLongestKey &&
           std::all_of(text.begin(), text.end(), visible);
}

Built build_service(const Request& request, const Surroundings& around) {
    CheckedUrl checked = check_url(request.url, around.config.allow_http, around.guard);
    if (!checked.ok()) return Refusal{"invalid_request", checked.problem};
    if (checked.scheme == "http" && !around.guard.port_listed(checked.port)) {
        return Refusal{"invalid_request", "a key goes over http only to a port that egress_allow names"};
    }
    auto opened = open_secrets(request, request.kind + "_key", around.vault);
    if (auto* refusal = std::get_if<Refusal>(&opened)) return std::move(*refusal);
    const auto& secrets = std::get<std::vector<Secret>>(opened);

    Call call;
    call.now = request.now(around.now);
    for (const auto& secret : secrets) hide(call.redactor, secret.view());
    const std::string_view key = secrets.front().view();  // newest first
    if (!is_bearer_key(key)) {
        return Refusal{"secret_error", "a " + request.kind + "_key is not 8 to 2048 visible characters"};
    }
    call.trust = Trust::guarded;
    call.limits = limits_for(request.kind);
    call.host = checked.host;
    call.http_only = checked.scheme == "http";
    call.url = std::move(checked.handle);
    call.body = request.body;
    const std::string_view type =
        request.content_type.empty() ? "application/json" : std::string_view(request.content_type);
    // The same in every attempt: a service that knows the header answers a repeated request once.
    const bool lines = add_line(call.headers, "content-type", type) &&
                       add_line(call.headers, "accept", "application/json") &&
                       add_line(call.headers, "idempotency-key", request.message_id) &&
                       add_line(call.headers, "authorization", "Bearer " + std::string(key));
    if (!lines) return Refusal{"invalid_request", "a header holds a byte that no header may hold"};
    return call;
}

}  // namespace sentinel::worker
