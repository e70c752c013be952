-- Alerts: job type, routes, view.

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay,
                                time_limit, description)
VALUES ('raise_alert', 'sql', 'sentinel.handle_raise_alert', 'default', 3, 10, '1 s', '5 min', '10 s',
        'raises the alert of an event and tells members of it')
ON CONFLICT (job_type) DO NOTHING;

INSERT INTO sentinel.default_event_routes (event_type, job_type, description) VALUES
    ('deal.at_risk', 'raise_alert', 'a deal that is at risk alerts its owner'),
    ('deal.action_overdue', 'raise_alert', 'an action that is overdue alerts the owner of its deal')
ON CONFLICT (event_type, job_type) DO NOTHING;

CREATE OR REPLACE VIEW sentinel.open_alerts WITH (security_invoker = true) AS
SELECT a.id::text AS alert_id, a.kind, a.severity, a.title, a.message, a.deal_id::text AS deal_id,
       a.payload ->> 'recommended_action' AS recommended_action,
       a.payload ->> 'action_due_at' AS action_due,
       a.created_at,
       (SELECT count(*)::numeric FROM sentinel.notifications n
         WHERE n.org_id = a.org_id AND n.alert_id = a.id) AS members_told,
       (SELECT count(*)::numeric FROM sentinel.notifications n
         WHERE n.org_id = a.org_id AND n.alert_id = a.id AND n.read_at IS NOT NULL) AS members_read
  FROM sentinel.alerts a
 WHERE a.org_id = sentinel.current_org() AND a.acknowledged_at IS NULL;

GRANT SELECT ON sentinel.alerts, sentinel.notifications, sentinel.open_alerts TO sentinel_reader, sentinel_member;

COMMENT ON VIEW sentinel.open_alerts IS 'One row per alert that nobody has acknowledged.';
COMMENT ON COLUMN sentinel.open_alerts.alert_id IS 'Identifier of the alert.';
COMMENT ON COLUMN sentinel.open_alerts.kind IS 'deal_at_risk, action_overdue, integrity_breach; webhook_, slack_, enrichment_ or model_ and disabled, failing or recovered.';
COMMENT ON COLUMN sentinel.open_alerts.severity IS 'low, medium or high.';
COMMENT ON COLUMN sentinel.open_alerts.title IS 'One line.';
COMMENT ON COLUMN sentinel.open_alerts.message IS 'Why, in words.';
COMMENT ON COLUMN sentinel.open_alerts.deal_id IS 'Deal the alert is about; empty for endpoints and channels.';
COMMENT ON COLUMN sentinel.open_alerts.recommended_action IS 'What to do, where the event said so.';
COMMENT ON COLUMN sentinel.open_alerts.action_due IS 'By when, as the event said it.';
COMMENT ON COLUMN sentinel.open_alerts.created_at IS 'When the alert was raised.';
COMMENT ON COLUMN sentinel.open_alerts.members_told IS 'Members notified.';
COMMENT ON COLUMN sentinel.open_alerts.members_read IS 'Members who have read it.';
