-- Room gateway, pages: where a list stopped, as a text that a client hands back.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.page_cursor(place jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rtrim(translate(encode(convert_to(place::text, 'UTF8'), 'base64'), E'+/\n', '-_'), '=')
$$;
COMMENT ON FUNCTION sentinel.page_cursor(jsonb) IS
    'Write the place at which a page ended as a cursor: base64url of its JSON text, without padding. Null for null: there is no next page.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.read_page_cursor(cursor text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place jsonb;
BEGIN
    IF coalesce(read_page_cursor.cursor, '') = '' THEN
        RETURN NULL;
    ELSIF length(read_page_cursor.cursor) > 4000 OR length(read_page_cursor.cursor) % 4 = 1
        OR read_page_cursor.cursor !~ '^[A-Za-z0-9_-]+$' THEN
        RAISE invalid_parameter_value;
    END IF;
    place := convert_from(decode(rpad(translate(read_page_cursor.cursor, '-_', '+/'),
                                      (length(read_page_cursor.cursor) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb;
    IF jsonb_typeof(place) NOT IN ('object', 'array') THEN
        RAISE invalid_parameter_value;
    END IF;
    RETURN place;
EXCEPTION WHEN data_exception OR statement_too_complex THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(read_page_cursor.cursor, 60)),
        DETAIL = 'A cursor is the next_cursor of a page.', HINT = 'Leave the cursor out for the first page.';
END
$$;
COMMENT ON FUNCTION sentinel.read_page_cursor(text) IS
    'Read the place that page_cursor() wrote; null for a missing or empty cursor. Errors: 22023 it is none.';
