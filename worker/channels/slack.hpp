// Post to an incoming webhook of Slack: its URL is the secret, and its host must be one we know.
#pragma once

#include "channels/channel.hpp"

namespace sentinel::worker {

Built build_slack(const Request& request, const Surroundings& around);

}  // namespace sentinel::worker
