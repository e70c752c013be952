// Verify what vendors sign, over the bytes as they came. Nothing is parsed, logged or kept.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sentinel::core {

struct HeaderLine {
    std::string_view name;
    std::string_view value;
};

// What came in; the views are the caller's. url is the one that the vendor called: scheme, host, raw path and
// query.
struct SignedRequest {
    std::string_view method;
    std::string_view url;
    std::string_view body;
    std::vector<HeaderLine> headers;
    std::int64_t now = 0;  // milliseconds since 1970
};

// What can be wrong; the words are stable.
inline constexpr std::string_view kMissingSignature = "missing_signature";
inline constexpr std::string_view kBadSignature = "bad_signature";
inline constexpr std::string_view kStale = "stale";  // more than 5 minutes old, or ahead
inline constexpr std::string_view kMalformed = "malformed";
inline constexpr std::string_view kNoKey =
    "no_key";  // none given, or none that may be used: they are too short

// A view into literals, empty when the request is authentic. Any of the keys may match, so that one can be
// replaced while both are in use. Throws std::runtime_error when OpenSSL fails.
//   slack            X-Slack-Signature v0, X-Slack-Request-Timestamp
//   hubspot          X-HubSpot-Signature-v3; v2 and v1 only where that header is absent
//   github           X-Hub-Signature-256
//   hmac_sha256      X-Signature-256 or X-Hub-Signature-256: lower-case hex, with or without sha256=
//   zendesk          X-Zendesk-Webhook-Signature over timestamp and body; zendesk_body_first: the older order
//   pagerduty        X-PagerDuty-Signature, any of several v1
//   standard         webhook-* or svix-*, any of several v1; keys are whsec_ and base64
//   gohighlevel      X-GHL-Signature, Ed25519; the key is the vendor's public key, PEM or its base64. Without
//                    that header: as shared_secret, by the keys that are no public keys
//   pipedrive, basic Authorization: Basic; the key is user:password
//   shared_secret    X-Sentinel-Secret, X-Webhook-Secret or X-NTPP-Secret; the key itself
// Sources: the vendors' documentation, Standard Webhooks 1.0, RFC 7617, RFC 8032.
std::string_view signature_fault(std::string_view scheme, const std::vector<std::string_view>& keys,
                                 const SignedRequest& request);

// Whether there is a scheme of this name.
bool is_signature_scheme(std::string_view scheme) noexcept;

}  // namespace sentinel::core
