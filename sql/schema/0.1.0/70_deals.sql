-- Room deals: pipelines as rows, deals, their versions and their timeline.

CREATE TABLE sentinel.pipeline_templates (
    template text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE sentinel.pipeline_templates IS 'Pipelines that add_pipeline() can make. One row is one template.';
COMMENT ON COLUMN sentinel.pipeline_templates.template IS 'Name of the template: revenue, crm_v1, crm_v2.';
COMMENT ON COLUMN sentinel.pipeline_templates.name IS 'Name of the pipeline made from it.';
COMMENT ON COLUMN sentinel.pipeline_templates.description IS 'What it is for.';

CREATE TABLE sentinel.pipeline_template_stages (
    template text NOT NULL REFERENCES sentinel.pipeline_templates,
    stage text NOT NULL,
    label text NOT NULL,
    position integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('open', 'won', 'lost')),
    risk_role text NOT NULL CHECK (risk_role IN ('discover', 'negotiation', 'other')),
    probability numeric(5,4) NOT NULL CHECK (probability BETWEEN 0 AND 1),
    PRIMARY KEY (template, stage)
);
COMMENT ON TABLE sentinel.pipeline_template_stages IS 'Stages of the templates; the columns are those of pipeline_stages.';
COMMENT ON COLUMN sentinel.pipeline_template_stages.template IS 'Template.';
COMMENT ON COLUMN sentinel.pipeline_template_stages.stage IS 'Name of the stage in data.';
COMMENT ON COLUMN sentinel.pipeline_template_stages.label IS 'Name of the stage for people.';
COMMENT ON COLUMN sentinel.pipeline_template_stages.position IS 'Order of the stage, from 1.';
COMMENT ON COLUMN sentinel.pipeline_template_stages.kind IS 'open, won or lost.';
COMMENT ON COLUMN sentinel.pipeline_template_stages.risk_role IS 'What the stage means to the risk model.';
COMMENT ON COLUMN sentinel.pipeline_template_stages.probability IS 'Chance to win from this stage, 0 to 1.';

CREATE TABLE sentinel.pipeline_template_transitions (
    template text NOT NULL,
    from_stage text NOT NULL,
    to_stage text NOT NULL,
    PRIMARY KEY (template, from_stage, to_stage),
    FOREIGN KEY (template, from_stage) REFERENCES sentinel.pipeline_template_stages (template, stage),
    FOREIGN KEY (template, to_stage) REFERENCES sentinel.pipeline_template_stages (template, stage)
);
COMMENT ON TABLE sentinel.pipeline_template_transitions IS 'Legal moves of the templates.';
COMMENT ON COLUMN sentinel.pipeline_template_transitions.template IS 'Template.';
COMMENT ON COLUMN sentinel.pipeline_template_transitions.from_stage IS 'Stage that a deal may leave.';
COMMENT ON COLUMN sentinel.pipeline_template_transitions.to_stage IS 'Stage that it may enter from there.';

CREATE TABLE sentinel.pipelines (
    org_id uuid NOT NULL REFERENCES sentinel.orgs,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);
CREATE UNIQUE INDEX pipelines_default ON sentinel.pipelines (org_id) WHERE is_default;
COMMENT ON TABLE sentinel.pipelines IS 'Paths that the deals of an organisation take. One row is one pipeline.';
COMMENT ON COLUMN sentinel.pipelines.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.pipelines.id IS 'Id of the pipeline.';
COMMENT ON COLUMN sentinel.pipelines.name IS 'Name, unique in the organisation.';
COMMENT ON COLUMN sentinel.pipelines.is_default IS 'True for the one that deals without a pipeline go to.';
COMMENT ON COLUMN sentinel.pipelines.created_at IS 'When the pipeline was made.';

CREATE TABLE sentinel.pipeline_stages (
    org_id uuid NOT NULL,
    pipeline_id uuid NOT NULL,
    stage text NOT NULL CHECK (stage ~ '^[a-z][a-z0-9_]{0,62}$'),
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    position integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('open', 'won', 'lost')),
    risk_role text NOT NULL DEFAULT 'other' CHECK (risk_role IN ('discover', 'negotiation', 'other')),
    probability numeric(5,4) NOT NULL DEFAULT 0 CHECK (probability BETWEEN 0 AND 1),
    PRIMARY KEY (org_id, pipeline_id, stage),
    UNIQUE (org_id, pipeline_id, position),
    FOREIGN KEY (org_id, pipeline_id) REFERENCES sentinel.pipelines (org_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sentinel.pipeline_stages IS 'Stages of a pipeline. One row is one stage.';
COMMENT ON COLUMN sentinel.pipeline_stages.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.pipeline_stages.pipeline_id IS 'Pipeline.';
COMMENT ON COLUMN sentinel.pipeline_stages.stage IS 'Name of the stage in data: lower case, digits, underscores.';
COMMENT ON COLUMN sentinel.pipeline_stages.label IS 'Name of the stage for people.';
COMMENT ON COLUMN sentinel.pipeline_stages.position IS 'Order of the stage; new deals begin in the first open one.';
COMMENT ON COLUMN sentinel.pipeline_stages.kind IS 'open, won or lost; a deal in a won or lost stage is closed.';
COMMENT ON COLUMN sentinel.pipeline_stages.risk_role IS 'What the stage means to the risk model; read when a deal changes.';
COMMENT ON COLUMN sentinel.pipeline_stages.probability IS 'Chance to win from this stage, 0 to 1.';

CREATE TABLE sentinel.stage_transitions (
    org_id uuid NOT NULL,
    pipeline_id uuid NOT NULL,
    from_stage text NOT NULL,
    to_stage text NOT NULL CHECK (to_stage <> from_stage),
    PRIMARY KEY (org_id, pipeline_id, from_stage, to_stage),
    FOREIGN KEY (org_id, pipeline_id, from_stage)
        REFERENCES sentinel.pipeline_stages (org_id, pipeline_id, stage) ON DELETE CASCADE,
    FOREIGN KEY (org_id, pipeline_id, to_stage)
        REFERENCES sentinel.pipeline_stages (org_id, pipeline_id, stage) ON DELETE CASCADE
);
COMMENT ON TABLE sentinel.stage_transitions IS 'Legal moves of deals; every other move is refused. One row is one move.';
COMMENT ON COLUMN sentinel.stage_transitions.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.stage_transitions.pipeline_id IS 'Pipeline.';
COMMENT ON COLUMN sentinel.stage_transitions.from_stage IS 'Stage that a deal may leave.';
COMMENT ON COLUMN sentinel.stage_transitions.to_stage IS 'Stage that it may enter from there.';

CREATE TABLE sentinel.deals (
    org_id uuid NOT NULL REFERENCES sentinel.orgs,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    pipeline_id uuid NOT NULL,
    stage text NOT NULL,
    stage_kind text NOT NULL CHECK (stage_kind IN ('open', 'won', 'lost')),
    name text NOT NULL,
    value numeric(18,2) NOT NULL DEFAULT 0,
    currency text NOT NULL DEFAULT 'USD',
    lead_id uuid,
    owner_id uuid,
    team_id uuid,
    company_name text CHECK (length(company_name) <= 1000),
    channel text CHECK (channel IN ('direct', 'organic', 'outbound', 'referrals', 'partners')),
    external_id text CHECK (length(external_id) BETWEEN 1 AND 200),
    expected_close_at timestamptz CHECK (isfinite(expected_close_at)),
    forecast_category text CHECK (forecast_category IN ('omitted', 'pipeline', 'best_case', 'most_likely', 'commit')),
    lost_reason text CHECK (length(lost_reason) <= 1000),
    created_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    stage_changed_at timestamptz NOT NULL,
    closed_at timestamptz,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL,
    furthest_stage text,
    is_demo boolean NOT NULL DEFAULT false,
    imported_until timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, pipeline_id, stage) REFERENCES sentinel.pipeline_stages (org_id, pipeline_id, stage),
    FOREIGN KEY (org_id, lead_id) REFERENCES sentinel.leads (org_id, id),
    FOREIGN KEY (org_id, owner_id) REFERENCES sentinel.members (org_id, id),
    FOREIGN KEY (org_id, team_id) REFERENCES sentinel.teams (org_id, id)
);
CREATE INDEX deals_owner ON sentinel.deals (org_id, owner_id, created_at);
CREATE INDEX deals_team ON sentinel.deals (org_id, team_id) WHERE team_id IS NOT NULL;
CREATE INDEX deals_lead ON sentinel.deals (org_id, lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX deals_stage ON sentinel.deals (org_id, pipeline_id, stage);
CREATE UNIQUE INDEX deals_external ON sentinel.deals (org_id, external_id) WHERE external_id IS NOT NULL;
COMMENT ON TABLE sentinel.deals IS
    'Deals. One row is one deal as it stands. A trigger guards every write: legal moves, ranges, and the columns it fills.';
COMMENT ON COLUMN sentinel.deals.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deals.id IS 'Id of the deal.';
COMMENT ON COLUMN sentinel.deals.pipeline_id IS 'Pipeline; the default one when not given.';
COMMENT ON COLUMN sentinel.deals.stage IS 'Stage of the pipeline; the first open one when not given.';
COMMENT ON COLUMN sentinel.deals.stage_kind IS 'open, won or lost: the kind of the stage, filled by the guard.';
COMMENT ON COLUMN sentinel.deals.name IS 'Name, 1 to 200 characters.';
COMMENT ON COLUMN sentinel.deals.value IS 'Worth in the currency, 0 to 20,000,000,000.';
COMMENT ON COLUMN sentinel.deals.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN sentinel.deals.lead_id IS 'Lead it came from; null when none is known.';
COMMENT ON COLUMN sentinel.deals.owner_id IS 'Member who works it; null when nobody does.';
COMMENT ON COLUMN sentinel.deals.team_id IS 'Team whose members see it; null for the owner alone.';
COMMENT ON COLUMN sentinel.deals.channel IS 'How it was won: direct, organic, outbound, referrals or partners.';
COMMENT ON COLUMN sentinel.deals.external_id IS 'Id in the system it came from, unique in the organisation.';
COMMENT ON COLUMN sentinel.deals.lost_reason IS 'Why it was lost; cleared when it is reopened.';
COMMENT ON COLUMN sentinel.deals.created_at IS 'When the deal began.';
COMMENT ON COLUMN sentinel.deals.recorded_at IS 'When it was first recorded here; never changes.';
COMMENT ON COLUMN sentinel.deals.changed_at IS
    'When the newest version was recorded. An UPDATE that names it records the change as of that time, not before the last one.';
COMMENT ON COLUMN sentinel.deals.stage_changed_at IS 'When it entered its present stage.';
COMMENT ON COLUMN sentinel.deals.closed_at IS 'When it was won or lost; null while open.';
COMMENT ON COLUMN sentinel.deals.updated_at IS 'When the row was last written.';
COMMENT ON COLUMN sentinel.deals.version IS 'Number of the version: 1, and one more for each change of stage, value, currency, owner, forecast or the times they rest on.';
COMMENT ON COLUMN sentinel.deals.expected_close_at IS
    'When it is expected to close: any instant of that day in the time zone of the organisation; null when nobody said.';
COMMENT ON COLUMN sentinel.deals.forecast_category IS
    'omitted, pipeline, best_case, most_likely or commit, as a person judged it; null to go by the probability of the stage.';
COMMENT ON COLUMN sentinel.deals.furthest_stage IS
    'The stage with the highest position, no lost one, that it has been in since it came to its pipeline; null when it began lost. Filled by the guard.';
COMMENT ON COLUMN sentinel.deals.is_demo IS
    'True for a deal of seed_demo_deals(), which goes when the first real deal comes. Never changes; no plan counts it.';
COMMENT ON COLUMN sentinel.deals.company_name IS 'Company that may buy, as given.';
COMMENT ON COLUMN sentinel.deals.imported_until IS
    'Up to when its history was imported: versions recorded by then emitted no events. Null for deals that were not imported, or announced.';

CREATE TABLE sentinel.deal_history (
    org_id uuid NOT NULL,
    deal_id uuid NOT NULL,
    seq integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    stage text NOT NULL,
    stage_kind text NOT NULL,
    risk_role text NOT NULL,
    value numeric(18,2) NOT NULL,
    owner_id uuid,
    created_at timestamptz NOT NULL,
    stage_entered_at timestamptz NOT NULL,
    pipeline_id uuid NOT NULL,
    currency text NOT NULL,
    expected_close_at timestamptz,
    forecast_category text,
    left_pipeline_id uuid,
    left_stage text,
    left_stage_entered_at timestamptz,
    PRIMARY KEY (org_id, deal_id, seq),
    CHECK ((left_stage IS NULL) = (left_pipeline_id IS NULL) AND (left_stage IS NULL) = (left_stage_entered_at IS NULL))
);
COMMENT ON TABLE sentinel.deal_history IS
    'Versions of deals, from which the risk of any past time is computed. Append-only; holds no foreign key, so that it outlives what it tells of.';
COMMENT ON COLUMN sentinel.deal_history.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_history.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel.deal_history.seq IS 'Version of the deal, from 1; recorded_at never falls with it.';
COMMENT ON COLUMN sentinel.deal_history.recorded_at IS 'When the version was recorded.';
COMMENT ON COLUMN sentinel.deal_history.stage IS 'Stage.';
COMMENT ON COLUMN sentinel.deal_history.stage_kind IS 'open, won or lost.';
COMMENT ON COLUMN sentinel.deal_history.risk_role IS 'discover, negotiation or other, as the stage was defined then.';
COMMENT ON COLUMN sentinel.deal_history.value IS 'Worth.';
COMMENT ON COLUMN sentinel.deal_history.owner_id IS 'Member who worked it.';
COMMENT ON COLUMN sentinel.deal_history.created_at IS 'When the deal began.';
COMMENT ON COLUMN sentinel.deal_history.stage_entered_at IS 'When the deal entered the stage.';
COMMENT ON COLUMN sentinel.deal_history.left_pipeline_id IS
    'Pipeline of the stage that this version left; null when it left none. A version that leaves a stage ends one stay.';
COMMENT ON COLUMN sentinel.deal_history.left_stage IS 'Stage that this version left; null when it left none.';
COMMENT ON COLUMN sentinel.deal_history.left_stage_entered_at IS
    'When the deal had entered the stage left; the stay lasted from then to stage_entered_at.';
COMMENT ON COLUMN sentinel.deal_history.pipeline_id IS 'Pipeline.';
COMMENT ON COLUMN sentinel.deal_history.currency IS 'Currency of the worth.';
COMMENT ON COLUMN sentinel.deal_history.expected_close_at IS 'When it was expected to close.';
COMMENT ON COLUMN sentinel.deal_history.forecast_category IS 'Category of forecast as a person judged it.';

CREATE TABLE sentinel.deal_timeline (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    deal_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('created', 'stage_changed', 'won', 'lost', 'reopened', 'value_changed', 'assigned',
                                       'team_changed', 'renamed', 'deleted')),
    payload jsonb NOT NULL DEFAULT '{}',
    member_id uuid,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX deal_timeline_deal ON sentinel.deal_timeline (org_id, deal_id, recorded_at);
COMMENT ON TABLE sentinel.deal_timeline IS
    'What happened to deals, for people. Append-only; holds no foreign key, so that it outlives what it tells of.';
COMMENT ON COLUMN sentinel.deal_timeline.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_timeline.id IS 'Id of the entry.';
COMMENT ON COLUMN sentinel.deal_timeline.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel.deal_timeline.kind IS 'What happened.';
COMMENT ON COLUMN sentinel.deal_timeline.payload IS 'From and to, and what else there is to tell.';
COMMENT ON COLUMN sentinel.deal_timeline.member_id IS 'Member who did it; null when no member was entered.';
COMMENT ON COLUMN sentinel.deal_timeline.recorded_at IS 'When it was recorded.';

ALTER TABLE sentinel.activities ADD CONSTRAINT activities_deal_fkey
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id);
CREATE INDEX activities_deal ON sentinel.activities (org_id, deal_id, recorded_at) WHERE deal_id IS NOT NULL;
