-- Room risk: the triggers that keep deal_signals. They write raw signals, input_at and replay; the row trigger settle_risk()
-- does the rest. What arrives recorded before input_at sets replay.
-- Deals are written one by one in the order of their keys: locks are taken in one order, and the saved plan is a look-up by
-- key whether the first statement of a session wrote one deal or a million. The sub-selects with OFFSET 0 or LIMIT are
-- look-ups for the same reason, and the join of the two transition tables must be a hash join.

CREATE FUNCTION sentinel.signal_settings(org uuid, owner uuid, stage text)
    RETURNS TABLE (inactivity_days smallint, flags smallint, stage_norm_days double precision, weights double precision[],
                   recorded_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT coalesce(r.inactivity_days, 7::smallint),
           sentinel.risk_flags(r.competitive, r.stage_stall, r.champion_dormancy), n.mean_days, w.weights,
           greatest(r.recorded_at, n.recorded_at, w.recorded_at)
    FROM (SELECT) AS one
    LEFT JOIN LATERAL (
        SELECT * FROM sentinel.risk_settings r
        WHERE r.org_id = signal_settings.org AND (r.member_id = signal_settings.owner OR r.member_id IS NULL)
        ORDER BY r.member_id IS NULL, r.recorded_at DESC, r.id DESC LIMIT 1) r ON true
    LEFT JOIN LATERAL (
        SELECT n.mean_days, n.recorded_at FROM sentinel.stage_norms n
        WHERE r.stage_stall AND n.org_id = signal_settings.org AND n.stage = signal_settings.stage
          AND n.owner_id = coalesce(signal_settings.owner, '00000000-0000-0000-0000-000000000000')
        ORDER BY n.recorded_at DESC, n.id DESC LIMIT 1) n ON true
    LEFT JOIN LATERAL (
        SELECT w.weights, w.recorded_at FROM sentinel.risk_weights w
        WHERE w.org_id = signal_settings.org ORDER BY w.recorded_at DESC, w.id DESC LIMIT 1) w ON true;
END
$$;
COMMENT ON FUNCTION sentinel.signal_settings(uuid, uuid, text) IS
    'Give the newest settings that hold for an owner''s deals, the norm of a stage where stage stall is on, the weights of the organisation, and when the newest of them was recorded.';

CREATE FUNCTION sentinel.refresh_signals(org uuid, at timestamptz, deals uuid[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid;
BEGIN
    FOR deal IN SELECT u.id FROM unnest(refresh_signals.deals) AS u (id) ORDER BY u.id LOOP
        UPDATE sentinel.deal_signals s
        SET inactivity_days = coalesce(h.inactivity_days, 7), flags = h.flags, stage_norm_days = h.stage_norm_days,
            weights = h.weights, replay = s.replay OR refresh_signals.at < s.input_at,
            input_at = greatest(s.input_at, refresh_signals.at)
        FROM (SELECT x.* FROM sentinel.deals d
              CROSS JOIN LATERAL sentinel.signal_settings(d.org_id, d.owner_id, d.stage) x
              WHERE d.org_id = refresh_signals.org AND d.id = deal OFFSET 0) h
        WHERE s.org_id = refresh_signals.org AND s.deal_id = deal;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.refresh_signals(uuid, timestamptz, uuid[]) IS
    'Take settings and norms of the given deals anew, as an input recorded at a time.';

CREATE FUNCTION sentinel.signal_new_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.deal_signals (org_id, deal_id, owner_id, team_id, risk_role, closed, value, created_at,
                                       stage_entered_at, inactivity_days, flags, stage_norm_days, weights, input_at, replay)
    SELECT d.org_id, d.id, d.owner_id, d.team_id, sentinel.risk_role_number(p.risk_role), d.stage_kind <> 'open', d.value,
           d.created_at, d.stage_changed_at, x.inactivity_days, x.flags, x.stage_norm_days, x.weights,
           greatest(d.changed_at, x.recorded_at), coalesce(d.changed_at < x.recorded_at, false)
    FROM new_deals d
    CROSS JOIN LATERAL (
        SELECT p.risk_role FROM sentinel.pipeline_stages p
        WHERE p.org_id = d.org_id AND p.pipeline_id = d.pipeline_id AND p.stage = d.stage OFFSET 0) p
    CROSS JOIN LATERAL sentinel.signal_settings(d.org_id, d.owner_id, d.stage) x;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_new_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_new_deals() IS 'Trigger: make the signals of new deals.';

CREATE FUNCTION sentinel.learn_stage_norms(org uuid, deal uuid, owner uuid, at timestamptz, seq integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    stall_is_on boolean := EXISTS (SELECT FROM sentinel.risk_settings r
                                   WHERE r.org_id = learn_stage_norms.org AND r.stage_stall);
    stay record;
BEGIN
    -- One closing of an owner's deals after the other: each adds to the version before it.
    PERFORM FROM sentinel.members m WHERE m.org_id = learn_stage_norms.org AND m.id = learn_stage_norms.owner FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM FROM sentinel.orgs o WHERE o.org_id = learn_stage_norms.org FOR NO KEY UPDATE;
    END IF;
    FOR stay IN
        WITH versions AS (
            SELECT h.seq, h.stage, h.stage_kind, h.stage_entered_at, lag(h.stage) OVER (ORDER BY h.seq) AS stage_before
            FROM sentinel.deal_history h
            WHERE h.org_id = learn_stage_norms.org AND h.deal_id = learn_stage_norms.deal AND h.seq <= learn_stage_norms.seq),
        entries AS (
            SELECT v.seq, v.stage, v.stage_kind,
                   lead(v.stage_entered_at) OVER (ORDER BY v.seq) - v.stage_entered_at AS length
            FROM versions v WHERE v.stage IS DISTINCT FROM v.stage_before)
        SELECT e.stage, count(*)::integer AS samples, (sum(extract(epoch FROM e.length)) * 1000000)::bigint AS microseconds
        FROM entries e
        WHERE e.stage_kind = 'open' AND e.length >= interval '0'
          AND e.seq > coalesce((SELECT max(c.seq) FROM versions c
                                WHERE c.stage_kind <> 'open' AND c.seq < learn_stage_norms.seq), 0)
        GROUP BY e.stage ORDER BY e.stage
    LOOP
        -- A closing recorded late is added to the versions that were recorded for later times, too.
        INSERT INTO sentinel.stage_norms (org_id, owner_id, stage, samples, total_microseconds, mean_days, recorded_at)
        SELECT learn_stage_norms.org, learn_stage_norms.owner, stay.stage, sums.samples, sums.total,
               sums.total::double precision / sums.samples / 86400e6, i.at
        FROM (SELECT learn_stage_norms.at AS at
              UNION
              SELECT n.recorded_at FROM sentinel.stage_norms n
              WHERE n.org_id = learn_stage_norms.org AND n.owner_id = learn_stage_norms.owner AND n.stage = stay.stage
                AND n.recorded_at > learn_stage_norms.at) AS i
        LEFT JOIN LATERAL (
            SELECT n.samples, n.total_microseconds FROM sentinel.stage_norms n
            WHERE n.org_id = learn_stage_norms.org AND n.owner_id = learn_stage_norms.owner AND n.stage = stay.stage
              AND n.recorded_at <= i.at
            ORDER BY n.recorded_at DESC, n.id DESC LIMIT 1) AS before ON true
        CROSS JOIN LATERAL (
            SELECT coalesce(before.samples, 0) + stay.samples AS samples,
                   coalesce(before.total_microseconds, 0) + stay.microseconds AS total) AS sums
        ORDER BY i.at;
        IF stall_is_on THEN
            PERFORM sentinel.refresh_signals(learn_stage_norms.org, learn_stage_norms.at, ARRAY(
                SELECT d.id FROM sentinel.deals d
                CROSS JOIN LATERAL (
                    SELECT FROM sentinel.deal_signals s
                    WHERE s.org_id = d.org_id AND s.deal_id = d.id AND s.flags & 2 <> 0 OFFSET 0) s
                WHERE d.org_id = learn_stage_norms.org AND d.stage = stay.stage AND d.stage_kind = 'open'
                  AND (d.owner_id = learn_stage_norms.owner OR d.owner_id IS NULL AND learn_stage_norms.owner = nobody)));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.learn_stage_norms(uuid, uuid, uuid, timestamptz, integer) IS
    'Add the stays of a deal that has just closed to the norms of its owner, and tell the open deals that they concern. Stays before an earlier closing were counted then.';

CREATE FUNCTION sentinel.signal_changed_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off
    SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    d record;
    closing record;
BEGIN
    FOR d IN
        SELECT n.*, (n.stage, n.pipeline_id, n.value, n.owner_id, n.created_at, n.stage_changed_at) IS DISTINCT FROM
               (o.stage, o.pipeline_id, o.value, o.owner_id, o.created_at, o.stage_changed_at) AS is_input, sentinel.risk_role_number(p.risk_role) AS role_number,
               x.inactivity_days, x.flags, x.stage_norm_days, x.weights, x.recorded_at AS settings_at
        FROM new_deals n
        JOIN old_deals o ON o.org_id = n.org_id AND o.id = n.id
        CROSS JOIN LATERAL (
            SELECT p.risk_role FROM sentinel.pipeline_stages p
            WHERE p.org_id = n.org_id AND p.pipeline_id = n.pipeline_id AND p.stage = n.stage OFFSET 0) p
        CROSS JOIN LATERAL sentinel.signal_settings(n.org_id, n.owner_id, n.stage) x
        WHERE o.version <> n.version OR o.team_id IS DISTINCT FROM n.team_id
        ORDER BY n.org_id, n.id
    LOOP
        IF NOT d.is_input THEN
            UPDATE sentinel.deal_signals s SET team_id = d.team_id WHERE s.org_id = d.org_id AND s.deal_id = d.id;
            CONTINUE;
        END IF;
        UPDATE sentinel.deal_signals s
        SET owner_id = d.owner_id, team_id = d.team_id, risk_role = d.role_number, closed = d.stage_kind <> 'open',
            value = d.value, created_at = d.created_at, stage_entered_at = d.stage_changed_at,
            inactivity_days = d.inactivity_days, flags = d.flags, stage_norm_days = d.stage_norm_days, weights = d.weights,
            replay = s.replay OR d.changed_at < greatest(s.input_at, d.settings_at),
            input_at = greatest(s.input_at, d.changed_at, d.settings_at)
        WHERE s.org_id = d.org_id AND s.deal_id = d.id;
    END LOOP;

    FOR closing IN
        SELECT n.org_id, n.id, n.version, n.changed_at,
               coalesce(n.owner_id, '00000000-0000-0000-0000-000000000000') AS owner
        FROM new_deals n
        JOIN old_deals o ON o.org_id = n.org_id AND o.id = n.id
        WHERE o.stage_kind = 'open' AND n.stage_kind <> 'open'
        ORDER BY n.org_id, owner, n.changed_at, n.id
    LOOP
        PERFORM sentinel.learn_stage_norms(closing.org_id, closing.id, closing.owner, closing.changed_at, closing.version);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_changed_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_changed_deals() IS
    'Trigger: bring changes of deals into their signals; deals that close add to the stage norms of their owner.';

CREATE FUNCTION sentinel.signal_activities() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a record;
BEGIN
    -- Activities of one deal recorded at different times are several inputs: only the history tells what lay between.
    FOR a IN
        SELECT n.org_id, n.deal_id,
               max(n.occurred_at) FILTER (WHERE n.activity_type = 'email_sent') AS sent,
               max(n.occurred_at) FILTER (WHERE n.activity_type = 'email_received') AS received,
               max(n.occurred_at) FILTER (WHERE n.activity_type IN ('meeting_held', 'call_held')) AS met,
               max(n.occurred_at) AS newest, sum(n.competitive_indicators)::integer AS indicators,
               min(n.recorded_at) AS first_recorded, max(n.recorded_at) AS last_recorded
        FROM new_activities n WHERE n.deal_id IS NOT NULL
        GROUP BY n.org_id, n.deal_id ORDER BY n.org_id, n.deal_id
    LOOP
        UPDATE sentinel.deal_signals s
        SET last_sent_at = greatest(s.last_sent_at, a.sent),
            last_received_at = greatest(s.last_received_at, a.received),
            last_meeting_at = greatest(s.last_meeting_at, a.met),
            last_event_at = greatest(s.last_event_at, a.newest),
            competitive_indicators = s.competitive_indicators + a.indicators,
            replay = s.replay OR a.first_recorded < greatest(s.input_at, a.last_recorded),
            input_at = greatest(s.input_at, a.last_recorded)
        WHERE s.org_id = a.org_id AND s.deal_id = a.deal_id;
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_activities() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_activities() IS 'Trigger: bring new activities into the signals of their deals.';
