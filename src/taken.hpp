// A job taken by a claim, for both forms of it.
#pragma once

#include "claim.hpp"
#include "queue_tables.hpp"

namespace sentinel::queue {

// Its row in job_running, ready to be written and told. A claim that takes it fills in what waiting and
// running rows share.
struct Taken {
    int priority;
    TimestampTz run_at;
    Datum values[kRunningColumns];
    bool nulls[kRunningColumns];
};

// Put jobs in order, the most urgent and oldest first, and give them to the worker under one new lease
// number, with this attempt counted.
void give_to_worker(std::vector<Taken>& jobs, const Wish& wish);

// Add a job to the rows of a claim.
void tell(const Taken& job, pg::Rows& rows);

}  // namespace sentinel::queue
