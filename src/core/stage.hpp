// Names of deal stages as people and other systems write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Give the canonical stage that a text means: trimmed, lower case, every character outside [a-z_ space]
// removed, runs of white space to one underscore, aliases resolved. Nothing when it means none. Source:
// revenue intelligence, stages.
std::optional<std::string> normalize_stage(std::string_view text);

}  // namespace sentinel::core
