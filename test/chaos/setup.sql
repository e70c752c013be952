-- What the chaos test adds to its own database: the ledger that jobs write, the load, triggers that end their backend.
-- psql variables: armed = the folder of the orders to die.

CREATE SCHEMA chaos;

-- No key and no constraint: a job that took effect twice has two rows here.
CREATE TABLE chaos.ledger (n bigint NOT NULL, kind text NOT NULL, job_id uuid NOT NULL);
-- What was asked for, in the transaction that asked.
CREATE TABLE chaos.wanted (n bigint NOT NULL, kind text NOT NULL, batch bigint NOT NULL);

-- An order is a file and no row: a row's end would be rolled back with the backend that it ends. Of several backends only
-- the one that removes the file dies. cat waits for COPY to close the pipe, else COPY could fail with EPIPE.
-- WAIT is an order to be slow, for all who pass while the file is there.
CREATE FUNCTION chaos.strike(place text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    how text;
    file text;
BEGIN
    -- Long enough for its lease to be taken away meanwhile.
    IF (pg_stat_file(current_setting('chaos.armed') || '/' || place || '.WAIT', true)).size IS NOT NULL THEN
        PERFORM pg_sleep(2);
    END IF;
    FOREACH how IN ARRAY ARRAY['KILL', 'TERM'] LOOP
        file := current_setting('chaos.armed') || '/' || place || '.' || how;
        IF (pg_stat_file(file, true)).size IS NOT NULL THEN
            EXECUTE format('COPY (SELECT 1) TO PROGRAM %L',
                           format('cat >/dev/null; rm %s 2>/dev/null && kill -%s $PPID; true', file, how));
        END IF;
    END LOOP;
END
$$;
SELECT format('ALTER DATABASE %I SET chaos.armed = %L', current_database(), :'armed') \gexec

CREATE FUNCTION chaos.strike_here() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM chaos.strike(TG_ARGV[0]);
    RETURN NULL;
END
$$;
-- Inside finish_http(): the attempt is written, its job not yet.
CREATE TRIGGER chaos_attempt_row AFTER INSERT ON sentinel.delivery_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION chaos.strike_here('attempt_row');
-- Inside its commit: all is written, nothing is committed.
CREATE CONSTRAINT TRIGGER chaos_before_commit AFTER INSERT ON sentinel.delivery_attempts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos.strike_here('before_commit');

-- The effect comes first: one that failed or was killed afterwards must have left nothing.
CREATE FUNCTION chaos.write_ledger(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.ledger VALUES ((payload ->> 'n')::bigint, 'ledger', job_id);
    PERFORM chaos.strike('handler');
    IF random() < 0.03 THEN
        RAISE EXCEPTION 'drawn to fail';
    END IF;
    RETURN '{}';
END
$$;
CREATE FUNCTION chaos.write_link(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.ledger VALUES ((payload ->> 'n')::bigint, 'link', job_id);
    PERFORM sentinel.emit('chaos.linked', 'chaos', job_id, payload);
    PERFORM chaos.strike('handler');
    RETURN '{}';
END
$$;
CREATE FUNCTION chaos.write_chained(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.ledger VALUES ((payload #>> '{payload,n}')::bigint, 'chained', job_id);
    PERFORM chaos.strike('handler');
    RETURN '{}';
END
$$;
GRANT USAGE ON SCHEMA chaos TO sentinel_owner;
GRANT INSERT ON chaos.ledger TO sentinel_owner;

SELECT sentinel.register_job_type(t.job_type, t.handler, max_attempts => 100, base_delay => '0.2 seconds',
                                  max_delay => '1 second')
FROM (VALUES ('chaos_ledger', 'chaos.write_ledger'), ('chaos_link', 'chaos.write_link'),
             ('chaos_chained', 'chaos.write_chained')) AS t(job_type, handler);

-- One transaction of the load.
CREATE FUNCTION chaos.load(batch bigint, org uuid, ledgers integer, links integer, hooks integer, endpoints integer)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sentinel.enter(org);
    INSERT INTO chaos.wanted
    SELECT batch * 1000 + i,
           CASE WHEN i <= ledgers THEN 'ledger' WHEN i <= ledgers + links THEN 'link' ELSE 'hook' END, batch
    FROM generate_series(1, ledgers + links + hooks) i;
    PERFORM sentinel.enqueue_many(jsonb_agg(jsonb_build_object(
                'job_type', 'chaos_' || w.kind, 'payload', jsonb_build_object('n', w.n))))
    FROM chaos.wanted w WHERE w.batch = load.batch AND w.kind <> 'hook' HAVING count(*) > 0;
    PERFORM sentinel.emit_many(jsonb_agg(jsonb_build_object(
                'event_type', 'chaos.hook_' || w.n % endpoints, 'payload', jsonb_build_object('n', w.n))))
    FROM chaos.wanted w WHERE w.batch = load.batch AND w.kind = 'hook' HAVING count(*) > 0;
END
$$;
