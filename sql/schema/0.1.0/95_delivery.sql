-- Delivery: who outside hears of an event, what was sent, how each attempt ended.

CREATE TABLE sentinel.slack_channels (
    org_id          uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    id              uuid        NOT NULL DEFAULT sentinel.uuid7(),
    name            text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    event_types     text[]      NOT NULL,
    enabled         boolean     NOT NULL DEFAULT false,
    disabled_at     timestamptz,
    disabled_reason text,
    not_before      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);
COMMENT ON TABLE sentinel.slack_channels IS
    'Slack incoming webhooks: one row per channel; the address is a sealed secret that only the worker opens.';
COMMENT ON COLUMN sentinel.slack_channels.org_id IS 'Organisation the channel belongs to.';
COMMENT ON COLUMN sentinel.slack_channels.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.slack_channels.name IS 'Name people know the channel by; Slack itself ignores it.';
COMMENT ON COLUMN sentinel.slack_channels.event_types IS
    'Event types posted to the channel: exact names, ''deal.*'' or ''*''.';
COMMENT ON COLUMN sentinel.slack_channels.enabled IS 'Whether events are posted; false until its address was stored.';
COMMENT ON COLUMN sentinel.slack_channels.disabled_at IS 'When it was disabled; empty if it never was.';
COMMENT ON COLUMN sentinel.slack_channels.disabled_reason IS 'Why it is not enabled, in words.';
COMMENT ON COLUMN sentinel.slack_channels.not_before IS 'Nothing is sent before this time: Slack asked to wait.';
COMMENT ON COLUMN sentinel.slack_channels.created_at IS 'When the channel was registered.';

CREATE TABLE sentinel.webhook_endpoints (
    org_id          uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    id              uuid        NOT NULL DEFAULT sentinel.uuid7(),
    url             text        NOT NULL CHECK (octet_length(url) <= 2048),
    description     text        CHECK (char_length(description) <= 500),
    event_types     text[]      NOT NULL,
    enabled         boolean     NOT NULL DEFAULT false,
    disabled_at     timestamptz,
    disabled_reason text,
    not_before      timestamptz,
    failing_since   timestamptz,
    failures_in_row integer     NOT NULL DEFAULT 0 CHECK (failures_in_row >= 0),
    retry_schedule  interval[]  CHECK (cardinality(retry_schedule) BETWEEN 1 AND 20),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
COMMENT ON TABLE sentinel.webhook_endpoints IS
    'Addresses of customers that hear of events by signed POST (Standard Webhooks); at most 50 per organisation.';
COMMENT ON COLUMN sentinel.webhook_endpoints.org_id IS 'Organisation the endpoint belongs to.';
COMMENT ON COLUMN sentinel.webhook_endpoints.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.webhook_endpoints.url IS 'Where to POST; http or https, no userinfo, at most 2048 bytes.';
COMMENT ON COLUMN sentinel.webhook_endpoints.description IS 'What the endpoint is for, in words.';
COMMENT ON COLUMN sentinel.webhook_endpoints.event_types IS
    'Event types sent to the endpoint: exact names, ''deal.*'' or ''*''.';
COMMENT ON COLUMN sentinel.webhook_endpoints.enabled IS 'Whether events are sent; false until its signing key was stored.';
COMMENT ON COLUMN sentinel.webhook_endpoints.disabled_at IS 'When it was disabled; empty if it never was.';
COMMENT ON COLUMN sentinel.webhook_endpoints.disabled_reason IS 'Why it is not enabled, in words.';
COMMENT ON COLUMN sentinel.webhook_endpoints.not_before IS 'Nothing is sent before this time: the receiver asked to wait.';
COMMENT ON COLUMN sentinel.webhook_endpoints.failing_since IS 'First failure since the last success; empty while healthy.';
COMMENT ON COLUMN sentinel.webhook_endpoints.failures_in_row IS 'Failed attempts since the last success.';
COMMENT ON COLUMN sentinel.webhook_endpoints.retry_schedule IS
    'Waits between attempts, in place of the default schedule; one attempt more than it has steps.';
COMMENT ON COLUMN sentinel.webhook_endpoints.created_at IS 'When the endpoint was registered.';

CREATE TABLE sentinel.secrets (
    org_id     uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    id         uuid        NOT NULL DEFAULT sentinel.uuid7(),
    purpose    text        NOT NULL CHECK (purpose IN ('slack_url', 'webhook_key', 'enrichment_key', 'model_key')),
    target_id  uuid        NOT NULL,
    version    integer     NOT NULL CHECK (version >= 1),
    envelope   bytea       CHECK (octet_length(envelope) BETWEEN 34 AND 8192),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, target_id, version)
);
COMMENT ON TABLE sentinel.secrets IS
    'Sealed secrets of channels, endpoints and services. The key that opens them is with the worker: the database stores them and can read none.';
COMMENT ON COLUMN sentinel.secrets.org_id IS 'Organisation the secret belongs to; bound into the envelope.';
COMMENT ON COLUMN sentinel.secrets.id IS 'Identifier, uuid version 7; bound into the envelope.';
COMMENT ON COLUMN sentinel.secrets.purpose IS 'slack_url, webhook_key, enrichment_key or model_key.';
COMMENT ON COLUMN sentinel.secrets.target_id IS 'Slack channel, webhook endpoint or service the secret is for.';
COMMENT ON COLUMN sentinel.secrets.version IS 'Counts up per target; bound into the envelope.';
COMMENT ON COLUMN sentinel.secrets.envelope IS
    'AES-256-GCM envelope: 0x01, 0x01, key id (4 bytes), nonce (12), ciphertext, tag (16); empty until the worker sealed it.';
COMMENT ON COLUMN sentinel.secrets.created_at IS 'When the row was made.';
COMMENT ON COLUMN sentinel.secrets.retired_at IS
    'From when on the secret is no longer used; in the future while two keys overlap.';

CREATE TABLE sentinel.deliveries (
    org_id       uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    id           uuid        NOT NULL DEFAULT sentinel.uuid7(),
    -- Asked at each update: with the count inside, the pattern alone would take longer than the update.
    message_id   text        NOT NULL CHECK (message_id ~ '^msg_[0-9A-Za-z]+$' AND length(message_id) BETWEEN 20 AND 64),
    target_kind  text        NOT NULL CHECK (target_kind IN ('slack', 'webhook', 'enrichment', 'model', 'jwks')),
    target_id    uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    event_type   text        NOT NULL,
    body         bytea       NOT NULL,
    content_type text        NOT NULL DEFAULT 'application/json',
    state        text        NOT NULL DEFAULT 'waiting'
                             CHECK (state IN ('waiting', 'delivered', 'failed', 'discarded')),
    attempts     integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    job_id       uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    last_error   text,
    held_until   timestamptz,
    held_reason  text,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, message_id),
    UNIQUE (org_id, event_id, target_kind, target_id)
) WITH (fillfactor = 50); -- the outcome finds room beside its row, and the indexes stay as they are
CREATE INDEX deliveries_job ON sentinel.deliveries (org_id, job_id);
-- Few are held at a time, and an update of another one leaves this index alone.
CREATE INDEX deliveries_held ON sentinel.deliveries (org_id, target_id) WHERE held_until IS NOT NULL;
CREATE INDEX deliveries_target ON sentinel.deliveries (org_id, target_id, created_at DESC);
COMMENT ON TABLE sentinel.deliveries IS
    'One message to one target: a target hears of an event once, whatever number of attempts that takes.';
COMMENT ON COLUMN sentinel.deliveries.org_id IS 'Organisation the delivery belongs to.';
COMMENT ON COLUMN sentinel.deliveries.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.deliveries.message_id IS
    'webhook-id: the same in every attempt and redelivery, so that a receiver can drop what it knows; holds no dot.';
COMMENT ON COLUMN sentinel.deliveries.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.deliveries.target_id IS 'Slack channel, webhook endpoint, service or identity provider.';
COMMENT ON COLUMN sentinel.deliveries.event_id IS 'Event told of; a test message has an id of its own.';
COMMENT ON COLUMN sentinel.deliveries.event_type IS 'Outbound name of the event: deal.closed_won for deal.won.';
COMMENT ON COLUMN sentinel.deliveries.body IS 'Bytes of the request, made once and never serialised again: signatures cover them.';
COMMENT ON COLUMN sentinel.deliveries.content_type IS 'Media type of the body.';
COMMENT ON COLUMN sentinel.deliveries.state IS
    'waiting (a job will try), delivered, failed (no more attempts), discarded (cancelled, or the target stayed disabled).';
COMMENT ON COLUMN sentinel.deliveries.attempts IS 'Attempts whose outcome counted.';
COMMENT ON COLUMN sentinel.deliveries.job_id IS 'Job that delivers it; redelivery makes a new one.';
COMMENT ON COLUMN sentinel.deliveries.created_at IS 'When the delivery was made.';
COMMENT ON COLUMN sentinel.deliveries.finished_at IS 'When it stopped waiting; empty while waiting.';
COMMENT ON COLUMN sentinel.deliveries.last_error IS 'What the last failed attempt met; empty after a success.';
COMMENT ON COLUMN sentinel.deliveries.held_until IS
    'Until when its job was last held back, its attempt not counted; empty when it was not since the last attempt.';
COMMENT ON COLUMN sentinel.deliveries.held_reason IS 'Why it was held back.';
COMMENT ON INDEX sentinel.deliveries_job IS 'The delivery of a job.';
COMMENT ON INDEX sentinel.deliveries_target IS 'The newest deliveries of a target.';

CREATE TABLE sentinel.delivery_attempts (
    org_id          uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT sentinel.uuid7(),
    delivery_id     uuid        NOT NULL,
    n               integer     NOT NULL CHECK (n >= 1),
    job_id          uuid        NOT NULL,
    lease           bigint      NOT NULL,
    held            boolean     NOT NULL,
    worker          text        NOT NULL DEFAULT '',
    started_at      timestamptz NOT NULL,
    sent            boolean     NOT NULL DEFAULT true,
    queue_ms        double precision,
    dns_ms          double precision,
    connect_ms      double precision,
    tls_ms          double precision,
    ttfb_ms         double precision,
    total_ms        double precision,
    peer_ip         text,
    http_status     integer,
    error_code      text,
    error_detail    text,
    req_bytes       bigint,
    resp_bytes      bigint,
    resp_excerpt    bytea       CHECK (octet_length(resp_excerpt) <= 16384),
    resp_truncated  boolean     NOT NULL DEFAULT false,
    retry_after_s   integer,
    decision        text        CHECK (decision IN ('delivered', 'retry', 'retry_slow', 'dead', 'disable')),
    hold_target     boolean     NOT NULL DEFAULT false,
    next_attempt_at timestamptz,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, job_id, lease),
    FOREIGN KEY (org_id, delivery_id) REFERENCES sentinel.deliveries (org_id, id) ON DELETE CASCADE
);
CREATE INDEX delivery_attempts_delivery ON sentinel.delivery_attempts (org_id, delivery_id, n);
COMMENT ON TABLE sentinel.delivery_attempts IS
    'One row per request that a worker reported; a report of a lost lease is kept, and changes nothing else.';
COMMENT ON COLUMN sentinel.delivery_attempts.org_id IS 'Organisation the attempt belongs to.';
COMMENT ON COLUMN sentinel.delivery_attempts.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.delivery_attempts.delivery_id IS 'Delivery attempted.';
COMMENT ON COLUMN sentinel.delivery_attempts.n IS 'Number of the attempt within its delivery, from 1.';
COMMENT ON COLUMN sentinel.delivery_attempts.job_id IS 'Job the attempt was made for.';
COMMENT ON COLUMN sentinel.delivery_attempts.lease IS 'Lease under which the job was held.';
COMMENT ON COLUMN sentinel.delivery_attempts.held IS 'Whether the lease still held when the outcome arrived; if not, it changed nothing.';
COMMENT ON COLUMN sentinel.delivery_attempts.worker IS 'Worker that made the request.';
COMMENT ON COLUMN sentinel.delivery_attempts.started_at IS 'When the request began, by the worker''s clock.';
COMMENT ON COLUMN sentinel.delivery_attempts.sent IS 'Whether any byte of the request left the worker.';
COMMENT ON COLUMN sentinel.delivery_attempts.queue_ms IS 'Milliseconds between claim and start.';
COMMENT ON COLUMN sentinel.delivery_attempts.dns_ms IS 'Milliseconds until the name was resolved.';
COMMENT ON COLUMN sentinel.delivery_attempts.connect_ms IS 'Milliseconds until the connection stood.';
COMMENT ON COLUMN sentinel.delivery_attempts.tls_ms IS 'Milliseconds until TLS was agreed.';
COMMENT ON COLUMN sentinel.delivery_attempts.ttfb_ms IS 'Milliseconds until the first byte of the answer.';
COMMENT ON COLUMN sentinel.delivery_attempts.total_ms IS 'Milliseconds in all.';
COMMENT ON COLUMN sentinel.delivery_attempts.peer_ip IS 'Address connected to.';
COMMENT ON COLUMN sentinel.delivery_attempts.http_status IS 'Status of the answer; empty when none came.';
COMMENT ON COLUMN sentinel.delivery_attempts.error_code IS 'Kind of failure below HTTP; empty when an answer came whole.';
COMMENT ON COLUMN sentinel.delivery_attempts.error_detail IS 'The failure in words, at most 200 characters.';
COMMENT ON COLUMN sentinel.delivery_attempts.req_bytes IS 'Bytes sent.';
COMMENT ON COLUMN sentinel.delivery_attempts.resp_bytes IS 'Bytes received.';
COMMENT ON COLUMN sentinel.delivery_attempts.resp_excerpt IS 'Beginning of the answer''s body, at most 16 KiB, as bytes; what a service answered well is kept in service_requests instead.';
COMMENT ON COLUMN sentinel.delivery_attempts.resp_truncated IS 'Whether the body was longer than the excerpt.';
COMMENT ON COLUMN sentinel.delivery_attempts.retry_after_s IS 'Seconds the answer asked to wait.';
COMMENT ON COLUMN sentinel.delivery_attempts.decision IS 'What the rules made of it; empty when the lease was lost.';
COMMENT ON COLUMN sentinel.delivery_attempts.hold_target IS 'Whether the wait applies to everything sent to the target.';
COMMENT ON COLUMN sentinel.delivery_attempts.next_attempt_at IS 'When the next attempt is due; empty when there is none.';
COMMENT ON COLUMN sentinel.delivery_attempts.recorded_at IS 'When the database learnt of it.';
COMMENT ON INDEX sentinel.delivery_attempts_delivery IS 'The attempts of a delivery, in order.';

-- How an outcome is judged: the first row that matches, by rank. A NULL condition is no condition;
-- error_code 'none' = an answer came whole, 'any' = some failure below HTTP.
CREATE TABLE sentinel.delivery_rules (
    target_kind text     NOT NULL CHECK (target_kind IN ('slack', 'webhook', 'enrichment', 'model', 'jwks')),
    rank        integer  NOT NULL,
    status_from integer,
    status_to   integer,
    error_code  text,
    body_prefix text,
    decision    text     NOT NULL CHECK (decision IN ('delivered', 'retry', 'retry_slow', 'dead', 'disable')),
    min_delay   interval NOT NULL DEFAULT '0',
    hold_target boolean  NOT NULL DEFAULT false,
    description text     NOT NULL,
    PRIMARY KEY (target_kind, rank),
    CHECK ((status_from IS NULL) = (status_to IS NULL) AND status_from <= status_to)
);
COMMENT ON TABLE sentinel.delivery_rules IS
    'What becomes of a delivery by the outcome of an attempt: per kind of target, the first matching row by rank.';
COMMENT ON COLUMN sentinel.delivery_rules.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.delivery_rules.rank IS 'Order of matching, lowest first.';
COMMENT ON COLUMN sentinel.delivery_rules.status_from IS 'Lowest HTTP status matched; empty = any or none.';
COMMENT ON COLUMN sentinel.delivery_rules.status_to IS 'Highest HTTP status matched; empty = any or none.';
COMMENT ON COLUMN sentinel.delivery_rules.error_code IS
    'Failure below HTTP that is matched; none = an answer came whole, any = some failure; empty = either.';
COMMENT ON COLUMN sentinel.delivery_rules.body_prefix IS 'The answer''s body must begin with this; empty = any body.';
COMMENT ON COLUMN sentinel.delivery_rules.decision IS
    'delivered; retry on the schedule; retry_slow = never before 5 minutes; dead = no more attempts; disable = dead, and the target with it.';
COMMENT ON COLUMN sentinel.delivery_rules.min_delay IS 'Least wait before a retry where the receiver named none.';
COMMENT ON COLUMN sentinel.delivery_rules.hold_target IS 'Whether the wait applies to everything sent to the target.';
COMMENT ON COLUMN sentinel.delivery_rules.description IS 'Why.';

INSERT INTO sentinel.delivery_rules
    (target_kind, rank, status_from, status_to, error_code, body_prefix, decision, min_delay, hold_target, description)
VALUES
    ('webhook', 10, 200, 299, NULL, NULL, 'delivered', '0', false, 'received; what is wrong with the rest of the answer does not matter'),
    ('webhook', 20, 410, 410, 'none', NULL, 'disable', '0', false, 'gone: the receiver wants nothing more'),
    ('webhook', 30, 429, 429, 'none', NULL, 'retry', '30 s', true, 'too many requests: everything for the endpoint waits'),
    ('webhook', 40, 503, 503, 'none', NULL, 'retry', '0', true, 'overloaded: everything for the endpoint waits'),
    ('webhook', 41, 529, 529, 'none', NULL, 'retry', '0', true, 'overloaded: everything for the endpoint waits'),
    ('webhook', 42, 408, 408, 'none', NULL, 'retry', '0', true, 'receiver timed out: everything for the endpoint waits'),
    ('webhook', 43, 425, 425, 'none', NULL, 'retry', '0', true, 'too early: everything for the endpoint waits'),
    ('webhook', 50, 300, 399, 'none', NULL, 'retry', '0', false, 'redirects are never followed: the owner must change the address'),
    ('webhook', 60, 400, 499, 'none', NULL, 'retry', '0', false, 'receivers answer 4xx while they are deployed'),
    ('webhook', 70, 500, 599, 'none', NULL, 'retry', '0', false, 'receiver failed'),
    ('webhook', 100, NULL, NULL, 'dns_error', NULL, 'retry_slow', '5 min', false, 'the name does not resolve: seconds do not help'),
    ('webhook', 110, NULL, NULL, 'tls_error', NULL, 'retry_slow', '5 min', false, 'the certificate is not trusted: seconds do not help'),
    ('webhook', 120, NULL, NULL, 'unreachable', NULL, 'retry', '0', false, 'no connection, or an address that may not be called: which of the two only the operator sees, in the log'),
    ('webhook', 130, NULL, NULL, 'secret_error', NULL, 'retry_slow', '5 min', false, 'the signing key could not be opened: the operator must mend the key file'),
    ('webhook', 140, NULL, NULL, 'invalid_request', NULL, 'dead', '0', false, 'no request can be made of it: trying again changes nothing'),
    ('webhook', 150, NULL, NULL, 'redirect_error', NULL, 'retry', '0', false, 'redirects are never followed: the owner must change the address'),
    ('webhook', 160, NULL, NULL, 'aborted', NULL, 'retry', '0', false, 'the worker stopped on the way'),
    ('webhook', 900, NULL, NULL, NULL, NULL, 'retry', '0', false, 'connection or protocol failure: the same webhook-id is sent again'),

    ('slack', 10, 200, 200, NULL, 'ok', 'delivered', '0', false, 'posted'),
    ('slack', 20, 200, 299, NULL, NULL, 'dead', '0', false, 'answer other than ok: it may be posted, so it is not sent again'),
    ('slack', 30, 429, 429, 'none', NULL, 'retry', '5 s', true, 'too many messages: everything for the channel waits'),
    ('slack', 40, 403, 404, 'none', NULL, 'disable', '0', false, 'action_prohibited, invalid_token, no_service or channel_not_found'),
    ('slack', 41, 410, 410, 'none', NULL, 'disable', '0', false, 'channel_is_archived'),
    ('slack', 50, 408, 408, 'none', NULL, 'retry', '0', false, 'Slack timed out'),
    ('slack', 60, 400, 499, 'none', NULL, 'dead', '0', false, 'invalid_payload, no_text and the like: trying again changes nothing'),
    ('slack', 70, 503, 503, 'none', NULL, 'retry', '0', true, 'overloaded: everything for the channel waits'),
    ('slack', 71, 500, 599, 'none', NULL, 'retry', '0', false, 'Slack failed'),
    ('slack', 80, 300, 399, 'none', NULL, 'dead', '0', false, 'redirects are never followed: the address is wrong'),
    ('slack', 100, NULL, NULL, 'secret_error', NULL, 'retry_slow', '5 min', false, 'the address could not be opened: the operator must mend the key file'),
    ('slack', 110, NULL, NULL, 'blocked_address', NULL, 'retry_slow', '5 min', false, 'the address may not be called: seconds do not help'),
    ('slack', 120, NULL, NULL, 'tls_error', NULL, 'retry_slow', '5 min', false, 'the certificate is not trusted: seconds do not help'),
    ('slack', 130, NULL, NULL, 'invalid_request', NULL, 'dead', '0', false, 'the address is not one of Slack: trying again changes nothing'),
    ('slack', 140, NULL, NULL, 'redirect_error', NULL, 'dead', '0', false, 'redirects are never followed: the address is wrong'),
    ('slack', 900, NULL, NULL, NULL, NULL, 'retry', '0', false, 'connection failure; one sent before it broke may show twice, which is better than an alert lost');

-- Of a service the answer is what counts: it must have come whole. What its owner must mend disables it and is told.
INSERT INTO sentinel.delivery_rules
    (target_kind, rank, status_from, status_to, error_code, decision, min_delay, hold_target, description)
SELECT k.kind, r.rank, r.status_from, r.status_to, r.error_code, r.decision, r.min_delay::interval, r.hold_target, r.description
FROM unnest(ARRAY['enrichment', 'model']) AS k(kind)
CROSS JOIN (VALUES
    (10, 200, 299, 'none', 'delivered', '0', false, 'answered'),
    (20, 401, 402, 'none', 'disable', '0', false, 'the key is not taken, or the account has run dry: the owner must mend it'),
    (21, 410, 410, 'none', 'disable', '0', false, 'gone'),
    (22, 300, 399, NULL, 'disable', '0', false, 'redirects are never followed: the owner must change the address'),
    (30, 429, 429, 'none', 'retry', '1 s', true, 'too many requests: everything for the service waits'),
    (31, 503, 503, 'none', 'retry', '0', true, 'overloaded: everything for the service waits'),
    (32, 529, 529, 'none', 'retry', '0', true, 'overloaded: everything for the service waits'),
    (40, 408, 409, 'none', 'retry', '0', false, 'the service timed out, or was busy with the same'),
    (41, 425, 425, 'none', 'retry', '0', false, 'too early'),
    (50, 400, 499, 'none', 'dead', '0', false, 'refuses this request: trying again changes nothing'),
    (60, 500, 599, 'none', 'retry', '0', false, 'the service failed'),
    (100, NULL, NULL, 'tls_error', 'retry_slow', '5 min', false, 'the certificate is not trusted: seconds do not help'),
    (110, NULL, NULL, 'secret_error', 'retry_slow', '5 min', false, 'the key could not be opened: the operator must mend the key file'),
    (120, NULL, NULL, 'invalid_request', 'dead', '0', false, 'no request can be made of it: trying again changes nothing'),
    (900, NULL, NULL, NULL, 'retry', '0', false, 'no answer, or half of one')
) AS r(rank, status_from, status_to, error_code, decision, min_delay, hold_target, description);
INSERT INTO sentinel.delivery_rules
    (target_kind, rank, status_from, status_to, error_code, decision, description)
VALUES
    ('model', 23, 404, 404, 'none', 'disable', 'no such address or model: the owner must change it'),
    ('enrichment', 23, 403, 403, 'none', 'disable', 'the key may not ask: the owner must mend it');

-- Of an identity provider the old keys hold on whatever it answers, and its keys are asked for again within a day.
INSERT INTO sentinel.delivery_rules
    (target_kind, rank, status_from, status_to, error_code, decision, min_delay, hold_target, description)
VALUES
    ('jwks', 10, 200, 299, 'none', 'delivered', '0', false, 'answered'),
    ('jwks', 20, 300, 399, NULL, 'dead', '0', false, 'redirects are never followed: the owner must change the address'),
    ('jwks', 30, 429, 429, 'none', 'retry', '30 s', true, 'too many requests'),
    ('jwks', 31, 503, 503, 'none', 'retry', '0', true, 'overloaded'),
    ('jwks', 40, 408, 408, 'none', 'retry', '0', false, 'the provider timed out'),
    ('jwks', 50, 400, 499, 'none', 'dead', '0', false, 'no keys at this address: trying again changes nothing'),
    ('jwks', 60, 500, 599, 'none', 'retry', '0', false, 'the provider failed'),
    ('jwks', 100, NULL, NULL, 'tls_error', 'retry_slow', '5 min', false, 'the certificate is not trusted: seconds do not help'),
    ('jwks', 110, NULL, NULL, 'invalid_request', 'dead', '0', false, 'no request can be made of it: trying again changes nothing'),
    ('jwks', 900, NULL, NULL, NULL, 'retry', '0', false, 'no answer, or half of one');

CREATE TABLE sentinel.retry_schedules (
    target_kind text     PRIMARY KEY CHECK (target_kind IN ('slack', 'webhook', 'enrichment', 'model', 'jwks')),
    steps       interval[] NOT NULL CHECK (cardinality(steps) >= 1),
    description text     NOT NULL
);
COMMENT ON TABLE sentinel.retry_schedules IS
    'Waits between the attempts of a delivery, before jitter; after the last step the last is repeated.';
COMMENT ON COLUMN sentinel.retry_schedules.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.retry_schedules.steps IS 'Wait after the first failure, the second, and so on.';
COMMENT ON COLUMN sentinel.retry_schedules.description IS 'Where it comes from.';

INSERT INTO sentinel.retry_schedules (target_kind, steps, description) VALUES
    ('webhook', '{5 s,5 min,30 min,2 h,5 h,10 h,14 h,20 h,24 h}',
     'the example of Standard Webhooks: ten attempts over 75 hours'),
    ('slack', '{1 s,2 s,4 s,8 s,16 s,32 s,64 s,128 s,256 s,512 s,15 min}',
     'one second, doubled, at most 15 minutes'),
    ('enrichment', '{5 s,30 s,2 min,5 min,10 min}', 'six attempts: a lead waits for the answer'),
    ('model', '{2 s,15 s,1 min,4 min,10 min}', 'six attempts: a lead or call waits for the judgement'),
    ('jwks', '{1 s,5 s,30 s,2 min}', 'five attempts: somebody may be waiting to sign in');
