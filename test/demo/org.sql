-- An organisation with its team, and the generated files as tables of schema demo. Variable: dir.
\set team_csv :dir '/team.csv'
\set deals_csv :dir '/deals.csv'
\set timeline_csv :dir '/timeline.csv'
\set truth_json :dir '/truth.json'

CREATE TABLE demo.team (display_name text, email text, role text, member_id uuid);
CREATE TABLE demo.deal (external_ref text PRIMARY KEY, name text, account text, value numeric, currency text, owner text,
                        pipeline text, channel text, created_at timestamptz, stage text, stage_path text, deal_id uuid);
CREATE TABLE demo.timeline (deal_ref text, at timestamptz, kind text, detail text, subject text, body text,
                            position bigint GENERATED ALWAYS AS IDENTITY);
CREATE TABLE demo.recorded (instant timestamptz, deal_id uuid, risk jsonb, PRIMARY KEY (instant, deal_id));
CREATE TABLE demo.truth AS SELECT pg_read_file(:'truth_json')::jsonb AS planted;
COPY demo.team (display_name, email, role) FROM :'team_csv' (FORMAT csv, HEADER);
COPY demo.deal (external_ref, name, account, value, currency, owner, pipeline, channel, created_at, stage, stage_path)
    FROM :'deals_csv' (FORMAT csv, HEADER);
COPY demo.timeline (deal_ref, at, kind, detail, subject, body) FROM :'timeline_csv' (FORMAT csv, HEADER);

SELECT sentinel.create_org('Northwind Demo', 'northwind-demo', 'Europe/London') AS org \gset
SELECT sentinel.enter(:'org', NULL, true) \g /dev/null
UPDATE demo.team SET member_id = sentinel.add_member(display_name, email, role);
SELECT sentinel.grant_login('northwind_reader', :'org') \g /dev/null
-- A login for BI: it is in its organisation from the start.
ALTER ROLE northwind_reader SET sentinel.org_id = :'org';
SELECT count(*) AS members FROM demo.team \gset
\echo '    organisation' :org 'with' :members 'members'
