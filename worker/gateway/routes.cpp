#include "gateway/routes.hpp"

#include <algorithm>

namespace sentinel::gateway {
namespace {

constexpr std::size_t kMostParts = 16;

template <class Text>
std::vector<Text> split(std::string_view path) {
    std::vector<Text> out;
    while (!path.empty() && out.size() <= kMostParts) {
        path.remove_prefix(path.front() == '/' ? 1 : 0);
        const std::size_t end = std::min(path.find('/'), path.size());
        out.emplace_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return out;
}

}  // namespace

void Routes::add(std::string_view method, std::string_view pattern, long long most) {
    Route route{std::string(method), split<std::string>(pattern), kDefaultBody};
    for (auto& part : route.parts) {
        if (!part.empty() && part.front() == '{') part = "{";
    }
    if (most >= 0) route.most = std::min(static_cast<std::size_t>(most), kMostBody);
    routes_.push_back(std::move(route));
}

const Routes::Route* Routes::find(std::string_view method, std::string_view path) const {
    const auto parts = split<std::string_view>(path);
    const Route* best = nullptr;
    for (const auto& route : routes_) {
        if (route.method != method || route.parts.size() != parts.size()) continue;
        bool match = true;
        int better = 0;  // the first part in which it differs from the best so far
        for (std::size_t i = 0; match && i < parts.size(); ++i) {
            const bool any = route.parts[i] == "{";
            match = any || route.parts[i] == parts[i];
            if (best != nullptr && better == 0) better = (best->parts[i] == "{" ? 1 : 0) - (any ? 1 : 0);
        }
        if (match && (best == nullptr || better > 0)) best = &route;
    }
    return best;
}

std::size_t Routes::most_body(std::string_view method, std::string_view path) const {
    const Route* route = find(method, path);
    if (route == nullptr && path.substr(0, 5) == "/api/") route = find(method, path.substr(4));
    return route == nullptr ? kDefaultBody : route->most;
}

}  // namespace sentinel::gateway
