-- For tests of routes: call them as http_handle() does once it knows who calls. Callers are rows of known.
CREATE TEMP TABLE known (name text PRIMARY KEY, org uuid NOT NULL, id uuid, role text);
-- Find the route, judge the caller, enter, answer: what http_handle() does once it knows who calls.
CREATE FUNCTION pg_temp.call(who text, verb text, path text, "json" jsonb DEFAULT NULL, query text DEFAULT '', body bytea DEFAULT NULL,
                             headers jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    caller record;
    r record;
    request jsonb;
    answer jsonb;
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    SELECT * INTO caller FROM known k WHERE k.name = who;
    SELECT * INTO r FROM sentinel.find_route(verb, path);
    IF r.pattern IS NULL OR verb <> ALL (r.methods) THEN
        RETURN jsonb_build_object('status', CASE WHEN r.pattern IS NULL THEN 404 ELSE 405 END, 'route', r.pattern);
    END IF;
    BEGIN
        PERFORM sentinel.check_caller(jsonb_strip_nulls(jsonb_build_object('org_id', caller.org, 'member_id', caller.id, 'role', caller.role)), r.access, r.scope, r.role);
        PERFORM sentinel.enter(caller.org, caller.id);
        request := jsonb_strip_nulls(jsonb_build_object('method', verb, 'path', path, 'route', r.pattern, 'params', r.params, 'headers', headers,
            'received_at', now())) || jsonb_build_object('query', sentinel.query_object(query));
        IF json IS NOT NULL THEN
            request := request || jsonb_build_object('json', sentinel.json_body('{}', convert_to(json::text, 'UTF8')));
        END IF;
        answer := CASE r.runs_as WHEN 'member' THEN sentinel.answer_as_member(r.function_name, request, body)
                                 WHEN 'operator' THEN sentinel.answer_as_operator(r.function_name, request, body)
                                 ELSE sentinel.answer_as_engine(r.function_name, request, body) END;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        answer := sentinel.http_error(state, message, detail, hint) || CASE WHEN state ~ '^(SN|2)' THEN '{}' ELSE jsonb_build_object('hidden', message) END;
    END;
    PERFORM sentinel.leave();
    RETURN '{"status": 200}' || answer;
END
$$;
CREATE FUNCTION pg_temp.data(answer jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT coalesce(answer -> 'json' -> 'data', answer) $$;
-- Walk the pages to the end; give the ids in their order, and how many pages there were.
CREATE FUNCTION pg_temp.walk(who text, path text, query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    seen jsonb := '[]';
    cursor text := '';
    answer jsonb;
    pages integer := 0;
BEGIN
    LOOP
        answer := pg_temp.call(who, 'GET', path, NULL, query || '&cursor=' || cursor);
        IF answer -> 'json' -> 'data' IS NULL THEN
            RETURN answer;
        END IF;
        seen := seen || coalesce((SELECT jsonb_agg(coalesce(d -> 'name', d -> 'kind', d -> 'subject') ORDER BY n)
                                  FROM jsonb_array_elements(answer -> 'json' -> 'data') WITH ORDINALITY AS e (d, n)), '[]');
        pages := pages + 1;
        cursor := answer -> 'json' ->> 'next_cursor';
        EXIT WHEN cursor IS NULL OR pages > 50;
    END LOOP;
    RETURN jsonb_build_object('seen', seen, 'pages', pages);
END
$$;
-- What a route answers about an id, with the id taken out: unknown, hidden and foreign ids are to answer the same.
CREATE FUNCTION pg_temp.refusal(who text, verb text, path text, id text, "json" jsonb DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT replace(pg_temp.call(who, verb, replace(path, '{}', id), replace(json::text, '{}', id)::jsonb)::text, id, '{}')
$$;
