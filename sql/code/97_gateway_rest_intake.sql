-- Room gateway, REST: intake. The body is judged here and not by http_handle(), for one that is no JSON is kept too.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.body_media(request jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN m.media = 'application/json' OR m.media LIKE 'application/%+json' THEN 'json'
                -- Browsers on machines with a spreadsheet call a CSV file application/vnd.ms-excel.
                WHEN m.media IN ('text/csv', 'application/csv', 'text/tab-separated-values', 'application/vnd.ms-excel') THEN 'csv' ELSE m.media END
    FROM (SELECT lower(trim(split_part(coalesce(request -> 'headers' ->> 'content-type', 'application/json'), ';', 1))) AS media) m
$$;
COMMENT ON FUNCTION sentinel.body_media(jsonb) IS 'Tell what the body of a request is said to be: json, csv, or its media type. Unsaid, it is json.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_refused(reason text, hint text, intake_id uuid) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('status', 400, 'type', 'application/problem+json', 'json', jsonb_build_object('type', 'about:blank',
        'title', reason, 'status', 400, 'code', 'invalid', 'detail', 'The body was kept as it came, as rejected.', 'hint', hint, 'id', intake_id))
$$;
COMMENT ON FUNCTION sentinel.http_refused(text, text, uuid) IS
    'Answer 400 to a body that was kept: no error is raised, which would undo the keeping.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_intake(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind text := split_part(request ->> 'route', '/', 3);
    kept record;
BEGIN
    IF sentinel.body_media(request) <> 'json' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN415', MESSAGE = format('a body of type "%s"', left(sentinel.body_media(request), 60)),
            DETAIL = 'This path takes JSON.', HINT = 'Content-Type: application/json';
    END IF;
    -- The clock of the gateway may be ahead of this one.
    SELECT * INTO kept FROM sentinel.intake_bytes(kind, body, kind = 'webhook', nullif(request -> 'headers' ->> 'idempotency-key', ''),
                                                  least((request ->> 'received_at')::timestamptz, clock_timestamp()));
    IF kept.code IN ('not_json', 'not_an_object') THEN
        RETURN sentinel.http_refused(kept.reason, kept.hint, kept.intake_id);
    END IF;
    RETURN jsonb_build_object('status', 202, 'json', jsonb_build_object('accepted', kept.state IN ('waiting', 'processed'), 'id', kept.intake_id,
        'state', kept.state, 'duplicate_of', kept.duplicate_of,
        'reason', CASE kept.state WHEN 'duplicate' THEN 'came before, by ' || coalesce(kept.duplicate_key, 'the lead') ELSE kept.reason END,
        'hint', kept.hint));
END
$$;
COMMENT ON FUNCTION sentinel.http_intake(jsonb, bytea) IS
    'Route: take in one lead of a form or webhook. 202 once it is kept, whether it is queued, a duplicate or refused; 400 when the body is no JSON object, which is kept too.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.check_lines(file bytea, most integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    plain text := encode(check_lines.file, 'escape');
    lines integer := length(plain) - length(replace(plain, E'\n', ''));
BEGIN
    IF lines > check_lines.most THEN
        RAISE EXCEPTION USING ERRCODE = 'SN413', MESSAGE = format('a file of %s lines', lines),
            DETAIL = format('At most %s lines are taken at once.', check_lines.most), HINT = 'Split the file, each part with the line of headings.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_lines(bytea, integer) IS
    'Raise for a file of more lines than can be worked on in the time that a request has: it would be undone, and sent again in vain. Errors: SN413.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.declared_text(request jsonb, body bytea) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF request -> 'headers' ->> 'content-type' !~* ';\s*charset\s*=\s*"?(iso-?8859-1|latin-?1|windows-1252|cp-?1252)"?\s*(;|$)' THEN
        RETURN body;
    END IF;
    PERFORM convert_from(body, 'UTF8');
    RETURN body;
EXCEPTION WHEN data_exception THEN
    BEGIN
        RETURN convert(body, 'WIN1252', 'UTF8');
    EXCEPTION WHEN data_exception THEN
        RETURN body;
    END;
END
$$;
COMMENT ON FUNCTION sentinel.declared_text(jsonb, bytea) IS
    'Give a file in UTF-8 that is said to be in Latin 1 or Windows-1252, where it is no UTF-8 as it stands; others as they are.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_intake_csv(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    media text := sentinel.body_media(request);
    source text := sentinel.http_query_text(request, 'source', NULL, 'csv');
    file_name text := sentinel.http_query_text(request, 'file_name');
    defaults jsonb := jsonb_strip_nulls(jsonb_build_object('platform', request -> 'query' -> 'platform',
        'lead_source', request -> 'query' -> 'lead_source', 'temperature', request -> 'query' -> 'temperature'));
    answer jsonb;
    fault text;
    remedy text;
    kept uuid;
BEGIN
    IF media NOT IN ('json', 'csv') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN415', MESSAGE = format('a body of type "%s"', left(media, 60)),
            DETAIL = 'This path takes a CSV file, or JSON with leads.', HINT = 'Content-Type: text/csv';
    ELSIF media = 'csv' THEN
        PERFORM sentinel.check_lines(body, 100000);
    END IF;
    WITH taken AS MATERIALIZED (
        SELECT c.line, c.state, c.intake_id, c.duplicate_of, NULL::text AS code, c.reason, c.hint
        FROM sentinel.intake_csv(CASE media WHEN 'csv' THEN sentinel.declared_text(request, body) END, source, defaults, file_name) c WHERE media = 'csv'
        UNION ALL
        SELECT l.line, l.state, l.intake_id, l.duplicate_of, l.code, l.reason, l.hint
        FROM sentinel.intake_leads(body, source, defaults, nullif(request -> 'headers' ->> 'idempotency-key', ''), file_name) l WHERE media = 'json'
    )
    SELECT jsonb_build_object('accepted', count(*) FILTER (WHERE t.state IN ('waiting', 'processed')),
               'duplicates', count(*) FILTER (WHERE t.state = 'duplicate'),
               'errors', count(*) FILTER (WHERE t.state IN ('rejected', 'failed')),
               'ids', coalesce(jsonb_agg(t.intake_id ORDER BY t.line) FILTER (WHERE t.state IN ('waiting', 'processed')), '[]'),
               'rows', coalesce(jsonb_agg(jsonb_build_object('line', t.line, 'state', t.state, 'id', t.intake_id, 'duplicate_of', t.duplicate_of,
                                                             'reason', t.reason, 'hint', t.hint) ORDER BY t.line)
                                FILTER (WHERE t.state IN ('duplicate', 'rejected', 'failed')), '[]')),
           max(t.reason) FILTER (WHERE t.code IN ('not_json', 'no_leads')),
           max(t.hint) FILTER (WHERE t.code IN ('not_json', 'no_leads')), (array_agg(t.intake_id))[1]
    INTO answer, fault, remedy, kept FROM taken t;
    IF fault IS NOT NULL THEN
        RETURN sentinel.http_refused(fault, remedy, kept);
    END IF;
    RETURN jsonb_build_object('status', 202, 'json', answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_intake_csv(jsonb, bytea) IS
    'Route: take in many leads, as a CSV file or as JSON {"leads": […]}. 202 with the ids of those that are queued and why the others are not; 400 when the body is no JSON, which is kept too.';
