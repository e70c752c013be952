-- Room revenue, jobs: from a call to a client that is asked and reminded; each trap and fault of the CRM engine that it closes.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(97);

SELECT sentinel.create_org('Revenue jobs Ltd', 'revenue-jobs-pgtap') AS org, sentinel.create_org('Other Ltd', 'revenue-jobs-other') AS other, sentinel.uuid7() AS job \gset
SELECT sentinel.enter(:'org');
UPDATE sentinel.schedules SET next_due_at = 'infinity';

\ir ../support/jobs.sql
CREATE FUNCTION pg_temp.about(kind text, id uuid) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object(kind || '_id', id) $$;
CREATE FUNCTION pg_temp.heard(org uuid, words text) RETURNS numeric LANGUAGE sql AS $$ SELECT coalesce(sum(points), 0) FROM sentinel.score_transcript(org, words) $$;
-- What a model must never touch.
CREATE FUNCTION pg_temp.money() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(x, '' ORDER BY x)) FROM (SELECT to_jsonb(d)::text FROM sentinel.deals d UNION ALL SELECT to_jsonb(i)::text FROM sentinel.invoices i
        UNION ALL SELECT to_jsonb(k)::text FROM sentinel.contracts k UNION ALL SELECT to_jsonb(c)::text FROM sentinel.clients c
        UNION ALL SELECT l.id || l.lifecycle_stage FROM sentinel.leads l WHERE l.lifecycle_stage IN ('won', 'lost')) y(x) $$;

-- The lexicon, phrase by phrase.
SELECT is((SELECT string_agg(format('"%s" gives %s', v.words, pg_temp.heard(:'org', v.words)), '; ') FROM (VALUES
    ('Please send me a proposal.', 25), ('Can you send over the agreement?', 25), ('Send it to my inbox.', 0), ('When can we start?', 25), ('How soon could that be?', 25),
    ('We are ready to go.', 30), ('Let''s do it.', 30), ('Let’s move forward!', 30), ('lets go ahead', 30), ('How much is it?', 15), ('What is your pricing?', 15), ('The price is right.', 15),
    ('What are the next steps?', 15), ('There is a budget.', 10), ('Our deadline is near.', 10), ('A timeline would help.', 10), ('We need it by the end of the quarter.', 10), ('By March.', 10),
    ('It needs sign-off.', 10), ('He is the decision maker.', 10), ('My partner needs to see it.', 10), ('Is there a payment plan?', 10), ('We pay by invoice.', 10),
    ('I am not interested.', -40), ('We have no budget.', -25), ('That is too expensive.', -15), ('Maybe later.', -15), ('Next year.', -15), ('I must think about it.', -10),
    ('We are not ready to buy.', 0), ('We aren''t ready to buy.', 0), ('HOW MUCH DOES IT COST?', 30), ('Budget, budget. A budget! Budgets?', 10), ('No budget now. A budget in May.', -15),
    ('Send us nothing. The contract is old.', 0), ('Send me the invoice.', 35), ('', 0), ('Nice weather.', 0)) AS v(words, due)
    WHERE pg_temp.heard(:'org', v.words) <> v.due), NULL, 'each phrase counts once, in one sentence, whatever its case; negatives take away');
SELECT results_eq(format('SELECT phrase, points, sentence FROM sentinel.score_transcript(%L, %L)', :'org', E'Hello there. How much is it?  Great.\nWe have no budget! And how much later? Bye'),
    $$VALUES ('no_budget', -25.00, 'We have no budget!'), ('how_much', 15.00, 'How much is it?')$$, 'signals are whole sentences, the first that holds the phrase');
INSERT INTO sentinel.call_phrases (org_id, phrase, pattern, points, reason) VALUES (:'other', 'weather', 'weather', 50, 'Spoke of the weather.');
SELECT is(pg_temp.heard(:'org', 'Nice weather.'), 0::numeric, 'a lexicon is that of one organisation');

-- Calls.
SELECT sentinel.create_lead('Ann', 'ann@acme.example', company_name => 'Acme Ltd', industry => 'Agency', employee_count => 25, lead_source => 'referral', phone => '1') AS ann,
       sentinel.create_lead('Bob', 'bob@gmail.com', industry => 'Retail') AS bob \gset
SELECT pg_temp.drain(:'org');
UPDATE sentinel.leads SET interest_profile = '{"pain_points": ["Leads wait in a spreadsheet.", "Our follow-up is late."]}' WHERE id = :'ann';
SELECT sentinel.book_call(:'ann', '2025-03-03 10:00') AS call_1, sentinel.book_call(:'ann', '2025-03-04 10:00') AS call_2, sentinel.book_call(:'ann', '2025-03-05 10:00') AS call_3, sentinel.book_call(:'bob', '2025-03-05 10:00') AS call_b \gset
SELECT is(sentinel.handle_analyze_call(:'job', pg_temp.about('call', :'call_1')) ->> 'skipped', 'no completed call with a transcript', 'a call that was not held is not analysed');
SELECT sentinel.complete_call(:'call_1', 'We are ready to go. When can we start? How much is it? What are the next steps? I must think about it.', 'asked for papers');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT (buying_signal_score, applied_signal, analysis_source, outcome)::text FROM sentinel.calls WHERE id = :'call_1'), '(75.00,22.50,lexicon,"asked for papers")', 'bug: 30 + 25 + 15 + 15 - 10, and the outcome is what a person wrote');
SELECT is((SELECT buying_signal_score FROM sentinel.leads WHERE id = :'ann'), 22.50, 'the lead gets 0.3 of it');
SELECT ok(NOT pg_temp.changes_again('handle_analyze_call', :'job', pg_temp.about('call', :'call_1')), 'trap 6: a retry adds nothing');
SELECT is((SELECT buying_signal_score FROM sentinel.leads WHERE id = :'ann'), 22.50, 'trap 6: nor does another job');
SELECT is((SELECT summary FROM sentinel.calls WHERE id = :'call_1'), 'Strong buying intent, 75 of 100. Is ready. Asked when it can start. Asked how much. Asked what comes next. Wants to think.', 'a summary in words');
SELECT is((SELECT string_agg(s ->> 'sentence', ' ') FROM sentinel.calls, jsonb_array_elements(buying_signals) s WHERE id = :'call_1'), 'We are ready to go. When can we start? How much is it? What are the next steps? I must think about it.', 'signals are sentences');
SELECT is((SELECT payload -> 'next_steps' FROM sentinel.events WHERE org_id = :'org' AND event_type = 'call.analyzed'),
          '["Send the contract.", "Offer a date to start.", "State the price.", "Agree on the next step and its date.", "Agree on a date to talk again."]'::jsonb, 'the event carries the next steps');
UPDATE sentinel.leads SET last_activity_at = '2025-01-01' WHERE id = :'ann';
SELECT sentinel.correct_transcript(:'call_1', 'I am not interested.');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT (l.buying_signal_score, c.buying_signal_score, c.applied_signal)::text FROM sentinel.leads l JOIN sentinel.calls c ON c.lead_id = l.id WHERE c.id = :'call_1'), '(0.00,0.00,0.00)', 'bug: a corrected transcript is judged anew, below 0 is 0, and what it gave is taken back');
SELECT sentinel.correct_transcript(:'call_1', 'We are ready to go. When can we start? How much is it? What are the next steps? I must think about it.');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT buying_signal_score FROM sentinel.leads WHERE id = :'ann'), 22.50, 'corrected back it counts again');
SELECT is((pg_temp.told(:'org', 'call.analyzed', :'call_1'), pg_temp.told(:'org', 'call.blueprint_ready', :'call_1'))::text, '(3,3)', 'bug: each version of the transcript is told of');
SELECT is((SELECT last_activity_at FROM sentinel.leads WHERE id = :'ann'), '2025-01-01'::timestamptz, 'trap 4: an analysis is no contact');
SELECT sentinel.complete_call(:'call_2', 'We are ready to go. When can we start? How much is it? What are the next steps? Send me a contract. By invoice.', 'yes');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT (c.buying_signal_score, l.buying_signal_score)::text FROM sentinel.calls c JOIN sentinel.leads l ON l.id = c.lead_id WHERE c.id = :'call_2'), '(100.00,52.50)', 'a call has 100 at most, and adds 30 at most');
SELECT is(pg_temp.told(:'org', 'buying_signal.high'), 0, 'below the threshold nobody is called');
SELECT sentinel.complete_call(:'call_3', 'We are ready to go. When can we start? How much is it? What are the next steps? Send me a contract. By invoice.', 'yes');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT (buying_signal_score, priority, next_action)::text FROM sentinel.leads WHERE id = :'ann'), '(82.50,high,schedule_call)', 'at 75 the lead is escalated');
SELECT is((pg_temp.told(:'org', 'buying_signal.high', :'ann'), pg_temp.told(:'org', 'lead.escalated', :'ann'))::text, '(1,1)', 'once a call');

-- Blueprints.
SELECT is((SELECT (proposal_blueprint #>> '{suggested_investment,amount}', proposal_blueprint #>> '{suggested_investment,currency}', proposal_blueprint #>> '{suggested_investment,offers,2}', jsonb_array_length(proposal_blueprint -> 'deliverables'))::text
           FROM sentinel.calls WHERE id = :'call_3'), '(3500.00,GBP,"Sales optimisation",7)', 'a blueprint: base by score, modules by what the lead said, prices added: 2,500 + 500 + 500');
SELECT is((SELECT proposal_blueprint -> 'key_pains' FROM sentinel.calls WHERE id = :'call_3'),
          '["Leads wait in a spreadsheet.", "Our follow-up is late.", "Leads are lost between first word and proposal.", "Nobody knows which leads wait.", "Deals stall and nobody notices."]'::jsonb, 'the lead''s own pains first, five at most');
SELECT is((SELECT (proposal_blueprint ->> 'problem_statement', proposal_blueprint ->> 'urgency_frame', jsonb_array_length(proposal_blueprint -> 'loom_script_outline'), proposal_blueprint #>> '{estimated_revenue_leak,amount}')::text FROM sentinel.calls WHERE id = :'call_3'),
          '("Acme Ltd loses about 4,850 USD a month. Leads wait in a spreadsheet.","Each month of waiting costs about 4,850 USD.",6,4850.00)', 'in words');
SELECT sentinel.complete_call(:'call_b', 'Nice weather.', 'no');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT (proposal_blueprint #>> '{suggested_investment,amount}', jsonb_array_length(proposal_blueprint -> 'key_pains'), proposal_blueprint #>> '{key_pains,0}', summary)::text FROM sentinel.calls WHERE id = :'call_b'),
          '(500.00,3,"Visitors leave without a word.","Weak buying intent, 0 of 100. Nothing of the lexicon was said.")', 'of a lead that said nothing: the least offer, three pains');
SELECT ok(NOT pg_temp.changes_again('handle_generate_proposal_blueprint', :'job', pg_temp.about('call', :'call_3')), 'generate_proposal_blueprint twice: nothing');
SELECT is(sentinel.proposal_blueprint(:'other', :'call_3'), NULL, 'no blueprint of another''s call');
UPDATE sentinel.offers SET enabled = false WHERE org_id = :'org';
SELECT is(sentinel.proposal_blueprint(:'org', :'call_3') #>> '{suggested_investment,amount}', NULL, 'without offers a blueprint names no price');
UPDATE sentinel.offers SET enabled = true WHERE org_id = :'org';

-- A model classifies, never confirms.
SELECT sentinel.create_deal('Open', 5000, 'proposal', lead_id => :'bob') AS open_deal \gset
SELECT pg_temp.drain(:'org');
SELECT sentinel.create_invoice(:'open_deal') AS open_bill, sentinel.create_client(:'open_deal') AS open_client \gset
SELECT pg_temp.drain(:'org');
SELECT pg_temp.money() AS money \gset
SELECT lives_ok(format('SELECT sentinel.store_call_analysis(%L, %L, ''model'', %s, %L, %L, %L, %L, now())', :'org', :'call_b', v.score, v.signals, v.summary, v.intent, v.steps), 'a model says ' || v.what)
FROM (VALUES ('1e9', '1e9', '["Won!"]', 'won', 'won', '["Mark the deal as won."]'), ('less than nothing', '-1e9', '[]', NULL, NULL, NULL), ('no lists', '80', '{"stage": "closed_won"}', 'x', 'x', '"won"'),
    ('keys of stages', '99', '[{"sentence": "I buy.", "stage": "closed_won", "status": "paid", "lifecycle_stage": "won", "deep": {"status": "paid"}}]', '{"status": "paid"}', 'won', '[{"path": "won"}]'),
    ('odd lists', '90', '[null, 7, [1], "a sentence", {"points": 1e300}]', 'x', 'x', '[7, null]'),
    ('huge words', '99', jsonb_build_array(repeat('x', 400000), jsonb_build_object('sentence', repeat('y', 400000)))::text, repeat('z', 400000), repeat('i', 400000), jsonb_build_array(repeat('n', 400000))::text)) AS v(what, score, signals, summary, intent, steps);
SELECT throws_ok(format('SELECT sentinel.store_call_analysis(%L, %L, ''model'', %s, ''[]'', ''x'', ''x'', ''[]'', now())', :'org', :'call_b', s), 'SN007', NULL, 'a score that is none: ' || s) FROM unnest(ARRAY['''NaN''', 'NULL']) s;
SELECT sentinel.book_call(:'bob', '2025-04-05 10:00') AS call_c \gset
SELECT is(sentinel.store_call_analysis(:'org', :'call_c', 'model', 90, '[]', 'x', 'x', '[]', now()) ->> 'skipped', 'no such completed call', 'a call that was not held has no analysis');
SELECT pg_temp.drain(:'org');
SELECT is(pg_temp.money(), :'money', 'and no deal, invoice, contract or client is touched, no lead won or lost');
SELECT is((SELECT (c.outcome, c.status, c.buying_signal_score, l.buying_signal_score, length(c.summary) <= 10000, length(c.buying_signals::text) < 10000)::text FROM sentinel.calls c JOIN sentinel.leads l ON l.id = c.lead_id WHERE c.id = :'call_b'),
          '(no,completed,99.00,29.70,t,t)', 'the last analysis counts once; words are cut');
SELECT ok((SELECT max(length(payload::text)) < 200000 FROM sentinel.events WHERE org_id = :'org'), 'also in events');

-- Won: invoice, contract, client, onboarding.
SET LOCAL timezone = 'Europe/Berlin';
SELECT sentinel.create_deal('Website', 1234.56, currency => 'EUR', lead_id => :'ann', as_of => '2025-03-01 12:00+00') AS deal \gset
SELECT pg_temp.drain(:'org');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'ann'), 'qualified', 'a deal that begins tells nothing of its lead');
SELECT sentinel.move_deal(:'deal', 'proposal', as_of => '2025-03-05 12:00+00');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'ann'), 'proposal', 'bug: a proposed deal has a proposed lead');
SELECT sentinel.move_deal(:'deal', 'closed_won', as_of => '2025-03-10 12:00+00');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'ann'), 'won', 'bug: a won deal a won lead');
SELECT id AS bill FROM sentinel.invoices WHERE deal_id = :'deal' \gset
SELECT is((SELECT (i.status, i.amount, i.currency, i.due_at = '2025-04-09 12:00+00', i.client_id)::text FROM sentinel.invoices i WHERE i.id = :'bill'), '(draft,1234.56,EUR,t,)', 'the invoice: the value to the cent; trap 9: due in 30 times 24 hours, though clocks change');
SELECT is((SELECT (k.status, k.url = 'https://contracts.internal/' || k.id, k.html ~ 'Website.*1234.56 EUR')::text FROM sentinel.contracts k WHERE k.deal_id = :'deal'), '(draft,t,t)', 'the contract, with its address');
SELECT is((SELECT count(*)::integer FROM sentinel.invoices WHERE deal_id = :'deal') + pg_temp.told(:'org', 'contract.ready'), 2, 'one of each');
SELECT throws_ok($$SELECT sentinel.set_document_address('ftp://x y')$$, 'SN007', NULL, 'documents are served over http');
SELECT sentinel.set_document_address('https://papers.example.com:8443/of/us');
SELECT is(sentinel.document_url('00000000-0000-0000-0000-000000000001'), 'https://papers.example.com:8443/of/us/00000000-0000-0000-0000-000000000001', 'an organisation says where its documents lie');
SELECT ok(NOT pg_temp.changes_again('handle_generate_contract', :'job', pg_temp.about('deal', :'deal')), 'a contract keeps the address that it was given');
SELECT ok(NOT pg_temp.changes_again(h, :'job', pg_temp.about('deal', :'deal')), h || ' twice: nothing') FROM unnest('{handle_create_invoice,handle_generate_contract,handle_link_deal_lead}'::text[]) h;
SELECT is(sentinel.handle_create_client(:'job', pg_temp.about('invoice', :'bill')) ->> 'skipped', 'no paid invoice', 'who has not paid is no client');
SELECT sentinel.mark_invoice_paid(:'bill', as_of => '2025-03-12 12:00+00');
SELECT pg_temp.drain(:'org');
SELECT id AS client FROM sentinel.clients WHERE deal_id = :'deal' \gset
SELECT is((SELECT client_id FROM sentinel.invoices WHERE id = :'bill'), :'client'::uuid, 'who has paid is, and the invoice knows');
SELECT is((SELECT (onboarding_status, delivery_phase, renewal_at = '2025-06-10 12:00+00')::text FROM sentinel.clients WHERE id = :'client'), '(in_progress,system_design,t)', 'onboarding begins; trap 9: renewal in 90 times 24 hours');
SELECT ok(NOT pg_temp.changes_again('handle_create_client', :'job', pg_temp.about('invoice', :'bill')), 'create_client twice: nothing');
SELECT ok(NOT pg_temp.changes_again('handle_start_onboarding', sentinel.uuid7(), pg_temp.about('client', :'client')), 'bug: start_onboarding twice, and as another job: no second task');
SELECT is((SELECT count(*)::integer FROM sentinel.tasks WHERE subject_id = :'client'), 5, 'five tasks once');
SELECT set_eq(format('SELECT event_type, execute_at FROM sentinel.scheduled_tasks WHERE org_id = %L AND payload ->> ''client_id'' = %L', :'org', :'client'),
    $$VALUES ('client.testimonial_due', '2025-04-11 12:00+00'::timestamptz), ('client.referral_due', '2025-05-11 12:00+00'), ('client.upsell_due', '2025-06-10 12:00+00')$$, 'and three one-off tasks: 30, 60, 90 times 24 hours');
SELECT is(sentinel.handle_create_client(:'job', pg_temp.about('invoice', :'open_bill')) ->> 'skipped', 'no paid invoice', 'the other invoice is not paid');
UPDATE sentinel.invoices SET client_id = NULL WHERE id = :'open_bill';
SELECT sentinel.mark_invoice_paid(:'open_bill');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT client_id FROM sentinel.invoices WHERE id = :'open_bill'), :'open_client'::uuid, 'bug: a client that was there is set in its invoice');
SELECT is((SELECT count(*)::integer FROM sentinel.clients WHERE deal_id = :'open_deal') + pg_temp.told(:'org', 'client.created', :'open_client'), 2, 'and is not made again');

-- One-off tasks run, as of when they were due.
CREATE FUNCTION pg_temp.asked(client uuid) RETURNS text LANGUAGE sql AS $$
    SELECT (c.testimonial_sent_at AT TIME ZONE 'UTC', c.referral_sent_at AT TIME ZONE 'UTC', c.upsell_flagged_at AT TIME ZONE 'UTC')::text FROM sentinel.clients c WHERE c.id = client $$;
SELECT sentinel.run_schedules('2025-04-11 11:59+00'), pg_temp.drain(:'org');
SELECT is(pg_temp.asked(:'client'), '(,,)', 'a minute early: nothing');
SELECT sentinel.run_schedules('2025-04-12 12:00+00'), pg_temp.drain(:'org');
SELECT is(pg_temp.asked(:'client'), '("2025-04-11 12:00:00",,)', 'bug: after 30 days a testimonial is asked for');
SELECT sentinel.run_schedules('2025-05-12 12:00+00'), pg_temp.drain(:'org');
SELECT is(pg_temp.asked(:'client'), '("2025-04-11 12:00:00","2025-05-11 12:00:00",)', 'bug: after 60 a referral');
SELECT sentinel.run_schedules('2025-07-01 12:00+00'), pg_temp.drain(:'org');
SELECT is(pg_temp.asked(:'client'), '("2025-04-11 12:00:00","2025-05-11 12:00:00","2025-06-10 12:00:00")', 'bug: after 90 more is offered');
SELECT results_eq(format('SELECT event_type, payload ->> ''action'', payload ->> ''email'' FROM sentinel.events WHERE org_id = %L AND subject_id = %L AND event_type ~ ''requested$|flagged$'' AND event_type <> ''onboarding.requested'' ORDER BY 1', :'org', :'client'),
    $$VALUES ('client.referral_requested', 'send_referral_prompt', 'ann@acme.example'), ('client.testimonial_requested', 'request_testimonial', 'ann@acme.example'), ('client.upsell_flagged', 'flag_upsell_opportunity', 'ann@acme.example')$$, 'each told once');
SELECT ok(NOT pg_temp.changes_again(h, :'job', pg_temp.about('client', :'client')), h || ' twice: nothing') FROM unnest('{handle_trigger_testimonial,handle_trigger_referral,handle_trigger_upsell}'::text[]) h;
SELECT is(pg_temp.asked(:'client'), '("2025-04-11 12:00:00","2025-05-11 12:00:00","2025-06-10 12:00:00")', 'nor as another job, later');
SET LOCAL timezone = 'UTC';

-- Renewals: first, second, last.
CREATE FUNCTION pg_temp.remind(moment timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT sentinel.handle_send_renewal_reminder(NULL, pg_temp.at(moment)) ->> 'reminded' $$;
UPDATE sentinel.clients SET renewal_at = '2025-07-31 12:00+00' WHERE id = :'client';
UPDATE sentinel.clients SET renewal_at = '2027-01-01' WHERE id = :'open_client';
SELECT is((SELECT string_agg(pg_temp.remind('2025-07-31 12:00+00'::timestamptz - d), ' ' ORDER BY d DESC) FROM unnest(ARRAY['30 days 1 second', '30 days', '29 days', '22 days', '14 days 1 second', '14 days', '8 days', '7 days 1 second', '7 days', '1 day', '0', '-1 second']::interval[]) d),
    '0 1 0 0 0 1 0 0 1 0 0 0', 'bug: three reminders of a renewal, at 30, 14 and 7 days');
SELECT is((SELECT string_agg((payload ->> 'reminder') || ' ' || (payload ->> 'days_until_renewal'), ', ' ORDER BY (payload ->> 'days_until_renewal')::integer DESC) FROM sentinel.events WHERE org_id = :'org' AND event_type = 'renewal.upcoming'), 'first 30, second 14, last 7', 'with their days');
UPDATE sentinel.clients SET renewal_at = '2025-10-31 12:00+00' WHERE id = :'client';
SELECT is(pg_temp.remind('2025-10-20'), '1', 'the next renewal is reminded of again');
SELECT is((SELECT sum(pg_temp.remind(w)::integer) FROM generate_series('2026-11-23 09:00+00'::timestamptz, '2027-01-05', '7 days') w), 3::bigint, 'weekly runs: three of one renewal');

-- Invoice and contract in both orders, and what people did meanwhile. The routes are off: the jobs are called by hand.
SELECT sentinel.create_org('Order Ltd', 'revenue-jobs-order') AS shop \gset
SELECT sentinel.enter(:'shop');
SELECT sentinel.route_event('deal.won', 'create_invoice', false), sentinel.route_event('deal.won', 'generate_contract', false), sentinel.route_event('invoice.created', 'generate_contract', false);
UPDATE sentinel.document_templates SET body = '<p>{{deal_name}} {{invoice_number}}</p>' WHERE org_id = :'shop';
SELECT sentinel.create_deal('A', 10, 'negotiation') AS a, sentinel.create_deal('B', 20, 'negotiation') AS b, sentinel.create_deal('C', 30, 'negotiation') AS c, sentinel.create_deal('D', 40) AS d, sentinel.create_deal('E', 50) AS e \gset
SELECT sentinel.move_deal(x, 'closed_won') FROM unnest(ARRAY[:'a', :'b', :'c', :'e']::uuid[]) x;
SELECT sentinel.handle_generate_contract(:'job', pg_temp.about('deal', :'a'));
SELECT is((SELECT html FROM sentinel.contracts WHERE deal_id = :'a'), '<p>A {{invoice_number}}</p>', 'trap 7: a contract does not wait for the invoice');
SELECT sentinel.handle_create_invoice(:'job', pg_temp.about('deal', :'a'));
SELECT sentinel.handle_generate_contract(:'job', pg_temp.about('deal', :'a'));
SELECT sentinel.handle_create_invoice(:'job', pg_temp.about('deal', :'b'));
SELECT sentinel.handle_generate_contract(:'job', pg_temp.about('deal', :'b')) FROM generate_series(1, 2);
SELECT results_eq(format('SELECT html FROM sentinel.contracts WHERE org_id = %L ORDER BY 1', :'shop'), $$VALUES ('<p>A INV-00001</p>'), ('<p>B INV-00002</p>')$$, 'trap 7: in both orders one contract, with the number of the invoice');
SELECT is((SELECT count(*)::integer FROM sentinel.invoices WHERE org_id = :'shop') + pg_temp.told(:'shop', 'contract.ready'), 4, 'and one invoice, told once');
SELECT sentinel.handle_generate_contract(:'job', pg_temp.about('deal', :'c'));
UPDATE sentinel.contracts SET html = '<p>By hand {{invoice_number}}</p>' WHERE deal_id = :'c';
SELECT sentinel.handle_create_invoice(:'job', pg_temp.about('deal', :'c'));
SELECT sentinel.handle_generate_contract(:'job', pg_temp.about('deal', :'c'));
SELECT is((SELECT html FROM sentinel.contracts WHERE deal_id = :'c'), '<p>By hand {{invoice_number}}</p>', 'a draft that somebody has touched stays');
SELECT sentinel.send_contract(id) FROM sentinel.contracts WHERE deal_id = :'a';
SELECT ok(NOT pg_temp.changes_again('handle_generate_contract', :'job', pg_temp.about('deal', :'a')), 'so does one that was sent');
SELECT sentinel.void_contract((SELECT id FROM sentinel.contracts WHERE deal_id = :'b')), sentinel.cancel_invoice((SELECT id FROM sentinel.invoices WHERE deal_id = :'b'));
SELECT sentinel.handle_generate_contract(:'job', pg_temp.about('deal', :'b')), sentinel.handle_create_invoice(:'job', pg_temp.about('deal', :'b'));
SELECT is((SELECT (SELECT string_agg(status, ',') FROM sentinel.contracts WHERE deal_id = :'b') || ' ' || (SELECT string_agg(status, ',') FROM sentinel.invoices WHERE deal_id = :'b')), 'void cancelled', 'a late retry brings nothing back that somebody voided or cancelled');
SELECT is(sentinel.handle_create_invoice(:'job', pg_temp.about('deal', :'d')) ->> 'skipped', 'no won deal', 'an open deal is not billed by a job');
SELECT is(sentinel.handle_generate_contract(:'job', pg_temp.about('deal', :'d')) ->> 'skipped', 'no won deal', 'nor agreed on');
UPDATE sentinel.document_templates SET kind = 'email' WHERE org_id = :'shop';
SELECT throws_ok(format('SELECT sentinel.handle_generate_contract(NULL, %L)', pg_temp.about('deal', :'e')), 'SN004', NULL, 'without a template the job fails, and is seen');

-- Leads follow their deals.
SELECT sentinel.create_lead('Two', 'two@two.example') AS two, sentinel.create_lead('Back', 'back@back.example') AS back, sentinel.create_lead('Won', 'won@won.example') AS won \gset
SELECT sentinel.create_deal('Two 1', 1, lead_id => :'two') AS two_1, sentinel.create_deal('Two 2', 1, lead_id => :'two') AS two_2, sentinel.create_deal('Back', 1, lead_id => :'back') AS back_1,
       sentinel.create_deal('Won 1', 1, lead_id => :'won') AS won_1, sentinel.create_deal('Won 2', 1, lead_id => :'won') AS won_2 \gset
SELECT pg_temp.drain(:'shop');
SELECT sentinel.move_deal(:'two_1', 'closed_lost', 'price'), sentinel.move_deal(:'back_1', 'closed_lost', 'price'), sentinel.move_deal(:'won_1', 'closed_won');
SELECT pg_temp.drain(:'shop');
SELECT is((SELECT string_agg(name || ' ' || lifecycle_stage, ', ' ORDER BY name) FROM sentinel.leads WHERE org_id = :'shop'), 'Back lost, Two qualified, Won won', 'bug: one deal of two lost: the lead goes on');
SELECT sentinel.move_deal(:'two_2', 'closed_lost', 'price'), sentinel.move_deal(:'won_2', 'closed_lost', 'price'), sentinel.move_deal(:'back_1', 'discover');
SELECT pg_temp.drain(:'shop');
SELECT is((SELECT string_agg(name || ' ' || lifecycle_stage, ', ' ORDER BY name) FROM sentinel.leads WHERE org_id = :'shop'), 'Back qualified, Two lost, Won won', 'bug: both lost: lost; a won lead stays; one whose deal comes back comes back');
SELECT results_eq(format('SELECT state FROM sentinel.state_history WHERE subject_id = %L ORDER BY seq', :'back'), $$VALUES ('new_lead'), ('qualified'), ('lost'), ('qualified')$$, 'which is told as such');
SELECT sentinel.set_lead_stage(:'back', 'lost'), sentinel.move_deal(:'back_1', 'proposal');
SELECT pg_temp.drain(:'shop');
SELECT is((SELECT string_agg(state, ' ' ORDER BY seq) FROM sentinel.state_history WHERE subject_id = :'back' AND seq > 4), 'lost qualified proposal', 'further on by way of qualified');
SELECT ok((SELECT bool_and(last_contacted_at IS NULL) FROM sentinel.leads WHERE org_id = :'shop'), 'trap 4: which is no contact');
SELECT ok(NOT pg_temp.changes_again('handle_handle_deal_lost', :'job', pg_temp.about('deal', :'two_2')), 'handle_deal_lost twice: nothing');
SELECT is(sentinel.handle_handle_deal_lost(:'job', pg_temp.about('deal', :'back_1')) ->> 'skipped', 'no lost deal with a lead', 'a deal that came back is lost no more: events may be late');
SELECT is(sentinel.handle_link_deal_lead(:'job', pg_temp.about('deal', :'d')) ->> 'skipped', 'nothing follows for a lead', 'a deal without a lead');

-- Tenants, past row rights: each statement names its organisation.
SELECT sentinel.enter(:'other');
CREATE FUNCTION pg_temp.harm(org uuid, job uuid, payload jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    h text;
    done jsonb;
    before text;
    bad text := '';
BEGIN
    FOREACH h IN ARRAY '{handle_analyze_call,handle_generate_proposal_blueprint,handle_create_invoice,handle_generate_contract,handle_create_client,handle_start_onboarding,handle_trigger_testimonial,handle_trigger_referral,handle_trigger_upsell,handle_link_deal_lead,handle_handle_deal_lost}'::text[] LOOP
        before := pg_temp.state(org) || pg_temp.state(sentinel.current_org());
        EXECUTE format('SELECT sentinel.%I($1, $2)', h) INTO done USING job, payload;
        IF NOT done ? 'skipped' OR before <> pg_temp.state(org) || pg_temp.state(sentinel.current_org()) THEN
            bad := bad || h || ' ';
        END IF;
    END LOOP;
    RETURN bad;
END $$;
UPDATE sentinel.clients SET testimonial_sent_at = NULL, referral_sent_at = NULL, upsell_flagged_at = NULL WHERE id = :'client';
SELECT is(pg_temp.harm(:'org', :'job', pg_temp.about('deal', :'deal') || pg_temp.about('call', :'call_3') || pg_temp.about('invoice', :'bill') || pg_temp.about('client', :'client')), '', 'trap 8: what belongs to another organisation is skipped by every job');
SELECT is(pg_temp.harm(:'org', :'job', (SELECT jsonb_object_agg(k || '_id', sentinel.uuid7()) FROM unnest('{deal,call,invoice,client}'::text[]) k)), '', 'so is what is gone');
SELECT is(pg_temp.harm(:'org', :'job', '{}'), '', 'and a job about nothing');
SELECT is(sentinel.store_call_analysis(:'other', :'call_3', 'model', 90, '[]', 'x', 'x', '[]', now()) ->> 'skipped', 'no such completed call', 'trap 8: an analysis too');
SELECT is(pg_temp.remind('2025-10-20'), '0', 'trap 8: nobody is reminded of another''s renewal');
SELECT throws_ok('SELECT sentinel.handle_create_invoice(NULL, ''{"deal_id": "no uuid"}'')', '22P02', NULL, 'what is no id is an error');
SELECT sentinel.leave();
SELECT throws_ok('SELECT sentinel.handle_create_invoice(NULL, ''{}'')', 'SN002', NULL, 'no job works without an organisation');
SELECT * FROM finish();
ROLLBACK;
