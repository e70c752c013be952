-- The boundary: every way out of C++ ends as an ordinary SQL error with its true SQLSTATE, and the session goes on.
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CREATE FUNCTION probe(text) RETURNS integer LANGUAGE c AS '$libdir/sentinel', 'sentinel_boundary_probe';
CREATE FUNCTION sqlstate_of(kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
    PERFORM probe(kind);
    RETURN 'no error';
EXCEPTION WHEN query_canceled OR OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', state, left(message, 40), nullif(detail, ''), nullif(hint, ''));
END $$;

SELECT kind, sqlstate_of(kind) FROM unnest(ARRAY['exception', 'bad_alloc', 'not an exception', 'failure', 'server error',
    'swallowed', 'none']) AS kind;

-- A message that was cut is still valid text.
\set VERBOSITY terse
SELECT length(sqlstate_of('long message')) > 0;

-- A cancel reaches C++ code.
SET statement_timeout = '50ms';
SELECT sqlstate_of('cancel');
RESET statement_timeout;

-- Ten thousand errors leave nothing behind.
SELECT count(*) FROM generate_series(1, 10000) i WHERE sqlstate_of('exception') LIKE 'XX000%';

-- The session goes on.
SELECT probe('none');
