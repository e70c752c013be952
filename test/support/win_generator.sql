-- Deals with known hazards, and with that their true probabilities to be won. Included by tests, as superuser:
--   \ir ../support/win_generator.sql
--   SELECT pg_temp.generate_deals(org, noise => false, deals => 20000, seed => 1, until => now());
-- Each week a deal is won, lost, moved on or left where it is, by the hazards of its stage, of whether the other side is
-- engaged, and of its size. In a week of engagement an e-mail is received; mails are sent at random. Nothing else matters, so
-- that the truth is a table: pg_temp.truth(noise, weeks, stage, engaged, large). With noise the same hazards hold for all.
-- Draws are hashes of deal, week and seed: the same seed makes the same deals. Rows are written past the triggers, in the form
-- that the guard of deals gives them.

CREATE TEMP TABLE hazard AS
SELECT noise, stage, engaged, large,
       CASE WHEN noise THEN 0.030 ELSE (ARRAY[0.004, 0.010, 0.025, 0.080])[stage]
           * CASE engaged WHEN 1 THEN 1.6 ELSE 0.5 END * CASE large WHEN 1 THEN 0.6 ELSE 1 END END::double precision AS won,
       CASE WHEN noise THEN 0.045 ELSE (ARRAY[0.035, 0.030, 0.030, 0.035])[stage]
           * CASE engaged WHEN 1 THEN 0.3 ELSE 2.0 END END::double precision AS lost,
       CASE WHEN stage = 4 THEN 0 WHEN noise THEN 0.100 ELSE (ARRAY[0.120, 0.130, 0.120])[stage]
           * CASE engaged WHEN 1 THEN 1.4 ELSE 0.6 END END::double precision AS moved,
       CASE engaged WHEN 1 THEN 0.85 ELSE 0.15 END::double precision AS engaged_next
FROM (VALUES (false), (true)) AS n (noise), generate_series(1, 4) AS s (stage), generate_series(0, 1) AS e (engaged),
     generate_series(0, 1) AS l (large);

CREATE TEMP TABLE truth (noise boolean, weeks integer, stage integer, engaged integer, large integer, p double precision);
INSERT INTO truth SELECT h.noise, 0, h.stage, h.engaged, h.large, 0 FROM hazard h;
DO $$
BEGIN
    FOR w IN 1..12 LOOP
        -- Won this week, or later from the stage moved to, or from this one; engagement moves on by itself.
        INSERT INTO truth
        SELECT h.noise, w, h.stage, h.engaged, h.large,
               h.won + h.moved * coalesce(h.engaged_next * up1.p + (1 - h.engaged_next) * up0.p, 0)
                     + (1 - h.won - h.lost - h.moved) * (h.engaged_next * on1.p + (1 - h.engaged_next) * on0.p)
        FROM hazard h
        JOIN truth on1 ON (on1.noise, on1.weeks, on1.stage, on1.engaged, on1.large) = (h.noise, w - 1, h.stage, 1, h.large)
        JOIN truth on0 ON (on0.noise, on0.weeks, on0.stage, on0.engaged, on0.large) = (h.noise, w - 1, h.stage, 0, h.large)
        LEFT JOIN truth up1 ON (up1.noise, up1.weeks, up1.stage, up1.engaged, up1.large) = (h.noise, w - 1, h.stage + 1, 1, h.large)
        LEFT JOIN truth up0 ON (up0.noise, up0.weeks, up0.stage, up0.engaged, up0.large) = (h.noise, w - 1, h.stage + 1, 0, h.large);
    END LOOP;
END
$$;

-- One row per deal and week begun; a closed deal ends with the week in which it was closed, its stage that from which it was.
CREATE TEMP TABLE life (org_id uuid, deal integer, deal_id uuid, born timestamptz, week integer, at timestamptz, stage integer,
                        engaged integer, large integer, state text);

CREATE FUNCTION pg_temp.draw(n bigint, seed bigint) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(n, seed) & 9007199254740991) / 9007199254740992::double precision
$$;

CREATE FUNCTION pg_temp.generate_deals(org uuid, noise boolean, deals integer, seed integer, until timestamptz DEFAULT now(),
                                       weeks integer DEFAULT 104) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    dice bigint := 10 * generate_deals.seed;
    pipeline uuid := (SELECT p.id FROM sentinel.pipelines p WHERE p.org_id = org AND p.is_default);
    names constant text[] := '{discover,qualify,proposal,negotiation}';
    roles constant text[] := '{discover,other,other,negotiation}';
BEGIN
    CREATE TEMP TABLE born ON COMMIT DROP AS
    SELECT d AS deal, md5(format('deal %s of %s', d, dice))::uuid AS deal_id,
           until - weeks * interval '168 hours' * pg_temp.draw(d * 128::bigint, dice + 5) AS at
    FROM generate_series(1, deals) AS d;
    INSERT INTO life
    WITH RECURSIVE step AS (
        SELECT b.deal, 0 AS week, 1 AS stage, (pg_temp.draw(b.deal * 128::bigint, dice + 1) < 0.5)::integer AS engaged,
               (pg_temp.draw(b.deal * 128::bigint, dice + 2) < 0.5)::integer AS large, 'open'::text AS state
        FROM born b
        UNION ALL
        SELECT s.deal, s.week + 1,
               CASE WHEN u.fate >= h.won + h.lost AND u.fate < h.won + h.lost + h.moved THEN s.stage + 1 ELSE s.stage END,
               (u.mood < h.engaged_next)::integer, s.large,
               CASE WHEN u.fate < h.won THEN 'won' WHEN u.fate < h.won + h.lost THEN 'lost' ELSE 'open' END
        FROM step s
        JOIN born b ON b.deal = s.deal
        JOIN hazard h ON h.noise = generate_deals.noise AND h.stage = s.stage AND h.engaged = s.engaged AND h.large = s.large
        CROSS JOIN LATERAL (SELECT pg_temp.draw(s.deal * 128::bigint + s.week + 1, dice + 3) AS fate,
                                   pg_temp.draw(s.deal * 128::bigint + s.week + 1, dice + 4) AS mood OFFSET 0) u
        WHERE s.state = 'open' AND s.week < 126 AND b.at + (s.week + 1) * interval '168 hours' <= until)
    SELECT org, s.deal, b.deal_id, b.at, s.week, b.at + s.week * interval '168 hours', s.stage, s.engaged, s.large, s.state
    FROM step s JOIN born b ON b.deal = s.deal;

    -- Past triggers and foreign keys; the rows are what the guard and the notes would have made of them.
    PERFORM set_config('session_replication_role', 'replica', true);
    INSERT INTO sentinel.deal_history (org_id, deal_id, seq, recorded_at, stage, stage_kind, risk_role, value, owner_id, created_at,
                                       stage_entered_at, pipeline_id, currency)
    SELECT org, v.deal_id, row_number() OVER (PARTITION BY v.deal_id ORDER BY v.week), v.at,
           CASE v.state WHEN 'open' THEN names[v.stage] ELSE 'closed_' || v.state END, v.state,
           CASE v.state WHEN 'open' THEN roles[v.stage] ELSE 'other' END,
           CASE v.large WHEN 1 THEN 40000 ELSE 4000 END, NULL, v.born, v.at, pipeline, 'USD'
    FROM (SELECT l.*, lag(l.stage) OVER (PARTITION BY l.deal_id ORDER BY l.week) AS stage_before FROM life l WHERE l.org_id = org) v
    WHERE v.week = 0 OR v.stage <> v.stage_before OR v.state <> 'open';

    INSERT INTO sentinel.deals (org_id, id, pipeline_id, stage, stage_kind, name, value, currency, created_at, recorded_at,
                                changed_at, stage_changed_at, closed_at, updated_at, version)
    SELECT DISTINCT ON (h.deal_id) org, h.deal_id, pipeline, h.stage, h.stage_kind, 'Deal ' || h.deal_id, h.value, 'USD',
           h.created_at, h.created_at, h.recorded_at, h.stage_entered_at,
           CASE WHEN h.stage_kind <> 'open' THEN h.recorded_at END, h.recorded_at, h.seq
    FROM sentinel.deal_history h WHERE h.org_id = org ORDER BY h.deal_id, h.seq DESC;

    INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, recorded_at)
    SELECT org, l.deal_id, a.kind, l.at, l.at
    FROM life l
    CROSS JOIN LATERAL (VALUES ('email_received', l.engaged = 1),
                               ('email_sent', pg_temp.draw(l.deal * 128::bigint + l.week, dice + 6) < 0.2)) AS a (kind, happens)
    WHERE l.org_id = org AND l.state = 'open' AND a.happens;
    PERFORM set_config('session_replication_role', 'origin', true);
    DROP TABLE born;
    ANALYZE sentinel.deals, sentinel.deal_history, sentinel.activities;
    ANALYZE life;
    RETURN (SELECT count(*) FROM life l WHERE l.org_id = org);
END
$$;
