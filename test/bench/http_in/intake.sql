\set n random(1, 1000000000000)
SELECT k.state FROM (SELECT left(sentinel.enter(:org::uuid, NULL, false)::text, 0) AS nothing OFFSET 0) e, LATERAL sentinel.intake_bytes('form' || e.nothing, convert_to(format('{"first_name": "Person", "last_name": "%1$s", "email": "%1$s@example.com", "company_name": "Company %1$s", "message": "Please call me about the offer."}', :n::bigint), 'UTF8')) k;
