-- Room tenancy, teams: who is in a team with which role, and what becomes of a team's deals. Source: revenue.md (d).
-- Owners and admins of the organisation may all that the owner of a team may.

CREATE FUNCTION sentinel.team_slug(name text) RETURNS text
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(nullif(trim(BOTH '-' FROM left(regexp_replace(regexp_replace(lower(trim(team_slug.name)), '\s+', '-', 'g'),
                                                                 '[^a-z0-9-]', '', 'g'), 60)), ''), 'team')
        || '-' || (SELECT string_agg(substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + get_byte(r.bytes, n) % 36, 1), '')
                   FROM (SELECT uuid_send(gen_random_uuid()) AS bytes) r, generate_series(0, 5) n)
$$;
COMMENT ON FUNCTION sentinel.team_slug(text) IS
    'Make the name of a team for addresses: lower case, hyphens for blanks, nothing else but letters and digits, and six random ones.';

CREATE FUNCTION sentinel.require_team(team_id uuid, action text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    called text;
    held text;
BEGIN
    SELECT t.name INTO called FROM sentinel.teams t WHERE t.org_id = org AND t.id = require_team.team_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no team "%s" in this organisation', require_team.team_id),
            DETAIL = 'Teams are named by their id.', HINT = 'SELECT team_id, name FROM sentinel.my_teams();';
    END IF;
    IF sentinel.may('assign', NULL, NULL) THEN
        RETURN called;
    END IF;
    -- From the table, not from what the member was when the session entered.
    SELECT x.role INTO held FROM sentinel.team_members x
    WHERE x.org_id = org AND x.team_id = require_team.team_id AND x.member_id = sentinel.current_member();
    IF NOT coalesce(held = 'owner' OR held = 'admin' AND require_team.action = 'manage'
                    OR require_team.action = 'view', false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003',
            MESSAGE = CASE WHEN held IS NULL THEN 'you are not a member of this team'
                           WHEN require_team.action = 'own' THEN 'only the owner can perform this action'
                           ELSE 'only owners and admins can perform this action' END,
            DETAIL = format('The role in the team "%s" is %s.', called, coalesce('"' || held || '"', 'none')),
            HINT = 'Ask an owner or admin of the organisation.';
    END IF;
    RETURN called;
END
$$;
COMMENT ON FUNCTION sentinel.require_team(uuid, text) IS
    'Raise unless the team exists and the member entered may view it, manage it (owner, admin) or own it (owner); gives its name. Errors: SN002, SN003, SN004.';

CREATE FUNCTION sentinel.require_role(role text, roles text[] DEFAULT '{owner,admin,member,viewer}') RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(require_role.role = ANY (require_role.roles), false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown role "%s"', left(require_role.role, 40)),
            DETAIL = format('A role is one of: %s.', array_to_string(require_role.roles, ', ')), HINT = 'Use ''member''.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_role(text, text[]) IS 'Raise 22023 for a role that is none of a list.';

CREATE FUNCTION sentinel.check_team_name(name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(trim(check_team_name.name), '') = '' OR length(check_team_name.name) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid team name "%s"', left(check_team_name.name, 60)),
            DETAIL = 'A name has 1 to 200 characters.', HINT = 'SELECT sentinel.add_team(''Sales'');';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_team_name(text) IS 'Raise SN007 for a name that no team may have.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.add_team(name text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    new_team uuid;
BEGIN
    PERFORM sentinel.require_manager(), sentinel.check_team_name(add_team.name);
    INSERT INTO sentinel.teams AS t (org_id, name, slug)
    VALUES (org, trim(add_team.name), sentinel.team_slug(add_team.name)) RETURNING t.id INTO new_team;
    INSERT INTO sentinel.team_members (org_id, team_id, member_id, role)
    SELECT org, new_team, sentinel.current_member(), 'owner' WHERE sentinel.current_member() IS NOT NULL;
    PERFORM sentinel.audit('team.created', 'team', new_team, jsonb_build_object('name', trim(add_team.name)));
    RETURN new_team;
END
$$;
ALTER FUNCTION sentinel.add_team(text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.add_team(text) IS
    'Make a team in the organisation entered, with the member entered as its owner; gives its id. Errors: SN003, SN007, 23505.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.rename_team(team_id uuid, name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    before text;
BEGIN
    before := sentinel.require_team(rename_team.team_id, 'manage');
    PERFORM sentinel.check_team_name(rename_team.name);
    IF before = trim(rename_team.name) THEN
        RETURN;
    END IF;
    UPDATE sentinel.teams t SET name = trim(rename_team.name) WHERE t.org_id = org AND t.id = rename_team.team_id;
    PERFORM sentinel.audit('team.renamed', 'team', rename_team.team_id, jsonb_build_object('from', before, 'to', trim(rename_team.name)));
    PERFORM sentinel.emit_for(org, 'team.updated', 'team', rename_team.team_id,
                              jsonb_build_object('team_id', rename_team.team_id, 'name', trim(rename_team.name)));
END
$$;
ALTER FUNCTION sentinel.rename_team(uuid, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.rename_team(uuid, text) IS
    'Give a team another name; its slug stays, so that addresses go on to work. Emits team.updated. Errors: SN002, SN003, SN004, SN007, 23505.';

CREATE FUNCTION sentinel.enter_team(org uuid, team_id uuid, member_id uuid, role text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.team_members (org_id, team_id, member_id, role)
    VALUES (enter_team.org, enter_team.team_id, enter_team.member_id, enter_team.role)
    ON CONFLICT ON CONSTRAINT team_members_pkey DO NOTHING;
    IF FOUND THEN
        PERFORM sentinel.emit_for(enter_team.org, 'team.member_added', 'team', enter_team.team_id, jsonb_build_object(
            'team_id', enter_team.team_id, 'member_id', enter_team.member_id, 'role', enter_team.role));
    END IF;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION sentinel.enter_team(uuid, uuid, uuid, text) IS
    'Put a member into a team of any organisation and emit team.member_added; tells whether the member was not in it. For the functions of sentinel_engine.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.add_team_member(team_id uuid, member_id uuid, role text DEFAULT 'member') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    owned_by uuid;
BEGIN
    IF EXISTS (SELECT FROM sentinel.team_members t WHERE t.org_id = org AND t.team_id = add_team_member.team_id
               AND t.member_id = add_team_member.member_id AND t.role IS DISTINCT FROM add_team_member.role) THEN
        PERFORM sentinel.set_team_member_role(add_team_member.team_id, add_team_member.member_id, add_team_member.role);
        RETURN;
    END IF;
    -- Admins of the team let people in; who rules there is for those of the organisation.
    IF add_team_member.role = 'owner' OR NOT sentinel.may('assign', add_team_member.team_id, NULL) THEN
        PERFORM sentinel.require_manager();
    END IF;
    PERFORM sentinel.require_role(add_team_member.role);
    IF EXISTS (SELECT FROM sentinel.members m WHERE m.org_id = org AND m.id = add_team_member.member_id AND m.removed_at IS NOT NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in this organisation', add_team_member.member_id),
            DETAIL = 'Who was removed is in no team.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    SELECT t.member_id INTO owned_by FROM sentinel.team_members t
    WHERE t.org_id = org AND t.team_id = add_team_member.team_id AND t.role = 'owner';
    IF add_team_member.role = 'owner' AND owned_by <> add_team_member.member_id THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('member "%s" owns this team', owned_by),
            DETAIL = 'A team has one owner.', HINT = 'SELECT sentinel.transfer_team_ownership(team_id, member_id);';
    END IF;
    IF sentinel.enter_team(org, add_team_member.team_id, add_team_member.member_id, add_team_member.role) THEN
        PERFORM sentinel.audit('team.member_added', 'team', add_team_member.team_id,
                               jsonb_build_object('member_id', add_team_member.member_id, 'role', add_team_member.role));
    END IF;
END
$$;
ALTER FUNCTION sentinel.add_team_member(uuid, uuid, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.add_team_member(uuid, uuid, text) IS
    'Put a member into a team with the role owner (when the team has none), admin, member or viewer, or change that role as set_team_member_role() does. Emits team.member_added. Errors: SN003, SN004 removed, 23503 unknown team or member, 23505 another owner, 22023 role.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.set_team_member_role(team_id uuid, member_id uuid, role text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    before text;
BEGIN
    PERFORM sentinel.require_team(set_team_member_role.team_id, 'own'), sentinel.require_role(set_team_member_role.role);
    SELECT x.role INTO before FROM sentinel.team_members x
    WHERE x.org_id = org AND x.team_id = set_team_member_role.team_id AND x.member_id = set_team_member_role.member_id FOR UPDATE;
    IF before IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in team "%s"',
                set_team_member_role.member_id, set_team_member_role.team_id),
            DETAIL = 'A role is changed of who is in the team.', HINT = 'SELECT sentinel.add_team_member(team_id, member_id);';
    END IF;
    IF before = set_team_member_role.role THEN
        RETURN;
    END IF;
    IF before = 'owner' OR set_team_member_role.role = 'owner' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003',
            MESSAGE = CASE WHEN before = 'owner' THEN 'cannot change the owner''s role' ELSE 'a member becomes owner by transfer only' END,
            DETAIL = 'A team keeps its owner until ownership is handed over.',
            HINT = 'SELECT sentinel.transfer_team_ownership(team_id, member_id);';
    END IF;
    UPDATE sentinel.team_members x SET role = set_team_member_role.role
    WHERE x.org_id = org AND x.team_id = set_team_member_role.team_id AND x.member_id = set_team_member_role.member_id;
    PERFORM sentinel.audit('team.member_role_updated', 'team', set_team_member_role.team_id, jsonb_build_object(
        'member_id', set_team_member_role.member_id, 'from', before, 'to', set_team_member_role.role));
END
$$;
ALTER FUNCTION sentinel.set_team_member_role(uuid, uuid, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.set_team_member_role(uuid, uuid, text) IS
    'Change the role of a member of a team to admin, member or viewer; for the owner of the team. The owner''s own role changes by transfer_team_ownership() only. Errors: SN002, SN003, SN004, 22023.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.transfer_team_ownership(team_id uuid, member_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    giver uuid;
BEGIN
    PERFORM sentinel.require_team(transfer_team_ownership.team_id, 'own');
    PERFORM FROM sentinel.team_members x WHERE x.org_id = org AND x.team_id = transfer_team_ownership.team_id
    ORDER BY x.member_id FOR UPDATE;
    IF NOT EXISTS (SELECT FROM sentinel.team_members x WHERE x.org_id = org AND x.team_id = transfer_team_ownership.team_id
                   AND x.member_id = transfer_team_ownership.member_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in team "%s"',
                transfer_team_ownership.member_id, transfer_team_ownership.team_id),
            DETAIL = 'A team is handed over to one of its members.', HINT = 'SELECT sentinel.add_team_member(team_id, member_id);';
    END IF;
    UPDATE sentinel.team_members x SET role = 'admin'
    WHERE x.org_id = org AND x.team_id = transfer_team_ownership.team_id AND x.role = 'owner'
    RETURNING x.member_id INTO giver;
    UPDATE sentinel.team_members x SET role = 'owner'
    WHERE x.org_id = org AND x.team_id = transfer_team_ownership.team_id AND x.member_id = transfer_team_ownership.member_id;
    IF giver IS DISTINCT FROM transfer_team_ownership.member_id THEN
        PERFORM sentinel.audit('team.ownership_transferred', 'team', transfer_team_ownership.team_id,
                               jsonb_build_object('from', giver, 'to', transfer_team_ownership.member_id));
    END IF;
END
$$;
ALTER FUNCTION sentinel.transfer_team_ownership(uuid, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.transfer_team_ownership(uuid, uuid) IS
    'Make a member of a team its owner and the owner before an admin of it. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.remove_team_member(team_id uuid, member_id uuid, heir uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    by_oneself boolean := remove_team_member.member_id IS NOT DISTINCT FROM sentinel.current_member();
    held text;
    handed bigint;
BEGIN
    IF (NOT by_oneself OR remove_team_member.heir IS NOT NULL) AND NOT sentinel.may('assign', remove_team_member.team_id, NULL) THEN
        PERFORM sentinel.require_manager();
    END IF;
    SELECT t.role INTO held FROM sentinel.team_members t
    WHERE t.org_id = org AND t.team_id = remove_team_member.team_id AND t.member_id = remove_team_member.member_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in team "%s"',
                remove_team_member.member_id, remove_team_member.team_id),
            DETAIL = 'Only who is in a team leaves it.', HINT = 'SELECT team_id, member_id FROM sentinel.team_members;';
    END IF;
    IF held = 'owner' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003',
            MESSAGE = CASE WHEN by_oneself THEN 'the owner must transfer ownership or delete the team' ELSE 'cannot remove the team owner' END,
            DETAIL = 'A team keeps its owner.', HINT = 'SELECT sentinel.transfer_team_ownership(team_id, member_id);';
    END IF;
    IF remove_team_member.heir = remove_team_member.member_id
       OR NOT sentinel.is_assignee(coalesce(remove_team_member.heir, remove_team_member.member_id), remove_team_member.team_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no other member "%s" in team "%s"',
                remove_team_member.heir, remove_team_member.team_id),
            DETAIL = 'Deals of a team go to one of its members, or to an owner or admin of the organisation.',
            HINT = 'Leave heir out to leave them to nobody.';
    END IF;
    handed := sentinel.hand_over_work(remove_team_member.member_id, remove_team_member.team_id, remove_team_member.heir);
    DELETE FROM sentinel.team_members t
    WHERE t.org_id = org AND t.team_id = remove_team_member.team_id AND t.member_id = remove_team_member.member_id;
    PERFORM sentinel.audit('team.member_removed', 'team', remove_team_member.team_id, jsonb_strip_nulls(jsonb_build_object(
        'member_id', remove_team_member.member_id, 'heir', remove_team_member.heir, 'deals_handed_over', handed)));
    PERFORM sentinel.emit_for(org, 'team.member_removed', 'team', remove_team_member.team_id, jsonb_build_object(
        'team_id', remove_team_member.team_id, 'member_id', remove_team_member.member_id));
END
$$;
ALTER FUNCTION sentinel.remove_team_member(uuid, uuid, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.remove_team_member(uuid, uuid, uuid) IS
    'Take a member out of a team; members but its owner may leave by themselves. The open deals and leads of the team that the member worked go to the heir, else to nobody. Emits team.member_removed. Errors: SN003, SN004, 23505 the heir has a deal of that name.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.leave_team(team_id uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_org();
    PERFORM sentinel.remove_team_member(leave_team.team_id, sentinel.current_member());
END
$$;
COMMENT ON FUNCTION sentinel.leave_team(uuid) IS
    'Leave a team; the open deals of the team that one worked are then nobody''s. Errors: SN002, SN003 owner, SN004 not in it.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.delete_team(team_id uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    called text := sentinel.require_team(delete_team.team_id, 'own');
    freed bigint;
BEGIN
    PERFORM FROM sentinel.teams t WHERE t.org_id = org AND t.id = delete_team.team_id FOR UPDATE;
    UPDATE sentinel.deals d SET team_id = NULL WHERE d.org_id = org AND d.team_id = delete_team.team_id;
    GET DIAGNOSTICS freed = ROW_COUNT;
    -- A lead of no team and nobody is seen by all: those of nobody go to the owner of the team.
    UPDATE sentinel.leads l SET team_id = NULL, owner_id = coalesce(l.owner_id, (
        SELECT x.member_id FROM sentinel.team_members x WHERE x.org_id = org AND x.team_id = delete_team.team_id AND x.role = 'owner'),
        sentinel.current_member())
    WHERE l.org_id = org AND l.team_id = delete_team.team_id;
    DELETE FROM sentinel.teams t WHERE t.org_id = org AND t.id = delete_team.team_id;
    PERFORM sentinel.audit('team.deleted', 'team', delete_team.team_id, jsonb_build_object('name', called, 'deals', freed));
    PERFORM sentinel.emit_for(org, 'team.deleted', 'team', delete_team.team_id, jsonb_build_object('team_id', delete_team.team_id, 'name', called));
    RETURN freed;
END
$$;
ALTER FUNCTION sentinel.delete_team(uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.delete_team(uuid) IS
    'Delete a team, for its owner; gives how many deals have become personal. Deals and leads keep their owners; deals of nobody are then seen by owners and admins of the organisation, leads of nobody go to the owner of the team. Emits team.deleted. Errors: SN002, SN003, SN004.';

-- grant: sentinel_reader, sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.my_teams()
    RETURNS TABLE (team_id uuid, name text, slug text, created_at timestamptz, member_count bigint, my_role text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT t.id, t.name, t.slug, t.created_at, count(x.member_id),
           max(x.role) FILTER (WHERE x.member_id = sentinel.current_member())
    FROM sentinel.teams t LEFT JOIN sentinel.team_members x ON x.org_id = t.org_id AND x.team_id = t.id
    WHERE t.org_id = org
    GROUP BY t.org_id, t.id ORDER BY t.name;
END
$$;
COMMENT ON FUNCTION sentinel.my_teams() IS
    'List the teams that the member entered may view, with the number of members and the own role; null for who is not in it but rules the organisation. Errors: SN002.';
