// Room jobs: choose waiting jobs, tenants in turn, and move them to those that run.
#include "claim.hpp"

#include "lanes.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "wake.hpp"

extern "C" {
#include "commands/sequence.h"
#include "utils/fmgroids.h"
}

namespace sentinel::queue {

namespace {

constexpr int kOrgsPerClaim = 16;  // among so many a claim shares its places at first
constexpr int kAgedEach =
    8;  // each so many visits of an organisation its oldest job comes first, however urgent
constexpr int64 kLookEach =
    2000;  // microseconds between looks for other organisations, while there is enough to do
constexpr int64 kSweepEach = USECS_PER_SEC;
constexpr int kShareOfTime = 20;  // looks and sweeps take at most one part in so many of the time
constexpr int64 kForgetAfter = 10 * USECS_PER_SEC;

// ---- concurrency keys

const Oid kKeyTypes[] = {UUIDOID, TEXTOID};

// The keys of an organisation are decided by one claimer at a time: others pass its keyed jobs by. A row lock
// and no advisory lock: whoever can log in takes those, and the queue would stand still.
pg::Statement lock_keys = {
    "SELECT 1 FROM sentinel.orgs o WHERE o.org_id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE SKIP LOCKED", 1,
    kKeyTypes};
pg::Statement count_key = {
    "SELECT pg_catalog.count(*) FROM sentinel.job_running r WHERE r.org_id OPERATOR(pg_catalog.=) $1"
    " AND r.concurrency_key OPERATOR(pg_catalog.=) $2",
    2, kKeyTypes};

const Oid kQueueTypes[] = {TEXTOID};

// One claimer at a time decides for a queue with a limit, and counts what runs in a snapshot taken after the
// lock.
pg::Statement lock_queue = {
    "SELECT 1 FROM sentinel.queues q WHERE q.queue OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE", 1,
    kQueueTypes};
pg::Statement count_queue = {
    "SELECT pg_catalog.count(*) FROM sentinel.job_running r WHERE r.queue OPERATOR(pg_catalog.=) $1", 1,
    kQueueTypes};

int64 count_of(pg::Statement& statement, const Datum* arguments) {
    statement.run(arguments);
    return DatumGetInt64(*pg::cell(0, 1));
}

// Whether another job of a key may run; remembers what this claim has let through.
class Keys {
 public:
    bool admit(const pg_uuid_t& org, std::string_view key, int limit) {
        if (!locked(org)) return false;
        auto place = running_.find({to_key(org), std::string(key)});
        if (place == running_.end()) {
            Datum arguments[] = {UUIDPGetDatum(&org), pg::text_datum(key)};
            place =
                running_
                    .emplace(std::make_pair(to_key(org), std::string(key)), count_of(count_key, arguments))
                    .first;
        }
        return place->second < limit && ++place->second > 0;
    }
    void taken_back(const pg_uuid_t& org, std::string_view key) {
        --running_[{to_key(org), std::string(key)}];
    }

    static OrgKey to_key(const pg_uuid_t& org) {
        OrgKey key;
        memcpy(key.data(), org.data, UUID_LEN);
        return key;
    }

 private:
    bool locked(const pg_uuid_t& org) {
        auto known = locks_.find(to_key(org));
        if (known != locks_.end()) return known->second;
        Datum arguments[] = {UUIDPGetDatum(&org)};
        return locks_[to_key(org)] = lock_keys.run(arguments) > 0;
    }

    std::map<OrgKey, bool> locks_;
    std::map<std::pair<OrgKey, std::string>, int64> running_;
};

// ---- one claim

// A job taken: its row in job_running, ready to be written and told.
struct Taken {
    int priority;
    TimestampTz run_at;
    Datum values[kRunningColumns];
    bool nulls[kRunningColumns];
};

pg_uuid_t bound_of(unsigned char byte) {
    pg_uuid_t bound;
    memset(bound.data, byte, UUID_LEN);
    return bound;
}

class Claim {
 public:
    explicit Claim(const Wish& wish)
        : wish_(wish),
          now_(GetCurrentTimestamp()),
          snapshot_(pg::fresh_snapshot()),
          waiting_(queue::waiting),
          jobs_(waiting_, "job_waiting_claim", snapshot_, 4),
          orgs_(waiting_, "job_waiting_claim", snapshot_, 3),
          settled_(settled(snapshot_, now_)) {}

    // Take up to count jobs of one queue.
    void from(const std::string& queue, int count) {
        queue_ = pg::text_datum(queue);
        QueueMemory& memory = queue::memory(queue);
        const size_t before = taken_.size();
        const size_t full = before + static_cast<size_t>(count);
        if (wish_.only_org != nullptr) {
            look_at(memory.orgs[Keys::to_key(*wish_.only_org)], *wish_.only_org);
            take(memory, full);
        } else {
            const bool late = now_ - memory.swept > std::max(kSweepEach, kShareOfTime * memory.sweep_cost);
            if (late)
                sweep(memory);
            else if (now_ - memory.looked > std::max(kLookEach, kShareOfTime * memory.look_cost))
                look(memory);
            take(memory, full);
            if (taken_.size() < full && memory.looked < now_) {
                look(memory);
                take(memory, full);
            }
            if (taken_.size() == before && now_ - memory.swept > kShareOfTime * memory.sweep_cost) {
                sweep(memory);
                take(memory, full);
            }
        }
    }

    // Write what was taken and tell it.
    void finish(pg::Rows& rows) {
        jobs_.close();
        orgs_.close();
        waiting_.close();
        if (!taken_.empty()) move(rows);
        pg::release(snapshot_);
    }

    size_t size() const { return taken_.size(); }

 private:
    // Find the first job of a lane from its low mark on. Sets the mark and whether the lane lives.
    void look_at_lane(Lanes& lanes, const pg_uuid_t& org, int priority) {
        start(lanes, org, priority);
        TimestampTz first = settled_;
        lanes.live[priority] = jobs_.next();
        if (lanes.live[priority]) {
            lanes.first[priority] = DatumGetTimestampTz(*jobs_.cell(kRunAt + 1));
            first = std::min(first, lanes.first[priority]);
            lanes.seen_live = now_;
        }
        lanes.low[priority] = first;
    }

    // Look at the lanes of an organisation: at known ones from their low marks on, at others all at once.
    void look_at(Lanes& lanes, const pg_uuid_t& org) {
        for (int priority = 0; priority < kPriorities;) {
            if (!lanes.known[priority]) {
                int last = priority;
                while (last + 1 < kPriorities && !lanes.known[last + 1]) last++;
                const int found = find_priority(org, priority, last);
                if (found < 0) {
                    priority = last + 1;
                    continue;
                }
                priority = found;
                lanes.known[priority] = true;
                lanes.low[priority] = DT_NOBEGIN;
            }
            look_at_lane(lanes, org, priority++);
        }
    }

    // The first priority from low to high of which the organisation has jobs; -1 when there is none.
    int find_priority(const pg_uuid_t& org, int low, int high) {
        const pg::Condition conditions[] = {
            {1, BTEqualStrategyNumber, F_TEXTEQ, queue_},
            {2, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&org)},
            {3, BTGreaterEqualStrategyNumber, F_INT2GE, Int16GetDatum(static_cast<int16>(low))},
            {3, BTLessEqualStrategyNumber, F_INT2LE, Int16GetDatum(static_cast<int16>(high))}};
        jobs_.seek(conditions);
        return jobs_.next() ? DatumGetInt16(*jobs_.cell(kPriority + 1)) : -1;
    }

    // Look for jobs of every organisation: of those known from their low marks on, of others in the gaps
    // between.
    void look(QueueMemory& memory) {
        const TimestampTz began = GetCurrentTimestamp();
        pg_uuid_t previous = bound_of(0);
        for (auto one = memory.orgs.begin();; ++one) {
            pg_uuid_t next = bound_of(0xff);
            if (one != memory.orgs.end()) memcpy(next.data, one->first.data(), UUID_LEN);
            while (find_org(previous, next, previous)) {
                Lanes& found = memory.orgs[Keys::to_key(previous)];
                look_at(found, previous);
            }
            if (one == memory.orgs.end()) break;
            look_at(one->second, next);
            previous = next;
        }
        for (auto one = memory.orgs.begin(); one != memory.orgs.end();)
            one = one->second.seen_live + kForgetAfter < now_ ? memory.orgs.erase(one) : std::next(one);
        memory.looked = now_;
        memory.look_cost = GetCurrentTimestamp() - began;
    }

    // Forget the low marks and look: finds what came to lie below them, as after the clock was set back.
    void sweep(QueueMemory& memory) {
        const TimestampTz began = GetCurrentTimestamp();
        for (auto& [org, lanes] : memory.orgs) lanes.low.fill(DT_NOBEGIN);
        look(memory);
        memory.swept = now_;
        memory.sweep_cost = GetCurrentTimestamp() - began;
    }

    // Find an organisation with jobs between two others.
    bool find_org(const pg_uuid_t& after, const pg_uuid_t& before, pg_uuid_t& found) {
        const pg_uuid_t low = after;
        const pg::Condition conditions[] = {{1, BTEqualStrategyNumber, F_TEXTEQ, queue_},
                                            {2, BTGreaterStrategyNumber, F_UUID_GT, UUIDPGetDatum(&low)},
                                            {2, BTLessStrategyNumber, F_UUID_LT, UUIDPGetDatum(&before)}};
        orgs_.seek(conditions);
        if (!orgs_.next()) return false;
        found = *DatumGetUUIDP(*orgs_.cell(kOrg + 1));
        return true;
    }

    void start(const Lanes& lanes, const pg_uuid_t& org, int priority) {
        const pg::Condition conditions[] = {
            {1, BTEqualStrategyNumber, F_TEXTEQ, queue_},
            {2, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&org)},
            {3, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(static_cast<int16>(priority))},
            {4, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE,
             TimestampTzGetDatum(lanes.low[static_cast<size_t>(priority)])}};
        jobs_.seek(conditions);
    }

    // Take from the organisations in turn, at first a fair share each; then what the others leave.
    void take(QueueMemory& memory, size_t full) {
        if (taken_.size() >= full || memory.orgs.empty()) return;
        const int wanted = static_cast<int>(full - taken_.size());
        const int sharers = std::min(static_cast<int>(memory.orgs.size()), kOrgsPerClaim);
        const int share = (wanted + sharers - 1) / sharers;
        for (int quota = share; taken_.size() < full; quota = wanted) {
            const size_t before = taken_.size();
            auto one = memory.orgs.upper_bound(memory.last_served);
            for (size_t turn = 0; turn < memory.orgs.size() && taken_.size() < full; turn++, ++one) {
                if (one == memory.orgs.end()) one = memory.orgs.begin();
                pg_uuid_t org;
                memcpy(org.data, one->first.data(), UUID_LEN);
                if (wish_.only_org != nullptr && memcmp(org.data, wish_.only_org->data, UUID_LEN) != 0)
                    continue;
                const size_t had = taken_.size();
                take_from(one->second, org, std::min(full, had + static_cast<size_t>(quota)));
                if (taken_.size() > had) memory.last_served = one->first;
            }
            if (quota >= wanted || taken_.size() == before) break;
        }
    }

    void take_from(Lanes& lanes, const pg_uuid_t& org, size_t full) {
        if (taken_.size() < full && ++lanes.visits % kAgedEach == 0) {
            const size_t some = std::max<size_t>(1, (full - taken_.size()) / kAgedEach);
            if (int oldest = oldest_lane(lanes); oldest >= 0)
                take_lane(lanes, org, oldest, taken_.size() + some);
        }
        for (int priority = 0; priority < kPriorities && taken_.size() < full; priority++)
            if (lanes.live[static_cast<size_t>(priority)]) take_lane(lanes, org, priority, full);
    }

    static int oldest_lane(const Lanes& lanes) {
        int oldest = -1;
        for (int priority = 0; priority < kPriorities; priority++) {
            const auto p = static_cast<size_t>(priority);
            if (lanes.live[p] && (oldest < 0 || lanes.first[p] < lanes.first[static_cast<size_t>(oldest)]))
                oldest = priority;
        }
        return oldest;
    }

    void take_lane(Lanes& lanes, const pg_uuid_t& org, int priority, size_t full) {
        const auto p = static_cast<size_t>(priority);
        start(lanes, org, priority);
        TimestampTz first = settled_;
        lanes.live[p] = false;
        while (jobs_.next()) {
            const TimestampTz run_at = DatumGetTimestampTz(*jobs_.cell(kRunAt + 1));
            if (!lanes.live[p]) {
                // What we take stays visible to others until we commit, and comes back when we do not.
                lanes.live[p] = true;
                lanes.first[p] = run_at;
                lanes.seen_live = now_;
                first = std::min(first, run_at);
            }
            if (run_at > now_ || taken_.size() >= full) break;
            take_job(org);
        }
        lanes.low[p] = first;
    }

    void take_job(const pg_uuid_t& org) {
        TupleTableSlot* row = jobs_.row();
        std::string key;
        if (!row->tts_isnull[kConcurrencyKey]) {
            key = std::string(pg::view(row->tts_values[kConcurrencyKey]));
            if (!keys_.admit(org, key, DatumGetInt32(row->tts_values[kConcurrencyLimit]))) return;
        }
        if (waiting_.remove(&row->tts_tid, snapshot_, false) == pg::Table::Removal::done) return keep(row);
        if (!key.empty()) keys_.taken_back(org, key);
    }

    // Copy a row, since its page may change once we look elsewhere.
    void keep(TupleTableSlot* row) {
        Taken job;
        Datum values[MaxHeapAttributeNumber];
        bool nulls[MaxHeapAttributeNumber];
        TupleDesc desc = row->tts_tupleDescriptor;
        pg::server([&] { heap_deform_tuple(ExecCopySlotHeapTuple(row), desc, values, nulls); });
        std::copy_n(values, int{kShared}, job.values);
        std::copy_n(nulls, int{kShared}, job.nulls);
        // What lies outside its row goes with the row.
        job.values[kPayload] =
            pg::server([&] { return PointerGetDatum(PG_DETOAST_DATUM_PACKED(job.values[kPayload])); });
        job.priority = DatumGetInt16(job.values[kPriority]);
        job.run_at = DatumGetTimestampTz(job.values[kRunAt]);
        taken_.push_back(job);
    }

    void move(pg::Rows& rows) {
        std::sort(taken_.begin(), taken_.end(), [](const Taken& a, const Taken& b) {
            if (a.priority != b.priority) return a.priority < b.priority;
            if (a.run_at != b.run_at) return a.run_at < b.run_at;
            return memcmp(DatumGetUUIDP(a.values[kId])->data, DatumGetUUIDP(b.values[kId])->data, UUID_LEN) <
                   0;
        });
        const Oid lease_sequence = pg::relation_oid("job_lease");
        const int64 lease = pg::server([&] { return nextval_internal(lease_sequence, false); });
        const Datum worker = pg::text_datum(wish_.worker);
        const TimestampTz claimed_at = GetCurrentTimestamp();
        pg::Table running(queue::running);
        for (Taken& job : taken_) {
            job.values[kAttempts] =
                Int16GetDatum(static_cast<int16>(DatumGetInt16(job.values[kAttempts]) + 1));
            job.values[kLease] = Int64GetDatum(lease);
            job.values[kWorker] = worker;
            job.values[kClaimedAt] = TimestampTzGetDatum(claimed_at);
            job.values[kLeaseUntil] = TimestampTzGetDatum(claimed_at + wish_.lease_us);
            for (int column = kShared; column < kRunningColumns; column++)
                job.nulls[column] = column > kLeaseUntil;
            running.add(job.values, job.nulls);
            tell(job, rows);
        }
        running.flush();
        for (size_t i = 0; i < taken_.size(); i++)
            remember_place(*DatumGetUUIDP(taken_[i].values[kId]), running.places()[i]);
        running.close();
    }

    // job_id, org_id, lease, job_type, queue, payload, attempt, max_attempts, run_at, lease_until
    static void tell(const Taken& job, pg::Rows& rows) {
        Datum values[] = {job.values[kId],
                          job.values[kOrg],
                          job.values[kLease],
                          job.values[kType],
                          job.values[kQueue],
                          job.values[kPayload],
                          Int32GetDatum(DatumGetInt16(job.values[kAttempts])),
                          Int32GetDatum(DatumGetInt16(job.values[kMaxAttempts])),
                          job.values[kRunAt],
                          job.values[kLeaseUntil]};
        bool nulls[10] = {};
        rows.add(values, nulls);
    }

    const Wish& wish_;
    const TimestampTz now_;
    Snapshot snapshot_;
    pg::Table waiting_;
    pg::IndexScan jobs_;
    pg::IndexScan orgs_;
    const TimestampTz settled_;
    Keys keys_;
    Datum queue_ = 0;
    std::vector<Taken> taken_;
};

}  // namespace

void claim(const Wish& wish, const std::vector<std::pair<std::string, int64>>& queues, pg::Rows& rows) {
    note_instant();
    // Limits first: their counts need snapshots taken after the locks, and the claim's own comes after all of
    // them.
    std::vector<int64> room;
    for (const auto& [queue, limit] : queues) {
        room.push_back(wish.count);
        if (limit == 0) continue;
        Datum name = pg::text_datum(queue);
        lock_queue.run(&name);
        room.back() = std::min<int64>(wish.count, limit - count_of(count_queue, &name));
    }
    Claim claim(wish);
    // The queues take turns too: the first of them would else leave nothing to the others.
    static size_t turn = 0;
    const size_t first = turn++;
    for (size_t step = 0; step < queues.size(); step++) {
        const size_t i = (first + step) % queues.size();
        const int64 left = std::min<int64>(room[i], wish.count - static_cast<int64>(claim.size()));
        const size_t before = claim.size();
        if (left > 0) claim.from(queues[i].first, static_cast<int>(left));
        if (left > 0 && claim.size() == before && wish.only_org == nullptr) note_idle(queues[i].first);
    }
    claim.finish(rows);
}

}  // namespace sentinel::queue
