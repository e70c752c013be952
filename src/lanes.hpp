// What a session remembers of the waiting jobs, so that a claim starts where they begin. A hint only: it lies
// in the session's memory, outside MVCC, and is found again by looking.
//
// A lane is the waiting jobs of one queue, organisation and priority. Its low mark is a run_at below which no
// job waits: every scan of the claim index starts there, and so never walks the entries of jobs that are
// gone, which vacuum cannot take away while an old snapshot is held. The mark is the lowest job seen, but
// never above settled(): a transaction that is still open may have written a job below. Source: reference of
// queues, "low watermark outside MVCC".
#pragma once

#include "pg/door.hpp"
#include "queue_tables.hpp"

namespace sentinel::queue {

using OrgKey = std::array<unsigned char, UUID_LEN>;

// Rows that come next in a lane, as the claim index had them a moment ago. Whoever follows looks whether a
// row still is one of the lane's: it may be gone, and its place another's.
struct Ahead {
    int priority = 0;
    TimestampTz read_at = 0;
    size_t next = 0;  // those before are gone
    std::vector<ItemPointerData> places;
};

struct Lanes {
    std::array<TimestampTz, kPriorities> low{};
    std::array<bool, kPriorities> known{};  // jobs were seen once, so that the low mark means something
    std::array<bool, kPriorities> live{};   // jobs were seen at the last look, due or not
    std::array<TimestampTz, kPriorities> first{};  // run_at of the first of them
    std::array<TimestampTz, kPriorities>
        resume{};               // where a walk over jobs of full keys broke off; 0 for nowhere
    Ahead ahead;                // of the lane that was served last
    TimestampTz swept = 0;      // when the low marks of this organisation alone were forgotten
    TimestampTz seen_live = 0;  // when the organisation last had a waiting job
    unsigned visits = 0;
};

// Drop what was seen ahead: the next claim looks from the low mark on.
inline void forget_ahead(Lanes& lanes) {
    lanes.ahead.next = lanes.ahead.places.size();
}

// How far a sweep has come.
struct SweepPlace {
    OrgKey org{};
    int priority = 0;
    TimestampTz at = DT_NOBEGIN;
    TimestampTz end = DT_NOBEGIN;  // the low mark of the lane when the sweep came to it
};

// The organisations of one queue.
struct QueueMemory {
    std::map<OrgKey, Lanes> orgs;
    OrgKey last_served{};  // the next claim starts behind it: tenants take turns; at random in a new session
    TimestampTz looked = 0;  // when all organisations were looked for
    int64 look_cost = 0;     // what that took, in microseconds
    TimestampTz swept = 0;   // when all below the low marks was last looked at, or the marks were forgotten
    int64 forget_cost = 0;   // what a look without marks took
    std::optional<SweepPlace> sweep;  // under way
    TimestampTz sweep_paused = 0;     // since when it waits for its next part
    int64 sweep_cost = 0;             // of the last part
};

// Memory of a queue; made when it is not there. Bounded: all is forgotten when too much is kept, and when a
// claim was rolled back, since jobs below the marks then wait again.
QueueMemory& memory(std::string_view queue);

// Let memory() hear of rollbacks. Called when the library is loaded.
void watch_rollbacks();

// A time before which every job that waits is visible to the snapshot: the latest instant noted by
// note_instant() whose transactions had all ended. Never more than a second ago: a transaction that stays
// open longer may have its jobs passed by, until a sweep finds them.
TimestampTz settled(Snapshot snapshot, TimestampTz now);

// Note the present instant, for later calls of settled(). Forgets the earlier ones when the clock was set
// back.
void note_instant();

// Give this transaction its id and then the time: a job written with it is never below a low mark.
TimestampTz due_now();

// Where this session has put the rows of jobs that it claimed, so that it finds them again without an index.
// A hint: whoever follows it looks whether the row is the one. Bounded like the rest.
void remember_place(const pg_uuid_t& job, const ItemPointerData& place);
std::optional<ItemPointerData> recall_place(const pg_uuid_t& job);

}  // namespace sentinel::queue
