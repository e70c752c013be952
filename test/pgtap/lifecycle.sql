-- Room lifecycle: every machine against its map, from any client; which state was entered when; what the stage of a lead
-- brings; which events tell of it; whose lead it is.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(112);

SELECT sentinel.create_org('Stages Ltd', 'lifecycle-pgtap') AS org, sentinel.create_org('Other Ltd', 'lifecycle-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@stages.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@stages.example') AS mira,
       sentinel.add_member('Max', 'max@stages.example') AS max, sentinel.add_member('Vera', 'vera@stages.example', 'viewer') AS vera,
       sentinel.add_team('North') AS north \gset
SELECT sentinel.add_team_member(:'north', :'mira'), sentinel.add_team_member(:'north', :'vera', 'viewer');
SELECT sentinel.enter(:'other');
SELECT sentinel.add_member('Else', 'else@stages.example', 'owner') AS else \gset
SELECT sentinel.enter(:'org');
CREATE ROLE tap_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_max LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_vera LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_else LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_mira', :'org', :'mira'), sentinel.grant_login('tap_max', :'org', :'max'),
       sentinel.grant_login('tap_vera', :'org', :'vera'), sentinel.grant_login('tap_else', :'other', :'else');
-- Runs a statement as a login and gives its answer or its SQLSTATE.
CREATE FUNCTION pg_temp.as_login(login text, org uuid, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    home uuid := sentinel.current_org();
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

-- The maps, written once more by hand: crm-engine.md §3 with the stage negotiation of its first version; what it leaves open
-- (contract) as it is meant.
CREATE TEMP TABLE map (machine text, state text, next text[], PRIMARY KEY (machine, state));
INSERT INTO map VALUES
    ('lead', 'new_lead', '{contacted,qualified,proposal,negotiation,won,lost}'), ('lead', 'contacted', '{qualified,proposal,negotiation,won,lost}'),
    ('lead', 'qualified', '{contacted,proposal,negotiation,won,lost}'), ('lead', 'proposal', '{qualified,negotiation,won,lost}'),
    ('lead', 'negotiation', '{proposal,won,lost}'), ('lead', 'won', '{contacted,qualified}'), ('lead', 'lost', '{contacted,qualified}'),
    ('call', 'booked', '{completed,no_show,cancelled}'), ('call', 'completed', '{}'), ('call', 'no_show', '{booked}'), ('call', 'cancelled', '{}'),
    ('invoice', 'draft', '{sent,paid,cancelled}'), ('invoice', 'sent', '{overdue,paid,cancelled}'), ('invoice', 'overdue', '{paid,cancelled}'),
    ('invoice', 'paid', '{}'), ('invoice', 'cancelled', '{}'),
    ('contract', 'draft', '{sent,signed,void}'), ('contract', 'sent', '{signed,void}'), ('contract', 'signed', '{}'), ('contract', 'void', '{}'),
    ('client_onboarding', 'pending', '{in_progress}'), ('client_onboarding', 'in_progress', '{complete}'), ('client_onboarding', 'complete', '{}'),
    ('client_delivery', 'system_design', '{crm_build}'), ('client_delivery', 'crm_build', '{automation_build}'),
    ('client_delivery', 'automation_build', '{handover}'), ('client_delivery', 'handover', '{live}'),
    ('client_delivery', 'live', '{complete}'), ('client_delivery', 'complete', '{}');
CREATE TEMP TABLE place (machine text PRIMARY KEY, tab regclass, col text, birth text, also text);
INSERT INTO place VALUES
    ('lead', 'sentinel.leads', 'lifecycle_stage', 'new_lead', ''),
    ('call', 'sentinel.calls', 'status', 'booked', ', transcript = ''said'', outcome = ''done'''),
    ('invoice', 'sentinel.invoices', 'status', 'draft', ''),
    ('contract', 'sentinel.contracts', 'status', 'draft', ', signed_by = ''A. Person'''),
    ('client_onboarding', 'sentinel.clients', 'onboarding_status', 'pending', ''),
    ('client_delivery', 'sentinel.clients', 'delivery_phase', 'system_design', '');

-- A new row of a machine, in a state named: by plain INSERT.
CREATE FUNCTION pg_temp.born(machine text, state text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    org uuid := sentinel.current_org();
    made uuid := sentinel.uuid7();
    deal uuid;
BEGIN
    IF machine NOT IN ('lead', 'call') THEN
        deal := sentinel.create_deal('Of ' || made, 100);
    END IF;
    CASE machine
    WHEN 'lead' THEN INSERT INTO sentinel.leads (org_id, id, name, lifecycle_stage) VALUES (org, made, 'L', state);
    WHEN 'call' THEN
        INSERT INTO sentinel.calls (org_id, id, lead_id, scheduled_at, status, transcript, outcome)
        VALUES (org, made, sentinel.create_lead('Callee'), now(), state, 'said', 'done');
    WHEN 'invoice' THEN
        INSERT INTO sentinel.invoices (org_id, id, deal_id, number, amount, currency, due_at, status)
        VALUES (org, made, deal, made, 1, 'USD', now(), state);
    WHEN 'contract' THEN
        INSERT INTO sentinel.contracts (org_id, id, deal_id, html, status, signed_by) VALUES (org, made, deal, '<p>', state, 'A. Person');
    WHEN 'client_onboarding' THEN INSERT INTO sentinel.clients (org_id, id, deal_id, onboarding_status) VALUES (org, made, deal, state);
    ELSE INSERT INTO sentinel.clients (org_id, id, deal_id, delivery_phase) VALUES (org, made, deal, state);
    END CASE;
    RETURN made;
END
$$;
CREATE FUNCTION pg_temp.move(machine text, subject uuid, goal text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p record;
BEGIN
    SELECT * INTO p FROM place x WHERE x.machine = move.machine;
    EXECUTE format('UPDATE %s SET %I = %L%s WHERE id = %L', p.tab, p.col, goal, CASE WHEN goal IN ('completed', 'signed') THEN p.also ELSE '' END, subject);
END
$$;
-- A row brought into a state along the map.
CREATE FUNCTION pg_temp.row_in(machine text, state text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid := pg_temp.born(machine, (SELECT x.birth FROM place x WHERE x.machine = row_in.machine));
    step text;
BEGIN
    FOR step IN
        WITH RECURSIVE way AS (
            SELECT x.birth AS at, ARRAY[]::text[] AS steps FROM place x WHERE x.machine = row_in.machine
            UNION ALL
            SELECT n.goal, w.steps || n.goal FROM way w JOIN map m ON m.machine = row_in.machine AND m.state = w.at
            CROSS JOIN unnest(m.next) AS n(goal) WHERE n.goal <> ALL (w.steps) AND w.at <> row_in.state AND cardinality(w.steps) < 5)
        SELECT unnest(steps) FROM (SELECT steps FROM way WHERE at = row_in.state ORDER BY cardinality(steps) LIMIT 1) s
    LOOP
        PERFORM pg_temp.move(machine, made, step);
    END LOOP;
    RETURN made;
END
$$;
-- What a move or a birth comes to, undone again.
CREATE FUNCTION pg_temp.outcome(machine text, subject uuid, goal text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    IF subject IS NULL THEN
        PERFORM pg_temp.born(machine, goal);
    ELSE
        PERFORM pg_temp.move(machine, subject, goal);
    END IF;
    RAISE EXCEPTION 'undone' USING ERRCODE = 'UNDO0';
EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN RETURN 'legal';
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN SQLSTATE || ' ' || hint;
END
$$;

SELECT results_eq('SELECT m.machine, s.state, s.position FROM sentinel.lifecycle_states s JOIN sentinel.lifecycle_machines m USING (machine) ORDER BY 1, 3',
    'SELECT machine, state, row_number() OVER (PARTITION BY machine ORDER BY rn)::integer FROM (SELECT *, row_number() OVER () rn FROM map) m ORDER BY 1, 3',
    'the machines have these states in this order');
SELECT results_eq('SELECT machine, state, sentinel.legal_states(machine, state) FROM map ORDER BY 1, 2', 'SELECT * FROM map ORDER BY 1, 2', 'legal_states() tells the map');
SELECT results_eq('SELECT machine, sentinel.legal_states(machine, NULL) FROM place ORDER BY 1', 'SELECT machine, ARRAY[birth] FROM place ORDER BY 1', 'and how rows begin');
SELECT throws_ok($$SELECT sentinel.legal_states('leads', 'won')$$, 'SN004', 'no state machine "leads"', 'an unknown machine');
SELECT throws_ok($$SELECT sentinel.legal_states('lead', 'gone')$$, 'SN004', 'no state "gone" in state machine "lead"', 'an unknown state');

CREATE TEMP TABLE held AS SELECT m.machine, m.state, m.next, pg_temp.row_in(m.machine, m.state) AS id FROM map m;
CREATE TEMP TABLE tried AS
    SELECT h.machine, h.state, g.goal, pg_temp.outcome(h.machine, h.id, g.goal) AS came,
           CASE WHEN g.goal = h.state OR g.goal = ANY (h.next) THEN 'legal'
                WHEN h.next = '{}' THEN format('SN005 SELECT * FROM sentinel.lifecycle_transitions WHERE machine = ''%s'';', h.machine)
                ELSE format('SN005 Use one of: %s.', array_to_string(h.next, ', ')) END AS expected
    FROM held h CROSS JOIN LATERAL (SELECT m.state FROM map m WHERE m.machine = h.machine UNION ALL VALUES ('limbo'), (NULL)) AS g(goal);
SELECT is_empty(format('SELECT state, goal, came, expected FROM tried WHERE machine = %L AND came IS DISTINCT FROM expected', machine),
                format('%s: of %s moves by UPDATE %s are legal; each other one is refused with the hint of those that are', machine, count(*), count(*) FILTER (WHERE came = 'legal')))
FROM tried GROUP BY machine ORDER BY machine;
SELECT is((SELECT count(*) FROM tried WHERE came <> 'legal'), 129::bigint, 'none is passed by');
SELECT is_empty(format($$SELECT state, pg_temp.outcome(%1$L, NULL, state) FROM map WHERE machine = %1$L
        AND pg_temp.outcome(%1$L, NULL, state) <> CASE state WHEN %2$L THEN 'legal' ELSE 'SN005 Use one of: %2$s.' END$$, machine, birth),
    format('%s: a new row begins as %s only', machine, birth))
FROM place ORDER BY machine;
SELECT throws_ok($$INSERT INTO sentinel.leads (org_id, name, lifecycle_stage) VALUES (sentinel.current_org(), 'x', 'won')$$, 'SN005', 'a lead cannot begin as "won"', 'told as a beginning');
SELECT throws_ok(format('UPDATE sentinel.leads SET lifecycle_stage = ''new_lead'' WHERE id = %L', (SELECT id FROM held WHERE machine = 'lead' AND state = 'won')),
    'SN005', 'a lead cannot move from "won" to "new_lead"', 'told as a move');
SELECT throws_ok(format('UPDATE sentinel.clients SET delivery_phase = NULL WHERE id = %L', (SELECT id FROM held WHERE machine = 'client_delivery' AND state = 'live')),
    'SN005', 'the delivery to a client cannot move from "live" to null', 'what has begun goes on');
SELECT lives_ok(format('UPDATE sentinel.clients SET delivery_phase = ''system_design'' WHERE id = %L', (SELECT id FROM held WHERE machine = 'client_onboarding' AND state = 'pending')),
    'what has not begun begins');
SELECT throws_ok($$UPDATE sentinel.leads SET lifecycle_stage = 'contacted' WHERE org_id = sentinel.current_org()$$, 'SN005', NULL, 'of many rows at once, one illegal move');
SELECT is_empty($$SELECT h.state FROM held h JOIN sentinel.leads l ON l.id = h.id WHERE l.lifecycle_stage <> h.state$$, 'leaves all as they were');
SELECT throws_ok($$INSERT INTO sentinel.leads (org_id, name, lifecycle_stage) VALUES (sentinel.current_org(), 'a', 'new_lead'), (sentinel.current_org(),
    'b', 'lost')$$, 'SN005', NULL, 'of many new rows, one illegal');
SELECT throws_ok(format($$INSERT INTO sentinel.leads (org_id, id, name) SELECT org_id, id, name FROM sentinel.leads WHERE id = %L
    ON CONFLICT (org_id, id) DO UPDATE SET lifecycle_stage = 'new_lead'$$, (SELECT id FROM held WHERE machine = 'lead' AND state = 'won')), 'SN005', NULL, 'not by ON CONFLICT');
SELECT throws_ok(format($$MERGE INTO sentinel.leads l USING (VALUES (1)) v ON l.id = %L WHEN MATCHED THEN UPDATE SET lifecycle_stage = 'new_lead'$$,
    (SELECT id FROM held WHERE machine = 'lead' AND state = 'won')), 'SN005', NULL, 'nor by MERGE');
GRANT SELECT ON place, map TO PUBLIC;
SELECT is_empty(format($$SELECT state, goal, came FROM (SELECT t.*, pg_temp.as_login('tap_mira', %L, format('SELECT pg_temp.outcome(%%L, %%L, %%L)', 'lead', h.id, t.goal)) AS member
        FROM tried t JOIN held h USING (machine, state) WHERE machine = 'lead') x WHERE member IS DISTINCT FROM expected$$, :'org'), 'a member by UPDATE finds the same map and hints');
SELECT is_empty(format($$SELECT machine FROM place p WHERE machine <> 'lead'
        AND pg_temp.as_login('tap_mira', %L, format('UPDATE %%s SET %%I = %%L', p.tab, p.col, p.birth)) <> '42501'$$, :'org'), 'other tables members do not write at all');

-- What moved where, and when.
SELECT is_empty('SELECT machine, subject_id FROM sentinel.state_history WHERE left_at IS NULL GROUP BY 1, 2 HAVING count(*) <> 1', 'nothing is in two states');
SELECT is_empty($$SELECT h.machine, h.state FROM held h LEFT JOIN sentinel.state_history s ON s.machine = h.machine AND s.subject_id = h.id AND s.left_at IS NULL
    WHERE s.state IS DISTINCT FROM h.state$$, 'the open stay is the present state');
SELECT sentinel.create_lead('Dated', 'dated@stages.example') AS dated \gset
UPDATE sentinel.leads SET last_state_change = pg_temp.ago(20) WHERE id = :'dated';
SELECT is(sentinel.set_lead_stage(:'dated', ' Contacted ', pg_temp.ago(15))::text, '', 'a move as of the past');
UPDATE sentinel.leads SET lifecycle_stage = 'proposal', last_state_change = pg_temp.ago(10) WHERE id = :'dated';
UPDATE sentinel.leads SET lifecycle_stage = 'qualified' WHERE id = :'dated';
CREATE FUNCTION pg_temp.stays(subject uuid, machine text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(format('%s %s %s-%s', s.seq, s.state, round(extract(epoch FROM now() - s.entered_at) / 86400, 3)::real,
                             round(extract(epoch FROM now() - s.left_at) / 86400, 3)::real), ', ' ORDER BY s.seq)
    FROM sentinel.state_history s WHERE s.subject_id = stays.subject AND s.machine = stays.machine $$;
SELECT is(pg_temp.stays(:'dated', 'lead'), '1 new_lead 0-0, 2 contacted 0-0, 3 proposal 0-0, 4 qualified 0-', 'no stay ends before it begins, though dates of leads may be mended');
SELECT sentinel.create_lead('Old') AS old \gset
INSERT INTO sentinel.leads (org_id, id, name, last_state_change) VALUES (:'org', sentinel.uuid7(), 'Aged', pg_temp.ago(20)) RETURNING id AS aged \gset
SELECT sentinel.set_lead_stage(:'aged', 'contacted', pg_temp.ago(15));
UPDATE sentinel.leads SET lifecycle_stage = 'proposal', last_state_change = pg_temp.ago(10) WHERE id = :'aged';
SELECT sentinel.set_lead_stage(:'aged', 'lost', pg_temp.ago(12));
SELECT is((SELECT last_state_change FROM sentinel.leads WHERE id = :'aged'), pg_temp.ago(10) + interval '1 microsecond', 'as_of counts from the last change on');
SELECT sentinel.advance_lead(:'aged', 'won', pg_temp.ago(5)) AS advanced \gset
SELECT is(pg_temp.stays(:'aged', 'lead'), '1 new_lead 20-15, 2 contacted 15-10, 3 proposal 10-10, 4 lost 10-5, 5 qualified 5-5, 6 won 5-', 'stays meet where they were said to');
SELECT sentinel.set_lead_stage(:'old', 'contacted'), sentinel.set_lead_stage(:'old', 'qualified'), sentinel.set_lead_stage(:'old', 'contacted'), sentinel.set_lead_stage(:'old', 'lost');
SELECT is((SELECT string_agg(format('%s %s %s %s', seq, state, entered_at = now(), left_at = now()), ', ' ORDER BY seq) FROM sentinel.state_history WHERE subject_id = :'old'),
    '1 new_lead t t, 2 contacted t t, 3 qualified t t, 4 contacted t t, 5 lost t ', 'moves of one transaction are kept in their order');
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, ''qualified'', now() + interval ''1 minute'')', :'old'), 'SN007', NULL, 'not yet');
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, ''qualified'', %L)', :'old', x.bad), 'SN007', NULL, 'nor at ' || x.bad) FROM (VALUES ('infinity'), ('-infinity')) x(bad);
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, ''qualified'', NULL)', :'old'), 'SN007', 'as_of null is no time past', 'nor at no time');
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, ''lukewarm'')', :'old'), 'SN005', 'a lead cannot move from "lost" to "lukewarm"', 'to no stage');
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, NULL)', :'old'), 'SN005', NULL, 'nor to none');
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, ''won'')', :'old'), 'SN005', 'a lead cannot move from "lost" to "won"', 'nor from lost to won');
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, ''won'')', sentinel.uuid7()), 'SN004', NULL, 'of no lead');
SELECT throws_ok(format('UPDATE sentinel.leads SET last_state_change = %L WHERE id = %L', x.bad, :'old'), 'SN007', NULL, 'no change at ' || x.bad) FROM (VALUES ('infinity'), ('-infinity'),
    ('2999-01-01')) x(bad);
SELECT throws_ok(format('INSERT INTO sentinel.leads (org_id, name, last_state_change) VALUES (%L, ''x'', %L)', :'org', x.bad),
    'SN007', NULL, 'nor begins a lead at ' || x.bad) FROM (VALUES ('infinity'), ('2999-01-01')) x(bad);
SELECT throws_ok(format($$UPDATE sentinel.invoices SET status = 'paid', status_changed_at = now() + interval '1 hour' WHERE id = %L$$, (SELECT id FROM held WHERE machine = 'invoice' AND state = 'sent')),
    'SN007', NULL, 'an invoice is not paid tomorrow');
SELECT throws_ok(format($$UPDATE sentinel.invoices SET status = 'paid', status_changed_at = now() - interval '1 hour' WHERE id = %L$$, (SELECT id FROM held WHERE machine = 'invoice' AND state = 'sent')),
    'SN007', NULL, 'nor before it was sent');
SELECT throws_ok('DELETE FROM sentinel.state_history', 'SN006', NULL, 'the past is not deleted');
SELECT throws_ok('TRUNCATE sentinel.state_history', 'SN006', NULL, 'nor cut off');
SELECT count(*) AS before FROM sentinel.events \gset
SELECT is(sentinel.set_lead_stage(:'old', 'LOST')::text, '', 'to where it is');
UPDATE sentinel.leads SET lifecycle_stage = lifecycle_stage, industry = 'x' WHERE id = :'old';
SELECT is((SELECT count(*) FROM sentinel.events), :'before'::bigint, 'is no event');
SELECT is((SELECT max(seq) FROM sentinel.state_history WHERE subject_id = :'old'), 5, 'and no stay');
DELETE FROM sentinel.leads WHERE id = :'old';
SELECT is((SELECT left_at FROM sentinel.state_history WHERE subject_id = :'old' AND seq = 5), now(), 'what is deleted has left its last state, and its past stays');

-- What a stage brings. Days of 24 hours from the change.
CREATE TEMP TABLE brought (stage text, platform text, action text, days numeric, contact boolean);
INSERT INTO brought VALUES
    ('contacted', 'Instagram', 'follow_up', 2, true), ('contacted', 'twitter', 'follow_up', 2, true), ('contacted', 'X', 'follow_up', 2, true),
    ('contacted', 'LinkedIn', 'follow_up', 4, true), ('contacted', 'Cold email', 'follow_up', 3, true), ('contacted', ' Phone', 'follow_up', 1, true),
    ('contacted', 'Billboard', 'follow_up', 3, true), ('contacted', NULL, 'follow_up', 3, true),
    ('qualified', 'phone', 'schedule_call', 2, true), ('proposal', 'phone', 'send_proposal', 3, true), ('negotiation', 'phone', 'follow_up', 1, true),
    ('won', 'phone', 'no_action', NULL, false), ('lost', 'phone', 'no_action', NULL, false);
CREATE FUNCTION pg_temp.brings(stage text, platform text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lead uuid := sentinel.uuid7();
BEGIN
    INSERT INTO sentinel.leads (org_id, id, name, platform, priority, next_action, next_action_due, last_state_change, last_contacted_at)
    VALUES (sentinel.current_org(), lead, 'Brought', platform, 'critical', 'contact', now(), pg_temp.ago(9), pg_temp.ago(8));
    PERFORM sentinel.set_lead_stage(lead, stage, pg_temp.ago(7));
    RETURN (SELECT format('%s %s %s %s', l.next_action, l.next_action_due, l.priority, l.last_contacted_at) FROM sentinel.leads l WHERE l.id = lead);
END
$$;
SELECT is(pg_temp.brings(b.stage, b.platform), format('%s %s normal %s', b.action, pg_temp.ago(7) + b.days::double precision * interval '24 hours',
    CASE WHEN b.contact THEN pg_temp.ago(7) ELSE pg_temp.ago(8) END),
          format('%s by %s', b.stage, coalesce(b.platform, 'nothing'))) FROM brought b;
SELECT is((SELECT string_agg(sentinel.platform_key(x), ',') FROM unnest(ARRAY['Cold email', 'cold-email', 'COLD_EMAIL', ' cold  email ', 'ColdEmail']) x),
    'cold_email,cold_email,cold_email,cold_email,cold_email', 'cold email however it is written');
SELECT is((SELECT string_agg(sentinel.platform_key(x), ',') FROM unnest(ARRAY[NULL, '', ' - ', 'Word of mouth']) x), 'other,other,other,word_of_mouth', 'and none is other');
SELECT sentinel.create_lead('Choosy', platform => 'phone') AS choosy \gset
UPDATE sentinel.leads SET lifecycle_stage = 'contacted', next_action = 'no_action', next_action_due = '2030-01-01', priority = 'high', last_contacted_at = '2020-01-01' WHERE id = :'choosy';
SELECT is((SELECT (next_action, next_action_due, priority, last_contacted_at)::text FROM sentinel.leads WHERE id = :'choosy'),
    '(no_action,"2030-01-01 00:00:00+00",high,"2020-01-01 00:00:00+00")', 'what the statement itself sets stays');
SELECT sentinel.set_lead_stage(:'choosy', 'qualified', contacted => false);
SELECT is((SELECT (next_action, last_contacted_at)::text FROM sentinel.leads WHERE id = :'choosy'), '(schedule_call,"2020-01-01 00:00:00+00")', 'a job that moves a lead has not been in touch');
SELECT is((SELECT string_agg(sentinel.advance_lead((SELECT h.id FROM held h WHERE h.machine = 'lead' AND h.state = x.was), x.goal)::text, ',')
           FROM (VALUES ('proposal', 'contacted'), ('won', 'proposal'), ('negotiation', 'won')) x(was, goal)), 'false,false,true', 'advancing a lead goes forward only');
SELECT is((SELECT string_agg(h.state || ' ' || l.lifecycle_stage, ',' ORDER BY h.state) FROM held h JOIN sentinel.leads l ON l.id = h.id WHERE h.state IN ('proposal', 'won', 'negotiation')),
    'negotiation won,proposal proposal,won won', 'and the leads are where they should be');
SELECT is(sentinel.advance_lead(sentinel.uuid7(), 'won'), false, 'a lead that is gone stays so');
SELECT sentinel.create_lead('Come back') AS back \gset
SELECT sentinel.set_lead_stage(:'back', 'lost'), sentinel.advance_lead(:'back', 'new_lead');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'back'), 'qualified', 'a lost lead that is to be at least new is taken up again');
SELECT sentinel.set_lead_priority(:'back', ' High');
SELECT is((SELECT priority FROM sentinel.leads WHERE id = :'back'), 'high', 'a priority is set');
SELECT throws_ok(format('SELECT sentinel.set_lead_priority(%L, ''urgent'')', :'back'), '22023', 'unknown priority "urgent"', 'to one that is known');
SELECT sentinel.set_lead_priority(:'back', NULL);
SELECT is((SELECT priority FROM sentinel.leads WHERE id = :'back'), NULL, 'and cleared');

-- Who hears of it. Winning a lead is no reactivation, which would have it judged and moved back.
CREATE FUNCTION pg_temp.told(subject uuid) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ', e.event_type, replace(e.idempotency_key, $1::text, 'ID'), e.payload ->> 'from_stage', e.payload ->> 'stage') FROM sentinel.events e
    WHERE e.subject_id = $1 AND e.event_type <> 'lead.created' ORDER BY e.seq $$;
SELECT sentinel.create_lead('Winner') AS winner \gset
SELECT sentinel.set_lead_stage(:'winner', 'qualified'), sentinel.set_lead_stage(:'winner', 'won');
SELECT results_eq(format('SELECT pg_temp.told(%L)', :'winner'), $$VALUES ('lead.stage_changed lead.stage_changed:ID:2 new_lead qualified'),
    ('lead.stage_changed lead.stage_changed:ID:3 qualified won')$$, 'a lead that is won is told once and not reactivated');
SELECT is((SELECT count(*) FROM sentinel.job_waiting w WHERE w.job_type = 'qualify_lead' AND w.org_id = :'org'),
    (SELECT count(*) FROM sentinel.events WHERE event_type = 'lead.reactivated' AND org_id = :'org'), 'nobody judges it');
SELECT sentinel.set_lead_stage(:'winner', 'qualified'), sentinel.set_lead_stage(:'winner', 'lost'), sentinel.set_lead_stage(:'winner', 'contacted');
SELECT is((SELECT string_agg(t, '; ') FROM (SELECT t FROM pg_temp.told(:'winner') t OFFSET 2) x),
    'lead.stage_changed lead.stage_changed:ID:4 won qualified; lead.reactivated lead.reactivated:ID:4 won qualified; lead.stage_changed lead.stage_changed:ID:5 qualified lost; '
    'lead.stage_changed lead.stage_changed:ID:6 lost contacted; lead.reactivated lead.reactivated:ID:6 lost contacted', 'what comes back from won or lost is, each time');
SELECT is((SELECT payload - 'lead_id' FROM sentinel.events WHERE idempotency_key = 'lead.stage_changed:' || :'aged' || ':2'),
    jsonb_build_object('owner_id', NULL, 'stage', 'contacted', 'from_stage', 'new_lead', 'as_of', pg_temp.ago(15)), 'an event carries what happened when');
INSERT INTO sentinel.leads (org_id, name) SELECT :'org', 'Bulk ' || n FROM generate_series(1, 50) n;
UPDATE sentinel.leads SET lifecycle_stage = 'contacted' WHERE name LIKE 'Bulk %' AND org_id = :'org';
SELECT is((SELECT (count(*), count(DISTINCT e.subject_id))::text FROM sentinel.events e JOIN sentinel.leads l ON l.id = e.subject_id
    WHERE l.name LIKE 'Bulk %' AND e.event_type = 'lead.stage_changed'), '(50,50)', 'many moves by one statement are told each');
SELECT is((SELECT count(*) FROM sentinel.state_history s JOIN sentinel.leads l ON l.id = s.subject_id WHERE l.name LIKE 'Bulk %'), 100::bigint, 'and recorded each');
SELECT is((SELECT string_agg(DISTINCT format('%s %s', next_action, next_action_due - now()), ',') FROM sentinel.leads WHERE name LIKE 'Bulk %'), 'follow_up 3 days', 'with what is to be done');

-- Whose lead it is.
SELECT sentinel.create_lead('Of Mira', owner_id => :'mira') AS own, sentinel.create_lead('Of the team', team_id => :'north') AS shared, sentinel.create_lead('Of nobody') AS free \gset
SELECT is(pg_temp.as_login(x.login, CASE x.login WHEN 'tap_else' THEN :'other' ELSE :'org' END::uuid, format('SELECT sentinel.set_lead_stage(%L, ''contacted'')', x.lead)),
    x.answer, format('%s moves the lead %s: %s', x.login, x.label, x.answer))
FROM (VALUES ('tap_max', :'own', 'of another', 'SN004'), ('tap_vera', :'own', 'of another', 'SN004'), ('tap_else', :'free', 'of another organisation', 'SN004'),
    ('tap_max', :'shared', 'of another team', 'SN004'),
             ('tap_vera', :'shared', 'of her team, as a viewer', 'SN003'), ('tap_vera', :'free', 'of nobody, as a viewer', 'SN003'),
             ('tap_mira', :'own', 'of her own', ''), ('tap_mira', :'shared', 'of her team', ''), ('tap_max', :'free', 'of nobody', '')) AS x(login, lead, label, answer);
SELECT is(pg_temp.as_login('tap_vera', :'org', format('UPDATE sentinel.leads SET lifecycle_stage = ''lost'' WHERE id = %L RETURNING id', :'shared')), 'done', 'by UPDATE a viewer finds no row');
SELECT is((SELECT (lifecycle_stage)::text FROM sentinel.leads WHERE id = :'shared'), 'contacted', 'so nothing moves');
SELECT is((SELECT member_id FROM sentinel.state_history WHERE subject_id = :'own' AND seq = 2), :'mira'::uuid, 'the past knows who moved');
SELECT is(pg_temp.as_login(x.login, CASE x.login WHEN 'tap_else' THEN :'other' ELSE :'org' END::uuid,
    format('SELECT count(DISTINCT subject_id) FROM sentinel.state_history WHERE subject_id IN (%L, %L, %L)', :'own', :'shared', :'free')), x.seen,
          format('%s sees the past of %s of three leads', x.login, x.seen)) FROM (VALUES ('tap_mira', '3'), ('tap_max', '1'), ('tap_vera', '2'), ('tap_else', '0')) x(login, seen);
SELECT is(pg_temp.as_login('tap_mira', :'org', format('UPDATE sentinel.state_history SET state = ''won'' WHERE subject_id = %L', :'own')), '42501', 'and writes none of it');
INSERT INTO sentinel.activities (org_id, lead_id, activity_type, body) VALUES (:'org', :'own', 'note_added', 'secret');
SELECT is(pg_temp.as_login(x.login, :'org', format('SELECT count(*) FROM sentinel.activities WHERE lead_id = %L', :'own')), x.seen, format('%s reads %s notes of a lead of Mira', x.login, x.seen))
FROM (VALUES ('tap_mira', '1'), ('tap_max', '0'), ('tap_vera', '0')) x(login, seen);
SELECT is(pg_temp.as_login(x.login, :'org', format('INSERT INTO sentinel.activities (org_id, lead_id, activity_type) VALUES (%L, %L, ''note_added'') RETURNING activity_type', :'org',
    x.lead)), x.answer, format('%s writes one: %s', x.login, x.answer))
FROM (VALUES ('tap_mira', :'own', 'note_added'), ('tap_max', :'own', '42501'), ('tap_vera', :'shared', '42501')) x(login, lead, answer);
SELECT sentinel.leave();
SELECT throws_ok(format('SELECT sentinel.set_lead_stage(%L, ''won'')', :'own'), 'SN002', NULL, 'nothing without an organisation');

SELECT * FROM finish();
ROLLBACK;
