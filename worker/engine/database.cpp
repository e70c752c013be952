#include "engine/database.hpp"

#include <poll.h>

#include <algorithm>

#include "engine/connect.hpp"

namespace sentinel::worker {
namespace {

constexpr const char* kName = "sentinel-worker/" SENTINEL_VERSION;
constexpr auto kConnectWithin = Seconds(10);
constexpr Millis kShortestPause{100};
constexpr Millis kLongestPause{30'000};
constexpr auto kStable = Seconds(10);  // up for so long, and the next break starts with short pauses again

bool ready(int fd, short events) {
    pollfd one{fd, events, 0};
    return ::poll(&one, 1, 0) > 0;
}

}  // namespace

ConnectionPtr connect_and_wait(const std::string& conninfo, std::string& problem) {
    ConnectionPtr connection =
        begin_connection(conninfo, "-c timezone=UTC -c statement_timeout=10s", kName, Waiting::yes);
    if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
        problem = connection ? one_line(PQerrorMessage(connection.get())) : "out of memory";
        return nullptr;
    }
    return connection;
}

Database::Database(Settings settings, Log& log)
    : settings_(std::move(settings)), log_(log), hosts_(settings_.conninfo) {}

template <class Action>
void Database::guarded(const char* what, const Action& action) noexcept {
    try {
        action();
    } catch (const std::exception& error) {
        log_.error("a handler failed", {{"connection", settings_.name},
                                        {"what", std::string(what)},
                                        {"error", std::string(error.what())}});
    } catch (...) {
        log_.error("a handler failed", {{"connection", settings_.name}});
    }
}

void Database::send(const std::string& sql, const Parameters& parameters, Handler handler) {
    PGconn* const c = connection_.get();
    int sent = 0;
    if (settings_.style == Style::simple) {
        sent = PQsendQuery(c, sql.c_str());
    } else {
        std::vector<const char*> values;
        for (const auto& one : parameters) values.push_back(one ? one->c_str() : nullptr);
        sent = PQsendQueryParams(c, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                                 nullptr, nullptr, 0) &&
               PQpipelineSync(c);
    }
    // A failure here means a dead connection; work() finds that out and tells the handler.
    if (!sent)
        log_.debug("send failed", {{"connection", settings_.name}, {"error", one_line(PQerrorMessage(c))}});
    flights_.push_back({std::move(handler), nullptr, Clock::now()});
    if (!sent) PQfinish(connection_.release());
    if (!sent) return;
    unsent_ = PQflush(c) == 1;
}

void Database::work(Instant now) noexcept {
    guarded("work", [&] {
        if (state_ == State::down && now >= next_try_) connect(now);
        if (state_ == State::looking_up) go_on_looking_up(now);
        if (state_ == State::connecting) go_on_connecting(now);
        if (state_ == State::up) read(now);
    });
}

void Database::connect(Instant now) {
    since_ = now;
    if (!hosts_.named()) return begin_to_connect(now, nullptr);
    state_ = State::looking_up;
    try {
        hosts_.look_up();
    } catch (const std::exception& error) {
        fail(now, error.what());
    }
}

void Database::go_on_looking_up(Instant now) {
    if (!hosts_.ended()) {
        if (now - since_ > kConnectWithin) fail(now, "the name server did not answer within 10 s");
        return;
    }
    if (hosts_.places().empty()) return fail(now, hosts_.problem());
    const PlaceLists places = to_lists(hosts_.places(), first_place_);
    begin_to_connect(now, &places);
}

void Database::begin_to_connect(Instant now, const PlaceLists* places) {
    connection_ = begin_connection(settings_.conninfo, settings_.options, kName, Waiting::no, places);
    state_ = State::connecting;
    since_ = now;
    wanted_ = PGRES_POLLING_WRITING;
    if (!connection_ || PQstatus(connection_.get()) == CONNECTION_BAD) {
        fail(now, connection_ ? one_line(PQerrorMessage(connection_.get())) : "out of memory");
        return;
    }
    PQsetNoticeProcessor(
        connection_.get(),
        [](void* log, const char* text) {
            static_cast<Log*>(log)->debug("notice", {{"text", one_line(text)}});
        },
        &log_);
}

void Database::go_on_connecting(Instant now) {
    PGconn* const c = connection_.get();
    while (ready(PQsocket(c), wanted_ == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
        wanted_ = PQconnectPoll(c);
        if (wanted_ == PGRES_POLLING_OK) return established(now);
        if (wanted_ == PGRES_POLLING_FAILED) return fail(now, one_line(PQerrorMessage(c)));
    }
    if (now - since_ > kConnectWithin) {
        ++first_place_;  // libpq itself goes on to the next only where a connection is refused
        fail(now, "no answer within 10 s");
    }
}

void Database::established(Instant now) {
    PGconn* const c = connection_.get();
    const bool set =
        PQsetnonblocking(c, 1) == 0 && (settings_.style == Style::simple || PQenterPipelineMode(c));
    if (!set) return fail(now, one_line(PQerrorMessage(c)));
    state_ = State::up;
    since_ = heard_ = now;
    unsent_ = false;
    log_.info("connected", {{"connection", settings_.name}, {"server", std::int64_t{PQserverVersion(c)}}});
    if (on_up) guarded("up", on_up);
}

void Database::read(Instant now) {
    PGconn* const c = connection_.get();
    if (c == nullptr) return fail(now, "the connection was lost while sending");
    if (unsent_) {
        const int rest = PQflush(c);
        if (rest < 0) return fail(now, one_line(PQerrorMessage(c)));
        unsent_ = rest == 1;
    }
    const bool consumed = PQconsumeInput(c) == 1;
    if (!take_results()) return fail(now, "the connection was lost while sending");
    if (!consumed || PQstatus(c) == CONNECTION_BAD) return fail(now, one_line(PQerrorMessage(c)));
    bool notified = false;
    while (PGnotify* one = PQnotifies(c)) {
        PQfreemem(one);
        notified = true;
    }
    if (notified && on_notified) guarded("notified", on_notified);
    if (state_ == State::up && now - since_ > kStable) tries_ = 0;
    if (settings_.answer_within_s > 0 && !flights_.empty() &&
        now - waiting_since() > Seconds(settings_.answer_within_s)) {
        fail(now, "no answer for " + std::to_string(settings_.answer_within_s) + " s");
    }
}

// In a pipeline each statement ends with the result of its own sync, else with the null after its results.
// False when a handler's send found the connection dead.
bool Database::take_results() {
    const bool pipeline = settings_.style == Style::pipeline;
    while (connection_ && !flights_.empty() && !PQisBusy(connection_.get())) {
        ResultPtr result(PQgetResult(connection_.get()));
        if (!result) {
            if (PQstatus(connection_.get()) == CONNECTION_BAD) break;
            if (!pipeline) deliver(std::move(flights_.front().result));
            continue;
        }
        if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) {
            deliver(std::move(flights_.front().result));
        } else {
            flights_.front().result = std::move(result);
        }
    }
    return connection_ != nullptr;
}

void Database::deliver(ResultPtr result) noexcept {
    guarded("reply", [&] {
        const Flight flight = std::move(flights_.front());
        flights_.pop_front();
        heard_ = Clock::now();
        if (flight.handler) flight.handler(Reply(std::move(result)));
    });
}

void Database::fail(Instant now, const std::string& why) noexcept {
    const bool was_up = state_ == State::up;
    connection_.reset();
    state_ = State::down;
    const Millis pause = full_jitter(tries_++, kShortestPause, kLongestPause);
    next_try_ = now + pause;
    since_ = now;
    unsent_ = false;
    log_.warning(
        was_up ? "connection lost" : "cannot connect",
        {{"connection", settings_.name}, {"error", why}, {"next_try_ms", std::int64_t{pause.count()}}});
    std::deque<Flight> lost;
    lost.swap(flights_);
    for (auto& flight : lost) {
        guarded("lost", [&] {
            if (flight.handler) flight.handler(Reply(nullptr));
        });
    }
    if (was_up && on_down) guarded("down", on_down);
}

Instant Database::deadline() const noexcept {
    switch (state_) {
        case State::down:
            return next_try_;
        case State::looking_up:
        case State::connecting:
            return since_ + kConnectWithin;
        case State::up:
            break;
    }
    if (!connection_) return Clock::now();
    if (settings_.answer_within_s > 0 && !flights_.empty()) {
        return waiting_since() + Seconds(settings_.answer_within_s);
    }
    return Instant::max();
}

void Database::watch(std::vector<curl_waitfd>& list) const {
    const int fd = state_ == State::looking_up ? hosts_.descriptor()
                   : connection_               ? PQsocket(connection_.get())
                                               : -1;
    if (fd < 0) return;
    short events = CURL_WAIT_POLLIN;
    if (state_ == State::connecting) {
        events = wanted_ == PGRES_POLLING_READING ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT;
    } else if (unsent_) {
        events |= CURL_WAIT_POLLOUT;
    }
    list.push_back({fd, events, 0});
}

void Database::try_now() noexcept {
    if (state_ == State::down) next_try_ = std::min(next_try_, Clock::now());
}

void Database::try_after(Millis pause) noexcept {
    if (state_ == State::down) next_try_ = std::min(next_try_, since_ + pause);
}

}  // namespace sentinel::worker
