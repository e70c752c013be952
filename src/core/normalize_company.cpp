#include "core/normalize_company.hpp"

#include <algorithm>
#include <vector>

#include "core/unicode.hpp"

namespace sentinel::core {

namespace {

// Legal forms as words after folding and joining of initials; most of ISO 20275 by number of companies.
constexpr std::string_view kLegalForms[] = {
    "gmbh and co kgaa",
    "gmbh and co kg",
    "ag and co kgaa",
    "ag and co kg",
    "ug haftungsbeschrankt",
    "sp zoo",
    "pty ltd",
    "pvt ltd",
    "private limited",
    "public limited company",
    "limited liability company",
    "limited liability partnership",
    "co ltd",
    "company limited",
    "sa de cv",
    "s de rl de cv",
    "sdn bhd",
    "incorporated",
    "inc",
    "llc",
    "llp",
    "lllp",
    "lp",
    "ltd",
    "limited",
    "corp",
    "corporation",
    "co",
    "company",
    "plc",
    "pllc",
    "pc",
    "gmbh",
    "mbh",
    "ag",
    "kg",
    "kgaa",
    "ohg",
    "gbr",
    "ug",
    "ek",
    "ev",
    "eg",
    "se",
    "sa",
    "sas",
    "sasu",
    "sarl",
    "eurl",
    "sci",
    "snc",
    "scs",
    "scop",
    "srl",
    "srls",
    "spa",
    "sapa",
    "bv",
    "nv",
    "vof",
    "cv",
    "bvba",
    "sprl",
    "ab",
    "hb",
    "as",
    "asa",
    "aps",
    "ivs",
    "oy",
    "oyj",
    "ky",
    "sl",
    "slu",
    "slne",
    "sau",
    "lda",
    "ltda",
    "eireli",
    "epp",
    "sro",
    "zrt",
    "kft",
    "nyrt",
    "bt",
    "doo",
    "dd",
    "ood",
    "eood",
    "ad",
    "ead",
    "sia",
    "uab",
    "ou",
    "jsc",
    "ojsc",
    "cjsc",
    "pjsc",
    "ooo",
    "oao",
    "zao",
    "pao",
    "too",
    "tov",
    "pte",
    "pty",
    "pvt",
    "bhd",
    "sdn",
    "kk",
    "gk",
    "yk",
    "tbk",
    "pt",
    "ltd sti",
    "fzc",
    "fze",
    "fzco",
    "fzllc",
    "wll",
    "qsc",
    "psc",
    "saoc",
    "saog",
    "spzoo",
    "spk",
    "spj",
    "sae",
};

bool is_word_character(char32_t c) {
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (c < 0xC0 || c == 0xD7 || c == 0xF7) return c == 0xAA || c == 0xBA || c == 0xB5;
    if (c >= 0x2000 && c <= 0x2BFF) return false;
    if (c >= 0x2E00 && c <= 0x2E7F) return false;
    if (c >= 0x3000 && c <= 0x303F) return false;
    return c != 0xFEFF && c != 0xFFFD && c != kNotUtf8 && c != 0x30FB;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words(1);
    const auto finish = [&] {
        if (!words.back().empty()) words.emplace_back();
    };
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = decode_utf8(text, at);
        if (c == '\'') continue;  // O'Neil, Wendy's
        if (c == '&') {
            finish();
            words.back() = "and";
            finish();
        } else if (is_word_character(c)) {
            append_utf8(words.back(), c);
        } else {
            finish();
        }
    }
    if (words.back().empty()) words.pop_back();
    return words;
}

std::string joined(const std::vector<std::string>& words, std::size_t from = 0) {
    std::string out;
    for (std::size_t i = from; i < words.size(); ++i) {
        if (i > from) out += ' ';
        out += words[i];
    }
    return out;
}

// Put single letters together that stood with dots: "s a" from S.A., "l l c" from L.L.C.
void join_initials(std::vector<std::string>& words) {
    std::vector<std::string> out;
    bool open = false;
    for (const std::string& word : words) {
        const bool initial = word.size() == 1 && word[0] >= 'a' && word[0] <= 'z';
        if (initial && open) {
            out.back() += word;
        } else {
            out.push_back(word);
        }
        open = initial;
    }
    words = std::move(out);
}

bool drop_legal_form(std::vector<std::string>& words) {
    for (std::size_t from = words.size() > 5 ? words.size() - 5 : 1; from < words.size(); ++from) {
        const std::string end = joined(words, from);
        if (std::find(std::begin(kLegalForms), std::end(kLegalForms), end) == std::end(kLegalForms)) continue;
        words.resize(from);
        if (words.size() > 1 && words.back() == "and") words.pop_back();  // "Smith & Co"
        return true;
    }
    return false;
}

}  // namespace

std::optional<std::string> normalize_company(std::string_view text) {
    if (!is_utf8(text)) return std::nullopt;
    std::vector<std::string> words = words_of(unicode_fold(text));
    join_initials(words);
    while (words.size() > 1 && words.front() == "the") words.erase(words.begin());
    while (drop_legal_form(words)) {
    }
    if (words.empty()) return std::nullopt;
    return joined(words);
}

}  // namespace sentinel::core
