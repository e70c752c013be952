-- Room leads, jobs: rules, job types, routes, schedules, row rights, grants.

INSERT INTO sentinel.free_mail_domains (domain, provider)
SELECT unnest(p.domains), p.provider FROM (VALUES
    ('Google', ARRAY['gmail.com', 'googlemail.com']),
    ('Microsoft', ARRAY['outlook.com', 'outlook.de', 'outlook.fr', 'outlook.es', 'outlook.it', 'hotmail.com', 'hotmail.co.uk',
        'hotmail.de', 'hotmail.fr', 'hotmail.es', 'hotmail.it', 'hotmail.nl', 'live.com', 'live.co.uk', 'live.de', 'live.fr',
        'live.nl', 'live.it', 'msn.com']),
    ('Yahoo', ARRAY['yahoo.com', 'yahoo.co.uk', 'yahoo.de', 'yahoo.fr', 'yahoo.es', 'yahoo.it', 'yahoo.in', 'yahoo.co.in',
        'yahoo.ca', 'yahoo.com.au', 'yahoo.com.br', 'yahoo.co.jp', 'ymail.com', 'rocketmail.com']),
    ('Apple', ARRAY['icloud.com', 'me.com', 'mac.com']),
    ('AOL', ARRAY['aol.com', 'aol.co.uk', 'aol.de']),
    ('Proton', ARRAY['proton.me', 'protonmail.com', 'protonmail.ch', 'pm.me']),
    ('GMX', ARRAY['gmx.com', 'gmx.net', 'gmx.de', 'gmx.at', 'gmx.ch', 'gmx.co.uk', 'gmx.us']),
    ('mail.com', ARRAY['mail.com', 'email.com']),
    ('VK', ARRAY['mail.ru', 'bk.ru', 'inbox.ru', 'list.ru']),
    ('Yandex', ARRAY['yandex.com', 'yandex.ru', 'ya.ru', 'yandex.by', 'yandex.kz']),
    ('United Internet', ARRAY['web.de']),
    ('Zoho', ARRAY['zohomail.com', 'zohomail.eu']),
    ('Tuta', ARRAY['tutanota.com', 'tutanota.de', 'tuta.io', 'tuta.com', 'tutamail.com']),
    ('Fastmail', ARRAY['fastmail.com', 'fastmail.fm'])) AS p(provider, domains)
ON CONFLICT DO NOTHING;

-- Patterns are over lower case, with hyphens and underscores as spaces; \m and \M are the ends of words.
INSERT INTO sentinel.default_icp_rules (rule, group_name, position, field, kind, pattern, low, high, points, reason) VALUES
    ('industry_unknown', 'industry', 1, 'industry', 'missing', NULL, NULL, NULL, 10, 'The industry is unknown.'),
    ('industry_service', 'industry', 2, 'industry', 'matches',
     '\m(agenc|consult|coach|market(ing|ers?)?\M|advert|recruit|legal|law(yers?)?\M|account|dental|clinic|real estate|propert|fitness|design|studio|contractor|home service)',
     NULL, NULL, 35, 'A service business.'),
    ('industry_product', 'industry', 3, 'industry', 'matches',
     '\m(e ?commerce|retail|manufactur|wholesale|hardware)', NULL, NULL, -20, 'A business of products.'),
    ('industry_other', 'industry', 4, 'industry', 'any', NULL, NULL, NULL, 5, 'Another industry.'),
    ('mailbox_business', 'mailbox', 1, 'mailbox', 'matches', '^business$', NULL, NULL, 10, 'A domain of its own.'),
    ('mailbox_free', 'mailbox', 2, 'mailbox', 'matches', '^free$', NULL, NULL, -5, 'A free mailbox.'),
    ('employees_2_10', 'employees', 1, 'employees', 'between', NULL, 2, 10, 10, '2 to 10 employees.'),
    ('employees_11_50', 'employees', 2, 'employees', 'between', NULL, 11, 50, 20, '11 to 50 employees.'),
    ('employees_51_200', 'employees', 3, 'employees', 'between', NULL, 51, 200, 15, '51 to 200 employees.'),
    ('employees_201_1000', 'employees', 4, 'employees', 'between', NULL, 201, 1000, 5, '201 to 1,000 employees.'),
    ('employees_over_1000', 'employees', 5, 'employees', 'between', NULL, 1001, NULL, -10, 'More than 1,000 employees.'),
    ('band_under_1m', 'revenue_band', 1, 'revenue_band', 'matches', '^< ?\$1m$', NULL, NULL, 5, 'Yearly revenue below $1M.'),
    ('band_1m_10m', 'revenue_band', 2, 'revenue_band', 'matches', '^\$1m \$10m$', NULL, NULL, 15, 'Yearly revenue of $1M to $10M.'),
    ('band_10m_50m', 'revenue_band', 3, 'revenue_band', 'matches', '^\$10m \$50m$', NULL, NULL, 10, 'Yearly revenue of $10M to $50M.'),
    ('source_inbound', 'source_inbound', 1, 'lead_source', 'matches', '\m(referral|referred|inbound|webhook|(web)?forms?\M)',
     NULL, NULL, 10, 'Came by itself or was referred.'),
    ('source_paid', 'source_paid', 1, 'lead_source', 'matches', '\m(paid|ads?\M|adwords|advert)', NULL, NULL, 15, 'Came by an advertisement.'),
    ('phone', 'phone', 1, 'phone', 'present', NULL, NULL, NULL, 5, 'Can be called.'),
    ('profile', 'profile', 1, 'profile_link', 'present', NULL, NULL, NULL, 5, 'Has a profile.'),
    ('pain_points', 'pain_points', 1, 'pain_points', 'count', NULL, NULL, 3, 3, 'Named pains.'),
    ('budget_signals', 'budget_signals', 1, 'budget_signals', 'count', NULL, NULL, 1, 5, 'Spoke of a budget.'),
    ('timeline_signals', 'timeline_signals', 1, 'timeline_signals', 'count', NULL, NULL, 1, 5, 'Spoke of a time.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.lead_priority_rules (platform, high_after, critical_after) VALUES
    ('instagram', '24 hours', '72 hours'), ('twitter', '24 hours', '72 hours'),
    ('linkedin', '48 hours', '120 hours'), ('cold_email', '48 hours', '120 hours'),
    ('phone', '12 hours', '48 hours'), ('other', '48 hours', '96 hours')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay, time_limit, description)
VALUES
    ('enrich_lead', 'sql', 'sentinel.handle_enrich_lead', 'default', 5, 5, '5 s', '1 hour', '30 s',
     'Fill in what the mailbox of a new lead tells, and ask the enrichment service.'),
    ('apply_enrichment', 'sql', 'sentinel.handle_apply_enrichment', 'default', 5, 5, '5 s', '1 hour', '30 s',
     'Fill blanks of a lead with the answer of the enrichment service.'),
    ('qualify_lead', 'sql', 'sentinel.handle_qualify_lead', 'default', 5, 5, '5 s', '1 hour', '30 s',
     'Judge a lead by the rules of its organisation.'),
    ('route_outreach', 'sql', 'sentinel.handle_route_outreach', 'default', 4, 5, '5 s', '1 hour', '30 s',
     'Set the next action of a qualified lead and tell who works it.'),
    ('escalate_lead', 'sql', 'sentinel.handle_escalate_lead', 'default', 3, 5, '5 s', '1 hour', '30 s',
     'Have a lead with strong buying signals called within a day.'),
    ('check_lead_stale', 'sql', 'sentinel.handle_check_lead_stale', 'default', 6, 3, '1 min', '1 hour', '5 min',
     'Find leads that nobody was in touch with.'),
    ('handle_stale_lead', 'sql', 'sentinel.handle_handle_stale_lead', 'default', 5, 5, '5 s', '1 hour', '30 s',
     'Have a silent lead followed up.'),
    ('auto_priority_check', 'sql', 'sentinel.handle_auto_priority_check', 'default', 6, 3, '1 min', '1 hour', '5 min',
     'Raise the priority of leads whose next action is overdue.'),
    ('recalc_ghost_risk', 'sql', 'sentinel.handle_recalc_ghost_risk', 'default', 6, 3, '1 min', '1 hour', '5 min',
     'Let the ghost risk of silent leads rise and of others fall.')
ON CONFLICT DO NOTHING;

-- Qualifying follows enriching, so that it never judges a lead half known.
INSERT INTO sentinel.default_event_routes (event_type, job_type, description) VALUES
    ('lead.created', 'enrich_lead', 'A new lead is completed first.'),
    ('lead.enrichment_received', 'apply_enrichment', 'The answer of the enrichment service fills blanks.'),
    ('lead.enriched', 'qualify_lead', 'A lead is judged by all that is known of it.'),
    ('lead.reactivated', 'qualify_lead', 'A lead that comes back is judged anew.'),
    ('lead.qualified', 'route_outreach', 'A judged lead goes its recommended way.'),
    ('buying_signal.high', 'escalate_lead', 'A lead that wants to buy is called.'),
    ('lead.stale', 'handle_stale_lead', 'A silent lead is followed up.'),
    ('scheduler.lead_stale_check', 'check_lead_stale', 'Silent leads are looked for daily.'),
    ('scheduler.auto_priority_check', 'auto_priority_check', 'Overdue actions are looked for every six hours.'),
    ('scheduler.ghost_risk_recalc', 'recalc_ghost_risk', 'Ghost risk moves daily.'),
    ('lead.routed', 'dispatch_event', 'Tells the systems that call, write and nurture what to do.'),
    ('lead.escalated', 'dispatch_event', 'Tells the channels that want it.'),
    ('lead.stale', 'dispatch_event', 'Tells the channels that want it.'),
    ('lead.ghosting', 'dispatch_event', 'Tells the channels that want it.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.default_schedules (name, cron_expression, event_type, description) VALUES
    ('lead_stale_check', '0 9 * * *', 'scheduler.lead_stale_check', 'Looks for silent leads.'),
    ('auto_priority_check', '0 */6 * * *', 'scheduler.auto_priority_check', 'Raises the priority of overdue actions.'),
    ('ghost_risk_recalc', '0 10 * * *', 'scheduler.ghost_risk_recalc', 'Moves the ghost risk.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.org_setup (position, function_name) VALUES
    (62, 'sentinel.setup_lead_jobs'), (63, 'sentinel.setup_schedules')
ON CONFLICT DO NOTHING;

-- A judgement is seen by those who see its lead.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.lead_scores;
CREATE POLICY tenant_isolation ON sentinel.lead_scores
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS lead_scores_view ON sentinel.lead_scores;
CREATE POLICY lead_scores_view ON sentinel.lead_scores AS RESTRICTIVE FOR SELECT
    USING (sentinel.current_member() IS NULL OR sentinel.may_lead('view', lead_id));

GRANT SELECT ON sentinel.free_mail_domains, sentinel.default_icp_rules, sentinel.icp_rules, sentinel.lead_scores,
    sentinel.lead_priority_rules, sentinel.services, sentinel.default_schedules TO sentinel_reader, sentinel_member;
GRANT INSERT, UPDATE, DELETE ON sentinel.icp_rules TO sentinel_operator;
