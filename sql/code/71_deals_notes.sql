-- Room deals: what a write of deals by any client brings with it in the same commit: versions, timeline, events.
-- Statement triggers: one INSERT each however many deals a statement writes. Plans are saved for the session, so the join of
-- the two transition tables must be a hash join (a merge join, for the few rows of the first call, may go by org_id alone),
-- and look-ups in tables are sub-selects with OFFSET 0. jit = off: the planner's price for a nested loop that cannot be
-- avoided would start the compiler at every call.
-- Events go in parts of 10,000: a jsonb value holds 256 MB. Demo deals and imported history emit none.

CREATE FUNCTION sentinel.note_new_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    batch record;
BEGIN
    INSERT INTO sentinel.deal_history (org_id, deal_id, seq, recorded_at, stage, stage_kind, risk_role, value, owner_id,
                                       created_at, stage_entered_at, pipeline_id, currency, expected_close_at,
                                       forecast_category)
    SELECT n.org_id, n.id, n.version, n.changed_at, n.stage, n.stage_kind, s.risk_role, n.value, n.owner_id,
           n.created_at, n.stage_changed_at, n.pipeline_id, n.currency, n.expected_close_at, n.forecast_category
    FROM new_deals n
    CROSS JOIN LATERAL (
        SELECT s.risk_role FROM sentinel.pipeline_stages s
        WHERE s.org_id = n.org_id AND s.pipeline_id = n.pipeline_id AND s.stage = n.stage OFFSET 0) s;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO sentinel.deal_timeline (org_id, deal_id, kind, payload, member_id, recorded_at)
    SELECT n.org_id, n.id, 'created', jsonb_build_object('stage', n.stage, 'value', n.value, 'currency', n.currency),
           sentinel.current_member(), n.changed_at
    FROM new_deals n;
    FOR batch IN
        SELECT n.org_id, jsonb_agg(jsonb_build_object(
            'event_type', 'deal.created', 'subject_type', 'deal', 'subject_id', n.id,
            'idempotency_key', 'deal.created:' || n.id,
            'payload', jsonb_build_object('deal_id', n.id, 'name', n.name, 'value', n.value, 'currency', n.currency,
                'stage', n.stage, 'from_stage', NULL, 'owner_id', n.owner_id, 'as_of', n.changed_at))) AS events
        FROM (SELECT d.*, row_number() OVER (PARTITION BY d.org_id) / 10000 AS part FROM new_deals d
              WHERE NOT d.is_demo AND (d.imported_until IS NULL OR d.changed_at > d.imported_until)) n
        GROUP BY n.org_id, n.part
    LOOP
        PERFORM sentinel.emit_many_for(batch.org_id, batch.events);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_new_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_new_deals() IS
    'Trigger: keep the first version of new deals, write their timeline, emit deal.created.';

CREATE FUNCTION sentinel.note_changed_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off
    SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    batch record;
BEGIN
    INSERT INTO sentinel.deal_history (org_id, deal_id, seq, recorded_at, stage, stage_kind, risk_role, value, owner_id,
                                       created_at, stage_entered_at, pipeline_id, currency, expected_close_at,
                                       forecast_category, left_pipeline_id, left_stage, left_stage_entered_at)
    SELECT n.org_id, n.id, n.version, n.changed_at, n.stage, n.stage_kind, s.risk_role, n.value, n.owner_id,
           n.created_at, n.stage_changed_at, n.pipeline_id, n.currency, n.expected_close_at, n.forecast_category,
           CASE WHEN m.moved THEN o.pipeline_id END, CASE WHEN m.moved THEN o.stage END,
           CASE WHEN m.moved THEN o.stage_changed_at END
    FROM new_deals n
    JOIN old_deals o ON o.org_id = n.org_id AND o.id = n.id AND o.version <> n.version
    CROSS JOIN LATERAL (SELECT n.stage <> o.stage OR n.pipeline_id <> o.pipeline_id AS moved) m
    CROSS JOIN LATERAL (
        SELECT s.risk_role FROM sentinel.pipeline_stages s
        WHERE s.org_id = n.org_id AND s.pipeline_id = n.pipeline_id AND s.stage = n.stage OFFSET 0) s;

    INSERT INTO sentinel.deal_timeline (org_id, deal_id, kind, payload, member_id, recorded_at)
    SELECT n.org_id, n.id, note.kind, note.payload, sentinel.current_member(),
           CASE WHEN n.version <> o.version THEN n.changed_at ELSE now() END
    FROM new_deals n
    JOIN old_deals o ON o.org_id = n.org_id AND o.id = n.id
    CROSS JOIN LATERAL (VALUES
        (n.stage <> o.stage,
         CASE WHEN n.stage_kind IN ('won', 'lost') THEN n.stage_kind
              WHEN o.stage_kind <> 'open' THEN 'reopened' ELSE 'stage_changed' END,
         jsonb_strip_nulls(jsonb_build_object('from', o.stage, 'to', n.stage, 'lost_reason', n.lost_reason))),
        (n.value <> o.value OR n.currency <> o.currency, 'value_changed',
         jsonb_build_object('from', o.value, 'to', n.value, 'currency', n.currency)),
        (n.owner_id IS DISTINCT FROM o.owner_id, 'assigned',
         jsonb_build_object('from', o.owner_id, 'to', n.owner_id)),
        (n.team_id IS DISTINCT FROM o.team_id, 'team_changed',
         jsonb_build_object('from', o.team_id, 'to', n.team_id)),
        (n.name <> o.name, 'renamed', jsonb_build_object('from', o.name, 'to', n.name))
    ) AS note (happened, kind, payload)
    WHERE note.happened;

    FOR batch IN
        SELECT n.org_id, jsonb_agg(jsonb_build_object(
            'event_type', e.event_type, 'subject_type', 'deal', 'subject_id', n.id,
            'idempotency_key', e.event_type || ':' || n.id || ':' || n.version,
            'payload', jsonb_build_object('deal_id', n.id, 'name', n.name, 'value', n.value, 'currency', n.currency,
                'stage', n.stage, 'from_stage', o.stage, 'owner_id', n.owner_id, 'as_of', n.changed_at)
                || CASE WHEN n.lost_reason IS NULL THEN '{}' ELSE jsonb_build_object('lost_reason', n.lost_reason) END)
            ORDER BY e.position) AS events
        FROM (SELECT d.*, row_number() OVER (PARTITION BY d.org_id) / 10000 AS part FROM new_deals d
              WHERE NOT d.is_demo AND (d.imported_until IS NULL OR d.changed_at > d.imported_until)) n
        JOIN old_deals o ON o.org_id = n.org_id AND o.id = n.id AND o.stage <> n.stage
        JOIN (VALUES (1, 'deal.stage_changed', NULL), (2, 'deal.won', 'won'), (2, 'deal.lost', 'lost'))
            AS e (position, event_type, kind) ON e.kind IS NULL OR e.kind = n.stage_kind AND o.stage_kind = 'open'
        GROUP BY n.org_id, n.part
    LOOP
        PERFORM sentinel.emit_many_for(batch.org_id, batch.events);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_changed_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_changed_deals() IS
    'Trigger: keep the new versions of changed deals, write their timeline, emit deal.stage_changed, deal.won and deal.lost.';

CREATE FUNCTION sentinel.note_gone_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    batch record;
BEGIN
    INSERT INTO sentinel.deal_timeline (org_id, deal_id, kind, payload, member_id, recorded_at)
    SELECT o.org_id, o.id, 'deleted', jsonb_build_object('name', o.name, 'stage', o.stage, 'value', o.value),
           sentinel.current_member(), now()
    FROM old_deals o WHERE NOT o.is_demo;
    -- As with a lead: nobody could see or finish what is about nothing.
    DELETE FROM sentinel.notes n USING old_deals o
    WHERE n.org_id = o.org_id AND n.subject_type = 'deal' AND n.subject_id = o.id;
    DELETE FROM sentinel.tasks t USING old_deals o
    WHERE t.org_id = o.org_id AND t.subject_type = 'deal' AND t.subject_id = o.id;
    FOR batch IN
        SELECT o.org_id, jsonb_agg(jsonb_build_object(
            'event_type', 'deal.deleted', 'subject_type', 'deal', 'subject_id', o.id,
            'idempotency_key', 'deal.deleted:' || o.id,
            'payload', jsonb_build_object('deal_id', o.id, 'name', o.name, 'value', o.value, 'currency', o.currency,
                'stage', o.stage, 'owner_id', o.owner_id))) AS events
        FROM (SELECT d.*, row_number() OVER (PARTITION BY d.org_id) / 10000 AS part FROM old_deals d
              WHERE NOT d.is_demo) o
        GROUP BY o.org_id, o.part
    LOOP
        PERFORM sentinel.emit_many_for(batch.org_id, batch.events);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_gone_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_gone_deals() IS 'Trigger: note deals that were deleted and emit deal.deleted; the notes and tasks about them go too.';
