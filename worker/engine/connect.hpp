// Begin a connection with what Sentinel sets over a user's string: name, keep-alives, time-outs, options.
#pragma once

#include <string>

#include "engine/hosts.hpp"
#include "engine/libpq.hpp"

namespace sentinel::worker {

enum class Waiting { yes, no };

// options: server settings, as -c name=value ... places: what takes the place of host, hostaddr and port of
// the string.
ConnectionPtr begin_connection(const std::string& conninfo, const std::string& options, const char* name,
                               Waiting waiting, const PlaceLists* places = nullptr);

}  // namespace sentinel::worker
