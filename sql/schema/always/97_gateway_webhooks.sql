-- Room gateway, webhooks in: vendors, job types, route, view, row rights, grants.

INSERT INTO sentinel.webhook_vendors (vendor, label, schemes, secret_form, made_by, account_label) VALUES
    ('github', 'GitHub', '{github}', 'token', 'sentinel', 'installation id'),
    ('gohighlevel', 'GoHighLevel', '{gohighlevel}', 'token', 'sentinel', 'location id'),
    ('hubspot', 'HubSpot', '{hubspot}', 'token', 'vendor', 'portal id'),
    ('pipedrive', 'Pipedrive', '{pipedrive}', 'credentials', 'sentinel', 'company id'),
    ('zendesk', 'Zendesk', '{zendesk,zendesk_body_first}', 'token', 'vendor', 'account id'),
    ('slack', 'Slack', '{slack}', 'token', 'vendor', 'team id'),
    ('pagerduty', 'PagerDuty', '{pagerduty}', 'token', 'vendor', NULL),
    ('resend', 'Resend', '{standard}', 'whsec', 'vendor', NULL),
    ('standard', 'Standard Webhooks', '{standard}', 'whsec', 'sentinel', NULL),
    ('generic', 'any other sender', '{hmac_sha256,shared_secret,basic,standard}', 'token', 'sentinel', NULL)
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay, time_limit, description)
VALUES ('process_webhook', 'sql', 'sentinel.handle_process_webhook', 'default', 4, 5, '10 s', '1 hour', '30 s',
        'makes events or a lead of a webhook that came in'),
       ('fail_webhook', 'sql', 'sentinel.handle_fail_webhook', 'default', 5, 3, '10 s', '1 hour', '30 s',
        'marks the webhook of a dead process_webhook job as failed')
ON CONFLICT (job_type) DO NOTHING;

INSERT INTO sentinel.default_event_routes (event_type, job_type, description)
VALUES ('job.dead', 'fail_webhook', 'marks the webhook whose job is dead as failed')
ON CONFLICT (event_type, job_type) DO NOTHING;

CREATE OR REPLACE VIEW sentinel.webhook_failures WITH (security_invoker = true) AS
    SELECT w.id::text AS webhook_event_id, w.vendor, coalesce(s.name, 'removed') AS source, w.external_id, w.event_type, w.reason,
           w.attempts::numeric AS attempts, w.received_at, w.processed_at
    FROM sentinel.webhook_events w
    LEFT JOIN sentinel.webhook_sources s ON s.org_id = w.org_id AND s.id = w.source_id
    WHERE w.state = 'failed';
COMMENT ON VIEW sentinel.webhook_failures IS 'Webhooks that came in and could not be processed. One row is one delivery.';
COMMENT ON COLUMN sentinel.webhook_failures.webhook_event_id IS 'Id, for sentinel.replay_webhook().';
COMMENT ON COLUMN sentinel.webhook_failures.vendor IS 'Who sent it.';
COMMENT ON COLUMN sentinel.webhook_failures.source IS 'Name of the source.';
COMMENT ON COLUMN sentinel.webhook_failures.external_id IS 'What the vendor knows it by.';
COMMENT ON COLUMN sentinel.webhook_failures.event_type IS 'What the vendor calls it, where it says so outside the body.';
COMMENT ON COLUMN sentinel.webhook_failures.reason IS 'Why it failed.';
COMMENT ON COLUMN sentinel.webhook_failures.attempts IS 'How often it was processed.';
COMMENT ON COLUMN sentinel.webhook_failures.received_at IS 'When it came.';
COMMENT ON COLUMN sentinel.webhook_failures.processed_at IS 'When it was last processed.';

CREATE OR REPLACE VIEW sentinel.webhook_log WITH (security_invoker = true) AS
    SELECT w.org_id, w.id, w.source_id, coalesce(s.name, 'removed') AS source, w.vendor, w.external_id, w.event_type, w.headers, w.state,
           w.reason, w.items, w.attempts, w.received_at, w.processed_at
    FROM sentinel.webhook_events w
    LEFT JOIN sentinel.webhook_sources s ON s.org_id = w.org_id AND s.id = w.source_id;
COMMENT ON VIEW sentinel.webhook_log IS 'Webhooks that came in, without their bodies. One row is one delivery.';
COMMENT ON COLUMN sentinel.webhook_log.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.webhook_log.id IS 'Id.';
COMMENT ON COLUMN sentinel.webhook_log.source_id IS 'Source that it came to.';
COMMENT ON COLUMN sentinel.webhook_log.source IS 'Name of the source.';
COMMENT ON COLUMN sentinel.webhook_log.vendor IS 'Who sent it.';
COMMENT ON COLUMN sentinel.webhook_log.external_id IS 'What the vendor knows it by.';
COMMENT ON COLUMN sentinel.webhook_log.event_type IS 'What it told of, or what the vendor calls it while it is not processed.';
COMMENT ON COLUMN sentinel.webhook_log.headers IS 'Headers that are no secrets and no signatures.';
COMMENT ON COLUMN sentinel.webhook_log.state IS 'pending, done, ignored or failed.';
COMMENT ON COLUMN sentinel.webhook_log.reason IS 'Why it was ignored or failed.';
COMMENT ON COLUMN sentinel.webhook_log.items IS 'Events or leads that came of it.';
COMMENT ON COLUMN sentinel.webhook_log.attempts IS 'How often it was processed.';
COMMENT ON COLUMN sentinel.webhook_log.received_at IS 'When it came.';
COMMENT ON COLUMN sentinel.webhook_log.processed_at IS 'When it was last processed.';

-- For owners and admins, as what is sent out.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.webhook_sources;
CREATE POLICY tenant_isolation ON sentinel.webhook_sources
    USING (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL))
    WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS tenant_isolation ON sentinel.webhook_keys;
CREATE POLICY tenant_isolation ON sentinel.webhook_keys
    USING (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL))
    WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS tenant_isolation ON sentinel.webhook_events;
CREATE POLICY tenant_isolation ON sentinel.webhook_events
    USING (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL))
    WITH CHECK (org_id = sentinel.current_org());

GRANT SELECT ON sentinel.webhook_vendors, sentinel.webhook_sources, sentinel.webhook_failures, sentinel.webhook_log TO sentinel_reader, sentinel_member, sentinel_operator;
-- No envelope and no body.
GRANT SELECT (org_id, source_id, version, kind, created_at, expires_at) ON sentinel.webhook_keys TO sentinel_member, sentinel_operator;
GRANT SELECT (org_id, id, source_id, vendor, external_id, event_type, headers, body_sha256, received_at, state, attempts, items, reason,
              processed_at) ON sentinel.webhook_events TO sentinel_reader, sentinel_member, sentinel_operator;
