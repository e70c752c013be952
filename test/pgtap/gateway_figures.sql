-- Room gateway: figures over HTTP, and what the engine does for an organisation.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(47);
\ir ../support/http.sql

SELECT sentinel.create_org('Rest Figures Ltd', 'gateway-figures') AS org, sentinel.create_org('Other Ltd', 'gateway-figures-other') AS other \gset
SELECT sentinel.enter(:'other');
SELECT sentinel.add_member('Otto', 'otto@gateway-figures.example', 'owner') AS otto, sentinel.enqueue('qualify_lead', '{"theirs": true}') AS their_job;
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@gateway-figures.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@gateway-figures.example') AS mira,
       sentinel.add_member('Vera', 'vera@gateway-figures.example', 'viewer') AS vera, sentinel.uuid7() AS none \gset
SELECT pg_temp.caller(:'org', :'olga', 'owner') AS olga_calls, pg_temp.caller(:'org', :'mira', 'member') AS mira_calls, pg_temp.caller(:'org', :'vera', 'viewer') AS vera_calls \gset
SELECT sentinel.create_lead('=1+1', lead_source => 'Fair, "big"', owner_id => :'mira'), sentinel.create_lead('Old', lead_source => 'web', created_at => now() - interval '40 days');
SELECT sentinel.create_deal('Deal ' || n, n * 1000, CASE WHEN n < 3 THEN 'discover' ELSE 'qualify' END, CASE WHEN n = 4 THEN 'EUR' ELSE 'USD' END, owner_id => :'mira') FROM generate_series(1, 4) n;

-- Views of figures.
SELECT is((SELECT array_agg(v ->> 'view' ORDER BY v ->> 'view') FROM pg_temp.http(:'vera_calls', 'GET', '/analytics/views') a, jsonb_array_elements(a.json -> 'data') v),
    (SELECT array_agg(c.relname::text ORDER BY c.relname::text) FROM pg_class c WHERE c.relnamespace = 'sentinel_bi'::regnamespace AND c.relkind = 'v'), 'all views are listed, also for viewers');
SELECT ok((SELECT bool_and(v ->> 'description' LIKE '%.' AND c ->> 'description' LIKE '%.' AND c ->> 'type' <> '') FROM pg_temp.http(:'vera_calls', 'GET', '/analytics/views') a,
    jsonb_array_elements(a.json -> 'data') v, jsonb_array_elements(v -> 'columns') c), 'with what they and their columns mean');
SELECT is_empty(format($$SELECT c.relname, a.status, a.json FROM pg_class c CROSS JOIN LATERAL pg_temp.http(%L, 'GET', '/analytics/views/' || c.relname) a
    WHERE c.relnamespace = 'sentinel_bi'::regnamespace AND (a.status <> 200 OR jsonb_typeof(a.json -> 'data') <> 'array')$$, :'olga_calls'), 'each gives its rows');
SELECT sentinel.enter(:'org', :'olga');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/views/pipeline?order=pipeline,position,currency')).json -> 'data',
    (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.pipeline, p.position, p.currency) FROM sentinel_bi.pipeline p), 'as SQL gives them');
SELECT is((SELECT jsonb_agg(jsonb_build_array(e -> 'stage', e -> 'deals')) FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/pipeline?stage=qualify&currency=EUR') a, jsonb_array_elements(a.json -> 'data') e), '[["qualify", 1]]', 'columns filter');
SELECT is((SELECT jsonb_agg(e -> 'deals') FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/pipeline?deals=2') a, jsonb_array_elements(a.json -> 'data') e), '[2]', 'also by number');
SELECT is((SELECT jsonb_build_array(jsonb_array_length(a.json -> 'data'), a.json -> 'more') FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/pipeline?limit=1&order=-value') a), '[1, true]', 'limit cuts and says so');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/pipeline?limit=1&order=-value')).json #> '{data,0,value}', '4000.00', 'order goes down as asked');
SELECT is((SELECT string_agg(a.status || ' ' || (a.json ->> 'code'), ',' ORDER BY p.n) FROM (VALUES (1, 'pipeline?limit=10001'), (2, 'pipeline?colour=red'), (3, 'pipeline?order=colour'), (4, 'pipeline?order=value%20DESC;--'),
    (5, 'pipeline?deals=many'), (6, 'pipeline?format=xml'), (7, 'views/leads'), (8, 'views/pg_class'), (9, 'views/sentinel_bi.pipeline'), (10, 'views/pipeline%22'), (11, 'views/pipeline?x%27=1')) AS p(n, word)
    CROSS JOIN LATERAL pg_temp.http(:'olga_calls', 'GET', '/analytics/' || p.word) a),
    '400 invalid,400 invalid,400 invalid,400 invalid,400 invalid,400 invalid,404 not_found,404 not_found,404 not_found,404 not_found,400 invalid', 'nothing else gets through');
SELECT is((SELECT (a.headers_out ->> 'content-type') || (a.headers_out ->> 'content-disposition') FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/views/lead_sources?format=csv') a),
    'text/csv; charset=utf-8attachment; filename="lead_sources.csv"', 'also as a file');
SELECT is((SELECT string_agg(left(l.line, 17), '|' ORDER BY l.n) FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/leads-by-source?format=csv&order=source') a,
    string_to_table(a.text, E'\n') WITH ORDINALITY AS l(line, n)), 'source,leads,lead|"Fair, ""big""",1|web,1,0,1,0,0,0,0', 'with cells quoted');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/leads-by-source?format=csv&limit=1')).status, 400, 'and not cut');
SELECT ok((SELECT a.text LIKE E'%,''=1+1,%' FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/actions?format=csv') a), 'no cell is a formula');
SELECT is((SELECT count(*) FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/funnel') a, jsonb_array_elements(a.json -> 'data')), 7::bigint, 'all stages of leads, empty ones too');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/dashboard?currency=USD')).json #> '{data,0,open_value}', '6000.00', 'the dashboard');
SELECT is((pg_temp.http(pg_temp.caller(:'org', :'vera', 'viewer'), 'GET', '/analytics/dashboard')).json -> 'data', '[]', 'who sees no deals sees no figures of deals');
SELECT is((pg_temp.http('{"scopes": ["leads:read"]}'::jsonb || pg_temp.caller(:'org'), 'GET', '/analytics/dashboard')).status, 403, 'nor a key without analytics:read');

-- Silent leads.
UPDATE sentinel.leads SET last_activity_at = now() - interval '40 days' WHERE org_id = :'org' AND name = 'Old';
SELECT is((SELECT string_agg(concat_ws(' ', a.json ->> 'stale_days', a.json ->> 'count', jsonb_array_length(a.json -> 'data')), ',' ORDER BY p.n) FROM (VALUES (1, ''), (2, '?staleDays=41'), (3, '?stale_days=0&limit=1')) AS p(n, q)
    CROSS JOIN LATERAL pg_temp.http(:'olga_calls', 'GET', '/analytics/stale-leads' || p.q) a), '7 1 1,41 0 0,0 2 1', 'leads silent for so many days');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/stale-leads?stale_days=long')).status, 400, 'of which a number is given');

-- Outlooks.
SELECT sentinel.enter(:'org', :'olga');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/forecast?months=2')).json -> 'data', (SELECT jsonb_agg(to_jsonb(f)) FROM sentinel.forecast(now(), 2) f), 'the forecast');
SELECT is((SELECT jsonb_array_length(a.json -> 'data') FROM pg_temp.http(:'mira_calls', 'GET', '/analytics/win-probability') a), 4, 'the chances');
SELECT sentinel.enter(:'org', :'olga');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/deal-patterns')).json -> 'data', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p."position") FROM sentinel.deal_patterns() p), 'patterns');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/analytics/anomalies')).json -> 'data', '[]', 'anomalies');
SELECT is((SELECT a.status::text || (a.json #>> '{data,narrative}' <> '') FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/weekly-report') a), '200true', 'the week in words');
SELECT is((SELECT a.status::text || (a.json -> 'data')::text FROM pg_temp.http(:'olga_calls', 'GET', '/analytics/pipeline-movement?since=2020-01-01&until=2020-02-01') a),
    '200' || coalesce((SELECT jsonb_agg(to_jsonb(m)) FROM sentinel.pipeline_movement('2020-01-01', '2020-02-01') m), '[]')::text, 'how the pipeline moved');
SELECT is((SELECT string_agg(a.status::text, ',') FROM unnest(ARRAY['pipeline-movement?since=2030-01-01&until=2029-01-01', 'forecast?months=0', 'forecast?as_of=then', 'slippage?since=x']) q
    CROSS JOIN LATERAL pg_temp.http(:'olga_calls', 'GET', '/analytics/' || q) a), '400,400,400,400', 'within what there can be');

-- Jobs.
SELECT sentinel.enter(:'org');
SELECT sentinel.enqueue('qualify_lead', '{"n": 1}', run_at => now() + interval '1 day', queue => 'later') AS job \gset
SELECT is((SELECT jsonb_agg(j -> 'id') FROM pg_temp.http(:'olga_calls', 'GET', '/observability/jobs/pending?queue=later') a, jsonb_array_elements(a.json -> 'data') j), jsonb_build_array(:'job'), 'jobs that wait');
SELECT is((SELECT count(*) FROM pg_temp.http(:'olga_calls', 'GET', '/observability/jobs/pending?limit=200') a, jsonb_array_elements(a.json -> 'data') j WHERE j #>> '{payload,theirs}' IS NOT NULL), 0::bigint, 'of the own organisation');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/observability/jobs/pending')).status, 403, 'for admins');
SELECT is((pg_temp.http(:'olga_calls', 'GET', '/jobs/' || :'job')).json #>> '{data,state}', 'scheduled', 'one job');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/jobs/' || :'job' || '/cancel')).status, 403, 'members cancel none');
SELECT is((pg_temp.http(:'olga_calls', 'POST', '/jobs/' || :'job' || '/cancel')).json #>> '{data,state}', 'cancelled', 'owners do');
SELECT is((pg_temp.http(:'olga_calls', 'POST', '/jobs/' || :'job' || '/cancel')).status, 404, 'once');
INSERT INTO sentinel.job_dead (org_id, id, queue, job_type, priority, payload, attempts, max_attempts, created_at, failed_at, last_error)
SELECT :'org', sentinel.uuid7(), 'default', 'qualify_lead', 5, '{}', 5, 5, now(), now() - n * interval '1 minute', 'broken ' || n FROM generate_series(1, 3) n;
SELECT is((SELECT string_agg(j ->> 'last_error', ',') FROM pg_temp.http(:'olga_calls', 'GET', '/observability/jobs/dead-letter?limit=2') a, jsonb_array_elements(a.json -> 'data') j), 'broken 1,broken 2', 'jobs that failed for good');
SELECT is((SELECT jsonb_agg(j -> 'last_error') FROM pg_temp.http(:'olga_calls', 'GET', '/observability/jobs/dead-letter?limit=2&cursor=' || (SELECT b.json ->> 'next_cursor'
    FROM pg_temp.http(:'olga_calls', 'GET', '/observability/jobs/dead-letter?limit=2') b)) a, jsonb_array_elements(a.json -> 'data') j), '["broken 3"]', 'in pages');
SELECT is((SELECT a.json #>> '{data,state}' FROM pg_temp.http(:'olga_calls', 'POST', format('/jobs/%s/retry', (SELECT id FROM sentinel.job_dead WHERE last_error = 'broken 1'))) a), 'waiting', 'one is put back');
SELECT is((SELECT string_agg(j ->> 'last_error', ',') FROM pg_temp.http(:'olga_calls', 'GET', '/observability/jobs/failed') a, jsonb_array_elements(a.json -> 'data') j), NULL, 'with all its attempts');

-- Queues belong to nobody, so the cron secret opens them and no member.
SELECT is((SELECT string_agg(access || ' ' || runs_as, ',') FROM sentinel.http_routes WHERE pattern LIKE '/queues/%'), 'cron engine,cron engine', 'queues are of the installation');
SELECT is((SELECT a.status::text || (a.json -> 'data')::text FROM pg_temp.http('{"kind": "cron"}', 'POST', '/queues/default/pause') a), '200{"queue": "default", "paused": true}', 'one is paused');
SELECT ok((SELECT paused_at IS NOT NULL FROM sentinel.queues WHERE queue = 'default'), 'in truth');
SELECT is((pg_temp.http('{"kind": "cron"}', 'POST', '/queues/default/resume')).json #> '{data,paused}', 'false', 'and resumed');
SELECT is((pg_temp.http('{"kind": "cron"}', 'POST', '/queues/nowhere/pause')).status, 404, 'one that there is not is not');

-- Events, what does not fit together, what is due, what is audited.
SELECT sentinel.enter(:'org');
SELECT is((SELECT string_agg(e ->> 'event_type', ',') FROM pg_temp.http(:'olga_calls', 'GET', '/observability/events?order=desc&event_type=deal.created') a, jsonb_array_elements(a.json -> 'data') e),
    'deal.created,deal.created,deal.created,deal.created', 'events, the newest first');
SELECT is((SELECT a.status::text || jsonb_array_length(a.json -> 'data') FROM pg_temp.http(:'olga_calls', 'GET', '/observability/events') a), '2000', 'those of a transaction that is open are not followed yet');
INSERT INTO sentinel.integrity_findings (org_id, rule, subject_type, subject_id, severity, detail, broken_since, first_seen_at, last_seen_at, resolved_at)
SELECT :'org', (SELECT min(rule) FROM sentinel.integrity_rules), 'deal', sentinel.uuid7(), 'high', 'finding ' || n, now(), now(), now(), CASE n WHEN 3 THEN now() END FROM generate_series(1, 3) n;
SELECT is((SELECT string_agg(jsonb_array_length(a.json -> 'data')::text, ',' ORDER BY p.n) FROM (VALUES (1, ''), (2, '?state=resolved'), (3, '?state=all'), (4, '?severity=low')) AS p(n, q)
    CROSS JOIN LATERAL pg_temp.http(:'olga_calls', 'GET', '/observability/integrity/alerts' || p.q) a), '2,1,3,0', 'what does not fit together');
SELECT is((SELECT count(*) > 3 AND bool_and(s ->> 'kind' = 'schedule') FROM pg_temp.http(:'olga_calls', 'GET', '/observability/scheduler/upcoming?kind=schedule') a, jsonb_array_elements(a.json -> 'data') s), true, 'what is due next');
SELECT is((SELECT count(*) FROM pg_temp.http(:'olga_calls', 'GET', '/observability/logs?action=job.cancelled&subject_id=' || :'job') a, jsonb_array_elements(a.json -> 'data') s
    WHERE s ->> 'member_id' = :'olga'), 1::bigint, 'who did what');

SELECT * FROM finish();
ROLLBACK;
