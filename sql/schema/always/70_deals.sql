-- Room deals: templates, triggers, row rights, grants.

INSERT INTO sentinel.pipeline_templates (template, name, description) VALUES
    ('revenue', 'Revenue', 'Six stages; open ones in any order, lost deals reopen. The default.'),
    ('crm_v1', 'CRM classic', 'Discovery, proposal, negotiation in order; won and lost are final.'),
    ('crm_v2', 'CRM diagnostic', 'Diagnostic, proposal in order; won and lost are final.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.pipeline_template_stages (template, stage, label, position, kind, risk_role, probability) VALUES
    ('revenue', 'discover', 'Discovery', 1, 'open', 'discover', 0.10),
    ('revenue', 'qualify', 'Qualification', 2, 'open', 'other', 0.25),
    ('revenue', 'proposal', 'Proposal', 3, 'open', 'other', 0.50),
    ('revenue', 'negotiation', 'Negotiation', 4, 'open', 'negotiation', 0.75),
    ('revenue', 'closed_won', 'Closed Won', 5, 'won', 'other', 1),
    ('revenue', 'closed_lost', 'Closed Lost', 6, 'lost', 'other', 0),
    ('crm_v1', 'discovery', 'Discovery', 1, 'open', 'discover', 0.10),
    ('crm_v1', 'proposal', 'Proposal', 2, 'open', 'other', 0.40),
    ('crm_v1', 'negotiation', 'Negotiation', 3, 'open', 'negotiation', 0.70),
    ('crm_v1', 'won', 'Won', 4, 'won', 'other', 1),
    ('crm_v1', 'lost', 'Lost', 5, 'lost', 'other', 0),
    ('crm_v2', 'diagnostic', 'Diagnostic', 1, 'open', 'discover', 0.10),
    ('crm_v2', 'proposal', 'Proposal', 2, 'open', 'other', 0.50),
    ('crm_v2', 'won', 'Won', 3, 'won', 'other', 1),
    ('crm_v2', 'lost', 'Lost', 4, 'lost', 'other', 0)
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.pipeline_template_transitions (template, from_stage, to_stage)
SELECT 'revenue', f.stage, t.stage
FROM sentinel.pipeline_template_stages f JOIN sentinel.pipeline_template_stages t USING (template)
WHERE template = 'revenue' AND f.stage <> t.stage
  AND (f.kind = 'open' OR (f.kind = 'lost' AND t.stage = 'discover'))
ON CONFLICT DO NOTHING;
INSERT INTO sentinel.pipeline_template_transitions (template, from_stage, to_stage) VALUES
    ('crm_v1', 'discovery', 'proposal'), ('crm_v1', 'discovery', 'lost'),
    ('crm_v1', 'proposal', 'negotiation'), ('crm_v1', 'proposal', 'lost'),
    ('crm_v1', 'negotiation', 'won'), ('crm_v1', 'negotiation', 'lost'),
    ('crm_v2', 'diagnostic', 'proposal'), ('crm_v2', 'diagnostic', 'lost'),
    ('crm_v2', 'proposal', 'won'), ('crm_v2', 'proposal', 'lost')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.org_setup (position, function_name) VALUES (70, 'sentinel.setup_deals')
ON CONFLICT DO NOTHING;

-- Triggers. Those after a statement fire in the order of their names: deals_noted before the room risk's deals_signals.
DROP TRIGGER IF EXISTS deals_guard ON sentinel.deals;
CREATE TRIGGER deals_guard BEFORE INSERT OR UPDATE ON sentinel.deals
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_deal();
DROP TRIGGER IF EXISTS deals_rights ON sentinel.deals;
CREATE TRIGGER deals_rights BEFORE UPDATE OF owner_id, team_id ON sentinel.deals
    FOR EACH ROW WHEN (NEW.owner_id IS DISTINCT FROM OLD.owner_id OR NEW.team_id IS DISTINCT FROM OLD.team_id)
    EXECUTE FUNCTION sentinel.guard_deal_rights();
DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS deals_noted_new ON sentinel.deals;
        CREATE TRIGGER deals_noted_new AFTER INSERT ON sentinel.deals
            REFERENCING NEW TABLE AS new_deals FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_new_deals();
        DROP TRIGGER IF EXISTS deals_noted_changed ON sentinel.deals;
        CREATE TRIGGER deals_noted_changed AFTER UPDATE ON sentinel.deals
            REFERENCING OLD TABLE AS old_deals NEW TABLE AS new_deals
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_changed_deals();
        DROP TRIGGER IF EXISTS deals_noted_gone ON sentinel.deals;
        CREATE TRIGGER deals_noted_gone AFTER DELETE ON sentinel.deals
            REFERENCING OLD TABLE AS old_deals FOR EACH STATEMENT EXECUTE FUNCTION sentinel.note_gone_deals();
    END IF;
END
$$;
DROP TRIGGER IF EXISTS deals_no_truncate ON sentinel.deals;
CREATE TRIGGER deals_no_truncate BEFORE TRUNCATE ON sentinel.deals
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();

DROP TRIGGER IF EXISTS deal_history_append_only ON sentinel.deal_history;
CREATE TRIGGER deal_history_append_only BEFORE UPDATE OR DELETE ON sentinel.deal_history
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS deal_history_no_truncate ON sentinel.deal_history;
CREATE TRIGGER deal_history_no_truncate BEFORE TRUNCATE ON sentinel.deal_history
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS deal_timeline_append_only ON sentinel.deal_timeline;
CREATE TRIGGER deal_timeline_append_only BEFORE UPDATE OR DELETE ON sentinel.deal_timeline
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS deal_timeline_no_truncate ON sentinel.deal_timeline;
CREATE TRIGGER deal_timeline_no_truncate BEFORE TRUNCATE ON sentinel.deal_timeline
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();

DROP TRIGGER IF EXISTS activities_guard ON sentinel.activities;
CREATE TRIGGER activities_guard BEFORE INSERT ON sentinel.activities
    FOR EACH ROW EXECUTE FUNCTION sentinel.guard_activity();
DROP TRIGGER IF EXISTS activities_of_deals_append_only ON sentinel.activities;
CREATE TRIGGER activities_of_deals_append_only BEFORE DELETE ON sentinel.activities
    FOR EACH ROW WHEN (OLD.deal_id IS NOT NULL AND NOT OLD.payload @> '{"demo": true}')
    EXECUTE FUNCTION sentinel.refuse_change();
-- Only the lead may become another: that which it is merged into.
DROP TRIGGER IF EXISTS activities_of_deals_unchanged ON sentinel.activities;
CREATE TRIGGER activities_of_deals_unchanged BEFORE UPDATE ON sentinel.activities
    FOR EACH ROW WHEN (OLD.deal_id IS NOT NULL AND (to_jsonb(OLD) - 'lead_id') IS DISTINCT FROM (to_jsonb(NEW) - 'lead_id'))
    EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS activities_adopted ON sentinel.activities;
CREATE TRIGGER activities_adopted BEFORE UPDATE OF deal_id ON sentinel.activities
    FOR EACH ROW WHEN (OLD.deal_id IS NULL AND NEW.deal_id IS NOT NULL) EXECUTE FUNCTION sentinel.refuse_change();

-- Row rights. A deal of a team needs the right to edit in that team, even from its own creator.
DROP POLICY IF EXISTS deals_view ON sentinel.deals;
CREATE POLICY deals_view ON sentinel.deals FOR SELECT
    USING (org_id = sentinel.current_org() AND sentinel.may('view', team_id, owner_id));
DROP POLICY IF EXISTS deals_add ON sentinel.deals;
CREATE POLICY deals_add ON sentinel.deals FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may('edit', team_id, owner_id)
                AND (team_id IS NULL OR sentinel.may('edit', team_id, NULL))
                AND (owner_id IS NULL OR sentinel.current_member() IS NULL OR sentinel.is_assignee(owner_id, team_id)));
DROP POLICY IF EXISTS deals_edit ON sentinel.deals;
CREATE POLICY deals_edit ON sentinel.deals FOR UPDATE
    USING (org_id = sentinel.current_org() AND sentinel.may('edit', team_id, owner_id))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may('edit', team_id, owner_id));
DROP POLICY IF EXISTS deals_remove ON sentinel.deals;
CREATE POLICY deals_remove ON sentinel.deals FOR DELETE
    USING (org_id = sentinel.current_org() AND sentinel.may('edit', team_id, owner_id));

-- Whoever enters as a member sees the past of the deals that the member sees.
DROP POLICY IF EXISTS deal_history_view ON sentinel.deal_history;
CREATE POLICY deal_history_view ON sentinel.deal_history FOR SELECT
    USING (org_id = sentinel.current_org()
           AND (sentinel.current_member() IS NULL
                OR sentinel.may_deal('view', deal_id)));
DROP POLICY IF EXISTS deal_timeline_view ON sentinel.deal_timeline;
CREATE POLICY deal_timeline_view ON sentinel.deal_timeline FOR SELECT
    USING (org_id = sentinel.current_org()
           AND (sentinel.current_member() IS NULL
                OR sentinel.may_deal('view', deal_id)));

-- Activities of a deal follow the deal; those of a lead alone follow the lead (61_lifecycle.sql).
DROP POLICY IF EXISTS tenant_isolation ON sentinel.activities;
CREATE POLICY tenant_isolation ON sentinel.activities
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS activities_of_deals_view ON sentinel.activities;
CREATE POLICY activities_of_deals_view ON sentinel.activities AS RESTRICTIVE FOR SELECT
    USING (deal_id IS NULL OR sentinel.current_member() IS NULL
           OR sentinel.may_deal('view', deal_id));
DROP POLICY IF EXISTS activities_of_deals_add ON sentinel.activities;
CREATE POLICY activities_of_deals_add ON sentinel.activities AS RESTRICTIVE FOR INSERT
    WITH CHECK (deal_id IS NULL OR sentinel.current_member() IS NULL
                OR sentinel.may_deal('edit', deal_id));

GRANT SELECT ON sentinel.pipeline_templates, sentinel.pipeline_template_stages, sentinel.pipeline_template_transitions,
    sentinel.pipelines, sentinel.pipeline_stages, sentinel.stage_transitions, sentinel.deals, sentinel.deal_history,
    sentinel.deal_timeline TO sentinel_reader, sentinel_member;
GRANT INSERT, UPDATE, DELETE ON sentinel.deals TO sentinel_member;
