// Take jobs from the database, have them sent, and hand back what came of it.
//
// A job passes: claimed -> asked (for its request) -> waiting (in line before its target) -> running ->
// result in the outbox. The worker decides nothing about a result; where it cannot try, it gives the job back
// unused.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "channels/channel.hpp"
#include "engine/config.hpp"
#include "engine/http.hpp"
#include "engine/outbox.hpp"
#include "engine/pace.hpp"
#include "engine/presence.hpp"
#include "engine/session.hpp"
#include "engine/slots.hpp"
#include "engine/shared.hpp"

namespace sentinel::worker {

class Dispatch {
 public:
    Dispatch(const Config& config, Session& database, Session& results, Http& http, const Guard& guard,
             Log& log);

    void set_vault(Vault vault) { vault_ = std::move(vault); }
    const Presence& presence() const noexcept { return presence_; }

    void connected(Instant now);
    void disconnected(Instant now) noexcept;
    void wake() noexcept;  // something may wait in the database
    void step(Instant now);
    void done(Transfer& transfer, CURLcode code);
    Instant deadline(Instant now) const;

    // Claim no more, and give back what has not begun.
    void stop();
    // Give up what still runs: unsent is given back, sent is reported as aborted.
    void abandon();
    // Nothing is held, on its way to us, or waiting to be told.
    bool quiet() const noexcept;
    // Every queue was found empty by a claim sent after this instant and after our last own doing.
    bool found_empty_since(Instant then) const;

 private:
    enum class State { claimed, asked, waiting, running };
    struct Job {
        Held held;
        std::string type;
        Bulkhead* bulkhead = nullptr;
        std::int64_t attempt = 0;
        std::int64_t queued_ms = 0;  // due until claimed, by the database's clock
        Instant claimed{};
        Instant held_since{};  // when the claim was sent: the lease is at least so old
        State state = State::claimed;
        std::optional<std::size_t> bytes;  // of its request's body, once known
        std::string target;
        Request request;  // while waiting
        std::string started_at;
        Instant started{};
        Transfer* transfer = nullptr;
    };

    void give_back_stale(Instant now);
    int affordable() const noexcept;
    void claim(Bulkhead& bulkhead, int n, Instant now);
    void claimed(Bulkhead& bulkhead, int asked_for, const Reply& reply);
    void ask(const std::vector<Held>& held);
    void ask_together(std::vector<Held> held);
    void note_size(Job& job);
    void answered(const std::vector<Held>& held, const Reply& reply);
    Slots::Verdict admit(Job& job);
    void run(Job& job);
    void refuse(Job& job, const Refusal& refusal);
    void give_back(Job& job, int delay_s);
    void forget(Job& job);
    void move_up(const std::string& target);
    void lost(const std::vector<Held>& held);
    std::vector<Held> leases() const;
    void report(const Job& job, const Outcome& outcome, const std::string& host, const std::string& blocked);

    const Config& config_;
    Session& database_;
    Http& http_;
    const Guard& guard_;
    Log& log_;
    Vault vault_;
    Outbox outbox_;
    Presence presence_;
    Slots slots_;
    std::vector<std::unique_ptr<Bulkhead>> bulkheads_;
    std::unordered_map<std::string, Job> jobs_;
    Ramp ramp_;
    std::size_t held_bytes_ = 0;         // of all bodies held
    std::size_t sized_ = 0;              // jobs they belong to
    double usual_bytes_ = 4096;          // smoothed size of a body
    std::optional<Instant> away_since_;  // the connection; nothing: it never was there
    Instant next_stale_{};               // look for those that have waited too long in line
    bool stopping_ = false;
    bool ask_again_ = false;  // claimed jobs have no request yet: the connection broke in between
    Instant last_doing_{};    // of a claim that brought something, or of a due time we set
};

}  // namespace sentinel::worker
