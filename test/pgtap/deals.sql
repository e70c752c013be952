-- Room deals: pipelines, legal moves from any client, what a write brings with it, activities, row rights.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(107);

SELECT sentinel.create_org('Deals Ltd', 'deals-pgtap') AS org, sentinel.create_org('Other Ltd', 'deals-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@deals.example', 'owner') AS olga,
       sentinel.add_member('Mira', 'mira@deals.example') AS mira,
       sentinel.add_member('Max', 'max@deals.example') AS max,
       sentinel.add_member('Vera', 'vera@deals.example', 'viewer') AS vera,
       sentinel.add_team('North') AS north \gset
SELECT sentinel.add_team_member(:'north', :'mira'), sentinel.add_team_member(:'north', :'vera', 'viewer');

-- Pipelines.
SELECT results_eq(
    $$SELECT s.stage, s.kind, s.risk_role FROM sentinel.pipeline_stages s JOIN sentinel.pipelines p ON p.id = s.pipeline_id
      WHERE p.org_id = sentinel.current_org() AND p.is_default ORDER BY s.position$$,
    $$VALUES ('discover', 'open', 'discover'), ('qualify', 'open', 'other'), ('proposal', 'open', 'other'),
             ('negotiation', 'open', 'negotiation'), ('closed_won', 'won', 'other'), ('closed_lost', 'lost', 'other')$$,
    'a new organisation has the revenue pipeline');
SELECT is((SELECT count(*) FROM sentinel.stage_transitions WHERE org_id = :'org'), 21::bigint,
    'open stages lead to each other and out, lost deals back to the first');
SELECT is((SELECT count(*) FROM sentinel.stage_transitions WHERE org_id = :'org' AND from_stage = 'closed_won'), 0::bigint, 'won is final');
SELECT lives_ok($$SELECT sentinel.add_pipeline('crm_v1')$$, 'a second pipeline can be added');
SELECT throws_ok($$SELECT sentinel.add_pipeline('crm_v1')$$, '23505', NULL, 'but not twice');
SELECT throws_ok($$SELECT sentinel.add_pipeline('waterfall')$$, 'SN004', 'unknown pipeline template "waterfall"', 'nor from an unknown template');
SELECT lives_ok(format('SELECT sentinel.setup_deals(%L)', :'org'), 'set-up can run again');
SELECT is((SELECT count(*) FROM sentinel.pipelines WHERE org_id = :'org'), 2::bigint, 'and adds nothing');
SELECT sentinel.add_pipeline('crm_v2', true);
SELECT is((SELECT string_agg(name, ',') FROM sentinel.pipelines WHERE org_id = :'org' AND is_default), 'CRM diagnostic', 'one pipeline is the default');
UPDATE sentinel.pipelines SET is_default = false WHERE org_id = :'org' AND is_default;
UPDATE sentinel.pipelines SET is_default = true WHERE org_id = :'org' AND name = 'Revenue';

-- Creating.
SELECT sentinel.create_deal('  Acme - 40 seats ', 75000, 'Qualification', 'eur', :'mira', channel => 'paid-ads', external_id => 'A1') AS acme \gset
SELECT results_eq(format($$SELECT name, value, stage, stage_kind, currency, channel, version, closed_at IS NULL, created_at = now(), recorded_at = now(), changed_at = now()
        FROM sentinel.deals WHERE id = %L$$, :'acme'),
    $$VALUES ('Acme - 40 seats', 75000.00, 'qualify', 'open', 'EUR', 'outbound', 1, true, true, true, true)$$, 'a deal is made as it was meant');
SELECT is(sentinel.create_deal('Acme again', 1, external_id => 'A1'), :'acme'::uuid, 'a known external id gives the deal that has it');
SELECT is((SELECT count(*) FROM sentinel.deals WHERE org_id = :'org'), 1::bigint, 'and makes none');
SELECT sentinel.create_deal('First stage', 0) AS first, sentinel.create_deal('Classic', 1, pipeline => 'crm classic') AS classic \gset
SELECT is((SELECT stage FROM sentinel.deals WHERE id = :'first'), 'discover', 'without a stage a deal begins in the first');
SELECT is((SELECT stage FROM sentinel.deals WHERE id = :'classic'), 'discovery', 'a pipeline is named without regard to case');
SELECT throws_ok($$SELECT sentinel.create_deal(' ', 1)$$, 'SN007', 'the name of a deal is empty', 'an empty name');
SELECT throws_ok($$SELECT sentinel.create_deal(repeat('é', 201), 1)$$, 'SN007', 'the name of a deal has 201 characters', 'an overlong name, counted in characters');
SELECT lives_ok($$SELECT sentinel.create_deal(repeat('é', 200), 1)$$, 'the longest name');
SELECT throws_ok($$SELECT sentinel.create_deal('x', -0.01)$$, 'SN007', 'invalid deal value -0.01', 'negative money');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 20000000000.01)$$, 'SN007', 'invalid deal value 20000000000.01', 'too much money');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1e30)$$, 'SN007', NULL, 'far too much money');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 'NaN')$$, 'SN007', NULL, 'no number');
SELECT throws_ok($$SELECT sentinel.create_deal(NULL, NULL)$$, 'SN007', NULL, 'no name and no value');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, currency => 'euro')$$, 'SN007', 'invalid currency "EURO"', 'no currency');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, currency => NULL)$$, 'SN007', 'invalid currency null', 'nor null');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, external_id => repeat('x', 201))$$, 'SN007', 'external_id of a deal has 201 characters', 'a long external id');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, external_id => '')$$, 'SN007', NULL, 'an empty one');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, as_of => '-infinity')$$, 'SN007', 'recorded_at -infinity is not finite', 'no time');
SELECT throws_ok($$INSERT INTO sentinel.deals (name, value, stage) VALUES ('x', 1, 'x' || repeat('é', 60))$$, 'SN007',
    'unknown stage "x' || repeat('é', 39) || '"', 'a long stage is cut between characters');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, stage => 'qualified')$$, 'SN007', 'unknown stage "qualified"', 'no stage');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, channel => 'radio')$$, 'SN007', 'unknown channel "radio"', 'no channel');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, pipeline => 'nope')$$, 'SN004', NULL, 'no pipeline');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, as_of => now() + interval '1 hour')$$, 'SN007', NULL, 'not yet');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, as_of => 'infinity')$$, 'SN007', NULL, 'never');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, as_of => '-infinity')$$, 'SN007', NULL, 'before all time');
SELECT throws_ok($$SELECT sentinel.create_deal('x', 1, owner_id => sentinel.uuid7())$$, '23503', NULL, 'an unknown owner');
SELECT throws_ok($$INSERT INTO sentinel.deals (org_id, name, value) VALUES (sentinel.current_org(), 'x', -1)$$, 'SN007', NULL, 'the guard stands in the table, too');
SELECT throws_ok($$INSERT INTO sentinel.deals (org_id, name, stage) VALUES (sentinel.current_org(), 'x', 'Discovery')$$, 'SN007', NULL, 'where aliases do not count');
SELECT lives_ok($$INSERT INTO sentinel.deals (name) VALUES ('bare')$$, 'the guard fills in all that has a default');

-- Moving, by function and by plain UPDATE.
SELECT throws_ok(format('SELECT sentinel.move_deal(%L, ''nonsense'')', :'acme'), 'SN007', 'unknown stage "nonsense"', 'to no stage');
SELECT lives_ok(format('SELECT sentinel.move_deal(%L, ''Negotiation'', as_of => now())', :'acme'), 'forward');
SELECT lives_ok(format('SELECT sentinel.move_deal(%L, ''negotiate'')', :'acme'), 'to where it is: nothing');
SELECT is((SELECT version FROM sentinel.deals WHERE id = :'acme'), 2, 'and no version');
SELECT lives_ok(format('UPDATE sentinel.deals SET stage = ''proposal'' WHERE id = %L', :'acme'), 'back, by UPDATE');
SELECT lives_ok(format('SELECT sentinel.move_deal(%L, ''won'')', :'acme'), 'won');
SELECT is((SELECT closed_at FROM sentinel.deals WHERE id = :'acme'), now(), 'closed now');
SELECT throws_ok(format('UPDATE sentinel.deals SET stage = ''discover'' WHERE id = %L', :'acme'), 'SN005',
    'a deal cannot move from "closed_won" to "discover"', 'won is final by UPDATE');
SELECT throws_ok(format('SELECT sentinel.move_deal(%L, ''lost'')', :'acme'), 'SN005', NULL, 'won is final by function');
SELECT sentinel.create_deal('Lost and found', 500, as_of => now() - interval '20 days') AS found \gset
SELECT sentinel.move_deal(:'found', 'lost', 'too dear', now() - interval '15 days');
SELECT results_eq(format('SELECT stage_kind, lost_reason, closed_at FROM sentinel.deals WHERE id = %L', :'found'),
    $$VALUES ('lost', 'too dear', now() - interval '15 days')$$, 'lost, as of the time given');
SELECT throws_ok(format('SELECT sentinel.move_deal(%L, ''negotiation'')', :'found'), 'SN005', NULL, 'a lost deal reopens at the start only');
SELECT lives_ok(format('SELECT sentinel.move_deal(%L, ''discover'', as_of => now() - interval ''10 days'')', :'found'), 'there it does');
SELECT results_eq(format('SELECT stage_kind, lost_reason, closed_at FROM sentinel.deals WHERE id = %L', :'found'),
    $$VALUES ('open', NULL::text, NULL::timestamptz)$$, 'and is open again');
SELECT throws_ok(format('SELECT sentinel.move_deal(%L, ''qualify'', as_of => now() - interval ''11 days'')', :'found'), 'SN007', NULL,
    'changes are recorded in their order');
SELECT throws_ok(format('UPDATE sentinel.deals SET stage = NULL WHERE id = %L', :'found'), 'SN005', NULL, 'a deal is always in a stage');
SELECT throws_ok(format('UPDATE sentinel.deals SET org_id = %L WHERE id = %L', :'other', :'found'), 'SN006', NULL, 'a deal stays in its organisation');
SELECT throws_ok(format('UPDATE sentinel.deals SET value = -5 WHERE id = %L', :'found'), 'SN007', 'invalid deal value -5.00', 'negative money by UPDATE');
SELECT throws_ok(format('SELECT sentinel.change_deal_value(%L, -5)', :'found'), 'SN007', 'invalid deal value -5', 'and by function');
SELECT throws_ok(format('SELECT sentinel.move_deal(%L, ''won'')', sentinel.uuid7()), 'SN004', NULL, 'an unknown deal');
SELECT throws_ok(format('SELECT sentinel.move_deal(%L, ''negotiation'')', :'classic'), 'SN005',
    'a deal cannot move from "discovery" to "negotiation"', 'the classic pipeline knows its order');
SELECT is(sentinel.change_deal_value(:'classic', 7) IS NOT NULL, true, 'a value is changed');
DO $$
DECLARE
    rule text;
    advice text;
BEGIN
    UPDATE sentinel.deals SET stage = 'won' WHERE name = 'Classic';
EXCEPTION WHEN SQLSTATE 'SN005' THEN
    GET STACKED DIAGNOSTICS rule = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
    PERFORM set_config('tap.rule', rule, true), set_config('tap.advice', advice, true);
END
$$;
SELECT is(current_setting('tap.rule'), 'Its pipeline leads from "discovery" to: proposal, lost.', 'a refusal names the rule');
SELECT is(current_setting('tap.advice'), 'Use one of: proposal, lost.', 'and the legal next stages');

-- Versions, timeline, events.
SELECT results_eq(format('SELECT kind FROM sentinel.deal_timeline WHERE deal_id = %L ORDER BY id', :'found'),
    $$VALUES ('created'), ('lost'), ('reopened')$$, 'the timeline tells what happened');
SELECT results_eq(format('SELECT seq, stage, stage_entered_at FROM sentinel.deal_history WHERE deal_id = %L ORDER BY seq', :'found'),
    $$VALUES (1, 'discover', now() - interval '20 days'), (2, 'closed_lost', now() - interval '15 days'), (3, 'discover', now() - interval '10 days')$$,
    'the history keeps each version');
SELECT results_eq(format('SELECT event_type FROM sentinel.events WHERE subject_id = %L ORDER BY seq', :'found'),
    $$VALUES ('deal.created'), ('deal.stage_changed'), ('deal.lost'), ('deal.stage_changed')$$, 'events are emitted in the same commit');
SELECT results_eq(format('SELECT event_type FROM sentinel.events WHERE subject_id = %L ORDER BY seq', :'acme'),
    $$VALUES ('deal.created'), ('deal.stage_changed'), ('deal.stage_changed'), ('deal.stage_changed'), ('deal.won')$$, 'by plain UPDATE as well');
SELECT is((SELECT payload - 'deal_id' - 'owner_id' - 'as_of' FROM sentinel.events WHERE subject_id = :'acme' AND event_type = 'deal.won'),
    '{"name": "Acme - 40 seats", "value": 75000.00, "currency": "EUR", "stage": "closed_won", "from_stage": "proposal"}'::jsonb, 'with what one needs to know');
SELECT is((SELECT idempotency_key FROM sentinel.events WHERE subject_id = :'acme' AND event_type = 'deal.won'), 'deal.won:' || :'acme' || ':4', 'once per winning');
SELECT is((SELECT (payload ->> 'as_of')::timestamptz FROM sentinel.events WHERE subject_id = :'found' AND event_type = 'deal.created'),
    now() - interval '20 days', 'events of the past say so');
UPDATE sentinel.deals SET value = value + 1, owner_id = :'max', name = left(name, 150) || '!', team_id = :'north' WHERE org_id = :'org' AND stage_kind = 'open';
SELECT is((SELECT count(DISTINCT deal_id) FROM sentinel.deal_timeline WHERE org_id = :'org' AND kind = 'assigned'),
    (SELECT count(*) FROM sentinel.deals WHERE org_id = :'org' AND owner_id = :'max'), 'one statement notes all deals that it changes');
SELECT is((SELECT array_agg(kind ORDER BY kind) FROM sentinel.deal_timeline WHERE deal_id = :'found' AND recorded_at = now()),
    '{assigned,renamed,team_changed,value_changed}', 'and all that it changes');
SELECT throws_ok(format('%s sentinel.%s %s', verb, name, rest), 'SN006', NULL, format('%s %s is refused', verb, name))
FROM (VALUES ('deal_history'), ('deal_timeline')) AS t (name),
     (VALUES ('UPDATE', 'SET deal_id = deal_id'), ('DELETE FROM', ''), ('TRUNCATE', '')) AS v (verb, rest);
SELECT throws_ok('TRUNCATE sentinel.deals CASCADE', 'SN006', NULL, 'deals are not truncated');
SELECT lives_ok($$DELETE FROM sentinel.deals WHERE name LIKE 'bare%'$$, 'a deal without activities can be deleted');
SELECT is((SELECT count(*) FROM sentinel.deal_timeline WHERE org_id = :'org' AND kind = 'deleted'), 1::bigint, 'its timeline stays and says so');

-- Activities.
SELECT sentinel.record_activity(:'found', 'email_received', now() - interval '3 days', 'Comparing solutions', 'competitor') AS a1,
       sentinel.record_activity(:'found', 'note_added', subject => '', body => '', payload => '{"note": "we need to think"}') AS a2,
       sentinel.record_activity(:'found', 'meeting_held', subject => 'competitor') AS a3,
       sentinel.record_activity(:'found', 'email_sent', now() + interval '1 minute', 'hello') AS a4,
       sentinel.log_call(:'found', 'they are switching', minutes => 12) AS a5 \gset
SELECT is((SELECT array_agg(competitive_indicators ORDER BY array_position(ARRAY[:'a1', :'a2', :'a3', :'a4', :'a5']::uuid[], id))
    FROM sentinel.activities WHERE deal_id = :'found'), '{2,1,0,0,1}'::smallint[], 'texts are searched for competitors: mails, notes and calls');
SELECT is((SELECT occurred_at FROM sentinel.activities WHERE id = :'a4'), now(), 'a clock that is a little fast is set right');
SELECT throws_ok(format('SELECT sentinel.record_activity(%L, ''email_sent'', now() + interval ''1 hour'')', :'found'), 'SN007', NULL, 'what has not happened');
SELECT throws_ok(format('SELECT sentinel.record_activity(%L, ''email_sent'', ''infinity'')', :'found'), 'SN007', NULL, 'what never happens');
SELECT throws_ok(format('SELECT sentinel.record_activity(%L, ''smoke_signal'')', :'found'), 'SN007', 'unknown activity type "smoke_signal"', 'an unknown type');
SELECT throws_ok(format('SELECT sentinel.record_activity(%L, ''note_added'', body => repeat(''x'', 1000001))', :'found'), 'SN007', NULL, 'an overlong text');
SELECT throws_ok(format('DELETE FROM sentinel.activities WHERE deal_id = %L', :'found'), 'SN006', NULL, 'activities of deals are append-only');

-- Row rights. as_login() runs a statement as a login of the member and gives its answer or its SQLSTATE.
CREATE ROLE tap_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_max LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_vera LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_mira', :'org', :'mira'), sentinel.grant_login('tap_max', :'org', :'max'), sentinel.grant_login('tap_vera', :'org', :'vera');
CREATE FUNCTION pg_temp.as_login(login text, org uuid, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM set_config('role', login, true);
    BEGIN
        PERFORM sentinel.enter(org);
        EXECUTE query INTO answer;
    EXCEPTION WHEN OTHERS THEN
        answer := SQLSTATE;
    END;
    PERFORM set_config('role', 'none', true);
    PERFORM sentinel.enter(org);
    RETURN coalesce(answer, 'done');
END
$$;
SELECT sentinel.create_deal('Private of Mira', 10, owner_id => :'mira') AS own, sentinel.create_deal('Of the team', 10, owner_id => :'olga', team_id => :'north') AS shared \gset
SELECT is(pg_temp.as_login('tap_max', :'org', format('SELECT count(*) FROM sentinel.deals WHERE id IN (%L, %L)', :'own', :'shared')), '0', 'a member sees neither others'' deals nor other teams''');
SELECT is(pg_temp.as_login('tap_mira', :'org', format('SELECT count(*) FROM sentinel.deals WHERE id IN (%L, %L)', :'own', :'shared')), '2', 'but own and the team''s');
SELECT is(pg_temp.as_login('tap_vera', :'org', format('SELECT count(*) FROM sentinel.deals WHERE id IN (%L, %L)', :'own', :'shared')), '1', 'a viewer sees the team''s');
SELECT is(pg_temp.as_login('tap_vera', :'org', format('SELECT sentinel.move_deal(%L, ''qualify'')', :'shared')), 'SN003', 'and moves none');
SELECT is(pg_temp.as_login('tap_vera', :'org', format('UPDATE sentinel.deals SET stage = ''qualify'' WHERE id = %L RETURNING stage', :'shared')), 'done', 'not by UPDATE either: no row');
SELECT is((SELECT stage FROM sentinel.deals WHERE id = :'shared'), 'discover', 'it is where it was');
SELECT is(pg_temp.as_login('tap_vera', :'org', format('SELECT sentinel.create_deal(''V'', 1, team_id => %L)', :'north')), 'SN003', 'a viewer makes no deal of the team');
SELECT is(pg_temp.as_login('tap_mira', :'org', format('SELECT sentinel.move_deal(%L, ''qualify'')', :'shared')), '', 'a member of the team moves it');
SELECT is((SELECT member_id FROM sentinel.events WHERE subject_id = :'shared' AND event_type = 'deal.stage_changed'), :'mira'::uuid, 'and the event knows who');
SELECT is(pg_temp.as_login('tap_mira', :'org', format('SELECT sentinel.assign_deal(%L, %L)', :'shared', :'mira')), 'SN003', 'but does not assign it');
SELECT is(pg_temp.as_login('tap_max', :'org', format('SELECT sentinel.record_activity(%L, ''email_sent'')', :'own')), 'SN004', 'what one does not see does not exist');
SELECT is(pg_temp.as_login('tap_max', :'org', format('SELECT count(*) FROM sentinel.deal_timeline WHERE deal_id IN (%L, %L)', :'own', :'shared')), '0', 'nor does its timeline');
SELECT sentinel.record_activity(:'own', 'note_added', subject => 'secret');
SELECT is(pg_temp.as_login('tap_max', :'org', format('SELECT count(*) FROM sentinel.activities WHERE deal_id = %L', :'own')), '0', 'nor its activities');
SELECT is(pg_temp.as_login('tap_mira', :'org', format('SELECT count(*) FROM sentinel.activities WHERE deal_id = %L', :'own')), '1', 'which its owner sees');
SELECT is(pg_temp.as_login('tap_vera', :'org', format('INSERT INTO sentinel.activities (org_id, deal_id, activity_type) VALUES (%L, %L, ''other'')', :'org', :'shared')), '42501', 'a viewer records nothing');
SELECT is(pg_temp.as_login('tap_mira', :'org', 'INSERT INTO sentinel.deal_history SELECT * FROM sentinel.deal_history LIMIT 1'), '42501', 'history is written by the engine alone');

-- The day of a closing: an open deal has none, a closed one always one that has come, and to set it right is a change.
SELECT sentinel.create_deal('Closing day', 10, as_of => '2024-01-01') AS day \gset
UPDATE sentinel.deals SET closed_at = '2024-01-02' WHERE id = :'day';
SELECT is((SELECT closed_at FROM sentinel.deals WHERE id = :'day'), NULL::timestamptz, 'an open deal is not closed by its date');
SELECT throws_ok(format('UPDATE sentinel.deals SET stage = ''closed_won'', closed_at = ''2999-01-01'' WHERE id = %L', :'day'), 'SN007',
    'closed_at 2999-01-01 00:00:00+00 lies in the future', 'nothing is won in the future');
SELECT throws_ok($$INSERT INTO sentinel.deals (name, value, stage, closed_at) VALUES ('Never', 1, 'closed_lost', 'infinity')$$, 'SN007',
    'closed_at infinity is not finite', 'nor lost at no time');
UPDATE sentinel.deals SET stage = 'closed_won', changed_at = '2024-02-01' WHERE id = :'day';
UPDATE sentinel.deals SET closed_at = NULL WHERE id = :'day';
SELECT results_eq(format('SELECT closed_at, version FROM sentinel.deals WHERE id = %L', :'day'), $$VALUES ('2024-02-01'::timestamptz, 2)$$, 'what is won was won at some time');
UPDATE sentinel.deals SET closed_at = '2024-01-31', changed_at = '2024-02-02' WHERE id = :'day';
SELECT results_eq(format('SELECT closed_at, changed_at, version FROM sentinel.deals WHERE id = %L', :'day'),
    $$VALUES ('2024-01-31'::timestamptz, '2024-02-02'::timestamptz, 3)$$, 'which can be set right, and shows');

SELECT * FROM finish();
ROLLBACK;
