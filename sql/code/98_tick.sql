-- The clock: tick() does what time brings; pg_cron or the worker calls it.

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.tick_step(step text, as_of timestamptz) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before record;
    started timestamptz := clock_timestamp();
    did bigint;
    state text;
    reason text;
    rule text;
BEGIN
    PERFORM sentinel.require_installed();
    -- A row lock and no advisory lock: those may be taken, and the clock stopped, by anybody who can log in.
    SELECT c.ran_at, c.failed_at INTO before FROM sentinel.clock_steps c WHERE c.step = tick_step.step
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- What expires by the day need not be looked for every few seconds.
    IF tick_step.step IN ('purge_jobs', 'keep_history', 'purge_gateway', 'refresh_keys') AND before.failed_at IS NULL AND before.ran_at > started - interval '50 seconds' THEN
        RETURN 0;
    END IF;
    BEGIN
        -- Statements, not one expression: a function that is missing fails its own step only.
        CASE tick_step.step
            WHEN 'reap' THEN did := sentinel.reap();
            WHEN 'run_schedules' THEN did := sentinel.run_schedules(coalesce(as_of, now()));
            WHEN 'sweep_risk' THEN did := sentinel.sweep_risk(coalesce(as_of, now()), 1000, 1000);
            WHEN 'purge_jobs' THEN did := sentinel.purge_jobs();
            WHEN 'keep_history' THEN did := sentinel.keep_history();
            WHEN 'purge_gateway' THEN did := sentinel.purge_buckets(coalesce(as_of, now())) + sentinel.purge_sessions(coalesce(as_of, now()))
                                              + sentinel.purge_webhooks(coalesce(as_of, now()));
            WHEN 'refresh_keys' THEN did := sentinel.refresh_keys(coalesce(as_of, now()));
        END CASE;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, rule = PG_EXCEPTION_DETAIL;
        UPDATE sentinel.clock_steps c SET failed_at = started, error = left(format('%s: %s', state, reason), 500)
         WHERE c.step = tick_step.step;
        RAISE WARNING USING ERRCODE = state,
            MESSAGE = format('tick step "%s" failed with %s: %s', tick_step.step, state, reason),
            DETAIL = coalesce(nullif(rule, ''), 'Its work was rolled back; the other steps go on.'),
            HINT = 'It is tried again at the next tick.';
        RETURN NULL;
    END;
    -- Not written at every tick: the worker ticks every few seconds.
    IF before.failed_at IS NOT NULL OR before.ran_at IS NULL OR before.ran_at < started - interval '30 seconds' THEN
        UPDATE sentinel.clock_steps c SET ran_at = started, done = coalesce(did, 0), failed_at = NULL, error = NULL
         WHERE c.step = tick_step.step;
    END IF;
    RETURN did;
END
$$;
ALTER FUNCTION sentinel.tick_step(text, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.tick_step(text, timestamptz) IS
    'Do one step of tick() and give how much it did; null when another ticker is at it, or when it failed, which is warned of and kept in sentinel.clock_steps.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.clock_job_name(purpose text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    label text := format('sentinel %s %s', purpose, current_database());
BEGIN
    -- pg_cron's names have the type name: 63 bytes.
    RETURN CASE WHEN octet_length(label) < 64 THEN label
                ELSE format('sentinel %s %s', purpose, md5(current_database())) END;
END
$$;
COMMENT ON FUNCTION sentinel.clock_job_name(text) IS
    'Give the name of the pg_cron job that serves this database for a purpose, tick or purge; at most 63 bytes.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.schedule_statements() RETURNS TABLE (purpose text, statement text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tick text := sentinel.clock_job_name('tick');
    purge text := sentinel.clock_job_name('purge');
    old_runs text := format('DELETE FROM cron.job_run_details d USING cron.job j WHERE j.jobid = d.jobid '
        'AND j.jobname IN (%L, %L) AND coalesce(d.end_time, d.start_time) < now() - interval ''7 days''', tick, purge);
BEGIN
    RETURN QUERY VALUES
        ('tick', format('SELECT cron.schedule_in_database(%L, %L, %L, %L);', tick, '* * * * *', 'CALL sentinel.tick()',
                        current_database())),
        ('purge', format('SELECT cron.schedule(%L, %L, %L);', purge, '17 3 * * *', old_runs));
END
$$;
COMMENT ON FUNCTION sentinel.schedule_statements() IS
    'Give the statements that let pg_cron tick for this database and purge its records of ticks older than 7 days; to be run in the database that holds pg_cron. Times there are in GMT.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.require_cron_here(missing text, hint text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home text := current_setting('cron.database_name', true);
BEGIN
    IF home = current_database() AND EXISTS (SELECT FROM pg_extension x WHERE x.extname = 'pg_cron') THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'SN009', MESSAGE = format('%s in database "%s"', missing, current_database()),
        DETAIL = CASE
            WHEN home IS NULL THEN 'pg_cron is not among the shared_preload_libraries of this server.'
            ELSE format('pg_cron of this server lives in database "%s" only.', home) END,
        HINT = CASE
            WHEN home IS NULL THEN format('Start the worker, which ticks too; or preload pg_cron, restart, and run in its database, after CREATE EXTENSION pg_cron: %s', hint)
            ELSE format('Run in database "%s", after CREATE EXTENSION IF NOT EXISTS pg_cron: %s', home, hint) END;
END
$$;
COMMENT ON FUNCTION sentinel.require_cron_here(text, text) IS
    'Raise SN009 with a statement as its hint unless pg_cron works in this database.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.install_schedule() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted record;
    job bigint;
BEGIN
    PERFORM sentinel.require_installed();
    PERFORM sentinel.require_cron_here('pg_cron cannot tick',
        (SELECT s.statement FROM sentinel.schedule_statements() s WHERE s.purpose = 'tick'));
    FOR wanted IN SELECT s.purpose, s.statement FROM sentinel.schedule_statements() s ORDER BY s.purpose LOOP
        -- Scheduling a known name changes the job of that name; a job that somebody switched off is switched on.
        EXECUTE rtrim(wanted.statement, ';') INTO job;
        EXECUTE format('SELECT cron.alter_job(%s, active := true)', job);
    END LOOP;
    RETURN format('pg_cron runs "%s" every minute', sentinel.clock_job_name('tick'));
END
$$;
COMMENT ON FUNCTION sentinel.install_schedule() IS
    'Let pg_cron call tick() for this database every minute and purge its own records of that after 7 days. Safe to call again. Errors: SN001; SN009 where pg_cron is not at home, with the statement to run where it is as hint.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.uninstall_schedule() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended integer := 0;
    job bigint;
BEGIN
    PERFORM sentinel.require_cron_here('pg_cron does not tick',
        format('SELECT cron.unschedule(%L);', sentinel.clock_job_name('tick')));
    FOR job IN EXECUTE 'SELECT j.jobid FROM cron.job j WHERE j.jobname = ANY ($1)'
        USING ARRAY[sentinel.clock_job_name('tick'), sentinel.clock_job_name('purge')] LOOP
        EXECUTE format('SELECT cron.unschedule(%s)', job);
        ended := ended + 1;
    END LOOP;
    RETURN CASE WHEN ended = 0 THEN format('pg_cron did not run "%s"', sentinel.clock_job_name('tick'))
                ELSE format('pg_cron no longer runs "%s"', sentinel.clock_job_name('tick')) END;
END
$$;
COMMENT ON FUNCTION sentinel.uninstall_schedule() IS
    'Stop what install_schedule() started; the worker ticks on. Errors: SN009 where pg_cron is not at home, with the statement to run where it is as hint.';

-- grant: sentinel_worker, sentinel_admin
CREATE PROCEDURE sentinel.tick(as_of timestamptz DEFAULT NULL)
    LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := pg_catalog.clock_timestamp();
    did bigint;
    ran integer;
BEGIN
    PERFORM sentinel.require_installed();
    COMMIT;
    PERFORM sentinel.tick_step('reap', as_of);
    COMMIT;
    PERFORM sentinel.tick_step('run_schedules', as_of);
    COMMIT;
    LOOP
        did := sentinel.tick_step('sweep_risk', as_of);
        COMMIT;
        -- A full batch means that there is more.
        EXIT WHEN coalesce(did, 0) < 1000 OR pg_catalog.clock_timestamp() > started + interval '20 seconds';
    END LOOP;
    PERFORM sentinel.tick_step('purge_jobs', as_of);
    COMMIT;
    PERFORM sentinel.tick_step('keep_history', as_of);
    COMMIT;
    PERFORM sentinel.tick_step('purge_gateway', as_of);
    COMMIT;
    PERFORM sentinel.tick_step('refresh_keys', as_of);
    COMMIT;
    -- A worker runs the jobs itself; without one the clock does, but never into the next minute's tick.
    WHILE NOT sentinel.worker_alive() AND pg_catalog.clock_timestamp() < started + interval '40 seconds' LOOP
        CALL sentinel.run_jobs(500, ran);
        COMMIT;
        EXIT WHEN ran = 0;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE sentinel.tick(timestamptz) IS
    'Do what time brings, each step in a transaction of its own: take back lost jobs, run what is scheduled, re-score the deals that change with time, purge and ask for old keys of identity providers (once a minute); and when no worker has been seen for 30 s, run the jobs whose handlers live in the database, for up to 40 s. A step that fails is warned of and does not stop the others; any number of tickers may call. Call it outside a transaction. Errors: SN001.';
