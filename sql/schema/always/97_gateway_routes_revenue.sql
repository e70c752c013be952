-- Room gateway: routes of calls, invoices, contracts and clients.

DO $$
DECLARE
    paging constant text[] := ARRAY['limit integer Rows on a page, 1 to 200; 50 unless given.', 'cursor text The next_cursor of the page before.'];
    deal constant text[] := ARRAY['deal_id! uuid Deal.'];
BEGIN
    PERFORM sentinel.serve('POST', '/calls', 'sentinel.http_book_call', 'Book a call with a lead.', 'revenue',
            body => ARRAY['lead_id! uuid Lead.', 'scheduled_at! time When.', 'deal_id uuid Deal of the lead that it is about.',
                          'meeting_url text Where one meets.']),
        sentinel.serve('GET', '/calls', 'sentinel.http_calls', 'List calls, the latest first.', 'revenue', answers => 'list',
            query => ARRAY['lead_id uuid Lead.', 'deal_id uuid Deal.', 'status booked|completed|no_show|cancelled Status.',
                           'scheduled_from time At or after.', 'scheduled_until time Before.'] || paging),
        sentinel.serve('GET', '/calls/{call_id}', 'sentinel.http_call', 'Give a call with its transcript.', 'revenue'),
        sentinel.serve('PATCH', '/calls/{call_id}/complete', 'sentinel.http_change_call', 'Say that a call was held.', 'revenue', max_body_bytes => 4194304,
            body => ARRAY['transcript! text What was said.', 'outcome! text How it ended.']),
        sentinel.serve('PATCH', '/calls/{call_id}/no-show', 'sentinel.http_change_call', 'Say that the lead did not come.', 'revenue'),
        sentinel.serve('PATCH', '/calls/{call_id}/cancel', 'sentinel.http_change_call', 'Cancel a booked call.', 'revenue'),
        sentinel.serve('PATCH', '/calls/{call_id}/reschedule', 'sentinel.http_change_call', 'Book a call for another time.', 'revenue',
            body => ARRAY['scheduled_at! time When.', 'meeting_url text Where one meets.']),
        sentinel.serve('PATCH', '/calls/{call_id}/transcript', 'sentinel.http_change_call', 'Correct what was said; the call is analysed anew.', 'revenue',
            max_body_bytes => 4194304, body => ARRAY['transcript! text What was said.']);
    PERFORM sentinel.serve('POST', '/invoices', 'sentinel.http_invoice', 'Make the invoice of a deal, or give the one it has.', 'revenue', body => deal),
        sentinel.serve('GET', '/invoices', 'sentinel.http_invoices', 'List invoices, the newest first.', 'revenue', answers => 'list',
            query => ARRAY['deal_id uuid Deal.', 'client_id uuid Client.', 'status draft|sent|overdue|paid|cancelled Status.',
                           'due_from time Due at or after.', 'due_until time Due before.'] || paging),
        sentinel.serve('GET', '/invoices/{invoice_id}', 'sentinel.http_invoice', 'Give an invoice.', 'revenue'),
        sentinel.serve('POST', '/invoices/{invoice_id}/mark-paid', 'sentinel.http_invoice', 'Say that an invoice was paid.', 'revenue',
            body => ARRAY['amount number Amount paid, to be compared with that of the invoice.']),
        sentinel.serve('POST', '/invoices/{invoice_id}/send', 'sentinel.http_invoice', 'Say that an invoice was sent.', 'revenue',
            body => ARRAY['due_at time When it is due.']),
        sentinel.serve('POST', '/invoices/{invoice_id}/cancel', 'sentinel.http_invoice', 'Cancel an invoice that is not paid.', 'revenue',
            body => ARRAY['reason text Why.']);
    PERFORM sentinel.serve('POST', '/contracts', 'sentinel.http_contract', 'Make the contract of a deal, or give the one it has.', 'revenue',
            body => deal || ARRAY['template_id uuid Template; that of the organisation unless given.']),
        sentinel.serve('GET', '/contracts', 'sentinel.http_contracts', 'List contracts, the newest first, without their text.', 'revenue', answers => 'list',
            query => ARRAY['deal_id uuid Deal.', 'status draft|sent|signed|void Status.'] || paging),
        sentinel.serve('GET', '/contracts/{contract_id}', 'sentinel.http_document', 'Give a contract, or its text.', 'revenue',
            query => ARRAY['format json|html json for the contract, html for its text; json unless given.']),
        sentinel.serve('GET', '/documents/{document_id}', 'sentinel.http_document', 'Give the text of a document as HTML.', 'revenue', scope => 'contracts:read',
            answers => 'text/html'),
        sentinel.serve('POST', '/contracts/{contract_id}/send', 'sentinel.http_contract', 'Say that a contract was sent.', 'revenue',
            body => ARRAY['url text Where it lies for signature.']),
        sentinel.serve('POST', '/contracts/{contract_id}/sign', 'sentinel.http_contract', 'Say that a contract was signed.', 'revenue',
            body => ARRAY['signed_by! text Who signed.', 'url text Where the signed one lies.', 'sha256 text SHA-256 of the text signed, to be compared.']),
        sentinel.serve('POST', '/contracts/{contract_id}/void', 'sentinel.http_contract', 'Void a contract that is not signed.', 'revenue',
            body => ARRAY['reason text Why.']);
    PERFORM sentinel.serve('POST', '/clients', 'sentinel.http_client', 'Make the client of a deal, or give the one it has.', 'revenue', body => deal),
        sentinel.serve('GET', '/clients', 'sentinel.http_clients', 'List clients, the newest first.', 'revenue', answers => 'list',
            query => ARRAY['lead_id uuid Lead.', 'deal_id uuid Deal.', 'onboarding_status pending|in_progress|complete Onboarding.',
                           'delivery_phase system_design|crm_build|automation_build|handover|live|complete Phase of delivery.',
                           'renewal_from time Renewed at or after.', 'renewal_until time Renewed before.'] || paging),
        sentinel.serve('GET', '/clients/{client_id}', 'sentinel.http_client', 'Give a client and where its contract lies.', 'revenue'),
        sentinel.serve('PATCH', '/clients/{client_id}', 'sentinel.http_client', 'Change what is known of a client.', 'revenue',
            body => ARRAY['satisfaction_score number 0 to 100.', 'churn_risk_score number 0 to 100.', 'renewal_at time When the agreement is renewed.']),
        sentinel.serve('PATCH', '/clients/{client_id}/status', 'sentinel.http_client', 'Say that onboarding is complete, or take delivery into its next phase.',
            'revenue', body => ARRAY['onboarding_status complete Taken in.', 'delivery_phase text The next phase; null for whichever it is.']);
END
$$;
