// Carry results and returned jobs to the database, again after every loss, until it has answered.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "engine/log.hpp"
#include "engine/outcome.hpp"
#include "engine/session.hpp"

namespace sentinel::worker {

// A job under a lease: the pair that every call about it names, and that fences it.
struct Held {
    std::string job;
    std::int64_t lease = 0;

    std::string tag() const { return job + "/" + std::to_string(lease); }
};

std::string jobs_array(const std::vector<Held>& held);
std::string leases_array(const std::vector<Held>& held);

// Saying a thing twice is harmless: both calls are fenced by (job, lease). Bounded because every entry is a
// job that was held, and no more are claimed while kFull wait here, or while results cannot be stored: what a
// worker has done but not told is done again when it is killed.
class Outbox {
 public:
    static constexpr std::size_t kFull = 1000;

    Outbox(Session& database, Log& log, std::string worker);

    void finish(const Held& held, const Outcome& outcome, const std::string& started_at);
    void release(const Held& held, int delay_s);

    // Send what waits, as far as the connection is up.
    void step(Instant now);
    Instant deadline(Instant now) const noexcept;

    bool empty() const noexcept { return results_.empty() && returns_.empty() && flying_ == 0; }
    bool idle() const noexcept { return flying_ == 0; }  // nothing is on its way
    bool full() const noexcept {
        return !database_.up() || paused_until_ != Instant::max() ||
               results_.size() + returns_.size() + flying_ >= kFull;
    }

    // Leases that must live on until their results have arrived.
    void for_each(const std::function<void(const Held&)>& each) const;

 private:
    struct Result {
        Held held;
        Outcome outcome;
        std::string started_at;
        bool alone = false;  // its batch was refused: send it by itself to find the culprit
        bool bare = false;   // refused by itself too: once more without the receiver's bytes
    };
    struct Return {
        Held held;
        int delay_s = 0;
    };

    void send_results(Instant now);
    void send_returns(Instant now);
    void results_refused(std::vector<Result> batch, const Reply& reply);
    void pause(Instant now);

    Session& database_;
    Log& log_;
    std::string worker_;
    std::deque<Result> results_;
    std::deque<Return> returns_;
    std::vector<Held> flying_results_;
    std::size_t flying_ = 0;
    int refusals_ = 0;
    Instant paused_until_ = Instant::max();
};

}  // namespace sentinel::worker
