#include "unicode.hpp"

namespace sentinel::core {

namespace {

constexpr unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

bool is_space(char32_t c) noexcept {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
           c == 0x3000 || c == 0xFEFF;
}

// Upper-case letters that stand at the even (or odd) places of a range and have their small letter next to
// them.
bool pairs_at_even(char32_t c) noexcept {
    return (c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
           (c >= 0x1DE && c <= 0x1EF) || (c >= 0x1F8 && c <= 0x21F) || (c >= 0x222 && c <= 0x233) ||
           (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) ||
           (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF);
}

bool pairs_at_odd(char32_t c) noexcept {
    return (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E) || (c >= 0x1CD && c <= 0x1DC) ||
           (c >= 0x4C1 && c <= 0x4CE);
}

// Base letters by code point, '?' where there is no single one (Unicode NFKD, marks dropped).
constexpr char kFold00E0[] =
    "aaaaaa?ceeeeiiiidnooooo?ouuuuy?yaaaaaaccccccccddddeeeeeeeeeegggg"
    "gggghhhhiiiiiiiiii??jjkkkllllll??llnnnnnn?nnoooooo??rrrrrrssssss"
    "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
constexpr char kFold1E00[] =
    "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"
    "mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"
    "wwwwwwwwwwxxxxyyzzzzzzhtwy?s????aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"
    "eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy??????";

void append_folded(std::string& out, char32_t c) {
    char base = '?';
    if (c >= 0xE0 && c <= 0x17F) {
        base = kFold00E0[c - 0xE0];
    } else if (c >= 0x1E00 && c <= 0x1EFF) {
        base = kFold1E00[c - 0x1E00];
    } else if (c >= 0x218 && c <= 0x21B) {
        base = "sstt"[c - 0x218];
    }
    if (base != '?') {
        out += base;
        return;
    }
    switch (c) {
        case 0xDF:
            out += "ss";
            return;
        case 0xE6:
            out += "ae";
            return;
        case 0xFE:
            out += "th";
            return;
        case 0x133:
            out += "ij";
            return;
        case 0x149:
            out += "n";
            return;
        case 0x153:
            out += "oe";
            return;
        case 0x2018:
        case 0x2019:
        case 0x2BC:
            out += '\'';
            return;
        default:
            break;
    }
    if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;  // full-width forms
    if (c < 0x300 || c > 0x36F) append_utf8(out, c);
}

}  // namespace

char32_t decode_utf8(std::string_view text, std::size_t& at) noexcept {
    const unsigned char first = byte_at(text, at);
    ++at;
    if (first < 0x80) return first;
    std::size_t more = 0;
    char32_t character = 0;
    char32_t least = 0;
    if (first >= 0xC2 && first <= 0xDF) {
        more = 1, character = first & 0x1FU, least = 0x80;
    } else if ((first & 0xF0U) == 0xE0) {
        more = 2, character = first & 0x0FU, least = 0x800;
    } else if (first >= 0xF0 && first <= 0xF4) {
        more = 3, character = first & 0x07U, least = 0x10000;
    } else {
        return kNotUtf8;
    }
    if (text.size() - at < more) return kNotUtf8;
    for (std::size_t i = 0; i < more; ++i) {
        const unsigned char next = byte_at(text, at + i);
        if ((next & 0xC0U) != 0x80) return kNotUtf8;
        character = (character << 6U) | (next & 0x3FU);
    }
    if (character < least || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
        return kNotUtf8;
    at += more;
    return character;
}

void append_utf8(std::string& out, char32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0U | (c >> 6U));
        out += static_cast<char>(0x80U | (c & 0x3FU));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0U | (c >> 12U));
        out += static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
        out += static_cast<char>(0x80U | (c & 0x3FU));
    } else {
        out += static_cast<char>(0xF0U | ((c >> 18U) & 0x07U));
        out += static_cast<char>(0x80U | ((c >> 12U) & 0x3FU));
        out += static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
        out += static_cast<char>(0x80U | (c & 0x3FU));
    }
}

bool is_utf8(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        if (byte_at(text, at) < 0x80) {
            ++at;
        } else if (decode_utf8(text, at) == kNotUtf8) {
            return false;
        }
    }
    return true;
}

std::size_t unicode_length(std::string_view text) noexcept {
    std::size_t length = 0;
    for (std::size_t at = 0; at < text.size(); ++length) decode_utf8(text, at);
    return length;
}

std::string_view unicode_clip(std::string_view text, std::size_t limit) noexcept {
    std::size_t at = 0;
    for (std::size_t length = 0; length < limit && at < text.size(); ++length) decode_utf8(text, at);
    return text.substr(0, at);
}

std::string_view unicode_trim(std::string_view text) noexcept {
    while (!text.empty()) {
        std::size_t at = 0;
        if (!is_space(decode_utf8(text, at))) break;
        text.remove_prefix(at);
    }
    while (!text.empty()) {
        std::size_t start = text.size() - 1;
        while (start > 0 && text.size() - start < 4 && (byte_at(text, start) & 0xC0U) == 0x80) --start;
        std::size_t at = start;
        if (!is_space(decode_utf8(text, at)) || at != text.size()) break;
        text.remove_suffix(text.size() - start);
    }
    return text;
}

std::string unicode_squeeze(std::string_view text) {
    std::string out;
    bool gap = false;
    text = unicode_trim(text);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        if (is_space(decode_utf8(text, at))) {
            gap = true;
            continue;
        }
        if (gap) out += ' ';
        gap = false;
        out.append(text, start, at - start);
    }
    return out;
}

char32_t lower_character(char32_t c) noexcept {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c >= 0xC0 && c <= 0xDE) return c == 0xD7 ? c : c + 32;
    if (c == 0x130) return 'i';
    if (c == 0x178) return 0xFF;
    if (c == 0x386) return 0x3AC;
    if (c >= 0x388 && c <= 0x38A) return c + 37;
    if (c == 0x38C) return 0x3CC;
    if (c == 0x38E || c == 0x38F) return c + 63;
    if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 32;
    if (c >= 0x400 && c <= 0x40F) return c + 80;
    if (c >= 0x410 && c <= 0x42F) return c + 32;
    if (c == 0x4C0) return 0x4CF;
    if (c >= 0x531 && c <= 0x556) return c + 48;
    if (c == 0x1E9E) return 0xDF;
    if (c >= 0xFF21 && c <= 0xFF3A) return c + 32;
    if (pairs_at_even(c)) return (c & 1U) == 0 ? c + 1 : c;
    if (pairs_at_odd(c)) return (c & 1U) == 1 ? c + 1 : c;
    return c;
}

std::string unicode_lower(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const char32_t c = decode_utf8(text, at);
        if (c == kNotUtf8) {
            out += text[start];
        } else {
            append_utf8(out, lower_character(c));
        }
    }
    return out;
}

std::string unicode_fold(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const char32_t c = decode_utf8(text, at);
        if (c == kNotUtf8) {
            out += text[start];
        } else {
            append_folded(out, lower_character(c));
        }
    }
    return out;
}

std::string utf16_to_utf8(std::string_view bytes, bool little_endian) {
    std::string out;
    out.reserve(bytes.size());
    const auto unit = [&](std::size_t at) -> char32_t {
        const unsigned a = byte_at(bytes, at);
        const unsigned b = byte_at(bytes, at + 1);
        return little_endian ? (b << 8U) | a : (a << 8U) | b;
    };
    std::size_t at = 0;
    while (at + 1 < bytes.size()) {
        char32_t c = unit(at);
        at += 2;
        if (c >= 0xD800 && c <= 0xDBFF && at + 1 < bytes.size()) {
            const char32_t low = unit(at);
            if (low >= 0xDC00 && low <= 0xDFFF) {
                c = 0x10000 + ((c - 0xD800) << 10U) + (low - 0xDC00);
                at += 2;
            }
        }
        append_utf8(out, c);
    }
    if (at < bytes.size()) out += '\xFF';  // half a unit: let the row be refused, not silently shortened
    return out;
}

std::string windows1252_to_utf8(std::string_view bytes) {
    static constexpr char16_t high[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                          0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                          0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                          0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
    std::string out;
    out.reserve(bytes.size());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        const unsigned char c = byte_at(bytes, at);
        append_utf8(out, c >= 0x80 && c < 0xA0 ? char32_t{high[c - 0x80]} : char32_t{c});
    }
    return out;
}

}  // namespace sentinel::core
