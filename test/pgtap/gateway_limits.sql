-- Room gateway, limits: what a bucket gives, to whom, and when again.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(31);
-- Ask so many times; gives what is left after the last, or the detail of the refusal.
CREATE FUNCTION pg_temp.ask(times integer, tier text, bucket text, seconds numeric DEFAULT 0, peer inet DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    headers jsonb;
    detail text;
BEGIN
    FOR i IN 1..times LOOP
        headers := sentinel.take_token(tier, bucket, peer, timestamptz '2026-01-05 12:00 UTC' + make_interval(secs => seconds));
    END LOOP;
    RETURN headers -> 1 ->> 1;
EXCEPTION WHEN SQLSTATE 'SN429' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END $$;
-- The same where every request stands for itself: gives how many of them were answered.
CREATE FUNCTION pg_temp.answered(times integer, tier text, bucket text, seconds numeric DEFAULT 0, peer inet DEFAULT NULL) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM generate_series(1, times) i WHERE pg_temp.ask(1, tier, bucket, seconds, peer) ~ '^\d+$');
END $$;

SELECT is(sentinel.take_token('normal', 'key:shape', NULL, '2026-01-05 12:00 UTC'),
    '[["RateLimit-Limit", "100"], ["RateLimit-Remaining", "99"], ["RateLimit-Reset", "1"], ["RateLimit-Policy", "100;w=60;name=\"normal\""]]'::jsonb,
    'a request learns its limit, what is left, and when all is there again');
SELECT is(sentinel.take_token(NULL, 'key:shape', NULL, now()), '[]'::jsonb, 'without a tier there is no limit');
SELECT is(sentinel.take_token('no_such_tier', 'key:shape', NULL, now()), '[]'::jsonb, 'nor with one that nobody has set');

SELECT is(pg_temp.answered(150, 'normal', 'key:a'), 100, 'a full bucket gives its capacity, not one more');
SELECT is(pg_temp.answered(1, 'normal', 'key:a', 0.5), 0, 'nothing before the next token is there');
SELECT is(pg_temp.answered(2, 'normal', 'key:a', 0.6), 1, 'then exactly it');
SELECT is(pg_temp.answered(100, 'normal', 'key:a', 30.6), 50, 'in half the time half of it comes');
SELECT is(pg_temp.answered(300, 'normal', 'key:a', 7200), 100, 'and never more than it holds');

-- A search must not use up what chat has: each tier counts for itself.
SELECT is(pg_temp.answered(20, 'ai', 'key:a', 7200), 20, 'another tier of the same caller is another bucket');
SELECT is(pg_temp.answered(1, 'normal', 'key:b', 7200), 1, 'another caller too');
SELECT is(pg_temp.answered(12, 'export', 'key:a'), 10, 'ten files a minute');
SELECT is(pg_temp.ask(1, 'export', 'key:a'), 'The next comes in 6 s; there are 10 per 60 s.', 'a refusal tells the seconds to the next token');
SELECT is(pg_temp.ask(1, 'export', 'key:a', 4.2), 'The next comes in 2 s; there are 10 per 60 s.', 'and they grow fewer');
SELECT is(pg_temp.ask(1, 'export', 'key:a', 6), '0', 'until it is there');
SELECT is(sentinel.error_headers('SN429', pg_temp.ask(1, 'export', 'key:a', 6)), '[["Retry-After", "6"]]'::jsonb, 'Retry-After says the same');

SELECT is(pg_temp.answered(20, 'export', 'key:back', 100) || ' ' || pg_temp.answered(20, 'export', 'key:back', 40) || ' '
          || pg_temp.answered(20, 'export', 'key:back', 100), '10 0 0', 'a clock that goes back and forth gains nothing');
SELECT is(pg_temp.ask(1, 'export', 'key:back', 40), 'The next comes in 66 s; there are 10 per 60 s.', 'and is told the truth');

SELECT is(pg_temp.answered(60, 'public', 'key:c', 0, '192.0.2.1') || ' ' || pg_temp.answered(1, 'public', 'key:d', 0, '192.0.2.1')
          || ' ' || pg_temp.answered(1, 'public', 'key:c', 0, '192.0.2.2'), '50 0 1', 'a public tier counts by address, whoever calls');
SELECT is(pg_temp.answered(1, 'public', NULL, 0, '::ffff:192.0.2.1'), 0, 'an address of IPv4 stays itself in IPv6');
SELECT is(pg_temp.answered(60, 'public', NULL, 0, '2001:db8::1') || ' ' || pg_temp.answered(1, 'public', NULL, 0, '2001:db8::2:1')
          || ' ' || pg_temp.answered(1, 'public', NULL, 0, '2001:db8:0:1::1'), '50 0 1', 'of IPv6 a network of 64 bits is one');
SELECT is(pg_temp.answered(101, 'normal', NULL, 0, '192.0.2.9'), 100, 'who is not known is counted by address in the other tiers too');

SELECT is((SELECT b.tokens FROM sentinel.request_buckets b, pg_temp.answered(3, 'intake', 'key:many') a WHERE b.bucket = 'key:many'), NULL,
          'a statement does not see what it does itself');
SELECT is((SELECT b.tokens FROM sentinel.request_buckets b WHERE b.bucket = 'key:many'), 59750::double precision, 'of a wide tier many tokens are taken at once');
SELECT is(pg_temp.ask(1, 'intake', 'key:many', 0.9), '59996', 'the headers count what was given out');
SELECT is(pg_temp.ask(1, 'intake', 'key:many', 30), '59999', 'after a second what was not used is back');
SELECT is(pg_temp.answered(60010, 'intake', 'key:flood'), 60000, 'a wide bucket too gives its capacity, not one more');

-- What a transaction took that is rolled back was never taken.
SAVEPOINT before;
SELECT pg_temp.ask(5, 'intake', 'key:undone') \g /dev/null
ROLLBACK TO before;
SELECT is(pg_temp.ask(1, 'intake', 'key:undone'), '59999', 'a lease that was rolled back is no lease');
SELECT is((SELECT count(*)::integer FROM sentinel.request_buckets b WHERE b.bucket = 'key:undone'), 1, 'and is taken anew');

SELECT pg_temp.ask(1, 'strict', 'key:wide') \g /dev/null
UPDATE sentinel.rate_tiers SET capacity = 5 WHERE tier = 'strict';
SELECT is(pg_temp.answered(9, 'strict', 'key:wide'), 5, 'a tier that was changed holds at once');

SELECT ok(sentinel.purge_buckets('2026-01-05 13:00:01 UTC') > 0, 'buckets are purged');
SELECT is((SELECT string_agg(DISTINCT b.bucket, ' ' ORDER BY b.bucket) FROM sentinel.request_buckets b WHERE b.bucket LIKE 'key:%'), 'key:a key:back key:many',
          'of who has asked nothing for an hour, and those that a clock from the future has filled');
SELECT * FROM finish();
ROLLBACK;
