-- Room tenancy, teams: row rights. Invites are read through list_invites() only.

-- A team, and who is in it, is seen by its members and by owners and admins of the organisation.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.teams;
CREATE POLICY tenant_isolation ON sentinel.teams
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS teams_view ON sentinel.teams;
CREATE POLICY teams_view ON sentinel.teams AS RESTRICTIVE FOR SELECT
    USING (sentinel.current_member() IS NULL OR sentinel.may('view', id, NULL));
DROP POLICY IF EXISTS tenant_isolation ON sentinel.team_members;
CREATE POLICY tenant_isolation ON sentinel.team_members
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS team_members_view ON sentinel.team_members;
CREATE POLICY team_members_view ON sentinel.team_members AS RESTRICTIVE FOR SELECT
    USING (sentinel.current_member() IS NULL OR member_id = sentinel.current_member() OR sentinel.may('view', team_id, NULL));
