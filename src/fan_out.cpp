// Room events: each new event with the jobs that the routes of its organisation name, in one pass over the
// statement's rows.
#include "new_jobs.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "uuid7.hpp"

extern "C" {
#include "utils/datetime.h"
#include "utils/json.h"
}

using sentinel::Failure;
namespace pg = sentinel::pg;
namespace queue = sentinel::queue;

namespace {

enum Event : int { kOrg = 1, kId, kGeneration, kXid, kSeq, kType, kSubjectType, kSubjectId, kPayload };

const Oid kRouteTypes[] = {UUIDOID, TEXTOID};
pg::Statement find_routes = {
    "SELECT r.job_type FROM sentinel.event_routes r WHERE r.org_id OPERATOR(pg_catalog.=) $1"
    " AND r.event_type OPERATOR(pg_catalog.=) $2 AND r.enabled ORDER BY r.job_type",
    2, kRouteTypes};

using Routes = std::map<std::string, std::vector<std::string>>;

const std::vector<std::string>& routes_of(Routes& known, Datum org, std::string_view type) {
    std::string key(static_cast<const char*>(static_cast<const void*>(DatumGetUUIDP(org)->data)), UUID_LEN);
    key.append(type);
    const auto found = known.find(key);
    if (found != known.end()) return found->second;
    Datum arguments[] = {org, pg::text_datum(type)};
    const uint64 count = find_routes.run(arguments);
    std::vector<std::string> jobs;
    for (uint64 row = 0; row < count; row++) jobs.push_back(pg::text_cell(row, 1));
    return known.emplace(std::move(key), std::move(jobs)).first->second;
}

void push_text(JsonbParseState** state, const char* key, const char* text) {
    JsonbValue value;
    value.type = jbvString;
    value.val.string.val = const_cast<char*>(key);
    value.val.string.len = static_cast<int>(strlen(key));
    pushJsonbValue(state, WJB_KEY, &value);
    if (text == nullptr) {
        value.type = jbvNull;
    } else {
        value.val.string.val = const_cast<char*>(text);
        value.val.string.len = static_cast<int>(strlen(text));
    }
    pushJsonbValue(state, WJB_VALUE, &value);
}

char* uuid_or_null(Datum value, bool is_null) {
    return is_null ? nullptr : DatumGetCString(DirectFunctionCall1(uuid_out, value));
}

// The payload of a job that an event causes. Server calls only.
Datum job_payload(TupleTableSlot* event, int recorded_at) {
    JsonbParseState* state = nullptr;
    char stamp[MAXDATELEN + 1];
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    push_text(&state, "event_id", uuid_or_null(event->tts_values[kId - 1], false));
    push_text(&state, "event_type", TextDatumGetCString(event->tts_values[kType - 1]));
    push_text(&state, "subject_type",
              event->tts_isnull[kSubjectType - 1] ? nullptr
                                                  : TextDatumGetCString(event->tts_values[kSubjectType - 1]));
    push_text(&state, "subject_id",
              uuid_or_null(event->tts_values[kSubjectId - 1], event->tts_isnull[kSubjectId - 1]));
    push_text(&state, "recorded_at",
              JsonEncodeDateTime(stamp, event->tts_values[recorded_at - 1], TIMESTAMPTZOID, nullptr));
    JsonbValue value;
    value.type = jbvString;
    value.val.string.val = const_cast<char*>("payload");
    value.val.string.len = 7;
    pushJsonbValue(&state, WJB_KEY, &value);
    Jsonb* payload = DatumGetJsonbP(event->tts_values[kPayload - 1]);
    if (JB_ROOT_IS_SCALAR(payload)) {
        JsonbValue* scalar = getIthJsonbValueFromContainer(&payload->root, 0);
        pushJsonbValue(&state, WJB_VALUE, scalar);
    } else {
        value.type = jbvBinary;
        value.val.binary.data = &payload->root;
        value.val.binary.len = static_cast<int>(VARSIZE(payload) - VARHDRSZ);
        pushJsonbValue(&state, WJB_VALUE, &value);
    }
    return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

}  // namespace

SENTINEL_FUNCTION(sentinel_fan_out_events) {
    if (!CALLED_AS_TRIGGER(fcinfo)) throw Failure("39P01", "fan_out_events() is a trigger function");
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (trigger->tg_newtable == nullptr)
        throw Failure(
            "39P01", "fan_out_events() needs the new rows of the statement", "",
            "CREATE TRIGGER ... AFTER INSERT ... REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT");
    pg::Spi spi;
    queue::NewJobs jobs;
    Routes routes;
    TupleDesc desc = RelationGetDescr(trigger->tg_relation);
    const int recorded_at = pg::server([&] { return SPI_fnumber(desc, "recorded_at"); });
    TupleTableSlot* event = pg::server([&] { return MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple); });
    MemoryContext each = pg::server([] {
        return AllocSetContextCreate(CurrentMemoryContext, "sentinel fan-out", ALLOCSET_DEFAULT_SIZES);
    });
    pg::server([&] { tuplestore_rescan(trigger->tg_newtable); });
    while (pg::server([&] { return tuplestore_gettupleslot(trigger->tg_newtable, true, false, event); })) {
        pg::server([&] { slot_getallattrs(event); });
        const pg_uuid_t org = *DatumGetUUIDP(event->tts_values[kOrg - 1]);
        const auto& causes =
            routes_of(routes, event->tts_values[kOrg - 1], pg::view(event->tts_values[kType - 1]));
        if (causes.empty()) continue;
        queue::NewJob job;
        job.event = *DatumGetUUIDP(event->tts_values[kId - 1]);
        job.payload = pg::server([&] {
            MemoryContextReset(each);
            MemoryContext outer = MemoryContextSwitchTo(each);
            Datum payload = job_payload(event, recorded_at);
            MemoryContextSwitchTo(outer);
            return payload;
        });
        for (const std::string& type : causes) {
            job.id = sentinel::make_uuid7();
            job.type = type;
            jobs.check(job);
            jobs.add(org, job);
        }
    }
    pg::server([&] { ExecDropSingleTupleTableSlot(event); });
    jobs.finish();
    spi.finish();
    return PointerGetDatum(nullptr);
}
