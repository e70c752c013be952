-- Room tenancy, invites: how people come into an organisation and its teams. Source: revenue.md (d).
-- A token is the organisation and 244 random bits in hexadecimal; the table holds its SHA-256 only.

CREATE FUNCTION sentinel.make_invite(email text, role text, team_id uuid, team_role text, as_of timestamptz)
    RETURNS TABLE (invite_id uuid, token text, expires_at timestamptz)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    address text := lower(trim(make_invite.email));
    known uuid;
BEGIN
    IF address IS NULL OR address !~ '^[^@\s]+@[^@\s]+$' OR length(address) > 320 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid e-mail address "%s"', left(make_invite.email, 80)),
            DETAIL = 'An address is local@domain without spaces.', HINT = 'Use ''ana@example.com''.';
    END IF;
    PERFORM sentinel.require_role(r, '{admin,member,viewer}')
    FROM unnest(ARRAY[make_invite.role] || CASE WHEN make_invite.team_id IS NOT NULL THEN ARRAY[make_invite.team_role] END) r;
    IF NOT coalesce(isfinite(make_invite.as_of) AND make_invite.as_of <= clock_timestamp() + interval '5 minutes', false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time %s', coalesce(make_invite.as_of::text, 'null')),
            DETAIL = 'An invite holds for seven days from an instant that has come.', HINT = 'Leave as_of out to mean now.';
    END IF;
    SELECT m.id INTO known FROM sentinel.members m WHERE m.org_id = org AND m.email = address AND m.removed_at IS NULL;
    IF known IS NOT NULL AND (make_invite.team_id IS NULL OR EXISTS (
        SELECT FROM sentinel.team_members x WHERE x.org_id = org AND x.team_id = make_invite.team_id AND x.member_id = known)) THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('"%s" is a member already', address),
            DETAIL = 'Who is in needs no invite.', HINT = 'Change the role instead.';
    ELSIF known IS NULL AND make_invite.team_id IS NOT NULL THEN
        -- Admins of a team bring members of the organisation into it; who comes into the organisation is not for them to say.
        PERFORM sentinel.require_manager();
    END IF;
    -- Two at once would both delete nothing and then meet in the index.
    PERFORM FROM sentinel.orgs o WHERE o.org_id = org FOR NO KEY UPDATE;
    DELETE FROM sentinel.invites i
    WHERE i.org_id = org AND (i.email = address AND i.team_id IS NOT DISTINCT FROM make_invite.team_id
                              OR i.expires_at < make_invite.as_of - interval '30 days');
    token := encode(uuid_send(org) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex');
    INSERT INTO sentinel.invites AS i (org_id, email, role, team_id, team_role, token_sha256, invited_by, created_at, expires_at)
    VALUES (org, address, make_invite.role, make_invite.team_id, CASE WHEN make_invite.team_id IS NOT NULL THEN make_invite.team_role END,
            sha256(convert_to(token, 'UTF8')), sentinel.current_member(), make_invite.as_of, make_invite.as_of + interval '168 hours')
    RETURNING i.id, i.expires_at INTO invite_id, expires_at;
    PERFORM sentinel.audit('invite.created', 'invite', invite_id, jsonb_strip_nulls(jsonb_build_object(
        'email', address, 'role', make_invite.role, 'team_id', make_invite.team_id)));
    PERFORM sentinel.emit_for(org, 'invite.created', 'invite', invite_id, jsonb_strip_nulls(jsonb_build_object(
        'invite_id', invite_id, 'team_id', make_invite.team_id, 'expires_at', expires_at)), 'invite.created:' || invite_id);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION sentinel.make_invite(text, text, uuid, text, timestamptz) IS
    'Keep an invite in place of an earlier one of the same address and team, and give its token, which cannot be had again. Emits invite.created, without token and address. Errors: SN003, SN007, 22023 role, 23503 team, 23505 member already.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.invite_member(email text, role text DEFAULT 'member', as_of timestamptz DEFAULT now())
    RETURNS TABLE (invite_id uuid, token text, expires_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_org(), sentinel.require_manager();
    RETURN QUERY SELECT * FROM sentinel.make_invite(invite_member.email, invite_member.role, NULL, NULL, invite_member.as_of);
END
$$;
ALTER FUNCTION sentinel.invite_member(text, text, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.invite_member(text, text, timestamptz) IS
    'Invite an address to the organisation as admin, member or viewer, for seven days; the token is given once, for the link that is sent. An earlier invite of the address ends. For owners and admins. Errors: SN002, SN003, SN007, 22023 role, 23505 member already.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.invite_to_team(team_id uuid, email text, role text DEFAULT 'member', as_of timestamptz DEFAULT now())
    RETURNS TABLE (invite_id uuid, token text, expires_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_org(), sentinel.require_team(invite_to_team.team_id, 'manage');
    RETURN QUERY SELECT * FROM sentinel.make_invite(invite_to_team.email, 'member', invite_to_team.team_id, invite_to_team.role,
                                                    invite_to_team.as_of);
END
$$;
ALTER FUNCTION sentinel.invite_to_team(uuid, text, text, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.invite_to_team(uuid, text, text, timestamptz) IS
    'Invite an address to a team as admin, member or viewer of it, for seven days; the token is given once. For owners and admins of the team; an address that is no member of the organisation yet, and becomes one by accepting, is for owners and admins of the organisation. Errors: SN002, SN003, SN004 team, SN007, 22023 role, 23505 in it already.';

CREATE FUNCTION sentinel.take_invite(address text, token text, display_name text)
    RETURNS TABLE (org_id uuid, member_id uuid, team_id uuid, joined boolean)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    i record;
BEGIN
    joined := false;
    SELECT x.org_id, x.id, x.email, x.role, x.team_id, x.team_role, x.expires_at INTO i FROM sentinel.invites x
    WHERE x.org_id = CASE WHEN take_invite.token ~ '^[0-9a-f]{96}$' THEN left(take_invite.token, 32)::uuid END
      AND x.token_sha256 = sha256(convert_to(take_invite.token, 'UTF8'))
    FOR UPDATE;
    IF i.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no such invite',
            DETAIL = 'It was accepted, revoked or replaced, or never made.', HINT = 'Ask for another invite.';
    END IF;
    IF i.email IS DISTINCT FROM lower(trim(take_invite.address)) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'this invite is for another address',
            DETAIL = 'An invite is accepted by who signed in with the address that was invited.', HINT = 'Sign in with that address.';
    END IF;
    IF i.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'this invite has expired',
            DETAIL = 'An invite holds for seven days.', HINT = 'Ask for another invite.';
    END IF;
    SELECT m.id INTO member_id FROM sentinel.members m WHERE m.org_id = i.org_id AND m.email = i.email AND m.removed_at IS NULL;
    IF member_id IS NULL THEN
        member_id := sentinel.insert_member(i.org_id, left(coalesce(nullif(trim(take_invite.display_name), ''),
            (SELECT u.display_name FROM sentinel.users u WHERE u.email = i.email), split_part(i.email, '@', 1)), 200), i.email, i.role);
        joined := true;
    END IF;
    IF i.team_id IS NOT NULL THEN
        PERFORM sentinel.enter_team(i.org_id, i.team_id, member_id, i.team_role);
    END IF;
    DELETE FROM sentinel.invites x WHERE x.org_id = i.org_id AND x.id = i.id;
    -- Not by audit(): who comes in has not entered yet.
    INSERT INTO sentinel.audit_log (org_id, action, subject_type, subject_id, detail, member_id, role_name, client_address)
    SELECT i.org_id, a.action, a.kind, a.subject, a.detail, member_id, session_user, inet_client_addr()
    FROM (VALUES ('invite.accepted', 'invite', i.id, '{}', true),
                 ('member.added', 'member', member_id, jsonb_build_object('email', i.email, 'role', i.role), joined),
                 ('team.member_added', 'team', i.team_id, jsonb_build_object('member_id', member_id, 'role', i.team_role),
                  i.team_id IS NOT NULL)) AS a (action, kind, subject, detail, happened)
    WHERE a.happened;
    org_id := i.org_id;
    team_id := i.team_id;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION sentinel.take_invite(text, text, text) IS
    'Make who has an address a member by an invite, and end the invite, in one transaction; joined is false where the person was a member before. For the functions of sentinel_engine. Errors: SN003 other address, expired or plan, SN004.';

-- grant: sentinel_gateway, sentinel_admin
CREATE FUNCTION sentinel.accept_invite_as(email text, token text, display_name text DEFAULT NULL)
    RETURNS TABLE (org_id uuid, member_id uuid, team_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY SELECT t.org_id, t.member_id, t.team_id
    FROM sentinel.take_invite(accept_invite_as.email, accept_invite_as.token, accept_invite_as.display_name) t;
END
$$;
ALTER FUNCTION sentinel.accept_invite_as(text, text, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.accept_invite_as(text, text, text) IS
    'Accept an invite for a person who has signed in with an address, which the caller has verified; makes the person a member of the organisation, and of the team. Errors: SN003 other address, expired, or the plan of the organisation is full, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.accept_invite(token text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    address text;
    joined record;
BEGIN
    SELECT m.email INTO address FROM sentinel.members m WHERE m.org_id = org AND m.id = sentinel.current_member();
    SELECT t.org_id, t.team_id INTO joined FROM sentinel.take_invite(address, accept_invite.token, NULL) t;
    IF joined.org_id <> org THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no such invite',
            DETAIL = 'It is one of another organisation.', HINT = 'Accept it where you sign in.';
    END IF;
    RETURN joined.team_id;
END
$$;
ALTER FUNCTION sentinel.accept_invite(text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.accept_invite(text) IS
    'Accept an invite to a team as the member entered, whose address must be the one invited; gives the team. Takes effect when the member enters again. Errors: SN002, SN003 other address or expired, SN004.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.list_invites(as_of timestamptz DEFAULT now())
    RETURNS TABLE (invite_id uuid, email text, role text, team_id uuid, team_role text, invited_by uuid, created_at timestamptz,
                   expires_at timestamptz, expired boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT i.id, i.email, i.role, i.team_id, i.team_role, i.invited_by, i.created_at, i.expires_at, i.expires_at <= list_invites.as_of
    FROM sentinel.invites i
    WHERE i.org_id = org AND sentinel.may('assign', i.team_id, NULL)
    ORDER BY i.created_at DESC, i.id DESC;
END
$$;
ALTER FUNCTION sentinel.list_invites(timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.list_invites(timestamptz) IS
    'List invites that nobody has accepted, newest first: all for owners and admins of the organisation, those of their teams for owners and admins of teams. Errors: SN002.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.revoke_invite(invite_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    gone text;
BEGIN
    DELETE FROM sentinel.invites i
    WHERE i.org_id = org AND i.id = revoke_invite.invite_id AND sentinel.may('assign', i.team_id, NULL)
    RETURNING i.email INTO gone;
    IF gone IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no invite "%s"', revoke_invite.invite_id),
            DETAIL = 'It was accepted, revoked or replaced, or is not yours to revoke.', HINT = 'SELECT * FROM sentinel.list_invites();';
    END IF;
    PERFORM sentinel.audit('invite.revoked', 'invite', revoke_invite.invite_id, jsonb_build_object('email', gone));
END
$$;
ALTER FUNCTION sentinel.revoke_invite(uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.revoke_invite(uuid) IS
    'Take an invite back; for those who list it. Errors: SN002, SN004.';
