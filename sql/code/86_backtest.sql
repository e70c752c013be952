-- Room insight, backtests: how good the risk score and the win model would have been. The past is split by time: what was
-- recorded before the split teaches, open deals at cuts from the split on are judged by what became of them. A cut sees only
-- what had been recorded by then, and its horizon ends by as_of, so nothing is censored and nothing leaks.

CREATE FUNCTION sentinel.judge_scores(scores double precision[], probabilities double precision[], outcomes boolean[],
                                      parts integer[], base double precision)
    RETURNS TABLE (samples bigint, positives bigint, auc double precision, auc_low double precision,
                   auc_high double precision, brier double precision, brier_base double precision,
                   brier_skill double precision, brier_skill_low double precision, ece double precision,
                   lift double precision, verdict text, reason text)
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET enable_nestloop = off
    SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT u.score, u.p, u.outcome::integer AS hit, u.part,
               (u.p - u.outcome::integer) * (u.p - u.outcome::integer) AS miss,
               (judge_scores.base - u.outcome::integer) * (judge_scores.base - u.outcome::integer) AS base_miss
        FROM unnest(judge_scores.scores, judge_scores.probabilities, judge_scores.outcomes, judge_scores.parts)
             AS u (score, p, outcome, part)),
    -- Equal scores stay together: in ranks, bins and the top tenth.
    by_score AS MATERIALIZED (
        SELECT s.score, s.n, s.hits, s.p_sum, sum(s.n) OVER upward - s.n AS below,
               sum(s.n - s.hits) OVER upward - (s.n - s.hits) AS misses_below, sum(s.n) OVER () AS total
        FROM (SELECT g.score, count(*)::double precision AS n, sum(g.hit)::double precision AS hits, sum(g.p) AS p_sum
              FROM given g GROUP BY g.score) s
        WINDOW upward AS (ORDER BY s.score)),
    overall AS (
        SELECT sum(b.n) AS n, sum(b.hits) AS hits,
               sum(b.hits * (b.misses_below + (b.n - b.hits) / 2)) / nullif(sum(b.hits) * (sum(b.n) - sum(b.hits)), 0) AS auc,
               sum(least(greatest(b.total / 10 - (b.total - b.below - b.n), 0), b.n) * b.hits / b.n)
                   / nullif(sum(b.hits) / 10, 0) AS lift
        FROM by_score b),
    errors AS (
        SELECT avg(g.miss) AS brier, avg(g.base_miss) AS brier_base FROM given g),
    calibration AS (
        SELECT sum(abs(x.p_sum - x.hits)) / nullif(sum(x.n), 0) AS ece
        FROM (SELECT sum(b.p_sum) AS p_sum, sum(b.hits) AS hits, sum(b.n) AS n
              FROM by_score b GROUP BY least(9, floor(10 * (b.below + b.n / 2) / b.total))) x),
    -- The bootstrap draws 100 parts of the deals, 200 times, from sums by part and hundredth of the scores: its cost does not
    -- grow with the deals, and the rows of a deal stay together.
    cells AS MATERIALIZED (
        SELECT g.part, least(99, floor(100 * (b.below + b.n / 2) / b.total)) AS slot, count(*)::double precision AS n,
               sum(g.hit)::double precision AS hits, sum(g.miss) AS miss, sum(g.base_miss) AS base_miss
        FROM given g JOIN by_score b ON b.score = g.score
        GROUP BY 1, 2),
    draws AS MATERIALIZED (
        SELECT d.draw, d.part, count(*)::double precision AS times
        FROM (SELECT r.draw, ((hashint8extended((r.draw * 1000 + i.pick)::bigint, 7) & 9223372036854775807) % 100)::integer AS part
              FROM generate_series(1, 200) AS r (draw) CROSS JOIN generate_series(1, 100) AS i (pick)) d
        GROUP BY 1, 2),
    drawn AS (
        SELECT d.draw, c.slot, sum(d.times * c.n) AS n, sum(d.times * c.hits) AS hits, sum(d.times * c.miss) AS miss,
               sum(d.times * c.base_miss) AS base_miss
        FROM draws d JOIN cells c ON c.part = d.part
        GROUP BY 1, 2),
    ranked AS (
        SELECT x.*, sum(x.n - x.hits) OVER (PARTITION BY x.draw ORDER BY x.slot) - (x.n - x.hits) AS misses_below FROM drawn x),
    trials AS (
        SELECT k.draw, sum(k.hits * (k.misses_below + (k.n - k.hits) / 2))
                   / nullif(sum(k.hits) * (sum(k.n) - sum(k.hits)), 0) AS auc,
               1 - sum(k.miss) / nullif(sum(k.base_miss), 0) AS skill
        FROM ranked k GROUP BY k.draw),
    limits AS (
        SELECT percentile_cont(0.025) WITHIN GROUP (ORDER BY t.auc) AS low,
               percentile_cont(0.975) WITHIN GROUP (ORDER BY t.auc) AS high,
               percentile_cont(0.025) WITHIN GROUP (ORDER BY t.skill) AS skill_low
        FROM trials t),
    answer AS (
        SELECT coalesce(o.n, 0)::bigint AS n, coalesce(o.hits, 0)::bigint AS hits, o.auc, l.low, l.high, e.brier, e.brier_base,
               1 - e.brier / nullif(e.brier_base, 0) AS skill, l.skill_low, c.ece, o.lift,
               CASE WHEN judge_scores.base IS NULL OR coalesce(least(o.hits, o.n - o.hits), 0) < 30 THEN 'not enough data'
                    WHEN l.low > 0.5 AND l.skill_low > 0 THEN 'skill' ELSE 'no skill' END AS verdict
        FROM overall o CROSS JOIN errors e CROSS JOIN calibration c CROSS JOIN limits l)
    SELECT a.n, a.hits, a.auc, a.low, a.high, a.brier, a.brier_base, a.skill, a.skill_low, a.ece, a.lift, a.verdict,
           CASE a.verdict
               WHEN 'not enough data' THEN format('%s of %s cases happened; 30 that did and 30 that did not are needed, before '
                                                  'the split and after it', a.hits, a.n)
               ELSE format('%sAUC %s (95 %% between %s and %s; 0.5 is chance), Brier score %s against %s of the base rate, which '
                           'is an improvement of %s %% (at least %s %%)',
                           CASE WHEN a.verdict = 'skill' THEN '' WHEN a.high < 0.5 THEN 'No skill, it ranks the wrong way round: '
                                ELSE 'No skill, the base rate is as good: ' END,
                           round(a.auc::numeric, 3), round(a.low::numeric, 3), round(a.high::numeric, 3),
                           round(a.brier::numeric, 4), round(a.brier_base::numeric, 4), round(100 * a.skill::numeric, 1),
                           round(100 * a.skill_low::numeric, 1)) END
    FROM answer a;
END
$$;
COMMENT ON FUNCTION sentinel.judge_scores(double precision[], double precision[], boolean[], integer[], double precision) IS
    'Judge scores by outcomes. AUC by ranks, ties half; Brier score of the probabilities against that of the constant base; ECE over ten bins of equal count; lift of the top tenth; 95 % bootstrap limits over parts 0..99, to one of which all rows of a deal belong. Verdict: skill only if the lower limits of AUC and of the Brier improvement lie above 0.5 and 0. Seeded: the same input gives the same answer.';

CREATE FUNCTION sentinel.backtest_split(org uuid, as_of timestamptz, horizon interval) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT percentile_disc(0.7) WITHIN GROUP (ORDER BY h.recorded_at)
                     FROM sentinel.deal_history h
                     WHERE h.org_id = backtest_split.org AND h.seq = 1
                       AND h.recorded_at <= backtest_split.as_of - backtest_split.horizon),
                    backtest_split.as_of - backtest_split.horizon);
END
$$;
COMMENT ON FUNCTION sentinel.backtest_split(uuid, timestamptz, interval) IS
    'Give the time by which seven in ten of the deals had been recorded whose first horizon has ended by as_of.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.backtest_win(as_of timestamptz DEFAULT now(), split timestamptz DEFAULT NULL,
                                      horizon_days integer DEFAULT 90)
    RETURNS TABLE (split_at timestamptz, train_samples bigint, train_positives bigint, base_rate double precision,
                   samples bigint, positives bigint, auc double precision, auc_low double precision,
                   auc_high double precision, brier double precision, brier_base double precision,
                   brier_skill double precision, brier_skill_low double precision, ece double precision,
                   lift double precision, verdict text, reason text)
    LANGUAGE plpgsql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    org uuid := sentinel.require_org();
    until timestamptz := sentinel.require_instant(backtest_win.as_of);
    horizon interval := sentinel.require_horizon(backtest_win.horizon_days);
    turning timestamptz;
    model jsonb;
    stages text[];
    weights double precision[];
    intercept double precision;
    base double precision;
BEGIN
    PERFORM sentinel.require_manager();
    turning := sentinel.require_instant(coalesce(backtest_win.split, sentinel.backtest_split(org, until, horizon)));
    model := sentinel.fit_evidence(org, turning, backtest_win.horizon_days);
    -- Without weights, for want of data, all scores and the base are null, and the verdict says so.
    stages := ARRAY(SELECT s.stage FROM jsonb_array_elements_text(model -> 'stages') WITH ORDINALITY AS s (stage, place)
                    ORDER BY s.place);
    weights := translate((model -> 'weights')::text, '[]', '{}')::double precision[];
    intercept := (model ->> 'intercept')::double precision;
    base := (model ->> 'base_rate')::double precision;
    RETURN QUERY
    WITH scored AS (
        SELECT 1 / (1 + exp(-sentinel.win_log_odds(intercept, weights, c.codes))) AS p, c.hit, c.part
        FROM (SELECT coalesce(l.won_at <= l.cut + horizon, false) AS hit, (uuid_hash(l.deal_id) & 2147483647) % 100 AS part,
                     sentinel.win_codes(stages, l.stage, l.value, l.first_value, l.owner_id, l.owner_changed, l.moves,
                                        l.reopened, l.created_at, l.stage_entered_at, l.last_received_at, l.last_sent_at,
                                        l.last_meeting_at, l.recent, l.competitive_indicators, l.cut) AS codes
              FROM sentinel.deal_landmarks(org, turning, turning, until - horizon, until) l OFFSET 0) c)
    SELECT turning, (model ->> 'samples')::double precision::bigint, (model ->> 'won')::double precision::bigint, base, j.*
    FROM (SELECT array_agg(s.p) AS p, array_agg(s.hit) AS hits, array_agg(s.part) AS parts FROM scored s) a
    CROSS JOIN LATERAL sentinel.judge_scores(a.p, a.p, a.hits, a.parts, base) j;
END
$$;
ALTER FUNCTION sentinel.backtest_win(timestamptz, timestamptz, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.backtest_win(timestamptz, timestamptz, integer) IS
    'Fit a win model on what had been recorded by split and judge it on all open deals of the organisation at cuts 28 days apart from then on: was the deal won within horizon_days? split is backtest_split() when not given. One row; verdict is skill, no skill or not enough data, reason says why. Owners and admins. Errors: SN002, SN003, SN007, 22023 horizon.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.backtest_risk(as_of timestamptz DEFAULT now(), split timestamptz DEFAULT NULL,
                                       horizon_days integer DEFAULT 30)
    RETURNS TABLE (split_at timestamptz, train_samples bigint, train_positives bigint, base_rate double precision,
                   samples bigint, positives bigint, auc double precision, auc_low double precision,
                   auc_high double precision, brier double precision, brier_base double precision,
                   brier_skill double precision, brier_skill_low double precision, ece double precision,
                   lift double precision, verdict text, reason text)
    LANGUAGE plpgsql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB'
    SET jit = off AS $$
DECLARE
    org uuid := sentinel.require_org();
    until timestamptz := sentinel.require_instant(backtest_risk.as_of);
    horizon interval := sentinel.require_horizon(backtest_risk.horizon_days);
    turning timestamptz;
BEGIN
    PERFORM sentinel.require_manager();
    turning := sentinel.require_instant(coalesce(backtest_risk.split, sentinel.backtest_split(org, until, horizon)));
    RETURN QUERY
    WITH scored AS MATERIALIZED (
        SELECT l.cut, coalesce(l.lost_at <= l.cut + horizon, false) AS hit, (uuid_hash(l.deal_id) & 2147483647) % 100 AS part,
               sentinel.risk_score(sentinel.risk_role_number(l.risk_role), false, l.value, l.created_at, l.stage_entered_at,
                   l.last_sent_at, l.last_received_at, l.last_meeting_at, l.last_event_at, l.competitive_indicators,
                   CASE WHEN r.stage_stall THEN n.mean_days END, coalesce(r.inactivity_days, 7::smallint),
                   sentinel.risk_flags(r.competitive, r.stage_stall, r.champion_dormancy), NULL, l.cut, l.cut,
                   w.weights) AS score
        FROM sentinel.deal_landmarks(org, turning, turning - interval '26280 hours', until - horizon, until) l
        LEFT JOIN LATERAL (
            SELECT x.* FROM sentinel.risk_settings x
            WHERE x.org_id = org AND (x.member_id = l.owner_id OR x.member_id IS NULL) AND x.recorded_at <= l.cut
            ORDER BY x.member_id IS NULL, x.recorded_at DESC, x.id DESC LIMIT 1) r ON true
        LEFT JOIN LATERAL (
            SELECT y.mean_days FROM sentinel.stage_norms y
            WHERE r.stage_stall AND y.org_id = org AND y.stage = l.stage AND y.recorded_at <= l.cut
              AND y.owner_id = coalesce(l.owner_id, '00000000-0000-0000-0000-000000000000')
            ORDER BY y.recorded_at DESC, y.id DESC LIMIT 1) n ON true
        LEFT JOIN LATERAL (
            SELECT z.weights FROM sentinel.risk_weights z
            WHERE z.org_id = org AND z.recorded_at <= l.cut ORDER BY z.recorded_at DESC, z.id DESC LIMIT 1) w ON true),
    taught AS (
        SELECT count(*) AS n, count(*) FILTER (WHERE s.hit) AS hits,
               CASE WHEN least(count(*) FILTER (WHERE s.hit), count(*) FILTER (WHERE NOT s.hit)) >= 30
                    THEN avg(s.hit::integer)::double precision END AS base
        FROM scored s WHERE s.cut + horizon <= turning),
    -- A score is no probability: each tenth of it is given the rate that it had before the split, ten rows of the base added.
    rates AS (
        SELECT floor(s.score * 10 + 1e-9) AS tenth,
               (count(*) FILTER (WHERE s.hit) + 10 * max(t.base)) / (count(*) + 10) AS p
        FROM scored s CROSS JOIN taught t WHERE s.cut + horizon <= turning GROUP BY 1)
    SELECT turning, t.n, t.hits, t.base, j.*
    FROM taught t
    CROSS JOIN (
        SELECT array_agg(s.score) AS scores, array_agg(coalesce(q.p, u.base)) AS p, array_agg(s.hit) AS hits,
               array_agg(s.part) AS parts
        FROM scored s CROSS JOIN taught u LEFT JOIN rates q ON q.tenth = floor(s.score * 10 + 1e-9)
        WHERE s.cut >= turning) a
    CROSS JOIN LATERAL sentinel.judge_scores(a.scores, a.p, a.hits, a.parts, t.base) j;
END
$$;
ALTER FUNCTION sentinel.backtest_risk(timestamptz, timestamptz, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.backtest_risk(timestamptz, timestamptz, integer) IS
    'Judge the risk score on all open deals of the organisation at cuts 28 days apart from split on: was the deal lost within horizon_days? The score is that of the cut, with the settings and norms of then, before the rise for overdue actions. Split and verdict as in backtest_win(). Owners and admins. Errors: SN002, SN003, SN007, 22023 horizon.';
