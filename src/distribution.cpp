#include "distribution.hpp"

#include "pg/spi.hpp"
#include "pg/table.hpp"

extern "C" {
#include "access/table.h"
#include "utils/snapmgr.h"
}

namespace sentinel {

bool distribution_known = false;
bool distribution_found = false;

namespace {

Oid distribution_table = InvalidOid;

void forget_distribution(Datum, Oid relation) {
    if (!OidIsValid(relation) || relation == distribution_table) distribution_known = false;
}

// Not by SQL: a transaction that began before must see it too, or its jobs would go where nobody finds them.
bool has_rows(Oid table) {
    return pg::server([&] {
        Relation relation = table_open(table, AccessShareLock);
        Snapshot newest = RegisterSnapshot(GetLatestSnapshot());
        TableScanDesc scan = table_beginscan(relation, newest, 0, nullptr);
        TupleTableSlot* slot = table_slot_create(relation, nullptr);
        const bool found = table_scan_getnextslot(scan, ForwardScanDirection, slot);
        ExecDropSingleTupleTableSlot(slot);
        table_endscan(scan);
        UnregisterSnapshot(newest);
        table_close(relation, AccessShareLock);
        return found;
    });
}

}  // namespace

bool look_for_distribution() {
    distribution_table = pg::relation_oid("distribution");
    distribution_found = OidIsValid(distribution_table) && has_rows(distribution_table);
    distribution_known = OidIsValid(distribution_table);
    pg::plan_each_call = distribution_found;
    return distribution_found;
}

void require_undistributed() {
    if (distributed())
        throw Failure("40001", "the tables have just been distributed",
                      "This call waited for that, with the tables of one machine in mind.",
                      "Try the transaction again.");
}

void watch_distribution() {
    CacheRegisterRelcacheCallback(forget_distribution, 0);
}

}  // namespace sentinel

// Trigger of sentinel.distribution: what sessions know of it is old. They hear of it at commit; after a
// rollback this one does.
SENTINEL_FUNCTION(sentinel_distribution_changed) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw sentinel::Failure("39P01", "distribution_changed() is a trigger function");
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    sentinel::pg::server([&] { CacheInvalidateRelcache(trigger->tg_relation); });
    return PointerGetDatum(nullptr);
}
