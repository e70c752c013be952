-- Room gateway, one-time codes: begin, confirm, sign in with them, recovery codes, end.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(54);

DO $$
BEGIN
    IF NOT sentinel.server_key_ready() THEN
        PERFORM sentinel.create_server_key();
    END IF;
END
$$;
\set now '2026-03-01 12:00:10+00'

-- What an authenticator app does, RFC 6238: bits of the base32 secret, HMAC of the step, six digits.
CREATE FUNCTION pg_temp.code_of(secret text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    bits text := (SELECT string_agg((strpos('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', c) - 1)::bit(5)::text, '' ORDER BY n)
                  FROM string_to_table(secret, NULL) WITH ORDINALITY AS s (c, n));
    key bytea := (SELECT string_agg(set_byte('\x00', 0, substr(bits, 8 * n + 1, 8)::bit(8)::integer), '' ORDER BY n)
                  FROM generate_series(0, length(bits) / 8 - 1) n);
    mac bytea := hmac(decode(lpad(to_hex(floor(extract(epoch FROM at) / 30)::bigint), 16, '0'), 'hex'), key, 'sha1');
    place integer := get_byte(mac, 19) & 15;
BEGIN
    RETURN lpad(((((get_byte(mac, place) & 127) << 24) | (get_byte(mac, place + 1) << 16) | (get_byte(mac, place + 2) << 8)
                  | get_byte(mac, place + 3)) % 1000000)::text, 6, '0');
END $$;
CREATE FUNCTION pg_temp.call(verb text, path text, body jsonb, bearer text, at timestamptz, OUT status integer, OUT "json" jsonb) LANGUAGE plpgsql AS $$
DECLARE
    said record;
BEGIN
    PERFORM set_config('role', 'sentinel_gateway', true);
    SELECT * INTO said FROM sentinel.http_handle(verb, path, NULL, '[["Content-Type", "application/json"]]'
        || CASE WHEN bearer IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_array('Authorization', 'Bearer ' || bearer)) END,
        convert_to(coalesce(body::text, ''), 'UTF8'), '192.0.2.1', at);
    PERFORM set_config('role', 'none', true);
    status := said.status;
    json := CASE WHEN octet_length(said.body) > 0 THEN convert_from(said.body, 'UTF8')::jsonb END;
    DELETE FROM sentinel.request_buckets;
END $$;

SELECT json ->> 'token' AS token, json #>> '{user,id}' AS person FROM pg_temp.call('POST', '/auth/register',
    '{"email": "ann@totp.example", "password": "four words of mine"}', NULL, :'now') \gset
SELECT ok(:'token' IS NOT NULL, 'somebody has registered');
SELECT pg_temp.call('POST', '/auth/login', '{"email": "ann@totp.example", "password": "four words of mine"}', NULL, :'now') AS login \gset
SELECT is((:'login'::text LIKE '(200,%'), true, 'and signs in by password');

-- Begin.
SELECT is((pg_temp.call('POST', '/auth/totp', NULL, NULL, :'now')).status, 401, 'who has not signed in begins nothing');
SELECT is((pg_temp.call('POST', '/auth/totp/confirm', '{"code": "000000"}', :'token', :'now')).status, 409, 'there is nothing to confirm');
SELECT json #>> '{data,secret}' AS first_secret FROM pg_temp.call('POST', '/auth/totp', NULL, :'token', :'now') \gset
SELECT status, json #>> '{data,secret}' AS secret, json #>> '{data,uri}' AS uri FROM pg_temp.call('POST', '/auth/totp', NULL, :'token', :'now') \gset
SELECT matches(:'secret'::text, '^[A-Z2-7]{32}$', 'a secret is shown');
SELECT isnt(:'secret'::text, :'first_secret', 'another at each beginning');
SELECT is(:'uri'::text, 'otpauth://totp/Sentinel:ann%40totp.example?secret=' || :'secret' || '&issuer=Sentinel&algorithm=SHA1&digits=6&period=30', 'and as an address for a QR code');
SELECT ok((SELECT strpos(encode(totp_envelope, 'escape'), :'secret') = 0 AND totp_confirmed_at IS NULL FROM sentinel.accounts WHERE user_id = :'person'), 'what is kept is sealed');
SELECT is((pg_temp.call('POST', '/auth/login', '{"email": "ann@totp.example", "password": "four words of mine"}', NULL, :'now')).status, 200, 'until it is confirmed the password is enough');

-- Confirm.
SELECT is((pg_temp.call('POST', '/auth/totp/confirm', jsonb_build_object('code', c), :'token', :'now')).status, s, 'no confirmation: ' || w) FROM (VALUES
    ('the secret shown before', pg_temp.code_of(:'first_secret', :'now'), 403), ('a code of five minutes ago', pg_temp.code_of(:'secret', :'now'::timestamptz - interval '5 min'), 403),
    ('letters', 'abcdef', 403), ('too short', '12345', 403), ('none', NULL, 400), ('digits of another script', '١٢٣٤٥٦', 403)) v(w, c, s);
SELECT pg_temp.code_of(:'secret', :'now') AS code, pg_temp.code_of(:'secret', :'now'::timestamptz + interval '30 s') AS next_code,
       pg_temp.code_of(:'secret', :'now'::timestamptz + interval '60 s') AS third_code \gset
SELECT status, json -> 'data' -> 'recovery_codes' AS codes FROM pg_temp.call('POST', '/auth/totp/confirm', jsonb_build_object('code', :'code'), :'token', :'now') \gset
SELECT is(:'status'::text, '200', 'a code of the moment confirms');
SELECT is((SELECT count(DISTINCT c) FROM jsonb_array_elements_text(:'codes'::jsonb) c WHERE c ~ '^[0-9a-f]{5}(-[0-9a-f]{5}){3}$'), 10::bigint, 'ten recovery codes are shown');
SELECT is((SELECT count(*) FROM sentinel.account_tokens WHERE user_id = :'person' AND purpose = 'recovery_code' AND expires_at IS NULL), 10::bigint, 'and their hashes kept');
SELECT is((pg_temp.call('POST', '/auth/totp', NULL, :'token', :'now')).status, 409, 'what is on cannot begin');
SELECT is((pg_temp.call('POST', '/auth/totp/confirm', jsonb_build_object('code', :'next_code'), :'token', :'now')).status, 409, 'nor be confirmed twice');

-- Sign in.
CREATE FUNCTION pg_temp.login(code text, at timestamptz, password text DEFAULT 'four words of mine') RETURNS text LANGUAGE sql AS $$
    SELECT c.status || coalesce(' ' || (c.json ->> 'code'), '') FROM pg_temp.call('POST', '/auth/login',
        jsonb_strip_nulls(jsonb_build_object('email', 'ann@totp.example', 'password', password, 'code', code)), NULL, at) c $$;
SELECT is(pg_temp.login(NULL, :'now'), '401 totp_required', 'a password alone is not enough');
SELECT is(pg_temp.login(:'code', :'now'), '401 unauthorized', 'the code that confirmed counts no more');
SELECT is(pg_temp.login(:'next_code', :'now', 'wrong words'), '401 unauthorized', 'a code does not stand for the password');
SELECT is(pg_temp.login(:'next_code', :'now'), '200', 'the next one does beside it');
SELECT is(pg_temp.login(:'next_code', :'now'), '401 unauthorized', 'once');
SELECT is(pg_temp.login(:'code', :'now'), '401 unauthorized', 'and none from before it');
SELECT is((SELECT method FROM sentinel.sessions WHERE user_id = :'person' ORDER BY method DESC LIMIT 1), 'password_totp', 'which the session says');
SELECT is(pg_temp.login(pg_temp.code_of(:'secret', :'now'::timestamptz + interval '10 min'), :'now'), '401 unauthorized', 'nor one of later');
SELECT ok(sentinel.totp_matches(:'person', ' ' || left(:'third_code', 3) || ' ' || right(:'third_code', 3), :'now'::timestamptz + interval '60 s'), 'spaces do not matter');
SELECT ok(NOT coalesce(sentinel.totp_matches(p, c, :'now'), false), 'no code: ' || w) FROM (VALUES ('of nobody', NULL::uuid, :'code'), ('of somebody unknown', gen_random_uuid(), :'code'),
    ('nothing', :'person'::uuid, ''), ('null', :'person', NULL)) v(w, p, c);

-- Recovery codes.
SELECT :'codes'::jsonb ->> 0 AS spare, :'codes'::jsonb ->> 1 AS second_spare \gset
SELECT ok(NOT sentinel.totp_matches(gen_random_uuid(), :'spare', :'now'), 'a recovery code is of one person');
SELECT is(pg_temp.login(:'spare', :'now'), '200', 'it stands for a code');
SELECT is(pg_temp.login(:'spare', :'now'), '401 unauthorized', 'once');
SELECT is(pg_temp.login(upper(replace(:'second_spare', '-', ' ')), :'now'), '200', 'however it is written');
SELECT is((SELECT count(*) FROM sentinel.account_tokens WHERE user_id = :'person' AND purpose = 'recovery_code'), 8::bigint, 'eight are left');

-- A session that the provider of one organisation opened is not the person's own.
SELECT sentinel.open_session(:'person', 'oidc', (SELECT f.org_id FROM sentinel.account_founded f WHERE f.user_id = :'person'),
    jsonb_build_object('received_at', :'now'::timestamptz)) ->> 'token' AS foreign_token \gset
SELECT is((pg_temp.call(v, p, b, :'foreign_token', :'now')).status, 403, 'by a provider, not: ' || v || ' ' || p) FROM (VALUES ('POST', '/auth/totp', NULL::jsonb),
    ('POST', '/auth/totp/confirm', '{"code": "123456"}'), ('DELETE', '/auth/totp', '{"password": "four words of mine"}'), ('POST', '/auth/password', '{"current_password": "four words of mine", "new_password": "five words of another"}'),
    ('GET', '/auth/sessions', NULL), ('DELETE', '/auth/sessions/0190aaaa-0000-7000-8000-000000000001', NULL), ('POST', '/auth/accept-invite', '{"token": "x"}'),
    ('POST', '/orgs', '{"name": "Another"}'), ('DELETE', '/user/delete', NULL)) x(v, p, b);
SELECT is((pg_temp.call('POST', '/auth/logout', NULL, :'foreign_token', :'now')).status, 204, 'but it ends itself');

-- End.
SELECT is((pg_temp.call('DELETE', '/auth/totp', b, :'token', :'now')).status, s, 'end, ' || w) FROM (VALUES ('by nothing', '{}'::jsonb, 403), ('by a wrong password', '{"password": "x"}', 403),
    ('by a wrong code', '{"code": "000000"}', 403), ('by the password', '{"password": "four words of mine"}', 204)) x(w, b, s);
SELECT is((SELECT count(*) FROM sentinel.account_tokens WHERE user_id = :'person' AND purpose = 'recovery_code'), 0::bigint, 'recovery codes go with it');
SELECT is(pg_temp.login(NULL, :'now'), '200', 'and the password is enough again');

SELECT * FROM finish();
ROLLBACK;
