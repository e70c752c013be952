-- Room gateway: paths kept for rooms that come later. They answer 501 with the room's name, to callers who may call at all.

SELECT sentinel.serve(v.method, v.pattern, 'sentinel.http_not_built', v.summary, v.room, access => v.access, runs_as => 'engine', answers => 'free',
    rate_tier => CASE WHEN v.room = 'assistant' THEN 'ai' WHEN v.room = 'reports' THEN 'export' WHEN v.access = 'public' THEN 'public'
                      WHEN v.access = 'signature' THEN 'webhook' END)
FROM (VALUES
    -- revenue.md (p)
    ('GET', '/reports/export', 'reports', 'member', 'Write a report as PDF.'),
    ('POST', '/insights/chat', 'assistant', 'member', 'Ask the assistant about deals.'),
    ('POST', '/integrations/salesforce/sync', 'connections', 'member', 'Sync Salesforce.'),
    ('POST', '/integrations/hubspot/sync', 'connections', 'member', 'Sync HubSpot.'),
    ('POST', '/integrations/google-calendar/sync', 'connections', 'member', 'Sync a Google calendar by its key.'),
    ('POST', '/integrations/calendar/sync', 'connections', 'member', 'Sync a Google calendar.'),
    ('GET', '/integrations/google-calendar/events', 'connections', 'member', 'List the next meetings of a deal.'),
    ('POST', '/integrations/google-calendar/events', 'connections', 'member', 'Make a meeting of a deal.'),
    ('GET', '/integrations/hubspot/oauth/start', 'connections', 'member', 'Begin to connect HubSpot.'),
    ('GET', '/integrations/hubspot/oauth/callback', 'connections', 'public', 'Come back from HubSpot.'),
    ('GET', '/integrations/salesforce/oauth/start', 'connections', 'member', 'Begin to connect Salesforce.'),
    ('GET', '/integrations/salesforce/oauth/callback', 'connections', 'public', 'Come back from Salesforce.'),
    ('GET', '/integrations/slack/oauth/start', 'connections', 'member', 'Begin to connect Slack.'),
    ('GET', '/integrations/slack/oauth/callback', 'connections', 'public', 'Come back from Slack.'),
    ('GET', '/oauth/gmail/start', 'connections', 'member', 'Begin to connect Gmail.'),
    ('GET', '/oauth/gmail/callback', 'connections', 'public', 'Come back from Gmail.'),
    ('GET', '/oauth/calendar/start', 'connections', 'member', 'Begin to connect a Google calendar.'),
    ('GET', '/oauth/calendar/callback', 'connections', 'public', 'Come back from Google.'),
    ('POST', '/billing/paypal/webhook', 'billing', 'signature', 'Take a payment that PayPal tells of.'),
    ('GET', '/globe-texture', 'web', 'member', 'Give the picture of the globe.'),
    -- golden-records.md §5, §6, §7
    ('GET', '/connections', 'connections', 'member', 'List connections.'),
    ('GET', '/connections/{provider}/auth', 'connections', 'member', 'Begin to connect a provider.'),
    ('GET', '/connections/{provider}/callback', 'connections', 'public', 'Come back from a provider.'),
    ('DELETE', '/connections/{connection_id}', 'connections', 'member', 'Disconnect.'),
    ('POST', '/connections/{connection_id}/sync', 'connections', 'member', 'Sync a connection.'),
    ('GET', '/contacts', 'contacts', 'member', 'List contacts.'),
    ('GET', '/contacts/{contact_id}', 'contacts', 'member', 'Give a contact with its sources and interactions.'),
    ('POST', '/chat', 'assistant', 'member', 'Ask the assistant about a contact.'),
    ('POST', '/actions/{action_id}/approve', 'assistant', 'member', 'Approve what the assistant wants to do.'),
    -- sla-desk.md §1
    ('POST', '/jobs/poll_resolver', 'sla', 'signature', 'Look whether open issues have been answered.'),
    ('POST', '/jobs/verify_pending', 'sla', 'signature', 'Judge issues that are pending.'),
    ('POST', '/jobs/send_summary', 'sla', 'signature', 'Send the summary of open issues.'),
    ('POST', '/jobs/escalations', 'sla', 'signature', 'Tell of new breaches.'),
    ('POST', '/jobs/cleanup_raw_events', 'sla', 'signature', 'Remove old raw events.'),
    -- code-risk.md §8
    ('GET', '/repos', 'code', 'member', 'List repositories.'),
    ('GET', '/metrics/repos/{repo_id}/overview', 'code', 'member', 'Give the state of a repository.'),
    ('GET', '/metrics/repos/{repo_id}', 'code', 'member', 'List the daily metrics of a repository.'),
    ('GET', '/metrics/repos/{repo_id}/high-risk-files', 'code', 'member', 'List the files of highest risk.'),
    ('GET', '/repos/{repo_id}/code-events', 'code', 'member', 'List code events of a repository.'),
    ('GET', '/code-events/{event_id}', 'code', 'member', 'Give a code event.'),
    ('GET', '/repos/{repo_id}/incidents', 'code', 'member', 'List incidents of a repository.'),
    ('GET', '/incidents/{incident_id}', 'code', 'member', 'Give an incident with what it was attributed to.'),
    ('GET', '/repos/{repo_id}/alerts', 'code', 'member', 'List alerts of a repository.'),
    ('GET', '/repos/{repo_id}/alerts/summary', 'code', 'member', 'Sum up the alerts of a repository.'),
    ('POST', '/admin/metrics/{action}', 'code', 'signature', 'Compute metrics of repositories anew.'),
    ('GET', '/trpc/metrics.getRepoOverview', 'code', 'member', 'Give the state of a repository.'),
    ('GET', '/trpc/metrics.getRepoMetrics', 'code', 'member', 'List the daily metrics of a repository.'),
    ('GET', '/trpc/metrics.getHighRiskFiles', 'code', 'member', 'List the files of highest risk.'),
    ('GET', '/trpc/events.getCodeEvents', 'code', 'member', 'List code events of a repository.'),
    ('GET', '/trpc/events.getEventById', 'code', 'member', 'Give a code event.'),
    ('GET', '/trpc/incidents.getIncidents', 'code', 'member', 'List incidents of a repository.'),
    ('GET', '/trpc/incidents.getIncidentById', 'code', 'member', 'Give an incident with what it was attributed to.'),
    ('GET', '/trpc/alerts.getAlerts', 'code', 'member', 'List alerts of a repository.'),
    ('GET', '/trpc/alerts.getSummary', 'code', 'member', 'Sum up the alerts of a repository.'),
    ('POST', '/trpc/alerts.acknowledge', 'code', 'member', 'Mark an alert as seen.')
) AS v (method, pattern, room, access, summary);

SELECT sentinel.serve('GET', '/internal/metrics', 'sentinel.http_internal_metrics', 'Count what there is and what was asked.', 'gateway', access => 'cron', answers => 'free');
