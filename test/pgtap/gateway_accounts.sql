-- People at the gateway: registering, signing in, sessions and their tokens, passwords, organisations, API keys over HTTP.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(96);
\i test/support/gateway.sql
UPDATE sentinel.rate_tiers SET capacity = 1000 WHERE tier IN ('sign_in', 'account', 'strict');
CREATE FUNCTION pg_temp.sign_in(address text, password text, more jsonb DEFAULT '{}') RETURNS pg_temp.answer LANGUAGE sql AS
    $$SELECT pg_temp.ask('POST', '/auth/login', (jsonb_build_object('email', address, 'password', password) || more)::text)$$;

-- Registering.
SELECT (a).body AS ana, (a).status AS status FROM (SELECT pg_temp.ask('POST', '/auth/register',
    '{"email": " Ana@Acme.Example ", "password": "correct horse", "firstName": "Ana", "lastName": "Ruiz", "organisation": "Acme Ltd"}') AS a) x \gset
SELECT is(:status, 201, 'registering');
SELECT is((:'ana'::jsonb -> 'user') - '{id,created_at}'::text[], '{"email": "ana@acme.example", "first_name": "Ana", "last_name": "Ruiz",
    "display_name": "Ana Ruiz", "email_verified": false, "totp": false}'::jsonb, 'gives the person');
SELECT is(:'ana'::jsonb -> 'organisations' -> 0 ->> 'role', 'owner', 'who owns an organisation');
SELECT is(:'ana'::jsonb -> 'organisations' -> 0 ->> 'name', 'Acme Ltd', 'of the name asked for');
SELECT ok(:'ana'::jsonb ?& '{token,refresh_token,expires_in}', 'and has signed in');
SELECT :'ana'::jsonb ->> 'token' AS token, :'ana'::jsonb ->> 'refresh_token' AS refresh, :'ana'::jsonb -> 'organisations' -> 0 ->> 'org_id' AS acme \gset
SELECT is((pg_temp.ask('POST', '/auth/register', '{"email": "ANA@acme.example", "password": "another horse"}')).status, 409, 'an address has one account');
SELECT is((pg_temp.ask('POST', '/auth/register', body)).status, 400, 'refused: ' || why) FROM (VALUES
    ('{"email": "ana", "password": "correct horse"}', 'no address'), ('{"email": "b@acme.example", "password": "short"}', 'a short password'),
    ('{"password": "correct horse"}', 'no address at all'), ('{"email": "b@acme.example"}', 'no password'), ('[]', 'no object')) v (body, why);
SELECT matches((SELECT password_hash FROM sentinel.accounts), '^\$2[abxy]\$12\$', 'the password is kept as bcrypt of cost 12');
SELECT is((SELECT count(*) FROM sentinel.accounts a WHERE strpos(to_jsonb(a)::text, 'correct horse') > 0), 0::bigint, 'and not otherwise');
SELECT sentinel.configure_gateway('{"registration": "invite"}');
SELECT is((pg_temp.ask('POST', '/auth/register', '{"email": "b@acme.example", "password": "correct horse"}')).status, 403, 'where registration takes an invite');
SELECT sentinel.configure_gateway('{"registration": "closed"}');
SELECT is((pg_temp.ask('POST', '/auth/register', '{"email": "b@acme.example", "password": "correct horse", "invite_token": "x"}')).status, 403, 'or is closed');
SELECT sentinel.configure_gateway('{"registration": "open"}');

-- Signing in.
SELECT is((pg_temp.sign_in('ANA@acme.example', 'correct horse')).status, 200, 'signing in, the address in any case');
SELECT is((pg_temp.sign_in('ana@acme.example', 'correct horsf')).status, 401, 'with a wrong password');
SELECT is((pg_temp.sign_in('nobody@acme.example', 'correct horse')).said, (pg_temp.sign_in('ana@acme.example', 'wrong')).said, 'an unknown address gets the same answer');
SELECT sentinel.set_password((:'ana'::jsonb -> 'user' ->> 'id')::uuid, repeat('p', 72) || 'x', now());
SELECT is((pg_temp.sign_in('ana@acme.example', repeat('p', 72) || 'y')).status, 401, 'characters beyond the 72nd count');
SELECT is((pg_temp.sign_in('ana@acme.example', repeat('p', 72) || 'x')).status, 200, 'all of them');
SELECT sentinel.set_password((:'ana'::jsonb -> 'user' ->> 'id')::uuid, 'correct horse', now());
UPDATE sentinel.rate_tiers SET capacity = 3 WHERE tier = 'account';
SELECT is((SELECT array_agg((pg_temp.sign_in('bo@acme.example', 'x' || n)).status) FROM generate_series(1, 5) n), '{401,401,401,429,429}', 'an account is tried three times');
SELECT is((pg_temp.sign_in('cy@acme.example', 'x')).status, 401, 'another by itself');
UPDATE sentinel.rate_tiers SET capacity = 1000 WHERE tier = 'account';

-- The access token.
SELECT is((pg_temp.ask('GET', '/auth/me', token => :'token')).body -> 'user' ->> 'email', 'ana@acme.example', 'the token says who it is');
SELECT is((pg_temp.ask('GET', '/auth/me', token => :'token')).body ->> 'org_id', :'acme', 'in the own organisation');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'token', at => now() + interval '14 minutes'), 200, 'it holds for a quarter of an hour');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'token', at => now() + interval '16 minutes'), 401, 'no longer');
SELECT is(pg_temp.status('GET', '/auth/me', token => overlay(:'token' PLACING CASE substr(:'token', n, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM n FOR 1)), 401,
    'it does not hold with a letter changed: ' || n) FROM (VALUES (5), (60), (length(:'token') - 5)) v (n);
SELECT is(pg_temp.status('GET', '/auth/me', token => split_part(:'token', '.', 1) || '.' || split_part(:'token', '.', 2) || '.'), 401, 'without its signature');
SELECT is(pg_temp.status('GET', '/auth/me', token => rtrim(translate(encode(convert_to('{"alg":"none"}', 'UTF8'), 'base64'), E'+/=\n', '-_'), '=')
    || '.' || split_part(:'token', '.', 2) || '.'), 401, 'of another algorithm');
SELECT is(pg_temp.status('GET', '/auth/me', token => sentinel.sign_token(jsonb_build_object('aud', 'sentinel-stream', 'sub', :'ana'::jsonb -> 'user' ->> 'id',
    'sid', (SELECT id FROM sentinel.sessions LIMIT 1), 'exp', extract(epoch FROM now()) + 60))), 401, 'for another audience');
SELECT is(pg_temp.status('GET', '/auth/me', token => sentinel.sign_token(jsonb_build_object('aud', 'sentinel', 'sub', gen_random_uuid(),
    'sid', (SELECT id FROM sentinel.sessions LIMIT 1), 'exp', extract(epoch FROM now()) + 60))), 401, 'for another person than the session''s');

-- Refreshing.
SELECT (a).body ->> 'refresh_token' AS refresh2, (a).body ->> 'token' AS token2, (a).status AS status
FROM (SELECT pg_temp.ask('POST', '/auth/refresh', jsonb_build_object('refreshToken', :'refresh')::text) AS a) x \gset
SELECT is(:status, 200, 'a refresh token is exchanged');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'token2'), 200, 'for a token that holds');
SELECT is(pg_temp.status('POST', '/auth/refresh', jsonb_build_object('refresh_token', :'refresh')::text), 401, 'once');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'token2'), 200, 'a second time within seconds ends nothing');
SELECT is(pg_temp.status('POST', '/auth/refresh', jsonb_build_object('refresh_token', :'refresh')::text, at => now() + interval '11 seconds'), 401, 'after that it is theft');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'token2'), 401, 'and ends the session');
SELECT is((SELECT ended_why FROM sentinel.sessions WHERE ended_at IS NOT NULL), 'reuse', 'which says why');
SELECT is(pg_temp.status('POST', '/auth/refresh', jsonb_build_object('refresh_token', :'refresh2')::text), 401, 'for who holds the next token too');
SELECT is(pg_temp.status('POST', '/auth/refresh', '{"refresh_token": "x"}'), 401, 'an unknown one');
SELECT is((SELECT count(*) FROM sentinel.refresh_tokens t WHERE strpos(to_jsonb(t)::text, :'refresh2') > 0), 0::bigint, 'tokens are kept as hashes');

-- Sessions and passwords.
SELECT (pg_temp.sign_in('ana@acme.example', 'correct horse')).body ->> 'token' AS token \gset
SELECT (pg_temp.sign_in('ana@acme.example', 'correct horse')).body ->> 'token' AS other \gset
SELECT is((pg_temp.ask('GET', '/auth/sessions', token => :'token')).body -> 'data' -> 0 ->> 'client_address', '203.0.113.9', 'a session knows where it came from');
SELECT is((SELECT count(*) FROM jsonb_array_elements((pg_temp.ask('GET', '/auth/sessions', token => :'token')).body -> 'data') s WHERE (s ->> 'this_one')::boolean), 1::bigint,
    'one of the own sessions is this one');
SELECT is(pg_temp.status('POST', '/auth/password', '{"current_password": "wrong", "new_password": "better horse"}', :'token'), 403, 'the password so far is asked for');
SELECT is(pg_temp.status('POST', '/auth/password', '{"current_password": "correct horse", "new_password": "better horse"}', :'token'), 204, 'the password changes');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'other'), 401, 'other sessions end');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'token'), 200, 'this one goes on');
SELECT is((pg_temp.sign_in('ana@acme.example', 'correct horse')).status, 401, 'the old password no longer holds');
SELECT (pg_temp.sign_in('ana@acme.example', 'better horse')).body ->> 'token' AS other \gset
SELECT s ->> 'id' AS other_id FROM jsonb_array_elements((pg_temp.ask('GET', '/auth/sessions', token => :'other')).body -> 'data') s WHERE (s ->> 'this_one')::boolean \gset
SELECT is(pg_temp.status('DELETE', '/auth/sessions/' || :'other_id', token => :'token'), 204, 'a session is ended from another');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'other'), 401, 'at once');
SELECT is(pg_temp.status('DELETE', '/auth/sessions/' || gen_random_uuid(), token => :'token'), 404, 'an unknown one');
SELECT (pg_temp.sign_in('ana@acme.example', 'better horse')).body ->> 'token' AS other \gset
SELECT is(pg_temp.status('POST', '/auth/logout', token => :'other'), 204, 'signing out');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'other'), 401, 'ends the session');
SELECT throws_ok($$SELECT sentinel.make_password_token('who@acme.example')$$, 'SN004', NULL, 'a token to set a password is for people that are known');
SELECT sentinel.make_password_token('ana@acme.example') AS reset \gset
SELECT is((pg_temp.ask('POST', '/auth/password/set', jsonb_build_object('token', :'reset', 'password', 'third horse')::text)).body -> 'user' -> 'email_verified', 'true',
    'it sets one, and shows that the address is the person''s');
SELECT is(pg_temp.status('POST', '/auth/password/set', jsonb_build_object('token', :'reset', 'password', 'fourth horse')::text), 404, 'once');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'token'), 401, 'sessions before it end');
SELECT sentinel.make_password_token('ana@acme.example', '1 hour') AS reset \gset
SELECT is(pg_temp.status('POST', '/auth/password/set', jsonb_build_object('token', :'reset', 'password', 'fourth horse')::text, at => now() + interval '61 minutes'), 404, 'not later than it holds');
SELECT (pg_temp.sign_in('ana@acme.example', 'third horse')).body ->> 'token' AS token \gset

-- Whoever registers an address that is not theirs gets nothing of what others gave the address.
SELECT sentinel.enter(:'acme');
SELECT sentinel.add_member('Dora', 'dora@acme.example', 'admin') AS dora \gset
SELECT sentinel.leave();
SELECT (pg_temp.ask('POST', '/auth/register', '{"email": "dora@acme.example", "password": "evil horses"}')).body AS evil \gset
SELECT is(jsonb_array_length(:'evil'::jsonb -> 'organisations'), 1, 'an address that was added to an organisation does not open it to who registers it');
SELECT isnt(:'evil'::jsonb -> 'organisations' -> 0 ->> 'org_id', :'acme', 'only an organisation of its own');
SELECT is(pg_temp.status('GET', '/org', token => :'evil'::jsonb ->> 'token', more => jsonb_build_array(jsonb_build_array('X-Org-Id', :'acme'))), 404,
    'nor does naming it');
SELECT is((pg_temp.ask('GET', '/org', token => :'evil'::jsonb ->> 'token', more => jsonb_build_array(jsonb_build_array('X-Org-Id', :'acme')))).said,
          (pg_temp.ask('GET', '/org', token => :'evil'::jsonb ->> 'token', more => jsonb_build_array(jsonb_build_array('X-Org-Id', gen_random_uuid())))).said,
    'an organisation of others is as one that is not');
SELECT sentinel.make_password_token('dora@acme.example') AS reset \gset
SELECT (pg_temp.ask('POST', '/auth/password/set', jsonb_build_object('token', :'reset', 'password', 'doras horse')::text)).body AS dora_in \gset
SELECT is(jsonb_array_length(:'dora_in'::jsonb -> 'organisations'), 2, 'who has the mailbox enters both');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'evil'::jsonb ->> 'token'), 401, 'and the other is out');
SELECT is((pg_temp.ask('GET', '/org', token => :'dora_in'::jsonb ->> 'token', more => jsonb_build_array(jsonb_build_array('X-Org-Id', :'acme')))).body -> 'data' ->> 'name', 'Acme Ltd',
    'X-Org-Id chooses among the own');
SELECT is((pg_temp.ask('GET', '/auth/me', token => :'dora_in'::jsonb ->> 'token', more => jsonb_build_array(jsonb_build_array('X-Org-Id', :'acme')))).body ->> 'role', 'admin', 'with the role there');
SELECT is(pg_temp.status('GET', '/org', token => :'dora_in'::jsonb ->> 'token', more => '[["X-Org-Id", "nonsense"]]'), 400, 'X-Org-Id is a uuid');

-- Invites.
SELECT sentinel.enter(:'acme');
SELECT token AS invite FROM sentinel.invite_member('eve@acme.example', 'member') \gset
SELECT token AS invite2 FROM sentinel.invite_member('dora2@acme.example', 'member') \gset
SELECT sentinel.leave();
SELECT (pg_temp.ask('POST', '/auth/register', jsonb_build_object('email', 'eve@acme.example', 'password', 'eves horse', 'invite_token', :'invite')::text)).body AS eve \gset
SELECT is(:'eve'::jsonb -> 'organisations' -> 0 ->> 'org_id', :'acme', 'who registers with an invite joins');
SELECT is(jsonb_array_length(:'eve'::jsonb -> 'organisations'), 1, 'and founds nothing');
SELECT is(pg_temp.status('POST', '/auth/accept-invite', jsonb_build_object('token', :'invite2')::text, :'eve'::jsonb ->> 'token'), 403, 'an invite is for one address');
SELECT is(pg_temp.status('POST', '/auth/accept-invite', '{"token": "x"}', :'eve'::jsonb ->> 'token'), 404, 'an unknown one');

-- Organisations.
SELECT is((pg_temp.ask('POST', '/orgs', '{"name": "Second", "timezone": "Europe/Berlin"}', :'token')).body -> 'data' ->> 'timezone', 'Europe/Berlin', 'a further organisation');
SELECT is((pg_temp.ask('PATCH', '/org', '{"name": "Acme"}', :'token', more => jsonb_build_array(jsonb_build_array('X-Org-Id', :'acme')))).body -> 'data' ->> 'name', 'Acme', 'gets a name');
SELECT is(pg_temp.status('PATCH', '/org', '{"timezone": "Mars"}', :'token'), 400, 'and only a zone that there is');
SELECT is(pg_temp.status('PATCH', '/org', '{"name": "Eves"}', :'eve'::jsonb ->> 'token'), 403, 'by owners and admins');
SELECT is((SELECT client_address FROM sentinel.audit_log WHERE action = 'org.changed' LIMIT 1), '203.0.113.9'::inet, 'the audit log knows the address of the client');

-- API keys over HTTP.
SELECT (pg_temp.ask('POST', '/api-keys', '{"name": "form", "scopes": ["intake:write"]}', :'eve'::jsonb ->> 'token')).body -> 'data' AS eve_key \gset
SELECT is((pg_temp.ask('GET', '/auth/me', token => :'eve_key'::jsonb ->> 'key')).status, 403, 'a key is bound by its scopes');
SELECT is((SELECT member_id::text FROM sentinel.api_keys WHERE id = (:'eve_key'::jsonb ->> 'id')::uuid), :'eve'::jsonb -> 'organisations' -> 0 ->> 'member_id', 'a member''s key acts as the member');
SELECT is(pg_temp.status('POST', '/api-keys', '{"name": "form", "scopes": ["intake:write"], "member_id": null}', :'eve'::jsonb ->> 'token'), 403, 'a member makes none of the organisation');
SELECT is(pg_temp.status('POST', '/api-keys', '{"name": "form", "scopes": ["all of it"]}', :'eve'::jsonb ->> 'token'), 400, 'scopes are words');
SELECT (pg_temp.ask('POST', '/api-keys', '{"name": "all", "scopes": ["*"]}', :'token')).body -> 'data' AS all_key \gset
SELECT is((pg_temp.ask('POST', '/api-keys', '{"name": "more", "scopes": ["*"]}', :'all_key'::jsonb ->> 'key')).status, 403, 'a key makes no keys');
SELECT is((pg_temp.ask('POST', '/api-keys/' || (:'all_key'::jsonb ->> 'id') || '/rotate', '{"overlap_hours": 1}', :'token')).status, 201, 'a key is rotated');
SELECT is(array_agg(pg_temp.status('GET', '/org', token => :'all_key'::jsonb ->> 'key', at => now() + m * interval '1 minute')), '{200,401}', 'the old one holds for the hour asked for')
FROM (VALUES (59), (61)) v (m);
SELECT is(jsonb_array_length((pg_temp.ask('GET', '/api-keys', token => :'eve'::jsonb ->> 'token')).body -> 'data'), 1, 'members see the keys that they made');
SELECT is(pg_temp.status('DELETE', '/api-keys/' || (:'all_key'::jsonb ->> 'id'), token => :'eve'::jsonb ->> 'token'), 404, 'and revoke no others');
SELECT is(pg_temp.status('DELETE', '/api-keys/' || (:'eve_key'::jsonb ->> 'id'), token => :'eve'::jsonb ->> 'token'), 204, 'a key is revoked');
SELECT is(pg_temp.status('GET', '/org', token => :'eve_key'::jsonb ->> 'key'), 401, 'at once');

-- Tickets, and leaving.
SELECT (pg_temp.ask('POST', '/auth/ticket', token => :'token')).body ->> 'ticket' AS ticket \gset
SELECT is(pg_temp.status('POST', '/orgs', '{"name": "x"}', query => 'ticket=' || :'ticket'), 401, 'a ticket is for GET');
SELECT is(array_agg(pg_temp.status('GET', '/org', query => 'ticket=' || :'ticket') ORDER BY n), '{200,401}', 'once') FROM generate_series(1, 2) n;
SELECT (pg_temp.ask('POST', '/auth/ticket', token => :'token')).body ->> 'ticket' AS ticket \gset
SELECT is(pg_temp.status('GET', '/org', query => 'ticket=' || :'ticket', at => now() + interval '31 seconds'), 401, 'within 30 seconds');
SELECT is((pg_temp.ask('DELETE', '/user/delete', token => :'token')).status, 409, 'the only owner of others cannot leave');
SELECT is((pg_temp.ask('DELETE', '/user/delete', token => :'eve'::jsonb ->> 'token')).status, 200, 'others can');
SELECT is(pg_temp.status('GET', '/auth/me', token => :'eve'::jsonb ->> 'token'), 401, 'and are out');
SELECT ok((SELECT removed_at IS NOT NULL FROM sentinel.members WHERE email = 'eve@acme.example'), 'of the organisation too');

SELECT * FROM finish();
ROLLBACK;
