-- Room gateway: every path of the seeds is served: by the room that has it, or with 501 and the name of the one that will.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(12);

\ir ../support/routes.sql
-- room: the later room that keeps the path; null where it is built.
CREATE TEMP TABLE seeds (section text NOT NULL, method text NOT NULL, path text NOT NULL, room text, PRIMARY KEY (section, method, path));
INSERT INTO seeds VALUES
    ('revenue.md (p)', 'GET', '/auth/me', NULL),
    ('revenue.md (p)', 'GET', '/deals/search', NULL),
    ('revenue.md (p)', 'POST', '/deals/bulk', NULL),
    ('revenue.md (p)', 'GET', '/deals/export', NULL),
    ('revenue.md (p)', 'GET', '/reports/export', 'reports'),
    ('revenue.md (p)', 'GET', '/alerts', NULL),
    ('revenue.md (p)', 'POST', '/insights/chat', 'assistant'),
    ('revenue.md (p)', 'GET', '/notifications', NULL),
    ('revenue.md (p)', 'POST', '/notifications/{id}/read', NULL),
    ('revenue.md (p)', 'POST', '/notifications/read-all', NULL),
    ('revenue.md (p)', 'DELETE', '/notifications/{id}', NULL),
    ('revenue.md (p)', 'GET', '/events', NULL),
    ('revenue.md (p)', 'GET', '/teams/me', NULL),
    ('revenue.md (p)', 'DELETE', '/user/delete', NULL),
    ('revenue.md (p)', 'POST', '/integrations/salesforce/sync', 'connections'),
    ('revenue.md (p)', 'POST', '/integrations/hubspot/sync', 'connections'),
    ('revenue.md (p)', 'POST', '/integrations/google-calendar/sync', 'connections'),
    ('revenue.md (p)', 'POST', '/integrations/calendar/sync', 'connections'),
    ('revenue.md (p)', 'GET', '/integrations/google-calendar/events', 'connections'),
    ('revenue.md (p)', 'POST', '/integrations/google-calendar/events', 'connections'),
    ('revenue.md (p)', 'GET', '/integrations/hubspot/oauth/start', 'connections'),
    ('revenue.md (p)', 'GET', '/integrations/hubspot/oauth/callback', 'connections'),
    ('revenue.md (p)', 'GET', '/integrations/salesforce/oauth/start', 'connections'),
    ('revenue.md (p)', 'GET', '/integrations/salesforce/oauth/callback', 'connections'),
    ('revenue.md (p)', 'GET', '/integrations/slack/oauth/start', 'connections'),
    ('revenue.md (p)', 'GET', '/integrations/slack/oauth/callback', 'connections'),
    ('revenue.md (p)', 'GET', '/oauth/gmail/start', 'connections'),
    ('revenue.md (p)', 'GET', '/oauth/gmail/callback', 'connections'),
    ('revenue.md (p)', 'GET', '/oauth/calendar/start', 'connections'),
    ('revenue.md (p)', 'GET', '/oauth/calendar/callback', 'connections'),
    ('revenue.md (p)', 'POST', '/slack/events', NULL),
    ('revenue.md (p)', 'GET', '/cron/sync-integrations', 'connections'),
    ('revenue.md (p)', 'GET', '/cron/process-emails', 'mail'),
    ('revenue.md (p)', 'GET', '/cron/process-webhooks', NULL),
    ('revenue.md (p)', 'POST', '/cron/process-webhooks', NULL),
    ('revenue.md (p)', 'GET', '/internal/metrics', NULL),
    ('revenue.md (p)', 'GET', '/metrics/performance', NULL),
    ('revenue.md (p)', 'GET', '/metrics/summary', NULL),
    ('revenue.md (p)', 'POST', '/analytics/track', NULL),
    ('revenue.md (p)', 'POST', '/billing/paypal/webhook', 'billing'),
    ('revenue.md (p)', 'GET', '/globe-texture', 'web'),
    -- Its server actions, and what its README promised.
    ('revenue.md (b)', 'GET', '/deals', NULL),
    ('revenue.md (b)', 'POST', '/deals', NULL),
    ('revenue.md (b)', 'GET', '/deals/{id}', NULL),
    ('revenue.md (b)', 'PATCH', '/deals/{id}', NULL),
    ('revenue.md (b)', 'DELETE', '/deals/{id}', NULL),
    ('revenue.md (b)', 'POST', '/deals/{id}/activities', NULL),
    ('revenue.md (a)', 'GET', '/settings/risk', NULL),
    ('revenue.md (a)', 'PUT', '/settings/risk', NULL),
    ('revenue.md (a)', 'GET', '/risk/overview', NULL),
    ('revenue.md (a)', 'GET', '/action-queue', NULL),
    ('revenue.md (c)', 'GET', '/forecast', NULL),
    ('revenue.md (d)', 'POST', '/teams', NULL),
    ('revenue.md (d)', 'DELETE', '/teams/{id}', NULL),
    ('revenue.md (d)', 'POST', '/teams/{id}/invites', NULL),
    ('revenue.md (d)', 'PATCH', '/teams/{id}/members/{id}/role', NULL),
    ('revenue.md (d)', 'DELETE', '/teams/{id}/members/{id}', NULL),
    ('revenue.md (e)', 'GET', '/notifications/wishes', NULL),
    ('revenue.md (e)', 'PUT', '/notifications/wishes', NULL),
    ('revenue.md (f)', 'GET', '/webhooks/endpoints', NULL),
    ('revenue.md (f)', 'POST', '/webhooks/endpoints', NULL),
    ('revenue.md (f)', 'PATCH', '/webhooks/endpoints/{id}', NULL),
    ('revenue.md (f)', 'DELETE', '/webhooks/endpoints/{id}', NULL),
    ('revenue.md (f)', 'POST', '/webhooks/endpoints/{id}/test', NULL),
    ('revenue.md (f)', 'POST', '/webhooks/endpoints/{id}/rotate', NULL),
    ('revenue.md (g)', 'POST', '/slack/channels', NULL),
    ('revenue.md (g)', 'POST', '/slack/channels/{id}/test', NULL),
    ('revenue.md (o)', 'GET', '/plan', NULL),
    ('revenue.md (o)', 'GET', '/plan/usage', NULL),
    ('golden-records.md §5', 'POST', '/auth/register', NULL),
    ('golden-records.md §5', 'POST', '/auth/login', NULL),
    ('golden-records.md §5', 'GET', '/connections', 'connections'),
    ('golden-records.md §5', 'GET', '/connections/hubspot/auth', 'connections'),
    ('golden-records.md §5', 'GET', '/connections/hubspot/callback', 'connections'),
    ('golden-records.md §5', 'DELETE', '/connections/{id}', 'connections'),
    ('golden-records.md §5', 'POST', '/connections/{id}/sync', 'connections'),
    ('golden-records.md §5', 'GET', '/contacts', 'contacts'),
    ('golden-records.md §5', 'GET', '/contacts/{id}', 'contacts'),
    ('golden-records.md §5', 'POST', '/chat', 'assistant'),
    ('golden-records.md §5', 'GET', '/health', NULL),
    ('golden-records.md §7.1', 'POST', '/webhooks/hubspot', NULL),
    ('golden-records.md §7.1', 'POST', '/webhooks/pipedrive', NULL),
    ('golden-records.md §7.1', 'POST', '/webhooks/zendesk', NULL),
    ('golden-records.md §7.2', 'POST', '/actions/{id}/approve', 'assistant'),
    ('crm-engine.md §6', 'POST', '/intake/form', NULL),
    ('crm-engine.md §6', 'POST', '/intake/webhook', NULL),
    ('crm-engine.md §6', 'POST', '/intake/csv', NULL),
    ('crm-engine.md §7', 'GET', '/org/default', NULL),
    ('crm-engine.md §7', 'POST', '/leads', NULL),
    ('crm-engine.md §7', 'GET', '/leads', NULL),
    ('crm-engine.md §7', 'GET', '/leads/ids', NULL),
    ('crm-engine.md §7', 'GET', '/leads/{id}', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/{id}', NULL),
    ('crm-engine.md §7', 'DELETE', '/leads/{id}', NULL),
    ('crm-engine.md §7', 'GET', '/leads/{id}/activities', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/{id}/stage', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/{id}/recommended-path', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/{id}/next-action', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/{id}/priority', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/{id}/temperature', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/bulk/stage', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/bulk/recommended-path', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/bulk/temperature', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/bulk/platform', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/bulk/priority', NULL),
    ('crm-engine.md §7', 'PATCH', '/leads/bulk/lead-source', NULL),
    ('crm-engine.md §7', 'DELETE', '/leads/bulk', NULL),
    ('crm-engine.md §7', 'POST', '/leads/merge', NULL),
    ('crm-engine.md §7', 'POST', '/leads/{id}/qualify', NULL),
    ('crm-engine.md §7', 'POST', '/leads/{id}/enrich', NULL),
    ('crm-engine.md §7', 'POST', '/leads/{id}/tags/{id}', NULL),
    ('crm-engine.md §7', 'DELETE', '/leads/{id}/tags/{id}', NULL),
    ('crm-engine.md §7', 'POST', '/calls', NULL),
    ('crm-engine.md §7', 'GET', '/calls', NULL),
    ('crm-engine.md §7', 'GET', '/calls/{id}', NULL),
    ('crm-engine.md §7', 'PATCH', '/calls/{id}/complete', NULL),
    ('crm-engine.md §7', 'PATCH', '/calls/{id}/no-show', NULL),
    ('crm-engine.md §7', 'POST', '/deals', NULL),
    ('crm-engine.md §7', 'GET', '/deals', NULL),
    ('crm-engine.md §7', 'GET', '/deals/{id}', NULL),
    ('crm-engine.md §7', 'PATCH', '/deals/{id}', NULL),
    ('crm-engine.md §7', 'PATCH', '/deals/{id}/stage', NULL),
    ('crm-engine.md §7', 'GET', '/clients', NULL),
    ('crm-engine.md §7', 'GET', '/clients/{id}', NULL),
    ('crm-engine.md §7', 'PATCH', '/clients/{id}/status', NULL),
    ('crm-engine.md §7', 'GET', '/invoices', NULL),
    ('crm-engine.md §7', 'GET', '/invoices/{id}', NULL),
    ('crm-engine.md §7', 'POST', '/invoices/{id}/mark-paid', NULL),
    ('crm-engine.md §7', 'GET', '/notes', NULL),
    ('crm-engine.md §7', 'POST', '/notes', NULL),
    ('crm-engine.md §7', 'GET', '/tasks', NULL),
    ('crm-engine.md §7', 'POST', '/tasks', NULL),
    ('crm-engine.md §7', 'PATCH', '/tasks/{id}/complete', NULL),
    ('crm-engine.md §7', 'GET', '/templates', NULL),
    ('crm-engine.md §7', 'POST', '/templates', NULL),
    ('crm-engine.md §7', 'GET', '/tags', NULL),
    ('crm-engine.md §7', 'POST', '/tags', NULL),
    ('crm-engine.md §7', 'DELETE', '/tags/{id}', NULL),
    ('crm-engine.md §7', 'GET', '/saved-views', NULL),
    ('crm-engine.md §7', 'POST', '/saved-views', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/pipeline', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/lost-revenue', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/velocity', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/funnel', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/dashboard', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/leads-by-source', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/leads-by-path', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/stale-leads', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/revenue-by-source', NULL),
    ('crm-engine.md §7', 'GET', '/analytics/actions', NULL),
    ('crm-engine.md §7', 'GET', '/observability/jobs/pending', NULL),
    ('crm-engine.md §7', 'GET', '/observability/jobs/running', NULL),
    ('crm-engine.md §7', 'GET', '/observability/jobs/failed', NULL),
    ('crm-engine.md §7', 'GET', '/observability/jobs/dead-letter', NULL),
    ('crm-engine.md §7', 'GET', '/observability/events', NULL),
    ('crm-engine.md §7', 'GET', '/observability/integrity/alerts', NULL),
    ('crm-engine.md §7', 'GET', '/observability/scheduler/upcoming', NULL),
    ('crm-engine.md §7', 'GET', '/observability/scheduler/one-off', NULL),
    ('crm-engine.md §7', 'GET', '/observability/logs', NULL),
    ('code-risk.md §6', 'POST', '/webhooks/github', NULL),
    ('code-risk.md §8', 'GET', '/trpc/metrics.getRepoOverview', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/metrics.getRepoMetrics', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/metrics.getHighRiskFiles', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/events.getCodeEvents', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/events.getEventById', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/incidents.getIncidents', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/incidents.getIncidentById', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/alerts.getAlerts', 'code'),
    ('code-risk.md §8', 'GET', '/trpc/alerts.getSummary', 'code'),
    ('code-risk.md §8', 'POST', '/trpc/alerts.acknowledge', 'code'),
    ('code-risk.md §8', 'GET', '/repos', 'code'),
    ('code-risk.md §8', 'GET', '/metrics/repos/{id}', 'code'),
    ('code-risk.md §8', 'GET', '/metrics/repos/{id}/overview', 'code'),
    ('code-risk.md §8', 'GET', '/metrics/repos/{id}/high-risk-files', 'code'),
    ('code-risk.md §8', 'GET', '/repos/{id}/code-events', 'code'),
    ('code-risk.md §8', 'GET', '/code-events/{id}', 'code'),
    ('code-risk.md §8', 'GET', '/repos/{id}/incidents', 'code'),
    ('code-risk.md §8', 'GET', '/incidents/{id}', 'code'),
    ('code-risk.md §8', 'GET', '/repos/{id}/alerts', 'code'),
    ('code-risk.md §8', 'GET', '/repos/{id}/alerts/summary', 'code'),
    ('code-risk.md §8', 'POST', '/alerts/{id}/acknowledge', NULL),
    ('code-risk.md §8', 'POST', '/admin/metrics/compute', 'code'),
    ('code-risk.md §8', 'POST', '/admin/metrics/survival', 'code'),
    ('code-risk.md §8', 'POST', '/admin/metrics/saturation', 'code'),
    ('code-risk.md §8', 'GET', '/health', NULL),
    ('sla-desk.md §1', 'GET', '/health', NULL),
    ('sla-desk.md §1', 'POST', '/webhook/ghl', NULL),
    ('sla-desk.md §1', 'POST', '/webhook/ghl/inbound_sms', NULL),
    ('sla-desk.md §1', 'POST', '/webhook/ghl/unanswered_call', NULL),
    ('sla-desk.md §1', 'POST', '/jobs/poll_resolver', 'sla'),
    ('sla-desk.md §1', 'POST', '/jobs/verify_pending', 'sla'),
    ('sla-desk.md §1', 'POST', '/jobs/send_summary', 'sla'),
    ('sla-desk.md §1', 'POST', '/jobs/escalations', 'sla'),
    ('sla-desk.md §1', 'POST', '/jobs/cleanup_raw_events', 'sla');

CREATE TEMP TABLE served AS
SELECT s.*, replace(s.path, '{id}', '00000000-0000-7000-8000-000000000000') AS url, r.pattern, r.methods, r.function_name, r.access, r.role
FROM seeds s LEFT JOIN LATERAL sentinel.find_route(s.method, replace(s.path, '{id}', '00000000-0000-7000-8000-000000000000')) r ON true;
-- What was printed when a route is missing tells which.
SELECT is((SELECT string_agg(format('%s: %s %s', section, method, path), '; ' ORDER BY section, path) FROM served WHERE pattern IS NULL OR method <> ALL (methods)), NULL, 'every path of the seeds is served');
SELECT is((SELECT string_agg(method || ' ' || path, ', ' ORDER BY path) FROM served WHERE (room IS NOT NULL) <> (function_name = 'sentinel.http_not_built')), NULL, 'by a room that is built, or kept for one');
SELECT is((SELECT string_agg(s.method || ' ' || s.path, ', ' ORDER BY s.path) FROM served s JOIN sentinel.http_routes r ON r.method = s.method AND r.pattern = s.pattern WHERE s.room <> r.room), NULL, 'whose name it has');
SELECT is((SELECT string_agg(s.method || ' ' || s.path, ', ' ORDER BY s.path) FROM served s, LATERAL sentinel.find_route(s.method, '/api' || s.url) r WHERE s.pattern IS DISTINCT FROM r.pattern), NULL, 'with and without /api');
SELECT is((SELECT string_agg(r.method || ' ' || r.pattern, ', ') FROM sentinel.http_routes r
           WHERE r.function_name = 'sentinel.http_not_built' AND r.pattern NOT LIKE '/auth/%' AND NOT EXISTS (SELECT FROM served s WHERE s.method = r.method AND s.pattern = r.pattern)), NULL, 'no path is kept that no seed has');

-- Each of them answers 501 with the room's name, to who may call at all.
SELECT sentinel.create_org('Later Ltd', 'later-pgtap') AS org \gset
SELECT sentinel.enter(:'org');
INSERT INTO known SELECT 'olga', :'org', sentinel.add_member('Olga', 'olga@later.example', 'owner'), 'owner';
SELECT sentinel.leave();
SELECT is((SELECT string_agg(method || ' ' || path, ', ') FROM (
    SELECT s.method, s.path, s.room, pg_temp.call('olga', s.method, s.url) AS answer FROM served s WHERE s.room IS NOT NULL AND s.access <> 'cron') x
    WHERE answer -> 'status' <> '501' OR answer #>> '{json,title}' <> format('the room "%s" is not built yet', room)), NULL, 'a path that is kept answers 501 with the room');
SELECT is((SELECT string_agg(s.method || ' ' || s.path, ', ') FROM served s, LATERAL sentinel.http_handle(s.method, s.url, '', '[]', NULL, '192.0.2.7', timestamptz '2026-01-01') h
           WHERE s.room IS NOT NULL AND s.access IN ('public', 'signature') AND h.status <> 501), NULL, 'to anybody, where anybody may call');
SELECT is((SELECT string_agg(s.method || ' ' || s.path, ', ') FROM served s, LATERAL sentinel.http_handle(s.method, s.url, '', '[]', NULL, '192.0.2.7', timestamptz '2026-01-01') h
           WHERE s.access = 'member' AND h.status <> 401), NULL, 'to nobody, where a member must call');
SELECT is((SELECT count(DISTINCT s.access) FROM served s WHERE s.room IS NOT NULL), 4::bigint, 'as the seeds have it');

-- The document of the routes is made of these rows.
SELECT is((SELECT string_agg(r.method || ' ' || r.pattern, ', ') FROM sentinel.http_routes r WHERE r.summary !~ '^[A-Z].*[^ ]\.$'), NULL, 'each route is told of in a sentence');
SELECT is((SELECT string_agg(r.method || ' ' || r.pattern, ', ') FROM sentinel.http_routes r
           CROSS JOIN LATERAL jsonb_array_elements(r.query_parameters) q WHERE q ->> 'description' !~ '\.$' OR q -> 'schema' ->> 'type' IS NULL), NULL, 'and each parameter');
SELECT is((SELECT string_agg(r.method || ' ' || r.pattern, ', ') FROM sentinel.http_routes r
           LEFT JOIN LATERAL (SELECT obj_description(to_regprocedure(r.function_name || '(jsonb, bytea)'), 'pg_proc') AS words) d ON true
           WHERE d.words IS NULL OR d.words !~ '^Route: '), NULL, 'each is answered by a function that says so');

SELECT * FROM finish();
ROLLBACK;
