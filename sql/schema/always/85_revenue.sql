-- Room revenue: defaults, triggers, row rights, grants.

INSERT INTO sentinel.revenue_defaults (setting, value, minimum, maximum, description) VALUES
    ('buying_signal_threshold', 75, 1, 100, 'Buying signal score of a lead, 0 to 100, from which it is escalated.'),
    ('buying_signal_weight', 0.3, 0, 1, 'Part of the score of a call that is added to its lead.'),
    ('ghost_signal_floor', 50, 0, 100, 'Buying signal score above which silence counts as ghosting.'),
    ('ghost_silence_days', 7, 1, 365, 'Days of silence that are tolerated.'),
    ('ghost_rise', 10, 0, 100, 'Points that ghost risk rises a day of silence.'),
    ('ghost_fall', 15, 0, 100, 'Points that it falls a day after the lead was heard of.'),
    ('deal_decay_days', 14, 1, 365, 'Days in one stage after which a deal is stalled.'),
    ('deal_nudge_days', 7, 1, 365, 'Days until a deal that is still stalled is nudged again.'),
    ('stale_lead_days', 30, 1, 3650, 'Days without contact after which a lead is stale.'),
    ('stale_follow_up_days', 3, 0, 365, 'Days in which a stale lead is to be followed up.'),
    ('invoice_due_days', 30, 0, 365, 'Days in which an invoice is to be paid.'),
    ('renewal_days', 90, 1, 3650, 'Days from the start of onboarding to renewal.'),
    ('renewal_window_days', 30, 1, 365, 'Days before a renewal in which it is reminded of.'),
    ('testimonial_days', 30, 0, 3650, 'Days from the start of onboarding to the request for a testimonial.'),
    ('referral_days', 60, 0, 3650, 'Days from the start of onboarding to the request for a referral.'),
    ('upsell_days', 90, 0, 3650, 'Days from the start of onboarding until more may be offered.'),
    ('client_stuck_hours', 48, 1, 8760, 'Hours after which a client who is still pending is a breach of integrity.'),
    ('integrity_grace_minutes', 10, 0, 1440, 'Minutes that jobs have before what they have not done yet is a breach.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.org_setup (position, function_name) VALUES (85, 'sentinel.setup_revenue')
ON CONFLICT DO NOTHING;

-- Triggers before a row fire in the order of their names: the guard fills the time of the state, then the table settles.
DROP TRIGGER IF EXISTS calls_guard_new ON sentinel.calls;
CREATE TRIGGER calls_guard_new BEFORE INSERT ON sentinel.calls
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_state('call', 'status', 'status_changed_at');
DROP TRIGGER IF EXISTS calls_guard_move ON sentinel.calls;
CREATE TRIGGER calls_guard_move BEFORE UPDATE ON sentinel.calls
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION sentinel.guard_state('call', 'status', 'status_changed_at');
DROP TRIGGER IF EXISTS calls_settle ON sentinel.calls;
CREATE TRIGGER calls_settle BEFORE INSERT OR UPDATE ON sentinel.calls
    FOR EACH ROW EXECUTE FUNCTION sentinel.settle_call();

DROP TRIGGER IF EXISTS invoices_guard_new ON sentinel.invoices;
CREATE TRIGGER invoices_guard_new BEFORE INSERT ON sentinel.invoices
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_state('invoice', 'status', 'status_changed_at');
DROP TRIGGER IF EXISTS invoices_guard_move ON sentinel.invoices;
CREATE TRIGGER invoices_guard_move BEFORE UPDATE ON sentinel.invoices
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION sentinel.guard_state('invoice', 'status', 'status_changed_at');
DROP TRIGGER IF EXISTS invoices_settle ON sentinel.invoices;
CREATE TRIGGER invoices_settle BEFORE INSERT OR UPDATE ON sentinel.invoices
    FOR EACH ROW EXECUTE FUNCTION sentinel.settle_invoice();

DROP TRIGGER IF EXISTS contracts_guard_new ON sentinel.contracts;
CREATE TRIGGER contracts_guard_new BEFORE INSERT ON sentinel.contracts
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_state('contract', 'status', 'status_changed_at');
DROP TRIGGER IF EXISTS contracts_guard_move ON sentinel.contracts;
CREATE TRIGGER contracts_guard_move BEFORE UPDATE ON sentinel.contracts
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION sentinel.guard_state('contract', 'status', 'status_changed_at');
DROP TRIGGER IF EXISTS contracts_settle ON sentinel.contracts;
CREATE TRIGGER contracts_settle BEFORE INSERT OR UPDATE ON sentinel.contracts
    FOR EACH ROW EXECUTE FUNCTION sentinel.settle_contract();

DROP TRIGGER IF EXISTS clients_guard_onboarding_new ON sentinel.clients;
CREATE TRIGGER clients_guard_onboarding_new BEFORE INSERT ON sentinel.clients
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_state('client_onboarding', 'onboarding_status', 'onboarding_changed_at');
DROP TRIGGER IF EXISTS clients_guard_onboarding ON sentinel.clients;
CREATE TRIGGER clients_guard_onboarding BEFORE UPDATE ON sentinel.clients
    FOR EACH ROW WHEN (OLD.onboarding_status IS DISTINCT FROM NEW.onboarding_status)
    EXECUTE FUNCTION sentinel.guard_state('client_onboarding', 'onboarding_status', 'onboarding_changed_at');
DROP TRIGGER IF EXISTS clients_guard_delivery_new ON sentinel.clients;
CREATE TRIGGER clients_guard_delivery_new BEFORE INSERT ON sentinel.clients
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_state('client_delivery', 'delivery_phase', 'delivery_changed_at');
DROP TRIGGER IF EXISTS clients_guard_delivery ON sentinel.clients;
CREATE TRIGGER clients_guard_delivery BEFORE UPDATE ON sentinel.clients
    FOR EACH ROW WHEN (OLD.delivery_phase IS DISTINCT FROM NEW.delivery_phase)
    EXECUTE FUNCTION sentinel.guard_state('client_delivery', 'delivery_phase', 'delivery_changed_at');
DROP TRIGGER IF EXISTS clients_settle ON sentinel.clients;
CREATE TRIGGER clients_settle BEFORE UPDATE ON sentinel.clients
    FOR EACH ROW EXECUTE FUNCTION sentinel.settle_client();

DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS calls_states_new ON sentinel.calls;
        CREATE TRIGGER calls_states_new AFTER INSERT ON sentinel.calls REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('call', 'status', 'status_changed_at');
        DROP TRIGGER IF EXISTS calls_states_changed ON sentinel.calls;
        CREATE TRIGGER calls_states_changed AFTER UPDATE ON sentinel.calls REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('call', 'status', 'status_changed_at');
        DROP TRIGGER IF EXISTS invoices_states_new ON sentinel.invoices;
        CREATE TRIGGER invoices_states_new AFTER INSERT ON sentinel.invoices REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('invoice', 'status', 'status_changed_at');
        DROP TRIGGER IF EXISTS invoices_states_changed ON sentinel.invoices;
        CREATE TRIGGER invoices_states_changed AFTER UPDATE ON sentinel.invoices REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('invoice', 'status', 'status_changed_at');
        DROP TRIGGER IF EXISTS contracts_states_new ON sentinel.contracts;
        CREATE TRIGGER contracts_states_new AFTER INSERT ON sentinel.contracts REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('contract', 'status', 'status_changed_at');
        DROP TRIGGER IF EXISTS contracts_states_changed ON sentinel.contracts;
        CREATE TRIGGER contracts_states_changed AFTER UPDATE ON sentinel.contracts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('contract', 'status', 'status_changed_at');
        DROP TRIGGER IF EXISTS clients_onboarding_new ON sentinel.clients;
        CREATE TRIGGER clients_onboarding_new AFTER INSERT ON sentinel.clients REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('client_onboarding', 'onboarding_status', 'onboarding_changed_at');
        DROP TRIGGER IF EXISTS clients_onboarding_changed ON sentinel.clients;
        CREATE TRIGGER clients_onboarding_changed AFTER UPDATE ON sentinel.clients REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('client_onboarding', 'onboarding_status', 'onboarding_changed_at');
        DROP TRIGGER IF EXISTS clients_delivery_new ON sentinel.clients;
        CREATE TRIGGER clients_delivery_new AFTER INSERT ON sentinel.clients REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('client_delivery', 'delivery_phase', 'delivery_changed_at');
        DROP TRIGGER IF EXISTS clients_delivery_changed ON sentinel.clients;
        CREATE TRIGGER clients_delivery_changed AFTER UPDATE ON sentinel.clients REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_states('client_delivery', 'delivery_phase', 'delivery_changed_at');
    END IF;
END
$$;

-- Row rights. A call follows its deal, or without one its lead; invoices, contracts and clients follow their deal. Nobody
-- deletes them. Members write through functions, jobs without a member.
DROP POLICY IF EXISTS calls_view ON sentinel.calls;
CREATE POLICY calls_view ON sentinel.calls FOR SELECT
    USING (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL
           OR sentinel.may_subject('view', CASE WHEN deal_id IS NULL THEN 'lead' ELSE 'deal' END, coalesce(deal_id, lead_id))));
DROP POLICY IF EXISTS calls_add ON sentinel.calls;
CREATE POLICY calls_add ON sentinel.calls FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL
                OR sentinel.may_subject('edit', CASE WHEN deal_id IS NULL THEN 'lead' ELSE 'deal' END, coalesce(deal_id, lead_id))));
DROP POLICY IF EXISTS calls_edit ON sentinel.calls;
CREATE POLICY calls_edit ON sentinel.calls FOR UPDATE
    USING (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL
           OR sentinel.may_subject('edit', CASE WHEN deal_id IS NULL THEN 'lead' ELSE 'deal' END, coalesce(deal_id, lead_id))))
    WITH CHECK (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL
                OR sentinel.may_subject('edit', CASE WHEN deal_id IS NULL THEN 'lead' ELSE 'deal' END, coalesce(deal_id, lead_id))));

DROP POLICY IF EXISTS invoices_view ON sentinel.invoices;
CREATE POLICY invoices_view ON sentinel.invoices FOR SELECT
    USING (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL OR sentinel.may_deal('view', deal_id)));
DROP POLICY IF EXISTS invoices_add ON sentinel.invoices;
CREATE POLICY invoices_add ON sentinel.invoices FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id));
DROP POLICY IF EXISTS invoices_edit ON sentinel.invoices;
CREATE POLICY invoices_edit ON sentinel.invoices FOR UPDATE
    USING (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id));

DROP POLICY IF EXISTS contracts_view ON sentinel.contracts;
CREATE POLICY contracts_view ON sentinel.contracts FOR SELECT
    USING (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL OR sentinel.may_deal('view', deal_id)));
DROP POLICY IF EXISTS contracts_add ON sentinel.contracts;
CREATE POLICY contracts_add ON sentinel.contracts FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id));
DROP POLICY IF EXISTS contracts_edit ON sentinel.contracts;
CREATE POLICY contracts_edit ON sentinel.contracts FOR UPDATE
    USING (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id));

DROP POLICY IF EXISTS clients_view ON sentinel.clients;
CREATE POLICY clients_view ON sentinel.clients FOR SELECT
    USING (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL OR sentinel.may_deal('view', deal_id)));
DROP POLICY IF EXISTS clients_add ON sentinel.clients;
CREATE POLICY clients_add ON sentinel.clients FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id));
DROP POLICY IF EXISTS clients_edit ON sentinel.clients;
CREATE POLICY clients_edit ON sentinel.clients FOR UPDATE
    USING (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_deal('edit', deal_id));

DROP POLICY IF EXISTS tasks_view ON sentinel.tasks;
CREATE POLICY tasks_view ON sentinel.tasks FOR SELECT
    USING (org_id = sentinel.current_org() AND sentinel.may_task('view', subject_type, subject_id, member_id));
DROP POLICY IF EXISTS tasks_add ON sentinel.tasks;
CREATE POLICY tasks_add ON sentinel.tasks FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_task('edit', subject_type, subject_id, member_id));
DROP POLICY IF EXISTS tasks_edit ON sentinel.tasks;
CREATE POLICY tasks_edit ON sentinel.tasks FOR UPDATE
    USING (org_id = sentinel.current_org() AND sentinel.may_task('edit', subject_type, subject_id, member_id))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may_task('edit', subject_type, subject_id, member_id));
DROP POLICY IF EXISTS tasks_remove ON sentinel.tasks;
CREATE POLICY tasks_remove ON sentinel.tasks FOR DELETE
    USING (org_id = sentinel.current_org() AND sentinel.may_task('edit', subject_type, subject_id, member_id));

-- May view what is of no team and nobody: owners and admins, and who enters without a member.
DROP POLICY IF EXISTS weekly_reports_all ON sentinel.weekly_reports;
CREATE POLICY weekly_reports_all ON sentinel.weekly_reports
    USING (org_id = sentinel.current_org() AND sentinel.may('view', NULL, NULL))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may('view', NULL, NULL));

DROP POLICY IF EXISTS lead_merges_view ON sentinel.lead_merges;
CREATE POLICY lead_merges_view ON sentinel.lead_merges FOR SELECT
    USING (org_id = sentinel.current_org() AND (sentinel.current_member() IS NULL OR sentinel.may_lead('view', master_id)));

DROP POLICY IF EXISTS state_history_revenue_view ON sentinel.state_history;
CREATE POLICY state_history_revenue_view ON sentinel.state_history FOR SELECT
    USING (org_id = sentinel.current_org() AND machine <> 'lead'
           AND sentinel.may_subject('view', split_part(machine, '_', 1), subject_id));

-- Events tell of leads and deals by name, address and value: they are read by those who may see what they tell of, by who
-- caused them and by whom they were told to or whose the thing was then. The feed of a login of the whole organisation is whole.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.events;
CREATE POLICY tenant_isolation ON sentinel.events
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS events_view ON sentinel.events;
CREATE POLICY events_view ON sentinel.events AS RESTRICTIVE FOR SELECT
    USING (sentinel.current_member() IS NULL OR member_id = sentinel.current_member()
           OR sentinel.may_event(subject_type, subject_id,
                                 CASE subject_type WHEN 'notification' THEN payload ->> 'member_id' ELSE payload ->> 'owner_id' END));

GRANT SELECT ON sentinel.revenue_defaults, sentinel.revenue_settings, sentinel.calls, sentinel.clients, sentinel.invoices,
    sentinel.document_templates, sentinel.document_settings, sentinel.contracts, sentinel.tasks, sentinel.weekly_reports, sentinel.lead_merges
    TO sentinel_reader, sentinel_member;
GRANT INSERT, UPDATE, DELETE ON sentinel.tasks TO sentinel_member;
