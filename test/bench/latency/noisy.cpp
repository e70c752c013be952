// Quiet tenants enqueue one job each now and then, while consumers claim and complete all there is in
// batches. Usage: noisy SECONDS PAUSE_MS CONSUMERS SEED PAYLOAD ORG ... (the quiet tenants). Prints how many
// jobs of theirs were enqueued and how many jobs of all tenants were completed; when each was due and claimed
// is in sentinel.job_history.
#include <atomic>
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

struct Orders {
    double seconds;
    int pause_ms;
    int consumers;
    unsigned seed;
    const char* payload;
    std::vector<std::string> orgs;
};

class Run {
 public:
    explicit Run(Orders orders) : orders_(std::move(orders)) {}

    void go() {
        std::vector<std::thread> consumers;
        std::vector<std::thread> tenants;
        for (int n = 0; n < orders_.consumers; ++n) {
            consumers.emplace_back([this, n] { guarded([&] { consume(n); }); });
        }
        std::this_thread::sleep_for(300ms);  // the consumers are at work, or have found the queue empty
        for (std::size_t n = 0; n < orders_.orgs.size(); ++n) {
            tenants.emplace_back([this, n] { guarded([&] { enqueue(n); }); });
        }
        for (auto& one : tenants) one.join();
        std::this_thread::sleep_for(200ms);  // the last of them are claimed
        done_ = true;
        for (auto& one : consumers) one.join();
        if (trouble_) std::rethrow_exception(trouble_);
        std::printf("%ld %ld\n", enqueued_.load(), completed_.load());
    }

 private:
    // One claim and one completion after the other; with nothing to do, until woken or for 20 ms.
    void consume(int n) {
        Connection server;
        const std::string name = "bench " + std::to_string(n);
        server.prepare("claim",
                       "SELECT array_agg(job_id), array_agg(lease), count(payload) "
                       "FROM sentinel.claim($1, '{bench_noisy}', 100) HAVING count(*) > 0");
        server.prepare("complete", "SELECT sentinel.complete($1, $2)");
        server.run("LISTEN sentinel_jobs");
        while (!done_) {
            const auto claimed = server.call("claim", {name.c_str()});
            if (PQntuples(claimed.get()) > 0) {
                const auto ended = server.call(
                    "complete", {PQgetvalue(claimed.get(), 0, 0), PQgetvalue(claimed.get(), 0, 1)});
                completed_ += std::atol(PQgetvalue(ended.get(), 0, 0));
            } else if (server.notification().empty()) {
                server.wait(20);
            }
            while (!server.notification().empty()) {
            }
        }
    }

    // A job each pause_ms on average, half to one and a half of it, from a start of its own.
    void enqueue(std::size_t n) {
        Connection server("options='-c sentinel.org_id=" + orders_.orgs[n] + "'");
        server.prepare("enqueue", "SELECT sentinel.enqueue('bench_noisy', $1::jsonb)");
        std::mt19937 random(orders_.seed + static_cast<unsigned>(n));
        std::uniform_real_distribution<double> share(0.5, 1.5);
        const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                            std::chrono::duration<double>(orders_.seconds));
        while (!done_) {
            std::this_thread::sleep_for(
                std::chrono::duration<double, std::milli>(orders_.pause_ms * share(random)));
            if (Clock::now() >= end) break;
            server.call("enqueue", {orders_.payload});
            ++enqueued_;
        }
    }

    template <class Action>
    void guarded(const Action& action) {
        try {
            action();
        } catch (...) {
            const std::lock_guard lock(mutex_);
            trouble_ = std::current_exception();
            done_ = true;
        }
    }

    Orders orders_;
    std::atomic<bool> done_{false};
    std::atomic<long> enqueued_{0};
    std::atomic<long> completed_{0};
    std::mutex mutex_;
    std::exception_ptr trouble_;
};

}  // namespace

int main(int count, char** words) {
    if (count < 7) {
        std::fputs("usage: noisy SECONDS PAUSE_MS CONSUMERS SEED PAYLOAD ORG ...\n", stderr);
        return 2;
    }
    try {
        Run({std::atof(words[1]), std::atoi(words[2]), std::atoi(words[3]),
             static_cast<unsigned>(std::strtoul(words[4], nullptr, 10)), words[5],
             std::vector<std::string>(words + 6, words + count)})
            .go();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "noisy: %s\n", error.what());
        return 1;
    }
}
