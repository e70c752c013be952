-- Room revenue, watch: stalled deals and invoices, each rule of integrity broken once and nearly, the week to the cent.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(65);

SELECT sentinel.create_org('Watch Ltd', 'revenue-watch-pgtap') AS org, sentinel.create_org('Week Ltd', 'revenue-watch-week', 'Europe/Berlin') AS week, sentinel.create_org('Other Ltd', 'revenue-watch-other') AS other,
       sentinel.uuid7() AS job \gset
SELECT sentinel.enter(:'org');
UPDATE sentinel.schedules SET next_due_at = 'infinity';

\ir ../support/jobs.sql
-- Deals that stall.
CREATE FUNCTION pg_temp.stalls(moment timestamptz) RETURNS integer LANGUAGE sql AS $$ SELECT (sentinel.handle_check_deal_decay(NULL, pg_temp.at(moment)) ->> 'stalled')::integer $$;
SELECT sentinel.create_deal('At 14', 100, as_of => '2025-05-18 08:00+00') AS at_14, sentinel.create_deal('Past 14', 100, as_of => '2025-05-18 07:59:59+00') AS past_14, sentinel.create_deal('At 20', 100, as_of => '2025-05-01 08:00+00') AS at_20,
       sentinel.create_deal('Won', 100, 'closed_won', as_of => '2025-05-01') AS won_long, sentinel.create_deal('Lost', 100, 'closed_lost', as_of => '2025-05-01') AS lost_long \gset
SELECT sentinel.move_deal(:'at_20', 'qualify', as_of => '2025-05-12 08:00+00'), sentinel.change_deal_value(:'at_20', 200, as_of => '2025-05-30 08:00+00');
SELECT is(pg_temp.stalls('2025-06-01 08:00+00'), 2, 'stalled: more than 14 days in a stage; no closed ones');
SELECT set_eq(format('SELECT subject_id, (payload ->> ''days_since_change'')::integer FROM sentinel.events WHERE org_id = %L AND event_type = ''deal.stalled''', :'org'), format('VALUES (%L::uuid, 14), (%L, 20)', :'past_14', :'at_20'), 'bug: with the true days');
SELECT ok(NOT pg_temp.changes_again('handle_check_deal_decay', :'job', pg_temp.at('2025-06-01 08:00+00')), 'check_deal_decay twice: nothing');
SELECT is((SELECT string_agg(pg_temp.stalls('2025-06-01 08:00+00'::timestamptz + d * interval '24 hours')::text, ' ' ORDER BY d) FROM generate_series(1, 15) d), '1 0 0 0 0 0 2 1 0 0 0 0 0 2 1', 'bug: told again every 7 days, not daily');
SET LOCAL timezone = 'Europe/Berlin';
SELECT is(pg_temp.stalls('2025-06-22 07:00+00'), 2, 'trap 9: a week with an hour less is a week');
SET LOCAL timezone = 'UTC';
SELECT sentinel.move_deal(:'past_14', 'qualify', as_of => '2025-06-22 09:00+00');
SELECT is(pg_temp.stalls('2025-07-06 08:59+00'), 2, 'a moved deal has its time again');
SELECT sentinel.set_revenue_settings('{"deal_nudge_days": 60}');
SELECT is(pg_temp.stalls('2025-07-06 09:01+00'), 1, 'and stalls again, whenever it was told of in the other stage');
SELECT sentinel.enter(:'other');
SELECT count(*) AS demo FROM sentinel.seed_demo_deals() \gset
SELECT is((pg_temp.stalls('2099-01-01'), (SELECT data -> 'pipeline' FROM sentinel.weekly_report('2099-01-01')), (SELECT count(*) > 0 FROM sentinel.deals WHERE org_id = :'other' AND is_demo))::text, '(0,[],t)', 'demo deals neither stall nor count');
SELECT sentinel.enter(:'org');
-- The task of who works it.
SELECT jsonb_build_object('deal_id', :'at_20', 'stage_changed_at', '2025-05-12 08:00+00', 'as_of', '2025-06-01 08:00+00') AS nudge \gset
SELECT ok(NOT pg_temp.changes_again('handle_nudge_deal', :'job', :'nudge'), 'nudge_deal twice: nothing');
SELECT is((SELECT (title, due_at, priority)::text FROM sentinel.tasks WHERE subject_id = :'at_20'), '("Move on or close: At 20 (20 days in qualify)","2025-06-02 08:00:00+00",high)', 'a task with the true days');
SELECT is(sentinel.handle_nudge_deal(sentinel.uuid7(), :'nudge') ->> 'task_id', NULL, 'one at a time');
UPDATE sentinel.tasks SET completed_at = now() WHERE subject_id = :'at_20';
SELECT isnt(sentinel.handle_nudge_deal(sentinel.uuid7(), :'nudge') ->> 'task_id', NULL, 'done, the next nudge makes another');
SELECT is(sentinel.handle_nudge_deal(sentinel.uuid7(), jsonb_build_object('deal_id', :'past_14', 'stage_changed_at', '2025-05-18 07:59:59+00')) ->> 'task_id', NULL, 'a deal that moved meanwhile gets none');
SELECT is(sentinel.handle_nudge_deal(sentinel.uuid7(), jsonb_build_object('deal_id', d)) ->> 'task_id', NULL, 'nor one that is closed or gone') FROM unnest(ARRAY[:'won_long', :'job']::uuid[]) d;

-- Invoices that fall due.
SELECT sentinel.create_invoice(:'at_14', '2025-05-20') AS late, sentinel.create_invoice(:'at_20', '2025-05-20') AS draft, sentinel.create_invoice(:'past_14', '2025-05-20') AS in_time \gset
SELECT sentinel.send_invoice(:'late', '2025-06-01 08:29+00', '2025-05-20'), sentinel.send_invoice(:'in_time', '2025-06-01 08:30+00', '2025-05-20');
SELECT is(sentinel.handle_check_invoice_overdue(:'job', pg_temp.at('2025-06-01 08:30+00')), '{"overdue": 1}'::jsonb, 'what was sent and is past its time is overdue, to the minute');
SELECT ok(NOT pg_temp.changes_again('handle_check_invoice_overdue', :'job', pg_temp.at('2025-06-01 08:30+00')), 'check_invoice_overdue twice: nothing');
SELECT is((SELECT string_agg(status, ' ' ORDER BY number) FROM sentinel.invoices WHERE org_id = :'org'), 'overdue draft sent', 'drafts and those in time are not');
SELECT is(pg_temp.told(:'org', 'invoice.overdue', :'late'), 1, 'it is told');

-- As the clock and the queue do it: all schedules of an organisation at once, as the role that handlers have.
SELECT sentinel.set_revenue_settings('{"deal_nudge_days": null}');
INSERT INTO sentinel.leads (org_id, name, buying_signal_score, created_at, last_state_change, last_activity_at, next_action, next_action_due) VALUES (:'org', 'Silent', 60, '2025-05-01', '2025-05-01', '2025-05-01', 'contact', '2025-05-02') RETURNING id AS silent \gset
SELECT pg_temp.drain(:'org');
UPDATE sentinel.leads SET priority = 'normal', next_action = 'contact', next_action_due = '2025-05-02' WHERE id = :'silent';
UPDATE sentinel.tasks SET completed_at = now() WHERE org_id = :'org';
UPDATE sentinel.schedules SET next_due_at = '2025-08-03 09:00+00' WHERE org_id = :'org';
SELECT is(sentinel.run_schedules('2025-08-03 09:00+00'), (SELECT count(*)::integer FROM sentinel.default_schedules), 'trap 1: all schedules of one organisation');
SELECT pg_temp.drain(:'org');
SELECT set_eq(format('SELECT DISTINCT h.job_type, h.outcome FROM sentinel.job_history h JOIN sentinel.events e ON e.id = h.event_id WHERE e.org_id = %L AND e.event_type ~ ''^scheduler''', :'org'),
    $$SELECT job_type, 'completed' FROM sentinel.default_event_routes WHERE event_type ~ '^scheduler'$$, 'each job does its work');
SELECT is((pg_temp.told(:'org', 'lead.stale', :'silent'), (SELECT priority || ' ' || trim_scale(ghost_risk_score) FROM sentinel.leads WHERE id = :'silent'), (SELECT count(*) FROM sentinel.tasks WHERE org_id = :'org' AND completed_at IS NULL),
    (SELECT count(*) FROM sentinel.weekly_reports WHERE org_id = :'org'), (SELECT count(*) FROM sentinel.invoices WHERE org_id = :'org' AND status = 'overdue'))::text, '(1,"critical 100",3,1,2)', 'a silent lead, three stalled deals, an invoice, a week');

-- The week, by hand: Sunday 1 to Saturday 7 June 2025 in Berlin, two hours ahead of UTC.
SELECT sentinel.enter(:'week');
INSERT INTO sentinel.leads (org_id, name, created_at, last_state_change, last_activity_at)
SELECT :'week', t::text, t, t, t FROM unnest(ARRAY['2025-05-31 21:59:59+00', '2025-05-31 22:00+00', '2025-06-03 09:00+00', '2025-06-07 21:59:59+00', '2025-06-07 22:00+00']::timestamptz[]) t;
SELECT sentinel.set_lead_stage(id, 'qualified', CASE name WHEN '2025-06-03 09:00:00+00' THEN '2025-06-04 09:00+00' ELSE '2025-06-09 09:00+00' END::timestamptz) FROM sentinel.leads WHERE org_id = :'week';
SELECT sentinel.create_deal('D1', 1000.10, as_of => '2025-05-01') AS d1, sentinel.create_deal('D2', 333.33, as_of => '2025-06-05') AS d2, sentinel.create_deal('D3', 250.55, currency => 'EUR', as_of => '2025-06-02') AS d3,
       sentinel.create_deal('D4', 2000, as_of => '2025-06-01') AS d4, sentinel.create_deal('D5', 10.01, currency => 'EUR', as_of => '2025-05-01') AS d5, sentinel.create_deal('D6', 70, as_of => '2025-05-01') AS d6,
       sentinel.create_deal('D7', 7, as_of => '2025-06-08') AS d7, sentinel.create_deal('D9', 5, as_of => '2025-06-01 12:00+00') AS d9, (SELECT id FROM sentinel.leads WHERE name = '2025-06-03 09:00:00+00' AND org_id = :'week') AS lead \gset
SELECT sentinel.create_invoice(:'d1', '2025-05-11') AS i1, sentinel.create_invoice(:'d5', '2025-05-20') AS i5, sentinel.create_invoice(:'d6', '2025-05-02') AS i6, sentinel.create_invoice(:'d3', '2025-06-02') AS i3, sentinel.create_invoice(:'d4', '2025-06-04') AS i4 \gset
SELECT sentinel.send_invoice(:'i1', as_of => '2025-05-12'), sentinel.send_invoice(:'i5', as_of => '2025-05-21'), sentinel.send_invoice(:'i6', as_of => '2025-05-03'), sentinel.send_invoice(:'i4', '2025-06-06', '2025-06-05'), sentinel.mark_invoice_paid(:'i5', as_of => '2025-06-02');
SELECT sentinel.move_deal(:'d1', 'proposal', as_of => '2025-05-10'), sentinel.move_deal(:'d3', 'negotiation', as_of => '2025-06-06'), sentinel.move_deal(:'d4', 'closed_won', as_of => '2025-06-04'), sentinel.move_deal(:'d5', 'closed_won', as_of => '2025-05-20'), sentinel.move_deal(:'d6', 'closed_lost', 'price', '2025-06-03');
SELECT sentinel.book_call(:'lead', '2025-06-05 10:00+00', as_of => '2025-06-04 10:00+00') AS c1, sentinel.book_call(:'lead', '2025-06-08 10:00+00', as_of => '2025-06-04 10:00+00') AS c2 \gset
SELECT sentinel.complete_call(:'c1', 'Nice weather.', 'no', '2025-06-05 10:00+00'), sentinel.complete_call(:'c2', 'Nice weather.', 'no', '2025-06-08 10:00+00');
INSERT INTO sentinel.job_dead (org_id, id, queue, job_type, priority, payload, attempts, max_attempts, created_at, failed_at)
SELECT :'week', sentinel.uuid7(), 'default', 'analyze_call', 5, '{}', 5, 5, t, t FROM unnest(ARRAY['2025-05-31 21:00+00', '2025-06-03 00:00+00', '2025-06-09 00:00+00']::timestamptz[]) t;
INSERT INTO sentinel.integrity_findings (org_id, rule, subject_type, subject_id, severity, detail, broken_since, first_seen_at, last_seen_at, resolved_at)
SELECT :'week', 'lead_won_no_deal', 'lead', sentinel.uuid7(), 'medium', 'x', s, s, s, r FROM (VALUES ('2025-06-03'::timestamptz, NULL::timestamptz), ('2025-06-03', '2025-06-04'), ('2025-06-03', '2025-06-09'), ('2025-06-09', NULL)) v(s, r);
CREATE TEMP TABLE figures AS SELECT '{"leads_added": 3, "leads_qualified": 1, "qualified_percent": 33,
    "pipeline": [{"currency": "EUR", "deals": 1, "total": 250.55, "weighted": 187.91}, {"currency": "USD", "deals": 3, "total": 1338.43, "weighted": 533.88}],
    "won": [{"currency": "USD", "deals": 1, "total": 2000.00}], "deals_lost": 1, "stuck_deals": 1, "calls_held": 1, "paid": [{"currency": "EUR", "invoices": 1, "total": 10.01}],
    "invoices_overdue": 2, "failed_jobs": 1, "open_breaches": 2}'::jsonb AS due;
SELECT is((SELECT data - 'stuck_most' FROM sentinel.weekly_report('2025-06-08 06:00+00')), (SELECT due FROM figures), 'bugs: the week to the cent, by currency, as it stood at its end');
SELECT is((SELECT data -> 'stuck_most' FROM sentinel.weekly_report('2025-06-08 06:00+00')), jsonb_build_array(jsonb_build_object('deal_id', :'d1', 'name', 'D1', 'stage', 'proposal', 'value', 1000.10, 'currency', 'USD', 'days', 28)), 'what is stuck');
SELECT is((SELECT narrative FROM sentinel.weekly_report('2025-06-08 06:00+00')), $$Week 2025-06-01 to 2025-06-07
Leads: 3 came in, 1 of them qualified (33 %).
Won: 2,000 USD. Deals lost: 1. Paid: 10 EUR.
Pipeline: 251 EUR and 1,338 USD, weighted 188 EUR and 534 USD.
Calls held: 1. Stuck deals: 1. Overdue invoices: 2. Failed jobs: 1. Breaches: 2.
Focus: Mend breaches of integrity: 2. Move on or close "D1", stuck for 28 days. Ask for overdue invoices: 2. Look at failed jobs: 1.$$, 'in words');
SELECT is((SELECT (week_start, week_end)::text FROM sentinel.weekly_report('2025-06-08 06:00+00')), '("2025-05-31 22:00:00+00","2025-06-07 22:00:00+00")', 'seven whole days of its zone');
SELECT is(sentinel.handle_generate_weekly_report(:'job', pg_temp.at('2025-06-08 06:00+00')) ->> 'made', 'true', 'it is kept');
SELECT ok(NOT pg_temp.changes_again('handle_generate_weekly_report', :'job', pg_temp.at('2025-06-08 06:00+00')), 'bug: generate_weekly_report twice: one row');
SELECT is((SELECT count(*)::integer FROM sentinel.weekly_reports WHERE org_id = :'week') + pg_temp.told(:'week', 'report.weekly'), 2, 'and one event');
-- Whatever happens later.
SELECT sentinel.move_deal(:'d1', 'closed_won', as_of => '2025-06-09'), sentinel.change_deal_value(:'d3', 999, as_of => '2025-06-09'), sentinel.move_deal(:'d6', 'discover', as_of => '2025-06-09'), sentinel.mark_invoice_paid(:'i4', as_of => '2025-06-09'), sentinel.cancel_invoice(:'i6', as_of => '2025-06-09');
UPDATE sentinel.deals SET currency = 'GBP', changed_at = '2025-06-09' WHERE id = :'d2';
DELETE FROM sentinel.deals WHERE id IN (SELECT id FROM sentinel.deals WHERE org_id = :'week' AND id = :'d9');
SELECT is((SELECT data - 'stuck_most' FROM sentinel.weekly_report('2025-06-08 06:00+00')), (SELECT due FROM figures), 'bug: the report of a past week is not changed by what moved, was paid, cancelled or deleted since');
SELECT is((SELECT (w.data - 'stuck_most') = f.due FROM sentinel.weekly_reports w, figures f WHERE w.org_id = :'week'), true, 'nor is the one that was kept');
SELECT is((SELECT (data ->> 'pipeline', data ->> 'won')::text FROM sentinel.weekly_report('2025-06-15 06:00+00')),
    '("[{""deals"": 1, ""total"": 999.00, ""currency"": ""EUR"", ""weighted"": 749.25}, {""deals"": 1, ""total"": 333.33, ""currency"": ""GBP"", ""weighted"": 33.33}, {""deals"": 3, ""total"": 82.00, ""currency"": ""USD"", ""weighted"": 8.20}]","[{""deals"": 1, ""total"": 1000.10, ""currency"": ""USD""}]")',
    'the next week tells of it');
SELECT sentinel.enter(:'other');
SELECT alike((SELECT narrative FROM sentinel.weekly_report('2024-06-08 06:00+00')), E'%Leads: 0 came in, 0 of them qualified.\nWon: nothing.%Focus: Find new leads: none came in.', 'a week in which nothing happened');
SELECT throws_ok($$SELECT sentinel.weekly_report('infinity')$$, 'SN007', NULL, 'a report is of the week before one instant');
SELECT sentinel.enter(:'week', sentinel.add_member('Max', 'max@week.example', 'member')) FROM sentinel.enter(:'week');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT data -> 'pipeline' FROM sentinel.weekly_report('2025-06-08 06:00+00')), '[]'::jsonb, 'a member gets the figures of what the member may see');
SELECT is((SELECT count(*)::integer FROM sentinel.weekly_reports), 0, 'and not those of all');
RESET ROLE;
SELECT sentinel.leave();
SELECT throws_ok('SELECT sentinel.weekly_report()', 'SN002', NULL, 'no report without an organisation');
-- Integrity: each rule broken once, as of 12:00, and each nearly.
SELECT sentinel.create_org('Sick Ltd', 'revenue-watch-sick') AS sick \gset
SELECT sentinel.enter(:'sick');
SELECT sentinel.add_member('Ada', 'ada@sick.example', 'admin') AS ada, sentinel.add_member('Vic', 'vic@sick.example', 'viewer') AS vic \gset
CREATE FUNCTION pg_temp.lead(label text, stage text, since timestamptz) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO sentinel.leads (org_id, name, created_at, last_state_change, last_activity_at) VALUES (sentinel.current_org(), label, '2025-06-01', '2025-06-01', '2025-06-01') RETURNING id INTO made;
    PERFORM sentinel.set_lead_stage(made, stage, since);
    RETURN made;
END $$;
CREATE FUNCTION pg_temp.won(label text, since timestamptz, lead uuid DEFAULT NULL, invoice boolean DEFAULT true, contract boolean DEFAULT true) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid := sentinel.create_deal(label, 10, lead_id => lead, as_of => '2025-06-02');
BEGIN
    PERFORM sentinel.move_deal(made, 'closed_won', as_of => since);
    IF invoice THEN PERFORM sentinel.create_invoice(made, since); END IF;
    IF contract THEN PERFORM sentinel.create_contract(made, NULL, since); END IF;
    RETURN made;
END $$;
SELECT pg_temp.won('no invoice', '2025-06-10 11:50+00', invoice => false) AS no_invoice, pg_temp.won('no contract', '2025-06-10 11:50+00', contract => false) AS no_contract,
       pg_temp.won('lead not won', '2025-06-10 11:50+00', pg_temp.lead('Open', 'qualified', '2025-06-05')) AS not_won, pg_temp.won('two', '2025-06-09 12:00+00') AS two,
       pg_temp.won('paid', '2025-06-09 12:00+00') AS paid, pg_temp.won('stuck', '2025-06-08 12:00+00') AS stuck, pg_temp.lead('Won alone', 'won', '2025-06-10 11:50+00') AS alone, pg_temp.lead('Lost', 'lost', '2025-06-10 11:50+00') AS lost \gset
SELECT sentinel.create_deal('open of lost', 10, lead_id => :'lost', as_of => '2025-06-02') AS open_lost \gset
SELECT sentinel.mark_invoice_paid(id, as_of => '2025-06-10 11:50+00') FROM sentinel.invoices WHERE deal_id = :'paid';
SELECT id AS paid_bill FROM sentinel.invoices WHERE deal_id = :'paid' \gset
SELECT sentinel.create_client(:'stuck', '2025-06-08 12:00+00') AS stuck_client \gset
SELECT intake_id AS waits FROM sentinel.intake('form', '{"email": "waits@sick.example"}') \gset
UPDATE sentinel.intake_raw SET received_at = '2025-06-10 11:00+00' WHERE id = :'waits';
SELECT sentinel.enqueue('analyze_call', '{"near": false}') AS dead_worker, sentinel.enqueue('analyze_call', '{"near": true}') AS near_job \gset
SELECT count(*) AS claimed FROM sentinel.claim('pgtap', '{default}', 1000) \gset
UPDATE sentinel.job_running SET claimed_at = '2025-06-10 11:40+00', lease_until = CASE id WHEN :'dead_worker' THEN '2025-06-10 11:59:00+00' ELSE '2025-06-10 11:59:01+00' END::timestamptz WHERE id IN (:'dead_worker', :'near_job');
-- Near misses: a second inside the time allowed, cancelled and void, imported, set right.
SELECT pg_temp.won('fresh', '2025-06-10 11:50:01+00', pg_temp.lead('Open too', 'qualified', '2025-06-05'), false, false) AS fresh, pg_temp.won('cancelled', '2025-06-09 12:00+00') AS cancelled, pg_temp.won('two, one cancelled', '2025-06-09 12:00+00') AS one_cancelled,
       sentinel.create_deal('imported', 10, 'closed_won', as_of => '2025-06-02') AS imported, pg_temp.won('fresh paid', '2025-06-09 12:00+00') AS fresh_paid, pg_temp.won('in progress', '2025-06-03') AS in_progress, pg_temp.won('not yet stuck', '2025-06-08 12:00:01+00') AS near_stuck,
       pg_temp.lead('Won now', 'won', '2025-06-10 11:50:01+00') AS won_now, pg_temp.lead('Lost now', 'lost', '2025-06-10 11:50:01+00') AS lost_now, pg_temp.lead('Lost long', 'lost', '2025-06-05') AS lost_long,
       pg_temp.won('back again', '2025-06-09 12:00+00', pg_temp.lead('Won once', 'won', '2025-06-05')) AS back_again \gset
SELECT sentinel.cancel_invoice(id, as_of => '2025-06-09 13:00+00') FROM sentinel.invoices WHERE deal_id IN (:'cancelled', :'one_cancelled');
SELECT sentinel.void_contract(id, as_of => '2025-06-09 13:00+00') FROM sentinel.contracts WHERE deal_id = :'cancelled';
INSERT INTO sentinel.invoices (org_id, deal_id, number, amount, currency, status_changed_at, due_at, created_at) VALUES (:'sick', :'one_cancelled', 'X-2', 1, 'USD', '2025-06-09 14:00+00', '2025-07-01', '2025-06-09 14:00+00');
SELECT sentinel.mark_invoice_paid(id, as_of => '2025-06-10 11:50:01+00') FROM sentinel.invoices WHERE deal_id = :'fresh_paid';
SELECT sentinel.handle_start_onboarding(NULL, jsonb_build_object('client_id', sentinel.create_client(:'in_progress', '2025-06-04'), 'as_of', '2025-06-05')), sentinel.create_client(:'near_stuck', '2025-06-08 12:00:01+00');
SELECT sentinel.create_deal('open of lost now', 10, lead_id => :'lost_now', as_of => '2025-06-02'), sentinel.create_deal('came back', 10, lead_id => :'lost_long', as_of => '2025-06-02') AS came_back \gset
SELECT sentinel.move_deal(:'came_back', 'closed_lost', 'price', '2025-06-05'), sentinel.move_deal(:'came_back', 'discover', as_of => '2025-06-10 11:50:01+00'), sentinel.set_lead_stage(lead_id, 'contacted', '2025-06-10') FROM sentinel.deals WHERE id = :'back_again';
SELECT intake_id AS done_row FROM sentinel.intake('form', '{"email": "done@sick.example"}') \gset
UPDATE sentinel.intake_raw SET received_at = '2025-06-01', state = 'processed', processed_at = '2025-06-01' WHERE id = :'done_row';
SELECT intake_id AS near_row FROM sentinel.intake('form', '{"email": "near@sick.example"}') \gset
UPDATE sentinel.intake_raw SET received_at = CASE id WHEN :'near_row' THEN '2025-06-10 11:00:01+00'::timestamptz ELSE received_at END WHERE org_id = :'sick';
-- Two invoices are what a unique key refuses: without it, for the rest of this test.
DROP INDEX sentinel.invoices_deal;
INSERT INTO sentinel.invoices (org_id, deal_id, number, amount, currency, status_changed_at, due_at, created_at) VALUES (:'sick', :'two', 'X-1', 1, 'USD', '2025-06-10 12:00+00', '2025-07-01', '2025-06-10 12:00+00');
-- Of another organisation.
SELECT sentinel.enter(:'other');
SELECT pg_temp.lead('Won elsewhere', 'won', '2025-06-02') AS elsewhere \gset
SELECT sentinel.enter(:'sick');

CREATE TEMP TABLE planted (rule text, subject_id uuid, severity text);
INSERT INTO planted VALUES ('won_deal_no_invoice', :'no_invoice', 'high'), ('won_deal_no_contract', :'no_contract', 'high'), ('won_deal_lead_not_won', :'not_won', 'medium'), ('deal_two_invoices', :'two', 'high'),
    ('paid_invoice_no_client', :'paid_bill', 'high'), ('client_stuck_pending', :'stuck_client', 'medium'), ('lead_won_no_deal', :'alone', 'medium'), ('open_deal_lost_lead', :'open_lost', 'medium'),
    ('intake_waiting', :'waits', 'medium'), ('job_stuck', :'dead_worker', 'medium');
SELECT set_eq('SELECT rule FROM sentinel.integrity_rules', 'SELECT rule FROM planted', 'each rule is broken once');
SELECT set_eq($$SELECT rule, subject_id, severity FROM sentinel.integrity_breaches_at('2025-06-10 12:00+00')$$, 'SELECT * FROM planted', 'the watchdog finds each breach and nothing else');
SELECT set_eq($$SELECT rule FROM sentinel.integrity_breaches_at('2025-06-10 11:59:59+00')$$, 'VALUES (''x'') EXCEPT VALUES (''x'')', 'a second earlier none: all are inside the time they may take');
SELECT ok((SELECT count(*) > 15 FROM sentinel.integrity_breaches_at('2025-06-13 12:00+00')), 'days later the near ones are broken too');
SELECT is(sentinel.handle_check_integrity(:'job', pg_temp.at('2025-06-10 12:00+00')), '{"told": 10, "breaches": 10, "resolved": 0}'::jsonb, 'ten breaches are told');
SELECT set_eq(format('SELECT rule, subject_id, severity FROM sentinel.integrity_findings WHERE org_id = %L AND resolved_at IS NULL', :'sick'), 'SELECT * FROM planted', 'and kept');
SELECT ok(NOT pg_temp.changes_again('handle_check_integrity', :'job', pg_temp.at('2025-06-10 12:00+00')), 'check_integrity twice: nothing');
SELECT is(sentinel.handle_check_integrity(sentinel.uuid7(), pg_temp.at('2025-06-10 12:00:00.5+00')) ->> 'told', '0', 'bug: a second run of the day tells nothing new');
-- Alerts.
CREATE FUNCTION pg_temp.alert(org uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    j record;
    raised integer := 0;
BEGIN
    FOR j IN SELECT c.* FROM sentinel.claim('pgtap', '{default}', 1000) c WHERE c.org_id = org AND c.job_type = 'raise_alert' LOOP
        raised := raised + (sentinel.run_handler(j.org_id, j.job_id, j.lease) -> 'raised')::text::boolean::integer;
        PERFORM sentinel.enter(org);
    END LOOP;
    RETURN raised;
END $$;
SELECT is(pg_temp.alert(:'sick'), 10, 'each breach raises an alert');
SELECT set_eq(format('SELECT a.subject_id, a.kind, a.severity FROM sentinel.alerts a WHERE a.org_id = %L', :'sick'), 'SELECT subject_id, ''integrity_breach'', severity FROM planted', 'of its kind and weight');
SELECT is((SELECT (count(*), min(n.member_id::text), max(n.member_id::text))::text FROM sentinel.notifications n WHERE n.org_id = :'sick'), format('(10,%1$s,%1$s)', :'ada'), 'admins are told of each, once');
SELECT is((SELECT (title, message)::text FROM sentinel.alerts WHERE subject_id = :'no_invoice'), '("Integrity: won deal no invoice","Deal ""no invoice"" was won and has no invoice.")', 'in words');
-- Mended and not.
INSERT INTO sentinel.invoices (org_id, deal_id, number, amount, currency, due_at) VALUES (:'sick', :'no_invoice', 'X-3', 1, 'USD', '2025-07-01');
UPDATE sentinel.deals SET lead_id = :'alone' WHERE id = :'two';
SELECT sentinel.handle_check_integrity(sentinel.uuid7(), pg_temp.at('2025-06-10 12:00:00.6+00'));
SELECT set_eq(format('SELECT rule, resolved_at FROM sentinel.integrity_findings WHERE org_id = %L AND resolved_at IS NOT NULL', :'sick'),
    $$VALUES ('won_deal_no_invoice', '2025-06-10 12:00:00.6+00'::timestamptz), ('lead_won_no_deal', '2025-06-10 12:00:00.6+00')$$, 'what is mended is closed');
SELECT sentinel.handle_check_integrity(sentinel.uuid7(), pg_temp.at('2025-06-10 11:00+00'));
SELECT is((SELECT count(*)::integer FROM sentinel.integrity_findings WHERE org_id = :'sick' AND resolved_at IS NULL), 8, 'a late attempt of an earlier check closes nothing');
SELECT sentinel.handle_check_integrity(sentinel.uuid7(), pg_temp.at('2025-06-11 00:00+00')) ->> 'told' AS told \gset
SELECT is(:told - (SELECT count(*)::integer FROM sentinel.integrity_findings WHERE org_id = :'sick' AND first_seen_at = '2025-06-11 00:00+00'), 8, 'the next day of UTC tells again of what is still broken');
SELECT is(pg_temp.alert(:'sick'), (SELECT count(*)::integer FROM sentinel.integrity_findings WHERE org_id = :'sick' AND first_seen_at = '2025-06-11 00:00+00'), 'and alerts only of what is new');
UPDATE sentinel.deals SET lead_id = NULL WHERE id = :'two';
SELECT sentinel.handle_check_integrity(sentinel.uuid7(), pg_temp.at('2025-06-12 00:00+00'));
SELECT is((SELECT string_agg((resolved_at IS NULL)::text, ' ' ORDER BY first_seen_at) FROM sentinel.integrity_findings WHERE subject_id = :'alone'), 'false true', 'broken again it is another finding');
SELECT pg_temp.alert(:'sick');
SELECT is((SELECT count(*)::integer FROM sentinel.alerts WHERE subject_id = :'alone'), 2, 'with an alert of its own');
-- Whose.
SELECT sentinel.set_revenue_settings('{"integrity_grace_minutes": 60, "client_stuck_hours": 100}');
SELECT set_eq($$SELECT rule FROM sentinel.integrity_breaches_at('2025-06-10 12:00+00')$$, $$VALUES ('deal_two_invoices'), ('intake_waiting'), ('job_stuck')$$, 'an organisation sets its own grace');
SELECT sentinel.enter(:'sick', :'vic');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.integrity_breaches) + (SELECT count(*) FROM sentinel.integrity_findings), 0::bigint, 'who sees a part sees no breaches');
RESET ROLE;
SELECT sentinel.enter(:'sick', :'ada');
SET LOCAL ROLE sentinel_member;
SELECT ok((SELECT count(*) FROM sentinel.integrity_breaches WHERE rule = 'deal_two_invoices') = 1 AND (SELECT count(*) FROM sentinel.integrity_findings) > 9, 'an admin sees them');
RESET ROLE;
SELECT sentinel.leave();
SELECT is((SELECT count(*)::integer FROM sentinel.integrity_breaches), 0, 'without an organisation there are none');
SELECT sentinel.enter(:'other');
SELECT pg_temp.state(:'sick') AS before \gset
SELECT is(sentinel.handle_check_integrity(:'job', pg_temp.at('2025-06-10 12:00+00')) ->> 'breaches', '1', 'trap 8: another organisation finds its own');
SELECT is(pg_temp.stalls('2025-09-01'), 0, 'trap 8: no deals of another');
SELECT is(sentinel.handle_check_invoice_overdue(:'job', '{}'), '{"overdue": 0}'::jsonb, 'trap 8: no invoices of another');
SELECT is(sentinel.handle_nudge_deal(:'job', jsonb_build_object('deal_id', :'at_14')) ->> 'task_id', NULL, 'trap 8: no tasks for another');
SELECT is(pg_temp.state(:'sick'), :'before', 'trap 8: which stays as it was');
-- As the clock does it.
UPDATE sentinel.schedules SET next_due_at = '2025-06-20 13:00+00' WHERE org_id = :'other' AND name = 'integrity_watchdog';
SELECT sentinel.run_schedules('2025-06-20 13:00+00'), pg_temp.drain(:'other');
SELECT is((SELECT count(*)::integer FROM sentinel.alerts a WHERE a.org_id = :'other' AND a.subject_id = :'elsewhere'), 1, 'trap 1: hour by hour, for each organisation; a breach has one alert');

SELECT * FROM finish();
ROLLBACK;
