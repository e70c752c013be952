-- Room gateway, OpenAPI: the document that describes the routes, made of their rows and the comments of their functions.
-- Source: OpenAPI Specification 3.1. The page for people: 97_gateway_docs.sql.

CREATE FUNCTION sentinel.route_words(function_name text) RETURNS TABLE (description text, source text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (SELECT upper(left(t.text, 1)) || substr(t.text, 2)
            FROM (SELECT regexp_replace(obj_description(p.oid, 'pg_proc'), '^Route: |\s*Errors: [^:]*$', '', 'g')) t (text)),
           p.prosrc
    FROM pg_proc p WHERE p.oid = to_regprocedure(function_name || '(jsonb, bytea)')
$$;
COMMENT ON FUNCTION sentinel.route_words(text) IS 'Give what the comment of a route''s function says of it, and the text of the function.';

CREATE FUNCTION sentinel.success_statuses(method text, source text, has_body boolean) RETURNS text[]
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What a function answers is written in it: a number, or the address of what it has made.
    SELECT CASE WHEN source ~ '\mhttp_not_built\M' OR source ~ '''SN501''' THEN '{}'::text[]
                WHEN method = 'GET' THEN '{200}'
                WHEN NOT has_body THEN '{204}'
                WHEN method IN ('POST', 'PUT') AND source ~ '(\m201\M|\mhttp_thing\([^;]*''/)' THEN
                    CASE WHEN source ~ '\m200\M' OR method = 'PUT' THEN '{200,201}'::text[] ELSE '{201}' END
                WHEN source ~ '\m202\M' THEN '{202}'
                ELSE '{200}' END
$$;
COMMENT ON FUNCTION sentinel.success_statuses(text, text, boolean) IS
    'Tell the statuses with which a route answers when all went well, from its method, the text of its function and whether the answer has a body; none for a room that is not built yet.';

CREATE FUNCTION sentinel.openapi_content(schema jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN schema IS NULL THEN NULL
        WHEN coalesce(schema ->> 'contentType', 'application/json') = 'application/json' THEN
            jsonb_build_object('application/json', jsonb_build_object('schema', CASE WHEN schema ? 'contentType' THEN '{}' ELSE schema END))
        ELSE jsonb_build_object(schema ->> 'contentType', '{"schema": {"type": "string"}}'::jsonb) END
$$;
COMMENT ON FUNCTION sentinel.openapi_content(jsonb) IS 'Give the media types of a body by its schema in http_routes; JSON unless contentType says otherwise.';

CREATE FUNCTION sentinel.openapi_parameters(pattern text, access text, query_parameters jsonb, source text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT jsonb_agg(jsonb_build_object('name', m.found[1], 'in', 'path', 'required', true,
                        'schema', CASE WHEN m.found[1] ~ '(^|_)id$' THEN '{"type": "string", "format": "uuid"}'
                                       ELSE '{"type": "string"}' END::jsonb) ORDER BY m.place)
                     FROM regexp_matches(pattern, '\{([a-z0-9_]+)\}', 'g') WITH ORDINALITY AS m (found, place)), '[]')
        || query_parameters
        || CASE WHEN access = 'member' AND coalesce(source, '') !~ 'idempotency-key' THEN '[{"$ref": "#/components/parameters/Organisation"}]'
                WHEN access = 'member' THEN '[{"$ref": "#/components/parameters/Organisation"}, {"$ref": "#/components/parameters/IdempotencyKey"}]'
                ELSE '[]' END::jsonb
$$;
COMMENT ON FUNCTION sentinel.openapi_parameters(text, text, jsonb, text) IS
    'Give the parameters of a route: the names in its pattern, those of the query, and the headers it reads.';

CREATE FUNCTION sentinel.openapi_responses(method text, pattern text, access text, source text, request_schema jsonb, response_schema jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (SELECT coalesce(jsonb_object_agg(s.status, jsonb_build_object('description',
                    CASE s.status WHEN '201' THEN 'Made.' WHEN '202' THEN 'Taken; it is done later.' WHEN '204' THEN 'Done.' ELSE 'Done.' END,
                    'headers', '{"RateLimit-Limit": {"$ref": "#/components/headers/RateLimit-Limit"}, "RateLimit-Remaining": {"$ref": "#/components/headers/RateLimit-Remaining"}, "RateLimit-Reset": {"$ref": "#/components/headers/RateLimit-Reset"}}'::jsonb
                        || CASE s.status WHEN '201' THEN '{"Location": {"$ref": "#/components/headers/Location"}}'::jsonb ELSE '{}' END
                        || CASE WHEN method = 'GET' THEN '{"ETag": {"$ref": "#/components/headers/ETag"}}'::jsonb ELSE '{}' END)
                    || CASE WHEN s.status <> '204' AND response_schema IS NOT NULL
                            THEN jsonb_build_object('content', sentinel.openapi_content(response_schema)) ELSE '{}' END), '{}')
            FROM unnest(known.statuses) AS s (status))
        || (SELECT jsonb_object_agg(e.status, jsonb_build_object('$ref', '#/components/responses/' || e.name))
            FROM (VALUES ('400', 'Invalid', true), ('304', 'NotModified', method = 'GET' AND cardinality(known.statuses) > 0),
                         ('401', 'Unauthorized', access <> 'public' OR source ~ 'SN401'), ('403', 'Forbidden', access IN ('member', 'operations')),
                         ('404', 'NotFound', access = 'member' OR pattern LIKE '%{%'),
                         ('409', 'Conflict', method <> 'GET' AND access = 'member'),
                         ('413', 'TooLarge', request_schema IS NOT NULL), ('415', 'UnsupportedMediaType', request_schema IS NOT NULL),
                         ('429', 'TooManyRequests', true), ('501', 'NotBuilt', cardinality(known.statuses) = 0),
                         ('503', 'Unavailable', access IN ('cron', 'operations')), ('default', 'Problem', true)) AS e (status, name, applies)
            WHERE e.applies)
    FROM (SELECT sentinel.success_statuses(method, source, response_schema IS NOT NULL) AS statuses) known
$$;
COMMENT ON FUNCTION sentinel.openapi_responses(text, text, text, text, jsonb, jsonb) IS 'Give what a route may answer, by status: when all went well, and each problem that may arise.';

CREATE FUNCTION sentinel.openapi_components() RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'securitySchemes', '{
            "bearer": {"type": "http", "scheme": "bearer", "description": "Access token of POST /auth/login, or an API key."},
            "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "API key of POST /api-keys."},
            "cron": {"type": "http", "scheme": "bearer", "description": "The cron secret of make_cron_secret(); never in a query."}}'::jsonb,
        'schemas', '{"Problem": {"type": "object", "description": "What went wrong. Source: RFC 9457.",
            "required": ["type", "title", "status", "code"], "properties": {
                "type": {"type": "string"}, "title": {"type": "string", "description": "What is wrong."}, "status": {"type": "integer"},
                "code": {"type": "string", "description": "One word for programs."},
                "detail": {"type": "string", "description": "The rule."}, "hint": {"type": "string", "description": "What would be right."}}}}'::jsonb,
        'parameters', '{
            "Organisation": {"name": "X-Org-Id", "in": "header", "schema": {"type": "string", "format": "uuid"},
                "description": "Which of your organisations the request is in; without it that of the token or key."},
            "IdempotencyKey": {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 300},
                "description": "A request that comes again with the same key is done once."}}'::jsonb,
        'headers', '{
            "RateLimit-Limit": {"description": "Requests that a full bucket of the tier holds.", "schema": {"type": "integer"}},
            "RateLimit-Remaining": {"description": "Requests left now.", "schema": {"type": "integer"}},
            "RateLimit-Reset": {"description": "Seconds until the bucket is full.", "schema": {"type": "integer"}},
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
            "Location": {"description": "Address of what was made, where it has one.", "schema": {"type": "string"}},
            "ETag": {"description": "Give it as If-None-Match to learn cheaply that nothing has changed.", "schema": {"type": "string"}}}'::jsonb,
        'responses', (SELECT jsonb_object_agg(p.name, jsonb_build_object('description', p.description)
                || CASE WHEN p.name = 'NotModified' THEN '{}'
                        ELSE '{"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}'::jsonb END
                || CASE WHEN p.name IN ('TooManyRequests', 'Unavailable')
                        THEN '{"headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}}'::jsonb ELSE '{}' END)
            FROM (VALUES ('NotModified', 'As If-None-Match has it.'), ('Invalid', 'Something in the request is not as it must be.'),
                ('Unauthorized', 'No token, key, secret or signature that holds.'), ('Forbidden', 'The caller may not do this.'),
                ('NotFound', 'No such thing, or none that the caller may see.'), ('Conflict', 'It does not go with what is there.'),
                ('TooLarge', 'The body is too long.'), ('UnsupportedMediaType', 'The body is of another type.'),
                ('TooManyRequests', 'The bucket of the tier is empty.'), ('NotBuilt', 'The path is kept for a room that comes later.'),
                ('Unavailable', 'Not now.'), ('Problem', 'Anything else that went wrong.')) AS p (name, description)))
$$;
COMMENT ON FUNCTION sentinel.openapi_components() IS 'Give what operations of the OpenAPI document share.';

CREATE FUNCTION sentinel.openapi_operations() RETURNS TABLE (room text, pattern text, method text, operation jsonb)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.room, r.pattern, r.method, jsonb_strip_nulls(jsonb_build_object(
        'operationId', CASE WHEN count(*) OVER (PARTITION BY r.function_name) = 1
                            THEN regexp_replace(r.function_name, '^.*\.(http_)?', '')
                            ELSE lower(r.method) || regexp_replace(regexp_replace(r.pattern, '[^a-z0-9]+', '_', 'g'), '_$', '') END,
        'tags', jsonb_build_array(r.room), 'summary', r.summary,
        'description', concat_ws(' ', w.description,
            CASE r.access WHEN 'signature' THEN 'The request is signed as the vendor does it.'
                          WHEN 'member' THEN format('Members call it from the role %s up, API keys with the scope %s.', r.role, r.scope)
                          WHEN 'operations' THEN format('The bearer of the cron secret calls it, and API keys with the scope %s.', r.scope) END),
        'requestBody', CASE WHEN r.request_schema IS NOT NULL THEN jsonb_build_object('content', sentinel.openapi_content(r.request_schema),
            'required', coalesce(jsonb_array_length(r.request_schema -> 'required') > 0, r.request_schema ? 'contentType')) END,
        'x-rate-limit', jsonb_build_object('tier', r.rate_tier, 'requests', t.capacity, 'seconds', t.per_seconds, 'counts_by', t.counts_by),
        'x-max-body-bytes', CASE WHEN r.request_schema IS NOT NULL THEN r.max_body_bytes END))
        -- Outside of what is stripped of nulls: here they would be meant.
        || jsonb_build_object(
        'parameters', sentinel.openapi_parameters(r.pattern, r.access, r.query_parameters, w.source),
        'security', CASE r.access WHEN 'member' THEN jsonb_build_array(jsonb_build_object('bearer', jsonb_build_array(r.scope)),
                                                                       jsonb_build_object('api_key', jsonb_build_array(r.scope)))
                                  WHEN 'operations' THEN jsonb_build_array('{"cron": []}'::jsonb, jsonb_build_object('bearer', jsonb_build_array(r.scope)),
                                                                           jsonb_build_object('api_key', jsonb_build_array(r.scope)))
                                  WHEN 'cron' THEN '[{"cron": []}]' ELSE '[]' END,
        -- A function that makes things and does more with them writes 201 for the former.
        'responses', sentinel.openapi_responses(r.method, r.pattern, r.access, concat(r.function_name, ' ', CASE WHEN EXISTS (
                SELECT FROM sentinel.http_routes o WHERE o.function_name = r.function_name AND o.method = 'POST' AND starts_with(r.pattern, o.pattern || '/'))
            THEN regexp_replace(w.source, '\m201\M', '', 'g') ELSE w.source END), r.request_schema, r.response_schema))
    FROM sentinel.http_routes r
    LEFT JOIN sentinel.rate_tiers t ON t.tier = r.rate_tier
    LEFT JOIN LATERAL sentinel.route_words(r.function_name) w ON true
$$;
COMMENT ON FUNCTION sentinel.openapi_operations() IS 'Give every route as an operation of the OpenAPI document.';

CREATE FUNCTION sentinel.openapi_document() RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH operation AS MATERIALIZED (SELECT o.room, o.pattern, o.method, o.operation FROM sentinel.openapi_operations() o)
    SELECT jsonb_build_object('openapi', '3.1.0',
        'info', jsonb_build_object('title', 'Sentinel', 'version', sentinel.version(),
            'summary', 'Leads, deals, revenue and what watches over them.',
            'description', 'Every path is served with and without /api before it. Lists are {"data": [...], "next_cursor": ...}: give next_cursor as cursor for the next page. Problems are application/problem+json. What belongs to another organisation does not exist: 404.',
            'license', '{"name": "PostgreSQL License", "identifier": "PostgreSQL"}'::jsonb),
        'servers', (SELECT jsonb_build_array(jsonb_build_object('url', s.public_url || '/api')) FROM sentinel.gateway_settings s),
        'tags', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.room) ORDER BY t.room), '[]') FROM (SELECT DISTINCT o.room FROM operation o) t),
        'paths', (SELECT coalesce(jsonb_object_agg(p.pattern, p.item), '{}')
                  FROM (SELECT o.pattern, jsonb_object_agg(lower(o.method), o.operation) AS item FROM operation o GROUP BY o.pattern) p),
        'components', sentinel.openapi_components())
$$;
COMMENT ON FUNCTION sentinel.openapi_document() IS 'Give the OpenAPI 3.1 document of all routes.';

CREATE FUNCTION sentinel.routes_edition() RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT md5(concat(sentinel.version(), (SELECT s.public_url FROM sentinel.gateway_settings s),
        (SELECT string_agg(r::text, '' ORDER BY r.pattern, r.method) FROM sentinel.http_routes r),
        (SELECT string_agg(t::text, '' ORDER BY t.tier) FROM sentinel.rate_tiers t),
        (SELECT string_agg(p.oid::text || p.xmin::text, '' ORDER BY p.oid) FROM pg_proc p
         WHERE p.pronamespace = 'sentinel'::regnamespace AND starts_with(p.proname, 'http_'))))
$$;
COMMENT ON FUNCTION sentinel.routes_edition() IS 'Give a text that is another as soon as a route, a tier or a function of a route is.';

CREATE FUNCTION sentinel.kept_document(name text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    current text := sentinel.routes_edition();
    found text := (SELECT d.content FROM sentinel.gateway_documents d WHERE d.name = kept_document.name AND d.edition = current);
BEGIN
    IF found IS NULL THEN
        found := CASE kept_document.name WHEN 'openapi' THEN sentinel.openapi_document()::text ELSE sentinel.docs_page() END;
        INSERT INTO sentinel.gateway_documents (name, edition, content) VALUES (kept_document.name, current, found)
        ON CONFLICT ON CONSTRAINT gateway_documents_pkey DO UPDATE SET edition = excluded.edition, content = excluded.content;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION sentinel.kept_document(text) IS 'Give a document about the routes, openapi or docs, made anew when they have changed since it was.';

CREATE FUNCTION sentinel.http_openapi(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('text', sentinel.kept_document('openapi'), 'type', 'application/json',
                              'headers', '{"Cache-Control": "no-cache"}'::jsonb);
END
$$;
COMMENT ON FUNCTION sentinel.http_openapi(jsonb, bytea) IS 'Route: the OpenAPI 3.1 document of all routes.';
