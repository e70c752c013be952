#include "sweep.hpp"

#include "turns.hpp"

extern "C" {
#include "utils/fmgroids.h"
}

namespace sentinel::queue {

namespace {

constexpr int64 kPart = 2000;  // microseconds of one part
constexpr int kStepsBetween = 32;

// Walks lanes from their beginnings to their low marks, as far as its time reaches.
class Sweep {
 public:
    Sweep(SweepPlace& place, const pg::Table& waiting, Datum queue, Snapshot snapshot)
        : place_(place),
          scan_(waiting, kClaimIndex, snapshot, 4),
          queue_(queue),
          until_(GetCurrentTimestamp() + kPart) {
        scan_.want_entries();
    }

    // False when it did not come to the end.
    bool over(std::map<OrgKey, Lanes>& orgs) {
        for (auto one = orgs.lower_bound(place_.org); one != orgs.end(); ++one) {
            if (one->first != place_.org) place_ = {one->first};
            for (; place_.priority < kPriorities; place_.priority++, place_.at = DT_NOBEGIN) {
                const auto p = static_cast<size_t>(place_.priority);
                if (!one->second.known[p]) continue;
                // A mark that rises meanwhile is not run after.
                if (place_.at == DT_NOBEGIN) place_.end = one->second.low[p];
                if (is_spent() || !over(one->second, p)) return false;
            }
        }
        return true;
    }

    void close() { scan_.close(); }

 private:
    bool over(Lanes& lanes, size_t p) {
        pg_uuid_t org;
        memcpy(org.data, place_.org.data(), UUID_LEN);
        const pg::Condition conditions[] = {
            {1, BTEqualStrategyNumber, F_TEXTEQ, queue_},
            {2, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&org)},
            {3, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(static_cast<int16>(p))},
            {4, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(place_.at)}};
        scan_.seek(conditions);
        while (scan_.next_place()) {
            const TimestampTz run_at = DatumGetTimestampTz(scan_.entry(kRunAtKey));
            if (run_at >= std::min(place_.end, lanes.low[p])) return true;
            if (scan_.fetch()) {
                forget_ahead(lanes);
                lanes.low[p] = run_at;
                lanes.live[p] = true;
                return true;
            }
            // Entries of one time end together: the next part could not begin between them.
            if (is_spent() && run_at > place_.at) {
                place_.at = run_at;
                return false;
            }
        }
        return true;
    }

    bool is_spent() {
        if (!spent_ && ++steps_ % kStepsBetween == 0) spent_ = GetCurrentTimestamp() >= until_;
        return spent_;
    }

    static constexpr int kRunAtKey = 4;
    SweepPlace& place_;
    pg::IndexScan scan_;
    const Datum queue_;
    const TimestampTz until_;
    int steps_ = 0;
    bool spent_ = false;
};

}  // namespace

void sweep_some(QueueMemory& memory, const pg::Table& waiting, Datum queue, Snapshot snapshot,
                TimestampTz now) {
    if (!memory.sweep) {
        if (now - memory.swept <= kSweepEach) return;
        memory.sweep = SweepPlace();
    } else if (now - memory.sweep_paused <= kShareOfSweep * memory.sweep_cost) {
        return;
    }
    const TimestampTz began = GetCurrentTimestamp();
    Sweep sweep(*memory.sweep, waiting, queue, snapshot);
    if (sweep.over(memory.orgs)) {
        memory.sweep.reset();
        memory.swept = now;
    }
    sweep.close();
    memory.sweep_paused = GetCurrentTimestamp();
    memory.sweep_cost = memory.sweep_paused - began;
}

void forget_marks(Lanes& lanes) {
    lanes.low.fill(DT_NOBEGIN);
    forget_ahead(lanes);
}

}  // namespace sentinel::queue
