-- Room tenancy: organisations, members, teams, and who the session works for.

-- grant: everyone
CREATE FUNCTION sentinel.version() RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_version';
COMMENT ON FUNCTION sentinel.version() IS 'Give the version of the loaded library, as in the control file.';

-- grant: everyone
CREATE FUNCTION sentinel.uuid7() RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_uuid7';
COMMENT ON FUNCTION sentinel.uuid7() IS
    'Make a uuid of version 7: 60 bits of time, then 62 random bits. Ids of one session only grow. Source: RFC 9562.';

-- grant: everyone
CREATE FUNCTION sentinel.current_org() RETURNS uuid
    LANGUAGE c STABLE PARALLEL RESTRICTED LEAKPROOF AS 'MODULE_PATHNAME', 'sentinel_current_org';
COMMENT ON FUNCTION sentinel.current_org() IS
    'Give the organisation that the session has entered, or null. Every row-level policy calls it.';

-- grant: everyone
CREATE FUNCTION sentinel.current_member() RETURNS uuid
    LANGUAGE c STABLE PARALLEL RESTRICTED LEAKPROOF AS 'MODULE_PATHNAME', 'sentinel_current_member';
COMMENT ON FUNCTION sentinel.current_member() IS 'Give the member that the session has entered as, or null.';

-- grant: everyone
CREATE FUNCTION sentinel.require_org() RETURNS uuid
    LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_require_org';
COMMENT ON FUNCTION sentinel.require_org() IS
    'Give the organisation that the session has entered. Errors: SN001 before install(), SN002 when none is entered.';

-- grant: everyone
CREATE FUNCTION sentinel.may(action text, team_id uuid, owner_id uuid) RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sentinel_may';
COMMENT ON FUNCTION sentinel.may(text, uuid, uuid) IS
    'Tell whether the member entered may view, edit or assign a row of this team and owner. Owners and admins of the organisation may all; others their own rows and, by team role, those of their teams. True when an organisation is entered without a member. Errors: 22023 for another action.';

-- grant: everyone
CREATE FUNCTION sentinel.enter(org_id uuid, member_id uuid DEFAULT NULL, session boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_enter';
COMMENT ON FUNCTION sentinel.enter(uuid, uuid, boolean) IS
    'Enter an organisation for the transaction, or with session => true for the session. The calling role must stand in sentinel.member_roles for it; administrators enter all. Errors: SN001, SN003 not allowed or unknown, SN004 no such member. No search_path clause: that would undo the setting at the end of the call; its SQL is qualified throughout.';
ALTER FUNCTION sentinel.enter(uuid, uuid, boolean) OWNER TO sentinel_engine;

-- Granted to nobody, and without a search_path clause, as enter() is.
CREATE FUNCTION sentinel.act_for(org_id uuid, member_id uuid, client_address inet) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_act_for';
COMMENT ON FUNCTION sentinel.act_for(uuid, uuid, inet) IS
    'Enter an organisation, as a member or as a whole with the rights of an admin, for somebody who has been identified by other means than the database role; until the transaction ends, or null is entered. The audit log keeps the address. Errors: SN004 no such member.';

-- grant: everyone
CREATE FUNCTION sentinel.leave() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_leave';
COMMENT ON FUNCTION sentinel.leave() IS 'Leave the organisation that the session has entered; every tenant table is then empty.';

CREATE FUNCTION sentinel.refuse_change() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'sentinel_refuse_change';
COMMENT ON FUNCTION sentinel.refuse_change() IS
    'Trigger: refuse UPDATE, DELETE and TRUNCATE of an append-only table from any client. Errors: SN006.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.create_org(name text, slug text DEFAULT NULL, timezone text DEFAULT 'UTC') RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_slug text := coalesce(create_org.slug, trim(BOTH '-' FROM left(trim(BOTH '-' FROM
        regexp_replace(lower(create_org.name), '[^a-z0-9]+', '-', 'g')), 63)));
    new_org uuid := sentinel.uuid7();
    step record;
BEGIN
    PERFORM sentinel.require_installed();
    IF coalesce(trim(create_org.name), '') = '' OR length(create_org.name) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid organisation name "%s"', left(create_org.name, 60)),
            DETAIL = 'A name has 1 to 200 characters.', HINT = 'SELECT sentinel.create_org(''Acme Ltd'');';
    END IF;
    IF new_slug !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid slug "%s"', left(new_slug, 80)),
            DETAIL = 'A slug has 1 to 63 lower-case letters, digits and inner hyphens.', HINT = 'Use ''acme-ltd''.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names z WHERE z.name = create_org.timezone) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown time zone "%s"', left(create_org.timezone, 60)),
            DETAIL = 'A time zone is a name of pg_timezone_names.', HINT = 'Use ''Europe/Berlin''.';
    END IF;
    PERFORM pg_catalog.pg_advisory_xact_lock(7360, pg_catalog.hashtext(new_slug));
    IF EXISTS (SELECT FROM sentinel.orgs o WHERE o.slug = new_slug) THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('an organisation with the slug "%s" exists', new_slug),
            DETAIL = 'Slugs are unique.', HINT = format('Use ''%s-2''.', left(new_slug, 61));
    END IF;
    INSERT INTO sentinel.orgs (org_id, name, slug, timezone)
    VALUES (new_org, trim(create_org.name), new_slug, create_org.timezone);
    FOR step IN SELECT s.function_name FROM sentinel.org_setup s ORDER BY s.position, s.function_name LOOP
        EXECUTE format('SELECT %s($1)', step.function_name::regproc) USING new_org;
    END LOOP;
    RETURN new_org;
END
$$;
ALTER FUNCTION sentinel.create_org(text, text, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.create_org(text, text, text) IS
    'Make an organisation with its default pipeline, routes and settings; gives its id. Errors: SN007 name or slug, 22023 time zone, 23505 slug taken.';

CREATE FUNCTION sentinel.insert_member(org uuid, display_name text, address text, role text) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_user uuid;
    new_member uuid;
BEGIN
    INSERT INTO sentinel.users AS u (email, display_name) VALUES (insert_member.address, insert_member.display_name)
    ON CONFLICT ON CONSTRAINT users_email_key DO UPDATE SET email = excluded.email RETURNING u.id INTO new_user;
    INSERT INTO sentinel.members AS m (org_id, user_id, display_name, email, role)
    VALUES (insert_member.org, new_user, insert_member.display_name, insert_member.address, insert_member.role)
    RETURNING m.id INTO new_member;
    RETURN new_member;
END
$$;
COMMENT ON FUNCTION sentinel.insert_member(uuid, text, text, text) IS
    'Make a person a member of any organisation; gives the member id. For the functions of sentinel_engine. Errors: SN003 plan, 23505 member already.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.add_member(display_name text, email text, role text DEFAULT 'member') RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    address text := lower(trim(add_member.email));
    new_member uuid;
BEGIN
    PERFORM sentinel.require_manager();
    IF add_member.role = 'owner' THEN
        PERFORM sentinel.require_owner();
    END IF;
    IF coalesce(trim(add_member.display_name), '') = '' OR length(add_member.display_name) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid name "%s"', left(add_member.display_name, 60)),
            DETAIL = 'A name has 1 to 200 characters.', HINT = 'SELECT sentinel.add_member(''Ana Ruiz'', ''ana@example.com'');';
    END IF;
    IF address IS NULL OR address !~ '^[^@\s]+@[^@\s]+$' OR length(address) > 320 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid e-mail address "%s"', left(add_member.email, 80)),
            DETAIL = 'An address is local@domain without spaces.', HINT = 'Use ''ana@example.com''.';
    END IF;
    IF add_member.role IS NULL OR add_member.role NOT IN ('owner', 'admin', 'member', 'viewer') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown role "%s"', left(add_member.role, 40)),
            DETAIL = 'A role is owner, admin, member or viewer.', HINT = 'Use ''member''.';
    END IF;
    new_member := sentinel.insert_member(org, trim(add_member.display_name), address, add_member.role);
    PERFORM sentinel.audit('member.added', 'member', new_member,
                           jsonb_build_object('email', address, 'role', add_member.role));
    RETURN new_member;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('"%s" is a member already', address),
        DETAIL = 'An address is a member of an organisation once.', HINT = 'Change the role with sentinel.set_member_role().';
END
$$;
ALTER FUNCTION sentinel.add_member(text, text, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.add_member(text, text, text) IS
    'Add a member to the organisation entered; gives the member id. Only owners add owners. Errors: SN003, SN007 name or address, 22023 role, 23505 member already.';

-- grant: everyone
CREATE FUNCTION sentinel.require_manager() RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF sentinel.current_member() IS NOT NULL
       AND pg_catalog.current_setting('sentinel.member_role') NOT IN ('owner', 'admin') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'only owners and admins can perform this action',
            DETAIL = format('The member entered has the role "%s".', pg_catalog.current_setting('sentinel.member_role')),
            HINT = 'Ask an owner of the organisation.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_manager() IS
    'Raise SN003 when a member who is neither owner nor admin has entered. Passes when no member is entered.';

-- grant: everyone
CREATE FUNCTION sentinel.require_owner() RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A key of the whole organisation has the role of an admin and no member: an admin may have made it.
    IF coalesce(pg_catalog.current_setting('sentinel.member_role', true), '') NOT IN ('', 'owner') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'only the owner can perform this action',
            DETAIL = format('The member entered has the role "%s".', pg_catalog.current_setting('sentinel.member_role')),
            HINT = 'Ask an owner of the organisation.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_owner() IS
    'Raise SN003 when a member who is no owner has entered, or an API key of the organisation. Passes for a login of the organisation.';

-- grant: everyone
CREATE FUNCTION sentinel.require_contributor() RETURNS void
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'sentinel_require_contributor';
COMMENT ON FUNCTION sentinel.require_contributor() IS
    'Raise SN003 when a viewer has entered. Passes when no member is entered.';

CREATE FUNCTION sentinel.end_borrowed_rights(org uuid, new_owner uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sentinel.api_keys k SET revoked_at = now()
    WHERE k.org_id = org AND k.member_id = new_owner AND k.created_by <> new_owner AND k.revoked_at IS NULL;
    UPDATE sentinel.sessions s SET ended_at = now(), ended_why = 'revoked'
    WHERE s.only_org_id = org AND s.user_id = (SELECT m.user_id FROM sentinel.members m WHERE m.org_id = org AND m.id = new_owner)
      AND s.ended_at IS NULL;
END
$$;
COMMENT ON FUNCTION sentinel.end_borrowed_rights(uuid, uuid) IS
    'End what others may act by as a member who becomes an owner: API keys that others have made, and sessions that an identity provider of the organisation began.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.set_member_role(member_id uuid, role text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    before text;
BEGIN
    PERFORM sentinel.require_owner();
    IF set_member_role.role IS NULL OR set_member_role.role NOT IN ('owner', 'admin', 'member', 'viewer') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown role "%s"', left(set_member_role.role, 40)),
            DETAIL = 'A role is owner, admin, member or viewer.', HINT = 'Use ''member''.';
    END IF;
    SELECT m.role INTO before FROM sentinel.members m
    WHERE m.org_id = org AND m.id = set_member_role.member_id AND m.removed_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in this organisation', set_member_role.member_id),
            DETAIL = 'Members are named by their id in this organisation.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    IF before = 'owner' AND set_member_role.role <> 'owner' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'cannot change the owner''s role',
            DETAIL = 'An owner stays one until ownership is handed over.',
            HINT = 'SELECT sentinel.transfer_ownership(member_id); by the owner.';
    END IF;
    UPDATE sentinel.members m SET role = set_member_role.role WHERE m.org_id = org AND m.id = set_member_role.member_id;
    IF set_member_role.role = 'owner' AND before <> 'owner' THEN
        PERFORM sentinel.end_borrowed_rights(org, set_member_role.member_id);
    END IF;
    PERFORM sentinel.audit('member.role_changed', 'member', set_member_role.member_id,
                           jsonb_build_object('from', before, 'to', set_member_role.role));
END
$$;
ALTER FUNCTION sentinel.set_member_role(uuid, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.set_member_role(uuid, text) IS
    'Change the role of a member; for owners. An owner''s own role changes by transfer_ownership() only. Takes effect when that member enters again. Errors: SN003, SN004, 22023.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.transfer_ownership(member_id uuid, from_member uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    giver uuid := coalesce(transfer_ownership.from_member, sentinel.current_member());
    owners uuid[];
    roles jsonb;
BEGIN
    PERFORM sentinel.require_owner();
    IF giver IS DISTINCT FROM coalesce(sentinel.current_member(), giver) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'only the owner can perform this action',
            DETAIL = 'An owner hands over the own ownership, not that of another.', HINT = 'Leave from_member out.';
    END IF;
    PERFORM FROM sentinel.members m WHERE m.org_id = org AND m.removed_at IS NULL ORDER BY m.id FOR UPDATE;
    SELECT array_agg(m.id) FILTER (WHERE m.role = 'owner'), jsonb_object_agg(m.id, m.role) INTO owners, roles
    FROM sentinel.members m WHERE m.org_id = org AND m.removed_at IS NULL;
    giver := coalesce(giver, CASE WHEN cardinality(owners) = 1 THEN owners[1] END);
    IF NOT coalesce(giver = ANY (owners), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no owner "%s" in this organisation', giver),
            DETAIL = 'Ownership is handed over by a member who has it.',
            HINT = 'SELECT id, display_name FROM sentinel.members WHERE role = ''owner'';';
    END IF;
    IF transfer_ownership.member_id = giver OR NOT coalesce(roles ? transfer_ownership.member_id::text, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no other member "%s" in this organisation', transfer_ownership.member_id),
            DETAIL = 'Ownership goes to another present member.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    UPDATE sentinel.members m SET role = CASE WHEN m.id = giver THEN 'admin' ELSE 'owner' END
    WHERE m.org_id = org AND m.id IN (giver, transfer_ownership.member_id);
    PERFORM sentinel.end_borrowed_rights(org, transfer_ownership.member_id);
    PERFORM sentinel.audit('member.ownership_transferred', 'member', transfer_ownership.member_id,
                           jsonb_build_object('from', giver, 'role', roles -> transfer_ownership.member_id::text));
END
$$;
ALTER FUNCTION sentinel.transfer_ownership(uuid, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.transfer_ownership(uuid, uuid) IS
    'Make another member owner and the owner an admin. An owner hands over the own ownership; without a member entered from_member says whose, if there are several. Takes effect when they enter again. Errors: SN003, SN004.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.remove_member(member_id uuid, heir uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    held text;
    handed bigint;
BEGIN
    -- One may go by oneself; to whom the work goes is for owners and admins.
    IF remove_member.member_id IS DISTINCT FROM sentinel.current_member() OR remove_member.heir IS NOT NULL THEN
        PERFORM sentinel.require_manager();
    END IF;
    SELECT m.role INTO held FROM sentinel.members m
    WHERE m.org_id = org AND m.id = remove_member.member_id AND m.removed_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in this organisation', remove_member.member_id),
            DETAIL = 'Members are named by their id in this organisation.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    IF held = 'owner' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'cannot remove an owner',
            DETAIL = 'An owner first hands ownership over.', HINT = 'SELECT sentinel.transfer_ownership(member_id); by the owner.';
    END IF;
    SELECT t.name INTO held FROM sentinel.team_members x
    JOIN sentinel.teams t ON t.org_id = x.org_id AND t.id = x.team_id
    WHERE x.org_id = org AND x.member_id = remove_member.member_id AND x.role = 'owner' ORDER BY t.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('the member owns the team "%s"', held),
            DETAIL = 'A team keeps its owner: the owner must transfer ownership or delete the team.',
            HINT = 'SELECT sentinel.transfer_team_ownership(team_id, member_id);';
    END IF;
    IF remove_member.heir = remove_member.member_id OR NOT EXISTS (
        SELECT FROM sentinel.members m WHERE m.org_id = org AND m.id = coalesce(remove_member.heir, remove_member.member_id)
        AND m.removed_at IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no other member "%s" in this organisation', remove_member.heir),
            DETAIL = 'Work goes to another present member.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    handed := sentinel.hand_over_work(remove_member.member_id, NULL, remove_member.heir);
    UPDATE sentinel.members m SET removed_at = now() WHERE m.org_id = org AND m.id = remove_member.member_id;
    -- The member's own no longer hold anyway; those that the member made for others and for the organisation go too.
    UPDATE sentinel.api_keys k SET revoked_at = now()
    WHERE k.org_id = org AND k.created_by = remove_member.member_id AND k.revoked_at IS NULL;
    DELETE FROM sentinel.team_members t WHERE t.org_id = org AND t.member_id = remove_member.member_id;
    DELETE FROM sentinel.member_roles r WHERE r.org_id = org AND r.member_id = remove_member.member_id;
    -- Nobody comes in by the hand of one who is out.
    DELETE FROM sentinel.invites i WHERE i.org_id = org AND i.invited_by = remove_member.member_id;
    PERFORM sentinel.audit('member.removed', 'member', remove_member.member_id, jsonb_strip_nulls(jsonb_build_object(
        'heir', remove_member.heir, 'deals_handed_over', handed)));
END
$$;
ALTER FUNCTION sentinel.remove_member(uuid, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.remove_member(uuid, uuid) IS
    'Remove a member from the organisation, its teams and its logins; members but owners may go by themselves. What the member did stays; open deals, leads and tasks go to the heir, else to nobody, but leads of no team then stay for owners and admins to give away. Errors: SN003 also for owners of the organisation or of a team, SN004, 23505 the heir has a deal of that name.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.grant_login(role_name name, org_id uuid, member_id uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = grant_login.role_name) THEN
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('role "%s" does not exist', grant_login.role_name),
            DETAIL = 'A login is given to a role of this server.', HINT = format('CREATE ROLE %I LOGIN IN ROLE sentinel_reader;', grant_login.role_name);
    END IF;
    IF NOT EXISTS (SELECT FROM sentinel.orgs o WHERE o.org_id = grant_login.org_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no organisation "%s"', grant_login.org_id),
            DETAIL = 'A login is given to an organisation that exists.', HINT = 'SELECT org_id, name FROM sentinel.orgs;';
    END IF;
    IF grant_login.member_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM sentinel.members m WHERE m.org_id = grant_login.org_id AND m.id = grant_login.member_id AND m.removed_at IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s" in this organisation', grant_login.member_id),
            DETAIL = 'A login acts as a member of the organisation it may enter.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    INSERT INTO sentinel.member_roles AS r (org_id, role_name, member_id)
    VALUES (grant_login.org_id, grant_login.role_name, grant_login.member_id)
    ON CONFLICT ON CONSTRAINT member_roles_pkey DO UPDATE SET member_id = excluded.member_id;
END
$$;
ALTER FUNCTION sentinel.grant_login(name, uuid, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.grant_login(name, uuid, uuid) IS
    'Let a database role enter an organisation, as a member when one is given. Errors: 42704 unknown role, SN004 unknown organisation or member.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.revoke_login(role_name name, org_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    DELETE FROM sentinel.member_roles r
    WHERE r.org_id = revoke_login.org_id AND r.role_name = revoke_login.role_name;
END
$$;
ALTER FUNCTION sentinel.revoke_login(name, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.revoke_login(name, uuid) IS 'Take back what grant_login() gave. A session that has entered stays until it leaves.';

-- Granted to nobody: who could write the log could write lies into it.
CREATE FUNCTION sentinel.audit(action text, subject_type text, subject_id uuid, detail jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.audit_log (org_id, action, subject_type, subject_id, detail, member_id, role_name, client_address)
    VALUES (sentinel.require_org(), audit.action, audit.subject_type, audit.subject_id, audit.detail,
            sentinel.current_member(), session_user,
            coalesce(nullif(pg_catalog.current_setting('sentinel.client_address', true), '')::inet, pg_catalog.inet_client_addr()));
END
$$;
ALTER FUNCTION sentinel.audit(text, text, uuid, jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.audit(text, text, uuid, jsonb) IS
    'Write a row of the audit log in the transaction of the change it tells of. Errors: SN002.';
