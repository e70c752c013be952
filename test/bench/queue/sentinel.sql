-- peer: Sentinel
-- protocol: prepared
-- Sentinel's queue through its public functions, as any client calls them. History is kept.

-- @schema
SET client_min_messages = warning;
CREATE EXTENSION sentinel CASCADE;
SELECT sentinel.install();

-- @queue
SELECT sentinel.create_org('Bench', 'bench', 'UTC') AS org \gset
SELECT sentinel.register_job_type('bench', kind => 'http', queue => 'bench');
SELECT format('ALTER DATABASE %I SET sentinel.org_id = %L', current_database(), :'org') \gexec

-- @clear
TRUNCATE sentinel.job_waiting, sentinel.job_running, sentinel.job_history, sentinel.job_stats;

-- @fill
SELECT sentinel.enqueue_many('bench', array_fill(:'payload'::jsonb, ARRAY[:n]));

-- @waiting
SELECT count(*) FROM sentinel.job_waiting;

-- @enqueue
SELECT sentinel.enqueue('bench', :payload);

-- @enqueue_many
SELECT sentinel.enqueue_many('bench', array_fill(:payload::jsonb, ARRAY[1000]));

-- @claim
SELECT count(*) AS claimed, count(payload), array_agg(job_id) AS ids, array_agg(lease) AS leases
FROM sentinel.claim('bench', '{bench}', @n@) \gset
\if :claimed = 0
SELECT 1 / 0;
\endif
SELECT sentinel.complete(:ids, :leases);

-- @next
SELECT count(*) AS claimed, count(payload), coalesce(array_agg(job_id), '{}') AS ids, coalesce(array_agg(lease), '{}') AS leases
FROM sentinel.finish_and_claim('bench', :ids, :leases, NULL, '{bench}', @n@) \gset
\if :claimed = 0
SELECT 1 / 0;
\endif

-- @next_one
SELECT job_id AS job, lease, payload
FROM sentinel.finish_and_claim('bench', ARRAY[:job]::uuid[], ARRAY[:lease]::bigint[], NULL, '{bench}', 1) \gset

-- @claim_one
SELECT job_id AS job, lease, payload FROM sentinel.claim('bench', '{bench}', 1) \gset
SELECT sentinel.complete(ARRAY[:job]::uuid[], ARRAY[:lease]::bigint[]);
