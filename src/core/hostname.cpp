#include "hostname.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "unicode.hpp"

namespace sentinel::core {

namespace {

constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestHost = 253;

bool is_host_character(char32_t c) {
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (c < 0xC0) return c == 0xAA || c == 0xB7 || c == 0xBA;
    if (c == 0xD7 || c == 0xF7) return false;
    if (c == 0x200C || c == 0x200D) return true;   // joiners are letters of some scripts
    if (c >= 0x2000 && c <= 0x2BFF) return false;  // spaces, punctuation, symbols
    if (c >= 0x2E00 && c <= 0x2E7F) return false;
    if (c >= 0x3000 && c <= 0x3004) return false;
    if (c >= 0xE000 && c <= 0xF8FF) return false;  // private use
    if (c >= 0xFE00 && c <= 0xFE0F) return false;
    if (c >= 0xFFF0 && c <= 0xFFFF) return false;
    return c != 0xFEFF && c < 0xE0000;
}

// Turn one label into its A-label; nothing when it is none.
std::optional<std::string> ascii_label(const std::u32string& label) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return std::nullopt;
    if (!std::all_of(label.begin(), label.end(), is_host_character)) return std::nullopt;
    std::string out;
    if (std::all_of(label.begin(), label.end(), [](char32_t c) { return c < 0x80; })) {
        out.assign(label.begin(), label.end());
    } else {
        auto encoded = punycode(label);
        if (!encoded) return std::nullopt;
        out = "xn--" + *encoded;
    }
    if (out.size() > kLongestLabel) return std::nullopt;
    return out;
}

std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) {
    delta = first ? delta / 700 : delta / 2;
    delta += delta / points;
    std::uint32_t k = 0;
    for (; delta > 455; k += 36) delta /= 35;
    return k + 36 * delta / (delta + 38);
}

}  // namespace

std::optional<std::string> punycode(const std::u32string& label) {
    if (label.size() > kLongestLabel) return std::nullopt;  // also keeps the deltas below 2^32
    std::string out;
    for (const char32_t c : label) {
        if (c < 0x80) out += static_cast<char>(c);
    }
    auto handled = static_cast<std::uint32_t>(out.size());
    const std::uint32_t basic = handled;
    if (basic > 0) out += '-';
    std::uint32_t n = 128;
    std::uint32_t delta = 0;
    std::uint32_t bias = 72;
    while (handled < label.size()) {
        std::uint32_t least = 0x110000;
        for (const char32_t c : label) {
            if (c >= n) least = std::min<std::uint32_t>(least, c);
        }
        delta += (least - n) * (handled + 1);
        n = least;
        for (const char32_t c : label) {
            if (c < n) ++delta;
            if (c != n) continue;
            std::uint32_t q = delta;
            for (std::uint32_t k = 36;; k += 36) {
                const std::uint32_t t = k <= bias ? 1 : (k >= bias + 26 ? 26 : k - bias);
                if (q < t) break;
                const std::uint32_t digit = t + (q - t) % (36 - t);
                out += static_cast<char>(digit < 26 ? 'a' + digit : '0' + digit - 26);
                q = (q - t) / (36 - t);
            }
            out += static_cast<char>(q < 26 ? 'a' + q : '0' + q - 26);
            bias = adapt(delta, handled + 1, handled == basic);
            delta = 0;
            ++handled;
        }
        ++delta;
        ++n;
    }
    return out;
}

std::optional<std::string> normalize_host(std::string_view host) {
    if (host.size() > 4 * kLongestHost) return std::nullopt;
    std::vector<std::u32string> labels(1);
    for (std::size_t at = 0; at < host.size();) {
        char32_t c = decode_utf8(host, at);
        if (c == kNotUtf8) return std::nullopt;
        if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
        if (c == 0x3002 || c == 0xFF61) c = '.';
        if (c == '.') {
            labels.emplace_back();
        } else {
            labels.back() += lower_character(c);
        }
    }
    if (labels.back().empty()) labels.pop_back();
    if (labels.size() < 2) return std::nullopt;

    std::string out;
    for (const std::u32string& label : labels) {
        const auto ascii = ascii_label(label);
        if (!ascii) return std::nullopt;
        if (!out.empty()) out += '.';
        out += *ascii;
    }
    const std::string_view last = std::string_view(out).substr(out.rfind('.') + 1);
    const bool numeric = std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (out.size() > kLongestHost || last.size() < 2 || numeric) return std::nullopt;
    return out;
}

}  // namespace sentinel::core
