// Rows of the queue's own tables, added and removed without the executor: what a batch INSERT of COPY and a
// DELETE by place do, minus planning. Row and statement triggers of these tables do not fire, and row-level
// security does not apply: only functions of sentinel_engine come here, for tables whose rows they make
// themselves.
#pragma once

#include "pg/door.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relscan.h"
#include "access/skey.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/snapshot.h"
}

namespace sentinel::pg {

// The columns that the code expects of a table, in order. A static object: what was checked is remembered in
// it.
struct Shape {
    const char* table;
    const char* const* columns;
    int count;
    Oid checked = InvalidOid;
};

// Give the newest snapshot that the transaction may use: a fresh one, in REPEATABLE READ its only one.
// Registered; hand it to release().
Snapshot fresh_snapshot();
void release(Snapshot snapshot);

// A table opened for changes (RowExclusiveLock to the end of the transaction). Nothing is owned across an
// error: the server's resource owner closes what an error leaves open.
class Table {
 public:
    // Open the table of schema sentinel. Throws SN001 when its columns are not the expected ones.
    explicit Table(Shape& shape);
    // Open a table of the same columns by its oid, as a partition.
    Table(Shape& shape, Oid table);
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    // Keep a row for insertion; rows go in by the hundred, with all indexes. values and nulls have as many
    // entries as the shape has columns; columns behind them are null. Values are copied.
    void add(const Datum* values, const bool* nulls);

    // Insert what add() keeps.
    void flush();

    // Where the rows went, in the order of add(); complete after flush().
    const std::vector<ItemPointerData>& places() const { return places_; }

    // Fetch the row at tid if the snapshot sees it; else null. It lies in a slot of this table until the next
    // call.
    TupleTableSlot* fetch(ItemPointer tid, Snapshot snapshot);

    enum class Removal { done, held, changed };
    // Delete the row at tid. wait false: a row that another transaction changes is held. wait true: wait for
    // its end; changed when the row then is another or gone.
    Removal remove(ItemPointer tid, Snapshot snapshot, bool wait);

    // flush() and close.
    void close();

    Relation relation() const { return relation_; }

 private:
    // An index of plain columns, perhaps with a condition.
    struct Index {
        Relation relation;
        IndexInfo* info;
        ExprState* condition;
        bool minmax;
    };

    void open(Shape& shape, Oid table);
    void open_indexes();
    void open_conditions();
    bool belongs(const Index& index, TupleTableSlot* slot) const;
    void insert_entries();
    void insert_entries(const Index& index);
    void insert_entry(const Index& index, TupleTableSlot* slot);

    Relation relation_ = nullptr;
    bool indexes_open_ = false;
    std::vector<Index> indexes_;
    ResultRelInfo* all_indexes_ = nullptr;  // when one of them is beyond us
    EState* state_ = nullptr;               // when something is to be computed
    TupleDesc desc_ = nullptr;              // a copy, which slots need not count
    TupleTableSlot* fetched_ = nullptr;
    std::vector<TupleTableSlot*> slots_;
    std::vector<ItemPointerData> places_;
    BlockNumber blocks_ = 0;
    int kept_ = 0;
    size_t bytes_ = 0;
    int columns_ = 0;
};

// One condition on a column of an index: strategy as BTEqualStrategyNumber, function as F_UUID_EQ.
struct Condition {
    AttrNumber column;
    StrategyNumber strategy;
    RegProcedure function;
    Datum value;
};

// Walk an index of an open table in order. Always the same number of conditions.
class IndexScan {
 public:
    // index: its name in schema sentinel.
    IndexScan(const Table& table, const char* index, Snapshot snapshot, int conditions);
    IndexScan(const IndexScan&) = delete;
    IndexScan& operator=(const IndexScan&) = delete;

    void seek(const Condition* conditions);
    // Look through another snapshot from the next seek() on; the caller keeps it registered until close().
    void use(Snapshot snapshot) { scan_->xs_snapshot = snapshot; }
    // Go to the next visible row; false when there is none. Its columns lie in row() until the next call.
    bool next();
    // Value of a column (from 1) of the row; null gives nullopt.
    std::optional<Datum> cell(int column);
    // All columns of the row: values and nulls of the slot.
    TupleTableSlot* row();
    // Go on to the next entry, whatever the snapshot says of its row; nothing when there is none.
    std::optional<ItemPointerData> next_place();
    // Let entry() be asked, from the next seek() on.
    void want_entries() { scan_->xs_want_itup = true; }
    // A column of the entry that next_place() came to; it is not null.
    Datum entry(int column);
    // Fetch the row of that entry into row(); false when the snapshot does not see it.
    bool fetch();
    void close();

 private:
    static constexpr int kMost = 4;
    int count_;
    Relation index_ = nullptr;
    IndexScanDesc scan_ = nullptr;
    TupleTableSlot* slot_ = nullptr;
    ScanKeyData keys_[kMost];
};

// Whether a row that a snapshot sees has been taken away since, perhaps by a transaction that is still open:
// remove() would say so too, for the price of a lock on its page.
bool is_being_removed(TupleTableSlot* row);

// Oid of a relation of a schema; InvalidOid when there is none.
Oid relation_oid(const char* name, const char* schema = "sentinel");

}  // namespace sentinel::pg
