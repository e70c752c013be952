-- Room gateway: leads that come in over HTTP, and what is no lead or no JSON.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(50);
\ir ../support/http.sql

SELECT sentinel.create_org('Intake Ltd', 'gateway-intake') AS org, sentinel.create_org('Other Ltd', 'gateway-intake-other') AS other \gset
SELECT pg_temp.caller(:'org') AS key, pg_temp.caller(:'other') AS their_key \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Vera', 'vera@gateway-intake.example', 'viewer') AS vera \gset

-- Forms.
SELECT status, json, route FROM pg_temp.http(:'key', 'POST', '/api/intake/form', '{"fullName": "Ann Lee", "email": "ann@gateway-intake.example", "Shoe size": 7}',
                                             '[["Idempotency-Key", "k-1"], ["Content-Type", "application/json; charset=utf-8"]]') \gset first_
SELECT is(:'first_status' || ' ' || :'first_route', '202 POST /intake/form', 'a form is taken in');
SELECT is(:'first_json'::jsonb - 'id', '{"accepted": true, "state": "waiting", "duplicate_of": null, "reason": null, "hint": null}', 'and queued');
SELECT :'first_json'::jsonb ->> 'id' AS first \gset
SELECT results_eq(format('SELECT source, payload, idempotency_key FROM sentinel.intake_raw WHERE id = %L', :'first'),
    $$VALUES ('form', '{"name": "Ann Lee", "email": "ann@gateway-intake.example", "extra": {"Shoe size": 7}}'::jsonb, 'k-1')$$, 'with the names of its members as they came');
SELECT is((SELECT count(*) FROM sentinel.job_waiting w WHERE w.job_type = 'process_intake' AND w.payload ->> 'intake_id' = :'first'), 1::bigint, 'one job is to work on it');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/form', '{"fullName": "Somebody Else"}', '[["Idempotency-Key", "k-1"]]')).json, :'first_json'::jsonb,
    'the same key again is answered the same');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/form', '{"email": "ANN@gateway-intake.example", "name": "Ann"}')).json - 'id',
    jsonb_build_object('accepted', false, 'state', 'duplicate', 'duplicate_of', :'first', 'reason', 'came before, by combined', 'hint', NULL), 'the same person again is a duplicate');
SELECT is((pg_temp.http(:'their_key', 'POST', '/intake/form', '{"email": "ann@gateway-intake.example"}', '[["Idempotency-Key", "k-1"]]')).json ->> 'state', 'waiting',
    'but not for another organisation, nor is the key known there');
SELECT sentinel.enter(:'org');
SELECT is((a.status, a.json ->> 'accepted', a.json ->> 'state', a.json ->> 'reason')::text, '(202,false,rejected,"e-mail ""nobody"" has no @")', 'a bad payload is accepted by HTTP and refused by name')
FROM pg_temp.http(:'key', 'POST', '/intake/form', '{"email": "nobody"}') a;
SELECT is((pg_temp.send(:'key', 'POST', '/intake/form', '{"email": "late@gateway-intake.example"}', '[]', now() + interval '1 hour')).status, 202,
    'a gateway whose clock is ahead is no reason to refuse');
SELECT ok((SELECT bool_and(received_at <= clock_timestamp()) FROM sentinel.intake_raw), 'though nothing has come in the future');
SELECT is((SELECT a.status::text || (a.json ->> 'code') FROM pg_temp.http(:'key', 'POST', '/intake/form', '{"name": "x"}', jsonb_build_array(jsonb_build_array('Idempotency-Key', repeat('k', 501)))) a),
    '400invalid', 'a key has at most 500 characters');
SELECT is((pg_temp.http(pg_temp.caller(:'org', :'vera', 'viewer'), 'POST', '/intake/form', '{"name": "x"}')).status, 403, 'a viewer brings nothing in');
SELECT is((pg_temp.http('{"kind": "key", "scopes": ["leads:write"]}'::jsonb || pg_temp.caller(:'org'), 'POST', '/intake/form', '{"name": "x"}')).status, 403,
    'nor a key without intake:write');
SELECT is((pg_temp.http('{"scopes": ["intake:write"]}'::jsonb || pg_temp.caller(:'org'), 'POST', '/intake/form', '{"name": "By key"}')).status, 202, 'which a key with it does');

-- What is no JSON is kept as it came, and answered 400.
CREATE TEMP TABLE bodies (label text, body bytea, headers jsonb DEFAULT '[]');
INSERT INTO bodies (label, body) VALUES ('bad UTF-8', convert_to('{"name": "', 'UTF8') || '\xfffe' || convert_to('"}', 'UTF8')), ('a zero character', convert_to('{"name": "a\u0000b"}', 'UTF8')),
    ('depth', convert_to(repeat('[', 100000), 'UTF8')), ('a huge number', '{"name": "x", "n": 1e131071}'), ('cut', '{"name": '), ('empty', ''),
    ('a byte of zero', '\x7b2261223a002231227d'), ('half a surrogate', convert_to('{"name": "\ud800"}', 'UTF8')), ('a name twice', '{"name": "a", "name": "b"}');
CREATE TEMP TABLE refused AS SELECT b.label, b.body, a.* FROM bodies b CROSS JOIN LATERAL pg_temp.send(:'key', 'POST', '/intake/form', b.body) a;
SELECT is((SELECT count(*) FROM refused), 9::bigint, 'nine bodies that are no JSON');
SELECT is_empty('SELECT label, status, json FROM refused WHERE status <> 400 OR headers_out ->> ''content-type'' <> ''application/problem+json''', 'are answered 400');
SELECT is_empty($$SELECT x.label, r.* FROM refused x LEFT JOIN sentinel.intake_raw r ON r.id = (x.json ->> 'id')::uuid
    WHERE r.raw IS DISTINCT FROM x.body OR r.state <> 'rejected' OR r.reject_code <> 'not_json' OR r.reject_reason <> x.json ->> 'title' OR r.payload IS NOT NULL$$,
    'each is kept, byte by byte, with the reason that was answered');
SELECT is_empty($$SELECT label, json FROM refused WHERE json ->> 'hint' IS NULL OR json ->> 'status' <> '400' OR json ->> 'code' <> 'invalid'$$, 'as a problem with a hint');
SELECT is((SELECT a.status::text || (a.json ->> 'title') FROM pg_temp.http(:'key', 'POST', '/intake/form', '[1, 2]') a), '400the payload is no JSON object', 'an array is no lead');
SELECT is((SELECT count(*) FROM sentinel.intake_raw WHERE reject_code = 'not_an_object'), 1::bigint, 'and kept too');
SELECT results_eq(format($$SELECT a.status, b.json = a.json FROM pg_temp.send(%1$L, 'POST', '/intake/form', '{', '[["Idempotency-Key", "bad"]]') a
    CROSS JOIN LATERAL pg_temp.send(%1$L, 'POST', '/intake/form', '{', '[["Idempotency-Key", "bad"]]') b$$, :'key'), 'VALUES (400, true)', 'a key holds for it as well');
SELECT count(*) AS rows FROM sentinel.intake_raw \gset
SELECT is((SELECT a.status::text || (a.json ->> 'code') FROM pg_temp.http(:'key', 'POST', '/intake/form', 'name=x', '[["Content-Type", "application/x-www-form-urlencoded"]]') a),
    '415unsupported_media_type', 'another media type is none of ours');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/form', jsonb_build_object('name', repeat('x', 1100000))::text)).status, 413, 'nor is more than a megabyte');
SELECT is((SELECT count(*) FROM sentinel.intake_raw), :rows::bigint, 'of which nothing is kept');

-- Webhooks.
SELECT is((pg_temp.http(:'key', 'POST', '/intake/webhook', '{"payload": {"name": "Wim", "email": "wim@gateway-intake.example"}, "event": "lead"}')).json ->> 'state', 'waiting', 'a webhook is taken in');
SELECT is((SELECT payload FROM sentinel.intake_raw WHERE source = 'webhook'), '{"name": "Wim", "email": "wim@gateway-intake.example", "extra": {"event": "lead"}}',
    'what stands beside the payload is extra');
SELECT is((SELECT a.status FROM pg_temp.http(:'key', 'POST', '/intake/webhook', '{"payload"') a), 400, 'one that is cut is refused');
SELECT is((SELECT count(*) FROM sentinel.intake_raw WHERE source = 'webhook' AND reject_code = 'not_json'), 1::bigint, 'and kept');

-- Many at once: a file.
SELECT status, json FROM pg_temp.http(:'key', 'POST', '/intake/csv?fileName=fair.csv&platform=linkedin', E'Full Name,E-mail\nBea,bea@gateway-intake.example\nCy,cy@@x\nBea,bea@gateway-intake.example\n',
                                      '[["Content-Type", "text/csv"]]') \gset file_
SELECT is(:file_status, 202, 'a file is taken in');
SELECT is(:'file_json'::jsonb - 'ids' - 'rows', '{"accepted": 1, "duplicates": 1, "errors": 1}', 'and counted');
SELECT results_eq(format($$SELECT (r ->> 'line')::integer, r ->> 'state', r ->> 'reason' IS NOT NULL, r ->> 'hint' IS NOT NULL FROM jsonb_array_elements(%L::jsonb -> 'rows') r$$, :'file_json'),
    $$VALUES (3, 'rejected', true, true), (4, 'duplicate', false, false)$$, 'rows that are not queued are named by their line');
SELECT results_eq(format($$SELECT r.payload ->> 'platform', b.file_name FROM sentinel.intake_raw r JOIN sentinel.intake_batches b ON b.id = r.batch_id WHERE r.id = (%L::jsonb #>> '{ids,0}')::uuid$$, :'file_json'),
    $$VALUES ('linkedin', 'fair.csv')$$, 'defaults and the name of the file come by the query');

-- Many at once: JSON.
SELECT '{"leads": [{"name": "Dee", "email": "dee@gateway-intake.example"}, {"name": "Dee", "email": "dee@gateway-intake.example"}, {"email": "?"}, 7, {"companyName": "Acme", "name": "Eve"}]}' AS list \gset
SELECT status, json FROM pg_temp.http(:'key', 'POST', '/intake/csv?platform=phone', :'list', '[["Idempotency-Key", "list-1"]]') \gset list_
SELECT is(:'list_status' || (:'list_json'::jsonb - 'ids' - 'rows')::text, '202{"errors": 2, "accepted": 2, "duplicates": 1}', 'a list is taken in, and bad leads cost only themselves');
SELECT is((SELECT string_agg(r ->> 'line', ',') FROM jsonb_array_elements(:'list_json'::jsonb -> 'rows') r), '2,3,4', 'which are named by their place');
SELECT is((SELECT payload - 'name' FROM sentinel.intake_raw WHERE batch_id IS NOT NULL AND line = 5), '{"platform": "phone", "company_name": "Acme"}', 'members may have other names, defaults fill');
SELECT results_eq('SELECT rows_total, rows_accepted, rows_duplicate, rows_rejected, error FROM sentinel.intake_batches WHERE encoding = ''UTF-8'' AND delimiter IS NULL',
    'VALUES (5, 2, 1, 2, NULL::text)', 'the list is a batch');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/csv', :'list', '[["Idempotency-Key", "list-1"]]')).json, :'list_json'::jsonb, 'the same key again is answered the same');
SELECT is((SELECT count(*) FROM sentinel.intake_batches), 2::bigint, 'and makes no other batch');
SELECT is((SELECT count(*) FROM sentinel.job_waiting w WHERE w.payload ->> 'intake_id' IN (SELECT jsonb_array_elements_text(:'list_json'::jsonb -> 'ids'))), 2::bigint, 'nor other jobs');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/csv', :'list')).json - 'ids' - 'rows', '{"accepted": 0, "duplicates": 3, "errors": 2}', 'without a key they are duplicates');
SELECT is((SELECT count(*) FROM (SELECT (pg_temp.send(:'key', 'POST', '/intake/csv', b.body)).status FROM bodies b) s WHERE s.status = 400), 9::bigint, 'a list that is no JSON is refused');
SELECT is((SELECT count(*) FROM sentinel.intake_batches t JOIN bodies b ON b.body = t.raw JOIN sentinel.intake_raw r ON r.batch_id = t.id AND r.reject_code = 'not_json'
           WHERE t.error LIKE 'the body is no JSON: %'), 9::bigint, 'kept whole as a batch, and named as a row');
SELECT is((SELECT a.status::text || (a.json ->> 'title') FROM pg_temp.http(:'key', 'POST', '/intake/csv', '{"lead": []}') a), '400the body has no array "leads"', 'as is one without leads');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/csv', '{"leads": []}')).json, '{"accepted": 0, "duplicates": 0, "errors": 0, "ids": [], "rows": []}', 'an empty list is one of nothing');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/csv', 'x', '[["Content-Type", "application/pdf"]]')).status, 415, 'a PDF is neither');
SELECT is((SELECT a.status::text || (a.json ->> 'code') FROM pg_temp.http(:'key', 'POST', '/intake/csv', repeat(E'x\n', 100001), '[["Content-Type", "text/csv"]]') a),
    '413too_large', 'a file that cannot be done in time is refused at once, and not after a while as one to try again');
SELECT is((pg_temp.send(:'key', 'POST', '/intake/csv', convert_to(E'Name,Email\nJos\u00e9,jose@gateway-intake.example\n', 'LATIN1'),
    '[["Content-Type", "text/csv; charset=ISO-8859-1"]]')).json -> 'accepted', '1', 'a file in Latin 1 is read when it is said to be');
SELECT is((SELECT payload ->> 'name' FROM sentinel.intake_raw WHERE payload ->> 'email' = 'jose@gateway-intake.example'), U&'Jos\00E9', 'letter by letter');
SELECT is((pg_temp.http(:'key', 'POST', '/intake/csv', E'Name,Email\nZo\u00eb,zoe@gateway-intake.example\n', '[["Content-Type", "application/vnd.ms-excel; charset=latin1"]]')).json -> 'accepted',
    '1', 'and one in UTF-8 whatever is said');
SELECT is((SELECT max_body_bytes FROM sentinel.http_routes WHERE pattern = '/intake/csv'), 10485760, 'ten megabytes are taken');

SELECT * FROM finish();
ROLLBACK;
