-- Room gateway: calls, invoices, contracts and clients over HTTP.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(44);
\ir ../support/http.sql

SELECT sentinel.create_org('Rest Revenue Ltd', 'gateway-revenue') AS org, sentinel.create_org('Other Ltd', 'gateway-revenue-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@gateway-revenue.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@gateway-revenue.example') AS mira,
       sentinel.add_member('Max', 'max@gateway-revenue.example') AS max, sentinel.uuid7() AS none \gset
SELECT pg_temp.caller(:'org', :'olga', 'owner') AS olga_calls, pg_temp.caller(:'org', :'mira', 'member') AS mira_calls, pg_temp.caller(:'org', :'max', 'member') AS max_calls,
       sentinel.create_lead('Ann', 'ann@gateway-revenue.example', company_name => 'Alpha') AS ann \gset
SELECT sentinel.create_deal('Alpha deal', 1200.50, lead_id => :'ann', owner_id => :'mira') AS deal,
       sentinel.create_deal('Max''s deal', 700, owner_id => :'max') AS max_deal \gset

-- Calls.
SELECT status, json -> 'data' AS data, json #>> '{data,id}' AS id, headers_out ->> 'location' AS at
FROM pg_temp.http(:'mira_calls', 'POST', '/calls', format('{"leadId": "%s", "scheduledAt": "2031-03-01T10:00:00+02:00", "deal_id": "%s", "meeting_url": "https://meet.example/x"}', :'ann', :'deal')) \gset call_
SELECT is(:'call_status' || :'call_at', '201/calls/' || :'call_id', 'a call is booked');
SELECT is((SELECT jsonb_build_array(c -> 'status', c -> 'scheduled_at', c -> 'lead_id') FROM CAST(:'call_data' AS jsonb) c), jsonb_build_array('booked', '2031-03-01T08:00:00+00:00', :'ann'), 'as was asked');
SELECT is((SELECT string_agg(a.status::text, ',') FROM unnest(ARRAY['{"scheduled_at": "2031-03-01"}', format('{"lead_id": "%s"}', :'ann'), format('{"lead_id": "%s", "scheduled_at": "soon"}', :'ann'),
    format('{"lead_id": "%s", "scheduled_at": "2031-03-01", "phone": 1}', :'ann'), format('{"lead_id": "%s", "scheduled_at": "2031-03-01"}', :'none')]) b
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'POST', '/calls', b) a), '400,400,400,400,404', 'with a lead and a time');
SELECT is((SELECT (a.status, a.json #>> '{data,id}')::text FROM pg_temp.http(:'max_calls', 'POST', '/calls', format('{"lead_id": "%s", "scheduled_at": "2031-03-01T08:00:00Z"}', :'ann')) a), '(409,)',
    'that a lead has a call then is a conflict for who does not see the call');
SELECT is((pg_temp.http(:'max_calls', 'GET', :'call_at')).status, 404, 'which a colleague''s deal hides');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', :'call_at' || '/reschedule', '{"scheduled_at": "2031-03-02T10:00:00Z"}')).json #>> '{data,scheduled_at}', '2031-03-02T10:00:00+00:00', 'another time');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', :'call_at' || '/transcript', '{"transcript": "x"}')).status, 409, 'nothing was said yet');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', :'call_at' || '/complete', '{"transcript": "We are ready to start"}')).status, 400, 'a call that was held has an outcome');
SELECT is((SELECT (a.json #>> '{data,status}') || (a.json #>> '{data,transcript}') FROM pg_temp.http(:'mira_calls', 'PATCH', :'call_at' || '/complete', '{"transcript": "We are ready to start", "outcome": "strong"}') a),
    'completedWe are ready to start', 'and what was said');
SELECT is((pg_temp.http(:'mira_calls', 'PATCH', :'call_at' || '/transcript', '{"transcript": "We start"}')).json #>> '{data,transcript}', 'We start', 'which may be corrected');
SELECT is((SELECT a.status::text || (a.json ->> 'code') FROM pg_temp.http(:'mira_calls', 'PATCH', :'call_at' || '/cancel') a), '409illegal_transition', 'it is not cancelled any more');
SELECT sentinel.book_call(:'ann', timestamptz '2031-04-01' + n * interval '1 day') FROM generate_series(1, 4) n;
SELECT is((SELECT string_agg(a.json #>> '{data,status}', ',' ORDER BY p.n) FROM (VALUES (1, 'no-show'), (2, 'cancel')) AS p(n, word)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'PATCH', format('/calls/%s/%s', (SELECT c.id FROM sentinel.calls c WHERE c.scheduled_at = timestamptz '2031-04-01' + p.n * interval '1 day'), p.word)) a),
    'no_show,cancelled', 'missed, cancelled');
SELECT is((SELECT string_agg(jsonb_array_length(a.json -> 'data')::text, ',' ORDER BY p.n) FROM (VALUES (1, ''), (2, 'status=booked'), (3, 'lead_id=' || :'ann' || '&status=no_show'), (4, 'deal_id=' || :'deal'),
    (5, 'scheduledFrom=2031-04-03&scheduled_until=2031-04-05'), (6, 'scheduled_until=2031-04-03'), (7, 'lead_id=' || :'none')) AS p(n, q)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'GET', '/calls?' || p.q) a), '5,2,1,1,2,2,0', 'lists are cut by what is asked');
SELECT ok((SELECT a.text NOT LIKE '%transcript"%' AND a.json #>> '{data,0,scheduled_at}' = '2031-04-05T00:00:00+00:00' FROM pg_temp.http(:'mira_calls', 'GET', '/calls') a), 'the latest first, without what was said');
-- Pages, while calls are booked later and earlier than where one is.
SELECT set_config('test.caller', :'mira_calls', true), set_config('test.lead', :'ann', true);
CREATE TEMP TABLE known AS SELECT id FROM sentinel.calls WHERE org_id = :'org';
CREATE TEMP TABLE seen (n serial, id uuid, at timestamptz);
DO $$
DECLARE
    answer jsonb;
    cursor text;
BEGIN
    FOR turn IN 1..20 LOOP
        answer := (pg_temp.http(current_setting('test.caller')::jsonb, 'GET', '/calls?limit=2' || coalesce('&cursor=' || cursor, ''))).json;
        INSERT INTO seen (id, at) SELECT (e ->> 'id')::uuid, (e ->> 'scheduled_at')::timestamptz FROM jsonb_array_elements(answer -> 'data') e;
        cursor := answer ->> 'next_cursor';
        EXIT WHEN cursor IS NULL;
        IF turn < 3 THEN
            PERFORM sentinel.book_call(current_setting('test.lead')::uuid, timestamptz '2031-06-01' + turn * interval '1 hour'),
                    sentinel.book_call(current_setting('test.lead')::uuid, timestamptz '2030-12-01' + turn * interval '1 hour');
        END IF;
    END LOOP;
END
$$;
SELECT is_empty('SELECT id FROM seen GROUP BY id HAVING count(*) > 1', 'no call comes twice');
SELECT is_empty('SELECT id FROM known EXCEPT SELECT id FROM seen', 'and none is missed');
SELECT results_eq('SELECT at FROM seen ORDER BY n', 'SELECT at FROM seen ORDER BY at DESC', 'in order');

-- Invoices.
SELECT status, json #>> '{data,id}' AS id, headers_out ->> 'location' AS at, json #>> '{data,amount}' AS amount FROM pg_temp.http(:'mira_calls', 'POST', '/invoices', format('{"deal_id": "%s"}', :'deal')) \gset inv_
SELECT is(:'inv_status' || ' ' || :'inv_amount', '201 1200.50', 'an invoice is made of a deal');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/invoices', format('{"deal_id": "%s"}', :'deal'))).json #>> '{data,id}', :'inv_id', 'once');
SELECT is((pg_temp.http(:'mira_calls', 'POST', '/invoices', format('{"deal_id": "%s"}', :'max_deal'))).status, 404, 'not of a colleague''s');
SELECT is((SELECT (a.json #>> '{data,status}') || (a.json #>> '{data,due_at}') FROM pg_temp.http(:'mira_calls', 'POST', :'inv_at' || '/send', '{"due_at": "2032-01-01"}') a), 'sent2032-01-01T00:00:00+00:00', 'it is sent');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'inv_at' || '/mark-paid', '{"amount": 1200}')).status, 400, 'it is not paid by another amount');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'inv_at' || '/mark-paid', '{"amount": "much"}')).status, 400, 'nor by what is none');
SELECT is((pg_temp.http(:'max_calls', 'POST', :'inv_at' || '/mark-paid')).status, 404, 'nor by who does not see it');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'inv_at' || '/mark-paid')).json #>> '{data,status}', 'paid', 'it is paid');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'inv_at' || '/cancel', '{"reason": "x"}')).status, 409, 'and not cancelled any more');
SELECT is((SELECT string_agg(jsonb_array_length(a.json -> 'data')::text, ',' ORDER BY p.n) FROM (VALUES (1, ''), (2, 'status=paid'), (3, 'status=draft'), (4, 'deal_id=' || :'deal'), (5, 'due_from=2032-01-02')) AS p(n, q)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'GET', '/invoices?' || p.q) a), '1,1,0,1,0', 'listed');

-- Contracts.
SELECT sentinel.enter(:'org');
SELECT sentinel.save_document_template('Agreement', '<h1>Agreement</h1><script>alert(1)</script>') AS template \gset
SELECT status, json -> 'data' AS data, json #>> '{data,id}' AS id, headers_out ->> 'location' AS at
FROM pg_temp.http(:'mira_calls', 'POST', '/contracts', format('{"deal_id": "%s", "template_id": "%s"}', :'deal', :'template')) \gset con_
SELECT is(:'con_status' || (:'con_data'::jsonb ->> 'status') || (:'con_data'::jsonb ? 'html'), '201draftfalse', 'a contract is made');
SELECT is((SELECT (a.headers_out ->> 'content-type') || (a.headers_out ->> 'content-security-policy') || (a.text LIKE '%<h1>Agreement</h1>%') FROM pg_temp.http(:'mira_calls', 'GET', :'con_at' || '?format=html') a),
    'text/html; charset=utf-8sandbox; default-src ''none''; style-src ''unsafe-inline''; img-src data: https:true', 'its text is HTML that runs nothing');
SELECT is((pg_temp.http(:'mira_calls', 'GET', '/documents/' || :'con_id')).text, (pg_temp.http(:'mira_calls', 'GET', :'con_at' || '?format=html')).text, 'also as a document');
SELECT is((pg_temp.http(:'mira_calls', 'GET', :'con_at')).json -> 'data', :'con_data'::jsonb, 'without it asked, what is known of it');
SELECT is((pg_temp.http(:'max_calls', 'GET', '/documents/' || :'con_id')).status, 404, 'a colleague finds no document');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'con_at' || '/send', '{"url": "https://sign.example/1"}')).json #>> '{data,status}', 'sent', 'it is sent');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'con_at' || '/sign', '{}')).status, 400, 'somebody signs');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'con_at' || '/sign', '{"signed_by": "Ann", "sha256": "00"}')).status, 400, 'and the same text');
SELECT is((SELECT (a.json #>> '{data,status}') || (a.json #>> '{data,signed_by}') FROM pg_temp.http(:'mira_calls', 'POST', :'con_at' || '/sign', format('{"signed_by": "Ann", "sha256": "%s"}', :'con_data'::jsonb ->> 'sha256')) a),
    'signedAnn', 'it is signed');
SELECT is((pg_temp.http(:'mira_calls', 'POST', :'con_at' || '/void')).status, 409, 'and not void any more');

-- Clients.
SELECT status, json #>> '{data,id}' AS id, json -> 'data' AS data, headers_out ->> 'location' AS at FROM pg_temp.http(:'mira_calls', 'POST', '/clients', format('{"deal_id": "%s"}', :'deal')) \gset cli_
SELECT is((SELECT jsonb_build_array(c -> 'name', c -> 'deal_name', c -> 'contract_url', c -> 'onboarding_status') FROM CAST(:'cli_data' AS jsonb) c),
    '["Alpha", "Alpha deal", "https://sign.example/1", "pending"]', 'a client is made, and told where the contract lies');
SELECT is((SELECT string_agg(a.status::text, ',') FROM unnest(ARRAY['{"onboarding_status": "complete"}', '{"onboarding_status": "pending"}', '{"status": "complete"}', '{"delivery_phase": "live"}']) b
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'PATCH', :'cli_at' || '/status', b) a), '409,400,400,409', 'onboarding must have begun');
SELECT sentinel.enter(:'org');
SELECT sentinel.handle_start_onboarding(sentinel.uuid7(), jsonb_build_object('client_id', :'cli_id'));
SELECT is((SELECT (a.json #>> '{data,onboarding_status}') || (a.json #>> '{data,delivery_phase}') FROM pg_temp.http(:'mira_calls', 'PATCH', :'cli_at' || '/status', '{"onboarding_status": "complete", "delivery_phase": null}') a),
    'completecrm_build', 'it is complete, and delivery goes on');
SELECT is((SELECT jsonb_build_array(a.json #> '{data,satisfaction_score}', a.json #> '{data,renewal_at}') FROM pg_temp.http(:'mira_calls', 'PATCH', :'cli_at', '{"satisfaction_score": 80, "renewal_at": "2033-01-01"}') a),
    '[80.00, "2033-01-01T00:00:00+00:00"]', 'what is known of it changes');
SELECT is((SELECT string_agg(a.status::text, ',') FROM unnest(ARRAY['{"satisfaction_score": 101}', '{"churn_risk_score": "x"}', '{"name": "x"}', '{}']) b
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'PATCH', :'cli_at', b) a), '400,400,400,400', 'within bounds');
SELECT is((SELECT string_agg(jsonb_array_length(a.json -> 'data')::text, ',' ORDER BY p.n) FROM (VALUES (1, ''), (2, 'onboarding_status=complete'), (3, 'delivery_phase=live'), (4, 'renewal_until=2033-01-01')) AS p(n, q)
    CROSS JOIN LATERAL pg_temp.http(:'mira_calls', 'GET', '/clients?' || p.q) a), '1,1,0,0', 'listed');
SELECT is((SELECT jsonb_array_length(a.json -> 'data') FROM pg_temp.http(:'max_calls', 'GET', '/clients') a), 0, 'not for a colleague');

SELECT * FROM finish();
ROLLBACK;
