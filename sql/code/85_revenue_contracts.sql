-- Room revenue: contracts and clients, and what a new organisation starts with.

CREATE FUNCTION sentinel.settle_contract() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.org_id := OLD.org_id;
        NEW.updated_at := now();
        IF NEW.deal_id <> OLD.deal_id OR OLD.status <> 'draft' AND NEW.html <> OLD.html THEN
            RAISE EXCEPTION USING ERRCODE = 'SN006', MESSAGE = format('contract "%s" does not change', OLD.id),
                DETAIL = 'Its deal is fixed, and its text once it is no draft.',
                HINT = 'SELECT sentinel.void_contract(contract_id); and make another.';
        END IF;
        IF OLD.status = 'signed' THEN
            NEW.signed_at := OLD.signed_at;
            NEW.signed_by := OLD.signed_by;
        END IF;
    END IF;
    NEW.sha256 := encode(sha256(convert_to(NEW.html, 'UTF8')), 'hex');
    IF NEW.status = 'sent' THEN
        NEW.sent_at := coalesce(NEW.sent_at, NEW.status_changed_at);
    END IF;
    NEW.signed_at := CASE WHEN NEW.status = 'signed' THEN coalesce(NEW.signed_at, NEW.status_changed_at) END;
    NEW.signed_by := CASE WHEN NEW.status = 'signed' THEN NEW.signed_by END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.settle_contract() IS
    'Trigger: keep what was sent or signed as it was; fill sha256, sent_at and signed_at. Errors: SN006.';

CREATE FUNCTION sentinel.contract_variables(deal_id uuid, as_of timestamptz) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
                'organisation', o.name, 'deal_name', d.name, 'deal_value', d.value, 'currency', d.currency, 'lead_name', l.name,
                'lead_email', l.email, 'company_name', l.company_name, 'invoice_number', i.number,
                'date', to_char(contract_variables.as_of AT TIME ZONE o.timezone, 'YYYY-MM-DD')))
            FROM sentinel.deals d
            JOIN sentinel.orgs o ON o.org_id = d.org_id
            LEFT JOIN sentinel.leads l ON l.org_id = d.org_id AND l.id = d.lead_id
            LEFT JOIN sentinel.invoices i ON i.org_id = d.org_id AND i.deal_id = d.id AND i.status <> 'cancelled'
            WHERE d.org_id = org AND d.id = contract_variables.deal_id);
END
$$;
COMMENT ON FUNCTION sentinel.contract_variables(uuid, timestamptz) IS
    'Give the values that a contract of a deal is filled with; what is not known is left out, so that its place stays to be seen.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.create_contract(deal_id uuid, template_id uuid DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_subject('deal', create_contract.deal_id, 'edit');
    new_contract uuid;
    template record;
BEGIN
    SELECT k.id INTO new_contract FROM sentinel.contracts k
    WHERE k.org_id = org AND k.deal_id = create_contract.deal_id AND k.status <> 'void';
    IF new_contract IS NOT NULL THEN
        RETURN new_contract;
    END IF;
    IF EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.id = create_contract.deal_id AND d.stage_kind = 'lost') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('deal "%s" is lost', create_contract.deal_id),
            DETAIL = 'Nothing is agreed on in a deal that is lost.', HINT = 'Move the deal first.';
    END IF;
    SELECT t.id, t.body INTO template FROM sentinel.document_templates t
    WHERE t.org_id = org AND t.kind = 'contract' AND (create_contract.template_id IS NULL OR t.id = create_contract.template_id)
    ORDER BY t.updated_at DESC, t.id DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('no contract template%s', coalesce(' "' || create_contract.template_id || '"', '')),
            DETAIL = 'A contract is made of a template of the organisation; without one named, of the one changed last.',
            HINT = 'SELECT sentinel.save_document_template(''Standard agreement'', ''<p>{{deal_name}}</p>'');';
    END IF;
    INSERT INTO sentinel.contracts AS k (org_id, deal_id, template_id, status_changed_at, html, created_at)
    VALUES (org, create_contract.deal_id, template.id, create_contract.as_of,
            sentinel.render_template(template.body, sentinel.contract_variables(create_contract.deal_id, create_contract.as_of)),
            create_contract.as_of)
    ON CONFLICT (org_id, deal_id) WHERE k.status <> 'void' DO NOTHING
    RETURNING k.id INTO new_contract;
    IF new_contract IS NULL THEN
        SELECT k.id INTO STRICT new_contract FROM sentinel.contracts k
        WHERE k.org_id = org AND k.deal_id = create_contract.deal_id AND k.status <> 'void';
    END IF;
    RETURN new_contract;
END
$$;
ALTER FUNCTION sentinel.create_contract(uuid, uuid, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.create_contract(uuid, uuid, timestamptz) IS
    'Make the contract of a deal as a draft from a template and give its id; emits contract.created. A deal that has one which is not void gives that. Errors: SN002, SN003, SN004 deal or template, SN005 deal lost, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.send_contract(contract_id uuid, url text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('contract', send_contract.contract_id, 'edit');
BEGIN
    UPDATE sentinel.contracts k
    SET status = 'sent', status_changed_at = sentinel.moved_at(k.status_changed_at, send_contract.as_of), url = coalesce(send_contract.url, k.url)
    WHERE k.org_id = org AND k.id = send_contract.contract_id AND k.status <> 'sent';
END
$$;
ALTER FUNCTION sentinel.send_contract(uuid, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.send_contract(uuid, text, timestamptz) IS
    'Say that a contract was sent, and where it lies for signature; emits contract.sent, and its text is fixed. Again changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 as_of, 23514 address.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.sign_contract(contract_id uuid, signed_by text, url text DEFAULT NULL, sha256 text DEFAULT NULL,
                                       as_of timestamptz DEFAULT now()) RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('contract', sign_contract.contract_id, 'edit');
    paper record;
    signed timestamptz;
BEGIN
    IF NOT coalesce(length(btrim(sign_contract.signed_by)) BETWEEN 1 AND 200, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid signatory "%s"', left(sign_contract.signed_by, 80)),
            DETAIL = 'A signature has a name of 1 to 200 characters.', HINT = 'Name who signed.';
    END IF;
    SELECT k.status, k.signed_at, k.sha256 INTO paper FROM sentinel.contracts k
    WHERE k.org_id = org AND k.id = sign_contract.contract_id FOR UPDATE;
    IF lower(sign_contract.sha256) <> paper.sha256 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('another text was signed than that of contract "%s"', sign_contract.contract_id),
            DETAIL = format('Its SHA-256 is %s.', paper.sha256), HINT = 'Void the contract and make one of the text that was signed.';
    END IF;
    IF paper.status = 'signed' THEN
        RETURN paper.signed_at;
    END IF;
    UPDATE sentinel.contracts k
    SET status = 'signed', status_changed_at = sentinel.moved_at(k.status_changed_at, sign_contract.as_of),
        signed_by = btrim(sign_contract.signed_by), url = coalesce(sign_contract.url, k.url)
    WHERE k.org_id = org AND k.id = sign_contract.contract_id
    RETURNING k.signed_at INTO signed;
    PERFORM sentinel.audit('contract.signed', 'contract', sign_contract.contract_id, jsonb_build_object(
        'signed_by', btrim(sign_contract.signed_by), 'sha256', paper.sha256, 'signed_at', signed));
    RETURN signed;
END
$$;
ALTER FUNCTION sentinel.sign_contract(uuid, text, text, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.sign_contract(uuid, text, text, text, timestamptz) IS
    'Say that a contract was signed, by whom, and where the signed one lies; gives since when it is and emits contract.signed. sha256 is that of the text signed, to be compared. Again changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 signatory, text or as_of, 23514 address.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.void_contract(contract_id uuid, reason text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('contract', void_contract.contract_id, 'edit');
BEGIN
    UPDATE sentinel.contracts k
    SET status = 'void', status_changed_at = sentinel.moved_at(k.status_changed_at, void_contract.as_of)
    WHERE k.org_id = org AND k.id = void_contract.contract_id AND k.status <> 'void';
    IF FOUND THEN
        PERFORM sentinel.audit('contract.voided', 'contract', void_contract.contract_id,
            jsonb_strip_nulls(jsonb_build_object('reason', left(void_contract.reason, 1000))));
    END IF;
END
$$;
ALTER FUNCTION sentinel.void_contract(uuid, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.void_contract(uuid, text, timestamptz) IS
    'Void a contract that is not signed; emits contract.voided, and the deal may get another. Again changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 as_of.';

CREATE FUNCTION sentinel.settle_client() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.org_id := OLD.org_id;
    NEW.updated_at := now();
    IF NEW.deal_id <> OLD.deal_id THEN
        RAISE EXCEPTION USING ERRCODE = 'SN006', MESSAGE = format('the deal of client "%s" does not change', OLD.id),
            DETAIL = 'It says what was bought.', HINT = 'Make a client of the other deal.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.settle_client() IS 'Trigger: a client stays the client of its deal; fill updated_at. Errors: SN006.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.create_client(deal_id uuid, as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_subject('deal', create_client.deal_id, 'edit');
    client uuid;
BEGIN
    -- As create_invoice() locks it: of a client and an invoice made at once, one sees the other.
    PERFORM FROM sentinel.deals d WHERE d.org_id = org AND d.id = create_client.deal_id FOR NO KEY UPDATE;
    -- Who has paid is a client, whatever became of the deal.
    IF EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.id = create_client.deal_id AND d.stage_kind = 'lost')
       AND NOT EXISTS (SELECT FROM sentinel.invoices i WHERE i.org_id = org AND i.deal_id = create_client.deal_id AND i.status = 'paid')
       AND NOT EXISTS (SELECT FROM sentinel.clients c WHERE c.org_id = org AND c.deal_id = create_client.deal_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('deal "%s" is lost', create_client.deal_id),
            DETAIL = 'A deal that is lost, and for which nobody has paid, makes no client.', HINT = 'Move the deal first.';
    END IF;
    INSERT INTO sentinel.clients AS c (org_id, lead_id, deal_id, onboarding_changed_at, created_at)
    SELECT org, d.lead_id, d.id, create_client.as_of, create_client.as_of FROM sentinel.deals d
    WHERE d.org_id = org AND d.id = create_client.deal_id
    ON CONFLICT (org_id, deal_id) DO NOTHING
    RETURNING c.id INTO client;
    IF client IS NULL THEN
        SELECT c.id INTO STRICT client FROM sentinel.clients c WHERE c.org_id = org AND c.deal_id = create_client.deal_id;
    END IF;
    -- Also for a client that was there: its invoice may have come later.
    UPDATE sentinel.invoices i SET client_id = client
    WHERE i.org_id = org AND i.deal_id = create_client.deal_id AND i.client_id IS NULL;
    RETURN client;
END
$$;
ALTER FUNCTION sentinel.create_client(uuid, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.create_client(uuid, timestamptz) IS
    'Make the client of a deal and give its id, and set it in the invoices of the deal; emits client.created. A deal that has one gives that. Errors: SN002, SN003, SN004, SN005 deal lost, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.advance_delivery(client_id uuid, phase text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('client', advance_delivery.client_id, 'edit');
    goal text := regexp_replace(lower(btrim(advance_delivery.phase)), '[\s-]+', '_', 'g');
    present text;
BEGIN
    SELECT c.delivery_phase INTO present FROM sentinel.clients c
    WHERE c.org_id = org AND c.id = advance_delivery.client_id FOR UPDATE;
    goal := coalesce(goal, (sentinel.next_states('client_delivery', present))[1]);
    IF goal IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('the delivery to client "%s" is in "%s"', advance_delivery.client_id, present),
            DETAIL = 'No phase follows.', HINT = 'Nothing is left to do.';
    END IF;
    UPDATE sentinel.clients c
    SET delivery_phase = goal, delivery_changed_at = sentinel.moved_at(c.delivery_changed_at, advance_delivery.as_of)
    WHERE c.org_id = org AND c.id = advance_delivery.client_id AND c.delivery_phase IS DISTINCT FROM goal;
    RETURN goal;
END
$$;
ALTER FUNCTION sentinel.advance_delivery(uuid, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.advance_delivery(uuid, text, timestamptz) IS
    'Bring the delivery to a client into its next phase, or into the one named where that is the next; gives the phase. Emits client.delivery_advanced, and at the end client.delivery_complete. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.complete_onboarding(client_id uuid, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('client', complete_onboarding.client_id, 'edit');
BEGIN
    UPDATE sentinel.clients c
    SET onboarding_status = 'complete', onboarding_changed_at = sentinel.moved_at(c.onboarding_changed_at, complete_onboarding.as_of)
    WHERE c.org_id = org AND c.id = complete_onboarding.client_id AND c.onboarding_status <> 'complete';
END
$$;
ALTER FUNCTION sentinel.complete_onboarding(uuid, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.complete_onboarding(uuid, timestamptz) IS
    'Say that a client has been taken in; emits client.onboarding_complete. Again changes nothing. Errors: SN002, SN003, SN004, SN005 not begun, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.change_client(client_id uuid, satisfaction_score numeric DEFAULT NULL, churn_risk_score numeric DEFAULT NULL,
                                       renewal_at timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('client', change_client.client_id, 'edit');
BEGIN
    IF NOT coalesce(change_client.satisfaction_score BETWEEN 0 AND 100, true) OR NOT coalesce(change_client.churn_risk_score BETWEEN 0 AND 100, true) THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('scores %s and %s', coalesce(left(change_client.satisfaction_score::text, 40), 'null'),
                             coalesce(left(change_client.churn_risk_score::text, 40), 'null')),
            DETAIL = 'A score is a number from 0 to 100; null leaves it as it is.', HINT = 'Use 80.';
    END IF;
    UPDATE sentinel.clients c
    SET satisfaction_score = coalesce(change_client.satisfaction_score, c.satisfaction_score),
        churn_risk_score = coalesce(change_client.churn_risk_score, c.churn_risk_score),
        renewal_at = coalesce(change_client.renewal_at, c.renewal_at)
    WHERE c.org_id = org AND c.id = change_client.client_id;
END
$$;
ALTER FUNCTION sentinel.change_client(uuid, numeric, numeric, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.change_client(uuid, numeric, numeric, timestamptz) IS
    'Change what is known of a client: satisfaction and churn risk, 0 to 100, and when the agreement is renewed; null leaves as it is. Errors: SN002, SN003, SN004, 22023 score, 23514 infinite renewal.';

CREATE FUNCTION sentinel.setup_revenue(org uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.invoice_numbers (org_id) VALUES (setup_revenue.org) ON CONFLICT DO NOTHING;
    INSERT INTO sentinel.document_templates (org_id, kind, name, body)
    SELECT setup_revenue.org, 'contract', 'Standard agreement',
           '<h1>Agreement</h1>'
           '<p>{{organisation}} and {{company_name}}, represented by {{lead_name}}, agree on {{date}}:</p>'
           '<p>{{organisation}} delivers "{{deal_name}}" for {{deal_value}} {{currency}}.</p>'
           '<p>Signed: ____________________</p>'
    WHERE NOT EXISTS (SELECT FROM sentinel.document_templates t WHERE t.org_id = setup_revenue.org AND t.kind = 'contract');
END
$$;
COMMENT ON FUNCTION sentinel.setup_revenue(uuid) IS
    'Give an organisation the numbering of invoices, and a contract template when it has none.';
