// Reads any bytes as JSON, as a token of ours, as an ID token with its key set, as an API key and as each
// part of a signed webhook: nothing that was not signed may pass.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/api_key.hpp"
#include "core/id_token.hpp"
#include "core/json_text.hpp"
#include "core/signature.hpp"
#include "core/signature_parts.hpp"
#include "core/token.hpp"
#include "core/totp.hpp"
#include "core/unicode.hpp"

using namespace sentinel::core;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::string compact(const JsonText& value) {
    if (value.kind == JsonText::Kind::string)
        require(is_utf8(value.text) && value.text.find('\0') == std::string::npos);
    require(value.names.empty() || value.names.size() == value.items.size());
    std::string out;
    for (const auto& item : value.items) out += compact(item);
    return out;
}

// The parts of the input, divided by lines.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (out.size() < 5) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        out.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    out.push_back(text);
    return out;
}

const Keyring& ring() {
    static const Keyring& kept = *[] {
        std::vector<std::string> problems;
        return new Keyring(*Keyring::parse("1 " + std::string(64, 'a') + " active", problems));
    }();
    return kept;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto json = parse_json_text(text)) compact(*json);
    if (const auto token = sign_token(ring(), text)) {
        const auto claims = parse_json_text(text);
        require(token->size() <= kLongestToken && claims && claims->number("exp"));
        if (claims->string("aud") == "a" && claims->find("nbf") == nullptr && *claims->number("exp") > 0)
            require(verify_token(ring(), *token, "a", 0) == text);
    }
    require(!verify_token(ring(), text, "a", 0));
    require(!api_key_wellformed(text) || text.size() == 68);
    const auto key = ed25519_key(text);
    require(!key || key->size() == 32);
    require(hubspot_url(text).size() <= size);

    const auto parts = lines_of(text);
    require(!verify_id_token(parts[0], parts[5], "https://i", "a", 0));
    (void)totp_step(parts[0], parts[1], 1111111111);
    if (const auto at = read_iso_time(parts[0])) require(*at > -100000000 && *at < 253402400000000);
    SignedRequest request;
    request.method = parts[0];
    request.url = parts[1];
    request.body = parts[5];
    request.now = read_digits(parts[4]).value_or(0) * 1000;
    for (const std::string_view name :
         {"X-Slack-Signature", "X-HubSpot-Signature-v3", "X-Hub-Signature-256", "X-Zendesk-Webhook-Signature",
          "X-PagerDuty-Signature", "svix-signature", "X-GHL-Signature", "Authorization", "X-NTPP-Secret"}) {
        request.headers.push_back({name, parts[2]});
    }
    for (const std::string_view name :
         {"X-Slack-Request-Timestamp", "X-HubSpot-Request-Timestamp", "X-Zendesk-Webhook-Signature-Timestamp",
          "svix-timestamp", "svix-id"}) {
        request.headers.push_back({name, parts[3]});
    }
    for (const std::string_view scheme :
         {"basic", "github", "gohighlevel", "hubspot", "pagerduty", "shared_secret", "slack", "standard",
          "zendesk", "zendesk_body_first"}) {
        require(!signature_fault(
                     scheme, {"a key that nobody guesses", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, request)
                     .empty());
    }
    return 0;
}
