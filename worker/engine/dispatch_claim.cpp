// Dispatch: take jobs from the database and ask for their requests.
#include <algorithm>

#include "engine/dispatch.hpp"
#include "engine/fault.hpp"

namespace sentinel::worker {
namespace {

constexpr auto kCrowded = Millis(250);  // between claims of which half found its target busy
constexpr auto kBetween = Millis(3);    // between claims for few free places
constexpr int kUnknownKindDelay = 60;   // a newer database may name a channel that this worker lacks
constexpr int kTroubleDelay = 5;
// Bodies are held while their jobs are: claim no more than so many bytes' worth of jobs, by the usual size.
constexpr double kMostBytes = 32.0 * 1024 * 1024;
constexpr double kBytesOfAnAnswer = 8.0 * 1024 * 1024;  // about so much for one call for requests

}  // namespace

// For how many more jobs there is memory. Of some that are held the size is not known yet.
int Dispatch::affordable() const noexcept {
    const double unknown = static_cast<double>(jobs_.size() - sized_) * usual_bytes_;
    const double left = kMostBytes - static_cast<double>(held_bytes_) - unknown;
    return static_cast<int>(left / std::max(usual_bytes_, 1024.0));
}

void Dispatch::note_size(Job& job) {
    job.bytes = job.request.body.size();
    held_bytes_ += *job.bytes;
    ++sized_;
    usual_bytes_ += (static_cast<double>(*job.bytes) - usual_bytes_) / 16;
}

void Dispatch::claim(Bulkhead& bulkhead, int n, Instant now) {
    bulkhead.claiming = true;
    bulkhead.notified = false;
    bulkhead.asked = now;
    // How long a job was due before it was claimed, from the database's clock alone.
    database_.send(
        "SELECT job_id, lease, job_type, attempt, "
        "greatest(0, extract(epoch FROM lease_until - $4::interval - run_at) * 1000)::bigint "
        "FROM sentinel.claim($1::text, $2::text[], $3::int, $4::interval)",
        {config_.worker_name, to_array({bulkhead.queue}), std::to_string(n),
         std::to_string(config_.lease_s) + " seconds"},
        [this, &bulkhead, n](const Reply& reply) { claimed(bulkhead, n, reply); });
}

void Dispatch::claimed(Bulkhead& bulkhead, int asked_for, const Reply& reply) {
    const Instant now = Clock::now();
    bulkhead.claiming = false;
    bulkhead.hungry = bulkhead.notified;
    if (reply.lost()) return;
    if (!reply.ok()) {
        bulkhead.not_before = now + Seconds(kTroubleDelay);
        log_.error("claim was refused",
                   {{"queue", bulkhead.queue}, {"sqlstate", reply.sqlstate()}, {"error", reply.message()}});
        return;
    }
    if (reply.rows() == 0) {
        bulkhead.found_empty = bulkhead.asked;
        bulkhead.next_poll = now + bulkhead.pace.next();
        return;
    }
    // Fewer than asked for is no empty queue yet: look once more, so that the database knows who waits.
    bulkhead.next_poll = now;
    bulkhead.pace.reset();
    fault::here("after_claim_commit");
    last_doing_ = std::max(last_doing_, now);
    bulkhead.hungry = bulkhead.hungry || reply.rows() >= asked_for;
    bulkhead.not_before = now + kBetween;
    std::vector<Held> held;
    for (int row = 0; row < reply.rows(); ++row) {
        Job job;
        job.held = {std::string(reply.text(row, 0)), reply.number(row, 1)};
        job.type = reply.text(row, 2);
        job.attempt = reply.number(row, 3);
        job.queued_ms = reply.number(row, 4);
        job.claimed = now;
        job.held_since = bulkhead.asked;
        job.bulkhead = &bulkhead;
        held.push_back(job.held);
        ++bulkhead.taken;
        const std::string tag = job.held.tag();
        jobs_.emplace(tag, std::move(job));
    }
    if (stopping_) {
        for (const auto& one : held) give_back(jobs_.at(one.tag()), 0);
        return;
    }
    ask(held);
}

void Dispatch::ask(const std::vector<Held>& held) {
    if (!database_.up()) {
        ask_again_ = true;
        return;
    }
    // An answer is in memory as a whole, in hex; large bodies come a few at a time.
    const auto most = static_cast<std::size_t>(
        std::clamp(kBytesOfAnAnswer / (2 * std::max(usual_bytes_, 1024.0)), 10.0, 200.0));
    for (std::size_t begin = 0; begin < held.size(); begin += most) {
        const auto end = std::min(begin + most, held.size());
        ask_together({held.begin() + static_cast<std::ptrdiff_t>(begin),
                      held.begin() + static_cast<std::ptrdiff_t>(end)});
    }
}

void Dispatch::ask_together(std::vector<Held> held) {
    for (const auto& one : held) {
        const auto found = jobs_.find(one.tag());
        if (found != jobs_.end()) found->second.state = State::asked;
    }
    const Parameters parameters{jobs_array(held), leases_array(held)};
    database_.send(kRequestsStatement, parameters,
                   [this, held = std::move(held)](const Reply& reply) { answered(held, reply); });
}

void Dispatch::answered(const std::vector<Held>& held, const Reply& reply) {
    std::unordered_map<std::string, Request> requests;
    for (int row = 0; reply.ok() && row < reply.rows(); ++row) {
        Request request = read_request(reply, row);
        requests.emplace(Held{request.job, request.lease}.tag(), std::move(request));
    }
    if (!reply.ok() && !reply.lost()) {
        log_.error("requests could not be read", {{"jobs", static_cast<std::int64_t>(held.size())},
                                                  {"sqlstate", reply.sqlstate()},
                                                  {"error", reply.message()}});
    }
    int held_up = 0;
    for (const auto& one : held) {
        const auto found = jobs_.find(one.tag());
        if (found == jobs_.end() || found->second.state != State::asked) continue;
        Job& job = found->second;
        if (reply.lost()) {
            job.state = State::claimed;
            ask_again_ = true;
        } else if (stopping_) {
            give_back(job, 0);
        } else if (!reply.ok() && reply.transient()) {
            give_back(job, kTroubleDelay);
        } else if (!reply.ok() && held.size() > 1) {
            ask({one});  // one of them is at fault: find it, so that it does not take the others along
        } else if (!reply.ok()) {
            refuse(job, {"invalid_request", "the request could not be read: SQLSTATE " + reply.sqlstate()});
        } else if (const auto request = requests.find(one.tag()); request == requests.end()) {
            forget(job);  // the lease is lost, or the database has given the job back or dropped it itself
        } else if (!channel_known(request->second.kind)) {
            log_.error("unknown channel; is this worker older than the database?",
                       {{"job", job.held.job}, {"kind", request->second.kind}});
            give_back(job, kUnknownKindDelay);
        } else {
            job.target = request->second.target;
            job.request = std::move(request->second);
            note_size(job);
            Bulkhead& bulkhead = *job.bulkhead;
            if (admit(job) != Slots::Verdict::run) ++held_up;
            if (2 * held_up >= static_cast<int>(held.size()))
                bulkhead.crowded_until = Clock::now() + kCrowded;
        }
    }
}

}  // namespace sentinel::worker
