-- Room risk: the sweep that notices what the passing of time did. It reads the deals that are due, by one index per
-- organisation, and no others.

CREATE FUNCTION sentinel.reread_risk(org uuid, deal uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s record;
    clock timestamptz[];
    since timestamptz;
    noticed timestamptz;
    recovered timestamptz;
BEGIN
    SELECT * INTO s FROM sentinel.deal_signals x WHERE x.org_id = reread_risk.org AND x.deal_id = reread_risk.deal;
    clock := sentinel.risk_clock(reread_risk.org, reread_risk.deal, s.input_at);
    since := clock[2];
    noticed := s.noticed_since;
    IF noticed IS NOT NULL AND since IS DISTINCT FROM noticed THEN
        -- clock[3], clock[4] are start and end of the first ended period, and so on.
        SELECT min(clock[e]) INTO recovered
        FROM generate_series(4, coalesce(array_length(clock, 1), 0), 2) AS e
        WHERE clock[e] > noticed AND (since IS NULL OR clock[e] <= since);
        IF recovered IS NULL AND since IS NOT NULL THEN
            -- The same period, but it began at another time than it seemed: no new one, no second alert.
            UPDATE sentinel.risk_periods p SET started_at = since
            WHERE p.org_id = reread_risk.org AND p.deal_id = reread_risk.deal AND p.ended_at IS NULL;
            noticed := since;
        ELSIF recovered IS NULL THEN
            recovered := noticed;
        END IF;
    END IF;
    UPDATE sentinel.deal_signals x
    SET since_before = clock[1], at_risk_since = since, replay = false, noticed_since = noticed, recovered_at = recovered,
        next_change_at = CASE
            WHEN since IS DISTINCT FROM noticed THEN s.input_at
            ELSE sentinel.risk_next_change(
                s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
                s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days,
                s.flags, since, s.input_at, s.input_at, s.weights) END
    WHERE x.org_id = reread_risk.org AND x.deal_id = reread_risk.deal;
END
$$;
COMMENT ON FUNCTION sentinel.reread_risk(uuid, uuid) IS
    'Settle a deal anew from its recorded history, after an input that came late. The caller holds the lock of its signals.';

CREATE FUNCTION sentinel.note_risk(org uuid, deal uuid, noticed timestamptz, recovered timestamptz, as_of timestamptz,
                                   facts jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    started timestamptz := facts ->> 'risk_started_at';
    reached double precision := facts ->> 'risk_score';
    period record;
BEGIN
    IF noticed IS NOT NULL AND started IS DISTINCT FROM noticed THEN
        UPDATE sentinel.risk_periods p
        SET ended_at = greatest(coalesce(recovered, note_risk.as_of), p.started_at),
            end_reason = CASE WHEN facts ->> 'status' = 'closed' THEN 'closed' ELSE 'recovered' END
        WHERE p.org_id = note_risk.org AND p.deal_id = note_risk.deal AND p.ended_at IS NULL
        RETURNING p.id, p.started_at, p.ended_at, p.end_reason, p.peak_score INTO period;
        IF period.end_reason = 'recovered' THEN
            PERFORM sentinel.emit_for(note_risk.org, 'deal.recovered', 'deal', note_risk.deal,
                facts || jsonb_build_object('period_id', period.id, 'risk_started_at', period.started_at,
                                            'recovered_at', period.ended_at, 'peak_score', period.peak_score),
                'deal.recovered:' || period.id);
        END IF;
    END IF;
    IF started IS NULL THEN
        RETURN;
    END IF;
    IF started IS DISTINCT FROM noticed THEN
        INSERT INTO sentinel.risk_periods AS p (org_id, deal_id, started_at, noticed_at, peak_score)
        VALUES (note_risk.org, note_risk.deal, started, note_risk.as_of, reached)
        RETURNING p.id, p.overdue_at INTO period;
        PERFORM sentinel.emit_for(note_risk.org, 'deal.at_risk', 'deal', note_risk.deal,
                                  facts || jsonb_build_object('period_id', period.id), 'deal.at_risk:' || period.id);
    ELSE
        UPDATE sentinel.risk_periods p SET peak_score = greatest(p.peak_score, reached)
        WHERE p.org_id = note_risk.org AND p.deal_id = note_risk.deal AND p.ended_at IS NULL
        RETURNING p.id, p.overdue_at INTO period;
    END IF;
    IF (facts ->> 'is_action_overdue')::boolean AND period.overdue_at IS NULL THEN
        UPDATE sentinel.risk_periods p SET overdue_at = (facts ->> 'action_due_at')::timestamptz
        WHERE p.org_id = note_risk.org AND p.id = period.id;
        PERFORM sentinel.emit_for(note_risk.org, 'deal.action_overdue', 'deal', note_risk.deal,
            facts || jsonb_build_object('period_id', period.id), 'deal.action_overdue:' || period.id);
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.note_risk(uuid, uuid, timestamptz, timestamptz, timestamptz, jsonb) IS
    'Open or close the at-risk period of a deal and emit deal.at_risk, deal.recovered and deal.action_overdue, each once per period.';

CREATE FUNCTION sentinel.sweep_org_risk(org uuid, as_of timestamptz, batch integer) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
    SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    swept integer := 0;
    reread integer := 0;
    late uuid;
    due record;
BEGIN
    FOR late IN
        SELECT s.deal_id FROM sentinel.deal_signals s
        WHERE s.org_id = sweep_org_risk.org AND s.next_change_at = '-infinity'
        LIMIT sweep_org_risk.batch FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM sentinel.reread_risk(sweep_org_risk.org, late);
        reread := reread + 1;
    END LOOP;
    FOR due IN
        WITH due AS MATERIALIZED (
            SELECT s.* FROM sentinel.deal_signals s
            WHERE s.org_id = sweep_org_risk.org AND s.next_change_at <= sweep_org_risk.as_of AND NOT s.replay
            ORDER BY s.next_change_at LIMIT sweep_org_risk.batch FOR UPDATE SKIP LOCKED)
        SELECT s.deal_id, s.noticed_since, s.recovered_at, r.risk_started_at, r.next_change_at,
               (r.risk_started_at IS NOT NULL OR s.noticed_since IS NOT NULL) AND NOT d.is_demo AS tells,
               jsonb_build_object(
                   'deal_id', d.id, 'name', d.name, 'value', d.value, 'currency', d.currency, 'stage', d.stage,
                   'owner_id', d.owner_id, 'status', r.status, 'risk_score', r.score, 'risk_level', r.band,
                   'reasons', r.reasons, 'primary_reason', r.primary_reason,
                   'recommended_action', r.recommended_action, 'action_urgency', r.action_urgency,
                   'action_due_at', r.action_due_at, 'overdue_days', r.action_overdue_days,
                   'is_action_overdue', r.is_action_overdue, 'risk_started_at', r.risk_started_at,
                   'last_activity_at', r.last_activity_at, 'as_of', sweep_org_risk.as_of) AS facts
        FROM due s
        CROSS JOIN LATERAL (
            SELECT d.* FROM sentinel.deals d WHERE d.org_id = sweep_org_risk.org AND d.id = s.deal_id OFFSET 0) d
        CROSS JOIN LATERAL sentinel.risk_snapshot(
            s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
            s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days,
            s.flags, s.at_risk_since, s.input_at, sweep_org_risk.as_of, s.weights) r
    LOOP
        swept := swept + 1;
        UPDATE sentinel.deal_signals s
        SET next_change_at = due.next_change_at, noticed_since = due.risk_started_at, recovered_at = NULL
        WHERE s.org_id = sweep_org_risk.org AND s.deal_id = due.deal_id;
        IF due.tells THEN
            PERFORM sentinel.note_risk(sweep_org_risk.org, due.deal_id, due.noticed_since, due.recovered_at,
                                       sweep_org_risk.as_of, due.facts);
        END IF;
    END LOOP;
    RETURN greatest(swept, reread);
END
$$;
COMMENT ON FUNCTION sentinel.sweep_org_risk(uuid, timestamptz, integer) IS
    'Look at up to batch deals of an organisation that are due and set when each is due next; gives their number.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.sweep_risk(as_of timestamptz DEFAULT now(), batch integer DEFAULT 1000, at_most integer DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := coalesce(sweep_risk.as_of, now());
    size integer := greatest(1, least(coalesce(sweep_risk.batch, 1000), 100000));
    org uuid;
    swept integer;
    total integer := 0;
BEGIN
    PERFORM sentinel.require_installed();
    IF NOT isfinite(at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time %s', at),
            DETAIL = 'A sweep looks at one instant.', HINT = 'SELECT sentinel.sweep_risk();';
    END IF;
    FOR org IN SELECT o.org_id FROM sentinel.orgs o LOOP
        LOOP
            swept := sentinel.sweep_org_risk(org, at, size);
            total := total + swept;
            EXIT WHEN swept < size OR total >= sweep_risk.at_most;
        END LOOP;
        EXIT WHEN total >= sweep_risk.at_most;
    END LOOP;
    RETURN total;
END
$$;
ALTER FUNCTION sentinel.sweep_risk(timestamptz, integer, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.sweep_risk(timestamptz, integer, integer) IS
    'Notice what time has done to the deals of all organisations by as_of: open and close at-risk periods, emit deal.at_risk, deal.recovered and deal.action_overdue. Touches only deals that are due; gives their number. at_most ends the call once a batch has reached it, so that the caller may commit between: tick() does. Errors: SN001, SN007.';
