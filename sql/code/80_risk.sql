-- Room risk: the model as functions. All that take signals take them in one order:
--   risk_role, closed, value, created_at, stage_entered_at, last_sent_at, last_received_at, last_meeting_at, last_event_at,
--   competitive_indicators, stage_norm_days, inactivity_days, flags, at_risk_since, input_at, as_of, weights
-- where at_risk_since is the start of the time at risk as it stood at input_at <= as_of, and weights are those of risk_weights
-- in the order of risk_weight_terms; null for the standard ones.

-- grant: everyone
CREATE FUNCTION sentinel.risk_score(
    risk_role smallint, closed boolean, value double precision, created_at timestamptz, stage_entered_at timestamptz,
    last_sent_at timestamptz, last_received_at timestamptz, last_meeting_at timestamptz, last_event_at timestamptz,
    competitive_indicators integer, stage_norm_days double precision, inactivity_days smallint, flags smallint,
    at_risk_since timestamptz, input_at timestamptz, as_of timestamptz DEFAULT now(),
    weights double precision[] DEFAULT NULL) RETURNS double precision
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'sentinel_risk_score';
COMMENT ON FUNCTION sentinel.risk_score(smallint, boolean, double precision, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, double precision, smallint, smallint, timestamptz, timestamptz, timestamptz, double precision[]) IS
    'Give the risk score of a deal, 0 to 1, from its signals at a time. Below 0.4 is Low, below 0.6 Medium, else High. Null signals mean "did not happen".';

-- grant: everyone
CREATE FUNCTION sentinel.risk_next_change(
    risk_role smallint, closed boolean, value double precision, created_at timestamptz, stage_entered_at timestamptz,
    last_sent_at timestamptz, last_received_at timestamptz, last_meeting_at timestamptz, last_event_at timestamptz,
    competitive_indicators integer, stage_norm_days double precision, inactivity_days smallint, flags smallint,
    at_risk_since timestamptz, input_at timestamptz, as_of timestamptz DEFAULT now(),
    weights double precision[] DEFAULT NULL) RETURNS timestamptz
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'sentinel_risk_next_change';
COMMENT ON FUNCTION sentinel.risk_next_change(smallint, boolean, double precision, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, double precision, smallint, smallint, timestamptz, timestamptz, timestamptz, double precision[]) IS
    'Give the first instant after as_of at which score, status, reasons or the overdue state of a deal change by the passing of time; null when never.';

-- grant: everyone
CREATE FUNCTION sentinel.risk_snapshot(
    risk_role smallint, closed boolean, value double precision, created_at timestamptz, stage_entered_at timestamptz,
    last_sent_at timestamptz, last_received_at timestamptz, last_meeting_at timestamptz, last_event_at timestamptz,
    competitive_indicators integer, stage_norm_days double precision, inactivity_days smallint, flags smallint,
    at_risk_since timestamptz, input_at timestamptz, as_of timestamptz DEFAULT now(),
    weights double precision[] DEFAULT NULL, OUT score double precision, OUT band text, OUT status text, OUT reasons text[], OUT primary_reason text,
    OUT recommended_action text, OUT action_urgency text, OUT risk_started_at timestamptz, OUT risk_age_days integer,
    OUT action_due_at timestamptz, OUT action_overdue_days integer, OUT is_action_overdue boolean,
    OUT last_activity_at timestamptz, OUT next_change_at timestamptz) RETURNS record
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'sentinel_risk_snapshot';
COMMENT ON FUNCTION sentinel.risk_snapshot(smallint, boolean, double precision, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, double precision, smallint, smallint, timestamptz, timestamptz, timestamptz, double precision[]) IS
    'Give everything that the risk model says of a deal at a time: score, band, status, reasons, recommended action, dates.';

-- grant: everyone
CREATE FUNCTION sentinel.risk_terms(
    risk_role smallint, closed boolean, value double precision, created_at timestamptz, stage_entered_at timestamptz,
    last_sent_at timestamptz, last_received_at timestamptz, last_meeting_at timestamptz, last_event_at timestamptz,
    competitive_indicators integer, stage_norm_days double precision, inactivity_days smallint, flags smallint,
    at_risk_since timestamptz, input_at timestamptz, as_of timestamptz DEFAULT now(),
    weights double precision[] DEFAULT NULL)
    RETURNS TABLE ("position" integer, term text, contribution double precision, detail text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 ROWS 6 AS 'MODULE_PATHNAME', 'sentinel_risk_terms';
COMMENT ON FUNCTION sentinel.risk_terms(smallint, boolean, double precision, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, double precision, smallint, smallint, timestamptz, timestamptz, timestamptz, double precision[]) IS
    'Give the terms of a score in the order in which they are added; summed in that order they give the score exactly. Clamping and escalation are rows.';

CREATE FUNCTION sentinel.risk_walk_step(
    state internal, risk_role smallint, closed boolean, value double precision, created_at timestamptz,
    stage_entered_at timestamptz, last_sent_at timestamptz, last_received_at timestamptz, last_meeting_at timestamptz,
    last_event_at timestamptz, competitive_indicators integer, stage_norm_days double precision, inactivity_days smallint,
    flags smallint, at timestamptz, weights double precision[]) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_risk_walk_step';
COMMENT ON FUNCTION sentinel.risk_walk_step(internal, smallint, boolean, double precision, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, double precision, smallint, smallint, timestamptz, double precision[]) IS
    'Step of risk_walk().';
CREATE FUNCTION sentinel.risk_walk_result(state internal) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_risk_walk_result';
COMMENT ON FUNCTION sentinel.risk_walk_result(internal) IS 'Result of risk_walk().';

CREATE AGGREGATE sentinel.risk_walk(
    risk_role smallint, closed boolean, value double precision, created_at timestamptz, stage_entered_at timestamptz,
    last_sent_at timestamptz, last_received_at timestamptz, last_meeting_at timestamptz, last_event_at timestamptz,
    competitive_indicators integer, stage_norm_days double precision, inactivity_days smallint, flags smallint,
    at timestamptz, weights double precision[]) (
    SFUNC = sentinel.risk_walk_step, STYPE = internal, FINALFUNC = sentinel.risk_walk_result, PARALLEL = SAFE);
COMMENT ON AGGREGATE sentinel.risk_walk(smallint, boolean, double precision, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, double precision, smallint, smallint, timestamptz, double precision[]) IS
    'Walk a deal''s signals through its inputs, ORDER BY at: gives since_before and at_risk_since at the last input, then start and end of each period that has ended.';

GRANT EXECUTE ON FUNCTION sentinel.risk_walk(smallint, boolean, double precision, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, double precision, smallint, smallint, timestamptz, double precision[])
    TO sentinel_reader, sentinel_member;

CREATE FUNCTION sentinel.settle_risk() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'sentinel_settle_risk';
COMMENT ON FUNCTION sentinel.settle_risk() IS
    'Trigger: after an input, settle since when a deal is at risk and when its score changes next. Reads only the old and the new row.';

-- grant: everyone
CREATE FUNCTION sentinel.risk_role_number(risk_role text) RETURNS smallint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (CASE risk_role WHEN 'discover' THEN 1 WHEN 'negotiation' THEN 2 ELSE 0 END)::smallint
$$;
COMMENT ON FUNCTION sentinel.risk_role_number(text) IS 'Give the number of a stage''s risk role: 0 other, 1 discover, 2 negotiation.';

-- grant: everyone
CREATE FUNCTION sentinel.risk_flags(competitive boolean, stage_stall boolean, champion_dormancy boolean) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (coalesce(competitive, true)::integer + 2 * coalesce(stage_stall, false)::integer
            + 4 * coalesce(champion_dormancy, false)::integer)::smallint
$$;
COMMENT ON FUNCTION sentinel.risk_flags(boolean, boolean, boolean) IS
    'Give risk settings as bits: 1 competitive, 2 stage stall, 4 champion dormancy; nulls stand for the defaults.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_risk_settings(member_id uuid DEFAULT NULL, inactivity_days integer DEFAULT NULL,
                                           competitive boolean DEFAULT NULL, stage_stall boolean DEFAULT NULL,
                                           champion_dormancy boolean DEFAULT NULL, as_of timestamptz DEFAULT now())
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    scope uuid := set_risk_settings.member_id;
    before record;
    at timestamptz := set_risk_settings.as_of;
BEGIN
    IF scope IS NULL OR scope IS DISTINCT FROM sentinel.current_member() THEN
        PERFORM sentinel.require_manager();
    END IF;
    IF set_risk_settings.inactivity_days NOT BETWEEN 1 AND 30 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid inactivity threshold %s', set_risk_settings.inactivity_days),
            DETAIL = 'Inactivity threshold must be between 1 and 30 days', HINT = 'Use 7.';
    END IF;
    IF at IS NULL OR at > clock_timestamp() + interval '5 minutes' OR NOT isfinite(at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s lies in the future', coalesce(at::text, 'null')),
            DETAIL = 'Settings hold from when they are recorded.', HINT = 'Leave it out to mean now.';
    END IF;
    IF scope IS NOT NULL AND NOT EXISTS (SELECT FROM sentinel.members m WHERE m.org_id = org AND m.id = scope) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in this organisation', scope),
            DETAIL = 'Settings are those of a member, or of the organisation.',
            HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    -- Versions of a scope follow each other.
    PERFORM FROM sentinel.orgs o WHERE o.org_id = org FOR NO KEY UPDATE;
    SELECT * INTO before FROM sentinel.risk_settings r
    WHERE r.org_id = org AND r.member_id IS NOT DISTINCT FROM scope
    ORDER BY r.recorded_at DESC, r.id DESC LIMIT 1;
    IF NOT FOUND AND scope IS NOT NULL THEN
        SELECT * INTO before FROM sentinel.risk_settings r
        WHERE r.org_id = org AND r.member_id IS NULL ORDER BY r.recorded_at DESC, r.id DESC LIMIT 1;
    ELSIF before.recorded_at > at THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s lies before the settings'' last change', at),
            DETAIL = 'Versions of settings are recorded in their order.', HINT = 'Leave it out to mean now.';
    END IF;
    INSERT INTO sentinel.risk_settings (org_id, member_id, inactivity_days, competitive, stage_stall, champion_dormancy,
                                        recorded_at)
    VALUES (org, scope, coalesce(set_risk_settings.inactivity_days, before.inactivity_days, 7),
            coalesce(set_risk_settings.competitive, before.competitive, true),
            coalesce(set_risk_settings.stage_stall, before.stage_stall, false),
            coalesce(set_risk_settings.champion_dormancy, before.champion_dormancy, false), at);
    PERFORM sentinel.refresh_signals(org, at, ARRAY(
        SELECT s.deal_id FROM sentinel.deal_signals s
        WHERE s.org_id = org AND NOT s.closed
          AND CASE WHEN scope IS NOT NULL THEN s.owner_id = scope
                   ELSE NOT EXISTS (SELECT FROM sentinel.risk_settings r
                                    WHERE r.org_id = org AND r.member_id = s.owner_id) END));
    PERFORM sentinel.audit('risk_settings.changed', 'member', scope, jsonb_strip_nulls(jsonb_build_object(
        'inactivity_days', set_risk_settings.inactivity_days, 'competitive', set_risk_settings.competitive,
        'stage_stall', set_risk_settings.stage_stall, 'champion_dormancy', set_risk_settings.champion_dormancy)));
END
$$;
ALTER FUNCTION sentinel.set_risk_settings(uuid, integer, boolean, boolean, boolean, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.set_risk_settings(uuid, integer, boolean, boolean, boolean, timestamptz) IS
    'Change the risk settings of a member, or with null those of the organisation, which hold for members without their own. Nulls keep what was. Members change their own, owners and admins all. Errors: SN002, SN003, SN004, SN007 threshold or as_of.';

-- grant: sentinel_reader, sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.risk_weights(as_of timestamptz DEFAULT now())
    RETURNS TABLE (weight_name text, weight double precision, standard double precision, lowest double precision,
                   highest double precision, since timestamptz, description text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT t.weight_name, coalesce(w.weights[t.position], t.standard), t.standard, t.lowest, t.highest, w.recorded_at, t.description
    FROM sentinel.risk_weight_terms t
    LEFT JOIN (
        SELECT r.weights, r.recorded_at FROM sentinel.risk_weights r
        WHERE r.org_id = org AND r.recorded_at <= risk_weights.as_of ORDER BY r.recorded_at DESC, r.id DESC LIMIT 1) w ON true
    ORDER BY t.position;
END
$$;
COMMENT ON FUNCTION sentinel.risk_weights(timestamptz) IS
    'List the weights of the risk model that hold for the organisation entered at a time, with the standard ones; since is when they were set, null for never. Errors: SN002.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_risk_weights(weights jsonb, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := set_risk_weights.as_of;
    before record;
    bad record;
BEGIN
    PERFORM sentinel.require_manager();
    IF jsonb_typeof(set_risk_weights.weights) IS DISTINCT FROM 'object' OR set_risk_weights.weights = '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid weights %s', coalesce(left(set_risk_weights.weights::text, 80), 'null')),
            DETAIL = 'Weights are an object of names and numbers; null brings the standard one back.', HINT = 'Use ''{"inactivity": 0.5}''.';
    END IF;
    SELECT e.key, e.value, t.lowest, t.highest INTO bad
    FROM jsonb_each(set_risk_weights.weights) e LEFT JOIN sentinel.risk_weight_terms t ON t.weight_name = e.key
    WHERE NOT coalesce(CASE jsonb_typeof(e.value) WHEN 'null' THEN t.weight_name IS NOT NULL
                       WHEN 'number' THEN (e.value #>> '{}')::numeric BETWEEN t.lowest::numeric AND t.highest::numeric END, false)
    ORDER BY e.key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN bad.lowest IS NULL THEN 'SN004' ELSE '22023' END,
            MESSAGE = CASE WHEN bad.lowest IS NULL THEN format('unknown weight "%s"', left(bad.key, 80))
                           ELSE format('%s is %s', bad.key, left(bad.value::text, 40)) END,
            DETAIL = CASE WHEN bad.lowest IS NULL THEN 'Weights are rows of sentinel.risk_weight_terms.'
                          ELSE format('It is a number from %s to %s, or null for the standard one.', bad.lowest, bad.highest) END,
            HINT = 'SELECT weight_name, weight, lowest, highest, description FROM sentinel.risk_weights();';
    END IF;
    IF at IS NULL OR at > clock_timestamp() + interval '5 minutes' OR NOT isfinite(at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s lies in the future', coalesce(at::text, 'null')),
            DETAIL = 'Weights hold from when they are recorded.', HINT = 'Leave it out to mean now.';
    END IF;
    PERFORM FROM sentinel.orgs o WHERE o.org_id = org FOR NO KEY UPDATE;
    SELECT r.weights, r.recorded_at INTO before FROM sentinel.risk_weights r
    WHERE r.org_id = org ORDER BY r.recorded_at DESC, r.id DESC LIMIT 1;
    IF before.recorded_at > at THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s lies before the weights'' last change', at),
            DETAIL = 'Versions of weights are recorded in their order.', HINT = 'Leave it out to mean now.';
    END IF;
    INSERT INTO sentinel.risk_weights (org_id, weights, recorded_at)
    SELECT org, array_agg(CASE WHEN set_risk_weights.weights ? t.weight_name
                               THEN coalesce((set_risk_weights.weights ->> t.weight_name)::double precision, t.standard)
                               ELSE coalesce(before.weights[t.position], t.standard) END ORDER BY t.position), at
    FROM sentinel.risk_weight_terms t;
    PERFORM sentinel.refresh_signals(org, at, ARRAY(
        SELECT s.deal_id FROM sentinel.deal_signals s WHERE s.org_id = org AND NOT s.closed));
    PERFORM sentinel.audit('risk_weights.changed', 'org', org, set_risk_weights.weights);
END
$$;
ALTER FUNCTION sentinel.set_risk_weights(jsonb, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.set_risk_weights(jsonb, timestamptz) IS
    'Change weights of the risk model for the organisation entered: an object of names and numbers, null for the standard one; what is not named stays. A new version, so that scores of the past stay what they were. Owners and admins only. Errors: SN002, SN003, SN004 weight, SN007, 22023 range.';
