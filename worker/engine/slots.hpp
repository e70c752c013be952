// Count who may run: so many per queue, and so many per target, with a short bounded line before each target.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/clock.hpp"
#include "engine/pace.hpp"

namespace sentinel::worker {

// The bulkhead of one queue: a slow kind of receiver can fill its own places only.
struct Bulkhead {
    std::string queue;
    int places = 0;
    int open = std::numeric_limits<int>::max();  // of the places, while the worker gathers speed
    int taken = 0;                               // claimed, being asked for, or running
    int waiting = 0;                             // in line before their target; they take no place
    bool claiming = false;
    bool hungry = true;       // more jobs may wait in the database
    bool notified = false;    // a notification came since the last claim was sent
    Pace pace;                // of looking without a sign
    Instant next_poll{};      // claim then even without a sign
    Instant not_before{};     // pause between claims that bring little
    Instant crowded_until{};  // the last claim brought mostly jobs for busy targets
    Instant asked{};          // when the claim under way was sent
    Instant found_empty{};    // sending time of the last claim that brought nothing

    // Claim again while crowded only once the lines are short.
    bool crowded(Instant now) const { return now < crowded_until && 4 * waiting >= places; }

    // As many waiting as places: the line shortens by running, so jobs held never exceed twice the places.
    int room() const {
        const int now = std::min(places, open);
        return std::min(now - taken, 2 * now - taken - waiting);
    }

    // Something happened that may have brought a job: look again soon.
    void stir(Instant now) noexcept {
        pace.reset();
        next_poll = std::min(next_poll, now + Pace::kSoonest);
    }
};

// What we know of one organisation in one queue. Calls that take long (its name servers hang, its receivers
// are silent) hold places that others wait for: so many of those it may have, and no more.
struct Payer {
    int running = 0;
    double usual_ms = 0;  // smoothed duration of a call; 0: none has ended yet
};

// What we know of one target (endpoint, channel).
struct Target {
    std::string payer;
    int running = 0;
    std::deque<std::string> line;  // tags of jobs that wait here
    int turned_away = 0;           // given back since the target was last idle
    double usual_ms = 50;          // smoothed duration of a call
};

class Slots {
 public:
    enum class Verdict { run, wait, turn_away };

    explicit Slots(int per_target) : per_target_(per_target) {}

    // Where a job of this organisation for this target goes now; run and wait are booked.
    Verdict admit(const std::string& org, const std::string& target, Bulkhead& bulkhead,
                  const std::string& tag);

    // A running job of this target ended.
    void leave(const std::string& target, double took_ms);

    // The next in line that may run now, booked as running; empty when none.
    std::string next(const std::string& target);

    // Drop one from the line.
    void give_up(const std::string& target, const std::string& tag);

    // Seconds after which a job that was turned away finds room, by the length of the crowd: 1 to 30.
    int come_back_after(const std::string& target) const;

 private:
    static constexpr double kSlow_ms = 1000;
    static constexpr std::size_t kRemembered = 1000;  // idle targets beyond so many are forgotten

    std::size_t longest_line(const Target& target, const Bulkhead& bulkhead) const;
    bool has_its_share(const Payer& payer, const Bulkhead& bulkhead) const;

    int per_target_;
    std::unordered_map<std::string, Payer> payers_;
    std::unordered_map<std::string, Target> targets_;
};

}  // namespace sentinel::worker
