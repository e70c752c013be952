-- Room gateway: the tables of routes, limits and settings. Who signs in: 97_gateway_callers.sql.

CREATE TABLE sentinel.http_routes (
    method text NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    pattern text NOT NULL CHECK (pattern ~ '^(/([A-Za-z0-9._-]+|\{[a-z][a-z0-9_]*\}))+$'),
    function_name text NOT NULL,
    access text NOT NULL CHECK (access IN ('public', 'signature', 'member', 'cron', 'operations')),
    scope text CHECK (scope ~ '^[a-z_]+:(read|write)$'),
    role text CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    runs_as text NOT NULL DEFAULT 'member' CHECK (runs_as IN ('member', 'operator', 'engine')),
    max_body_bytes integer NOT NULL DEFAULT 1048576 CHECK (max_body_bytes >= 0) CHECK (max_body_bytes <= 26214400),
    rate_tier text NOT NULL DEFAULT 'normal',
    room text NOT NULL,
    summary text NOT NULL,
    query_parameters jsonb NOT NULL DEFAULT '[]',
    request_schema jsonb,
    response_schema jsonb,
    PRIMARY KEY (method, pattern),
    CHECK ((access IN ('member', 'operations')) = (scope IS NOT NULL)),
    CHECK (access <> 'member' OR role IS NOT NULL)
);
COMMENT ON TABLE sentinel.http_routes IS 'What the gateway serves. One row is one method on one path; a function answers it.';
COMMENT ON COLUMN sentinel.http_routes.method IS 'HTTP method; HEAD is answered as GET without the body.';
COMMENT ON COLUMN sentinel.http_routes.pattern IS 'Path without the optional prefix /api; {name} stands for one segment, given to the function in params.';
COMMENT ON COLUMN sentinel.http_routes.function_name IS 'Qualified function (request jsonb, body bytea) that gives the answer as jsonb.';
COMMENT ON COLUMN sentinel.http_routes.access IS 'Who may call: public anyone, signature whose body is signed, member a session or API key, cron the bearer of the cron secret, operations that bearer or an API key with the scope.';
COMMENT ON COLUMN sentinel.http_routes.scope IS 'What an API key must have been given, as thing:read or thing:write.';
COMMENT ON COLUMN sentinel.http_routes.role IS 'Least role in the organisation of a member who calls.';
COMMENT ON COLUMN sentinel.http_routes.runs_as IS 'Database role whose rights the function has: member (row rights of the caller), operator (queues and deliveries of the organisation) or engine (routes without an organisation).';
COMMENT ON COLUMN sentinel.http_routes.max_body_bytes IS 'Longest request body in bytes.';
COMMENT ON COLUMN sentinel.http_routes.rate_tier IS 'Row of rate_tiers that limits it.';
COMMENT ON COLUMN sentinel.http_routes.room IS 'Room whose things it gives; a route of a room that comes later answers 501 with this name.';
COMMENT ON COLUMN sentinel.http_routes.summary IS 'What it does, one sentence, as in the OpenAPI document.';
COMMENT ON COLUMN sentinel.http_routes.query_parameters IS 'Query parameters: array of objects with name, schema (JSON Schema), description and required.';
COMMENT ON COLUMN sentinel.http_routes.request_schema IS 'JSON Schema of the body; with contentType other than application/json the body is that type.';
COMMENT ON COLUMN sentinel.http_routes.response_schema IS 'JSON Schema of the answer; contentType as in request_schema.';

CREATE TABLE sentinel.rate_tiers (
    tier text NOT NULL PRIMARY KEY CHECK (tier ~ '^[a-z_]{1,40}$'),
    capacity integer NOT NULL CHECK (capacity > 0),
    per_seconds integer NOT NULL CHECK (per_seconds > 0),
    counts_by text NOT NULL CHECK (counts_by IN ('caller', 'address')),
    description text NOT NULL
);
COMMENT ON TABLE sentinel.rate_tiers IS 'Rate limits of the gateway. One row is one tier; every caller has a bucket of its own in each.';
COMMENT ON COLUMN sentinel.rate_tiers.tier IS 'Name that routes refer to.';
COMMENT ON COLUMN sentinel.rate_tiers.capacity IS 'Requests that a full bucket holds.';
COMMENT ON COLUMN sentinel.rate_tiers.per_seconds IS 'Seconds in which an empty bucket fills.';
COMMENT ON COLUMN sentinel.rate_tiers.counts_by IS 'Whose bucket: caller (API key or member; the address of who is neither) or address.';
COMMENT ON COLUMN sentinel.rate_tiers.description IS 'What it is for.';

-- Not logged: after a crash buckets are full again, which is what an hour of quiet would have made of them.
CREATE UNLOGGED TABLE sentinel.request_buckets (
    tier text NOT NULL,
    bucket text NOT NULL,
    tokens double precision NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, tier)
) WITH (fillfactor = 50);
COMMENT ON TABLE sentinel.request_buckets IS 'Token buckets of the gateway. One row is one caller in one tier.';
COMMENT ON COLUMN sentinel.request_buckets.tier IS 'Tier.';
COMMENT ON COLUMN sentinel.request_buckets.bucket IS 'Caller: key:id, user:id or address:text.';
COMMENT ON COLUMN sentinel.request_buckets.tokens IS 'Requests left at updated_at.';
COMMENT ON COLUMN sentinel.request_buckets.updated_at IS 'When tokens was true.';

CREATE TABLE sentinel.gateway_settings (
    only_row boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
    public_url text NOT NULL DEFAULT 'http://127.0.0.1:8080' CHECK (public_url ~ '^https?://[^/?#\s]+$'),
    allowed_origins text[] NOT NULL DEFAULT '{}',
    registration text NOT NULL DEFAULT 'open' CHECK (registration IN ('open', 'invite', 'closed')),
    access_token_minutes integer NOT NULL DEFAULT 15 CHECK (access_token_minutes >= 1) CHECK (access_token_minutes <= 1440),
    session_days integer NOT NULL DEFAULT 30 CHECK (session_days >= 1) CHECK (session_days <= 365),
    password_checks integer NOT NULL DEFAULT 2 CHECK (password_checks >= 1) CHECK (password_checks <= 64),
    cron_secret_sha256 bytea CHECK (length(cron_secret_sha256) = 32),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sentinel.gateway_settings IS 'Settings of the gateway. One row. Changed by configure_gateway().';
COMMENT ON COLUMN sentinel.gateway_settings.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN sentinel.gateway_settings.public_url IS 'Scheme and host under which the outside reaches the gateway; part of what some webhook signatures sign.';
COMMENT ON COLUMN sentinel.gateway_settings.allowed_origins IS 'Web origins whose pages may read answers (CORS).';
COMMENT ON COLUMN sentinel.gateway_settings.registration IS 'Who may register: open anyone, invite who holds an invite, closed nobody.';
COMMENT ON COLUMN sentinel.gateway_settings.access_token_minutes IS 'How long an access token holds, in minutes.';
COMMENT ON COLUMN sentinel.gateway_settings.session_days IS 'How long a session lasts without being refreshed, in days.';
COMMENT ON COLUMN sentinel.gateway_settings.password_checks IS 'Passwords checked at once; each costs about 0.2 s of a core.';
COMMENT ON COLUMN sentinel.gateway_settings.cron_secret_sha256 IS 'SHA-256 of the cron secret; null closes /api/cron with 503.';
COMMENT ON COLUMN sentinel.gateway_settings.changed_at IS 'When a setting was last changed.';

CREATE TABLE sentinel.password_slots (
    slot integer NOT NULL PRIMARY KEY
);
COMMENT ON TABLE sentinel.password_slots IS 'Places for passwords to be checked in, locked while one is. One row is one of the 64 that password_checks may allow.';
COMMENT ON COLUMN sentinel.password_slots.slot IS 'Number; those up to password_checks are used.';

CREATE TABLE sentinel.gateway_requests (
    gateway text NOT NULL,
    method text NOT NULL,
    route text NOT NULL,
    status_class text NOT NULL CHECK (status_class ~ '^[1-5]xx$'),
    requests bigint NOT NULL DEFAULT 0,
    seconds double precision NOT NULL DEFAULT 0,
    buckets bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (gateway, route, method, status_class)
);
COMMENT ON TABLE sentinel.gateway_requests IS 'Requests that gateways have answered, as told by report_requests(). One row is one route and class of status of one gateway.';
COMMENT ON COLUMN sentinel.gateway_requests.gateway IS 'Name of the gateway.';
COMMENT ON COLUMN sentinel.gateway_requests.method IS 'HTTP method.';
COMMENT ON COLUMN sentinel.gateway_requests.route IS 'Pattern of the route; unmatched for a path that has none.';
COMMENT ON COLUMN sentinel.gateway_requests.status_class IS 'Class of the status, such as 2xx.';
COMMENT ON COLUMN sentinel.gateway_requests.requests IS 'Requests so far.';
COMMENT ON COLUMN sentinel.gateway_requests.seconds IS 'Seconds that they took together, from the first byte of the request to the last of the answer.';
COMMENT ON COLUMN sentinel.gateway_requests.buckets IS 'Requests that took at most 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000 ms, each bucket with those below it.';

CREATE TABLE sentinel.gateways (
    gateway text NOT NULL PRIMARY KEY,
    version text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    reported_at timestamptz,
    gauges jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE sentinel.gateways IS 'Gateways that have connected. One row is one gateway.';
COMMENT ON COLUMN sentinel.gateways.gateway IS 'Name it gave itself.';
COMMENT ON COLUMN sentinel.gateways.version IS 'Its version.';
COMMENT ON COLUMN sentinel.gateways.opened_at IS 'When it last connected.';
COMMENT ON COLUMN sentinel.gateways.started_at IS 'When its process began, from when on it counts.';
COMMENT ON COLUMN sentinel.gateways.reported_at IS 'When it last told its figures.';
COMMENT ON COLUMN sentinel.gateways.gauges IS 'What it told last: connections, streams, refused requests.';

CREATE UNLOGGED TABLE sentinel.gateway_documents (
    name text NOT NULL PRIMARY KEY,
    edition text NOT NULL,
    content text NOT NULL
);
COMMENT ON TABLE sentinel.gateway_documents IS 'Documents about the routes, kept until a route changes. One row is one document.';
COMMENT ON COLUMN sentinel.gateway_documents.name IS 'openapi or docs.';
COMMENT ON COLUMN sentinel.gateway_documents.edition IS 'routes_edition() of what it was made from.';
COMMENT ON COLUMN sentinel.gateway_documents.content IS 'The document.';
