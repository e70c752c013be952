-- 10,000 events in one INSERT, each routed to two jobs, against the same 30,000 rows into two bare tables with a primary
-- key, both in one transaction. Prints events|milliseconds and bare|milliseconds, each the median of three.
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
SELECT sentinel.register_job_type('bench_a', kind => 'http', queue => 'fan'), sentinel.register_job_type('bench_b', kind => 'http', queue => 'fan') \g /dev/null
INSERT INTO sentinel.event_routes (org_id, event_type, job_type)
SELECT sentinel.current_org(), 'bench.happened', t FROM unnest(ARRAY['bench_a', 'bench_b']) t ON CONFLICT DO NOTHING;
DROP TABLE IF EXISTS bare_events, bare_jobs;
CREATE TABLE bare_events (LIKE sentinel.events, PRIMARY KEY (org_id, id));
CREATE TABLE bare_jobs (LIKE sentinel.job_waiting, PRIMARY KEY (org_id, id));
-- Each call commits inside its time, and starts from tables of the same fill.
CREATE PROCEDURE pg_temp.events_once() LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    INSERT INTO sentinel.events (org_id, event_type, subject_type, subject_id, payload)
    SELECT sentinel.current_org(), 'bench.happened', 'bench', sentinel.uuid7(), jsonb_build_object('deal', n, 'by', 'user-0042')
    FROM generate_series(1, 10000) n;
    COMMIT;
    INSERT INTO took VALUES ('events', extract(epoch FROM clock_timestamp() - began) * 1000);
    COMMIT;
END $$;
CREATE PROCEDURE pg_temp.bare_once() LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
BEGIN
    CREATE TEMP TABLE same_events AS SELECT * FROM sentinel.events WHERE event_type = 'bench.happened' ORDER BY id DESC LIMIT 10000;
    CREATE TEMP TABLE same_jobs AS SELECT * FROM sentinel.job_waiting WHERE queue = 'fan' ORDER BY id DESC LIMIT 20000;
    COMMIT;
    began := clock_timestamp();
    INSERT INTO bare_events SELECT * FROM same_events;
    INSERT INTO bare_jobs SELECT * FROM same_jobs;
    COMMIT;
    INSERT INTO took VALUES ('bare', extract(epoch FROM clock_timestamp() - began) * 1000);
    DROP TABLE same_events, same_jobs;
    COMMIT;
END $$;
CREATE TEMP TABLE took (what text, ms double precision);
CALL pg_temp.events_once();
CALL pg_temp.bare_once();
CALL pg_temp.events_once();
CALL pg_temp.bare_once();
CALL pg_temp.events_once();
CALL pg_temp.bare_once();
SELECT what, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1) FROM took GROUP BY 1 ORDER BY 1 DESC;
DELETE FROM sentinel.job_waiting WHERE queue = 'fan';
