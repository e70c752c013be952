#include "gateway/head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sentinel::gateway {
namespace {

constexpr std::size_t kMostHeaders = 100;

bool is_token_char(char c) noexcept {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Tabs, spaces, printable ASCII and bytes above.
bool is_value(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return c == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Whether a list of tokens has one.
bool lists(std::string_view list, std::string_view lower_token) noexcept {
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        if (same_name(trim(list.substr(0, comma)), lower_token)) return true;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

Refusal bad(std::string detail) {
    return {400, "bad_request", std::move(detail)};
}

Refusal read_target(std::string_view target, Head& out) {
    if (target.size() > kMostUri) return {414, "uri_too_long", "the target has more than 8192 bytes"};
    const auto plain = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
    if (!std::all_of(target.begin(), target.end(), plain)) {
        return bad("the target has a byte that must be percent-encoded");
    }
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!same_name(target.substr(0, scheme.size()), scheme)) continue;
        target.remove_prefix(scheme.size());
        const std::size_t end = std::min(target.find_first_of("/?"), target.size());
        if (end == 0) return bad("the target names no host");
        target.remove_prefix(end);
        if (target.empty() || target.front() == '?') {
            out.path = "/";
            out.query = target.empty() ? "" : target.substr(1);
            return {};
        }
        break;
    }
    const bool asterisk = target == "*" && out.method == "OPTIONS";
    if (!asterisk && (target.empty() || target.front() != '/')) return bad("the target must begin with /");
    const std::size_t mark = target.find('?');
    out.path = target.substr(0, mark);
    if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
    return {};
}

Refusal read_request_line(std::string_view line, Head& out) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return bad("the request line has not three parts");
    const std::string_view method = line.substr(0, first);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method) || method.size() > 32) return bad("the method is no token");
    out.method = method;
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return version.substr(0, 5) == "HTTP/"
                   ? Refusal{505, "version_not_supported", "this speaks HTTP/1.1 and HTTP/1.0"}
                   : bad("the request line has not three parts");
    }
    out.http10 = version == "HTTP/1.0";
    if (method == "CONNECT" || method == "TRACE") {
        return {501, "method_not_implemented", "CONNECT and TRACE are not served"};
    }
    return read_target(line.substr(first + 1, last - first - 1), out);
}

Refusal read_field(std::string_view line, Head& out) {
    if (line.front() == ' ' || line.front() == '\t') return bad("a header line is folded");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header line has no colon");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (!is_token(name)) return bad("a header's name is no token");
    if (!is_value(value)) return bad("a header's value has a control character");
    if (out.headers.size() == kMostHeaders) {
        return {431, "header_too_large", "there are more than 100 headers"};
    }
    out.headers.emplace_back(name, value);
    return {};
}

// How long the body is: the rules of RFC 9112 section 6, and stricter where it gives a choice.
Refusal read_framing(Head& out) {
    int hosts = 0;
    int lengths = 0;
    int encodings = 0;
    for (const auto& [name, value] : out.headers) {
        if (same_name(name, "host")) {
            ++hosts;
            const auto host_char = [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != ','; };
            if (!std::all_of(value.begin(), value.end(), host_char)) return bad("the host is no host");
        } else if (same_name(name, "content-length")) {
            ++lengths;
            const auto digit = [](char c) { return c >= '0' && c <= '9'; };
            if (value.empty() || !std::all_of(value.begin(), value.end(), digit)) {
                return bad("the content length is no number");
            }
            const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), out.length);
            if (error != std::errc{}) return {413, "body_too_large", "the content length is no length"};
        } else if (same_name(name, "transfer-encoding")) {
            ++encodings;
            if (!same_name(value, "chunked")) return bad("the only transfer encoding taken is chunked");
        } else if (same_name(name, "connection")) {
            if (lists(value, "close")) out.keep_alive = false;
        } else if (same_name(name, "expect")) {
            if (!same_name(value, "100-continue")) {
                return {417, "expectation_failed", "the only expectation met is 100-continue"};
            }
            out.expects_continue = !out.http10;
        }
    }
    if (hosts > 1) return bad("there is more than one host");
    if (hosts == 0 && !out.http10) return bad("the host is missing");
    if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) {
        return bad("the body's length is given twice");
    }
    if (encodings > 0 && out.http10) return bad("HTTP/1.0 knows no transfer encoding");
    out.has_length = lengths == 1;
    out.chunked = encodings == 1;
    if (out.http10) out.keep_alive = false;
    return {};
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view Head::get(std::string_view lower_name) const noexcept {
    std::string_view found;
    int seen = 0;
    for (const auto& [name, value] : headers) {
        if (same_name(name, lower_name) && ++seen == 1) found = value;
    }
    return seen == 1 ? found : std::string_view();
}

std::size_t find_head(std::string_view bytes, std::size_t searched, Refusal& refusal) {
    for (std::size_t at = bytes.find('\n', searched); at != std::string_view::npos && at < kMostHead;
         at = bytes.find('\n', at + 1)) {
        if (at == 0 || bytes[at - 1] != '\r') {
            refusal = bad("a line ends without a carriage return");
            return 0;
        }
        if (at >= 3 && bytes[at - 2] == '\n') return at + 1;
    }
    const std::size_t line = std::min(bytes.find('\n'), bytes.size());
    // The method and the version are in the line too.
    if (line > kMostUri + 64) {
        refusal = {414, "uri_too_long", "the target has more than 8192 bytes"};
    } else if (bytes.size() >= kMostHead) {
        refusal = {431, "header_too_large", "the header has more than 16384 bytes"};
    }
    return 0;
}

Refusal read_head(std::string_view raw, Head& out) {
    std::size_t end = raw.find("\r\n");
    if (end == std::string_view::npos) return bad("there is no request line");
    if (raw.find('\0') != std::string_view::npos) return bad("there is a zero byte in the header");
    if (auto refusal = read_request_line(raw.substr(0, end), out)) return refusal;
    for (raw.remove_prefix(end + 2); raw.substr(0, 2) != "\r\n"; raw.remove_prefix(end + 2)) {
        end = raw.find("\r\n");
        if (end == std::string_view::npos || end == 0) return bad("the header has no end");
        if (auto refusal = read_field(raw.substr(0, end), out)) return refusal;
    }
    return read_framing(out);
}

bool is_request_id(std::string_view text) noexcept {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    };
    return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), good);
}

bool is_hop_by_hop(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 10> kNames{"connection",
                                                      "keep-alive",
                                                      "proxy-authenticate",
                                                      "proxy-authorization",
                                                      "proxy-connection",
                                                      "te",
                                                      "trailer",
                                                      "transfer-encoding",
                                                      "upgrade",
                                                      "expect"};
    return std::any_of(kNames.begin(), kNames.end(), [&](auto one) { return same_name(name, one); });
}

bool is_header(std::string_view name, std::string_view value) noexcept {
    return is_token(name) && is_value(value);
}

std::string_view known_method(std::string_view method) noexcept {
    for (const std::string_view one : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        if (method == one) return one;
    }
    return "OTHER";
}

}  // namespace sentinel::gateway
