-- Room gateway: routes that tell of the gateway itself.

SELECT sentinel.serve('GET', '/openapi.json', 'sentinel.http_openapi', 'Describe all routes for programs.', 'gateway', access => 'public',
    rate_tier => 'public', answers => 'application/json');
SELECT sentinel.serve('GET', '/docs', 'sentinel.http_docs', 'Describe all routes for people.', 'gateway', access => 'public',
    rate_tier => 'public', answers => 'text/html');
SELECT sentinel.serve('GET', '/metrics', 'sentinel.http_metrics', 'Give figures in the text form of Prometheus.', 'gateway', access => 'operations',
    rate_tier => 'lenient', answers => 'text/plain; version=0.0.4');
