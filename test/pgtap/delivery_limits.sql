-- Room delivery, limits: breaker, probe, tokens, budget of retries, waits that spread, what people see of it.
-- Times are given: t is when the test began, and what happens "later" happens at t plus something.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(126);

SELECT sentinel.create_org('Limits Ltd', 'limits-pgtap') AS org \gset
SELECT sentinel.create_org('Other Ltd', 'limits-pgtap-other') AS other \gset

CREATE FUNCTION pg_temp.t(later text DEFAULT '0') RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() + later::interval $$;
CREATE FUNCTION pg_temp.new_hook(path text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    SELECT * INTO made FROM sentinel.create_webhook_endpoint('https://hooks.example.com/' || path, '{never}');
    PERFORM sentinel.store_secret(sentinel.current_org(), made.secret_id, 'webhook_key', made.endpoint_id, 1,
                                  '\x0101'::bytea || convert_to(repeat('a', 40), 'UTF8'));
    RETURN made.endpoint_id;
END $$;
CREATE FUNCTION pg_temp.new_channel(name text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    SELECT * INTO made FROM sentinel.create_slack_channel(name, '{never}');
    PERFORM sentinel.store_secret(sentinel.current_org(), made.secret_id, 'slack_url', made.channel_id, 1,
                                  '\x0101'::bytea || convert_to(repeat('a', 40), 'UTF8'));
    RETURN made.channel_id;
END $$;
CREATE FUNCTION pg_temp.messages(target uuid, n integer) RETURNS bigint LANGUAGE sql AS
    $$ SELECT count(sentinel.send_test(target)) FROM generate_series(1, n) $$;

-- Jobs claimed, and which of them http_requests_at() gave out.
CREATE TEMP TABLE claimed (job_id uuid, lease bigint, target uuid, sent boolean NOT NULL DEFAULT false);
-- Claims what waits for a target, whenever it is due or only what was not told to come later, and asks for its requests
-- as of a time; gives the number to send.
CREATE FUNCTION pg_temp.ask(target uuid, at timestamptz, most integer DEFAULT 1000, in_time boolean DEFAULT false) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    one record;
    later timestamptz := '2100-01-01';
BEGIN
    FOR one IN
        SELECT j.id, q.wanted AND row_number() OVER (PARTITION BY q.wanted ORDER BY j.run_at, j.id) <= most AS wanted
        FROM sentinel.deliveries d JOIN sentinel.job_waiting j ON j.org_id = d.org_id AND j.id = d.job_id
        CROSS JOIN LATERAL (SELECT d.target_id = ask.target AND (NOT in_time OR coalesce(d.held_until <= at, true)) AS wanted) q
        ORDER BY j.run_at, j.id
    LOOP
        later := later + interval '1 second';
        PERFORM sentinel.reschedule_job(one.id, CASE WHEN one.wanted THEN now() - interval '1 hour' ELSE later END);
    END LOOP;
    DELETE FROM claimed c WHERE c.target = ask.target;
    INSERT INTO claimed SELECT c.job_id, c.lease, d.target_id FROM sentinel.claim('pgtap', '{webhooks,chat}', 1000) c
    JOIN sentinel.deliveries d ON d.org_id = c.org_id AND d.job_id = c.job_id;
    UPDATE claimed c SET sent = true
    FROM sentinel.http_requests_at((SELECT array_agg(x.job_id) FROM claimed x WHERE x.target = ask.target),
                                   (SELECT array_agg(x.lease) FROM claimed x WHERE x.target = ask.target), at) r
    WHERE r.job_id = c.job_id;
    RETURN (SELECT count(*) FROM claimed c WHERE c.target = ask.target AND c.sent);
END $$;
-- Reports what was sent, the first n of it; answers are told as of a time, one second apart.
CREATE FUNCTION pg_temp.tell(target uuid, answer jsonb, at timestamptz, n integer DEFAULT 1000) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    told jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('job_id', c.job_id, 'lease', c.lease, 'worker', 'pgtap',
                                        'started_at', at + c.nth * interval '1 second') || answer), array_agg(c.job_id)
    INTO told FROM (SELECT x.*, row_number() OVER (ORDER BY x.job_id) AS nth FROM claimed x
                    WHERE x.target = tell.target AND x.sent) c WHERE c.nth <= n;
    DELETE FROM claimed c WHERE c.job_id IN (SELECT (e ->> 'job_id')::uuid FROM jsonb_array_elements(told) e);
    RETURN sentinel.finish_http_at(coalesce(told, '[]'), at);
END $$;
-- What a breaker says: state, failures, openings, and seconds to the probe in steps that jitter stays within.
CREATE FUNCTION pg_temp.breaker(target uuid, at timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', k.state, k.failures, k.opened_n,
        CASE WHEN k.next_probe_at IS NULL THEN '-' WHEN k.next_probe_at = at THEN 'now'
             ELSE (SELECT s::text FROM unnest(ARRAY[30, 60, 120, 240, 480, 960, 1800]) s
                   WHERE k.next_probe_at - at BETWEEN make_interval(secs => s) AND make_interval(secs => s * 1.2)) END)
    FROM sentinel.target_breakers k WHERE k.target_id = breaker.target
$$;
CREATE FUNCTION pg_temp.alerts(target uuid) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(kind, ' ' ORDER BY id) FROM sentinel.alerts WHERE subject_id = alerts.target $$;
-- Seconds after a time at which the waiting jobs of a target come again.
CREATE FUNCTION pg_temp.returns(target uuid, at timestamptz) RETURNS numeric[] LANGUAGE sql AS $$
    SELECT array_agg(round(extract(epoch FROM d.held_until - at), 2) ORDER BY d.held_until)
    FROM sentinel.deliveries d WHERE d.target_id = returns.target AND d.held_until IS NOT NULL
$$;
CREATE FUNCTION pg_temp.attempts(target uuid) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', max(w.attempts), max(d.attempts)) FROM sentinel.deliveries d
    JOIN sentinel.job_waiting w ON w.org_id = d.org_id AND w.id = d.job_id WHERE d.target_id = attempts.target
$$;

SELECT sentinel.enter(:'other');
SELECT pg_temp.new_hook('other') AS foreign \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@limits.example', 'owner') AS olga \gset
SELECT sentinel.add_member('Vera', 'vera@limits.example', 'viewer') AS vera \gset
SELECT pg_temp.new_hook('a') AS hook \gset
SELECT pg_temp.new_hook('b') AS window \gset
SELECT pg_temp.new_hook('c') AS retried \gset
SELECT pg_temp.new_hook('d') AS held \gset
SELECT pg_temp.new_hook('e') AS limited \gset
SELECT pg_temp.new_channel('#line') AS channel \gset
SELECT pg_temp.new_channel('#later') AS later \gset

-- The sums behind it.
SELECT results_eq($$ SELECT e, sentinel.attempt_health('retry', NULL, e) FROM unnest(ARRAY['aborted', 'blocked_address', 'connect_timeout',
        'connection_refused', 'connection_reset', 'dns_error', 'invalid_request', 'network_error', 'protocol_error', 'secret_error', 'timeout',
        'tls_error', 'unheard_of', 'unreachable']) e ORDER BY e COLLATE "C" $$,
    $$ VALUES ('aborted', NULL), ('blocked_address', NULL), ('connect_timeout', false), ('connection_refused', false), ('connection_reset', false),
        ('dns_error', false), ('invalid_request', NULL), ('network_error', false), ('protocol_error', false), ('secret_error', NULL),
        ('timeout', false), ('tls_error', false), ('unheard_of', false), ('unreachable', false) $$, 'what a failure below HTTP tells of a target''s health');
SELECT results_eq($$ SELECT s, sentinel.attempt_health('retry', s, NULL) FROM unnest(ARRAY[301, 400, 404, 408, 410, 429, 500, 501, 503, 529]) s $$,
    $$ VALUES (301, true), (400, true), (404, true), (408, true), (410, true), (429, false), (500, false), (501, false), (503, false), (529, false) $$,
    'what an answer tells: 5xx and 429 are ill, other refusals are well');
SELECT is(sentinel.attempt_health('delivered', 200, 'body_too_large'), true, 'what is delivered is well');
SELECT is(sentinel.attempt_health('retry', 302, 'redirect_error'), true, 'and so is a redirect');
SELECT is((SELECT array_agg(sentinel.breaker_pause(n, 0) ORDER BY n) FROM generate_series(1, 8) n),
    '{30 s,60 s,2 min,4 min,8 min,16 min,30 min,30 min}'::interval[], 'the rest doubles to half an hour');
SELECT is(sentinel.breaker_pause(1000, 1), interval '36 min', 'and has a fifth of jitter at most');
SELECT is((SELECT array_agg(sentinel.place_in_line(a, n, p)) FROM (VALUES (0, 0, 1), (0, 5, 1), (590, 9, 1), (590, 10, 1), (590, 12, 1), (0, 3, 100), (0, 10, 100)) x(a, n, p)),
    '{0,5,599,0,2,300,0}'::double precision[], 'a line is ten minutes long, or ten turns, then it begins again');
SELECT results_eq($$ SELECT v, sentinel.retry_after_seconds(v, '2023-11-14 22:13:20+00') FROM (VALUES (1, '120'), (2, ' 7 '), (3, '1.5'), (4, '0'), (5, '-5'), (6, '86401'),
        (7, '1e9'), (8, '1e999'), (9, repeat('9', 40)), (10, 'Tue, 14 Nov 2023 22:14:49 GMT'), (11, 'Tuesday, 14-Nov-23 22:14:49 GMT'),
        (12, 'Tue Nov 14 22:14:49 2023'), (13, 'Mon, 01 Jan 2001 00:00:00 GMT'), (14, 'Wed, 24 Dec 2053 00:00:00 GMT'), (15, 'Fri, 31 Feb 2023 00:00:00 GMT'),
        (16, 'NaN'), (17, 'Infinity'), (18, 'soon'), (19, ''), (20, '1;2'), (21, repeat('9', 1000)), (22, 'Tue Nov  7 22:13:21 2023')) x(n, v) ORDER BY n $$,
    format($$ VALUES ('120', 120), (' 7 ', 7), ('1.5', 2), ('0', 0), ('-5', 0), ('86401', 86400), ('1e9', 86400), ('1e999', 86400), ('%s', 86400),
        ('Tue, 14 Nov 2023 22:14:49 GMT', 89), ('Tuesday, 14-Nov-23 22:14:49 GMT', 89), ('Tue Nov 14 22:14:49 2023', 89), ('Mon, 01 Jan 2001 00:00:00 GMT', 0),
        ('Wed, 24 Dec 2053 00:00:00 GMT', 86400), ('Fri, 31 Feb 2023 00:00:00 GMT', NULL), ('NaN', NULL), ('Infinity', NULL), ('soon', NULL), ('', NULL),
        ('1;2', NULL), ('%s', NULL), ('Tue Nov  7 22:13:21 2023', 0) $$, repeat('9', 40), repeat('9', 1000)) , 'Retry-After in both forms, from 0 to 24 hours');

-- A breaker opens.
SELECT pg_temp.messages(:'hook', 12);
SELECT is(pg_temp.ask(:'hook', pg_temp.t(), 6), 6::bigint, 'to a target that is well all is sent');
SELECT is((SELECT count(*) FROM sentinel.target_breakers) + (SELECT count(*) FROM sentinel.rate_buckets), 0::bigint, 'and that leaves no row');
SELECT pg_temp.tell(:'hook', '{"http_status": 500}', pg_temp.t('1 s'), 4);
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('1 s')), 'closed 4 0 -', 'four failures leave the breaker closed');
SELECT pg_temp.tell(:'hook', '{"http_status": 404}', pg_temp.t('2 s'), 1);
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('2 s')), 'closed 0 0 -', 'an answer that is no failure of health begins the count anew');
SELECT pg_temp.tell(:'hook', '{"error_code": "aborted"}', pg_temp.t('3 s'), 1);
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('3 s')), 'closed 0 0 -', 'what was never sent is no failure of health');
SELECT is((SELECT last_error FROM sentinel.target_breakers WHERE target_id = :'hook' AND failed_at = pg_temp.t('3 s')), 'aborted', 'but noted');
SELECT is(pg_temp.alerts(:'hook'), NULL, 'nobody is alarmed yet');
SELECT is(pg_temp.ask(:'hook', pg_temp.t('4 s'), 7), 7::bigint, 'seven requests are under way');
SELECT is(pg_temp.tell(:'hook', '{"error_code": "timeout", "error_detail": "no answer in 15 s"}', pg_temp.t('5 s'), 5), 5, 'five fail');
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('5 s')), 'open 5 1 30', 'the breaker opens for 30 seconds');
SELECT is(pg_temp.alerts(:'hook'), 'webhook_failing', 'with an alert');
SELECT is((SELECT title || ' / ' || message FROM sentinel.alerts WHERE subject_id = :'hook' AND severity = 'medium'),
    'Webhook endpoint failing: hooks.example.com / timeout: no answer in 15 s. What is meant for it waits, no attempt counted, and is sent once it answers.', 'that says why');
SELECT is((SELECT count(*) FROM sentinel.notifications n JOIN sentinel.alerts a USING (org_id) WHERE a.id = n.alert_id AND a.subject_id = :'hook' AND n.member_id = :'olga'), 1::bigint, 'the owner is told');
SELECT is((SELECT count(*) FROM sentinel.notifications n WHERE n.member_id = :'vera'), 0::bigint, 'a viewer is not');
SELECT pg_temp.tell(:'hook', '{"http_status": 500}', pg_temp.t('6 s'), 1);
SELECT pg_temp.tell(:'hook', '{"http_status": 204}', pg_temp.t('7 s'), 1);
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('5 s')), 'open 5 1 30', 'answers to what was sent before change nothing, bad or good');
SELECT is(pg_temp.alerts(:'hook'), 'webhook_failing', 'and alarm nobody again');

-- While it is open.
SELECT next_probe_at AS probe_at FROM sentinel.target_breakers WHERE target_id = :'hook' \gset
SELECT is(pg_temp.ask(:'hook', pg_temp.t('8 s')), 0::bigint, 'nothing is sent while it rests');
SELECT is((SELECT count(*) FROM sentinel.job_waiting w JOIN sentinel.deliveries d ON d.job_id = w.id WHERE d.target_id = :'hook'), 11::bigint, 'all goes back');
SELECT is((SELECT count(*) FROM sentinel.deliveries d JOIN sentinel.job_waiting w ON w.id = d.job_id WHERE d.target_id = :'hook' AND w.attempts > d.attempts), 0::bigint, 'no attempt is counted for it');
SELECT is(pg_temp.returns(:'hook', :'probe_at'), '{0.00,0.05,0.10,0.15,0.20,0.25,0.30,0.35,0.40,0.45,0.50}'::numeric[], 'to come one by one from the probe on');
SELECT ok((SELECT bool_and(w.run_at - clock_timestamp() BETWEEN d.held_until - pg_temp.t('8 s') - interval '2 s' AND d.held_until - pg_temp.t('8 s') + interval '0.2 s')
    FROM sentinel.deliveries d JOIN sentinel.job_waiting w ON w.id = d.job_id WHERE d.target_id = :'hook'), 'and so are their jobs due');
SELECT is((SELECT array_agg(DISTINCT held_reason) FROM sentinel.delivery_status WHERE held_until >= :'probe_at'), '{its target fails and rests}', 'people see why');
SELECT sentinel.send_test(:'hook');
SELECT is(pg_temp.ask(:'hook', pg_temp.t('9 s'), 1), 0::bigint, 'what comes new waits too');
SELECT is((SELECT max(held_until) - :'probe_at' FROM sentinel.deliveries WHERE target_id = :'hook'), interval '0.55 s', 'behind what waits');
SELECT is((SELECT standing || ' ' || breaker || ' ' || waiting || ' ' || last_error FROM sentinel.target_health WHERE target_id = :'hook'), 'failing open 12 HTTP 500', 'and the health of the target tells');

-- A probe.
SELECT is(pg_temp.ask(:'hook', :'probe_at'), 1::bigint, 'after the rest one is sent');
SELECT is((SELECT job_id FROM claimed WHERE target = :'hook' AND sent), (SELECT min(job_id::text)::uuid FROM claimed WHERE target = :'hook'), 'the oldest');
SELECT is((SELECT state FROM sentinel.target_breakers WHERE target_id = :'hook' AND probe_until = :'probe_at'::timestamptz + interval '60 s'), 'probing', 'as the probe');
SELECT is((SELECT array_agg(DISTINCT held_reason) FROM sentinel.deliveries d JOIN claimed c ON c.job_id = d.job_id WHERE NOT c.sent), '{its target fails and is probed}', 'for which the others wait');
SELECT is((SELECT min(held_until) - :'probe_at' FROM sentinel.deliveries d JOIN claimed c ON c.job_id = d.job_id WHERE NOT c.sent), interval '5 s', 'not long');
CREATE TEMP TABLE probe AS SELECT * FROM claimed WHERE target = :'hook' AND sent;
SELECT is(pg_temp.ask(:'hook', :'probe_at'::timestamptz + interval '1 s'), 0::bigint, 'no second probe goes beside it');
SELECT is(sentinel.release(array_agg(job_id), array_agg(lease)), 1, 'a worker that stops gives the probe back') FROM probe;
SELECT is(pg_temp.ask(:'hook', :'probe_at'::timestamptz + interval '2 s'), 1::bigint, 'then another goes at once');
TRUNCATE probe;
INSERT INTO probe SELECT * FROM claimed WHERE target = :'hook' AND sent;
SELECT is(pg_temp.ask(:'hook', :'probe_at'::timestamptz + interval '61 s'), 0::bigint, 'a worker that is silent has a minute');
SELECT is(pg_temp.ask(:'hook', :'probe_at'::timestamptz + interval '62 s'), 1::bigint, 'then another goes');
SELECT is((SELECT min(held_until) - :'probe_at' FROM sentinel.deliveries d JOIN claimed c ON c.job_id = d.job_id WHERE c.target = :'hook' AND NOT c.sent), interval '67 s', 'for which the others wait');
INSERT INTO claimed SELECT * FROM probe;
SELECT is(pg_temp.tell(:'hook', '{"http_status": 200}', :'probe_at'::timestamptz + interval '63 s', 1), 1, 'the silent one is heard of after all');
SELECT is((SELECT state || probes_ok FROM sentinel.target_breakers WHERE target_id = :'hook'), 'probing0', 'but is the probe no more');
SELECT is(pg_temp.tell(:'hook', '{"error_code": "connection_refused"}', pg_temp.t('200 s')), 1, 'the probe fails');
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('200 s')), 'open 5 2 60', 'the rest is doubled');
SELECT is(pg_temp.alerts(:'hook'), 'webhook_failing', 'without another alert');
SELECT is(pg_temp.ask(:'hook', pg_temp.t('300 s')), 1::bigint, 'the next probe');
SELECT pg_temp.tell(:'hook', '{"error_code": "secret_error"}', pg_temp.t('301 s'));
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('301 s')), 'open 5 2 30', 'one that was never sent tells nothing, and is made up for soon');
SELECT is(pg_temp.ask(:'hook', pg_temp.t('400 s')), 1::bigint, 'the next probe');
SELECT pg_temp.tell(:'hook', '{"http_status": 204}', pg_temp.t('401 s'));
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('401 s')), 'open 5 2 now', 'one success is not enough');
SELECT is(pg_temp.ask(:'hook', pg_temp.t('402 s')), 1::bigint, 'one more probe goes at once');
SELECT pg_temp.tell(:'hook', '{"http_status": 400}', pg_temp.t('403 s'));
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('403 s')), 'closed 0 2 -', 'the second closes the breaker');
SELECT is(pg_temp.alerts(:'hook'), 'webhook_failing webhook_recovered', 'with an alert');
SELECT is((SELECT count(*) FROM sentinel.notifications n JOIN sentinel.alerts a USING (org_id) WHERE a.id = n.alert_id AND a.subject_id = :'hook' AND n.member_id = :'olga'), 2::bigint, 'the owner is told of both');
SELECT ok(pg_temp.ask(:'hook', pg_temp.t('404 s')) >= 9, 'and all is sent');
SELECT pg_temp.tell(:'hook', '{"http_status": 500}', pg_temp.t('405 s'), 5);
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('405 s')), 'open 5 3 120', 'who fails again within the hour rests longer than before');
SELECT is(pg_temp.alerts(:'hook'), 'webhook_failing webhook_recovered webhook_failing', 'and that is told');
UPDATE sentinel.target_breakers SET state = 'closed', next_probe_at = NULL, failures = 0, changed_at = pg_temp.t('405 s') WHERE target_id = :'hook';
SELECT pg_temp.messages(:'hook', 5);
SELECT pg_temp.ask(:'hook', pg_temp.t('2 hours'));
SELECT pg_temp.tell(:'hook', '{"http_status": 502}', pg_temp.t('2 hours'), 5);
SELECT is(pg_temp.breaker(:'hook', pg_temp.t('2 hours')), 'open 5 1 30', 'after an hour without that is forgotten');
SELECT lives_ok(format('SELECT sentinel.enable_target(%L)', :'hook'), 'who has mended it says so');
SELECT is((SELECT count(*) FROM sentinel.target_breakers WHERE target_id = :'hook'), 0::bigint, 'and the breaker is closed by that');

-- Half of twenty within a minute.
SELECT pg_temp.messages(:'window', 40);
SELECT pg_temp.ask(:'window', pg_temp.t());
SELECT pg_temp.tell(:'window', CASE WHEN n % 2 = 1 THEN '{"http_status": 500}' ELSE '{"http_status": 200}' END::jsonb, pg_temp.t(n || ' s'), 1) FROM generate_series(1, 19) n;
SELECT is(pg_temp.breaker(:'window', pg_temp.t()) || (SELECT format(' %s/%s', window_err, window_ok) FROM sentinel.target_breakers WHERE target_id = :'window'), 'closed 1 0 - 10/9', 'nineteen outcomes are too few to judge');
SELECT pg_temp.tell(:'window', '{"http_status": 500}', pg_temp.t('62 s'), 1);
SELECT is((SELECT format('%s %s/%s', state, window_err, window_ok) FROM sentinel.target_breakers WHERE target_id = :'window'), 'closed 1/0', 'after a minute the count begins anew');
SELECT pg_temp.tell(:'window', CASE WHEN n % 2 = 1 THEN '{"http_status": 200}' ELSE '{"http_status": 500}' END::jsonb, pg_temp.t('63 s'), 1) FROM generate_series(1, 19) n;
SELECT is((SELECT state FROM sentinel.target_breakers WHERE target_id = :'window'), 'closed', 'an answer that is well never opens it');
SELECT pg_temp.tell(:'window', '{"http_status": 500}', pg_temp.t('64 s'), 1);
SELECT is((SELECT state || ' ' || opened_n FROM sentinel.target_breakers WHERE target_id = :'window'), 'open 1', 'half of twenty or more opens the breaker');

-- Tokens.
SELECT pg_temp.messages(:'channel', 5);
SELECT is(pg_temp.ask(:'channel', pg_temp.t()), 1::bigint, 'Slack gets one message at once');
SELECT is(pg_temp.returns(:'channel', pg_temp.t()), '{1.00,2.00,3.00,4.00}'::numeric[], 'the others come a second apart');
SELECT is(pg_temp.attempts(:'channel'), '0 0', 'no attempt counted');
SELECT pg_temp.messages(:'channel', 1);
SELECT is((SELECT held_reason FROM sentinel.delivery_status WHERE held_until = pg_temp.t('1 s')), 'its target is at its limit', 'for which they know the reason');
SELECT is(pg_temp.ask(:'channel', pg_temp.t('1 s'), 1000, true), 1::bigint, 'a second later one goes');
SELECT is((SELECT d.held_until FROM sentinel.deliveries d JOIN claimed c ON c.job_id = d.job_id WHERE c.target = :'channel' AND c.sent), pg_temp.t('1 s'), 'the one whose turn it is');
SELECT is(pg_temp.returns(:'channel', pg_temp.t()), '{1.00,2.00,3.00,4.00,5.00}'::numeric[], 'who came new stands at the end of the line');
SELECT is((SELECT array_agg(pg_temp.ask(:'channel', pg_temp.t(n || '.7 s'), 1000, true) ORDER BY n) FROM generate_series(2, 6) n), '{1,1,1,1,0}'::bigint[], 'one a second, though the worker asks late');
SELECT pg_temp.messages(:'channel', 3);
SELECT is(pg_temp.ask(:'channel', pg_temp.t('10 min')), 1::bigint, 'a long pause saves up no more than the burst');
SELECT pg_temp.messages(:'limited', 12);
SELECT is(pg_temp.ask(:'limited', pg_temp.t(), 2), 2::bigint, 'an endpoint has no limit');
SELECT sentinel.limit_target(:'limited', 2, 3);
SELECT is(pg_temp.ask(:'limited', pg_temp.t('1 s')), 3::bigint, 'until it is given one');
SELECT is(pg_temp.returns(:'limited', pg_temp.t('1 s')), '{0.50,1.00,1.50,2.00,2.50,3.00,3.50}'::numeric[], 'what exceeds it waits for its tokens');
SELECT is((SELECT format('%s %s %s %s %s', standing, per_second, burst, tokens > 0, held) FROM sentinel.target_health WHERE target_id = :'limited'), 'at its limit 2 3 f 7', 'as the health of the target tells');
SELECT sentinel.limit_target(:'limited', 2, 3);
SELECT is(pg_temp.ask(:'limited', pg_temp.t('2.1 s')), 2::bigint, 'two seconds'' tokens are two more') ;
SELECT sentinel.limit_target(:'limited', NULL);
SELECT is(pg_temp.ask(:'limited', pg_temp.t('2.1 s')), 5::bigint, 'without the limit all goes');
SELECT is((SELECT count(*) FROM sentinel.target_limits), 0::bigint, 'and no row is left');
SELECT throws_ok(format('SELECT sentinel.limit_target(%L, %s, %s)', :'limited', r, b), 'SN007', NULL, format('%s a second, burst %s, is refused', r, b))
FROM (VALUES ('0', '1'), ('-1', '1'), ('1001', '1'), ('1', '0'), ('1', '1001'), ('1', 'NULL')) x(r, b);
SELECT throws_ok(format('SELECT sentinel.limit_target(%L, 1)', :'foreign'), 'SN004', NULL, 'the target of another organisation is not found');
SELECT sentinel.enter(:'org', :'vera');
SELECT throws_ok(format('SELECT sentinel.limit_target(%L, 1)', :'limited'), 'SN003', NULL, 'a viewer limits nothing');
SELECT sentinel.enter(:'org');
SELECT is((SELECT count(*) FROM sentinel.audit_log WHERE subject_id = :'limited' AND action = 'webhook.limited'), 3::bigint, 'who limited what is kept');

-- The budget of retries.
UPDATE sentinel.rate_limits SET retry_burst = 2 WHERE target_kind = 'webhook';
SELECT pg_temp.messages(:'retried', 5);
SELECT pg_temp.ask(:'retried', pg_temp.t());
SELECT pg_temp.tell(:'retried', '{"http_status": 404}', pg_temp.t('1 s'));
SELECT pg_temp.messages(:'retried', 10);
SELECT is(pg_temp.ask(:'retried', pg_temp.t('2 s')), 12::bigint, 'of five retries two go, and all that is new');
SELECT is((SELECT count(*) FROM sentinel.deliveries d JOIN claimed c ON c.job_id = d.job_id WHERE c.target = :'retried' AND c.sent AND d.attempts = 0), 10::bigint, 'ten are new');
SELECT is(pg_temp.returns(:'retried', pg_temp.t('2 s')), '{60.00,66.00,72.00}'::numeric[], 'three are put off by a minute and more');
SELECT is(pg_temp.attempts(:'retried'), '1 1', 'no attempt counted');
SELECT is((SELECT DISTINCT held_reason FROM sentinel.delivery_status WHERE held_until >= pg_temp.t('62 s') AND target_kind = 'webhook' AND attempts = 1), 'its target had too many retries', 'and the reason given');
SELECT is((SELECT round(retry_tokens::numeric, 3) FROM sentinel.rate_buckets WHERE target_id = :'retried'), 1.000, 'ten first attempts allow a retry');
SELECT is(pg_temp.ask(:'retried', pg_temp.t('2.1 s'), 2), 1::bigint, 'which goes');
SELECT is(pg_temp.ask(:'retried', pg_temp.t('8.1 s')), 1::bigint, 'and another for each six seconds');
SELECT is(pg_temp.ask(:'retried', pg_temp.t('68 s')), 1::bigint, 'in the end all of them');
SELECT pg_temp.messages(:'retried', 4);
SELECT pg_temp.ask(:'retried', pg_temp.t('69 s'));
SELECT sentinel.fail(array_agg(job_id), array_agg(lease)) FROM claimed WHERE target = :'retried' AND sent;
SELECT is(pg_temp.ask(:'retried', pg_temp.t('70 s'), 1000, true), 4::bigint, 'what a dead worker left is no retry');
UPDATE sentinel.rate_limits SET retry_burst = 100 WHERE target_kind = 'webhook';

-- A wait that ends.
SELECT pg_temp.messages(:'held', 3), pg_temp.messages(:'later', 3);
UPDATE sentinel.webhook_endpoints SET not_before = pg_temp.t('60 s') WHERE id = :'held';
UPDATE sentinel.slack_channels SET not_before = pg_temp.t('60 s') WHERE id = :'later';
SELECT is(pg_temp.ask(:'held', pg_temp.t()) + pg_temp.ask(:'later', pg_temp.t()), 0::bigint, 'nothing goes to targets that asked to wait');
SELECT pg_temp.messages(:'later', 2);
SELECT is(pg_temp.ask(:'later', pg_temp.t('1 s'), 1000, true), 0::bigint, 'nor what comes later');
SELECT is(pg_temp.returns(:'held', pg_temp.t('60 s')), '{0.00,0.05,0.10}'::numeric[], 'what waits comes back one by one');
SELECT is(pg_temp.returns(:'later', pg_temp.t('60 s')), '{0.00,1.00,2.00,3.00,4.00}'::numeric[], 'at the pace of the target, from call to call');
SELECT is((SELECT array_agg(pg_temp.ask(:'later', pg_temp.t('60 s') + n * interval '1 s', 1000, true) ORDER BY n) FROM generate_series(0, 5) n), '{1,1,1,1,1,0}'::bigint[], 'and then it goes');
SELECT is(pg_temp.ask(:'held', pg_temp.t('61 s')), 3::bigint, 'as it does there');
SELECT pg_temp.tell(:'held', '{"http_status": 429, "retry_after_s": "-5"}', pg_temp.t('62 s'), 1);
SELECT is((SELECT retry_after_s FROM sentinel.delivery_attempts a JOIN sentinel.deliveries d ON d.id = a.delivery_id WHERE d.target_id = :'held'), 0, 'a wait below nothing is none');
SELECT pg_temp.tell(:'held', '{"http_status": 503, "retry_after_s": 1e9}', pg_temp.t('63 s'), 1);
SELECT is((SELECT not_before FROM sentinel.webhook_endpoints WHERE id = :'held'), pg_temp.t('63 s') + interval '24 h', 'and none is longer than a day');
SELECT is((SELECT count(*) FROM sentinel.deliveries WHERE target_id = :'held' AND held_until IS NOT NULL), 1::bigint, 'what was tried is held back no more');

-- Who sees it, who does not; and nothing stays of a target that is removed.
SELECT ok(has_table_privilege(r, 'sentinel.target_health', 'SELECT'), r || ' may read it') FROM unnest(ARRAY['sentinel_reader', 'sentinel_member', 'sentinel_operator']) r;
SET LOCAL ROLE sentinel_reader;
SELECT is((SELECT array_agg(target_id) @> ARRAY[:'hook', :'channel']::uuid[] AND count(*) = 7 AND NOT array_agg(target_id) @> ARRAY[:'foreign'::uuid] FROM sentinel.target_health), true, 'a reader sees the targets of the organisation and no others');
RESET ROLE;
SELECT is((SELECT count(*) FROM sentinel.target_breakers WHERE org_id = :'other') + (SELECT count(*) FROM sentinel.rate_buckets WHERE org_id = :'other')
    + (SELECT count(*) FROM sentinel.alerts WHERE org_id = :'other'), 0::bigint, 'the other organisation is untouched by it all');
SELECT ok(NOT has_function_privilege(r, f, 'EXECUTE'), format('%s cannot call %s', r, f))
FROM unnest(ARRAY['sentinel_member', 'sentinel_worker', 'sentinel_gateway']) r,
     unnest(ARRAY['sentinel.http_requests_at(uuid[], bigint[], timestamptz)', 'sentinel.finish_http_at(jsonb, timestamptz)']) f;
SELECT sentinel.limit_target(:'window', 5);
SELECT sentinel.delete_target(:'window');
SELECT sentinel.delete_target(:'channel');
SELECT is((SELECT count(*) FROM (SELECT target_id FROM sentinel.target_breakers UNION ALL SELECT target_id FROM sentinel.target_limits
    UNION ALL SELECT target_id FROM sentinel.rate_buckets) x WHERE target_id IN (:'window', :'channel')), 0::bigint, 'a removed target leaves no row');

-- A line whose jobs are all cancelled is none.
SELECT pg_temp.new_hook('lined') AS lined \gset
SELECT sentinel.limit_target(:'lined', 1, 1);
SELECT pg_temp.messages(:'lined', 5);
SELECT is(pg_temp.ask(:'lined', pg_temp.t('300 s'), 1000, true), 1::bigint, 'one goes, the others form a line');
SELECT ok((SELECT count(sentinel.cancel_job(job_id)) = 4 FROM sentinel.deliveries WHERE target_id = :'lined' AND held_until IS NOT NULL), 'they are cancelled');
SELECT pg_temp.messages(:'lined', 1);
SELECT is(pg_temp.ask(:'lined', pg_temp.t('302 s'), 1000, true), 1::bigint, 'and the next one need not wait for them');

SELECT * FROM finish();
ROLLBACK;
