#include "channels/jwks.hpp"

#include "engine/url.hpp"

namespace sentinel::worker {
namespace {

constexpr std::size_t kAnswer = 256 * 1024;  // as much as the database keeps

}  // namespace

Built build_jwks(const Request& request, const Surroundings& around) {
    CheckedUrl checked = check_url(request.url, around.config.allow_http, around.guard);
    if (!checked.ok()) return Refusal{"invalid_request", checked.problem};
    // Who could change the keys on their way could sign in as anybody.
    if (checked.scheme == "http" && !around.guard.port_listed(checked.port)) {
        return Refusal{"invalid_request", "keys come over http only from a port that egress_allow names"};
    }
    Call call;
    call.now = request.now(around.now);
    call.trust = Trust::guarded;
    call.fetch = true;
    Limits limits;
    limits.body = kAnswer;
    limits.excerpt = kAnswer;
    call.limits = limits;
    call.host = checked.host;
    call.http_only = checked.scheme == "http";
    call.url = std::move(checked.handle);
    if (!add_line(call.headers, "accept", "application/json")) {
        return Refusal{"invalid_request", "a header holds a byte that no header may hold"};
    }
    return call;
}

}  // namespace sentinel::worker
