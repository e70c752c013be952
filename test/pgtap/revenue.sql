-- Room revenue: calls, invoices, documents, contracts, clients, tasks, settings, merged leads; each once, each only by whom it
-- concerns.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(252);

SELECT sentinel.create_org('Revenue & Sons', 'revenue-pgtap') AS org, sentinel.create_org('Other Ltd', 'revenue-pgtap-other') AS other \gset
SELECT sentinel.enter(:'other');
SELECT sentinel.add_member('Else', 'else@revenue.example', 'owner') AS else \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@revenue.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@revenue.example') AS mira,
       sentinel.add_member('Max', 'max@revenue.example') AS max, sentinel.add_member('Vera', 'vera@revenue.example', 'viewer') AS vera,
       sentinel.add_team('North') AS north \gset
SELECT sentinel.add_team_member(:'north', :'mira'), sentinel.add_team_member(:'north', :'vera', 'viewer');
CREATE ROLE tap_olga LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_max LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_vera LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_else LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_olga', :'org', :'olga'), sentinel.grant_login('tap_mira', :'org', :'mira'), sentinel.grant_login('tap_max', :'org', :'max'),
       sentinel.grant_login('tap_vera', :'org', :'vera'), sentinel.grant_login('tap_else', :'other', :'else');
-- Runs a statement as a login of its organisation and gives its answer or its SQLSTATE.
CREATE FUNCTION pg_temp.as_login(login text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    home uuid := sentinel.current_org();
    org uuid := (SELECT r.org_id FROM sentinel.member_roles r WHERE r.role_name = login);
BEGIN
    PERFORM set_config('role', login, true);
    BEGIN
        PERFORM sentinel.enter(org);
        EXECUTE query INTO answer;
    EXCEPTION WHEN OTHERS THEN
        answer := SQLSTATE;
    END;
    PERFORM set_config('role', 'none', true);
    PERFORM sentinel.enter(home);
    RETURN coalesce(answer, 'done');
END
$$;
CREATE FUNCTION pg_temp.ago(days numeric) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT now() - $1::double precision * interval '24 hours' $$;
CREATE FUNCTION pg_temp.told(subject uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(coalesce(replace(e.idempotency_key, $1::text, 'ID'), e.event_type), ', ' ORDER BY e.seq) FROM sentinel.events e WHERE e.subject_id = $1 $$;

-- Calls.
SELECT sentinel.create_lead('Lena Lead', 'lena@buyer.example', company_name => 'Buyer <b>"&"</b> Co') AS lena, sentinel.create_lead('Otto') AS otto \gset
SELECT sentinel.create_deal('Big "deal" <script>', 12345.67, 'proposal', 'EUR', lead_id => :'lena', as_of => pg_temp.ago(40)) AS deal,
       sentinel.create_deal('No lead', 10) AS bare, sentinel.create_deal('Of Otto', 99.99, lead_id => :'otto') AS ottos \gset
UPDATE sentinel.leads SET last_contacted_at = NULL, last_activity_at = pg_temp.ago(90) WHERE id = :'lena';
SELECT sentinel.book_call(:'lena', pg_temp.ago(20), :'deal', 'https://meet.example.com/a', pg_temp.ago(30)) AS call \gset
SELECT is((SELECT (status, status_changed_at, created_at, meeting_url, completed_at)::text FROM sentinel.calls WHERE id = :'call'),
    format('(booked,"%s","%s",https://meet.example.com/a,)', pg_temp.ago(30), pg_temp.ago(30)), 'a call is booked, as of the past');
SELECT is((SELECT last_contacted_at FROM sentinel.leads WHERE id = :'lena'), pg_temp.ago(30), 'the lead was contacted then');
SELECT is(sentinel.book_call(:'lena', pg_temp.ago(20)), :'call'::uuid, 'the same call again is the same call');
SELECT is((SELECT last_contacted_at FROM sentinel.leads WHERE id = :'lena'), pg_temp.ago(30), 'and no contact');
SELECT throws_ok(format('SELECT sentinel.book_call(%L, %L)', :'lena', x.at), 'SN007', NULL, 'no call at ' || coalesce(x.at, 'no time')) FROM (VALUES ('infinity'), (NULL)) x(at);
SELECT throws_ok(format('SELECT sentinel.book_call(%L, now(), meeting_url => ''javascript:alert(1)'')', :'lena'), 'SN007', NULL, 'no script for an address');
SELECT throws_ok(format('SELECT sentinel.book_call(%L, now(), %L)', :'lena', :'ottos'), 'SN007', NULL, 'not about the deal of another lead');
SELECT throws_ok(format('SELECT sentinel.book_call(%L, now(), as_of => now() + interval ''1 hour'')', :'lena'), 'SN007', NULL, 'not booked tomorrow');
SELECT throws_ok(format('SELECT sentinel.book_call(%L, now())', sentinel.uuid7()), 'SN004', NULL, 'nor with nobody');
SELECT throws_ok(format('SELECT sentinel.complete_call(%L, %L, %L)', :'call', x.words, x.outcome), 'SN007', NULL, 'no completion without words')
FROM (VALUES (NULL, 'x'), ('x', NULL), (' ', 'x'), ('x', '')) x(words, outcome);
SELECT throws_ok(format('SELECT sentinel.complete_call(%L, ''x'', ''x'', %L)', :'call', pg_temp.ago(31)), 'SN007', NULL, 'none before it was booked');
SELECT throws_ok(format('SELECT sentinel.correct_transcript(%L, ''x'')', :'call'), 'SN005', NULL, 'nothing said is nothing to correct');
SELECT sentinel.complete_call(:'call', 'They named a competitor.', 'wants a proposal', pg_temp.ago(20));
SELECT is((SELECT (status, completed_at, transcript_version)::text FROM sentinel.calls WHERE id = :'call'), format('(completed,"%s",0)', pg_temp.ago(20)), 'a call is held');
SELECT is((SELECT (last_contacted_at = pg_temp.ago(20), last_activity_at = pg_temp.ago(20))::text FROM sentinel.leads WHERE id = :'lena'), '(t,t)', 'the lead was in touch then');
SELECT is((SELECT (activity_type, deal_id, lead_id, occurred_at, competitive_indicators, payload ->> 'outcome')::text FROM sentinel.activities WHERE payload ->> 'call_id' = :'call'),
    format('(call_held,%s,,"%s",1,"wants a proposal")', :'deal', pg_temp.ago(20)), 'the deal has had a call, with its words');
SELECT is(sentinel.complete_call(:'call', 'They named a competitor.', 'wants a proposal')::text, '', 'the same again');
SELECT is((SELECT count(*) FROM sentinel.activities WHERE payload ->> 'call_id' = :'call'), 1::bigint, 'changes nothing');
SELECT throws_ok(format('SELECT sentinel.complete_call(%L, ''Other words'', ''wants a proposal'')', :'call'), 'SN005', NULL, 'a second completion overwrites nothing');
SELECT throws_ok(format('SELECT sentinel.%s(%L)', f, :'call'), 'SN005', NULL, f || ': a completed call stays completed') FROM (VALUES ('miss_call'), ('cancel_call')) x(f);
SELECT throws_ok(format('SELECT sentinel.reschedule_call(%L, now())', :'call'), 'SN005', NULL, 'nor is booked again');
SELECT is(sentinel.correct_transcript(:'call', 'They named no competitor.'), 1, 'what was said is corrected');
SELECT is(sentinel.correct_transcript(:'call', 'They named no competitor.'), 1, 'once');
SELECT is(sentinel.correct_transcript(:'call', 'They named nobody.'), 2, 'and again');
SELECT throws_ok(format('SELECT sentinel.correct_transcript(%L, '' '')', :'call'), 'SN007', NULL, 'but not away');
SELECT is(pg_temp.told(:'call'), 'call.booked:ID, call.completed:ID, call.reanalyze:ID:1, call.reanalyze:ID:2', 'each is told once, a correction under its number');
SELECT sentinel.book_call(:'otto', now() + interval '1 day', as_of => pg_temp.ago(3)) AS missed \gset
SELECT sentinel.miss_call(:'missed', pg_temp.ago(3)), sentinel.miss_call(:'missed');
SELECT is((SELECT status_changed_at FROM sentinel.calls WHERE id = :'missed'), pg_temp.ago(3) + interval '1 microsecond', 'a move at the instant of the last one stays there');
SELECT throws_ok(format('SELECT sentinel.%s', format(f, :'missed')), 'SN005', NULL, f || ' after a no-show')
FROM (VALUES ('cancel_call(%L)'), ('complete_call(%L, ''x'', ''x'')')) x(f);
SELECT sentinel.reschedule_call(:'missed', now() + interval '2 days', 'https://meet.example.com/b', pg_temp.ago(2));
SELECT is((SELECT (status, status_changed_at, scheduled_at, meeting_url)::text FROM sentinel.calls WHERE id = :'missed'),
    format('(booked,"%s","%s",https://meet.example.com/b)', pg_temp.ago(2), now() + interval '2 days'), 'a missed call is booked again');
SELECT sentinel.reschedule_call(:'missed', now() + interval '2 days'), sentinel.reschedule_call(:'missed', now() + interval '3 days'), sentinel.cancel_call(:'missed'), sentinel.cancel_call(:'missed');
SELECT is(pg_temp.told(:'missed'), 'call.booked:ID, call.no_show:ID, call.booked:ID:3, call.rescheduled, call.rescheduled, call.cancelled:ID', 'and all of it told');
SELECT throws_ok(format('SELECT sentinel.reschedule_call(%L, now())', :'missed'), 'SN005', NULL, 'a cancelled one is not');
SELECT throws_ok(format('SELECT sentinel.reschedule_call(%L, ''infinity'')', :'missed'), 'SN007', NULL, 'nor any for ever');
SELECT throws_ok(format('SELECT sentinel.reschedule_call(%L, now(), ''ftp://x'')', :'missed'), 'SN007', 'invalid address "ftp://x" of a meeting', 'nor anywhere');
-- An analysis classifies, it confirms nothing.
SELECT sentinel.book_call(:'otto', now()) AS talk \gset
SELECT throws_ok(format('UPDATE sentinel.calls SET summary = ''Sold!'', %s WHERE id = %L', x.also, :'talk'), 'SN006', NULL, 'no analysis with ' || x.also)
FROM (VALUES ('status = ''no_show'''), ('transcript = ''yes'''), ('outcome = ''won'''), ('status = ''completed'', transcript = ''a'', outcome = ''b''')) x(also);
SELECT throws_ok(format('UPDATE sentinel.calls SET %s, outcome = ''won'' WHERE id = %L', x.mark, :'talk'), 'SN006', NULL, 'nor an outcome with ' || x.mark)
FROM (VALUES ('buying_signal_score = 100'), ('buying_signals = ''[]'''), ('proposal_blueprint = ''{}'''), ('applied_signal = 1'), ('analysis_source = ''model''')) x(mark);
SELECT sentinel.complete_call(:'talk', 'Send me the contract, we are ready to sign off the budget.', 'no idea');
SELECT md5(string_agg(d::text, ',' ORDER BY d.id)) AS deals FROM sentinel.deals d \gset
SELECT is((SELECT jsonb_typeof(sentinel.store_call_analysis(:'org', :'talk', 'model', 100, '["won"]', 'Won, paid, signed.', 'Strong', '["mark as won"]', now()) -> 'call_score')),
    'number', 'a model may say what it likes');
SELECT is((SELECT (status, transcript_version, outcome, analysis_source)::text FROM sentinel.calls WHERE id = :'talk'), '(completed,0,"no idea",model)', 'the call stays as people told it');
SELECT is((SELECT md5(string_agg(d::text, ',' ORDER BY d.id)) FROM sentinel.deals d), :'deals', 'no deal moves');
SELECT is((SELECT (SELECT count(*) FROM sentinel.invoices) + (SELECT count(*) FROM sentinel.contracts) + (SELECT count(*) FROM sentinel.clients)), 0::bigint, 'nothing is billed');

-- Invoices.
SELECT sentinel.create_invoice(:'deal', pg_temp.ago(10)) AS bill \gset
SELECT is((SELECT (number, amount, currency, status, due_at, issued_at, paid_at)::text FROM sentinel.invoices WHERE id = :'bill'),
    format('(INV-00001,12345.67,EUR,draft,"%s",,)', pg_temp.ago(-20)), 'an invoice is drafted to the cent, due in 30 days');
SELECT is(sentinel.create_invoice(:'deal'), :'bill'::uuid, 'a deal has one');
SELECT throws_ok(format($$INSERT INTO sentinel.invoices (org_id, deal_id, number, amount, currency, due_at) VALUES (%L, %L, 'X', 1, 'EUR', now())$$, :'org', :'deal'), '23505', NULL, 'whoever writes it');
SELECT throws_ok(format('SELECT sentinel.create_invoice(%L, now() + interval ''1 hour'')', :'bare'), 'SN007', NULL, 'none of tomorrow');
SELECT sentinel.create_deal('Gone', 5) AS gone \gset
SELECT sentinel.move_deal(:'gone', 'lost');
SELECT throws_ok(format('SELECT sentinel.create_invoice(%L)', :'gone'), 'SN005', NULL, 'none of a lost deal');
SELECT sentinel.create_invoice(:'bare') AS second \gset
SELECT sentinel.cancel_invoice(:'second', 'typo'), sentinel.cancel_invoice(:'second');
SELECT sentinel.create_invoice(:'bare', pg_temp.ago(60)) AS third \gset
SELECT is((SELECT string_agg(number || ' ' || status, ',' ORDER BY number) FROM sentinel.invoices WHERE org_id = :'org'),
    'INV-00001 draft,INV-00002 cancelled,INV-00003 draft', 'numbers have no gaps, by refusals, repeats or cancelling');
SELECT throws_ok(format('SELECT sentinel.send_invoice(%L, %L)', :'bill', x.due), 'SN007', NULL, 'not due at ' || x.due) FROM (VALUES ('2001-01-01'), ('infinity')) x(due);
SELECT sentinel.send_invoice(:'bill', as_of => pg_temp.ago(10)), sentinel.send_invoice(:'bill'), sentinel.send_invoice(:'third', as_of => pg_temp.ago(5));
SELECT is((SELECT (status, issued_at, due_at)::text FROM sentinel.invoices WHERE id = :'bill'), format('(sent,"%s","%s")', pg_temp.ago(10) + interval '1 microsecond', pg_temp.ago(-20)),
    'sending keeps the time of the draft');
SELECT is((SELECT due_at FROM sentinel.invoices WHERE id = :'third'), pg_temp.ago(-25), 'unless it is over by then');
SELECT throws_ok(format('UPDATE sentinel.invoices SET %s WHERE id = %L', x.change, :'bill'), 'SN006', NULL, 'a sent invoice keeps what it says: ' || x.change)
FROM (VALUES ('amount = 1'), ('currency = ''USD'''), ('number = ''X'''), ('deal_id = sentinel.uuid7()')) x(change);
SELECT is(sentinel.mark_invoices_overdue(pg_temp.ago(-19)), 0::bigint, 'nothing is overdue before its time');
SELECT is(sentinel.mark_invoices_overdue(pg_temp.ago(-20) + interval '1 second'), 1::bigint, 'then one is');
SELECT is((SELECT (status, status_changed_at = now())::text FROM sentinel.invoices WHERE id = :'bill'), '(overdue,t)', 'since now at the latest');
SELECT is(sentinel.mark_invoices_overdue(pg_temp.ago(-21)), 0::bigint, 'once');
SELECT throws_ok(format('SELECT sentinel.mark_invoice_paid(%L, %s)', :'bill', x.sum), 'SN007', NULL, x.sum || ' is not the amount') FROM (VALUES ('12345.66'), ('0'), ('''NaN''')) x(sum);
SELECT is(sentinel.mark_invoice_paid(:'bill', 12345.670), now(), 'the amount pays it');
SELECT is(sentinel.mark_invoice_paid(:'bill', as_of => now() - interval '1 day'), now(), 'paying again tells when it was paid');
SELECT throws_ok(format('SELECT sentinel.cancel_invoice(%L)', :'bill'), 'SN005', NULL, 'what is paid is not cancelled');
SELECT throws_ok(format('SELECT sentinel.send_invoice(%L)', :'bill'), 'SN005', NULL, 'nor sent');
UPDATE sentinel.invoices SET paid_at = '2001-01-01' WHERE id = :'bill';
SELECT is((SELECT paid_at FROM sentinel.invoices WHERE id = :'bill'), now(), 'nor paid at another time');
SELECT is(pg_temp.told(:'bill'), 'invoice.created:ID, invoice.sent:ID, invoice.overdue:ID, invoice.paid:ID', 'each is told once');
SELECT is((SELECT payload - 'due_at' - 'as_of' FROM sentinel.events WHERE idempotency_key = 'invoice.paid:' || :'bill'),
    jsonb_build_object('invoice_id', :'bill', 'deal_id', :'deal', 'client_id', NULL, 'number', 'INV-00001', 'amount', 12345.67, 'currency', 'EUR', 'status', 'paid', 'from_status',
    'overdue'), 'with what was paid');
SELECT is((SELECT count(*) FROM sentinel.audit_log WHERE org_id = :'org' AND action IN ('invoice.paid', 'invoice.cancelled')), 2::bigint, 'money leaves a trace');

-- Templates.
SELECT is(sentinel.render_template(x.body, x.vars), x.wanted, 'rendering ' || x.body) FROM (VALUES
    ('{{a}}', '{"a": "<script>alert(\"x\")</script> & ''y''"}'::jsonb, '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;'),
    ('{{ a }}-{{b}}-{{a}}.', '{"a": 1, "b": null}', '1--1.'), ('{{a}}', '{"a": "{{b}}", "b": "no"}', '{{b}}'), ('{{a}}', '{"a": "\\1 \\& $1"}', '\1 \&amp; $1'),
    ('Dear {{ unknown }}, {{a}}', '{"a": "x"}', 'Dear {{ unknown }}, x'), ('{{}} {{a b}} { {a} }', '{"a": "x"}', '{{}} {{a b}} { {a} }'), ('plain <b>', '{}', 'plain <b>'),
    ('é{{a}}é', '{"a": "ü"}', 'éüé')) x(body, vars, wanted);
SELECT throws_ok(format('SELECT sentinel.render_template(%L, ''{"a": 1}'')', x.body), 'SN007', 'the template holds "{{{"', x.body || ' is refused') FROM (VALUES ('{{{a}}}'), ('x{{{{a}}}}')) x(body);
SELECT throws_ok($$SELECT sentinel.render_template('{{a}}', '[1]')$$, 'SN007', NULL, 'a list of values as well');
SELECT throws_ok($$SELECT sentinel.save_document_template('Bad', '<p>{{{deal_name}}}</p>')$$, 'SN007', NULL, 'nor is it kept');
SELECT throws_ok($$SELECT sentinel.save_document_template('Bad', 'x', 'poem')$$, '22023', 'unknown kind "poem" of template', 'poems neither');
SELECT throws_ok($$SELECT sentinel.save_document_template(' ', 'x')$$, 'SN007', NULL, 'a template has a name');

-- Contracts.
SELECT sentinel.create_contract(:'deal', as_of => pg_temp.ago(9)) AS paper \gset
SELECT is((SELECT html FROM sentinel.contracts WHERE id = :'paper'),
    format('<h1>Agreement</h1><p>Revenue &amp; Sons and Buyer &lt;b&gt;&quot;&amp;&quot;&lt;/b&gt; Co, represented by Lena Lead, agree on %s:</p><p>Revenue &amp; Sons delivers "Big &quot;deal&quot; &lt;script&gt;" for 12345.67 EUR.</p><p>Signed: ____________________</p>',
           to_char(pg_temp.ago(9), 'YYYY-MM-DD')), 'a contract is a document, with what others wrote escaped');
SELECT is((SELECT sha256 FROM sentinel.contracts WHERE id = :'paper'), (SELECT encode(public.digest(convert_to(html, 'UTF8'), 'sha256'), 'hex') FROM sentinel.contracts WHERE id = :'paper'),
    'with the digest of its text');
SELECT is(sentinel.create_contract(:'deal'), :'paper'::uuid, 'a deal has one');
SELECT throws_ok(format('SELECT sentinel.create_contract(%L, %L)', :'bare', sentinel.uuid7()), 'SN004', NULL, 'of a template that exists');
SELECT sentinel.create_contract(:'bare') AS plain \gset
SELECT alike((SELECT html FROM sentinel.contracts WHERE id = :'plain'), '%{{company_name}}, represented by {{lead_name}}%', 'what is not known stays to be seen');
UPDATE sentinel.contracts SET html = '<p>Ünder review</p>', sha256 = repeat('0', 64) WHERE id = :'paper';
SELECT is((SELECT sha256 FROM sentinel.contracts WHERE id = :'paper'), encode(public.digest(convert_to('<p>Ünder review</p>', 'UTF8'), 'sha256'), 'hex'), 'a draft changes, its digest with it');
SELECT throws_ok(format('SELECT sentinel.send_contract(%L, ''javascript:x'')', :'paper'), '23514', NULL, 'no script for an address');
SELECT sentinel.send_contract(:'paper', 'https://sign.example.com/1', pg_temp.ago(9)), sentinel.send_contract(:'paper', 'https://sign.example.com/2');
SELECT is((SELECT (status, url, sent_at)::text FROM sentinel.contracts WHERE id = :'paper'), format('(sent,https://sign.example.com/1,"%s")', pg_temp.ago(9) + interval '1 microsecond'),
    'sent once, to one address');
SELECT throws_ok(format('UPDATE sentinel.contracts SET html = ''more'' WHERE id = %L', :'paper'), 'SN006', NULL, 'then its text is fixed');
SELECT throws_ok(format('UPDATE sentinel.contracts SET deal_id = %L WHERE id = %L', :'ottos', :'paper'), 'SN006', NULL, 'and its deal');
SELECT throws_ok(format('SELECT sentinel.sign_contract(%L, '' '')', :'paper'), 'SN007', NULL, 'somebody signs');
SELECT throws_ok(format('SELECT sentinel.sign_contract(%L, ''A. Person'', sha256 => %L)', :'paper', repeat('0', 64)), 'SN007', NULL, 'this text, no other');
SELECT is(sentinel.sign_contract(:'paper', ' A. Person ', 'https://sign.example.com/3', upper(sha256), pg_temp.ago(8)), pg_temp.ago(8), 'signed') FROM sentinel.contracts WHERE id = :'paper';
SELECT is(sentinel.sign_contract(:'paper', 'B. Person'), pg_temp.ago(8), 'again tells when it was');
UPDATE sentinel.contracts SET signed_by = 'C. Person', signed_at = now() WHERE id = :'paper';
SELECT is((SELECT (signed_by, signed_at, url)::text FROM sentinel.contracts WHERE id = :'paper'), format('("A. Person","%s",https://sign.example.com/3)', pg_temp.ago(8)), 'by whom stays as it was');
SELECT throws_ok(format('SELECT sentinel.void_contract(%L)', :'paper'), 'SN005', NULL, 'what is signed is not void');
SELECT sentinel.void_contract(:'plain', 'wrong text'), sentinel.void_contract(:'plain');
SELECT isnt(sentinel.create_contract(:'bare'), :'plain'::uuid, 'after a void contract comes another');
SELECT is(pg_temp.told(:'paper') || '; ' || pg_temp.told(:'plain'), 'contract.created:ID, contract.sent:ID, contract.signed:ID; contract.created:ID, contract.voided:ID', 'each is told once');

-- Clients.
SELECT sentinel.create_client(:'deal', pg_temp.ago(7)) AS client \gset
SELECT is((SELECT (lead_id, deal_id, onboarding_status, onboarding_changed_at, delivery_phase)::text FROM sentinel.clients WHERE id = :'client'),
    format('(%s,%s,pending,"%s",)', :'lena', :'deal', pg_temp.ago(7)), 'a client waits to be taken in');
SELECT is((SELECT client_id FROM sentinel.invoices WHERE id = :'bill'), :'client'::uuid, 'its invoice knows it');
UPDATE sentinel.invoices SET client_id = NULL WHERE id = :'bill';
SELECT is(sentinel.create_client(:'deal'), :'client'::uuid, 'a deal has one');
SELECT is((SELECT client_id FROM sentinel.invoices WHERE id = :'bill'), :'client'::uuid, 'which its invoice knows then, too');
SELECT sentinel.create_client(:'ottos') AS early \gset
SELECT sentinel.create_invoice(:'ottos') AS late \gset
SELECT is((SELECT client_id FROM sentinel.invoices WHERE id = :'late'), :'early'::uuid, 'an invoice that comes later knows the client that was there');
SELECT throws_ok(format('SELECT sentinel.complete_onboarding(%L)', :'client'), 'SN005', NULL, 'onboarding is not over before it began');
UPDATE sentinel.clients SET onboarding_status = 'in_progress', onboarding_changed_at = pg_temp.ago(6) WHERE id = :'client';
SELECT sentinel.complete_onboarding(:'client', pg_temp.ago(6)), sentinel.complete_onboarding(:'client');
SELECT is((SELECT (onboarding_status, onboarding_changed_at)::text FROM sentinel.clients WHERE id = :'client'), format('(complete,"%s")', pg_temp.ago(6) + interval '1 microsecond'), 'then it is, once');
SELECT is(sentinel.advance_delivery(:'client', as_of => pg_temp.ago(6)), 'system_design', 'delivery begins');
SELECT is(sentinel.advance_delivery(:'client', 'System design'), 'system_design', 'to be there is nothing');
SELECT throws_ok(format('SELECT sentinel.advance_delivery(%L, ''handover'')', :'client'), 'SN005', NULL, 'no phase is left out');
SELECT is((SELECT string_agg(sentinel.advance_delivery(:'client', as_of => pg_temp.ago(5 - n)), ',') FROM generate_series(1, 5) n), 'crm_build,automation_build,handover,live,complete', 'phase by phase');
SELECT throws_ok(format('SELECT sentinel.advance_delivery(%L, ''live'')', :'client'), 'SN005', NULL, 'never back');
SELECT throws_ok(format('SELECT sentinel.advance_delivery(%L)', :'client'), 'SN005', NULL, 'nor beyond the end');
SELECT is(pg_temp.told(:'client'), 'client.created:ID, client.onboarding_started:ID, client.onboarding_complete:ID, client.delivery_advanced:ID:2, client.delivery_advanced:ID:3, '
    'client.delivery_advanced:ID:4, client.delivery_advanced:ID:5, client.delivery_advanced:ID:6, client.delivery_complete:ID', 'and all of it told');
SELECT throws_ok(format('UPDATE sentinel.clients SET deal_id = %L WHERE id = %L', :'bare', :'client'), 'SN006', NULL, 'a client stays that of its deal');
SELECT sentinel.change_client(:'client', 80, renewal_at => '2031-01-01'), sentinel.change_client(:'client', churn_risk_score => 5);
SELECT is((SELECT (satisfaction_score, churn_risk_score, renewal_at)::text FROM sentinel.clients WHERE id = :'client'), '(80.00,5.00,"2031-01-01 00:00:00+00")', 'what is not named stays');
SELECT throws_ok(format('SELECT sentinel.change_client(%L, 101)', :'client'), '22023', NULL, 'scores end at 100');
SELECT throws_ok(format('SELECT sentinel.change_client(%L, churn_risk_score => ''NaN'')', :'client'), '22023', NULL, 'and are numbers');

-- Settings.
SELECT is(sentinel.revenue_setting('stale_lead_days'), 30::numeric, 'a default holds');
SELECT sentinel.set_revenue_settings('{"stale_lead_days": 45, "buying_signal_weight": 0.5}'), sentinel.set_revenue_settings('{"buying_signal_weight": null}');
SELECT is((SELECT array_agg(sentinel.revenue_setting(s)) FROM unnest(ARRAY['stale_lead_days', 'buying_signal_weight']) s), '{45,0.3}', 'until one is set; null brings it back');
SELECT throws_ok(format('SELECT sentinel.set_revenue_settings(%L)', x.bad), x.code, NULL, 'no settings ' || x.bad) FROM (VALUES ('{"stale_lead_days": 0}', '22023'), ('{"stale_lead_days": "45"}', '22023'),
    ('{"buying_signal_weight": 1.01}', '22023'), ('{"nonsense": 1}', 'SN004'), ('{"nonsense": null}', 'SN004'), ('{"org_id": 1}', 'SN004'), ('{}', 'SN007'), ('[1]', 'SN007')) x(bad, code);
SELECT throws_ok('SELECT sentinel.set_revenue_settings(NULL)', 'SN007', NULL, 'nor none');
SELECT throws_ok($$SELECT sentinel.revenue_setting('nonsense')$$, 'SN004', NULL, 'an unknown setting');
SELECT set_eq($$SELECT attname::text FROM pg_attribute WHERE attrelid = 'sentinel.revenue_settings'::regclass AND attnum > 0 AND attname NOT IN ('org_id', 'updated_at')$$,
    'SELECT setting FROM sentinel.revenue_defaults', 'each setting is a column');

-- Tasks.
SELECT sentinel.add_task(' Call back ', 'lead', :'lena', now(), 'high', source_key => 'x:1') AS task \gset
SELECT is((SELECT (title, subject_type, subject_id, priority, completed_at)::text FROM sentinel.tasks WHERE id = :'task'), format('("Call back",lead,%s,high,)', :'lena'), 'a task is made');
SELECT is(sentinel.add_task('Other words', source_key => 'x:1'), :'task'::uuid, 'once per key');
SELECT sentinel.complete_task(:'task', as_of => pg_temp.ago(1)), sentinel.complete_task(:'task');
SELECT is((SELECT completed_at FROM sentinel.tasks WHERE id = :'task'), pg_temp.ago(1), 'done is done');
SELECT is(sentinel.add_task('x', source_key => 'x:1'), :'task'::uuid, 'and not made anew');
SELECT sentinel.complete_task(:'task', false);
SELECT is((SELECT completed_at FROM sentinel.tasks WHERE id = :'task'), NULL, 'unless it is to be done again');
SELECT throws_ok(format('SELECT sentinel.add_task(%s)', x.args), x.code, NULL, 'no task ' || x.args) FROM (VALUES (''' ''', 'SN007'), ('''x'', ''lead''', 'SN007'),
    ('''x'', priority => ''urgent''', '22023'),
    ('''x'', ''poem'', sentinel.uuid7()', 'SN004'), ('''x'', ''deal'', sentinel.uuid7()', 'SN004'), ('''x'', member_id => sentinel.uuid7()', '23503')) x(args, code);
SELECT throws_ok('SELECT sentinel.complete_task(sentinel.uuid7())', 'SN004', NULL, 'an unknown task is not done');

-- Leads that are one.
INSERT INTO sentinel.leads (org_id, id, name, phone, company_name, platform, temperature, qualification_score, recommended_path, estimated_monthly_revenue_leak, currency,
    buying_signal_score, ghost_risk_score,
                            interest_profile, priority, created_at, last_activity_at)
VALUES (:'org', sentinel.uuid7(), 'Unknown', '', 'Kept Ltd', 'phone', 'cold', 40, 'nurture', 500, 'USD', 30, 60, '{"pain_points": ["slow", "late"], "budget": "kept"}', 'low',
    pg_temp.ago(5), pg_temp.ago(4)) RETURNING id AS master \gset
INSERT INTO sentinel.leads (org_id, id, name, email, phone, profile_link, company_name, domain, industry, employee_count, location, lead_source, platform, temperature, qualification_score,
    recommended_path,
                            estimated_monthly_revenue_leak, currency, buying_signal_score, ghost_risk_score, interest_profile, priority, created_at, last_activity_at, last_contacted_at)
VALUES (:'org', sentinel.uuid7(), 'Tina Twin', 'tina@twin.example', '+49 30 1', 'https://linkedin.com/in/tina', 'Gone Ltd', 'twin.example', 'law', 7, 'Bonn', 'fair', 'linkedin', 'hot', 90, 'direct_call',
        5000, 'EUR', 20, 70, '{"pain_points": ["late", "dear"], "budget": "gone", "timeline": "soon"}', 'critical', pg_temp.ago(50), pg_temp.ago(2), pg_temp.ago(3)) RETURNING id AS twin \gset
SELECT sentinel.set_lead_stage(:'twin', 'proposal', contacted => false);
UPDATE sentinel.leads SET priority = 'critical' WHERE id = :'twin';
SELECT sentinel.create_deal('Of the twin', 50, lead_id => :'twin') AS tdeal, sentinel.book_call(:'twin', now(), as_of => pg_temp.ago(3)) AS tcall, sentinel.book_call(:'twin', '2031-01-01') AS tclash,
       sentinel.book_call(:'master', '2031-01-01') AS mclash, sentinel.add_task('About her', 'lead', :'twin') AS ttask \gset
SELECT sentinel.create_client(:'tdeal') AS tclient, sentinel.record_activity(:'tdeal', 'note_added', subject => 'of the deal') AS dnote \gset
SELECT sentinel.complete_call(:'tcall', 'Words.', 'fine', pg_temp.ago(2));
INSERT INTO sentinel.lead_scores (org_id, lead_id, cause_id, source, score, temperature, recommended_path, estimated_monthly_revenue_leak, currency, reasons, facts, scored_at)
SELECT :'org', x.lead, x.cause, 'rules', x.score, 'hot', 'direct_call', 1, 'EUR', jsonb_build_array(jsonb_build_object('rule', x.rule, 'points', x.score, 'reason', 'why')), '{}', x.at
FROM (VALUES (:'master'::uuid, :'org'::uuid, 40, 'kept', pg_temp.ago(4)), (:'twin', :'twin', 90, 'gone', pg_temp.ago(2)), (:'twin', :'org', 10, 'same', pg_temp.ago(9))) x(lead, cause, score, rule, at);
SELECT throws_ok(format('SELECT sentinel.merge_leads(%1$L, %1$L)', :'master'), 'SN007', NULL, 'a lead is not merged with itself');
SELECT is((SELECT count(*) FROM sentinel.leads WHERE id = :'master'), 1::bigint, 'and stays');
SELECT throws_ok(format('SELECT sentinel.merge_leads(%L, %L)', x.a, x.b), 'SN004', NULL, 'nor with nobody') FROM (VALUES (:'master'::uuid, sentinel.uuid7()), (sentinel.uuid7(), :'master'),
    (:'master', NULL)) x(a, b);
SELECT is(sentinel.merge_leads(:'master', :'twin'), :'master'::uuid, 'two leads become one');
SELECT is((SELECT (name, email, phone, profile_link, company_name, domain, industry, employee_count, location, lead_source, platform)::text FROM sentinel.leads WHERE id = :'master'),
    '("Tina Twin",tina@twin.example,"+49 30 1",https://linkedin.com/in/tina,"Kept Ltd",twin.example,law,7,Bonn,fair,phone)', 'blanks are filled, the rest is kept');
SELECT is((SELECT (temperature, qualification_score, recommended_path, estimated_monthly_revenue_leak, currency, buying_signal_score, ghost_risk_score, priority, lifecycle_stage)::text
    FROM sentinel.leads WHERE id = :'master'),
    '(hot,90.00,direct_call,5000.00,EUR,30.00,70.00,critical,proposal)', 'the hotter, higher, further holds; path and leak go with the score');
SELECT is((SELECT interest_profile FROM sentinel.leads WHERE id = :'master'), '{"pain_points": ["slow", "late", "dear"], "budget": "kept", "timeline": "soon"}'::jsonb, 'interests are joined');
SELECT is((SELECT (created_at = pg_temp.ago(50), last_activity_at = pg_temp.ago(2), last_contacted_at = now())::text FROM sentinel.leads WHERE id = :'master'),
    '(t,t,t)', 'known since the first, heard of last');
SELECT is((SELECT count(*) FROM sentinel.leads WHERE id = :'twin'), 0::bigint, 'the duplicate is gone');
SELECT is((SELECT count(*) FROM (SELECT lead_id FROM sentinel.deals WHERE id = :'tdeal' UNION ALL SELECT lead_id FROM sentinel.clients WHERE id = :'tclient' UNION ALL SELECT lead_id
    FROM sentinel.calls WHERE id IN (:'tcall', :'tclash')
    UNION ALL SELECT subject_id FROM sentinel.tasks WHERE id = :'ttask' UNION ALL SELECT lead_id FROM sentinel.activities WHERE payload ->> 'call_id' = :'tcall') x
    WHERE lead_id = :'master'), 6::bigint, 'deals, clients, calls, tasks and activities are the other''s');
SELECT is((SELECT string_agg(status, ',' ORDER BY id = :'mclash') FROM sentinel.calls WHERE id IN (:'tclash', :'mclash')), 'cancelled,booked', 'of two calls of one instant one is held');
SELECT results_eq(format('SELECT score, cause_id FROM sentinel.lead_scores WHERE lead_id = %L ORDER BY scored_at', :'master'),
    format('VALUES (40.00, %L::uuid), (90.00, %L::uuid)', :'org', :'twin'), 'judgements move; of two of one cause the own one stays');
SELECT is((SELECT string_agg(rule || ' ' || score, ',') FROM sentinel.explain_qualification(:'master')), 'gone 90.00', 'so the score that holds is explained');
SELECT is((SELECT (state, left_at = now())::text FROM sentinel.state_history WHERE subject_id = :'twin' ORDER BY seq DESC LIMIT 1), '(proposal,t)', 'its past ends');
SELECT is((SELECT (duplicate ->> 'email', duplicate ->> 'company_name')::text FROM sentinel.lead_merges WHERE duplicate_id = :'twin'), '(tina@twin.example,"Gone Ltd")', 'what it was is kept');
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id = :'master' AND event_type = 'lead.merged' AND payload ->> 'duplicate_id' = :'twin'), 1::bigint, 'and told');
SELECT sentinel.create_lead('Last') AS last \gset
SELECT is(sentinel.merge_leads(:'last', :'master'), :'last'::uuid, 'merged again');
SELECT is((SELECT array_agg(sentinel.resolve_lead(x)) FROM unnest(ARRAY[:'twin', :'master', :'last', :'org']::uuid[]) x),
    ARRAY[:'last', :'last', :'last', :'org']::uuid[], 'each id means the lead that stays');
SELECT is((SELECT count(*) FROM sentinel.lead_scores WHERE lead_id = :'last'), 2::bigint, 'judgements go all the way');
SELECT throws_ok(format('SELECT sentinel.merge_leads(%L, %L)', :'last', :'twin'), 'SN004', NULL, 'what is gone is not merged');
CREATE FUNCTION pg_temp.merged(kept text, gone text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    a uuid := sentinel.create_lead('A');
    b uuid := sentinel.create_lead('B');
BEGIN
    PERFORM sentinel.advance_lead(a, kept), sentinel.advance_lead(b, gone), sentinel.merge_leads(a, b);
    RETURN (SELECT l.lifecycle_stage FROM sentinel.leads l WHERE l.id = a);
END
$$;
SELECT is(pg_temp.merged(x.kept, x.gone), x.stage, format('%s and %s is %s', x.kept, x.gone, x.stage)) FROM (VALUES ('qualified', 'contacted', 'qualified'), ('contacted', 'won', 'won'),
    ('won', 'proposal', 'won'),
    ('contacted', 'lost', 'contacted'), ('lost', 'new_lead', 'lost'), ('lost', 'proposal', 'proposal'), ('lost', 'won', 'won'), ('lost', 'lost', 'lost')) x(kept, gone, stage);

-- Whose it is: Mira's own, the team's, seen by a viewer; not seen by Max; of another organisation.
SELECT sentinel.create_lead('Own', owner_id => :'mira') AS own_lead, sentinel.create_lead('Shared', team_id => :'north') AS shared_lead \gset
SELECT sentinel.create_deal('Own', 10, lead_id => :'own_lead', owner_id => :'mira') AS own, sentinel.create_deal('Shared', 10, lead_id => :'shared_lead', owner_id => :'olga',
    team_id => :'north') AS shared \gset
SELECT sentinel.book_call(:'own_lead', now() + interval '1 hour', :'own') AS ocall, sentinel.create_invoice(:'own') AS oinvoice, sentinel.create_contract(:'own') AS ocontract,
    sentinel.create_client(:'own') AS oclient,
       sentinel.book_call(:'shared_lead', now() + interval '1 hour', :'shared') AS scall, sentinel.create_invoice(:'shared') AS sinvoice, sentinel.create_contract(:'shared') AS scontract,
       sentinel.create_client(:'shared') AS sclient \gset
CREATE TEMP TABLE deeds (deed text);
INSERT INTO deeds VALUES ('book_call(%1$L, now() + interval ''9 days'', %2$L)'), ('reschedule_call(%3$L, now() + interval ''5 days'')'), ('miss_call(%3$L)'), ('cancel_call(%3$L)'),
    ('complete_call(%3$L, ''x'', ''y'')'), ('create_invoice(%2$L)'), ('send_invoice(%4$L)'),
    ('mark_invoice_paid(%4$L)'), ('cancel_invoice(%4$L)'), ('create_contract(%2$L)'), ('send_contract(%5$L)'), ('sign_contract(%5$L, ''A. Person'')'), ('void_contract(%5$L)'),
    ('create_client(%2$L)'), ('advance_delivery(%6$L)'), ('change_client(%6$L, 50)');
-- What a deed comes to, undone again.
CREATE FUNCTION pg_temp.tried(login text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'UNDO0', MESSAGE = '=' || pg_temp.as_login(login, statement);
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
    RETURN CASE WHEN SQLERRM ~ '^=(SN|[0-9P])[0-9]{3,4}$' THEN substr(SQLERRM, 2) ELSE 'done' END;
END
$$;
SELECT is((SELECT string_agg(DISTINCT pg_temp.tried(x.login, format('SELECT sentinel.' || d.deed, :'own_lead', :'own', :'ocall', :'oinvoice', :'ocontract', :'oclient')), ',') FROM deeds d),
    x.own, format('%s and what is of Mira: %s', x.login, x.own))
FROM (VALUES ('tap_mira', 'done'), ('tap_olga', 'done'), ('tap_vera', 'SN004'), ('tap_max', 'SN004'), ('tap_else', 'SN004')) x(login, own);
SELECT is((SELECT string_agg(DISTINCT pg_temp.tried(x.login, format('SELECT sentinel.' || d.deed, :'shared_lead', :'shared', :'scall', :'sinvoice', :'scontract', :'sclient')),
    ',') FROM deeds d), x.own, format('%s and what is of the team: %s', x.login, x.own))
FROM (VALUES ('tap_mira', 'done'), ('tap_olga', 'done'), ('tap_vera', 'SN003'), ('tap_max', 'SN004'), ('tap_else', 'SN004')) x(login, own);
SELECT is(pg_temp.tried(x.login, format('SELECT sentinel.merge_leads(%L, %L)', :'own_lead', :'shared_lead')), x.came, format('%s merges them: %s', x.login, x.came))
FROM (VALUES ('tap_mira', 'done'), ('tap_olga', 'done'), ('tap_vera', 'SN004'), ('tap_max', 'SN004'), ('tap_else', 'SN004')) x(login, came);
SELECT is(pg_temp.tried('tap_vera', format('SELECT sentinel.merge_leads(%L, %L)', :'shared_lead', :'otto')), 'SN003', 'a viewer merges not even what she sees');
SELECT is(pg_temp.tried('tap_mira', format('SELECT sentinel.correct_transcript(%L, ''x'')', :'ocall')), 'SN005', 'correcting goes by the same rights');
SELECT is(pg_temp.tried(x.login, x.statement), x.came, format('%s: %s: %s', x.login, x.statement, x.came)) FROM (VALUES
    ('tap_mira', 'SELECT sentinel.set_revenue_settings(''{"stale_lead_days": 9}'')', 'SN003'), ('tap_olga', 'SELECT sentinel.set_revenue_settings(''{"stale_lead_days": 9}'')', 'done'),
    ('tap_mira', 'SELECT sentinel.save_document_template(''x'', ''x'')', 'SN003'),
    ('tap_olga', 'SELECT sentinel.save_document_template(''x'', ''x'')', 'done'), ('tap_vera', 'SELECT sentinel.add_task(''x'')', 'SN003'),
    ('tap_max', 'SELECT sentinel.add_task(''x'')', 'done'), ('tap_mira', format('SELECT sentinel.add_task(''x'', ''invoice'', %L)', :'oinvoice'), 'done'),
    ('tap_max', format('SELECT sentinel.add_task(''x'', ''invoice'', %L)', :'oinvoice'), 'SN004'), ('tap_max', format('SELECT sentinel.add_task(''x'', member_id => %L)', :'mira'), '42501'),
    ('tap_mira', 'UPDATE sentinel.invoices SET amount = 1', '42501'), ('tap_mira', 'DELETE FROM sentinel.calls', '42501'),
    ('tap_olga', 'UPDATE sentinel.clients SET churn_risk_score = 1', '42501'), ('tap_olga', 'UPDATE sentinel.contracts SET html = ''x''', '42501'),
    ('tap_olga', 'INSERT INTO sentinel.lead_merges DEFAULT VALUES', '42501'), ('tap_olga', 'SELECT sentinel.mark_invoices_overdue()', '42501'),
    ('tap_olga', 'SELECT sentinel.end_call(sentinel.uuid7(), ''no_show'', now())', '42501'),
    ('tap_olga', 'SELECT sentinel.store_call_analysis(NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL)', '42501')) x(login, statement, came);
SELECT is(pg_temp.as_login(x.login, format('SELECT concat_ws(%L, (SELECT count(*) FROM sentinel.calls WHERE id IN (%L, %L)), (SELECT count(*) FROM sentinel.invoices WHERE id IN (%L, %L)), (SELECT count(*) FROM sentinel.contracts WHERE id IN (%L, %L)), (SELECT count(*) FROM sentinel.clients WHERE id IN (%L, %L)))',
    ' ', :'ocall', :'scall', :'oinvoice', :'sinvoice', :'ocontract', :'scontract', :'oclient', :'sclient')), x.seen, format('%s sees %s of two calls, invoices, contracts, clients', x.login, x.seen))
FROM (VALUES ('tap_mira', '2 2 2 2'), ('tap_olga', '2 2 2 2'), ('tap_vera', '1 1 1 1'), ('tap_max', '0 0 0 0'), ('tap_else', '0 0 0 0')) x(login, seen);
SELECT is(pg_temp.as_login(x.login, format('SELECT count(*) FROM sentinel.state_history WHERE subject_id IN (%L, %L, %L, %L)', :'ocall', :'oinvoice', :'ocontract', :'oclient')),
    x.seen, format('%s sees %s of their states', x.login, x.seen))
FROM (VALUES ('tap_mira', '4'), ('tap_vera', '0'), ('tap_max', '0'), ('tap_else', '0')) x(login, seen);
SELECT sentinel.add_task('Hers', 'deal', :'own', member_id => :'max') AS hers, sentinel.add_task('Of the team', 'lead', :'shared_lead') AS team_task, sentinel.add_task('Of nobody') AS nobodys \gset
SELECT is(pg_temp.as_login(x.login, format('SELECT string_agg(title, %L ORDER BY title) FROM sentinel.tasks WHERE id IN (%L, %L, %L)', ',', :'hers', :'team_task', :'nobodys')),
    x.seen, format('%s has the tasks %s', x.login, x.seen))
FROM (VALUES ('tap_mira', 'Hers,Of nobody,Of the team'), ('tap_max', 'Hers,Of nobody'), ('tap_vera', 'Of nobody,Of the team'), ('tap_else', 'done')) x(login, seen);
SELECT is(pg_temp.tried(x.login, format('SELECT sentinel.complete_task(%L)', :'team_task')),
    x.came, format('%s does that of the team: %s', x.login, x.came)) FROM (VALUES ('tap_mira', 'done'), ('tap_vera', 'SN004'), ('tap_max', 'SN004')) x(login, came);
SELECT is((SELECT count(*) FROM sentinel.invoices WHERE org_id = :'other'), 0::bigint, 'another organisation has got nothing of all that');
SELECT sentinel.leave();
SELECT throws_ok(format('SELECT sentinel.' || d.deed, :'own_lead', :'own', :'ocall', :'oinvoice', :'ocontract', :'oclient'),
    'SN002', NULL, 'nothing without an organisation: ' || split_part(d.deed, '(', 1)) FROM deeds d;

SELECT * FROM finish();
ROLLBACK;
