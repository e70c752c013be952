// Keep one connection to PostgreSQL without ever waiting for it, and bring it back when it breaks.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/clock.hpp"
#include "engine/curl.hpp"
#include "engine/libpq.hpp"
#include "engine/log.hpp"

namespace sentinel::worker {

// The answer to one statement.
class Reply {
 public:
    explicit Reply(ResultPtr result);

    // The connection broke before an answer came: whether the statement took effect is not known.
    bool lost() const noexcept { return !result_; }
    bool ok() const noexcept;
    // Not the statement's fault (conflict, resources, shutdown, timeout): the same again may succeed.
    bool transient() const noexcept;
    std::string sqlstate() const;
    std::string message() const;  // one line

    int rows() const noexcept { return result_ ? PQntuples(result_.get()) : 0; }
    bool null(int row, int column) const noexcept { return PQgetisnull(result_.get(), row, column) != 0; }
    std::string_view text(int row, int column) const noexcept;
    std::int64_t number(int row, int column) const noexcept;  // 0 where it is no number

 private:
    ResultPtr result_;
};

using Parameters = std::vector<std::optional<std::string>>;

class Database {
 public:
    using Handler = std::function<void(const Reply&)>;

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

    bool up() const noexcept { return state_ == State::up; }
    std::size_t in_flight() const noexcept { return flights_.size(); }

    // Only while up(). The handler is called exactly once, from work(), and may send again.
    void send(const std::string& sql, const Parameters& parameters, Handler handler);

    // Do whatever can be done now: connect, read, write, call handlers. Handlers' exceptions end here.
    void work(Instant now) noexcept;

    // When work() has to be called again even if the socket stays quiet.
    Instant deadline() const noexcept;
    void watch(std::vector<curl_waitfd>& list) const;

    // Do not wait on if down: another connection has found the server there again.
    void try_now() noexcept;

 private:
    enum class State { down, connecting, up };
    struct Flight {
        Handler handler;
        ResultPtr result;
        Instant sent;
    };

    void connect(Instant now);
    void go_on_connecting(Instant now);
    void established(Instant now);
    void read(Instant now);
    bool take_results();
    void deliver(ResultPtr result) noexcept;
    void fail(Instant now, const std::string& why) noexcept;
    template <class Action>
    void guarded(const char* what, const Action& action) noexcept;

    Settings settings_;
    Log& log_;
    ConnectionPtr connection_;
    State state_ = State::down;
    PostgresPollingStatusType wanted_ = PGRES_POLLING_WRITING;
    std::deque<Flight> flights_;
    bool unsent_ = false;  // libpq has bytes that the socket did not take
    int tries_ = 0;
    Instant next_try_{};
    Instant since_{};  // of the present state
};

// Connection parameters that Sentinel sets over a user's string: name, keep-alives, options. Shared with the
// commands that connect and wait (check, seal).
ConnectionPtr connect_and_wait(const std::string& conninfo, std::string& problem);

}  // namespace sentinel::worker
