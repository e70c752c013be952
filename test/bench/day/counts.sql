-- The samples with what happened between each and the one before it, one row each; for draw.py.

CREATE TEMP TABLE bounds AS
    SELECT s.at, coalesce(lag(s.at) OVER (ORDER BY s.at), '-infinity') AS since FROM day.samples s;
CREATE INDEX ON bounds (at);

-- What ended, and in which interval.
CREATE TEMP TABLE ended AS
    SELECT (SELECT b.at FROM bounds b WHERE b.at >= x.moment ORDER BY b.at LIMIT 1) AS at, x.vendor, x.good
    FROM (SELECT a.recorded_at AS moment, t.vendor, a.decision = 'delivered' AS good
          FROM sentinel.delivery_attempts a
          JOIN sentinel.deliveries d ON d.org_id = a.org_id AND d.id = a.delivery_id
          JOIN day.targets t ON t.target_id = d.target_id
          WHERE a.held
          UNION ALL
          SELECT h.finished_at, 'sql', h.outcome = 'completed'
          FROM sentinel.job_history h WHERE h.queue IN ('default', 'scoring')) x;

CREATE TEMP VIEW drawn AS
    SELECT round(day.hour_of(s.at)::numeric, 3) AS hour,
           s.depth_default, s.depth_scoring, s.depth_webhooks, s.depth_chat, s.held, s.running,
           round(s.lag_all::numeric, 3) AS lag_all,
           round(s.lag_others::numeric, 3) AS lag_others, round(s.lag_quiet::numeric, 3) AS lag_quiet,
           s.held_a, s.held_b, s.held_c,
           e.done_a, e.done_b, e.done_c, e.failed_a, e.failed_b, e.failed_c, e.done_sql, e.failed_sql
    FROM day.samples s
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE e.good AND e.vendor = 'A') AS done_a,
               count(*) FILTER (WHERE e.good AND e.vendor = 'B') AS done_b,
               count(*) FILTER (WHERE e.good AND e.vendor = 'C') AS done_c,
               count(*) FILTER (WHERE NOT e.good AND e.vendor = 'A') AS failed_a,
               count(*) FILTER (WHERE NOT e.good AND e.vendor = 'B') AS failed_b,
               count(*) FILTER (WHERE NOT e.good AND e.vendor = 'C') AS failed_c,
               count(*) FILTER (WHERE e.good AND e.vendor = 'sql') AS done_sql,
               count(*) FILTER (WHERE NOT e.good AND e.vendor = 'sql') AS failed_sql
        FROM ended e WHERE e.at = s.at) e ON true
    ORDER BY s.at;
