// Ids: uuid version 7 (RFC 9562).
#pragma once

#include "pg/door.hpp"

namespace sentinel {

// Make an id: 48 bits of milliseconds, 12 bits of sub-millisecond time, 62 random bits. Ids of one session
// only grow, even when the clock steps back. Throws 58000 without random bytes.
pg_uuid_t make_uuid7();

}  // namespace sentinel
