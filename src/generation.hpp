// Which life of the database this is: a restored or copied database is another one than the original.
#pragma once

#include "pg/door.hpp"

namespace sentinel {

// Give the generation of this database, recording a new one when the system identifier or the database oid is
// unknown. Cached per session. Runs SQL as the current user, so call it from functions owned by
// sentinel_engine only.
int current_generation();

// Tell whether this database is a copy that nobody has adopted: jobs that reach outside are then not handed
// out.
bool parked();

}  // namespace sentinel
