-- Room jobs: putting work in.

CREATE FUNCTION sentinel.wake_workers(queue text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_wake_workers';
COMMENT ON FUNCTION sentinel.wake_workers(text) IS
    'Wake listening workers when the transaction commits (NOTIFY sentinel_jobs), if a claim has found the queue, or any queue, empty since the last NOTIFY. Off with sentinel.notify = off, as PREPARE TRANSACTION asks for.';

CREATE FUNCTION sentinel.due_now() RETURNS timestamptz
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_due_now';
COMMENT ON FUNCTION sentinel.due_now() IS
    'Give this transaction its id and then the present time: the earliest run_at that a waiting job may be written with, so that claims, which start at a low mark, do not pass it by.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enqueue(job_type text, payload jsonb DEFAULT '{}', queue text DEFAULT NULL,
        priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, idempotency_key text DEFAULT NULL,
        max_attempts integer DEFAULT NULL, singleton_key text DEFAULT NULL, concurrency_key text DEFAULT NULL,
        concurrency_limit integer DEFAULT NULL, org_id uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_enqueue';
ALTER FUNCTION sentinel.enqueue(text, jsonb, text, integer, timestamptz, text, integer, text, text, integer, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.enqueue(text, jsonb, text, integer, timestamptz, text, integer, text, text, integer, uuid) IS
    'Put a job into the queue of the organisation entered; gives its id. idempotency_key: a job with this key and type exists once, until the retention after its end; the first one''s id is given. singleton_key: one such job waits or runs at a time. concurrency_key: at most concurrency_limit (default 1) jobs of the key run at once. Errors: SN002, SN003 viewer, another organisation, or a type not open to members, SN004 job type, 22023 priority or attempts, 54000 payload above 1 MiB.';

CREATE FUNCTION sentinel.require_engine(org uuid) RETURNS void
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'sentinel_require_engine';
COMMENT ON FUNCTION sentinel.require_engine(uuid) IS
    'Raise SN003 unless the role outside all functions is an administrator, or a worker or scheduler that works for all organisations.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enqueue_many(jobs jsonb) RETURNS bigint
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_enqueue_many';
ALTER FUNCTION sentinel.enqueue_many(jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.enqueue_many(jsonb) IS
    'Put many jobs into the queue in one statement: an array of objects with the argument names of enqueue(). Gives the number added; jobs whose key is held add nothing. Errors: as enqueue(), SN007 no array of objects.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enqueue_many(job_type text, payloads jsonb[], queue text DEFAULT NULL, priority integer DEFAULT NULL,
                                      run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'sentinel_enqueue_payloads';
ALTER FUNCTION sentinel.enqueue_many(text, jsonb[], text, integer, timestamptz, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.enqueue_many(text, jsonb[], text, integer, timestamptz, integer) IS
    'Put many jobs of one type into the queue, one per payload: the fastest way in. Gives the number added. Errors: as enqueue().';

CREATE FUNCTION sentinel.table_changed(relation regclass) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'sentinel_table_changed';
COMMENT ON FUNCTION sentinel.table_changed(regclass) IS
    'Let all sessions read what they keep of sentinel.job_types or sentinel.queues anew: this one now, the others when the transaction commits. Without it they do after a second. For who changes these tables by hand.';

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
    PERFORM sentinel.table_changed('sentinel.job_types');
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
