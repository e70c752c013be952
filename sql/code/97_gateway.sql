-- Room gateway: one HTTP request in, one answer out. The program sentinel-gateway carries both; every decision is here.
-- What a request holds: 97_gateway_requests.sql. Who calls: 97_gateway_callers.sql. How often: 97_gateway_limits.sql.

CREATE TYPE sentinel.http_response AS (status integer, headers jsonb, body bytea, stream jsonb, route text);
COMMENT ON TYPE sentinel.http_response IS 'Answer of http_handle().';
COMMENT ON COLUMN sentinel.http_response.status IS 'HTTP status.';
COMMENT ON COLUMN sentinel.http_response.headers IS 'Headers as an array of [name, value].';
COMMENT ON COLUMN sentinel.http_response.body IS 'Body; empty for none.';
COMMENT ON COLUMN sentinel.http_response.stream IS 'Not null: the answer goes on as a stream of events, with token, audience and cursor for stream_events().';
COMMENT ON COLUMN sentinel.http_response.route IS 'Method and pattern of the route, for figures; unmatched without one.';

CREATE FUNCTION sentinel.http_problem(status integer, code text, title text, detail text DEFAULT NULL, hint text DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('status', status, 'type', 'application/problem+json', 'json', jsonb_strip_nulls(jsonb_build_object(
        'type', 'about:blank', 'title', title, 'status', status, 'code', code, 'detail', nullif(detail, ''), 'hint', nullif(hint, ''))))
$$;
COMMENT ON FUNCTION sentinel.http_problem(integer, text, text, text, text) IS
    'Give the answer that says what is wrong: application/problem+json with type, title, status, code, detail and hint. Source: RFC 9457.';

CREATE FUNCTION sentinel.http_error(sqlstate_of text, message text, detail text, hint text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known record;
BEGIN
    SELECT * INTO known FROM (VALUES
        ('SN001', 503, 'not_installed'), ('SN002', 401, 'no_organisation'), ('SN003', 403, 'forbidden'), ('SN004', 404, 'not_found'),
        ('SN005', 409, 'illegal_transition'), ('SN006', 409, 'append_only'), ('SN007', 400, 'invalid'), ('SN010', 503, 'parked'),
        ('SN401', 401, 'unauthorized'), ('SN413', 413, 'too_large'), ('SN415', 415, 'unsupported_media_type'),
        ('SN429', 429, 'rate_limited'), ('SN501', 501, 'not_built'), ('SN503', 503, 'unavailable'),
        ('55000', 503, 'not_ready'),
        ('23505', 409, 'conflict'), ('23503', 409, 'conflict'), ('42501', 403, 'forbidden'), ('40001', 503, 'try_again'),
        ('40P01', 503, 'try_again'), ('55P03', 503, 'try_again'), ('57014', 503, 'timeout'), ('53300', 503, 'unavailable'),
        ('23514', 400, 'invalid'), ('23502', 400, 'invalid'), ('22004', 400, 'invalid'), ('54000', 400, 'invalid'), ('54001', 400, 'invalid')
    ) AS k (sqlstate_of, status, code) WHERE k.sqlstate_of = http_error.sqlstate_of;
    IF known.status IS NULL AND left(http_error.sqlstate_of, 2) = '22' THEN
        RETURN sentinel.http_problem(400, 'invalid', message, detail, hint);
    ELSIF known.status IS NULL THEN
        RETURN sentinel.http_problem(500, 'internal', 'the request could not be answered',
                                     'What went wrong is in the log of the database.', NULL);
    END IF;
    -- What is amiss with the server's key may name its file.
    RETURN sentinel.http_problem(known.status, known.code, message, CASE WHEN http_error.sqlstate_of <> '55000' THEN detail END, hint);
END
$$;
COMMENT ON FUNCTION sentinel.http_error(text, text, text, text) IS
    'Give the answer to an SQL error: the status that its SQLSTATE stands for, its message, detail and hint. Of an error that no rule foresaw the text is hidden: 500.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.call_route(function_name text, request jsonb, body bytea) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_call_route';
COMMENT ON FUNCTION sentinel.call_route(text, jsonb, bytea) IS
    'Call the function of a route, by its qualified name, with the rights of the current user. Errors: SN001, 42883 no such function, 42501 the user may not call it.';

-- Not SECURITY DEFINER and owned by the role: who is in a role may alter what it owns, and take away whose rights it has.
CREATE FUNCTION sentinel.answer_as_member(function_name text, request jsonb, body bytea) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_answer_as_member';
COMMENT ON FUNCTION sentinel.answer_as_member(text, jsonb, bytea) IS
    'Call the function of a route with the rights of sentinel_member: row-level security decides by the member entered. Errors: SN001, 42883, 42501.';

CREATE FUNCTION sentinel.answer_as_operator(function_name text, request jsonb, body bytea) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_answer_as_operator';
COMMENT ON FUNCTION sentinel.answer_as_operator(text, jsonb, bytea) IS
    'Call the function of a route with the rights of sentinel_operator, within the organisation entered. Errors: SN001, 42883, 42501.';

CREATE FUNCTION sentinel.answer_as_engine(function_name text, request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.call_route(function_name, request, body);
END
$$;
COMMENT ON FUNCTION sentinel.answer_as_engine(text, jsonb, bytea) IS
    'Call the function of a route with the rights of http_handle() itself: for routes that nobody has entered an organisation for.';

CREATE FUNCTION sentinel.find_route(method text, path text)
    RETURNS TABLE (pattern text, params jsonb, methods text[], function_name text, access text, scope text, role text, runs_as text,
                   max_body_bytes integer, rate_tier text, takes_json boolean)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_find_route';
COMMENT ON FUNCTION sentinel.find_route(text, text) IS
    'Find the route of a path: that of the method, else any, whose methods tell what the path allows; of several that one with the most characters of its own. /api before a path changes nothing, a slash behind it neither. No row when there is none.';

-- grant: sentinel_gateway
CREATE FUNCTION sentinel.http_handle(method text, path text, query text, headers jsonb, body bytea, peer inet,
                                     received_at timestamptz DEFAULT now()) RETURNS sentinel.http_response
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
    verb text := CASE upper(http_handle.method) WHEN 'HEAD' THEN 'GET' ELSE upper(http_handle.method) END;
    -- A gateway's own clock goes a little wrong; a time of its choosing would bring back tokens that have expired.
    at timestamptz := CASE WHEN pg_has_role(session_user, 'sentinel_admin', 'USAGE') THEN coalesce(http_handle.received_at, now())
        ELSE least(greatest(coalesce(http_handle.received_at, now()), now() - interval '5 minutes'), now() + interval '5 minutes') END;
    header jsonb;
    r record;
    caller jsonb;
    request jsonb;
    answer jsonb;
    more jsonb := '[]';
    label text := 'unmatched';
    state text;
    message text;
    detail text;
    hint text;
    broken text;
BEGIN
    -- Two blocks: what fails behind the token is undone, the token is not.
    BEGIN
        PERFORM sentinel.require_installed();
        header := sentinel.header_object(http_handle.headers);
        more := sentinel.cors_headers(header);
        SELECT * INTO r FROM sentinel.find_route(verb, http_handle.path);
        IF r.pattern IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no such path', HINT = 'See /openapi.json or /docs.';
        ELSIF verb = 'OPTIONS' THEN
            answer := sentinel.preflight(header, r.methods);
        ELSIF verb <> ALL (r.methods) THEN
            more := more || jsonb_build_array(jsonb_build_array('Allow', array_to_string(r.methods, ', ')));
            answer := sentinel.http_problem(405, 'method_not_allowed', format('%s is not allowed here', left(verb, 20)),
                                            'This path allows ' || array_to_string(r.methods, ', ') || '.');
        ELSE
            label := verb || ' ' || r.pattern;
            caller := sentinel.find_caller(r.access, header, CASE WHEN verb = 'GET' AND strpos(http_handle.query, 'ticket=') > 0
                THEN sentinel.query_object(http_handle.query) ->> 'ticket' END, at);
            more := more || sentinel.take_token(r.rate_tier, caller ->> 'bucket', http_handle.peer, at);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    END;
    -- Who is nobody has no bucket of its own: the address pays for what does not hold.
    IF state = 'SN401' THEN
        BEGIN
            PERFORM sentinel.take_token('refused', NULL, http_handle.peer, at);
        EXCEPTION WHEN SQLSTATE 'SN429' THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        END;
    END IF;
    IF state IS NULL AND answer IS NULL THEN
        BEGIN
            PERFORM sentinel.check_caller(caller, r.access, r.scope, r.role);
            IF coalesce(octet_length(http_handle.body), 0) > r.max_body_bytes THEN
                RAISE EXCEPTION USING ERRCODE = 'SN413', MESSAGE = format('a body of %s bytes', octet_length(http_handle.body)),
                    DETAIL = format('At most %s bytes are taken here.', r.max_body_bytes), HINT = 'Send less at once.';
            END IF;
            request := jsonb_build_object('method', verb, 'path', http_handle.path, 'route', r.pattern, 'peer', host(http_handle.peer),
                'received_at', at, 'params', r.params, 'query', sentinel.query_object(http_handle.query), 'headers', header, 'caller', caller);
            IF r.access = 'signature' THEN
                request := request || jsonb_build_object('header_pairs', http_handle.headers, 'query_text', http_handle.query);
            ELSIF r.takes_json AND octet_length(http_handle.body) > 0 THEN
                request := request || jsonb_build_object('json',
                    sentinel.check_body(verb, r.pattern, sentinel.json_body(header, http_handle.body)));
            END IF;
            IF caller ? 'org_id' THEN
                PERFORM sentinel.act_for((caller ->> 'org_id')::uuid, (caller ->> 'member_id')::uuid, http_handle.peer);
            END IF;
            answer := CASE r.runs_as WHEN 'member' THEN sentinel.answer_as_member(r.function_name, request, http_handle.body)
                                     WHEN 'operator' THEN sentinel.answer_as_operator(r.function_name, request, http_handle.body)
                                     ELSE sentinel.answer_as_engine(r.function_name, request, http_handle.body) END;
        -- Others are all but this one, and who has the time run out again and again keeps no token for it.
        EXCEPTION WHEN query_canceled OR OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
                broken = CONSTRAINT_NAME;
            -- Of a constraint the server tells the whole row, with what its owner may see.
            IF broken <> '' THEN
                detail := 'A rule of the data forbids it.';
            END IF;
        END;
    END IF;
    IF caller ? 'org_id' THEN
        PERFORM sentinel.act_for(NULL, NULL, NULL);
    END IF;
    IF state IS NOT NULL THEN
        answer := sentinel.http_error(state, message, detail, hint);
        more := more || sentinel.error_headers(state, detail);
        IF answer -> 'status' = '500' OR state = '55000' THEN
            RAISE LOG 'sentinel: % failed: % (SQLSTATE %)', label, message, state;
        END IF;
    END IF;
    RETURN sentinel.http_response_of(answer, more, label, coalesce(header, '{}'), verb);
END
$$;
ALTER FUNCTION sentinel.http_handle(text, text, text, jsonb, bytea, inet, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.http_handle(text, text, text, jsonb, bytea, inet, timestamptz) IS
    'Answer one HTTP request: find its route, who calls and whether they may and how often, enter their organisation for the transaction, call the function of the route. path as on the wire, query without the question mark, headers as array of [name, value], body raw, peer the address of the client. Errors of routes become answers; an error raised here undoes all that the route did.';

CREATE FUNCTION sentinel.http_response_of(answer jsonb, more jsonb, label text, header jsonb, verb text) RETURNS sentinel.http_response
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    status integer := coalesce((answer ->> 'status')::integer, 200);
    body bytea := CASE WHEN answer ? 'json' THEN convert_to((answer -> 'json')::text, 'UTF8')
                       WHEN answer ? 'text' THEN convert_to(answer ->> 'text', 'UTF8') ELSE '' END;
    pairs jsonb := more;
    tag text;
BEGIN
    IF answer ? 'json' OR answer ? 'text' THEN
        pairs := pairs || jsonb_build_array(jsonb_build_array('Content-Type', coalesce(answer ->> 'type',
            CASE WHEN answer ? 'json' THEN 'application/json' ELSE 'text/plain; charset=utf-8' END)));
    END IF;
    IF answer ? 'headers' THEN
        pairs := pairs || (SELECT coalesce(jsonb_agg(jsonb_build_array(h.key, h.value)), '[]') FROM jsonb_each_text(answer -> 'headers') h);
    END IF;
    IF verb = 'GET' AND status = 200 AND NOT answer ? 'stream' AND octet_length(body) < 1048576 THEN
        tag := '"' || md5(body) || '"';
        pairs := pairs || jsonb_build_array(jsonb_build_array('ETag', tag));
        IF tag = ANY (string_to_array(replace(header ->> 'if-none-match', 'W/', ''), ', ')) OR header ->> 'if-none-match' = '*' THEN
            status := 304;
            body := '';
        END IF;
    END IF;
    RETURN (status, pairs, body, answer -> 'stream', label)::sentinel.http_response;
END
$$;
COMMENT ON FUNCTION sentinel.http_response_of(jsonb, jsonb, text, jsonb, text) IS
    'Turn the answer of a route into bytes and headers: status (200), json or text with type, headers, stream. A GET that was answered the same before is 304.';

CREATE FUNCTION sentinel.error_headers(sqlstate_of text, detail text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE sqlstate_of
        WHEN 'SN401' THEN jsonb_build_array(jsonb_build_array('WWW-Authenticate', 'Bearer'))
        WHEN 'SN429' THEN jsonb_build_array(jsonb_build_array('Retry-After', coalesce(substring(detail FROM 'in (\d+) s'), '60')))
        WHEN 'SN503' THEN jsonb_build_array(jsonb_build_array('Retry-After', '1'))
        WHEN '40001' THEN jsonb_build_array(jsonb_build_array('Retry-After', '1'))
        WHEN '40P01' THEN jsonb_build_array(jsonb_build_array('Retry-After', '1'))
        WHEN '55P03' THEN jsonb_build_array(jsonb_build_array('Retry-After', '1'))
        WHEN '57014' THEN jsonb_build_array(jsonb_build_array('Retry-After', '1'))
        ELSE '[]' END
$$;
COMMENT ON FUNCTION sentinel.error_headers(text, text) IS 'Give the headers that belong to the answer to an error: WWW-Authenticate, Retry-After.';

-- grant: sentinel_gateway
CREATE FUNCTION sentinel.gateway_routes() RETURNS TABLE (method text, pattern text, max_body_bytes integer)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY SELECT r.method, r.pattern, r.max_body_bytes FROM sentinel.http_routes r ORDER BY r.pattern, r.method;
END
$$;
ALTER FUNCTION sentinel.gateway_routes() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.gateway_routes() IS 'Give what a gateway must know of the routes before it has read a body: the longest that each takes, in bytes.';
