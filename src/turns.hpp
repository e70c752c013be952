// Fair turns, for both forms of a claim: queues one after the other, and within a queue its organisations.
#pragma once

#include "claim.hpp"
#include "lanes.hpp"
#include "wake.hpp"

namespace sentinel::queue {

constexpr int kOrgsPerClaim = 16;  // among so many a claim shares its places at first
constexpr int kAgedEach =
    8;  // each so many visits of an organisation its oldest job comes first, however urgent
constexpr int64 kLookEach =
    2000;  // microseconds between looks for other organisations, while there is enough to do
constexpr int64 kSweepEach = USECS_PER_SEC;
constexpr int kShareOfSweep = 20;       // sweeps take at most one part in so many of the time
constexpr int kShareOfTime = 10;        // looks take at most one part in so many of the time
constexpr int kShareOfIdle = 4;         // and one in so many while there is nothing to do
constexpr int kFewJobs = 16;            // a claim of so few notes rows for the next ones:
constexpr size_t kAhead = 64;           // at most so many
constexpr int64 kAheadFor = 50 * 1000;  // microseconds that they are followed
constexpr int64 kForgetAfter = 10 * USECS_PER_SEC;

// Take from the organisations in turn, behind the one served last: at first a fair share each; then what the
// others leave. orgs: a map by OrgKey. taken(): the number taken so far. take_from(entry, most): take from
// one, until taken() is most.
template <class Orgs, class Taken, class TakeFrom>
void in_turn(Orgs& orgs, OrgKey& last_served, size_t full, Taken taken, TakeFrom take_from) {
    if (taken() >= full || orgs.empty()) return;
    const int wanted = static_cast<int>(full - taken());
    const int sharers = std::min(static_cast<int>(orgs.size()), kOrgsPerClaim);
    const int share = (wanted + sharers - 1) / sharers;
    for (int quota = share; taken() < full; quota = wanted) {
        const size_t before = taken();
        auto one = orgs.upper_bound(last_served);
        for (size_t turn = 0; turn < orgs.size() && taken() < full; turn++, ++one) {
            if (one == orgs.end()) one = orgs.begin();
            const size_t had = taken();
            take_from(*one, std::min(full, had + static_cast<size_t>(quota)));
            if (taken() > had) last_served = one->first;
        }
        if (quota >= wanted || taken() == before) break;
    }
}

// Fill a claim from queues with so much room each. The queues take turns too: the first of them would else
// leave nothing to the others.
template <class Form>
void claim_from(Form& claim, const Wish& wish, const std::vector<std::pair<std::string, int64>>& queues,
                const std::vector<int64>& room) {
    static size_t turn = std::hash<TimestampTz>()(GetCurrentTimestamp());
    const size_t first = turn++;
    for (size_t step = 0; step < queues.size(); step++) {
        const size_t i = (first + step) % queues.size();
        const int64 left = std::min<int64>(room[i], wish.count - static_cast<int64>(claim.size()));
        const size_t before = claim.size();
        if (left > 0) claim.from(queues[i].first, static_cast<int>(left));
        if (left > 0 && claim.size() == before && wish.only_org == nullptr) note_idle(queues[i].first);
    }
}

}  // namespace sentinel::queue
