#include "engine/clock.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>

namespace sentinel::worker {

std::string wall_iso() {
    timespec t{};
    clock_gettime(CLOCK_REALTIME, &t);
    tm parts{};
    gmtime_r(&t.tv_sec, &parts);
    char day[32];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    char all[64];
    snprintf(all, sizeof all, "%s.%06ldZ", day, t.tv_nsec / 1000);
    return all;
}

std::int64_t wall_seconds() {
    return std::chrono::duration_cast<Seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int millis_until(Instant now, Instant then) {
    if (then <= now) return 0;
    const auto wait = std::chrono::ceil<Millis>(then - now).count();
    return static_cast<int>(std::min<std::int64_t>(wait, 3'600'000));
}

Millis full_jitter(int tries, Millis low, Millis high) {
    static thread_local std::minstd_rand random{std::random_device{}()};
    const std::int64_t top = std::min<std::int64_t>(high.count(), low.count() << (std::min(tries, 20) + 1));
    return Millis(
        std::uniform_int_distribution<std::int64_t>(low.count(), std::max(low.count(), top))(random));
}

}  // namespace sentinel::worker
