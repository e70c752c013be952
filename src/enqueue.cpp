// Room jobs: enqueue, alone and in batches.
#include "identity.hpp"
#include "install.hpp"
#include "new_jobs.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "rights.hpp"
#include "uuid7.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
}

using sentinel::Failure;
namespace pg = sentinel::pg;
namespace queue = sentinel::queue;

namespace {

// The organisation that the caller may enqueue for. Another than the one entered is for the functions of
// sentinel_engine and for administrators.
pg_uuid_t org_for(const pg_uuid_t* asked) {
    sentinel::require_installed();
    const sentinel::Identity& me = sentinel::identity();
    if (asked != nullptr && !(me.has_org && memcmp(asked->data, me.org.data, UUID_LEN) == 0)) {
        sentinel::require_engine();
        return *asked;
    }
    if (!me.has_org)
        throw Failure(
            sentinel::kNoOrganisation, "no organisation entered",
            "Jobs belong to an organisation; a session names the one it works for.",
            "SELECT sentinel.enter(org_id) FROM sentinel.orgs; lasts to the end of the transaction, with "
            "session => true to the end of the session.");
    sentinel::require_contributor();
    return me.org;
}

std::optional<std::string_view> text_argument(FunctionCallInfo fcinfo, int place) {
    if (PG_ARGISNULL(place)) return std::nullopt;
    return pg::view(PG_GETARG_DATUM(place));
}

std::optional<int> int_argument(FunctionCallInfo fcinfo, int place) {
    if (PG_ARGISNULL(place)) return std::nullopt;
    return PG_GETARG_INT32(place);
}

Datum plain_jsonb(Datum value) {
    return pg::server([&] { return PointerGetDatum(DatumGetJsonbP(value)); });
}

// ---- a batch as jsonb

[[noreturn]] void refuse_batch(const std::string& what) {
    throw Failure(sentinel::kInvalidInput, what,
                  "Jobs are an array of objects with the argument names of enqueue().",
                  "Use '[{\"job_type\": \"my_job\", \"payload\": {}}]'.");
}

// A field of an object as text; nothing for null and when there is none.
std::optional<std::string_view> field(JsonbContainer* object, std::string_view name) {
    return pg::server([&]() -> std::optional<std::string_view> {
        JsonbValue held;
        JsonbValue* value =
            getKeyJsonValueFromContainer(object, name.data(), static_cast<int>(name.size()), &held);
        if (value == nullptr || value->type == jbvNull) return std::nullopt;
        if (value->type == jbvString)
            return std::string_view(value->val.string.val, static_cast<size_t>(value->val.string.len));
        char* text = JsonbToCString(nullptr, &JsonbValueToJsonb(value)->root, 0);
        return std::string_view(text, strlen(text));
    });
}

std::optional<int> int_field(JsonbContainer* object, std::string_view name) {
    const auto text = field(object, name);
    if (!text) return std::nullopt;
    const char* digits = pg::c_string(*text);
    return pg::server([&] { return DatumGetInt32(DirectFunctionCall1(int4in, CStringGetDatum(digits))); });
}

std::optional<TimestampTz> time_field(JsonbContainer* object, std::string_view name) {
    const auto text = field(object, name);
    if (!text) return std::nullopt;
    const char* stamp = pg::c_string(*text);
    return pg::server([&] {
        return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(stamp),
                                                       ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    });
}

Datum payload_field(JsonbContainer* object) {
    return pg::server([&]() -> Datum {
        JsonbValue held;
        JsonbValue* value = getKeyJsonValueFromContainer(object, "payload", 7, &held);
        return value == nullptr || value->type == jbvNull ? 0 : JsonbPGetDatum(JsonbValueToJsonb(value));
    });
}

queue::NewJob read_job(JsonbContainer* object) {
    queue::NewJob job;
    job.id = sentinel::make_uuid7();
    const auto type = field(object, "job_type");
    if (!type) refuse_batch("a job without job_type");
    job.type = *type;
    job.payload = payload_field(object);
    job.queue = field(object, "queue");
    job.priority = int_field(object, "priority");
    job.max_attempts = int_field(object, "max_attempts");
    job.run_at = time_field(object, "run_at");
    job.idempotency_key = field(object, "idempotency_key");
    job.singleton_key = field(object, "singleton_key");
    job.concurrency_key = field(object, "concurrency_key");
    job.concurrency_limit = int_field(object, "concurrency_limit");
    return job;
}

std::vector<queue::NewJob> read_jobs(Datum batch) {
    Jsonb* jobs = pg::server([&] { return DatumGetJsonbP(batch); });
    if (!JB_ROOT_IS_ARRAY(jobs) || JB_ROOT_IS_SCALAR(jobs)) refuse_batch("jobs are no array");
    std::vector<queue::NewJob> out;
    out.reserve(JB_ROOT_COUNT(jobs));
    JsonbIterator* walk = pg::server([&] { return JsonbIteratorInit(&jobs->root); });
    JsonbValue value;
    // The first token opens the array; objects come whole, because nested values are skipped.
    pg::server([&] { return JsonbIteratorNext(&walk, &value, true); });
    while (pg::server([&] { return JsonbIteratorNext(&walk, &value, true); }) == WJB_ELEM) {
        if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
            refuse_batch("job " + std::to_string(out.size() + 1) + " is no object");
        out.push_back(read_job(value.val.binary.data));
    }
    return out;
}

// A member who is neither owner nor admin: such a one's jobs are those of types open to members.
bool is_limited() {
    return sentinel::identity().has_member && !sentinel::may("assign", nullptr, nullptr);
}

int64 add_all(const pg_uuid_t& org, const std::vector<queue::NewJob>& jobs) {
    queue::NewJobs batch;
    bool keyed = false;
    const bool limited = is_limited();
    for (const auto& job : jobs) {
        batch.check(job);
        if (limited) queue::require_open_to_members(job.type);
        keyed = keyed || job.idempotency_key || job.singleton_key;
    }
    std::vector<pg_uuid_t> holders;
    if (keyed) holders = queue::take_keys(org, jobs);
    for (size_t i = 0; i < jobs.size(); i++)
        if (!keyed || memcmp(holders[i].data, jobs[i].id.data, UUID_LEN) == 0) batch.add(org, jobs[i]);
    return batch.finish();
}

}  // namespace

SENTINEL_FUNCTION(sentinel_enqueue) {
    const pg_uuid_t org = org_for(PG_ARGISNULL(10) ? nullptr : PG_GETARG_UUID_P(10));
    if (PG_ARGISNULL(0))
        throw Failure("22004", "the job type is null", "", "SELECT job_type FROM sentinel.job_types;");
    pg::Spi spi;
    queue::NewJob job;
    job.id = sentinel::make_uuid7();
    job.type = pg::view(PG_GETARG_DATUM(0));
    if (!PG_ARGISNULL(1)) job.payload = plain_jsonb(PG_GETARG_DATUM(1));
    job.queue = text_argument(fcinfo, 2);
    job.priority = int_argument(fcinfo, 3);
    if (!PG_ARGISNULL(4)) job.run_at = PG_GETARG_TIMESTAMPTZ(4);
    job.idempotency_key = text_argument(fcinfo, 5);
    job.max_attempts = int_argument(fcinfo, 6);
    job.singleton_key = text_argument(fcinfo, 7);
    job.concurrency_key = text_argument(fcinfo, 8);
    job.concurrency_limit = int_argument(fcinfo, 9);

    queue::NewJobs batch;
    batch.check(job);
    if (is_limited()) queue::require_open_to_members(job.type);
    pg_uuid_t holder = job.id;
    if (job.idempotency_key || job.singleton_key) holder = queue::take_keys(org, {job})[0];
    if (memcmp(holder.data, job.id.data, UUID_LEN) == 0) batch.add(org, job);
    batch.finish();
    spi.finish();
    auto* id = static_cast<pg_uuid_t*>(pg::server([] { return palloc(sizeof(pg_uuid_t)); }));
    *id = holder;
    return UUIDPGetDatum(id);
}

// enqueue_many(jobs jsonb)
SENTINEL_FUNCTION(sentinel_enqueue_many) {
    const pg_uuid_t org = org_for(nullptr);
    if (PG_ARGISNULL(0)) refuse_batch("jobs are null");
    pg::Spi spi;
    const int64 added = add_all(org, read_jobs(PG_GETARG_DATUM(0)));
    spi.finish();
    PG_RETURN_INT64(added);
}

// enqueue_many(job_type text, payloads jsonb[], queue text, priority integer, run_at timestamptz,
// max_attempts integer)
SENTINEL_FUNCTION(sentinel_enqueue_payloads) {
    const pg_uuid_t org = org_for(nullptr);
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) refuse_batch("the job type or the payloads are null");
    pg::Spi spi;
    Datum* payloads = nullptr;
    bool* absent = nullptr;
    int count = 0;
    pg::server([&] {
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), JSONBOID, -1, false, TYPALIGN_INT, &payloads, &absent,
                          &count);
    });
    queue::NewJob job;
    job.type = pg::view(PG_GETARG_DATUM(0));
    job.queue = text_argument(fcinfo, 2);
    job.priority = int_argument(fcinfo, 3);
    if (!PG_ARGISNULL(4)) job.run_at = PG_GETARG_TIMESTAMPTZ(4);
    job.max_attempts = int_argument(fcinfo, 5);
    queue::NewJobs batch;
    if (is_limited()) queue::require_open_to_members(job.type);
    for (int i = 0; i < count; i++) {
        job.id = sentinel::make_uuid7();
        job.payload = absent[i] ? 0 : payloads[i];
        batch.check(job);
        batch.add(org, job);
    }
    const int64 added = batch.finish();
    spi.finish();
    PG_RETURN_INT64(added);
}
