-- Room risk: answers about one deal at any time, from its signals or, for the past, from what had been recorded by then.

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.risk_inputs(org uuid, deal_id uuid, until timestamptz)
    RETURNS TABLE (risk_role smallint, closed boolean, value double precision, created_at timestamptz,
                   stage_entered_at timestamptz, last_sent_at timestamptz, last_received_at timestamptz,
                   last_meeting_at timestamptz, last_event_at timestamptz, competitive_indicators integer,
                   stage_norm_days double precision, inactivity_days smallint, flags smallint, at timestamptz,
                   weights double precision[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH versions AS MATERIALIZED (
        SELECT h.* FROM sentinel.deal_history h
        WHERE h.org_id = risk_inputs.org AND h.deal_id = risk_inputs.deal_id AND h.recorded_at <= risk_inputs.until),
    happened AS MATERIALIZED (
        SELECT a.recorded_at,
               max(a.occurred_at) FILTER (WHERE a.activity_type = 'email_sent') AS sent,
               max(a.occurred_at) FILTER (WHERE a.activity_type = 'email_received') AS received,
               max(a.occurred_at) FILTER (WHERE a.activity_type IN ('meeting_held', 'call_held')) AS met,
               max(a.occurred_at) AS newest, sum(a.competitive_indicators) AS indicators
        FROM sentinel.activities a
        WHERE a.org_id = risk_inputs.org AND a.deal_id = risk_inputs.deal_id AND a.recorded_at <= risk_inputs.until
        GROUP BY a.recorded_at),
    instants AS (
        SELECT v.recorded_at FROM versions v
        UNION SELECT h.recorded_at FROM happened h
        UNION SELECT r.recorded_at FROM sentinel.risk_settings r
              WHERE r.org_id = risk_inputs.org AND r.recorded_at <= risk_inputs.until
                AND (r.member_id IS NULL OR r.member_id IN (SELECT v.owner_id FROM versions v))
        UNION SELECT w.recorded_at FROM sentinel.risk_weights w
              WHERE w.org_id = risk_inputs.org AND w.recorded_at <= risk_inputs.until
        UNION SELECT n.recorded_at FROM sentinel.stage_norms n
              WHERE n.org_id = risk_inputs.org AND n.recorded_at <= risk_inputs.until
                AND EXISTS (SELECT FROM sentinel.risk_settings r WHERE r.org_id = risk_inputs.org AND r.stage_stall)
                AND (n.owner_id, n.stage) IN (
                    SELECT coalesce(v.owner_id, '00000000-0000-0000-0000-000000000000'), v.stage FROM versions v)),
    so_far AS (
        SELECT i.recorded_at, max(h.sent) OVER w AS sent, max(h.received) OVER w AS received, max(h.met) OVER w AS met,
               max(h.newest) OVER w AS newest, sum(h.indicators) OVER w AS indicators
        FROM instants i LEFT JOIN happened h USING (recorded_at) WINDOW w AS (ORDER BY i.recorded_at))
    SELECT sentinel.risk_role_number(v.risk_role), v.stage_kind <> 'open', v.value::double precision, v.created_at,
           v.stage_entered_at, x.sent, x.received, x.met, x.newest, coalesce(x.indicators, 0)::integer,
           CASE WHEN r.stage_stall THEN n.mean_days END, coalesce(r.inactivity_days, 7::smallint),
           sentinel.risk_flags(r.competitive, r.stage_stall, r.champion_dormancy), x.recorded_at, w.weights
    FROM so_far x
    CROSS JOIN LATERAL (
        SELECT * FROM versions v WHERE v.recorded_at <= x.recorded_at ORDER BY v.seq DESC LIMIT 1) v
    LEFT JOIN LATERAL (
        SELECT * FROM sentinel.risk_settings r
        WHERE r.org_id = risk_inputs.org AND (r.member_id = v.owner_id OR r.member_id IS NULL)
          AND r.recorded_at <= x.recorded_at
        ORDER BY r.member_id IS NULL, r.recorded_at DESC, r.id DESC LIMIT 1) r ON true
    LEFT JOIN LATERAL (
        SELECT n.mean_days FROM sentinel.stage_norms n
        WHERE r.stage_stall AND n.org_id = risk_inputs.org AND n.stage = v.stage
          AND n.owner_id = coalesce(v.owner_id, '00000000-0000-0000-0000-000000000000')
          AND n.recorded_at <= x.recorded_at
        ORDER BY n.recorded_at DESC, n.id DESC LIMIT 1) n ON true
    LEFT JOIN LATERAL (
        SELECT w.weights FROM sentinel.risk_weights w
        WHERE w.org_id = risk_inputs.org AND w.recorded_at <= x.recorded_at
        ORDER BY w.recorded_at DESC, w.id DESC LIMIT 1) w ON true
    ORDER BY x.recorded_at;
END
$$;
COMMENT ON FUNCTION sentinel.risk_inputs(uuid, uuid, timestamptz) IS
    'Give the signals of a deal as they were from each recorded input on, up to a time: one row per instant, in order.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.risk_clock(org uuid, deal_id uuid, until timestamptz) RETURNS timestamptz[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT sentinel.risk_walk(i.risk_role, i.closed, i.value, i.created_at, i.stage_entered_at, i.last_sent_at,
                                      i.last_received_at, i.last_meeting_at, i.last_event_at, i.competitive_indicators,
                                      i.stage_norm_days, i.inactivity_days, i.flags, i.at, i.weights ORDER BY i.at)
            FROM sentinel.risk_inputs(risk_clock.org, risk_clock.deal_id, risk_clock.until) i);
END
$$;
COMMENT ON FUNCTION sentinel.risk_clock(uuid, uuid, timestamptz) IS
    'Walk the recorded history of a deal up to a time: since_before and at_risk_since at the last input, then start and end of each at-risk period that had ended.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.risk_state(deal_id uuid, as_of timestamptz)
    RETURNS TABLE (risk_role smallint, closed boolean, value double precision, created_at timestamptz,
                   stage_entered_at timestamptz, last_sent_at timestamptz, last_received_at timestamptz,
                   last_meeting_at timestamptz, last_event_at timestamptz, competitive_indicators integer,
                   stage_norm_days double precision, inactivity_days smallint, flags smallint, at_risk_since timestamptz,
                   input_at timestamptz, weights double precision[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    live record;
BEGIN
    IF risk_state.as_of IS NULL OR NOT isfinite(risk_state.as_of) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time %s', coalesce(risk_state.as_of::text, 'null')),
            DETAIL = 'Risk is that of an instant.', HINT = 'Use now().';
    END IF;
    SELECT s.input_at, s.replay INTO live FROM sentinel.deal_signals s
    WHERE s.org_id = org AND s.deal_id = risk_state.deal_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no deal "%s" in this organisation', risk_state.deal_id),
            DETAIL = 'A deal is found by its id, by those who may see it.', HINT = 'SELECT id, name FROM sentinel.deals;';
    END IF;
    IF NOT live.replay AND risk_state.as_of >= live.input_at THEN
        RETURN QUERY
        SELECT s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
               s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days,
               s.flags, s.at_risk_since, s.input_at, s.weights
        FROM sentinel.deal_signals s WHERE s.org_id = org AND s.deal_id = risk_state.deal_id;
        RETURN;
    END IF;
    RETURN QUERY
    WITH inputs AS MATERIALIZED (
        SELECT * FROM sentinel.risk_inputs(org, risk_state.deal_id, risk_state.as_of)),
    walk AS (
        SELECT sentinel.risk_walk(i.risk_role, i.closed, i.value, i.created_at, i.stage_entered_at, i.last_sent_at,
                                  i.last_received_at, i.last_meeting_at, i.last_event_at, i.competitive_indicators,
                                  i.stage_norm_days, i.inactivity_days, i.flags, i.at, i.weights ORDER BY i.at) AS clock
        FROM inputs i)
    SELECT i.risk_role, i.closed, i.value, i.created_at, i.stage_entered_at, i.last_sent_at, i.last_received_at,
           i.last_meeting_at, i.last_event_at, i.competitive_indicators, i.stage_norm_days, i.inactivity_days, i.flags,
           w.clock[2], i.at, i.weights
    FROM inputs i CROSS JOIN walk w
    ORDER BY i.at DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('deal "%s" was not recorded yet at %s', risk_state.deal_id, risk_state.as_of),
            DETAIL = 'The past is told from what had been recorded by then.',
            HINT = format('Ask for %s or later.', (SELECT d.recorded_at FROM sentinel.deals d
                                                   WHERE d.org_id = org AND d.id = risk_state.deal_id));
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.risk_state(uuid, timestamptz) IS
    'Give the signals of a deal as known at a time, with the start of its time at risk at the newest input by then: the arguments of risk_score(). Errors: SN002, SN004, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.deal_risk(deal_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE (stage text, value numeric, score double precision, band text, status text, reasons text[],
                   primary_reason text, recommended_action text, action_urgency text, risk_started_at timestamptz,
                   risk_age_days integer, action_due_at timestamptz, action_overdue_days integer,
                   is_action_overdue boolean, last_activity_at timestamptz, next_change_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s record;
BEGIN
    -- On its own, not in a join, which could skip it and its errors.
    SELECT * INTO s FROM sentinel.risk_state(deal_risk.deal_id, deal_risk.as_of);
    RETURN QUERY
    SELECT h.stage, h.value, r.score, r.band, r.status, r.reasons, r.primary_reason, r.recommended_action,
           r.action_urgency, r.risk_started_at, r.risk_age_days, r.action_due_at, r.action_overdue_days,
           r.is_action_overdue, r.last_activity_at, r.next_change_at
    FROM sentinel.risk_snapshot(
        s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
        s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days, s.flags,
        s.at_risk_since, s.input_at, deal_risk.as_of, s.weights) r
    CROSS JOIN (
        SELECT v.stage, v.value FROM sentinel.deal_history v
        WHERE v.org_id = sentinel.current_org() AND v.deal_id = deal_risk.deal_id AND v.recorded_at <= deal_risk.as_of
        ORDER BY v.seq DESC LIMIT 1) h;
END
$$;
COMMENT ON FUNCTION sentinel.deal_risk(uuid, timestamptz) IS
    'Give the risk of a deal at a time: of the past as it could be known then, of the future if nothing happens until then. One row. Errors: SN002, SN004 unknown deal or not recorded yet, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.explain_risk(deal_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE ("position" integer, term text, contribution double precision, detail text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM sentinel.risk_state(explain_risk.deal_id, explain_risk.as_of);
    RETURN QUERY
    SELECT t."position", t.term, t.contribution, t.detail
    FROM sentinel.risk_terms(
        s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
        s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days, s.flags,
        s.at_risk_since, s.input_at, explain_risk.as_of, s.weights) t
    ORDER BY t."position";
END
$$;
COMMENT ON FUNCTION sentinel.explain_risk(uuid, timestamptz) IS
    'Explain the score of a deal at a time: one row per term, in the order in which they are added; the contributions sum to the score exactly. Clamping to 0..1 and the rise while an action is overdue are rows. Errors: those of deal_risk().';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.risk_since(org uuid, deal_id uuid, until timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (sentinel.risk_clock(risk_since.org, risk_since.deal_id, risk_since.until))[2];
END
$$;
COMMENT ON FUNCTION sentinel.risk_since(uuid, uuid, timestamptz) IS
    'Give the start of a deal''s time at risk from its recorded history. For the view deal_risks, while a late input waits for the sweep.';
