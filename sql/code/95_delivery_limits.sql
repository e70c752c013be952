-- Room delivery, limits: breakers, and what a target may be asked to take. Applied in 95_delivery_requests.sql.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.limit_target(target_id uuid, per_second numeric, burst integer DEFAULT 1)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org  uuid := sentinel.require_org();
    kind text := sentinel.require_target(org, target_id);
    at   timestamptz := now();
BEGIN
    PERFORM sentinel.require_manager();
    IF per_second NOT BETWEEN 0.001 AND 1000 THEN
        RAISE EXCEPTION 'limit of % requests per second cannot be used', per_second
            USING ERRCODE = 'SN007', DETAIL = 'A limit is 0.001 to 1000 requests per second; NULL takes it away.',
                  HINT = format('SELECT sentinel.limit_target(%L, 5, 10);', target_id);
    END IF;
    IF burst IS NULL OR burst NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'burst of % requests cannot be used', coalesce(burst::text, 'NULL')
            USING ERRCODE = 'SN007', DETAIL = 'A burst is 1 to 1000 requests.',
                  HINT = format('SELECT sentinel.limit_target(%L, 5, 10);', target_id);
    END IF;
    IF per_second IS NULL THEN
        DELETE FROM sentinel.target_limits l WHERE l.org_id = org AND l.target_id = limit_target.target_id;
    ELSE
        INSERT INTO sentinel.target_limits AS l (org_id, target_id, per_second, burst, set_at)
        VALUES (org, limit_target.target_id, limit_target.per_second, limit_target.burst, at)
        ON CONFLICT ON CONSTRAINT target_limits_pkey DO UPDATE
        SET per_second = excluded.per_second, burst = excluded.burst, set_at = excluded.set_at;
    END IF;
    -- The line was spaced for the old limit.
    UPDATE sentinel.rate_buckets b SET tokens = least(b.tokens, limit_target.burst), line_until = NULL
     WHERE b.org_id = org AND b.target_id = limit_target.target_id;
    PERFORM sentinel.audit(kind || '.limited', sentinel.target_subject(kind), target_id,
                           jsonb_build_object('per_second', per_second, 'burst', burst));
END $$;
COMMENT ON FUNCTION sentinel.limit_target(uuid, numeric, integer) IS
    'Sends to a channel, endpoint or service at most per_second requests a second, of which burst may go at once after a pause; per_second NULL puts the default of its kind back, which sentinel.rate_limits holds. What exceeds it waits its turn, its attempts not counted. Errors: SN003, SN004, SN007.';
ALTER FUNCTION sentinel.limit_target(uuid, numeric, integer) OWNER TO sentinel_owner;

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.retry_after_seconds(value text, at timestamptz)
    RETURNS integer LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stamp text[];
BEGIN
    IF value ~ '^\s*[+-]?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?\s*$' THEN
        RETURN least(greatest(ceil(value::numeric), 0), 86400);
    END IF;
    -- Tue, 14 Nov 2023 22:14:49 GMT or Tuesday, 14-Nov-23 22:14:49 GMT
    stamp := regexp_match(value, '^\s*\w{3,9}, (\d\d)[ -](\w{3})[ -](\d{4}|\d\d) (\d\d:\d\d:\d\d) GMT\s*$');
    IF stamp IS NULL THEN
        -- Tue Nov 14 22:14:49 2023
        stamp := regexp_match(value, '^\s*\w{3} (\w{3}) ([ \d]\d) (\d\d:\d\d:\d\d) (\d{4})\s*$');
        stamp := ARRAY[stamp[2], stamp[1], stamp[4], stamp[3]];
    END IF;
    IF stamp[1] IS NULL THEN
        RETURN NULL;
    END IF;
    IF length(stamp[3]) = 2 THEN
        stamp[3] := '20' || stamp[3];
    END IF;
    BEGIN
        RETURN least(greatest(ceil(extract(epoch FROM
            format('%s %s %s %s+00', trim(stamp[1]), stamp[2], stamp[3], stamp[4])::timestamptz - at)), 0), 86400);
    EXCEPTION WHEN data_exception THEN
        RETURN NULL;
    END;
END
$$;
COMMENT ON FUNCTION sentinel.retry_after_seconds(text, timestamptz) IS
    'Read the wait that a receiver asks for, in seconds or as the date until which, and give whole seconds from 0 to 86400; NULL where it is neither. Source: RFC 9110, Retry-After.';

CREATE FUNCTION sentinel.attempt_health(decision text, http_status integer, error_code text)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN decision = 'delivered' THEN true
        WHEN error_code IN ('aborted', 'blocked_address', 'secret_error', 'invalid_request') THEN NULL
        WHEN error_code NOT IN ('redirect_error', 'body_too_large', 'header_too_large') THEN false
        WHEN http_status >= 500 OR http_status = 429 THEN false
        WHEN http_status IS NOT NULL THEN true
    END
$$;
COMMENT ON FUNCTION sentinel.attempt_health(text, integer, text) IS
    'Say what an attempt tells of its target''s health: false for no connection, no TLS, no answer in time, 5xx and 429; true for any other answer, a 404 too; NULL where the target was never asked.';

CREATE FUNCTION sentinel.breaker_pause(opened_n integer, luck double precision)
    RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(interval '30 seconds' * power(2, least(greatest(opened_n, 1) - 1, 10)), interval '30 minutes')
           * (1 + 0.2 * luck)
$$;
COMMENT ON FUNCTION sentinel.breaker_pause(integer, double precision) IS
    'Give the rest of a target that fails: 30 seconds, doubled for each opening of its breaker after the first, at most 30 minutes, and up to a fifth more. luck: a random number from 0 to 1.';

CREATE FUNCTION sentinel.settle_breakers(orgs uuid[], noted uuid[], at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off AS $$
DECLARE
    seen record;
    change record;
BEGIN
    SELECT array_agg(s.org_id) AS orgs, array_agg(s.target_id) AS targets, array_agg(s.target_kind) AS kinds,
           array_agg(s.well) AS well, array_agg(s.sick) AS sick, array_agg(s.tail) AS tail, array_agg(s.error) AS errors
    INTO seen
    FROM (
        SELECT o.org_id, o.target_id, o.target_kind, count(*) FILTER (WHERE o.health) AS well,
               count(*) FILTER (WHERE NOT o.health) AS sick,
               count(*) FILTER (WHERE NOT o.health AND o.wells_after = 0) AS tail,
               (array_agg(o.error ORDER BY o.nth DESC) FILTER (WHERE o.error IS NOT NULL))[1] AS error
        FROM (
            SELECT a.org_id, d.target_id, d.target_kind, h.health, row_number() OVER later AS nth,
                   count(*) FILTER (WHERE h.health) OVER later AS wells_after,
                   CASE WHEN a.decision <> 'delivered' THEN
                       left(sentinel.attempt_error(a.http_status, a.error_code, a.error_detail), 300) END AS error
            FROM unnest(orgs, noted) AS n(org_id, id)
            JOIN sentinel.delivery_attempts a ON a.org_id = n.org_id AND a.id = n.id
            JOIN sentinel.deliveries d ON d.org_id = a.org_id AND d.id = a.delivery_id
            CROSS JOIN LATERAL (SELECT sentinel.attempt_health(a.decision, a.http_status, a.error_code) AS health) h
            WHERE a.held
            WINDOW later AS (PARTITION BY a.org_id, d.target_id ORDER BY a.started_at DESC, a.id DESC)) o
        GROUP BY 1, 2, 3) s
    LEFT JOIN sentinel.target_breakers k ON k.org_id = s.org_id AND k.target_id = s.target_id
    -- A success of a target that is well and was well lately changes nothing and costs nothing.
    WHERE s.error IS NOT NULL OR k.state <> 'closed' OR k.failures > 0
       OR k.window_started_at > at - interval '60 seconds';
    IF seen.orgs IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO sentinel.target_breakers (org_id, target_id, changed_at)
    SELECT x.org_id, x.target_id, at FROM unnest(seen.orgs, seen.targets) AS x(org_id, target_id)
    WHERE NOT EXISTS (SELECT FROM sentinel.target_breakers k WHERE k.org_id = x.org_id AND k.target_id = x.target_id)
      -- A target may have been removed while a request to it was under way.
      AND EXISTS (SELECT FROM sentinel.delivery_targets t WHERE t.org_id = x.org_id AND t.id = x.target_id)
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    -- In order of their keys, so that two reports never wait for each other.
    PERFORM 1 FROM sentinel.target_breakers k
    WHERE (k.org_id, k.target_id) IN (SELECT * FROM unnest(seen.orgs, seen.targets))
    ORDER BY k.org_id, k.target_id FOR UPDATE;

    FOR change IN
        WITH counted AS (
            SELECT k.org_id, k.target_id, k.state AS was, k.opened_n, k.changed_at, x.target_kind, x.error,
                   CASE WHEN x.well > 0 THEN x.tail ELSE k.failures + x.sick END AS failures,
                   w.anew, CASE WHEN w.anew THEN 0 ELSE k.window_ok END + x.well AS ok,
                   CASE WHEN w.anew THEN 0 ELSE k.window_err END + x.sick AS err, x.sick > 0 AS sick,
                   k.state = 'probing' AND p.id IS NOT NULL AS probed, k.probes_ok, random() AS luck,
                   sentinel.attempt_health(p.decision, p.http_status, p.error_code) AS probe_health
            FROM unnest(seen.orgs, seen.targets, seen.kinds, seen.well, seen.sick, seen.tail, seen.errors)
                 AS x(org_id, target_id, target_kind, well, sick, tail, error)
            JOIN sentinel.target_breakers k ON k.org_id = x.org_id AND k.target_id = x.target_id
            -- Only the probe tells of a target that is being probed: what else comes in was sent before.
            LEFT JOIN sentinel.delivery_attempts p
                   ON p.org_id = k.org_id AND p.job_id = k.probe_job_id AND p.lease = k.probe_lease AND p.held
            CROSS JOIN LATERAL (SELECT coalesce(k.window_started_at <= at - interval '60 seconds', true) AS anew) w
        ), judged AS (
            SELECT c.*, CASE
                       WHEN c.was = 'closed' AND c.sick
                            AND (c.failures >= 5 OR (c.ok + c.err >= 20 AND 2 * c.err >= c.ok + c.err)) THEN 'open'
                       WHEN c.probed AND c.probe_health AND c.probes_ok >= 1 THEN 'closed'
                       WHEN c.probed THEN 'open'
                       ELSE c.was END AS state,
                   -- Who opens again within the hour begins where it left off.
                   CASE WHEN c.was = 'closed' AND c.changed_at <= at - interval '1 hour' THEN 1
                        WHEN c.was = 'closed' OR NOT c.probe_health THEN c.opened_n + 1
                        ELSE c.opened_n END AS opening
            FROM counted c
        ), final AS (
            -- Outcomes are counted while the breaker is closed, from a failure on.
            SELECT n.*, n.was = 'closed' AND n.state = 'closed' AND (n.sick OR NOT n.anew) AS counts FROM judged n
        ), changed AS (
            UPDATE sentinel.target_breakers k
            SET state = j.state,
                failures = CASE WHEN j.was <> 'closed' AND j.state = 'closed' THEN 0 WHEN j.was = 'closed' THEN j.failures
                                ELSE k.failures END,
                window_started_at = CASE WHEN NOT j.counts THEN NULL WHEN j.anew THEN at ELSE k.window_started_at END,
                window_ok = CASE WHEN j.counts THEN j.ok ELSE 0 END,
                window_err = CASE WHEN j.counts THEN j.err ELSE 0 END,
                opened_n = CASE WHEN j.state = 'open' AND j.was <> 'open' THEN j.opening ELSE k.opened_n END,
                opened_at = CASE WHEN j.state = 'open' AND j.was = 'closed' THEN at ELSE k.opened_at END,
                next_probe_at = CASE
                    WHEN j.state = 'closed' THEN NULL
                    WHEN j.state = j.was THEN k.next_probe_at
                    WHEN j.was = 'closed' OR NOT j.probe_health THEN at + sentinel.breaker_pause(j.opening, j.luck)
                    WHEN j.probe_health THEN at
                    ELSE at + sentinel.breaker_pause(1, j.luck) END,
                probe_until = CASE WHEN j.state = 'probing' THEN k.probe_until END,
                probe_job_id = CASE WHEN j.state = 'probing' THEN k.probe_job_id END,
                probe_lease = CASE WHEN j.state = 'probing' THEN k.probe_lease END,
                probes_ok = CASE WHEN j.probed AND j.probe_health THEN j.probes_ok + 1
                                 WHEN j.state <> j.was AND j.probe_health IS NOT NULL OR j.was = 'closed' THEN 0
                                 ELSE k.probes_ok END,
                changed_at = CASE WHEN j.state <> j.was THEN at ELSE k.changed_at END,
                failed_at = CASE WHEN j.error IS NOT NULL THEN at ELSE k.failed_at END,
                last_error = coalesce(j.error, k.last_error)
            FROM final j WHERE k.org_id = j.org_id AND k.target_id = j.target_id
            RETURNING k.org_id, k.target_id, j.target_kind, j.was, k.state, k.last_error, k.opened_at, k.next_probe_at)
        SELECT c.*, coalesce(t.name, 'removed') AS name FROM changed c
        LEFT JOIN sentinel.delivery_targets t ON t.org_id = c.org_id AND t.id = c.target_id
        WHERE (c.was = 'closed') <> (c.state = 'closed')
        ORDER BY c.org_id, c.target_id
    LOOP
        IF change.state = 'closed' THEN
            PERFORM sentinel.alert_of_target(
                change.org_id, 'recovered', 'low', change.target_kind, change.target_id, change.name,
                format('It answers again. What was held back since %s UTC is sent now, little by little.',
                       to_char(change.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')));
        ELSE
            PERFORM sentinel.alert_of_target(
                change.org_id, 'failing', 'medium', change.target_kind, change.target_id, change.name,
                change.last_error || '. What is meant for it waits, no attempt counted, and is sent once it answers.');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.settle_breakers(uuid[], uuid[], timestamptz) IS
    'Count what reported attempts tell of their targets'' health. Five failures in a row, or half of 20 or more within 60 seconds, open a breaker; its probe closes it with the second success and doubles its rest with a failure. Owners and admins are told once when it opens and once when it closes. Part of finish_http().';

CREATE FUNCTION sentinel.alert_of_target(org uuid, what text, severity text, target_kind text, target_id uuid,
                                         name text, message text)
    RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    alert uuid;
BEGIN
    -- Nobody waits for a provider while its old keys hold; what is wrong with it stands beside it.
    IF alert_of_target.target_kind = 'jwks' THEN
        RETURN NULL;
    END IF;
    INSERT INTO sentinel.alerts AS a (org_id, kind, severity, subject_type, subject_id, title, message)
    VALUES (org, target_kind || '_' || what, alert_of_target.severity, sentinel.target_subject(target_kind), target_id,
            left(CASE target_kind WHEN 'slack' THEN 'Slack channel ' WHEN 'enrichment' THEN 'Enrichment service '
                                  WHEN 'model' THEN 'Model gateway ' ELSE 'Webhook endpoint ' END
                 || what || ': ' || name, 300),
            left(alert_of_target.message, 3000))
    RETURNING a.id INTO alert;
    PERFORM sentinel.notify_members(org, alert, NULL, a.title, a.message)
    FROM sentinel.alerts a WHERE a.org_id = org AND a.id = alert;
    RETURN alert;
END
$$;
COMMENT ON FUNCTION sentinel.alert_of_target(uuid, text, text, text, uuid, text, text) IS
    'Raise the alert that a target is disabled, failing or has recovered, and tell owners and admins; gives its id. Of an identity provider there is none.';
