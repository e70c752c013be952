-- Roles and the schema's owner: refuse what another party prepared, make what is missing.
DO $$
DECLARE
    wanted record;
    role_now record;
BEGIN
    SELECT r.rolname, r.rolsuper INTO role_now
    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'sentinel';
    IF NOT role_now.rolsuper THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('schema "sentinel" belongs to role "%s"', role_now.rolname),
            DETAIL = 'Objects of this schema run with rights of their owners, so only a superuser may own it.',
            HINT = 'DROP SCHEMA sentinel; or ALTER SCHEMA sentinel OWNER TO a superuser.';
    END IF;

    FOR wanted IN
        SELECT * FROM (VALUES
            ('sentinel_owner', false, 'owns the tables and the tenant functions of sentinel'),
            ('sentinel_engine', true, 'owns the functions of sentinel that work across organisations'),
            ('sentinel_reader', false, 'reads one organisation: BI tools'),
            ('sentinel_member', false, 'works in one organisation with the rights of a member'),
            ('sentinel_operator', false, 'operates queues, schedules and deliveries of one organisation'),
            ('sentinel_worker', false, 'the worker: claims and finishes jobs'),
            ('sentinel_gateway', false, 'the gateway: passes HTTP requests on'),
            ('sentinel_admin', false, 'makes organisations and enters all of them')
        ) AS r(name, bypass, purpose)
    LOOP
        -- On a cluster of Citus the owners of functions, and the roles that routes act as, must be able to log in: nodes connect to
        -- each other as them.
        SELECT r.rolname, r.rolbypassrls, r.rolsuper OR r.rolcreaterole OR r.rolreplication
               OR r.rolcanlogin AND NOT (wanted.name IN ('sentinel_owner', 'sentinel_engine', 'sentinel_member', 'sentinel_operator')
                                        AND EXISTS (
                   SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'citus')) AS able INTO role_now
        FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name;
        IF NOT FOUND THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN %s', wanted.name,
                           CASE WHEN wanted.bypass THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END);
            EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.name, 'sentinel: ' || wanted.purpose);
        ELSIF role_now.able OR role_now.rolbypassrls <> wanted.bypass THEN
            RAISE EXCEPTION USING ERRCODE = '42710',
                MESSAGE = format('role "%s" exists with other attributes', wanted.name),
                DETAIL = format('It must be NOLOGIN, NOSUPERUSER, NOCREATEROLE, NOREPLICATION and %s.',
                                CASE WHEN wanted.bypass THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END),
                HINT = format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION %s;', wanted.name,
                              CASE WHEN wanted.bypass THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END);
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA sentinel TO sentinel_owner, sentinel_engine, sentinel_reader, sentinel_member,
    sentinel_operator, sentinel_worker, sentinel_gateway, sentinel_admin;
GRANT sentinel_reader TO sentinel_operator;
GRANT sentinel_operator TO sentinel_admin;
