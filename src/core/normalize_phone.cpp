#include "normalize_phone.hpp"

#include <algorithm>

#include "unicode.hpp"

namespace sentinel::core {

namespace {

constexpr std::size_t kFewestDigits = 7;
constexpr std::size_t kMostDigits = 15;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return c >= 'a' && c <= 'z';
}

std::size_t count_digits(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
}

// Lower-case ASCII of the text: digits of other scripts become 0-9, other characters a blank.
std::string to_ascii(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        char32_t c = lower_character(decode_utf8(text, at));
        if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
        if (c >= 0x660 && c <= 0x669) c -= 0x660 - '0';
        if (c >= 0x6F0 && c <= 0x6F9) c -= 0x6F0 - '0';
        out += c >= 0x20 && c < 0x7F ? static_cast<char>(c) : (c == '\n' || c == '\r' ? '\n' : ' ');
    }
    return out;
}

// 4.47911E+11: a spreadsheet has thrown the last digits away, the number cannot be told any more.
bool is_scientific(std::string_view text) {
    const std::size_t e = text.find('e');
    if (e == std::string_view::npos || e == 0) return false;
    const std::string_view mantissa = text.substr(0, e);
    const std::string_view exponent = text.substr(e + 1);
    return mantissa.find_first_not_of("0123456789.,") == std::string_view::npos && !exponent.empty() &&
           exponent.find_first_not_of("+0123456789") == std::string_view::npos;
}

// Keep the first of several numbers: "020 7946 0958 / 020 7946 0959", "… or …", one per line.
std::string_view first_number(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool word = text.substr(at, 4) == " or ";
        if (!word && std::string_view("/,;|\n").find(text[at]) == std::string_view::npos) continue;
        const std::string_view left = text.substr(0, at);
        const bool enough = count_digits(left) >= kFewestDigits;
        // A slash also sets the area code apart: only a whole second number makes it a list.
        if (enough && (text[at] != '/' || count_digits(text.substr(at)) >= kFewestDigits)) return left;
    }
    return text;
}

// Cut "ext. 12", "x12", "#12", ";ext=12" once a whole number stands before it.
std::string_view without_extension(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::string_view rest = text.substr(at);
        const bool mark = rest[0] == '#' || rest[0] == 'x' || rest.substr(0, 3) == "ext" ||
                          rest.substr(0, 9) == "durchwahl" || rest.substr(0, 5) == "poste";
        if (mark && count_digits(text.substr(0, at)) >= kFewestDigits) return text.substr(0, at);
    }
    return text;
}

char keypad_digit(char letter) {
    return "22233344455566677778889999"[letter - 'a'];
}

// Country codes whose national numbers keep their leading zero.
bool keeps_zero(std::string_view code) {
    return code == "39" || code == "378" || code == "379";
}

std::string code_digits(std::string_view code) {
    std::string digits;
    for (const char c : code) {
        if (is_digit(c)) digits += c;
    }
    if (digits.substr(0, 2) == "00") digits.erase(0, 2);
    return digits.size() > 3 ? std::string() : digits;
}

bool is_placeholder(std::string_view digits) {
    return digits.find_first_not_of(digits[0]) == std::string_view::npos;
}

}  // namespace

std::optional<std::string> normalize_phone(std::string_view text, std::string_view country_code) {
    const std::string ascii = to_ascii(unicode_trim(text));
    std::string_view number = ascii;
    if (is_scientific(number)) return std::nullopt;
    number = without_extension(first_number(number));

    const std::size_t first = number.find_first_of("+0123456789(");
    if (first == std::string_view::npos) return std::nullopt;
    number.remove_prefix(first);  // "tel:", "mobile "

    bool international = number.find('+') < number.find_first_of("0123456789");
    const bool vanity = count_digits(number) < kFewestDigits && count_digits(number) >= 3;
    std::string digits;
    for (std::size_t at = 0; at < number.size(); ++at) {
        if (international && number.substr(at, 3) == "(0)" && !digits.empty()) {
            at += 2;
        } else if (is_digit(number[at])) {
            digits += number[at];
        } else if (vanity && is_letter(number[at])) {
            digits += keypad_digit(number[at]);
        }
        if (!international && digits.size() == 2 && digits == "00") {
            international = true;
            digits.clear();
        }
    }
    const std::string code = code_digits(country_code);
    if (!international && code == "1" && digits.substr(0, 3) == "011") {
        international = true;
        digits.erase(0, 3);
    }
    if (!international && !code.empty() && digits.size() >= kFewestDigits) {
        if (code == "1" && digits.size() == 11 && digits[0] == '1') digits.erase(0, 1);
        if (!digits.empty() && digits[0] == '0' && !keeps_zero(code)) digits.erase(0, 1);
        digits.insert(0, code);
        international = true;
    }
    if (digits.size() < kFewestDigits || digits.size() > kMostDigits || is_placeholder(digits))
        return std::nullopt;
    return international ? "+" + digits : digits;
}

}  // namespace sentinel::core
