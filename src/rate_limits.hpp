// Token buckets of the gateway.
#pragma once

#include "pg/door.hpp"

namespace sentinel::gateway {

// Listen to changes of the tiers and to transactions that are rolled back. Called when the library is loaded.
void watch_limits();

}  // namespace sentinel::gateway
