-- Room risk: the triggers that keep deal_signals. Each statement writes raw signals, input_at and replay of many deals at
-- once; the row trigger settle_risk() does the rest. What arrives recorded before input_at sets replay.

CREATE FUNCTION sentinel.refresh_signals(org uuid, at timestamptz, deals uuid[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM sentinel.deal_signals s WHERE s.org_id = refresh_signals.org AND s.deal_id = ANY (refresh_signals.deals)
    ORDER BY s.deal_id FOR NO KEY UPDATE;
    UPDATE sentinel.deal_signals s
    SET inactivity_days = coalesce(r.inactivity_days, 7),
        flags = sentinel.risk_flags(r.competitive, r.stage_stall, r.champion_dormancy),
        stage_norm_days = CASE WHEN r.stage_stall THEN n.mean_days END,
        replay = s.replay OR refresh_signals.at < s.input_at,
        input_at = greatest(s.input_at, refresh_signals.at)
    FROM sentinel.deals d
    LEFT JOIN LATERAL (
        SELECT * FROM sentinel.risk_settings r
        WHERE r.org_id = d.org_id AND (r.member_id = d.owner_id OR r.member_id IS NULL)
        ORDER BY r.member_id IS NULL, r.recorded_at DESC, r.id DESC LIMIT 1) r ON true
    LEFT JOIN LATERAL (
        SELECT n.mean_days FROM sentinel.stage_norms n
        WHERE r.stage_stall AND n.org_id = d.org_id AND n.stage = d.stage
          AND n.owner_id = coalesce(d.owner_id, '00000000-0000-0000-0000-000000000000')
        ORDER BY n.recorded_at DESC, n.id DESC LIMIT 1) n ON true
    WHERE d.org_id = refresh_signals.org AND d.id = ANY (refresh_signals.deals)
      AND s.org_id = d.org_id AND s.deal_id = d.id;
END
$$;
COMMENT ON FUNCTION sentinel.refresh_signals(uuid, timestamptz, uuid[]) IS
    'Take settings and norms of the given deals anew, as an input recorded at a time.';

CREATE FUNCTION sentinel.signal_new_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.deal_signals (org_id, deal_id, owner_id, team_id, risk_role, closed, value, created_at,
                                       stage_entered_at, inactivity_days, flags, stage_norm_days, input_at, replay)
    SELECT d.org_id, d.id, d.owner_id, d.team_id, sentinel.risk_role_number(p.risk_role), d.stage_kind <> 'open', d.value,
           d.created_at, d.stage_changed_at, coalesce(r.inactivity_days, 7),
           sentinel.risk_flags(r.competitive, r.stage_stall, r.champion_dormancy),
           CASE WHEN r.stage_stall THEN n.mean_days END,
           greatest(d.changed_at, r.recorded_at, n.recorded_at),
           d.changed_at < greatest(d.changed_at, r.recorded_at, n.recorded_at)
    FROM new_deals d
    JOIN sentinel.pipeline_stages p ON p.org_id = d.org_id AND p.pipeline_id = d.pipeline_id AND p.stage = d.stage
    LEFT JOIN LATERAL (
        SELECT * FROM sentinel.risk_settings r
        WHERE r.org_id = d.org_id AND (r.member_id = d.owner_id OR r.member_id IS NULL)
        ORDER BY r.member_id IS NULL, r.recorded_at DESC, r.id DESC LIMIT 1) r ON true
    LEFT JOIN LATERAL (
        SELECT n.mean_days, n.recorded_at FROM sentinel.stage_norms n
        WHERE r.stage_stall AND n.org_id = d.org_id AND n.stage = d.stage
          AND n.owner_id = coalesce(d.owner_id, '00000000-0000-0000-0000-000000000000')
        ORDER BY n.recorded_at DESC, n.id DESC LIMIT 1) n ON true;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_new_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_new_deals() IS 'Trigger: make the signals of new deals.';

CREATE FUNCTION sentinel.learn_stage_norms(org uuid, deal uuid, owner uuid, at timestamptz, seq integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
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
        PERFORM sentinel.refresh_signals(learn_stage_norms.org, learn_stage_norms.at, ARRAY(
            SELECT d.id FROM sentinel.deals d
            JOIN sentinel.deal_signals s ON s.org_id = d.org_id AND s.deal_id = d.id AND s.flags & 2 <> 0 AND NOT s.closed
            WHERE d.org_id = learn_stage_norms.org AND d.stage = stay.stage
              AND (d.owner_id = learn_stage_norms.owner OR d.owner_id IS NULL AND learn_stage_norms.owner = nobody)));
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.learn_stage_norms(uuid, uuid, uuid, timestamptz, integer) IS
    'Add the stays of a deal that has just closed to the norms of its owner, and tell the open deals that they concern. Stays before an earlier closing were counted then.';

CREATE FUNCTION sentinel.signal_changed_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    closing record;
BEGIN
    PERFORM FROM sentinel.deal_signals s
    WHERE (s.org_id, s.deal_id) IN (SELECT n.org_id, n.id FROM new_deals n)
    ORDER BY s.org_id, s.deal_id FOR NO KEY UPDATE;

    UPDATE sentinel.deal_signals s
    SET owner_id = d.owner_id, team_id = d.team_id, risk_role = sentinel.risk_role_number(p.risk_role),
        closed = d.stage_kind <> 'open', value = d.value, created_at = d.created_at, stage_entered_at = d.stage_changed_at,
        inactivity_days = coalesce(r.inactivity_days, 7),
        flags = sentinel.risk_flags(r.competitive, r.stage_stall, r.champion_dormancy),
        stage_norm_days = CASE WHEN r.stage_stall THEN n.mean_days END,
        replay = s.replay OR d.changed_at < greatest(s.input_at, r.recorded_at, n.recorded_at),
        input_at = greatest(s.input_at, d.changed_at, r.recorded_at, n.recorded_at)
    FROM new_deals d
    JOIN old_deals o ON o.org_id = d.org_id AND o.id = d.id AND o.version <> d.version
    JOIN sentinel.pipeline_stages p ON p.org_id = d.org_id AND p.pipeline_id = d.pipeline_id AND p.stage = d.stage
    LEFT JOIN LATERAL (
        SELECT * FROM sentinel.risk_settings r
        WHERE r.org_id = d.org_id AND (r.member_id = d.owner_id OR r.member_id IS NULL)
        ORDER BY r.member_id IS NULL, r.recorded_at DESC, r.id DESC LIMIT 1) r ON true
    LEFT JOIN LATERAL (
        SELECT n.mean_days, n.recorded_at FROM sentinel.stage_norms n
        WHERE r.stage_stall AND n.org_id = d.org_id AND n.stage = d.stage
          AND n.owner_id = coalesce(d.owner_id, '00000000-0000-0000-0000-000000000000')
        ORDER BY n.recorded_at DESC, n.id DESC LIMIT 1) n ON true
    WHERE s.org_id = d.org_id AND s.deal_id = d.id;

    UPDATE sentinel.deal_signals s SET team_id = d.team_id
    FROM new_deals d
    JOIN old_deals o ON o.org_id = d.org_id AND o.id = d.id AND o.version = d.version
    WHERE o.team_id IS DISTINCT FROM d.team_id AND s.org_id = d.org_id AND s.deal_id = d.id;

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
BEGIN
    -- Locks are taken in one order when there is more than one to take.
    IF (SELECT count(*) FROM (SELECT FROM new_activities LIMIT 2) AS two) > 1 THEN
        PERFORM FROM sentinel.deal_signals s
        WHERE (s.org_id, s.deal_id) IN (SELECT n.org_id, n.deal_id FROM new_activities n WHERE n.deal_id IS NOT NULL)
        ORDER BY s.org_id, s.deal_id FOR NO KEY UPDATE;
    END IF;
    -- Activities of one deal recorded at different times are several inputs: only the history tells what lay between.
    UPDATE sentinel.deal_signals s
    SET last_sent_at = greatest(s.last_sent_at, a.sent),
        last_received_at = greatest(s.last_received_at, a.received),
        last_meeting_at = greatest(s.last_meeting_at, a.met),
        last_event_at = greatest(s.last_event_at, a.newest),
        competitive_indicators = s.competitive_indicators + a.indicators,
        replay = s.replay OR a.first_recorded < greatest(s.input_at, a.last_recorded),
        input_at = greatest(s.input_at, a.last_recorded)
    FROM (
        SELECT n.org_id, n.deal_id,
               max(n.occurred_at) FILTER (WHERE n.activity_type = 'email_sent') AS sent,
               max(n.occurred_at) FILTER (WHERE n.activity_type = 'email_received') AS received,
               max(n.occurred_at) FILTER (WHERE n.activity_type IN ('meeting_held', 'call_held')) AS met,
               max(n.occurred_at) AS newest, sum(n.competitive_indicators)::integer AS indicators,
               min(n.recorded_at) AS first_recorded, max(n.recorded_at) AS last_recorded
        FROM new_activities n WHERE n.deal_id IS NOT NULL GROUP BY n.org_id, n.deal_id) AS a
    WHERE s.org_id = a.org_id AND s.deal_id = a.deal_id;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_activities() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_activities() IS 'Trigger: bring new activities into the signals of their deals, in one UPDATE.';
