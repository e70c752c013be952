-- The shape of the schema as sorted text, one fact a line: what a restore and a re-installation must bring back.
SET search_path = pg_catalog;
SELECT fact FROM (
    SELECT format('relation %s %s owner %s rls %s %s options %s acl %s', c.relkind, c.oid::regclass, c.relowner::regrole,
                  c.relrowsecurity, c.relforcerowsecurity, c.reloptions, (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(c.relacl) x)) AS fact
    FROM pg_class c WHERE c.relnamespace::regnamespace::text IN ('sentinel', 'sentinel_bi', 'sentinel_history')
        AND c.relkind IN ('r', 'v', 'p', 'S', 'm')
    UNION ALL
    SELECT format('column %s.%s %s null %s default %s acl %s comment %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
                  NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attacl, col_description(a.attrelid, a.attnum))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace::regnamespace::text IN ('sentinel', 'sentinel_bi') AND c.relkind IN ('r', 'v', 'p')
    UNION ALL
    SELECT format('comment %s %s', c.oid::regclass, obj_description(c.oid, 'pg_class')) FROM pg_class c
    WHERE c.relnamespace::regnamespace::text IN ('sentinel', 'sentinel_bi') AND c.relkind IN ('r', 'v', 'p', 'S')
    UNION ALL
    SELECT format('index %s', pg_get_indexdef(i.indexrelid)) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace::regnamespace::text = 'sentinel'
    UNION ALL
    SELECT format('constraint %s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace::regnamespace::text = 'sentinel' AND k.contype <> 't'
    UNION ALL
    SELECT format('trigger %s %s', t.tgenabled, pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace::regnamespace::text = 'sentinel' AND NOT t.tgisinternal
    UNION ALL
    SELECT format('policy %s %s %s %s %s %s %s', p.tablename, p.policyname, p.permissive, p.roles, p.cmd, p.qual, p.with_check)
    FROM pg_policies p WHERE p.schemaname IN ('sentinel', 'sentinel_history')
    UNION ALL
    SELECT format('view %s %s', c.oid::regclass, replace(pg_get_viewdef(c.oid), E'\n', ' ')) FROM pg_class c
    WHERE c.relnamespace::regnamespace::text IN ('sentinel', 'sentinel_bi') AND c.relkind = 'v'
    UNION ALL
    SELECT format('routine %s owner %s acl %s md5 %s %s', p.oid::regprocedure, p.proowner::regrole,
                  (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(p.proacl) x), CASE WHEN p.prokind <> 'a' THEN md5(pg_get_functiondef(p.oid)) END, obj_description(p.oid, 'pg_proc'))
    FROM pg_proc p WHERE p.pronamespace::regnamespace::text IN ('sentinel', 'sentinel_bi')
    UNION ALL
    SELECT format('schema %s owner %s acl %s', n.nspname, n.nspowner::regrole, (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(n.nspacl) x))
    FROM pg_namespace n WHERE n.nspname IN ('sentinel', 'sentinel_bi', 'sentinel_history')
) facts ORDER BY fact COLLATE "C";
