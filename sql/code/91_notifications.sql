-- Room alerts, notifications: who is told of what, as each wishes, and the lists that a member reads. Source: revenue.md (e).

CREATE FUNCTION sentinel.tell_members(org uuid, members uuid[], kind text, title text, message text, alert uuid, event uuid,
                                      deal uuid, team uuid, facts jsonb) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    told jsonb;
BEGIN
    WITH made AS (
        INSERT INTO sentinel.notifications AS n (org_id, member_id, kind, alert_id, event_id, deal_id, team_id, title, message,
                                                 facts, in_app, by_email)
        SELECT m.org_id, m.id, tell_members.kind, tell_members.alert, tell_members.event, tell_members.deal, tell_members.team,
               left(tell_members.title, 300), left(tell_members.message, 3000), coalesce(tell_members.facts, '{}'), w.in_app, w.by_email
        FROM sentinel.members m
        LEFT JOIN sentinel.notification_kinds k ON k.kind = tell_members.kind
        LEFT JOIN sentinel.notification_settings s ON s.org_id = m.org_id AND s.member_id = m.id AND s.kind = tell_members.kind
        LEFT JOIN sentinel.notification_digests g ON g.org_id = m.org_id AND g.member_id = m.id
        CROSS JOIN LATERAL (SELECT coalesce(s.in_app, k.in_app, true) AS in_app,
            coalesce(s.by_email, CASE WHEN g.frequency = 'realtime' THEN true ELSE k.by_email END, false) AS by_email) w
        WHERE m.org_id = tell_members.org AND m.id = ANY (tell_members.members) AND m.removed_at IS NULL
          AND (w.in_app OR w.by_email)
        ON CONFLICT DO NOTHING
        RETURNING n.id, n.member_id, n.in_app, n.by_email)
    SELECT jsonb_agg(jsonb_build_object(
        'event_type', 'notification.new', 'subject_type', 'notification', 'subject_id', x.id,
        'idempotency_key', 'notification.new:' || x.id,
        'payload', jsonb_build_object('notification_id', x.id, 'member_id', x.member_id, 'kind', tell_members.kind,
                                      'in_app', x.in_app, 'by_email', x.by_email)) ORDER BY x.id)
    INTO told FROM made x;
    IF told IS NULL THEN
        RETURN 0;
    END IF;
    -- The feed is read by all members: what the notification says stands in the notification alone.
    RETURN sentinel.emit_many_for(tell_members.org, told);
END
$$;
COMMENT ON FUNCTION sentinel.tell_members(uuid, uuid[], text, text, text, uuid, uuid, uuid, uuid, jsonb) IS
    'Tell members of an alert or event, once each, in the product or by e-mail as each wishes, and emit notification.new for each. Who is removed or wishes neither is not told. Gives how many were told.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.my_notifications(unread_only boolean DEFAULT false, page_size integer DEFAULT 20,
                                          before timestamptz DEFAULT NULL, before_id uuid DEFAULT NULL)
    RETURNS TABLE (notification_id uuid, alert_id uuid, kind text, title text, message text, deal_id uuid,
                   created_at timestamptz, read_at timestamptz, team_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT n.id, n.alert_id, n.kind, n.title, n.message, n.deal_id, n.created_at, n.read_at, n.team_id
    FROM sentinel.notifications n
    WHERE n.org_id = org AND n.member_id = sentinel.current_member() AND n.in_app
      AND (NOT my_notifications.unread_only OR n.read_at IS NULL)
      AND (my_notifications.before IS NULL OR n.created_at < my_notifications.before)
      AND (my_notifications.before_id IS NULL OR (n.created_at, n.id) < (
           SELECT c.created_at, c.id FROM sentinel.notifications c
           WHERE c.org_id = org AND c.member_id = sentinel.current_member() AND c.id = my_notifications.before_id))
    ORDER BY n.created_at DESC, n.id DESC
    LIMIT least(greatest(my_notifications.page_size, 0), 100);
END
$$;
ALTER FUNCTION sentinel.my_notifications(boolean, integer, timestamptz, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.my_notifications(boolean, integer, timestamptz, uuid) IS
    'List the notifications of the member entered, newest first, at most 100 at a time. before_id, the last one seen, pages on without a gap; before does by time. Errors: SN002.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.unread_notifications() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN (SELECT count(*) FROM sentinel.notifications n
            WHERE n.org_id = org AND n.member_id = sentinel.current_member() AND n.read_at IS NULL AND n.in_app);
END
$$;
ALTER FUNCTION sentinel.unread_notifications() OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.unread_notifications() IS 'Count what the member entered has not read. Errors: SN002.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.read_notifications(notification_ids uuid[] DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := now();
    done integer;
BEGIN
    UPDATE sentinel.notifications n SET read_at = at
    WHERE n.org_id = org AND n.member_id = sentinel.current_member() AND n.read_at IS NULL AND n.in_app
      AND (notification_ids IS NULL OR n.id = ANY (notification_ids));
    GET DIAGNOSTICS done = ROW_COUNT;
    RETURN done;
END
$$;
ALTER FUNCTION sentinel.read_notifications(uuid[]) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.read_notifications(uuid[]) IS
    'Mark notifications of the member entered as read, all of them where no ids are given, and give how many were unread. Those of others are left alone. Errors: SN002.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.delete_notification(notification_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    DELETE FROM sentinel.notifications n
    WHERE n.org_id = org AND n.member_id = sentinel.current_member() AND n.id = notification_id;
    RETURN FOUND;
END
$$;
ALTER FUNCTION sentinel.delete_notification(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.delete_notification(uuid) IS
    'Remove a notification of the member entered and tell whether there was one; those of others are left alone. Errors: SN002.';

CREATE FUNCTION sentinel.settings_member(member_id uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    who uuid := coalesce(settings_member.member_id, sentinel.current_member());
BEGIN
    IF who IS DISTINCT FROM sentinel.current_member() THEN
        PERFORM sentinel.require_manager();
    END IF;
    IF NOT EXISTS (SELECT FROM sentinel.members m WHERE m.org_id = org AND m.id = who AND m.removed_at IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in this organisation', who),
            DETAIL = 'Settings are those of a member: the one entered, or the one named.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    RETURN who;
END
$$;
COMMENT ON FUNCTION sentinel.settings_member(uuid) IS
    'Give the member whose settings are meant: the one named, else the one entered. Those of others are for owners and admins. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.notification_wishes(member_id uuid DEFAULT NULL)
    RETURNS TABLE (kind text, label text, in_app boolean, by_email boolean, is_default boolean, digest text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    who uuid := sentinel.settings_member(notification_wishes.member_id);
    often text := coalesce((SELECT g.frequency FROM sentinel.notification_digests g WHERE g.org_id = org AND g.member_id = who), 'daily');
BEGIN
    RETURN QUERY
    SELECT k.kind, k.label, coalesce(s.in_app, k.in_app),
           coalesce(s.by_email, CASE WHEN often = 'realtime' THEN true ELSE k.by_email END),
           s.in_app IS NULL AND s.by_email IS NULL, often
    FROM sentinel.notification_kinds k
    LEFT JOIN sentinel.notification_settings s ON s.org_id = org AND s.member_id = who AND s.kind = k.kind
    ORDER BY k.position, k.kind;
END
$$;
ALTER FUNCTION sentinel.notification_wishes(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.notification_wishes(uuid) IS
    'List how the member entered, or for owners and admins another, is told of each kind, and how often by a digest. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_notification_wish(kind text, in_app boolean DEFAULT NULL, by_email boolean DEFAULT NULL,
                                               member_id uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    who uuid := sentinel.settings_member(set_notification_wish.member_id);
    at timestamptz := now();
BEGIN
    IF NOT EXISTS (SELECT FROM sentinel.notification_kinds k WHERE k.kind = set_notification_wish.kind) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown kind of notification "%s"', left(set_notification_wish.kind, 80)),
            DETAIL = 'Kinds are rows of sentinel.notification_kinds.',
            HINT = format('Use one of: %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.position) FROM sentinel.notification_kinds k));
    END IF;
    INSERT INTO sentinel.notification_settings AS s (org_id, member_id, kind, in_app, by_email, changed_at)
    VALUES (org, who, set_notification_wish.kind, set_notification_wish.in_app, set_notification_wish.by_email, at)
    ON CONFLICT ON CONSTRAINT notification_settings_pkey DO UPDATE
    SET in_app = coalesce(excluded.in_app, s.in_app), by_email = coalesce(excluded.by_email, s.by_email), changed_at = excluded.changed_at;
END
$$;
ALTER FUNCTION sentinel.set_notification_wish(text, boolean, boolean, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.set_notification_wish(text, boolean, boolean, uuid) IS
    'Say how the member entered, or for owners and admins another, wishes to be told of a kind: in the product, by e-mail. Nulls keep what was. Errors: SN002, SN003, SN004, 22023 kind.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_digest_frequency(frequency text, member_id uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    who uuid := sentinel.settings_member(set_digest_frequency.member_id);
BEGIN
    IF set_digest_frequency.frequency NOT IN ('realtime', 'daily', 'weekly', 'never') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown frequency "%s"', left(set_digest_frequency.frequency, 40)),
            DETAIL = 'A digest comes daily, weekly or never; realtime sends an e-mail for each notification instead.', HINT = 'Use ''daily''.';
    END IF;
    INSERT INTO sentinel.notification_digests AS g (org_id, member_id, frequency) VALUES (org, who, set_digest_frequency.frequency)
    ON CONFLICT ON CONSTRAINT notification_digests_pkey DO UPDATE SET frequency = excluded.frequency;
END
$$;
ALTER FUNCTION sentinel.set_digest_frequency(text, uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.set_digest_frequency(text, uuid) IS
    'Say how often the member entered, or for owners and admins another, wishes a digest: realtime, daily, weekly, never, or null for the default, daily. Realtime sends each notification by e-mail at once but for kinds whose e-mail was switched off. Errors: SN002, SN003, SN004, 22023.';

CREATE FUNCTION sentinel.stage_words(stage text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT initcap(replace(stage, '_', ' ')) $$;
COMMENT ON FUNCTION sentinel.stage_words(text) IS 'Write the name of a stage for people: Closed Won.';

CREATE FUNCTION sentinel.handle_notify_stage_change(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    facts jsonb := sentinel.job_facts(handle_notify_stage_change.payload);
    event uuid := sentinel.text_to_uuid(handle_notify_stage_change.payload ->> 'event_id');
    deal uuid := sentinel.text_to_uuid(coalesce(facts ->> 'deal_id', handle_notify_stage_change.payload ->> 'subject_id'));
    actor uuid := (SELECT e.member_id FROM sentinel.events e WHERE e.org_id = org AND e.id = event);
    owner uuid := (SELECT d.owner_id FROM sentinel.deals d WHERE d.org_id = org AND d.id = deal);
BEGIN
    IF event IS NULL OR owner IS NULL OR owner = actor THEN
        RETURN jsonb_build_object('notified', 0);
    END IF;
    RETURN jsonb_build_object('notified', sentinel.tell_members(org, ARRAY[owner], 'stage_changed',
        'Deal Stage Changed: ' || coalesce(nullif(facts ->> 'name', ''), deal::text),
        format('Moved from %s to %s', coalesce(sentinel.stage_words(facts ->> 'from_stage'), 'no stage'),
               coalesce(sentinel.stage_words(facts ->> 'stage'), 'another stage')),
        NULL, event, deal, NULL, facts));
END
$$;
COMMENT ON FUNCTION sentinel.handle_notify_stage_change(uuid, jsonb) IS
    'Job: tell who works a deal now that another member, or no member, moved it; once per move. A deal of nobody tells nobody.';

CREATE FUNCTION sentinel.handle_notify_team_invite(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    event uuid := sentinel.text_to_uuid(handle_notify_team_invite.payload ->> 'event_id');
    i record;
BEGIN
    SELECT x.team_id, t.name AS team, x.team_role, m.id AS member_id, coalesce(b.display_name, o.name) AS inviter INTO i
    FROM sentinel.invites x
    JOIN sentinel.orgs o ON o.org_id = x.org_id
    JOIN sentinel.teams t ON t.org_id = x.org_id AND t.id = x.team_id
    JOIN sentinel.members m ON m.org_id = x.org_id AND m.email = x.email AND m.removed_at IS NULL
    LEFT JOIN sentinel.members b ON b.org_id = x.org_id AND b.id = x.invited_by
    WHERE x.org_id = org AND x.id = sentinel.job_subject(handle_notify_team_invite.payload, 'invite');
    IF event IS NULL OR i.member_id IS NULL THEN
        RETURN jsonb_build_object('notified', 0);
    END IF;
    RETURN jsonb_build_object('notified', sentinel.tell_members(org, ARRAY[i.member_id], 'team_invite',
        'Team Invite: ' || i.team, format('%s invites you to the team %s', i.inviter, i.team), NULL, event, NULL, i.team_id,
        jsonb_build_object('team', i.team, 'inviter', i.inviter, 'role', sentinel.role_label(i.team_role))));
END
$$;
COMMENT ON FUNCTION sentinel.handle_notify_team_invite(uuid, jsonb) IS
    'Job: tell who was invited to a team, and is a member of the organisation, of an invite that still waits. Others have the link alone.';
