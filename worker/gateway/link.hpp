// One connection to PostgreSQL on the gateway's loop: one statement at a time, and back by itself when it
// breaks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "engine/hosts.hpp"
#include "engine/libpq.hpp"
#include "engine/log.hpp"
#include "engine/session.hpp"

namespace sentinel::gateway {

using worker::Clock;
using worker::Instant;
using worker::Log;
using worker::Millis;
using worker::Reply;
using worker::Seconds;

enum class Fate {
    answered,  // by a result or an error: what it says holds
    unsent,    // the database never saw it
    cut,       // the connection broke before the answer: whether it took effect is not known
};

struct Outcome {
    Fate fate = Fate::unsent;
    Reply reply{nullptr};
};

// The statements, prepared on each connection when first needed there.
enum class Statement { handle, routes, events, news, ended, report };
inline constexpr std::size_t kStatements = 6;

struct Parameter {
    std::optional<std::string> value;
    bool binary = false;
};

struct Job {
    Statement statement = Statement::handle;
    std::vector<Parameter> parameters;
    std::function<void(Outcome)> done;  // called once, from the loop
    std::function<bool()> wanted;       // whether anybody waits for it still; asked before it is sent
    Instant queued{};
};

struct LinkSettings {
    std::string name;  // for the log
    std::string conninfo;
    std::string gateway;
    int statement_timeout_ms = 30'000;
};

class Link {
 public:
    Link(boost::asio::io_context& io, const LinkSettings& settings, Log& log);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    std::function<void()> on_idle;  // up, and nothing to do
    std::function<void()> on_up;

    bool up() const noexcept { return state_ == State::up; }
    bool idle() const noexcept { return up() && !job_; }
    void run(Job job);  // only while idle()

    void tick(Instant now);   // several times a second: begins to connect, ends what takes too long
    void try_now() noexcept;  // another connection has found the server there again

 private:
    enum class State { down, looking_up, connecting, opening, up };

    void connect(Instant now);
    void begin_to_connect(const worker::PlaceLists* places);
    void watch(bool read, bool write);
    void ready();
    void go_on_connecting();
    void open();
    void send_next();
    void flush();
    void read();
    void take(worker::ResultPtr result);
    void finish();
    void fail(const std::string& why);
    void drop();

    boost::asio::io_context& io_;
    const LinkSettings& settings_;
    Log& log_;
    worker::Hosts hosts_;
    worker::ConnectionPtr connection_;
    boost::asio::posix::stream_descriptor descriptor_;
    State state_ = State::down;
    unsigned generation_ = 0;  // of the connection: what was begun on an earlier one has no say any more
    std::optional<Job> job_;
    bool prepared_[kStatements] = {};
    bool preparing_ = false;
    bool reading_ = false;
    bool writing_ = false;
    worker::ResultPtr result_;
    std::size_t most_bytes_ = 0;  // that a statement brought: libpq keeps buffers of that size
    int tries_ = 0;
    std::size_t first_place_ = 0;
    Instant next_try_{};
    Instant since_{};  // of the state, or of the statement
    Instant up_since_{};
};

}  // namespace sentinel::gateway
