-- peer: River's SQL
-- protocol: prepared
-- The shape of River's one table and of its statements, in our own words: done rows stay (a cleaner takes them after 24 h),
-- results are written by one UPDATE for many jobs. River adds its Go client's work to this.

-- @schema
CREATE TYPE river_job_state AS ENUM (
    'available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
CREATE TABLE river_job (
    id bigserial PRIMARY KEY,
    state river_job_state NOT NULL DEFAULT 'available',
    attempt smallint NOT NULL DEFAULT 0,
    max_attempts smallint NOT NULL CHECK (max_attempts > 0),
    attempted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    finalized_at timestamptz,
    scheduled_at timestamptz NOT NULL DEFAULT now(),
    priority smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 1 AND 4),
    args jsonb NOT NULL,
    attempted_by text[],
    errors jsonb[],
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 127),
    metadata jsonb NOT NULL DEFAULT '{}',
    queue text NOT NULL DEFAULT 'default' CHECK (length(queue) BETWEEN 1 AND 127),
    tags varchar(255)[] NOT NULL DEFAULT '{}',
    unique_key bytea,
    unique_states bit(8),
    CHECK ((finalized_at IS NULL) = (state NOT IN ('cancelled', 'completed', 'discarded'))));
CREATE INDEX ON river_job (kind);
CREATE INDEX ON river_job (state, finalized_at) WHERE finalized_at IS NOT NULL;
CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id);
CREATE INDEX ON river_job USING gin (args);
CREATE INDEX ON river_job USING gin (metadata);
CREATE UNIQUE INDEX ON river_job (unique_key) WHERE unique_key IS NOT NULL;

-- @clear
TRUNCATE river_job RESTART IDENTITY;

-- @fill
INSERT INTO river_job (args, kind, max_attempts) SELECT :'payload', 'bench', 25 FROM generate_series(1, :n);

-- @waiting
SELECT count(*) FROM river_job WHERE state = 'available';

-- @enqueue
INSERT INTO river_job (args, kind, max_attempts, metadata, priority, queue, scheduled_at, state, tags, unique_key)
VALUES (:payload, 'bench', 25, '{}', 1, 'default', now(), 'available', '{}', NULL)
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO UPDATE SET kind = excluded.kind
RETURNING id;

-- @enqueue_many
WITH added AS (
    INSERT INTO river_job (args, kind, max_attempts, metadata, priority, queue, scheduled_at, state, tags, unique_key)
    SELECT args, 'bench', 25, '{}', 1, 'default', now(), 'available', '{}', NULL
    FROM unnest(array_fill(:payload::jsonb, ARRAY[1000])) AS args
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO UPDATE SET kind = excluded.kind
    RETURNING id)
SELECT count(*) FROM added;

-- @claim
WITH due AS (
    SELECT id FROM river_job
    WHERE state = 'available' AND queue = 'default' AND scheduled_at <= now()
    ORDER BY priority, scheduled_at, id
    LIMIT @n@
    FOR UPDATE SKIP LOCKED),
claimed AS (
    UPDATE river_job AS job
    SET state = 'running', attempt = attempt + 1, attempted_at = now(), attempted_by = array_append(attempted_by, 'bench')
    FROM due
    WHERE job.id = due.id
    RETURNING job.id, job.args)
SELECT count(*) AS claimed, count(args), array_agg(id) AS ids FROM claimed \gset
\if :claimed = 0
SELECT 1 / 0;
\endif
UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY (:ids::bigint[]) AND state = 'running';
