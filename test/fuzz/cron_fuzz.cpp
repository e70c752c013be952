// Parses any bytes as a cron expression and, when it is one, asks for instants around a clock change.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/cron.hpp"

using namespace sentinel::core;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 8) return 0;
    std::int64_t after = 0;
    for (int i = 0; i < 6; ++i) after = after << 8 | data[i];
    after = after % 16'000'000'000 - 4'000'000'000;
    const std::int64_t change = after + 60 * (static_cast<std::int64_t>(data[6]) - 128) * 30;
    const std::int64_t later = static_cast<std::int64_t>(data[7] % 48) * 1800 - 43200;
    const Zone zone = [&](std::int64_t instant) {
        return instant < change ? ZoneSpan{3600, change} : ZoneSpan{later, std::nullopt};
    };
    Cron cron;
    try {
        cron = parse_cron(std::string_view(reinterpret_cast<const char*>(data) + 8, size - 8));
    } catch (const CronError& e) {
        if (e.message.empty() || e.detail.empty() || e.hint.empty() || e.message.size() > 300) std::abort();
        return 0;
    }
    for (int i = 0; i < 4; ++i) {
        const auto next = next_instant(cron, zone, after);
        if (!next || *next <= after) std::abort();  // what parses comes due, and later than asked
        after = *next;
    }
    return 0;
}
