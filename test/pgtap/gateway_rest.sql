-- Room gateway: what holds for every REST route of intake, leads, revenue, figures and observability, asked of each by its row.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(22);
\ir ../support/http.sql

SELECT sentinel.create_org('Rest Ltd', 'gateway-rest') AS org, sentinel.create_org('Other Ltd', 'gateway-rest-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@gateway-rest.example', 'owner') AS olga, sentinel.add_member('Vera', 'vera@gateway-rest.example', 'viewer') AS vera,
       sentinel.add_member('Mira', 'mira@gateway-rest.example') AS mira \gset
SELECT sentinel.create_lead('Lead ' || n, format('lead%s@gateway-rest.example', n), company_name => 'Company ' || n, created_at => now() - n * interval '1 day')
FROM generate_series(1, 5) n;
SELECT min(id::text) AS lead, max(id::text) AS lead2 FROM sentinel.leads WHERE org_id = :'org' \gset
SELECT sentinel.create_deal('Deal ' || n, 100 * n, lead_id => :'lead') FROM generate_series(1, 5) n;
SELECT min(id::text) AS deal FROM sentinel.deals WHERE org_id = :'org' \gset
SELECT sentinel.book_call(:'lead', date_trunc('hour', now()) + n * interval '1 day') FROM generate_series(1, 5) n;
SELECT sentinel.create_invoice(d.id), sentinel.create_contract(d.id), sentinel.create_client(d.id) FROM sentinel.deals d WHERE d.org_id = :'org' ORDER BY d.id;
SELECT sentinel.add_note('lead', :'lead', 'Note ' || n), sentinel.add_task('Task ' || n, due_at => CASE WHEN n < 4 THEN now() + n * interval '1 hour' END),
       sentinel.add_tag('Tag ' || n), sentinel.save_view('View ' || n, 'lead', shared => true), sentinel.save_document_template('Template ' || n, 'Dear {{name}}')
FROM generate_series(1, 5) n;
SELECT sentinel.complete_task(t.id) FROM sentinel.tasks t WHERE t.org_id = :'org' AND t.title IN ('Task 1', 'Task 5');
SELECT sentinel.enqueue('qualify_lead', jsonb_build_object('lead_id', :'lead'), run_at => now() + n * interval '1 hour') FROM generate_series(1, 5) n;

-- What stands for a parameter of a path: a thing of the first organisation.
CREATE TEMP TABLE things AS SELECT * FROM (VALUES
    ('lead_id', :'lead'), ('call_id', (SELECT min(id::text) FROM sentinel.calls WHERE org_id = :'org')),
    ('invoice_id', (SELECT min(id::text) FROM sentinel.invoices WHERE org_id = :'org')),
    ('contract_id', (SELECT min(id::text) FROM sentinel.contracts WHERE org_id = :'org')),
    ('document_id', (SELECT min(id::text) FROM sentinel.contracts WHERE org_id = :'org')),
    ('client_id', (SELECT min(id::text) FROM sentinel.clients WHERE org_id = :'org')),
    ('note_id', (SELECT min(id::text) FROM sentinel.notes WHERE org_id = :'org')), ('task_id', (SELECT min(id::text) FROM sentinel.tasks WHERE org_id = :'org')),
    ('template_id', (SELECT min(id::text) FROM sentinel.document_templates WHERE org_id = :'org')),
    ('tag_id', (SELECT min(id::text) FROM sentinel.tags WHERE org_id = :'org')), ('view_id', (SELECT min(id::text) FROM sentinel.saved_views WHERE org_id = :'org')),
    ('job_id', (SELECT min(id::text) FROM sentinel.job_waiting WHERE org_id = :'org')), ('deal_id', :'deal')) AS t(name, id);
CREATE TEMP VIEW house_routes AS
    SELECT r.*, regexp_match(r.pattern, '\{([a-z]+_id)\}') AS params FROM sentinel.http_routes r
    WHERE split_part(r.pattern, '/', 2) IN ('leads', 'calls', 'clients', 'invoices', 'contracts', 'documents', 'notes', 'tasks', 'templates', 'tags',
        'saved-views', 'analytics', 'observability', 'jobs') AND r.pattern <> '/analytics/track' AND r.function_name <> 'sentinel.http_not_built';
-- A body that its schema allows.
CREATE FUNCTION pg_temp.body(schema jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN schema IS NOT NULL THEN coalesce(jsonb_object_agg(p.key, CASE
        WHEN p.value ? 'enum' THEN p.value -> 'enum' -> 0 WHEN p.key IN ('duplicate_id', 'deal_id', 'template_id') THEN to_jsonb(gen_random_uuid())
        WHEN p.value ->> 'format' = 'uuid' THEN to_jsonb((SELECT t.id FROM things t WHERE t.name = 'lead_id'))
        WHEN p.value ->> 'format' = 'date-time' THEN to_jsonb(now() + interval '90 days') WHEN p.value ->> 'format' = 'email' THEN '"new@gateway-rest.example"'
        WHEN p.value ->> 'type' = 'array' THEN jsonb_build_array((SELECT t.id FROM things t WHERE t.name = 'lead_id'))
        WHEN p.value ->> 'type' = 'integer' THEN '5' WHEN p.value ->> 'type' = 'object' THEN '{}' WHEN p.value ->> 'type' = 'boolean' THEN 'true'
        WHEN p.key = 'currency' THEN '"EUR"' WHEN p.key = 'color' THEN '"#112233"' WHEN p.value ->> 'type' = 'number' THEN '5'
        WHEN p.key LIKE '%url' THEN '"https://docs.example.com/a"' ELSE '"word"' END) FILTER (WHERE schema -> 'required' ? p.key OR schema -> 'required' = '[]'), '{}')::text END
    FROM jsonb_each(coalesce(schema -> 'properties', '{}')) p $$;
CREATE FUNCTION pg_temp.path(pattern text, other jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    path text := pattern;
    t record;
BEGIN
    FOR t IN SELECT * FROM things LOOP
        path := replace(path, '{' || t.name || '}', coalesce(other ->> t.name, t.id));
    END LOOP;
    RETURN replace(path, '{view}', 'pipeline');
END
$$;

-- Rows and functions.
SELECT is_empty($$SELECT r.method, r.pattern, r.function_name FROM sentinel.http_routes r WHERE to_regprocedure(r.function_name || '(jsonb, bytea)') IS NULL$$,
    'each route has its function');
SELECT is_empty($$SELECT r.method, r.pattern, r.runs_as FROM sentinel.http_routes r
    WHERE NOT has_function_privilege('sentinel_' || r.runs_as, to_regprocedure(r.function_name || '(jsonb, bytea)'), 'EXECUTE')$$,
    'which the role that it runs as may call');
SELECT is_empty($$SELECT r.function_name FROM sentinel.http_routes r JOIN pg_proc p ON p.oid = to_regprocedure(r.function_name || '(jsonb, bytea)')
    WHERE p.prosecdef AND r.runs_as <> 'engine'$$, 'and which has no rights but those');
SELECT is_empty($$SELECT method, pattern FROM house_routes WHERE summary !~ '^[A-Z].*\.$' OR access <> 'member' AND function_name <> 'sentinel.http_not_built'$$, 'each says in a sentence what it does');
SELECT is_empty($$SELECT r.method, r.pattern, p.value FROM house_routes r, jsonb_array_elements(r.query_parameters || coalesce(
        (SELECT jsonb_agg(m.value) FROM jsonb_each(r.request_schema -> 'properties') m), '[]')) p
    WHERE p.value ->> 'description' !~ '\.$' OR coalesce(p.value #>> '{schema,enum,1}', p.value #>> '{enum,1}') = ''
       OR p.value #>> '{schema,enum,0}' ~ '^[A-Z]' OR p.value #>> '{enum,0}' ~ '^[A-Z]'$$, 'and what its parameters and members are');

-- Reading.
CREATE TEMP TABLE reads AS SELECT r.pattern, a.* FROM house_routes r
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(:'org', :'olga', 'owner'), 'GET', pg_temp.path(r.pattern)) a WHERE r.method = 'GET';
SELECT is_empty($$SELECT pattern, status, json FROM reads WHERE status <> 200 AND pattern <> '/analytics/win-scores' AND pattern <> '/jobs/{job_id}'
    OR pattern = '/analytics/win-scores' AND status <> 404$$, 'every GET answers an owner; without a model there are no win scores');
SELECT is_empty($$SELECT r.pattern, x.json FROM reads x JOIN house_routes r USING (pattern) WHERE r.method = 'GET' AND r.response_schema -> 'required' ? 'data'
    AND x.status = 200 AND (NOT x.json ? 'data' OR x.json -> 'data' @> '[{"org_id": null}]'
    OR jsonb_typeof(x.json -> 'data') <> coalesce(r.response_schema #>> '{properties,data,type}', 'object'))$$, 'as its schema says');
SELECT is_empty($$SELECT pattern FROM reads x WHERE text LIKE '%org\_id%' AND pattern NOT IN ('/analytics/views')$$, 'none tells the organisation');

-- Pages: walked two by two they are what one page gives. The lists of figures have no cursor.
CREATE FUNCTION pg_temp.walk(caller jsonb, path text, size integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
    found jsonb := '[]';
    cursor text;
BEGIN
    FOR turn IN 1..60 LOOP
        answer := (pg_temp.http(caller, 'GET', format('%s?limit=%s%s', path, size, coalesce('&cursor=' || cursor, '')))).json;
        found := found || (answer -> 'data');
        EXIT WHEN answer -> 'next_cursor' = 'null' OR coalesce(answer ->> 'code', '') <> '' OR answer ->> 'next_cursor' = cursor;
        cursor := answer ->> 'next_cursor';
    END LOOP;
    RETURN found;
END
$$;
CREATE TEMP TABLE walks AS SELECT r.pattern, pg_temp.walk(pg_temp.caller(:'org', :'olga', 'owner'), pg_temp.path(r.pattern), 2) AS walked,
        pg_temp.walk(pg_temp.caller(:'org', :'olga', 'owner'), pg_temp.path(r.pattern), 99) AS whole
    FROM house_routes r WHERE r.method = 'GET' AND r.query_parameters @> '[{"name": "cursor"}]';
SELECT is_empty($$SELECT pattern, jsonb_array_length(walked), jsonb_array_length(whole) FROM walks WHERE walked IS DISTINCT FROM whole$$, 'lists walked in pages are whole');
SELECT is_empty($$SELECT pattern FROM walks WHERE jsonb_array_length(whole) < 5 AND pattern !~ '(running|failed|dead-letter|alerts|one-off|stale-leads|events)$'$$,
    'and are not empty'); -- events of a transaction are not read before it has ended
SELECT is_empty(format($$SELECT r.pattern, a.status, a.json FROM house_routes r
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(%L, %L, 'owner'), 'GET', pg_temp.path(r.pattern) || '?cursor=W251bGxd') a
    WHERE r.method = 'GET' AND r.query_parameters @> '[{"name": "cursor"}]' AND a.status <> 400$$, :'org', :'olga'), 'a made-up cursor is refused');
SELECT is_empty(format($$SELECT r.pattern, p.value ->> 'name', a.status, a.json FROM house_routes r, jsonb_array_elements(r.query_parameters) p
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(%L, %L, 'owner'), 'GET', pg_temp.path(r.pattern) || '?' || (p.value ->> 'name') || '=%%C2%%A7') a
    WHERE r.method = 'GET' AND (p.value -> 'schema' ? 'enum' OR p.value -> 'schema' ? 'format' OR p.value #>> '{schema,type}' IN ('integer', 'number'))
      AND a.status <> 400 AND NOT (r.pattern = '/observability/events' AND p.value ->> 'name' = 'subject_id')$$, :'org', :'olga'), 'so is a bad value of a parameter');

-- Bodies are held to what the row of the route says of them.
SELECT pg_temp.caller(:'org', :'olga', 'owner') AS boss \gset
SELECT is_empty(format($$SELECT r.method, r.pattern, m.member, a.status, a.json FROM house_routes r
    CROSS JOIN LATERAL (SELECT p.key AS member FROM jsonb_each(r.request_schema -> 'properties') p WHERE p.value ->> 'type' IN ('string', 'boolean')) m
    CROSS JOIN LATERAL pg_temp.http(%L, r.method, pg_temp.path(r.pattern),
        (coalesce(pg_temp.body(r.request_schema), '{}')::jsonb || jsonb_build_object(m.member, '{}'::jsonb))::text) a WHERE a.status <> 400$$, :'boss'),
    'an object is no text and no boolean anywhere');
SELECT is((SELECT a.status || (a.json ->> 'title') FROM pg_temp.http(:'boss', 'POST', pg_temp.path('/invoices/{invoice_id}/mark-paid'), '{"amuont": 1}') a),
    '400the body has an unknown member "amuont"', 'a misspelt member is not read over, least of all an amount: without one the whole is paid');
SELECT is((SELECT a.status || (a.json ->> 'title') FROM pg_temp.http(:'boss', 'POST', '/notes', '{"subjectType": "lead", "subjectId": null, "body": {}}') a),
    '400the member "body" is no string', 'nothing that is no text becomes one');

-- One thing has one name for its id.
SELECT is_empty(format($$SELECT r.pattern, a.text FROM house_routes r CROSS JOIN LATERAL pg_temp.http(%L, 'GET', pg_temp.path(r.pattern)) a
    WHERE r.method = 'GET' AND r.pattern ~ '^/(leads|deals|calls|clients|invoices|contracts|notes|tasks|templates|tags|saved-views)$'
      AND NOT coalesce(a.json -> 'data' -> 0, '{}') ? 'id'$$, :'boss'), 'lists give the id as the things themselves do');
SELECT ok((pg_temp.http(:'boss', 'GET', pg_temp.path('/saved-views/{view_id}/run'))).json -> 'data' -> 0 ? 'id', 'and saved views do');

-- What belongs to others is as what there is not: the answer to the id of a thing of another organisation and to an unknown id.
SELECT gen_random_uuid() AS none \gset
SELECT sentinel.enter(:'other');
SELECT sentinel.add_member('Otto', 'otto@gateway-rest.example', 'owner') AS otto, sentinel.add_tag('Theirs') AS their_tag \gset
CREATE TEMP TABLE foreigners AS SELECT r.method, r.pattern, a.status, a.text, a.json, a.headers_out, r.params[1] AS param,
        replace(b.text, :'none', (SELECT t.id FROM things t WHERE t.name = r.params[1])) AS unknown, b.status AS unknown_status
    FROM house_routes r
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(:'other', :'otto', 'owner'), r.method, pg_temp.path(r.pattern), pg_temp.body(r.request_schema)) a
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(:'other', :'otto', 'owner'), r.method, pg_temp.path(r.pattern, jsonb_build_object(r.params[1], :'none')),
                                    pg_temp.body(r.request_schema)) b
    WHERE r.params IS NOT NULL;
SELECT is_empty($$SELECT method, pattern, status, json FROM foreigners WHERE status <> 404$$, 'a thing of another organisation is not found');
SELECT is_empty($$SELECT method, pattern, text, unknown FROM foreigners WHERE text IS DISTINCT FROM unknown OR status <> unknown_status$$, 'byte by byte as an unknown one');
SELECT is_empty(format($$SELECT r.pattern, a.json FROM house_routes r
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(%L, %L, 'owner'), 'GET', pg_temp.path(r.pattern)) a
    WHERE r.method = 'GET' AND r.params IS NULL AND a.text ~ 'gateway-rest.example|Company [1-5]|Deal [1-5]'
      AND a.text !~ 'otto@'$$, :'other', :'otto'), 'and no list tells of it');

-- Viewers.
SELECT sentinel.enter(:'org');
CREATE TEMP TABLE refused AS SELECT r.method, r.pattern, a.status, a.json FROM house_routes r
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(:'org', :'vera', 'viewer'), r.method, pg_temp.path(r.pattern), pg_temp.body(r.request_schema)) a
    WHERE r.method <> 'GET' AND r.role <> 'viewer';
SELECT is_empty($$SELECT * FROM refused WHERE status <> 403$$, 'a viewer changes nothing');
SELECT is_empty(format($$SELECT r.pattern, a.status, a.json FROM house_routes r
    CROSS JOIN LATERAL pg_temp.http(pg_temp.caller(%L, %L, 'member'), r.method, pg_temp.path(r.pattern), pg_temp.body(r.request_schema)) a
    WHERE r.role = 'admin' AND a.status <> 403$$, :'org', :'mira'), 'what admins see and do, members do not');

SELECT * FROM finish();
ROLLBACK;
