// One connection of a client: requests in, one call of the database each, answers out.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/answer.hpp"
#include "gateway/body.hpp"
#include "gateway/context.hpp"
#include "gateway/hub.hpp"

namespace sentinel::gateway {

inline constexpr std::size_t kSmallAnswer = 64 * 1024;  // not counted among the bodies under way

using Socket = boost::asio::generic::stream_protocol::socket;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
    Connection(Context& context, Socket socket, std::optional<worker::Address> peer,
               std::unique_ptr<Place> place);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start();
    void tick(Instant now);  // ends what is over its deadline
    void stop();             // finish the request under way, and no further one

 private:
    enum class Got { bytes, nothing, late };
    template <class T>
    using Awaitable = boost::asio::awaitable<T>;

    Awaitable<void> serve();
    Awaitable<bool> serve_one();
    Awaitable<Refusal> await_head();
    Awaitable<Refusal> await_body();
    Awaitable<Outcome> ask(Job job);
    Awaitable<Got> receive();
    Awaitable<bool> send(std::string_view bytes);
    Awaitable<bool> answer(Answer answer, bool close);
    Awaitable<void> linger();

    void identify();
    Refusal before_body(std::size_t most) const;
    void tell(int status, double ms);
    Job to_job();
    Answer from(const Outcome& outcome);
    Answer from_row(const Reply& reply);
    Answer begin_stream(std::string_view json, Answer answer);
    bool charge(std::size_t bytes);
    void within(int ms) noexcept;

    Context& context_;
    Socket socket_;
    std::optional<worker::Address> peer_;
    std::unique_ptr<Place> place_;
    std::size_t index_ = 0;
    std::string in_;   // received, and not used yet
    std::string raw_;  // the head, as received
    Head head_;
    std::string body_;
    std::string request_id_;
    std::string route_;
    std::optional<Ticket> ticket_;  // the answer is a stream
    std::size_t charged_ = 0;
    Instant deadline_ = Instant::max();
    Instant began_{};
    int served_ = 0;
    bool late_ = false;
    bool waiting_ = true;  // for the first byte of a request
    bool closing_ = false;
    bool gone_ = false;  // the client
};

}  // namespace sentinel::gateway
