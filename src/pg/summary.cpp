#include "pg/summary.hpp"

extern "C" {
#include "access/brin_internal.h"
#include "access/genam.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "utils/fmgroids.h"
#include "utils/typcache.h"
}

namespace sentinel::pg {

namespace {

// One column of the index: of which rows the entries are needed for it.
void mark_column(Relation index, int key, AttrNumber column, TupleTableSlot* const* slots, int from, int to,
                 bool* told) {
    FmgrInfo* compare =
        &lookup_type_cache(TupleDescAttr(RelationGetDescr(index), key)->atttypid, TYPECACHE_CMP_PROC_FINFO)
             ->cmp_proc_finfo;
    const Oid collation = index->rd_indcollation[key];
    int least = -1;
    int greatest = -1;
    Datum low = 0;
    Datum high = 0;
    for (int row = from; row < to; row++) {
        bool absent = false;
        const Datum value = slot_getattr(slots[row], column, &absent);
        if (absent) {
            told[row] = true;
            continue;
        }
        if (least < 0 || DatumGetInt32(FunctionCall2Coll(compare, collation, value, low)) < 0) {
            least = row;
            low = value;
        }
        if (greatest < 0 || DatumGetInt32(FunctionCall2Coll(compare, collation, value, high)) > 0) {
            greatest = row;
            high = value;
        }
    }
    if (least >= 0) told[least] = told[greatest] = true;
}

}  // namespace

bool is_minmax(Relation index) {
    return server([&] {
        if (index->rd_rel->relam != BRIN_AM_OID) return false;
        // In a family of the server's own, values are in the order of their type.
        for (AttrNumber key = 1; key <= RelationGetNumberOfAttributes(index); key++)
            if (index_getprocid(index, key, BRIN_PROCNUM_OPCINFO) != F_BRIN_MINMAX_OPCINFO ||
                index->rd_opfamily[key - 1] >= FirstNormalObjectId)
                return false;
        return true;
    });
}

void mark_extremes(Relation index, const IndexInfo* info, TupleTableSlot* const* slots, int from, int to,
                   bool* told) {
    told[from] = true;  // the first of a page may ask for a summary of the pages before
    server([&] {
        for (int key = 0; key < info->ii_NumIndexAttrs; key++)
            mark_column(index, key, info->ii_IndexAttrNumbers[key], slots, from, to, told);
    });
}

}  // namespace sentinel::pg
