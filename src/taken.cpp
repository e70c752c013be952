#include "taken.hpp"

#include "pg/text.hpp"

extern "C" {
#include "access/xlog.h"
#include "commands/sequence.h"
}

namespace sentinel::queue {

void give_to_worker(std::vector<Taken>& jobs, const Wish& wish) {
    std::sort(jobs.begin(), jobs.end(), [](const Taken& a, const Taken& b) {
        if (a.priority != b.priority) return a.priority < b.priority;
        if (a.run_at != b.run_at) return a.run_at < b.run_at;
        return memcmp(DatumGetUUIDP(a.values[kId])->data, DatumGetUUIDP(b.values[kId])->data, UUID_LEN) < 0;
    });
    const Oid lease_sequence = pg::relation_oid("job_lease");
    const int64 lease = pg::server([&] {
        const XLogRecPtr before = XactLastRecEnd;
        const int64 next = nextval_internal(lease_sequence, false);
        // Told before it is durable, a number could be given twice after a crash. The sequence logs 32 at a
        // time.
        if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF && XactLastRecEnd != before)
            XLogFlush(XactLastRecEnd);
        return next;
    });
    const Datum worker = pg::text_datum(wish.worker);
    const TimestampTz claimed_at = GetCurrentTimestamp();
    for (Taken& job : jobs) {
        job.values[kAttempts] = Int16GetDatum(static_cast<int16>(DatumGetInt16(job.values[kAttempts]) + 1));
        job.values[kLease] = Int64GetDatum(lease);
        job.values[kWorker] = worker;
        job.values[kClaimedAt] = TimestampTzGetDatum(claimed_at);
        job.values[kLeaseUntil] = TimestampTzGetDatum(claimed_at + wish.lease_us);
        for (int column = kShared; column < kRunningColumns; column++)
            job.nulls[column] = column > kLeaseUntil;
    }
}

// job_id, org_id, lease, job_type, queue, payload, attempt, max_attempts, run_at, lease_until
void tell(const Taken& job, pg::Rows& rows) {
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

}  // namespace sentinel::queue
