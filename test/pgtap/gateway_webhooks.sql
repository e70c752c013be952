-- Room gateway, webhooks in: sources and keys, what is refused and what is stored, and what becomes of it. Signatures are
-- computed here by pgcrypto, after the vendors' documentation; the vendors' own vectors are in gateway_crypto.sql.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(163);

-- A key file outlives the transaction: an earlier run may have made it.
DO $$
BEGIN
    IF NOT sentinel.server_key_ready() THEN
        PERFORM sentinel.create_server_key();
    END IF;
END
$$;
SELECT sentinel.create_org('Webhooks Ltd', 'webhooks-pgtap') AS org, sentinel.create_org('Other Ltd', 'webhooks-pgtap-other') AS other \gset
SELECT sentinel.enter(:'other');
SELECT source_id AS other_source, new_secret AS other_secret FROM sentinel.add_webhook_source('github', 'Other code') \gset
SELECT sentinel.enter(:'org');
\ir ../support/jobs.sql

-- The vendors' schemes, from their documentation.
CREATE FUNCTION pg_temp.hex(secret text, said text) RETURNS text LANGUAGE sql AS $$
    SELECT encode(public.hmac(convert_to(said, 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'), 'hex') $$;
CREATE FUNCTION pg_temp.b64(secret bytea, said text) RETURNS text LANGUAGE sql AS $$
    SELECT encode(public.hmac(convert_to(said, 'UTF8'), secret, 'sha256'), 'base64') $$;
CREATE FUNCTION pg_temp.signed(vendor text, secret text, body text, at timestamptz DEFAULT now(), url text DEFAULT '', id text DEFAULT 'm-1') RETURNS jsonb
    LANGUAGE plpgsql AS $$
DECLARE
    s text := floor(extract(epoch FROM at))::bigint::text;
    ms text := floor(extract(epoch FROM at) * 1000)::bigint::text;
    iso text := to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
    key bytea := convert_to(secret, 'UTF8');
BEGIN
    RETURN CASE vendor
        WHEN 'github' THEN jsonb_build_array(ARRAY['X-Hub-Signature-256', 'sha256=' || pg_temp.hex(secret, body)])
        WHEN 'generic' THEN jsonb_build_array(ARRAY['X-Signature-256', pg_temp.hex(secret, body)])
        WHEN 'slack' THEN jsonb_build_array(ARRAY['X-Slack-Request-Timestamp', s], ARRAY['X-Slack-Signature', 'v0=' || pg_temp.hex(secret, 'v0:' || s || ':' || body)])
        WHEN 'hubspot' THEN jsonb_build_array(ARRAY['X-HubSpot-Request-Timestamp', ms], ARRAY['X-HubSpot-Signature-v3', pg_temp.b64(key, 'POST' || url || body || ms)])
        WHEN 'zendesk' THEN jsonb_build_array(ARRAY['X-Zendesk-Webhook-Signature-Timestamp', iso], ARRAY['X-Zendesk-Webhook-Signature', pg_temp.b64(key, iso || body)])
        WHEN 'pagerduty' THEN jsonb_build_array(ARRAY['X-PagerDuty-Signature', 'v1=' || repeat('0', 64) || ',v1=' || pg_temp.hex(secret, body)], ARRAY['X-Webhook-Id', id])
        WHEN 'pipedrive' THEN jsonb_build_array(ARRAY['Authorization', 'Basic ' || replace(encode(key, 'base64'), E'\n', '')])
        WHEN 'gohighlevel' THEN jsonb_build_array(ARRAY['X-NTPP-Secret', secret])
        WHEN 'standard' THEN jsonb_build_array(ARRAY['webhook-id', id], ARRAY['webhook-timestamp', s],
            ARRAY['webhook-signature', 'v1,' || pg_temp.b64(decode(substr(secret, 7), 'base64'), id || '.' || s || '.' || body)])
        WHEN 'resend' THEN jsonb_build_array(ARRAY['svix-id', id], ARRAY['svix-timestamp', s],
            ARRAY['svix-signature', 'v1,' || pg_temp.b64(decode(substr(secret, 7), 'base64'), id || '.' || s || '.' || body)]) END;
END $$;
-- Who has entered has left when a request is answered.
CREATE FUNCTION pg_temp.post(path text, headers jsonb, body bytea, more jsonb DEFAULT '[]', query text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    org uuid := sentinel.current_org();
    member uuid := sentinel.current_member();
    r sentinel.http_response := sentinel.http_handle('POST', path, query, headers || more, body, '203.0.113.9', at);
BEGIN
    IF r.status = 200 AND sentinel.current_org() IS NOT NULL THEN
        RAISE 'an organisation is still entered';
    END IF;
    PERFORM sentinel.enter(org, member);
    RETURN jsonb_build_object('status', r.status, 'body', convert_from(r.body, 'UTF8'), 'headers', r.headers);
END $$;
CREATE FUNCTION pg_temp.post(path text, headers jsonb, body text, more jsonb DEFAULT '[]', query text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.post(path, headers, convert_to(body, 'UTF8'), more, query, at) $$;
CREATE FUNCTION pg_temp.stored() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM sentinel.webhook_events $$;
CREATE FUNCTION pg_temp.waiting() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM sentinel.job_waiting WHERE job_type = 'process_webhook' $$;
-- The events that the last webhook stored has caused.
CREATE FUNCTION pg_temp.told() RETURNS TABLE (event_type text, payload jsonb) LANGUAGE sql AS $$
    SELECT e.event_type, e.payload FROM sentinel.events e
    WHERE e.subject_id = (SELECT w.id FROM sentinel.webhook_events w ORDER BY w.id DESC LIMIT 1) ORDER BY e.seq $$;
CREATE FUNCTION pg_temp.last() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', w.state, w.items, w.event_type, w.reason) FROM sentinel.webhook_events w ORDER BY w.id DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.key() RETURNS text LANGUAGE sql AS $$ SELECT w.external_id FROM sentinel.webhook_events w ORDER BY w.id DESC LIMIT 1 $$;

-- Sources.
SELECT sentinel.add_member('A Boss', 'boss@webhooks.example', 'owner') AS boss, sentinel.add_member('A Clerk', 'clerk@webhooks.example') AS clerk \gset
SELECT sentinel.enter(:'org', :'boss');
SELECT source_id AS gh, path AS gh_path, new_secret AS gh_secret FROM sentinel.add_webhook_source('github', 'Code') \gset
SELECT is(:'gh_path'::text, '/webhooks/github/' || :'gh', 'a source has a path of its own');
SELECT is(length(:'gh_secret'), 43, 'and a secret of 32 random bytes, shown once');
SELECT is((SELECT count(*) FROM sentinel.webhook_keys WHERE position(convert_to(:'gh_secret', 'UTF8') IN envelope) > 0), 0::bigint, 'which is stored sealed');
SELECT source_id AS std, new_secret AS std_secret FROM sentinel.add_webhook_source('standard', 'Shop') \gset
SELECT matches(:'std_secret'::text, '^whsec_[A-Za-z0-9+/]{44}$', 'Standard Webhooks gets a whsec_ secret');
SELECT source_id AS pipe, new_secret AS pipe_secret FROM sentinel.add_webhook_source('pipedrive', 'Pipe') \gset
SELECT matches(:'pipe_secret'::text, '^sentinel:.{43}$', 'Pipedrive gets user and password');
SELECT source_id AS ghl, new_secret AS ghl_secret FROM sentinel.add_webhook_source('gohighlevel', 'Phones', account => 'l1C08ntBrFjLS0elLIYU') \gset
SELECT source_id AS hub, new_secret IS NULL AS hub_none FROM sentinel.add_webhook_source('hubspot', 'Hub') \gset
SELECT ok(:'hub_none'::boolean, 'who makes the secret himself is not given one');
SELECT lives_ok(format('SELECT sentinel.set_webhook_source_secret(%L, %L)', :'hub', 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy'), 'and has it set');
SELECT source_id AS zen FROM sentinel.add_webhook_source('zendesk', 'Desk', 'zendesk-secret-of-32-characters-') \gset
SELECT source_id AS slack FROM sentinel.add_webhook_source('slack', 'Chat', '8f742231b10e8888abcd99yyyzzz85a5') \gset
SELECT source_id AS pager FROM sentinel.add_webhook_source('pagerduty', 'Pager', 'pagerduty-secret-0123456789') \gset
SELECT source_id AS mail FROM sentinel.add_webhook_source('resend', 'Mail', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') \gset
SELECT source_id AS gen, new_secret AS gen_secret FROM sentinel.add_webhook_source('generic', 'Form', purpose => 'lead') \gset
SELECT throws_ok($$SELECT sentinel.add_webhook_source('carrier pigeon', 'x')$$, '22023', 'unknown vendor "carrier pigeon"', 'an unknown vendor');
SELECT throws_ok($$SELECT sentinel.add_webhook_source('github', 'x', purpose => 'lead')$$, '22023', 'invalid purpose "lead"', 'GitHub sends no leads');
SELECT throws_ok($$SELECT sentinel.add_webhook_source('github', 'x', scheme => 'basic')$$, '22023', 'unknown scheme "basic"', 'nor signs by a password');
SELECT throws_ok($$SELECT sentinel.add_webhook_source('github', 'x', 'short')$$, 'SN007', 'this secret cannot be used', 'a short secret, which the error does not repeat');
SELECT throws_ok($$SELECT sentinel.add_webhook_source('standard', 'x', 'whsec_c2hvcnQ=')$$, 'SN007', 'this secret cannot be used', 'a short whsec_');
SELECT throws_ok($$SELECT sentinel.add_webhook_source('pipedrive', 'x', 'no-colon-but-long-enough')$$, 'SN007', 'this secret cannot be used', 'credentials without a colon');
SELECT throws_ok(format('SELECT sentinel.rotate_webhook_source(%L)', :'hub'), 'SN005', 'the secret of HubSpot is made by the vendor', 'what the vendor makes is rotated there');
SELECT throws_ok(format('SELECT sentinel.rotate_webhook_source(%L)', :'other_source'), 'SN004', format('no webhook source "%s"', :'other_source'), 'a source of another organisation is none');
SELECT throws_ok(format('SELECT sentinel.rotate_webhook_source(%L, ''1 year'')', :'gh'), '22023', NULL, 'two secrets do not count for a year');
SELECT results_eq($$SELECT action, count(*) FROM sentinel.audit_log WHERE action LIKE 'webhook_source.%' AND org_id = sentinel.current_org() GROUP BY action ORDER BY action$$,
    $$VALUES ('webhook_source.added'::text, 10::bigint), ('webhook_source.secret_set', 1)$$, 'the audit log tells of it');
SELECT sentinel.enter(:'org', :'clerk');
SELECT throws_ok($$SELECT sentinel.add_webhook_source('github', 'x')$$, 'SN003', NULL, 'members add none');
SELECT throws_ok(format('SELECT sentinel.%s(%L)', f, :'gh'), 'SN003', NULL, 'nor ' || f) FROM unnest('{rotate_webhook_source,enable_webhook_source,delete_webhook_source,replay_webhook}'::text[]) f;
SELECT throws_ok(format('SELECT sentinel.set_webhook_source_secret(%L, ''0123456789abcdef'')', :'gh'), 'SN003', NULL, 'nor set secrets');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.webhook_sources), 0::bigint, 'nor see them');
RESET ROLE;
SELECT sentinel.enter(:'org', :'boss');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.webhook_sources), 10::bigint, 'owners see those of their organisation');
SELECT throws_ok('SELECT envelope FROM sentinel.webhook_keys', '42501', NULL, 'but no key');
SELECT throws_ok('SELECT body FROM sentinel.webhook_events', '42501', NULL, 'and no body');
RESET ROLE;

-- GitHub: right, wrong, again.
\set push '{"ref":"refs/heads/main","after":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","repository":{"id":186853002,"full_name":"example/hello"},"installation":{"id":5},"head_commit":{"timestamp":"2026-05-15T15:20:41Z"}}'
SELECT pg_temp.signed('github', :'gh_secret', :'push') AS sig, '[["X-GitHub-Event","push"],["X-GitHub-Delivery","d-1"],["Content-Type","application/json"],["Authorization","Bearer x"]]' AS head \gset
SELECT pg_temp.post(:'gh_path', '[["X-Hub-Signature-256","sha256=0000000000000000000000000000000000000000000000000000000000000000"]]', :'push', :'head') AS wrong,
       pg_temp.post('/webhooks/github/' || sentinel.uuid7(), :'sig', :'push', :'head') AS unknown, pg_temp.post('/webhooks/github/x', :'sig', :'push', :'head') AS odd,
       pg_temp.post(:'gh_path', '[]', :'push', :'head') AS unsigned, pg_temp.post('/webhooks/github/' || :'other_source', :'sig', :'push', :'head') AS others,
       pg_temp.post(:'gh_path', :'sig', :'push' || ' ', :'head') AS longer \gset
SELECT is(:'wrong'::jsonb ->> 'status', '401', 'a wrong signature is refused');
SELECT is((:'wrong'::jsonb ->> 'body')::jsonb ->> 'code', 'signature_invalid', 'with a problem document');
SELECT is(x::jsonb - 'headers', :'wrong'::jsonb - 'headers', 'and so, word for word, is ' || what)
FROM (VALUES (:'unknown', 'an unknown source'), (:'odd', 'what is no id'), (:'unsigned', 'no signature'), (:'others', 'that of another organisation''s source'),
             (:'longer', 'a body with a byte more')) v (x, what);
SELECT is(pg_temp.stored(), 0::bigint, 'and nothing is stored');
SELECT is(pg_temp.post(:'gh_path', :'sig', :'push', :'head') -> 'status', '200'::jsonb, 'the right one is taken');
SELECT results_eq('SELECT external_id, event_type, state, convert_from(body, ''UTF8'') COLLATE "default", headers FROM sentinel.webhook_events',
    format('VALUES (''d-1''::text, ''push''::text, ''pending''::text, %L::text, %L::jsonb)', :'push', '{"content-type": "application/json", "x-github-event": "push", "x-github-delivery": "d-1"}'),
    'stored as it came, without what is secret');
SELECT is(pg_temp.waiting(), 1::bigint, 'with a job');
SELECT is((pg_temp.post(:'gh_path', :'sig', :'push', :'head') ->> 'body')::jsonb, jsonb_build_object('ok', true, 'received', true, 'duplicate', true, 'id', (SELECT id FROM sentinel.webhook_events)), 'the same again is answered as a duplicate');
SELECT is((pg_temp.post('/api/webhooks/github', :'sig', :'push', :'head') ->> 'body')::jsonb -> 'duplicate', 'true'::jsonb, 'at the bare path too, where the keys tell whose it is');
SELECT is(pg_temp.stored() || ' ' || pg_temp.waiting(), '1 1', 'one row, one job');
SELECT is(pg_temp.drain(:'org') > 0, true, 'the job runs');
SELECT is(pg_temp.last(), 'done | 1 | github.push', 'and makes one event');
SELECT results_eq($$SELECT event_type, payload - '{webhook_event_id,source_id,received_at}'::text[] FROM pg_temp.told()$$, $$VALUES ('github.push'::text, '{"ref": "refs/heads/main",
    "sha": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "item": 1, "vendor": "github", "repository": "example/hello", "subject_type": "repository", "subject_id": "186853002",
    "external_id": "d-1", "account_id": "5", "occurred_at": "2026-05-15T15:20:41+00:00"}'::jsonb)$$, 'with ids and no body');
SELECT is(sentinel.handle_process_webhook(NULL, jsonb_build_object('webhook_event_id', id)), '{"state": "done", "items": 1}', 'running it again changes nothing') FROM sentinel.webhook_events;
SELECT is((SELECT count(*) FROM sentinel.events WHERE event_type = 'github.push'), 1::bigint, 'there is one event');
SELECT pg_temp.post(:'gh_path', :'sig', :'push', '[["X-GitHub-Event","push"],["X-GitHub-Delivery","d-2"]]'), pg_temp.drain(:'org') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.events WHERE event_type = 'github.push') || ' ' || pg_temp.stored(), '1 2', 'nor two when somebody sends it under another delivery id, which is not signed');
SELECT pg_temp.post(:'gh_path', pg_temp.signed('github', :'gh_secret', b), b, '[["X-GitHub-Event","star"]]') AS star, b AS nothing FROM (VALUES ('{"action":"created"}')) v (b) \gset
SELECT is((:'star'::jsonb ->> 'body')::jsonb - 'id', '{"ok": true, "received": true, "skipped": "unsupported event"}', 'an unsupported event is answered');
SELECT is(pg_temp.key(), 'sha256:' || encode(sha256('{"action":"created"}'), 'hex'), 'without a delivery id the body''s hash stands for it');
SELECT is(pg_temp.drain(:'org') || ' ' || pg_temp.last(), '1 ignored | 0 | star | unsupported event', 'and ignored');
SELECT is((pg_temp.post(:'gh_path', pg_temp.signed('github', :'gh_secret', b), b, '[["X-GitHub-Event","ping"]]') ->> 'body')::jsonb - 'id', '{"ok": true, "received": true}', 'ping is answered')
FROM (VALUES ('{"zen":"Keep it logically awesome."}')) v (b);
SELECT is(pg_temp.drain(:'org') || ' ' || pg_temp.last(), '1 ignored | 0 | ping | ping', 'and ignored too');
SELECT pg_temp.post(:'gh_path', pg_temp.signed('github', :'gh_secret', b), b, '[["X-GitHub-Event","pull_request"],["Content-Type","application/x-www-form-urlencoded"]]')
FROM (VALUES ('payload=%7B%22action%22%3A%22opened%22%2C%22pull_request%22%3A%7B%22number%22%3A7%7D%7D')) v (b) \g /dev/null
SELECT is(pg_temp.drain(:'org') || ' ' || pg_temp.last(), '1 done | 1 | github.pull_request.opened', 'JSON in the field payload of a form is read');

-- What is authentic and cannot be read is kept, told of, and can be tried again.
SELECT is(pg_temp.post(:'gh_path', jsonb_build_array(ARRAY['X-Hub-Signature-256', 'sha256=' || encode(public.hmac(b, convert_to(:'gh_secret', 'UTF8'), 'sha256'), 'hex')]), b,
    '[["X-GitHub-Event","push"]]') -> 'status', '200'::jsonb, 'taken: ' || what)
FROM (VALUES ('\xff00fe'::bytea, 'what is no text'), ('{"a":'::bytea, 'half an object'), (convert_to('{"a":"\u0000"}', 'UTF8'), 'a zero character'), (convert_to(repeat('[', 5000), 'UTF8'), 'depth 5,000'),
             (''::bytea, 'nothing at all')) v (b, what);
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT results_eq('SELECT count(*), count(DISTINCT webhook_event_id), bool_and(reason <> '''' AND attempts = 1) FROM sentinel.webhook_failures', 'VALUES (5::bigint, 5::bigint, true)', 'all five have failed, and say why');
SELECT is((SELECT count(*) FROM sentinel.job_waiting WHERE job_type = 'process_webhook') + (SELECT count(*) FROM sentinel.job_dead), 0::bigint, 'no job is tried in vain');
SELECT isnt(sentinel.replay_webhook((SELECT webhook_event_id::uuid FROM sentinel.webhook_failures LIMIT 1)), NULL, 'one can be processed once more');
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT is((SELECT max(attempts) FROM sentinel.webhook_failures), 2::numeric, 'which is counted');
SELECT throws_ok(format('SELECT sentinel.replay_webhook(%L)', (SELECT id FROM sentinel.webhook_events WHERE external_id = 'd-1')), 'SN005', 'the webhook is done', 'what was done is not');
-- A job that dies marks its webhook.
SELECT pg_temp.post(:'gh_path', pg_temp.signed('github', :'gh_secret', '{"x":1}'), '{"x":1}', '[["X-GitHub-Event","push"]]') \g /dev/null
SELECT sentinel.fail(ARRAY[j.job_id], ARRAY[j.lease], ARRAY['struck by lightning'], fatal => true) FROM sentinel.claim('pgtap', '{default}', 10) j \g /dev/null
SELECT sentinel.enter(:'org', :'boss');
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT is(pg_temp.last(), 'failed | 0 | push | its job is dead: struck by lightning', 'a webhook whose job is dead has failed');
SELECT sentinel.retry_dead((SELECT id FROM sentinel.job_dead)) \g /dev/null
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT is(pg_temp.last(), 'done | 1 | github.push', 'and is set right when the job is retried');

-- Keys: rotation with overlap, expiry, disabling.
SELECT sentinel.enter(:'org', :'boss');
SELECT sentinel.rotate_webhook_source(:'gh', '1 hour') AS gh_next \gset
CREATE FUNCTION pg_temp.knock(path text, secret text, body text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.post(path, pg_temp.signed('github', secret, body), body, '[["X-GitHub-Event","star"]]') ->> 'status' $$;
SELECT is(pg_temp.knock(:'gh_path', :'gh_secret', '{"n":1}') || pg_temp.knock(:'gh_path', :'gh_next', '{"n":2}'), '200200', 'both secrets count for the overlap');
UPDATE sentinel.webhook_keys SET expires_at = now() WHERE expires_at IS NOT NULL;
SELECT is(pg_temp.knock(:'gh_path', :'gh_secret', '{"n":3}') || pg_temp.knock(:'gh_path', :'gh_next', '{"n":4}'), '401200', 'then the new one only');
SELECT sentinel.rotate_webhook_source(:'gh', '1 hour') FROM generate_series(1, 10) \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.webhook_keys WHERE source_id = :'gh' AND (expires_at IS NULL OR expires_at > now())), 4::bigint, 'of many rotations four secrets count');
SELECT sentinel.enable_webhook_source(:'gh', false), sentinel.rotate_webhook_source(:'gh', '0') AS gh_secret \gset
SELECT is(pg_temp.knock(:'gh_path', :'gh_secret', '{"n":5}') || pg_temp.knock('/webhooks/github', :'gh_secret', '{"n":5}'), '401401', 'a disabled source takes nothing');
SELECT sentinel.enable_webhook_source(:'gh');
SELECT is(pg_temp.knock(:'gh_path', :'gh_secret', '{"n":5}'), '200', 'and enabled it does');
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT sentinel.purge_webhooks() \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.webhook_keys WHERE source_id = :'gh'), 1::bigint, 'keys that count no more are purged');

-- Every vendor: the right signature at its path, a wrong one, an old one; the id that it goes by; what is told.
CREATE TEMP TABLE vendor_case AS SELECT v.*, format('/webhooks/%s/%s', v.vendor, v.source) AS path FROM (VALUES
    (1, 'hubspot', :'hub'::uuid, 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy', '[{"eventId":2,"subscriptionId":12,"portalId":6,"occurredAt":1764000000000,"subscriptionType":"deal.propertyChange","objectId":9001,"propertyName":"amount"},{"eventId":1,"subscriptionId":12,"portalId":6,"occurredAt":1764000000000,"subscriptionType":"contact.creation","objectId":123}]',
     'hubspot.deal.property_change 9001, hubspot.contact.creation 123', true),
    (2, 'zendesk', :'zen', 'zendesk-secret-of-32-characters-', '{"id":"z-1","type":"zen:event-type:user.created","account_id":77,"subject":"zen:user:42","time":"2026-05-01T10:00:00Z"}', 'zendesk.user.created 42', true),
    (3, 'slack', :'slack', '8f742231b10e8888abcd99yyyzzz85a5', '{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1764000000,"event":{"type":"message","channel":"C1","user":"U1","text":"hi"}}', 'slack.message C1', true),
    (4, 'pagerduty', :'pager', 'pagerduty-secret-0123456789', '{"event":{"id":"E1","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-05-01T10:00:00.123Z","data":{"id":"P1","status":"triggered"}}}', 'pagerduty.incident.triggered P1', false),
    (5, 'resend', :'mail', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', '{"type":"email.bounced","created_at":"2026-05-01T10:00:00Z","data":{"email_id":"e-1"}}', 'resend.email.bounced e-1', true),
    (6, 'standard', :'std', :'std_secret', '{"type":"invoice.paid","timestamp":"2026-05-01T10:00:00Z","data":{"id":"i-1"}}', 'standard.invoice.paid i-1', true),
    (7, 'pipedrive', :'pipe', :'pipe_secret', '{"meta":{"action":"change","entity":"person","entity_id":"8","id":"pd-1","company_id":3,"timestamp":"2026-05-01T10:00:00Z"},"data":{}}', 'pipedrive.person.change 8', false),
    (8, 'gohighlevel', :'ghl', :'ghl_secret', '{"type":"OutboundMessage","direction":"inbound","messageType":"CALL","conversationId":"c-1","contactId":"k-1","locationId":"l1C08ntBrFjLS0elLIYU"}', 'gohighlevel.inbound_message c-1', false)
) v (place, vendor, source, secret, body, wanted, timed);
SELECT sentinel.configure_gateway('{"public_url": "https://hooks.example.com"}');
CREATE FUNCTION pg_temp.try(c vendor_case, at timestamptz DEFAULT now(), secret text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.post(c.path, pg_temp.signed(c.vendor, coalesce(try.secret, c.secret), c.body, at, 'https://hooks.example.com' || c.path || '?a=b%20c', 'm-' || c.place), c.body,
                        '[["Content-Type","application/json"]]', 'a=b%20c') $$;
CREATE FUNCTION pg_temp.walk(c vendor_case) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_temp.stored();
BEGIN
    RETURN NEXT is(pg_temp.try(c, now(), CASE c.vendor WHEN 'pipedrive' THEN 'sentinel:' ELSE '' END || 'whsec_' || repeat('A', 44)) ->> 'status', '401', c.vendor || ': a wrong signature is refused');
    IF c.timed THEN
        RETURN NEXT is(pg_temp.try(c, now() - interval '6 minutes') ->> 'status', '401', c.vendor || ': so is a right one of six minutes ago');
    END IF;
    RETURN NEXT is(pg_temp.stored(), before, c.vendor || ': and nothing is stored');
    RETURN NEXT is(pg_temp.try(c) ->> 'status', '200', c.vendor || ': the right one is taken');
    RETURN NEXT is((pg_temp.try(c, now() - interval '1 minute') ->> 'body')::jsonb -> 'duplicate', 'true', c.vendor || ': and known again');
    PERFORM pg_temp.drain(sentinel.current_org());
    RETURN NEXT is((SELECT string_agg(event_type || ' ' || (payload ->> 'subject_id'), ', ') FROM pg_temp.told()), c.wanted, c.vendor || ': one event of each thing');
END $$;
SELECT t FROM vendor_case c, pg_temp.walk(c) t ORDER BY c.place;

-- HubSpot: the order of a batch does not matter, each item counts once, and at most 100 come.
SELECT pg_temp.stored() AS stored, (SELECT count(*) FROM sentinel.events WHERE event_type LIKE 'hubspot.%') AS told,
       (SELECT jsonb_agg(e ORDER BY e ->> 'eventId')::text FROM jsonb_array_elements(body::jsonb) e) AS turned,
       (SELECT jsonb_agg(e || '{"attemptNumber": 3}')::text FROM jsonb_array_elements(body::jsonb) e) AS again,
       jsonb_build_array(body::jsonb -> 0, jsonb_build_object('eventId', 5) || ((body::jsonb -> 1) - 'eventId'))::text AS mixed,
       (SELECT jsonb_agg(x.e) FROM (SELECT body::jsonb -> 0 AS e FROM generate_series(1, 101)) x) AS many FROM vendor_case WHERE vendor = 'hubspot' \gset
UPDATE vendor_case SET body = :'turned' WHERE place = 1;
SELECT is((pg_temp.try(c) ->> 'body')::jsonb -> 'duplicate', 'true', 'hubspot: a batch in another order is the same') FROM vendor_case c WHERE place = 1;
UPDATE vendor_case SET body = :'again' WHERE place = 1;
SELECT is((pg_temp.try(c) ->> 'body')::jsonb -> 'duplicate', 'true', 'hubspot: and so is another attempt') FROM vendor_case c WHERE place = 1;
UPDATE vendor_case SET body = :'mixed' WHERE place = 1;
SELECT pg_temp.try(c) FROM vendor_case c WHERE place = 1 \g /dev/null
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT is((SELECT count(*) FROM sentinel.events WHERE event_type LIKE 'hubspot.%') - :told, 1::bigint, 'hubspot: of a batch with one item known the other is told');
UPDATE vendor_case SET body = '[]' WHERE place = 1;
SELECT pg_temp.try(c) FROM vendor_case c WHERE place = 1 \g /dev/null
SELECT is(pg_temp.drain(:'org') || ' ' || pg_temp.last(), '1 ignored | 0 | an empty batch', 'hubspot: an empty batch is ignored');
UPDATE vendor_case SET body = :'many' WHERE place = 1;
SELECT pg_temp.try(c) FROM vendor_case c WHERE place = 1 \g /dev/null
SELECT is(pg_temp.drain(:'org') || ' ' || pg_temp.last(), '1 failed | 0 | a batch of 101 items', 'hubspot: 101 items are too many');

-- Slack: the challenge, commands, the answer to which is shown; GoHighLevel: forms and the paths of its workflows.
SELECT is((pg_temp.post('/slack/events', pg_temp.signed('slack', '8f742231b10e8888abcd99yyyzzz85a5', b), b) ->> 'body')::jsonb, '{"challenge": "3eZbrw1a"}', 'slack: url_verification is answered once verified')
FROM (VALUES ('{"token":"x","challenge":"3eZbrw1a","type":"url_verification"}')) v (b);
SELECT is(pg_temp.post('/slack/events', '[]', '{"token":"x","challenge":"3eZbrw1a","type":"url_verification"}') ->> 'status', '401', 'slack: and not before');
SELECT is(pg_temp.post('/webhooks/slack', pg_temp.signed('slack', '8f742231b10e8888abcd99yyyzzz85a5', b), b, '[["Content-Type","application/x-www-form-urlencoded"]]') - 'headers',
    '{"status": 200, "body": ""}', 'slack: a command is answered by nothing') FROM (VALUES ('command=%2Fdeal&text=a+b&team_id=T1&channel_id=C9')) v (b);
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT results_eq($$SELECT event_type, payload ->> 'action', payload ->> 'subject_id' FROM pg_temp.told()$$, $$VALUES ('slack.command'::text, '/deal'::text, 'C9'::text)$$, 'slack: and told of');
SELECT is(pg_temp.post('/webhook/ghl/' || p, pg_temp.signed('gohighlevel', :'ghl_secret', b), b, jsonb_build_array(ARRAY['Content-Type', m])) ->> 'status', '200', 'gohighlevel: ' || p)
FROM (VALUES ('inbound_sms', 'locationId=l1C08ntBrFjLS0elLIYU&conversationId=c-2&body=hello+there', 'application/x-www-form-urlencoded'),
             ('unanswered_call', '{"locationId":"l1C08ntBrFjLS0elLIYU","conversationId":"c-3"}', 'application/json')) v (p, b, m);
SELECT pg_temp.drain(:'org') \g /dev/null
SELECT is((SELECT string_agg(event_type || ' ' || (payload ->> 'subject_id'), ', ' ORDER BY event_type) FROM sentinel.events WHERE event_type ~ '^gohighlevel\.(inbound_sms|unanswered_call)'),
    'gohighlevel.inbound_sms c-2, gohighlevel.unanswered_call c-3', 'gohighlevel: the path says what it is');
SELECT is(pg_temp.post('/webhook/ghl', '[]', '{"locationId":"l1C08ntBrFjLS0elLIYU"}', '[]', 'secret=' || :'ghl_secret') ->> 'status', '401', 'gohighlevel: a secret in the query is none');
SELECT is(pg_temp.post('/webhook/ghl', pg_temp.signed('gohighlevel', :'ghl_secret', b), b) ->> 'status', '401', 'gohighlevel: another location is not ours')
FROM (VALUES ('{"locationId":"elsewhere"}')) v (b);
SELECT is(pg_temp.post('/webhook/ghl', pg_temp.signed('gohighlevel', :'ghl_secret', b), b) ->> 'status', '200', 'gohighlevel: what does not say where from is, by our own secret')
FROM (VALUES ('{"conversationId":"c-4","type":"InboundMessage"}')) v (b);
-- The vendor's own signature: a throw-away key of signature-vectors.json over InboundMessage.1.sms.json.
\set sms '{\n  "type": "InboundMessage",\n  "locationId": "l1C08ntBrFjLS0elLIYU",\n  "attachments": [],\n  "body": "This is a test message",\n  "contactId": "cI08i1Bls3iTB9bKgFJh",\n  "contentType": "text/plain",\n  "conversationId": "fcanlLgpbQgQhderivVs",\n  "dateAdded": "2021-04-21T11:31:45.750Z",\n  "direction": "inbound",\n  "messageType": "SMS",\n  "status": "delivered",\n  "conversationProviderId": "cI08i1Bls3iTB9bKgF01"\n}\n'
\set vendor_key MCowBQYDK2VwAyEAwgiLuPjsOyj1itocYV8A/WgcOVcpkxXqq3tneDUTyU8=
\set vendor_head '[["X-GHL-Signature","u7huFnYuS7PCSPcWtjA/J4wyR4Cc4LtaVoQ77beYtad3fibCjRZOdtpcsIXHDI5iFaCk65+UdRMIWob9CPqAAA=="]]'
SELECT sentinel.enter(:'org', :'boss');
SELECT sentinel.set_webhook_source_secret(:'ghl', :'vendor_key');
SELECT is(pg_temp.post('/webhook/ghl', :'vendor_head', :'sms') ->> 'status', '200', 'gohighlevel: its own signature is taken');
SELECT is(pg_temp.post('/webhook/ghl', :'vendor_head', replace(:'sms', 'test', 'tesT')) ->> 'status', '401', 'gohighlevel: but not over other bytes');
-- Another throw-away key, over a body that has a time.
\set timed '{"type":"InboundMessage","locationId":"l1C08ntBrFjLS0elLIYU","webhookId":"w-1","timestamp":"2026-06-01T10:00:00.000Z"}'
\set timed_head '[["X-GHL-Signature","pE+iMZ6zxtSkngWTvRo0gV7n+WdjpUCMAMdteODwYK8WM4ccmXoKHMrZS8U5adzkexcF78UnWEiG88CXjpcyAg=="]]'
SELECT sentinel.set_webhook_source_secret(:'ghl', 'MCowBQYDK2VwAyEAgAp2gwhC5GGv2iyy6uY2w693/+9HsIv2g7F9CnXKIZs=', '1 hour');
SELECT is(pg_temp.post('/webhook/ghl', :'timed_head', :'timed', at => t::timestamptz) ->> 'status', s, 'gohighlevel: signed at ten, come at ' || t)
FROM (VALUES (1, '2026-06-01 10:05:01Z', '401'), (2, '2026-06-01 09:54:59Z', '401'), (3, '2026-06-01 10:04:59Z', '200')) v (n, t, s) ORDER BY n;
SELECT is(pg_temp.key(), 'w-1', 'gohighlevel: and is known by its webhookId');
SELECT is((SELECT count(*) FROM sentinel.webhook_keys WHERE source_id = :'ghl' AND expires_at IS NULL), 2::bigint, 'gohighlevel: the shared secret counts beside it');
SELECT throws_ok(format('SELECT sentinel.add_webhook_source(''gohighlevel'', ''x'', %L)', :'vendor_key'), 'SN007', 'a public key without an account cannot be used', 'gohighlevel: the key that signs for everybody wants a location');
SELECT sentinel.enter(:'other');
SELECT source_id AS other_ghl FROM sentinel.add_webhook_source('gohighlevel', 'Other phones', :'vendor_key', account => 'their-location') \gset
SELECT is((pg_temp.post('/webhook/ghl', :'vendor_head', :'sms') ->> 'body')::jsonb -> 'duplicate', 'true', 'gohighlevel: of two organisations with one key the location tells whose it is');
SELECT is(pg_temp.post('/webhooks/gohighlevel/' || :'other_ghl', :'vendor_head', :'sms') ->> 'status', '401', 'gohighlevel: and the other''s own address does not take it');

-- One secret of two organisations: nobody is guessed at.
SELECT sentinel.enter(:'other');
SELECT sentinel.add_webhook_source('slack', 'Same app', '8f742231b10e8888abcd99yyyzzz85a5') \g /dev/null
SELECT is(pg_temp.post('/webhooks/slack', pg_temp.signed('slack', '8f742231b10e8888abcd99yyyzzz85a5', '{"type":"x"}'), '{"type":"x"}') ->> 'status', '404', 'what two organisations could claim is sent to a source''s own path');
SELECT sentinel.enter(:'other');
SELECT sentinel.add_webhook_source('zendesk', 'Desk ' || n, 'zendesk-secret-of-32-characters-' || n) FROM generate_series(1, 20) n \g /dev/null
SELECT matches(pg_temp.post('/webhooks/zendesk', '[]', '{}') ->> 'body', '/webhooks/zendesk/\{source_id\}', 'more than 20 sources are not tried');
SELECT is(pg_temp.post('/webhooks/zendesk', pg_temp.signed('zendesk', 'zendesk-secret-of-32-characters-', '{"id":"z-9","type":"x"}'), '{"id":"z-9","type":"x"}') ->> 'status', '200',
    'the oldest are: nobody is shut out by sources that others add');
SELECT is((SELECT count(*) FROM sentinel.webhook_events WHERE org_id = :'other'), 0::bigint, 'and the other organisation has got nothing');

-- Leads, and what is deleted.
SELECT sentinel.enter(:'org', :'boss');
SELECT is(pg_temp.post('/webhooks/generic', pg_temp.signed('generic', :'gen_secret', b), b, '[["Idempotency-Key","k-1"]]') ->> 'status', '200', 'generic: a lead is taken')
FROM (VALUES ('{"name":"Somebody","email":"somebody@example.org"}')) v (b);
SELECT is(pg_temp.drain(:'org') > 0, true, 'and its job runs');
SELECT results_eq('SELECT source, payload ->> ''email'', idempotency_key FROM sentinel.intake_raw WHERE org_id = sentinel.current_org()',
    format('VALUES (''webhook''::text, ''somebody@example.org''::text, ''webhook:%s:k-1''::text)', :'gen'), 'it goes through intake, under the sender''s key');
SELECT is((SELECT count(*) FROM sentinel.leads WHERE email = 'somebody@example.org'), 1::bigint, 'and becomes a lead');
SELECT sentinel.delete_webhook_source(:'gen');
SELECT is((SELECT count(*) FROM sentinel.webhook_keys WHERE source_id = :'gen') || ' ' || (SELECT count(*) FROM sentinel.webhook_events WHERE source_id = :'gen'), '0 1', 'a source goes with its keys; what it sent stays');
UPDATE sentinel.webhook_events SET received_at = now() - interval '31 days' WHERE source_id = :'gen';
SELECT sentinel.purge_webhooks() \g /dev/null
SELECT results_eq(format('SELECT count(*) FILTER (WHERE source_id = %L), count(*) > 20 FROM sentinel.webhook_events', :'gen'), 'VALUES (0::bigint, true)', 'for 30 days');

-- Over HTTP.
CREATE FUNCTION pg_temp.ask(f text, params jsonb, body jsonb DEFAULT NULL, query jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    SET LOCAL ROLE sentinel_member;
    EXECUTE format('SELECT sentinel.%I($1, NULL)', f) INTO answer USING jsonb_build_object('params', params, 'query', query) || CASE WHEN body IS NULL THEN '{}' ELSE jsonb_build_object('json', body) END;
    RESET ROLE;
    RETURN answer;
END $$;
SELECT pg_temp.ask('http_add_webhook_source', '{}', '{"vendor": "github", "name": "By HTTP"}') AS made \gset
SELECT is(:'made'::jsonb -> 'status', '201', 'a source is added');
SELECT matches(:'made'::jsonb #>> '{json,data,secret}', '^.{43}$', 'its secret is in the answer');
SELECT jsonb_build_object('source_id', :'made'::jsonb #> '{json,data,id}') AS named \gset
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.ask('http_webhook_sources', '{}') #> '{json,data}') d WHERE d ? 'secret' OR d::text LIKE '%envelope%') , 0::bigint, 'and in no list');
SELECT matches(pg_temp.ask('http_rotate_webhook_source', :'named', '{"overlap_minutes": 5}') #>> '{json,data,secret}', '^.{43}$', 'it is rotated');
SELECT is(jsonb_array_length(pg_temp.ask('http_set_webhook_secret', :'named', '{"secret": "0123456789abcdef0123"}') #> '{json,data,keys}'), 3, 'set');
SELECT is(pg_temp.ask('http_change_webhook_source', :'named', '{"enabled": false}') #> '{json,data,enabled}', 'false', 'disabled');
SELECT is(pg_temp.ask('http_delete_webhook_source', :'named'), '{"status": 204}', 'and deleted');
SELECT throws_ok(format('SELECT pg_temp.ask(''http_delete_webhook_source'', %L)', :'named'), 'SN004', NULL, 'once');
RESET ROLE;
SELECT is(jsonb_array_length(pg_temp.ask('http_webhook_events', '{}', NULL, '{"state": "failed"}') #> '{json,data}'), (SELECT count(*)::integer FROM sentinel.webhook_failures), 'what failed is listed');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.ask('http_webhook_events', '{}') #> '{json,data}') d WHERE d ? 'body'), 0::bigint, 'without bodies');
SELECT is(pg_temp.ask('http_webhook_event', jsonb_build_object('webhook_event_id', w.id)) #>> '{json,data,external_id}', 'd-1', 'and can be looked at')
FROM sentinel.webhook_events w WHERE w.external_id = 'd-1';
SELECT sentinel.enter(:'other');
SELECT throws_ok(format('SELECT pg_temp.ask(''http_webhook_event'', jsonb_build_object(''webhook_event_id'', %L))', w.id), 'SN004', NULL, 'by its own organisation')
FROM sentinel.webhook_events w WHERE w.external_id = 'd-1';
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
