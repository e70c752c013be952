// How long an idle claimer takes to hold a job after its enqueue began, and a bare NOTIFY its listener, in
// turns. Usage: idle SAMPLES SEED PAYLOAD. Prints `what p50 p99 missed`, microseconds; what: job, notify,
// notify_insert.
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <random>
#include <thread>

#include "connection.hpp"

namespace {

using bench::Clock;
using bench::Connection;
using namespace std::chrono_literals;

constexpr int kPollAgainMs = 20;  // after an empty claim, for the job that came between it and the wait

// Tells the enqueuer when what it sent arrived.
class Arrival {
 public:
    void note(Clock::time_point when) {
        const std::lock_guard lock(mutex_);
        when_ = when;
        arrived_ = true;
        changed_.notify_one();
    }

    // False when nothing arrived within two seconds.
    bool take(Clock::time_point& when) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, 2s, [this] { return arrived_; })) return false;
        arrived_ = false;
        when = when_;
        return true;
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    Clock::time_point when_;
    bool arrived_ = false;
};

// Claims and completes until the queue is empty, as a worker does.
void drain(Connection& server, Arrival& arrival) {
    while (true) {
        const auto claimed = server.call("claim");
        if (PQntuples(claimed.get()) == 0) return;
        arrival.note(Clock::now());
        server.call("complete", {PQgetvalue(claimed.get(), 0, 0), PQgetvalue(claimed.get(), 0, 1)});
    }
}

// idle: nothing is under way, and the second look after an empty claim is over.
void listen(Connection& server, Arrival& arrival, std::atomic<bool>& idle, const std::atomic<bool>& done) {
    bool again = true;
    drain(server, arrival);
    while (!done) {
        // What was read along with an answer has to be seen before the wait.
        auto channel = server.notification();
        if (channel.empty()) {
            idle = !again;
            const bool heard = server.wait(again ? kPollAgainMs : 200);
            if (!heard && again) drain(server, arrival);
            if (!heard) again = false;
            channel = server.notification();
        }
        if (channel == "bench_floor") arrival.note(Clock::now());
        if (channel != "sentinel_jobs") continue;
        idle = false;
        again = true;
        drain(server, arrival);
    }
}

struct Kind {
    const char* name;
    std::vector<const char*> values;
    std::vector<double> took{};
    int missed = 0;
};

void measure(int samples, unsigned seed, const char* payload) {
    Connection sender;
    Connection receiver;
    sender.prepare("job", "SELECT sentinel.enqueue('bench_idle', $1::jsonb)");
    sender.prepare("notify", "NOTIFY bench_floor");
    sender.prepare("notify_insert",
                   "WITH row AS (INSERT INTO bench_noted (payload) VALUES ($1::jsonb) RETURNING 1) "
                   "SELECT pg_notify('bench_floor', '') FROM row");
    receiver.prepare("claim",
                     "SELECT array_agg(job_id), array_agg(lease), count(payload) "
                     "FROM sentinel.claim('bench', '{bench_idle}', 100) HAVING count(*) > 0");
    receiver.prepare("complete", "SELECT sentinel.complete($1, $2)");
    receiver.run("LISTEN sentinel_jobs");
    receiver.run("LISTEN bench_floor");

    Arrival arrival;
    std::atomic<bool> idle{false};
    std::atomic<bool> done{false};
    std::exception_ptr trouble;
    std::thread listener([&] {
        try {
            listen(receiver, arrival, idle, done);
        } catch (...) {
            trouble = std::current_exception();
            done = true;
        }
    });
    std::this_thread::sleep_for(100ms);  // the queue is found empty, so that the first enqueue notifies

    std::vector<Kind> kinds{{"job", {payload}}, {"notify", {}}, {"notify_insert", {payload}}};
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> jitter(0, 10'000);
    constexpr int kWarm = 10;
    for (int n = -kWarm; n < samples && !done; ++n) {
        for (auto& kind : kinds) {
            while (!idle && !done) std::this_thread::sleep_for(1ms);
            std::this_thread::sleep_for(10ms + std::chrono::microseconds(jitter(random)));
            const auto began = Clock::now();
            sender.call(kind.name, kind.values);
            Clock::time_point when;
            const bool came = arrival.take(when);
            if (n < 0) continue;
            if (came) {
                kind.took.push_back(bench::micros(began, when));
            } else {
                ++kind.missed;
            }
        }
    }
    done = true;
    listener.join();
    if (trouble) std::rethrow_exception(trouble);
    for (const auto& kind : kinds) {
        std::printf("%s %.0f %.0f %d\n", kind.name, bench::percentile(kind.took, 0.5),
                    bench::percentile(kind.took, 0.99), kind.missed);
    }
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) {
        std::fputs("usage: idle SAMPLES SEED PAYLOAD\n", stderr);
        return 2;
    }
    try {
        measure(std::atoi(words[1]), static_cast<unsigned>(std::strtoul(words[2], nullptr, 10)), words[3]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "idle: %s\n", error.what());
        return 1;
    }
}
