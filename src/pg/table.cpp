#include "pg/table.hpp"

#include "pg/summary.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/heapam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "tcop/utility.h"
#include "utils/snapmgr.h"
}

namespace sentinel::pg {

namespace {

constexpr int kRowsAtOnce = 500;
constexpr size_t kBytesAtOnce = size_t{1} << 20;

// The server's own error would name the column only; the remedy is always the same.
[[noreturn]] void refuse_shape(const char* table) {
    throw Failure(
        kNotInstalled, "table sentinel." + std::string(table) + " is not as this library expects",
        "Its columns are made by install() and stay in their order; columns of your own go behind them.",
        "SELECT sentinel.install();");
}

void check_shape(Shape& shape, Relation relation) {
    TupleDesc desc = RelationGetDescr(relation);
    if (desc->natts < shape.count) refuse_shape(shape.table);
    for (int column = 0; column < shape.count; column++) {
        Form_pg_attribute attribute = TupleDescAttr(desc, column);
        if (attribute->attisdropped || strcmp(NameStr(attribute->attname), shape.columns[column]) != 0)
            refuse_shape(shape.table);
    }
    for (int column = shape.count; column < desc->natts; column++) {
        Form_pg_attribute attribute = TupleDescAttr(desc, column);
        if (attribute->attisdropped || !attribute->attnotnull) continue;
        throw Failure(
            kNotInstalled,
            "column \"" + std::string(NameStr(attribute->attname)) + "\" of sentinel." + shape.table +
                " is NOT NULL",
            "The queue writes its own columns only; those that you add are null.",
            "ALTER TABLE sentinel." + std::string(shape.table) + " ALTER COLUMN ... DROP NOT NULL;");
    }
    shape.checked = RelationGetRelid(relation);
}

// One tuple of the table's form. A value that lies outside its row is fetched, since its row may go.
HeapTuple form_row(TupleDesc desc, const Datum* given, const bool* absent, int count) {
    Datum values[MaxHeapAttributeNumber];
    bool nulls[MaxHeapAttributeNumber];
    for (int column = 0; column < desc->natts; column++) {
        nulls[column] = column >= count || absent[column];
        values[column] = nulls[column] ? static_cast<Datum>(0) : given[column];
        if (nulls[column] || TupleDescAttr(desc, column)->attlen != -1) continue;
        auto* value = static_cast<struct varlena*>(static_cast<void*>(DatumGetPointer(values[column])));
        if (VARATT_IS_EXTERNAL(value)) values[column] = PointerGetDatum(detoast_external_attr(value));
    }
    return heap_form_tuple(desc, values, nulls);
}

bool is_plain(Relation index, const IndexInfo* info) {
    return info->ii_Expressions == NIL && info->ii_ExclusionOps == nullptr &&
           (!info->ii_Unique || index->rd_index->indimmediate);
}

}  // namespace

Oid relation_oid(const char* name, const char* schema) {
    return server([&] { return get_relname_relid(name, get_namespace_oid(schema, false)); });
}

Snapshot fresh_snapshot() {
    return server([] {
        return RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
    });
}

void release(Snapshot snapshot) {
    server([&] { UnregisterSnapshot(snapshot); });
}

Table::Table(Shape& shape) {
    Oid table = relation_oid(shape.table);
    if (!OidIsValid(table)) refuse_shape(shape.table);
    open(shape, table);
}

Table::Table(Shape& shape, Oid table) {
    open(shape, table);
}

void Table::open(Shape& shape, Oid table) {
    columns_ = shape.count;
    server([] {
        PreventCommandIfReadOnly("a change of the queue");
        PreventCommandIfParallelMode("a change of the queue");
    });
    relation_ = server([&] { return table_open(table, RowExclusiveLock); });
    if (shape.checked != table) check_shape(shape, relation_);
}

void Table::add(const Datum* values, const bool* nulls) {
    if (kept_ == static_cast<int>(slots_.size()))
        slots_.push_back(server([&] {
            if (desc_ == nullptr) desc_ = CreateTupleDescCopy(RelationGetDescr(relation_));
            return MakeSingleTupleTableSlot(desc_, &TTSOpsHeapTuple);
        }));
    TupleTableSlot* slot = slots_[static_cast<size_t>(kept_)];
    server([&] {
        HeapTuple tuple = form_row(RelationGetDescr(relation_), values, nulls, columns_);
        tuple->t_tableOid = RelationGetRelid(relation_);
        ExecStoreHeapTuple(tuple, slot, true);
        slot->tts_tableOid = RelationGetRelid(relation_);
        bytes_ += tuple->t_len;
    });
    if (++kept_ == kRowsAtOnce || bytes_ >= kBytesAtOnce) flush();
}

// Indexes of expressions, which somebody may have added, are left to the executor.
void Table::open_indexes() {
    if (indexes_open_) return;
    indexes_open_ = true;
    bool plain = true;
    List* oids = server([&] { return RelationGetIndexList(relation_); });
    for (int i = 0; i < list_length(oids); i++) {
        Index index{};
        server([&] {
            index.relation = index_open(list_nth_oid(oids, i), RowExclusiveLock);
            index.info = BuildIndexInfo(index.relation);
        });
        plain = plain && is_plain(index.relation, index.info);
        index.minmax = index.info->ii_Predicate == NIL && is_minmax(index.relation);
        indexes_.push_back(index);
    }
    if (plain) return open_conditions();
    server([&] {
        for (const Index& index : indexes_) index_close(index.relation, NoLock);
        state_ = CreateExecutorState();
        all_indexes_ = makeNode(ResultRelInfo);
        InitResultRelInfo(all_indexes_, relation_, 0, nullptr, 0);
        ExecOpenIndices(all_indexes_, false);
    });
    indexes_.clear();
}

void Table::open_conditions() {
    server([&] {
        for (Index& index : indexes_) {
            if (index.info->ii_Predicate == NIL) continue;
            if (state_ == nullptr) state_ = CreateExecutorState();
            index.condition = ExecPrepareQual(index.info->ii_Predicate, state_);
        }
    });
}

// Runs inside server().
bool Table::belongs(const Index& index, TupleTableSlot* slot) const {
    if (!index.info->ii_ReadyForInserts) return false;
    if (index.condition == nullptr) return true;
    ExprContext* context = GetPerTupleExprContext(state_);
    context->ecxt_scantuple = slot;
    const bool holds = ExecQual(index.condition, context);
    ResetPerTupleExprContext(state_);
    return holds;
}

// Runs inside server().
void Table::insert_entry(const Index& index, TupleTableSlot* slot) {
    if (!belongs(index, slot)) return;
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    FormIndexDatum(index.info, slot, nullptr, values, nulls);
    index_insert(index.relation, values, nulls, &slot->tts_tid, relation_,
                 index.info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, index.info);
}

void Table::insert_entries(const Index& index) {
    if (!index.minmax) {
        server([&] {
            for (int row = 0; row < kept_; row++) insert_entry(index, slots_[static_cast<size_t>(row)]);
        });
        return;
    }
    bool told[kRowsAtOnce] = {};
    const auto page = [&](int row) {
        return ItemPointerGetBlockNumberNoCheck(&slots_[static_cast<size_t>(row)]->tts_tid);
    };
    for (int from = 0, to = 1; from < kept_; from = to++) {
        while (to < kept_ && page(to) == page(from)) to++;
        mark_extremes(index.relation, index.info, slots_.data(), from, to, told);
    }
    server([&] {
        for (int row = 0; row < kept_; row++)
            if (told[row]) insert_entry(index, slots_[static_cast<size_t>(row)]);
    });
}

void Table::insert_entries() {
    for (const Index& index : indexes_) insert_entries(index);
    if (all_indexes_ == nullptr) return;
    server([&] {
        for (int row = 0; row < kept_; row++) {
            TupleTableSlot* slot = slots_[static_cast<size_t>(row)];
#if PG_VERSION_NUM >= 160000
            ExecInsertIndexTuples(all_indexes_, slot, state_, false, false, nullptr, NIL, false);
#else
            ExecInsertIndexTuples(all_indexes_, slot, state_, false, false, nullptr, NIL);
#endif
            ResetPerTupleExprContext(state_);
        }
    });
}

void Table::flush() {
    if (kept_ == 0) return;
    open_indexes();
    TupleTableSlot** slots = slots_.data();
    places_.resize(places_.size() + static_cast<size_t>(kept_));
    ItemPointerData* places = places_.data() + places_.size() - kept_;
    server([&] { table_multi_insert(relation_, slots, kept_, GetCurrentCommandId(true), 0, nullptr); });
    insert_entries();
    server([&] {
        for (int row = 0; row < kept_; row++) {
            places[row] = slots[row]->tts_tid;
            ExecClearTuple(slots[row]);
        }
    });
    kept_ = 0;
    bytes_ = 0;
}

TupleTableSlot* Table::fetch(ItemPointer tid, Snapshot snapshot) {
    return server([&]() -> TupleTableSlot* {
        if (fetched_ == nullptr) {
            // Vacuum may have cut the end off before we locked the table; while we hold it open it cannot.
            blocks_ = RelationGetNumberOfBlocks(relation_);
            fetched_ = table_slot_create(relation_, nullptr);
        }
        if (ItemPointerGetBlockNumber(tid) >= blocks_) return nullptr;
        if (!table_tuple_fetch_row_version(relation_, tid, snapshot, fetched_)) return nullptr;
        slot_getallattrs(fetched_);
        return fetched_;
    });
}

bool is_being_removed(TupleTableSlot* row) {
    if (!TTS_IS_BUFFERTUPLE(row)) return false;
    const auto* slot = static_cast<BufferHeapTupleTableSlot*>(static_cast<void*>(row));
    // Looking whether it is visible has marked the end of a transaction that was rolled back.
    const uint16 mask = slot->base.tuple->t_data->t_infomask;
    return (mask & (HEAP_XMAX_INVALID | HEAP_XMAX_IS_MULTI)) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(mask);
}

Table::Removal Table::remove(ItemPointer tid, Snapshot snapshot, bool wait) {
    return server([&] {
        TM_FailureData why;
        // As of the snapshot: a row that this transaction has deleted since is then changed, and no error.
        GetCurrentCommandId(true);
        TM_Result result = table_tuple_delete(relation_, tid, snapshot->curcid, snapshot, InvalidSnapshot,
                                              wait, &why, false);
        if (result == TM_Ok) return Removal::done;
        if (result == TM_BeingModified) return Removal::held;
        if (wait && result == TM_Updated && IsolationUsesXactSnapshot())
            ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                            errmsg("could not serialize access due to concurrent update")));
        return Removal::changed;
    });
}

void Table::close() {
    flush();
    for (TupleTableSlot* slot : slots_) server([&] { ExecDropSingleTupleTableSlot(slot); });
    slots_.clear();
    server([&] {
        for (const Index& index : indexes_) {
#if PG_VERSION_NUM >= 170000
            index_insert_cleanup(index.relation, index.info);
#endif
            index_close(index.relation, NoLock);
        }
        if (all_indexes_ != nullptr) ExecCloseIndices(all_indexes_);
        if (state_ != nullptr) FreeExecutorState(state_);
        if (fetched_ != nullptr) ExecDropSingleTupleTableSlot(fetched_);
        table_close(relation_, NoLock);
    });
}

IndexScan::IndexScan(const Table& table, const char* index, Snapshot snapshot, int conditions)
    : count_(conditions) {
    Oid oid = relation_oid(index);
    server([&] {
        index_ = index_open(oid, AccessShareLock);
#if PG_VERSION_NUM >= 180000
        scan_ = index_beginscan(table.relation(), index_, snapshot, nullptr, count_, 0);
#else
        scan_ = index_beginscan(table.relation(), index_, snapshot, count_, 0);
#endif
        slot_ = table_slot_create(table.relation(), nullptr);
    });
}

void IndexScan::seek(const Condition* conditions) {
    server([&] {
        for (int i = 0; i < count_; i++)
            ScanKeyEntryInitialize(&keys_[i], 0, conditions[i].column, conditions[i].strategy, InvalidOid,
                                   index_->rd_indcollation[conditions[i].column - 1], conditions[i].function,
                                   conditions[i].value);
        index_rescan(scan_, keys_, count_, nullptr, 0);
    });
}

bool IndexScan::next() {
    return server([&] { return index_getnext_slot(scan_, ForwardScanDirection, slot_); });
}

std::optional<ItemPointerData> IndexScan::next_place() {
    const ItemPointer place = server([&] { return index_getnext_tid(scan_, ForwardScanDirection); });
    if (place == nullptr) return std::nullopt;
    return *place;
}

Datum IndexScan::entry(int column) {
    bool is_null = false;
    return server([&] { return index_getattr(scan_->xs_itup, column, scan_->xs_itupdesc, &is_null); });
}

bool IndexScan::fetch() {
    return server([&] { return index_fetch_heap(scan_, slot_); });
}

std::optional<Datum> IndexScan::cell(int column) {
    bool is_null = false;
    Datum value = server([&] { return slot_getattr(slot_, column, &is_null); });
    if (is_null) return std::nullopt;
    return value;
}

TupleTableSlot* IndexScan::row() {
    server([&] { slot_getallattrs(slot_); });
    return slot_;
}

void IndexScan::close() {
    server([&] {
        ExecDropSingleTupleTableSlot(slot_);
        index_endscan(scan_);
        index_close(index_, NoLock);
    });
}

}  // namespace sentinel::pg
