-- Room deals, import: files of opportunities become deals with their history; what is wrong costs its own row only.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(106);

SELECT sentinel.create_org('Import Ltd', 'import-pgtap') AS org, sentinel.create_org('Second Ltd', 'import-pgtap-second') AS second \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@import.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@import.example') AS mira,
       sentinel.add_member('Ada', 'ada@import.example', 'admin') AS ada \gset
SELECT sentinel.add_pipeline('crm_v1');
CREATE ROLE tap_im_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_im_ada LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_im_mira', :'org', :'mira'), sentinel.grant_login('tap_im_ada', :'org', :'ada');
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
CREATE FUNCTION pg_temp.deal(key text) RETURNS uuid LANGUAGE sql AS
    $$ SELECT id FROM sentinel.deals WHERE org_id = sentinel.current_org() AND external_id = key $$;

-- Cells.
SELECT is(sentinel.deal_csv_amount(cell, comma), amount, format('the amount %s', cell))
FROM (VALUES ('1,234.50', NULL, 1234.50), ('1.234,50 €', NULL, 1234.50), ('CHF 1''234.50', NULL, 1234.50), ('$12k', NULL, 12000),
             ('1.5 mio', NULL, 1500000), ('(500)', NULL, -500), ('1,234', NULL, 1234), ('1.234', NULL, NULL), ('1.234', true, 1234),
             ('1.234', false, 1.234), ('5.000,-', true, 5000), ('12345.678', NULL, 12345.678), ('12 abc x', NULL, NULL),
             ('1.2.3', NULL, NULL), ('', NULL, NULL)) AS c(cell, comma, amount);
SELECT is(sentinel.deal_csv_time(cell, habit, zone), told::timestamptz, format('the time %s', cell))
FROM (VALUES ('2016-10-20', NULL, 'Europe/Berlin', '2016-10-19 22:00+00'), ('20-10-16', 'day', 'UTC', '2016-10-20'),
             ('16-10-20', 'year', 'UTC', '2016-10-20'), ('10/20/2016, 2:30 PM', NULL, 'UTC', '2016-10-20 14:30'),
             ('03/04/2016', NULL, 'UTC', NULL), ('03/04/2016', 'month', 'UTC', '2016-03-04'), ('03/04/2016', 'day', 'UTC', '2016-04-03'),
             ('03.04.2016', NULL, 'UTC', '2016-04-03'), ('42663', NULL, 'UTC', '2016-10-20'), ('1476921600000', NULL, 'UTC', '2016-10-20'),
             ('2016-10-20T09:30:00.000+0000', NULL, 'Europe/Berlin', '2016-10-20 09:30+00'), ('20 Oct 2016', NULL, 'UTC', '2016-10-20'),
             ('31/02/2016', NULL, 'UTC', NULL), ('soon', NULL, 'UTC', NULL)) AS c(cell, habit, zone, told);
SELECT is((SELECT array_agg(sentinel.deal_csv_currency(cell) ORDER BY place) FROM (VALUES (1, '1.234,50 €'), (2, 'USD 5'), (3, '5 mio'), (4, '12')) c(place, cell)),
    '{EUR,USD,NULL,NULL}', 'a currency beside an amount');
SELECT is((SELECT count(*)::integer FROM sentinel.deal_columns c WHERE sentinel.column_key(c.alias) <> c.alias)
          + (SELECT count(*)::integer FROM sentinel.deal_words w WHERE sentinel.column_key(w.word) <> w.word), 0, 'aliases and words are written as they are compared');
SELECT is((SELECT array_agg(sentinel.find_stage(:'org', p.id, word) ORDER BY place) FROM sentinel.pipelines p, (VALUES (1, 'Needs Analysis'), (2, 'contractsent'),
           (3, 'Qualified'), (4, 'Closed-Won'), (5, 'Verloren'), (6, 'Closed'), (7, 'Sandwich')) AS w(place, word) WHERE p.org_id = :'org' AND p.name = 'CRM classic'),
    '{discovery,negotiation,discovery,won,lost,NULL,NULL}', 'words of other systems in a pipeline with stages of its own');

-- The columns of the public sales opportunities of Maven Analytics.
CREATE TEMP TABLE file (name text, body text);
INSERT INTO file VALUES ('maven', $csv$opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
1C1I7A6R,Mira,GTX Plus Basic,Cancity,Won,2016-10-20,2017-03-01,1054
Z063OYW0,Olga,GTXPro,Isdom,Won,2016-10-25,2017-03-11,4514
KWVA7VR1,mira,GTXPro,Genco Pura Olive Oil Company,Lost,2016-11-04,2017-03-18,0
HAXMC4IX,Olga,MG Advanced,,Engaging,2016-11-03,,
PRSP0001,Olga,MG Advanced,Bubba Gump,Prospecting,,,
$csv$);
SELECT results_eq($$SELECT line, state, code FROM sentinel.import_deals_csv((SELECT body FROM file WHERE name = 'maven'), dry_run => true)$$,
    $$VALUES (2, 'created', NULL::text), (3, 'created', NULL), (4, 'created', NULL), (5, 'created', NULL), (6, 'created', NULL)$$, 'a dry run tells what would come');
SELECT is((SELECT count(*) FROM sentinel.deals WHERE org_id = :'org') + (SELECT count(*) FROM sentinel.deal_imports WHERE org_id = :'org'), 0::bigint, 'and writes nothing');
SELECT is((SELECT count(*) FROM sentinel.import_deals_csv((SELECT body FROM file WHERE name = 'maven'), file_name => 'sales_pipeline.csv') WHERE state = 'created'), 5::bigint, 'five deals');
SELECT results_eq($$SELECT name, company_name, stage, stage_kind, value, created_at, recorded_at, closed_at, stage_changed_at FROM sentinel.deals WHERE id = pg_temp.deal('1C1I7A6R')$$,
    $$VALUES ('Cancity - GTX Plus Basic (1C1I7A6R)', 'Cancity', 'closed_won', 'won', 1054.00, '2016-10-20'::timestamptz, '2016-10-20'::timestamptz, '2017-03-01'::timestamptz, '2017-03-01'::timestamptz)$$,
    'a won deal as it was');
SELECT is((SELECT owner_id FROM sentinel.deals WHERE id = pg_temp.deal('KWVA7VR1')), :'mira'::uuid, 'owners are found by name, in any case');
SELECT results_eq($$SELECT seq, stage, value, recorded_at, stage_entered_at FROM sentinel.deal_history WHERE deal_id = pg_temp.deal('1C1I7A6R') ORDER BY seq$$,
    $$VALUES (1, 'discover', 0.00, '2016-10-20'::timestamptz, '2016-10-20'::timestamptz), (2, 'closed_won', 1054.00, '2017-03-01', '2017-03-01')$$,
    'its history does not know before the end what it closed with');
SELECT is((SELECT array_agg(DISTINCT stage || value) FROM sentinel.deal_history WHERE org_id = :'org' AND seq = 1), '{discover0.00}', 'so won, lost and open deals began alike');
SELECT results_eq($$SELECT stage, recorded_at FROM sentinel.deal_history WHERE deal_id = pg_temp.deal('HAXMC4IX') ORDER BY seq$$,
    $$VALUES ('discover', '2016-11-03'::timestamptz), ('qualify', now())$$, 'an open deal is known to stand in its stage since the file');
SELECT is((SELECT created_at FROM sentinel.deals WHERE id = pg_temp.deal('PRSP0001')), now(), 'without a beginning it begins with the file');
SELECT results_eq($$SELECT stage, value FROM sentinel.deal_risk(pg_temp.deal('Z063OYW0'), '2016-12-24')$$, $$VALUES ('discover', 0.00)$$, 'the past can be asked');
SELECT results_eq(format($$SELECT samples, mean_days FROM sentinel.stage_norms WHERE owner_id = %L AND stage = 'discover' ORDER BY recorded_at$$, :'mira'),
    $$VALUES (1, 132::double precision), (2, 133)$$, 'stage norms are learned in the order of the closings');
SELECT is((SELECT array_agg(kind ORDER BY recorded_at) FROM sentinel.deal_timeline WHERE deal_id = pg_temp.deal('KWVA7VR1')), '{created,lost}', 'the timeline tells it, too');
SELECT is((SELECT count(*) FROM sentinel.events WHERE org_id = :'org' AND event_type LIKE 'deal.%'), 0::bigint, 'nobody hears of old deals: no invoice, no message');
SELECT is((SELECT count(*) FROM sentinel.job_waiting WHERE org_id = :'org'), 0::bigint, 'and no job waits');
SELECT is((SELECT payload - 'import_id' FROM sentinel.events WHERE org_id = :'org' AND event_type = 'deal_import.finished'),
    '{"file_name": "sales_pipeline.csv", "rows_total": 5, "rows_created": 5, "rows_updated": 0, "rows_unchanged": 0, "rows_rejected": 0}'::jsonb, 'but of the import');
SELECT is((SELECT round(count(*) FILTER (WHERE stage_kind = 'won')::numeric / count(*), 4) FROM sentinel.deals WHERE org_id = :'org' AND closed_at IS NOT NULL), 0.6667, 'the win rate is that of the file');

-- Again, and newer.
SELECT is((SELECT array_agg(DISTINCT state) FROM sentinel.import_deals_csv((SELECT body FROM file WHERE name = 'maven'))), '{unchanged}', 'the same file again changes nothing');
SELECT is((SELECT count(*) FROM sentinel.deal_history WHERE org_id = :'org'), 9::bigint, 'and adds no version');
UPDATE file SET body = replace(replace(body, 'Engaging,2016-11-03,,', 'Won,2016-11-03,2017-04-01,999'), 'Bubba Gump', 'Bubba Gump Ltd') WHERE name = 'maven';
SELECT is((SELECT array_agg(state ORDER BY line) FROM sentinel.import_deals_csv((SELECT body FROM file WHERE name = 'maven'))), '{unchanged,unchanged,unchanged,updated,updated}', 'a newer file updates');
SELECT results_eq($$SELECT stage, value, closed_at, changed_at FROM sentinel.deals WHERE id = pg_temp.deal('HAXMC4IX')$$,
    $$VALUES ('closed_won', 999.00, '2017-04-01'::timestamptz, now())$$, 'closed when it closed, recorded when it was learned of');
SELECT is((SELECT company_name FROM sentinel.deals WHERE id = pg_temp.deal('PRSP0001')), 'Bubba Gump Ltd', 'companies, too');
SELECT is((SELECT count(*) FROM sentinel.events WHERE org_id = :'org' AND event_type LIKE 'deal.%'), 0::bigint, 'still in silence');
UPDATE file SET body = replace(body, 'Lost,2016-11-04,2017-03-18,0', 'Engaging,2016-11-04,,') WHERE name = 'maven';
SELECT is((SELECT code || ': ' || reason FROM sentinel.import_deals_csv((SELECT body FROM file WHERE name = 'maven')) WHERE state = 'rejected'),
    'illegal_move: a deal cannot move from "closed_lost" to "qualify"', 'the pipeline holds for files');
SELECT sentinel.import_deals_csv(E'id,name,stage,created,closed,value\nANN1,Announced,won,2020-01-01,2020-02-01,5', announce => true);
SELECT is((SELECT array_agg(event_type ORDER BY seq) FROM sentinel.events WHERE subject_id = pg_temp.deal('ANN1')), '{deal.created,deal.stage_changed,deal.won}', 'unless the news is to be told');
SELECT sentinel.move_deal(pg_temp.deal('PRSP0001'), 'qualify', as_of => now() + interval '1 second');
SELECT is((SELECT array_agg(event_type) FROM sentinel.events WHERE subject_id = pg_temp.deal('PRSP0001')), '{deal.stage_changed}', 'what happens after the file is told as always');

-- What people send.
INSERT INTO file VALUES ('messy', $csv$Opportunity Name,Account Name,Opportunity Owner,Stage,Created Date,Close Date,Amount,Opportunity ID,Colour
Alpha,Alpha Ltd,Mira,Proposal/Price Quote,13/02/2020,01/12/2030,"€ 1.234,50",006A,red
Beta,Beta Ltd,mira@import.example,Closed Won,03/04/2020,05/06/2020,1.234,006B,
Gamma,Gamma Ltd,Somebody Else,Closed Won,03/04/2020,05/06/2020,100,006C,
Delta,Delta Ltd,Mira,Closed Won,05/06/2020,03/04/2020,100,006D,
Epsilon,,Mira,Sandwich,03/04/2020,,100,006E,
Zeta,,Mira,Closed Lost,,05/06/2020,100,006F,
Eta,,Mira,Closed Won,03/04/2020,,100,006G,
Theta,,Mira,Prospecting,31/02/2020,,100,006H,
Iota,,Mira,Prospecting,03/04/2020,,many,006I,
Kappa,,Mira,Prospecting,03/04/2020,,"-5,00",006K,
Lambda,,Mira,Prospecting,03/04/2020,,100,006A,
,,Mira,Prospecting,03/04/2020,,100,,
Mu,,Mira,Closed Won,03/04/2020,05/06/2099,100,006M,
"Nu,,Mira,Prospecting
$csv$);
SELECT results_eq($$SELECT line, coalesce(code, state) FROM sentinel.import_deals_csv((SELECT body FROM file WHERE name = 'messy'))$$,
    $$VALUES (2, 'created'), (3, 'created'), (4, 'unknown_owner'), (5, 'closed_before_created'), (6, 'unknown_stage'), (7, 'no_created'), (8, 'no_closed'),
             (9, 'bad_date'), (10, 'bad_amount'), (11, 'bad_value'), (12, 'repeated'), (13, 'no_name'), (14, 'in_future'), (15, 'unclosed_quote')$$,
    'each bad row is refused with its reason, and no other');
SELECT is((SELECT raw FROM sentinel.deal_import_rejects WHERE org_id = :'org' AND code = 'bad_date'), 'Theta,,Mira,Prospecting,31/02/2020,,100,006H,', 'and kept as it came');
SELECT results_eq($$SELECT date_order, decimal_comma, rows_total, rows_created, rows_rejected, warnings FROM sentinel.deal_imports WHERE fields @> '{""}'$$,
    $$VALUES ('day', true, 14, 2, 12, ARRAY['column "Colour" was passed over'])$$, 'the file tells how it is written');
SELECT results_eq($$SELECT name, value, currency, stage, created_at, closed_at, expected_close_at FROM sentinel.deals WHERE id = pg_temp.deal('006A')$$,
    $$VALUES ('Alpha', 1234.50, 'EUR', 'proposal', '2020-02-13'::timestamptz, NULL::timestamptz, '2030-12-01'::timestamptz)$$, 'the close date of an open deal is the expected one');
SELECT results_eq($$SELECT value, created_at, closed_at FROM sentinel.deals WHERE id = pg_temp.deal('006B')$$,
    $$VALUES (1234.00, '2020-04-03'::timestamptz, '2020-06-05'::timestamptz)$$, 'the other rows show how to read this one');
SELECT is((SELECT array_agg(line || ' ' || state) FROM sentinel.import_deals_csv((SELECT body FROM file WHERE name = 'messy'),
           words => '{"stage": {"sandwich": "qualify"}, "owner": {"Somebody Else": "olga@import.example"}}') WHERE state <> 'rejected'),
    '{"2 unchanged","3 unchanged","4 created","6 created"}', 'words can be explained');
SELECT is((SELECT code FROM sentinel.import_deals_csv(E'name,created\nOnly,03/04/2020')), 'bad_date', 'a date that may be two days is none');
SELECT is((SELECT state FROM sentinel.import_deals_csv(E'name,created\nOnly,03/04/2020', date_order => 'month')), 'created', 'unless one says which');
SELECT is((SELECT state FROM sentinel.import_deals_csv(E'name,created\nOnly,03/04/2020', date_order => 'month')), 'unchanged', 'without ids, name and beginning tell a deal');
SELECT is((SELECT created_at FROM sentinel.deals WHERE org_id = :'org' AND name = 'Only'), '2020-03-04'::timestamptz, 'the fourth of March');
SELECT is((SELECT state FROM sentinel.import_deals_csv(E'name,created,closed,status\nSame day,2020-05-05 14:00,2020-05-05,won')), 'created', 'won on the day on which it began');
SELECT is((SELECT count(*) FROM sentinel.import_deals_csv('')), 0::bigint, 'an empty file has no rows');
SELECT is((SELECT code FROM sentinel.import_deals_csv(E'"name,created\nx,2020-01-01')), 'unclosed_quote', 'a broken header is told');

-- History by columns of entering, and a pipeline with an order.
SELECT sentinel.import_deals_csv($csv$Deal Name,Record ID,"Date entered ""Qualified To Buy (Sales Pipeline)""",Date entered Proposal,Create Date,Close Date,Deal Stage,Amount
H1,900,2021-01-10,2021-02-01,2021-01-01,2021-03-01,closedwon,500
H2,901,2021-01-10,2021-04-01,2021-01-01,2021-03-01,closedlost,500
H3,902,,2021-01-01,2021-01-01,,contractsent,500
$csv$);
SELECT results_eq($$SELECT stage, stage_entered_at FROM sentinel.deal_history WHERE deal_id = pg_temp.deal('900') ORDER BY seq$$,
    $$VALUES ('discover', '2021-01-01'::timestamptz), ('qualify', '2021-01-10'), ('proposal', '2021-02-01'), ('closed_won', '2021-03-01')$$, 'each stage when it was entered');
SELECT is((SELECT reason FROM sentinel.deal_import_rejects WHERE org_id = :'org' AND external_id = '901'), 'it entered "proposal" after it closed', 'nothing after the end');
SELECT results_eq($$SELECT stage, stage_entered_at FROM sentinel.deal_history WHERE deal_id = pg_temp.deal('902') ORDER BY seq$$,
    $$VALUES ('proposal', '2021-01-01'::timestamptz), ('negotiation', now())$$, 'it began where it was on its first day');
SELECT is((SELECT array_agg(coalesce(code, state) ORDER BY line) FROM sentinel.import_deals_csv(
    E'Name,ID,Entered Discovery,Entered Negotiation,Created,Closed,Status,Value\nC1,c1,2021-01-01,2021-02-01,2021-01-01,2021-03-01,won,5\n'
    'C2,c2,,,2021-01-01,2021-03-01,won,5\nC3,c3,,,2021-01-01,2021-03-01,lost,5\nC4,c4,,,2021-01-01,,open,5\n', pipeline => 'CRM classic')),
    '{illegal_move,created,created,created}', 'no leap over a stage');
SELECT is((SELECT array_agg(DISTINCT stage) FROM sentinel.deal_history WHERE seq = 1 AND deal_id IN (pg_temp.deal('c2'), pg_temp.deal('c3'), pg_temp.deal('c4'))), '{discovery}',
    'a beginning that is assumed does not tell how it ends');
SELECT results_eq($$SELECT stage, recorded_at FROM sentinel.deal_history WHERE deal_id = pg_temp.deal('c2') ORDER BY seq$$,
    $$VALUES ('discovery', '2021-01-01'::timestamptz), ('proposal', '2021-03-01'), ('negotiation', '2021-03-01'), ('won', '2021-03-01')$$,
    'nor does what lies between');
-- Of a deal that is open today the file tells when it came to its stage, of one that closed it does not: before the file both are alike.
SELECT sentinel.import_deals_csv(E'Name,ID,Stage,Last Stage Change Date,Created,Closed,Value\n'
    'S1,s1,Proposal,2021-02-01,2021-01-01,,5\nS2,s2,Negotiation,2021-01-01,2021-01-01,,5\nS3,s3,Closed Won,2021-02-01,2021-01-01,2021-02-01,5\n',
    as_of => '2021-06-01');
SELECT results_eq($$SELECT external_id, h.stage, h.recorded_at, h.stage_entered_at FROM sentinel.deal_history h JOIN sentinel.deals d ON d.id = h.deal_id
        WHERE external_id IN ('s1', 's2', 's3') ORDER BY 1, seq$$,
    $$VALUES ('s1', 'discover', '2021-01-01'::timestamptz, '2021-01-01'::timestamptz), ('s1', 'proposal', '2021-06-01', '2021-02-01'),
             ('s2', 'discover', '2021-01-01', '2021-01-01'), ('s2', 'negotiation', '2021-06-01', '2021-01-01'),
             ('s3', 'discover', '2021-01-01', '2021-01-01'), ('s3', 'closed_won', '2021-02-01', '2021-02-01')$$,
    'a stage is known from the file on, with the day on which it was entered');

-- Pipedrive names what it exports twice: "Deal - Deal created".
SELECT sentinel.import_deals_csv(E'Deal - ID;Deal - Title;Deal - Value;Deal - Currency of Value;Deal - Stage;Deal - Status;Deal - Deal created;Deal - Won time;Deal - Deal closed on\n'
    'pd1;Erster;1.234,50;CHF;Negotiations Started;Won;2026-01-05 09:00:00;2026-03-05 09:00:00;2026-03-05 09:00:00\n');
SELECT results_eq($$SELECT name, value, currency, stage, created_at, closed_at FROM sentinel.deals WHERE id = pg_temp.deal('pd1')$$,
    $$VALUES ('Erster', 1234.50, 'CHF', 'closed_won', '2026-01-05 09:00+00'::timestamptz, '2026-03-05 09:00+00'::timestamptz)$$,
    'an export of Pipedrive');
SELECT sentinel.import_deals_csv(E'Name,ID,Created,Value\n' || sentinel.csv_cell('''=1') || E',ap1,2021-01-01,5\n');
SELECT is((SELECT name FROM sentinel.deals WHERE id = pg_temp.deal('ap1')), '''=1', 'what was exported comes back as it was');

-- A file does not undo what was learned after it was written.
SELECT sentinel.import_deals_csv(E'Name,ID,Stage,Created,Value\nLive,lv1,Proposal,2021-01-01,5\n', as_of => '2021-06-01');
SELECT sentinel.move_deal(pg_temp.deal('lv1'), 'negotiation');
SELECT results_eq($$SELECT state, code FROM sentinel.import_deals_csv(E'Name,ID,Stage,Created,Value\nLive,lv1,Proposal,2021-01-01,7\n', as_of => '2021-07-01')
        UNION ALL SELECT stage, value::text FROM sentinel.deals WHERE id = pg_temp.deal('lv1')$$,
    $$VALUES ('rejected', 'outdated'), ('negotiation', '5.00')$$, 'an older file is refused');
SELECT is((SELECT state FROM sentinel.import_deals_csv(E'Name,ID,Stage,Created,Value\nLive,lv1,Negotiation,2021-01-01,5\n', as_of => '2021-07-01')),
    'unchanged', 'unless it tells nothing new');

-- Stage norms of files that overlap in time: each closing counts from its time on, and the second file costs no more than both.
SELECT sentinel.create_org('Norms Ltd', 'import-pgtap-norms') AS norms \gset
SELECT sentinel.enter(:'norms');
SELECT sentinel.add_pipeline('crm_v1');
SELECT is((SELECT array_agg(DISTINCT state) FROM sentinel.import_deals_csv((
        SELECT E'ID,Name,Stage,Created,Closed\n' || string_agg(format('%s%s,Deal,Lost,2021-01-01,%s', f.part, n, date '2021-02-01' + 2 * n + f.part), E'\n' ORDER BY n)
        FROM generate_series(1, 40) AS n), pipeline => f.pipeline)), '{created}', 'one file after the other')
FROM (VALUES (1, 'Revenue'), (0, 'Revenue')) AS f(part, pipeline);
SELECT is((SELECT count(*) FROM (SELECT DISTINCT recorded_at AS at FROM sentinel.stage_norms WHERE org_id = :'norms') t
    CROSS JOIN LATERAL (SELECT n.samples, n.mean_days FROM sentinel.stage_norms n WHERE n.org_id = :'norms' AND n.recorded_at <= t.at ORDER BY n.recorded_at DESC, n.id DESC LIMIT 1) n
    JOIN LATERAL (SELECT count(*) AS samples, avg(extract(epoch FROM d.closed_at - d.created_at) / 86400)::double precision AS mean_days
                  FROM sentinel.deals d WHERE d.org_id = :'norms' AND d.closed_at <= t.at) d ON n.samples = d.samples AND abs(n.mean_days - d.mean_days) < 1e-9), 80::bigint,
    'the norm of each time is that of the deals closed by then');
SELECT cmp_ok((SELECT count(*) FROM sentinel.stage_norms WHERE org_id = :'norms'), '<=', 120::bigint, 'told once for each time');
SELECT sentinel.import_deals_csv(E'ID,Name,Stage,Created,Closed\nv1,V,Won,2021-01-01,2021-03-01\n', pipeline => 'CRM classic');
SELECT is((SELECT array_agg(DISTINCT n.stage) FROM sentinel.stage_norms n WHERE n.org_id = :'norms'), '{discover,discovery}', 'what is passed at once is no stay');
SELECT sentinel.enter(:'org');

-- Mapping, owners, rights.
SELECT is((SELECT state FROM sentinel.import_deals_csv(E'what,rep,since,stage\nMapped,olga@import.example,2020-01-01,ignored', '{"What": "name", "rep": "owner", "Since": "created", "stage": null}')),
    'created', 'columns can be named');
SELECT throws_ok($$SELECT sentinel.import_deals_csv(E'name,created\nx,2020-01-01', '{"nome": "name"}')$$, 'SN007', 'the file has no column "nome"', 'a heading that is not there');
SELECT throws_ok($$SELECT sentinel.import_deals_csv(E'name,created\nx,2020-01-01', '{"name": "nom"}')$$, 'SN007', 'unknown field "nom"', 'no field');
SELECT throws_ok($$SELECT sentinel.import_deals_csv('', defaults => '{"nom": "x"}')$$, 'SN007', 'unknown field "nom"', 'no default');
SELECT throws_ok($$SELECT sentinel.import_deals_csv('', unknown_owners => 'ask')$$, '22023', 'unknown way "ask"', 'no way');
SELECT throws_ok($$SELECT sentinel.import_deals_csv('', timezone => 'Mars/Olympus')$$, '22023', 'unknown time zone "Mars/Olympus"', 'no zone');
SELECT throws_ok($$SELECT sentinel.import_deals_csv('', pipeline => 'nope')$$, 'SN004', NULL, 'no pipeline');
SELECT is(pg_temp.as_login('tap_im_mira', :'org', $$SELECT sentinel.import_deals_csv(E'name\nx')$$), 'SN003', 'files are for owners and admins');
SELECT is(pg_temp.as_login('tap_im_ada', :'org', $$SELECT state FROM sentinel.import_deals_csv(E'name\nOf an admin')$$), 'created', 'who need not own what comes');
SELECT is(pg_temp.as_login('tap_im_mira', :'org', 'SELECT count(*) FROM sentinel.deal_import_rejects'), '0', 'nor do others read what was refused');

-- A table as the target of COPY.
CREATE TEMP TABLE opportunities ("Deal ""Name""" text, "Stage" text, created text, amount numeric, note text);
INSERT INTO opportunities VALUES ('Quoted "A", and so on', 'proposal', '2020-01-01', 12.5, E'two\nlines'), ('No amount', NULL, '2020-02-01', NULL, '');
SELECT results_eq($$SELECT line, state FROM sentinel.import_deals_csv('opportunities'::regclass, '{"Deal \"Name\"": "name", "note": null, "amount": "value"}')$$,
    $$VALUES (2, 'created'), (4, 'created')$$, 'rows that were copied into a table are taken in');
SELECT results_eq($$SELECT name, stage, value, created_at FROM sentinel.deals WHERE org_id = sentinel.current_org() AND name LIKE 'Quoted%'$$,
    $$VALUES ('Quoted "A", and so on', 'proposal', 12.50, '2020-01-01'::timestamptz)$$, 'with all their letters');
SELECT is((SELECT file_name FROM sentinel.deal_imports WHERE org_id = sentinel.current_org() ORDER BY id DESC LIMIT 1), 'opportunities', 'and where they came from');
SELECT is(pg_temp.as_login('tap_im_ada', :'org', $$SELECT state FROM sentinel.import_deals_csv('sentinel.job_waiting'::regclass)$$), '42501', 'of a table that the caller may read');

-- There and back.
SELECT sentinel.create_deal('=1+1', 5, owner_id => :'olga', external_id => 'FORMULA');
SELECT sentinel.export_deals_csv() AS exported \gset
SELECT sentinel.enter(:'second');
SELECT is((SELECT count(*) FROM sentinel.import_deals_csv(:'exported'::text, dry_run => true, unknown_owners => 'nobody') WHERE state <> 'created'), 0::bigint, 'an export can be imported');
SELECT sentinel.import_deals_csv(:'exported'::text, unknown_owners => 'nobody');
SELECT is((SELECT name FROM sentinel.deals WHERE id = pg_temp.deal('FORMULA')), '=1+1', 'names come back as they were');
SELECT results_eq($$SELECT stage, value, currency, created_at, closed_at FROM sentinel.deals WHERE id = pg_temp.deal('006B')$$,
    $$VALUES ('closed_won', 1234.00, 'USD', '2020-04-03'::timestamptz, '2020-06-05'::timestamptz)$$, 'and figures');
SELECT is((SELECT count(*) FROM sentinel.import_deals_csv(E'Name,Owner,Owner Email,Created\nA,Zoe,zoe@second.example,2020-01-01\nB,Zoe,ZOE@second.example,2020-01-01\nC,Nameless,,2020-01-01',
    unknown_owners => 'add') WHERE state = 'created'), 2::bigint, 'owners with an address can be added');
SELECT is((SELECT array_agg(display_name) FROM sentinel.members WHERE org_id = :'second'), '{Zoe}', 'each once');
SELECT is((SELECT count(*) FROM sentinel.deals d JOIN sentinel.members m ON m.org_id = d.org_id AND m.id = d.owner_id WHERE d.org_id = :'second' AND m.email = 'zoe@second.example'), 2::bigint, 'with both deals');

SELECT * FROM finish();
ROLLBACK;
