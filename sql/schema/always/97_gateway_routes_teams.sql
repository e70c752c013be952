-- Room gateway: routes of teams, members, invites, notifications, alerts, webhook endpoints, Slack channels and deliveries.

SELECT sentinel.serve('GET', p, 'sentinel.http_my_teams', 'List the teams that the caller sees.', 'tenancy', answers => 'list')
FROM (VALUES ('/teams'), ('/teams/me')) AS v (p);
SELECT sentinel.serve('POST', '/teams', 'sentinel.http_add_team', 'Make a team.', 'tenancy', role => 'admin', body => ARRAY['name! text Name.']);
SELECT sentinel.serve('GET', '/teams/{team_id}', 'sentinel.http_get_team', 'Give a team with its members.', 'tenancy');
SELECT sentinel.serve('PATCH', '/teams/{team_id}', 'sentinel.http_rename_team', 'Give a team another name.', 'tenancy', body => ARRAY['name! text Name.']);
SELECT sentinel.serve('DELETE', '/teams/{team_id}', 'sentinel.http_delete_team', 'Delete a team.', 'tenancy');
SELECT sentinel.serve('GET', '/teams/{team_id}/members', 'sentinel.http_team_members', 'List who is in a team.', 'tenancy', answers => 'list');
SELECT sentinel.serve('POST', '/teams/{team_id}/members', 'sentinel.http_add_team_member', 'Put a member into a team.', 'tenancy',
    body => ARRAY['member_id! uuid Member of the organisation.', 'role owner|admin|member|viewer Role in the team; member when left out.']);
SELECT sentinel.serve('PATCH', p, 'sentinel.http_set_team_role', 'Change the role of a member of a team.', 'tenancy', body => ARRAY['role! admin|member|viewer Role in the team.'])
FROM (VALUES ('/teams/{team_id}/members/{member_id}'), ('/teams/{team_id}/members/{member_id}/role')) AS v (p);
SELECT sentinel.serve('DELETE', '/teams/{team_id}/members/{member_id}', 'sentinel.http_remove_team_member', 'Take a member out of a team, or leave it.', 'tenancy',
    role => 'viewer', answers => 'nothing', query => ARRAY['heir uuid Member who gets the open work; nobody when left out.']);
SELECT sentinel.serve('POST', '/teams/{team_id}/transfer-ownership', 'sentinel.http_transfer_team', 'Make another member the owner of a team.', 'tenancy',
    body => ARRAY['member_id! uuid Member of the team.']);
SELECT sentinel.serve('POST', '/teams/{team_id}/invites', 'sentinel.http_invite_to_team', 'Invite an address to a team.', 'tenancy', rate_tier => 'strict',
    body => ARRAY['email! email Address.', 'role admin|member|viewer Role in the team; member when left out.']);

SELECT sentinel.serve('GET', '/invites', 'sentinel.http_list_invites', 'List invites that nobody has accepted, newest first.', 'tenancy', scope => 'members:read', answers => 'list',
    query => ARRAY['team_id uuid Only to this team.', 'limit integer Invites on a page, 1 to 200; 50 when left out.', 'cursor text Where the last page ended.']);
SELECT sentinel.serve('POST', '/invites', 'sentinel.http_invite_member', 'Invite an address to the organisation.', 'tenancy', scope => 'members:write', role => 'admin',
    rate_tier => 'strict', body => ARRAY['email! email Address.', 'role admin|member|viewer Role; member when left out.']);
SELECT sentinel.serve('DELETE', '/invites/{invite_id}', 'sentinel.http_revoke_invite', 'Take an invite back.', 'tenancy', scope => 'members:write', answers => 'nothing');
SELECT sentinel.serve('POST', '/invites/accept', 'sentinel.http_accept_team_invite', 'Accept an invite to a team.', 'tenancy', scope => 'members:write', role => 'viewer',
    rate_tier => 'strict', body => ARRAY['token! text Token of the invite.']);
SELECT sentinel.serve('GET', '/members', 'sentinel.http_list_members', 'List the members of the organisation.', 'tenancy', answers => 'list',
    query => ARRAY['role owner|admin|member|viewer Only of this role.', 'include_removed boolean Also those who are none any more.',
        'limit integer Members on a page, 1 to 200; 50 when left out.', 'cursor text Where the last page ended.']);
SELECT sentinel.serve('POST', '/members', 'sentinel.http_add_member', 'Add a member to the organisation.', 'tenancy', role => 'admin',
    body => ARRAY['display_name! text Name.', 'email! email Address.', 'role owner|admin|member|viewer Role; member when left out.']);
SELECT sentinel.serve('PATCH', '/members/{member_id}/role', 'sentinel.http_set_member_role', 'Change the role of a member.', 'tenancy', role => 'owner',
    body => ARRAY['role! admin|member|viewer Role.']);
SELECT sentinel.serve('DELETE', '/members/{member_id}', 'sentinel.http_remove_member', 'Remove a member, or leave the organisation.', 'tenancy', role => 'viewer',
    answers => 'nothing', query => ARRAY['heir uuid Member who gets the open work; nobody when left out.']);
SELECT sentinel.serve('POST', '/members/{member_id}/transfer-ownership', 'sentinel.http_transfer_ownership', 'Make another member owner in one''s place.', 'tenancy', role => 'owner');

SELECT sentinel.serve('GET', '/notifications', 'sentinel.http_list_notifications', 'List what the caller was told, newest first.', 'notifications', answers => 'list', rate_tier => 'lenient',
    query => ARRAY['limit integer Notifications on a page, 1 to 100; 20 when left out.', 'skip integer How many to pass over, up to 10000; a cursor goes first.',
        'unread_only boolean Only those not read yet.', 'cursor text Where the last page ended.']);
SELECT sentinel.serve('POST', '/notifications/{notification_id}/read', 'sentinel.http_read_notification', 'Mark a notification as read.', 'notifications', role => 'viewer');
SELECT sentinel.serve('POST', '/notifications/read-all', 'sentinel.http_read_all_notifications', 'Mark all notifications as read.', 'notifications', role => 'viewer');
SELECT sentinel.serve('DELETE', '/notifications/{notification_id}', 'sentinel.http_delete_notification', 'Remove a notification.', 'notifications', role => 'viewer', answers => 'nothing');
SELECT sentinel.serve('GET', '/notifications/wishes', 'sentinel.http_get_wishes', 'Tell how one is told of each kind.', 'notifications',
    query => ARRAY['member_id uuid Another member, for owners and admins.']);
SELECT sentinel.serve('PUT', '/notifications/wishes', 'sentinel.http_set_wishes', 'Say which notifications one wishes, and how.', 'notifications', role => 'viewer',
    query => ARRAY['member_id uuid Another member, for owners and admins.'],
    body => ARRAY['digest text realtime, daily, weekly or never; null for the default.', 'wishes objects Objects of kind, in_app and by_email; what is left out stays.']);
SELECT sentinel.serve('GET', '/alerts', 'sentinel.http_list_alerts', 'List alerts, newest first.', 'alerts', answers => 'list', rate_tier => 'lenient',
    query => ARRAY['acknowledged false|true|all Whether somebody has seen them; false when left out.', 'severity low|medium|high Only of this severity.',
        'deal_id uuid Only about this deal.', 'limit integer Alerts on a page, 1 to 200; 50 when left out.', 'cursor text Where the last page ended.']);
SELECT sentinel.serve('POST', '/alerts/{alert_id}/acknowledge', 'sentinel.http_acknowledge_alert', 'Mark an alert as seen.', 'alerts');

SELECT sentinel.serve('GET', r.path, 'sentinel.http_list_targets', format('List %ss.', r.thing), 'delivery', scope => r.scope || ':read', role => 'admin', answers => 'list'),
       sentinel.serve('GET', r.path || '/{target_id}', 'sentinel.http_get_target', format('Give a %s.', r.thing), 'delivery', scope => r.scope || ':read', role => 'admin'),
       sentinel.serve('POST', r.path, 'sentinel.http_add_target', format('Register a %s; its secret is sealed afterwards.', r.thing), 'delivery',
                      scope => r.scope || ':write', role => 'admin', body => r.made_of),
       sentinel.serve('PATCH', r.path || '/{target_id}', 'sentinel.http_change_target', format('Change a %s.', r.thing), 'delivery', scope => r.scope || ':write',
                      role => 'admin', runs_as => 'operator', body => r.changed),
       sentinel.serve('DELETE', r.path || '/{target_id}', 'sentinel.http_delete_target', format('Remove a %s and its secrets.', r.thing), 'delivery',
                      scope => r.scope || ':write', role => 'admin', answers => 'nothing'),
       sentinel.serve('POST', r.path || '/{target_id}/test', 'sentinel.http_test_target', format('Send a test message to a %s.', r.thing), 'delivery',
                      scope => r.scope || ':write', role => 'admin', rate_tier => 'strict'),
       sentinel.serve('POST', r.path || '/{target_id}/rotate', 'sentinel.http_rotate_target', format('Reserve the next secret of a %s.', r.thing), 'delivery',
                      scope => r.scope || ':write', role => 'admin', rate_tier => 'strict'),
       sentinel.serve('POST', r.path || '/{target_id}/enable', 'sentinel.http_enable_target', format('Let a %s hear of events again.', r.thing), 'delivery',
                      scope => r.scope || ':write', role => 'admin'),
       sentinel.serve('POST', r.path || '/{target_id}/disable', 'sentinel.http_disable_target', format('Let a %s hear of nothing more.', r.thing), 'delivery',
                      scope => r.scope || ':write', role => 'admin', body => ARRAY['reason text Why.'])
FROM (VALUES
    ('/webhooks/endpoints', 'webhooks', 'webhook endpoint',
     ARRAY['url! text Address, https or http.', 'event_types texts Event types it hears of, as deal.at_risk, deal.* or *; all when left out.', 'description text What it is for.'],
     ARRAY['event_types texts Event types it hears of.', 'description text What it is for; null for nothing.', 'retry_schedule texts Waits between attempts; null for the usual ones.',
           'per_second number Requests a second at most; null for the usual limit.', 'burst integer Requests that may go at once after a pause.']),
    ('/slack/channels', 'slack', 'Slack channel',
     ARRAY['name! text Name of the channel in Slack.', 'event_types texts Event types it hears of.'],
     ARRAY['name text Name of the channel in Slack.', 'event_types texts Event types it hears of.', 'per_second number Messages a second at most; null for the usual limit.',
           'burst integer Messages that may go at once after a pause.'])) AS r (path, scope, thing, made_of, changed);
SELECT sentinel.serve('GET', '/targets', 'sentinel.http_list_targets', 'List all targets and services and how they do.', 'delivery', scope => 'deliveries:read', role => 'admin', answers => 'list');
SELECT sentinel.serve('GET', '/deliveries', 'sentinel.http_list_deliveries', 'List what was sent or waits to be, newest first.', 'delivery', role => 'admin', answers => 'list',
    query => ARRAY['target_id uuid Only to this target.', 'state waiting|delivered|failed|discarded Only in this state.', 'event_type text Only of this event type.',
        'limit integer Deliveries on a page, 1 to 200; 50 when left out.', 'cursor text Where the last page ended.']);
SELECT sentinel.serve('GET', '/deliveries/{delivery_id}', 'sentinel.http_get_delivery', 'Give a delivery with its attempts.', 'delivery', role => 'admin');
SELECT sentinel.serve('POST', '/deliveries/{delivery_id}/redeliver', 'sentinel.http_redeliver', 'Send a finished delivery again.', 'delivery', role => 'admin', rate_tier => 'strict');
