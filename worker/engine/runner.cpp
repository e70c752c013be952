#include "engine/runner.hpp"

#include <algorithm>

namespace sentinel::worker {
namespace {

constexpr const char* kTick = "CALL sentinel.tick()";
constexpr const char* kRun = "CALL sentinel.run_jobs(200)";
constexpr std::int64_t kAll = 200;  // so many were run: the call ended by its count, not by want of jobs
constexpr auto kAfterError = Seconds(5);
constexpr auto kSameErrorAgain = Seconds(60);
// Of a database that does not say how many ran: a call that took so long, beside the way there and back, has
// run some.
constexpr auto kWorked = Millis(25);

}  // namespace

Runner::Runner(const Config& config, Session& database, Log& log)
    : config_(config), database_(database), log_(log), pace_(Millis(config.poll_ms)) {}

void Runner::connected(Instant now) {
    wake();
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
        if (what == kRun) return ran(reply, end - now);
        wake();  // what became due is a job now
    });
}

void Runner::ran(const Reply& reply, Clock::duration took) {
    const Instant now = Clock::now();
    const int column = reply.rows() == 1 ? reply.column("ran") : -1;
    const bool told = column >= 0 && !reply.null(0, column);
    const std::int64_t jobs = told                                    ? reply.number(0, column)
                              : took >= kWorked + 2 * there_and_back_ ? kAll
                                                                      : 0;
    hungry_ = hungry_ || jobs >= kAll;
    if (jobs == 0) {
        idle_since_ = now;
    } else {
        pace_.reset();
    }
    next_run_ = now + pace_.next();
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
