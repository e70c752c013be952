#include "sweep.hpp"

#include "turns.hpp"

extern "C" {
#include "utils/fmgroids.h"
}

namespace sentinel::queue {

namespace {

constexpr int kEntriesAtOnce = 1000;

// Walks lanes from their beginnings to their low marks, as far as the entries reach.
class Sweep {
 public:
    Sweep(SweepPlace& place, const pg::Table& waiting, Datum queue, Snapshot snapshot)
        : place_(place), scan_(waiting, kClaimIndex, snapshot, 4), queue_(queue) {
        scan_.want_entries();
    }

    // False when it did not come to the end.
    bool over(std::map<OrgKey, Lanes>& orgs) {
        for (auto one = orgs.lower_bound(place_.org); one != orgs.end(); ++one) {
            if (one->first != place_.org) place_ = {one->first};
            for (; place_.priority < kPriorities; place_.priority++, place_.at = DT_NOBEGIN) {
                const auto p = static_cast<size_t>(place_.priority);
                if (one->second.known[p] && !over(one->second, p)) return false;
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
        // Entries of one time end together: the next part could not begin between them.
        while (scan_.next_place()) {
            const TimestampTz run_at = DatumGetTimestampTz(scan_.entry(kRunAtKey));
            if (run_at >= lanes.low[p]) return true;
            if (scan_.fetch()) {
                forget_ahead(lanes);
                lanes.low[p] = run_at;
                lanes.live[p] = true;
                return true;
            }
            if (--left_ <= 0 && run_at > place_.at) {
                place_.at = run_at;
                return false;
            }
        }
        return true;
    }

    static constexpr int kRunAtKey = 4;
    SweepPlace& place_;
    pg::IndexScan scan_;
    const Datum queue_;
    int left_ = kEntriesAtOnce;
};

}  // namespace

void sweep_some(QueueMemory& memory, const pg::Table& waiting, Datum queue, Snapshot snapshot,
                TimestampTz now) {
    if (!memory.sweep) {
        if (now - memory.swept <= kSweepEach) return;
        memory.sweep = SweepPlace();
    }
    Sweep sweep(*memory.sweep, waiting, queue, snapshot);
    if (sweep.over(memory.orgs)) {
        memory.sweep.reset();
        memory.swept = now;
    }
    sweep.close();
}

void forget_marks(Lanes& lanes) {
    lanes.low.fill(DT_NOBEGIN);
    forget_ahead(lanes);
}

}  // namespace sentinel::queue
