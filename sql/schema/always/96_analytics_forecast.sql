-- Room analytics: views of forecast: categories, coverage of quotas, slippage, and how the pipeline moved.

CREATE OR REPLACE VIEW sentinel_bi.forecast_categories WITH (security_invoker = true) AS
WITH span AS (
    SELECT p.period, p.starts_at, p.ends_at FROM sentinel.periods() p
    WHERE p.period IN ('this_month', 'next_month', 'this_quarter', 'all_time')),
stands AS (
    SELECT d.pipeline_id, d.stage, d.forecast_category, d.currency, t.period, count(*) AS deals, sum(d.value) AS value
    FROM sentinel.deals d
    JOIN span t ON t.period = 'all_time' OR d.expected_close_at >= t.starts_at AND d.expected_close_at < t.ends_at
    WHERE d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
    GROUP BY d.pipeline_id, d.stage, d.forecast_category, d.currency, t.period),
amounts AS (
    SELECT x.period, x.currency,
           coalesce(x.forecast_category, CASE WHEN s.probability < 0.4 THEN 'pipeline'
                                              WHEN s.probability < 0.6 THEN 'best_case' ELSE 'commit' END) AS category,
           x.deals, x.value, x.value * s.probability AS weighted
    FROM stands x
    JOIN sentinel.pipeline_stages s
        ON s.org_id = sentinel.current_org() AND s.pipeline_id = x.pipeline_id AND s.stage = x.stage
    UNION ALL
    SELECT t.period, d.currency, 'closed' AS category, count(*), sum(d.value), sum(d.value)
    FROM span t
    JOIN sentinel.deals d ON d.closed_at >= t.starts_at AND d.closed_at < t.ends_at
    WHERE t.period <> 'all_time' AND d.org_id = sentinel.current_org() AND d.stage_kind = 'won'
    GROUP BY t.period, d.currency)
SELECT CASE k.period WHEN 'all_time' THEN 'all_open' ELSE k.period END AS period, g.place::numeric AS "position", g.category,
       k.currency, coalesce(sum(a.deals), 0)::numeric AS deals, round(coalesce(sum(a.value), 0), 2) AS value,
       round(coalesce(sum(a.weighted), 0), 2) AS weighted_value,
       CASE WHEN g.category <> 'omitted' THEN round(sum(coalesce(sum(a.value), 0)) OVER w, 2) END AS cumulative_value
FROM (SELECT t.period, c.currency FROM span t CROSS JOIN (SELECT DISTINCT x.currency FROM amounts x) c) k
CROSS JOIN (VALUES (1, 'closed'), (2, 'commit'), (3, 'most_likely'), (4, 'best_case'), (5, 'pipeline'), (6, 'omitted'))
    AS g (place, category)
LEFT JOIN amounts a ON a.period = k.period AND a.currency = k.currency AND a.category = g.category
GROUP BY k.period, g.place, g.category, k.currency
WINDOW w AS (PARTITION BY k.period, k.currency ORDER BY g.place);
COMMENT ON VIEW sentinel_bi.forecast_categories IS
    'The forecast of a period by category, now. One row is one category of a period in one currency, empty ones included. An open deal belongs to the calendar periods, in the time zone of the organisation, that its expected close lies in; one without a date, or with a date before them, to all_open only.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.period IS 'this_month, next_month, this_quarter, or all_open: every open deal, whenever it is due.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.position IS 'Order of the category, the surest first.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.category IS
    'closed: stands won and closed in the period. Open deals: the category that a person gave, else by the probability of the stage: under 0.4 pipeline, under 0.6 best_case, from there commit. most_likely and omitted are given by persons only.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.deals IS 'Deals of the category.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.value IS 'Sum of their values.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.weighted_value IS 'Sum of value x probability of the stage, closed deals in full, rounded to the cent once per row.';
COMMENT ON COLUMN sentinel_bi.forecast_categories.cumulative_value IS 'Sum of value of this category and all surer ones, closed included; null for omitted.';

CREATE OR REPLACE VIEW sentinel_bi.coverage WITH (security_invoker = true) AS
WITH current_quotas AS (
    SELECT q.id, q.member_id, q.starts_at, q.ends_at, q.amount, q.currency FROM sentinel.quotas q
    WHERE q.org_id = sentinel.current_org() AND q.starts_at <= now() AND q.ends_at > now()),
span AS (SELECT DISTINCT q.starts_at, q.ends_at FROM current_quotas q),
-- Once for all quotas.
due AS MATERIALIZED (
    SELECT x.starts_at, x.ends_at, x.owner_id, x.currency, sum(x.value) AS value, sum(x.value * s.probability) AS weighted
    FROM (SELECT t.starts_at, t.ends_at, d.owner_id, d.currency, d.pipeline_id, d.stage, sum(d.value) AS value
          FROM span t
          JOIN sentinel.deals d ON d.expected_close_at >= t.starts_at AND d.expected_close_at < t.ends_at
          WHERE d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
          GROUP BY t.starts_at, t.ends_at, d.owner_id, d.currency, d.pipeline_id, d.stage) x
    JOIN sentinel.pipeline_stages s
        ON s.org_id = sentinel.current_org() AND s.pipeline_id = x.pipeline_id AND s.stage = x.stage
    GROUP BY x.starts_at, x.ends_at, x.owner_id, x.currency),
won AS MATERIALIZED (
    SELECT t.starts_at, t.ends_at, d.owner_id, d.currency, sum(d.value) AS value
    FROM span t
    JOIN sentinel.deals d ON d.closed_at >= t.starts_at AND d.closed_at < t.ends_at
    WHERE d.org_id = sentinel.current_org() AND d.stage_kind = 'won'
    GROUP BY t.starts_at, t.ends_at, d.owner_id, d.currency)
SELECT q.id::text AS quota_id, coalesce(m.display_name, 'the organisation') AS owner, q.starts_at AS period_start,
       q.ends_at AS period_end, q.currency, q.amount::numeric AS quota, round(w.value, 2) AS won_value,
       round(w.value / q.amount, 4) AS attainment, round(q.amount - w.value, 2) AS remaining,
       round(u.value, 2) AS due_value, round(u.weighted, 2) AS weighted_due_value,
       CASE WHEN q.amount > w.value THEN round(u.value / (q.amount - w.value), 4) END AS coverage,
       CASE WHEN q.amount > w.value THEN round(u.weighted / (q.amount - w.value), 4) END AS weighted_coverage
FROM current_quotas q
LEFT JOIN sentinel.members m ON m.org_id = sentinel.current_org() AND m.id = q.member_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.value), 0) AS value FROM won x
    WHERE x.starts_at = q.starts_at AND x.ends_at = q.ends_at AND x.currency = q.currency
      AND (q.member_id IS NULL OR x.owner_id = q.member_id)) w
CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.value), 0) AS value, coalesce(sum(x.weighted), 0) AS weighted FROM due x
    WHERE x.starts_at = q.starts_at AND x.ends_at = q.ends_at AND x.currency = q.currency
      AND (q.member_id IS NULL OR x.owner_id = q.member_id)) u;
COMMENT ON VIEW sentinel_bi.coverage IS
    'Whether the open pipeline can still fill the quotas whose period runs now. One row is one quota, of a member or of the organisation; only deals in its currency count, and only those that the reader may see.';
COMMENT ON COLUMN sentinel_bi.coverage.quota_id IS 'Quota.';
COMMENT ON COLUMN sentinel_bi.coverage.owner IS 'Name of the member, or "the organisation".';
COMMENT ON COLUMN sentinel_bi.coverage.period_start IS 'Start of the period.';
COMMENT ON COLUMN sentinel_bi.coverage.period_end IS 'End of the period, the first instant after it.';
COMMENT ON COLUMN sentinel_bi.coverage.currency IS 'ISO 4217 code of all amounts of the row.';
COMMENT ON COLUMN sentinel_bi.coverage.quota IS 'Value to be won.';
COMMENT ON COLUMN sentinel_bi.coverage.won_value IS 'Value of the deals that stand won and closed in the period.';
COMMENT ON COLUMN sentinel_bi.coverage.attainment IS 'won_value / quota.';
COMMENT ON COLUMN sentinel_bi.coverage.remaining IS 'quota - won_value; not above 0 once it is filled.';
COMMENT ON COLUMN sentinel_bi.coverage.due_value IS 'Value of the open deals whose expected close lies in the period.';
COMMENT ON COLUMN sentinel_bi.coverage.weighted_due_value IS 'Sum over them of value x probability of the stage, rounded to the cent once.';
COMMENT ON COLUMN sentinel_bi.coverage.coverage IS 'due_value / remaining; null once the quota is filled.';
COMMENT ON COLUMN sentinel_bi.coverage.weighted_coverage IS 'Weighted due value before rounding / remaining; null once the quota is filled.';

CREATE OR REPLACE VIEW sentinel_bi.slippage WITH (security_invoker = true) AS
SELECT m.starts_at AS month_start, CASE WHEN m.ends_at <= now() THEN 'yes' ELSE 'no' END AS is_over, s.currency,
       s.due_deals, s.due_value, s.weighted_value, s.won_deals, s.won_value, s.lost_deals, s.lost_value, s.removed_deals,
       s.removed_value, s.slipped_deals, s.slipped_value, s.still_due_deals, s.still_due_value, s.pushes,
       s.pulled_in_deals, s.pulled_in_value, s.slip_rate, s.slip_rate_by_value, s.actual_deals, s.actual_value,
       s.forecast_error, s.forecast_accuracy
FROM sentinel.recent_months(4) m
CROSS JOIN LATERAL sentinel.slippage(m.starts_at, m.ends_at) s;
COMMENT ON VIEW sentinel_bi.slippage IS
    'What became of the deals that were due in a month, and how the forecast held: this month so far and the three before, as they were recorded. One row is one calendar month, in the time zone of the organisation, in one currency. Won, lost, removed, slipped and still due sum to due, in deals and, with the values at the start of the month, to the cent. Other periods: sentinel.slippage().';
COMMENT ON COLUMN sentinel_bi.slippage.month_start IS 'Start of the month.';
COMMENT ON COLUMN sentinel_bi.slippage.is_over IS 'yes when the month is over, else no.';
COMMENT ON COLUMN sentinel_bi.slippage.currency IS 'ISO 4217 code that the deals had at the start; for pulled-in ones and actual, that they have.';
COMMENT ON COLUMN sentinel_bi.slippage.due_deals IS 'Deals open at the start of the month and expected then to close in it.';
COMMENT ON COLUMN sentinel_bi.slippage.due_value IS 'Sum of the values that they had at the start.';
COMMENT ON COLUMN sentinel_bi.slippage.weighted_value IS 'Sum of that value x present probability of the stage that they were in: the forecast. Rounded to the cent once.';
COMMENT ON COLUMN sentinel_bi.slippage.won_deals IS 'Of the due deals, won by the end of the month, or now if that is earlier.';
COMMENT ON COLUMN sentinel_bi.slippage.won_value IS 'Sum of the values that they had at the start.';
COMMENT ON COLUMN sentinel_bi.slippage.lost_deals IS 'Of the due deals, lost.';
COMMENT ON COLUMN sentinel_bi.slippage.lost_value IS 'Sum of the values that they had at the start.';
COMMENT ON COLUMN sentinel_bi.slippage.removed_deals IS 'Of the due deals, deleted.';
COMMENT ON COLUMN sentinel_bi.slippage.removed_value IS 'Sum of the values that they had at the start.';
COMMENT ON COLUMN sentinel_bi.slippage.slipped_deals IS 'Of the due deals, open and with an expected close that no longer lies in the month, or none.';
COMMENT ON COLUMN sentinel_bi.slippage.slipped_value IS 'Sum of the values that they had at the start.';
COMMENT ON COLUMN sentinel_bi.slippage.still_due_deals IS 'Of the due deals, open and still expected to close in the month, be the day past or not.';
COMMENT ON COLUMN sentinel_bi.slippage.still_due_value IS 'Sum of the values that they had at the start.';
COMMENT ON COLUMN sentinel_bi.slippage.pushes IS 'How often in the month the expected close of a due deal was moved later.';
COMMENT ON COLUMN sentinel_bi.slippage.pulled_in_deals IS 'Deals open and expected after the month when it began, since then won in it or moved into it.';
COMMENT ON COLUMN sentinel_bi.slippage.pulled_in_value IS 'Sum of the values that they have had last in the month.';
COMMENT ON COLUMN sentinel_bi.slippage.slip_rate IS 'slipped_deals / due_deals; null when none was due.';
COMMENT ON COLUMN sentinel_bi.slippage.slip_rate_by_value IS 'slipped_value / due_value; null when that is 0.';
COMMENT ON COLUMN sentinel_bi.slippage.actual_deals IS 'All deals that stand won and closed in the month, due or not.';
COMMENT ON COLUMN sentinel_bi.slippage.actual_value IS 'Sum of their present values.';
COMMENT ON COLUMN sentinel_bi.slippage.forecast_error IS 'Forecast less actual value, with its sign, rounded to the cent once; null until the month is over.';
COMMENT ON COLUMN sentinel_bi.slippage.forecast_accuracy IS '1 - |forecast - actual| / actual; null until the month is over, or when nothing was won.';

CREATE OR REPLACE VIEW sentinel_bi.waterfall WITH (security_invoker = true) AS
SELECT p.period, p.starts_at AS period_start, p.ends_at AS period_end, m.currency, m."position", m.step, m.deals, m.value
FROM sentinel.periods() p
CROSS JOIN LATERAL sentinel.pipeline_movement(p.starts_at, p.ends_at) m
WHERE p.period IN ('this_month', 'last_month');
COMMENT ON VIEW sentinel_bi.waterfall IS
    'How the open pipeline moved this month so far and last month, as it was recorded. One row is one step of a calendar month, in the time zone of the organisation, in one currency. Opening and the steps sum to closing, in deals and to the cent; the closing of last month is the opening of this one. Between any two times: sentinel.pipeline_movement().';
COMMENT ON COLUMN sentinel_bi.waterfall.period IS 'this_month or last_month.';
COMMENT ON COLUMN sentinel_bi.waterfall.period_start IS 'Start of the month.';
COMMENT ON COLUMN sentinel_bi.waterfall.period_end IS 'End of the month, the first instant after it.';
COMMENT ON COLUMN sentinel_bi.waterfall.currency IS 'ISO 4217 code of the values of the row.';
COMMENT ON COLUMN sentinel_bi.waterfall.position IS 'Order of the step.';
COMMENT ON COLUMN sentinel_bi.waterfall.step IS
    'opening; new: not recorded at the start; reopened: closed at the start, since then open or closed the other way; increased, decreased: change of value of deals open at the start; currency_in, currency_out: change of currency of such deals; won, lost: closed since, with their last value; deleted: open at the start; closing.';
COMMENT ON COLUMN sentinel_bi.waterfall.deals IS 'Deals that the step adds, or with a minus takes away; 0 for changes of value.';
COMMENT ON COLUMN sentinel_bi.waterfall.value IS 'Value that the step adds, or with a minus takes away.';

GRANT SELECT ON sentinel_bi.forecast_categories, sentinel_bi.coverage, sentinel_bi.slippage, sentinel_bi.waterfall
    TO sentinel_reader, sentinel_member;
