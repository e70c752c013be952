#include "gateway/pool.hpp"

#include <algorithm>
#include <utility>

namespace sentinel::gateway {

Pool::Pool(boost::asio::io_context& io, LinkSettings settings, int links, std::size_t most_waiting,
           Millis wait_at_most, Log& log)
    : settings_(std::move(settings)), most_waiting_(most_waiting), wait_at_most_(wait_at_most) {
    for (int i = 0; i < links; ++i) {
        links_.push_back(std::make_unique<Link>(io, settings_, log));
        links_.back()->on_idle = [this] { serve(); };
        links_.back()->on_up = [this] {
            for (auto& one : links_) one->try_now();
            if (on_up && up() == 1) on_up();
        };
    }
}

int Pool::up() const noexcept {
    return static_cast<int>(
        std::count_if(links_.begin(), links_.end(), [](const auto& one) { return one->up(); }));
}

int Pool::busy() const noexcept {
    return static_cast<int>(std::count_if(links_.begin(), links_.end(),
                                          [](const auto& one) { return one->up() && !one->idle(); }));
}

void Pool::refuse(std::deque<Job>::iterator job) {
    const auto done = std::move(job->done);
    waiting_.erase(job);
    if (done) done({Fate::unsent, Reply(nullptr)});
}

void Pool::drop_unwanted() {
    for (std::size_t i = waiting_.size(); i-- > 0;) {
        const auto job = waiting_.begin() + static_cast<std::ptrdiff_t>(i);
        if (job->wanted && !job->wanted()) refuse(job);
    }
}

Pool::Room Pool::room() {
    if (waiting_.size() >= most_waiting_) drop_unwanted();
    if (waiting_.size() >= most_waiting_) return Room::full;
    if (waiting_.empty() && up() == 0) return Room::down;
    return Room::there;
}

void Pool::submit(Job job) {
    if (waiting_.empty()) {
        for (auto& one : links_) {
            if (one->idle()) return one->run(std::move(job));
        }
    }
    if (room() != Room::there) {
        const auto done = std::move(job.done);
        if (done) done({Fate::unsent, Reply(nullptr)});
        return;
    }
    job.queued = Clock::now();
    waiting_.push_back(std::move(job));
}

void Pool::serve() {
    for (auto& one : links_) {
        if (waiting_.empty()) return;
        while (!waiting_.empty() && waiting_.front().wanted && !waiting_.front().wanted()) {
            refuse(waiting_.begin());
        }
        if (waiting_.empty() || !one->idle()) continue;
        Job job = std::move(waiting_.front());
        waiting_.pop_front();
        one->run(std::move(job));
    }
}

void Pool::tick(Instant now) {
    for (auto& one : links_) one->tick(now);
    serve();
    const bool down = up() == 0;
    while (!waiting_.empty() && (down || now - waiting_.front().queued > wait_at_most_)) {
        refuse(waiting_.begin());
    }
}

}  // namespace sentinel::gateway
