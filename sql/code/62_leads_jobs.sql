-- Room leads, jobs: what the engine does with a lead between its arrival and a deal. What it judges by is rows, and in
-- 62_leads_qualify.sql.
-- Days are counted as 24 hours: a day of the session's zone may have 23.

CREATE FUNCTION sentinel.job_facts(payload jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT coalesce(job_facts.payload ? 'event_id', false) THEN coalesce(job_facts.payload, '{}')
                WHEN jsonb_typeof(job_facts.payload -> 'payload') = 'object' THEN job_facts.payload -> 'payload'
                ELSE '{}' END
$$;
COMMENT ON FUNCTION sentinel.job_facts(jsonb) IS
    'Give the facts in a job''s payload: those of the event that caused it, or the payload itself of a job enqueued directly.';

CREATE FUNCTION sentinel.job_subject(payload jsonb, kind text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((sentinel.job_facts(job_subject.payload) ->> (job_subject.kind || '_id'))::uuid,
                    CASE WHEN job_subject.payload ->> 'subject_type' = job_subject.kind
                         THEN (job_subject.payload ->> 'subject_id')::uuid END)
$$;
COMMENT ON FUNCTION sentinel.job_subject(jsonb, text) IS
    'Give the id of the lead, deal, call … that a job is about: the fact lead_id, deal_id …, else the subject of its event. Errors: 22P02 no uuid.';

CREATE FUNCTION sentinel.job_lead(payload jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.resolve_lead(sentinel.job_subject(job_lead.payload, 'lead'));
END
$$;
COMMENT ON FUNCTION sentinel.job_lead(jsonb) IS
    'Give the lead that a job is about; of one that was merged since, the lead that stayed. Errors: SN002, 22P02 no uuid.';

CREATE FUNCTION sentinel.job_cause(job_id uuid, payload jsonb) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((job_cause.payload ->> 'event_id')::uuid, job_cause.job_id)
$$;
COMMENT ON FUNCTION sentinel.job_cause(uuid, jsonb) IS
    'Give what asked for a job: its event, else the job. The same in every attempt, so a key made of it holds against retries.';

CREATE FUNCTION sentinel.job_time(payload jsonb) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    facts jsonb := sentinel.job_facts(job_time.payload);
    at timestamptz := coalesce(facts ->> 'as_of',
        CASE WHEN job_time.payload ->> 'subject_type' IN ('schedule', 'scheduled_task') THEN facts ->> 'due_at' END,
        job_time.payload ->> 'recorded_at')::timestamptz;
BEGIN
    IF NOT isfinite(at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time %s', at),
            DETAIL = 'A job works as of one instant.', HINT = 'Leave as_of out to mean now.';
    END IF;
    RETURN coalesce(at, now());
END
$$;
COMMENT ON FUNCTION sentinel.job_time(jsonb) IS
    'Give the time as of which a job works: the fact as_of, else when its schedule was due, else when its event was recorded; of a job enqueued directly, now. The same in every attempt of an event''s job. Errors: SN007, 22007.';

CREATE FUNCTION sentinel.emit_in_parts(org uuid, events jsonb[]) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A jsonb value holds 256 MB.
    RETURN (SELECT coalesce(sum(sentinel.emit_many_for(emit_in_parts.org, p.part)), 0)
            FROM (SELECT jsonb_agg(e.event ORDER BY e.n) AS part
                  FROM unnest(emit_in_parts.events) WITH ORDINALITY AS e(event, n) GROUP BY (e.n - 1) / 10000) p);
END
$$;
COMMENT ON FUNCTION sentinel.emit_in_parts(uuid, jsonb[]) IS
    'Emit any number of events, 10,000 to a statement; gives the number added. Null emits nothing.';

CREATE FUNCTION sentinel.priority_rank(priority text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_position(ARRAY['critical', 'high', 'normal', 'low'], priority), 5)
$$;
COMMENT ON FUNCTION sentinel.priority_rank(text) IS 'Give the rank of a priority: 1 critical to 4 low, 5 for none.';

CREATE FUNCTION sentinel.handle_route_outreach(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_route_outreach.payload);
    who record;
    told text;
    todo text;
BEGIN
    SELECT * INTO who FROM sentinel.leads l
    WHERE l.org_id = org AND l.id = sentinel.job_lead(handle_route_outreach.payload) FOR UPDATE;
    IF NOT FOUND OR who.lifecycle_stage IN ('won', 'lost') OR coalesce(who.recommended_path, 'ignore') = 'ignore' THEN
        RETURN jsonb_build_object('skipped', 'no open lead with a path');
    END IF;
    -- Once per path and life of the lead: a second qualification does not send the first letter again.
    told := format('lead.routed:%s:%s:%s', who.id, who.recommended_path, (
        SELECT count(*) FROM sentinel.state_history h
        WHERE h.org_id = org AND h.machine = 'lead' AND h.subject_id = who.id AND h.state IN ('won', 'lost')));
    IF EXISTS (SELECT FROM sentinel.events e WHERE e.org_id = org AND e.idempotency_key = told) THEN
        RETURN jsonb_build_object('skipped', 'routed before', 'path', who.recommended_path);
    END IF;
    todo := CASE who.recommended_path WHEN 'direct_call' THEN 'schedule_call' WHEN 'outreach' THEN 'contact' ELSE 'follow_up' END;
    UPDATE sentinel.leads l SET next_action = todo, next_action_due = at + interval '24 hours'
    WHERE l.org_id = org AND l.id = who.id;
    PERFORM sentinel.emit_for(org, 'lead.routed', 'lead', who.id, jsonb_build_object(
        'lead_id', who.id, 'path', who.recommended_path,
        'action', CASE who.recommended_path WHEN 'direct_call' THEN 'send_booking_link' WHEN 'outreach' THEN 'queue_cold_outreach'
                                            ELSE 'add_to_nurture_sequence' END,
        'name', who.name, 'email', who.email, 'phone', who.phone, 'company_name', who.company_name, 'platform', who.platform,
        'profile_link', who.profile_link, 'qualification_score', who.qualification_score, 'temperature', who.temperature,
        'estimated_monthly_revenue_leak', who.estimated_monthly_revenue_leak, 'currency', who.currency,
        'interest_profile', who.interest_profile, 'owner_id', who.owner_id, 'as_of', at), told);
    RETURN jsonb_build_object('path', who.recommended_path, 'next_action', todo);
END
$$;
COMMENT ON FUNCTION sentinel.handle_route_outreach(uuid, jsonb) IS
    'Job, caused by lead.qualified: set the next action that the path of an open lead asks for, due in a day, and emit lead.routed for the systems that write, call or nurture; they get it as a delivery with retries. Once per path until the lead is won or lost. Payload: lead_id.';

CREATE FUNCTION sentinel.handle_escalate_lead(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_escalate_lead.payload);
    facts jsonb := sentinel.job_facts(handle_escalate_lead.payload);
    moved uuid;
BEGIN
    UPDATE sentinel.leads l
    SET recommended_path = 'direct_call', next_action = 'schedule_call',
        priority = CASE WHEN sentinel.priority_rank(l.priority) > 2 THEN 'high' ELSE l.priority END,
        next_action_due = CASE WHEN l.next_action = 'schedule_call' AND l.next_action_due < at + interval '24 hours'
                               THEN l.next_action_due ELSE at + interval '24 hours' END
    WHERE l.org_id = org AND l.id = sentinel.job_lead(handle_escalate_lead.payload)
      AND l.lifecycle_stage NOT IN ('won', 'lost')
    RETURNING l.id INTO moved;
    IF moved IS NULL THEN
        RETURN jsonb_build_object('skipped', 'no open lead');
    END IF;
    PERFORM sentinel.emit_for(org, 'lead.escalated', 'lead', moved, jsonb_build_object(
        'lead_id', moved, 'score', facts -> 'score', 'call_id', facts -> 'call_id', 'as_of', at),
        format('lead.escalated:%s:%s', moved, sentinel.job_cause(handle_escalate_lead.job_id, handle_escalate_lead.payload)));
    RETURN jsonb_build_object('escalated', moved);
END
$$;
COMMENT ON FUNCTION sentinel.handle_escalate_lead(uuid, jsonb) IS
    'Job, caused by buying_signal.high: an open lead is to be called within a day, with at least high priority; emits lead.escalated. Payload: lead_id, score, call_id.';

CREATE FUNCTION sentinel.lead_touch(org uuid, lead uuid, known timestamptz, kinds text[]) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN greatest(lead_touch.known,
        (SELECT max(a.occurred_at) FROM sentinel.activities a
         WHERE a.org_id = lead_touch.org AND a.lead_id = lead_touch.lead AND a.activity_type = ANY (lead_touch.kinds)),
        (SELECT max(a.occurred_at) FROM sentinel.deals d
         JOIN sentinel.activities a ON a.org_id = d.org_id AND a.deal_id = d.id AND a.activity_type = ANY (lead_touch.kinds)
         WHERE d.org_id = lead_touch.org AND d.lead_id = lead_touch.lead));
END
$$;
COMMENT ON FUNCTION sentinel.lead_touch(uuid, uuid, timestamptz, text[]) IS
    'Give when a lead was last in touch: the latest of what is known and of the activities of these kinds of the lead and its deals.';

CREATE FUNCTION sentinel.handle_check_lead_stale(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_check_lead_stale.payload);
    wait interval := sentinel.revenue_setting('stale_lead_days')::double precision * interval '24 hours';
    told bigint;
BEGIN
    -- Told again after a further wait, not each day: a daily word would push the follow-up away for ever.
    SELECT sentinel.emit_in_parts(org, array_agg(jsonb_build_object(
               'event_type', 'lead.stale', 'subject_type', 'lead', 'subject_id', s.id, 'idempotency_key', s.key,
               'payload', jsonb_build_object('lead_id', s.id, 'last_activity_at', s.last_activity_at,
                   'days_silent', s.days, 'owner_id', s.owner_id, 'as_of', at)))) INTO told
    FROM (SELECT l.id, l.owner_id, t.last_activity_at, floor(extract(epoch FROM at - t.last_activity_at) / 86400)::integer AS days,
                 format('lead.stale:%s:%s:%s', l.id, extract(epoch FROM t.last_activity_at)::bigint,
                        to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')) AS key
          FROM sentinel.leads l
          CROSS JOIN LATERAL (SELECT sentinel.lead_touch(org, l.id, greatest(l.last_activity_at, l.last_contacted_at),
              '{email_sent,email_received,meeting_held,call_held}') AS last_activity_at OFFSET 0) t
          WHERE l.org_id = org AND l.lifecycle_stage NOT IN ('won', 'lost') AND l.last_activity_at < at - wait
            AND coalesce(l.last_contacted_at, '-infinity') < at - wait AND t.last_activity_at < at - wait) s
    WHERE NOT EXISTS (SELECT FROM sentinel.events e
                      WHERE e.org_id = org AND e.subject_id = s.id AND e.event_type = 'lead.stale'
                        AND (e.payload ->> 'last_activity_at')::timestamptz = s.last_activity_at
                        AND round(extract(epoch FROM at - (e.payload ->> 'as_of')::timestamptz) / 86400)
                            < round(extract(epoch FROM wait) / 86400));
    RETURN jsonb_build_object('stale', coalesce(told, 0));
END
$$;
COMMENT ON FUNCTION sentinel.handle_check_lead_stale(uuid, jsonb) IS
    'Job, daily: emit lead.stale for each open lead that nobody was in touch with for stale_lead_days, and again after each further such time. Work of the engine is no touch. Payload: as_of.';

CREATE FUNCTION sentinel.handle_handle_stale_lead(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_handle_stale_lead.payload);
    silent_since timestamptz := (sentinel.job_facts(handle_handle_stale_lead.payload) ->> 'last_activity_at')::timestamptz;
    due timestamptz := at + sentinel.revenue_setting('stale_follow_up_days')::double precision * interval '24 hours';
BEGIN
    UPDATE sentinel.leads l
    SET priority = CASE WHEN sentinel.priority_rank(l.priority) > 2 THEN 'high' ELSE l.priority END,
        next_action = CASE WHEN p.planned THEN l.next_action ELSE 'follow_up' END,
        next_action_due = CASE WHEN p.planned THEN l.next_action_due ELSE due END
    FROM (SELECT x.id, x.priority, coalesce(x.next_action <> 'no_action' AND x.next_action_due BETWEEN at AND due, false) AS planned
          FROM sentinel.leads x
          WHERE x.org_id = org AND x.id = sentinel.job_lead(handle_handle_stale_lead.payload) FOR UPDATE) p
    WHERE l.org_id = org AND l.id = p.id AND l.lifecycle_stage NOT IN ('won', 'lost')
      AND (silent_since IS NULL
           OR sentinel.lead_touch(org, l.id, greatest(l.last_activity_at, l.last_contacted_at),
                                  '{email_sent,email_received,meeting_held,call_held}') <= silent_since)
      -- A plan that somebody has for the next days stands.
      AND (NOT p.planned OR sentinel.priority_rank(p.priority) > 2);
    RETURN jsonb_build_object('follow_up', FOUND);
END
$$;
COMMENT ON FUNCTION sentinel.handle_handle_stale_lead(uuid, jsonb) IS
    'Job, caused by lead.stale: a lead that is still silent is to be followed up within stale_follow_up_days, with at least high priority. Payload: lead_id, last_activity_at.';

CREATE FUNCTION sentinel.handle_auto_priority_check(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_auto_priority_check.payload);
    raised bigint;
BEGIN
    -- Raised only: what a person judged critical stays so.
    UPDATE sentinel.leads l SET priority = n.priority
    FROM (SELECT x.id, CASE WHEN at >= x.next_action_due + r.critical_after THEN 'critical'
                            WHEN at >= x.next_action_due + r.high_after THEN 'high' END AS priority
          FROM sentinel.leads x
          CROSS JOIN LATERAL (SELECT p.high_after, p.critical_after FROM sentinel.lead_priority_rules p
                              WHERE p.platform IN (sentinel.platform_key(x.platform), 'other')
                              ORDER BY p.platform = 'other' LIMIT 1) r
          WHERE x.org_id = org AND x.next_action_due < at AND x.next_action <> 'no_action'
            AND x.lifecycle_stage NOT IN ('won', 'lost')) n
    WHERE l.org_id = org AND l.id = n.id AND n.priority IS NOT NULL
      AND sentinel.priority_rank(n.priority) < sentinel.priority_rank(l.priority);
    GET DIAGNOSTICS raised = ROW_COUNT;
    RETURN jsonb_build_object('raised', raised);
END
$$;
COMMENT ON FUNCTION sentinel.handle_auto_priority_check(uuid, jsonb) IS
    'Job, every six hours: raise the priority of open leads whose next action is overdue, by the rules of their platform; lowers none. Payload: as_of.';

CREATE FUNCTION sentinel.handle_recalc_ghost_risk(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_recalc_ghost_risk.payload);
    today date := (at AT TIME ZONE 'UTC')::date;
    wait double precision := sentinel.revenue_setting('ghost_silence_days');
    keen numeric := sentinel.revenue_setting('ghost_signal_floor');
    rise double precision := sentinel.revenue_setting('ghost_rise');
    fall double precision := sentinel.revenue_setting('ghost_fall');
    changed bigint;
    ghosts jsonb[];
BEGIN
    -- Steps of the days since the last change, so that a second run of a day adds nothing and a missed one loses nothing.
    WITH known AS (
        SELECT l.id, l.ghost_risk_score AS old, l.buying_signal_score > keen AS hot, t.last_activity_at,
               extract(epoch FROM at - t.last_activity_at)::double precision / 86400 AS silent,
               coalesce(today - (l.ghost_recalculated_at AT TIME ZONE 'UTC')::date, 36500) AS days
        FROM sentinel.leads l
        -- What we write to a lead breaks no silence of its.
        CROSS JOIN LATERAL (SELECT sentinel.lead_touch(org, l.id, l.last_activity_at,
            '{email_received,meeting_held,call_held}') AS last_activity_at OFFSET 0) t
        WHERE l.org_id = org AND l.lifecycle_stage NOT IN ('won', 'lost')
          AND (l.buying_signal_score > keen OR l.ghost_risk_score > 0)
    ), due AS (
        SELECT k.id, k.old, k.last_activity_at, CASE WHEN k.silent > wait AND k.hot THEN least(100, k.old + rise * least(k.days, ceil(k.silent - wait)))
                                 WHEN k.silent <= wait THEN greatest(0, k.old - fall * least(k.days, greatest(floor(k.silent), 0) + 1))
                                 ELSE k.old END AS score
        FROM known k WHERE k.days > 0
    ), moved AS (
        UPDATE sentinel.leads l SET ghost_risk_score = d.score, ghost_recalculated_at = at
        FROM due d WHERE l.org_id = org AND l.id = d.id AND d.score <> d.old
        RETURNING l.id, d.old, l.ghost_risk_score, d.last_activity_at, l.owner_id
    )
    SELECT count(*), array_agg(jsonb_build_object(
               'event_type', 'lead.ghosting', 'subject_type', 'lead', 'subject_id', m.id,
               'idempotency_key', format('lead.ghosting:%s:%s', m.id, extract(epoch FROM m.last_activity_at)::bigint),
               'payload', jsonb_build_object('lead_id', m.id, 'ghost_risk_score', m.ghost_risk_score,
                   'last_activity_at', m.last_activity_at, 'owner_id', m.owner_id, 'as_of', at)))
               FILTER (WHERE m.ghost_risk_score >= 60 AND m.old < 60)
    INTO changed, ghosts FROM moved m;
    RETURN jsonb_build_object('changed', changed, 'ghosting', coalesce(sentinel.emit_in_parts(org, ghosts), 0));
END
$$;
COMMENT ON FUNCTION sentinel.handle_recalc_ghost_risk(uuid, jsonb) IS
    'Job, daily: the ghost risk of open leads with buying signals above ghost_signal_floor rises by ghost_rise a day from ghost_silence_days of silence on, and falls by ghost_fall a day after they were in touch. Emits lead.ghosting when it passes 60, once per silence. Payload: as_of.';
