#include "core/totp.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "core/digest.hpp"
#include "core/secret.hpp"

namespace sentinel::core {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kShortest = 10;  // bytes
constexpr std::size_t kDigits = 6;

std::optional<Secret> from_base32(std::string_view text) {
    std::vector<char> out;
    out.reserve(text.size());
    std::uint32_t group = 0;
    int bits = 0;
    bool good = true;
    for (const char c : text) {
        const std::size_t value = kBase32.find(c);
        if (value == std::string_view::npos) {
            good = false;
            break;
        }
        group = group << 5 | static_cast<std::uint32_t>(value);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<char>(group >> bits));
            group &= (1U << bits) - 1;
        }
    }
    Secret secret(std::move(out));
    if (!good || secret.view().size() < kShortest) return std::nullopt;
    return secret;
}

}  // namespace

std::string new_totp_secret() {
    Bytes bytes = random_bytes(20);
    std::string out;
    std::uint32_t group = 0;
    int bits = 0;
    for (const std::uint8_t byte : bytes) {
        group = (group << 8 | byte) & 0xFFFF;
        for (bits += 8; bits >= 5; bits -= 5) out += kBase32[group >> (bits - 5) & 31];
    }
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return out;
}

std::string totp_code(std::string_view key, std::int64_t step) {
    std::array<unsigned char, 8> counter{};
    for (std::size_t i = 0; i < counter.size(); ++i)
        counter[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(step) >> (56 - 8 * i));
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    if (HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), counter.data(), counter.size(), mac.data(),
             &size) == nullptr ||
        size != 20) {
        throw std::runtime_error("HMAC failed in OpenSSL");
    }
    const std::size_t at = mac[19] & 15U;
    std::uint32_t number = (mac[at] & 127U) << 24 | std::uint32_t{mac[at + 1]} << 16 |
                           std::uint32_t{mac[at + 2]} << 8 | mac[at + 3];
    std::string code(kDigits, '0');
    for (std::size_t i = kDigits; i-- > 0; number /= 10) code[i] = static_cast<char>('0' + number % 10);
    return code;
}

std::optional<std::int64_t> totp_step(std::string_view secret, std::string_view code, std::int64_t now) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (code.size() != kDigits || !std::all_of(code.begin(), code.end(), digit) || now < kTotpStep)
        return std::nullopt;
    const auto key = from_base32(secret);
    if (!key) return std::nullopt;
    std::optional<std::int64_t> found;
    for (const std::int64_t offset : {1, -1, 0}) {
        const std::int64_t step = now / kTotpStep + offset;
        if (equal(totp_code(key->view(), step), code)) found = step;
    }
    return found;
}

}  // namespace sentinel::core
