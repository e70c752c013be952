-- Room jobs: views, and what the roles may read.

CREATE OR REPLACE VIEW sentinel.jobs WITH (security_invoker = true) AS
    SELECT w.org_id, w.id, CASE WHEN w.run_at > now() THEN 'scheduled' ELSE 'waiting' END AS state, w.queue, w.job_type,
           w.priority::integer AS priority, w.run_at, w.payload, w.attempts::integer AS attempts,
           w.max_attempts::integer AS max_attempts, w.event_id, w.created_at, NULL::text AS worker,
           NULL::timestamptz AS claimed_at, NULL::timestamptz AS lease_until, w.last_error
    FROM sentinel.job_waiting w
    UNION ALL
    SELECT r.org_id, r.id, 'running', r.queue, r.job_type, r.priority, r.run_at, r.payload, r.attempts, r.max_attempts,
           r.event_id, r.created_at, r.worker, r.claimed_at, r.lease_until, NULL
    FROM sentinel.job_running r
    UNION ALL
    SELECT d.org_id, d.id, 'dead', d.queue, d.job_type, d.priority, d.failed_at, d.payload, d.attempts, d.max_attempts,
           d.event_id, d.created_at, NULL, NULL, NULL, d.last_error
    FROM sentinel.job_dead d;
COMMENT ON VIEW sentinel.jobs IS 'Jobs that have not ended well: scheduled, waiting, running, dead. Ended attempts are in job_history.';
COMMENT ON COLUMN sentinel.jobs.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.jobs.id IS 'Id of the job.';
COMMENT ON COLUMN sentinel.jobs.state IS 'scheduled: for later. waiting: ready. running: a worker holds it. dead: failed for good.';
COMMENT ON COLUMN sentinel.jobs.queue IS 'Queue.';
COMMENT ON COLUMN sentinel.jobs.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.jobs.priority IS '0 the most urgent to 9.';
COMMENT ON COLUMN sentinel.jobs.run_at IS 'When it is or was due; of a dead job, when it failed.';
COMMENT ON COLUMN sentinel.jobs.payload IS 'Arguments.';
COMMENT ON COLUMN sentinel.jobs.attempts IS 'Attempts so far.';
COMMENT ON COLUMN sentinel.jobs.max_attempts IS 'Attempts allowed.';
COMMENT ON COLUMN sentinel.jobs.event_id IS 'Event that caused it.';
COMMENT ON COLUMN sentinel.jobs.created_at IS 'When it was enqueued.';
COMMENT ON COLUMN sentinel.jobs.worker IS 'Worker that holds it.';
COMMENT ON COLUMN sentinel.jobs.claimed_at IS 'When it was claimed.';
COMMENT ON COLUMN sentinel.jobs.lease_until IS 'When the claim runs out.';
COMMENT ON COLUMN sentinel.jobs.last_error IS 'Error of the last attempt.';

CREATE OR REPLACE VIEW sentinel.job_waits WITH (security_invoker = true) AS
    SELECT w.org_id, w.id, w.queue, w.job_type, w.run_at,
           CASE WHEN q.paused_at IS NOT NULL THEN 'queue paused since ' || q.paused_at
                WHEN w.run_at > now() AND w.last_error LIKE 'held back: %' THEN w.last_error
                WHEN w.run_at > now() AND w.attempts > 0 THEN 'waits to be tried again: ' || coalesce(w.last_error, 'released')
                WHEN w.run_at > now() THEN 'not due yet'
                WHEN t.kind = 'http' AND sentinel.parked() THEN 'restored copy: adopt_restore() puts it into service'
                WHEN q.max_running IS NOT NULL AND q.max_running <= (
                     SELECT count(*) FROM sentinel.job_running r WHERE r.queue = w.queue)
                    THEN format('%s jobs of the queue run, as many as may', q.max_running)
                WHEN w.concurrency_key IS NOT NULL AND w.concurrency_limit <= (
                     SELECT count(*) FROM sentinel.job_running r
                     WHERE r.org_id = w.org_id AND r.concurrency_key = w.concurrency_key)
                    THEN format('%s jobs with the key "%s" run, as many as may', w.concurrency_limit, w.concurrency_key)
                WHEN t.kind = 'http' AND NOT sentinel.worker_alive() THEN 'no worker is alive'
                ELSE 'ready' END AS reason
    FROM sentinel.job_waiting w
    LEFT JOIN sentinel.job_types t ON t.job_type = w.job_type
    LEFT JOIN sentinel.queues q ON q.queue = w.queue;
COMMENT ON VIEW sentinel.job_waits IS 'Why each waiting job waits. One row is one waiting job.';
COMMENT ON COLUMN sentinel.job_waits.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_waits.id IS 'Id of the job.';
COMMENT ON COLUMN sentinel.job_waits.queue IS 'Queue.';
COMMENT ON COLUMN sentinel.job_waits.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.job_waits.run_at IS 'Not before this time.';
COMMENT ON COLUMN sentinel.job_waits.reason IS 'What holds it; ready when nothing does.';

CREATE OR REPLACE VIEW sentinel.job_progress WITH (security_invoker = true) AS
    SELECT r.org_id, r.id, r.job_type, r.worker, r.claimed_at, r.progress_note AS phase, r.progress_done AS done,
           r.progress_total AS total,
           round(100 * r.progress_done / nullif(r.progress_total, 0), 1) AS percent
    FROM sentinel.job_running r;
COMMENT ON VIEW sentinel.job_progress IS 'How far the running jobs are. One row is one running job.';
COMMENT ON COLUMN sentinel.job_progress.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.job_progress.id IS 'Id of the job.';
COMMENT ON COLUMN sentinel.job_progress.job_type IS 'Job type.';
COMMENT ON COLUMN sentinel.job_progress.worker IS 'Worker that holds it.';
COMMENT ON COLUMN sentinel.job_progress.claimed_at IS 'When it was claimed.';
COMMENT ON COLUMN sentinel.job_progress.phase IS 'What it is doing.';
COMMENT ON COLUMN sentinel.job_progress.done IS 'Units done.';
COMMENT ON COLUMN sentinel.job_progress.total IS 'Units in all.';
COMMENT ON COLUMN sentinel.job_progress.percent IS 'Share done, 0 to 100.';

DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS job_history_counts ON sentinel.job_history;
        CREATE TRIGGER job_history_counts AFTER INSERT ON sentinel.job_history
            REFERENCING NEW TABLE AS ended FOR EACH STATEMENT EXECUTE FUNCTION sentinel.count_ended_jobs();
    END IF;
END
$$;

-- Three views of one shape: by what the attempts are counted is all that differs. Columns may be added at the end only.
DO $$
DECLARE
    seen record;
    about record;
BEGIN
    FOR seen IN SELECT * FROM (VALUES ('sentinel_stat_job_types', 'job_type', 'Job type.', 'job type', 'true'),
                                      ('sentinel_stat_queues', 'queue', 'Queue.', 'queue', 'true'),
                                      ('sentinel_stat_workers', 'worker', 'Worker; backend is all backends that ran run_jobs().',
                                       'worker', $w$s.worker <> ''$w$)) v(name, counted_by, says, word, condition) LOOP
        EXECUTE format($view$
            CREATE OR REPLACE VIEW sentinel.%1$I WITH (security_invoker = true) AS
            SELECT s.org_id, s.%2$I,
                   coalesce(sum(s.jobs) FILTER (WHERE s.outcome = 'completed'), 0)::bigint AS completed,
                   coalesce(sum(s.jobs) FILTER (WHERE s.outcome = 'retried'), 0)::bigint AS retried,
                   coalesce(sum(s.jobs) FILTER (WHERE s.outcome = 'lease_expired'), 0)::bigint AS lease_expired,
                   coalesce(sum(s.jobs) FILTER (WHERE s.outcome = 'dead'), 0)::bigint AS dead,
                   coalesce(sum(s.jobs) FILTER (WHERE s.outcome IN ('cancelled', 'discarded')), 0)::bigint AS cancelled,
                   sum(s.wait_ms) AS total_wait_ms, max(s.max_wait_ms) AS max_wait_ms,
                   sum(s.run_ms) AS total_run_ms, max(s.max_run_ms) AS max_run_ms,
                   (SELECT q.stats_reset_at FROM sentinel.queue_settings q) AS stats_reset
            FROM sentinel.job_stats s WHERE %3$s GROUP BY s.org_id, s.%2$I$view$, seen.name, seen.counted_by, seen.condition);
        EXECUTE format('COMMENT ON VIEW sentinel.%I IS %L', seen.name, format('Attempts that ended since stats_reset, per '
            'organisation and %s; outlives the history. reset_stats() starts anew.', seen.word));
        FOR about IN SELECT * FROM (VALUES
            ('org_id', 'Organisation.'), (seen.counted_by, seen.says), ('completed', 'Jobs completed.'),
            ('retried', 'Attempts that failed and were tried again.'),
            ('lease_expired', 'Attempts whose worker vanished, tried again.'), ('dead', 'Jobs that failed for good.'),
            ('cancelled', 'Jobs cancelled or discarded.'),
            ('total_wait_ms', 'Sum of the times from due to claimed, in milliseconds; divided by the attempts it gives the mean.'),
            ('max_wait_ms', 'Longest time from due to claimed, in milliseconds.'),
            ('total_run_ms', 'Sum of the times from claimed to ended, in milliseconds.'),
            ('max_run_ms', 'Longest time from claimed to ended, in milliseconds.'),
            ('stats_reset', 'Since when it counts.')) c(name, says) LOOP
            EXECUTE format('COMMENT ON COLUMN sentinel.%I.%I IS %L', seen.name, about.name, about.says);
        END LOOP;
    END LOOP;
END
$$;

GRANT SELECT ON sentinel.sentinel_stat_job_types, sentinel.sentinel_stat_queues, sentinel.sentinel_stat_workers,
    sentinel.job_stats, sentinel.queue_settings TO sentinel_operator;
GRANT SELECT ON sentinel.job_types, sentinel.queues, sentinel.job_waiting, sentinel.job_running, sentinel.job_history,
    sentinel.job_dead, sentinel.jobs, sentinel.job_waits, sentinel.job_progress, sentinel.workers
    TO sentinel_operator;
GRANT SELECT ON sentinel.job_types TO sentinel_reader, sentinel_member;
