#include "core/stage.hpp"

namespace sentinel::core {

namespace {

constexpr std::string_view kCanonical[] = {"discover",    "qualify",    "proposal",
                                           "negotiation", "closed_won", "closed_lost"};

struct Alias {
    std::string_view alias;
    std::string_view stage;
};

constexpr Alias kAliases[] = {{"discovery", "discover"},    {"qualification", "qualify"},
                              {"negotiate", "negotiation"}, {"won", "closed_won"},
                              {"lost", "closed_lost"},      {"closed", "closed_won"}};

bool is_space(char letter) {
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

}  // namespace

std::optional<std::string> normalize_stage(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);

    std::string name;
    bool in_space = false;
    for (char letter : text) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
        if (is_space(letter)) {
            if (!in_space) name += '_';
            in_space = true;
        } else if ((letter >= 'a' && letter <= 'z') || letter == '_') {
            name += letter;
            in_space = false;
        }
    }
    for (std::string_view stage : kCanonical) {
        if (name == stage) return name;
    }
    for (const Alias& alias : kAliases) {
        if (name == alias.alias) return std::string(alias.stage);
    }
    return std::nullopt;
}

}  // namespace sentinel::core
