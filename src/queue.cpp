// Room jobs: claim and finish as SQL calls them.
#include "claim.hpp"
#include "finish.hpp"
#include "install.hpp"
#include "lanes.hpp"
#include "open_queues.hpp"
#include "pg/rows.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "wake.hpp"

using sentinel::Failure;
namespace pg = sentinel::pg;
namespace queue = sentinel::queue;

namespace {

constexpr int kMaxBatch = 10000;

int64 microseconds(const Interval& span) {
    return span.time + (span.day + int64{30} * span.month) * USECS_PER_DAY;
}

void claim_into(pg::Rows& rows, Datum queues, const queue::Wish& wish) {
    if (wish.count == 0) return;
    const queue::Outside outside = queue::kept_inside();
    queue::Wish asked = wish;
    if (!outside.types.empty()) asked.kept_back = &outside.types;
    queue::claim(asked, queue::open_queues(queues, outside), rows);
}

queue::Wish wish_of(FunctionCallInfo fcinfo, int worker, int count, int lease, int only_org) {
    queue::Wish wish;
    wish.worker = pg::view(PG_GETARG_DATUM(worker));
    wish.count = PG_GETARG_INT32(count);
    wish.lease_us = microseconds(*PG_GETARG_INTERVAL_P(lease));
    if (PG_NARGS() > only_org && !PG_ARGISNULL(only_org)) wish.only_org = PG_GETARG_UUID_P(only_org);
    return wish;
}

void check_claim(FunctionCallInfo fcinfo, int worker, int queues, int count) {
    sentinel::require_installed();
    if (PG_ARGISNULL(worker) || PG_ARGISNULL(queues) || PG_ARGISNULL(count) || PG_ARGISNULL(count + 1))
        throw Failure("22004", "claim needs a worker, queues, a number and a lease",
                      "None of them may be null.",
                      "SELECT * FROM sentinel.claim('worker-1', '{default}', 10, interval '90 s');");
    int n = PG_GETARG_INT32(count);
    if (n < 0 || n > kMaxBatch)
        throw Failure("22023", "cannot claim " + std::to_string(n) + " jobs at once",
                      "A claim takes 0 to " + std::to_string(kMaxBatch) + " jobs.", "Use 100.");
    const Interval* lease = PG_GETARG_INTERVAL_P(count + 1);
    if (microseconds(*lease) < 0 || microseconds(*lease) > USECS_PER_DAY)
        throw Failure("22023",
                      "invalid lease of " + std::to_string(microseconds(*lease) / USECS_PER_SEC) + " s",
                      "A lease lasts up to a day; heartbeat() extends it.", "Use interval '90 seconds'.");
}

void check_pairs(FunctionCallInfo fcinfo, int jobs, int leases) {
    sentinel::require_installed();
    if (PG_ARGISNULL(jobs) || PG_ARGISNULL(leases))
        throw Failure("22004", "jobs and leases may not be null",
                      "Each job comes with the lease of its claim.",
                      "Pass the arrays job_id and lease of sentinel.claim().");
    int job_count = pg::array_size(PG_GETARG_DATUM(jobs));
    int lease_count = pg::array_size(PG_GETARG_DATUM(leases));
    if (job_count != lease_count)
        throw Failure("22023",
                      std::to_string(job_count) + " jobs but " + std::to_string(lease_count) + " leases",
                      "Each job comes with the lease of its claim.",
                      "Pass the arrays job_id and lease of sentinel.claim().");
}

}  // namespace

SENTINEL_FUNCTION(sentinel_claim) {
    check_claim(fcinfo, 0, 1, 2);
    pg::Rows rows(fcinfo);
    pg::Spi spi;
    claim_into(rows, PG_GETARG_DATUM(1), wish_of(fcinfo, 0, 2, 3, 4));
    spi.finish();
    PG_RETURN_NULL();
}

SENTINEL_FUNCTION(sentinel_complete) {
    check_pairs(fcinfo, 0, 1);
    pg::Spi spi;
    int64 done =
        queue::complete(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_ARGISNULL(2) ? 0 : PG_GETARG_DATUM(2));
    spi.finish();
    PG_RETURN_INT32(static_cast<int32>(done));
}

SENTINEL_FUNCTION(sentinel_finish_and_claim) {
    check_pairs(fcinfo, 1, 2);
    check_claim(fcinfo, 0, 4, 5);
    pg::Rows rows(fcinfo);
    pg::Spi spi;
    queue::complete(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_ARGISNULL(3) ? 0 : PG_GETARG_DATUM(3));
    claim_into(rows, PG_GETARG_DATUM(4), wish_of(fcinfo, 0, 5, 6, 7));
    spi.finish();
    PG_RETURN_NULL();
}

SENTINEL_FUNCTION(sentinel_due_now) {
    PG_RETURN_TIMESTAMPTZ(sentinel::queue::due_now());
}
