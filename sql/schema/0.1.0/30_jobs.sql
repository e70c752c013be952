-- Room jobs: the queue. Waiting rows are written once and read once; what a claim changes lives in a second, small table.

CREATE SEQUENCE sentinel.job_lease;
COMMENT ON SEQUENCE sentinel.job_lease IS 'Fencing numbers: each claim takes the next for all jobs it takes; none is ever given twice.';
CREATE SEQUENCE sentinel.idle_queues MINVALUE 0 START 0;
SELECT setval('sentinel.idle_queues', 0);
COMMENT ON SEQUENCE sentinel.idle_queues IS 'Outside MVCC: one bit per queue (by hash of its name) that a claim found empty since its workers were last woken. Only such queues are worth a NOTIFY.';

CREATE TABLE sentinel.job_types (
    job_type text NOT NULL PRIMARY KEY CHECK (job_type ~ '^[a-z][a-z0-9_]{0,62}$'),
    kind text NOT NULL CHECK (kind IN ('sql', 'http')),
    handler text,
    queue text NOT NULL DEFAULT 'default',
    priority integer NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
    max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 100),
    base_delay interval NOT NULL DEFAULT '5 seconds' CHECK (base_delay >= '0'),
    max_delay interval NOT NULL DEFAULT '1 hour' CHECK (max_delay >= base_delay),
    time_limit interval NOT NULL DEFAULT '30 seconds' CHECK (time_limit > '0'),
    description text NOT NULL DEFAULT '',
    members_may boolean NOT NULL DEFAULT true,
    CHECK (kind = 'http' OR handler IS NOT NULL)
);
COMMENT ON TABLE sentinel.job_types IS 'Kinds of work. One row is one job type.';
COMMENT ON COLUMN sentinel.job_types.job_type IS 'Name, lower-case words joined by underscores.';
COMMENT ON COLUMN sentinel.job_types.kind IS 'sql: a handler function runs in the database. http: the worker makes a request.';
COMMENT ON COLUMN sentinel.job_types.handler IS 'Qualified function (job_id uuid, payload jsonb) RETURNS jsonb of an sql job; runs as sentinel_owner.';
COMMENT ON COLUMN sentinel.job_types.queue IS 'Queue that jobs of this type go to unless enqueue() names another.';
COMMENT ON COLUMN sentinel.job_types.priority IS 'Default priority, 0 the most urgent to 9.';
COMMENT ON COLUMN sentinel.job_types.max_attempts IS 'Default number of attempts, 1 to 100.';
COMMENT ON COLUMN sentinel.job_types.base_delay IS 'Wait before the second attempt; doubles with each further one.';
COMMENT ON COLUMN sentinel.job_types.max_delay IS 'Longest wait between attempts.';
COMMENT ON COLUMN sentinel.job_types.time_limit IS 'Longest run of an sql handler; it is then cancelled and counted as failed.';
COMMENT ON COLUMN sentinel.job_types.description IS 'What the job does.';
COMMENT ON COLUMN sentinel.job_types.members_may IS 'Whether members who are neither owner nor admin may enqueue it: it runs with the rights of the whole organisation. False for what Sentinel itself enqueues.';

CREATE TABLE sentinel.queues (
    queue text NOT NULL PRIMARY KEY,
    max_running integer CHECK (max_running > 0),
    paused_at timestamptz,
    paused_by name
);
COMMENT ON TABLE sentinel.queues IS 'Queues with a limit or a pause; a queue without a row has neither.';
COMMENT ON COLUMN sentinel.queues.queue IS 'Name of the queue.';
COMMENT ON COLUMN sentinel.queues.max_running IS 'Most jobs of the queue that run at once, over all workers; null for no limit.';
COMMENT ON COLUMN sentinel.queues.paused_at IS 'Since when no job of the queue is handed out; null while it runs.';
COMMENT ON COLUMN sentinel.queues.paused_by IS 'Role that paused it.';

CREATE TABLE sentinel.job_waiting (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    queue text NOT NULL,
    job_type text NOT NULL,
    priority smallint NOT NULL,
    run_at timestamptz NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    attempts smallint NOT NULL DEFAULT 0,
    max_attempts smallint NOT NULL,
    event_id uuid,
    concurrency_key text,
    concurrency_limit integer CHECK (concurrency_limit > 0),
    idempotency_key text,
    singleton_key text,
    created_at timestamptz NOT NULL DEFAULT now(),
    worker_deaths smallint NOT NULL DEFAULT 0,
    last_error text,
    PRIMARY KEY (org_id, id),
    CHECK ((concurrency_key IS NULL) = (concurrency_limit IS NULL))
);
CREATE INDEX job_waiting_claim ON sentinel.job_waiting (queue, org_id, priority, run_at);
ALTER TABLE sentinel.job_waiting SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE sentinel.job_waiting IS 'Jobs that wait for their time or for a worker. Rows are never rewritten; a claim moves them to job_running. enqueue(), claim() and complete() write directly: triggers on this table, job_running or job_history do not fire for them.';
COMMENT ON COLUMN sentinel.job_waiting.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_waiting.id IS 'Id of the job, the same through all its attempts.';
COMMENT ON COLUMN sentinel.job_waiting.queue IS 'Queue.';
COMMENT ON COLUMN sentinel.job_waiting.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.job_waiting.priority IS '0 the most urgent to 9.';
COMMENT ON COLUMN sentinel.job_waiting.run_at IS 'Not before this time; never before the moment at which the row was written.';
COMMENT ON COLUMN sentinel.job_waiting.payload IS 'Arguments of the job.';
COMMENT ON COLUMN sentinel.job_waiting.attempts IS 'Attempts used so far.';
COMMENT ON COLUMN sentinel.job_waiting.max_attempts IS 'Attempts after which the job is dead.';
COMMENT ON COLUMN sentinel.job_waiting.event_id IS 'Event that caused the job; null when it was enqueued directly.';
COMMENT ON COLUMN sentinel.job_waiting.concurrency_key IS 'Jobs of one organisation with the same key share concurrency_limit.';
COMMENT ON COLUMN sentinel.job_waiting.concurrency_limit IS 'Most jobs of that key that run at once.';
COMMENT ON COLUMN sentinel.job_waiting.idempotency_key IS 'Key under which the job was enqueued once; see job_keys.';
COMMENT ON COLUMN sentinel.job_waiting.singleton_key IS 'Key of which one job waits or runs at a time; see job_keys.';
COMMENT ON COLUMN sentinel.job_waiting.created_at IS 'When the job was enqueued.';
COMMENT ON COLUMN sentinel.job_waiting.worker_deaths IS 'Attempts that ended with the worker or backend that ran them; at 3 the job is quarantined.';
COMMENT ON COLUMN sentinel.job_waiting.last_error IS 'Error of the last attempt, or why the job was given back.';

CREATE TABLE sentinel.job_running (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    queue text NOT NULL,
    job_type text NOT NULL,
    priority smallint NOT NULL,
    run_at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    attempts smallint NOT NULL,
    max_attempts smallint NOT NULL,
    event_id uuid,
    concurrency_key text,
    concurrency_limit integer,
    idempotency_key text,
    singleton_key text,
    created_at timestamptz NOT NULL,
    worker_deaths smallint NOT NULL,
    lease bigint NOT NULL,
    worker text NOT NULL,
    claimed_at timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    cancel_requested_at timestamptz,
    progress_done numeric,
    progress_total numeric,
    progress_note text,
    PRIMARY KEY (id, org_id)
) WITH (fillfactor = 70);
CREATE INDEX job_running_key ON sentinel.job_running (org_id, concurrency_key) WHERE concurrency_key IS NOT NULL;
ALTER TABLE sentinel.job_running SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE sentinel.job_running IS 'Jobs that a worker holds. Who presents id and lease may finish the job; a lease that ran out is taken back.';
COMMENT ON COLUMN sentinel.job_running.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_running.id IS 'Id of the job.';
COMMENT ON COLUMN sentinel.job_running.queue IS 'Queue.';
COMMENT ON COLUMN sentinel.job_running.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.job_running.priority IS '0 the most urgent to 9.';
COMMENT ON COLUMN sentinel.job_running.run_at IS 'When it was due.';
COMMENT ON COLUMN sentinel.job_running.payload IS 'Arguments of the job.';
COMMENT ON COLUMN sentinel.job_running.attempts IS 'Attempts so far, this one included.';
COMMENT ON COLUMN sentinel.job_running.max_attempts IS 'Attempts after which the job is dead.';
COMMENT ON COLUMN sentinel.job_running.event_id IS 'Event that caused the job.';
COMMENT ON COLUMN sentinel.job_running.concurrency_key IS 'Jobs of one organisation with the same key share concurrency_limit.';
COMMENT ON COLUMN sentinel.job_running.concurrency_limit IS 'Most jobs of that key that run at once.';
COMMENT ON COLUMN sentinel.job_running.idempotency_key IS 'Key under which the job was enqueued once.';
COMMENT ON COLUMN sentinel.job_running.singleton_key IS 'Key of which one job waits or runs at a time.';
COMMENT ON COLUMN sentinel.job_running.created_at IS 'When the job was enqueued.';
COMMENT ON COLUMN sentinel.job_running.worker_deaths IS 'Earlier attempts that ended with their worker.';
COMMENT ON COLUMN sentinel.job_running.lease IS 'Fencing number of this claim, the same for the jobs claimed together; grows with every claim.';
COMMENT ON COLUMN sentinel.job_running.worker IS 'Worker that holds it.';
COMMENT ON COLUMN sentinel.job_running.claimed_at IS 'When it was claimed.';
COMMENT ON COLUMN sentinel.job_running.lease_until IS 'When the claim runs out unless heartbeat() extends it.';
COMMENT ON COLUMN sentinel.job_running.cancel_requested_at IS 'When cancel_job() asked for an end: it is not tried again, and may look whether to stop; one that completes has completed.';
COMMENT ON COLUMN sentinel.job_running.progress_done IS 'Units done, as report_progress() says.';
COMMENT ON COLUMN sentinel.job_running.progress_total IS 'Units in all.';
COMMENT ON COLUMN sentinel.job_running.progress_note IS 'What it is doing.';

CREATE TABLE sentinel.job_history (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    lease bigint NOT NULL,
    queue text NOT NULL,
    job_type text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('completed', 'retried', 'dead', 'cancelled', 'lease_expired', 'discarded')),
    attempts smallint NOT NULL,
    event_id uuid,
    worker text,
    run_at timestamptz NOT NULL,
    claimed_at timestamptz,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    result jsonb,
    error text
) PARTITION BY RANGE (finished_at);
-- A schema of its own, in which sentinel_owner makes the days; in sentinel nobody makes anything but install().
-- Not owned by sentinel_owner: a dump names the owner of a schema before the extension has made its roles.
CREATE SCHEMA sentinel_history;
GRANT USAGE, CREATE ON SCHEMA sentinel_history TO sentinel_owner;
GRANT USAGE ON SCHEMA sentinel_history TO sentinel_engine;
COMMENT ON SCHEMA sentinel_history IS 'Partitions of sentinel.job_history, one per day. Read the parent.';
CREATE TABLE sentinel_history.job_history_default PARTITION OF sentinel.job_history DEFAULT;
-- Ids and end times come in order, so a summary per megabyte finds them, and costs nothing to write.
CREATE INDEX job_history_summary ON sentinel.job_history USING brin (org_id, id, finished_at) WITH (autosummarize = on);
-- For publications of all tables: rows of these logs are removed, and have no key to be named by.
ALTER TABLE sentinel.job_history REPLICA IDENTITY FULL;
ALTER TABLE sentinel_history.job_history_default REPLICA IDENTITY FULL;
COMMENT ON TABLE sentinel.job_history IS 'Attempts that ended, kept for queue_settings.history_retention, one partition per day (UTC). One row is one attempt. No key: the lease of a claim ends once, and a log is cheapest without.';
COMMENT ON TABLE sentinel_history.job_history_default IS 'Attempts that ended on a day without a partition; moved to one by the clock.';
COMMENT ON COLUMN sentinel.job_history.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_history.id IS 'Id of the job.';
COMMENT ON COLUMN sentinel.job_history.lease IS 'Fencing number of the claim; 0 for a job that ended while it waited.';
COMMENT ON COLUMN sentinel.job_history.queue IS 'Queue.';
COMMENT ON COLUMN sentinel.job_history.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.job_history.outcome IS 'completed; retried: failed and waits again; dead: failed for good; cancelled; lease_expired: its worker vanished; discarded: dropped from a restored copy.';
COMMENT ON COLUMN sentinel.job_history.attempts IS 'Number of this attempt.';
COMMENT ON COLUMN sentinel.job_history.event_id IS 'Event that caused the job.';
COMMENT ON COLUMN sentinel.job_history.worker IS 'Worker that held it.';
COMMENT ON COLUMN sentinel.job_history.run_at IS 'When it was due.';
COMMENT ON COLUMN sentinel.job_history.claimed_at IS 'When it was claimed.';
COMMENT ON COLUMN sentinel.job_history.finished_at IS 'When the attempt ended.';
COMMENT ON COLUMN sentinel.job_history.result IS 'What the handler gave back.';
COMMENT ON COLUMN sentinel.job_history.error IS 'Error of the attempt.';

CREATE TABLE sentinel.job_dead (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    queue text NOT NULL,
    job_type text NOT NULL,
    priority smallint NOT NULL,
    payload jsonb NOT NULL,
    attempts smallint NOT NULL,
    max_attempts smallint NOT NULL,
    event_id uuid,
    concurrency_key text,
    concurrency_limit integer,
    idempotency_key text,
    created_at timestamptz NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error text,
    quarantined boolean NOT NULL DEFAULT false,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX job_dead_time ON sentinel.job_dead (org_id, failed_at);
COMMENT ON TABLE sentinel.job_dead IS 'Jobs that failed for good, kept until retry_dead() puts them back or somebody deletes them.';
COMMENT ON COLUMN sentinel.job_dead.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_dead.id IS 'Id of the job.';
COMMENT ON COLUMN sentinel.job_dead.queue IS 'Queue.';
COMMENT ON COLUMN sentinel.job_dead.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.job_dead.priority IS '0 the most urgent to 9.';
COMMENT ON COLUMN sentinel.job_dead.payload IS 'Arguments of the job.';
COMMENT ON COLUMN sentinel.job_dead.attempts IS 'Attempts used.';
COMMENT ON COLUMN sentinel.job_dead.max_attempts IS 'Attempts that were allowed.';
COMMENT ON COLUMN sentinel.job_dead.event_id IS 'Event that caused the job.';
COMMENT ON COLUMN sentinel.job_dead.concurrency_key IS 'As in job_waiting.';
COMMENT ON COLUMN sentinel.job_dead.concurrency_limit IS 'As in job_waiting.';
COMMENT ON COLUMN sentinel.job_dead.idempotency_key IS 'As in job_waiting.';
COMMENT ON COLUMN sentinel.job_dead.created_at IS 'When the job was enqueued.';
COMMENT ON COLUMN sentinel.job_dead.failed_at IS 'When it failed for good.';
COMMENT ON COLUMN sentinel.job_dead.last_error IS 'Error of the last attempt.';
COMMENT ON COLUMN sentinel.job_dead.quarantined IS 'True when three workers ended while they ran it; only retry_dead(job_id) puts such a job back.';

CREATE TABLE sentinel.job_stats (
    org_id uuid NOT NULL,
    queue text NOT NULL,
    job_type text NOT NULL,
    worker text NOT NULL,
    outcome text NOT NULL,
    jobs bigint NOT NULL,
    wait_ms double precision NOT NULL,
    run_ms double precision NOT NULL,
    max_wait_ms double precision NOT NULL,
    max_run_ms double precision NOT NULL
);
ALTER TABLE sentinel.job_stats REPLICA IDENTITY FULL;
COMMENT ON TABLE sentinel.job_stats IS 'Counts of attempts that ended, added to by every finish and summed up by the clock; the sentinel_stat_ views read them. Append-only but for compact_stats(), so it has no key.';
COMMENT ON COLUMN sentinel.job_stats.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_stats.queue IS 'Queue.';
COMMENT ON COLUMN sentinel.job_stats.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.job_stats.worker IS 'Worker that held the jobs; backend for all backends that ran run_jobs(), empty for jobs that ended while they waited.';
COMMENT ON COLUMN sentinel.job_stats.outcome IS 'As in job_history.';
COMMENT ON COLUMN sentinel.job_stats.jobs IS 'Number of attempts.';
COMMENT ON COLUMN sentinel.job_stats.wait_ms IS 'Sum of the times from due to claimed, in milliseconds.';
COMMENT ON COLUMN sentinel.job_stats.run_ms IS 'Sum of the times from claimed to ended, in milliseconds.';
COMMENT ON COLUMN sentinel.job_stats.max_wait_ms IS 'Longest time from due to claimed, in milliseconds.';
COMMENT ON COLUMN sentinel.job_stats.max_run_ms IS 'Longest time from claimed to ended, in milliseconds.';

CREATE TABLE sentinel.job_keys (
    org_id uuid NOT NULL,
    job_type text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('idempotency', 'singleton')),
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 500),
    job_id uuid NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (org_id, job_type, kind, key)
);
CREATE INDEX job_keys_job ON sentinel.job_keys (org_id, job_id);
CREATE INDEX job_keys_expiry ON sentinel.job_keys (org_id, expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE sentinel.job_keys IS 'Keys under which a job exists once.';
COMMENT ON COLUMN sentinel.job_keys.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_keys.job_type IS 'Job type; keys of different types do not meet.';
COMMENT ON COLUMN sentinel.job_keys.kind IS 'idempotency: one job per key until its retention ends. singleton: one waiting or running job per key.';
COMMENT ON COLUMN sentinel.job_keys.key IS 'The key.';
COMMENT ON COLUMN sentinel.job_keys.job_id IS 'Job that holds it.';
COMMENT ON COLUMN sentinel.job_keys.expires_at IS 'When the key is free again; null while its job lives.';

CREATE TABLE sentinel.workers (
    worker text NOT NULL PRIMARY KEY,
    version text NOT NULL DEFAULT '',
    info jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE sentinel.workers IS 'Workers that have said hello. One row is one worker process name.';
COMMENT ON COLUMN sentinel.workers.worker IS 'Name of the worker; by default host, pid and a random word.';
COMMENT ON COLUMN sentinel.workers.version IS 'Its version.';
COMMENT ON COLUMN sentinel.workers.info IS 'Slots and settings that it tells of itself.';
COMMENT ON COLUMN sentinel.workers.started_at IS 'When it said hello.';
COMMENT ON COLUMN sentinel.workers.seen_at IS 'Last heartbeat.';

CREATE TABLE sentinel.queue_settings (
    single_row boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (single_row),
    idempotency_retention interval NOT NULL DEFAULT '7 days',
    history_retention interval NOT NULL DEFAULT '30 days' CHECK (history_retention >= '1 day'),
    stats_reset_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO sentinel.queue_settings DEFAULT VALUES;
COMMENT ON TABLE sentinel.queue_settings IS 'Settings of the queue for the whole database, in its one row.';
COMMENT ON COLUMN sentinel.queue_settings.single_row IS 'True: there is one row.';
COMMENT ON COLUMN sentinel.queue_settings.idempotency_retention IS 'How long a key outlives its job.';
COMMENT ON COLUMN sentinel.queue_settings.history_retention IS 'How long job_history is kept, in whole days (UTC).';
COMMENT ON COLUMN sentinel.queue_settings.stats_reset_at IS 'Since when the sentinel_stat_ views count.';
