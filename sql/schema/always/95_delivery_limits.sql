-- Delivery, limits: how each target stands.

CREATE OR REPLACE VIEW sentinel.target_health WITH (security_invoker = true) AS
    SELECT t.org_id, t.id AS target_id, t.target_kind, t.name AS target,
           CASE WHEN NOT t.enabled THEN 'disabled'
                WHEN k.state <> 'closed' THEN 'failing'
                WHEN t.not_before > now() THEN 'asked to wait'
                WHEN r.per_second IS NOT NULL AND b.line_until > now() THEN 'at its limit'
                ELSE 'well' END AS standing,
           coalesce(k.state, 'closed') AS breaker, coalesce(k.failures, 0)::numeric AS failures_in_row,
           k.opened_at, k.next_probe_at, t.not_before, r.per_second, r.burst::numeric AS burst,
           CASE WHEN r.per_second IS NOT NULL THEN
               round(least(r.burst, coalesce(b.tokens::numeric, r.burst) + r.per_second
                           * coalesce(greatest(extract(epoch FROM now() - b.refilled_at), 0), 0)), 2) END AS tokens,
           round(least(m.retry_burst, coalesce(b.retry_tokens::numeric, m.retry_burst) + m.retries_per_minute / 60
                       * coalesce(greatest(extract(epoch FROM now() - b.refilled_at), 0), 0)), 2) AS retries_left,
           w.waiting::numeric AS waiting, w.held::numeric AS held, w.oldest_waiting_at, s.last_success_at,
           k.failed_at AS last_failure_at, k.last_error
    FROM sentinel.delivery_targets t
    JOIN sentinel.rate_limits m ON m.target_kind = t.target_kind
    LEFT JOIN sentinel.target_limits l ON l.org_id = t.org_id AND l.target_id = t.id
    LEFT JOIN sentinel.target_breakers k ON k.org_id = t.org_id AND k.target_id = t.id
    LEFT JOIN sentinel.rate_buckets b ON b.org_id = t.org_id AND b.target_id = t.id
    CROSS JOIN LATERAL (SELECT coalesce(l.per_second, m.per_second) AS per_second, coalesce(l.burst, m.burst) AS burst) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS waiting, count(*) FILTER (WHERE d.held_until > now()) AS held, min(d.created_at) AS oldest_waiting_at
        FROM sentinel.deliveries d WHERE d.org_id = t.org_id AND d.target_id = t.id AND d.state = 'waiting') w
    LEFT JOIN LATERAL (
        SELECT d.finished_at AS last_success_at FROM sentinel.deliveries d
        WHERE d.org_id = t.org_id AND d.target_id = t.id AND d.state = 'delivered'
        ORDER BY d.created_at DESC LIMIT 1) s ON true;
COMMENT ON VIEW sentinel.target_health IS
    'Whether Slack channels, webhook endpoints, services and identity providers take what is sent, and what holds it back. One row is one target.';
COMMENT ON COLUMN sentinel.target_health.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.target_health.target_id IS 'Id of the channel, endpoint or service.';
COMMENT ON COLUMN sentinel.target_health.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.target_health.target IS 'Name of the channel; description or host of the endpoint; host of the service, with its model.';
COMMENT ON COLUMN sentinel.target_health.standing IS
    'disabled; failing: its breaker is not closed; asked to wait: nothing before not_before; at its limit: messages wait for tokens; well.';
COMMENT ON COLUMN sentinel.target_health.breaker IS
    'closed: all is sent; open: nothing but a probe from next_probe_at on; probing: a probe is under way.';
COMMENT ON COLUMN sentinel.target_health.failures_in_row IS 'Failures of its health in a row; five open the breaker.';
COMMENT ON COLUMN sentinel.target_health.opened_at IS 'When the breaker last opened.';
COMMENT ON COLUMN sentinel.target_health.next_probe_at IS 'When the next message may be tried as a probe.';
COMMENT ON COLUMN sentinel.target_health.not_before IS 'Nothing is sent before this time: the receiver asked to wait.';
COMMENT ON COLUMN sentinel.target_health.per_second IS 'Requests per second it may get; empty = no limit.';
COMMENT ON COLUMN sentinel.target_health.burst IS 'Requests that may go at once after a pause.';
COMMENT ON COLUMN sentinel.target_health.tokens IS 'Requests that could go now; empty without a limit.';
COMMENT ON COLUMN sentinel.target_health.retries_left IS 'Retries that could go now.';
COMMENT ON COLUMN sentinel.target_health.waiting IS 'Deliveries that wait.';
COMMENT ON COLUMN sentinel.target_health.held IS 'Of these, those held back by a limit, their attempts not counted.';
COMMENT ON COLUMN sentinel.target_health.oldest_waiting_at IS 'When the oldest delivery that waits was made.';
COMMENT ON COLUMN sentinel.target_health.last_success_at IS 'When the newest delivered message arrived.';
COMMENT ON COLUMN sentinel.target_health.last_failure_at IS 'When an attempt last failed.';
COMMENT ON COLUMN sentinel.target_health.last_error IS 'What that attempt met.';

GRANT SELECT ON sentinel.target_breakers, sentinel.rate_limits, sentinel.target_limits, sentinel.rate_buckets, sentinel.target_health
    TO sentinel_reader, sentinel_member;
GRANT UPDATE (per_second, burst, retry_share, retries_per_minute, retry_burst) ON sentinel.rate_limits TO sentinel_admin;
