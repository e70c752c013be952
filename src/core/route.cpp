#include "core/route.hpp"

#include <algorithm>

namespace sentinel::core {

namespace {

// More than any pattern has.
constexpr size_t kMostSegments = 32;

std::vector<std::string_view> split(std::string_view path) {
    std::vector<std::string_view> segments;
    while (!path.empty() && segments.size() <= kMostSegments) {
        path.remove_prefix(1);
        const size_t end = std::min(path.find('/'), path.size());
        segments.push_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return segments;
}

int hex_digit(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
    return -1;
}

}  // namespace

void RouteTable::add(std::string_view method, std::string_view pattern) {
    Route route;
    route.method = method;
    for (const std::string_view part : split(pattern)) {
        const bool is_name = part.size() > 2 && part.front() == '{' && part.back() == '}';
        route.segments.push_back({std::string(is_name ? part.substr(1, part.size() - 2) : part), is_name});
        if (!is_name) route.own_characters += part.size();
    }
    routes_.push_back(std::move(route));
}

bool RouteTable::fits(const Route& route, const std::vector<std::string_view>& path) {
    if (route.segments.size() != path.size()) return false;
    for (size_t i = 0; i < path.size(); i++)
        if (route.segments[i].is_name ? path[i].empty() : route.segments[i].text != path[i]) return false;
    return true;
}

std::optional<RouteTable::Found> RouteTable::find(std::string_view method, std::string_view path) const {
    if (path.substr(0, 4) == "/api" && (path.size() == 4 || path[4] == '/')) path.remove_prefix(4);
    if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    if (path.empty() || path.front() != '/') return std::nullopt;
    const std::vector<std::string_view> segments = split(path);
    const Route* best = nullptr;
    Found found;
    for (const Route& route : routes_) {
        if (!fits(route, segments)) continue;
        found.methods.push_back(route.method);
        const auto rank = [&](const Route& one) {
            return std::make_pair(one.method == method, one.own_characters);
        };
        if (best == nullptr || rank(route) > rank(*best)) best = &route;
    }
    if (best == nullptr) return std::nullopt;
    std::sort(found.methods.begin(), found.methods.end());
    found.methods.erase(std::unique(found.methods.begin(), found.methods.end()), found.methods.end());
    found.route = static_cast<size_t>(best - routes_.data());
    for (size_t i = 0; i < segments.size(); i++)
        if (best->segments[i].is_name) found.params.emplace_back(best->segments[i].text, segments[i]);
    return found;
}

std::optional<std::string> url_decode(std::string_view encoded) {
    std::string decoded;
    decoded.reserve(encoded.size());
    for (size_t i = 0; i < encoded.size(); i++) {
        if (encoded[i] != '%') {
            decoded += encoded[i];
            continue;
        }
        const int high = i + 2 < encoded.size() ? hex_digit(encoded[i + 1]) : -1;
        const int low = i + 2 < encoded.size() ? hex_digit(encoded[i + 2]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

}  // namespace sentinel::core
