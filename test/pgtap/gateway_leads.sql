-- Room gateway: leads, notes, tasks, templates, tags and saved views over HTTP.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(78);
\ir ../support/http.sql

SELECT sentinel.create_org('Rest Leads Ltd', 'gateway-leads') AS org, sentinel.create_org('Other Ltd', 'gateway-leads-other') AS other \gset
SELECT sentinel.enter(:'other');
SELECT sentinel.create_lead('Foreign', 'foreign@gateway-leads.example') AS foreign_lead, sentinel.add_tag('Theirs') AS foreign_tag \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@gateway-leads.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@gateway-leads.example') AS mira,
       sentinel.add_member('Max', 'max@gateway-leads.example') AS max, sentinel.uuid7() AS none \gset
SELECT pg_temp.caller(:'org', :'olga', 'owner') AS olga_calls, pg_temp.caller(:'org', :'mira', 'member') AS mira_calls, pg_temp.caller(:'org') AS key \gset

-- Making one.
SELECT status, json -> 'data' AS lead, json #>> '{data,id}' AS ann, headers_out ->> 'location' AS location
FROM pg_temp.http(:'mira_calls', 'POST', '/api/leads', '{"name": "Ann", "email": "Ann@Alpha.example", "companyName": "Alpha 100%", "priority": "high", "platform": "LinkedIn", "employeeCount": "25"}') \gset
SELECT is(:status, 201, 'a lead is made');
SELECT is(:'location', '/leads/' || :'ann', 'and where it is told');
SELECT is((SELECT jsonb_build_object('name', l ->> 'name', 'priority', l ->> 'priority', 'source', l ->> 'lead_source', 'n', l -> 'employee_count', 'stage', l ->> 'lifecycle_stage',
        'tags', l -> 'tags') FROM CAST(:'lead' AS jsonb) l), '{"name": "Ann", "priority": "high", "source": "api", "n": 25, "stage": "new_lead", "tags": []}', 'with what was given, under the names of the columns');
SELECT is((SELECT a.status::text || (a.json ->> 'code') FROM pg_temp.http(:'mira_calls', 'POST', '/leads', '{"name": "Ann 2", "email": "ann@alpha.example"}') a), '409conflict', 'an address is taken once');
SELECT is((SELECT a.status::text || (a.json ->> 'title') FROM pg_temp.http(:'mira_calls', 'POST', '/leads', '{"name": "X", "score": 7}') a), '400"score" of a lead is not set so', 'what is not to be set is refused');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/leads', '{}')).status, 400, 'as is nothing');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/leads', '[]')).status, 400, 'and what is no object');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/leads', '{"name": "X", "temperature": "tepid"}')).status, 400, 'and a temperature that there is not');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/leads', jsonb_build_object('name', 'X', 'owner_id', :'none')::text)).status, 403, 'and an owner that one may not choose');

-- Reading and changing one.
SELECT is((pg_temp.http(:'mira_calls', 'GET', :'location')).json -> 'data', :'lead'::jsonb, 'it is given as it was told');
SELECT is((SELECT (a.status, a.text)::text FROM pg_temp.http(:'mira_calls', 'GET', :'location', NULL, (SELECT jsonb_build_array(jsonb_build_array('If-None-Match', e.headers_out ->> 'etag'))
    FROM pg_temp.http(:'mira_calls', 'GET', :'location') e)) a), '(304,"")', 'once, to who remembers it');
SELECT is((SELECT jsonb_build_array(a.status, a.json #> '{data,industry}', a.json #> '{data,priority}', a.json #> '{data,name}')
    FROM pg_temp.http(:'mira_calls', 'PATCH', :'location', '{"industry": "Steel", "priority": "", "name": "Ann Lee"}') a), '[200, "Steel", null, "Ann Lee"]', 'it is changed, and an empty text clears');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', :'location', '{"qualification_score": 100}')).status, 400, 'but no score is set');
SELECT is((SELECT string_agg(a.status || ' ' || coalesce(a.json #>> ARRAY['data', p.field], 'null'), ', ' ORDER BY p.n) FROM (VALUES
    (1, 'stage', 'lifecycle_stage', '{"stage": "contacted"}'), (2, 'stage', 'lifecycle_stage', '{"lifecycleStage": "qualified"}'), (3, 'recommended-path', 'recommended_path', '{"recommended_path": "nurture"}'),
    (4, 'next-action', 'next_action_due', '{"next_action": "follow_up", "next_action_due": "2030-01-02T03:04:05Z"}'), (5, 'priority', 'priority', '{"priority": "low"}'),
    (6, 'priority', 'priority', '{"priority": null}'), (7, 'temperature', 'temperature', '{"temperature": "warm"}'), (8, 'temperature', 'temperature', '{"temperature": ""}')) AS p(n, word, field, body)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'PATCH', :'location' || '/' || p.word, p.body) a),
    '200 contacted, 200 qualified, 200 nurture, 200 2030-01-02T03:04:05+00:00, 200 low, 200 null, 200 warm, 200 null', 'single columns have paths of their own');
SELECT is((SELECT a.status::text || (a.json ->> 'code') FROM pg_temp.http(:'mira_calls', 'PATCH', :'location' || '/stage', '{"stage": "new_lead"}') a), '409illegal_transition', 'an illegal move is a conflict');
SELECT is((SELECT a.status::text || (a.json ->> 'title') FROM pg_temp.http(:'mira_calls', 'PATCH', :'location' || '/priority', '{"temperature": "hot"}') a), '400the member "priority" is missing', 'the value must be there');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/leads/not-a-uuid')).status, 400, 'what is no id is told so');
SELECT is((SELECT a.status::text || replace(a.text, :'foreign_lead', :'none') = b.status || b.text FROM pg_temp.http(:'mira_calls', 'GET', '/leads/' || :'foreign_lead') a,
    pg_temp.http(:'mira_calls', 'GET', '/leads/' || :'none') b), true, 'another organisation''s lead is as none');
SELECT sentinel.create_lead('Hidden', 'hidden@gateway-leads.example', owner_id => :'max') AS hidden \gset
SELECT is((SELECT a.status::text || replace(a.text, :'hidden', :'none') = b.status || b.text FROM pg_temp.http(:'mira_calls', 'GET', '/leads/' || :'hidden') a,
    pg_temp.http(:'mira_calls', 'GET', '/leads/' || :'none') b), true, 'and a colleague''s too');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', :'location', jsonb_build_object('owner_id', :'max')::text)).status, 403, 'members give no leads to colleagues');
SELECT is((pg_temp.http(:'olga_calls', 'PATCH', :'location', jsonb_build_object('owner_id', :'mira')::text)).json #>> '{data,owner_name}', 'Mira', 'owners do');

-- Judging.
SELECT is((pg_temp.http(:'mira_calls', 'GET', :'location' || '/qualification')).json -> 'data', jsonb_build_object('lead_id', :'ann', 'score', NULL, 'source', NULL, 'scored_at', NULL, 'reasons', '[]'::jsonb),
    'before it is judged there is nothing to explain');
SELECT status, json #> '{data,qualification_score}' AS score, json #>> '{data,result,path}' AS path FROM pg_temp.http(:'mira_calls', 'POST', :'location' || '/qualify') \gset judged_
SELECT is(:'judged_status' || (:'judged_path' <> ''), '200true', 'a lead is judged at once, by a member too');
SELECT is((SELECT jsonb_build_array(d -> 'score', d ->> 'source', (SELECT sum((r ->> 'points')::numeric) = (d ->> 'score')::numeric FROM jsonb_array_elements(d -> 'reasons') r))
    FROM (SELECT json -> 'data' AS d FROM pg_temp.http(:'mira_calls', 'GET', :'location' || '/qualification')) x), jsonb_build_array(:'judged_score'::numeric, 'rules', true), 'and the reasons sum to the score');
SELECT is((SELECT count(*) FROM sentinel.events WHERE event_type = 'lead.qualified' AND subject_id = :'ann'), 1::bigint, 'with its event');
SELECT is((SELECT jsonb_build_array(a.status, a.json #> '{data,result,added,domain}', a.json #> '{data,domain}') FROM pg_temp.http(:'mira_calls', 'POST', :'location' || '/enrich') a),
    '[200, "alpha.example", "alpha.example"]', 'blanks are filled at once');
SELECT sentinel.enter(:'org');
SELECT sentinel.create_enrichment_service('https://enrich.example/');
UPDATE sentinel.services SET enabled = true WHERE org_id = :'org';
SELECT is((SELECT a.status::text || ((a.json #>> '{data,result,asked}') IS NOT NULL) FROM pg_temp.http(:'mira_calls', 'POST', :'location' || '/enrich') a), '202true', '202 where a service is asked');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/leads/' || :'hidden' || '/qualify')).status, 404, 'nobody has a lead judged that one does not see');

-- What happened, in pages.
SELECT sentinel.add_note('lead', :'ann', 'Note ' || n) FROM generate_series(1, 5) n;
CREATE FUNCTION pg_temp.walk(caller jsonb, target text, field text, meanwhile text DEFAULT 'SELECT 1') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
    found text[] := '{}';
    cursor text;
BEGIN
    FOR turn IN 1..50 LOOP
        answer := (pg_temp.http(caller, 'GET', target || coalesce('&cursor=' || cursor, ''))).json;
        found := found || ARRAY(SELECT e ->> field FROM jsonb_array_elements(answer -> 'data') e);
        cursor := answer ->> 'next_cursor';
        EXIT WHEN cursor IS NULL;
        EXECUTE meanwhile;
    END LOOP;
    RETURN array_to_string(found, ',');
END
$$;
SELECT is(pg_temp.walk(:'mira_calls', :'location' || '/activities?limit=2', 'summary'),
          pg_temp.walk(:'mira_calls', :'location' || '/activities?limit=200', 'summary'), 'what happened with a lead is told in pages');
SELECT matches(pg_temp.walk(:'mira_calls', :'location' || '/activities?limit=3', 'kind'), 'note.*lead_edited', 'notes, edits and moves');

-- Lists.
SELECT sentinel.create_lead('Lead ' || chr(64 + n), format('l%s@gateway-leads.example', n), company_name => CASE WHEN n % 2 = 0 THEN 'Even' ELSE 'Odd' END, lead_source => 'Trade Fair',
           temperature => CASE WHEN n > 4 THEN 'hot' END, created_at => now() - (10 - n) * interval '1 day') FROM generate_series(1, 7) n;
SELECT is(pg_temp.walk(:'mira_calls', '/leads?q=even&limit=2&sort=created_at&order=asc', 'name'), 'Lead B,Lead D,Lead F', 'words are looked for, sorted as asked');
SELECT is(pg_temp.walk(:'mira_calls', '/leads?leadSource=fair&limit=3', 'name', $$SELECT sentinel.create_lead('New', NULL, '+1 202 555 01' || (100 + random() * 800)::integer, lead_source => 'fair')$$),
    'Lead G,Lead F,Lead E,Lead D,Lead C,Lead B,Lead A', 'no row twice and none missing, whatever comes in meanwhile');
SELECT is(pg_temp.walk(:'mira_calls', '/leads?lead_source=trade&temperature=hot&sort=name&order=desc', 'name'), 'Lead G,Lead F,Lead E', 'filters hold together');
SELECT is((SELECT jsonb_build_array(a.json -> 'total', a.json -> 'page', a.json -> 'page_size', jsonb_array_length(a.json -> 'data'), a.json #> '{data,0,name}')
    FROM pg_temp.http(:'mira_calls', 'GET', '/leads?lead_source=trade&page=2&pageSize=3') a), '[7, 2, 3, 3, "Lead D"]', 'by number as well');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/leads?lead_source=trade&page=9&page_size=3')).json - 'next_cursor', '{"data": [], "page": 9, "total": 7, "page_size": 3}', 'a page that is not there is empty and has the total');
SELECT is((SELECT string_agg(a.status::text, ',') FROM unnest(ARRAY['sort=height', 'order=up', 'limit=0', 'limit=201', 'page=0', 'owner=x', 'temperature=tepid', 'created_from=soon', 'cursor=%21',
    'page=1&cursor=WyJYIl0', 'cursor=WyJYIl0']) q CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'GET', '/leads?' || q) a), '400,400,400,400,400,400,400,400,400,400,400', 'bad parameters are refused');
SELECT is(strpos(pg_temp.walk(:'mira_calls', '/leads?limit=200', 'name'), 'Hidden'), 0, 'a colleague''s leads are not in it');
SELECT is((SELECT jsonb_array_length(a.json -> 'data')::text || (a.json ->> 'total') FROM pg_temp.http(:'mira_calls', 'GET', '/leads/ids?q=odd') a), '44', 'ids alone');
SELECT is((SELECT (a.status, a.headers_out ->> 'content-type', a.headers_out ->> 'content-disposition', split_part(a.text, E'\n', 1) LIKE '"Name","Email"%', cardinality(string_to_array(a.text, E'\n')))::text
    FROM pg_temp.http(:'mira_calls', 'GET', '/leads/export?temperature=hot') a), '(200,"text/csv; charset=utf-8","attachment; filename=""leads.csv""",t,4)', 'a file of leads');
SELECT is((SELECT jsonb_array_length(a.json)::text || (a.headers_out ->> 'content-disposition') FROM pg_temp.http(:'mira_calls', 'GET', '/leads/export?temperature=hot&format=json') a),
    '3attachment; filename="leads.json"', 'also as JSON');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/leads/export?q=nobodyhasthis')).status, 404, 'none of nothing');

-- Many.
SELECT jsonb_build_array((SELECT id FROM sentinel.leads WHERE name = 'Lead A'), (SELECT id FROM sentinel.leads WHERE name = 'Lead B'), :'hidden', :'foreign_lead') AS many \gset
SELECT is((SELECT string_agg(concat_ws(' ', a.status, a.json ->> 'changed', a.json ->> 'skipped'), ',' ORDER BY p.n) FROM (VALUES
    (1, 'stage', '"stage": "contacted"'), (2, 'recommended-path', '"recommended_path": "outreach"'), (3, 'temperature', '"temperature": "cold"'), (4, 'platform', '"platform": "phone"'),
    (5, 'priority', '"priority": "high"'), (6, 'lead-source', '"lead_source": "list"')) AS p(n, word, body)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'PATCH', '/leads/bulk/' || p.word, format('{"ids": %s, %s}', :'many', p.body)) a), '200 2 2,200 2 2,200 2 2,200 2 2,200 2 2,200 2 2', 'many are changed, and others'' are not');
SELECT is((SELECT (l.lifecycle_stage, l.recommended_path, l.temperature, l.platform, l.priority, l.lead_source)::text FROM sentinel.leads l WHERE l.name = 'Lead A'), '(contacted,outreach,cold,phone,high,list)', 'each column');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', '/leads/bulk/priority', '{"ids": "all", "priority": "low"}')).status, 400, 'a list is a list');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', '/leads/bulk/priority', '{"ids": ["x"], "priority": "low"}')).status, 400, 'of ids');
SELECT sentinel.create_deal('Of A', 5, lead_id => (:'many'::jsonb ->> 0)::uuid);
SELECT is((SELECT concat_ws(' ', a.status, a.json ->> 'deleted', a.json ->> 'skipped') FROM pg_temp.http(:'mira_calls', 'DELETE', '/leads/bulk', format('{"ids": %s}', :'many')) a), '200 1 3', 'those with deals stay, and those of others');
SELECT is((SELECT a.status::text || (a.json ->> 'code') FROM pg_temp.http(:'mira_calls', 'DELETE', '/leads/' || (:'many'::jsonb ->> 0)) a), '409conflict', 'a lead with a deal is not deleted');
SELECT is((SELECT a.status::text || a.text FROM pg_temp.http(:'mira_calls', 'DELETE', '/leads/' || (SELECT id FROM sentinel.leads WHERE name = 'Lead C')) a), '204', 'one without is');
SELECT id AS dee FROM sentinel.leads WHERE name = 'Lead D' \gset
SELECT sentinel.create_deal('Of D', 5, lead_id => :'dee', owner_id => :'mira');
SELECT is((SELECT concat_ws(' ', a.status, a.json #>> '{data,id}', a.json #>> '{data,deals}') FROM pg_temp.http(:'mira_calls', 'POST', '/leads/merge', format('{"masterId": "%s", "duplicateId": "%s"}', :'ann', :'dee')) a),
    format('200 %s 1', :'ann'), 'two are merged, and told as they are then');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/leads/' || :'dee')).json #>> '{data,id}', :'ann', 'and the id of the one that went leads to the other');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/leads/merge', format('{"master_id": "%s", "duplicate_id": "%s"}', :'ann', :'ann'))).status, 400, 'not with itself');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/leads/merge', format('{"master_id": "%s"}', :'ann'))).status, 400, 'nor with nothing');

-- Tags.
SELECT json #>> '{data,id}' AS tag, headers_out ->> 'location' AS tag_at FROM pg_temp.http(:'mira_calls', 'POST', '/tags', '{"name": "Fair"}') \gset
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/tags', '{"name": "fair"}')).status, 409, 'a tag is there once');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/tags', '{"name": "Red", "colour": "red"}')).status, 400, 'a member that is not known is told');
SELECT is((SELECT string_agg(a.status::text, ',' ORDER BY p.n) FROM (VALUES (1, 'POST', :'tag'), (2, 'POST', :'tag'), (3, 'POST', :'foreign_tag'), (4, 'POST', :'none')) AS p(n, method, tag)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', p.method, :'location' || '/tags/' || p.tag) a), '201,200,404,404', 'a tag is put on once; theirs is none');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/leads?tag=fair')).json #>> '{data,0,id}', :'ann', 'found by its tag, under its id');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/leads?tag=fair')).json #>> '{data,0,lead_id}', NULL, 'which has no other name in lists');
SELECT is((pg_temp.http(:'mira_calls', 'DELETE', :'location' || '/tags/' || :'tag')).status, 204, 'and off');
SELECT is((pg_temp.http(:'mira_calls', 'DELETE', :'tag_at')).status, 403, 'members delete no tags');
SELECT is((pg_temp.http(:'olga_calls', 'DELETE', :'tag_at')).status, 204, 'owners do');

-- Notes.
SELECT json #>> '{data,id}' AS note FROM pg_temp.http(:'mira_calls', 'POST', '/notes', format('{"subjectType": "lead", "subjectId": "%s", "body": " Hello "}', :'ann')) \gset
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', '/notes/' || :'note', '{"body": "Bye"}')).json #>> '{data,body}', 'Bye', 'a note is written and changed');
SELECT is((pg_temp.http(:'mira_calls', 'GET', format('/notes?subject_type=lead&subject_id=%s&limit=200', :'ann'))).json #>> '{data,0,body}', 'Bye', 'and listed with what it is about');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/notes', format('{"subject_type": "lead", "subject_id": "%s", "body": "x"}', :'foreign_lead'))).status, 404, 'on what one sees only');
SELECT is((pg_temp.http(pg_temp.caller(:'org', :'max', 'member'), 'DELETE', '/notes/' || :'note')).status, 404, 'colleagues who do not see the lead find no note');
SELECT is((pg_temp.http(:'mira_calls', 'DELETE', '/notes/' || :'note')).status, 204, 'who wrote it deletes it');

-- Tasks.
SELECT json #>> '{data,id}' AS task FROM pg_temp.http(:'mira_calls', 'POST', '/tasks', '{"title": "Call", "due_at": "2030-05-05", "priority": "high"}') \gset
SELECT is((SELECT string_agg((a.json #>> '{data,completed_at}' IS NOT NULL)::text, ',' ORDER BY p.n) FROM (VALUES (1, NULL), (2, NULL), (3, '{"done": true}'), (4, '{"done": true}')) AS p(n, body)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'PATCH', '/tasks/' || :'task' || '/complete', p.body) a), 'true,false,true,true', 'complete toggles, or does as told');
SELECT is((SELECT jsonb_build_array(a.json #> '{data,title}', a.json #> '{data,due_at}', a.json #> '{data,priority}') FROM pg_temp.http(:'mira_calls', 'PATCH', '/tasks/' || :'task', '{"title": " Ring ", "due_at": null}') a),
    '["Ring", null, "high"]', 'a task is changed');
SELECT is((SELECT string_agg(a.status::text, ',') FROM unnest(ARRAY['{"priority": "urgent"}', '{"title": ""}', '{"done": true}', '{}', '{"member_id": "x"}']) b
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'PATCH', '/tasks/' || :'task', b) a), '400,400,400,400,400', 'not to what it cannot be');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/tasks?state=done')).json #>> '{data,0,title}', 'Ring', 'and listed as done');
SELECT is((pg_temp.http(:'mira_calls', 'DELETE', '/tasks/' || :'task')).status, 204, 'and deleted');

-- Templates.
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/templates', '{"name": "Hello", "body": "Dear {{name}}", "kind": "email"}')).status, 403, 'members save no templates');
SELECT json #>> '{data,id}' AS template FROM pg_temp.http(:'olga_calls', 'POST', '/templates', '{"name": "Hello", "body": "Dear {{name}}", "kind": "email"}') \gset
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/templates/' || :'template' || '/render', '{"variables": {"name": "<b>"}}')).json #>> '{data,text}', 'Dear &lt;b&gt;', 'but use them, values escaped');
SELECT is((pg_temp.http(:'olga_calls', 'PATCH', '/templates/' || :'template', '{"body": "Hi {{name}}"}')).json #>> '{data,body}', 'Hi {{name}}', 'owners change them');
SELECT is((SELECT (a.json #>> '{data,0,name}') || (a.json #>> '{data,0,body}' IS NULL) FROM pg_temp.http(:'mira_calls', 'GET', '/templates?kind=email&name=Hello') a), 'Hellotrue', 'lists have no text');

-- Saved views.
SELECT json #>> '{data,id}' AS view FROM pg_temp.http(:'mira_calls', 'POST', '/saved-views', '{"name": "Hot", "entity_type": "lead", "filters": {"temperature": "hot"}, "sort": "name", "direction": "asc"}') \gset
SELECT is(pg_temp.walk(:'mira_calls', '/saved-views/' || :'view' || '/run?limit=1', 'name'), 'Lead E,Lead F,Lead G', 'a saved view runs in pages');
SELECT is((SELECT jsonb_build_array(a.json -> 'total', a.json #> '{data,0,name}') FROM pg_temp.http(:'mira_calls', 'GET', '/saved-views/' || :'view' || '/run?limit=1&page=2') a), '[3, "Lead F"]', 'and by number');
SELECT is((pg_temp.http(pg_temp.caller(:'org', :'max', 'member'), 'GET', '/saved-views/' || :'view' || '/run')).status, 404, 'one that is not shared is one''s own');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/saved-views', '{"name": "Bad", "entity_type": "lead", "filters": {"height": 3}}')).status, 400, 'a filter that there is not is refused');

SELECT * FROM finish();
ROLLBACK;
