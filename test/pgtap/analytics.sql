-- Room analytics: every figure of the functions over a fixed winter, of the views over a few deals beside now, worked out by hand.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SET LOCAL jit = off;
SELECT plan(76 + 2 * (SELECT count(*)::integer FROM pg_views WHERE schemaname = 'sentinel_bi'));

SELECT sentinel.create_org('Winter Ltd', 'analytics-pgtap-one', 'Europe/Berlin') AS one,
       sentinel.create_org('Today Ltd', 'analytics-pgtap-two', 'America/New_York') AS two,
       sentinel.create_org('Cohort Ltd', 'analytics-pgtap-three') AS three \gset
CREATE FUNCTION pg_temp.ago(days numeric) RETURNS timestamptz LANGUAGE sql AS 'SELECT now() - days * interval ''24 hours''';
CREATE FUNCTION pg_temp.run(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE query INTO answer;
    RETURN coalesce(answer, 'done');
END
$$;
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

-- Winter Ltd. A is won, B goes back and is lost, C shrinks and slips, D changes its currency, E comes back, F is quick,
-- G is pulled in and later deleted.
SELECT sentinel.enter(:'one');
SELECT sentinel.add_member('Mira', 'mira@winter.example') AS mira \gset
SELECT sentinel.create_lead('Lea', lead_source => 'fair', created_at => '2024-01-01 09:00+00') AS lea \gset
SELECT sentinel.create_deal('A', 1000.00, currency => 'EUR', lead_id => :'lea', as_of => '2024-01-10 09:00+00') AS a,
       sentinel.create_deal('B', 500.10, currency => 'EUR', owner_id => :'mira', as_of => '2024-01-15 09:00+00') AS b,
       sentinel.create_deal('C', 300.33, currency => 'EUR', as_of => '2024-01-20 09:00+00') AS c,
       sentinel.create_deal('D', 700.00, currency => 'USD', as_of => '2024-01-25 09:00+00') AS d,
       sentinel.create_deal('E', 400.00, currency => 'EUR', as_of => '2024-01-05 09:00+00') AS e,
       sentinel.create_deal('F', 50.00, currency => 'EUR', as_of => '2024-02-03 09:00+00') AS f,
       sentinel.create_deal('G', 80.00, currency => 'EUR', as_of => '2024-01-08 09:00+00') AS g \gset
SELECT sentinel.forecast_deal(:'a', '2024-02-20 12:00+00', as_of => '2024-01-10 10:00+00');
SELECT sentinel.move_deal(:'a', 'qualify', as_of => '2024-01-20 09:00+00');
SELECT sentinel.move_deal(:'a', 'proposal', as_of => '2024-02-09 09:00+00');
SELECT sentinel.change_deal_value(:'a', 1200.50, '2024-02-15 09:00+00');
SELECT sentinel.move_deal(:'a', 'won', as_of => '2024-02-19 09:00+00');
SELECT sentinel.forecast_deal(:'b', '2024-02-10 12:00+00', as_of => '2024-01-15 10:00+00');
SELECT sentinel.move_deal(:'b', 'negotiation', as_of => '2024-01-25 09:00+00');
SELECT sentinel.move_deal(:'b', 'qualify', as_of => '2024-02-04 09:00+00');
SELECT sentinel.move_deal(:'b', 'lost', 'too dear', '2024-02-14 09:00+00');
SELECT sentinel.forecast_deal(:'c', '2024-02-25 12:00+00', as_of => '2024-01-20 10:00+00');
SELECT sentinel.change_deal_value(:'c', 200.22, '2024-02-10 09:00+00');
SELECT sentinel.forecast_deal(:'c', '2024-03-10 12:00+00', as_of => '2024-02-24 09:00+00');
SELECT sentinel.forecast_deal(:'c', '2024-03-20 12:00+00', as_of => '2024-02-26 09:00+00');
SELECT sentinel.forecast_deal(:'d', '2024-02-28 12:00+00', as_of => '2024-01-25 10:00+00');
UPDATE sentinel.deals SET currency = 'EUR', value = 650, changed_at = '2024-02-20 09:00+00' WHERE id = :'d';
SELECT sentinel.move_deal(:'e', 'lost', as_of => '2024-01-12 09:00+00');
SELECT sentinel.move_deal(:'e', 'discover', as_of => '2024-02-12 09:00+00');
SELECT sentinel.move_deal(:'f', 'won', as_of => '2024-02-23 09:00+00');
SELECT sentinel.forecast_deal(:'g', '2024-03-15 12:00+00', as_of => '2024-01-08 10:00+00');
SELECT sentinel.forecast_deal(:'g', '2024-02-27 12:00+00', as_of => '2024-02-11 09:00+00');
SELECT '2024-02-01 00:00 Europe/Berlin' AS feb, '2024-03-01 00:00 Europe/Berlin' AS mar \gset

-- What the deals and their history hold for it.
SELECT is((SELECT version FROM sentinel.deals WHERE id = :'d'), 3, 'a forecast and a change of currency make versions');
SELECT results_eq(format('SELECT currency, expected_close_at FROM sentinel.deal_history WHERE deal_id = %L ORDER BY seq', :'d'),
    $$VALUES ('USD', NULL::timestamptz), ('USD', '2024-02-28 12:00+00'), ('EUR', '2024-02-28 12:00+00')$$, 'and the history keeps them');
SELECT results_eq(format('SELECT stage, left_stage, left_stage_entered_at FROM sentinel.deal_history WHERE deal_id = %L ORDER BY seq', :'b'),
    $$VALUES ('discover', NULL, NULL::timestamptz), ('discover', NULL, NULL), ('negotiation', 'discover', '2024-01-15 09:00+00'),
             ('qualify', 'negotiation', '2024-01-25 09:00+00'), ('closed_lost', 'qualify', '2024-02-04 09:00+00')$$, 'and which stage was left');
SELECT results_eq($$SELECT name, furthest_stage FROM sentinel.deals WHERE org_id = sentinel.current_org() ORDER BY name$$,
    $$VALUES ('A', 'closed_won'), ('B', 'negotiation'), ('C', 'discover'), ('D', 'discover'), ('E', 'discover'), ('F', 'closed_won'), ('G', 'discover')$$,
    'the furthest stage stays when a deal goes back or is lost');
SELECT throws_ok(format('SELECT sentinel.forecast_deal(%L, NULL, ''sure'')', :'c'), 'SN007', 'unknown forecast category "sure"', 'no category');
SELECT throws_ok(format('SELECT sentinel.forecast_deal(%L, ''infinity'')', :'c'), 'SN007', NULL, 'a day that never comes');
SELECT throws_ok(format('SELECT sentinel.forecast_deal(%L, NULL)', sentinel.uuid7()), 'SN004', NULL, 'an unknown deal');

-- Periods. Half past eleven in the evening of 29 February is March in Berlin.
SELECT results_eq($$SELECT period, starts_at, ends_at FROM sentinel.periods('2024-02-29 23:30+00')
        WHERE period IN ('today', 'this_week', 'this_month', 'last_month', 'next_month', 'this_quarter', 'last_quarter', 'next_quarter', 'this_year') ORDER BY period$$,
    $$VALUES ('last_month', '2024-01-31 23:00+00'::timestamptz, '2024-02-29 23:00+00'::timestamptz), ('last_quarter', '2023-09-30 22:00+00', '2023-12-31 23:00+00'),
             ('next_month', '2024-03-31 22:00+00', '2024-04-30 22:00+00'), ('next_quarter', '2024-03-31 22:00+00', '2024-06-30 22:00+00'),
             ('this_month', '2024-02-29 23:00+00', '2024-03-31 22:00+00'), ('this_quarter', '2023-12-31 23:00+00', '2024-03-31 22:00+00'),
             ('this_week', '2024-02-25 23:00+00', '2024-03-03 23:00+00'), ('this_year', '2023-12-31 23:00+00', '2024-12-31 23:00+00'),
             ('today', '2024-02-29 23:00+00', '2024-03-01 23:00+00')$$, 'calendar periods are those of the organisation''s zone');
SELECT results_eq($$SELECT period, starts_at, ends_at FROM sentinel.periods('2024-03-31 12:00+00') WHERE period LIKE '%\_days' OR period = 'all_time' ORDER BY period$$,
    $$VALUES ('all_time', '-infinity'::timestamptz, 'infinity'::timestamptz), ('last_30_days', '2024-03-01 12:00+00', '2024-03-31 12:00:00.000001+00'),
             ('last_365_days', '2023-04-01 12:00+00', '2024-03-31 12:00:00.000001+00'), ('last_7_days', '2024-03-24 12:00+00', '2024-03-31 12:00:00.000001+00'),
             ('last_90_days', '2024-01-01 12:00+00', '2024-03-31 12:00:00.000001+00')$$, 'trailing ones count 24 hours, whatever clocks do');
SELECT results_eq($$SELECT starts_at, ends_at FROM sentinel.recent_months(2, '2024-04-15 00:00+00')$$,
    $$VALUES ('2024-02-29 23:00+00'::timestamptz, '2024-03-31 22:00+00'::timestamptz), ('2024-03-31 22:00+00', '2024-04-30 22:00+00')$$, 'months of summer and winter time');
SELECT throws_ok('SELECT sentinel.recent_months(0)', '22023', 'invalid number of months 0', 'no months');
SELECT throws_ok($$SELECT sentinel.pipeline_movement('2024-02-01', '2024-02-01')$$, 'SN007', NULL, 'no time between');
SELECT throws_ok($$SELECT sentinel.stage_times(NULL)$$, 'SN007', NULL, 'nor from nowhere');
SELECT throws_ok($$SELECT sentinel.pipeline_as_of(NULL)$$, 'SN007', NULL, 'the pipeline of no time');

-- The pipeline of the past.
SELECT results_eq(format('SELECT * FROM sentinel.pipeline_as_of(%L)', :'feb'),
    $$VALUES ('Revenue', 'discover', 'Discovery', 1.0, 'EUR', 2.0, 380.33, 38.03), ('Revenue', 'discover', 'Discovery', 1, 'USD', 1, 700.00, 70.00),
             ('Revenue', 'qualify', 'Qualification', 2, 'EUR', 1, 1000.00, 250.00), ('Revenue', 'negotiation', 'Negotiation', 4, 'EUR', 1, 500.10, 375.08)$$,
    'the pipeline on the first of February, each currency for itself, weighted to the cent');
SELECT results_eq($$SELECT stage, deals, value FROM sentinel.pipeline_as_of('2024-01-05 09:00+00')$$, $$VALUES ('discover', 1.0, 400.00)$$, 'an instant belongs to itself');
SELECT is_empty($$SELECT * FROM sentinel.pipeline_as_of('2024-01-05 08:59:59.999999+00')$$, 'and not to the one before');
SELECT is_empty($$
    SELECT t.at FROM (SELECT DISTINCT recorded_at AS at FROM sentinel.deal_history WHERE org_id = sentinel.current_org() UNION SELECT now()) t
    WHERE (SELECT coalesce(jsonb_object_agg(x.currency, ARRAY[x.deals, x.value]), '{}') FROM (
               SELECT currency, sum(deals) AS deals, sum(value) AS value FROM sentinel.pipeline_as_of(t.at) GROUP BY currency) x)
        IS DISTINCT FROM
          (SELECT coalesce(jsonb_object_agg(x.currency, ARRAY[x.deals, x.value]), '{}') FROM (
               SELECT v.currency, count(*)::numeric AS deals, sum(v.value) AS value FROM (
                   SELECT DISTINCT ON (h.deal_id) h.* FROM sentinel.deal_history h
                   WHERE h.org_id = sentinel.current_org() AND h.recorded_at <= t.at ORDER BY h.deal_id, h.seq DESC) v
               WHERE v.stage_kind = 'open' GROUP BY v.currency) x)$$, 'at every instant it is the newest version of each deal by then');

-- How it moved in February: 1880.43 + 50 + 400 + 200.50 - 100.11 + 650 - 1250.50 - 500.10 = 1330.22.
SELECT results_eq(format('SELECT * FROM sentinel.pipeline_movement(%L, %L)', :'feb', :'mar'),
    $$VALUES ('EUR', 1.0, 'opening', 4.0, 1880.43), ('EUR', 2, 'new', 1, 50.00), ('EUR', 3, 'reopened', 1, 400.00), ('EUR', 4, 'increased', 0, 200.50),
             ('EUR', 5, 'decreased', 0, -100.11), ('EUR', 6, 'currency_in', 1, 650.00), ('EUR', 7, 'currency_out', 0, 0.00), ('EUR', 8, 'won', -2, -1250.50),
             ('EUR', 9, 'lost', -1, -500.10), ('EUR', 10, 'deleted', 0, 0.00), ('EUR', 11, 'closing', 4, 1330.22),
             ('USD', 1, 'opening', 1, 700.00), ('USD', 2, 'new', 0, 0.00), ('USD', 3, 'reopened', 0, 0.00), ('USD', 4, 'increased', 0, 0.00),
             ('USD', 5, 'decreased', 0, 0.00), ('USD', 6, 'currency_in', 0, 0.00), ('USD', 7, 'currency_out', -1, -700.00), ('USD', 8, 'won', 0, 0.00),
             ('USD', 9, 'lost', 0, 0.00), ('USD', 10, 'deleted', 0, 0.00), ('USD', 11, 'closing', 0, 0.00)$$, 'February, step by step');
SELECT is((SELECT sum(value) FROM sentinel.pipeline_as_of(:'mar'::timestamptz - interval '1 microsecond')), 1330.22, 'closing is the pipeline as it stood then');
SELECT is_empty($$
    WITH cut AS (SELECT at, lead(at) OVER (ORDER BY at) AS next FROM (SELECT DISTINCT recorded_at AS at FROM sentinel.deal_history WHERE org_id = sentinel.current_org()) x),
         moved AS (SELECT c.at, c.next, m.* FROM cut c CROSS JOIN LATERAL sentinel.pipeline_movement(c.at, c.next) m WHERE c.next IS NOT NULL)
    SELECT a.at, a.currency FROM moved a LEFT JOIN moved b ON b.at = a.next AND b.currency = a.currency AND b.step = 'opening'
    WHERE a.step = 'closing' AND a.next < (SELECT max(at) FROM cut)
      AND (a.deals, a.value) IS DISTINCT FROM (coalesce(b.deals, 0), coalesce(b.value, 0))$$, 'cut anywhere, one closing is the next opening');

-- Stage times.
SELECT results_eq(format('SELECT stage, "position", stays, mean_days, median_days, p90_days, moved_on, moved_back, lost, changed_pipeline FROM sentinel.stage_times(%L, %L)', :'feb', :'mar'),
    $$VALUES ('discover', 1.0, 1.0, 20.00, 20.00, 20.00, 1.0, 0.0, 0.0, 0.0), ('qualify', 2, 2, 15.00, 15.00, 19.00, 1, 0, 1, 0),
             ('proposal', 3, 1, 10.00, 10.00, 10.00, 1, 0, 0, 0), ('negotiation', 4, 1, 10.00, 10.00, 10.00, 0, 1, 0, 0)$$, 'stays that ended in February');
SELECT results_eq(format('SELECT stage, stays, mean_days, median_days, p90_days, moved_on, lost FROM sentinel.stage_times(''2024-01-01'', %L)', :'feb'),
    $$VALUES ('discover', 3.0, 9.00, 10.00, 10.00, 2.0, 1.0)$$, 'and in January');

-- Velocity: 1250.50 in two deals of 40 and 20 days, one lost after 30; lead to won 49 days.
SELECT results_eq('SELECT * FROM sentinel.sales_velocity()',
    $$VALUES ('Revenue', 'EUR', 3.0, 2.0, 1.0, 0.6667, 1250.50, 500.10, 0.7143, 625.25, 30.00, 30.00, 30.00, 49.00, 41.68)$$, 'velocity');
SELECT results_eq($$SELECT won_deals, won_value, mean_cycle_days, value_per_day FROM sentinel.sales_velocity('2024-02-19 09:00+00', '2024-02-23 09:00+00')$$,
    $$VALUES (1.0, 1200.50, 40.00, 30.01)$$, 'a span holds its beginning and not its end');

-- Slippage. Due in February: A 1000.00 x 0.25, B 500.10 x 0.75, C 300.33 x 0.10 = 655.108; D 700.00 x 0.10 in dollars.
SELECT results_eq(format('SELECT * FROM sentinel.slippage(%L, %L)', :'feb', :'mar'),
    $$VALUES ('EUR', 3.0, 1800.43, 655.11, 1.0, 1000.00, 1.0, 500.10, 0.0, 0.00, 1.0, 300.33, 0.0, 0.00, 2.0, 1.0, 80.00, 0.3333, 0.1668, 2.0, 1250.50, -595.39, 0.5239),
             ('USD', 1, 700.00, 70.00, 0, 0.00, 0, 0.00, 0, 0.00, 0, 0.00, 1, 700.00, 0, 0, 0.00, 0.0000, 0.0000, 0, 0.00, 70.00, NULL)$$,
    'what became of the deals due in February, and how the forecast held');
SELECT results_eq(format('SELECT currency, due_deals, still_due_deals, still_due_value, slipped_deals, pushes, pulled_in_deals, actual_deals, forecast_error FROM sentinel.slippage(%L, %L, ''2024-02-12 00:00+00'')', :'feb', :'mar'),
    $$VALUES ('EUR', 3.0, 3.0, 1800.43, 0.0, 0.0, 1.0, 0.0, NULL::numeric), ('USD', 1, 1, 700.00, 0, 0, 0, 0, NULL)$$, 'as it looked before the middle of the month');

-- A member gets the figures of the member's own deals, faster than policies would give them.
CREATE ROLE tap_mira LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_mira', :'one', :'mira');
SELECT is(pg_temp.as_login('tap_mira', :'one', format('SELECT string_agg(concat_ws('' '', currency, step, deals, value), '', '' ORDER BY "position") FROM sentinel.pipeline_movement(%L, %L) WHERE deals <> 0 OR value <> 0', :'feb', :'mar')),
    'EUR opening 1 500.10, EUR lost -1 -500.10', 'movement of own deals');
SELECT is(pg_temp.as_login('tap_mira', :'one', format('SELECT string_agg(concat_ws('' '', stage, stays, mean_days), '', '' ORDER BY "position") FROM sentinel.stage_times(%L, %L)', :'feb', :'mar')),
    'qualify 1 10.00, negotiation 1 10.00', 'stage times of own deals');
SELECT is(pg_temp.as_login('tap_mira', :'one', format('SELECT string_agg(concat_ws('' '', stage, deals, value), '', '') FROM sentinel.pipeline_as_of(%L)', :'feb')),
    'negotiation 1 500.10', 'the past of own deals');
SELECT is(pg_temp.as_login('tap_mira', :'one', format('SELECT concat_ws('' '', due_deals, lost_deals, pulled_in_deals, actual_deals) FROM sentinel.slippage(%L, %L)', :'feb', :'mar')),
    '1 1 0 0', 'slippage of own deals');
SELECT is(pg_temp.as_login('tap_mira', :'one', 'SELECT concat_ws('' '', closed_deals, won_deals, lost_value) FROM sentinel.sales_velocity()'), '1 0 500.10', 'velocity of own deals');
SELECT is(pg_temp.as_login('tap_mira', :'one', format('SELECT sentinel.set_quota(1, ''EUR'', %L, %L)', :'feb', :'mar')), 'SN003', 'a member sets no quotas');
SELECT is(pg_temp.as_login('tap_mira', :'one', $$SELECT * FROM sentinel.deals_at(sentinel.current_org(), now())$$), '42501', 'nor calls what is for the engine');

-- What is deleted stays in the past.
DELETE FROM sentinel.deals WHERE id = :'g';
SELECT is((SELECT sum(value) FROM sentinel.pipeline_as_of(:'feb') WHERE currency = 'EUR'), 1880.43, 'a deleted deal counts until then');
SELECT results_eq(format('SELECT step, deals, value FROM sentinel.pipeline_movement(%L, ''infinity'') WHERE deals <> 0', :'mar'),
    $$VALUES ('opening', 4.0, 1330.22), ('deleted', -1, -80.00), ('closing', 3, 1250.22)$$, 'and leaves as deleted');
SELECT is((SELECT sum(deals) FROM sentinel.pipeline_as_of()), 3.0, 'now there are three');

-- Today Ltd, beside now.
SELECT sentinel.enter(:'two');
SELECT sentinel.add_member('Rita', 'rita@today.example') AS rita, sentinel.add_member('Sam', 'sam@today.example') AS sam \gset
SELECT max(starts_at) FILTER (WHERE period = 'this_month') AS month, max(ends_at) FILTER (WHERE period = 'this_month') AS next_month,
       max(starts_at) FILTER (WHERE period = 'last_month') AS last_month FROM sentinel.periods() \gset
SELECT sentinel.create_lead('Won Lead', lead_source => 'fair', platform => 'linkedin', created_at => :'month'::timestamptz - interval '2160 hours') AS l1,
       sentinel.create_lead('New Lead', lead_source => NULL, created_at => pg_temp.ago(45)) AS l2,
       sentinel.create_lead('Contacted Lead', lead_source => 'fair', owner_id => :'rita', created_at => pg_temp.ago(10)) AS l3,
       sentinel.create_lead('Lost Lead', lead_source => 'ads', created_at => pg_temp.ago(20)) AS l4 \gset
SELECT sentinel.create_deal('Open one', 1000.00, currency => 'EUR', owner_id => :'rita', as_of => pg_temp.ago(10)) AS o1 \gset
SELECT sentinel.create_deal('Open two', 2000.00, 'negotiation', 'EUR', :'rita', as_of => pg_temp.ago(40)) AS o2 \gset
SELECT sentinel.create_deal('Open three', 500.00, 'proposal', 'USD', :'sam', as_of => pg_temp.ago(100)) AS o3 \gset
SELECT sentinel.create_deal('Open four', 0, currency => 'EUR', as_of => pg_temp.ago(200)) AS o4 \gset
SELECT sentinel.forecast_deal(:'o2', :'next_month'::timestamptz - interval '1 second', as_of => pg_temp.ago(40)),
       sentinel.forecast_deal(:'o3', :'next_month'::timestamptz - interval '1 second', as_of => pg_temp.ago(100)),
       sentinel.forecast_deal(:'o4', :'month'::timestamptz - interval '1 second', as_of => pg_temp.ago(200));
SELECT sentinel.create_deal('Won one', 300.00, currency => 'EUR', owner_id => :'rita', lead_id => :'l1', channel => 'referrals', as_of => :'month'::timestamptz - interval '1440 hours') AS w1,
       sentinel.create_deal('Won two', 200.00, currency => 'EUR', owner_id => :'sam', as_of => :'last_month'::timestamptz - interval '960 hours') AS w2,
       sentinel.create_deal('Won three', 50.00, currency => 'USD', owner_id => :'rita', as_of => :'last_month'::timestamptz - interval '1080 hours') AS w3,
       sentinel.create_deal('Lost one', 100.00, 'proposal', 'EUR', :'sam', as_of => :'month'::timestamptz - interval '1680 hours') AS x1 \gset
SELECT sentinel.move_deal(:'w1', 'won', as_of => :'month'), sentinel.move_deal(:'w2', 'won', as_of => :'last_month'),
       sentinel.move_deal(:'w3', 'won', as_of => :'last_month'), sentinel.move_deal(:'x1', 'lost', ' Price ', :'month');
UPDATE sentinel.leads SET lifecycle_stage = 'won' WHERE id = :'l1';
UPDATE sentinel.leads SET lifecycle_stage = 'contacted' WHERE id = :'l3';
UPDATE sentinel.leads SET lifecycle_stage = 'proposal' WHERE id = :'l4';
UPDATE sentinel.leads SET lifecycle_stage = 'lost' WHERE id = :'l4';
UPDATE sentinel.leads SET last_contacted_at = CASE id WHEN :'l3' THEN now() END,
    last_activity_at = pg_temp.ago(CASE id WHEN :'l2' THEN 40 ELSE 10 END) WHERE org_id = :'two';
INSERT INTO sentinel.calls (org_id, lead_id, scheduled_at, member_id) VALUES (:'two', :'l3', now(), :'rita');
INSERT INTO sentinel.tasks (org_id, title, subject_type, subject_id, due_at, member_id) VALUES (:'two', 'Ring them', 'deal', :'o2', now(), :'rita');
INSERT INTO sentinel.clients (org_id, lead_id, deal_id, renewal_at) VALUES (:'two', :'l1', :'w1', now() + interval '10 days');
SELECT sentinel.set_quota(1300, 'EUR', :'month', :'next_month'), sentinel.set_quota(299, 'eur', :'month', :'next_month', :'rita'),
       sentinel.set_quota(300, 'EUR', :'month', :'next_month', :'rita');
SELECT throws_ok(format('SELECT sentinel.set_quota(0, ''EUR'', %L, %L)', :'month', :'next_month'), 'SN007', 'invalid quota 0 EUR', 'a quota of nothing');
SELECT throws_ok(format('SELECT sentinel.set_quota(1, ''EUR'', %L, %L, %L)', :'month', :'next_month', :'mira'), 'SN004', NULL, 'a quota of another organisation''s member');

SELECT results_eq('SELECT * FROM sentinel_bi.dashboard ORDER BY currency',
    $$VALUES ('EUR', 3.0, 3000.00, 1600.00, 1000.00, 83.33, 0.0, 1.0, 1000.00, 2.0, 500.00, 1.0, 100.00, 50.00, 0.6667, 0.8333, 50.00, 10.00, 1.0, 300.00, 1.0, 200.00, 0.5000),
             ('USD', 1, 500.00, 250.00, 500.00, 100.00, 0, 0, 0.00, 1, 50.00, 0, 0.00, 0.00, 1.0000, 1.0000, 45.00, 1.11, 0, 0.00, 1, 50.00, -1.0000)$$, 'dashboard');
SELECT results_eq($$SELECT stage, currency, deals, value, mean_value, weighted_value, mean_age_days, mean_days_in_stage, deals_without_amount, deals_past_due, bottleneck
        FROM sentinel_bi.pipeline ORDER BY "position", currency$$,
    $$VALUES ('discover', 'EUR', 2.0, 1000.00, 500.00, 100.00, 105.00, 105.00, 1.0, 1.0, 'no'), ('discover', 'USD', 0, 0, NULL, 0, NULL, NULL, 0, 0, 'no'),
             ('qualify', 'EUR', 0, 0, NULL, 0, NULL, NULL, 0, 0, 'no'), ('qualify', 'USD', 0, 0, NULL, 0, NULL, NULL, 0, 0, 'no'),
             ('proposal', 'EUR', 0, 0, NULL, 0, NULL, NULL, 0, 0, 'no'), ('proposal', 'USD', 1, 500.00, 500.00, 250.00, 100.00, 100.00, 0, 0, 'no'),
             ('negotiation', 'EUR', 1, 2000.00, 2000.00, 1500.00, 40.00, 40.00, 0, 0, 'no'), ('negotiation', 'USD', 0, 0, NULL, 0, NULL, NULL, 0, 0, 'no')$$, 'pipeline, empty stages included');
SELECT results_eq($$SELECT currency, bucket, deals, value FROM sentinel_bi.aging WHERE deals > 0 ORDER BY currency, "position"$$,
    $$VALUES ('EUR', '0-30 days', 1.0, 1000.00), ('EUR', '31-60 days', 1, 2000.00), ('EUR', 'over 180 days', 1, 0.00), ('USD', '91-180 days', 1, 500.00)$$, 'ageing');
SELECT is((SELECT count(*) FROM sentinel_bi.aging), 10::bigint, 'with its empty buckets');
SELECT results_eq('SELECT name, faults, fault_count FROM sentinel_bi.hygiene ORDER BY name',
    $$VALUES ('Open four', 'no amount; close date is past; no owner; no next step', 4.0), ('Open one', 'no close date; no next step', 2), ('Open three', 'no next step', 1)$$, 'hygiene');
SELECT results_eq($$SELECT currency, category, deals, value, weighted_value, cumulative_value FROM sentinel_bi.forecast_categories WHERE period = 'this_month' ORDER BY currency, "position"$$,
    $$VALUES ('EUR', 'closed', 1.0, 300.00, 300.00, 300.00), ('EUR', 'commit', 1, 2000.00, 1500.00, 2300.00), ('EUR', 'most_likely', 0, 0, 0, 2300.00),
             ('EUR', 'best_case', 0, 0, 0, 2300.00), ('EUR', 'pipeline', 0, 0, 0, 2300.00), ('EUR', 'omitted', 0, 0, 0, NULL),
             ('USD', 'closed', 0, 0, 0, 0), ('USD', 'commit', 0, 0, 0, 0), ('USD', 'most_likely', 0, 0, 0, 0), ('USD', 'best_case', 1, 500.00, 250.00, 500.00),
             ('USD', 'pipeline', 0, 0, 0, 500.00), ('USD', 'omitted', 0, 0, 0, NULL)$$, 'forecast of the month by category');
SELECT results_eq($$SELECT category, deals, value, weighted_value, cumulative_value FROM sentinel_bi.forecast_categories WHERE period = 'all_open' AND currency = 'EUR' AND deals > 0 ORDER BY "position"$$,
    $$VALUES ('commit', 1.0, 2000.00, 1500.00, 2000.00), ('pipeline', 2, 1000.00, 100.00, 3000.00)$$, 'and of all open deals');
SELECT results_eq('SELECT owner, currency, quota, won_value, attainment, remaining, due_value, weighted_due_value, coverage, weighted_coverage FROM sentinel_bi.coverage ORDER BY owner',
    $$VALUES ('Rita', 'EUR', 300.00, 300.00, 1.0000, 0.00, 2000.00, 1500.00, NULL::numeric, NULL::numeric),
             ('the organisation', 'EUR', 1300.00, 300.00, 0.2308, 1000.00, 2000.00, 1500.00, 2.0000, 1.5000)$$, 'coverage; a quota set again is changed');
SELECT results_eq($$SELECT currency, closed_deals, won_deals, lost_deals, win_rate, won_value, lost_value, win_rate_by_value, average_won_value, mean_cycle_days,
               median_cycle_days, mean_lost_days, mean_days_from_lead, value_per_day FROM sentinel_bi.velocity WHERE period = 'last_365_days' ORDER BY currency$$,
    $$VALUES ('EUR', 3.0, 2.0, 1.0, 0.6667, 500.00, 100.00, 0.8333, 250.00, 50.00, 50.00, 70.00, 90.00, 10.00),
             ('USD', 1, 1, 0, 1.0000, 50.00, 0.00, 1.0000, 50.00, 45.00, 45.00, NULL, NULL, 1.11)$$, 'velocity of a year');
SELECT results_eq('SELECT stage, current_deals, reached_deals, passed_deals, undecided_deals, lost_deals, step_rate, decided_step_rate, reached_rate FROM sentinel_bi.funnel ORDER BY "position"',
    $$VALUES ('discover', 2.0, 8.0, 6.0, 2.0, 0.0, 0.7500, 1.0000, 1.0000), ('qualify', 0, 6, 6, 0, 0, 1.0000, 1.0000, 0.7500), ('proposal', 1, 6, 4, 1, 1, 0.6667, 0.8000, 0.7500),
             ('negotiation', 1, 4, 3, 1, 0, 0.7500, 1.0000, 0.5000), ('closed_won', 3, 3, NULL, NULL, NULL, NULL, NULL, 0.3750),
             ('closed_lost', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, 'funnel, current and reached');
SELECT results_eq('SELECT stage, currency, lost_deals, lost_value, estimated_lost_value, lost_deals_365_days, lost_value_365_days, estimated_lost_value_365_days FROM sentinel_bi.lost_revenue',
    $$VALUES ('proposal', 'EUR', 1.0, 100.00, 50.00, 1.0, 100.00, 50.00)$$, 'lost revenue');
SELECT results_eq('SELECT reason, currency, lost_deals, lost_value FROM sentinel_bi.lost_reasons', $$VALUES ('price', 'EUR', 1.0, 100.00)$$, 'and why');
SELECT results_eq('SELECT * FROM sentinel_bi.revenue_by_source ORDER BY currency, source',
    $$VALUES ('fair', 'linkedin', 'EUR', 1.0, 300.00, 300.00, 0.0, 1.0000), ('unknown', 'unknown', 'EUR', 1, 200.00, 200.00, 1, 0.5000),
             ('unknown', 'unknown', 'USD', 1, 50.00, 50.00, 0, 1.0000)$$, 'revenue by source');
SELECT results_eq($$SELECT channel, currency, won_deals_365_days, won_value_365_days FROM sentinel_bi.revenue_by_channel WHERE won_deals_365_days > 0 ORDER BY currency, "position"$$,
    $$VALUES ('referrals', 'EUR', 1.0, 300.00), ('unset', 'EUR', 1, 200.00), ('unset', 'USD', 1, 50.00)$$, 'revenue by channel');
SELECT results_eq($$SELECT currency, rank, owner, won_deals, won_value, lost_deals, win_rate, average_won_value, mean_cycle_days, open_deals, open_value, weighted_value
        FROM sentinel_bi.leaderboard WHERE period = 'this_month' ORDER BY currency, rank, owner COLLATE "C"$$,
    $$VALUES ('EUR', 1.0, 'Rita', 1.0, 300.00, 0.0, 1.0000, 300.00, 60.00, 2.0, 3000.00, 1600.00), ('EUR', 2, 'Sam', 0, 0, 1, 0.0000, NULL, NULL, 0, 0, 0),
             ('EUR', 2, 'nobody', 0, 0, 0, NULL, NULL, NULL, 1, 0, 0), ('USD', 1, 'Sam', 0, 0, 0, NULL, NULL, NULL, 1, 500.00, 250.00)$$, 'leaderboard of the month');
SELECT results_eq($$SELECT currency, owner, won_value FROM sentinel_bi.leaderboard WHERE period = 'last_month' AND won_deals > 0 ORDER BY currency$$,
    $$VALUES ('EUR', 'Sam', 200.00), ('USD', 'Rita', 50.00)$$, 'and of the last');
SELECT results_eq('SELECT stage, current_leads, reached_leads, passed_leads, undecided_leads, step_rate, reached_rate FROM sentinel_bi.lead_funnel ORDER BY "position"',
    $$VALUES ('new_lead', 1.0, 4.0, 3.0, 1.0, 0.7500, 1.0000), ('contacted', 1, 3, 2, 1, 0.6667, 0.7500), ('qualified', 0, 2, 2, 0, 1.0000, 0.5000),
             ('proposal', 0, 2, 1, 0, 0.5000, 0.5000), ('negotiation', 0, 1, 1, 0, 1.0000, 0.2500), ('won', 1, 1, NULL, NULL, NULL, 0.2500),
             ('lost', 1, NULL, NULL, NULL, NULL, NULL)$$, 'funnel of leads');
SELECT results_eq('SELECT * FROM sentinel_bi.lead_sources ORDER BY source',
    $$VALUES ('ads', 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0000, 0.0000, NULL::numeric), ('fair', 2, 1, 1, 1, 1, 0, 0.5000, 1.0000, NULL), ('unknown', 1, 0, 1, 0, 0, 0, 0.0000, NULL, NULL)$$, 'sources of leads');
SELECT results_eq('SELECT * FROM sentinel_bi.lead_paths', $$VALUES ('unassigned', 4.0, 2.0, 1.0, 0.2500)$$, 'paths of leads');
SELECT results_eq('SELECT name, stage, source, owner, silent_days, stale FROM sentinel_bi.stale_leads ORDER BY name',
    $$VALUES ('Contacted Lead', 'contacted', 'fair', 'Rita', 10.0, 'no'), ('New Lead', 'new_lead', 'unknown', NULL, 40, 'yes')$$, 'leads gone silent');
SELECT results_eq('SELECT kind, "position", total, subject_type, title, owner FROM sentinel_bi.todays_actions ORDER BY kind',
    $$VALUES ('call', 1.0, 1.0, 'call', 'Contacted Lead', 'Rita'), ('contact', 1, 1, 'lead', 'New Lead', NULL), ('contacted', 1, 1, 'lead', 'Contacted Lead', 'Rita'),
             ('follow_up', 1, 1, 'lead', 'Contacted Lead', 'Rita'), ('renewal', 1, 1, 'client', 'Won Lead', 'Rita'), ('task', 1, 1, 'deal', 'Ring them', 'Rita')$$, 'what is to be done today');
-- Risk: Open two 0.3 + 0.15 + 0.4 + 0.4, held at 1; Open one and four 0.1 + 0.4; Open three 0.4.
SELECT results_eq('SELECT name, score, band, status, risk_age_days, action_overdue, overdue_days, idle_days, stage_priority FROM sentinel_bi.open_deal_risks ORDER BY name',
    $$VALUES ('Open four', 0.5, 'Medium', 'active', NULL::numeric, 'no', 0.0, 200.0, 1.0), ('Open one', 0.5, 'Medium', 'active', NULL, 'no', 0, 10, 1),
             ('Open three', 0.4, 'Medium', 'active', NULL, 'no', 0, 100, 0), ('Open two', 1, 'High', 'at_risk', 40, 'yes', 39, 40, 2)$$, 'risk of the open deals');
SELECT results_eq('SELECT * FROM sentinel_bi.risk_overview ORDER BY currency',
    $$VALUES ('EUR', 3.0, 3000.00, 0.0, 2.0, 1.0, 1.0, 2000.00, 1.0, 1.0, 1.0, 83.33, 'Open two', 55.0), ('USD', 1, 500.00, 0, 1, 0, 0, 0, 0, 0, 0, 100.00, NULL, 80)$$, 'risk overview');
SELECT results_eq('SELECT queue, "position", name, overdue_days FROM sentinel_bi.action_queue ORDER BY queue, "position"',
    $$VALUES ('safe', 1.0, 'Open one', 0.0), ('safe', 2, 'Open four', 0), ('safe', 3, 'Open three', 0), ('urgent', 1, 'Open two', 39)$$, 'action queue');
SELECT results_eq('SELECT "position", name, type, score, message FROM sentinel_bi.alerts ORDER BY "position"',
    $$SELECT x.place, x.name, x.type, x.score, x.name || ' - No activity in last 7 days'
      FROM (VALUES (1.0, 'Open two', 'high', 1.0), (2, 'Open one', 'medium', 0.5), (3, 'Open four', 'medium', 0.5), (4, 'Open three', 'medium', 0.4)) x (place, name, type, score)$$, 'alerts');
SELECT sentinel.forecast_deal(:'o3', :'next_month'::timestamptz - interval '1 second', ' Most likely ');
SELECT is((SELECT category FROM sentinel_bi.forecast_categories WHERE period = 'this_month' AND currency = 'USD' AND deals = 1), 'most_likely', 'a person''s judgement goes before the probability');

-- Readers get the same figures, members those of their own deals; nobody gets figures of nobody.
CREATE ROLE tap_bi LOGIN IN ROLE sentinel_reader;
CREATE ROLE tap_rita LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_bi', :'two'), sentinel.grant_login('tap_rita', :'two', :'rita');
SELECT is(pg_temp.as_login('tap_bi', :'two', q.query), pg_temp.run(q.query), q.name || ' is for readers')
FROM (SELECT viewname AS name, format('SELECT md5(string_agg(t::text, ''|'' ORDER BY t::text)) FROM sentinel_bi.%I t', viewname) AS query
      FROM pg_views WHERE schemaname = 'sentinel_bi' ORDER BY viewname) q;
SELECT is(pg_temp.as_login('tap_rita', :'two', $$SELECT concat_ws(' ', open_deals, open_value, won_value_365_days) FROM sentinel_bi.dashboard WHERE currency = 'EUR'$$), '2 3000.00 300.00', 'a member''s dashboard is of own deals');
SELECT is(pg_temp.as_login('tap_rita', :'two', $$SELECT concat_ws(' ', count(*), min(owner)) FROM sentinel_bi.coverage WHERE owner = 'Rita'$$), '1 Rita', 'and a member sees the own quota');
SELECT is_empty($$SELECT c.relname, a.attname, a.atttypid::regtype FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'sentinel_bi'::regnamespace AND a.atttypid NOT IN ('text'::regtype, 'numeric'::regtype, 'timestamptz'::regtype)$$, 'text, numeric and timestamptz only');

-- Cohort Ltd: three months ago four deals began; one was won after 10 days, one lost after one, one won after 47, one is open.
SELECT sentinel.enter(:'three');
SELECT min(starts_at) AS m3, min(ends_at) AS m2 FROM sentinel.recent_months(4) \gset
SELECT sentinel.create_deal('C1', 100.00, currency => 'EUR', as_of => :'m3') AS c1,
       sentinel.create_deal('C2', 200.00, currency => 'EUR', as_of => :'m3'::timestamptz + interval '24 hours') AS c2,
       sentinel.create_deal('C3', 300.00, currency => 'EUR', as_of => :'m3'::timestamptz + interval '48 hours') AS c3,
       sentinel.create_deal('C4', 400.00, currency => 'EUR', as_of => :'m3'::timestamptz + interval '72 hours') AS c4,
       sentinel.create_deal('U1', 100.00, 'won', 'USD', channel => 'inbound', as_of => pg_temp.ago(5)) AS u1,
       sentinel.create_deal('U2', 40.00, 'won', 'USD', channel => 'inbound', as_of => pg_temp.ago(40)) AS u2 \gset
SELECT sentinel.move_deal(:'c1', 'won', as_of => :'m3'::timestamptz + interval '240 hours'),
       sentinel.move_deal(:'c2', 'lost', as_of => :'m3'::timestamptz + interval '48 hours'),
       sentinel.move_deal(:'c4', 'won', as_of => :'m3'::timestamptz + interval '1200 hours');
SELECT results_eq(format($$SELECT currency, created_deals, created_value, won_deals, lost_deals, open_deals, won_value, cohort_win_rate, win_rate, won_rate_30_days, won_rate_180_days,
            age_days = floor(extract(epoch FROM now() - %L::timestamptz) / 86400) FROM sentinel_bi.cohorts WHERE cohort_month = %L$$, :'m2', :'m3'),
    $$VALUES ('EUR', 4.0, 1000.00, 2.0, 1.0, 1.0, 500.00, 0.5000, 0.6667, 0.2500, NULL::numeric, true)$$, 'a cohort, with the rates that it is old enough for');
SELECT results_eq(format('SELECT stage, cohort_deals, reached_deals, undecided_deals, reached_rate, decided_reached_rate FROM sentinel_bi.cohort_funnel WHERE cohort_month = %L ORDER BY "position"', :'m3'),
    $$VALUES ('discover', 4.0, 4.0, 0.0, 1.0000, 1.0000), ('qualify', 4, 2, 1, 0.5000, 0.6667), ('proposal', 4, 2, 1, 0.5000, 0.6667),
             ('negotiation', 4, 2, 1, 0.5000, 0.6667), ('closed_won', 4, 2, 1, 0.5000, 0.6667)$$, 'its funnel, censored');
SELECT results_eq(format($$SELECT created_deals, created_value, won_deals, won_value, lost_deals, lost_value, win_rate, growth FROM sentinel_bi.monthly_revenue
            WHERE currency = 'EUR' AND month_start IN (%L, %L) ORDER BY month_start$$, :'m3', :'m2'),
    $$VALUES (4.0, 1000.00, 1.0, 100.00, 1.0, 200.00, 0.5000, NULL::numeric), (0, 0, 1, 400.00, 0, 0, 1.0000, 3.0000)$$, 'revenue of two months');
SELECT is((SELECT count(*) FROM sentinel_bi.monthly_revenue WHERE currency = 'EUR'), 13::bigint, 'thirteen months, whatever there was');
SELECT results_eq(format($$SELECT due_deals, actual_deals, actual_value FROM sentinel_bi.slippage WHERE currency = 'EUR' AND month_start IN (%L, %L) ORDER BY month_start$$, :'m3', :'m2'),
    $$VALUES (0.0, 1.0, 100.00), (0, 1, 400.00)$$, 'nothing due, yet won');
SELECT results_eq($$SELECT step, deals, value FROM sentinel_bi.waterfall WHERE period = 'this_month' AND currency = 'EUR' AND deals <> 0 ORDER BY "position"$$,
    $$VALUES ('opening', 1.0, 300.00), ('closing', 1, 300.00)$$, 'a quiet month');
SELECT results_eq($$SELECT stage, stays, mean_days, median_days, p90_days, moved_on, lost FROM sentinel_bi.stage_times WHERE period = 'last_365_days'$$,
    $$VALUES ('discover', 3.0, 19.33, 10.00, 39.60, 2.0, 1.0)$$, 'stage times of a year');
SELECT results_eq($$SELECT channel, won_deals_30_days, won_value_30_days, won_value_30_days_before, change FROM sentinel_bi.revenue_by_channel
        WHERE currency = 'USD' AND won_deals_365_days > 0$$, $$VALUES ('direct', 1.0, 100.00, 40.00, 1.5000)$$, 'a channel that grows');
SELECT sentinel.leave();
SELECT is(pg_temp.run(format('SELECT count(*) FROM sentinel_bi.%I', viewname)), '0', viewname || ' is empty without an organisation')
FROM pg_views WHERE schemaname = 'sentinel_bi' ORDER BY viewname;

SELECT * FROM finish();
ROLLBACK;
