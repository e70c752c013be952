-- Write the calls for attacks/list.sh: each function that a login may call and that takes a uuid, with an id of each table
-- of ZEBRA in place of each uuid, compared with the answer for an id that does not exist. psql variables: login, and ids
-- as "@NAME@=uuid,...". Run by a superuser; what it prints is run as the login.
SELECT set_config('attack.ids', :'ids', false) \g /dev/null
SELECT $text$
SET client_min_messages = error;
CREATE FUNCTION pg_temp.answer(command text, id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got text;
    detail text;
    hint text;
BEGIN
    BEGIN
        EXECUTE 'SELECT string_agg(x::text, '' '') FROM ' || replace(command, 'THE_ID', id::text) || ' x' INTO got;
        RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = 'answer: ' || coalesce(got, 'null');  -- undoes what was done
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        got := format('%s %s (%s) (%s)', SQLSTATE, SQLERRM, detail, hint);
    END;
    IF got ~* 'zebra' THEN
        RETURN 'LEAK zebra ' || got;
    END IF;
    -- Ids and times that are made in the call differ from call to call.
    got := replace(got, id::text, 'X');
    got := regexp_replace(got, '01[0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}', 'NEW', 'g');
    RETURN regexp_replace(got, '\d{4}-\d\d-\d\d[ T]\d\d:\d\d:[0-9.]+(\+\d+)?', 'TIME', 'g');
END
$$;
CREATE TEMP TABLE call (routine text, command text, what text, id uuid);
$text$;
SELECT format('INSERT INTO call VALUES (%L, %L, %L, %L);', p.oid::regprocedure, format('%s(%s)', p.oid::regproc, (
           SELECT string_agg(format('%I => %s', n.name, CASE
                      WHEN n.place = target.place AND n.type = 'uuid' THEN '''THE_ID''::uuid'
                      WHEN n.place = target.place THEN '''{THE_ID}''::uuid[]'
                      WHEN n.type = 'uuid' THEN quote_literal('00000000-0000-7000-8000-000000000000') || '::uuid'
                      WHEN n.name = 'role' THEN '''viewer''' WHEN n.name = 'action' THEN '''view''' WHEN n.name = 'stage' THEN '''qualify'''
                      WHEN n.name = 'event_type' THEN '''probe.made''' WHEN n.name = 'job_type' THEN '''waiting_probe'''
                      WHEN n.name = 'activity_type' THEN '''other'''
                      WHEN n.type IN ('text', 'name') THEN '''x'''
                      WHEN n.type IN ('integer', 'smallint', 'bigint', 'numeric', 'double precision') THEN '1::' || n.type
                      WHEN n.type = 'timestamp with time zone' THEN '''2020-01-01''::timestamptz'
                      WHEN n.type = 'interval' THEN '''1 s''::interval' WHEN n.type = 'boolean' THEN 'true' WHEN n.type = 'jsonb' THEN '''{}''::jsonb'
                      ELSE 'NULL::' || n.type END), ', ' ORDER BY n.place)
           FROM (SELECT i.place, p.proargnames[i.place] AS name, format_type(i.type, NULL) AS type
                 FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY i(type, place)) n
           -- Arguments with a default are left out, unless it is the one that takes the id.
           WHERE n.place <= p.pronargs - p.pronargdefaults OR n.place = target.place)), known.name, known.id)
FROM pg_proc p
CROSS JOIN LATERAL (SELECT i.place FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY i(type, place)
                    WHERE i.type IN ('uuid'::regtype, 'uuid[]'::regtype)) target
CROSS JOIN (SELECT split_part(pair, '=', 1) AS name, split_part(pair, '=', 2)::uuid AS id
            FROM unnest(string_to_array(current_setting('attack.ids'), ',')) pair WHERE pair NOT LIKE '@A@%') known
WHERE p.pronamespace IN ('sentinel'::regnamespace, to_regnamespace('sentinel_bi')) AND p.prokind = 'f'
  AND has_function_privilege(:'login', p.oid, 'EXECUTE')
  -- Pure functions of their arguments, and of a foreign organisation named as one, know nothing of rows.
  AND p.provolatile <> 'i'
ORDER BY p.oid::regprocedure::text, target.place, known.name;
SELECT format('SELECT sentinel.enter(org_id, session => true) FROM (VALUES (%L::uuid)) o(org_id);', split_part(pair, '=', 2))
FROM unnest(string_to_array(current_setting('attack.ids'), ',')) pair WHERE pair LIKE '@A@%';
SELECT $text$
CREATE TEMP TABLE asked AS SELECT c.*, pg_temp.answer(c.command, c.id) AS got,
    pg_temp.answer(c.command, '00000000-0000-7000-8000-00000000ffff') AS expected FROM call c;
SELECT 'differs', a.routine, a.what, left(a.got, 150), left(a.expected, 150) FROM asked a WHERE a.got IS DISTINCT FROM a.expected;
SELECT format('%s calls of %s functions, each answered as for an id that does not exist', count(*), count(DISTINCT routine)) FROM asked;
$text$;
