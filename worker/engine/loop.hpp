// Run everything in one thread until told to stop.
#pragma once

#include <array>
#include <string>

#include "engine/config.hpp"
#include "engine/database.hpp"
#include "engine/dispatch.hpp"
#include "engine/guard.hpp"
#include "engine/http.hpp"
#include "engine/log.hpp"
#include "engine/process.hpp"
#include "engine/runner.hpp"
#include "engine/shared.hpp"

namespace sentinel::worker {

class Loop {
 public:
    // until_drained: stop by itself when no http job is due any more.
    Loop(const Config& config, Vault vault, Log& log, bool until_drained);

    // Returns the exit status: 0 after an orderly end.
    int run();

 private:
    enum class Phase { running, stopping, abandoned };

    void take_signals(Instant now);
    void reload_keys();
    void step(Instant now);
    std::array<Database*, 4> connections() noexcept {
        return {&listen_, &work_, &results_, &runner_connection_};
    }
    void try_all() noexcept;
    void begin_to_stop(Instant now, const char* why);
    bool over(Instant now);
    void sleep(Instant now);
    void rest(Instant since) const;
    std::string status() const;

    const Config& config_;
    Log& log_;
    bool until_drained_;
    Signals signals_;
    ServiceManager manager_;
    Guard guard_;
    Database listen_;
    Database work_;
    Database results_;
    Database runner_connection_;
    Http http_;
    Dispatch dispatch_;
    Runner runner_;
    Phase phase_ = Phase::running;
    Instant phase_since_{};
    Instant own_addresses_again_{};
    int status_ = 0;
};

}  // namespace sentinel::worker
