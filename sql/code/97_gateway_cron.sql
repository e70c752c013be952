-- Room gateway, cron: what a scheduler outside the database may set off. pg_cron or the worker do it by themselves.

CREATE FUNCTION sentinel.http_cron_tick(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('json', jsonb_build_object('steps', (
        SELECT jsonb_object_agg(c.step, sentinel.tick_step(c.step, NULL) ORDER BY c.step) FROM sentinel.clock_steps c)));
END
$$;
COMMENT ON FUNCTION sentinel.http_cron_tick(jsonb, bytea) IS
    'Route: do the steps of tick() but for running jobs, and tell how much each did; null for one that another ticker is at or that failed.';

CREATE FUNCTION sentinel.http_cron_deliver(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.wake_workers();
    RETURN jsonb_build_object('json', jsonb_build_object('woken', true, 'worker_alive', sentinel.worker_alive(),
        'waiting', (SELECT count(*) FROM sentinel.deliveries d WHERE d.state = 'waiting')));
END
$$;
COMMENT ON FUNCTION sentinel.http_cron_deliver(jsonb, bytea) IS
    'Route: wake the workers, which send what is due, and tell how many deliveries wait.';
