-- Room gateway, OpenID Connect: sign in by the identity provider of an organisation. It vouches for that organisation only:
-- the session enters no other, and changes nothing of the person's account. The providers: 97_gateway_oidc_issuers.sql.

CREATE FUNCTION sentinel.url_encode(plain text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(CASE WHEN c.part[1] ~ '^[A-Za-z0-9._~-]+$' THEN c.part[1]
        ELSE regexp_replace(upper(encode(convert_to(c.part[1], 'UTF8'), 'hex')), '(..)', '%\1', 'g') END, '' ORDER BY c.place), '')
    FROM regexp_matches(plain, '[A-Za-z0-9._~-]+|[^A-Za-z0-9._~-]+', 'g') WITH ORDINALITY AS c (part, place)
$$;
COMMENT ON FUNCTION sentinel.url_encode(text) IS 'Encode a text for a part of an address: all but letters, digits and ._~- as %XX. Source: RFC 3986.';

CREATE FUNCTION sentinel.read_token_part(token text, part integer) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    coded text := translate(split_part(read_token_part.token, '.', read_token_part.part), '-_', '+/');
    value jsonb;
BEGIN
    IF length(read_token_part.token) > 16384 OR coded = '' THEN
        RETURN NULL;
    END IF;
    value := (sentinel.read_foreign_json(decode(rpad(coded, (length(coded) + 3) / 4 * 4, '='), 'base64'))).value;
    RETURN value;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sentinel.read_token_part(text, integer) IS
    'Read header (1) or claims (2) of a JWT that nobody has verified, to find what verifies it; null where it is none. Never raises.';

CREATE FUNCTION sentinel.begin_oidc(org text, issuer text, at timestamptz)
    RETURNS TABLE (nonce text, client_id text, issuer_url text, authorization_url text, expires_at timestamptz)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    found record;
BEGIN
    SELECT i.org_id, i.id, i.issuer, i.audience, i.authorization_url INTO found
    FROM sentinel.orgs o JOIN sentinel.oidc_issuers i ON i.org_id = o.org_id AND i.enabled
    WHERE (o.slug = begin_oidc.org OR o.org_id = sentinel.text_to_uuid(begin_oidc.org))
      AND (begin_oidc.issuer IS NULL OR i.issuer = begin_oidc.issuer OR i.id = sentinel.text_to_uuid(begin_oidc.issuer))
    ORDER BY o.slug = begin_oidc.org DESC, i.created_at, i.id LIMIT 1;
    IF found.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no identity provider',
            DETAIL = 'The organisation has none of this name that is enabled, or there is no such organisation.', HINT = 'Sign in with a password: POST /auth/login.';
    END IF;
    -- It begins with the organisation, as the token of an invite does: it is looked for there alone.
    nonce := replace(found.org_id::text, '-', '') || encode(sha256(convert_to(sentinel.random_token(32), 'UTF8')), 'hex');
    expires_at := begin_oidc.at + interval '10 minutes';
    INSERT INTO sentinel.oidc_nonces (org_id, nonce_sha256, issuer_id, expires_at)
    VALUES (found.org_id, sha256(convert_to(nonce, 'UTF8')), found.id, expires_at);
    client_id := found.audience;
    issuer_url := found.issuer;
    authorization_url := found.authorization_url;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION sentinel.begin_oidc(text, text, timestamptz) IS
    'Make the nonce of a sign-in by the identity provider of an organisation (slug or id): the one named by issuer or id, else the oldest. It holds for ten minutes. Errors: SN004.';

CREATE FUNCTION sentinel.http_oidc_start(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{org}');
    state text := coalesce(nullif(asked ->> 'state', ''), sentinel.random_token(16));
    kind text := coalesce(nullif(asked ->> 'response_type', ''), 'id_token');
    back text := nullif(asked ->> 'redirect_uri', '');
    begun record;
BEGIN
    IF kind NOT IN ('id_token', 'code') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid response_type "%s"', left(kind, 60)),
            DETAIL = 'It is id_token or code.', HINT = 'Use id_token.';
    ELSIF length(state) > 500 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('a state of %s characters', length(state)),
            DETAIL = 'It has at most 500.', HINT = 'Leave it out, and one is made.';
    ELSIF back IS NOT NULL THEN
        PERFORM sentinel.check_oidc_url('redirect_uri', back);
    END IF;
    SELECT * INTO begun FROM sentinel.begin_oidc(asked ->> 'org', nullif(asked ->> 'issuer', ''), (request ->> 'received_at')::timestamptz);
    RETURN jsonb_build_object('headers', '{"Cache-Control": "no-store"}'::jsonb, 'json', jsonb_build_object('data', jsonb_build_object(
        'nonce', begun.nonce, 'state', state, 'issuer', begun.issuer_url, 'client_id', begun.client_id, 'expires_at', begun.expires_at,
        'authorization_url', begun.authorization_url || CASE WHEN strpos(begun.authorization_url, '?') > 0 THEN '&' ELSE '?' END
            || 'response_type=' || kind || '&client_id=' || sentinel.url_encode(begun.client_id)
            || coalesce('&redirect_uri=' || sentinel.url_encode(back), '') || '&scope=openid%20email&state=' || sentinel.url_encode(state)
            || '&nonce=' || begun.nonce)));
END
$$;
COMMENT ON FUNCTION sentinel.http_oidc_start(jsonb, bytea) IS
    'Route: begin to sign in by the identity provider of an organisation; answers with nonce, state and the address to send the person to. Errors: SN004, SN007, 22023.';

CREATE FUNCTION sentinel.oidc_refusal(detail text DEFAULT 'It was signed by no key of the provider, is for another client, has expired, or was used before.')
    RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sentinel.http_problem(401, 'unauthorized', 'the ID token does not hold', detail, 'POST /auth/oidc/start.')
        || '{"headers": {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}}'
$$;
COMMENT ON FUNCTION sentinel.oidc_refusal(text) IS 'Give the answer to an ID token that does not hold: 401. No error is raised, for what was used up stays so.';

CREATE FUNCTION sentinel.oidc_member(org uuid, address text, display_name text, makes_members boolean, default_role text, peer inet,
                                     OUT user_id uuid, OUT role text, OUT problem text) RETURNS record
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_member uuid;
BEGIN
    SELECT m.user_id, m.role INTO oidc_member.user_id, oidc_member.role FROM sentinel.members m
    WHERE m.org_id = oidc_member.org AND m.email = oidc_member.address AND m.removed_at IS NULL;
    IF oidc_member.user_id IS NOT NULL THEN
        RETURN;
    ELSIF NOT oidc_member.makes_members OR oidc_member.address !~ '^[^@\s]+@[^@\s]+$' OR length(oidc_member.address) > 320 THEN
        problem := 'The person is no member of the organisation.';
        RETURN;
    -- Who was shown out by a person is let in by one.
    ELSIF EXISTS (SELECT FROM sentinel.members m WHERE m.org_id = oidc_member.org AND m.email = oidc_member.address) THEN
        problem := 'The person was removed from the organisation.';
        RETURN;
    END IF;
    BEGIN
        new_member := sentinel.insert_member(oidc_member.org, coalesce(oidc_member.display_name, split_part(oidc_member.address, '@', 1)),
                                             oidc_member.address, oidc_member.default_role);
        -- Not by audit(): who comes in has not entered yet.
        INSERT INTO sentinel.audit_log (org_id, action, subject_type, subject_id, detail, member_id, role_name, client_address)
        VALUES (oidc_member.org, 'member.added', 'member', new_member,
                jsonb_build_object('email', oidc_member.address, 'role', oidc_member.default_role, 'by', 'oidc'), new_member, session_user,
                oidc_member.peer);
    EXCEPTION
        WHEN unique_violation THEN NULL; -- the same person came in by another window
        WHEN SQLSTATE 'SN003' THEN problem := SQLERRM;
    END;
    SELECT m.user_id, m.role INTO oidc_member.user_id, oidc_member.role FROM sentinel.members m
    WHERE m.org_id = oidc_member.org AND m.email = oidc_member.address AND m.removed_at IS NULL;
END
$$;
COMMENT ON FUNCTION sentinel.oidc_member(uuid, text, text, boolean, text, inet) IS
    'Find the member that an identity provider vouches for by address, or make one where it makes members; problem says why there is none. Who was removed is made no member again.';

CREATE FUNCTION sentinel.http_oidc(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := (request ->> 'received_at')::timestamptz;
    token text := sentinel.http_object(request, '{id_token}') ->> 'id_token';
    kid jsonb := sentinel.read_token_part(token, 1) -> 'kid';
    claimed jsonb := sentinel.read_token_part(token, 2);
    nonce text := substring(claimed ->> 'nonce' FROM '^[0-9a-f]{96}$');
    asked record;
    claims jsonb;
    person record;
BEGIN
    IF nonce IS NULL THEN
        RETURN sentinel.oidc_refusal('It is no JWT with a nonce of ours.');
    END IF;
    SELECT i.org_id, i.id, i.issuer, i.audience, i.jwks, i.enabled, i.makes_members, i.default_role, i.vouches_for_owners,
           n.nonce_sha256, n.expires_at INTO asked
    FROM sentinel.oidc_nonces n JOIN sentinel.oidc_issuers i ON i.org_id = n.org_id AND i.id = n.issuer_id
    WHERE n.org_id = left(nonce, 32)::uuid AND n.nonce_sha256 = sha256(convert_to(nonce, 'UTF8')) FOR UPDATE OF n;
    IF asked.id IS NULL OR asked.expires_at <= at OR NOT asked.enabled THEN
        RETURN sentinel.oidc_refusal();
    END IF;
    PERFORM sentinel.act_for(asked.org_id, NULL, (request ->> 'peer')::inet);
    -- Of what is not verified yet this alone is believed: that a key is wanted which may be new.
    IF claimed ->> 'iss' = asked.issuer AND NOT EXISTS (SELECT FROM jsonb_array_elements(asked.jwks -> 'keys') k
            WHERE kid IS NULL OR k -> 'kid' = kid) THEN
        PERFORM sentinel.request_jwks(asked.org_id, asked.id, at, interval '1 minute');
        RETURN sentinel.http_problem(401, 'unauthorized', 'the key of the ID token is not known yet',
                'The keys of the provider are fetched, at most once a minute.', 'Send the same again in some seconds.')
            || '{"headers": {"Retry-After": "5", "WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}}';
    END IF;
    DELETE FROM sentinel.oidc_nonces n WHERE n.org_id = asked.org_id AND n.nonce_sha256 = asked.nonce_sha256;
    claims := sentinel.verify_id_token(token, asked.jwks, asked.issuer, asked.audience, at);
    IF claims IS NULL OR claims ->> 'nonce' IS DISTINCT FROM nonce THEN
        RETURN sentinel.oidc_refusal();
    -- Some providers write it as a text.
    ELSIF coalesce(claims -> 'email_verified' NOT IN ('true', '"true"'), true) OR sentinel.plain_text(claims -> 'email', 321) IS NULL THEN
        RETURN sentinel.oidc_refusal('The provider does not say that the e-mail address is the person''s (email_verified).');
    END IF;
    SELECT * INTO person FROM sentinel.oidc_member(asked.org_id, lower(sentinel.plain_text(claims -> 'email', 321)),
        sentinel.plain_text(claims -> 'name', 200), asked.makes_members, asked.default_role, (request ->> 'peer')::inet);
    IF person.user_id IS NULL THEN
        RETURN sentinel.http_problem(403, 'forbidden', 'the provider vouches for nobody here', person.problem, 'Ask an owner of the organisation.');
    ELSIF person.role = 'owner' AND NOT asked.vouches_for_owners THEN
        RETURN sentinel.http_problem(403, 'forbidden', 'this provider does not vouch for owners', 'An owner of the organisation may allow it.',
                                     'Sign in with a password: POST /auth/login.');
    END IF;
    RETURN jsonb_build_object('headers', '{"Cache-Control": "no-store"}'::jsonb,
                              'json', sentinel.open_session(person.user_id, 'oidc', asked.org_id, request));
END
$$;
COMMENT ON FUNCTION sentinel.http_oidc(jsonb, bytea) IS
    'Route: sign in with an ID token of the identity provider of an organisation, verified by its stored keys; its nonce is one that POST /auth/oidc/start gave, and is used up by being shown. A key that is not known is asked for, and the same token may come again.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.oidc_issuer_object(issuer_id uuid DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('id', i.id, 'issuer', i.issuer, 'audience', i.audience, 'jwks_url', i.jwks_url,
            'authorization_url', i.authorization_url, 'makes_members', i.makes_members, 'default_role', i.default_role,
            'vouches_for_owners', i.vouches_for_owners, 'enabled', i.enabled, 'disabled_at', i.disabled_at,
            'key_ids', (SELECT coalesce(jsonb_agg(k -> 'kid'), '[]') FROM jsonb_array_elements(i.jwks -> 'keys') k),
            'jwks_asked_at', i.jwks_asked_at, 'jwks_fetched_at', i.jwks_fetched_at, 'jwks_problem', i.jwks_problem, 'created_at', i.created_at)
            ORDER BY i.created_at, i.id), '[]')
        FROM sentinel.oidc_issuers i
        WHERE i.org_id = org AND (oidc_issuer_object.issuer_id IS NULL OR i.id = oidc_issuer_object.issuer_id));
END
$$;
COMMENT ON FUNCTION sentinel.oidc_issuer_object(uuid) IS 'Give the identity providers of the organisation, or one of them, as an array for routes.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_oidc_issuers(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('json', jsonb_build_object('data', sentinel.oidc_issuer_object(), 'next_cursor', NULL));
END
$$;
COMMENT ON FUNCTION sentinel.http_oidc_issuers(jsonb, bytea) IS 'Route: list the identity providers of the organisation.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_oidc_issuer_add(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{issuer,audience,jwks_url}');
    owners boolean := coalesce(asked -> 'vouches_for_owners' = 'true', false);
    new_issuer uuid;
BEGIN
    -- A key acts for no member, and may have been made by an admin.
    IF owners AND coalesce(request -> 'caller' ->> 'role', '') <> 'owner' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'only an owner lets a provider vouch for owners',
            DETAIL = 'Who runs the provider could sign in as an owner.', HINT = 'Leave vouches_for_owners out.';
    END IF;
    new_issuer := sentinel.add_oidc_issuer(asked ->> 'issuer', asked ->> 'audience', asked ->> 'jwks_url',
        nullif(asked ->> 'authorization_url', ''), coalesce(asked -> 'makes_members' = 'true', false),
        coalesce(nullif(asked ->> 'default_role', ''), 'member'), owners);
    RETURN jsonb_build_object('status', 201, 'headers', jsonb_build_object('Location', '/auth/oidc/issuers/' || new_issuer),
                              'json', jsonb_build_object('data', sentinel.oidc_issuer_object(new_issuer) -> 0));
END
$$;
COMMENT ON FUNCTION sentinel.http_oidc_issuer_add(jsonb, bytea) IS
    'Route: add an identity provider. Errors: SN003, SN007, 22023 role, 23505.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_oidc_issuer_change(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted uuid := sentinel.http_param(request, 'issuer_id');
    asked jsonb := sentinel.http_object(request, '{enabled}');
BEGIN
    IF jsonb_typeof(asked -> 'enabled') <> 'boolean' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid enabled %s', left((asked -> 'enabled')::text, 60)),
            DETAIL = 'It is true or false.', HINT = 'Send {"enabled": false}.';
    ELSIF asked -> 'enabled' = 'true' THEN
        PERFORM sentinel.enable_oidc_issuer(wanted);
    ELSE
        PERFORM sentinel.disable_oidc_issuer(wanted);
    END IF;
    RETURN jsonb_build_object('json', jsonb_build_object('data', sentinel.oidc_issuer_object(wanted) -> 0));
END
$$;
COMMENT ON FUNCTION sentinel.http_oidc_issuer_change(jsonb, bytea) IS 'Route: enable or disable an identity provider. Errors: SN003, SN004, SN007, 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_oidc_issuer_delete(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.delete_oidc_issuer(sentinel.http_param(request, 'issuer_id'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_oidc_issuer_delete(jsonb, bytea) IS 'Route: remove an identity provider. Errors: SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_oidc_issuer_refresh(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted uuid := sentinel.http_param(request, 'issuer_id');
    begun boolean := sentinel.refresh_oidc_keys(wanted);
BEGIN
    RETURN jsonb_build_object('status', 202, 'json', jsonb_build_object('data', sentinel.oidc_issuer_object(wanted) -> 0
        || jsonb_build_object('fetching', begun)));
END
$$;
COMMENT ON FUNCTION sentinel.http_oidc_issuer_refresh(jsonb, bytea) IS
    'Route: fetch the keys of an identity provider anew; fetching is false where that is under way already. Errors: SN003, SN004.';
