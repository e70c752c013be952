-- Room insight: triggers, row rights, grants.

DROP TRIGGER IF EXISTS win_models_append_only ON sentinel.win_models;
CREATE TRIGGER win_models_append_only BEFORE UPDATE OR DELETE ON sentinel.win_models
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS win_models_no_truncate ON sentinel.win_models;
CREATE TRIGGER win_models_no_truncate BEFORE TRUNCATE ON sentinel.win_models
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();

DROP POLICY IF EXISTS tenant_isolation ON sentinel.win_models;
CREATE POLICY tenant_isolation ON sentinel.win_models
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());

GRANT SELECT ON sentinel.win_models TO sentinel_reader, sentinel_member;
