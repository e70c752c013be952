-- What became of the quarter: one client's way, the weekly report, and what was planted against what was found.
\pset footer off
\pset linestyle unicode
\pset border 1
SELECT sentinel.enter(org_id, NULL, true) FROM sentinel.orgs WHERE slug = 'harbour-works' \g /dev/null

SELECT v.lead_id, v.deal_id, v.company FROM demo.visitor v WHERE v.fate = 'client' ORDER BY v.at LIMIT 1 \gset
\echo
\echo '==> From the first word to a client:' :company
SELECT to_char((e.payload ->> 'as_of')::timestamptz, 'DD Mon') AS "day", e.event_type AS "event",
       coalesce(e.payload ->> 'recommended_path', e.payload ->> 'intent', e.payload ->> 'stage', e.payload ->> 'number',
                e.payload ->> 'onboarding_status', '') AS "what"
FROM sentinel.events e
WHERE (e.payload ->> 'lead_id' = :'lead_id' OR e.payload ->> 'deal_id' = :'deal_id')
  AND e.event_type NOT IN ('lead.stage_changed', 'deal.stage_changed', 'client.delivery_advanced', 'call.blueprint_ready')
ORDER BY (e.payload ->> 'as_of')::timestamptz, e.generation, e.xid, e.seq;

\echo '==> The deals of the quarter'
SELECT label AS "stage", deals, value, weighted_value AS "weighted", currency, mean_days_in_stage AS "days in stage", deals_past_due AS "past due"
FROM sentinel_bi.pipeline ORDER BY position;
\echo '==> The weekly reports: the best week, and the last'
\pset tuples_only on
\pset format unaligned
SELECT '    ' || replace(narrative, chr(10), chr(10) || '    ') || chr(10)
FROM (SELECT *, row_number() OVER (ORDER BY (data #>> '{won,0,total}')::numeric DESC NULLS LAST) = 1 AS best,
             row_number() OVER (ORDER BY week_start DESC) = 1 AS newest FROM sentinel.weekly_reports) w
WHERE best OR newest ORDER BY week_start;
\pset format aligned
\pset tuples_only off
\echo
\echo '==> Planted and found'
CREATE TABLE demo.quarter_found AS
SELECT f.fate, f.leads AS planted, f.tells, (
    SELECT count(*) FROM demo.visitor v
    LEFT JOIN sentinel.leads l ON l.id = v.lead_id
    LEFT JOIN sentinel.deals d ON d.id = v.deal_id
    LEFT JOIN sentinel.invoices i ON i.deal_id = v.deal_id
    LEFT JOIN sentinel.contracts k ON k.deal_id = v.deal_id
    LEFT JOIN sentinel.clients c ON c.deal_id = v.deal_id
    WHERE v.fate = f.fate AND CASE f.fate
        WHEN 'client' THEN l.lifecycle_stage = 'won' AND i.status = 'paid' AND k.status = 'signed' AND c.onboarding_status = 'complete'
                           AND i.client_id = c.id
        WHEN 'overdue' THEN l.lifecycle_stage = 'won' AND i.status = 'overdue' AND c.id IS NULL
        WHEN 'lost' THEN l.lifecycle_stage = 'lost' AND d.stage_kind = 'lost'
        WHEN 'stalled' THEN d.stage_kind = 'open' AND EXISTS (SELECT FROM sentinel.events e
                            WHERE e.event_type = 'deal.stalled' AND e.subject_id = d.id)
        WHEN 'ghosted' THEN l.ghost_risk_score >= 60
        WHEN 'stale' THEN EXISTS (SELECT FROM sentinel.events e WHERE e.event_type = 'lead.stale' AND e.subject_id = l.id)
        WHEN 'unfit' THEN l.recommended_path = 'ignore' AND l.lifecycle_stage = 'new_lead'
        WHEN 'no_show' THEN EXISTS (SELECT FROM sentinel.state_history h JOIN sentinel.calls x ON x.id = h.subject_id
                            WHERE x.lead_id = l.id AND h.machine = 'call' AND h.state = 'no_show' AND x.status = 'completed')
        WHEN 'twice' THEN (SELECT count(*) FROM sentinel.intake_raw r WHERE r.lead_id = l.id) = 2 END) AS found
FROM demo.fate f;
SELECT fate, planted, found, tells AS "what it is" FROM demo.quarter_found ORDER BY fate;
SELECT count(*) AS breaches FROM sentinel.integrity_breaches \gset
SELECT count(*) AS dead FROM sentinel.job_dead \gset
SELECT count(*) AS reports FROM sentinel.weekly_reports \gset
SELECT count(*) FILTER (WHERE outcome = 'completed') AS jobs FROM sentinel.job_history WHERE org_id = sentinel.current_org() \gset
\echo '    jobs done:' :jobs', failed for good:' :dead', weekly reports:' :reports', breaches of integrity:' :breaches
CREATE TABLE demo.quarter_verdict AS
    SELECT (SELECT bool_or(planted <> found) FROM demo.quarter_found) OR :breaches > 0 OR :dead > 0 OR :reports <> 13 AS wrong;
