-- Rooms leads, deals and revenue at their edges: what a client with a plain statement, or in an unusual order, could do.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);
SELECT sentinel.create_org('Edges Ltd') AS org \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@edges.example', 'owner') AS olga, sentinel.add_member('Mona', 'mona@edges.example') AS mona,
       sentinel.add_member('Vera', 'vera@edges.example', 'viewer') AS vera \gset

-- What a lead is compared by, its id and when it was recorded are not set by hand.
SELECT sentinel.create_lead('Ann', 'ann@edges.example', profile_link => 'https://www.linkedin.com/in/ann', owner_id => :'mona') AS ann \gset
SELECT to_jsonb(l) AS was FROM sentinel.leads l WHERE l.id = :'ann' \gset
SELECT sentinel.enter(:'org', :'mona');
SET LOCAL ROLE sentinel_member;
UPDATE sentinel.leads SET email_match = NULL, profile_match = NULL, recorded_at = '1999-01-01', id = sentinel.uuid7() WHERE id = :'ann';
SELECT throws_ok($$SELECT sentinel.create_lead('Ann again', 'ann@edges.example')$$, '23505', NULL, 'a member takes no lead out of the comparison');
RESET ROLE;
SELECT sentinel.enter(:'org');
SELECT is((SELECT to_jsonb(l) - 'updated_at' FROM sentinel.leads l WHERE l.id = :'ann'), :'was'::jsonb - 'updated_at', 'the lead is what it was');
UPDATE sentinel.leads SET email = 'anna@edges.example' WHERE id = :'ann';
SELECT is((SELECT email_match FROM sentinel.leads WHERE id = :'ann'), 'anna@edges.example', 'but follows the address');

-- Whoever deletes a lead, it is told; of one that was merged the merge.
SELECT sentinel.create_lead('Bob', owner_id => :'mona') AS bob, sentinel.create_lead('Cleo') AS cleo, sentinel.create_lead('Cleo 2') AS twin \gset
SELECT sentinel.enter(:'org', :'mona');
SET LOCAL ROLE sentinel_member;
DELETE FROM sentinel.leads WHERE id = :'bob';
RESET ROLE;
SELECT sentinel.enter(:'org');
SELECT results_eq(format('SELECT event_type, payload ->> ''name'' FROM sentinel.events WHERE subject_id = %L ORDER BY seq', :'bob'),
                  $$VALUES ('lead.created', NULL), ('lead.deleted', 'Bob')$$, 'a plain DELETE is told of');
SELECT sentinel.merge_leads(:'cleo', :'twin') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id = :'twin' AND event_type = 'lead.deleted'), 0::bigint, 'a merge deletes nobody');
SELECT is((SELECT count(*) FROM sentinel.lead_merges WHERE duplicate_id = :'twin' AND master_id = :'cleo'), 1::bigint, 'and is kept');

-- With a deal go the notes and tasks about it.
SELECT sentinel.create_deal('Gone', 5) AS gone, sentinel.create_deal('Stays', 5) AS stays \gset
SELECT sentinel.add_task('Do it', 'deal', d.id), sentinel.add_note('deal', :'stays', 'x') FROM unnest(ARRAY[:'gone', :'stays']::uuid[]) d(id);
INSERT INTO sentinel.notes (org_id, subject_type, subject_id, body) VALUES (:'org', 'deal', :'gone', 'x');
DELETE FROM sentinel.deals WHERE id = :'gone';
SELECT is((SELECT count(*) FROM sentinel.tasks WHERE subject_id = :'gone') + (SELECT count(*) FROM sentinel.notes WHERE subject_id = :'gone'), 0::bigint, 'nothing is left about what is gone');
SELECT is((SELECT count(*) FROM sentinel.tasks WHERE subject_id = :'stays'), 1::bigint, 'only that');

-- A deal that is lost makes no contract and no client, unless somebody has paid.
SELECT sentinel.create_deal('Lost', 5) AS lost, sentinel.create_deal('Paid', 5) AS paid \gset
SELECT sentinel.create_invoice(:'paid') AS invoice \gset
SELECT sentinel.move_deal(:'lost', 'closed_lost'), sentinel.move_deal(:'paid', 'closed_lost');
SELECT throws_ok(format('SELECT sentinel.create_client(%L)', :'lost'), 'SN005', format('deal "%s" is lost', :'lost'), 'no client');
SELECT throws_ok(format('SELECT sentinel.create_contract(%L)', :'lost'), 'SN005', format('deal "%s" is lost', :'lost'), 'no contract');
SELECT throws_ok(format('SELECT sentinel.create_client(%L)', :'paid'), 'SN005', NULL, 'nor while nobody has paid');
SELECT sentinel.mark_invoice_paid(:'invoice') \g /dev/null
SELECT sentinel.handle_create_client(sentinel.uuid7(), jsonb_build_object('invoice_id', :'invoice')) ->> 'client_id' AS client \gset
SELECT is((SELECT id::text FROM sentinel.clients WHERE deal_id = :'paid'), :'client', 'who has paid is a client');
SELECT is(sentinel.create_client(:'paid')::text, :'client', 'and stays the one');

-- With its team a lead of nobody does not come before everybody's eyes.
SELECT sentinel.enter(:'org', :'olga');
SELECT sentinel.add_team('North') AS north \gset
SELECT sentinel.enter(:'org', :'olga');
SELECT sentinel.create_lead('Of the team', team_id => :'north') AS shared, sentinel.create_lead('Of Olga', team_id => :'north', owner_id => :'olga') AS owned \gset
SELECT sentinel.delete_team(:'north') \g /dev/null
SELECT results_eq(format('SELECT owner_id, team_id FROM sentinel.leads WHERE id IN (%L, %L)', :'shared', :'owned'),
                  format('VALUES (%1$L::uuid, NULL::uuid), (%1$L, NULL)', :'olga'), 'it goes to the owner of the team');
SELECT sentinel.enter(:'org', :'vera');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.leads WHERE id IN (:'shared', :'owned')), 0::bigint, 'and is not for all to see');
RESET ROLE;
SELECT sentinel.enter(:'org');

-- A breach of integrity is for owners and admins, whoever works the deal.
SELECT sentinel.create_deal('Of Mona', 5, owner_id => :'mona') AS monas \gset
SELECT sentinel.handle_raise_alert(sentinel.uuid7(), jsonb_build_object('event_id', sentinel.uuid7(), 'event_type', 'system.integrity_alert',
    'subject_type', 'deal', 'subject_id', :'monas', 'payload', jsonb_build_object('rule', 'won_deal_no_invoice', 'severity', 'high'))) \g /dev/null
SELECT sentinel.handle_raise_alert(sentinel.uuid7(), jsonb_build_object('event_id', sentinel.uuid7(), 'event_type', 'deal.at_risk',
    'subject_type', 'deal', 'subject_id', :'monas', 'payload', jsonb_build_object('deal_id', :'monas'))) \g /dev/null
SELECT results_eq(format('SELECT kind, member_id FROM sentinel.notifications WHERE org_id = %L ORDER BY kind', :'org'),
                  format('VALUES (''deal_at_risk'', %L::uuid), (''integrity_breach'', %L)', :'mona', :'olga'), 'the one is told to who works it, the other to who rules');

-- A deal that was lost, taken up again and won is billed once, under its own event.
SELECT sentinel.move_deal(:'stays', 'closed_lost', as_of => now());
SELECT sentinel.move_deal(:'stays', 'discover'), sentinel.move_deal(:'stays', 'closed_won');
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id = :'stays' AND event_type = 'deal.won'), 1::bigint, 'one deal.won');
SELECT sentinel.handle_create_invoice(sentinel.uuid7(), jsonb_build_object('deal_id', :'stays')) \g /dev/null
SELECT sentinel.handle_create_invoice(sentinel.uuid7(), jsonb_build_object('deal_id', :'stays')) \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.invoices WHERE deal_id = :'stays'), 1::bigint, 'one invoice');
SELECT throws_ok(format('SELECT sentinel.move_deal(%L, ''closed_lost'')', :'stays'), 'SN005', NULL, 'what is won stays won');

-- A draft from before the deal was won is over what was won; what was sent is not touched.
SELECT sentinel.create_deal('Early', 1000, as_of => now() - interval '2 days') AS early, sentinel.create_deal('Sent', 1000, as_of => now() - interval '2 days') AS sent \gset
SELECT sentinel.create_invoice(d.id, now() - interval '1 day') FROM unnest(ARRAY[:'early', :'sent']::uuid[]) d(id);
SELECT sentinel.send_invoice(i.id) FROM sentinel.invoices i WHERE i.deal_id = :'sent';
SELECT sentinel.change_deal_value(d.id, 5000), sentinel.move_deal(d.id, 'closed_won'), sentinel.handle_create_invoice(sentinel.uuid7(), jsonb_build_object('deal_id', d.id))
FROM unnest(ARRAY[:'early', :'sent']::uuid[]) d(id);
SELECT results_eq(format('SELECT status, amount FROM sentinel.invoices WHERE deal_id IN (%L, %L) ORDER BY status', :'early', :'sent'),
                  $$VALUES ('draft', 5000.00), ('sent', 1000.00)$$, 'the draft follows the value');

-- Two leads that are one: a correction of one call leaves what the other gave.
SELECT sentinel.create_lead('Dan') AS dan, sentinel.create_lead('Dan 2') AS dan_2 \gset
SELECT sentinel.book_call(:'dan', now()) AS call_1, sentinel.book_call(:'dan_2', now()) AS call_2 \gset
SELECT sentinel.complete_call(c.id, 'We are ready to go. When can we start?', 'yes'), sentinel.handle_analyze_call(sentinel.uuid7(), jsonb_build_object('call_id', c.id))
FROM unnest(ARRAY[:'call_1', :'call_2']::uuid[]) c(id);
SELECT sentinel.merge_leads(:'dan', :'dan_2') \g /dev/null
SELECT is((SELECT buying_signal_score FROM sentinel.leads WHERE id = :'dan'), 16.50, 'of two scores the higher holds');
SELECT sentinel.correct_transcript(:'call_2', 'I am not interested.'), sentinel.handle_analyze_call(sentinel.uuid7(), jsonb_build_object('call_id', :'call_2'));
SELECT is((SELECT buying_signal_score FROM sentinel.leads WHERE id = :'dan'), 16.50, 'and stays, as the call that gave it does');

SELECT * FROM finish();
ROLLBACK;
