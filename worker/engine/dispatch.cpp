#include "engine/dispatch.hpp"

#include <algorithm>

#include "engine/fault.hpp"

namespace sentinel::worker {
namespace {

constexpr auto kLongestWait = Seconds(5);  // in line before a target
constexpr auto kStaleEach = Millis(500);
constexpr auto kOutage = Seconds(5);  // a connection away for longer: begin again slowly
constexpr int kTroubleDelay = 5;

std::int64_t ms_between(Instant from, Instant to) {
    return std::chrono::duration_cast<Millis>(to - from).count();
}

}  // namespace

// results: the connection that results and returned jobs take; it may be the same.
Dispatch::Dispatch(const Config& config, Session& database, Session& results, Http& http, const Guard& guard,
                   Log& log)
    : config_(config),
      database_(database),
      http_(http),
      guard_(guard),
      log_(log),
      outbox_(results, log, config.worker_name),
      presence_(config, database, log),
      slots_(config.per_target),
      ramp_(Seconds(config.ramp_s)) {
    for (const auto& [queue, places] : config.slots) {
        if (places == 0) continue;
        bulkheads_.push_back(std::make_unique<Bulkhead>());
        bulkheads_.back()->queue = queue;
        bulkheads_.back()->places = places;
        bulkheads_.back()->pace = Pace(Millis(config.poll_ms));
    }
    presence_.leases = [this] { return leases(); };
    presence_.on_lost = [this](const std::vector<Held>& held) { lost(held); };
}

void Dispatch::connected(Instant now) {
    if (!away_since_ || now - *away_since_ > kOutage) ramp_.begin(now);
    presence_.connected(now);
    ask_again_ = true;
    wake();
}

void Dispatch::disconnected(Instant now) noexcept {
    away_since_ = now;
    presence_.disconnected();
    for (auto& bulkhead : bulkheads_) bulkhead->claiming = false;
}

void Dispatch::wake() noexcept {
    for (auto& bulkhead : bulkheads_) {
        bulkhead->hungry = bulkhead->notified = true;
        bulkhead->pace.reset();
    }
}

void Dispatch::step(Instant now) {
    // Not both at once: a heartbeat and a report lock the same rows, each in an order of its own.
    if (!presence_.beating() && !presence_.beat_due(now)) outbox_.step(now);
    presence_.step(now, outbox_.idle());
    if (ask_again_ && database_.up()) {
        ask_again_ = false;
        std::vector<Held> held;
        for (const auto& [tag, job] : jobs_) {
            if (job.state == State::claimed) held.push_back(job.held);
        }
        if (!held.empty()) ask(held);
    }
    if (now >= next_stale_) give_back_stale(now);
    if (stopping_ || !database_.up() || !presence_.ready() || outbox_.full()) return;
    if (affordable() <= 0) return;
    for (auto& one : bulkheads_) {
        one->open = ramp_.open(one->places, now);
        const bool wanted = one->hungry || now >= one->next_poll;
        if (!wanted || one->claiming || now < one->not_before || one->crowded(now)) continue;
        const int n = std::min(one->room(), affordable());
        if (n > 0) claim(*one, n, now);
    }
}

void Dispatch::give_back_stale(Instant now) {
    next_stale_ = now + kStaleEach;
    std::vector<Job*> stale;
    for (auto& [tag, job] : jobs_) {
        if (job.state == State::waiting && now - job.claimed > kLongestWait) stale.push_back(&job);
    }
    for (Job* job : stale) give_back(*job, slots_.come_back_after(job->target));
}

Instant Dispatch::deadline(Instant now) const {
    Instant next = presence_.deadline(now, outbox_.idle());
    if (!presence_.beating() && !presence_.beat_due(now)) next = std::min(next, outbox_.deadline(now));
    bool line = false;
    for (const auto& one : bulkheads_) {
        line = line || one->waiting > 0;
        if (stopping_ || one->claiming || one->room() <= 0 || affordable() <= 0 || !presence_.ready() ||
            outbox_.full())
            continue;
        const Instant pause =
            one->crowded(now) ? std::max(one->not_before, one->crowded_until) : one->not_before;
        next = std::min(next, std::max(pause, one->hungry ? now : one->next_poll));
    }
    if (line) next = std::min(next, next_stale_);
    return next;
}

Slots::Verdict Dispatch::admit(Job& job) {
    const Slots::Verdict verdict = slots_.admit(job.request.org, job.target, *job.bulkhead, job.held.tag());
    if (verdict == Slots::Verdict::run) run(job);
    if (verdict == Slots::Verdict::wait) job.state = State::waiting;
    if (verdict == Slots::Verdict::turn_away) give_back(job, slots_.come_back_after(job.target));
    return verdict;
}

// The place at the target and in the bulkhead is already booked.
void Dispatch::run(Job& job) {
    job.state = State::running;
    job.started_at = wall_iso();
    job.started = Clock::now();
    // This process was stopped meanwhile, or its machine slept: another worker may have the job by now. If
    // none has, it waits again, and no attempt is lost.
    if (job.started - job.held_since >= Seconds(config_.lease_s)) return give_back(job, 0);
    const Request request = std::move(job.request);
    try {
        Built built = build_call(request, {config_, guard_, vault_, wall_seconds()});
        if (auto* refusal = std::get_if<Refusal>(&built)) return refuse(job, *refusal);
        auto transfer = std::make_unique<Transfer>(std::move(std::get<Call>(built)), guard_, config_.ca_file,
                                                   job.held.tag());
        fault::here("before_send");
        job.transfer = http_.start(std::move(transfer));
    } catch (const std::exception& error) {
        log_.error("a transfer could not be started",
                   {{"job", job.held.job}, {"error", std::string(error.what())}});
        give_back(job, kTroubleDelay);
    }
}

void Dispatch::done(Transfer& transfer, CURLcode code) {
    const auto found = jobs_.find(transfer.tag());
    if (found == jobs_.end()) return;
    Job& job = found->second;
    job.transfer = nullptr;  // it goes when we return
    fault::here("after_answer");
    if (code != CURLE_OK && transfer.exhausted()) {
        log_.error("no socket to be had: too many open files? raise LimitNOFILE= or lower the slots");
        return give_back(job, kTroubleDelay);
    }
    Outcome outcome = transfer.outcome(code);
    outcome.queue_ms = job.queued_ms + ms_between(job.claimed, job.started);
    report(job, outcome, transfer.host(), transfer.blocked());
    outbox_.finish(job.held, outcome, job.started_at);
    const Instant now = Clock::now();
    last_doing_ = std::max(last_doing_, now);
    job.bulkhead->stir(now);  // a result may set free what waited for it
    forget(job);
}

void Dispatch::refuse(Job& job, const Refusal& refusal) {
    Outcome outcome;
    outcome.error_code = refusal.error_code;
    outcome.error_detail = refusal.error_detail;
    outcome.queue_ms = job.queued_ms + ms_between(job.claimed, Clock::now());
    outcome.total_ms = 0;
    report(job, outcome, "", "");
    outbox_.finish(job.held, outcome, job.started_at.empty() ? wall_iso() : job.started_at);
    forget(job);
}

void Dispatch::give_back(Job& job, int delay_s) {
    outbox_.release(job.held, delay_s);
    last_doing_ = std::max(last_doing_, Clock::now() + Seconds(delay_s));
    log_.debug("given back", {{"job", job.held.job}, {"delay_s", std::int64_t{delay_s}}});
    forget(job);
}

// Frees what the job holds, in whatever state it is; the job is gone afterwards.
void Dispatch::forget(Job& job) {
    const std::string target = job.target;
    Bulkhead* const bulkhead = job.bulkhead;
    const bool running = job.state == State::running;
    if (job.state == State::waiting) {
        --bulkhead->waiting;
        slots_.give_up(target, job.held.tag());
    } else {
        --bulkhead->taken;
    }
    if (running) slots_.leave(target, static_cast<double>(ms_between(job.started, Clock::now())));
    if (job.bytes) {
        --sized_;
        held_bytes_ -= *job.bytes;
    }
    jobs_.erase(job.held.tag());
    if (running) move_up(target);
}

// A target has room again: the first in its line takes the place that became free with it.
void Dispatch::move_up(const std::string& target) {
    const std::string tag = stopping_ ? std::string() : slots_.next(target);
    if (tag.empty()) return;
    const auto found = jobs_.find(tag);
    if (found == jobs_.end()) return;
    --found->second.bulkhead->waiting;
    ++found->second.bulkhead->taken;
    run(found->second);
}

void Dispatch::lost(const std::vector<Held>& held) {
    for (const auto& one : held) {
        const auto found = jobs_.find(one.tag());
        if (found == jobs_.end()) continue;  // its result was on the way: nothing is lost
        Job& job = found->second;
        log_.warning("lease lost", {{"job", one.job}, {"queue", job.bulkhead->queue}});
        if (job.transfer != nullptr) http_.abort(job.transfer);
        forget(job);
    }
}

bool Dispatch::quiet() const noexcept {
    const auto claiming = [](const auto& one) { return one->claiming; };
    return jobs_.empty() && outbox_.empty() && std::none_of(bulkheads_.begin(), bulkheads_.end(), claiming);
}

std::vector<Held> Dispatch::leases() const {
    std::vector<Held> out;
    for (const auto& [tag, job] : jobs_) out.push_back(job.held);
    outbox_.for_each([&](const Held& held) { out.push_back(held); });
    return out;
}

void Dispatch::stop() {
    stopping_ = true;
    std::vector<Job*> idle;
    for (auto& [tag, job] : jobs_) {
        if (job.state == State::waiting || job.state == State::claimed) idle.push_back(&job);
    }
    for (Job* job : idle) give_back(*job, 0);
}

void Dispatch::abandon() {
    std::vector<Job*> all;
    for (auto& [tag, job] : jobs_) all.push_back(&job);
    for (Job* job : all) {
        const bool sent = job->transfer != nullptr && job->transfer->sent();
        Outcome outcome;
        if (sent) {
            outcome = job->transfer->outcome(CURLE_ABORTED_BY_CALLBACK);
            outcome.error_code = "aborted";
            outcome.error_detail = "the worker was stopped before the answer came";
            outcome.queue_ms = job->queued_ms + ms_between(job->claimed, job->started);
        }
        if (job->transfer != nullptr) http_.abort(job->transfer);
        if (!sent) {
            give_back(*job, 0);
            continue;
        }
        report(*job, outcome, "", "");
        outbox_.finish(job->held, outcome, job->started_at);
        forget(*job);
    }
}

bool Dispatch::found_empty_since(Instant then) const {
    const Instant since = std::max(then, last_doing_);
    const auto empty = [&](const auto& one) { return one->found_empty > since; };
    return quiet() && std::all_of(bulkheads_.begin(), bulkheads_.end(), empty);
}

void Dispatch::report(const Job& job, const Outcome& outcome, const std::string& host,
                      const std::string& blocked) {
    const long status = outcome.http_status.value_or(0);
    const bool fine = outcome.error_code.empty() && status >= 200 && status < 300;
    const auto text = [](const std::string& value) {
        return value.empty() ? decltype(Field::value){} : decltype(Field::value){value};
    };
    const auto number = [](const std::optional<std::int64_t>& value) {
        return value ? decltype(Field::value){*value} : decltype(Field::value){};
    };
    log_.write(fine ? Level::info : Level::warning, fine ? "delivered" : "attempt failed",
               {{"job", job.held.job},
                {"type", job.type},
                {"queue", job.bulkhead->queue},
                {"target", text(job.target)},
                {"attempt", job.attempt},
                {"host", text(host)},
                {"http_status",
                 status > 0 ? decltype(Field::value){std::int64_t{status}} : decltype(Field::value){}},
                {"error", text(outcome.error_code)},
                {"detail", text(outcome.error_detail)},
                {"blocked", text(blocked)},
                {"queue_ms", number(outcome.queue_ms)},
                {"total_ms", number(outcome.total_ms)}});
}

}  // namespace sentinel::worker
