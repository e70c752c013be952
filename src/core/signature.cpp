#include "core/signature.hpp"

#include <algorithm>

#include "core/digest.hpp"
#include "core/jwk.hpp"
#include "core/signature_parts.hpp"

namespace sentinel::core {
namespace {

constexpr std::size_t kShortestKey = 8;
constexpr std::size_t kMostSignatures = 20;
constexpr std::string_view kAuthentic;

// Every key is tried, so that the time does not tell which one it was.
template <class Matches>
std::string_view any_key(const Keys& keys, const Matches& matches) {
    bool found = false;
    for (const auto key : keys) found = matches(key) || found;
    return found ? kAuthentic : kBadSignature;
}

// What is wrong with a line that has to be there once.
std::string_view line_fault(const Line& line) {
    return line.absent() ? kMissingSignature : line.once() ? kAuthentic : kMalformed;
}

bool cut_prefix(std::string_view& text, std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::string_view slack(const Keys& keys, const SignedRequest& request) {
    const Line signature = line_of(request, "X-Slack-Signature");
    const Line time = line_of(request, "X-Slack-Request-Timestamp");
    if (const auto fault = line_fault(signature); !fault.empty()) return fault;
    const auto at = time.once() ? read_digits(time.value) : std::nullopt;
    std::string_view given = signature.value;
    if (!at || !cut_prefix(given, "v0=")) return kMalformed;
    if (!is_fresh(*at * 1000, request.now)) return kStale;
    return any_key(keys, [&](std::string_view key) {
        return equal(hmac_hex(key, {"v0:", time.value, ":", request.body}), given);
    });
}

std::string_view hubspot_v3(const Keys& keys, const SignedRequest& request, const Line& signature) {
    const Line time = line_of(request, "X-HubSpot-Request-Timestamp");
    const auto at = time.once() ? read_digits(time.value) : std::nullopt;
    if (!signature.once() || !at) return kMalformed;
    if (!is_fresh(*at, request.now)) return kStale;
    const std::string url = hubspot_url(request.url);
    return any_key(keys, [&](std::string_view key) {
        return equal(hmac_base64(key, {request.method, url, request.body, time.value}), signature.value);
    });
}

std::string_view hubspot(const Keys& keys, const SignedRequest& request) {
    const Line newest = line_of(request, "X-HubSpot-Signature-v3");
    if (!newest.absent()) return hubspot_v3(keys, request, newest);
    const Line signature = line_of(request, "X-HubSpot-Signature");
    const Line version = line_of(request, "X-HubSpot-Signature-Version");
    if (const auto fault = line_fault(signature); !fault.empty()) return fault;
    if (!version.once() || (version.value != "v1" && version.value != "v2")) return kMalformed;
    // A plain hash of key and body can be continued by who knows neither; what continues it has zero bytes.
    if (request.body.find('\0') != std::string_view::npos) return kMalformed;
    const bool with_url = version.value == "v2";
    return any_key(keys, [&](std::string_view key) {
        const Digest digest =
            with_url ? sha256({key, request.method, request.url, request.body}) : sha256({key, request.body});
        return equal(to_hex(view_of(digest)), signature.value);
    });
}

std::string_view hex_of_body(const Keys& keys, const SignedRequest& request, const Line& signature,
                             bool prefix_needed) {
    if (const auto fault = line_fault(signature); !fault.empty()) return fault;
    std::string_view given = signature.value;
    if (!cut_prefix(given, "sha256=") && prefix_needed) return kMalformed;
    return any_key(keys, [&](std::string_view key) { return equal(hmac_hex(key, {request.body}), given); });
}

std::string_view github(const Keys& keys, const SignedRequest& request) {
    return hex_of_body(keys, request, line_of(request, "X-Hub-Signature-256"), true);
}

std::string_view hmac_generic(const Keys& keys, const SignedRequest& request) {
    const Line own = line_of(request, "X-Signature-256");
    const Line hub = line_of(request, "X-Hub-Signature-256");
    if (!own.absent() && !hub.absent()) return kMalformed;
    return hex_of_body(keys, request, own.absent() ? hub : own, false);
}

std::string_view zendesk_in(const Keys& keys, const SignedRequest& request, bool body_first) {
    const Line signature = line_of(request, "X-Zendesk-Webhook-Signature");
    const Line time = line_of(request, "X-Zendesk-Webhook-Signature-Timestamp");
    if (const auto fault = line_fault(signature); !fault.empty()) return fault;
    const auto at = time.once() ? read_iso_time(time.value) : std::nullopt;
    if (!at) return kMalformed;
    if (!is_fresh(*at, request.now)) return kStale;
    return any_key(keys, [&](std::string_view key) {
        const std::string right = body_first ? hmac_base64(key, {request.body, time.value})
                                             : hmac_base64(key, {time.value, request.body});
        return equal(right, signature.value);
    });
}

std::string_view zendesk(const Keys& keys, const SignedRequest& request) {
    return zendesk_in(keys, request, false);
}

std::string_view zendesk_body_first(const Keys& keys, const SignedRequest& request) {
    return zendesk_in(keys, request, true);
}

// The signatures of version 1 in a list; nothing when there are too many.
std::optional<std::vector<std::string_view>> version_one(std::string_view list, char separator,
                                                         std::string_view prefix) {
    std::vector<std::string_view> out;
    for (std::size_t seen = 0; !list.empty(); ++seen) {
        if (seen == kMostSignatures) return std::nullopt;
        const std::size_t end = std::min(list.find(separator), list.size());
        std::string_view item = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
        if (cut_prefix(item, prefix)) out.push_back(item);
    }
    return out;
}

bool any_equal(const std::string& right, const std::vector<std::string_view>& given) {
    bool found = false;
    for (const auto one : given) found = equal(right, one) || found;
    return found;
}

std::string_view pagerduty(const Keys& keys, const SignedRequest& request) {
    const Line signature = line_of(request, "X-PagerDuty-Signature");
    if (const auto fault = line_fault(signature); !fault.empty()) return fault;
    const auto given = version_one(signature.value, ',', "v1=");
    if (!given || given->empty()) return kMalformed;
    return any_key(keys,
                   [&](std::string_view key) { return any_equal(hmac_hex(key, {request.body}), *given); });
}

std::string_view standard(const Keys& keys, const SignedRequest& request) {
    Line signature = line_of(request, "webhook-signature");
    const bool svix = signature.absent();  // some senders put both families of names
    if (svix) signature = line_of(request, "svix-signature");
    const Line id = line_of(request, svix ? "svix-id" : "webhook-id");
    const Line time = line_of(request, svix ? "svix-timestamp" : "webhook-timestamp");
    if (const auto fault = line_fault(signature); !fault.empty()) return fault;
    const auto at = time.once() ? read_digits(time.value) : std::nullopt;
    const auto given = version_one(signature.value, ' ', "v1,");
    // A full stop in the id would make id.timestamp.body ambiguous, and with it the signature.
    if (!at || !given || given->empty() || !id.once() || id.value.find('.') != std::string_view::npos)
        return kMalformed;
    if (!is_fresh(*at * 1000, request.now)) return kStale;
    return any_key(keys, [&](std::string_view text) {
        const auto key = standard_key(text);
        return key &&
               any_equal(hmac_base64(key->view(), {id.value, ".", time.value, ".", request.body}), *given);
    });
}

std::string_view shared_secret(const Keys& keys, const SignedRequest& request) {
    Line secret;
    for (const std::string_view name : {"X-Sentinel-Secret", "X-Webhook-Secret", "X-NTPP-Secret"}) {
        const Line line = line_of(request, name);
        if (line.absent()) continue;
        secret.count += line.count;
        secret.value = line.value;
    }
    if (const auto fault = line_fault(secret); !fault.empty()) return fault;
    return any_key(keys, [&](std::string_view key) { return equal(key, secret.value); });
}

// A public key is no secret, not even a misspelt one.
bool is_public_key(std::string_view key) {
    return key.substr(0, 5) == "-----" || key.substr(0, 11) == "MCowBQYDK2V";
}

std::string_view gohighlevel(const Keys& keys, const SignedRequest& request) {
    const Line signature = line_of(request, "X-GHL-Signature");
    if (signature.absent()) {
        Keys secrets = keys;
        secrets.erase(std::remove_if(secrets.begin(), secrets.end(), is_public_key), secrets.end());
        return secrets.empty() ? kMissingSignature : shared_secret(secrets, request);
    }
    const auto given = signature.once() ? from_base64(signature.value) : std::nullopt;
    if (!given || given->size() != 64) return kMalformed;
    return any_key(keys, [&](std::string_view text) {
        const auto key = ed25519_key(text);
        return key && verify_ed25519(*key, request.body, view_of(*given));
    });
}

std::string_view basic(const Keys& keys, const SignedRequest& request) {
    const Line line = line_of(request, "Authorization");
    if (const auto fault = line_fault(line); !fault.empty()) return fault;
    std::string_view given = line.value;
    if (!cut_prefix(given, "Basic ") && !cut_prefix(given, "basic ")) return kMalformed;
    auto bytes = from_base64(given);
    if (!bytes) return kMalformed;
    const Secret credentials(view_of(*bytes));
    return any_key(keys, [&](std::string_view key) {
        return key.find(':') != std::string_view::npos && equal(key, credentials.view());
    });
}

struct Scheme {
    std::string_view name;
    std::string_view (*fault)(const Keys&, const SignedRequest&);
};
constexpr Scheme kSchemes[] = {
    {"basic", basic},
    {"github", github},
    {"gohighlevel", gohighlevel},
    {"hmac_sha256", hmac_generic},
    {"hubspot", hubspot},
    {"pagerduty", pagerduty},
    {"pipedrive", basic},
    {"shared_secret", shared_secret},
    {"slack", slack},
    {"standard", standard},
    {"zendesk", zendesk},
    {"zendesk_body_first", zendesk_body_first},
};

const Scheme* find_scheme(std::string_view name) noexcept {
    const auto* const found = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                           [&](const Scheme& s) { return s.name == name; });
    return found == std::end(kSchemes) ? nullptr : found;
}

bool usable(std::string_view scheme, std::string_view key) {
    return key.size() >= kShortestKey && (scheme != "standard" || standard_key(key).has_value());
}

}  // namespace

bool is_signature_scheme(std::string_view scheme) noexcept {
    return find_scheme(scheme) != nullptr;
}

std::string_view signature_fault(std::string_view name, const std::vector<std::string_view>& keys,
                                 const SignedRequest& request) {
    const Scheme* scheme = find_scheme(name);
    if (scheme == nullptr) return kNoKey;
    Keys good;
    std::copy_if(keys.begin(), keys.end(), std::back_inserter(good),
                 [&](std::string_view key) { return usable(name, key); });
    return good.empty() ? kNoKey : scheme->fault(good, request);
}

}  // namespace sentinel::core
