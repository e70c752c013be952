// Room jobs: complete jobs.
#include "finish.hpp"

#include "distribution.hpp"
#include "lanes.hpp"
#include "pg/rows.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "queue_tables.hpp"
#include "statements.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
}

namespace sentinel::queue {

namespace {

const Oid kKeyTypes[] = {UUIDARRAYOID, UUIDARRAYOID};

// An idempotency key outlives its job by the retention, a singleton key does not. In the order in which
// enqueue() locks keys, so that the two never wait for each other.
pg::Statement end_keys = {
    "WITH ours AS MATERIALIZED (SELECT k.org_id, k.job_type, k.kind, k.key FROM sentinel.job_keys k"
    "   JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS d(org_id, id)"
    "     ON k.org_id OPERATOR(pg_catalog.=) d.org_id AND k.job_id OPERATOR(pg_catalog.=) d.id"
    "   ORDER BY k.org_id, k.kind, k.job_type, k.key FOR UPDATE OF k)"
    " UPDATE sentinel.job_keys k SET expires_at = sentinel.key_expiry(k.kind) FROM ours o"
    " WHERE k.org_id OPERATOR(pg_catalog.=) o.org_id AND k.job_type OPERATOR(pg_catalog.=) o.job_type"
    " AND k.kind OPERATOR(pg_catalog.=) o.kind AND k.key OPERATOR(pg_catalog.=) o.key",
    2, kKeyTypes};

// The partition of a day, made ahead by the clock; rows of a day without one go to the default partition.
Oid history_partition(TimestampTz at) {
    pg_tm day;
    fsec_t fraction;
    pg::server([&] { timestamp2tm(at, nullptr, &day, &fraction, nullptr, nullptr); });
    char name[NAMEDATALEN];
    snprintf(name, sizeof name, "job_history_%04d%02d%02d", day.tm_year, day.tm_mon, day.tm_mday);
    const auto find = [&] {
        const Oid partition = pg::relation_oid(name, "sentinel_history");
        return OidIsValid(partition) ? partition
                                     : pg::relation_oid("job_history_default", "sentinel_history");
    };
    // The day may be made while we wait for the lock.
    for (Oid chosen = find();;) {
        pg::server([&] { LockRelationOid(chosen, RowExclusiveLock); });
        const Oid again = find();
        if (again == chosen) return chosen;
        chosen = again;
    }
}

// The element of an array of results, or no value.
std::optional<Datum> result_at(JsonbContainer* results, uint32 place) {
    return pg::server([&]() -> std::optional<Datum> {
        JsonbValue* value = getIthJsonbValueFromContainer(results, place);
        if (value == nullptr || value->type == jbvNull) return std::nullopt;
        return JsonbPGetDatum(JsonbValueToJsonb(value));
    });
}

double milliseconds(TimestampTz from, TimestampTz to) {
    return static_cast<double>(std::max<int64>(0, to - from)) / 1000;
}

// Jobs of one kind that end together.
struct Count {
    int64 jobs = 0;
    double wait_ms = 0, run_ms = 0, max_wait_ms = 0, max_run_ms = 0;
};

class Completion {
 public:
    Completion()
        : finished_at_(GetCurrentTimestamp()),
          snapshot_(pg::fresh_snapshot()),
          running_(queue::running),
          history_(queue::history, history_partition(finished_at_)),
          stats_(queue::stats) {}

    // Whether (id, lease) was held; then it is no longer.
    bool end(Datum id, int64 lease, std::optional<Datum> result) {
        for (int attempt = 0; attempt < 100; attempt++) {
            TupleTableSlot* row = find(id);
            if (row == nullptr || DatumGetInt64(row->tts_values[kLease]) != lease) return false;
            const pg::Table::Removal removal = running_.remove(&row->tts_tid, snapshot_, true);
            if (removal == pg::Table::Removal::done) {
                note(row, result);
                return true;
            }
            look_again();  // a heartbeat has just rewritten the row, or it is gone
        }
        return false;
    }

    void finish() {
        write_stats();
        if (by_id_) by_id_->close();
        running_.close();
        history_.close();
        stats_.close();
        pg::release(snapshot_);
        if (keyed_jobs_.empty()) return;
        Datum arguments[] = {pg::array(keyed_orgs_, UUIDOID), pg::array(keyed_jobs_, UUIDOID)};
        end_keys.run(arguments);
    }

 private:
    // The row of a job: where this session put it, or by the index.
    TupleTableSlot* find(Datum id) {
        if (auto place = recall_place(*DatumGetUUIDP(id))) {
            TupleTableSlot* row = running_.fetch(&*place, snapshot_);
            if (row != nullptr &&
                memcmp(DatumGetUUIDP(row->tts_values[kId])->data, DatumGetUUIDP(id)->data, UUID_LEN) == 0)
                return row;
        }
        if (!by_id_) by_id_.emplace(running_, "job_running_pkey", snapshot_, 1);
        const pg::Condition conditions[] = {{1, BTEqualStrategyNumber, F_UUID_EQ, id}};
        by_id_->seek(conditions);
        return by_id_->next() ? by_id_->row() : nullptr;
    }

    void look_again() {
        Snapshot older = snapshot_;
        snapshot_ = pg::fresh_snapshot();
        if (by_id_) by_id_->use(snapshot_);
        pg::release(older);
    }

    void note(TupleTableSlot* row, std::optional<Datum> result) {
        const Datum* job = row->tts_values;
        const bool* absent = row->tts_isnull;
        Datum values[kHistoryColumns];
        bool nulls[kHistoryColumns] = {};
        const auto put = [&](int column, int from) {
            values[column] = job[from];
            nulls[column] = absent[from];
        };
        put(kHistoryOrg, kOrg);
        put(kHistoryId, kId);
        put(kHistoryLease, kLease);
        put(kHistoryQueue, kQueue);
        put(kHistoryType, kType);
        put(kHistoryAttempts, kAttempts);
        put(kHistoryEvent, kEvent);
        put(kHistoryWorker, kWorker);
        put(kHistoryRunAt, kRunAt);
        put(kHistoryClaimedAt, kClaimedAt);
        values[kOutcome] = completed_;
        values[kFinishedAt] = TimestampTzGetDatum(finished_at_);
        values[kResult] = result.value_or(0);
        nulls[kResult] = !result.has_value();
        nulls[kError] = true;
        history_.add(values, nulls);
        count(job);
        if (!absent[kIdempotencyKey] || !absent[kSingletonKey]) {
            keyed_orgs_.push_back(copy_of(job[kOrg]));
            keyed_jobs_.push_back(copy_of(job[kId]));
        }
    }

    void count(const Datum* job) {
        std::string key;
        key.append(static_cast<const char*>(static_cast<const void*>(DatumGetUUIDP(job[kOrg])->data)),
                   UUID_LEN);
        for (const int column : {int{kQueue}, int{kType}, int{kWorker}})
            key.append(pg::view(job[column])).push_back('\0');
        Count& count = counts_[key];
        const TimestampTz claimed_at = DatumGetTimestampTz(job[kClaimedAt]);
        const double wait = milliseconds(DatumGetTimestampTz(job[kRunAt]), claimed_at);
        const double run = milliseconds(claimed_at, finished_at_);
        count.jobs++;
        count.wait_ms += wait;
        count.run_ms += run;
        count.max_wait_ms = std::max(count.max_wait_ms, wait);
        count.max_run_ms = std::max(count.max_run_ms, run);
    }

    void write_stats() {
        for (const auto& [key, count] : counts_) {
            pg_uuid_t org;
            memcpy(org.data, key.data(), UUID_LEN);
            const char* queue = key.c_str() + UUID_LEN;
            const char* type = queue + strlen(queue) + 1;
            std::string_view worker = type + strlen(type) + 1;
            if (worker.substr(0, 8) == "backend ") worker = "backend";
            Datum values[] = {UUIDPGetDatum(&org),
                              pg::text_datum(queue),
                              pg::text_datum(type),
                              pg::text_datum(worker),
                              completed_,
                              Int64GetDatum(count.jobs),
                              Float8GetDatum(count.wait_ms),
                              Float8GetDatum(count.run_ms),
                              Float8GetDatum(count.max_wait_ms),
                              Float8GetDatum(count.max_run_ms)};
            const bool nulls[kStatsColumns] = {};
            stats_.add(values, nulls);
        }
    }

    static Datum copy_of(Datum id) {
        return pg::server([&] { return datumCopy(id, false, UUID_LEN); });
    }

    const TimestampTz finished_at_;
    Snapshot snapshot_;
    pg::Table running_;
    std::optional<pg::IndexScan> by_id_;
    pg::Table history_;
    pg::Table stats_;
    const Datum completed_ = pg::text_datum("completed");
    std::map<std::string, Count> counts_;
    std::vector<Datum> keyed_orgs_;
    std::vector<Datum> keyed_jobs_;
};

}  // namespace

int64 complete(Datum jobs, Datum leases, Datum results) {
    Datum* ids = nullptr;
    Datum* tokens = nullptr;
    bool* absent_ids = nullptr;
    bool* absent_tokens = nullptr;
    int count = 0;
    pg::server([&] {
        deconstruct_array(DatumGetArrayTypeP(jobs), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &ids,
                          &absent_ids, &count);
        deconstruct_array(DatumGetArrayTypeP(leases), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &tokens,
                          &absent_tokens, &count);
    });
    if (count == 0) return 0;
    JsonbContainer* given = nullptr;
    if (results != 0) {
        Jsonb* value = pg::server([&] { return DatumGetJsonbP(results); });
        if (JB_ROOT_IS_ARRAY(value) && !JB_ROOT_IS_SCALAR(value)) given = &value->root;
    }
    const auto result_of = [&](int i) {
        return given == nullptr ? std::nullopt : result_at(given, static_cast<uint32>(i));
    };
    if (distributed()) {
        std::vector<Ending> endings;
        for (int i = 0; i < count; i++)
            if (!absent_ids[i] && !absent_tokens[i])
                endings.push_back({ids[i], DatumGetInt64(tokens[i]), result_of(i)});
        return complete_by_statements(endings);
    }
    Completion completion;
    require_undistributed();
    int64 done = 0;
    for (int i = 0; i < count; i++)
        if (!absent_ids[i] && !absent_tokens[i] &&
            completion.end(ids[i], DatumGetInt64(tokens[i]), result_of(i)))
            done++;
    completion.finish();
    return done;
}

}  // namespace sentinel::queue
