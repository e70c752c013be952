// The clients that listen for events: their sockets, bounded queues, heart-beats and deadlines.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "gateway/context.hpp"
#include "gateway/hub.hpp"

namespace sentinel::gateway {

class Streams {
 public:
    using Socket = boost::asio::generic::stream_protocol::socket;

    static constexpr int kMostEvents = 64;  // that wait for one client
    static constexpr std::size_t kMostBytes = 256 * 1024;

    Streams(const Config& config, Pool& control, Log& log);
    ~Streams();

    bool room() const noexcept { return static_cast<int>(clients_.size()) < config_.max_streams; }
    bool room_for(const std::string& audience) const;
    void adopt(Socket socket, std::unique_ptr<Place> place, Ticket ticket);
    void stop();

    void tick(Instant now);   // often: asks for news
    void sweep(Instant now);  // seldom: heart-beats, deadlines

    std::size_t size() const noexcept { return clients_.size(); }
    std::int64_t total() const noexcept { return total_; }
    std::int64_t events() const noexcept { return events_; }

 private:
    struct Client;
    using ClientPtr = std::shared_ptr<Client>;

    bool deliver(StreamId id, const Bytes& bytes, int events);
    void close(StreamId id);
    void listen(const ClientPtr& client);
    void write(const ClientPtr& client);
    void ask_for_news(Instant now);
    void ask_for_ended();
    void fetch();
    void take(std::uint64_t key, const std::string& cursor, const Outcome& outcome);

    const Config& config_;
    Pool& control_;
    Log& log_;
    Hub hub_;
    std::unordered_map<StreamId, ClientPtr> clients_;
    Instant next_news_{};
    Instant next_ended_{};
    bool asking_news_ = false;
    bool asking_ended_ = false;
    bool stopping_ = false;
    int fetching_ = 0;
    std::int64_t total_ = 0;
    std::int64_t events_ = 0;
};

}  // namespace sentinel::gateway
