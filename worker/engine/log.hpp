// Write one JSON object per line to standard output.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace sentinel::worker {

enum class Level { debug, info, warning, error };

std::optional<Level> to_level(std::string_view name);
std::string_view to_name(Level level);

// One named value of a line; monostate leaves it out.
struct Field {
    std::string_view key;
    std::variant<std::monostate, bool, std::int64_t, std::string> value;
};

// Every text passes the pattern redactor; exact secrets are the caller's to remove (Redactor).
class Log {
 public:
    explicit Log(Level level = Level::info, int descriptor = 1) : level_(level), descriptor_(descriptor) {}
    void set(Level level) noexcept { level_ = level; }
    void write(Level level, std::string_view message, std::initializer_list<Field> fields = {}) noexcept;
    void debug(std::string_view m, std::initializer_list<Field> f = {}) noexcept {
        write(Level::debug, m, f);
    }
    void info(std::string_view m, std::initializer_list<Field> f = {}) noexcept { write(Level::info, m, f); }
    void warning(std::string_view m, std::initializer_list<Field> f = {}) noexcept {
        write(Level::warning, m, f);
    }
    void error(std::string_view m, std::initializer_list<Field> f = {}) noexcept {
        write(Level::error, m, f);
    }

 private:
    Level level_;
    int descriptor_;
};

}  // namespace sentinel::worker
