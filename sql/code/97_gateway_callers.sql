-- Room gateway, callers: who sent a request. A session token, an API key or the cron secret says so, never a header of the
-- caller's choosing: X-Org-Id only chooses among the organisations that the caller may enter anyway.

CREATE FUNCTION sentinel.bearer(header jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(substring(header ->> 'authorization' FROM '(?i)^bearer +([A-Za-z0-9._~+/=-]+)$'), header ->> 'x-api-key')
$$;
COMMENT ON FUNCTION sentinel.bearer(jsonb) IS 'Give the token or key that a request carries in Authorization (Bearer) or X-API-Key.';

CREATE FUNCTION sentinel.memberships(of_user uuid, only_org uuid DEFAULT NULL) RETURNS TABLE (org_id uuid, member_id uuid, role text, joined_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT m.org_id, m.id, m.role, m.created_at FROM sentinel.members m
    WHERE m.user_id = memberships.of_user AND m.removed_at IS NULL
      AND (m.org_id = memberships.only_org OR memberships.only_org IS NULL AND (
           EXISTS (SELECT FROM sentinel.accounts a WHERE a.user_id = memberships.of_user AND a.email_verified_at IS NOT NULL)
           OR EXISTS (SELECT FROM sentinel.account_founded f WHERE f.org_id = m.org_id AND f.user_id = memberships.of_user)))
    ORDER BY m.created_at, m.org_id;
END
$$;
COMMENT ON FUNCTION sentinel.memberships(uuid, uuid) IS
    'Give the organisations that a person may enter: the one whose identity provider vouched for the person; without one those whose member the person is, where the address is verified; else only those founded by registering or joined by an invite.';

CREATE FUNCTION sentinel.find_session(token text, chosen text, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claims jsonb := sentinel.verify_token(find_session.token, 'sentinel', find_session.at);
    found record;
    place record;
BEGIN
    SELECT s.id, s.user_id, s.only_org_id INTO found FROM sentinel.sessions s
    WHERE s.id = (claims ->> 'sid')::uuid AND s.user_id = (claims ->> 'sub')::uuid AND s.ended_at IS NULL AND s.expires_at > find_session.at;
    IF found.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN401', MESSAGE = 'the access token does not hold',
            DETAIL = 'It has expired, its session has ended, or it was never given out.', HINT = 'POST /auth/refresh or /auth/login.';
    END IF;
    IF find_session.chosen IS NOT NULL AND find_session.chosen !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid X-Org-Id "%s"', left(find_session.chosen, 60)),
            DETAIL = 'It is the id of an organisation.', HINT = 'GET /auth/me lists those you may enter.';
    END IF;
    SELECT m.org_id, m.member_id, m.role INTO place FROM sentinel.memberships(found.user_id, found.only_org_id) m
    WHERE m.org_id = find_session.chosen::uuid OR find_session.chosen IS NULL
    ORDER BY m.org_id = (claims ->> 'org')::uuid DESC NULLS LAST, m.joined_at LIMIT 1;
    IF place.org_id IS NULL AND find_session.chosen IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no such organisation',
            DETAIL = 'X-Org-Id names one that you are a member of.', HINT = 'GET /auth/me lists those you may enter.';
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object('kind', 'session', 'user_id', found.user_id, 'session_id', found.id, 'expires_at', claims -> 'exp',
        'org_id', place.org_id, 'member_id', place.member_id, 'role', place.role, 'bucket', 'user:' || found.user_id));
END
$$;
COMMENT ON FUNCTION sentinel.find_session(text, text, timestamptz) IS
    'Tell who an access token stands for, and in which organisation: the one chosen, else that of the token, else the oldest. Errors: SN401 the token does not hold, SN004 not a member of the one chosen, 22023.';

CREATE FUNCTION sentinel.find_api_key(key text, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    -- The check sum tells most garbage without a look at the table.
    SELECT k.org_id, k.id, k.scopes, k.member_id, k.last_used_at, m.role INTO found
    FROM sentinel.api_keys k LEFT JOIN sentinel.members m ON m.org_id = k.org_id AND m.id = k.member_id AND m.removed_at IS NULL
    WHERE k.prefix = CASE WHEN sentinel.api_key_wellformed(find_api_key.key) THEN left(find_api_key.key, 17) END AND sentinel.equal_bytes(k.secret_sha256, sha256(convert_to(find_api_key.key, 'UTF8')))
      AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > find_api_key.at)
      AND (k.member_id IS NULL OR m.id IS NOT NULL);
    IF found.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN401', MESSAGE = 'the API key does not hold',
            DETAIL = 'It was revoked, has expired, or was never made.', HINT = 'An owner or admin makes keys: POST /api-keys.';
    END IF;
    IF found.last_used_at IS NULL OR found.last_used_at < find_api_key.at - interval '1 minute' THEN
        UPDATE sentinel.api_keys k SET last_used_at = find_api_key.at
        WHERE k.org_id = found.org_id AND k.id = (SELECT x.id FROM sentinel.api_keys x
            WHERE x.org_id = found.org_id AND x.id = found.id FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object('kind', 'key', 'key_id', found.id, 'org_id', found.org_id, 'member_id', found.member_id,
        'role', found.role, 'scopes', found.scopes, 'bucket', 'key:' || found.id));
END
$$;
COMMENT ON FUNCTION sentinel.find_api_key(text, timestamptz) IS
    'Tell whose an API key is, and note that it was used, at most once a minute. Errors: SN401.';

CREATE FUNCTION sentinel.find_cron(token text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted bytea := (SELECT s.cron_secret_sha256 FROM sentinel.gateway_settings s);
BEGIN
    IF wanted IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN503', MESSAGE = 'no cron secret is set', DETAIL = 'Without one these paths are closed.',
            HINT = 'SELECT sentinel.make_cron_secret();';
    ELSIF NOT sentinel.equal_bytes(wanted, sha256(convert_to(coalesce(find_cron.token, ''), 'UTF8'))) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN401', MESSAGE = 'the cron secret is missing or wrong',
            DETAIL = 'It comes as Authorization: Bearer, never in the query.', HINT = 'SELECT sentinel.make_cron_secret(); makes another.';
    END IF;
    RETURN '{"kind": "cron", "bucket": "cron"}';
END
$$;
COMMENT ON FUNCTION sentinel.find_cron(text) IS 'Let the bearer of the cron secret in. Errors: SN503 none is set, SN401.';

CREATE FUNCTION sentinel.find_ticket(ticket text, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    DELETE FROM sentinel.gateway_tickets t WHERE t.ticket_sha256 = sha256(convert_to(find_ticket.ticket, 'UTF8'))
    RETURNING t.caller, t.expires_at INTO found;
    IF found.caller IS NULL OR found.expires_at <= find_ticket.at OR NOT sentinel.caller_lives(found.caller, find_ticket.at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN401', MESSAGE = 'the ticket does not hold',
            DETAIL = 'A ticket counts once, within 30 seconds.', HINT = 'POST /auth/ticket.';
    END IF;
    RETURN found.caller;
END
$$;
COMMENT ON FUNCTION sentinel.find_ticket(text, timestamptz) IS 'Tell whose a ticket is, and end it. Errors: SN401.';

CREATE FUNCTION sentinel.caller_lives(caller jsonb, at timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF caller ? 'key_id' THEN
        RETURN EXISTS (SELECT FROM sentinel.api_keys k
            LEFT JOIN sentinel.members m ON m.org_id = k.org_id AND m.id = k.member_id AND m.removed_at IS NULL
            WHERE k.org_id = (caller ->> 'org_id')::uuid AND k.id = (caller ->> 'key_id')::uuid AND k.revoked_at IS NULL
              AND (k.expires_at IS NULL OR k.expires_at > caller_lives.at) AND (k.member_id IS NULL OR m.id IS NOT NULL));
    END IF;
    RETURN EXISTS (SELECT FROM sentinel.sessions s
        JOIN sentinel.members m ON m.org_id = (caller ->> 'org_id')::uuid AND m.id = (caller ->> 'member_id')::uuid AND m.removed_at IS NULL
                                AND m.user_id = s.user_id
        WHERE s.id = (caller ->> 'session_id')::uuid AND s.ended_at IS NULL AND s.expires_at > caller_lives.at);
END
$$;
COMMENT ON FUNCTION sentinel.caller_lives(jsonb, timestamptz) IS
    'Tell whether what somebody was let in by still holds: the session or the key, and the membership.';

CREATE FUNCTION sentinel.find_caller(access text, header jsonb, ticket text, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token text := sentinel.bearer(header);
BEGIN
    IF find_caller.access = 'operations' AND left(token, 9) = 'sentinel_' THEN
        RETURN sentinel.find_api_key(token, find_caller.at);
    ELSIF find_caller.access IN ('cron', 'operations') THEN
        RETURN sentinel.find_cron(substring(header ->> 'authorization' FROM '(?i)^bearer +(\S+)$'));
    ELSIF find_caller.access <> 'member' THEN
        RETURN '{"kind": "anyone"}';
    ELSIF token IS NULL AND find_caller.ticket IS NOT NULL THEN
        RETURN sentinel.find_ticket(find_caller.ticket, find_caller.at);
    ELSIF token IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN401', MESSAGE = 'who are you?', DETAIL = 'This path wants an access token or an API key.',
            HINT = 'Authorization: Bearer with a token of POST /auth/login, or with an API key.';
    ELSIF left(token, 9) = 'sentinel_' THEN
        RETURN sentinel.find_api_key(token, find_caller.at);
    END IF;
    RETURN sentinel.find_session(token, nullif(trim(header ->> 'x-org-id'), ''), find_caller.at);
END
$$;
COMMENT ON FUNCTION sentinel.find_caller(text, jsonb, text, timestamptz) IS
    'Tell who calls a route of some access, by token, key or ticket: kind (anyone, cron, session, key), organisation, member, role, scopes, and the bucket of the rate limits. Errors: SN401, SN503, SN004, 22023.';

CREATE FUNCTION sentinel.check_caller(caller jsonb, access text, scope text, role text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ranks text[] := '{viewer,member,admin,owner}';
BEGIN
    IF check_caller.access <> 'member' AND NOT caller ? 'scopes' THEN
        RETURN;
    ELSIF NOT caller ? 'org_id' AND check_caller.scope NOT LIKE 'account:%' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'you are a member of no organisation',
            DETAIL = 'Or your address is not verified yet.', HINT = 'Accept an invite: POST /auth/accept-invite.';
    ELSIF caller ? 'scopes' AND NOT caller -> 'scopes' ?| ARRAY[check_caller.scope, '*', split_part(check_caller.scope, ':', 1) || ':*',
                                                               '*:' || split_part(check_caller.scope, ':', 2)] THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('the API key lacks the scope "%s"', check_caller.scope),
            DETAIL = 'A key may what its scopes say.', HINT = 'Make a key with this scope: POST /api-keys.';
    ELSIF caller ? 'member_id' AND array_position(ranks, caller ->> 'role') < array_position(ranks, check_caller.role) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('this needs the role "%s"', check_caller.role),
            DETAIL = format('Your role is "%s".', caller ->> 'role'), HINT = 'Ask an owner of the organisation.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_caller(jsonb, text, text, text) IS
    'Refuse a caller whose key lacks the scope or whose role in the organisation is below that of the route. Errors: SN003.';
