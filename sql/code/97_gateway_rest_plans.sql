-- Room gateway, plans: routes of the plan of an organisation, of what it has used, and of figures of its use.

-- grant: sentinel_member
CREATE FUNCTION sentinel.note_use(use text, detail jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    -- By the engine: viewers use the product too, though they emit nothing.
    PERFORM sentinel.emit_for(org, 'usage.noted', 'org', org, note_use.detail || jsonb_build_object('use', left(note_use.use, 128)));
END
$$;
ALTER FUNCTION sentinel.note_use(text, jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_use(text, jsonb) IS
    'Record as an event usage.noted that the organisation entered has used something, for use_figures(). Errors: SN002.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.use_figures(since timestamptz, until timestamptz)
    RETURNS TABLE (deals_created bigint, deals_exported bigint, insights_opened bigint, api_calls bigint, tracked jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    WITH noted AS (
        SELECT e.payload ->> 'use' AS use, e.payload ? 'tracked' AS by_client, count(*) AS times
        FROM sentinel.events e
        WHERE e.org_id = org AND e.subject_id = org AND e.event_type = 'usage.noted'
          AND e.recorded_at >= use_figures.since AND e.recorded_at < use_figures.until
        GROUP BY 1, 2)
    SELECT (SELECT count(*) FROM sentinel.deals d WHERE d.org_id = org AND NOT d.is_demo
            AND d.created_at >= use_figures.since AND d.created_at < use_figures.until),
           coalesce((SELECT n.times FROM noted n WHERE n.use = 'deals_exported' AND NOT n.by_client), 0),
           coalesce((SELECT sum(n.times)::bigint FROM noted n WHERE n.use IN ('insights_opened', 'insightsOpened', 'insights.opened')), 0),
           (SELECT coalesce(sum(c.used), 0)::bigint FROM sentinel.usage_counters c WHERE c.org_id = org AND c.metric = 'api_calls'
            AND c.period_start < use_figures.until AND c.period_start > use_figures.since - interval '1 month'),
           (SELECT coalesce(jsonb_object_agg(t.use, t.times), '{}')
            FROM (SELECT n.use, n.times FROM noted n WHERE n.by_client ORDER BY n.times DESC, n.use LIMIT 100) t);
END
$$;
ALTER FUNCTION sentinel.use_figures(timestamptz, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.use_figures(timestamptz, timestamptz) IS
    'Count what the organisation entered did in a span: deals begun in it, exports, insights opened, calls of the months that it touches, and what its pages told, the 100 most frequent. One row. Errors: SN002.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.use_summary(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until timestamptz := sentinel.http_query_time(request, 'until', now());
    since timestamptz := sentinel.http_query_time(request, 'since', until - interval '30 days');
BEGIN
    PERFORM sentinel.check_span(since, until);
    RETURN (SELECT to_jsonb(f) || jsonb_build_object('since', since, 'until', until) FROM sentinel.use_figures(since, until) f);
END
$$;
COMMENT ON FUNCTION sentinel.use_summary(jsonb) IS 'Give the figures of use of the span that a request names, else of the last 30 days. Errors: SN002, SN007, 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_metrics_summary(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_thing(sentinel.use_summary(request));
END
$$;
COMMENT ON FUNCTION sentinel.http_metrics_summary(jsonb, bytea) IS 'Route: count what the organisation did in a span.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_metrics_performance(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    summary jsonb := sentinel.use_summary(request);
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('summary', summary, 'performance', (
        SELECT coalesce(jsonb_agg(to_jsonb(v) ORDER BY v.pipeline, v.currency), '[]')
        FROM sentinel.sales_velocity((summary ->> 'since')::timestamptz, (summary ->> 'until')::timestamptz) v)));
END
$$;
COMMENT ON FUNCTION sentinel.http_metrics_performance(jsonb, bytea) IS
    'Route: count what the organisation did in a span, and how fast it won deals, per pipeline and currency.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_track(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{event}'), '{event,properties}');
    event text := sentinel.json_text(b, 'event');
BEGIN
    IF length(event) > 128 OR event ~ '[\x01-\x1f\x7f]' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid event "%s"', left(regexp_replace(event, '[\x01-\x1f\x7f]', '?', 'g'), 60)),
            DETAIL = 'An event is a name of 1 to 128 characters, none a control character.', HINT = 'Send {"event": "insights_opened"}.';
    ELSIF jsonb_typeof(b -> 'properties') NOT IN ('object', 'null') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the member "properties" is no object', DETAIL = 'It is a JSON object.', HINT = 'Leave it out.';
    END IF;
    -- Properties may name people; nothing here needs them, so they are not kept.
    PERFORM sentinel.note_use(event, '{"tracked": true}');
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_track(jsonb, bytea) IS 'Route: count an event of a page; its properties are not kept.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_get_plan(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN sentinel.http_thing((
        SELECT jsonb_build_object('plan', u.plan, 'label', p.label, 'price_month', p.price_month, 'price_month_yearly', p.price_month_yearly,
                   'currency', p.currency, 'starts_at', o.starts_at, 'ends_at', o.ends_at, 'limits', u.limits)
        FROM (SELECT max(x.plan) AS plan, jsonb_object_agg(x.metric, x.most) AS limits FROM sentinel.plan_usage() x) u
        LEFT JOIN sentinel.plans p ON p.plan = u.plan LEFT JOIN sentinel.org_plans o ON o.org_id = org AND o.plan = u.plan));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_plan(jsonb, bytea) IS 'Route: give the plan of the organisation with its limits, null for none.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_plan_usage(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_list((SELECT jsonb_agg(to_jsonb(u) - 'n' ORDER BY u.n) FROM sentinel.plan_usage() WITH ORDINALITY
                                   AS u (plan, metric, label, most, used, remaining, period_start, period_end, n)));
END
$$;
COMMENT ON FUNCTION sentinel.http_plan_usage(jsonb, bytea) IS 'Route: list what the organisation has or has used of each metric, and what its plan allows.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_plans(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_org();
    RETURN sentinel.http_list((
        SELECT jsonb_agg(jsonb_build_object('plan', p.plan, 'label', p.label, 'price_month', p.price_month, 'price_month_yearly', p.price_month_yearly,
                   'currency', p.currency, 'limits', (SELECT coalesce(jsonb_object_agg(l.metric, l.most), '{}') FROM sentinel.plan_limits l WHERE l.plan = p.plan))
                   ORDER BY p.position) FROM sentinel.plans p));
END
$$;
COMMENT ON FUNCTION sentinel.http_list_plans(jsonb, bytea) IS 'Route: list the plans there are, with prices and limits.';

CREATE FUNCTION sentinel.http_internal_metrics(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN jsonb_build_object('json', jsonb_build_object(
        'organisations', (SELECT count(*) FROM sentinel.orgs), 'users', (SELECT count(*) FROM sentinel.users),
        'deals', (SELECT jsonb_build_object('open', count(*) FILTER (WHERE d.stage_kind = 'open'), 'won', count(*) FILTER (WHERE d.stage_kind = 'won'),
                         'lost', count(*) FILTER (WHERE d.stage_kind = 'lost')) FROM sentinel.deals d WHERE NOT d.is_demo),
        'requests', (SELECT coalesce(jsonb_object_agg(r.status_class, r.requests), '{}')
                     FROM (SELECT g.status_class, sum(g.requests) AS requests FROM sentinel.gateway_requests g GROUP BY g.status_class) r)));
END
$$;
COMMENT ON FUNCTION sentinel.http_internal_metrics(jsonb, bytea) IS
    'Route: count organisations, users, deals and requests over all organisations, for who holds the cron secret.';
