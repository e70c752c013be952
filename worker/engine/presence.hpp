// Be known to the database: say hello on every connection, and keep leases alive by a heartbeat.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/config.hpp"
#include "engine/log.hpp"
#include "engine/outbox.hpp"
#include "engine/session.hpp"

namespace sentinel::worker {

class Presence {
 public:
    Presence(const Config& config, Session& database, Log& log);

    // The leases to extend, asked at each beat.
    std::function<std::vector<Held>()> leases;
    // Those of them which the database no longer counts as ours.
    std::function<void(const std::vector<Held>&)> on_lost;

    void connected(Instant now);
    void disconnected() noexcept;
    // may_beat: nothing stands in the way of a heartbeat. It is put off for its own interval at most.
    void step(Instant now, bool may_beat = true);
    Instant deadline(Instant now, bool may_beat = true) const noexcept;
    bool beat_due(Instant now) const noexcept {
        return database_.up() && ready_ && !beating_ && now >= next_beat_;
    }

    // Hello was answered with "ready": jobs may be claimed.
    bool ready() const noexcept { return ready_; }
    bool parked() const noexcept { return parked_; }
    bool beating() const noexcept { return beating_; }

 private:
    void hello(Instant now);
    void beat(Instant now);

    const Config& config_;
    Session& database_;
    Log& log_;
    std::string process_;  // tells this process from earlier ones of the same name
    Millis beat_every_;
    bool ready_ = false;
    bool parked_ = false;
    bool greeting_ = false;
    bool beating_ = false;
    Instant next_hello_{};
    Instant next_beat_{};
};

}  // namespace sentinel::worker
