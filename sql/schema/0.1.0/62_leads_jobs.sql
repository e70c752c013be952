-- Room leads, jobs: what the engine judges a lead by, as rows, and what it judged.

CREATE TABLE sentinel.free_mail_domains (
    domain text NOT NULL PRIMARY KEY CHECK (domain = lower(domain) AND length(domain) BETWEEN 1 AND 253),
    provider text NOT NULL
);
COMMENT ON TABLE sentinel.free_mail_domains IS
    'Hosts at which anybody gets a mailbox: they say nothing of a company. One row is one host.';
COMMENT ON COLUMN sentinel.free_mail_domains.domain IS 'Host as normalize_domain() writes it.';
COMMENT ON COLUMN sentinel.free_mail_domains.provider IS 'Who runs it.';

CREATE TABLE sentinel.default_icp_rules (
    rule text NOT NULL PRIMARY KEY,
    group_name text NOT NULL,
    position integer NOT NULL,
    field text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('matches', 'missing', 'present', 'between', 'count', 'any')),
    pattern text,
    low numeric,
    high numeric,
    points numeric(6,2) NOT NULL,
    reason text NOT NULL,
    UNIQUE (group_name, position),
    CHECK ((kind = 'matches') = (pattern IS NOT NULL))
);
COMMENT ON TABLE sentinel.default_icp_rules IS
    'Rules of the ideal customer that every organisation starts with; the columns are those of icp_rules.';
COMMENT ON COLUMN sentinel.default_icp_rules.rule IS 'Name of the rule.';
COMMENT ON COLUMN sentinel.default_icp_rules.group_name IS 'Of the rules of a group the first that fits counts.';
COMMENT ON COLUMN sentinel.default_icp_rules.position IS 'Order in the group.';
COMMENT ON COLUMN sentinel.default_icp_rules.field IS 'Fact that it looks at.';
COMMENT ON COLUMN sentinel.default_icp_rules.kind IS 'How it looks.';
COMMENT ON COLUMN sentinel.default_icp_rules.pattern IS 'Regular expression, for kind matches.';
COMMENT ON COLUMN sentinel.default_icp_rules.low IS 'Least number that fits.';
COMMENT ON COLUMN sentinel.default_icp_rules.high IS 'Greatest number that fits.';
COMMENT ON COLUMN sentinel.default_icp_rules.points IS 'Points that it gives or takes.';
COMMENT ON COLUMN sentinel.default_icp_rules.reason IS 'What it says of the lead.';

CREATE TABLE sentinel.icp_rules (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    rule text NOT NULL CHECK (rule ~ '^[a-z][a-z0-9_]{0,62}$'),
    group_name text NOT NULL CHECK (length(group_name) BETWEEN 1 AND 100),
    position integer NOT NULL,
    field text NOT NULL CHECK (field IN ('industry', 'mailbox', 'employees', 'revenue_band', 'lead_source', 'phone',
        'profile_link', 'location', 'platform', 'pain_points', 'infrastructure_gaps', 'budget_signals', 'timeline_signals')),
    kind text NOT NULL CHECK (kind IN ('matches', 'missing', 'present', 'between', 'count', 'any')),
    pattern text CHECK (length(pattern) BETWEEN 1 AND 1000) CHECK (('' ~ pattern) IN (true, false)), -- a malformed one is refused here
    low numeric,
    high numeric,
    points numeric(6,2) NOT NULL CHECK (points BETWEEN -100 AND 100),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 300),
    enabled boolean NOT NULL DEFAULT true,
    PRIMARY KEY (org_id, rule),
    UNIQUE (org_id, group_name, position),
    CHECK ((kind = 'matches') = (pattern IS NOT NULL))
);
COMMENT ON TABLE sentinel.icp_rules IS
    'What makes a lead fit, as weights of an organisation; qualify_lead adds the points. One row is one rule. A default that is deleted comes back with install(); switch it off instead.';
COMMENT ON COLUMN sentinel.icp_rules.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.icp_rules.rule IS 'Name of the rule: lower case, digits, underscores.';
COMMENT ON COLUMN sentinel.icp_rules.group_name IS 'Of the enabled rules of a group the first that fits counts.';
COMMENT ON COLUMN sentinel.icp_rules.position IS 'Order in the group.';
COMMENT ON COLUMN sentinel.icp_rules.field IS
    'Fact that it looks at; mailbox is business, free or none; the four of the interest profile are how many there are.';
COMMENT ON COLUMN sentinel.icp_rules.kind IS
    'matches: the text fits the pattern. missing, present: there is none, or some. between: a number from low to high. count: points for each, for high of them at most. any: always.';
COMMENT ON COLUMN sentinel.icp_rules.pattern IS
    'Regular expression over the text in lower case, with runs of spaces, hyphens and underscores made one space.';
COMMENT ON COLUMN sentinel.icp_rules.low IS 'Least number that fits; null for no limit.';
COMMENT ON COLUMN sentinel.icp_rules.high IS 'Greatest number that fits, or counts; null for no limit.';
COMMENT ON COLUMN sentinel.icp_rules.points IS 'Points that it gives or takes, -100 to 100.';
COMMENT ON COLUMN sentinel.icp_rules.reason IS 'What it says of the lead, in words.';
COMMENT ON COLUMN sentinel.icp_rules.enabled IS 'False keeps the row, so that install() does not bring a default back.';

CREATE TABLE sentinel.lead_scores (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    lead_id uuid NOT NULL,
    cause_id uuid NOT NULL,
    source text NOT NULL CHECK (source IN ('rules', 'model')),
    score numeric(5,2) NOT NULL CHECK (score BETWEEN 0 AND 100),
    temperature text NOT NULL CHECK (temperature IN ('cold', 'warm', 'hot')),
    recommended_path text NOT NULL CHECK (recommended_path IN ('outreach', 'nurture', 'direct_call', 'ignore')),
    estimated_monthly_revenue_leak numeric(18,2) NOT NULL CHECK (estimated_monthly_revenue_leak >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reasons jsonb NOT NULL CHECK (jsonb_typeof(reasons) = 'array'),
    facts jsonb NOT NULL,
    scored_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, lead_id, cause_id),
    FOREIGN KEY (org_id, lead_id) REFERENCES sentinel.leads (org_id, id) ON DELETE CASCADE
);
CREATE INDEX lead_scores_lead ON sentinel.lead_scores (org_id, lead_id, scored_at);
COMMENT ON TABLE sentinel.lead_scores IS
    'What leads were judged, when and why. One row is one judgement; explain_qualification() reads it.';
COMMENT ON COLUMN sentinel.lead_scores.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.lead_scores.id IS 'Id of the judgement; lead.qualified tells of it once.';
COMMENT ON COLUMN sentinel.lead_scores.lead_id IS 'Lead.';
COMMENT ON COLUMN sentinel.lead_scores.cause_id IS
    'Event, or job enqueued directly, that asked for it: one judgement each, however often the job runs.';
COMMENT ON COLUMN sentinel.lead_scores.source IS 'rules: icp_rules. model: a language model, clamped.';
COMMENT ON COLUMN sentinel.lead_scores.score IS 'How well the lead fits, 0 to 100; the points of the reasons sum to it.';
COMMENT ON COLUMN sentinel.lead_scores.temperature IS 'cold, warm or hot, by the band of the score.';
COMMENT ON COLUMN sentinel.lead_scores.recommended_path IS 'Way to approach the lead, by the band of the score.';
COMMENT ON COLUMN sentinel.lead_scores.estimated_monthly_revenue_leak IS 'Estimated revenue lost a month, in currency.';
COMMENT ON COLUMN sentinel.lead_scores.currency IS 'ISO 4217 code of the leak.';
COMMENT ON COLUMN sentinel.lead_scores.reasons IS 'Array of objects: rule, points, reason.';
COMMENT ON COLUMN sentinel.lead_scores.facts IS 'What was known of the lead and judged by.';
COMMENT ON COLUMN sentinel.lead_scores.scored_at IS 'As of when it was judged.';
COMMENT ON COLUMN sentinel.lead_scores.recorded_at IS 'When the row was written.';
COMMENT ON INDEX sentinel.lead_scores_lead IS 'The judgements of a lead in their order.';

CREATE TABLE sentinel.lead_priority_rules (
    platform text NOT NULL PRIMARY KEY,
    high_after interval NOT NULL CHECK (high_after > '0'),
    critical_after interval NOT NULL,
    CHECK (critical_after >= high_after)
);
COMMENT ON TABLE sentinel.lead_priority_rules IS
    'How late the next action of a lead may be before its priority rises, by platform. One row is one platform.';
COMMENT ON COLUMN sentinel.lead_priority_rules.platform IS
    'Platform as platform_key() writes it; other holds for all that have no row.';
COMMENT ON COLUMN sentinel.lead_priority_rules.high_after IS 'Overdue so long, the priority is high.';
COMMENT ON COLUMN sentinel.lead_priority_rules.critical_after IS 'Overdue so long, it is critical.';

CREATE TABLE sentinel.services (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    kind text NOT NULL CHECK (kind IN ('enrichment', 'model')),
    url text NOT NULL CHECK (octet_length(url) <= 2048),
    model text CHECK (char_length(model) BETWEEN 1 AND 200),
    temperature numeric(3,2) CHECK (temperature BETWEEN 0 AND 2),
    patience interval NOT NULL DEFAULT '30 minutes' CHECK (patience BETWEEN '1 minute' AND '1 day'),
    enabled boolean NOT NULL DEFAULT false,
    disabled_at timestamptz,
    disabled_reason text,
    not_before timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    CHECK ((kind = 'model') = (model IS NOT NULL)),
    CHECK (kind = 'model' OR temperature IS NULL)
);
COMMENT ON TABLE sentinel.services IS
    'Services that are asked over HTTP and whose answer is used: what is known of a lead, and what a language model makes of leads and calls. One row is one service; its key is sealed in sentinel.secrets.';
COMMENT ON COLUMN sentinel.services.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.services.id IS 'Id of the service: as a target of deliveries it has limits, a breaker and a log.';
COMMENT ON COLUMN sentinel.services.kind IS
    'enrichment: takes e-mail address and domain of a lead, gives facts. model: takes chat completions as OpenAI defines them.';
COMMENT ON COLUMN sentinel.services.url IS 'Address that requests are posted to; of a model the whole one, such as https://…/v1/chat/completions.';
COMMENT ON COLUMN sentinel.services.model IS 'Model that the gateway is asked for.';
COMMENT ON COLUMN sentinel.services.temperature IS 'Temperature that the model is asked with; null leaves it out, for models that take none.';
COMMENT ON COLUMN sentinel.services.patience IS 'How long an answer is waited for; then Sentinel goes on without it.';
COMMENT ON COLUMN sentinel.services.enabled IS 'Whether it is asked; false until its key was stored.';
COMMENT ON COLUMN sentinel.services.disabled_at IS 'When it was disabled; empty if it never was.';
COMMENT ON COLUMN sentinel.services.disabled_reason IS 'Why it is not enabled, in words.';
COMMENT ON COLUMN sentinel.services.not_before IS 'Nothing is asked before this time: the service asked to wait.';
COMMENT ON COLUMN sentinel.services.created_at IS 'When it was registered; of several that are enabled the oldest that is well is asked.';

CREATE TABLE sentinel.default_schedules (
    name text NOT NULL PRIMARY KEY,
    cron_expression text NOT NULL,
    event_type text NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE sentinel.default_schedules IS
    'Recurring work that every organisation starts with, in its own time zone. One row is one schedule.';
COMMENT ON COLUMN sentinel.default_schedules.name IS 'Name of the schedule.';
COMMENT ON COLUMN sentinel.default_schedules.cron_expression IS 'When it is due.';
COMMENT ON COLUMN sentinel.default_schedules.event_type IS 'Event that it emits.';
COMMENT ON COLUMN sentinel.default_schedules.description IS 'Why.';
