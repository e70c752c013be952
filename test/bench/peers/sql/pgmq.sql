-- peer: pgmq's SQL
-- protocol: prepared
-- The shape of pgmq 1.5 in our own words: a table a queue, visible when vt has passed, dynamic SQL in every call, delete by
-- anyone. PGMQ_SQL=file measures pgmq's own SQL-only installation instead of the section "schema".

-- @schema
CREATE SCHEMA pgmq;

CREATE FUNCTION pgmq.create(queue_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE pgmq.%I (msg_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,'
        ' read_ct integer NOT NULL DEFAULT 0, enqueued_at timestamptz NOT NULL DEFAULT now(),'
        ' vt timestamptz NOT NULL, message jsonb, headers jsonb)', 'q_' || queue_name);
    EXECUTE format('CREATE INDEX ON pgmq.%I (vt)', 'q_' || queue_name);
END $$;

CREATE FUNCTION pgmq.send(queue_name text, msg jsonb) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('INSERT INTO pgmq.%I (vt, message) VALUES (clock_timestamp(), $1) RETURNING msg_id',
        'q_' || queue_name) USING msg;
END $$;

CREATE FUNCTION pgmq.send_batch(queue_name text, msgs jsonb[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'INSERT INTO pgmq.%I (vt, message) SELECT clock_timestamp(), unnest($1) RETURNING msg_id', 'q_' || queue_name)
        USING msgs;
END $$;

CREATE FUNCTION pgmq.read(queue_name text, vt integer, qty integer)
    RETURNS TABLE (msg_id bigint, read_ct integer, enqueued_at timestamptz, until timestamptz, message jsonb, headers jsonb)
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'WITH visible AS (SELECT msg_id FROM pgmq.%1$I WHERE vt <= clock_timestamp()'
        ' ORDER BY msg_id LIMIT $1 FOR UPDATE SKIP LOCKED)'
        ' UPDATE pgmq.%1$I AS q SET vt = clock_timestamp() + make_interval(secs => $2), read_ct = read_ct + 1'
        ' FROM visible WHERE q.msg_id = visible.msg_id'
        ' RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers', 'q_' || queue_name)
        USING qty, vt;
END $$;

CREATE FUNCTION pgmq.delete(queue_name text, msg_ids bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('DELETE FROM pgmq.%I WHERE msg_id = ANY ($1) RETURNING msg_id', 'q_' || queue_name)
        USING msg_ids;
END $$;

-- @queue
SELECT pgmq.create('bench');

-- @clear
TRUNCATE pgmq.q_bench RESTART IDENTITY;

-- @fill
INSERT INTO pgmq.q_bench (vt, message) SELECT now(), :'payload' FROM generate_series(1, :n);

-- @waiting
SELECT count(*) FROM pgmq.q_bench;

-- @enqueue
SELECT pgmq.send('bench', :payload::jsonb);

-- @enqueue_many
SELECT count(*) FROM pgmq.send_batch('bench', array_fill(:payload::jsonb, ARRAY[1000]));

-- @claim
SELECT count(*) AS claimed, count(message), array_agg(msg_id) AS ids FROM pgmq.read('bench', 60, @n@) \gset
\if :claimed = 0
SELECT 1 / 0;
\endif
SELECT count(*) FROM pgmq.delete('bench', :ids::bigint[]);
