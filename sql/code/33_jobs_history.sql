-- Room jobs: what has ended. One partition of job_history per day (UTC), dropped whole; statistics that outlive it.

CREATE FUNCTION sentinel.keep_history(as_of timestamptz DEFAULT now()) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    today date := (keep_history.as_of AT TIME ZONE 'UTC')::date;
    first_kept date := today - (SELECT ceil(extract(epoch FROM s.history_retention) / 86400)::integer
                                FROM sentinel.queue_settings s);
    day date;
    old record;
    changed integer := 0;
BEGIN
    -- Ahead of their days, so that nothing is written to the default partition, from where it would have to move.
    FOR day IN SELECT today + n FROM generate_series(0, 2) n
               WHERE to_regclass(format('sentinel_history.job_history_%s', to_char(today + n, 'YYYYMMDD'))) IS NULL LOOP
        PERFORM sentinel.make_history_day(day);
        changed := changed + 1;
    END LOOP;
    FOR old IN SELECT c.oid::regclass AS part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'sentinel.job_history'::regclass AND c.relname ~ '^job_history_\d{8}$'
                 AND to_date(right(c.relname, 8), 'YYYYMMDD') < first_kept LOOP
        EXECUTE format('DROP TABLE %s', old.part);
        changed := changed + 1;
    END LOOP;
    PERFORM sentinel.trim_default_history(first_kept);
    RETURN changed;
END
$$;
ALTER FUNCTION sentinel.keep_history(timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.keep_history(timestamptz) IS
    'Make the partitions of job_history for the day of as_of and the two next, and drop those whose whole day is older than queue_settings.history_retention. Gives the number made or dropped. Waits for locks 2 s at most, since others would wait behind it; the clock tries again. Called by tick(). Errors: 55P03.';

CREATE FUNCTION sentinel.make_history_day(day date) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    part text := format('sentinel_history.job_history_%s', to_char(make_history_day.day, 'YYYYMMDD'));
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE sentinel.job_history INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY tenant_isolation ON %s USING (org_id = sentinel.current_org()) '
                   'WITH CHECK (org_id = sentinel.current_org())', part);
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', part);
    EXECUTE format('GRANT ALL ON %s TO sentinel_engine', part);
    EXECUTE format('COMMENT ON TABLE %s IS %L', part, format('Attempts that ended on %s (UTC).', make_history_day.day));
    -- What the day has written to the default partition moves to its own, which else would be refused. The parent stays
    -- open to whoever writes other days.
    LOCK TABLE ONLY sentinel_history.job_history_default IN ACCESS EXCLUSIVE MODE;
    PERFORM sentinel.move_default_history(part::regclass, make_history_day.day);
    EXECUTE format('ALTER TABLE sentinel.job_history ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', part,
                   make_history_day.day::timestamptz, (make_history_day.day + 1)::timestamptz);
END
$$;
COMMENT ON FUNCTION sentinel.make_history_day(date) IS 'Make the partition of job_history for one day in UTC. Part of keep_history().';

CREATE FUNCTION sentinel.move_default_history(part regclass, day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    EXECUTE format('WITH gone AS (DELETE FROM ONLY sentinel_history.job_history_default h WHERE h.finished_at >= $1 '
                   'AND h.finished_at < $2 RETURNING *) INSERT INTO %s SELECT * FROM gone', move_default_history.part)
        USING move_default_history.day::timestamptz, (move_default_history.day + 1)::timestamptz;
END
$$;
ALTER FUNCTION sentinel.move_default_history(regclass, date) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.move_default_history(regclass, date) IS
    'Move the rows of a day out of the default partition of job_history, over all organisations. Part of keep_history().';

CREATE FUNCTION sentinel.trim_default_history(before date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    DELETE FROM ONLY sentinel_history.job_history_default h WHERE h.finished_at < trim_default_history.before;
END
$$;
ALTER FUNCTION sentinel.trim_default_history(date) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.trim_default_history(date) IS
    'Remove rows older than a day from the default partition of job_history, over all organisations. Part of keep_history().';

CREATE FUNCTION sentinel.count_ended_jobs() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.job_stats (org_id, queue, job_type, worker, outcome, jobs, wait_ms, run_ms, max_wait_ms, max_run_ms)
    SELECT e.org_id, e.queue, e.job_type, sentinel.stats_worker(e.worker), e.outcome, count(*), coalesce(sum(t.wait), 0),
           coalesce(sum(t.run), 0), coalesce(max(t.wait), 0), coalesce(max(t.run), 0)
    FROM ended e
    CROSS JOIN LATERAL (SELECT greatest(0, extract(epoch FROM e.claimed_at - e.run_at) * 1000)::float8 AS wait,
                               greatest(0, extract(epoch FROM e.finished_at - e.claimed_at) * 1000)::float8 AS run) t
    GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.count_ended_jobs() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.count_ended_jobs() IS
    'Trigger: add the attempts that ended otherwise than by complete(), which counts for itself, to job_stats.';

CREATE FUNCTION sentinel.stats_worker(worker text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN worker LIKE 'backend %' THEN 'backend' ELSE coalesce(worker, '') END
$$;
COMMENT ON FUNCTION sentinel.stats_worker(text) IS
    'Name of a worker in the statistics: backend for every backend that ran run_jobs(), whose numbers never end.';

CREATE FUNCTION sentinel.compact_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- One at a time with reset_stats(): what it removes must not come back as a sum.
    PERFORM 1 FROM sentinel.queue_settings s FOR UPDATE;
    WITH gone AS (DELETE FROM sentinel.job_stats RETURNING *)
    INSERT INTO sentinel.job_stats (org_id, queue, job_type, worker, outcome, jobs, wait_ms, run_ms, max_wait_ms, max_run_ms)
    SELECT g.org_id, g.queue, g.job_type, g.worker, g.outcome, sum(g.jobs), sum(g.wait_ms), sum(g.run_ms),
           max(g.max_wait_ms), max(g.max_run_ms)
    FROM gone g GROUP BY 1, 2, 3, 4, 5;
END
$$;
ALTER FUNCTION sentinel.compact_stats() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.compact_stats() IS 'Sum up job_stats to one row per kind. Called by purge_jobs().';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.reset_stats() RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    UPDATE sentinel.queue_settings s SET stats_reset_at = now();
    DELETE FROM sentinel.job_stats;
    RETURN now();
END
$$;
ALTER FUNCTION sentinel.reset_stats() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.reset_stats() IS
    'Let the views sentinel_stat_queues, sentinel_stat_workers and sentinel_stat_job_types count from zero again. Gives the time from which they count.';
