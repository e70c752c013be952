-- peer: floor
-- protocol: prepared
-- What the database does without a queue: INSERT, COPY and DELETE ... RETURNING on a table of an id and a payload.

-- @schema
CREATE TABLE job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL);

-- @clear
TRUNCATE job RESTART IDENTITY;

-- @fill
INSERT INTO job (payload) SELECT :'payload' FROM generate_series(1, :n);

-- @waiting
SELECT count(*) FROM job;

-- @enqueue
INSERT INTO job (payload) VALUES (:payload);

-- @enqueue_many
COPY job (payload) FROM '@copy_file@';

-- @claim
WITH gone AS (
    DELETE FROM job
    WHERE id = ANY (ARRAY(SELECT id FROM job ORDER BY id LIMIT @n@ FOR UPDATE SKIP LOCKED))
    RETURNING id, payload)
SELECT count(*) AS claimed, count(payload), array_agg(id) AS ids FROM gone \gset
\if :claimed = 0
SELECT 1 / 0;
\endif
