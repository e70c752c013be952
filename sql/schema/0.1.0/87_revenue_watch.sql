-- Room revenue, jobs and watch: what calls are heard for, what is offered, and which rules of integrity are kept.

CREATE TABLE sentinel.default_call_phrases (
    phrase text NOT NULL PRIMARY KEY,
    pattern text NOT NULL,
    points numeric(6,2) NOT NULL,
    reason text NOT NULL,
    next_step text
);
COMMENT ON TABLE sentinel.default_call_phrases IS
    'Phrases that every organisation starts with; the columns are those of call_phrases.';
COMMENT ON COLUMN sentinel.default_call_phrases.phrase IS 'Name of the phrase.';
COMMENT ON COLUMN sentinel.default_call_phrases.pattern IS 'Regular expression.';
COMMENT ON COLUMN sentinel.default_call_phrases.points IS 'Points that it gives or takes.';
COMMENT ON COLUMN sentinel.default_call_phrases.reason IS 'What it says of the call.';
COMMENT ON COLUMN sentinel.default_call_phrases.next_step IS 'What it asks for.';

CREATE TABLE sentinel.call_phrases (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    phrase text NOT NULL CHECK (phrase ~ '^[a-z][a-z0-9_]{0,62}$'),
    pattern text NOT NULL CHECK (length(pattern) BETWEEN 1 AND 1000) CHECK (('' ~ pattern) IN (true, false)), -- a malformed one is refused here
    points numeric(6,2) NOT NULL CHECK (points BETWEEN -100 AND 100),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 300),
    next_step text CHECK (length(next_step) BETWEEN 1 AND 300),
    enabled boolean NOT NULL DEFAULT true,
    PRIMARY KEY (org_id, phrase)
);
COMMENT ON TABLE sentinel.call_phrases IS
    'Lexicon of an organisation: what in a transcript tells that somebody will buy, or will not. One row is one phrase. A default that is deleted comes back with install(); switch it off instead.';
COMMENT ON COLUMN sentinel.call_phrases.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.call_phrases.phrase IS 'Name of the phrase: lower case, digits, underscores.';
COMMENT ON COLUMN sentinel.call_phrases.pattern IS
    'Regular expression, looked for in each sentence without regard to case.';
COMMENT ON COLUMN sentinel.call_phrases.points IS 'Points that it gives or takes, once a call, -100 to 100.';
COMMENT ON COLUMN sentinel.call_phrases.reason IS 'What it says of the call, in words.';
COMMENT ON COLUMN sentinel.call_phrases.next_step IS 'What it asks for; null for nothing.';
COMMENT ON COLUMN sentinel.call_phrases.enabled IS 'False keeps the row, so that install() does not bring a default back.';

CREATE TABLE sentinel.default_offers (
    offer text NOT NULL PRIMARY KEY,
    label text NOT NULL,
    position integer NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('base', 'module')),
    least_score numeric(5,2) NOT NULL,
    pattern text,
    price numeric(18,2) NOT NULL,
    currency text NOT NULL,
    pain text NOT NULL,
    solution text NOT NULL,
    deliverables text[] NOT NULL
);
COMMENT ON TABLE sentinel.default_offers IS 'Offers that every organisation starts with; the columns are those of offers.';
COMMENT ON COLUMN sentinel.default_offers.offer IS 'Name of the offer.';
COMMENT ON COLUMN sentinel.default_offers.label IS 'Name for people.';
COMMENT ON COLUMN sentinel.default_offers.position IS 'Order.';
COMMENT ON COLUMN sentinel.default_offers.kind IS 'base or module.';
COMMENT ON COLUMN sentinel.default_offers.least_score IS 'Least qualification score.';
COMMENT ON COLUMN sentinel.default_offers.pattern IS 'Regular expression over what the lead said, for a module.';
COMMENT ON COLUMN sentinel.default_offers.price IS 'Least price.';
COMMENT ON COLUMN sentinel.default_offers.currency IS 'ISO 4217 code of the price.';
COMMENT ON COLUMN sentinel.default_offers.pain IS 'Pain that it ends.';
COMMENT ON COLUMN sentinel.default_offers.solution IS 'How.';
COMMENT ON COLUMN sentinel.default_offers.deliverables IS 'What is delivered.';

CREATE TABLE sentinel.offers (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    offer text NOT NULL CHECK (offer ~ '^[a-z][a-z0-9_]{0,62}$'),
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    position integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('base', 'module')),
    least_score numeric(5,2) NOT NULL DEFAULT 0 CHECK (least_score BETWEEN 0 AND 100),
    pattern text CHECK (length(pattern) BETWEEN 1 AND 1000) CHECK (('' ~ pattern) IN (true, false)),
    price numeric(18,2) NOT NULL CHECK (price >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    pain text NOT NULL CHECK (length(pain) BETWEEN 1 AND 300),
    solution text NOT NULL CHECK (length(solution) BETWEEN 1 AND 1000),
    deliverables text[] NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    PRIMARY KEY (org_id, offer),
    UNIQUE (org_id, position)
);
COMMENT ON TABLE sentinel.offers IS
    'What an organisation sells, for proposal blueprints. One row is one offer. A default that is deleted comes back with install(); switch it off instead.';
COMMENT ON COLUMN sentinel.offers.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.offers.offer IS 'Name of the offer: lower case, digits, underscores.';
COMMENT ON COLUMN sentinel.offers.label IS 'Name for people.';
COMMENT ON COLUMN sentinel.offers.position IS 'Order; of the base offers that a lead may have the last is proposed.';
COMMENT ON COLUMN sentinel.offers.kind IS 'base: one is proposed. module: added where its pattern fits.';
COMMENT ON COLUMN sentinel.offers.least_score IS 'Qualification score of the lead from which it is proposed.';
COMMENT ON COLUMN sentinel.offers.pattern IS 'Regular expression over pains and sentences of the lead, without regard to case; null fits all.';
COMMENT ON COLUMN sentinel.offers.price IS 'Least price.';
COMMENT ON COLUMN sentinel.offers.currency IS 'ISO 4217 code of the price.';
COMMENT ON COLUMN sentinel.offers.pain IS 'Pain that it ends.';
COMMENT ON COLUMN sentinel.offers.solution IS 'How.';
COMMENT ON COLUMN sentinel.offers.deliverables IS 'What is delivered.';
COMMENT ON COLUMN sentinel.offers.enabled IS 'False keeps the row, so that install() does not bring a default back.';

CREATE TABLE sentinel.integrity_rules (
    rule text NOT NULL PRIMARY KEY,
    subject_type text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    grace_setting text,
    grace interval NOT NULL CHECK (grace >= '0'),
    description text NOT NULL
);
COMMENT ON TABLE sentinel.integrity_rules IS
    'What must hold between the rows of an organisation. One row is one rule; integrity_breaches_at() looks for what breaks it.';
COMMENT ON COLUMN sentinel.integrity_rules.rule IS 'Name of the rule; without its row a rule is not looked at.';
COMMENT ON COLUMN sentinel.integrity_rules.subject_type IS 'Kind of the thing that breaks it.';
COMMENT ON COLUMN sentinel.integrity_rules.severity IS 'low, medium or high, as alerts have it.';
COMMENT ON COLUMN sentinel.integrity_rules.grace_setting IS
    'Setting of the organisation that multiplies grace, as revenue_setting() reads it; null for none.';
COMMENT ON COLUMN sentinel.integrity_rules.grace IS
    'How long it may be broken, or the unit of grace_setting: the jobs that set it right take their time.';
COMMENT ON COLUMN sentinel.integrity_rules.description IS 'What must hold.';

CREATE TABLE sentinel.integrity_findings (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    rule text NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    detail text NOT NULL,
    broken_since timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    resolved_at timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX integrity_findings_open ON sentinel.integrity_findings (org_id, rule, subject_id) WHERE resolved_at IS NULL;
COMMENT ON TABLE sentinel.integrity_findings IS
    'Breaches that the watchdog found, from first seen to gone. One row is one uninterrupted breach, and the period of its one alert. Holds no foreign key to its subject, so that it outlives it.';
COMMENT ON COLUMN sentinel.integrity_findings.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.integrity_findings.id IS 'Id of the finding; period_id of its alert.';
COMMENT ON COLUMN sentinel.integrity_findings.rule IS 'Rule that is broken.';
COMMENT ON COLUMN sentinel.integrity_findings.subject_type IS 'Kind of the thing that breaks it.';
COMMENT ON COLUMN sentinel.integrity_findings.subject_id IS 'Id of that thing.';
COMMENT ON COLUMN sentinel.integrity_findings.severity IS 'low, medium or high, when it was first seen.';
COMMENT ON COLUMN sentinel.integrity_findings.detail IS 'What is wrong, in words, when it was last seen.';
COMMENT ON COLUMN sentinel.integrity_findings.broken_since IS 'Since when it is broken.';
COMMENT ON COLUMN sentinel.integrity_findings.first_seen_at IS 'As of when it was found.';
COMMENT ON COLUMN sentinel.integrity_findings.last_seen_at IS 'As of when it was last found.';
COMMENT ON COLUMN sentinel.integrity_findings.resolved_at IS 'As of when it was no longer found; null while it is.';
COMMENT ON INDEX sentinel.integrity_findings_open IS 'A thing breaks a rule once at a time.';
