-- Room jobs: what a session remembers (low marks, rows ahead, rules of queues) never hides a job, and what is written past
-- the executor is in every index.
BEGIN;
SET client_min_messages = warning;
SELECT plan(24);
CREATE EXTENSION amcheck;
SELECT sentinel.create_org('One', 'one', 'UTC') AS one \gset
SELECT sentinel.enter(:'one') \g /dev/null
SELECT sentinel.register_job_type('probe', kind => 'http', queue => 'q') \g /dev/null
CREATE TEMP TABLE taken (place serial, job_id uuid, lease bigint, payload jsonb);
CREATE FUNCTION pg_temp.take(calls integer, n integer DEFAULT 1) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR turn IN 1..calls LOOP
        INSERT INTO taken (job_id, lease, payload) SELECT job_id, lease, payload FROM sentinel.claim('w', '{q}', n);
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.add(n integer, word text, priority integer DEFAULT 5) RETURNS bigint LANGUAGE sql AS $$
    SELECT sentinel.enqueue_many('probe', ARRAY(SELECT jsonb_build_object('n', i, 'word', word) FROM generate_series(1, n) i),
                                 priority => priority) $$;
-- Claims one job after the other until one with that word comes; null when it does not come in time.
CREATE FUNCTION pg_temp.wait_for(word text, patience interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + patience;
    came boolean;
BEGIN
    WHILE clock_timestamp() < deadline LOOP
        SELECT c.payload ->> 'word' = wait_for.word INTO came FROM sentinel.claim('w', '{q}', 1) c;
        IF came THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- Rows ahead.
SELECT pg_temp.add(300, 'plain') \g /dev/null
SELECT pg_temp.take(150), pg_temp.take(10, 10), pg_temp.take(60) \g /dev/null
SELECT is((SELECT count(DISTINCT job_id) FROM taken), 300::bigint, 'claims of one and of ten give every job once');
SELECT is((SELECT array_agg((payload ->> 'n')::integer ORDER BY place) FROM taken), ARRAY(SELECT generate_series(1, 300)),
    'in their order');
SELECT pg_temp.add(100, 'plain') \g /dev/null
SELECT pg_temp.take(5) \g /dev/null
SAVEPOINT before;
SELECT job_id AS first FROM sentinel.claim('w', '{q}', 1) \gset
SELECT pg_temp.take(20) \g /dev/null
ROLLBACK TO before;
SELECT is((SELECT job_id FROM sentinel.claim('w', '{q}', 1)), :'first', 'what a rollback gives back comes first again');
SELECT pg_temp.take(3) \g /dev/null
DELETE FROM sentinel.job_waiting WHERE (payload ->> 'n')::integer BETWEEN 20 AND 40;
TRUNCATE taken;
SELECT pg_temp.take(80) \g /dev/null
SELECT is((SELECT count(*) FROM taken), (100 - 9 - 21)::bigint, 'jobs deleted meanwhile are passed by, the others come');
SELECT is_empty('SELECT FROM sentinel.job_waiting', 'and none is left');
SELECT pg_temp.add(5000, 'plain') \g /dev/null
SELECT pg_temp.take(5) \g /dev/null
SELECT pg_temp.add(1, 'urgent', 0) \g /dev/null
SELECT ok(pg_temp.wait_for('urgent', '1 second'), 'an urgent job does not wait for the rows ahead');

DELETE FROM sentinel.job_waiting;
DELETE FROM sentinel.job_running;
TRUNCATE taken;

-- Jobs with keys among those without, and many of a full key before others.
SELECT count(sentinel.enqueue('probe', concurrency_key => CASE WHEN i % 3 = 0 THEN 'k' || i % 2 END,
                              concurrency_limit => CASE WHEN i % 3 = 0 THEN 2 END))
FROM generate_series(1, 40) i \g /dev/null
SELECT pg_temp.take(4, 10), pg_temp.take(5) \g /dev/null
SELECT is((SELECT count(DISTINCT job_id) FROM taken), (40 - 13 + 4)::bigint, 'all without a key come, and of each key as many as may run');
SELECT is((SELECT count(*) FROM taken), (SELECT count(*) FROM sentinel.job_running), 'each once');
DELETE FROM sentinel.job_waiting;
INSERT INTO sentinel.job_waiting (org_id, queue, job_type, priority, run_at, payload, max_attempts, concurrency_key, concurrency_limit)
SELECT :'one', 'q', 'probe', 5, m.moment, '{}', 3, 'k0', 2 FROM (SELECT clock_timestamp() AS moment OFFSET 0) m, generate_series(1, 2500);
SELECT pg_temp.add(1, 'behind') \g /dev/null
SELECT ok(pg_temp.wait_for('behind', '5 seconds'), 'jobs of a full key, all of one time, hide none behind them');
DELETE FROM sentinel.job_waiting;
DELETE FROM sentinel.job_running;

-- Rules of queues.
SELECT pg_temp.add(10, 'plain') \g /dev/null
TRUNCATE taken;
SELECT pg_temp.take(1), sentinel.pause_queue('q') \g /dev/null
SELECT pg_temp.take(1) \g /dev/null
SELECT is((SELECT count(*) FROM taken), 1::bigint, 'a pause holds at once');
SELECT sentinel.resume_queue('q') \g /dev/null
SELECT pg_temp.take(1) \g /dev/null
SELECT is((SELECT count(*) FROM taken), 2::bigint, 'and ends at once');
SAVEPOINT before;
SELECT sentinel.pause_queue('q') \g /dev/null
SELECT pg_temp.take(1) \g /dev/null
ROLLBACK TO before;
SELECT pg_temp.take(1) \g /dev/null
SELECT is((SELECT count(*) FROM taken), 3::bigint, 'one that is rolled back leaves nothing');
SELECT sentinel.limit_queue('q', 3) \g /dev/null
SELECT pg_temp.take(2) \g /dev/null
SELECT is((SELECT count(*) FROM taken), 3::bigint, 'a limit holds at once');
UPDATE sentinel.queues SET max_running = 4 WHERE queue = 'q';
SELECT sentinel.table_changed('sentinel.queues') \g /dev/null
SELECT pg_temp.take(2) \g /dev/null
SELECT is((SELECT count(*) FROM taken), 4::bigint, 'one changed by hand too, once told');
SELECT sentinel.limit_queue('q', NULL) \g /dev/null
DELETE FROM sentinel.job_waiting;
DELETE FROM sentinel.job_running;
TRUNCATE taken;

-- Indexes.
CREATE INDEX running_lower ON sentinel.job_running (lower(job_type));
DO $$
BEGIN
    EXECUTE format('CREATE INDEX history_told ON sentinel_history.%I USING brin (claimed_at) WHERE result IS NOT NULL',
                   to_char(now() AT TIME ZONE 'UTC', '"job_history_"YYYYMMDD'));
END $$;
CREATE INDEX waiting_odd ON sentinel.job_waiting (run_at) WHERE (payload ->> 'n')::integer % 2 = 1;
SELECT pg_temp.add(2000, 'plain', 9), pg_temp.add(2000, 'plain', 1) \g /dev/null
SELECT pg_temp.take(20, 100) \g /dev/null
SELECT sentinel.complete(array_agg(job_id), array_agg(lease)) FROM (SELECT * FROM taken WHERE place % 20 = 0) first_part \g /dev/null
SELECT brin_summarize_new_values(i.indexrelid) FROM pg_index i
WHERE i.indrelid::regclass::text = to_char(now() AT TIME ZONE 'UTC', '"sentinel_history.job_history_"YYYYMMDD') \g /dev/null
SELECT sentinel.complete(array_agg(job_id), array_agg(lease), jsonb_agg(CASE WHEN among = 1001 THEN '{}' END::jsonb))
FROM (SELECT *, row_number() OVER (ORDER BY place) AS among FROM taken WHERE place % 20 > 0 ORDER BY random()) second_part \g /dev/null
SELECT pg_temp.take(1, 500) \g /dev/null
SELECT lives_ok($$SELECT bt_index_check('sentinel.job_running_pkey', true)$$, 'the key of running jobs has each of them');
SELECT lives_ok($$SELECT bt_index_check('sentinel.running_lower', true)$$, 'and so has an index of an expression');
SELECT lives_ok($$SELECT bt_index_check('sentinel.job_waiting_claim', true)$$, 'the claim index has each waiting job');
SELECT lives_ok($$SELECT bt_index_check('sentinel.waiting_odd', true)$$, 'and so has an index with a condition');
SELECT is((SELECT count(*) FROM sentinel.job_waiting WHERE (payload ->> 'n')::integer % 2 = 1),
          (SELECT count(*) FROM sentinel.job_waiting) / 2, 'half of them odd');
CREATE TEMP TABLE ended AS SELECT org_id, id FROM sentinel.job_history WHERE queue = 'q';
CREATE TEMP TABLE told AS SELECT claimed_at FROM sentinel.job_history WHERE result = '{}';
SELECT is((SELECT count(*) FROM ended), 2000::bigint, 'two thousand have ended');
SET LOCAL enable_seqscan = off;
CREATE FUNCTION pg_temp.by_summary(org uuid, wanted uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN SELECT FROM sentinel.job_history WHERE org_id = %L AND id = %L', org, wanted) LOOP
        IF line LIKE '%Bitmap Index Scan%' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT is((SELECT count(*) FROM told CROSS JOIN LATERAL (SELECT FROM sentinel.job_history h
           WHERE h.claimed_at = told.claimed_at AND h.result IS NOT NULL OFFSET 0) f), 1::bigint, 'a summary with a condition knows the one that meets it');
SELECT ok((SELECT pg_temp.by_summary(org_id, id) FROM ended LIMIT 1), 'a job of the history is looked for by the summary');
SELECT is((SELECT count(*) FROM (SELECT * FROM ended ORDER BY md5(id::text) LIMIT 300) e
           CROSS JOIN LATERAL (SELECT FROM sentinel.job_history h WHERE h.org_id = e.org_id AND h.id = e.id OFFSET 0) f),
    300::bigint, 'which knows each of them');
-- Below the mark, while there is more to do than can be done in that time.
RESET enable_seqscan;
DELETE FROM sentinel.job_waiting;
DELETE FROM sentinel.job_running;
SELECT pg_temp.add(300000, 'plain') \g /dev/null
SELECT pg_temp.take(3, 1000) \g /dev/null
INSERT INTO sentinel.job_waiting (org_id, queue, job_type, priority, run_at, payload, max_attempts)
VALUES (:'one', 'q', 'probe', 5, now() - interval '1 hour', '{"word": "late"}', 3);
SELECT ok(pg_temp.wait_for('late', '3 seconds'), 'a job that came to lie below the mark is found while others are handed out');
SELECT * FROM finish();
ROLLBACK;
