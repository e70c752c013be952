-- The probe: what the tables of the queue hold at a moment, taken again and again until the day has ended.

CREATE TABLE day.samples (
    at timestamptz PRIMARY KEY,
    depth_default bigint, depth_scoring bigint, depth_webhooks bigint, depth_chat bigint,
    held bigint, running bigint,
    lag_all double precision, lag_others double precision, lag_quiet double precision,
    held_a bigint, held_b bigint, held_c bigint
);

-- Due: its time has come and no worker has taken it. Held: it waits for a time to come, be it a retry or its target's.
CREATE FUNCTION day.take_sample() RETURNS void LANGUAGE sql AS $$
    INSERT INTO day.samples
    SELECT s.moment, w.depth_default, w.depth_scoring, w.depth_webhooks, w.depth_chat, w.held,
           (SELECT count(*) FROM sentinel.job_running), w.lag_all, w.lag_others, w.lag_quiet,
           w.held_a, w.held_b, w.held_c
    FROM (SELECT clock_timestamp() AS moment) s, LATERAL (
        SELECT count(*) FILTER (WHERE j.queue = 'default') AS depth_default,
               count(*) FILTER (WHERE j.queue = 'scoring') AS depth_scoring,
               count(*) FILTER (WHERE j.queue = 'webhooks') AS depth_webhooks,
               count(*) FILTER (WHERE j.queue = 'chat') AS depth_chat,
               count(*) FILTER (WHERE j.run_at > s.moment) AS held,
               coalesce(extract(epoch FROM s.moment - least(min(j.run_at), s.moment)), 0) AS lag_all,
               coalesce(extract(epoch FROM s.moment
                   - least(min(j.run_at) FILTER (WHERE j.queue <> 'scoring'), s.moment)), 0) AS lag_others,
               coalesce(extract(epoch FROM s.moment
                   - least(min(j.run_at) FILTER (WHERE t.class = 'quiet'), s.moment)), 0) AS lag_quiet,
               count(*) FILTER (WHERE j.run_at > s.moment AND j.queue = 'webhooks' AND t.vendor = 'A') AS held_a,
               count(*) FILTER (WHERE j.run_at > s.moment AND j.queue = 'chat') AS held_b,
               count(*) FILTER (WHERE j.run_at > s.moment AND j.queue = 'webhooks' AND t.vendor = 'C') AS held_c
        FROM sentinel.job_waiting j LEFT JOIN day.tenants t ON t.org_id = j.org_id) w
$$;

CREATE PROCEDURE day.watch() LANGUAGE plpgsql AS $$
DECLARE
    step double precision := (SELECT c.day_seconds / 288 FROM day.clock c);
    begun timestamptz := (SELECT c.started_at FROM day.clock c);
    n integer := 0;
BEGIN
    WHILE NOT EXISTS (SELECT FROM day.clock c WHERE c.ended_at < clock_timestamp()) LOOP
        PERFORM pg_sleep(greatest(0, extract(epoch FROM begun - clock_timestamp()) + n * step));
        PERFORM day.take_sample();
        COMMIT;
        n := greatest(n + 1, ceil(extract(epoch FROM clock_timestamp() - begun) / step)::integer);
    END LOOP;
END
$$;
