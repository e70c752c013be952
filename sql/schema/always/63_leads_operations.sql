-- Room leads, operations: what goes with a lead, row rights, grants. Members write these tables through functions only, which
-- run as the owner of the tables and under the rights of the member entered.

DROP TRIGGER IF EXISTS leads_forgotten ON sentinel.leads;
CREATE TRIGGER leads_forgotten AFTER DELETE ON sentinel.leads
    FOR EACH ROW EXECUTE FUNCTION sentinel.forget_lead();

-- A note is seen by those who see what it is about, and changed by who wrote it, an owner or an admin.
DROP POLICY IF EXISTS notes_view ON sentinel.notes;
CREATE POLICY notes_view ON sentinel.notes FOR SELECT
    USING (org_id = sentinel.current_org()
           AND (sentinel.current_member() IS NULL OR sentinel.may_subject('view', subject_type, subject_id)));
DROP POLICY IF EXISTS notes_add ON sentinel.notes;
CREATE POLICY notes_add ON sentinel.notes FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND member_id IS NOT DISTINCT FROM sentinel.current_member()
                AND (sentinel.current_member() IS NULL OR sentinel.may_subject('edit', subject_type, subject_id)));
DROP POLICY IF EXISTS notes_edit ON sentinel.notes;
CREATE POLICY notes_edit ON sentinel.notes FOR UPDATE
    USING (org_id = sentinel.current_org() AND sentinel.may('edit', NULL, member_id))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may('edit', NULL, member_id));
DROP POLICY IF EXISTS notes_remove ON sentinel.notes;
CREATE POLICY notes_remove ON sentinel.notes FOR DELETE
    USING (org_id = sentinel.current_org() AND sentinel.may('edit', NULL, member_id));

DROP POLICY IF EXISTS tenant_isolation ON sentinel.lead_tags;
CREATE POLICY tenant_isolation ON sentinel.lead_tags
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS lead_tags_view ON sentinel.lead_tags;
CREATE POLICY lead_tags_view ON sentinel.lead_tags AS RESTRICTIVE FOR SELECT
    USING (sentinel.current_member() IS NULL OR sentinel.may_lead('view', lead_id));
DROP POLICY IF EXISTS tenant_isolation ON sentinel.deal_tags;
CREATE POLICY tenant_isolation ON sentinel.deal_tags
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS deal_tags_view ON sentinel.deal_tags;
CREATE POLICY deal_tags_view ON sentinel.deal_tags AS RESTRICTIVE FOR SELECT
    USING (sentinel.current_member() IS NULL OR sentinel.may_deal('view', deal_id));

DROP POLICY IF EXISTS saved_views_view ON sentinel.saved_views;
CREATE POLICY saved_views_view ON sentinel.saved_views FOR SELECT
    USING (org_id = sentinel.current_org() AND (shared OR sentinel.may('view', NULL, member_id)));
DROP POLICY IF EXISTS saved_views_add ON sentinel.saved_views;
CREATE POLICY saved_views_add ON sentinel.saved_views FOR INSERT
    WITH CHECK (org_id = sentinel.current_org() AND member_id IS NOT DISTINCT FROM sentinel.current_member());
DROP POLICY IF EXISTS saved_views_edit ON sentinel.saved_views;
CREATE POLICY saved_views_edit ON sentinel.saved_views FOR UPDATE
    USING (org_id = sentinel.current_org() AND sentinel.may('edit', NULL, member_id))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may('edit', NULL, member_id));
DROP POLICY IF EXISTS saved_views_remove ON sentinel.saved_views;
CREATE POLICY saved_views_remove ON sentinel.saved_views FOR DELETE
    USING (org_id = sentinel.current_org() AND sentinel.may('edit', NULL, member_id));

GRANT SELECT ON sentinel.notes, sentinel.tags, sentinel.lead_tags, sentinel.deal_tags, sentinel.saved_views
    TO sentinel_reader, sentinel_member;
