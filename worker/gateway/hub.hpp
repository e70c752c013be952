// Bring each stream the events behind its cursor, asking the database as seldom as can be.
//
// Streams of one audience that stand at the same cursor are a group: one question, one fetch, and what it
// brings goes to all. A stream that resumes further back asks by itself until it has come to the head, and
// then joins. Cursors are opaque, and two looks at the same state may give different ones: a stream joins
// where the group's cursor is older than its own last look, and what it has seen already is left out for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sentinel::gateway {

// What the database gives with the answer that becomes a stream.
struct Ticket {
    std::string token;
    std::string audience;
    std::string cursor;
};
std::optional<Ticket> to_ticket(std::string_view json);

struct Event {
    std::string cursor_after;
    std::string type;
    std::string data;
};

// As text/event-stream: line ends in data make further data lines; in the other fields they are left out.
std::string to_frame(const Event& event);

using Bytes = std::shared_ptr<const std::string>;
using StreamId = std::uint64_t;

class Hub {
 public:
    static constexpr int kMostEvents = 50;  // of one fetch; a stream's queue holds 64

    // False: its queue is full, and nothing was taken.
    std::function<bool(StreamId, const Bytes&, int events)> deliver;
    std::function<void(StreamId)> close;

    StreamId add(Ticket ticket);
    void remove(StreamId id);
    void drained(StreamId id);  // its queue is empty

    std::size_t size() const noexcept { return streams_.size(); }
    int count(const std::string& audience) const;

    // The next fetch to make, if any; its answer is fetched().
    struct Fetch {
        std::uint64_t key;
        std::string token;
        std::string cursor;
    };
    std::optional<Fetch> next();
    enum class Failure { none, unauthorised, refused, later };
    // cursor: up to which was looked.
    void fetched(std::uint64_t key, Failure failure, const std::vector<Event>& events,
                 const std::string& cursor);

    // Of every group that waits for news: ask, then tell which have some by their places in what was asked.
    struct Question {
        std::vector<std::string> tokens;
        std::vector<std::string> cursors;
        std::vector<std::uint64_t> groups;
    };
    Question question() const;
    void news(const Question& asked, const std::vector<int>& positions);
    void again();  // those that had to wait try once more

    // All tokens, and the streams that end where one of them has.
    std::vector<std::string> tokens(std::vector<StreamId>& ids) const;

 private:
    struct Group {
        std::string audience;
        std::string cursor;
        std::vector<StreamId> members;
        std::uint64_t version = 0;  // another after each fetch, and never one of another group
        bool at_head = false;
        bool fetching = false;
        bool queued = false;
    };
    struct Stream {
        Ticket ticket;              // its cursor is kept up to date only while it goes its own way
        std::uint64_t group = 0;    // 0: goes its own way
        std::uint64_t version = 0;  // of its audience's group when the fetch began
        bool fetching = false;
        bool queued = false;
        bool parked = false;            // waits for again()
        std::vector<std::string> seen;  // by the last fetches before it joined
    };
    struct Audience {
        std::uint64_t group = 0;
        int streams = 0;
    };

    void settle(StreamId id, Stream& stream, bool at_head);
    void join(StreamId id, Stream& stream, std::uint64_t key, Group& group);
    void leave_group(StreamId id, Stream& stream);
    void want(StreamId id, Stream& stream);
    void want_group(std::uint64_t key, Group& group);
    void fan_out(Group& group, const std::vector<Event>& events, const std::string& before);

    std::unordered_map<StreamId, Stream> streams_;
    std::unordered_map<std::uint64_t, Group> groups_;
    std::unordered_map<std::string, Audience> audiences_;
    std::deque<std::uint64_t> ready_;  // keys of streams and groups to fetch for
    std::vector<StreamId> parked_;
    std::uint64_t last_key_ = 0;
};

}  // namespace sentinel::gateway
