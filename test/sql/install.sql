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
-- Whatever a login may call of what needs tables, but for parts of functions that have asked, and routes, for which http_handle() asks.
DO $$
DECLARE
    routine record;
BEGIN
    FOR routine IN
        SELECT p.oid::regprocedure AS name, format('SELECT sentinel.%I(%s)', p.proname,
               (SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, n))) AS call
        FROM pg_proc p
        WHERE p.pronamespace = 'sentinel'::regnamespace AND p.prokind = 'f' AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
          AND p.proname NOT IN ('missing_migrations', 'risk_clock', 'risk_inputs', 'risk_since', 'next_states', 'deal_states', 'deal_landmarks',
                                'wins_lasting')
          AND p.proname NOT LIKE 'http\_%'
          AND p.proname NOT IN ('call_data', 'known_member', 'own_notification', 'seen_target', 'seen_team', 'webhook_source_object')
          AND EXISTS (SELECT FROM unnest('{sentinel_reader,sentinel_member,sentinel_operator,sentinel_worker,sentinel_admin}'::name[]) r
                      WHERE has_function_privilege(r, p.oid, 'EXECUTE'))
    LOOP
        BEGIN
            EXECUTE routine.call;
        EXCEPTION WHEN undefined_table THEN
            RAISE WARNING '%: %', routine.name, SQLERRM;
        WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END
$$;

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

-- A session that has seen the tables notices when the extension is exchanged under it.
SELECT sentinel.require_installed();
DROP EXTENSION sentinel CASCADE;
CREATE EXTENSION sentinel;
SELECT sentinel.require_installed();
SELECT count(*) > 0 AS again FROM sentinel.install();
SELECT sentinel.require_installed();
\c regress
DROP DATABASE sentinel_install;
