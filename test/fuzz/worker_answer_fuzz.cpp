// Reads any bytes as what a stranger's answer may hold: a Retry-After header and JSON.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/json.hpp"
#include "engine/retry_after.hpp"

using namespace sentinel::worker;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    const std::int64_t now = 1'700'000'000 + (data[0] << 16 | data[1] << 8 | data[2]);
    const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
    if (const auto wait = read_retry_after(text, now)) require(*wait >= 0 && *wait <= kLongestRetryAfter);
    std::string why;
    if (const auto value = parse_json(text, &why)) {
        // What was read can be written, and read again as the same.
        const auto again = parse_json(dump_json(OrderedJson(*value)));
        require(again && *again == *value);
    } else {
        require(!why.empty());
    }
    return 0;
}
