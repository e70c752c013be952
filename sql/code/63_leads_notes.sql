-- Room leads, operations: notes and tags. Functions that write run as the owner of the tables and under the rights of the
-- member entered: members write these tables in no other way.

CREATE FUNCTION sentinel.check_note(body text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text := btrim(check_note.body, E' \t\r\n');
BEGIN
    IF NOT coalesce(length(words) BETWEEN 1 AND 100000, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('a note of %s characters', coalesce(length(words), 0)),
            DETAIL = 'A note has 1 to 100,000 characters.', HINT = 'Use ''Asked for a call next week''.';
    END IF;
    RETURN words;
END
$$;
COMMENT ON FUNCTION sentinel.check_note(text) IS 'Give the text of a note without blanks around it. Errors: SN007 empty or too long.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.add_note(subject_type text, subject_id uuid, body text, as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject(add_note.subject_type, add_note.subject_id, 'edit');
    words text := sentinel.check_note(add_note.body);
    new_note uuid := sentinel.uuid7();
BEGIN
    PERFORM sentinel.require_contributor();
    IF NOT coalesce(isfinite(add_note.as_of) AND add_note.as_of <= clock_timestamp(), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s is no time past', coalesce(add_note.as_of::text, 'null')),
            DETAIL = 'A note is recorded when it has been written.', HINT = 'Leave it out to mean now.';
    END IF;
    INSERT INTO sentinel.notes (org_id, id, subject_type, subject_id, body, member_id, created_at)
    VALUES (org, new_note, add_note.subject_type, add_note.subject_id, words, sentinel.current_member(), add_note.as_of);
    IF add_note.subject_type = 'deal' THEN
        PERFORM sentinel.record_activity(add_note.subject_id, 'note_added', add_note.as_of, body => words,
                                         payload => jsonb_build_object('note_id', new_note), as_of => add_note.as_of);
    ELSIF add_note.subject_type = 'lead' THEN
        UPDATE sentinel.leads l
        SET last_contacted_at = greatest(l.last_contacted_at, add_note.as_of),
            last_activity_at = greatest(l.last_activity_at, add_note.as_of)
        WHERE l.org_id = org AND l.id = add_note.subject_id;
    END IF;
    RETURN new_note;
END
$$;
ALTER FUNCTION sentinel.add_note(text, uuid, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.add_note(text, uuid, text, timestamptz) IS
    'Write a note about a lead, deal, call, invoice, contract or client, as text without blanks around it; gives its id. On a lead it counts as contact; on a deal it is also an activity note_added, whose words of competition count. Errors: SN002, SN003, SN004, SN007 text or as_of.';

CREATE FUNCTION sentinel.require_note(note_id uuid, OUT org uuid, OUT subject_type text, OUT subject_id uuid, OUT body text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    writer uuid;
BEGIN
    require_note.org := sentinel.require_org();
    SELECT n.subject_type, n.subject_id, n.body, n.member_id
    INTO require_note.subject_type, require_note.subject_id, require_note.body, writer
    FROM sentinel.notes n WHERE n.org_id = require_note.org AND n.id = require_note.note_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no note "%s" in this organisation', require_note.note_id),
            DETAIL = 'A note is found by its id, by those who may see what it is about.',
            HINT = 'SELECT id, body FROM sentinel.notes;';
    END IF;
    PERFORM sentinel.require_contributor();
    IF NOT sentinel.may('edit', NULL, writer) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('not allowed to change note "%s"', require_note.note_id),
            DETAIL = 'Who wrote a note changes it, and owners and admins do.', HINT = 'Write a note of your own: sentinel.add_note().';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_note(uuid) IS
    'Give a note that the member entered may change: who wrote it, an owner or an admin. For edit_note() and delete_note(). Errors: SN002, SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.edit_note(note_id uuid, body text, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    note record;
    words text := sentinel.check_note(edit_note.body);
BEGIN
    SELECT * INTO note FROM sentinel.require_note(edit_note.note_id);
    IF note.body = words THEN
        RETURN;
    END IF;
    UPDATE sentinel.notes n SET body = words, edited_at = edit_note.as_of WHERE n.org_id = note.org AND n.id = edit_note.note_id;
    -- What was recorded of a deal stays as it was; words of competition that are new are recorded beside it.
    IF note.subject_type = 'deal' AND sentinel.competitive_indicators(words) > sentinel.competitive_indicators(note.body) THEN
        PERFORM sentinel.record_activity(note.subject_id, 'note_added', edit_note.as_of, body => words,
            payload => jsonb_build_object('note_id', edit_note.note_id, 'edited', true), as_of => edit_note.as_of);
    END IF;
END
$$;
ALTER FUNCTION sentinel.edit_note(uuid, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.edit_note(uuid, text, timestamptz) IS
    'Change the text of a note; for who wrote it, owners and admins. The activity that a note on a deal left stays, and another one tells of words of competition that came. Errors: SN002, SN003, SN004, SN007 text or as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.delete_note(note_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    note record;
BEGIN
    SELECT * INTO note FROM sentinel.require_note(delete_note.note_id);
    DELETE FROM sentinel.notes n WHERE n.org_id = note.org AND n.id = delete_note.note_id;
END
$$;
ALTER FUNCTION sentinel.delete_note(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.delete_note(uuid) IS
    'Delete a note; for who wrote it, owners and admins. The activity that a note on a deal left stays: the past of a deal is append-only. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.add_tag(name text, color text DEFAULT '#6b7280') RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    label text := regexp_replace(btrim(add_tag.name), '\s+', ' ', 'g');
    new_tag uuid;
BEGIN
    PERFORM sentinel.require_contributor();
    IF NOT coalesce(length(label) BETWEEN 1 AND 100, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('a tag of %s characters', coalesce(length(label), 0)),
            DETAIL = 'The name of a tag has 1 to 100 characters.', HINT = 'Use ''VIP''.';
    END IF;
    IF NOT coalesce(lower(add_tag.color) ~ '^#[0-9a-f]{6}$', false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid color "%s"', left(add_tag.color, 40)),
            DETAIL = 'A color is # and six hexadecimal digits.', HINT = 'Use ''#6b7280''.';
    END IF;
    INSERT INTO sentinel.tags AS t (org_id, name, color) VALUES (org, label, lower(add_tag.color))
    ON CONFLICT (org_id, lower(name)) DO NOTHING RETURNING t.id INTO new_tag;
    IF new_tag IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('a tag "%s" exists', label),
            DETAIL = 'Tags of an organisation have different names, upper and lower case apart.',
            HINT = format('It is the tag %s.', (SELECT t.id FROM sentinel.tags t WHERE t.org_id = org AND lower(t.name) = lower(label)));
    END IF;
    RETURN new_tag;
END
$$;
ALTER FUNCTION sentinel.add_tag(text, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.add_tag(text, text) IS
    'Make a tag of the organisation entered; gives its id. Errors: SN002, SN003, SN007 name, 22023 color, 23505 name taken.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.delete_tag(tag_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_manager(), sentinel.require_tag(delete_tag.tag_id);
    DELETE FROM sentinel.tags t WHERE t.org_id = org AND t.id = delete_tag.tag_id;
END
$$;
ALTER FUNCTION sentinel.delete_tag(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.delete_tag(uuid) IS
    'Delete a tag and take it off all leads and deals; for owners and admins. Errors: SN002, SN003, SN004.';

CREATE FUNCTION sentinel.require_tag(tag_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    IF NOT EXISTS (SELECT FROM sentinel.tags t WHERE t.org_id = org AND t.id = require_tag.tag_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no tag "%s" in this organisation', require_tag.tag_id),
            DETAIL = 'A tag is found by its id in its organisation.', HINT = 'SELECT id, name FROM sentinel.tags;';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_tag(uuid) IS 'Raise unless the organisation entered has the tag. Errors: SN002, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.tag_lead(lead_id uuid, tag_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_lead(tag_lead.lead_id, 'edit'), sentinel.require_tag(tag_lead.tag_id);
    INSERT INTO sentinel.lead_tags (org_id, lead_id, tag_id) VALUES (org, tag_lead.lead_id, tag_lead.tag_id)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
ALTER FUNCTION sentinel.tag_lead(uuid, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.tag_lead(uuid, uuid) IS
    'Put a tag on a lead; false when it is there already. Errors: SN002, SN003, SN004 lead or tag.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.untag_lead(lead_id uuid, tag_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_lead(untag_lead.lead_id, 'edit'), sentinel.require_tag(untag_lead.tag_id);
    DELETE FROM sentinel.lead_tags t
    WHERE t.org_id = org AND t.lead_id = untag_lead.lead_id AND t.tag_id = untag_lead.tag_id;
    RETURN FOUND;
END
$$;
ALTER FUNCTION sentinel.untag_lead(uuid, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.untag_lead(uuid, uuid) IS
    'Take a tag off a lead; false when it was not there. Errors: SN002, SN003, SN004 lead or tag.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.tag_deal(deal_id uuid, tag_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_deal(tag_deal.deal_id, 'edit'), sentinel.require_tag(tag_deal.tag_id);
    INSERT INTO sentinel.deal_tags (org_id, deal_id, tag_id) VALUES (org, tag_deal.deal_id, tag_deal.tag_id)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
ALTER FUNCTION sentinel.tag_deal(uuid, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.tag_deal(uuid, uuid) IS
    'Put a tag on a deal; false when it is there already. Errors: SN002, SN003, SN004 deal or tag.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.untag_deal(deal_id uuid, tag_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_deal(untag_deal.deal_id, 'edit'), sentinel.require_tag(untag_deal.tag_id);
    DELETE FROM sentinel.deal_tags t
    WHERE t.org_id = org AND t.deal_id = untag_deal.deal_id AND t.tag_id = untag_deal.tag_id;
    RETURN FOUND;
END
$$;
ALTER FUNCTION sentinel.untag_deal(uuid, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.untag_deal(uuid, uuid) IS
    'Take a tag off a deal; false when it was not there. Errors: SN002, SN003, SN004 deal or tag.';
