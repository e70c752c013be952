-- Room insight: what closed deals say of open ones, by rules that can be read. All is as of a time and counts only what had
-- been recorded by then, over the deals that the caller may see; deals that were deleted since are left out. A cycle is the
-- time from the start of a deal to its closing. Days are whole days of 24 hours. The fitted model is in 85_win_model.sql.

-- Without a SET clause, so that the planner can put it in line.
-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.whole_days(from_at timestamptz, to_at timestamptz) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT trunc(date_part('epoch', whole_days.to_at - whole_days.from_at) / 86400)::integer
$$;
COMMENT ON FUNCTION sentinel.whole_days(timestamptz, timestamptz) IS
    'Give the whole days of 24 hours between two times, cut towards zero; negative when the second is earlier.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.require_instant(as_of timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF require_instant.as_of IS NULL OR NOT isfinite(require_instant.as_of) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid time %s', coalesce(require_instant.as_of::text, 'null')),
            DETAIL = 'An answer is as of one finite instant.', HINT = 'Use now().';
    END IF;
    RETURN require_instant.as_of;
END
$$;
COMMENT ON FUNCTION sentinel.require_instant(timestamptz) IS
    'Give the time back, or raise when it is null or infinite. Errors: SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.deal_states(org uuid, as_of timestamptz, only_deal uuid DEFAULT NULL)
    RETURNS TABLE (deal_id uuid, pipeline_id uuid, name text, stage text, stage_kind text, value numeric, currency text,
                   owner_id uuid, created_at timestamptz, stage_entered_at timestamptz, closed_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 100000 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    -- A deal that has not changed since is as its row says; only the others are looked up in the history.
    RETURN QUERY
    SELECT d.id, d.pipeline_id, d.name, d.stage, d.stage_kind, d.value, d.currency, d.owner_id, d.created_at,
           d.stage_changed_at, d.closed_at
    FROM sentinel.deals d
    WHERE d.org_id = deal_states.org AND d.changed_at <= deal_states.as_of
      AND (deal_states.only_deal IS NULL OR d.id = deal_states.only_deal)
    UNION ALL
    SELECT d.id, h.pipeline_id, d.name, h.stage, h.stage_kind, h.value, h.currency, h.owner_id, h.created_at,
           h.stage_entered_at, CASE WHEN h.stage_kind <> 'open' THEN h.stage_entered_at END
    FROM sentinel.deals d
    CROSS JOIN LATERAL (
        SELECT v.* FROM sentinel.deal_history v
        WHERE v.org_id = d.org_id AND v.deal_id = d.id AND v.recorded_at <= deal_states.as_of
        ORDER BY v.seq DESC LIMIT 1) h
    WHERE d.org_id = deal_states.org AND d.changed_at > deal_states.as_of AND d.recorded_at <= deal_states.as_of
      AND (deal_states.only_deal IS NULL OR d.id = deal_states.only_deal);
END
$$;
COMMENT ON FUNCTION sentinel.deal_states(uuid, timestamptz, uuid) IS
    'Give the deals of an organisation, or one of them, as they were recorded by a time: the newest version by then. The name is that of today, for it has no versions.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.deal_state(deal_id uuid, as_of timestamptz)
    RETURNS TABLE (pipeline_id uuid, name text, stage text, stage_kind text, value numeric, currency text,
                   created_at timestamptz, stage_entered_at timestamptz, closed_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_deal(deal_state.deal_id, 'view');
    RETURN QUERY
    SELECT s.pipeline_id, s.name, s.stage, s.stage_kind, s.value, s.currency, s.created_at, s.stage_entered_at, s.closed_at
    FROM sentinel.deal_states(org, deal_state.as_of, deal_state.deal_id) s;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('deal "%s" was not recorded yet at %s', deal_state.deal_id, deal_state.as_of),
            DETAIL = 'The past is told from what had been recorded by then.',
            HINT = format('Ask for %s or later.', (SELECT d.recorded_at FROM sentinel.deals d
                                                   WHERE d.org_id = org AND d.id = deal_state.deal_id));
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.deal_state(uuid, timestamptz) IS
    'Give one deal as it was recorded by a time. Errors: SN002, SN003, SN004 unknown deal or not recorded yet.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.closing_norms(as_of timestamptz DEFAULT now())
    RETURNS TABLE (won bigint, lost bigint, win_rate double precision, mean_won_days double precision,
                   mean_lost_days double precision, p90_days integer)
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(closing_norms.as_of);
BEGIN
    RETURN QUERY
    SELECT count(*) FILTER (WHERE c.stage_kind = 'won'), count(*) FILTER (WHERE c.stage_kind = 'lost'),
           (avg((c.stage_kind = 'won')::integer))::double precision,
           (avg(c.days) FILTER (WHERE c.stage_kind = 'won' AND c.days >= 0))::double precision,
           (avg(c.days) FILTER (WHERE c.stage_kind = 'lost' AND c.days >= 0))::double precision,
           coalesce((array_agg(c.days ORDER BY c.days) FILTER (WHERE c.days >= 0))
                    [1 + floor(0.9 * (count(*) FILTER (WHERE c.days >= 0)))::integer], 60)
    FROM (SELECT s.stage_kind, sentinel.whole_days(s.created_at, s.closed_at) AS days
          FROM sentinel.deal_states(org, instant) s WHERE s.stage_kind <> 'open') c;
END
$$;
COMMENT ON FUNCTION sentinel.closing_norms(timestamptz) IS
    'Give what the closed deals say: won, lost, win rate won / (won + lost), mean cycle in days of either, and the cycle that nine in ten stay below, 60 when nothing has closed. Cycles below zero are left out. One row. Errors: SN002, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.deal_outlook(as_of timestamptz DEFAULT now(), only_deal uuid DEFAULT NULL)
    RETURNS TABLE (deal_id uuid, name text, stage text, value numeric, currency text, owner_id uuid,
                   age_days integer, stage_days integer, idle_days integer, stage_place integer, stage_places integer,
                   risk_score double precision, base_rate numeric, p90_days integer, probability numeric, trend text)
    LANGUAGE plpgsql STABLE ROWS 10000 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(deal_outlook.as_of);
BEGIN
    RETURN QUERY
    WITH norms AS MATERIALIZED (
        SELECT 100.0 * (n.won + 1) / (n.won + n.lost + 2) AS base, n.p90_days FROM sentinel.closing_norms(instant) n),
    path AS MATERIALIZED (
        SELECT p.pipeline_id, p.stage, (row_number() OVER (PARTITION BY p.pipeline_id ORDER BY p.position))::integer AS place,
               (count(*) OVER (PARTITION BY p.pipeline_id))::integer AS places
        FROM sentinel.pipeline_stages p WHERE p.org_id = org AND p.kind = 'open'),
    touched AS (
        SELECT a.deal_id, max(a.occurred_at) AS last_at
        FROM sentinel.activities a
        WHERE a.org_id = org AND a.recorded_at <= instant
          AND a.activity_type IN ('email_sent', 'email_received', 'meeting_held', 'call_held')
          AND (deal_outlook.only_deal IS NULL AND a.deal_id IS NOT NULL OR a.deal_id = deal_outlook.only_deal)
        GROUP BY a.deal_id),
    facts AS MATERIALIZED (
        SELECT s.deal_id, s.name, s.stage, s.value, s.currency, s.owner_id,
               sentinel.whole_days(s.created_at, instant) AS age, sentinel.whole_days(s.stage_entered_at, instant) AS in_stage,
               sentinel.whole_days(coalesce(t.last_at, s.created_at), instant) AS idle,
               coalesce(p.place, 3) AS place, coalesce(p.places, 4) AS places,
               -- The signals hold while nothing came after as_of; else the past is told from the history.
               CASE WHEN NOT g.replay AND instant >= g.input_at THEN
                   sentinel.risk_score(g.risk_role, g.closed, g.value, g.created_at, g.stage_entered_at, g.last_sent_at,
                                       g.last_received_at, g.last_meeting_at, g.last_event_at, g.competitive_indicators,
                                       g.stage_norm_days, g.inactivity_days, g.flags, g.at_risk_since, g.input_at, instant,
                                       g.weights)
               ELSE (SELECT r.score FROM sentinel.deal_risk(s.deal_id, instant) r) END AS risk
        FROM sentinel.deal_states(org, instant, deal_outlook.only_deal) s
        LEFT JOIN path p ON p.pipeline_id = s.pipeline_id AND p.stage = s.stage
        LEFT JOIN touched t ON t.deal_id = s.deal_id
        LEFT JOIN sentinel.deal_signals g ON g.org_id = org AND g.deal_id = s.deal_id
        WHERE s.stage_kind = 'open')
    SELECT f.deal_id, f.name, f.stage, f.value, f.currency, f.owner_id, f.age, f.in_stage, f.idle, f.place, f.places, f.risk,
           round(n.base / 100, 4), n.p90_days,
           round(round(least(100, greatest(0, n.base + 15.0 * f.place / f.places
               - CASE WHEN f.risk >= 0.6 THEN 18 WHEN f.risk >= 0.4 THEN 6 ELSE 0 END
               + CASE WHEN f.idle > 21 THEN -12 WHEN f.idle <= 5 THEN 5 ELSE 0 END
               - CASE WHEN f.age > n.p90_days THEN 10 ELSE 0 END))) / 100, 2),
           CASE WHEN f.risk >= 0.6 THEN 'down' WHEN f.idle <= 5 AND f.risk < 0.4 THEN 'up' ELSE 'stable' END
    FROM facts f CROSS JOIN norms n;
END
$$;
COMMENT ON FUNCTION sentinel.deal_outlook(timestamptz, uuid) IS
    'Give every open deal, or one, with its ages in days, risk score and win probability by rule, in one pass. Per cent, added and cut to 0..100: (won + 1) / (won + lost + 2); 15 x place of the stage / open stages; High risk -18, Medium -6; idle over 21 days -12, up to 5 days +5; older than p90_days -10. An uncalibrated rule: win_scores() is fitted. Errors: SN002, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.win_probability(deal_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE (probability numeric, trend text, base_rate numeric, factors text[])
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    instant timestamptz := sentinel.require_instant(win_probability.as_of);
    state record;
    o record;
BEGIN
    SELECT * INTO state FROM sentinel.deal_state(win_probability.deal_id, instant);
    IF state.stage_kind <> 'open' THEN
        RETURN QUERY SELECT (state.stage_kind = 'won')::integer::numeric, 'stable'::text, NULL::numeric,
                            ARRAY[format('The deal is %s', state.stage_kind)];
        RETURN;
    END IF;
    SELECT * INTO o FROM sentinel.deal_outlook(instant, win_probability.deal_id);
    RETURN QUERY SELECT o.probability, o.trend, o.base_rate, array_remove(ARRAY[
        format('Base rate of closed deals: %s %%', round(100 * o.base_rate)),
        format('Stage %s of %s', o.stage_place, o.stage_places),
        CASE WHEN o.risk_score >= 0.6 THEN 'High risk' WHEN o.risk_score >= 0.4 THEN 'Medium risk' END,
        CASE WHEN o.idle_days > 21 OR o.idle_days <= 5 THEN format('Last activity %s days ago', o.idle_days) END,
        CASE WHEN o.age_days > o.p90_days
             THEN format('Older than nine in ten closed deals: %s days, %s typical', o.age_days, o.p90_days) END], NULL);
END
$$;
COMMENT ON FUNCTION sentinel.win_probability(uuid, timestamptz) IS
    'Give the chance to win a deal by the rule of deal_outlook(), 0 to 1, its trend (up, stable, down) and what it rests on; 1 or 0 once it is closed. One row. Errors: SN002, SN003, SN004 unknown deal or not recorded yet, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.days_to_close(deal_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE (days integer, expected_close_at timestamptz, confidence text, samples integer, factors text[])
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(days_to_close.as_of);
    d record;
    seen record;
    days_old integer;
    in_stage integer;
    idle integer;
    passed double precision;
    ratio double precision;
    factor double precision := 1;
    estimate double precision;
    found_samples integer;
    reasons text[];
BEGIN
    SELECT * INTO d FROM sentinel.deal_state(days_to_close.deal_id, instant);
    IF d.stage_kind <> 'open' THEN
        RETURN QUERY SELECT 0, d.closed_at, 'high'::text, 0, ARRAY[format('The deal is %s', d.stage_kind)];
        RETURN;
    END IF;
    days_old := sentinel.whole_days(d.created_at, instant);
    in_stage := sentinel.whole_days(d.stage_entered_at, instant);
    SELECT sentinel.whole_days(coalesce(max(a.occurred_at), d.created_at), instant) INTO idle
    FROM sentinel.activities a
    WHERE a.org_id = org AND a.deal_id = days_to_close.deal_id AND a.recorded_at <= instant
      AND a.activity_type IN ('email_sent', 'email_received', 'meeting_held', 'call_held');
    SELECT (count(*) FILTER (WHERE p.position < h.position))::double precision / nullif(count(h.position), 0) INTO passed
    FROM sentinel.pipeline_stages p
    LEFT JOIN sentinel.pipeline_stages h ON h.org_id = org AND h.pipeline_id = d.pipeline_id AND h.stage = d.stage
    WHERE p.org_id = org AND p.pipeline_id = d.pipeline_id AND p.kind = 'open';

    -- How long won deals still took, once they had been in this stage for as long as this one has.
    WITH states AS MATERIALIZED (
        SELECT s.* FROM sentinel.deal_states(org, instant) s),
    stays AS MATERIALIZED (
        SELECT sentinel.whole_days(max(v.stage_entered_at), w.closed_at) AS stay
        FROM states w
        JOIN sentinel.deal_history v ON v.org_id = org AND v.deal_id = w.deal_id AND v.pipeline_id = d.pipeline_id
            AND v.stage = d.stage AND v.recorded_at <= instant
        WHERE w.stage_kind = 'won' AND w.pipeline_id = d.pipeline_id
        GROUP BY w.deal_id, w.closed_at)
    SELECT count(*) FILTER (WHERE s.stage_kind = 'won' AND s.closed_at >= s.created_at) AS wins,
           avg(sentinel.whole_days(s.created_at, s.closed_at))
               FILTER (WHERE s.stage_kind = 'won' AND s.closed_at >= s.created_at) AS cycle,
           avg(s.value) FILTER (WHERE s.currency = d.currency) AS mean_value,
           (SELECT count(*) FROM stays y WHERE y.stay > in_stage) AS longer,
           (SELECT avg(y.stay - in_stage) FROM stays y WHERE y.stay > in_stage) AS rest
    INTO seen FROM states s;

    ratio := d.value / greatest(1, coalesce(seen.mean_value, 1));
    factor := CASE WHEN ratio > 1.5 THEN 1.2 WHEN ratio < 0.5 THEN 0.85 ELSE 1 END;
    IF seen.longer >= 3 THEN
        found_samples := seen.longer;
        estimate := seen.rest * factor;
        reasons := ARRAY[format('Won deals took %s more days from here (n=%s)', round(seen.rest), seen.longer)];
    ELSIF seen.wins = 0 THEN
        found_samples := 0;
        factor := 1;
        estimate := 45 - days_old;
        reasons := ARRAY['No closed-won history; using default cycle length'];
    ELSE
        found_samples := seen.wins;
        estimate := seen.cycle * (1 - coalesce(passed, 0.5)) * factor - 0.3 * days_old;
        reasons := ARRAY[format('Avg cycle length: %s days (n=%s)', round(seen.cycle), seen.wins)];
    END IF;
    days_to_close.days := greatest(0, floor(estimate + 0.5))::integer;
    RETURN QUERY SELECT days_to_close.days, instant + days_to_close.days * interval '24 hours',
        CASE WHEN found_samples >= 10 THEN 'high' WHEN found_samples < 3 THEN 'low' ELSE 'medium' END, found_samples,
        reasons || array_remove(ARRAY[
            CASE factor WHEN 1.2 THEN 'Larger than usual: takes longer' WHEN 0.85 THEN 'Smaller than usual: goes faster' END,
            CASE WHEN idle > 14 THEN format('No activity in %s days', idle)
                 WHEN idle <= 3 THEN 'Active in the last 3 days' END], NULL);
END
$$;
COMMENT ON FUNCTION sentinel.days_to_close(uuid, timestamptz) IS
    'Estimate the days until an open deal is won: the mean time that won deals of its pipeline still took once they had been in this stage as long, when at least three did; else mean cycle x share of the stages ahead - 0.3 x age; without any win 45 days - age. x 1.2 over 1.5 times the mean value of its currency, x 0.85 under half of it. confidence: high from 10 samples, low below 3. One row. Errors: those of win_probability().';
