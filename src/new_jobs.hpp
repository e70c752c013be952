// Put jobs into the queue.
#pragma once

#include "queue_tables.hpp"
#include "statements.hpp"

namespace sentinel::queue {

// A job to be added. What is left out comes from its job type. Views and data live as long as the call.
struct NewJob {
    pg_uuid_t id{};
    std::string_view type;
    std::optional<std::string_view> queue;
    std::optional<int> priority;
    std::optional<int> max_attempts;
    std::optional<TimestampTz> run_at;
    Datum payload = 0;  // jsonb; 0 for an empty object
    std::optional<pg_uuid_t> event;
    std::optional<std::string_view> concurrency_key;
    std::optional<int> concurrency_limit;
    std::optional<std::string_view> idempotency_key;
    std::optional<std::string_view> singleton_key;
};

// What a job type gives to its jobs.
struct TypeDefaults {
    std::string queue;
    int priority = 0;
    int max_attempts = 0;
    bool members_may = true;
};

// Add jobs in batches. Runs inside SPI of a function of sentinel_engine.
class NewJobs {
 public:
    NewJobs();
    // Check a job against the rules and its type. Throws SN004 job type, SN007 key, 22023 priority, attempts
    // or limit, 54000 payload.
    void check(const NewJob& job);
    // Add a checked job.
    void add(const pg_uuid_t& org, const NewJob& job);
    // Write what was added, and wake the workers of queues with jobs that are due. Gives the number.
    int64 finish();

 private:
    const TimestampTz now_;
    pg::Table table_;         // open, it keeps the tables from being distributed
    const bool distributed_;  // then the rows go there by statements
    WaitingRows rows_;
    std::map<std::string, bool, std::less<>> due_queues_;
    const Datum no_payload_;
    int64 count_ = 0;
};

// Let changes of job types be noticed. Called when the library is loaded.
void watch_job_types();

// Throw SN003 unless members who are neither owner nor admin may enqueue jobs of this type. Runs inside SPI.
void require_open_to_members(std::string_view type);

// Take the keys of jobs. For each job the one that holds its keys: itself, or another that was there before
// and whose id is then the answer; job_id of a job without keys is its own. Waits for concurrent takers.
std::vector<pg_uuid_t> take_keys(const pg_uuid_t& org, const std::vector<NewJob>& jobs);

}  // namespace sentinel::queue
