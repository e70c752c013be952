-- Room distribute: the triggers of the room lifecycle for one row on a shard; see 97_distribute_triggers.sql.

CREATE FUNCTION sentinel.keep_state(org uuid, machine text, subject uuid, was text, state text, at timestamptz, facts jsonb)
    RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stay uuid := sentinel.uuid7();
    member uuid := sentinel.current_member();
    before record;
    number integer;
    since timestamptz;
    again boolean;
    kind record;
    event record;
BEGIN
    UPDATE sentinel.state_history h SET left_at = greatest(h.entered_at, keep_state.at)
    WHERE h.org_id = keep_state.org AND h.machine = keep_state.machine AND h.subject_id = keep_state.subject AND h.left_at IS NULL;
    SELECT h.seq, h.left_at INTO before FROM sentinel.state_history h
    WHERE h.org_id = keep_state.org AND h.machine = keep_state.machine AND h.subject_id = keep_state.subject
    ORDER BY h.seq DESC LIMIT 1;
    again := EXISTS (SELECT FROM sentinel.state_history h WHERE h.org_id = keep_state.org AND h.machine = keep_state.machine
                     AND h.subject_id = keep_state.subject AND h.state = keep_state.state);
    number := coalesce(before.seq, 0) + 1;
    since := greatest(keep_state.at, before.left_at);
    INSERT INTO sentinel.state_history (org_id, id, machine, subject_id, seq, state, entered_at, member_id)
    VALUES (keep_state.org, stay, keep_state.machine, keep_state.subject, number, keep_state.state, since, member);

    SELECT m.subject, m.field, m.moved_event INTO kind FROM sentinel.lifecycle_machines m WHERE m.machine = keep_state.machine;
    FOR event IN
        SELECT e.event_type, e.numbered FROM (
            SELECT 1 AS place, kind.moved_event AS event_type, true AS numbered WHERE keep_state.was IS NOT NULL
            UNION ALL
            SELECT 2, s.entered_event, again FROM sentinel.lifecycle_states s
            WHERE s.machine = keep_state.machine AND s.state = keep_state.state
            UNION ALL
            SELECT 3, t.moved_event, true FROM sentinel.lifecycle_transitions t
            WHERE t.machine = keep_state.machine AND t.from_state = keep_state.was AND t.to_state = keep_state.state) e
        WHERE e.event_type IS NOT NULL ORDER BY e.place
    LOOP
        PERFORM sentinel.emit_for(keep_state.org, event.event_type, kind.subject, keep_state.subject,
            keep_state.facts || jsonb_build_object(kind.subject || '_id', keep_state.subject, kind.field, keep_state.state,
                                                   'from_' || kind.field, keep_state.was, 'as_of', keep_state.at),
            event.event_type || ':' || keep_state.subject || CASE WHEN event.numbered THEN ':' || number ELSE '' END);
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.keep_state(uuid, text, uuid, text, text, timestamptz, jsonb) IS
    'Close the stay that a move has ended, open the next one, and record its events. Part of the triggers on shards; as keep_states().';

CREATE FUNCTION sentinel.note_state() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text;
    goal text;
    at timestamptz := now();
    facts jsonb;
BEGIN
    EXECUTE format('SELECT ($1).%I::text', TG_ARGV[1]) INTO goal USING NEW;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT ($1).%I::text', TG_ARGV[1]) INTO was USING OLD;
    END IF;
    IF goal IS NOT DISTINCT FROM was THEN
        RETURN NULL;
    END IF;
    IF TG_NARGS > 2 THEN
        EXECUTE format('SELECT coalesce(($1).%I, now())', TG_ARGV[2]) INTO at USING NEW;
    END IF;
    EXECUTE format('SELECT %s FROM (SELECT ($1).*) n', sentinel.state_facts(TG_ARGV[0])) INTO facts USING NEW;
    PERFORM sentinel.keep_state(NEW.org_id, TG_ARGV[0], NEW.id, was, goal, at, facts);
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_state() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_state() IS
    'Trigger(machine, column[, column of its time]) on shards: record the state that a row has entered, and its events. As note_states().';

CREATE FUNCTION sentinel.close_state() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone timestamptz := now();
BEGIN
    UPDATE sentinel.state_history h SET left_at = greatest(h.entered_at, gone)
    WHERE h.org_id = OLD.org_id AND h.machine = TG_ARGV[0] AND h.subject_id = OLD.id AND h.left_at IS NULL;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.close_state() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.close_state() IS 'Trigger(machine) on shards: the state of a deleted row has been left. As close_states().';
