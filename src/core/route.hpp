// Which pattern a path fits.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sentinel::core {

// Patterns are segments behind slashes; {name} stands for any one that is not empty. A path is taken as it
// came over the wire: segments are compared undecoded; /api before it and a slash behind it change nothing.
class RouteTable {
 public:
    struct Found {
        size_t route = 0;  // how many were added before it
        std::vector<std::pair<std::string_view, std::string_view>> params;
        std::vector<std::string_view> methods;  // of all routes that the path fits, in order, each once
    };

    void add(std::string_view method, std::string_view pattern);

    // The route of the method, else one of another method; of several that one with the most characters of
    // its own. Views are into the table and the path.
    std::optional<Found> find(std::string_view method, std::string_view path) const;

 private:
    struct Segment {
        std::string text;
        bool is_name;
    };
    struct Route {
        std::string method;
        std::vector<Segment> segments;
        size_t own_characters = 0;
    };

    static bool fits(const Route& route, const std::vector<std::string_view>& path);

    std::vector<Route> routes_;
};

// Decode %XX of a part of an address; + stays. Nothing when two hexadecimal digits are missing behind a %.
std::optional<std::string> url_decode(std::string_view encoded);

}  // namespace sentinel::core
