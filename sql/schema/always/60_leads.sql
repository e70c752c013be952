-- Room leads: triggers, policies, job types, and what the roles may do.

DROP TRIGGER IF EXISTS leads_prepare ON sentinel.leads;
CREATE TRIGGER leads_prepare BEFORE INSERT OR UPDATE ON sentinel.leads
    FOR EACH ROW EXECUTE FUNCTION sentinel.prepare_lead();
DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS leads_announce ON sentinel.leads;
        CREATE TRIGGER leads_announce AFTER INSERT ON sentinel.leads
            REFERENCING NEW TABLE AS new_leads FOR EACH STATEMENT EXECUTE FUNCTION sentinel.announce_leads();
    END IF;
END
$$;

DROP POLICY IF EXISTS tenant_isolation ON sentinel.leads;
CREATE POLICY tenant_isolation ON sentinel.leads
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS lead_view ON sentinel.leads;
CREATE POLICY lead_view ON sentinel.leads AS RESTRICTIVE FOR SELECT
    USING (team_id IS NULL AND owner_id IS NULL OR sentinel.may('view', team_id, owner_id));
DROP POLICY IF EXISTS lead_add ON sentinel.leads;
CREATE POLICY lead_add ON sentinel.leads AS RESTRICTIVE FOR INSERT
    WITH CHECK (sentinel.may_edit_lead(team_id, owner_id));
DROP POLICY IF EXISTS lead_edit ON sentinel.leads;
CREATE POLICY lead_edit ON sentinel.leads AS RESTRICTIVE FOR UPDATE
    USING (sentinel.may_edit_lead(team_id, owner_id)) WITH CHECK (sentinel.may_edit_lead(team_id, owner_id));
DROP POLICY IF EXISTS lead_delete ON sentinel.leads;
CREATE POLICY lead_delete ON sentinel.leads AS RESTRICTIVE FOR DELETE
    USING (sentinel.may_edit_lead(team_id, owner_id));

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay, time_limit, description)
VALUES ('process_intake', 'sql', 'sentinel.handle_process_intake', 'default', 5, 3, '5 seconds', '1 hour', '30 seconds',
        'Make a lead of an intake row, or find the lead that it duplicates.'),
       ('fail_intake', 'sql', 'sentinel.handle_fail_intake', 'default', 5, 3, '5 seconds', '1 hour', '30 seconds',
        'Mark the intake row of a dead process_intake job as failed.')
ON CONFLICT DO NOTHING;
INSERT INTO sentinel.default_event_routes (event_type, job_type, description)
VALUES ('job.dead', 'fail_intake', 'An intake row whose job is dead must show it, and must not block a new try as a duplicate.')
ON CONFLICT DO NOTHING;

GRANT SELECT ON sentinel.leads, sentinel.activities TO sentinel_reader, sentinel_member;
GRANT INSERT, UPDATE, DELETE ON sentinel.leads TO sentinel_member;
GRANT INSERT ON sentinel.activities TO sentinel_member;
