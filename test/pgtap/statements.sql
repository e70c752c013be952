-- The queue by statements, as it goes once the tables are distributed: the same scenes are played once by direct access and
-- once by statements, and everything seen is compared. On one machine, with the row that distribute() leaves; not on Citus.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(51);
SELECT sentinel.create_org('Statements One') AS one, sentinel.create_org('Statements Two') AS two,
       sentinel.create_org('Statements Three') AS three \gset
CREATE TEMP TABLE org AS SELECT o.org_id, split_part(o.name, ' ', 2) AS label FROM sentinel.orgs o WHERE o.name LIKE 'Statements %';
CREATE FUNCTION public.handle_probe(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT payload';
DELETE FROM sentinel.event_routes;
SELECT sentinel.register_job_type('probe', 'public.handle_probe', queue => 'q', max_attempts => 2);
SELECT sentinel.register_job_type('other', 'public.handle_probe', queue => 'p', priority => 3);

-- User triggers of these tables fire for statements and not for direct access: they tell which form was used.
CREATE TEMP TABLE fired (relation text);
CREATE FUNCTION pg_temp.fired() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN INSERT INTO pg_temp.fired VALUES (TG_RELID::regclass::text); RETURN NULL; END$$;
CREATE TRIGGER guest_fired AFTER INSERT ON sentinel.job_waiting FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.fired();
CREATE TRIGGER guest_fired AFTER INSERT ON sentinel.job_running FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.fired();
CREATE TRIGGER guest_fired AFTER INSERT ON sentinel.job_history FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.fired();

CREATE TEMP TABLE seen (n integer GENERATED ALWAYS AS IDENTITY, form text, scene text, got text);
CREATE FUNCTION pg_temp.note(scene text, got anyelement) RETURNS void LANGUAGE sql AS
    $$INSERT INTO pg_temp.seen (form, scene, got) VALUES (current_setting('test.form'), scene, got::text)$$;
CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS
    $$BEGIN EXECUTE command; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM; END$$;
-- What a table holds, ids and moments of the clock put aside.
CREATE FUNCTION pg_temp.rows_of(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows text;
BEGIN
    EXECUTE format($q$SELECT string_agg(o.label || (to_jsonb(t) - '{org_id,id,job_id,lease,run_at,created_at,claimed_at,finished_at,lease_until,expires_at}'::text[])::text, E'\n'
                   ORDER BY o.label || (to_jsonb(t) - '{org_id,id,job_id,lease,run_at,created_at,claimed_at,finished_at,lease_until,expires_at}'::text[])::text)
                   FROM %s t JOIN pg_temp.org o USING (org_id)$q$, relation) INTO rows;
    RETURN rows;
END
$$;
CREATE FUNCTION pg_temp.enter(label text) RETURNS void LANGUAGE sql AS $$SELECT sentinel.enter(o.org_id) FROM pg_temp.org o WHERE o.label = enter.label$$;
-- Claims, as text: organisation and payload of each job in the order given.
CREATE FUNCTION pg_temp.claimed(queues text[], n integer, only_org uuid DEFAULT NULL) RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(o.label || (c.payload ->> 'n'), ' ' ORDER BY c.ordinality) FROM sentinel.claim('w', queues, n, only_org => only_org)
      WITH ORDINALITY c JOIN pg_temp.org o USING (org_id)$$;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE plpgsql AS
    $$BEGIN DELETE FROM sentinel.job_waiting; DELETE FROM sentinel.job_running; DELETE FROM sentinel.job_keys; DELETE FROM sentinel.job_history; DELETE FROM sentinel.job_stats; END$$;

CREATE FUNCTION pg_temp.play(form text) RETURNS void LANGUAGE plpgsql AS $play$
DECLARE
    first uuid;
    again uuid;
    big jsonb := jsonb_build_object('n', 0, 'x', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 3000) i));
    ids uuid[];
    leases bigint[];
BEGIN
    PERFORM pg_temp.clear(), set_config('test.form', play.form, true);
    DELETE FROM fired;

    -- Enqueue: defaults and values of its own, payloads that lie outside the row, keys, errors.
    PERFORM pg_temp.enter('One');
    PERFORM sentinel.enqueue('probe'), sentinel.enqueue('other', big), sentinel.enqueue('probe', '{"n": 1}', 'elsewhere', 7, max_attempts => 9),
            sentinel.enqueue('probe', '{"n": 2}', concurrency_key => 'c', concurrency_limit => 4),
            sentinel.enqueue('probe', '{"n": 3}', run_at => now() - interval '1 year'), sentinel.enqueue('probe', '{"n": 4}', run_at => now() + interval '1 hour');
    PERFORM pg_temp.note('enqueue writes the same rows', pg_temp.rows_of('sentinel.job_waiting'));
    PERFORM pg_temp.note('and none is due before it was written', (SELECT bool_and(w.run_at >= now()) FROM sentinel.job_waiting w));
    first := sentinel.enqueue('probe', '{"n": 5}', idempotency_key => 'k');
    again := sentinel.enqueue('probe', '{"n": 6}', idempotency_key => 'k');
    PERFORM pg_temp.note('an idempotency key gives the first job', first = again);
    first := sentinel.enqueue('probe', '{"n": 7}', singleton_key => 's');
    again := sentinel.enqueue('probe', '{"n": 8}', singleton_key => 's', idempotency_key => 'stands for it');
    PERFORM pg_temp.note('a singleton key as well', first = again);
    PERFORM pg_temp.note('and another key of the job then stands for the first',
                         first = sentinel.enqueue('probe', '{"n": 9}', idempotency_key => 'stands for it'));
    PERFORM pg_temp.note('a batch takes each free key once', sentinel.enqueue_many($$[{"job_type": "probe", "idempotency_key": "k"},
        {"job_type": "probe", "idempotency_key": "k2"}, {"job_type": "other", "idempotency_key": "k2"}, {"job_type": "probe", "idempotency_key": "k2"},
        {"job_type": "probe", "payload": {"n": 10}}]$$));
    PERFORM pg_temp.note('payloads in one call', sentinel.enqueue_many('other', ARRAY['{"n": 11}', NULL, '{"n": 12}']::jsonb[], priority => 1));
    PERFORM pg_temp.note('more than fit into one statement', sentinel.enqueue_many(
        'probe', ARRAY(SELECT jsonb_build_object('n', i) FROM generate_series(1, 1203) i), queue => 'many'));
    PERFORM pg_temp.note('the rows are the same', md5(pg_temp.rows_of('sentinel.job_waiting')));
    PERFORM pg_temp.note('and the keys', pg_temp.rows_of('sentinel.job_keys'));
    PERFORM pg_temp.note('errors of enqueue', ARRAY[pg_temp.error_of($$SELECT sentinel.enqueue('nothing')$$),
        pg_temp.error_of($$SELECT sentinel.enqueue('probe', priority => 10)$$), pg_temp.error_of($$SELECT sentinel.enqueue_many('[1]')$$),
        pg_temp.error_of($$SELECT sentinel.enqueue_many('[{"job_type": "probe"}, {"job_type": "nothing"}]')$$)]);

    -- Claim: order, columns, what is not due.
    PERFORM pg_temp.note('a batch comes out', (SELECT count(*) || ' ' || count(DISTINCT c.lease) || ' ' || sum((c.payload ->> 'n')::integer)
                                               FROM sentinel.claim('w', '{many}', 2000) c));
    PERFORM pg_temp.note('the most urgent and oldest first', pg_temp.claimed('{p}', 4) || ' ' || pg_temp.claimed('{elsewhere}', 1));
    PERFORM pg_temp.note('the rest, and nothing that is not due', (SELECT string_agg(c.payload ->> 'n', ' ' ORDER BY c.payload ->> 'n') FROM sentinel.claim('w', '{q,p,elsewhere}', 100) c));
    PERFORM pg_temp.note('then nothing', pg_temp.claimed('{q,p,elsewhere,many}', 100));
    PERFORM pg_temp.note('the running rows are the same', md5(pg_temp.rows_of('sentinel.job_running')));
    PERFORM pg_temp.note('a big payload is whole', (SELECT md5(r.payload::text) FROM sentinel.job_running r WHERE r.payload ? 'x'));
    PERFORM pg_temp.note('leases last as long as asked', (SELECT bool_and(r.lease_until = r.claimed_at + interval '90 s') FROM sentinel.job_running r));
    PERFORM pg_temp.note('errors of claim', ARRAY[pg_temp.error_of($$SELECT sentinel.claim('w', '{q}', -1)$$), pg_temp.error_of($$SELECT sentinel.claim(NULL, '{q}')$$)]);

    -- Complete: fencing, pairs given twice, results, keys, history and counts.
    SELECT array_agg(r.id ORDER BY r.payload::text), array_agg(r.lease ORDER BY r.payload::text) INTO ids, leases FROM sentinel.job_running r WHERE r.queue = 'q';
    PERFORM pg_temp.note('another lease completes nothing', sentinel.complete(ids, array_fill(0::bigint, ARRAY[cardinality(ids)])));
    PERFORM pg_temp.note('errors of complete', pg_temp.error_of(format('SELECT sentinel.complete(%L, ''{}'')', ids)));
    PERFORM pg_temp.note('what is held is completed, once, whatever comes with it', sentinel.complete(
        ids[1] || ids[1:3] || ids[1] || NULL::uuid || sentinel.uuid7(), 0::bigint || leases[1:3] || leases[1] || 1::bigint || 1::bigint,
        '[{"r": 0}, {"r": 1}, null, {"r": 3}, {"r": 4}]'));
    PERFORM pg_temp.note('without results', sentinel.complete(ids[4:], leases[4:]));
    PERFORM pg_temp.note('many at once', (SELECT sentinel.complete(array_agg(r.id), array_agg(r.lease)) FROM sentinel.job_running r WHERE r.queue = 'many'));
    PERFORM pg_temp.note('the history is the same', md5(pg_temp.rows_of('sentinel.job_history')));
    PERFORM pg_temp.note('with its results', (SELECT string_agg(coalesce(h.result::text, 'none'), ' ' ORDER BY h.result::text) FROM sentinel.job_history h WHERE h.queue = 'q'));
    PERFORM pg_temp.note('ended at one moment each call', (SELECT count(DISTINCT h.finished_at) FROM sentinel.job_history h));
    PERFORM pg_temp.note('the counts are the same', (SELECT string_agg(format('%s %s %s %s %s', s.queue, s.job_type, s.worker, s.outcome, s.jobs), ', ' ORDER BY s.queue, s.job_type)
        FROM (SELECT queue, job_type, worker, outcome, sum(jobs) AS jobs FROM sentinel.job_stats GROUP BY 1, 2, 3, 4) s));
    PERFORM pg_temp.note('and their times add up', (SELECT abs(sum(s.run_ms) - (SELECT sum(extract(epoch FROM h.finished_at - h.claimed_at)) * 1000 FROM sentinel.job_history h)) < 0.01
                                                    FROM sentinel.job_stats s));
    PERFORM pg_temp.note('keys end, or begin their retention', (SELECT string_agg(k.key || ' ' || coalesce(round(extract(epoch FROM k.expires_at - now()))::text, 'held'), ', ' ORDER BY k.job_type, k.key)
                                                                FROM sentinel.job_keys k));

    -- Turns: queues in turn, organisations in turn, shares, one organisation only, the oldest job at each eighth visit.
    PERFORM pg_temp.clear(), sentinel.enqueue_many('probe', ARRAY(SELECT jsonb_build_object('n', i) FROM generate_series(1, 40) i), 'turns');
    PERFORM pg_temp.enter('Two'), sentinel.enqueue_many('probe', ARRAY['{"n": 1}', '{"n": 2}', '{"n": 3}']::jsonb[], 'turns');
    PERFORM pg_temp.enter('Three'), sentinel.enqueue_many('probe', ARRAY['{"n": 1}']::jsonb[], 'turns');
    PERFORM pg_sleep(0.1); -- a session looks for other organisations every few milliseconds only
    PERFORM pg_temp.note('three in turn', (SELECT string_agg(left(pg_temp.claimed('{turns}', 1), 3), ' ' ORDER BY i) FROM generate_series(1, 4) i));
    PERFORM pg_sleep(0.1);
    PERFORM pg_temp.note('a fair share each, and the rest to who has more', (SELECT string_agg(o.label || ' ' || o.jobs, ', ' ORDER BY o.label)
        FROM (SELECT o.label, count(*) AS jobs FROM sentinel.claim('w', '{turns}', 20) c JOIN org o USING (org_id) GROUP BY 1) o));
    PERFORM pg_temp.note('one organisation only', (SELECT left(pg_temp.claimed('{turns}', 2, o.org_id), 3) FROM org o WHERE o.label = 'One'));
    PERFORM pg_temp.clear(), pg_temp.enter('One');
    PERFORM sentinel.enqueue('probe', '{"n": "old"}', 'aged', 9);
    PERFORM sentinel.enqueue_many('probe', ARRAY(SELECT jsonb_build_object('n', 'new') FROM generate_series(1, 20)), 'aged', 0);
    PERFORM pg_temp.note('each eighth visit begins with the oldest job', (SELECT string_agg(pg_temp.claimed('{aged}', 1), ' ' ORDER BY i) FROM generate_series(1, 10) i));

    -- Limits of queues and of keys.
    PERFORM pg_temp.clear(), sentinel.limit_queue('limited', 3);
    PERFORM sentinel.enqueue_many('probe', ARRAY(SELECT jsonb_build_object('n', i) FROM generate_series(1, 9) i), 'limited');
    PERFORM pg_temp.note('a queue gives as many as may run', ARRAY[array_length(string_to_array(pg_temp.claimed('{limited}', 2), ' '), 1),
        array_length(string_to_array(pg_temp.claimed('{limited}', 9), ' '), 1), array_length(string_to_array(pg_temp.claimed('{limited}', 9), ' '), 1)]);
    PERFORM pg_temp.clear(), sentinel.enqueue_many((SELECT jsonb_agg(jsonb_build_object('job_type', 'probe', 'queue', 'keyed', 'payload', jsonb_build_object('n', i),
        'priority', i / 10, 'concurrency_key', CASE WHEN i < 10 THEN 'a' WHEN i < 20 THEN 'b' END, 'concurrency_limit', CASE WHEN i < 10 THEN 2 WHEN i < 20 THEN 1 END))
        FROM generate_series(1, 25) i));
    PERFORM pg_temp.note('jobs of a key up to its limit, then those behind them', pg_temp.claimed('{keyed}', 4));
    PERFORM pg_temp.note('by key', (SELECT string_agg(coalesce(r.concurrency_key, 'none'), ' ' ORDER BY r.concurrency_key) FROM sentinel.job_running r));
    PERFORM pg_temp.note('a full key holds up no other job', (SELECT count(*) FROM sentinel.claim('w', '{keyed}', 100)));
    SELECT array_agg(r.id), array_agg(r.lease) INTO ids, leases FROM sentinel.job_running r WHERE r.concurrency_key = 'a';
    PERFORM pg_temp.note('finish and claim: what ends makes room', (SELECT count(*) FROM sentinel.finish_and_claim('w2', ids, leases, NULL, '{keyed}', 10)));
    PERFORM pg_temp.note('and leaves these running', (SELECT string_agg(r.worker || ' ' || coalesce(r.concurrency_key, 'none'), ', ' ORDER BY r.worker, r.concurrency_key) FROM sentinel.job_running r));

    -- A claim that finds nothing asks to be woken; the next job does.
    PERFORM pg_temp.clear(), pg_temp.claimed('{q}', 1);
    PERFORM pg_temp.note('an empty queue is noted', (SELECT q.last_value <> 0 FROM sentinel.idle_queues q));
    PERFORM sentinel.wake_workers(), pg_temp.claimed('{q}', 1), sentinel.enqueue('probe');
    PERFORM pg_temp.note('and a job wakes who waits', (SELECT q.last_value FROM sentinel.idle_queues q));
    PERFORM pg_temp.clear(), sentinel.leave();
END
$play$;

SELECT pg_temp.play('direct');
SELECT is_empty('SELECT * FROM fired', 'direct access fires no trigger');
INSERT INTO sentinel.distribution DEFAULT VALUES;
SELECT isnt(sentinel.place_row_triggers(), 0, 'the row of a distribution is there');
SELECT pg_temp.play('statements');
SELECT bag_eq('SELECT DISTINCT relation FROM fired', $$VALUES ('sentinel.job_waiting'), ('sentinel.job_running'), ('sentinel.job_history')$$,
    'and the queue goes by statements');

SELECT is(s.got, d.got, format('%s: %s', d.n, d.scene)) FROM seen d LEFT JOIN seen s ON s.scene = d.scene AND s.form = 'statements'
WHERE d.form = 'direct' ORDER BY d.n;
SELECT bag_eq($$SELECT DISTINCT scene FROM seen WHERE got IS NULL$$, $$VALUES ('then nothing')$$, 'something was seen in every scene but one');
SELECT results_eq($$SELECT scene, got FROM seen WHERE form = 'statements' AND n IN (SELECT min(n) FROM seen WHERE form = 'statements' AND scene IN (
        'a batch takes each free key once', 'what is held is completed, once, whatever comes with it', 'three in turn',
        'a fair share each, and the rest to who has more', 'each eighth visit begins with the oldest job', 'a queue gives as many as may run',
        'jobs of a key up to its limit, then those behind them', 'a full key holds up no other job', 'finish and claim: what ends makes room') GROUP BY scene) ORDER BY n$$,
    $$VALUES ('a batch takes each free key once', '3'), ('what is held is completed, once, whatever comes with it', '3'), ('three in turn', 'One Two Thr One'),
             ('a fair share each, and the rest to who has more', 'One 18, Two 2'),
             ('each eighth visit begins with the oldest job', 'Onenew Onenew Onenew Onenew Onenew Onenew Onenew Oneold Onenew Onenew'),
             ('a queue gives as many as may run', '{2,1,NULL}'), ('jobs of a key up to its limit, then those behind them', 'One1 One2 One10 One20'),
             ('a full key holds up no other job', '5'), ('finish and claim: what ends makes room', '2')$$, 'and what was to be seen');

-- Sessions notice when the row comes and goes, and when it never was.
TRUNCATE fired;
SELECT pg_temp.enter('One');
DELETE FROM sentinel.distribution;
SELECT sentinel.enqueue('probe');
SELECT is_empty('SELECT * FROM fired', 'without the row the queue goes by direct access again');
SAVEPOINT before;
INSERT INTO sentinel.distribution DEFAULT VALUES;
SELECT sentinel.enqueue('probe');
SELECT isnt_empty('SELECT * FROM fired', 'with it by statements');
ROLLBACK TO before;
SELECT sentinel.enqueue('probe');
SELECT is_empty('SELECT * FROM fired', 'and after a rollback by direct access');
SELECT is((SELECT count(*) FROM sentinel.job_waiting), 2::bigint, 'which wrote its jobs');
SELECT * FROM finish();
ROLLBACK;
