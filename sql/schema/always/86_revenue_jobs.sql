-- Room revenue, jobs and watch: lexicon, offers, rules, job types, routes, schedules, view, row rights, grants.

-- Patterns are looked for in each sentence, without regard to case; \m and \M are the ends of words.
INSERT INTO sentinel.default_call_phrases (phrase, pattern, points, reason, next_step) VALUES
    ('asked_for_papers', '\msend (me|us|over)\M[^.!?]*\m(proposal|contract|invoice|agreement)', 25, 'Asked for papers.', 'Send what was asked for.'),
    ('asked_when_to_start', '\mwhen (can|could) (we|you|i) (start|begin)|\mhow soon\M', 25, 'Asked when it can start.', 'Offer a date to start.'),
    ('ready', '(?<!not )(?<!n''t )\mready to\M|\mlet''?s (do it|move forward|go ahead)', 30, 'Is ready.', 'Send the contract.'),
    ('how_much', '\mhow much\M', 15, 'Asked how much.', 'State the price.'),
    ('price', '\m(pricing|prices?|costs?)\M', 15, 'Spoke of the price.', NULL),
    ('next_steps', '\mnext steps?\M', 15, 'Asked what comes next.', 'Agree on the next step and its date.'),
    ('budget', '(?<!no )\mbudget', 10, 'Spoke of a budget.', NULL),
    ('timeline', '\m(timeline|deadline)|\mby (the end of )?(the |this |next )?(month|quarter|q[1-4]|january|february|march|april|may|june|july|august|september|october|november|december)\M',
     10, 'Spoke of a time.', NULL),
    ('decision', '\msign[ -]off\M|\mdecision[ -]maker|\mpartners? needs?\M', 10, 'Named who decides.', 'Bring in who decides.'),
    ('payment', '\mpayment plan|\minvoice', 10, 'Spoke of paying.', NULL),
    ('not_interested', '\mnot (really |that )?interested', -40, 'Is not interested.', NULL),
    ('no_budget', '\mno budget', -25, 'Has no budget.', NULL),
    ('too_expensive', '\mtoo expensive', -15, 'Finds it too expensive.', 'Show what it is worth.'),
    ('later', '\mnext year\M|\mmaybe later\M', -15, 'Puts it off.', 'Agree on a date to talk again.'),
    ('think_about_it', '\mthink about it', -10, 'Wants to think.', 'Agree on a date to talk again.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.default_offers (offer, label, position, kind, least_score, pattern, price, currency, pain, solution, deliverables) VALUES
    ('website_install', 'Website install', 1, 'base', 0, NULL, 500, 'GBP', 'Visitors leave without a word.',
     'A site whose forms feed one list of leads.', ARRAY['Site with intake forms', 'List of leads with sources']),
    ('lifecycle_install', 'Lifecycle install', 2, 'base', 50, NULL, 2500, 'GBP', 'Leads are lost between first word and proposal.',
     'One path from first word to paid invoice, with a next action at each stage.',
     ARRAY['CRM with stages and next actions', 'Follow-up automation', 'Proposal and invoice templates']),
    ('lead_control', 'Lead control', 3, 'module', 0, '\mleads?\M|enquir|inquir|spreadsheet|inbox', 500, 'GBP',
     'Nobody knows which leads wait.', 'Each lead has an owner, a priority and a due date.', ARRAY['Lead board', 'Alerts of silent leads']),
    ('sales_optimisation', 'Sales optimisation', 4, 'module', 0, 'follow[ -]?up|no[ -]show|\mclos(e|ing)\M|\msales\M|pipeline', 500, 'GBP',
     'Deals stall and nobody notices.', 'Stalled deals are noticed on time and moved or closed.', ARRAY['Deal alerts', 'Weekly report']),
    ('retention', 'Retention', 5, 'module', 0, 'churn|retention|\mrepeat\M|renew|upsell', 500, 'GBP',
     'Clients leave when the work is done.', 'Renewals, referrals and further work are asked for on time.',
     ARRAY['Renewal reminders', 'Testimonial and referral requests'])
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.integrity_rules (rule, subject_type, severity, grace_setting, grace, description) VALUES
    ('won_deal_no_invoice', 'deal', 'high', 'integrity_grace_minutes', '1 minute', 'A deal that was won here has an invoice, be it cancelled.'),
    ('won_deal_no_contract', 'deal', 'high', 'integrity_grace_minutes', '1 minute', 'A deal that was won here has a contract, be it void.'),
    ('won_deal_lead_not_won', 'deal', 'medium', 'integrity_grace_minutes', '1 minute', 'The lead of a deal that was won here was won.'),
    ('deal_two_invoices', 'deal', 'high', NULL, '0', 'A deal has one invoice that is not cancelled.'),
    ('paid_invoice_no_client', 'invoice', 'high', 'integrity_grace_minutes', '1 minute', 'A paid invoice has a client.'),
    ('client_stuck_pending', 'client', 'medium', 'client_stuck_hours', '1 hour', 'A client is taken in on time.'),
    ('lead_won_no_deal', 'lead', 'medium', 'integrity_grace_minutes', '1 minute', 'A won lead has a won deal.'),
    ('open_deal_lost_lead', 'deal', 'medium', 'integrity_grace_minutes', '1 minute', 'A lost lead has no open deal.'),
    ('intake_waiting', 'intake_row', 'medium', NULL, '1 hour', 'What comes in is processed within an hour.'),
    ('job_stuck', 'job', 'medium', NULL, '1 minute', 'A running job has a worker.')
ON CONFLICT DO NOTHING;

-- What makes money or papers is tried longest.
INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay, time_limit, description)
VALUES
    ('analyze_call', 'sql', 'sentinel.handle_analyze_call', 'default', 4, 5, '5 s', '1 hour', '1 min',
     'Judge the transcript of a call by the lexicon.'),
    ('generate_proposal_blueprint', 'sql', 'sentinel.handle_generate_proposal_blueprint', 'default', 5, 5, '5 s', '1 hour', '30 s',
     'Draft a proposal from an analysed call.'),
    ('create_invoice', 'sql', 'sentinel.handle_create_invoice', 'default', 2, 10, '5 s', '1 hour', '30 s', 'Draft the invoice of a won deal.'),
    ('generate_contract', 'sql', 'sentinel.handle_generate_contract', 'default', 2, 10, '5 s', '1 hour', '30 s', 'Render the contract of a won deal.'),
    ('create_client', 'sql', 'sentinel.handle_create_client', 'default', 2, 10, '5 s', '1 hour', '30 s', 'Make a client of who has paid.'),
    ('start_onboarding', 'sql', 'sentinel.handle_start_onboarding', 'default', 3, 10, '5 s', '1 hour', '30 s', 'Begin to take a client in.'),
    ('trigger_testimonial', 'sql', 'sentinel.handle_trigger_testimonial', 'default', 6, 5, '5 s', '1 hour', '30 s', 'Have a client asked for a testimonial.'),
    ('trigger_referral', 'sql', 'sentinel.handle_trigger_referral', 'default', 6, 5, '5 s', '1 hour', '30 s', 'Have a client asked for a referral.'),
    ('trigger_upsell', 'sql', 'sentinel.handle_trigger_upsell', 'default', 6, 5, '5 s', '1 hour', '30 s', 'Flag a client for an upsell.'),
    ('send_renewal_reminder', 'sql', 'sentinel.handle_send_renewal_reminder', 'default', 6, 3, '1 min', '1 hour', '5 min', 'Remind of renewals that come.'),
    ('link_deal_lead', 'sql', 'sentinel.handle_link_deal_lead', 'default', 4, 5, '5 s', '1 hour', '30 s', 'Let the lead of a deal follow it.'),
    ('handle_deal_lost', 'sql', 'sentinel.handle_handle_deal_lost', 'default', 4, 5, '5 s', '1 hour', '30 s', 'Let the lead of its last deal follow it into loss.'),
    ('check_deal_decay', 'sql', 'sentinel.handle_check_deal_decay', 'default', 6, 3, '1 min', '1 hour', '5 min', 'Find deals that stall.'),
    ('nudge_deal', 'sql', 'sentinel.handle_nudge_deal', 'default', 5, 5, '5 s', '1 hour', '30 s', 'Give the owner of a stalled deal a task.'),
    ('check_invoice_overdue', 'sql', 'sentinel.handle_check_invoice_overdue', 'default', 6, 3, '1 min', '1 hour', '5 min', 'Find invoices whose time has passed.'),
    ('check_integrity', 'sql', 'sentinel.handle_check_integrity', 'default', 6, 3, '1 min', '1 hour', '5 min', 'Find what does not fit together.'),
    ('generate_weekly_report', 'sql', 'sentinel.handle_generate_weekly_report', 'default', 6, 5, '1 min', '1 hour', '5 min', 'Keep the report on the week.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.default_event_routes (event_type, job_type, description) VALUES
    ('deal.created', 'link_deal_lead', 'A deal may begin as proposed or won.'),
    ('deal.stage_changed', 'link_deal_lead', 'The lead of a proposed or won deal follows it.'),
    ('deal.lost', 'handle_deal_lost', 'The lead of a lost deal is lost when no other deal is open or won.'),
    ('deal.won', 'create_invoice', 'What is won is billed.'),
    ('deal.won', 'generate_contract', 'What is won is agreed on.'),
    ('invoice.created', 'generate_contract', 'A contract whose template names the invoice gets its number.'),
    ('deal.stalled', 'nudge_deal', 'Who works a stalled deal is reminded.'),
    ('call.completed', 'analyze_call', 'A call is listened to for buying signals.'),
    ('call.reanalyze', 'analyze_call', 'A corrected transcript is judged anew.'),
    ('call.analyzed', 'generate_proposal_blueprint', 'A proposal is drafted from the call.'),
    ('invoice.paid', 'create_client', 'Who has paid is a client.'),
    ('client.created', 'start_onboarding', 'A client is taken in.'),
    ('client.testimonial_due', 'trigger_testimonial', 'A client is asked for a testimonial.'),
    ('client.referral_due', 'trigger_referral', 'A client is asked for a referral.'),
    ('client.upsell_due', 'trigger_upsell', 'A client may want more.'),
    ('scheduler.deal_decay_check', 'check_deal_decay', 'Stalled deals are looked for daily.'),
    ('scheduler.renewal_reminder', 'send_renewal_reminder', 'Renewals are reminded of weekly.'),
    ('scheduler.invoice_overdue_check', 'check_invoice_overdue', 'Overdue invoices are looked for daily.'),
    ('scheduler.integrity_watchdog', 'check_integrity', 'What does not fit together is looked for hourly.'),
    ('scheduler.weekly_ai_report', 'generate_weekly_report', 'The week is reported.'),
    ('system.integrity_alert', 'raise_alert', 'A breach of integrity alerts owners and admins, once.')
ON CONFLICT DO NOTHING;
INSERT INTO sentinel.default_event_routes (event_type, job_type, description)
SELECT t, 'dispatch_event', 'tells the Slack channels and webhook endpoints that want it'
FROM unnest(ARRAY['deal.stalled', 'call.blueprint_ready', 'contract.ready', 'invoice.overdue', 'invoice.paid', 'onboarding.requested',
                  'client.testimonial_requested', 'client.referral_requested', 'client.upsell_flagged', 'renewal.upcoming',
                  'report.weekly', 'system.integrity_alert']) t
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.default_schedules (name, cron_expression, event_type, description) VALUES
    ('deal_decay_check', '0 8 * * *', 'scheduler.deal_decay_check', 'Looks for stalled deals.'),
    ('invoice_overdue_check', '30 8 * * *', 'scheduler.invoice_overdue_check', 'Looks for overdue invoices.'),
    ('renewal_reminder', '0 9 * * 1', 'scheduler.renewal_reminder', 'Reminds of renewals.'),
    ('weekly_ai_report', '0 8 * * 0', 'scheduler.weekly_ai_report', 'Reports on the week.'),
    ('integrity_watchdog', '0 * * * *', 'scheduler.integrity_watchdog', 'Looks for breaches of integrity.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.org_setup (position, function_name) VALUES (86, 'sentinel.setup_revenue_jobs')
ON CONFLICT DO NOTHING;

CREATE OR REPLACE VIEW sentinel.integrity_breaches WITH (security_invoker = true) AS
    SELECT sentinel.current_org() AS org_id, b.rule, b.subject_type, b.subject_id, b.severity, b.detail, b.since
    FROM sentinel.integrity_breaches_at(now()) b;
COMMENT ON VIEW sentinel.integrity_breaches IS
    'What breaks a rule of integrity now, for longer than it may; for owners and admins and logins of the whole organisation. One row is one breach.';
COMMENT ON COLUMN sentinel.integrity_breaches.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.integrity_breaches.rule IS 'Rule of sentinel.integrity_rules that is broken.';
COMMENT ON COLUMN sentinel.integrity_breaches.subject_type IS 'Kind of the thing that breaks it.';
COMMENT ON COLUMN sentinel.integrity_breaches.subject_id IS 'Id of that thing.';
COMMENT ON COLUMN sentinel.integrity_breaches.severity IS 'low, medium or high.';
COMMENT ON COLUMN sentinel.integrity_breaches.detail IS 'What is wrong, in words.';
COMMENT ON COLUMN sentinel.integrity_breaches.since IS 'Since when.';

-- Findings name things of all members: for owners and admins.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.integrity_findings;
CREATE POLICY tenant_isolation ON sentinel.integrity_findings
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS integrity_findings_view ON sentinel.integrity_findings;
CREATE POLICY integrity_findings_view ON sentinel.integrity_findings AS RESTRICTIVE FOR SELECT
    USING (sentinel.may('assign', NULL, NULL));

GRANT SELECT ON sentinel.default_call_phrases, sentinel.call_phrases, sentinel.default_offers, sentinel.offers,
    sentinel.integrity_rules, sentinel.integrity_findings, sentinel.integrity_breaches TO sentinel_reader, sentinel_member;
GRANT INSERT, UPDATE, DELETE ON sentinel.call_phrases, sentinel.offers TO sentinel_operator;
