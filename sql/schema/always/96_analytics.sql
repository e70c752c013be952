-- Room analytics: row rights of quotas, and the views of the pipeline as it stands: dashboard, pipeline, ageing, forecast
-- categories, coverage, what was lost. Each names the organisation itself, too, so that whoever passes over row-level security
-- sees one. Sums are made per currency and per stage first; names and probabilities join what is left.

DROP POLICY IF EXISTS tenant_isolation ON sentinel.quotas;
CREATE POLICY tenant_isolation ON sentinel.quotas
    USING (org_id = sentinel.current_org() AND (member_id IS NULL OR sentinel.may('view', NULL, member_id)))
    WITH CHECK (org_id = sentinel.current_org() AND (member_id IS NULL OR sentinel.may('view', NULL, member_id)));
GRANT SELECT ON sentinel.quotas TO sentinel_reader, sentinel_member;

CREATE OR REPLACE VIEW sentinel_bi.dashboard WITH (security_invoker = true) AS
WITH span AS (
    SELECT max(p.starts_at) FILTER (WHERE p.period = 'this_month') AS month_at,
           max(p.starts_at) FILTER (WHERE p.period = 'last_month') AS last_month_at,
           max(p.starts_at) FILTER (WHERE p.period = 'last_7_days') AS days_7_at,
           max(p.starts_at) FILTER (WHERE p.period = 'last_30_days') AS days_30_at,
           max(p.starts_at) FILTER (WHERE p.period = 'last_365_days') AS days_365_at
    FROM sentinel.periods() p),
open_stages AS (
    SELECT d.currency, d.pipeline_id, d.stage, count(*) AS deals, sum(d.value) AS value,
           sum(extract(epoch FROM now() - d.created_at)) AS seconds
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
    GROUP BY d.currency, d.pipeline_id, d.stage),
open_deals AS (
    SELECT o.currency, sum(o.deals) AS deals, sum(o.value) AS value, sum(o.value * s.probability) AS weighted,
           sum(o.seconds) / sum(o.deals) / 86400 AS age
    FROM open_stages o
    JOIN sentinel.pipeline_stages s
        ON s.org_id = sentinel.current_org() AND s.pipeline_id = o.pipeline_id AND s.stage = o.stage
    GROUP BY o.currency),
closed_stages AS (
    SELECT d.currency, d.pipeline_id, d.furthest_stage, d.stage_kind, count(*) AS deals, sum(d.value) AS value,
           count(*) FILTER (WHERE d.closed_at >= t.month_at) AS month_deals,
           sum(d.value) FILTER (WHERE d.closed_at >= t.month_at) AS month_value,
           count(*) FILTER (WHERE d.closed_at >= t.last_month_at AND d.closed_at < t.month_at) AS last_month_deals,
           sum(d.value) FILTER (WHERE d.closed_at >= t.last_month_at AND d.closed_at < t.month_at) AS last_month_value,
           count(*) FILTER (WHERE d.closed_at >= d.created_at) AS cycles,
           sum(extract(epoch FROM d.closed_at - d.created_at)) FILTER (WHERE d.closed_at >= d.created_at) AS seconds
    FROM span t
    JOIN sentinel.deals d ON d.closed_at >= t.days_365_at
    WHERE d.org_id = sentinel.current_org()
    GROUP BY d.currency, d.pipeline_id, d.furthest_stage, d.stage_kind),
closed_deals AS (
    SELECT c.currency, sum(c.deals) AS deals, sum(c.value) AS value,
           sum(c.deals) FILTER (WHERE c.stage_kind = 'won') AS won,
           sum(c.value) FILTER (WHERE c.stage_kind = 'won') AS won_value,
           sum(c.value) FILTER (WHERE c.stage_kind = 'lost') AS lost_value,
           sum(c.value * s.probability) FILTER (WHERE c.stage_kind = 'lost') AS lost_weighted,
           sum(c.month_deals) FILTER (WHERE c.stage_kind = 'won') AS month_deals,
           sum(c.month_value) FILTER (WHERE c.stage_kind = 'won') AS month_value,
           sum(c.last_month_deals) FILTER (WHERE c.stage_kind = 'won') AS last_month_deals,
           sum(c.last_month_value) FILTER (WHERE c.stage_kind = 'won') AS last_month_value,
           sum(c.seconds) FILTER (WHERE c.stage_kind = 'won')
               / nullif(sum(c.cycles) FILTER (WHERE c.stage_kind = 'won'), 0) / 86400 AS cycle
    FROM closed_stages c
    LEFT JOIN sentinel.pipeline_stages s
        ON s.org_id = sentinel.current_org() AND s.pipeline_id = c.pipeline_id AND s.stage = c.furthest_stage
    GROUP BY c.currency),
new_deals AS (
    SELECT d.currency, count(*) AS deals, sum(d.value) AS value,
           count(*) FILTER (WHERE d.created_at >= t.days_7_at) AS week_deals
    FROM span t
    JOIN sentinel.deals d ON d.created_at >= t.days_30_at
    WHERE d.org_id = sentinel.current_org()
    GROUP BY d.currency)
SELECT k.currency, coalesce(o.deals, 0)::numeric AS open_deals, round(coalesce(o.value, 0), 2) AS open_value,
       round(coalesce(o.weighted, 0), 2) AS weighted_value, round(o.value / o.deals, 2) AS mean_open_value,
       round(o.age, 2) AS mean_age_days, coalesce(n.week_deals, 0)::numeric AS created_deals_7_days,
       coalesce(n.deals, 0)::numeric AS created_deals_30_days, round(coalesce(n.value, 0), 2) AS created_value_30_days,
       coalesce(c.won, 0)::numeric AS won_deals_365_days, round(coalesce(c.won_value, 0), 2) AS won_value_365_days,
       coalesce(c.deals - coalesce(c.won, 0), 0)::numeric AS lost_deals_365_days,
       round(coalesce(c.lost_value, 0), 2) AS lost_value_365_days,
       round(coalesce(c.lost_weighted, 0), 2) AS estimated_lost_value_365_days,
       round(coalesce(c.won, 0) / c.deals, 4) AS win_rate,
       round(coalesce(c.won_value, 0) / nullif(c.value, 0), 4) AS win_rate_by_value,
       round(c.cycle, 2) AS mean_cycle_days, round(c.won_value / nullif(c.cycle, 0), 2) AS velocity_per_day,
       coalesce(c.month_deals, 0)::numeric AS won_deals_this_month,
       round(coalesce(c.month_value, 0), 2) AS won_value_this_month,
       coalesce(c.last_month_deals, 0)::numeric AS won_deals_last_month,
       round(coalesce(c.last_month_value, 0), 2) AS won_value_last_month,
       round((coalesce(c.month_value, 0) - c.last_month_value) / nullif(c.last_month_value, 0), 4) AS revenue_growth
FROM (SELECT currency FROM open_deals UNION SELECT currency FROM closed_deals UNION SELECT currency FROM new_deals) k
LEFT JOIN open_deals o ON o.currency = k.currency
LEFT JOIN closed_deals c ON c.currency = k.currency
LEFT JOIN new_deals n ON n.currency = k.currency;
COMMENT ON VIEW sentinel_bi.dashboard IS
    'The deals of the organisation in numbers, now. One row is one currency: values in different currencies are never added. Months are calendar months in the time zone of the organisation, days have 24 hours. No row for a currency without open deals and without deals begun in the last 30 or closed in the last 365 days.';
COMMENT ON COLUMN sentinel_bi.dashboard.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.dashboard.open_deals IS 'Deals neither won nor lost.';
COMMENT ON COLUMN sentinel_bi.dashboard.open_value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.dashboard.weighted_value IS 'Sum of value x probability of the stage, rounded to the cent once, after summing.';
COMMENT ON COLUMN sentinel_bi.dashboard.mean_open_value IS 'open_value / open_deals; null without any.';
COMMENT ON COLUMN sentinel_bi.dashboard.mean_age_days IS 'Mean of now less creation over the open deals, in days.';
COMMENT ON COLUMN sentinel_bi.dashboard.created_deals_7_days IS 'Deals begun in the last 7 days, whatever became of them.';
COMMENT ON COLUMN sentinel_bi.dashboard.created_deals_30_days IS 'Deals begun in the last 30 days: the creation rate.';
COMMENT ON COLUMN sentinel_bi.dashboard.created_value_30_days IS 'Sum of the present values of the deals begun in the last 30 days.';
COMMENT ON COLUMN sentinel_bi.dashboard.won_deals_365_days IS 'Deals that stand won and closed in the last 365 days.';
COMMENT ON COLUMN sentinel_bi.dashboard.won_value_365_days IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.dashboard.lost_deals_365_days IS 'Deals that stand lost and closed in the last 365 days.';
COMMENT ON COLUMN sentinel_bi.dashboard.lost_value_365_days IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.dashboard.estimated_lost_value_365_days IS
    'Sum of value x probability of the furthest stage that each lost deal had reached, rounded to the cent once.';
COMMENT ON COLUMN sentinel_bi.dashboard.win_rate IS 'Won / (won + lost) of the deals closed in the last 365 days, 0 to 1; open deals do not count.';
COMMENT ON COLUMN sentinel_bi.dashboard.win_rate_by_value IS 'Won value / (won + lost value) of the same deals; null when all are worth nothing.';
COMMENT ON COLUMN sentinel_bi.dashboard.mean_cycle_days IS 'Mean of closing less creation of the deals won in the last 365 days, in days; negative ones left out.';
COMMENT ON COLUMN sentinel_bi.dashboard.velocity_per_day IS
    'Closed deals x win rate x average won value / mean cycle days over the last 365 days, that is won_value_365_days over the mean cycle before rounding.';
COMMENT ON COLUMN sentinel_bi.dashboard.won_deals_this_month IS 'Deals won since this month began.';
COMMENT ON COLUMN sentinel_bi.dashboard.won_value_this_month IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.dashboard.won_deals_last_month IS 'Deals won in the whole of last month.';
COMMENT ON COLUMN sentinel_bi.dashboard.won_value_last_month IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.dashboard.revenue_growth IS
    '(won value of this month so far - that of the whole last month) / that of last month; null when that is nothing.';

CREATE OR REPLACE VIEW sentinel_bi.pipeline WITH (security_invoker = true) AS
WITH stands AS (
    SELECT d.pipeline_id, d.stage, d.currency, count(*) AS deals, sum(d.value) AS value,
           sum(extract(epoch FROM now() - d.created_at)) AS age,
           sum(extract(epoch FROM now() - d.stage_changed_at)) AS stay,
           count(*) FILTER (WHERE d.value = 0) AS no_amount,
           count(*) FILTER (WHERE d.expected_close_at < t.starts_at) AS past_due
    FROM sentinel.periods() t
    JOIN sentinel.deals d ON d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
    WHERE t.period = 'today'
    GROUP BY d.pipeline_id, d.stage, d.currency)
SELECT p.name AS pipeline, s.stage, s.label, s."position"::numeric AS "position", s.probability::numeric AS probability,
       c.currency, coalesce(x.deals, 0)::numeric AS deals, round(coalesce(x.value, 0), 2) AS value,
       round(x.value / x.deals, 2) AS mean_value, round(coalesce(x.value, 0) * s.probability, 2) AS weighted_value,
       round(x.age / x.deals / 86400, 2) AS mean_age_days, round(x.stay / x.deals / 86400, 2) AS mean_days_in_stage,
       coalesce(x.no_amount, 0)::numeric AS deals_without_amount, coalesce(x.past_due, 0)::numeric AS deals_past_due,
       CASE WHEN lag(coalesce(x.deals, 0)) OVER w > 0 AND coalesce(x.deals, 0) > lag(coalesce(x.deals, 0)) OVER w + 2
            THEN 'yes' ELSE 'no' END AS bottleneck
FROM (SELECT DISTINCT y.pipeline_id, y.currency FROM stands y) c
JOIN sentinel.pipelines p ON p.org_id = sentinel.current_org() AND p.id = c.pipeline_id
JOIN sentinel.pipeline_stages s ON s.org_id = sentinel.current_org() AND s.pipeline_id = c.pipeline_id AND s.kind = 'open'
LEFT JOIN stands x ON x.pipeline_id = c.pipeline_id AND x.currency = c.currency AND x.stage = s.stage
WINDOW w AS (PARTITION BY c.pipeline_id, c.currency ORDER BY s."position");
COMMENT ON VIEW sentinel_bi.pipeline IS
    'The open deals by stage, now. One row is one open stage of a pipeline in one currency, empty stages included; a pipeline without open deals has no row. The past: sentinel.pipeline_as_of().';
COMMENT ON COLUMN sentinel_bi.pipeline.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.pipeline.stage IS 'Name of the stage in data.';
COMMENT ON COLUMN sentinel_bi.pipeline.label IS 'Name of the stage for people.';
COMMENT ON COLUMN sentinel_bi.pipeline.position IS 'Order of the stage.';
COMMENT ON COLUMN sentinel_bi.pipeline.probability IS 'Chance to win from the stage, 0 to 1, as it is set.';
COMMENT ON COLUMN sentinel_bi.pipeline.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.pipeline.deals IS 'Open deals that are in the stage.';
COMMENT ON COLUMN sentinel_bi.pipeline.value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.pipeline.mean_value IS 'value / deals; null without any.';
COMMENT ON COLUMN sentinel_bi.pipeline.weighted_value IS 'value x probability, rounded to the cent once per row.';
COMMENT ON COLUMN sentinel_bi.pipeline.mean_age_days IS 'Mean of now less creation of the deal, in days of 24 hours.';
COMMENT ON COLUMN sentinel_bi.pipeline.mean_days_in_stage IS 'Mean of now less the last entry into this stage, in days of 24 hours.';
COMMENT ON COLUMN sentinel_bi.pipeline.deals_without_amount IS 'Of the deals, those with the value 0.';
COMMENT ON COLUMN sentinel_bi.pipeline.deals_past_due IS 'Of the deals, those expected to close before today began in the time zone of the organisation.';
COMMENT ON COLUMN sentinel_bi.pipeline.bottleneck IS
    'yes when the stage before has deals in this currency and this one has at least three more; else no.';

CREATE OR REPLACE VIEW sentinel_bi.aging WITH (security_invoker = true) AS
WITH aged AS (
    SELECT d.pipeline_id, d.currency,
           CASE WHEN d.created_at > now() - interval '744 hours' THEN 1
                WHEN d.created_at > now() - interval '1464 hours' THEN 2
                WHEN d.created_at > now() - interval '2184 hours' THEN 3
                WHEN d.created_at > now() - interval '4344 hours' THEN 4 ELSE 5 END AS place,
           count(*) AS deals, sum(d.value) AS value
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
    GROUP BY 1, 2, 3)
SELECT p.name AS pipeline, b.place::numeric AS "position", b.bucket, c.currency,
       coalesce(a.deals, 0)::numeric AS deals, round(coalesce(a.value, 0), 2) AS value
FROM (SELECT DISTINCT x.pipeline_id, x.currency FROM aged x) c
CROSS JOIN (VALUES (1, '0-30 days'), (2, '31-60 days'), (3, '61-90 days'), (4, '91-180 days'), (5, 'over 180 days'))
    AS b (place, bucket)
JOIN sentinel.pipelines p ON p.org_id = sentinel.current_org() AND p.id = c.pipeline_id
LEFT JOIN aged a ON a.pipeline_id = c.pipeline_id AND a.currency = c.currency AND a.place = b.place;
COMMENT ON VIEW sentinel_bi.aging IS
    'The open deals by age, now. One row is one bucket of a pipeline in one currency, empty buckets included.';
COMMENT ON COLUMN sentinel_bi.aging.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.aging.position IS 'Order of the bucket, youngest first.';
COMMENT ON COLUMN sentinel_bi.aging.bucket IS 'Age in whole days of 24 hours since the deal began: 0-30, 31-60, 61-90, 91-180 or over 180 days.';
COMMENT ON COLUMN sentinel_bi.aging.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.aging.deals IS 'Open deals of that age.';
COMMENT ON COLUMN sentinel_bi.aging.value IS 'Sum of their values.';

CREATE OR REPLACE VIEW sentinel_bi.hygiene WITH (security_invoker = true) AS
SELECT d.id::text AS deal_id, d.name, p.name AS pipeline, d.stage, m.display_name AS owner, d.currency,
       d.value::numeric AS value, d.expected_close_at, f.faults,
       (array_length(string_to_array(f.faults, '; '), 1))::numeric AS fault_count
FROM sentinel.periods() t
JOIN sentinel.deals d ON d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
LEFT JOIN (SELECT DISTINCT k.subject_id FROM sentinel.tasks k
           WHERE k.org_id = sentinel.current_org() AND k.subject_type = 'deal' AND k.completed_at IS NULL) n
    ON n.subject_id = d.id
CROSS JOIN LATERAL (
    SELECT concat_ws('; ', CASE WHEN d.value = 0 THEN 'no amount' END,
                     CASE WHEN d.expected_close_at IS NULL THEN 'no close date' END,
                     CASE WHEN d.expected_close_at < t.starts_at THEN 'close date is past' END,
                     CASE WHEN d.owner_id IS NULL THEN 'no owner' END,
                     CASE WHEN n.subject_id IS NULL THEN 'no next step' END) AS faults) f
JOIN sentinel.pipelines p ON p.org_id = sentinel.current_org() AND p.id = d.pipeline_id
LEFT JOIN sentinel.members m ON m.org_id = sentinel.current_org() AND m.id = d.owner_id
WHERE t.period = 'today' AND f.faults <> '';
COMMENT ON VIEW sentinel_bi.hygiene IS 'What forecasts stumble over. One row is one open deal with at least one fault.';
COMMENT ON COLUMN sentinel_bi.hygiene.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel_bi.hygiene.name IS 'Name of the deal.';
COMMENT ON COLUMN sentinel_bi.hygiene.pipeline IS 'Name of its pipeline.';
COMMENT ON COLUMN sentinel_bi.hygiene.stage IS 'Its stage.';
COMMENT ON COLUMN sentinel_bi.hygiene.owner IS 'Name of the member who works it; null when nobody does.';
COMMENT ON COLUMN sentinel_bi.hygiene.currency IS 'Currency of the value.';
COMMENT ON COLUMN sentinel_bi.hygiene.value IS 'Its value.';
COMMENT ON COLUMN sentinel_bi.hygiene.expected_close_at IS 'When it is expected to close; null when nobody said.';
COMMENT ON COLUMN sentinel_bi.hygiene.faults IS
    'The faults, separated by "; ": no amount (value 0); no close date; close date is past (before today began in the time zone of the organisation); no owner; no next step (no open task of the deal).';
COMMENT ON COLUMN sentinel_bi.hygiene.fault_count IS 'How many faults.';

GRANT SELECT ON sentinel_bi.dashboard, sentinel_bi.pipeline, sentinel_bi.aging, sentinel_bi.hygiene
    TO sentinel_reader, sentinel_member;
