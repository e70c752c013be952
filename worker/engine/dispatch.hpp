// Take jobs from the database, have them sent, and hand back what came of it.
//
// A job passes: claimed -> asked (for its request) -> waiting (in line before its target) -> running ->
// result in the outbox. The worker decides nothing about a result; where it cannot try, it gives the job back
// unused.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "channels/channel.hpp"
#include "engine/config.hpp"
#include "engine/database.hpp"
#include "engine/http.hpp"
#include "engine/outbox.hpp"
#include "engine/presence.hpp"
#include "engine/slots.hpp"
#include "engine/vault.hpp"

namespace sentinel::worker {

class Dispatch {
 public:
    Dispatch(const Config& config, Database& database, Http& http, const Guard& guard, Log& log);

    void set_vault(Vault vault) { vault_ = std::move(vault); }
    Presence& presence() noexcept { return presence_; }

    void connected(Instant now);
    void disconnected() noexcept;
    void wake() noexcept;  // something may wait in the database
    void step(Instant now);
    void done(Transfer& transfer, CURLcode code);
    Instant deadline(Instant now) const;

    // Claim no more, and give back what has not begun.
    void stop();
    // Give up what still runs: unsent is given back, sent is reported as aborted.
    void abandon();
    // Nothing is held and nothing waits to be told.
    bool quiet() const noexcept { return jobs_.empty() && outbox_.empty(); }
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
        State state = State::claimed;
        std::string target;
        Request request;  // while waiting
        std::string started_at;
        Instant started{};
        Transfer* transfer = nullptr;
    };

    void claim(Bulkhead& bulkhead, Instant now);
    void claimed(Bulkhead& bulkhead, int asked_for, const Reply& reply);
    void ask(const std::vector<Held>& held);
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
    Database& database_;
    Http& http_;
    const Guard& guard_;
    Log& log_;
    Vault vault_;
    Outbox outbox_;
    Presence presence_;
    Slots slots_;
    std::vector<std::unique_ptr<Bulkhead>> bulkheads_;
    std::unordered_map<std::string, Job> jobs_;
    bool stopping_ = false;
    bool ask_again_ = false;  // claimed jobs have no request yet: the connection broke in between
    Instant last_doing_{};    // of a claim that brought something, or of a due time we set
};

}  // namespace sentinel::worker
