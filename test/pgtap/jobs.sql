-- Room jobs: the queue's functions, one session. Races are in test/isolation.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(62);
SELECT sentinel.create_org('Jobs One') AS one, sentinel.create_org('Jobs Two') AS two \gset
CREATE FUNCTION public.handle_probe(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT payload';
DELETE FROM sentinel.event_routes;
SELECT sentinel.register_job_type('probe', 'public.handle_probe', queue => 'q', max_attempts => 2, base_delay => '10 s', max_delay => '1 min');
SELECT sentinel.register_job_type('outside', kind => 'http', queue => 'out');
CREATE TEMP TABLE held (job_id uuid, org_id uuid, lease bigint, job_type text, queue text, payload jsonb, attempt integer,
                        max_attempts integer, run_at timestamptz, lease_until timestamptz);

-- Registering.
SELECT throws_ok($$SELECT sentinel.register_job_type('x', 'public.none')$$, '42883', NULL, 'a handler exists');
SELECT throws_ok($$SELECT sentinel.register_job_type('X y', 'public.handle_probe')$$, '23514', NULL, 'a job type is a name');

-- Enqueue.
SELECT throws_ok($$SELECT sentinel.enqueue('probe')$$, 'SN002', NULL, 'no job without an organisation');
SELECT sentinel.enter(:'one');
SELECT throws_ok($$SELECT sentinel.enqueue('nothing')$$, 'SN004', 'unknown job type "nothing"', 'a job has a known type');
SELECT throws_ok($$SELECT sentinel.enqueue('probe', priority => 10)$$, '22023', NULL, 'priorities end at 9');
SELECT throws_ok($$SELECT sentinel.enqueue('probe', max_attempts => 0)$$, '22023', NULL, 'one attempt at least');
SELECT throws_ok($$SELECT sentinel.enqueue('probe', jsonb_build_object('x', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 40000) i)))$$, '54000', NULL, 'a payload has a size');
SELECT sentinel.enqueue('probe', '{"n": 1}', idempotency_key => 'k') AS job \gset
SELECT is(sentinel.enqueue('probe', idempotency_key => 'k'), :'job'::uuid, 'an idempotency key gives the first job');
SELECT is((SELECT count(*)::integer FROM sentinel.job_waiting), 1, 'and adds none');
SELECT sentinel.enqueue('probe', singleton_key => 's') AS single \gset
SELECT is(sentinel.enqueue('probe', singleton_key => 's'), :'single'::uuid, 'one job per singleton key');
SELECT is(sentinel.enqueue_many('[{"job_type": "probe", "idempotency_key": "k"}, {"job_type": "probe", "idempotency_key": "k2"}, {"job_type": "probe", "idempotency_key": "k2"}]'), 1::bigint, 'a batch takes each free key once');
SELECT throws_ok($$SELECT sentinel.enqueue_many('[{"job_type": "probe"}, {"job_type": "nothing"}]')$$, 'SN004', NULL, 'one bad job refuses the batch');

-- Claim.
SELECT throws_ok($$SELECT * FROM sentinel.claim('w', '{q}', -1)$$, '22023', NULL, 'a claim takes 0 or more');
SELECT throws_ok($$SELECT * FROM sentinel.claim(NULL, '{q}', 1)$$, '22004', NULL, 'a worker has a name');
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{other}', 10)), 0, 'another queue gives nothing');
INSERT INTO held SELECT * FROM sentinel.claim('w', '{q}', 10);
SELECT is((SELECT count(*)::integer FROM held), 3, 'three are claimed');
SELECT is((SELECT min(attempt) FROM held), 1, 'the attempt is counted at claim');
SELECT is((SELECT count(DISTINCT lease)::integer FROM held), 1, 'under one new lease');
SELECT is((SELECT payload ->> 'n' FROM held WHERE job_id = :'job'), '1', 'with its payload');
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{q}', 10)), 0, 'nothing is claimed twice');

-- Fencing.
SELECT is(sentinel.complete(ARRAY[:'job'::uuid], ARRAY[0::bigint]), 0, 'another lease completes nothing');
SELECT is(sentinel.fail(ARRAY[:'job'::uuid], ARRAY[0::bigint]), 0, 'nor fails');
SELECT is((SELECT count(*)::integer FROM sentinel.heartbeat('w', ARRAY[:'job'::uuid], ARRAY[0::bigint])), 0, 'nor extends');
SELECT throws_ok($$SELECT sentinel.complete(ARRAY[sentinel.uuid7()], '{}')$$, '22023', '1 jobs but 0 leases', 'arrays go together');
SELECT is((SELECT count(*)::integer FROM held h, sentinel.heartbeat('w', ARRAY[h.job_id], ARRAY[h.lease], '1 hour')), 3, 'the holder extends');
SELECT ok((SELECT min(lease_until) > now() + interval '50 minutes' FROM sentinel.job_running), 'for the time asked');

-- Complete.
SELECT is((SELECT sentinel.complete(ARRAY[job_id], ARRAY[lease], '[{"done": true}]') FROM held WHERE job_id = :'job'), 1, 'the holder completes');
SELECT results_eq(format('SELECT outcome, result ->> ''done'' FROM sentinel.job_history WHERE id = %L', :'job'), $$VALUES ('completed', 'true')$$, 'with a result in the history');
SELECT is(sentinel.enqueue('probe', idempotency_key => 'k'), :'job'::uuid, 'an idempotency key outlives its job');
UPDATE sentinel.job_keys SET expires_at = now() - interval '1 s' WHERE key = 'k';
SELECT isnt(sentinel.enqueue('probe', idempotency_key => 'k'), :'job'::uuid, 'until its retention is over');
SELECT is((SELECT sentinel.complete(ARRAY[job_id], ARRAY[lease]) FROM held WHERE job_id = :'single'), 1, 'the singleton ends');
SELECT pg_sleep(0.001);
SELECT isnt(sentinel.enqueue('probe', singleton_key => 's'), :'single'::uuid, 'and its key is free');

-- Fail, retry, death, replay.
DELETE FROM sentinel.job_waiting;
DELETE FROM held WHERE job_id IN (:'job', :'single');
SELECT is((SELECT sentinel.fail(ARRAY[job_id], ARRAY[lease], ARRAY['broken']) FROM held), 1, 'an attempt fails');
SELECT ok((SELECT run_at BETWEEN clock_timestamp() + interval '4 s' AND clock_timestamp() + interval '10 s' FROM sentinel.job_waiting), 'and waits half to all of the base delay');
SELECT is((SELECT last_error FROM sentinel.job_waiting), 'broken', 'with its error');
SELECT is((SELECT state FROM sentinel.jobs), 'scheduled', 'the view says so');
SELECT ok((SELECT reason LIKE 'waits to be tried again: broken' FROM sentinel.job_waits), 'and why it waits');
UPDATE sentinel.job_waiting SET run_at = now() - interval '1 s';
TRUNCATE held;
INSERT INTO held SELECT * FROM sentinel.claim('w', '{q}', 10);
SELECT is((SELECT attempt FROM held), 2, 'second attempt');
SELECT is((SELECT sentinel.fail(ARRAY[job_id], ARRAY[lease], ARRAY['broken again']) FROM held), 1, 'fails too');
SELECT results_eq('SELECT attempts::integer, last_error FROM sentinel.job_dead', $$VALUES (2, 'broken again')$$, 'and the job is dead');
SELECT is((SELECT count(*)::integer FROM sentinel.events WHERE event_type = 'job.dead'), 1, 'which is an event');
SELECT is(sentinel.retry_dead((SELECT id FROM sentinel.job_dead)), 1, 'a dead job is put back');
SELECT results_eq('SELECT attempts::integer, max_attempts::integer FROM sentinel.job_waiting', 'VALUES (0, 2)', 'with all its attempts');
SELECT throws_ok($$SELECT sentinel.retry_dead(sentinel.uuid7())$$, 'SN004', NULL, 'an unknown one is not');

-- Release does not count.
TRUNCATE held;
INSERT INTO held SELECT * FROM sentinel.claim('w', '{q}', 10);
SELECT is((SELECT sentinel.release(ARRAY[job_id], ARRAY[lease], '1 min') FROM held), 1, 'a job is given back');
SELECT results_eq('SELECT attempts::integer, run_at > now() FROM sentinel.job_waiting', 'VALUES (0, true)', 'its attempt not counted');

-- Lease over.
UPDATE sentinel.job_waiting SET run_at = now() - interval '1 s';
SELECT count(*) FROM sentinel.claim('w', '{q}', 1, '0 s');
SELECT is(sentinel.reap(), 1, 'a lease that ran out is taken back');
SELECT is((SELECT attempts::integer FROM sentinel.job_waiting), 1, 'its attempt stays counted');

-- Cancel, pause, limits, priorities, turns.
SELECT is((SELECT sentinel.cancel_job(id) FROM sentinel.job_waiting), 'cancelled', 'a waiting job is cancelled');
SELECT throws_ok($$SELECT sentinel.cancel_job(sentinel.uuid7())$$, 'SN004', NULL, 'an unknown one is not');
SELECT sentinel.enqueue('probe', '{"p": 9}', priority => 9), sentinel.enqueue('probe', '{"p": 0}', priority => 0), sentinel.enqueue('probe', '{"p": 5}');
SELECT sentinel.pause_queue('q');
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{q}', 10)), 0, 'a paused queue gives nothing');
SELECT sentinel.resume_queue('q');
SELECT results_eq($$SELECT (payload ->> 'p')::integer FROM sentinel.claim('w', '{q}', 2)$$, 'VALUES (0), (5)', 'the most urgent first');
SELECT sentinel.limit_queue('q', 2);
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{q}', 10)), 0, 'a full queue gives nothing');
SELECT throws_ok($$SELECT sentinel.limit_queue('q', 0)$$, '22023', 'invalid limit 0', 'a limit is 1 or more');
SELECT throws_ok($$SELECT sentinel.enqueue('probe', idempotency_key => repeat('k', 501))$$, 'SN007', 'idempotency key of 501 characters', 'a key has a length');
SELECT sentinel.limit_queue('q', NULL);
DELETE FROM sentinel.job_waiting;
SELECT sentinel.enqueue('probe', concurrency_key => 'c', concurrency_limit => 2) FROM generate_series(1, 5);
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{q}', 10)), 2, 'as many of a key as its limit');
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{q}', 10)), 0, 'and no more while they run');
DELETE FROM sentinel.job_running; DELETE FROM sentinel.job_waiting;
SELECT sentinel.enqueue_many((SELECT jsonb_agg(jsonb_build_object('job_type', 'probe')) FROM generate_series(1, 1000)));
SELECT sentinel.enter(:'two');
SELECT sentinel.enqueue('probe');
SELECT pg_sleep(0.1); -- while there is enough to do, a session looks for other tenants every few milliseconds only
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{q}', 10) c WHERE c.org_id = :'two'), 1, 'a tenant with one job is served beside one with a thousand');
SELECT is((SELECT count(*)::integer FROM sentinel.claim('w', '{q}', 10)), 10, 'and the rest goes to the other');
SELECT throws_ok($$SELECT sentinel.cancel_job(id) FROM sentinel.job_waiting WHERE org_id <> sentinel.current_org() LIMIT 1$$, 'SN004', NULL, 'a job of another organisation is unknown');
SELECT is((SELECT count(*)::integer FROM sentinel.finish_and_claim('w', (SELECT array_agg(id) FROM sentinel.job_running), (SELECT array_agg(lease) FROM sentinel.job_running), NULL, '{q}', 5)), 5, 'finish and claim in one call');
SELECT is((SELECT count(*)::integer FROM sentinel.job_running), 5, 'leaves the new ones running');
SELECT * FROM finish();
ROLLBACK;
