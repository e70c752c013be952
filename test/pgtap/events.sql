-- Room events: append-only, idempotent per organisation, routed to jobs, read by a cursor that skips nothing.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(44);
SELECT sentinel.create_org('Events One') AS one, sentinel.create_org('Events Two') AS two \gset
CREATE FUNCTION public.handle_probe(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT payload';
SELECT sentinel.register_job_type('probe', 'public.handle_probe'), sentinel.register_job_type('probe_two', 'public.handle_probe', priority => 2);

SELECT throws_ok($$SELECT sentinel.emit('deal.created', 'deal', NULL)$$, 'SN002', NULL, 'no event without an organisation');
SELECT sentinel.enter(:'one');
SELECT sentinel.emit('probe.done', 'probe', '00000000-0000-0000-0000-000000000001', '{"a": 1}', 'key-1') AS first \gset
SELECT is(sentinel.emit('probe.done', 'probe', NULL, '{"a": 2}', 'key-1'), :'first'::uuid, 'a known key gives the first event');
SELECT is((SELECT count(*)::integer FROM sentinel.events), 1, 'and adds none');
SELECT throws_ok($$SELECT sentinel.emit('Deal Created', 'deal', NULL)$$, 'SN007', 'invalid event type "Deal Created"', 'event types have a form');
SELECT throws_ok($$SELECT sentinel.emit(NULL, 'deal', NULL)$$, 'SN007', NULL, 'an event has a type');
SELECT throws_ok($$SELECT sentinel.emit_many('[{"event_type": "x"}]')$$, 'SN007', NULL, 'also in a batch');

SELECT sentinel.enter(:'two');
SELECT isnt(sentinel.emit('probe.done', 'probe', NULL, '{}', 'key-1'), :'first'::uuid, 'keys of another organisation do not meet');

SELECT throws_ok($$UPDATE sentinel.events SET payload = '{}'$$, 'SN006', 'UPDATE of append-only table "events"', 'no UPDATE');
SELECT throws_ok($$DELETE FROM sentinel.events$$, 'SN006', NULL, 'no DELETE');
SELECT throws_ok($$TRUNCATE sentinel.events$$, 'SN006', NULL, 'no TRUNCATE');
SELECT throws_ok($$UPDATE sentinel.audit_log SET action = 'x'; DELETE FROM sentinel.audit_log; TRUNCATE sentinel.audit_log$$, 'SN006', NULL, 'the audit log neither');

-- Routes.
SELECT sentinel.enter(:'one');
SELECT throws_ok($$SELECT sentinel.route_event('probe.done', 'nothing')$$, 'SN004', NULL, 'a route leads to a known job type');
SELECT sentinel.route_event('probe.done', 'probe'), sentinel.route_event('probe.done', 'probe_two');
SELECT sentinel.emit('probe.done', 'probe', '00000000-0000-0000-0000-000000000001', '{"b": 1}') AS routed \gset
SELECT results_eq($$SELECT job_type, priority FROM sentinel.job_waiting ORDER BY 1$$, $$VALUES ('probe', 5::smallint), ('probe_two', 2::smallint)$$, 'one event causes each routed job');
SELECT is((SELECT payload ->> 'event_id' FROM sentinel.job_waiting WHERE job_type = 'probe'), :'routed', 'the job knows its event');
SELECT is((SELECT payload -> 'payload' ->> 'b' FROM sentinel.job_waiting WHERE job_type = 'probe'), '1', 'and its payload');
SELECT sentinel.route_event('probe.done', 'probe_two', false);
SELECT is(sentinel.emit_many('[{"event_type": "probe.done", "idempotency_key": "m1"}, {"event_type": "probe.done", "idempotency_key": "m1"}, {"event_type": "probe.done"}]'), 2::bigint, 'a batch adds each key once');
SELECT is((SELECT count(*)::integer FROM sentinel.job_waiting WHERE job_type = 'probe_two'), 1, 'a route that is off causes nothing');
SELECT is((SELECT count(*)::integer FROM sentinel.job_waiting WHERE job_type = 'probe'), 3, 'a batch is routed whole');
INSERT INTO sentinel.events (org_id, event_type) SELECT :'one', 'probe.done' FROM generate_series(1, 100);
SELECT is((SELECT count(*)::integer FROM sentinel.job_waiting WHERE job_type = 'probe'), 103, 'a plain INSERT is routed too');
SELECT sentinel.enter(:'two');
SELECT sentinel.emit('probe.done', 'probe', NULL);
SELECT is((SELECT count(*)::integer FROM sentinel.job_waiting WHERE org_id = :'two'), 0, 'routes of another organisation do not apply');

SELECT throws_ok($$SELECT sentinel.emit('probe.done', 'probe', NULL, '{}', repeat('k', 501))$$, 'SN007', 'idempotency key of 501 characters', 'a key has a length');
SELECT throws_ok($$SELECT sentinel.emit_many('{}')$$, 'SN007', 'events are of type object', 'a batch is an array');

-- Who only looks on causes nothing, and nobody writes into the audit log by hand.
SAVEPOINT viewer;
SELECT sentinel.enter(:'two', sentinel.add_member('Vera', 'vera@events.example', 'viewer'));
SELECT throws_ok($$SELECT sentinel.emit('deal.at_risk', 'deal', NULL)$$, 'SN003', 'a viewer only reads', 'a viewer emits no event');
SELECT throws_ok($$SELECT sentinel.emit_many('[{"event_type": "deal.at_risk"}]')$$, 'SN003', NULL, 'nor many');
SELECT throws_ok($$SELECT sentinel.enqueue('probe')$$, 'SN003', NULL, 'and enqueues no job');
SELECT throws_ok($$SELECT sentinel.enqueue_many('[{"job_type": "probe"}]')$$, 'SN003', NULL, 'nor many');
ROLLBACK TO viewer;

-- What Sentinel itself tells of is not made up, and its keys are not taken beforehand.
SELECT sentinel.enter(:'two');
SELECT throws_ok($$SELECT sentinel.emit('probe.done', 'probe', NULL, '{}', 'deal.stage_changed:1:2')$$, 'SN007', 'reserved idempotency key "deal.stage_changed:1:2"', 'a key of our own is refused');
SELECT throws_ok($$SELECT sentinel.emit_many('[{"event_type": "probe.done", "idempotency_key": "schedule:1:2"}]')$$, 'SN007', NULL, 'also in a batch');
SELECT sentinel.enter(:'two', sentinel.add_member('Mona', 'mona@events.example', 'member'));
SELECT throws_ok($$SELECT sentinel.emit('deal.at_risk', 'deal', NULL)$$, 'SN003', 'members do not emit "deal.at_risk"', 'a member makes up no alert');
SELECT throws_ok($$SELECT sentinel.emit_many('[{"event_type": "lead.created"}]')$$, 'SN003', NULL, 'nor in a batch');
SELECT ok(sentinel.emit('order.placed', 'order', NULL) IS NOT NULL, 'but tells what is the member''s own');
-- A job has the rights of the whole organisation: with one of these any member could write into what is hidden from the member.
SELECT throws_ok($$SELECT sentinel.enqueue('apply_enrichment', '{"found": {"location": "x"}}')$$, 'SN003', 'members do not enqueue "apply_enrichment"', 'a member enqueues no job of the engine');
SELECT throws_ok($$SELECT sentinel.enqueue_many('[{"job_type": "probe"}, {"job_type": "check_lead_stale", "payload": {"as_of": "2099-01-01"}}]')$$, 'SN003', NULL, 'nor in a batch');
SELECT throws_ok($$SELECT sentinel.enqueue_many('raise_alert', '{"{}"}'::jsonb[])$$, 'SN003', NULL, 'nor many of one type');
SELECT ok(sentinel.enqueue('probe') IS NOT NULL, 'but one of a type that the organisation has registered');
SELECT ok((sentinel.intake('form', '{"name": "Ann", "email": "ann@events.example"}')).intake_id IS NOT NULL, 'and intake enqueues for a member');
SELECT is((SELECT string_agg(t.job_type, ' ') FROM sentinel.job_types t WHERE t.members_may AND t.job_type NOT IN ('probe', 'probe_two')), 'process_intake', 'of the types of Sentinel one is open to members');
ROLLBACK TO viewer;
SELECT is_empty($$SELECT r FROM unnest('{sentinel_reader,sentinel_member,sentinel_operator,sentinel_worker,sentinel_gateway,sentinel_admin}'::name[]) r
    WHERE has_function_privilege(r, 'sentinel.audit(text, text, uuid, jsonb)', 'EXECUTE')$$, 'no role of a login may write the audit log');
SELECT sentinel.enter(:'two');

-- Cursor: what this transaction has written is not yet behind the horizon.
SELECT is((SELECT count(*)::integer FROM sentinel.events_since(NULL, 100)), 0, 'events of an open transaction are held back');
SELECT throws_ok($$SELECT * FROM sentinel.events_since('x')$$, '22023', 'invalid cursor "x"', 'a cursor has a form');
SELECT throws_ok($$SELECT * FROM sentinel.events_since('1-2')$$, '22023', NULL, 'of three parts');
SELECT is((SELECT max(generation) FROM sentinel.events), 1, 'the original database is generation 1');
SELECT is(sentinel.parked(), false, 'and not parked');
SELECT is(sentinel.adopt_restore(), 0::bigint, 'so there is nothing to adopt');

SELECT * FROM finish();
ROLLBACK;
