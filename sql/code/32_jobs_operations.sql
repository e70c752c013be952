-- Room jobs: operating the queue, and running handlers in the database.

-- grant: sentinel_operator
CREATE FUNCTION sentinel.cancel_job(job_id uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    result text;
BEGIN
    WITH gone AS (
        DELETE FROM sentinel.job_waiting w WHERE w.org_id = org AND w.id = cancel_job.job_id RETURNING w.*
    ), freed AS (
        UPDATE sentinel.job_keys k SET expires_at = sentinel.key_expiry(k.kind) FROM gone g
        WHERE k.org_id = g.org_id AND k.job_id = g.id
    )
    INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, outcome, attempts, event_id, run_at)
    SELECT g.org_id, g.id, 0, g.queue, g.job_type, 'cancelled', g.attempts, g.event_id, g.run_at FROM gone g;
    IF FOUND THEN
        result := 'cancelled';
    ELSE
        UPDATE sentinel.job_running r SET cancel_requested_at = now()
        WHERE r.org_id = org AND r.id = cancel_job.job_id AND r.cancel_requested_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no waiting or running job "%s"', cancel_job.job_id),
                DETAIL = 'Only a job that has not ended can be cancelled.', HINT = 'SELECT id, state FROM sentinel.jobs;';
        END IF;
        result := 'requested';
    END IF;
    PERFORM sentinel.audit('job.cancelled', 'job', cancel_job.job_id);
    RETURN result;
END
$$;
ALTER FUNCTION sentinel.cancel_job(uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.cancel_job(uuid) IS
    'Cancel a job of the organisation entered. Gives cancelled for a waiting one; requested for a running one, which then is not tried again. Errors: SN002, SN004.';

-- grant: sentinel_operator
CREATE FUNCTION sentinel.reschedule_job(job_id uuid, run_at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    UPDATE sentinel.job_waiting w SET run_at = greatest(reschedule_job.run_at, sentinel.due_now())
    WHERE w.org_id = org AND w.id = reschedule_job.job_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no waiting job "%s"', reschedule_job.job_id),
            DETAIL = 'Only a waiting job has a time to change.', HINT = 'SELECT id, state FROM sentinel.jobs;';
    END IF;
    PERFORM sentinel.wake_workers();
END
$$;
ALTER FUNCTION sentinel.reschedule_job(uuid, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.reschedule_job(uuid, timestamptz) IS 'Change the time of a waiting job of the organisation entered. Errors: SN002, SN004.';

-- grant: sentinel_operator
CREATE FUNCTION sentinel.retry_dead(job_id uuid DEFAULT NULL, job_type text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    put_back integer;
    moment timestamptz := sentinel.due_now();
BEGIN
    WITH gone AS (
        DELETE FROM sentinel.job_dead d
        WHERE d.org_id = org AND CASE WHEN retry_dead.job_id IS NULL THEN NOT d.quarantined ELSE d.id = retry_dead.job_id END
          AND (retry_dead.job_type IS NULL OR d.job_type = retry_dead.job_type) RETURNING d.*
    ), held AS (
        UPDATE sentinel.job_keys k SET expires_at = NULL FROM gone g
        WHERE k.org_id = g.org_id AND k.job_id = g.id AND k.kind = 'idempotency'
    )
    INSERT INTO sentinel.job_waiting (org_id, id, queue, job_type, priority, run_at, payload, attempts, max_attempts,
        event_id, concurrency_key, concurrency_limit, idempotency_key, created_at, last_error)
    SELECT g.org_id, g.id, g.queue, g.job_type, g.priority, moment, g.payload, 0, g.max_attempts, g.event_id,
           g.concurrency_key, g.concurrency_limit, g.idempotency_key, g.created_at, g.last_error FROM gone g;
    GET DIAGNOSTICS put_back = ROW_COUNT;
    IF put_back = 0 AND retry_dead.job_id IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no dead job "%s"', retry_dead.job_id),
            DETAIL = 'Only a job that failed for good is put back.', HINT = 'SELECT id, job_type, last_error FROM sentinel.job_dead;';
    ELSIF put_back > 0 THEN
        PERFORM sentinel.wake_workers();
    END IF;
    RETURN put_back;
END
$$;
ALTER FUNCTION sentinel.retry_dead(uuid, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.retry_dead(uuid, text) IS
    'Put dead jobs of the organisation entered back into the queue with all their attempts: one, all of a type, or all; quarantined ones only by their id. Same ids, so receivers can drop what they have. Gives the number. Errors: SN002, SN004.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.pause_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    INSERT INTO sentinel.queues AS q (queue, paused_at, paused_by) VALUES (pause_queue.queue, now(), session_user)
    ON CONFLICT ON CONSTRAINT queues_pkey DO UPDATE SET paused_at = coalesce(q.paused_at, excluded.paused_at),
        paused_by = coalesce(q.paused_by, excluded.paused_by);
    PERFORM sentinel.table_changed('sentinel.queues');
END
$$;
ALTER FUNCTION sentinel.pause_queue(text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.pause_queue(text) IS 'Hand out no more jobs of a queue; those that run go on.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.resume_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    UPDATE sentinel.queues q SET paused_at = NULL, paused_by = NULL WHERE q.queue = resume_queue.queue;
    PERFORM sentinel.table_changed('sentinel.queues');
    PERFORM sentinel.wake_workers();
END
$$;
ALTER FUNCTION sentinel.resume_queue(text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.resume_queue(text) IS 'Hand out jobs of a paused queue again.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.limit_queue(queue text, max_running integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    IF limit_queue.max_running < 1 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid limit %s', limit_queue.max_running),
            DETAIL = 'A limit is 1 or more; a queue at rest is a paused one.',
            HINT = format('SELECT sentinel.pause_queue(%L); or a limit of 1.', left(limit_queue.queue, 60));
    END IF;
    INSERT INTO sentinel.queues AS q (queue, max_running) VALUES (limit_queue.queue, limit_queue.max_running)
    ON CONFLICT ON CONSTRAINT queues_pkey DO UPDATE SET max_running = excluded.max_running;
    PERFORM sentinel.table_changed('sentinel.queues');
END
$$;
ALTER FUNCTION sentinel.limit_queue(text, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.limit_queue(text, integer) IS
    'Let at most max_running jobs of a queue run at once over all workers; null takes the limit away. Errors: 22023 below 1.';

-- grant: sentinel_worker, sentinel_operator
CREATE FUNCTION sentinel.report_progress(job_id uuid, done numeric, total numeric DEFAULT NULL, note text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.current_org();
BEGIN
    PERFORM sentinel.require_installed();
    IF org IS NULL THEN
        PERFORM sentinel.require_engine(NULL);
    END IF;
    UPDATE sentinel.job_running r SET progress_done = report_progress.done,
        progress_total = coalesce(report_progress.total, r.progress_total),
        progress_note = coalesce(left(report_progress.note, 200), r.progress_note)
    WHERE r.id = report_progress.job_id AND (org IS NULL OR r.org_id = org);
    RETURN EXISTS (SELECT FROM sentinel.job_running r WHERE r.id = report_progress.job_id AND (org IS NULL OR r.org_id = org)
                   AND r.cancel_requested_at IS NULL);
END
$$;
ALTER FUNCTION sentinel.report_progress(uuid, numeric, numeric, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.report_progress(uuid, numeric, numeric, text) IS
    'Tell how far a running job is; others see it once the transaction commits, so it is for workers: a handler in the database learns from it only whether to stop. Gives false when the job should stop: cancelled, or ended. Without an organisation entered for workers only. Errors: SN003.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.purge_jobs() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM sentinel.require_installed();
    DELETE FROM sentinel.job_keys k USING sentinel.orgs o WHERE k.org_id = o.org_id AND k.expires_at <= now();
    GET DIAGNOSTICS removed = ROW_COUNT;
    PERFORM sentinel.compact_stats();
    DELETE FROM sentinel.workers w WHERE w.seen_at < now() - interval '1 day';
    RETURN removed;
END
$$;
ALTER FUNCTION sentinel.purge_jobs() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.purge_jobs() IS
    'Remove keys whose retention is over and workers unseen for a day, and sum up the statistics. Gives the number of keys removed. Called by tick().';

CREATE FUNCTION sentinel.discard_outside_jobs() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    discarded bigint;
BEGIN
    WITH waiting AS (
        DELETE FROM sentinel.job_waiting w USING sentinel.job_types t
        WHERE t.job_type = w.job_type AND t.kind = 'http'
        RETURNING w.org_id, w.id, 0::bigint AS lease, w.queue, w.job_type, w.attempts, w.event_id, w.run_at
    ), running AS (
        DELETE FROM sentinel.job_running r USING sentinel.job_types t
        WHERE t.job_type = r.job_type AND t.kind = 'http'
        RETURNING r.org_id, r.id, r.lease, r.queue, r.job_type, r.attempts, r.event_id, r.run_at
    ), gone AS (
        SELECT * FROM waiting UNION ALL SELECT * FROM running
    ), freed AS (
        UPDATE sentinel.job_keys k SET expires_at = sentinel.key_expiry(k.kind) FROM gone g
        WHERE k.org_id = g.org_id AND k.job_id = g.id
    )
    INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, outcome, attempts, event_id, run_at)
    SELECT g.org_id, g.id, g.lease, g.queue, g.job_type, 'discarded', g.attempts, g.event_id, g.run_at
    FROM gone g;
    GET DIAGNOSTICS discarded = ROW_COUNT;
    RETURN discarded;
END
$$;
ALTER FUNCTION sentinel.discard_outside_jobs() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.discard_outside_jobs() IS 'Drop the jobs that reach outside, waiting or running, into the history. Part of adopt_restore().';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.sql_queues() RETURNS text[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN (WITH RECURSIVE q(queue) AS (
                (SELECT w.queue FROM sentinel.job_waiting w ORDER BY w.queue LIMIT 1)
                UNION ALL
                SELECT (SELECT w.queue FROM sentinel.job_waiting w WHERE w.queue > q.queue ORDER BY w.queue LIMIT 1)
                FROM q WHERE q.queue IS NOT NULL
            )
            SELECT coalesce(array_agg(q.queue), '{}') FROM q
            WHERE q.queue IS NOT NULL
              AND NOT EXISTS (SELECT FROM sentinel.job_types t WHERE t.queue = q.queue AND t.kind = 'http'));
END
$$;
ALTER FUNCTION sentinel.sql_queues() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.sql_queues() IS 'Give the queues with waiting jobs that handlers in the database serve.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.run_handler(org_id uuid, job_id uuid, lease bigint) RETURNS jsonb
    LANGUAGE c VOLATILE SECURITY DEFINER AS 'MODULE_PATHNAME', 'sentinel_run_handler';
ALTER FUNCTION sentinel.run_handler(uuid, uuid, bigint) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.run_handler(uuid, uuid, bigint) IS
    'Run the handler of a claimed sql job as sentinel_owner with the organisation of the job entered, within the time limit of its type. Gives what the handler gives. Errors: those of the handler, SN008 not held, SN011 time limit. Its search_path is set inside for the call.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.longest_handler() RETURNS interval
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN (SELECT least(coalesce(max(t.time_limit), interval '30 seconds'), interval '23 hours')
            FROM sentinel.job_types t WHERE t.kind = 'sql');
END
$$;
ALTER FUNCTION sentinel.longest_handler() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.longest_handler() IS
    'Give the longest time limit of the job types whose handlers run in the database, at most 23 hours.';

-- grant: sentinel_worker, sentinel_admin
CREATE PROCEDURE sentinel.run_jobs(n integer DEFAULT 100, INOUT ran integer DEFAULT NULL)
    LANGUAGE plpgsql AS $$
DECLARE
    worker text := 'backend ' || pg_catalog.pg_backend_pid();
    -- Who calls has other work too: the clock, and an end that somebody waits for.
    until timestamptz := pg_catalog.clock_timestamp() + interval '5 seconds';
    -- No handler outlives its claim.
    lease interval;
    job record;
    outcome jsonb;
    problem text;
    state text;
    cancelled boolean := false;
    queues text[];
BEGIN
    PERFORM sentinel.require_installed();
    ran := 0;
    queues := sentinel.sql_queues();
    IF pg_catalog.cardinality(queues) = 0 OR run_jobs.n < 1 THEN
        RETURN;
    END IF;
    lease := sentinel.longest_handler() + interval '1 minute';
    SELECT * INTO job FROM sentinel.claim(worker, queues, 1, lease);
    FOR turn IN 1..run_jobs.n LOOP
        -- A claim is committed before its handler runs: one that ends its backend has used an attempt. The claim of the
        -- next job shares the commit of this one's end.
        COMMIT;
        EXIT WHEN job.job_id IS NULL;
        ran := turn;
        problem := NULL;
        BEGIN
            outcome := sentinel.run_handler(job.org_id, job.job_id, job.lease);
            -- Within the handler's subtransaction: where the lease was lost meanwhile another run of the job counts, and
            -- what this one did is undone.
            IF sentinel.complete(ARRAY[job.job_id], ARRAY[job.lease], pg_catalog.jsonb_build_array(outcome)) = 0 THEN
                RAISE EXCEPTION USING ERRCODE = 'SN008',
                    MESSAGE = pg_catalog.format('job %s was taken back while its handler ran', job.job_id),
                    DETAIL = 'Its lease ran out; what the handler did was undone.';
            END IF;
        EXCEPTION
        WHEN query_canceled THEN
            cancelled := true;
        WHEN assert_failure OR OTHERS THEN
            GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
        END;
        IF cancelled THEN
            -- Its attempt counts: a handler may raise this itself, and would else be the next job for ever.
            PERFORM sentinel.fail(ARRAY[job.job_id], ARRAY[job.lease], ARRAY['57014: cancelled while it ran']);
            COMMIT;
            RAISE EXCEPTION USING ERRCODE = '57014', MESSAGE = 'running jobs was cancelled',
                DETAIL = 'The job at hand is tried again.';
        ELSIF problem IS NOT NULL THEN
            PERFORM sentinel.fail(ARRAY[job.job_id], ARRAY[job.lease],
                                  ARRAY[pg_catalog.format('%s: %s', state, problem)]);
        END IF;
        SELECT * INTO job FROM sentinel.claim(worker, queues,
            CASE WHEN turn < run_jobs.n AND pg_catalog.clock_timestamp() < until THEN 1 ELSE 0 END, lease);
    END LOOP;
    COMMIT;
END
$$;
COMMENT ON PROCEDURE sentinel.run_jobs(integer, integer) IS
    'Run up to n ready jobs whose handlers live in the database, one at a time, with a commit before and after each; a handler that fails harms no other. Begins none after 5 seconds, so that its caller can look to other work. ran gives the number of jobs run; call again while it is above 0. Call it outside a transaction.';
