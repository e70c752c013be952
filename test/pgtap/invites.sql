-- Room tenancy, teams: invites to the organisation and its teams. Source: revenue.md (d).
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(59);

SELECT sentinel.create_org('Invites Ltd', 'invites-pgtap') AS org, sentinel.create_org('Other Ltd', 'invites-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@invites.example', 'owner') AS olga, sentinel.add_member('Adam', 'adam@invites.example', 'admin') AS adam,
       sentinel.add_member('Mira', 'mira@invites.example') AS mira, sentinel.add_member('Vera', 'vera@invites.example', 'viewer') AS vera,
       sentinel.add_team('North') AS north, sentinel.add_team('South') AS south \gset
SELECT sentinel.add_team_member(:'north', :'mira', 'admin');
CREATE ROLE tap_inv_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_inv_vera LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_inv_gate LOGIN IN ROLE sentinel_gateway;
SELECT sentinel.grant_login('tap_inv_mira', :'org', :'mira'), sentinel.grant_login('tap_inv_vera', :'org', :'vera');
CREATE FUNCTION pg_temp.tried(login text, org uuid, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM sentinel.leave(), set_config('role', login, true);
    BEGIN
        IF login NOT LIKE '%gate' THEN
            PERFORM sentinel.enter(org);
        END IF;
        EXECUTE command INTO result;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE || ' ' || SQLERRM;
    END;
    PERFORM set_config('role', 'none', true), sentinel.enter(org);
    RETURN result;
END
$$;

-- Making.
SELECT sentinel.enter(:'org', :'adam');
SELECT invite_id AS first, token AS first_token, expires_at AS first_end FROM sentinel.invite_member('  New@Invites.example ') \gset
SELECT matches(:'first_token'::text, '^' || replace(:'org', '-', '') || '[0-9a-f]{64}$', 'a token is the organisation and random bits');
SELECT is(:'first_end'::timestamptz, now() + interval '168 hours', 'for seven days');
SELECT results_eq(format('SELECT email, role, team_id, invited_by, encode(token_sha256, ''hex'') FROM sentinel.invites WHERE id = %L', :'first'),
    format($$VALUES ('new@invites.example', 'member', NULL::uuid, %L::uuid, encode(sha256(%L), 'hex'))$$, :'adam', :'first_token'), 'the address is trimmed and lower-case, and of the token only the SHA-256 is kept');
SELECT is((SELECT count(*) FROM sentinel.audit_log WHERE org_id = :'org' AND detail::text LIKE '%' || right(:'first_token', 64) || '%'), 0::bigint, 'no token in the audit log');
SELECT is((SELECT count(*) FROM sentinel.events WHERE org_id = :'org' AND (payload::text LIKE '%' || right(:'first_token', 64) || '%' OR payload::text LIKE '%new@%')), 0::bigint, 'nor in an event, nor the address');
SELECT invite_id AS second, token AS second_token FROM sentinel.invite_member('new@invites.example', 'viewer') \gset
SELECT results_eq('SELECT invite_id, email, role, expired FROM sentinel.list_invites()', format($$VALUES (%L::uuid, 'new@invites.example', 'viewer', false)$$, :'second'), 'a second invite takes the place of the first');
SELECT isnt(:'second_token'::text, :'first_token', 'with another token');
SELECT throws_ok(format('SELECT sentinel.%s', command), state, message, command) FROM (VALUES
    ('invite_member(''MIRA@invites.example '')', '23505', '"mira@invites.example" is a member already'),
    ('invite_member(''nobody'')', 'SN007', 'invalid e-mail address "nobody"'), ('invite_member(NULL)', 'SN007', NULL),
    ('invite_member(''a@invites.example'', ''owner'')', '22023', 'unknown role "owner"'),
    ('invite_member(''a@invites.example'', NULL)', '22023', NULL),
    ('invite_member(''a@invites.example'', as_of => now() + interval ''1 day'')', 'SN007', NULL),
    ('invite_member(''a@invites.example'', as_of => ''infinity'')', 'SN007', NULL),
    (format('invite_to_team(%L, ''mira@invites.example'')', :'north'), '23505', NULL),
    (format('invite_to_team(%L, ''vera@invites.example'', ''owner'')', :'north'), '22023', NULL),
    (format('invite_to_team(%L, ''vera@invites.example'')', sentinel.uuid7()), 'SN004', NULL)) t(command, state, message);

-- Who may.
SELECT is(left(pg_temp.tried(login, :'org', command), 5), expected, login || ': ' || command) FROM (VALUES
    ('tap_inv_mira', 'SELECT sentinel.invite_member(''x@invites.example'')', 'SN003'),
    ('tap_inv_vera', 'SELECT sentinel.invite_member(''x@invites.example'')', 'SN003'),
    ('tap_inv_vera', format('SELECT sentinel.invite_to_team(%L, ''x@invites.example'')', :'north'), 'SN003'),
    ('tap_inv_mira', format('SELECT sentinel.invite_to_team(%L, ''vera@invites.example'')', :'south'), 'SN003'),
    ('tap_inv_mira', format('SELECT sentinel.invite_to_team(%L, ''x@invites.example'')', :'north'), 'SN003'),
    ('tap_inv_mira', format('SELECT email FROM sentinel.invites'), '42501'),
    ('tap_inv_mira', format('SELECT sentinel.revoke_invite(%L)', :'second'), 'SN004')) t(login, command, expected);
SELECT pg_temp.tried('tap_inv_mira', :'org', format('SELECT token FROM sentinel.invite_to_team(%L, ''vera@invites.example'', ''member'')', :'north')) AS vera_token \gset
SELECT matches(:'vera_token'::text, '^[0-9a-f]{96}$', 'an admin of a team invites a member of the organisation to it');
SELECT is(pg_temp.tried('tap_inv_mira', :'org', 'SELECT string_agg(email, '' '') FROM sentinel.list_invites()'), 'vera@invites.example', 'and lists the invites of the team');
SELECT is(pg_temp.tried('tap_inv_vera', :'org', 'SELECT count(*) FROM sentinel.list_invites()'), '0', 'others list none');

-- Accepting.
SELECT sentinel.enter(:'org');
SELECT is(left(pg_temp.tried('tap_inv_gate', :'org', format('SELECT member_id FROM sentinel.accept_invite_as(%L, %L)', address, token)), 40), expected, why) FROM (VALUES
    ('new@invites.example', :'first_token', 'SN004 no such invite', 'a replaced invite is none'),
    ('new@invites.example', left(:'second_token', 95) || CASE right(:'second_token', 1) WHEN '0' THEN '1' ELSE '0' END, 'SN004 no such invite', 'nor is a token that is one digit off'),
    ('new@invites.example', 'abc', 'SN004 no such invite', 'nor any text'), ('new@invites.example', NULL, 'SN004 no such invite', 'nor nothing'),
    ('other@invites.example', :'second_token', 'SN003 this invite is for another address', 'another address is refused'),
    (NULL, :'second_token', 'SN003 this invite is for another address', 'so is none')) t(address, token, expected, why);
SELECT pg_temp.tried('tap_inv_gate', :'org', format('SELECT member_id FROM sentinel.accept_invite_as('' New@INVITES.example '', %L, '' Nora '')', :'second_token')) AS nora \gset
SELECT results_eq(format('SELECT email, role, display_name FROM sentinel.members WHERE id = %L', :'nora'), $$VALUES ('new@invites.example', 'viewer', 'Nora')$$, 'who was invited becomes a member with that role');
SELECT is((SELECT count(*) FROM sentinel.invites WHERE id = :'second'), 0::bigint, 'the invite is gone');
SELECT is((SELECT string_agg(action, ' ' ORDER BY id) FROM sentinel.audit_log WHERE org_id = :'org' AND member_id = :'nora'), 'invite.accepted member.added', 'the audit log knows who');
SELECT is(left(pg_temp.tried('tap_inv_gate', :'org', format('SELECT sentinel.accept_invite_as(''new@invites.example'', %L)', :'second_token')), 5), 'SN004', 'an invite is accepted once');
SELECT is(pg_temp.tried('tap_inv_mira', :'org', format('SELECT sentinel.accept_invite(%L)', :'vera_token')), 'SN003 this invite is for another address', 'a member accepts own invites only');
SELECT is(pg_temp.tried('tap_inv_mira', :'org', format('SELECT sentinel.accept_invite_as(''vera@invites.example'', %L)', :'vera_token')), '42501 permission denied for function accept_invite_as', 'and not in the name of others');
SELECT is(pg_temp.tried('tap_inv_vera', :'org', format('SELECT sentinel.accept_invite(%L)', :'vera_token')), :'north', 'a member of the organisation accepts an invite to a team');
SELECT is((SELECT role FROM sentinel.team_members WHERE team_id = :'north' AND member_id = :'vera'), 'member', 'and is in it');
SELECT is((SELECT role FROM sentinel.members WHERE id = :'vera'), 'viewer', 'the role in the organisation stays');
SELECT token AS team_token FROM sentinel.invite_to_team(:'south', 'outside@invites.example', 'admin') \gset
SELECT is((SELECT t.team_id FROM sentinel.accept_invite_as('outside@invites.example', :'team_token') t), :'south'::uuid, 'an outsider comes into organisation and team at once');
SELECT is((SELECT m.role || ' ' || x.role || ' ' || m.display_name FROM sentinel.members m JOIN sentinel.team_members x ON x.org_id = m.org_id AND x.member_id = m.id
    WHERE m.org_id = :'org' AND m.email = 'outside@invites.example'), 'member admin outside', 'as a member, and with the role of the invite in the team');

-- Expiry, to the instant.
SELECT token AS old_token FROM sentinel.invite_member('late@invites.example', as_of => now() - interval '168 hours') \gset
SELECT is((SELECT bool_and(expired) FROM sentinel.list_invites() WHERE email = 'late@invites.example'), true, 'seven days later an invite has expired');
SELECT throws_ok(format('SELECT sentinel.accept_invite_as(''late@invites.example'', %L)', :'old_token'), 'SN003', 'this invite has expired', 'and is refused');
SELECT is((SELECT bool_or(expired) FROM sentinel.list_invites(now() - interval '1 microsecond') WHERE email = 'late@invites.example'), false, 'not a microsecond before');
SELECT token AS fresh_token FROM sentinel.invite_member('late@invites.example', as_of => now() - interval '167 hours') \gset
SELECT isnt((SELECT t.member_id FROM sentinel.accept_invite_as('late@invites.example', :'fresh_token') t), NULL, 'an hour is left');

-- The plan of the organisation, not of who joins.
SAVEPOINT plans;
SELECT token AS plan_token FROM sentinel.invite_member('full@invites.example') \gset
SELECT sentinel.set_org_plan_limit('team_members', (SELECT count(*) FROM sentinel.members WHERE org_id = :'org' AND removed_at IS NULL));
SELECT throws_ok(format('SELECT sentinel.accept_invite_as(''full@invites.example'', %L)', :'plan_token'), 'SN003', NULL, 'a full organisation takes nobody in');
SELECT is((SELECT count(*) FROM sentinel.invites WHERE email = 'full@invites.example'), 1::bigint, 'and the invite stays');
SELECT sentinel.set_org_plan_limit('team_members', NULL);
SELECT isnt((SELECT t.member_id FROM sentinel.accept_invite_as('full@invites.example', :'plan_token') t), NULL, 'when there is room, it holds');
ROLLBACK TO plans;

-- Revoking, and invites of who is removed.
SELECT invite_id AS gone, token AS gone_token FROM sentinel.invite_member('gone@invites.example') \gset
SELECT lives_ok(format('SELECT sentinel.revoke_invite(%L)', :'gone'), 'an invite is revoked');
SELECT throws_ok(format('SELECT sentinel.accept_invite_as(''gone@invites.example'', %L)', :'gone_token'), 'SN004', NULL, 'and is none');
SELECT sentinel.enter(:'org', :'adam');
SELECT token AS friend_token FROM sentinel.invite_member('friend@invites.example', 'admin') \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.remove_member(:'adam');
SELECT throws_ok(format('SELECT sentinel.accept_invite_as(''friend@invites.example'', %L)', :'friend_token'), 'SN004', NULL, 'nobody comes in by the hand of one who is out');
SELECT sentinel.enter(:'other');
SELECT is((SELECT count(*) FROM sentinel.list_invites()), 0::bigint, 'another organisation lists none of it');

-- The e-mail: given what only its sender knows.
SELECT is((SELECT subject FROM sentinel.invite_email('A', 'B', 'admin', 'https://x.example/i/1')), 'You''re Invited to Join Sentinel', 'its subject');
SELECT matches((SELECT html FROM sentinel.invite_email('A & Co', '<b>Eve</b>', 'admin', 'https://x.example/i?a=1&b=2')),
    '<p>&lt;b&gt;Eve&lt;/b&gt; invites you to join <strong>A &amp; Co</strong> as Administrator.</p><p><a href="https://x.example/i\?a=1&amp;b=2">', 'its body is escaped');
SELECT matches((SELECT text FROM sentinel.invite_email('A & Co', 'Eve', 'manager', 'https://x.example/i?a=1&b=2')), E'^Eve invites you to join A & Co as Member.\n\nhttps://x.example/i\\?a=1&b=2\n\nIt expires in 7 days.\n$', 'its text is plain');
SELECT throws_ok($$SELECT sentinel.invite_email('A', 'B', 'admin', 'javascript:alert(1)')$$, 'SN007', NULL, 'a link leads to the web');

SELECT * FROM finish();
ROLLBACK;
