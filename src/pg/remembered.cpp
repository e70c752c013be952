#include "pg/remembered.hpp"

namespace sentinel::pg {

void RememberedTable::watch() {
    CacheRegisterRelcacheCallback(told, PointerGetDatum(this));
}

void RememberedTable::told(Datum self, Oid relation) {
    auto* table = static_cast<RememberedTable*>(static_cast<void*>(DatumGetPointer(self)));
    if (!OidIsValid(relation) || relation == table->oid_) table->changed_ = true;
}

bool RememberedTable::is_old() {
    const TimestampTz now = GetCurrentTimestamp();
    if (!changed_ && std::abs(now - read_at_) <= kKeptFor) return false;
    // First the mark and then the reading: a change told while we read is read again. What an old snapshot
    // shows is never kept.
    changed_ = IsolationUsesXactSnapshot();
    read_at_ = now;
    oid_ = relation_oid(table_);
    return true;
}

}  // namespace sentinel::pg

// Let all sessions read a small table of rules anew: this one now, the others when the transaction commits.
SENTINEL_FUNCTION(sentinel_table_changed) {
    const Oid table = PG_GETARG_OID(0);
    sentinel::pg::server([&] { CacheInvalidateRelcacheByRelid(table); });
    PG_RETURN_VOID();
}
