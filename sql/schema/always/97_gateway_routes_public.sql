-- Room gateway: routes that anybody may call.

SELECT sentinel.serve('GET', '/health', 'sentinel.http_health', 'Tell whether the service answers.', 'gateway', access => 'public',
    rate_tier => 'lenient', answers => 'free');
