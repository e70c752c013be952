-- Room tenancy, teams: the matrix of revenue.md (d), invites, owners that stay, and what becomes of the work of who leaves.
-- Lines marked "fault" would fail on the original's behaviour.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(109);

CREATE TEMP TABLE known (name text PRIMARY KEY, id uuid NOT NULL);
CREATE TEMP TABLE tokens (name text PRIMARY KEY, token text NOT NULL);
GRANT SELECT ON known, tokens TO PUBLIC;
-- {name} stands for a quoted id, {name.token} for a quoted token.
CREATE FUNCTION pg_temp.filled(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    spot record;
BEGIN
    FOR spot IN SELECT '{' || k.name || '}' AS mark, k.id::text AS value FROM known k
                UNION ALL SELECT '{' || t.name || '.token}', t.token FROM tokens t LOOP
        command := replace(command, spot.mark, quote_literal(spot.value));
    END LOOP;
    RETURN command;
END
$$;
CREATE FUNCTION pg_temp.named(text) RETURNS text LANGUAGE sql AS $$ SELECT replace(pg_temp.filled($1), '''', '') $$;
-- Run a command as the login of a member who enters; give its value, or the error as "state message".
CREATE FUNCTION pg_temp.tried(who text, command text, org text DEFAULT 'org') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    entry text := pg_temp.filled('SELECT sentinel.enter({' || org || '})');
    result text;
BEGIN
    command := pg_temp.filled(command);
    PERFORM sentinel.leave(), set_config('role', CASE who WHEN '' THEN 'none' ELSE 'teams_' || who END, true);
    BEGIN
        EXECUTE entry;
        EXECUTE command INTO result;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE || ' ' || SQLERRM;
    END;
    PERFORM set_config('role', 'none', true);
    PERFORM sentinel.enter(k.id) FROM known k WHERE k.name = 'org';
    RETURN result;
END
$$;

INSERT INTO known VALUES ('org', sentinel.create_org('Teams Ltd', 'teams-pgtap')), ('other', sentinel.create_org('Other Ltd', 'teams-pgtap-other')),
    ('nothing', '00000000-0000-7000-8000-000000000000');
SELECT sentinel.enter(id) FROM known WHERE name = 'other';
INSERT INTO known VALUES ('foe', sentinel.add_member('Foe', 'foe@teams.example', 'owner')), ('foes', sentinel.add_team('Foes'));
SELECT sentinel.enter(id) FROM known WHERE name = 'org';
-- boss and aide rule the organisation; olga owns the team North, adam rules it, mira works in it, vera reads, nora is in none.
INSERT INTO known SELECT v.name, sentinel.add_member(initcap(v.name), v.name || '@teams.example', v.role)
FROM (VALUES ('boss', 'owner'), ('aide', 'admin'), ('olga', 'member'), ('adam', 'member'), ('mira', 'member'), ('vera', 'member'), ('nora', 'member')) v(name, role);
INSERT INTO known VALUES ('north', sentinel.add_team('North  Sea & Söhne'));
DO $$
DECLARE
    m record;
BEGIN
    FOR m IN SELECT k.name, k.id FROM known k WHERE k.name IN ('boss', 'aide', 'olga', 'adam', 'mira', 'vera', 'nora') LOOP
        EXECUTE format('CREATE ROLE %I LOGIN IN ROLE sentinel_member', 'teams_' || m.name);
        PERFORM sentinel.grant_login(('teams_' || m.name)::name, o.id, m.id) FROM known o WHERE o.name = 'org';
    END LOOP;
END
$$;
SELECT sentinel.add_team_member(t.id, m.id, v.role) FROM (VALUES ('olga', 'owner'), ('adam', 'admin'), ('mira', 'member'), ('vera', 'viewer')) v(member, role)
JOIN known t ON t.name = 'north' JOIN known m ON m.name = v.member;

-- Slugs.
SELECT matches((SELECT slug FROM sentinel.teams JOIN known USING (id)  WHERE known.name = 'north'), '^north-sea--shne-[0-9a-z]{6}$', 'a slug is made of the name, with a random end');
SELECT matches(sentinel.team_slug(v.name), v.expected, 'slug of ' || quote_literal(v.name))
FROM (VALUES ('', '^team-[0-9a-z]{6}$'), ('ÄÖ', '^team-[0-9a-z]{6}$'), (repeat('long ', 40), '^(long-){11}long-[0-9a-z]{6}$')) v(name, expected);
SELECT isnt(sentinel.team_slug('A'), sentinel.team_slug('A'), 'the random end differs');

-- Owners of teams.
SELECT is(pg_temp.tried(who, command), expected, who || ': ' || command) FROM (VALUES
    ('aide', 'SELECT sentinel.add_team_member({north}, {nora}, ''owner'')', pg_temp.named('23505 member "{olga}" owns this team')),
    ('adam', 'SELECT sentinel.set_team_member_role({north}, {mira}, ''viewer'')', 'SN003 only the owner can perform this action'),
    ('nora', 'SELECT sentinel.set_team_member_role({north}, {mira}, ''viewer'')', 'SN003 you are not a member of this team'),
    ('olga', 'SELECT sentinel.set_team_member_role({north}, {mira}, ''king'')', '22023 unknown role "king"'),
    ('olga', 'SELECT sentinel.set_team_member_role({north}, {nora}, ''viewer'')', pg_temp.named('SN004 no member "{nora}" in team "{north}"')),
    ('olga', 'SELECT sentinel.set_team_member_role({nothing}, {nora}, ''viewer'')', pg_temp.named('SN004 no team "{nothing}" in this organisation')),
    ('olga', 'SELECT sentinel.set_team_member_role({foes}, {nora}, ''viewer'')', pg_temp.named('SN004 no team "{foes}" in this organisation')),
    ('olga', 'SELECT sentinel.set_team_member_role({north}, {mira}, ''viewer'')', ''),
    ('olga', 'SELECT sentinel.add_team_member({north}, {mira}, ''member'')', ''),
    ('olga', 'SELECT sentinel.set_team_member_role({north}, {mira}, ''owner'')', 'SN003 a member becomes owner by transfer only'),
    ('olga', 'SELECT sentinel.set_team_member_role({north}, {olga}, ''member'')', 'SN003 cannot change the owner''s role'),
    ('aide', 'SELECT sentinel.set_team_member_role({north}, {olga}, ''member'')', 'SN003 cannot change the owner''s role'),
    ('aide', 'SELECT sentinel.add_team_member({north}, {olga}, ''viewer'')', 'SN003 cannot change the owner''s role'),
    ('adam', 'SELECT sentinel.remove_team_member({north}, {olga})', 'SN003 cannot remove the team owner'),
    ('boss', 'SELECT sentinel.remove_team_member({north}, {olga})', 'SN003 cannot remove the team owner'),
    ('olga', 'SELECT sentinel.leave_team({north})', 'SN003 the owner must transfer ownership or delete the team'),
    ('nora', 'SELECT sentinel.leave_team({north})', pg_temp.named('SN004 no member "{nora}" in team "{north}"')),
    ('adam', 'SELECT sentinel.transfer_team_ownership({north}, {adam})', 'SN003 only the owner can perform this action'),
    ('olga', 'SELECT sentinel.transfer_team_ownership({north}, {nora})', pg_temp.named('SN004 no member "{nora}" in team "{north}"')),
    ('olga', 'SELECT sentinel.transfer_team_ownership({north}, {adam})', ''),
    ('olga', 'SELECT sentinel.transfer_team_ownership({north}, {olga})', 'SN003 only the owner can perform this action'),
    ('adam', 'SELECT sentinel.transfer_team_ownership({north}, {olga})', ''),
    ('adam', 'SELECT my_role || '' '' || member_count FROM sentinel.my_teams()', 'admin 4'),
    ('boss', 'SELECT coalesce(my_role, ''none'') FROM sentinel.my_teams()', 'none')) t(who, command, expected);
SELECT is((SELECT string_agg(k.name || ' ' || x.role, ', ' ORDER BY k.name) FROM sentinel.team_members x JOIN known t ON t.id = x.team_id AND t.name = 'north'
    JOIN known k ON k.id = x.member_id), 'adam admin, mira member, olga owner, vera viewer', 'a transfer makes the owner before an admin');
SELECT throws_ok(pg_temp.filled($$UPDATE sentinel.team_members SET role = 'owner' WHERE member_id = {adam}$$), '23505', NULL, 'the table itself has no room for two owners');
SAVEPOINT made;
SELECT sentinel.enter(o.id, m.id) FROM known o, known m WHERE o.name = 'org' AND m.name = 'aide';
SELECT sentinel.add_team('Own') AS own \gset
SELECT is((SELECT role FROM sentinel.team_members WHERE team_id = :'own'), 'owner', 'who makes a team owns it');
SELECT throws_ok(pg_temp.filled($$SELECT sentinel.remove_member({aide})$$), 'SN003', 'the member owns the team "Own"', 'fault: a team does not become ownerless when its owner goes');
ROLLBACK TO made;
SELECT sentinel.enter(id) FROM known WHERE name = 'org';

-- Views of teams.
SELECT is(pg_temp.tried(who, 'SELECT count(*) FROM sentinel.teams') || pg_temp.tried(who, 'SELECT count(*) FROM sentinel.team_members'), expected, who || ' sees teams and members')
FROM (VALUES ('boss', '14'), ('vera', '14'), ('nora', '00')) t(who, expected);
SELECT is(pg_temp.tried('vera', 'SELECT sentinel.rename_team({north}, ''South'')'), 'SN003 only owners and admins can perform this action', 'a viewer renames no team');
SELECT is(pg_temp.tried('adam', 'SELECT sentinel.rename_team({north}, '' '')'), 'SN007 invalid team name " "', 'a team has a name');
SELECT is(pg_temp.tried('adam', 'SELECT sentinel.rename_team({north}, '' South '')'), '', 'an admin renames it');
SELECT is((SELECT t.name || ' ' || left(t.slug, 5) FROM sentinel.teams t JOIN known k USING (id) WHERE k.name = 'north'), 'South north', 'the slug stays');
SELECT is((SELECT count(*) FROM sentinel.events e JOIN known k ON k.id = e.subject_id AND k.name = 'north' WHERE e.event_type = 'team.updated'), 1::bigint, 'and it is told');

-- Deals in teams.
SELECT is(left(pg_temp.tried(who, command), 5), expected, who || ': ' || command) FROM (VALUES
    ('vera', 'SELECT sentinel.create_deal(''V'', 1, team_id => {north})', 'SN003'),              -- fault
    ('vera', 'INSERT INTO sentinel.deals (name, value, team_id, owner_id) VALUES (''V'', 1, {north}, {vera})', '42501'), -- fault
    ('nora', 'SELECT sentinel.create_deal(''N'', 1, team_id => {north})', 'SN003'),
    ('mira', 'SELECT sentinel.create_deal(''M'', 1, team_id => {north}, owner_id => {nora})', 'SN004'), -- fault: the assignee is in the team
    ('mira', 'INSERT INTO sentinel.deals (name, value, team_id, owner_id) VALUES (''M'', 1, {north}, {nora})', '42501')) t(who, command, expected);
INSERT INTO known SELECT v.name, sentinel.create_deal(v.name, 100, v.stage, owner_id => m.id, team_id => t.id)
FROM (VALUES ('own of vera', 'vera', NULL, 'discover'), ('own of mira', 'mira', NULL, 'discover'), ('own of nora', 'nora', NULL, 'discover'),
             ('deal', 'mira', 'north', 'discover'), ('won', 'mira', 'north', 'closed_won'), ('of adam', 'adam', 'north', 'discover')) v(name, owner, team, stage)
JOIN known m ON m.name = v.owner LEFT JOIN known t ON t.name = v.team;
SELECT is(left(pg_temp.tried(who, command), 5), expected, who || ': ' || command) FROM (VALUES
    ('vera', 'SELECT sentinel.move_deal_to_team({own of vera}, {north})', 'SN003'),               -- fault
    ('vera', 'UPDATE sentinel.deals SET team_id = {north} WHERE id = {own of vera}', 'SN003'),    -- fault, by plain UPDATE
    ('nora', 'UPDATE sentinel.deals SET team_id = {north} WHERE id = {own of nora}', 'SN003'),
    ('mira', 'SELECT sentinel.move_deal_to_team({own of mira}, {north})', ''),
    ('mira', 'SELECT sentinel.move_deal_to_team({own of mira}, NULL)', 'SN003'),
    ('mira', 'UPDATE sentinel.deals SET team_id = NULL WHERE id = {own of mira}', 'SN003'),
    ('mira', 'UPDATE sentinel.deals SET owner_id = {mira} WHERE id = {of adam}', 'SN003'),
    ('mira', 'UPDATE sentinel.deals SET owner_id = {nora} WHERE id = {own of mira}', 'SN003'),
    ('mira', 'UPDATE sentinel.deals SET value = 7 WHERE id = {of adam} RETURNING ''done''', 'done'),
    ('adam', 'SELECT sentinel.assign_deal({own of mira}, {nora})', 'SN004'),                      -- fault: no member of the team
    ('adam', 'UPDATE sentinel.deals SET owner_id = {nora} WHERE id = {own of mira}', 'SN004'),
    ('adam', 'SELECT sentinel.assign_deal({own of mira}, {foe})', 'SN004'),
    ('adam', 'SELECT sentinel.assign_deal({own of mira}, {boss})', ''),
    ('adam', 'SELECT sentinel.assign_deal({own of mira}, {mira})', ''),
    ('adam', 'SELECT sentinel.move_deal_to_team({own of mira}, NULL)', ''),
    ('olga', 'SELECT sentinel.move_deal({deal}, ''qualify'')', '')) t(who, command, expected);
SELECT is((SELECT k.name FROM sentinel.deals d JOIN known k ON k.id = d.owner_id WHERE d.name = 'own of mira' AND d.team_id IS NULL), 'mira',
          'fault: a deal that an admin makes personal keeps its owner');
SELECT is(sentinel.channel_or_default(NULL, 'Proposal') || sentinel.channel_or_default('direct', 'lost') || sentinel.channel_or_default(NULL, 'elsewhere'),
          'outbounddirectdirect', 'a deal without a channel shows that of its stage');

-- Who leaves a team leaves its open deals; what is closed stays on record.
SELECT is(left(pg_temp.tried(who, command), 5), expected, who || ': ' || command) FROM (VALUES
    ('vera', 'SELECT sentinel.remove_team_member({north}, {mira})', 'SN003'),
    ('mira', 'SELECT sentinel.remove_team_member({north}, {mira}, {adam})', 'SN003'),
    ('adam', 'SELECT sentinel.remove_team_member({north}, {mira}, {nora})', 'SN004'),
    ('adam', 'SELECT sentinel.remove_team_member({north}, {mira}, {mira})', 'SN004')) t(who, command, expected);
SAVEPOINT left_team;
SELECT is(pg_temp.tried('mira', 'SELECT sentinel.leave_team({north})'), '', 'a member leaves');
SELECT is((SELECT owner_id FROM sentinel.deals WHERE name = 'deal'), NULL, 'fault: the open deal of the team is nobody''s');
SELECT is((SELECT string_agg(d.name, ', ' ORDER BY d.name) FROM sentinel.deals d JOIN known k ON k.id = d.owner_id AND k.name = 'mira'), 'own of mira, won', 'own deals and closed ones stay');
SELECT is(pg_temp.tried('mira', 'SELECT count(*) FROM sentinel.deals WHERE name = ''deal'''), '0', 'who has left does not see it any more');
SELECT is((SELECT payload ->> 'to' FROM sentinel.deal_timeline WHERE deal_id = (SELECT id FROM known WHERE name = 'deal') AND kind = 'assigned'), NULL, 'the timeline tells of it');
SELECT is((SELECT count(*) FROM sentinel.events WHERE event_type = 'team.member_removed' AND payload ->> 'member_id' = (SELECT id::text FROM known WHERE name = 'mira')), 1::bigint, 'and an event');
ROLLBACK TO left_team;
SELECT is(pg_temp.tried('adam', 'SELECT sentinel.remove_team_member({north}, {mira}, {adam})'), '', 'an admin removes a member and names an heir');
SELECT is((SELECT k.name FROM sentinel.deals d JOIN known k ON k.id = d.owner_id WHERE d.name = 'deal'), 'adam', 'to whom the deal goes');
SELECT is((SELECT detail ->> 'deals_handed_over' FROM sentinel.audit_log a JOIN known k ON k.id = a.org_id AND k.name = 'org' WHERE action = 'team.member_removed'), '1', 'the audit log tells how many');
ROLLBACK TO left_team;

-- Who is removed from the organisation.
SELECT is(left(pg_temp.tried(who, command), 5), expected, who || ': ' || command) FROM (VALUES
    ('nora', 'SELECT sentinel.remove_member({mira})', 'SN003'), ('nora', 'SELECT sentinel.remove_member({nora}, {mira})', 'SN003'),
    ('aide', 'SELECT sentinel.remove_member({mira}, {foe})', 'SN004'), ('boss', 'SELECT sentinel.remove_member({boss})', 'SN003'),
    ('aide', 'SELECT sentinel.remove_member({olga})', 'SN003')) t(who, command, expected);
SELECT is(pg_temp.tried('aide', 'SELECT sentinel.remove_member({mira}, {nora})'), '', 'an admin removes a member');
SELECT is((SELECT string_agg(d.name || coalesce(' ' || k.name, ''), ', ' ORDER BY d.name) FROM sentinel.deals d LEFT JOIN known k ON k.id = d.owner_id
           WHERE d.name IN ('deal', 'own of mira', 'won')), 'deal, own of mira nora, won mira', 'fault: open deals go to the heir, those of a team that the heir is not in to nobody');
SELECT throws_ok(pg_temp.filled('SELECT sentinel.add_team_member({north}, {mira})'), 'SN004', NULL, 'who was removed joins no team');
SELECT throws_ok(pg_temp.filled('SELECT sentinel.create_deal(''x'', 1, owner_id => {mira})'), 'SN004', NULL, 'fault: and is given no deal');
SELECT throws_ok(pg_temp.filled('SELECT sentinel.assign_deal({deal}, {mira})'), 'SN004', NULL, 'fault: nor assigned one');
SELECT is((SELECT count(*) FROM sentinel.audit_log a JOIN known k ON k.id = a.subject_id AND k.name = 'mira' WHERE a.action = 'member.removed' AND a.member_id IS NOT NULL), 1::bigint,
          'fault: the audit log tells of the removal, and keeps it');
SELECT is(pg_temp.tried('nora', 'SELECT sentinel.remove_member({nora})'), '', 'one may go by oneself');
ROLLBACK TO left_team;

-- Owners of the organisation.
SELECT is(left(pg_temp.tried(who, command), 5), expected, who || ': ' || command) FROM (VALUES
    ('boss', 'SELECT sentinel.set_member_role({boss}, ''admin'')', 'SN003'), ('aide', 'SELECT sentinel.transfer_ownership({aide})', 'SN003'),
    ('boss', 'SELECT sentinel.transfer_ownership({boss})', 'SN004'), ('boss', 'SELECT sentinel.transfer_ownership({foe})', 'SN004'),
    ('boss', 'SELECT sentinel.transfer_ownership({aide}, {nora})', 'SN003'), ('', 'SELECT sentinel.transfer_ownership({aide}, {nora})', 'SN004'),
    ('boss', 'SELECT sentinel.set_member_role({olga}, ''owner'')', ''), ('boss', 'SELECT sentinel.set_member_role({olga}, ''member'')', 'SN003'),
    ('', 'SELECT sentinel.transfer_ownership({aide})', 'SN004'), ('', 'SELECT sentinel.transfer_ownership({boss}, {olga})', ''),
    ('boss', 'SELECT sentinel.transfer_ownership({aide})', '')) t(who, command, expected);
SELECT is((SELECT string_agg(k.name || ' ' || m.role, ', ' ORDER BY k.name) FROM sentinel.members m JOIN known k USING (id) WHERE k.name IN ('boss', 'aide', 'olga')),
          'aide owner, boss admin, olga admin', 'ownership was handed over');

ROLLBACK TO left_team;

-- Deleting a team.
SELECT is(left(pg_temp.tried(who, command), 5), expected, who || ': ' || command) FROM (VALUES
    ('adam', 'SELECT sentinel.delete_team({north})', 'SN003'), ('nora', 'SELECT sentinel.delete_team({north})', 'SN003'),
    ('olga', 'SELECT sentinel.delete_team({foes})', 'SN004')) t(who, command, expected);
INSERT INTO sentinel.leads (org_id, name, team_id) SELECT o.id, 'Lead', t.id FROM known o, known t WHERE o.name = 'org' AND t.name = 'north';
SELECT is(pg_temp.tried('olga', 'SELECT sentinel.delete_team({north})'), '3', 'the owner deletes the team');
SELECT is((SELECT string_agg(d.name || ' ' || k.name, ', ' ORDER BY d.name) FROM sentinel.deals d JOIN known k ON k.id = d.owner_id
           WHERE d.team_id IS NULL AND d.name IN ('deal', 'won', 'of adam')), 'deal mira, of adam adam, won mira', 'its deals become personal and keep their owners');
SELECT is((SELECT count(*) FROM sentinel.leads WHERE name = 'Lead' AND team_id IS NULL), 1::bigint, 'its leads lose the team');
SELECT is((SELECT count(*) FROM sentinel.audit_log a JOIN known k ON k.id = a.subject_id AND k.name = 'north' WHERE a.action = 'team.deleted'), 1::bigint, 'the audit log outlives it');
SELECT is((SELECT name || count FROM (SELECT max(t.name) AS name, count(*) AS count FROM sentinel.teams t JOIN known k ON k.id = t.id AND k.name = 'foes') x), 'Foes1',
          'other organisations'' teams are as they were');

SELECT * FROM finish();
ROLLBACK;
