-- Room schedule: cron expressions, recurring and one-off work. What drives it is in 98_tick.sql.

-- grant: everyone
CREATE FUNCTION sentinel.cron_next(expression text, timezone text DEFAULT 'UTC', after timestamptz DEFAULT now())
    RETURNS timestamptz LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_cron_next';
COMMENT ON FUNCTION sentinel.cron_next(text, text, timestamptz) IS
    'Give the first instant after a given one at which a cron expression is due in a time zone; null when none is to come. Five fields (lists, ranges, steps, JAN-DEC, SUN-SAT, 0 and 7 are Sunday, L is the last day of the month) or @hourly @daily @weekly @monthly @yearly. When both days are restricted, either is enough. A time that a clock change skips runs at the first instant after it, one that comes twice runs the first time; with * as hour every real hour runs. Stable, not immutable: time zones change with the server''s time zone data. Errors: 22023.';

-- grant: everyone
CREATE FUNCTION sentinel.cron_valid(expression text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_cron_valid';
COMMENT ON FUNCTION sentinel.cron_valid(text) IS
    'Tell whether a text is a cron expression that some day matches; sentinel.cron_next() says why not.';

CREATE FUNCTION sentinel.check_scheduled_effect(event_type text, job_type text, payload jsonb) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF num_nonnulls(event_type, job_type) <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = CASE WHEN job_type IS NULL THEN 'neither event type nor job type given'
                           ELSE format('both event type "%s" and job type "%s" given', left(event_type, 60), left(job_type, 60)) END,
            DETAIL = 'What is scheduled emits one event or enqueues one job.',
            HINT = 'Use event_type => ''report.due'', or a job type of sentinel.job_types.';
    END IF;
    IF event_type !~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid event type "%s"', left(event_type, 80)),
            DETAIL = 'An event type is lower-case words joined by dots, subject first.', HINT = 'Use ''report.due''.';
    END IF;
    IF job_type IS NOT NULL AND NOT EXISTS (
        SELECT FROM sentinel.job_types t WHERE t.job_type = check_scheduled_effect.job_type) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('unknown job type "%s"', left(job_type, 60)),
            DETAIL = 'Only a job type of sentinel.job_types has somebody to do it; events may have any type.',
            HINT = 'SELECT job_type FROM sentinel.job_types;';
    END IF;
    IF jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('payload is of type %s', coalesce(jsonb_typeof(payload), 'null')),
            DETAIL = 'A payload is a JSON object.', HINT = 'Use ''{"report": "weekly"}''.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.check_scheduled_effect(text, text, jsonb) IS
    'Refuse what cannot be scheduled: not exactly one of event and job, a malformed event type, a job type that nobody handles, a payload that is no object. Errors: SN004 job type, SN007.';

CREATE FUNCTION sentinel.fill_schedule() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    following timestamptz;
BEGIN
    IF NEW.timezone IS NULL THEN
        NEW.timezone := coalesce((SELECT o.timezone FROM sentinel.orgs o WHERE o.org_id = NEW.org_id), 'UTC');
    END IF;
    PERFORM sentinel.check_scheduled_effect(NEW.event_type, NEW.job_type, NEW.payload);
    following := sentinel.cron_next(NEW.cron_expression, NEW.timezone);
    IF TG_OP = 'INSERT' THEN
        NEW.next_due_at := coalesce(NEW.next_due_at, following);
    ELSIF NEW.cron_expression <> OLD.cron_expression OR NEW.timezone <> OLD.timezone
          OR (NEW.enabled AND NOT OLD.enabled) THEN
        NEW.next_due_at := following;
        NEW.last_error := NULL;
    END IF;
    RETURN NEW;
END
$$;
ALTER FUNCTION sentinel.fill_schedule() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.fill_schedule() IS
    'Trigger: check a schedule, give it the time zone of its organisation where it has none, and compute when it is due next: at insert, after a change of expression or zone, and when it is switched on again. Errors: SN004, SN007, 22023.';

CREATE FUNCTION sentinel.check_scheduled_task() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.check_scheduled_effect(NEW.event_type, NEW.job_type, NEW.payload);
    RETURN NEW;
END
$$;
ALTER FUNCTION sentinel.check_scheduled_task() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.check_scheduled_task() IS 'Trigger: check a one-off task. Errors: SN004, SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.create_schedule(name text, cron_expression text, event_type text DEFAULT NULL,
                                         job_type text DEFAULT NULL, payload jsonb DEFAULT '{}',
                                         timezone text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    label text := trim(create_schedule.name);
    new_id uuid;
    first_due timestamptz;
BEGIN
    PERFORM sentinel.require_manager();
    IF label IS NULL OR char_length(label) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid schedule name "%s"', left(label, 60)),
            DETAIL = 'A name has 1 to 200 characters.', HINT = 'Use ''weekly report''.';
    END IF;
    IF create_schedule.cron_expression IS NULL OR char_length(create_schedule.cron_expression) > 400 THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('invalid cron expression "%s"', left(create_schedule.cron_expression, 60)),
            DETAIL = 'An expression has five fields and at most 400 characters.', HINT = 'Use ''30 8 * * MON-FRI''.';
    END IF;
    INSERT INTO sentinel.schedules AS s (org_id, name, cron_expression, timezone, event_type, job_type, payload)
    VALUES (org, label, trim(create_schedule.cron_expression), create_schedule.timezone,
            create_schedule.event_type, create_schedule.job_type, coalesce(create_schedule.payload, '{}'))
    ON CONFLICT (org_id, name) DO NOTHING
    RETURNING s.id, s.next_due_at INTO new_id, first_due;
    IF new_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('a schedule "%s" exists', left(label, 60)),
            DETAIL = 'Names of schedules are unique in an organisation.',
            HINT = format('SELECT sentinel.drop_schedule(%L);', label);
    END IF;
    PERFORM sentinel.audit('schedule.created', 'schedule', new_id, jsonb_build_object('name', label,
        'cron_expression', create_schedule.cron_expression, 'next_due_at', first_due));
    RETURN new_id;
END
$$;
ALTER FUNCTION sentinel.create_schedule(text, text, text, text, jsonb, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.create_schedule(text, text, text, text, jsonb, text) IS
    'Emit an event or enqueue a job at every instant of a cron expression; gives the schedule''s id. The time zone is that of the organisation unless given. Errors: SN002, SN003, SN004 job type, SN007, 22023 expression or zone, 23505 name taken.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.drop_schedule(name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    gone uuid;
BEGIN
    PERFORM sentinel.require_manager();
    DELETE FROM sentinel.schedules s WHERE s.org_id = org AND s.name = trim(drop_schedule.name) RETURNING s.id INTO gone;
    IF gone IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no schedule "%s"', left(drop_schedule.name, 60)),
            DETAIL = 'The organisation entered has no schedule of this name.',
            HINT = 'SELECT name FROM sentinel.schedules;';
    END IF;
    PERFORM sentinel.audit('schedule.dropped', 'schedule', gone, jsonb_build_object('name', trim(drop_schedule.name)));
END
$$;
ALTER FUNCTION sentinel.drop_schedule(text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.drop_schedule(text) IS 'Remove a schedule; what it has set off stays. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enable_schedule(name text, enabled boolean DEFAULT true) RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    found_id uuid;
    next_due timestamptz;
BEGIN
    PERFORM sentinel.require_manager();
    UPDATE sentinel.schedules s SET enabled = enable_schedule.enabled
     WHERE s.org_id = org AND s.name = trim(enable_schedule.name)
    RETURNING s.id, CASE WHEN s.enabled THEN s.next_due_at END INTO found_id, next_due;
    IF found_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no schedule "%s"', left(enable_schedule.name, 60)),
            DETAIL = 'The organisation entered has no schedule of this name.',
            HINT = 'SELECT name FROM sentinel.schedules;';
    END IF;
    PERFORM sentinel.audit(CASE WHEN enable_schedule.enabled THEN 'schedule.enabled' ELSE 'schedule.disabled' END,
                           'schedule', found_id, '{}');
    RETURN next_due;
END
$$;
ALTER FUNCTION sentinel.enable_schedule(text, boolean) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.enable_schedule(text, boolean) IS
    'Switch a schedule on or, with false, off; gives when it is due next. What fell due while it was off is not made up for. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.schedule_task(execute_at timestamptz, event_type text DEFAULT NULL, job_type text DEFAULT NULL,
                                       payload jsonb DEFAULT '{}', task_key text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    task uuid;
BEGIN
    PERFORM sentinel.require_manager();
    IF schedule_task.execute_at IS NULL OR NOT isfinite(schedule_task.execute_at) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid time "%s"', schedule_task.execute_at),
            DETAIL = 'A task is due at a finite instant.', HINT = 'Use now() + interval ''30 days''.';
    END IF;
    INSERT INTO sentinel.scheduled_tasks AS t (org_id, task_key, event_type, job_type, payload, execute_at)
    VALUES (org, schedule_task.task_key, schedule_task.event_type, schedule_task.job_type,
            coalesce(schedule_task.payload, '{}'), schedule_task.execute_at)
    ON CONFLICT (org_id, task_key) DO NOTHING
    RETURNING t.id INTO task;
    IF task IS NULL THEN
        SELECT t.id INTO task FROM sentinel.scheduled_tasks t
         WHERE t.org_id = org AND t.task_key = schedule_task.task_key;
    END IF;
    RETURN task;
END
$$;
ALTER FUNCTION sentinel.schedule_task(timestamptz, text, text, jsonb, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.schedule_task(timestamptz, text, text, jsonb, text) IS
    'Emit an event or enqueue a job once, at a given time; gives the task''s id. A known key, done or not, gives the first task''s id and changes nothing. Errors: SN002, SN003, SN004 job type, SN007, 22023.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.cancel_task(task_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_manager();
    DELETE FROM sentinel.scheduled_tasks t
     WHERE t.org_id = org AND t.id = cancel_task.task_id AND t.executed_at IS NULL;
    RETURN FOUND;
END
$$;
ALTER FUNCTION sentinel.cancel_task(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.cancel_task(uuid) IS
    'Remove a one-off task that has not run yet; false when it has run or is unknown. Errors: SN002, SN003.';

CREATE FUNCTION sentinel.fire_scheduled(org uuid, event_type text, job_type text, subject_type text, subject_id uuid,
                                        payload jsonb, key text) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF event_type IS NOT NULL THEN
        RETURN sentinel.emit_for(org, event_type, subject_type, subject_id, payload, key);
    END IF;
    RETURN sentinel.enqueue(job_type, payload, idempotency_key => key, org_id => org);
END
$$;
ALTER FUNCTION sentinel.fire_scheduled(uuid, text, text, text, uuid, jsonb, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.fire_scheduled(uuid, text, text, text, uuid, jsonb, text) IS
    'Emit the event or enqueue the job of something that is due; for the engine. Gives the id of either.';

-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.run_schedules(as_of timestamptz DEFAULT now()) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    due record;
    state text;
    reason text;
    done integer := 0;
BEGIN
    PERFORM sentinel.require_installed();
    -- Another ticker's rows are skipped while it works on them and no longer due when it has committed.
    FOR due IN
        SELECT s.org_id, s.id, s.name, s.cron_expression, s.timezone, s.event_type, s.job_type, s.payload, s.next_due_at
          FROM sentinel.schedules s
         WHERE s.enabled AND s.next_due_at <= as_of
         ORDER BY s.next_due_at, s.org_id, s.id
           FOR UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM sentinel.fire_scheduled(due.org_id, due.event_type, due.job_type, 'schedule', due.id,
                due.payload || jsonb_build_object('schedule_id', due.id, 'schedule', due.name, 'due_at', due.next_due_at),
                format('schedule:%s:%s', due.id, extract(epoch FROM due.next_due_at)::bigint));
            -- From as_of, not from the due instant: what was missed collapses into this one run.
            UPDATE sentinel.schedules s
               SET last_due_at = due.next_due_at, last_error = NULL,
                   next_due_at = sentinel.cron_next(due.cron_expression, due.timezone, as_of)
             WHERE s.org_id = due.org_id AND s.id = due.id;
            done := done + 1;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT;
            UPDATE sentinel.schedules s SET last_error = left(format('%s: %s', state, reason), 500)
             WHERE s.org_id = due.org_id AND s.id = due.id;
            RAISE WARNING USING ERRCODE = state, MESSAGE = format('schedule "%s" of organisation %s failed: %s',
                due.name, due.org_id, reason), HINT = 'It is tried again at the next tick; the others went on.';
        END;
    END LOOP;

    FOR due IN
        SELECT t.org_id, t.id, t.event_type, t.job_type, t.payload
          FROM sentinel.scheduled_tasks t
         WHERE t.executed_at IS NULL AND t.execute_at <= as_of
         ORDER BY t.execute_at, t.org_id, t.id
           FOR UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM sentinel.fire_scheduled(due.org_id, due.event_type, due.job_type, 'scheduled_task', due.id,
                due.payload || jsonb_build_object('task_id', due.id), format('scheduled_task:%s', due.id));
            UPDATE sentinel.scheduled_tasks t SET executed_at = as_of, last_error = NULL
             WHERE t.org_id = due.org_id AND t.id = due.id;
            done := done + 1;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT;
            UPDATE sentinel.scheduled_tasks t SET last_error = left(format('%s: %s', state, reason), 500)
             WHERE t.org_id = due.org_id AND t.id = due.id;
            RAISE WARNING USING ERRCODE = state, MESSAGE = format('scheduled task %s of organisation %s failed: %s',
                due.id, due.org_id, reason), HINT = 'It is tried again at the next tick; the others went on.';
        END;
    END LOOP;
    RETURN done;
END
$$;
ALTER FUNCTION sentinel.run_schedules(timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.run_schedules(timestamptz) IS
    'Set off every schedule and one-off task of all organisations that is due, each exactly once whoever calls and however often; missed runs of one schedule collapse into one. Gives how many. One that fails is warned of, keeps its due time and does not stop the others.';
