#include "gateway/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/version.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "gateway/answer.hpp"
#include "gateway/connection.hpp"
#include "gateway/run.hpp"

namespace sentinel::gateway {
namespace {

constexpr Millis kTick{50};
constexpr Millis kSweep{250};
constexpr Millis kAcceptAgain{100};  // after an accept that failed, for want of descriptors
constexpr Seconds kReport{10};
constexpr Seconds kReadyWithin{2};  // to be ready without a database: it answers 503 until there is one
constexpr Millis kWaitAtMost{10'000};
constexpr int kControlLinks = 2;
constexpr std::size_t kControlWaiting = 1000;
constexpr int kSpareDescriptors = 64;

void must(bool good, const std::string& what) {
    if (!good) throw std::system_error(errno, std::generic_category(), "cannot listen on " + what);
}

// A socket that a killed process left behind would keep us out.
void remove_stale(const sockaddr_un& name) {
    struct stat facts {};
    if (stat(name.sun_path, &facts) != 0 || !S_ISSOCK(facts.st_mode)) return;
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return;
    const bool served = connect(probe, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
    if (!served && errno == ECONNREFUSED) unlink(name.sun_path);
    close(probe);
}

int bound(const void* name, std::size_t size, int family, const std::string& words) {
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(fd >= 0, words);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    must(bind(fd, static_cast<const sockaddr*>(name), static_cast<socklen_t>(size)) == 0, words);
    return fd;
}

LinkSettings settings(const Config& config, const char* name) {
    return {name, config.database, config.gateway_name, config.statement_timeout_ms};
}

}  // namespace

Server::Server(const Config& config, Log& log)
    : config_(config),
      log_(log),
      signal_descriptor_(io_, dup(signals_.descriptor())),
      timer_(io_),
      acceptor_(io_),
      requests_(io_, settings(config, "requests"), config.connections,
                4 * static_cast<std::size_t>(config.connections), kWaitAtMost, log),
      control_(io_, settings(config, "control"), kControlLinks, kControlWaiting, kWaitAtMost, log),
      streams_(config, control_, log),
      context_{io_,
               config,
               log,
               requests_,
               control_,
               streams_,
               Routes(),
               Proxies(config.trusted_proxies),
               Metrics(),
               Budget(static_cast<std::size_t>(config.body_memory_mb) * 1024 * 1024),
               Doors(static_cast<int>(std::min<std::int64_t>(
                         config.max_connections,
                         worker::descriptor_limit() - kSpareDescriptors - config.connections)),
                     config.max_connections_per_address),
               {},
               false,
               {}} {
    control_.on_up = [this] { load_routes(); };
    listen();
}

Server::~Server() {
    if (!path_.empty()) unlink(path_.c_str());
}

void Server::listen() {
    Listen place;
    Listen::parse(config_.listen, place);
    int fd = -1;
    int family = AF_UNIX;
    if (!place.path.empty()) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        std::copy(place.path.begin(), place.path.end(), name.sun_path);
        remove_stale(name);
        fd = bound(&name, sizeof name, AF_UNIX, config_.listen);
        path_ = place.path;
        chmod(path_.c_str(), 0660);
        address_ = config_.listen;
    } else if (place.host.find(':') != std::string::npos) {
        family = AF_INET6;
        sockaddr_in6 name{};
        name.sin6_family = AF_INET6;
        name.sin6_port = htons(place.port);
        inet_pton(AF_INET6, place.host.c_str(), &name.sin6_addr);
        fd = bound(&name, sizeof name, AF_INET6, config_.listen);
        socklen_t size = sizeof name;
        getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
        address_ = "[" + place.host + "]:" + std::to_string(ntohs(name.sin6_port));
    } else {
        family = AF_INET;
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(place.port);
        inet_pton(AF_INET, place.host.c_str(), &name.sin_addr);
        fd = bound(&name, sizeof name, AF_INET, config_.listen);
        socklen_t size = sizeof name;
        getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
        address_ = place.host + ":" + std::to_string(ntohs(name.sin_port));
    }
    must(::listen(fd, SOMAXCONN) == 0, config_.listen);
    acceptor_.assign(Protocol(family, 0), fd);
}

int Server::run() {
    log_.info("started", {{"version", SENTINEL_VERSION},
                          {"gateway", config_.gateway_name},
                          {"connections", std::int64_t{config_.connections}},
                          {"pid", std::int64_t{getpid()}}});
    take_signals();
    accept();
    tick();
    io_.run();
    log_.info("stopped", {{"status", std::int64_t{0}}});
    return 0;
}

void Server::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Protocol::socket socket) {
        if (context_.stopping) return;
        if (!error) {
            welcome(std::move(socket));
            return accept();
        }
        log_.warning("cannot accept", {{"error", error.message()}});
        accept_again_ = Clock::now() + kAcceptAgain;
    });
}

void Server::welcome(Protocol::socket socket) {
    boost::system::error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return;
    const auto address = worker::to_address(static_cast<const sockaddr*>(endpoint.data()));
    if (address) {
        const int on = 1;
        setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    // Behind a proxy of ours all have one address: there the proxy counts.
    const auto counted = context_.proxies.trusted(address) ? std::nullopt : address;
    if (!context_.doors.enter(counted)) {
        context_.metrics.refused("too_many_connections");
        Answer answer = problem(503, "too_many_connections", "too many connections are open; try again", 1);
        const std::string bytes = to_bytes(answer, new_request_id(), Body::whole, true) + answer.body;
        ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    auto place = std::make_unique<Place>(context_.doors, counted);
    std::make_shared<Connection>(context_, std::move(socket), address, std::move(place))->start();
}

void Server::tick() {
    const Instant now = Clock::now();
    if (over(now)) return io_.stop();
    requests_.tick(now);
    control_.tick(now);
    streams_.tick(now);
    if (now >= next_sweep_) {
        next_sweep_ = now + kSweep;
        for (Connection* one : context_.connections) one->tick(now);
        streams_.sweep(now);
        manager_.status(status());
    }
    if (now >= next_routes_) load_routes();
    if (now >= next_report_) report();
    if (!ready_ && (requests_.up() > 0 || now - began_ > kReadyWithin)) tell_ready();
    if (now >= accept_again_ && !context_.stopping) {
        accept_again_ = Instant::max();
        accept();
    }
    manager_.alive(now);
    log_.flush();
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) tick();
    });
}

void Server::tell_ready() {
    ready_ = true;
    manager_.ready();
    log_.info("ready", {{"address", address_}, {"database", requests_.up() > 0}});
    log_.flush();
}

std::string Server::status() const {
    if (context_.stopping) return "stopping";
    if (requests_.up() == 0) return "no connection to the database";
    return std::to_string(context_.doors.inside()) + " connections, " + std::to_string(streams_.size()) +
           " streams";
}

void Server::load_routes() {
    next_routes_ = Clock::now() + Seconds(config_.routes_every_s);
    if (loading_ || context_.stopping || control_.room() != Pool::Room::there) return;
    loading_ = true;
    Job job;
    job.statement = Statement::routes;
    job.done = [this](const Outcome& outcome) {
        loading_ = false;
        const Reply& reply = outcome.reply;
        if (outcome.fate != Fate::answered) return;
        if (!reply.ok()) {
            log_.error("the routes could not be read", {{"error", reply.message()}});
            return;
        }
        Routes routes;
        for (int row = 0; row < reply.rows(); ++row) {
            routes.add(reply.text(row, 0), reply.text(row, 1),
                       reply.null(row, 2) ? -1 : reply.number(row, 2));
        }
        context_.routes = std::move(routes);
    };
    control_.submit(std::move(job));
}

void Server::report() {
    next_report_ = Clock::now() + kReport;
    if (reporting_ || control_.room() != Pool::Room::there) return;
    Gauges& gauges = context_.gauges;
    gauges.connections = context_.doors.inside();
    gauges.streams = static_cast<std::int64_t>(streams_.size());
    gauges.streams_total = streams_.total();
    gauges.events_total = streams_.events();
    gauges.pool = requests_.links();
    gauges.up = requests_.up();
    gauges.busy = requests_.busy();
    gauges.waiting = static_cast<std::int64_t>(requests_.waiting());
    reporting_ = true;
    Job job;
    job.statement = Statement::report;
    job.parameters = {{config_.gateway_name}, {context_.metrics.to_json(gauges)}};
    job.done = [this](const Outcome& outcome) {
        reporting_ = false;
        if (outcome.fate == Fate::answered && !outcome.reply.ok()) {
            log_.warning("the report was refused", {{"error", outcome.reply.message()}});
        }
    };
    control_.submit(std::move(job));
}

void Server::take_signals() {
    using Wait = boost::asio::posix::stream_descriptor;
    signal_descriptor_.async_wait(Wait::wait_read, [this](const boost::system::error_code& error) {
        if (error) return;
        for (const int signal : signals_.take()) {
            if (signal == SIGHUP) continue;
            if (context_.stopping) {
                log_.warning("stopped at once by a second signal");
                log_.drain(200);
                _exit(1);
            }
            begin_to_stop(signal == SIGTERM ? "SIGTERM" : "SIGINT");
        }
        take_signals();
    });
}

void Server::begin_to_stop(const char* why) {
    context_.stopping = true;
    stopping_since_ = Clock::now();
    manager_.stopping();
    log_.info("stopping", {{"why", std::string(why)},
                           {"connections", std::int64_t{context_.doors.inside()}},
                           {"streams", static_cast<std::int64_t>(streams_.size())}});
    boost::system::error_code error;
    acceptor_.close(error);
    streams_.stop();
    for (Connection* one : context_.connections) one->stop();
}

bool Server::over(Instant now) const {
    if (!context_.stopping) return false;
    if (context_.connections.empty()) return true;
    if (now - stopping_since_ < Seconds(config_.stop_grace_s)) return false;
    log_.warning("grace is over", {{"connections", static_cast<std::int64_t>(context_.connections.size())}});
    return true;
}

int run_server(const Config& config, worker::Log& log) {
    return Server(config, log).run();
}

const char* library_versions() {
    return "Boost " BOOST_LIB_VERSION;
}

}  // namespace sentinel::gateway
