-- Room jobs: putting work in.

CREATE FUNCTION sentinel.wake_workers(queue text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_wake_workers';
COMMENT ON FUNCTION sentinel.wake_workers(text) IS
    'Wake listening workers when the transaction commits (NOTIFY sentinel_jobs), if a claim has found the queue, or any queue, empty since the last NOTIFY. Off with sentinel.notify = off.';

CREATE FUNCTION sentinel.due_now() RETURNS timestamptz
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_due_now';
COMMENT ON FUNCTION sentinel.due_now() IS
    'Give this transaction its id and then the present time: the earliest run_at that a waiting job may be written with, so that claims, which start at a low mark, do not pass it by.';

CREATE FUNCTION sentinel.check_job(job_type text, priority integer, max_attempts integer, payload jsonb) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sentinel.job_types t WHERE t.job_type = check_job.job_type) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('unknown job type "%s"', left(check_job.job_type, 80)),
            DETAIL = 'A job type is registered before jobs of it are enqueued.',
            HINT = 'SELECT sentinel.register_job_type(''my_job'', ''my_schema.my_handler'');';
    END IF;
    IF check_job.priority NOT BETWEEN 0 AND 9 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid priority %s', check_job.priority),
            DETAIL = 'Priorities go from 0, the most urgent, to 9.', HINT = 'Use 5.';
    END IF;
    IF check_job.max_attempts NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid max_attempts %s', check_job.max_attempts),
            DETAIL = 'A job has 1 to 100 attempts.', HINT = 'Use 3.';
    END IF;
    IF pg_column_size(check_job.payload) > 1048576 THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = format('payload of %s bytes', pg_column_size(check_job.payload)),
            DETAIL = 'A payload has up to 1 MiB.', HINT = 'Store the data in a table and pass its id.';
    END IF;
END
$$;
ALTER FUNCTION sentinel.check_job(text, integer, integer, jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.check_job(text, integer, integer, jsonb) IS
    'Raise the error that a job of these values deserves: SN004 job type, 22023 priority or attempts, 54000 payload.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enqueue(job_type text, payload jsonb DEFAULT '{}', queue text DEFAULT NULL,
        priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, idempotency_key text DEFAULT NULL,
        max_attempts integer DEFAULT NULL, singleton_key text DEFAULT NULL, concurrency_key text DEFAULT NULL,
        concurrency_limit integer DEFAULT NULL, org_id uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.current_org();
    job uuid := sentinel.uuid7();
    moment timestamptz := sentinel.due_now();
    due timestamptz := greatest(enqueue.run_at, moment);
    holder uuid;
BEGIN
    -- Another organisation than the one entered is for the functions of sentinel_engine and for administrators.
    IF enqueue.org_id IS NOT NULL AND enqueue.org_id IS DISTINCT FROM org THEN
        PERFORM sentinel.require_engine(enqueue.org_id);
        org := enqueue.org_id;
    ELSE
        org := sentinel.require_org();
        PERFORM sentinel.require_contributor();
    END IF;
    IF enqueue.idempotency_key IS NOT NULL THEN
        holder := sentinel.take_job_key(org, enqueue.job_type, 'idempotency', enqueue.idempotency_key, job);
        IF holder <> job THEN RETURN holder; END IF;
    END IF;
    IF enqueue.singleton_key IS NOT NULL THEN
        holder := sentinel.take_job_key(org, enqueue.job_type, 'singleton', enqueue.singleton_key, job);
        IF holder <> job THEN RETURN holder; END IF;
    END IF;
    INSERT INTO sentinel.job_waiting (org_id, id, queue, job_type, priority, run_at, payload, max_attempts,
        concurrency_key, concurrency_limit, idempotency_key, singleton_key)
    SELECT org, job, coalesce(enqueue.queue, t.queue), t.job_type, coalesce(enqueue.priority, t.priority), due,
           coalesce(enqueue.payload, '{}'), coalesce(enqueue.max_attempts, t.max_attempts),
           enqueue.concurrency_key,
           CASE WHEN enqueue.concurrency_key IS NOT NULL THEN coalesce(enqueue.concurrency_limit, 1) END,
           enqueue.idempotency_key, enqueue.singleton_key
    FROM sentinel.job_types t
    WHERE t.job_type = enqueue.job_type AND coalesce(enqueue.priority, 5) BETWEEN 0 AND 9
      AND coalesce(enqueue.max_attempts, 1) BETWEEN 1 AND 100 AND pg_column_size(enqueue.payload) <= 1048576;
    IF NOT FOUND THEN
        PERFORM sentinel.check_job(enqueue.job_type, coalesce(enqueue.priority, 5), coalesce(enqueue.max_attempts, 1),
                                   enqueue.payload);
    END IF;
    IF due = moment THEN
        PERFORM sentinel.wake_workers(coalesce(enqueue.queue, (SELECT t.queue FROM sentinel.job_types t WHERE t.job_type = enqueue.job_type)));
    END IF;
    RETURN job;
END
$$;
ALTER FUNCTION sentinel.enqueue(text, jsonb, text, integer, timestamptz, text, integer, text, text, integer, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.enqueue(text, jsonb, text, integer, timestamptz, text, integer, text, text, integer, uuid) IS
    'Put a job into the queue of the organisation entered; gives its id. idempotency_key: a job with this key and type exists once, until the retention after its end; the first one''s id is given. singleton_key: one such job waits or runs at a time. concurrency_key: at most concurrency_limit (default 1) jobs of the key run at once. Errors: SN002, SN003 viewer or another organisation, SN004 job type, 22023 priority or attempts, 54000 payload above 1 MiB.';

CREATE FUNCTION sentinel.require_engine(org uuid) RETURNS void
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'sentinel_require_engine';
COMMENT ON FUNCTION sentinel.require_engine(uuid) IS
    'Raise SN003 unless the role outside all functions is an administrator, or a worker or scheduler that works for all organisations.';

CREATE FUNCTION sentinel.take_job_key(org uuid, job_type text, kind text, key text, job uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder uuid;
    moment timestamptz := clock_timestamp();
BEGIN
    IF length(take_job_key.key) NOT BETWEEN 1 AND 500 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('%s key of %s characters', take_job_key.kind, length(take_job_key.key)),
            DETAIL = 'A key has 1 to 500 characters.', HINT = 'Use the id of what the job is for.';
    END IF;
    INSERT INTO sentinel.job_keys AS k (org_id, job_type, kind, key, job_id)
    VALUES (take_job_key.org, take_job_key.job_type, take_job_key.kind, take_job_key.key, take_job_key.job)
    ON CONFLICT ON CONSTRAINT job_keys_pkey DO UPDATE
        SET job_id = excluded.job_id, expires_at = NULL WHERE k.expires_at <= moment
    RETURNING k.job_id INTO holder;
    IF holder IS NULL THEN
        SELECT k.job_id INTO holder FROM sentinel.job_keys k
        WHERE k.org_id = take_job_key.org AND k.job_type = take_job_key.job_type AND k.kind = take_job_key.kind
          AND k.key = take_job_key.key;
    END IF;
    RETURN holder;
END
$$;
ALTER FUNCTION sentinel.take_job_key(uuid, text, text, text, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.take_job_key(uuid, text, text, text, uuid) IS
    'Take a key for a job, or give the job that holds it. Waits for a concurrent taker to end.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enqueue_many(jobs jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    bad record;
    added bigint;
    moment timestamptz := sentinel.due_now();
BEGIN
    PERFORM sentinel.require_contributor();
    SELECT n.job_type, coalesce(n.priority, 5) AS priority, coalesce(n.max_attempts, 1) AS max_attempts, n.payload INTO bad
    FROM jsonb_to_recordset(enqueue_many.jobs) AS n(job_type text, priority integer, max_attempts integer, payload jsonb)
    LEFT JOIN sentinel.job_types t ON t.job_type = n.job_type
    WHERE t.job_type IS NULL OR n.priority NOT BETWEEN 0 AND 9 OR n.max_attempts NOT BETWEEN 1 AND 100
       OR pg_column_size(n.payload) > 1048576
    LIMIT 1;
    IF FOUND THEN
        PERFORM sentinel.check_job(bad.job_type, bad.priority, bad.max_attempts, bad.payload);
    END IF;
    WITH wanted AS MATERIALIZED (
        SELECT sentinel.uuid7() AS id, n.*, t.queue AS type_queue, t.priority AS type_priority,
               t.max_attempts AS type_attempts
        FROM jsonb_to_recordset(enqueue_many.jobs) AS n(job_type text, payload jsonb, queue text, priority integer,
             run_at timestamptz, idempotency_key text, max_attempts integer, singleton_key text, concurrency_key text,
             concurrency_limit integer)
        JOIN sentinel.job_types t ON t.job_type = n.job_type
    ), wanted_keys AS (
        SELECT w.id, w.job_type, k.kind, k.key FROM wanted w,
        LATERAL (VALUES ('idempotency', w.idempotency_key), ('singleton', w.singleton_key)) k(kind, key)
        WHERE k.key IS NOT NULL
    ), firsts AS (
        SELECT DISTINCT ON (w.job_type, w.kind, w.key) w.* FROM wanted_keys w ORDER BY w.job_type, w.kind, w.key, w.id
    ), taken AS (
        INSERT INTO sentinel.job_keys AS k (org_id, job_type, kind, key, job_id)
        SELECT org, f.job_type, f.kind, f.key, f.id FROM firsts f ORDER BY f.job_type, f.kind, f.key
        ON CONFLICT ON CONSTRAINT job_keys_pkey DO UPDATE
            SET job_id = excluded.job_id, expires_at = NULL WHERE k.expires_at <= moment
        RETURNING k.job_id, k.kind
    )
    INSERT INTO sentinel.job_waiting (org_id, id, queue, job_type, priority, run_at, payload, max_attempts,
        concurrency_key, concurrency_limit, idempotency_key, singleton_key)
    SELECT org, w.id, coalesce(w.queue, w.type_queue), w.job_type, coalesce(w.priority, w.type_priority),
           greatest(w.run_at, moment), coalesce(w.payload, '{}'), coalesce(w.max_attempts, w.type_attempts),
           w.concurrency_key, CASE WHEN w.concurrency_key IS NOT NULL THEN coalesce(w.concurrency_limit, 1) END,
           w.idempotency_key, w.singleton_key
    FROM wanted w
    WHERE (w.idempotency_key IS NULL OR EXISTS (SELECT FROM taken k WHERE k.job_id = w.id AND k.kind = 'idempotency'))
      AND (w.singleton_key IS NULL OR EXISTS (SELECT FROM taken k WHERE k.job_id = w.id AND k.kind = 'singleton'));
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added > 0 THEN
        PERFORM sentinel.wake_workers();
    END IF;
    RETURN added;
END
$$;
ALTER FUNCTION sentinel.enqueue_many(jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.enqueue_many(jsonb) IS
    'Put many jobs into the queue in one statement: an array of objects with the argument names of enqueue(). Gives the number added; jobs whose key is held add nothing. Errors: as enqueue().';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.register_job_type(job_type text, handler text DEFAULT NULL, kind text DEFAULT 'sql',
        queue text DEFAULT 'default', priority integer DEFAULT 5, max_attempts integer DEFAULT 3,
        base_delay interval DEFAULT '5 seconds', max_delay interval DEFAULT '1 hour',
        time_limit interval DEFAULT '30 seconds', description text DEFAULT '') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    IF register_job_type.kind = 'sql' AND pg_catalog.to_regprocedure(register_job_type.handler || '(uuid,jsonb)') IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42883',
            MESSAGE = format('no handler function %s(uuid, jsonb)', coalesce(register_job_type.handler, '<null>')),
            DETAIL = 'The handler of an sql job takes the job id and the payload and returns jsonb.',
            HINT = 'CREATE FUNCTION my_schema.my_handler(job_id uuid, payload jsonb) RETURNS jsonb ...; name it with its schema.';
    END IF;
    INSERT INTO sentinel.job_types AS t (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay,
        time_limit, description)
    VALUES (register_job_type.job_type, register_job_type.kind, register_job_type.handler, register_job_type.queue,
        register_job_type.priority, register_job_type.max_attempts, register_job_type.base_delay,
        register_job_type.max_delay, register_job_type.time_limit, register_job_type.description)
    ON CONFLICT ON CONSTRAINT job_types_pkey DO UPDATE SET kind = excluded.kind, handler = excluded.handler,
        queue = excluded.queue, priority = excluded.priority, max_attempts = excluded.max_attempts,
        base_delay = excluded.base_delay, max_delay = excluded.max_delay, time_limit = excluded.time_limit,
        description = excluded.description;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION USING ERRCODE = '42501',
        MESSAGE = format('sentinel_owner may not see %s(uuid, jsonb)', register_job_type.handler),
        DETAIL = 'Handlers run as sentinel_owner.',
        HINT = format('GRANT USAGE ON SCHEMA %s TO sentinel_owner;', quote_ident(split_part(register_job_type.handler, '.', 1)));
END
$$;
ALTER FUNCTION sentinel.register_job_type(text, text, text, text, integer, integer, interval, interval, interval, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.register_job_type(text, text, text, text, integer, integer, interval, interval, interval, text) IS
    'Register a job type, or change it. The handler of an sql job is a function (job_id uuid, payload jsonb) RETURNS jsonb that sentinel_owner may execute; it runs with the organisation of the job entered. Errors: 42883 no such handler, 42501 sentinel_owner may not see it, 23514 value out of range.';
