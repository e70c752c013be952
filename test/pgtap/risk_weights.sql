-- Room risk, weights: versions of the model's numbers per organisation; the past keeps those that it had.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SET LOCAL jit = off;
SELECT plan(35);

SELECT sentinel.create_org('Weights Ltd', 'weights-pgtap') AS org, sentinel.create_org('Other Ltd', 'weights-pgtap-other') AS other \gset
CREATE FUNCTION pg_temp.ago(days numeric) RETURNS timestamptz LANGUAGE sql AS 'SELECT now() - days * interval ''24 hours''';
SELECT sentinel.enter(:'other');
SELECT sentinel.create_deal('Elsewhere', 8000, 'negotiation', as_of => pg_temp.ago(30)) AS elsewhere \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Mira', 'mira@weights.example') AS mira \gset

-- The standard numbers are those of the library.
SELECT is((SELECT count(*) FROM sentinel.risk_weights()), 15::bigint, 'the model has 15 numbers');
SELECT is((SELECT count(*) FROM sentinel.risk_weights() WHERE weight <> standard OR since IS NOT NULL), 0::bigint, 'at first the standard ones hold');
SELECT is(count(*) FILTER (WHERE sentinel.risk_score(role::smallint, false, worth, t - age, t - age, t - sent, t - received, t - met, NULL, found, 3, 7::smallint, 7::smallint, NULL, t - age, t)
                             IS DISTINCT FROM sentinel.risk_score(role::smallint, false, worth, t - age, t - age, t - sent, t - received, t - met, NULL, found, 3, 7::smallint, 7::smallint, NULL, t - age, t,
                                    (SELECT array_agg(standard ORDER BY position) FROM sentinel.risk_weight_terms))), 0::bigint,
          'which give the scores that no weights give')
FROM (SELECT '2025-06-16 00:00+00'::timestamptz AS t) c, generate_series(0, 2) AS role, unnest('{100,5001,10001}'::float8[]) AS worth,
     unnest('{3 days,40 days}'::interval[]) AS age, unnest('{2 days,20 days}'::interval[]) AS sent,
     unnest('{NULL,2 days,20 days}'::interval[]) AS received, unnest('{NULL,2 days}'::interval[]) AS met, generate_series(0, 2) AS found;

-- A silent negotiation: 0.3 + 0.4 + 0.4 + 0.2, clamped to 1.
SELECT sentinel.create_deal('Silent', 8000, 'negotiation', as_of => pg_temp.ago(30)) AS silent,
       sentinel.create_deal('Calm', 800, 'qualify', as_of => pg_temp.ago(30)) AS calm,
       sentinel.create_deal('Done', 800, 'qualify', as_of => pg_temp.ago(30)) AS done \gset
SELECT sentinel.move_deal(:'done', 'closed_won', as_of => pg_temp.ago(29));
CREATE TEMP TABLE before AS SELECT d.id, t.at, to_jsonb(r) AS risk FROM sentinel.deals d, LATERAL (VALUES (pg_temp.ago(21)), (pg_temp.ago(11))) AS t (at),
    LATERAL sentinel.deal_risk(d.id, t.at) r WHERE d.org_id = :'org';
SELECT is((SELECT score FROM sentinel.deal_risk(:'calm', pg_temp.ago(10))), 0.4::double precision, 'ten days ago the calm one had the weight of silence');

SELECT lives_ok(format($$SELECT sentinel.set_risk_weights('{"inactivity": 0.7, "high_value_over": 500, "high_value": 0.05}', %L)$$, pg_temp.ago(10)), 'weights are set');
SELECT is((SELECT score FROM sentinel.deal_risk(:'calm', pg_temp.ago(9.5))), 0.75::double precision, 'silence weighs more, and the worth counts');
SELECT is((SELECT score FROM sentinel.deal_risks WHERE deal_id = :'calm'), 1::double precision, 'by now it is overdue, in the view too');
SELECT is((SELECT status FROM sentinel.deal_risk(:'calm')), 'at_risk', 'the deal is at risk now');
SELECT is((SELECT risk_started_at FROM sentinel.deal_risk(:'calm')), pg_temp.ago(10), 'since the weights were set');
SELECT results_eq(format('SELECT term, contribution FROM sentinel.explain_risk(%L, %L)', :'calm', pg_temp.ago(9.5)),
    $$VALUES ('stage', 0::double precision), ('inactivity', 0.7::double precision), ('high value', 0.05::double precision)$$, 'it is explained by them');
SELECT is((SELECT count(*) FROM sentinel.deals d, LATERAL (SELECT sum(e.contribution ORDER BY e.position) AS total FROM sentinel.explain_risk(d.id) e) x,
    LATERAL sentinel.deal_risk(d.id) r WHERE d.org_id = :'org' AND x.total IS DISTINCT FROM r.score), 0::bigint, 'and all explanations sum to their score exactly');
SELECT is((SELECT count(*) FROM before b, LATERAL sentinel.deal_risk(b.id, b.at) r WHERE to_jsonb(r) IS DISTINCT FROM b.risk), 0::bigint,
    'what the past said it still says');
SELECT is((SELECT weights FROM sentinel.deal_signals WHERE deal_id = :'done'), NULL, 'closed deals are left alone');
SELECT ok(sentinel.sweep_risk() > 0, 'a sweep notices');
SELECT is((SELECT count(*) FROM sentinel.events WHERE event_type = 'deal.at_risk' AND subject_id = :'calm'), 1::bigint, 'and tells of it');
SELECT is((SELECT weight::text || ' ' || (since = pg_temp.ago(10)) FROM sentinel.risk_weights() WHERE weight_name = 'inactivity'), '0.7 true', 'the list says what holds, and since when');
SELECT is((SELECT weight FROM sentinel.risk_weights(pg_temp.ago(11)) WHERE weight_name = 'inactivity'), 0.4::double precision, 'and what held before');
SELECT is((SELECT score FROM sentinel.deal_risk(:'silent', pg_temp.ago(9))), 1::double precision, 'a score stays within 1');

-- The next version keeps what it does not name; new deals begin with it; null brings the standard one back.
SELECT sentinel.set_risk_weights('{"high_value": 0, "inactivity": null}', pg_temp.ago(5));
SELECT is((SELECT weight FROM sentinel.risk_weights() WHERE weight_name = 'high_value_over'), 500::double precision, 'what is not named stays');
SELECT is((SELECT reasons FROM sentinel.deal_risk(:'calm')), '{No activity in last 7 days}', 'a weight of 0 is no reason');
SELECT is((SELECT score FROM sentinel.deal_risk(:'calm')), 0.4::double precision, 'null brings the standard weight back');
SELECT is((SELECT status FROM sentinel.deal_risk(:'calm', pg_temp.ago(6))), 'at_risk', 'in between the deal was at risk');
SELECT sentinel.create_deal('Late', 800, 'discover', as_of => pg_temp.ago(4)) AS late \gset
SELECT sentinel.set_risk_weights('{"discover": 0.5}');
SELECT is((SELECT score FROM sentinel.deal_risk(:'late')), 0.5::double precision, 'new deals have the weights');
-- An input that comes late: the history must be told with the weights of each time.
SELECT sentinel.record_activity(:'calm', 'email_received', pg_temp.ago(7), as_of => pg_temp.ago(7));
SELECT is((SELECT status FROM sentinel.deal_risk(:'calm', pg_temp.ago(6))), 'active', 'a late mail had ended it');
SELECT is((SELECT score FROM sentinel.deal_risk(:'calm', pg_temp.ago(8))), 0.75::double precision, 'before it the heavier weight held');
SELECT sentinel.sweep_risk();
SELECT is((SELECT (replay, score)::text FROM sentinel.deal_signals JOIN sentinel.deal_risks USING (deal_id) WHERE deal_id = :'calm'), '(f,0)', 'the sweep settles it');

-- Errors and rights.
SELECT throws_ok($$SELECT sentinel.set_risk_weights('{"inactivty": 0.5}')$$, 'SN004', 'unknown weight "inactivty"', 'an unknown name');
SELECT throws_ok($$SELECT sentinel.set_risk_weights('{"inactivity": 2}')$$, '22023', 'inactivity is 2', 'too large');
SELECT throws_ok($$SELECT sentinel.set_risk_weights('{"meeting": 0.1}')$$, '22023', 'meeting is 0.1', 'a meeting does not add risk');
SELECT throws_ok($$SELECT sentinel.set_risk_weights('{"inactivity": "much"}')$$, '22023', 'inactivity is "much"', 'no number');
SELECT throws_ok($$SELECT sentinel.set_risk_weights('[]')$$, 'SN007', NULL, 'no object');
SELECT throws_ok(format($$SELECT sentinel.set_risk_weights('{"inactivity": 0.5}', %L)$$, pg_temp.ago(1)), 'SN007', NULL, 'versions come in their order');
SELECT throws_ok('UPDATE sentinel.risk_weights SET weights = NULL', 'SN006', NULL, 'and are kept');
SELECT sentinel.enter(:'org', :'mira');
SELECT throws_ok($$SELECT sentinel.set_risk_weights('{"inactivity": 0.5}')$$, 'SN003', NULL, 'members do not set them');
SELECT sentinel.enter(:'other');
SELECT is((SELECT score FROM sentinel.deal_risk(:'elsewhere', pg_temp.ago(29))), 0.8999999999999999::double precision, 'another organisation has its own');
SELECT * FROM finish();
ROLLBACK;
