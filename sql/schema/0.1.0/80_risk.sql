-- Room risk: settings and norms as versions, the signals of each deal, at-risk periods.

CREATE TABLE sentinel.risk_settings (
    org_id uuid NOT NULL REFERENCES sentinel.orgs,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    member_id uuid,
    inactivity_days smallint NOT NULL CHECK (inactivity_days BETWEEN 1 AND 30),
    competitive boolean NOT NULL,
    stage_stall boolean NOT NULL,
    champion_dormancy boolean NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id)
);
CREATE INDEX risk_settings_member ON sentinel.risk_settings (org_id, member_id, recorded_at);
COMMENT ON TABLE sentinel.risk_settings IS
    'Versions of the risk settings; the newest row of a deal''s owner holds, else that of the organisation, else 7 days with competitive signals. Append-only; written by set_risk_settings().';
COMMENT ON COLUMN sentinel.risk_settings.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.risk_settings.id IS 'Id of the version.';
COMMENT ON COLUMN sentinel.risk_settings.member_id IS 'Member whose deals it is for; null for the organisation''s default.';
COMMENT ON COLUMN sentinel.risk_settings.inactivity_days IS 'Days without activity that are tolerated, 1 to 30.';
COMMENT ON COLUMN sentinel.risk_settings.competitive IS 'Whether competitive signals count.';
COMMENT ON COLUMN sentinel.risk_settings.stage_stall IS 'Whether a long stay in a stage counts.';
COMMENT ON COLUMN sentinel.risk_settings.champion_dormancy IS 'Whether 14 days without an e-mail received count.';
COMMENT ON COLUMN sentinel.risk_settings.recorded_at IS 'From when it holds.';

CREATE TABLE sentinel.risk_weight_terms (
    position smallint NOT NULL PRIMARY KEY,
    weight_name text NOT NULL UNIQUE,
    standard double precision NOT NULL,
    lowest double precision NOT NULL,
    highest double precision NOT NULL CHECK (standard BETWEEN lowest AND highest),
    description text NOT NULL
);
COMMENT ON TABLE sentinel.risk_weight_terms IS 'Numbers of the risk model that an organisation may set. One row is one number.';
COMMENT ON COLUMN sentinel.risk_weight_terms.position IS 'Place in risk_weights.weights, from 1.';
COMMENT ON COLUMN sentinel.risk_weight_terms.weight_name IS 'Name, as set_risk_weights() takes it.';
COMMENT ON COLUMN sentinel.risk_weight_terms.standard IS 'Number that holds where nobody set one.';
COMMENT ON COLUMN sentinel.risk_weight_terms.lowest IS 'Least number that may be set.';
COMMENT ON COLUMN sentinel.risk_weight_terms.highest IS 'Greatest number that may be set.';
COMMENT ON COLUMN sentinel.risk_weight_terms.description IS 'What it is added for; weights are points of the score, which goes from 0 to 1.';

CREATE TABLE sentinel.risk_weights (
    org_id uuid NOT NULL REFERENCES sentinel.orgs,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    weights double precision[] NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX risk_weights_newest ON sentinel.risk_weights (org_id, recorded_at, id);
COMMENT ON TABLE sentinel.risk_weights IS
    'Versions of the weights of an organisation; the newest row holds, else the standard ones. Append-only; written by set_risk_weights().';
COMMENT ON COLUMN sentinel.risk_weights.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.risk_weights.id IS 'Id of the version.';
COMMENT ON COLUMN sentinel.risk_weights.weights IS 'All numbers, in the order of risk_weight_terms.position.';
COMMENT ON COLUMN sentinel.risk_weights.recorded_at IS 'From when on they hold.';

CREATE TABLE sentinel.stage_norms (
    org_id uuid NOT NULL REFERENCES sentinel.orgs,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    owner_id uuid NOT NULL,
    stage text NOT NULL,
    samples integer NOT NULL CHECK (samples > 0),
    total_microseconds bigint NOT NULL CHECK (total_microseconds >= 0),
    mean_days double precision NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX stage_norms_owner ON sentinel.stage_norms (org_id, owner_id, stage, recorded_at, id);
COMMENT ON TABLE sentinel.stage_norms IS
    'How long deals of an owner typically stay in a stage, as versions: a row for each time at which deals closed that add to it. Append-only.';
COMMENT ON COLUMN sentinel.stage_norms.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.stage_norms.id IS 'Id of the version; of versions recorded at the same time the last one holds.';
COMMENT ON COLUMN sentinel.stage_norms.owner_id IS 'Owner of the closed deals; the nil uuid for deals of nobody. No foreign key: it outlives members.';
COMMENT ON COLUMN sentinel.stage_norms.stage IS 'Stage.';
COMMENT ON COLUMN sentinel.stage_norms.samples IS 'Stays counted.';
COMMENT ON COLUMN sentinel.stage_norms.total_microseconds IS 'Their total length; whole, so that the order of closings does not matter.';
COMMENT ON COLUMN sentinel.stage_norms.mean_days IS 'Their mean length in days.';
COMMENT ON COLUMN sentinel.stage_norms.recorded_at IS 'From when it holds: when the deal closed.';

CREATE TABLE sentinel.deal_signals (
    org_id uuid NOT NULL,
    deal_id uuid NOT NULL,
    owner_id uuid,
    team_id uuid,
    risk_role smallint NOT NULL,
    closed boolean NOT NULL,
    replay boolean NOT NULL DEFAULT false,
    value double precision NOT NULL,
    created_at timestamptz NOT NULL,
    stage_entered_at timestamptz NOT NULL,
    last_sent_at timestamptz,
    last_received_at timestamptz,
    last_meeting_at timestamptz,
    last_event_at timestamptz,
    competitive_indicators integer NOT NULL DEFAULT 0,
    inactivity_days smallint NOT NULL DEFAULT 7,
    flags smallint NOT NULL DEFAULT 1,
    weights double precision[],
    stage_norm_days double precision,
    input_at timestamptz NOT NULL,
    since_before timestamptz,
    at_risk_since timestamptz,
    next_change_at timestamptz,
    noticed_since timestamptz,
    recovered_at timestamptz,
    PRIMARY KEY (org_id, deal_id),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX deal_signals_due ON sentinel.deal_signals (org_id, next_change_at) WHERE next_change_at IS NOT NULL;
COMMENT ON TABLE sentinel.deal_signals IS
    'What the risk model knows of each deal now, kept by triggers, so that scoring reads one row and no history. Written by the engine only.';
COMMENT ON COLUMN sentinel.deal_signals.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_signals.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel.deal_signals.owner_id IS 'Owner of the deal, for row rights and settings.';
COMMENT ON COLUMN sentinel.deal_signals.team_id IS 'Team of the deal, for row rights.';
COMMENT ON COLUMN sentinel.deal_signals.risk_role IS '0 other, 1 discover, 2 negotiation.';
COMMENT ON COLUMN sentinel.deal_signals.closed IS 'Whether the deal is won or lost.';
COMMENT ON COLUMN sentinel.deal_signals.replay IS
    'True when an input arrived that was recorded before input_at: the history is then read again, at once by whoever asks and for good by the next sweep.';
COMMENT ON COLUMN sentinel.deal_signals.value IS 'Worth of the deal.';
COMMENT ON COLUMN sentinel.deal_signals.created_at IS 'When the deal began.';
COMMENT ON COLUMN sentinel.deal_signals.stage_entered_at IS 'When it entered its present stage.';
COMMENT ON COLUMN sentinel.deal_signals.last_sent_at IS 'Newest e-mail sent.';
COMMENT ON COLUMN sentinel.deal_signals.last_received_at IS 'Newest e-mail received.';
COMMENT ON COLUMN sentinel.deal_signals.last_meeting_at IS 'Newest meeting or call held.';
COMMENT ON COLUMN sentinel.deal_signals.last_event_at IS 'Newest activity of any kind.';
COMMENT ON COLUMN sentinel.deal_signals.competitive_indicators IS 'Competitive indicators in the texts of all activities.';
COMMENT ON COLUMN sentinel.deal_signals.inactivity_days IS 'Days without activity that are tolerated.';
COMMENT ON COLUMN sentinel.deal_signals.flags IS 'Bits: 1 competitive, 2 stage stall, 4 champion dormancy.';
COMMENT ON COLUMN sentinel.deal_signals.weights IS 'Weights of the organisation, in the order of risk_weight_terms; null for the standard ones.';
COMMENT ON COLUMN sentinel.deal_signals.stage_norm_days IS 'Typical days in the present stage; null without a norm or while stage stall is off.';
COMMENT ON COLUMN sentinel.deal_signals.input_at IS 'When the newest input was recorded.';
COMMENT ON COLUMN sentinel.deal_signals.since_before IS 'Start of the time at risk just before the inputs of input_at; null when not at risk.';
COMMENT ON COLUMN sentinel.deal_signals.at_risk_since IS 'Start of the time at risk with them; null when not at risk.';
COMMENT ON COLUMN sentinel.deal_signals.next_change_at IS
    'By when to look again: no later than score, status or reasons change next; due for the sweep then. Activities that only put the change off leave it, so that they move no index entry. Null when never, -infinity while replay.';
COMMENT ON COLUMN sentinel.deal_signals.noticed_since IS 'Start of the period that the sweep has open; null when none.';
COMMENT ON COLUMN sentinel.deal_signals.recovered_at IS 'First recovery since then, where that period ends; null when it goes on.';

CREATE TABLE sentinel.risk_periods (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    deal_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text CHECK (end_reason IN ('recovered', 'closed')),
    overdue_at timestamptz,
    peak_score double precision NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id) ON DELETE CASCADE,
    CHECK (ended_at >= started_at),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE UNIQUE INDEX risk_periods_open ON sentinel.risk_periods (org_id, deal_id) WHERE ended_at IS NULL;
CREATE INDEX risk_periods_deal ON sentinel.risk_periods (org_id, deal_id, started_at);
COMMENT ON TABLE sentinel.risk_periods IS
    'Times during which a deal was at risk, as sweep_risk() noticed them. One row is one uninterrupted period; one is open per deal at most.';
COMMENT ON COLUMN sentinel.risk_periods.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.risk_periods.id IS 'Id of the period.';
COMMENT ON COLUMN sentinel.risk_periods.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel.risk_periods.started_at IS 'The instant at which the score before escalation reached 0.6.';
COMMENT ON COLUMN sentinel.risk_periods.noticed_at IS 'Time for which the sweep ran that noticed it.';
COMMENT ON COLUMN sentinel.risk_periods.ended_at IS 'The instant at which an input took it below 0.6; null while it goes on.';
COMMENT ON COLUMN sentinel.risk_periods.end_reason IS 'recovered, or closed when the deal was won or lost.';
COMMENT ON COLUMN sentinel.risk_periods.overdue_at IS 'Since when the recommended action was first overdue; null when it was not.';
COMMENT ON COLUMN sentinel.risk_periods.peak_score IS 'Highest score that a sweep saw.';
