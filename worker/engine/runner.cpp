#include "engine/runner.hpp"

#include <algorithm>

namespace sentinel::worker {
namespace {

constexpr const char* kTick = "CALL sentinel.tick()";
constexpr const char* kRun = "CALL sentinel.run_jobs(200)";
constexpr auto kEach = Seconds(1);
constexpr auto kAfterError = Seconds(5);
constexpr auto kSameErrorAgain = Seconds(60);
// A call that took so long, beside the way there and back, has run jobs, so more may wait.
constexpr auto kWorked = Millis(25);

}  // namespace

Runner::Runner(const Config& config, Database& database, Log& log)
    : config_(config), database_(database), log_(log) {}

void Runner::connected(Instant now) {
    hungry_ = true;
    next_tick_ = next_run_ = now;
    // Else each call over a slow network would look like work, and be followed by the next at once.
    calling_ = true;
    database_.send("SELECT 1", {}, [this, now](const Reply&) {
        calling_ = false;
        there_and_back_ = Clock::now() - now;
    });
}

void Runner::step(Instant now) {
    if (stopping_ || calling_ || !database_.up()) return;
    if (now >= next_tick_) {
        next_tick_ = now + Seconds(config_.tick_s);
        return call(kTick, now);
    }
    if (config_.run_sql_jobs && (hungry_ || now >= next_run_)) {
        hungry_ = false;
        next_run_ = now + kEach;
        call(kRun, now);
    }
}

Instant Runner::deadline(Instant now) const {
    if (stopping_ || calling_ || !database_.up()) return Instant::max();
    if (!config_.run_sql_jobs) return next_tick_;
    return std::min(next_tick_, hungry_ ? now : next_run_);
}

void Runner::call(const char* what, Instant now) {
    calling_ = true;
    database_.send(what, {}, [this, what, now](const Reply& reply) {
        calling_ = false;
        if (reply.lost()) return;
        const Instant end = Clock::now();
        if (!reply.ok()) {
            hungry_ = false;
            next_tick_ = std::max(next_tick_, end + kAfterError);
            next_run_ = end + kAfterError;
            return tell(what, reply);
        }
        if (what != kRun) return;
        const bool worked = end - now >= kWorked + 2 * there_and_back_;
        hungry_ = hungry_ || worked;
        if (!worked) idle_since_ = end;
    });
}

// The same fault each second would bury the rest of the log.
void Runner::tell(const char* what, const Reply& reply) {
    const Instant now = Clock::now();
    if (told_ == reply.message() && now < tell_again_) return;
    told_ = reply.message();
    tell_again_ = now + kSameErrorAgain;
    log_.error("the database's own work failed",
               {{"call", std::string(what)}, {"sqlstate", reply.sqlstate()}, {"error", reply.message()}});
}

}  // namespace sentinel::worker
