// uuid version 7 (RFC 9562): 48 bits of milliseconds, 12 bits of sub-millisecond time, 62 random bits.
#include "pg/door.hpp"

extern "C" {
#include "port/pg_bswap.h"
}

namespace {

// The last time written, so that ids made in one session only grow even when the clock steps back.
uint64 last_tick = 0;

}  // namespace

SENTINEL_FUNCTION(sentinel_uuid7) {
    constexpr uint64 kUnixEpochMicros =
        static_cast<uint64>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    uint64 micros = static_cast<uint64>(GetCurrentTimestamp()) + kUnixEpochMicros;
    // A tick is 1/4096 ms, the precision of the 12 bits after the milliseconds.
    uint64 tick = micros / 1000 << 12 | (micros % 1000) * 4096 / 1000;
    if (tick <= last_tick) tick = last_tick + 1;
    last_tick = tick;

    auto* id = static_cast<pg_uuid_t*>(sentinel::pg::server([] { return palloc(sizeof(pg_uuid_t)); }));
    uint64 milliseconds = pg_hton64(tick >> 12 << 16);
    memcpy(id->data, &milliseconds, 6);
    if (!pg_strong_random(id->data + 8, 8)) throw sentinel::Failure("58000", "no random bytes for a uuid");
    id->data[6] = static_cast<unsigned char>(0x70 | (tick >> 8 & 0x0f));
    id->data[7] = static_cast<unsigned char>(tick & 0xff);
    id->data[8] = static_cast<unsigned char>(0x80 | (id->data[8] & 0x3f));
    return UUIDPGetDatum(id);
}
