-- Rooms lifecycle, deals and revenue: what a statement reads does not grow with what else there is, statistics or none.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);
SELECT sentinel.create_org('Scale Ltd') AS org \gset
SELECT sentinel.enter(:'org');
CREATE FUNCTION pg_temp.read_of(relation regclass) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_tuples_fetched(r.id) + pg_stat_get_xact_tuples_returned(r.id))::bigint
    FROM (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = relation UNION SELECT relation) r(id) $$;

INSERT INTO sentinel.leads (org_id, name) SELECT :'org', 'L' || n FROM generate_series(1, 1000) n;
SELECT pg_temp.read_of('sentinel.state_history') AS before \gset
INSERT INTO sentinel.calls (org_id, lead_id, scheduled_at) SELECT :'org', l.id, '2025-03-03 10:00' FROM sentinel.leads l WHERE l.org_id = :'org';
SELECT cmp_ok(pg_temp.read_of('sentinel.state_history') - :before, '<', 20000::bigint, 'a thousand calls are booked without reading each other''s states');
SELECT pg_temp.read_of('sentinel.state_history') AS before \gset
UPDATE sentinel.calls SET status = 'no_show' WHERE org_id = :'org';
SELECT cmp_ok(pg_temp.read_of('sentinel.state_history') - :before, '<', 20000::bigint, 'and missed');
SELECT pg_temp.read_of('sentinel.state_history') AS before \gset
SELECT sentinel.set_lead_stage(l.id, 'contacted') FROM sentinel.leads l WHERE l.org_id = :'org' ORDER BY l.id LIMIT 1;
SELECT cmp_ok(pg_temp.read_of('sentinel.state_history') - :before, '<', 100::bigint, 'one lead is moved without reading the stays of all');

-- Deals, moved in many calls and then in one: plans made for the first hold for the last.
SELECT sentinel.move_deal(sentinel.create_deal('D' || n, 5), 'closed_won') FROM generate_series(1, 10) n;
INSERT INTO sentinel.deals (org_id, name, value) SELECT :'org', 'E' || n, 5 FROM generate_series(1, 200) n;
UPDATE sentinel.deals SET stage = 'closed_won' WHERE org_id = :'org' AND stage_kind = 'open';
SELECT is((SELECT count(*) FROM sentinel.events WHERE org_id = :'org' AND event_type = 'deal.won'), 210::bigint, 'each deal that is won is told of');
SELECT is_empty($$SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'sentinel'::regnamespace
    AND p.proname IN ('note_changed_deals', 'signal_changed_deals', 'integrity_breaches_at', 'handle_check_integrity')
    AND NOT coalesce(p.proconfig @> '{enable_nestloop=off,enable_mergejoin=off}', false)$$,
    'what joins all rows of a statement, or of an organisation, hashes them: 20,000 deals took 34 s, and 40,000 breaches 160 s');

-- What belongs to a deal is found by it, whatever its state.
SELECT is_empty($$SELECT t.name FROM unnest('{calls,invoices,contracts,clients,activities}'::text[]) t(name) WHERE NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[1] AND a.attname = 'deal_id'
    WHERE i.indrelid = ('sentinel.' || t.name)::regclass AND coalesce(pg_get_expr(i.indpred, i.indrelid), '') NOT LIKE '%status%')$$,
    'an index that holds all of them');

-- The same findings again and again, on one day: each is told once a day.
SELECT date_trunc('day', now(), 'UTC') AS midnight \gset
SELECT sentinel.handle_check_integrity(sentinel.uuid7(), jsonb_build_object('as_of', :'midnight'::timestamptz + interval '25 hours')) ->> 'breaches' AS found \gset
SELECT is(:'found'::text, '420', 'each lacks an invoice and a contract');
SELECT is(sentinel.handle_check_integrity(sentinel.uuid7(), jsonb_build_object('as_of', :'midnight'::timestamptz + interval '26 hours'))::text, '{"told": 0, "breaches": 420, "resolved": 0}', 'a second look finds the same');
SELECT sentinel.create_invoice(d.id) FROM sentinel.deals d WHERE d.org_id = :'org' ORDER BY d.id LIMIT 10;
SELECT is(sentinel.handle_check_integrity(sentinel.uuid7(), jsonb_build_object('as_of', :'midnight'::timestamptz + interval '27 hours'))::text, '{"told": 0, "breaches": 410, "resolved": 10}', 'what is mended is closed');

SELECT * FROM finish();
ROLLBACK;
