-- Room distribute: after the rooms have made their triggers, those of distributed tables get their form for shards again.

DO $$
BEGIN
    PERFORM sentinel.place_row_triggers();
END
$$;

DROP TRIGGER IF EXISTS distribution_told ON sentinel.distribution;
CREATE TRIGGER distribution_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON sentinel.distribution
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.distribution_changed();

GRANT SELECT ON sentinel.distribution TO sentinel_admin;
