// Find out what is wrong with a configuration before a worker is started with it.
#pragma once

#include <string>
#include <vector>

#include "engine/config.hpp"

namespace sentinel::worker {

// One sentence per fault of what the configuration points to: key file, CA file, limits, database, rights.
std::vector<std::string> check_surroundings(const Config& config);

}  // namespace sentinel::worker
