-- Room analytics: how long stages take, how fast deals are won, how forecasts held; dates, categories and quotas.

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.stage_times(since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS TABLE (pipeline text, stage text, label text, "position" numeric, stays numeric, mean_days numeric,
                   median_days numeric, p90_days numeric, moved_on numeric, moved_back numeric, lost numeric,
                   changed_pipeline numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan SET jit = off SET random_page_cost = 1.1 AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    sees_all boolean := sentinel.current_member() IS NULL;
BEGIN
    PERFORM sentinel.check_span(stage_times.since, stage_times.until);
    RETURN QUERY
    -- One pass that sorts nothing but keeps the lengths; those of a stage are sorted by themselves for its percentiles.
    WITH moves AS MATERIALIZED (
        SELECT h.left_pipeline_id AS pipeline_id, h.left_stage AS stage, h.pipeline_id AS next_pipeline, h.stage AS next_stage,
               h.stage_kind AS next_kind, count(*) AS stays, sum(h.stage_entered_at - h.left_stage_entered_at) AS length,
               array_agg(date_part('epoch', h.stage_entered_at - h.left_stage_entered_at)) AS seconds
        FROM sentinel.deal_history h
        WHERE h.org_id = org AND h.recorded_at >= stage_times.since AND h.recorded_at < stage_times.until
          AND h.left_stage IS NOT NULL AND h.stage_entered_at > h.left_stage_entered_at
          AND (sees_all OR EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.id = h.deal_id
                                   AND sentinel.may('view', d.team_id, d.owner_id)))
        GROUP BY 1, 2, 3, 4, 5),
    sums AS (
        SELECT t.pipeline_id, t.stage, s.label, s."position", sum(t.stays) AS stays, sum(t.length) AS length,
               sum(t.stays) FILTER (WHERE t.next_kind = 'won' OR t.next_kind = 'open' AND t.next_pipeline = t.pipeline_id
                                          AND coalesce(n."position" > s."position", true)) AS moved_on,
               sum(t.stays) FILTER (WHERE t.next_kind = 'open' AND t.next_pipeline = t.pipeline_id
                                          AND NOT coalesce(n."position" > s."position", true)) AS moved_back,
               sum(t.stays) FILTER (WHERE t.next_kind = 'lost') AS lost,
               sum(t.stays) FILTER (WHERE t.next_kind = 'open' AND t.next_pipeline <> t.pipeline_id) AS changed_pipeline
        FROM moves t
        LEFT JOIN sentinel.pipeline_stages s ON s.org_id = org AND s.pipeline_id = t.pipeline_id AND s.stage = t.stage
        LEFT JOIN sentinel.pipeline_stages n ON n.org_id = org AND n.pipeline_id = t.next_pipeline AND n.stage = t.next_stage
        WHERE coalesce(s.kind, 'open') = 'open'
        GROUP BY t.pipeline_id, t.stage, s.label, s."position")
    SELECT p.name, t.stage, coalesce(t.label, t.stage), t."position"::numeric, t.stays,
           round(extract(epoch FROM t.length) / t.stays / 86400, 2), round((q.days[1] / 86400)::numeric, 2),
           round((q.days[2] / 86400)::numeric, 2), coalesce(t.moved_on, 0), coalesce(t.moved_back, 0), coalesce(t.lost, 0),
           coalesce(t.changed_pipeline, 0)
    FROM sums t
    JOIN sentinel.pipelines p ON p.org_id = org AND p.id = t.pipeline_id
    CROSS JOIN LATERAL (
        SELECT percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY x.seconds) AS days
        FROM moves m CROSS JOIN LATERAL unnest(m.seconds) AS x (seconds)
        WHERE m.pipeline_id = t.pipeline_id AND m.stage = t.stage) q
    ORDER BY 1, 4, 2;
END
$$;
ALTER FUNCTION sentinel.stage_times(timestamptz, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.stage_times(timestamptz, timestamptz) IS
    'Tell how long deals stayed in each open stage: of the stays whose end was recorded in the span, one each time a stage was left, the number, the mean, median and 90th percentile in days of 24 hours, and where they led: on to a later stage or won, back to an earlier one, lost, or into another pipeline; these four sum to stays. Order of stages as it is now. Stays of no or negative length are left out. Errors: SN002, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.sales_velocity(since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS TABLE (pipeline text, currency text, closed_deals numeric, won_deals numeric, lost_deals numeric,
                   win_rate numeric, won_value numeric, lost_value numeric, win_rate_by_value numeric,
                   average_won_value numeric, mean_cycle_days numeric, median_cycle_days numeric, mean_lost_days numeric,
                   mean_days_from_lead numeric, value_per_day numeric)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET random_page_cost = 1.1 AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.check_span(sales_velocity.since, sales_velocity.until);
    RETURN QUERY
    -- One pass that sorts nothing but keeps the cycles that were won, for their median.
    WITH closed AS (
        SELECT d.pipeline_id, d.currency, d.stage_kind, count(*) AS deals, sum(d.value) AS value,
               count(*) FILTER (WHERE d.closed_at >= d.created_at) AS cycles,
               sum(d.closed_at - d.created_at) FILTER (WHERE d.closed_at >= d.created_at) AS cycle,
               array_agg(date_part('epoch', d.closed_at - d.created_at))
                   FILTER (WHERE d.stage_kind = 'won' AND d.closed_at >= d.created_at) AS seconds,
               count(*) FILTER (WHERE d.closed_at >= l.created_at) AS leads,
               sum(d.closed_at - l.created_at) FILTER (WHERE d.closed_at >= l.created_at) AS from_lead
        FROM sentinel.deals d
        LEFT JOIN sentinel.leads l ON l.org_id = org AND l.id = d.lead_id
        WHERE d.org_id = org AND d.closed_at >= sales_velocity.since AND d.closed_at < sales_velocity.until
        GROUP BY d.pipeline_id, d.currency, d.stage_kind),
    sums AS (
        SELECT c.pipeline_id, c.currency, coalesce(w.deals, 0) + coalesce(l.deals, 0) AS closed, coalesce(w.deals, 0) AS won,
               coalesce(w.value, 0.00) AS won_value, coalesce(l.value, 0.00) AS lost_value,
               extract(epoch FROM w.cycle) / nullif(w.cycles, 0) AS cycle, w.seconds,
               extract(epoch FROM l.cycle) / nullif(l.cycles, 0) AS lost_cycle,
               extract(epoch FROM w.from_lead) / nullif(w.leads, 0) AS from_lead
        FROM (SELECT DISTINCT x.pipeline_id, x.currency FROM closed x) c
        LEFT JOIN closed w ON w.pipeline_id = c.pipeline_id AND w.currency = c.currency AND w.stage_kind = 'won'
        LEFT JOIN closed l ON l.pipeline_id = c.pipeline_id AND l.currency = c.currency AND l.stage_kind = 'lost')
    SELECT p.name, s.currency, s.closed::numeric, s.won::numeric, (s.closed - s.won)::numeric,
           round(s.won::numeric / s.closed, 4), s.won_value, s.lost_value,
           round(s.won_value / nullif(s.won_value + s.lost_value, 0), 4), round(s.won_value / nullif(s.won, 0), 2),
           round(s.cycle / 86400, 2), round((m.seconds / 86400)::numeric, 2), round(s.lost_cycle / 86400, 2),
           round(s.from_lead / 86400, 2), round(s.won_value * 86400 / nullif(s.cycle, 0), 2)
    FROM sums s
    JOIN sentinel.pipelines p ON p.org_id = org AND p.id = s.pipeline_id
    CROSS JOIN LATERAL (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x.seconds) AS seconds
        FROM unnest(s.seconds) AS x (seconds)) m
    ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION sentinel.sales_velocity(timestamptz, timestamptz) IS
    'Tell how fast deals are won: of the deals that stand closed and closed in the span, per pipeline and currency. Win rate is won/(won+lost), by count and by value; the cycle is closing less creation in days of 24 hours, of won deals; value_per_day = closed deals x win rate x average won value / mean cycle days, not rounded in between, which is the won value over the mean cycle. Negative cycles are left out of means. Errors: SN002, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.slippage(since timestamptz, until timestamptz, as_of timestamptz DEFAULT now())
    RETURNS TABLE (currency text, due_deals numeric, due_value numeric, weighted_value numeric, won_deals numeric,
                   won_value numeric, lost_deals numeric, lost_value numeric, removed_deals numeric, removed_value numeric,
                   slipped_deals numeric, slipped_value numeric, still_due_deals numeric, still_due_value numeric,
                   pushes numeric, pulled_in_deals numeric, pulled_in_value numeric, slip_rate numeric,
                   slip_rate_by_value numeric, actual_deals numeric, actual_value numeric, forecast_error numeric,
                   forecast_accuracy numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan SET jit = off SET random_page_cost = 1.1 AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    cut timestamptz := least(slippage.until, coalesce(slippage.as_of, 'infinity') + interval '1 microsecond');
    is_over boolean := coalesce(slippage.as_of, 'infinity') >= slippage.until;
    sees_all boolean := sentinel.current_member() IS NULL;
BEGIN
    PERFORM sentinel.check_span(slippage.since, slippage.until);
    RETURN QUERY
    -- Versions with a date in the period, and what became of them, all by index: what is due elsewhen is not read. A version
    -- held at a time when it was recorded before and the next one was not. Each look-up is one by key, by its LIMIT.
    WITH gone AS MATERIALIZED (
        SELECT t.deal_id FROM sentinel.deal_timeline t
        WHERE t.org_id = org AND t.kind = 'deleted' AND t.recorded_at >= slippage.since AND t.recorded_at < cut),
    dated AS MATERIALIZED (
        SELECT v.deal_id, v.seq, v.recorded_at, coalesce(v.next_at, n.recorded_at) AS next_at
        FROM (SELECT h.deal_id, h.seq, h.recorded_at,
                     CASE WHEN lead(h.seq) OVER w = h.seq + 1 THEN lead(h.recorded_at) OVER w END AS next_at
              FROM sentinel.deal_history h
              WHERE h.org_id = org AND h.stage_kind = 'open' AND h.expected_close_at >= slippage.since
                AND h.expected_close_at < slippage.until AND h.recorded_at < cut
              WINDOW w AS (PARTITION BY h.deal_id ORDER BY h.seq)) v
        LEFT JOIN LATERAL (SELECT x.recorded_at FROM sentinel.deal_history x
                           WHERE v.next_at IS NULL AND x.org_id = org AND x.deal_id = v.deal_id AND x.seq = v.seq + 1
                           LIMIT 1) n ON true),
    due AS MATERIALIZED (
        SELECT v.deal_id, v.seq, v.next_at, h.currency, h.value, h.value * coalesce(s.probability, 0) AS weighted
        FROM dated v
        CROSS JOIN LATERAL (SELECT x.currency, x.value, x.pipeline_id, x.stage FROM sentinel.deal_history x
                            WHERE x.org_id = org AND x.deal_id = v.deal_id AND x.seq = v.seq LIMIT 1) h
        LEFT JOIN sentinel.pipeline_stages s ON s.org_id = org AND s.pipeline_id = h.pipeline_id AND s.stage = h.stage
        WHERE v.recorded_at < slippage.since AND coalesce(v.next_at >= slippage.since, true)
          AND CASE WHEN sees_all THEN NOT EXISTS (
                       SELECT FROM sentinel.deal_timeline t WHERE t.org_id = org AND t.deal_id = v.deal_id
                                                              AND t.kind = 'deleted' AND t.recorded_at < slippage.since)
                   ELSE EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.id = v.deal_id
                                AND sentinel.may('view', d.team_id, d.owner_id)) END),
    facts AS (
        SELECT u.currency, u.value, u.weighted, coalesce(b.pushes, 0) AS pushes,
               CASE WHEN g.deal_id IS NOT NULL THEN 'removed'
                    WHEN b.stage_kind IN ('won', 'lost') THEN b.stage_kind
                    WHEN b.stage_kind IS NULL OR b.expected_close_at >= slippage.since
                         AND b.expected_close_at < slippage.until THEN 'still_due'
                    ELSE 'slipped' END AS fate
        FROM due u
        LEFT JOIN gone g ON g.deal_id = u.deal_id
        LEFT JOIN LATERAL (
            SELECT x.stage_kind, x.expected_close_at, sum(x.pushed) OVER () AS pushes
            FROM (SELECT h.seq, h.stage_kind, h.expected_close_at,
                         (h.expected_close_at > lag(h.expected_close_at) OVER (ORDER BY h.seq))::integer AS pushed
                  FROM sentinel.deal_history h
                  WHERE u.next_at < cut AND h.org_id = org AND h.deal_id = u.deal_id AND h.seq >= u.seq
                    AND h.recorded_at < cut) x
            ORDER BY x.seq DESC LIMIT 1) b ON true
        UNION ALL
        SELECT b.currency, b.value, 0, 0, 'pulled_in'
        FROM (SELECT v.deal_id, v.seq FROM dated v
              WHERE v.recorded_at >= slippage.since AND coalesce(v.next_at >= cut, true)
              UNION ALL
              SELECT h.deal_id, h.seq FROM sentinel.deal_history h
              WHERE h.org_id = org AND h.stage_kind = 'won' AND h.recorded_at >= slippage.since AND h.recorded_at < cut
                AND NOT EXISTS (SELECT FROM sentinel.deal_history x WHERE x.org_id = org AND x.deal_id = h.deal_id
                                AND x.seq = h.seq + 1 AND x.recorded_at < cut OFFSET 0)) v
        CROSS JOIN LATERAL (SELECT h.stage_kind, h.expected_close_at FROM sentinel.deal_history h
                            WHERE h.org_id = org AND h.deal_id = v.deal_id AND h.seq < v.seq
                              AND h.recorded_at < slippage.since
                            ORDER BY h.seq DESC LIMIT 1) a
        CROSS JOIN LATERAL (SELECT h.currency, h.value FROM sentinel.deal_history h
                            WHERE h.org_id = org AND h.deal_id = v.deal_id AND h.seq = v.seq LIMIT 1) b
        LEFT JOIN gone g ON g.deal_id = v.deal_id
        WHERE a.stage_kind = 'open' AND a.expected_close_at >= slippage.until AND g.deal_id IS NULL
          AND (sees_all OR EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.id = v.deal_id
                                   AND sentinel.may('view', d.team_id, d.owner_id)))
        UNION ALL
        SELECT d.currency, d.value, 0, 0, 'actual'
        FROM sentinel.deals d
        WHERE d.org_id = org AND d.closed_at >= slippage.since AND d.closed_at < cut AND d.stage_kind = 'won'
          AND sentinel.may('view', d.team_id, d.owner_id)),
    sums AS (
        SELECT f.currency,
               count(*) FILTER (WHERE f.fate NOT IN ('pulled_in', 'actual')) AS due,
               coalesce(sum(f.value) FILTER (WHERE f.fate NOT IN ('pulled_in', 'actual')), 0.00) AS due_value,
               sum(f.weighted) AS weighted, sum(f.pushes) AS pushes,
               count(*) FILTER (WHERE f.fate = 'won') AS won,
               coalesce(sum(f.value) FILTER (WHERE f.fate = 'won'), 0.00) AS won_value,
               count(*) FILTER (WHERE f.fate = 'lost') AS lost,
               coalesce(sum(f.value) FILTER (WHERE f.fate = 'lost'), 0.00) AS lost_value,
               count(*) FILTER (WHERE f.fate = 'removed') AS removed,
               coalesce(sum(f.value) FILTER (WHERE f.fate = 'removed'), 0.00) AS removed_value,
               count(*) FILTER (WHERE f.fate = 'slipped') AS slipped,
               coalesce(sum(f.value) FILTER (WHERE f.fate = 'slipped'), 0.00) AS slipped_value,
               count(*) FILTER (WHERE f.fate = 'still_due') AS still_due,
               coalesce(sum(f.value) FILTER (WHERE f.fate = 'still_due'), 0.00) AS still_due_value,
               count(*) FILTER (WHERE f.fate = 'pulled_in') AS pulled_in,
               coalesce(sum(f.value) FILTER (WHERE f.fate = 'pulled_in'), 0.00) AS pulled_in_value,
               count(*) FILTER (WHERE f.fate = 'actual') AS actual,
               coalesce(sum(f.value) FILTER (WHERE f.fate = 'actual'), 0.00) AS actual_value
        FROM facts f
        GROUP BY f.currency)
    SELECT s.currency, s.due::numeric, s.due_value, round(s.weighted, 2), s.won::numeric, s.won_value, s.lost::numeric,
           s.lost_value, s.removed::numeric, s.removed_value, s.slipped::numeric, s.slipped_value, s.still_due::numeric,
           s.still_due_value, s.pushes::numeric, s.pulled_in::numeric, s.pulled_in_value,
           round(s.slipped::numeric / nullif(s.due, 0), 4), round(s.slipped_value / nullif(s.due_value, 0), 4),
           s.actual::numeric, s.actual_value, CASE WHEN is_over THEN round(s.weighted - s.actual_value, 2) END,
           CASE WHEN is_over THEN round(1 - abs(s.weighted - s.actual_value) / nullif(s.actual_value, 0), 4) END
    FROM sums s
    ORDER BY 1;
END
$$;
ALTER FUNCTION sentinel.slippage(timestamptz, timestamptz, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.slippage(timestamptz, timestamptz, timestamptz) IS
    'Tell what became, by the end of a period or as_of if that is earlier, of the deals that were open and due in the period when it began, per currency and with the values that they had then: won, lost, removed (deleted), slipped (open, and the expected close no longer in the period), still due (open, date in the period, past or not); these sum to due. pushes counts the times that such a date was moved later. pulled_in: open and due later when it began, then won or due in it. actual: all that stands won and closed in it. Forecast = weighted value of the deals due at the start; error = forecast - actual, accuracy = 1 - |error|/actual, once the period is over. Errors: SN002, SN007.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.forecast_deal(deal_id uuid, expected_close_at timestamptz, forecast_category text DEFAULT NULL,
                                       as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    category text := replace(lower(btrim(forecast_deal.forecast_category)), ' ', '_');
BEGIN
    PERFORM sentinel.require_deal(forecast_deal.deal_id, 'edit');
    IF category NOT IN ('omitted', 'pipeline', 'best_case', 'most_likely', 'commit') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('unknown forecast category "%s"', left(forecast_deal.forecast_category, 80)),
            DETAIL = 'A category is a judgement; without one the probability of the stage decides.',
            HINT = 'Use one of: omitted, pipeline, best_case, most_likely, commit.';
    END IF;
    IF NOT isfinite(forecast_deal.expected_close_at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('expected_close_at %s is not finite', forecast_deal.expected_close_at),
            DETAIL = 'A deal is expected to close on a day, or nobody said when.', HINT = 'Use null.';
    END IF;
    UPDATE sentinel.deals d
    SET expected_close_at = forecast_deal.expected_close_at, forecast_category = category, changed_at = forecast_deal.as_of
    WHERE d.org_id = org AND d.id = forecast_deal.deal_id
      AND (d.expected_close_at IS DISTINCT FROM forecast_deal.expected_close_at OR d.forecast_category IS DISTINCT FROM category);
END
$$;
COMMENT ON FUNCTION sentinel.forecast_deal(uuid, timestamptz, text, timestamptz) IS
    'Say when a deal is expected to close and, where a person knows better than the probability of its stage, in which forecast category it belongs; nulls take both back. Errors: SN002, SN003, SN004, SN007 category, time or as_of.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_quota(amount numeric, currency text, starts_at timestamptz, ends_at timestamptz,
                                   member_id uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    moment timestamptz := now();
    quota uuid;
BEGIN
    PERFORM sentinel.require_manager();
    PERFORM sentinel.check_span(set_quota.starts_at, set_quota.ends_at);
    IF NOT coalesce(set_quota.amount > 0 AND set_quota.amount < 1e16 AND upper(btrim(set_quota.currency)) ~ '^[A-Z]{3}$', false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid quota %s %s', coalesce(left(set_quota.amount::text, 40), 'null'),
                             coalesce(left(set_quota.currency, 40), 'null')),
            DETAIL = 'A quota is more than 0, in a currency of three letters, ISO 4217.', HINT = 'Use 250000, ''EUR''.';
    END IF;
    IF set_quota.member_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM sentinel.members m WHERE m.org_id = org AND m.id = set_quota.member_id AND m.removed_at IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in this organisation', set_quota.member_id),
            DETAIL = 'A quota is that of a member, or with null of the organisation.',
            HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    INSERT INTO sentinel.quotas AS q (org_id, member_id, starts_at, ends_at, amount, currency)
    VALUES (org, set_quota.member_id, set_quota.starts_at, set_quota.ends_at, set_quota.amount, upper(btrim(set_quota.currency)))
    ON CONFLICT ON CONSTRAINT quotas_scope DO UPDATE SET amount = excluded.amount, updated_at = moment
    RETURNING q.id INTO quota;
    PERFORM sentinel.audit('quota.set', 'quota', quota, jsonb_strip_nulls(jsonb_build_object(
        'amount', set_quota.amount, 'currency', upper(btrim(set_quota.currency)), 'starts_at', set_quota.starts_at,
        'ends_at', set_quota.ends_at, 'member_id', set_quota.member_id)));
    RETURN quota;
END
$$;
ALTER FUNCTION sentinel.set_quota(numeric, text, timestamptz, timestamptz, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.set_quota(numeric, text, timestamptz, timestamptz, uuid) IS
    'Set or change what a member, or with null the organisation, is to win in a period; gives the id of the quota. Owners and admins only. Errors: SN002, SN003, SN004 member, SN007 amount, currency or period.';
