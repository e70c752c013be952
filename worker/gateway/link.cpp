#include "gateway/link.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "engine/connect.hpp"

namespace sentinel::gateway {
namespace {

constexpr auto kConnectWithin = Seconds(10);
constexpr Millis kShortestPause{100};
constexpr Millis kLongestPause{30'000};
constexpr auto kStable = Seconds(10);    // up for so long, and the next break starts with short pauses again
constexpr auto kLate = Seconds(5);       // after the statement's own limit: the server is gone
constexpr std::size_t kBig = 4'000'000;  // a connection that carried so much is made anew

constexpr const char* kOpen = "SELECT sentinel.open_gateway($1, $2)";

// By the order of the columns, whatever the function calls them.
constexpr const char* kSql[kStatements] = {
    "SELECT * FROM sentinel.http_handle($1::text, $2::text, $3::text, $4::jsonb, $5::bytea, $6::inet, "
    "$7::timestamptz) AS answer(status, headers, body, stream, route)",
    "SELECT * FROM sentinel.gateway_routes() AS route(method, pattern, max_body_bytes)",
    "SELECT * FROM sentinel.stream_events($1::text, $2::text, $3::integer) AS event(cursor_after, "
    "event_type, data)",
    "SELECT * FROM sentinel.streams_with_news($1::text[], $2::text[]) AS stream(place)",
    "SELECT * FROM sentinel.streams_ended($1::text[]) AS stream(place)",
    "SELECT sentinel.report_requests($1::text, $2::jsonb)",
};
constexpr const char* kNames[kStatements] = {"handle", "routes", "events", "news", "ended", "report"};

std::string options(int statement_timeout_ms) {
    return "-c statement_timeout=" + std::to_string(statement_timeout_ms) +
           " -c lock_timeout=5s -c idle_in_transaction_session_timeout=10s -c idle_session_timeout=0 "
           "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c search_path=pg_catalog,pg_temp";
}

}  // namespace

Link::Link(boost::asio::io_context& io, const LinkSettings& settings, Log& log)
    : io_(io), settings_(settings), log_(log), hosts_(settings.conninfo), descriptor_(io) {}

Link::~Link() {
    drop();
}

void Link::tick(Instant now) {
    switch (state_) {
        case State::down:
            if (now >= next_try_) connect(now);
            break;
        case State::looking_up:
            if (hosts_.ended()) {
                if (hosts_.places().empty()) return fail(hosts_.problem());
                const auto places = to_lists(hosts_.places(), first_place_);
                begin_to_connect(&places);
            } else if (now - since_ > kConnectWithin) {
                fail("the name server did not answer within 10 s");
            }
            break;
        case State::connecting:
        case State::opening:
            if (now - since_ > kConnectWithin) {
                ++first_place_;
                fail("no answer within 10 s");
            }
            break;
        case State::up:
            if (now - up_since_ > kStable) tries_ = 0;
            if (job_ && now - since_ > Millis(settings_.statement_timeout_ms) + kLate)
                fail("no answer in time");
            break;
    }
}

void Link::try_now() noexcept {
    if (state_ == State::down) next_try_ = Clock::now();
}

void Link::connect(Instant now) {
    since_ = now;
    if (!hosts_.named()) return begin_to_connect(nullptr);
    state_ = State::looking_up;
    try {
        hosts_.look_up();
    } catch (const std::exception& error) {
        fail(error.what());
    }
}

void Link::begin_to_connect(const worker::PlaceLists* places) {
    connection_ = worker::begin_connection(settings_.conninfo, options(settings_.statement_timeout_ms),
                                           "sentinel-gateway", worker::Waiting::no, places);
    state_ = State::connecting;
    since_ = Clock::now();
    if (!connection_ || PQstatus(connection_.get()) == CONNECTION_BAD) {
        return fail(connection_ ? worker::one_line(PQerrorMessage(connection_.get())) : "out of memory");
    }
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
    boost::system::error_code error;
    descriptor_.assign(PQsocket(connection_.get()), error);
    if (error) return fail(error.message());
    watch(false, true);
}

void Link::watch(bool read, bool write) {
    const auto woken = [this, generation = generation_](bool& flag) {
        return [this, generation, &flag](const boost::system::error_code& error) {
            if (generation != generation_) return;
            flag = false;
            if (error != boost::asio::error::operation_aborted) ready();
        };
    };
    using Wait = boost::asio::posix::stream_descriptor;
    if (read && !std::exchange(reading_, true)) descriptor_.async_wait(Wait::wait_read, woken(reading_));
    if (write && !std::exchange(writing_, true)) descriptor_.async_wait(Wait::wait_write, woken(writing_));
}

void Link::ready() {
    if (state_ == State::connecting) return go_on_connecting();
    flush();
    if (connection_) read();
}

void Link::go_on_connecting() {
    const auto wanted = PQconnectPoll(connection_.get());
    if (wanted == PGRES_POLLING_FAILED) return fail(worker::one_line(PQerrorMessage(connection_.get())));
    // libpq may have gone on to another address, and with it to another socket.
    ++generation_;
    reading_ = writing_ = false;
    boost::system::error_code error;
    descriptor_.cancel(error);
    descriptor_.release();
    descriptor_.assign(PQsocket(connection_.get()), error);
    if (error) return fail(error.message());
    if (wanted == PGRES_POLLING_OK) return open();
    watch(wanted == PGRES_POLLING_READING, wanted == PGRES_POLLING_WRITING);
}

void Link::open() {
    PGconn* const c = connection_.get();
    state_ = State::opening;
    since_ = Clock::now();
    const char* const values[] = {settings_.gateway.c_str(), SENTINEL_VERSION};
    if (PQsetnonblocking(c, 1) != 0 ||
        !PQsendQueryParams(c, kOpen, 2, nullptr, values, nullptr, nullptr, 0)) {
        return fail(worker::one_line(PQerrorMessage(c)));
    }
    watch(true, false);
    flush();
}

void Link::run(Job job) {
    job_ = std::move(job);
    since_ = Clock::now();
    send_next();
}

// The job's statement, or first its preparation.
void Link::send_next() {
    PGconn* const c = connection_.get();
    const auto which = static_cast<std::size_t>(job_->statement);
    int sent = 0;
    preparing_ = !prepared_[which];
    if (preparing_) {
        sent = PQsendPrepare(c, kNames[which], kSql[which], 0, nullptr);
    } else {
        std::vector<const char*> values;
        std::vector<int> lengths;
        std::vector<int> formats;
        most_bytes_ = 0;
        for (const auto& one : job_->parameters) {
            values.push_back(one.value ? one.value->c_str() : nullptr);
            lengths.push_back(one.value ? static_cast<int>(one.value->size()) : 0);
            formats.push_back(one.binary ? 1 : 0);
            most_bytes_ += one.value ? one.value->size() : 0;
        }
        // Bodies go and come as the bytes they are; the other columns are read as binary too.
        const int binary = job_->statement == Statement::handle ? 1 : 0;
        sent = PQsendQueryPrepared(c, kNames[which], static_cast<int>(values.size()), values.data(),
                                   lengths.data(), formats.data(), binary);
        job_->parameters = {};  // libpq has its own copy
    }
    if (!sent) return fail(worker::one_line(PQerrorMessage(c)));
    flush();
}

void Link::flush() {
    const int rest = PQflush(connection_.get());
    if (rest < 0) return fail(worker::one_line(PQerrorMessage(connection_.get())));
    if (rest == 1) watch(false, true);
}

void Link::read() {
    PGconn* const c = connection_.get();
    const bool consumed = PQconsumeInput(c) == 1;
    while (connection_ && !PQisBusy(connection_.get())) {
        worker::ResultPtr result(PQgetResult(connection_.get()));
        if (result) {
            result_ = std::move(result);
            continue;
        }
        if (!result_) break;
        take(std::move(result_));
    }
    if (!connection_) return;
    if (!consumed || PQstatus(connection_.get()) == CONNECTION_BAD) {
        return fail(worker::one_line(PQerrorMessage(connection_.get())));
    }
    watch(true, false);
}

void Link::take(worker::ResultPtr result) {
    Reply reply(std::move(result));
    if (state_ == State::opening) {
        if (!reply.ok()) return fail(reply.message());
        state_ = State::up;
        up_since_ = Clock::now();
        log_.info("connected", {{"connection", settings_.name},
                                {"server", std::int64_t{PQserverVersion(connection_.get())}}});
        if (on_up) on_up();
        return finish();
    }
    if (!job_) return;
    if (reply.ok() && std::exchange(preparing_, false)) {
        prepared_[static_cast<std::size_t>(job_->statement)] = true;
        return send_next();
    }
    if (reply.ok()) {
        for (int column = 0; reply.rows() == 1 && column < 5 && job_->statement == Statement::handle;
             ++column)
            most_bytes_ += reply.text(0, column).size();
    }
    const auto done = std::move(job_->done);
    job_.reset();
    // A server that stops says so and closes. Else another release's function, or one whose shape changed, is
    // to be prepared anew.
    const bool lost = !reply.ok() && reply.sqlstate().empty();
    const bool stale = reply.sqlstate() == "0A000" || reply.sqlstate() == "26000";
    if (lost || reply.sqlstate().compare(0, 3, "57P") == 0) {
        fail(worker::one_line(PQerrorMessage(connection_.get())));
    } else if (stale || most_bytes_ > kBig) {
        drop();
        connect(Clock::now());
    }
    most_bytes_ = 0;
    if (done) done({lost ? Fate::cut : Fate::answered, std::move(reply)});
    finish();
}

void Link::finish() {
    if (idle() && on_idle) on_idle();
}

void Link::fail(const std::string& why) {
    const bool was_up = state_ == State::up;
    const bool sent = was_up && !preparing_;
    drop();
    const Millis pause = worker::full_jitter(tries_++, kShortestPause, kLongestPause);
    next_try_ = Clock::now() + pause;
    log_.warning(
        was_up ? "connection lost" : "cannot connect",
        {{"connection", settings_.name}, {"error", why}, {"next_try_ms", std::int64_t{pause.count()}}});
    if (!job_) return;
    const auto done = std::move(job_->done);
    job_.reset();
    if (done) done({sent ? Fate::cut : Fate::unsent, Reply(nullptr)});
}

void Link::drop() {
    ++generation_;
    reading_ = writing_ = preparing_ = false;
    if (descriptor_.is_open()) {
        boost::system::error_code error;
        descriptor_.cancel(error);
        descriptor_.release();
    }
    connection_.reset();
    result_.reset();
    std::fill(std::begin(prepared_), std::end(prepared_), false);
    state_ = State::down;
}

}  // namespace sentinel::gateway
