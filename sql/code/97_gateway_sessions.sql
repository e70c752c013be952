-- Room gateway, sessions: access tokens for minutes, refresh tokens for days, each refresh token for once.

CREATE FUNCTION sentinel.session_user_id(request jsonb) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(request -> 'caller' ? 'session_id', false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'this is for people who have signed in',
            DETAIL = 'An API key has no account.', HINT = 'Use the access token of POST /auth/login.';
    END IF;
    RETURN (request -> 'caller' ->> 'user_id')::uuid;
END
$$;
COMMENT ON FUNCTION sentinel.session_user_id(jsonb) IS 'Give the person who has signed in and calls. Errors: SN003 an API key calls.';

CREATE FUNCTION sentinel.own_account(request jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := sentinel.session_user_id(request);
BEGIN
    -- What the provider of one organisation says of an address opens nothing of the person elsewhere.
    IF NOT EXISTS (SELECT FROM sentinel.sessions s WHERE s.id = (request -> 'caller' ->> 'session_id')::uuid AND s.user_id = person
                   AND s.only_org_id IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'this session is for one organisation',
            DETAIL = 'It began by the identity provider of an organisation, which vouches for nothing else.', HINT = 'Sign in with the password.';
    END IF;
    RETURN person;
END
$$;
COMMENT ON FUNCTION sentinel.own_account(jsonb) IS
    'Give the person who has signed in by what is the person''s own, and not by the identity provider of an organisation. Errors: SN003.';

CREATE FUNCTION sentinel.account_body(of_user uuid, only_org uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- One organisation's identity provider may say any address: it is told nothing of what the person has elsewhere.
    RETURN (SELECT jsonb_build_object('user', jsonb_build_object('id', u.id, 'email', u.email, 'first_name', a.first_name, 'last_name', a.last_name,
                'display_name', coalesce(m.display_name, u.display_name), 'email_verified', a.email_verified_at IS NOT NULL,
                'totp', a.totp_confirmed_at IS NOT NULL, 'created_at', coalesce(m.created_at, a.created_at, u.created_at)),
            'organisations', (SELECT coalesce(jsonb_agg(jsonb_build_object('org_id', m.org_id, 'name', o.name, 'slug', o.slug, 'role', m.role,
                                  'member_id', m.member_id) ORDER BY m.joined_at, m.org_id), '[]')
                FROM sentinel.memberships(account_body.of_user, account_body.only_org) m JOIN sentinel.orgs o ON o.org_id = m.org_id))
        FROM sentinel.users u LEFT JOIN sentinel.accounts a ON a.user_id = u.id AND account_body.only_org IS NULL
        LEFT JOIN sentinel.members m ON m.org_id = account_body.only_org AND m.user_id = u.id AND m.removed_at IS NULL
        WHERE u.id = account_body.of_user);
END
$$;
COMMENT ON FUNCTION sentinel.account_body(uuid, uuid) IS 'Give what a person is told of the own account: the person, and the organisations that can be entered.';

CREATE FUNCTION sentinel.issue_tokens(session_id uuid, of_user uuid, only_org uuid, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    minutes integer := (SELECT s.access_token_minutes FROM sentinel.gateway_settings s);
    refresh text := sentinel.random_token();
BEGIN
    INSERT INTO sentinel.refresh_tokens (token_sha256, session_id, issued_at)
    VALUES (sha256(convert_to(refresh, 'UTF8')), issue_tokens.session_id, issue_tokens.at);
    RETURN jsonb_build_object('token_type', 'Bearer', 'expires_in', minutes * 60, 'refresh_token', refresh, 'token', sentinel.sign_token(
        jsonb_strip_nulls(jsonb_build_object('aud', 'sentinel', 'sub', issue_tokens.of_user, 'sid', issue_tokens.session_id,
            'iat', floor(extract(epoch FROM issue_tokens.at)), 'exp', floor(extract(epoch FROM issue_tokens.at)) + minutes * 60,
            'org', (SELECT m.org_id FROM sentinel.memberships(issue_tokens.of_user, issue_tokens.only_org) m LIMIT 1)))));
END
$$;
COMMENT ON FUNCTION sentinel.issue_tokens(uuid, uuid, uuid, timestamptz) IS
    'Make the next pair of tokens of a session: token (JWT, HS256, aud sentinel, for access_token_minutes) and refresh_token.';

CREATE FUNCTION sentinel.open_session(of_user uuid, method text, only_org uuid, request jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := (request ->> 'received_at')::timestamptz;
    new_session uuid;
BEGIN
    INSERT INTO sentinel.sessions AS s (user_id, method, only_org_id, client_address, user_agent, created_at, refreshed_at, expires_at)
    VALUES (open_session.of_user, open_session.method, open_session.only_org, (request ->> 'peer')::inet,
            left(request -> 'headers' ->> 'user-agent', 300), at, at,
            at + make_interval(days => (SELECT g.session_days FROM sentinel.gateway_settings g)))
    RETURNING s.id INTO new_session;
    RETURN sentinel.account_body(open_session.of_user, open_session.only_org)
        || sentinel.issue_tokens(new_session, open_session.of_user, open_session.only_org, at);
END
$$;
COMMENT ON FUNCTION sentinel.open_session(uuid, text, uuid, jsonb) IS
    'Sign a person in who has been identified, for one organisation only where its identity provider vouched; gives the body of the answer: user, organisations, token, refresh_token, expires_in.';

CREATE FUNCTION sentinel.http_refresh(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{refresh_token}');
    digest bytea := sha256(convert_to(asked ->> 'refresh_token', 'UTF8'));
    at timestamptz := (request ->> 'received_at')::timestamptz;
    token record;
BEGIN
    SELECT t.used_at, s.id, s.user_id, s.only_org_id, s.ended_at IS NULL AND s.expires_at > at AS holds INTO token
    FROM sentinel.refresh_tokens t JOIN sentinel.sessions s ON s.id = t.session_id WHERE t.token_sha256 = digest FOR UPDATE;
    -- Who holds a token that was used has stolen it, or was stolen from: the session ends for both. A second call within
    -- seconds is a page that was loaded twice.
    IF token.used_at < at - interval '10 seconds' AND token.holds THEN
        UPDATE sentinel.sessions s SET ended_at = at, ended_why = 'reuse' WHERE s.id = token.id;
    END IF;
    IF token.id IS NULL OR token.used_at IS NOT NULL OR NOT token.holds THEN
        RETURN sentinel.http_problem(401, 'unauthorized', 'the refresh token does not hold', 'It was used, has expired, or its session has ended.',
                                     'POST /auth/login.');
    END IF;
    UPDATE sentinel.refresh_tokens t SET used_at = at WHERE t.token_sha256 = digest;
    UPDATE sentinel.sessions s SET refreshed_at = at,
        expires_at = at + make_interval(days => (SELECT g.session_days FROM sentinel.gateway_settings g)) WHERE s.id = token.id;
    RETURN jsonb_build_object('json', sentinel.issue_tokens(token.id, token.user_id, token.only_org_id, at));
END
$$;
COMMENT ON FUNCTION sentinel.http_refresh(jsonb, bytea) IS
    'Route: exchange a refresh token for the next pair. One that comes again after 10 s ends its session. Source: RFC 9700 §4.14.';

CREATE FUNCTION sentinel.http_logout(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sentinel.sessions s SET ended_at = (request ->> 'received_at')::timestamptz, ended_why = 'logout'
    WHERE s.user_id = sentinel.session_user_id(request) AND s.id = (request -> 'caller' ->> 'session_id')::uuid;
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_logout(jsonb, bytea) IS 'Route: end the session of the access token. Errors: SN003 an API key calls.';

CREATE FUNCTION sentinel.http_me(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller jsonb := request -> 'caller';
BEGIN
    RETURN jsonb_build_object('json', CASE WHEN caller ->> 'kind' = 'key'
        THEN jsonb_build_object('user', NULL, 'api_key', caller - '{kind,bucket}'::text[])
        ELSE sentinel.account_body((caller ->> 'user_id')::uuid, (SELECT s.only_org_id FROM sentinel.sessions s WHERE s.id = (caller ->> 'session_id')::uuid))
             || jsonb_strip_nulls(jsonb_build_object('org_id', caller -> 'org_id', 'member_id', caller -> 'member_id', 'role', caller -> 'role')) END);
END
$$;
COMMENT ON FUNCTION sentinel.http_me(jsonb, bytea) IS 'Route: tell who calls, which organisations can be entered, and which one this request is in.';

CREATE FUNCTION sentinel.http_list_sessions(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('json', jsonb_build_object('next_cursor', NULL, 'data', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'method', s.method, 'client_address', host(s.client_address),
                   'user_agent', s.user_agent, 'created_at', s.created_at, 'refreshed_at', s.refreshed_at, 'expires_at', s.expires_at,
                   'this_one', s.id = (request -> 'caller' ->> 'session_id')::uuid) ORDER BY s.created_at DESC, s.id), '[]')
        FROM sentinel.sessions s
        WHERE s.user_id = sentinel.own_account(request) AND s.ended_at IS NULL AND s.expires_at > (request ->> 'received_at')::timestamptz)));
END
$$;
COMMENT ON FUNCTION sentinel.http_list_sessions(jsonb, bytea) IS 'Route: list the own sessions that hold. Errors: SN003 an API key calls.';

CREATE FUNCTION sentinel.http_end_session(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sentinel.sessions s SET ended_at = (request ->> 'received_at')::timestamptz, ended_why = 'revoked'
    WHERE s.user_id = sentinel.own_account(request) AND s.id = sentinel.http_param(request, 'session_id') AND s.ended_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no session "%s"', request -> 'params' ->> 'session_id'),
            DETAIL = 'A session is one of the own that has not ended.', HINT = 'GET /auth/sessions.';
    END IF;
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_end_session(jsonb, bytea) IS 'Route: end one of the own sessions. Errors: SN003, SN004.';

CREATE FUNCTION sentinel.http_make_ticket(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ticket text := sentinel.random_token();
BEGIN
    INSERT INTO sentinel.gateway_tickets (ticket_sha256, caller, expires_at)
    VALUES (sha256(convert_to(ticket, 'UTF8')), request -> 'caller', (request ->> 'received_at')::timestamptz + interval '30 seconds');
    RETURN jsonb_build_object('status', 201, 'json', jsonb_build_object('ticket', ticket, 'expires_in', 30));
END
$$;
COMMENT ON FUNCTION sentinel.http_make_ticket(jsonb, bytea) IS
    'Route: make a ticket that stands for the caller in the query of one GET within 30 s: /events?ticket=..., for what cannot send headers.';

CREATE FUNCTION sentinel.purge_sessions(as_of timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM sentinel.sessions s WHERE s.expires_at < purge_sessions.as_of - interval '30 days'
        OR s.ended_at < purge_sessions.as_of - interval '30 days';
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM sentinel.refresh_tokens t WHERE t.used_at < purge_sessions.as_of - interval '30 days';
    DELETE FROM sentinel.account_tokens t WHERE t.expires_at < purge_sessions.as_of;
    DELETE FROM sentinel.gateway_tickets t WHERE t.expires_at < purge_sessions.as_of;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION sentinel.purge_sessions(timestamptz) IS
    'Remove sessions that ended 30 days ago, refresh tokens used then, and tokens that have expired; gives the number of sessions. Part of tick().';
