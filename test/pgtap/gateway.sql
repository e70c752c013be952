-- The gateway's entry: routes, what a request may be, who is let in, errors, limits of bodies, CORS, ETags.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(118);
\i test/support/gateway.sql

SELECT sentinel.create_org('North', 'gateway-north') AS north \gset
SELECT sentinel.create_org('South', 'gateway-south') AS south \gset
SELECT sentinel.enter(:'north');
SELECT sentinel.add_member('Nora', 'nora@north.example', 'owner') AS nora \gset
SELECT sentinel.add_member('Vic', 'vic@north.example', 'viewer') AS vic \gset
SELECT key AS all_key FROM sentinel.create_api_key('all', '{*}') \gset
SELECT key AS read_key FROM sentinel.create_api_key('read', '{*:read}') \gset
SELECT key AS thing_key FROM sentinel.create_api_key('things', '{things:read}') \gset
SELECT key AS vic_key, key_id AS vic_key_id FROM sentinel.create_api_key('viewer', '{*}', :'vic') \gset
SELECT key AS late_key FROM sentinel.create_api_key('late', '{*}', expires_at => now() + interval '1 hour') \gset
SELECT key AS old_key, key_id AS old_key_id FROM sentinel.create_api_key('old', '{*}') \gset
SELECT sentinel.enter(:'south');
SELECT key AS south_key FROM sentinel.create_api_key('all', '{*}') \gset
SELECT sentinel.leave();

-- A route of the test's own: it tells what it was given, or does what it is told.
CREATE TABLE public.seen (note text);
GRANT INSERT, SELECT ON public.seen TO PUBLIC;
CREATE FUNCTION public.things(request jsonb, body bytea) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (current_user || ' ' || coalesce(sentinel.current_org()::text, '-'));
    CASE request -> 'query' ->> 'do'
        WHEN 'fail' THEN PERFORM 1 / 0;
        WHEN 'surprise' THEN RAISE EXCEPTION USING ERRCODE = 'XX001', MESSAGE = 'secret inside';
        WHEN 'raise' THEN RAISE EXCEPTION USING ERRCODE = request -> 'query' ->> 'code', MESSAGE = 'as told', DETAIL = 'the rule', HINT = 'the value';
        ELSE NULL;
    END CASE;
    RETURN jsonb_build_object('json', request - '{headers,received_at}'::text[] || jsonb_build_object('role', current_user, 'bytes', length(body)));
END
$$;
SELECT sentinel.serve('GET', '/things', 'public.things', 'List things.', 'test', query => ARRAY['do text What to do.', 'code text SQLSTATE.']);
SELECT sentinel.serve('POST', '/things', 'public.things', 'Add a thing.', 'test', body => ARRAY['name! text Name.'], max_body_bytes => 2000);
SELECT sentinel.serve('DELETE', '/things/{thing_id}', 'public.things', 'Delete a thing.', 'test', role => 'admin');
SELECT sentinel.serve('GET', '/things/{thing_id}/parts/{part_id}', 'public.things', 'Show a part.', 'test');
SELECT sentinel.serve('GET', '/things/all', 'public.things', 'List all.', 'test');
SELECT sentinel.serve('GET', '/things/{thing_id}', 'public.things', 'Show a thing.', 'test');
SELECT sentinel.serve('POST', '/things/{thing_id}/run', 'public.things', 'Run a thing.', 'test', runs_as => 'operator', rate_tier => 'export');
SELECT sentinel.serve('GET', '/things/open', 'public.things', 'Show what is open.', 'test', access => 'public');

-- Paths.
SELECT is(pg_temp.status('GET', '/nothing-here'), 404, 'no such path');
SELECT is((pg_temp.ask('GET', '/nothing-here')).body ->> 'code', 'not_found', 'says so in problem+json');
SELECT is((pg_temp.ask('GET', '/nothing-here')).headers ->> 'Content-Type', 'application/problem+json', 'of that type');
SELECT is((pg_temp.ask('GET', '/nothing-here')).route, 'unmatched', 'and its figures are those of no route');
SELECT is(pg_temp.status('GET', '/things', token => :'all_key'), 200, 'a path that is served');
SELECT is(pg_temp.status('GET', '/api/things', token => :'all_key'), 200, 'and with /api before it');
SELECT is(pg_temp.status('GET', '/things/', token => :'all_key'), 200, 'and with a slash behind it');
SELECT is(pg_temp.status('GET', '/apithings', token => :'all_key'), 404, '/api is a segment of its own');
SELECT is(pg_temp.status('GET', '/things//parts', token => :'all_key'), 404, 'an empty segment fits no parameter');
SELECT is((pg_temp.ask('PUT', '/things', '{}', :'all_key')).status, 405, 'a method that the path does not take');
SELECT is((pg_temp.ask('PUT', '/things', '{}', :'all_key')).headers ->> 'Allow', 'GET, POST', 'is told those that it takes');
SELECT is((pg_temp.ask('GET', '/things/t%C3%A9%2F1/parts/b', token => :'all_key')).body -> 'params', '{"thing_id": "té/1", "part_id": "b"}'::jsonb,
    'segments are decoded one by one');
SELECT is((pg_temp.ask('GET', '/things/all', token => :'all_key')).route, 'GET /things/all', 'a word goes before a parameter');
SELECT is((pg_temp.ask('GET', '/things/x', token => :'all_key')).route, 'GET /things/{thing_id}', 'other words fit the parameter');
SELECT is((pg_temp.ask('GET', '/things/%zz', token => :'all_key')).status, 400, 'bad percent-encoding');
SELECT is((pg_temp.ask('GET', '/things/%ff', token => :'all_key')).status, 400, 'bytes that are not UTF-8');
SELECT is((pg_temp.ask('GET', '/things/%00', token => :'all_key')).status, 400, 'the zero character');
SELECT is((pg_temp.ask('HEAD', '/things', token => :'all_key')).status, 200, 'HEAD is answered as GET');
SELECT is((pg_temp.ask('get', '/things', token => :'all_key')).status, 200, 'a method in lower case too');

-- Queries and bodies.
SELECT is((pg_temp.ask('GET', '/things', token => :'all_key', query => 'pageSize=5&a=b+c%26&a=d&flag&=x&icpScore=')).body -> 'query',
    '{"page_size": "5", "a": "d", "flag": "", "": "x", "icp_score": ""}'::jsonb, 'a query: names in snake_case, the last of two counts');
SELECT is((pg_temp.ask('POST', '/things', '{"companyName": "X", "name": "Y"}', :'all_key')).body -> 'json', '{"company_name": "X", "name": "Y"}'::jsonb,
    'a body: names of its members too');
SELECT is((pg_temp.ask('POST', '/things', token => :'all_key', body => NULL)).body -> 'json', NULL::jsonb, 'no body, no json');
SELECT is((pg_temp.ask('POST', '/things', '{"name": "x"}', :'all_key', more => '[["content-type", "text/csv"]]')).status, 415,
    'another media type is refused');
SELECT is((pg_temp.ask('POST', '/things', repeat('x', 2001), :'all_key')).status, 413, 'a body longer than the route takes');
SELECT is((pg_temp.ask('POST', '/things', fault, :'all_key')).status, 400, 'no JSON: ' || left(fault, 30))
FROM unnest(ARRAY['{', '{"a": 1} x', '"\u0000"', '"\ud800"', '{"a": 1e131071}', '{"role": "user", "role": "admin"}', '[' || repeat('9', 65) || ']',
                  repeat('[', 65) || repeat(']', 65), '', '{"a": {"b": 1, "b": 2}}']) AS fault WHERE fault <> '';
SELECT is((pg_temp.ask('POST', '/things', repeat('[', 64) || repeat(']', 64), :'all_key')).status, 200, '64 levels are taken');
SELECT is((pg_temp.ask('POST', '/things', '{"a": 1e308, "b": "\ud83d\ude00", "c": [{"b": 1}, {"b": 2}]}', :'all_key')).status, 200, 'what is odd but harmless too');
SELECT is((sentinel.http_handle('POST', '/things', '', jsonb_build_array(jsonb_build_array('Authorization', 'Bearer ' || :'all_key')), '\x22ff22', NULL, now())).status,
    400, 'bytes that are not UTF-8');
SELECT is(sentinel.json_fault(f::bytea), w, 'told why: ' || w) FROM (VALUES
    ('\x7b0022'::bytea, 'it holds the zero character'), ('\xff', 'it is not UTF-8'), (convert_to(repeat('[', 100000), 'UTF8'), 'it is nested too deep'),
    (convert_to('1e400', 'UTF8'), 'a number in it is too large'), (convert_to('{"a":1,"a":2}', 'UTF8'), 'a name stands in it twice')) v (f, w);

-- Who is let in.
SELECT is(pg_temp.status('GET', '/things'), 401, 'nobody is let in without a token');
SELECT is((pg_temp.ask('GET', '/things')).headers ->> 'WWW-Authenticate', 'Bearer', 'and told what to bring');
SELECT is(pg_temp.status('GET', '/things/open'), 200, 'to a public route anybody is');
SELECT is(pg_temp.status('GET', '/things', token => :'all_key' || 'x'), 401, 'a key with a letter more');
SELECT is(pg_temp.status('GET', '/things', token => overlay(:'all_key' PLACING CASE substr(:'all_key', 30, 1) WHEN 'a' THEN 'b' ELSE 'a' END FROM 30 FOR 1)), 401,
    'a key with a letter changed');
SELECT is(pg_temp.status('GET', '/things', more => jsonb_build_array(jsonb_build_array('X-Api-Key', :'all_key'))), 200, 'a key in X-API-Key');
SELECT is(pg_temp.status('GET', '/things', query => 'token=' || :'all_key' || '&api_key=' || :'all_key'), 401, 'a key in the query counts nothing');
SELECT is(pg_temp.status('GET', '/things', token => :'late_key'), 200, 'a key that expires');
SELECT is(pg_temp.status('GET', '/things', token => :'late_key', at => now() + interval '61 minutes'), 401, 'no longer after that');
SELECT sentinel.enter(:'north');
SELECT sentinel.revoke_api_key(:'old_key_id');
SELECT sentinel.leave();
SELECT is(pg_temp.status('GET', '/things', token => :'old_key'), 401, 'a revoked key');
SELECT is((pg_temp.ask('GET', '/things', token => :'all_key')).body -> 'caller' ->> 'org_id', :'north', 'a key enters its organisation');
SELECT is((pg_temp.ask('GET', '/things', token => :'south_key', more => jsonb_build_array(jsonb_build_array('X-Org-Id', :'north')))).body -> 'caller' ->> 'org_id',
    :'south', 'no header changes that');
SELECT is((SELECT note FROM public.seen ORDER BY ctid DESC LIMIT 1), 'sentinel_member ' || :'south', 'the route runs as sentinel_member in it');
SELECT is(sentinel.current_org(), NULL::uuid, 'and nothing of that is left behind');
SELECT is((pg_temp.ask('POST', '/things/1/run', '{}', :'all_key')).body ->> 'role', 'sentinel_operator', 'or as the role that the route names');
SELECT is(pg_temp.status('GET', '/things', token => :'read_key'), 200, 'a key that reads, reads');
SELECT is((pg_temp.ask('POST', '/things', '{}', :'read_key')).status, 403, 'and writes nothing');
SELECT is((pg_temp.ask('POST', '/things', '{}', :'read_key')).body ->> 'title', 'the API key lacks the scope "things:write"', 'it is told what it lacks');
SELECT is(pg_temp.status('GET', '/things', token => :'thing_key'), 200, 'a key for one thing');
SELECT is(pg_temp.status('GET', '/org', token => :'thing_key'), 403, 'not for another');
SELECT is(pg_temp.status('GET', '/things', token => :'vic_key'), 200, 'a key of a viewer reads');
SELECT is((pg_temp.ask('POST', '/things', '{}', :'vic_key')).body ->> 'title', 'this needs the role "member"', 'and writes no more than the viewer');
SELECT is((pg_temp.ask('GET', '/things', token => :'vic_key')).body -> 'caller' ->> 'member_id', :'vic', 'it acts as that member');
SELECT sentinel.enter(:'north');
SELECT sentinel.remove_member(:'vic');
SELECT sentinel.leave();
SELECT is(pg_temp.status('GET', '/things', token => :'vic_key'), 401, 'until the member goes');
SELECT is(pg_temp.status('DELETE', '/things/1', token => :'all_key'), 200, 'a key of the whole organisation is bound by its scopes alone');
SELECT ok((SELECT last_used_at IS NOT NULL FROM sentinel.api_keys WHERE name = 'all' AND org_id = :'north'), 'the use of a key is noted');
SELECT is((SELECT count(*) FROM sentinel.api_keys k WHERE strpos(to_jsonb(k)::text, :'all_key') > 0), 0::bigint, 'the key itself is kept nowhere');

SELECT is((SELECT array_agg(DISTINCT s ORDER BY s) FROM (SELECT pg_temp.status('GET', '/things', token => 'x' || n) AS s FROM generate_series(1, 310) n) x), '{401,429}',
    'an address that tries token after token is stopped');
SELECT is(pg_temp.status('GET', '/things', token => :'all_key'), 200, 'who has a token goes on');
SELECT is((pg_temp.ask('POST', '/things', '{}', :'read_key')).headers ->> 'RateLimit-Limit', '100', 'who may not do a thing pays for asking');

-- Errors.
SELECT is((pg_temp.ask('GET', '/things', token => :'all_key', query => 'do=raise&code=' || code)).status, want, format('%s is answered by %s', code, want))
FROM (VALUES ('SN001', 503), ('SN002', 401), ('SN003', 403), ('SN004', 404), ('SN005', 409), ('SN006', 409), ('SN007', 400), ('SN501', 501), ('23505', 409),
             ('23503', 409), ('22023', 400), ('22P02', 400), ('42501', 403), ('40001', 503), ('42P01', 500), ('P0001', 500), ('57014', 503)) v (code, want);
SELECT is((pg_temp.ask('GET', '/things', token => :'all_key', query => 'do=raise&code=SN007')).body,
    '{"type": "about:blank", "title": "as told", "status": 400, "code": "invalid", "detail": "the rule", "hint": "the value"}'::jsonb, 'with message, detail and hint');
SELECT ok((pg_temp.ask('GET', '/things', token => :'all_key', query => 'do=surprise')).said NOT LIKE '%secret%', 'what nobody foresaw is not told');
TRUNCATE public.seen;
SELECT is(pg_temp.status('GET', '/things', token => :'all_key', query => 'do=fail'), 400, 'a route that fails half way');
SELECT is_empty('SELECT FROM public.seen', 'is undone');
SELECT is((SELECT count(*) FROM generate_series(1, 12) n WHERE pg_temp.status('POST', '/things/1/run', '{}', :'south_key', query => 'do=fail') = 429), 2::bigint,
    'but the token that it took is not: ten of the tier export');
SELECT ok((pg_temp.ask('POST', '/things/1/run', '{}', :'south_key')).headers ->> 'Retry-After' ~ '^[1-9][0-9]*$', 'told when to come again');
SELECT is((pg_temp.ask('POST', '/things/1/run', '{}', :'south_key')).body ->> 'code', 'rate_limited', 'and why');
SELECT is((pg_temp.ask('GET', '/things', token => :'south_key')).headers ->> 'RateLimit-Limit', '100', 'each tier counts by itself');
SELECT ok(sentinel.equal_bytes('\x01', '\x01') AND NOT sentinel.equal_bytes('\x01', '\x02') AND NOT sentinel.equal_bytes('\x01', '\x0101'), 'secrets are compared by equal_bytes()');

-- ETags and CORS.
SELECT (pg_temp.ask('GET', '/things/open')).headers ->> 'ETag' AS tag \gset
SELECT is((pg_temp.ask('GET', '/things/open', more => jsonb_build_array(jsonb_build_array('If-None-Match', :'tag')))).status, 304, 'what was answered the same before');
SELECT is((pg_temp.ask('GET', '/things/open', more => jsonb_build_array(jsonb_build_array('If-None-Match', 'W/"x", W/' || :'tag')))).said, '', 'is not sent again');
SELECT is((pg_temp.ask('GET', '/things/open', query => 'a=b', more => jsonb_build_array(jsonb_build_array('If-None-Match', :'tag')))).status, 200, 'other answers are');
SELECT is((pg_temp.ask('GET', '/things/open', more => '[["Origin", "https://app.example"]]')).headers ->> 'Access-Control-Allow-Origin', NULL, 'pages of nowhere read nothing');
SELECT sentinel.configure_gateway('{"allowed_origins": ["https://app.example/"], "public_url": "https://api.example/"}');
SELECT is((pg_temp.ask('GET', '/things/open', more => '[["Origin", "https://app.example"]]')).headers ->> 'Access-Control-Allow-Origin', 'https://app.example',
    'pages of an allowed origin do');
SELECT is((pg_temp.ask('GET', '/things/open', more => '[["Origin", "https://app.example.evil.example"]]')).headers ->> 'Access-Control-Allow-Origin', NULL, 'others do not');
SELECT is((pg_temp.ask('OPTIONS', '/things', more => '[["Origin", "https://app.example"], ["Access-Control-Request-Method", "POST"]]')).headers ->> 'Access-Control-Allow-Methods',
    'GET, POST', 'a preflight is told the methods');
SELECT is((pg_temp.ask('OPTIONS', '/things')).status, 204, 'OPTIONS by itself too');
SELECT throws_ok($$SELECT sentinel.configure_gateway('{"public_url": "not a url"}')$$, 'SN007', NULL, 'a bad setting');
SELECT throws_ok($$SELECT sentinel.configure_gateway('{"colour": "red"}')$$, 'SN007', 'unknown setting "colour"', 'an unknown one');

-- Routes.
SELECT throws_ok($$SELECT sentinel.serve('GET', '/x', 'public.no_such', 'X.', 'test')$$, '42883', NULL, 'a route needs its function');
SELECT throws_ok($$SELECT sentinel.serve('GET', '/x', 'public.things', 'X.', 'test', rate_tier => 'no_such')$$, 'SN004', NULL, 'and a tier that there is');
SELECT throws_ok($$SELECT sentinel.serve('GET', 'x y', 'public.things', 'X.', 'test')$$, '23514', NULL, 'and a pattern');
SELECT lives_ok($$SELECT sentinel.stop_serving('GET', '/things/all')$$, 'a route goes');
SELECT is((pg_temp.ask('GET', '/things/all', token => :'all_key')).route, 'GET /things/{thing_id}', 'at once');
SELECT throws_ok($$SELECT sentinel.stop_serving('GET', '/things/all')$$, 'SN004', NULL, 'once');
SELECT is_empty($$SELECT r.method, r.pattern FROM sentinel.http_routes r WHERE to_regprocedure(r.function_name || '(jsonb, bytea)') IS NULL
    OR NOT has_function_privilege(CASE r.runs_as WHEN 'member' THEN 'sentinel_member' WHEN 'operator' THEN 'sentinel_operator' ELSE 'sentinel_engine' END,
                                  to_regprocedure(r.function_name || '(jsonb, bytea)'), 'EXECUTE')$$, 'every route has its function, and its role may call it');
SELECT is_empty($$SELECT r.method, r.pattern FROM sentinel.http_routes r WHERE r.access = 'member' AND r.method <> 'GET' AND r.role = 'viewer'
    AND r.scope NOT LIKE 'account:%' AND r.summary !~* 'read|own|notification|ticket'
    AND r.pattern NOT IN ('/analytics/track', '/templates/{template_id}/render', '/invites/accept', '/notifications/wishes', '/members/{member_id}',
                          '/teams/{team_id}/members/{member_id}')$$, 'viewers change nothing but what is their own');
SET LOCAL ROLE sentinel_gateway;
SELECT is((SELECT count(*) FROM sentinel.gateway_routes()) > 100, true, 'the gateway reads what bodies routes take');
SELECT throws_ok('SELECT * FROM sentinel.http_routes', '42501', NULL, 'and no table');
RESET ROLE;

SELECT is(sentinel.http_error('55000', 'the server has no key', 'The file /secret/place.', 'SELECT sentinel.create_server_key();') -> 'json',
    '{"type": "about:blank", "title": "the server has no key", "status": 503, "code": "not_ready", "hint": "SELECT sentinel.create_server_key();"}',
    'a server that was given no key says so, and not where it looked');

SELECT * FROM finish();
ROLLBACK;
