// Tell the time: monotonic for every wait, wall clock only for what is written down.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sentinel::worker {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

// ISO 8601 in UTC with microseconds, e.g. 2026-01-31T08:00:00.000001Z.
std::string wall_iso();

// Unix time in whole seconds.
std::int64_t wall_seconds();

// Milliseconds from now until then, never negative, rounded up so that a wait does not wake early.
int millis_until(Instant now, Instant then);

// A delay drawn evenly from [low, min(high, low * 2^(tries + 1))]: full jitter for reconnects.
Millis full_jitter(int tries, Millis low, Millis high);

}  // namespace sentinel::worker
