-- Room gateway, live: events as they happen, as server-sent events. The gateway holds the connections and asks here what is new;
-- it is told nothing that the caller may not see, and resumes at any cursor. Source: HTML standard, server-sent events.

CREATE FUNCTION sentinel.events_head() RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN format('%s-%s-0', (SELECT max(g.generation) FROM sentinel.generation g), pg_snapshot_xmin(pg_current_snapshot()));
END
$$;
COMMENT ON FUNCTION sentinel.events_head() IS
    'Give the cursor behind every event that events_since() would give now, and before every other.';

CREATE FUNCTION sentinel.http_events(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller jsonb := request -> 'caller';
    since text := coalesce(nullif(request -> 'headers' ->> 'last-event-id', ''), nullif(request -> 'query' ->> 'last_event_id', ''));
    at bigint := floor(extract(epoch FROM (request ->> 'received_at')::timestamptz));
BEGIN
    IF since = '0' THEN
        since := '0-0-0';
    ELSIF since !~ '^\d{1,9}-\d{1,19}-\d{1,18}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid Last-Event-ID "%s"', left(since, 60)),
            DETAIL = 'It is the id of an event of this stream.', HINT = 'Leave it out to begin now; 0 begins with the first event there is.';
    END IF;
    RETURN jsonb_build_object('stream', jsonb_build_object('cursor', coalesce(since, sentinel.events_head()),
        'audience', concat_ws(':', caller ->> 'org_id', caller ->> 'member_id'),
        'token', sentinel.sign_token(jsonb_strip_nulls(jsonb_build_object('aud', 'sentinel-stream', 'org_id', caller -> 'org_id',
            'member_id', caller -> 'member_id', 'session_id', caller -> 'session_id', 'key_id', caller -> 'key_id',
            'exp', least((caller ->> 'expires_at')::bigint, at + 3600))))));
END
$$;
COMMENT ON FUNCTION sentinel.http_events(jsonb, bytea) IS
    'Route: the events of the organisation that the caller may see, as a stream of server-sent events, from now on or from behind Last-Event-ID (or last_event_id in the query; 0 is the first of all): at least once each, none skipped. It ends with the access token, after an hour at most, and when access is taken back; clients come back with Last-Event-ID. Errors: 22023.';

CREATE FUNCTION sentinel.read_stream(token text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller jsonb := sentinel.verify_token(read_stream.token, 'sentinel-stream', now());
BEGIN
    RETURN CASE WHEN sentinel.caller_lives(caller, now()) THEN caller END;
END
$$;
COMMENT ON FUNCTION sentinel.read_stream(text) IS 'Give the caller whom a stream''s token stands for; null when it no longer holds.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.stream_lines(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_array(e.cursor_after, e.event_type, jsonb_build_object('id', e.event_id, 'event_type', e.event_type,
        'subject_type', e.subject_type, 'subject_id', e.subject_id, 'payload', e.payload, 'member_id', e.member_id,
        'recorded_at', e.recorded_at)) ORDER BY e.ordinality)
    FROM sentinel.events_since(request ->> 'cursor', (request ->> 'max_events')::integer) WITH ORDINALITY e);
END
$$;
COMMENT ON FUNCTION sentinel.stream_lines(jsonb, bytea) IS
    'Give events as events_since() does, in its order, each as cursor, type and the line of a stream; for answer_as_member(). request: cursor, max_events.';

-- grant: sentinel_gateway
CREATE FUNCTION sentinel.stream_events(token text, cursor text, max_events integer DEFAULT 100)
    RETURNS TABLE (cursor_after text, event_type text, data text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
    caller jsonb;
    head text;
    given integer;
BEGIN
    PERFORM sentinel.require_installed();
    caller := sentinel.read_stream(stream_events.token);
    IF caller IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '28000', MESSAGE = 'the stream has ended', DETAIL = 'Its token has expired, or access was taken back.',
            HINT = 'Come back with Last-Event-ID and a new access token.';
    END IF;
    PERFORM sentinel.act_for((caller ->> 'org_id')::uuid, (caller ->> 'member_id')::uuid, NULL);
    -- Before the events are read: what is behind it and invisible to the member has been looked at by then.
    head := sentinel.events_head();
    RETURN QUERY SELECT l.line ->> 0, l.line ->> 1, (l.line -> 2)::text
    FROM jsonb_array_elements(sentinel.answer_as_member('sentinel.stream_lines', jsonb_build_object(
        'cursor', stream_events.cursor, 'max_events', stream_events.max_events), NULL)) WITH ORDINALITY AS l (line, place) ORDER BY l.place;
    GET DIAGNOSTICS given = ROW_COUNT;
    IF given < stream_events.max_events AND sentinel.cursor_place(head) > sentinel.cursor_place(stream_events.cursor) THEN
        RETURN QUERY SELECT head, NULL::text, NULL::text;
    END IF;
    PERFORM sentinel.act_for(NULL, NULL, NULL);
END
$$;
ALTER FUNCTION sentinel.stream_events(text, text, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.stream_events(text, text, integer) IS
    'Give the next events of a stream behind a cursor, and in a last row without event_type the cursor up to which there is nothing more. Errors: 28000 the token no longer holds.';

CREATE FUNCTION sentinel.cursor_place(cursor text) RETURNS numeric[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_to_array(cursor, '-')::numeric[]
$$;
COMMENT ON FUNCTION sentinel.cursor_place(text) IS 'Give the three parts of a cursor of events, to be compared.';

-- grant: sentinel_gateway
CREATE FUNCTION sentinel.streams_with_news(tokens text[], cursors text[]) RETURNS TABLE ("position" integer)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present integer;
    bound xid8 := pg_snapshot_xmin(pg_current_snapshot());
BEGIN
    PERFORM sentinel.require_installed();
    present := (SELECT max(g.generation) FROM sentinel.generation g);
    RETURN QUERY
    SELECT s.place::integer
    FROM unnest(streams_with_news.tokens, streams_with_news.cursors) WITH ORDINALITY AS s (token, cursor, place)
    CROSS JOIN LATERAL (SELECT (sentinel.verify_token(s.token, 'sentinel-stream', now()) ->> 'org_id')::uuid AS org,
                               string_to_array(s.cursor, '-') AS parts OFFSET 0) c
    WHERE EXISTS (SELECT FROM sentinel.events e WHERE e.org_id = c.org
                  AND (e.generation, e.xid, e.seq) > (c.parts[1]::integer, c.parts[2]::xid8, c.parts[3]::bigint)
                  AND (e.generation < present OR e.xid < bound));
END
$$;
ALTER FUNCTION sentinel.streams_with_news(text[], text[]) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.streams_with_news(text[], text[]) IS
    'Tell which streams, by their place from 1, have events of their organisation behind their cursor, visible to them or not.';

-- grant: sentinel_gateway
CREATE FUNCTION sentinel.streams_ended(tokens text[]) RETURNS TABLE ("position" integer)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY SELECT s.place::integer FROM unnest(streams_ended.tokens) WITH ORDINALITY AS s (token, place)
    WHERE sentinel.read_stream(s.token) IS NULL;
END
$$;
ALTER FUNCTION sentinel.streams_ended(text[]) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.streams_ended(text[]) IS 'Tell which streams, by their place from 1, must be closed: their token no longer holds.';
