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

-- Nested loops again: the triggers that call this do without, and would read the whole history for one closing.
CREATE FUNCTION sentinel.learn_stage_norms(org uuid, deals uuid[], owners uuid[], ats timestamptz[], seqs integer[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = on AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    touched jsonb;
    norm record;
BEGIN
    -- One batch of closings of an owner's deals after the other: each adds to the versions before it.
    PERFORM FROM sentinel.orgs o
    WHERE o.org_id = learn_stage_norms.org AND EXISTS (
        SELECT FROM unnest(learn_stage_norms.owners) AS u (id)
        WHERE NOT EXISTS (SELECT FROM sentinel.members m WHERE m.org_id = learn_stage_norms.org AND m.id = u.id))
    FOR NO KEY UPDATE;
    PERFORM FROM sentinel.members m WHERE m.org_id = learn_stage_norms.org AND m.id = ANY (learn_stage_norms.owners)
    ORDER BY m.id FOR NO KEY UPDATE;
    WITH versions AS (
        SELECT c.deal, c.owner, c.at, h.seq, h.stage, h.stage_kind, h.stage_entered_at, lag(h.stage) OVER in_order AS stage_before,
               coalesce(max(h.seq) FILTER (WHERE h.stage_kind <> 'open' AND h.seq < c.seq) OVER (PARTITION BY c.deal), 0) AS closed_before
        FROM unnest(learn_stage_norms.deals, learn_stage_norms.owners, learn_stage_norms.ats, learn_stage_norms.seqs)
             AS c (deal, owner, at, seq)
        CROSS JOIN LATERAL (
            SELECT v.seq, v.stage, v.stage_kind, v.stage_entered_at FROM sentinel.deal_history v
            WHERE v.org_id = learn_stage_norms.org AND v.deal_id = c.deal AND v.seq <= c.seq OFFSET 0) h
        WINDOW in_order AS (PARTITION BY c.deal ORDER BY h.seq)),
    entries AS (
        SELECT v.*, lead(v.stage_entered_at) OVER (PARTITION BY v.deal ORDER BY v.seq) - v.stage_entered_at AS length
        FROM versions v WHERE v.stage IS DISTINCT FROM v.stage_before),
    -- What is passed at once is not stayed in.
    stays AS MATERIALIZED (
        SELECT e.owner, e.stage, e.at, count(*) AS samples, sum(extract(epoch FROM e.length)) * 1000000 AS microseconds
        FROM entries e
        WHERE e.stage_kind = 'open' AND e.length > interval '0' AND e.seq > e.closed_before
        GROUP BY e.owner, e.stage, e.at),
    spans AS MATERIALIZED (
        SELECT y.owner, y.stage, min(y.at) AS first_at, max(y.at) AS last_at FROM stays y GROUP BY y.owner, y.stage),
    known AS (
        SELECT p.owner, p.stage, p.first_at AS at, n.samples, n.total_microseconds
        FROM spans p
        CROSS JOIN LATERAL (
            SELECT x.samples, x.total_microseconds FROM sentinel.stage_norms x
            WHERE x.org_id = learn_stage_norms.org AND x.owner_id = p.owner AND x.stage = p.stage AND x.recorded_at <= p.first_at
            ORDER BY x.recorded_at DESC, x.id DESC LIMIT 1) n
        UNION ALL
        SELECT p.owner, p.stage, n.recorded_at, n.samples, n.total_microseconds
        FROM spans p
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (x.recorded_at) x.recorded_at, x.samples, x.total_microseconds FROM sentinel.stage_norms x
            WHERE x.org_id = learn_stage_norms.org AND x.owner_id = p.owner AND x.stage = p.stage AND x.recorded_at > p.first_at
            ORDER BY x.recorded_at, x.id DESC OFFSET 0) n),
    -- A closing recorded late is added to the versions that were recorded for later times, too: once for all of the batch. What
    -- was known only grows with time, so its maximum so far is its newest version.
    sums AS (
        SELECT u.owner, u.stage, u.at, sum(sum(u.added)) OVER so_far + max(max(u.samples)) OVER so_far AS samples,
               sum(sum(u.added_microseconds)) OVER so_far + max(max(u.microseconds)) OVER so_far AS microseconds
        FROM (SELECT y.owner, y.stage, y.at, y.samples AS added, y.microseconds AS added_microseconds, 0 AS samples, 0::bigint AS microseconds
              FROM stays y
              UNION ALL
              SELECT k.owner, k.stage, k.at, 0, 0, k.samples, k.total_microseconds FROM known k) u
        GROUP BY u.owner, u.stage, u.at
        WINDOW so_far AS (PARTITION BY u.owner, u.stage ORDER BY u.at)),
    learned AS (
        INSERT INTO sentinel.stage_norms (org_id, owner_id, stage, samples, total_microseconds, mean_days, recorded_at)
        SELECT learn_stage_norms.org, x.owner, x.stage, x.samples::integer, x.microseconds::bigint,
               x.microseconds::bigint::double precision / x.samples::integer / 86400e6, x.at
        FROM sums x ORDER BY x.owner, x.stage, x.at)
    SELECT jsonb_agg(to_jsonb(p) ORDER BY p.owner, p.stage) INTO touched FROM spans p;

    IF EXISTS (SELECT FROM sentinel.risk_settings r WHERE r.org_id = learn_stage_norms.org AND r.stage_stall) THEN
        -- Of several times the last one first: the other then lies before the newest input, and the history is asked what lay between.
        FOR norm IN
            SELECT t.owner, t.stage, a.at,
                   ARRAY(SELECT d.id FROM sentinel.deals d
                         CROSS JOIN LATERAL (
                             SELECT FROM sentinel.deal_signals s
                             WHERE s.org_id = d.org_id AND s.deal_id = d.id AND s.flags & 2 <> 0 OFFSET 0) s
                         WHERE d.org_id = learn_stage_norms.org AND d.stage = t.stage AND d.stage_kind = 'open'
                           AND (d.owner_id = t.owner OR d.owner_id IS NULL AND t.owner = nobody)) AS deals
            FROM jsonb_to_recordset(touched) AS t (owner uuid, stage text, first_at timestamptz, last_at timestamptz)
            CROSS JOIN LATERAL (SELECT t.last_at AS at UNION SELECT t.first_at) a
            ORDER BY t.owner, t.stage, a.at DESC
        LOOP
            PERFORM sentinel.refresh_signals(learn_stage_norms.org, norm.at, norm.deals);
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.learn_stage_norms(uuid, uuid[], uuid[], timestamptz[], integer[]) IS
    'Add the stays of deals that have just closed, given with owners, times and versions of the closings, to the norms of their owners, and tell the open deals that they concern. Stays before an earlier closing were counted then.';

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
        -- A few closings, where open deals look at the norms, come one after the other: so the signals need no replay.
        SELECT c.org_id, array_agg(c.id) AS deals, array_agg(c.owner) AS owners, array_agg(c.changed_at) AS ats,
               array_agg(c.version) AS seqs
        FROM (SELECT n.org_id, n.id, n.changed_at, n.version, count(*) OVER (PARTITION BY n.org_id) AS closings,
                     coalesce(n.owner_id, '00000000-0000-0000-0000-000000000000') AS owner
              FROM new_deals n
              JOIN old_deals o ON o.org_id = n.org_id AND o.id = n.id
              WHERE o.stage_kind = 'open' AND n.stage_kind <> 'open') c
        GROUP BY c.org_id, CASE WHEN c.closings <= 10 AND EXISTS (
            SELECT FROM sentinel.risk_settings r WHERE r.org_id = c.org_id AND r.stage_stall) THEN c.id END
        ORDER BY c.org_id, min(c.owner::text), min(c.changed_at), min(c.id::text)
    LOOP
        PERFORM sentinel.learn_stage_norms(closing.org_id, closing.deals, closing.owners, closing.ats, closing.seqs);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_changed_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_changed_deals() IS
    'Trigger: bring changes of deals into their signals; deals that close add to the stage norms of their owner.';

CREATE FUNCTION sentinel.signal_activities() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashagg = off SET enable_material = off SET jit = off AS $$
DECLARE
    a record;
BEGIN
    -- Many at once: one statement, planned now, for a plan kept from the time of an empty table could begin with all signals.
    IF (SELECT count(*) > 100 FROM (SELECT FROM new_activities LIMIT 101) n) THEN
        EXECUTE $update$
            UPDATE sentinel.deal_signals s
            SET last_sent_at = greatest(s.last_sent_at, a.sent), last_received_at = greatest(s.last_received_at, a.received),
                last_meeting_at = greatest(s.last_meeting_at, a.met), last_event_at = greatest(s.last_event_at, a.newest),
                competitive_indicators = s.competitive_indicators + a.indicators,
                replay = s.replay OR a.first_recorded < greatest(s.input_at, a.last_recorded),
                input_at = greatest(s.input_at, a.last_recorded)
            FROM (SELECT n.org_id, n.deal_id, max(n.occurred_at) FILTER (WHERE n.activity_type = 'email_sent') AS sent,
                         max(n.occurred_at) FILTER (WHERE n.activity_type = 'email_received') AS received,
                         max(n.occurred_at) FILTER (WHERE n.activity_type IN ('meeting_held', 'call_held')) AS met,
                         max(n.occurred_at) AS newest, sum(n.competitive_indicators)::integer AS indicators,
                         min(n.recorded_at) AS first_recorded, max(n.recorded_at) AS last_recorded
                  FROM new_activities n WHERE n.deal_id IS NOT NULL
                  GROUP BY n.org_id, n.deal_id ORDER BY n.org_id, n.deal_id OFFSET 0) a
            WHERE s.org_id = a.org_id AND s.deal_id = a.deal_id
        $update$;
        RETURN NULL;
    END IF;
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
        SET last_sent_at = greatest(s.last_sent_at, a.sent), last_received_at = greatest(s.last_received_at, a.received),
            last_meeting_at = greatest(s.last_meeting_at, a.met), last_event_at = greatest(s.last_event_at, a.newest),
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
