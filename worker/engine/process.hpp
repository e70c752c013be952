// Deal with the operating system: limits, signals, the service manager.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/clock.hpp"

namespace sentinel::worker {

// No core dumps, no reading of our memory by other processes of the user, all the descriptors we may have,
// no SIGPIPE, and name look-ups that give up early. Call before any thread is started.
void harden_process();

// The soft limit of open descriptors.
std::int64_t descriptor_limit();

// SIGTERM, SIGINT and SIGHUP as a descriptor to poll. They stay blocked in threads started later.
class Signals {
 public:
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    int descriptor() const noexcept { return descriptor_; }
    std::vector<int> take();  // what arrived since the last call

 private:
    int descriptor_;
};

// Tell systemd, where it started us (Type=notify), and feed its watchdog.
class ServiceManager {
 public:
    ServiceManager();
    void ready();
    void stopping();
    void status(const std::string& words);  // for systemctl status; at most one a second
    void alive(Instant now);
    Instant deadline() const noexcept { return next_; }

 private:
    std::chrono::microseconds every_{0};
    Instant next_ = Instant::max();
    std::string said_;
    Instant say_again_{};
};

}  // namespace sentinel::worker
