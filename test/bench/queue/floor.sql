-- peer: floor, same columns
-- protocol: prepared
-- INSERT and COPY into a table with the columns of sentinel.job_waiting and a primary key, and nothing else.

-- @schema
SET client_min_messages = warning;
CREATE EXTENSION sentinel CASCADE;

-- @queue
CREATE TABLE job (
    org_id uuid NOT NULL DEFAULT '018f0000-0000-7000-8000-000000000001', id uuid NOT NULL DEFAULT sentinel.uuid7(),
    queue text NOT NULL DEFAULT 'bench', job_type text NOT NULL DEFAULT 'bench', priority smallint NOT NULL DEFAULT 5,
    run_at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL, attempts smallint NOT NULL DEFAULT 0,
    max_attempts smallint NOT NULL DEFAULT 3, event_id uuid, concurrency_key text, concurrency_limit integer,
    idempotency_key text, singleton_key text, created_at timestamptz NOT NULL DEFAULT now(),
    worker_deaths smallint NOT NULL DEFAULT 0, last_error text, PRIMARY KEY (org_id, id));

-- @clear
TRUNCATE job;

-- @fill
INSERT INTO job (payload) SELECT :'payload' FROM generate_series(1, :n);

-- @waiting
SELECT count(*) FROM job;

-- @enqueue
INSERT INTO job (payload) VALUES (:payload);

-- @enqueue_many
COPY job (payload) FROM '@copy_file@';

-- @claim
SELECT 1 / 0;
