#include "uuid7.hpp"

extern "C" {
#include "port/pg_bswap.h"
}

namespace sentinel {

namespace {

// The last time written, so that ids made in one session only grow even when the clock steps back.
uint64 last_tick = 0;

// Random bytes are fetched for many ids at once, and each is used once.
constexpr size_t kRandomPerId = 8;
unsigned char random_bytes[128 * kRandomPerId];
size_t random_left = 0;

void take_random(unsigned char* out) {
    if (random_left == 0) {
        if (!pg_strong_random(random_bytes, sizeof random_bytes))
            throw Failure("58000", "no random bytes for a uuid");
        random_left = sizeof random_bytes;
    }
    random_left -= kRandomPerId;
    memcpy(out, random_bytes + random_left, kRandomPerId);
    memset(random_bytes + random_left, 0, kRandomPerId);
}

}  // namespace

pg_uuid_t make_uuid7() {
    constexpr uint64 kUnixEpochMicros =
        static_cast<uint64>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    uint64 micros = static_cast<uint64>(GetCurrentTimestamp()) + kUnixEpochMicros;
    // A tick is 1/4096 ms, the precision of the 12 bits after the milliseconds.
    uint64 tick = micros / 1000 << 12 | (micros % 1000) * 4096 / 1000;
    if (tick <= last_tick) tick = last_tick + 1;
    last_tick = tick;

    pg_uuid_t id;
    uint64 milliseconds = pg_hton64(tick >> 12 << 16);
    memcpy(id.data, &milliseconds, 6);
    take_random(id.data + 8);
    id.data[6] = static_cast<unsigned char>(0x70 | (tick >> 8 & 0x0f));
    id.data[7] = static_cast<unsigned char>(tick & 0xff);
    id.data[8] = static_cast<unsigned char>(0x80 | (id.data[8] & 0x3f));
    return id;
}

}  // namespace sentinel

SENTINEL_FUNCTION(sentinel_uuid7) {
    auto* id = static_cast<pg_uuid_t*>(sentinel::pg::server([] { return palloc(sizeof(pg_uuid_t)); }));
    *id = sentinel::make_uuid7();
    return UUIDPGetDatum(id);
}
