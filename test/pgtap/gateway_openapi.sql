-- Room gateway, OpenAPI and docs: what is said of a route is what its row and its function say.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(23);
CREATE SCHEMA answers;
GRANT USAGE ON SCHEMA answers TO PUBLIC;
CREATE FUNCTION answers.http_make_thing(request jsonb, body bytea) RETURNS jsonb LANGUAGE sql AS 'SELECT jsonb_build_object(''status'', 201)';
COMMENT ON FUNCTION answers.http_make_thing(jsonb, bytea) IS 'Route: make a <thing>; "thing" & more. Errors: SN007.';
CREATE FUNCTION answers.http_read(request jsonb, body bytea) RETURNS jsonb LANGUAGE sql AS 'SELECT ''{}''::jsonb';
SELECT sentinel.serve('POST', '/things', 'answers.http_make_thing', 'Make a thing.', 'things', role => 'admin',
           body => ARRAY['name! text What it is called.', 'kind big|small Kind.', 'parts uuids Parts.']),
       sentinel.serve('GET', '/things/{thing_id}/{word}', 'answers.http_read', 'Read a thing.', 'things', query => ARRAY['depth integer How deep.', 'sort! up|down Order.']),
       sentinel.serve('DELETE', '/things/{thing_id}', 'answers.http_read', 'Delete a thing.', 'things', answers => 'nothing'),
       sentinel.serve('PUT', '/things/{thing_id}/file', 'answers.http_read', 'Put a file.', 'things', access => 'signature', takes => 'text/csv', answers => 'text/plain'),
       sentinel.serve('POST', '/things/later', 'sentinel.http_not_built', 'Do it later.', 'things', access => 'cron') \g /dev/null

SELECT sentinel.openapi_document() AS document \gset
CREATE FUNCTION pg_temp.said(document jsonb, pattern text, method text, VARIADIC place text[]) RETURNS jsonb LANGUAGE sql AS
    'SELECT document -> ''paths'' -> pattern -> method #> place';
SELECT is((SELECT count(*)::integer FROM jsonb_each(:'document'::jsonb -> 'paths') p, jsonb_object_keys(p.value)),
          (SELECT count(*)::integer FROM sentinel.http_routes), 'every route is an operation');
SELECT is((SELECT count(DISTINCT o.operation ->> 'operationId')::integer FROM sentinel.openapi_operations() o),
          (SELECT count(*)::integer FROM sentinel.http_routes), 'every operation has an id of its own');
SELECT is(pg_temp.said(:'document', '/things', 'post', 'operationId'), '"make_thing"'::jsonb, 'that of its function');
SELECT is(pg_temp.said(:'document', '/things/{thing_id}/{word}', 'get', 'operationId'), '"get_things_thing_id_word"'::jsonb, 'or of method and path where functions are shared');
SELECT is(pg_temp.said(:'document', '/things', 'post', 'description'),
          '"Make a <thing>; \"thing\" & more. Members call it from the role admin up, API keys with the scope things:write."'::jsonb, 'the comment describes it');
SELECT is(pg_temp.said(:'document', '/things', 'post', 'requestBody'), '{"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["name"], "properties": {
    "name": {"type": "string", "description": "What it is called."}, "kind": {"type": "string", "enum": ["big", "small"], "description": "Kind."},
    "parts": {"type": "array", "items": {"type": "string", "format": "uuid"}, "description": "Parts."}}}}}}'::jsonb, 'the body has its members');
SELECT is(pg_temp.said(:'document', '/things/{thing_id}/{word}', 'get', 'parameters'), '[
    {"in": "path", "name": "thing_id", "required": true, "schema": {"type": "string", "format": "uuid"}}, {"in": "path", "name": "word", "required": true, "schema": {"type": "string"}},
    {"in": "query", "name": "depth", "required": false, "schema": {"type": "integer"}, "description": "How deep."},
    {"in": "query", "name": "sort", "required": true, "schema": {"type": "string", "enum": ["up", "down"]}, "description": "Order."},
    {"$ref": "#/components/parameters/Organisation"}]'::jsonb, 'names of the path, the query and the organisation are parameters');
SELECT is(pg_temp.said(:'document', '/things', 'post', 'security'), '[{"bearer": ["things:write"]}, {"api_key": ["things:write"]}]'::jsonb, 'who may call');
SELECT is(pg_temp.said(:'document', '/things/later', 'post', 'security'), '[{"cron": []}]'::jsonb, 'cron by its secret');
SELECT is(pg_temp.said(:'document', '/health', 'get', 'security'), '[]'::jsonb, 'anybody where it is public');
CREATE FUNCTION pg_temp.statuses(document jsonb, pattern text, method text) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(k, '' '' ORDER BY k) FROM jsonb_object_keys(pg_temp.said(document, pattern, method, ''responses'')) k';
SELECT is(pg_temp.statuses(:'document', '/things', 'post'), '201 400 401 403 404 409 413 415 429 default', 'what is made answers 201');
SELECT sentinel.serve('POST', '/things/{thing_id}/paint', 'answers.http_make_thing', 'Paint a thing.', 'things') \g /dev/null
SELECT is(pg_temp.statuses(sentinel.openapi_document(), '/things/{thing_id}/paint', 'post') || '; ' || pg_temp.statuses(sentinel.openapi_document(), '/things', 'post'),
          '200 400 401 403 404 409 429 default; 201 400 401 403 404 409 413 415 429 default', 'what is done with it by the same function 200');
SELECT sentinel.stop_serving('POST', '/things/{thing_id}/paint') \g /dev/null
SELECT is(pg_temp.statuses(:'document', '/things/{thing_id}', 'delete'), '204 400 401 403 404 409 429 default', 'what says nothing 204');
SELECT is(pg_temp.statuses(:'document', '/things/{thing_id}/{word}', 'get'), '200 304 400 401 403 404 429 default', 'what is read 200');
SELECT is(pg_temp.statuses(:'document', '/things/later', 'post'), '400 401 429 501 503 default', 'what is not built 501');
SELECT is(pg_temp.said(:'document', '/things/{thing_id}/file', 'put', 'requestBody') || pg_temp.said(:'document', '/things/{thing_id}/file', 'put', 'responses', '200', 'content'),
          '{"required": true, "content": {"text/csv": {"schema": {"type": "string"}}}, "text/plain": {"schema": {"type": "string"}}}'::jsonb, 'other types than JSON are named');
SELECT is(pg_temp.said(:'document', '/things', 'post', 'x-rate-limit'), '{"tier": "normal", "requests": 100, "seconds": 60, "counts_by": "caller"}'::jsonb, 'how often it may be called');

SELECT h.body AS openapi FROM sentinel.http_handle('GET', '/api/openapi.json', '', '[]', '', '192.0.2.1') h \gset
SELECT is(convert_from(:'openapi', 'UTF8')::jsonb, :'document'::jsonb, 'it is served');
SELECT sentinel.stop_serving('POST', '/things/later') \g /dev/null
SELECT ok(NOT convert_from(h.body, 'UTF8')::jsonb -> 'paths' ? '/things/later', 'and made anew when a route changes')
FROM sentinel.http_handle('GET', '/openapi.json', '', '[]', '', '192.0.2.1') h;

SELECT convert_from(h.body, 'UTF8') AS page, h.headers::text AS headers FROM sentinel.http_handle('GET', '/docs', '', '[]', '', '192.0.2.1') h \gset
SELECT ok(strpos(:'page', 'Make a &lt;thing&gt;; &quot;thing&quot; &amp; more.') > 0 AND strpos(:'page', '<thing>') = 0, 'the page shows words as they are');
SELECT ok(strpos(:'page', '-d &#39;{&quot;name&quot;: &quot;...&quot;}&#39;') > 0, 'with a call that holds what is required');
SELECT is((SELECT count(*)::integer FROM regexp_matches(:'page', '<details', 'g')), (SELECT count(*)::integer FROM sentinel.http_routes), 'every route is on it');
SELECT is((SELECT count(*)::integer FROM regexp_matches(:'page', '<(script|style)>(.*?)</\1>', 'g') m
           WHERE strpos(:'headers', format('''sha256-%s''', encode(sha256(convert_to(m[2], 'UTF8')), 'base64'))) > 0), 2, 'its policy lets its own script and style run, by their hashes');
SELECT * FROM finish();
ROLLBACK;
