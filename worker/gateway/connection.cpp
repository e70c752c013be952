#include "gateway/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>
#include <utility>

#include "gateway/streams.hpp"

namespace sentinel::gateway {
namespace {

namespace asio = boost::asio;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kMostAtOnce = 256 * 1024;  // written within one deadline
constexpr std::size_t kMostDiscarded = 4 * 1024 * 1024;
constexpr int kLingerMs = 2'000;

}  // namespace

Connection::Connection(Context& context, Socket socket, std::optional<worker::Address> peer,
                       std::unique_ptr<Place> place)
    : context_(context),
      socket_(std::move(socket)),
      peer_(peer),
      place_(std::move(place)),
      index_(context.connections.size()) {
    context_.connections.push_back(this);
    ++context_.gauges.connections_total;
}

Connection::~Connection() {
    context_.budget.give(charged_);
    context_.connections[index_] = context_.connections.back();
    context_.connections[index_]->index_ = index_;
    context_.connections.pop_back();
}

void Connection::start() {
    const auto done = [self = shared_from_this()](const std::exception_ptr& thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
            self->context_.log.error("a connection failed", {{"error", std::string(error.what())}});
        }
    };
    asio::co_spawn(context_.io, serve(), done);
}

void Connection::within(int ms) noexcept {
    deadline_ = Clock::now() + Millis(ms);
}

void Connection::tick(Instant now) {
    if (now < deadline_) return;
    deadline_ = Instant::max();
    late_ = true;
    boost::system::error_code error;
    socket_.cancel(error);
}

void Connection::stop() {
    closing_ = true;
    if (!waiting_) return;
    boost::system::error_code error;
    socket_.cancel(error);
    late_ = true;
}

asio::awaitable<void> Connection::serve() {
    boost::system::error_code error;
    socket_.non_blocking(true, error);
    bool more = !error;
    while (more) {
        auto one = serve_one();
        more = co_await std::move(one);
        context_.budget.give(std::exchange(charged_, 0));
        body_ = {};
        ++served_;
    }
    if (ticket_) {
        context_.streams.adopt(std::move(socket_), std::move(place_), std::move(*ticket_));
    } else {
        socket_.close(error);
    }
    co_return;
}

// Serve one request. False: the connection is done with.
asio::awaitable<bool> Connection::serve_one() {
    auto heading = await_head();
    Refusal refusal = co_await std::move(heading);
    if (!refusal && !gone_) {
        auto reading = await_body();
        refusal = co_await std::move(reading);
    }
    if (gone_) co_return false;
    began_ = Clock::now();
    if (refusal) {
        context_.metrics.refused(refusal.code);
        Answer out = problem(refusal.status, refusal.code, refusal.detail, refusal.status == 503 ? 1 : 0);
        auto answering = answer(std::move(out), true);
        co_await std::move(answering);
        auto leaving = linger();
        co_await std::move(leaving);
        co_return false;
    }
    Job job = to_job();
    auto asking = ask(std::move(job));
    const Outcome outcome = co_await std::move(asking);
    Answer out = from(outcome);
    const bool close = closing_ || context_.stopping || !head_.keep_alive ||
                       served_ + 1 >= context_.config.requests_per_connection;
    const bool stream = ticket_.has_value();
    auto answering = answer(std::move(out), close);
    const bool sent = co_await std::move(answering);
    if (!sent) ticket_.reset();
    co_return sent && !close && !stream;
}

asio::awaitable<Refusal> Connection::await_head() {
    head_ = {};
    raw_.clear();
    request_id_.clear();
    route_ = "refused";
    waiting_ = true;
    late_ = false;
    // Until the first byte comes; from then on the head has its own time, however it drips.
    within(served_ == 0 ? context_.config.header_timeout_ms : context_.config.idle_timeout_ms);
    std::size_t searched = 0;
    Refusal refusal;
    while (true) {
        while (waiting_ && in_.compare(0, 2, "\r\n") == 0) in_.erase(0, 2);
        if (waiting_ && !in_.empty() && in_ != "\r") {
            waiting_ = false;
            if (served_ > 0) within(context_.config.header_timeout_ms);
        }
        if (!waiting_) {
            const std::size_t size = find_head(in_, searched, refusal);
            searched = in_.size();
            if (refusal) break;
            if (size > 0) {
                raw_ = in_.substr(0, size);
                in_.erase(0, size);
                refusal = read_head(raw_, head_);
                break;
            }
        }
        auto receiving = receive();
        const Got got = co_await std::move(receiving);
        if (got == Got::bytes) continue;
        if (got == Got::late && !waiting_) {
            refusal = {408, "header_timeout", "the header did not come in time"};
            break;
        }
        gone_ = true;
        co_return refusal;
    }
    identify();
    co_return refusal;
}

void Connection::identify() {
    const std::string_view given = head_.get("x-request-id");
    request_id_ = is_request_id(given) ? std::string(given) : new_request_id();
}

asio::awaitable<Refusal> Connection::await_body() {
    const bool expected = head_.chunked || head_.length > 0;
    const std::size_t most = context_.routes.most_body(head_.method, head_.path);
    BodyReader reader(raw_, most);
    if (reader.refusal()) co_return reader.refusal();
    if (!expected) co_return Refusal{};
    if (Refusal refusal = before_body(most)) co_return refusal;
    if (head_.expects_continue && in_.empty()) {
        auto telling = send("HTTP/1.1 100 Continue\r\n\r\n");
        if (!co_await std::move(telling)) gone_ = true;
    }
    within(context_.config.body_timeout_ms);
    late_ = false;
    while (!gone_) {
        in_.erase(0, reader.feed(in_, body_));
        if (reader.refusal() || reader.done()) co_return reader.refusal();
        if (!charge(body_.capacity())) {
            co_return Refusal{503, "no_memory", "too many bodies are under way; try again"};
        }
        // Who sends faster than we read would keep everybody else waiting.
        auto others = asio::post(context_.io, asio::use_awaitable);
        co_await std::move(others);
        auto receiving = receive();
        const Got got = co_await std::move(receiving);
        if (got == Got::late) co_return Refusal{408, "body_timeout", "the body did not come in time"};
        if (got == Got::nothing) gone_ = true;
    }
    co_return Refusal{};
}

// What can be told before the body is read, and while the client can still keep it.
Refusal Connection::before_body(std::size_t most) const {
    if (head_.length > most) {
        return {413, "body_too_large", "the body may have " + std::to_string(most) + " bytes at most"};
    }
    switch (context_.requests.room()) {
        case Pool::Room::full:
            return {503, "busy", "too many requests wait; try again"};
        case Pool::Room::down:
            return {503, "database_down", "the database cannot be reached; try again"};
        case Pool::Room::there:
            break;
    }
    return {};
}

bool Connection::charge(std::size_t bytes) {
    if (bytes <= charged_) return true;
    if (!context_.budget.take(bytes - charged_)) return false;
    charged_ = bytes;
    return true;
}

asio::awaitable<Outcome> Connection::ask(Job job) {
    deadline_ = Instant::max();  // the statement has its own
    const auto begin = [this](auto handler, Job started) {
        const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        started.done = [shared, &io = context_.io](Outcome outcome) {
            asio::post(io, [shared, kept = std::move(outcome)]() mutable { (*shared)(std::move(kept)); });
        };
        // A client that has hung up while its request waits wants nothing done.
        started.wanted = [fd = socket_.native_handle()] {
            char one = 0;
            return ::recv(fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
        };
        context_.requests.submit(std::move(started));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(Outcome)>(begin, asio::use_awaitable,
                                                                              std::move(job));
}

asio::awaitable<Connection::Got> Connection::receive() {
    static char piece[kPiece];  // one thread; filled and emptied without a pause between
    while (!late_) {
        boost::system::error_code error;
        const std::size_t n = socket_.read_some(asio::buffer(piece), error);
        if (!error) {
            in_.append(piece, n);
            co_return Got::bytes;
        }
        if (error != asio::error::would_block && error != asio::error::try_again) co_return Got::nothing;
        auto waiting = socket_.async_wait(Socket::wait_read, kToken);
        const auto [failed] = co_await std::move(waiting);
        if (failed && !late_) co_return Got::nothing;
    }
    co_return Got::late;
}

asio::awaitable<bool> Connection::send(std::string_view bytes) {
    late_ = false;
    while (!bytes.empty()) {
        // A large answer has time for each part of it: a slow line is no attack.
        within(context_.config.write_timeout_ms);
        std::string_view part = bytes.substr(0, kMostAtOnce);
        bytes.remove_prefix(part.size());
        while (!part.empty()) {
            boost::system::error_code error;
            part.remove_prefix(socket_.write_some(asio::buffer(part.data(), part.size()), error));
            if (error == asio::error::would_block || error == asio::error::try_again) {
                auto waiting = socket_.async_wait(Socket::wait_write, kToken);
                const auto [failed] = co_await std::move(waiting);
                if (failed || late_) co_return false;
            } else if (error) {
                co_return false;
            }
        }
    }
    co_return true;
}

asio::awaitable<bool> Connection::answer(Answer answer, bool close) {
    const Body kind = ticket_ ? Body::stream : Body::whole;
    std::string head = to_bytes(answer, request_id_, kind, close || ticket_.has_value());
    const std::string body = head_.method == "HEAD" ? std::string() : std::move(answer.body);
    const bool together = body.size() <= kSmallAnswer;
    if (ticket_) head += "retry: 1000\n\n";
    if (together) head += body;
    auto sending = send(head);
    bool sent = co_await std::move(sending);
    if (sent && !together) {
        auto rest = send(body);
        sent = co_await std::move(rest);
    }
    deadline_ = Instant::max();
    tell(answer.status, std::chrono::duration<double, std::milli>(Clock::now() - began_).count());
    co_return sent;
}

void Connection::tell(int status, double ms) {
    if (route_ != "refused") context_.metrics.answered(head_.method, route_, status, ms);
    if (!context_.config.log_requests) return;
    context_.log.info("request", {{"method", std::string(known_method(head_.method))},
                                  {"route", route_},
                                  {"status", std::int64_t{status}},
                                  {"ms", static_cast<std::int64_t>(std::lround(ms))},
                                  {"request_id", request_id_}});
}

// Take what the client still sends, for a while: closing on unread bytes would reset the connection, and the
// client might never see why it was refused.
asio::awaitable<void> Connection::linger() {
    boost::system::error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
    late_ = false;
    within(kLingerMs);
    std::size_t discarded = 0;
    Got got = Got::bytes;
    while (!error && got == Got::bytes && discarded < kMostDiscarded) {
        in_.clear();
        auto receiving = receive();
        got = co_await std::move(receiving);
        discarded += in_.size();
    }
    deadline_ = Instant::max();
}

}  // namespace sentinel::gateway
