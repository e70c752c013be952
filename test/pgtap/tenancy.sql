-- Room tenancy: organisations, members, teams, who may enter and do what, and the audit log.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(91);

-- Ids by name; {name} in a command below stands for the quoted id.
CREATE TEMP TABLE known (name text PRIMARY KEY, id uuid NOT NULL);
CREATE FUNCTION pg_temp.filled(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    spot record;
BEGIN
    FOR spot IN SELECT * FROM known LOOP
        command := replace(command, '{' || spot.name || '}', quote_literal(spot.id));
    END LOOP;
    RETURN command;
END
$$;
-- Run a command as a login, with an organisation entered if one is named; give its value, or the error as "state message".
CREATE FUNCTION pg_temp.tried(login name, org text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    entry text := 'SELECT sentinel.enter(' || pg_temp.filled('{' || org || '}') || ')';
    result text;
BEGIN
    command := pg_temp.filled(command);
    PERFORM sentinel.leave();
    PERFORM set_config('role', login, true);
    IF org IS NOT NULL THEN
        EXECUTE entry;
    END IF;
    EXECUTE command INTO result;
    PERFORM set_config('role', 'none', true);
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- Run a command that fails; give its state, and what is missing from the error.
CREATE FUNCTION pg_temp.problem(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE pg_temp.filled(command);
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || CASE WHEN detail = '' THEN ' no detail' ELSE '' END || CASE WHEN hint = '' THEN ' no hint' ELSE '' END;
END
$$;
CREATE ROLE tenancy_reader LOGIN IN ROLE sentinel_reader;
CREATE ROLE tenancy_stranger LOGIN IN ROLE sentinel_reader;
CREATE ROLE tenancy_operator LOGIN IN ROLE sentinel_operator;
CREATE ROLE tenancy_admin LOGIN IN ROLE sentinel_admin;
CREATE ROLE tenancy_boss LOGIN IN ROLE sentinel_member;
CREATE ROLE tenancy_aide LOGIN IN ROLE sentinel_member;
CREATE ROLE tenancy_clerk LOGIN IN ROLE sentinel_member;
CREATE ROLE tenancy_viewer LOGIN IN ROLE sentinel_member;

-- Organisations.
INSERT INTO known VALUES ('one', sentinel.create_org('Acme & Söhne Ltd.', timezone => 'Europe/Berlin')),
    ('two', sentinel.create_org('Other', 'tenancy-other')), ('nothing', '00000000-0000-7000-8000-000000000000');
SELECT is((SELECT slug FROM sentinel.orgs JOIN known ON id = org_id AND known.name = 'one'), 'acme-s-hne-ltd', 'a slug is made of the name');
SELECT sentinel.create_org(repeat('Long name ', 20)) AS long \gset
SELECT is((SELECT slug FROM sentinel.orgs WHERE org_id = :'long'), rtrim(left(repeat('long-name-', 20), 63), '-'), 'of a long name it is cut');
SELECT is((SELECT count(*) FROM sentinel.event_routes WHERE org_id = :'long'),
          (SELECT count(*) FROM sentinel.default_event_routes), 'an organisation starts with the default routes');
SELECT is(pg_temp.problem(command), expected, command) FROM (VALUES
    ($$SELECT sentinel.create_org(' ')$$, 'SN007'),
    ($$SELECT sentinel.create_org(NULL)$$, 'SN007'),
    ($$SELECT sentinel.create_org(repeat('x', 201))$$, 'SN007'),
    ($$SELECT sentinel.create_org('A', 'Not a slug')$$, 'SN007'),
    ($$SELECT sentinel.create_org('A', '-a')$$, 'SN007'),
    ($$SELECT sentinel.create_org('A', 'tenancy-other')$$, '23505'),
    ($$SELECT sentinel.create_org('A', timezone => 'Mars/Base')$$, '22023'),
    ($$SELECT sentinel.add_member('Ann', 'ann@example.com')$$, 'SN002'),
    ($$SELECT sentinel.grant_login('tenancy_nobody', {one})$$, '42704')) t(command, expected);

-- Members and teams.
SELECT sentinel.enter(id) FROM known WHERE name = 'two';
INSERT INTO known VALUES ('foe', sentinel.add_member('Foe', 'foe@example.com', 'owner')), ('foes', sentinel.add_team('Foes'));
SELECT sentinel.enter(id) FROM known WHERE name = 'one';
INSERT INTO known VALUES ('boss', sentinel.add_member('Boss', ' Boss@Example.com ', 'owner')),
    ('aide', sentinel.add_member('Aide', 'aide@example.com', 'admin')), ('clerk', sentinel.add_member('Clerk', 'clerk@example.com')),
    ('viewer', sentinel.add_member('Viewer', 'viewer@example.com', 'viewer')), ('guest', sentinel.add_member('Guest', 'foe@example.com')),
    ('sales', sentinel.add_team('Sales')), ('support', sentinel.add_team('Support'));
SELECT is((SELECT m.email FROM sentinel.members m JOIN known k USING (id) WHERE k.name = 'boss'), 'boss@example.com',
          'an address is kept trimmed and lower-case');
SELECT is((SELECT count(DISTINCT user_id)::integer FROM sentinel.members m JOIN known k USING (id) WHERE k.name IN ('foe', 'guest')), 1,
          'one address is one person in both organisations');
SELECT isnt((SELECT substr(u.id::text, 15, 1) FROM sentinel.users u WHERE u.email = 'foe@example.com'), '7',
            'whose id tells no time, so that nobody learns who was known before');
SELECT sentinel.add_team_member(t.id, m.id, v.role) FROM (VALUES ('sales', 'clerk', 'admin'), ('support', 'clerk', 'viewer'),
    ('support', 'viewer', 'member'), ('sales', 'viewer', 'viewer')) v(team, member, role)
    JOIN known t ON t.name = v.team JOIN known m ON m.name = v.member;
SELECT is(pg_temp.problem(command), expected, command) FROM (VALUES
    ($$SELECT sentinel.add_member('Ann', 'no address')$$, 'SN007'),
    ($$SELECT sentinel.add_member('Ann', NULL)$$, 'SN007'),
    ($$SELECT sentinel.add_member(' ', 'ann@example.com')$$, 'SN007'),
    ($$SELECT sentinel.add_member('Ann', 'ann@example.com', 'king')$$, '22023'),
    ($$SELECT sentinel.add_member('Ann', 'ann@example.com', NULL)$$, '22023'),
    ($$SELECT sentinel.add_member('Boss', 'BOSS@example.com')$$, '23505'),
    ($$SELECT sentinel.set_member_role({foe}, 'member')$$, 'SN004'),
    ($$SELECT sentinel.set_member_role({clerk}, 'king')$$, '22023'),
    ($$SELECT sentinel.set_member_role({boss}, 'member')$$, 'SN003'),
    ($$SELECT sentinel.remove_member({foe})$$, 'SN004'),
    ($$SELECT sentinel.remove_member({boss})$$, 'SN003'),
    ($$SELECT sentinel.remove_team_member({sales}, {aide})$$, 'SN004'),
    ($$SELECT sentinel.add_team('')$$, 'SN007')) t(command, expected);
SELECT is(pg_temp.tried('none', 'one', 'SELECT sentinel.add_team_member({foes}, {clerk})'),
          pg_temp.tried('none', 'one', 'SELECT sentinel.add_team_member({nothing}, {clerk})'),
          'a foreign team is answered like an unknown one');

-- Logins.
SELECT sentinel.grant_login(v.login, o.id, m.id)
FROM (VALUES ('tenancy_reader'::name, NULL), ('tenancy_operator', NULL), ('tenancy_boss', 'boss'), ('tenancy_aide', 'aide'),
             ('tenancy_clerk', 'clerk'), ('tenancy_viewer', 'viewer')) v(login, member)
     JOIN known o ON o.name = 'one' LEFT JOIN known m ON m.name = v.member;
SELECT is(pg_temp.tried(login, org, command), expected, login || ': ' || command) FROM (VALUES
    ('tenancy_reader'::name, NULL, 'SELECT count(*) FROM sentinel.orgs', '0'),
    ('tenancy_reader', 'one', 'SELECT string_agg(name, '','') FROM sentinel.orgs', 'Acme & Söhne Ltd.'),
    ('tenancy_boss', 'one', 'SELECT sentinel.current_member() = {boss}', 'true'),
    ('tenancy_admin', NULL, 'SELECT sentinel.enter({one}, {clerk})', ''),
    ('tenancy_reader', NULL, 'SELECT sentinel.enter(NULL)', '22004 the organisation is null'),
    ('tenancy_reader', NULL, 'SELECT sentinel.current_org()', NULL),
    ('tenancy_reader', NULL, 'SELECT sentinel.require_org()', 'SN002 no organisation entered'),
    ('tenancy_boss', 'one', 'SELECT sentinel.revoke_login(''tenancy_reader'', {one})', '42501 permission denied for function revoke_login'),
    ('tenancy_reader', 'one', 'SELECT sentinel.add_team(''x'')', '42501 permission denied for function add_team'),
    ('tenancy_reader', 'one', 'SELECT count(*) FROM sentinel.audit_log', '42501 permission denied for table audit_log'),
    ('tenancy_operator', 'one', 'SELECT count(*) > 10 FROM sentinel.audit_log', 'true'),
    ('tenancy_reader', 'one', 'SELECT count(*) FROM sentinel.users', '42501 permission denied for table users'),
    ('tenancy_reader', NULL, 'SET sentinel.org_id = {one}', '42501 permission denied to set parameter "sentinel.org_id"'),
    ('tenancy_reader', NULL, 'SELECT set_config(''sentinel.org_id'', {one}, true)', '42501 permission denied to set parameter "sentinel.org_id"'),
    ('tenancy_clerk', 'one', 'RESET sentinel.member_id', '42501 permission denied to set parameter "sentinel.member_id"'),
    ('tenancy_clerk', 'one', 'SET sentinel.member_role = owner', '42501 permission denied to set parameter "sentinel.member_role"')
    ) t(login, org, command, expected);
SELECT throws_ok('SET sentinel.something = 1', '42602', NULL, 'the prefix of the settings is reserved');
SELECT is(left(pg_temp.tried(login, NULL, command), 5), expected, login || ': ' || command) FROM (VALUES
    ('tenancy_reader'::name, 'SELECT sentinel.enter({two})', 'SN003'),
    ('tenancy_reader', 'SELECT sentinel.enter({one}, {clerk})', 'SN003'),
    ('tenancy_boss', 'SELECT sentinel.enter({one}, {clerk})', 'SN003'),
    ('tenancy_boss', 'SELECT sentinel.enter({one}, {foe})', 'SN003'),
    ('tenancy_admin', 'SELECT sentinel.enter({one}, {foe})', 'SN004'),
    ('none', 'SELECT sentinel.grant_login(''tenancy_stranger'', {one}, {foe})', 'SN004')) t(login, command, expected);
SELECT is((SELECT replace(pg_temp.tried('tenancy_reader', k.name, 'SELECT 1'), k.id::text, 'ORG') FROM known k WHERE k.name = 'two'),
          (SELECT replace(pg_temp.tried('tenancy_reader', k.name, 'SELECT 1'), k.id::text, 'ORG') FROM known k WHERE k.name = 'nothing'),
          'a foreign organisation is answered like an unknown one');

-- Scope of enter() and leave().
SELECT sentinel.enter(id) FROM known WHERE name = 'one';
SAVEPOINT inside;
SELECT sentinel.enter(id) FROM known WHERE name = 'two';
SELECT is(sentinel.current_org(), (SELECT id FROM known WHERE name = 'two'), 'one organisation after the other');
ROLLBACK TO inside;
SELECT is(sentinel.current_org(), (SELECT id FROM known WHERE name = 'one'), 'a rollback brings the first back');
SELECT sentinel.leave();
SELECT is(sentinel.current_org(), NULL, 'leave() leaves');

-- Rights on a row of an owner and a team, as view, edit, assign. Source: revenue.md (d).
SELECT is(pg_temp.tried(login, 'one', format('SELECT string_agg(sentinel.may(a, %s, %s)::text, '' '')
              FROM unnest(ARRAY[''view'', ''edit'', ''assign'']) a', team, owner)), expected, login || ': ' || what) FROM (VALUES
    ('tenancy_reader'::name, 'any deal', 'NULL', '{boss}', 'true true true'),
    ('tenancy_boss', 'deal of another', 'NULL', '{clerk}', 'true true true'),
    ('tenancy_aide', 'deal of another', 'NULL', '{clerk}', 'true true true'),
    ('tenancy_clerk', 'deal of another', 'NULL', '{boss}', 'false false false'),
    ('tenancy_clerk', 'own deal', 'NULL', '{clerk}', 'true true false'),
    ('tenancy_clerk', 'deal of a team, as its admin', '{sales}', '{boss}', 'true true true'),
    ('tenancy_clerk', 'deal of a team, as its viewer', '{support}', '{boss}', 'true false false'),
    ('tenancy_clerk', 'own deal of a team, as its viewer', '{support}', '{clerk}', 'true true false'),
    ('tenancy_viewer', 'deal of a team, as its member', '{support}', '{boss}', 'true true false'),
    ('tenancy_viewer', 'deal of a foreign team', '{foes}', '{foe}', 'false false false'),
    ('tenancy_viewer', 'deal of nobody', 'NULL', 'NULL', 'false false false')) t(login, what, team, owner, expected);
SELECT is(pg_temp.tried('tenancy_clerk', 'one', 'SELECT sentinel.may(''rule'', NULL, NULL)'), '22023 unknown action "rule"', 'a right has a name');
SELECT is(pg_temp.tried('tenancy_clerk', NULL, 'SELECT sentinel.may(''view'', NULL, {clerk})'), 'false', 'who has not entered may nothing');
-- Rights on members and teams.
SELECT is(left(pg_temp.tried(login, 'one', command), 5), expected, login || ': ' || command) FROM (VALUES
    ('tenancy_clerk'::name, 'SELECT sentinel.add_member(''X'', ''x@example.com'')', 'SN003'),
    ('tenancy_aide', 'SELECT sentinel.add_member(''X'', ''x@example.com'', ''owner'')', 'SN003'),
    ('tenancy_aide', 'SELECT sentinel.set_member_role({aide}, ''owner'')', 'SN003'),
    ('tenancy_clerk', 'SELECT sentinel.remove_member({viewer})', 'SN003'),
    ('tenancy_viewer', 'SELECT sentinel.add_team(''X'')', 'SN003'),
    ('tenancy_viewer', 'SELECT sentinel.add_team_member({support}, {aide})', 'SN003'),
    ('tenancy_clerk', 'SELECT sentinel.add_team_member({sales}, {viewer}, ''admin'')', 'SN003'),
    ('tenancy_clerk', 'SELECT sentinel.add_team_member({sales}, {aide}, ''owner'')', 'SN003'),
    ('tenancy_viewer', 'SELECT sentinel.remove_team_member({sales}, {clerk})', 'SN003'),
    ('tenancy_clerk', 'SELECT sentinel.add_team_member({sales}, {guest})', ''),
    ('tenancy_clerk', 'SELECT sentinel.remove_team_member({sales}, {guest})', ''),
    ('tenancy_viewer', 'SELECT sentinel.remove_team_member({sales}, {viewer})', ''),
    ('tenancy_aide', 'SELECT sentinel.remove_member({viewer})', ''),
    ('tenancy_viewer', 'SELECT 1', 'SN003'),
    ('tenancy_boss', 'SELECT sentinel.set_member_role({aide}, ''member'')', ''),
    ('tenancy_aide', 'SELECT sentinel.add_team(''X'')', 'SN003')) t(login, command, expected);

-- The audit log.
SELECT is((SELECT string_agg(DISTINCT a.action, ' ' ORDER BY a.action) FROM sentinel.audit_log a JOIN known k ON k.id = a.org_id AND k.name = 'one'),
          'member.added member.removed member.role_changed team.created team.member_added team.member_removed', 'changes are in the audit log');
SELECT is((SELECT a.member_id FROM sentinel.audit_log a WHERE a.action = 'member.role_changed'), (SELECT id FROM known WHERE name = 'boss'),
          'with the member who made them');
SELECT is(pg_temp.problem(command), 'SN006', command) FROM (VALUES ('UPDATE sentinel.audit_log SET action = ''x'''),
    ('DELETE FROM sentinel.audit_log'), ('TRUNCATE sentinel.audit_log')) t(command);
DELETE FROM sentinel.members m USING known k WHERE k.name = 'guest' AND k.id = m.id;
SELECT isnt_empty($$SELECT FROM sentinel.audit_log a JOIN known k ON k.id = a.subject_id AND k.name = 'guest'$$,
                  'and outlive the member they tell of');

SELECT * FROM finish();
ROLLBACK;
