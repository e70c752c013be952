#include "gateway/forwarded.hpp"

#include <algorithm>
#include <array>

#include "engine/json.hpp"

namespace sentinel::gateway {
namespace {

constexpr worker::Address kLocal{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
constexpr int kMostHops = 32;

// "1.2.3.4", "1.2.3.4:567", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:567"
std::optional<worker::Address> to_hop(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (!text.empty() && text.front() == '[') {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        text = text.substr(1, end - 1);
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        text = text.substr(0, text.find(':'));
    }
    return text.empty() || text.size() > 45 ? std::nullopt : worker::to_address(text);
}

void append_text(std::string& out, std::string_view text) {
    const auto plain = [](unsigned char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; };
    if (std::all_of(text.begin(), text.end(), plain)) {
        out.append(1, '"').append(text).append(1, '"');
    } else {
        out += worker::dump_json(worker::OrderedJson(text));
    }
}

// Proxies write these; from strangers they are lies.
bool tells_of_caller(std::string_view name) {
    constexpr std::array<std::string_view, 6> kNames{"x-forwarded-for", "forwarded",      "x-real-ip",
                                                     "x-client-ip",     "true-client-ip", "cf-connecting-ip"};
    return std::any_of(kNames.begin(), kNames.end(), [&](auto one) { return same_name(name, one); });
}

bool tells_of_front(std::string_view name) {
    return name.size() > 12 && same_name(name.substr(0, 12), "x-forwarded-");
}

}  // namespace

bool Proxies::trusted(const std::optional<worker::Address>& peer) const {
    if (!peer) return true;
    return std::any_of(trusted_.begin(), trusted_.end(),
                       [&](const worker::Egress& one) { return one.covers(*peer, 0); });
}

Caller Proxies::caller(const std::optional<worker::Address>& peer, const Headers& headers) const {
    Caller out{peer.value_or(kLocal), trusted(peer)};
    if (!out.by_proxy) return out;
    int hops = 0;
    for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
        if (!same_name(header->first, "x-forwarded-for")) continue;
        std::string_view rest = header->second;
        while (!rest.empty() && ++hops <= kMostHops) {
            const std::size_t comma = rest.rfind(',');
            const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
            const auto hop = to_hop(rest.substr(begin));
            if (!hop) return out;
            out.address = *hop;
            if (!trusted(*hop)) return out;
            rest = rest.substr(0, begin == 0 ? 0 : comma);
        }
    }
    return out;
}

std::string to_inet(const worker::Address& address) {
    return worker::to_text(address);
}

std::string to_headers_json(const Head& head, const std::string& request_id, bool by_proxy) {
    std::string out = "[[\"X-Request-Id\",\"" + request_id + "\"]";
    for (const auto& [name, value] : head.headers) {
        if (is_hop_by_hop(name) || tells_of_caller(name) || same_name(name, "x-request-id")) continue;
        if (!by_proxy && tells_of_front(name)) continue;
        out += ",[";
        append_text(out, name);
        out += ',';
        append_text(out, value);
        out += ']';
    }
    return out + ']';
}

}  // namespace sentinel::gateway
