-- Values of the risk model: each term and boundary by hand. as_of is fixed, so nothing here depends on the clock.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET extra_float_digits = 1;
\set now '''2025-06-30 12:00:00+00''::timestamptz'

-- Signals given as offsets from the fixed time; a deal that nothing speaks for or against by default.
CREATE FUNCTION pg_temp.deal(role integer DEFAULT 0, value double precision DEFAULT 0, age interval DEFAULT '6 days',
                             sent interval DEFAULT '5 days 1 second', received interval DEFAULT NULL,
                             met interval DEFAULT NULL, indicators integer DEFAULT 0, norm double precision DEFAULT NULL,
                             days integer DEFAULT 7, flags integer DEFAULT 1, closed boolean DEFAULT false)
RETURNS double precision LANGUAGE sql AS $$
    SELECT sentinel.risk_score(role::smallint, closed, value, t - age, t - age, t - sent, t - received, t - met, NULL,
                               indicators, norm, days::smallint, flags::smallint, NULL, t, t)
    FROM (VALUES ('2025-06-30 12:00:00+00'::timestamptz)) AS v (t)
$$;

SELECT name, score FROM (VALUES
    ( 1, 'other stage', pg_temp.deal()),
    ( 2, 'discover', pg_temp.deal(1)),
    ( 3, 'negotiation, stalled', pg_temp.deal(2)),
    ( 4, 'e-mail sent 5.0 days ago', pg_temp.deal(2, sent => '5 days')),
    ( 5, 'e-mail sent a microsecond more', pg_temp.deal(2, sent => '5 days 0.000001 seconds')),
    ( 6, 'e-mail sent in the future', pg_temp.deal(2, sent => '-1 minute')),
    ( 7, 'e-mail received 5.0 days ago', pg_temp.deal(2, received => '5 days')),
    ( 8, 'e-mail received a microsecond more', pg_temp.deal(2, received => '5 days 0.000001 seconds')),
    ( 9, 'meeting 7.0 days ago', pg_temp.deal(2, met => '7 days')),
    (10, 'meeting a microsecond more', pg_temp.deal(2, met => '7 days 0.000001 seconds')),
    (11, 'meeting at a threshold of 3', pg_temp.deal(2, met => '3 days', days => 3)),
    (12, 'silent for 7 days', pg_temp.deal(sent => '7 days')),
    (13, 'silent for almost 8 days', pg_temp.deal(sent => '7 days 23:59:59.999999')),
    (14, 'silent for 8 full days', pg_temp.deal(sent => '8 days')),
    (15, 'never a sound, 8 days old', pg_temp.deal(sent => NULL, age => '8 days')),
    (16, 'value 5000', pg_temp.deal(value => 5000)),
    (17, 'value 5001', pg_temp.deal(value => 5001)),
    (18, 'one indicator', pg_temp.deal(indicators => 1)),
    (19, 'two indicators', pg_temp.deal(indicators => 2)),
    (20, 'indicators switched off', pg_temp.deal(indicators => 2, flags => 0)),
    (21, 'negotiation of 10000', pg_temp.deal(2, 10000, sent => '1 day')),
    (22, 'negotiation of 10001', pg_temp.deal(2, 10001, sent => '1 day')),
    (23, 'and an indicator', pg_temp.deal(2, 10001, sent => '1 day', indicators => 1)),
    (24, 'negotiation 30 days old', pg_temp.deal(2, sent => '1 day', age => '30 days 23:59:59')),
    (25, 'negotiation 31 days old', pg_temp.deal(2, sent => '1 day', age => '31 days')),
    (26, 'and an indicator: still medium', pg_temp.deal(2, sent => '1 day', age => '31 days', indicators => 1)),
    (27, 'champion never heard', pg_temp.deal(flags => 5)),
    (28, 'champion heard almost 14 days ago', pg_temp.deal(flags => 5, received => '13 days 23:59:59.999999')),
    (29, 'champion heard 14 days ago', pg_temp.deal(flags => 5, received => '14 days')),
    (30, 'twice the norm', pg_temp.deal(flags => 3, norm => 3)),
    (31, 'over twice the norm', pg_temp.deal(flags => 3, norm => 2.99)),
    (32, 'no norm', pg_temp.deal(flags => 3)),
    (33, 'clamped below', pg_temp.deal(sent => '1 day', received => '1 day', met => '1 day')),
    (34, 'clamped above', pg_temp.deal(2, 20000, sent => NULL, age => '40 days', indicators => 3, norm => 1, flags => 7)),
    (35, 'doubles at 0.4', pg_temp.deal(2, received => '1 hour', indicators => 1, flags => 3, norm => 1)),
    (36, 'closed', pg_temp.deal(2, 20000, sent => NULL, age => '40 days', closed => true))
) AS v (position, name, score) ORDER BY position;

-- Silence: a negotiation whose mail of the 10th went stale on the 15th, looked at on the 30th and around each change.
\set args '2::smallint, false, 8000, ''2025-06-10 00:00+00'', ''2025-06-10 00:00+00'', ''2025-06-10 00:00+00'', NULL, NULL, NULL, 0, NULL, 7::smallint, 1::smallint, NULL, ''2025-06-10 00:00+00'''
SELECT t AS as_of, r.score, r.band, r.status, r.primary_reason, r.recommended_action AS action, r.action_urgency AS urgency,
       r.risk_started_at, r.action_due_at, r.action_overdue_days AS overdue, r.next_change_at
FROM (VALUES ('2025-06-10 00:00+00'::timestamptz), ('2025-06-15 00:00+00'), ('2025-06-15 00:00:00.000001+00'),
             ('2025-06-17 00:00:00+00'), ('2025-06-17 00:00:00.000001+00'), ('2025-06-18 00:00+00'),
             ('2025-06-30 12:00+00')) AS v (t)
CROSS JOIN LATERAL sentinel.risk_snapshot(:args, t) r ORDER BY t;
SELECT unnest(reasons) AS reason FROM sentinel.risk_snapshot(:args, :now);
SELECT * FROM sentinel.risk_terms(:args, :now);
SELECT sum(contribution) = sentinel.risk_score(:args, :now) AS sums_exactly FROM sentinel.risk_terms(:args, :now);
SELECT sentinel.risk_next_change(:args, t) AS next_change_at FROM generate_series('2025-06-10 00:00+00'::timestamptz, '2025-06-25', '3 days') AS t;

-- A closed deal, nulls, the ends of time.
SELECT * FROM sentinel.risk_terms(2::smallint, true, 1, :now, :now, NULL, NULL, NULL, NULL, 0, NULL, 7::smallint, 1::smallint, NULL, :now, :now);
SELECT sentinel.risk_score(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, :now) AS of_nothing,
       sentinel.risk_score(:args, NULL) AS at_no_time;
SELECT t, sentinel.risk_score(2::smallint, false, 'NaN', t, t, t, t, t, t, 2147483647, 'Infinity', 7::smallint, 7::smallint, t, t, t) AS score
FROM (VALUES ('-infinity'::timestamptz), ('infinity'), ('4714-11-24 BC'), ('294276-12-31')) AS v (t);

-- Recovery and relapse over recorded inputs: silent, answered on the 20th, silent again.
SELECT sentinel.risk_walk(2::smallint, false, 8000, '2025-06-10 00:00+00', '2025-06-10 00:00+00', '2025-06-10 00:00+00', received, NULL,
                          NULL, 0, NULL, 7::smallint, 1::smallint, at, NULL ORDER BY at) AS before_since_and_ended_periods
FROM (VALUES ('2025-06-10 00:00+00'::timestamptz, NULL::timestamptz), ('2025-06-20 00:00+00', '2025-06-20 00:00+00'),
             ('2025-06-29 00:00+00', '2025-06-20 00:00+00')) AS v (at, received);

-- Texts and names.
SELECT body, sentinel.competitive_indicators(body) FROM (VALUES ('Thanks!'), ('They are COMPARING us'),
    ('looking at other options'), ('considering alternatives'), ('We need to think about the migration'), ('')) AS v (body);
SELECT stage, sentinel.normalize_stage(stage) FROM (VALUES ('Discovery'), (' Closed  Won '), ('lost'), ('closed-won'), ('Proposal 2'),
    ('qualified'), ('NEGOTIATE'), ('')) AS v (stage);
SELECT channel, sentinel.normalize_channel(channel) FROM (VALUES ('Inbound'), ('paid-ads'), ('Partnerships'), ('referral'), ('radio')) AS v (channel);
