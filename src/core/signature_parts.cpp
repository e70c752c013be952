#include "core/signature_parts.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>

#include "core/digest.hpp"

namespace sentinel::core {
namespace {

constexpr std::int64_t kWindow = 5 * 60 * 1000;  // milliseconds
constexpr std::size_t kShortestStandardKey = 24;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

// Read so many digits at the front.
bool take_number(std::string_view& text, std::size_t size, int& out) {
    if (text.size() < size) return false;
    out = 0;
    for (const char c : text.substr(0, size)) {
        if (c < '0' || c > '9') return false;
        out = out * 10 + (c - '0');
    }
    text.remove_prefix(size);
    return true;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

// Days since 1970-01-01 in the Gregorian calendar; the year begins in March, so that leap days come last.
std::int64_t days_since_1970(int year, int month, int day) {
    const std::int64_t y = year - (month <= 2 ? 1 : 0);
    const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

}  // namespace

Line line_of(const SignedRequest& request, std::string_view name) {
    Line line;
    for (const auto& header : request.headers) {
        if (!same_name(header.name, name)) continue;
        ++line.count;
        const std::size_t begin = std::min(header.value.find_first_not_of(" \t"), header.value.size());
        line.value = header.value.substr(begin);
        line.value = line.value.substr(0, line.value.find_last_not_of(" \t") + 1);
    }
    return line;
}

std::optional<std::int64_t> read_digits(std::string_view text) {
    std::int64_t out = 0;
    if (text.empty() || text.size() > 15 || text.front() == '-') return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
}

std::optional<std::int64_t> read_iso_time(std::string_view text) {
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    const bool whole = take_number(text, 4, year) && take(text, '-') && take_number(text, 2, month) &&
                       take(text, '-') && take_number(text, 2, day) && take(text, 'T') &&
                       take_number(text, 2, hour) && take(text, ':') && take_number(text, 2, minute) &&
                       take(text, ':') && take_number(text, 2, second);
    if (!whole || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60) {
        return std::nullopt;
    }
    if (take(text, '.')) {  // parts of a second do not matter to a window of minutes
        const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
        if (digits == 0 || digits > 9) return std::nullopt;
        text.remove_prefix(digits);
    }
    int offset = 0;  // minutes
    if (!take(text, 'Z')) {
        const bool behind = !text.empty() && text.front() == '-';
        int hours = 0;
        int minutes = 0;
        if (!take(text, behind ? '-' : '+') || !take_number(text, 2, hours) || !take(text, ':') ||
            !take_number(text, 2, minutes) || hours > 14 || minutes > 59) {
            return std::nullopt;
        }
        offset = (behind ? -1 : 1) * (hours * 60 + minutes);
    }
    if (!text.empty()) return std::nullopt;
    const std::int64_t minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
    return (minutes * 60 + second) * 1000;
}

bool is_fresh(std::int64_t at, std::int64_t now) {
    return at >= now - kWindow && at <= now + kWindow;
}

std::string hmac_hex(std::string_view key, std::initializer_list<std::string_view> parts) {
    return to_hex(view_of(hmac_sha256(key, parts)));
}

std::string hmac_base64(std::string_view key, std::initializer_list<std::string_view> parts) {
    return to_base64(bytes_of(hmac_sha256(key, parts)));
}

std::optional<Secret> standard_key(std::string_view text) {
    constexpr std::string_view kPrefix = "whsec_";
    if (text.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
    auto bytes = from_base64(text.substr(kPrefix.size()));
    if (!bytes) return std::nullopt;
    std::optional<Secret> out;
    if (bytes->size() >= kShortestStandardKey) out.emplace(view_of(*bytes));
    if (!bytes->empty()) OPENSSL_cleanse(bytes->data(), bytes->size());
    return out;
}

std::optional<std::string> ed25519_key(std::string_view text) {
    constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----\n";
    constexpr std::string_view kEnd = "\n-----END PUBLIC KEY-----";
    // SubjectPublicKeyInfo of the one algorithm, up to the key. Source: RFC 8410 section 10.1.
    constexpr std::string_view kInfo("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);
    std::string plain(text);
    for (std::size_t at = 0; (at = plain.find("\r\n", at)) != std::string::npos;) plain.erase(at, 1);
    std::string_view body = plain;
    if (!body.empty() && body.back() == '\n') body.remove_suffix(1);
    if (body.substr(0, kBegin.size()) == kBegin) {
        body.remove_prefix(kBegin.size());
        if (body.size() < kEnd.size() || body.substr(body.size() - kEnd.size()) != kEnd) return std::nullopt;
        body.remove_suffix(kEnd.size());
    }
    const auto bytes = from_base64(body);
    if (!bytes || bytes->size() != kInfo.size() + 32) return std::nullopt;
    if (view_of(*bytes).substr(0, kInfo.size()) != kInfo) return std::nullopt;
    return std::string(view_of(*bytes).substr(kInfo.size()));
}

std::string hubspot_url(std::string_view url) {
    constexpr std::string_view kDecoded = ":/?@!$'()*,;";
    std::string out;
    out.reserve(url.size());
    for (std::size_t at = 0; at < url.size(); ++at) {
        const auto byte =
            url[at] == '%' && at + 2 < url.size() ? from_hex(url.substr(at + 1, 2)) : std::nullopt;
        if (byte && kDecoded.find(static_cast<char>((*byte)[0])) != std::string_view::npos) {
            out += static_cast<char>((*byte)[0]);
            at += 2;
        } else {
            out += url[at];
        }
    }
    return out;
}

}  // namespace sentinel::core
