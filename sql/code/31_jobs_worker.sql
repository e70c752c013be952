-- Room jobs: taking work out. Called by workers and by run_jobs().

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.claim(worker text, queues text[], n integer DEFAULT 1, lease_for interval DEFAULT '90 seconds',
                               only_org uuid DEFAULT NULL)
    RETURNS TABLE (job_id uuid, org_id uuid, lease bigint, job_type text, queue text, payload jsonb,
                   attempt integer, max_attempts integer, run_at timestamptz, lease_until timestamptz)
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_claim';
ALTER FUNCTION sentinel.claim(text, text[], integer, interval, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.claim(text, text[], integer, interval, uuid) IS
    'Claim up to n ready jobs (0 to 10,000) of the queues, tenants in turn or of one only, the most urgent and oldest first; each eighth turn of a tenant begins with its oldest job, however little urgent. Counts the attempt and gives the claim a lease number: (job_id, lease) finishes the job. Paused and full queues give nothing, nor do queues and keys with a limit outside READ COMMITTED, where nobody can count what runs; a parked copy gives no job that reaches outside. Errors: SN001, 22023 n or lease_for, 22004 null.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.complete(jobs uuid[], leases bigint[], results jsonb DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_complete';
ALTER FUNCTION sentinel.complete(uuid[], bigint[], jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.complete(uuid[], bigint[], jsonb) IS
    'Complete jobs; results is an array in the same order. Gives the number completed: a job whose lease another holds by now is left alone. Errors: 22023 arrays of different length.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.finish_and_claim(worker text, jobs uuid[], leases bigint[], results jsonb, queues text[],
                                          n integer DEFAULT 1, lease_for interval DEFAULT '90 seconds',
                                          only_org uuid DEFAULT NULL)
    RETURNS TABLE (job_id uuid, org_id uuid, lease bigint, job_type text, queue text, payload jsonb,
                   attempt integer, max_attempts integer, run_at timestamptz, lease_until timestamptz)
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'sentinel_finish_and_claim';
ALTER FUNCTION sentinel.finish_and_claim(text, uuid[], bigint[], jsonb, text[], integer, interval, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.finish_and_claim(text, uuid[], bigint[], jsonb, text[], integer, interval, uuid) IS
    'Complete jobs and claim the next ones in one transaction. Arguments and errors as complete() and claim().';

CREATE FUNCTION sentinel.key_expiry(kind text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN key_expiry.kind = 'singleton' THEN now()
                ELSE now() + (SELECT s.idempotency_retention FROM sentinel.queue_settings s) END;
END
$$;
COMMENT ON FUNCTION sentinel.key_expiry(text) IS 'Give the time at which a key is free when its job ends now.';

CREATE FUNCTION sentinel.concurrency_full(org uuid, concurrency_key text, concurrency_limit integer) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) FROM sentinel.job_running r
            WHERE r.org_id = concurrency_full.org AND r.concurrency_key = concurrency_full.concurrency_key)
           >= concurrency_full.concurrency_limit;
END
$$;
COMMENT ON FUNCTION sentinel.concurrency_full(uuid, text, integer) IS 'Tell whether as many jobs of a concurrency key run as may.';

CREATE FUNCTION sentinel.retry_delay(job_type text, attempts integer) RETURNS interval
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- In seconds: an interval doubled 30 times is out of range.
    RETURN (SELECT make_interval(secs => least(extract(epoch FROM t.max_delay)::float8,
                       extract(epoch FROM t.base_delay)::float8 * power(2, least(greatest(retry_delay.attempts, 1) - 1, 30)))
                   * (0.5 + random() / 2))
            FROM sentinel.job_types t WHERE t.job_type = retry_delay.job_type);
END
$$;
COMMENT ON FUNCTION sentinel.retry_delay(text, integer) IS
    'Give the wait after a failed attempt: base_delay doubled for each attempt, at most max_delay, of which between half and all at random. Source: exponential backoff with equal jitter.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.fail(jobs uuid[], leases bigint[], errors text[] DEFAULT NULL,
                              retry_in interval[] DEFAULT NULL, fatal boolean DEFAULT false,
                              worker_died boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failed integer;
    dead record;
    moment timestamptz := sentinel.due_now();
BEGIN
    PERFORM sentinel.require_installed();
    IF cardinality(fail.jobs) <> cardinality(fail.leases) THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('%s jobs but %s leases', cardinality(fail.jobs), cardinality(fail.leases)),
            DETAIL = 'Each job comes with the lease of its claim.',
            HINT = 'Pass the arrays job_id and lease of sentinel.claim().';
    END IF;
    FOR dead IN
        WITH given AS (
            SELECT d.id, d.lease, d.error, d.retry_in
            FROM ROWS FROM (unnest(fail.jobs), unnest(fail.leases), unnest(fail.errors), unnest(fail.retry_in))
                 AS d(id, lease, error, retry_in)
        ), gone AS (
            DELETE FROM sentinel.job_running r USING given d WHERE r.id = d.id AND r.lease = d.lease
            RETURNING r.*, left(coalesce(d.error, 'failed'), 2000) AS error, d.retry_in
        ), judged AS (
            SELECT g.*, (g.worker_deaths + fail.worker_died::integer)::smallint AS deaths,
                   fail.worker_died AND g.worker_deaths >= 2 AS poisonous
            FROM gone g
        ), ended AS (
            SELECT j.*, fail.fatal OR j.poisonous OR j.attempts >= j.max_attempts
                        OR j.cancel_requested_at IS NOT NULL AS is_over,
                   CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
                        WHEN fail.fatal OR j.poisonous OR j.attempts >= j.max_attempts THEN 'dead'
                        WHEN fail.worker_died THEN 'lease_expired' ELSE 'retried' END AS outcome
            FROM judged j
        ), again AS (
            INSERT INTO sentinel.job_waiting (org_id, id, queue, job_type, priority, run_at, payload, attempts,
                max_attempts, event_id, concurrency_key, concurrency_limit, idempotency_key, singleton_key, created_at,
                worker_deaths, last_error)
            SELECT g.org_id, g.id, g.queue, g.job_type, g.priority,
                   moment + greatest(coalesce(g.retry_in, sentinel.retry_delay(g.job_type, g.attempts)), interval '0'),
                   g.payload, g.attempts, g.max_attempts, g.event_id, g.concurrency_key, g.concurrency_limit,
                   g.idempotency_key, g.singleton_key, g.created_at, g.deaths, g.error
            FROM ended g WHERE NOT g.is_over
        ), noted AS (
            INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, outcome, attempts, event_id, worker,
                run_at, claimed_at, error)
            SELECT g.org_id, g.id, g.lease, g.queue, g.job_type, g.outcome, g.attempts, g.event_id, g.worker, g.run_at,
                   g.claimed_at, g.error
            FROM ended g
        ), buried AS (
            INSERT INTO sentinel.job_dead (org_id, id, queue, job_type, priority, payload, attempts, max_attempts,
                event_id, concurrency_key, concurrency_limit, idempotency_key, created_at, last_error, quarantined)
            SELECT g.org_id, g.id, g.queue, g.job_type, g.priority, g.payload, g.attempts, g.max_attempts, g.event_id,
                   g.concurrency_key, g.concurrency_limit, g.idempotency_key, g.created_at, g.error, g.poisonous
            FROM ended g WHERE g.outcome = 'dead'
        ), ours AS MATERIALIZED (
            -- In the order in which enqueue() locks keys, so that the two never wait for each other.
            SELECT k.org_id, k.job_type, k.kind, k.key FROM sentinel.job_keys k
            JOIN ended g ON k.org_id = g.org_id AND k.job_id = g.id
            WHERE g.is_over AND (g.idempotency_key IS NOT NULL OR g.singleton_key IS NOT NULL)
            ORDER BY k.org_id, k.kind, k.job_type, k.key FOR UPDATE OF k
        ), freed AS (
            UPDATE sentinel.job_keys k SET expires_at = sentinel.key_expiry(k.kind) FROM ours o
            WHERE k.org_id = o.org_id AND k.job_type = o.job_type AND k.kind = o.kind AND k.key = o.key
        )
        SELECT g.org_id, g.id, g.lease, g.job_type, g.attempts, g.error, count(*) OVER () AS all_rows,
               g.outcome = 'dead' AS is_dead, g.poisonous
        FROM ended g
    LOOP
        failed := dead.all_rows;
        IF dead.is_dead THEN
            PERFORM sentinel.emit_for(dead.org_id, 'job.dead', 'job', dead.id,
                jsonb_build_object('job_type', dead.job_type, 'attempts', dead.attempts, 'error', dead.error,
                                   'quarantined', dead.poisonous),
                format('job.dead:%s:%s', dead.id, dead.lease));
        END IF;
    END LOOP;
    RETURN coalesce(failed, 0);
END
$$;
ALTER FUNCTION sentinel.fail(uuid[], bigint[], text[], interval[], boolean, boolean) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.fail(uuid[], bigint[], text[], interval[], boolean, boolean) IS
    'Fail jobs: each waits again after retry_in, by default after retry_delay(), or is dead when its attempts are used or fatal is true; a dead job emits job.dead. worker_died counts a death of the worker; at the third the job is dead and quarantined, whatever attempts it has left. Gives the number failed: a job whose lease another holds by now is left alone. Errors: 22023 arrays of different length.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.release(jobs uuid[], leases bigint[], delay interval DEFAULT '0', reason text DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.release_each(release.jobs, release.leases, array_fill(release.delay, ARRAY[cardinality(release.jobs)]),
                                 array_fill(release.reason, ARRAY[cardinality(release.jobs)]));
END
$$;
ALTER FUNCTION sentinel.release(uuid[], bigint[], interval, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.release(uuid[], bigint[], interval, text) IS
    'Give claimed jobs back unused: they wait again for delay and the attempt is not counted; the reason is shown in job_waits. Gives the number released.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.release_each(jobs uuid[], leases bigint[], delays interval[], reasons text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := sentinel.due_now();
    released integer;
    ready boolean;
BEGIN
    PERFORM sentinel.require_installed();
    WITH gone AS (
        DELETE FROM sentinel.job_running r
        USING ROWS FROM (unnest(release_each.jobs), unnest(release_each.leases), unnest(release_each.delays),
                         unnest(release_each.reasons)) AS d(id, lease, delay, reason)
        WHERE r.id = d.id AND r.lease = d.lease
        RETURNING r.*, moment + greatest(d.delay, interval '0') AS due, left('held back: ' || d.reason, 2000) AS reason
    ), noted AS (
        INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, outcome, attempts, event_id, worker, run_at,
            claimed_at)
        SELECT g.org_id, g.id, g.lease, g.queue, g.job_type, 'cancelled', g.attempts, g.event_id, g.worker, g.run_at,
               g.claimed_at
        FROM gone g WHERE g.cancel_requested_at IS NOT NULL
    ), freed AS (
        UPDATE sentinel.job_keys k SET expires_at = sentinel.key_expiry(k.kind) FROM gone g
        WHERE g.cancel_requested_at IS NOT NULL AND k.org_id = g.org_id AND k.job_id = g.id
    ), back AS (
        INSERT INTO sentinel.job_waiting (org_id, id, queue, job_type, priority, run_at, payload, attempts, max_attempts,
            event_id, concurrency_key, concurrency_limit, idempotency_key, singleton_key, created_at, worker_deaths,
            last_error)
        SELECT g.org_id, g.id, g.queue, g.job_type, g.priority, coalesce(g.due, moment), g.payload,
               (g.attempts - 1)::smallint, g.max_attempts, g.event_id, g.concurrency_key, g.concurrency_limit,
               g.idempotency_key, g.singleton_key, g.created_at, g.worker_deaths, g.reason
        FROM gone g WHERE g.cancel_requested_at IS NULL RETURNING run_at
    )
    SELECT (SELECT count(*) FROM gone), (SELECT bool_or(b.run_at <= moment) FROM back b) INTO released, ready;
    IF ready THEN
        PERFORM sentinel.wake_workers();
    END IF;
    RETURN released;
END
$$;
ALTER FUNCTION sentinel.release_each(uuid[], bigint[], interval[], text[]) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.release_each(uuid[], bigint[], interval[], text[]) IS
    'Give claimed jobs back unused, each with a delay and a reason of its own, as release() does; one whose cancel was asked for ends. Gives the number released.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.worker_hello(worker text, version text, info jsonb DEFAULT '{}') RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    -- An earlier process of this name that has been silent for two heartbeats has ended: what it held need not run out. One
    -- that was heard of lately may live on another machine under the same name.
    IF EXISTS (SELECT FROM sentinel.workers w WHERE w.worker = worker_hello.worker
               AND w.info ->> 'process' <> worker_hello.info ->> 'process'
               AND w.seen_at < clock_timestamp() - interval '20 seconds') THEN
        PERFORM sentinel.fail(array_agg(r.id), array_agg(r.lease),
                              array_fill(format('worker %s ended', worker_hello.worker), ARRAY[count(*)::integer]),
                              worker_died => true)
        FROM sentinel.job_running r WHERE r.worker = worker_hello.worker HAVING count(*) > 0;
    END IF;
    INSERT INTO sentinel.workers AS w (worker, version, info) VALUES (worker_hello.worker, worker_hello.version, worker_hello.info)
    ON CONFLICT ON CONSTRAINT workers_pkey DO UPDATE
        SET version = excluded.version, info = excluded.info, started_at = excluded.started_at, seen_at = excluded.seen_at;
    RETURN CASE WHEN sentinel.parked() THEN 'parked' ELSE 'ready' END;
END
$$;
ALTER FUNCTION sentinel.worker_hello(text, text, jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.worker_hello(text, text, jsonb) IS
    'Announce a worker. When info holds another process than the last hello of this name, and that one has been silent for 20 seconds, the jobs that it held are taken back at once. Gives ready, or parked in a restored copy, where jobs that reach outside wait for adopt_restore().';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.heartbeat(worker text, jobs uuid[] DEFAULT '{}', leases bigint[] DEFAULT '{}',
                                   lease interval DEFAULT '90 seconds') RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until timestamptz := clock_timestamp() + heartbeat.lease;
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM sentinel.require_installed();
    INSERT INTO sentinel.workers AS w (worker, seen_at) VALUES (heartbeat.worker, moment)
    ON CONFLICT ON CONSTRAINT workers_pkey DO UPDATE SET seen_at = excluded.seen_at;
    RETURN QUERY
    UPDATE sentinel.job_running r SET lease_until = until
    FROM ROWS FROM (unnest(heartbeat.jobs), unnest(heartbeat.leases)) AS d(id, lease)
    WHERE r.id = d.id AND r.lease = d.lease RETURNING r.id;
END
$$;
ALTER FUNCTION sentinel.heartbeat(text, uuid[], bigint[], interval) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.heartbeat(text, uuid[], bigint[], interval) IS
    'Say that a worker lives and extend the leases it holds. Gives the jobs still held; drop the others.';

-- grant: sentinel_worker, sentinel_operator
CREATE FUNCTION sentinel.worker_alive(within interval DEFAULT '30 seconds') RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN EXISTS (SELECT FROM sentinel.workers w WHERE w.seen_at > clock_timestamp() - worker_alive.within);
END
$$;
ALTER FUNCTION sentinel.worker_alive(interval) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.worker_alive(interval) IS 'Tell whether any worker has sent a heartbeat within the time given.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.reap() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost record;
BEGIN
    PERFORM sentinel.require_installed();
    -- Else the backends would be those that an earlier look of this transaction found.
    PERFORM pg_stat_clear_snapshot();
    -- run_jobs() claims in the name of its backend, for long; where the backend ended or the server crashed, nobody waits.
    SELECT array_agg(l.id) AS jobs, array_agg(l.lease) AS leases,
           array_agg(CASE WHEN l.run_out THEN format('lease ran out: worker %s did not answer', l.worker)
                          ELSE format('%s ended', l.worker) END) AS errors INTO lost
    FROM (SELECT r.id, r.lease, r.worker, r.lease_until < clock_timestamp() AS run_out FROM sentinel.job_running r
          WHERE r.lease_until < clock_timestamp()
             OR (r.worker ~ '^backend [0-9]{1,9}$'
                 AND (r.claimed_at < pg_postmaster_start_time()
                      OR NOT EXISTS (SELECT FROM pg_stat_get_activity(substr(r.worker, 9)::integer))))
          ORDER BY r.lease LIMIT 1000 FOR UPDATE SKIP LOCKED) l;
    IF lost.jobs IS NULL THEN
        RETURN 0;
    END IF;
    RETURN sentinel.fail(lost.jobs, lost.leases, lost.errors, worker_died => true);
END
$$;
ALTER FUNCTION sentinel.reap() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.reap() IS
    'Take back jobs whose lease ran out, and those of backends that ended, at most 1,000 a call; the attempt stays counted, and as a death of the worker. Gives their number. Called by tick().';
