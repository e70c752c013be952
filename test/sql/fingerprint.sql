-- Values of the normalisers and fingerprints.
\pset null (null)
\set org '''0190b1f2-0000-7000-8000-000000000001'''

SELECT address, sentinel.normalize_email(address)
FROM unnest(ARRAY['  Jane.Doe+news@GoogleMail.com ', 'j.d+x@firm.example', 'J.Doe+x@Outlook.com', 'me+a@icloud.com',
                  'tag@user.fastmail.com', 'j-d_o.e@pm.me', 'jane-doe@ya.ru', 'base-keyword@yahoo.com',
                  '123+login@users.noreply.github.com', 'mailto:jane@example.com?subject=Hi', 'Jane <Jane@Example.com>',
                  'josé@müller.de', '+x@gmail.com', 'jane', 'jane@', '@example.com', 'jane@localhost', 'jane@1.2.3.4',
                  'a@x.com; b@x.com', 'jane doe@example.com', '']) AS address;

SELECT phone, sentinel.normalize_phone(phone), sentinel.normalize_phone(phone, '44') AS british
FROM unnest(ARRAY['+44 (0)20 7946 0958', '0044 20 7946 0958', '020 7946 0958', '020 7946 0958 ext. 5', '(202) 555-0143',
                  '1-800-FLOWERS', '020 7946 0958 / 020 7946 0959', '4.47911E+11', '0000000', '12345', 'n/a']) AS phone;

SELECT address, sentinel.normalize_domain(address), sentinel.normalize_profile_url(address)
FROM unnest(ARRAY['https://www.Acme.com:8443/about?x=1', 'jane@acme.com', 'müller.de.', 'http://localhost/x', '10.0.0.1', 'acme',
                  'https://uk.linkedin.com/in/Jane-Doe/de?trk=x', 'linkedin.com/pub/jane/1/2/3', 'https://twitter.com/Jane/status/1',
                  'https://www.facebook.com/profile.php?id=12', 'linkedin.com/company/Acme', '@jane']) AS address;

SELECT company, sentinel.normalize_company(company)
FROM unnest(ARRAY['Acme, Inc.', 'The Acme Corporation', 'Müller & Söhne GmbH & Co. KG', 'Société Générale S.A.', 'J. P. Morgan Chase & Co.',
                  'Grupo Ejemplo S.A. de C.V.', 'Co', '---']) AS company;

-- Strict: null in, null out. Immutable and parallel safe, as indexes and parallel plans need.
SELECT sentinel.normalize_email(NULL), sentinel.normalize_phone(NULL), sentinel.normalize_domain(NULL),
       sentinel.normalize_profile_url(NULL), sentinel.normalize_company(NULL);
SELECT DISTINCT p.provolatile, p.proparallel, p.proisstrict FROM pg_proc p
WHERE p.pronamespace = 'sentinel'::regnamespace AND p.proname LIKE 'normalize%';

-- The combined fingerprint is SHA-256 of org|email|domain|profile_link, and the server's own agrees.
SELECT sentinel.fingerprint(:org, ' A@B.de ', 'B.DE', NULL) = encode(sha256(convert_to(:org || '|a@b.de|b.de|', 'UTF8')), 'hex') AS combined,
       sentinel.fingerprint(:org, NULL, NULL, 'linkedin.com/in/ÄÖ') = encode(sha256(convert_to(:org || '|||linkedin.com/in/äö', 'UTF8')), 'hex') AS profile,
       sentinel.fingerprint(:org, NULL, ' ', '') AS nothing,
       sentinel.fingerprint(NULL, 'a@b.de', NULL, NULL) AS nobody,
       sentinel.fingerprint_anonymous(:org, 'Jane', NULL, 'Acme') = 'n:' || encode(sha256(convert_to(:org || '|jane||acme', 'UTF8')), 'hex') AS anonymous,
       sentinel.fingerprint_anonymous(:org, NULL, '', NULL) AS empty;
SELECT sentinel.fingerprint_email(:org, 'j.doe+x@gmail.com') = sentinel.fingerprint_email(:org, 'JDoe@googlemail.com') AS one_mailbox,
       sentinel.fingerprint_email(:org, 'a@b.de') <> sentinel.fingerprint_email('0190b1f2-0000-7000-8000-000000000002', 'a@b.de') AS per_organisation,
       sentinel.fingerprint_email(:org, 'jane') AS no_address,
       sentinel.fingerprint_profile(:org, 'https://linkedin.com/company/acme') AS company_page,
       sentinel.fingerprint_phone(:org, '+44 20 7946 0958', 'Jané Doe') = sentinel.fingerprint_phone(:org, '020 7946 0958', ' jane  doe') AS one_phone,
       sentinel.fingerprint_phone(:org, '+44 20 7946 0958', NULL) AS office_phone;

-- Any text goes through without an error, and normalising twice changes nothing.
SELECT count(*) AS texts,
       count(*) FILTER (WHERE sentinel.normalize_email(e) <> e OR sentinel.normalize_phone(p) <> p OR sentinel.normalize_domain(d) <> d
                        OR sentinel.normalize_profile_url(u) <> u OR sentinel.normalize_company(c) <> c) AS unstable
FROM (SELECT sentinel.normalize_email(t) e, sentinel.normalize_phone(t) p, sentinel.normalize_domain(t) d,
             sentinel.normalize_profile_url('https://x.com/' || t) u, sentinel.normalize_company(t) c
      FROM (SELECT string_agg(chr(1 + (hashtextextended(n || ':' || i, 7) & 8191)::integer % 767), '') || '@Ab.de' AS t
            FROM generate_series(1, 2000) n, generate_series(1, 12) i GROUP BY n) texts) normal;
