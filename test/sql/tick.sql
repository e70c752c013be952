-- sentinel.tick(): each step by itself, in its own transaction.
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM sentinel.install();
SELECT sentinel.create_org('Clock Ltd', 'clock-' || gen_random_uuid()) AS org \gset
SELECT sentinel.enter(:'org', session => true);
-- Without those that every organisation starts with.
DELETE FROM sentinel.schedules WHERE org_id = :'org';
CREATE FUNCTION public.clock_probe(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE sql AS $$ SELECT jsonb_build_object('schedule', payload ->> 'schedule') $$;
GRANT EXECUTE ON FUNCTION public.clock_probe(uuid, jsonb) TO sentinel_owner;
INSERT INTO sentinel.job_types (job_type, kind, handler, queue, description)
VALUES ('clock_probe', 'sql', 'public.clock_probe', 'default', 'a job of the tick test');

SELECT sentinel.create_schedule('hourly probe', '@hourly', job_type => 'clock_probe') IS NOT NULL AS created;
SELECT sentinel.schedule_task(now() - interval '1 minute', 'clock.struck', payload => '{"hour": 12}') IS NOT NULL AS created;
UPDATE sentinel.schedules SET next_due_at = now() - interval '5 hours' WHERE org_id = :'org';

-- A step that fails is warned of, and the others run: the schedule, and the job that it enqueued.
ALTER FUNCTION sentinel.reap() RENAME TO reap_away;
CALL sentinel.tick();
SELECT step, ran_at IS NOT NULL AND failed_at IS NULL AS ran, error FROM sentinel.clock_steps ORDER BY step;
SELECT job_type, outcome, result FROM sentinel.job_history WHERE org_id = :'org';
SELECT event_type, payload ->> 'hour' AS hour FROM sentinel.events WHERE org_id = :'org' AND subject_type = 'scheduled_task';
SELECT name, next_due_at > now() AND next_due_at <= now() + interval '1 hour' AS next_hour
FROM sentinel.schedules WHERE org_id = :'org';

-- Mended, it runs again; what has run does not.
ALTER FUNCTION sentinel.reap_away() RENAME TO reap;
CALL sentinel.tick();
SELECT step, ran_at IS NOT NULL AND failed_at IS NULL AS ran, error FROM sentinel.clock_steps WHERE step = 'reap';
SELECT count(*) AS jobs_done FROM sentinel.job_history WHERE org_id = :'org';

-- It commits, so it cannot be part of a transaction.
\set VERBOSITY sqlstate
BEGIN;
CALL sentinel.tick();
ROLLBACK;

-- Without pg_cron at home here, the hint tells what to run where it is.
SELECT sentinel.install_schedule();
SELECT sentinel.uninstall_schedule();
SELECT purpose, replace(statement, current_database(), '<database>') AS statement FROM sentinel.schedule_statements();

DELETE FROM sentinel.schedules WHERE org_id = :'org';
SELECT sentinel.leave();
