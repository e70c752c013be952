-- Room ops: is everything well?

-- grant: sentinel_operator, sentinel_worker
CREATE FUNCTION sentinel.health() RETURNS TABLE (check_name text, status text, detail text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    org uuid := sentinel.current_org();
BEGIN
    IF to_regclass('sentinel.migration') IS NULL OR sentinel.missing_migrations() > 0 THEN
        RETURN QUERY VALUES ('installed', 'critical', 'run SELECT sentinel.install();');
        RETURN;
    END IF;
    IF org IS NULL THEN
        PERFORM sentinel.require_engine(NULL);
    END IF;
    RETURN QUERY VALUES ('installed', 'ok', format('version %s', sentinel.version()));
    RETURN QUERY SELECT 'in service', CASE WHEN sentinel.parked() THEN 'warning' ELSE 'ok' END,
        CASE WHEN sentinel.parked() THEN 'restored copy: nothing is sent until SELECT sentinel.adopt_restore();'
             ELSE format('generation %s', sentinel.current_generation()) END;
    RETURN QUERY SELECT 'clock', CASE WHEN c.ran_at > moment - interval '3 minutes' THEN 'ok' ELSE 'critical' END,
        coalesce('last tick ' || date_trunc('second', moment - c.ran_at) || ' ago',
                 'never ticked: SELECT sentinel.install_schedule(); or start a worker')
        FROM (SELECT min(s.ran_at) AS ran_at FROM sentinel.clock_steps s) c;
    -- The error may name rows of any organisation.
    RETURN QUERY SELECT format('step %s', s.step), 'warning', CASE WHEN org IS NULL THEN s.error ELSE 'it failed: ask an administrator' END
        FROM sentinel.clock_steps s WHERE s.failed_at IS NOT NULL;
    RETURN QUERY SELECT 'worker', CASE WHEN count(*) > 0 THEN 'ok' ELSE 'warning' END,
        format('%s alive in the last 30 s', count(*)) FROM sentinel.workers w WHERE w.seen_at > moment - interval '30 s';
    RETURN QUERY SELECT 'queue lag',
        CASE WHEN coalesce(max(moment - w.run_at), '0') < interval '5 minutes' THEN 'ok' ELSE 'warning' END,
        format('%s jobs are due, the oldest since %s', count(*),
               coalesce(date_trunc('second', max(moment - w.run_at)), '0'))
        FROM sentinel.job_waiting w WHERE w.run_at <= moment AND (org IS NULL OR w.org_id = org);
    RETURN QUERY SELECT 'dead jobs', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'warning' END,
        format('%s in the last day', count(*))
        FROM sentinel.job_dead d WHERE d.failed_at > moment - interval '1 day' AND (org IS NULL OR d.org_id = org);
    RETURN QUERY SELECT 'paused queues', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'warning' END,
        coalesce(string_agg(q.queue, ', '), 'none') FROM sentinel.queues q WHERE q.paused_at IS NOT NULL;
END
$$;
ALTER FUNCTION sentinel.health() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.health() IS
    'Check what has to work: one row per check with ok, warning or critical. Jobs of the organisation entered, or, for administrators and workers, of all when none is. Errors: SN003.';
