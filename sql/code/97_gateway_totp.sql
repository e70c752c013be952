-- Room gateway, one-time codes: a second thing to sign in with beside the password (TOTP, RFC 6238), and recovery codes.

CREATE FUNCTION sentinel.recovery_digest(code text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to('recovery ' || regexp_replace(lower(code), '[^0-9a-f]', '', 'g'), 'UTF8'))
$$;
COMMENT ON FUNCTION sentinel.recovery_digest(text) IS 'Give what is stored of a recovery code, however it was written.';

CREATE FUNCTION sentinel.totp_matches(of_user uuid, code text, at timestamptz) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given text := regexp_replace(totp_matches.code, '[[:space:]-]', '', 'g');
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    step bigint;
BEGIN
    IF given ~ '^[0-9]{6}$' THEN
        SELECT sentinel.totp_step(a.totp_envelope, nobody, a.user_id, a.totp_version, given, totp_matches.at) INTO step
        FROM sentinel.accounts a WHERE a.user_id = totp_matches.of_user AND a.totp_envelope IS NOT NULL;
        -- Of two who come with one code at once, the second finds the step taken.
        UPDATE sentinel.accounts a SET totp_last_step = step
        WHERE step IS NOT NULL AND a.user_id = totp_matches.of_user AND (a.totp_last_step IS NULL OR a.totp_last_step < step);
        RETURN FOUND;
    END IF;
    DELETE FROM sentinel.account_tokens t
    WHERE t.token_sha256 = sentinel.recovery_digest(given) AND t.user_id = totp_matches.of_user AND t.purpose = 'recovery_code';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION sentinel.totp_matches(uuid, text, timestamptz) IS
    'Tell whether a code is a one-time code of the person at the time, or a recovery code, and use it up: a code counts once, and none from before it.';

CREATE FUNCTION sentinel.make_recovery_codes(of_user uuid, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    codes text[];
BEGIN
    SELECT array_agg(regexp_replace(left(encode(sha256(convert_to(sentinel.random_token(), 'UTF8')), 'hex'), 20), '(.{5})(?=.)', '\1-', 'g'))
    INTO codes FROM generate_series(1, 10);
    DELETE FROM sentinel.account_tokens t WHERE t.user_id = make_recovery_codes.of_user AND t.purpose = 'recovery_code';
    INSERT INTO sentinel.account_tokens (token_sha256, user_id, purpose, created_at)
    SELECT sentinel.recovery_digest(c), make_recovery_codes.of_user, 'recovery_code', make_recovery_codes.at FROM unnest(codes) c;
    RETURN to_jsonb(codes);
END
$$;
COMMENT ON FUNCTION sentinel.make_recovery_codes(uuid, timestamptz) IS 'Make ten recovery codes of 80 random bits in the place of those before; they are shown once.';

CREATE FUNCTION sentinel.http_totp_begin(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := sentinel.own_account(request);
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    secret text := sentinel.totp_secret();
    address text := (SELECT u.email FROM sentinel.users u WHERE u.id = person);
BEGIN
    UPDATE sentinel.accounts a
    SET totp_version = a.totp_version + 1, totp_last_step = NULL,
        totp_envelope = sentinel.seal_server_secret(nobody, 'totp', person, a.totp_version + 1, convert_to(secret, 'UTF8'))
    WHERE a.user_id = person AND a.password_hash IS NOT NULL AND a.totp_confirmed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = 'one-time codes cannot begin now',
            DETAIL = 'They are on already, or the account has no password that they could go with.', HINT = 'DELETE /auth/totp first.';
    END IF;
    RETURN jsonb_build_object('headers', '{"Cache-Control": "no-store"}'::jsonb, 'json', jsonb_build_object('data', jsonb_build_object(
        'secret', secret, 'uri', format('otpauth://totp/Sentinel:%s?secret=%s&issuer=Sentinel&algorithm=SHA1&digits=6&period=30',
                                        sentinel.url_encode(address), secret))));
END
$$;
COMMENT ON FUNCTION sentinel.http_totp_begin(jsonb, bytea) IS
    'Route: make the secret of one-time codes, given once, as text and as address for a QR code. Nothing changes for signing in until a first code confirms it. Errors: SN003, SN005 on already.';

CREATE FUNCTION sentinel.http_totp_confirm(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := sentinel.own_account(request);
    at timestamptz := (request ->> 'received_at')::timestamptz;
    code text := sentinel.http_object(request, '{code}') ->> 'code';
BEGIN
    PERFORM FROM sentinel.accounts a WHERE a.user_id = person AND a.totp_envelope IS NOT NULL AND a.totp_confirmed_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = 'there is nothing to confirm',
            DETAIL = 'One-time codes are on already, or have not begun.', HINT = 'POST /auth/totp.';
    END IF;
    PERFORM sentinel.take_token('code', 'code:' || person, NULL, at);
    IF NOT sentinel.totp_matches(person, code, at) THEN
        RETURN sentinel.http_problem(403, 'forbidden', 'the one-time code is wrong', 'It is that of the moment; the clocks must agree.', NULL);
    END IF;
    UPDATE sentinel.accounts a SET totp_confirmed_at = at WHERE a.user_id = person;
    RETURN jsonb_build_object('headers', '{"Cache-Control": "no-store"}'::jsonb, 'json', jsonb_build_object('data',
        jsonb_build_object('recovery_codes', sentinel.make_recovery_codes(person, at))));
END
$$;
COMMENT ON FUNCTION sentinel.http_totp_confirm(jsonb, bytea) IS
    'Route: confirm one-time codes by a first one: from now on a password alone is not enough. Answers with ten recovery codes, each for once, given once. Errors: SN003, SN005, SN429.';

CREATE FUNCTION sentinel.http_totp_end(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := sentinel.own_account(request);
    at timestamptz := (request ->> 'received_at')::timestamptz;
    asked jsonb := sentinel.http_object(request);
BEGIN
    PERFORM sentinel.take_token('account', 'totp:' || person, NULL, at);
    IF NOT (CASE WHEN nullif(asked ->> 'password', '') IS NOT NULL THEN sentinel.check_password(person, asked ->> 'password')
                 ELSE coalesce(sentinel.totp_matches(person, asked ->> 'code', at), false) END) THEN
        RETURN sentinel.http_problem(403, 'forbidden', 'the password or code is wrong', 'One of them says that it is you.', 'Send password or code.');
    END IF;
    UPDATE sentinel.accounts a SET totp_envelope = NULL, totp_confirmed_at = NULL, totp_last_step = NULL WHERE a.user_id = person;
    DELETE FROM sentinel.account_tokens t WHERE t.user_id = person AND t.purpose = 'recovery_code';
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_totp_end(jsonb, bytea) IS
    'Route: sign in without one-time codes again; the password or a code says that it is the person. Errors: SN003, SN429, SN503.';
