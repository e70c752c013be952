#include "engine/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "engine/clock.hpp"
#include "engine/json.hpp"
#include "engine/secret.hpp"

namespace sentinel::worker {
namespace {

constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warning", "error"};
constexpr std::size_t kLongest = 2000;  // of one text: a line stays far below what journald cuts

OrderedJson plain(const std::string& text) {
    return redact_patterns(text.substr(0, kLongest));
}

}  // namespace

std::optional<Level> to_level(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) return static_cast<Level>(i);
    }
    return std::nullopt;
}

std::string_view to_name(Level level) {
    return kNames[static_cast<std::size_t>(level)];
}

void Log::write(Level level, std::string_view message, std::initializer_list<Field> fields) noexcept {
    if (level < level_) return;
    try {
        OrderedJson line;
        line["ts"] = wall_iso();
        line["level"] = to_name(level);
        line["msg"] = plain(std::string(message));
        for (const auto& field : fields) {
            const std::string key(field.key);
            if (const auto* flag = std::get_if<bool>(&field.value)) line[key] = *flag;
            if (const auto* number = std::get_if<std::int64_t>(&field.value)) line[key] = *number;
            if (const auto* text = std::get_if<std::string>(&field.value)) line[key] = plain(*text);
        }
        const std::string out = dump_json(line) + "\n";
        for (std::size_t done = 0; done < out.size();) {
            const ssize_t n = ::write(descriptor_, out.data() + done, out.size() - done);
            if (n > 0) {
                done += static_cast<std::size_t>(n);
            } else if (n < 0 && errno == EAGAIN) {
                pollfd ready{descriptor_, POLLOUT, 0};
                if (poll(&ready, 1, 1000) <= 0) return;  // a reader that stalls loses lines, not deliveries
            } else if (n < 0 && errno != EINTR) {
                return;
            }
        }
    } catch (...) {
        // Out of memory for a log line is no reason to stop delivering.
    }
}

}  // namespace sentinel::worker
