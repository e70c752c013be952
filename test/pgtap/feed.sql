-- Room events, the feed: who reads which event, and what was sent.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(21);
SELECT sentinel.create_org('Feed Ltd') AS org \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@feed.example', 'owner') AS olga, sentinel.add_member('Mona', 'mona@feed.example') AS mona,
       sentinel.add_member('Max', 'max@feed.example') AS max, sentinel.add_member('Vera', 'vera@feed.example', 'viewer') AS vera \gset
-- What a member reads, as one text.
CREATE FUNCTION pg_temp.feed(org uuid, member uuid, about uuid DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    PERFORM sentinel.enter(org, member);
    SET LOCAL ROLE sentinel_member;
    SELECT string_agg(e.event_type, ' ' ORDER BY e.seq) INTO found FROM sentinel.events e WHERE about IS NULL OR e.subject_id = about;
    RESET ROLE;
    PERFORM sentinel.enter(org);
    RETURN coalesce(found, '');
END $$;

SELECT sentinel.create_lead('Private', 'private@corp.example', owner_id => :'max') AS hidden, sentinel.create_lead('Anybody', 'any@corp.example') AS free,
       sentinel.create_lead('Twin', 'twin@corp.example', owner_id => :'max') AS twin,
       sentinel.create_deal('Secret', 900000, owner_id => :'max') AS deal, sentinel.create_deal('Gone', 5, owner_id => :'max') AS gone \gset
SELECT sentinel.book_call(:'hidden', '2025-03-03 10:00') AS call \gset
SELECT sentinel.create_invoice(:'deal') AS invoice \gset
SELECT is(pg_temp.feed(:'org', :'mona', :'hidden'), '', 'what happens to a lead is hidden from who does not see it');
SELECT is(pg_temp.feed(:'org', :'mona', :'free'), 'lead.created', 'of a lead of nobody all read');
SELECT is(pg_temp.feed(:'org', :'vera', :'deal') || pg_temp.feed(:'org', :'mona', :'deal'), '', 'so with a deal');
SELECT is(pg_temp.feed(:'org', :'mona', :'call') || pg_temp.feed(:'org', :'mona', :'invoice'), '', 'and with what belongs to them');
SELECT is(pg_temp.feed(:'org', :'max', :'hidden') || ' ' || pg_temp.feed(:'org', :'max', :'call') || ' ' || pg_temp.feed(:'org', :'max', :'deal') || ' ' || pg_temp.feed(:'org', :'max', :'invoice'),
          'lead.created call.booked deal.created invoice.created', 'whose they are reads all of it');
SELECT is(pg_temp.feed(:'org', :'olga', :'deal'), 'deal.created', 'owners and admins read all');
SELECT is(pg_temp.feed(:'org', NULL, :'deal'), 'deal.created', 'and logins of the whole organisation');

SELECT sentinel.merge_leads(:'hidden', :'twin') \g /dev/null
SELECT is(pg_temp.feed(:'org', :'max', :'twin'), 'lead.created', 'of a lead that was merged, who sees the one that stayed');
SELECT is(pg_temp.feed(:'org', :'mona', :'twin'), '', 'and nobody else');
DELETE FROM sentinel.deals d WHERE d.id = :'gone';
SELECT is(pg_temp.feed(:'org', :'max', :'gone'), 'deal.created deal.deleted', 'of what is gone, whose it was');
SELECT is(pg_temp.feed(:'org', :'mona', :'gone'), '', 'and nobody else');

SELECT sentinel.enter(:'org', :'mona');
SELECT sentinel.emit('order.placed', 'order', :'deal') AS own \gset
SELECT sentinel.enter(:'org');
SELECT is(pg_temp.feed(:'org', :'vera', :'deal'), 'order.placed', 'of subjects of one''s own all read');
INSERT INTO sentinel.alerts (org_id, kind, event_id, deal_id, subject_type, subject_id, title, message)
VALUES (:'org', 'deal_at_risk', sentinel.uuid7(), :'deal', 'deal', :'deal', 'T', 'M') RETURNING id AS alert \gset
SELECT sentinel.notify_members(:'org', :'alert', :'max', 'T', 'M') \g /dev/null
SELECT ok(pg_temp.feed(:'org', :'max') LIKE '%notification.new%', 'who was told reads that there is something to read');
SELECT ok(pg_temp.feed(:'org', :'mona') NOT LIKE '%notification.new%', 'not who was told nothing');
SELECT sentinel.emit_for(:'org', 'report.weekly', 'weekly_report', :'deal', '{}') \g /dev/null
SELECT ok(pg_temp.feed(:'org', :'max') NOT LIKE '%report.weekly%', 'the report of the whole is for owners and admins');
SELECT ok(pg_temp.feed(:'org', :'olga') LIKE '%report.weekly%', 'who read it');

INSERT INTO sentinel.deliveries (org_id, message_id, target_kind, target_id, event_id, event_type, body)
VALUES (:'org', 'msg_' || repeat('a', 32), 'webhook', sentinel.uuid7(), sentinel.uuid7(), 'lead.routed', 'private@corp.example');
SELECT sentinel.enter(:'org', :'mona');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.deliveries), 0::bigint, 'nor is what was sent for all members to read');
RESET ROLE;

RESET ROLE;

-- What came in is seen with the lead that it became; still a duplicate is found by who does not see the first.
SELECT sentinel.enter(:'org', :'max');
SELECT intake_id AS came FROM sentinel.intake('form', '{"name": "Hidden", "email": "hidden@intake.example"}') \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.handle_process_intake(sentinel.uuid7(), jsonb_build_object('intake_id', :'came')) ->> 'lead_id' AS became \gset
UPDATE sentinel.leads SET owner_id = :'max' WHERE id = :'became';
SELECT sentinel.enter(:'org', :'mona');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.intake_raw WHERE id = :'came'), 0::bigint, 'what came in is hidden with its lead');
SELECT is((SELECT state || coalesce(' ' || duplicate_key, '') FROM sentinel.intake('form', '{"name": "Hidden", "email": "Hidden@intake.example"}')), 'duplicate combined', 'but known');
RESET ROLE;
-- Who leaves without an heir leaves no lead to everybody.
SELECT sentinel.enter(:'org', :'olga');
SELECT sentinel.remove_member(:'max');
SELECT sentinel.enter(:'org', :'vera');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.leads WHERE id = :'became'), 0::bigint, 'leads of a member who left do not become everybody''s');
RESET ROLE;
SELECT sentinel.enter(:'org', :'olga');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*) FROM sentinel.leads WHERE id = :'became'), 1::bigint, 'owners and admins see them');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
