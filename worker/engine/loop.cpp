#include "engine/loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

namespace sentinel::worker {
namespace {

constexpr auto kOwnAddressesEach = Seconds(60);
constexpr auto kTellAfterwards = Seconds(5);  // for the last results, once nothing runs any more
constexpr auto kLongestSleep = Seconds(1);
constexpr Millis kServerIsThere{1000};  // longest pause of a connection while another stands
constexpr std::size_t kMany = 200;

// Text forms that the code reads, and limits that keep a call from hanging on a lock.
constexpr const char* kWorkOptions =
    "-c statement_timeout=10s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s "
    "-c idle_session_timeout=0 -c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c "
    "bytea_output=hex";
// No statement_timeout: jobs in the database have limits of their own.
constexpr const char* kRunnerOptions =
    "-c statement_timeout=0 -c idle_session_timeout=0 -c timezone=UTC -c datestyle=ISO";

}  // namespace

Loop::Loop(const Config& config, Vault vault, Log& log, bool until_drained)
    : config_(config),
      log_(log),
      until_drained_(until_drained),
      guard_(config.egress_allow),
      listen_({"listen", config.database, kRunnerOptions, Database::Style::simple, 0}, log),
      work_({"work", config.database, kWorkOptions, Database::Style::pipeline, 15}, log),
      // Beside the claims: storing a result takes the database longer than finding the next job.
      results_({"results", config.database, kWorkOptions, Database::Style::pipeline, 15}, log),
      runner_connection_({"runner", config.database, kRunnerOptions, Database::Style::simple, 0}, log),
      http_([this](Transfer& transfer, CURLcode code) { dispatch_.done(transfer, code); }),
      dispatch_(config, work_, results_, http_, guard_, log),
      runner_(config, runner_connection_, log) {
    dispatch_.set_vault(std::move(vault));
    const auto wake = [this] {
        dispatch_.wake();
        runner_.wake();
    };
    // Notifications sent while we were away are lost: listen first, then look.
    listen_.on_up = [this, wake] {
        try_all();
        listen_.send("LISTEN sentinel_jobs", {}, [this, wake](const Reply& reply) {
            if (!reply.ok() && !reply.lost()) log_.error("LISTEN was refused", {{"error", reply.message()}});
            wake();
        });
    };
    listen_.on_notified = wake;
    work_.on_up = [this] {
        try_all();
        dispatch_.connected(Clock::now());
    };
    work_.on_down = [this] { dispatch_.disconnected(Clock::now()); };
    results_.on_up = [this] { try_all(); };
    runner_connection_.on_up = [this] {
        try_all();
        runner_.connected(Clock::now());
    };
}

// Each connection backs off by itself; the first that gets through ends the wait of the others.
void Loop::try_all() noexcept {
    for (Database* one : connections()) one->try_now();
}

int Loop::run() {
    log_.info("started", {{"version", SENTINEL_VERSION},
                          {"worker", config_.worker_name},
                          {"slots", std::int64_t{config_.all_slots()}},
                          {"pid", std::int64_t{getpid()}}});
    manager_.ready();
    while (true) {
        const Instant now = Clock::now();
        take_signals(now);
        step(now);
        if (over(now)) break;
        manager_.alive(now);
        manager_.status(status());
        sleep(Clock::now());
    }
    log_.info("stopped", {{"status", std::int64_t{status_}}});
    return status_;
}

void Loop::step(Instant now) {
    if (now >= own_addresses_again_) {
        guard_.learn_own_addresses();
        own_addresses_again_ = now + kOwnAddressesEach;
    }
    for (Database* one : connections()) one->work(now);
    const auto all = connections();
    if (std::any_of(all.begin(), all.end(), [](const Database* one) { return one->up(); })) {
        for (Database* one : all) one->try_after(kServerIsThere);
    }
    try {
        http_.perform();
        dispatch_.step(Clock::now());
        runner_.step(Clock::now());
    } catch (const std::exception& error) {
        log_.error("a step failed", {{"error", std::string(error.what())}});
    }
}

std::string Loop::status() const {
    if (phase_ != Phase::running) return "stopping";
    if (!work_.up()) return "no connection to the database";
    if (dispatch_.presence().parked()) return "parked: the database is a restored copy";
    return dispatch_.presence().ready() ? "at work" : "connected";
}

void Loop::take_signals(Instant now) {
    for (const int signal : signals_.take()) {
        if (signal == SIGHUP) {
            reload_keys();
        } else if (phase_ == Phase::running) {
            begin_to_stop(now, signal == SIGTERM ? "SIGTERM" : "SIGINT");
        } else {
            log_.warning("stopped at once by a second signal");
            log_.drain(200);
            _exit(1);
        }
    }
}

void Loop::reload_keys() {
    std::vector<std::string> problems;
    auto ring = Keyring::read(config_.key_file, problems);
    for (const auto& problem : problems) log_.error("keys not reloaded", {{"error", problem}});
    if (!ring) return;
    log_.info("keys reloaded", {{"keys", static_cast<std::int64_t>(ring->size())}});
    dispatch_.set_vault(Vault(std::move(*ring)));
}

void Loop::begin_to_stop(Instant now, const char* why) {
    phase_ = Phase::stopping;
    phase_since_ = now;
    manager_.stopping();
    log_.info("stopping",
              {{"why", std::string(why)}, {"running", static_cast<std::int64_t>(http_.running())}});
    dispatch_.stop();
    runner_.stop();
}

bool Loop::over(Instant now) {
    if (phase_ == Phase::running && until_drained_) {
        if (dispatch_.presence().parked()) {
            status_ = 1;
            begin_to_stop(now, "parked, so nothing can be drained");
        } else if (!runner_.busy() && (!config_.run_sql_jobs || runner_.idle_since() != Instant{}) &&
                   dispatch_.found_empty_since(config_.run_sql_jobs ? runner_.idle_since() : Instant{})) {
            begin_to_stop(now, "drained");
        }
    }
    if (phase_ == Phase::running) return false;
    if (dispatch_.quiet() && !runner_.busy()) return true;
    const bool grace_over = now - phase_since_ >= Seconds(config_.stop_grace_s);
    if (phase_ == Phase::stopping && grace_over) {
        log_.warning("grace is over", {{"running", static_cast<std::int64_t>(http_.running())}});
        dispatch_.abandon();
        phase_ = Phase::abandoned;
        phase_since_ = now;
    }
    return phase_ == Phase::abandoned && now - phase_since_ >= kTellAfterwards;
}

void Loop::sleep(Instant now) {
    Instant next = now + kLongestSleep;
    for (const Database* one : connections()) next = std::min(next, one->deadline());
    next = std::min({next, dispatch_.deadline(now), runner_.deadline(now), manager_.deadline()});
    if (phase_ == Phase::stopping) next = std::min(next, phase_since_ + Seconds(config_.stop_grace_s));
    if (phase_ == Phase::abandoned) next = std::min(next, phase_since_ + kTellAfterwards);
    std::vector<curl_waitfd> descriptors;
    descriptors.push_back({signals_.descriptor(), CURL_WAIT_POLLIN, 0});
    for (const Database* one : connections()) one->watch(descriptors);
    log_.flush();
    if (log_.waiting()) descriptors.push_back({log_.descriptor(), CURL_WAIT_POLLOUT, 0});
    http_.poll(descriptors, millis_until(now, next));
    rest(now);
}

// One round costs time for every transfer under way, however few of them have something to say: with
// thousands, let a few more speak up first. 2,000 transfers: 10 milliseconds at most.
void Loop::rest(Instant since) const {
    const auto least = std::chrono::microseconds(5 * http_.running());
    const auto left = least - (Clock::now() - since);
    if (http_.running() >= kMany && left > Millis(0)) std::this_thread::sleep_for(left);
}

}  // namespace sentinel::worker
