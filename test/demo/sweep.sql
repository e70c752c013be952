-- One sweep, as tick() does it each time; with the worker running, its tick may have been first.
SELECT sentinel.sweep_risk() AS swept \gset
SELECT count(*) FILTER (WHERE event_type = 'deal.at_risk') AS at_risk,
       (SELECT count(*) FROM sentinel.alerts) AS alerts
FROM sentinel.events \gset
\echo '    this sweep found' :swept 'deals that change; deals at risk that were told of so far:' :at_risk
