-- Room distribute: after the rooms have made their triggers, those of distributed tables get their form for shards again.

DO $$
BEGIN
    PERFORM sentinel.place_row_triggers();
END
$$;

GRANT SELECT ON sentinel.distribution TO sentinel_admin;
