-- Fill one organisation through the public functions, every room that is there. psql variables: label, slug.
-- Every text that a person would write holds the label, so that a test can find the rows wherever they turn up.
SET client_min_messages = warning;
SELECT set_config('populate.label', :'label', false), set_config('populate.slug', :'slug', false) \g /dev/null

-- Run a command if the function it is about is there; {label} and {slug} stand for the values.
CREATE OR REPLACE FUNCTION pg_temp.fill(routine text, command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'sentinel'::regnamespace AND p.proname = routine) THEN
        EXECUTE replace(replace(command, '{label}', current_setting('populate.label')), '{slug}', current_setting('populate.slug'));
    END IF;
END
$$;

DO $$
DECLARE
    label text := current_setting('populate.label');
    slug text := current_setting('populate.slug');
    org uuid;
    boss uuid;
    team uuid;
BEGIN
    org := sentinel.create_org(label || ' Ltd', slug, 'Europe/Berlin');
    PERFORM sentinel.enter(org, session => true);
    boss := sentinel.add_member(label || ' Boss', format('boss@%s.example', slug), 'owner');
    PERFORM sentinel.add_member(label || ' Clerk', format('clerk@%s.example', slug));
    team := sentinel.add_team(label || ' Sales');
    PERFORM sentinel.add_team_member(team, boss, 'owner');
    INSERT INTO sentinel.job_types (job_type, kind, queue, description) VALUES ('outside_probe', 'http', 'outside_probe', 'nobody runs it'),
        ('waiting_probe', 'http', 'waiting_probe', 'nobody runs it') ON CONFLICT DO NOTHING;
    PERFORM sentinel.emit('probe.made', 'probe', sentinel.uuid7(), jsonb_build_object('note', label), label);
    PERFORM sentinel.emit_many(jsonb_build_array(jsonb_build_object('event_type', 'probe.seen', 'payload', jsonb_build_object('note', label))));
    PERFORM sentinel.grant_login(session_user, org);
    PERFORM sentinel.worker_hello('populate', '0'), sentinel.limit_queue('outside_probe', 99);
    -- A job in every state: three end, one is dead, one runs, one waits, one is for later.
    PERFORM sentinel.enqueue('outside_probe', jsonb_build_object('note', label), idempotency_key => label || n, singleton_key => label || n,
                             concurrency_key => label, concurrency_limit => 9) FROM generate_series(1, 5) n;
    PERFORM sentinel.enqueue('waiting_probe', jsonb_build_object('note', label), idempotency_key => label);
    PERFORM sentinel.enqueue('waiting_probe', jsonb_build_object('note', label), run_at => now() + interval '1 year');
END
$$;
DO $$
DECLARE
    held record;
    n integer := 0;
BEGIN
    FOR held IN SELECT * FROM sentinel.claim('populate', '{outside_probe}', 5, '1 hour') LOOP
        n := n + 1;
        IF n <= 3 THEN
            PERFORM sentinel.complete(ARRAY[held.job_id], ARRAY[held.lease], jsonb_build_array(held.payload));
        ELSIF n = 4 THEN
            PERFORM sentinel.fail(ARRAY[held.job_id], ARRAY[held.lease], ARRAY[held.payload ->> 'note'], fatal => true);
        ELSE
            PERFORM sentinel.report_progress(held.job_id, 1, 2, held.payload ->> 'note');
        END IF;
    END LOOP;
END
$$;

-- The rooms above jobs.
SELECT pg_temp.fill(t.routine, t.command) FROM (VALUES
    (1, 'create_schedule', $$SELECT sentinel.create_schedule('{label} nightly', '0 3 * * *', 'report.due', payload => '{"note": "{label}"}')$$),
    (2, 'schedule_task', $$SELECT sentinel.schedule_task(now() + interval '1 year', 'report.due', payload => '{"note": "{label}"}', task_key => '{label}')$$),
    (3, 'intake_csv', $$SELECT sentinel.intake_csv(E'name,email,company,notes\n{label} Ann,ann@{slug}.example,{label} Co,{label}\n'
        '{label} Bob,bob@{slug}.example,{label} Co,{label}\n{label} Ann,ann@{slug}.example,{label} Co,{label}\n{label} Bad,not an address,,'::text)$$),
    (4, 'intake', $$SELECT sentinel.intake('form', '{"name": "{label} Eve", "email": "eve@{slug}.example"}')$$),
    (5, 'create_lead', $$SELECT sentinel.create_lead('{label} Lea', 'lea@{slug}.example', company_name => '{label} Co')$$),
    (6, 'create_webhook_endpoint', $$SELECT sentinel.create_webhook_endpoint('https://{slug}.example/hook', '{*}', '{label}')$$),
    (7, 'create_slack_channel', $$SELECT sentinel.create_slack_channel('{label}', '{*}')$$),
    (8, 'store_secret', $$SELECT sentinel.store_secret(s.org_id, s.id, s.purpose, s.target_id, s.version, '\x0101' || convert_to(repeat('{label} ', 40), 'UTF8'))
        FROM sentinel.secrets s WHERE s.org_id = sentinel.current_org() AND s.envelope IS NULL$$),
    (8, 'limit_target', $$SELECT sentinel.limit_target(e.id, 500, 100) FROM sentinel.webhook_endpoints e WHERE e.org_id = sentinel.current_org()$$),
    (9, 'set_risk_settings', $$SELECT sentinel.set_risk_settings(m.id, 9) FROM sentinel.members m
        WHERE m.org_id = sentinel.current_org() AND m.email LIKE 'clerk@%'$$),
    (10, 'create_deal', $$SELECT sentinel.create_deal('{label} deal ' || n, 1000 * n, owner_id => m.id, external_id => '{label}-' || n,
        as_of => now() - interval '120 days') FROM sentinel.members m, generate_series(1, 6) n
        WHERE m.org_id = sentinel.current_org() AND m.email LIKE 'boss@%'$$),
    (11, 'record_activity', $$SELECT sentinel.record_activity(d.id, a.kind, now() - interval '100 days', '{label}', '{label} says the competitor is cheaper')
        FROM sentinel.deals d, (VALUES ('email_sent'), ('email_received'), ('meeting_held')) a(kind) WHERE d.org_id = sentinel.current_org()$$),
    (12, 'move_deal', $$SELECT sentinel.move_deal(d.id, CASE WHEN d.external_id = '{label}-5' THEN 'closed_won' ELSE 'qualify' END, as_of => now() - interval '90 days')
        FROM sentinel.deals d WHERE d.org_id = sentinel.current_org() AND d.external_id IN ('{label}-4', '{label}-5')$$),
    (13, 'assign_deal', $$SELECT sentinel.move_deal_to_team(d.id, t.id) FROM sentinel.deals d JOIN sentinel.teams t USING (org_id)
        WHERE d.org_id = sentinel.current_org() AND d.external_id = '{label}-3'$$),
    (14, 'sweep_risk', $$SELECT sentinel.sweep_risk()$$),
    -- A deal that only time will put at risk.
    (15, 'create_deal', $$SELECT sentinel.create_deal('{label} fresh', 5000)$$),
    (16, 'create_model_gateway', $$SELECT sentinel.create_model_gateway('https://{slug}.example/v1/chat/completions', '{slug}-1')$$),
    (17, 'store_secret', $$SELECT sentinel.store_secret(s.org_id, s.id, s.purpose, s.target_id, s.version, '\x0101' || convert_to(repeat('{label} ', 40), 'UTF8'))
        FROM sentinel.secrets s WHERE s.org_id = sentinel.current_org() AND s.envelope IS NULL$$)) t(place, routine, command) ORDER BY t.place \g /dev/null
CALL sentinel.run_jobs(1000);

-- The revenue engine: settings, people's work, money, plans, what is planned and what is reported.
SELECT pg_temp.fill(t.routine, t.command) FROM (VALUES
    (20, 'set_revenue_settings', $$SELECT sentinel.set_revenue_settings('{"stale_lead_days": 45}'), sentinel.set_document_address('https://{slug}.example/papers')$$),
    (21, 'set_risk_weights', $$SELECT sentinel.set_risk_weights('{"inactivity": 0.45}')$$),
    (22, 'add_note', $$SELECT sentinel.add_note('lead', l.id, '{label} note') FROM sentinel.leads l
        WHERE l.org_id = sentinel.current_org() AND l.email LIKE 'lea@%'$$),
    (23, 'tag_lead', $$SELECT sentinel.tag_lead(l.id, t.id), sentinel.tag_deal(d.id, t.id)
        FROM sentinel.leads l, sentinel.deals d, (SELECT sentinel.add_tag('{label} tag') AS id OFFSET 0) t
        WHERE l.org_id = sentinel.current_org() AND l.email LIKE 'lea@%' AND d.org_id = l.org_id AND d.external_id = '{label}-1'$$),
    (24, 'save_view', $$SELECT sentinel.save_view('{label} view', 'lead', '{"q": "{label}"}')$$),
    (25, 'book_call', $$SELECT sentinel.book_call(l.id, now() + interval '1 day', meeting_url => 'https://{slug}.example/meet')
        FROM sentinel.leads l WHERE l.org_id = sentinel.current_org() AND l.email LIKE 'lea@%'$$),
    (26, 'complete_call', $$SELECT sentinel.complete_call(c.id, '{label} is ready to start. How much is it?', '{label} outcome')
        FROM sentinel.calls c WHERE c.org_id = sentinel.current_org()$$),
    (27, 'merge_leads', $$SELECT sentinel.merge_leads(l.id, t.id) FROM sentinel.leads l,
        (SELECT sentinel.create_lead('{label} Twin', 'twin@{slug}.example') AS id OFFSET 0) t
        WHERE l.org_id = sentinel.current_org() AND l.email LIKE 'lea@%'$$),
    (28, 'set_quota', $$SELECT sentinel.set_quota(50000, 'USD', date_trunc('quarter', now()), date_trunc('quarter', now()) + interval '3 months')$$),
    (29, 'invite_member', $$SELECT sentinel.invite_member('new@{slug}.example')$$),
    (30, 'set_digest_frequency', $$SELECT sentinel.set_notification_wish('deal_at_risk', by_email => true, member_id => m.id),
        sentinel.set_digest_frequency('daily', m.id) FROM sentinel.members m WHERE m.org_id = sentinel.current_org() AND m.email LIKE 'boss@%'$$),
    (31, 'set_org_plan', $$SELECT sentinel.set_org_plan('pro'), sentinel.set_org_plan_limit('deals', 900), sentinel.count_usage('api_calls'),
        sentinel.record_plan_payment('paypal', '{label}-4711', 31)$$),
    (32, 'import_deals_csv', $$SELECT sentinel.import_deals_csv(E'name,account,stage,created,value\n{label} import,{label} Co,proposal,2026-01-05,900\n{label} bad,,nowhere,,x'::text)$$),
    (33, 'send_invoice', $$SELECT sentinel.send_invoice(i.id), sentinel.mark_invoice_paid(i.id)
        FROM sentinel.invoices i WHERE i.org_id = sentinel.current_org()$$),
    -- A lead won without a deal: the watchdog finds it.
    (34, 'set_lead_stage', $$SELECT sentinel.set_lead_stage(sentinel.create_lead('{label} Odd', 'odd@{slug}.example', created_at => now() - interval '3 days'), 'won', now() - interval '2 days')$$),
    (35, 'handle_check_integrity', $$SELECT sentinel.enqueue(k.job_type, '{}')
        FROM (VALUES ('check_integrity'), ('generate_weekly_report'), ('make_digests'), ('check_deal_decay')) k(job_type)$$),
    -- No model can be fitted to six deals.
    (36, 'fit_win_model', $$INSERT INTO sentinel.win_models (org_id, fitted_at, kind, horizon_days, coefficients, metrics)
        VALUES (sentinel.current_org(), now(), 'evidence', 90, '{"label": "{label}"}', '{}')$$),
    (37, 'begin_oidc', $$SELECT b.expires_at FROM (SELECT sentinel.add_oidc_issuer('https://{slug}.example', '{label}', 'https://{slug}.example/keys')) i,
        LATERAL sentinel.begin_oidc('{slug}', NULL, now() + interval '1 year') b$$)) t(place, routine, command) ORDER BY t.place \g /dev/null
CALL sentinel.run_jobs(1000);

-- Who signs in, and the program that came by the gateway.
DO $$
DECLARE
    org uuid := sentinel.current_org();
    label text := current_setting('populate.label');
    slug text := current_setting('populate.slug');
    person jsonb;
BEGIN
    IF to_regprocedure('sentinel.http_register(jsonb, bytea)') IS NULL THEN
        RETURN;
    ELSIF NOT sentinel.server_key_ready() THEN
        PERFORM sentinel.create_server_key();
    END IF;
    PERFORM key_id FROM sentinel.create_api_key(label || ' key', '{*}');
    SELECT convert_from((h.answer).body, 'UTF8')::jsonb INTO person
    FROM (SELECT sentinel.http_handle('POST', '/auth/register', '', '[["Content-Type", "application/json"]]', convert_to(jsonb_build_object(
        'email', format('founder@%s.example', slug), 'password', label || ' is long enough', 'organisation', label || ' Second')::text, 'UTF8'), '192.0.2.1') AS answer) h;
    PERFORM sentinel.http_handle('POST', '/auth/ticket', '', jsonb_build_array(jsonb_build_array('Authorization', 'Bearer ' || (person ->> 'token'))), '', '192.0.2.1');
    PERFORM sentinel.http_handle('GET', '/openapi.json', '', '[]', '', '192.0.2.1');
    PERFORM sentinel.make_password_token(format('founder@%s.example', slug));
    PERFORM sentinel.enter(org, session => true);
    INSERT INTO sentinel.gateways (gateway, version) VALUES (label, '0');
    INSERT INTO sentinel.gateway_requests (gateway, method, route, status_class, requests) VALUES (label, 'GET', '/health', '2xx', 1);
    IF NOT EXISTS (SELECT FROM sentinel.sessions) OR NOT EXISTS (SELECT FROM sentinel.gateway_tickets) THEN
        RAISE 'nobody has signed in: %', person;
    END IF;
END
$$;

-- A webhook that came in, through the gateway's one function.
DO $$
DECLARE
    org uuid := sentinel.current_org();
    label text := current_setting('populate.label');
    body bytea := convert_to(jsonb_build_object('ref', 'refs/heads/' || current_setting('populate.slug'), 'repository', jsonb_build_object('full_name', label))::text, 'UTF8');
    made record;
BEGIN
    IF to_regprocedure('sentinel.http_receive_webhook(jsonb, bytea)') IS NULL THEN
        RETURN;
    ELSIF NOT sentinel.server_key_ready() THEN
        PERFORM sentinel.create_server_key();
    END IF;
    SELECT * INTO made FROM sentinel.add_webhook_source('github', label || ' code');
    PERFORM sentinel.http_handle('POST', made.path, '', jsonb_build_array(jsonb_build_array('X-GitHub-Event', 'push'), jsonb_build_array('X-GitHub-Delivery', label),
        jsonb_build_array('X-Hub-Signature-256', 'sha256=' || encode(public.hmac(body, convert_to(made.new_secret, 'UTF8'), 'sha256'), 'hex'))), body, '192.0.2.1');
    PERFORM sentinel.enter(org, session => true);
    IF NOT EXISTS (SELECT FROM sentinel.webhook_events e WHERE e.org_id = org) THEN
        RAISE 'the webhook was not taken';
    END IF;
END
$$;
CALL sentinel.run_jobs(1000);

-- What the worker would do: claim a few deliveries, ask for their requests, and say how they went.
DO $$
DECLARE
    held record;
    asked record;
    verdict text[] := ARRAY['200', '503', '410'];
    n integer := 0;
BEGIN
    IF to_regprocedure('sentinel.finish_http(jsonb)') IS NULL THEN
        RETURN;
    END IF;
    FOR held IN SELECT * FROM sentinel.claim('populate', '{webhooks,chat}', 6, '1 hour') LOOP
        FOR asked IN SELECT * FROM sentinel.http_requests(ARRAY[held.job_id], ARRAY[held.lease]) LOOP
            n := n + 1;
            PERFORM sentinel.finish_http(jsonb_build_array(jsonb_build_object('job_id', asked.job_id, 'lease', asked.lease,
                'worker', 'populate', 'started_at', now(), 'http_status', verdict[1 + n % 3]::integer, 'sent', true, 'total_ms', 5,
                'resp_excerpt_hex', (SELECT encode(convert_to(o.name, 'UTF8'), 'hex') FROM sentinel.orgs o WHERE o.org_id = asked.org_id))));
        END LOOP;
    END LOOP;
    -- A model that says nothing of use: the rules judge, and no request is left for a copy to give up.
    FOR held IN SELECT * FROM sentinel.claim('populate', '{llm}', 1000, '1 hour') LOOP
        PERFORM sentinel.finish_http(jsonb_build_array(jsonb_build_object('job_id', held.job_id, 'lease', held.lease,
            'worker', 'populate', 'started_at', now(), 'http_status', 200, 'sent', true,
            'resp_excerpt_hex', (SELECT encode(convert_to(o.name, 'UTF8'), 'hex') FROM sentinel.orgs o WHERE o.org_id = held.org_id))));
    END LOOP;
END
$$;
CALL sentinel.run_jobs(1000);
SELECT sentinel.leave() \g /dev/null
