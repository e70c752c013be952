-- Room leads: the tables.

CREATE TABLE sentinel.leads (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 1000),
    email text CHECK (length(email) <= 1000),
    email_match text,
    phone text CHECK (length(phone) <= 1000),
    profile_link text CHECK (length(profile_link) <= 2048),
    profile_match text,
    company_name text CHECK (length(company_name) <= 1000),
    domain text CHECK (length(domain) <= 1000),
    industry text CHECK (length(industry) <= 1000),
    employee_count integer CHECK (employee_count >= 0),
    revenue_band text CHECK (length(revenue_band) <= 1000),
    location text CHECK (length(location) <= 1000),
    lead_source text CHECK (length(lead_source) <= 1000),
    platform text CHECK (length(platform) <= 1000),
    lifecycle_stage text NOT NULL DEFAULT 'new_lead'
        CHECK (lifecycle_stage IN ('new_lead', 'contacted', 'qualified', 'proposal', 'negotiation', 'won', 'lost')),
    qualification_score numeric(5, 2) CHECK (qualification_score BETWEEN 0 AND 100),
    temperature text CHECK (temperature IN ('cold', 'warm', 'hot')),
    recommended_path text CHECK (recommended_path IN ('outreach', 'nurture', 'direct_call', 'ignore')),
    estimated_monthly_revenue_leak numeric(18, 2) CHECK (estimated_monthly_revenue_leak >= 0),
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    buying_signal_score numeric(5, 2) NOT NULL DEFAULT 0 CHECK (buying_signal_score BETWEEN 0 AND 100),
    ghost_risk_score numeric(5, 2) NOT NULL DEFAULT 0 CHECK (ghost_risk_score BETWEEN 0 AND 100),
    ghost_recalculated_at timestamptz,
    interest_profile jsonb,
    last_state_change timestamptz NOT NULL DEFAULT now(),
    last_activity_at timestamptz NOT NULL DEFAULT now(),
    last_contacted_at timestamptz,
    next_action text CHECK (next_action IN ('contact', 'follow_up', 'schedule_call', 'send_proposal', 'no_action')),
    next_action_due timestamptz,
    priority text CHECK (priority IN ('critical', 'high', 'normal', 'low')),
    owner_id uuid,
    team_id uuid,
    intake_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, owner_id) REFERENCES sentinel.members (org_id, id),
    FOREIGN KEY (org_id, team_id) REFERENCES sentinel.teams (org_id, id)
);
CREATE UNIQUE INDEX leads_email ON sentinel.leads (org_id, email_match) WHERE email_match IS NOT NULL;
CREATE INDEX leads_profile ON sentinel.leads (org_id, profile_match) WHERE profile_match IS NOT NULL;
CREATE INDEX leads_stage ON sentinel.leads (org_id, lifecycle_stage, last_activity_at);
CREATE INDEX leads_created ON sentinel.leads (org_id, created_at);
CREATE INDEX leads_due ON sentinel.leads (org_id, next_action_due) WHERE next_action_due IS NOT NULL;
CREATE INDEX leads_owner ON sentinel.leads (org_id, owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX leads_team ON sentinel.leads (org_id, team_id) WHERE team_id IS NOT NULL;
COMMENT ON TABLE sentinel.leads IS 'People who may buy. One row is one person.';
COMMENT ON COLUMN sentinel.leads.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.leads.id IS 'Id of the lead.';
COMMENT ON COLUMN sentinel.leads.name IS 'Name; Unknown when none came.';
COMMENT ON COLUMN sentinel.leads.email IS 'E-mail address as given, for sending.';
COMMENT ON COLUMN sentinel.leads.email_match IS 'normalize_email(email), unique in the organisation. Filled by trigger.';
COMMENT ON COLUMN sentinel.leads.phone IS 'Telephone number as given.';
COMMENT ON COLUMN sentinel.leads.profile_link IS 'Profile address as given.';
COMMENT ON COLUMN sentinel.leads.profile_match IS 'normalize_profile_url(profile_link) of a personal profile. Filled by trigger.';
COMMENT ON COLUMN sentinel.leads.company_name IS 'Company as given.';
COMMENT ON COLUMN sentinel.leads.domain IS 'Domain of the company.';
COMMENT ON COLUMN sentinel.leads.industry IS 'Industry.';
COMMENT ON COLUMN sentinel.leads.employee_count IS 'Employees; of a range the lower bound.';
COMMENT ON COLUMN sentinel.leads.revenue_band IS 'Band of yearly revenue, such as $1M - $10M.';
COMMENT ON COLUMN sentinel.leads.location IS 'Location or market.';
COMMENT ON COLUMN sentinel.leads.lead_source IS 'Where the lead comes from; without a word on it, the source of the intake row.';
COMMENT ON COLUMN sentinel.leads.platform IS 'Platform or channel of first contact.';
COMMENT ON COLUMN sentinel.leads.lifecycle_stage IS 'Stage of the relation.';
COMMENT ON COLUMN sentinel.leads.qualification_score IS 'How well the lead fits, 0 to 100.';
COMMENT ON COLUMN sentinel.leads.temperature IS 'cold, warm or hot.';
COMMENT ON COLUMN sentinel.leads.recommended_path IS 'Recommended way to approach the lead.';
COMMENT ON COLUMN sentinel.leads.estimated_monthly_revenue_leak IS 'Estimated revenue that the lead loses a month, in currency.';
COMMENT ON COLUMN sentinel.leads.currency IS 'ISO 4217 code of the leak.';
COMMENT ON COLUMN sentinel.leads.buying_signal_score IS 'Strength of buying signals, 0 to 100.';
COMMENT ON COLUMN sentinel.leads.ghost_risk_score IS 'Risk that the lead has gone silent, 0 to 100.';
COMMENT ON COLUMN sentinel.leads.ghost_recalculated_at IS
    'As of when ghost_risk_score last changed; it changes once a day of UTC at most.';
COMMENT ON COLUMN sentinel.leads.interest_profile IS 'Pains, gaps, budget and timeline signals.';
COMMENT ON COLUMN sentinel.leads.last_state_change IS 'When the stage last changed. Filled by trigger.';
COMMENT ON COLUMN sentinel.leads.last_activity_at IS 'When the lead was last in touch; work of the engine does not count.';
COMMENT ON COLUMN sentinel.leads.last_contacted_at IS 'When somebody last contacted the lead.';
COMMENT ON COLUMN sentinel.leads.next_action IS 'What is to be done next.';
COMMENT ON COLUMN sentinel.leads.next_action_due IS 'By when.';
COMMENT ON COLUMN sentinel.leads.priority IS 'critical, high, normal or low.';
COMMENT ON COLUMN sentinel.leads.owner_id IS 'Member responsible.';
COMMENT ON COLUMN sentinel.leads.team_id IS 'Team that sees the lead; null with no owner: all see it.';
COMMENT ON COLUMN sentinel.leads.intake_id IS 'Row of intake_raw that it came from; null for a lead made directly.';
COMMENT ON COLUMN sentinel.leads.created_at IS 'Since when the lead is known, as the source says.';
COMMENT ON COLUMN sentinel.leads.recorded_at IS 'When the row was written.';
COMMENT ON COLUMN sentinel.leads.updated_at IS 'When the row last changed. Filled by trigger.';

CREATE TABLE sentinel.activities (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    deal_id uuid,
    lead_id uuid,
    activity_type text NOT NULL CHECK (activity_type IN ('email_sent', 'email_received', 'meeting_held', 'call_held', 'note_added',
                                                         'email_drafted', 'other')),
    occurred_at timestamptz NOT NULL DEFAULT now(),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    subject text CHECK (length(subject) <= 1000),
    body text,
    payload jsonb NOT NULL DEFAULT '{}',
    member_id uuid,
    competitive_indicators smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, lead_id) REFERENCES sentinel.leads (org_id, id) ON DELETE CASCADE,
    CHECK (deal_id IS NOT NULL OR lead_id IS NOT NULL)
);
CREATE INDEX activities_lead ON sentinel.activities (org_id, lead_id, occurred_at) WHERE lead_id IS NOT NULL;
COMMENT ON TABLE sentinel.activities IS 'What happened with leads and deals: mails, meetings, calls, notes. One row is one activity.';
COMMENT ON COLUMN sentinel.activities.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.activities.id IS 'Id of the activity.';
COMMENT ON COLUMN sentinel.activities.deal_id IS 'Deal it belongs to.';
COMMENT ON COLUMN sentinel.activities.lead_id IS 'Lead it belongs to.';
COMMENT ON COLUMN sentinel.activities.activity_type IS 'email_sent, email_received, meeting_held, call_held, note_added, email_drafted or other.';
COMMENT ON COLUMN sentinel.activities.occurred_at IS 'When it happened.';
COMMENT ON COLUMN sentinel.activities.recorded_at IS 'When it was written down; scores for the past count what was known then.';
COMMENT ON COLUMN sentinel.activities.subject IS 'Subject line or title.';
COMMENT ON COLUMN sentinel.activities.body IS 'Text.';
COMMENT ON COLUMN sentinel.activities.payload IS 'What else is known; kind names an activity of type other.';
COMMENT ON COLUMN sentinel.activities.member_id IS 'Member who did it.';
COMMENT ON COLUMN sentinel.activities.competitive_indicators IS 'How many words of competition the text has. Filled by trigger.';
