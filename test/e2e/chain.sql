-- Places at which chain.sh ends the server, and the count afterwards. Nothing of this is in the product: triggers and
-- wrappers of a superuser, each waiting for the setting chain.point to name it. psql variable: crash, the program that ends
-- the server once.
CREATE SCHEMA chain;
GRANT USAGE ON SCHEMA chain TO PUBLIC;
CREATE TABLE chain.program AS SELECT :'crash'::text AS path;
CREATE TABLE chain.deals (point integer, org_id uuid, deal_id uuid, lead_id uuid);

-- step: win and pay are what a client calls, the others jobs. A place is before or after a row is written, at the commit,
-- around a handler, or (relation null) after the commit: then what has to be there is the condition.
CREATE TABLE chain.points (point serial, step text, place text, relation text, event text, condition text);
INSERT INTO chain.points (step, place, relation, event, condition) VALUES
    ('win', 'before the deal is won', 'deals', 'BEFORE UPDATE', 'NEW.stage_kind = ''won'' AND OLD.stage_kind = ''open'''),
    ('win', 'after the deal is won', 'deals', 'AFTER UPDATE', 'NEW.stage_kind = ''won'' AND OLD.stage_kind = ''open'''),
    ('win', 'after its version', 'deal_history', 'AFTER INSERT', 'NEW.stage_kind = ''won'''),
    ('win', 'after its timeline', 'deal_timeline', 'AFTER INSERT', 'NEW.kind = ''won'''),
    ('win', 'before event deal.won', 'events', 'BEFORE INSERT', 'NEW.event_type = ''deal.won'''),
    ('win', 'after event deal.won', 'events', 'AFTER INSERT', 'NEW.event_type = ''deal.won'''),
    ('win', 'before the commit', 'deals', 'COMMIT UPDATE', 'NEW.stage_kind = ''won'' AND OLD.stage_kind = ''open'''),
    ('win', 'after the commit', NULL, NULL, 'EXISTS (SELECT FROM sentinel.deals d WHERE d.id = p.deal_id AND d.stage_kind = ''won'')'),

    ('link_deal_lead', 'before the lead is won', 'leads', 'BEFORE UPDATE', 'NEW.lifecycle_stage = ''won'''),
    ('link_deal_lead', 'before the commit', 'leads', 'COMMIT UPDATE', 'NEW.lifecycle_stage = ''won'''),

    ('create_invoice', 'claimed, not begun', 'claimed', NULL, NULL),
    ('create_invoice', 'before the invoice', 'invoices', 'BEFORE INSERT', 'true'),
    ('create_invoice', 'after the invoice', 'invoices', 'AFTER INSERT', 'true'),
    ('create_invoice', 'after its state', 'state_history', 'AFTER INSERT', 'NEW.machine = ''invoice'''),
    ('create_invoice', 'before event invoice.created', 'events', 'BEFORE INSERT', 'NEW.event_type = ''invoice.created'''),
    ('create_invoice', 'after event invoice.created', 'events', 'AFTER INSERT', 'NEW.event_type = ''invoice.created'''),
    ('create_invoice', 'before its number is counted', 'invoice_numbers', 'BEFORE UPDATE', 'true'),
    ('create_invoice', 'after its number is counted', 'invoice_numbers', 'AFTER UPDATE', 'true'),
    ('create_invoice', 'done, job not ended', 'done', NULL, NULL),
    ('create_invoice', 'job ended, before the commit', 'invoices', 'COMMIT INSERT', 'true'),
    ('create_invoice', 'after the commit', NULL, NULL, 'EXISTS (SELECT FROM sentinel.invoices i WHERE i.deal_id = p.deal_id)'),

    ('generate_contract', 'claimed, not begun', 'claimed', NULL, NULL),
    ('generate_contract', 'before the contract', 'contracts', 'BEFORE INSERT', 'true'),
    ('generate_contract', 'after the contract', 'contracts', 'AFTER INSERT', 'true'),
    ('generate_contract', 'before event contract.created', 'events', 'BEFORE INSERT', 'NEW.event_type = ''contract.created'''),
    ('generate_contract', 'after event contract.created', 'events', 'AFTER INSERT', 'NEW.event_type = ''contract.created'''),
    ('generate_contract', 'before its address', 'contracts', 'BEFORE UPDATE', 'NEW.url IS DISTINCT FROM OLD.url'),
    ('generate_contract', 'after its address', 'contracts', 'AFTER UPDATE', 'NEW.url IS DISTINCT FROM OLD.url'),
    ('generate_contract', 'before event contract.ready', 'events', 'BEFORE INSERT', 'NEW.event_type = ''contract.ready'''),
    ('generate_contract', 'after event contract.ready', 'events', 'AFTER INSERT', 'NEW.event_type = ''contract.ready'''),
    ('generate_contract', 'done, job not ended', 'done', NULL, NULL),
    ('generate_contract', 'job ended, before the commit', 'contracts', 'COMMIT INSERT', 'true'),
    ('generate_contract', 'after the commit', NULL, NULL, 'EXISTS (SELECT FROM sentinel.contracts k WHERE k.deal_id = p.deal_id)'),

    ('pay', 'before the invoice is paid', 'invoices', 'BEFORE UPDATE', 'NEW.status = ''paid'' AND OLD.status <> ''paid'''),
    ('pay', 'after the invoice is paid', 'invoices', 'AFTER UPDATE', 'NEW.status = ''paid'' AND OLD.status <> ''paid'''),
    ('pay', 'after its state', 'state_history', 'AFTER INSERT', 'NEW.machine = ''invoice'' AND NEW.state = ''paid'''),
    ('pay', 'before event invoice.paid', 'events', 'BEFORE INSERT', 'NEW.event_type = ''invoice.paid'''),
    ('pay', 'after event invoice.paid', 'events', 'AFTER INSERT', 'NEW.event_type = ''invoice.paid'''),
    ('pay', 'after the audit row', 'audit_log', 'AFTER INSERT', 'NEW.action = ''invoice.paid'''),
    ('pay', 'before the commit', 'invoices', 'COMMIT UPDATE', 'NEW.status = ''paid'' AND OLD.status <> ''paid'''),
    ('pay', 'after the commit', NULL, NULL, 'EXISTS (SELECT FROM sentinel.invoices i WHERE i.deal_id = p.deal_id AND i.status = ''paid'')'),

    ('create_client', 'claimed, not begun', 'claimed', NULL, NULL),
    ('create_client', 'before the client', 'clients', 'BEFORE INSERT', 'true'),
    ('create_client', 'after the client', 'clients', 'AFTER INSERT', 'true'),
    ('create_client', 'after its state', 'state_history', 'AFTER INSERT', 'NEW.machine = ''client_onboarding'''),
    ('create_client', 'before event client.created', 'events', 'BEFORE INSERT', 'NEW.event_type = ''client.created'''),
    ('create_client', 'after event client.created', 'events', 'AFTER INSERT', 'NEW.event_type = ''client.created'''),
    ('create_client', 'before the invoice names it', 'invoices', 'BEFORE UPDATE', 'NEW.client_id IS NOT NULL AND OLD.client_id IS NULL'),
    ('create_client', 'after the invoice names it', 'invoices', 'AFTER UPDATE', 'NEW.client_id IS NOT NULL AND OLD.client_id IS NULL'),
    ('create_client', 'done, job not ended', 'done', NULL, NULL),
    ('create_client', 'job ended, before the commit', 'clients', 'COMMIT INSERT', 'true'),
    ('create_client', 'after the commit', NULL, NULL, 'EXISTS (SELECT FROM sentinel.clients c WHERE c.deal_id = p.deal_id)'),

    ('start_onboarding', 'claimed, not begun', 'claimed', NULL, NULL),
    ('start_onboarding', 'before it has begun', 'clients', 'BEFORE UPDATE', 'NEW.onboarding_status = ''in_progress'''),
    ('start_onboarding', 'after it has begun', 'clients', 'AFTER UPDATE', 'NEW.onboarding_status = ''in_progress'''),
    ('start_onboarding', 'before event client.onboarding_started', 'events', 'BEFORE INSERT', 'NEW.event_type = ''client.onboarding_started'''),
    ('start_onboarding', 'amid its tasks', 'tasks', 'BEFORE INSERT', 'NEW.source_key LIKE ''onboarding:%:create_delivery_dashboard'''),
    ('start_onboarding', 'after its tasks', 'tasks', 'AFTER INSERT', 'NEW.source_key LIKE ''onboarding:%:start_delivery_tracker'''),
    ('start_onboarding', 'amid what is scheduled', 'scheduled_tasks', 'BEFORE INSERT', 'NEW.event_type = ''client.referral_due'''),
    ('start_onboarding', 'after what is scheduled', 'scheduled_tasks', 'AFTER INSERT', 'NEW.event_type = ''client.upsell_due'''),
    ('start_onboarding', 'before event onboarding.requested', 'events', 'BEFORE INSERT', 'NEW.event_type = ''onboarding.requested'''),
    ('start_onboarding', 'after event onboarding.requested', 'events', 'AFTER INSERT', 'NEW.event_type = ''onboarding.requested'''),
    ('start_onboarding', 'done, job not ended', 'done', NULL, NULL),
    ('start_onboarding', 'job ended, before the commit', 'scheduled_tasks', 'COMMIT INSERT', 'NEW.event_type = ''client.testimonial_due'''),
    ('start_onboarding', 'after the commit', NULL, NULL,
     'EXISTS (SELECT FROM sentinel.clients c WHERE c.deal_id = p.deal_id AND c.onboarding_status = ''in_progress'')');

CREATE FUNCTION chain.crash(point text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('chain.point', true) = point THEN
        EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', (SELECT path FROM chain.program));
    END IF;
END
$$;
CREATE FUNCTION chain.crash_at_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM chain.crash(TG_ARGV[0]);
    RETURN NEW;
END
$$;

-- The names come last, so that what stands before a row has been through the guards of its table.
SELECT format('CREATE %s TRIGGER zz_chain_%s %s %s ON sentinel.%I %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION chain.crash_at_row(%s)',
    CASE WHEN event LIKE 'COMMIT %' THEN 'CONSTRAINT' ELSE '' END, point,
    CASE WHEN event LIKE 'COMMIT %' THEN 'AFTER' ELSE split_part(event, ' ', 1) END, split_part(event, ' ', 2), relation,
    CASE WHEN event LIKE 'COMMIT %' THEN 'DEFERRABLE INITIALLY DEFERRED' ELSE '' END, condition, point)
FROM chain.points WHERE event IS NOT NULL ORDER BY point \gexec

SELECT format($f$CREATE FUNCTION chain.%1$I(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $b$
DECLARE
    result jsonb;
BEGIN
    PERFORM chain.crash(%2$L);
    result := sentinel.%1$I(job_id, payload);
    PERFORM chain.crash(%3$L);
    RETURN result;
END
$b$ $f$, 'handle_' || step, max(point) FILTER (WHERE relation = 'claimed'), max(point) FILTER (WHERE relation = 'done'))
FROM chain.points WHERE relation IN ('claimed', 'done') GROUP BY step ORDER BY step \gexec
UPDATE sentinel.job_types SET handler = 'chain.handle_' || job_type
WHERE job_type IN (SELECT step FROM chain.points WHERE relation = 'claimed');

CREATE FUNCTION chain.begin(point integer, deals integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO chain.deals (point, org_id, lead_id)
    SELECT point, sentinel.current_org(), sentinel.create_lead(format('Lead %s-%s', point, n), format('lead%s-%s@example.com', point, n),
        company_name => 'Example & Co') FROM generate_series(1, deals) n;
    UPDATE chain.deals p SET deal_id = sentinel.create_deal('Deal of ' || p.lead_id, 1000 + point, 'negotiation', 'EUR', lead_id => p.lead_id)
    WHERE p.point = begin.point;
$$;

-- What there is of each deal of a point; bad: deals that have not exactly one of each.
CREATE FUNCTION chain.verdict(point integer) RETURNS TABLE (bad bigint, line text) LANGUAGE sql AS $$
WITH told AS (
    SELECT p.deal_id, e.event_type FROM chain.deals p
    JOIN sentinel.events e ON e.org_id = p.org_id AND p.deal_id IN (e.subject_id, (e.payload ->> 'deal_id')::uuid)
    WHERE p.point = verdict.point AND e.event_type IN ('deal.won', 'invoice.created', 'contract.created', 'contract.ready',
        'invoice.paid', 'client.created', 'client.onboarding_started', 'onboarding.requested')
), each AS (
    SELECT p.deal_id,
        (SELECT count(*) FROM sentinel.invoices i WHERE i.deal_id = p.deal_id) AS invoices,
        (SELECT count(*) FROM sentinel.invoices i JOIN sentinel.clients c ON c.id = i.client_id AND c.deal_id = i.deal_id
         WHERE i.deal_id = p.deal_id AND i.status = 'paid' AND i.amount = 1000 + verdict.point) AS paid,
        (SELECT count(*) FROM sentinel.contracts k WHERE k.deal_id = p.deal_id AND k.url IS NOT NULL) AS contracts,
        (SELECT count(*) FROM sentinel.clients c WHERE c.deal_id = p.deal_id AND c.onboarding_status = 'in_progress') AS clients,
        (SELECT count(*) FROM sentinel.clients c JOIN sentinel.scheduled_tasks t ON t.task_key LIKE '%:' || c.id WHERE c.deal_id = p.deal_id) AS scheduled,
        (SELECT count(*) FROM sentinel.clients c JOIN sentinel.tasks t ON t.subject_id = c.id WHERE c.deal_id = p.deal_id) AS tasks,
        (SELECT count(*) FROM sentinel.leads l WHERE l.id = p.lead_id AND l.lifecycle_stage = 'won') AS leads,
        (SELECT count(*) FROM told t WHERE t.deal_id = p.deal_id) AS events,
        (SELECT count(DISTINCT t.event_type) FROM told t WHERE t.deal_id = p.deal_id) AS kinds
    FROM chain.deals p WHERE p.point = verdict.point
)
SELECT count(*) FILTER (WHERE (invoices, paid, contracts, clients, scheduled, tasks, leads, events, kinds) <> (1, 1, 1, 1, 3, 5, 1, 8, 8)),
    format('%s deals: %s invoices, %s paid, %s contracts, %s clients, %s scheduled, %s tasks, %s won leads, %s events', count(*), sum(invoices),
        sum(paid), sum(contracts), sum(clients), sum(scheduled), sum(tasks), sum(leads), sum(events))
FROM each
$$;
