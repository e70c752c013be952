-- Room gateway, teams: routes of teams, of the members of an organisation, and of invites. A team that one does not see is
-- unknown to its routes, whatever the functions behind them would say of it.

-- grant: sentinel_member
CREATE FUNCTION sentinel.seen_team(request jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.http_param(request, 'team_id');
BEGIN
    PERFORM sentinel.http_require(EXISTS (SELECT FROM sentinel.teams t WHERE t.org_id = sentinel.require_org() AND t.id = team), 'team', team);
    RETURN team;
END
$$;
COMMENT ON FUNCTION sentinel.seen_team(jsonb) IS 'Give the team that stands in the path of a request. Errors: SN002, SN004 unknown or not seen, 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.known_member(member_id uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.http_require(EXISTS (SELECT FROM sentinel.members m WHERE m.org_id = sentinel.require_org()
        AND m.id = known_member.member_id AND m.removed_at IS NULL), 'member', known_member.member_id);
    RETURN known_member.member_id;
END
$$;
COMMENT ON FUNCTION sentinel.known_member(uuid) IS 'Give the id back of who is a member of the organisation entered. Errors: SN002, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_my_teams(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_list((SELECT jsonb_agg(jsonb_build_object('id', t.team_id, 'name', t.name, 'slug', t.slug, 'created_at', t.created_at,
        'member_count', t.member_count, 'my_role', t.my_role) ORDER BY lower(t.name), t.team_id) FROM sentinel.my_teams() t));
END
$$;
COMMENT ON FUNCTION sentinel.http_my_teams(jsonb, bytea) IS 'Route: list the teams that the caller sees, with the own role in each.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.team_card(team_id uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', t.team_id, 'name', t.name, 'slug', t.slug, 'created_at', t.created_at, 'member_count', t.member_count,
                'my_role', t.my_role) FROM sentinel.my_teams() t WHERE t.team_id = team_card.team_id);
END
$$;
COMMENT ON FUNCTION sentinel.team_card(uuid) IS 'Give a team as routes answer it; null for one that the member entered does not see. Errors: SN002.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_get_team(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.seen_team(request);
BEGIN
    RETURN sentinel.http_thing(sentinel.team_card(team)
        || jsonb_build_object('members', sentinel.http_team_members(request, NULL) #> '{json,data}'));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_team(jsonb, bytea) IS 'Route: give a team with its members.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_add_team(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.add_team(sentinel.json_text(sentinel.json_members(sentinel.http_object(request, '{name}'), '{name}'), 'name'));
BEGIN
    RETURN sentinel.http_thing(sentinel.team_card(team), '/teams/' || team);
END
$$;
COMMENT ON FUNCTION sentinel.http_add_team(jsonb, bytea) IS 'Route: make a team, with the caller as its owner.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_rename_team(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.seen_team(request);
BEGIN
    PERFORM sentinel.rename_team(team, sentinel.json_text(sentinel.json_members(sentinel.http_object(request, '{name}'), '{name}'), 'name'));
    RETURN sentinel.http_thing(sentinel.team_card(team));
END
$$;
COMMENT ON FUNCTION sentinel.http_rename_team(jsonb, bytea) IS 'Route: give a team another name.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_delete_team(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('deals_without_team', sentinel.delete_team(sentinel.seen_team(request))));
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_team(jsonb, bytea) IS 'Route: delete a team; its deals become those of their owners.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_team_members(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.seen_team(request);
BEGIN
    RETURN sentinel.http_list((
        SELECT jsonb_agg(jsonb_build_object('member_id', x.member_id, 'display_name', m.display_name, 'email', m.email, 'role', x.role, 'created_at', x.created_at)
                         ORDER BY array_position('{owner,admin,member,viewer}', x.role), lower(m.display_name), x.member_id)
        FROM sentinel.team_members x JOIN sentinel.members m ON m.org_id = x.org_id AND m.id = x.member_id
        WHERE x.org_id = sentinel.current_org() AND x.team_id = team));
END
$$;
COMMENT ON FUNCTION sentinel.http_team_members(jsonb, bytea) IS 'Route: list who is in a team, by role and name.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_add_team_member(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.seen_team(request);
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{member_id}'), '{member_id,role}');
    who uuid := sentinel.known_member(sentinel.http_id(b -> 'member_id', 'member_id'));
BEGIN
    PERFORM sentinel.add_team_member(team, who, coalesce(sentinel.json_text(b, 'role'), 'member'));
    RETURN sentinel.http_thing(jsonb_build_object('team_id', team, 'member_id', who, 'role', coalesce(b ->> 'role', 'member')),
                               format('/teams/%s/members', team));
END
$$;
COMMENT ON FUNCTION sentinel.http_add_team_member(jsonb, bytea) IS 'Route: put a member into a team.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_team_role(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.seen_team(request);
    who uuid := sentinel.http_param(request, 'member_id');
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{role}'), '{role}');
BEGIN
    PERFORM sentinel.set_team_member_role(team, who, sentinel.json_text(b, 'role'));
    RETURN sentinel.http_thing(jsonb_build_object('team_id', team, 'member_id', who, 'role', b ->> 'role'));
END
$$;
COMMENT ON FUNCTION sentinel.http_set_team_role(jsonb, bytea) IS 'Route: change the role of a member of a team.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_remove_team_member(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.remove_team_member(sentinel.seen_team(request), sentinel.http_param(request, 'member_id'), sentinel.http_query_id(request, 'heir'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_remove_team_member(jsonb, bytea) IS
    'Route: take a member out of a team, or leave it; open work goes to the heir, else to nobody.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_transfer_team(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.seen_team(request);
BEGIN
    PERFORM sentinel.transfer_team_ownership(team,
        sentinel.http_id(sentinel.json_members(sentinel.http_object(request, '{member_id}'), '{member_id}') -> 'member_id', 'member_id'));
    RETURN sentinel.http_thing(sentinel.team_card(team));
END
$$;
COMMENT ON FUNCTION sentinel.http_transfer_team(jsonb, bytea) IS 'Route: make another member the owner of a team.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_invite_to_team(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    team uuid := sentinel.seen_team(request);
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{email}'), '{email,role}');
BEGIN
    RETURN sentinel.http_thing((SELECT jsonb_build_object('id', i.invite_id, 'token', i.token, 'expires_at', i.expires_at, 'team_id', team)
        FROM sentinel.invite_to_team(team, sentinel.json_text(b, 'email'), coalesce(sentinel.json_text(b, 'role'), 'member')) i), '/invites');
END
$$;
COMMENT ON FUNCTION sentinel.http_invite_to_team(jsonb, bytea) IS 'Route: invite an address to a team; the token is given once.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_invite_member(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{email}'), '{email,role}');
BEGIN
    RETURN sentinel.http_thing((SELECT jsonb_build_object('id', i.invite_id, 'token', i.token, 'expires_at', i.expires_at)
        FROM sentinel.invite_member(sentinel.json_text(b, 'email'), coalesce(sentinel.json_text(b, 'role'), 'member')) i), '/invites');
END
$$;
COMMENT ON FUNCTION sentinel.http_invite_member(jsonb, bytea) IS 'Route: invite an address to the organisation; the token is given once.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_invites(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 200);
    place jsonb := sentinel.keyset_place(request);
    team uuid := sentinel.http_query_id(request, 'team_id');
BEGIN
    RETURN sentinel.http_keyset_page((
        SELECT jsonb_agg(to_jsonb(i) - 'invite_id' || jsonb_build_object('id', i.invite_id) ORDER BY i.created_at DESC, i.invite_id DESC)
        FROM (SELECT * FROM sentinel.list_invites() x
              WHERE (team IS NULL OR x.team_id = team)
                AND (place IS NULL OR (x.created_at, x.invite_id) < ((place ->> 'at')::timestamptz, (place ->> 'id')::uuid))
              ORDER BY x.created_at DESC, x.invite_id DESC LIMIT most + 1) i), most, 'created_at');
END
$$;
COMMENT ON FUNCTION sentinel.http_list_invites(jsonb, bytea) IS 'Route: list invites that nobody has accepted, newest first; tokens are not among it.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_revoke_invite(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.revoke_invite(sentinel.http_param(request, 'invite_id'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_revoke_invite(jsonb, bytea) IS 'Route: take an invite back.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_accept_team_invite(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{token}'), '{token}');
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('team_id', sentinel.accept_invite(sentinel.json_text(b, 'token'))));
END
$$;
COMMENT ON FUNCTION sentinel.http_accept_team_invite(jsonb, bytea) IS 'Route: accept an invite to a team as a member of its organisation.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_members(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 200);
    place jsonb := sentinel.keyset_place(request);
    removed boolean := sentinel.http_query_boolean(request, 'include_removed');
    wanted text := sentinel.http_query_text(request, 'role', '{owner,admin,member,viewer}');
BEGIN
    RETURN sentinel.http_keyset_page((
        SELECT jsonb_agg(jsonb_build_object('id', m.id, 'display_name', m.display_name, 'email', m.email, 'role', m.role,
                                            'created_at', m.created_at, 'removed_at', m.removed_at) ORDER BY m.created_at, m.id)
        FROM (SELECT * FROM sentinel.members x
              WHERE x.org_id = org AND (removed OR x.removed_at IS NULL) AND (wanted IS NULL OR x.role = wanted)
                AND (place IS NULL OR (x.created_at, x.id) > ((place ->> 'at')::timestamptz, (place ->> 'id')::uuid))
              ORDER BY x.created_at, x.id LIMIT most + 1) m), most, 'created_at');
END
$$;
COMMENT ON FUNCTION sentinel.http_list_members(jsonb, bytea) IS 'Route: list the members of the organisation, the oldest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_add_member(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{display_name,email}'), '{display_name,email,role}');
    who uuid := sentinel.add_member(sentinel.json_text(b, 'display_name'), sentinel.json_text(b, 'email'), coalesce(sentinel.json_text(b, 'role'), 'member'));
BEGIN
    RETURN sentinel.http_thing((SELECT jsonb_build_object('id', m.id, 'display_name', m.display_name, 'email', m.email, 'role', m.role, 'created_at', m.created_at)
        FROM sentinel.members m WHERE m.org_id = sentinel.current_org() AND m.id = who), '/members');
END
$$;
COMMENT ON FUNCTION sentinel.http_add_member(jsonb, bytea) IS 'Route: add a member to the organisation, without asking the person; invites do.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_member_role(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid := sentinel.http_param(request, 'member_id');
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{role}'), '{role}');
BEGIN
    PERFORM sentinel.set_member_role(who, sentinel.json_text(b, 'role'));
    RETURN sentinel.http_thing(jsonb_build_object('id', who, 'role', b ->> 'role'));
END
$$;
COMMENT ON FUNCTION sentinel.http_set_member_role(jsonb, bytea) IS 'Route: change the role of a member.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_remove_member(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.remove_member(sentinel.http_param(request, 'member_id'), sentinel.http_query_id(request, 'heir'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_remove_member(jsonb, bytea) IS
    'Route: remove a member from the organisation, or leave it; open work goes to the heir, else to nobody.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_transfer_ownership(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid := sentinel.http_param(request, 'member_id');
BEGIN
    PERFORM sentinel.transfer_ownership(who);
    RETURN sentinel.http_thing(jsonb_build_object('id', who, 'role', 'owner'));
END
$$;
COMMENT ON FUNCTION sentinel.http_transfer_ownership(jsonb, bytea) IS 'Route: make another member owner of the organisation in the caller''s place.';
