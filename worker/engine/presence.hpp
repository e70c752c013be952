// Be known to the database: say hello on every connection, and keep leases alive by a heartbeat.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/config.hpp"
#include "engine/database.hpp"
#include "engine/outbox.hpp"

namespace sentinel::worker {

class Presence {
 public:
    Presence(const Config& config, Database& database, Log& log);

    // The leases to extend, asked at each beat.
    std::function<std::vector<Held>()> leases;
    // Those of them which the database no longer counts as ours.
    std::function<void(const std::vector<Held>&)> on_lost;

    void connected(Instant now);
    void disconnected() noexcept;
    void step(Instant now);
    Instant deadline() const noexcept;

    // Hello was answered with "ready": jobs may be claimed.
    bool ready() const noexcept { return ready_; }
    bool parked() const noexcept { return parked_; }

 private:
    void hello(Instant now);
    void beat(Instant now);

    const Config& config_;
    Database& database_;
    Log& log_;
    bool ready_ = false;
    bool parked_ = false;
    bool greeting_ = false;
    bool beating_ = false;
    Instant next_hello_{};
    Instant next_beat_{};
};

}  // namespace sentinel::worker
