-- Room leads, operations: notes, tags, saved views, search, changes one and many, deletion, export, the list of what happened.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(219);

SELECT sentinel.create_org('Leads Operations Ltd', 'leads-operations-pgtap') AS org, sentinel.create_org('Other Ltd', 'leads-operations-other') AS other \gset
SELECT sentinel.enter(:'other');
SELECT sentinel.create_lead('Foreign', 'foreign@other.example') AS foreign_lead, sentinel.add_tag('Foreign') AS foreign_tag,
       sentinel.create_deal('Foreign', 1) AS foreign_deal \gset
SELECT sentinel.add_note('lead', :'foreign_lead', 'theirs') AS foreign_note, sentinel.save_view('Theirs', 'lead', shared => true) AS foreign_view \gset
SELECT sentinel.tag_lead(:'foreign_lead', :'foreign_tag');
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@leads-operations.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@leads-operations.example') AS mira,
       sentinel.add_member('Max', 'max@leads-operations.example') AS max, sentinel.add_member('Vera', 'vera@leads-operations.example', 'viewer') AS vera,
       sentinel.add_team('North') AS north \gset
SELECT sentinel.add_team_member(:'north', :'vera', 'viewer'), sentinel.add_team_member(:'north', :'mira');
CREATE ROLE tap_lo_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_lo_max LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_lo_vera LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_lo_read LOGIN IN ROLE sentinel_reader;
SELECT sentinel.grant_login('tap_lo_mira', :'org', :'mira'), sentinel.grant_login('tap_lo_max', :'org', :'max'),
       sentinel.grant_login('tap_lo_vera', :'org', :'vera'), sentinel.grant_login('tap_lo_read', :'org');
CREATE FUNCTION pg_temp.as_login(login text, org uuid, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM set_config('role', login, true);
    BEGIN
        PERFORM sentinel.enter(org);
        EXECUTE query INTO answer;
    EXCEPTION WHEN OTHERS THEN
        answer := SQLSTATE;
    END;
    PERFORM set_config('role', 'none', true);
    PERFORM sentinel.enter(org);
    RETURN coalesce(answer, 'done');
END
$$;
SELECT sentinel.uuid7() AS none, now() - interval '10 days' AS past \gset

SELECT sentinel.create_lead('Ann Lee', 'ann@alpha.example', '+1 202 555 0101', company_name => 'Alpha 100% Ltd', domain => 'alpha.example', lead_source => 'Trade Fair',
           platform => 'LinkedIn', temperature => 'hot', created_at => now() - interval '5 days') AS ann,
       sentinel.create_lead('bob ray', 'bob@beta.example', company_name => 'Beta\1000', lead_source => 'web form', platform => 'Cold email',
           temperature => 'cold', created_at => now() - interval '4 days') AS bob,
       sentinel.create_lead('Cleo', 'cleo@alpha.example', company_name => 'Alpha_Two', lead_source => 'fair play', platform => 'phone', owner_id => :'max',
           created_at => now() - interval '3 days') AS cleo,
       sentinel.create_lead('Dan', NULL, '+1 202 555 0104', temperature => 'warm', team_id => :'north', created_at => now() - interval '2 days') AS dan \gset
UPDATE sentinel.leads SET last_contacted_at = NULL, last_activity_at = :'past' WHERE org_id = :'org';

-- Notes.
SELECT sentinel.add_note('lead', :'ann', E'  Wants a call \n', :'past'::timestamptz + interval '1 day') AS note \gset
SELECT is((SELECT (n.body, n.created_at, n.edited_at)::text FROM sentinel.notes n WHERE n.id = :'note'), format('("Wants a call","%s",)', :'past'::timestamptz + interval '1 day'), 'a note is kept');
SELECT is((SELECT (l.last_contacted_at, l.last_activity_at)::text FROM sentinel.leads l WHERE l.id = :'ann'),
    format('("%1$s","%1$s")', :'past'::timestamptz + interval '1 day'), 'on a lead it counts as contact');
SELECT sentinel.add_note('lead', :'ann', 'earlier', :'past');
SELECT is((SELECT last_contacted_at FROM sentinel.leads WHERE id = :'ann'), :'past'::timestamptz + interval '1 day', 'which never goes back');
SELECT sentinel.create_deal('Alpha deal', 100, lead_id => :'ann', owner_id => :'mira') AS deal \gset
SELECT sentinel.add_note('deal', :'deal', 'they use a competitor') AS deal_note \gset
SELECT is((SELECT (a.activity_type, a.body, a.competitive_indicators > 0, a.payload ->> 'note_id')::text FROM sentinel.activities a WHERE a.deal_id = :'deal'),
    format('(note_added,"they use a competitor",t,%s)', :'deal_note'), 'on a deal it is an activity, whose words count');
SELECT lives_ok(format('SELECT sentinel.edit_note(%L, ''they call'')', :'deal_note'), 'a note is edited');
SELECT is((SELECT (count(*), max(n.body), bool_or(n.edited_at = now()))::text FROM sentinel.activities a, sentinel.notes n WHERE a.deal_id = :'deal' AND n.id = :'deal_note'),
    '(1,"they call",t)', 'what was recorded of the deal stays');
SELECT sentinel.edit_note(:'deal_note', 'they look at a competitor again');
SELECT is((SELECT count(*) FROM sentinel.activities a WHERE a.deal_id = :'deal' AND competitive_indicators > 0), 2::bigint, 'words of competition that an edit brings count');
SELECT sentinel.edit_note(:'note', 'Wants a call');
SELECT is((SELECT edited_at FROM sentinel.notes WHERE id = :'note'), NULL, 'the same words are no edit');
SELECT throws_ok(format('SELECT sentinel.add_note(''lead'', %L, E'' \t\n '')', :'ann'), 'SN007', 'a note of 0 characters', 'no empty note');
SELECT throws_ok(format('SELECT sentinel.add_note(''lead'', %L, NULL)', :'ann'), 'SN007', 'a note of 0 characters', 'nor none');
SELECT throws_ok(format('SELECT sentinel.add_note(''lead'', %L, repeat(''x'', 100001))', :'ann'), 'SN007', 'a note of 100001 characters', 'nor a book');
SELECT throws_ok(format('SELECT sentinel.add_note(''lead'', %L, ''x'', now() + interval ''1 day'')', :'ann'), 'SN007', NULL, 'nor of tomorrow');
SELECT throws_ok(format('SELECT sentinel.add_note(''planet'', %L, ''x'')', :'ann'), 'SN004', NULL, 'nor about what there is not');
SELECT throws_ok(format('SELECT sentinel.add_note(''lead'', %L, ''x'')', :'foreign_lead'), 'SN004', NULL, 'nor about a lead of others');
SELECT throws_ok(format('SELECT sentinel.edit_note(%L, ''x'')', :'foreign_note'), 'SN004', NULL, 'their notes are not edited');
SELECT throws_ok(format('SELECT sentinel.delete_note(%L)', :'foreign_note'), 'SN004', NULL, 'nor deleted');
SELECT pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.add_note(''lead'', %L, ''by Mira'')', :'ann')) AS by_mira,
       pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.add_note(''lead'', %L, ''secret of Max'')', :'cleo')) AS by_max \gset
SELECT is((SELECT member_id FROM sentinel.notes WHERE id = :'by_mira'), :'mira'::uuid, 'who writes it is noted');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.edit_note(%L, ''by Mira, again'')', :'by_mira')), '', 'edits it');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.edit_note(%L, ''x'')', :'by_mira')), 'SN003', 'another does not');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.delete_note(%L)', :'by_mira')), 'SN003', 'nor deletes it');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('UPDATE sentinel.notes SET body = ''x'' WHERE id = %L', :'by_max')), '42501', 'nor anybody past the functions');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', 'SELECT count(*) FROM sentinel.notes WHERE body = ''secret of Max'''), '0', 'a note is seen by who sees the lead');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.delete_note(%L)', :'by_max')), 'SN004', 'or does not exist');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.add_note(''lead'', %L, ''x'')', :'cleo')), 'SN004', 'like the lead');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', format('SELECT sentinel.add_note(''lead'', %L, ''x'')', :'dan')), 'SN003', 'a viewer writes none');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', 'SELECT count(*) FROM sentinel.notes WHERE body = ''Wants a call'''), '1', 'but reads');
SELECT is(pg_temp.as_login('tap_lo_read', :'org', format('SELECT sentinel.add_note(''lead'', %L, ''x'')', :'ann')), '42501', 'a reader calls nothing that writes');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.delete_note(%L)', :'by_max')), '', 'its writer deletes a note');
SELECT lives_ok(format('SELECT sentinel.delete_note(%L)', :'by_mira'), 'and so does who rules');

-- Tags.
SELECT sentinel.add_tag('  Key   account ', '#FF0000') AS tag, sentinel.add_tag('Later') AS later \gset
SELECT is((SELECT (name, color)::text FROM sentinel.tags WHERE id = :'tag'), '("Key account",#ff0000)', 'a tag is kept');
SELECT throws_ok('SELECT sentinel.add_tag(''KEY ACCOUNT'')', '23505', 'a tag "KEY ACCOUNT" exists', 'once, in any case');
SELECT lives_ok('SELECT sentinel.add_tag(''foreign'')', 'others may have one of that name');
SELECT throws_ok('SELECT sentinel.add_tag('' '')', 'SN007', 'a tag of 0 characters', 'no tag without a name');
SELECT throws_ok('SELECT sentinel.add_tag(''x'', ''red;}'')', '22023', 'invalid color "red;}"', 'nor of no color');
SELECT is(sentinel.tag_lead(:'ann', :'tag'), true, 'a lead is tagged');
SELECT is(sentinel.tag_lead(:'ann', :'tag'), false, 'once');
SELECT is(sentinel.tag_deal(:'deal', :'tag'), true, 'a deal, too');
SELECT throws_ok(format('SELECT sentinel.tag_lead(%L, %L)', :'ann', :'foreign_tag'), 'SN004', NULL, 'not with a tag of others');
SELECT throws_ok(format('SELECT sentinel.tag_lead(%L, %L)', :'foreign_lead', :'tag'), 'SN004', NULL, 'nor a lead of theirs');
SELECT throws_ok(format('SELECT sentinel.tag_deal(%L, %L)', :'foreign_deal', :'tag'), 'SN004', NULL, 'nor a deal');
SELECT throws_ok(format('SELECT sentinel.untag_lead(%L, %L)', :'foreign_lead', :'foreign_tag'), 'SN004', NULL, 'what others tagged is not untagged');
SELECT is((SELECT count(*) FROM sentinel.lead_tags WHERE lead_id = :'foreign_lead'), 1::bigint, 'it has its tag');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.tag_lead(%L, %L)', :'cleo', :'tag')), 'SN004', 'nor what one does not see');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', format('SELECT sentinel.untag_lead(%L, %L)', :'ann', :'tag')), 'SN003', 'a viewer untags none');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', 'SELECT sentinel.add_tag(''v'')'), 'SN003', 'and makes none');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.untag_deal(%L, %L)', :'deal', :'tag')), 'SN004', 'a deal of a colleague keeps its tags');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.delete_tag(%L)', :'later')), 'SN003', 'tags are deleted by who rules');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.untag_deal(%L, %L)', :'deal', :'tag')), 'true', 'who may change it untags it');
SELECT is(sentinel.untag_deal(:'deal', :'tag'), false, 'once');
SELECT sentinel.tag_lead(:'bob', :'later'), sentinel.delete_tag(:'later');
SELECT is((SELECT count(*) FROM sentinel.lead_tags WHERE lead_id = :'bob'), 0::bigint, 'a tag that is deleted is off all');

-- Search.
CREATE FUNCTION pg_temp.found(filters jsonb, sort text DEFAULT 'created_at', direction text DEFAULT 'desc') RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(name, ', ') FROM sentinel.search_leads(filters, sort, direction)$$;
SELECT has_index('sentinel', 'leads', 'leads_search', 'leads have a trigram index');
SELECT is(pg_temp.found('{}'), 'Dan, Cleo, bob ray, Ann Lee', 'all, newest first');
SELECT is(pg_temp.found(filter::jsonb), names, 'by ' || filter) FROM (VALUES
    ('{"q": "ALPHA"}', 'Cleo, Ann Lee'), ('{"q": " lee  alpha.ex "}', 'Ann Lee'), ('{"q": "100%"}', 'Ann Lee'), ('{"q": "alpha_"}', 'Cleo'), ('{"q": "bob@"}', 'bob ray'),
    ('{"q": "a\\1"}', 'bob ray'), ('{"lifecycle_stage": "New lead"}', 'Dan, Cleo, bob ray, Ann Lee'), ('{"temperature": "HOT"}', 'Ann Lee'), ('{"priority": "normal", "q": "beta"}', 'bob ray'),
    ('{"next_action": "follow_up"}', NULL), ('{"recommended_path": "nurture"}', NULL), ('{"platform": "link"}', 'Ann Lee'), ('{"platform": "%"}', NULL), ('{"lead_source": "FAIR"}', 'Cleo, Ann Lee'),
    ('{"tag": "key ACCOUNT"}', 'Ann Lee'), ('{"q": null, "tag": " "}', 'Dan, Cleo, bob ray, Ann Lee')) AS f(filter, names);
SELECT is(pg_temp.found(jsonb_build_object('owner', :'max')), 'Cleo', 'of an owner');
SELECT is(pg_temp.found(jsonb_build_object('team', :'north')), 'Dan', 'of a team');
SELECT is(pg_temp.found(jsonb_build_object('created_from', now() - interval '4 days', 'created_until', now() - interval '3 days')), 'bob ray', 'of a span, its end excluded');
UPDATE sentinel.leads SET priority = 'critical', qualification_score = 80, ghost_risk_score = 30, next_action = 'follow_up', recommended_path = 'ignore' WHERE id = :'bob';
UPDATE sentinel.leads SET priority = NULL, qualification_score = 10, buying_signal_score = 5 WHERE id = :'dan';
SELECT is(pg_temp.found('{}', sort, way), names, format('sorted by %s %s', sort, way)) FROM (VALUES
    ('name', 'asc', 'Ann Lee, bob ray, Cleo, Dan'), ('priority', 'ASC', 'bob ray, Ann Lee, Cleo, Dan'), ('priority', 'desc', 'Cleo, Ann Lee, bob ray, Dan'),
    ('temperature', 'asc', 'bob ray, Dan, Ann Lee, Cleo'), ('icpScore', 'desc', 'bob ray, Dan, Cleo, Ann Lee'), ('qualification_score', 'asc', 'Dan, bob ray, Ann Lee, Cleo'),
    ('ghostRiskScore', 'desc', 'bob ray, Dan, Cleo, Ann Lee'), ('buying_signal_score', 'desc', 'Dan, Cleo, bob ray, Ann Lee'), ('createdAt', 'asc', 'Ann Lee, bob ray, Cleo, Dan'),
    ('nextAction', 'desc', 'bob ray, Dan, Cleo, Ann Lee'), ('recommended_path', 'asc', 'bob ray, Ann Lee, Cleo, Dan'), ('lifecycle_stage', 'asc', 'Ann Lee, bob ray, Cleo, Dan'),
    ('updated_at', 'asc', 'Ann Lee, bob ray, Cleo, Dan'), ('last_state_change', 'asc', 'Ann Lee, bob ray, Cleo, Dan')) AS s(sort, way, names);
-- Each sort walks all leads by cursor, one at a time.
SELECT is((WITH RECURSIVE walk AS (
        (SELECT s.name, s.cursor_after FROM sentinel.search_leads('{}', sort, way, 1) s)
        UNION ALL
        SELECT n.name, n.cursor_after FROM walk w CROSS JOIN LATERAL (SELECT s.name, s.cursor_after FROM sentinel.search_leads('{}', sort, way, 1, after => w.cursor_after) s) n)
    SELECT string_agg(name, ', ') FROM (SELECT name FROM walk LIMIT 20) w), pg_temp.found('{}', sort, way), format('pages by cursor, %s %s', sort, way))
FROM unnest(ARRAY['name', 'priority', 'temperature', 'qualification_score', 'created_at']) sort, unnest(ARRAY['asc', 'desc']) way;
SELECT results_eq('SELECT name, total FROM sentinel.search_leads(page_size => 3, page => 2)', $$VALUES ('Ann Lee', 4::bigint)$$, 'a page by its number, with the total');
SELECT is((SELECT max(total) FROM sentinel.search_leads()), NULL, 'by cursor nothing is counted');
SELECT sentinel.book_call(:'ann', now() + interval '1 day') AS call \gset
SELECT is((SELECT (deals, calls, tags)::text FROM sentinel.search_leads('{"q": "ann"}')), '(1,1,"{""Key account""}")', 'with deals, calls and tags');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', 'SELECT (deals, calls)::text FROM sentinel.search_leads(''{"q": "ann"}'')'), '(0,1)', 'as many as one may view');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', 'SELECT string_agg(name, '', '') FROM sentinel.search_leads()'), 'Cleo, bob ray, Ann Lee', 'one finds what one may view');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', 'SELECT string_agg(name, '', '') || max(total) FROM sentinel.search_leads(page => 1)'), 'Dan, bob ray, Ann Lee3', 'by teams, too, and so one counts');
SELECT is(pg_temp.as_login('tap_lo_read', :'org', 'SELECT count(*) FROM sentinel.search_leads()'), '4', 'a reader finds all');
SELECT throws_ok(format('SELECT * FROM sentinel.search_leads(%s)', argument), state, message, 'refused: ' || argument) FROM (VALUES
    ('''{"nonsense": 1}''', 'SN007', 'unknown filter "nonsense"'), ('''[]''', 'SN007', 'filters are of type array'), ('''{"temperature": "tepid"}''', '22023', 'invalid temperature "tepid"'),
    ('''{"owner": "x'''' OR true --"}''', '22023', 'invalid owner "x'' OR true --"'), ('''{"q": ["a"]}''', '22023', 'invalid q ["a"]'), ('''{"created_from": "soon"}''', '22023', 'invalid created_from "soon"'),
    ('sort => ''email; DROP TABLE x''', '22023', 'leads are not sorted by "email; DROP TABLE x"'), ('direction => ''sideways''', '22023', 'unknown direction "sideways"'),
    ('page => 0', '22023', 'invalid page 0'), ('page => 1, after => ''x''', '22023', 'invalid page 1'), ('after => ''nowhere!''', '22023', 'invalid cursor "nowhere!"'),
    ('after => ''W10=''', '22023', 'invalid cursor "W10="'), ('after => encode(''["created_at", "desc", "soon", "x"]'', ''base64'')', '22023', NULL),
    ('after => encode(''["created_at", "desc", null, null]'', ''base64'')', '22023', NULL), ('after => encode(''["name", "asc", "a", "00000000-0000-0000-0000-000000000000"]'', ''base64'')', '22023', NULL)
    ) AS r(argument, state, message);

-- Saved views.
SELECT pg_temp.as_login('tap_lo_mira', :'org', 'SELECT sentinel.save_view('' Hot  ones '', ''lead'', ''{"temperature": "Hot", "q": ""}'', ''priority'', ''asc'')') AS own_view,
       pg_temp.as_login('tap_lo_mira', :'org', 'SELECT sentinel.save_view(''Fair'', ''lead'', ''{"lead_source": "fair"}'', ''name'', ''asc'', true)') AS shared_view,
       sentinel.save_view('Large', 'deal', '{"min_value": 50, "created_from": "2020-01-01", "fuzzy": false}') AS deal_view \gset
SELECT is((SELECT (name, filters, sort, direction, member_id)::text FROM sentinel.saved_views WHERE id = :'own_view'), format('("Hot ones","{""temperature"": ""hot""}",priority,asc,%s)', :'mira'), 'a view is kept');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', 'SELECT sentinel.save_view(''HOT ones'', ''lead'', ''{"temperature": "warm"}'')'), :'own_view', 'the same name again replaces it');
SELECT is((SELECT r ->> 'name' FROM sentinel.run_saved_view(:'own_view') r), 'Dan', 'it runs');
SELECT is((SELECT string_agg(r ->> 'name', ', ') FROM sentinel.run_saved_view(:'deal_view') r), 'Alpha deal', 'one of deals, too');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT count(*) FROM sentinel.run_saved_view(%L)', :'own_view')), 'SN004', 'what is not shared is its owner''s');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT string_agg(r ->> ''name'', '', '') FROM sentinel.run_saved_view(%L) r', :'shared_view')), 'Ann Lee, Cleo', 'what is shared finds what its runner may view, sorted as it says');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT string_agg(r ->> ''name'', '', '') FROM sentinel.run_saved_view(%L) r', :'shared_view')), 'Ann Lee', 'and for another something else');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.delete_view(%L)', :'shared_view')), 'SN003', 'it is not deleted by others');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.delete_view(%L)', :'shared_view')), '', 'but by its owner');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', 'SELECT sentinel.save_view(''V'', ''lead'')'), 'SN003', 'a viewer keeps none');
SELECT throws_ok(format('SELECT sentinel.run_saved_view(%L)', :'foreign_view'), 'SN004', NULL, 'views of others do not exist');
SELECT throws_ok(format('SELECT sentinel.delete_view(%L)', :'foreign_view'), 'SN004', NULL, 'for deleting, too');
SELECT throws_ok('SELECT sentinel.save_view(''X'', ''lead'', ''{"min_value": 1}'')', 'SN007', 'unknown filter "min_value"', 'a view has filters of its kind');
SELECT throws_ok('SELECT sentinel.save_view(''X'', ''client'')', '22023', 'nothing is searched as "client"', 'and a kind that is searched');
SELECT throws_ok('SELECT sentinel.save_view(''X'', ''deal'', sort => ''name'')', '22023', 'deals are not sorted by "name" desc', 'deals have their own order');
SELECT throws_ok('SELECT sentinel.save_view('' '', ''lead'')', 'SN007', NULL, 'and a name');

-- Changing one.
SELECT sentinel.update_lead(:'bob', '{"phone": "  +44 20 7946 0000 ", "company_name": "", "priority": null, "temperature": "Warm", "employee_count": "11-50", "domain": "https://www.Beta.example/x",
    "estimated_monthly_revenue_leak": 1500.5, "currency": "eur", "next_action_due": "2026-03-31T10:00:00+02:00"}');
SELECT is((SELECT (phone, company_name, priority, temperature, employee_count, domain, estimated_monthly_revenue_leak, currency, next_action_due)::text FROM sentinel.leads WHERE id = :'bob'),
    '("+44 20 7946 0000",,,warm,11,beta.example,1500.50,EUR,"2026-03-31 08:00:00+00")', 'columns are set, an empty text and null clear');
SELECT is((SELECT (a.payload #>> '{changes,priority,from}', a.payload #> '{changes,priority,to}', a.payload #>> '{changes,company_name,from}')::text FROM sentinel.activities a
    WHERE a.lead_id = :'bob' AND a.payload ->> 'kind' = 'lead_edited'), '(critical,null,"Beta\\1000")', 'an activity tells what was edited');
SELECT sentinel.update_lead(:'bob', '{"temperature": "warm"}');
SELECT is((SELECT count(*) FROM sentinel.activities a WHERE a.lead_id = :'bob' AND a.payload ->> 'kind' = 'lead_edited'), 1::bigint, 'to be so already is no edit');
SELECT sentinel.update_lead(:'bob', '{"lifecycle_stage": "qualified", "priority": "high"}');
SELECT is((SELECT (lifecycle_stage, next_action, priority)::text FROM sentinel.leads WHERE id = :'bob'), '(qualified,schedule_call,high)', 'a stage brings its next action, what is given stays');
SELECT sentinel.update_lead(:'bob', '{"lifecycle_stage": "proposal", "priority": "high"}');
SELECT is((SELECT (lifecycle_stage, priority)::text FROM sentinel.leads WHERE id = :'bob'), '(proposal,high)', 'also when it is given as it was');
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id = :'bob' AND event_type = 'lead.stage_changed'), 2::bigint, 'the moves are told, once each');
SELECT throws_ok(format('SELECT sentinel.update_lead(%L, %L)', :'bob', changes), state, message, 'refused: ' || changes) FROM (VALUES
    ('{"email": "no address"}', 'SN007', 'e-mail "no address" has no @'), ('{"email": "ANN@alpha.example"}', '23505', 'a lead with the e-mail address "ANN@alpha.example" exists'),
    ('{"lifecycle_stage": "new_lead"}', 'SN005', 'a lead cannot move from "proposal" to "new_lead"'), ('{"lifecycle_stage": null}', '22023', 'invalid lifecycle_stage null'), ('{"name": " "}', 'SN007', 'invalid name " "'),
    ('{"temperature": "tepid"}', '22023', 'invalid temperature "tepid"'), ('{"employee_count": -1}', 'SN007', 'invalid employee_count -1'), ('{"employee_count": 1e400}', 'SN007', NULL), ('{"phone": 5}', 'SN007', 'invalid phone 5'),
    ('{"phone": {"a": 1}}', 'SN007', 'invalid phone {"a": 1}'), ('{"org_id": "x"}', 'SN007', '"org_id" of a lead is not set so'), ('{"buying_signal_score": 100}', 'SN007', '"buying_signal_score" of a lead is not set so'),
    ('{"estimated_monthly_revenue_leak": -1}', 'SN007', NULL), ('{}', 'SN007', 'invalid changes {}'), ('[1]', 'SN007', 'invalid changes [1]'), ('{"next_action_due": "soon"}', 'SN007', NULL),
    ('{"owner_id": "00000000-0000-0000-0000-000000000000"}', 'SN004', 'no member "00000000-0000-0000-0000-000000000000" in this organisation'), ('{"industry": "' || repeat('x', 2000) || '"}', 'SN007', NULL)) AS r(changes, state, message);
SELECT throws_ok(format('SELECT sentinel.update_lead(%L, ''{"phone": null}'', now() + interval ''1 day'')', :'bob'), 'SN007', NULL, 'not tomorrow');
SELECT throws_ok(format('SELECT sentinel.update_lead(%L, ''{"phone": null}'')', :'foreign_lead'), 'SN004', NULL, 'no lead of others');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', format('SELECT sentinel.update_lead(%L, ''{"phone": null}'')', :'dan')), 'SN003', 'a viewer changes none');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.update_lead(%L, ''{"phone": null}'')', :'cleo')), 'SN004', 'nor does a colleague what is hidden');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.update_lead(%L, ''{"owner_id": "%s"}'')', :'dan', :'mira')), '', 'a member takes a lead over');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.update_lead(%L, ''{"owner_id": "%s", "team_id": null}'')', :'dan', :'max')), 'SN003', 'and gives it to no other');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.update_lead(%L, ''{"industry": "secret"}'')', :'cleo')), '', 'the owner edits');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT count(*) FROM sentinel.activities WHERE lead_id = %L', :'cleo')), '0', 'which those who do not see the lead do not read');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT count(*) FROM sentinel.activities WHERE lead_id = %L', :'cleo')), '1', 'but its owner');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('INSERT INTO sentinel.activities (org_id, lead_id, activity_type) VALUES (%L, %L, ''other'')', :'org', :'cleo')), '42501', 'nor write to');

-- Changing many.
SELECT results_eq(format('SELECT * FROM sentinel.bulk_set_leads(ARRAY[%1$L, %2$L, %1$L, %3$L, %4$L]::uuid[], ''{"lifecycle_stage": "Contacted", "priority": "high"}'')', :'cleo', :'bob', :'none', :'foreign_lead'),
    format($$VALUES (%L::uuid, true, NULL::text), (%L, false, 'a lead cannot move from "proposal" to "contacted"'), (%L, false, 'no lead "%3$s" in this organisation'),
                    (%4$L, false, 'no lead "%4$s" in this organisation')$$, :'cleo', :'bob', :'none', :'foreign_lead'), 'one row per id, in order, with the reason where it was not done');
SELECT is((SELECT (lifecycle_stage, next_action, priority, last_contacted_at = now())::text FROM sentinel.leads WHERE id = :'cleo'), '(contacted,follow_up,high,t)', 'the others are moved, with all that it brings');
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id = :'cleo' AND event_type = 'lead.stage_changed'), 1::bigint, 'and told, as one by one');
SELECT is((SELECT count(*) FROM sentinel.state_history WHERE subject_id = :'cleo'), 2::bigint, 'with history');
SELECT is((SELECT bool_and(ok) FROM sentinel.bulk_set_leads(ARRAY[:'cleo', :'ann']::uuid[], '{"platform": "instagram", "lead_source": "", "temperature": null, "recommended_path": "nurture"}')), true, 'values are set and cleared');
SELECT is((SELECT array_agg((platform, lead_source, temperature, recommended_path)::text) FROM sentinel.leads WHERE id IN (:'cleo', :'ann')), '{"(instagram,,,nurture)","(instagram,,,nurture)"}', 'of all');
SELECT is((SELECT (payload #>> '{changes,lead_source,from}') FROM sentinel.activities WHERE lead_id = :'ann' AND payload ->> 'kind' = 'lead_edited'), 'Trade Fair', 'and noted');
SELECT results_eq(format('SELECT pg_temp.as_login(''tap_lo_mira'', %L, $q$SELECT string_agg(coalesce(error, ''ok''), ''; '') FROM sentinel.bulk_set_leads(ARRAY[%L, %L]::uuid[], ''{"priority": "low"}'')$q$)', :'org', :'cleo', :'dan'),
    format('VALUES (''no lead "%s" in this organisation; ok'')', :'cleo'), 'one changes what one may');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', format('SELECT error FROM sentinel.bulk_set_leads(ARRAY[%L]::uuid[], ''{"priority": "low"}'')', :'dan')), 'not allowed to edit lead "Dan"', 'a viewer none');
SELECT throws_ok('SELECT sentinel.bulk_set_leads(ARRAY[NULL]::uuid[], ''{"priority": "low"}'')', 'SN007', 'an id of the list is null', 'no id');
SELECT throws_ok('SELECT sentinel.bulk_set_leads(ARRAY(SELECT sentinel.uuid7() FROM generate_series(1, 1001)), ''{"priority": "low"}'')', 'SN007', '1001 ids are given', 'too long a list');
SELECT throws_ok(format('SELECT sentinel.bulk_set_leads(ARRAY[%L]::uuid[], ''{"email": null}'')', :'ann'), 'SN007', '"email" of a lead is not set so', 'nor what is different for each');

INSERT INTO sentinel.leads (org_id, name, last_state_change) VALUES (:'org', 'Old', :'past') RETURNING id AS old \gset
SELECT sentinel.bulk_set_leads(ARRAY[:'old']::uuid[], '{"lifecycle_stage": "contacted"}', :'past'::timestamptz + interval '2 days');
SELECT is((SELECT (last_state_change - :'past', last_contacted_at - :'past', next_action_due - :'past')::text FROM sentinel.leads WHERE id = :'old'), '("2 days","2 days","5 days")', 'as of when it was');
SELECT sentinel.delete_lead(:'old');

-- Export.
SELECT sentinel.update_lead(:'dan', '{"name": "=HYPERLINK(\"http://evil.example\")", "industry": "a, \"b\"", "location": "@home"}');
SELECT is(split_part(sentinel.export_leads_csv(), E'\n', 1), '"Name","Email","Phone","Company","Stage","Temperature","Source","Industry","Location","ICP Score","Ghost Risk","Recommended Path","Created"', 'the heading');
SELECT is((SELECT line FROM regexp_split_to_table(sentinel.export_leads_csv(sort => 'name'), E'\n') line WHERE line LIKE '%HYPERLINK%'),
    format('"''=HYPERLINK(""http://evil.example"")","","''+1 202 555 0104","","new_lead","warm","sql","a, ""b""","''@home","10.00","0.00","","%s"', to_char(now() - interval '2 days', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
    'every cell in quotes, none runs as a formula');
SELECT is((SELECT array_agg(e ->> 'name') FROM jsonb_array_elements(sentinel.export_leads_json('{"q": "a"}', 'name', 'asc')) e), '{"=HYPERLINK(\"http://evil.example\")","Ann Lee","bob ray",Cleo}', 'as JSON, in its order');
SELECT is((SELECT (e ->> 'icpScore', e ->> 'leadId', e ->> 'stage')::text FROM jsonb_array_elements(sentinel.export_leads_json('{"q": "bob"}')) e), format('(80.00,%s,proposal)', :'bob'), 'with its members');
SELECT throws_ok('SELECT sentinel.export_leads_csv(max_rows => 3)', 'SN007', 'more than 3 leads fit the filters', 'a cut export is none');
SELECT throws_ok('SELECT sentinel.export_leads_csv(max_rows => 0)', '22023', 'invalid max_rows 0', 'nor one of nothing');
SELECT throws_ok('SELECT sentinel.export_leads_json(''{"q": "nobody at all"}'')', 'SN004', 'no leads found', 'nor an empty one');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', 'SELECT jsonb_array_length(sentinel.export_leads_json())'), '3', 'one exports what one may view');

-- What happened.
SELECT sentinel.record_activity(:'deal', 'email_sent', subject => 'Offer', as_of => now() - interval '1 hour');
SELECT sentinel.complete_call(:'call', 'We talked.', 'wants a proposal');
SELECT sentinel.set_lead_stage(:'ann', 'contacted');
SELECT bag_eq(format('SELECT kind, summary FROM sentinel.lead_activities(%L)', :'ann'), $$VALUES ('note', 'Wants a call'), ('note', 'earlier'), ('note_added', NULL), ('note_added', NULL),
    ('call_booked', NULL), ('call_completed', 'wants a proposal'), ('email_sent', 'Offer'), ('lead_edited', 'Lead edited'), ('stage', 'new_lead to contacted')$$, 'notes, moves, calls, mails and edits in one list, each once');
SELECT is((SELECT array_agg(happened_at) FROM sentinel.lead_activities(:'ann')), (SELECT array_agg(happened_at ORDER BY happened_at DESC) FROM sentinel.lead_activities(:'ann')), 'newest first');
SELECT is((WITH RECURSIVE walk AS ((SELECT a.cursor_after FROM sentinel.lead_activities(:'ann', 1) a)
        UNION ALL SELECT n.cursor_after FROM walk w CROSS JOIN LATERAL sentinel.lead_activities(:'ann', 1, w.cursor_after) n)
    SELECT count(DISTINCT cursor_after) FROM (SELECT cursor_after FROM walk LIMIT 20) w), 9::bigint, 'in pages');
SELECT is(pg_temp.as_login('tap_lo_max', :'org', format('SELECT count(*) FROM sentinel.lead_activities(%L)', :'ann')), '6', 'without the deal that one does not see');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT count(*) FROM sentinel.lead_activities(%L)', :'cleo')), 'SN004', 'nor a lead that one does not see');
SELECT throws_ok(format('SELECT sentinel.lead_activities(%L)', :'foreign_lead'), 'SN004', NULL, 'or that is of others');
SELECT throws_ok(format('SELECT sentinel.lead_activities(%L, 1, ''x'')', :'ann'), '22023', 'invalid cursor "x"', 'no cursor');

-- Deleting.
SELECT throws_ok(format('SELECT sentinel.delete_lead(%L)', :'ann'), '23503', 'lead "Ann Lee" has 1 deal, 1 call: that is kept', 'what was done with a lead keeps it');
SELECT pg_temp.as_login('tap_lo_max', :'org', format('SELECT sentinel.add_note(''lead'', %L, ''note'')', :'cleo'));
SELECT sentinel.add_task('Call', 'lead', :'cleo'), sentinel.tag_lead(:'cleo', :'tag');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT sentinel.delete_lead(%L)', :'cleo')), 'SN004', 'nobody deletes what is hidden');
SELECT is(pg_temp.as_login('tap_lo_mira', :'org', format('SELECT error FROM sentinel.bulk_delete_leads(ARRAY[%L]::uuid[])', :'cleo')), format('no lead "%s" in this organisation', :'cleo'), 'nor by lists');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', format('SELECT sentinel.delete_lead(%L)', :'dan')), 'SN003', 'nor a viewer anything');
SELECT is(pg_temp.as_login('tap_lo_vera', :'org', format('SELECT ok FROM sentinel.bulk_delete_leads(ARRAY[%L]::uuid[])', :'dan')), 'false', 'by lists, too');
SELECT results_eq(format('SELECT ok, error FROM sentinel.bulk_delete_leads(ARRAY[%L, %L, %L, %L]::uuid[])', :'ann', :'cleo', :'none', :'foreign_lead'),
    format($$VALUES (false, 'lead "Ann Lee" has 1 deal, 1 call: that is kept'), (true, NULL), (false, 'no lead "%s" in this organisation'), (false, 'no lead "%s" in this organisation')$$, :'none', :'foreign_lead'),
    'of many, those that may go go');
SELECT is((SELECT count(*) FROM sentinel.leads WHERE id IN (:'ann', :'cleo', :'foreign_lead')), 2::bigint, 'and no others');
SELECT is((SELECT count(*) FROM sentinel.notes WHERE subject_id = :'cleo') + (SELECT count(*) FROM sentinel.tasks WHERE subject_id = :'cleo') + (SELECT count(*) FROM sentinel.lead_tags WHERE lead_id = :'cleo')
    + (SELECT count(*) FROM sentinel.activities WHERE lead_id = :'cleo'), 0::bigint, 'with what was about them');
SELECT is((SELECT payload ->> 'name' FROM sentinel.events WHERE subject_id = :'cleo' AND event_type = 'lead.deleted'), 'Cleo', 'which is told');
SELECT intake_id AS row FROM sentinel.intake('form', '{"name": "Eve", "email": "eve@again.example"}') \gset
SELECT sentinel.handle_process_intake(NULL, jsonb_build_object('intake_id', :'row'));
SELECT sentinel.delete_lead((SELECT id FROM sentinel.leads WHERE org_id = :'org' AND name = 'Eve'));
SELECT is((SELECT state FROM sentinel.intake('form', '{"name": "Eve", "email": "eve@again.example"}')), 'waiting', 'who was deleted may come in again');
SELECT sentinel.create_deal('Moved', 1, lead_id => :'bob') AS moved \gset
INSERT INTO sentinel.activities (org_id, deal_id, lead_id, activity_type) VALUES (:'org', :'moved', :'bob', 'other');
UPDATE sentinel.deals SET lead_id = NULL WHERE id = :'moved';
SELECT throws_ok(format('SELECT sentinel.delete_lead(%L)', :'bob'), '23503', 'lead "bob ray" has 1 activity of a deal: that is kept', 'the past of a deal keeps its lead');
SELECT throws_ok(format('SELECT sentinel.delete_lead(%L)', :'none'), 'SN004', NULL, 'none is deleted that is not');

-- Nobody without an organisation, nobody of another one.
SELECT sentinel.leave();
SELECT throws_ok(query, 'SN002', NULL, 'needs an organisation: ' || query) FROM unnest(ARRAY['SELECT * FROM sentinel.search_leads()', 'SELECT sentinel.export_leads_csv()', 'SELECT sentinel.add_tag(''x'')',
    'SELECT sentinel.save_view(''x'', ''lead'')', 'SELECT sentinel.add_note(''lead'', sentinel.uuid7(), ''x'')', 'SELECT sentinel.update_lead(sentinel.uuid7(), ''{"phone": null}'')',
    'SELECT sentinel.bulk_set_leads(''{}'', ''{"phone": null}'')', 'SELECT sentinel.bulk_delete_leads(''{}'')', 'SELECT sentinel.lead_activities(sentinel.uuid7())']) query;
SELECT sentinel.enter(:'other');
SET LOCAL ROLE sentinel_reader;
SELECT is(ROW((SELECT count(*) FROM sentinel.notes), (SELECT count(*) FROM sentinel.tags), (SELECT count(*) FROM sentinel.lead_tags), (SELECT count(*) FROM sentinel.deal_tags), (SELECT count(*) FROM sentinel.saved_views))::text,
    '(1,1,1,0,1)', 'another organisation sees its own');
RESET ROLE;

-- Merged, a lead brings its notes and tags along.
SELECT sentinel.leave();
SELECT sentinel.enter(:'org');
SELECT sentinel.create_lead('Merge A', 'merge-a@ops.example') AS ma, sentinel.create_lead('Merge B', 'merge-b@ops.example') AS mb,
       sentinel.add_tag('merge x') AS mx, sentinel.add_tag('merge y') AS my \gset
SELECT sentinel.add_note('lead', :'mb', 'from b') AS merged_note, sentinel.tag_lead(:'ma', :'mx'), sentinel.tag_lead(:'mb', :'mx'), sentinel.tag_lead(:'mb', :'my') \gset
SELECT sentinel.merge_leads(:'ma', :'mb');
SELECT is((SELECT subject_id FROM sentinel.notes WHERE id = :'merged_note'), :'ma'::uuid, 'notes move with a merge');
SELECT is((SELECT count(*) FROM sentinel.lead_tags WHERE lead_id = :'ma'), 2::bigint, 'and tags are united');

SELECT * FROM finish();
ROLLBACK;
