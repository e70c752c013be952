#include "pg/trigger.hpp"

namespace sentinel::pg {

Row::Row(HeapTuple tuple, TupleDesc desc) {
    server([&] {
        values_ = static_cast<Datum*>(palloc(sizeof(Datum) * desc->natts));
        nulls_ = static_cast<bool*>(palloc(sizeof(bool) * desc->natts));
        heap_deform_tuple(tuple, desc, values_, nulls_);
    });
}

RowTrigger::RowTrigger(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo)) throw Failure("39P01", "a trigger function was called directly");
    data_ = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_FOR_ROW(data_->tg_event) || !TRIGGER_FIRED_BEFORE(data_->tg_event) ||
        TRIGGER_FIRED_BY_DELETE(data_->tg_event))
        throw Failure("39P01", "the trigger function works before an insert or update, for each row");
}

void RowTrigger::change(int column, Datum value, bool is_null) {
    for (int at = 0; at < changes_; ++at) {
        if (columns_[at] != column) continue;
        values_[at] = value;
        nulls_[at] = is_null;
        return;
    }
    if (changes_ == kMostChanges) throw Failure("XX000", "too many changes to a row");
    columns_[changes_] = column;
    values_[changes_] = value;
    nulls_[changes_++] = is_null;
}

Datum RowTrigger::result() {
    if (changes_ == 0) return PointerGetDatum(new_tuple());
    return server([&] {
        MemoryContext old = MemoryContextSwitchTo(context_);
        HeapTuple changed = heap_modify_tuple_by_cols(new_tuple(), RelationGetDescr(table()), changes_,
                                                      columns_, values_, nulls_);
        MemoryContextSwitchTo(old);
        return PointerGetDatum(changed);
    });
}

}  // namespace sentinel::pg
