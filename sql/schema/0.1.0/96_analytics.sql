-- Room analytics: the schema of the BI views, quotas, and the indexes that views read.

CREATE SCHEMA sentinel_bi;
GRANT USAGE ON SCHEMA sentinel_bi TO sentinel_owner, sentinel_engine, sentinel_reader, sentinel_member;
COMMENT ON SCHEMA sentinel_bi IS
    'Views for BI tools: one organisation, that which the session has entered; columns of text, numeric and timestamptz only.';

-- Open and closed deals in one small index each, with all that a sum needs and that row rights look at: the views over them
-- read no table. Closed deals pile up, open ones do not.
CREATE INDEX deals_open ON sentinel.deals (org_id, pipeline_id, stage)
    INCLUDE (currency, value, owner_id, team_id, created_at, changed_at, stage_changed_at, expected_close_at,
             forecast_category, id)
    WHERE stage_kind = 'open';
CREATE INDEX deals_closed ON sentinel.deals (org_id, closed_at)
    INCLUDE (stage_kind, pipeline_id, currency, value, owner_id, team_id, lead_id, channel, created_at, furthest_stage)
    WHERE closed_at IS NOT NULL;
CREATE INDEX deals_created ON sentinel.deals (org_id, created_at)
    INCLUDE (stage_kind, pipeline_id, currency, value, owner_id, team_id, closed_at, furthest_stage);
CREATE INDEX deal_history_recorded ON sentinel.deal_history (org_id, recorded_at);
CREATE INDEX deal_history_due ON sentinel.deal_history (org_id, expected_close_at) INCLUDE (deal_id, seq, recorded_at)
    WHERE stage_kind = 'open' AND expected_close_at IS NOT NULL;
CREATE INDEX deal_history_won ON sentinel.deal_history (org_id, recorded_at) INCLUDE (deal_id, seq) WHERE stage_kind = 'won';
CREATE INDEX deal_timeline_deleted ON sentinel.deal_timeline (org_id, recorded_at) INCLUDE (deal_id) WHERE kind = 'deleted';
-- No activity changes what this index holds; one that leaves next_change_at where it is needs no new entry in it.
CREATE INDEX deal_signals_open ON sentinel.deal_signals (org_id, owner_id) WHERE NOT closed;
COMMENT ON INDEX sentinel.deals_open IS 'The open deals: pipeline, dashboard, forecast, ageing.';
COMMENT ON INDEX sentinel.deals_closed IS 'Won and lost deals by when they closed: velocity, revenue, leaderboard.';
COMMENT ON INDEX sentinel.deals_created IS 'Deals by when they began: cohorts, funnel, creation rate.';
COMMENT ON INDEX sentinel.deal_history_recorded IS 'What was recorded in a span of time: movement, slippage, stage times, the past.';
COMMENT ON INDEX sentinel.deal_history_due IS 'Versions of open deals by when they were expected to close: slippage.';
COMMENT ON INDEX sentinel.deal_history_won IS 'Versions of won deals by when they were recorded: slippage.';
COMMENT ON INDEX sentinel.deal_timeline_deleted IS 'Deals that were deleted since a time; the past still counts them.';
COMMENT ON INDEX sentinel.deal_signals_open IS 'The signals of open deals: risk overview, action queue, alerts.';

CREATE TABLE sentinel.quotas (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    member_id uuid,
    starts_at timestamptz NOT NULL CHECK (isfinite(starts_at)),
    ends_at timestamptz NOT NULL CHECK (isfinite(ends_at)),
    amount numeric(18,2) NOT NULL CHECK (amount > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    CONSTRAINT quotas_scope UNIQUE NULLS NOT DISTINCT (org_id, member_id, starts_at, ends_at, currency),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE,
    CHECK (starts_at < ends_at)
);
COMMENT ON TABLE sentinel.quotas IS
    'What a member, or the whole organisation, is to win in a period. One row is one quota; written by set_quota().';
COMMENT ON COLUMN sentinel.quotas.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.quotas.id IS 'Id of the quota.';
COMMENT ON COLUMN sentinel.quotas.member_id IS 'Member whose quota it is; null for that of the organisation.';
COMMENT ON COLUMN sentinel.quotas.starts_at IS 'Start of the period.';
COMMENT ON COLUMN sentinel.quotas.ends_at IS 'End of the period; the first instant after it.';
COMMENT ON COLUMN sentinel.quotas.amount IS 'Value of deals to be won.';
COMMENT ON COLUMN sentinel.quotas.currency IS 'ISO 4217 code; only deals in it count.';
COMMENT ON COLUMN sentinel.quotas.created_at IS 'When it was set.';
COMMENT ON COLUMN sentinel.quotas.updated_at IS 'When it was last changed.';
