// Whether the tables of this database are spread over several machines, as table sentinel.distribution tells.
#pragma once

#include "pg/door.hpp"

namespace sentinel {

// What the session knows of it; use distributed().
extern bool distribution_known;
extern bool distribution_found;

// Read sentinel.distribution, whatever snapshot the transaction has.
bool look_for_distribution();

// Tell whether sentinel.distribute() has spread the tables: code then goes by statements that name an
// organisation, since what lies in the tables here is the coordinator's own, empty copy. Read once per
// session, and again after the table was changed in any session.
inline bool distributed() {
    return distribution_known ? distribution_found : look_for_distribution();
}

// Throw 40001 when the tables were distributed while the caller waited to open them. Call it with them open:
// no distribution can begin then.
void require_undistributed();

// Let changes of the table bring that look about. Called when the library is loaded.
void watch_distribution();

}  // namespace sentinel
