-- Room leads, operations: changing and deleting leads, one or many. Many are judged first, under locks taken in the order of
-- ids, and what may be changed is changed in one statement: the triggers do the rest as for a single lead.

CREATE FUNCTION sentinel.forget_lead() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sentinel.notes n WHERE n.org_id = OLD.org_id AND n.subject_type = 'lead' AND n.subject_id = OLD.id;
    DELETE FROM sentinel.tasks t WHERE t.org_id = OLD.org_id AND t.subject_type = 'lead' AND t.subject_id = OLD.id;
    -- Else the person, coming in again, would be a duplicate of nobody for ever.
    DELETE FROM sentinel.intake_fingerprints p USING sentinel.intake_raw r
    WHERE r.org_id = OLD.org_id AND r.lead_id = OLD.id AND p.org_id = OLD.org_id AND p.intake_id = r.id;
    -- Of one that was merged lead.merged tells.
    IF NOT EXISTS (SELECT FROM sentinel.lead_merges m WHERE m.org_id = OLD.org_id AND m.duplicate_id = OLD.id) THEN
        PERFORM sentinel.emit_for(OLD.org_id, 'lead.deleted', 'lead', OLD.id, jsonb_build_object(
            'lead_id', OLD.id, 'name', OLD.name, 'stage', OLD.lifecycle_stage, 'owner_id', OLD.owner_id), 'lead.deleted:' || OLD.id);
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.forget_lead() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.forget_lead() IS
    'Trigger: with a lead go the notes and tasks about it, and the fingerprints by which intake would take the person, coming in again, for a duplicate. What merge_leads() has moved stays. Emits lead.deleted, whoever deletes it.';

-- grant: everyone
CREATE FUNCTION sentinel.lead_choices() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '{"lifecycle_stage": "{new_lead,contacted,qualified,proposal,negotiation,won,lost}", "temperature": "{cold,warm,hot}",
        "priority": "{critical,high,normal,low}", "next_action": "{contact,follow_up,schedule_call,send_proposal,no_action}",
        "recommended_path": "{outreach,nurture,direct_call,ignore}"}'::jsonb
$$;
COMMENT ON FUNCTION sentinel.lead_choices() IS
    'Give the columns of a lead that hold one of a closed set, each with its values in the order in which they are sorted, as the text of an array.';

-- grant: everyone
CREATE FUNCTION sentinel.read_value(kind text, choices text[], value jsonb) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shape text := jsonb_typeof(read_value.value);
    word text := nullif(btrim(read_value.value #>> '{}', E' \t\r\n'), '');
    plain text := regexp_replace(lower(word), '[\s-]+', '_', 'g');
BEGIN
    IF shape = 'boolean' AND read_value.kind = 'boolean' THEN
        RETURN word;
    ELSIF shape = 'number' AND read_value.kind NOT IN ('count', 'money', 'number') OR shape NOT IN ('string', 'number') THEN
        RETURN NULL;
    END IF;
    RETURN CASE read_value.kind
        WHEN 'text' THEN word
        WHEN 'choice' THEN CASE WHEN plain = ANY (read_value.choices) THEN plain END
        WHEN 'count' THEN (SELECT c.n FROM sentinel.intake_count(word) AS c(n) WHERE c.n >= 0)::text
        WHEN 'money' THEN substring(word FROM '^\d{1,15}(?:\.\d{1,20})?$')
        WHEN 'number' THEN CASE WHEN length(word) <= 40 THEN substring(word FROM '^-?\d{1,20}(?:\.\d{1,20})?$') END
        WHEN 'currency' THEN upper(substring(word FROM '^[A-Za-z]{3}$'))
        WHEN 'time' THEN to_jsonb(sentinel.intake_time(word)) #>> '{}'
        WHEN 'uuid' THEN lower(substring(word FROM '^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')) END;
END
$$;
-- For the readers of counts and times, which are granted to nobody; it reads no table.
ALTER FUNCTION sentinel.read_value(text, text[], jsonb) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.read_value(text, text[], jsonb) IS
    'Give what a JSON value means as a text, choice, count, money, number, currency, time, uuid or boolean, in the form that a cast reads; null when it means none. For check_lead_changes() and search_filters().';

-- grant: sentinel_member
CREATE FUNCTION sentinel.check_lead_changes(changes jsonb, allowed text[] DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    texts constant text[] := '{name,email,phone,profile_link,company_name,domain,industry,revenue_band,location,lead_source,platform}';
    choices constant jsonb := sentinel.lead_choices();
    kinds constant jsonb := '{"employee_count": "count", "estimated_monthly_revenue_leak": "money", "currency": "currency",
        "next_action_due": "time", "owner_id": "uuid", "team_id": "uuid"}';
    known text[] := coalesce(check_lead_changes.allowed, texts || ARRAY(SELECT jsonb_object_keys(choices || kinds)));
    entry record;
    kind text;
    meant text;
    given jsonb := '{}';
    fault text[];
BEGIN
    PERFORM sentinel.require_org();
    IF jsonb_typeof(check_lead_changes.changes) IS DISTINCT FROM 'object' OR check_lead_changes.changes = '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid changes %s', coalesce(left(check_lead_changes.changes::text, 80), 'null')),
            DETAIL = 'Changes are an object of columns and values; null or an empty text clears.',
            HINT = 'Use ''{"temperature": "hot", "priority": null}''.';
    END IF;
    FOR entry IN SELECT e.key, e.value FROM jsonb_each(check_lead_changes.changes) e ORDER BY e.key LOOP
        IF entry.key <> ALL (known) THEN
            RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('"%s" of a lead is not set so', left(entry.key, 80)),
                DETAIL = 'Scores, times and what tells duplicates apart are the engine''s.',
                HINT = format('Use one of: %s.', (SELECT string_agg(k, ', ' ORDER BY k) FROM unnest(known) k));
        END IF;
        kind := CASE WHEN entry.key = ANY (texts) THEN 'text' WHEN choices ? entry.key THEN 'choice' ELSE kinds ->> entry.key END;
        meant := sentinel.read_value(kind, (choices ->> entry.key)::text[], entry.value);
        IF meant IS NULL AND (entry.value NOT IN ('null', '""') AND btrim(entry.value #>> '{}', E' \t\r\n') <> ''
                              OR entry.key IN ('name', 'lifecycle_stage')) THEN
            RAISE EXCEPTION USING ERRCODE = CASE kind WHEN 'choice' THEN '22023' ELSE 'SN007' END,
                MESSAGE = format('invalid %s %s', entry.key, left(entry.value::text, 80)),
                DETAIL = CASE WHEN kind = 'choice' THEN format('It is one of: %s.', array_to_string((choices ->> entry.key)::text[], ', '))
                              ELSE format('It is a %s.', kind) END
                         || CASE WHEN entry.key IN ('name', 'lifecycle_stage') THEN ' It cannot be cleared.' ELSE ' Null clears it.' END,
                HINT = CASE kind WHEN 'choice' THEN format('Use "%s".', ((choices ->> entry.key)::text[])[1]) WHEN 'count' THEN 'Use 25.'
                       WHEN 'money' THEN 'Use 1500.50.' WHEN 'currency' THEN 'Use "EUR".' WHEN 'time' THEN 'Use "2026-03-31T09:00:00Z".'
                       WHEN 'uuid' THEN 'SELECT id, display_name FROM sentinel.members;' ELSE 'Use a text.' END;
        END IF;
        given := given || jsonb_build_object(entry.key, CASE entry.key WHEN 'domain' THEN coalesce(sentinel.normalize_domain(meant), meant) ELSE meant END);
    END LOOP;
    -- As for a new lead; the name stands in, for a change need not hold an identifier.
    fault := sentinel.intake_fault('{"name": "-"}' || jsonb_strip_nulls(given));
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = fault[2], DETAIL = format('The rule has the name %s.', fault[1]), HINT = fault[3];
    END IF;
    RETURN given;
END
$$;
COMMENT ON FUNCTION sentinel.check_lead_changes(jsonb, text[]) IS
    'Give changes of a lead as they are stored: known columns, or those allowed, with null for what is to be cleared. For update_lead() and bulk_set_leads(). Errors: SN002, SN007 column or value, 22023 choice.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.update_lead(lead_id uuid, changes jsonb, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    c jsonb;
    was jsonb;
    now_is jsonb;
    goal record;
    missing record;
    again jsonb;
BEGIN
    PERFORM sentinel.require_lead(update_lead.lead_id, 'edit'), sentinel.check_moment(update_lead.as_of);
    c := sentinel.check_lead_changes(update_lead.changes);
    SELECT to_jsonb(l) INTO was FROM sentinel.leads l WHERE l.org_id = org AND l.id = update_lead.lead_id FOR UPDATE;
    IF c ?| ARRAY['owner_id', 'team_id'] THEN
        SELECT r.team_id, r.owner_id INTO goal FROM jsonb_to_record(was || c) AS r(team_id uuid, owner_id uuid);
        SELECT x.noun, x.id, x.place INTO missing FROM (VALUES
            ('member', (c ->> 'owner_id')::uuid, 'SELECT id, display_name FROM sentinel.members;', EXISTS (
                SELECT FROM sentinel.members m WHERE m.org_id = org AND m.id = goal.owner_id AND m.removed_at IS NULL)),
            ('team', (c ->> 'team_id')::uuid, 'SELECT id, name FROM sentinel.teams;', EXISTS (
                SELECT FROM sentinel.teams t WHERE t.org_id = org AND t.id = goal.team_id))) AS x(noun, id, place, known)
        WHERE x.id IS NOT NULL AND NOT x.known LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no %s "%s" in this organisation', missing.noun, missing.id),
                DETAIL = 'A lead belongs to a member and a team of its organisation, or to nobody.', HINT = missing.place;
        ELSIF NOT sentinel.may_edit_lead(goal.team_id, goal.owner_id) THEN
            RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('not allowed to give lead "%s" away so', update_lead.lead_id),
                DETAIL = 'Members give leads to themselves, their teams or nobody; owners and admins to anybody.', HINT = 'Ask an admin.';
        END IF;
    END IF;
    BEGIN
        UPDATE sentinel.leads l
        SET (name, email, phone, profile_link, company_name, domain, industry, employee_count, revenue_band, location, lead_source,
             platform, lifecycle_stage, last_state_change, temperature, recommended_path, estimated_monthly_revenue_leak, currency,
             next_action, next_action_due, priority, owner_id, team_id)
            = (SELECT r.name, r.email, r.phone, r.profile_link, r.company_name, r.domain, r.industry, r.employee_count, r.revenue_band,
                      r.location, r.lead_source, r.platform, r.lifecycle_stage,
                      CASE WHEN r.lifecycle_stage <> l.lifecycle_stage THEN greatest(l.last_state_change, update_lead.as_of)
                           ELSE l.last_state_change END,
                      r.temperature, r.recommended_path, r.estimated_monthly_revenue_leak, r.currency, r.next_action,
                      r.next_action_due, r.priority, r.owner_id, r.team_id
               FROM jsonb_populate_record(l, c) r)
        WHERE l.org_id = org AND l.id = update_lead.lead_id AND to_jsonb(jsonb_populate_record(l, c)) <> to_jsonb(l)
        RETURNING to_jsonb(l) INTO now_is;
    EXCEPTION WHEN unique_violation THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('a lead with the e-mail address "%s" exists', left(c ->> 'email', 80)),
            DETAIL = 'Two spellings of one mailbox are one address; an address belongs to one lead of an organisation.',
            HINT = coalesce((SELECT format('SELECT sentinel.merge_leads(%L, %L);', l.id, update_lead.lead_id) FROM sentinel.leads l
                             WHERE l.org_id = org AND l.email_match = sentinel.normalize_email(c ->> 'email')), 'Ask its owner for access.');
    END;
    -- A stage sets these unless they change with it; given to stay as they were, they stay.
    UPDATE sentinel.leads l SET (next_action, next_action_due, priority) = (r.next_action, r.next_action_due, r.priority)
    FROM jsonb_to_record(now_is || c) AS r(next_action text, next_action_due timestamptz, priority text)
    WHERE l.org_id = org AND l.id = update_lead.lead_id AND c ? 'lifecycle_stage'
      AND (l.next_action, l.next_action_due, l.priority) IS DISTINCT FROM (r.next_action, r.next_action_due, r.priority)
    RETURNING to_jsonb(l) INTO again;
    now_is := coalesce(again, now_is);
    PERFORM sentinel.note_edit(update_lead.lead_id, c, was, now_is, update_lead.as_of) WHERE now_is IS NOT NULL;
END
$$;
COMMENT ON FUNCTION sentinel.update_lead(uuid, jsonb, timestamptz) IS
    'Change columns of a lead, given as an object; null or an empty text clears. A new lifecycle_stage goes through its state machine, with events, and sets next action and priority unless they are given. What was edited is recorded as an activity of kind lead_edited. Errors: SN002, SN003, SN004 lead, member or team, SN005 illegal move, SN007 column, value or as_of, 22023 choice, 23505 e-mail taken.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.check_moment(as_of timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(isfinite(check_moment.as_of) AND check_moment.as_of <= clock_timestamp(), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s is no time past', coalesce(check_moment.as_of::text, 'null')),
            DETAIL = 'A change is recorded when it has happened.', HINT = 'Leave it out to mean now.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_moment(timestamptz) IS 'Raise unless an instant has come. Errors: SN007.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.note_edit(lead_id uuid, changes jsonb, was jsonb, now_is jsonb, as_of timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    INSERT INTO sentinel.activities (org_id, lead_id, activity_type, occurred_at, recorded_at, subject, payload, member_id)
    SELECT org, note_edit.lead_id, 'other', note_edit.as_of, note_edit.as_of, 'Lead edited',
           jsonb_build_object('kind', 'lead_edited', 'changes', jsonb_object_agg(k.key, jsonb_build_object(
               'from', note_edit.was -> k.key, 'to', note_edit.now_is -> k.key))), sentinel.current_member()
    FROM jsonb_object_keys(note_edit.changes - 'lifecycle_stage') AS k(key)
    WHERE note_edit.was -> k.key IS DISTINCT FROM note_edit.now_is -> k.key
    HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION sentinel.note_edit(uuid, jsonb, jsonb, jsonb, timestamptz) IS
    'Record as an activity which of the columns named have changed, from what to what; none changed, nothing is recorded. Moves stand in state_history already. For update_lead() and bulk_set_leads(). Errors: SN002.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.judge_leads(ids uuid[]) RETURNS TABLE (place integer, lead_id uuid, name text, stage text, error text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    most constant integer := 1000;
BEGIN
    IF coalesce(cardinality(judge_leads.ids), 0) NOT BETWEEN 1 AND most OR array_position(judge_leads.ids, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = CASE WHEN array_position(judge_leads.ids, NULL) IS NOT NULL THEN 'an id of the list is null'
                           ELSE format('%s ids are given', coalesce(cardinality(judge_leads.ids), 0)) END,
            DETAIL = format('A call takes 1 to %s ids of leads.', most), HINT = 'Split the list.';
    END IF;
    PERFORM FROM sentinel.leads l WHERE l.org_id = org AND l.id = ANY (judge_leads.ids) ORDER BY l.id FOR UPDATE;
    RETURN QUERY
    SELECT i.place::integer, i.id, l.name, l.lifecycle_stage,
           CASE WHEN l.id IS NULL OR NOT (l.team_id IS NULL AND l.owner_id IS NULL OR sentinel.may('view', l.team_id, l.owner_id))
                THEN format('no lead "%s" in this organisation', i.id)
                WHEN NOT sentinel.may_edit_lead(l.team_id, l.owner_id) THEN format('not allowed to edit lead "%s"', l.name) END
    FROM (SELECT u.id, min(u.place) AS place
          FROM unnest(judge_leads.ids) WITH ORDINALITY AS u(id, place) GROUP BY u.id) i
    LEFT JOIN sentinel.leads l ON l.org_id = org AND l.id = i.id
    ORDER BY i.place;
END
$$;
COMMENT ON FUNCTION sentinel.judge_leads(uuid[]) IS
    'Lock the leads of a list, each once, and tell in the order of the list why the member entered may not edit it; error is null where it may. For the bulk functions. Errors: SN002, SN007 list.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.bulk_set_leads(ids uuid[], changes jsonb, as_of timestamptz DEFAULT now())
    RETURNS TABLE (lead_id uuid, ok boolean, error text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    c jsonb;
    known uuid[];
    faults text[];
    changed uuid[];
BEGIN
    PERFORM sentinel.check_moment(bulk_set_leads.as_of);
    c := sentinel.check_lead_changes(bulk_set_leads.changes, '{lifecycle_stage,recommended_path,temperature,platform,priority,lead_source}');
    SELECT array_agg(j.lead_id ORDER BY j.place), array_agg(coalesce(j.error, CASE
               WHEN c ->> 'lifecycle_stage' <> j.stage AND NOT EXISTS (SELECT FROM sentinel.lifecycle_transitions t
                   WHERE t.machine = 'lead' AND t.from_state = j.stage AND t.to_state = c ->> 'lifecycle_stage')
               THEN format('a lead cannot move from "%s" to "%s"', j.stage, c ->> 'lifecycle_stage') END) ORDER BY j.place)
    INTO known, faults
    FROM sentinel.judge_leads(bulk_set_leads.ids) j;
    WITH before AS MATERIALIZED (
        SELECT l.id, to_jsonb(l) AS was FROM unnest(known, faults) AS v(id, fault)
        JOIN sentinel.leads l ON l.org_id = org AND l.id = v.id
        WHERE v.fault IS NULL AND to_jsonb(jsonb_populate_record(l, c)) <> to_jsonb(l)),
    done AS (
        UPDATE sentinel.leads l
        SET (lifecycle_stage, last_state_change, recommended_path, temperature, platform, priority, lead_source)
            = (SELECT r.lifecycle_stage,
                      CASE WHEN r.lifecycle_stage <> l.lifecycle_stage THEN greatest(l.last_state_change, bulk_set_leads.as_of)
                           ELSE l.last_state_change END,
                      r.recommended_path, r.temperature, r.platform, r.priority, r.lead_source
               FROM jsonb_populate_record(l, c) r)
        FROM before b WHERE l.org_id = org AND l.id = b.id
        RETURNING l.id, b.was, to_jsonb(l) AS now_is)
    SELECT array_agg(d.id), count(sentinel.note_edit(d.id, c, d.was, d.now_is, bulk_set_leads.as_of)) INTO changed FROM done d;
    -- A stage sets a priority unless one changes with it; given to stay as it was, it stays.
    UPDATE sentinel.leads l SET priority = c ->> 'priority'
    WHERE l.org_id = org AND l.id = ANY (changed) AND c ?& ARRAY['lifecycle_stage', 'priority']
      AND l.priority IS DISTINCT FROM c ->> 'priority';
    RETURN QUERY SELECT v.id, v.fault IS NULL, v.fault
        FROM unnest(known, faults) WITH ORDINALITY AS v(id, fault, place) ORDER BY v.place;
END
$$;
COMMENT ON FUNCTION sentinel.bulk_set_leads(uuid[], jsonb, timestamptz) IS
    'Set lifecycle_stage, recommended_path, temperature, platform, priority or lead_source of up to 1000 leads, given as an object, null or an empty text to clear; one row per id, in the order of the list, with the reason where it was not done. Moves go through the state machine with history and events as by set_lead_stage(). To be so already is ok. Errors: SN002, SN007 list, column, value or as_of, 22023 choice.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.bulk_delete_leads(ids uuid[]) RETURNS TABLE (lead_id uuid, ok boolean, error text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    known uuid[];
    faults text[];
BEGIN
    -- This function passes over row-level security, so that it counts also what the member does not see: it holds the lead
    -- all the same. Who may delete what, judge_leads() tells.
    SELECT array_agg(j.lead_id ORDER BY j.place), array_agg(coalesce(j.error, CASE WHEN h.things IS NOT NULL
        THEN format('lead "%s" has %s: that is kept', j.name, h.things) END) ORDER BY j.place)
    INTO known, faults
    FROM sentinel.judge_leads(bulk_delete_leads.ids) j
    CROSS JOIN LATERAL (
        SELECT string_agg(x.n || ' ' || x.thing || CASE WHEN x.n > 1 THEN x.ending ELSE '' END, ', ' ORDER BY x.place) AS things FROM (
            SELECT 1, 'deal', 's', count(*) FROM sentinel.deals d WHERE d.org_id = org AND d.lead_id = j.lead_id
            UNION ALL
            SELECT 2, 'call', 's', count(*) FROM sentinel.calls c WHERE c.org_id = org AND c.lead_id = j.lead_id
            UNION ALL
            SELECT 3, 'client', 's', count(*) FROM sentinel.clients c WHERE c.org_id = org AND c.lead_id = j.lead_id
            UNION ALL
            SELECT 4, 'activity of a deal', ' and more', count(*) FROM sentinel.activities a
            WHERE a.org_id = org AND a.lead_id = j.lead_id AND a.deal_id IS NOT NULL) AS x(place, thing, ending, n)
        WHERE x.n > 0) h;
    DELETE FROM sentinel.leads l USING unnest(known, faults) AS v(id, fault)
    WHERE l.org_id = org AND l.id = v.id AND v.fault IS NULL;
    RETURN QUERY SELECT v.id, v.fault IS NULL, v.fault
        FROM unnest(known, faults) WITH ORDINALITY AS v(id, fault, place) ORDER BY v.place;
END
$$;
ALTER FUNCTION sentinel.bulk_delete_leads(uuid[]) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.bulk_delete_leads(uuid[]) IS
    'Delete up to 1000 leads with their activities, notes, tags and tasks; one row per id, in the order of the list, with the reason where it was skipped. A lead with deals, calls or clients stays; history outlives those that go. Emits lead.deleted. Errors: SN002, SN007 list.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.delete_lead(lead_id uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    fault text;
BEGIN
    PERFORM sentinel.require_lead(delete_lead.lead_id, 'edit');
    SELECT b.error INTO fault FROM sentinel.bulk_delete_leads(ARRAY[delete_lead.lead_id]) b;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '23503', MESSAGE = fault,
            DETAIL = 'A lead goes when no deal, call or client holds it.',
            HINT = format('Merge it into another lead, SELECT sentinel.merge_leads(master_id, %L); or set its stage to lost.', delete_lead.lead_id);
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.delete_lead(uuid) IS
    'Delete a lead with its activities, notes, tags and tasks; emits lead.deleted. Errors: SN002, SN003, SN004, 23503 deals, calls or clients hold it.';
