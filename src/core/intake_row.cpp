#include "core/intake_row.hpp"

#include <algorithm>
#include <cstdint>

#include "core/intake_date.hpp"
#include "core/normalize_email.hpp"
#include "core/unicode.hpp"

namespace sentinel::core {

namespace {

constexpr std::size_t kLongestText = 1000;    // characters
constexpr std::size_t kLongestNotes = 20000;  // characters
constexpr std::size_t kSampleLength = 60;
constexpr std::string_view kExtra = "extra:";

constexpr std::string_view kTexts[] = {"name",        "first_name",   "last_name",   "email",
                                       "phone",       "company_name", "domain",      "profile_link",
                                       "industry",    "location",     "lead_source", "platform",
                                       "temperature", "revenue_band", "currency"};
constexpr std::string_view kIdentifiers[] = {"email", "phone", "domain", "profile_link"};

bool is_one_of(std::string_view text, const std::string_view* from, const std::string_view* to) {
    return std::find(from, to, text) != to;
}

bool is_identifier(std::string_view field) {
    return is_one_of(field, std::begin(kIdentifiers), std::end(kIdentifiers));
}

// What people write instead of leaving a cell empty.
bool is_placeholder(std::string_view text) {
    static constexpr std::string_view words[] = {"-",    "--",  "n/a",     "na", "none",
                                                 "null", "nil", "unknown", "?"};
    return text.size() <= 8 && is_one_of(unicode_lower(text), std::begin(words), std::end(words));
}

std::string sample(std::string_view text) {
    const std::string_view shown = unicode_clip(text, kSampleLength);
    return "\"" + std::string(shown) + (shown.size() < text.size() ? "…" : "") + "\"";
}

void append_json(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            static constexpr char digits[] = "0123456789abcdef";
            out += "\\u00";
            out += digits[byte >> 4U];
            out += digits[byte & 0x0FU];
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    if (out.size() > 1) out += ',';
    append_json(out, name);
    out += ':';
    append_json(out, value);
}

struct Draft {
    std::vector<std::pair<std::string_view, std::string>> fields;
    std::vector<IntakeField> extra;

    std::string* find(std::string_view name) {
        for (auto& field : fields) {
            if (field.first == name) return &field.second;
        }
        return nullptr;
    }
};

std::optional<IntakeFault> judge_text(std::string_view field, std::string_view text, std::size_t most) {
    if (text.size() <= most) return std::nullopt;  // bytes are never fewer than characters
    const std::size_t length = unicode_length(text);
    if (length <= most) return std::nullopt;
    return IntakeFault{"too_long",
                       std::string(field) + " has " + std::to_string(length) + " characters, at most " +
                           std::to_string(most) + " are taken",
                       field == "notes" ? "shorten it" : "shorten it, or send it as notes"};
}

std::optional<IntakeFault> judge_field(std::string_view field, std::string_view text) {
    if (field == "notes") return judge_text(field, text, kLongestNotes);
    if (is_one_of(field, std::begin(kTexts), std::end(kTexts))) {
        if (auto fault = judge_text(field, text, kLongestText)) return fault;
    }
    if (field == "email" && !is_placeholder(text) && !normalize_email(text)) {
        const bool no_at = text.find('@') == std::string_view::npos;
        return IntakeFault{"bad_email", "e-mail " + sample(text) + (no_at ? " has no @" : " is no address"),
                           "write one address such as jane@example.com, or leave it empty"};
    }
    if (field == "created_at") {
        IntakeDate date = parse_intake_date(text);
        if (!date.fault.empty()) return IntakeFault{date.fault, "created_at " + date.reason, date.hint};
    }
    if (field == "employee_count" && !is_placeholder(text) && !parse_count(text)) {
        const bool negative = amount_sign(text).value_or(0) < 0;
        return IntakeFault{negative ? "negative_number" : "bad_number",
                           "employee_count " + sample(text) + (negative ? " is negative" : " is no count"),
                           "write a whole number such as 25, or a range such as 11-50"};
    }
    if (field == "deal_value" && !is_placeholder(text)) {
        const auto sign = amount_sign(text);
        if (!sign)
            return IntakeFault{"bad_number", "deal_value " + sample(text) + " is no amount",
                               "write it as 1234.50"};
        if (*sign < 0) {
            return IntakeFault{"negative_number", "deal_value " + sample(text) + " is negative",
                               "write an amount of 0 or more"};
        }
    }
    return std::nullopt;
}

}  // namespace

std::string intake_payload(const std::vector<std::string_view>& cells,
                           const std::vector<std::string_view>& fields) {
    Draft draft;
    for (std::size_t i = 0; i < std::min(cells.size(), fields.size()); ++i) {
        const std::string_view field = fields[i];
        const std::string_view text = unicode_trim(cells[i]);
        if (field.empty() || text.empty() || (is_identifier(field) && is_placeholder(text))) continue;
        if (field.substr(0, kExtra.size()) == kExtra) {
            draft.extra.emplace_back(field.substr(kExtra.size()), text);
        } else if (std::string* known = draft.find(field)) {
            if (field == "notes") known->append(" | ").append(text);
        } else {
            draft.fields.emplace_back(field, text);
        }
    }
    const std::string* first = draft.find("first_name");
    const std::string* last = draft.find("last_name");
    if (draft.find("name") == nullptr && (first != nullptr || last != nullptr)) {
        std::string name = first != nullptr ? *first : std::string();
        if (last != nullptr) name += (name.empty() ? "" : " ") + *last;
        draft.fields.emplace_back("name", std::move(name));
    }
    std::string json = "{";
    for (const auto& field : draft.fields) append_member(json, field.first, field.second);
    if (!draft.extra.empty()) {
        std::string extra = "{";
        for (const IntakeField& field : draft.extra) append_member(extra, field.first, field.second);
        json += json.size() > 1 ? ",\"extra\":" : "\"extra\":";
        json += extra + "}";
    }
    return json + "}";
}

std::optional<IntakeFault> judge_intake(const std::vector<IntakeField>& fields) {
    bool known = false;
    for (const IntakeField& field : fields) {
        const std::string_view text = unicode_trim(field.second);
        if (text.empty()) continue;
        if (field.first == "name" || (is_identifier(field.first) && !is_placeholder(text))) known = true;
        if (auto fault = judge_field(field.first, text)) return fault;
    }
    if (known) return std::nullopt;
    return IntakeFault{"no_identifier",
                       "the row has neither a name nor e-mail, telephone, domain or profile link",
                       "give at least one of name, email, phone, domain, profile_link"};
}

std::optional<int> parse_count(std::string_view text) {
    text = unicode_trim(text);
    std::int64_t value = 0;
    std::size_t at = 0;
    std::size_t digits = 0;
    for (; at < text.size(); ++at) {
        if (text[at] >= '0' && text[at] <= '9') {
            value = value * 10 + (text[at] - '0');
            if (++digits > 10) return std::nullopt;
        } else {
            // A thousands separator stands before exactly three digits.
            const bool separator =
                (text[at] == ',' || text[at] == '.' || text[at] == '\'' || text[at] == ' ') && digits > 0 &&
                text.substr(at + 1, 3).size() == 3 &&
                text.substr(at + 1, 3).find_first_not_of("0123456789") == std::string_view::npos &&
                (at + 4 >= text.size() || text[at + 4] < '0' || text[at + 4] > '9');
            if (!separator) break;
        }
    }
    if (digits == 0 || value > INT32_MAX) return std::nullopt;
    std::string_view rest = text.substr(at);
    if (rest.substr(0, 2) == ".0" && rest.find_first_not_of('0', 1) == std::string_view::npos) rest = {};
    std::string tail = unicode_lower(unicode_trim(rest));
    for (const std::string_view word : {"employees", "people", "staff"}) {
        const std::size_t found = tail.find(word);
        if (found != std::string::npos) tail.erase(found, word.size());
    }
    // "+", or a range whose upper bound says nothing more.
    const std::string_view end = unicode_trim(tail);
    if (!end.empty() && end != "+") {
        const bool dash = end[0] == '-' || end.substr(0, 3) == "–" || end.substr(0, 2) == "to";
        if (!dash || end.find_first_not_of("0123456789,.' -to\xE2\x80\x93") != std::string_view::npos)
            return std::nullopt;
        if (end.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;
    }
    return static_cast<int>(value);
}

std::optional<int> amount_sign(std::string_view text) {
    text = unicode_trim(text);
    bool negative = false;
    std::size_t digits = 0;
    std::size_t letters = 0;
    bool zero = true;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = decode_utf8(text, at);
        if (c >= '0' && c <= '9') {
            ++digits;
            zero = zero && c == '0';
        } else if (c == '-' || c == 0x2212 || c == 0x2013 || c == '(') {
            // A sign stands before the digits, or behind all of them as accountants write it.
            if (digits > 0 && at < text.size()) return std::nullopt;
            negative = true;
        } else if (lower_character(c) >= 'a' && lower_character(c) <= 'z') {
            if (++letters > 4) return std::nullopt;  // EUR, k, mn, USDk
        } else if (std::u32string_view(U"+., '’_)$€£¥₹ \u00A0\u202F").find(c) == std::u32string_view::npos) {
            return std::nullopt;
        }
    }
    if (digits == 0 || digits > 18) return std::nullopt;
    if (zero) return 0;
    return negative ? -1 : 1;
}

}  // namespace sentinel::core
