-- Room gateway, API keys: for programs. A key is shown once; the database keeps its SHA-256.

CREATE FUNCTION sentinel.check_scopes(scopes text[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := (SELECT s FROM unnest(check_scopes.scopes) AS s WHERE s IS NULL OR s !~ '^(\*|[a-z_]+:(read|write|\*)|\*:(read|write))$' LIMIT 1);
BEGIN
    IF wrong IS NOT NULL OR coalesce(cardinality(check_scopes.scopes), 0) NOT BETWEEN 1 AND 50 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid scopes "%s"', left(coalesce(wrong, array_to_string(check_scopes.scopes, ', ')), 60)),
            DETAIL = 'A key has 1 to 50 scopes: thing:read, thing:write, thing:*, *:read, *:write or *.', HINT = 'Use ARRAY[''intake:write''].';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_scopes(text[]) IS 'Refuse what is no list of scopes. Errors: SN007.';

CREATE FUNCTION sentinel.insert_api_key(org uuid, name text, scopes text[], member_id uuid, expires_at timestamptz)
    RETURNS TABLE (key_id uuid, prefix text, key text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    SELECT n.prefix, n.secret INTO prefix, key FROM sentinel.new_api_key() n;
    key_id := sentinel.uuid7();
    INSERT INTO sentinel.api_keys (org_id, id, name, prefix, secret_sha256, scopes, member_id, created_by, expires_at)
    VALUES (org, key_id, trim(insert_api_key.name), prefix, sha256(convert_to(key, 'UTF8')), insert_api_key.scopes, insert_api_key.member_id,
            sentinel.current_member(), insert_api_key.expires_at);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION sentinel.insert_api_key(uuid, text, text[], uuid, timestamptz) IS 'Make a key and keep its hash; gives the key itself.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.create_api_key(name text, scopes text[], member_id uuid DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
    RETURNS TABLE (key_id uuid, prefix text, key text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    IF create_api_key.member_id IS DISTINCT FROM sentinel.current_member() THEN
        PERFORM sentinel.require_manager();
    END IF;
    PERFORM sentinel.check_scopes(create_api_key.scopes);
    IF coalesce(trim(create_api_key.name), '') = '' OR length(create_api_key.name) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid name "%s"', left(coalesce(create_api_key.name, ''), 60)),
            DETAIL = 'A name has 1 to 100 characters.', HINT = 'Say what the key is for: ''website form''.';
    ELSIF create_api_key.expires_at <= now() OR NOT isfinite(create_api_key.expires_at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('a key cannot expire at %s', create_api_key.expires_at),
            DETAIL = 'It expires some time to come, or never.', HINT = 'Leave it out for a key that never expires.';
    ELSIF create_api_key.member_id IS NOT NULL AND NOT EXISTS (SELECT FROM sentinel.members m
            WHERE m.org_id = org AND m.id = create_api_key.member_id AND m.removed_at IS NULL
              AND (m.role <> 'owner' OR m.id = sentinel.current_member() OR sentinel.current_member() IS NULL)) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no member "%s"', create_api_key.member_id),
            DETAIL = 'A key acts as a member of the organisation, as an owner only for that owner.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    ELSIF (SELECT count(*) FROM sentinel.api_keys k WHERE k.org_id = org AND k.revoked_at IS NULL) >= 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the organisation has 1000 API keys',
            DETAIL = 'An organisation has at most 1000 that are not revoked.', HINT = 'Revoke those that nobody uses: see last_used_at.';
    END IF;
    RETURN QUERY SELECT * FROM sentinel.insert_api_key(org, create_api_key.name, create_api_key.scopes, create_api_key.member_id,
                                                       create_api_key.expires_at);
    PERFORM sentinel.audit('api_key.created', 'api_key', NULL, jsonb_build_object(
        'name', create_api_key.name, 'scopes', create_api_key.scopes, 'member_id', create_api_key.member_id));
END
$$;
ALTER FUNCTION sentinel.create_api_key(text, text[], uuid, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.create_api_key(text, text[], uuid, timestamptz) IS
    'Make an API key of the organisation entered; the key is given once and kept nowhere. Without member_id it acts for the organisation as a whole, within its scopes: for owners and admins. A member makes keys that act as this member. Errors: SN002, SN003, SN004 member, SN007.';

CREATE FUNCTION sentinel.require_api_key(org uuid, key_id uuid, OUT name text, OUT scopes text[], OUT member_id uuid, OUT expires_at timestamptz)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    SELECT k.name, k.scopes, k.member_id, k.expires_at INTO name, scopes, member_id, expires_at FROM sentinel.api_keys k
    WHERE k.org_id = org AND k.id = require_api_key.key_id AND k.revoked_at IS NULL AND sentinel.may('edit', NULL, k.created_by)
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no API key "%s"', require_api_key.key_id),
            DETAIL = 'A key is one that is not revoked; members see those that they made.', HINT = 'SELECT id, name FROM sentinel.api_keys;';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_api_key(uuid, uuid) IS 'Lock a key that is not revoked and that the member entered may manage. Errors: SN004.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.rotate_api_key(key_id uuid, overlap interval DEFAULT '1 day') RETURNS TABLE (new_key_id uuid, prefix text, key text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    old record;
BEGIN
    IF NOT coalesce(rotate_api_key.overlap >= interval '0' AND rotate_api_key.overlap <= interval '30 days', false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('an overlap of %s', coalesce(rotate_api_key.overlap::text, 'NULL')),
            DETAIL = 'The old key holds for up to 30 days more.', HINT = 'Use ''1 day''.';
    END IF;
    SELECT * INTO old FROM sentinel.require_api_key(org, rotate_api_key.key_id);
    -- Who rotates a key holds it then: it must be one that could be made now.
    IF old.member_id IS DISTINCT FROM sentinel.current_member() THEN
        PERFORM sentinel.require_manager();
        IF sentinel.current_member() IS NOT NULL AND EXISTS (
            SELECT FROM sentinel.members m WHERE m.org_id = org AND m.id = old.member_id AND m.role = 'owner') THEN
            RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'an owner''s key is rotated by that owner',
                DETAIL = 'Who rotates a key is given it.', HINT = 'Revoke it.';
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM sentinel.insert_api_key(org, old.name, old.scopes, old.member_id, old.expires_at);
    UPDATE sentinel.api_keys k SET expires_at = least(k.expires_at, now() + rotate_api_key.overlap)
    WHERE k.org_id = org AND k.id = rotate_api_key.key_id;
    PERFORM sentinel.audit('api_key.rotated', 'api_key', rotate_api_key.key_id, jsonb_build_object('overlap', rotate_api_key.overlap));
END
$$;
ALTER FUNCTION sentinel.rotate_api_key(uuid, interval) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.rotate_api_key(uuid, interval) IS
    'Make a new key with the rights of another, which holds for overlap more; for those who could make it anew. Errors: SN002, SN003, SN004, 22023.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.revoke_api_key(key_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_api_key(org, revoke_api_key.key_id);
    UPDATE sentinel.api_keys k SET revoked_at = now() WHERE k.org_id = org AND k.id = revoke_api_key.key_id;
    PERFORM sentinel.audit('api_key.revoked', 'api_key', revoke_api_key.key_id, '{}');
END
$$;
ALTER FUNCTION sentinel.revoke_api_key(uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.revoke_api_key(uuid) IS 'Let an API key hold no longer, at once. Errors: SN002, SN004.';

-- A key makes no keys: what it was given would grow.
CREATE FUNCTION sentinel.refuse_key(request jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF request -> 'caller' ->> 'kind' = 'key' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'an API key makes and changes no API keys',
            DETAIL = 'People who have signed in do.', HINT = 'Use the access token of POST /auth/login.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.refuse_key(jsonb) IS 'Refuse a request that comes with an API key. Errors: SN003.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_api_keys(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('json', jsonb_build_object('next_cursor', NULL, 'data', (
        SELECT coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.created_at DESC, k.id DESC), '[]')
        FROM (SELECT x.id, x.name, x.prefix, x.scopes, x.member_id, x.created_by, x.created_at, x.expires_at, x.revoked_at, x.last_used_at
              FROM sentinel.api_keys x WHERE x.org_id = sentinel.require_org()) k)));
END
$$;
COMMENT ON FUNCTION sentinel.http_list_api_keys(jsonb, bytea) IS 'Route: list API keys, newest first: of the organisation for owners and admins, the own for others.';

CREATE FUNCTION sentinel.http_create_api_key(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_wishes(request, '{name,scopes,member_id,expires_at}', '{name,scopes}');
    made record;
BEGIN
    PERFORM sentinel.refuse_key(request);
    SELECT * INTO made FROM sentinel.create_api_key(asked ->> 'name',
        CASE jsonb_typeof(asked -> 'scopes') WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(asked -> 'scopes')) ELSE ARRAY[asked ->> 'scopes'] END,
        CASE WHEN asked ? 'member_id' OR (request -> 'caller' ->> 'role') IN ('owner', 'admin') THEN sentinel.http_id(asked -> 'member_id', 'member_id')
             ELSE sentinel.current_member() END,
        sentinel.http_time(asked ->> 'expires_at', 'expires_at'));
    RETURN jsonb_build_object('status', 201, 'json', jsonb_build_object('data', jsonb_build_object('id', made.key_id, 'prefix', made.prefix, 'key', made.key)));
END
$$;
COMMENT ON FUNCTION sentinel.http_create_api_key(jsonb, bytea) IS
    'Route: make an API key, shown once. Owners and admins make keys of the whole organisation, or with member_id of a member; others make keys that act as themselves. Errors: SN003, SN004, SN007.';

CREATE FUNCTION sentinel.http_rotate_api_key(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made record;
BEGIN
    PERFORM sentinel.refuse_key(request);
    SELECT * INTO made FROM sentinel.rotate_api_key(sentinel.http_param(request, 'key_id'),
        make_interval(hours => coalesce((request -> 'json' ->> 'overlap_hours')::integer, 24)));
    RETURN jsonb_build_object('status', 201, 'json', jsonb_build_object('data', jsonb_build_object('id', made.new_key_id, 'prefix', made.prefix, 'key', made.key)));
END
$$;
COMMENT ON FUNCTION sentinel.http_rotate_api_key(jsonb, bytea) IS 'Route: make a new API key in the place of one, which holds for overlap_hours (24) more. Errors: SN003, SN004, 22023.';

CREATE FUNCTION sentinel.http_revoke_api_key(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.refuse_key(request);
    PERFORM sentinel.revoke_api_key(sentinel.http_param(request, 'key_id'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_revoke_api_key(jsonb, bytea) IS 'Route: revoke an API key at once. Errors: SN003, SN004.';
