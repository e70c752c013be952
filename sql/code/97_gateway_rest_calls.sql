-- Room gateway, REST: calls, invoices, contracts and clients.

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_calls(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.calls',
        ARRAY['lead_id uuid', 'deal_id uuid', 'status booked|completed|no_show|cancelled', 'scheduled_from from scheduled_at',
              'scheduled_until until scheduled_at'],
        ARRAY['x.scheduled_at|timestamptz'], '{transcript,proposal_blueprint,applied_signal}');
END
$$;
COMMENT ON FUNCTION sentinel.http_calls(jsonb, bytea) IS 'Route: list calls, the latest first, without what was said in them.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.call_data(call_id uuid, status integer DEFAULT 200) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_data(sentinel.http_row('sentinel.calls', call_data.call_id, 'call', '{applied_signal}'), call_data.status,
                              CASE call_data.status WHEN 201 THEN '/calls/' || call_data.call_id END);
END
$$;
COMMENT ON FUNCTION sentinel.call_data(uuid, integer) IS 'Answer with a call. Errors: SN002, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_call(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.call_data(sentinel.http_param(request, 'call_id'));
END
$$;
COMMENT ON FUNCTION sentinel.http_call(jsonb, bytea) IS 'Route: give a call with its transcript.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_book_call(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given jsonb := sentinel.http_members(request, '{lead_id,scheduled_at,deal_id,meeting_url}', '{lead_id,scheduled_at}');
    call uuid := sentinel.book_call(sentinel.http_id(given -> 'lead_id', 'lead_id'),
                                    sentinel.http_time(given ->> 'scheduled_at', 'scheduled_at'),
                                    sentinel.http_id(given -> 'deal_id', 'deal_id'), nullif(given ->> 'meeting_url', ''));
BEGIN
    IF call IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'a call with the lead is booked for that time',
            DETAIL = 'One call with a lead is at a time.', HINT = 'Choose another time.';
    END IF;
    RETURN sentinel.call_data(call, 201);
END
$$;
COMMENT ON FUNCTION sentinel.http_book_call(jsonb, bytea) IS 'Route: book a call with a lead.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_change_call(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    call uuid := sentinel.http_param(request, 'call_id');
    given jsonb;
BEGIN
    CASE split_part(request ->> 'route', '/', 4)
        WHEN 'complete' THEN
            given := sentinel.http_members(request, '{transcript,outcome}', '{transcript,outcome}');
            PERFORM sentinel.complete_call(call, given ->> 'transcript', given ->> 'outcome');
        WHEN 'no-show' THEN
            PERFORM sentinel.miss_call(call);
        WHEN 'cancel' THEN
            PERFORM sentinel.cancel_call(call);
        WHEN 'reschedule' THEN
            given := sentinel.http_members(request, '{scheduled_at,meeting_url}', '{scheduled_at}');
            PERFORM sentinel.reschedule_call(call, sentinel.http_time(given ->> 'scheduled_at', 'scheduled_at'), nullif(given ->> 'meeting_url', ''));
        WHEN 'transcript' THEN
            given := sentinel.http_members(request, '{transcript}', '{transcript}');
            PERFORM sentinel.correct_transcript(call, given ->> 'transcript');
    END CASE;
    RETURN sentinel.call_data(call);
END
$$;
COMMENT ON FUNCTION sentinel.http_change_call(jsonb, bytea) IS
    'Route: complete, miss, cancel or reschedule a call, or correct what was said in it, as the path ends.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_invoices(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.invoices',
        ARRAY['deal_id uuid', 'client_id uuid', 'status draft|sent|overdue|paid|cancelled', 'due_from from due_at', 'due_until until due_at']);
END
$$;
COMMENT ON FUNCTION sentinel.http_invoices(jsonb, bytea) IS 'Route: list invoices, the newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_invoice(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    invoice uuid;
    given jsonb;
BEGIN
    IF request ->> 'route' = '/invoices' THEN
        given := sentinel.http_members(request, '{deal_id}', '{deal_id}');
        invoice := sentinel.create_invoice(sentinel.http_id(given -> 'deal_id', 'deal_id'));
        RETURN sentinel.http_data(sentinel.http_row('sentinel.invoices', invoice, 'invoice'), 201, '/invoices/' || invoice);
    END IF;
    invoice := sentinel.http_param(request, 'invoice_id');
    given := sentinel.http_wishes(request, CASE split_part(request ->> 'route', '/', 4) WHEN 'mark-paid' THEN '{amount}' WHEN 'send' THEN '{due_at}'
                                                                                       WHEN 'cancel' THEN '{reason}' END::text[]);
    CASE split_part(request ->> 'route', '/', 4)
        WHEN 'mark-paid' THEN
            PERFORM sentinel.mark_invoice_paid(invoice, sentinel.json_number(given, 'amount'));
        WHEN 'send' THEN
            PERFORM sentinel.send_invoice(invoice, sentinel.http_time(given ->> 'due_at', 'due_at'));
        WHEN 'cancel' THEN
            PERFORM sentinel.cancel_invoice(invoice, nullif(given ->> 'reason', ''));
        ELSE NULL;
    END CASE;
    RETURN sentinel.http_data(sentinel.http_row('sentinel.invoices', invoice, 'invoice'));
END
$$;
COMMENT ON FUNCTION sentinel.http_invoice(jsonb, bytea) IS
    'Route: make or give an invoice, or mark it paid, send or cancel it, as the path ends.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_contracts(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.contracts', ARRAY['deal_id uuid', 'status draft|sent|signed|void'], '{}', '{html}');
END
$$;
COMMENT ON FUNCTION sentinel.http_contracts(jsonb, bytea) IS 'Route: list contracts, the newest first, without their text.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_contract(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    contract uuid;
    given jsonb;
BEGIN
    IF request ->> 'route' = '/contracts' THEN
        given := sentinel.http_members(request, '{deal_id,template_id}', '{deal_id}');
        contract := sentinel.create_contract(sentinel.http_id(given -> 'deal_id', 'deal_id'), sentinel.http_id(given -> 'template_id', 'template_id'));
        RETURN sentinel.http_data(sentinel.http_row('sentinel.contracts', contract, 'contract', '{html}'), 201, '/contracts/' || contract);
    END IF;
    contract := sentinel.http_param(request, 'contract_id');
    given := sentinel.http_wishes(request, CASE split_part(request ->> 'route', '/', 4) WHEN 'send' THEN '{url}' WHEN 'sign' THEN '{signed_by,url,sha256}'
                                                                                       WHEN 'void' THEN '{reason}' END::text[],
                                  CASE split_part(request ->> 'route', '/', 4) WHEN 'sign' THEN '{signed_by}' ELSE '{}' END::text[]);
    CASE split_part(request ->> 'route', '/', 4)
        WHEN 'send' THEN
            PERFORM sentinel.send_contract(contract, nullif(given ->> 'url', ''));
        WHEN 'sign' THEN
            PERFORM sentinel.sign_contract(contract, given ->> 'signed_by', nullif(given ->> 'url', ''), nullif(given ->> 'sha256', ''));
        WHEN 'void' THEN
            PERFORM sentinel.void_contract(contract, nullif(given ->> 'reason', ''));
        ELSE NULL;
    END CASE;
    RETURN sentinel.http_data(sentinel.http_row('sentinel.contracts', contract, 'contract', '{html}'));
END
$$;
COMMENT ON FUNCTION sentinel.http_contract(jsonb, bytea) IS
    'Route: make or give a contract without its text, or send, sign or void it, as the path ends.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_document(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    contract uuid := sentinel.http_param(request, CASE WHEN request -> 'params' ? 'document_id' THEN 'document_id' ELSE 'contract_id' END);
    html text;
BEGIN
    IF request -> 'params' ? 'contract_id' AND sentinel.http_query_text(request, 'format', ARRAY['json', 'html'], 'json') = 'json' THEN
        RETURN sentinel.http_data(sentinel.http_row('sentinel.contracts', contract, 'contract', '{html}'));
    END IF;
    html := sentinel.http_row('sentinel.contracts', contract, 'contract') ->> 'html';
    -- The text is of whoever wrote the template: it runs nothing here.
    RETURN jsonb_build_object('type', 'text/html; charset=utf-8', 'text', html, 'headers', jsonb_build_object('Content-Security-Policy',
        'sandbox; default-src ''none''; style-src ''unsafe-inline''; img-src data: https:'));
END
$$;
COMMENT ON FUNCTION sentinel.http_document(jsonb, bytea) IS
    'Route: give a contract, or with format=html, and at the address of documents always, its text.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.client_data(client_id uuid, status integer DEFAULT 200) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    client jsonb := sentinel.http_row('sentinel.clients', client_data.client_id, 'client');
BEGIN
    RETURN sentinel.http_data(client || jsonb_build_object(
        'name', (SELECT coalesce(l.company_name, l.name) FROM sentinel.leads l WHERE l.org_id = org AND l.id = (client ->> 'lead_id')::uuid),
        'deal_name', (SELECT d.name FROM sentinel.deals d WHERE d.org_id = org AND d.id = (client ->> 'deal_id')::uuid),
        'contract_url', (SELECT c.url FROM sentinel.contracts c WHERE c.org_id = org AND c.deal_id = (client ->> 'deal_id')::uuid
                         AND c.status <> 'void' AND c.url IS NOT NULL ORDER BY c.status = 'signed' DESC, c.created_at DESC, c.id DESC LIMIT 1)),
        client_data.status, CASE client_data.status WHEN 201 THEN '/clients/' || client_data.client_id END);
END
$$;
COMMENT ON FUNCTION sentinel.client_data(uuid, integer) IS
    'Answer with a client, the names of its lead and deal, and where its contract lies: the signed one, else the newest. Errors: SN002, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_clients(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.clients',
        ARRAY['lead_id uuid', 'deal_id uuid', 'onboarding_status pending|in_progress|complete',
              'delivery_phase system_design|crm_build|automation_build|handover|live|complete', 'renewal_from from renewal_at',
              'renewal_until until renewal_at']);
END
$$;
COMMENT ON FUNCTION sentinel.http_clients(jsonb, bytea) IS 'Route: list clients, the newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_client(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    client uuid;
    given jsonb;
BEGIN
    IF request ->> 'route' = '/clients' THEN
        given := sentinel.http_members(request, '{deal_id}', '{deal_id}');
        client := sentinel.create_client(sentinel.http_id(given -> 'deal_id', 'deal_id'));
        RETURN sentinel.client_data(client, 201);
    END IF;
    client := sentinel.http_param(request, 'client_id');
    IF request ->> 'route' LIKE '%/status' THEN
        given := sentinel.http_members(request, '{onboarding_status,delivery_phase}');
        IF coalesce(given -> 'onboarding_status', '"complete"') <> '"complete"' THEN
            RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid onboarding_status %s', left((given -> 'onboarding_status')::text, 60)),
                DETAIL = 'Onboarding is begun by a job; here it is said to be complete.', HINT = 'Send {"onboarding_status": "complete"}.';
        ELSIF given ? 'onboarding_status' THEN
            PERFORM sentinel.complete_onboarding(client);
        END IF;
        IF given ? 'delivery_phase' THEN
            PERFORM sentinel.advance_delivery(client, nullif(given ->> 'delivery_phase', ''));
        END IF;
    ELSIF request ->> 'method' = 'PATCH' THEN
        given := sentinel.http_members(request, '{satisfaction_score,churn_risk_score,renewal_at}');
        PERFORM sentinel.change_client(client, sentinel.json_number(given, 'satisfaction_score'), sentinel.json_number(given, 'churn_risk_score'),
                                       sentinel.http_time(given ->> 'renewal_at', 'renewal_at'));
    END IF;
    RETURN sentinel.client_data(client);
END
$$;
COMMENT ON FUNCTION sentinel.http_client(jsonb, bytea) IS
    'Route: make, give or change a client, or say that onboarding is complete or how far delivery is.';
