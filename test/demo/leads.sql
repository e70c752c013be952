-- The CSV file, byte for byte as it is, through intake_csv(); rows wait as jobs after this. Variable: dir.
\set csv :dir '/leads.csv'
SELECT sentinel.enter(org_id, NULL, true) FROM sentinel.orgs WHERE slug = 'northwind-demo' \g /dev/null
CREATE TABLE demo.intake AS
    SELECT * FROM sentinel.intake_csv(pg_read_binary_file(:'csv'), 'csv', '{}', 'leads.csv');
SELECT count(*) AS rows, count(*) FILTER (WHERE state = 'waiting') AS queued FROM demo.intake \gset
\echo '    ' :rows 'rows read,' :queued 'of them queued'
