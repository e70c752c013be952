-- Room gateway, members: what functions of routes ask of the members of a JSON body, and of things that are to be there.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.json_members(value jsonb, known text[], place text DEFAULT 'the body') RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    strange text := (SELECT m FROM jsonb_object_keys(json_members.value) AS m WHERE m <> ALL (json_members.known) ORDER BY m LIMIT 1);
BEGIN
    IF strange IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('%s has an unknown member "%s"', json_members.place, left(strange, 60)),
            DETAIL = 'Known are ' || array_to_string(json_members.known, ', ') || '.', HINT = 'Leave it out.';
    END IF;
    RETURN json_members.value;
END
$$;
COMMENT ON FUNCTION sentinel.json_members(jsonb, text[], text) IS
    'Give a JSON object back that has no members but known ones: what a route would not read, it refuses. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.json_text(object jsonb, name text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(json_text.object -> json_text.name) NOT IN ('string', 'null') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the member "%s" is no text', json_text.name),
            DETAIL = 'It is a JSON string, or null.', HINT = format('Send {"%s": "..."}.', json_text.name);
    END IF;
    RETURN json_text.object ->> json_text.name;
END
$$;
COMMENT ON FUNCTION sentinel.json_text(jsonb, text) IS 'Give a member of a JSON object that is a text; null where it is missing. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.json_number(object jsonb, name text) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value text := json_number.object ->> json_number.name;
BEGIN
    -- A number of many digits travels as a text, so both are read.
    IF value IS NOT NULL AND (jsonb_typeof(json_number.object -> json_number.name) NOT IN ('number', 'string')
                              OR value !~ '^-?\d{1,30}(\.\d{1,30})?$') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the member "%s" is no number', json_number.name),
            DETAIL = 'It is a JSON number of at most 30 digits before the point.', HINT = format('Send {"%s": 75000.50}.', json_number.name);
    END IF;
    RETURN value::numeric;
END
$$;
COMMENT ON FUNCTION sentinel.json_number(jsonb, text) IS
    'Give a member of a JSON object that is a number, or the text of one; null where it is missing. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.json_integer(object jsonb, name text, least_value integer DEFAULT 0, most_value integer DEFAULT 2147483647) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value numeric := sentinel.json_number(json_integer.object, json_integer.name);
BEGIN
    IF value <> trunc(value) OR value < json_integer.least_value OR value > json_integer.most_value THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s %s', json_integer.name, left(value::text, 60)),
            DETAIL = format('It is a whole number from %s to %s.', json_integer.least_value, json_integer.most_value),
            HINT = format('Send {"%s": %s}.', json_integer.name, json_integer.least_value);
    END IF;
    RETURN value::integer;
END
$$;
COMMENT ON FUNCTION sentinel.json_integer(jsonb, text, integer, integer) IS
    'Give a member of a JSON object that is a whole number; null where it is missing. Errors: SN007 no number, 22023 outside its bounds.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.json_boolean(object jsonb, name text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(json_boolean.object -> json_boolean.name) NOT IN ('boolean', 'null') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the member "%s" is neither true nor false', json_boolean.name),
            DETAIL = 'It is a JSON boolean, or null.', HINT = format('Send {"%s": true}.', json_boolean.name);
    END IF;
    RETURN (json_boolean.object ->> json_boolean.name)::boolean;
END
$$;
COMMENT ON FUNCTION sentinel.json_boolean(jsonb, text) IS
    'Give a member of a JSON object that is true or false; null where it is missing. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.json_texts(object jsonb, name text, most_elements integer DEFAULT 100) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    list jsonb := json_texts.object -> json_texts.name;
BEGIN
    IF coalesce(list, 'null') = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(list) <> 'array' OR jsonb_array_length(list) > json_texts.most_elements
          OR EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(list) WHEN 'array' THEN list ELSE '[]' END) AS e
                     WHERE jsonb_typeof(e) <> 'string') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the member "%s" is no list of texts', json_texts.name),
            DETAIL = format('It is a JSON array of at most %s strings.', json_texts.most_elements), HINT = format('Send {"%s": ["..."]}.', json_texts.name);
    END IF;
    RETURN ARRAY(SELECT e FROM jsonb_array_elements_text(list) WITH ORDINALITY AS l (e, place) ORDER BY l.place);
END
$$;
COMMENT ON FUNCTION sentinel.json_texts(jsonb, text, integer) IS
    'Give a member of a JSON object that is an array of texts, in its order; null where it is missing. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_require(is_there boolean, thing text, id uuid) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(http_require.is_there, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no %s "%s"', http_require.thing, http_require.id),
            DETAIL = 'It is found by its id, by those who may see it.', HINT = 'Use an id that a list has given.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.http_require(boolean, text, uuid) IS
    'Raise for a thing that is not there, or that the member entered does not see: the answer is the same. Errors: SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_query_id(request jsonb, name text) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_id(request -> 'query' -> http_query_id.name, http_query_id.name);
END
$$;
COMMENT ON FUNCTION sentinel.http_query_id(jsonb, text) IS 'Give a query parameter that is an id; null where it is missing or empty. Errors: 22023.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_query_time(request jsonb, name text, otherwise timestamptz DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_time(request -> 'query' ->> http_query_time.name, http_query_time.name, http_query_time.otherwise);
END
$$;
COMMENT ON FUNCTION sentinel.http_query_time(jsonb, text, timestamptz) IS
    'Give a query parameter that is a time, or otherwise where it is missing. Errors: 22023.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_list(things jsonb, next_cursor text DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('json', jsonb_build_object('data', coalesce(things, '[]'), 'next_cursor', next_cursor))
$$;
COMMENT ON FUNCTION sentinel.http_list(jsonb, text) IS 'Give the answer of a route that lists things, with the cursor of the next page; null on the last.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_thing(thing jsonb, location text DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('json', jsonb_build_object('data', thing))
           || CASE WHEN location IS NULL THEN '{}' ELSE jsonb_build_object('status', 201, 'headers', jsonb_build_object('Location', location)) END
$$;
COMMENT ON FUNCTION sentinel.http_thing(jsonb, text) IS 'Give the answer of a route about one thing; with a location that of a route that made it: 201.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.keyset_place(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place jsonb := sentinel.read_page_cursor(request -> 'query' ->> 'cursor');
BEGIN
    -- Of another list it would look like the end of this one.
    IF place IS NOT NULL AND NOT coalesce((place ->> 'at')::timestamptz IS NOT NULL AND (place ->> 'id')::uuid IS NOT NULL, false) THEN
        RAISE invalid_parameter_value;
    END IF;
    RETURN place;
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(request -> 'query' ->> 'cursor', 60)),
        DETAIL = 'A cursor is the next_cursor of a page of the same list.', HINT = 'Leave the cursor out for the first page.';
END
$$;
COMMENT ON FUNCTION sentinel.keyset_place(jsonb) IS
    'Give the place that the cursor of a request stands for, as http_keyset_page() wrote it: at and id; null without one. Errors: 22023.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_keyset_page(things jsonb, most integer, key text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_array_length(coalesce(things, '[]')) > most
        THEN sentinel.http_list(things - most, sentinel.page_cursor(jsonb_build_object('at', things -> (most - 1) -> key, 'id', things -> (most - 1) -> 'id')))
        ELSE sentinel.http_list(things) END
$$;
COMMENT ON FUNCTION sentinel.http_keyset_page(jsonb, integer, text) IS
    'Give the answer of a route that lists things with an id in the order of a member: of one thing more than a page holds, the page, with a cursor of the members at and id.';
