-- Time of scoring all deals and of one sweep in which 100 deals change, against the sum of one column in the same run.
-- Usage: psql -v n=1000000 -f test/bench/risk.sql, as superuser, in a database with sentinel installed. Adds an organisation
-- with n deals and 1.25 n activities, made through the triggers. Prints one row per measure: name, value, unit.
\if :{?n} \else \set n 1000000 \endif
\set QUIET on
\set ON_ERROR_STOP on
\pset footer off
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SELECT sentinel.enter(sentinel.create_org('Bench ' || :n, 'bench-risk-' || :n), NULL, true) \g /dev/null

CREATE TEMP TABLE measured (position serial, name text, value numeric, unit text);
CREATE FUNCTION pg_temp.took(query text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
BEGIN
    EXECUTE query;
    RETURN extract(epoch FROM clock_timestamp() - started) * 1000;
END
$$;
CREATE FUNCTION pg_temp.median_of_3(query text) RETURNS numeric LANGUAGE sql AS $$
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY t)::numeric(12,1)
    FROM (VALUES (pg_temp.took(query)), (pg_temp.took(query)), (pg_temp.took(query))) AS v (t)
$$;
CREATE FUNCTION pg_temp.buffers(query text, OUT pages bigint, OUT ms numeric) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || query INTO plan;
    pages := (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
    ms := (plan #>> '{0,Execution Time}')::numeric(12,1);
END
$$;

-- Deals of the last week, none at risk yet: what was recorded at one time is one input. Negotiations have a mail of the last
-- days, others a meeting now and then.
CREATE TEMP TABLE making AS SELECT clock_timestamp() AS started;
BEGIN;
SELECT setseed(0.5) \g /dev/null
DO $$
DECLARE
    n constant integer := (SELECT replace(o.name, 'Bench ', '')::integer FROM sentinel.orgs o
                           WHERE o.org_id = sentinel.current_org());
    size constant integer := 50000;
    org constant uuid := sentinel.current_org();
    first integer := 1;
BEGIN
    WHILE first <= n LOOP
        INSERT INTO sentinel.deals (org_id, name, stage, value, created_at)
        SELECT org, 'Deal ' || i, (ARRAY['discover', 'qualify', 'proposal', 'negotiation'])[1 + i % 4],
               round((random() * 20000)::numeric, 2), now() - random() * interval '6 days'
        FROM generate_series(first, least(n, first + size - 1)) AS i;
        first := first + size;
    END LOOP;
    INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, subject)
    SELECT org, d.id, CASE WHEN d.stage = 'negotiation' THEN 'email_received' ELSE 'meeting_held' END,
           now() - random() * interval '4 days', 'Re: next steps'
    FROM sentinel.deals d WHERE d.org_id = org;
    INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, subject)
    SELECT org, d.id, 'email_sent', now() - random() * interval '4 days', 'Your questions on pricing'
    FROM sentinel.deals d WHERE d.org_id = org AND d.stage = 'negotiation';
END
$$;
COMMIT;
INSERT INTO measured (name, value, unit)
SELECT 'deals and their activities made', extract(epoch FROM clock_timestamp() - started)::numeric(12,1), 's' FROM making;
VACUUM (ANALYZE) sentinel.deals, sentinel.deal_signals, sentinel.activities;

SELECT pg_temp.median_of_3('SELECT sum(value) FROM sentinel.deals') AS floor_ms,
       pg_temp.median_of_3('SELECT sum(score) FROM sentinel.deal_risks') AS score_ms,
       pg_temp.median_of_3('SELECT sum(score), max(band), max(primary_reason) FROM sentinel.deal_risks') AS snapshot_ms \gset
INSERT INTO measured (name, value, unit) VALUES
    ('deals', :n, 'rows'),
    ('SELECT sum(value) FROM deals', :floor_ms, 'ms'),
    ('SELECT sum(score) FROM deal_risks', :score_ms, 'ms'),
    ('scoring all deals', round(:score_ms / :floor_ms, 2), 'x sum(value)'),
    ('scoring all deals with band and reason', round(:snapshot_ms / :floor_ms, 2), 'x sum(value)');

-- Once to load plans and code, then as of the instants at which the next 100 changes have come.
SELECT sentinel.sweep_risk() \g /dev/null
SELECT next_change_at AS first_hundred FROM sentinel.deal_signals WHERE org_id = sentinel.current_org()
ORDER BY next_change_at OFFSET 99 LIMIT 1 \gset
SELECT sentinel.sweep_risk(:'first_hundred') \g /dev/null
SELECT next_change_at AS second_hundred FROM sentinel.deal_signals
WHERE org_id = sentinel.current_org() AND next_change_at > :'first_hundred'
ORDER BY next_change_at OFFSET 99 LIMIT 1 \gset
SELECT count(*) AS due FROM sentinel.deal_signals
WHERE org_id = sentinel.current_org() AND next_change_at <= :'second_hundred' \gset
SELECT pages, ms FROM pg_temp.buffers(format('SELECT sentinel.sweep_risk(%L)', :'second_hundred')) \gset
INSERT INTO measured (name, value, unit) VALUES
    ('deals due in the sweep', :due, 'rows'),
    ('sweep', :ms, 'ms'),
    ('sweep', round(:ms / :floor_ms, 3), 'x sum(value)'),
    ('pages touched by the sweep', :pages, 'pages');
SELECT name, value, unit FROM measured ORDER BY position;
