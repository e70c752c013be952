-- Room gateway, metrics: what is counted, for whom, and what gateways tell.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(35);
SELECT sentinel.create_org('Acme') AS acme, sentinel.create_org('Rival') AS rival \gset
SELECT sentinel.register_job_type('probe', kind => 'http', queue => 'q') \g /dev/null
-- The value of a sample, by its name and labels as they are written.
CREATE FUNCTION pg_temp.figure(text_form text, sample text) RETURNS text LANGUAGE sql AS $$
    SELECT max(substr(l, length(sample) + 2)) FROM string_to_table(text_form, E'\n') l WHERE starts_with(l, sample || ' ');
$$;
SELECT is(sentinel.metric_labels('a', E'q"u\\o\nte', 'b', NULL, 'c', ''), E'{a="q\\"u\\\\o\\nte",c=""}', 'labels are escaped, those without a value left out');
SELECT is(sentinel.metric_labels('a', NULL), '', 'no labels, no braces');

SELECT sentinel.enter(:'acme');
SELECT sentinel.enqueue_many('probe', array_fill('{}'::jsonb, ARRAY[5])), sentinel.enqueue('probe', '{}', run_at => '2126-01-05') \g /dev/null
SELECT sentinel.enter(:'rival');
SELECT sentinel.enqueue_many('probe', array_fill('{}'::jsonb, ARRAY[2])) \g /dev/null
SELECT sentinel.leave();
UPDATE sentinel.job_waiting SET run_at = '2026-01-05 11:58 UTC' WHERE org_id = :'acme' AND run_at < '2126-01-01';
UPDATE sentinel.job_waiting SET run_at = '2026-01-05 11:59 UTC' WHERE org_id = :'rival';
SELECT sentinel.metrics_text(as_of => '2026-01-05 12:00 UTC') AS told, sentinel.metrics_text(:'rival', '2026-01-05 12:00 UTC') AS rivals \gset
SELECT is(pg_temp.figure(:'told', 'sentinel_jobs_waiting{queue="q"}'), '8', 'jobs that wait');
SELECT is(pg_temp.figure(:'told', 'sentinel_jobs_due{queue="q"}'), '7', 'those that are due');
SELECT is(pg_temp.figure(:'told', 'sentinel_queue_lag_seconds{queue="q"}'), '120', 'since the oldest of them was');
SELECT is(pg_temp.figure(:'rivals', 'sentinel_jobs_waiting{queue="q"}'), '2', 'an organisation sees its own');
SELECT is(pg_temp.figure(:'rivals', 'sentinel_queue_lag_seconds{queue="q"}'), '60', 'and how long these wait');

SELECT array_agg(c.job_id) AS jobs, array_agg(c.lease) AS leases FROM sentinel.claim('w', '{q}', 5, '1 hour') c \gset
SELECT sentinel.complete((:'jobs'::uuid[])[1:2], (:'leases'::bigint[])[1:2]), sentinel.fail((:'jobs'::uuid[])[3:3], (:'leases'::bigint[])[3:3], '{oops}', NULL, true) \g /dev/null
SELECT sentinel.metrics_text() AS told \gset
SELECT is(pg_temp.figure(:'told', 'sentinel_jobs_running{queue="q"}'), '2', 'jobs that run');
SELECT is(pg_temp.figure(:'told', 'sentinel_jobs_claimed_total{queue="q"}'), '5', 'all that were claimed');
SELECT is(pg_temp.figure(:'told', 'sentinel_job_attempts_total{queue="q",job_type="probe",outcome="completed"}'), '2', 'those that ended well');
SELECT is(pg_temp.figure(:'told', 'sentinel_job_attempts_total{queue="q",job_type="probe",outcome="dead"}'), '1', 'and those that did not');
SELECT is(pg_temp.figure(:'told', 'sentinel_jobs_dead{queue="q"}'), '1', 'which are kept');
SELECT sentinel.pause_queue('q') \g /dev/null
SELECT is(pg_temp.figure(sentinel.metrics_text(), 'sentinel_queue_paused{queue="q"}'), '1', 'a queue that is paused');

INSERT INTO sentinel.job_stats (org_id, queue, job_type, worker, outcome, jobs, wait_ms, run_ms, max_wait_ms, max_run_ms)
VALUES (:'acme', 'webhooks', 'send_webhook', 'w', 'completed', 7, 1500, 300, 0, 0), (:'acme', 'webhooks', 'send_webhook', 'w', 'dead', 2, 500, 100, 0, 0);
INSERT INTO sentinel.target_breakers (org_id, target_id, state, next_probe_at) VALUES (:'acme', gen_random_uuid(), 'open', now());
INSERT INTO sentinel.webhook_events (org_id, source_id, vendor, external_id, body, body_sha256) VALUES (:'acme', gen_random_uuid(), 'github', 'x', '', sha256(''));
SELECT sentinel.metrics_text() AS told, sentinel.metrics_text(:'rival') AS rivals \gset
SELECT is(pg_temp.figure(:'told', 'sentinel_delivery_attempts_total{class="webhook",result="delivered"}') || ' ' || pg_temp.figure(:'told', 'sentinel_delivery_attempts_total{class="webhook",result="failed"}'), '7 2', 'deliveries by class and result');
SELECT is(pg_temp.figure(:'told', 'sentinel_job_wait_seconds_total{queue="webhooks",job_type="send_webhook"}'), '2', 'times are in seconds');
SELECT is(pg_temp.figure(:'told', 'sentinel_breakers{class="service",state="open"}'), '1', 'breakers by state');
SELECT is(pg_temp.figure(:'told', 'sentinel_webhook_events{vendor="github",state="pending"}'), '1', 'webhooks by vendor and state');
SELECT ok(:'rivals' NOT LIKE '%webhook"%' AND :'rivals' NOT LIKE '%github%' AND :'rivals' NOT LIKE '%gateway="%', 'of all that another organisation sees nothing');
SELECT ok(pg_temp.figure(:'told', 'sentinel_events_total')::numeric > 0 AND pg_temp.figure(:'rivals', 'sentinel_events_total') IS NULL, 'events are counted over all organisations');
SELECT is((SELECT count(*)::integer FROM regexp_matches(:'told', '^# TYPE (\S+) ', 'gn')), (SELECT count(*)::integer FROM sentinel.metric_families()), 'each metric is described once');
SELECT is((SELECT string_agg(DISTINCT m.family, ' ') FROM (SELECT x.family FROM sentinel.job_metrics(NULL, now()) x UNION SELECT x.family FROM sentinel.state_metrics(NULL, now()) x
           UNION SELECT x.family FROM sentinel.gateway_metrics(now()) x) m WHERE m.family NOT IN (SELECT f.family FROM sentinel.metric_families() f)), NULL, 'and none is given that is not');

-- What a gateway tells.
CREATE FUNCTION pg_temp.told(gateway text, began timestamptz, requests bigint, status text DEFAULT '2xx') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sentinel.report_requests(gateway, jsonb_build_object('started_at', began, 'connections', 3, 'refused', '{"body_too_large": 4}'::jsonb,
        'pool', '{"connections": 4, "up": 3, "busy": 1, "waiting": 2}'::jsonb,
        'requests', jsonb_build_array(jsonb_build_object('method', 'GET', 'route', 'GET /deals/{deal_id}', 'class', status, 'count', requests, 'sum_ms', requests * 10,
            'buckets', to_jsonb(array_fill(0::bigint, ARRAY[2]) || array_fill(requests, ARRAY[9]))))));
    RETURN pg_temp.figure(sentinel.metrics_text(), format('sentinel_http_requests_total{gateway="%s",method="GET",route="/deals/{deal_id}",status="%s"}', gateway, status));
END $$;
SELECT is(pg_temp.told('g1', '2026-01-05 12:00 UTC', 10), NULL, 'a gateway that never opened is not counted');
SELECT sentinel.open_gateway('g1', '0.1.0') \g /dev/null
SELECT is(pg_temp.told('g1', '2026-01-05 12:00 UTC', 10), '10', 'a gateway tells what it has answered');
SELECT is(pg_temp.told('g1', '2026-01-05 12:00 UTC', 10), '10', 'twice changes nothing');
SELECT is(pg_temp.told('g1', '2026-01-05 12:00 UTC', 15), '15', 'more is more');
SELECT is(pg_temp.told('g1', '2026-01-05 12:00 UTC', 12), '15', 'what comes late is nothing new');
SELECT is(pg_temp.told('g1', '2026-01-05 12:30 UTC', 2), '2', 'started anew it counts from zero');
SELECT is(pg_temp.told('g1', '2026-01-05 12:00 UTC', 90), '2', 'and what was before comes too late');
SELECT is(pg_temp.told('g1', '2026-01-05 12:30 UTC', 3, '4xx'), '3', 'each class of status for itself');
SELECT sentinel.metrics_text() AS told \gset
SELECT is(pg_temp.figure(:'told', 'sentinel_http_request_duration_seconds_bucket{gateway="g1",method="GET",route="/deals/{deal_id}",le="0.01"}') || ' '
          || pg_temp.figure(:'told', 'sentinel_http_request_duration_seconds_bucket{gateway="g1",method="GET",route="/deals/{deal_id}",le="0.025"}') || ' '
          || pg_temp.figure(:'told', 'sentinel_http_request_duration_seconds_bucket{gateway="g1",method="GET",route="/deals/{deal_id}",le="+Inf"}') || ' '
          || pg_temp.figure(:'told', 'sentinel_http_request_duration_seconds_sum{gateway="g1",method="GET",route="/deals/{deal_id}"}'), '0 5 5 0.05', 'latencies over all classes');
SELECT is(pg_temp.figure(:'told', 'sentinel_gateway_database_connections{gateway="g1",state="busy"}') || pg_temp.figure(:'told', 'sentinel_gateway_database_connections{gateway="g1",state="idle"}')
          || pg_temp.figure(:'told', 'sentinel_gateway_database_connections{gateway="g1",state="down"}') || pg_temp.figure(:'told', 'sentinel_http_refused_total{gateway="g1",code="body_too_large"}'), '1214', 'its pool and what it refused');
SELECT is(sentinel.purge_gateways(now() + interval '6 days'), 0::bigint, 'a gateway that was heard of this week is kept');
SELECT sentinel.purge_gateways(now() + interval '8 days') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.gateways) + (SELECT count(*) FROM sentinel.gateway_requests), 0::bigint, 'one that is gone is forgotten');

-- Who may ask.
SELECT sentinel.enter(:'acme');
SELECT sentinel.enqueue_many('probe', array_fill('{}'::jsonb, ARRAY[2]), queue => 'r') \g /dev/null
SELECT sentinel.enter(:'rival');
SELECT sentinel.enqueue('probe', '{}', queue => 'r') \g /dev/null
SELECT sentinel.leave();
SELECT sentinel.make_cron_secret() AS cron \gset
CREATE FUNCTION pg_temp.asked(bearer text) RETURNS text LANGUAGE sql AS $$
    SELECT h.status || ' ' || coalesce(pg_temp.figure(convert_from(h.body, 'UTF8'), 'sentinel_jobs_waiting{queue="r"}'), '')
    FROM sentinel.http_handle('GET', '/metrics', '', CASE WHEN bearer IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_array('Authorization', 'Bearer ' || bearer)) END, '', '192.0.2.1') h;
$$;
SELECT is(pg_temp.asked(:'cron') || '; ' || pg_temp.asked('wrong') || '; ' || pg_temp.asked(NULL), '200 3; 401 ; 401 ', 'the holder of the cron secret sees all');
SELECT sentinel.enter(:'rival');
SELECT (sentinel.create_api_key('scraper', '{metrics:read}')).key AS good, (sentinel.create_api_key('other', '{deals:*}')).key AS bad \gset
SELECT sentinel.leave();
SELECT is(pg_temp.asked(:'good') || '; ' || pg_temp.asked(:'bad'), '200 1; 403 ', 'an API key with the scope what is its organisation''s');
SELECT * FROM finish();
ROLLBACK;
