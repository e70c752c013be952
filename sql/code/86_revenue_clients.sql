-- Room revenue, jobs: from a paid invoice to a client that is asked, reminded and kept; and what a deal means to its lead.

CREATE FUNCTION sentinel.handle_create_client(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := least(sentinel.job_time(handle_create_client.payload), now());
    paid record;
BEGIN
    SELECT i.deal_id INTO paid FROM sentinel.invoices i
    WHERE i.org_id = org AND i.id = sentinel.job_subject(handle_create_client.payload, 'invoice') AND i.status = 'paid'
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('skipped', 'no paid invoice');
    END IF;
    RETURN jsonb_build_object('client_id', sentinel.create_client(paid.deal_id, at));
END
$$;
COMMENT ON FUNCTION sentinel.handle_create_client(uuid, jsonb) IS
    'Job, caused by invoice.paid: make the client of the deal that was paid, unless there is one, and name it in the invoice in either case; a new one emits client.created. Payload: invoice_id.';

CREATE FUNCTION sentinel.handle_start_onboarding(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_start_onboarding.payload);
    since timestamptz;
    who record;
BEGIN
    SELECT c.id, c.deal_id, c.lead_id, c.onboarding_changed_at, d.name AS deal, d.value, d.currency, d.owner_id, l.name, l.email,
           l.company_name INTO who
    FROM sentinel.clients c
    LEFT JOIN sentinel.deals d ON d.org_id = c.org_id AND d.id = c.deal_id
    LEFT JOIN sentinel.leads l ON l.org_id = c.org_id AND l.id = c.lead_id
    WHERE c.org_id = org AND c.id = sentinel.job_subject(handle_start_onboarding.payload, 'client') FOR UPDATE OF c;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('skipped', 'no such client');
    END IF;
    -- A time that equals the last one would be taken for none.
    since := least(greatest(at, who.onboarding_changed_at + interval '1 microsecond'), now());
    UPDATE sentinel.clients c
    SET onboarding_status = 'in_progress', onboarding_changed_at = since,
        delivery_phase = coalesce(c.delivery_phase, 'system_design'), delivery_changed_at = coalesce(c.delivery_changed_at, since),
        renewal_at = coalesce(c.renewal_at, at + sentinel.revenue_setting('renewal_days')::double precision * interval '24 hours')
    WHERE c.org_id = org AND c.id = who.id AND c.onboarding_status = 'pending';
    INSERT INTO sentinel.tasks (org_id, title, subject_type, subject_id, due_at, priority, member_id, source_key)
    SELECT org, left(t.title || coalesce(who.company_name, who.name, who.deal, 'the client'), 500), 'client', who.id,
           at + t.hours * interval '1 hour', 'normal', who.owner_id, format('onboarding:%s:%s', who.id, t.step)
    FROM (VALUES ('create_client_folder', 'Create the folder of ', 24), ('send_welcome_email', 'Send the welcome e-mail to ', 24),
                 ('create_delivery_dashboard', 'Create the delivery dashboard of ', 48),
                 ('send_internal_checklist', 'Send the internal checklist for ', 48),
                 ('start_delivery_tracker', 'Start the delivery tracker of ', 72)) AS t(step, title, hours)
    ON CONFLICT (org_id, source_key) WHERE source_key IS NOT NULL DO NOTHING;
    -- Each once per client: the key of a task holds it, done or not.
    INSERT INTO sentinel.scheduled_tasks (org_id, task_key, event_type, payload, execute_at)
    SELECT org, format('%s:%s', t.event_type, who.id), t.event_type,
           jsonb_build_object('client_id', who.id, 'due_at', x.due), x.due
    FROM (VALUES ('client.testimonial_due', 'testimonial_days'), ('client.referral_due', 'referral_days'),
                 ('client.upsell_due', 'upsell_days')) AS t(event_type, setting)
    CROSS JOIN LATERAL (SELECT at + sentinel.revenue_setting(t.setting)::double precision * interval '24 hours' AS due) x
    ON CONFLICT (org_id, task_key) DO NOTHING;
    PERFORM sentinel.emit_for(org, 'onboarding.requested', 'client', who.id, jsonb_build_object('client_id', who.id,
        'deal_id', who.deal_id, 'lead_id', who.lead_id, 'name', coalesce(who.company_name, who.name, who.deal), 'email', who.email,
        'value', who.value, 'currency', who.currency, 'owner_id', who.owner_id, 'as_of', at,
        'actions', jsonb_build_array('create_client_folder', 'send_welcome_email', 'create_delivery_dashboard',
                                     'send_internal_checklist', 'start_delivery_tracker')),
        'onboarding.requested:' || who.id);
    RETURN jsonb_build_object('client_id', who.id);
END
$$;
COMMENT ON FUNCTION sentinel.handle_start_onboarding(uuid, jsonb) IS
    'Job, caused by client.created: begin onboarding and delivery, set the renewal renewal_days ahead, make the tasks of the first days, schedule testimonial, referral and upsell, and emit onboarding.requested for the systems that set a client up; each once per client. Payload: client_id.';

CREATE FUNCTION sentinel.ask_client(org uuid, client uuid, purpose text, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked uuid;
    what record;
BEGIN
    SELECT * INTO what FROM (VALUES
        ('testimonial', 'client.testimonial_requested', 'request_testimonial'),
        ('referral', 'client.referral_requested', 'send_referral_prompt'),
        ('upsell', 'client.upsell_flagged', 'flag_upsell_opportunity')) AS w(purpose, event_type, action)
    WHERE w.purpose = ask_client.purpose;
    UPDATE sentinel.clients c
    SET testimonial_sent_at = CASE what.purpose WHEN 'testimonial' THEN at ELSE c.testimonial_sent_at END,
        referral_sent_at = CASE what.purpose WHEN 'referral' THEN at ELSE c.referral_sent_at END,
        upsell_flagged_at = CASE what.purpose WHEN 'upsell' THEN at ELSE c.upsell_flagged_at END
    WHERE c.org_id = ask_client.org AND c.id = ask_client.client
      AND CASE what.purpose WHEN 'testimonial' THEN c.testimonial_sent_at WHEN 'referral' THEN c.referral_sent_at
                            WHEN 'upsell' THEN c.upsell_flagged_at ELSE at END IS NULL
    RETURNING c.id INTO asked;
    IF asked IS NULL THEN
        RETURN jsonb_build_object('skipped', 'no such client, or asked before');
    END IF;
    PERFORM sentinel.emit_for(ask_client.org, what.event_type, 'client', c.id, jsonb_build_object('client_id', c.id,
        'deal_id', c.deal_id, 'lead_id', c.lead_id, 'action', what.action, 'name', coalesce(l.company_name, l.name, d.name),
        'email', l.email, 'value', d.value, 'currency', d.currency, 'owner_id', d.owner_id, 'as_of', at),
        format('%s:%s', what.event_type, c.id))
    FROM sentinel.clients c
    LEFT JOIN sentinel.deals d ON d.org_id = c.org_id AND d.id = c.deal_id
    LEFT JOIN sentinel.leads l ON l.org_id = c.org_id AND l.id = c.lead_id
    WHERE c.org_id = ask_client.org AND c.id = asked;
    RETURN jsonb_build_object('asked', what.action);
END
$$;
COMMENT ON FUNCTION sentinel.ask_client(uuid, uuid, text, timestamptz) IS
    'Note that a client is asked for a testimonial or referral, or flagged for an upsell, and emit the event that has it done; once per client and purpose.';

CREATE FUNCTION sentinel.handle_trigger_testimonial(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.ask_client(sentinel.require_org(), sentinel.job_subject(handle_trigger_testimonial.payload, 'client'),
                               'testimonial', sentinel.job_time(handle_trigger_testimonial.payload));
END
$$;
COMMENT ON FUNCTION sentinel.handle_trigger_testimonial(uuid, jsonb) IS
    'Job, caused by client.testimonial_due: have a client asked for a testimonial, once. Payload: client_id.';

CREATE FUNCTION sentinel.handle_trigger_referral(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.ask_client(sentinel.require_org(), sentinel.job_subject(handle_trigger_referral.payload, 'client'),
                               'referral', sentinel.job_time(handle_trigger_referral.payload));
END
$$;
COMMENT ON FUNCTION sentinel.handle_trigger_referral(uuid, jsonb) IS
    'Job, caused by client.referral_due: have a client asked for a referral, once. Payload: client_id.';

CREATE FUNCTION sentinel.handle_trigger_upsell(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.ask_client(sentinel.require_org(), sentinel.job_subject(handle_trigger_upsell.payload, 'client'),
                               'upsell', sentinel.job_time(handle_trigger_upsell.payload));
END
$$;
COMMENT ON FUNCTION sentinel.handle_trigger_upsell(uuid, jsonb) IS
    'Job, caused by client.upsell_due: flag a client for an upsell, once. Payload: client_id.';

CREATE FUNCTION sentinel.handle_send_renewal_reminder(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := sentinel.job_time(handle_send_renewal_reminder.payload);
    ahead interval := sentinel.revenue_setting('renewal_window_days')::double precision * interval '24 hours';
    told bigint;
BEGIN
    SELECT sentinel.emit_in_parts(org, array_agg(jsonb_build_object(
               'event_type', 'renewal.upcoming', 'subject_type', 'client', 'subject_id', r.id,
               'idempotency_key', format('renewal.upcoming:%s:%s:%s', r.id, to_char(r.renewal_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), r.step),
               'payload', jsonb_build_object('client_id', r.id, 'deal_id', r.deal_id, 'lead_id', r.lead_id, 'name', r.name,
                   'email', r.email, 'renewal_at', r.renewal_at, 'days_until_renewal', r.days, 'reminder', r.step,
                   'owner_id', r.owner_id, 'as_of', at)))) INTO told
    FROM (SELECT c.id, c.deal_id, c.lead_id, c.renewal_at, d.owner_id, l.email, coalesce(l.company_name, l.name, d.name) AS name, x.days,
                 CASE WHEN x.days <= 7 THEN 'last' WHEN x.days <= 14 THEN 'second' ELSE 'first' END AS step
          FROM sentinel.clients c
          CROSS JOIN LATERAL (SELECT ceil(extract(epoch FROM c.renewal_at - at) / 86400)::integer AS days) x
          LEFT JOIN sentinel.deals d ON d.org_id = c.org_id AND d.id = c.deal_id
          LEFT JOIN sentinel.leads l ON l.org_id = c.org_id AND l.id = c.lead_id
          WHERE c.org_id = org AND c.renewal_at BETWEEN at AND at + ahead) r;
    RETURN jsonb_build_object('reminded', coalesce(told, 0));
END
$$;
COMMENT ON FUNCTION sentinel.handle_send_renewal_reminder(uuid, jsonb) IS
    'Job, weekly: emit renewal.upcoming for each client whose renewal comes within renewal_window_days, at most three times per renewal: first, second within 14 days, last within 7. Payload: as_of.';

CREATE FUNCTION sentinel.handle_link_deal_lead(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    now_is record;
BEGIN
    -- The deal as it stands, not as the event tells: events may be worked in any order.
    SELECT d.lead_id, CASE WHEN d.stage_kind = 'won' THEN 'won'
                           WHEN d.stage_kind = 'open' AND s.position >= p.position THEN 'proposal'
                           WHEN d.stage_kind = 'open' AND l.lifecycle_stage = 'lost' THEN 'qualified' END AS goal INTO now_is
    FROM sentinel.deals d
    JOIN sentinel.leads l ON l.org_id = d.org_id AND l.id = d.lead_id
    JOIN sentinel.pipeline_stages s ON s.org_id = d.org_id AND s.pipeline_id = d.pipeline_id AND s.stage = d.stage
    LEFT JOIN sentinel.pipeline_stages p ON p.org_id = d.org_id AND p.pipeline_id = d.pipeline_id AND p.stage = 'proposal'
    WHERE d.org_id = org AND d.id = sentinel.job_subject(handle_link_deal_lead.payload, 'deal');
    IF now_is.lead_id IS NULL OR now_is.goal IS NULL THEN
        RETURN jsonb_build_object('skipped', 'nothing follows for a lead');
    END IF;
    RETURN jsonb_build_object('lead_id', now_is.lead_id, 'goal', now_is.goal, 'moved', sentinel.advance_lead(
        now_is.lead_id, now_is.goal, least(sentinel.job_time(handle_link_deal_lead.payload), now())));
END
$$;
COMMENT ON FUNCTION sentinel.handle_link_deal_lead(uuid, jsonb) IS
    'Job, caused by deal.created and deal.stage_changed: a deal that is proposed has a lead in proposal or further, a won deal a won lead, and an open deal takes a lost lead up again. Pipelines without a stage named proposal tell of the latter two alone. Payload: deal_id.';

CREATE FUNCTION sentinel.handle_handle_deal_lost(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    gone record;
BEGIN
    SELECT d.lead_id, coalesce(nullif(sentinel.job_facts(handle_handle_deal_lost.payload) ->> 'lost_reason', ''), d.lost_reason,
                               'unspecified') AS reason INTO gone
    FROM sentinel.deals d
    WHERE d.org_id = org AND d.id = sentinel.job_subject(handle_handle_deal_lost.payload, 'deal') AND d.stage_kind = 'lost';
    IF gone.lead_id IS NULL THEN
        RETURN jsonb_build_object('skipped', 'no lost deal with a lead');
    END IF;
    -- Two deals of a lead lost at once: whoever comes second sees the other closed.
    PERFORM FROM sentinel.leads l WHERE l.org_id = org AND l.id = gone.lead_id FOR UPDATE;
    IF EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.lead_id = gone.lead_id AND d.stage_kind IN ('open', 'won')) THEN
        RETURN jsonb_build_object('skipped', 'the lead has another deal that is open or won', 'reason', gone.reason);
    END IF;
    RETURN jsonb_build_object('lead_id', gone.lead_id, 'reason', gone.reason, 'moved', sentinel.advance_lead(
        gone.lead_id, 'lost', least(sentinel.job_time(handle_handle_deal_lost.payload), now())));
END
$$;
COMMENT ON FUNCTION sentinel.handle_handle_deal_lost(uuid, jsonb) IS
    'Job, caused by deal.lost: the lead of a deal that is still lost is lost too, unless another deal of it is open or won. Payload: deal_id, lost_reason.';

CREATE FUNCTION sentinel.setup_revenue_jobs(org uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.call_phrases (org_id, phrase, pattern, points, reason, next_step)
    SELECT setup_revenue_jobs.org, d.phrase, d.pattern, d.points, d.reason, d.next_step FROM sentinel.default_call_phrases d
    ON CONFLICT DO NOTHING;
    INSERT INTO sentinel.offers (org_id, offer, label, position, kind, least_score, pattern, price, currency, pain, solution, deliverables)
    SELECT setup_revenue_jobs.org, d.offer, d.label, d.position, d.kind, d.least_score, d.pattern, d.price, d.currency, d.pain,
           d.solution, d.deliverables
    FROM sentinel.default_offers d
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION sentinel.setup_revenue_jobs(uuid) IS
    'Give an organisation the default lexicon and offers that it lacks. What it changed or switched off stays.';
