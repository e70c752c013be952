-- Room events, the live feed: a reader who comes back finds all that happened since, however long ago. Source: revenue.md (l).
-- The original counted anew from 1 after a day of silence, so that an old cursor skipped what came then.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(9);

SELECT sentinel.create_org('Resume Ltd', 'resume-pgtap') AS org, sentinel.create_org('Other Ltd', 'resume-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
-- Events of transactions that have ended long ago: numbers below any snapshot's.
CREATE FUNCTION pg_temp.happened(org uuid, kinds text[], transaction xid8, days_ago integer, of_generation integer DEFAULT 1) RETURNS void LANGUAGE sql AS $$
    INSERT INTO sentinel.events (org_id, event_type, generation, xid, recorded_at)
    SELECT org, k.kind, of_generation, transaction, now() - days_ago * interval '1 day' FROM unnest(kinds) WITH ORDINALITY AS k(kind, n) ORDER BY k.n
$$;
SELECT pg_temp.happened(:'org', '{probe.a,probe.b}', '3', 400);
SELECT is((SELECT array_agg(event_type) FROM sentinel.events_since()), '{probe.a,probe.b}', 'a first reading begins with the oldest');
SELECT cursor_after AS seen FROM sentinel.events_since() ORDER BY event_type DESC LIMIT 1 \gset
SELECT is((SELECT count(*) FROM sentinel.events_since(:'seen')), 0::bigint, 'then there is nothing new');
SELECT pg_temp.happened(:'org', '{probe.c,probe.d,probe.e}', '4', 3), pg_temp.happened(:'other', '{probe.x}', '4', 3);
SELECT is((SELECT array_agg(event_type) FROM sentinel.events_since(:'seen')), '{probe.c,probe.d,probe.e}', 'fault: after a year of silence the old cursor finds all, in order, and of this organisation');
SELECT is((SELECT array_agg(event_type) FROM sentinel.events_since(:'seen', 2)), '{probe.c,probe.d}', 'in parts as well');
SELECT is((SELECT array_agg(e.event_type) FROM sentinel.events_since((SELECT p.cursor_after FROM sentinel.events_since(:'seen', 2) p ORDER BY p.event_type DESC LIMIT 1)) e), '{probe.e}', 'that join without a gap');
SELECT is((SELECT array_agg(e.event_type) FROM sentinel.events_since(:'seen') e), '{probe.c,probe.d,probe.e}', 'reading takes nothing away: who lost the answer asks again');

-- A restored copy may count transactions anew, lower than the cursor's.
SELECT replace(cursor_after, '1-4-', '1-4000000000-') AS before_restore FROM sentinel.events_since(:'seen') ORDER BY event_type DESC LIMIT 1 \gset
INSERT INTO sentinel.generation (generation, system_identifier, database_oid, adopted_at) VALUES (2, 1, 1, now());
SELECT pg_temp.happened(:'org', '{probe.f}', '4', 0, 2);
SELECT is((SELECT array_agg(event_type) FROM sentinel.events_since(:'before_restore')), '{probe.f}', 'after a restore nothing is missed either, though its transactions have lower numbers');
SELECT is((SELECT array_agg(event_type) FROM sentinel.events_since(:'seen')), '{probe.c,probe.d,probe.e,probe.f}', 'and the old cursor still holds');
SELECT is((SELECT count(*) FROM sentinel.events_since('2-9000000000000000000-999999999999999999')), 0::bigint, 'a cursor ahead of all finds nothing, and no error');

SELECT * FROM finish();
ROLLBACK;
