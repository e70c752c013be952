-- Room alerts, notifications: kinds with their texts, job types, routes, schedule, row rights, grants.

INSERT INTO sentinel.notification_kinds (kind, label, position, in_app, by_email, path, subject, html, plain, description) VALUES
    ('deal_at_risk', 'Deal at risk', 1, true, true, '/deals/{id}', '{{title}}',
     '<p><strong>{{deal}}</strong> is at risk.</p><p>{{message}}</p><p><a href="{{link}}">Open the deal</a></p>'
     '<p>You are told once in each period at risk.</p>',
     E'{{deal}} is at risk.\n\n{{message}}\n\n{{link}}\n\nYou are told once in each period at risk.\n',
     'A deal that one works becomes at risk; once per period.'),
    ('action_overdue', 'Action overdue', 2, true, true, '/deals/{id}', '{{title}}',
     '<p><strong>{{deal}}</strong>: {{message}}.</p><p><a href="{{link}}">Open the deal</a></p>',
     E'{{deal}}: {{message}}.\n\n{{link}}\n', 'What is to be done about a deal that one works is overdue; once per period.'),
    ('stage_changed', 'Deal stage changed', 3, true, false, '/deals/{id}', '{{title}}',
     '<p><strong>{{deal}}</strong> moved from {{from}} to <strong>{{to}}</strong>.</p><ul><li>Set the next action.</li>'
     '<li>Note what was agreed.</li><li>Check value and expected close.</li></ul><p><a href="{{link}}">Open the deal</a></p>',
     E'{{deal}} moved from {{from}} to {{to}}.\n\n- Set the next action.\n- Note what was agreed.\n- Check value and expected close.\n\n{{link}}\n',
     'Another member moves a deal that one works.'),
    ('team_invite', 'Team invite', 4, true, true, '/invites', '{{title}}',
     '<p>{{inviter}} invites you to the team <strong>{{team}}</strong> as {{role}}.</p><p><a href="{{link}}">See the invite</a></p>'
     '<p>It expires in 7 days.</p>',
     E'{{inviter}} invites you to the team {{team}} as {{role}}.\n\n{{link}}\n\nIt expires in 7 days.\n', 'One is invited to a team.'),
    ('integrity_breach', 'Integrity breach', 5, true, true, '/alerts', '{{title}}',
     '<p>{{message}}</p><p><a href="{{link}}">See the alerts</a></p>', E'{{message}}\n\n{{link}}\n', 'Rows do not fit together.')
ON CONFLICT DO NOTHING;
INSERT INTO sentinel.notification_kinds (kind, label, position, in_app, by_email, path, subject, html, plain, description)
SELECT t.target || '_' || w.what, t.label || ' ' || w.what, t.position + w.position, true, w.by_email, '/alerts', '{{title}}',
       '<p>{{message}}</p><p><a href="{{link}}">See the alerts</a></p>', E'{{message}}\n\n{{link}}\n',
       format('%s %s; for owners and admins.', t.subject, w.happening)
FROM (VALUES ('webhook', 'Webhook', 10, 'A webhook endpoint'), ('slack', 'Slack', 20, 'A Slack channel'),
             ('enrichment', 'Enrichment', 30, 'An enrichment service'), ('model', 'Model', 40, 'A language model')) AS t (target, label, position, subject),
     (VALUES ('disabled', 1, true, 'is no longer sent to'), ('failing', 2, false, 'fails and is waited for'),
             ('recovered', 3, false, 'answers again')) AS w (what, position, by_email, happening)
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay, time_limit, description)
VALUES
    ('notify_stage_change', 'sql', 'sentinel.handle_notify_stage_change', 'default', 5, 10, '1 s', '5 min', '10 s',
     'Tell who works a deal that another moved it.'),
    ('notify_team_invite', 'sql', 'sentinel.handle_notify_team_invite', 'default', 5, 10, '1 s', '5 min', '10 s',
     'Tell a member of an invite to a team.'),
    ('make_digests', 'sql', 'sentinel.handle_make_digests', 'default', 6, 3, '1 min', '1 hour', '5 min',
     'Find who is due a digest of what was not read.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.default_event_routes (event_type, job_type, description) VALUES
    ('deal.stage_changed', 'notify_stage_change', 'Who works a deal is told that another moved it.'),
    ('invite.created', 'notify_team_invite', 'A member is told of an invite to a team.'),
    ('scheduler.notification_digest', 'make_digests', 'What was not read is summed up.'),
    ('team.member_added', 'dispatch_event', 'Tells the endpoints that want it.'),
    ('team.member_removed', 'dispatch_event', 'Tells the endpoints that want it.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.default_schedules (name, cron_expression, event_type, description) VALUES
    ('notification_digest', '0 8 * * *', 'scheduler.notification_digest', 'Sums up what was not read.')
ON CONFLICT DO NOTHING;

-- Wishes are each member's own.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.notification_settings;
CREATE POLICY tenant_isolation ON sentinel.notification_settings
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS notification_settings_view ON sentinel.notification_settings;
CREATE POLICY notification_settings_view ON sentinel.notification_settings AS RESTRICTIVE FOR SELECT
    USING (sentinel.may('assign', NULL, member_id) OR member_id = sentinel.current_member());
DROP POLICY IF EXISTS tenant_isolation ON sentinel.notification_digests;
CREATE POLICY tenant_isolation ON sentinel.notification_digests
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS notification_digests_view ON sentinel.notification_digests;
CREATE POLICY notification_digests_view ON sentinel.notification_digests AS RESTRICTIVE FOR SELECT
    USING (sentinel.may('assign', NULL, member_id) OR member_id = sentinel.current_member());

GRANT SELECT ON sentinel.notification_kinds, sentinel.notification_settings, sentinel.notification_digests
    TO sentinel_reader, sentinel_member;
