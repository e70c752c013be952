// Concurrency keys: of the jobs of a key only so many run at once.
#pragma once

#include "lanes.hpp"

namespace sentinel::queue {

OrgKey to_key(const pg_uuid_t& id);

// Whether another job of a key may run, for the length of one claim; remembers what the claim has let
// through. Runs inside SPI.
class Keys {
 public:
    // Whether another job of the key may run; then it counts as running.
    bool admit(const pg_uuid_t& org, std::string_view key, int limit);
    // A job that was let through does not run after all.
    void taken_back(const pg_uuid_t& org, std::string_view key);
    // Whether this claim decides for the keyed jobs of an organisation: one claimer at a time does, others
    // pass them by.
    bool locked(const pg_uuid_t& org);

 private:
    std::map<OrgKey, bool> locks_;
    std::map<std::pair<OrgKey, std::string>, int64> running_;
};

// How many more jobs of a queue with a limit may run. Waits for other claimers of the queue, then counts.
// Runs inside SPI.
int64 room_in_queue(std::string_view queue, int64 limit);

}  // namespace sentinel::queue
