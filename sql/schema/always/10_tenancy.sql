-- Room tenancy: triggers, and what the roles may read.

DROP TRIGGER IF EXISTS audit_log_append_only ON sentinel.audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON sentinel.audit_log
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS audit_log_no_truncate ON sentinel.audit_log;
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON sentinel.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();

GRANT SELECT ON sentinel.orgs, sentinel.members, sentinel.teams, sentinel.team_members
    TO sentinel_reader, sentinel_member;
GRANT SELECT ON sentinel.audit_log TO sentinel_operator;
