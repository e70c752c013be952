-- Room insight: rules worked out by hand, the past told as it was known, a fitted model against deals whose true chances are
-- known, explanations that sum exactly, backtests that find skill where it is and none in noise.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(87);

SELECT sentinel.create_org('Insight Ltd', 'insight-pgtap') AS org, sentinel.create_org('Empty Ltd', 'insight-pgtap-empty') AS empty,
       sentinel.create_org('Known Ltd', 'insight-pgtap-known') AS known, sentinel.create_org('Noise Ltd', 'insight-pgtap-noise') AS noise \gset
CREATE FUNCTION pg_temp.ago(days numeric) RETURNS timestamptz LANGUAGE sql AS 'SELECT now() - days * interval ''24 hours''';

-- Three won deals with cycles of 20, 40 and 60 days, one lost after 30; all worth 4000.
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Mira', 'mira@insight.example') AS mira \gset
SELECT sentinel.create_deal('W1', 4000, as_of => pg_temp.ago(100)) AS w1, sentinel.create_deal('W2', 4000, as_of => pg_temp.ago(90)) AS w2,
       sentinel.create_deal('W3', 4000, as_of => pg_temp.ago(70)) AS w3, sentinel.create_deal('L1', 4000, as_of => pg_temp.ago(60)) AS l1,
       sentinel.create_deal('Late', 4000, 'negotiation', as_of => pg_temp.ago(30)) AS late,
       sentinel.create_deal('Early', 4000, as_of => pg_temp.ago(5)) AS early \gset
SELECT sentinel.move_deal(:'w1', 'won', as_of => pg_temp.ago(80)), sentinel.move_deal(:'w2', 'won', as_of => pg_temp.ago(50)),
       sentinel.move_deal(:'w3', 'won', as_of => pg_temp.ago(10)), sentinel.move_deal(:'l1', 'lost', as_of => pg_temp.ago(30));
SELECT sentinel.record_activity(:'late', 'email_received', as_of => pg_temp.ago(2));

SELECT is(sentinel.whole_days(pg_temp.ago(2.5), now()), 2, 'days are whole');
SELECT is(sentinel.whole_days(now(), pg_temp.ago(2.5)), -2, 'and cut towards zero');
SELECT results_eq('SELECT won, lost, win_rate, mean_won_days, mean_lost_days, p90_days FROM sentinel.closing_norms()',
    $$VALUES (3::bigint, 1::bigint, 0.75::double precision, 40::double precision, 30::double precision, 60)$$, 'cycles end with the closing, whatever happened last');
SELECT results_eq('SELECT won, lost, p90_days FROM sentinel.closing_norms(pg_temp.ago(20))', $$VALUES (2::bigint, 1::bigint, 40)$$,
    'as of a time only what had closed by then counts');
SELECT sentinel.record_activity(:'w1', 'email_sent', as_of => pg_temp.ago(1));
SELECT is((SELECT mean_won_days FROM sentinel.closing_norms()), 40::double precision, 'a mail after the closing makes no cycle longer');

-- Late: (3 + 1) / (4 + 2) = 66.67, stage 4 of 4 +15, active +5. Early: stage 1 of 4 +3.75, active +5.
SELECT results_eq(format('SELECT probability, trend, base_rate FROM sentinel.win_probability(%L)', :'late'),
    $$VALUES (0.87, 'up', 0.6667)$$, 'the rule, worked out by hand');
SELECT is((SELECT probability FROM sentinel.win_probability(:'early')), 0.75, 'at an early stage it is less');
SELECT is((SELECT probability FROM sentinel.win_probability(:'w1')), 1::numeric, 'a won deal is won');
SELECT is((SELECT probability FROM sentinel.win_probability(:'l1')), 0::numeric, 'a lost one is not');
SELECT is((SELECT probability FROM sentinel.win_probability(:'w1', pg_temp.ago(90))), 0.48, 'of the past, without any closing and idle for 10 days: 50 + 3.75 - 6');
SELECT throws_ok(format('SELECT sentinel.win_probability(%L, %L)', :'w1', pg_temp.ago(101)), 'SN004', NULL, 'before it was recorded there is no answer');
SELECT throws_ok(format('SELECT sentinel.win_probability(%L)', sentinel.uuid7()), 'SN004', NULL, 'nor for an unknown deal');
SELECT throws_ok(format('SELECT sentinel.win_probability(%L, ''infinity'')', :'w1'), 'SN007', 'invalid time infinity', 'nor at no time');
SELECT is((SELECT count(*) FROM sentinel.deal_outlook()), 2::bigint, 'the outlook has the open deals');
SELECT is((SELECT count(*) FROM sentinel.deal_outlook(pg_temp.ago(55))), 3::bigint, 'of any time');
SELECT is((SELECT count(*) FROM sentinel.deal_outlook() o, LATERAL sentinel.win_probability(o.deal_id) p WHERE o.probability <> p.probability), 0::bigint,
    'and says what the function for one says');
SELECT is((SELECT count(*) FROM (VALUES (now()), (pg_temp.ago(55))) AS t (at), LATERAL sentinel.deal_outlook(t.at) o, LATERAL sentinel.deal_risk(o.deal_id, t.at) r
    WHERE o.risk_score IS DISTINCT FROM r.score), 0::bigint, 'with the risk score of the time, from the signals or from the history');

-- Early is 5 days in its stage, from which the won ones took 20, 40 and 60 days: 15, 35, 55 more. Of Late's stage none was seen.
SELECT results_eq(format('SELECT days, expected_close_at, confidence, samples FROM sentinel.days_to_close(%L)', :'early'),
    $$VALUES (35, now() + interval '840 hours', 'medium', 3)$$, 'days to close from the time that won deals still took');
SELECT is((SELECT factors[1] FROM sentinel.days_to_close(:'early')), 'Won deals took 35 more days from here (n=3)', 'which it says');
SELECT results_eq(format('SELECT days, samples, factors[1] FROM sentinel.days_to_close(%L)', :'late'),
    $$VALUES (1, 3, 'Avg cycle length: 40 days (n=3)')$$, 'else 40 x 1/4 - 0.3 x 30 = 1');
SELECT results_eq(format('SELECT days, confidence, samples FROM sentinel.days_to_close(%L, %L)', :'w1', pg_temp.ago(90)),
    $$VALUES (35, 'low', 0)$$, 'without any win 45 days less the age');
SELECT is((SELECT days FROM sentinel.days_to_close(:'w1')), 0, 'a closed deal needs none');

SELECT results_eq(format('SELECT name, cycle_days, win_rate, mean_cycle_days FROM sentinel.similar_deals(%L)', :'late'),
    $$VALUES ('L1', 30, 0.7500, 38), ('W2', 40, 0.7500, 38), ('W1', 20, 0.7500, 38), ('W3', 60, 0.7500, 38)$$, 'similar deals, nearest first');
SELECT is((SELECT count(*) FROM sentinel.similar_deals(:'late', at_most => 2)), 2::bigint, 'as many as asked for');
SELECT throws_ok(format('SELECT sentinel.similar_deals(%L, at_most => 0)', :'late'), '22023', NULL, 'but some');

-- Forecast: 4000 x (0.87 + 0.75), + 0.20 cut at 1, - 0.25.
SELECT results_eq($$SELECT currency, expected, best, worst, expected_wins FROM sentinel.forecast() WHERE period = 'total'$$,
    $$VALUES ('USD', 6480.00, 7800.00, 4480.00, 1.62)$$, 'the forecast in total');
SELECT results_eq($$SELECT confidence FROM sentinel.forecast() WHERE period IN ('total', 'later') ORDER BY period DESC$$, $$SELECT * FROM (VALUES (74), (0)) v$$, 'how near best and worst lie');
SELECT is((SELECT count(*) FROM sentinel.forecast()), 9::bigint, 'by month: the rest of this one, six more, later');
SELECT cmp_ok((SELECT abs(sum(expected) FILTER (WHERE period <> 'total') - sum(expected) FILTER (WHERE period = 'total')) FROM sentinel.forecast()), '<=', 0.05,
    'the months sum to the total');
SELECT is((SELECT expected FROM sentinel.forecast() WHERE period = 'later'), 0.00, 'no win took longer than 60 days, so nothing comes later');
SELECT cmp_ok((SELECT count(DISTINCT expected) FROM sentinel.forecast() WHERE period <> 'total'), '>', 2::bigint, 'it is not spread evenly');
SELECT throws_ok('SELECT sentinel.forecast(months => 0)', '22023', NULL, 'no months');
SELECT is((SELECT sum(expected) FROM sentinel.forecast(pg_temp.ago(200))), NULL, 'nothing was open then');

SELECT is((SELECT count(*) FROM sentinel.deal_anomalies()), 0::bigint, 'nothing is odd');
SAVEPOINT odd;
SELECT sentinel.create_deal('Old', 4000, as_of => pg_temp.ago(100)), sentinel.create_deal('Huge', 100000);
SELECT results_eq('SELECT name, kind, severity, measured FROM sentinel.deal_anomalies() ORDER BY name, kind',
    $$VALUES ('Huge', 'value', 'low', 100000.00), ('Old', 'age', 'high', 100), ('Old', 'silence', 'high', 100)$$, 'old, silent and huge deals are');
ROLLBACK TO odd;
SELECT is((SELECT measured FROM sentinel.deal_patterns() WHERE name = 'win_rate'), 0.7500, 'patterns: the win rate');
SELECT is((SELECT array_agg(name ORDER BY "position") FROM sentinel.deal_patterns() WHERE kind = 'insight'), '{pipeline,win_rate,cycle,value}', 'insights');
SELECT is((SELECT array_agg(name ORDER BY "position") FROM sentinel.deal_patterns() WHERE kind = 'recommendation'), '{default}', 'and nothing to do');
SELECT sentinel.enter(:'empty');
SELECT is((SELECT array_agg(name ORDER BY "position") FROM sentinel.deal_patterns()), '{data,onboarding,onboarding}', 'an organisation without deals is told to begin');
SELECT sentinel.enter(:'org');

-- Landmarks: at 84 days ago W1, W2; 56: W2, W3, L1; 28: W3, Late; 0: Late, Early.
SELECT results_eq($$SELECT d.name, (date_part('epoch', now() - l.cut) / 86400)::integer, l.ordinal
        FROM sentinel.deal_landmarks(sentinel.current_org(), now(), pg_temp.ago(84), now(), now()) l JOIN sentinel.deals d ON d.id = l.deal_id ORDER BY 2 DESC, 1$$,
    $$VALUES ('W1', 84, 1), ('W2', 84, 1), ('L1', 56, 1), ('W2', 56, 2), ('W3', 56, 1), ('Late', 28, 1), ('W3', 28, 2), ('Early', 0, 1), ('Late', 0, 2)$$,
    'at each cut the deals that were open then');
SELECT results_eq(format($$SELECT l.cut, l.won_at, l.lost_at FROM sentinel.deal_landmarks(sentinel.current_org(), now(), pg_temp.ago(84), now(), now(), %L) l ORDER BY 1$$, :'w3'),
    $$VALUES (pg_temp.ago(56), pg_temp.ago(10), NULL::timestamptz), (pg_temp.ago(28), pg_temp.ago(10), NULL)$$, 'with what became of them');
CREATE TEMP TABLE before AS SELECT * FROM sentinel.deal_landmarks(:'org', pg_temp.ago(40), pg_temp.ago(96), pg_temp.ago(40), pg_temp.ago(40));
SELECT sentinel.record_activity(:'w3', 'email_received', pg_temp.ago(45), as_of => now()), sentinel.change_deal_value(:'w3', 9000);
CREATE TEMP TABLE after AS SELECT * FROM sentinel.deal_landmarks(:'org', pg_temp.ago(40), pg_temp.ago(96), pg_temp.ago(40), now());
SELECT is((SELECT count(*) FROM before), 5::bigint, 'three cuts, five deals open at them');
SELECT is((SELECT count(*) FROM (SELECT to_jsonb(b) - '{won_at,lost_at}'::text[] FROM before b
    EXCEPT SELECT to_jsonb(a) - '{won_at,lost_at}'::text[] FROM after a) x), 0::bigint, 'what is recorded later changes nothing that was known');
SELECT is((SELECT count(*) FROM before WHERE won_at IS NOT NULL OR lost_at IS NOT NULL), 2::bigint, 'and outcomes are those recorded by then');
SELECT is(sentinel.win_codes('{discover,qualify}', 'qualify', 3000, 2000, NULL, false, 2, false, pg_temp.ago(14), pg_temp.ago(6.9), pg_temp.ago(2),
    NULL, pg_temp.ago(61), 4, 1, now()), '{2,2,0,2,1,2,0,6,5,2,1,0}'::smallint[], 'levels of features are coded');
SELECT is(cardinality(levels), c, feature || ' has a name for each level')
FROM sentinel.win_features(), LATERAL (VALUES ((ARRAY[NULL, 8, 6, 10, 3, 5, 7, 7, 7, 5, 3, 3])["position"])) AS n (c) WHERE "position" IN (2, 4, 10);

-- Too little to learn from, and rights.
SELECT throws_ok(format('SELECT sentinel.win_probability_model(%L)', :'late'), 'SN004', NULL, 'no model yet');
SELECT throws_ok('SELECT sentinel.fit_win_model()', 'SN007', NULL, 'six deals teach nothing');
SELECT is((SELECT verdict FROM sentinel.backtest_win(horizon_days => 28)), 'not enough data', 'nor do they prove anything');
SELECT is((SELECT verdict FROM sentinel.backtest_risk()), 'not enough data', 'about the risk score either');
SELECT throws_ok('SELECT sentinel.fit_win_model(horizon_days => 3)', '22023', 'invalid horizon of 3 days', 'a horizon is a week at least');
SELECT throws_ok($$SELECT sentinel.fit_win_model(now() + interval '1 day')$$, 'SN007', NULL, 'of the future nothing is learned');
SELECT sentinel.enter(:'org', :'mira');
SELECT throws_ok('SELECT sentinel.fit_win_model()', 'SN003', NULL, 'members do not fit models');
SELECT throws_ok('SELECT sentinel.backtest_risk()', 'SN003', NULL, 'nor backtest');
SELECT sentinel.leave();
SELECT throws_ok('SELECT sentinel.forecast()', 'SN002', NULL, 'without an organisation there is no forecast');

-- As a BI login of the organisation, and as a member who owns none of these deals.
CREATE ROLE tap_insight_bi LOGIN IN ROLE sentinel_reader;
CREATE ROLE tap_insight_mira LOGIN IN ROLE sentinel_member;
SELECT sentinel.enter(:'org');
SELECT sentinel.grant_login('tap_insight_bi', :'org'), sentinel.grant_login('tap_insight_mira', :'org', :'mira');
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
    RETURN answer;
END
$$;
SELECT is(pg_temp.as_login('tap_insight_bi', :'org', $$SELECT best FROM sentinel.forecast() WHERE period = 'total'$$), '7800.00', 'a reader sees the forecast');
SELECT is(pg_temp.as_login('tap_insight_bi', :'org', 'SELECT verdict FROM sentinel.backtest_win()'), 'not enough data', 'and may backtest');
SELECT is(pg_temp.as_login('tap_insight_bi', :'org', 'SELECT sentinel.fit_win_model()'), '42501', 'but not fit');
SELECT is(pg_temp.as_login('tap_insight_mira', :'org', 'SELECT count(*) FROM sentinel.deal_outlook()'), '0', 'a member is told of own deals only');
SELECT is(pg_temp.as_login('tap_insight_mira', :'org', format('SELECT sentinel.win_probability(%L)', :'late')), 'SN004', 'and of no others');
SELECT sentinel.leave();

-- Algebra.
SELECT is(sentinel.solve_equations('{{4,2,0},{2,5,1},{0,1,3}}', '{8,15,11}'), '{1,2,3}'::double precision[], 'equations are solved');
SELECT is((SELECT weights[1][1:2] FROM sentinel.weigh_evidence('{0,1,1}', '{NULL,0,1}', '{2000,1000,1000}', '{200,100,100}', 1, 10)),
    '{{0,0}}'::double precision[], 'levels that do not differ weigh nothing');
SELECT cmp_ok((SELECT weights[1][2] - weights[1][1] FROM sentinel.weigh_evidence('{0,1,1}', '{NULL,0,1}', '{2000,1000,1000}', '{300,100,200}', 1, 10)), '>', 0.6::double precision,
    'those that do weigh nearly their log odds ratio, 0.81');
SELECT cmp_ok((SELECT weights[1][2] - weights[1][1] FROM sentinel.weigh_evidence('{0,1,1}', '{NULL,0,1}', '{20,10,10}', '{3,1,2}', 1, 10)), '=', 0::double precision,
    'few rows say little');
SELECT results_eq($$SELECT samples, positives, round(auc::numeric, 6), round(brier::numeric, 6), round(ece::numeric, 6), verdict FROM sentinel.judge_scores('{0.1,0.2,0.2,0.9}', '{0.1,0.2,0.2,0.9}', '{f,t,f,t}', '{1,2,3,4}', 0.5)$$,
    $$VALUES (4::bigint, 2::bigint, 0.875, 0.175, 0.2, 'not enough data')$$, 'metrics worked out by hand, ties half');

-- Deals whose true chances are known.
\ir ../support/win_generator.sql
SELECT sentinel.enter(:'known');
SELECT cmp_ok(pg_temp.generate_deals(:'known', false, 20000, 1), '>', 100000::bigint, 'deals with known hazards');
SELECT lives_ok('SELECT sentinel.fit_win_model(horizon_days => 84)', 'a model is fitted');
SELECT is((SELECT metrics #>> '{backtest,verdict}' FROM sentinel.win_models WHERE org_id = :'known'), 'skill', 'and found good');
CREATE TEMP TABLE judged AS SELECT * FROM sentinel.backtest_win(now(), pg_temp.ago(280), 84);
CREATE TEMP TABLE own AS
SELECT j.* FROM (
    SELECT array_agg(t.p) AS p, array_agg(coalesce(l.won_at <= l.cut + interval '2016 hours', false)) AS hits,
           array_agg((uuid_hash(l.deal_id) & 2147483647) % 100) AS parts
    FROM sentinel.deal_landmarks(:'known', pg_temp.ago(280), pg_temp.ago(280), pg_temp.ago(84), now()) l
    JOIN life f ON f.deal_id = l.deal_id AND l.cut >= f.at AND l.cut < f.at + interval '168 hours' AND f.state = 'open'
    JOIN truth t ON NOT t.noise AND t.weeks = 12 AND t.stage = f.stage AND t.engaged = f.engaged AND t.large = f.large) a
CROSS JOIN LATERAL sentinel.judge_scores(a.p, a.p, a.hits, a.parts, 0.2) j;
SELECT is((SELECT j.samples FROM judged j), (SELECT o.samples FROM own o), 'the same deals are judged by the model and by the truth');
SELECT cmp_ok((SELECT o.ece FROM own o), '<', 0.03::double precision, 'the truth is calibrated');
SELECT cmp_ok((SELECT j.ece FROM judged j), '<', 0.03::double precision, 'and so is the model');
SELECT cmp_ok((SELECT abs(o.auc - j.auc) FROM judged j, own o), '<', 0.02::double precision, 'which ranks as well as the truth, within 0.02');
SELECT cmp_ok((SELECT j.brier_skill_low FROM judged j), '>', 0::double precision, 'better than the base rate');
SELECT cmp_ok((SELECT avg(abs(s.probability - t.p)) FROM sentinel.win_scores() s
    JOIN life f ON f.deal_id = s.deal_id AND now() >= f.at AND now() < f.at + interval '168 hours' AND f.state = 'open'
    JOIN truth t ON NOT t.noise AND t.weeks = 12 AND t.stage = f.stage AND t.engaged = f.engaged AND t.large = f.large), '<', 0.05::double precision,
    'deal by deal it is near the truth');
SELECT is((SELECT count(*) FROM (SELECT w.deal_id, w.log_odds, w.probability FROM sentinel.win_scores() w ORDER BY w.deal_id LIMIT 30) w
    WHERE w.log_odds IS DISTINCT FROM (SELECT sum(e.contribution ORDER BY e.position) FROM sentinel.explain_win(w.deal_id) e)
       OR w.probability IS DISTINCT FROM (SELECT p.probability FROM sentinel.win_probability_model(w.deal_id) p)), 0::bigint,
    'explanations sum to the log-odds exactly, and one deal has what all have');
SELECT throws_ok($$UPDATE sentinel.win_models SET kind = 'evidence'$$, 'SN006', NULL, 'models are kept as they are');
SELECT is((SELECT verdict FROM sentinel.backtest_risk(now(), pg_temp.ago(280))), 'skill', 'the risk score finds the silent ones');
SELECT cmp_ok((SELECT auc FROM sentinel.backtest_risk(now(), pg_temp.ago(280))), '>', 0.55::double precision, 'above chance');

SELECT diag(format('%s rows judged: AUC %s of the model, %s of the truth; ECE %s and %s; Brier %s, %s of the base rate; lift %s', j.samples,
    round(j.auc::numeric, 4), round(o.auc::numeric, 4), round(j.ece::numeric, 4), round(o.ece::numeric, 4), round(j.brier::numeric, 4),
    round(j.brier_base::numeric, 4), round(j.lift::numeric, 2))) FROM judged j, own o;

-- The same with equal hazards for all.
SELECT sentinel.enter(:'noise');
SELECT cmp_ok(pg_temp.generate_deals(:'noise', true, 20000, 2), '>', 100000::bigint, 'deals of pure chance');
SELECT is((SELECT verdict FROM sentinel.backtest_win(now(), pg_temp.ago(280), 84)), 'no skill', 'of chance the model claims no skill');
SELECT is((SELECT verdict FROM sentinel.backtest_risk(now(), pg_temp.ago(280))), 'no skill', 'nor does the risk score');

-- The past is told in the currency and pipeline of then; deleted deals are open until they go, demo deals never were.
SELECT sentinel.create_org('Past Ltd', 'insight-pgtap-past') AS past \gset
SELECT sentinel.enter(:'past');
SELECT sentinel.seed_demo_deals();
SELECT sentinel.create_deal('Yen', 100, as_of => pg_temp.ago(30)) AS yen, sentinel.create_deal('Gone', 100, as_of => pg_temp.ago(100)) AS gone \gset
UPDATE sentinel.deals SET currency = 'JPY', value = 15000, changed_at = pg_temp.ago(10) WHERE id = :'yen';
SELECT results_eq(format('SELECT value, currency FROM sentinel.deal_state(%L, %L)', :'yen', pg_temp.ago(20)), $$VALUES (100.00, 'USD')$$, 'the value of then in the currency of then');
SELECT is((SELECT count(*) FROM sentinel.deal_landmarks(:'past', now(), now(), now(), now())), 2::bigint, 'demo deals that are gone are no open deals');
DELETE FROM sentinel.deals WHERE id = :'gone';
SELECT results_eq(format('SELECT deal_id FROM sentinel.deal_landmarks(%L, now(), now(), now(), now())', :'past'), ARRAY[:'yen'::uuid], 'nor is a deleted one');
SELECT is((SELECT count(*) FROM sentinel.deal_landmarks(:'past', now(), pg_temp.ago(110), pg_temp.ago(1), now()) WHERE deal_id = :'gone'), 3::bigint,
    'which counts as what it was before');

SELECT * FROM finish();
ROLLBACK;
