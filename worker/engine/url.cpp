#include "engine/url.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "engine/shared.hpp"

namespace sentinel::worker {
namespace {

constexpr std::size_t kLongestUrl = 2048;
constexpr std::size_t kLongestHost = 253;

struct FreeText {
    void operator()(char* p) const noexcept { curl_free(p); }
};

// Empty where the part is absent.
std::string part(CURLU* url, CURLUPart what, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, what, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, FreeText> owner(text);
    return text;
}

bool has(CURLU* url, CURLUPart what) {
    char* text = nullptr;
    const CURLUcode rc = curl_url_get(url, what, &text, 0);
    curl_free(text);
    return rc == CURLUE_OK;
}

CheckedUrl refuse(std::string why) {
    CheckedUrl out;
    out.problem = std::move(why);
    return out;
}

bool host_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == ':';
}

// Everything but scheme, host and port rules.
CheckedUrl parse(std::string_view text) {
    if (text.empty()) return refuse("the url is empty");
    if (text.size() > kLongestUrl) return refuse("the url is longer than 2048 bytes");
    const auto plain = [](char c) { return c > 0x20 && c < 0x7f; };
    if (!std::all_of(text.begin(), text.end(), plain)) {
        return refuse("the url has a space, control or non-ascii byte; percent-encode it");
    }
    CheckedUrl out;
    Url url(curl_url());
    std::string copy(text);  // of what may be a secret
    const CURLUcode rc = curl_url_set(url.get(), CURLUPART_URL, copy.c_str(), CURLU_NON_SUPPORT_SCHEME);
    wipe(copy);
    if (rc != CURLUE_OK) return refuse(std::string("the url does not parse: ") + curl_url_strerror(rc));
    if (has(url.get(), CURLUPART_USER) || has(url.get(), CURLUPART_PASSWORD)) {
        return refuse("the url has user info before the host");
    }
    // An empty fragment is a fragment; a '#' cannot occur in an URL otherwise.
    if (text.find('#') != std::string_view::npos) return refuse("the url has a fragment");
    if (has(url.get(), CURLUPART_ZONEID)) return refuse("the url has a zone id");
    out.scheme = part(url.get(), CURLUPART_SCHEME);
    out.host = part(url.get(), CURLUPART_HOST);
    if (out.host.size() > 1 && out.host.front() == '[') out.host = out.host.substr(1, out.host.size() - 2);
    for (char& c : out.host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (out.host.empty() || out.host.size() > kLongestHost) return refuse("the url has no usable host");
    if (!std::all_of(out.host.begin(), out.host.end(), host_char)) {
        return refuse("the host has a byte that no host name has");
    }
    out.port = std::atoi(part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str());
    out.handle = std::move(url);
    return out;
}

}  // namespace

CheckedUrl check_url(std::string_view text, bool allow_http, const Guard& guard) {
    CheckedUrl out = parse(text);
    if (!out.ok()) return out;
    if (out.scheme != "https" && !(allow_http && out.scheme == "http")) {
        return refuse("the scheme is not https");
    }
    const bool usual = out.port == 443 || out.port == 8443 || (out.port == 80 && out.scheme == "http");
    if (!usual && !guard.port_listed(out.port)) {
        return refuse("port " + std::to_string(out.port) + " is not open; use 443 or 8443");
    }
    return out;
}

CheckedUrl check_fixed_url(std::string_view text, bool allow_http, const std::vector<std::string>& hosts) {
    CheckedUrl out = parse(text);
    if (!out.ok()) return out;
    const bool named = std::find(hosts.begin(), hosts.end(), out.host) != hosts.end();
    const std::string with_port = out.host + ":" + std::to_string(out.port);
    const bool listed = std::find(hosts.begin(), hosts.end(), with_port) != hosts.end();
    if (!listed && !(named && out.port == 443))
        return refuse("host " + out.host + " is not one of slack_hosts");
    if (out.scheme != "https" && !(listed && allow_http && out.scheme == "http")) {
        return refuse("the scheme is not https");
    }
    return out;
}

}  // namespace sentinel::worker
