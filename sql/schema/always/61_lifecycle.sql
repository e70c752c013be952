-- Room lifecycle: the machines, the triggers that hold leads to theirs, row rights, grants. Machines of other rooms' tables
-- stand here too; their triggers stand with the tables.

INSERT INTO sentinel.lifecycle_machines (machine, subject, noun, field, payload_columns, moved_event, description) VALUES
    ('lead', 'lead', 'a lead', 'stage', '{owner_id}', 'lead.stage_changed', 'From the first word to won or lost, and back again.'),
    ('call', 'call', 'a call', 'status', '{lead_id,deal_id,scheduled_at}', NULL, 'Whether a call that was booked took place.'),
    ('invoice', 'invoice', 'an invoice', 'status', '{deal_id,client_id,number,amount,currency,due_at}', NULL, 'From a draft to the money.'),
    ('contract', 'contract', 'a contract', 'status', '{deal_id,template_id,sha256,url}', NULL, 'From a draft to the signature.'),
    ('client_onboarding', 'client', 'the onboarding of a client', 'onboarding_status', '{deal_id,lead_id,renewal_at}', NULL,
     'How far a new client has been taken in.'),
    ('client_delivery', 'client', 'the delivery to a client', 'delivery_phase', '{deal_id,lead_id,renewal_at}',
     'client.delivery_advanced', 'What was sold is delivered phase by phase.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.lifecycle_states (machine, state, position, kind, may_begin, entered_event, label) VALUES
    ('lead', 'new_lead', 1, 'open', true, NULL, 'New lead'),
    ('lead', 'contacted', 2, 'open', false, NULL, 'Contacted'),
    ('lead', 'qualified', 3, 'open', false, NULL, 'Qualified'),
    ('lead', 'proposal', 4, 'open', false, NULL, 'Proposal'),
    ('lead', 'negotiation', 5, 'open', false, NULL, 'Negotiation'),
    ('lead', 'won', 6, 'good', false, NULL, 'Won'),
    ('lead', 'lost', 7, 'bad', false, NULL, 'Lost'),
    ('call', 'booked', 1, 'open', true, 'call.booked', 'Booked'),
    ('call', 'completed', 2, 'good', false, 'call.completed', 'Completed'),
    ('call', 'no_show', 3, 'bad', false, 'call.no_show', 'No-show'),
    ('call', 'cancelled', 4, 'final', false, 'call.cancelled', 'Cancelled'),
    ('invoice', 'draft', 1, 'open', true, 'invoice.created', 'Draft'),
    ('invoice', 'sent', 2, 'open', false, 'invoice.sent', 'Sent'),
    ('invoice', 'overdue', 3, 'open', false, 'invoice.overdue', 'Overdue'),
    ('invoice', 'paid', 4, 'good', false, 'invoice.paid', 'Paid'),
    ('invoice', 'cancelled', 5, 'final', false, 'invoice.cancelled', 'Cancelled'),
    ('contract', 'draft', 1, 'open', true, 'contract.created', 'Draft'),
    ('contract', 'sent', 2, 'open', false, 'contract.sent', 'Sent'),
    ('contract', 'signed', 3, 'good', false, 'contract.signed', 'Signed'),
    ('contract', 'void', 4, 'final', false, 'contract.voided', 'Void'),
    ('client_onboarding', 'pending', 1, 'open', true, 'client.created', 'Pending'),
    ('client_onboarding', 'in_progress', 2, 'open', false, 'client.onboarding_started', 'In progress'),
    ('client_onboarding', 'complete', 3, 'good', false, 'client.onboarding_complete', 'Complete'),
    ('client_delivery', 'system_design', 1, 'open', true, NULL, 'System design'),
    ('client_delivery', 'crm_build', 2, 'open', false, NULL, 'CRM build'),
    ('client_delivery', 'automation_build', 3, 'open', false, NULL, 'Automation build'),
    ('client_delivery', 'handover', 4, 'open', false, NULL, 'Handover'),
    ('client_delivery', 'live', 5, 'open', false, NULL, 'Live'),
    ('client_delivery', 'complete', 6, 'good', false, 'client.delivery_complete', 'Complete')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.lifecycle_transitions (machine, from_state, to_state, moved_event) VALUES
    ('lead', 'new_lead', 'contacted', NULL), ('lead', 'new_lead', 'qualified', NULL), ('lead', 'new_lead', 'proposal', NULL),
    ('lead', 'new_lead', 'negotiation', NULL), ('lead', 'new_lead', 'won', NULL), ('lead', 'new_lead', 'lost', NULL),
    ('lead', 'contacted', 'qualified', NULL), ('lead', 'contacted', 'proposal', NULL), ('lead', 'contacted', 'negotiation', NULL),
    ('lead', 'contacted', 'won', NULL), ('lead', 'contacted', 'lost', NULL),
    ('lead', 'qualified', 'contacted', NULL), ('lead', 'qualified', 'proposal', NULL), ('lead', 'qualified', 'negotiation', NULL),
    ('lead', 'qualified', 'won', NULL), ('lead', 'qualified', 'lost', NULL),
    ('lead', 'proposal', 'qualified', NULL), ('lead', 'proposal', 'negotiation', NULL),
    ('lead', 'proposal', 'won', NULL), ('lead', 'proposal', 'lost', NULL),
    ('lead', 'negotiation', 'proposal', NULL), ('lead', 'negotiation', 'won', NULL), ('lead', 'negotiation', 'lost', NULL),
    ('lead', 'won', 'contacted', 'lead.reactivated'), ('lead', 'won', 'qualified', 'lead.reactivated'),
    ('lead', 'lost', 'contacted', 'lead.reactivated'), ('lead', 'lost', 'qualified', 'lead.reactivated'),
    ('call', 'booked', 'completed', NULL), ('call', 'booked', 'no_show', NULL), ('call', 'booked', 'cancelled', NULL),
    ('call', 'no_show', 'booked', NULL),
    ('invoice', 'draft', 'sent', NULL), ('invoice', 'draft', 'paid', NULL), ('invoice', 'draft', 'cancelled', NULL),
    ('invoice', 'sent', 'paid', NULL), ('invoice', 'sent', 'overdue', NULL), ('invoice', 'sent', 'cancelled', NULL),
    ('invoice', 'overdue', 'paid', NULL), ('invoice', 'overdue', 'cancelled', NULL),
    ('contract', 'draft', 'sent', NULL), ('contract', 'draft', 'signed', NULL), ('contract', 'draft', 'void', NULL),
    ('contract', 'sent', 'signed', NULL), ('contract', 'sent', 'void', NULL),
    ('client_onboarding', 'pending', 'in_progress', NULL), ('client_onboarding', 'in_progress', 'complete', NULL),
    ('client_delivery', 'system_design', 'crm_build', NULL), ('client_delivery', 'crm_build', 'automation_build', NULL),
    ('client_delivery', 'automation_build', 'handover', NULL), ('client_delivery', 'handover', 'live', NULL),
    ('client_delivery', 'live', 'complete', NULL)
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.lead_stage_actions (stage, next_action, due_days, due_by_platform, counts_as_contact) VALUES
    ('new_lead', 'contact', 1, false, false),
    ('contacted', 'follow_up', NULL, true, true),
    ('qualified', 'schedule_call', 2, false, true),
    ('proposal', 'send_proposal', 3, false, true),
    ('negotiation', 'follow_up', 1, false, true),
    ('won', 'no_action', NULL, false, false),
    ('lost', 'no_action', NULL, false, false)
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.lead_follow_up_days (platform, days) VALUES
    ('instagram', 2), ('twitter', 2), ('linkedin', 4), ('cold_email', 3), ('phone', 1), ('other', 3)
ON CONFLICT DO NOTHING;

-- Triggers before a row fire in the order of their names: the guard, leads_prepare of the room leads, what the stage brings.
DROP TRIGGER IF EXISTS leads_guard_new ON sentinel.leads;
CREATE TRIGGER leads_guard_new BEFORE INSERT ON sentinel.leads
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_state('lead', 'lifecycle_stage', 'last_state_change');
DROP TRIGGER IF EXISTS leads_guard_move ON sentinel.leads;
CREATE TRIGGER leads_guard_move BEFORE UPDATE ON sentinel.leads
    FOR EACH ROW WHEN (OLD.lifecycle_stage IS DISTINCT FROM NEW.lifecycle_stage)
    EXECUTE FUNCTION sentinel.guard_state('lead', 'lifecycle_stage');
DROP TRIGGER IF EXISTS leads_stage_follow ON sentinel.leads;
CREATE TRIGGER leads_stage_follow BEFORE UPDATE ON sentinel.leads
    FOR EACH ROW WHEN (OLD.lifecycle_stage IS DISTINCT FROM NEW.lifecycle_stage)
    EXECUTE FUNCTION sentinel.follow_lead_stage();
DROP TRIGGER IF EXISTS leads_time ON sentinel.leads;
CREATE TRIGGER leads_time BEFORE UPDATE ON sentinel.leads
    FOR EACH ROW WHEN (OLD.last_state_change IS DISTINCT FROM NEW.last_state_change)
    EXECUTE FUNCTION sentinel.guard_lead_time();
DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS leads_states_new ON sentinel.leads;
        CREATE TRIGGER leads_states_new AFTER INSERT ON sentinel.leads REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('lead', 'lifecycle_stage', 'last_state_change');
        DROP TRIGGER IF EXISTS leads_states_changed ON sentinel.leads;
        CREATE TRIGGER leads_states_changed AFTER UPDATE ON sentinel.leads REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('lead', 'lifecycle_stage', 'last_state_change');
        DROP TRIGGER IF EXISTS leads_states_gone ON sentinel.leads;
        CREATE TRIGGER leads_states_gone AFTER DELETE ON sentinel.leads REFERENCING OLD TABLE AS old_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.close_states('lead');
    END IF;
END
$$;

DROP TRIGGER IF EXISTS state_history_kept ON sentinel.state_history;
CREATE TRIGGER state_history_kept BEFORE DELETE ON sentinel.state_history
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS state_history_no_truncate ON sentinel.state_history;
CREATE TRIGGER state_history_no_truncate BEFORE TRUNCATE ON sentinel.state_history
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();

-- A member sees the past of the leads that the member sees; rooms below add what follows deals.
DROP POLICY IF EXISTS state_history_view ON sentinel.state_history;
CREATE POLICY state_history_view ON sentinel.state_history FOR SELECT
    USING (org_id = sentinel.current_org()
           AND (sentinel.current_member() IS NULL OR machine = 'lead' AND sentinel.may_lead('view', subject_id)));

-- What happened with a lead alone is seen and written down by those who may see and change the lead.
DROP POLICY IF EXISTS activities_of_leads_view ON sentinel.activities;
CREATE POLICY activities_of_leads_view ON sentinel.activities AS RESTRICTIVE FOR SELECT
    USING (deal_id IS NOT NULL OR sentinel.current_member() IS NULL OR sentinel.may_lead('view', lead_id));
DROP POLICY IF EXISTS activities_of_leads_add ON sentinel.activities;
CREATE POLICY activities_of_leads_add ON sentinel.activities AS RESTRICTIVE FOR INSERT
    WITH CHECK (deal_id IS NOT NULL OR sentinel.current_member() IS NULL OR sentinel.may_lead('edit', lead_id));

-- What came in and became a lead is seen by those who see the lead; duplicates are looked for by functions that see all.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.intake_raw;
CREATE POLICY tenant_isolation ON sentinel.intake_raw
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS intake_of_leads_view ON sentinel.intake_raw;
CREATE POLICY intake_of_leads_view ON sentinel.intake_raw AS RESTRICTIVE FOR SELECT
    USING (lead_id IS NULL OR sentinel.current_member() IS NULL OR sentinel.may('assign', NULL, NULL)
           OR coalesce(sentinel.may_lead('view', lead_id), false));

GRANT SELECT ON sentinel.lifecycle_machines, sentinel.lifecycle_states, sentinel.lifecycle_transitions,
    sentinel.lead_stage_actions, sentinel.lead_follow_up_days, sentinel.state_history TO sentinel_reader, sentinel_member;
