-- Making and upgrading the tables: install() runs the migrations that the extension carries.

-- grant: everyone
CREATE FUNCTION sentinel.require_installed() RETURNS void
    LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_require_installed';
COMMENT ON FUNCTION sentinel.require_installed() IS
    'Raise SN001 unless install() has made the tables that this version of the code expects.';

-- grant: everyone
CREATE FUNCTION sentinel.missing_migrations() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- DROP EXTENSION ... CASCADE leaves the tables and takes the triggers: they are missed like a migration.
    RETURN (SELECT count(*) FROM sentinel.migrations() m
            WHERE m.kind = 'once' AND NOT EXISTS (
                SELECT FROM sentinel.migration d WHERE d.version = m.version AND d.room = m.room))
         + (SELECT count(*) FROM pg_catalog.pg_class c
            WHERE c.oid = pg_catalog.to_regclass('sentinel.events') AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'events_fan_out'));
END
$$;
ALTER FUNCTION sentinel.missing_migrations() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.missing_migrations() IS 'Count the migrations that the extension carries and install() has not run yet; triggers that went with an earlier extension count as one.';

CREATE FUNCTION sentinel.install() RETURNS TABLE (version text, room text, action text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    step record;
    was_run boolean;
    present oid;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'only a superuser can install sentinel',
            DETAIL = format('The current role is "%s". Tables, triggers and policies are given to sentinel_owner.', current_user),
            HINT = 'Run it as the role that ran CREATE EXTENSION.';
    END IF;
    PERFORM pg_advisory_xact_lock(7359, 1);
    -- Of no effect without Citus; with it, triggers of distributed tables are made only so.
    PERFORM set_config('citus.enable_unsafe_triggers', 'on', true);
    CREATE TABLE IF NOT EXISTS sentinel.migration (
        version text NOT NULL,
        room text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (version, room)
    );
    COMMENT ON TABLE sentinel.migration IS 'Migrations that install() has run, each once.';
    COMMENT ON COLUMN sentinel.migration.version IS 'Release that brought the migration.';
    COMMENT ON COLUMN sentinel.migration.room IS 'File of the migration.';
    COMMENT ON COLUMN sentinel.migration.applied_at IS 'When it was run.';
    GRANT SELECT ON sentinel.migration TO sentinel_engine, sentinel_owner;

    FOR step IN SELECT * FROM sentinel.migrations() m ORDER BY m.kind DESC, m.place LOOP
        SELECT EXISTS (SELECT FROM sentinel.migration d WHERE d.version = step.version AND d.room = step.room)
        INTO was_run;
        IF step.kind = 'once' AND was_run THEN
            CONTINUE;
        END IF;
        EXECUTE step.statements;
        IF step.kind = 'once' THEN
            INSERT INTO sentinel.migration (version, room) VALUES (step.version, step.room);
        END IF;
        install.version := step.version;
        install.room := step.room;
        install.action := CASE step.kind WHEN 'once' THEN 'created' ELSE 'refreshed' END;
        RETURN NEXT;
    END LOOP;

    PERFORM sentinel.restore_defaults();
    PERFORM sentinel.secure_tables();
    PERFORM sentinel.keep_history();
    PERFORM sentinel.current_generation();
    FOR present IN SELECT 1 FROM sentinel.orgs LIMIT 1 LOOP
        PERFORM sentinel.setup_orgs();
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.install() IS
    'Make or upgrade the tables of sentinel in this database: run each migration once, then re-create triggers, policies, views, defaults and grants. Safe to call again; gives one row per step. Superuser only. Errors: 42501.';

CREATE FUNCTION sentinel.restore_defaults() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spot record;
BEGIN
    -- DROP EXTENSION ... CASCADE takes the defaults that call our functions, never a table.
    FOR spot IN
        SELECT c.oid::regclass AS relation, a.attname,
               CASE WHEN a.attname = 'generation' THEN 'sentinel.current_generation()' ELSE 'sentinel.uuid7()' END AS expression
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped AND NOT a.atthasdef
        WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind IN ('r', 'p')
          AND (a.attname = 'id' AND a.atttypid = 'uuid'::regtype
               OR c.relname = 'orgs' AND a.attname = 'org_id'
               OR c.relname = 'events' AND a.attname = 'generation')
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', spot.relation, spot.attname, spot.expression);
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.restore_defaults() IS 'Put back the column defaults that call functions of the extension. Part of install().';

CREATE FUNCTION sentinel.secure_tables() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spot record;
BEGIN
    FOR spot IN
        SELECT c.oid, c.oid::regclass AS relation, c.relkind, c.relrowsecurity AND c.relforcerowsecurity AS secured,
               pg_get_userbyid(c.relowner) AS owner,
               EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped) AS has_org,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS has_policy
        FROM pg_class c
        WHERE c.relnamespace IN ('sentinel'::regnamespace, to_regnamespace('sentinel_history'), to_regnamespace('sentinel_bi'))
          AND c.relkind IN ('r', 'p', 'v', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
    LOOP
        IF spot.owner <> 'sentinel_owner' THEN
            EXECUTE format('ALTER %s %s OWNER TO sentinel_owner',
                           CASE spot.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, spot.relation);
        END IF;
        IF spot.relkind = 'S' THEN
            EXECUTE format('GRANT ALL ON SEQUENCE %s TO sentinel_engine', spot.relation);
            CONTINUE;
        END IF;
        EXECUTE format('GRANT ALL ON %s TO sentinel_engine', spot.relation);
        IF spot.relkind = 'v' THEN
            CONTINUE;
        ELSIF NOT spot.has_org THEN
            CONTINUE;
        END IF;
        IF NOT spot.secured THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', spot.relation);
        END IF;
        IF NOT spot.has_policy THEN
            EXECUTE format('CREATE POLICY tenant_isolation ON %s USING (org_id = sentinel.current_org()) '
                           'WITH CHECK (org_id = sentinel.current_org())', spot.relation);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.secure_tables() IS
    'Give every table and view of sentinel to sentinel_owner, force row-level security on every tenant table, and add the policy tenant_isolation where a table has none. Part of install().';

CREATE FUNCTION sentinel.setup_orgs() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step record;
BEGIN
    FOR step IN SELECT o.org_id, s.function_name FROM sentinel.orgs o CROSS JOIN sentinel.org_setup s
                ORDER BY o.org_id, s.position, s.function_name LOOP
        EXECUTE format('SELECT %s($1)', step.function_name::regproc) USING step.org_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sentinel.setup_orgs() IS 'Run the set-up of every organisation again, so that a new release brings its defaults. Part of install().';
