// Set the pace: how soon to look again where nothing was found, and how fast to begin again after an outage.
#pragma once

#include <algorithm>

#include "engine/clock.hpp"

namespace sentinel::worker {

// Soon at first, then at doubled pauses. The quick second look matters: the database announces new jobs only
// after some claimer has found the queue empty, so a job that came in between that look and the mark it
// leaves is announced by nobody.
class Pace {
 public:
    static constexpr Millis kSoonest{20};

    explicit Pace(Millis longest = Seconds(1)) : longest_(longest) { reset(); }

    void reset() noexcept { pause_ = std::min(kSoonest, longest_); }

    // The pause to make now; the next one is twice as long.
    Millis next() noexcept {
        const Millis now = pause_;
        pause_ = std::min(2 * pause_, longest_);
        return now;
    }

 private:
    Millis longest_;
    Millis pause_{};
};

// From a tenth of the places to all of them: what piled up during an outage must not hit every receiver, and
// the database, at once.
class Ramp {
 public:
    explicit Ramp(Seconds over) : over_(over) {}

    void begin(Instant now) noexcept { began_ = now; }

    // How many of the places are open: at least one.
    int open(int places, Instant now) const noexcept {
        if (over_.count() <= 0 || now - began_ >= over_) return places;
        const double gone =
            std::chrono::duration<double>(now - began_) / std::chrono::duration<double>(over_);
        const double share = 0.1 + 0.9 * std::max(gone, 0.0);
        return std::clamp(static_cast<int>(share * places), std::min(places, 1), places);
    }

 private:
    Seconds over_;
    Instant began_{};
};

}  // namespace sentinel::worker
