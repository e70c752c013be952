-- Room gateway, accounts: people register and sign in. Sessions and their tokens: 97_gateway_sessions.sql.

CREATE FUNCTION sentinel.hash_password(digest text, hash text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgcrypto');
    hashed text;
BEGIN
    EXECUTE format('SELECT %1$I.crypt($1, coalesce($2, %1$I.gen_salt(''bf'', 12)))', home) INTO hashed USING digest, hash;
    RETURN hashed;
END
$$;
COMMENT ON FUNCTION sentinel.hash_password(text, text) IS
    'Hash the digest of a password by bcrypt of cost 12, or as a hash before was made; about 0.2 s of a core.';

CREATE FUNCTION sentinel.take_password_slot() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A row lock and no advisory lock: those may be taken, and everybody kept out, by anybody who can log in.
    PERFORM FROM sentinel.password_slots p WHERE p.slot <= (SELECT s.password_checks FROM sentinel.gateway_settings s)
    ORDER BY p.slot LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN503', MESSAGE = 'too many sign-ins at once',
            DETAIL = 'A password costs a core 0.2 s; few are checked at a time.', HINT = 'Try again in a second.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.take_password_slot() IS
    'Take one of password_checks places until the transaction ends, so that passwords cannot take every core. Errors: SN503 none is free.';

CREATE FUNCTION sentinel.check_password(of_user uuid, password text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Of no password: an unknown address takes as long as a wrong password.
    nobody constant text := '$2a$12$abcdefghijklmnopqrstuuKJ5WfhFWA3m2Vv1SiW.wCWrSpJ3QZ3C';
    known record;
BEGIN
    PERFORM sentinel.take_password_slot();
    SELECT a.password_hash, a.password_key INTO known FROM sentinel.accounts a WHERE a.user_id = check_password.of_user;
    RETURN sentinel.equal_bytes(
        convert_to(sentinel.hash_password(sentinel.password_digest(coalesce(check_password.password, ''), known.password_key),
                                          coalesce(known.password_hash, nobody)), 'UTF8'),
        convert_to(coalesce(known.password_hash, nobody), 'UTF8')) AND known.password_hash IS NOT NULL;
END
$$;
COMMENT ON FUNCTION sentinel.check_password(uuid, text) IS
    'Tell whether a password is the person''s; an unknown person takes as long. Errors: SN503 too many at once.';

CREATE FUNCTION sentinel.check_new_password(password text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(length(check_new_password.password), 0) < 8 OR length(check_new_password.password) > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('a password of %s characters', coalesce(length(check_new_password.password), 0)),
            DETAIL = 'A password has 8 to 1000 characters; all of them count.', HINT = 'Four words that do not belong together.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_new_password(text) IS 'Refuse a password that is too short or too long. Errors: SN007.';

CREATE FUNCTION sentinel.set_password(of_user uuid, password text, at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    digest text;
BEGIN
    PERFORM sentinel.check_new_password(set_password.password);
    PERFORM sentinel.take_password_slot();
    digest := sentinel.password_digest(set_password.password);
    INSERT INTO sentinel.accounts AS a (user_id, password_hash, password_key, password_changed_at)
    VALUES (set_password.of_user, sentinel.hash_password(digest), split_part(digest, ':', 1)::bigint, set_password.at)
    ON CONFLICT ON CONSTRAINT accounts_pkey DO UPDATE
    SET password_hash = excluded.password_hash, password_key = excluded.password_key, password_changed_at = excluded.password_changed_at;
END
$$;
COMMENT ON FUNCTION sentinel.set_password(uuid, text, timestamptz) IS
    'Give a person a password: bcrypt over an HMAC of it under the key of the server. Errors: SN007, SN503.';

CREATE FUNCTION sentinel.read_address(value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(lower(trim(read_address.value)), '') !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' OR length(read_address.value) > 320 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid e-mail address "%s"', left(coalesce(read_address.value, ''), 80)),
            DETAIL = 'An address is local@domain without spaces.', HINT = 'Use ''ana@example.com''.';
    END IF;
    RETURN lower(trim(read_address.value));
END
$$;
COMMENT ON FUNCTION sentinel.read_address(text) IS 'Give an e-mail address trimmed and in lower case. Errors: SN007.';

CREATE FUNCTION sentinel.found_org(of_user uuid, name text, shown_name text, address text) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base text := trim(BOTH '-' FROM left(trim(BOTH '-' FROM regexp_replace(lower(found_org.name), '[^a-z0-9]+', '-', 'g')), 50));
    org uuid;
BEGIN
    org := sentinel.create_org(left(found_org.name, 200), concat_ws('-', nullif(base, ''), left(replace(gen_random_uuid()::text, '-', ''), 8)));
    PERFORM sentinel.insert_member(org, found_org.shown_name, found_org.address, 'owner');
    INSERT INTO sentinel.account_founded (org_id, user_id) VALUES (org, found_org.of_user);
    RETURN org;
END
$$;
COMMENT ON FUNCTION sentinel.found_org(uuid, text, text, text) IS 'Make an organisation with a person as its owner; gives its id. Errors: SN007 name.';

CREATE FUNCTION sentinel.http_register(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{email,password}');
    address text := sentinel.read_address(asked ->> 'email');
    shown text := left(coalesce(nullif(trim(concat_ws(' ', nullif(trim(asked ->> 'first_name'), ''), nullif(trim(asked ->> 'last_name'), ''))), ''),
                                split_part(address, '@', 1)), 200);
    at timestamptz := (request ->> 'received_at')::timestamptz;
    rule text := (SELECT s.registration FROM sentinel.gateway_settings s);
    person uuid;
    joined record;
BEGIN
    PERFORM sentinel.check_new_password(asked ->> 'password');
    IF rule = 'closed' OR rule = 'invite' AND nullif(asked ->> 'invite_token', '') IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'registration is not open',
            DETAIL = CASE rule WHEN 'invite' THEN 'It takes an invite.' ELSE 'Accounts are made by the operators.' END,
            HINT = 'Ask an owner of the organisation for an invite, and send its token as invite_token.';
    END IF;
    SELECT u.id INTO person FROM sentinel.users u WHERE u.email = address;
    IF EXISTS (SELECT FROM sentinel.accounts a WHERE a.user_id = person) THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'an account with this address exists',
            DETAIL = 'An address has one account.', HINT = 'POST /auth/login.';
    END IF;
    INSERT INTO sentinel.users AS u (email, display_name) VALUES (address, shown)
    ON CONFLICT ON CONSTRAINT users_email_key DO UPDATE SET email = excluded.email RETURNING u.id INTO person;
    PERFORM sentinel.set_password(person, asked ->> 'password', at);
    UPDATE sentinel.accounts a SET first_name = left(nullif(trim(asked ->> 'first_name'), ''), 100),
                                   last_name = left(nullif(trim(asked ->> 'last_name'), ''), 100)
    WHERE a.user_id = person;
    IF nullif(asked ->> 'invite_token', '') IS NOT NULL THEN
        SELECT * INTO joined FROM sentinel.take_invite(address, asked ->> 'invite_token', shown);
        -- Who invites knows the token: it lets in whom it has made a member, and shows nobody to be one who was.
        INSERT INTO sentinel.account_founded (org_id, user_id) SELECT joined.org_id, person WHERE joined.joined ON CONFLICT DO NOTHING;
    ELSE
        PERFORM sentinel.found_org(person, coalesce(nullif(trim(asked ->> 'organisation'), ''), shown), shown, address);
    END IF;
    RETURN jsonb_build_object('status', 201, 'json', sentinel.open_session(person, 'password', NULL, request));
END
$$;
COMMENT ON FUNCTION sentinel.http_register(jsonb, bytea) IS
    'Route: make an account, and an organisation of its own or, with invite_token, a membership where it was invited; signs in. Until the address is shown to be the person''s, no organisation that others added the address to can be entered. Errors: SN003, SN004 invite, SN007, 23505.';

CREATE FUNCTION sentinel.http_login(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{email,password}');
    address text := lower(trim(asked ->> 'email'));
    at timestamptz := (request ->> 'received_at')::timestamptz;
    person uuid;
    two_factors boolean;
BEGIN
    -- By account too, whichever address tries. Taken here it would come back with an error: so failures return.
    BEGIN
        -- Few from one address, more from all: nobody is shut out of the own account by what others try.
        PERFORM sentinel.take_token('account', 'account:' || encode(sha256(convert_to(address || '|' || coalesce(request ->> 'peer', ''), 'UTF8')), 'hex'), NULL, at),
                sentinel.take_token('account_anywhere', 'account:' || encode(sha256(convert_to(address, 'UTF8')), 'hex'), NULL, at);
    EXCEPTION WHEN SQLSTATE 'SN429' THEN
        RETURN sentinel.http_problem(429, 'rate_limited', 'too many attempts to sign in to this account', NULL, 'Wait a minute.')
            || '{"headers": {"Retry-After": "60"}}';
    END;
    SELECT a.user_id, a.totp_confirmed_at IS NOT NULL INTO person, two_factors
    FROM sentinel.users u JOIN sentinel.accounts a ON a.user_id = u.id WHERE u.email = address;
    IF NOT sentinel.check_password(person, asked ->> 'password') THEN
        RETURN sentinel.http_problem(401, 'unauthorized', 'address or password is wrong');
    ELSIF two_factors AND nullif(asked ->> 'code', '') IS NULL THEN
        RETURN sentinel.http_problem(401, 'totp_required', 'a one-time code is needed', NULL, 'Send it as code.');
    ELSIF two_factors THEN
        -- A code has six digits: few are tried in an hour.
        PERFORM sentinel.take_token('code', 'code:' || person, NULL, at);
        IF NOT sentinel.totp_matches(person, asked ->> 'code', at) THEN
            RETURN sentinel.http_problem(401, 'unauthorized', 'the one-time code is wrong or was used');
        END IF;
    END IF;
    RETURN jsonb_build_object('json', sentinel.open_session(person, CASE WHEN two_factors THEN 'password_totp' ELSE 'password' END, NULL, request));
END
$$;
COMMENT ON FUNCTION sentinel.http_login(jsonb, bytea) IS
    'Route: sign in by password, with a one-time code where the account has them. An unknown address is answered as a wrong password, after the same time.';

CREATE FUNCTION sentinel.http_change_password(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{current_password,new_password}');
    person uuid := sentinel.own_account(request);
    at timestamptz := (request ->> 'received_at')::timestamptz;
BEGIN
    PERFORM sentinel.check_new_password(asked ->> 'new_password');
    PERFORM sentinel.take_token('account', 'password:' || person, NULL, at);
    IF NOT sentinel.check_password(person, asked ->> 'current_password') THEN
        RETURN sentinel.http_problem(403, 'forbidden', 'the current password is wrong');
    END IF;
    PERFORM sentinel.set_password(person, asked ->> 'new_password', at);
    DELETE FROM sentinel.account_tokens t WHERE t.user_id = person AND t.purpose = 'set_password';
    UPDATE sentinel.sessions s SET ended_at = at, ended_why = 'password_changed'
    WHERE s.user_id = person AND s.ended_at IS NULL AND s.id <> (request -> 'caller' ->> 'session_id')::uuid;
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_change_password(jsonb, bytea) IS
    'Route: change the own password; every other session of the person ends. Errors: SN007.';

CREATE FUNCTION sentinel.http_set_password(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked jsonb := sentinel.http_object(request, '{token,password}');
    at timestamptz := (request ->> 'received_at')::timestamptz;
    person uuid;
    known record;
BEGIN
    PERFORM sentinel.check_new_password(asked ->> 'password');
    SELECT t.user_id INTO person FROM sentinel.account_tokens t
    WHERE t.token_sha256 = sha256(convert_to(asked ->> 'token', 'UTF8')) AND t.purpose = 'set_password' AND t.expires_at > at FOR UPDATE;
    IF person IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no such token', DETAIL = 'It was used, has expired, or was never made.',
            HINT = 'Ask for another.';
    END IF;
    SELECT a.email_verified_at IS NOT NULL AS verified, a.totp_confirmed_at IS NOT NULL AS two_factors INTO known
    FROM sentinel.accounts a WHERE a.user_id = person;
    IF known.two_factors AND known.verified THEN
        -- The mailbox is one of two things that say who it is.
        IF nullif(asked ->> 'code', '') IS NULL THEN
            RETURN sentinel.http_problem(401, 'totp_required', 'a one-time code is needed', NULL, 'Send it as code, with the same token.');
        END IF;
        PERFORM sentinel.take_token('code', 'code:' || person, NULL, at);
        IF NOT coalesce(sentinel.totp_matches(person, asked ->> 'code', at), false) THEN
            RETURN sentinel.http_problem(401, 'unauthorized', 'the one-time code is wrong or was used');
        END IF;
    ELSIF NOT known.verified THEN
        -- Whoever registered before the holder of the mailbox keeps nothing to lock the account by.
        UPDATE sentinel.accounts a SET totp_envelope = NULL, totp_confirmed_at = NULL, totp_last_step = NULL WHERE a.user_id = person;
        DELETE FROM sentinel.account_tokens t WHERE t.user_id = person AND t.purpose = 'recovery_code';
    END IF;
    PERFORM sentinel.set_password(person, asked ->> 'password', at);
    DELETE FROM sentinel.account_tokens t WHERE t.user_id = person AND t.purpose = 'set_password';
    UPDATE sentinel.accounts a SET email_verified_at = coalesce(a.email_verified_at, at) WHERE a.user_id = person;
    UPDATE sentinel.sessions s SET ended_at = at, ended_why = 'password_changed' WHERE s.user_id = person AND s.ended_at IS NULL;
    RETURN jsonb_build_object('json', sentinel.open_session(person, 'token', NULL, request));
END
$$;
COMMENT ON FUNCTION sentinel.http_set_password(jsonb, bytea) IS
    'Route: set a password by a token of make_password_token(), which shows that the address is the person''s, with a one-time code where the account has them; signs in, and ends the sessions and other tokens before. Errors: SN004, SN007, SN429.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.make_password_token(email text, holds interval DEFAULT '1 day') RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid;
    token text := sentinel.random_token();
BEGIN
    PERFORM sentinel.require_installed();
    SELECT u.id INTO person FROM sentinel.users u WHERE u.email = lower(trim(make_password_token.email));
    IF person IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('nobody has the address "%s"', left(make_password_token.email, 80)),
            DETAIL = 'A person is known by registering, or by add_member().', HINT = 'SELECT sentinel.add_member(name, address);';
    ELSIF NOT coalesce(make_password_token.holds > interval '0' AND make_password_token.holds <= interval '30 days', false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('a token cannot hold for %s', coalesce(make_password_token.holds::text, 'NULL')),
            DETAIL = 'It holds for up to 30 days.', HINT = 'Use ''1 day''.';
    END IF;
    INSERT INTO sentinel.account_tokens (token_sha256, user_id, purpose, expires_at)
    VALUES (sha256(convert_to(token, 'UTF8')), person, 'set_password', now() + make_password_token.holds);
    RETURN token;
END
$$;
ALTER FUNCTION sentinel.make_password_token(text, interval) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.make_password_token(text, interval) IS
    'Make a token by which the person with an address sets a password at POST /auth/password/set; give it to nobody but the holder of that mailbox: it proves the address. Shown once. Errors: SN004, 22023.';
