-- Room insight, landmarks: what was known of each open deal at instants of a grid, for fitting and judging models. A cut sees
-- only rows of deal_history and activities that had been recorded by then. Cuts lie 28 days of 24 hours apart. All open deals
-- of a cut are taken: to draw cuts from a deal's life would know when it ends.

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.deal_landmarks(org uuid, anchor timestamptz, first_cut timestamptz, last_cut timestamptz,
                                        known_until timestamptz, only_deal uuid DEFAULT NULL)
    RETURNS TABLE (deal_id uuid, cut timestamptz, ordinal integer, stage text, risk_role text, value double precision,
                   first_value double precision, owner_id uuid, owner_changed boolean, moves integer, reopened boolean,
                   created_at timestamptz, stage_entered_at timestamptz, last_sent_at timestamptz,
                   last_received_at timestamptz, last_meeting_at timestamptz, last_event_at timestamptz, recent integer,
                   competitive_indicators integer, won_at timestamptz, lost_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 1000000 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
    SET work_mem = '64MB' SET jit = off AS $$
DECLARE
    step constant double precision := 2419200;  -- seconds of 28 days
    first_number integer := ceil(date_part('epoch', deal_landmarks.first_cut - deal_landmarks.anchor) / step)::integer;
    last_number integer := floor(date_part('epoch', deal_landmarks.last_cut - deal_landmarks.anchor) / step)::integer;
BEGIN
    RETURN QUERY
    -- What was deleted counts as open until then; what left no note of it was a demo deal.
    WITH gone AS MATERIALIZED (
        SELECT t.deal_id, t.recorded_at FROM sentinel.deal_timeline t
        WHERE t.org_id = deal_landmarks.org AND t.kind = 'deleted'
          AND (deal_landmarks.only_deal IS NULL OR t.deal_id = deal_landmarks.only_deal)),
    versions AS (
        SELECT h.deal_id, h.seq, h.recorded_at, h.stage, h.stage_kind, h.risk_role, h.value, h.owner_id, h.created_at,
               h.stage_entered_at, lag(h.stage) OVER in_order AS stage_before, lag(h.owner_id) OVER in_order AS owner_before,
               least(lead(h.recorded_at) OVER in_order, g.recorded_at) AS replaced_at, first_value(h.value) OVER in_order AS first_value,
               min(h.recorded_at) FILTER (WHERE h.stage_kind = 'won') OVER of_deal AS first_won,
               max(h.recorded_at) FILTER (WHERE h.stage_kind = 'won') OVER of_deal AS last_won,
               min(h.recorded_at) FILTER (WHERE h.stage_kind = 'lost') OVER of_deal AS first_lost,
               max(h.recorded_at) FILTER (WHERE h.stage_kind = 'lost') OVER of_deal AS last_lost
        FROM sentinel.deal_history h
        LEFT JOIN sentinel.deals d ON d.org_id = deal_landmarks.org AND d.id = h.deal_id
        LEFT JOIN gone g ON g.deal_id = h.deal_id
        WHERE h.org_id = deal_landmarks.org AND h.recorded_at <= deal_landmarks.known_until
          AND (deal_landmarks.only_deal IS NULL OR h.deal_id = deal_landmarks.only_deal)
          AND (NOT d.is_demo OR g.deal_id IS NOT NULL)
        WINDOW of_deal AS (PARTITION BY h.deal_id), in_order AS (PARTITION BY h.deal_id ORDER BY h.seq)),
    paths AS (
        SELECT v.*, count(*) FILTER (WHERE v.stage <> v.stage_before) OVER so_far AS moves,
               bool_or(v.stage_before IS NOT NULL AND v.owner_id IS DISTINCT FROM v.owner_before) OVER so_far AS owner_changed,
               bool_or(v.stage_kind <> 'open') OVER so_far AS reopened
        FROM versions v WINDOW so_far AS (PARTITION BY v.deal_id ORDER BY v.seq)),
    -- A version stands from the first cut at or after it was recorded to the last one before it was replaced.
    landmarks AS (
        SELECT p.*, generate_series(
                   greatest(first_number, ceil(date_part('epoch', p.recorded_at - deal_landmarks.anchor) / step)::integer),
                   least(last_number, ceil(date_part('epoch', p.replaced_at - deal_landmarks.anchor) / step)::integer - 1)) AS number
        FROM paths p WHERE p.stage_kind = 'open' AND p.recorded_at <= deal_landmarks.last_cut),
    happened AS (
        SELECT a.deal_id, ceil(date_part('epoch', a.recorded_at - deal_landmarks.anchor) / step)::integer AS number,
               max(a.occurred_at) FILTER (WHERE a.activity_type = 'email_sent') AS sent,
               max(a.occurred_at) FILTER (WHERE a.activity_type = 'email_received') AS received,
               max(a.occurred_at) FILTER (WHERE a.activity_type IN ('meeting_held', 'call_held')) AS met,
               max(a.occurred_at) AS newest, count(*) AS activities, sum(a.competitive_indicators) AS indicators
        FROM sentinel.activities a
        WHERE a.org_id = deal_landmarks.org AND a.deal_id IS NOT NULL AND a.recorded_at <= deal_landmarks.last_cut
          AND (deal_landmarks.only_deal IS NULL OR a.deal_id = deal_landmarks.only_deal)
        GROUP BY 1, 2),
    merged AS (
        SELECT l.deal_id, l.number, 1 AS landmark, l.recorded_at, l.stage, l.risk_role, l.value, l.first_value, l.owner_id,
               l.owner_changed, l.moves, l.reopened, l.created_at, l.stage_entered_at, l.first_won, l.last_won, l.first_lost,
               l.last_lost, NULL::timestamptz AS sent, NULL::timestamptz AS received, NULL::timestamptz AS met,
               NULL::timestamptz AS newest, NULL::bigint AS activities, NULL::bigint AS indicators
        FROM landmarks l
        UNION ALL
        SELECT h.deal_id, h.number, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               NULL, h.sent, h.received, h.met, h.newest, h.activities, h.indicators
        FROM happened h),
    told AS (
        SELECT m.*, sum(m.landmark) OVER so_far AS ordinal, max(m.sent) OVER so_far AS last_sent,
               max(m.received) OVER so_far AS last_received, max(m.met) OVER so_far AS last_met,
               max(m.newest) OVER so_far AS last_newest, sum(m.indicators) OVER so_far AS all_indicators,
               sum(m.activities) OVER (PARTITION BY m.deal_id, m.number) AS recent
        FROM merged m WINDOW so_far AS (PARTITION BY m.deal_id ORDER BY m.number))
    SELECT t.deal_id, deal_landmarks.anchor + t.number * interval '672 hours', t.ordinal::integer, t.stage, t.risk_role,
           t.value::double precision, t.first_value::double precision, t.owner_id, t.owner_changed, t.moves::integer,
           t.reopened, t.created_at, t.stage_entered_at, t.last_sent, t.last_received, t.last_met, t.last_newest,
           coalesce(t.recent, 0)::integer, coalesce(t.all_indicators, 0)::integer,
           CASE WHEN t.first_won > t.recorded_at THEN t.first_won WHEN t.last_won > t.recorded_at THEN t.last_won END,
           CASE WHEN t.first_lost > t.recorded_at THEN t.first_lost WHEN t.last_lost > t.recorded_at THEN t.last_lost END
    FROM told t WHERE t.landmark = 1;
END
$$;
COMMENT ON FUNCTION sentinel.deal_landmarks(uuid, timestamptz, timestamptz, timestamptz, timestamptz, uuid) IS
    'Give what was known of each deal that was open at a cut: one row per deal and cut anchor + n x 28 days from first_cut to last_cut. recent counts the activities recorded in the 28 days before. won_at and lost_at, when the deal was next recorded as won and lost by known_until, are for labels only. A few passes over the history and the activities, no look-up per deal; only_deal makes it a look-up.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.win_features() RETURNS TABLE ("position" integer, feature text, levels text[])
    LANGUAGE sql IMMUTABLE ROWS 12 SET search_path = pg_catalog, pg_temp AS $$
    VALUES (1, 'stage', NULL::text[]),
           (2, 'age', '{under 7 days,7 to 13 days,14 to 29 days,30 to 59 days,60 to 89 days,90 to 179 days,180 to 364 days,365 days or more}'),
           (3, 'time in stage', '{under 7 days,7 to 13 days,14 to 29 days,30 to 59 days,60 to 89 days,90 days or more}'),
           (4, 'value', '{"under 1,000","under 2,500","under 5,000","under 10,000","under 25,000","under 50,000","under 100,000","under 250,000","under 1,000,000","1,000,000 or more"}'),
           (5, 'change of value', '{unchanged,raised,cut}'),
           (6, 'moves between stages', '{none,one,two,three or more,reopened}'),
           (7, 'last e-mail received', '{under 3 days ago,3 to 6 days ago,7 to 13 days ago,14 to 29 days ago,30 to 59 days ago,60 days ago or more,never}'),
           (8, 'last e-mail sent', '{under 3 days ago,3 to 6 days ago,7 to 13 days ago,14 to 29 days ago,30 to 59 days ago,60 days ago or more,never}'),
           (9, 'last meeting or call', '{under 3 days ago,3 to 6 days ago,7 to 13 days ago,14 to 29 days ago,30 to 59 days ago,60 days ago or more,never}'),
           (10, 'activities in 28 days', '{none,1 or 2,3 to 5,6 to 10,11 or more}'),
           (11, 'signs of competition', '{none,one,two or more}'),
           (12, 'owner', '{nobody,the same since the start,changed}')
$$;
COMMENT ON FUNCTION sentinel.win_features() IS
    'List the features of the win model and the names of their levels, from code 0 on; those of stage are in the model, code 0 being any other.';

-- Without a SET clause, so that the planner can put it in line.
-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.win_codes(
    stages text[], stage text, value double precision, first_value double precision, owner_id uuid, owner_changed boolean,
    moves integer, reopened boolean, created_at timestamptz, stage_entered_at timestamptz, last_received_at timestamptz,
    last_sent_at timestamptz, last_meeting_at timestamptz, recent integer, competitive_indicators integer, cut timestamptz)
    RETURNS smallint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[
        coalesce(array_position(win_codes.stages, win_codes.stage), 0),
        width_bucket(date_part('epoch', win_codes.cut - win_codes.created_at) / 86400,
                     '{7,14,30,60,90,180,365}'::double precision[]),
        width_bucket(date_part('epoch', win_codes.cut - win_codes.stage_entered_at) / 86400,
                     '{7,14,30,60,90}'::double precision[]),
        width_bucket(win_codes.value, '{1000,2500,5000,10000,25000,50000,100000,250000,1000000}'::double precision[]),
        CASE WHEN win_codes.value > win_codes.first_value THEN 1 WHEN win_codes.value < win_codes.first_value THEN 2 ELSE 0 END,
        CASE WHEN win_codes.reopened THEN 4 ELSE least(win_codes.moves, 3) END,
        coalesce(width_bucket(date_part('epoch', win_codes.cut - win_codes.last_received_at) / 86400,
                              '{3,7,14,30,60}'::double precision[]), 6),
        coalesce(width_bucket(date_part('epoch', win_codes.cut - win_codes.last_sent_at) / 86400,
                              '{3,7,14,30,60}'::double precision[]), 6),
        coalesce(width_bucket(date_part('epoch', win_codes.cut - win_codes.last_meeting_at) / 86400,
                              '{3,7,14,30,60}'::double precision[]), 6),
        width_bucket(win_codes.recent::double precision, '{1,3,6,11}'::double precision[]),
        least(win_codes.competitive_indicators, 2),
        CASE WHEN win_codes.owner_changed THEN 2 WHEN win_codes.owner_id IS NULL THEN 0 ELSE 1 END]::smallint[]
$$;
COMMENT ON FUNCTION sentinel.win_codes(text[], text, double precision, double precision, uuid, boolean, integer, boolean, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, integer, timestamptz) IS
    'Give the twelve level codes of a landmark, in the order of win_features(). Takes columns of deal_landmarks(); times after the cut are no input.';

-- Without a SET clause, so that the planner can put it in line. The order of the sum is that of explain_win().
-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.win_log_odds(intercept double precision, weights double precision[], codes smallint[])
    RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT win_log_odds.intercept
        + win_log_odds.weights[1][win_log_odds.codes[1] + 1] + win_log_odds.weights[2][win_log_odds.codes[2] + 1]
        + win_log_odds.weights[3][win_log_odds.codes[3] + 1] + win_log_odds.weights[4][win_log_odds.codes[4] + 1]
        + win_log_odds.weights[5][win_log_odds.codes[5] + 1] + win_log_odds.weights[6][win_log_odds.codes[6] + 1]
        + win_log_odds.weights[7][win_log_odds.codes[7] + 1] + win_log_odds.weights[8][win_log_odds.codes[8] + 1]
        + win_log_odds.weights[9][win_log_odds.codes[9] + 1] + win_log_odds.weights[10][win_log_odds.codes[10] + 1]
        + win_log_odds.weights[11][win_log_odds.codes[11] + 1] + win_log_odds.weights[12][win_log_odds.codes[12] + 1]
$$;
COMMENT ON FUNCTION sentinel.win_log_odds(double precision, double precision[], smallint[]) IS
    'Add up the log-odds of a landmark: the intercept and one weight per feature, weights[feature][code + 1], in the order of the features.';
