-- Rate of inserting activities in batches of 1,000 with the triggers and without them, by turns. As superuser, in a database
-- of bi.sh. Prints figure|value|unit.
\set QUIET on
SET client_min_messages = warning;
SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs WHERE slug = 'large' \g /dev/null
CREATE TEMP TABLE batch AS
SELECT b.n / 1000 AS batch, d.id AS deal_id, (ARRAY['email_sent', 'email_received', 'meeting_held', 'call_held', 'note_added'])[1 + b.n % 5] AS kind
FROM generate_series(0, 119999) b (n)
JOIN (SELECT id, row_number() OVER (ORDER BY hashtextextended(id::text, 1)) - 1 AS n FROM sentinel.deals WHERE org_id = sentinel.current_org()) d
    ON d.n = b.n % (SELECT count(*) FROM sentinel.deals WHERE org_id = sentinel.current_org());
CREATE INDEX ON batch (batch);
ANALYZE batch;

CREATE PROCEDURE pg_temp.insert_batches(first integer, last integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN first..last LOOP
        INSERT INTO sentinel.activities (org_id, deal_id, activity_type, subject, body)
        SELECT sentinel.current_org(), b.deal_id, b.kind, 'Re: next steps',
               'Thanks for the call. We go through the offer with our team on Thursday and come back to you with questions on price and start.'
        FROM batch b WHERE b.batch = i;
        COMMIT;
    END LOOP;
END
$$;
CREATE TEMP TABLE took (triggers boolean, rate double precision);
-- 20 batches a turn, the same deals in neither; the first turns load code and plans.
CREATE PROCEDURE pg_temp.turn(triggers boolean, first integer, counts boolean) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
BEGIN
    EXECUTE format('ALTER TABLE sentinel.activities %s TRIGGER USER', CASE WHEN triggers THEN 'ENABLE' ELSE 'DISABLE' END);
    COMMIT;
    started := clock_timestamp();
    CALL pg_temp.insert_batches(first, first + CASE WHEN counts THEN 18 ELSE 0 END);
    IF counts THEN
        INSERT INTO took VALUES (triggers, 19000 / extract(epoch FROM clock_timestamp() - started));
    END IF;
    COMMIT;
END
$$;
CALL pg_temp.turn(true, 0, false);
CALL pg_temp.turn(false, 1, false);
CALL pg_temp.turn(true, 2, true);
CALL pg_temp.turn(false, 21, true);
CALL pg_temp.turn(true, 40, true);
CALL pg_temp.turn(false, 59, true);
CALL pg_temp.turn(true, 78, true);
CALL pg_temp.turn(false, 97, true);
ALTER TABLE sentinel.activities ENABLE TRIGGER USER;

SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY rate) FILTER (WHERE triggers) AS on,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY rate) FILTER (WHERE NOT triggers) AS off FROM took \gset
SELECT * FROM (VALUES ('activities a second, with triggers', round(:on), 'rows/s'), ('activities a second, without', round(:off), 'rows/s'),
    ('ratio', round((:on / :off)::numeric, 2), '')) v;
