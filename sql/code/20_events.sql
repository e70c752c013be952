-- Room events: what happened, append-only, each event with the jobs it causes in the same commit.

-- grant: everyone
CREATE FUNCTION sentinel.current_generation() RETURNS integer
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'sentinel_current_generation';
ALTER FUNCTION sentinel.current_generation() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.current_generation() IS
    'Give the generation of this database: 1 for the original, one more for each restore or copy (another system identifier or database oid).';

-- grant: everyone
CREATE FUNCTION sentinel.parked() RETURNS boolean
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_parked';
ALTER FUNCTION sentinel.parked() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.parked() IS
    'Tell whether this database is a copy that nobody has adopted; jobs that reach outside are then not handed out.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.adopt_restore(discard_outside_jobs boolean DEFAULT true) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    discarded bigint := 0;
BEGIN
    PERFORM sentinel.require_installed();
    IF NOT sentinel.parked() THEN
        RETURN 0;
    END IF;
    IF discard_outside_jobs THEN
        discarded := sentinel.discard_outside_jobs();
    END IF;
    UPDATE sentinel.generation g SET adopted_at = now()
    WHERE g.generation = sentinel.current_generation() AND g.adopted_at IS NULL;
    RETURN discarded;
END
$$;
ALTER FUNCTION sentinel.adopt_restore(boolean) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.adopt_restore(boolean) IS
    'Declare a restored or copied database to be in service: jobs that reach outside are handed out again. By default those that were waiting in the copy are discarded, because the original has sent or will send them; with false they are sent. Gives the number discarded; 0 when nothing was parked.';

CREATE FUNCTION sentinel.check_event(event_type text, idempotency_key text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF check_event.event_type IS NULL OR check_event.event_type !~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid event type "%s"', left(check_event.event_type, 80)),
            DETAIL = 'An event type is lower-case words joined by dots, subject first.', HINT = 'Use ''deal.created''.';
    END IF;
    IF length(check_event.idempotency_key) NOT BETWEEN 1 AND 500 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('idempotency key of %s characters', length(check_event.idempotency_key)),
            DETAIL = 'A key has 1 to 500 characters.', HINT = 'Use the id of what the event tells of.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_event(text, text) IS 'Raise SN007 for an event type or idempotency key that is none.';

CREATE FUNCTION sentinel.emit_for(org uuid, event_type text, subject_type text, subject_id uuid,
                                  payload jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new_event uuid;
BEGIN
    PERFORM sentinel.check_event(emit_for.event_type, emit_for.idempotency_key);
    INSERT INTO sentinel.events AS e (org_id, event_type, subject_type, subject_id, payload, idempotency_key, member_id)
    VALUES (emit_for.org, emit_for.event_type, emit_for.subject_type, emit_for.subject_id,
            coalesce(emit_for.payload, '{}'), emit_for.idempotency_key, sentinel.current_member())
    ON CONFLICT (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING e.id INTO new_event;
    IF new_event IS NULL THEN
        SELECT e.id INTO new_event FROM sentinel.events e
        WHERE e.org_id = emit_for.org AND e.idempotency_key = emit_for.idempotency_key;
    END IF;
    RETURN new_event;
END
$$;
ALTER FUNCTION sentinel.emit_for(uuid, text, text, uuid, jsonb, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.emit_for(uuid, text, text, uuid, jsonb, text) IS
    'Record an event of any organisation, with the jobs that its routes cause. For the functions of sentinel_engine. An idempotency key seen before gives the first event and no jobs.';

CREATE FUNCTION sentinel.check_emitter(event_type text, idempotency_key text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What Sentinel itself tells of, others shall not make up; nor take the keys under which it tells it once.
    IF sentinel.current_member() IS NOT NULL AND check_emitter.event_type
       ~ '^(deal|lead|job|call|invoice|contract|client|onboarding|renewal|buying_signal|report|scheduler|system|integrity|plan|deal_import|member|team|invite|notification|webhook|github|gohighlevel|hubspot|pipedrive|zendesk|slack|pagerduty|resend|standard|generic)\.' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('members do not emit "%s"', left(check_emitter.event_type, 80)),
            DETAIL = 'Events of what Sentinel keeps are recorded when its rows change.',
            HINT = 'Use a subject of your own: ''order.placed''.';
    END IF;
    IF check_emitter.idempotency_key ~ '^(deal|lead|job|schedule|scheduled_task|call|invoice|contract|client|onboarding|renewal|buying_signal|report|system|integrity|plan|deal_import|member|team|invite|notification|webhook)(\.[a-z_]+)*:' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('reserved idempotency key "%s"', left(check_emitter.idempotency_key, 80)),
            DETAIL = 'Keys that begin with the subject of an event of Sentinel, as deal, lead, job or schedule, up to a colon, are its own.',
            HINT = 'Begin the key with a word of your own: ''order.placed:4711''.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_emitter(text, text) IS
    'Raise SN003 when a member emits an event that Sentinel records itself, SN007 when a key is one of Sentinel''s own.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.emit(event_type text, subject_type text, subject_id uuid, payload jsonb DEFAULT '{}',
                              idempotency_key text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_contributor(), sentinel.check_emitter(emit.event_type, emit.idempotency_key);
    RETURN sentinel.emit_for(org, emit.event_type, emit.subject_type, emit.subject_id, emit.payload,
                             emit.idempotency_key);
END
$$;
ALTER FUNCTION sentinel.emit(text, text, uuid, jsonb, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.emit(text, text, uuid, jsonb, text) IS
    'Record an event of the organisation entered, with the jobs that its routes cause, in this transaction; gives the event id. An idempotency key seen before in the organisation gives the first event and no jobs. Errors: SN002, SN003 viewer, SN007 event type or key.';

CREATE FUNCTION sentinel.emit_many_for(org uuid, events jsonb) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    added bigint;
BEGIN
    IF jsonb_typeof(emit_many_for.events) <> 'array' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('events are of type %s', jsonb_typeof(emit_many_for.events)),
            DETAIL = 'Events are an array of objects.', HINT = 'Use ''[{"event_type": "deal.created"}]''.';
    END IF;
    PERFORM sentinel.check_event(n.event_type, n.idempotency_key)
    FROM jsonb_to_recordset(emit_many_for.events) AS n(event_type text, idempotency_key text);
    INSERT INTO sentinel.events AS e (org_id, event_type, subject_type, subject_id, payload, idempotency_key, member_id)
    SELECT emit_many_for.org, n.event_type, n.subject_type, n.subject_id, coalesce(n.payload, '{}'), n.idempotency_key,
           sentinel.current_member()
    FROM jsonb_to_recordset(emit_many_for.events)
         AS n(event_type text, subject_type text, subject_id uuid, payload jsonb, idempotency_key text)
    ON CONFLICT (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END
$$;
COMMENT ON FUNCTION sentinel.emit_many_for(uuid, jsonb) IS
    'Record many events of any organisation, as emit_many() does of the one entered. For the functions of sentinel_engine.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.emit_many(events jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_contributor();
    IF jsonb_typeof(emit_many.events) = 'array' THEN
        PERFORM sentinel.check_emitter(e ->> 'event_type', e ->> 'idempotency_key')
        FROM jsonb_array_elements(emit_many.events) AS e;
    END IF;
    RETURN sentinel.emit_many_for(org, emit_many.events);
END
$$;
ALTER FUNCTION sentinel.emit_many(jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.emit_many(jsonb) IS
    'Record many events in one statement: an array of objects with event_type, subject_type, subject_id, payload, idempotency_key. Gives the number added; keys seen before add nothing. Errors: SN002, SN003 viewer, SN007.';

CREATE FUNCTION sentinel.fan_out_events() RETURNS trigger
    LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_fan_out_events';
ALTER FUNCTION sentinel.fan_out_events() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.fan_out_events() IS
    'Trigger: enqueue the jobs that the routes of the organisation name for each new event, in one statement per insert.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.events_since(cursor text DEFAULT NULL, max_events integer DEFAULT 100)
    RETURNS TABLE (cursor_after text, event_id uuid, event_type text, subject_type text, subject_id uuid,
                   payload jsonb, member_id uuid, recorded_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    parts text[] := string_to_array(coalesce(events_since.cursor, '0-0-0'), '-');
    bound xid8 := pg_snapshot_xmin(pg_current_snapshot());
    present integer := (SELECT max(g.generation) FROM sentinel.generation g);
BEGIN
    IF array_length(parts, 1) <> 3 OR NOT (events_since.cursor IS NULL OR events_since.cursor ~ '^\d{1,9}-\d{1,19}-\d{1,18}$') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(events_since.cursor, 60)),
            DETAIL = 'A cursor is generation-transaction-sequence, as the column cursor_after gives it.',
            HINT = 'Start with NULL.';
    END IF;
    RETURN QUERY
    SELECT format('%s-%s-%s', e.generation, e.xid, e.seq), e.id, e.event_type, e.subject_type, e.subject_id,
           e.payload, e.member_id, e.recorded_at
    FROM sentinel.events e
    WHERE e.org_id = org
      AND (e.generation, e.xid, e.seq) > (parts[1]::integer, parts[2]::xid8, parts[3]::bigint)
      AND (e.generation < present OR e.xid < bound)
    ORDER BY e.generation, e.xid, e.seq
    LIMIT greatest(0, least(events_since.max_events, 10000));
END
$$;
COMMENT ON FUNCTION sentinel.events_since(text, integer) IS
    'Read the events of the organisation entered behind a cursor, at most max_events (to 10,000), in an order that never skips one that commits late: events of transactions that may still be open, or younger than one, are held back until all older ones have ended. Save cursor_after of the last row. Errors: SN002, 22023 cursor.';

-- grant: sentinel_operator, sentinel_member
CREATE FUNCTION sentinel.route_event(event_type text, job_type text, enabled boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_manager();
    IF NOT EXISTS (SELECT FROM sentinel.job_types t WHERE t.job_type = route_event.job_type) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('unknown job type "%s"', left(route_event.job_type, 80)),
            DETAIL = 'A route leads to a registered job type.', HINT = 'SELECT job_type FROM sentinel.job_types;';
    END IF;
    INSERT INTO sentinel.event_routes AS r (org_id, event_type, job_type, enabled)
    VALUES (org, route_event.event_type, route_event.job_type, route_event.enabled)
    ON CONFLICT ON CONSTRAINT event_routes_pkey DO UPDATE SET enabled = excluded.enabled;
    PERFORM sentinel.audit('route.changed', 'event_route', NULL, jsonb_build_object(
        'event_type', route_event.event_type, 'job_type', route_event.job_type, 'enabled', route_event.enabled));
END
$$;
ALTER FUNCTION sentinel.route_event(text, text, boolean) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.route_event(text, text, boolean) IS
    'Let an event type cause a job type in the organisation entered, or with enabled => false no longer. Errors: SN003, SN004.';

CREATE FUNCTION sentinel.setup_routes(org uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.event_routes (org_id, event_type, job_type)
    SELECT setup_routes.org, d.event_type, d.job_type FROM sentinel.default_event_routes d
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION sentinel.setup_routes(uuid) IS 'Give an organisation the default routes that it lacks. A route that was switched off stays off.';
