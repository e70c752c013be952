// End jobs well.
#pragma once

#include "pg/door.hpp"

namespace sentinel::queue {

// Complete the jobs whose (id, lease) is held: out of job_running, into job_history and job_stats; keys of
// jobs that have one end or begin their retention. results: an array as jsonb, in the same order, or 0 for
// none. Gives the number completed. Runs inside SPI.
int64 complete(Datum jobs, Datum leases, Datum results);

}  // namespace sentinel::queue
