// Room jobs: claim, finish and enqueue through plans that are made once per session.
#include "queue.hpp"

#include "generation.hpp"
#include "identity.hpp"
#include "install.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "pg/rows.hpp"

using sentinel::Failure;
namespace pg = sentinel::pg;

namespace {

bool notify_workers = true;

// The organisation served last by this session for any queue: the next claim starts behind it, so that
// tenants take turns.
pg_uuid_t last_served{};

constexpr int kOrgsPerClaim = 16;
constexpr int kMaxBatch = 10000;

// ---- claim
// ------------------------------------------------------------------------------------------------------

const Oid kClaimableTypes[] = {TEXTARRAYOID, BOOLOID};

// Queues that may hand out jobs now: not paused, below their limit, and not reaching outside in a parked
// copy.
pg::Statement claimable_queues = {
    "SELECT q.name, coalesce(s.max_running, 0) FROM pg_catalog.unnest($1) q(name)"
    " LEFT JOIN sentinel.queues s ON s.queue OPERATOR(pg_catalog.=) q.name"
    " WHERE s.paused_at IS NULL"
    " AND NOT ($2 AND EXISTS (SELECT FROM sentinel.job_types t WHERE t.queue OPERATOR(pg_catalog.=) q.name"
    "                         AND t.kind OPERATOR(pg_catalog.=) 'http'))",
    2, kClaimableTypes};

const Oid kRoomTypes[] = {TEXTOID};

// One claimer at a time decides for a queue with a limit, and counts what runs in a snapshot taken after the
// lock. Row locks here and below, no advisory locks: whoever can log in takes those, and the queue would
// stand still.
pg::Statement lock_queue = {
    "SELECT 1 FROM sentinel.queues q WHERE q.queue OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE", 1,
    kRoomTypes};
pg::Statement count_running = {
    "SELECT pg_catalog.count(*) FROM sentinel.job_running WHERE queue OPERATOR(pg_catalog.=) $1", 1,
    kRoomTypes};

const Oid kRingTypes[] = {TEXTOID, UUIDOID, INT4OID};

// The next organisations behind $2 that have waiting jobs, in turn: one index probe each.
pg::Statement ring = {
    "WITH RECURSIVE ring(org_id, turn, wrapped) AS ("
    " (SELECT o.org_id, 1, o.wrapped FROM ("
    "   (SELECT org_id, false AS wrapped FROM sentinel.job_waiting WHERE queue OPERATOR(pg_catalog.=) $1"
    "     AND org_id OPERATOR(pg_catalog.>) $2 ORDER BY org_id LIMIT 1)"
    "   UNION ALL (SELECT org_id, true FROM sentinel.job_waiting WHERE queue OPERATOR(pg_catalog.=) $1"
    "     ORDER BY org_id LIMIT 1)) o ORDER BY o.wrapped LIMIT 1)"
    " UNION ALL"
    " SELECT n.org_id, r.turn OPERATOR(pg_catalog.+) 1, n.wrapped FROM ring r, LATERAL ("
    "   SELECT o.org_id, o.wrapped FROM ("
    "     (SELECT org_id, r.wrapped AS wrapped FROM sentinel.job_waiting WHERE queue OPERATOR(pg_catalog.=) "
    "$1"
    "       AND org_id OPERATOR(pg_catalog.>) r.org_id ORDER BY org_id LIMIT 1)"
    "     UNION ALL (SELECT org_id, true FROM sentinel.job_waiting WHERE NOT r.wrapped"
    "       AND queue OPERATOR(pg_catalog.=) $1 ORDER BY org_id LIMIT 1)) o ORDER BY o.wrapped LIMIT 1) n"
    " WHERE r.turn OPERATOR(pg_catalog.<) $3 AND NOT (n.wrapped AND n.org_id OPERATOR(pg_catalog.>) $2))"
    " SELECT DISTINCT ON (org_id) org_id, turn FROM ring ORDER BY org_id, turn",
    3, kRingTypes};

const Oid kPickTypes[] = {TEXTOID, UUIDARRAYOID, INT4OID, INT4OID};

// Lock up to $3 ready jobs of each organisation, at most $4 in all, the most urgent and oldest first. Nested
// loops keep the index order, so no more rows are locked than are returned.
pg::Statement pick = {
    "SELECT j.tid, j.org_id, j.concurrency_key, j.concurrency_limit FROM pg_catalog.unnest($2) o(org_id), "
    "LATERAL ("
    "  SELECT w.* FROM pg_catalog.generate_series(0, 9) p, LATERAL ("
    "    SELECT w.ctid AS tid, w.org_id, w.concurrency_key, w.concurrency_limit FROM sentinel.job_waiting w"
    "    WHERE w.queue OPERATOR(pg_catalog.=) $1 AND w.org_id OPERATOR(pg_catalog.=) o.org_id"
    "      AND w.priority OPERATOR(pg_catalog.=) p::pg_catalog.int2"
    "      AND w.run_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()"
    "      AND (w.concurrency_key IS NULL OR NOT sentinel.concurrency_full(w.org_id, w.concurrency_key,"
    "                                                                       w.concurrency_limit))"
    "    ORDER BY w.run_at LIMIT $3 FOR UPDATE SKIP LOCKED) w LIMIT $3) j LIMIT $4",
    4, kPickTypes};

const Oid kAdmitTypes[] = {TIDARRAYOID};

// Of locked jobs with a concurrency key keep those that still fit. The keys of an organisation are decided by
// one claimer at a time; the counts come from a snapshot taken after the locks, as this is the next
// statement.
pg::Statement lock_keys = {
    "SELECT 1 FROM sentinel.orgs o WHERE o.org_id OPERATOR(pg_catalog.=) ANY (SELECT w.org_id"
    "  FROM sentinel.job_waiting w"
    "  WHERE w.ctid OPERATOR(pg_catalog.=) ANY ($1) AND w.concurrency_key IS NOT NULL)"
    " ORDER BY o.org_id FOR NO KEY UPDATE",
    1, kAdmitTypes};
pg::Statement admit = {
    "SELECT c.tid FROM (SELECT w.ctid AS tid, w.org_id, w.concurrency_key, w.concurrency_limit,"
    "   pg_catalog.row_number() OVER (PARTITION BY w.org_id, w.concurrency_key ORDER BY w.priority, "
    "w.run_at) AS place"
    "  FROM sentinel.job_waiting w WHERE w.ctid OPERATOR(pg_catalog.=) ANY ($1)) c"
    " WHERE c.concurrency_key IS NULL OR c.place OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*)"
    "   FROM sentinel.job_running r WHERE r.org_id OPERATOR(pg_catalog.=) c.org_id"
    "    AND r.concurrency_key OPERATOR(pg_catalog.=) c.concurrency_key)"
    "  OPERATOR(pg_catalog.<=) c.concurrency_limit",
    1, kAdmitTypes};

const Oid kMoveTypes[] = {TIDARRAYOID, TEXTOID, INTERVALOID};

#define JOB_COLUMNS                                                                              \
    "org_id, id, queue, job_type, priority, run_at, payload, attempts, max_attempts, event_id, " \
    "concurrency_key,"                                                                           \
    " concurrency_limit, idempotency_key, singleton_key, created_at"

// The claim itself: attempts are counted here, and the lease number grows for ever.
pg::Statement move = {
    "WITH gone AS (DELETE FROM sentinel.job_waiting WHERE ctid OPERATOR(pg_catalog.=) ANY ($1) RETURNING *),"
    " held AS (INSERT INTO sentinel.job_running AS r (" JOB_COLUMNS
    ", lease, worker, claimed_at, lease_until)"
    " SELECT org_id, id, queue, job_type, priority, run_at, payload,"
    "   (attempts OPERATOR(pg_catalog.+) 1)::pg_catalog.int2, max_attempts, event_id, concurrency_key,"
    "   concurrency_limit, idempotency_key, singleton_key, created_at,"
    "   pg_catalog.nextval('sentinel.job_lease'), $2, pg_catalog.clock_timestamp(),"
    "   pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) $3 FROM gone"
    " RETURNING r.id, r.org_id, r.lease, r.job_type, r.queue, r.payload, r.attempts::pg_catalog.int4,"
    "   r.max_attempts::pg_catalog.int4, r.run_at, r.lease_until, r.priority)"
    " SELECT * FROM held ORDER BY priority, run_at, id",
    3, kMoveTypes};

// Pick and lock up to n jobs of one queue; adds their tids to chosen.
void choose(Datum queue, int n, std::vector<ItemPointerData>& chosen) {
    Datum ring_args[] = {queue, UUIDPGetDatum(&last_served), Int32GetDatum(kOrgsPerClaim)};
    uint64 orgs = ring.run(ring_args);
    if (orgs == 0) return;

    std::vector<std::pair<int, pg_uuid_t>> turns;
    for (uint64 row = 0; row < orgs; row++)
        turns.emplace_back(DatumGetInt32(*pg::cell(row, 2)), *DatumGetUUIDP(*pg::cell(row, 1)));
    std::sort(turns.begin(), turns.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Datum> ids;
    ids.reserve(turns.size());
    for (auto& turn : turns) ids.push_back(UUIDPGetDatum(&turn.second));
    Datum org_array = pg::array(ids, UUIDOID);

    // A fair share each; when some have less than their share, a second look gives the rest to the others.
    // The second look meets the first one's rows again, because a transaction does not skip its own locks.
    int share = (n + static_cast<int>(orgs) - 1) / static_cast<int>(orgs);
    std::vector<ItemPointerData> tids;
    bool keyed = false;
    for (int quota = share; static_cast<int>(tids.size()) < n; quota = n) {
        Datum pick_args[] = {queue, org_array, Int32GetDatum(quota),
                             Int32GetDatum(n + static_cast<int>(tids.size()))};
        uint64 found = pick.run(pick_args);
        size_t seen = tids.size();
        for (uint64 row = 0; row < found && static_cast<int>(tids.size()) < n; row++) {
            ItemPointerData tid = pg::tid_cell(row, 1);
            auto end = tids.begin() + static_cast<std::ptrdiff_t>(seen);
            if (std::any_of(tids.begin(), end, [&](auto& known) { return ItemPointerEquals(&known, &tid); }))
                continue;
            tids.push_back(tid);
            keyed = keyed || pg::cell(row, 3).has_value();
        }
        if (quota == n) break;
    }
    last_served = turns.back().second;
    if (keyed) {
        Datum admit_args[] = {pg::tid_array(tids)};
        lock_keys.run(admit_args);
        uint64 admitted = admit.run(admit_args);
        tids.clear();
        for (uint64 row = 0; row < admitted; row++) tids.push_back(pg::tid_cell(row, 1));
    }
    chosen.insert(chosen.end(), tids.begin(), tids.end());
}

// Claim up to n jobs and put them into the caller's result set.
void claim_into(FunctionCallInfo fcinfo, Datum worker, Datum queues, int n, Datum lease) {
    pg::Rows rows(fcinfo);
    pg::Spi spi;
    Datum queue_args[] = {queues, BoolGetDatum(sentinel::parked())};
    uint64 count = claimable_queues.run(queue_args);
    std::vector<std::pair<Datum, int64>> open;
    for (uint64 row = 0; row < count; row++)
        open.emplace_back(*pg::cell(row, 1), DatumGetInt32(*pg::cell(row, 2)));
    for (auto& queue : open) queue.first = pg::text_datum(pg::view(queue.first));

    std::vector<ItemPointerData> chosen;
    for (auto& [queue, limit] : open) {
        int64 room = n - static_cast<int64>(chosen.size());
        if (limit > 0) {
            lock_queue.run(&queue);
            count_running.run(&queue);
            room = std::min(room, limit - DatumGetInt64(*pg::cell(0, 1)));
        }
        if (room > 0) choose(queue, static_cast<int>(room), chosen);
        if (static_cast<int>(chosen.size()) >= n) break;
    }
    if (!chosen.empty()) {
        Datum move_args[] = {pg::tid_array(chosen), worker, lease};
        uint64 moved = move.run(move_args);
        for (uint64 row = 0; row < moved; row++) rows.add(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 10);
    }
    spi.finish();
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
}

// ---- finish
// -----------------------------------------------------------------------------------------------------

const Oid kCompleteTypes[] = {UUIDARRAYOID, INT8ARRAYOID, JSONBOID};

// What is done goes to the history; an idempotency key outlives its job by the retention, a singleton key
// does not.
pg::Statement complete_jobs = {
    "WITH gone AS (DELETE FROM sentinel.job_running r USING ROWS FROM (pg_catalog.unnest($1), "
    "pg_catalog.unnest($2))"
    "   WITH ORDINALITY d(id, lease, place)"
    "   WHERE r.id OPERATOR(pg_catalog.=) d.id AND r.lease OPERATOR(pg_catalog.=) d.lease RETURNING r.*, "
    "d.place),"
    " keys AS (UPDATE sentinel.job_keys k SET expires_at = sentinel.key_expiry(k.kind) FROM gone g"
    "   WHERE k.org_id OPERATOR(pg_catalog.=) g.org_id AND k.job_id OPERATOR(pg_catalog.=) g.id"
    "     AND (g.idempotency_key IS NOT NULL OR g.singleton_key IS NOT NULL)),"
    " done AS (INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, outcome, attempts, "
    "event_id,"
    "   worker, run_at, claimed_at, result)"
    " SELECT org_id, id, lease, queue, job_type, 'completed', attempts, event_id, worker, run_at, claimed_at,"
    "   $3 OPERATOR(pg_catalog.->) (place OPERATOR(pg_catalog.-) 1)::pg_catalog.int4 FROM gone RETURNING 1)"
    " SELECT pg_catalog.count(*) FROM done",
    3, kCompleteTypes};

int64 complete(Datum jobs, Datum leases, Datum results, bool no_results) {
    Datum args[] = {jobs, leases, results};
    const char nulls[] = {' ', ' ', no_results ? 'n' : ' ', '\0'};
    complete_jobs.run(args, nulls);
    return DatumGetInt64(*pg::cell(0, 1));
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
    claim_into(fcinfo, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_INT32(2), PG_GETARG_DATUM(3));
    PG_RETURN_NULL();
}

SENTINEL_FUNCTION(sentinel_complete) {
    check_pairs(fcinfo, 0, 1);
    pg::Spi spi;
    int64 done = complete(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_ARGISNULL(2));
    spi.finish();
    PG_RETURN_INT32(static_cast<int32>(done));
}

SENTINEL_FUNCTION(sentinel_finish_and_claim) {
    check_pairs(fcinfo, 1, 2);
    check_claim(fcinfo, 0, 4, 5);
    pg::Spi spi;
    complete(PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3), PG_ARGISNULL(3));
    spi.finish();
    claim_into(fcinfo, PG_GETARG_DATUM(0), PG_GETARG_DATUM(4), PG_GETARG_INT32(5), PG_GETARG_DATUM(6));
    PG_RETURN_NULL();
}

// Wake listening workers when the transaction commits. The server sends one such notification per
// transaction.
SENTINEL_FUNCTION(sentinel_wake_workers) {
    if (notify_workers) pg::server([] { Async_Notify("sentinel_jobs", ""); });
    PG_RETURN_VOID();
}

void sentinel::define_queue_settings() {
    DefineCustomBoolVariable(
        "sentinel.notify", "Wake workers by NOTIFY when jobs are enqueued.",
        "Off saves a lock at commit under heavy load; workers then find jobs by polling.", &notify_workers,
        true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}
