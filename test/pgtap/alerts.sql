-- Room alerts: once per at-risk period, who is told, what is escaped to nobody else.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(33);

SELECT sentinel.create_org('Alerts Ltd', 'alerts-pgtap') AS org \gset
SELECT sentinel.create_org('Other Ltd', 'alerts-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@alerts.example', 'owner') AS olga,
       sentinel.add_member('Adam', 'adam@alerts.example', 'admin') AS adam,
       sentinel.add_member('Mira', 'mira@alerts.example', 'member') AS mira,
       sentinel.add_member('Vera', 'vera@alerts.example', 'viewer') AS vera \gset
SELECT sentinel.uuid7() AS deal, sentinel.uuid7() AS period, sentinel.uuid7() AS second_period \gset

-- Runs the sql jobs that wait for the organisation, as run_jobs() does, and gives what raise_alert answered.
CREATE FUNCTION pg_temp.run_alert_jobs(org uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    j record;
    outcome jsonb;
    answers jsonb := '[]';
BEGIN
    FOR j IN SELECT * FROM sentinel.claim('pgtap', '{default}', 1000) c WHERE c.org_id = org LOOP
        outcome := sentinel.run_handler(j.org_id, j.job_id, j.lease);
        PERFORM sentinel.complete(ARRAY[j.job_id], ARRAY[j.lease], jsonb_build_array(outcome));
        IF j.job_type = 'raise_alert' THEN
            answers := answers || outcome;
        END IF;
    END LOOP;
    PERFORM sentinel.enter(org);
    RETURN answers;
END $$;
CREATE FUNCTION pg_temp.at_risk(deal uuid, period uuid, more jsonb DEFAULT '{}') RETURNS uuid LANGUAGE sql AS $$
    SELECT sentinel.emit('deal.at_risk', 'deal', deal, jsonb_build_object('deal_id', deal, 'name', 'Alpha', 'value', 5000,
        'currency', 'EUR', 'stage', 'negotiation', 'risk_level', 'High', 'primary_reason', 'No activity in last 7 days',
        'recommended_action', 'Send follow-up email', 'period_id', period) || more)
$$;

-- Shape.
SELECT col_is_pk('sentinel', 'alerts', ARRAY['org_id', 'id'], 'alerts are keyed by organisation and id');
SELECT is((SELECT count(*) FROM sentinel.default_event_routes WHERE event_type = 'deal.at_risk' AND job_type IN ('raise_alert', 'dispatch_event')), 2::bigint,
    'a deal at risk raises an alert and is dispatched');
SELECT function_owner_is('sentinel', 'acknowledge_alert', ARRAY['uuid'], 'sentinel_owner', 'acknowledging sees one organisation only');

-- Once per period.
SELECT pg_temp.at_risk(:'deal', :'period', jsonb_build_object('owner_id', :'mira')) AS event \gset
SELECT is(pg_temp.run_alert_jobs(:'org') #>> '{0,notified}', '1', 'the alert is raised and one member told');
SELECT is((SELECT title || ' | ' || message || ' | ' || severity FROM sentinel.alerts WHERE org_id = :'org'),
    'Deal at Risk: Alpha | No activity in last 7 days | high', 'what the alert says');
SELECT is((SELECT deal_id FROM sentinel.alerts WHERE org_id = :'org' AND event_id = :'event'), :'deal'::uuid, 'and of which deal');
SELECT is((SELECT array_agg(member_id) FROM sentinel.notifications WHERE org_id = :'org'), ARRAY[:'mira'::uuid], 'its owner is told');
SELECT pg_temp.at_risk(:'deal', :'period', jsonb_build_object('owner_id', :'mira'));
SELECT is(pg_temp.run_alert_jobs(:'org') #>> '{0,raised}', 'false', 'a second event of the period raises none');
SELECT is((SELECT count(*) FROM sentinel.alerts WHERE org_id = :'org'), 1::bigint, 'there is one alert');
SELECT is((SELECT count(*) FROM sentinel.notifications WHERE org_id = :'org'), 1::bigint, 'and one notification');
SELECT is(sentinel.handle_raise_alert(sentinel.uuid7(), (SELECT jsonb_build_object('event_id', id, 'event_type', event_type, 'subject_type', subject_type,
    'subject_id', subject_id, 'payload', payload) FROM sentinel.events WHERE id = :'event')) ->> 'raised', 'false', 'a job that runs twice raises none');

-- Who is told without an owner; texts without a reason.
SELECT pg_temp.at_risk(:'deal', :'second_period', '{"primary_reason": null, "risk_level": "Medium", "name": "Beta"}');
SELECT is(pg_temp.run_alert_jobs(:'org') #>> '{0,notified}', '2', 'the next period has its alert');
SELECT is((SELECT message || ' | ' || severity FROM sentinel.alerts WHERE period_id = :'second_period'), 'Deal marked as high risk. | medium', 'without a reason');
SELECT results_eq(format('SELECT n.member_id FROM sentinel.notifications n JOIN sentinel.alerts a ON a.org_id = n.org_id AND a.id = n.alert_id WHERE a.period_id = %L ORDER BY 1', :'second_period'),
    ARRAY[least(:'olga'::uuid, :'adam'::uuid), greatest(:'olga'::uuid, :'adam'::uuid)], 'owners and admins are told where the deal has no owner');
SELECT sentinel.remove_member(:'mira');
SELECT pg_temp.at_risk(:'deal', sentinel.uuid7(), jsonb_build_object('owner_id', :'mira'));
SELECT is(pg_temp.run_alert_jobs(:'org') #>> '{0,notified}', '2', 'and where the owner has left');
SELECT sentinel.emit('deal.at_risk', 'deal', :'deal', '{"name": "Gamma", "period_id": "not a uuid", "owner_id": 7}');
SELECT sentinel.emit('deal.at_risk', 'deal', :'deal', '{"name": "Gamma"}');
SELECT is(pg_temp.run_alert_jobs(:'org') @> '[{"raised": true}]', true, 'an event without a period raises an alert of its own');
SELECT is((SELECT count(*) FROM sentinel.alerts WHERE org_id = :'org' AND period_id IS NULL), 2::bigint, 'each');
SELECT sentinel.emit('deal.action_overdue', 'deal', :'deal', '{"name": "Alpha", "recommended_action": "Nudge for response", "overdue_days": 1}');
SELECT pg_temp.run_alert_jobs(:'org');
SELECT is((SELECT title || ' | ' || message FROM sentinel.alerts WHERE org_id = :'org' AND kind = 'action_overdue'),
    'Action Overdue: Alpha | Nudge for response is 1 day overdue', 'an overdue action');
SELECT lives_ok(format('SELECT pg_temp.at_risk(%L, %L, jsonb_build_object(''name'', repeat(''x'', 5000), ''primary_reason'', repeat(''y'', 5000)))', :'deal', sentinel.uuid7()), 'overlong text');
SELECT is(pg_temp.run_alert_jobs(:'org') #>> '{0,raised}', 'true', 'is cut, not refused');
SELECT throws_ok($$ SELECT sentinel.handle_raise_alert(sentinel.uuid7(), '{"event_type": "lead.created"}') $$, 'SN007', NULL, 'an event type without an alert is refused');

SELECT sentinel.create_deal('Owned', 5000, owner_id => :'vera') AS owned, sentinel.uuid7() AS owned_period \gset
SELECT pg_temp.at_risk(:'owned', :'owned_period', jsonb_build_object('owner_id', :'adam'));
SELECT pg_temp.run_alert_jobs(:'org') \g /dev/null
SELECT is((SELECT array_agg(n.member_id) FROM sentinel.notifications n JOIN sentinel.alerts a ON a.org_id = n.org_id AND a.id = n.alert_id
           WHERE a.period_id = :'owned_period'), ARRAY[:'vera'::uuid], 'who owns the deal now is told, not who did at the time of the event');

-- Members and their notifications.
SELECT sentinel.enter(:'org', :'olga');
SELECT is((SELECT count(*) FROM sentinel.my_notifications()), 6::bigint, 'a member sees what it was told');
SELECT is((SELECT count(*) FROM sentinel.my_notifications(page_size => 2)), 2::bigint, 'a page at a time');
SELECT is(sentinel.read_notifications(ARRAY[(SELECT notification_id FROM sentinel.my_notifications(page_size => 1))]), 1, 'one is read');
SELECT is((SELECT count(*) FROM sentinel.my_notifications(unread_only => true)), 5::bigint, 'five are left');
SELECT is(sentinel.read_notifications(), 5, 'all are read');
SELECT is(sentinel.delete_notification((SELECT id FROM sentinel.notifications WHERE member_id = :'adam' LIMIT 1)), false, 'nobody deletes another''s');
SELECT is(sentinel.delete_notification((SELECT notification_id FROM sentinel.my_notifications(page_size => 1))), true, 'but one''s own');
SELECT id AS alert FROM sentinel.alerts WHERE period_id = :'period' \gset
SELECT sentinel.acknowledge_alert(:'alert') AS since \gset
SELECT is((SELECT acknowledged_by FROM sentinel.alerts WHERE id = :'alert'), :'olga'::uuid, 'an alert is acknowledged by who is in');
SELECT sentinel.enter(:'org', :'adam');
SELECT is(sentinel.acknowledge_alert(:'alert'), :'since'::timestamptz, 'once');
SELECT is((SELECT acknowledged_by FROM sentinel.alerts WHERE id = :'alert'), :'olga'::uuid, 'by the first');
SELECT sentinel.enter(:'other');
SELECT throws_ok(format('SELECT sentinel.acknowledge_alert(%L)', :'alert'), 'SN004', NULL, 'another organisation finds no such alert');

SELECT * FROM finish();
ROLLBACK;
