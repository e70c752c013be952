-- What members of an organisation, and strangers, might try at the gateway to get the rights of somebody else.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(30);
\i test/support/gateway.sql
UPDATE sentinel.rate_tiers SET capacity = 1000 WHERE tier IN ('sign_in', 'account', 'strict');
CREATE FUNCTION pg_temp.sign_in(address text, more jsonb DEFAULT '{}', at timestamptz DEFAULT now()) RETURNS pg_temp.answer LANGUAGE sql AS $$
    SELECT pg_temp.ask('POST', '/auth/password/set', (jsonb_build_object('token', sentinel.make_password_token(address), 'password', 'correct horse') || more)::text, at => at)$$;
CREATE FUNCTION pg_temp.key_of(token text, member uuid) RETURNS jsonb LANGUAGE sql AS $$
    SELECT (pg_temp.ask('POST', '/api-keys', jsonb_build_object('name', 'k', 'scopes', ARRAY['*'], 'member_id', member)::text, token)).body -> 'data'$$;

SELECT sentinel.create_org('Acme', 'acme') AS org \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Owner', 'owner@acme.example', 'owner') AS owner, sentinel.add_member('Admin', 'admin@acme.example', 'admin') AS admin,
       sentinel.add_member('Member', 'member@acme.example') AS member, sentinel.add_member('Boss', 'boss@acme.example', 'admin') AS boss,
       sentinel.add_member('Heir', 'heir@acme.example') AS heir \gset
SELECT sentinel.add_team('Team') AS team \gset
SELECT sentinel.add_team_member(:'team', :'member', 'admin');
SELECT sentinel.leave();
SELECT (pg_temp.sign_in('owner@acme.example')).body ->> 'token' AS owner_token, (pg_temp.sign_in('admin@acme.example')).body ->> 'token' AS admin_token,
       (pg_temp.sign_in('member@acme.example')).body ->> 'token' AS member_token \gset

-- Who invites is given the token: it is no proof that somebody holds the mailbox of a member.
SELECT (pg_temp.ask('POST', '/teams/' || :'team' || '/invites', '{"email": "boss@acme.example"}', :'member_token')).body #>> '{data,token}' AS invite \gset
SELECT (pg_temp.ask('POST', '/auth/register', jsonb_build_object('email', 'boss@acme.example', 'password', 'evil horses', 'invite_token', :'invite')::text)).body AS evil \gset
SELECT is(:'evil'::jsonb -> 'organisations', '[]', 'an invite to a team does not let its maker register as the member invited');
SELECT is(pg_temp.status('GET', '/org', token => :'evil'::jsonb ->> 'token', more => jsonb_build_array(jsonb_build_array('X-Org-Id', :'org'))), 404, 'nor enter the organisation so');
SELECT sentinel.enter(:'org');
SELECT token AS invite FROM sentinel.invite_to_team(:'team', 'heir@acme.example') \gset
SELECT sentinel.leave();
SELECT (pg_temp.ask('POST', '/auth/register', '{"email": "heir@acme.example", "password": "evil horses"}')).body ->> 'token' AS evil \gset
SELECT is(pg_temp.status('POST', '/auth/accept-invite', jsonb_build_object('token', :'invite')::text, :'evil'), 200, 'accepted by who registered the address');
SELECT is(jsonb_array_length((pg_temp.ask('GET', '/auth/me', token => :'evil')).body -> 'organisations'), 1, 'it opens nothing either');

-- Keys.
SELECT pg_temp.key_of(:'owner_token', :'owner') ->> 'id' AS owner_key \gset
SELECT is(pg_temp.status('POST', '/api-keys/' || :'owner_key' || '/rotate', '{}', :'admin_token'), 403, 'an admin is not given the key of an owner by rotating it');
SELECT is(pg_temp.status('POST', '/api-keys/' || :'owner_key' || '/rotate', '{}', :'owner_token'), 201, 'the owner is');
SELECT is(pg_temp.status('DELETE', '/api-keys/' || :'owner_key', token => :'admin_token'), 204, 'an admin revokes it');
SELECT pg_temp.key_of(:'admin_token', NULL) ->> 'id' AS org_key \gset
SELECT pg_temp.key_of(:'admin_token', :'heir') ->> 'key' AS heir_key \gset
SELECT is((pg_temp.ask('GET', '/auth/me', token => :'heir_key')).body #>> '{api_key,role}', 'member', 'a key that an admin made acts as a member');
UPDATE sentinel.members SET role = 'member' WHERE id = :'admin';
SELECT is(pg_temp.status('POST', '/api-keys/' || :'org_key' || '/rotate', '{}', :'admin_token'), 403, 'who is an admin no longer is given no key of the organisation');
UPDATE sentinel.members SET role = 'admin' WHERE id = :'admin';
INSERT INTO sentinel.sessions (user_id, method, only_org_id, expires_at)
SELECT user_id, 'oidc', :'org', now() + interval '1 day' FROM sentinel.members WHERE id = :'heir';
SELECT is(pg_temp.status('POST', '/members/' || :'heir' || '/transfer-ownership', '{}', :'owner_token'), 200, 'the member becomes the owner');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'heir_key'), 401, 'and nobody acts as the owner by a key made before');
SELECT is((SELECT ended_why FROM sentinel.sessions WHERE only_org_id = :'org'), 'revoked', 'nor by a session that an identity provider began');

-- A mailbox is one of two things that say who it is.
UPDATE sentinel.members SET role = 'owner' WHERE id = :'owner';
SELECT (pg_temp.ask('POST', '/auth/totp', token => :'member_token')).body #>> '{data,secret}' AS secret \gset
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
SELECT (pg_temp.ask('POST', '/auth/totp/confirm', jsonb_build_object('code', pg_temp.code_of(:'secret', now()))::text, :'member_token')).body #>> '{data,recovery_codes,0}' AS recovery \gset
SELECT is((pg_temp.sign_in('member@acme.example')).body ->> 'code', 'totp_required', 'a token for the password does not take the place of a one-time code');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'member_token'), 200, 'without one nothing is changed');
SELECT is((pg_temp.sign_in('member@acme.example', '{"code": "000000"}')).status, 401, 'nor by a wrong one');
SELECT is((pg_temp.sign_in('member@acme.example', jsonb_build_object('code', :'recovery'))).status, 200, 'with one it signs in');
SELECT is((SELECT count(*) FROM sentinel.account_tokens t JOIN sentinel.users u ON u.id = t.user_id
           WHERE u.email = 'member@acme.example' AND t.purpose = 'set_password'), 0::bigint, 'and no other token counts after it');
-- Boss was registered by a stranger, who now turns one-time codes on to lock the account.
SELECT :'evil' IS NOT NULL AS there, (pg_temp.ask('POST', '/auth/totp', token => :'evil')).body #>> '{data,secret}' AS secret \gset
SELECT is(pg_temp.status('POST', '/auth/totp/confirm', jsonb_build_object('code', pg_temp.code_of(:'secret', now()))::text, :'evil'), 200, 'a stranger who registered an address turns one-time codes on');
SELECT is((pg_temp.sign_in('heir@acme.example')).body #>> '{user,totp}', 'false', 'which whoever holds the mailbox is not kept out by');
SELECT is((SELECT count(*) FROM sentinel.account_tokens t JOIN sentinel.users u ON u.id = t.user_id WHERE u.email = 'heir@acme.example'), 0::bigint, 'nor do the recovery codes stay');
SELECT sentinel.make_password_token('owner@acme.example') AS pending \gset
SELECT is(pg_temp.status('POST', '/auth/password', '{"current_password": "correct horse", "new_password": "better horse"}', :'owner_token'), 204, 'a password that is changed');
SELECT is(pg_temp.status('POST', '/auth/password/set', jsonb_build_object('token', :'pending', 'password', 'evil horses')::text), 404, 'is not changed again by a token from before');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7361), 0::bigint, 'passwords wait for no lock that anybody who can log in may take');
SELECT is((SELECT max(max_body_bytes) FROM sentinel.http_routes WHERE access = 'public' AND method = 'POST' AND function_name <> 'sentinel.http_not_built'), 65536,
    'and a stranger has no long body read');

-- An identity provider says any address it likes.
UPDATE sentinel.accounts SET first_name = 'Secret' WHERE user_id = (SELECT id FROM sentinel.users WHERE email = 'owner@acme.example');
SELECT is((SELECT (sentinel.account_body(u.id, :'org') -> 'user') - '{id,email,display_name,created_at}'::text[] FROM sentinel.users u WHERE u.email = 'owner@acme.example'),
    '{"first_name": null, "last_name": null, "email_verified": false, "totp": false}', 'that of one organisation is told nothing of the account');

-- What the server says of a row that breaks a constraint is not for callers.
CREATE TABLE public.vault (secret text DEFAULT 'hidden inside', n integer CHECK (n < 5));
GRANT ALL ON public.vault TO PUBLIC;
CREATE FUNCTION public.vault_route(request jsonb, body bytea) RETURNS jsonb LANGUAGE sql AS 'INSERT INTO public.vault (n) VALUES (9) RETURNING to_jsonb(n)';
SELECT sentinel.serve('GET', '/vault', 'public.vault_route', 'Break a rule.', 'test', access => 'public');
SELECT (pg_temp.ask('GET', '/vault')).said AS said \gset
SELECT is(:'said'::jsonb ->> 'status', '400', 'a row that breaks a constraint');
SELECT is(strpos(:'said', 'hidden inside'), 0, 'is not shown');

-- The stream of a member, through the rights of sentinel_member.
SELECT sentinel.enter(:'org');
SELECT sentinel.create_deal('Of the owner', 1000, owner_id => :'owner') AS deal \gset
SELECT sentinel.leave();
SELECT (pg_temp.ask('GET', '/events', token => :'owner_token', more => '[["Last-Event-ID", "0"]]')).stream AS owner_stream,
       (pg_temp.ask('GET', '/events', token => (pg_temp.ask('POST', '/auth/login', '{"email": "heir@acme.example", "password": "correct horse"}')).body ->> 'token',
                    more => jsonb_build_array('["Last-Event-ID", "0"]'::jsonb, jsonb_build_array('X-Org-Id', :'org')))).stream AS heir_stream \gset
SELECT ok(:'owner_stream'::jsonb ? 'token' AND :'heir_stream'::jsonb ? 'token', 'members listen');
SELECT is((SELECT count(*) FROM sentinel.stream_events(:'owner_stream'::jsonb ->> 'token', '0-0-0', 100) e WHERE e.event_type IS NULL), 1::bigint,
    'and are told how far was looked');
SELECT throws_ok(format('SELECT sentinel.stream_events(%L, ''0-0-0'')', (:'owner_stream'::jsonb ->> 'token') || 'x'), '28000', NULL, 'by nobody else''s token');
SELECT * FROM finish();
ROLLBACK;
