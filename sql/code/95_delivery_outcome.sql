-- Room delivery, outcome: what becomes of what the worker reports. What it is given: 95_delivery_requests.sql.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.classify_http(target_kind text, http_status integer, error_code text, body bytea DEFAULT NULL)
    RETURNS TABLE (decision text, min_delay interval, hold_target boolean, description text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY
    SELECT * FROM sentinel.first_rule(classify_http.target_kind, classify_http.http_status, classify_http.error_code,
                                      classify_http.body);
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'retry'::text, interval '0', false, 'no rule matches'::text;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.classify_http(text, integer, text, bytea) IS
    'Judge the outcome of an attempt by sentinel.delivery_rules: the first row that fits; a retry where none does.';

-- Has no settings of its own, so that it becomes part of the statement that asks: finish_http() asks for each report.
-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.first_rule(target_kind text, http_status integer, error_code text, body bytea)
    RETURNS TABLE (decision text, min_delay interval, hold_target boolean, description text)
    LANGUAGE sql STABLE AS $$
    SELECT r.decision, r.min_delay, r.hold_target, r.description
    FROM sentinel.delivery_rules r
    WHERE r.target_kind = first_rule.target_kind
      AND (r.status_from IS NULL OR first_rule.http_status BETWEEN r.status_from AND r.status_to)
      AND CASE r.error_code
              WHEN 'none' THEN first_rule.error_code IS NULL AND first_rule.http_status IS NOT NULL
              WHEN 'any' THEN first_rule.error_code IS NOT NULL
              ELSE r.error_code IS NULL OR r.error_code = first_rule.error_code END
      AND (r.body_prefix IS NULL
           OR substring(first_rule.body FROM 1 FOR octet_length(r.body_prefix)) = convert_to(r.body_prefix, 'UTF8'))
    ORDER BY r.rank LIMIT 1
$$;
COMMENT ON FUNCTION sentinel.first_rule(text, integer, text, bytea) IS
    'Give the first row of sentinel.delivery_rules that fits an outcome; no row where none does. Part of classify_http() and finish_http().';

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

-- Every join goes by index, whatever the tables held when the plan was made: reports are few, the tables may be large.
-- One plan for all calls: making one for a small batch takes longer than running it.
CREATE FUNCTION sentinel.finish_http_at(results jsonb, at timestamptz) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    made record;
BEGIN
    -- The leases stay ours to the end of the transaction: neither the reaper nor another claim comes between.
    PERFORM 1 FROM (SELECT DISTINCT x.job_id, x.lease
                    FROM jsonb_to_recordset(results) AS x(job_id uuid, lease bigint)) j
    JOIN sentinel.job_running r ON r.id = j.job_id AND r.lease = j.lease
    ORDER BY r.org_id, r.id FOR UPDATE OF r;

    WITH told AS (
        SELECT DISTINCT ON (y.job_id, y.lease) y.*
        FROM jsonb_to_recordset(results) AS y(
            job_id uuid, lease bigint, worker text, started_at timestamptz, http_status integer, error_code text,
            error_detail text, sent boolean, retry_after_s text, queue_ms double precision, dns_ms double precision,
            connect_ms double precision, tls_ms double precision, ttfb_ms double precision, total_ms double precision,
            peer_ip text, req_bytes bigint, resp_bytes bigint, resp_excerpt_hex text, resp_truncated boolean)
        ORDER BY y.job_id, y.lease
    ), judged AS (
        SELECT x.*, d.org_id, d.id AS delivery_id, d.target_kind, d.target_id, h.id IS NOT NULL AS held, e.excerpt,
               e.wait_s, k.digits, b.failures,
               b.before + (row_number() OVER (PARTITION BY d.org_id, d.id ORDER BY x.lease))::integer AS n,
               CASE WHEN h.id IS NULL THEN NULL
                    WHEN h.attempts >= h.max_attempts AND coalesce(c.decision, 'retry') IN ('retry', 'retry_slow')
                        THEN 'dead'
                    ELSE coalesce(c.decision, 'retry') END AS verdict,
               coalesce(c.min_delay, '0') AS min_delay, coalesce(c.hold_target, false) AS hold_target
        FROM told x
        LEFT JOIN sentinel.job_running h ON h.id = x.job_id AND h.lease = x.lease
        -- Whose lease is lost, its organisation is found by asking each: rare, and an index probe per organisation.
        CROSS JOIN LATERAL (
            SELECT w.org_id, w.id, w.target_kind, w.target_id FROM sentinel.deliveries w
            WHERE h.id IS NOT NULL AND w.org_id = h.org_id AND w.job_id = x.job_id
            UNION ALL
            SELECT w.org_id, w.id, w.target_kind, w.target_id FROM sentinel.orgs o
            JOIN sentinel.deliveries w ON w.org_id = o.org_id AND w.job_id = x.job_id
            WHERE h.id IS NULL
            UNION ALL
            SELECT w.org_id, w.id, w.target_kind, w.target_id FROM sentinel.orgs o
            JOIN sentinel.delivery_attempts p ON p.org_id = o.org_id AND p.job_id = x.job_id
            JOIN sentinel.deliveries w ON w.org_id = p.org_id AND w.id = p.delivery_id
            WHERE h.id IS NULL
            LIMIT 1) d
        -- Of most the beginning of the answer is kept, for people; of a service all of it, for it is used.
        CROSS JOIN LATERAL (SELECT CASE WHEN d.target_kind IN ('enrichment', 'model', 'jwks') THEN 524288 ELSE 32768 END AS digits) k
        CROSS JOIN LATERAL (
            SELECT CASE WHEN length(x.resp_excerpt_hex) % 2 = 0 AND left(x.resp_excerpt_hex, k.digits) ~ '^[0-9A-Fa-f]*$'
                        THEN decode(left(x.resp_excerpt_hex, k.digits), 'hex') END AS excerpt,
                   sentinel.retry_after_seconds(x.retry_after_s, at) AS wait_s OFFSET 0) e
        CROSS JOIN LATERAL (
            SELECT count(*)::integer AS before,
                   1 + (count(*) FILTER (WHERE a.job_id = x.job_id AND a.held))::integer AS failures
            FROM sentinel.delivery_attempts a WHERE a.org_id = d.org_id AND a.delivery_id = d.id) b
        LEFT JOIN LATERAL sentinel.first_rule(d.target_kind, x.http_status, x.error_code, e.excerpt) c ON true
    ), kept AS (
        INSERT INTO sentinel.delivery_attempts AS a (
            org_id, delivery_id, n, job_id, lease, held, worker, started_at, sent, queue_ms, dns_ms, connect_ms, tls_ms,
            ttfb_ms, total_ms, peer_ip, http_status, error_code, error_detail, req_bytes, resp_bytes, resp_excerpt,
            resp_truncated, retry_after_s, decision, hold_target, next_attempt_at, recorded_at)
        SELECT j.org_id, j.delivery_id, j.n, j.job_id, j.lease, j.held, coalesce(left(j.worker, 200), ''),
               coalesce(j.started_at, at), coalesce(j.sent, true), j.queue_ms, j.dns_ms, j.connect_ms, j.tls_ms,
               j.ttfb_ms, j.total_ms, left(j.peer_ip, 64), j.http_status, left(j.error_code, 60),
               left(j.error_detail, 200), j.req_bytes, j.resp_bytes,
               CASE WHEN j.digits > 32768 AND j.verdict = 'delivered' THEN NULL ELSE substring(j.excerpt FROM 1 FOR 16384) END,
               coalesce(j.resp_truncated, false) OR coalesce(octet_length(j.resp_excerpt_hex) > 32768, false), j.wait_s, j.verdict,
               coalesce(j.verdict IN ('retry', 'retry_slow') AND (j.hold_target OR j.wait_s > 0), false),
               CASE WHEN j.verdict IN ('retry', 'retry_slow') THEN
                   at + sentinel.delivery_delay(
                            sentinel.delivery_step(j.target_kind, j.failures,
                                (SELECT t.retry_schedule FROM sentinel.delivery_targets t
                                 WHERE t.org_id = j.org_id AND t.id = j.target_id)),
                            CASE j.verdict WHEN 'retry_slow' THEN greatest(j.min_delay, interval '5 minutes')
                                           ELSE j.min_delay END, j.wait_s, random()) END,
               at
        FROM judged j
        ON CONFLICT (org_id, job_id, lease) DO NOTHING
        RETURNING a.org_id, a.id, a.delivery_id, a.job_id, a.lease, a.held, a.decision = 'delivered' AS fine,
                  a.next_attempt_at AS next_at,
                  CASE WHEN a.held AND a.decision <> 'delivered' THEN
                      sentinel.attempt_error(a.http_status, a.error_code, a.error_detail) END AS error
    ), answered AS (
        UPDATE sentinel.service_requests s
        SET answer = coalesce(j.excerpt, ''),
            answer_cut = coalesce(j.resp_truncated, false) OR coalesce(octet_length(j.resp_excerpt_hex) > j.digits, false)
        FROM judged j
        WHERE j.digits > 32768 AND j.held AND j.verdict = 'delivered' AND s.org_id = j.org_id AND s.id = j.delivery_id
    ), fetched AS (
        UPDATE sentinel.oidc_issuers i
        SET jwks_answer = coalesce(j.excerpt, ''),
            jwks_answer_cut = coalesce(j.resp_truncated, false) OR coalesce(octet_length(j.resp_excerpt_hex) > j.digits, false)
        FROM judged j
        WHERE j.target_kind = 'jwks' AND j.held AND j.verdict = 'delivered' AND i.org_id = j.org_id AND i.id = j.target_id
    ), moved AS (
        UPDATE sentinel.deliveries d
        SET attempts = d.attempts + 1,
            state = CASE WHEN k.fine THEN 'delivered' WHEN k.next_at IS NULL THEN 'failed' ELSE 'waiting' END,
            finished_at = CASE WHEN k.next_at IS NULL THEN at END, held_until = NULL, held_reason = NULL,
            last_error = k.error
        FROM kept k
        WHERE k.held AND d.org_id = k.org_id AND d.id = k.delivery_id
        RETURNING d.org_id, d.target_id
    )
    SELECT array_agg(k.org_id) AS orgs, array_agg(k.id) AS noted,
           array_agg(k.job_id) FILTER (WHERE k.held AND k.fine) AS fine_jobs,
           array_agg(k.lease) FILTER (WHERE k.held AND k.fine) AS fine_leases,
           array_agg(k.job_id) FILTER (WHERE k.held AND k.next_at IS NOT NULL) AS later_jobs,
           array_agg(k.lease) FILTER (WHERE k.held AND k.next_at IS NOT NULL) AS later_leases,
           array_agg(k.error) FILTER (WHERE k.held AND k.next_at IS NOT NULL) AS later_errors,
           array_agg(k.next_at - at) FILTER (WHERE k.held AND k.next_at IS NOT NULL) AS waits,
           array_agg(k.job_id) FILTER (WHERE k.held AND NOT k.fine AND k.next_at IS NULL) AS dead_jobs,
           array_agg(k.lease) FILTER (WHERE k.held AND NOT k.fine AND k.next_at IS NULL) AS dead_leases,
           array_agg(k.error) FILTER (WHERE k.held AND NOT k.fine AND k.next_at IS NULL) AS dead_errors,
           t.accepted, t.orgs AS target_orgs, t.targets
    INTO made
    FROM kept k
    CROSS JOIN (SELECT array_agg(m.org_id) AS orgs, array_agg(m.target_id) AS targets, sum(m.n)::integer AS accepted
                FROM (SELECT v.org_id, v.target_id, count(*) AS n FROM moved v GROUP BY v.org_id, v.target_id) m) t
    GROUP BY t.accepted, t.orgs, t.targets;
    IF made.noted IS NULL THEN
        RETURN 0;
    END IF;

    -- What a target that was well answers well changes nothing of it.
    IF made.later_jobs IS NOT NULL OR made.dead_jobs IS NOT NULL
       OR sentinel.any_ailing(made.target_orgs, made.targets, at) THEN
        PERFORM sentinel.settle_targets(made.orgs, made.noted, at), sentinel.settle_breakers(made.orgs, made.noted, at);
    END IF;

    IF made.fine_jobs IS NOT NULL THEN
        PERFORM sentinel.complete(made.fine_jobs, made.fine_leases);
    END IF;
    IF made.later_jobs IS NOT NULL THEN
        PERFORM sentinel.fail(made.later_jobs, made.later_leases, made.later_errors, made.waits);
    END IF;
    IF made.dead_jobs IS NOT NULL THEN
        PERFORM sentinel.fail(made.dead_jobs, made.dead_leases, made.dead_errors, NULL, true);
    END IF;
    RETURN coalesce(made.accepted, 0);
END
$$;
COMMENT ON FUNCTION sentinel.finish_http_at(jsonb, timestamptz) IS 'Do the work of finish_http() as of a time.';

CREATE FUNCTION sentinel.any_ailing(orgs uuid[], targets uuid[], at timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM unnest(any_ailing.orgs, any_ailing.targets) AS x(org_id, target_id)
        CROSS JOIN LATERAL (
            SELECT FROM sentinel.webhook_endpoints e
            WHERE e.org_id = x.org_id AND e.id = x.target_id AND e.failing_since IS NOT NULL
            UNION ALL
            SELECT FROM sentinel.target_breakers k
            WHERE k.org_id = x.org_id AND k.target_id = x.target_id
              AND (k.state <> 'closed' OR k.failures > 0 OR k.window_started_at > at - interval '60 seconds')
            LIMIT 1) found);
END
$$;
COMMENT ON FUNCTION sentinel.any_ailing(uuid[], uuid[], timestamptz) IS
    'Tell whether a success changes anything of any of the targets: it failed before, its breaker is not closed, or its outcomes are being counted. Part of finish_http().';

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
            RETURNING c.org_id, c.id, c.name, n.was, n.reason),
        service AS (
            SELECT s.org_id, s.id, s.enabled AS was, o.hold, o.final AS reason
            FROM sentinel.services s
            JOIN outcome o ON o.target_kind = s.kind AND o.org_id = s.org_id AND o.target_id = s.id
            WHERE o.hold IS NOT NULL OR o.final IS NOT NULL
            ORDER BY s.org_id, s.id FOR UPDATE OF s),
        services AS (
            UPDATE sentinel.services s
            SET not_before = greatest(s.not_before, n.hold),
                enabled = s.enabled AND n.reason IS NULL,
                disabled_at = CASE WHEN n.was AND n.reason IS NOT NULL THEN at ELSE s.disabled_at END,
                disabled_reason = CASE WHEN n.was AND n.reason IS NOT NULL THEN n.reason ELSE s.disabled_reason END
            FROM service n WHERE s.org_id = n.org_id AND s.id = n.id
            RETURNING s.org_id, s.id, s.kind, concat_ws(' at ', s.model, sentinel.url_host(s.url)) AS name, n.was, n.reason),
        issuer AS (
            SELECT i.org_id, i.id, o.hold FROM sentinel.oidc_issuers i
            JOIN outcome o ON o.target_kind = 'jwks' AND o.org_id = i.org_id AND o.target_id = i.id
            WHERE o.hold IS NOT NULL
            ORDER BY i.org_id, i.id FOR UPDATE OF i),
        issuers AS (
            UPDATE sentinel.oidc_issuers i SET not_before = greatest(i.not_before, n.hold)
            FROM issuer n WHERE i.org_id = n.org_id AND i.id = n.id)
        SELECT 'webhook' AS target_kind, x.* FROM endpoints x WHERE x.was AND x.reason IS NOT NULL
        UNION ALL
        SELECT 'slack', x.* FROM channels x WHERE x.was AND x.reason IS NOT NULL
        UNION ALL
        SELECT x.kind, x.org_id, x.id, x.name, x.was, x.reason FROM services x WHERE x.was AND x.reason IS NOT NULL
    LOOP
        PERFORM sentinel.alert_of_target(lost.org_id, 'disabled', 'high', lost.target_kind, lost.id, lost.name,
            lost.reason || '. Nothing is sent to it until it is enabled again.'
            || CASE lost.target_kind WHEN 'model' THEN ' The rules judge meanwhile.' ELSE '' END);
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.settle_targets(uuid[], uuid[], timestamptz) IS
    'Let targets wait, count their failures, forgive them on a success, and disable those that are gone, whose key is not taken, or that failed for five days and 20 attempts; owners and admins are told once. Part of finish_http().';

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

CREATE FUNCTION sentinel.attempt_error(http_status integer, error_code text, error_detail text)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(concat_ws(', ', 'HTTP ' || http_status, nullif(concat_ws(': ', error_code, error_detail), '')), ''),
                    'no answer')
$$;
COMMENT ON FUNCTION sentinel.attempt_error(integer, text, text) IS 'Write what an attempt met: HTTP 503, or timeout: and its detail.';
