-- Delivery, limits: what keeps a target from being overrun, as rows.

-- A target without a row here is healthy and has a full bucket and a full budget of retries.
CREATE TABLE sentinel.target_breakers (
    org_id            uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    target_id         uuid        NOT NULL,
    state             text        NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'probing')),
    failures          integer     NOT NULL DEFAULT 0 CHECK (failures >= 0),
    window_started_at timestamptz,
    window_ok         integer     NOT NULL DEFAULT 0 CHECK (window_ok >= 0),
    window_err        integer     NOT NULL DEFAULT 0 CHECK (window_err >= 0),
    opened_n          integer     NOT NULL DEFAULT 0 CHECK (opened_n >= 0),
    opened_at         timestamptz,
    next_probe_at     timestamptz,
    probe_until       timestamptz,
    probe_job_id      uuid,
    probe_lease       bigint,
    probes_ok         integer     NOT NULL DEFAULT 0 CHECK (probes_ok >= 0),
    changed_at        timestamptz NOT NULL DEFAULT now(),
    failed_at         timestamptz,
    last_error        text        CHECK (char_length(last_error) <= 300),
    PRIMARY KEY (org_id, target_id),
    CHECK (state <> 'open' OR next_probe_at IS NOT NULL),
    CHECK ((state = 'probing') = (probe_until IS NOT NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE sentinel.target_breakers IS
    'Breaker of each target that failed once: open while it fails, so that nothing but a probe now and then is sent to it.';
COMMENT ON COLUMN sentinel.target_breakers.org_id IS 'Organisation of the target.';
COMMENT ON COLUMN sentinel.target_breakers.target_id IS 'Slack channel, webhook endpoint or service.';
COMMENT ON COLUMN sentinel.target_breakers.state IS
    'closed: all is sent. open: nothing is sent before next_probe_at, then one probe. probing: a probe is under way.';
COMMENT ON COLUMN sentinel.target_breakers.failures IS 'Failures of its health in a row; five open the breaker.';
COMMENT ON COLUMN sentinel.target_breakers.window_started_at IS 'When the window of 60 seconds began, in which outcomes are counted.';
COMMENT ON COLUMN sentinel.target_breakers.window_ok IS 'Answers in the window that show it is well.';
COMMENT ON COLUMN sentinel.target_breakers.window_err IS 'Failures of its health in the window; half of 20 or more open the breaker.';
COMMENT ON COLUMN sentinel.target_breakers.opened_n IS
    'Times it opened with less than an hour between, failed probes included; each doubles the time to the next probe.';
COMMENT ON COLUMN sentinel.target_breakers.opened_at IS 'When it last went from closed to open.';
COMMENT ON COLUMN sentinel.target_breakers.next_probe_at IS 'When the next probe may go; empty while closed.';
COMMENT ON COLUMN sentinel.target_breakers.probe_until IS 'When the probe under way counts as lost; empty while there is none.';
COMMENT ON COLUMN sentinel.target_breakers.probe_job_id IS 'Job that is the probe under way.';
COMMENT ON COLUMN sentinel.target_breakers.probe_lease IS 'Lease under which the probe''s job was claimed.';
COMMENT ON COLUMN sentinel.target_breakers.probes_ok IS 'Probes in a row that went well; two close the breaker.';
COMMENT ON COLUMN sentinel.target_breakers.changed_at IS 'When the state last changed.';
COMMENT ON COLUMN sentinel.target_breakers.failed_at IS 'When an attempt last failed, of whatever kind.';
COMMENT ON COLUMN sentinel.target_breakers.last_error IS 'What that attempt met, at most 300 characters.';

CREATE TABLE sentinel.rate_limits (
    target_kind        text    PRIMARY KEY CHECK (target_kind IN ('slack', 'webhook', 'enrichment', 'model', 'jwks')),
    per_second         numeric CHECK (per_second BETWEEN 0.001 AND 1000),
    burst              integer NOT NULL DEFAULT 1 CHECK (burst BETWEEN 1 AND 1000),
    retry_share        numeric NOT NULL DEFAULT 0.1 CHECK (retry_share BETWEEN 0 AND 1),
    retries_per_minute numeric NOT NULL DEFAULT 10 CHECK (retries_per_minute BETWEEN 1 AND 60000),
    retry_burst        integer NOT NULL DEFAULT 100 CHECK (retry_burst BETWEEN 1 AND 60000),
    description        text    NOT NULL
);
COMMENT ON TABLE sentinel.rate_limits IS
    'How much may be sent to a target of each kind, and how much of it may be retries; target_limits goes first.';
COMMENT ON COLUMN sentinel.rate_limits.target_kind IS 'slack, webhook, enrichment, model or jwks.';
COMMENT ON COLUMN sentinel.rate_limits.per_second IS 'Requests per second to one target; empty = no limit.';
COMMENT ON COLUMN sentinel.rate_limits.burst IS 'Requests that may go at once after a pause.';
COMMENT ON COLUMN sentinel.rate_limits.retry_share IS 'Retries that each first attempt allows, from 0 to 1.';
COMMENT ON COLUMN sentinel.rate_limits.retries_per_minute IS 'Retries allowed per minute to one target, whatever its traffic.';
COMMENT ON COLUMN sentinel.rate_limits.retry_burst IS 'Most retries that can be saved up, and what a target begins with.';
COMMENT ON COLUMN sentinel.rate_limits.description IS 'Where it comes from.';

INSERT INTO sentinel.rate_limits (target_kind, per_second, burst, description) VALUES
    ('slack', 1, 1, 'Slack takes one message per second and channel'),
    ('webhook', NULL, 1, 'a receiver that wants less answers 429; sentinel.limit_target() sets a limit for one'),
    ('enrichment', NULL, 1, 'a service that wants less answers 429; sentinel.limit_target() sets a limit for one'),
    ('model', NULL, 1, 'a gateway that wants less answers 429; sentinel.limit_target() sets a limit for one'),
    ('jwks', NULL, 1, 'keys are asked for once a minute at most');

CREATE TABLE sentinel.target_limits (
    org_id     uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    target_id  uuid        NOT NULL,
    per_second numeric     NOT NULL CHECK (per_second BETWEEN 0.001 AND 1000),
    burst      integer     NOT NULL CHECK (burst BETWEEN 1 AND 1000),
    set_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, target_id)
);
COMMENT ON TABLE sentinel.target_limits IS 'Limits of single targets, set by sentinel.limit_target(), in place of rate_limits.';
COMMENT ON COLUMN sentinel.target_limits.org_id IS 'Organisation of the target.';
COMMENT ON COLUMN sentinel.target_limits.target_id IS 'Slack channel, webhook endpoint or service.';
COMMENT ON COLUMN sentinel.target_limits.per_second IS 'Requests per second.';
COMMENT ON COLUMN sentinel.target_limits.burst IS 'Requests that may go at once after a pause.';
COMMENT ON COLUMN sentinel.target_limits.set_at IS 'When it was set.';

-- Not logged: after a crash every bucket is full, which is a second's worth too much, once.
CREATE UNLOGGED TABLE sentinel.rate_buckets (
    org_id       uuid             NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    target_id    uuid             NOT NULL,
    tokens       double precision NOT NULL,
    retry_tokens double precision NOT NULL,
    refilled_at  timestamptz      NOT NULL,
    line_until   timestamptz,
    PRIMARY KEY (org_id, target_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE sentinel.rate_buckets IS
    'Tokens that a target has left: one is taken before each request. Rows are made when something is to be counted.';
COMMENT ON COLUMN sentinel.rate_buckets.org_id IS 'Organisation of the target.';
COMMENT ON COLUMN sentinel.rate_buckets.target_id IS 'Slack channel, webhook endpoint or service.';
COMMENT ON COLUMN sentinel.rate_buckets.tokens IS 'Requests that could go at once at refilled_at.';
COMMENT ON COLUMN sentinel.rate_buckets.retry_tokens IS 'Retries that could go at once at refilled_at.';
COMMENT ON COLUMN sentinel.rate_buckets.refilled_at IS 'When both were last counted.';
COMMENT ON COLUMN sentinel.rate_buckets.line_until IS 'First time that no job held back was given yet; the next one is told to come then.';
