-- Room schedule: shape, rights and behaviour.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(53);

SELECT sentinel.create_org('Schedule Ltd', 'schedule-pgtap', 'America/New_York') AS org \gset
SELECT sentinel.create_org('Other Ltd', 'schedule-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
INSERT INTO sentinel.job_types (job_type, kind, handler, queue, description)
VALUES ('schedule_probe', 'sql', 'handle_schedule_probe', 'default', 'nobody runs it');

-- Shape.
SELECT volatility_is('sentinel', 'cron_next', ARRAY['text', 'text', 'timestamp with time zone'], 'stable', 'cron_next is stable');
SELECT volatility_is('sentinel', 'cron_valid', ARRAY['text'], 'immutable', 'cron_valid is immutable');
SELECT is_definer('sentinel', 'run_schedules', ARRAY['timestamp with time zone'], 'run_schedules runs as its owner');
SELECT function_owner_is('sentinel', 'run_schedules', ARRAY['timestamp with time zone'], 'sentinel_engine', 'which is the engine');
SELECT is_definer('sentinel', 'create_schedule', ARRAY['text', 'text', 'text', 'text', 'jsonb', 'text'],
                  'create_schedule runs as its owner');
SELECT function_owner_is('sentinel', 'create_schedule', ARRAY['text', 'text', 'text', 'text', 'jsonb', 'text'],
                         'sentinel_owner', 'who sees one organisation only');
SELECT has_trigger('sentinel', 'schedules', 'schedules_fill', 'a schedule is filled by trigger');
SELECT has_trigger('sentinel', 'scheduled_tasks', 'scheduled_tasks_check', 'a task is checked by trigger');
SELECT has_view('sentinel', 'upcoming_schedules', 'there is a view of what is to come');

-- Creating.
SELECT sentinel.create_schedule('morning', '30 8 * * *', 'report.due', payload => '{"report": "daily"}') AS morning \gset
SELECT is((SELECT timezone FROM sentinel.schedules WHERE id = :'morning'), 'America/New_York',
          'a schedule takes the time zone of its organisation');
SELECT is((SELECT next_due_at FROM sentinel.schedules WHERE id = :'morning'),
          sentinel.cron_next('30 8 * * *', 'America/New_York', now()), 'and knows when it is due');
SELECT is((SELECT count(*) FROM sentinel.audit_log WHERE subject_id = :'morning' AND action = 'schedule.created'),
          1::bigint, 'its creation is in the audit log');
UPDATE sentinel.schedules SET timezone = 'Asia/Tokyo' WHERE id = :'morning';
SELECT is((SELECT next_due_at FROM sentinel.schedules WHERE id = :'morning'),
          sentinel.cron_next('30 8 * * *', 'Asia/Tokyo', now()), 'a new time zone moves the due time');
UPDATE sentinel.schedules SET cron_expression = '0 0 1 1 *' WHERE id = :'morning';
SELECT is((SELECT next_due_at FROM sentinel.schedules WHERE id = :'morning'),
          sentinel.cron_next('0 0 1 1 *', 'Asia/Tokyo', now()), 'and so does a new expression');

SELECT throws_ok($$SELECT sentinel.create_schedule('morning', '@daily', 'report.due')$$, '23505',
                 'a schedule "morning" exists', 'a name is taken once');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', '61 * * * *', 'report.due')$$, '22023',
                 'invalid minute "61" in cron expression', 'a bad expression is refused by name');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', '@daily', 'report.due', timezone => 'Mars/Base')$$, '22023',
                 'unknown time zone "Mars/Base"', 'and so is a bad time zone');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', NULL, 'report.due')$$, '22023', NULL, 'no expression');
SELECT throws_ok($$SELECT sentinel.create_schedule(' ', '@daily', 'report.due')$$, 'SN007', NULL, 'no name');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', '@daily')$$, 'SN007',
                 'neither event type nor job type given', 'nothing to do');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', '@daily', 'report.due', 'schedule_probe')$$, 'SN007', NULL,
                 'two things to do');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', '@daily', 'Report Due')$$, 'SN007',
                 'invalid event type "Report Due"', 'no event type');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', '@daily', job_type => 'nobody')$$, 'SN004',
                 'unknown job type "nobody"', 'no job type');
SELECT throws_ok($$SELECT sentinel.create_schedule('bad', '@daily', 'report.due', payload => '[1]')$$, 'SN007',
                 'payload is of type array', 'a payload is an object');
SELECT throws_ok($$SELECT sentinel.drop_schedule('nothing')$$, 'SN004', 'no schedule "nothing"', 'nothing to drop');

-- Exactly once per due instant, whoever ticks; missed runs collapse.
UPDATE sentinel.schedules SET cron_expression = '30 8 * * *', timezone = 'UTC' WHERE id = :'morning';
UPDATE sentinel.schedules SET next_due_at = '2026-01-05 08:30' WHERE id = :'morning';
SELECT is(sentinel.run_schedules('2026-01-05 08:29:59'), 0, 'nothing runs before its time');
SELECT is(sentinel.run_schedules('2026-01-08 12:00'), 1, 'four missed mornings are one run');
SELECT is(sentinel.run_schedules('2026-01-08 12:00'), 0, 'the second ticker finds nothing');
SELECT results_eq(
    format('SELECT event_type, subject_id, idempotency_key, payload FROM sentinel.events WHERE org_id = %L AND subject_type = ''schedule''', :'org'),
    format($$VALUES ('report.due', %1$L::uuid, 'schedule:' || %1$L || ':1767601800',
             jsonb_build_object('report', 'daily', 'schedule_id', %1$L::uuid, 'schedule', 'morning',
                                'due_at', '2026-01-05 08:30+00'::timestamptz))$$, :'morning'),
    'one event, with its key and its facts');
SELECT results_eq(format('SELECT last_due_at, next_due_at FROM sentinel.schedules WHERE id = %L', :'morning'),
                  $$VALUES ('2026-01-05 08:30+00'::timestamptz, '2026-01-09 08:30+00'::timestamptz)$$,
                  'the next run is the next morning');
UPDATE sentinel.schedules SET next_due_at = '2026-01-05 08:30' WHERE id = :'morning';
SELECT is(sentinel.run_schedules('2026-01-08 12:00'), 1, 'a due instant that comes again is run');
SELECT is((SELECT count(*) FROM sentinel.events WHERE org_id = :'org' AND subject_type = 'schedule'), 1::bigint,
          'but emits no second event');

-- Off and on.
SELECT is(sentinel.enable_schedule('morning', false), NULL, 'a schedule can be switched off');
UPDATE sentinel.schedules SET next_due_at = '2026-01-05 08:30' WHERE id = :'morning';
SELECT is(sentinel.run_schedules('2026-01-08 12:00'), 0, 'then it does not run');
SELECT is(sentinel.enable_schedule('morning'), sentinel.cron_next('30 8 * * *', 'UTC', now()),
          'switched on, it does not make up for the time it was off');

-- Jobs; a schedule that fails harms no other.
SELECT sentinel.create_schedule('nightly', '0 2 * * *', job_type => 'schedule_probe', timezone => 'UTC') AS nightly \gset
SELECT sentinel.create_schedule('broken', '0 1 * * *', 'report.due', timezone => 'UTC') AS broken \gset
SET LOCAL session_replication_role = replica;
UPDATE sentinel.schedules SET timezone = 'Nowhere/Else', next_due_at = '2026-02-01 01:00' WHERE id = :'broken';
UPDATE sentinel.schedules SET next_due_at = '2026-02-01 02:00' WHERE id = :'nightly';
SET LOCAL session_replication_role = origin;
SELECT is(sentinel.run_schedules('2026-02-01 03:00'), 1, 'one fails, the other runs');
SELECT is((SELECT last_error FROM sentinel.schedules WHERE id = :'broken'),
          '22023: unknown time zone "Nowhere/Else"', 'the reason is kept');
SELECT is((SELECT next_due_at FROM sentinel.schedules WHERE id = :'broken'), '2026-02-01 01:00+00'::timestamptz,
          'its due time stays');
SELECT is((SELECT count(*) FROM sentinel.events WHERE subject_id = :'broken'), 0::bigint, 'its event went with its error');
SELECT results_eq(
    format('SELECT payload FROM sentinel.job_waiting WHERE org_id = %L AND job_type = ''schedule_probe''', :'org'),
    format($$VALUES (jsonb_build_object('schedule_id', %L::uuid, 'schedule', 'nightly',
             'due_at', '2026-02-01 02:00+00'::timestamptz))$$, :'nightly'), 'the other enqueued its job');
UPDATE sentinel.schedules SET timezone = 'UTC' WHERE id = :'broken';
SELECT is((SELECT last_error FROM sentinel.schedules WHERE id = :'broken'), NULL, 'mended, it forgets its error');

SELECT lives_ok($$SELECT sentinel.drop_schedule('nightly')$$, 'a schedule can be dropped');

-- One-off tasks.
SELECT sentinel.schedule_task('2026-03-01 00:00', 'client.referral_due', payload => '{"client": 7}', task_key => 'referral:7') AS task \gset
SELECT is(sentinel.schedule_task('2026-04-01 00:00', 'client.referral_due', task_key => 'referral:7'), :'task'::uuid,
          'a known key gives the first task');
SELECT throws_ok($$SELECT sentinel.schedule_task('infinity', 'client.referral_due')$$, '22023', NULL, 'a task has a time');
SELECT is((SELECT due_at FROM sentinel.upcoming_schedules WHERE id = :'task'), '2026-03-01 00:00+00'::timestamptz,
          'a waiting task is in the view');
SELECT is(sentinel.run_schedules('2026-03-01 00:00'), 1, 'a task runs at its time');
SELECT is(sentinel.run_schedules('2026-03-01 00:01'), 0, 'once');
SELECT results_eq(
    format('SELECT event_type, idempotency_key, payload FROM sentinel.events WHERE subject_id = %L', :'task'),
    format($$VALUES ('client.referral_due', 'scheduled_task:' || %1$L, jsonb_build_object('client', 7, 'task_id', %1$L::uuid))$$, :'task'),
    'with its own payload and its id');
SELECT is(sentinel.cancel_task(:'task'), false, 'what has run cannot be cancelled');
SELECT is(sentinel.cancel_task(sentinel.schedule_task('2027-01-01', job_type => 'schedule_probe')), true, 'what waits can');

-- Rights.
SELECT sentinel.enter(:'org', sentinel.add_member('Vera', 'vera@example.com', 'viewer'));
SELECT throws_ok($$SELECT sentinel.create_schedule('mine', '@daily', 'report.due')$$, 'SN003', NULL,
                 'a viewer schedules nothing');
SELECT sentinel.enter(:'other');
SET LOCAL ROLE sentinel_reader;
SELECT is((SELECT count(*) FROM sentinel.schedules WHERE org_id = :'org')
          + (SELECT count(*) FROM sentinel.upcoming_schedules WHERE name NOT IN (SELECT name FROM sentinel.default_schedules)), 0::bigint,
          'another organisation sees none of it');
RESET ROLE;

SELECT CASE WHEN current_setting('cron.database_name', true) = current_database()
            THEN skip('pg_cron lives in this database', 1)
            ELSE throws_like('SELECT sentinel.install_schedule()', 'pg_cron cannot tick in database "%"',
                             'without pg_cron there is no schedule to install') END;

SELECT * FROM finish();
ROLLBACK;
