-- Room jobs: what has ended, what is counted, what is quarantined, and who is woken.
BEGIN;
SET client_min_messages = warning;
SELECT plan(54);
SELECT sentinel.create_org('One', 'one', 'UTC') AS one \gset
SELECT sentinel.create_org('Two', 'two', 'UTC') AS two \gset
SELECT sentinel.enter(:'one') \g /dev/null
SELECT sentinel.register_job_type('probe', kind => 'http', queue => 'q', base_delay => '0', max_attempts => 10) \g /dev/null
CREATE TEMP TABLE held (job_id uuid, lease bigint);
CREATE FUNCTION pg_temp.take(n integer, worker text DEFAULT 'w', lease_for interval DEFAULT '1 hour') RETURNS integer
    LANGUAGE sql AS $$
    DELETE FROM held;
    WITH c AS (SELECT * FROM sentinel.claim(worker, '{q}', n, lease_for)), k AS (INSERT INTO held SELECT job_id, lease FROM c)
    SELECT count(*)::integer FROM c $$;
CREATE FUNCTION pg_temp.done() RETURNS integer LANGUAGE sql AS $$
    SELECT sentinel.complete(array_agg(job_id), array_agg(lease)) FROM held $$;

-- Counting.
SELECT is(sentinel.enqueue_many('probe', array_fill('{"n": 1}'::jsonb, ARRAY[5])), 5::bigint, 'payloads become jobs');
SELECT is(pg_temp.take(3), 3, 'three are claimed');
SELECT is(pg_temp.done(), 3, 'and completed');
SELECT is(pg_temp.take(2, 'backend 4711'), 2, 'the others are claimed by a backend');
SELECT is((SELECT sentinel.fail(array_agg(job_id), array_agg(lease), ARRAY['a', 'b'], ARRAY['1 hour', '1 hour']::interval[]) FROM held), 2, 'and fail');
SELECT is((SELECT count(sentinel.cancel_job(id)) FROM sentinel.job_waiting), 2::bigint, 'and are cancelled');
SELECT results_eq($$SELECT completed, retried, lease_expired, dead, cancelled FROM sentinel.sentinel_stat_queues WHERE queue = 'q'$$,
    $$VALUES (3::bigint, 2::bigint, 0::bigint, 0::bigint, 2::bigint)$$, 'a queue counts what ended');
SELECT results_eq($$SELECT worker, completed, retried FROM sentinel.sentinel_stat_workers ORDER BY 1$$,
    $$VALUES ('backend', 0::bigint, 2::bigint), ('w', 3::bigint, 0::bigint)$$, 'a worker too, backends as one');
SELECT ok((SELECT total_run_ms >= 0 AND max_wait_ms >= 0 AND max_wait_ms <= total_wait_ms FROM sentinel.sentinel_stat_job_types
           WHERE job_type = 'probe'), 'a job type with its times');
SELECT is((SELECT sum(jobs) FROM sentinel.job_stats), 7::numeric, 'every ended attempt is counted once');
SELECT sentinel.compact_stats() \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.job_stats), 3::bigint, 'summed up they take a row per kind');
SELECT is((SELECT sum(jobs) FROM sentinel.job_stats), 7::numeric, 'and lose nothing');
SELECT is((SELECT count(*) FROM sentinel.job_history), 7::bigint, 'the history has a row per attempt');
SELECT ok(sentinel.reset_stats() <= now(), 'statistics can be started anew');
SELECT is_empty('SELECT FROM sentinel.sentinel_stat_job_types', 'and then count from zero');

-- Days of history.
SELECT ok((SELECT count(*) >= 3 FROM pg_inherits WHERE inhparent = 'sentinel.job_history'::regclass
           AND inhrelid::regclass::text ~ '_\d{8}$'), 'days are made ahead');
SELECT is((SELECT count(*) FROM ONLY sentinel_history.job_history_default), 0::bigint, 'nothing goes to the default partition');
INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, outcome, attempts, run_at, finished_at)
VALUES (:'one', sentinel.uuid7(), 1, 'q', 'probe', 'completed', 1, '2031-05-05', '2031-05-05 12:00+00');
SELECT is((SELECT count(*) FROM ONLY sentinel_history.job_history_default), 1::bigint, 'unless its day is not there yet');
SELECT ok(sentinel.keep_history('2031-05-05 13:00+00') >= 3, 'the clock makes the days that are due, and drops the old ones');
SELECT is((SELECT count(*) FROM sentinel_history.job_history_20310505), 1::bigint, 'what was written before its day moves to it');
SELECT is((SELECT count(*) FROM sentinel.job_history), 1::bigint, 'days beyond the retention are gone whole');
SELECT is_empty($$SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'sentinel.job_history'::regclass
    AND inhrelid::regclass::text ~ '_\d{8}$' AND inhrelid::regclass::text !~ '_203105'$$, 'and their partitions with them');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'sentinel_history'::regnamespace AND c.relkind = 'r'
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity)$$, 'every day keeps tenants apart');
SELECT throws_ok($$UPDATE sentinel.queue_settings SET history_retention = '1 hour'$$, '23514', NULL, 'less than a day is not kept');
SELECT ok(sentinel.keep_history() >= 3, 'today''s partitions come back');

-- Poison.
SELECT sentinel.enqueue('probe', '{"poison": true}') AS poison \gset
SELECT pg_temp.take(1, lease_for => '0 s'), sentinel.reap() \g /dev/null
SELECT is((SELECT worker_deaths::integer FROM sentinel.job_waiting WHERE id = :'poison'), 1, 'a death of the worker is counted');
SELECT is((SELECT outcome FROM sentinel.job_history WHERE id = :'poison'), 'lease_expired', 'and told');
SELECT pg_temp.take(1, lease_for => '0 s'), sentinel.reap() \g /dev/null
SELECT pg_temp.take(1, lease_for => '0 s'), sentinel.reap() \g /dev/null
SELECT results_eq('SELECT attempts::integer, max_attempts::integer, quarantined FROM sentinel.job_dead', $$VALUES (3, 10, true)$$,
    'three of them quarantine the job, whatever attempts it has left');
SELECT is((SELECT payload ->> 'quarantined' FROM sentinel.events WHERE event_type = 'job.dead'), 'true', 'the event says so');
SELECT is(sentinel.retry_dead(), 0, 'it is not put back with the others');
SELECT is(sentinel.retry_dead(:'poison'), 1, 'but by its id');
SELECT is((SELECT worker_deaths::integer FROM sentinel.job_waiting WHERE id = :'poison'), 0, 'with a clean slate');
SELECT sentinel.cancel_job(:'poison') \g /dev/null

-- A worker that comes back under its name.
SELECT sentinel.worker_hello('named', '1', '{"process": "a"}') \g /dev/null
SELECT sentinel.enqueue('probe') AS left_behind \gset
SELECT is(pg_temp.take(1, 'named'), 1, 'a worker with a name of its own takes a job');
SELECT sentinel.worker_hello('named', '1', '{"process": "a"}') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.job_running), 1::bigint, 'a second hello of the same process keeps it');
SELECT sentinel.worker_hello('named', '1', '{"process": "c"}') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.job_running), 1::bigint, 'so does one of another machine with the same name');
UPDATE sentinel.workers SET seen_at = now() - interval '1 minute';
SELECT sentinel.worker_hello('named', '1', '{"process": "b"}') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.job_running), 0::bigint, 'that of another gives it back once the first is silent');
SELECT is((SELECT last_error FROM sentinel.job_waiting WHERE id = :'left_behind'), 'worker named ended', 'and says why');
SELECT sentinel.cancel_job(:'left_behind') \g /dev/null

-- Turns.
SELECT sentinel.enqueue('probe', '{"old": true}', priority => 9) \g /dev/null
SELECT sentinel.enqueue_many('probe', array_fill('{}'::jsonb, ARRAY[50]), priority => 0) \g /dev/null
CREATE FUNCTION pg_temp.old_among(turns integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    found integer := 0;
BEGIN
    FOR turn IN 1..turns LOOP
        found := found + (SELECT count(*) FROM sentinel.claim('w', '{q}', 1) c WHERE c.payload ? 'old');
    END LOOP;
    RETURN found;
END $$;
SELECT is(pg_temp.old_among(8), 1, 'the oldest job has its turn within eight, however little urgent');
SELECT sentinel.enter(:'two') \g /dev/null
SELECT sentinel.enqueue('probe', '{"two": true}') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.claim('w', '{q}', 100, '1 hour', :'two')), 1::bigint, 'a claim for one organisation gives its jobs');
SELECT is((SELECT count(*) FROM sentinel.claim('w', '{q}', 100, '1 hour', :'two')), 0::bigint, 'and no other''s');
SELECT sentinel.enter(:'one') \g /dev/null
DELETE FROM sentinel.job_waiting; DELETE FROM sentinel.job_running;
SELECT sentinel.enqueue_many('probe', ARRAY(SELECT jsonb_build_object('n', n) FROM generate_series(1, 20) n)) \g /dev/null
SELECT is((SELECT array_agg((payload ->> 'n')::integer) FROM sentinel.claim('w', '{q}', 20)), ARRAY(SELECT generate_series(1, 20)),
    'jobs of one batch keep their order');

-- Keys that meet.
SELECT sentinel.enqueue('probe', singleton_key => 's') AS holder \gset
SELECT is(sentinel.enqueue('probe', singleton_key => 's', idempotency_key => 'i'), :'holder', 'a singleton that is held answers with its holder');
SELECT is(sentinel.enqueue('probe', idempotency_key => 'i'), :'holder', 'for which the other key stands from then on');

-- Why a job waits, and who is woken.
SELECT pg_temp.take(1) \g /dev/null
SELECT sentinel.release(array_agg(job_id), array_agg(lease), '1 hour', 'its target rests') FROM held \g /dev/null
SELECT is((SELECT reason FROM sentinel.job_waits), 'held back: its target rests', 'a job given back says why it waits');
DELETE FROM sentinel.job_waiting;
SELECT setval('sentinel.idle_queues', 0) \g /dev/null
SELECT pg_temp.take(1) \g /dev/null
SELECT isnt((SELECT last_value FROM sentinel.idle_queues), 0::bigint, 'a claim that finds its queue empty notes it');
SELECT sentinel.enqueue('probe') \g /dev/null
SELECT is((SELECT last_value FROM sentinel.idle_queues), 0::bigint, 'the next job wakes its workers, once');

-- What a cancel, a time and a delay come to.
DELETE FROM sentinel.job_waiting;
SELECT sentinel.enqueue('probe') AS asked_to_stop \gset
SELECT pg_temp.take(1) \g /dev/null
SELECT is(sentinel.cancel_job(:'asked_to_stop'), 'requested', 'a running job is asked to stop');
SELECT is((SELECT sentinel.release(array_agg(job_id), array_agg(lease)) FROM held), 1, 'given back');
SELECT is((SELECT outcome FROM sentinel.job_history WHERE id = :'asked_to_stop'), 'cancelled', 'it ends, and does not wait again');
SELECT sentinel.enqueue('probe', run_at => 'infinity') AS some_day \gset
SELECT sentinel.reschedule_job(:'some_day', now() - interval '1 year') \g /dev/null
SELECT ok((SELECT run_at > now() - interval '1 minute' FROM sentinel.job_waiting WHERE id = :'some_day'), 'a time that has passed is now');
SELECT is(sentinel.enqueue_many('probe', array_fill('{}'::jsonb, ARRAY[3]), run_at => 'infinity'), 3::bigint, 'jobs may wait for ever');
SELECT is((SELECT count(*) FROM sentinel.job_waiting WHERE run_at = 'infinity'), 3::bigint, 'each of them');
SELECT sentinel.register_job_type('slow', kind => 'http', queue => 'q', base_delay => '3 days', max_delay => '10 days') \g /dev/null
SELECT ok(sentinel.retry_delay('slow', 40) BETWEEN '5 days' AND '10 days', 'a long delay doubled often stays below the longest');
SELECT throws_ok($$SELECT sentinel.enqueue('probe', queue => '')$$, '22023', 'queue name of 0 bytes', 'a queue has a name');
SELECT * FROM finish();
ROLLBACK;
