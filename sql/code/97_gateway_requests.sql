-- Room gateway, requests: what came over the wire, read into jsonb, and what functions of routes ask it for.

CREATE FUNCTION sentinel.url_decode(encoded text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF strpos(encoded, '%') = 0 THEN
        RETURN encoded;
    END IF;
    IF encoded ~ '%(?![0-9A-Fa-f]{2})' THEN
        RAISE invalid_parameter_value;
    END IF;
    RETURN convert_from(decode((SELECT string_agg(CASE WHEN m[1] LIKE '\%__' ESCAPE '\' THEN substr(m[1], 2)
                                                       ELSE encode(convert_to(m[1], 'UTF8'), 'hex') END, '')
                                FROM regexp_matches(encoded, '%[0-9A-Fa-f]{2}|[^%]+', 'g') AS m), 'hex'), 'UTF8');
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid percent-encoding "%s"', left(encoded, 60)),
        DETAIL = 'After % come two hexadecimal digits, and the bytes are UTF-8 without NUL.', HINT = 'Write %20 for a space.';
END
$$;
COMMENT ON FUNCTION sentinel.url_decode(text) IS 'Decode %XX of a part of an address; + stays. Errors: 22023. Source: RFC 3986.';

CREATE FUNCTION sentinel.snake_case(name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT lower(regexp_replace(name, '(?<=[a-z0-9])([A-Z])', '_\1', 'g'))
$$;
COMMENT ON FUNCTION sentinel.snake_case(text) IS 'Give a name written in camelCase as snake_case; others as they are.';

CREATE FUNCTION sentinel.query_object(query text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN coalesce(query, '') = '' THEN '{}'::jsonb ELSE (
        SELECT coalesce(jsonb_object_agg(sentinel.snake_case(sentinel.url_decode(replace(split_part(p.pair, '=', 1), '+', ' '))),
                                         sentinel.url_decode(replace(substr(p.pair, strpos(p.pair || '=', '=') + 1), '+', ' '))
                                         ORDER BY p.place), '{}')
        FROM string_to_table(query, '&') WITH ORDINALITY AS p (pair, place) WHERE p.pair <> '') END
$$;
COMMENT ON FUNCTION sentinel.query_object(text) IS
    'Read a query string: names as snake_case, values decoded, of two of one name the last. Errors: 22023.';

CREATE FUNCTION sentinel.header_object(pairs jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(h.name, h.value), '{}')
    FROM (SELECT lower(p.pair ->> 0) AS name, string_agg(p.pair ->> 1, ', ' ORDER BY p.place) AS value
          FROM jsonb_array_elements(coalesce(pairs, '[]')) WITH ORDINALITY AS p (pair, place) GROUP BY lower(p.pair ->> 0)) h
    WHERE h.name IS NOT NULL
$$;
COMMENT ON FUNCTION sentinel.header_object(jsonb) IS
    'Give headers as an object of lower-case names; values of one name are joined by a comma, as RFC 9110 has it.';

CREATE FUNCTION sentinel.json_body(header jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    media text := lower(trim(split_part(coalesce(header ->> 'content-type', 'application/json'), ';', 1)));
    fault text;
    value jsonb;
BEGIN
    IF media <> 'application/json' AND media NOT LIKE 'application/%+json' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN415', MESSAGE = format('a body of type "%s"', left(media, 60)),
            DETAIL = 'This path takes JSON.', HINT = 'Content-Type: application/json';
    END IF;
    fault := sentinel.json_fault(json_body.body);
    IF fault IS NULL THEN
        BEGIN
            value := convert_from(json_body.body, 'UTF8')::jsonb;
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            fault := 'it cannot be read';
        END;
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the body is no JSON: ' || fault,
            DETAIL = 'JSON in UTF-8, nested at most 64 deep, numbers of at most 64 characters, no member twice, no zero character.',
            HINT = 'Check it with a JSON validator.';
    END IF;
    IF jsonb_typeof(value) = 'object' THEN
        SELECT coalesce(jsonb_object_agg(sentinel.snake_case(m.key), m.value), '{}') INTO value FROM jsonb_each(value) m;
    END IF;
    RETURN value;
END
$$;
COMMENT ON FUNCTION sentinel.json_body(jsonb, bytea) IS
    'Read the body of a request as JSON, names of its members as snake_case. Errors: SN007 no JSON, SN415 of another type.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_param(request jsonb, name text) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value text := request -> 'params' ->> http_param.name;
BEGIN
    IF value !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s "%s"', http_param.name, left(value, 60)),
            DETAIL = 'An id is a uuid.', HINT = 'Use an id that a list has given.';
    END IF;
    RETURN value::uuid;
END
$$;
COMMENT ON FUNCTION sentinel.http_param(jsonb, text) IS 'Give an id that stands in the path of a request. Errors: 22023 no uuid.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_query_text(request jsonb, name text, choices text[] DEFAULT NULL, otherwise text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value text := nullif(request -> 'query' ->> http_query_text.name, '');
BEGIN
    IF value <> ALL (http_query_text.choices) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s "%s"', http_query_text.name, left(value, 60)),
            DETAIL = 'It is one of ' || array_to_string(http_query_text.choices, ', ') || '.',
            HINT = format('Use %s=%s.', http_query_text.name, http_query_text.choices[1]);
    END IF;
    RETURN coalesce(value, http_query_text.otherwise);
END
$$;
COMMENT ON FUNCTION sentinel.http_query_text(jsonb, text, text[], text) IS
    'Give a query parameter, or otherwise where it is missing or empty. Errors: 22023 none of the choices.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_query_integer(request jsonb, name text, otherwise integer DEFAULT NULL, least_value integer DEFAULT 0,
                                            most_value integer DEFAULT 2147483647) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value text := nullif(trim(request -> 'query' ->> http_query_integer.name), '');
BEGIN
    IF value IS NULL THEN
        RETURN http_query_integer.otherwise;
    ELSIF value !~ '^-?\d{1,9}$' OR value::integer < http_query_integer.least_value OR value::integer > http_query_integer.most_value THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s "%s"', http_query_integer.name, left(value, 60)),
            DETAIL = format('It is a whole number from %s to %s.', http_query_integer.least_value, http_query_integer.most_value),
            HINT = format('Use %s=%s.', http_query_integer.name, coalesce(http_query_integer.otherwise, http_query_integer.least_value));
    END IF;
    RETURN value::integer;
END
$$;
COMMENT ON FUNCTION sentinel.http_query_integer(jsonb, text, integer, integer, integer) IS
    'Give a query parameter that is a whole number, or otherwise where it is missing. Errors: 22023 outside its bounds.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_query_boolean(request jsonb, name text, otherwise boolean DEFAULT false) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value text := lower(nullif(trim(request -> 'query' ->> http_query_boolean.name), ''));
BEGIN
    IF value IS NOT NULL AND value NOT IN ('true', 'false', '1', '0', 'yes', 'no') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s "%s"', http_query_boolean.name, left(value, 60)),
            DETAIL = 'It is true or false.', HINT = format('Use %s=true.', http_query_boolean.name);
    END IF;
    RETURN coalesce(value IN ('true', '1', 'yes'), http_query_boolean.otherwise);
END
$$;
COMMENT ON FUNCTION sentinel.http_query_boolean(jsonb, text, boolean) IS
    'Give a query parameter that is true or false, or otherwise where it is missing. Errors: 22023.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_time(value text, name text, otherwise timestamptz DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(trim(http_time.value), '') = '' THEN
        RETURN http_time.otherwise;
    ELSIF http_time.value !~ '^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$' THEN
        RAISE invalid_datetime_format;
    END IF;
    RETURN http_time.value::timestamptz;
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s "%s"', http_time.name, left(http_time.value, 60)),
        DETAIL = 'A time is written as RFC 3339 has it; a day alone begins at midnight UTC.', HINT = 'Use 2026-03-31T09:30:00Z.';
END
$$;
COMMENT ON FUNCTION sentinel.http_time(text, text, timestamptz) IS
    'Read a time that came in a query or a body, or give otherwise where it is missing. name is for the error. Errors: 22023. Source: RFC 3339.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_object(request jsonb, required text[] DEFAULT '{}') RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    IF coalesce(jsonb_typeof(request -> 'json'), 'null') <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the body is no JSON object',
            DETAIL = 'This path takes an object.', HINT = 'Send {"name": "value"} with Content-Type: application/json.';
    END IF;
    SELECT n INTO missing FROM unnest(http_object.required) AS n
    WHERE coalesce(request -> 'json' -> n, 'null') IN ('null', '""') LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the member "%s" is missing', missing),
            DETAIL = 'Required are ' || array_to_string(http_object.required, ', ') || '.', HINT = format('Send {"%s": ...}.', missing);
    END IF;
    RETURN request -> 'json';
END
$$;
COMMENT ON FUNCTION sentinel.http_object(jsonb, text[]) IS
    'Give the body of a request that must be a JSON object with some members. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_id(value jsonb, name text) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(http_id.value, 'null') IN ('null', '""') THEN
        RETURN NULL;
    ELSIF jsonb_typeof(http_id.value) <> 'string' OR http_id.value #>> '{}' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s %s', http_id.name, left(http_id.value::text, 60)),
            DETAIL = 'An id is a uuid.', HINT = 'Use an id that a list has given.';
    END IF;
    RETURN (http_id.value #>> '{}')::uuid;
END
$$;
COMMENT ON FUNCTION sentinel.http_id(jsonb, text) IS 'Read an id from a member of a body; null where it is missing. name is for the error. Errors: 22023.';

CREATE FUNCTION sentinel.json_fault(body bytea) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_json_fault';
COMMENT ON FUNCTION sentinel.json_fault(bytea) IS
    'Tell why bytes of a stranger are not to be parsed as JSON, or null: not UTF-8, a zero character, half a character, nested beyond 64, a number longer than 64 characters or beyond 1e308, a name twice in one of the two outermost objects. Whether they are JSON at all the parser tells.';

CREATE FUNCTION sentinel.check_body(method text, pattern text, value jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    odd record;
BEGIN
    -- Numbers may come as texts, for those of many digits do, and lists as their only element: these the route judges.
    SELECT m.key, s.members -> m.key ->> 'type' AS kind INTO odd
    FROM (SELECT r.request_schema -> 'properties' AS members FROM sentinel.http_routes r
          WHERE r.method = check_body.method AND r.pattern = check_body.pattern) s,
         jsonb_each(CASE jsonb_typeof(check_body.value) WHEN 'object' THEN check_body.value END) m
    WHERE s.members -> m.key ->> 'type' IN ('string', 'boolean', 'object')
      AND jsonb_typeof(m.value) NOT IN (s.members -> m.key ->> 'type', 'null')
    ORDER BY m.key LIMIT 1;
    IF odd.kind IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the member "%s" is no %s', left(odd.key, 60), odd.kind),
            DETAIL = format('It is a JSON %s, or null.', odd.kind), HINT = 'See /openapi.json.';
    END IF;
    RETURN check_body.value;
END
$$;
COMMENT ON FUNCTION sentinel.check_body(text, text, jsonb) IS
    'Give the body of a request back whose members are of the kinds that the row of its route names: {} is no text, 0 is not false. Errors: SN007.';
