-- Room leads, jobs: the map from event to job, the scorer by hand, and each trap of the CRM engine that this room closes.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(96);

SELECT sentinel.create_org('Lead jobs Ltd', 'lead-jobs-pgtap') AS org, sentinel.create_org('Other Ltd', 'lead-jobs-pgtap-other', 'America/New_York') AS other,
       sentinel.uuid7() AS job \gset
SELECT sentinel.enter(:'org');

\ir ../support/jobs.sql
CREATE FUNCTION pg_temp.points(org uuid, facts jsonb) RETURNS numeric LANGUAGE sql AS $$ SELECT sum(points) FROM sentinel.score_icp(org, facts) $$;

-- The map of section 4, with its deviations: lead.enriched qualifies (trap 7), calls and deals are linked, overdue is looked for.
CREATE TEMP TABLE map AS SELECT * FROM (VALUES
    ('lead.created', 'enrich_lead'), ('lead.enriched', 'qualify_lead'), ('lead.enrichment_received', 'apply_enrichment'),
    ('lead.reactivated', 'qualify_lead'), ('lead.qualified', 'route_outreach'), ('buying_signal.high', 'escalate_lead'),
    ('lead.stale', 'handle_stale_lead'), ('call.completed', 'analyze_call'), ('call.reanalyze', 'analyze_call'),
    ('call.analyzed', 'generate_proposal_blueprint'), ('deal.created', 'link_deal_lead'), ('deal.stage_changed', 'link_deal_lead'),
    ('deal.won', 'create_invoice'), ('deal.won', 'generate_contract'), ('deal.lost', 'handle_deal_lost'), ('deal.stalled', 'nudge_deal'),
    ('invoice.created', 'generate_contract'), ('invoice.paid', 'create_client'), ('client.created', 'start_onboarding'),
    ('client.testimonial_due', 'trigger_testimonial'), ('client.referral_due', 'trigger_referral'), ('client.upsell_due', 'trigger_upsell'),
    ('system.integrity_alert', 'raise_alert'), ('scheduler.lead_stale_check', 'check_lead_stale'),
    ('scheduler.auto_priority_check', 'auto_priority_check'), ('scheduler.ghost_risk_recalc', 'recalc_ghost_risk'),
    ('scheduler.deal_decay_check', 'check_deal_decay'), ('scheduler.invoice_overdue_check', 'check_invoice_overdue'),
    ('scheduler.renewal_reminder', 'send_renewal_reminder'), ('scheduler.weekly_ai_report', 'generate_weekly_report'),
    ('scheduler.integrity_watchdog', 'check_integrity')) AS m(event_type, job_type);
SELECT results_eq($$SELECT event_type, job_type FROM sentinel.default_event_routes
                    WHERE (event_type ~ '^(lead|call|invoice|client|buying_signal|scheduler)\.' OR event_type IN ('deal.created', 'deal.stage_changed', 'deal.won',
                           'deal.lost', 'deal.stalled', 'system.integrity_alert'))
                      AND job_type NOT IN ('dispatch_event', 'sweep_risk', 'notify_stage_change', 'make_digests', 'ask_service', 'apply_answer') ORDER BY 1, 2$$,
                  'SELECT event_type, job_type FROM map ORDER BY 1, 2', 'the map from event to job is rows');
SELECT set_eq(format('SELECT event_type, job_type FROM sentinel.event_routes WHERE org_id = %L AND enabled AND (event_type, job_type) IN (SELECT * FROM map)', :'org'),
              'SELECT * FROM map', 'and each organisation has it');
SELECT is((SELECT count(*)::integer FROM map m JOIN sentinel.job_types t USING (job_type)
           WHERE t.kind = 'sql' AND to_regprocedure(t.handler || '(uuid,jsonb)') IS NOT NULL AND t.queue = 'default'), (SELECT count(*)::integer FROM map), 'each job has its handler');
SELECT set_eq(format('SELECT name, cron_expression, event_type, timezone FROM sentinel.schedules WHERE org_id = %L AND enabled', :'other'),
    $$VALUES ('deal_decay_check', '0 8 * * *', 'scheduler.deal_decay_check', 'America/New_York'), ('lead_stale_check', '0 9 * * *', 'scheduler.lead_stale_check', 'America/New_York'),
             ('auto_priority_check', '0 */6 * * *', 'scheduler.auto_priority_check', 'America/New_York'), ('ghost_risk_recalc', '0 10 * * *', 'scheduler.ghost_risk_recalc', 'America/New_York'),
             ('renewal_reminder', '0 9 * * 1', 'scheduler.renewal_reminder', 'America/New_York'), ('weekly_ai_report', '0 8 * * 0', 'scheduler.weekly_ai_report', 'America/New_York'),
             ('integrity_watchdog', '0 * * * *', 'scheduler.integrity_watchdog', 'America/New_York'), ('invoice_overdue_check', '30 8 * * *', 'scheduler.invoice_overdue_check', 'America/New_York'),
             ('notification_digest', '0 8 * * *', 'scheduler.notification_digest', 'America/New_York')$$,
    'trap 1: the schedules belong to each organisation, in its own time zone');

-- The scorer, by hand. Nothing known: 10 for an unknown industry.
SELECT is((SELECT string_agg(format('%s gives %s', v.facts, pg_temp.points(:'org', v.facts::jsonb)), '; ') FROM (VALUES
    ('{}', 10), ('{"industry": "  "}', 10), ('{"industry": "Mining"}', 5), ('{"industry": "Marketing-Agency"}', 35), ('{"industry": "E-Commerce"}', -20),
    ('{"industry": "E-commerce consulting"}', 35), ('{"mailbox": "business"}', 20), ('{"mailbox": "free"}', 5), ('{"mailbox": "none"}', 10),
    ('{"employees": 1}', 10), ('{"employees": 2}', 20), ('{"employees": 10}', 20), ('{"employees": 11}', 30), ('{"employees": 50}', 30), ('{"employees": 51}', 25),
    ('{"employees": 200}', 25), ('{"employees": 201}', 15), ('{"employees": 1000}', 15), ('{"employees": 1001}', 0),
    ('{"revenue_band": "< $1M"}', 15), ('{"revenue_band": "$1M - $10M"}', 25), ('{"revenue_band": "$10M - $50M"}', 20), ('{"revenue_band": "$50M - $500M"}', 10),
    ('{"lead_source": "Referral of a client"}', 20), ('{"lead_source": "inbound"}', 20), ('{"lead_source": "webhook"}', 20), ('{"lead_source": "web form"}', 20),
    ('{"lead_source": "paid_social"}', 25), ('{"lead_source": "Facebook ads"}', 25), ('{"lead_source": "read about us"}', 10), ('{"lead_source": "platform"}', 10),
    ('{"lead_source": "paid referral"}', 35), ('{"phone": "+44 20"}', 15), ('{"profile_link": "x.com/a"}', 15),
    ('{"pain_points": 1}', 13), ('{"pain_points": 3}', 19), ('{"pain_points": 4}', 19), ('{"pain_points": 0}', 10), ('{"budget_signals": 2}', 15), ('{"timeline_signals": 1}', 15),
    ('{"infrastructure_gaps": 5}', 10), ('{"employees": "many"}', 10)) AS v(facts, due) WHERE pg_temp.points(:'org', v.facts::jsonb) <> v.due),
    NULL, 'each group of rules and each of its edges, as computed by hand');
SELECT is((SELECT string_agg(w, ', ') FROM unnest('{Agency,Consulting,Coaching,Marketing,Advertising,Recruiting,Legal services,Law firm,Accountants,Dental care,Clinic,Real estate,Property management,Fitness,Interior design,Studio,General contractor,Home services}'::text[]) w
           WHERE pg_temp.points(:'org', jsonb_build_object('industry', w)) <> 35), NULL, 'each word for a service business');
SELECT is((SELECT string_agg(w, ', ') FROM unnest('{e-commerce,Ecommerce,Retail,Manufacturing,Wholesale,Hardware}'::text[]) w
           WHERE pg_temp.points(:'org', jsonb_build_object('industry', w)) <> -20), NULL, 'each word for a business of products');
SELECT results_eq('SELECT (sentinel.icp_band(s)).* FROM unnest(ARRAY[0, 19.99, 20, 49.99, 50, 79.99, 80, 100]) s',
    $$VALUES ('cold', 'ignore'), ('cold', 'ignore'), ('cold', 'nurture'), ('cold', 'nurture'), ('warm', 'outreach'), ('warm', 'outreach'), ('hot', 'direct_call'), ('hot', 'direct_call')$$,
    'the bands at their edges');
SELECT results_eq('SELECT sentinel.estimate_leak(e, s) FROM (VALUES (NULL, 0), (1, 100), (2, 0), (10, 100), (11, 50), (50, 100), (51, 0), (200, 100), (201, 0), (5, 35)) v(e, s)',
    'VALUES (200::numeric), (500), (600), (1500), (3500), (5000), (6000), (15000), (12000), (920)', 'the leak: base of the size, times 0.4 to 1, to tens');

SELECT throws_ok(format($$UPDATE sentinel.%I SET pattern = '(agency' WHERE pattern IS NOT NULL$$, t), '2201B', NULL, 'a malformed pattern is refused when it is written: ' || t) FROM unnest('{icp_rules,call_phrases,offers}'::text[]) t;

-- From arrival to the first action.
SELECT sentinel.create_lead('Ann', 'ann@acme.example', phone => '+44 20', industry => 'Dental clinic', employee_count => 25, lead_source => 'referral', created_at => '2025-05-01 12:00') AS ann,
       sentinel.create_lead('Bob', 'bob@gmail.com', industry => 'Retail') AS bob \gset
SELECT is(pg_temp.drain(:'org'), 4, 'created, enriched, qualified, routed: one after the other');
SELECT is((SELECT (domain, revenue_band, qualification_score, temperature, recommended_path, estimated_monthly_revenue_leak, lifecycle_stage, next_action, next_action_due)::text FROM sentinel.leads WHERE id = :'ann'),
          '(acme.example,"$1M - $10M",95.00,hot,direct_call,4850.00,qualified,schedule_call,"2025-05-02 12:00:00+00")',
          'trap 7: judged by what enriching found: 35 + 10 + 20 + 15 + 10 + 5, as of when it came');
SELECT is((SELECT (l.domain, l.qualification_score, l.lifecycle_stage, l.recommended_path, l.next_action, s.facts ->> 'mailbox')::text FROM sentinel.leads l JOIN sentinel.lead_scores s ON s.lead_id = l.id WHERE l.id = :'bob'),
          '(,0.00,new_lead,ignore,contact,free)', 'bug: a free mailbox gives no domain; who does not fit stays where it is and is not routed');
SELECT is(pg_temp.told(:'org', 'lead.routed', :'bob'), 0, 'bug: ignore tells nobody');
SELECT is((SELECT next_action_due FROM sentinel.leads WHERE id = :'bob'), now() + interval '1 day', 'bug: and moves no due date');
SELECT is((SELECT (sum(points), count(*), max(score))::text FROM sentinel.explain_qualification(:'bob')), '(0.00,3,0.00)', 'bug: reasons are kept and sum to the score, also where it is clamped');
SELECT is((SELECT (sum(points), max(score))::text FROM sentinel.explain_qualification(:'ann')), '(95.00,95.00)', 'and where it is not');
SELECT is((SELECT (payload ->> 'action', payload ->> 'path', payload ->> 'email', payload ->> 'qualification_score')::text FROM sentinel.events WHERE org_id = :'org' AND event_type = 'lead.routed'),
          '(send_booking_link,direct_call,ann@acme.example,95.00)', 'the event carries what the outside needs');
SELECT is((SELECT count(*)::integer FROM sentinel.job_history h JOIN sentinel.events e ON e.id = h.event_id WHERE e.event_type = 'lead.routed' AND h.job_type = 'dispatch_event' AND e.org_id = :'org'), 1, 'bug: it leaves as a delivery with retries, once');
SELECT ok((SELECT last_contacted_at IS NULL AND last_activity_at = created_at FROM sentinel.leads WHERE id = :'ann'), 'trap 4: none of it counts as contact');

-- Enriching.
INSERT INTO sentinel.leads (org_id, name, email, industry) VALUES (:'org', 'Cat', 'cat@cats.example', 'Law firm') RETURNING id AS cat \gset
SELECT pg_temp.drain(:'org');
SELECT is(sentinel.handle_apply_enrichment(:'job', '{"found": {"industry": "Retail", "company_name": " Cats Ltd ", "employee_count": "51-200", "domain": "gmail.com", "location": {"city": "Rome"}}}'::jsonb || pg_temp.facts(:'cat')),
          '{"added": {"company_name": "Cats Ltd", "revenue_band": "$10M - $50M", "employee_count": "51"}}'::jsonb, 'bug: an answer fills blanks only, with values only');
SELECT is((SELECT (industry, company_name, employee_count, domain, location)::text FROM sentinel.leads WHERE id = :'cat'), '("Law firm","Cats Ltd",51,cats.example,)', 'what a person wrote stays');
SELECT ok(NOT pg_temp.changes_again('handle_apply_enrichment', :'job', '{"found": {"location": "Rome"}}'::jsonb || pg_temp.facts(:'cat')), 'again changes nothing');
SELECT is(sentinel.handle_apply_enrichment(sentinel.uuid7(), '{"found": ["x"]}'::jsonb || pg_temp.facts(:'cat')), '{"added": {}}'::jsonb, 'an answer that is no object fills nothing');
SELECT results_eq($$SELECT e, sentinel.revenue_band(e) FROM unnest(ARRAY[9, 10, 49, 50, 199, 200, 999, 1000]) e$$,
    $$VALUES (9, '< $1M'), (10, '$1M - $10M'), (49, '$1M - $10M'), (50, '$10M - $50M'), (199, '$10M - $50M'), (200, '$50M - $500M'), (999, '$50M - $500M'), (1000, '> $500M')$$, 'bands of revenue at their edges');
SELECT is((SELECT string_agg(h, ', ') FROM unnest('{gmail.com,googlemail.com,outlook.com,hotmail.com,live.com,yahoo.com,icloud.com,me.com,aol.com,proton.me,protonmail.com,gmx.de,mail.com,yandex.ru}'::text[]) h WHERE NOT sentinel.is_free_mail(h)), NULL, 'hosts of free mail');
SELECT ok(NOT pg_temp.changes_again('handle_enrich_lead', :'job', pg_temp.facts(:'ann')), 'enrich_lead twice: nothing');
SELECT pg_temp.drain(:'org');

-- Qualifying again.
SELECT ok(NOT pg_temp.changes_again('handle_qualify_lead', sentinel.uuid7(), pg_temp.facts(:'ann')), 'qualify_lead twice: nothing');
SELECT pg_temp.drain(:'org');
SELECT is(pg_temp.told(:'org', 'lead.routed', :'ann'), 1, 'bug: a second judgement sends no second letter');
SELECT sentinel.set_lead_stage(:'ann', 'won');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'ann'), 'won', 'trap 2: winning a lead sets nothing off that pulls it back');
SELECT is(pg_temp.told(:'org', 'lead.reactivated', :'ann'), 0, 'trap 2: to be won is no reactivation');
SELECT is(sentinel.handle_qualify_lead(sentinel.uuid7(), pg_temp.facts(:'ann')) ->> 'score', '95.00', 'a won lead can be judged');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'ann'), 'won', 'trap 2: and stays won');
SELECT count(*) AS judged FROM sentinel.lead_scores WHERE lead_id = :'ann' \gset
SELECT sentinel.set_lead_stage(:'ann', 'contacted');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT count(*)::integer FROM sentinel.lead_scores WHERE lead_id = :'ann'), :judged + 1, 'trap 3: a lead that comes back is judged again');
SELECT is(pg_temp.told(:'org', 'lead.routed', :'ann'), 2, 'trap 3: and routed again');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'ann'), 'qualified', 'from contacted a lead moves forward');
SELECT sentinel.set_lead_stage(:'cat', 'proposal');
UPDATE sentinel.leads SET phone = '1' WHERE id = :'cat';
SELECT is(sentinel.handle_qualify_lead(sentinel.uuid7(), pg_temp.facts(:'cat')) ->> 'score', '75.00', 'a proposed lead is judged: 35 + 10 + 15 + 10 + 5');
SELECT is((SELECT lifecycle_stage FROM sentinel.leads WHERE id = :'cat'), 'proposal', 'trap 2: and not set back');
SELECT pg_temp.drain(:'org');
SELECT sentinel.set_lead_stage(:'cat', 'lost');
SELECT is(sentinel.handle_route_outreach(:'job', pg_temp.facts(:'cat')) ->> 'skipped', 'no open lead with a path', 'bug: nobody writes to a lost lead');
SELECT ok(NOT pg_temp.changes_again('handle_route_outreach', :'job', pg_temp.facts(:'ann')), 'route_outreach twice: nothing');

-- A model classifies, never confirms. It gets the same door.
SELECT sentinel.create_lead('Mod', industry => 'Mining') AS mod, sentinel.create_lead('Wyn', 'wyn@wyn.example') AS wyn \gset
SELECT sentinel.create_deal('Open deal', 1000, 'proposal', lead_id => :'mod') AS deal \gset
SELECT pg_temp.drain(:'org');
SELECT sentinel.create_invoice(:'deal') AS bill \gset
SELECT pg_temp.drain(:'org');
SELECT md5(string_agg(x, '')) AS money FROM (SELECT to_jsonb(d)::text FROM sentinel.deals d UNION ALL SELECT to_jsonb(i)::text FROM sentinel.invoices i UNION ALL SELECT to_jsonb(c)::text FROM sentinel.clients c) y(x) \gset
SELECT is(sentinel.store_qualification(:'org', :'mod', sentinel.uuid7(), 'model', 250, '[{"rule": "fits", "points": 60, "reason": "Fits."}]', '{}', now(), 1234.5) - 'score_id', '{"score": 100.00, "path": "direct_call"}'::jsonb, 'bug: a score of 250 is clamped and banded');
SELECT is((SELECT string_agg(rule || ' ' || points, ', ') FROM sentinel.explain_qualification(:'mod')), 'fits 60.00, rest 40.00', 'what a model does not explain is told as such');
SELECT is((SELECT (temperature, recommended_path, qualification_score, estimated_monthly_revenue_leak)::text FROM sentinel.leads WHERE id = :'mod'), '(hot,direct_call,100.00,1234.50)', 'path and temperature follow the score');
SELECT lives_ok(format($$SELECT sentinel.store_qualification(%L, %L, sentinel.uuid7(), 'model', %s, %L, %L, now(), %s)$$, :'org', l.id, v.score, v.reasons, v.facts, v.leak), v.what)
FROM (VALUES ('a score of 1e9', '1e9', '[]', '{}', 'NULL'), ('of minus 1e9', '-1e9', '[]', '{}', '-5'), ('an infinite leak', '55', '[]', '{}', '''Infinity'''), ('a leak that is none', '55', '[]', '{}', '''NaN'''),
    ('reasons that are no list', '90', '{"path": "won"}', '{"recommended_path": "won"}', '1e30'),
    ('reasons that are no reasons', '90', '["won", 7, null, [1], {"points": "many", "rule": 7}, {"points": 1e300, "rule": "x", "reason": {"a": 1}}]', '{"employees": "all of them"}', 'NULL'),
    ('keys of stages', '99', '[{"rule": "won", "points": 99, "lifecycle_stage": "won", "stage": "closed_won", "reason": "won"}]', '{"lifecycle_stage": "won", "stage": "closed_won"}', 'NULL'),
    ('huge words', '99', jsonb_build_array(jsonb_build_object('rule', repeat('r', 300000), 'points', 99, 'reason', repeat('x', 300000)))::text, '{}', 'NULL')) AS v(what, score, reasons, facts, leak)
JOIN sentinel.leads l ON l.id = :'wyn';
SELECT throws_ok(format($$SELECT sentinel.store_qualification(%L, %L, sentinel.uuid7(), 'model', %s, '[]', '{}', now())$$, :'org', :'wyn', s), 'SN007', NULL, 'a score that is none: ' || s) FROM unnest(ARRAY['''NaN''', 'NULL']) s;
SELECT throws_ok(format($$SELECT sentinel.store_qualification(%L, %L, sentinel.uuid7(), 'won', 1, '[]', '{}', now())$$, :'org', :'wyn'), '23514', NULL, 'a source that is none');
SELECT pg_temp.drain(:'org');
SELECT is((SELECT string_agg(DISTINCT lifecycle_stage, ',') FROM sentinel.leads WHERE id IN (:'mod', :'wyn')), 'proposal,qualified', 'no lead is won or lost by it');
SELECT is((SELECT md5(string_agg(x, '')) FROM (SELECT to_jsonb(d)::text FROM sentinel.deals d UNION ALL SELECT to_jsonb(i)::text FROM sentinel.invoices i UNION ALL SELECT to_jsonb(c)::text FROM sentinel.clients c) y(x)), :'money', 'no deal, invoice or client is touched');
SELECT is((SELECT count(*)::integer FROM sentinel.lead_scores s WHERE s.lead_id = :'wyn' AND s.score <> (SELECT sum((r ->> 'points')::numeric) FROM jsonb_array_elements(s.reasons) r)), 0, 'and all reasons sum to their score');
SELECT ok((SELECT max(length(s.reasons::text)) < 1000 AND max(estimated_monthly_revenue_leak) < 10000 FROM sentinel.lead_scores s WHERE s.lead_id = :'wyn'), 'huge words and sums do not stay');

-- Escalating.
UPDATE sentinel.leads SET priority = 'low', recommended_path = 'nurture', next_action = 'follow_up' WHERE id = :'wyn';
SELECT ok(NOT pg_temp.changes_again('handle_escalate_lead', :'job', pg_temp.facts(:'wyn') || '{"score": 80, "as_of": "2025-06-01 10:00+00"}'), 'escalate_lead twice: nothing');
SELECT is((SELECT (priority, recommended_path, next_action, next_action_due)::text FROM sentinel.leads WHERE id = :'wyn'), '(high,direct_call,schedule_call,"2025-06-02 10:00:00+00")', 'to be called within a day');
UPDATE sentinel.leads SET priority = 'critical' WHERE id = :'wyn';
SELECT sentinel.handle_escalate_lead(sentinel.uuid7(), pg_temp.facts(:'wyn') || '{"as_of": "2025-06-01 22:00+00"}');
SELECT is((SELECT (priority, next_action_due)::text FROM sentinel.leads WHERE id = :'wyn'), '(critical,"2025-06-02 10:00:00+00")', 'never less urgent than it was');

-- Silence. A zone whose clocks change must not matter.
SET LOCAL timezone = 'Europe/Berlin';
CREATE FUNCTION pg_temp.quiet(label text, since interval, at timestamptz) RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO sentinel.leads (org_id, name, last_activity_at, priority, next_action, next_action_due, created_at)
    VALUES (sentinel.current_org(), label, at - since, 'normal', 'contact', at - interval '24 hours', at - since) RETURNING id $$;
SELECT pg_temp.quiet('at 30', '720 hours', '2025-04-01 09:00+00') AS at_30, pg_temp.quiet('past 30', '721 hours', '2025-04-01 09:00+00') AS past_30, pg_temp.quiet('written to', '800 hours', '2025-04-01 09:00+00') AS written,
       pg_temp.quiet('moved by a person', '800 hours', '2025-04-01 09:00+00') AS moved, pg_temp.quiet('planned', '721 hours', '2025-04-01 09:00+00') AS planned, pg_temp.quiet('lost', '800 hours', '2025-04-01 09:00+00') AS gone \gset
INSERT INTO sentinel.activities (org_id, lead_id, activity_type, occurred_at, recorded_at) VALUES (:'org', :'written', 'email_sent', '2025-03-31 09:00+00', '2025-03-31 09:00+00'), (:'org', :'past_30', 'note_added', '2025-03-31 09:00+00', '2025-03-31 09:00+00');
UPDATE sentinel.leads SET last_contacted_at = '2025-03-20 09:00+00' WHERE id = :'moved';
UPDATE sentinel.leads SET next_action = 'schedule_call', next_action_due = '2025-04-02 09:00+00' WHERE id = :'planned';
SELECT sentinel.set_lead_stage(:'gone', 'lost');
SELECT is(pg_temp.drain(:'org') > 0, true, 'the engine enriches, judges and routes the silent leads');
UPDATE sentinel.leads SET next_action = 'contact', next_action_due = '2025-03-31 09:00+00' WHERE id = :'past_30';
SELECT is(sentinel.handle_check_lead_stale(:'job', pg_temp.at('2025-04-01 09:00+00')), '{"stale": 2}'::jsonb, 'trap 4: silent for more than 30 days by contact, not by work of the engine; trap 9: days are 24 hours');
SELECT set_eq(format('SELECT subject_id, (payload ->> ''days_silent'')::integer FROM sentinel.events WHERE org_id = %L AND event_type = ''lead.stale''', :'org'), format('VALUES (%L::uuid, 30), (%L, 30)', :'past_30', :'planned'), 'with the true days');
SELECT is(sentinel.handle_check_lead_stale(sentinel.uuid7(), pg_temp.at('2025-04-02 09:00+00')), '{"stale": 1}'::jsonb, 'bug: the next day tells of the next lead only');
SELECT is(sentinel.handle_check_lead_stale(sentinel.uuid7(), pg_temp.at('2025-05-01 09:00+00')) ->> 'stale', '4', 'after a further 30 days they are told again');
SELECT is(pg_temp.told(:'org', 'lead.stale', :'past_30'), 2, 'twice in all');
SELECT ok(NOT pg_temp.changes_again('handle_check_lead_stale', :'job', pg_temp.at('2025-05-01 09:00+00')), 'check_lead_stale twice: nothing');
SELECT ok(NOT pg_temp.changes_again('handle_handle_stale_lead', :'job', jsonb_build_object('lead_id', l.id, 'as_of', '2025-04-01 09:00+00', 'last_activity_at', l.last_activity_at)), 'handle_stale_lead twice: nothing') FROM sentinel.leads l WHERE l.id IN (:'past_30', :'planned') ORDER BY l.name;
SET LOCAL timezone = 'UTC';
SELECT results_eq(format('SELECT name, priority, next_action, next_action_due FROM sentinel.leads WHERE id IN (%L, %L) ORDER BY 1', :'past_30', :'planned'),
    $$VALUES ('past 30', 'high', 'follow_up', '2025-04-04 09:00+00'::timestamptz), ('planned', 'high', 'schedule_call', '2025-04-02 09:00+00')$$, 'followed up in 3 days; a plan for the next days stands');
UPDATE sentinel.leads SET priority = 'critical', next_action = 'no_action' WHERE id = :'past_30';
SELECT sentinel.handle_handle_stale_lead(:'job', pg_temp.facts(:'past_30') || pg_temp.at('2025-04-01 09:00+00'));
SELECT is((SELECT (priority, next_action)::text FROM sentinel.leads WHERE id = :'past_30'), '(critical,follow_up)', 'critical stays critical');
UPDATE sentinel.leads SET last_activity_at = '2025-04-01 09:30+00', next_action = 'contact', next_action_due = NULL WHERE id = :'past_30';
SELECT is(sentinel.handle_handle_stale_lead(:'job', jsonb_build_object('lead_id', :'past_30', 'as_of', '2025-04-01 10:00+00', 'last_activity_at', '2025-03-02 08:00+00')), '{"follow_up": false}'::jsonb, 'who spoke meanwhile is not stale');

-- Overdue actions: the rules of each platform at their edges.
SELECT sentinel.create_org('Overdue Ltd', 'lead-jobs-overdue') AS late \gset
SELECT sentinel.enter(:'late');
INSERT INTO sentinel.leads (org_id, name, platform, priority, next_action, next_action_due)
SELECT :'late', p.platform || ' ' || e.due, p.platform, 'normal', 'contact', '2025-06-01 00:00+00'::timestamptz - e.late
FROM (VALUES ('Instagram', 24, 72), ('twitter', 24, 72), ('X', 24, 72), ('LinkedIn', 48, 120), ('Cold email', 48, 120), ('coldemail', 48, 120), ('Phone', 12, 48), ('Fax', 48, 96), (NULL, 48, 96)) AS q(platform, high, critical)
CROSS JOIN LATERAL (SELECT coalesce(q.platform, '') AS platform, q.high, q.critical) p
CROSS JOIN LATERAL (VALUES ('normal', p.high * interval '1 hour' - interval '1 second'), ('high', p.high * interval '1 hour'), ('high', p.critical * interval '1 hour' - interval '1 second'), ('critical', p.critical * interval '1 hour')) AS e(due, late);
INSERT INTO sentinel.leads (org_id, name, priority, next_action, next_action_due) VALUES (:'late', 'kept critical', 'critical', 'contact', '2025-05-29'), (:'late', 'nothing to do normal', 'normal', 'no_action', '2025-01-01'),
    (:'late', 'of none high', NULL, 'contact', '2025-05-29'), (:'late', 'never due normal', 'normal', 'contact', NULL), (:'late', 'low high', 'low', 'contact', '2025-05-29');
SELECT is(sentinel.handle_auto_priority_check(:'job', pg_temp.at('2025-06-01 00:00+00')), '{"raised": 29}'::jsonb, 'overdue actions are raised');
SELECT is((SELECT string_agg(name || ' is ' || coalesce(priority, 'none'), ', ') FROM sentinel.leads WHERE org_id = :'late' AND priority IS DISTINCT FROM (regexp_match(name, '\w+$'))[1]), NULL, 'bugs: by the platform as people write it, critical never lowered, no action never counted');
SELECT ok(NOT pg_temp.changes_again('handle_auto_priority_check', :'job', pg_temp.at('2025-06-01 00:00+00')), 'auto_priority_check twice: nothing');

-- Ghosting: 10 points a day of silence beyond 7 days, 15 back a day.
INSERT INTO sentinel.leads (org_id, name, buying_signal_score, last_activity_at, ghost_risk_score)
VALUES (:'late', 'keen', 60, '2025-06-02 10:00+00'::timestamptz - interval '180 hours', 0), (:'late', 'lukewarm', 50, '2025-01-01', 0),
       (:'late', 'at 7', 60, '2025-05-26 10:00+00', 0), (:'late', 'back', 60, '2025-06-02 09:00+00', 40), (:'late', 'written to', 60, '2025-05-26 09:00+00', 0), (:'late', 'wrote', 60, '2025-05-20', 45);
INSERT INTO sentinel.activities (org_id, lead_id, activity_type, occurred_at, recorded_at)
SELECT :'late', l.id, CASE l.name WHEN 'wrote' THEN 'email_received' ELSE 'email_sent' END, '2025-06-01', '2025-06-01' FROM sentinel.leads l WHERE l.org_id = :'late' AND l.name IN ('wrote', 'written to');
CREATE FUNCTION pg_temp.ghosts() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(name || ' ' || trim_scale(ghost_risk_score), ', ' ORDER BY name) FROM sentinel.leads WHERE org_id = sentinel.current_org() AND name IN ('keen', 'lukewarm', 'at 7', 'back', 'written to', 'wrote') $$;
SELECT sentinel.handle_recalc_ghost_risk(:'job', pg_temp.at('2025-06-02 10:00+00'));
SELECT is(pg_temp.ghosts(), 'at 7 0, back 25, keen 10, lukewarm 0, written to 10, wrote 15', 'a day''s steps; what we write breaks no silence, what the lead writes does');
SELECT ok(NOT pg_temp.changes_again('handle_recalc_ghost_risk', :'job', pg_temp.at('2025-06-02 10:00+00')), 'trap 6: a second run adds nothing');
SET LOCAL timezone = 'Asia/Tokyo';
SELECT sentinel.handle_recalc_ghost_risk(sentinel.uuid7(), pg_temp.at('2025-06-02 23:30+00'));
SET LOCAL timezone = 'UTC';
SELECT is((SELECT ghost_risk_score FROM sentinel.leads WHERE org_id = :'late' AND name = 'keen'), 10.00, 'trap 9: the day is that of UTC, whatever the session''s');
SELECT sentinel.handle_recalc_ghost_risk(sentinel.uuid7(), pg_temp.at('2025-06-03 10:00+00')), sentinel.handle_recalc_ghost_risk(sentinel.uuid7(), pg_temp.at('2025-06-05 10:00+00'));
SELECT is((SELECT ghost_risk_score FROM sentinel.leads WHERE org_id = :'late' AND name = 'keen'), 40.00, 'a missed day loses nothing');
SELECT sentinel.handle_recalc_ghost_risk(sentinel.uuid7(), pg_temp.at('2025-06-03 10:00+00'));
SELECT is((SELECT ghost_risk_score FROM sentinel.leads WHERE org_id = :'late' AND name = 'keen'), 40.00, 'trap 6: nor does a late attempt of an earlier day count');
SELECT is(pg_temp.told(:'late', 'lead.ghosting'), 0, 'below 60 nobody is told');
SELECT sentinel.handle_recalc_ghost_risk(sentinel.uuid7(), pg_temp.at('2025-06-07 10:00+00'));
SELECT is(pg_temp.told(:'late', 'lead.ghosting', (SELECT id FROM sentinel.leads WHERE org_id = :'late' AND name = 'keen')), 1, 'at 60 it is told');
UPDATE sentinel.leads SET last_activity_at = '2025-06-07 11:00+00' WHERE org_id = :'late' AND name = 'keen';
SELECT sentinel.handle_recalc_ghost_risk(sentinel.uuid7(), pg_temp.at('2025-06-08 10:00+00'));
SELECT is((SELECT ghost_risk_score FROM sentinel.leads WHERE org_id = :'late' AND name = 'keen'), 45.00, 'in touch again it falls');

-- Tenants. The checks run as superuser, past row rights: each statement names its organisation.
SELECT sentinel.enter(:'other');
SELECT pg_temp.drain(:'other');
SELECT is((SELECT string_agg(t.job_type || ' ' || v.what, ', ')
           FROM sentinel.job_types t CROSS JOIN (VALUES ('of another', pg_temp.facts(:'ann')), ('of none', pg_temp.facts(sentinel.uuid7())), ('without', '{}'::jsonb)) AS v(what, payload)
           CROSS JOIN LATERAL (SELECT pg_temp.state(:'org') || pg_temp.state(:'other') AS before OFFSET 0) b
           CROSS JOIN LATERAL (SELECT CASE t.job_type WHEN 'enrich_lead' THEN sentinel.handle_enrich_lead(:'job', v.payload) WHEN 'apply_enrichment' THEN sentinel.handle_apply_enrichment(:'job', v.payload || '{"found": {"location": "Rome"}}')
               WHEN 'qualify_lead' THEN sentinel.handle_qualify_lead(:'job', v.payload) WHEN 'route_outreach' THEN sentinel.handle_route_outreach(:'job', v.payload) WHEN 'escalate_lead' THEN sentinel.handle_escalate_lead(:'job', v.payload)
               ELSE sentinel.handle_handle_stale_lead(:'job', v.payload) END AS done OFFSET 0) d
           WHERE t.job_type IN ('enrich_lead', 'apply_enrichment', 'qualify_lead', 'route_outreach', 'escalate_lead', 'handle_stale_lead')
             AND (d.done IS NULL OR b.before <> pg_temp.state(:'org') || pg_temp.state(:'other'))), NULL, 'trap 8: a lead of another organisation, of none, or no lead at all changes nothing anywhere');
SELECT pg_temp.state(:'late') AS before \gset
SELECT sentinel.handle_check_lead_stale(:'job', pg_temp.at('2026-05-01')), sentinel.handle_auto_priority_check(:'job', pg_temp.at('2026-05-01')), sentinel.handle_recalc_ghost_risk(:'job', pg_temp.at('2026-05-01'));
SELECT is(pg_temp.state(:'late'), :'before', 'trap 8: what is looked for is looked for in one organisation');
SELECT is((SELECT count(*)::integer FROM (SELECT sentinel.emit_for(o, 'order.placed', 'order', NULL, '{}', 'same key') FROM unnest(ARRAY[:'org', :'other']::uuid[]) o) e), 2, 'trap 5: a key of one organisation ...');
SELECT is((SELECT count(*)::integer FROM sentinel.events WHERE idempotency_key = 'same key'), 2, '... takes none of another');

-- Trap 1: a schedule works for its organisation, as of when it was due, in its zone.
INSERT INTO sentinel.leads (org_id, name, last_activity_at) SELECT o, 'silent', '2025-01-01' FROM unnest(ARRAY[:'late', :'other']::uuid[]) o;
SELECT pg_temp.drain(:'other');
UPDATE sentinel.schedules SET next_due_at = sentinel.cron_next(cron_expression, timezone, '2025-03-10 00:00+00') WHERE org_id IN (:'late', :'other') AND name = 'lead_stale_check';
UPDATE sentinel.schedules SET next_due_at = 'infinity' WHERE name <> 'lead_stale_check' OR org_id NOT IN (:'late', :'other');
SELECT is(sentinel.run_schedules('2025-03-10 09:00+00'), 1, 'trap 1: nine in the morning of one organisation');
SELECT pg_temp.drain(:'other');
SELECT is((pg_temp.told(:'late', 'lead.stale'), pg_temp.told(:'other', 'lead.stale'))::text, '(2,0)', 'trap 1: is not that of the other');
SELECT is(sentinel.run_schedules('2025-03-10 13:00+00'), 1, 'which comes later');
SELECT pg_temp.drain(:'other');
SELECT results_eq(format('SELECT org_id, payload ->> ''as_of'' FROM sentinel.events WHERE event_type = ''lead.stale'' AND org_id IN (%L, %L) AND subject_id IN (SELECT id FROM sentinel.leads WHERE name = ''silent'') ORDER BY 2', :'late', :'other'),
    format($$VALUES (%L::uuid, '2025-03-10T09:00:00+00:00'), (%L, '2025-03-10T13:00:00+00:00')$$, :'late', :'other'), 'trap 1: and is worked as of its due time');
SELECT throws_ok($$SELECT sentinel.handle_check_lead_stale(NULL, '{"as_of": "infinity"}')$$, 'SN007', NULL, 'no job works as of for ever');
SELECT is(sentinel.job_time('{"event_id": "x", "subject_type": "invoice", "recorded_at": "2025-01-02", "payload": {"due_at": "2025-09-09"}}'), '2025-01-02'::timestamptz, 'the due time of an invoice is no time of a job');
SELECT * FROM finish();
ROLLBACK;
