-- Room analytics: views of what was won and lost: by month, by source, by channel, by reason, by who won it.

CREATE OR REPLACE VIEW sentinel_bi.monthly_revenue WITH (security_invoker = true) AS
WITH months AS (SELECT m.starts_at, m.ends_at FROM sentinel.recent_months(25) m),
amounts AS (
    SELECT m.starts_at, c.currency, c.created, c.created_value, 0::bigint AS won, 0::numeric AS won_value, 0::bigint AS lost,
           0::numeric AS lost_value
    FROM months m
    CROSS JOIN LATERAL (
        SELECT d.currency, count(*) AS created, sum(d.value) AS created_value
        FROM sentinel.deals d
        WHERE d.org_id = sentinel.current_org() AND d.created_at >= m.starts_at AND d.created_at < m.ends_at
        GROUP BY d.currency) c
    UNION ALL
    SELECT m.starts_at, c.currency, 0, 0, c.won, c.won_value, c.lost, c.lost_value
    FROM months m
    CROSS JOIN LATERAL (
        SELECT d.currency, count(*) FILTER (WHERE d.stage_kind = 'won') AS won,
               coalesce(sum(d.value) FILTER (WHERE d.stage_kind = 'won'), 0) AS won_value,
               count(*) FILTER (WHERE d.stage_kind = 'lost') AS lost,
               coalesce(sum(d.value) FILTER (WHERE d.stage_kind = 'lost'), 0) AS lost_value
        FROM sentinel.deals d
        WHERE d.org_id = sentinel.current_org() AND d.closed_at >= m.starts_at AND d.closed_at < m.ends_at
        GROUP BY d.currency) c),
sums AS (
    SELECT m.starts_at, k.currency, coalesce(sum(a.created), 0) AS created, coalesce(sum(a.created_value), 0) AS created_value,
           coalesce(sum(a.won), 0) AS won, coalesce(sum(a.won_value), 0) AS won_value, coalesce(sum(a.lost), 0) AS lost,
           coalesce(sum(a.lost_value), 0) AS lost_value
    FROM months m
    CROSS JOIN (SELECT DISTINCT x.currency FROM amounts x) k
    LEFT JOIN amounts a ON a.starts_at = m.starts_at AND a.currency = k.currency
    GROUP BY m.starts_at, k.currency),
compared AS (
    SELECT s.*, lag(s.won_value) OVER w AS before, lag(s.won_value, 12) OVER w AS year_before,
           row_number() OVER (PARTITION BY s.currency ORDER BY s.starts_at DESC) AS months_back
    FROM sums s
    WINDOW w AS (PARTITION BY s.currency ORDER BY s.starts_at))
SELECT c.starts_at AS month_start, c.currency, c.created::numeric AS created_deals,
       round(c.created_value, 2) AS created_value, c.won::numeric AS won_deals, round(c.won_value, 2) AS won_value,
       c.lost::numeric AS lost_deals, round(c.lost_value, 2) AS lost_value,
       round(c.won / nullif(c.won + c.lost, 0), 4) AS win_rate,
       round((c.won_value - c.before) / nullif(c.before, 0), 4) AS growth,
       round(c.year_before, 2) AS won_value_year_before,
       round((c.won_value - c.year_before) / nullif(c.year_before, 0), 4) AS growth_on_year
FROM compared c
WHERE c.months_back <= 13;
COMMENT ON VIEW sentinel_bi.monthly_revenue IS
    'What was begun, won and lost in a month: this month so far and the twelve before. One row is one calendar month, in the time zone of the organisation, in one currency, months without deals included.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.month_start IS 'Start of the month.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.created_deals IS 'Deals begun in the month.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.created_value IS 'Sum of their present values.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.won_deals IS 'Deals that stand won and closed in the month.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.won_value IS 'Sum of their values: the revenue of the month.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.lost_deals IS 'Deals that stand lost and closed in the month.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.lost_value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.win_rate IS 'won_deals / (won_deals + lost_deals); null when none closed.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.growth IS '(won_value - that of the month before) / that of the month before; null when that is 0.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.won_value_year_before IS 'won_value of the same month of the year before.';
COMMENT ON COLUMN sentinel_bi.monthly_revenue.growth_on_year IS '(won_value - won_value_year_before) / won_value_year_before; null when that is 0.';

CREATE OR REPLACE VIEW sentinel_bi.lost_revenue WITH (security_invoker = true) AS
SELECT p.name AS pipeline, x.furthest_stage AS stage, coalesce(s.label, x.furthest_stage, 'None') AS label,
       s."position"::numeric AS "position", x.currency, x.deals::numeric AS lost_deals, x.value AS lost_value,
       round(x.value * coalesce(s.probability, 0), 2) AS estimated_lost_value, x.year_deals::numeric AS lost_deals_365_days,
       x.year_value AS lost_value_365_days, round(x.year_value * coalesce(s.probability, 0), 2) AS estimated_lost_value_365_days
FROM (
    SELECT d.pipeline_id, d.furthest_stage, d.currency, count(*) AS deals, sum(d.value) AS value,
           count(*) FILTER (WHERE d.closed_at >= now() - interval '8760 hours') AS year_deals,
           round(coalesce(sum(d.value) FILTER (WHERE d.closed_at >= now() - interval '8760 hours'), 0), 2) AS year_value
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.closed_at IS NOT NULL AND d.stage_kind = 'lost'
    GROUP BY d.pipeline_id, d.furthest_stage, d.currency) x
JOIN sentinel.pipelines p ON p.org_id = sentinel.current_org() AND p.id = x.pipeline_id
LEFT JOIN sentinel.pipeline_stages s
    ON s.org_id = sentinel.current_org() AND s.pipeline_id = x.pipeline_id AND s.stage = x.furthest_stage;
COMMENT ON VIEW sentinel_bi.lost_revenue IS
    'What was lost, all deals that stand lost, by how far they had come. One row is one furthest stage of a pipeline in one currency.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.stage IS 'Furthest stage that the deals had been in; null for deals that began lost.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.label IS 'Name of that stage for people; None where there is none.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.position IS 'Order of that stage.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.lost_deals IS 'Lost deals.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.lost_value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.estimated_lost_value IS 'lost_value x probability that the furthest stage has now, rounded to the cent once per row: what could be hoped for.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.lost_deals_365_days IS 'Of the lost deals, those closed in the last 365 days.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.lost_value_365_days IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.lost_revenue.estimated_lost_value_365_days IS 'That sum x the same probability, rounded to the cent once per row.';

CREATE OR REPLACE VIEW sentinel_bi.lost_reasons WITH (security_invoker = true) AS
SELECT coalesce(nullif(lower(btrim(d.lost_reason)), ''), 'unspecified') AS reason, d.currency,
       count(*)::numeric AS lost_deals, sum(d.value) AS lost_value, max(d.closed_at) AS last_lost_at
FROM sentinel.deals d
WHERE d.org_id = sentinel.current_org() AND d.closed_at >= now() - interval '8760 hours' AND d.stage_kind = 'lost'
GROUP BY 1, 2;
COMMENT ON VIEW sentinel_bi.lost_reasons IS 'Why deals were lost, of those that stand lost and closed in the last 365 days of 24 hours. One row is one reason in one currency.';
COMMENT ON COLUMN sentinel_bi.lost_reasons.reason IS 'Reason as written, in lower case without blanks around it; unspecified where there is none.';
COMMENT ON COLUMN sentinel_bi.lost_reasons.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.lost_reasons.lost_deals IS 'Lost deals.';
COMMENT ON COLUMN sentinel_bi.lost_reasons.lost_value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.lost_reasons.last_lost_at IS 'When the last of them was lost.';

CREATE OR REPLACE VIEW sentinel_bi.revenue_by_source WITH (security_invoker = true) AS
SELECT coalesce(nullif(btrim(l.lead_source), ''), 'unknown') AS source, coalesce(nullif(btrim(l.platform), ''), 'unknown') AS platform,
       d.currency, coalesce(sum(d.deals) FILTER (WHERE d.stage_kind = 'won'), 0) AS won_deals,
       round(coalesce(sum(d.value) FILTER (WHERE d.stage_kind = 'won'), 0), 2) AS won_value,
       round(sum(d.value) FILTER (WHERE d.stage_kind = 'won') / sum(d.deals) FILTER (WHERE d.stage_kind = 'won'), 2)
           AS average_won_value,
       coalesce(sum(d.deals) FILTER (WHERE d.stage_kind = 'lost'), 0) AS lost_deals,
       round(coalesce(sum(d.deals) FILTER (WHERE d.stage_kind = 'won'), 0) / sum(d.deals), 4) AS win_rate
FROM (
    SELECT x.lead_id, x.currency, x.stage_kind, count(*) AS deals, sum(x.value) AS value
    FROM sentinel.deals x
    WHERE x.org_id = sentinel.current_org() AND x.closed_at IS NOT NULL
    GROUP BY x.lead_id, x.currency, x.stage_kind) d
LEFT JOIN sentinel.leads l ON l.org_id = sentinel.current_org() AND l.id = d.lead_id
GROUP BY 1, 2, 3;
COMMENT ON VIEW sentinel_bi.revenue_by_source IS
    'Where the money comes from: all closed deals by the source and platform of their lead. One row is one source and platform in one currency. Deals without a lead, or with one that the reader may not see, are unknown.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.source IS 'Source of the lead as given; unknown where there is none.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.platform IS 'Platform of the lead as given; unknown where there is none.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.won_deals IS 'Deals that stand won.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.won_value IS 'Sum of their values: the revenue.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.average_won_value IS 'won_value / won_deals; null without any.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.lost_deals IS 'Deals that stand lost.';
COMMENT ON COLUMN sentinel_bi.revenue_by_source.win_rate IS 'won_deals / (won_deals + lost_deals).';

CREATE OR REPLACE VIEW sentinel_bi.revenue_by_channel WITH (security_invoker = true) AS
WITH closed AS (
    SELECT coalesce(d.channel, 'unset') AS channel, d.currency, count(*) AS deals, sum(d.value) AS value,
           count(*) FILTER (WHERE d.closed_at >= now() - interval '720 hours') AS month_deals,
           sum(d.value) FILTER (WHERE d.closed_at >= now() - interval '720 hours') AS month_value,
           sum(d.value) FILTER (WHERE d.closed_at >= now() - interval '1440 hours'
                                      AND d.closed_at < now() - interval '720 hours') AS before_value
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.closed_at >= now() - interval '8760 hours' AND d.stage_kind = 'won'
    GROUP BY 1, 2)
SELECT h.channel, h.place::numeric AS "position", k.currency, coalesce(c.deals, 0)::numeric AS won_deals_365_days,
       round(coalesce(c.value, 0), 2) AS won_value_365_days, coalesce(c.month_deals, 0)::numeric AS won_deals_30_days,
       round(coalesce(c.month_value, 0), 2) AS won_value_30_days,
       round(coalesce(c.before_value, 0), 2) AS won_value_30_days_before,
       round((coalesce(c.month_value, 0) - c.before_value) / nullif(c.before_value, 0), 4) AS change
FROM (SELECT DISTINCT x.currency FROM closed x) k
CROSS JOIN (VALUES (1, 'direct'), (2, 'organic'), (3, 'outbound'), (4, 'referrals'), (5, 'partners'), (6, 'unset'))
    AS h (place, channel)
LEFT JOIN closed c ON c.channel = h.channel AND c.currency = k.currency;
COMMENT ON VIEW sentinel_bi.revenue_by_channel IS
    'How deals were won: those that stand won and closed in the last 365 days, by channel. One row is one channel in one currency, empty ones included. Days have 24 hours.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.channel IS 'direct, organic, outbound, referrals or partners; unset for deals without one.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.position IS 'Order of the channel.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.won_deals_365_days IS 'Deals won.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.won_value_365_days IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.won_deals_30_days IS 'Deals won in the last 30 days.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.won_value_30_days IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.won_value_30_days_before IS 'Value won in the 30 days before those.';
COMMENT ON COLUMN sentinel_bi.revenue_by_channel.change IS '(won_value_30_days - won_value_30_days_before) / won_value_30_days_before; null when that is 0.';

CREATE OR REPLACE VIEW sentinel_bi.leaderboard WITH (security_invoker = true) AS
WITH span AS (
    SELECT p.period, p.starts_at, p.ends_at FROM sentinel.periods() p
    WHERE p.period IN ('this_month', 'last_month', 'this_quarter', 'last_365_days')),
closed AS (
    SELECT t.period, coalesce(d.owner_id, '00000000-0000-0000-0000-000000000000') AS owner_id, d.currency,
           count(*) AS deals, count(*) FILTER (WHERE d.stage_kind = 'won') AS won,
           sum(d.value) FILTER (WHERE d.stage_kind = 'won') AS won_value,
           avg(extract(epoch FROM d.closed_at - d.created_at))
               FILTER (WHERE d.stage_kind = 'won' AND d.closed_at >= d.created_at) AS cycle
    FROM span t
    JOIN sentinel.deals d ON d.closed_at >= t.starts_at AND d.closed_at < t.ends_at
    WHERE d.org_id = sentinel.current_org()
    GROUP BY 1, 2, 3),
open_stages AS (
    SELECT coalesce(d.owner_id, '00000000-0000-0000-0000-000000000000') AS owner_id, d.currency, d.pipeline_id, d.stage,
           count(*) AS deals, sum(d.value) AS value
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
    GROUP BY 1, 2, 3, 4),
open_deals AS (
    SELECT o.owner_id, o.currency, sum(o.deals) AS deals, sum(o.value) AS value, sum(o.value * s.probability) AS weighted
    FROM open_stages o
    JOIN sentinel.pipeline_stages s
        ON s.org_id = sentinel.current_org() AND s.pipeline_id = o.pipeline_id AND s.stage = o.stage
    GROUP BY o.owner_id, o.currency)
SELECT k.period, k.currency,
       rank() OVER (PARTITION BY k.period, k.currency ORDER BY coalesce(c.won_value, 0) DESC)::numeric AS rank,
       m.id::text AS member_id, coalesce(m.display_name, 'nobody') AS owner, coalesce(c.won, 0)::numeric AS won_deals,
       round(coalesce(c.won_value, 0), 2) AS won_value, coalesce(c.deals - c.won, 0)::numeric AS lost_deals,
       round(c.won::numeric / c.deals, 4) AS win_rate, round(c.won_value / nullif(c.won, 0), 2) AS average_won_value,
       round(c.cycle / 86400, 2) AS mean_cycle_days, coalesce(o.deals, 0)::numeric AS open_deals,
       round(coalesce(o.value, 0), 2) AS open_value, round(coalesce(o.weighted, 0), 2) AS weighted_value
FROM (SELECT t.period, x.owner_id, x.currency FROM span t CROSS JOIN open_deals x
      UNION SELECT x.period, x.owner_id, x.currency FROM closed x) k
LEFT JOIN closed c ON c.period = k.period AND c.owner_id = k.owner_id AND c.currency = k.currency
LEFT JOIN open_deals o ON o.owner_id = k.owner_id AND o.currency = k.currency
LEFT JOIN sentinel.members m ON m.org_id = sentinel.current_org() AND m.id = k.owner_id;
COMMENT ON VIEW sentinel_bi.leaderboard IS
    'Who wins: the deals that stand closed and closed in a period, and the open ones now, by their present owner. One row is one owner in one period and currency. Members who enter see their own deals and those of their teams.';
COMMENT ON COLUMN sentinel_bi.leaderboard.period IS
    'this_month so far, last_month, this_quarter so far, by the calendar in the time zone of the organisation; last_365_days of 24 hours.';
COMMENT ON COLUMN sentinel_bi.leaderboard.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.leaderboard.rank IS 'Place by won_value in the period and currency, 1 first; equal values share a place.';
COMMENT ON COLUMN sentinel_bi.leaderboard.member_id IS 'Member who owns the deals; null for deals of nobody.';
COMMENT ON COLUMN sentinel_bi.leaderboard.owner IS 'Name of the member, or nobody.';
COMMENT ON COLUMN sentinel_bi.leaderboard.won_deals IS 'Deals won in the period.';
COMMENT ON COLUMN sentinel_bi.leaderboard.won_value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.leaderboard.lost_deals IS 'Deals lost in the period.';
COMMENT ON COLUMN sentinel_bi.leaderboard.win_rate IS 'won_deals / (won_deals + lost_deals); null when none closed.';
COMMENT ON COLUMN sentinel_bi.leaderboard.average_won_value IS 'won_value / won_deals; null without any.';
COMMENT ON COLUMN sentinel_bi.leaderboard.mean_cycle_days IS 'Mean of closing less creation of the won deals, in days of 24 hours; negative ones left out.';
COMMENT ON COLUMN sentinel_bi.leaderboard.open_deals IS 'Open deals now, whatever the period.';
COMMENT ON COLUMN sentinel_bi.leaderboard.open_value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.leaderboard.weighted_value IS 'Sum of value x probability of the stage, rounded to the cent once.';

GRANT SELECT ON sentinel_bi.monthly_revenue, sentinel_bi.lost_revenue, sentinel_bi.lost_reasons,
    sentinel_bi.revenue_by_source, sentinel_bi.revenue_by_channel, sentinel_bi.leaderboard TO sentinel_reader, sentinel_member;
