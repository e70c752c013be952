-- Before install() every function that needs tables says what to do; after it, they work, and install() is idempotent.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE DATABASE sentinel_install;
\c sentinel_install
SET client_min_messages = warning;
CREATE EXTENSION sentinel CASCADE;
SELECT sentinel.create_org('Acme');
SELECT sentinel.enter('00000000-0000-0000-0000-000000000000');
CALL sentinel.run_jobs(1);

SELECT DISTINCT version, action FROM sentinel.install() ORDER BY 1, 2;
SELECT DISTINCT version, action FROM sentinel.install() ORDER BY 1, 2;
SELECT sentinel.create_org('Acme') IS NOT NULL AS made;
SELECT sentinel.create_org('Acme');
SELECT sentinel.create_org('');
SELECT sentinel.create_org('Acme', timezone => 'Mars/Olympus');
SELECT sentinel.enter('00000000-0000-0000-0000-000000000000');
SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs;
SELECT sentinel.current_org() = org_id FROM sentinel.orgs;
SELECT sentinel.leave();
SELECT sentinel.current_org();

-- Settings of the session identity are not for hands.
CREATE ROLE sentinel_regress_plain;
SET ROLE sentinel_regress_plain;
SET sentinel.org_id = '00000000-0000-0000-0000-000000000000';
RESET ROLE;
SET sentinel.org_id = 'no uuid';
SET sentinel.nothing = 1;
DROP ROLE sentinel_regress_plain;
\c regress
DROP DATABASE sentinel_install;
