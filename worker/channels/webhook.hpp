// Send to a customer's endpoint, signed by Standard Webhooks 1.0.
#pragma once

#include <optional>

#include "channels/channel.hpp"

namespace sentinel::worker {

// The key behind "whsec_": 24 to 64 bytes of standard base64; nothing when it is not that.
std::optional<Secret> read_webhook_key(std::string_view text);

// "v1," and the base64 of HMAC-SHA256(key, id "." timestamp "." body).
std::string sign_webhook(const Secret& key, std::string_view id, std::int64_t timestamp,
                         std::string_view body);

Built build_webhook(const Request& request, const Surroundings& around);

}  // namespace sentinel::worker
