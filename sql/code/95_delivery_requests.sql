-- Room delivery, requests: what the worker is given to send now, and what is held back unused.
-- The limits behind it: 95_delivery_limits.sql.

-- grant: sentinel_worker
CREATE FUNCTION sentinel.http_requests(jobs uuid[], leases bigint[])
    RETURNS TABLE (job_id uuid, lease bigint, org_id uuid, target_kind text, target_id uuid, url text, message_id text,
                   body bytea, content_type text, secrets jsonb)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY SELECT * FROM sentinel.http_requests_at(http_requests.jobs, http_requests.leases, clock_timestamp());
END
$$;
ALTER FUNCTION sentinel.http_requests(uuid[], bigint[]) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.http_requests(uuid[], bigint[]) IS
    'Give the requests of claimed jobs whose lease still holds, with sealed secrets, newest first. A job whose target is disabled, without a secret, asked to wait, fails or has no token left is given back at once, its attempt not counted; one whose target is gone, or disabled for three days, is discarded. Drop jobs that do not come back.';

-- jit = off here and in finish_http_at(): compiling their statements takes a hundred times as long as running them.
-- enable_seqscan = off: plans are kept that were made when the tables held little, and they grow to millions of rows.
CREATE FUNCTION sentinel.http_requests_at(jobs uuid[], leases bigint[], at timestamptz)
    RETURNS TABLE (job_id uuid, lease bigint, org_id uuid, target_kind text, target_id uuid, url text, message_id text,
                   body bytea, content_type text, secrets jsonb)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    part record;
    plain record;
    send_jobs uuid[];
    send_leases bigint[];
    wait_jobs uuid[] := '{}';
    wait_leases bigint[] := '{}';
    delays interval[] := '{}';
    reasons text[] := '{}';
BEGIN
    -- The first attempt at a target that is well, has no limit and all its retries charges nothing: it needs neither lock
    -- nor decision. Where one job of a target needs them, all of its jobs are decided together.
    WITH target AS MATERIALIZED (
        SELECT x.*, t.url, s.secrets,
               x.first AND t.enabled AND (t.not_before IS NULL OR t.not_before <= at)
               AND (s.secrets IS NOT NULL OR x.target_kind = 'jwks')
               AND EXISTS (SELECT FROM sentinel.rate_limits m WHERE m.target_kind = x.target_kind AND m.per_second IS NULL)
               AND NOT EXISTS (SELECT FROM sentinel.target_limits l WHERE l.org_id = x.org_id AND l.target_id = x.target_id)
               AND NOT EXISTS (SELECT FROM sentinel.target_breakers k
                               WHERE k.org_id = x.org_id AND k.target_id = x.target_id AND k.state <> 'closed')
               AND NOT EXISTS (SELECT FROM sentinel.rate_buckets b
                               JOIN sentinel.rate_limits m ON m.target_kind = x.target_kind
                               WHERE b.org_id = x.org_id AND b.target_id = x.target_id
                                 AND b.retry_tokens + m.retries_per_minute::double precision / 60
                                     * greatest(extract(epoch FROM at - b.refilled_at)::double precision, 0)
                                     < m.retry_burst) AS plain
        FROM (SELECT d.org_id, d.target_id, d.target_kind, array_agg(r.id) AS jobs, array_agg(r.lease) AS leases,
                     array_agg(d.id) AS deliveries,
                     bool_and(d.state IN ('waiting', 'failed') AND (r.attempts <= 1 OR d.attempts = 0)) AS first
              FROM unnest(http_requests_at.jobs, http_requests_at.leases) AS j(id, lease)
              JOIN sentinel.job_running r ON r.id = j.id AND r.lease = j.lease
              LEFT JOIN sentinel.deliveries d ON d.org_id = r.org_id AND d.job_id = r.id
              GROUP BY d.org_id, d.target_id, d.target_kind) x
        LEFT JOIN LATERAL (SELECT g.url, g.enabled, g.not_before FROM sentinel.delivery_targets g
                           WHERE g.org_id = x.org_id AND g.id = x.target_id LIMIT 1) t ON true
        CROSS JOIN LATERAL (SELECT sentinel.sealed_secrets(x.org_id, x.target_id, at) AS secrets OFFSET 0) s
    )
    SELECT array_agg(j.id) FILTER (WHERE t.plain) AS jobs, array_agg(j.lease) FILTER (WHERE t.plain) AS leases,
           array_agg(j.delivery_id) FILTER (WHERE t.plain) AS deliveries,
           array_agg(t.org_id) FILTER (WHERE t.plain) AS orgs,
           array_agg(t.url) FILTER (WHERE t.plain) AS urls, array_agg(t.secrets) FILTER (WHERE t.plain) AS secrets,
           array_agg(j.id) FILTER (WHERE t.plain IS NOT TRUE) AS ask_jobs,
           array_agg(j.lease) FILTER (WHERE t.plain IS NOT TRUE) AS ask_leases
    INTO plain
    FROM target t CROSS JOIN LATERAL unnest(t.jobs, t.leases, t.deliveries) AS j(id, lease, delivery_id);

    IF plain.jobs IS NOT NULL THEN
        RETURN QUERY
        SELECT p.job_id, p.lease, d.org_id, d.target_kind, d.target_id, p.url, d.message_id, d.body, d.content_type,
               p.secrets
        FROM unnest(plain.jobs, plain.leases, plain.deliveries, plain.orgs, plain.urls, plain.secrets)
             AS p(job_id, lease, delivery_id, org_id, url, secrets)
        JOIN sentinel.deliveries d ON d.org_id = p.org_id AND d.id = p.delivery_id AND d.job_id = p.job_id;
    END IF;
    IF plain.ask_jobs IS NULL THEN
        RETURN;
    END IF;

    PERFORM sentinel.lock_limits(plain.ask_jobs, plain.ask_leases, at);
    FOR part IN SELECT * FROM sentinel.decide_requests(plain.ask_jobs, plain.ask_leases, at) LOOP
        CASE part.verdict
        WHEN 'send' THEN
            send_jobs := part.ids;
            send_leases := part.held;
        WHEN 'wait' THEN
            wait_jobs := wait_jobs || part.ids;
            wait_leases := wait_leases || part.held;
            delays := delays || array_fill(part.delay, ARRAY[cardinality(part.ids)]);
            reasons := reasons || array_fill(part.reason, ARRAY[cardinality(part.ids)]);
        WHEN 'drop' THEN
            UPDATE sentinel.deliveries d
            SET state = 'discarded', finished_at = at, last_error = part.reason, held_until = NULL, held_reason = NULL
            FROM sentinel.job_running r
            WHERE r.id = ANY (part.ids) AND d.org_id = r.org_id AND d.job_id = r.id AND d.state IN ('waiting', 'failed');
            PERFORM sentinel.complete(part.ids, part.held,
                (SELECT jsonb_agg(jsonb_build_object('discarded', part.reason)) FROM unnest(part.ids)));
        WHEN 'fail' THEN
            PERFORM sentinel.fail(part.ids, part.held,
                array_fill('the delivery of this job is gone, or has a newer job'::text, ARRAY[cardinality(part.ids)]),
                NULL, true);
        END CASE;
    END LOOP;
    IF cardinality(wait_jobs) > 0 THEN
        PERFORM sentinel.release_each(wait_jobs, wait_leases, delays, reasons);
    END IF;

    RETURN QUERY
    SELECT r.id, r.lease, r.org_id, d.target_kind, d.target_id, t.url, d.message_id, d.body, d.content_type,
           sentinel.sealed_secrets(d.org_id, d.target_id, at)
    FROM unnest(send_jobs, send_leases) AS j(id, lease)
    JOIN sentinel.job_running r ON r.id = j.id AND r.lease = j.lease
    JOIN sentinel.deliveries d ON d.org_id = r.org_id AND d.job_id = r.id
    CROSS JOIN LATERAL (SELECT g.url FROM sentinel.delivery_targets g
                        WHERE g.org_id = d.org_id AND g.id = d.target_id LIMIT 1) t;
END
$$;
COMMENT ON FUNCTION sentinel.http_requests_at(uuid[], bigint[], timestamptz) IS
    'Do the work of http_requests() as of a time.';

CREATE FUNCTION sentinel.sealed_secrets(org uuid, target uuid, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('id', s.id, 'purpose', s.purpose, 'version', s.version,
                                                'envelope', encode(s.envelope, 'hex')) ORDER BY s.version DESC)
            FROM sentinel.secrets s
            WHERE s.org_id = sealed_secrets.org AND s.target_id = sealed_secrets.target AND s.envelope IS NOT NULL
              AND (s.retired_at IS NULL OR s.retired_at > sealed_secrets.at));
END
$$;
COMMENT ON FUNCTION sentinel.sealed_secrets(uuid, uuid, timestamptz) IS
    'Give the sealed secrets that a target uses at a time, newest first; NULL where it has none. Part of http_requests().';

CREATE FUNCTION sentinel.lock_limits(jobs uuid[], leases bigint[], at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    orgs uuid[];
    targets uuid[];
    kinds text[];
BEGIN
    SELECT array_agg(x.org_id), array_agg(x.target_id), array_agg(x.target_kind) INTO orgs, targets, kinds
    FROM (SELECT DISTINCT d.org_id, d.target_id, d.target_kind
          FROM unnest(lock_limits.jobs, lock_limits.leases) AS j(id, lease)
          JOIN sentinel.job_running r ON r.id = j.id AND r.lease = j.lease
          JOIN sentinel.deliveries d ON d.org_id = r.org_id AND d.job_id = r.id) x;
    IF orgs IS NULL THEN
        RETURN;
    END IF;
    -- Breakers before buckets, each in order of their keys: two workers may wait for each other in one direction only.
    PERFORM 1 FROM sentinel.target_breakers k
    WHERE (k.org_id, k.target_id) IN (SELECT * FROM unnest(orgs, targets)) AND k.state <> 'closed'
    ORDER BY k.org_id, k.target_id FOR UPDATE;
    INSERT INTO sentinel.rate_buckets (org_id, target_id, tokens, retry_tokens, refilled_at)
    SELECT x.org_id, x.target_id, coalesce(l.burst, m.burst), m.retry_burst, at
    FROM unnest(orgs, targets, kinds) AS x(org_id, target_id, target_kind)
    JOIN sentinel.rate_limits m ON m.target_kind = x.target_kind
    LEFT JOIN sentinel.target_limits l ON l.org_id = x.org_id AND l.target_id = x.target_id
    WHERE coalesce(l.per_second, m.per_second) IS NOT NULL
      AND NOT EXISTS (SELECT FROM sentinel.rate_buckets b WHERE b.org_id = x.org_id AND b.target_id = x.target_id)
      AND EXISTS (SELECT FROM sentinel.delivery_targets t WHERE t.org_id = x.org_id AND t.id = x.target_id)
    ORDER BY x.org_id, x.target_id
    ON CONFLICT DO NOTHING;
    PERFORM 1 FROM sentinel.rate_buckets b
    WHERE (b.org_id, b.target_id) IN (SELECT * FROM unnest(orgs, targets))
    ORDER BY b.org_id, b.target_id FOR UPDATE;
END
$$;
COMMENT ON FUNCTION sentinel.lock_limits(uuid[], bigint[], timestamptz) IS
    'Lock open breakers and buckets of the targets of claimed jobs to the end of the transaction; make the buckets of those with a limit. Part of http_requests().';

-- The order of the questions: may anything go to the target, is it a probe, is it a retry too many, is there a token.
CREATE FUNCTION sentinel.decide_requests(jobs uuid[], leases bigint[], at timestamptz)
    RETURNS TABLE (verdict text, reason text, delay interval, ids uuid[], held bigint[])
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    -- MATERIALIZED: else the planner writes each answer into all that asks for it, and it is found again each time.
    WITH job AS MATERIALIZED (
        SELECT r.id, r.lease, r.org_id, r.run_at, d.id AS delivery_id, d.target_id, d.held_until IS NOT NULL AS waited,
               -- A worker that died is no fault of the target: only what was tried before is a retry.
               r.attempts > 1 AND d.attempts > 0 AS again,
               k.state <> 'closed' AS probe, t.not_before, t.disabled_at, k.next_probe_at,
               coalesce(l.per_second, m.per_second)::double precision AS per_second, coalesce(l.burst, m.burst) AS burst,
               m.retries_per_minute::double precision / 60 AS retries_per_second, m.retry_share, m.retry_burst,
               b.line_until, b.tokens AS had_tokens, b.retry_tokens AS had_retries,
               greatest(extract(epoch FROM at - b.refilled_at)::double precision, 0) AS passed,
               CASE WHEN d.id IS NULL THEN 'fail'
                    WHEN d.state IN ('delivered', 'discarded') OR t.id IS NULL
                         OR (NOT t.enabled AND d.created_at < at - interval '3 days') THEN 'drop' END AS ending,
               CASE WHEN t.id IS NULL THEN 'its target was removed'
                    WHEN NOT t.enabled THEN 'its target is disabled'
                    WHEN t.not_before > at THEN 'its target asked to wait'
                    WHEN d.target_kind <> 'jwks' AND NOT EXISTS (SELECT FROM sentinel.secrets s
                                     WHERE s.org_id = d.org_id AND s.target_id = d.target_id
                                       AND s.envelope IS NOT NULL AND (s.retired_at IS NULL OR s.retired_at > at))
                        THEN 'its target has no secret'
                    WHEN k.state = 'open' AND k.next_probe_at > at THEN 'its target fails and rests'
                    -- A probe whose worker died, or gave it back unused, is none.
                    WHEN k.state = 'probing' AND k.probe_until > at
                         AND EXISTS (SELECT FROM sentinel.job_running p
                                     WHERE p.org_id = k.org_id AND p.id = k.probe_job_id AND p.lease = k.probe_lease)
                        THEN 'its target fails and is probed'
               END AS reason
        FROM unnest(decide_requests.jobs, decide_requests.leases) AS j(id, lease)
        JOIN sentinel.job_running r ON r.id = j.id AND r.lease = j.lease
        LEFT JOIN sentinel.deliveries d ON d.org_id = r.org_id AND d.job_id = r.id
        LEFT JOIN sentinel.delivery_targets t ON t.org_id = d.org_id AND t.id = d.target_id
        LEFT JOIN sentinel.rate_limits m ON m.target_kind = d.target_kind
        LEFT JOIN sentinel.target_limits l ON l.org_id = d.org_id AND l.target_id = d.target_id
        LEFT JOIN sentinel.target_breakers k ON k.org_id = d.org_id AND k.target_id = d.target_id AND k.state <> 'closed'
        LEFT JOIN sentinel.rate_buckets b ON b.org_id = d.org_id AND b.target_id = d.target_id
    ), asked AS MATERIALIZED (
        SELECT j.*,
               -- While a line is served, what came a little late leaves its token to the next.
               least(j.burst + CASE WHEN j.line_until > at - interval '2 seconds' THEN 2 * j.per_second ELSE 0 END,
                     coalesce(j.had_tokens + j.per_second * j.passed, j.burst)) AS tokens,
               least(j.retry_burst,
                     coalesce(j.had_retries + j.retries_per_second * j.passed, j.retry_burst)) AS retry_tokens,
               row_number() OVER (PARTITION BY j.org_id, j.target_id, j.free ORDER BY j.id) AS age,
               row_number() OVER (PARTITION BY j.org_id, j.target_id, j.free, j.again
                                  ORDER BY j.run_at, j.id) AS nth_retry
        FROM (SELECT o.*, o.ending IS NULL AND o.reason IS NULL AS free FROM job o) j
    ), barred AS (
        SELECT a.*, CASE
                   WHEN NOT a.free THEN a.reason
                   WHEN a.probe AND a.age > 1 THEN 'its target fails and is probed'
                   WHEN a.probe THEN NULL
                   WHEN a.again AND a.nth_retry > floor(a.retry_tokens) THEN 'its target had too many retries'
                   -- Who has waited for a token goes before who comes now; a line whose jobs were all cancelled is none.
                   WHEN a.per_second IS NOT NULL AND a.line_until > at AND NOT a.waited
                        AND EXISTS (SELECT FROM sentinel.deliveries w
                                    WHERE w.org_id = a.org_id AND w.target_id = a.target_id AND w.held_until IS NOT NULL
                                      AND w.state = 'waiting') THEN 'its target is at its limit'
               END AS bar
        FROM asked a
    ), charged AS MATERIALIZED (
        SELECT b.*, coalesce(b.bar, CASE WHEN b.per_second IS NOT NULL AND b.nth > floor(b.tokens)
                                         THEN 'its target is at its limit' END) AS why
        FROM (SELECT x.*, row_number() OVER (PARTITION BY x.org_id, x.target_id, x.free AND x.bar IS NULL
                                             ORDER BY x.again, x.run_at, x.id) AS nth FROM barred x) b
    ), placed AS MATERIALIZED (
        SELECT c.*, c.free AND c.why IS NULL AS sent,
               c.ending IS NULL AND c.why IN ('its target asked to wait', 'its target fails and rests',
                                              'its target is at its limit') AS lined,
               CASE c.why WHEN 'its target asked to wait' THEN c.not_before
                          WHEN 'its target fails and rests' THEN c.next_probe_at
                          WHEN 'its target fails and is probed' THEN at + interval '5 seconds'
                          WHEN 'its target had too many retries' THEN at + interval '1 minute'
                          WHEN 'its target is at its limit' THEN
                              at + make_interval(secs => greatest(0, 1 - c.tokens
                                   + count(*) FILTER (WHERE c.free AND c.why IS NULL)
                                     OVER (PARTITION BY c.org_id, c.target_id)) / c.per_second)
                          -- A target that comes back is noticed soon; one that stays away costs little.
                          ELSE at + greatest(interval '30 seconds', least(interval '15 minutes',
                                             (at - coalesce(c.disabled_at, at)) / 10)) END AS first_at,
               CASE c.why WHEN 'its target had too many retries' THEN 1 / c.retries_per_second
                          ELSE coalesce(1 / c.per_second, 0.05) END AS pace,
               row_number() OVER (PARTITION BY c.org_id, c.target_id, c.why COLLATE "C"
                                  ORDER BY c.again, c.run_at, c.id) - 1 AS turn
        FROM charged c
    ), timed AS (
        -- What was held back comes back one by one, behind those held back before, all of it within ten minutes.
        SELECT p.*, CASE WHEN p.why IS NOT NULL THEN
                   p.first_at + make_interval(secs =>
                       sentinel.place_in_line(p.ahead, p.turn::double precision, p.pace)) END AS slot
        FROM (SELECT c.*, CASE WHEN c.lined AND c.line_until > c.first_at
                               THEN extract(epoch FROM c.line_until - c.first_at)::double precision ELSE 0 END AS ahead
              FROM placed c) p
    ), probing AS (
        UPDATE sentinel.target_breakers k
        SET state = 'probing', probe_until = at + interval '60 seconds', probe_job_id = o.id, probe_lease = o.lease,
            changed_at = at
        FROM timed o
        WHERE o.sent AND o.probe AND k.org_id = o.org_id AND k.target_id = o.target_id
          AND (k.state = 'probing' OR (k.state = 'open' AND k.next_probe_at <= at))
    ), filled AS (
        INSERT INTO sentinel.rate_buckets AS b (org_id, target_id, tokens, retry_tokens, refilled_at, line_until)
        SELECT o.org_id, o.target_id,
               CASE WHEN o.per_second IS NULL THEN o.burst ELSE o.tokens - count(*) FILTER (WHERE o.sent) END,
               least(o.retry_burst, o.retry_tokens - count(*) FILTER (WHERE o.sent AND o.again AND o.probe IS NOT TRUE)
                                    + o.retry_share * count(*) FILTER (WHERE o.sent AND NOT o.again)),
               at, coalesce((array_agg(o.slot + make_interval(secs => o.pace) ORDER BY o.turn DESC)
                             FILTER (WHERE o.lined))[1], o.line_until)
        FROM timed o
        WHERE o.ending IS NULL
        GROUP BY o.org_id, o.target_id, o.per_second, o.burst, o.tokens, o.retry_burst, o.retry_tokens, o.retry_share,
                 o.had_tokens, o.line_until
        -- A full bucket from which nothing is taken needs no row, and one that only fills needs no writing.
        HAVING bool_or(o.lined) OR bool_or(o.sent AND o.again AND o.probe IS NOT TRUE)
            OR (o.per_second IS NOT NULL AND bool_or(o.sent))
            OR (o.had_tokens IS NOT NULL AND o.retry_tokens < o.retry_burst AND bool_or(o.sent))
        ORDER BY o.org_id, o.target_id
        ON CONFLICT ON CONSTRAINT rate_buckets_pkey DO UPDATE
        SET tokens = excluded.tokens, retry_tokens = excluded.retry_tokens, refilled_at = excluded.refilled_at,
            line_until = excluded.line_until
    ), noted AS (
        UPDATE sentinel.deliveries d SET held_until = o.slot, held_reason = o.why
        FROM timed o
        WHERE o.ending IS NULL AND o.why IS NOT NULL AND d.org_id = o.org_id AND d.id = o.delivery_id
    )
    SELECT v.verdict, v.why, v.delay, array_agg(v.id ORDER BY v.id), array_agg(v.lease ORDER BY v.id)
    FROM (SELECT o.id, o.lease, o.why, coalesce(o.ending, CASE WHEN o.sent THEN 'send' ELSE 'wait' END) AS verdict,
                 -- In steps of a fifth of a second, so that few calls give back many.
                 CASE WHEN o.ending IS NULL AND NOT o.sent THEN
                     make_interval(secs => ceil(extract(epoch FROM o.slot - at)::double precision * 5) / 5) END AS delay
          FROM timed o) v
    GROUP BY v.verdict, v.why, v.delay;
END
$$;
COMMENT ON FUNCTION sentinel.decide_requests(uuid[], bigint[], timestamptz) IS
    'Decide which claimed jobs are sent now, wait and how long, are dropped or fail; charge tokens and retries, and let the oldest job of a target whose rest is over be its probe. Part of http_requests().';

CREATE FUNCTION sentinel.place_in_line(ahead double precision, turn double precision, pace double precision)
    RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ahead + turn * pace - greatest(600, 10 * pace) * floor((ahead + turn * pace) / greatest(600, 10 * pace))
$$;
COMMENT ON FUNCTION sentinel.place_in_line(double precision, double precision, double precision) IS
    'Give the seconds after which a job comes back: those that are ahead of it in the line, and pace for each turn; beyond ten minutes (ten turns where those take longer) the line begins again from its head.';
