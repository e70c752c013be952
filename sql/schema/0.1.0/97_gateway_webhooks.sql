-- Room gateway, webhooks in: which vendors, which sources with which keys, and what they sent.

CREATE TABLE sentinel.webhook_vendors (
    vendor text NOT NULL PRIMARY KEY CHECK (vendor ~ '^[a-z][a-z0-9_]{0,40}$'),
    label text NOT NULL,
    schemes text[] NOT NULL CHECK (cardinality(schemes) > 0),
    secret_form text NOT NULL CHECK (secret_form IN ('token', 'credentials', 'whsec')),
    made_by text NOT NULL CHECK (made_by IN ('sentinel', 'vendor')),
    account_label text
);
COMMENT ON TABLE sentinel.webhook_vendors IS 'Who can send webhooks. One row is one vendor, or one way of sending them.';
COMMENT ON COLUMN sentinel.webhook_vendors.vendor IS 'Name, as in the path /webhooks/vendor.';
COMMENT ON COLUMN sentinel.webhook_vendors.label IS 'Name for people.';
COMMENT ON COLUMN sentinel.webhook_vendors.schemes IS 'How it may sign, as webhook_fault() names it; the first where nothing else is said.';
COMMENT ON COLUMN sentinel.webhook_vendors.secret_form IS 'What a secret looks like: token a text, credentials user:password, whsec that of Standard Webhooks.';
COMMENT ON COLUMN sentinel.webhook_vendors.made_by IS 'Who makes the secret: sentinel, for the vendor to be told, or the vendor.';
COMMENT ON COLUMN sentinel.webhook_vendors.account_label IS 'What its customers are told apart by in what it sends; null where nothing does.';

CREATE TABLE sentinel.webhook_sources (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    vendor text NOT NULL REFERENCES sentinel.webhook_vendors,
    scheme text NOT NULL,
    name text NOT NULL CHECK (length(name) >= 1) CHECK (length(name) <= 100),
    purpose text NOT NULL DEFAULT 'events' CHECK (purpose IN ('events', 'lead')),
    account text CHECK (length(account) >= 1) CHECK (length(account) <= 200),
    enabled boolean NOT NULL DEFAULT true,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    CHECK (purpose = 'events' OR vendor IN ('standard', 'generic'))
);
-- A request names a source and no organisation.
CREATE INDEX webhook_sources_find ON sentinel.webhook_sources (vendor, id, org_id);
COMMENT ON TABLE sentinel.webhook_sources IS 'Senders of webhooks that organisations take. One row is one address with its keys.';
COMMENT ON COLUMN sentinel.webhook_sources.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.webhook_sources.id IS 'Id, in the path of the address.';
COMMENT ON COLUMN sentinel.webhook_sources.vendor IS 'Who sends.';
COMMENT ON COLUMN sentinel.webhook_sources.scheme IS 'How it signs.';
COMMENT ON COLUMN sentinel.webhook_sources.name IS 'Name for people.';
COMMENT ON COLUMN sentinel.webhook_sources.purpose IS 'What becomes of a body: events, or lead for one that is a lead.';
COMMENT ON COLUMN sentinel.webhook_sources.account IS 'Account at the vendor whose deliveries are taken; null takes all that the key signs.';
COMMENT ON COLUMN sentinel.webhook_sources.enabled IS 'False refuses everything.';
COMMENT ON COLUMN sentinel.webhook_sources.created_by IS 'Member who added it.';
COMMENT ON COLUMN sentinel.webhook_sources.created_at IS 'When it was added.';
COMMENT ON COLUMN sentinel.webhook_sources.changed_at IS 'When it or its keys were last changed.';

CREATE TABLE sentinel.webhook_keys (
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    kind text NOT NULL DEFAULT 'secret' CHECK (kind IN ('secret', 'public_key')),
    envelope bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    PRIMARY KEY (org_id, source_id, version),
    FOREIGN KEY (org_id, source_id) REFERENCES sentinel.webhook_sources (org_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sentinel.webhook_keys IS 'Keys that webhooks are verified by, sealed under the key of the server. One row is one key of a source.';
COMMENT ON COLUMN sentinel.webhook_keys.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.webhook_keys.source_id IS 'Source.';
COMMENT ON COLUMN sentinel.webhook_keys.version IS 'Number of the key; part of what the envelope is bound to.';
COMMENT ON COLUMN sentinel.webhook_keys.kind IS 'secret shared with the sender, or public_key of the vendor; a new key takes the place of those of its kind.';
COMMENT ON COLUMN sentinel.webhook_keys.envelope IS 'The sealed key.';
COMMENT ON COLUMN sentinel.webhook_keys.created_at IS 'When it was set.';
COMMENT ON COLUMN sentinel.webhook_keys.expires_at IS 'Until when it counts; null until another takes its place.';

CREATE TABLE sentinel.webhook_events (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    source_id uuid NOT NULL,
    vendor text NOT NULL,
    external_id text NOT NULL CHECK (length(external_id) <= 200),
    event_type text CHECK (length(event_type) <= 200),
    headers jsonb NOT NULL DEFAULT '{}',
    body bytea NOT NULL,
    body_sha256 bytea NOT NULL CHECK (length(body_sha256) = 32),
    received_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'ignored', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    items integer NOT NULL DEFAULT 0,
    reason text CHECK (length(reason) <= 500),
    processed_at timestamptz,
    PRIMARY KEY (org_id, id),
    CONSTRAINT webhook_events_external UNIQUE (org_id, source_id, external_id)
);
CREATE INDEX webhook_events_age ON sentinel.webhook_events (org_id, received_at);
CREATE INDEX webhook_events_failed ON sentinel.webhook_events (org_id, received_at) WHERE state = 'failed';
COMMENT ON TABLE sentinel.webhook_events IS 'Webhooks that came in and were authentic, as they came. One row is one delivery, however often it was sent. Kept for 30 days.';
COMMENT ON COLUMN sentinel.webhook_events.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.webhook_events.id IS 'Id.';
COMMENT ON COLUMN sentinel.webhook_events.source_id IS 'Source that it came to; it may be gone.';
COMMENT ON COLUMN sentinel.webhook_events.vendor IS 'Who sent it.';
COMMENT ON COLUMN sentinel.webhook_events.external_id IS 'What the vendor knows the delivery by; a hash of the body where it gives no id.';
COMMENT ON COLUMN sentinel.webhook_events.event_type IS 'What the vendor calls it, where header or path say so; once processed, the event of Sentinel (the first of a batch).';
COMMENT ON COLUMN sentinel.webhook_events.headers IS 'Headers that are no secrets and no signatures.';
COMMENT ON COLUMN sentinel.webhook_events.body IS 'The body, byte by byte.';
COMMENT ON COLUMN sentinel.webhook_events.body_sha256 IS 'SHA-256 of the body.';
COMMENT ON COLUMN sentinel.webhook_events.received_at IS 'When it first came.';
COMMENT ON COLUMN sentinel.webhook_events.state IS 'pending, done, ignored where nobody wants it, failed where it could not be read.';
COMMENT ON COLUMN sentinel.webhook_events.attempts IS 'How often it was processed.';
COMMENT ON COLUMN sentinel.webhook_events.items IS 'Events or leads that came of it.';
COMMENT ON COLUMN sentinel.webhook_events.reason IS 'Why it was ignored or failed.';
COMMENT ON COLUMN sentinel.webhook_events.processed_at IS 'When it was last processed.';
