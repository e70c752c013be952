#include "engine/outbox.hpp"

#include <algorithm>
#include <memory>

#include "engine/shared.hpp"
#include "engine/fault.hpp"

namespace sentinel::worker {
namespace {

constexpr std::size_t kBatch = 200;
constexpr std::size_t kBatchBytes = 2 * 1024 * 1024;

}  // namespace

std::string jobs_array(const std::vector<Held>& held) {
    std::vector<std::string> out;
    out.reserve(held.size());
    for (const auto& one : held) out.push_back(one.job);
    return to_array(out);
}

std::string leases_array(const std::vector<Held>& held) {
    std::vector<std::string> out;
    out.reserve(held.size());
    for (const auto& one : held) out.push_back(std::to_string(one.lease));
    return to_array(out);
}

Outbox::Outbox(Session& database, Log& log, std::string worker)
    : database_(database), log_(log), worker_(std::move(worker)) {}

void Outbox::finish(const Held& held, const Outcome& outcome, const std::string& started_at) {
    results_.push_back({held, outcome, started_at});
}

void Outbox::release(const Held& held, int delay_s) {
    returns_.push_back({held, delay_s});
}

void Outbox::for_each(const std::function<void(const Held&)>& each) const {
    for (const auto& one : results_) each(one.held);
    for (const auto& one : flying_results_) each(one);
}

void Outbox::step(Instant now) {
    if (paused_until_ != Instant::max() && now >= paused_until_) paused_until_ = Instant::max();
    if (!database_.up() || flying_ > 0 || paused_until_ != Instant::max()) return;
    send_results(now);
    send_returns(now);
}

Instant Outbox::deadline(Instant now) const noexcept {
    if (paused_until_ != Instant::max()) return paused_until_;
    const bool ready = database_.up() && flying_ == 0 && !(results_.empty() && returns_.empty());
    return ready ? now : Instant::max();
}

void Outbox::pause(Instant now) {
    paused_until_ = now + full_jitter(refusals_++, Millis(200), Millis(30'000));
}

void Outbox::send_results(Instant) {
    if (results_.empty()) return;
    auto batch = std::make_shared<std::vector<Result>>();
    std::string text = "[";
    while (!results_.empty() && batch->size() < kBatch && text.size() < kBatchBytes) {
        if (results_.front().alone && !batch->empty()) break;
        Result one = std::move(results_.front());
        results_.pop_front();
        if (text.size() > 1) text += ',';
        text += to_json(one.outcome, one.held.job, one.held.lease, worker_, one.started_at, !one.bare);
        flying_results_.push_back(one.held);
        batch->push_back(std::move(one));
        if (batch->back().alone) break;
    }
    flying_ += batch->size();
    fault::here("before_report");
    database_.send("SELECT sentinel.finish_http($1::jsonb)", {text + "]"}, [this, batch](const Reply& reply) {
        flying_ -= batch->size();
        flying_results_.clear();
        if (!reply.ok()) return results_refused(std::move(*batch), reply);
        fault::here("after_commit");
        refusals_ = 0;
        const std::int64_t accepted = reply.rows() == 1 ? reply.number(0, 0) : 0;
        if (accepted < static_cast<std::int64_t>(batch->size())) {
            log_.info("results refused, their leases were lost",
                      {{"sent", static_cast<std::int64_t>(batch->size())}, {"accepted", accepted}});
        }
    });
}

// Lost or transient: all of it again. Else one result is at fault: each by itself, then bare, then dropped,
// in which case the lease runs out and the job is tried again.
void Outbox::results_refused(std::vector<Result> batch, const Reply& reply) {
    const bool again = reply.transient();
    if (!reply.lost()) {
        log_.error("results could not be stored", {{"sqlstate", reply.sqlstate()},
                                                   {"error", reply.message()},
                                                   {"results", static_cast<std::int64_t>(batch.size())}});
        pause(Clock::now());
    }
    std::reverse(batch.begin(), batch.end());
    for (auto& one : batch) {
        if (!again && one.alone && one.bare) {
            log_.error("a result is dropped", {{"job", one.held.job}, {"sqlstate", reply.sqlstate()}});
            continue;
        }
        if (!again) {
            one.bare = one.alone;
            one.alone = true;
        }
        results_.push_front(std::move(one));
    }
}

void Outbox::send_returns(Instant) {
    while (!returns_.empty()) {
        // One call for each delay: the interval is one for all jobs of a call.
        const int delay_s = returns_.front().delay_s;
        auto batch = std::make_shared<std::vector<Held>>();
        std::deque<Return> rest;
        for (auto& one : returns_) {
            if (one.delay_s == delay_s && batch->size() < kBatch) {
                batch->push_back(one.held);
            } else {
                rest.push_back(std::move(one));
            }
        }
        returns_.swap(rest);
        flying_ += batch->size();
        database_.send("SELECT sentinel.release($1::uuid[], $2::bigint[], $3::interval)",
                       {jobs_array(*batch), leases_array(*batch), std::to_string(delay_s) + " seconds"},
                       [this, batch, delay_s](const Reply& reply) {
                           flying_ -= batch->size();
                           if (reply.ok()) return;
                           if (!reply.lost()) {
                               log_.error("jobs could not be given back",
                                          {{"sqlstate", reply.sqlstate()}, {"error", reply.message()}});
                               pause(Clock::now());
                               if (!reply.transient()) return;  // their leases run out
                           }
                           for (const auto& held : *batch) returns_.push_front({held, delay_s});
                       });
    }
}

}  // namespace sentinel::worker
