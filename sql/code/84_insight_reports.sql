-- Room insight, reports: deals like this one, deals unlike the others, what stands out, and the forecast by month.

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.similar_deals(deal_id uuid, as_of timestamptz DEFAULT now(), at_most integer DEFAULT 5)
    RETURNS TABLE (similar_id uuid, name text, outcome text, value numeric, currency text, cycle_days integer,
                   distance double precision, win_rate numeric, mean_cycle_days integer)
    LANGUAGE plpgsql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(similar_deals.as_of);
    buckets constant numeric[] := '{10000,50000,200000}';
    d record;
BEGIN
    IF similar_deals.at_most IS NULL OR similar_deals.at_most NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid number of deals %s', similar_deals.at_most),
            DETAIL = 'Between 1 and 1000 deals are given.', HINT = 'Use 5.';
    END IF;
    SELECT * INTO d FROM sentinel.deal_state(similar_deals.deal_id, instant);
    RETURN QUERY
    SELECT c.deal_id, c.name, c.stage_kind, c.value, c.currency, c.days, c.far,
           round(avg((c.stage_kind = 'won')::integer) OVER (), 4), (round(avg(c.days) OVER ()))::integer
    FROM (SELECT s.deal_id, s.name, s.stage_kind, s.value, s.currency, s.closed_at,
                 sentinel.whole_days(s.created_at, s.closed_at) AS days,
                 (2 * abs(width_bucket(s.value, buckets) - width_bucket(d.value, buckets))
                  + least(5.0, abs(sentinel.whole_days(s.created_at, s.closed_at)
                                   - sentinel.whole_days(d.created_at, coalesce(d.closed_at, instant))) / 15.0)
                 )::double precision AS far
          FROM sentinel.deal_states(org, instant) s
          WHERE s.stage_kind <> 'open' AND s.deal_id <> similar_deals.deal_id AND s.currency = d.currency
            AND s.closed_at >= s.created_at
          ORDER BY 8, s.closed_at DESC, s.deal_id LIMIT similar_deals.at_most) c
    ORDER BY c.far, c.closed_at DESC, c.deal_id;
END
$$;
COMMENT ON FUNCTION sentinel.similar_deals(uuid, timestamptz, integer) IS
    'Give the closed deals of the same currency that are most like a deal: distance is 2 x the difference of value buckets (10,000, 50,000, 200,000) + |cycle - age| / 15 days, at most 5. win_rate and mean_cycle_days are over the rows given. Errors: those of win_probability(), 22023 at_most.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.deal_anomalies(as_of timestamptz DEFAULT now())
    RETURNS TABLE (deal_id uuid, name text, kind text, severity text, measured numeric, expected numeric, message text)
    LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(deal_anomalies.as_of);
BEGIN
    RETURN QUERY
    WITH outlook AS MATERIALIZED (
        SELECT o.* FROM sentinel.deal_outlook(instant) o),
    worth AS MATERIALIZED (
        SELECT s.currency, avg(s.value) - 2 * stddev_samp(s.value) AS least_value, avg(s.value) + 2 * stddev_samp(s.value) AS most_value
        FROM sentinel.deal_states(org, instant) s GROUP BY s.currency),
    found AS (
        SELECT o.deal_id, o.name, 'age' AS kind, CASE WHEN o.age_days > 1.5 * o.p90_days THEN 'high' ELSE 'medium' END AS severity,
               o.age_days::numeric AS measured, o.p90_days::numeric AS expected,
               format('Open for %s days; nine in ten deals close within %s', o.age_days, o.p90_days) AS message
        FROM outlook o WHERE o.age_days > 1.2 * o.p90_days
        UNION ALL
        SELECT o.deal_id, o.name, 'silence', CASE WHEN o.idle_days >= 35 THEN 'high' ELSE 'medium' END, o.idle_days, 21,
               format('No e-mail, meeting or call in %s days', o.idle_days)
        FROM outlook o WHERE o.idle_days >= 21
        UNION ALL
        SELECT o.deal_id, o.name, 'value', 'low', o.value,
               round(CASE WHEN o.value > w.most_value THEN w.most_value ELSE w.least_value END, 2),
               format('Worth %s %s; usual is %s to %s', o.value, o.currency, round(greatest(0, w.least_value), 2),
                      round(w.most_value, 2))
        FROM outlook o JOIN worth w ON w.currency = o.currency
        WHERE o.value > w.most_value OR o.value < greatest(0, w.least_value))
    SELECT f.deal_id, f.name, f.kind, f.severity, f.measured, f.expected, f.message
    FROM found f
    ORDER BY array_position(ARRAY['high', 'medium', 'low'], f.severity), f.measured DESC, f.deal_id, f.kind;
END
$$;
COMMENT ON FUNCTION sentinel.deal_anomalies(timestamptz) IS
    'Give open deals that are unlike the others, one row per deal and kind: age over 1.2 times the cycle that nine in ten deals stay below (high over 1.5 times); silence of 21 days or more (high from 35); value outside mean +- 2 standard deviations of all deals of the currency (low). Errors: SN002, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.deal_patterns(as_of timestamptz DEFAULT now())
    RETURNS TABLE ("position" integer, kind text, name text, tone text, measured numeric, message text)
    LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(deal_patterns.as_of);
    n record;
    active record;
    worth text;
    fallen record;
    closed bigint;
BEGIN
    SELECT * INTO n FROM sentinel.closing_norms(instant);
    closed := n.won + n.lost;
    WITH outlook AS MATERIALIZED (
        SELECT o.* FROM sentinel.deal_outlook(instant) o)
    SELECT count(*) AS deals, count(*) FILTER (WHERE o.idle_days > 14) AS idle,
           count(*) FILTER (WHERE o.risk_score >= 0.6) AS high,
           (SELECT string_agg(format('%s %s', t.total, t.currency), ', ' ORDER BY t.currency)
            FROM (SELECT x.currency, sum(x.value) AS total FROM outlook x GROUP BY x.currency) t) AS total,
           (SELECT array_agg(t.stage ORDER BY t.deals DESC, t.stage) FROM (
                SELECT x.stage, count(*) AS deals FROM outlook x GROUP BY x.stage HAVING count(*) >= 2) t) AS busy
    INTO active FROM outlook o;
    SELECT string_agg(format('%s: won %s, lost %s', t.currency, coalesce(t.won::text, '-'), coalesce(t.lost::text, '-')), '; '
                      ORDER BY t.currency) INTO worth
    FROM (SELECT s.currency, round(avg(s.value) FILTER (WHERE s.stage_kind = 'won'), 2) AS won,
                 round(avg(s.value) FILTER (WHERE s.stage_kind = 'lost'), 2) AS lost
          FROM sentinel.deal_states(org, instant) s WHERE s.stage_kind <> 'open' GROUP BY s.currency) t;
    -- The risk an instant before the loss was recorded, of the 200 newest: each is read from its history.
    SELECT count(*) AS deals, count(*) FILTER (WHERE r.score >= 0.6) AS high INTO fallen
    FROM (SELECT h.deal_id, h.recorded_at
          FROM sentinel.deal_history h JOIN sentinel.deals d ON d.org_id = org AND d.id = h.deal_id
          WHERE h.org_id = org AND h.stage_kind = 'lost' AND h.recorded_at <= instant AND h.recorded_at > d.recorded_at
          ORDER BY h.recorded_at DESC, h.deal_id LIMIT 200) l
    CROSS JOIN LATERAL sentinel.deal_risk(l.deal_id, l.recorded_at - interval '1 microsecond') r;

    RETURN QUERY
    SELECT (row_number() OVER (ORDER BY p.place))::integer, p.kind, p.name, p.tone, p.measured, p.message
    FROM (VALUES
        (closed = 0, 1, 'insight', 'data', 'neutral', closed::numeric, 'No deal has closed yet: patterns need outcomes'),
        (closed = 0 AND active.deals = 0, 2, 'insight', 'onboarding', 'neutral', 0, 'There are no deals yet'),
        (active.deals > 0, 3, 'insight', 'pipeline', 'neutral', active.deals,
         format('%s open deals worth %s', active.deals, active.total)),
        (active.busy IS NOT NULL, 4, 'insight', 'busiest_stage', 'neutral', NULL,
         format('Most open deals are in %s', active.busy[1])),
        (closed > 0, 5, 'insight', 'win_rate', CASE WHEN n.win_rate >= 0.5 THEN 'positive' ELSE 'negative' END,
         round(n.win_rate::numeric, 4), format('%s %% of %s closed deals were won', round(100 * n.win_rate), closed)),
        (n.mean_won_days IS NOT NULL AND n.mean_lost_days IS NOT NULL, 6, 'insight', 'cycle', 'neutral',
         round((n.mean_won_days - n.mean_lost_days)::numeric, 1),
         format('Won after %s days on average, lost after %s', round(n.mean_won_days), round(n.mean_lost_days))),
        (closed > 0, 7, 'insight', 'value', 'neutral', NULL, format('Mean value, %s', worth)),
        (fallen.high * 2 > fallen.deals, 8, 'insight', 'lost_at_high_risk', 'negative', fallen.high,
         format('%s of the last %s lost deals were at High risk before', fallen.high, fallen.deals)),
        (active.idle > 0, 9, 'insight', 'idle', 'negative', active.idle,
         format('%s open deals without activity for over 14 days', active.idle)),
        (active.high > 0, 10, 'insight', 'high_risk', 'negative', active.high, format('%s open deals at High risk', active.high)),
        (closed = 0 AND active.deals = 0, 11, 'recommendation', 'onboarding', NULL, NULL, 'Add or import deals'),
        (n.mean_lost_days > 1.5 * n.mean_won_days, 12, 'recommendation', 'cycle', NULL, NULL,
         'Give up sooner: lost deals take over 1.5 times as long as won ones'),
        (fallen.high * 2 > fallen.deals, 13, 'recommendation', 'lost_at_high_risk', NULL, NULL,
         'Act on the day a deal turns to High risk'),
        (active.idle > 0, 14, 'recommendation', 'idle', NULL, NULL, 'Write to the silent deals or close them'),
        (active.high > 0, 15, 'recommendation', 'high_risk', NULL, NULL, 'Work through the deals at High risk first'),
        (active.deals > 0 AND active.idle = 0 AND active.high = 0 AND coalesce(fallen.high * 2 <= fallen.deals, true)
         AND coalesce(n.mean_lost_days <= 1.5 * n.mean_won_days, true), 16, 'recommendation', 'default', NULL, NULL,
         'Keep recording activities and outcomes')
        ) AS p (holds, place, kind, name, tone, measured, message)
    WHERE p.holds
    ORDER BY p.place;
END
$$;
COMMENT ON FUNCTION sentinel.deal_patterns(timestamptz) IS
    'Give what stands out in the deals: insights with a tone and a number, then recommendations. Cycles are those of true closings; the risk of lost deals is that of the instant before the loss was recorded, of the 200 newest. Errors: SN002, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.wins_lasting(org uuid, as_of timestamptz) RETURNS double precision[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lasting double precision[];
BEGIN
    SELECT array_agg(t.wins ORDER BY t.day) INTO lasting
    FROM (SELECT g.day, (coalesce(sum(c.wins) OVER (ORDER BY g.day DESC), 0))::double precision AS wins
          FROM generate_series(0, 1097) AS g (day)
          LEFT JOIN (SELECT least(sentinel.whole_days(s.created_at, s.closed_at), 1096) AS day, count(*) AS wins
                     FROM sentinel.deal_states(wins_lasting.org, wins_lasting.as_of) s
                     WHERE s.stage_kind = 'won' AND s.closed_at >= s.created_at GROUP BY 1) c ON c.day = g.day) t;
    IF lasting[1] = 0 THEN
        RETURN ARRAY(SELECT (g.day <= 45)::integer::double precision FROM generate_series(0, 1097) AS g (day) ORDER BY g.day);
    END IF;
    RETURN lasting;
END
$$;
COMMENT ON FUNCTION sentinel.wins_lasting(uuid, timestamptz) IS
    'Give how many won deals had a cycle of d days or more, d = 0 to 1097 at the subscript d + 1; longer cycles count as 1096. Without any win, one deal of 45 days.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.forecast(as_of timestamptz DEFAULT now(), months integer DEFAULT 6)
    RETURNS TABLE (period text, starts_at timestamptz, currency text, expected numeric, best numeric, worst numeric,
                   expected_wins numeric, confidence integer)
    LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(forecast.as_of);
    zone text := (SELECT o.timezone FROM sentinel.orgs o WHERE o.org_id = org);
    this_month timestamp;
    lasting double precision[];
    oldest integer;
BEGIN
    IF forecast.months IS NULL OR forecast.months NOT BETWEEN 1 AND 24 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid number of months %s', forecast.months),
            DETAIL = 'A forecast reaches 1 to 24 months past the present one.', HINT = 'Use 6.';
    END IF;
    this_month := date_trunc('month', instant AT TIME ZONE zone);
    lasting := sentinel.wins_lasting(org, instant);
    -- A deal older than nearly all wins is taken to be as old as the oldest twentieth of them: beyond lies no experience.
    oldest := (SELECT max(g.i) - 1 FROM generate_subscripts(lasting, 1) AS g (i)
               WHERE lasting[g.i] >= greatest(1, lasting[1] / 20));
    RETURN QUERY
    WITH edges AS MATERIALIZED (
        SELECT g.n, this_month + g.n * interval '1 month' AS begins,
               CASE WHEN g.n = 0 THEN 0 WHEN g.n > forecast.months + 1 THEN 1097 ELSE least(1097, ceil(date_part('epoch',
                   (this_month + g.n * interval '1 month') AT TIME ZONE zone - instant) / 86400)) END::integer AS day
        FROM generate_series(0, forecast.months + 2) AS g (n)),
    periods AS MATERIALIZED (
        SELECT e.n, CASE WHEN e.n > forecast.months THEN 'later' ELSE to_char(e.begins, 'YYYY-MM') END AS label,
               e.begins AT TIME ZONE zone AS starts_at, e.day AS from_day, f.day AS to_day
        FROM edges e JOIN edges f ON f.n = e.n + 1),
    open_deals AS MATERIALIZED (
        SELECT o.currency, o.value::double precision AS worth, o.probability::double precision AS chance,
               least(greatest(o.age_days, 0), oldest) AS age
        FROM sentinel.deal_outlook(instant) o),
    shares AS (
        SELECT p.n, d.currency, d.worth, d.chance,
               (lasting[least(d.age + p.from_day, 1097) + 1] - lasting[least(d.age + p.to_day, 1097) + 1])
               / lasting[d.age + 1] AS share
        FROM open_deals d CROSS JOIN periods p),
    sums AS (
        SELECT s.n, s.currency,
               round(sum(s.worth * s.share * s.chance)::numeric, 2) AS expected,
               round(sum(s.worth * s.share * least(1, s.chance + 0.20))::numeric, 2) AS best,
               round(sum(s.worth * s.share * greatest(0, s.chance - 0.25))::numeric, 2) AS worst,
               round(sum(s.share * s.chance)::numeric, 2) AS wins
        FROM shares s GROUP BY GROUPING SETS ((s.n, s.currency), (s.currency)))
    SELECT coalesce(p.label, 'total'), p.starts_at, s.currency, s.expected, s.best, s.worst, s.wins,
           CASE WHEN s.best <= 0 OR s.expected <= 0 THEN 0 WHEN s.best <= s.worst THEN 95
                ELSE greatest(40, least(95, round(40 + 60 * (1 - (s.best - s.worst) / s.best)))) END::integer
    FROM sums s LEFT JOIN periods p ON p.n = s.n
    ORDER BY s.currency, s.n NULLS LAST;
END
$$;
COMMENT ON FUNCTION sentinel.forecast(timestamptz, integer) IS
    'Forecast what the open deals will bring by month of the organisation''s time zone: the rest of the present month, the following ones, later, and the total, per currency. expected is the sum of value x probability of deal_outlook() x the share of won deals of at least that age that were won at that distance; best takes the probability + 0.20, worst - 0.25, within 0 and 1. confidence says in per cent how near they lie to each other: 40 + 60 x worst / best, 40 to 95, 0 where nothing is expected. Months sum to the total but for rounding. Errors: SN002, SN007, 22023 months.';
