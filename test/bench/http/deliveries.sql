-- Make deliveries, spread over all webhook endpoints, and their jobs: as sentinel.make_deliveries() does, all at once.
-- psql variables: n = how many; bytes = size of each body.
SELECT greatest(:bytes - octet_length(sentinel.webhook_body('bench.sent', now(), '{"n": 1000000, "pad": ""}')), 0) AS pad
\gset
CREATE TEMP TABLE made AS
SELECT o.org_id, sentinel.uuid7() AS id, sentinel.uuid7() AS event_id, t.id AS target_id, g.n
FROM sentinel.orgs o, generate_series(0, :n - 1) g(n)
JOIN (SELECT e.id, row_number() OVER (ORDER BY e.id) - 1 AS place, count(*) OVER () AS places
      FROM sentinel.webhook_endpoints e) t ON t.place = g.n % t.places;
INSERT INTO sentinel.deliveries (org_id, id, message_id, target_kind, target_id, event_id, event_type, body)
SELECT m.org_id, m.id, 'msg_' || replace(gen_random_uuid()::text, '-', ''), 'webhook', m.target_id, m.event_id,
       'bench.sent', sentinel.webhook_body('bench.sent', now(),
                                           jsonb_build_object('n', 1000000 + m.n, 'pad', repeat('x', :pad)))
FROM made m;
SELECT sum(sentinel.enqueue_many('send_webhook', part.payloads, max_attempts => 10)) AS enqueued
FROM (SELECT array_agg(jsonb_build_object('delivery_id', m.id) ORDER BY m.n) AS payloads FROM made m
      GROUP BY m.n / 10000) part \g /dev/null
ANALYZE sentinel.deliveries, sentinel.job_waiting;
UPDATE sentinel.deliveries d SET job_id = w.id
FROM sentinel.job_waiting w WHERE w.org_id = d.org_id AND (w.payload ->> 'delivery_id')::uuid = d.id AND d.job_id IS NULL;
VACUUM ANALYZE;
