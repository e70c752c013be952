#include "core/fingerprint.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "core/normalize_email.hpp"
#include "core/normalize_phone.hpp"
#include "core/normalize_web.hpp"
#include "core/unicode.hpp"

namespace sentinel::core {

namespace {

// National and international spellings of one number agree in their last digits.
constexpr std::size_t kTelephoneTail = 9;

std::string plain(std::string_view value) {
    return unicode_lower(unicode_trim(value));
}

std::string keyed(std::string_view org, std::string_view key, std::string_view value) {
    std::string text = unicode_lower(org);
    text.append("|").append(key).append("|").append(value);
    return sha256_hex(text);
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
    std::array<unsigned char, 32> digest{};
    unsigned int length = 0;
    // cppcheck-suppress invalidLifetime
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
        length != digest.size()) {
        throw std::runtime_error("SHA-256 is not available");
    }
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * digest.size());
    for (const unsigned char byte : digest) {
        hex += digits[byte >> 4U];
        hex += digits[byte & 0x0FU];
    }
    return hex;
}

std::optional<std::string> combined_fingerprint(std::string_view org, const Identity& who) {
    const std::string email = plain(who.email);
    const std::string domain = plain(who.domain);
    const std::string profile = plain(who.profile_link);
    if (email.empty() && domain.empty() && profile.empty()) return std::nullopt;
    std::string text = unicode_lower(org);
    text.append("|").append(email).append("|").append(domain).append("|").append(profile);
    return sha256_hex(text);
}

std::optional<std::string> anonymous_fingerprint(std::string_view org, const Identity& who) {
    const std::string name = plain(who.name);
    const std::string phone = plain(who.phone);
    const std::string company = plain(who.company);
    if (name.empty() && phone.empty() && company.empty()) return std::nullopt;
    std::string text = unicode_lower(org);
    text.append("|").append(name).append("|").append(phone).append("|").append(company);
    return "n:" + sha256_hex(text);
}

std::optional<std::string> email_fingerprint(std::string_view org, std::string_view email) {
    const auto normal = normalize_email(email);
    if (!normal) return std::nullopt;
    return keyed(org, "email", *normal);
}

std::optional<std::string> profile_fingerprint(std::string_view org, std::string_view profile_link) {
    const auto normal = normalize_profile_url(profile_link);
    if (!normal || !is_personal_profile(*normal)) return std::nullopt;
    return keyed(org, "profile_link", *normal);
}

std::optional<std::string> phone_fingerprint(std::string_view org, std::string_view phone,
                                             std::string_view name) {
    const auto normal = normalize_phone(phone);
    const std::string who = unicode_squeeze(unicode_fold(name));
    if (!normal || who.empty() || who == "unknown") return std::nullopt;
    std::string_view digits = *normal;
    if (digits.size() > kTelephoneTail) digits.remove_prefix(digits.size() - kTelephoneTail);
    if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
    return keyed(org, "phone", std::string(digits) + "|" + who);
}

}  // namespace sentinel::core
