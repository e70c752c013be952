// Keep one connection to PostgreSQL without ever waiting for it, and bring it back when it breaks.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "engine/curl.hpp"
#include "engine/hosts.hpp"
#include "engine/libpq.hpp"
#include "engine/log.hpp"
#include "engine/session.hpp"

namespace sentinel::worker {

class Database final : public Session {
 public:
    enum class Style {
        pipeline,  // statements in flight together, each in a transaction of its own
        simple,    // one at a time by the simple protocol, without parameters: procedures may commit
    };

    struct Settings {
        std::string name;      // for the log: listen, work, runner
        std::string conninfo;  // connection string or URI
        std::string options;   // server settings, as -c name=value ...
        Style style = Style::pipeline;
        int answer_within_s = 0;  // no answer for so long means the connection is dead; 0 = wait for ever
    };

    Database(Settings settings, Log& log);

    std::function<void()> on_up;        // connected (again); nothing is in flight
    std::function<void()> on_down;      // after the handlers of all that was in flight were told
    std::function<void()> on_notified;  // at least one notification came

    bool up() const noexcept override { return state_ == State::up; }
    std::size_t in_flight() const noexcept { return flights_.size(); }

    // The handler is called from work().
    void send(const std::string& sql, const Parameters& parameters, Handler handler) override;

    // Do whatever can be done now: connect, read, write, call handlers. Handlers' exceptions end here.
    void work(Instant now) noexcept;

    // When work() has to be called again even if the socket stays quiet.
    Instant deadline() const noexcept;
    void watch(std::vector<curl_waitfd>& list) const;

    // Do not wait on if down: another connection has found the server there again.
    void try_now() noexcept;
    // The same, so long after the break: while another connection stands, the long pauses help nobody.
    void try_after(Millis pause) noexcept;

 private:
    enum class State { down, looking_up, connecting, up };
    struct Flight {
        Handler handler;
        ResultPtr result;
        Instant sent;
    };

    void connect(Instant now);
    void go_on_looking_up(Instant now);
    void begin_to_connect(Instant now, const PlaceLists* places);
    void go_on_connecting(Instant now);
    void established(Instant now);
    void read(Instant now);
    bool take_results();
    // The statement in front has been the server's only since the one before it was answered.
    Instant waiting_since() const noexcept { return std::max(flights_.front().sent, heard_); }
    void deliver(ResultPtr result) noexcept;
    void fail(Instant now, const std::string& why) noexcept;
    template <class Action>
    void guarded(const char* what, const Action& action) noexcept;

    Settings settings_;
    Log& log_;
    Hosts hosts_;
    ConnectionPtr connection_;
    State state_ = State::down;
    PostgresPollingStatusType wanted_ = PGRES_POLLING_WRITING;
    std::deque<Flight> flights_;
    bool unsent_ = false;  // libpq has bytes that the socket did not take
    int tries_ = 0;
    std::size_t first_place_ = 0;  // of several: one that does not answer must not keep us from the others
    Instant next_try_{};
    Instant since_{};  // of the present state
    Instant heard_{};  // of the last answer
};

// Connection parameters that Sentinel sets over a user's string: name, keep-alives, options. Shared with the
// commands that connect and wait (check, seal).
ConnectionPtr connect_and_wait(const std::string& conninfo, std::string& problem);

}  // namespace sentinel::worker
