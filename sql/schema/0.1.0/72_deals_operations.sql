-- Room deals, operations: the indexes of name rule and search.

-- Deals from another system are told apart by its id; there names repeat.
CREATE UNIQUE INDEX deals_own_name ON sentinel.deals (org_id, owner_id, lower(name))
    WHERE owner_id IS NOT NULL AND external_id IS NULL AND NOT is_demo;
CREATE INDEX deals_demo ON sentinel.deals (org_id) WHERE is_demo;

-- The operator class lies wherever pg_trgm was installed; org_id in a GIN index is what btree_gin is required for.
DO $$
BEGIN
    EXECUTE format(
        'CREATE INDEX deals_search ON sentinel.deals '
        'USING gin (org_id, (name || '' '' || coalesce(company_name, '''')) %I.gin_trgm_ops)',
        (SELECT n.nspname FROM pg_catalog.pg_opclass o
         JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod AND a.amname = 'gin'
         JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
         WHERE o.opcname = 'gin_trgm_ops'));
END
$$;
