// Parses any bytes as the name of a stage and as a text in which competitors may be named.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/competitive.hpp"
#include "core/stage.hpp"

using namespace sentinel::core;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    auto stage = normalize_stage(text);
    if (stage && normalize_stage(*stage) != stage) std::abort();  // a canonical name means itself
    int found = competitive_indicators(text);
    if (found < 0 || found > 2) std::abort();
    return 0;
}
