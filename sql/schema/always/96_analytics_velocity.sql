-- Room analytics: views of how deals go: velocity, stage times, funnel, cohorts.

CREATE OR REPLACE VIEW sentinel_bi.velocity WITH (security_invoker = true) AS
SELECT p.period, v.pipeline, v.currency, v.closed_deals, v.won_deals, v.lost_deals, v.win_rate, v.won_value, v.lost_value,
       v.win_rate_by_value, v.average_won_value, v.mean_cycle_days, v.median_cycle_days, v.mean_lost_days,
       v.mean_days_from_lead, v.value_per_day
FROM sentinel.periods() p
CROSS JOIN LATERAL sentinel.sales_velocity(p.starts_at, p.ends_at) v
WHERE p.period IN ('last_90_days', 'last_365_days', 'all_time');
COMMENT ON VIEW sentinel_bi.velocity IS
    'How fast deals are won. One row is one period, pipeline and currency with closed deals; of the deals that stand closed and closed in the period. Other periods: sentinel.sales_velocity().';
COMMENT ON COLUMN sentinel_bi.velocity.period IS 'last_90_days, last_365_days (of 24 hours, up to now) or all_time.';
COMMENT ON COLUMN sentinel_bi.velocity.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.velocity.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.velocity.closed_deals IS 'Won and lost deals.';
COMMENT ON COLUMN sentinel_bi.velocity.won_deals IS 'Won deals.';
COMMENT ON COLUMN sentinel_bi.velocity.lost_deals IS 'Lost deals.';
COMMENT ON COLUMN sentinel_bi.velocity.win_rate IS 'won_deals / closed_deals, 0 to 1; open deals do not count.';
COMMENT ON COLUMN sentinel_bi.velocity.won_value IS 'Sum of the values of the won deals.';
COMMENT ON COLUMN sentinel_bi.velocity.lost_value IS 'Sum of the values of the lost deals.';
COMMENT ON COLUMN sentinel_bi.velocity.win_rate_by_value IS 'won_value / (won_value + lost_value); null when both are 0.';
COMMENT ON COLUMN sentinel_bi.velocity.average_won_value IS 'won_value / won_deals; null without any.';
COMMENT ON COLUMN sentinel_bi.velocity.mean_cycle_days IS 'Mean of closing less creation of the won deals, in days of 24 hours; negative ones left out.';
COMMENT ON COLUMN sentinel_bi.velocity.median_cycle_days IS 'Median of the same.';
COMMENT ON COLUMN sentinel_bi.velocity.mean_lost_days IS 'Mean of closing less creation of the lost deals.';
COMMENT ON COLUMN sentinel_bi.velocity.mean_days_from_lead IS 'Mean of closing of the deal less creation of its lead, over the won deals with a lead that the reader may see.';
COMMENT ON COLUMN sentinel_bi.velocity.value_per_day IS
    'closed deals x win rate x average won value / mean cycle days, computed without rounding in between, which is the won value over the mean cycle.';

CREATE OR REPLACE VIEW sentinel_bi.stage_times WITH (security_invoker = true) AS
SELECT p.period, t.pipeline, t.stage, t.label, t."position", t.stays, t.mean_days, t.median_days, t.p90_days, t.moved_on,
       t.moved_back, t.lost, t.changed_pipeline
FROM sentinel.periods() p
CROSS JOIN LATERAL sentinel.stage_times(p.starts_at, p.ends_at) t
WHERE p.period IN ('last_90_days', 'last_365_days');
COMMENT ON VIEW sentinel_bi.stage_times IS
    'How long deals stay in each open stage, from their history. One row is one stage in one period. Counted are stays that ended, their end recorded in the period; a deal that enters a stage twice stays twice. Deals in the stage now: sentinel_bi.pipeline.';
COMMENT ON COLUMN sentinel_bi.stage_times.period IS 'last_90_days or last_365_days (of 24 hours, up to now).';
COMMENT ON COLUMN sentinel_bi.stage_times.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.stage_times.stage IS 'Name of the stage in data.';
COMMENT ON COLUMN sentinel_bi.stage_times.label IS 'Name of the stage for people.';
COMMENT ON COLUMN sentinel_bi.stage_times.position IS 'Order of the stage; null when the pipeline no longer has it.';
COMMENT ON COLUMN sentinel_bi.stage_times.stays IS 'Stays that ended: moved_on + moved_back + lost + changed_pipeline.';
COMMENT ON COLUMN sentinel_bi.stage_times.mean_days IS 'Mean of leaving less entering, in days of 24 hours.';
COMMENT ON COLUMN sentinel_bi.stage_times.median_days IS 'Median of the same, interpolated.';
COMMENT ON COLUMN sentinel_bi.stage_times.p90_days IS '90th percentile of the same, interpolated.';
COMMENT ON COLUMN sentinel_bi.stage_times.moved_on IS 'Stays after which the deal was won or in a stage with a higher position.';
COMMENT ON COLUMN sentinel_bi.stage_times.moved_back IS 'Stays after which it was in a stage with a lower position.';
COMMENT ON COLUMN sentinel_bi.stage_times.lost IS 'Stays after which it was lost.';
COMMENT ON COLUMN sentinel_bi.stage_times.changed_pipeline IS 'Stays after which it was in another pipeline.';

CREATE OR REPLACE VIEW sentinel_bi.funnel WITH (security_invoker = true) AS
WITH reach AS (
    SELECT d.pipeline_id, d.furthest_stage, count(*) AS deals, count(*) FILTER (WHERE d.stage_kind = 'open') AS open,
           count(*) FILTER (WHERE d.stage_kind = 'won') AS won, count(*) FILTER (WHERE d.stage_kind = 'lost') AS lost
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org()
    GROUP BY d.pipeline_id, d.furthest_stage),
present AS (
    SELECT d.pipeline_id, d.stage, count(*) AS deals
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.stage_kind = 'open'
    GROUP BY d.pipeline_id, d.stage),
steps AS (
    SELECT s.pipeline_id, s.stage, s.label, s."position", s.kind, sum(r.deals) AS everything,
           coalesce(sum(r.deals) FILTER (WHERE f."position" >= s."position"), 0) AS reached,
           coalesce(sum(r.deals) FILTER (WHERE f."position" > s."position"), 0) AS passed,
           coalesce(sum(r.open) FILTER (WHERE f."position" = s."position"), 0) AS undecided,
           coalesce(sum(r.lost) FILTER (WHERE f."position" = s."position"), 0) AS lost_here,
           sum(r.lost) AS lost, coalesce(sum(r.won) FILTER (WHERE f."position" = s."position"), 0) AS won
    FROM sentinel.pipeline_stages s
    JOIN reach r ON r.pipeline_id = s.pipeline_id
    LEFT JOIN sentinel.pipeline_stages f
        ON f.org_id = sentinel.current_org() AND f.pipeline_id = r.pipeline_id AND f.stage = r.furthest_stage
    WHERE s.org_id = sentinel.current_org()
    GROUP BY s.pipeline_id, s.stage, s.label, s."position", s.kind)
SELECT p.name AS pipeline, x.stage, x.label, x."position"::numeric AS "position",
       CASE x.kind WHEN 'open' THEN coalesce(c.deals, 0) WHEN 'won' THEN x.won ELSE x.lost END::numeric AS current_deals,
       CASE WHEN x.kind <> 'lost' THEN x.reached::numeric END AS reached_deals,
       CASE WHEN x.kind = 'open' THEN x.passed::numeric END AS passed_deals,
       CASE WHEN x.kind = 'open' THEN x.undecided::numeric END AS undecided_deals,
       CASE WHEN x.kind = 'open' THEN x.lost_here::numeric END AS lost_deals,
       CASE WHEN x.kind = 'open' THEN round(x.passed / nullif(x.reached, 0), 4) END AS step_rate,
       CASE WHEN x.kind = 'open' THEN round(x.passed / nullif(x.reached - x.undecided, 0), 4) END AS decided_step_rate,
       CASE WHEN x.kind <> 'lost' THEN round(x.reached / x.everything, 4) END AS reached_rate
FROM steps x
JOIN sentinel.pipelines p ON p.org_id = sentinel.current_org() AND p.id = x.pipeline_id
LEFT JOIN present c ON c.pipeline_id = x.pipeline_id AND c.stage = x.stage;
COMMENT ON VIEW sentinel_bi.funnel IS
    'How far deals have come, all deals there are. One row is one stage of a pipeline that has deals, lost stages included. A deal has reached every stage up to the furthest that it has been in, skipped ones as well; to go back is no loss. Counts only, over all currencies. By month of creation: sentinel_bi.cohort_funnel.';
COMMENT ON COLUMN sentinel_bi.funnel.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.funnel.stage IS 'Name of the stage in data.';
COMMENT ON COLUMN sentinel_bi.funnel.label IS 'Name of the stage for people.';
COMMENT ON COLUMN sentinel_bi.funnel.position IS 'Order of the stage.';
COMMENT ON COLUMN sentinel_bi.funnel.current_deals IS 'Deals that are in the stage now. With several stages of kind lost, each shows all lost deals.';
COMMENT ON COLUMN sentinel_bi.funnel.reached_deals IS 'Deals whose furthest stage is this one or a later one; null for lost stages.';
COMMENT ON COLUMN sentinel_bi.funnel.passed_deals IS 'Deals whose furthest stage is a later one; null for won and lost stages.';
COMMENT ON COLUMN sentinel_bi.funnel.undecided_deals IS 'Open deals whose furthest stage is this one: they may still pass. Null for won and lost stages.';
COMMENT ON COLUMN sentinel_bi.funnel.lost_deals IS 'Lost deals whose furthest stage is this one; null for won and lost stages.';
COMMENT ON COLUMN sentinel_bi.funnel.step_rate IS 'passed_deals / reached_deals: of the deals that came to this stage, the share that ever came further.';
COMMENT ON COLUMN sentinel_bi.funnel.decided_step_rate IS 'passed_deals / (reached_deals - undecided_deals): the same without the deals that may still pass.';
COMMENT ON COLUMN sentinel_bi.funnel.reached_rate IS 'reached_deals / all deals of the pipeline.';

CREATE OR REPLACE VIEW sentinel_bi.cohorts WITH (security_invoker = true) AS
SELECT m.starts_at AS cohort_month, p.name AS pipeline, c.currency,
       greatest(floor(extract(epoch FROM now() - m.ends_at) / 86400), 0) AS age_days, c.created::numeric AS created_deals,
       c.created_value, c.won::numeric AS won_deals, c.lost::numeric AS lost_deals,
       (c.created - c.won - c.lost)::numeric AS open_deals, c.won_value,
       round(c.won::numeric / c.created, 4) AS cohort_win_rate, round(c.won::numeric / nullif(c.won + c.lost, 0), 4) AS win_rate,
       CASE WHEN m.ends_at + interval '720 hours' <= now() THEN round(c.won_30::numeric / c.created, 4) END
           AS won_rate_30_days,
       CASE WHEN m.ends_at + interval '2160 hours' <= now() THEN round(c.won_90::numeric / c.created, 4) END
           AS won_rate_90_days,
       CASE WHEN m.ends_at + interval '4320 hours' <= now() THEN round(c.won_180::numeric / c.created, 4) END
           AS won_rate_180_days
FROM sentinel.recent_months(24) m
CROSS JOIN LATERAL (
    SELECT d.pipeline_id, d.currency, count(*) AS created, sum(d.value) AS created_value,
           count(*) FILTER (WHERE d.stage_kind = 'won') AS won, count(*) FILTER (WHERE d.stage_kind = 'lost') AS lost,
           round(coalesce(sum(d.value) FILTER (WHERE d.stage_kind = 'won'), 0), 2) AS won_value,
           count(*) FILTER (WHERE d.stage_kind = 'won' AND d.closed_at < d.created_at + interval '720 hours') AS won_30,
           count(*) FILTER (WHERE d.stage_kind = 'won' AND d.closed_at < d.created_at + interval '2160 hours') AS won_90,
           count(*) FILTER (WHERE d.stage_kind = 'won' AND d.closed_at < d.created_at + interval '4320 hours') AS won_180
    FROM sentinel.deals d
    WHERE d.org_id = sentinel.current_org() AND d.created_at >= m.starts_at AND d.created_at < m.ends_at
    GROUP BY d.pipeline_id, d.currency) c
JOIN sentinel.pipelines p ON p.org_id = sentinel.current_org() AND p.id = c.pipeline_id;
COMMENT ON VIEW sentinel_bi.cohorts IS
    'What became of the deals begun in a month, for this month and the 23 before. One row is one calendar month of creation, in the time zone of the organisation, in one pipeline and currency. Young cohorts are not done: see age_days and open_deals.';
COMMENT ON COLUMN sentinel_bi.cohorts.cohort_month IS 'Start of the month in which the deals began.';
COMMENT ON COLUMN sentinel_bi.cohorts.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.cohorts.currency IS 'ISO 4217 code; all figures of the row are of the deals in it.';
COMMENT ON COLUMN sentinel_bi.cohorts.age_days IS 'Whole days of 24 hours since the month ended: every deal is at least so old; 0 while it lasts.';
COMMENT ON COLUMN sentinel_bi.cohorts.created_deals IS 'Deals begun in the month.';
COMMENT ON COLUMN sentinel_bi.cohorts.created_value IS 'Sum of their present values.';
COMMENT ON COLUMN sentinel_bi.cohorts.won_deals IS 'Of them, now won.';
COMMENT ON COLUMN sentinel_bi.cohorts.lost_deals IS 'Of them, now lost.';
COMMENT ON COLUMN sentinel_bi.cohorts.open_deals IS 'Of them, still open.';
COMMENT ON COLUMN sentinel_bi.cohorts.won_value IS 'Sum of the present values of the won ones.';
COMMENT ON COLUMN sentinel_bi.cohorts.cohort_win_rate IS 'won_deals / created_deals, open ones included.';
COMMENT ON COLUMN sentinel_bi.cohorts.win_rate IS 'won_deals / (won_deals + lost_deals); null while none is closed.';
COMMENT ON COLUMN sentinel_bi.cohorts.won_rate_30_days IS 'Share of created_deals won within 30 days of 24 hours of their creation; null until every deal had so long.';
COMMENT ON COLUMN sentinel_bi.cohorts.won_rate_90_days IS 'The same within 90 days.';
COMMENT ON COLUMN sentinel_bi.cohorts.won_rate_180_days IS 'The same within 180 days.';

CREATE OR REPLACE VIEW sentinel_bi.cohort_funnel WITH (security_invoker = true) AS
WITH reach AS (
    SELECT m.starts_at AS month_at, r.pipeline_id, r.furthest_stage, r.deals, r.open
    FROM sentinel.recent_months(24) m
    CROSS JOIN LATERAL (
        SELECT d.pipeline_id, d.furthest_stage, count(*) AS deals, count(*) FILTER (WHERE d.stage_kind = 'open') AS open
        FROM sentinel.deals d
        WHERE d.org_id = sentinel.current_org() AND d.created_at >= m.starts_at AND d.created_at < m.ends_at
        GROUP BY d.pipeline_id, d.furthest_stage) r)
SELECT x.month_at AS cohort_month, p.name AS pipeline, x.stage, x.label, x."position"::numeric AS "position",
       x.cohort AS cohort_deals, x.reached AS reached_deals, x.undecided AS undecided_deals,
       round(x.reached / x.cohort, 4) AS reached_rate,
       round(x.reached / nullif(x.cohort - x.undecided, 0), 4) AS decided_reached_rate
FROM (
    SELECT r.month_at, s.pipeline_id, s.stage, s.label, s."position", sum(r.deals) AS cohort,
           coalesce(sum(r.deals) FILTER (WHERE f."position" >= s."position"), 0) AS reached,
           coalesce(sum(r.open) FILTER (WHERE f."position" < s."position"), 0) AS undecided
    FROM reach r
    JOIN sentinel.pipeline_stages s
        ON s.org_id = sentinel.current_org() AND s.pipeline_id = r.pipeline_id AND s.kind <> 'lost'
    LEFT JOIN sentinel.pipeline_stages f
        ON f.org_id = sentinel.current_org() AND f.pipeline_id = r.pipeline_id AND f.stage = r.furthest_stage
    GROUP BY r.month_at, s.pipeline_id, s.stage, s.label, s."position") x
JOIN sentinel.pipelines p ON p.org_id = sentinel.current_org() AND p.id = x.pipeline_id;
COMMENT ON VIEW sentinel_bi.cohort_funnel IS
    'How far the deals begun in a month have come, for this month and the 23 before. One row is one stage, lost ones left out, for one calendar month of creation, in the time zone of the organisation. Counts only, over all currencies. Open deals that may still reach a stage are censored: see undecided_deals.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.cohort_month IS 'Start of the month in which the deals began.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.pipeline IS 'Name of the pipeline.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.stage IS 'Name of the stage in data.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.label IS 'Name of the stage for people.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.position IS 'Order of the stage.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.cohort_deals IS 'Deals of the pipeline begun in the month.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.reached_deals IS 'Of them, those whose furthest stage is this one or a later one; skipped stages count as reached.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.undecided_deals IS 'Of them, open ones whose furthest stage is an earlier one.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.reached_rate IS 'reached_deals / cohort_deals.';
COMMENT ON COLUMN sentinel_bi.cohort_funnel.decided_reached_rate IS 'reached_deals / (cohort_deals - undecided_deals); null while all are undecided.';

GRANT SELECT ON sentinel_bi.velocity, sentinel_bi.stage_times, sentinel_bi.funnel, sentinel_bi.cohorts,
    sentinel_bi.cohort_funnel TO sentinel_reader, sentinel_member;
