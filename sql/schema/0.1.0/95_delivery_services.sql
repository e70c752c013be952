-- Delivery, services: what they are asked, and what they answered.

CREATE TABLE sentinel.default_prompts (
    purpose text NOT NULL PRIMARY KEY CHECK (purpose IN ('qualify_lead', 'analyze_call')),
    instructions text NOT NULL CHECK (length(instructions) BETWEEN 1 AND 20000)
);
COMMENT ON TABLE sentinel.default_prompts IS 'What every organisation tells a language model at first. One row is one purpose.';
COMMENT ON COLUMN sentinel.default_prompts.purpose IS 'What it is told for.';
COMMENT ON COLUMN sentinel.default_prompts.instructions IS 'What it is told.';

CREATE TABLE sentinel.prompts (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('qualify_lead', 'analyze_call')),
    instructions text NOT NULL CHECK (length(instructions) BETWEEN 1 AND 20000),
    PRIMARY KEY (org_id, purpose)
);
COMMENT ON TABLE sentinel.prompts IS
    'What an organisation tells its language model: what to judge by and the members of the JSON object to answer with. Sentinel adds the data, fenced, and that nothing in it is an order. One row is one purpose; a default that is deleted comes back with install().';
COMMENT ON COLUMN sentinel.prompts.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.prompts.purpose IS 'qualify_lead: how well a lead fits. analyze_call: what a transcript tells.';
COMMENT ON COLUMN sentinel.prompts.instructions IS
    'What the model is told, sent as the system message. What members of the answer are read: read_qualification(), read_call_analysis().';

CREATE TABLE sentinel.service_requests (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    service_id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('enrich_lead', 'qualify_lead', 'analyze_call')),
    lead_id uuid NOT NULL,
    call_id uuid,
    transcript_version integer,
    cause_id uuid NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}',
    as_of timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'answered', 'unanswered', 'used', 'invalid', 'late')),
    problem text CHECK (length(problem) <= 500),
    answer bytea CHECK (octet_length(answer) <= 262144),
    answer_cut boolean NOT NULL DEFAULT false,
    input_tokens bigint CHECK (input_tokens >= 0),
    output_tokens bigint CHECK (output_tokens >= 0),
    asked_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    applied_at timestamptz,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, purpose, lead_id, cause_id),
    FOREIGN KEY (org_id, id) REFERENCES sentinel.deliveries (org_id, id) ON DELETE CASCADE,
    CHECK ((purpose = 'analyze_call') = (call_id IS NOT NULL))
);
CREATE INDEX service_requests_asked ON sentinel.service_requests (org_id, asked_at);
COMMENT ON TABLE sentinel.service_requests IS
    'What services were asked, what they answered and what became of it. One row is one request, however many attempts it took.';
COMMENT ON COLUMN sentinel.service_requests.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.service_requests.id IS 'Id of the request, and of the delivery that carries it: its body is what was asked.';
COMMENT ON COLUMN sentinel.service_requests.service_id IS 'Service asked; it may be gone since.';
COMMENT ON COLUMN sentinel.service_requests.purpose IS 'What for: enrich_lead, qualify_lead or analyze_call.';
COMMENT ON COLUMN sentinel.service_requests.lead_id IS 'Lead that it is about; resolve_lead() gives the one that it was merged into.';
COMMENT ON COLUMN sentinel.service_requests.call_id IS 'Call that it is about, for analyze_call.';
COMMENT ON COLUMN sentinel.service_requests.transcript_version IS 'Version of the transcript that was shown.';
COMMENT ON COLUMN sentinel.service_requests.cause_id IS 'Event or job that asked for it: a lead is judged once per cause.';
COMMENT ON COLUMN sentinel.service_requests.facts IS 'What was known of the lead when it was asked.';
COMMENT ON COLUMN sentinel.service_requests.as_of IS 'As of when the lead or call is judged.';
COMMENT ON COLUMN sentinel.service_requests.state IS
    'asked; answered or unanswered, until a job has seen to it; used; invalid: the answer could not be used; late: something newer was known by then. After unanswered and invalid the rules judged.';
COMMENT ON COLUMN sentinel.service_requests.problem IS 'Why the answer was not used, or none came.';
COMMENT ON COLUMN sentinel.service_requests.answer IS 'Body of the answer as it came, at most 256 KiB.';
COMMENT ON COLUMN sentinel.service_requests.answer_cut IS 'Whether the body was longer.';
COMMENT ON COLUMN sentinel.service_requests.input_tokens IS 'Tokens read, as the gateway counts them.';
COMMENT ON COLUMN sentinel.service_requests.output_tokens IS 'Tokens written, as the gateway counts them.';
COMMENT ON COLUMN sentinel.service_requests.asked_at IS 'When the request was made.';
COMMENT ON COLUMN sentinel.service_requests.ended_at IS 'When the answer came, or was given up.';
COMMENT ON COLUMN sentinel.service_requests.applied_at IS 'When it was seen to.';
COMMENT ON INDEX sentinel.service_requests_asked IS 'The requests in their order.';
