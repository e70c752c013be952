-- Room analytics: views of risk over the open deals. Each deal is scored once per query: HAVING keeps the snapshot apart, else
-- the planner would compute it for each column that is asked for.

-- What the sums and the short lists below rank by. A score below 0.6 says all there is to say of them: at no risk, nothing
-- due; only of the others a snapshot is made.
CREATE OR REPLACE VIEW sentinel.open_deal_scores WITH (security_invoker = true) AS
SELECT s.org_id, s.deal_id, s.risk_role, x.score, x.score >= 0.6::double precision AS is_at_risk,
       coalesce((r.risk).is_action_overdue, false) AS is_overdue, coalesce((r.risk).action_overdue_days, 0) AS overdue_days,
       (r.risk).action_urgency, (r.risk).recommended_action IS NOT NULL AS has_action,
       coalesce(greatest(s.last_sent_at, s.last_received_at, s.last_meeting_at), s.created_at) AS last_activity_at
FROM sentinel.deal_signals s
CROSS JOIN LATERAL (
    SELECT sentinel.risk_score(
        s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
        s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days, s.flags,
        CASE WHEN s.replay THEN sentinel.risk_since(s.org_id, s.deal_id, s.input_at) ELSE s.at_risk_since END,
        s.input_at, now()) AS score
    HAVING true) x
LEFT JOIN LATERAL (
    SELECT sentinel.risk_snapshot(
        s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
        s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days, s.flags,
        CASE WHEN s.replay THEN sentinel.risk_since(s.org_id, s.deal_id, s.input_at) ELSE s.at_risk_since END,
        s.input_at, now()) AS risk
    WHERE x.score >= 0.6::double precision OFFSET 0) r ON true
WHERE s.org_id = sentinel.current_org() AND NOT s.closed;
COMMENT ON VIEW sentinel.open_deal_scores IS
    'What open deals are ranked by for risk, now; sentinel.deal_risks says everything of each. One row is one open deal.';
COMMENT ON COLUMN sentinel.open_deal_scores.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.open_deal_scores.deal_id IS 'The deal.';
COMMENT ON COLUMN sentinel.open_deal_scores.risk_role IS 'What its stage means to the model: 0 other, 1 discovery, 2 negotiation.';
COMMENT ON COLUMN sentinel.open_deal_scores.score IS 'Risk score, 0 to 1.';
COMMENT ON COLUMN sentinel.open_deal_scores.is_at_risk IS 'Whether its status is at_risk.';
COMMENT ON COLUMN sentinel.open_deal_scores.is_overdue IS 'Whether what is recommended is overdue by a day or more.';
COMMENT ON COLUMN sentinel.open_deal_scores.overdue_days IS 'Whole days since it was due; 0 when it is not.';
COMMENT ON COLUMN sentinel.open_deal_scores.action_urgency IS 'high or medium; null for a deal that is at no risk, or when nothing is recommended.';
COMMENT ON COLUMN sentinel.open_deal_scores.has_action IS 'Whether it is at risk and something is recommended.';
COMMENT ON COLUMN sentinel.open_deal_scores.last_activity_at IS 'Newest e-mail, meeting or call; the creation when there was none.';

CREATE OR REPLACE VIEW sentinel_bi.open_deal_risks WITH (security_invoker = true) AS
SELECT s.deal_id::text AS deal_id, d.name, p.name AS pipeline, d.stage, d.currency, d.value::numeric AS value,
       m.display_name AS owner, (r.risk).score::numeric AS score, (r.risk).band, (r.risk).status,
       array_to_string((r.risk).reasons, '; ') AS reasons, (r.risk).primary_reason, (r.risk).recommended_action,
       (r.risk).action_urgency, (r.risk).risk_started_at, (r.risk).risk_age_days::numeric AS risk_age_days,
       (r.risk).action_due_at, CASE WHEN (r.risk).is_action_overdue THEN 'yes' ELSE 'no' END AS action_overdue,
       coalesce((r.risk).action_overdue_days, 0)::numeric AS overdue_days, (r.risk).last_activity_at,
       greatest(floor(extract(epoch FROM now() - (r.risk).last_activity_at) / 86400), 0) AS idle_days,
       (r.risk).next_change_at, CASE s.risk_role WHEN 2 THEN 2.0 WHEN 1 THEN 1.0 ELSE 0.0 END AS stage_priority
FROM sentinel.deal_signals s
JOIN sentinel.deals d ON d.org_id = s.org_id AND d.id = s.deal_id AND d.stage_kind = 'open'
JOIN sentinel.pipelines p ON p.org_id = d.org_id AND p.id = d.pipeline_id
LEFT JOIN sentinel.members m ON m.org_id = s.org_id AND m.id = s.owner_id
CROSS JOIN LATERAL (
    SELECT sentinel.risk_snapshot(
        s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
        s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days, s.flags,
        CASE WHEN s.replay THEN sentinel.risk_since(s.org_id, s.deal_id, s.input_at) ELSE s.at_risk_since END,
        s.input_at, now()) AS risk
    HAVING true) r
WHERE s.org_id = sentinel.current_org() AND NOT s.closed;
COMMENT ON VIEW sentinel_bi.open_deal_risks IS
    'The risk of each open deal, now. One row is one deal. Why a score is what it is: sentinel.explain_risk(); the past: sentinel.deal_risk().';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.name IS 'Name of the deal.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.pipeline IS 'Name of its pipeline.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.stage IS 'Its stage.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.currency IS 'Currency of the value.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.value IS 'Its value.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.owner IS 'Name of the member who works it; null when nobody does.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.score IS 'Risk score, 0 to 1, as explain_risk() sums it, to 15 digits.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.band IS 'Low below 0.4, Medium below 0.6, else High.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.status IS 'at_risk from 0.6 on, else active.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.reasons IS 'Why, in the order of the terms, separated by "; ".';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.primary_reason IS 'The reason to act on first; null when there is none.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.recommended_action IS 'What to do; null when the reason suggests nothing.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.action_urgency IS 'high or medium; high once overdue.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.risk_started_at IS 'Start of the uninterrupted time at risk; null when not at risk.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.risk_age_days IS 'Whole days of 24 hours since then.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.action_due_at IS 'When the action is due: one day after the start when urgent, else three.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.action_overdue IS 'yes from one whole day after it was due, else no.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.overdue_days IS 'Whole days since it was due; 0 when it is not.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.last_activity_at IS 'Newest e-mail, meeting or call; the creation when there was none.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.idle_days IS 'Whole days of 24 hours since then.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.next_change_at IS 'When score, status or reasons change next if nothing happens; null when never.';
COMMENT ON COLUMN sentinel_bi.open_deal_risks.stage_priority IS 'What the stage means to the risk model: 2 negotiation, 1 discovery, 0 other.';

CREATE OR REPLACE VIEW sentinel_bi.risk_overview WITH (security_invoker = true) AS
WITH risks AS (
    SELECT d.currency, count(*)::numeric AS deals, sum(d.value) AS value, count(*) FILTER (WHERE x.score < 0.4::double precision) AS low,
           count(*) FILTER (WHERE x.score >= 0.6::double precision) AS high, count(*) FILTER (WHERE x.is_at_risk) AS at_risk,
           count(*) FILTER (WHERE x.is_overdue) AS overdue,
           count(*) FILTER (WHERE x.is_at_risk AND x.action_urgency = 'high') AS urgent,
           count(*) FILTER (WHERE x.overdue_days > 3) AS long_overdue, sum(d.value) FILTER (WHERE x.is_at_risk) AS value_at_risk,
           extract(epoch FROM sum(now() - x.last_activity_at)) / count(*) AS idle,
           (array_agg(x.deal_id ORDER BY x.is_overdue DESC, x.overdue_days DESC, x.score DESC, x.deal_id)
               FILTER (WHERE x.has_action))[1:3] AS most_critical
    FROM sentinel.open_deal_scores x
    JOIN sentinel.deals d ON d.org_id = sentinel.current_org() AND d.id = x.deal_id AND d.stage_kind = 'open'
    GROUP BY d.currency),
rates AS (
    SELECT d.currency, count(*) FILTER (WHERE d.stage_kind = 'won')::numeric / count(*) AS won
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.closed_at >= now() - interval '8760 hours'
    GROUP BY d.currency)
SELECT r.currency, r.deals AS open_deals, r.value AS open_value, r.low::numeric AS low_deals,
       r.deals - r.low - r.high AS medium_deals, r.high::numeric AS high_deals, r.at_risk::numeric AS at_risk_deals,
       round(coalesce(r.value_at_risk, 0), 2) AS value_at_risk, r.overdue::numeric AS overdue_deals, r.urgent::numeric AS urgent_deals,
       r.long_overdue::numeric AS overdue_over_3_days, round(r.idle / 86400, 2) AS mean_idle_days,
       (SELECT string_agg(d.name, '; ' ORDER BY u.place)
        FROM unnest(r.most_critical) WITH ORDINALITY AS u (deal_id, place)
        JOIN sentinel.deals d ON d.org_id = sentinel.current_org() AND d.id = u.deal_id) AS most_critical,
       round(greatest(least(50 + 30 * coalesce(w.won, 0.5) - 25 * r.at_risk / r.deals - 20 * r.overdue / r.deals, 100), 0))
           AS health_score
FROM risks r
LEFT JOIN rates w ON w.currency = r.currency;
COMMENT ON VIEW sentinel_bi.risk_overview IS 'The risk of the open deals in numbers, now. One row is one currency: values in different currencies are never added.';
COMMENT ON COLUMN sentinel_bi.risk_overview.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.risk_overview.open_deals IS 'Deals neither won nor lost.';
COMMENT ON COLUMN sentinel_bi.risk_overview.open_value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.risk_overview.low_deals IS 'Of them, with a score below 0.4.';
COMMENT ON COLUMN sentinel_bi.risk_overview.medium_deals IS 'Of them, with a score from 0.4 to below 0.6.';
COMMENT ON COLUMN sentinel_bi.risk_overview.high_deals IS 'Of them, with a score from 0.6 on.';
COMMENT ON COLUMN sentinel_bi.risk_overview.at_risk_deals IS 'Of them, at risk.';
COMMENT ON COLUMN sentinel_bi.risk_overview.value_at_risk IS 'Sum of the values of the deals at risk.';
COMMENT ON COLUMN sentinel_bi.risk_overview.overdue_deals IS 'Deals whose recommended action is overdue by a whole day or more.';
COMMENT ON COLUMN sentinel_bi.risk_overview.urgent_deals IS 'Deals at risk whose action is urgent.';
COMMENT ON COLUMN sentinel_bi.risk_overview.overdue_over_3_days IS 'Deals whose action is overdue by more than three whole days.';
COMMENT ON COLUMN sentinel_bi.risk_overview.mean_idle_days IS 'Mean of now less the last activity, in days of 24 hours.';
COMMENT ON COLUMN sentinel_bi.risk_overview.most_critical IS 'Names of the three deals at risk to act on first: overdue longest, then by score; separated by "; ".';
COMMENT ON COLUMN sentinel_bi.risk_overview.health_score IS
    '50 + 30 x win rate - 25 x at_risk_deals / open_deals - 20 x overdue_deals / open_deals, held between 0 and 100, rounded. Win rate: won / (won + lost) of the last 365 days, 0.5 when none closed.';

CREATE OR REPLACE VIEW sentinel_bi.action_queue WITH (security_invoker = true) AS
WITH risks AS MATERIALIZED (
    SELECT x.deal_id, x.is_at_risk, x.is_overdue, x.action_urgency, x.overdue_days, x.score,
           CASE x.risk_role WHEN 2 THEN 2 WHEN 1 THEN 1 ELSE 0 END AS stage_priority, x.last_activity_at
    FROM sentinel.open_deal_scores x),
queue AS (
    (SELECT 'urgent' AS queue, row_number() OVER (ORDER BY r.is_overdue DESC, r.overdue_days DESC, r.score DESC, r.deal_id) AS place,
            r.deal_id
     FROM risks r WHERE r.is_at_risk AND (r.is_overdue OR r.action_urgency = 'high') ORDER BY 2 LIMIT 5)
    UNION ALL
    (SELECT 'important' AS queue, row_number() OVER (ORDER BY r.score DESC, r.deal_id), r.deal_id
     FROM risks r WHERE r.is_at_risk AND NOT r.is_overdue AND r.action_urgency IS DISTINCT FROM 'high' ORDER BY 2 LIMIT 5)
    UNION ALL
    (SELECT 'safe' AS queue, row_number() OVER (ORDER BY r.stage_priority DESC, r.last_activity_at DESC, r.deal_id), r.deal_id
     FROM risks r WHERE NOT r.is_at_risk ORDER BY 2 LIMIT 5))
SELECT q.queue, q.place::numeric AS "position", q.deal_id::text AS deal_id, d.name, d.pipeline, d.stage, d.owner, d.currency,
       d.value::numeric AS value, d.score::numeric AS score, d.band, d.primary_reason, d.recommended_action, d.action_urgency,
       d.action_due_at, coalesce(d.action_overdue_days, 0)::numeric AS overdue_days, d.last_activity_at
FROM queue q
JOIN sentinel.deal_risks d ON d.org_id = sentinel.current_org() AND d.deal_id = q.deal_id;
COMMENT ON VIEW sentinel_bi.action_queue IS 'What to act on, now: at most five open deals of each queue. One row is one deal.';
COMMENT ON COLUMN sentinel_bi.action_queue.queue IS
    'urgent: at risk and overdue or of high urgency, overdue first, then longest overdue, then by score. important: the others at risk, by score. safe: active deals, negotiations first, then discoveries, the last active first.';
COMMENT ON COLUMN sentinel_bi.action_queue.position IS 'Order within the queue.';
COMMENT ON COLUMN sentinel_bi.action_queue.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel_bi.action_queue.name IS 'Name of the deal.';
COMMENT ON COLUMN sentinel_bi.action_queue.pipeline IS 'Name of its pipeline.';
COMMENT ON COLUMN sentinel_bi.action_queue.stage IS 'Its stage.';
COMMENT ON COLUMN sentinel_bi.action_queue.owner IS 'Name of the member who works it; null when nobody does.';
COMMENT ON COLUMN sentinel_bi.action_queue.currency IS 'Currency of the value.';
COMMENT ON COLUMN sentinel_bi.action_queue.value IS 'Its value.';
COMMENT ON COLUMN sentinel_bi.action_queue.score IS 'Risk score, 0 to 1.';
COMMENT ON COLUMN sentinel_bi.action_queue.band IS 'Low below 0.4, Medium below 0.6, else High.';
COMMENT ON COLUMN sentinel_bi.action_queue.primary_reason IS 'The reason to act on first; null when there is none.';
COMMENT ON COLUMN sentinel_bi.action_queue.recommended_action IS 'What to do; null when the reason suggests nothing.';
COMMENT ON COLUMN sentinel_bi.action_queue.action_urgency IS 'high or medium; null without an action.';
COMMENT ON COLUMN sentinel_bi.action_queue.action_due_at IS 'When the action is due; null when not at risk.';
COMMENT ON COLUMN sentinel_bi.action_queue.overdue_days IS 'Whole days since it was due; 0 when it is not.';
COMMENT ON COLUMN sentinel_bi.action_queue.last_activity_at IS 'Newest e-mail, meeting or call; the creation when there was none.';

CREATE OR REPLACE VIEW sentinel_bi.alerts WITH (security_invoker = true) AS
WITH top AS MATERIALIZED (
    SELECT x.deal_id, x.score
    FROM sentinel.open_deal_scores x
    WHERE x.score >= 0.4::double precision
    ORDER BY x.score DESC, x.deal_id LIMIT 10)
SELECT row_number() OVER (ORDER BY t.score DESC, t.deal_id)::numeric AS "position", t.deal_id::text AS deal_id, r.name,
       lower(r.band) AS type,
       r.name || ' - ' || coalesce(r.primary_reason,
           CASE WHEN r.action_overdue_days > 0 THEN format('Action overdue by %s day(s)', r.action_overdue_days)
                WHEN i.days > 0 THEN format('No activity in %s day(s)', i.days) ELSE 'High risk detected' END) AS message,
       r.score::numeric AS score, r.currency, r.value::numeric AS value
FROM top t
JOIN sentinel.deal_risks r ON r.org_id = sentinel.current_org() AND r.deal_id = t.deal_id
CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM now() - r.last_activity_at) / 86400) AS days) i;
COMMENT ON VIEW sentinel_bi.alerts IS
    'The ten open deals of medium and high risk with the highest scores, now. One row is one deal. What was sent to people: sentinel.open_alerts.';
COMMENT ON COLUMN sentinel_bi.alerts.position IS 'Order, the highest score first; of equal scores the older deal.';
COMMENT ON COLUMN sentinel_bi.alerts.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel_bi.alerts.name IS 'Name of the deal.';
COMMENT ON COLUMN sentinel_bi.alerts.type IS 'high or medium: the band.';
COMMENT ON COLUMN sentinel_bi.alerts.message IS
    'Name of the deal and the primary reason; without one how long the action is overdue, else the whole days without activity, else "High risk detected".';
COMMENT ON COLUMN sentinel_bi.alerts.score IS 'Risk score, 0 to 1.';
COMMENT ON COLUMN sentinel_bi.alerts.currency IS 'Currency of the value.';
COMMENT ON COLUMN sentinel_bi.alerts.value IS 'Value of the deal.';

GRANT SELECT ON sentinel.open_deal_scores, sentinel_bi.open_deal_risks, sentinel_bi.risk_overview, sentinel_bi.action_queue, sentinel_bi.alerts
    TO sentinel_reader, sentinel_member;
