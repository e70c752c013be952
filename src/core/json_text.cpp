#include "core/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "core/unicode.hpp"

namespace sentinel::core {
namespace {

constexpr int kDeepest = 16;
constexpr std::size_t kLongestNumber = 40;
constexpr std::size_t kLongestExponent = 3;

bool digit(char c) {
    return c >= '0' && c <= '9';
}

class Reader {
 public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool document(JsonText& out) {
        if (!value(out, 1)) return false;
        space();
        return rest_.empty();
    }

 private:
    void space() {
        const std::size_t at = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(std::min(at, rest_.size()));
    }

    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    bool word(std::string_view text) {
        if (rest_.substr(0, text.size()) != text) return false;
        rest_.remove_prefix(text.size());
        return true;
    }

    bool value(JsonText& out, int depth) {
        if (depth > kDeepest) return false;
        space();
        if (rest_.empty()) return false;
        switch (rest_.front()) {
            case '{':
                return object(out, depth);
            case '[':
                return array(out, depth);
            case '"':
                out.kind = JsonText::Kind::string;
                return string(out.text);
            case 't':
                out.kind = JsonText::Kind::boolean;
                out.truth = true;
                return word("true");
            case 'f':
                out.kind = JsonText::Kind::boolean;
                return word("false");
            case 'n':
                return word("null");
            default:
                out.kind = JsonText::Kind::number;
                return number(out.text);
        }
    }

    bool object(JsonText& out, int depth) {
        out.kind = JsonText::Kind::object;
        take('{');
        space();
        if (take('}')) return true;
        do {
            space();
            std::string name;
            if (!string(name)) return false;
            if (std::find(out.names.begin(), out.names.end(), name) != out.names.end()) return false;
            space();
            if (!take(':')) return false;
            out.names.push_back(std::move(name));
            if (!value(out.items.emplace_back(), depth + 1)) return false;
            space();
        } while (take(','));
        return take('}');
    }

    bool array(JsonText& out, int depth) {
        out.kind = JsonText::Kind::array;
        take('[');
        space();
        if (take(']')) return true;
        do {
            if (!value(out.items.emplace_back(), depth + 1)) return false;
            space();
        } while (take(','));
        return take(']');
    }

    bool string(std::string& out) {
        if (!take('"')) return false;
        while (!rest_.empty()) {
            const char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') {
                out += c;
            } else if (!escape(out)) {
                return false;
            }
        }
        return false;
    }

    bool escape(std::string& out) {
        if (rest_.empty()) return false;
        const char c = rest_.front();
        rest_.remove_prefix(1);
        static constexpr std::string_view kShort = "\"\\/bfnrt";
        static constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
        if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
            out += kMeant[at];
            return true;
        }
        std::uint32_t first = 0;
        if (c != 'u' || !unit(first) || first == 0) return false;
        if (first >= 0xD800 && first <= 0xDFFF) {
            std::uint32_t second = 0;
            if (first > 0xDBFF || !word("\\u") || !unit(second) || second < 0xDC00 || second > 0xDFFF)
                return false;
            first = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        }
        append_utf8(out, first);
        return true;
    }

    bool unit(std::uint32_t& out) {
        if (rest_.size() < 4) return false;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, out, 16);
        if (error != std::errc{} || end != rest_.data() + 4) return false;
        rest_.remove_prefix(4);
        return true;
    }

    std::size_t digits() {
        std::size_t n = 0;
        while (n < rest_.size() && digit(rest_[n])) ++n;
        rest_.remove_prefix(n);
        return n;
    }

    bool number(std::string& out) {
        const std::string_view from = rest_;
        take('-');
        if (!take('0') && digits() == 0) return false;
        if (take('.') && digits() == 0) return false;
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            const std::size_t size = digits();
            if (size == 0 || size > kLongestExponent) return false;
        }
        out = from.substr(0, from.size() - rest_.size());
        return out.size() <= kLongestNumber;
    }

    std::string_view rest_;
};

}  // namespace

const JsonText* JsonText::find(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return &items[i];
    }
    return nullptr;
}

std::optional<std::string_view> JsonText::string(std::string_view name) const noexcept {
    const JsonText* member = find(name);
    if (member == nullptr || member->kind != Kind::string) return std::nullopt;
    return member->text;
}

std::optional<double> JsonText::number(std::string_view name) const noexcept {
    const JsonText* member = find(name);
    if (member == nullptr || member->kind != Kind::number) return std::nullopt;
    double out = 0;
    const char* const end = member->text.data() + member->text.size();
    const auto [stop, error] = std::from_chars(member->text.data(), end, out);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return out;
}

std::optional<JsonText> parse_json_text(std::string_view text) {
    std::optional<JsonText> out(std::in_place);
    if (!is_utf8(text) || !Reader(text).document(*out)) return std::nullopt;
    return out;
}

}  // namespace sentinel::core
