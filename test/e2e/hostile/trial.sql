-- Where the cases of hostile.sh are kept beside what became of them.
CREATE SCHEMA trial;
CREATE TABLE trial.cases (
    n        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    grp      text NOT NULL,
    words    text NOT NULL,
    url      text NOT NULL,
    wanted   text NOT NULL,
    org      uuid,
    endpoint uuid NOT NULL DEFAULT sentinel.uuid7(),
    secret   uuid NOT NULL DEFAULT sentinel.uuid7(),
    delivery uuid
);
CREATE TABLE trial.envelopes (secret uuid PRIMARY KEY, hex text NOT NULL);

-- Straight into the tables, past what the functions refuse: the worker must hold by itself.
CREATE PROCEDURE trial.make_targets() LANGUAGE plpgsql AS $$
DECLARE
    g text;
BEGIN
    FOR g IN SELECT DISTINCT c.grp FROM trial.cases c WHERE c.org IS NULL LOOP
        WITH made AS MATERIALIZED (SELECT sentinel.create_org('Trial ' || g, 'trial-' || g, 'UTC') AS id)
        UPDATE trial.cases SET org = made.id FROM made WHERE grp = g;
    END LOOP;
    -- The second attempt is for later: what hangs would hang again while other cases run.
    INSERT INTO sentinel.webhook_endpoints (org_id, id, url, event_types, enabled, retry_schedule)
    SELECT c.org, c.endpoint, c.url, '{chaos.never}', true, '{1 hour}' FROM trial.cases c
    WHERE NOT EXISTS (SELECT FROM sentinel.webhook_endpoints e WHERE e.id = c.endpoint);
    INSERT INTO sentinel.secrets (org_id, id, purpose, target_id, version)
    SELECT c.org, c.secret, 'webhook_key', c.endpoint, 1 FROM trial.cases c
    WHERE NOT EXISTS (SELECT FROM sentinel.secrets s WHERE s.id = c.secret);
END
$$;

CREATE PROCEDURE trial.keep_envelopes() LANGUAGE sql AS $$
    UPDATE sentinel.secrets s SET envelope = decode(v.hex, 'hex') FROM trial.envelopes v
    WHERE s.id = v.secret AND s.envelope IS NULL;
$$;

CREATE PROCEDURE trial.send(which text) LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM trial.cases t WHERE t.grp = which ORDER BY t.n LOOP
        PERFORM sentinel.enter(c.org, NULL, true);
        UPDATE trial.cases t SET delivery = sentinel.send_test(c.endpoint) WHERE t.n = c.n;
    END LOOP;
END
$$;

CREATE VIEW trial.results AS
SELECT c.n, c.grp, c.words, c.wanted, a.error_code, a.total_ms, a.resp_bytes, a.recorded_at - a.started_at AS took,
       d.created_at, a.recorded_at, a.next_attempt_at, a.retry_after_s,
       concat(a.http_status, '|', a.error_code, '|', a.decision, '|', a.sent,
              CASE WHEN c.grp = 'waits' THEN '|' || coalesce(a.retry_after_s::text, '') END) AS got, a.id IS NOT NULL AS attempted
FROM trial.cases c
LEFT JOIN sentinel.deliveries d ON d.org_id = c.org AND d.id = c.delivery
LEFT JOIN sentinel.delivery_attempts a ON a.org_id = c.org AND a.delivery_id = c.delivery AND a.n = 1;
