// Routes of the gateway and the functions that answer them.
#pragma once

#include "pg/door.hpp"

namespace sentinel::gateway {

// Listen to changes of routes and functions. Called when the library is loaded.
void watch_routes();

}  // namespace sentinel::gateway
