-- Rate of inserting activities in batches of 1,000 with the triggers and without them, by turns: a thousand deals a batch, and a
-- hundred with ten activities each. As superuser, in a database of bi.sh. Prints figure|value|unit.
\set QUIET on
SET client_min_messages = warning;
SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs WHERE slug = 'large' \g /dev/null
CREATE TEMP TABLE batch AS
SELECT s.each, b.n / 1000 AS batch, d.id AS deal_id,
       (ARRAY['email_sent', 'email_received', 'meeting_held', 'call_held', 'note_added'])[1 + b.n % 5] AS kind
FROM (VALUES (1), (10)) AS s (each)
CROSS JOIN generate_series(0, 119999) AS b (n)
JOIN (SELECT id, row_number() OVER (ORDER BY hashtextextended(id::text, 1)) - 1 AS n
      FROM sentinel.deals WHERE org_id = sentinel.current_org()) AS d
    ON d.n = b.n / s.each % (SELECT count(*) FROM sentinel.deals WHERE org_id = sentinel.current_org());
CREATE INDEX ON batch (each, batch);
ANALYZE batch;

CREATE TEMP TABLE took (each integer, triggers boolean, rate double precision);
-- 19 batches a turn, no batch twice; the first turns load code and plans.
CREATE PROCEDURE pg_temp.turn(each integer, triggers boolean, first integer, last integer) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
BEGIN
    EXECUTE format('ALTER TABLE sentinel.activities %s TRIGGER USER', CASE WHEN triggers THEN 'ENABLE' ELSE 'DISABLE' END);
    COMMIT;
    started := clock_timestamp();
    FOR i IN first..last LOOP
        INSERT INTO sentinel.activities (org_id, deal_id, activity_type, subject, body)
        SELECT sentinel.current_org(), b.deal_id, b.kind, 'Re: next steps',
               'Thanks for the call. We go through the offer with our team on Thursday and come back to you with questions on price and start.'
        FROM batch b WHERE b.each = turn.each AND b.batch = i;
        COMMIT;
    END LOOP;
    IF last > first THEN
        INSERT INTO took SELECT turn.each, turn.triggers, 1000 * (last - first + 1) / extract(epoch FROM clock_timestamp() - started);
    END IF;
    COMMIT;
END
$$;
SELECT format('CALL pg_temp.turn(%s, %L, %s, %s)', s.each, t.triggers, t.first, t.last)
FROM (VALUES (1), (10)) AS s (each)
CROSS JOIN (VALUES (1, true, 0, 0), (2, false, 1, 1), (3, true, 2, 20), (4, false, 21, 39), (5, true, 40, 58), (6, false, 59, 77),
                   (7, true, 78, 96), (8, false, 97, 115)) AS t (place, triggers, first, last)
ORDER BY s.each, t.place \gexec
ALTER TABLE sentinel.activities ENABLE TRIGGER USER;

SELECT v.figure, v.value, v.unit
FROM (SELECT t.each, CASE t.each WHEN 1 THEN 'one activity a deal' ELSE 'ten activities a deal' END AS name,
             percentile_disc(0.5) WITHIN GROUP (ORDER BY t.rate) FILTER (WHERE t.triggers) AS with_triggers,
             percentile_disc(0.5) WITHIN GROUP (ORDER BY t.rate) FILTER (WHERE NOT t.triggers) AS without
      FROM took t GROUP BY t.each) AS m
CROSS JOIN LATERAL (VALUES (1, m.name || ', with triggers', round(m.with_triggers::numeric), 'rows/s'),
                           (2, m.name || ', without', round(m.without::numeric), 'rows/s'),
                           (3, m.name || ', ratio', round((m.with_triggers / m.without)::numeric, 2), '')) AS v (place, figure, value, unit)
ORDER BY m.each, v.place;
