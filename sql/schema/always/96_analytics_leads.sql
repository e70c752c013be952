-- Room analytics: views of leads and of what is to be done today.

CREATE OR REPLACE VIEW sentinel_bi.lead_funnel WITH (security_invoker = true) AS
WITH stages AS (
    SELECT s.state, s.label, s."position", s.kind FROM sentinel.lifecycle_states s WHERE s.machine = 'lead'),
been AS (
    SELECT h.subject_id, max(s."position") AS furthest
    FROM sentinel.state_history h
    JOIN stages s ON s.state = h.state AND s.kind <> 'bad'
    WHERE h.org_id = sentinel.current_org() AND h.machine = 'lead'
    GROUP BY h.subject_id),
reach AS (
    SELECT l.lifecycle_stage, c.kind, greatest(b.furthest, CASE WHEN c.kind <> 'bad' THEN c."position" END) AS furthest,
           count(*) AS leads
    FROM sentinel.leads l
    JOIN stages c ON c.state = l.lifecycle_stage
    LEFT JOIN been b ON b.subject_id = l.id
    WHERE l.org_id = sentinel.current_org()
    GROUP BY 1, 2, 3)
SELECT s.state AS stage, s.label, s."position"::numeric AS "position",
       coalesce(sum(r.leads) FILTER (WHERE r.lifecycle_stage = s.state), 0) AS current_leads,
       CASE WHEN s.kind <> 'bad' THEN coalesce(sum(r.leads) FILTER (WHERE r.furthest >= s."position"), 0) END AS reached_leads,
       CASE WHEN s.kind = 'open' THEN coalesce(sum(r.leads) FILTER (WHERE r.furthest > s."position"), 0) END AS passed_leads,
       CASE WHEN s.kind = 'open' THEN coalesce(sum(r.leads) FILTER (WHERE r.furthest = s."position" AND r.kind = 'open'), 0) END
           AS undecided_leads,
       CASE WHEN s.kind = 'open' THEN round(
           coalesce(sum(r.leads) FILTER (WHERE r.furthest > s."position"), 0)
           / nullif(sum(r.leads) FILTER (WHERE r.furthest >= s."position"), 0), 4) END AS step_rate,
       CASE WHEN s.kind <> 'bad' THEN round(
           coalesce(sum(r.leads) FILTER (WHERE r.furthest >= s."position"), 0) / nullif(sum(r.leads), 0), 4) END AS reached_rate
FROM stages s
LEFT JOIN reach r ON true
WHERE sentinel.current_org() IS NOT NULL
GROUP BY s.state, s.label, s."position", s.kind;
COMMENT ON VIEW sentinel_bi.lead_funnel IS
    'How far leads have come, all leads there are. One row is one stage, empty and lost ones included. A lead has reached every stage up to the furthest that it has been in, skipped ones as well; to go back is no loss.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.stage IS 'Name of the stage in data.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.label IS 'Name of the stage for people.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.position IS 'Order of the stage.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.current_leads IS 'Leads that are in the stage now.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.reached_leads IS 'Leads whose furthest stage is this one or a later one; null for lost.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.passed_leads IS 'Leads whose furthest stage is a later one; null for won and lost.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.undecided_leads IS 'Leads neither won nor lost whose furthest stage is this one; null for won and lost.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.step_rate IS 'passed_leads / reached_leads: of the leads that came to this stage, the share that ever came further.';
COMMENT ON COLUMN sentinel_bi.lead_funnel.reached_rate IS 'reached_leads / all leads.';

CREATE OR REPLACE VIEW sentinel_bi.lead_sources WITH (security_invoker = true) AS
SELECT coalesce(nullif(btrim(l.lead_source), ''), 'unknown') AS source, count(*)::numeric AS leads,
       count(*) FILTER (WHERE l.created_at >= now() - interval '720 hours')::numeric AS leads_30_days,
       count(*) FILTER (WHERE l.lifecycle_stage NOT IN ('won', 'lost'))::numeric AS open_leads,
       count(*) FILTER (WHERE l.lifecycle_stage IN ('qualified', 'proposal', 'negotiation', 'won'))::numeric AS qualified_leads,
       count(*) FILTER (WHERE l.lifecycle_stage = 'won')::numeric AS won_leads,
       count(*) FILTER (WHERE l.lifecycle_stage = 'lost')::numeric AS lost_leads,
       round(count(*) FILTER (WHERE l.lifecycle_stage = 'won')::numeric / count(*), 4) AS conversion_rate,
       round(count(*) FILTER (WHERE l.lifecycle_stage = 'won')::numeric
             / nullif(count(*) FILTER (WHERE l.lifecycle_stage IN ('won', 'lost')), 0), 4) AS win_rate,
       round(avg(l.qualification_score), 2) AS mean_qualification_score
FROM sentinel.leads l
WHERE l.org_id = sentinel.current_org()
GROUP BY 1;
COMMENT ON VIEW sentinel_bi.lead_sources IS 'Where leads come from. One row is one source; all leads count, by their present stage. What they brought: sentinel_bi.revenue_by_source.';
COMMENT ON COLUMN sentinel_bi.lead_sources.source IS 'Source of the lead as given; unknown where there is none.';
COMMENT ON COLUMN sentinel_bi.lead_sources.leads IS 'Leads.';
COMMENT ON COLUMN sentinel_bi.lead_sources.leads_30_days IS 'Of them, those known since less than 30 days of 24 hours.';
COMMENT ON COLUMN sentinel_bi.lead_sources.open_leads IS 'Of them, neither won nor lost.';
COMMENT ON COLUMN sentinel_bi.lead_sources.qualified_leads IS 'Of them, now qualified, in proposal, in negotiation or won.';
COMMENT ON COLUMN sentinel_bi.lead_sources.won_leads IS 'Of them, won.';
COMMENT ON COLUMN sentinel_bi.lead_sources.lost_leads IS 'Of them, lost.';
COMMENT ON COLUMN sentinel_bi.lead_sources.conversion_rate IS 'won_leads / leads, open ones included.';
COMMENT ON COLUMN sentinel_bi.lead_sources.win_rate IS 'won_leads / (won_leads + lost_leads); null while none is decided.';
COMMENT ON COLUMN sentinel_bi.lead_sources.mean_qualification_score IS 'Mean of the qualification scores, 0 to 100, of the leads that have one.';

CREATE OR REPLACE VIEW sentinel_bi.lead_paths WITH (security_invoker = true) AS
SELECT coalesce(l.recommended_path, 'unassigned') AS path, count(*)::numeric AS leads,
       count(*) FILTER (WHERE l.lifecycle_stage NOT IN ('won', 'lost'))::numeric AS open_leads,
       count(*) FILTER (WHERE l.lifecycle_stage = 'won')::numeric AS won_leads,
       round(count(*) FILTER (WHERE l.lifecycle_stage = 'won')::numeric / count(*), 4) AS conversion_rate
FROM sentinel.leads l
WHERE l.org_id = sentinel.current_org()
GROUP BY 1;
COMMENT ON VIEW sentinel_bi.lead_paths IS 'How leads are to be approached. One row is one recommended path; all leads count.';
COMMENT ON COLUMN sentinel_bi.lead_paths.path IS 'outreach, nurture, direct_call or ignore; unassigned where none is recommended.';
COMMENT ON COLUMN sentinel_bi.lead_paths.leads IS 'Leads.';
COMMENT ON COLUMN sentinel_bi.lead_paths.open_leads IS 'Of them, neither won nor lost.';
COMMENT ON COLUMN sentinel_bi.lead_paths.won_leads IS 'Of them, won.';
COMMENT ON COLUMN sentinel_bi.lead_paths.conversion_rate IS 'won_leads / leads.';

-- The settings come by a sub-select that is not taken apart, so that nothing asks for them before an organisation is entered.
CREATE OR REPLACE VIEW sentinel_bi.stale_leads WITH (security_invoker = true) AS
SELECT l.id::text AS lead_id, l.name, l.company_name, l.lifecycle_stage AS stage,
       coalesce(nullif(btrim(l.lead_source), ''), 'unknown') AS source, l.priority, m.display_name AS owner,
       l.last_activity_at, floor(extract(epoch FROM now() - l.last_activity_at) / 86400) AS silent_days,
       CASE WHEN l.last_activity_at <= now() - w.stale_days::double precision * interval '24 hours' THEN 'yes' ELSE 'no' END
           AS stale
FROM sentinel.periods() p
CROSS JOIN LATERAL (SELECT sentinel.revenue_setting('ghost_silence_days') AS silent_days,
                           sentinel.revenue_setting('stale_lead_days') AS stale_days OFFSET 0) w
JOIN sentinel.leads l
    ON l.org_id = sentinel.current_org() AND l.lifecycle_stage IN ('new_lead', 'contacted', 'qualified', 'proposal', 'negotiation')
       AND l.last_activity_at <= now() - w.silent_days::double precision * interval '24 hours'
LEFT JOIN sentinel.members m ON m.org_id = sentinel.current_org() AND m.id = l.owner_id
WHERE p.period = 'today';
COMMENT ON VIEW sentinel_bi.stale_leads IS
    'Leads, neither won nor lost, that were last in touch at least ghost_silence_days ago (7 by default; sentinel.revenue_setting()). One row is one lead. Work of the engine on a lead is no touch.';
COMMENT ON COLUMN sentinel_bi.stale_leads.lead_id IS 'Lead.';
COMMENT ON COLUMN sentinel_bi.stale_leads.name IS 'Name of the lead.';
COMMENT ON COLUMN sentinel_bi.stale_leads.company_name IS 'Company as given.';
COMMENT ON COLUMN sentinel_bi.stale_leads.stage IS 'Stage of the lead.';
COMMENT ON COLUMN sentinel_bi.stale_leads.source IS 'Source of the lead as given; unknown where there is none.';
COMMENT ON COLUMN sentinel_bi.stale_leads.priority IS 'critical, high, normal or low.';
COMMENT ON COLUMN sentinel_bi.stale_leads.owner IS 'Name of the member responsible; null when nobody is.';
COMMENT ON COLUMN sentinel_bi.stale_leads.last_activity_at IS 'When the lead was last in touch.';
COMMENT ON COLUMN sentinel_bi.stale_leads.silent_days IS 'Whole days of 24 hours since then.';
COMMENT ON COLUMN sentinel_bi.stale_leads.stale IS 'yes from stale_lead_days on (30 by default), else no.';

CREATE OR REPLACE VIEW sentinel_bi.todays_actions WITH (security_invoker = true) AS
WITH today AS (
    SELECT p.starts_at, p.ends_at, w.renewal_days
    FROM sentinel.periods() p
    CROSS JOIN LATERAL (SELECT sentinel.revenue_setting('renewal_window_days') AS renewal_days OFFSET 0) w
    WHERE p.period = 'today'),
listed AS (
    (SELECT 'call' AS kind, row_number() OVER (ORDER BY c.scheduled_at, c.id) AS place, count(*) OVER () AS total,
            'call' AS subject_type, c.id AS subject_id, l.name AS title, c.meeting_url AS detail, c.member_id AS owner_id,
            c.scheduled_at AS moment_at, NULL AS priority
     FROM today t
     JOIN sentinel.calls c ON c.org_id = sentinel.current_org() AND c.status = 'booked' AND c.scheduled_at >= now()
                              AND c.scheduled_at < t.ends_at
     LEFT JOIN sentinel.leads l ON l.org_id = sentinel.current_org() AND l.id = c.lead_id
     ORDER BY 2 LIMIT 50)
    UNION ALL
    (SELECT 'task' AS kind, row_number() OVER (ORDER BY k.due_at, k.id), count(*) OVER (), coalesce(k.subject_type, 'task'),
            coalesce(k.subject_id, k.id), k.title, NULL AS detail, k.member_id, k.due_at, k.priority
     FROM today t
     JOIN sentinel.tasks k ON k.org_id = sentinel.current_org() AND k.completed_at IS NULL AND k.due_at < t.ends_at
     ORDER BY 2 LIMIT 50)
    UNION ALL
    (SELECT 'contact' AS kind, row_number() OVER (ORDER BY l.created_at DESC, l.id), count(*) OVER (),
            'lead' AS subject_type, l.id, l.name,
            l.company_name, l.owner_id, l.next_action_due, l.priority
     FROM sentinel.leads l
     WHERE l.org_id = sentinel.current_org() AND l.lifecycle_stage = 'new_lead'
     ORDER BY 2 LIMIT 20)
    UNION ALL
    (SELECT 'follow_up' AS kind, row_number() OVER (ORDER BY CASE l.priority WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'normal' THEN 3
                                                                     WHEN 'low' THEN 4 ELSE 5 END, l.last_state_change, l.id),
            count(*) OVER (), 'lead' AS subject_type, l.id, l.name, l.company_name, l.owner_id, l.next_action_due, l.priority
     FROM sentinel.leads l
     WHERE l.org_id = sentinel.current_org() AND l.lifecycle_stage IN ('contacted', 'qualified')
     ORDER BY 2 LIMIT 20)
    UNION ALL
    (SELECT 'renewal' AS kind, row_number() OVER (ORDER BY c.renewal_at, c.id), count(*) OVER (), 'client' AS subject_type, c.id,
            coalesce(l.name, d.name), d.name, d.owner_id, c.renewal_at, NULL AS priority
     FROM sentinel.clients c
     LEFT JOIN sentinel.deals d ON d.org_id = sentinel.current_org() AND d.id = c.deal_id
     LEFT JOIN sentinel.leads l ON l.org_id = sentinel.current_org() AND l.id = c.lead_id
     WHERE c.org_id = sentinel.current_org() AND c.renewal_at >= now()
       AND c.renewal_at <= (SELECT now() + t.renewal_days::double precision * interval '24 hours' FROM today t)
     ORDER BY 2 LIMIT 10)
    UNION ALL
    (SELECT 'contacted' AS kind, row_number() OVER (ORDER BY l.last_contacted_at DESC, l.id), count(*) OVER (),
            'lead' AS subject_type, l.id, l.name,
            l.company_name, l.owner_id, l.last_contacted_at, l.priority
     FROM today t
     JOIN sentinel.leads l ON l.org_id = sentinel.current_org() AND l.last_contacted_at >= t.starts_at
                              AND l.last_contacted_at < t.ends_at
     ORDER BY 2 LIMIT 15))
SELECT x.kind, x.place::numeric AS "position", x.total::numeric AS total, x.subject_type, x.subject_id::text AS subject_id,
       x.title, x.detail, m.display_name AS owner, x.moment_at, x.priority
FROM listed x
LEFT JOIN sentinel.members m ON m.org_id = sentinel.current_org() AND m.id = x.owner_id;
COMMENT ON VIEW sentinel_bi.todays_actions IS
    'What is to be done today, and whom one was in touch with. One row is one call, task, lead or client. Today is the calendar day in the time zone of the organisation.';
COMMENT ON COLUMN sentinel_bi.todays_actions.kind IS
    'call: booked from now to the end of today (50). task: open and due by the end of today, late ones too (50). contact: the newest new leads (20). follow_up: contacted or qualified leads, by priority, then longest in their stage (20). renewal: clients to renew from now on within renewal_window_days, 30 by default (10). contacted: leads last contacted today, newest first (15).';
COMMENT ON COLUMN sentinel_bi.todays_actions.position IS 'Order within the kind.';
COMMENT ON COLUMN sentinel_bi.todays_actions.total IS 'How many of the kind there are, shown or not.';
COMMENT ON COLUMN sentinel_bi.todays_actions.subject_type IS 'call, lead or client; for a task what it is about, task where it is about nothing.';
COMMENT ON COLUMN sentinel_bi.todays_actions.subject_id IS 'Id of that.';
COMMENT ON COLUMN sentinel_bi.todays_actions.title IS 'Name of the lead or title of the task; of a client its lead, else its deal.';
COMMENT ON COLUMN sentinel_bi.todays_actions.detail IS 'Company of the lead, address of the call, deal of the client.';
COMMENT ON COLUMN sentinel_bi.todays_actions.owner IS 'Name of the member responsible; null when nobody is.';
COMMENT ON COLUMN sentinel_bi.todays_actions.moment_at IS 'When the call is, the task or next action is due, the client renews; of contacted leads when that was.';
COMMENT ON COLUMN sentinel_bi.todays_actions.priority IS 'critical, high, normal or low; null where there is none.';

GRANT SELECT ON sentinel_bi.lead_funnel, sentinel_bi.lead_sources, sentinel_bi.lead_paths, sentinel_bi.stale_leads,
    sentinel_bi.todays_actions TO sentinel_reader, sentinel_member;
