-- Room gateway: where vendors send webhooks, and how their sources are kept. Without a source in the path the sources of the
-- vendor are tried; GitHub sends up to 25 MB, which are taken where one source has to look at them.

SELECT sentinel.serve('POST', '/webhooks/' || v.vendor || x.rest, 'sentinel.http_receive_webhook',
    format('Take a webhook of %s%s.', v.label, CASE WHEN x.own THEN ' for one source' ELSE '' END), 'gateway', access => 'signature',
    takes => '*/*', answers => 'free', rate_tier => 'webhook',
    max_body_bytes => CASE WHEN v.vendor <> 'github' THEN 1048576 WHEN x.own THEN 26214400 ELSE 10485760 END)
FROM (VALUES ('github', 'GitHub'), ('gohighlevel', 'GoHighLevel'), ('hubspot', 'HubSpot'), ('pipedrive', 'Pipedrive'), ('zendesk', 'Zendesk'),
             ('slack', 'Slack'), ('pagerduty', 'PagerDuty'), ('resend', 'Resend'), ('standard', 'Standard Webhooks'),
             ('generic', 'any other sender')) AS v (vendor, label)
CROSS JOIN (VALUES ('', false, 'any'), ('/{source_id}', true, 'any'), ('/{source_id}/inbound_sms', true, 'gohighlevel'),
                   ('/{source_id}/unanswered_call', true, 'gohighlevel')) AS x (rest, own, vendor)
WHERE x.vendor IN ('any', v.vendor)
ORDER BY v.vendor, x.rest;

SELECT sentinel.serve('POST', x.pattern, 'sentinel.http_receive_webhook', x.summary, 'gateway', access => 'signature', takes => '*/*',
    answers => 'free', rate_tier => 'webhook')
FROM (VALUES ('/webhook/ghl', 'Take a webhook of GoHighLevel.'),
             ('/webhook/ghl/inbound_sms', 'Take an inbound text message of a GoHighLevel workflow.'),
             ('/webhook/ghl/unanswered_call', 'Take an unanswered call of a GoHighLevel workflow.'),
             ('/slack/events', 'Take an event of Slack.')) AS x (pattern, summary);

SELECT sentinel.serve('GET', '/webhooks/sources', 'sentinel.http_webhook_sources', 'List the senders of webhooks that are taken.', 'gateway',
    role => 'admin', answers => 'list');
SELECT sentinel.serve('POST', '/webhooks/sources', 'sentinel.http_add_webhook_source', 'Add a sender of webhooks.', 'gateway', role => 'admin',
    rate_tier => 'strict', body => ARRAY[
    'vendor! github|gohighlevel|hubspot|pipedrive|zendesk|slack|pagerduty|resend|standard|generic Who sends.',
    'name! text Name for people.',
    'secret text Secret that the vendor has made; left out, Sentinel makes one where the vendor takes it.',
    'purpose events|lead What becomes of a body; lead for standard and generic.',
    'account text Account at the vendor whose deliveries are taken.',
    'scheme text How it signs, where the vendor has more than one way.']);
SELECT sentinel.serve('PATCH', '/webhooks/sources/{source_id}', 'sentinel.http_change_webhook_source', 'Enable or disable a sender of webhooks.',
    'gateway', role => 'admin', body => ARRAY['enabled! boolean False refuses what it sends.']);
SELECT sentinel.serve('PUT', '/webhooks/sources/{source_id}/secret', 'sentinel.http_set_webhook_secret', 'Set the secret that a vendor has made.',
    'gateway', role => 'admin', rate_tier => 'strict', body => ARRAY['secret! text The secret, or the public key of the vendor.',
    'overlap_minutes integer How long the secret before counts too; none by default.']);
SELECT sentinel.serve('POST', '/webhooks/sources/{source_id}/rotate', 'sentinel.http_rotate_webhook_source', 'Make another secret of a source.',
    'gateway', role => 'admin', rate_tier => 'strict', body => ARRAY['overlap_minutes integer How long the secret before counts too; a day by default.']);
SELECT sentinel.serve('DELETE', '/webhooks/sources/{source_id}', 'sentinel.http_delete_webhook_source', 'Remove a sender of webhooks.', 'gateway',
    role => 'admin', answers => 'nothing');
SELECT sentinel.serve('GET', '/webhooks/events', 'sentinel.http_webhook_events', 'List webhooks that came in, without their bodies.', 'gateway',
    role => 'admin', answers => 'list', query => ARRAY['limit integer Rows of a page, 50 unless given, at most 200.', 'cursor text next_cursor of the page before.',
    'source_id uuid Source that they came to.', 'vendor text Who sent them.', 'state pending|done|ignored|failed How they stand.',
    'received_from time Not before.', 'received_until time Before.']);
SELECT sentinel.serve('GET', '/webhooks/events/{webhook_event_id}', 'sentinel.http_webhook_event', 'Give a webhook that came in, without its body.', 'gateway',
    role => 'admin');
SELECT sentinel.serve('POST', '/webhooks/events/{webhook_event_id}/replay', 'sentinel.http_replay_webhook', 'Process a webhook that failed once more.',
    'gateway', role => 'admin', rate_tier => 'strict');
