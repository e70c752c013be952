#include "normalize_email.hpp"

#include <algorithm>
#include <string>

#include "hostname.hpp"
#include "unicode.hpp"

namespace sentinel::core {

namespace {

constexpr std::size_t kLongestLocal = 64;

struct Provider {
    std::string_view host;
    std::string_view canonical;  // the host that stands for all names of one account; empty: itself
    bool plus;                   // what follows + is a detail
    std::string_view ignored;    // characters that do not distinguish
};

// Rules that hold for these hosts only: a custom domain at the same provider keeps its dots.
constexpr Provider kProviders[] = {
    {"gmail.com", "", true, "."},
    {"googlemail.com", "gmail.com", true, "."},
    {"outlook.com", "", true, ""},
    {"outlook.de", "", true, ""},
    {"outlook.es", "", true, ""},
    {"outlook.fr", "", true, ""},
    {"outlook.it", "", true, ""},
    {"hotmail.com", "", true, ""},
    {"hotmail.co.uk", "", true, ""},
    {"hotmail.de", "", true, ""},
    {"hotmail.es", "", true, ""},
    {"hotmail.fr", "", true, ""},
    {"hotmail.it", "", true, ""},
    {"live.com", "", true, ""},
    {"live.co.uk", "", true, ""},
    {"live.de", "", true, ""},
    {"live.fr", "", true, ""},
    {"msn.com", "", true, ""},
    {"icloud.com", "", true, ""},
    {"me.com", "", true, ""},
    {"mac.com", "", true, ""},
    {"zoho.com", "", true, ""},
    {"zoho.eu", "", true, ""},
    {"zohomail.com", "", true, ""},
    {"zohomail.eu", "", true, ""},
    {"fastmail.com", "", true, ""},
    {"fastmail.fm", "", true, ""},
    {"proton.me", "", true, ".-_"},
    {"protonmail.com", "proton.me", true, ".-_"},
    {"pm.me", "proton.me", true, ".-_"},
    {"yandex.ru", "", true, ""},
    {"yandex.com", "yandex.ru", true, ""},
    {"yandex.by", "yandex.ru", true, ""},
    {"yandex.kz", "yandex.ru", true, ""},
    {"yandex.ua", "yandex.ru", true, ""},
    {"ya.ru", "yandex.ru", true, ""},
};

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
    return text.size() == lower.size() && unicode_lower(text) == lower;
}

// Take the address out of `mailto:address?subject=…` and `Name <address>`.
std::string_view bare_address(std::string_view text) {
    text = unicode_trim(text);
    if (!text.empty() && text.back() == '>') {
        const std::size_t open = text.rfind('<');
        if (open != std::string_view::npos) text = text.substr(open + 1, text.size() - open - 2);
    }
    if (equal_ignoring_case(text.substr(0, 7), "mailto:")) {
        text.remove_prefix(7);
        text = text.substr(0, text.find('?'));
    }
    return unicode_trim(text);
}

// Dot-atom of RFC 5322 with the letters of RFC 6531; quoted local parts are refused, nobody has one.
bool is_local_part(std::string_view local) {
    if (local.empty() || local.size() > kLongestLocal || local.front() == '.' || local.back() == '.')
        return false;
    if (local.find("..") != std::string_view::npos) return false;
    for (std::size_t at = 0; at < local.size();) {
        const char32_t c = decode_utf8(local, at);
        if (c == kNotUtf8 || c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xFEFF || c == 0x3000)
            return false;
        if (c >= 0x2000 && c <= 0x206F) return false;
        if (c < 0x80 &&
            std::string_view("\"(),:;<>@[\\]").find(static_cast<char>(c)) != std::string_view::npos) {
            return false;
        }
    }
    return true;
}

// A rule that would leave no address (`+x@…`, `a.+x@…`) is not applied, so that normalising twice changes
// nothing.
void apply(const Provider& provider, std::string& local, std::string& host) {
    std::string kept = provider.plus ? local.substr(0, local.find('+')) : local;
    for (const char c : provider.ignored) kept.erase(std::remove(kept.begin(), kept.end(), c), kept.end());
    if (!provider.canonical.empty()) host = provider.canonical;
    // Yandex gives one mailbox two spellings of its separator.
    if (host == "yandex.ru") std::replace(kept.begin(), kept.end(), '-', '.');
    if (is_local_part(kept)) local = kept;
}

// tag@user.fastmail.com is user@fastmail.com.
void unfold_fastmail(std::string& local, std::string& host) {
    for (const std::string_view base : {"fastmail.com", "fastmail.fm"}) {
        if (!ends_with(host, base) || host.size() <= base.size() + 1) continue;
        const std::string user = host.substr(0, host.size() - base.size() - 1);
        if (host[user.size()] != '.' || user.find('.') != std::string::npos || user == "www") continue;
        local = user;
        host = base;
        return;
    }
}

// 123+login@users.noreply.github.com is login@….
void drop_github_number(std::string& local, const std::string& host) {
    if (host != "users.noreply.github.com") return;
    for (;;) {
        const std::size_t plus = local.find('+');
        if (plus == std::string::npos || plus == 0 || plus + 1 == local.size()) return;
        if (local.find_first_not_of("0123456789") != plus) return;
        if (!is_local_part(std::string_view(local).substr(plus + 1))) return;
        local.erase(0, plus + 1);
    }
}

}  // namespace

std::optional<std::string> normalize_email(std::string_view text) {
    const std::string_view address = bare_address(text);
    const std::size_t at = address.rfind('@');
    if (at == std::string_view::npos) return std::nullopt;
    std::string local = unicode_lower(address.substr(0, at));
    if (!is_local_part(local)) return std::nullopt;
    auto normal_host = normalize_host(address.substr(at + 1));
    if (!normal_host) return std::nullopt;
    std::string host = std::move(*normal_host);

    drop_github_number(local, host);
    unfold_fastmail(local, host);
    for (const Provider& provider : kProviders) {
        if (provider.host != host) continue;
        apply(provider, local, host);
        break;
    }
    return local + "@" + host;
}

}  // namespace sentinel::core
