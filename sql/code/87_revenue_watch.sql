-- Room revenue, watch: deals that stall, invoices that fall due, what does not fit together, and the week in numbers.

CREATE FUNCTION sentinel.handle_check_deal_decay(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_check_deal_decay.payload);
    wait double precision := sentinel.revenue_setting('deal_decay_days');
    again double precision := sentinel.revenue_setting('deal_nudge_days');
    told bigint;
BEGIN
    SELECT sentinel.emit_in_parts(org, array_agg(jsonb_build_object(
               'event_type', 'deal.stalled', 'subject_type', 'deal', 'subject_id', s.id, 'idempotency_key', s.key,
               'payload', jsonb_build_object('deal_id', s.id, 'name', s.name, 'value', s.value, 'currency', s.currency,
                   'stage', s.stage, 'owner_id', s.owner_id, 'stage_changed_at', s.stage_changed_at,
                   'days_since_change', floor(s.days), 'as_of', at)))) INTO told
    FROM (SELECT d.id, d.name, d.value, d.currency, d.stage, d.owner_id, d.stage_changed_at, x.days,
                 format('deal.stalled:%s:%s:%s', d.id, extract(epoch FROM d.stage_changed_at)::bigint,
                        to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')) AS key
          FROM sentinel.deals d
          CROSS JOIN LATERAL (SELECT extract(epoch FROM at - d.stage_changed_at)::double precision / 86400 AS days) x
          WHERE d.org_id = org AND d.stage_kind = 'open' AND NOT d.is_demo AND d.stage_changed_at < at - wait * interval '24 hours') s
    -- From the last word on, in whole days: a clock change makes none of them shorter.
    WHERE NOT EXISTS (SELECT FROM sentinel.events e
                      WHERE e.org_id = org AND e.subject_id = s.id AND e.event_type = 'deal.stalled'
                        AND (e.payload ->> 'stage_changed_at')::timestamptz = s.stage_changed_at
                        AND round(extract(epoch FROM at - (e.payload ->> 'as_of')::timestamptz) / 86400) < again);
    RETURN jsonb_build_object('stalled', coalesce(told, 0));
END
$$;
COMMENT ON FUNCTION sentinel.handle_check_deal_decay(uuid, jsonb) IS
    'Job, daily: emit deal.stalled for each open deal that has been in its stage for deal_decay_days, with the true days, and again deal_nudge_days after each word of it. Payload: as_of.';

CREATE FUNCTION sentinel.handle_nudge_deal(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_nudge_deal.payload);
    since timestamptz := (sentinel.job_facts(handle_nudge_deal.payload) ->> 'stage_changed_at')::timestamptz;
    made uuid;
BEGIN
    INSERT INTO sentinel.tasks AS t (org_id, title, subject_type, subject_id, due_at, priority, member_id, source_key)
    SELECT org, format('Move on or close: %s (%s days in %s)', d.name, floor(extract(epoch FROM at - d.stage_changed_at) / 86400), d.stage),
           'deal', d.id, at + interval '24 hours', 'high', d.owner_id,
           format('deal.stalled:%s:%s', d.id, sentinel.job_cause(handle_nudge_deal.job_id, handle_nudge_deal.payload))
    FROM sentinel.deals d
    WHERE d.org_id = org AND d.id = sentinel.job_subject(handle_nudge_deal.payload, 'deal') AND d.stage_kind = 'open'
      AND d.stage_changed_at <= coalesce(since, d.stage_changed_at)
      -- One such task at a time: who has not done the last one needs no second.
      AND NOT EXISTS (SELECT FROM sentinel.tasks x WHERE x.org_id = org AND x.subject_type = 'deal' AND x.subject_id = d.id
                      AND x.completed_at IS NULL AND starts_with(x.source_key, 'deal.stalled:'))
    ON CONFLICT (org_id, source_key) WHERE source_key IS NOT NULL DO NOTHING
    RETURNING t.id INTO made;
    RETURN jsonb_build_object('task_id', made);
END
$$;
COMMENT ON FUNCTION sentinel.handle_nudge_deal(uuid, jsonb) IS
    'Job, caused by deal.stalled: give the owner of a deal that still stands where it stood a task, unless there is one that waits. Payload: deal_id, stage_changed_at.';

CREATE FUNCTION sentinel.handle_check_invoice_overdue(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := sentinel.job_time(handle_check_invoice_overdue.payload);
BEGIN
    RETURN jsonb_build_object('overdue', sentinel.mark_invoices_overdue(at));
END
$$;
COMMENT ON FUNCTION sentinel.handle_check_invoice_overdue(uuid, jsonb) IS
    'Job, daily: sent invoices whose time has passed become overdue. Payload: as_of.';

-- OFFSET 0: the event is looked up for each of the few deals that lack something, never joined with all events. What is
-- joined is hashed: a nested loop, in a plan made while the tables were empty, compares each deal with each invoice.
-- grant: sentinel_reader, sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.integrity_breaches_at(as_of timestamptz DEFAULT now())
    RETURNS TABLE (rule text, subject_type text, subject_id uuid, severity text, detail text, since timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off
    SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.current_org();
    -- Who sees a part of the rows would find breaches where the rest is hidden.
    overseer boolean := sentinel.current_member() IS NULL OR pg_catalog.current_setting('sentinel.member_role') IN ('owner', 'admin');
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY
    WITH kept AS MATERIALIZED (
        SELECT r.rule, r.subject_type, r.severity, integrity_breaches_at.as_of - CASE WHEN r.grace_setting IS NULL THEN r.grace
                   ELSE sentinel.revenue_setting(r.grace_setting)::double precision * r.grace END AS latest
        FROM sentinel.integrity_rules r WHERE org IS NOT NULL AND overseer
    ), lacking AS MATERIALIZED (
        SELECT 'won_deal_no_invoice' AS rule, d.id, d.closed_at, format('Deal "%s" was won and has no invoice.', d.name) AS detail
        FROM sentinel.deals d
        WHERE d.org_id = org AND d.stage_kind = 'won'
          AND NOT EXISTS (SELECT FROM sentinel.invoices i WHERE i.org_id = org AND i.deal_id = d.id)
        UNION ALL
        SELECT 'won_deal_no_contract', d.id, d.closed_at, format('Deal "%s" was won and has no contract.', d.name)
        FROM sentinel.deals d
        WHERE d.org_id = org AND d.stage_kind = 'won'
          AND NOT EXISTS (SELECT FROM sentinel.contracts c WHERE c.org_id = org AND c.deal_id = d.id)
        UNION ALL
        SELECT 'won_deal_lead_not_won', d.id, d.closed_at, format('Deal "%s" was won and its lead never was.', d.name)
        FROM sentinel.deals d
        WHERE d.org_id = org AND d.stage_kind = 'won' AND d.lead_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM sentinel.state_history h WHERE h.org_id = org AND h.machine = 'lead'
                          AND h.state = 'won' AND h.subject_id = d.lead_id)
    )
    SELECT k.rule, k.subject_type, b.subject_id, k.severity, left(b.detail, 1000), b.since
    FROM (
        -- A deal that came in as won was never announced, and nothing follows from it.
        SELECT l.rule, l.id AS subject_id, l.detail, l.closed_at AS since FROM lacking l
        WHERE EXISTS (SELECT FROM sentinel.events e WHERE e.org_id = org AND e.subject_id = l.id AND e.event_type = 'deal.won' OFFSET 0)
        UNION ALL
        SELECT 'deal_two_invoices', i.deal_id, format('A deal has %s invoices that are not cancelled.', count(*)), max(i.created_at)
        FROM sentinel.invoices i WHERE i.org_id = org AND i.status <> 'cancelled' GROUP BY i.deal_id HAVING count(*) > 1
        UNION ALL
        SELECT 'paid_invoice_no_client', i.id, format('Invoice %s is paid and has no client.', i.number), i.paid_at
        FROM sentinel.invoices i WHERE i.org_id = org AND i.status = 'paid' AND i.client_id IS NULL
        UNION ALL
        SELECT 'client_stuck_pending', c.id, 'Nobody has begun to take the client in.', c.onboarding_changed_at
        FROM sentinel.clients c WHERE c.org_id = org AND c.onboarding_status = 'pending'
        UNION ALL
        SELECT 'lead_won_no_deal', l.id, format('Lead "%s" is won without a deal that is.', l.name), l.last_state_change
        FROM sentinel.leads l
        WHERE l.org_id = org AND l.lifecycle_stage = 'won'
          AND NOT EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.lead_id = l.id AND d.stage_kind = 'won')
        UNION ALL
        SELECT 'open_deal_lost_lead', d.id, format('Deal "%s" is open, its lead lost.', d.name), greatest(l.last_state_change, o.since)
        FROM sentinel.deals d JOIN sentinel.leads l ON l.org_id = d.org_id AND l.id = d.lead_id AND l.lifecycle_stage = 'lost'
        -- A deal that was taken up again is open since then, in whichever stage.
        CROSS JOIN LATERAL (SELECT min(h.recorded_at) AS since FROM sentinel.deal_history h
            WHERE h.org_id = org AND h.deal_id = d.id AND h.seq > coalesce((SELECT max(c.seq) FROM sentinel.deal_history c
                  WHERE c.org_id = org AND c.deal_id = d.id AND c.stage_kind <> 'open'), 0)) o
        WHERE d.org_id = org AND d.stage_kind = 'open'
        UNION ALL
        SELECT 'intake_waiting', r.id, format('A record of source "%s" waits to become a lead.', r.source), r.received_at
        FROM sentinel.intake_raw r WHERE r.org_id = org AND r.state = 'waiting'
        UNION ALL
        SELECT 'job_stuck', j.id, format('Job %s runs and its worker does not answer.', j.job_type),
               greatest(j.lease_until, j.claimed_at + 2 * t.time_limit)
        FROM sentinel.job_running j JOIN sentinel.job_types t ON t.job_type = j.job_type
        WHERE j.org_id = org AND j.lease_until < least(now(), integrity_breaches_at.as_of)
    ) b
    JOIN kept k ON k.rule = b.rule
    WHERE b.since <= k.latest
    ORDER BY k.rule, b.since, b.subject_id;
END
$$;
ALTER FUNCTION sentinel.integrity_breaches_at(timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.integrity_breaches_at(timestamptz) IS
    'Find what breaks a rule of sentinel.integrity_rules in the organisation entered, for longer than the rule allows at a time. For owners and admins, and logins of the whole organisation; others get no rows. Errors: SN001.';

CREATE FUNCTION sentinel.handle_check_integrity(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET enable_mergejoin = off
    SET jit = off AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_check_integrity.payload);
    today text := to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD');
    breaches bigint;
    gone bigint;
    events jsonb[];
BEGIN
    WITH found AS MATERIALIZED (
        SELECT * FROM sentinel.integrity_breaches_at(at)
    ), noted AS (
        INSERT INTO sentinel.integrity_findings AS f (org_id, rule, subject_type, subject_id, severity, detail, broken_since,
                                                      first_seen_at, last_seen_at)
        SELECT org, b.rule, b.subject_type, b.subject_id, b.severity, b.detail, b.since, at, at FROM found b
        ON CONFLICT (org_id, rule, subject_id) WHERE resolved_at IS NULL
            DO UPDATE SET detail = excluded.detail, last_seen_at = greatest(f.last_seen_at, excluded.last_seen_at)
        RETURNING f.id, f.rule, f.subject_type, f.subject_id, f.severity, f.detail, f.broken_since
    ), mended AS (
        UPDATE sentinel.integrity_findings f SET resolved_at = at
        -- A late attempt of an earlier check knows nothing of what was found since.
        WHERE f.org_id = org AND f.resolved_at IS NULL AND f.last_seen_at <= at
          AND NOT EXISTS (SELECT FROM found b WHERE b.rule = f.rule AND b.subject_id = f.subject_id)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM mended), count(*), array_agg(jsonb_build_object(
               'event_type', 'system.integrity_alert', 'subject_type', n.subject_type, 'subject_id', n.subject_id,
               'idempotency_key', format('integrity.%s:%s:%s', n.rule, n.subject_id, today),
               'payload', jsonb_build_object('rule', n.rule, 'detail', n.detail, 'severity', n.severity, 'broken_since', n.broken_since,
                   'period_id', n.id, 'as_of', at)))
    INTO gone, breaches, events FROM noted n;
    RETURN jsonb_build_object('breaches', breaches, 'resolved', gone, 'told', sentinel.emit_in_parts(org, events));
END
$$;
COMMENT ON FUNCTION sentinel.handle_check_integrity(uuid, jsonb) IS
    'Job, hourly: keep the breaches of integrity as findings, close those that are mended, and emit system.integrity_alert for each that is open, once a day of UTC; the finding is the period of its one alert. Payload: as_of.';

CREATE FUNCTION sentinel.money_list(amounts jsonb, field text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(to_char((a.amount ->> field)::numeric, 'FM999,999,999,999,999,990') || ' ' || (a.amount ->> 'currency'),
                               ' and ' ORDER BY a.amount ->> 'currency'), 'nothing')
    FROM jsonb_array_elements(amounts) AS a(amount) WHERE (a.amount ->> field)::numeric <> 0
$$;
COMMENT ON FUNCTION sentinel.money_list(jsonb, text) IS
    'Write a field of an array of objects with currency as amounts in words: 12,500 USD and 900 EUR.';

CREATE FUNCTION sentinel.weekly_report_data(org uuid, since timestamptz, until timestamptz) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    stuck double precision := sentinel.revenue_setting('deal_decay_days');
BEGIN
    RETURN (
        -- Each deal as it stood at the end of the week, so that the report of a past week does not change.
        WITH stood AS MATERIALIZED (
            SELECT DISTINCT ON (h.deal_id) h.deal_id, h.pipeline_id, h.stage, h.stage_kind, h.value, h.currency, h.stage_entered_at
            FROM sentinel.deal_history h
            WHERE h.org_id = weekly_report_data.org AND h.recorded_at < until ORDER BY h.deal_id, h.seq DESC
        ), deal AS MATERIALIZED (
            SELECT x.deal_id AS id, coalesce(d.name, g.name) AS name, x.currency, x.stage, x.stage_kind, x.value, x.stage_entered_at,
                   x.value * coalesce(s.probability, 0) AS weighted,
                   floor(extract(epoch FROM until - x.stage_entered_at) / 86400)::integer AS days
            FROM stood x
            LEFT JOIN sentinel.deals d ON d.org_id = weekly_report_data.org AND d.id = x.deal_id
            -- What was deleted after the week was there at its end; demo deals go without a word.
            LEFT JOIN LATERAL (SELECT t.payload ->> 'name' AS name FROM sentinel.deal_timeline t
                WHERE d.id IS NULL AND t.org_id = weekly_report_data.org AND t.deal_id = x.deal_id AND t.kind = 'deleted'
                  AND t.recorded_at >= until LIMIT 1) g ON true
            LEFT JOIN sentinel.pipeline_stages s
                ON s.org_id = weekly_report_data.org AND s.pipeline_id = x.pipeline_id AND s.stage = x.stage
            WHERE NOT coalesce(d.is_demo, g.name IS NULL)
        ), came AS (
            SELECT count(*) AS added, count(*) FILTER (WHERE EXISTS (
                       SELECT FROM sentinel.state_history h
                       WHERE h.org_id = l.org_id AND h.machine = 'lead' AND h.subject_id = l.id AND h.entered_at < until
                         AND h.state IN ('qualified', 'proposal', 'negotiation', 'won'))) AS qualified
            FROM sentinel.leads l
            WHERE l.org_id = weekly_report_data.org AND l.created_at >= since AND l.created_at < until
        )
        SELECT jsonb_build_object(
            'leads_added', c.added, 'leads_qualified', c.qualified,
            'qualified_percent', round(100.0 * c.qualified / nullif(c.added, 0)),
            'pipeline', (SELECT coalesce(jsonb_agg(jsonb_build_object('currency', p.currency, 'deals', p.n, 'total', p.total,
                             'weighted', p.weighted) ORDER BY p.currency), '[]')
                         FROM (SELECT d.currency, count(*) AS n, sum(d.value) AS total, round(sum(d.weighted), 2) AS weighted
                               FROM deal d WHERE d.stage_kind = 'open' GROUP BY d.currency) p),
            'won', (SELECT coalesce(jsonb_agg(jsonb_build_object('currency', p.currency, 'deals', p.n, 'total', p.total)
                                              ORDER BY p.currency), '[]')
                    FROM (SELECT d.currency, count(*) AS n, sum(d.value) AS total FROM deal d
                          WHERE d.stage_kind = 'won' AND d.stage_entered_at >= since GROUP BY d.currency) p),
            'deals_lost', (SELECT count(*) FROM deal d WHERE d.stage_kind = 'lost' AND d.stage_entered_at >= since),
            'stuck_deals', (SELECT count(*) FROM deal d WHERE d.stage_kind = 'open' AND d.days >= stuck),
            'stuck_most', (SELECT coalesce(jsonb_agg(to_jsonb(w) ORDER BY w.value DESC, w.deal_id), '[]')
                           FROM (SELECT d.id AS deal_id, d.name, d.stage, d.value, d.currency, d.days FROM deal d
                                 WHERE d.stage_kind = 'open' AND d.days >= stuck ORDER BY d.value DESC, d.id LIMIT 5) w),
            'calls_held', (SELECT count(*) FROM sentinel.calls x
                           WHERE x.org_id = weekly_report_data.org AND x.completed_at >= since AND x.completed_at < until),
            'paid', (SELECT coalesce(jsonb_agg(jsonb_build_object('currency', p.currency, 'invoices', p.n, 'total', p.total)
                                               ORDER BY p.currency), '[]')
                     FROM (SELECT i.currency, count(*) AS n, sum(i.amount) AS total FROM sentinel.invoices i
                           WHERE i.org_id = weekly_report_data.org AND i.paid_at >= since AND i.paid_at < until GROUP BY i.currency) p),
            'invoices_overdue', (SELECT count(*) FROM sentinel.invoices i WHERE i.org_id = weekly_report_data.org
                                 AND i.due_at < until AND EXISTS (
                                     SELECT FROM sentinel.state_history h
                                     WHERE h.org_id = i.org_id AND h.machine = 'invoice' AND h.subject_id = i.id
                                       AND h.state IN ('sent', 'overdue') AND h.entered_at < until
                                       AND coalesce(h.left_at, 'infinity') >= until)),
            'failed_jobs', (SELECT count(*) FROM sentinel.job_dead j WHERE j.org_id = weekly_report_data.org
                            AND j.failed_at >= since AND j.failed_at < until),
            'open_breaches', (SELECT count(*) FROM sentinel.integrity_findings f WHERE f.org_id = weekly_report_data.org
                              AND f.first_seen_at < until AND coalesce(f.resolved_at, 'infinity') >= until))
        FROM came c);
END
$$;
COMMENT ON FUNCTION sentinel.weekly_report_data(uuid, timestamptz, timestamptz) IS
    'Count a week of an organisation, from since up to until: leads, deals as they stood at its end by currency (weighted by the chance of their stage), calls, money, and what is stuck, overdue, failed or broken.';

CREATE FUNCTION sentinel.weekly_report_text(data jsonb, first_day date, last_day date) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    focus text := concat_ws(' ',
        CASE WHEN (data ->> 'open_breaches')::bigint > 0 THEN format('Mend breaches of integrity: %s.', data ->> 'open_breaches') END,
        CASE WHEN (data ->> 'stuck_deals')::bigint > 0
             THEN format('Move on or close "%s", stuck for %s days.', data #>> '{stuck_most,0,name}', data #>> '{stuck_most,0,days}') END,
        CASE WHEN (data ->> 'invoices_overdue')::bigint > 0 THEN format('Ask for overdue invoices: %s.', data ->> 'invoices_overdue') END,
        CASE WHEN (data ->> 'failed_jobs')::bigint > 0 THEN format('Look at failed jobs: %s.', data ->> 'failed_jobs') END,
        CASE WHEN (data ->> 'leads_added')::bigint = 0 THEN 'Find new leads: none came in.' END);
BEGIN
    RETURN format('Week %s to %s', to_char(first_day, 'YYYY-MM-DD'), to_char(last_day, 'YYYY-MM-DD')) || chr(10)
        || format('Leads: %s came in, %s of them qualified%s.', data ->> 'leads_added', data ->> 'leads_qualified',
                  coalesce(' (' || (data ->> 'qualified_percent') || ' %)', '')) || chr(10)
        || format('Won: %s. Deals lost: %s. Paid: %s.', sentinel.money_list(data -> 'won', 'total'), data ->> 'deals_lost',
                  sentinel.money_list(data -> 'paid', 'total')) || chr(10)
        || format('Pipeline: %s, weighted %s.', sentinel.money_list(data -> 'pipeline', 'total'),
                  sentinel.money_list(data -> 'pipeline', 'weighted')) || chr(10)
        || format('Calls held: %s. Stuck deals: %s. Overdue invoices: %s. Failed jobs: %s. Breaches: %s.', data ->> 'calls_held',
                  data ->> 'stuck_deals', data ->> 'invoices_overdue', data ->> 'failed_jobs', data ->> 'open_breaches') || chr(10)
        || 'Focus: ' || coalesce(nullif(focus, ''), 'Nothing presses.');
END
$$;
COMMENT ON FUNCTION sentinel.weekly_report_text(jsonb, date, date) IS
    'Write the numbers of weekly_report_data() in words, with what to do first. A pure function of them.';

-- grant: sentinel_reader, sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.weekly_report(as_of timestamptz DEFAULT now())
    RETURNS TABLE (week_start timestamptz, week_end timestamptz, narrative text, data jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    org uuid := sentinel.require_org();
    zone text := (SELECT o.timezone FROM sentinel.orgs o WHERE o.org_id = org);
    last_day date := (weekly_report.as_of AT TIME ZONE zone)::date - 1;
BEGIN
    IF NOT coalesce(isfinite(weekly_report.as_of), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time %s', coalesce(weekly_report.as_of::text, 'null')),
            DETAIL = 'A report is of the week before one instant.', HINT = 'SELECT narrative FROM sentinel.weekly_report();';
    END IF;
    week_start := (last_day - 6)::timestamp AT TIME ZONE zone;
    week_end := (last_day + 1)::timestamp AT TIME ZONE zone;
    data := sentinel.weekly_report_data(org, week_start, week_end);
    narrative := sentinel.weekly_report_text(data, last_day - 6, last_day);
    RETURN NEXT;
END
$$;
ALTER FUNCTION sentinel.weekly_report(timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.weekly_report(timestamptz) IS
    'Report on the seven whole days before the day of as_of, in the time zone of the organisation entered, in words and as data; a member gets the figures of what the member may see. Stores nothing. Errors: SN002, SN007.';

CREATE FUNCTION sentinel.handle_generate_weekly_report(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_generate_weekly_report.payload);
    week record;
    made uuid;
BEGIN
    SELECT * INTO week FROM sentinel.weekly_report(at);
    INSERT INTO sentinel.weekly_reports AS w (org_id, week_start, data, narrative)
    VALUES (org, week.week_start, week.data, week.narrative)
    ON CONFLICT (org_id, week_start) DO NOTHING
    RETURNING w.id INTO made;
    IF made IS NOT NULL THEN
        PERFORM sentinel.emit_for(org, 'report.weekly', 'weekly_report', made, jsonb_build_object('report_id', made,
            'week_start', week.week_start, 'narrative', week.narrative, 'data', week.data, 'as_of', at), 'report.weekly:' || made);
    END IF;
    RETURN jsonb_build_object('report_id', made, 'made', made IS NOT NULL);
END
$$;
COMMENT ON FUNCTION sentinel.handle_generate_weekly_report(uuid, jsonb) IS
    'Job, weekly: keep the report on the last seven days and emit report.weekly; a week has one report. Payload: as_of.';
