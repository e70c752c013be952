// Indexes that keep the least and the greatest value of a range of pages (BRIN, minmax): of the rows of one
// page only those with an extreme value tell them something.
#pragma once

#include "pg/door.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
}

namespace sentinel::pg {

// Whether an index keeps least and greatest values only, in the order of the types' own comparison.
bool is_minmax(Relation index);

// Mark the rows of slots[from, to), all of one page, whose entries say the same as all of them together:
// those with the least or greatest value of a column, those with a null, and the first. told: as long as
// slots.
void mark_extremes(Relation index, const IndexInfo* info, TupleTableSlot* const* slots, int from, int to,
                   bool* told);

}  // namespace sentinel::pg
