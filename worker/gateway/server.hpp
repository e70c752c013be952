// The gateway: one thread, one loop.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "engine/process.hpp"
#include "gateway/context.hpp"
#include "gateway/streams.hpp"

namespace sentinel::gateway {

class Server {
 public:
    // Throws where it cannot listen.
    Server(const Config& config, Log& log);
    ~Server();
    int run();

 private:
    using Protocol = boost::asio::generic::stream_protocol;

    void listen();
    void accept();
    void welcome(Protocol::socket socket);
    void tick();
    void take_signals();
    void begin_to_stop(const char* why);
    bool over(Instant now) const;
    void tell_ready();
    void load_routes();
    void report();
    std::string status() const;

    const Config& config_;
    Log& log_;
    boost::asio::io_context io_{1};
    worker::Signals signals_;
    worker::ServiceManager manager_;
    boost::asio::posix::stream_descriptor signal_descriptor_;
    boost::asio::steady_timer timer_;
    boost::asio::basic_socket_acceptor<Protocol> acceptor_;
    Pool requests_;
    Pool control_;
    Streams streams_;
    Context context_;
    std::string address_;
    std::string path_;  // of the Unix socket, to be removed at the end
    Instant began_ = Clock::now();
    Instant stopping_since_{};
    Instant next_sweep_{};
    Instant next_routes_{};
    Instant next_report_{};
    Instant accept_again_ = Instant::max();
    bool ready_ = false;
    bool loading_ = false;
    bool reporting_ = false;
};

}  // namespace sentinel::gateway
