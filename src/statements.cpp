// Room jobs: enqueue and claim by statements.
#include "statements.hpp"

#include "pg/rows.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "turns.hpp"

extern "C" {
#include "utils/datum.h"
}

namespace sentinel::queue {

namespace {

constexpr size_t kRowsAtOnce = 500;
constexpr size_t kMostOrgs = 100000;

// Types of the columns of job_waiting; those of job_running begin alike.
const Oid kColumnTypes[kWaitingColumns] = {
    UUIDOID, UUIDOID, TEXTOID, TEXTOID, INT2OID, TIMESTAMPTZOID, JSONBOID, INT2OID, INT2OID,
    UUIDOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT2OID,  TEXTOID};

#define SHARED_COLUMNS                                                                   \
    "id, queue, job_type, priority, run_at, payload, attempts, max_attempts, event_id, " \
    "concurrency_key, concurrency_limit, idempotency_key, singleton_key, created_at, worker_deaths"
#define SHARED_ARRAYS                                                                                  \
    "pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), "     \
    "pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9), "     \
    "pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12), pg_catalog.unnest($13), " \
    "pg_catalog.unnest($14), pg_catalog.unnest($15), pg_catalog.unnest($16)"
#define SHARED_TYPES                                                                                      \
    UUIDOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, JSONBARRAYOID,  \
        INT2ARRAYOID, INT2ARRAYOID, UUIDARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, \
        TIMESTAMPTZARRAYOID, INT2ARRAYOID

const Oid kInsertTypes[] = {SHARED_TYPES, TEXTARRAYOID};
pg::Statement insert_waiting = {"INSERT INTO sentinel.job_waiting (org_id, " SHARED_COLUMNS
                                ", last_error) SELECT $1, d.* FROM ROWS FROM (" SHARED_ARRAYS
                                ", pg_catalog.unnest($17)) AS d(" SHARED_COLUMNS ", last_error)",
                                17, kInsertTypes};

const Oid kRunTypes[] = {SHARED_TYPES, INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
pg::Statement insert_running = {"INSERT INTO sentinel.job_running (org_id, " SHARED_COLUMNS
                                ", lease, worker, claimed_at, lease_until) SELECT $1, d.*, $17, $18, $19, "
                                "$20 FROM ROWS FROM (" SHARED_ARRAYS ") AS d(" SHARED_COLUMNS ")",
                                20, kRunTypes};

const Oid kDueTypes[] = {TEXTOID, TIMESTAMPTZOID};
pg::Statement due_orgs = {
    "SELECT DISTINCT w.org_id FROM sentinel.job_waiting w WHERE w.queue OPERATOR(pg_catalog.=) $1"
    " AND w.run_at OPERATOR(pg_catalog.<=) $2",
    2, kDueTypes};

const Oid kOldestTypes[] = {UUIDOID, TEXTOID, TIMESTAMPTZOID};
pg::Statement oldest_due = {
    "SELECT w.priority FROM sentinel.job_waiting w WHERE w.org_id OPERATOR(pg_catalog.=) $1"
    " AND w.queue OPERATOR(pg_catalog.=) $2 AND w.run_at OPERATOR(pg_catalog.<=) $3"
    " ORDER BY w.run_at, w.priority LIMIT 1",
    3, kOldestTypes};

// With keyed jobs or without, and but for those of some keys.
const Oid kTakeTypes[] = {UUIDOID, TEXTOID, TIMESTAMPTZOID, INT2OID, INT2OID, BOOLOID, TEXTARRAYOID, INT8OID};
pg::Statement lock_due = {"SELECT org_id, " SHARED_COLUMNS
                          " FROM sentinel.job_waiting w WHERE w.org_id OPERATOR(pg_catalog.=) $1 AND w.queue "
                          "OPERATOR(pg_catalog.=) $2"
                          " AND w.run_at OPERATOR(pg_catalog.<=) $3 AND w.priority OPERATOR(pg_catalog.>=) $4"
                          " AND w.priority OPERATOR(pg_catalog.<=) $5 AND (w.concurrency_key IS NULL"
                          "     OR ($6 AND w.concurrency_key OPERATOR(pg_catalog.<>) ALL ($7)))"
                          " ORDER BY w.priority, w.run_at, w.id LIMIT $8 FOR UPDATE SKIP LOCKED",
                          8, kTakeTypes};

const Oid kDeleteTypes[] = {UUIDOID, UUIDARRAYOID};
pg::Statement delete_waiting = {
    "DELETE FROM sentinel.job_waiting w WHERE w.org_id OPERATOR(pg_catalog.=) $1"
    " AND w.id OPERATOR(pg_catalog.=) ANY ($2)",
    2, kDeleteTypes};

pg_uuid_t org_of(const OrgKey& key) {
    pg_uuid_t org;
    memcpy(org.data, key.data(), UUID_LEN);
    return org;
}

// The columns from id on as arrays, behind the organisation.
void fill_arguments(Datum* arguments, const pg_uuid_t& org, const std::vector<Cells>& rows, int columns) {
    arguments[0] = UUIDPGetDatum(&org);
    Cells items(rows.size());
    for (int column = kId; column < columns; column++) {
        for (size_t row = 0; row < rows.size(); row++) items[row] = rows[row][static_cast<size_t>(column)];
        arguments[column] = pg::array(items, kColumnTypes[column]);
    }
}

}  // namespace

// ---- enqueue

void WaitingRows::add(const Datum* values, const bool* nulls) {
    Cells cells(kWaitingColumns);
    for (int column = 0; column < kWaitingColumns; column++) {
        if (nulls[column]) continue;
        cells[static_cast<size_t>(column)] = pg::server([&] {
            int16 length;
            bool by_value;
            get_typlenbyval(kColumnTypes[column], &length, &by_value);
            return datumCopy(values[column], by_value, length);
        });
    }
    const OrgKey org = to_key(*DatumGetUUIDP(values[kOrg]));
    std::vector<Cells>& rows = rows_[org];
    rows.push_back(std::move(cells));
    if (rows.size() == kRowsAtOnce) write(org, rows);
}

void WaitingRows::write(const OrgKey& org, std::vector<Cells>& rows) {
    if (rows.empty()) return;
    const pg_uuid_t id = org_of(org);
    Datum arguments[kWaitingColumns];
    fill_arguments(arguments, id, rows, kWaitingColumns);
    insert_waiting.run(arguments);
    rows.clear();
}

void WaitingRows::write() {
    for (auto& [org, rows] : rows_) write(org, rows);
}

// ---- claim

// What a session remembers of an organisation and of a queue. A hint only, as lanes.hpp: jobs are found again
// by looking.
struct StatementClaim::Turn {
    bool due = false;          // it may have jobs that are due
    TimestampTz seen_due = 0;  // when it had
    unsigned visits = 0;
};
struct StatementClaim::Turns {
    std::map<OrgKey, Turn> orgs;
    OrgKey last_served{};
    TimestampTz looked = 0;
    int64 look_cost = 0;
};

StatementClaim::Turns& StatementClaim::turns_of(const std::string& queue) {
    static auto* queues = new std::map<std::string, Turns>;  // lives as long as the session
    size_t kept = 0;
    for (const auto& [name, turns] : *queues) kept += turns.orgs.size() + 1;
    if (kept > kMostOrgs) queues->clear();
    return (*queues)[queue];
}

StatementClaim::StatementClaim(const Wish& wish) : wish_(wish), now_(GetCurrentTimestamp()) {}

void StatementClaim::from(const std::string& queue, int count) {
    queue_ = pg::text_datum(queue);
    Turns& turns = turns_of(queue);
    const size_t full = taken_.size() + static_cast<size_t>(count);
    if (wish_.only_org != nullptr) {
        Turn& turn = turns.orgs[to_key(*wish_.only_org)];
        turn.due = true;
        take_from(turn, *wish_.only_org, full);
        return;
    }
    if (now_ - turns.looked > std::max(kLookEach, kShareOfTime * turns.look_cost)) look(turns);
    take(turns, full);
    if (taken_.size() < full && turns.looked < now_) {
        look(turns);
        take(turns, full);
    }
}

void StatementClaim::look(Turns& turns) {
    const TimestampTz began = GetCurrentTimestamp();
    Datum arguments[] = {queue_, TimestampTzGetDatum(now_)};
    const uint64 count = due_orgs.run(arguments);
    for (auto& [org, turn] : turns.orgs) turn.due = false;
    for (uint64 row = 0; row < count; row++) {
        Turn& turn = turns.orgs[to_key(*DatumGetUUIDP(*pg::cell(row, 1)))];
        turn.due = true;
        turn.seen_due = now_;
    }
    for (auto one = turns.orgs.begin(); one != turns.orgs.end();)
        one = one->second.seen_due + kForgetAfter < now_ ? turns.orgs.erase(one) : std::next(one);
    turns.looked = now_;
    turns.look_cost = GetCurrentTimestamp() - began;
}

void StatementClaim::take(Turns& turns, size_t full) {
    in_turn(
        turns.orgs, turns.last_served, full, [this] { return taken_.size(); },
        [this](std::pair<const OrgKey, Turn>& one, size_t most) {
            if (one.second.due) take_from(one.second, org_of(one.first), most);
        });
}

void StatementClaim::take_from(Turn& turn, const pg_uuid_t& org, size_t full) {
    const size_t before = taken_.size();
    if (++turn.visits % kAgedEach == 0) {
        const int oldest = oldest_priority(org);
        if (oldest >= 0)
            take_priorities(org, oldest, oldest, before + std::max<size_t>(1, (full - before) / kAgedEach));
    }
    take_priorities(org, 0, kPriorities - 1, full);
    if (taken_.size() == before) turn.due = false;
}

int StatementClaim::oldest_priority(const pg_uuid_t& org) {
    Datum arguments[] = {UUIDPGetDatum(&org), queue_, TimestampTzGetDatum(now_)};
    return oldest_due.run(arguments) == 0 ? -1 : DatumGetInt16(*pg::cell(0, 1));
}

// Lock so many rows as are wanted and take those whose keys let them; then look behind those that may not
// run.
void StatementClaim::take_priorities(const pg_uuid_t& org, int first, int last, size_t full) {
    bool keyed = true;
    std::vector<Datum> full_keys;
    for (bool again = true; again && taken_.size() < full;) {
        const size_t wanted = full - taken_.size();
        Datum arguments[] = {UUIDPGetDatum(&org),
                             queue_,
                             TimestampTzGetDatum(now_),
                             Int16GetDatum(static_cast<int16>(first)),
                             Int16GetDatum(static_cast<int16>(last)),
                             BoolGetDatum(keyed),
                             pg::array(full_keys, TEXTOID),
                             Int64GetDatum(static_cast<int64>(wanted))};
        const uint64 count = lock_due.run(arguments);
        SPITupleTable* found = SPI_tuptable;  // stays to the end of SPI; Keys run statements of their own
        std::vector<Datum> ids;
        again = false;
        for (uint64 row = 0; row < count; row++) {
            Taken job;
            pg::server([&] {
                for (int column = 0; column < kShared; column++)
                    job.values[column] =
                        SPI_getbinval(found->vals[row], found->tupdesc, column + 1, &job.nulls[column]);
            });
            if (!job.nulls[kConcurrencyKey] && !keys_.admit(org, pg::view(job.values[kConcurrencyKey]),
                                                            DatumGetInt32(job.values[kConcurrencyLimit]))) {
                again = count == wanted;
                keyed = keys_.locked(org);
                full_keys.push_back(job.values[kConcurrencyKey]);
                continue;
            }
            job.values[kPayload] =
                pg::server([&] { return PointerGetDatum(PG_DETOAST_DATUM_PACKED(job.values[kPayload])); });
            job.priority = DatumGetInt16(job.values[kPriority]);
            job.run_at = DatumGetTimestampTz(job.values[kRunAt]);
            ids.push_back(job.values[kId]);
            taken_.push_back(job);
        }
        if (ids.empty()) continue;
        Datum gone[] = {UUIDPGetDatum(&org), pg::array(ids, UUIDOID)};
        delete_waiting.run(gone);
    }
}

void StatementClaim::finish(pg::Rows& rows) {
    if (taken_.empty()) return;
    give_to_worker(taken_, wish_);
    RowsByOrg running;
    for (const Taken& job : taken_) {
        Cells cells(kShared);
        for (size_t column = 0; column < kShared; column++)
            if (!job.nulls[column]) cells[column] = job.values[column];
        const OrgKey org = to_key(*DatumGetUUIDP(job.values[kOrg]));
        std::vector<Cells>& jobs = running[org];
        jobs.push_back(std::move(cells));
        if (jobs.size() == kRowsAtOnce) run(org, jobs);
        tell(job, rows);
    }
    for (auto& [org, jobs] : running) run(org, jobs);
}

void StatementClaim::run(const OrgKey& org, std::vector<Cells>& jobs) {
    if (jobs.empty()) return;
    const pg_uuid_t id = org_of(org);
    const Datum* alike = taken_.front().values;  // what a claim gives to all its jobs
    Datum arguments[kShared + 4];
    fill_arguments(arguments, id, jobs, kShared);
    std::copy_n(alike + kLease, 4, arguments + kShared);
    insert_running.run(arguments);
    jobs.clear();
}

}  // namespace sentinel::queue
