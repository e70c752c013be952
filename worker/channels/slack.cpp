#include "channels/slack.hpp"

#include "engine/url.hpp"

namespace sentinel::worker {
namespace {

constexpr std::size_t kShortestToken = 16;  // Slack's have 24; a short word would be cut out of everything

}  // namespace

Built build_slack(const Request& request, const Surroundings& around) {
    auto opened = open_secrets(request, "slack_url", around.vault);
    if (auto* refusal = std::get_if<Refusal>(&opened)) return std::move(*refusal);
    const auto& secrets = std::get<std::vector<Secret>>(opened);
    const std::string_view url = secrets.front().view();  // newest first

    CheckedUrl checked = check_fixed_url(url, around.config.allow_http, around.config.slack_hosts);
    if (!checked.ok()) return Refusal{"invalid_request", "slack: " + checked.problem};

    Call call;
    call.now = request.now(around.now);
    call.trust = Trust::fixed;
    call.host = checked.host;
    call.http_only = checked.scheme == "http";
    call.url = std::move(checked.handle);
    call.body = request.body;
    for (const auto& secret : secrets) {
        hide(call.redactor, secret.view());
        // The path alone opens the channel as well, and is what an error text would quote.
        const std::size_t host = secret.view().find("://");
        const std::size_t path = host == std::string_view::npos ? host : secret.view().find('/', host + 3);
        if (path == std::string_view::npos) continue;
        hide(call.redactor, secret.view().substr(path));
        // And its last part is the secret proper, whichever way the slashes before it are written.
        const std::string_view token = secret.view().substr(secret.view().rfind('/') + 1);
        if (token.size() >= kShortestToken) call.redactor.add(token);
    }
    const std::string_view type = request.content_type.empty() ? "application/json; charset=utf-8"
                                                               : std::string_view(request.content_type);
    if (!add_line(call.headers, "content-type", type)) {
        return Refusal{"invalid_request", "the content type holds a byte that no header may hold"};
    }
    return call;
}

}  // namespace sentinel::worker
