// SQL from C++: a connection scope and saved plans.
#pragma once

#include "pg/door.hpp"

namespace sentinel::pg {

// Hold an SPI connection for a scope. finish() ends it on the normal path; after an error the server's
// transaction abort cleans up, so the destructor does nothing.
class Spi {
 public:
    Spi();
    Spi(const Spi&) = delete;
    Spi& operator=(const Spi&) = delete;
    void finish();
};

// Plan statements at every call, for the arguments of the call, instead of once per session. On where the
// tables are distributed: Citus finds the shard of a statement by the value of its org_id when it plans.
extern bool plan_each_call;

// One SQL statement, planned once per session, for any arguments, and kept. Must be a static object: it owns
// nothing that needs a destructor. The text and the types must outlive it.
struct Statement {
    const char* sql;
    int type_count;
    const Oid* types;
    SPIPlanPtr plan = nullptr;
    SPIPlanPtr plan_of_call = nullptr;  // the one used with plan_each_call

    // Run the statement. values and nulls (' ' or 'n') have type_count entries. Raises the statement's own
    // errors. Returns the number of rows processed; rows lie in SPI_tuptable until the next call.
    uint64 run(const Datum* values, const char* nulls = nullptr, long limit = 0);
};

// Read column (from 1) of result row (from 0) of the last statement. Null gives nullopt.
std::optional<Datum> cell(uint64 row, int column);

// Read a cell as text in the current memory context. Null gives an empty string.
std::string text_cell(uint64 row, int column);

// Read a cell that holds a tid and is not null.
ItemPointerData tid_cell(uint64 row, int column);

}  // namespace sentinel::pg
