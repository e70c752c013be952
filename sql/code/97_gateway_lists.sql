-- Room gateway, lists: pages of rows that no search function gives, and single rows.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_page(request jsonb, relation text, filters text[] DEFAULT '{}', keys text[] DEFAULT '{}',
                                   hidden text[] DEFAULT '{}', ascending boolean DEFAULT false, condition text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    most integer := sentinel.http_query_integer(http_page.request, 'limit', 50, 1, 200);
    place jsonb := sentinel.read_page_cursor(http_page.request -> 'query' ->> 'cursor');
    way text := CASE WHEN http_page.ascending THEN 'ASC' ELSE 'DESC' END;
    -- Behind the keys of the order comes the id, which no two rows share. Ids grow with the time at which rows are made, so
    -- that without keys the order is that of making, by the primary key.
    orders text[] := http_page.keys || 'x.id|uuid'::text;
    conditions text := coalesce(' AND ' || http_page.condition, '');
    given text[] := '{}';
    filter text[];
    meant text;
    fits boolean;
    answer jsonb;
BEGIN
    FOR filter IN SELECT string_to_array(f, ' ') FROM unnest(http_page.filters) AS f LOOP
        meant := CASE filter[2]
            WHEN 'uuid' THEN sentinel.http_id(http_page.request -> 'query' -> filter[1], filter[1])::text
            WHEN 'from' THEN sentinel.http_time(http_page.request -> 'query' ->> filter[1], filter[1])::text
            WHEN 'until' THEN sentinel.http_time(http_page.request -> 'query' ->> filter[1], filter[1])::text
            WHEN 'text' THEN sentinel.http_query_text(http_page.request, filter[1])
            ELSE sentinel.http_query_text(http_page.request, filter[1], string_to_array(filter[2], '|')) END;
        given := given || meant;
        IF meant IS NOT NULL THEN
            conditions := conditions || format(' AND x.%I %s $2[%s]%s', coalesce(filter[3], filter[1]),
                CASE filter[2] WHEN 'from' THEN '>=' WHEN 'until' THEN '<' ELSE '=' END, cardinality(given),
                CASE filter[2] WHEN 'uuid' THEN '::uuid' WHEN 'from' THEN '::timestamptz' WHEN 'until' THEN '::timestamptz' END);
        END IF;
    END LOOP;
    IF place IS NOT NULL THEN
        BEGIN
            EXECUTE (SELECT 'SELECT num_nonnulls(' || string_agg(format('($1 ->> %s)::%s', k.n, split_part(k.word, '|', 2)), ', ' ORDER BY k.n)
                            || ') = jsonb_array_length($1) - 1' FROM unnest(orders) WITH ORDINALITY AS k(word, n)) INTO fits USING place;
            IF fits IS NOT TRUE OR place ->> 0 <> http_page.relation OR jsonb_array_length(place) <> cardinality(orders) + 1 THEN
                RAISE invalid_parameter_value;
            END IF;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(http_page.request -> 'query' ->> 'cursor', 60)),
                DETAIL = 'A cursor is the next_cursor of a page of the same list.', HINT = 'Leave the cursor out for the first page.';
        END;
        conditions := conditions || (
            SELECT format(' AND (%s) %s (%s)', string_agg(split_part(k.word, '|', 1), ', ' ORDER BY k.n),
                          CASE WHEN http_page.ascending THEN '>' ELSE '<' END,
                          string_agg(format('($3 ->> %s)::%s', k.n, split_part(k.word, '|', 2)), ', ' ORDER BY k.n))
            FROM unnest(orders) WITH ORDINALITY AS k(word, n));
    END IF;
    EXECUTE format(
        'SELECT jsonb_build_object(''data'', coalesce(jsonb_agg(p.line ORDER BY p.n) FILTER (WHERE p.n <= $4), ''[]''), '
        '''next_cursor'', CASE WHEN count(*) > $4 THEN sentinel.page_cursor((array_agg(p.spot ORDER BY p.n))[$4]) END) '
        'FROM (SELECT row_number() OVER () AS n, y.line, y.spot FROM ('
        'SELECT to_jsonb(x) - $5 AS line, jsonb_build_array(%L, %s) AS spot FROM %s x WHERE x.org_id = $1%s ORDER BY %s LIMIT $4 + 1) y) p',
        http_page.relation, (SELECT string_agg(split_part(k.word, '|', 1), ', ' ORDER BY k.n) FROM unnest(orders) WITH ORDINALITY AS k(word, n)),
        http_page.relation::regclass, conditions,
        (SELECT string_agg(split_part(k.word, '|', 1) || ' ' || way, ', ' ORDER BY k.n) FROM unnest(orders) WITH ORDINALITY AS k(word, n)))
    INTO answer USING org, given, place, most, http_page.hidden || 'org_id'::text;
    RETURN jsonb_build_object('json', answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_page(jsonb, text, text[], text[], text[], boolean, text) IS
    'Answer with a page of the rows of a table or view that the caller sees, by query parameters limit and cursor: those behind the place at which the last page ended, so that no row comes twice and none is missed whatever is added meanwhile. filters are lines "name kind column": kind uuid, text, from, until or choices as a|b; the column is that of the name unless given. keys are expressions over x, "expression|type" and never null, all in one direction; the id stands behind them. hidden columns are left out; condition is SQL over x. Errors: SN002, 22023 filter, limit or cursor.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_row(relation text, id uuid, noun text, hidden text[] DEFAULT '{}') RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    line jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(x) - $3 FROM %s x WHERE x.org_id = $1 AND x.id = $2', http_row.relation::regclass)
    INTO line USING sentinel.require_org(), http_row.id, http_row.hidden || 'org_id'::text;
    IF line IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no %s "%s" in this organisation', http_row.noun, http_row.id),
            DETAIL = format('A %s is found by its id, by those who may see it.', http_row.noun), HINT = 'Use an id that a list has given.';
    END IF;
    RETURN line;
END
$$;
COMMENT ON FUNCTION sentinel.http_row(text, uuid, text, text[]) IS
    'Give a row of a table or view that the caller sees, by its id, without hidden columns. noun is for the error. Errors: SN002, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_data(data jsonb, status integer DEFAULT 200, location text DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('status', status, 'json', jsonb_build_object('data', data))
           || CASE WHEN location IS NULL THEN '{}' ELSE jsonb_build_object('headers', jsonb_build_object('Location', location)) END
$$;
COMMENT ON FUNCTION sentinel.http_data(jsonb, integer, text) IS
    'Answer with one thing under data; location is the path of one that was made.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_found(lines jsonb, most integer) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'data', coalesce((SELECT jsonb_agg(l.line - 'cursor_after' - 'total' ORDER BY l.n)
                          FROM jsonb_array_elements(lines) WITH ORDINALITY AS l(line, n) WHERE l.n <= most), '[]'),
        'next_cursor', CASE WHEN jsonb_array_length(lines) > most
                            THEN sentinel.page_cursor(jsonb_build_array(lines -> (most - 1) -> 'cursor_after')) END)
$$;
COMMENT ON FUNCTION sentinel.http_found(jsonb, integer) IS
    'Give the page that rows of a search make, of which one more than fit was asked for: the first most of them, and the cursor_after of the last of these as next_cursor where more are there.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_after(request jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place jsonb := sentinel.read_page_cursor(request -> 'query' ->> 'cursor');
BEGIN
    IF place IS NOT NULL AND coalesce(jsonb_typeof(place -> 0), 'null') <> 'string' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(request -> 'query' ->> 'cursor', 60)),
            DETAIL = 'A cursor is the next_cursor of a page of the same list.', HINT = 'Leave the cursor out for the first page.';
    END IF;
    RETURN place ->> 0;
END
$$;
COMMENT ON FUNCTION sentinel.http_after(jsonb) IS
    'Give the place behind which a search goes on, which http_found() wrote into the cursor of the query. Errors: 22023.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_ids(value jsonb, name text) RETURNS uuid[]
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(jsonb_typeof(http_ids.value), 'null') <> 'array' OR http_ids.value = '[]' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('%s is no list of ids', http_ids.name),
            DETAIL = 'It is an array of uuids.', HINT = format('Send {"%s": ["…"]}.', http_ids.name);
    END IF;
    RETURN ARRAY(SELECT sentinel.http_id(e.id, http_ids.name) FROM jsonb_array_elements(http_ids.value) WITH ORDINALITY AS e(id, n) ORDER BY e.n);
END
$$;
COMMENT ON FUNCTION sentinel.http_ids(jsonb, text) IS 'Read a list of ids from a member of a body. Errors: SN007 no list, 22023 no uuid.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_wishes(request jsonb, known text[], required text[] DEFAULT '{}') RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sentinel.json_members(CASE WHEN request ? 'json' OR required <> '{}' THEN sentinel.http_object(request, required) ELSE '{}' END, known)
$$;
COMMENT ON FUNCTION sentinel.http_wishes(jsonb, text[], text[]) IS
    'Give the body of a request that may be missing, a JSON object with known members only: a misspelt amount must not be a missing one. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_members(request jsonb, known text[], required text[] DEFAULT '{}') RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given jsonb := sentinel.http_object(http_members.request, http_members.required);
    odd text := (SELECT min(k) FROM jsonb_object_keys(given) AS k WHERE k <> ALL (http_members.known));
BEGIN
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown member "%s"', left(odd, 60)),
            DETAIL = 'Known are ' || array_to_string(http_members.known, ', ') || '.', HINT = 'Leave it out.';
    ELSIF given = '{}' AND cardinality(http_members.known) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the body is empty',
            DETAIL = 'Known are ' || array_to_string(http_members.known, ', ') || '.', HINT = format('Send {"%s": ...}.', http_members.known[1]);
    END IF;
    RETURN given;
END
$$;
COMMENT ON FUNCTION sentinel.http_members(jsonb, text[], text[]) IS
    'Give the body of a request that must be a JSON object with known members only, at least one. Errors: SN007.';
