-- Room risk: signals kept by triggers, silent decay noticed on time, periods, late inputs, settings, norms, the past.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SET LOCAL jit = off;
SELECT plan(75);

SELECT sentinel.create_org('Risk Ltd', 'risk-pgtap') AS org, sentinel.create_org('Other Ltd', 'risk-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Ana', 'ana@risk.example') AS ana, sentinel.add_member('Ben', 'ben@risk.example') AS ben \gset
-- Days before now, as exact instants.
CREATE FUNCTION pg_temp.ago(days numeric) RETURNS timestamptz LANGUAGE sql AS 'SELECT now() - days * interval ''24 hours''';
CREATE FUNCTION pg_temp.events(deal uuid) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(event_type, ' ' ORDER BY seq), '') FROM sentinel.events
    WHERE subject_id = deal AND event_type IN ('deal.at_risk', 'deal.recovered', 'deal.action_overdue')
$$;

-- Silent decay. A negotiation with a mail 30 days ago: 0.3 - 0.2 + 0.2, and from 25 days ago on 0.3 + 0.4 + 0.2.
SELECT sentinel.create_deal('Silent', 8000, 'negotiation', owner_id => :'ana', as_of => pg_temp.ago(30)) AS silent \gset
SELECT is((SELECT at_risk_since FROM sentinel.deal_signals WHERE deal_id = :'silent'), pg_temp.ago(30), 'a negotiation without a word is at risk at once');
SELECT sentinel.record_activity(:'silent', 'email_sent', as_of => pg_temp.ago(30));
SELECT results_eq(format('SELECT at_risk_since, input_at, next_change_at, replay FROM sentinel.deal_signals WHERE deal_id = %L', :'silent'),
    $$VALUES (NULL::timestamptz, pg_temp.ago(30), pg_temp.ago(25) + interval '1 microsecond', false)$$,
    'what is recorded at one time is one input; the next change is known to the microsecond');
SELECT is(sentinel.sweep_risk(pg_temp.ago(25)), 0, 'a sweep before that finds nothing due');
SELECT is(pg_temp.events(:'silent'), '', 'and tells nothing');
SELECT is(sentinel.sweep_risk(pg_temp.ago(25) + interval '1 microsecond'), 1, 'a sweep a microsecond later finds the deal');
SELECT is(pg_temp.events(:'silent'), 'deal.at_risk', 'and tells of it');
SELECT is((SELECT payload - 'deal_id' - 'owner_id' - 'period_id' - 'risk_started_at' - 'action_due_at' - 'last_activity_at' - 'as_of' FROM sentinel.events
        WHERE subject_id = :'silent' AND event_type = 'deal.at_risk'),
    '{"name": "Silent", "value": 8000.00, "currency": "USD", "stage": "negotiation", "status": "at_risk", "risk_score": 0.8999999999999999,
      "risk_level": "High", "reasons": ["Negotiation stalled without response", "High value deal requires attention"],
      "primary_reason": "Negotiation stalled without response", "recommended_action": "Nudge for response", "action_urgency": "high",
      "overdue_days": 0, "is_action_overdue": false}'::jsonb, 'with all that an alert needs');
SELECT is(sentinel.sweep_risk(pg_temp.ago(24)), 0, 'until the next change nothing is due');
SELECT is(sentinel.sweep_risk(pg_temp.ago(22)), 1, 'then it is overdue');
SELECT is(pg_temp.events(:'silent'), 'deal.at_risk deal.action_overdue', 'which is told once');
SELECT is(sentinel.sweep_risk(pg_temp.ago(11)), 0, 'at the score 1 nothing more changes');
SELECT is(pg_temp.events(:'silent'), 'deal.at_risk deal.action_overdue', 'and nothing more is told');
SELECT results_eq(format('SELECT started_at, noticed_at, overdue_at, ended_at, peak_score FROM sentinel.risk_periods WHERE deal_id = %L', :'silent'),
    $$VALUES (pg_temp.ago(25) + interval '1 microsecond', pg_temp.ago(25) + interval '1 microsecond',
              pg_temp.ago(24) + interval '1 microsecond', NULL::timestamptz, 1.0::double precision)$$, 'one period, from the exact instant');

-- Recovery, relapse, closing.
SELECT sentinel.record_activity(:'silent', 'email_received', pg_temp.ago(10.5), as_of => pg_temp.ago(10));
SELECT is((SELECT risk_started_at FROM sentinel.deal_risk(:'silent', pg_temp.ago(10))), NULL, 'an answer ends the risk');
SELECT is(sentinel.sweep_risk(pg_temp.ago(9)), 1, 'the sweep sees the recovery');
SELECT results_eq(format('SELECT ended_at, end_reason FROM sentinel.risk_periods WHERE deal_id = %L', :'silent'),
    $$VALUES (pg_temp.ago(10), 'recovered')$$, 'and ends the period when the answer was recorded');
SELECT is(sentinel.sweep_risk(pg_temp.ago(5)), 1, 'five days after the answer it is silent again');
SELECT is(pg_temp.events(:'silent'), 'deal.at_risk deal.action_overdue deal.recovered deal.at_risk', 'a new period tells again');
SELECT sentinel.log_call(:'silent', as_of => pg_temp.ago(4));
SELECT sentinel.record_activity(:'silent', 'email_sent', as_of => pg_temp.ago(4));
SELECT is((SELECT last_meeting_at FROM sentinel.deal_signals WHERE deal_id = :'silent'), pg_temp.ago(4), 'a held call counts as a meeting');
SELECT sentinel.move_deal(:'silent', 'qualify', as_of => pg_temp.ago(3));
SELECT sentinel.move_deal(:'silent', 'negotiation', as_of => pg_temp.ago(2));
SELECT is((SELECT stage_entered_at FROM sentinel.deal_signals WHERE deal_id = :'silent'), pg_temp.ago(2), 'a stage entered again counts from the last entry');
SELECT sentinel.move_deal(:'silent', 'lost', as_of => pg_temp.ago(1));
SELECT sentinel.sweep_risk(pg_temp.ago(1));
SELECT is((SELECT count(*) FROM sentinel.risk_periods WHERE deal_id = :'silent' AND ended_at IS NULL), 0::bigint, 'a closed deal has no open period');
SELECT is((SELECT array_agg(ended_at ORDER BY ended_at) FROM sentinel.risk_periods WHERE deal_id = :'silent'), ARRAY[pg_temp.ago(10), pg_temp.ago(4)],
    'a recovery between two sweeps ends the period where it came');
SELECT is((SELECT status || ' ' || band || ' ' || score FROM sentinel.deal_risk(:'silent')), 'closed Low 0', 'a closed deal is at no risk');
SELECT sentinel.create_deal('Closed while at risk', 8000, 'negotiation', as_of => pg_temp.ago(9)) AS lost \gset
SELECT sentinel.sweep_risk(pg_temp.ago(8));
SELECT sentinel.move_deal(:'lost', 'won', as_of => pg_temp.ago(7));
SELECT sentinel.sweep_risk(pg_temp.ago(6));
SELECT results_eq(format('SELECT ended_at, end_reason FROM sentinel.risk_periods WHERE deal_id = %L', :'lost'),
    $$VALUES (pg_temp.ago(7), 'closed')$$, 'closing ends the period');
SELECT is(pg_temp.events(:'lost'), 'deal.at_risk', 'and is no recovery');

-- The past is what was known then.
SELECT is((SELECT status FROM sentinel.deal_risk(:'silent', pg_temp.ago(12))), 'at_risk', 'twelve days ago it was at risk');
SELECT is((SELECT risk_started_at FROM sentinel.deal_risk(:'silent', pg_temp.ago(12))), pg_temp.ago(25) + interval '1 microsecond', 'since then');
SELECT is((SELECT last_activity_at FROM sentinel.deal_risk(:'silent', pg_temp.ago(10.2))), pg_temp.ago(30), 'what had happened but was not recorded was not known');
SELECT is((SELECT stage FROM sentinel.deal_risk(:'silent', pg_temp.ago(2.5))), 'qualify', 'the stage is that of then');
SELECT throws_ok(format('SELECT sentinel.deal_risk(%L, %L)', :'silent', pg_temp.ago(31)), 'SN004', NULL, 'before a deal was recorded there is no answer');
SELECT throws_ok(format('SELECT sentinel.deal_risk(%L)', sentinel.uuid7()), 'SN004', NULL, 'nor for an unknown deal');
SELECT throws_ok(format('SELECT sentinel.explain_risk(%L)', sentinel.uuid7()), 'SN004', NULL, 'nor an explanation');
SELECT throws_ok(format('SELECT sentinel.deal_risk(%L, ''infinity'')', :'silent'), 'SN007', NULL, 'nor at no time');
SELECT throws_ok($$SELECT sentinel.sweep_risk('infinity')$$, 'SN007', NULL, 'and no sweep then');
SAVEPOINT parts;
INSERT INTO sentinel.deals (name, value, created_at, recorded_at) SELECT 'Part ' || i, 1000, pg_temp.ago(90), pg_temp.ago(90) FROM generate_series(1, 5) i;
SELECT is(sentinel.sweep_risk(pg_temp.ago(0), 2, 2), 2, 'a sweep ends where it is told to');
SELECT cmp_ok(sentinel.sweep_risk(pg_temp.ago(0)), '>=', 3, 'and the next goes on');
ROLLBACK TO parts;

-- Inputs that come late. Three deals with the same history: in order, shuffled, in one statement.
SELECT setseed(0.3);
CREATE TEMP TABLE story AS
SELECT i, pg_temp.ago(60 - 5 * i) AS at, (ARRAY['email_sent', 'meeting_held', 'email_received', 'note_added'])[1 + i % 4] AS kind,
       CASE WHEN i % 4 = 3 THEN 'need to think' ELSE '' END AS text
FROM generate_series(1, 10) AS i;
SELECT sentinel.create_deal('Ordered', 9000, 'negotiation', as_of => pg_temp.ago(60)) AS ordered,
       sentinel.create_deal('Shuffled', 9000, 'negotiation', as_of => pg_temp.ago(60)) AS shuffled,
       sentinel.create_deal('At once', 9000, 'negotiation', as_of => pg_temp.ago(60)) AS at_once \gset
SELECT count(sentinel.record_activity(:'ordered', kind, subject => text, as_of => at)) FROM (SELECT * FROM story ORDER BY i) AS s;
SELECT count(sentinel.record_activity(:'shuffled', kind, subject => text, as_of => at)) FROM (SELECT * FROM story ORDER BY random()) AS s;
INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, recorded_at, subject)
SELECT :'org', :'at_once', kind, at, at, text FROM story;
SELECT is((SELECT array_agg(replay ORDER BY array_position(ARRAY[:'ordered', :'shuffled', :'at_once']::uuid[], deal_id)) FROM sentinel.deal_signals
    WHERE deal_id IN (:'ordered', :'shuffled', :'at_once')), '{f,t,t}', 'inputs out of order are noticed');
SELECT is((SELECT count(*) FROM generate_series(0, 60, 3) AS d,
        LATERAL sentinel.deal_risk(:'ordered', pg_temp.ago(d)) a, LATERAL sentinel.deal_risk(:'shuffled', pg_temp.ago(d)) b,
        LATERAL sentinel.deal_risk(:'at_once', pg_temp.ago(d)) c
    WHERE a IS DISTINCT FROM b OR a IS DISTINCT FROM c), 0::bigint, 'and give the same answers as in order');
SELECT is((SELECT count(DISTINCT (score, risk_started_at)) FROM sentinel.deal_risks WHERE deal_id IN (:'ordered', :'shuffled', :'at_once')), 1::bigint,
    'in the view as well, before any sweep');
SELECT sentinel.sweep_risk();
SELECT is((SELECT count(DISTINCT (since_before, at_risk_since, noticed_since, input_at, next_change_at, replay)) FROM sentinel.deal_signals
    WHERE deal_id IN (:'ordered', :'shuffled', :'at_once')), 1::bigint, 'the sweep settles them alike');
SELECT sentinel.create_deal('Late', 100, 'negotiation', as_of => pg_temp.ago(30)) AS late \gset
SELECT sentinel.record_activity(:'late', 'email_sent', as_of => pg_temp.ago(30));
SELECT sentinel.sweep_risk(pg_temp.ago(20));
SELECT sentinel.record_activity(:'late', 'note_added', as_of => pg_temp.ago(20));
SELECT sentinel.record_activity(:'late', 'email_sent', as_of => pg_temp.ago(26));
SELECT sentinel.sweep_risk(pg_temp.ago(19));
SELECT results_eq(format('SELECT started_at, ended_at FROM sentinel.risk_periods WHERE deal_id = %L', :'late'),
    $$VALUES (pg_temp.ago(21) + interval '1 microsecond', NULL::timestamptz)$$, 'a late mail that only moves the start mends the period');
SELECT is(pg_temp.events(:'late'), 'deal.at_risk deal.action_overdue', 'without a second alert');

-- Settings.
SELECT sentinel.create_deal('Settings', 100, 'discover', owner_id => :'ben', as_of => pg_temp.ago(6.5)) AS tuned \gset
SELECT is((SELECT score FROM sentinel.deal_risk(:'tuned')), 0.1::double precision, 'six days of silence are tolerated');
SELECT sentinel.set_risk_settings(inactivity_days => 4, as_of => pg_temp.ago(1));
SELECT is((SELECT score FROM sentinel.deal_risk(:'tuned')), 0.5::double precision, 'not with a threshold of 4');
SELECT is((SELECT score FROM sentinel.deal_risk(:'tuned', pg_temp.ago(1.2))), 0.1::double precision, 'yesterday they were');
SELECT sentinel.set_risk_settings(:'ben', 10);
SELECT is((SELECT score FROM sentinel.deal_risk(:'tuned')), 0.1::double precision, 'a member''s own settings go before the organisation''s');
SELECT sentinel.set_risk_settings(inactivity_days => 2);
SELECT is((SELECT score FROM sentinel.deal_risk(:'tuned')), 0.1::double precision, 'and stay');
SELECT sentinel.assign_deal(:'tuned', :'ana');
SELECT is((SELECT inactivity_days FROM sentinel.deal_signals WHERE deal_id = :'tuned'), 2::smallint, 'a deal takes those of its new owner');
SELECT throws_ok('SELECT sentinel.set_risk_settings(inactivity_days => 31)', 'SN007', 'invalid inactivity threshold 31', 'a month is too long');
SELECT throws_ok('SELECT sentinel.set_risk_settings(inactivity_days => 0)', 'SN007', 'invalid inactivity threshold 0', 'no day too short');
SELECT throws_ok(format('SELECT sentinel.set_risk_settings(as_of => %L)', pg_temp.ago(3)), 'SN007', NULL, 'versions follow each other');
SELECT throws_ok('DELETE FROM sentinel.risk_settings', 'SN006', NULL, 'and are kept');
SELECT sentinel.enter(:'org', :'ana');
SELECT throws_ok('SELECT sentinel.set_risk_settings(inactivity_days => 9)', 'SN003', NULL, 'members do not change the organisation''s');
SELECT lives_ok(format('SELECT sentinel.set_risk_settings(%L, 9)', :'ana'), 'but their own');
SELECT sentinel.enter(:'org');

-- Norms: deals of Ben stayed 4 and 8 days in proposal. The second closing is recorded late.
SELECT sentinel.set_risk_settings(:'ben', stage_stall => true);
SELECT sentinel.create_deal('N1', 1, 'proposal', owner_id => :'ben', as_of => pg_temp.ago(50)) AS n1,
       sentinel.create_deal('N2', 1, 'proposal', owner_id => :'ben', as_of => pg_temp.ago(50)) AS n2,
       sentinel.create_deal('Open', 1, 'proposal', owner_id => :'ben', as_of => pg_temp.ago(13)) AS open \gset
SELECT sentinel.move_deal(:'n2', 'won', as_of => pg_temp.ago(42));
SELECT is((SELECT stage_norm_days FROM sentinel.deal_signals WHERE deal_id = :'open'), 8.0::double precision, 'a closing tells the open deals');
SELECT sentinel.move_deal(:'n1', 'lost', as_of => pg_temp.ago(46));
SELECT results_eq(format('SELECT samples, mean_days FROM sentinel.stage_norms WHERE owner_id = %L ORDER BY recorded_at, id', :'ben'),
    $$VALUES (1, 4.0::double precision), (1, 8.0), (2, 6.0)$$, 'one that comes late is counted in its place');
SELECT is((SELECT reasons FROM sentinel.deal_risk(:'open')), ARRAY['No activity in last 10 days', 'Stalled in stage longer than typical'],
    'thirteen days are more than twice six');
SELECT is((SELECT reasons FROM sentinel.deal_risk(:'open', pg_temp.ago(0.5))), '{No activity in last 4 days}'::text[], 'before stage stall was switched on nobody looked');

-- Views.
SELECT is((SELECT count(*) FROM sentinel.deal_risks v, LATERAL sentinel.deal_risk(v.deal_id) d
    WHERE v.org_id = :'org' AND (v.score, v.band, v.status, v.reasons, v.risk_started_at, v.next_change_at, v.stage)
          IS DISTINCT FROM (d.score, d.band, d.status, d.reasons, d.risk_started_at, d.next_change_at, d.stage)), 0::bigint, 'the view says what the function says');
SELECT is((SELECT at_risk FROM sentinel.risk_overview WHERE org_id = :'org'),
    (SELECT count(*) FROM sentinel.deal_risks WHERE org_id = :'org' AND score >= 0.6), 'the overview counts');

-- As a BI login of the organisation, and as a member who sees one deal of all.
CREATE ROLE tap_risk_bi LOGIN IN ROLE sentinel_reader;
CREATE ROLE tap_risk_ben LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_risk_bi', :'org'), sentinel.grant_login('tap_risk_ben', :'org', :'ben');
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
SELECT is(pg_temp.as_login('tap_risk_bi', :'org', 'SELECT count(*) FROM sentinel.deal_risks'),
    (SELECT count(*)::text FROM sentinel.deals WHERE org_id = :'org'), 'a reader sees the risk of all deals');
SELECT is(pg_temp.as_login('tap_risk_bi', :'org', format('SELECT status FROM sentinel.deal_risk(%L, %L)', :'silent', pg_temp.ago(12))), 'at_risk', 'of any time');
SELECT is(pg_temp.as_login('tap_risk_bi', :'org', format('SELECT count(*) FROM sentinel.explain_risk(%L, %L)', :'silent', pg_temp.ago(12))), '5', 'explained');
SELECT is(pg_temp.as_login('tap_risk_bi', :'org', 'SELECT at_risk FROM sentinel.risk_overview'), (SELECT at_risk::text FROM sentinel.risk_overview WHERE org_id = :'org'), 'and counted');
SELECT is(pg_temp.as_login('tap_risk_bi', :'org', 'UPDATE sentinel.deal_signals SET closed = true'), '42501', 'but changes nothing');
SELECT is(pg_temp.as_login('tap_risk_bi', :'org', 'SELECT sentinel.sweep_org_risk(sentinel.current_org(), now(), 1)'), '42501', 'nor sweeps');
SELECT is(pg_temp.as_login('tap_risk_ben', :'org', 'SELECT count(*) FROM sentinel.deal_risks'), '3', 'a member sees own deals');
SELECT is(pg_temp.as_login('tap_risk_ben', :'org', format('SELECT sentinel.deal_risk(%L)', :'silent')), 'SN004', 'and no others');

-- Two organisations in one sweep.
SELECT sentinel.sweep_risk();
SELECT sentinel.enter(:'other');
SELECT sentinel.create_deal('Elsewhere', 8000, 'negotiation') AS elsewhere \gset
SELECT is(sentinel.sweep_risk(), 1, 'a sweep goes through all organisations');
SELECT is((SELECT org_id FROM sentinel.events WHERE subject_id = :'elsewhere' AND event_type = 'deal.at_risk'), :'other'::uuid, 'and tells each its own');
SELECT sentinel.enter(:'org');

-- 200 deals, random lives, looked at and swept at 20 instants: the past told later is what was seen then.
CREATE TEMP TABLE script (at timestamptz, n bigserial, kind text, deal integer, arg text, num numeric);
CREATE TEMP TABLE recorded (instant timestamptz, deal_id uuid, risk jsonb, explained double precision);
SELECT setseed(0.42);
INSERT INTO script (at, kind, arg) SELECT pg_temp.ago(random()::numeric * 85), 'setting', (ARRAY['org', 'ana', 'ben'])[1 + floor(random() * 3)::integer] FROM generate_series(1, 20);
INSERT INTO script (at, kind, deal, arg, num)
SELECT pg_temp.ago(90 - random()::numeric * 60), 'create', d, (ARRAY['discover', 'qualify', 'proposal', 'negotiation'])[1 + floor(random() * 4)::integer], round((random() * 15000)::numeric)
FROM generate_series(1, 200) AS d;
INSERT INTO script (at, kind, deal, arg)
SELECT least(now(), s.at + random() ^ 2 * interval '80 days'), 'act', s.deal,
       (ARRAY['email_sent', 'email_received', 'meeting_held', 'call_held', 'note_added', 'other'])[1 + floor(random() * 6)::integer]
FROM script s, generate_series(1, 12) WHERE s.kind = 'create' AND random() < 0.7;
INSERT INTO script (at, kind, deal, arg)
SELECT least(now(), s.at + random() * interval '60 days'), 'move', s.deal,
       (ARRAY['discover', 'qualify', 'proposal', 'negotiation', 'closed_won', 'closed_lost', 'negotiation', 'discover'])[1 + floor(random() * 8)::integer]
FROM script s, generate_series(1, 4) WHERE s.kind = 'create';
INSERT INTO script (at, kind, deal, num) SELECT least(now(), s.at + random() * interval '60 days'), 'value', s.deal, round((random() * 15000)::numeric) FROM script s WHERE s.kind = 'create';
INSERT INTO script (at, kind, deal, num) SELECT least(now(), s.at + random() * interval '60 days'), 'assign', s.deal, floor(random() * 3) FROM script s WHERE s.kind = 'create';
INSERT INTO script (at, kind, deal, arg) SELECT s.at, 'act', s.deal, 'email_received' FROM script s WHERE s.kind = 'move' AND random() < 0.3;
SELECT sentinel.create_org('Lives', 'risk-pgtap-lives') AS lives \gset
SELECT sentinel.enter(:'lives');
SELECT sentinel.add_member('Ana', 'ana@risk.example'), sentinel.add_member('Ben', 'ben@risk.example');
DO $$
DECLARE
    members uuid[] := ARRAY(SELECT m.id FROM sentinel.members m WHERE m.org_id = sentinel.current_org() ORDER BY m.email);
    deals uuid[] := array_fill(NULL::uuid, ARRAY[200]);
    last timestamptz := '-infinity';
    instant timestamptz;
    s record;
BEGIN
    FOR i IN 1..20 LOOP
        instant := pg_temp.ago(90 - 4.5 * i);
        FOR s IN SELECT * FROM script t WHERE t.at > last AND t.at <= instant ORDER BY t.at, t.n LOOP
            CONTINUE WHEN s.kind NOT IN ('create', 'setting') AND deals[s.deal] IS NULL;
            BEGIN
                CASE s.kind
                    WHEN 'create' THEN deals[s.deal] := sentinel.create_deal('Life ' || s.deal, s.num, s.arg, owner_id => members[s.deal % 3], as_of => s.at);
                    WHEN 'act' THEN PERFORM sentinel.record_activity(deals[s.deal], s.arg, s.at - random() * interval '3 days',
                        CASE WHEN random() < 0.1 THEN 'our competitor, need to think' END, as_of => s.at);
                    WHEN 'move' THEN PERFORM sentinel.move_deal(deals[s.deal], s.arg, as_of => s.at);
                    WHEN 'value' THEN PERFORM sentinel.change_deal_value(deals[s.deal], s.num, s.at);
                    WHEN 'assign' THEN PERFORM sentinel.assign_deal(deals[s.deal], members[s.num::integer], s.at);
                    WHEN 'setting' THEN PERFORM sentinel.set_risk_settings(
                        CASE s.arg WHEN 'ana' THEN members[1] WHEN 'ben' THEN members[2] END, 1 + floor(random() * 14)::integer,
                        random() < 0.7, random() < 0.7, random() < 0.5, s.at);
                END CASE;
            EXCEPTION WHEN SQLSTATE 'SN005' THEN NULL;  -- won is final
            END;
        END LOOP;
        INSERT INTO recorded
        SELECT instant, d.id, to_jsonb(r), (SELECT sum(contribution) FROM sentinel.explain_risk(d.id, instant))
        FROM unnest(deals) AS d (id), LATERAL sentinel.deal_risk(d.id, instant) r WHERE d.id IS NOT NULL;
        PERFORM sentinel.sweep_risk(instant);
        last := instant;
    END LOOP;
END
$$;
SELECT cmp_ok((SELECT count(*) FROM recorded), '>', 2500::bigint, 'some thousand answers were recorded');
SELECT cmp_ok((SELECT count(*) FROM recorded WHERE risk ->> 'status' = 'at_risk'), '>', 300::bigint, 'many of deals at risk');
SELECT is((SELECT count(*) FROM recorded r, LATERAL sentinel.deal_risk(r.deal_id, r.instant) x WHERE r.risk IS DISTINCT FROM to_jsonb(x)), 0::bigint,
    'told later, each is what was seen then');
SELECT is((SELECT count(*) FROM recorded r WHERE (r.risk ->> 'score')::double precision IS DISTINCT FROM r.explained), 0::bigint, 'each explanation sums to its score exactly');
SELECT is((WITH told AS (SELECT s.deal_id, sentinel.risk_clock(s.org_id, s.deal_id, s.input_at) AS c FROM sentinel.deal_signals s WHERE s.org_id = :'lives')
    SELECT count(*) FROM sentinel.risk_periods p JOIN told t USING (deal_id)
    WHERE p.ended_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM generate_series(3, array_length(t.c, 1) - 1, 2) AS i WHERE t.c[i] = p.started_at AND t.c[i + 1] = p.ended_at)), 0::bigint,
    'each period that was noticed began and ended when the history says');

SELECT * FROM finish();
ROLLBACK;
