#include "wake.hpp"

#include "pg/table.hpp"
#include "pg/text.hpp"

extern "C" {
#include "common/hashfn.h"
#include "utils/fmgrprotos.h"
}

namespace sentinel::queue {

namespace {

bool notify_workers = true;

constexpr unsigned kBits = 62;

int64 bit_of(std::string_view queue) {
    std::string name(queue);
    const uint32 hash = pg::server([&] { return string_hash(name.c_str(), name.size() + 1); });
    return int64{1} << (hash % kBits);
}

// The sequence sentinel.idle_queues as a word of bits. Two sessions may change it at once and one change be
// lost: the worker concerned then finds its jobs by polling.
int64 read_bits(Oid sequence) {
    return pg::server([&] {
        LOCAL_FCINFO(call, 1);
        InitFunctionCallInfoData(*call, nullptr, 1, InvalidOid, nullptr, nullptr);
        call->args[0].value = ObjectIdGetDatum(sequence);
        call->args[0].isnull = false;
        Datum value = pg_sequence_last_value(call);
        return call->isnull ? int64{0} : DatumGetInt64(value);
    });
}

void write_bits(Oid sequence, int64 bits) {
    pg::server([&] { DirectFunctionCall2(setval_oid, ObjectIdGetDatum(sequence), Int64GetDatum(bits)); });
}

void wake_bits(int64 wanted) {
    if (!notify_workers) return;
    const Oid sequence = pg::relation_oid("idle_queues");
    const int64 idle = read_bits(sequence);
    if ((idle & wanted) == 0) return;
    write_bits(sequence, idle & ~wanted);
    pg::server([] { Async_Notify("sentinel_jobs", ""); });
}

}  // namespace

void note_idle(std::string_view queue) {
    const Oid sequence = pg::relation_oid("idle_queues");
    const int64 idle = read_bits(sequence);
    if ((idle & bit_of(queue)) == 0) write_bits(sequence, idle | bit_of(queue));
}

void wake(std::string_view queue) {
    wake_bits(bit_of(queue));
}

void wake_all() {
    wake_bits(-1);
}

void define_settings() {
    DefineCustomBoolVariable(
        "sentinel.notify", "Wake workers by NOTIFY when jobs are enqueued.",
        "Off saves a lock at commit under heavy load; workers then find jobs by polling.", &notify_workers,
        true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

}  // namespace sentinel::queue

// Wake listening workers when the transaction commits: those of one queue, or of all.
SENTINEL_FUNCTION(sentinel_wake_workers) {
    if (PG_NARGS() == 0 || PG_ARGISNULL(0))
        sentinel::queue::wake_all();
    else
        sentinel::queue::wake(sentinel::pg::view(PG_GETARG_DATUM(0)));
    PG_RETURN_VOID();
}
