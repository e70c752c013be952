// Read and write JSON from strangers: limited in depth, and never failing on bad UTF-8.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sentinel::worker {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

inline constexpr int kJsonDepth = 64;

// Parse, or give nothing and say why. nlohmann parses any depth but dies of copying or dumping it, so the
// depth is checked while building.
std::optional<Json> parse_json(std::string_view text, std::string* why = nullptr, bool comments = false);

// One line; bytes that are not UTF-8 become U+FFFD.
std::string dump_json(const OrderedJson& value);

}  // namespace sentinel::worker
