-- peer: textbook
-- protocol: prepared
-- The queue that everybody writes first: one table, a status column, UPDATE ... WHERE id IN (SELECT ... SKIP LOCKED).

-- @schema
CREATE TABLE job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status text NOT NULL DEFAULT 'ready',
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    started_at timestamptz,
    payload jsonb NOT NULL);
CREATE INDEX job_ready ON job (run_at, id) WHERE status = 'ready';

CREATE FUNCTION enqueue(new_payload jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    new_id bigint;
BEGIN
    INSERT INTO job (payload) VALUES (new_payload) RETURNING id INTO new_id;
    RETURN new_id;
END $$;

CREATE FUNCTION enqueue_many(payloads jsonb[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY INSERT INTO job (payload) SELECT unnest(payloads) RETURNING id;
END $$;

CREATE FUNCTION claim(wanted integer) RETURNS SETOF job LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
        UPDATE job
        SET status = 'running', attempts = job.attempts + 1, started_at = now()
        WHERE job.id IN (
            SELECT ready.id FROM job AS ready
            WHERE ready.status = 'ready' AND ready.run_at <= now()
            ORDER BY ready.run_at, ready.id
            LIMIT wanted
            FOR UPDATE SKIP LOCKED)
        RETURNING job.*;
END $$;

CREATE FUNCTION complete(done bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM job WHERE id = ANY (done) AND status = 'running';
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$;

-- @clear
TRUNCATE job RESTART IDENTITY;

-- @fill
INSERT INTO job (payload) SELECT :'payload' FROM generate_series(1, :n);

-- @waiting
SELECT count(*) FROM job WHERE status = 'ready';

-- @enqueue
SELECT enqueue(:payload);

-- @enqueue_many
SELECT count(*) FROM enqueue_many(array_fill(:payload::jsonb, ARRAY[1000]));

-- @claim
SELECT count(*) AS claimed, count(payload), array_agg(id) AS ids FROM claim(@n@) \gset
\if :claimed = 0
SELECT 1 / 0;
\endif
SELECT complete(:ids);
