#include "new_jobs.hpp"

#include "distribution.hpp"
#include "lanes.hpp"
#include "pg/remembered.hpp"
#include "pg/rows.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "wake.hpp"

namespace sentinel::queue {

namespace {

constexpr size_t kLargestPayload = 1048576;
constexpr int kLongestKey = 500;

const Oid kTypeTypes[] = {TEXTOID};
pg::Statement find_type = {
    "SELECT t.queue, t.priority, t.max_attempts, t.members_may FROM sentinel.job_types t WHERE t.job_type "
    "OPERATOR(pg_catalog.=) $1",
    1, kTypeTypes};

// Asked for with every job. Never destroyed: the server calls it back as long as it runs.
pg::Remembered<TypeDefaults>& known_types() {
    static auto* all = new pg::Remembered<TypeDefaults>("job_types");
    return *all;
}

const Oid kKeyTypes[] = {UUIDOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID};

// In order of the keys, so that two callers never wait for each other. Of equal keys in one call the first
// wins.
pg::Statement insert_keys = {
    "WITH wanted AS (SELECT DISTINCT ON (w.job_type, w.key) w.job_type, w.key, w.id"
    "   FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)) WITH ORDINALITY"
    "        AS w(job_type, key, id, place) ORDER BY w.job_type, w.key, w.place)"
    " INSERT INTO sentinel.job_keys AS k (org_id, job_type, kind, key, job_id)"
    " SELECT $1, w.job_type, $2, w.key, w.id FROM wanted w ORDER BY w.job_type, w.key"
    " ON CONFLICT ON CONSTRAINT job_keys_pkey DO UPDATE SET job_id = excluded.job_id, expires_at = NULL"
    "   WHERE k.expires_at OPERATOR(pg_catalog.<=) $6",
    6, kKeyTypes};
pg::Statement find_holders = {
    "SELECT (SELECT k.job_id FROM sentinel.job_keys k WHERE k.org_id OPERATOR(pg_catalog.=) $1"
    "   AND k.job_type OPERATOR(pg_catalog.=) w.job_type AND k.kind OPERATOR(pg_catalog.=) $2"
    "   AND k.key OPERATOR(pg_catalog.=) w.key)"
    " FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) WITH ORDINALITY AS w(job_type, key, "
    "place)"
    " ORDER BY w.place",
    4, kKeyTypes};

const Oid kHandOverTypes[] = {UUIDOID, UUIDARRAYOID, UUIDARRAYOID};
pg::Statement hand_over = {
    "UPDATE sentinel.job_keys k SET job_id = ($3)[pg_catalog.array_position($2, k.job_id)]"
    " WHERE k.org_id OPERATOR(pg_catalog.=) $1 AND k.job_id OPERATOR(pg_catalog.=) ANY ($2)",
    3, kHandOverTypes};

bool same(const pg_uuid_t& a, const pg_uuid_t& b) {
    return memcmp(a.data, b.data, UUID_LEN) == 0;
}

std::string shortened(std::string_view value) {
    std::string text(value);
    const int length =
        pg::server([&] { return pg_mbcliplen(text.c_str(), static_cast<int>(text.size()), 80); });
    return text.substr(0, static_cast<size_t>(length));
}

TypeDefaults defaults(std::string_view type) {
    if (const TypeDefaults* known = known_types().find(type)) return *known;
    Datum name = pg::text_datum(type);
    if (find_type.run(&name) == 0)
        throw Failure(kNotFound, "unknown job type \"" + shortened(type) + "\"",
                      "A job type is registered before jobs of it are enqueued.",
                      "SELECT sentinel.register_job_type('my_job', 'my_schema.my_handler');");
    return known_types().keep(type, {pg::text_cell(0, 1), DatumGetInt32(*pg::cell(0, 2)),
                                     DatumGetInt32(*pg::cell(0, 3)), DatumGetBool(*pg::cell(0, 4))});
}

void check_key(const char* kind, const std::optional<std::string_view>& key) {
    if (!key) return;
    const int length =
        pg::server([&] { return pg_mbstrlen_with_len(key->data(), static_cast<int>(key->size())); });
    if (length < 1 || length > kLongestKey)
        throw Failure(kInvalidInput, std::string(kind) + " key of " + std::to_string(length) + " characters",
                      "A key has 1 to 500 characters.", "Use the id of what the job is for.");
}

void check_range(const char* what, int value, int least, int most, const char* rule, const char* good) {
    if (value < least || value > most)
        throw Failure("22023", std::string("invalid ") + what + " " + std::to_string(value), rule, good);
}

// Let the jobs at these places try for a key of one kind; holder tells who has each then.
void take_kind(const pg_uuid_t& org, const char* kind, const std::vector<NewJob>& jobs,
               std::optional<std::string_view> NewJob::*key, std::vector<pg_uuid_t>& holder) {
    std::vector<Datum> types;
    std::vector<Datum> keys;
    std::vector<Datum> ids;
    std::vector<size_t> places;
    for (size_t i = 0; i < jobs.size(); i++) {
        if (!(jobs[i].*key) || !same(holder[i], jobs[i].id)) continue;
        types.push_back(pg::text_datum(jobs[i].type));
        keys.push_back(pg::text_datum(*(jobs[i].*key)));
        ids.push_back(UUIDPGetDatum(&jobs[i].id));
        places.push_back(i);
    }
    if (places.empty()) return;
    Datum arguments[] = {UUIDPGetDatum(&org),       pg::text_datum(kind),
                         pg::array(types, TEXTOID), pg::array(keys, TEXTOID),
                         pg::array(ids, UUIDOID),   TimestampTzGetDatum(GetCurrentTimestamp())};
    insert_keys.run(arguments);
    std::vector<std::optional<pg_uuid_t>> found(places.size());
    if (distributed()) {
        found = find_key_holders(org, arguments[1], types, keys);
    } else {
        find_holders.run(arguments);
        for (size_t i = 0; i < places.size(); i++)
            if (const auto id = pg::cell(i, 1)) found[i] = *DatumGetUUIDP(*id);
    }
    for (size_t i = 0; i < places.size(); i++) {
        if (!found[i])
            throw Failure("40001", "another transaction has just taken a key of this job",
                          "This transaction's snapshot is older.", "Try the transaction again.");
        holder[places[i]] = *found[i];
    }
}

}  // namespace

void watch_job_types() {
    known_types().watch();
}

void require_open_to_members(std::string_view type) {
    if (!defaults(type).members_may)
        throw Failure(kNotAllowed, "members do not enqueue \"" + shortened(type) + "\"",
                      "A job has the rights of the whole organisation; members have it done by functions.",
                      "Ask an owner or admin of the organisation.");
}

std::vector<pg_uuid_t> take_keys(const pg_uuid_t& org, const std::vector<NewJob>& jobs) {
    std::vector<pg_uuid_t> holder;
    holder.reserve(jobs.size());
    for (const NewJob& job : jobs) holder.push_back(job.id);
    take_kind(org, "idempotency", jobs, &NewJob::idempotency_key, holder);
    const std::vector<pg_uuid_t> first = holder;
    take_kind(org, "singleton", jobs, &NewJob::singleton_key, holder);
    // Whose singleton key another holds, its idempotency key stands for that other from now on.
    std::vector<Datum> ids;
    std::vector<Datum> others;
    for (size_t i = 0; i < jobs.size(); i++)
        if (jobs[i].idempotency_key && same(first[i], jobs[i].id) && !same(holder[i], jobs[i].id)) {
            ids.push_back(UUIDPGetDatum(&jobs[i].id));
            others.push_back(UUIDPGetDatum(&holder[i]));
        }
    if (!ids.empty()) {
        Datum arguments[] = {UUIDPGetDatum(&org), pg::array(ids, UUIDOID), pg::array(others, UUIDOID)};
        hand_over.run(arguments);
    }
    return holder;
}

NewJobs::NewJobs()
    : now_(due_now()),
      table_(waiting),
      distributed_(distributed()),
      no_payload_(pg::server([] { return DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")); })) {}

void NewJobs::check(const NewJob& job) {
    defaults(job.type);
    if (job.priority)
        check_range("priority", *job.priority, 0, kPriorities - 1,
                    "Priorities go from 0, the most urgent, to 9.", "Use 5.");
    if (job.max_attempts)
        check_range("max_attempts", *job.max_attempts, 1, 100, "A job has 1 to 100 attempts.", "Use 3.");
    if (job.concurrency_key && job.concurrency_limit)
        check_range("concurrency_limit", *job.concurrency_limit, 1, INT_MAX,
                    "At least one job of a key may run.", "Use 1.");
    if (job.queue && (job.queue->empty() || job.queue->size() > 63))
        throw Failure("22023", "queue name of " + std::to_string(job.queue->size()) + " bytes",
                      "The name of a queue has 1 to 63 bytes.", "Use 'default'.");
    check_key("idempotency", job.idempotency_key);
    check_key("singleton", job.singleton_key);
    check_key("concurrency", job.concurrency_key);
    if (job.payload != 0 && VARSIZE_ANY(DatumGetPointer(job.payload)) > kLargestPayload)
        throw Failure("54000",
                      "payload of " + std::to_string(VARSIZE_ANY(DatumGetPointer(job.payload))) + " bytes",
                      "A payload has up to 1 MiB.", "Store the data in a table and pass its id.");
}

void NewJobs::add(const pg_uuid_t& org, const NewJob& job) {
    const TypeDefaults type = defaults(job.type);
    Datum values[kWaitingColumns] = {};
    bool nulls[kWaitingColumns] = {};
    const auto text = [&](int column, const std::optional<std::string_view>& value) {
        nulls[column] = !value;
        if (value) values[column] = pg::text_datum(*value);
    };
    values[kOrg] = UUIDPGetDatum(&org);
    values[kId] = UUIDPGetDatum(&job.id);
    text(kQueue, job.queue.value_or(type.queue));
    text(kType, job.type);
    values[kPriority] = Int16GetDatum(static_cast<int16>(job.priority.value_or(type.priority)));
    // A microsecond apart, less than writing one takes: so a low mark tells jobs of one batch apart, and they
    // keep their order.
    const TimestampTz due = std::max(now_, job.run_at.value_or(now_));
    values[kRunAt] = TimestampTzGetDatum(TIMESTAMP_NOT_FINITE(due) ? due : due + count_);
    values[kPayload] = job.payload != 0 ? job.payload : no_payload_;
    values[kAttempts] = Int16GetDatum(0);
    values[kMaxAttempts] = Int16GetDatum(static_cast<int16>(job.max_attempts.value_or(type.max_attempts)));
    nulls[kEvent] = !job.event;
    if (job.event) values[kEvent] = UUIDPGetDatum(&*job.event);
    text(kConcurrencyKey, job.concurrency_key);
    nulls[kConcurrencyLimit] = !job.concurrency_key;
    values[kConcurrencyLimit] = Int32GetDatum(job.concurrency_limit.value_or(1));
    text(kIdempotencyKey, job.idempotency_key);
    text(kSingletonKey, job.singleton_key);
    values[kCreatedAt] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    values[kWorkerDeaths] = Int16GetDatum(0);
    nulls[kLastError] = true;
    if (distributed_)
        rows_.add(values, nulls);
    else
        table_.add(values, nulls);
    count_++;
    if (job.run_at.value_or(now_) <= now_) {
        const std::string_view queue = job.queue.value_or(type.queue);
        if (due_queues_.find(queue) == due_queues_.end()) due_queues_.emplace(std::string(queue), true);
    }
}

int64 NewJobs::finish() {
    table_.close();
    rows_.write();
    for (const auto& [queue, due] : due_queues_) wake(queue);
    return count_;
}

}  // namespace sentinel::queue
