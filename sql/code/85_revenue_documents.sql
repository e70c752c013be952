-- Room revenue: invoices, document templates, contracts.

CREATE FUNCTION sentinel.settle_invoice() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.org_id := OLD.org_id;
        NEW.updated_at := now();
        IF (NEW.number, NEW.deal_id) IS DISTINCT FROM (OLD.number, OLD.deal_id)
           OR OLD.status <> 'draft' AND (NEW.amount, NEW.currency) IS DISTINCT FROM (OLD.amount, OLD.currency) THEN
            RAISE EXCEPTION USING ERRCODE = 'SN006', MESSAGE = format('invoice "%s" does not change', OLD.number),
                DETAIL = 'Number and deal are fixed, and amount and currency once it is no draft.',
                HINT = 'SELECT sentinel.cancel_invoice(invoice_id); and make another.';
        END IF;
        IF OLD.status = 'paid' THEN
            NEW.paid_at := OLD.paid_at;
        END IF;
    END IF;
    IF NEW.status IN ('sent', 'paid') THEN
        NEW.issued_at := coalesce(NEW.issued_at, NEW.status_changed_at);
    END IF;
    NEW.paid_at := CASE WHEN NEW.status = 'paid' THEN coalesce(NEW.paid_at, NEW.status_changed_at) END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.settle_invoice() IS
    'Trigger: keep what has been billed as it was; fill issued_at and paid_at. Errors: SN006.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.create_invoice(deal_id uuid, as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_subject('deal', create_invoice.deal_id, 'edit');
    new_invoice uuid;
    billed record;
    place record;
BEGIN
    SELECT i.id INTO new_invoice FROM sentinel.invoices i
    WHERE i.org_id = org AND i.deal_id = create_invoice.deal_id AND i.status <> 'cancelled';
    IF new_invoice IS NOT NULL THEN
        RETURN new_invoice;
    END IF;
    SELECT d.value, d.currency, d.stage_kind INTO billed FROM sentinel.deals d WHERE d.org_id = org AND d.id = create_invoice.deal_id FOR NO KEY UPDATE;
    IF billed.stage_kind = 'lost' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('deal "%s" is lost', create_invoice.deal_id),
            DETAIL = 'A deal that is lost is not billed.', HINT = 'Move the deal first.';
    END IF;
    -- Callers of one organisation pass here one after the other, so that numbers have no gaps; who has waited for another
    -- caller of the same deal finds that one's invoice. The deal is locked first, as by who changes it and bills it then.
    INSERT INTO sentinel.invoice_numbers (org_id) VALUES (org) ON CONFLICT DO NOTHING;
    SELECT n.prefix, n.next_number INTO place FROM sentinel.invoice_numbers n WHERE n.org_id = org FOR UPDATE;
    INSERT INTO sentinel.invoices AS i (org_id, deal_id, client_id, number, amount, currency, status_changed_at, due_at, created_at)
    VALUES (org, create_invoice.deal_id,
            (SELECT c.id FROM sentinel.clients c WHERE c.org_id = org AND c.deal_id = create_invoice.deal_id),
            place.prefix || lpad(place.next_number::text, greatest(5, length(place.next_number::text)), '0'),
            billed.value, billed.currency, create_invoice.as_of,
            create_invoice.as_of + sentinel.revenue_setting('invoice_due_days')::double precision * interval '24 hours',
            create_invoice.as_of)
    ON CONFLICT (org_id, deal_id) WHERE i.status <> 'cancelled' DO NOTHING
    RETURNING i.id INTO new_invoice;
    IF new_invoice IS NULL THEN
        SELECT i.id INTO STRICT new_invoice FROM sentinel.invoices i
        WHERE i.org_id = org AND i.deal_id = create_invoice.deal_id AND i.status <> 'cancelled';
        RETURN new_invoice;
    END IF;
    UPDATE sentinel.invoice_numbers n SET next_number = place.next_number + 1 WHERE n.org_id = org;
    RETURN new_invoice;
END
$$;
ALTER FUNCTION sentinel.create_invoice(uuid, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.create_invoice(uuid, timestamptz) IS
    'Make the invoice of a deal as a draft over its value to the cent, due in invoice_due_days, and give its id; emits invoice.created. A deal that has one which is not cancelled gives that. Errors: SN002, SN003, SN004, SN005 deal lost, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.send_invoice(invoice_id uuid, due_at timestamptz DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('invoice', send_invoice.invoice_id, 'edit');
BEGIN
    IF send_invoice.due_at < send_invoice.as_of OR NOT isfinite(send_invoice.due_at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid due time %s', send_invoice.due_at),
            DETAIL = 'An invoice is due after it is sent.', HINT = 'Leave it out to keep the time of the draft.';
    END IF;
    UPDATE sentinel.invoices i
    SET status = 'sent', status_changed_at = sentinel.moved_at(i.status_changed_at, send_invoice.as_of),
        due_at = coalesce(send_invoice.due_at, CASE WHEN i.due_at < send_invoice.as_of THEN send_invoice.as_of
            + sentinel.revenue_setting('invoice_due_days')::double precision * interval '24 hours' ELSE i.due_at END)
    WHERE i.org_id = org AND i.id = send_invoice.invoice_id AND i.status <> 'sent';
END
$$;
ALTER FUNCTION sentinel.send_invoice(uuid, timestamptz, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.send_invoice(uuid, timestamptz, timestamptz) IS
    'Say that an invoice was sent; emits invoice.sent. A draft whose time is over by then is due in invoice_due_days from it. Again changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 time.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.mark_invoice_paid(invoice_id uuid, amount numeric DEFAULT NULL, as_of timestamptz DEFAULT now())
    RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('invoice', mark_invoice_paid.invoice_id, 'edit');
    bill record;
    paid timestamptz;
BEGIN
    SELECT i.number, i.status, i.amount, i.currency, i.paid_at INTO bill FROM sentinel.invoices i
    WHERE i.org_id = org AND i.id = mark_invoice_paid.invoice_id FOR UPDATE;
    IF mark_invoice_paid.amount <> bill.amount THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('%s is not the amount of invoice "%s"', left(mark_invoice_paid.amount::text, 40), bill.number),
            DETAIL = 'An invoice is paid as a whole, to the cent.', HINT = format('Use %s.', bill.amount);
    END IF;
    IF bill.status = 'paid' THEN
        RETURN bill.paid_at;
    END IF;
    UPDATE sentinel.invoices i SET status = 'paid', status_changed_at = sentinel.moved_at(i.status_changed_at, mark_invoice_paid.as_of)
    WHERE i.org_id = org AND i.id = mark_invoice_paid.invoice_id
    RETURNING i.paid_at INTO paid;
    PERFORM sentinel.audit('invoice.paid', 'invoice', mark_invoice_paid.invoice_id, jsonb_build_object(
        'number', bill.number, 'amount', bill.amount, 'currency', bill.currency, 'paid_at', paid));
    RETURN paid;
END
$$;
ALTER FUNCTION sentinel.mark_invoice_paid(uuid, numeric, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.mark_invoice_paid(uuid, numeric, timestamptz) IS
    'Say that an invoice was paid and give since when it is; emits invoice.paid. Again changes nothing. An amount that is given must be that of the invoice. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 amount or as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.cancel_invoice(invoice_id uuid, reason text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('invoice', cancel_invoice.invoice_id, 'edit');
    label text;
BEGIN
    UPDATE sentinel.invoices i
    SET status = 'cancelled', status_changed_at = sentinel.moved_at(i.status_changed_at, cancel_invoice.as_of)
    WHERE i.org_id = org AND i.id = cancel_invoice.invoice_id AND i.status <> 'cancelled' RETURNING i.number INTO label;
    IF FOUND THEN
        PERFORM sentinel.audit('invoice.cancelled', 'invoice', cancel_invoice.invoice_id,
            jsonb_strip_nulls(jsonb_build_object('number', label, 'reason', left(cancel_invoice.reason, 1000))));
    END IF;
END
$$;
ALTER FUNCTION sentinel.cancel_invoice(uuid, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.cancel_invoice(uuid, text, timestamptz) IS
    'Cancel an invoice that is not paid; emits invoice.cancelled, and the deal may get another. Again changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 as_of.';

CREATE FUNCTION sentinel.mark_invoices_overdue(as_of timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    moment timestamptz := least(mark_invoices_overdue.as_of, now());
    late bigint;
BEGIN
    UPDATE sentinel.invoices i
    SET status = 'overdue', status_changed_at = sentinel.moved_at(i.status_changed_at, greatest(i.status_changed_at, moment))
    WHERE i.org_id = org AND i.status = 'sent' AND i.due_at < mark_invoices_overdue.as_of;
    GET DIAGNOSTICS late = ROW_COUNT;
    RETURN late;
END
$$;
COMMENT ON FUNCTION sentinel.mark_invoices_overdue(timestamptz) IS
    'Move what was sent and should have been paid before a time to overdue, for the organisation entered; gives how many. Emits invoice.overdue. For handlers. Errors: SN002.';

-- grant: everyone
CREATE FUNCTION sentinel.escape_html(raw text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT replace(replace(replace(replace(replace(raw, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION sentinel.escape_html(text) IS 'Write text so that HTML shows it as it is: & < > and both quotes escaped.';

-- grant: everyone
CREATE FUNCTION sentinel.render_template(body text, variables jsonb DEFAULT '{}') RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mark constant text := '\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}';
BEGIN
    IF strpos(render_template.body, '{{{') > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the template holds "{{{"',
            DETAIL = 'Values are always escaped; nothing is put in as it is.', HINT = 'Use {{word}}.';
    END IF;
    IF jsonb_typeof(render_template.variables) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('variables are of type %s', jsonb_typeof(render_template.variables)),
            DETAIL = 'Variables are an object of words and values.', HINT = 'Use ''{"lead_name": "Ana"}''.';
    END IF;
    -- In one pass: what a value holds is not read again.
    RETURN (SELECT string_agg(p.piece || coalesce(CASE WHEN render_template.variables ? m.found[2]
                                  THEN sentinel.escape_html(coalesce(render_template.variables ->> m.found[2], ''))
                                  ELSE m.found[1] END, ''), '' ORDER BY p.place)
            FROM regexp_split_to_table(render_template.body, mark) WITH ORDINALITY AS p(piece, place)
            LEFT JOIN regexp_matches(render_template.body, '(' || mark || ')', 'g') WITH ORDINALITY AS m(found, place)
                   ON m.place = p.place);
END
$$;
COMMENT ON FUNCTION sentinel.render_template(text, jsonb) IS
    'Put values into a template: {{word}} becomes the value of that name, escaped for HTML; a word without a value stays as it is. Errors: SN007 {{{ or variables that are no object.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.save_document_template(name text, body text, kind text DEFAULT 'contract') RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    moment timestamptz := now();
    template uuid;
BEGIN
    PERFORM sentinel.require_manager(), sentinel.render_template(save_document_template.body);
    IF save_document_template.kind IS NULL OR save_document_template.kind NOT IN ('contract', 'proposal', 'email') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown kind "%s" of template', left(save_document_template.kind, 40)),
            DETAIL = 'A template is for a contract, proposal or email.', HINT = 'Use ''contract''.';
    END IF;
    IF NOT coalesce(length(btrim(save_document_template.name)) BETWEEN 1 AND 200
                    AND length(save_document_template.body) BETWEEN 1 AND 500000, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid template "%s"', left(save_document_template.name, 80)),
            DETAIL = 'A name has 1 to 200 characters, a body 1 to 500,000.', HINT = 'Use ''Standard agreement'', ''<p>…</p>''.';
    END IF;
    INSERT INTO sentinel.document_templates AS t (org_id, kind, name, body)
    VALUES (org, save_document_template.kind, btrim(save_document_template.name), save_document_template.body)
    ON CONFLICT (org_id, kind, name) DO UPDATE SET body = excluded.body, updated_at = moment
    RETURNING t.id INTO template;
    PERFORM sentinel.audit('document_template.saved', 'document_template', template, jsonb_build_object(
        'kind', save_document_template.kind, 'name', btrim(save_document_template.name)));
    RETURN template;
END
$$;
ALTER FUNCTION sentinel.save_document_template(text, text, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.save_document_template(text, text, text) IS
    'Make a template, or change the one of that kind and name; gives its id. Owners and admins only. Errors: SN002, SN003, SN007, 22023 kind.';

-- grant: sentinel_reader, sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.document_url(document_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN coalesce((SELECT s.base_url FROM sentinel.document_settings s WHERE s.org_id = org), 'https://contracts.internal/')
           || document_url.document_id;
END
$$;
COMMENT ON FUNCTION sentinel.document_url(uuid) IS
    'Give the address at which a document of the organisation entered lies: its base address, https://contracts.internal/ until set_document_address() has named another, and the id. Errors: SN002.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_document_address(base_url text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    moment timestamptz := now();
    address text := rtrim(btrim(set_document_address.base_url), '/') || '/';
BEGIN
    PERFORM sentinel.require_manager();
    IF NOT coalesce(length(address) <= 1900 AND address ~ '^https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?/([!-~]*/)?$', false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid address "%s" of documents', left(set_document_address.base_url, 100)),
            DETAIL = 'An address begins with https:// or http:// and has no user, query or spaces; the id of a document is put behind it.',
            HINT = 'Use ''https://documents.example.com/contracts''.';
    END IF;
    INSERT INTO sentinel.document_settings AS s (org_id, base_url) VALUES (org, address)
    ON CONFLICT (org_id) DO UPDATE SET base_url = excluded.base_url, updated_at = moment;
    PERFORM sentinel.audit('document_address.changed', 'org', org, jsonb_build_object('base_url', address));
END
$$;
ALTER FUNCTION sentinel.set_document_address(text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.set_document_address(text) IS
    'Say where documents of the organisation entered are served; contracts made from then on carry it. Owners and admins only. Errors: SN002, SN003, SN007 address.';
