// Room jobs: complete by statements, and find the holders of keys.
#include "pg/rows.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "statements.hpp"

namespace sentinel::queue {

namespace {

constexpr size_t kJobsAtOnce = 500;

const Oid kFindTypes[] = {UUIDARRAYOID};
pg::Statement find_running = {
    "SELECT r.id, r.lease, r.org_id FROM sentinel.job_running r WHERE r.id OPERATOR(pg_catalog.=) ANY ($1)",
    1, kFindTypes};

// A job goes if it still has the lease at the place of its id.
const Oid kEndTypes[] = {UUIDOID, UUIDARRAYOID, INT8ARRAYOID};
pg::Statement delete_running = {
    "DELETE FROM sentinel.job_running r WHERE r.org_id OPERATOR(pg_catalog.=) $1"
    " AND r.id OPERATOR(pg_catalog.=) ANY ($2)"
    " AND r.lease OPERATOR(pg_catalog.=) ($3)[pg_catalog.array_position($2, r.id)]"
    " RETURNING r.id, r.lease, r.queue, r.job_type, r.attempts, r.event_id, r.worker, r.run_at, r.claimed_at,"
    "           r.idempotency_key IS NOT NULL OR r.singleton_key IS NOT NULL",
    3, kEndTypes};

// What delete_running gives of a job; in the history its result takes the place of whether it has keys.
enum Returned : int { kJobId, kJobLease, kHasKeys = 9, kJobResult = kHasKeys, kReturned };
const Oid kColumnTypes[] = {UUIDOID, INT8OID, TEXTOID,        TEXTOID,        INT2OID,
                            UUIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID};

const Oid kNoteTypes[] = {
    UUIDOID,      UUIDARRAYOID, INT8ARRAYOID,        TEXTARRAYOID,        TEXTARRAYOID,  INT2ARRAYOID,
    UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, JSONBARRAYOID, TIMESTAMPTZOID};
pg::Statement insert_history = {
    "INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, attempts, event_id, worker, "
    "run_at,"
    " claimed_at, result, outcome, finished_at)"
    " SELECT $1, d.*, 'completed', $12 FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
    " pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7),"
    " pg_catalog.unnest($8), pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11))"
    " AS d(id, lease, queue, job_type, attempts, event_id, worker, run_at, claimed_at, result)",
    12, kNoteTypes};

pg::Statement key_expiries = {"SELECT sentinel.key_expiry('idempotency'), sentinel.key_expiry('singleton')",
                              0, nullptr};
const Oid kKeyTypes[] = {UUIDOID, UUIDARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
pg::Statement end_keys = {
    "UPDATE sentinel.job_keys k SET expires_at ="
    " CASE WHEN k.kind OPERATOR(pg_catalog.=) 'singleton' THEN $4 ELSE $3 END"
    " WHERE k.org_id OPERATOR(pg_catalog.=) $1 AND k.job_id OPERATOR(pg_catalog.=) ANY ($2)",
    4, kKeyTypes};

const Oid kHolderTypes[] = {UUIDOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID};
pg::Statement find_holders = {
    "SELECT k.job_type, k.key, k.job_id FROM sentinel.job_keys k WHERE k.org_id OPERATOR(pg_catalog.=) $1"
    " AND k.kind OPERATOR(pg_catalog.=) $2 AND k.job_type OPERATOR(pg_catalog.=) ANY ($3)"
    " AND k.key OPERATOR(pg_catalog.=) ANY ($4)",
    4, kHolderTypes};

// (id, lease) pairs, with their place among those to end.
using Leases = std::map<std::pair<OrgKey, int64>, size_t>;

// Places of the jobs whose lease is held, by organisation.
std::map<OrgKey, std::vector<size_t>> held(const std::vector<Ending>& endings, const Leases& wanted) {
    std::vector<Datum> ids;
    ids.reserve(endings.size());
    for (const Ending& one : endings) ids.push_back(one.id);
    Datum argument = pg::array(ids, UUIDOID);
    const uint64 count = find_running.run(&argument);
    std::map<OrgKey, std::vector<size_t>> places;
    for (uint64 row = 0; row < count; row++) {
        const auto one =
            wanted.find({to_key(*DatumGetUUIDP(*pg::cell(row, 1))), DatumGetInt64(*pg::cell(row, 2))});
        if (one != wanted.end()) places[to_key(*DatumGetUUIDP(*pg::cell(row, 3)))].push_back(one->second);
    }
    return places;
}

// Jobs of one organisation that end.
class OrgCompletion {
 public:
    OrgCompletion(const OrgKey& org, TimestampTz finished_at) : finished_at_(finished_at) {
        memcpy(org_.data, org.data(), UUID_LEN);
    }

    // End the jobs at these places; gives their number.
    uint64 end(const std::vector<Ending>& endings, const Leases& wanted, const size_t* places, size_t count) {
        std::vector<Datum> ids;
        std::vector<Datum> leases;
        for (size_t i = 0; i < count; i++) {
            ids.push_back(endings[places[i]].id);
            leases.push_back(Int64GetDatum(endings[places[i]].lease));
        }
        Datum arguments[] = {UUIDPGetDatum(&org_), pg::array(ids, UUIDOID), pg::array(leases, INT8OID)};
        const uint64 ended = delete_running.run(arguments);
        if (ended > 0) note(endings, wanted, ended);
        return ended;
    }

 private:
    // Write the history of the jobs that the last statement gave, and end their keys.
    void note(const std::vector<Ending>& endings, const Leases& wanted, uint64 count) {
        std::vector<std::optional<Datum>> columns[kReturned];
        std::vector<Datum> keyed;
        for (uint64 row = 0; row < count; row++) {
            for (int column = 0; column < kHasKeys; column++)
                columns[column].push_back(pg::cell(row, column + 1));
            const Datum id = *columns[kJobId].back();
            const auto place =
                wanted.find({to_key(*DatumGetUUIDP(id)), DatumGetInt64(*columns[kJobLease].back())});
            columns[kJobResult].push_back(endings[place->second].result);
            if (DatumGetBool(*pg::cell(row, kHasKeys + 1))) keyed.push_back(id);
        }
        Datum arguments[kReturned + 2] = {UUIDPGetDatum(&org_)};
        for (int column = 0; column < kReturned; column++)
            arguments[column + 1] = pg::array(columns[column], kColumnTypes[column]);
        arguments[kReturned + 1] = TimestampTzGetDatum(finished_at_);
        insert_history.run(arguments);
        if (keyed.empty()) return;
        key_expiries.run(nullptr);
        const auto idempotency = pg::cell(0, 1);
        const auto singleton = pg::cell(0, 2);
        Datum ends[] = {UUIDPGetDatum(&org_), pg::array(keyed, UUIDOID), idempotency.value_or(0),
                        singleton.value_or(0)};
        const char nulls[] = {' ', ' ', idempotency ? ' ' : 'n', singleton ? ' ' : 'n'};
        end_keys.run(ends, nulls);
    }

    pg_uuid_t org_;
    const TimestampTz finished_at_;
};

}  // namespace

int64 complete_by_statements(const std::vector<Ending>& endings) {
    Leases wanted;
    for (size_t i = 0; i < endings.size(); i++)
        wanted.emplace(std::make_pair(to_key(*DatumGetUUIDP(endings[i].id)), endings[i].lease), i);
    const TimestampTz finished_at = GetCurrentTimestamp();
    int64 done = 0;
    for (const auto& [org, places] : held(endings, wanted)) {
        OrgCompletion completion(org, finished_at);
        for (size_t from = 0; from < places.size(); from += kJobsAtOnce)
            done += static_cast<int64>(completion.end(endings, wanted, places.data() + from,
                                                      std::min(kJobsAtOnce, places.size() - from)));
    }
    return done;
}

std::vector<std::optional<pg_uuid_t>> find_key_holders(const pg_uuid_t& org, Datum kind,
                                                       const std::vector<Datum>& types,
                                                       const std::vector<Datum>& keys) {
    Datum arguments[] = {UUIDPGetDatum(&org), kind, pg::array(types, TEXTOID), pg::array(keys, TEXTOID)};
    const uint64 count = find_holders.run(arguments);
    std::map<std::pair<std::string, std::string>, pg_uuid_t> found;
    for (uint64 row = 0; row < count; row++)
        found[{pg::text_cell(row, 1), pg::text_cell(row, 2)}] = *DatumGetUUIDP(*pg::cell(row, 3));
    std::vector<std::optional<pg_uuid_t>> holders(types.size());
    for (size_t i = 0; i < types.size(); i++) {
        const auto one = found.find({std::string(pg::view(types[i])), std::string(pg::view(keys[i]))});
        if (one != found.end()) holders[i] = one->second;
    }
    return holders;
}

}  // namespace sentinel::queue
