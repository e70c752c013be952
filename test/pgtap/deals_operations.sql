-- Room deals: many deals at once, search, export, the rule of names, demo data, plans.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(101);

SELECT sentinel.create_org('Operations Ltd', 'operations-pgtap') AS org, sentinel.create_org('Empty Ltd', 'operations-pgtap-empty') AS empty,
       sentinel.create_org('Planned Ltd', 'operations-pgtap-planned', 'Pacific/Auckland') AS planned \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@operations.example', 'owner') AS olga,
       sentinel.add_member('Mira', 'mira@operations.example') AS mira,
       sentinel.add_member('Max', 'max@operations.example') AS max,
       sentinel.add_member('Vera', 'vera@operations.example', 'viewer') AS vera,
       sentinel.add_team('North') AS north \gset
SELECT sentinel.add_team_member(:'north', :'vera', 'viewer');
CREATE ROLE tap_op_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_op_max LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_op_vera LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_op_mira', :'org', :'mira'), sentinel.grant_login('tap_op_max', :'org', :'max'),
       sentinel.grant_login('tap_op_vera', :'org', :'vera');
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

-- Names: one per owner.
SELECT sentinel.create_deal('Acme', 100, owner_id => :'mira') AS acme, sentinel.create_deal('Acme', 100) AS nobodys, sentinel.create_deal('Beta', 1, owner_id => :'mira') AS beta \gset
SELECT throws_ok(format('SELECT sentinel.create_deal('' ACME'', 5, owner_id => %L)', :'mira'), '23505', 'a deal named "ACME" of the same owner exists', 'an owner has one deal of a name, in any case');
SELECT lives_ok(format('SELECT sentinel.create_deal(''Acme'', 5, owner_id => %L)', :'max'), 'another owner has another');
SELECT lives_ok('SELECT sentinel.create_deal(''Acme'', 5)', 'deals of nobody may share names');
SELECT lives_ok(format('SELECT sentinel.create_deal(''Acme'', 5, owner_id => %L, external_id => ''X1'')', :'mira'), 'so may those that another system tells apart');
SELECT throws_ok(format('UPDATE sentinel.deals SET name = ''acme'' WHERE id = %L', :'beta'), '23505', NULL, 'the rule holds for renaming');
SELECT throws_ok(format('SELECT sentinel.assign_deal(%L, %L)', :'nobodys', :'mira'), '23505', 'a deal named "Acme" of the same owner exists', 'and for assigning');
SELECT lives_ok(format('UPDATE sentinel.deals SET name = ''BETA'' WHERE id = %L', :'beta'), 'a deal does not stand in its own way');

-- Moving many.
SELECT sentinel.create_deal('M1', 1) AS m1, sentinel.create_deal('M2', 1, 'negotiation') AS m2, sentinel.create_deal('M3', 1) AS m3, sentinel.uuid7() AS none \gset
SELECT sentinel.move_deal(:'m3', 'won');
SELECT results_eq(format('SELECT * FROM sentinel.bulk_move_deals(ARRAY[%1$L, %2$L, %1$L, %3$L, %4$L]::uuid[], ''Proposal'')', :'m2', :'m1', :'m3', :'none'),
    format($$VALUES (%L::uuid, true, NULL::text), (%L, true, NULL), (%L, false, 'a deal cannot move from "closed_won" to "proposal"'),
                    (%L, false, 'no deal "%4$s" in this organisation')$$, :'m2', :'m1', :'m3', :'none'),
    'one row per id, in order, with the reason where it was not done');
SELECT is((SELECT array_agg(stage ORDER BY name) FROM sentinel.deals WHERE id IN (:'m1', :'m2', :'m3')), '{proposal,proposal,closed_won}', 'the others were moved');
SELECT is((SELECT count(*) FROM sentinel.deal_history WHERE deal_id = :'m1'), 2::bigint, 'with a version');
SELECT is((SELECT array_agg(event_type ORDER BY seq) FROM sentinel.events WHERE subject_id = :'m1'), '{deal.created,deal.stage_changed}', 'and the event');
SELECT is((SELECT bool_and(ok) FROM sentinel.bulk_move_deals(ARRAY[:'m1', :'m2']::uuid[], 'proposal')), true, 'to be there already is fine');
SELECT is((SELECT max(version) FROM sentinel.deals WHERE id IN (:'m1', :'m2')), 2, 'and changes nothing');
SELECT is((SELECT error FROM sentinel.bulk_move_deals(ARRAY[:'m1']::uuid[], 'nonsense')), 'unknown stage "nonsense"', 'no stage');
SELECT is((SELECT error FROM sentinel.bulk_move_deals(ARRAY[:'m1']::uuid[], 'qualify', as_of => now() - interval '1 day')) LIKE 'deal "M1" was changed after %', true, 'not into the past');
SELECT is((SELECT count(*) FROM sentinel.bulk_move_deals(ARRAY[:'m1', :'m2']::uuid[], 'lost', 'too dear') WHERE ok), 2::bigint, 'losing many');
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id IN (:'m1', :'m2') AND event_type = 'deal.lost' AND payload ->> 'lost_reason' = 'too dear'), 2::bigint, 'tells of each');
SELECT throws_ok($$SELECT sentinel.bulk_move_deals('{}', 'qualify')$$, 'SN007', '0 ids are given', 'no list');
SELECT throws_ok($$SELECT sentinel.bulk_move_deals(ARRAY[NULL]::uuid[], 'qualify')$$, 'SN007', 'an id of the list is null', 'no id');
SELECT throws_ok($$SELECT sentinel.bulk_move_deals(ARRAY(SELECT sentinel.uuid7() FROM generate_series(1, 1001)), 'qualify')$$, 'SN007', '1001 ids are given', 'too long a list');
SELECT throws_ok(format($$SELECT sentinel.bulk_move_deals(ARRAY[%L]::uuid[], 'qualify', as_of => 'infinity')$$, :'m1'), 'SN007', 'invalid time infinity', 'never');

-- Assigning many.
SELECT sentinel.create_deal('Same', 1) AS s1, sentinel.create_deal('Same', 1) AS s2, sentinel.create_deal('Alone', 1) AS s3 \gset
SELECT results_eq(format('SELECT ok, error FROM sentinel.bulk_assign_deals(ARRAY[%L, %L, %L]::uuid[], %L)', :'s1', :'s2', :'s3', :'max'),
    $$VALUES (true, NULL::text), (false, 'a deal named "Same" of the same owner exists'), (true, NULL)$$, 'the rule of names refuses one, not all');
SELECT is((SELECT array_agg(owner_id = :'max' ORDER BY name, id) FROM sentinel.deals WHERE id IN (:'s1', :'s2', :'s3')), '{t,t,NULL}', 'the rest has its new owner');
SELECT throws_ok(format('SELECT sentinel.bulk_assign_deals(ARRAY[%L]::uuid[], sentinel.uuid7())', :'s1'), 'SN004', NULL, 'to no member');
SELECT is(pg_temp.as_login('tap_op_mira', :'org', format('SELECT error FROM sentinel.bulk_assign_deals(ARRAY[%L]::uuid[], %L)', :'acme', :'max')),
    'not allowed to assign deal "Acme"', 'members do not assign');

-- Deleting many.
SELECT sentinel.record_activity(:'s3', 'note_added', subject => 'kept');
SELECT results_eq(format('SELECT ok, error FROM sentinel.bulk_delete_deals(ARRAY[%L, %L]::uuid[])', :'s3', :'s2'),
    $$VALUES (false, 'deal "Alone" has activities, which are kept'), (true, NULL::text)$$, 'what has happened with a deal keeps it');
SELECT is((SELECT count(*) FROM sentinel.deals WHERE id IN (:'s2', :'s3')), 1::bigint, 'the other is gone');
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id = :'s2' AND event_type = 'deal.deleted'), 1::bigint, 'and that is told');

-- Rights.
SELECT sentinel.create_deal('Of the team', 10, owner_id => :'olga', team_id => :'north') AS shared \gset
SELECT is(pg_temp.as_login('tap_op_vera', :'org', format('SELECT error FROM sentinel.bulk_move_deals(ARRAY[%L]::uuid[], ''qualify'')', :'shared')),
    'not allowed to edit deal "Of the team"', 'a viewer moves none');
SELECT is(pg_temp.as_login('tap_op_vera', :'org', format('SELECT error FROM sentinel.bulk_delete_deals(ARRAY[%L]::uuid[])', :'shared')),
    'not allowed to edit deal "Of the team"', 'and deletes none');
SELECT is(pg_temp.as_login('tap_op_max', :'org', format('SELECT error FROM sentinel.bulk_move_deals(ARRAY[%L]::uuid[], ''qualify'')', :'shared')),
    format('no deal "%s" in this organisation', :'shared'), 'what one does not see does not exist');
SELECT is((SELECT stage FROM sentinel.deals WHERE id = :'shared'), 'discover', 'it is where it was');

-- Search.
SELECT has_index('sentinel', 'deals', 'deals_search', 'names and companies have a trigram index');
SELECT sentinel.create_deal('Renewal 100% sure', 700, owner_id => :'max', as_of => now() - interval '3 days') AS f1,
       sentinel.create_deal('Renewal 1000', 800, owner_id => :'mira', as_of => now() - interval '2 days') AS f2,
       sentinel.create_deal('New seats', 900, 'qualify', owner_id => :'mira', as_of => now() - interval '1 day') AS f3 \gset
UPDATE sentinel.deals SET company_name = 'Northwind Traders' WHERE id IN (:'f1', :'f2', :'f3');
SELECT is((SELECT array_agg(name) FROM sentinel.search_deals('northwind')), '{"New seats","Renewal 1000","Renewal 100% sure"}', 'by company, newest first');
SELECT is((SELECT array_agg(name) FROM sentinel.search_deals(' WIND  renew ')), '{"Renewal 1000","Renewal 100% sure"}', 'every word counts, anywhere, in any case');
SELECT is((SELECT array_agg(name) FROM sentinel.search_deals('100%')), '{"Renewal 100% sure"}', 'signs of patterns are letters');
SELECT is((SELECT count(*) FROM sentinel.search_deals('northwnd')), 0::bigint, 'a typing error finds nothing');
SELECT is((SELECT count(*) FROM sentinel.search_deals('northwnd', fuzzy => true) WHERE similarity > 0.6), 3::bigint, 'unless one asks to forgive it');
SELECT is((SELECT array_agg(name) FROM sentinel.search_deals('northwind', 'Qualification')), '{"New seats"}', 'in a stage, by its alias');
SELECT is((SELECT array_agg(name) FROM sentinel.search_deals('northwind', owner => :'mira', max_value => 850)), '{"Renewal 1000"}', 'of an owner, in a range');
SELECT is((SELECT count(*) FROM sentinel.search_deals(kind => 'won')), 1::bigint, 'won ones');
SELECT is((SELECT array_agg(name) FROM sentinel.search_deals('northwind', created_from => now() - interval '3 days', created_until => now() - interval '2 days')),
    '{"Renewal 100% sure"}', 'begun in a span, its end excluded');
SELECT array_agg(name) AS page_1, (array_agg(cursor_after))[2] AS next FROM sentinel.search_deals('northwind', page_size => 2) \gset
SELECT is(:'page_1'::text, '{"New seats","Renewal 1000"}', 'a page');
SELECT is((SELECT array_agg(name) FROM sentinel.search_deals('northwind', page_size => 2, after => :'next')), '{"Renewal 100% sure"}', 'and the one behind it');
SELECT is((SELECT count(*) FROM sentinel.search_deals(page_size => 1000)), (SELECT least(count(*), 100) FROM sentinel.deals WHERE org_id = :'org'), 'a page has an end');
SELECT throws_ok($$SELECT sentinel.search_deals(after => 'nowhere')$$, '22023', 'invalid cursor "nowhere"', 'no cursor');
SELECT throws_ok($$SELECT sentinel.search_deals(stage => 'nonsense')$$, 'SN007', 'unknown stage "nonsense"', 'no stage to search');
SELECT throws_ok($$SELECT sentinel.search_deals(kind => 'lucky')$$, '22023', 'unknown kind "lucky"', 'no kind');
SELECT is(pg_temp.as_login('tap_op_max', :'org', 'SELECT string_agg(name, '','') FROM sentinel.search_deals(''northwind'')'), 'Renewal 100% sure', 'one finds what one may view');
SELECT is(pg_temp.as_login('tap_op_vera', :'org', 'SELECT string_agg(name, '','') FROM sentinel.search_deals()'), 'Of the team', 'by teams, too');

SELECT is(pg_temp.as_login('tap_op_max', :'org', format('INSERT INTO sentinel.deals (name, value, owner_id) VALUES (%L, 1, %L)', d.name, d.owner_id)), '42501',
    'nobody learns which names others use')
FROM (SELECT x.name, x.owner_id FROM sentinel.deals x WHERE x.org_id = :'org' AND x.owner_id = :'mira' AND x.external_id IS NULL ORDER BY x.id LIMIT 1) d;
SELECT is(pg_temp.as_login('tap_op_max', :'org', format('INSERT INTO sentinel.deals (name, value, owner_id) VALUES (''used by none'', 1, %L)', :'mira')), '42501',
    'nor which they do not');

-- Export.
SELECT is(sentinel.csv_cell(cell), written, 'a cell: ' || what)
FROM (VALUES ('plain', 'plain', 'as it is'), ('a,b', '"a,b"', 'with a comma'), ('say "hi"', '"say ""hi"""', 'with quotes'), (NULL, '', 'empty'),
             ('=1+1', '''=1+1', 'a formula'), ('''=1+1', '''''=1+1', 'a formula that was told to be none'), ('+49 30', '''+49 30', 'a sum'), ('-2', '''-2', 'a difference'), ('@SUM(A1)', '''@SUM(A1)', 'a function'),
             (E'\t=1', E'"''\t=1"', 'a formula behind a tab'), (E'a\nb', E'"a\nb"', 'with a line end')) AS c(cell, written, what);
SELECT sentinel.create_deal('=HYPERLINK("http://evil.example","x")', 5, 'negotiation', owner_id => :'olga', as_of => now() - interval '40 days', external_id => 'E-1') AS evil \gset
SELECT is(split_part(sentinel.export_deals_csv(), E'\n', 1),
    'name,stage,value,company,createdAt,lastActivityAt,riskScore,primaryRiskReason,assignedTo,currency,closedAt,expectedCloseAt,lostReason,externalId,dealId', 'the heading');
SELECT is((SELECT count(*) FROM regexp_split_to_table(sentinel.export_deals_csv(), E'\n')), (SELECT count(*) + 1 FROM sentinel.deals WHERE org_id = :'org'), 'a line per deal and no last line end');
SELECT is((SELECT line ~ '^"''=HYPERLINK\(""http://evil\.example"",""x""\)",negotiation,5\.00,,' FROM regexp_split_to_table(sentinel.export_deals_csv(stage => 'negotiation'), E'\n') line
           WHERE line LIKE '%HYPERLINK%'), true, 'no cell runs as a formula');
SELECT is((SELECT (e ->> 'riskScore')::numeric = r.score_rounded AND e ->> 'primaryRiskReason' = r.primary_reason AND e ->> 'assignedTo' = 'Olga'
           FROM jsonb_array_elements(sentinel.export_deals_json(owner => :'olga')) e JOIN sentinel.deal_risks r ON r.deal_id = (e ->> 'dealId')::uuid
           WHERE r.deal_id = :'evil'), true, 'with the risk of now');
SELECT throws_ok('SELECT sentinel.export_deals_csv(max_rows => 2)', 'SN007', 'more than 2 deals fit the filter', 'a cut export is none');
SELECT throws_ok(format('SELECT sentinel.export_deals_json(team => %L)', :'none'), 'SN004', 'no deals found', 'nor an empty one');
SELECT is(pg_temp.as_login('tap_op_max', :'org', 'SELECT jsonb_array_length(sentinel.export_deals_json())'), (SELECT count(*)::text FROM sentinel.deals WHERE owner_id = :'max'), 'one exports what one may view');
SELECT is(pg_temp.as_login('tap_op_max', :'org', format('INSERT INTO sentinel.deals (org_id, name, owner_id, is_demo) VALUES (%L, ''hidden'', %L, true)', :'org', :'max')), 'SN003', 'a member makes no deal a demo');
SELECT is(pg_temp.as_login('tap_op_max', :'org', format('UPDATE sentinel.deals SET imported_until = now() WHERE id = %L', :'f1')), 'SN003', 'nor one that tells no events');

-- Demo data.
SELECT sentinel.enter(:'empty');
SELECT is(sentinel.seed_demo_deals(), 8, 'eight demo deals');
SELECT is(sentinel.seed_demo_deals(), 0, 'and no more');
SELECT is((SELECT count(DISTINCT r.band) > 1 AND bool_or(r.status = 'closed') FROM sentinel.deal_risks r WHERE r.org_id = :'empty'), true, 'they differ in risk');
SELECT is((SELECT count(*) FROM sentinel.events WHERE org_id = :'empty' AND event_type LIKE 'deal.%'), 0::bigint, 'nobody hears of them');
SELECT is((SELECT count(*) FROM sentinel.search_deals()), 8::bigint, 'they show while there are no others');
SELECT is((SELECT ok FROM sentinel.bulk_move_deals(ARRAY(SELECT id FROM sentinel.deals WHERE org_id = :'empty' AND name = 'TechStart Inc'), 'won')), false, 'they are not worked with');
SELECT is(sentinel.remove_demo_deals(), 8, 'they can be removed');
SELECT is((SELECT count(*) FROM sentinel.activities WHERE org_id = :'empty') + (SELECT count(*) FROM sentinel.events WHERE org_id = :'empty' AND event_type LIKE 'deal.%'),
    0::bigint, 'without a trace in activities and events');
SELECT sentinel.seed_demo_deals();
SELECT sentinel.create_deal('Real', 1);
SELECT is((SELECT array_agg(name) FROM sentinel.deals WHERE org_id = :'empty'), '{Real}', 'the first real deal ends the demo');

-- Plans.
SELECT sentinel.enter(:'planned');
SELECT is((SELECT count(most) FROM sentinel.plan_usage()), 0::bigint, 'without a plan nothing is limited');
SELECT is((SELECT bool_and(f.most < s.most) FROM sentinel.plan_limits f JOIN sentinel.plan_limits s USING (metric) WHERE f.plan = 'free' AND s.plan = 'starter'), true,
    'what one starts with is more than what is free');
SELECT sentinel.set_org_plan('free', as_of => '2020-01-01');
INSERT INTO sentinel.deals (name) SELECT 'Deal ' || i FROM generate_series(1, 25) i;
SELECT throws_ok($$SELECT sentinel.create_deal('Too many', 1)$$, 'SN003', 'plan limit of 25 deals reached', 'the plan holds');
SELECT throws_ok($$SELECT sentinel.check_plan_limit('deals')$$, 'SN003', NULL, 'and can be asked');
SELECT is((SELECT ok FROM sentinel.bulk_delete_deals(ARRAY(SELECT id FROM sentinel.deals WHERE org_id = :'planned' AND name = 'Deal 1'))), true, 'a deal goes');
SELECT is(sentinel.check_plan_limit('deals'), 1::bigint, 'which frees its place');
SELECT throws_ok($$INSERT INTO sentinel.deals (name) VALUES ('Two'), ('more')$$, 'SN003', NULL, 'for one, not for two at once');
SELECT lives_ok($$SELECT sentinel.add_member('First', 'first@planned.example', 'owner')$$, 'one member');
SELECT throws_ok($$SELECT sentinel.add_member('Second', 'second@planned.example')$$, 'SN003', 'plan limit of 1 members reached', 'not two');
SELECT is(sentinel.count_usage('api_calls', 99, '2026-03-31 10:59+00'), 99::bigint, 'calls are counted');
SELECT throws_ok($$SELECT sentinel.count_usage('api_calls', 2, '2026-03-31 10:59+00')$$, 'SN003', NULL, 'per month');
SELECT is(sentinel.count_usage('api_calls', 1, '2026-03-31 11:00+00'), 1::bigint, 'of the organisation''s time zone');
SELECT throws_ok($$SELECT sentinel.count_usage('deals')$$, 'SN004', NULL, 'deals are not used up');
SELECT sentinel.set_org_plan_limit('deals', 30);
SELECT lives_ok($$INSERT INTO sentinel.deals (name) SELECT 'Agreed ' || i FROM generate_series(1, 6) i$$, 'what was agreed counts before the plan');
SELECT is(sentinel.record_plan_payment('PayPal', 'P-1', 31), 'pro', 'a payment buys the plan of its price');
SELECT is(sentinel.record_plan_payment('paypal', 'P-1', 31), 'pro', 'told of twice');
SELECT is((SELECT ends_at FROM sentinel.org_plans WHERE org_id = :'planned'), now() + interval '1 month', 'it counts once');
SELECT is(sentinel.record_plan_payment('paypal', 'P-2', 12.34), NULL, 'any other amount buys nothing');
SELECT is(sentinel.plan_of(:'planned', now() + interval '2 months'), 'free', 'what is no longer paid ends');
SELECT is((SELECT plan || ' ' || most || ' ' || used FROM sentinel.plan_usage() WHERE metric = 'deals'), 'pro 30 30', 'and usage is told');

SELECT * FROM finish();
ROLLBACK;
