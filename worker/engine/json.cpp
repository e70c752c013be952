#include "engine/json.hpp"

#include <stdexcept>

namespace sentinel::worker {

std::optional<Json> parse_json(std::string_view text, std::string* why, bool comments) {
    const auto guard = [](int depth, Json::parse_event_t, Json&) {
        if (depth > kJsonDepth) throw std::length_error("nested deeper than 64 levels");
        return true;
    };
    try {
        return Json::parse(text.begin(), text.end(), guard, true, comments);
    } catch (const std::exception& error) {
        if (why != nullptr) *why = error.what();
        return std::nullopt;
    }
}

std::string dump_json(const OrderedJson& value) {
    return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace sentinel::worker
