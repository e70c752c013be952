#include "core/normalize_web.hpp"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "core/hostname.hpp"
#include "core/unicode.hpp"

namespace sentinel::core {

namespace {

constexpr std::size_t kLongestUrl = 2048;

struct Address {
    std::string host;        // compared form, no www
    std::string_view path;   // begins with / or is empty
    std::string_view query;  // without ?
    bool has_user = false;   // user@host stood there
};

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

void drop_label(std::string& host, std::string_view label) {
    if (host.size() > label.size() + 1 && starts_with(host, label) && host[label.size()] == '.' &&
        host.find('.', label.size() + 1) != std::string::npos) {
        host.erase(0, label.size() + 1);
    }
}

// Drop any of the labels from the front for as long as one stands there.
void drop_labels(std::string& host, std::initializer_list<std::string_view> labels) {
    for (std::string before; before != host;) {
        before = host;
        for (const std::string_view label : labels) drop_label(host, label);
    }
}

std::optional<Address> split(std::string_view text) {
    text = unicode_trim(text);
    if (text.size() > kLongestUrl) return std::nullopt;
    const std::size_t scheme = text.find("://");
    if (scheme != std::string_view::npos && scheme < text.find_first_of("/?#")) {
        text.remove_prefix(scheme + 3);
    } else if (starts_with(text, "//")) {
        text.remove_prefix(2);
    } else if (unicode_lower(text.substr(0, 7)) == "mailto:") {
        text.remove_prefix(7);
    }
    Address address;
    text = text.substr(0, text.find('#'));
    const std::size_t query = text.find('?');
    if (query != std::string_view::npos) {
        address.query = text.substr(query + 1);
        text = text.substr(0, query);
    }
    std::string_view host = text.substr(0, text.find_first_of("/\\"));
    address.path = text.substr(host.size());
    const std::size_t user = host.rfind('@');
    if (user != std::string_view::npos) {
        address.has_user = true;
        host.remove_prefix(user + 1);
    }
    const std::size_t port = host.rfind(':');
    if (port != std::string_view::npos &&
        host.find_first_not_of("0123456789", port + 1) == std::string_view::npos) {
        host = host.substr(0, port);
    }
    auto normal = normalize_host(unicode_trim(host));
    if (!normal) return std::nullopt;
    address.host = std::move(*normal);
    drop_labels(address.host, {"www"});
    return address;
}

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Decode %XX of letters, digits, -._~ and of well-formed characters beyond ASCII; what has a meaning stays
// encoded, and a % that begins no pair is encoded, so that decoding twice changes nothing.
std::string percent_decode(std::string_view text) {
    std::string bytes;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            bytes += text[at];
            continue;
        }
        const int high = at + 2 < text.size() ? hex(text[at + 1]) : -1;
        const int low = at + 2 < text.size() ? hex(text[at + 2]) : -1;
        if (high < 0 || low < 0) {
            bytes += "%25";
            continue;
        }
        const int value = high * 16 + low;
        const bool plain = (value >= '0' && value <= '9') || (value >= 'a' && value <= 'z') ||
                           (value >= 'A' && value <= 'Z') || value == '-' || value == '.' || value == '_' ||
                           value == '~';
        if (plain || value >= 0x80) {
            bytes += static_cast<char>(value);
        } else {
            bytes.append("%").append(text.substr(at + 1, 2));
        }
        at += 2;
    }
    return is_utf8(bytes) ? bytes : std::string(text);
}

std::vector<std::string> segments(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::size_t end = path.find_first_of("/\\");
        const std::string decoded = percent_decode(path.substr(0, end));
        const std::string_view part = unicode_trim(decoded);
        if (!part.empty() && part != ".") out.emplace_back(part);
        path = end == std::string_view::npos ? std::string_view() : path.substr(end);
    }
    return out;
}

struct Network {
    std::string_view host;
    std::string_view canonical;
    std::size_t parts;  // how many parts of the path name the account, 0: all
    bool lower;         // paths ignore case
};

constexpr Network kNetworks[] = {
    {"linkedin.com", "linkedin.com", 2, true}, {"x.com", "x.com", 1, true},
    {"twitter.com", "x.com", 1, true},         {"instagram.com", "instagram.com", 1, true},
    {"facebook.com", "facebook.com", 1, true}, {"fb.com", "facebook.com", 1, true},
    {"tiktok.com", "tiktok.com", 1, true},     {"github.com", "github.com", 1, true},
    {"threads.net", "threads.net", 1, true},   {"xing.com", "xing.com", 2, true},
    {"youtube.com", "youtube.com", 0, false},  {"medium.com", "medium.com", 1, true},
};

const Network* network_of(std::string_view host) {
    for (const Network& network : kNetworks) {
        if (host == network.host) return &network;
        // uk.linkedin.com, m.facebook.com; any other sub-domain may be a site of its own.
        if (host.size() > network.host.size() + 1 &&
            host.substr(host.size() - network.host.size()) == network.host) {
            const std::string_view label = host.substr(0, host.size() - network.host.size());
            if (label.back() == '.' && label.size() <= 4) return &network;
        }
    }
    return nullptr;
}

std::string query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        if (pair.size() > name.size() && starts_with(pair, name) && pair[name.size()] == '=') {
            return percent_decode(pair.substr(name.size() + 1));
        }
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
    }
    return {};
}

// /in/ACoAA… is an opaque id in which case matters.
bool is_opaque_linkedin(const std::vector<std::string>& parts) {
    return parts.size() >= 2 && starts_with(parts[1], "ACoAA") && parts[1].size() > 20;
}

std::string linkedin(std::vector<std::string> parts) {
    const bool opaque = is_opaque_linkedin(parts);
    parts[0] = unicode_lower(parts[0]);
    if (parts.size() < 2) return {};
    // /pub/first-last/1/2/3 and /sales/lead/id,… are other name spaces: kept whole, never equal to a vanity.
    std::size_t keep = parts[0] == "pub" ? parts.size() : (parts[0] == "sales" ? 3 : 2);
    keep = std::min(keep, parts.size());
    std::string out = "linkedin.com";
    for (std::size_t i = 0; i < keep; ++i) {
        std::string part = parts[i].substr(0, parts[0] == "sales" ? parts[i].find(',') : std::string::npos);
        out += "/" + (opaque || parts[0] == "sales" ? part : unicode_lower(part));
    }
    return out;
}

}  // namespace

std::optional<std::string> normalize_domain(std::string_view text) {
    auto address = split(text);
    if (!address) return std::nullopt;
    return std::move(address->host);
}

std::optional<std::string> normalize_profile_url(std::string_view text) {
    auto address = split(text);
    if (!address || address->has_user || !is_utf8(text)) return std::nullopt;
    std::vector<std::string> parts = segments(address->path);
    drop_labels(address->host, {"www", "m", "mobile"});
    const Network* network = network_of(address->host);
    if (network == nullptr) {
        if (parts.empty()) return std::nullopt;
        std::string out = address->host;
        for (const std::string& part : parts) out += "/" + part;
        return out;
    }
    if (parts.empty()) return std::nullopt;
    if (network->host == "linkedin.com") {
        std::string out = linkedin(std::move(parts));
        if (out.empty()) return std::nullopt;
        return out;
    }
    std::string out(network->canonical);
    if (network->canonical == "facebook.com" && unicode_lower(parts[0]) == "profile.php") {
        const std::string id = query_value(address->query, "id");
        if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
        return out + "/profile.php?id=" + id;
    }
    const std::size_t keep = network->parts == 0 ? parts.size() : std::min(parts.size(), network->parts);
    for (std::size_t i = 0; i < keep; ++i) out += "/" + (network->lower ? unicode_lower(parts[i]) : parts[i]);
    return out;
}

bool is_personal_profile(std::string_view normal_url) {
    for (const std::string_view page :
         {"linkedin.com/company/", "linkedin.com/school/", "linkedin.com/showcase/", "linkedin.com/groups/",
          "xing.com/pages/", "xing.com/companies/"}) {
        if (starts_with(normal_url, page)) return false;
    }
    return !normal_url.empty();
}

}  // namespace sentinel::core
