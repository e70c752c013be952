#include "queue_tables.hpp"

namespace sentinel::queue {

namespace {

const char* const kWaiting[] = {"org_id",          "id",
                                "queue",           "job_type",
                                "priority",        "run_at",
                                "payload",         "attempts",
                                "max_attempts",    "event_id",
                                "concurrency_key", "concurrency_limit",
                                "idempotency_key", "singleton_key",
                                "created_at",      "worker_deaths",
                                "last_error"};
const char* const kRunning[] = {"org_id",
                                "id",
                                "queue",
                                "job_type",
                                "priority",
                                "run_at",
                                "payload",
                                "attempts",
                                "max_attempts",
                                "event_id",
                                "concurrency_key",
                                "concurrency_limit",
                                "idempotency_key",
                                "singleton_key",
                                "created_at",
                                "worker_deaths",
                                "lease",
                                "worker",
                                "claimed_at",
                                "lease_until",
                                "cancel_requested_at",
                                "progress_done",
                                "progress_total",
                                "progress_note"};
const char* const kHistory[] = {"org_id",     "id",          "lease",    "queue",  "job_type",
                                "outcome",    "attempts",    "event_id", "worker", "run_at",
                                "claimed_at", "finished_at", "result",   "error"};
const char* const kStats[] = {"org_id", "queue",   "job_type", "worker",      "outcome",
                              "jobs",   "wait_ms", "run_ms",   "max_wait_ms", "max_run_ms"};

}  // namespace

pg::Shape waiting = {"job_waiting", kWaiting, kWaitingColumns};
pg::Shape running = {"job_running", kRunning, kRunningColumns};
pg::Shape history = {"job_history", kHistory, kHistoryColumns};
pg::Shape stats = {"job_stats", kStats, kStatsColumns};

}  // namespace sentinel::queue
