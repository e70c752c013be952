// Several connections and one queue of bounded length before them.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "gateway/link.hpp"

namespace sentinel::gateway {

class Pool {
 public:
    // most_waiting: jobs that wait for a connection; wait_at_most: for so long.
    Pool(boost::asio::io_context& io, LinkSettings settings, int links, std::size_t most_waiting,
         Millis wait_at_most, Log& log);

    enum class Room { there, full, down };
    Room room();  // asked for a request: those that nobody waits for any more make room for it

    // Where there is no room, done is told at once that it was not sent.
    void submit(Job job);
    void tick(Instant now);

    std::function<void()> on_up;  // the first connection stands (again)

    int links() const noexcept { return static_cast<int>(links_.size()); }
    int up() const noexcept;
    int busy() const noexcept;
    std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
    void serve();
    void refuse(std::deque<Job>::iterator job);
    void drop_unwanted();

    LinkSettings settings_;
    std::size_t most_waiting_;
    Millis wait_at_most_;
    std::vector<std::unique_ptr<Link>> links_;
    std::deque<Job> waiting_;
};

}  // namespace sentinel::gateway
