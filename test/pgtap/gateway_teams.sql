-- Room gateway: the routes of teams, members, invites, notifications, alerts, targets and deliveries.
-- One row may hold several results: each on a line of its own.
\pset fieldsep '\n'
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(232);

\ir ../support/routes.sql
\set none '00000000-0000-7000-8000-000000000000'
SELECT sentinel.create_org('Teamwork Ltd', 'teamwork-pgtap') AS org, sentinel.create_org('Foes Ltd', 'teamwork-pgtap-foes') AS foes \gset
SELECT sentinel.enter(:'foes');
INSERT INTO known SELECT 'foe', :'foes', sentinel.add_member('Foe', 'foe@teamwork.example', 'owner'), 'owner';
SELECT sentinel.add_team('Foes') AS their_team, (SELECT endpoint_id FROM sentinel.create_webhook_endpoint('https://foes.example/hook')) AS their_hook,
       (SELECT invite_id FROM sentinel.invite_member('x@foes.example')) AS their_invite, sentinel.create_deal('Theirs', 1) AS their_deal \gset
SELECT sentinel.enter(:'org');
INSERT INTO known SELECT v.who, :'org', sentinel.add_member(initcap(v.who), v.who || '@teamwork.example', v.role), v.role
FROM (VALUES ('olga', 'owner'), ('ada', 'admin'), ('mira', 'member'), ('max', 'member'), ('vera', 'viewer')) v (who, role);
INSERT INTO known VALUES ('key', :'org', NULL, NULL);
SELECT sentinel.leave();
SELECT id AS foe FROM known WHERE name = 'foe' \gset
SELECT id AS mira FROM known WHERE name = 'mira' \gset
SELECT id AS max FROM known WHERE name = 'max' \gset
SELECT id AS vera FROM known WHERE name = 'vera' \gset
SELECT id AS ada FROM known WHERE name = 'ada' \gset
SELECT id AS olga FROM known WHERE name = 'olga' \gset

-- Teams.
SELECT is(pg_temp.call('mira', 'POST', '/teams', '{"name": "North"}') -> 'status', '403', 'members make no teams');
SELECT pg_temp.data(pg_temp.call('ada', 'POST', '/api/teams', '{"name": "North"}')) ->> 'id' AS north \gset
SELECT is(pg_temp.data(pg_temp.call('ada', 'GET', '/teams/' || :'north')) @> '{"name": "North", "my_role": "owner", "member_count": 1}', true, 'an admin makes one');
SELECT is(pg_temp.call('ada', 'POST', '/teams/' || :'north' || '/members', jsonb_build_object('memberId', :'mira', 'role', 'admin')) -> 'status', '201', 'puts somebody in');
SELECT is(pg_temp.data(pg_temp.call('mira', 'POST', '/teams/' || :'north' || '/members', jsonb_build_object('member_id', :'vera'))) ->> 'role', 'member', 'who puts others in');
SELECT is((SELECT jsonb_agg(m -> 'display_name') FROM jsonb_array_elements(pg_temp.data(pg_temp.call('vera', 'GET', '/teams/' || :'north' || '/members'))) m), '["Ada", "Mira", "Vera"]', 'by role');
SELECT is(pg_temp.data(pg_temp.call('mira', 'GET', '/teams/me')) #>> '{0,my_role}', 'admin', 'teams with the own role');
SELECT is(pg_temp.data(pg_temp.call('max', 'GET', '/teams/me')), '[]', 'a member sees the own ones only');
SELECT is(pg_temp.data(pg_temp.call('mira', 'PATCH', '/teams/' || :'north', '{"name": "Far North"}')) ->> 'name', 'Far North', 'an admin of it renames it');
SELECT is(pg_temp.call('vera', 'PATCH', '/teams/' || :'north', '{"name": "x"}') -> 'status', '403', 'who only works in it does not');
SELECT is(pg_temp.call('mira', 'PATCH', '/teams/' || :'north', '{"name": ""}') -> 'status', '400', 'without a name');
SELECT is(pg_temp.call('mira', 'PATCH', '/teams/' || :'north' || '/members/' || :'vera', '{"role": "viewer"}') -> 'status', '403', 'roles are for its owner');
SELECT is(pg_temp.data(pg_temp.call('ada', 'PATCH', '/teams/' || :'north' || '/members/' || :'vera' || '/role', '{"role": "viewer"}')) ->> 'role', 'viewer', 'who gives them');
SELECT is(pg_temp.call('ada', 'PATCH', '/teams/' || :'north' || '/members/' || :'vera', '{"role": "king"}') -> 'status', '400', 'which are known');
SELECT is(pg_temp.call('ada', 'POST', '/teams/' || :'north' || '/transfer-ownership', jsonb_build_object('member_id', :'mira')) -> 'status', '200', 'a team changes hands');
SELECT is(pg_temp.call('ada', 'DELETE', '/teams/' || :'north' || '/members/' || :'mira') -> 'status', '403', 'its owner stays');
SELECT is(pg_temp.call('vera', 'DELETE', '/teams/' || :'north' || '/members/' || :'vera') -> 'status', '204', 'others may leave');
SELECT is(pg_temp.call('vera', 'GET', '/teams/' || :'north') -> 'status', '404', 'and see it no more');
SELECT unnest(ARRAY[is(pg_temp.refusal(w.who, v.verb, v.path, w.id, v.json), pg_temp.refusal(w.who, v.verb, v.path, :'none', v.json), format('%s %s: %s is unknown', v.verb, v.path, w.what)),
       is(pg_temp.call(w.who, v.verb, replace(v.path, '{}', w.id), replace(v.json::text, '{}', w.id)::jsonb) -> 'status', '404', 'which is 404')])
FROM (VALUES ('GET', '/teams/{}', NULL::jsonb), ('PATCH', '/teams/{}', '{"name": "x"}'), ('DELETE', '/teams/{}', NULL), ('GET', '/teams/{}/members', NULL),
             ('POST', '/teams/{}/members', '{"member_id": "{}"}'), ('PATCH', '/teams/{}/members/{}', '{"role": "member"}'), ('DELETE', '/teams/{}/members/{}', NULL),
             ('POST', '/teams/{}/transfer-ownership', '{"member_id": "{}"}'), ('POST', '/teams/{}/invites', '{"email": "a@b.example"}')) v (verb, path, json)
CROSS JOIN (VALUES ('max', :'north', 'a hidden team'), ('olga', :'their_team', 'a foreign team')) w (who, id, what);
SELECT unnest(ARRAY[is(pg_temp.refusal('olga', v.verb, v.path, :'foe', v.json), pg_temp.refusal('olga', v.verb, v.path, :'none', v.json), format('%s %s: a foreign member is unknown', v.verb, v.path)),
       is(pg_temp.call('olga', v.verb, replace(v.path, '{}', :'foe'), replace(v.json::text, '{}', :'foe')::jsonb) -> 'status', '404', 'which is 404')])
FROM (VALUES ('POST', '/teams/' || :'north' || '/members', '{"member_id": "{}"}'::jsonb), ('PATCH', '/teams/' || :'north' || '/members/{}', '{"role": "viewer"}'),
             ('DELETE', '/teams/' || :'north' || '/members/{}', NULL), ('POST', '/teams/' || :'north' || '/transfer-ownership', '{"member_id": "{}"}'),
             ('PATCH', '/members/{}/role', '{"role": "viewer"}'), ('DELETE', '/members/{}', NULL), ('POST', '/members/{}/transfer-ownership', NULL)) v (verb, path, json);

-- Members and invites.
SELECT is(pg_temp.walk('vera', '/members', 'limit=2') -> 'pages', '3', 'members, page by page');
SELECT is((SELECT jsonb_agg(m -> 'display_name') FROM jsonb_array_elements(pg_temp.data(pg_temp.call('vera', 'GET', '/members', NULL, 'role=member'))) m), '["Mira", "Max"]', 'of a role');
SELECT is(pg_temp.call('mira', 'POST', '/members', '{"displayName": "New", "email": "new@teamwork.example"}') -> 'status', '403', 'members add none');
SELECT is(pg_temp.call('ada', 'POST', '/members', '{"displayName": "New", "email": "new@teamwork.example"}') -> 'status', '201', 'admins do');
SELECT is(pg_temp.call('ada', 'POST', '/members', '{"displayName": "New", "email": "new@teamwork.example"}') -> 'status', '409', 'once');
SELECT is(pg_temp.call('ada', 'POST', '/members', '{"displayName": "New", "email": "none"}') -> 'status', '400', 'with an address');
SELECT is(pg_temp.call('ada', 'POST', '/members', '{"displayName": "New", "email": "boss@teamwork.example", "role": "owner"}') -> 'status', '403', 'owners are added by owners');
SELECT is(pg_temp.call('ada', 'PATCH', '/members/' || m.id || '/role', '{"role": "admin"}') -> 'status', '403', 'admins give no roles') FROM sentinel.members m WHERE m.display_name = 'New';
SELECT is(pg_temp.call('olga', 'PATCH', '/members/' || m.id || '/role', '{"role": "admin"}') -> 'status', '200', 'owners do') FROM sentinel.members m WHERE m.display_name = 'New';
SELECT is(pg_temp.call('mira', 'DELETE', '/members/' || m.id) -> 'status', '403', 'members remove none') FROM sentinel.members m WHERE m.display_name = 'New';
SELECT is(pg_temp.call('ada', 'DELETE', '/members/' || m.id, NULL, 'heir=' || :'max') -> 'status', '204', 'admins do') FROM sentinel.members m WHERE m.display_name = 'New';
SELECT is(pg_temp.call('ada', 'DELETE', '/members/' || :'olga') -> 'status', '403', 'but no owner');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.data(pg_temp.call('vera', 'GET', '/members', NULL, 'includeRemoved=true')))), 6::bigint, 'who is gone is remembered');
SELECT pg_temp.data(pg_temp.call('mira', 'POST', '/teams/' || :'north' || '/invites', '{"email": "max@teamwork.example"}')) AS invite \gset
SELECT is(:'invite'::jsonb ?& '{id,token,expires_at,team_id}', true, 'an invite to a team');
SELECT is(pg_temp.call('max', 'POST', '/teams/' || :'north' || '/invites', '{"email": "x@teamwork.example"}') -> 'status', '404', 'by who sees it');
SELECT is(pg_temp.call('mira', 'POST', '/invites', '{"email": "x@new.example"}') -> 'status', '403', 'to the organisation by admins');
SELECT is(pg_temp.call('ada', 'POST', '/invites', jsonb_build_object('email', format('x%s@new.example', i))) -> 'status', '201', 'invite ' || i) FROM generate_series(1, 3) i;
SELECT is(pg_temp.walk('ada', '/invites', 'limit=3') -> 'pages', '2', 'admins list them');
SELECT is(pg_temp.call('ada', 'GET', '/invites')::text LIKE '%token%', false, 'without tokens');
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('mira', 'GET', '/invites'))), 1, 'an admin of a team those to it');
SELECT is(pg_temp.data(pg_temp.call('max', 'GET', '/invites')), '[]', 'others none');
SELECT is(pg_temp.refusal(w.who, 'DELETE', '/invites/{}', w.id), pg_temp.refusal(w.who, 'DELETE', '/invites/{}', :'none'), w.who || ' cannot take back what is not there')
FROM (VALUES ('olga', :'their_invite'), ('max', :'invite'::jsonb ->> 'id')) w (who, id);
SELECT is(pg_temp.call('vera', 'POST', '/invites/accept', jsonb_build_object('token', :'invite'::jsonb ->> 'token')) -> 'status', '403', 'an invite is for one address');
SELECT is(pg_temp.data(pg_temp.call('max', 'POST', '/invites/accept', jsonb_build_object('token', :'invite'::jsonb ->> 'token'))) ->> 'team_id', :'north', 'whose member accepts it');
SELECT is(pg_temp.data(pg_temp.call('max', 'GET', '/teams/me')) #>> '{0,my_role}', 'member', 'and is in');
SELECT is(pg_temp.call('ada', 'DELETE', '/invites/' || (pg_temp.data(pg_temp.call('ada', 'GET', '/invites')) #>> '{0,id}')) -> 'status', '204', 'an invite is taken back');
SELECT is(pg_temp.call('olga', 'POST', '/members/' || :'ada' || '/transfer-ownership') -> 'status', '200', 'an organisation changes hands');
SELECT is((SELECT string_agg(display_name || ' ' || role, ', ' ORDER BY display_name) FROM sentinel.members WHERE id IN (:'ada', :'olga')), 'Ada owner, Olga admin', 'which is so');
UPDATE known SET role = CASE name WHEN 'ada' THEN 'owner' ELSE 'admin' END WHERE name IN ('ada', 'olga');
SELECT is(pg_temp.call('mira', 'DELETE', '/teams/' || :'north') -> 'json' -> 'data', '{"deals_without_team": 0}', 'its owner ends a team');

-- What one was told.
SELECT sentinel.enter(:'org');
SELECT sentinel.tell_members(:'org', ARRAY[:'mira']::uuid[], 'stage_changed', 'Title ' || i, 'Message ' || i, NULL, sentinel.emit('test.told', NULL, NULL), NULL, NULL, '{}') FROM generate_series(1, 7) i;
SELECT sentinel.tell_members(:'org', ARRAY[:'max']::uuid[], 'stage_changed', 'For Max', 'Message', NULL, sentinel.emit('test.told', NULL, NULL), NULL, NULL, '{}');
SELECT id AS of_max FROM sentinel.notifications WHERE member_id = :'max' \gset
SELECT sentinel.leave();
SELECT is(jsonb_array_length(pg_temp.walk('mira', '/notifications', 'limit=3') -> 'seen'), 7, 'all that one was told');
SELECT is(pg_temp.walk('mira', '/notifications', 'limit=7') -> 'pages', '1', 'on as many pages as it takes');
SELECT is(pg_temp.call('mira', 'GET', '/notifications', NULL, 'limit=2&skip=' || n) #> '{json,data}', (SELECT coalesce(jsonb_agg(e ORDER BY place), '[]') FROM (
    SELECT e, place FROM jsonb_array_elements(pg_temp.data(pg_temp.call('mira', 'GET', '/notifications'))) WITH ORDINALITY AS l (e, place) WHERE place > n AND place <= n + 2) x),
    'after ' || n) FROM (VALUES (0), (1), (5), (6), (7), (400)) v (n);
SELECT is(pg_temp.call('mira', 'GET', '/notifications') #> '{json,unread_count}', '7', 'none is read');
SELECT is(pg_temp.call('mira', 'GET', '/notifications', NULL, 'cursor=' || sentinel.page_cursor(jsonb_build_object('at', timestamptz '2020-01-01', 'id', :'none'))) -> 'status', '200', 'a page may begin behind what is deleted');
SELECT is(pg_temp.data(pg_temp.call('key', 'GET', '/notifications')), '[]', 'a key without a member is told nothing');
SELECT pg_temp.data(pg_temp.call('mira', 'GET', '/notifications')) #>> '{0,id}' AS told \gset
SELECT is(pg_temp.data(pg_temp.call('mira', 'POST', '/notifications/' || :'told' || '/read')) -> 'read', '1', 'one is read');
SELECT is(pg_temp.data(pg_temp.call('mira', 'POST', '/notifications/' || :'told' || '/read')) -> 'read', '0', 'once');
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('mira', 'GET', '/notifications', NULL, 'unreadOnly=true'))), 6, 'the others are not');
SELECT is(pg_temp.call('mira', 'DELETE', '/notifications/' || :'told') -> 'status', '204', 'it goes');
SELECT unnest(ARRAY[is(pg_temp.refusal('mira', v.verb, v.path, w.id), pg_temp.refusal('mira', v.verb, v.path, :'none'), v.verb || ' ' || v.path || ' is unknown'),
       is(pg_temp.call('mira', v.verb, replace(v.path, '{}', w.id)) -> 'status', '404', 'which is 404')])
FROM (VALUES ('POST', '/notifications/{}/read'), ('DELETE', '/notifications/{}')) v (verb, path), (VALUES (:'told'), (:'of_max')) w (id);
SELECT is(pg_temp.data(pg_temp.call('mira', 'POST', '/notifications/read-all')) -> 'read', '6', 'all are read');
SELECT is(pg_temp.call('max', 'GET', '/notifications') #> '{json,unread_count}', '1', 'of others none');
SELECT is(pg_temp.call('mira', 'GET', '/notifications', NULL, q) -> 'status', '400', q) FROM (VALUES ('limit=101'), ('skip=-1'), ('skip=10001'), ('unread_only=maybe'), ('cursor=x')) v (q);
SELECT is(pg_temp.data(pg_temp.call('vera', 'PUT', '/notifications/wishes', '{"digest": "weekly", "wishes": [{"kind": "deal_at_risk", "by_email": false}]}')) ->> 'digest', 'weekly', 'how one wishes to be told');
SELECT is((SELECT w -> 'by_email' FROM jsonb_array_elements(pg_temp.data(pg_temp.call('ada', 'GET', '/notifications/wishes', NULL, 'member_id=' || :'vera')) -> 'wishes') w WHERE w ->> 'kind' = 'deal_at_risk'), 'false', 'an owner reads it');
SELECT is(pg_temp.call('max', 'GET', '/notifications/wishes', NULL, 'member_id=' || :'vera') -> 'status', '403', 'another member does not');
SELECT is(pg_temp.call('vera', 'PUT', '/notifications/wishes', json) -> 'status', '400', json::text) FROM (VALUES ('{"digest": "hourly"}'::jsonb), ('{"wishes": {}}'), ('{"wishes": [1]}'),
    ('{"wishes": [{"kind": "gossip", "in_app": true}]}'), ('{"wishes": [{"kind": "deal_at_risk", "by_sms": true}]}'), ('{"x": 1}')) v (json);

-- Alerts.
SELECT sentinel.enter(:'org');
SELECT sentinel.create_deal('Deal ' || i, i, owner_id => CASE WHEN i = 1 THEN :'mira' ELSE :'max' END::uuid) FROM generate_series(1, 3) i;
SELECT sentinel.handle_raise_alert(sentinel.uuid7(), jsonb_build_object('event_id', sentinel.uuid7(), 'event_type', 'deal.at_risk', 'subject_type', 'deal', 'subject_id', d.id,
    'payload', jsonb_build_object('deal_id', d.id, 'name', d.name, 'risk_level', 'High', 'primary_reason', 'Why ' || d.name))) FROM sentinel.deals d WHERE d.org_id = :'org' ORDER BY d.name;
SELECT sentinel.enter(:'foes');
SELECT sentinel.handle_raise_alert(sentinel.uuid7(), jsonb_build_object('event_id', sentinel.uuid7(), 'event_type', 'deal.at_risk', 'subject_type', 'deal', 'subject_id', :'their_deal', 'payload', '{}'::jsonb));
SELECT sentinel.leave();
SELECT id AS their_alert FROM sentinel.alerts WHERE org_id = :'foes' \gset
SELECT id AS hidden_alert FROM sentinel.alerts WHERE message = 'Why Deal 2' \gset
SELECT id AS alert FROM sentinel.alerts WHERE message = 'Why Deal 1' \gset
SELECT is((pg_temp.data(pg_temp.call('mira', 'GET', '/alerts')) -> 0) @> jsonb_build_object('id', :'alert', 'type', 'high', 'message', 'Why Deal 1', 'deal_name', 'Deal 1', 'risk_score', 0.1, 'acknowledged_at', NULL), true, 'an alert of one''s deal');
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('mira', 'GET', '/alerts'))), 1, 'of those of others none');
SELECT is(pg_temp.walk('ada', '/alerts', 'limit=1') -> 'pages', '3', 'an owner sees all');
SELECT is(pg_temp.refusal('mira', 'POST', '/alerts/{}/acknowledge', w.id), pg_temp.refusal('mira', 'POST', '/alerts/{}/acknowledge', :'none'), w.what || ' is unknown')
FROM (VALUES (:'hidden_alert', 'a hidden alert'), (:'their_alert', 'a foreign alert')) w (id, what);
SELECT is((SELECT count(*) FROM sentinel.alerts WHERE acknowledged_at IS NOT NULL), 0::bigint, 'and stays as it was');
SELECT is(pg_temp.call('vera', 'POST', '/alerts/' || :'alert' || '/acknowledge') -> 'status', '403', 'viewers see to nothing');
SELECT is(pg_temp.data(pg_temp.call('mira', 'POST', '/alerts/' || :'alert' || '/acknowledge')) ->> 'acknowledged_by', :'mira', 'who was first');
SELECT is(pg_temp.data(pg_temp.call('ada', 'POST', '/alerts/' || :'alert' || '/acknowledge')) ->> 'acknowledged_by', :'mira', 'stays');
SELECT is(pg_temp.data(pg_temp.call('mira', 'GET', '/alerts')), '[]', 'what was seen is not shown');
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('ada', 'GET', '/alerts', NULL, q))), n, q) FROM (VALUES ('acknowledged=true', 1), ('acknowledged=all', 3), ('severity=low', 0), ('severity=high', 2)) v (q, n);

-- Targets and deliveries.
SELECT is(pg_temp.call('mira', 'POST', '/webhooks/endpoints', '{"url": "https://hook.example/a"}') -> 'status', '403', 'members make no endpoints');
SELECT pg_temp.call('ada', 'POST', '/webhooks/endpoints', '{"url": "https://hook.example/a", "eventTypes": ["deal.*"]}') AS made \gset
SELECT :'made'::jsonb #>> '{json,data,id}' AS hook, :'made'::jsonb #>> '{json,data,secret_id}' AS secret \gset
SELECT is(:'made'::jsonb -> 'status', '201', 'owners and admins do');
SELECT is(:'made'::jsonb -> 'headers' ->> 'Location', '/webhooks/endpoints/' || :'hook', 'with its place');
SELECT is((:'made'::jsonb #> '{json,data}') @> '{"url": "https://hook.example/a", "enabled": false, "event_types": ["deal.*"], "disabled_reason": "no signing key stored yet"}', true, 'which waits for its key');
SELECT is(pg_temp.call('ada', 'POST', '/webhooks/endpoints', json) -> 'status', '400', json::text) FROM (VALUES ('{"url": "ftp://x"}'::jsonb), ('{"url": "https://u:p@x.example/"}'), ('{"url": "https://x.example/", "event_types": []}'),
    ('{"url": "https://x.example/", "event_types": "deal"}'), ('{"url": "https://x.example/", "secret": "s"}'), ('{}')) v (json);
SELECT is(pg_temp.call('ada', 'POST', '/webhooks/endpoints/' || :'hook' || '/test') -> 'status', '409', 'nothing is tested before');
SELECT is(pg_temp.call('ada', 'POST', '/webhooks/endpoints/' || :'hook' || '/enable') -> 'status', '409', 'nor enabled');
SELECT sentinel.store_secret(:'org', :'secret', 'webhook_key', :'hook', 1, '\x0101'::bytea || convert_to(repeat('a', 60), 'UTF8'));
SELECT is(pg_temp.data(pg_temp.call('ada', 'GET', '/webhooks/endpoints/' || :'hook')) -> 'enabled', 'true', 'then it hears');
SELECT pg_temp.data(pg_temp.call('ada', 'POST', '/webhooks/endpoints/' || :'hook' || '/test')) ->> 'delivery_id' AS delivery \gset
SELECT is(pg_temp.data(pg_temp.call('ada', 'GET', '/deliveries/' || :'delivery')) @> '{"event_type": "sentinel.test", "state": "waiting", "attempts_made": []}', true, 'a test is on its way');
SELECT is(pg_temp.call('ada', 'POST', '/deliveries/' || :'delivery' || '/redeliver') -> 'status', '409', 'and is not sent again');
SELECT sentinel.enter(:'org');
UPDATE sentinel.deliveries SET state = 'failed', finished_at = now() WHERE id = :'delivery';
SELECT sentinel.leave();
SELECT is(pg_temp.call('ada', 'POST', '/deliveries/' || :'delivery' || '/redeliver') -> 'status', '202', 'but when it has failed');
SELECT is(pg_temp.call('ada', 'POST', '/webhooks/endpoints/' || :'hook' || '/test') -> 'status', '202', 'test ' || i) FROM generate_series(1, 4) i;
SELECT is((SELECT count(DISTINCT d ->> 'id') FROM jsonb_array_elements(pg_temp.data(pg_temp.call('ada', 'GET', '/deliveries', NULL, 'target_id=' || :'hook'))) d), 5::bigint, 'what was sent to it');
SELECT is(pg_temp.walk('ada', '/deliveries', 'limit=2&state=waiting') -> 'pages', '3', 'page by page');
SELECT is(pg_temp.data(pg_temp.call('ada', 'GET', '/deliveries', NULL, 'state=failed')), '[]', 'by state');
SELECT is(pg_temp.call('mira', 'GET', '/deliveries') -> 'status', '403', 'members see none');
SELECT is(pg_temp.data(pg_temp.call('ada', 'PATCH', '/webhooks/endpoints/' || :'hook', '{"eventTypes": ["lead.*"], "description": "CRM", "retrySchedule": ["10 seconds", "1 hour"], "perSecond": 5, "burst": 10}'))
    @> '{"event_types": ["lead.*"], "name": "CRM", "retry_schedule": ["00:00:10", "01:00:00"], "health": {"per_second": 5, "burst": 10}}', true, 'an endpoint is changed');
SELECT is(pg_temp.data(pg_temp.call('ada', 'PATCH', '/webhooks/endpoints/' || :'hook', '{"retry_schedule": null, "per_second": null}')) @> '{"event_types": ["lead.*"], "name": "CRM", "retry_schedule": null, "health": {"per_second": null}}', true, 'null takes back');
SELECT is(pg_temp.call('ada', 'PATCH', '/webhooks/endpoints/' || :'hook', json) -> 'status', '400', left(json::text, 60)) FROM (VALUES ('{"url": "https://other.example/"}'::jsonb), ('{"event_types": ["a b"]}'), ('{"retry_schedule": ["soon"]}'),
    ('{"retry_schedule": []}'), ('{"retry_schedule": ["-1 hour"]}'), ('{"retry_schedule": ["8 days"]}'), ('{"burst": 5}'), ('{"per_second": 0}'), ('{"event_types": null}'), (jsonb_build_object('description', repeat('x', 501)))) v (json);
SELECT is(pg_temp.data(pg_temp.call('ada', 'POST', '/webhooks/endpoints/' || :'hook' || '/rotate')) -> 'secret_version', '2', 'the next key is reserved');
SELECT is(pg_temp.data(pg_temp.call('ada', 'POST', '/webhooks/endpoints/' || :'hook' || '/disable', '{"reason": "moving"}')) @> '{"enabled": false, "disabled_reason": "moving"}', true, 'an endpoint is stopped');
SELECT is(pg_temp.data(pg_temp.call('ada', 'POST', '/webhooks/endpoints/' || :'hook' || '/enable')) -> 'enabled', 'true', 'and goes on');
SELECT pg_temp.data(pg_temp.call('ada', 'POST', '/slack/channels', '{"name": "#deals"}')) ->> 'id' AS channel \gset
SELECT is(pg_temp.data(pg_temp.call('ada', 'PATCH', '/slack/channels/' || :'channel', '{"name": "#sales"}')) @> '{"name": "#sales", "kind": "slack"}', true, 'a channel is renamed');
SELECT is(pg_temp.call('ada', 'PATCH', '/slack/channels/' || :'channel', json) -> 'status', '400', json::text) FROM (VALUES ('{"name": ""}'::jsonb), ('{"name": null}'), ('{"name": "a\nb"}'), ('{"description": "x"}')) v (json);
SELECT is(pg_temp.data(pg_temp.call('ada', 'GET', '/slack/channels')) #>> '{0,id}', :'channel', 'channels');
SELECT is(pg_temp.data(pg_temp.call('ada', 'GET', '/webhooks/endpoints')) #>> '{0,id}', :'hook', 'endpoints');
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('ada', 'GET', '/targets'))), 2, 'and both');
SELECT unnest(ARRAY[is(pg_temp.refusal('ada', v.verb, '/webhooks/endpoints/{}' || v.path, w.id, v.json), pg_temp.refusal('ada', v.verb, '/webhooks/endpoints/{}' || v.path, :'none', v.json), format('%s {}%s: %s is unknown', v.verb, v.path, w.what)),
       is(pg_temp.call('ada', v.verb, '/webhooks/endpoints/' || w.id || v.path, v.json) -> 'status', '404', 'which is 404')])
FROM (VALUES ('GET', '', NULL::jsonb), ('PATCH', '', '{"description": "x"}'), ('DELETE', '', NULL), ('POST', '/test', NULL), ('POST', '/rotate', NULL), ('POST', '/enable', NULL), ('POST', '/disable', NULL)) v (verb, path, json)
CROSS JOIN (VALUES (:'their_hook', 'a foreign endpoint'), (:'channel', 'a channel')) w (id, what);
SELECT is(pg_temp.refusal('foe', v.verb, '/deliveries/{}' || v.path, :'delivery'), pg_temp.refusal('foe', v.verb, '/deliveries/{}' || v.path, :'none'), v.verb || ' of a foreign delivery')
FROM (VALUES ('GET', ''), ('POST', '/redeliver')) v (verb, path);
SELECT is(pg_temp.call('ada', 'DELETE', '/webhooks/endpoints/' || :'hook') -> 'status', '204', 'an endpoint goes');
SELECT is(pg_temp.data(pg_temp.call('ada', 'GET', '/deliveries/' || :'delivery')) ->> 'target', 'removed', 'what was sent to it stays');
SELECT is((SELECT count(*) FROM sentinel.http_routes WHERE pattern LIKE ANY ('{/webhooks/endpoints%,/slack/channels%,/targets%,/deliveries%}') AND role <> 'admin'), 0::bigint, 'all of it is for owners and admins');

SELECT * FROM finish();
ROLLBACK;
