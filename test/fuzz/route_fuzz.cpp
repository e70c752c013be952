// Looks for the route of any bytes as a path, and decodes what the names of its pattern stand for.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/route.hpp"

using namespace sentinel::core;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view path(reinterpret_cast<const char*>(data), size);
    RouteTable routes;
    routes.add("GET", "/{a}");
    routes.add("POST", "/a/{b}/c");
    routes.add("GET", "/{a}/{b}/{c}");
    const auto found = routes.find("GET", path);
    if (!found) return 0;
    if (found->route > 2 || found->methods.empty()) std::abort();
    for (const auto& [name, value] : found->params) {
        const auto text = url_decode(value);
        if (name.size() != 1 || value.empty() || (text && text->size() > value.size())) std::abort();
    }
    return 0;
}
