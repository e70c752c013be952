-- Room gateway: routes of figures and of what the engine does.

DO $$
DECLARE
    rows constant text[] := ARRAY['limit integer Rows, 1 to 10000; 1000 unless given.', 'order text Columns to sort by, joined by commas, - before one that goes down.',
                                  'format json|csv Form of the answer; json unless given.'];
    paging constant text[] := ARRAY['limit integer Rows on a page, 1 to 200; 50 unless given.', 'cursor text The next_cursor of the page before.'];
    at constant text[] := ARRAY['as_of time As of when; now unless given.'];
    span constant text[] := ARRAY['since time Begin; 30 days before the end unless given.', 'until time End; as_of unless given.'];
BEGIN
    PERFORM sentinel.serve('GET', '/analytics/' || f.word, 'sentinel.http_figures', f.summary, 'analytics', answers => 'list',
            query => rows || ARRAY(SELECT format('%s %s Rows with this %s only.', a.attname,
                                      CASE format_type(a.atttypid, NULL) WHEN 'numeric' THEN 'number' WHEN 'timestamp with time zone' THEN 'time' ELSE 'text' END,
                                      replace(a.attname, '_', ' '))
                                   FROM pg_attribute a WHERE a.attrelid = to_regclass('sentinel_bi.' || f.view) AND a.attnum > 0
                                   AND a.attname IN ('pipeline', 'stage', 'currency', 'period', 'source', 'platform', 'kind', 'owner', 'cohort_month', 'path')
                                   ORDER BY a.attnum))
    FROM (VALUES ('dashboard', 'dashboard', 'Give the deals in numbers.'), ('pipeline', 'pipeline', 'Give the open deals by stage, weighted too.'),
                 ('lost-revenue', 'lost_revenue', 'Give what was lost, by how far it had come.'), ('velocity', 'velocity', 'Give how fast deals are won.'),
                 ('funnel', 'lead_funnel', 'Give how far leads have come, by stage.'), ('deal-funnel', 'funnel', 'Give how far deals have come, by stage.'),
                 ('leads-by-source', 'lead_sources', 'Give the leads by source.'), ('leads-by-path', 'lead_paths', 'Give the leads by recommended path.'),
                 ('revenue-by-source', 'revenue_by_source', 'Give what was won, by source and platform of the lead.'),
                 ('revenue-by-channel', 'revenue_by_channel', 'Give what was won, by channel.'), ('lost-reasons', 'lost_reasons', 'Give why deals were lost.'),
                 ('stage-times', 'stage_times', 'Give how long deals stay in each stage.'), ('monthly-revenue', 'monthly_revenue', 'Give what was won, by month.'),
                 ('cohorts', 'cohorts', 'Give what became of the deals begun in a month.'), ('cohort-funnel', 'cohort_funnel', 'Give how far the deals begun in a month have come.'),
                 ('leaderboard', 'leaderboard', 'Give who wins.'), ('actions', 'todays_actions', 'Give what is to be done today.')) AS f(word, view, summary);
    PERFORM sentinel.serve('GET', '/analytics/stale-leads', 'sentinel.http_stale_leads', 'List open leads that nobody was in touch with for long.', 'analytics',
            answers => 'list', query => ARRAY['stale_days integer Days of silence; 7 unless given.', 'owner_id uuid Member who owns it.', 'team_id uuid Team.'] || paging),
        sentinel.serve('GET', '/analytics/views', 'sentinel.http_bi_views', 'List the views of figures with what they and their columns mean.', 'analytics', answers => 'list'),
        sentinel.serve('GET', '/analytics/views/{view}', 'sentinel.http_bi_view',
            'Give rows of a view of figures; every column is a query parameter that filters by it.', 'analytics', answers => 'list', query => rows),
        sentinel.serve('GET', '/analytics/forecast', 'sentinel.http_outlook', 'Forecast by month what the open deals will bring.', 'analytics', answers => 'list',
            query => at || ARRAY['months integer Months ahead, 1 to 36; 6 unless given.']),
        sentinel.serve('GET', '/analytics/win-probability', 'sentinel.http_outlook', 'Give each open deal with the chance to win it, by rule.', 'analytics',
            answers => 'list', query => at),
        sentinel.serve('GET', '/analytics/win-scores', 'sentinel.http_outlook', 'Give each open deal with the chance to win it, by the fitted model.', 'analytics',
            answers => 'list', query => at),
        sentinel.serve('GET', '/analytics/deal-patterns', 'sentinel.http_outlook', 'Give what stands out in the deals.', 'analytics', answers => 'list', query => at),
        sentinel.serve('GET', '/analytics/anomalies', 'sentinel.http_outlook', 'Give open deals that are unlike the others.', 'analytics', answers => 'list', query => at),
        sentinel.serve('GET', '/analytics/pipeline-movement', 'sentinel.http_outlook', 'Tell how the open pipeline moved between two times.', 'analytics',
            answers => 'list', query => at || span),
        sentinel.serve('GET', '/analytics/slippage', 'sentinel.http_outlook', 'Tell what became of the deals that were due in a period.', 'analytics',
            answers => 'list', query => at || span),
        sentinel.serve('GET', '/analytics/weekly-report', 'sentinel.http_outlook', 'Report on the seven whole days before a day.', 'analytics', query => at);

    PERFORM sentinel.serve('GET', '/observability/jobs/' || j.word, 'sentinel.http_jobs', j.summary, 'jobs', answers => 'list', role => 'admin',
            runs_as => 'operator', rate_tier => 'lenient', query => ARRAY['queue text Queue.', 'job_type text Job type.'] || paging)
    FROM (VALUES ('pending', 'List jobs that wait, the first due first.'), ('running', 'List jobs that run, the newest first.'),
                 ('failed', 'List jobs that failed and will be tried again.'), ('dead-letter', 'List jobs that failed for good, the newest first.')) AS j(word, summary);
    PERFORM sentinel.serve('GET', '/observability/events', 'sentinel.http_list_events', 'List events that the caller may see, in order, none skipped.', 'events',
            answers => 'list', rate_tier => 'lenient', query => ARRAY['order asc|desc asc to follow them, desc for the newest first; asc unless given.',
                'event_type text Event type, with order=desc.', 'subject_type text Kind of subject, with order=desc.', 'subject_id uuid Subject, with order=desc.',
                'limit integer Events, 1 to 1000, with order=desc to 200; 50 unless given.', 'cursor text The next_cursor of the answer before.']),
        sentinel.serve('GET', '/observability/integrity/alerts', 'sentinel.http_integrity', 'List what does not fit together.', 'revenue', answers => 'list',
            role => 'admin', query => ARRAY['state open|resolved|all State; open unless given.', 'rule text Rule.', 'severity low|medium|high Severity.',
                                            'subject_type text Kind of thing.', 'subject_id uuid Thing.'] || paging),
        sentinel.serve('GET', '/observability/scheduler/upcoming', 'sentinel.http_scheduler', 'List what is due next.', 'schedule', answers => 'list', role => 'admin',
            query => ARRAY['kind schedule|task Kind.', 'event_type text Event type.', 'job_type text Job type.'] || paging),
        sentinel.serve('GET', '/observability/scheduler/one-off', 'sentinel.http_scheduler', 'List one-off tasks.', 'schedule', answers => 'list', role => 'admin',
            query => ARRAY['state waiting|done|all State; waiting unless given.', 'event_type text Event type.', 'job_type text Job type.'] || paging),
        sentinel.serve('GET', '/observability/logs', 'sentinel.http_logs', 'List who did what, of what is audited.', 'tenancy', answers => 'list', role => 'admin',
            runs_as => 'operator', query => ARRAY['action text Action.', 'subject_type text Kind of thing.', 'subject_id uuid Thing.', 'member_id uuid Member.',
                                                  'recorded_from time At or after.', 'recorded_until time Before.'] || paging),
        sentinel.serve('GET', '/jobs/{job_id}', 'sentinel.http_job', 'Give a job that has not ended well.', 'jobs', role => 'admin', runs_as => 'operator'),
        sentinel.serve('POST', '/jobs/{job_id}/cancel', 'sentinel.http_job', 'Cancel a job; one that runs is not tried again.', 'jobs', role => 'admin', runs_as => 'operator'),
        sentinel.serve('POST', '/jobs/{job_id}/retry', 'sentinel.http_job', 'Put a dead job back into the queue.', 'jobs', role => 'admin', runs_as => 'operator'),
        sentinel.serve('POST', '/queues/{queue}/pause', 'sentinel.http_queue', 'Hand out no more jobs of a queue, of any organisation; with the cron secret.', 'jobs',
            access => 'cron', rate_tier => 'strict'),
        sentinel.serve('POST', '/queues/{queue}/resume', 'sentinel.http_queue', 'Hand out jobs of a paused queue again; with the cron secret.', 'jobs',
            access => 'cron', rate_tier => 'strict');
END
$$;
