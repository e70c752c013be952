// The door to the part that is built on Boost: who includes this needs none of it.
#pragma once

#include "engine/log.hpp"
#include "gateway/config.hpp"

namespace sentinel::gateway {

int run_server(const Config& config, worker::Log& log);
const char* library_versions();

}  // namespace sentinel::gateway
