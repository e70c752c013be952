-- Forty files, damaged in as many ways: good rows land, bad rows are reported with line and reason, nothing is lost.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT count(*) > 0 AS installed FROM sentinel.install();
SELECT sentinel.create_org('Intake Ltd', 'intake-regress') AS org \gset
SELECT sentinel.intake_csv('name');
SELECT sentinel.intake('form', '{}');
SELECT sentinel.enter(:'org', session => true);

CREATE FUNCTION pg_temp.utf16(content text) RETURNS bytea LANGUAGE sql AS
    $$ SELECT decode(regexp_replace(encode(convert_to(content, 'LATIN1'), 'hex'), '(..)', '\100', 'g'), 'hex') $$;
CREATE TEMP TABLE damage (n serial, what text, file bytea);
INSERT INTO damage (what, file) VALUES
    ('empty file', ''),
    ('header only', 'name,email'),
    ('blank lines only', E'\n\n  \n,,\n'),
    ('Windows-1252', '\x6e616d652c656d61696c0a4dfc6c6c65722c61406578616d706c652e636f6d0a416e6e2c616e6e40342e6578616d706c650a'),
    ('UTF-16 with mark', '\xfffe' || pg_temp.utf16(E'name,email\r\nJörg,joerg@5.example\r\n')),
    ('UTF-16 without mark, cut in two', substr(pg_temp.utf16(E'name,email\nÄnne,aenne@6.example\nHalf,half@6.example'), 1, 95)),
    ('UTF-8 with mark', '\xefbbbf' || convert_to(E'Name,E-Mail\nBoé,boe@7.example\n', 'UTF8')),
    ('NUL byte', '\x6e616d652c656d61696c0a610062632c6e756c40382e6578616d706c650a4f6c652c6f6c6540382e6578616d706c650a'),
    ('cell of 10 MB', convert_to(E'name,notes\nBig,' || repeat('x', 10485760) || E'\n"Small","fits"\n', 'UTF8')),
    ('unclosed quote', convert_to(E'name,email\n"Open,open@10.example\nNext,next@10.example\nLast,last@10.example\n', 'UTF8')),
    ('unclosed quote, other quotes behind', convert_to(E'name,company\n"Open,Acme\nNext,"Beta, Inc"\nLast,"Gamma"\n', 'UTF8')),
    ('text behind a quote', convert_to(E'name,email\n"Jane" Doe,jane@12.example\nJoe,joe@12.example\n', 'UTF8')),
    ('header twice', convert_to(E'name,email,email\nTwice,one@13.example,two@13.example\n', 'UTF8')),
    ('unknown columns', convert_to(E'name,Shoe size,,email\nShoe,46,x,shoe@14.example\n', 'UTF8')),
    ('no known column', convert_to(E'foo,bar\n1,2\n', 'UTF8')),
    ('e-mail without @', convert_to(E'name,email\nBad,jane.example.com\nGood,good@16.example\n', 'UTF8')),
    ('two e-mails', convert_to(E'name,email\nBad,"a@17.example, b@17.example"\nGood,good@17.example\n', 'UTF8')),
    ('e-mail placeholders', convert_to(E'name,email\nDash A,-\nDash B,n/a\n', 'UTF8')),
    ('year 0', convert_to(E'name,created_at\nZero,0000-01-01\nOne,0001-01-01\nNow,2026-03-31\n', 'UTF8')),
    ('years outside', convert_to(E'name,created\nEarly,31.12.1899\nLate,2101-01-01\nLast,2100-12-31\n', 'UTF8')),
    ('no day of the calendar', convert_to(E'name,date\nLeap,2026-02-29\nWord,soon\nFine,31 Mar 2026\n', 'UTF8')),
    ('two possible days', convert_to(E'name,date\nWhich,03/04/2026\nSure,13/04/2026\n', 'UTF8')),
    ('too many columns', convert_to(E'name,email\nMore,more@23.example,x\nPadded,padded@23.example,,\n', 'UTF8')),
    ('too few columns', convert_to(E'name,email,phone\nLess,less@24.example\nFull,full@24.example,\n', 'UTF8')),
    ('negative count', convert_to(E'name,employees\nMinus,-5\nMany,many\nRange,11-50\nThousand,"1,200"\n', 'UTF8')),
    ('negative money', convert_to(E'name,amount\nMinus money,-1.00\nBrackets,(500)\nWord money,lots\nEuro,"1.234,50 €"\n', 'UTF8')),
    ('overlong text', convert_to(E'name,email\n' || repeat('x', 1001) || E',long@27.example\n' || repeat('é', 1000) || E',just@27.example\n', 'UTF8')),
    ('nobody', convert_to(E'name,company\n,Acme\nSomebody,Acme\n', 'UTF8')),
    ('semicolons, CRLF', convert_to(E'name;email;notes\r\nSemi;semi@29.example;"a;b"\r\n', 'UTF8')),
    ('tabs', convert_to(E'name\temail\nTab\ttab@30.example\n', 'UTF8')),
    ('CR line ends', convert_to(E'name,email\rOld Mac,mac@31.example\rTwo,two@31.example', 'UTF8')),
    ('line breaks in quotes', convert_to(E'name,email,notes\nLines,lines@32.example,"one\r\ntwo ""2""\n"\nAfter,after@32.example,\n', 'UTF8')),
    ('blanks around quotes', convert_to(E'name, email\n "Blank" , "blank@33.example" \n', 'UTF8')),
    ('sep= line', convert_to(E'sep=;\nname;email\nSep;sep@34.example\n', 'UTF8')),
    ('broken header', convert_to(E'"name,email\nJane,jane@35.example\n', 'UTF8')),
    ('duplicates in one file', convert_to(E'name,email,phone,linkedin\nJohn Dup,john.dup@gmail.com,+1 202 555 0143,\nJ Dup,JohnDup+crm@googlemail.com,,\n'
        'John Dup,,(202) 555-0143,\nAnother,,(202) 555-0143,\nLinked,,,linkedin.com/in/dup\nLinked II,,,https://www.linkedin.com/in/Dup/\n', 'UTF8')),
    ('chain of duplicates', convert_to(E'name,email,linkedin\nChain,chain@37.example,\nChain,chain@37.example,linkedin.com/in/chain\nOther,,linkedin.com/in/chain\n', 'UTF8')),
    ('people of one domain', convert_to(E'name,website\nAda,firm38.example\nBob,firm38.example\nAda,firm38.example\n', 'UTF8')),
    ('hostile text', convert_to(E'name,email,notes\n=cmd|calc,formula@39.example,"''); DROP TABLE leads; --"\n<b>x</b>,html@39.example,\\N\n', 'UTF8')),
    ('binary', '\x89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de'),
    ('end-of-file mark', convert_to(E'name\nDos', 'UTF8') || '\x1a'),
    ('null', NULL);

CREATE TEMP TABLE taken AS
    SELECT d.n, d.what, t.* FROM (SELECT * FROM damage ORDER BY n) d LEFT JOIN LATERAL sentinel.intake_csv(d.file) t ON true;

SELECT t.n, t.what, t.line, t.state, t.duplicate_key AS key, r.reject_code AS code
FROM taken t LEFT JOIN sentinel.intake_raw r ON r.id = t.intake_id ORDER BY t.n, t.line;
SELECT n, line, left(reason, 80) AS reason, left(hint, 80) AS hint FROM taken WHERE state = 'rejected' ORDER BY n, line;
SELECT t.n, t.line, f.line AS first_line, t.duplicate_key FROM taken t JOIN taken f ON f.intake_id = t.duplicate_of ORDER BY t.n, t.line;

-- Each file is kept as it came, each record is a row, and the counts agree.
SELECT row_number() OVER (ORDER BY b.received_at, b.id) AS n, replace(b.delimiter, E'\t', 'tab') AS delimiter, b.encoding, b.rows_total AS rows, b.rows_accepted AS good,
       b.rows_duplicate AS twice, b.rows_rejected AS bad, b.error, b.warnings
FROM sentinel.intake_batches b WHERE b.org_id = sentinel.current_org() ORDER BY 1;
SELECT count(*) AS files, count(*) FILTER (WHERE b.raw = coalesce(d.file, '') AND b.bytes = length(b.raw)
       AND b.rows_total = b.rows_accepted + b.rows_duplicate + b.rows_rejected
       AND b.rows_total = (SELECT count(*) FROM sentinel.intake_raw r WHERE r.batch_id = b.id)) AS whole
FROM (SELECT b.*, row_number() OVER (ORDER BY b.received_at, b.id) AS n FROM sentinel.intake_batches b WHERE b.org_id = sentinel.current_org()) b JOIN damage d USING (n);

-- A refused line can be looked at, whatever bytes it has.
SELECT line, code, left(raw, 40) AS raw FROM sentinel.intake_rejects
WHERE org_id = sentinel.current_org() AND code IN ('not_utf8', 'nul_byte', 'unclosed_quote', 'cell_too_long') ORDER BY received_at, intake_id;

-- What is not known is kept.
SELECT payload -> 'extra' AS extra FROM sentinel.intake_raw WHERE org_id = sentinel.current_org() AND payload ? 'extra' AND payload ->> 'name' IN ('Twice', 'Shoe') ORDER BY line, id;

-- The jobs make leads, each once; no business table was touched before.
SELECT count(*) AS leads FROM sentinel.leads WHERE org_id = sentinel.current_org();
CALL sentinel.run_jobs(1000);
SELECT state, count(*), count(lead_id) AS with_lead FROM sentinel.intake_raw WHERE org_id = sentinel.current_org() GROUP BY state ORDER BY state;
SELECT (SELECT count(*) FROM sentinel.leads WHERE org_id = sentinel.current_org()) AS leads, (SELECT count(*) FROM sentinel.events WHERE org_id = sentinel.current_org() AND event_type = 'lead.created') AS events,
       (SELECT count(*) FROM sentinel.activities WHERE org_id = sentinel.current_org() AND payload ->> 'kind' = 'lead_created_from_intake') AS activities;
SELECT name, email, email_match, employee_count, CASE WHEN intake_id IN (SELECT id FROM sentinel.intake_raw WHERE payload ? 'created_at')
       THEN created_at END AS created
FROM sentinel.leads WHERE org_id = sentinel.current_org() AND name IN ('John Dup', 'Range', 'Thousand', 'Now', 'Last', 'Sure', 'Boé', 'Jörg', 'Änne') ORDER BY name COLLATE "C", email, created_at;

-- The same files again: what became a lead is recognised now as before.
SELECT t.state, count(*) FROM damage d, sentinel.intake_csv(d.file) t GROUP BY t.state ORDER BY t.state;

-- Forms and webhooks take the same names; a payload that is no object is kept, not raised.
SELECT state, duplicate_key FROM sentinel.intake('form', '{"E-Mail": "Form@example.com", "Full Name": "Form Filler", "utm": {"a": [1]}, "employees": 12, "phone": null}');
SELECT payload, state FROM sentinel.intake_raw WHERE org_id = sentinel.current_org() AND source = 'form' AND state = 'waiting';
SELECT state, duplicate_key FROM sentinel.intake('webhook', '{"payload": {"mail": "form@example.com"}}');
SELECT state FROM sentinel.intake('webhook', '[1, 2]');
SELECT state FROM sentinel.intake('webhook', NULL);
SELECT state FROM sentinel.intake('webhook', '{"email": "nobody"}');
SELECT line, source, code, reason, raw FROM sentinel.intake_rejects WHERE org_id = sentinel.current_org() AND source = 'webhook' ORDER BY intake_id;
SELECT a.intake_id = b.intake_id AS same, a.state, b.state AS again
FROM sentinel.intake('webhook', '{"email": "key@example.com"}', 'message-1') a, sentinel.intake('webhook', '{"email": "other@example.com"}', 'message-1') b;
SELECT sentinel.intake(' ', '{}');
SELECT sentinel.intake('form', '{"name": "x"}', '');
SELECT sentinel.intake_csv(E'name\nx', defaults => '[]');
SELECT state FROM sentinel.intake_csv(E'name\nWith defaults', 'fair', '{"platform": "booth", "channel": "x"}', 'fair.csv');
SELECT b.file_name, r.source, r.payload FROM sentinel.intake_raw r JOIN sentinel.intake_batches b ON b.id = r.batch_id WHERE r.org_id = sentinel.current_org() AND r.source = 'fair';

-- Direct leads answer with errors, not rows.
SELECT sentinel.create_lead('Direct', 'direct@example.com') IS NOT NULL AS made;
\set VERBOSITY terse
SELECT sentinel.create_lead('Again', 'DIRECT@example.com');
\set VERBOSITY default
SELECT sentinel.create_lead('Direct', 'direct');
SELECT sentinel.create_lead();
SELECT sentinel.create_lead(repeat('x', 1001));
SELECT sentinel.create_lead('Direct', employee_count => -1);
SELECT sentinel.create_lead('Direct', temperature => 'boiling');
SELECT sentinel.leave();
SELECT sentinel.create_lead('Nowhere');
