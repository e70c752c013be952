-- The quarter, replayed by its own clock through the public functions. At 20 instants the risk of every deal known by then
-- is kept in demo.recorded; report.sql asks again at the end. One transaction: nobody sees a deal with half its history.
\set VERBOSITY terse
SELECT sentinel.enter(org_id, NULL, true) FROM sentinel.orgs WHERE slug = 'northwind-demo' \g /dev/null
DO $$
DECLARE
    instants timestamptz[] := ARRAY(SELECT jsonb_array_elements_text(planted -> 'deals' -> 'instants')::timestamptz
                                    FROM demo.truth ORDER BY 1);
    total bigint := (SELECT count(*) FROM demo.timeline);
    done bigint := 0;
    instant timestamptz;
    last timestamptz := '-infinity';
    step record;
    known demo.deal;
BEGIN
    FOREACH instant IN ARRAY instants LOOP
        FOR step IN SELECT * FROM demo.timeline t WHERE t.at > last AND t.at <= instant ORDER BY t.position LOOP
            SELECT * INTO STRICT known FROM demo.deal d WHERE d.external_ref = step.deal_ref;
            IF step.kind = 'created' THEN
                UPDATE demo.deal SET deal_id = sentinel.create_deal(
                    name => known.name, value => known.value, stage => step.detail, currency => known.currency,
                    owner_id => (SELECT t.member_id FROM demo.team t WHERE t.email = known.owner),
                    channel => known.channel, external_id => known.external_ref, as_of => step.at)
                WHERE external_ref = known.external_ref;
            ELSIF step.kind = 'stage' THEN
                PERFORM sentinel.move_deal(known.deal_id, step.detail, nullif(step.subject, ''), step.at);
            ELSE
                PERFORM sentinel.record_activity(known.deal_id, step.detail, step.at, nullif(step.subject, ''),
                                                 nullif(step.body, ''), '{}', step.at);
            END IF;
            done := done + 1;
        END LOOP;
        INSERT INTO demo.recorded (instant, deal_id, risk)
        SELECT load.at, d.deal_id, to_jsonb(r)
        FROM (VALUES (instant)) AS load (at) CROSS JOIN demo.deal d
        CROSS JOIN LATERAL sentinel.deal_risk(d.deal_id, load.at) r
        WHERE d.deal_id IS NOT NULL;
        last := instant;
        RAISE NOTICE 'progress % % things that happened', done, total;
    END LOOP;
END
$$;
