-- Room gateway: what the database seals, signs and checks, seen from SQL. The algorithms are tested in test/core.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(58);

-- A key file outlives the transaction: an earlier run may have made it.
DO $$
BEGIN
    IF NOT sentinel.server_key_ready() THEN
        PERFORM sentinel.create_server_key();
    END IF;
END
$$;
SELECT ok(sentinel.server_key_ready(), 'the server has its key');
SELECT throws_like('SELECT sentinel.create_server_key()', 'the key file % is there already', 'which is never overwritten');
SELECT is((SELECT s.context FROM pg_settings s WHERE s.name = 'sentinel.key_file'), 'sighup', 'the path of the key file comes from the configuration');
SELECT throws_ok('SET sentinel.key_file = ''/tmp/x''', '55P02', NULL, 'and not from a session');

-- Who may.
CREATE TEMP VIEW crypto AS
    SELECT p.oid, p.proname FROM pg_proc p WHERE p.pronamespace = 'sentinel'::regnamespace AND p.proname IN (
        'create_server_key', 'server_key_ready', 'seal_server_secret', 'sign_token', 'verify_token', 'password_digest',
        'token_digest', 'equal_bytes', 'random_token', 'new_api_key', 'api_key_wellformed', 'totp_secret', 'totp_step',
        'verify_id_token', 'webhook_fault');
SELECT is((SELECT count(*) FROM crypto), 15::bigint, 'all functions are there');
SELECT is_empty($$SELECT c.proname, r.rolname FROM crypto c, pg_roles r WHERE r.rolname IN ('sentinel_reader', 'sentinel_member',
        'sentinel_operator', 'sentinel_worker', 'sentinel_gateway', 'sentinel_admin') AND has_function_privilege(r.rolname, c.oid, 'EXECUTE')$$,
    'none of them is for clients');
SELECT is_empty($$SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'sentinel'::regnamespace AND p.proname ~ '(open|unseal|decrypt).*(secret|key)'$$,
    'and none opens a sealed secret');
SET LOCAL ROLE sentinel_engine;
SELECT throws_ok('SELECT sentinel.create_server_key()', 'SN003', NULL, 'only superusers make the key');
SELECT lives_ok('SELECT sentinel.random_token()', 'the engine uses the rest');
SELECT throws_ok('SHOW sentinel.key_file', '42501', NULL, 'and does not see where the key is');
RESET ROLE;

-- Sealing.
\set org '\'0190aaaa-0000-7000-8000-000000000001\'::uuid'
\set other '\'0190aaaa-0000-7000-8000-000000000002\'::uuid'
\set source '\'0190aaaa-0000-7000-8000-000000000003\'::uuid'
\set nil '\'00000000-0000-0000-0000-000000000000\'::uuid'
SELECT is(length(sentinel.seal_server_secret(:nil, 'jwt', :nil, 1, 'secret')), 40, 'an envelope is 34 bytes longer than what it holds');
SELECT isnt(sentinel.seal_server_secret(:nil, 'jwt', :nil, 1, 'secret'), sentinel.seal_server_secret(:nil, 'jwt', :nil, 1, 'secret'),
    'no two are alike');
SELECT throws_ok(format('SELECT sentinel.seal_server_secret(%L, ''webhook'', %L, 1, NULL)', :org, :source), 'SN007', NULL, 'nothing is no secret');
SELECT throws_ok(format('SELECT sentinel.seal_server_secret(%L, ''webhook'', %L, 1, '''')', :org, :source), 'SN007', NULL, 'nor is an empty one');
SELECT throws_ok(format('SELECT sentinel.seal_server_secret(%L, ''A b'', %L, 1, ''x'')', :org, :source), 'SN007', NULL, 'a purpose is a plain word');

-- Tokens.
SELECT sentinel.sign_token('{"sub": "m1", "aud": "session", "exp": 1764000600, "nbf": 1764000000}') AS token \gset
\set moment 'to_timestamp(1764000000)'
SELECT is(sentinel.verify_token(:'token', 'session', :moment), '{"sub": "m1", "aud": "session", "exp": 1764000600, "nbf": 1764000000}',
    'a token gives back its claims');
SELECT is(sentinel.verify_token(:'token', 'api', :moment), NULL, 'to its audience');
SELECT is(sentinel.verify_token(:'token', 'session', :moment + interval '10 minutes'), NULL, 'until it expires');
SELECT isnt(sentinel.verify_token(:'token', 'session', :moment - interval '30 s'), NULL, 'from its beginning, with some skew');
SELECT is(sentinel.verify_token(:'token', 'session', :moment - interval '31 s'), NULL, 'and not before');
SELECT is(sentinel.verify_token(:'token', 'session', 'infinity'), NULL, 'at no moment that is none');
SELECT is(sentinel.verify_token(overlay(:'token' PLACING 'A' FROM length(:'token') - 5 FOR 1), 'session', :moment)
          IS NULL AND sentinel.verify_token(overlay(:'token' PLACING 'B' FROM length(:'token') - 5 FOR 1), 'session', :moment) IS NULL,
    true, 'and not when it was changed');
SELECT is(count(sentinel.verify_token(bad, 'session', :moment)), 0::bigint, 'nonsense is no token')
    FROM unnest(ARRAY['', '.', '..', 'a.b.c', repeat('a', 5000), 'eyJhbGciOiJub25lIn0.e30.', chr(228) || '.b.c']) bad;
SELECT is((SELECT convert_from(decode(rpad(h, (length(h) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb - 'kid'
           FROM translate(split_part(:'token', '.', 1), '-_', '+/') h),
    '{"alg": "HS256", "typ": "JWT"}', 'the header says what it is');
SELECT throws_ok($$SELECT sentinel.sign_token('{"sub": "m1"}')$$, 'SN007', NULL, 'a token that never ends is not signed');
SELECT throws_ok($$SELECT sentinel.sign_token('[]')$$, 'SN007', NULL, 'nor is what is no set of claims');

-- Passwords, digests, random values.
SELECT matches(sentinel.password_digest('correct horse'), '^[0-9]{1,10}:[A-Za-z0-9+/]{43}=$', 'a password is keyed');
SELECT is(sentinel.password_digest('correct horse', split_part(sentinel.password_digest('correct horse'), ':', 1)::bigint),
    sentinel.password_digest('correct horse'), 'and keyed again by the same key');
SELECT isnt(sentinel.password_digest(repeat('x', 72) || 'a'), sentinel.password_digest(repeat('x', 72) || 'b'), 'in all its length');
SELECT is(sentinel.password_digest('correct horse', 4294967295), NULL, 'an unknown key gives nothing');
SELECT is(sentinel.password_digest('correct horse', -1), NULL, 'nor does a number that is no key id');
SELECT is(public.crypt(sentinel.password_digest('correct horse'), h), h, 'bcrypt takes it') FROM public.crypt(
    sentinel.password_digest('correct horse'), public.gen_salt('bf', 4)) h;
SELECT is(sentinel.token_digest('abc'), sha256('abc'), 'a token is stored as SHA-256');
SELECT ok(sentinel.equal_bytes('abc', 'abc'), 'equal bytes are equal');
SELECT is(ARRAY[sentinel.equal_bytes('abc', 'abd'), sentinel.equal_bytes('abc', 'abcd'), sentinel.equal_bytes('', NULL),
                sentinel.equal_bytes(NULL, NULL)], ARRAY[false, false, false, false], 'and nothing else is');
SELECT matches(sentinel.random_token(), '^[A-Za-z0-9_-]{43}$', 'a random token is base64url');
SELECT is(length(sentinel.random_token(16)), 22, 'of the size that was asked for');
SELECT throws_ok('SELECT sentinel.random_token(15)', '22023', NULL, 'within limits');
SELECT is((SELECT count(DISTINCT sentinel.random_token(16 + n * 0)) FROM generate_series(1, 100) n), 100::bigint, 'no two are alike');
SELECT matches(k.secret, '^' || k.prefix || '_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$', 'an API key begins with its prefix') FROM sentinel.new_api_key() k;
SELECT ok(sentinel.api_key_wellformed(k.secret) AND NOT sentinel.api_key_wellformed(translate(k.secret, '0123456789', '1234567890'))
          AND NOT sentinel.api_key_wellformed(k.prefix) AND NOT sentinel.api_key_wellformed(NULL), 'and is known by its checksum')
    FROM (SELECT n.secret, n.prefix FROM generate_series(1, 5), sentinel.new_api_key() n WHERE n.secret ~ '[0-9]' LIMIT 1) k;

-- One-time codes: the vector of RFC 6238 at 59 s.
SELECT sentinel.seal_server_secret(:org, 'totp', :source, 1, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ') AS sealed \gset
\set at59 'to_timestamp(59)'
SELECT is(sentinel.totp_step(:'sealed', :org, :source, 1, '287082', :at59), 1::bigint, 'a code belongs to its step');
SELECT is(sentinel.totp_step(:'sealed', :org, :source, 1, '287082', :at59 + interval '30 s'), 1::bigint, 'or to the one before');
SELECT is(sentinel.totp_step(:'sealed', :org, :source, 1, '287082', :at59 + interval '61 s'), NULL, 'and not to an older one');
SELECT is(sentinel.totp_step(:'sealed', :org, :source, 1, '287083', :at59), NULL, 'a wrong code to none');
SELECT is(ARRAY[sentinel.totp_step(:'sealed', :other, :source, 1, '287082', :at59), sentinel.totp_step(:'sealed', :org, :other, 1, '287082', :at59),
                sentinel.totp_step(:'sealed', :org, :source, 2, '287082', :at59), sentinel.totp_step('', :org, :source, 1, '287082', :at59)],
    ARRAY[NULL, NULL, NULL, NULL]::bigint[], 'the secret opens in its own place only');
SELECT matches(sentinel.totp_secret(), '^[A-Z2-7]{32}$', 'a new secret is base32');

-- ID tokens: one signed with a throw-away key, valid for ten minutes of 2025.
\set id_token '\'eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoidTEiLCJhdWQiOiJjbGllbnQiLCJleHAiOjE3NjQwMDA2MDAsImlhdCI6MTc2NDAwMDAwMCwibm9uY2UiOiJuIn0.DCpO-O8JaQEIebr1YKPEn5qEk_IYS3P8rYLcKTddwYVlsDGU25fxsn1uTazx187YtFRfeuouYF7gCtYsrJ1i_Vh08liIZ6vXrDlrXKht5vZK7mP0P21748SD8lf7jOimmXMjSqME1ykUQJUjXBtqfQPhCMGRIQfYLZ_fufmSJ8VugZfvpWTOAldZVtf7pBme_F2B3S4u3stq9IeaTHXFUop-Lw8YgZNE2wN_1FUds-gztbHye3brFgq1b2ZsKhRbsIXieyw9hFoCZ1k-sswNf2ZM-MxHndPDyl1VT8dKBTFaLQ48LAHvfx9poZiV_t5Um-8XOeGorE9D6I2oVbnZQg\''
\set jwks '\'{"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": "vKRjManVErdN0m4xJZb_vbd7mDzjQZZ4dh8cgctcRukn2eK8pWukiU5vKxvqWkwvkwO0f5sCu2RA3T9m4vSImKmgyf4FAHdQ4KhMs9KhR3LtUaxczseSU1_gS87iJhyGxLCcQbvpGbT8gMVoqLFqtG-DEf5oQ6RMlzY2vhuryDIcsRS2a-YtH8oDXpFDcttER5tDyWaFsMIF9rSJ5yT1TDQY73bdKa-7JD2xA9r1FOFSv_PYaA7eN-11kJzhm5dBqIxn6r0aL5nxNa8qU_c0FLfrCOdKr_Mz3gRczY2cGYPEx10kyWymu9RlGfnjt54jHvtHzDx9SssHxaDGpHDCfw", "e": "AQAB"}]}\''
SELECT is(sentinel.verify_id_token(:id_token, :jwks, 'https://id.example.com', 'client', :moment),
    '{"iss": "https://id.example.com", "sub": "u1", "aud": "client", "exp": 1764000600, "iat": 1764000000, "nonce": "n"}', 'an ID token gives its claims');
SELECT is(ARRAY[sentinel.verify_id_token(:id_token, :jwks, 'https://id.example.org', 'client', :moment),
                sentinel.verify_id_token(:id_token, :jwks, 'https://id.example.com', 'another', :moment),
                sentinel.verify_id_token(:id_token, :jwks, 'https://id.example.com', 'client', :moment + interval '10 minutes 30 s'),
                sentinel.verify_id_token(:id_token, '{"keys": []}', 'https://id.example.com', 'client', :moment),
                sentinel.verify_id_token(replace(:id_token, '.', '.e'), :jwks, 'https://id.example.com', 'client', :moment),
                sentinel.verify_id_token('eyJhbGciOiJub25lIn0.e30.', :jwks, 'https://id.example.com', 'client', :moment)],
    array_fill(NULL::jsonb, ARRAY[6]), 'to nobody else, at no other time, by no other key');

-- Webhooks: GitHub's own example.
SELECT ARRAY[sentinel.seal_server_secret(:org, 'webhook', :source, 1, 'an older key'),
             sentinel.seal_server_secret(:org, 'webhook', :source, 2, 'It''s a Secret to Everybody')]::text AS keys \gset
\set signature '\'[["x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"]]\''
SELECT is(sentinel.webhook_fault('github', :'keys', :org, :source, '{1,2}', 'POST', '', :signature, 'Hello, World!', :moment), NULL,
    'a signed webhook is authentic');
SELECT is(sentinel.webhook_fault('github', :'keys', :org, :source, '{1,2}', 'POST', '', :signature, 'Hello, World?', :moment), 'bad_signature',
    'a changed one is not');
SELECT is(sentinel.webhook_fault('github', :'keys', :org, :source, '{1,2}', 'POST', '', '[]', 'Hello, World!', :moment), 'missing_signature',
    'nor is an unsigned one');
SELECT is(sentinel.webhook_fault('github', (:'keys'::bytea[])[:1], :org, :source, '{1}', 'POST', '', :signature, 'Hello, World!', :moment),
    'bad_signature', 'one key alone does not know what the other signed');
SELECT is(ARRAY[sentinel.webhook_fault('github', :'keys', :other, :source, '{1,2}', 'POST', '', :signature, 'Hello, World!', :moment),
                sentinel.webhook_fault('github', :'keys', :org, :other, '{1,2}', 'POST', '', :signature, 'Hello, World!', :moment),
                sentinel.webhook_fault('github', :'keys', :org, :source, '{2,1}', 'POST', '', :signature, 'Hello, World!', :moment),
                sentinel.webhook_fault('github', '{NULL}', :org, :source, '{1}', 'POST', '', :signature, 'Hello, World!', :moment),
                sentinel.webhook_fault('github', '{}', :org, :source, '{}', 'POST', '', :signature, 'Hello, World!', :moment),
                sentinel.webhook_fault('github', NULL, :org, :source, NULL, 'POST', '', :signature, 'Hello, World!', :moment)],
    array_fill('no_key'::text, ARRAY[6]), 'keys open in their own place only');
SELECT is((SELECT array_agg(coalesce(sentinel.webhook_fault('github', :'keys', :org, :source, '{1,2}', 'POST', '', h, 'Hello, World!', :moment), 'authentic'))
           FROM unnest(ARRAY['{}', '1', '["a"]', '[["a"]]', '[["a", 1]]', '[["a", "b", "c"]]', '[{"a": "b"}]', NULL]::jsonb[]) h),
    array_fill('malformed'::text, ARRAY[8]), 'headers are pairs of texts');
SELECT is(ARRAY[sentinel.webhook_fault('github', :'keys', :org, :source, '{1,2}', NULL, '', :signature, 'Hello, World!', :moment),
                sentinel.webhook_fault('github', :'keys', :org, :source, '{1,2}', 'POST', '', :signature, 'Hello, World!', NULL),
                sentinel.webhook_fault(NULL, :'keys', :org, :source, '{1,2}', 'POST', '', :signature, 'Hello, World!', :moment),
                sentinel.webhook_fault('github', :'keys', :org, :source, '{1,2}', 'POST', '', :signature, NULL, :moment)],
    ARRAY['malformed', 'malformed', 'malformed', 'bad_signature'], 'what is missing never makes a webhook authentic');
SELECT throws_ok(format('SELECT sentinel.webhook_fault(''unheard_of'', %L, %L, %L, ''{1,2}'', ''POST'', '''', ''[]'', '''', now())', :'keys', :org, :source),
    'SN007', NULL, 'a scheme is one of those that are known');
SELECT throws_ok(format('SELECT sentinel.webhook_fault(''github'', %L, %L, %L, ''{1}'', ''POST'', '''', ''[]'', '''', now())', :'keys', :org, :source),
    '22023', NULL, 'each key has its version');

SELECT * FROM finish();
ROLLBACK;
