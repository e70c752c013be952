-- Room distribute: from one machine to several, with Citus. Which table becomes what is read from the catalog; what Citus
-- would refuse is found by distribute_check() before anything is touched.

CREATE FUNCTION sentinel.is_distributed() RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM sentinel.distribution);
END
$$;
COMMENT ON FUNCTION sentinel.is_distributed() IS 'Tell whether sentinel.distribute() has spread the tables of this database.';

CREATE FUNCTION sentinel.distribution_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'sentinel_distribution_changed';
COMMENT ON FUNCTION sentinel.distribution_changed() IS
    'Trigger: let every session look anew whether the tables are distributed; the queue then goes by statements.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.row_triggers() RETURNS TABLE (relation text, trigger_name name, fires text, routine text, arguments text)
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    VALUES ('sentinel.events', 'events_fan_out'::name, 'INSERT', 'sentinel.fan_out_event()', ''),
           ('sentinel.job_history', 'job_history_counts', 'INSERT', 'sentinel.count_ended_job()', ''),
           ('sentinel.leads', 'leads_announce', 'INSERT', 'sentinel.announce_lead()', ''),
           ('sentinel.intake_raw', 'intake_raw_release', 'DELETE', 'sentinel.release_fingerprint()', ''),
           ('sentinel.deals', 'deals_noted_new', 'INSERT', 'sentinel.note_new_deal()', ''),
           ('sentinel.deals', 'deals_noted_changed', 'UPDATE', 'sentinel.note_changed_deal()', ''),
           ('sentinel.deals', 'deals_noted_gone', 'DELETE', 'sentinel.note_gone_deal()', ''),
           ('sentinel.deals', 'deals_signals_new', 'INSERT', 'sentinel.signal_new_deal()', ''),
           ('sentinel.deals', 'deals_signals_changed', 'UPDATE', 'sentinel.signal_changed_deal()', ''),
           ('sentinel.activities', 'activities_signals', 'INSERT', 'sentinel.signal_activity()', ''),
           ('sentinel.leads', 'leads_states_new', 'INSERT', 'sentinel.note_state()', '''lead'', ''lifecycle_stage'', ''last_state_change'''),
           ('sentinel.leads', 'leads_states_changed', 'UPDATE', 'sentinel.note_state()', '''lead'', ''lifecycle_stage'', ''last_state_change'''),
           ('sentinel.calls', 'calls_states_new', 'INSERT', 'sentinel.note_state()', '''call'', ''status'', ''status_changed_at'''),
           ('sentinel.calls', 'calls_states_changed', 'UPDATE', 'sentinel.note_state()', '''call'', ''status'', ''status_changed_at'''),
           ('sentinel.invoices', 'invoices_states_new', 'INSERT', 'sentinel.note_state()', '''invoice'', ''status'', ''status_changed_at'''),
           ('sentinel.invoices', 'invoices_states_changed', 'UPDATE', 'sentinel.note_state()', '''invoice'', ''status'', ''status_changed_at'''),
           ('sentinel.contracts', 'contracts_states_new', 'INSERT', 'sentinel.note_state()', '''contract'', ''status'', ''status_changed_at'''),
           ('sentinel.contracts', 'contracts_states_changed', 'UPDATE', 'sentinel.note_state()', '''contract'', ''status'', ''status_changed_at'''),
           ('sentinel.clients', 'clients_onboarding_new', 'INSERT', 'sentinel.note_state()', '''client_onboarding'', ''onboarding_status'', ''onboarding_changed_at'''),
           ('sentinel.clients', 'clients_onboarding_changed', 'UPDATE', 'sentinel.note_state()', '''client_onboarding'', ''onboarding_status'', ''onboarding_changed_at'''),
           ('sentinel.clients', 'clients_delivery_new', 'INSERT', 'sentinel.note_state()', '''client_delivery'', ''delivery_phase'', ''delivery_changed_at'''),
           ('sentinel.clients', 'clients_delivery_changed', 'UPDATE', 'sentinel.note_state()', '''client_delivery'', ''delivery_phase'', ''delivery_changed_at'''),
           ('sentinel.leads', 'leads_states_gone', 'DELETE', 'sentinel.close_state()', '''lead'''),
           ('sentinel.deals', 'deals_plan', 'INSERT', 'sentinel.limit_new_deal()', '')
$$;
COMMENT ON FUNCTION sentinel.row_triggers() IS
    'List the triggers that use transition tables on one machine, with the function that does the same for one row on shards and the arguments it takes. The name of the trigger stays.';

CREATE FUNCTION sentinel.place_row_triggers() RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    form record;
    placed integer := 0;
BEGIN
    IF NOT sentinel.is_distributed() THEN
        ALTER TABLE sentinel.events ALTER COLUMN generation SET DEFAULT sentinel.current_generation();
        RETURN 0;
    END IF;
    PERFORM set_config('citus.enable_unsafe_triggers', 'on', true);
    FOR form IN SELECT * FROM sentinel.row_triggers() LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', form.trigger_name, form.relation);
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH ROW EXECUTE FUNCTION %s(%s)',
                       form.trigger_name, form.fires, form.relation, split_part(form.routine, '(', 1), form.arguments);
        placed := placed + 1;
    END LOOP;
    -- The table behind current_generation() stays on the coordinator, and events of triggers are written on the workers.
    EXECUTE format('ALTER TABLE sentinel.events ALTER COLUMN generation SET DEFAULT %s', sentinel.current_generation());
    RETURN placed;
END
$$;
COMMENT ON FUNCTION sentinel.place_row_triggers() IS
    'Give the triggers of distributed tables their form for shards, and events.generation a default that every node can compute; gives their number, 0 while nothing is distributed. Part of install() and distribute().';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.distribution_scope() RETURNS TABLE (relation oid, of_tenants boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The tables of the schema, with those of others that foreign keys tie to them.
    RETURN QUERY
    WITH RECURSIVE scope AS (
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        UNION
        SELECT CASE WHEN k.conrelid = s.oid THEN k.confrelid ELSE k.conrelid END
        FROM scope s JOIN pg_constraint k ON s.oid IN (k.conrelid, k.confrelid)
        WHERE k.contype = 'f' AND k.conparentid = 0)
    SELECT s.oid, EXISTS (SELECT FROM pg_attribute a
                          WHERE a.attrelid = s.oid AND a.attname = 'org_id' AND NOT a.attisdropped)
    FROM scope s;
END
$$;
COMMENT ON FUNCTION sentinel.distribution_scope() IS
    'List the tables that a distribution concerns, and whether each belongs to tenants: whether it has a column org_id.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.distribution_code() RETURNS TABLE (relation oid, entry text, routine oid)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE tenant AS MATERIALIZED (
        SELECT s.relation FROM sentinel.distribution_scope() s WHERE s.of_tenants),
    calls AS MATERIALIZED (
        SELECT DISTINCT p.oid AS caller, q.oid AS callee
        FROM pg_proc p
        JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
        CROSS JOIN LATERAL regexp_matches(p.prosrc, '([a-z_][a-z0-9_$]*)\.([a-z_][a-z0-9_$]*)\s*\(', 'g') m(word)
        JOIN pg_namespace n ON n.nspname = m.word[1] AND n.nspname <> 'pg_catalog'
        JOIN pg_proc q ON q.pronamespace = n.oid AND q.proname = m.word[2]),
    code AS (
        SELECT t.tgrelid AS relation, format('trigger %I', t.tgname) AS entry,
               coalesce(f.routine::regprocedure::oid, t.tgfoid) AS routine
        FROM pg_trigger t
        JOIN tenant x ON x.relation = t.tgrelid
        LEFT JOIN sentinel.row_triggers() f ON to_regclass(f.relation) = t.tgrelid AND f.trigger_name = t.tgname
        WHERE NOT t.tgisinternal AND t.tgparentid = 0
        UNION
        SELECT p.polrelid, format('policy %I', p.polname), d.refobjid
        FROM pg_policy p
        JOIN tenant x ON x.relation = p.polrelid
        JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_proc'::regclass
        UNION
        SELECT c.relation, c.entry, k.callee FROM code c JOIN calls k ON k.caller = c.routine)
    SELECT c.relation, c.entry, c.routine FROM code c;
END
$$;
COMMENT ON FUNCTION sentinel.distribution_code() IS
    'List the routines that run on shards: those behind triggers (in their form for shards) and policies of tenant tables, and what their bodies call by qualified name. Bodies in C are not looked into.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.distribution_plan() RETURNS TABLE (place integer, relation regclass, kind text, reason text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenants oid[] := ARRAY(SELECT s.relation FROM sentinel.distribution_scope() s WHERE s.of_tenants);
    others oid[] := ARRAY(SELECT s.relation FROM sentinel.distribution_scope() s WHERE NOT s.of_tenants
                          ORDER BY s.relation::regclass::text);
    lookups oid[];
    placed oid[] := '{}';
    next_ones oid[];
    number integer := 0;
    one oid;
BEGIN
    -- Lookups: what a tenant table refers to, what code on shards names, and what foreign keys tie to either.
    lookups := ARRAY(
        WITH RECURSIVE lookup AS (
            SELECT k.confrelid AS oid FROM pg_constraint k
            WHERE k.contype = 'f' AND k.conrelid = ANY (tenants) AND k.confrelid = ANY (others)
            UNION
            SELECT c.oid
            FROM (SELECT DISTINCT d.routine FROM sentinel.distribution_code() d) d
            JOIN pg_proc p ON p.oid = d.routine
            CROSS JOIN LATERAL regexp_matches(p.prosrc, '([a-z_][a-z0-9_$]*)\.([a-z_][a-z0-9_$]*)', 'g') m(word)
            JOIN pg_namespace n ON n.nspname = m.word[1]
            JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = m.word[2] AND c.oid = ANY (others)
            UNION
            SELECT CASE WHEN k.conrelid = l.oid THEN k.confrelid ELSE k.conrelid END
            FROM lookup l JOIN pg_constraint k ON k.contype = 'f' AND l.oid IN (k.conrelid, k.confrelid)
            WHERE k.conrelid = ANY (others) AND k.confrelid = ANY (others))
        SELECT l.oid FROM lookup l);

    -- Each kind parents first. What is left over when no table is free of unplaced parents stands in a circle: no place.
    FOR distribution_plan.kind IN VALUES ('reference'), ('distributed') LOOP
        LOOP
            next_ones := ARRAY(
                SELECT u.oid FROM unnest(CASE distribution_plan.kind WHEN 'reference' THEN lookups ELSE tenants END) u(oid)
                WHERE u.oid <> ALL (placed) AND NOT EXISTS (
                    SELECT FROM pg_constraint k
                    WHERE k.contype = 'f' AND k.conrelid = u.oid AND k.confrelid <> u.oid AND k.confrelid <> ALL (placed)
                      AND k.confrelid = ANY (tenants || lookups))
                ORDER BY u.oid <> to_regclass('sentinel.orgs'), u.oid::regclass::text);
            EXIT WHEN next_ones = '{}';
            FOREACH one IN ARRAY next_ones LOOP
                number := number + 1;
                distribution_plan.place := number;
                distribution_plan.relation := one;
                distribution_plan.reason := CASE distribution_plan.kind
                    WHEN 'distributed' THEN 'has org_id' ELSE 'tenant tables refer to it, or code on shards reads it' END;
                RETURN NEXT;
            END LOOP;
            placed := placed || next_ones;
        END LOOP;
        FOREACH one IN ARRAY CASE distribution_plan.kind WHEN 'reference' THEN lookups ELSE tenants END LOOP
            CONTINUE WHEN one = ANY (placed);
            distribution_plan.place := NULL;
            distribution_plan.relation := one;
            distribution_plan.reason := 'its foreign keys, or those of a parent, go in a circle';
            RETURN NEXT;
        END LOOP;
    END LOOP;
    FOREACH one IN ARRAY others LOOP
        CONTINUE WHEN one = ANY (lookups);
        distribution_plan.place := NULL;
        distribution_plan.relation := one;
        distribution_plan.kind := 'local';
        distribution_plan.reason := 'has no org_id, and nothing on shards needs it';
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.distribution_plan() IS
    'Tell from the catalog what distribute() makes of each table and in which order: distributed by org_id, a reference table copied to every node, or local to the coordinator. place is null where a table is not moved or, with the reason, cannot be.';

CREATE FUNCTION sentinel.distribute()
    RETURNS TABLE (step integer, action text, object text, statement text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    problem record;
    item record;
    off text[];
    again text;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'only a superuser can distribute sentinel',
            DETAIL = format('The current role is "%s".', current_user), HINT = 'Run it as the role that ran CREATE EXTENSION.';
    END IF;
    PERFORM sentinel.require_installed();
    PERFORM pg_advisory_xact_lock(7359, 1);
    IF sentinel.is_distributed() THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('the tables are distributed since %s', (SELECT d.distributed_at FROM sentinel.distribution d)),
            DETAIL = 'Tables are distributed once.',
            HINT = 'For a table added later: '
                   'SELECT create_distributed_table(''my_table'', ''org_id'', colocate_with => ''sentinel.orgs'');';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_proc p
                   WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = 'create_distributed_table') THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'Citus is not installed in this database',
            DETAIL = 'Tables are spread over several machines by the extension citus.',
            HINT = 'Put citus first in shared_preload_libraries, restart, CREATE EXTENSION citus; '
                   'then citus_add_node() for each machine, with the same sentinel files on all.';
    END IF;
    SELECT c.*, count(*) OVER () AS problems INTO problem FROM sentinel.distribute_check() c
    WHERE c.blocks ORDER BY c.rule, c.object LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format('%s object(s) break a rule of distribution', problem.problems),
            DETAIL = format('The first: %s: %s.', problem.object, problem.problem),
            HINT = 'SELECT * FROM sentinel.distribute_check() WHERE blocks; names all of them and what to do.';
    END IF;

    -- Citus re-creates triggers on shards only when told to, refuses parallel work after reference tables were touched, and
    -- would make local tables its own because of foreign keys to lookups.
    PERFORM set_config('citus.enable_unsafe_triggers', 'on', true),
            set_config('citus.multi_shard_modify_mode', 'sequential', true),
            set_config('citus.enable_local_reference_table_foreign_keys', 'off', true);
    step := 0;
    INSERT INTO sentinel.distribution DEFAULT VALUES;
    PERFORM sentinel.place_row_triggers();

    -- Triggers fire while rows are copied to shards, so they rest meanwhile. Those that somebody had switched off stay off.
    off := ARRAY(
        SELECT format('ALTER TABLE %s %s TRIGGER %I', t.tgrelid::regclass,
                      CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname)
        FROM sentinel.distribution_plan() p JOIN pg_trigger t ON t.tgrelid = p.relation
        WHERE p.place IS NOT NULL AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'O');
    FOR item IN
        WITH plan AS MATERIALIZED (SELECT * FROM sentinel.distribution_plan() p WHERE p.place IS NOT NULL)
        SELECT 1 AS stage, p.place, 'triggers off' AS action, p.relation::text AS name,
               format('ALTER TABLE %s DISABLE TRIGGER USER', p.relation) AS command FROM plan p
        UNION ALL
        SELECT 2, p.place, 'copied to every node', p.relation::text,
               format('SELECT pg_catalog.create_reference_table(%L)', p.relation) FROM plan p WHERE p.kind = 'reference'
        UNION ALL
        SELECT 3, p.place, 'distributed by org_id', p.relation::text,
               format('SELECT pg_catalog.create_distributed_table(%L, %L%s)', p.relation, 'org_id',
                      CASE WHEN p.relation = 'sentinel.orgs'::regclass THEN '' ELSE ', colocate_with => ''sentinel.orgs''' END)
        FROM plan p WHERE p.kind = 'distributed'
        UNION ALL
        SELECT 4, p.place, 'triggers on', p.relation::text, format('ALTER TABLE %s ENABLE TRIGGER USER', p.relation)
        FROM plan p
        ORDER BY 1, 2
    LOOP
        EXECUTE item.command;
        step := step + 1;
        action := item.action;
        object := item.name;
        statement := item.command;
        RETURN NEXT;
    END LOOP;
    FOREACH again IN ARRAY off LOOP
        EXECUTE again;
    END LOOP;

    -- The rows that stay behind in the coordinator's own copy go in a transaction of their own, children first; the guards
    -- against TRUNCATE rest for that.
    FOR item IN SELECT p.relation FROM sentinel.distribution_plan() p WHERE p.kind = 'distributed' ORDER BY p.place DESC LOOP
        step := step + 1;
        action := 'to run after COMMIT';
        object := item.relation::text;
        statement := format('BEGIN; ALTER TABLE %1$s DISABLE TRIGGER USER; '
                            'SELECT truncate_local_data_after_distributing_table(%1$L); '
                            'ALTER TABLE %1$s ENABLE TRIGGER USER; COMMIT;', item.relation);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.distribute() IS
    'Spread the tables over the machines of a Citus cluster in one transaction: lookups are copied to every node, tables with org_id are distributed by it beside sentinel.orgs, triggers with transition tables get their form for shards. Each row given is a step done, or one to run after COMMIT. Refuses while distribute_check() has a row that blocks. Superuser only. It was run against a stand-in of Citus, never on a real cluster; there the same steps, in the same order, were proved with a like schema on Citus 13. From then on enqueue(), claim() and complete() go by statements that name one organisation each; that form too was tested on one machine, with the same results, never on a real cluster. What a cluster does not give yet: fail(), release(), heartbeat(), reap(), run_schedules() and those of the delivery''s outcome change or lock rows of several organisations in one statement, which Citus refuses with an error, events_since() keeps its order on one machine only, and a tenant''s session sees rows of shards only through ALTER ROLE ... SET sentinel.org_id. To go back: undistribute_table() of sentinel.orgs with cascade_via_foreign_keys, and of the tables without foreign keys; DELETE FROM sentinel.distribution; SELECT sentinel.install(). Errors: 42501, 55000 distributed already or rules broken, 0A000 no Citus, SN001.';
