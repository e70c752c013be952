-- Room intake: shape, rights, tenants apart, duplicates against every earlier row, no touch of business state.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(47);

SELECT sentinel.create_org('Intake Ltd', 'intake-pgtap') AS org, sentinel.create_org('Other Ltd', 'intake-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Mira', 'mira@intake.example', 'member') AS mira, sentinel.add_member('Vera', 'vera@intake.example', 'viewer') AS vera \gset
CREATE FUNCTION pg_temp.jobs(org uuid) RETURNS bigint LANGUAGE sql AS
    $$ SELECT count(*) FROM sentinel.job_waiting WHERE org_id = org AND job_type = 'process_intake' $$;

-- Shape.
SELECT col_is_pk('sentinel', 'intake_batches', ARRAY['org_id', 'id'], 'batches are keyed by organisation and id');
SELECT col_is_pk('sentinel', 'intake_raw', ARRAY['org_id', 'id'], 'rows too');
SELECT col_is_pk('sentinel', 'intake_fingerprints', ARRAY['org_id', 'key', 'fingerprint'], 'a fingerprint has one holder');
SELECT has_trigger('sentinel', 'intake_raw', 'intake_raw_fingerprints', 'fingerprints are filled by trigger');
SELECT is((SELECT count(*)::integer FROM pg_proc WHERE pronamespace = 'sentinel'::regnamespace
           AND proname ~ '^(normalize_(email|phone|domain|profile_url|company)$|fingerprint)' AND provolatile = 'i' AND proparallel = 's'),
          11, 'normalisers and fingerprints are immutable and parallel safe');
SELECT is((SELECT array_agg(DISTINCT c.field ORDER BY c.field) @> ARRAY['company_name', 'domain', 'email', 'name', 'phone', 'profile_link']
           FROM sentinel.csv_columns c), true, 'every identifying field has aliases');
SELECT is((SELECT count(*)::integer FROM sentinel.csv_columns c WHERE sentinel.column_key(c.alias) <> c.alias), 0,
          'aliases are written as headers are compared');

-- A row comes in: kept, fingerprinted, queued, and nothing else.
SELECT sentinel.enter(:'org');
SELECT * FROM sentinel.intake('form', '{"name": "Ann Lee", "email": "Ann.Lee@gmail.com", "phone": "+1 202 555 0143", "url": "linkedin.com/in/annlee"}') \gset
SELECT is(:'state'::text, 'waiting', 'a new row waits');
SELECT is(pg_temp.jobs(:'org'), 1::bigint, 'its job is queued');
SELECT is((SELECT (r.fingerprint, r.fingerprint_email, r.fingerprint_profile, r.fingerprint_phone)::text FROM sentinel.intake_raw r WHERE r.id = :'intake_id'),
          (SELECT (sentinel.fingerprint(:'org', 'ann.lee@gmail.com', NULL, 'linkedin.com/in/annlee'), sentinel.fingerprint_email(:'org', 'annlee@gmail.com'),
                   sentinel.fingerprint_profile(:'org', 'linkedin.com/in/annlee'), sentinel.fingerprint_phone(:'org', '+12025550143', 'ann lee'))::text),
          'the trigger computes what the functions do');
SELECT is((SELECT count(*)::integer FROM sentinel.intake_fingerprints WHERE org_id = :'org'), 4, 'it holds four fingerprints');
SELECT is((SELECT count(*)::integer FROM sentinel.leads WHERE org_id = :'org'), 0, 'intake makes no lead');

-- Duplicates by each key, in any source, waiting and processed alike.
SELECT results_eq($$SELECT state, duplicate_key FROM sentinel.intake('webhook', '{"email": "annlee+x@googlemail.com"}')$$,
                  $$VALUES ('duplicate'::text, 'email'::text)$$, 'by mailbox');
SELECT results_eq($$SELECT state, duplicate_key FROM sentinel.intake('webhook', '{"link": "https://uk.linkedin.com/in/AnnLee/"}')$$,
                  $$VALUES ('duplicate'::text, 'profile_link'::text)$$, 'by profile');
SELECT results_eq($$SELECT state, duplicate_key FROM sentinel.intake('webhook', '{"name": "ann  lee", "phone": "(202) 555-0143"}')$$,
                  $$VALUES ('duplicate'::text, 'phone'::text)$$, 'by telephone with the name');
SELECT results_eq($$SELECT state, duplicate_key FROM sentinel.intake('webhook', '{"name": "Bob Ray", "phone": "(202) 555-0143"}')$$,
                  $$VALUES ('waiting'::text, NULL::text)$$, 'a telephone with another name is another person');
SELECT results_eq($$SELECT state, duplicate_key FROM sentinel.intake('sql', '{"name": "Other", "email": "ann.lee@gmail.com", "url": "linkedin.com/in/annlee"}')$$,
                  $$VALUES ('duplicate'::text, 'combined'::text)$$, 'by all of them');
SELECT is((SELECT count(DISTINCT duplicate_of)::integer FROM sentinel.intake_raw WHERE org_id = :'org' AND state = 'duplicate'), 1, 'all point to the first');
UPDATE sentinel.intake_raw SET state = 'processed' WHERE id = :'intake_id';
SELECT is((SELECT state FROM sentinel.intake('form', '{"email": "ann.lee@gmail.com"}')), 'duplicate', 'a processed row still counts');
SELECT is(pg_temp.jobs(:'org'), 2::bigint, 'duplicates queue nothing');

-- What identifies nobody.
SELECT results_eq($$SELECT state FROM sentinel.intake('form', '{"name": "Kim", "company": "Acme"}')$$, $$VALUES ('waiting'::text)$$, 'a name is enough');
SELECT results_eq($$SELECT state, duplicate_key FROM sentinel.intake('form', '{"name": "KIM ", "company": "acme"}')$$,
                  $$VALUES ('duplicate'::text, 'combined'::text)$$, 'the same name and company again is a duplicate');
SELECT results_eq($$SELECT state FROM sentinel.intake('form', '{"name": "Kim", "company": "Other"}')$$, $$VALUES ('waiting'::text)$$, 'another company is not');
SELECT is((SELECT count(*)::integer FROM sentinel.intake_raw WHERE org_id = :'org' AND fingerprint LIKE 'n:%' AND payload ->> 'name' ILIKE 'kim'), 3, 'their fingerprint is marked n:');
SELECT results_eq($$SELECT state FROM sentinel.intake('form', '{"name": "Uma", "website": "shared.example"}')$$, $$VALUES ('waiting'::text)$$, 'first of a domain');
SELECT results_eq($$SELECT state FROM sentinel.intake('form', '{"name": "Vic", "website": "shared.example"}')$$, $$VALUES ('waiting'::text)$$, 'a colleague is no duplicate');

-- A set is settled at once, and points to first rows only.
SELECT results_eq($$SELECT line, state, duplicate_key FROM sentinel.intake_csv(E'name,email,url\nA,a@set.example,\nA,a@set.example,x.com/a\nB,,x.com/a\nC,c@set.example,\n')$$,
    $$VALUES (2, 'waiting', NULL), (3, 'duplicate', 'email'), (4, 'duplicate', 'profile_link'), (5, 'waiting', NULL)$$, 'a chain within one file');
SELECT is((SELECT count(*)::integer FROM sentinel.intake_raw d JOIN sentinel.intake_raw f ON f.org_id = d.org_id AND f.id = d.duplicate_of
           WHERE d.org_id = :'org' AND f.state = 'duplicate'), 0, 'no duplicate of a duplicate');
SELECT is((SELECT (rows_total, rows_accepted, rows_duplicate, rows_rejected)::text FROM sentinel.intake_batches WHERE org_id = :'org'), '(4,2,2,0)', 'the batch counts');
SELECT is((SELECT state FROM sentinel.intake('form', '{"email": "c@set.example"}')), 'duplicate', 'a form finds a row of a file');

-- Deleting a row frees its fingerprints.
DELETE FROM sentinel.intake_raw WHERE org_id = :'org' AND payload ->> 'email' = 'c@set.example';
SELECT is((SELECT state FROM sentinel.intake('form', '{"email": "c@set.example"}')), 'waiting', 'who was erased may come again');
SELECT is((SELECT count(*)::integer FROM sentinel.intake_fingerprints f WHERE f.org_id = :'org' AND NOT EXISTS (
    SELECT FROM sentinel.intake_raw r WHERE r.org_id = f.org_id AND r.id = f.intake_id)), 0, 'no fingerprint without its row');

-- Tenants are apart.
SELECT sentinel.enter(:'other');
SELECT is((SELECT state FROM sentinel.intake('form', '{"email": "ann.lee@gmail.com"}')), 'waiting', 'another organisation knows nothing of the first');
SET LOCAL ROLE sentinel_owner;
SELECT is((SELECT count(*)::integer FROM sentinel.intake_raw), 1, 'and sees its own row only');
RESET ROLE;
SELECT sentinel.leave();
SELECT throws_ok($$SELECT sentinel.intake('form', '{}')$$, 'SN002', NULL, 'no intake without an organisation');

-- Rights.
SELECT sentinel.enter(:'org', :'mira');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT state FROM sentinel.intake('form', '{"email": "by@member.example"}')), 'waiting', 'a member brings rows in');
SELECT is((SELECT state FROM sentinel.intake_csv(E'email\nfile@member.example')), 'waiting', 'and files');
SELECT throws_ok($$INSERT INTO sentinel.intake_raw (org_id, source, payload) VALUES (sentinel.current_org(), 'x', '{}')$$, '42501', NULL, 'but not past the functions');
SELECT throws_ok($$SELECT sentinel.settle_intake(sentinel.current_org(), '{}')$$, '42501', NULL, 'whose steps are not for callers');
RESET ROLE;
SELECT sentinel.enter(:'org', :'vera');
SET LOCAL ROLE sentinel_member;
SELECT throws_ok($$SELECT sentinel.intake('form', '{"name": "x"}')$$, 'SN003', 'a viewer only reads', 'a viewer brings in nothing');
SELECT throws_ok($$SELECT * FROM sentinel.intake_csv('name')$$, 'SN003', NULL, 'at files too');
RESET ROLE;
SELECT sentinel.enter(:'org');
SET LOCAL ROLE sentinel_gateway;
SELECT is((SELECT state FROM sentinel.intake('webhook', '{"email": "by@gateway.example"}')), 'waiting', 'the gateway brings rows in');
SELECT throws_ok($$SELECT FROM sentinel.intake_raw$$, '42501', NULL, 'and reads none');
SET LOCAL ROLE sentinel_reader;
SELECT throws_ok($$SELECT sentinel.intake('webhook', '{}')$$, '42501', NULL, 'a reader brings nothing in');
RESET ROLE;

-- Raw functions answer to anything.
SELECT is((SELECT count(*)::integer FROM sentinel.parse_csv('')), 0, 'an empty file has no rows');
SELECT is((SELECT array_agg(code) FROM sentinel.parse_csv('\x22')), ARRAY['unclosed_quote'], 'a lone quote is a broken header');
SELECT is(sentinel.csv_format(convert_to(E'a;b\n', 'UTF8')), ARRAY[';', 'UTF-8'], 'the format is told');
SELECT * FROM finish();
ROLLBACK;
