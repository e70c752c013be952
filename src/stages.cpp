// Room deals: names of stages, and signs of competition in a text.
#include "core/competitive.hpp"
#include "core/stage.hpp"
#include "pg/door.hpp"
#include "pg/text.hpp"

namespace pg = sentinel::pg;

SENTINEL_FUNCTION(sentinel_normalize_stage) {
    auto stage = sentinel::core::normalize_stage(pg::view(PG_GETARG_DATUM(0)));
    if (!stage) PG_RETURN_NULL();
    return pg::text_datum(*stage);
}

SENTINEL_FUNCTION(sentinel_competitive_indicators) {
    PG_RETURN_INT16(static_cast<int16>(sentinel::core::competitive_indicators(pg::view(PG_GETARG_DATUM(0)))));
}
