-- peer: Oban's SQL
-- protocol: prepared
-- The shape of Oban's one table and of its statements, in our own words: done rows stay until the pruner runs. One UPDATE
-- completes the whole batch, which only Oban's paid version does. Oban adds its Elixir client's work to this.

-- @schema
CREATE TYPE oban_job_state AS ENUM (
    'available', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled', 'suspended');
CREATE TABLE oban_jobs (
    id bigserial PRIMARY KEY,
    state oban_job_state NOT NULL DEFAULT 'available',
    queue text NOT NULL DEFAULT 'default' CHECK (length(queue) BETWEEN 1 AND 127),
    worker text NOT NULL CHECK (length(worker) BETWEEN 1 AND 127),
    args jsonb NOT NULL DEFAULT '{}',
    errors jsonb[] NOT NULL DEFAULT '{}',
    attempt integer NOT NULL DEFAULT 0 CHECK (attempt BETWEEN 0 AND max_attempts),
    max_attempts integer NOT NULL DEFAULT 20 CHECK (max_attempts > 0),
    inserted_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
    scheduled_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
    attempted_at timestamp,
    completed_at timestamp,
    attempted_by text[],
    discarded_at timestamp,
    priority integer NOT NULL DEFAULT 0 CHECK (priority >= 0),
    tags text[] NOT NULL DEFAULT '{}',
    meta jsonb NOT NULL DEFAULT '{}',
    cancelled_at timestamp);
CREATE INDEX ON oban_jobs (state, queue, priority, scheduled_at, id);
CREATE INDEX ON oban_jobs (state, cancelled_at);
CREATE INDEX ON oban_jobs (state, discarded_at);
CREATE INDEX ON oban_jobs USING gin (args);
CREATE INDEX ON oban_jobs USING gin (meta);

-- @clear
TRUNCATE oban_jobs RESTART IDENTITY;

-- @fill
INSERT INTO oban_jobs (worker, args) SELECT 'Bench', :'payload' FROM generate_series(1, :n);

-- @waiting
SELECT count(*) FROM oban_jobs WHERE state = 'available';

-- @enqueue
INSERT INTO oban_jobs (state, queue, worker, args, errors, attempt, max_attempts, priority, tags, meta)
VALUES ('available', 'default', 'Bench', :payload, '{}', 0, 20, 0, '{}', '{}')
RETURNING id;

-- @enqueue_many
WITH added AS (
    INSERT INTO oban_jobs (state, queue, worker, args, errors, attempt, max_attempts, priority, tags, meta)
    SELECT 'available', 'default', 'Bench', args, '{}', 0, 20, 0, '{}', '{}'
    FROM unnest(array_fill(:payload::jsonb, ARRAY[1000])) AS args
    RETURNING id)
SELECT count(*) FROM added;

-- @claim
WITH due AS MATERIALIZED (
    SELECT id FROM oban_jobs
    WHERE state = 'available' AND queue = 'default'
    ORDER BY priority, scheduled_at, id
    LIMIT @n@
    FOR UPDATE SKIP LOCKED),
claimed AS (
    UPDATE oban_jobs AS job
    SET state = 'executing', attempted_at = timezone('UTC', now()), attempted_by = '{bench}', attempt = attempt + 1
    FROM due
    WHERE job.id = due.id AND job.attempt < job.max_attempts
    RETURNING job.id, job.args)
SELECT count(*) AS claimed, count(args), array_agg(id) AS ids FROM claimed \gset
\if :claimed = 0
SELECT 1 / 0;
\endif
UPDATE oban_jobs SET state = 'completed', completed_at = timezone('UTC', now()) WHERE id = ANY (:ids::bigint[]);
