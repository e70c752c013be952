// Choose waiting jobs and take them.
#pragma once

#include "pg/rows.hpp"
#include "pg/table.hpp"

namespace sentinel::queue {

// What a claim asks for. only_org null: all organisations in turn.
struct Wish {
    std::string_view worker;
    int count = 0;
    int64 lease_us = 0;
    const pg_uuid_t* only_org = nullptr;
    const std::set<std::string>* kept_back = nullptr;  // job types that are not handed out; null for none
};

// Move up to wish.count due jobs of the open queues to job_running, under one new lease number, and put them
// into rows, the most urgent and oldest first. queues: names with their limit of running jobs, 0 for none.
// Runs inside SPI.
void claim(const Wish& wish, const std::vector<std::pair<std::string, int64>>& queues, pg::Rows& rows);

}  // namespace sentinel::queue
