#include "core/api_key.hpp"

#include "core/digest.hpp"

namespace sentinel::core {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kName = "sentinel_";
constexpr std::size_t kId = 8;
constexpr std::size_t kSecret = 43;  // 62^43 > 2^256
constexpr std::size_t kChecksum = 6;
constexpr std::size_t kWhole = kName.size() + kId + 1 + kSecret + 1 + kChecksum;

// Write a big-endian number in so many digits, leaving the number zero.
std::string base62(Bytes& number, std::size_t digits) {
    std::string out(digits, '0');
    for (std::size_t at = digits; at-- > 0;) {
        unsigned rest = 0;
        for (auto& byte : number) {
            rest = rest << 8 | byte;
            byte = static_cast<std::uint8_t>(rest / 62);
            rest %= 62;
        }
        out[at] = kDigits[rest];
    }
    return out;
}

std::string checksum(std::string_view text) {
    const std::uint32_t crc = crc32(text);
    Bytes number{static_cast<std::uint8_t>(crc >> 24), static_cast<std::uint8_t>(crc >> 16),
                 static_cast<std::uint8_t>(crc >> 8), static_cast<std::uint8_t>(crc)};
    return base62(number, kChecksum);
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) noexcept {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320U : 0);
    }
    return ~crc;
}

ApiKey new_api_key() {
    ApiKey key;
    Bytes id = random_bytes(16);  // twice the digits that are kept, so that none is likelier than another
    key.prefix = std::string(kName) + base62(id, kId);
    Bytes secret = random_bytes(32);
    key.secret = key.prefix + "_" + base62(secret, kSecret);
    key.secret += "_" + checksum(key.secret);
    return key;
}

bool api_key_wellformed(std::string_view key) noexcept {
    if (key.size() != kWhole || key.substr(0, kName.size()) != kName) return false;
    const std::size_t second = kName.size() + kId;
    const std::size_t third = second + 1 + kSecret;
    for (std::size_t i = kName.size(); i < key.size(); ++i) {
        const bool border = i == second || i == third;
        if (border ? key[i] != '_' : kDigits.find(key[i]) == std::string_view::npos) return false;
    }
    return checksum(key.substr(0, third)) == key.substr(third + 1);
}

}  // namespace sentinel::core
