// Write one JSON object per line to standard output, and never wait for its reader.
#pragma once

#include <cstddef>
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
//
// Lines gather in a buffer of bounded size, which flush() hands on as far as the descriptor takes it: a
// reader that stalls, or a disk that is full, loses lines and not deliveries. The next line that gets through
// tells how many were lost.
class Log {
 public:
    explicit Log(Level level = Level::info, int descriptor = 1);
    ~Log();  // waits a second at most for what is left
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

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

    // Hand on what the descriptor takes at once. Warnings and errors do so by themselves.
    void flush() noexcept;
    // As flush(), waiting so long for a reader that is merely slow.
    void drain(int wait_ms) noexcept;

    int descriptor() const noexcept { return descriptor_; }
    bool waiting() const noexcept { return given_ < pending_.size(); }  // for the reader; poll to write

 private:
    enum class Kind { file, socket, stream };

    std::string line(Level level, std::string_view message, std::initializer_list<Field> fields);
    void keep(const std::string& line);
    void tell_loss();
    void drop() noexcept;
    long give(const char* data, std::size_t size) const noexcept;

    Level level_;
    int descriptor_;
    Kind kind_ = Kind::stream;
    std::string pending_;
    std::size_t given_ = 0;     // of pending_
    std::int64_t lost_ = 0;     // lines that nobody has been told of
    std::int64_t telling_ = 0;  // lines that a line in pending_ tells of
    std::size_t told_at_ = 0;   // where that line ends
    bool torn_ = false;         // the rest of a line was lost
};

}  // namespace sentinel::worker
