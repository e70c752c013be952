-- Room gateway, routes: how a route is made. The routes themselves: sql/schema/always/97_gateway_routes_*.sql.

CREATE FUNCTION sentinel.member_schema(kind text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE kind
        WHEN 'text' THEN '{"type": "string"}'
        WHEN 'integer' THEN '{"type": "integer"}'
        WHEN 'number' THEN '{"type": "number"}'
        WHEN 'boolean' THEN '{"type": "boolean"}'
        WHEN 'time' THEN '{"type": "string", "format": "date-time"}'
        WHEN 'uuid' THEN '{"type": "string", "format": "uuid"}'
        WHEN 'email' THEN '{"type": "string", "format": "email"}'
        WHEN 'object' THEN '{"type": "object"}'
        WHEN 'any' THEN '{}'
        WHEN 'uuids' THEN '{"type": "array", "items": {"type": "string", "format": "uuid"}}'
        WHEN 'texts' THEN '{"type": "array", "items": {"type": "string"}}'
        WHEN 'objects' THEN '{"type": "array", "items": {"type": "object"}}'
        ELSE jsonb_build_object('type', 'string', 'enum', to_jsonb(string_to_array(kind, '|'))) END::jsonb
$$;
COMMENT ON FUNCTION sentinel.member_schema(text) IS
    'Give the JSON Schema of a short word: text, integer, number, boolean, time, uuid, email, object, any, uuids, texts, objects, or choices as a|b.';

CREATE FUNCTION sentinel.read_members(lines text[]) RETURNS TABLE (place bigint, name text, required boolean, schema jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.place, rtrim(split_part(l.line, ' ', 1), '!'), split_part(l.line, ' ', 1) LIKE '%!',
           sentinel.member_schema(split_part(l.line, ' ', 2))
           || jsonb_build_object('description', substr(l.line, length(split_part(l.line, ' ', 1)) + length(split_part(l.line, ' ', 2)) + 3))
    FROM unnest(lines) WITH ORDINALITY AS l (line, place)
$$;
COMMENT ON FUNCTION sentinel.read_members(text[]) IS
    'Read lines "name kind What it is." (name! where it is required) into names and JSON Schemas.';

CREATE FUNCTION sentinel.answer_schema(answers text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE answers
        WHEN 'list' THEN '{"type": "object", "required": ["data"], "properties": {"data": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": ["string", "null"], "description": "Give it as cursor for the next page; null on the last."}}}'
        WHEN 'object' THEN '{"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}}'
        WHEN 'free' THEN '{"type": "object"}'
        WHEN 'nothing' THEN NULL
        ELSE jsonb_build_object('type', 'string', 'contentType', answers)::text END::jsonb
$$;
COMMENT ON FUNCTION sentinel.answer_schema(text) IS
    'Give the JSON Schema of what a route answers: list, object, free (an object of its own form), nothing, or a media type.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.serve(method text, pattern text, function_name text, summary text, room text, access text DEFAULT 'member',
                               scope text DEFAULT NULL, role text DEFAULT NULL, query text[] DEFAULT '{}', body text[] DEFAULT NULL,
                               answers text DEFAULT 'object', takes text DEFAULT NULL, runs_as text DEFAULT NULL,
                               rate_tier text DEFAULT NULL, max_body_bytes integer DEFAULT 1048576) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reads boolean := serve.method = 'GET';
BEGIN
    PERFORM sentinel.require_installed();
    IF to_regprocedure(serve.function_name || '(jsonb, bytea)') IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42883', MESSAGE = format('no function %s(jsonb, bytea)', left(serve.function_name, 100)),
            DETAIL = 'A route is answered by a function of the request and its body.', HINT = 'Name it with its schema.';
    ELSIF NOT EXISTS (SELECT FROM sentinel.rate_tiers t WHERE t.tier = coalesce(serve.rate_tier, 'normal')) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('unknown rate tier "%s"', left(serve.rate_tier, 60)),
            DETAIL = 'A tier is a row of rate_tiers.', HINT = 'SELECT tier FROM sentinel.rate_tiers;';
    END IF;
    INSERT INTO sentinel.http_routes AS r (method, pattern, function_name, access, scope, role, runs_as, max_body_bytes, rate_tier, room,
                                           summary, query_parameters, request_schema, response_schema)
    SELECT serve.method, serve.pattern, serve.function_name, serve.access,
           CASE WHEN serve.access IN ('member', 'operations') THEN coalesce(serve.scope,
               translate(split_part(serve.pattern, '/', 2), '-', '_') || CASE WHEN reads THEN ':read' ELSE ':write' END) END,
           CASE WHEN serve.access = 'member' THEN coalesce(serve.role, CASE WHEN reads THEN 'viewer' ELSE 'member' END) END,
           coalesce(serve.runs_as, CASE WHEN serve.access = 'member' THEN 'member' ELSE 'engine' END), serve.max_body_bytes,
           coalesce(serve.rate_tier, 'normal'), serve.room, serve.summary,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'in', 'query', 'required', m.required,
                                                         'schema', m.schema - 'description', 'description', m.schema -> 'description')
                                      ORDER BY m.place), '[]') FROM sentinel.read_members(serve.query) m),
           CASE WHEN serve.takes IS NOT NULL THEN jsonb_build_object('type', 'string', 'contentType', serve.takes)
                WHEN serve.body IS NOT NULL THEN jsonb_build_object('type', 'object',
                    'required', (SELECT coalesce(jsonb_agg(m.name ORDER BY m.place), '[]') FROM sentinel.read_members(serve.body) m WHERE m.required),
                    'properties', (SELECT coalesce(jsonb_object_agg(m.name, m.schema), '{}') FROM sentinel.read_members(serve.body) m)) END,
           sentinel.answer_schema(serve.answers)
    ON CONFLICT ON CONSTRAINT http_routes_pkey DO UPDATE SET
        function_name = excluded.function_name, access = excluded.access, scope = excluded.scope, role = excluded.role,
        runs_as = excluded.runs_as, max_body_bytes = excluded.max_body_bytes, rate_tier = excluded.rate_tier, room = excluded.room,
        summary = excluded.summary, query_parameters = excluded.query_parameters, request_schema = excluded.request_schema,
        response_schema = excluded.response_schema;
END
$$;
ALTER FUNCTION sentinel.serve(text, text, text, text, text, text, text, text, text[], text[], text, text, text, text, integer)
    OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.serve(text, text, text, text, text, text, text, text, text[], text[], text, text, text, text, integer) IS
    'Serve a path: method and pattern, the function that answers, and who may call. query and body are lines as read_members() reads them; answers is a word of answer_schema(); takes is the media type of a body that is no JSON. Scope (first word of the pattern, :read for GET and :write else), role (viewer, member), runs_as and rate tier (normal) have defaults. Serving a path again changes it. Errors: 42883 no such function, SN004 tier, 23514.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.stop_serving(method text, pattern text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    DELETE FROM sentinel.http_routes r WHERE r.method = stop_serving.method AND r.pattern = stop_serving.pattern;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no route %s %s', left(stop_serving.method, 10), left(stop_serving.pattern, 100)),
            DETAIL = 'A route is a method and a pattern.', HINT = 'SELECT method, pattern FROM sentinel.http_routes;';
    END IF;
END
$$;
ALTER FUNCTION sentinel.stop_serving(text, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.stop_serving(text, text) IS 'Serve a path no longer, until install() brings back a route of the house. Errors: SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_not_built(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room text := (SELECT min(r.room) FROM sentinel.http_routes r
                  WHERE r.method = request ->> 'method' AND r.pattern = request ->> 'route');
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'SN501', MESSAGE = format('the room "%s" is not built yet', room),
        DETAIL = 'The path is kept for it.', HINT = 'Later releases answer here.';
END
$$;
COMMENT ON FUNCTION sentinel.http_not_built(jsonb, bytea) IS 'Route: answer for a room that comes later: 501 with its name.';
