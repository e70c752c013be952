-- Alerts: what an organisation is warned of, and who was told of it inside the product.

CREATE TABLE sentinel.alerts (
    org_id          uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    id              uuid        NOT NULL DEFAULT sentinel.uuid7(),
    kind            text        NOT NULL CHECK (kind IN ('deal_at_risk', 'action_overdue', 'integrity_breach',
                                                         'webhook_disabled', 'slack_disabled', 'webhook_failing',
                                                         'slack_failing', 'webhook_recovered', 'slack_recovered',
                                                         'enrichment_disabled', 'enrichment_failing', 'enrichment_recovered',
                                                         'model_disabled', 'model_failing', 'model_recovered')),
    severity        text        NOT NULL DEFAULT 'high' CHECK (severity IN ('low', 'medium', 'high')),
    event_id        uuid,
    deal_id         uuid,
    period_id       uuid,
    subject_type    text        NOT NULL,
    subject_id      uuid        NOT NULL,
    title           text        NOT NULL CHECK (char_length(title) <= 300),
    message         text        NOT NULL CHECK (char_length(message) <= 3000),
    payload         jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, kind, period_id),
    UNIQUE (org_id, kind, event_id)
);
CREATE INDEX alerts_newest ON sentinel.alerts (org_id, created_at DESC);
CREATE INDEX alerts_of_subject ON sentinel.alerts (org_id, subject_type, subject_id);

COMMENT ON TABLE sentinel.alerts IS
    'What an organisation was warned of: once per at-risk period, and once per event that raises an alert.';
COMMENT ON COLUMN sentinel.alerts.org_id IS 'Organisation the alert belongs to.';
COMMENT ON COLUMN sentinel.alerts.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.alerts.kind IS
    'deal_at_risk, action_overdue, integrity_breach; webhook_, slack_, enrichment_ or model_ and disabled, failing or recovered.';
COMMENT ON COLUMN sentinel.alerts.severity IS 'low, medium or high.';
COMMENT ON COLUMN sentinel.alerts.event_id IS 'Event that raised the alert; empty where the delivery room raised it.';
COMMENT ON COLUMN sentinel.alerts.deal_id IS
    'Deal the alert is about; no foreign key, because an alert outlives its deal.';
COMMENT ON COLUMN sentinel.alerts.period_id IS
    'At-risk period; at most one alert of a kind is raised per period.';
COMMENT ON COLUMN sentinel.alerts.subject_type IS 'Kind of thing the alert is about: deal, webhook_endpoint, slack_channel, enrichment_service, model_gateway.';
COMMENT ON COLUMN sentinel.alerts.subject_id IS 'Identifier of the thing the alert is about.';
COMMENT ON COLUMN sentinel.alerts.title IS 'One line for a list, at most 300 characters.';
COMMENT ON COLUMN sentinel.alerts.message IS 'Why, in words, at most 3000 characters.';
COMMENT ON COLUMN sentinel.alerts.payload IS 'Facts of the event at the time it was raised.';
COMMENT ON COLUMN sentinel.alerts.created_at IS 'When the alert was raised.';
COMMENT ON COLUMN sentinel.alerts.acknowledged_at IS 'When a member acknowledged it; empty until then.';
COMMENT ON COLUMN sentinel.alerts.acknowledged_by IS
    'Member who acknowledged it; no foreign key, because the record outlives the member.';
COMMENT ON INDEX sentinel.alerts_newest IS 'The newest alerts of an organisation.';
COMMENT ON INDEX sentinel.alerts_of_subject IS 'The alerts about one deal, endpoint or channel.';

CREATE TABLE sentinel.notifications (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT sentinel.uuid7(),
    member_id  uuid        NOT NULL,
    kind       text        NOT NULL,
    alert_id   uuid,
    event_id   uuid,
    deal_id    uuid,
    team_id    uuid,
    title      text        NOT NULL CHECK (char_length(title) <= 300),
    message    text        NOT NULL CHECK (char_length(message) <= 3000),
    facts      jsonb       NOT NULL DEFAULT '{}',
    in_app     boolean     NOT NULL DEFAULT true,
    by_email   boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    read_at    timestamptz,
    emailed_at timestamptz,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, alert_id, member_id),
    UNIQUE (org_id, event_id, member_id, kind),
    FOREIGN KEY (org_id, alert_id) REFERENCES sentinel.alerts (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE,
    CHECK (in_app OR by_email)
);
CREATE INDEX notifications_of_member ON sentinel.notifications (org_id, member_id, created_at DESC, id DESC);
CREATE INDEX notifications_unread ON sentinel.notifications (org_id, member_id) WHERE read_at IS NULL AND in_app;

COMMENT ON TABLE sentinel.notifications IS
    'What members are told, in the product, by e-mail or both as they wished then. One row is one member told of one alert or event.';
COMMENT ON COLUMN sentinel.notifications.org_id IS 'Organisation the notification belongs to.';
COMMENT ON COLUMN sentinel.notifications.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.notifications.member_id IS 'Member who is told.';
COMMENT ON COLUMN sentinel.notifications.kind IS 'Kind of sentinel.notification_kinds: that of the alert, stage_changed or team_invite.';
COMMENT ON COLUMN sentinel.notifications.alert_id IS 'Alert the member is told of; empty for stage_changed and team_invite.';
COMMENT ON COLUMN sentinel.notifications.event_id IS 'Event the member is told of; empty where an alert is told.';
COMMENT ON COLUMN sentinel.notifications.deal_id IS
    'Deal it is about; no foreign key, because it outlives its deal.';
COMMENT ON COLUMN sentinel.notifications.team_id IS
    'Team it is about; no foreign key, because it outlives its team.';
COMMENT ON COLUMN sentinel.notifications.title IS 'One line for a list, at most 300 characters.';
COMMENT ON COLUMN sentinel.notifications.message IS 'Why, in words, at most 3000 characters.';
COMMENT ON COLUMN sentinel.notifications.facts IS 'Facts of the alert or event, for the texts of e-mails.';
COMMENT ON COLUMN sentinel.notifications.in_app IS 'Whether the member wished to see it in the product.';
COMMENT ON COLUMN sentinel.notifications.by_email IS 'Whether the member wished to have it by e-mail.';
COMMENT ON COLUMN sentinel.notifications.created_at IS 'When the notification was made.';
COMMENT ON COLUMN sentinel.notifications.read_at IS 'When the member read it; empty while unread.';
COMMENT ON COLUMN sentinel.notifications.emailed_at IS 'When the e-mail was sent; empty until then, and without one.';
COMMENT ON INDEX sentinel.notifications_of_member IS 'The newest notifications of a member.';
COMMENT ON INDEX sentinel.notifications_unread IS 'Count of what a member has not read.';
