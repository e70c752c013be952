// Make and recognise API keys: sentinel_<8 id>_<43 secret>_<6 checksum>, all in base62.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sentinel::core {

struct ApiKey {
    std::string prefix;  // sentinel_<id>: may be shown and stored
    std::string secret;  // the whole key: shown once
};

// Make a key of 32 random bytes. Throws std::runtime_error when there are none to be had.
ApiKey new_api_key();

// Whether a text has the form of a key and its checksum: typing errors and other vendors' keys have not.
bool api_key_wellformed(std::string_view key) noexcept;

// CRC-32 as in zlib and Ethernet (ISO 3309).
std::uint32_t crc32(std::string_view bytes) noexcept;

}  // namespace sentinel::core
