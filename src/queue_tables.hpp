// Columns of the queue's tables, as sql/schema makes them. Waiting and running rows begin alike.
#pragma once

#include "pg/table.hpp"

namespace sentinel::queue {

// Columns (from 0) that waiting and running rows share.
enum Job : int {
    kOrg,
    kId,
    kQueue,
    kType,
    kPriority,
    kRunAt,
    kPayload,
    kAttempts,
    kMaxAttempts,
    kEvent,
    kConcurrencyKey,
    kConcurrencyLimit,
    kIdempotencyKey,
    kSingletonKey,
    kCreatedAt,
    kWorkerDeaths,
    kShared
};
enum Waiting : int { kLastError = kShared, kWaitingColumns };
enum Running : int {
    kLease = kShared,
    kWorker,
    kClaimedAt,
    kLeaseUntil,
    kCancelRequestedAt,
    kProgressDone,
    kProgressTotal,
    kProgressNote,
    kRunningColumns
};
enum History : int {
    kHistoryOrg,
    kHistoryId,
    kHistoryLease,
    kHistoryQueue,
    kHistoryType,
    kOutcome,
    kHistoryAttempts,
    kHistoryEvent,
    kHistoryWorker,
    kHistoryRunAt,
    kHistoryClaimedAt,
    kFinishedAt,
    kResult,
    kError,
    kHistoryColumns
};
enum Stats : int {
    kStatsOrg,
    kStatsQueue,
    kStatsType,
    kStatsWorker,
    kStatsOutcome,
    kStatsJobs,
    kWaitMs,
    kRunMs,
    kMaxWaitMs,
    kMaxRunMs,
    kStatsColumns
};

extern pg::Shape waiting;
extern pg::Shape running;
extern pg::Shape history;
extern pg::Shape stats;

constexpr int kPriorities = 10;
constexpr const char* kClaimIndex = "job_waiting_claim";  // queue, organisation, priority, run_at

}  // namespace sentinel::queue
