# The attacks; sourced by ../attacks.sh, which explains attack, control and same.
# shellcheck shell=bash disable=SC2154,SC2153
in_a="SELECT sentinel.enter('@A@', session => true);"

# Identity settings.
attack reader_a 'SET before the library is loaded' "SET sentinel.org_id = '@B@'; SET sentinel.member_role = 'owner';"
attack reader_a 'SET LOCAL before, load inside a savepoint, roll back' \
    "BEGIN; SET LOCAL sentinel.org_id = '@B@'; SAVEPOINT s; SELECT sentinel.current_org(); ROLLBACK TO s; SELECT sentinel.current_org();"
PGOPTIONS="-c sentinel.org_id=$(fill @B@)" attack reader_a 'PGOPTIONS -c sentinel.org_id' 'SHOW sentinel.org_id;'
attack reader_a 'ALTER ROLE self SET, then connect again' "ALTER ROLE reader_a SET sentinel.org_id = '@B@';
    ALTER ROLE reader_a IN DATABASE prey SET sentinel.org_id = '@B@'; \\c -"
attack reader_a 'SET and set_config once loaded' "$in_a SET sentinel.org_id = '@B@'; SELECT set_config('sentinel.org_id', '@B@', false);
    SELECT set_config('sentinel.org_id', '@B@', true); UPDATE pg_settings SET setting = '@B@' WHERE name = 'sentinel.org_id';"
attack reader_a 'a function with SET sentinel.org_id' "$in_a CREATE FUNCTION reader_a.peek() RETURNS SETOF text LANGUAGE sql
    SET sentinel.org_id = '@B@' AS 'SELECT name FROM sentinel.orgs'; SELECT reader_a.peek();"
attack reader_a 'savepoints around enter() and leave()' "BEGIN; SELECT sentinel.enter('@A@'); SAVEPOINT a; SELECT sentinel.leave();
    SAVEPOINT b; SELECT sentinel.enter('@B@'); ROLLBACK TO b; RELEASE b; ROLLBACK TO a; SAVEPOINT c; SET LOCAL sentinel.org_id = '@B@';
    RELEASE c; ROLLBACK TO a;"
attack reader_a 'RESET ALL, DISCARD ALL, SET SESSION CHARACTERISTICS' "$in_a RESET ALL; DISCARD ALL; SET row_security = off; DISCARD PLANS;"
attack member_a 'RESET of one part of the identity' "$in_a RESET sentinel.member_id; RESET sentinel.org_id; SET sentinel.org_id TO DEFAULT;"

# Roles.
attack reader_a 'SET ROLE to everybody' "$in_a SET ROLE sentinel_owner; SET ROLE sentinel_engine; SET ROLE sentinel_admin;
    SET ROLE sentinel_member;
    SET ROLE member_b; SET ROLE postgres; SELECT set_config('role', 'sentinel_engine', false); SET ROLE sentinel_reader;
    SELECT sentinel.enter('@B@', session => true);"
attack reader_a 'SET SESSION AUTHORIZATION' "SET SESSION AUTHORIZATION member_b; SET SESSION AUTHORIZATION postgres;
    SELECT sentinel.enter('@B@', session => true);"
attack reader_a 'GRANT to oneself, change of roles' "GRANT sentinel_engine TO reader_a; GRANT member_b TO reader_a;
    ALTER ROLE reader_a SUPERUSER; ALTER ROLE reader_a BYPASSRLS;
    GRANT ALL ON ALL TABLES IN SCHEMA sentinel TO reader_a; INSERT INTO sentinel.member_roles VALUES ('@B@', 'reader_a');
    SELECT sentinel.grant_login('reader_a', '@B@'); SELECT sentinel.enter('@B@', session => true);"
attack reader_a 'enter() another organisation, with members of both' "SELECT sentinel.enter('@B@', session => true);
    SELECT sentinel.enter('@B@', '@MEMBER@', true);
    SELECT sentinel.enter('@A@', '@MEMBER@', true); DO \$\$ BEGIN PERFORM sentinel.enter('@B@', session => true);
    EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END \$\$;"
attack member_a 'the same as a member' "SELECT sentinel.enter('@B@', session => true); SELECT sentinel.enter('@B@', '@MEMBER@', true);
    SELECT sentinel.enter('@A@', '@MEMBER@', true);"

# Names.
attack reader_a 'current_org() shadowed in pg_temp' "$in_a CREATE FUNCTION pg_temp.current_org() RETURNS uuid LANGUAGE sql
    AS 'SELECT ''@B@''::uuid';
    SET search_path = pg_temp, sentinel; SELECT pg_temp.current_org();
    CREATE TEMP TABLE member_roles AS SELECT '@B@'::uuid AS org_id, 'reader_a'::name AS role_name, NULL::uuid AS member_id;
    CREATE TEMP TABLE orgs AS SELECT '@B@'::uuid AS org_id;
    CREATE TEMP TABLE pg_roles AS SELECT 'reader_a'::name AS rolname, 10::oid AS oid; SELECT sentinel.enter('@B@', session => true);"
attack reader_a 'operators and functions shadowed by search_path' "SET search_path = reader_a, pg_catalog;
    CREATE FUNCTION reader_a.yes(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE OPERATOR reader_a.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = reader_a.yes);
    CREATE FUNCTION reader_a.yes(name, name) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE OPERATOR reader_a.= (LEFTARG = name, RIGHTARG = name, FUNCTION = reader_a.yes);
    CREATE FUNCTION reader_a.pg_has_role(oid, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
    CREATE FUNCTION reader_a.current_org() RETURNS uuid LANGUAGE sql AS 'SELECT ''@B@''::uuid';
    SELECT sentinel.enter('@B@', session => true); SELECT sentinel.enter('@A@', session => true);"
attack reader_a 'CREATE and replace in the schema sentinel' "$in_a CREATE TABLE sentinel.mine (x text);
    CREATE FUNCTION sentinel.enter(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text';
    CREATE OR REPLACE FUNCTION sentinel.current_org() RETURNS uuid LANGUAGE sql AS 'SELECT ''@B@''::uuid';
    ALTER FUNCTION sentinel.current_org() RENAME TO was; CREATE SCHEMA sentinel_bi;
    CREATE TABLE reader_a.heir () INHERITS (sentinel.deals); CREATE INDEX ON sentinel.deals (name);
    CREATE STATISTICS reader_a.s ON name, value FROM sentinel.deals;"
attack reader_a 'row-level security off, policies' "$in_a SET row_security = off; TABLE sentinel.deals; SET row_security = on;
    ALTER TABLE sentinel.deals DISABLE ROW LEVEL SECURITY;
    ALTER TABLE sentinel.deals NO FORCE ROW LEVEL SECURITY; CREATE POLICY mine ON sentinel.deals USING (true);
    DROP POLICY deals_view ON sentinel.deals; ALTER TABLE sentinel.deals OWNER TO reader_a;"

# Reading around the policy.
leaky="CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS \$\$ BEGIN RAISE NOTICE 'saw %', \$1;
    RETURN true; END \$\$;"
leaks_all="SELECT count(*) FROM sentinel.orgs t WHERE pg_temp.leak(t.name);
    SELECT count(*) FROM sentinel.members t WHERE pg_temp.leak(t.email);
    SELECT count(*) FROM sentinel.events t WHERE pg_temp.leak(t.payload::text);
    SELECT count(*) FROM sentinel.deals t WHERE pg_temp.leak(t.name);
    SELECT count(*) FROM sentinel.deals t JOIN sentinel.orgs o ON pg_temp.leak(t.name || o.name);"
control 'a leaky function' "$leaky $leaks_all"
attack reader_a 'a cheap leaky function in WHERE and JOIN' "$in_a $leaky $leaks_all"
attack reader_a 'the same in views, ORDER BY, aggregates' "$in_a $leaky SELECT count(*) FROM sentinel.deal_risks t
    WHERE pg_temp.leak(t::text); SELECT count(*) FROM sentinel.delivery_log t WHERE pg_temp.leak(t::text);
    SELECT name FROM sentinel.deals t ORDER BY pg_temp.leak(t.name);
    SELECT count(*) FILTER (WHERE pg_temp.leak(t.name)) FROM sentinel.deals t; CREATE TEMP VIEW v AS SELECT * FROM sentinel.orgs;
    SELECT * FROM v WHERE pg_temp.leak(name);"
attack reader_a 'a leaky operator, LEAKPROOF of one'"'"'s own' "$in_a CREATE FUNCTION reader_a.leak(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS \$\$ BEGIN RAISE NOTICE 'saw %', \$1; RETURN true; END \$\$;
    ALTER FUNCTION reader_a.leak(text, text) LEAKPROOF;
    CREATE OPERATOR reader_a.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = reader_a.leak);
    SELECT count(*) FROM sentinel.deals WHERE name OPERATOR(reader_a.===) 'x';"
attack reader_a 'errors of other rows: division, casts' "$in_a SELECT count(*) FROM sentinel.deals
    WHERE 1 / (CASE WHEN org_id <> '@A@' THEN 0 ELSE 1 END) = 1;
    SELECT count(*) FROM sentinel.orgs WHERE (CASE WHEN slug <> 'aardvark' THEN name ELSE '1' END)::integer = 1;"
attack reader_a 'COPY of tables and queries' "$in_a COPY sentinel.deals TO STDOUT; COPY sentinel.orgs TO STDOUT;
    COPY (SELECT * FROM sentinel.events) TO STDOUT; COPY sentinel.users TO STDOUT; COPY sentinel.secrets TO STDOUT;"
attack reader_a 'COPY to and from programs and files' "$in_a COPY sentinel.deals TO PROGRAM 'cat';
    COPY sentinel.deals TO '/tmp/sentinel-attack'; CREATE TEMP TABLE t (x text); COPY t FROM PROGRAM 'id'; COPY t FROM '/etc/passwd';
    TABLE t;"
attack reader_a 'EXPLAIN ANALYZE, VERBOSE, of views too' "$in_a EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT * FROM sentinel.deals;
    EXPLAIN (VERBOSE) SELECT * FROM sentinel.deal_risks; EXPLAIN ANALYZE SELECT * FROM sentinel.orgs WHERE slug LIKE 'z%';"
super -c ANALYZE
control 'statistics' 'SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = '"'sentinel'"';'
attack reader_a 'statistics: pg_stats, pg_statistic, extended' "$in_a SELECT * FROM pg_stats WHERE schemaname = 'sentinel';
    TABLE pg_statistic; TABLE pg_statistic_ext_data; TABLE pg_stats_ext; TABLE pg_stats_ext_exprs;"
attack reader_a 'rows by ctid, TABLESAMPLE, locks, system columns' "$in_a SELECT ctid, * FROM sentinel.orgs WHERE ctid = '(0,2)';
    SELECT * FROM sentinel.deals TABLESAMPLE SYSTEM (100); SELECT * FROM sentinel.deals FOR UPDATE;
    SELECT * FROM sentinel.orgs FOR KEY SHARE; SELECT xmin, tableoid, * FROM sentinel.members;
    MERGE INTO sentinel.deals d USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE; TABLE ONLY sentinel.deals;"
attack reader_a 'XML and JSON exports of the schema' "$in_a SELECT query_to_xml('SELECT * FROM sentinel.deals', true, false, '');
    SELECT table_to_xml('sentinel.orgs', true, false, ''); SELECT schema_to_xml('sentinel', true, false, '');
    SELECT jsonb_agg(t) FROM sentinel.deals t; SELECT row_to_json(t) FROM sentinel.orgs t;"
attack reader_a 'parallel plans' "$in_a SET force_parallel_mode = on; SET debug_parallel_query = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
    SET min_parallel_table_scan_size = 0;"
attack reader_a 'plain tables: users, secrets, logins, generation' "$in_a TABLE sentinel.users; TABLE sentinel.secrets;
    TABLE sentinel.member_roles; TABLE sentinel.job_keys; TABLE sentinel.workers; TABLE sentinel.job_waiting; TABLE sentinel.audit_log;"

# State that outlives the organisation.
attack reader_a 'prepared statements across enter() and leave()' "$in_a SET plan_cache_mode = force_generic_plan;
    PREPARE p AS SELECT * FROM sentinel.deals; PREPARE q(uuid) AS SELECT * FROM sentinel.deals WHERE org_id = \$1; EXECUTE p;
    EXECUTE q('@B@');
    SELECT sentinel.leave(); EXECUTE p; SELECT sentinel.enter('@B@', session => true); EXECUTE p; EXECUTE q('@B@');"
attack reader_a 'cursors over leave(), WITH HOLD' "$in_a BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT * FROM sentinel.deals;
    DECLARE d CURSOR FOR SELECT * FROM sentinel.orgs; FETCH 1 FROM d; SELECT sentinel.leave(); FETCH ALL FROM d; COMMIT; FETCH ALL FROM c;"
attack reader_a 'temporary tables, rules, foreign keys to look through' "$in_a CREATE TEMP TABLE copy AS TABLE sentinel.deals; TABLE copy;
    CREATE TABLE reader_a.child (org_id uuid REFERENCES sentinel.orgs); CREATE RULE r AS ON SELECT TO sentinel.orgs DO INSTEAD SELECT 1;
    CREATE TRIGGER t BEFORE INSERT ON sentinel.deals FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();"
attack reader_a 'DO block that tries every id' "DO \$\$ DECLARE r record;
    BEGIN FOR r IN SELECT DISTINCT org_id FROM sentinel.orgs UNION SELECT '@B@'::uuid LOOP
    BEGIN PERFORM sentinel.enter(r.org_id, session => true); RAISE NOTICE '%', (SELECT string_agg(name, ',') FROM sentinel.orgs);
    EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLSTATE; END; END LOOP; END \$\$;"

# The server.
attack reader_a 'large objects' "$in_a SELECT lo_import('/etc/passwd'); SELECT lo_get(oid) FROM pg_largeobject_metadata;
    TABLE pg_largeobject; SELECT lo_export(1, '/tmp/sentinel-attack');"
attack reader_a 'files of the server' "$in_a SELECT pg_read_file('postgresql.conf');
    SELECT pg_read_binary_file(pg_relation_filepath('sentinel.deals')); SELECT pg_ls_dir('base'); SELECT pg_stat_file('base');
    TABLE pg_hba_file_rules; SHOW data_directory;"
attack reader_a 'dblink, postgres_fdw, pageinspect, LOAD' "CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw;
    CREATE EXTENSION pageinspect; CREATE EXTENSION pg_prewarm; LOAD 'auto_explain';
    CREATE FUNCTION reader_a.s(text) RETURNS int LANGUAGE c AS 'libc', 'system'; $in_a"
attack reader_a 'LISTEN while ZEBRA works' "LISTEN sentinel_jobs; $in_a
    \\! PGUSER=postgres PGHOST=$work/sock PGPORT=$(cluster_port attacks) $(pg_bindir)/psql -X -q -d prey -c 'BEGIN' -c \"SELECT sentinel.enter('@B@')\" -c \"SELECT sentinel.wake_workers()\" -c COMMIT >/dev/null
    SELECT 1;"
coproc OTHER { PGHOST=$work/sock PGPORT=$(cluster_port attacks) PGUSER=member_b PGDATABASE=prey exec "$(pg_bindir)/psql" -X -q -A -t 2>&1; }
other_pid=$OTHER_PID # the variable goes when the process has ended
printf "SELECT sentinel.enter('%s', session => true);\nBEGIN;\nPREPARE zebra
    AS SELECT 'zebra';\nDECLARE zebra CURSOR FOR SELECT 'zebra';\nSELECT 'zebra', 'ready';\n" "$(fill @B@)" >&"${OTHER[1]}"
until IFS= read -r line <&"${OTHER[0]}" && [[ $line == *ready ]]; do :; done
watch='TABLE pg_stat_activity; TABLE pg_prepared_statements; TABLE pg_cursors; TABLE pg_locks; TABLE pg_prepared_xacts;
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"'member_b'; TABLE pg_shadow; TABLE pg_authid;
    TABLE pg_user_mappings; TABLE pg_replication_slots; SELECT * FROM pg_create_logical_replication_slot('x', 'test_decoding');"
control 'sessions of others' 'SELECT query FROM pg_stat_activity WHERE usename = '"'member_b';"
attack reader_a 'sessions, locks and statements of others' "$in_a SELECT datname, state, query FROM pg_stat_activity
    WHERE usename <> 'member_b'; $watch"
printf 'ROLLBACK;\n\\q\n' >&"${OTHER[1]}"
wait "$other_pid" || true
attack reader_a 'sequences' "$in_a SELECT nextval('sentinel.job_lease'); SELECT nextval('sentinel.event_seq');
    SELECT last_value FROM sentinel.job_lease; SELECT pg_sequence_last_value('sentinel.event_seq'); SELECT setval('sentinel.job_lease', 1);
    SELECT schemaname, sequencename, last_value FROM pg_sequences; SELECT currval('sentinel.event_seq');"
attack reader_a 'definitions: functions, views, policies, comments' "$in_a SELECT pg_get_functiondef(p.oid) FROM pg_proc p
    WHERE p.pronamespace = 'sentinel'::regnamespace AND p.prokind IN ('f', 'p');
    SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace = 'sentinel'::regnamespace;
    TABLE pg_policies; SELECT description FROM pg_description; SELECT setconfig FROM pg_db_role_setting;
    SELECT * FROM sentinel.migrations();"
attack reader_a 'the functions of the engine' "$in_a SELECT *
    FROM sentinel.claim('x', '{outside_probe,waiting_probe,webhooks,default}', 10);
    SELECT sentinel.http_requests('{@JOB_RUNNING@}', '{1}'); SELECT sentinel.emit_for('@B@', 'x.y', 'x', NULL); CALL sentinel.run_jobs(10);
    CALL sentinel.tick();
    SELECT sentinel.take_job_key('@B@', 'outside_probe', 'idempotency', 'x', '@B@');
    SELECT sentinel.store_secret('@B@', '@SECRET@', 'slack_url', '@SLACK_CHANNEL@', 2, '\\x0101'); SELECT sentinel.install();
    SELECT sentinel.adopt_restore(); SELECT sentinel.create_org('x');"

# Writing, as the member who owns AARDVARK: what is refused must not tell either.
attack member_a 'rows of ZEBRA written by name' "$in_a INSERT INTO sentinel.leads (org_id, name) VALUES ('@B@', 'x');
    UPDATE sentinel.leads SET name = 'x' WHERE org_id = '@B@' RETURNING *;
    UPDATE sentinel.deals SET name = 'x' WHERE id = '@DEAL@' RETURNING *; DELETE FROM sentinel.deals WHERE org_id = '@B@' RETURNING *;
    INSERT INTO sentinel.deals SELECT * FROM sentinel.deals WHERE org_id = '@B@' ON CONFLICT DO NOTHING RETURNING *;
    INSERT INTO sentinel.activities (org_id, deal_id, activity_type) VALUES ('@B@', '@DEAL@', 'other') RETURNING *;"
attack member_a 'own rows moved to ZEBRA' "$in_a UPDATE sentinel.deals SET org_id = '@B@' RETURNING *;
    UPDATE sentinel.leads SET org_id = '@B@' RETURNING *; UPDATE sentinel.members SET org_id = '@B@';"
attack member_a 'enqueue() and emit() for ZEBRA' "$in_a SELECT sentinel.enqueue('waiting_probe', org_id => '@B@');
    SELECT sentinel.enqueue_many('[{\"job_type\": \"waiting_probe\", \"org_id\": \"@B@\"}]');
    SELECT sentinel.emit_many('[{\"event_type\": \"x.y\", \"org_id\": \"@B@\"}]');"
attack operator_a 'work for all organisations, at a time of one'"'"'s own' "$in_a SELECT sentinel.sweep_risk('2099-01-01');
    SELECT sentinel.run_schedules('2099-01-01'); CALL sentinel.tick('2099-01-01'); CALL sentinel.run_jobs(100); SELECT sentinel.reap();
    SELECT sentinel.purge_jobs(); SELECT sentinel.pause_queue('webhooks'); SELECT sentinel.retry_dead(); SELECT sentinel.adopt_restore();
    SELECT sentinel.register_job_type('waiting_probe', 'pg_catalog.x');"
nothing=00000000-0000-7000-8000-000000000000
same member_a 'a taken id as key of a new row' "$in_a BEGIN;
    INSERT INTO sentinel.leads (org_id, id, name) VALUES ('@A@', '@X@', 'x') RETURNING name; ROLLBACK;" @LEAD@ $nothing
same member_a 'a deal that points to a lead of ZEBRA' "$in_a BEGIN; SELECT sentinel.create_deal('x', 1, lead_id => '@X@');
    ROLLBACK;" @LEAD@ $nothing
same member_a 'a row that points to a member of ZEBRA' "$in_a INSERT INTO sentinel.leads (org_id, name, owner_id) VALUES ('@A@', 'x', '@X@');" @MEMBER@ $nothing
same member_a 'a row given to an organisation' "$in_a INSERT INTO sentinel.deals (org_id, pipeline_id, name, value, currency) VALUES ('@X@', '@PIPELINE@', 'x', 1, 'USD');" @B@ $nothing
same reader_a 'enter() of a known and an unknown organisation' "SELECT sentinel.enter('@X@');" @B@ $nothing
same member_a 'an address that is a member elsewhere' "$in_a BEGIN; SELECT sentinel.add_member('x', '@X@') IS NULL;
    SELECT substr(user_id::text, 15, 1) FROM sentinel.members WHERE email = '@X@'; ROLLBACK;" boss@zebra.example nobody@nowhere.example

# Every function that takes an id, with every kind of id of ZEBRA and with one that does not exist.
for login in reader_a member_a operator_a; do
    answers=$(super -A -t -v login=$login -v ids="$(printf '%s,' "${known[@]}" | sed 's/,$//')" <"$here/attacks/functions.sql" >"$work/calls.sql" && session $login <"$work/calls.sql")
    printf '%s\n' "$answers" >"$work/out"
    if leaks "$work/out" || changed || grep -q '^differs' "$work/out" || ! grep -qE '^[1-9][0-9]* calls' "$work/out"; then
        report "not ok" "ids of ZEBRA given to every function, as $login" "$(grep -vE '^LOCATION' "$work/out" | head -3 | cut -c1-300)"
    else
        report ok "ids of ZEBRA given to every function, as $login" "$(tail -1 "$work/out")"
    fi
done
