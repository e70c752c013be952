-- What the day came to, a line "name|value" each; after counts.sql, in the same session.

-- From the event to the vendor's answer.
CREATE TEMP TABLE told AS
    SELECT t.vendor, n.class, day.hour_of(d.created_at) AS hour, d.state, d.attempts,
           extract(epoch FROM d.finished_at - e.recorded_at) AS seconds, day.hour_of(d.finished_at) AS finished
    FROM sentinel.deliveries d
    JOIN day.targets t ON t.target_id = d.target_id
    JOIN day.tenants n ON n.org_id = d.org_id
    JOIN sentinel.events e ON e.org_id = d.org_id AND e.id = d.event_id;
-- An outage and its wake: until the last message made during it was delivered.
CREATE TEMP TABLE wakes AS
    SELECT o.vendor, min(o.from_hour) AS from_hour, max(o.to_hour) AS to_hour,
           (SELECT max(t.finished) FROM told t
             WHERE t.vendor = o.vendor AND t.hour BETWEEN min(o.from_hour) AND max(o.to_hour)) AS over
    FROM day.outages o GROUP BY o.vendor;
CREATE TEMP TABLE waits AS
    SELECT n.class, h.queue, h.job_type, h.outcome, h.id, extract(epoch FROM h.claimed_at - h.run_at) AS seconds
    FROM sentinel.job_history h JOIN day.tenants n ON n.org_id = h.org_id WHERE h.claimed_at IS NOT NULL;
-- The messages that no outage of their vendor delayed. A second either way: an outage is noted from within.
CREATE TEMP VIEW calm AS
    SELECT t.* FROM told t
    WHERE NOT EXISTS (SELECT FROM wakes w, day.clock c, LATERAL (SELECT 24 / c.day_seconds AS margin) m
                      WHERE w.vendor = t.vendor
                        AND t.hour BETWEEN w.from_hour - m.margin AND greatest(w.over, w.to_hour + m.margin));

\pset tuples_only on
\pset format unaligned
SELECT 'events', count(*) FROM sentinel.events;
SELECT 'leads', count(*) FROM sentinel.events WHERE event_type = 'shop.lead';
SELECT 'rated', count(*) FROM day.rated;
SELECT 'rated_distinct', count(DISTINCT (org_id, lead)) FROM day.rated;
SELECT 'deliveries', count(*) FROM told;
SELECT 'delivered', count(*) FROM told WHERE state = 'delivered';
SELECT 'jobs', count(DISTINCT (org_id, id)) FROM sentinel.job_history;
SELECT 'jobs_completed', count(*) FROM sentinel.job_history WHERE outcome = 'completed';
SELECT 'jobs_dead', count(*) FROM sentinel.job_dead;
SELECT 'jobs_lost_worker', count(*) FROM sentinel.job_history WHERE outcome = 'lease_expired';
SELECT 'attempts', count(*) FROM sentinel.job_history;
SELECT 'failed_' || v, (SELECT sum(CASE v WHEN 'a' THEN failed_a WHEN 'b' THEN failed_b WHEN 'c' THEN failed_c
                                        ELSE failed_sql END) FROM drawn)
    FROM unnest(ARRAY['a', 'b', 'c', 'sql']) v;
SELECT 'held_most_' || v, (SELECT max(CASE v WHEN 'a' THEN held_a WHEN 'b' THEN held_b ELSE held_c END) FROM drawn)
    FROM unnest(ARRAY['a', 'b', 'c']) v;
-- What a vendor took while it was out. The first second is left to the reports of what it had taken before.
SELECT 'taken_in_outage_' || lower(w.vendor), (SELECT count(*) FROM told t WHERE t.vendor = w.vendor
    AND t.finished > w.from_hour + 24 / c.day_seconds AND t.finished < w.to_hour) FROM wakes w, day.clock c;
SELECT 'made_in_outage_' || lower(w.vendor), (SELECT count(*) FROM told t WHERE t.vendor = w.vendor
    AND t.hour BETWEEN w.from_hour AND w.to_hour) FROM wakes w;
SELECT 'caught_up_' || lower(w.vendor), round((w.over - w.to_hour)::numeric, 2) FROM wakes w;
SELECT 'tries_most_' || lower(w.vendor), (SELECT max(t.attempts) FROM told t WHERE t.vendor = w.vendor) FROM wakes w;
SELECT 'quiet_lag', max(lag_quiet) FROM drawn;
SELECT 'all_lag', max(lag_all) FROM drawn;
SELECT 'quiet_wait', round(max(seconds)::numeric, 2) FROM waits WHERE class = 'quiet';
SELECT 'quiet_wait_p50',
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds))::numeric, 3) FROM waits WHERE class = 'quiet';
SELECT 'import_wait', round(max(seconds)::numeric, 1) FROM waits
    WHERE job_type = 'rate_lead' AND outcome = 'completed';
SELECT 'quiet_calm', count(*) FROM calm WHERE class = 'quiet';
SELECT 'quiet_told', round(max(seconds)::numeric, 2) FROM calm WHERE class = 'quiet';
SELECT 'quiet_told_p50',
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds))::numeric, 3) FROM calm WHERE class = 'quiet';
SELECT 'import_hour', round(day.hour_of(min(recorded_at))::numeric, 3) FROM sentinel.events
    WHERE event_type = 'shop.lead';
SELECT 'orgs', count(*) FROM day.tenants;
SELECT 'bursts', string_agg(round(day.hour_of(at)::numeric, 3)::text || ' ' || n, ',' ORDER BY at)
    FROM (SELECT recorded_at AS at, count(*) AS n FROM sentinel.events WHERE event_type = 'shop.order'
          GROUP BY org_id, recorded_at HAVING count(*) >= 100) b;
