-- Room distribute: what stands in the way of a distribution, all of it at once, read from the catalog. Needs no Citus, and
-- looks at what users have added as at our own.

-- grant: sentinel_admin
CREATE FUNCTION sentinel.distribute_check_tables()
    RETURNS TABLE (object text, rule text, problem text, hint text, blocks boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT format('%s.org_id', s.relation::regclass), 'org_id',
           CASE WHEN t.typtype = 'd' THEN format('is of the domain %s', a.atttypid::regtype)
                WHEN a.atttypid <> 'uuid'::regtype THEN format('is of type %s', a.atttypid::regtype)
                WHEN a.attgenerated <> '' OR a.attidentity <> '' THEN 'is filled by the server'
                ELSE 'may be null' END,
           CASE WHEN a.atttypid <> 'uuid'::regtype
                THEN format('ALTER TABLE %s ALTER COLUMN org_id TYPE uuid;', s.relation::regclass)
                WHEN a.attgenerated <> '' OR a.attidentity <> '' THEN 'Make it an ordinary column; a default is allowed.'
                ELSE format('ALTER TABLE %s ALTER COLUMN org_id SET NOT NULL;', s.relation::regclass) END, true
    FROM sentinel.distribution_scope() s
    JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = 'org_id' AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.atttypid <> 'uuid'::regtype OR NOT a.attnotnull OR a.attgenerated <> '' OR a.attidentity <> '';

    RETURN QUERY
    SELECT i.indexrelid::regclass::text, 'key',
           format('%s of %s does not hold org_id%s',
                  CASE WHEN i.indisexclusion THEN 'exclusion constraint' ELSE 'unique key' END,
                  i.indrelid::regclass, CASE WHEN i.indisexclusion THEN ' with =' ELSE '' END),
           'Put org_id first: uniqueness is known within one shard only.', true
    FROM sentinel.distribution_scope() s
    JOIN pg_index i ON i.indrelid = s.relation AND (i.indisunique OR i.indisexclusion)
    JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = 'org_id' AND NOT a.attisdropped
    LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'x'
    WHERE s.of_tenants AND NOT EXISTS (
        SELECT FROM generate_series(0, i.indnkeyatts - 1) n
        LEFT JOIN pg_operator o ON o.oid = k.conexclop[n + 1]
        WHERE i.indkey[n] = a.attnum AND (NOT i.indisexclusion OR o.oprname = '='));

    RETURN QUERY
    SELECT format('%s.%I', k.conrelid::regclass, k.conname), 'foreign key',
           CASE WHEN NOT c.of_tenants
                THEN format('leads from a table without org_id to %s, which has one', k.confrelid::regclass)
                ELSE 'does not lead from org_id to org_id' END,
           CASE WHEN NOT c.of_tenants
                THEN format('Give %s a column org_id, or drop the constraint.', k.conrelid::regclass)
                ELSE format('FOREIGN KEY (org_id, ...) REFERENCES %s (org_id, ...)', k.confrelid::regclass) END, true
    FROM pg_constraint k
    JOIN sentinel.distribution_scope() c ON c.relation = k.conrelid
    JOIN sentinel.distribution_scope() p ON p.relation = k.confrelid AND p.of_tenants
    WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS (
        SELECT FROM generate_subscripts(k.conkey, 1) n
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[n] AND a.attname = 'org_id'
        JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[n] AND b.attname = 'org_id');

    RETURN QUERY
    SELECT format('%s.%I', k.conrelid::regclass, k.conname), 'foreign key action',
           CASE WHEN k.confdeltype IN ('n', 'd') THEN 'ON DELETE SET NULL or SET DEFAULT' ELSE 'ON UPDATE with an action' END,
           'Use NO ACTION, RESTRICT or ON DELETE CASCADE, and clear the column in a trigger.', true
    FROM pg_constraint k JOIN sentinel.distribution_scope() s ON s.relation = k.conrelid AND s.of_tenants
    WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.confdeltype IN ('n', 'd') OR k.confupdtype NOT IN ('a', 'r'));

    RETURN QUERY
    SELECT p.relation::text, 'foreign key order', p.reason,
           'Drop one of the foreign keys: tables are distributed parents first.', true
    FROM sentinel.distribution_plan() p WHERE p.kind <> 'local' AND p.place IS NULL;

    RETURN QUERY
    SELECT format('%s.%I', a.attrelid::regclass, a.attname), 'sequence',
           CASE WHEN a.attidentity <> '' THEN 'is an identity column'
                WHEN a.atttypid <> 'bigint'::regtype THEN format('takes numbers of a sequence in the type %s', a.atttypid::regtype)
                ELSE 'takes numbers of a sequence and is part of a unique key' END,
           CASE WHEN a.attidentity <> '' OR a.atttypid = 'bigint'::regtype
                THEN format('Use ids of sentinel.uuid7(): ALTER TABLE %s ADD COLUMN new_id uuid NOT NULL DEFAULT sentinel.uuid7();',
                            a.attrelid::regclass)
                ELSE format('ALTER TABLE %s ALTER COLUMN %I TYPE bigint; nodes draw from ranges of 2^48.',
                            a.attrelid::regclass, a.attname) END, true
    FROM sentinel.distribution_plan() s
    JOIN pg_attribute a ON a.attrelid = s.relation AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND EXISTS (
        SELECT FROM pg_depend x JOIN pg_class q ON q.oid = x.refobjid AND q.relkind = 'S'
        WHERE x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid AND x.refclassid = 'pg_class'::regclass)
    WHERE s.kind <> 'local' AND (a.attidentity <> '' OR d.oid IS NOT NULL AND (a.atttypid <> 'bigint'::regtype OR EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey::int2[]))));

    RETURN QUERY
    SELECT s.relation::text, 'inheritance', 'inherits, or is inherited from',
           'ALTER TABLE ... NO INHERIT ...; partitions may be used instead.', true
    FROM sentinel.distribution_plan() s
    WHERE s.kind <> 'local' AND EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND NOT c.relispartition
        WHERE s.relation IN (i.inhrelid, i.inhparent));

    RETURN QUERY
    SELECT i.inhrelid::regclass::text, 'partition', 'is a partition that is partitioned again',
           'Partition a distributed table on one level only.', true
    FROM sentinel.distribution_plan() s
    JOIN pg_inherits i ON i.inhparent = s.relation
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition AND c.relkind = 'p'
    WHERE s.kind <> 'local';

    RETURN QUERY
    SELECT s.relation::text, 'extension', format('belongs to the extension %s', e.extname),
           format('ALTER EXTENSION %I DROP TABLE %s; such a table cannot be taken back from the cluster.',
                  e.extname, s.relation), true
    FROM sentinel.distribution_plan() s
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.relation AND d.deptype = 'e'
    JOIN pg_extension e ON e.oid = d.refobjid
    WHERE s.kind <> 'local';

    RETURN QUERY
    SELECT format('%s.%I', a.attrelid::regclass, a.attname), 'transaction number',
           'holds transaction numbers, which do not compare between nodes',
           'Readers that must miss nothing read the events of one node, or go by (recorded_at, id) with a margin.', false
    FROM sentinel.distribution_scope() s
    JOIN pg_attribute a ON a.attrelid = s.relation AND NOT a.attisdropped AND a.attnum > 0
    WHERE s.of_tenants AND a.atttypid IN ('xid'::regtype, 'xid8'::regtype);

    RETURN QUERY
    SELECT p.oid::regprocedure::text, 'several organisations',
           'changes rows of several organisations in one statement, which a cluster refuses',
           'On a cluster claim and complete jobs; failing and reaping them needs a later release.', false
    FROM pg_proc p
    WHERE p.pronamespace = 'sentinel'::regnamespace
      AND p.proname IN ('fail', 'release_each', 'heartbeat', 'reap', 'run_schedules', 'settle_intake', 'finish_http_at',
                        'lock_limits', 'settle_targets', 'settle_breakers', 'compact_stats', 'discard_outside_jobs');
END
$$;
COMMENT ON FUNCTION sentinel.distribute_check_tables() IS
    'List what tables, keys, foreign keys and columns have that shards do not allow. Part of distribute_check().';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.distribute_check_code()
    RETURNS TABLE (object text, rule text, problem text, hint text, blocks boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT format('%s.%I', p.polrelid::regclass, p.polname), 'policy', 'holds a sub-select',
           'Put it into a STABLE function and call that.', true
    FROM pg_policy p JOIN sentinel.distribution_plan() s ON s.relation = p.polrelid AND s.kind <> 'local'
    WHERE concat(p.polqual, p.polwithcheck) LIKE '%{SUBLINK%';

    RETURN QUERY
    SELECT format('%s.%I', t.tgrelid::regclass, t.tgname), 'trigger', 'uses a transition table',
           'Make it a trigger for each row, or disable it.', true
    FROM pg_trigger t JOIN sentinel.distribution_plan() s ON s.relation = t.tgrelid AND s.kind = 'distributed'
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND (t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL)
      AND NOT EXISTS (SELECT FROM sentinel.row_triggers() f
                      WHERE to_regclass(f.relation) = t.tgrelid AND f.trigger_name = t.tgname);

    RETURN QUERY
    SELECT format('%s.%I', t.tgrelid::regclass, t.tgname), 'trigger', 'stands on a table that is copied to every node',
           'Let the function that writes the table do the work.', true
    FROM pg_trigger t JOIN sentinel.distribution_plan() s ON s.relation = t.tgrelid AND s.kind = 'reference'
    WHERE NOT t.tgisinternal;

    RETURN QUERY
    SELECT format('%s.%I', t.tgrelid::regclass, t.tgname), 'trigger', 'depends on an extension',
           format('ALTER TRIGGER %I ON %s NO DEPENDS ON EXTENSION ...;', t.tgname, t.tgrelid::regclass), true
    FROM pg_trigger t JOIN sentinel.distribution_plan() s ON s.relation = t.tgrelid AND s.kind <> 'local'
    JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x'
    WHERE NOT t.tgisinternal;

    RETURN QUERY
    SELECT DISTINCT format('%s: %s', c.relation::regclass, c.entry), 'code on shards',
           format('%s %s', c.routine::regprocedure, x.problem), x.hint, true
    FROM sentinel.distribution_code() c
    JOIN pg_proc p ON p.oid = c.routine
    JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
    CROSS JOIN LATERAL (
        SELECT 'sends a NOTIFY', 'Send it from the function that clients call: a commit over several shards fails with it.'
        WHERE p.prosrc ~* '(sentinel\.wake_workers\s*\(|pg_notify\s*\(|\mNOTIFY\s+[a-z_"])'
        UNION ALL
        SELECT 'goes by the name of the table', 'Give the name as an argument of the trigger: a shard is called deals_102017.'
        WHERE p.prosrc ~* '\mTG_(TABLE_NAME|RELNAME)\M'
        UNION ALL
        SELECT 'has no search_path of its own',
               format('ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp; and qualify what it names.', p.oid::regprocedure)
        WHERE p.provolatile <> 'i' AND NOT coalesce(array_to_string(p.proconfig, ' ') ~ '(^| )search_path=', false)
        UNION ALL
        SELECT format('writes %s, which is no table of tenants', t.relation),
               'Write it from the function that clients call, or record an event.'
        FROM regexp_matches(p.prosrc, '(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+([a-z_][a-z0-9_$]*)\.([a-z_][a-z0-9_$]*)', 'gi') m(word)
        JOIN pg_namespace n ON n.nspname = lower(m.word[1])
        JOIN pg_class w ON w.relnamespace = n.oid AND w.relname = lower(m.word[2])
        JOIN sentinel.distribution_plan() t ON t.relation = w.oid AND t.kind <> 'distributed'
        UNION ALL
        SELECT 'changes org_id', 'A row stays in its organisation: delete it and add it anew.'
        WHERE p.prosrc ~* '((;|\mBEGIN|\mTHEN|\mELSE|\mLOOP)\s*NEW\.org_id\s*:?=(?!\s*OLD\.org_id)|\mSET\s+org_id\s*=)'
    ) AS x(problem, hint);

    RETURN QUERY
    SELECT r.rolname::text, 'owner', r.problem,
           format('ALTER ROLE %I LOGIN; on every node, and let pg_hba.conf admit it from the nodes only: '
                  'Citus opens its connections as this role.', r.rolname), true
    FROM (SELECT o.rolname, format('cannot log in and owns %s SECURITY DEFINER function(s)', count(*)) AS problem
          FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner AND NOT o.rolcanlogin
          WHERE p.prosecdef AND (p.pronamespace = 'sentinel'::regnamespace
                                 OR p.oid IN (SELECT c.routine FROM sentinel.distribution_code() c))
          GROUP BY o.rolname
          UNION ALL
          SELECT o.rolname, 'cannot log in, and routes of the gateway act as it'
          FROM pg_roles o WHERE o.rolname IN ('sentinel_member', 'sentinel_operator') AND NOT o.rolcanlogin) r;
END
$$;
COMMENT ON FUNCTION sentinel.distribute_check_code() IS
    'List what policies, triggers, the code behind them and the owners of functions have that shards do not allow. Part of distribute_check().';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.distribute_check()
    RETURNS TABLE (object text, rule text, problem text, hint text, blocks boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN QUERY
    SELECT * FROM sentinel.distribute_check_tables() UNION ALL SELECT * FROM sentinel.distribute_check_code()
    ORDER BY 5 DESC, 2, 1, 3;
END
$$;
COMMENT ON FUNCTION sentinel.distribute_check() IS
    'List everything that stands in the way of distribute(), in our tables and in those that were added: what, which rule, why, and what to do. blocks: distribute() refuses while the row is there; the others tell what works differently afterwards. Needs no Citus and changes nothing. C code of triggers is not looked into. Errors: SN001.';
