// Row triggers in C++: columns by name, the old and the new row, and changes to the new one.
#pragma once

#include "pg/door.hpp"

namespace sentinel::pg {

// Numbers of named columns of one table, looked up once per session and again when the table's shape changes.
// Must be a static object: it owns nothing that needs a destructor.
template <size_t N>
struct Columns {
    const char* names[N];
    Oid relation = InvalidOid;
    int width = 0;
    int numbers[N] = {};

    // Look the names up in a table. Throws Failure 42703 when one is missing.
    void resolve(Relation table) {
        if (relation == RelationGetRelid(table) && width == RelationGetNumberOfAttributes(table)) return;
        for (size_t at = 0; at < N; ++at) {
            numbers[at] = server([&] { return SPI_fnumber(RelationGetDescr(table), names[at]); });
            if (numbers[at] <= 0)
                throw Failure("42703", "column \"" + std::string(names[at]) + "\" of relation \"" +
                                           RelationGetRelationName(table) + "\" does not exist");
        }
        width = RelationGetNumberOfAttributes(table);
        relation = RelationGetRelid(table);
    }
};

// One row's values, unpacked once. Values point into the tuple.
class Row {
 public:
    Row(HeapTuple tuple, TupleDesc desc);

    bool is_null(int column) const { return nulls_[column - 1]; }
    Datum operator[](int column) const { return values_[column - 1]; }

 private:
    Datum* values_;
    bool* nulls_;
};

// The call of a BEFORE row trigger.
class RowTrigger {
 public:
    // Throws Failure 39P01 when the function was not called as a row trigger.
    explicit RowTrigger(FunctionCallInfo fcinfo);

    bool inserting() const { return TRIGGER_FIRED_BY_INSERT(data_->tg_event); }
    Relation table() const { return data_->tg_relation; }
    Row old_row() const { return {data_->tg_trigtuple, RelationGetDescr(table())}; }
    Row new_row() const { return {new_tuple(), RelationGetDescr(table())}; }

    // Tell whether the UPDATE statement names the column.
    bool names_column(int column) const {
        return bms_is_member(column - FirstLowInvalidHeapAttributeNumber, data_->tg_updatedcols);
    }

    // Note a new value for a column of the new row.
    void set(int column, Datum value) { change(column, value, false); }
    void set_null(int column) { change(column, 0, true); }

    // Give the new row with the noted changes, the trigger's result. It lives in the memory context in which
    // this object was made: inside an SPI connection call it before finish().
    Datum result();

 private:
    static constexpr int kMostChanges = 24;

    HeapTuple new_tuple() const { return inserting() ? data_->tg_trigtuple : data_->tg_newtuple; }
    void change(int column, Datum value, bool is_null);

    TriggerData* data_;
    MemoryContext context_ = CurrentMemoryContext;
    int changes_ = 0;
    int columns_[kMostChanges] = {};
    Datum values_[kMostChanges] = {};
    bool nulls_[kMostChanges] = {};
};

}  // namespace sentinel::pg
