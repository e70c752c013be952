// Give the database's own work its turn: the tick, and the jobs that run inside it.
#pragma once

#include "engine/config.hpp"
#include "engine/log.hpp"
#include "engine/pace.hpp"
#include "engine/session.hpp"

namespace sentinel::worker {

// On a connection of its own, one call at a time, each as a plain statement: the procedures commit inside.
class Runner {
 public:
    Runner(const Config& config, Session& database, Log& log);

    void connected(Instant now);
    void wake() noexcept {
        hungry_ = true;
        pace_.reset();
    }
    void step(Instant now);
    Instant deadline(Instant now) const;
    void stop() noexcept { stopping_ = true; }
    bool busy() const noexcept { return calling_; }

    // When a run last ended without having found work (the epoch: not yet); for drain.
    Instant idle_since() const noexcept { return idle_since_; }

 private:
    void call(const char* what, Instant now);
    void ran(const Reply& reply, Clock::duration took);
    void tell(const char* what, const Reply& reply);

    const Config& config_;
    Session& database_;
    Log& log_;
    bool stopping_ = false;
    bool calling_ = false;
    bool hungry_ = true;
    Pace pace_;
    Instant next_tick_{};
    Instant next_run_{};
    Instant idle_since_{};
    Clock::duration there_and_back_{};  // of a statement that does nothing
    Instant tell_again_{};
    std::string told_;
};

}  // namespace sentinel::worker
