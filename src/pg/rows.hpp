// Arrays for saved plans, and sets of rows as a function's result.
#pragma once

#include <algorithm>

#include "pg/door.hpp"

namespace sentinel::pg {

// Make a one-dimensional array of uuid, text or another type known to the catalog, without nulls.
Datum array(const std::vector<Datum>& items, Oid element_type);

// The same with nulls.
Datum array(const std::vector<std::optional<Datum>>& items, Oid element_type);

// Make a tid[] for a Tid Scan.
Datum tid_array(std::vector<ItemPointerData>& tids);

// Count the elements of an array datum.
int array_size(Datum array_datum);

// Collect the rows that a set-returning function gives back (materialise mode). The row type is the
// function's declared one.
class Rows {
 public:
    // Throws Failure 0A000 when the caller cannot take a set.
    explicit Rows(FunctionCallInfo fcinfo);

    // Add a row from the values of a result tuple, taking its first columns.
    void add(HeapTuple tuple, TupleDesc from, int columns);

    // Add a row of values; nulls are marked true.
    void add(Datum* values, bool* nulls);

 private:
    Tuplestorestate* store_;
    TupleDesc desc_;
};

}  // namespace sentinel::pg
