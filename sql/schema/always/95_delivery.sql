-- Delivery: job types, routes, trigger, views, rights.

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay,
                                time_limit, description)
VALUES ('dispatch_event', 'sql', 'sentinel.handle_dispatch_event', 'default', 3, 10, '1 s', '5 min', '30 s',
        'makes the deliveries of an event, one per target that wants it'),
       ('send_webhook', 'http', NULL, 'webhooks', 5, 10, '5 s', '1 hour', '30 s',
        'posts a delivery to a webhook endpoint, signed'),
       ('send_slack', 'http', NULL, 'chat', 4, 8, '1 s', '15 min', '30 s',
        'posts a delivery to a Slack channel')
ON CONFLICT (job_type) DO NOTHING;

INSERT INTO sentinel.default_event_routes (event_type, job_type, description)
SELECT t, 'dispatch_event', 'tells the Slack channels and webhook endpoints that want it'
FROM unnest(ARRAY['deal.created', 'deal.stage_changed', 'deal.won', 'deal.lost', 'deal.at_risk', 'deal.recovered',
                  'lead.created']) t
ON CONFLICT (event_type, job_type) DO NOTHING;

DROP TRIGGER IF EXISTS delivery_job_end ON sentinel.job_history;
CREATE TRIGGER delivery_job_end AFTER INSERT ON sentinel.job_history
    FOR EACH ROW WHEN (NEW.outcome IN ('dead', 'cancelled', 'discarded') AND NEW.job_type IN ('send_webhook', 'send_slack', 'send_enrichment', 'send_model', 'send_jwks'))
    EXECUTE FUNCTION sentinel.follow_job_end();

-- What all kinds of target have in common; columns may be added at the end only.
CREATE OR REPLACE VIEW sentinel.delivery_targets WITH (security_invoker = true) AS
    SELECT e.org_id, e.id, 'webhook'::text AS target_kind, coalesce(e.description, sentinel.url_host(e.url)) AS name,
           e.url, e.event_types, e.enabled, e.disabled_at, e.disabled_reason, e.not_before, e.retry_schedule, e.created_at
    FROM sentinel.webhook_endpoints e
    UNION ALL
    SELECT c.org_id, c.id, 'slack', c.name, NULL, c.event_types, c.enabled, c.disabled_at, c.disabled_reason,
           c.not_before, NULL, c.created_at
    FROM sentinel.slack_channels c
    UNION ALL
    SELECT s.org_id, s.id, s.kind, concat_ws(' at ', s.model, sentinel.url_host(s.url)), s.url, '{}', s.enabled, s.disabled_at,
           s.disabled_reason, s.not_before, NULL, s.created_at
    FROM sentinel.services s
    UNION ALL
    SELECT i.org_id, i.id, 'jwks', sentinel.url_host(i.issuer), i.jwks_url, '{}', i.enabled, i.disabled_at, NULL, i.not_before, NULL,
           i.created_at
    FROM sentinel.oidc_issuers i;
COMMENT ON VIEW sentinel.delivery_targets IS 'Slack channels, webhook endpoints, services, and identity providers whose keys are fetched. One row is one target.';
COMMENT ON COLUMN sentinel.delivery_targets.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.delivery_targets.id IS 'Id of the channel, endpoint, service or provider.';
COMMENT ON COLUMN sentinel.delivery_targets.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.delivery_targets.name IS 'Name of the channel; description or host of the endpoint; host of the service, with its model; host of the provider.';
COMMENT ON COLUMN sentinel.delivery_targets.url IS 'Address of an endpoint or service, or of the keys of a provider; that of a channel is a secret.';
COMMENT ON COLUMN sentinel.delivery_targets.event_types IS 'Event types it hears of; a service hears of none, it is asked.';
COMMENT ON COLUMN sentinel.delivery_targets.enabled IS 'Whether events are sent to it.';
COMMENT ON COLUMN sentinel.delivery_targets.disabled_at IS 'When it was disabled.';
COMMENT ON COLUMN sentinel.delivery_targets.disabled_reason IS 'Why it is not enabled.';
COMMENT ON COLUMN sentinel.delivery_targets.not_before IS 'Nothing is sent to it before this time.';
COMMENT ON COLUMN sentinel.delivery_targets.retry_schedule IS 'Waits between attempts of its own.';
COMMENT ON COLUMN sentinel.delivery_targets.created_at IS 'When it was registered.';

CREATE OR REPLACE VIEW sentinel.delivery_status WITH (security_invoker = true) AS
    SELECT d.id::text AS delivery_id, d.message_id, d.target_kind, coalesce(t.name, 'removed') AS target,
           d.event_type, d.event_id::text AS event_id, d.state, d.attempts::numeric AS attempts, d.last_error,
           CASE WHEN d.state = 'waiting' THEN
               (SELECT max(a.next_attempt_at) FROM sentinel.delivery_attempts a
                WHERE a.org_id = d.org_id AND a.delivery_id = d.id) END AS next_attempt_at,
           d.created_at, d.finished_at,
           round(extract(epoch FROM d.finished_at - d.created_at), 3) AS seconds_taken,
           CASE WHEN d.state = 'waiting' THEN d.held_reason END AS held_reason,
           CASE WHEN d.state = 'waiting' THEN d.held_until END AS held_until
    FROM sentinel.deliveries d
    LEFT JOIN sentinel.delivery_targets t ON t.org_id = d.org_id AND t.id = d.target_id;
COMMENT ON VIEW sentinel.delivery_status IS 'How each message to each target stands. One row is one delivery.';
COMMENT ON COLUMN sentinel.delivery_status.delivery_id IS 'Id of the delivery, for sentinel.redeliver().';
COMMENT ON COLUMN sentinel.delivery_status.message_id IS 'webhook-id, the same in all attempts.';
COMMENT ON COLUMN sentinel.delivery_status.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.delivery_status.target IS 'Name of the channel, endpoint or service.';
COMMENT ON COLUMN sentinel.delivery_status.event_type IS 'Event told of, by its outbound name.';
COMMENT ON COLUMN sentinel.delivery_status.event_id IS 'Id of the event.';
COMMENT ON COLUMN sentinel.delivery_status.state IS 'waiting, delivered, failed or discarded.';
COMMENT ON COLUMN sentinel.delivery_status.attempts IS 'Attempts that counted.';
COMMENT ON COLUMN sentinel.delivery_status.last_error IS 'What the last failed attempt met.';
COMMENT ON COLUMN sentinel.delivery_status.next_attempt_at IS 'When it is tried again, where it waits after a failure.';
COMMENT ON COLUMN sentinel.delivery_status.created_at IS 'When the delivery was made.';
COMMENT ON COLUMN sentinel.delivery_status.finished_at IS 'When it ended.';
COMMENT ON COLUMN sentinel.delivery_status.seconds_taken IS 'Seconds from made to ended.';
COMMENT ON COLUMN sentinel.delivery_status.held_reason IS 'Why it was held back, its attempt not counted; empty when it was not.';
COMMENT ON COLUMN sentinel.delivery_status.held_until IS 'When it comes again, where it was held back.';

CREATE OR REPLACE VIEW sentinel.delivery_log WITH (security_invoker = true) AS
    SELECT a.recorded_at, d.target_kind, coalesce(t.name, 'removed') AS target, d.event_type, d.message_id,
           a.n::numeric AS attempt, a.http_status::numeric AS http_status, a.error_code, a.error_detail,
           CASE WHEN a.held THEN a.decision ELSE 'lease lost' END AS outcome, a.next_attempt_at,
           a.retry_after_s::numeric AS retry_after_s, a.started_at,
           round(a.dns_ms::numeric, 1) AS dns_ms, round(a.connect_ms::numeric, 1) AS connect_ms,
           round(a.tls_ms::numeric, 1) AS tls_ms, round(a.ttfb_ms::numeric, 1) AS ttfb_ms,
           round(a.total_ms::numeric, 1) AS total_ms, a.req_bytes::numeric AS req_bytes,
           a.resp_bytes::numeric AS resp_bytes, encode(substring(a.resp_excerpt FROM 1 FOR 500), 'escape') AS answer,
           a.peer_ip, a.worker, d.id::text AS delivery_id
    FROM sentinel.delivery_attempts a
    JOIN sentinel.deliveries d ON d.org_id = a.org_id AND d.id = a.delivery_id
    LEFT JOIN sentinel.delivery_targets t ON t.org_id = d.org_id AND t.id = d.target_id;
COMMENT ON VIEW sentinel.delivery_log IS 'What was sent where and how it ended. One row is one attempt.';
COMMENT ON COLUMN sentinel.delivery_log.recorded_at IS 'When the outcome was recorded.';
COMMENT ON COLUMN sentinel.delivery_log.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.delivery_log.target IS 'Name of the channel, endpoint or service.';
COMMENT ON COLUMN sentinel.delivery_log.event_type IS 'Event told of, by its outbound name.';
COMMENT ON COLUMN sentinel.delivery_log.message_id IS 'webhook-id, the same in all attempts.';
COMMENT ON COLUMN sentinel.delivery_log.attempt IS 'Number of the attempt.';
COMMENT ON COLUMN sentinel.delivery_log.http_status IS 'Status of the answer.';
COMMENT ON COLUMN sentinel.delivery_log.error_code IS 'Kind of failure below HTTP.';
COMMENT ON COLUMN sentinel.delivery_log.error_detail IS 'The failure in words.';
COMMENT ON COLUMN sentinel.delivery_log.outcome IS 'delivered, retry, retry_slow, dead, disable; lease lost where it did not count.';
COMMENT ON COLUMN sentinel.delivery_log.next_attempt_at IS 'When the next attempt was due.';
COMMENT ON COLUMN sentinel.delivery_log.retry_after_s IS 'Seconds the answer asked to wait.';
COMMENT ON COLUMN sentinel.delivery_log.started_at IS 'When the request began.';
COMMENT ON COLUMN sentinel.delivery_log.dns_ms IS 'Milliseconds until the name was resolved.';
COMMENT ON COLUMN sentinel.delivery_log.connect_ms IS 'Milliseconds until the connection stood.';
COMMENT ON COLUMN sentinel.delivery_log.tls_ms IS 'Milliseconds until TLS was agreed.';
COMMENT ON COLUMN sentinel.delivery_log.ttfb_ms IS 'Milliseconds until the first byte of the answer.';
COMMENT ON COLUMN sentinel.delivery_log.total_ms IS 'Milliseconds in all.';
COMMENT ON COLUMN sentinel.delivery_log.req_bytes IS 'Bytes sent.';
COMMENT ON COLUMN sentinel.delivery_log.resp_bytes IS 'Bytes received.';
COMMENT ON COLUMN sentinel.delivery_log.answer IS 'Beginning of the answer, bytes that are no text escaped; empty for what a service answered well.';
COMMENT ON COLUMN sentinel.delivery_log.peer_ip IS 'Address connected to.';
COMMENT ON COLUMN sentinel.delivery_log.worker IS 'Worker that made the request.';
COMMENT ON COLUMN sentinel.delivery_log.delivery_id IS 'Id of the delivery, for sentinel.redeliver().';

-- What was sent holds what the events hold: for owners and admins.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.deliveries;
CREATE POLICY tenant_isolation ON sentinel.deliveries
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS deliveries_view ON sentinel.deliveries;
CREATE POLICY deliveries_view ON sentinel.deliveries AS RESTRICTIVE FOR SELECT
    USING (sentinel.may('assign', NULL, NULL));
DROP POLICY IF EXISTS tenant_isolation ON sentinel.delivery_attempts;
CREATE POLICY tenant_isolation ON sentinel.delivery_attempts
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS delivery_attempts_view ON sentinel.delivery_attempts;
CREATE POLICY delivery_attempts_view ON sentinel.delivery_attempts AS RESTRICTIVE FOR SELECT
    USING (sentinel.may('assign', NULL, NULL));

-- A sealed secret is for the worker alone, and it gets it from http_requests().
REVOKE ALL ON sentinel.secrets FROM PUBLIC, sentinel_reader, sentinel_member, sentinel_operator, sentinel_worker,
    sentinel_gateway, sentinel_admin;
GRANT SELECT ON sentinel.slack_channels, sentinel.webhook_endpoints, sentinel.deliveries, sentinel.delivery_attempts,
    sentinel.delivery_rules, sentinel.retry_schedules, sentinel.delivery_targets, sentinel.delivery_status,
    sentinel.delivery_log TO sentinel_reader, sentinel_member;
GRANT UPDATE (retry_schedule, event_types, description) ON sentinel.webhook_endpoints TO sentinel_operator;
GRANT UPDATE (event_types, name) ON sentinel.slack_channels TO sentinel_operator;
