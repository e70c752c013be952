-- What tests of routes begin with: requests as http_handle() gets them, from whoever the test says. How callers are found out
-- is tested elsewhere.
CREATE OR REPLACE FUNCTION sentinel.find_caller(access text, header jsonb, ticket text, at timestamptz) RETURNS jsonb
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT (header ->> 'x-test-caller')::jsonb $$;

CREATE FUNCTION pg_temp.caller(org uuid, member uuid DEFAULT NULL, role text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('kind', 'session', 'org_id', org, 'member_id', member, 'role', role)) $$;

CREATE FUNCTION pg_temp.send(caller jsonb, method text, target text, body bytea, headers jsonb DEFAULT '[]', received_at timestamptz DEFAULT now(),
                             OUT status integer, OUT "json" jsonb, OUT text text, OUT headers_out jsonb, OUT route text)
    LANGUAGE plpgsql AS $$
DECLARE
    answer sentinel.http_response;
BEGIN
    -- A bucket of its own for each request: limits are not what is tested.
    answer := sentinel.http_handle(method, split_part(target, '?', 1), substr(target, strpos(target || '?', '?') + 1),
        headers || jsonb_build_array(jsonb_build_array('X-Test-Caller', (caller || jsonb_build_object('bucket', gen_random_uuid()))::text)),
        body, '192.0.2.1', received_at);
    status := answer.status;
    text := convert_from(answer.body, 'UTF8');
    headers_out := sentinel.header_object(answer.headers);
    json := CASE WHEN headers_out ->> 'content-type' LIKE '%json%' AND text <> '' THEN text::jsonb END;
    route := answer.route;
    IF caller ? 'org_id' THEN
        PERFORM sentinel.enter((caller ->> 'org_id')::uuid);
    END IF;
END
$$;
CREATE FUNCTION pg_temp.http(caller jsonb, method text, target text, body text DEFAULT NULL, headers jsonb DEFAULT '[]',
                             OUT status integer, OUT "json" jsonb, OUT text text, OUT headers_out jsonb, OUT route text)
    LANGUAGE sql AS $$ SELECT * FROM pg_temp.send(caller, method, target, convert_to(body, 'UTF8'), headers) $$;
