-- Room risk: the faults of the original's model and of what it did when a deal changed, one by one. Source: revenue.md (a), (b).
-- Each of these fails on the original's behaviour, which is told in its line.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SET LOCAL jit = off;
SELECT plan(39);

SELECT sentinel.create_org('Faults Ltd', 'risk-bugs-pgtap') AS org \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@faults.example', 'owner') AS olga, sentinel.add_member('Ana', 'ana@faults.example') AS ana,
       sentinel.add_member('Ben', 'ben@faults.example') AS ben, sentinel.add_member('Cleo', 'cleo@faults.example') AS cleo, sentinel.add_team('North') AS north \gset
CREATE FUNCTION pg_temp.ago(days numeric) RETURNS timestamptz LANGUAGE sql AS 'SELECT now() - days * interval ''24 hours''';
CREATE FUNCTION pg_temp.told(deal uuid, kind text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM sentinel.events WHERE subject_id = deal AND event_type = kind
$$;
CREATE FUNCTION pg_temp.work(org uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    j record;
    outcome jsonb;
BEGIN
    PERFORM sentinel.leave();
    FOR j IN SELECT * FROM sentinel.claim('pgtap', '{default}', 1000) c WHERE c.org_id = org LOOP
        outcome := sentinel.run_handler(j.org_id, j.job_id, j.lease);
        PERFORM sentinel.complete(ARRAY[j.job_id], ARRAY[j.lease], jsonb_build_array(outcome));
    END LOOP;
    PERFORM sentinel.enter(org);
END
$$;

-- (a) A stage entered again was measured from its first entry.
SELECT sentinel.set_risk_settings(stage_stall => true, as_of => pg_temp.ago(80));
SELECT sentinel.create_deal('Norm', 1, 'proposal', owner_id => :'ana', as_of => pg_temp.ago(70)) AS norm \gset
SELECT sentinel.move_deal(:'norm', 'won', as_of => pg_temp.ago(65));
SELECT sentinel.create_deal('Again', 1, 'proposal', owner_id => :'ana', as_of => pg_temp.ago(40)) AS again \gset
SELECT ok('Stalled in stage longer than typical' = ANY ((SELECT reasons FROM sentinel.deal_risk(:'again', pg_temp.ago(21)))::text[]), 'twice the usual five days are a stall');
SELECT sentinel.move_deal(:'again', 'qualify', as_of => pg_temp.ago(20));
SELECT sentinel.move_deal(:'again', 'proposal', as_of => pg_temp.ago(3));
SELECT ok('Stalled in stage longer than typical' <> ALL ((SELECT reasons FROM sentinel.deal_risk(:'again'))::text[]), 'a stage entered again is measured from its last entry');
SELECT ok('Stalled in stage longer than typical' <> ALL ((SELECT reasons FROM sentinel.deal_risks WHERE deal_id = :'again')::text[]), 'in the list as well');

-- (a) Inactivity never was the primary reason, and its action never came.
SELECT sentinel.create_deal('Quiet', 6000, 'discover', owner_id => :'ana', as_of => pg_temp.ago(9)) AS quiet \gset
SELECT results_eq(format('SELECT primary_reason, recommended_action, action_urgency, reasons[1:2] FROM sentinel.deal_risk(%L)', :'quiet'),
    $$VALUES ('No activity in last 7 days', 'Send follow-up email', 'high', ARRAY['No activity in last 7 days', 'High value deal requires attention'])$$, 'silence goes before value, and is answered by a mail');
SELECT is((SELECT primary_reason FROM sentinel.deal_risks WHERE deal_id = :'quiet'), 'No activity in last 7 days', 'in the list as well');
SELECT sentinel.create_deal('Stalled', 100, 'negotiation', owner_id => :'ana', as_of => pg_temp.ago(9)) AS stalled \gset
SELECT is((SELECT primary_reason FROM sentinel.deal_risk(:'stalled')), 'No activity in last 7 days', 'and before a stalled negotiation');

-- (a) The earliest crossing won even after a recovery.
SELECT sentinel.create_deal('Relapse', 100, 'negotiation', owner_id => :'ana', as_of => pg_temp.ago(30)) AS relapse \gset
SELECT sentinel.record_activity(:'relapse', 'email_received', as_of => pg_temp.ago(20));
SELECT is((SELECT risk_started_at FROM sentinel.deal_risk(:'relapse', pg_temp.ago(21))), pg_temp.ago(30), 'at risk from the start');
SELECT is((SELECT status FROM sentinel.deal_risk(:'relapse', pg_temp.ago(19))), 'active', 'an answer ends that');
SELECT is((SELECT risk_started_at FROM sentinel.deal_risk(:'relapse')), pg_temp.ago(15) + interval '1 microsecond', 'at risk again counts from the relapse');

-- (a) The past was judged with the present stage: a deal moved to negotiation today was overdue by 29 days.
SELECT sentinel.create_deal('Moved today', 100, 'discover', owner_id => :'ana', as_of => pg_temp.ago(30)) AS today \gset
SELECT sentinel.move_deal(:'today', 'negotiation');
SELECT results_eq(format('SELECT status, risk_started_at, action_overdue_days, is_action_overdue FROM sentinel.deal_risk(%L)', :'today'),
    $$VALUES ('at_risk', now(), 0, false)$$, 'a deal moved to negotiation is at risk since then');

-- (a) Without events the start was always now, so that silent decay never became overdue.
SELECT is((SELECT action_overdue_days > 0 AND is_action_overdue FROM sentinel.deal_risk(:'quiet', now() + interval '3 days')), true, 'a deal with no activity at all becomes overdue');
SELECT is((SELECT risk_started_at FROM sentinel.deal_risk(:'quiet')), pg_temp.ago(1), 'from the day on which it had been silent for too long');

-- (a) Lists used the owner's settings, the single deal the defaults.
SELECT sentinel.create_deal('Patient', 6000, 'discover', owner_id => :'ben', as_of => pg_temp.ago(12)) AS patient \gset
SELECT sentinel.set_risk_settings(:'ben', 20, as_of => pg_temp.ago(11));
SELECT is((SELECT score FROM sentinel.deal_risk(:'patient')), (SELECT score FROM sentinel.deal_risks WHERE deal_id = :'patient'), 'one deal and the list are judged alike');
SELECT is((SELECT primary_reason FROM sentinel.deal_risk(:'patient')), 'High value deal requires attention', 'by the settings of its owner');
SELECT sentinel.set_risk_settings(:'ben', champion_dormancy => true);
SELECT ok('Champion gone quiet - no inbound in 14+ days' = ANY ((SELECT reasons FROM sentinel.deal_risk(:'patient'))::text[]), 'all of them');

-- (a) Texts of activities, and what other systems record, never reached the model.
SELECT sentinel.create_deal('Rival', 100, 'qualify', owner_id => :'ana', as_of => pg_temp.ago(2)) AS rival \gset
SELECT is((SELECT reasons FROM sentinel.deal_risk(:'rival')), '{}'::text[], 'no risk yet');
SELECT sentinel.record_activity(:'rival', 'email_received', body => 'We are looking at other options from a competitor');
SELECT is((SELECT reasons FROM sentinel.deal_risk(:'rival')), '{Competitive signals detected}'::text[], 'what a mail says is read');
SELECT sentinel.create_deal('Synced', 100, 'negotiation', owner_id => :'ana', as_of => pg_temp.ago(2)) AS synced \gset
INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, recorded_at, subject, payload)
VALUES (:'org', :'synced', 'email_received', pg_temp.ago(1), pg_temp.ago(0.5), 'Re: offer', '{"source": "gmail"}');
SELECT is((SELECT status || ' ' || last_activity_at FROM sentinel.deal_risk(:'synced')), 'active ' || pg_temp.ago(1), 'what a sync writes is engagement');

-- (b) A stage that did not change wrote a timeline row, and told of a win again.
SELECT sentinel.create_deal('Won', 100, 'negotiation', owner_id => :'ana') AS won \gset
SELECT sentinel.move_deal(:'won', stage) FROM (VALUES ('negotiation'), ('closed_won'), ('won')) t(stage) \g /dev/null
SELECT is((SELECT string_agg(kind, ' ' ORDER BY id) FROM sentinel.deal_timeline WHERE deal_id = :'won'), 'created won', 'to be where it is writes nothing');
SELECT is(pg_temp.told(:'won', 'deal.won') || '/' || pg_temp.told(:'won', 'deal.stage_changed'), '1/1', 'and tells nothing');
-- (b) A lost deal had no event.
SELECT sentinel.create_deal('Lost', 100, owner_id => :'ana') AS lost \gset
SELECT sentinel.move_deal(:'lost', 'lost', 'price');
SELECT is(pg_temp.told(:'lost', 'deal.lost'), 1::bigint, 'a loss is told');
SELECT is(sentinel.outbound_event_type('deal.lost'), 'deal.closed_lost', 'outside by the name of the catalogue');

-- (b) Nothing looked at the clock: a deal that decayed told nobody until someone changed its stage.
SELECT pg_temp.work(:'org');
DELETE FROM sentinel.notifications WHERE org_id = :'org';
SELECT sentinel.create_deal('Decays', 6000, 'discover', owner_id => :'cleo', as_of => pg_temp.ago(9)) AS decays \gset
SELECT sentinel.sweep_risk(pg_temp.ago(1.5)) \g /dev/null
SELECT is(pg_temp.told(:'decays', 'deal.at_risk'), 0::bigint, 'not before its time');
SELECT sentinel.sweep_risk(pg_temp.ago(0.9)) \g /dev/null
SELECT is(pg_temp.told(:'decays', 'deal.at_risk'), 1::bigint, 'the clock alone tells');
-- (b) Webhook, Slack and notification came at every change while a deal was at risk.
SELECT sentinel.move_deal(:'decays', 'negotiation', as_of => pg_temp.ago(0.8));
SELECT sentinel.sweep_risk(pg_temp.ago(0.7)) \g /dev/null
SELECT sentinel.change_deal_value(:'decays', 7000, pg_temp.ago(0.6));
SELECT sentinel.sweep_risk(pg_temp.ago(0.5)) \g /dev/null
SELECT is(pg_temp.told(:'decays', 'deal.at_risk'), 1::bigint, 'one period is told once');
SELECT pg_temp.work(:'org');
SELECT is((SELECT count(*) FROM sentinel.notifications WHERE deal_id = :'decays' AND kind = 'deal_at_risk'), 1::bigint, 'one notification');
-- (b) An overdue action was told at every change.
SELECT sentinel.sweep_risk(now() + n * interval '1 day') FROM generate_series(1, 4) n \g /dev/null
SELECT is(pg_temp.told(:'decays', 'deal.action_overdue'), 1::bigint, 'an overdue action is told once');
-- (b) The mail counted as sent even when it failed, or was not wished.
SELECT is((SELECT by_email AND emailed_at IS NULL FROM sentinel.notifications WHERE deal_id = :'decays' AND kind = 'deal_at_risk'), true, 'a mail is sent when it was sent');
SELECT sentinel.set_notification_wish('deal_at_risk', by_email => false, member_id => :'ben');
SELECT sentinel.create_deal('Unmailed', 6000, 'negotiation', owner_id => :'ben', as_of => pg_temp.ago(1)) AS unmailed \gset
SELECT sentinel.sweep_risk() \g /dev/null
SELECT pg_temp.work(:'org');
SELECT results_eq(format('SELECT member_id, by_email, emailed_at FROM sentinel.notifications WHERE deal_id = %L AND kind = ''deal_at_risk''', :'unmailed'),
    format('VALUES (%L::uuid, false, NULL::timestamptz)', :'ben'), 'who wishes no mail is told without one');
-- (b) Moving many at once, and whatever a sync wrote, passed the risk by.
SELECT sentinel.create_deal('Bulk ' || n, 100, 'discover', owner_id => :'ana') AS bulk FROM generate_series(1, 3) n \g /dev/null
SELECT * FROM sentinel.bulk_move_deals(ARRAY(SELECT id FROM sentinel.deals WHERE name LIKE 'Bulk %'), 'negotiation') \g /dev/null
SELECT sentinel.sweep_risk() \g /dev/null
SELECT is((SELECT sum(pg_temp.told(d.id, 'deal.at_risk')) FROM sentinel.deals d WHERE d.name LIKE 'Bulk %'), 3::numeric, 'deals moved at once are judged each');
INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, recorded_at)
SELECT org_id, id, 'email_received', now(), now() FROM sentinel.deals WHERE name LIKE 'Bulk %';
SELECT sentinel.sweep_risk() \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.deal_risks WHERE name LIKE 'Bulk %' AND status = 'active'), 3::bigint, 'activities written at once are, too');
-- (b) Only the member who acted heard of it.
SELECT sentinel.enter(:'org', :'olga');
SELECT sentinel.create_deal('Of others', 100, owner_id => :'ana') AS others \gset
SELECT sentinel.move_deal(:'others', 'negotiation');
SELECT sentinel.enter(:'org');
SELECT sentinel.sweep_risk() \g /dev/null
SELECT pg_temp.work(:'org');
SELECT is((SELECT array_agg(DISTINCT member_id) FROM sentinel.notifications WHERE deal_id = :'others'), ARRAY[:'ana'::uuid], 'who works the deal is told of what another did');
SELECT is((SELECT string_agg(kind, ' ' ORDER BY kind) FROM sentinel.notifications WHERE deal_id = :'others'), 'deal_at_risk stage_changed', 'of the move and of the risk');
-- (b) Making a personal deal out of one of a team gave it to who did so; viewers and members alike made deals of a team: in teams.sql.
SELECT sentinel.move_deal_to_team(:'others', :'north'), sentinel.enter(:'org', :'olga');
SELECT sentinel.move_deal_to_team(:'others', NULL);
SELECT is((SELECT owner_id FROM sentinel.deals WHERE id = :'others'), :'ana'::uuid, 'a deal taken out of a team keeps its owner');

-- (b) The order in which a new deal is judged, and its words.
SELECT throws_ok('SELECT sentinel.create_deal(NULL, NULL, channel => ''radio'')', 'SN007', 'unknown channel "radio"', 'the channel first');
SELECT throws_ok('SELECT sentinel.create_deal(NULL, -1, ''nonsense'')', 'SN007', 'a deal needs a name and a value', 'then what is missing');
SELECT throws_ok('SELECT sentinel.create_deal(''x'', -1, ''nonsense'')', 'SN007', 'invalid deal value -1', 'then the value');
SELECT throws_ok('SELECT sentinel.create_deal(''Decays'', 1, ''nonsense'')', 'SN007', 'unknown stage "nonsense"', 'then the stage');
SELECT throws_ok(format('SELECT sentinel.create_deal('' dECAYS'', 1, owner_id => %L)', :'cleo'), '23505', 'a deal named "dECAYS" of the same owner exists', 'then the name');

SELECT * FROM finish();
ROLLBACK;
