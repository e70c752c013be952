-- The channel and the endpoint that hear of deals at risk; prints channel, its secret, endpoint, its secret. Variable: url.
SELECT sentinel.enter(org_id, NULL, true) FROM sentinel.orgs WHERE slug = 'northwind-demo' \g /dev/null
SELECT c.channel_id, c.secret_id, e.endpoint_id, e.secret_id
FROM sentinel.create_slack_channel('#deals-at-risk', '{deal.at_risk}') c,
     sentinel.create_webhook_endpoint(:'url', '{deal.at_risk}') e;
