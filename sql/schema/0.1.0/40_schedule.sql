-- Schedule: what is to happen again and again, and what is to happen once, as rows of an organisation.

CREATE TABLE sentinel.schedules (
    org_id          uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    id              uuid        NOT NULL DEFAULT sentinel.uuid7(),
    name            text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    cron_expression text        NOT NULL CHECK (char_length(cron_expression) <= 400),
    timezone        text        NOT NULL,
    event_type      text        CHECK (char_length(event_type) BETWEEN 1 AND 200),
    job_type        text        CHECK (char_length(job_type) BETWEEN 1 AND 200),
    payload         jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
    enabled         boolean     NOT NULL DEFAULT true,
    last_due_at     timestamptz,
    next_due_at     timestamptz,
    last_error      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name),
    CONSTRAINT schedules_one_effect CHECK (num_nonnulls(event_type, job_type) = 1)
);
CREATE INDEX schedules_due ON sentinel.schedules (org_id, next_due_at) WHERE enabled;

COMMENT ON TABLE sentinel.schedules IS
    'Recurring work of an organisation: at each due instant one event is emitted or one job enqueued, exactly once whoever ticks.';
COMMENT ON COLUMN sentinel.schedules.org_id IS 'Organisation the schedule belongs to.';
COMMENT ON COLUMN sentinel.schedules.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.schedules.name IS 'Name, unique in the organisation.';
COMMENT ON COLUMN sentinel.schedules.cron_expression IS
    'Minute, hour, day of month, month, day of week, as sentinel.cron_next() reads them.';
COMMENT ON COLUMN sentinel.schedules.timezone IS
    'Time zone of the expression; a new row without one takes that of the organisation.';
COMMENT ON COLUMN sentinel.schedules.event_type IS 'Event to emit; either this or job_type.';
COMMENT ON COLUMN sentinel.schedules.job_type IS 'Job to enqueue; either this or event_type.';
COMMENT ON COLUMN sentinel.schedules.payload IS
    'Payload of the event or job; schedule_id, schedule and due_at are added when it runs.';
COMMENT ON COLUMN sentinel.schedules.enabled IS
    'Whether it runs; what fell due while it was off is not made up for.';
COMMENT ON COLUMN sentinel.schedules.last_due_at IS 'Due instant of the last run.';
COMMENT ON COLUMN sentinel.schedules.next_due_at IS
    'Next due instant, filled by trigger; empty when none is to come.';
COMMENT ON COLUMN sentinel.schedules.last_error IS
    'Why the last attempt to run failed; empty after a success. It is tried again at every tick.';
COMMENT ON COLUMN sentinel.schedules.created_at IS 'When it was made.';
COMMENT ON INDEX sentinel.schedules_due IS 'The schedules that are due.';

CREATE TABLE sentinel.scheduled_tasks (
    org_id      uuid        NOT NULL REFERENCES sentinel.orgs (org_id) ON DELETE CASCADE,
    id          uuid        NOT NULL DEFAULT sentinel.uuid7(),
    task_key    text        CHECK (char_length(task_key) BETWEEN 1 AND 400),
    event_type  text        CHECK (char_length(event_type) BETWEEN 1 AND 200),
    job_type    text        CHECK (char_length(job_type) BETWEEN 1 AND 200),
    payload     jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
    execute_at  timestamptz NOT NULL CHECK (isfinite(execute_at)),
    executed_at timestamptz,
    last_error  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, task_key),
    CONSTRAINT scheduled_tasks_one_effect CHECK (num_nonnulls(event_type, job_type) = 1)
);
CREATE INDEX scheduled_tasks_due ON sentinel.scheduled_tasks (org_id, execute_at) WHERE executed_at IS NULL;

COMMENT ON TABLE sentinel.scheduled_tasks IS
    'One-off work of an organisation: at execute_at one event is emitted or one job enqueued, exactly once whoever ticks.';
COMMENT ON COLUMN sentinel.scheduled_tasks.org_id IS 'Organisation the task belongs to.';
COMMENT ON COLUMN sentinel.scheduled_tasks.id IS 'Identifier, uuid version 7.';
COMMENT ON COLUMN sentinel.scheduled_tasks.task_key IS
    'Key that keeps the same task from being scheduled twice; empty for none.';
COMMENT ON COLUMN sentinel.scheduled_tasks.event_type IS 'Event to emit; either this or job_type.';
COMMENT ON COLUMN sentinel.scheduled_tasks.job_type IS 'Job to enqueue; either this or event_type.';
COMMENT ON COLUMN sentinel.scheduled_tasks.payload IS 'Payload of the event or job; task_id is added when it runs.';
COMMENT ON COLUMN sentinel.scheduled_tasks.execute_at IS 'When it is due.';
COMMENT ON COLUMN sentinel.scheduled_tasks.executed_at IS 'When it ran; empty until then.';
COMMENT ON COLUMN sentinel.scheduled_tasks.last_error IS
    'Why the last attempt to run failed; empty after a success. It is tried again at every tick.';
COMMENT ON COLUMN sentinel.scheduled_tasks.created_at IS 'When it was scheduled.';
COMMENT ON INDEX sentinel.scheduled_tasks_due IS 'The tasks that wait for their time.';
