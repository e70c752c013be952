#include "core/json_scan.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <vector>

#include "core/unicode.hpp"

namespace sentinel::core {

namespace {

constexpr int kLargestExponent = 308;
constexpr std::size_t kLevelsWithNames = 2;

bool is_number_part(char c) noexcept {
    return (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-' || c == 'e' || c == 'E';
}

class Scan {
 public:
    explicit Scan(std::string_view bytes) : bytes_(bytes) {}

    std::string fault() {
        while (at_ < bytes_.size()) {
            const char c = bytes_[at_];
            if (c == '"') {
                if (std::string found = string(); !found.empty()) return found;
            } else if (c == '{' || c == '[') {
                if (static_cast<int>(open_.size()) >= kDeepestJson) return "it is nested too deep";
                open_.push_back({c == '{', {}});
                ++at_;
            } else if (c == '}' || c == ']') {
                if (!open_.empty()) open_.pop_back();
                ++at_;
            } else if (c == '-' || (c >= '0' && c <= '9')) {
                if (std::string found = number(); !found.empty()) return found;
            } else {
                ++at_;
            }
        }
        return {};
    }

 private:
    struct Level {
        bool object;
        std::set<std::string_view> names;
    };

    // Read the four digits of \uXXXX; -1 for others, which the parser will refuse.
    int escape_at(std::size_t at) const {
        if (at + 6 > bytes_.size() || bytes_[at] != '\\' || bytes_[at + 1] != 'u') return -1;
        int value = 0;
        for (std::size_t i = at + 2; i < at + 6; ++i) {
            const char c = bytes_[i];
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) return -1;
            value = value * 16 + digit;
        }
        return value;
    }

    std::string string() {
        const std::size_t begin = ++at_;
        while (at_ < bytes_.size() && bytes_[at_] != '"') {
            if (bytes_[at_] != '\\') {
                ++at_;
                continue;
            }
            const int unit = escape_at(at_);
            if (unit == 0) return "it holds the zero character";
            if (unit >= 0xDC00 && unit <= 0xDFFF) return "it holds half a character";
            if (unit >= 0xD800 && unit <= 0xDBFF) {
                const int next = escape_at(at_ + 6);
                if (next < 0xDC00 || next > 0xDFFF) return "it holds half a character";
                at_ += 6;
            }
            at_ += unit < 0 ? 2 : 6;
        }
        const std::string_view text = bytes_.substr(begin, std::min(at_, bytes_.size()) - begin);
        ++at_;
        return is_name() ? name(text) : std::string();
    }

    bool is_name() const {
        if (open_.empty() || open_.size() > kLevelsWithNames || !open_.back().object) return false;
        std::size_t next = at_;
        while (next < bytes_.size() &&
               (bytes_[next] == ' ' || bytes_[next] == '\t' || bytes_[next] == '\n' || bytes_[next] == '\r'))
            ++next;
        return next < bytes_.size() && bytes_[next] == ':';
    }

    // Compared as written: of two spellings of one name, one with escapes, the parser keeps the last.
    std::string name(std::string_view text) {
        if (open_.back().names.insert(text).second) return {};
        return "a name stands in it twice";
    }

    std::string number() {
        const std::size_t begin = at_;
        while (at_ < bytes_.size() && is_number_part(bytes_[at_])) ++at_;
        const std::string_view text = bytes_.substr(begin, at_ - begin);
        if (text.size() > kLongestNumber) return "a number in it is too long";
        const std::size_t e = text.find_first_of("eE");
        if (e == std::string_view::npos) return {};
        const std::string exponent(text.substr(e + 1));
        if (std::labs(std::strtol(exponent.c_str(), nullptr, 10)) > kLargestExponent)
            return "a number in it is too large";
        return {};
    }

    std::string_view bytes_;
    std::size_t at_ = 0;
    std::vector<Level> open_;
};

}  // namespace

std::string json_fault(std::string_view bytes) {
    if (bytes.find('\0') != std::string_view::npos) return "it holds the zero character";
    if (!is_utf8(bytes)) return "it is not UTF-8";
    return Scan(bytes).fault();
}

}  // namespace sentinel::core
