#include "channels/channel.hpp"

#include "channels/jwks.hpp"
#include "channels/service.hpp"
#include "channels/slack.hpp"
#include "channels/webhook.hpp"

namespace sentinel::worker {

bool channel_known(std::string_view kind) {
    return kind == "slack" || kind == "webhook" || kind == "jwks" || is_service(kind);
}

Built build_call(const Request& request, const Surroundings& around) {
    if (is_service(request.kind)) return build_service(request, around);
    if (request.kind == "jwks") return build_jwks(request, around);
    return request.kind == "slack" ? build_slack(request, around) : build_webhook(request, around);
}

std::variant<std::vector<Secret>, Refusal> open_secrets(const Request& request, std::string_view purpose,
                                                        const Vault& vault) {
    std::vector<Secret> out;
    for (const auto& sealed : request.secrets) {
        if (sealed.purpose != purpose) continue;
        Binding binding;
        binding.org = request.org;
        binding.row = sealed.id;
        binding.version = sealed.version;
        auto secret = vault.open(sealed.envelope, binding);
        if (!secret) {
            return Refusal{"secret_error", "secret " + sealed.id + " version " + sealed.version +
                                               " does not open with the keys of this worker"};
        }
        out.push_back(std::move(*secret));
    }
    if (out.empty())
        return Refusal{"secret_error", "no secret of purpose " + std::string(purpose) + " is stored"};
    return out;
}

void hide(Redactor& redactor, std::string_view secret) {
    redactor.add(secret);
    std::string escaped;
    for (const char c : secret) {
        if (c == '/') escaped += '\\';
        escaped += c;
    }
    if (escaped.size() > secret.size()) redactor.add(escaped);
    wipe(escaped);
}

bool add_line(std::vector<std::string>& headers, std::string_view name, std::string_view value) {
    if (!header_ok(name, value)) return false;
    headers.push_back(std::string(name) + ": " + std::string(value));
    return true;
}

}  // namespace sentinel::worker
