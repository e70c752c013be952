-- Room gateway, risk: routes of the risk of deals, what is foretold of them, the settings, and pipelines.

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_deal_risk(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    at timestamptz := sentinel.http_query_time(request, 'as_of', now());
BEGIN
    PERFORM sentinel.require_deal(deal, 'view');
    RETURN sentinel.http_thing((SELECT to_jsonb(r) || jsonb_build_object('deal_id', deal, 'as_of', at) FROM sentinel.deal_risk(deal, at) r));
END
$$;
COMMENT ON FUNCTION sentinel.http_deal_risk(jsonb, bytea) IS 'Route: give the risk of a deal at a time.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_explain_risk(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    at timestamptz := sentinel.http_query_time(request, 'as_of', now());
BEGIN
    PERFORM sentinel.require_deal(deal, 'view');
    RETURN sentinel.http_list((SELECT jsonb_agg(to_jsonb(e) ORDER BY e.position) FROM sentinel.explain_risk(deal, at) e));
END
$$;
COMMENT ON FUNCTION sentinel.http_explain_risk(jsonb, bytea) IS 'Route: list the terms whose contributions sum to the risk score of a deal.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_win_probability(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    at timestamptz := sentinel.http_query_time(request, 'as_of', now());
    answer jsonb;
    fitted jsonb;
BEGIN
    PERFORM sentinel.require_deal(deal, 'view');
    SELECT to_jsonb(w) || jsonb_build_object('deal_id', deal, 'as_of', at) INTO answer FROM sentinel.win_probability(deal, at) w;
    IF EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = sentinel.current_org() AND d.id = deal AND d.stage_kind = 'open') THEN
        answer := answer || jsonb_build_object('days_to_close', (SELECT to_jsonb(c) FROM sentinel.days_to_close(deal, at) c));
    END IF;
    -- By then no model may have been fitted.
    BEGIN
        SELECT to_jsonb(m) - 'log_odds' || jsonb_build_object('explanation',
                   (SELECT jsonb_agg(to_jsonb(e) ORDER BY e.position) FROM sentinel.explain_win(deal, at) e))
        INTO fitted FROM sentinel.win_probability_model(deal, at) m;
    EXCEPTION WHEN SQLSTATE 'SN004' THEN
        fitted := NULL;
    END;
    RETURN sentinel.http_thing(answer || jsonb_build_object('model', fitted));
END
$$;
COMMENT ON FUNCTION sentinel.http_win_probability(jsonb, bytea) IS
    'Route: give the chance to win a deal by the rule and, where one is fitted, by the model, and how long it may still take.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_similar_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    at timestamptz := sentinel.http_query_time(request, 'as_of', now());
    most integer := sentinel.http_query_integer(request, 'limit', 5, 1, 100);
BEGIN
    PERFORM sentinel.require_deal(deal, 'view');
    RETURN sentinel.http_list((SELECT jsonb_agg(to_jsonb(s) - 'similar_id' || jsonb_build_object('id', s.similar_id) ORDER BY s.distance, s.similar_id)
                               FROM sentinel.similar_deals(deal, at, most) s));
END
$$;
COMMENT ON FUNCTION sentinel.http_similar_deals(jsonb, bytea) IS 'Route: list the closed deals that are most like a deal.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.risk_settings_meant(request jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named uuid := sentinel.http_query_id(request, 'member_id');
BEGIN
    IF sentinel.http_query_text(request, 'of', '{member,organisation}', 'member') = 'organisation' THEN
        RETURN NULL;
    ELSIF named IS NOT NULL AND named IS DISTINCT FROM sentinel.current_member() THEN
        PERFORM sentinel.require_manager();
        PERFORM sentinel.http_require(EXISTS (SELECT FROM sentinel.members m
            WHERE m.org_id = sentinel.require_org() AND m.id = named AND m.removed_at IS NULL), 'member', named);
    END IF;
    RETURN coalesce(named, sentinel.current_member());
END
$$;
COMMENT ON FUNCTION sentinel.risk_settings_meant(jsonb) IS
    'Give the member whose risk settings a request is about, null for those of the organisation. Errors: SN003, SN004, 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_get_risk_settings(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    who uuid := sentinel.risk_settings_meant(request);
BEGIN
    RETURN sentinel.http_thing((
        SELECT jsonb_build_object('member_id', who, 'inactivity_days', coalesce(r.inactivity_days, 7), 'competitive', coalesce(r.competitive, true),
                   'stage_stall', coalesce(r.stage_stall, false), 'champion_dormancy', coalesce(r.champion_dormancy, false),
                   'source', CASE WHEN r.org_id IS NULL THEN 'standard' WHEN r.member_id IS NULL THEN 'organisation' ELSE 'member' END,
                   'recorded_at', r.recorded_at)
        FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
            SELECT * FROM sentinel.risk_settings s WHERE s.org_id = org AND (s.member_id = who OR s.member_id IS NULL)
            ORDER BY s.member_id NULLS LAST, s.recorded_at DESC, s.id DESC LIMIT 1) r ON true));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_risk_settings(jsonb, bytea) IS
    'Route: give the risk settings that hold for the caller, for another member, or for the organisation.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_risk_settings(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request), '{inactivity_days,competitive,stage_stall,champion_dormancy}');
BEGIN
    PERFORM sentinel.set_risk_settings(sentinel.risk_settings_meant(request), sentinel.json_integer(b, 'inactivity_days', 1, 30),
        sentinel.json_boolean(b, 'competitive'), sentinel.json_boolean(b, 'stage_stall'), sentinel.json_boolean(b, 'champion_dormancy'));
    RETURN sentinel.http_get_risk_settings(request, NULL);
END
$$;
COMMENT ON FUNCTION sentinel.http_set_risk_settings(jsonb, bytea) IS 'Route: change risk settings; what the body does not name stays.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_get_risk_weights(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_list((SELECT jsonb_agg(to_jsonb(w) - 'n' ORDER BY w.n)
                               FROM sentinel.risk_weights(sentinel.http_query_time(request, 'as_of', now())) WITH ORDINALITY
                                   AS w (weight_name, weight, standard, lowest, highest, since, description, n)));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_risk_weights(jsonb, bytea) IS 'Route: list the weights of the risk model.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_risk_weights(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.set_risk_weights(sentinel.http_object(request));
    RETURN sentinel.http_get_risk_weights(request, NULL);
END
$$;
COMMENT ON FUNCTION sentinel.http_set_risk_weights(jsonb, bytea) IS
    'Route: change weights of the risk model for the organisation, null for the standard ones.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_risk_overview(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN sentinel.http_thing((
        SELECT jsonb_build_object('open_deals', coalesce(o.open_deals, 0), 'at_risk', coalesce(o.at_risk, 0), 'overdue', coalesce(o.overdue, 0),
            'urgent', coalesce(o.urgent, 0), 'overdue_over_3_days', coalesce(o.overdue_over_3_days, 0),
            'most_critical', (SELECT coalesce(jsonb_agg(c.card ORDER BY i.n), '[]') FROM unnest(o.most_critical) WITH ORDINALITY AS i (id, n)
                              JOIN sentinel.deal_cards(o.most_critical) c ON c.deal_id = i.id),
            'by_currency', (SELECT coalesce(jsonb_agg(to_jsonb(b) - 'most_critical' ORDER BY b.currency), '[]') FROM sentinel_bi.risk_overview b))
        FROM (VALUES (1)) AS one LEFT JOIN sentinel.risk_overview o ON o.org_id = org));
END
$$;
COMMENT ON FUNCTION sentinel.http_risk_overview(jsonb, bytea) IS 'Route: give the risk of the open deals in numbers, with the three to act on first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_action_queue(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_org();
    RETURN sentinel.http_thing((
        SELECT jsonb_build_object('urgent', coalesce(jsonb_agg(q.line) FILTER (WHERE q.queue = 'urgent'), '[]'),
                                  'important', coalesce(jsonb_agg(q.line) FILTER (WHERE q.queue = 'important'), '[]'),
                                  'safe', coalesce(jsonb_agg(q.line) FILTER (WHERE q.queue = 'safe'), '[]'))
        FROM (SELECT a.queue, to_jsonb(a) - '{queue,position}'::text[] AS line FROM sentinel_bi.action_queue a ORDER BY a.queue, a.position) q));
END
$$;
COMMENT ON FUNCTION sentinel.http_action_queue(jsonb, bytea) IS
    'Route: give what to act on: at most five deals each that are urgent, important and safe.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_forecast(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    months integer := sentinel.http_query_integer(request, 'months', 6, 1, 24);
    at timestamptz := sentinel.http_query_time(request, 'as_of', now());
BEGIN
    RETURN sentinel.http_list((SELECT jsonb_agg(to_jsonb(f) - 'n' ORDER BY f.n) FROM sentinel.forecast(at, months) WITH ORDINALITY
                                   AS f (period, starts_at, currency, expected, best, worst, expected_wins, confidence, n)));
END
$$;
COMMENT ON FUNCTION sentinel.http_forecast(jsonb, bytea) IS 'Route: forecast what the open deals will bring, by month and currency.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_pipelines(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    wanted uuid := CASE WHEN request -> 'params' ? 'pipeline_id' THEN sentinel.http_param(request, 'pipeline_id') END;
    answer jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('id', p.id, 'name', p.name, 'is_default', p.is_default, 'created_at', p.created_at, 'stages', (
               SELECT jsonb_agg(jsonb_build_object('stage', s.stage, 'label', s.label, 'position', s.position, 'kind', s.kind, 'probability', s.probability,
                   'next', (SELECT coalesce(jsonb_agg(n.stage ORDER BY n.position), '[]') FROM sentinel.stage_transitions t
                            JOIN sentinel.pipeline_stages n ON n.org_id = t.org_id AND n.pipeline_id = t.pipeline_id AND n.stage = t.to_stage
                            WHERE t.org_id = s.org_id AND t.pipeline_id = s.pipeline_id AND t.from_stage = s.stage)) ORDER BY s.position)
               FROM sentinel.pipeline_stages s WHERE s.org_id = p.org_id AND s.pipeline_id = p.id)) ORDER BY p.is_default DESC, p.name)
    INTO answer FROM sentinel.pipelines p WHERE p.org_id = org AND (wanted IS NULL OR p.id = wanted);
    IF wanted IS NOT NULL THEN
        PERFORM sentinel.http_require(answer IS NOT NULL, 'pipeline', wanted);
        RETURN sentinel.http_thing(answer -> 0);
    END IF;
    RETURN sentinel.http_list(answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_list_pipelines(jsonb, bytea) IS
    'Route: list the pipelines, or give the one in the path, with their stages and the stages that may follow each.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_add_pipeline(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{template}'), '{template,is_default}');
    made uuid := sentinel.add_pipeline(sentinel.json_text(b, 'template'), coalesce(sentinel.json_boolean(b, 'is_default'), false));
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('id', made), '/pipelines/' || made);
END
$$;
COMMENT ON FUNCTION sentinel.http_add_pipeline(jsonb, bytea) IS 'Route: add a pipeline made from a template.';
