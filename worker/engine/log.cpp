#include "engine/log.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "engine/clock.hpp"
#include "engine/json.hpp"
#include "engine/shared.hpp"

namespace sentinel::worker {
namespace {

constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warning", "error"};
constexpr std::size_t kLongest = 2000;      // of one text: a line stays far below what journald cuts
constexpr std::size_t kMost = 1024 * 1024;  // bytes that wait for the reader
constexpr std::size_t kSoon = 64 * 1024;    // hand on in between when so many wait

// Most texts are plain ASCII; the others take the way through the library, which mends bad UTF-8.
void append_text(std::string& out, std::string_view text) {
    const auto plain = [](unsigned char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; };
    if (std::all_of(text.begin(), text.end(), plain)) {
        out.append(1, '"').append(text).append(1, '"');
    } else {
        out += dump_json(OrderedJson(text));
    }
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

Log::Log(Level level, int descriptor) : level_(level), descriptor_(descriptor) {
    struct stat facts {};
    // Where there is none, a write fails as it does to a file; poll would wait.
    if (fstat(descriptor, &facts) != 0 || S_ISREG(facts.st_mode)) kind_ = Kind::file;
    if (S_ISSOCK(facts.st_mode)) kind_ = Kind::socket;
}

Log::~Log() {
    drain(1000);
}

std::string Log::line(Level level, std::string_view message, std::initializer_list<Field> fields) {
    std::string out;
    out.reserve(512);
    const auto add_key = [&](std::string_view key) {
        out += out.empty() ? '{' : ',';
        append_text(out, key);
        out += ':';
    };
    const auto add_text = [&](std::string_view key, std::string_view text) {
        add_key(key);
        append_text(out, redact_patterns(std::string(text.substr(0, kLongest))));
    };
    add_key("ts");
    append_text(out, wall_iso());
    add_key("level");
    append_text(out, to_name(level));
    add_text("msg", message);
    for (const auto& field : fields) {
        if (const auto* text = std::get_if<std::string>(&field.value)) {
            add_text(field.key, *text);
        } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
            add_key(field.key);
            out += std::to_string(*number);
        } else if (const auto* flag = std::get_if<bool>(&field.value)) {
            add_key(field.key);
            out += *flag ? "true" : "false";
        }
    }
    return out + "}\n";
}

void Log::write(Level level, std::string_view message, std::initializer_list<Field> fields) noexcept {
    if (level < level_) return;
    try {
        if (lost_ > 0 && telling_ == 0 && pending_.size() - given_ < kMost / 2) tell_loss();
        keep(line(level, message, fields));
    } catch (...) {
        ++lost_;  // out of memory for a log line is no reason to stop delivering
    }
    if (level >= Level::warning || pending_.size() - given_ >= kSoon) flush();
}

void Log::tell_loss() {
    const std::string words = "log lines were lost: their reader was too slow, or the disk is full";
    const std::string telling = line(Level::warning, words, {{"lines", lost_}});
    if (torn_) pending_ += '\n';
    torn_ = false;
    pending_ += telling;
    told_at_ = pending_.size();
    telling_ = lost_;
    lost_ = 0;
}

void Log::keep(const std::string& line) {
    if (lost_ > 0 || pending_.size() - given_ + line.size() > kMost) {
        ++lost_;
    } else {
        pending_ += line;
    }
}

// What waits will never be taken. The loss is told once lines get through again.
void Log::drop() noexcept {
    const auto rest = pending_.begin() + static_cast<std::ptrdiff_t>(given_);
    torn_ = torn_ || (given_ > 0 && pending_[given_ - 1] != '\n');
    lost_ += std::count(rest, pending_.end(), '\n') + (telling_ > 0 ? telling_ - 1 : 0);
    telling_ = 0;
    given_ = pending_.size();
}

// How many bytes the descriptor took; less than 0: none now (EAGAIN) or none ever (any other errno). Its
// flags stay as they are, for others may share it: what is written at once is what a ready descriptor takes.
long Log::give(const char* data, std::size_t size) const noexcept {
    if (kind_ == Kind::file) return ::write(descriptor_, data, size);
    if (kind_ == Kind::socket) return ::send(descriptor_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    pollfd ready{descriptor_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return ::write(descriptor_, data, std::min<std::size_t>(size, PIPE_BUF));
}

void Log::flush() noexcept {
    while (waiting()) {
        const long n = give(pending_.data() + given_, pending_.size() - given_);
        if (n > 0) {
            given_ += static_cast<std::size_t>(n);
        } else if (n == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            drop();
        }
    }
    if (given_ >= told_at_) telling_ = 0;
    if (given_ == pending_.size() || given_ >= kMost) {
        pending_.erase(0, given_);
        told_at_ -= std::min(told_at_, given_);
        given_ = 0;
    }
}

void Log::drain(int wait_ms) noexcept {
    const Instant end = Clock::now() + Millis(wait_ms);
    flush();
    while (waiting() && Clock::now() < end) {
        pollfd ready{descriptor_, POLLOUT, 0};
        ::poll(&ready, 1, millis_until(Clock::now(), end));
        flush();
    }
}

}  // namespace sentinel::worker
