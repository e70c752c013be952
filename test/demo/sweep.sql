-- One sweep, as tick() does it each time: it touches the deals whose score may have changed by the passing of time.
SELECT sentinel.sweep_risk() AS swept \gset
SELECT count(*) AS at_risk FROM sentinel.events WHERE event_type = 'deal.at_risk' AND org_id = (SELECT org_id FROM sentinel.orgs WHERE slug = 'northwind-demo') \gset
\echo '    deals whose time had come:' :swept', deal.at_risk events:' :at_risk
