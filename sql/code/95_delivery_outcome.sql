-- Room delivery, outcome: what becomes of what the worker reports. What it is given: 95_delivery_requests.sql.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.classify_http(target_kind text, http_status integer, error_code text, body bytea DEFAULT NULL)
    RETURNS TABLE (decision text, min_delay interval, hold_target boolean, description text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY
    SELECT r.decision, r.min_delay, r.hold_target, r.description
    FROM sentinel.delivery_rules r
    WHERE r.target_kind = classify_http.target_kind
      AND (r.status_from IS NULL OR classify_http.http_status BETWEEN r.status_from AND r.status_to)
      AND CASE r.error_code
              WHEN 'none' THEN classify_http.error_code IS NULL AND classify_http.http_status IS NOT NULL
              WHEN 'any' THEN classify_http.error_code IS NOT NULL
              ELSE r.error_code IS NULL OR r.error_code = classify_http.error_code END
      AND (r.body_prefix IS NULL
           OR substring(classify_http.body FROM 1 FOR octet_length(r.body_prefix)) = convert_to(r.body_prefix, 'UTF8'))
    ORDER BY r.rank LIMIT 1;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'retry'::text, interval '0', false, 'no rule matches'::text;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.classify_http(text, integer, text, bytea) IS
    'Judge the outcome of an attempt by sentinel.delivery_rules: the first row that fits; a retry where none does.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.delivery_step(target_kind text, failures integer, own_schedule interval[] DEFAULT NULL)
    RETURNS interval LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    steps interval[] := own_schedule;
BEGIN
    PERFORM sentinel.require_installed();
    IF steps IS NULL THEN
        SELECT s.steps INTO steps FROM sentinel.retry_schedules s WHERE s.target_kind = delivery_step.target_kind;
    END IF;
    RETURN steps[least(greatest(failures, 1), cardinality(steps))];
END
$$;
COMMENT ON FUNCTION sentinel.delivery_step(text, integer, interval[]) IS
    'Give the wait after the first, second ... failure, before jitter: from the endpoint''s own schedule, else from sentinel.retry_schedules. The last step repeats.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.delivery_delay(step interval, min_delay interval, retry_after_s integer, luck double precision)
    RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN retry_after_s >= 0 THEN
            greatest(step, least(make_interval(secs => retry_after_s), interval '24 hours')) * (1 + 0.2 * luck)
        WHEN min_delay >= step THEN min_delay * (1 + 0.2 * luck)
        WHEN step >= interval '5 minutes' THEN step * (0.8 + 0.4 * luck)
        ELSE step * luck
    END
$$;
COMMENT ON FUNCTION sentinel.delivery_delay(interval, interval, integer, double precision) IS
    'Give the wait before a retry: full jitter on steps under 5 minutes, 20 % either way on longer ones. Where the receiver named a wait, or a rule a least wait, jitter only adds to it; the receiver''s is honoured up to 24 hours. luck: a random number from 0 to 1.';

-- grant: sentinel_worker
CREATE FUNCTION sentinel.finish_http(results jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    IF jsonb_typeof(results) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('results are %s', coalesce(jsonb_typeof(results), 'null')),
            DETAIL = 'Results are an array of objects, one per request made.', HINT = 'SELECT sentinel.finish_http(''[]'');';
    END IF;
    RETURN sentinel.finish_http_at(results, clock_timestamp());
END
$$;
ALTER FUNCTION sentinel.finish_http(jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.finish_http(jsonb) IS
    'Record what the worker reports of requests and decide what becomes of each: delivered, tried again and when, given up, or its target disabled with it; gives the number that counted. A report under a lost lease is kept as an attempt and changes nothing else; one reported twice counts once. Errors: 22023.';

CREATE FUNCTION sentinel.finish_http_at(results jsonb, at timestamptz) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off AS $$
DECLARE
    orgs uuid[];
    noted uuid[];
    jobs uuid[];
    leases bigint[];
    errors text[];
    waits interval[];
    accepted integer;
BEGIN
    -- The leases stay ours to the end of the transaction: neither the reaper nor another claim comes between.
    PERFORM 1 FROM sentinel.job_running r
    WHERE (r.id, r.lease) IN (SELECT x.job_id, x.lease FROM jsonb_to_recordset(results) AS x(job_id uuid, lease bigint))
    ORDER BY r.org_id, r.id FOR UPDATE;

    WITH kept AS (
        INSERT INTO sentinel.delivery_attempts AS a (
            org_id, delivery_id, n, job_id, lease, held, worker, started_at, sent, queue_ms, dns_ms, connect_ms, tls_ms,
            ttfb_ms, total_ms, peer_ip, http_status, error_code, error_detail, req_bytes, resp_bytes, resp_excerpt,
            resp_truncated, retry_after_s, decision, hold_target, next_attempt_at, recorded_at)
        SELECT j.org_id, j.delivery_id, j.n, j.job_id, j.lease, j.held, coalesce(left(j.worker, 200), ''),
               coalesce(j.started_at, at), coalesce(j.sent, true), j.queue_ms, j.dns_ms, j.connect_ms, j.tls_ms,
               j.ttfb_ms, j.total_ms, left(j.peer_ip, 64), j.http_status, left(j.error_code, 60),
               left(j.error_detail, 200), j.req_bytes, j.resp_bytes, j.excerpt,
               coalesce(j.resp_truncated, false) OR coalesce(octet_length(j.resp_excerpt_hex) > 32768, false), j.wait_s, j.verdict,
               coalesce(j.verdict IN ('retry', 'retry_slow') AND (j.hold_target OR j.wait_s > 0), false),
               CASE WHEN j.verdict IN ('retry', 'retry_slow') THEN
                   at + sentinel.delivery_delay(sentinel.delivery_step(j.target_kind, j.failures, j.retry_schedule),
                            CASE j.verdict WHEN 'retry_slow' THEN greatest(j.min_delay, interval '5 minutes')
                                           ELSE j.min_delay END, j.wait_s, random()) END,
               at
        FROM sentinel.judged_results(results, at) j
        ON CONFLICT DO NOTHING
        RETURNING a.org_id, a.id)
    SELECT array_agg(k.org_id), array_agg(k.id) INTO orgs, noted FROM kept k;
    IF noted IS NULL THEN
        RETURN 0;
    END IF;

    UPDATE sentinel.deliveries d
    SET attempts = d.attempts + 1,
        state = CASE WHEN a.decision = 'delivered' THEN 'delivered' WHEN a.next_attempt_at IS NULL THEN 'failed'
                     ELSE 'waiting' END,
        finished_at = CASE WHEN a.next_attempt_at IS NULL THEN at END, held_until = NULL, held_reason = NULL,
        last_error = CASE WHEN a.decision <> 'delivered' THEN sentinel.attempt_error(a.http_status, a.error_code, a.error_detail) END
    FROM unnest(orgs, noted) AS k(org_id, id)
    JOIN sentinel.delivery_attempts a ON a.org_id = k.org_id AND a.id = k.id
    WHERE a.held AND d.org_id = a.org_id AND d.id = a.delivery_id;
    GET DIAGNOSTICS accepted = ROW_COUNT;
    PERFORM sentinel.settle_targets(orgs, noted, at), sentinel.settle_breakers(orgs, noted, at);

    SELECT array_agg(a.job_id), array_agg(a.lease) INTO jobs, leases
    FROM unnest(orgs, noted) AS k(org_id, id) JOIN sentinel.delivery_attempts a ON a.org_id = k.org_id AND a.id = k.id
    WHERE a.held AND a.decision = 'delivered';
    IF jobs IS NOT NULL THEN
        PERFORM sentinel.complete(jobs, leases);
    END IF;
    SELECT array_agg(a.job_id), array_agg(a.lease), array_agg(a.next_attempt_at - at),
           array_agg(sentinel.attempt_error(a.http_status, a.error_code, a.error_detail))
    INTO jobs, leases, waits, errors
    FROM unnest(orgs, noted) AS k(org_id, id) JOIN sentinel.delivery_attempts a ON a.org_id = k.org_id AND a.id = k.id
    WHERE a.held AND a.next_attempt_at IS NOT NULL;
    IF jobs IS NOT NULL THEN
        PERFORM sentinel.fail(jobs, leases, errors, waits);
    END IF;
    SELECT array_agg(a.job_id), array_agg(a.lease),
           array_agg(sentinel.attempt_error(a.http_status, a.error_code, a.error_detail))
    INTO jobs, leases, errors
    FROM unnest(orgs, noted) AS k(org_id, id) JOIN sentinel.delivery_attempts a ON a.org_id = k.org_id AND a.id = k.id
    WHERE a.held AND a.decision <> 'delivered' AND a.next_attempt_at IS NULL;
    IF jobs IS NOT NULL THEN
        PERFORM sentinel.fail(jobs, leases, errors, NULL, true);
    END IF;
    RETURN accepted;
END
$$;
COMMENT ON FUNCTION sentinel.finish_http_at(jsonb, timestamptz) IS 'Do the work of finish_http() as of a time.';

CREATE FUNCTION sentinel.settle_targets(orgs uuid[], noted uuid[], at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost record;
BEGIN
    FOR lost IN
        WITH outcome AS (
            SELECT a.org_id, d.target_kind, d.target_id,
                   bool_or(a.decision = 'delivered') AS fine,
                   count(*) FILTER (WHERE a.decision <> 'delivered')::integer AS failures,
                   min(sentinel.attempt_error(a.http_status, a.error_code, a.error_detail))
                       FILTER (WHERE a.decision = 'disable') AS final,
                   -- A wait that the receiver named counts in full; one of our own must not close a target for a day.
                   max(CASE WHEN a.hold_target THEN
                           at + CASE WHEN a.retry_after_s > 0 THEN make_interval(secs => a.retry_after_s)
                                     ELSE least(a.next_attempt_at - at, interval '5 minutes') END END) AS hold
            FROM unnest(orgs, noted) AS k(org_id, id)
            JOIN sentinel.delivery_attempts a ON a.org_id = k.org_id AND a.id = k.id
            JOIN sentinel.deliveries d ON d.org_id = a.org_id AND d.id = a.delivery_id
            WHERE a.held GROUP BY 1, 2, 3),
        -- In order of their keys, so that two reports never wait for each other.
        endpoint AS (
            SELECT e.org_id, e.id, e.enabled AS was, o.fine, o.failures, o.hold,
                   coalesce(o.final, CASE WHEN NOT o.fine AND e.failing_since <= at - interval '5 days'
                                               AND e.failures_in_row + o.failures >= 20
                                          THEN 'nothing but failures for five days' END) AS reason
            FROM sentinel.webhook_endpoints e
            JOIN outcome o ON o.target_kind = 'webhook' AND o.org_id = e.org_id AND o.target_id = e.id
            WHERE o.failures > 0 OR e.failing_since IS NOT NULL
            ORDER BY e.org_id, e.id FOR UPDATE OF e),
        endpoints AS (
            UPDATE sentinel.webhook_endpoints e
            SET failures_in_row = CASE WHEN n.fine THEN 0 ELSE e.failures_in_row + n.failures END,
                failing_since = CASE WHEN n.fine THEN NULL ELSE coalesce(e.failing_since, at) END,
                not_before = greatest(e.not_before, n.hold),
                enabled = e.enabled AND n.reason IS NULL,
                disabled_at = CASE WHEN n.was AND n.reason IS NOT NULL THEN at ELSE e.disabled_at END,
                disabled_reason = CASE WHEN n.was AND n.reason IS NOT NULL THEN n.reason ELSE e.disabled_reason END
            FROM endpoint n WHERE e.org_id = n.org_id AND e.id = n.id
            RETURNING e.org_id, e.id, sentinel.url_host(e.url) AS name, n.was, n.reason),
        channel AS (
            SELECT c.org_id, c.id, c.enabled AS was, o.hold, o.final AS reason
            FROM sentinel.slack_channels c
            JOIN outcome o ON o.target_kind = 'slack' AND o.org_id = c.org_id AND o.target_id = c.id
            WHERE o.hold IS NOT NULL OR o.final IS NOT NULL
            ORDER BY c.org_id, c.id FOR UPDATE OF c),
        channels AS (
            UPDATE sentinel.slack_channels c
            SET not_before = greatest(c.not_before, n.hold),
                enabled = c.enabled AND n.reason IS NULL,
                disabled_at = CASE WHEN n.was AND n.reason IS NOT NULL THEN at ELSE c.disabled_at END,
                disabled_reason = CASE WHEN n.was AND n.reason IS NOT NULL THEN n.reason ELSE c.disabled_reason END
            FROM channel n WHERE c.org_id = n.org_id AND c.id = n.id
            RETURNING c.org_id, c.id, c.name, n.was, n.reason)
        SELECT 'webhook' AS target_kind, x.* FROM endpoints x WHERE x.was AND x.reason IS NOT NULL
        UNION ALL
        SELECT 'slack', x.* FROM channels x WHERE x.was AND x.reason IS NOT NULL
    LOOP
        PERFORM sentinel.alert_of_target(lost.org_id, 'disabled', 'high', lost.target_kind, lost.id, lost.name,
            lost.reason || '. Nothing is sent to it until it is enabled again.');
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.settle_targets(uuid[], uuid[], timestamptz) IS
    'Let targets wait, count their failures, forgive them on a success, and disable those that are gone or failed for five days and 20 attempts; owners and admins are told once. Part of finish_http().';

CREATE FUNCTION sentinel.follow_job_end() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sentinel.deliveries d
    SET state = CASE NEW.outcome WHEN 'dead' THEN 'failed' ELSE 'discarded' END,
        finished_at = NEW.finished_at,
        last_error = coalesce(left(NEW.error, 500), d.last_error, 'its job was ' || NEW.outcome),
        held_until = NULL, held_reason = NULL
    WHERE d.org_id = NEW.org_id AND d.job_id = NEW.id AND d.state = 'waiting';
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.follow_job_end() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.follow_job_end() IS
    'Trigger: a delivery whose job died without a report, was cancelled or was discarded waits no longer.';

CREATE FUNCTION sentinel.judged_results(results jsonb, at timestamptz)
    RETURNS TABLE (org_id uuid, delivery_id uuid, n integer, job_id uuid, lease bigint, held boolean, worker text,
                   started_at timestamptz, sent boolean, queue_ms double precision, dns_ms double precision,
                   connect_ms double precision, tls_ms double precision, ttfb_ms double precision,
                   total_ms double precision, peer_ip text, http_status integer, error_code text, error_detail text,
                   req_bytes bigint, resp_bytes bigint, resp_excerpt_hex text, resp_truncated boolean, excerpt bytea,
                   wait_s integer, target_kind text, retry_schedule interval[], failures integer, verdict text,
                   min_delay interval, hold_target boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT d.org_id, d.id,
           (SELECT count(*)::integer FROM sentinel.delivery_attempts a WHERE a.org_id = d.org_id AND a.delivery_id = d.id)
               + (row_number() OVER (PARTITION BY d.org_id, d.id ORDER BY x.lease))::integer,
           x.job_id, x.lease, h.id IS NOT NULL, x.worker, x.started_at, x.sent, x.queue_ms, x.dns_ms, x.connect_ms,
           x.tls_ms, x.ttfb_ms, x.total_ms, x.peer_ip, x.http_status, x.error_code, x.error_detail, x.req_bytes,
           x.resp_bytes, x.resp_excerpt_hex, x.resp_truncated, e.excerpt, e.wait_s, d.target_kind, t.retry_schedule,
           f.failures,
           CASE WHEN h.id IS NULL THEN NULL
                WHEN c.decision IN ('retry', 'retry_slow') AND h.attempts >= h.max_attempts THEN 'dead'
                ELSE c.decision END,
           c.min_delay, c.hold_target
    FROM (SELECT DISTINCT ON (y.job_id, y.lease) y.*
          FROM jsonb_to_recordset(results) AS y(
              job_id uuid, lease bigint, worker text, started_at timestamptz, http_status integer, error_code text,
              error_detail text, sent boolean, retry_after_s text, queue_ms double precision,
              dns_ms double precision, connect_ms double precision, tls_ms double precision, ttfb_ms double precision,
              total_ms double precision, peer_ip text, req_bytes bigint, resp_bytes bigint, resp_excerpt_hex text,
              resp_truncated boolean)
          ORDER BY y.job_id, y.lease) x
    LEFT JOIN sentinel.job_running h ON h.id = x.job_id AND h.lease = x.lease
    -- Whose lease is lost, its organisation is found by asking each: rare, and an index probe per organisation.
    CROSS JOIN LATERAL (
        SELECT w.* FROM sentinel.deliveries w WHERE h.id IS NOT NULL AND w.org_id = h.org_id AND w.job_id = x.job_id
        UNION ALL
        SELECT w.* FROM sentinel.orgs o JOIN sentinel.deliveries w ON w.org_id = o.org_id AND w.job_id = x.job_id
        WHERE h.id IS NULL
        UNION ALL
        SELECT w.* FROM sentinel.orgs o
        JOIN sentinel.delivery_attempts p ON p.org_id = o.org_id AND p.job_id = x.job_id
        JOIN sentinel.deliveries w ON w.org_id = p.org_id AND w.id = p.delivery_id
        WHERE h.id IS NULL
        LIMIT 1) d
    LEFT JOIN sentinel.delivery_targets t ON t.org_id = d.org_id AND t.id = d.target_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN length(x.resp_excerpt_hex) % 2 = 0 AND left(x.resp_excerpt_hex, 32768) ~ '^[0-9A-Fa-f]*$'
                    THEN decode(left(x.resp_excerpt_hex, 32768), 'hex') END AS excerpt,
               sentinel.retry_after_seconds(x.retry_after_s, at) AS wait_s) e
    CROSS JOIN LATERAL (
        SELECT 1 + count(*)::integer AS failures FROM sentinel.delivery_attempts a
        WHERE a.org_id = d.org_id AND a.job_id = x.job_id AND a.held) f
    CROSS JOIN LATERAL sentinel.classify_http(d.target_kind, x.http_status, x.error_code, e.excerpt) c;
END
$$;
COMMENT ON FUNCTION sentinel.judged_results(jsonb, timestamptz) IS
    'Read the worker''s results, find their deliveries and judge those whose lease holds. Part of finish_http().';

CREATE FUNCTION sentinel.attempt_error(http_status integer, error_code text, error_detail text)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(concat_ws(', ', 'HTTP ' || http_status, nullif(concat_ws(': ', error_code, error_detail), '')), ''),
                    'no answer')
$$;
COMMENT ON FUNCTION sentinel.attempt_error(integer, text, text) IS 'Write what an attempt met: HTTP 503, or timeout: and its detail.';
