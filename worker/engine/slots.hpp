// Count who may run: so many per queue, and so many per target, with a short bounded line before each target.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/clock.hpp"

namespace sentinel::worker {

// The bulkhead of one queue: a slow kind of receiver can fill its own places only.
struct Bulkhead {
    std::string queue;
    int places = 0;
    int taken = 0;    // claimed, being asked for, or running
    int waiting = 0;  // in line before their target; they take no place
    bool claiming = false;
    bool hungry = true;       // more jobs may wait in the database
    bool notified = false;    // a notification came since the last claim was sent
    Instant next_poll{};      // claim then even without a sign
    Instant not_before{};     // pause between claims that bring little
    Instant crowded_until{};  // the last claim brought mostly jobs for busy targets
    Instant asked{};          // when the claim under way was sent
    Instant found_empty{};    // sending time of the last claim that brought nothing

    // Claim again while crowded only once the lines are short.
    bool crowded(Instant now) const { return now < crowded_until && 4 * waiting >= places; }

    // As many waiting as places: the line shortens by running, so jobs held never exceed twice the places.
    int room() const { return std::min(places - taken, 2 * places - taken - waiting); }
};

// What we know of one target (endpoint, channel).
struct Target {
    int running = 0;
    std::deque<std::string> line;  // tags of jobs that wait here
    int turned_away = 0;           // given back since the target was last idle
    double usual_ms = 50;          // smoothed duration of a call
};

class Slots {
 public:
    enum class Verdict { run, wait, turn_away };

    explicit Slots(int per_target) : per_target_(per_target) {}

    // Where a job for this target goes now; run and wait are booked.
    Verdict admit(const std::string& target, Bulkhead& bulkhead, const std::string& tag);

    // A running job of this target ended.
    void leave(const std::string& target, double took_ms);

    // The next in line that may run now, booked as running; empty when none.
    std::string next(const std::string& target);

    // Drop one from the line.
    void give_up(const std::string& target, const std::string& tag);

    // Seconds after which a job that was turned away finds room, by the length of the crowd: 1 to 30.
    int come_back_after(const std::string& target) const;

 private:
    static constexpr std::size_t kRemembered = 1000;  // idle targets beyond so many are forgotten

    std::size_t longest_line(const Target& target, const Bulkhead& bulkhead) const;

    int per_target_;
    std::unordered_map<std::string, Target> targets_;
};

}  // namespace sentinel::worker
