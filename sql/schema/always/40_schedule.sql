-- Schedule: triggers, view, what the roles may read. Rows are written through functions, or by an operator directly.

DROP TRIGGER IF EXISTS schedules_fill ON sentinel.schedules;
CREATE TRIGGER schedules_fill BEFORE INSERT OR UPDATE OF cron_expression, timezone, enabled, job_type
    ON sentinel.schedules FOR EACH ROW EXECUTE FUNCTION sentinel.fill_schedule();

DROP TRIGGER IF EXISTS scheduled_tasks_check ON sentinel.scheduled_tasks;
CREATE TRIGGER scheduled_tasks_check BEFORE INSERT OR UPDATE OF job_type
    ON sentinel.scheduled_tasks FOR EACH ROW EXECUTE FUNCTION sentinel.check_scheduled_task();

GRANT SELECT ON sentinel.schedules, sentinel.scheduled_tasks TO sentinel_reader, sentinel_member;
GRANT INSERT, UPDATE, DELETE ON sentinel.schedules, sentinel.scheduled_tasks TO sentinel_operator;

CREATE OR REPLACE VIEW sentinel.upcoming_schedules WITH (security_invoker = true) AS
SELECT s.org_id, 'schedule'::text AS kind, s.id, s.name, s.event_type, s.job_type, s.cron_expression,
       s.timezone, s.next_due_at AS due_at, s.last_due_at, s.last_error
  FROM sentinel.schedules s
 WHERE s.enabled AND s.next_due_at IS NOT NULL
UNION ALL
SELECT t.org_id, 'task'::text, t.id, t.task_key, t.event_type, t.job_type, NULL, NULL, t.execute_at, NULL, t.last_error
  FROM sentinel.scheduled_tasks t
 WHERE t.executed_at IS NULL
 ORDER BY due_at;

GRANT SELECT ON sentinel.upcoming_schedules TO sentinel_reader, sentinel_member;

COMMENT ON VIEW sentinel.upcoming_schedules IS
    'One row per enabled schedule and per waiting one-off task, the next due first.';
COMMENT ON COLUMN sentinel.upcoming_schedules.org_id IS 'Organisation it belongs to.';
COMMENT ON COLUMN sentinel.upcoming_schedules.kind IS 'schedule (recurring) or task (one-off).';
COMMENT ON COLUMN sentinel.upcoming_schedules.id IS 'Identifier of the schedule or task.';
COMMENT ON COLUMN sentinel.upcoming_schedules.name IS 'Name of the schedule, key of the task.';
COMMENT ON COLUMN sentinel.upcoming_schedules.event_type IS 'Event that it will emit, or empty.';
COMMENT ON COLUMN sentinel.upcoming_schedules.job_type IS 'Job that it will enqueue, or empty.';
COMMENT ON COLUMN sentinel.upcoming_schedules.cron_expression IS 'Cron expression; empty for a task.';
COMMENT ON COLUMN sentinel.upcoming_schedules.timezone IS 'Time zone of the expression; empty for a task.';
COMMENT ON COLUMN sentinel.upcoming_schedules.due_at IS 'When it is due next.';
COMMENT ON COLUMN sentinel.upcoming_schedules.last_due_at IS 'Due instant of its last run; empty for a task.';
COMMENT ON COLUMN sentinel.upcoming_schedules.last_error IS 'Why its last attempt failed, or empty.';
