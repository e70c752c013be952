// Room jobs: choose waiting jobs, tenants in turn, and move them to those that run.
#include "claim.hpp"

#include "distribution.hpp"
#include "keys.hpp"
#include "pg/text.hpp"
#include "statements.hpp"
#include "sweep.hpp"
#include "taken.hpp"
#include "turns.hpp"

extern "C" {
#include "utils/fmgroids.h"
}

namespace sentinel::queue {

namespace {

constexpr int kMostBlocked = 1000;  // jobs of full keys that a claim passes by in one lane
constexpr size_t kMostBytes = size_t{32} * 1024 * 1024;  // of payloads in one claim

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
          settled_(settled(snapshot_, now_)) {}

    // Take up to count jobs of one queue.
    void from(const std::string& queue, int count) {
        queue_ = pg::text_datum(queue);
        QueueMemory& memory = queue::memory(queue);
        if (now_ < memory.looked || now_ < memory.swept) memory = QueueMemory();  // the clock was set back
        const size_t before = taken_.size();
        const size_t full = before + static_cast<size_t>(count);
        if (wish_.only_org != nullptr) {
            Lanes& lanes = memory.orgs[to_key(*wish_.only_org)];
            if (std::abs(now_ - lanes.swept) > kSweepEach) {
                forget_marks(lanes);
                lanes.swept = now_;
            }
            look_at(lanes, *wish_.only_org);
            take(memory, full);
        } else {
            sweep_some(memory, waiting_, queue_, snapshot_, now_);
            if (now_ - memory.looked > std::max(kLookEach, kShareOfTime * memory.look_cost)) look(memory);
            take(memory, full);
            if (!enough(full) && now_ - memory.looked > kShareOfIdle * memory.look_cost) {
                look(memory);
                take(memory, full);
            }
            if (taken_.size() == before && now_ - memory.swept > kShareOfTime * memory.forget_cost) {
                look_afresh(memory);
                take(memory, full);
            }
        }
    }

    // Write what was taken and tell it.
    void finish(pg::Rows& rows) {
        if (jobs_) jobs_->close();
        if (orgs_) orgs_->close();
        waiting_.close();
        if (!taken_.empty()) move(rows);
        pg::release(snapshot_);
    }

    size_t size() const { return taken_.size(); }

 private:
    bool enough(size_t full) const { return taken_.size() >= full || bytes_ >= kMostBytes; }

    // Find the first job of a lane from its low mark on. Sets the mark and whether the lane lives.
    void look_at_lane(Lanes& lanes, const pg_uuid_t& org, int priority) {
        start(lanes, org, priority);
        TimestampTz first = settled_;
        lanes.live[priority] = jobs_->next();
        if (lanes.live[priority]) {
            lanes.first[priority] = DatumGetTimestampTz(*jobs_->cell(kRunAt + 1));
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
            // What lies ahead was seen a moment ago.
            if (!follows(lanes.ahead, priority)) look_at_lane(lanes, org, priority);
            priority++;
        }
    }

    // The first priority from low to high of which the organisation has jobs; -1 when there is none.
    int find_priority(const pg_uuid_t& org, int low, int high) {
        const pg::Condition conditions[] = {
            {1, BTEqualStrategyNumber, F_TEXTEQ, queue_},
            {2, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&org)},
            {3, BTGreaterEqualStrategyNumber, F_INT2GE, Int16GetDatum(static_cast<int16>(low))},
            {3, BTLessEqualStrategyNumber, F_INT2LE, Int16GetDatum(static_cast<int16>(high))}};
        seek(conditions);
        return jobs_->next() ? DatumGetInt16(*jobs_->cell(kPriority + 1)) : -1;
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
                Lanes& found = memory.orgs[to_key(previous)];
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

    // Forget the low marks and look, when there is nothing else to do.
    void look_afresh(QueueMemory& memory) {
        const TimestampTz began = GetCurrentTimestamp();
        const int64 cost = memory.look_cost;
        for (auto& [org, lanes] : memory.orgs) forget_marks(lanes);
        look(memory);
        memory.look_cost = cost;
        memory.swept = now_;
        memory.sweep.reset();
        memory.forget_cost = GetCurrentTimestamp() - began;
    }

    // Find an organisation with jobs between two others.
    bool find_org(const pg_uuid_t& after, const pg_uuid_t& before, pg_uuid_t& found) {
        const pg_uuid_t low = after;
        const pg::Condition conditions[] = {{1, BTEqualStrategyNumber, F_TEXTEQ, queue_},
                                            {2, BTGreaterStrategyNumber, F_UUID_GT, UUIDPGetDatum(&low)},
                                            {2, BTLessStrategyNumber, F_UUID_LT, UUIDPGetDatum(&before)}};
        if (!orgs_) orgs_.emplace(waiting_, kClaimIndex, snapshot_, 3);
        orgs_->seek(conditions);
        if (!orgs_->next()) return false;
        found = *DatumGetUUIDP(*orgs_->cell(kOrg + 1));
        return true;
    }

    void start(const Lanes& lanes, const pg_uuid_t& org, int priority, TimestampTz from = DT_NOBEGIN) {
        const pg::Condition conditions[] = {
            {1, BTEqualStrategyNumber, F_TEXTEQ, queue_},
            {2, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&org)},
            {3, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(static_cast<int16>(priority))},
            {4, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE,
             TimestampTzGetDatum(std::max(from, lanes.low[static_cast<size_t>(priority)]))}};
        seek(conditions);
    }

    void seek(const pg::Condition* conditions) {
        if (!jobs_) jobs_.emplace(waiting_, kClaimIndex, snapshot_, 4);
        jobs_->seek(conditions);
    }

    void take(QueueMemory& memory, size_t full) {
        in_turn(
            memory.orgs, memory.last_served, full, [this] { return taken_.size(); },
            [this](std::pair<const OrgKey, Lanes>& one, size_t most) {
                pg_uuid_t org;
                memcpy(org.data, one.first.data(), UUID_LEN);
                if (wish_.only_org == nullptr || memcmp(org.data, wish_.only_org->data, UUID_LEN) == 0)
                    take_from(one.second, org, most);
            });
    }

    void take_from(Lanes& lanes, const pg_uuid_t& org, size_t full) {
        if (taken_.size() < full && ++lanes.visits % kAgedEach == 0) {
            const size_t some = std::max<size_t>(1, (full - taken_.size()) / kAgedEach);
            const size_t had = taken_.size();
            for (const int priority : by_age(lanes))
                if (taken_.size() == had) take_lane(lanes, org, priority, had + some);
        }
        for (int priority = 0; priority < kPriorities && !enough(full); priority++)
            if (lanes.live[static_cast<size_t>(priority)]) take_lane(lanes, org, priority, full);
    }

    // The lanes with jobs, that with the oldest first.
    static std::vector<int> by_age(const Lanes& lanes) {
        std::vector<int> out;
        for (int priority = 0; priority < kPriorities; priority++)
            if (lanes.live[static_cast<size_t>(priority)]) out.push_back(priority);
        std::stable_sort(out.begin(), out.end(), [&](int a, int b) {
            return lanes.first[static_cast<size_t>(a)] < lanes.first[static_cast<size_t>(b)];
        });
        return out;
    }

    // Take due jobs of a lane. A walk that meets too many jobs of full keys breaks off, and the next claim
    // goes on there.
    void take_lane(Lanes& lanes, const pg_uuid_t& org, int priority, size_t full) {
        const auto p = static_cast<size_t>(priority);
        if (follows(lanes.ahead, priority) && take_ahead(lanes, org, full)) return;
        const TimestampTz resume = lanes.resume[p];
        start(lanes, org, priority, resume == 0 ? DT_NOBEGIN : resume);
        TimestampTz first = settled_;
        bool live = false;
        int blocked = 0;
        lanes.resume[p] = 0;
        forget_ahead(lanes);
        while (jobs_->next()) {
            const TimestampTz run_at = DatumGetTimestampTz(*jobs_->cell(kRunAt + 1));
            if (!live) {
                // What we take stays visible to others until we commit, and comes back when we do not.
                live = true;
                lanes.seen_live = now_;
                first = std::min(first, run_at);
                if (resume == 0) lanes.first[p] = run_at;
            }
            if (run_at > now_) break;
            if (enough(full)) {
                if (resume == 0 && blocked == 0 && wish_.count <= kFewJobs) look_ahead(lanes.ahead, priority);
                break;
            }
            if (!take_job(org, jobs_->row()) && ++blocked >= kMostBlocked && run_at > resume) {
                lanes.resume[p] = run_at;
                break;
            }
        }
        // From the middle nothing is learnt of the beginning.
        if (resume != 0) return;
        lanes.live[p] = live;
        lanes.low[p] = first;
    }

    bool follows(const Ahead& ahead, int priority) const {
        return ahead.priority == priority && ahead.next < ahead.places.size() &&
               std::abs(now_ - ahead.read_at) <= kAheadFor;
    }

    // Note the row under the scan and those behind it.
    void look_ahead(Ahead& ahead, int priority) {
        ahead.priority = priority;
        ahead.read_at = now_;
        ahead.next = 0;
        ahead.places.clear();
        std::optional<ItemPointerData> place = jobs_->row()->tts_tid;
        for (; place && ahead.places.size() < kAhead; place = jobs_->next_place())
            ahead.places.push_back(*place);
    }

    // Take due jobs from what was noted, without the index. False when that does not suffice: the rest is to
    // be looked for. Leaves the low mark, which only a walk over all of a lane can raise.
    bool take_ahead(Lanes& lanes, const pg_uuid_t& org, size_t full) {
        Ahead& ahead = lanes.ahead;
        const auto p = static_cast<size_t>(ahead.priority);
        bool live = false;
        for (size_t i = ahead.next; i < ahead.places.size(); i++) {
            if (enough(full)) return true;
            TupleTableSlot* row = waiting_.fetch(&ahead.places[i], snapshot_);
            if (row == nullptr || !is_of(row, org, ahead.priority)) {
                if (i == ahead.next) ahead.next++;  // mostly gone; else a walk finds it from the low mark on
                continue;
            }
            const TimestampTz run_at = DatumGetTimestampTz(row->tts_values[kRunAt]);
            if (run_at > now_) break;
            if (!live) {
                live = true;
                lanes.seen_live = now_;
                lanes.first[p] = run_at;
            }
            if (!take_job(org, row)) break;
        }
        ahead.next = ahead.places.size();
        return enough(full);
    }

    bool is_of(TupleTableSlot* row, const pg_uuid_t& org, int priority) const {
        return memcmp(DatumGetUUIDP(row->tts_values[kOrg])->data, org.data, UUID_LEN) == 0 &&
               DatumGetInt16(row->tts_values[kPriority]) == priority &&
               pg::view(row->tts_values[kQueue]) == pg::view(queue_);
    }

    // False when its key is full, or it may not leave this copy.
    bool take_job(const pg_uuid_t& org, TupleTableSlot* row) {
        if (pg::is_being_removed(row)) return true;
        if (wish_.kept_back != nullptr &&
            wish_.kept_back->count(std::string(pg::view(row->tts_values[kType]))) > 0)
            return false;
        std::string key;
        if (!row->tts_isnull[kConcurrencyKey]) {
            key = std::string(pg::view(row->tts_values[kConcurrencyKey]));
            if (!keys_.admit(org, key, DatumGetInt32(row->tts_values[kConcurrencyLimit]))) return false;
        }
        if (waiting_.remove(&row->tts_tid, snapshot_, false) == pg::Table::Removal::done)
            keep(row);
        else if (!key.empty())
            keys_.taken_back(org, key);
        return true;
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
        bytes_ += VARSIZE_ANY(DatumGetPointer(job.values[kPayload]));
        taken_.push_back(job);
    }

    void move(pg::Rows& rows) {
        give_to_worker(taken_, wish_);
        pg::Table running(queue::running);
        for (Taken& job : taken_) {
            running.add(job.values, job.nulls);
            tell(job, rows);
        }
        running.flush();
        for (size_t i = 0; i < taken_.size(); i++)
            remember_place(*DatumGetUUIDP(taken_[i].values[kId]), running.places()[i]);
        running.close();
    }

    const Wish& wish_;
    const TimestampTz now_;
    Snapshot snapshot_;
    pg::Table waiting_;
    std::optional<pg::IndexScan> jobs_;
    std::optional<pg::IndexScan> orgs_;
    const TimestampTz settled_;
    Keys keys_;
    Datum queue_ = 0;
    std::vector<Taken> taken_;
    size_t bytes_ = 0;
};

}  // namespace

void claim(const Wish& wish, const std::vector<std::pair<std::string, int64>>& queues, pg::Rows& rows) {
    note_instant();
    // Limits first: their counts need snapshots taken after the locks, and the claim's own comes after all of
    // them.
    std::vector<int64> room;
    room.reserve(queues.size());
    for (const auto& [queue, limit] : queues)
        room.push_back(limit == 0 ? wish.count : std::min<int64>(wish.count, room_in_queue(queue, limit)));
    if (distributed()) {
        StatementClaim claim(wish);
        claim_from(claim, wish, queues, room);
        claim.finish(rows);
        return;
    }
    Claim claim(wish);
    require_undistributed();
    claim_from(claim, wish, queues, room);
    claim.finish(rows);
}

}  // namespace sentinel::queue
