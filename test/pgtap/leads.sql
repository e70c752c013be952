-- Room leads: made from intake rows by a job, once; compared by mailbox and profile; seen and changed by whom they belong to.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(43);

SELECT sentinel.create_org('Leads Ltd', 'leads-pgtap') AS org, sentinel.create_org('Other Ltd', 'leads-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Adam', 'adam@leads.example', 'admin') AS adam, sentinel.add_member('Mira', 'mira@leads.example', 'member') AS mira,
       sentinel.add_member('Nick', 'nick@leads.example', 'member') AS nick, sentinel.add_member('Vera', 'vera@leads.example', 'viewer') AS vera,
       sentinel.add_team('Sales') AS team \gset
SELECT sentinel.add_team_member(:'team', :'mira');

-- Runs the sql jobs that wait for the organisation, as run_jobs() does, and gives their number.
CREATE FUNCTION pg_temp.run_sql_jobs(org uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    j record;
    done integer := 0;
BEGIN
    FOR j IN SELECT * FROM sentinel.claim('pgtap', '{default}', 1000) c WHERE c.org_id = org LOOP
        PERFORM sentinel.complete(ARRAY[j.job_id], ARRAY[j.lease], jsonb_build_array(sentinel.run_handler(j.org_id, j.job_id, j.lease)));
        done := done + 1;
    END LOOP;
    PERFORM sentinel.enter(org);
    RETURN done;
END $$;
SELECT pg_temp.run_sql_jobs(:'org'); -- what was told of the team

-- Shape.
SELECT col_is_pk('sentinel', 'leads', ARRAY['org_id', 'id'], 'leads are keyed by organisation and id');
SELECT col_is_pk('sentinel', 'activities', ARRAY['org_id', 'id'], 'activities too');
SELECT index_is_unique('sentinel', 'leads', 'leads_email', 'a mailbox belongs to one lead');
SELECT has_trigger('sentinel', 'leads', 'leads_announce', 'new leads are announced by trigger');
SELECT policies_are('sentinel', 'leads', ARRAY['tenant_isolation', 'lead_view', 'lead_add', 'lead_edit', 'lead_delete'], 'policies of leads');
SELECT is((SELECT (kind, handler, queue, priority, max_attempts)::text FROM sentinel.job_types WHERE job_type = 'process_intake'),
          '(sql,sentinel.handle_process_intake,default,5,3)', 'the job is registered');

-- From a row to a lead.
SELECT intake_id AS row FROM sentinel.intake('fair', '{"name": "  Ann   Lee ", "email": "Ann.Lee@gmail.com", "url": "https://linkedin.com/in/AnnLee", "website": "https://www.Firm.example/about",
    "employees": "11-50", "temp": "HOT", "created": "31.12.2025", "note": "met at booth 7"}') \gset
SELECT is(pg_temp.run_sql_jobs(:'org'), 1, 'one job');
SELECT id AS lead FROM sentinel.leads WHERE org_id = :'org' \gset
SELECT is((SELECT (l.name, l.email, l.email_match, l.profile_match, l.domain, l.employee_count, l.temperature, l.lead_source)::text FROM sentinel.leads l WHERE l.id = :'lead'),
          '("Ann Lee",Ann.Lee@gmail.com,annlee@gmail.com,linkedin.com/in/annlee,firm.example,11,hot,fair)', 'fields are trimmed and read');
SELECT is((SELECT (l.lifecycle_stage, l.next_action, l.priority, l.created_at)::text FROM sentinel.leads l WHERE l.id = :'lead'),
          '(new_lead,contact,normal,"2025-12-31 00:00:00+00")', 'it is to be contacted');
SELECT is((SELECT l.next_action_due - now() FROM sentinel.leads l WHERE l.id = :'lead'), interval '1 day', 'within a day');
SELECT is((SELECT (r.state, r.lead_id, r.processed_at IS NOT NULL)::text FROM sentinel.intake_raw r WHERE r.id = :'row'), format('(processed,%s,t)', :'lead'), 'the row knows its lead');
SELECT is((SELECT (a.activity_type, a.payload ->> 'kind', a.body)::text FROM sentinel.activities a WHERE a.lead_id = :'lead'),
          '(other,lead_created_from_intake,"met at booth 7")', 'an activity tells of it');
SELECT is((SELECT (e.event_type, e.subject_id, e.payload ->> 'intake_id')::text FROM sentinel.events e WHERE e.idempotency_key = 'lead.created:' || :'lead'),
          format('(lead.created,%s,%s)', :'lead', :'row'), 'an event too');
SELECT is(sentinel.handle_process_intake(NULL, jsonb_build_object('intake_id', :'row')), jsonb_build_object('state', 'processed', 'lead_id', :'lead'), 'a second run does nothing');
SELECT is((SELECT count(*)::integer FROM sentinel.leads WHERE org_id = :'org'), 1, 'one lead still');

-- Duplicates of leads that did not come through intake.
SELECT sentinel.create_lead('Direct', 'direct@example.com', profile_link => 'x.com/direct') AS direct \gset
SELECT intake_id AS by_mail FROM sentinel.intake('form', '{"email": "DIRECT@example.com"}') \gset
SELECT intake_id AS by_profile FROM sentinel.intake('form', '{"name": "D", "url": "https://twitter.com/Direct"}') \gset
SELECT pg_temp.run_sql_jobs(:'org');
SELECT is((SELECT (r.state, r.duplicate_key, r.duplicate_of, r.lead_id)::text FROM sentinel.intake_raw r WHERE r.id = :'by_mail'), format('(duplicate,email,,%s)', :'direct'), 'by mailbox');
SELECT is((SELECT (r.state, r.duplicate_key, r.duplicate_of, r.lead_id)::text FROM sentinel.intake_raw r WHERE r.id = :'by_profile'), format('(duplicate,profile_link,,%s)', :'direct'), 'by profile');
SELECT is((SELECT r.lead_id FROM sentinel.intake_raw r JOIN sentinel.intake('form', '{"email": "direct@example.com"}') i ON true WHERE r.id = :'by_mail'), :'direct'::uuid, 'later ones are linked at once');
SELECT is((SELECT count(*)::integer FROM sentinel.events WHERE org_id = :'org' AND event_type = 'lead.created'), 2, 'each lead is announced once');
SELECT intake_id AS page_a FROM sentinel.intake('form', '{"name": "One", "url": "linkedin.com/company/acme"}') \gset
SELECT intake_id AS page_b FROM sentinel.intake('form', '{"name": "Two", "phone": "+1 202 555 0199", "url": "linkedin.com/company/acme/"}') \gset
SELECT pg_temp.run_sql_jobs(:'org');
SELECT is((SELECT count(DISTINCT lead_id)::integer FROM sentinel.intake_raw WHERE id IN (:'page_a', :'page_b')), 2, 'a company page makes nobody equal');

-- A job that fails for good frees the person.
SELECT intake_id AS doomed FROM sentinel.intake('form', '{"email": "doomed@example.com", "name": "Doomed"}') \gset
SELECT job_id, lease FROM sentinel.claim('pgtap', '{default}', 1000) WHERE org_id = :'org' AND payload ->> 'intake_id' = :'doomed' \gset
SELECT sentinel.fail(ARRAY[:'job_id'::uuid], ARRAY[:lease::bigint], ARRAY['broken'], fatal => true);
SELECT pg_temp.run_sql_jobs(:'org');
SELECT is((SELECT state FROM sentinel.intake_raw WHERE id = :'doomed'), 'failed', 'the row of a dead job shows it');
SELECT is((SELECT state FROM sentinel.intake('form', '{"email": "doomed@example.com"}')), 'waiting', 'and stands in nobody''s way');
SELECT pg_temp.run_sql_jobs(:'org');
SELECT sentinel.retry_dead(:'job_id');
SELECT pg_temp.run_sql_jobs(:'org');
SELECT is((SELECT state FROM sentinel.intake_raw WHERE id = :'doomed'), 'duplicate', 'a late retry finds the lead that came meanwhile');
SELECT throws_ok($$SELECT sentinel.handle_process_intake(NULL, '{"intake_id": "00000000-0000-0000-0000-000000000000"}')$$, 'SN004', NULL, 'an unknown row is an error');

-- Any client: the trigger checks and fills.
SELECT throws_ok($$SELECT sentinel.create_lead('Again', 'Direct@Example.com')$$, '23505', 'a lead with the e-mail address "Direct@Example.com" exists', 'an address is taken once');
SELECT throws_ok($$INSERT INTO sentinel.leads (org_id, name, email) VALUES (sentinel.current_org(), 'x', 'no address')$$, 'SN007', 'invalid e-mail address "no address"', 'no bad address past the function');
SELECT throws_ok($$INSERT INTO sentinel.leads (org_id, name, estimated_monthly_revenue_leak) VALUES (sentinel.current_org(), 'x', -1)$$, '23514', NULL, 'no negative money');
SELECT throws_ok($$UPDATE sentinel.leads SET lifecycle_stage = 'lukewarm'$$, 'SN005', NULL, 'stages are a closed set');
SELECT throws_ok($$INSERT INTO sentinel.activities (org_id, lead_id, activity_type) VALUES (sentinel.current_org(), (SELECT id FROM sentinel.leads WHERE org_id = sentinel.current_org() LIMIT 1), 'sung')$$, '23514', NULL, 'so are activities');
UPDATE sentinel.leads SET lifecycle_stage = 'contacted', email = 'ann@firm.example', last_state_change = '2020-01-01' WHERE id = :'lead';
SELECT is((SELECT (l.email_match, l.last_state_change = now())::text FROM sentinel.leads l WHERE l.id = :'lead'), '(ann@firm.example,t)', 'a change is noted');

-- Whose lead it is.
SELECT sentinel.create_lead('Team', 'team@example.com', team_id => :'team') AS team_lead, sentinel.create_lead('Own', 'own@example.com', owner_id => :'nick') AS own_lead \gset
SELECT sentinel.enter(:'org', :'mira');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*)::integer FROM sentinel.leads WHERE name IN ('Team', 'Own', 'Direct')), 2, 'a member sees those of the team and of nobody');
SELECT lives_ok(format($$UPDATE sentinel.leads SET industry = 'x' WHERE id = %L$$, :'team_lead'), 'and changes them');
UPDATE sentinel.leads SET industry = 'y' WHERE id = :'own_lead';
SELECT isnt(sentinel.create_lead('Mine', 'mine@example.com', owner_id => :'mira'), NULL, 'makes leads');
SELECT throws_ok(format($$SELECT sentinel.create_lead('His', 'his@example.com', owner_id => %L)$$, :'nick'), '42501', NULL, 'but not for others');
SELECT throws_ok($$SELECT sentinel.create_lead('His', 'own@example.com')$$, '23505', NULL, 'a taken address is told without the lead');
RESET ROLE;
SELECT is((SELECT industry FROM sentinel.leads WHERE id = :'own_lead'), NULL, 'the lead of a colleague is unchanged');
SELECT sentinel.enter(:'org', :'vera');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*)::integer FROM sentinel.leads WHERE name IN ('Team', 'Own', 'Direct')), 1, 'a viewer sees those of nobody');
SELECT throws_ok($$SELECT sentinel.create_lead('V', 'v@example.com')$$, 'SN003', NULL, 'makes none');
SELECT throws_ok($$INSERT INTO sentinel.leads (org_id, name) VALUES (sentinel.current_org(), 'V')$$, '42501', NULL, 'by no way');
RESET ROLE;
SELECT sentinel.enter(:'org', :'adam');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*)::integer FROM sentinel.leads WHERE name IN ('Team', 'Own', 'Direct')), 3, 'an admin sees all');
RESET ROLE;
SELECT sentinel.enter(:'other');
SET LOCAL ROLE sentinel_member;
SELECT is((SELECT count(*)::integer FROM sentinel.leads), 0, 'another organisation sees none');
SET LOCAL ROLE sentinel_reader;
SELECT throws_ok($$SELECT sentinel.create_lead('R')$$, '42501', NULL, 'a reader makes none');
RESET ROLE;
SELECT sentinel.leave();
SELECT throws_ok($$SELECT sentinel.create_lead('x')$$, 'SN002', NULL, 'none without an organisation');
SELECT * FROM finish();
ROLLBACK;
