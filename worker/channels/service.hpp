// Ask a service whose answer is used: an enrichment API, or a language model behind chat completions.
#pragma once

#include <string_view>

#include "channels/channel.hpp"

namespace sentinel::worker {

bool is_service(std::string_view kind);

// What may follow "Bearer ": one word of 8 to 2048 printable bytes.
bool is_bearer_key(std::string_view text);

Built build_service(const Request& request, const Surroundings& around);

}  // namespace sentinel::worker
