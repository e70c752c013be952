// Know how large a request's body may be, from the database's rows of routes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sentinel::gateway {

inline constexpr std::size_t kDefaultBody = 1024 * 1024;
inline constexpr std::size_t kMostBody = 25 * 1024 * 1024;

class Routes {
 public:
    // pattern: as "/deals/{deal_id}". most: of the body, in bytes; cut to kMostBody.
    void add(std::string_view method, std::string_view pattern, long long most);

    // path: as sent, with or without /api in front. Of several that match, the one whose fixed part is longer
    // from the left decides; where none does, kDefaultBody.
    std::size_t most_body(std::string_view method, std::string_view path) const;

    std::size_t size() const noexcept { return routes_.size(); }

 private:
    struct Route {
        std::string method;
        std::vector<std::string> parts;  // "{" stands for any one
        std::size_t most;
    };
    const Route* find(std::string_view method, std::string_view path) const;

    std::vector<Route> routes_;
};

}  // namespace sentinel::gateway
