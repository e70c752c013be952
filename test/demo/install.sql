-- The extension, its tables, and the logins of the demo.
SET client_min_messages = warning;
CREATE EXTENSION pg_cron;
CREATE EXTENSION sentinel CASCADE;
SELECT count(*) AS steps FROM sentinel.install() \gset
SELECT sentinel.version() AS version, current_setting('server_version') AS server \gset
\echo '    sentinel' :version 'on PostgreSQL' :server', install():' :steps 'steps'
CREATE SCHEMA demo;
CREATE ROLE northwind_worker LOGIN IN ROLE sentinel_worker;
CREATE ROLE northwind_reader LOGIN IN ROLE sentinel_reader;
