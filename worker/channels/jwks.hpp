// Fetch the keys that an identity provider publishes: a GET that shows nobody's key.
#pragma once

#include "channels/channel.hpp"

namespace sentinel::worker {

Built build_jwks(const Request& request, const Surroundings& around);

}  // namespace sentinel::worker
