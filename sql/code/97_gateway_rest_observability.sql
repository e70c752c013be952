-- Room gateway, REST: what the engine does for an organisation.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_jobs(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind text := split_part(request ->> 'route', '/', 4);
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.jobs', ARRAY['queue text', 'job_type text'],
        ARRAY[CASE kind WHEN 'running' THEN 'x.claimed_at' ELSE 'x.run_at' END || '|timestamptz'], '{}', kind IN ('pending', 'failed'),
        CASE kind WHEN 'pending' THEN 'x.state IN (''waiting'', ''scheduled'')' WHEN 'running' THEN 'x.state = ''running'''
                  WHEN 'failed' THEN 'x.state IN (''waiting'', ''scheduled'') AND x.attempts > 0' ELSE 'x.state = ''dead''' END);
END
$$;
COMMENT ON FUNCTION sentinel.http_jobs(jsonb, bytea) IS
    'Route: list jobs that wait, that run, that failed and are tried again, or that failed for good.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_job(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job uuid := sentinel.http_param(request, 'job_id');
    result text;
BEGIN
    CASE split_part(request ->> 'route', '/', 4)
        WHEN 'cancel' THEN
            result := sentinel.cancel_job(job);
        WHEN 'retry' THEN
            PERFORM sentinel.retry_dead(job);
            result := 'waiting';
        ELSE
            RETURN sentinel.http_data(sentinel.http_row('sentinel.jobs', job, 'job'));
    END CASE;
    RETURN sentinel.http_data(jsonb_build_object('id', job, 'state', result));
END
$$;
COMMENT ON FUNCTION sentinel.http_job(jsonb, bytea) IS
    'Route: give a job that has not ended well, cancel one that waits or runs, or put a dead one back.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_events(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cursor text := nullif(request -> 'query' ->> 'cursor', '');
    lines jsonb;
BEGIN
    IF sentinel.http_query_text(request, 'order', ARRAY['asc', 'desc'], 'asc') = 'desc' THEN
        RETURN sentinel.http_page(request, 'sentinel.events', ARRAY['event_type text', 'subject_type text', 'subject_id uuid'], '{}',
                                  '{generation,xid,seq,idempotency_key}');
    END IF;
    SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') INTO lines
    FROM sentinel.events_since(cursor, sentinel.http_query_integer(request, 'limit', 50, 1, 1000)) e;
    RETURN jsonb_build_object('json', jsonb_build_object(
        'data', (SELECT coalesce(jsonb_agg((l.line - '{cursor_after,event_id}'::text[]) || jsonb_build_object('id', l.line -> 'event_id') ORDER BY l.n), '[]')
                 FROM jsonb_array_elements(lines) WITH ORDINALITY AS l(line, n)),
        'next_cursor', coalesce(lines -> -1 ->> 'cursor_after', cursor)));
END
$$;
COMMENT ON FUNCTION sentinel.http_list_events(jsonb, bytea) IS
    'Route: list events in the order in which they are safe to read, none skipped; next_cursor goes on from there also when there is no more yet. With order=desc the newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_integrity(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.integrity_findings', ARRAY['rule text', 'severity low|medium|high', 'subject_type text', 'subject_id uuid'],
        ARRAY['x.first_seen_at|timestamptz'], '{}', false,
        CASE sentinel.http_query_text(request, 'state', ARRAY['open', 'resolved', 'all'], 'open') WHEN 'open' THEN 'x.resolved_at IS NULL'
            WHEN 'resolved' THEN 'x.resolved_at IS NOT NULL' END);
END
$$;
COMMENT ON FUNCTION sentinel.http_integrity(jsonb, bytea) IS 'Route: list what does not fit together, the newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_scheduler(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF request ->> 'route' LIKE '%/one-off' THEN
        RETURN sentinel.http_page(request, 'sentinel.scheduled_tasks', ARRAY['event_type text', 'job_type text'], ARRAY['x.execute_at|timestamptz'], '{}', true,
            CASE sentinel.http_query_text(request, 'state', ARRAY['waiting', 'done', 'all'], 'waiting') WHEN 'waiting' THEN 'x.executed_at IS NULL'
                WHEN 'done' THEN 'x.executed_at IS NOT NULL' END);
    END IF;
    RETURN sentinel.http_page(request, 'sentinel.upcoming_schedules', ARRAY['kind schedule|task', 'event_type text', 'job_type text'],
                              ARRAY['x.due_at|timestamptz'], '{}', true);
END
$$;
COMMENT ON FUNCTION sentinel.http_scheduler(jsonb, bytea) IS 'Route: list what is due next, or one-off tasks, the earliest first.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_logs(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.audit_log',
        ARRAY['action text', 'subject_type text', 'subject_id uuid', 'member_id uuid', 'recorded_from from recorded_at', 'recorded_until until recorded_at'],
        ARRAY['x.recorded_at|timestamptz']);
END
$$;
COMMENT ON FUNCTION sentinel.http_logs(jsonb, bytea) IS 'Route: list who did what, of what is audited, the newest first.';

CREATE FUNCTION sentinel.http_queue(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text := request -> 'params' ->> 'queue';
    pause boolean := request ->> 'route' LIKE '%/pause';
BEGIN
    IF NOT EXISTS (SELECT FROM sentinel.job_types t WHERE t.queue = named) AND NOT EXISTS (SELECT FROM sentinel.queues q WHERE q.queue = named) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no queue "%s"', left(named, 60)),
            DETAIL = 'Queues are those of job types, and those that were paused or limited.', HINT = 'SELECT DISTINCT queue FROM sentinel.job_types;';
    ELSIF pause THEN
        PERFORM sentinel.pause_queue(named);
    ELSE
        PERFORM sentinel.resume_queue(named);
    END IF;
    RETURN sentinel.http_data(jsonb_build_object('queue', named, 'paused', pause));
END
$$;
COMMENT ON FUNCTION sentinel.http_queue(jsonb, bytea) IS
    'Route: pause or resume a queue. It serves all organisations, so only the bearer of the cron secret may.';
