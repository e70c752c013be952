// The queue by statements, for databases whose tables are distributed (distribution.hpp): the same results as
// the direct access of claim.cpp, finish.cpp and new_jobs.cpp. Rules of Citus that give them their form:
// - a statement that changes or locks rows names one organisation as org_id = $n, so that one shard does it;
//   what concerns all of them is a plain SELECT, and a claim goes from organisation to organisation;
// - DELETE and UPDATE have no functions in FROM; rows come in by INSERT ... SELECT from arrays;
// - what depends on tables of the coordinator is computed before.
// Tested on one machine, with the row in sentinel.distribution; it was not run on a real Citus cluster.
// All of it runs inside SPI of a function of sentinel_engine.
#pragma once

#include "keys.hpp"
#include "taken.hpp"

namespace sentinel::queue {

// Rows for one table, by organisation.
using Cells = std::vector<std::optional<Datum>>;
using RowsByOrg = std::map<OrgKey, std::vector<Cells>>;

// New rows of job_waiting.
class WaitingRows {
 public:
    // Keep a row; values and nulls as for pg::Table::add(). Values are copied.
    void add(const Datum* values, const bool* nulls);
    // Insert what is kept.
    void write();

 private:
    void write(const OrgKey& org, std::vector<Cells>& rows);

    RowsByOrg rows_;
};

// One claim: first which organisations have jobs that are due, then from each in turn.
class StatementClaim {
 public:
    explicit StatementClaim(const Wish& wish);
    // Take up to count jobs of one queue.
    void from(const std::string& queue, int count);
    // Write what was taken and tell it.
    void finish(pg::Rows& rows);
    size_t size() const { return taken_.size(); }

 private:
    struct Turn;
    struct Turns;
    static Turns& turns_of(const std::string& queue);
    void look(Turns& turns);
    void take(Turns& turns, size_t full);
    void take_from(Turn& turn, const pg_uuid_t& org, size_t full);
    void take_priorities(const pg_uuid_t& org, int first, int last, size_t full);
    int oldest_priority(const pg_uuid_t& org);
    void run(const OrgKey& org, std::vector<Cells>& jobs);

    const Wish& wish_;
    const TimestampTz now_;
    Datum queue_ = 0;
    Keys keys_;
    std::vector<Taken> taken_;
};

// A job to complete.
struct Ending {
    Datum id;
    int64 lease;
    std::optional<Datum> result;
};

// As complete(). The counts of job_stats are made by the trigger of job_history.
int64 complete_by_statements(const std::vector<Ending>& endings);

// The jobs that hold keys of one kind, for each pair of a job type and a key.
std::vector<std::optional<pg_uuid_t>> find_key_holders(const pg_uuid_t& org, Datum kind,
                                                       const std::vector<Datum>& types,
                                                       const std::vector<Datum>& keys);

}  // namespace sentinel::queue
