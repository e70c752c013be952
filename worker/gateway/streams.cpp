#include "gateway/streams.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <utility>
#include <vector>

#include "core/encoding.hpp"

namespace sentinel::gateway {
namespace {

constexpr auto kWriteWithin = Seconds(5);
constexpr int kMostFetches = 8;                // under way at once
constexpr int kRest = 10;                      // times as long as a look for news took, before the next
constexpr std::size_t kMostHeard = 64 * 1024;  // that a client may say while it listens

bool blocked(const boost::system::error_code& error) {
    return error == boost::asio::error::would_block || error == boost::asio::error::try_again;
}

const Bytes& ping() {
    static const Bytes bytes = std::make_shared<const std::string>(": ping\n\n");
    return bytes;
}

}  // namespace

struct Streams::Client {
    Client(Socket taken, std::unique_ptr<Place> at) : socket(std::move(taken)), place(std::move(at)) {}

    Socket socket;
    std::unique_ptr<Place> place;
    StreamId id = 0;
    std::vector<std::pair<Bytes, int>> queue;
    std::size_t written = 0;  // of the first in the queue
    std::size_t bytes = 0;
    int events = 0;
    std::size_t heard = 0;
    bool blocked = false;
    Instant deadline = Instant::max();
    Instant last = Clock::now();
};

Streams::Streams(const Config& config, Pool& control, Log& log)
    : config_(config), control_(control), log_(log) {
    hub_.deliver = [this](StreamId id, const Bytes& bytes, int events) { return deliver(id, bytes, events); };
    hub_.close = [this](StreamId id) { close(id); };
}

Streams::~Streams() = default;

bool Streams::room_for(const std::string& audience) const {
    return hub_.count(audience) < config_.max_streams_per_audience;
}

void Streams::adopt(Socket socket, std::unique_ptr<Place> place, Ticket ticket) {
    if (stopping_) return;
    auto client = std::make_shared<Client>(std::move(socket), std::move(place));
    client->id = hub_.add(std::move(ticket));
    clients_.emplace(client->id, client);
    ++total_;
    listen(client);
    fetch();
}

void Streams::close(StreamId id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    const ClientPtr client = found->second;
    clients_.erase(found);
    hub_.remove(id);
    boost::system::error_code error;
    client->socket.shutdown(Socket::shutdown_both, error);
    client->socket.close(error);
}

void Streams::stop() {
    stopping_ = true;
    while (!clients_.empty()) close(clients_.begin()->first);
}

// A client has nothing to say. What it does say is thrown away; its end is heard.
void Streams::listen(const ClientPtr& client) {
    client->socket.async_wait(Socket::wait_read, [this, client](const boost::system::error_code& failed) {
        if (failed || clients_.count(client->id) == 0) return;
        char piece[1024];
        boost::system::error_code error;
        while (!error && client->heard < kMostHeard) {
            client->heard += client->socket.read_some(boost::asio::buffer(piece), error);
        }
        if (!blocked(error)) return close(client->id);
        listen(client);
    });
}

bool Streams::deliver(StreamId id, const Bytes& bytes, int events) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return true;
    const ClientPtr client = found->second;
    const bool full = client->events + events > kMostEvents || client->bytes + bytes->size() > kMostBytes;
    if (!client->queue.empty() && full) return false;
    client->queue.emplace_back(bytes, events);
    client->bytes += bytes->size();
    client->events += events;
    events_ += events;
    if (!client->blocked) write(client);
    return true;
}

void Streams::write(const ClientPtr& client) {
    boost::system::error_code error;
    std::size_t done = 0;
    while (done < client->queue.size()) {
        const auto& [bytes, events] = client->queue[done];
        const auto rest =
            boost::asio::buffer(bytes->data() + client->written, bytes->size() - client->written);
        client->written += client->socket.write_some(rest, error);
        if (error) break;
        if (client->written < bytes->size()) continue;
        client->written = 0;
        client->bytes -= bytes->size();
        client->events -= events;
        client->deadline = Instant::max();
        ++done;
    }
    if (done > 0) client->last = Clock::now();
    client->queue.erase(client->queue.begin(), client->queue.begin() + static_cast<std::ptrdiff_t>(done));
    if (client->queue.empty()) return hub_.drained(client->id);
    if (!blocked(error)) return close(client->id);
    if (client->deadline == Instant::max()) client->deadline = Clock::now() + kWriteWithin;
    client->blocked = true;
    client->socket.async_wait(Socket::wait_write, [this, client](const boost::system::error_code& failed) {
        client->blocked = false;
        if (failed || clients_.count(client->id) == 0) return;
        write(client);
        fetch();
    });
}

void Streams::sweep(Instant now) {
    std::vector<StreamId> late;
    std::vector<ClientPtr> silent;
    for (const auto& [id, client] : clients_) {
        if (now >= client->deadline) {
            late.push_back(id);
        } else if (client->queue.empty() && now - client->last >= Millis(config_.stream_ping_ms)) {
            silent.push_back(client);
        }
    }
    for (const StreamId id : late) close(id);
    for (const auto& client : silent) deliver(client->id, ping(), 0);
}

void Streams::tick(Instant now) {
    if (clients_.empty() || stopping_) return;
    if (now >= next_news_ && !asking_news_) ask_for_news(now);
    if (now >= next_ended_ && !asking_ended_) {
        next_ended_ = now + Millis(config_.stream_check_ms);
        ask_for_ended();
    }
    fetch();
}

void Streams::ask_for_news(Instant now) {
    hub_.again();
    next_news_ = now + Millis(config_.stream_poll_ms);
    auto asked = std::make_shared<Hub::Question>(hub_.question());
    if (asked->groups.empty()) return;
    asking_news_ = true;
    Job job;
    job.statement = Statement::news;
    job.parameters = {{core::to_array(asked->tokens)}, {core::to_array(asked->cursors)}};
    job.done = [this, asked, now](const Outcome& outcome) {
        asking_news_ = false;
        const auto took = Clock::now() - now;
        next_news_ = std::max(next_news_, Clock::now() + kRest * took);
        if (outcome.fate != Fate::answered || !outcome.reply.ok()) return;
        std::vector<int> positions;
        for (int row = 0; row < outcome.reply.rows(); ++row) {
            positions.push_back(static_cast<int>(outcome.reply.number(row, 0)));
        }
        hub_.news(*asked, positions);
        fetch();
    };
    control_.submit(std::move(job));
}

void Streams::ask_for_ended() {
    auto ids = std::make_shared<std::vector<StreamId>>();
    Job job;
    job.statement = Statement::ended;
    job.parameters = {{core::to_array(hub_.tokens(*ids))}};
    asking_ended_ = true;
    job.done = [this, ids](const Outcome& outcome) {
        asking_ended_ = false;
        if (outcome.fate != Fate::answered || !outcome.reply.ok()) return;
        for (int row = 0; row < outcome.reply.rows(); ++row) {
            const auto position = outcome.reply.number(row, 0);
            if (position >= 1 && position <= static_cast<std::int64_t>(ids->size())) {
                close((*ids)[static_cast<std::size_t>(position) - 1]);
            }
        }
    };
    control_.submit(std::move(job));
}

void Streams::fetch() {
    while (!stopping_ && fetching_ < kMostFetches) {
        auto wanted = hub_.next();
        if (!wanted) return;
        ++fetching_;
        Job job;
        job.statement = Statement::events;
        job.parameters = {{wanted->token}, {wanted->cursor}, {std::to_string(Hub::kMostEvents)}};
        job.done = [this, key = wanted->key, cursor = wanted->cursor](const Outcome& outcome) {
            --fetching_;
            take(key, cursor, outcome);
            // A database that is away refuses at once: the next tick is soon enough then.
            if (outcome.fate == Fate::answered) fetch();
        };
        control_.submit(std::move(job));
    }
}

void Streams::take(std::uint64_t key, const std::string& cursor, const Outcome& outcome) {
    const Reply& reply = outcome.reply;
    if (outcome.fate != Fate::answered || !reply.ok()) {
        const std::string& state = reply.sqlstate();
        Hub::Failure failure = Hub::Failure::later;
        if (state == "28000") failure = Hub::Failure::unauthorised;
        if (state.compare(0, 2, "22") == 0 || state.compare(0, 2, "SN") == 0) failure = Hub::Failure::refused;
        if (failure != Hub::Failure::unauthorised) {
            log_.warning("events could not be fetched", {{"sqlstate", state}});
        }
        return hub_.fetched(key, failure, {}, cursor);
    }
    std::vector<Event> events;
    std::string looked = cursor;
    for (int row = 0; row < reply.rows(); ++row) {
        looked = reply.text(row, 0);
        if (reply.null(row, 1)) continue;
        events.push_back({looked, std::string(reply.text(row, 1)), std::string(reply.text(row, 2))});
    }
    hub_.fetched(key, Hub::Failure::none, events, looked);
}

}  // namespace sentinel::gateway
