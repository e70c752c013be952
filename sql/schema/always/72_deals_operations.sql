-- Room deals, operations: the triggers. Before a row they fire in the order of their names: deals_guard has trimmed the name
-- before deals_name looks at it.

DROP TRIGGER IF EXISTS deals_name ON sentinel.deals;
CREATE TRIGGER deals_name BEFORE INSERT OR UPDATE OF name, owner_id, external_id ON sentinel.deals
    FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL AND NEW.external_id IS NULL AND NOT NEW.is_demo)
    EXECUTE FUNCTION sentinel.guard_deal_name();
DROP TRIGGER IF EXISTS deals_marks_new ON sentinel.deals;
CREATE TRIGGER deals_marks_new BEFORE INSERT ON sentinel.deals
    FOR EACH ROW WHEN (NEW.is_demo OR NEW.imported_until IS NOT NULL) EXECUTE FUNCTION sentinel.guard_deal_marks();
DROP TRIGGER IF EXISTS deals_marks_kept ON sentinel.deals;
CREATE TRIGGER deals_marks_kept BEFORE UPDATE OF is_demo, imported_until ON sentinel.deals
    FOR EACH ROW WHEN (NEW.is_demo <> OLD.is_demo OR NEW.imported_until IS DISTINCT FROM OLD.imported_until)
    EXECUTE FUNCTION sentinel.guard_deal_marks();
DROP TRIGGER IF EXISTS deals_end_demo ON sentinel.deals;
CREATE TRIGGER deals_end_demo AFTER INSERT ON sentinel.deals
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.end_demo();
