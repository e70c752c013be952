// Functions that the catalog knows by name, called from C++.
#pragma once

#include "pg/door.hpp"

namespace sentinel::pg {

// The function of a signature such as "schema.name(uuid,jsonb)"; InvalidOid when there is none.
Oid function_oid(const char* signature);

// Whether the current user may call it.
bool may_call(Oid function);

}  // namespace sentinel::pg
