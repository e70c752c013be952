-- Room gateway, organisations: what a person who has signed in does about organisations and the own account.

CREATE FUNCTION sentinel.http_create_org(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{name}');
    person uuid := sentinel.own_account(request);
    u record;
    org uuid;
BEGIN
    IF EXISTS (SELECT FROM sentinel.sessions s WHERE s.id = (request -> 'caller' ->> 'session_id')::uuid AND s.only_org_id IS NOT NULL)
       OR (SELECT s.registration FROM sentinel.gateway_settings s) <> 'open' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'this session founds no organisation',
            DETAIL = 'Where registration is not open, and with the word of one organisation''s identity provider, none is founded.',
            HINT = 'Ask the operators.';
    END IF;
    SELECT x.email, x.display_name INTO u FROM sentinel.users x WHERE x.id = person;
    org := sentinel.found_org(person, asked ->> 'name', u.display_name, u.email);
    IF nullif(asked ->> 'timezone', '') IS NOT NULL THEN
        PERFORM sentinel.act_for(org, NULL, (request ->> 'peer')::inet);
        PERFORM sentinel.change_org(NULL, asked ->> 'timezone');
    END IF;
    RETURN jsonb_build_object('status', 201, 'json', (SELECT jsonb_build_object('data', to_jsonb(o)) FROM sentinel.orgs o WHERE o.org_id = org),
                              'headers', jsonb_build_object('Location', '/org'));
END
$$;
COMMENT ON FUNCTION sentinel.http_create_org(jsonb, bytea) IS 'Route: found a further organisation, with the caller as its owner. Errors: SN003, SN007, 22023 time zone.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.change_org(name text DEFAULT NULL, timezone text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    was record;
BEGIN
    PERFORM sentinel.require_manager();
    IF change_org.name IS NOT NULL AND (trim(change_org.name) = '' OR length(change_org.name) > 200) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid organisation name "%s"', left(change_org.name, 60)),
            DETAIL = 'A name has 1 to 200 characters.', HINT = 'SELECT sentinel.change_org(''Acme Ltd'');';
    ELSIF change_org.timezone IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = change_org.timezone) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown time zone "%s"', left(change_org.timezone, 60)),
            DETAIL = 'A time zone is a name of pg_timezone_names.', HINT = 'Use ''Europe/Berlin''.';
    END IF;
    SELECT o.name, o.timezone INTO was FROM sentinel.orgs o WHERE o.org_id = org FOR UPDATE;
    UPDATE sentinel.orgs o SET name = coalesce(trim(change_org.name), o.name), timezone = coalesce(change_org.timezone, o.timezone)
    WHERE o.org_id = org;
    PERFORM sentinel.audit('org.changed', 'org', org, jsonb_build_object('from', to_jsonb(was),
        'to', jsonb_strip_nulls(jsonb_build_object('name', change_org.name, 'timezone', change_org.timezone))));
END
$$;
ALTER FUNCTION sentinel.change_org(text, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.change_org(text, text) IS
    'Give the organisation entered another name or time zone; null leaves one as it is. Schedules without a zone of their own follow at their next run. Errors: SN002, SN003, SN007 name, 22023 time zone.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_get_org(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('json', (SELECT jsonb_build_object('data', to_jsonb(o)) FROM sentinel.orgs o
                                       WHERE o.org_id = sentinel.require_org()));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_org(jsonb, bytea) IS 'Route: give the organisation that this request is in.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_change_org(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request);
BEGIN
    PERFORM sentinel.change_org(asked ->> 'name', asked ->> 'timezone');
    RETURN sentinel.http_get_org(request, body);
END
$$;
COMMENT ON FUNCTION sentinel.http_change_org(jsonb, bytea) IS 'Route: change name or time zone of the organisation. Errors: SN003, SN007, 22023.';

CREATE FUNCTION sentinel.http_accept_invite(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{token}');
    person uuid := sentinel.own_account(request);
    joined record;
BEGIN
    SELECT i.* INTO joined FROM sentinel.users u CROSS JOIN LATERAL sentinel.take_invite(u.email, asked ->> 'token', u.display_name) i
    WHERE u.id = person;
    -- As in http_register().
    INSERT INTO sentinel.account_founded (org_id, user_id) SELECT joined.org_id, person WHERE joined.joined ON CONFLICT DO NOTHING;
    RETURN jsonb_build_object('json', jsonb_build_object('data', jsonb_build_object(
        'org_id', joined.org_id, 'member_id', joined.member_id, 'team_id', joined.team_id)));
END
$$;
COMMENT ON FUNCTION sentinel.http_accept_invite(jsonb, bytea) IS
    'Route: accept an invite with the address that one has signed in with. Errors: SN003 other address, expired or plan, SN004.';

CREATE FUNCTION sentinel.http_delete_account(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := sentinel.own_account(request);
    place record;
    alone text;
BEGIN
    SELECT o.name INTO alone
    FROM sentinel.members m JOIN sentinel.orgs o ON o.org_id = m.org_id
    WHERE m.user_id = person AND m.removed_at IS NULL AND m.role = 'owner'
      AND NOT EXISTS (SELECT FROM sentinel.members x WHERE x.org_id = m.org_id AND x.role = 'owner' AND x.removed_at IS NULL AND x.id <> m.id)
      AND EXISTS (SELECT FROM sentinel.members x WHERE x.org_id = m.org_id AND x.removed_at IS NULL AND x.id <> m.id)
    LIMIT 1;
    IF alone IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('you are the only owner of "%s"', alone),
            DETAIL = 'An organisation with members keeps an owner.', HINT = 'Transfer the ownership first: POST /members/{member_id}/transfer-ownership.';
    END IF;
    FOR place IN SELECT m.org_id, m.id FROM sentinel.members m WHERE m.user_id = person AND m.removed_at IS NULL LOOP
        PERFORM sentinel.act_for(place.org_id, NULL, (request ->> 'peer')::inet);
        -- Of a last member nobody is left to inherit: the organisation stays as it is, for the operators.
        UPDATE sentinel.members m SET role = 'admin' WHERE m.org_id = place.org_id AND m.id = place.id AND m.role = 'owner';
        PERFORM sentinel.remove_member(place.id);
        PERFORM sentinel.audit('user.deleted', 'member', place.id, '{}');
    END LOOP;
    DELETE FROM sentinel.account_founded f WHERE f.user_id = person;
    DELETE FROM sentinel.account_tokens t WHERE t.user_id = person;
    DELETE FROM sentinel.sessions s WHERE s.user_id = person;
    DELETE FROM sentinel.accounts a WHERE a.user_id = person;
    RETURN '{"json": {"success": true}}';
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_account(jsonb, bytea) IS
    'Route: delete the own account: passwords, codes and sessions go, memberships end and work is handed over as remove_member() does; the audit log stays. Errors: SN005 the only owner of an organisation with members.';
