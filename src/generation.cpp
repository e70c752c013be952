#include "generation.hpp"

#include "pg/spi.hpp"

extern "C" {
#include "access/xlog.h"
}

namespace sentinel {

namespace {

int cached_generation = 0;
bool cached_adopted = false;

const Oid kSelfTypes[] = {INT8OID, OIDOID};

pg::Statement find_generation = {
    "SELECT generation, adopted_at IS NOT NULL FROM sentinel.generation"
    " WHERE system_identifier OPERATOR(pg_catalog.=) $1 AND database_oid OPERATOR(pg_catalog.=) $2"
    " ORDER BY generation DESC LIMIT 1",
    2, kSelfTypes};

// The first generation is the original and adopted at once. Of two sessions that come first, one adds the
// row; the other waits for it and adds none.
pg::Statement add_generation = {
    "INSERT INTO sentinel.generation (generation, system_identifier, database_oid, adopted_at)"
    " SELECT coalesce(max(generation), 0) OPERATOR(pg_catalog.+) 1, $1, $2,"
    "        CASE WHEN count(*) OPERATOR(pg_catalog.=) 0 THEN pg_catalog.now() END"
    " FROM sentinel.generation ON CONFLICT DO NOTHING RETURNING generation, adopted_at IS NOT NULL",
    2, kSelfTypes};

// Read this database's row, or add it. Only what was read as committed is cached: an insert may still roll
// back.
bool load(int& generation) {
    Datum self[] = {Int64GetDatum(static_cast<int64>(GetSystemIdentifier())), ObjectIdGetDatum(MyDatabaseId)};
    pg::Spi spi;
    bool known = find_generation.run(self) > 0;
    if (!known && add_generation.run(self) == 0 && find_generation.run(self) == 0)
        throw Failure("40001", "another session has just given this database its generation",
                      "This transaction's snapshot is older.", "Try the transaction again.");
    generation = DatumGetInt32(*pg::cell(0, 1));
    bool adopted = DatumGetBool(*pg::cell(0, 2));
    spi.finish();
    if (known) {
        cached_generation = generation;
        cached_adopted = adopted;
    }
    return adopted;
}

}  // namespace

int current_generation() {
    if (cached_generation != 0) return cached_generation;
    int generation = 0;
    load(generation);
    return generation;
}

bool parked() {
    if (cached_adopted) return false;
    int generation = 0;
    return !load(generation);
}

}  // namespace sentinel

SENTINEL_FUNCTION(sentinel_current_generation) {
    PG_RETURN_INT32(sentinel::current_generation());
}

SENTINEL_FUNCTION(sentinel_parked) {
    PG_RETURN_BOOL(sentinel::parked());
}
