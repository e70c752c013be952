-- Room gateway, routes: which one a request is for, and whose rights its function has.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(25);
CREATE SCHEMA answers;
GRANT USAGE ON SCHEMA answers TO PUBLIC;
CREATE FUNCTION answers.who(request jsonb, body bytea) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('json', jsonb_build_object('user', current_user, 'asked', request, 'bytes', octet_length(body)));
$$;
CREATE FUNCTION answers.text_of(request jsonb, body bytea) RETURNS text LANGUAGE sql AS 'SELECT request::text';
CREATE FUNCTION pg_temp.found(method text, path text) RETURNS text LANGUAGE sql AS $$
    SELECT f.pattern || ' ' || array_to_string(f.methods, ',') || ' ' || f.params FROM sentinel.find_route(method, path) f;
$$;
SELECT is(pg_temp.found('GET', '/things/search'), NULL, 'a path that nobody serves has no route');
SELECT sentinel.serve('GET', '/things', 'answers.who', 'List.', 'test'),
       sentinel.serve('GET', '/things/search', 'answers.who', 'Search.', 'test'),
       sentinel.serve('POST', '/things', 'answers.who', 'Make.', 'test', body => ARRAY['name! text What it is called.']),
       sentinel.serve('PUT', '/things/{thing_id}/file', 'answers.who', 'Put.', 'test', takes => 'text/csv', max_body_bytes => 10, access => 'public'),
       sentinel.serve('GET', '/things/{thing_id}', 'answers.who', 'Show.', 'test'),
       sentinel.serve('PATCH', '/things/{thing_id}', 'answers.who', 'Change.', 'test') \g /dev/null

SELECT is(to_jsonb(f), '{"pattern": "/things", "params": {}, "methods": ["GET", "POST"], "function_name": "answers.who", "access": "member", "scope": "things:write", "role": "member", "runs_as": "member", "max_body_bytes": 1048576, "rate_tier": "normal", "takes_json": true}'::jsonb,
          'a route that was served in this transaction is found') FROM sentinel.find_route('POST', '/things') f;
SELECT is(to_jsonb(f), '{"pattern": "/things/{thing_id}/file", "params": {"thing_id": "7"}, "methods": ["PUT"], "function_name": "answers.who", "access": "public", "scope": null, "role": null, "runs_as": "engine", "max_body_bytes": 10, "rate_tier": "normal", "takes_json": false}'::jsonb,
          'a body that is no JSON is not taken for it') FROM sentinel.find_route('PUT', '/things/7/file') f;
SELECT is(pg_temp.found('GET', '/things/search'), '/things/search GET,PATCH {}', 'of two patterns the one with more words');
SELECT is(pg_temp.found('PATCH', '/things/search'), '/things/{thing_id} GET,PATCH {"thing_id": "search"}', 'but the method first');
SELECT is(pg_temp.found('DELETE', '/things/9'), '/things/{thing_id} GET,PATCH {"thing_id": "9"}', 'without the method, what the path allows');
SELECT is(pg_temp.found('GET', '/api/things/9/'), pg_temp.found('GET', '/things/9'), '/api before it and a slash behind it change nothing');
SELECT is(pg_temp.found('GET', '/things/a%20b%2Fc%C3%A9'), '/things/{thing_id} GET,PATCH {"thing_id": "a b/cé"}', 'names stand for decoded segments');
SELECT throws_ok($$SELECT pg_temp.found('GET', '/things/%zz')$$, '22023', 'invalid percent-encoding "%zz"', 'an encoding that is none');
SELECT throws_ok($$SELECT pg_temp.found('GET', '/things/a%00')$$, '22023', 'invalid percent-encoding "a%00"', 'no zero character');
SELECT throws_ok($$SELECT pg_temp.found('GET', '/things/%ff')$$, '22023', 'invalid percent-encoding "%ff"', 'nothing but UTF-8');
SELECT is(pg_temp.found('GET', '/things//') || pg_temp.found('GET', '') || pg_temp.found('GET', '/'), NULL, 'an empty segment is no name');

SAVEPOINT before;
SELECT sentinel.stop_serving('PATCH', '/things/{thing_id}') \g /dev/null
SELECT is(pg_temp.found('PATCH', '/things/9'), '/things/{thing_id} GET {"thing_id": "9"}', 'a route that is gone is gone at once');
TRUNCATE sentinel.http_routes;
SELECT is(pg_temp.found('GET', '/things'), NULL, 'and all of them');
ROLLBACK TO before;
SELECT is(pg_temp.found('PATCH', '/things/9'), '/things/{thing_id} GET,PATCH {"thing_id": "9"}', 'rolled back, they are there again');

SELECT is(sentinel.answer_as_member('answers.who', '{"a": 1}', '\x0102') -> 'json', '{"user": "sentinel_member", "asked": {"a": 1}, "bytes": 2}'::jsonb, 'a route runs as a member');
SELECT is(sentinel.answer_as_operator('answers.who', '{}', NULL) -> 'json', '{"user": "sentinel_operator", "asked": {}, "bytes": null}'::jsonb, 'or as an operator');
REVOKE EXECUTE ON FUNCTION answers.who FROM PUBLIC;
SELECT throws_ok($$SELECT sentinel.answer_as_member('answers.who', '{}', NULL)$$, '42501', NULL, 'only what that role may call');
SELECT is(current_user, session_user, 'and an error leaves nobody with its rights');
GRANT EXECUTE ON FUNCTION answers.who TO sentinel_member;
SELECT lives_ok($$SELECT sentinel.answer_as_member('answers.who', '{}', NULL)$$, 'looked up at every call');
CREATE OR REPLACE FUNCTION answers.who(request jsonb, body bytea) RETURNS jsonb LANGUAGE sql AS 'SELECT ''2''::jsonb';
SELECT is(sentinel.answer_as_member('answers.who', '{}', NULL), '2'::jsonb, 'a function that was replaced is the new one');
DROP FUNCTION answers.who;
SELECT throws_ok($$SELECT sentinel.answer_as_member('answers.who', '{}', NULL)$$, '42883', NULL, 'one that was dropped is none');
CREATE FUNCTION answers.who(request jsonb, body bytea) RETURNS jsonb LANGUAGE sql STRICT AS 'SELECT ''3''::jsonb';
SELECT is(sentinel.answer_as_member('answers.who', '{}', ''), '3'::jsonb, 'until there is one again');
SELECT is(sentinel.answer_as_member('answers.who', '{}', NULL), NULL, 'a strict one is not called without a body');
SELECT throws_ok($$SELECT sentinel.answer_as_member('answers.text_of', '{}', NULL)$$, '42883', NULL, 'one that does not give jsonb answers no route');
SELECT * FROM finish();
ROLLBACK;
