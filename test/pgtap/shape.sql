-- Shape of the whole schema: what the catalog says of every object, so that no room can forget a rule of the house.
-- A failing test prints the objects that break the rule.
-- plpgsql_check wants to be there before plpgsql runs.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'plpgsql_check') AS checker \gset
\if :checker
LOAD 'plpgsql_check';
\endif
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(47);

CREATE TEMP VIEW house_relation AS
    SELECT c.oid, c.oid::regclass AS name, c.relname, c.relkind, c.relowner, c.reloptions, c.relacl, c.relrowsecurity,
           c.relforcerowsecurity, c.relhasindex
    FROM pg_class c
    WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('sentinel', 'sentinel_bi'))
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND NOT c.relispartition;
CREATE TEMP VIEW house_column AS
    SELECT r.oid AS relation, r.name, r.relname, r.relkind, a.attnum, a.attname, a.atttypid, a.attnotnull, a.attgenerated,
           a.attidentity, format('%s.%s', r.name, a.attname) AS spot
    FROM house_relation r JOIN pg_attribute a ON a.attrelid = r.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S';
CREATE TEMP VIEW house_table AS
    SELECT r.*, EXISTS (SELECT FROM house_column c WHERE c.relation = r.oid AND c.attname = 'org_id') AS of_tenants
    FROM house_relation r WHERE r.relkind IN ('r', 'p');
CREATE TEMP VIEW house_routine AS
    SELECT p.oid, p.oid::regprocedure AS name, p.proname, p.prokind, p.proowner, p.prosecdef, p.proconfig, p.proacl,
           p.proleakproof, p.prosrc, p.prorettype, l.lanname
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('sentinel', 'sentinel_bi'));
CREATE TEMP VIEW house_index AS
    SELECT i.indexrelid::regclass AS name, i.indexrelid, t.name AS table_name, i.indisunique, i.indisprimary,
           (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = i.indkey[0]) AS first_column,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'org_id'
                   AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) AS holds_org
    FROM pg_index i JOIN house_table t ON t.oid = i.indrelid AND t.of_tenants;

SELECT isnt_empty($$SELECT FROM house_table WHERE of_tenants$$, 'there are tenant tables to look at');
SELECT isnt_empty($$SELECT FROM house_routine$$, 'and routines');

-- Every object says what it is.
SELECT is_empty($$SELECT name FROM house_relation r WHERE obj_description(r.oid, 'pg_class') IS NULL
        AND obj_description((SELECT t.oid FROM pg_type t WHERE t.typrelid = r.oid AND r.relkind = 'c'), 'pg_type') IS NULL AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')
        AND r.relkind = 'S')$$, 'every table, view, sequence and composite type has a comment');
SELECT is_empty($$SELECT spot FROM house_column WHERE col_description(relation, attnum) IS NULL$$,
    'every column of a table, view or type has a comment');
SELECT is_empty($$SELECT name FROM house_routine r WHERE obj_description(r.oid, 'pg_proc') IS NULL$$,
    'every function and procedure has a comment');
SELECT is_empty($$SELECT t.oid::regtype FROM pg_type t WHERE t.typnamespace = 'sentinel'::regnamespace
        AND t.typtype IN ('d', 'e', 'r') AND obj_description(t.oid, 'pg_type') IS NULL$$, 'every type has a comment');
SELECT is_empty($$SELECT name, obj_description(r.oid, 'pg_proc') FROM house_routine r
        WHERE length(obj_description(r.oid, 'pg_proc')) < 20$$, 'no comment on a routine is a mere word');

-- Code belongs to the extension, state does not.
SELECT is_empty($$SELECT name FROM house_routine r WHERE NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = r.oid AND d.deptype = 'e')$$,
    'every routine is a member of the extension');
SELECT is_empty($$SELECT name FROM house_relation r WHERE relkind <> 'c' AND EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype = 'e')$$,
    'no table, view or sequence is: DROP EXTENSION takes none');
SELECT is_empty($$SELECT c.spot, c.atttypid::regtype FROM house_column c JOIN pg_type t ON t.oid = c.atttypid
        WHERE c.relkind IN ('r', 'p') AND t.typnamespace <> 'pg_catalog'::regnamespace$$,
    'tables use types of pg_catalog only');
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k JOIN house_table t ON t.oid = k.conrelid
        WHERE EXISTS (SELECT FROM pg_depend d JOIN house_routine r ON r.oid = d.refobjid
                      WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refclassid = 'pg_proc'::regclass)$$,
    'no CHECK calls a function of the extension');
SELECT is_empty($$SELECT DISTINCT d.adrelid::regclass, r.name FROM pg_attrdef d JOIN house_table t ON t.oid = d.adrelid
        JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_proc'::regclass
        JOIN house_routine r ON r.oid = p.refobjid WHERE r.proname NOT IN ('uuid7', 'current_generation')$$,
    'defaults call only those functions that restore_defaults() puts back');
SELECT is_empty($$SELECT spot FROM house_column WHERE attgenerated <> '' OR attidentity <> ''$$,
    'no generated and no identity columns');
SELECT is_empty($$SELECT name FROM house_routine r JOIN pg_type t ON t.oid = r.prorettype JOIN pg_class c ON c.oid = t.typrelid
        WHERE c.relkind IN ('r', 'p', 'v')$$, 'no routine gives a row type of a table');
SELECT is_empty($$SELECT t.oid::regtype FROM pg_type t WHERE t.typnamespace = 'sentinel'::regnamespace AND t.typtype = 'e'$$,
    'no enum types');
SELECT is_empty($$SELECT name FROM house_relation WHERE relkind IN ('m', 'f')$$,
    'no materialised views and no foreign tables: they know no row-level security');

-- Row-level security.
SELECT is_empty($$SELECT name FROM house_table WHERE of_tenants AND NOT (relrowsecurity AND relforcerowsecurity)$$,
    'row-level security is enabled and forced on every tenant table');
SELECT is_empty($$SELECT name FROM house_table t WHERE of_tenants AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid)$$,
    'every tenant table has a policy');
SELECT is_empty($$SELECT polrelid::regclass, polname FROM pg_policy p JOIN house_table t ON t.oid = p.polrelid
        WHERE coalesce(polqual::text, '') || coalesce(polwithcheck::text, '') LIKE '%SUBLINK%'$$,
    'no policy holds a sub-select');
SELECT is_empty($$SELECT polrelid::regclass, polname, pg_get_expr(x.tree, polrelid)
        FROM pg_policy p JOIN house_table t ON t.oid = p.polrelid AND t.of_tenants
        CROSS JOIN LATERAL (VALUES (p.polqual), (p.polwithcheck)) x(tree)
        WHERE p.polpermissive AND x.tree IS NOT NULL
          AND pg_get_expr(x.tree, polrelid) !~ '^\(+org_id = sentinel\.current_org\(\)\)( AND |$)'$$,
    'every permissive policy begins with org_id = sentinel.current_org()');
SELECT is_empty($$SELECT name FROM house_relation WHERE relkind = 'v'
        AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1']$$,
    'every view is security_invoker');

-- Ownership and rights.
SELECT is_empty($$SELECT name, relowner::regrole FROM house_relation WHERE relkind <> 'c' AND relowner <> 'sentinel_owner'::regrole$$,
    'sentinel_owner owns every table, view and sequence');
SELECT is_empty($$SELECT name FROM house_routine r WHERE proacl IS NULL
        OR EXISTS (SELECT FROM aclexplode(r.proacl) a WHERE a.grantee = 0)$$, 'no routine is executable by PUBLIC');
SELECT is_empty($$SELECT name FROM house_relation r WHERE EXISTS (SELECT FROM aclexplode(r.relacl) a WHERE a.grantee = 0)
        UNION ALL SELECT c.name FROM house_column c JOIN pg_attribute a ON a.attrelid = c.relation AND a.attnum = c.attnum
        WHERE EXISTS (SELECT FROM aclexplode(a.attacl) x WHERE x.grantee = 0)$$, 'PUBLIC has no right on any table');
SELECT is_empty($$SELECT n.nspname, a.privilege_type, a.grantee::regrole FROM pg_namespace n, aclexplode(n.nspacl) a
        WHERE n.nspname IN ('sentinel', 'sentinel_bi') AND (a.grantee = 0 OR a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner)$$,
    'nobody but its owner creates objects in the schema, and PUBLIC does not use it');
SELECT is_empty($$SELECT name, proowner::regrole FROM house_routine
        WHERE prosecdef AND proowner NOT IN ('sentinel_owner'::regrole, 'sentinel_engine'::regrole)
           OR pg_get_userbyid(proowner) LIKE 'sentinel\_%' AND proowner NOT IN ('sentinel_owner'::regrole, 'sentinel_engine'::regrole)$$,
    'SECURITY DEFINER functions belong to sentinel_owner or sentinel_engine, and no function to a role that logins are members of: they could alter it');
-- enter() sets the identity for the caller, and run_handler() runs foreign code under a search_path that it sets itself:
-- a SET clause would undo what they set. Their SQL is qualified down to the operators.
SELECT is_empty($$SELECT name, proconfig FROM house_routine WHERE prosecdef AND proname NOT IN ('enter', 'run_handler')
        AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
    'SECURITY DEFINER functions have search_path = pg_catalog, pg_temp');
SELECT is_empty($$SELECT name FROM house_routine WHERE prosecdef AND lanname NOT IN ('c', 'plpgsql')$$,
    'and are written in C or plpgsql');
SELECT is_empty($$SELECT name, proconfig FROM house_routine WHERE lanname = 'plpgsql' AND prokind = 'f'
        AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
    'so have all plpgsql functions');
-- What the engine's functions do passes over row-level security, so each that a tenant may call looks at who has entered.
-- enter() is the door itself; the others here tell of the database as a whole, or of the schema.
SELECT is_empty($$SELECT name FROM house_routine r WHERE prosecdef AND proowner = 'sentinel_engine'::regrole
        AND proname NOT IN ('enter', 'missing_migrations', 'current_generation', 'parked', 'worker_alive')
        -- In C++, where org_for() of src/enqueue.cpp does it; test/e2e/attacks.sh shows it.
        AND proname NOT IN ('enqueue', 'enqueue_many')
        AND prosrc !~ 'sentinel\.(require_org|current_org|require_engine)\('
        AND EXISTS (SELECT FROM aclexplode(r.proacl) a WHERE a.grantee IN ('sentinel_reader'::regrole, 'sentinel_member'::regrole,
                    'sentinel_operator'::regrole))$$, 'functions of the engine that tenants may call ask for the organisation entered');
SELECT is_empty($$SELECT name FROM house_routine WHERE proleakproof AND proname NOT IN ('current_org', 'current_member')$$,
    'only the identity functions are leakproof');
SELECT is_empty($$SELECT r.name, x.grantee::regrole, x.privilege_type FROM house_relation r, aclexplode(r.relacl) x
        WHERE x.grantee IN ('sentinel_worker'::regrole, 'sentinel_gateway'::regrole)$$,
    'worker and gateway have no right on any table');
SELECT is_empty($$SELECT r.name, x.grantee::regrole, x.privilege_type FROM house_relation r, aclexplode(r.relacl) x
        WHERE x.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER') AND r.relkind <> 'S'
          AND x.grantee NOT IN ('sentinel_owner'::regrole, 'sentinel_engine'::regrole)$$,
    'no tenant role may truncate, reference or put a trigger on a table');
SELECT is_empty($$SELECT r.name, x.grantee::regrole, x.privilege_type FROM house_relation r, aclexplode(r.relacl) x
        WHERE x.grantee = 'sentinel_reader'::regrole AND x.privilege_type <> 'SELECT'$$, 'readers read');
SELECT is_empty($$SELECT rolname FROM pg_roles WHERE rolname LIKE 'sentinel\_%' AND rolname IN ('sentinel_owner',
        'sentinel_engine', 'sentinel_reader', 'sentinel_member', 'sentinel_operator', 'sentinel_worker', 'sentinel_gateway',
        'sentinel_admin') AND (rolsuper OR rolcanlogin OR rolcreaterole OR rolreplication
        OR rolbypassrls <> (rolname = 'sentinel_engine'))$$, 'roles cannot log in, and only the engine passes over row-level security');
SELECT is_empty($$SELECT m.member::regrole, m.roleid::regrole FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
        WHERE m.roleid IN ('sentinel_owner'::regrole, 'sentinel_engine'::regrole) AND NOT r.rolsuper$$,
    'nobody is a member of the two owner roles');

-- Keys: tenants stay apart, and the tables can be distributed by org_id.
SELECT is_empty($$SELECT name FROM house_table t WHERE NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
        AND name::text NOT IN ('sentinel.job_history', 'sentinel.job_stats')$$,
    'every table has a primary key, but two logs whose rows nothing names');
SELECT is_empty($$SELECT spot FROM house_column c WHERE attname = 'org_id' AND relkind IN ('r', 'p')
        AND (atttypid <> 'uuid'::regtype OR NOT attnotnull)$$, 'org_id is uuid NOT NULL');
SELECT is_empty($$SELECT name, table_name FROM house_index WHERE indisunique AND NOT holds_org$$,
    'every unique key of a tenant table holds org_id');
-- job_waiting_claim serves a claim over all tenants, job_running_pkey finds (job, lease) pairs, orgs_slug finds a tenant,
-- api_keys_prefix the key that a request shows, webhook_sources_find the sender of a webhook.
SELECT is_empty($$SELECT name, table_name FROM house_index WHERE first_column IS DISTINCT FROM 'org_id'
        AND name::text NOT IN ('sentinel.job_waiting_claim', 'sentinel.job_running_pkey', 'sentinel.orgs_slug', 'sentinel.api_keys_prefix', 'sentinel.webhook_sources_find')$$,
    'every index of a tenant table begins with org_id');
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k
        JOIN house_table t ON t.oid = k.conrelid AND t.of_tenants JOIN house_table p ON p.oid = k.confrelid AND p.of_tenants
        WHERE k.contype = 'f' AND NOT (
            (SELECT a.attname = 'org_id' FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1])
            AND (SELECT a.attname = 'org_id' FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = k.confkey[1]))$$,
    'foreign keys between tenant tables begin with org_id on both sides');
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k JOIN house_table t ON t.oid = k.conrelid
        WHERE k.contype = 'f' AND (k.confdeltype NOT IN ('a', 'r', 'c') OR k.confupdtype NOT IN ('a', 'r'))$$,
    'foreign keys have no SET NULL, SET DEFAULT or ON UPDATE action');
SELECT is_empty($$SELECT spot, atttypid::regtype FROM house_column WHERE relkind IN ('r', 'p')
        AND (attname = 'id' OR attname LIKE '%\_id') AND atttypid <> 'uuid'::regtype
        AND attname NOT IN ('external_id', 'message_id', 'request_id')$$,
    'ids are uuids, except those that others gave');
SELECT is_empty($$SELECT spot, atttypid::regtype FROM house_column WHERE atttypid IN ('timestamp'::regtype, 'timetz'::regtype)
        OR (attname LIKE '%\_at' AND atttypid <> 'timestamptz'::regtype)$$, 'times are timestamptz');
SELECT is_empty($$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN house_table h ON h.oid = t.tgrelid
        JOIN house_routine r ON r.oid = t.tgfoid
        WHERE t.tgtype & 1 = 1 AND r.prosrc ~* '(wake_workers|pg_notify|\mNOTIFY\M)'$$, 'no row trigger sends a NOTIFY');

-- Bodies are not checked at CREATE EXTENSION, so each is created once more with the check on.
CREATE TEMP TABLE fault (routine regprocedure, lineno integer, problem text);
DO $$
DECLARE
    spot record;
BEGIN
    SET LOCAL check_function_bodies = on;
    FOR spot IN SELECT * FROM house_routine WHERE lanname IN ('sql', 'plpgsql') LOOP
        BEGIN
            EXECUTE pg_get_functiondef(spot.oid);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO fault VALUES (spot.oid, NULL, SQLERRM);
        END;
    END LOOP;
END
$$;
SELECT is_empty('SELECT * FROM fault', 'every sql and plpgsql body is accepted with check_function_bodies = on');

-- That checks the grammar of plpgsql only; plpgsql_check, where it is, finds columns and functions that do not exist.
-- uninstall_schedule() reads the tables of pg_cron, which need not be here.
SELECT sentinel.enter(sentinel.create_org('Shape Ltd', 'shape-pgtap'));
DELETE FROM fault;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'plpgsql_check') THEN
        RETURN;
    END IF;
    CREATE EXTENSION IF NOT EXISTS plpgsql_check;
    INSERT INTO fault
    SELECT r.oid, c.lineno, c.message FROM house_routine r, plpgsql_check_function_tb(r.oid, fatal_errors => false) c
    WHERE r.lanname = 'plpgsql' AND r.prorettype <> 'trigger'::regtype AND c.level = 'error'
      AND NOT (r.proname LIKE '%install_schedule' AND c.message LIKE '%"cron.%');
    INSERT INTO fault
    SELECT DISTINCT r.oid, c.lineno, c.message
    FROM pg_trigger t JOIN house_routine r ON r.oid = t.tgfoid AND r.lanname = 'plpgsql',
         plpgsql_check_function_tb(r.oid, t.tgrelid, fatal_errors => false, oldtable => t.tgoldtable, newtable => t.tgnewtable) c
    WHERE NOT t.tgisinternal AND c.level = 'error';
END
$$;
SELECT CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'plpgsql_check')
            THEN is_empty('SELECT * FROM fault', 'plpgsql_check finds no error in any body')
            ELSE skip('plpgsql_check is not installed: apt-get install postgresql-15-plpgsql-check', 1) END;

SELECT * FROM finish();
ROLLBACK;
