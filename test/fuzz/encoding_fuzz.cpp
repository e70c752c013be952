// Turns any bytes into hex, base64, base64url, a log line and an array literal, and reads any bytes as hex,
// base64 and a uuid.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/encoding.hpp"

using namespace sentinel::core;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(data, data + size);
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    require(from_hex(to_hex(bytes)) == bytes && from_base64(to_base64(bytes)) == bytes);
    require(from_base64url(to_base64url(bytes)) == bytes);
    if (const auto read = from_base64url(text)) require(to_base64url(*read) == text);
    if (const auto read = from_hex(text)) require(read->size() * 2 == size);
    if (const auto read = from_base64(text)) require(to_base64(*read) == text);  // one spelling each
    if (const auto uuid = to_uuid(text)) {
        require(uuid->size() == 36);
        require(to_uuid(*uuid) == uuid);
    }
    const std::string line = to_printable(text, 100);
    require(line.size() <= 100 &&
            std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    const std::string array = to_array({std::string(text)});
    require(array.size() >= size + 4 && array.front() == '{' && array.back() == '}');
    return 0;
}
