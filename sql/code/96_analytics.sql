-- Room analytics: periods in the time zone of the organisation, and the pipeline at a time and between two.
-- Spans of time are half open: since <= t < until. What counts is what had been recorded, so the past never changes.
-- The functions that read the history belong to the engine: its policy looks up the deal of each version, which takes
-- minutes for a member when there are millions. They ask for the same right in one join instead, through may().
-- random_page_cost: what an index holds in order of time lies together, and the planner would read whole tables instead.

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.periods(as_of timestamptz DEFAULT now())
    RETURNS TABLE (period text, starts_at timestamptz, ends_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 14 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone text;
    here timestamp;
    moment timestamptz := periods.as_of + interval '1 microsecond';
BEGIN
    PERFORM sentinel.require_installed();
    -- Without an organisation the views over it are empty, as tables are.
    SELECT o.timezone INTO zone FROM sentinel.orgs o WHERE o.org_id = sentinel.current_org();
    IF zone IS NULL THEN
        RETURN;
    END IF;
    here := periods.as_of AT TIME ZONE zone;
    RETURN QUERY
    SELECT c.name, c.first AT TIME ZONE zone, (c.first + c.length) AT TIME ZONE zone
    FROM (VALUES
        ('today', date_trunc('day', here), interval '1 day'),
        ('this_week', date_trunc('week', here), interval '7 days'),
        ('this_month', date_trunc('month', here), interval '1 month'),
        ('last_month', date_trunc('month', here) - interval '1 month', interval '1 month'),
        ('next_month', date_trunc('month', here) + interval '1 month', interval '1 month'),
        ('this_quarter', date_trunc('quarter', here), interval '3 months'),
        ('last_quarter', date_trunc('quarter', here) - interval '3 months', interval '3 months'),
        ('next_quarter', date_trunc('quarter', here) + interval '3 months', interval '3 months'),
        ('this_year', date_trunc('year', here), interval '1 year')) AS c (name, first, length)
    UNION ALL
    SELECT format('last_%s_days', t.days), periods.as_of - t.days * interval '24 hours', moment
    FROM (VALUES (7), (30), (90), (365)) AS t (days)
    UNION ALL
    SELECT 'all_time', '-infinity', 'infinity';
END
$$;
COMMENT ON FUNCTION sentinel.periods(timestamptz) IS
    'Give the periods that a time lies in or next to: today, this_week (from Monday), this_, last_ and next_month and _quarter, this_year as calendars in the time zone of the organisation have them; last_7_, 30_, 90_ and 365_days of 24 hours up to the time; all_time. ends_at is the first instant after. No rows when no organisation is entered.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.recent_months(months integer DEFAULT 13, as_of timestamptz DEFAULT now())
    RETURNS TABLE (starts_at timestamptz, ends_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 13 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone text;
    here timestamp;
BEGIN
    PERFORM sentinel.require_installed();
    IF NOT coalesce(recent_months.months BETWEEN 1 AND 1200, false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid number of months %s', coalesce(recent_months.months::text, 'null')),
            DETAIL = 'It is 1 to 1200.', HINT = 'Use 13.';
    END IF;
    SELECT o.timezone INTO zone FROM sentinel.orgs o WHERE o.org_id = sentinel.current_org();
    IF zone IS NULL THEN
        RETURN;
    END IF;
    here := date_trunc('month', recent_months.as_of AT TIME ZONE zone);
    RETURN QUERY
    SELECT m.first AT TIME ZONE zone, (m.first + interval '1 month') AT TIME ZONE zone
    FROM generate_series(here - (recent_months.months - 1) * interval '1 month', here, interval '1 month') AS m (first);
END
$$;
COMMENT ON FUNCTION sentinel.recent_months(integer, timestamptz) IS
    'Give so many calendar months in the time zone of the organisation, the last being that of as_of. No rows when no organisation is entered. Errors: 22023 number.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.check_span(since timestamptz, until timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(check_span.since < check_span.until, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('no time lies between %s and %s', coalesce(check_span.since::text, 'null'), coalesce(check_span.until::text, 'null')),
            DETAIL = 'A span begins before it ends; its end is the first instant that does not belong to it.',
            HINT = 'Use ''2024-01-01'' and ''2024-02-01''.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_span(timestamptz, timestamptz) IS 'Raise SN007 unless the first time lies before the second.';

-- No SET clause: the planner puts the body in the place of the call, and a condition on it reaches the indexes. A deal without
-- a version since then stands as it did; of the others the version before the first one since counts. So it costs the open
-- deals and what has changed since, not the history before.
CREATE FUNCTION sentinel.deals_at(org uuid, before timestamptz)
    RETURNS TABLE (deal_id uuid, pipeline_id uuid, stage text, stage_kind text, currency text, value numeric, owner_id uuid,
                   created_at timestamptz, stage_entered_at timestamptz, expected_close_at timestamptz,
                   forecast_category text)
    LANGUAGE sql STABLE AS $$
    SELECT d.id, d.pipeline_id, d.stage, d.stage_kind, d.currency, d.value, d.owner_id, d.created_at, d.stage_changed_at,
           d.expected_close_at, d.forecast_category
    FROM sentinel.deals d
    WHERE d.org_id = deals_at.org AND d.changed_at < deals_at.before AND sentinel.may('view', d.team_id, d.owner_id)
    UNION ALL
    SELECT h.deal_id, h.pipeline_id, h.stage, h.stage_kind, h.currency, h.value, h.owner_id, h.created_at,
           h.stage_entered_at, h.expected_close_at, h.forecast_category
    FROM (SELECT c.deal_id, min(c.seq) - 1 AS seq
          FROM sentinel.deal_history c
          WHERE c.org_id = deals_at.org AND c.recorded_at >= deals_at.before
          GROUP BY c.deal_id
          UNION
          SELECT t.deal_id, (SELECT max(c.seq) FROM sentinel.deal_history c
                             WHERE c.org_id = deals_at.org AND c.deal_id = t.deal_id AND c.recorded_at < deals_at.before)
          FROM sentinel.deal_timeline t
          WHERE t.org_id = deals_at.org AND t.kind = 'deleted' AND t.recorded_at >= deals_at.before) v
    JOIN sentinel.deal_history h ON h.org_id = deals_at.org AND h.deal_id = v.deal_id AND h.seq = v.seq
    LEFT JOIN sentinel.deals d ON d.org_id = deals_at.org AND d.id = v.deal_id
    WHERE CASE WHEN d.id IS NULL THEN sentinel.current_member() IS NULL
               ELSE sentinel.may('view', d.team_id, d.owner_id) END
$$;
COMMENT ON FUNCTION sentinel.deals_at(uuid, timestamptz) IS
    'Give the deals of an organisation as they had been recorded before a time, with those deleted since. Rights are the present ones; deleted deals are for those who entered without a member. For functions of the engine.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.pipeline_as_of(as_of timestamptz DEFAULT now())
    RETURNS TABLE (pipeline text, stage text, label text, "position" numeric, currency text, deals numeric, value numeric,
                   weighted_value numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan SET jit = off SET random_page_cost = 1.1 AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    moment timestamptz := pipeline_as_of.as_of + interval '1 microsecond';
BEGIN
    IF moment IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'as_of is null', DETAIL = 'A pipeline is that of an instant.',
            HINT = 'Use now().';
    END IF;
    RETURN QUERY
    SELECT p.name, a.stage, coalesce(s.label, a.stage), s."position"::numeric, a.currency, a.deals::numeric, a.value,
           round(a.value * coalesce(s.probability, 0), 2)
    FROM (SELECT x.pipeline_id, x.stage, x.currency, count(*) AS deals, sum(x.value) AS value
          FROM sentinel.deals_at(org, moment) x
          WHERE x.stage_kind = 'open'
          GROUP BY x.pipeline_id, x.stage, x.currency) a
    JOIN sentinel.pipelines p ON p.org_id = org AND p.id = a.pipeline_id
    LEFT JOIN sentinel.pipeline_stages s ON s.org_id = org AND s.pipeline_id = a.pipeline_id AND s.stage = a.stage
    ORDER BY 1, 4, 2, 5;
END
$$;
ALTER FUNCTION sentinel.pipeline_as_of(timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.pipeline_as_of(timestamptz) IS
    'Give the open pipeline as it had been recorded by a time: a row per pipeline, stage and currency that had open deals then. weighted_value is the value times the probability that the stage has now, rounded to the cent once per row. Errors: SN002, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.pipeline_movement(since timestamptz, until timestamptz)
    RETURNS TABLE (currency text, "position" numeric, step text, deals numeric, value numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan SET jit = off SET random_page_cost = 1.1 AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    sees_all boolean := sentinel.current_member() IS NULL;
BEGIN
    PERFORM sentinel.check_span(pipeline_movement.since, pipeline_movement.until);
    RETURN QUERY
    -- All that was recorded since: what a deal was before the first of it, and became by the end of the span. Versions are
    -- looked up by their key, each once, whatever the planner thinks of the size of the history.
    WITH changed AS (
        SELECT h.deal_id, min(h.seq) - 1 AS before_seq,
               max(h.seq) FILTER (WHERE h.recorded_at < pipeline_movement.until) AS after_seq
        FROM sentinel.deal_history h
        WHERE h.org_id = org AND h.recorded_at >= pipeline_movement.since
        GROUP BY h.deal_id),
    gone AS (
        SELECT t.deal_id, t.recorded_at < pipeline_movement.until AS in_span,
               (SELECT max(h.seq) FROM sentinel.deal_history h
                WHERE h.org_id = org AND h.deal_id = t.deal_id AND h.recorded_at < pipeline_movement.since) AS before_seq
        FROM sentinel.deal_timeline t
        WHERE t.org_id = org AND t.kind = 'deleted' AND t.recorded_at >= pipeline_movement.since),
    -- A deal that came and went within the span has neither end; one that changed after it only is what it was.
    touched AS (
        SELECT coalesce(c.deal_id, g.deal_id) AS deal_id, coalesce(c.before_seq, g.before_seq) AS before_seq,
               CASE WHEN NOT coalesce(g.in_span, false) THEN c.after_seq END AS after_seq,
               c.after_seq IS NOT NULL OR coalesce(g.in_span, false) AS moved
        FROM changed c FULL JOIN gone g ON g.deal_id = c.deal_id),
    ends AS (
        SELECT a.stage_kind AS was, a.currency AS old_currency, a.value AS old_value,
               b.stage_kind AS became, b.currency AS new_currency, b.value AS new_value, t.moved
        FROM (SELECT x.* FROM touched x ORDER BY x.deal_id) t -- neighbours in the index one after the other
        LEFT JOIN LATERAL (SELECT h.stage_kind, h.currency, h.value FROM sentinel.deal_history h
                           WHERE t.before_seq > 0 AND h.org_id = org AND h.deal_id = t.deal_id AND h.seq = t.before_seq
                           LIMIT 1) a ON true
        LEFT JOIN LATERAL (SELECT h.stage_kind, h.currency, h.value FROM sentinel.deal_history h
                           WHERE t.after_seq IS NOT NULL AND h.org_id = org AND h.deal_id = t.deal_id AND h.seq = t.after_seq
                           LIMIT 1) b ON true
        WHERE sees_all OR EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.id = t.deal_id
                                  AND sentinel.may('view', d.team_id, d.owner_id))),
    sums AS MATERIALIZED (
        SELECT e.moved, e.was, e.became, e.old_currency, e.new_currency, count(*) AS deals, sum(e.old_value) AS old_value,
               sum(e.new_value) AS new_value,
               sum(e.new_value - e.old_value) FILTER (WHERE e.new_value > e.old_value) AS increase,
               sum(e.new_value - e.old_value) FILTER (WHERE e.new_value < e.old_value) AS decrease
        FROM ends e
        GROUP BY e.moved, e.was, e.became, e.old_currency, e.new_currency),
    amounts AS (
        SELECT 'opening' AS step, d.currency, count(*) AS deals, sum(d.value) AS value
        FROM sentinel.deals d
        WHERE d.org_id = org AND d.stage_kind = 'open' AND d.changed_at < pipeline_movement.since
          AND sentinel.may('view', d.team_id, d.owner_id)
        GROUP BY d.currency
        UNION ALL
        SELECT 'opening', s.old_currency, s.deals, s.old_value FROM sums s WHERE s.was = 'open'
        UNION ALL
        -- Value first, stage second: what is won or lost leaves with its last value, so that won is what was won.
        SELECT f.step, f.currency, f.deals, f.value
        FROM sums s
        CROSS JOIN LATERAL (VALUES
            ('new', s.new_currency, s.deals, s.new_value, s.was IS NULL AND s.became IS NOT NULL),
            ('reopened', s.new_currency, s.deals, s.new_value, s.was <> 'open' AND s.became <> s.was),
            ('increased', s.new_currency, 0, s.increase, s.was = 'open' AND s.new_currency = s.old_currency AND s.increase > 0),
            ('decreased', s.new_currency, 0, s.decrease, s.was = 'open' AND s.new_currency = s.old_currency AND s.decrease < 0),
            ('currency_in', s.new_currency, s.deals, s.new_value, s.was = 'open' AND s.new_currency <> s.old_currency),
            ('currency_out', s.old_currency, -s.deals, -s.old_value, s.was = 'open' AND s.new_currency <> s.old_currency),
            ('won', s.new_currency, -s.deals, -s.new_value, s.became = 'won' AND s.was IS DISTINCT FROM 'won'),
            ('lost', s.new_currency, -s.deals, -s.new_value, s.became = 'lost' AND s.was IS DISTINCT FROM 'lost'),
            ('deleted', s.old_currency, -s.deals, -s.old_value, s.was = 'open' AND s.became IS NULL)
        ) AS f (step, currency, deals, value, happened)
        WHERE s.moved AND f.happened)
    SELECT c.currency, s.place::numeric, s.step, coalesce(sum(m.deals), 0)::numeric, round(coalesce(sum(m.value), 0), 2)
    FROM (SELECT DISTINCT m.currency FROM amounts m) c
    CROSS JOIN (VALUES (1, 'opening'), (2, 'new'), (3, 'reopened'), (4, 'increased'), (5, 'decreased'), (6, 'currency_in'),
                       (7, 'currency_out'), (8, 'won'), (9, 'lost'), (10, 'deleted'), (11, 'closing')) AS s (place, step)
    LEFT JOIN amounts m ON m.currency = c.currency AND (m.step = s.step OR s.step = 'closing')
    GROUP BY c.currency, s.place, s.step
    ORDER BY 1, 2;
END
$$;
ALTER FUNCTION sentinel.pipeline_movement(timestamptz, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.pipeline_movement(timestamptz, timestamptz) IS
    'Tell how the open pipeline moved between two times, as it was recorded: per currency opening, new, reopened, increased, decreased, currency_in, currency_out, won, lost, deleted, closing, all of them, with deals and value as signed amounts that sum to the closing to the cent. A deal is judged by how it stood just before since and just before until. Opening is pipeline_as_of(since) less what was recorded at since itself, closing likewise. Errors: SN002, SN007.';
