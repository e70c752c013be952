// Which queues hand out jobs.
#pragma once

#include "pg/door.hpp"

namespace sentinel::queue {

// What a parked copy does not hand out: job types that reach outside, whatever queue they were put into, and
// the queues that they are meant for.
struct Outside {
    std::set<std::string> types;
    std::set<std::string> queues;
};

// Those of sentinel.job_types when this copy is parked; else none. Runs inside SPI.
Outside kept_inside();

// Those of the named queues (text[], null elements are passed by) that may hand out jobs now, with their
// limit of running jobs, 0 for none. Runs inside SPI.
std::vector<std::pair<std::string, int64>> open_queues(Datum names, const Outside& outside);

// Let changes of sentinel.queues be noticed. Called when the library is loaded.
void watch_queues();

}  // namespace sentinel::queue
