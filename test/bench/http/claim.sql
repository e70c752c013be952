-- peer: floor
-- protocol: prepared
-- Claim and complete alone, of jobs whose payload is a delivery's: what the queue gives when nothing is sent.

-- @queue
SELECT sentinel.register_job_type('bench_nothing', kind => 'http', queue => 'bench_nothing');

-- @clear
TRUNCATE sentinel.job_waiting, sentinel.job_running, sentinel.job_history, sentinel.job_stats;

-- @fill
SELECT sentinel.enqueue_many('bench_nothing', array_fill(jsonb_build_object('delivery_id', sentinel.uuid7()), ARRAY[:n]));

-- @waiting
SELECT count(*) FROM sentinel.job_waiting;

-- @claim
SELECT count(*) AS claimed, count(payload), array_agg(job_id) AS ids, array_agg(lease) AS leases
FROM sentinel.claim('bench', '{bench_nothing}', @n@) \gset
\if :claimed = 0
SELECT 1 / 0;
\endif
SELECT sentinel.complete(:ids, :leases);
