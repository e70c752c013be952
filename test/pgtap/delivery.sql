-- Room delivery: targets and secrets, classification, schedule, once per target, outcomes, rights.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(124);

SELECT sentinel.create_org('Delivery Ltd', 'delivery-pgtap') AS org \gset
SELECT sentinel.create_org('Other Ltd', 'delivery-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@delivery.example', 'owner') AS olga \gset
SELECT sentinel.add_member('Vera', 'vera@delivery.example', 'viewer') AS vera \gset

CREATE FUNCTION pg_temp.envelope(filler text DEFAULT 'a') RETURNS bytea LANGUAGE sql AS
    $$ SELECT '\x0101'::bytea || convert_to(repeat(filler, 40), 'UTF8') $$;
-- Runs the sql jobs that wait for the organisation, as run_jobs() does, and gives their number.
CREATE FUNCTION pg_temp.run_sql_jobs(org uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    j record;
    done integer := 0;
BEGIN
    FOR j IN SELECT * FROM sentinel.claim('pgtap', '{default}', 1000) c WHERE c.org_id = org LOOP
        PERFORM sentinel.complete(ARRAY[j.job_id], ARRAY[j.lease],
            jsonb_build_array(sentinel.run_handler(j.org_id, j.job_id, j.lease)));
        done := done + 1;
    END LOOP;
    PERFORM sentinel.enter(org);
    RETURN done;
END $$;
CREATE TEMP TABLE claimed (job_id uuid, lease bigint, target uuid, attempt integer);
CREATE FUNCTION pg_temp.claim_http(org uuid) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM claimed;
    INSERT INTO claimed SELECT c.job_id, c.lease, d.target_id, c.attempt
    FROM sentinel.claim('pgtap', '{webhooks,chat}', 1000) c
    JOIN sentinel.deliveries d ON d.org_id = c.org_id AND d.job_id = c.job_id WHERE c.org_id = org;
    RETURN (SELECT count(*) FROM claimed);
END $$;
CREATE FUNCTION pg_temp.report(target uuid, answer jsonb) RETURNS integer LANGUAGE sql AS $$
    SELECT sentinel.finish_http((SELECT jsonb_agg(jsonb_build_object('job_id', c.job_id, 'lease', c.lease, 'worker', 'pgtap',
        'started_at', now(), 'sent', true, 'req_bytes', 100, 'resp_bytes', 10, 'total_ms', 12.5, 'peer_ip', '192.0.2.1') || answer)
        FROM claimed c WHERE c.target = report.target))
$$;
CREATE FUNCTION pg_temp.make_due(org uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE sentinel.job_waiting SET run_at = now() - interval '1 second' WHERE org_id = org;
$$;

-- Addresses and event types.
SELECT lives_ok(format('SELECT sentinel.check_webhook_url(%L)', u), 'address taken: ' || u) FROM unnest(ARRAY[
    'https://example.com/hook', 'http://127.0.0.1:8080/', 'https://[2001:db8::1]:8443/x?a=b', 'HTTPS://EXAMPLE.COM']) u;
SELECT throws_ok(format('SELECT sentinel.check_webhook_url(%L)', u), 'SN007', NULL, 'address refused: ' || coalesce(translate(left(u, 30), E'\n', ' '), 'NULL'))
FROM unnest(ARRAY[NULL, '', 'example.com', 'ftp://example.com/', 'https://', 'https:///path', 'https://user:pw@example.com/',
    E'https://example.com/\nx', 'https://example.com/a b', 'https://exa<mple.com/', 'https://example.com:0/',
    'https://example.com:70000/', 'https://example.com:/', 'https://example.com/#x', 'https://bücher.example/',
    'https://..example.com/', 'https://' || repeat('a', 254) || '/', 'https://example.com/' || repeat('a', 2048)]) u;
SELECT throws_ok($$ SELECT sentinel.check_event_patterns('{deal.*.x}') $$, 'SN007', NULL, 'a star stands last only');
SELECT throws_ok($$ SELECT sentinel.check_event_patterns('{}') $$, 'SN007', NULL, 'no event types are refused');
SELECT results_eq(
    $$ SELECT sentinel.event_type_matches(p, e) FROM (VALUES (1, '{*}'::text[], 'lead.created'), (2, '{deal.*}', 'deal.won'),
        (3, '{deal.*}', 'dealer.won'), (4, '{deal.closed_won}', 'deal.won'), (5, '{deal.won}', 'deal.won'),
        (6, '{deal.lost}', 'deal.closed_lost'), (7, '{deal.at_risk,lead.*}', 'lead.created'), (8, '{deal}', 'deal.won')) x(n, p, e) ORDER BY n $$,
    ARRAY[true, true, false, true, true, false, true, false], 'patterns match by either name, a star only after a dot');

-- Targets wait for their secrets.
SELECT endpoint_id AS hook, secret_id AS hook_secret FROM sentinel.create_webhook_endpoint('https://hooks.example.com/in?token=t', '{deal.*}') \gset
SELECT channel_id AS channel, secret_id AS channel_secret FROM sentinel.create_slack_channel('#deals', '{deal.at_risk,deal.closed_won}') \gset
SELECT is((SELECT count(*) FROM sentinel.delivery_targets WHERE org_id = :'org' AND enabled), 0::bigint, 'no target is enabled before its secret is sealed');
SELECT sentinel.emit('deal.won', 'deal', sentinel.uuid7(), '{"name": "Early"}');
SELECT ok(pg_temp.run_sql_jobs(:'org') >= 1, 'the event is dispatched');
SELECT is((SELECT count(*) FROM sentinel.deliveries WHERE org_id = :'org'), 0::bigint, 'to nobody');
SELECT throws_ok(format('SELECT sentinel.send_test(%L)', :'hook'), 'SN005', NULL, 'no test goes to a disabled target');
SELECT throws_ok(format('SELECT sentinel.enable_target(%L)', :'hook'), 'SN005', NULL, 'a target without a secret cannot be enabled');
SELECT throws_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 1, %L)', :'org', :'hook_secret', 'webhook_key', :'hook', '\x0102'::bytea || pg_temp.envelope()),
    'SN007', NULL, 'an envelope of another version is refused');
SELECT throws_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 1, %L)', :'org', :'hook_secret', 'webhook_key', :'hook', '\x0101'::bytea),
    'SN007', NULL, 'a short envelope is refused');
SELECT throws_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 2, %L)', :'org', :'hook_secret', 'webhook_key', :'hook', pg_temp.envelope()),
    'SN007', NULL, 'a version other than the one reserved is refused');
SELECT throws_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 1, %L)', :'other', :'hook_secret', 'webhook_key', :'hook', pg_temp.envelope()),
    'SN004', NULL, 'the target of another organisation is not found');
SELECT throws_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 1, %L)', :'org', :'hook_secret', 'slack_url', :'hook', pg_temp.envelope()),
    'SN007', NULL, 'a Slack address does not fit an endpoint');
SELECT lives_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 1, %L)', :'org', :'hook_secret', 'webhook_key', :'hook', pg_temp.envelope()), 'a sealed key is stored');
SELECT lives_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 1, %L)', :'org', :'channel_secret', 'slack_url', :'channel', pg_temp.envelope()), 'and a sealed address');
SELECT is((SELECT count(*) FROM sentinel.delivery_targets WHERE org_id = :'org' AND enabled AND disabled_reason IS NULL), 2::bigint, 'both targets are enabled by that');

-- Secrets can be read by no role that anybody logs in with.
SELECT is((SELECT count(*) FROM pg_roles r WHERE r.rolname ~ '^sentinel_' AND r.rolname NOT IN ('sentinel_owner', 'sentinel_engine')
             AND (has_table_privilege(r.oid, 'sentinel.secrets', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                  OR has_any_column_privilege(r.oid, 'sentinel.secrets', 'SELECT'))), 0::bigint, 'no role but owner and engine has a right on secrets');
SELECT ok(NOT has_function_privilege(r, 'sentinel.http_requests(uuid[], bigint[])', 'EXECUTE'), r || ' cannot call http_requests')
FROM unnest(ARRAY['sentinel_reader', 'sentinel_member', 'sentinel_operator', 'sentinel_gateway']) r;
SELECT ok(has_function_privilege('sentinel_worker', f, 'EXECUTE'), 'the worker can call ' || f)
FROM unnest(ARRAY['sentinel.http_requests(uuid[], bigint[])', 'sentinel.finish_http(jsonb)']) f;

-- Classification.
SELECT results_eq($$ SELECT w.status, (sentinel.classify_http('webhook', w.status, NULL)).decision,
        (sentinel.classify_http('webhook', w.status, NULL)).hold_target
    FROM (VALUES (200), (204), (301), (400), (401), (404), (408), (409), (410), (413), (425), (429), (500), (501), (502), (503), (504), (529)) w(status) ORDER BY 1 $$,
    $$ VALUES (200, 'delivered', false), (204, 'delivered', false), (301, 'retry', false), (400, 'retry', false), (401, 'retry', false),
        (404, 'retry', false), (408, 'retry', true), (409, 'retry', false), (410, 'disable', false), (413, 'retry', false), (425, 'retry', true),
        (429, 'retry', true), (500, 'retry', false), (501, 'retry', false), (502, 'retry', false), (503, 'retry', true), (504, 'retry', false), (529, 'retry', true) $$,
    'statuses of a webhook receiver');
SELECT results_eq($$ SELECT e, (sentinel.classify_http('webhook', NULL, e)).decision FROM unnest(ARRAY['aborted', 'blocked_address', 'connect_timeout',
        'connection_refused', 'connection_reset', 'dns_error', 'invalid_request', 'network_error', 'network_unreachable', 'protocol_error',
        'redirect_error', 'secret_error', 'timeout', 'tls_error', 'unheard_of', 'unreachable']) e ORDER BY e COLLATE "C" $$,
    $$ VALUES ('aborted', 'retry'), ('blocked_address', 'retry'), ('connect_timeout', 'retry'), ('connection_refused', 'retry'),
        ('connection_reset', 'retry'), ('dns_error', 'retry_slow'), ('invalid_request', 'dead'), ('network_error', 'retry'),
        ('network_unreachable', 'retry'), ('protocol_error', 'retry'), ('redirect_error', 'retry'), ('secret_error', 'retry_slow'),
        ('timeout', 'retry'), ('tls_error', 'retry_slow'), ('unheard_of', 'retry'), ('unreachable', 'retry') $$, 'failures below HTTP of a webhook');
SELECT is((sentinel.classify_http('webhook', 200, 'body_too_large')).decision, 'delivered', 'a 2xx with too long an answer is delivered');
SELECT results_eq($$ SELECT (sentinel.classify_http('slack', s, e, b::bytea)).decision FROM (VALUES (1, 200, NULL, 'ok'), (2, 200, NULL, '<html>'), (3, 400, NULL, 'invalid_payload'),
        (4, 403, NULL, 'invalid_token'), (5, 404, NULL, 'no_service'), (6, 410, NULL, 'channel_is_archived'), (7, 429, NULL, ''), (8, 500, NULL, 'rollup_error'),
        (9, NULL, 'timeout', NULL), (10, NULL, 'secret_error', NULL), (11, NULL, 'invalid_request', NULL)) x(n, s, e, b) ORDER BY n $$,
    ARRAY['delivered', 'dead', 'dead', 'disable', 'disable', 'disable', 'retry', 'retry', 'retry', 'retry_slow', 'dead'], 'answers of Slack');

-- Schedule and waits.
SELECT is((SELECT array_agg(sentinel.delivery_step('webhook', n) ORDER BY n) FROM generate_series(1, 10) n),
    '{5 s,5 min,30 min,2 h,5 h,10 h,14 h,20 h,24 h,24 h}'::interval[], 'the webhook schedule');
SELECT is((SELECT array_agg(sentinel.delivery_step('slack', n) ORDER BY n) FROM generate_series(1, 12) n),
    '{1 s,2 s,4 s,8 s,16 s,32 s,64 s,128 s,256 s,512 s,15 min,15 min}'::interval[], 'Slack: doubled, at most 15 minutes');
SELECT is(sentinel.delivery_step('webhook', 7, '{1 s,3 s}'), interval '3 s', 'an endpoint''s own schedule goes first');
SELECT is((SELECT array_agg(sentinel.delivery_delay(s::interval, '0', NULL, l)) FROM (VALUES ('5 s', 0), ('5 s', 1), ('30 min', 0), ('30 min', 1)) x(s, l)),
    '{0 s,5 s,24 min,36 min}'::interval[], 'full jitter under five minutes, 20 % either way above');
SELECT is((SELECT array_agg(sentinel.delivery_delay('5 s', '0', r, l)) FROM (VALUES (60, 0), (60, 1), (1, 0), (1000000, 0), (0, 0)) x(r, l)),
    '{60 s,72 s,5 s,24 h,5 s}'::interval[], 'Retry-After: never earlier, at most 24 hours, jitter only upward');
SELECT is((SELECT array_agg(sentinel.delivery_delay('5 s', '5 min', NULL, l)) FROM (VALUES (0), (1)) x(l)), '{5 min,6 min}'::interval[], 'a slow retry never comes before five minutes');

-- Slack's message.
SELECT sentinel.slack_message('deal.at_risk', jsonb_build_object('name', '<!channel> & "Co"' || repeat('&', 3000), 'value', 1234567.5, 'currency', 'EUR',
    'stage', 'negotiation', 'risk_level', 'High', 'primary_reason', 'No activity in last <7> days', 'reasons', jsonb_build_array('No activity in last <7> days', 'A > B'),
    'recommended_action', 'Send follow-up email', 'action_due_at', '2026-03-01T10:00:00+00:00')) AS message \gset
SELECT is(:'message'::jsonb #>> '{blocks,0,text,text}', '⚠️ Deal At Risk', 'the header');
SELECT unalike(:'message'::text, '%<!channel>%', 'a name cannot forge a ping');
SELECT alike(:'message'::jsonb #>> '{blocks,1,fields,0,text}', E'*Deal:*\n&lt;!channel&gt; &amp; "Co"&amp;%', '& < > are escaped');
SELECT ok(:'message'::jsonb #>> '{blocks,1,fields,0,text}' !~ '&(?!amp;|lt;|gt;)', 'and no escape is cut in two');
SELECT is(:'message'::jsonb #>> '{blocks,1,fields,1,text}', E'*Value:*\n1,234,567.50 EUR', 'the value with separators and currency');
SELECT is(:'message'::jsonb #>> '{blocks,1,fields,3,text}', E'*Risk Level:*\nHigh', 'the level');
SELECT is(:'message'::jsonb #>> '{blocks,2,text,text}', E'*Reason:* No activity in last &lt;7&gt; days\nAlso: A &gt; B', 'the reasons');
SELECT is(:'message'::jsonb #>> '{blocks,3,text,text}',
    E'*Recommended action:* Send follow-up email\n*Due:* <!date^1772359200^{date_short_pretty} {time}|2026-03-01 10:00 UTC>', 'action and due date');
SELECT is(sentinel.slack_date('<!here> soon'), '&lt;!here&gt; soon', 'a due date that is none is escaped text');
SELECT is(sentinel.slack_date('2026-02-31T10:00:00Z'), '2026-02-31T10:00:00Z', 'and so is a day that does not exist');
SELECT lives_ok(format('SELECT sentinel.slack_message(%L, %L)', t, p), 'message of ' || t || ' from ' || p)
FROM (VALUES ('deal.won', '{"name":"A","value":"12500","currency":"USD"}'), ('deal.stage_changed', '{"name":"A"}'), ('deal.at_risk', '{"reasons":"x","value":"1e9"}'),
             ('lead.created', '{}'), ('sentinel.test', '{}')) x(t, p);
SELECT is(sentinel.slack_message('deal.won', '{"name":"A","value":12500,"currency":"USD"}') #>> '{blocks,1,fields,1,text}', E'*Value:*\n12,500 USD', 'whole amounts without decimals');

-- Once per target.
SELECT sentinel.emit('deal.at_risk', 'deal', sentinel.uuid7(), jsonb_build_object('deal_id', sentinel.uuid7(), 'name', 'Alpha', 'value', 5000,
    'currency', 'EUR', 'risk_level', 'High', 'period_id', sentinel.uuid7())) AS event \gset
SELECT ok(pg_temp.run_sql_jobs(:'org') >= 1, 'the event is dispatched');
SELECT is((SELECT array_agg(target_kind ORDER BY target_kind) FROM sentinel.deliveries WHERE event_id = :'event'), '{slack,webhook}', 'each target that wants it has one delivery');
SELECT is(sentinel.handle_dispatch_event(sentinel.uuid7(), (SELECT jsonb_build_object('event_id', id, 'event_type', event_type, 'subject_type', subject_type,
    'subject_id', subject_id, 'payload', payload) FROM sentinel.events WHERE id = :'event')), '{"deliveries": 0}', 'dispatched twice, heard once');
SELECT ok((SELECT bool_and(message_id ~ '^msg_[0-9A-Za-z]+$') FROM sentinel.deliveries WHERE event_id = :'event'), 'message ids hold no dot');
SELECT is((SELECT convert_from(body, 'UTF8')::jsonb - 'timestamp' - 'data' FROM sentinel.deliveries WHERE event_id = :'event' AND target_kind = 'webhook'), '{"type": "deal.at_risk"}', 'the body has a type');
SELECT is((SELECT convert_from(body, 'UTF8')::jsonb #>> '{data,name}' FROM sentinel.deliveries WHERE event_id = :'event' AND target_kind = 'webhook'), 'Alpha', 'and the data');
SELECT is((SELECT (convert_from(d.body, 'UTF8')::jsonb ->> 'timestamp')::timestamptz FROM sentinel.deliveries d WHERE event_id = :'event' AND target_kind = 'webhook'),
    (SELECT date_trunc('milliseconds', recorded_at) FROM sentinel.events WHERE id = :'event'), 'and the time of the event');

-- What the worker gets, and a delivery.
SELECT is(pg_temp.claim_http(:'org'), 2::bigint, 'the worker claims two jobs');
SELECT results_eq(format($$ SELECT r.target_kind, r.url, jsonb_array_length(r.secrets), r.secrets #>> '{0,envelope}'
    FROM sentinel.http_requests((SELECT array_agg(job_id) FROM claimed), (SELECT array_agg(lease) FROM claimed)) r ORDER BY 1 $$),
    format($$ VALUES ('slack', NULL, 1, %1$L), ('webhook', 'https://hooks.example.com/in?token=t', 1, %1$L) $$, encode(pg_temp.envelope(), 'hex')),
    'requests come with address and sealed secrets');
SELECT is((SELECT count(*) FROM sentinel.http_requests((SELECT array_agg(job_id) FROM claimed), (SELECT array_agg(lease + 1000) FROM claimed))), 0::bigint, 'another lease gets nothing');
SELECT is(pg_temp.report(:'channel', '{"http_status": 200, "resp_excerpt_hex": "6f6b"}'), 1, 'Slack said ok');
SELECT is((SELECT state || ' ' || attempts FROM sentinel.deliveries WHERE event_id = :'event' AND target_kind = 'slack'), 'delivered 1', 'that is delivered');
SELECT is((SELECT outcome FROM sentinel.job_history h JOIN claimed c ON c.job_id = h.id AND c.lease = h.lease WHERE c.target = :'channel'), 'completed', 'and its job completed');
SELECT is(pg_temp.report(:'channel', '{"http_status": 500}'), 0, 'a second report of it does not count');
SELECT is((SELECT count(*) FROM sentinel.delivery_attempts a JOIN claimed c USING (job_id) WHERE c.target = :'channel'), 1::bigint, 'and is no second attempt');

-- A lost lease.
UPDATE claimed SET lease = lease + 1000 WHERE target = :'hook';
SELECT is(pg_temp.report(:'hook', '{"http_status": 200}'), 0, 'a report under a lost lease does not count');
SELECT is((SELECT held::text || ' ' || coalesce(decision, '-') || ' ' || n FROM sentinel.delivery_attempts a JOIN claimed c USING (job_id, lease) WHERE c.target = :'hook'), 'false - 1', 'its attempt is kept');
SELECT is((SELECT state || ' ' || attempts FROM sentinel.deliveries WHERE event_id = :'event' AND target_kind = 'webhook'), 'waiting 0', 'and nothing else changed');
UPDATE claimed SET lease = lease - 1000 WHERE target = :'hook';

-- A receiver that asks to wait.
SELECT is(pg_temp.report(:'hook', '{"http_status": 503, "retry_after_s": 120, "resp_excerpt_hex": "zz"}'), 1, 'the receiver is overloaded');
SELECT is((SELECT state || ' ' || last_error FROM sentinel.deliveries WHERE event_id = :'event' AND target_kind = 'webhook'), 'waiting HTTP 503', 'the delivery waits on');
SELECT ok((SELECT run_at - clock_timestamp() BETWEEN '118 s' AND '144 s' FROM sentinel.job_waiting w JOIN claimed c ON c.job_id = w.id), 'as long as the receiver asked, or a little more');
SELECT ok((SELECT not_before - clock_timestamp() BETWEEN '118 s' AND '120 s' FROM sentinel.webhook_endpoints WHERE id = :'hook'), 'and the endpoint is left in peace');
SELECT is((SELECT failures_in_row FROM sentinel.webhook_endpoints WHERE id = :'hook' AND failing_since IS NOT NULL), 1, 'its failure is counted');
SELECT pg_temp.make_due(:'org');
SELECT is(pg_temp.claim_http(:'org'), 1::bigint, 'a job that is claimed for it');
SELECT is((SELECT count(*) FROM sentinel.http_requests((SELECT array_agg(job_id) FROM claimed), (SELECT array_agg(lease) FROM claimed))), 0::bigint, 'is not to be sent');
SELECT ok((SELECT attempts = 1 AND run_at > clock_timestamp() + interval '100 s' FROM sentinel.job_waiting w JOIN claimed c ON c.job_id = w.id), 'but goes back, no attempt counted, until then');
UPDATE sentinel.webhook_endpoints SET not_before = NULL WHERE id = :'hook';
SELECT pg_temp.make_due(:'org');
SELECT pg_temp.claim_http(:'org');
SELECT is(pg_temp.report(:'hook', '{"http_status": 204}'), 1, 'the next attempt gets through');
SELECT is((SELECT failures_in_row FROM sentinel.webhook_endpoints WHERE id = :'hook' AND failing_since IS NULL), 0, 'and is a pardon');

-- Redelivery, cancelling, exhaustion.
SELECT id AS delivery, message_id AS message_id FROM sentinel.deliveries WHERE event_id = :'event' AND target_kind = 'webhook' \gset
SELECT sentinel.redeliver(:'delivery') AS again \gset
SELECT is((SELECT message_id || state FROM sentinel.deliveries WHERE job_id = :'again'), :'message_id' || 'waiting', 'a redelivery has the same message id and a new job');
SELECT throws_ok(format('SELECT sentinel.redeliver(%L)', :'delivery'), 'SN005', NULL, 'what waits is not sent again');
SELECT sentinel.cancel_job(:'again');
SELECT is((SELECT state FROM sentinel.deliveries WHERE id = :'delivery'), 'discarded', 'a cancelled job discards its delivery');
UPDATE sentinel.webhook_endpoints SET retry_schedule = '{1 s}' WHERE id = :'hook';
SELECT sentinel.send_test(:'hook') AS test \gset
SELECT is((SELECT w.max_attempts::integer FROM sentinel.job_waiting w JOIN sentinel.deliveries d ON d.job_id = w.id WHERE d.id = :'test'), 2, 'a schedule of one step is two attempts');
SELECT pg_temp.claim_http(:'org');
SELECT pg_temp.report(:'hook', '{"error_code": "timeout", "error_detail": "no answer in 15 s", "sent": true}');
SELECT pg_temp.make_due(:'org');
SELECT pg_temp.claim_http(:'org');
SELECT is(pg_temp.report(:'hook', '{"error_code": "timeout", "error_detail": "no answer in 15 s"}'), 1, 'the last attempt fails');
SELECT is((SELECT state || ', ' || last_error FROM sentinel.deliveries WHERE id = :'test'), 'failed, timeout: no answer in 15 s', 'and so has the delivery');
SELECT is((SELECT count(*) FROM sentinel.job_dead d JOIN sentinel.deliveries x ON x.job_id = d.id WHERE x.id = :'test'), 1::bigint, 'its job is with the dead');

-- A target that is gone.
SELECT sentinel.send_test(:'hook') AS gone \gset
SELECT pg_temp.claim_http(:'org');
SELECT is(pg_temp.report(:'hook', '{"http_status": 410}'), 1, 'the receiver is gone');
SELECT is((SELECT enabled::text || ' ' || disabled_reason FROM sentinel.webhook_endpoints WHERE id = :'hook' AND disabled_at IS NOT NULL), 'false HTTP 410', 'its endpoint is disabled');
SELECT is((SELECT state FROM sentinel.deliveries WHERE id = :'gone'), 'failed', 'the delivery has failed');
SELECT is((SELECT count(*) FROM sentinel.alerts a JOIN sentinel.notifications n ON n.org_id = a.org_id AND n.alert_id = a.id
           WHERE a.org_id = :'org' AND a.kind = 'webhook_disabled' AND n.member_id = :'olga'), 1::bigint, 'the owner is told once');
SELECT sentinel.enable_target(:'hook');
SELECT sentinel.send_test(:'hook') AS late \gset
SELECT sentinel.disable_target(:'hook');
SELECT pg_temp.claim_http(:'org');
SELECT is((SELECT count(*) FROM sentinel.http_requests((SELECT array_agg(job_id) FROM claimed), (SELECT array_agg(lease) FROM claimed))), 0::bigint, 'nothing goes to a disabled endpoint');
SELECT is((SELECT state FROM sentinel.deliveries WHERE id = :'late'), 'waiting', 'what it missed waits');
UPDATE sentinel.deliveries SET created_at = now() - interval '4 days' WHERE id = :'late';
SELECT pg_temp.make_due(:'org');
SELECT pg_temp.claim_http(:'org');
SELECT is((SELECT count(*) FROM sentinel.http_requests((SELECT array_agg(job_id) FROM claimed), (SELECT array_agg(lease) FROM claimed))), 0::bigint, 'for three days');
SELECT is((SELECT state FROM sentinel.deliveries WHERE id = :'late'), 'discarded', 'and is then discarded');
SELECT sentinel.enable_target(:'hook');
UPDATE sentinel.webhook_endpoints SET failing_since = now() - interval '6 days', failures_in_row = 19 WHERE id = :'hook';
SELECT sentinel.send_test(:'hook');
SELECT pg_temp.claim_http(:'org');
SELECT pg_temp.report(:'hook', '{"http_status": 500}');
SELECT is((SELECT disabled_reason FROM sentinel.webhook_endpoints WHERE id = :'hook' AND NOT enabled), 'nothing but failures for five days', 'five days and twenty failures disable an endpoint');

-- Rotation.
SELECT sentinel.enable_target(:'hook');
SELECT secret_id AS second FROM sentinel.rotate_webhook_key(:'hook') WHERE version = 2 \gset
SELECT sentinel.store_secret(:'org', :'second', 'webhook_key', :'hook', 2, pg_temp.envelope('b'));
SELECT is((SELECT array_agg(version ORDER BY version) FROM sentinel.secrets WHERE target_id = :'hook' AND (retired_at IS NULL OR retired_at > now() + interval '23 h')), '{1,2}', 'two keys overlap for a day');
SELECT secret_id AS third FROM sentinel.rotate_webhook_key(:'hook') WHERE version = 3 \gset
SELECT sentinel.store_secret(:'org', :'third', 'webhook_key', :'hook', 3, pg_temp.envelope('c'));
SELECT is((SELECT array_agg(version ORDER BY version) FROM sentinel.secrets WHERE target_id = :'hook' AND (retired_at IS NULL OR retired_at > now())), '{2,3}', 'never more than two');
SELECT throws_ok(format('SELECT sentinel.store_secret(%L, %L, %L, %L, 1, %L)', :'org', :'hook_secret', 'webhook_key', :'hook', pg_temp.envelope()), 'SN005', NULL, 'a retired key stays retired');

-- Rights and shape.
SELECT sentinel.enter(:'org', :'vera');
SELECT throws_ok($$ SELECT sentinel.create_slack_channel('#x') $$, 'SN003', NULL, 'a viewer adds no channel');
SELECT throws_ok(format('SELECT sentinel.redeliver(%L)', :'delivery'), 'SN003', NULL, 'and sends nothing again');
SELECT sentinel.enter(:'other');
SELECT throws_ok(format('SELECT sentinel.send_test(%L)', :'hook'), 'SN004', NULL, 'another organisation does not find the endpoint');
SELECT throws_ok($$ SELECT e.* FROM generate_series(1, 51) n, sentinel.create_webhook_endpoint('https://example.com/' || n) e $$, 'SN007', NULL, 'the 51st endpoint is refused');
SELECT is((SELECT count(*) FROM information_schema.columns WHERE table_schema = 'sentinel' AND table_name IN ('delivery_log', 'delivery_status')
           AND data_type NOT IN ('text', 'numeric', 'timestamp with time zone')), 0::bigint, 'the log''s columns are text, numbers and times');
SELECT ok((SELECT count(*) > 5 FROM sentinel.delivery_log WHERE answer IS NOT NULL OR outcome IS NOT NULL), 'and it can be read');

SELECT * FROM finish();
ROLLBACK;
