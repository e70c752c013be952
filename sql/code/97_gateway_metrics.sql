-- Room gateway, metrics: figures for Prometheus, and what gateways tell of themselves. The holder of the cron secret sees those of
-- the whole database, an API key with the scope metrics:read those of its organisation. Source: Prometheus text format 0.0.4.

CREATE FUNCTION sentinel.metric_labels(VARIADIC pairs text[]) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce('{' || string_agg(format('%s="%s"', p.pair, replace(replace(replace(pairs[p.place + 1], E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n')), ',' ORDER BY p.place)
                    || '}', '')
    FROM unnest(pairs) WITH ORDINALITY AS p (pair, place) WHERE p.place % 2 = 1 AND pairs[p.place + 1] IS NOT NULL
$$;
COMMENT ON FUNCTION sentinel.metric_labels(text[]) IS 'Write names and values in turn as labels of a metric; names without a value are left out.';

CREATE FUNCTION sentinel.metric_families() RETURNS TABLE (place bigint, family text, kind text, help text)
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT row_number() OVER (), v.family, v.kind, v.help FROM (VALUES
        ('sentinel_info', 'gauge', 'Version of the extension; always 1.'),
        ('sentinel_workers_alive', 'gauge', 'Workers seen in the last 30 seconds.'),
        ('sentinel_clock_step_age_seconds', 'gauge', 'Time since a step of the clock last ended well.'),
        ('sentinel_clock_step_failing', 'gauge', 'Whether a step of the clock failed when it last ran.'),
        ('sentinel_jobs_waiting', 'gauge', 'Jobs that wait, due or not; beyond 100000 in all an estimate.'),
        ('sentinel_jobs_due', 'gauge', 'Jobs that wait although they are due; an estimate like sentinel_jobs_waiting.'),
        ('sentinel_queue_lag_seconds', 'gauge', 'Time since the oldest job that waits was due; 0 when none is.'),
        ('sentinel_jobs_running', 'gauge', 'Jobs that a worker holds.'),
        ('sentinel_jobs_dead', 'gauge', 'Jobs that failed for good and are kept; at most 100000 are counted.'),
        ('sentinel_queue_paused', 'gauge', 'Whether a queue is paused.'),
        ('sentinel_jobs_claimed_total', 'counter', 'Jobs that workers took.'),
        ('sentinel_job_attempts_total', 'counter', 'Attempts at jobs that ended, by outcome.'),
        ('sentinel_job_wait_seconds_total', 'counter', 'Time from due to claimed of attempts that ended.'),
        ('sentinel_job_run_seconds_total', 'counter', 'Time from claimed to ended of attempts that ended.'),
        ('sentinel_delivery_attempts_total', 'counter', 'Requests sent to the outside, by kind of target and result.'),
        ('sentinel_breakers', 'gauge', 'Targets by the state of their circuit breaker.'),
        ('sentinel_sync_lag_seconds', 'gauge', 'Time since a connection was last synchronised.'),
        ('sentinel_events_total', 'counter', 'Events numbered since the database was made.'),
        ('sentinel_intake_rows', 'gauge', 'Rows of intake that are not processed, by state; at most 100000 are counted.'),
        ('sentinel_webhook_events', 'gauge', 'Webhooks that came in and are kept; beyond 100000 an estimate.'),
        ('sentinel_http_requests_total', 'counter', 'Requests that gateways answered.'),
        ('sentinel_http_request_duration_seconds', 'histogram', 'Time from the first byte of a request to the last of its answer.'),
        ('sentinel_http_refused_total', 'counter', 'Requests that gateways refused by themselves.'),
        ('sentinel_gateway_connections', 'gauge', 'Connections that are open to a gateway.'),
        ('sentinel_gateway_connections_total', 'counter', 'Connections that a gateway has taken.'),
        ('sentinel_gateway_streams', 'gauge', 'Streams of events that are open.'),
        ('sentinel_gateway_streams_total', 'counter', 'Streams of events that a gateway has opened.'),
        ('sentinel_gateway_events_total', 'counter', 'Events that a gateway has sent to streams.'),
        ('sentinel_gateway_database_connections', 'gauge', 'Connections of a gateway to the database, by what they do.'),
        ('sentinel_gateway_requests_waiting', 'gauge', 'Requests that wait for a connection to the database.'),
        ('sentinel_gateway_report_age_seconds', 'gauge', 'Time since a gateway last told its figures.')) AS v (family, kind, help)
$$;
COMMENT ON FUNCTION sentinel.metric_families() IS 'Give the metrics that there are, in their order.';

CREATE FUNCTION sentinel.sample_scale(relation regclass, seen bigint) RETURNS double precision
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN seen < 100000 THEN 1 ELSE greatest(1, (SELECT c.reltuples FROM pg_class c WHERE c.oid = relation) / seen) END
$$;
COMMENT ON FUNCTION sentinel.sample_scale(regclass, bigint) IS
    'Tell by how much to multiply what was counted in the first rows of a table: 1 when these were all, else as the statistics of the table have it.';

CREATE FUNCTION sentinel.job_metrics(of_org uuid, as_of timestamptz) RETURNS TABLE (family text, suffix text, labels text, value double precision)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    -- Planned for the organisation each time: its rows by index, or the first of all.
    RETURN QUERY
    WITH waiting AS MATERIALIZED (
        SELECT w.queue, count(*) AS jobs, count(*) FILTER (WHERE w.run_at <= as_of) AS due, min(w.run_at) AS first
        FROM (SELECT x.queue, x.run_at FROM sentinel.job_waiting x WHERE of_org IS NULL OR x.org_id = of_org LIMIT 100000) w GROUP BY w.queue),
    scale AS MATERIALIZED (SELECT sentinel.sample_scale('sentinel.job_waiting', (SELECT coalesce(sum(w.jobs), 0)::bigint FROM waiting w)) AS factor),
    running AS MATERIALIZED (
        SELECT r.queue, count(*) AS jobs FROM sentinel.job_running r WHERE of_org IS NULL OR r.org_id = of_org GROUP BY r.queue),
    ended AS MATERIALIZED (
        SELECT s.queue, s.job_type, s.outcome, sum(s.jobs) AS jobs, coalesce(sum(s.jobs) FILTER (WHERE s.worker <> ''), 0) AS claimed,
               sum(s.wait_ms) / 1000 AS wait, sum(s.run_ms) / 1000 AS run
        FROM sentinel.job_stats s WHERE of_org IS NULL OR s.org_id = of_org GROUP BY s.queue, s.job_type, s.outcome),
    dead AS MATERIALIZED (
        SELECT d.queue, count(*) AS jobs FROM (SELECT x.queue FROM sentinel.job_dead x WHERE of_org IS NULL OR x.org_id = of_org LIMIT 100000) d GROUP BY d.queue),
    queue AS MATERIALIZED (
        SELECT q.queue, sentinel.metric_labels('queue', q.queue) AS label
        FROM (SELECT w.queue FROM waiting w UNION SELECT r.queue FROM running r UNION SELECT e.queue FROM ended e UNION SELECT d.queue FROM dead d
              UNION SELECT x.queue FROM sentinel.queues x WHERE of_org IS NULL) q)
    SELECT 'sentinel_jobs_waiting', '', q.label, round(coalesce(w.jobs, 0) * s.factor) FROM queue q LEFT JOIN waiting w USING (queue), scale s
    UNION ALL SELECT 'sentinel_jobs_due', '', q.label, round(coalesce(w.due, 0) * s.factor) FROM queue q LEFT JOIN waiting w USING (queue), scale s
    UNION ALL SELECT 'sentinel_queue_lag_seconds', '', q.label, coalesce(greatest(extract(epoch FROM as_of - w.first), 0), 0) FROM queue q LEFT JOIN waiting w USING (queue)
    UNION ALL SELECT 'sentinel_jobs_running', '', q.label, coalesce(r.jobs, 0) FROM queue q LEFT JOIN running r USING (queue)
    UNION ALL SELECT 'sentinel_jobs_dead', '', q.label, coalesce(d.jobs, 0) FROM queue q LEFT JOIN dead d USING (queue)
    UNION ALL SELECT 'sentinel_queue_paused', '', q.label, (x.paused_at IS NOT NULL)::integer FROM queue q JOIN sentinel.queues x USING (queue)
    UNION ALL SELECT 'sentinel_jobs_claimed_total', '', q.label, coalesce(e.claimed, 0) + coalesce(r.jobs, 0)
        FROM queue q LEFT JOIN running r USING (queue) LEFT JOIN (SELECT x.queue, sum(x.claimed) AS claimed FROM ended x GROUP BY x.queue) e USING (queue)
    UNION ALL SELECT 'sentinel_job_attempts_total', '', sentinel.metric_labels('queue', e.queue, 'job_type', e.job_type, 'outcome', e.outcome), e.jobs FROM ended e
    UNION ALL SELECT 'sentinel_job_wait_seconds_total', '', sentinel.metric_labels('queue', e.queue, 'job_type', e.job_type), sum(e.wait) FROM ended e GROUP BY e.queue, e.job_type
    UNION ALL SELECT 'sentinel_job_run_seconds_total', '', sentinel.metric_labels('queue', e.queue, 'job_type', e.job_type), sum(e.run) FROM ended e GROUP BY e.queue, e.job_type
    UNION ALL SELECT 'sentinel_delivery_attempts_total', '', sentinel.metric_labels('class', d.class, 'result', d.result), sum(d.jobs)
        FROM (SELECT substr(e.job_type, 6) AS class, CASE e.outcome WHEN 'completed' THEN 'delivered' WHEN 'dead' THEN 'failed' ELSE e.outcome END AS result, e.jobs
              FROM ended e WHERE e.job_type IN ('send_slack', 'send_webhook', 'send_enrichment', 'send_model')) d GROUP BY d.class, d.result;
END
$$;
COMMENT ON FUNCTION sentinel.job_metrics(uuid, timestamptz) IS 'Give the metrics of queues, jobs and deliveries, of one organisation or of all.';

CREATE FUNCTION sentinel.state_metrics(of_org uuid, as_of timestamptz) RETURNS TABLE (family text, suffix text, labels text, value double precision)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH came AS MATERIALIZED (
        SELECT w.vendor, w.state, count(*) AS events
        FROM (SELECT x.vendor, x.state FROM sentinel.webhook_events x WHERE of_org IS NULL OR x.org_id = of_org LIMIT 100000) w GROUP BY w.vendor, w.state)
    SELECT 'sentinel_info', '', sentinel.metric_labels('version', sentinel.version()), 1
    UNION ALL SELECT 'sentinel_workers_alive', '', '', count(*) FROM sentinel.workers w WHERE w.seen_at > as_of - interval '30 s'
    UNION ALL SELECT 'sentinel_clock_step_age_seconds', '', sentinel.metric_labels('step', c.step), greatest(extract(epoch FROM as_of - c.ran_at), 0)
        FROM sentinel.clock_steps c WHERE c.ran_at IS NOT NULL
    UNION ALL SELECT 'sentinel_clock_step_failing', '', sentinel.metric_labels('step', c.step), (c.failed_at IS NOT NULL)::integer FROM sentinel.clock_steps c
    UNION ALL SELECT 'sentinel_breakers', '', sentinel.metric_labels('class', t.class, 'state', t.state), count(*)
        FROM (SELECT CASE WHEN EXISTS (SELECT FROM sentinel.webhook_endpoints e WHERE e.org_id = b.org_id AND e.id = b.target_id) THEN 'webhook'
                          WHEN EXISTS (SELECT FROM sentinel.slack_channels c WHERE c.org_id = b.org_id AND c.id = b.target_id) THEN 'slack'
                          ELSE 'service' END AS class, b.state
              FROM sentinel.target_breakers b WHERE of_org IS NULL OR b.org_id = of_org LIMIT 100000) t GROUP BY t.class, t.state
    UNION ALL SELECT 'sentinel_events_total', '', '', CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM sentinel.event_seq s WHERE of_org IS NULL
    UNION ALL SELECT 'sentinel_intake_rows', '', sentinel.metric_labels('state', k.state), count(i.state)
        FROM unnest(ARRAY['waiting', 'rejected', 'failed']) AS k (state)
        LEFT JOIN (SELECT x.state FROM sentinel.intake_raw x WHERE x.state IN ('waiting', 'rejected', 'failed') AND (of_org IS NULL OR x.org_id = of_org)
                   LIMIT 100000) i USING (state) GROUP BY k.state
    UNION ALL SELECT 'sentinel_webhook_events', '', sentinel.metric_labels('vendor', c.vendor, 'state', c.state),
               round(c.events * sentinel.sample_scale('sentinel.webhook_events', (SELECT sum(x.events)::bigint FROM came x))) FROM came c;
END
$$;
COMMENT ON FUNCTION sentinel.state_metrics(uuid, timestamptz) IS
    'Give the metrics of clock, workers, breakers, events, intake and webhooks, of one organisation or of all.';

CREATE FUNCTION sentinel.gateway_metrics(as_of timestamptz) RETURNS TABLE (family text, suffix text, labels text, value double precision)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH alive AS MATERIALIZED (
        SELECT g.gateway, g.gauges, g.reported_at, sentinel.metric_labels('gateway', g.gateway) AS label FROM sentinel.gateways g
        WHERE g.reported_at > as_of - interval '1 hour'),
    request AS MATERIALIZED (
        SELECT r.gateway, r.method, r.route, r.status_class, r.requests, r.seconds, r.buckets FROM sentinel.gateway_requests r JOIN alive a USING (gateway)),
    timed AS MATERIALIZED (
        SELECT r.gateway, r.method, r.route, sum(r.requests) AS requests, sum(r.seconds) AS seconds FROM request r GROUP BY r.gateway, r.method, r.route)
    SELECT 'sentinel_http_requests_total', '', sentinel.metric_labels('gateway', r.gateway, 'method', r.method, 'route', r.route, 'status', r.status_class), r.requests FROM request r
    UNION ALL SELECT 'sentinel_http_request_duration_seconds', '_bucket',
               sentinel.metric_labels('gateway', r.gateway, 'method', r.method, 'route', r.route, 'le', b.bound), sum(r.buckets[b.place])
        FROM request r, unnest('{0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10}'::text[]) WITH ORDINALITY AS b (bound, place)
        GROUP BY r.gateway, r.method, r.route, b.bound
    UNION ALL SELECT 'sentinel_http_request_duration_seconds', '_bucket',
               sentinel.metric_labels('gateway', t.gateway, 'method', t.method, 'route', t.route, 'le', '+Inf'), t.requests FROM timed t
    UNION ALL SELECT 'sentinel_http_request_duration_seconds', '_sum', sentinel.metric_labels('gateway', t.gateway, 'method', t.method, 'route', t.route), t.seconds FROM timed t
    UNION ALL SELECT 'sentinel_http_request_duration_seconds', '_count', sentinel.metric_labels('gateway', t.gateway, 'method', t.method, 'route', t.route), t.requests FROM timed t
    UNION ALL SELECT 'sentinel_http_refused_total', '', sentinel.metric_labels('gateway', a.gateway, 'code', r.key), r.value::double precision
        FROM alive a, jsonb_each_text(a.gauges -> 'refused') r
    UNION ALL SELECT 'sentinel_gateway_' || n.name, '', a.label, (a.gauges ->> n.name)::double precision
        FROM alive a, unnest(ARRAY['connections', 'connections_total', 'streams', 'streams_total', 'events_total']) AS n (name) WHERE a.gauges ? n.name
    UNION ALL SELECT 'sentinel_gateway_database_connections', '', sentinel.metric_labels('gateway', a.gateway, 'state', v.state), v.connections
        FROM alive a, LATERAL (VALUES ('busy', (a.gauges #>> '{pool,busy}')::double precision),
                                      ('idle', (a.gauges #>> '{pool,up}')::double precision - (a.gauges #>> '{pool,busy}')::double precision),
                                      ('down', (a.gauges #>> '{pool,connections}')::double precision - (a.gauges #>> '{pool,up}')::double precision)) AS v (state, connections)
        WHERE v.connections IS NOT NULL
    UNION ALL SELECT 'sentinel_gateway_requests_waiting', '', a.label, (a.gauges #>> '{pool,waiting}')::double precision FROM alive a WHERE a.gauges #> '{pool,waiting}' IS NOT NULL
    UNION ALL SELECT 'sentinel_gateway_report_age_seconds', '', a.label, greatest(extract(epoch FROM as_of - a.reported_at), 0) FROM alive a
$$;
COMMENT ON FUNCTION sentinel.gateway_metrics(timestamptz) IS 'Give the metrics of the gateways that have told theirs within the hour.';

CREATE FUNCTION sentinel.metrics_text(of_org uuid DEFAULT NULL, as_of timestamptz DEFAULT clock_timestamp()) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH sample AS MATERIALIZED (
        SELECT m.family, m.suffix, m.labels, m.value FROM sentinel.job_metrics(of_org, as_of) m
        UNION ALL SELECT m.family, m.suffix, m.labels, m.value FROM sentinel.state_metrics(of_org, as_of) m
        UNION ALL SELECT m.family, m.suffix, m.labels, m.value FROM sentinel.gateway_metrics(as_of) m WHERE of_org IS NULL)
    SELECT string_agg(format(E'# HELP %s %s\n# TYPE %1$s %3$s\n', f.family, f.help, f.kind) || coalesce(s.lines, ''), '' ORDER BY f.place)
    FROM sentinel.metric_families() f
    LEFT JOIN (SELECT x.family, string_agg(format(E'%s%s%s %s\n', x.family, x.suffix, x.labels, x.value), '' ORDER BY x.suffix, x.labels) AS lines
               FROM sample x GROUP BY x.family) s USING (family)
$$;
COMMENT ON FUNCTION sentinel.metrics_text(uuid, timestamptz) IS
    'Give the metrics in the text form of Prometheus: of the whole database, or of one organisation, then without those of gateways.';

CREATE FUNCTION sentinel.http_metrics(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN jsonb_build_object('text', sentinel.metrics_text((request #>> '{caller,org_id}')::uuid), 'type', 'text/plain; version=0.0.4; charset=utf-8');
END
$$;
COMMENT ON FUNCTION sentinel.http_metrics(jsonb, bytea) IS
    'Route: metrics in the text form of Prometheus: queues and their lag, jobs, deliveries, breakers, intake, webhooks, and to the holder of the cron secret events, gateways and HTTP latencies over all organisations; an API key sees those of its organisation.';

-- grant: sentinel_gateway
CREATE FUNCTION sentinel.report_requests(gateway text, report jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    began timestamptz := (report ->> 'started_at')::timestamptz;
    told timestamptz;
BEGIN
    PERFORM sentinel.require_installed();
    SELECT g.started_at INTO told FROM sentinel.gateways g WHERE g.gateway = left(report_requests.gateway, 200) FOR UPDATE;
    IF NOT FOUND OR began IS NULL OR began < told THEN
        RETURN;
    END IF;
    UPDATE sentinel.gateways g SET started_at = began, reported_at = now(), gauges = report - 'requests'
    WHERE g.gateway = left(report_requests.gateway, 200);
    -- A gateway that was started anew counts from zero.
    DELETE FROM sentinel.gateway_requests r WHERE r.gateway = left(report_requests.gateway, 200) AND began > told;
    INSERT INTO sentinel.gateway_requests AS r (gateway, method, route, status_class, requests, seconds, buckets)
    SELECT left(report_requests.gateway, 200), n.method, regexp_replace(n.route, '^[A-Z]+ ', ''), n.class, sum(n.count)::bigint, sum(n.sum_ms) / 1000,
           ARRAY(SELECT coalesce(sum((m.counts ->> p.place)::bigint), 0)::bigint FROM generate_series(0, 10) AS p (place), unnest(array_agg(n.buckets)) AS m (counts)
                 GROUP BY p.place ORDER BY p.place)
    FROM jsonb_to_recordset(report -> 'requests') AS n (method text, route text, class text, count bigint, sum_ms double precision, buckets jsonb)
    GROUP BY n.method, regexp_replace(n.route, '^[A-Z]+ ', ''), n.class
    ON CONFLICT ON CONSTRAINT gateway_requests_pkey DO UPDATE SET requests = excluded.requests, seconds = excluded.seconds, buckets = excluded.buckets
    WHERE r.requests < excluded.requests;
END
$$;
ALTER FUNCTION sentinel.report_requests(text, jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.report_requests(text, jsonb) IS
    'Note what a gateway has answered since it was started, as worker/gateway/metrics.hpp writes it. Everything is counted from its start: a report that is lost, comes twice or late changes nothing. One of a gateway that never opened is not kept.';

CREATE FUNCTION sentinel.purge_gateways(as_of timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    WITH old AS (DELETE FROM sentinel.gateways g WHERE greatest(g.opened_at, g.reported_at) < purge_gateways.as_of - interval '7 days' RETURNING g.gateway),
    rows AS (DELETE FROM sentinel.gateway_requests r USING old o WHERE r.gateway = o.gateway)
    SELECT count(*) INTO gone FROM old;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION sentinel.purge_gateways(timestamptz) IS 'Forget gateways that nobody has heard of for a week, with their figures. Gives how many.';
