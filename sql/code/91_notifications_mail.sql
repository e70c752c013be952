-- Room alerts, notifications: the texts of e-mails, and the digest. Who sends them is told by notification.new and
-- notification.digest; nothing here sends.

CREATE FUNCTION sentinel.fill_plain(body text, variables jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- In one pass: what a value holds is not read again.
    RETURN (SELECT string_agg(p.piece || coalesce(fill_plain.variables ->> m.found[1], ''), '' ORDER BY p.place)
            FROM regexp_split_to_table(fill_plain.body, '\{\{\w+\}\}') WITH ORDINALITY AS p(piece, place)
            LEFT JOIN regexp_matches(fill_plain.body, '\{\{(\w+)\}\}', 'g') WITH ORDINALITY AS m(found, place) ON m.place = p.place);
END
$$;
COMMENT ON FUNCTION sentinel.fill_plain(text, jsonb) IS
    'Put values into a plain text: {{word}} becomes the value of that name as it is, or nothing.';

CREATE FUNCTION sentinel.mail_subject(raw text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT left(regexp_replace(raw, '[[:cntrl:]\u0085\u2028\u2029]+', ' ', 'g'), 250)
$$;
COMMENT ON FUNCTION sentinel.mail_subject(text) IS 'Write a subject on one line, so that no text of a user becomes a header.';

CREATE FUNCTION sentinel.mail_page(title text, body text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>' || sentinel.escape_html(title)
        || '</title></head><body><h1>' || sentinel.escape_html(title) || '</h1>' || body || '</body></html>'
$$;
COMMENT ON FUNCTION sentinel.mail_page(text, text) IS 'Put HTML that is escaped already into a page with a title, which is escaped here.';

CREATE FUNCTION sentinel.mail_link(base_url text, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF mail_link.base_url !~ '^(https?://[^[:space:][:cntrl:]]+)?$' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid address "%s"', left(mail_link.base_url, 80)),
            DETAIL = 'Links begin with http:// or https://.', HINT = 'Use ''https://sentinel.example.com''.';
    END IF;
    RETURN rtrim(coalesce(mail_link.base_url, ''), '/') || mail_link.path;
END
$$;
COMMENT ON FUNCTION sentinel.mail_link(text, text) IS 'Give the address of a page of the product. Errors: SN007.';

CREATE FUNCTION sentinel.role_label(role text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE role WHEN 'owner' THEN 'Owner' WHEN 'admin' THEN 'Administrator' WHEN 'viewer' THEN 'Viewer' ELSE 'Member' END
$$;
COMMENT ON FUNCTION sentinel.role_label(text) IS 'Write a role for people.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.notification_email(notification_id uuid, base_url text DEFAULT '')
    RETURNS TABLE (to_address text, subject text, html text, text text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    n record;
    words jsonb;
BEGIN
    SELECT x.title, x.message, x.facts, x.deal_id, m.email, k.subject, k.html, k.plain,
           CASE WHEN x.deal_id IS NULL AND k.path LIKE '%{id}%' THEN '/notifications'
                ELSE replace(k.path, '{id}', coalesce(x.deal_id::text, '')) END AS path INTO n
    FROM sentinel.notifications x
    JOIN sentinel.members m ON m.org_id = x.org_id AND m.id = x.member_id AND m.removed_at IS NULL
    JOIN sentinel.notification_kinds k ON k.kind = x.kind
    WHERE x.org_id = org AND x.id = notification_email.notification_id
      AND (sentinel.current_member() IS NULL OR x.member_id = sentinel.current_member());
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no notification "%s"', notification_email.notification_id),
            DETAIL = 'A member is written to of what the member was told.', HINT = 'SELECT notification_id FROM sentinel.my_notifications();';
    END IF;
    words := jsonb_build_object(
        'title', n.title, 'message', n.message, 'deal', coalesce(nullif(n.facts ->> 'name', ''), 'The deal'),
        'from', coalesce(sentinel.stage_words(n.facts ->> 'from_stage'), 'no stage'),
        'to', coalesce(sentinel.stage_words(n.facts ->> 'stage'), 'another stage'),
        'team', n.facts ->> 'team', 'inviter', n.facts ->> 'inviter', 'role', n.facts ->> 'role',
        'link', sentinel.mail_link(notification_email.base_url, n.path));
    to_address := n.email;
    subject := sentinel.mail_subject(sentinel.fill_plain(n.subject, words));
    html := sentinel.mail_page(n.title, sentinel.render_template(n.html, words));
    text := sentinel.fill_plain(n.plain, words);
    RETURN NEXT;
END
$$;
ALTER FUNCTION sentinel.notification_email(uuid, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.notification_email(uuid, text) IS
    'Write the e-mail of a notification: address, subject, HTML with all text of users escaped, plain text. Links begin with base_url. A member gets the own ones only. Errors: SN002, SN004, SN007 base_url.';

CREATE FUNCTION sentinel.note_emailed(notification_id uuid, as_of timestamptz DEFAULT now()) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    UPDATE sentinel.notifications n SET emailed_at = note_emailed.as_of
    WHERE n.org_id = org AND n.id = note_emailed.notification_id AND n.by_email AND n.emailed_at IS NULL;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION sentinel.note_emailed(uuid, timestamptz) IS
    'Note that the e-mail of a notification was sent, which a failure must not do; false when it was before, or was not wished. For the channel that sends. Errors: SN002.';

-- grant: sentinel_member, sentinel_gateway, sentinel_admin
CREATE FUNCTION sentinel.invite_email(org_name text, inviter text, role text, accept_url text)
    RETURNS TABLE (subject text, html text, text text)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    link text := sentinel.mail_link(coalesce(nullif(invite_email.accept_url, ''), '-'), '');
    words jsonb := jsonb_build_object('org', invite_email.org_name, 'inviter', invite_email.inviter,
                                      'role', sentinel.role_label(invite_email.role), 'link', link);
BEGIN
    subject := 'You''re Invited to Join Sentinel';
    html := sentinel.mail_page(subject, sentinel.render_template(
        '<p>{{inviter}} invites you to join <strong>{{org}}</strong> as {{role}}.</p><p><a href="{{link}}">Accept the invite</a></p>'
        '<p>It expires in 7 days.</p>', words));
    text := sentinel.fill_plain(E'{{inviter}} invites you to join {{org}} as {{role}}.\n\n{{link}}\n\nIt expires in 7 days.\n', words);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION sentinel.invite_email(text, text, text, text) IS
    'Write the e-mail that carries an invite: who made it has the token for accept_url, and nobody else, so it is given, not looked up. Errors: SN007 accept_url.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.notification_digest(member_id uuid, since timestamptz, until timestamptz, base_url text DEFAULT '')
    RETURNS TABLE (to_address text, items bigint, subject text, html text, text text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    link text := sentinel.mail_link(notification_digest.base_url, '/notifications');
    most constant integer := 10;
    list_html text;
    list_text text;
BEGIN
    SELECT m.email INTO to_address FROM sentinel.members m
    WHERE m.org_id = org AND m.id = notification_digest.member_id AND m.removed_at IS NULL
      AND (sentinel.current_member() IS NULL OR m.id = sentinel.current_member());
    IF to_address IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no digest for member "%s"', notification_digest.member_id),
            DETAIL = 'A digest is of the member''s own notifications.', HINT = 'Leave, or enter as that member.';
    END IF;
    WITH unread AS (
        SELECT n.title, n.message, row_number() OVER (ORDER BY n.created_at DESC, n.id DESC) AS place
        FROM sentinel.notifications n
        WHERE n.org_id = org AND n.member_id = notification_digest.member_id AND n.in_app AND n.read_at IS NULL
          AND n.created_at > notification_digest.since AND n.created_at <= notification_digest.until)
    SELECT count(*),
           string_agg('<li><strong>' || sentinel.escape_html(u.title) || '</strong><br>' || sentinel.escape_html(u.message) || '</li>',
                      '' ORDER BY u.place) FILTER (WHERE u.place <= most),
           string_agg('- ' || u.title || E'\n  ' || u.message || E'\n', '' ORDER BY u.place) FILTER (WHERE u.place <= most)
    INTO items, list_html, list_text FROM unread u;
    subject := CASE items WHEN 0 THEN 'No new notifications' WHEN 1 THEN '1 new notification' ELSE items || ' new notifications' END;
    html := sentinel.mail_page(subject, coalesce('<ul>' || list_html || '</ul>', '<p>No new notifications.</p>')
        || CASE WHEN items > most THEN format('<p>And %s more.</p>', items - most) ELSE '' END
        || '<p><a href="' || sentinel.escape_html(link) || '">See all notifications</a></p>');
    text := coalesce(list_text, E'No new notifications.\n') || CASE WHEN items > most THEN format(E'And %s more.\n', items - most) ELSE '' END
        || E'\n' || link || E'\n';
    RETURN NEXT;
END
$$;
ALTER FUNCTION sentinel.notification_digest(uuid, timestamptz, timestamptz, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.notification_digest(uuid, timestamptz, timestamptz, text) IS
    'Write the digest of what a member was told after since, up to until, and has not read: how many, and the ten newest. A member gets the own one only. Errors: SN002, SN004, SN007 base_url.';

CREATE FUNCTION sentinel.handle_make_digests(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_make_digests.payload);
    zone text := (SELECT o.timezone FROM sentinel.orgs o WHERE o.org_id = org);
    local timestamp := at AT TIME ZONE zone;
    events jsonb;
BEGIN
    WITH due AS (
        -- What a missed run left out the next one makes up for, but not a whole holiday.
        SELECT m.id, f.frequency,
               CASE WHEN g.covered_until IS NULL
                    THEN (local - CASE f.frequency WHEN 'weekly' THEN interval '7 days' ELSE interval '1 day' END) AT TIME ZONE zone
                    ELSE greatest(g.covered_until, (local - CASE f.frequency WHEN 'weekly' THEN interval '1 month'
                                                            ELSE interval '7 days' END) AT TIME ZONE zone) END AS since
        FROM sentinel.members m
        LEFT JOIN sentinel.notification_digests g ON g.org_id = m.org_id AND g.member_id = m.id
        CROSS JOIN LATERAL (SELECT coalesce(g.frequency, 'daily') AS frequency) f
        WHERE m.org_id = org AND m.removed_at IS NULL
          AND (f.frequency = 'daily' OR f.frequency = 'weekly' AND extract(isodow FROM local) = 1)
    ), filled AS (
        SELECT d.id, d.frequency, d.since, count(*) AS items
        FROM due d
        JOIN sentinel.notifications n ON n.org_id = org AND n.member_id = d.id AND n.in_app AND n.read_at IS NULL
             AND n.created_at > d.since AND n.created_at <= at
        GROUP BY d.id, d.frequency, d.since
    ), covered AS (
        INSERT INTO sentinel.notification_digests AS g (org_id, member_id, covered_until)
        SELECT org, f.id, at FROM filled f
        ON CONFLICT ON CONSTRAINT notification_digests_pkey DO UPDATE SET covered_until = excluded.covered_until
    )
    SELECT jsonb_agg(jsonb_build_object(
        'event_type', 'notification.digest', 'subject_type', 'member', 'subject_id', f.id,
        'idempotency_key', format('notification.digest:%s:%s', f.id, extract(epoch FROM at)),
        'payload', jsonb_build_object('member_id', f.id, 'frequency', f.frequency, 'since', f.since, 'until', at, 'items', f.items))
        ORDER BY f.id)
    INTO events FROM filled f;
    RETURN jsonb_build_object('digests', CASE WHEN events IS NULL THEN 0 ELSE sentinel.emit_many_for(org, events) END);
END
$$;
COMMENT ON FUNCTION sentinel.handle_make_digests(uuid, jsonb) IS
    'Job, daily: emit notification.digest for each member who wishes one, daily or on Mondays of the organisation''s zone, and has unread notifications since the last; notification_digest() of its since and until writes it. Payload: as_of.';
