// Which queues hand out jobs.
#pragma once

#include "pg/door.hpp"

namespace sentinel::queue {

// Those of the named queues (text[], null elements are passed by) that may hand out jobs now, with their
// limit of running jobs, 0 for none: not paused, and in a parked copy without job types that reach outside.
// Runs inside SPI.
std::vector<std::pair<std::string, int64>> open_queues(Datum names);

// The job types that a parked copy does not hand out, whatever queue they were put into. Runs inside SPI.
std::set<std::string> outside_types();

// Let changes of sentinel.queues be noticed. Called when the library is loaded.
void watch_queues();

}  // namespace sentinel::queue
