-- Room lifecycle: holding rows to their state machine whoever writes them, recording which state was entered when, and what
-- the stage of a lead brings with it.

-- grant: everyone
CREATE FUNCTION sentinel.next_states(machine text, state text) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF next_states.state IS NULL THEN
        RETURN ARRAY(SELECT s.state FROM sentinel.lifecycle_states s
                     WHERE s.machine = next_states.machine AND s.may_begin ORDER BY s.position);
    END IF;
    RETURN ARRAY(SELECT t.to_state FROM sentinel.lifecycle_transitions t
                 JOIN sentinel.lifecycle_states s ON s.machine = t.machine AND s.state = t.to_state
                 WHERE t.machine = next_states.machine AND t.from_state = next_states.state ORDER BY s.position);
END
$$;
COMMENT ON FUNCTION sentinel.next_states(text, text) IS
    'Give the states that may follow, or with null those of a new row, in their order; for guard_state(). Users call legal_states().';

-- grant: everyone
CREATE FUNCTION sentinel.legal_states(machine text, state text) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    IF NOT EXISTS (SELECT FROM sentinel.lifecycle_machines m WHERE m.machine = legal_states.machine) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no state machine "%s"', left(legal_states.machine, 80)),
            DETAIL = 'A state machine is a row of sentinel.lifecycle_machines.',
            HINT = format('Use one of: %s.', (SELECT string_agg(m.machine, ', ' ORDER BY m.machine)
                                              FROM sentinel.lifecycle_machines m));
    END IF;
    IF legal_states.state IS NOT NULL AND NOT EXISTS (
        SELECT FROM sentinel.lifecycle_states s
        WHERE s.machine = legal_states.machine AND s.state = legal_states.state) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('no state "%s" in state machine "%s"', left(legal_states.state, 80), legal_states.machine),
            DETAIL = 'States are rows of sentinel.lifecycle_states.',
            HINT = format('Use one of: %s.', (SELECT string_agg(s.state, ', ' ORDER BY s.position)
                FROM sentinel.lifecycle_states s WHERE s.machine = legal_states.machine));
    END IF;
    RETURN sentinel.next_states(legal_states.machine, legal_states.state);
END
$$;
COMMENT ON FUNCTION sentinel.legal_states(text, text) IS
    'Give the states that may follow a state of a machine (lead, call, invoice, contract, client_onboarding, client_delivery), in their order; with null as state those in which a new row may be. Empty where the machine ends. Errors: SN001, SN004 machine or state.';

CREATE FUNCTION sentinel.guard_state() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text;
    goal text;
    legal text[];
    noun text;
    given timestamptz;
    known timestamptz;
BEGIN
    EXECUTE format('SELECT ($1).%I::text', TG_ARGV[1]) INTO goal USING NEW;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT ($1).%I::text', TG_ARGV[1]) INTO was USING OLD;
    END IF;
    IF goal IS NOT DISTINCT FROM was THEN
        RETURN NEW;
    END IF;
    legal := sentinel.next_states(TG_ARGV[0], was);
    IF goal IS NULL OR goal <> ALL (legal) THEN
        SELECT m.noun INTO noun FROM sentinel.lifecycle_machines m WHERE m.machine = TG_ARGV[0];
        RAISE EXCEPTION USING ERRCODE = 'SN005',
            MESSAGE = CASE WHEN was IS NULL THEN format('%s cannot begin as "%s"', noun, left(goal, 80))
                           ELSE format('%s cannot move from "%s" to %s', noun, was, coalesce('"' || left(goal, 80) || '"', 'null')) END,
            DETAIL = CASE WHEN was IS NULL THEN format('It begins as: %s.', array_to_string(legal, ', '))
                          WHEN legal = '{}' THEN format('From "%s" its state machine leads nowhere.', was)
                          ELSE format('From "%s" its state machine leads to: %s.', was, array_to_string(legal, ', ')) END,
            HINT = CASE WHEN legal = '{}' THEN format('SELECT * FROM sentinel.lifecycle_transitions WHERE machine = %L;', TG_ARGV[0])
                        ELSE format('Use one of: %s.', array_to_string(legal, ', ')) END;
    END IF;
    IF TG_NARGS < 3 THEN
        RETURN NEW;
    END IF;

    -- Since when the state holds. A time that is given may lie in the past, never before the last change.
    EXECUTE format('SELECT ($1).%I', TG_ARGV[2]) INTO given USING NEW;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT ($1).%I', TG_ARGV[2]) INTO known USING OLD;
    END IF;
    IF given IS NULL OR given = known THEN
        given := greatest(now(), known);
        NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[2], given));
    ELSIF NOT isfinite(given) OR given > clock_timestamp() OR given < known THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('%s %s lies %s', TG_ARGV[2], given,
                             CASE WHEN given < known THEN 'before the last change' ELSE 'in the future' END),
            DETAIL = 'Changes of state are recorded in their order, and after they have happened.',
            HINT = 'Leave it out to mean now.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.guard_state() IS
    'Trigger(machine, column[, column of its time]): refuse a move that the machine does not know, and a new row in a state that may not begin; fill the time at which the state was entered. A column that is null has not begun. Errors: SN005 illegal move, SN007 time.';

-- The guard takes a time that equals the last one for none given.
-- grant: everyone
CREATE FUNCTION sentinel.moved_at(known timestamptz, as_of timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN moved_at.as_of = moved_at.known AND moved_at.known < now()
                THEN moved_at.known + interval '1 microsecond' ELSE moved_at.as_of END
$$;
COMMENT ON FUNCTION sentinel.moved_at(timestamptz, timestamptz) IS
    'Give the time of a move that happens at the very instant of the last one: a microsecond later. Other times stay.';

CREATE FUNCTION sentinel.state_facts(machine text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT 'jsonb_build_object(' || string_agg(format('%L, n.%I', c.name, c.name), ', ' ORDER BY c.place) || ')'
                     FROM sentinel.lifecycle_machines m
                     CROSS JOIN unnest(m.payload_columns) WITH ORDINALITY AS c(name, place)
                     WHERE m.machine = state_facts.machine), '''{}''::jsonb');
END
$$;
COMMENT ON FUNCTION sentinel.state_facts(text) IS
    'Give the expression, over the row n, of what the events of a machine carry. For note_states().';

-- Planned at each call: a plan kept from when the table was empty reads all of it. No sorts: only the key has the order.
CREATE FUNCTION sentinel.keep_states(org uuid, machine text, moves jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off
    SET enable_mergejoin = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    member uuid := sentinel.current_member();
    moved uuid[];
    times jsonb;
    told jsonb;
BEGIN
    -- The last stay of each, and then by its id: a join, in a plan made while the table is empty, begins with all open stays.
    SELECT array_agg(o.id), jsonb_object_agg(m.id, m.at) INTO moved, times
    FROM jsonb_to_recordset(keep_states.moves) AS m(id uuid, was text, at timestamptz)
    CROSS JOIN LATERAL (
        SELECT h.id FROM sentinel.state_history h
        WHERE h.org_id = keep_states.org AND h.machine = keep_states.machine AND h.subject_id = m.id
        ORDER BY h.seq DESC LIMIT 1) o
    WHERE m.was IS NOT NULL;
    IF moved IS NOT NULL THEN
        -- No IS NULL: for that the planner, without statistics, reads all open stays of the organisation.
        UPDATE sentinel.state_history h SET left_at = greatest(h.entered_at, (times ->> h.subject_id::text)::timestamptz)
        WHERE h.org_id = keep_states.org AND h.id = ANY (moved) AND coalesce(h.left_at, 'infinity') = 'infinity';
    END IF;
    INSERT INTO sentinel.state_history (org_id, machine, subject_id, seq, state, entered_at, member_id)
    SELECT keep_states.org, keep_states.machine, m.id, coalesce(before.seq, 0) + 1, m.state, greatest(m.at, before.left_at), member
    FROM jsonb_to_recordset(keep_states.moves) AS m(id uuid, state text, at timestamptz)
    LEFT JOIN LATERAL (
        SELECT h.seq, h.left_at FROM sentinel.state_history h
        WHERE h.org_id = keep_states.org AND h.machine = keep_states.machine AND h.subject_id = m.id
        ORDER BY h.seq DESC LIMIT 1) before ON true;

    -- A state that is entered for the first time is told under the subject's id alone, so once; every move has its number.
    SELECT jsonb_agg(jsonb_build_object(
        'event_type', e.event_type, 'subject_type', k.subject, 'subject_id', m.id,
        'idempotency_key', e.event_type || ':' || m.id || CASE WHEN e.first_only THEN '' ELSE ':' || h.seq END,
        'payload', m.facts || jsonb_build_object(k.subject || '_id', m.id, k.field, m.state, 'from_' || k.field, m.was, 'as_of', m.at))
        ORDER BY m.place, e.place)
    INTO told
    FROM sentinel.lifecycle_machines k
    CROSS JOIN ROWS FROM (jsonb_to_recordset(keep_states.moves) AS (id uuid, was text, state text, at timestamptz, facts jsonb))
        WITH ORDINALITY AS m(id, was, state, at, facts, place)
    CROSS JOIN LATERAL (
        SELECT h.seq, h.state FROM sentinel.state_history h
        WHERE h.org_id = keep_states.org AND h.machine = keep_states.machine AND h.subject_id = m.id
        ORDER BY h.seq DESC LIMIT 1) h
    CROSS JOIN LATERAL (
        SELECT 1 AS place, k.moved_event AS event_type, false AS first_only WHERE m.was IS NOT NULL
        UNION ALL
        SELECT 2, s.entered_event, NOT EXISTS (
            -- By the key of the subject, which has the order; by the state the planner would read all that were ever in it.
            SELECT FROM (SELECT p.state FROM sentinel.state_history p WHERE p.org_id = keep_states.org
                AND p.machine = keep_states.machine AND p.subject_id = m.id AND p.seq < h.seq ORDER BY p.seq OFFSET 0) p WHERE p.state = h.state)
        FROM sentinel.lifecycle_states s WHERE s.machine = keep_states.machine AND s.state = m.state
        UNION ALL
        SELECT 3, t.moved_event, false FROM sentinel.lifecycle_transitions t
        WHERE t.machine = keep_states.machine AND t.from_state = m.was AND t.to_state = m.state) e
    WHERE k.machine = keep_states.machine AND e.event_type IS NOT NULL;
    IF told IS NOT NULL THEN
        PERFORM sentinel.emit_many_for(keep_states.org, told);
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.keep_states(uuid, text, jsonb) IS
    'Close the stays that moves have ended, open the next ones, and record the events that the rows of the machine name. moves: array of objects id, was, state, at, facts, each subject once. Part of note_states().';

-- The statements are made for the column named. Events go in parts of 10,000: a jsonb value holds 256 MB.
CREATE FUNCTION sentinel.note_states() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    org uuid;
    moves jsonb;
BEGIN
    FOR org, moves IN EXECUTE format(
        'SELECT c.org_id, jsonb_agg(jsonb_build_object(''id'', c.id, ''was'', c.was, ''state'', c.state, ''at'', c.at, ''facts'', c.facts)) AS moves '
        'FROM (SELECT n.org_id, n.id, %1$s::text AS was, n.%2$I::text AS state, coalesce(%3$s, now()) AS at, %4$s AS facts, '
        'row_number() OVER (PARTITION BY n.org_id) / 10000 AS part FROM new_rows n %5$s) c GROUP BY c.org_id, c.part',
        CASE TG_OP WHEN 'UPDATE' THEN format('o.%I', TG_ARGV[1]) ELSE 'NULL' END, TG_ARGV[1],
        CASE WHEN TG_NARGS > 2 THEN format('n.%I', TG_ARGV[2]) ELSE 'now()' END, sentinel.state_facts(TG_ARGV[0]),
        CASE TG_OP WHEN 'UPDATE'
             THEN format('JOIN old_rows o ON o.org_id = n.org_id AND o.id = n.id WHERE o.%1$I IS DISTINCT FROM n.%1$I', TG_ARGV[1])
             ELSE format('WHERE n.%I IS NOT NULL', TG_ARGV[1]) END)
    LOOP
        PERFORM sentinel.keep_states(org, TG_ARGV[0], moves);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_states() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_states() IS
    'Trigger(machine, column[, column of its time]) after a statement, with transition tables new_rows and, after UPDATE, old_rows: record in state_history which states were entered and left, and the events of it.';

CREATE FUNCTION sentinel.close_states() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone timestamptz := now();
BEGIN
    UPDATE sentinel.state_history h SET left_at = greatest(h.entered_at, gone)
    FROM old_rows o
    WHERE h.org_id = o.org_id AND h.machine = TG_ARGV[0] AND h.subject_id = o.id AND h.left_at IS NULL;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.close_states() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.close_states() IS
    'Trigger(machine) after DELETE, with the transition table old_rows: the state of what was deleted has been left.';

-- grant: everyone
CREATE FUNCTION sentinel.platform_key(platform text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE k.key WHEN '' THEN 'other' WHEN 'coldemail' THEN 'cold_email' WHEN 'x' THEN 'twitter' ELSE k.key END
    FROM (SELECT btrim(regexp_replace(lower(coalesce(platform_key.platform, '')), '[\s_-]+', '_', 'g'), '_')) AS k(key)
$$;
COMMENT ON FUNCTION sentinel.platform_key(text) IS
    'Give the name of a platform as rules name it: lower case, words joined by _ ("Cold email" is cold_email); other for none.';

CREATE FUNCTION sentinel.follow_lead_stage() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step record;
    days numeric;
BEGIN
    SELECT a.next_action, a.due_days, a.due_by_platform, a.counts_as_contact INTO step
    FROM sentinel.lead_stage_actions a WHERE a.stage = NEW.lifecycle_stage;
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    days := step.due_days;
    IF step.due_by_platform THEN
        SELECT f.days INTO days FROM sentinel.lead_follow_up_days f
        WHERE f.platform IN (sentinel.platform_key(NEW.platform), 'other') ORDER BY f.platform = 'other' LIMIT 1;
    END IF;
    -- What the statement itself has set stays.
    IF NEW.next_action IS NOT DISTINCT FROM OLD.next_action THEN
        NEW.next_action := step.next_action;
    END IF;
    IF NEW.next_action_due IS NOT DISTINCT FROM OLD.next_action_due THEN
        NEW.next_action_due := NEW.last_state_change + days::double precision * interval '24 hours';
    END IF;
    IF NEW.priority IS NOT DISTINCT FROM OLD.priority THEN
        NEW.priority := 'normal';
    END IF;
    IF step.counts_as_contact AND NEW.last_contacted_at IS NOT DISTINCT FROM OLD.last_contacted_at THEN
        NEW.last_contacted_at := greatest(OLD.last_contacted_at, NEW.last_state_change);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.follow_lead_stage() IS
    'Trigger: a lead that enters a stage gets the next action of that stage and when it is due, the priority normal and, where the stage says so, the time of contact.';

CREATE FUNCTION sentinel.guard_lead_time() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT isfinite(NEW.last_state_change) OR NEW.last_state_change > clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('last_state_change %s lies in the future', NEW.last_state_change),
            DETAIL = 'A change is recorded when it has happened.', HINT = 'Leave it out: it is filled when the stage changes.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.guard_lead_time() IS
    'Trigger: the stage of a lead has not changed in the future, lest every later stay begin then. Errors: SN007.';

-- grant: everyone
CREATE FUNCTION sentinel.may_lead(action text, lead_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN (SELECT CASE may_lead.action
                WHEN 'view' THEN l.team_id IS NULL AND l.owner_id IS NULL OR sentinel.may('view', l.team_id, l.owner_id)
                ELSE sentinel.may_edit_lead(l.team_id, l.owner_id) END
            FROM sentinel.leads l WHERE l.org_id = sentinel.current_org() AND l.id = may_lead.lead_id);
END
$$;
COMMENT ON FUNCTION sentinel.may_lead(text, uuid) IS
    'Tell whether the member entered may view or edit a lead, by its id; null when the member sees no such lead. Policies of what belongs to leads call it.';

-- grant: sentinel_member, sentinel_operator, sentinel_reader
CREATE FUNCTION sentinel.require_lead(lead_id uuid, action text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    allowed boolean := sentinel.may_lead(require_lead.action, require_lead.lead_id);
BEGIN
    IF allowed IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no lead "%s" in this organisation', require_lead.lead_id),
            DETAIL = 'A lead is found by its id, by those who may see it.', HINT = 'SELECT id, name FROM sentinel.leads;';
    END IF;
    IF NOT allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003',
            MESSAGE = format('not allowed to %s lead "%s"', require_lead.action, require_lead.lead_id),
            DETAIL = 'Viewers read; others change leads of nobody, own ones and those of their teams.',
            HINT = 'Ask the owner of the lead, or an admin.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_lead(uuid, text) IS
    'Raise unless the lead exists and the member entered may view or edit it. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.set_lead_stage(lead_id uuid, stage text, as_of timestamptz DEFAULT now(),
                                        contacted boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    goal text := regexp_replace(lower(btrim(set_lead_stage.stage)), '[\s-]+', '_', 'g');
    before record;
BEGIN
    PERFORM sentinel.require_lead(set_lead_stage.lead_id, 'edit');
    IF NOT coalesce(isfinite(set_lead_stage.as_of) AND set_lead_stage.as_of <= clock_timestamp(), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s is no time past', coalesce(set_lead_stage.as_of::text, 'null')),
            DETAIL = 'A change is recorded when it has happened.', HINT = 'Leave it out to mean now.';
    END IF;
    SELECT l.lifecycle_stage, l.last_contacted_at INTO before FROM sentinel.leads l
    WHERE l.org_id = org AND l.id = set_lead_stage.lead_id FOR UPDATE;
    IF before.lifecycle_stage = goal THEN
        RETURN;
    END IF;
    UPDATE sentinel.leads l
    SET lifecycle_stage = goal,
        last_state_change = sentinel.moved_at(l.last_state_change, greatest(l.last_state_change, set_lead_stage.as_of))
    WHERE l.org_id = org AND l.id = set_lead_stage.lead_id;
    IF NOT set_lead_stage.contacted THEN
        UPDATE sentinel.leads l SET last_contacted_at = before.last_contacted_at
        WHERE l.org_id = org AND l.id = set_lead_stage.lead_id;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.set_lead_stage(uuid, text, timestamptz, boolean) IS
    'Move a lead to another stage, with the next action that this brings; emits lead.stage_changed, and lead.reactivated when a won or lost lead is taken up again. To be where it is already changes nothing. as_of counts from the last change on. contacted => false: nobody has been in touch, as when a job moves it. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.set_lead_priority(lead_id uuid, priority text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    goal text := lower(btrim(set_lead_priority.priority));
BEGIN
    PERFORM sentinel.require_lead(set_lead_priority.lead_id, 'edit');
    IF goal NOT IN ('critical', 'high', 'normal', 'low') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown priority "%s"', left(set_lead_priority.priority, 40)),
            DETAIL = 'A priority is critical, high, normal or low, or null for none.', HINT = 'Use ''normal''.';
    END IF;
    UPDATE sentinel.leads l SET priority = goal
    WHERE l.org_id = org AND l.id = set_lead_priority.lead_id AND l.priority IS DISTINCT FROM goal;
END
$$;
COMMENT ON FUNCTION sentinel.set_lead_priority(uuid, text) IS
    'Set the priority of a lead, or clear it with null. Errors: SN002, SN003, SN004, 22023 priority.';

CREATE FUNCTION sentinel.advance_lead(lead_id uuid, stage text, as_of timestamptz DEFAULT now()) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    goal record;
    present record;
BEGIN
    SELECT s.state, s.position INTO STRICT goal FROM sentinel.lifecycle_states s
    WHERE s.machine = 'lead' AND s.state = advance_lead.stage;
    SELECT s.state, s.position, s.kind INTO present
    FROM sentinel.leads l JOIN sentinel.lifecycle_states s ON s.machine = 'lead' AND s.state = l.lifecycle_stage
    WHERE l.org_id = org AND l.id = advance_lead.lead_id FOR UPDATE OF l;
    IF NOT FOUND OR present.kind = 'good' OR present.state = goal.state
       OR present.kind = 'open' AND present.position > goal.position THEN
        RETURN false;
    END IF;
    -- A lost lead is taken up again before it goes on.
    IF goal.state <> ALL (sentinel.next_states('lead', present.state)) THEN
        PERFORM sentinel.set_lead_stage(advance_lead.lead_id, 'qualified', advance_lead.as_of, false);
        IF goal.state <> ALL (sentinel.next_states('lead', 'qualified')) THEN
            RETURN true;
        END IF;
    END IF;
    PERFORM sentinel.set_lead_stage(advance_lead.lead_id, goal.state, advance_lead.as_of, false);
    RETURN true;
END
$$;
COMMENT ON FUNCTION sentinel.advance_lead(uuid, text, timestamptz) IS
    'Bring a lead to at least a stage, by legal moves; a lost lead by way of qualified. False when it is there or further, won, or gone. For handlers: what deals tell of their lead. Errors: SN002, SN007 as_of.';
