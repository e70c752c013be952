-- Rules that let the tables be spread over several machines by org_id (Citus), read from the catalog; what distribute_check()
-- finds; and distribute() itself, against a stand-in of Citus that knows what the real one refuses. Nothing here ran on Citus.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(79);

CREATE TEMP VIEW tenant_table AS
    SELECT c.oid, c.oid::regclass AS name, c.relkind, c.relname, a.attnum AS org_number, a.atttypid AS org_type
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
CREATE TEMP VIEW global_table AS
    SELECT c.oid, c.oid::regclass AS name FROM pg_class c
    WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.oid NOT IN (SELECT t.oid FROM tenant_table t);
CREATE TEMP VIEW reference_table AS SELECT p.relation AS name FROM sentinel.distribution_plan() p WHERE p.kind = 'reference';
CREATE TEMP VIEW shard_code AS
    SELECT DISTINCT c.relation::regclass AS relation, c.entry, p.oid::regprocedure AS routine, p.prosrc, p.proconfig, p.provolatile, l.lanname
    FROM sentinel.distribution_code() c JOIN pg_proc p ON p.oid = c.routine JOIN pg_language l ON l.oid = p.prolang;

\ir ../support/distribution_exempt.sql

SELECT isnt_empty('SELECT FROM tenant_table', 'there are tenant tables');
SELECT isnt_empty('SELECT FROM shard_code', 'and code that would run on shards');

-- Keys.
SELECT is_empty($$SELECT name, org_type::regtype FROM tenant_table WHERE org_type <> 'uuid'::regtype$$,
    'org_id is of the same base type everywhere, no domain');
SELECT is_empty($$SELECT t.name FROM tenant_table t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'org_id'
        WHERE NOT a.attnotnull OR a.attgenerated <> '' OR a.attidentity <> '' OR a.attcollation <> 0$$,
    'org_id is never null, never generated and knows no collation');
SELECT is_empty($$SELECT t.name FROM tenant_table t WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
        AND t.relname::text NOT IN (SELECT e.object FROM exempt e WHERE e.rule = 'primary key')$$,
    'every tenant table has a primary key, but for logs that are only added to');
SELECT is_empty($$SELECT i.indexrelid::regclass FROM pg_index i JOIN tenant_table t ON t.oid = i.indrelid
        WHERE i.indisunique AND t.org_number <> ALL ((i.indkey::int2[])[0:i.indnkeyatts - 1])$$,
    'every unique key, partial and over expressions too, holds org_id');
SELECT is_empty($$SELECT k.conname FROM pg_constraint k JOIN tenant_table t ON t.oid = k.conrelid WHERE k.contype = 'x' AND NOT EXISTS (
        SELECT FROM generate_subscripts(k.conkey, 1) n JOIN pg_operator o ON o.oid = k.conexclop[n]
        WHERE k.conkey[n] = t.org_number AND o.oprname = '=')$$, 'every exclusion constraint holds org_id with =');
SELECT is_empty($$SELECT c.relname FROM pg_index i JOIN tenant_table t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indkey[0] <> t.org_number AND c.relname NOT IN (SELECT e.object FROM exempt e WHERE e.rule = 'index first')$$,
    'every index begins with org_id, but for those of the queue and of addresses');

-- Foreign keys.
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k
        JOIN tenant_table c ON c.oid = k.conrelid JOIN tenant_table p ON p.oid = k.confrelid
        WHERE k.contype = 'f' AND (k.conkey[1] <> c.org_number OR k.confkey[1] <> p.org_number)$$,
    'foreign keys between tenant tables have org_id first on both sides');
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k JOIN tenant_table t ON t.oid = k.conrelid
        WHERE k.contype = 'f' AND k.confdeltype IN ('n', 'd')$$, 'none sets null or a default');
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k JOIN tenant_table t ON t.oid = k.conrelid
        WHERE k.contype = 'f' AND k.confupdtype NOT IN ('a', 'r')$$, 'none acts on update');
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k JOIN tenant_table t ON t.oid = k.confrelid
        WHERE k.contype = 'f' AND k.conrelid NOT IN (SELECT x.oid FROM tenant_table x)$$, 'none leads from a global table to a tenant table');
SELECT is_empty($$SELECT k.conrelid::regclass, k.conname FROM pg_constraint k JOIN tenant_table t ON t.oid = k.conrelid
        WHERE k.contype = 'f' AND k.confrelid NOT IN (SELECT x.oid FROM tenant_table x)
          AND k.confrelid NOT IN (SELECT r.name FROM reference_table r)$$, 'those that leave the tenant tables lead to reference tables');
SELECT is((SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
           WHERE i.indrelid = 'sentinel.orgs'::regclass AND i.indisprimary), '{org_id}', 'orgs has org_id as its primary key');

-- org_id stays.
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'sentinel'::regnamespace
        AND p.prosrc ~* '\mUPDATE\s+sentinel\.\w+(\s+(AS\s+)?\w+)?\s+SET\s+([^;]*,\s*)?org_id\s*='$$, 'no function updates org_id');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'sentinel'::regnamespace
        AND p.prosrc ~* '(;|\mBEGIN|\mTHEN|\mELSE)\s*NEW\.org_id\s*:?=(?!\s*OLD\.org_id)'$$, 'and no trigger changes it');

-- Global tables.
SELECT bag_eq('SELECT name::text FROM reference_table', $$SELECT object FROM exempt WHERE rule = 'global'$$,
    'the tables to copy to every node are those known, each for a reason');
SELECT is_empty($$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN reference_table r ON r.name = t.tgrelid WHERE NOT t.tgisinternal$$,
    'they have no triggers');
SELECT is_empty($$SELECT p.proname, m.word[1] FROM pg_proc p
        CROSS JOIN LATERAL regexp_matches(p.prosrc, '(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(sentinel\.\w+)', 'gi') m(word)
        JOIN reference_table r ON r.name = to_regclass(m.word[1])
        WHERE p.pronamespace = 'sentinel'::regnamespace AND p.proname <> 'migrations'
          AND p.proname::text NOT IN (SELECT e.object FROM exempt e WHERE e.rule = 'writer')$$, 'and no hot writes');
SELECT is_empty($$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN global_table g ON g.oid = t.tgrelid WHERE NOT t.tgisinternal
        AND t.tgfoid NOT IN ('sentinel.distribution_changed()'::regprocedure, 'sentinel.tell_change()'::regprocedure)$$,
    'no other global table has triggers, but for those that tell of a change');

-- Partitions, sequences, inheritance, policies.
SELECT is_empty($$SELECT i.inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition AND c.relkind = 'p'
        WHERE c.relnamespace = 'sentinel'::regnamespace$$, 'partitions are not partitioned again');
SELECT is_empty($$SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'sentinel'::regnamespace AND a.attidentity <> ''$$, 'no identity columns');
SELECT is_empty($$SELECT format('%s.%s', a.attrelid::regclass, a.attname) FROM pg_attrdef d
        JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum JOIN tenant_table t ON t.oid = a.attrelid
        JOIN pg_depend x ON x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid AND x.refclassid = 'pg_class'::regclass
        JOIN pg_class q ON q.oid = x.refobjid AND q.relkind = 'S'
        WHERE a.atttypid <> 'bigint'::regtype
           OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisunique AND a.attnum = ANY (i.indkey::int2[]))
           OR format('%s.%s', a.attrelid::regclass, a.attname) NOT IN (SELECT e.object FROM exempt e WHERE e.rule = 'sequence')$$,
    'no serial columns; the one number from a sequence is bigint and part of no key');
SELECT is_empty($$SELECT format('%s.%s', t.name, a.attname) FROM tenant_table t JOIN pg_attribute a ON a.attrelid = t.oid AND NOT a.attisdropped
        WHERE a.attnum > 0 AND a.atttypid IN ('xid'::regtype, 'xid8'::regtype)
        EXCEPT SELECT e.object FROM exempt e WHERE e.rule = 'transaction number'$$, 'no transaction numbers but the one of the cursor');
SELECT is_empty($$SELECT i.inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND NOT c.relispartition
        JOIN pg_class p ON p.oid = i.inhparent WHERE c.relkind IN ('r', 'p') AND 'sentinel'::regnamespace IN (c.relnamespace, p.relnamespace)$$,
    'no inheritance');
SELECT is_empty($$SELECT p.polrelid::regclass, p.polname FROM pg_policy p JOIN tenant_table t ON t.oid = p.polrelid
        WHERE concat(p.polqual, p.polwithcheck) LIKE '%{SUBLINK%'$$, 'no policy holds a sub-select');
SELECT is_empty($$SELECT name FROM tenant_table WHERE EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
        AND d.objid = oid AND d.deptype = 'e')$$, 'no table belongs to an extension: a distribution can be taken back');

-- Triggers, and the code behind them in the form for shards.
SELECT is_empty($$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN tenant_table x ON x.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND (t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL)
        EXCEPT SELECT r.relation::regclass, r.trigger_name FROM sentinel.row_triggers() r$$,
    'every trigger with a transition table has a form for shards');
SELECT is_empty($$SELECT r.relation, r.trigger_name FROM sentinel.row_triggers() r WHERE NOT EXISTS (
        SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = r.routine::regprocedure AND p.prorettype = 'trigger'::regtype
        WHERE t.tgrelid = r.relation::regclass AND t.tgname = r.trigger_name AND (t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL)
          AND t.tgtype & 28 = CASE r.fires WHEN 'INSERT' THEN 4 WHEN 'DELETE' THEN 8 WHEN 'UPDATE' THEN 16 END)$$,
    'and every form belongs to such a trigger, fired by the same event');
SELECT is_empty($$SELECT t.tgname FROM pg_trigger t JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x'
        JOIN tenant_table x ON x.oid = t.tgrelid$$, 'no trigger depends on an extension');
SELECT is_empty($$SELECT routine, entry FROM shard_code WHERE prosrc ~* '(sentinel\.wake_workers|pg_notify|\mNOTIFY\M)'$$, 'no NOTIFY on shards');
SELECT is_empty($$SELECT routine, entry FROM shard_code WHERE lanname IN ('sql', 'plpgsql') AND provolatile <> 'i'
        AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$, 'code on shards qualifies every name');
SELECT is_empty($$SELECT routine, entry FROM shard_code WHERE prosrc ~* '\mTG_(TABLE_NAME|RELNAME)\M'$$, 'and does not go by the name of the table');
SELECT is_empty($$SELECT c.routine, m.word[1] FROM shard_code c
        CROSS JOIN LATERAL regexp_matches(c.prosrc, '(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(sentinel\.\w+)', 'gi') m(word)
        JOIN global_table g ON g.oid = to_regclass(m.word[1])$$, 'it writes tenant tables only');
SELECT is_empty($$SELECT routine, entry FROM shard_code
        WHERE prosrc ~* '(\mUPDATE\s+sentinel\.\w+[^;]*\mSET\M|DO\s+UPDATE\s+SET)[^;]*\m(now|clock_timestamp|statement_timestamp)\s*\('$$,
    'and computes times before an UPDATE');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'sentinel'::regnamespace AND p.prosecdef
        AND p.proowner NOT IN ('sentinel_owner'::regrole, 'sentinel_engine'::regrole)$$,
    'two owners, and the two roles that routes act as, must be able to log in when tables are distributed');

-- distribute_check() finds nothing in our own tables but the logins, which an operator gives.
SELECT results_eq($$SELECT object, rule, blocks FROM sentinel.distribute_check() WHERE rule <> 'several organisations'$$,
    $$VALUES ('sentinel_engine', 'owner', true), ('sentinel_member', 'owner', true), ('sentinel_operator', 'owner', true),
             ('sentinel_owner', 'owner', true), ('sentinel.events.xid', 'transaction number', false)$$,
    'distribute_check() names the roles without login, and the cursor');
SELECT is_empty($$SELECT * FROM sentinel.distribute_check() WHERE hint = '' OR problem = '' OR concat(object, rule) = ''$$, 'each row with what, why and what to do');
SELECT throws_ok('SELECT * FROM sentinel.distribute()', '0A000', 'Citus is not installed in this database', 'without Citus distribute() says so');
SET LOCAL ROLE sentinel_admin;
SELECT isnt_empty('SELECT FROM sentinel.distribute_check()', 'administrators may ask');
SELECT throws_ok('SELECT * FROM sentinel.distribute()', '42501', NULL, 'but not distribute');
RESET ROLE;

-- What users add is found: one thing of each kind.
SAVEPOINT clean;
CREATE SCHEMA guest;
CREATE DOMAIN guest.tenant AS uuid;
CREATE TABLE sentinel.guest_domain (org_id guest.tenant NOT NULL, id uuid, PRIMARY KEY (org_id, id));
CREATE TABLE sentinel.guest_serial (org_id uuid NOT NULL REFERENCES sentinel.orgs, id serial PRIMARY KEY);
CREATE TABLE sentinel.guest_identity (org_id uuid, n bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (org_id, n));
CREATE TABLE guest.notes (org_id uuid NOT NULL, id uuid, deal_id uuid, twin uuid, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals ON DELETE SET NULL (deal_id),
    FOREIGN KEY (org_id, twin) REFERENCES guest.notes ON UPDATE CASCADE);
CREATE TABLE guest.loose (deal_id uuid, owner uuid, FOREIGN KEY (owner, deal_id) REFERENCES sentinel.deals (org_id, id));
CREATE TABLE sentinel.guest_twisted (org_id uuid NOT NULL, other_org uuid, lead_id uuid, id uuid, PRIMARY KEY (org_id, id),
    FOREIGN KEY (other_org, lead_id) REFERENCES sentinel.leads (org_id, id));
CREATE TABLE sentinel.guest_a (org_id uuid, id uuid, b uuid, PRIMARY KEY (org_id, id));
CREATE TABLE sentinel.guest_b (org_id uuid, id uuid, a uuid, PRIMARY KEY (org_id, id), FOREIGN KEY (org_id, a) REFERENCES sentinel.guest_a);
ALTER TABLE sentinel.guest_a ADD CONSTRAINT circle FOREIGN KEY (org_id, b) REFERENCES sentinel.guest_b;
CREATE TABLE sentinel.guest_slots (org_id uuid NOT NULL, at tstzrange, EXCLUDE USING gist (at WITH &&));
CREATE TABLE sentinel.guest_child () INHERITS (sentinel.teams);
CREATE TABLE sentinel.guest_years (org_id uuid NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE sentinel.guest_year PARTITION OF sentinel.guest_years FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (org_id);
CREATE UNIQUE INDEX guest_lower ON sentinel.leads (lower(email)) WHERE email IS NOT NULL;
CREATE POLICY guest_sees ON sentinel.leads USING (org_id = (SELECT sentinel.current_org()));
CREATE FUNCTION guest.tell() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM pg_notify('guest', TG_TABLE_NAME); UPDATE sentinel.queues SET paused_by = NULL; NEW.org_id := NULL; RETURN NEW; END$$;
CREATE TRIGGER guest_tells BEFORE UPDATE ON sentinel.leads FOR EACH ROW EXECUTE FUNCTION guest.tell();
CREATE TRIGGER guest_counts AFTER INSERT ON sentinel.leads REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION guest.tell();
CREATE TRIGGER guest_lookup BEFORE UPDATE ON sentinel.users FOR EACH ROW EXECUTE FUNCTION guest.tell();
CREATE TABLE sentinel.guest_null (org_id uuid, id uuid);
CREATE TABLE sentinel.guest_filled (id uuid NOT NULL, org_id uuid NOT NULL GENERATED ALWAYS AS (id) STORED);
ALTER TRIGGER guest_tells ON sentinel.leads DEPENDS ON EXTENSION pg_trgm;
ALTER EXTENSION pg_trgm ADD TABLE sentinel.guest_null;
SELECT bag_eq($$SELECT object, rule, count(*) FROM sentinel.distribute_check() WHERE blocks AND rule <> 'owner' GROUP BY object, rule$$,
    $$VALUES ('sentinel.guest_domain.org_id', 'org_id', 1::bigint), ('sentinel.guest_filled.org_id', 'org_id', 1), ('sentinel.guest_null.org_id', 'org_id', 1),
             ('sentinel.guest_lower', 'key', 1), ('sentinel.guest_serial_pkey', 'key', 1), ('sentinel.guest_slots_at_excl', 'key', 1),
             ('guest.loose.loose_owner_deal_id_fkey', 'foreign key', 1),
             ('sentinel.guest_twisted.guest_twisted_other_org_lead_id_fkey', 'foreign key', 1),
             ('guest.notes.notes_org_id_deal_id_fkey', 'foreign key action', 1), ('guest.notes.notes_org_id_twin_fkey', 'foreign key action', 1),
             ('sentinel.guest_a', 'foreign key order', 1), ('sentinel.guest_b', 'foreign key order', 1),
             ('sentinel.guest_identity.n', 'sequence', 1), ('sentinel.guest_serial.id', 'sequence', 1),
             ('sentinel.guest_child', 'inheritance', 1), ('sentinel.teams', 'inheritance', 1), ('sentinel.guest_year', 'partition', 1),
             ('sentinel.guest_null', 'extension', 1), ('sentinel.leads.guest_sees', 'policy', 1),
             ('sentinel.leads.guest_counts', 'trigger', 1), ('sentinel.leads.guest_tells', 'trigger', 1), ('sentinel.users.guest_lookup', 'trigger', 1),
             ('sentinel.leads: trigger guest_counts', 'code on shards', 5), ('sentinel.leads: trigger guest_tells', 'code on shards', 5)$$, 'everything planted is found, and nothing else');
SELECT results_eq($$SELECT place IS NULL, kind FROM sentinel.distribution_plan() WHERE relation IN ('sentinel.guest_a'::regclass, 'sentinel.guest_b')$$,
    $$VALUES (true, 'distributed'), (true, 'distributed')$$, 'tables in a circle have no place');
SELECT is_empty($$SELECT problem FROM sentinel.distribute_check() WHERE object = 'sentinel.leads: trigger guest_tells' EXCEPT VALUES
    ('guest.tell() sends a NOTIFY'), ('guest.tell() goes by the name of the table'), ('guest.tell() has no search_path of its own'),
    ('guest.tell() writes sentinel.queues, which is no table of tenants'), ('guest.tell() changes org_id')$$, 'and what is wrong with a trigger''s code is said one by one');
ROLLBACK TO clean;

-- A stand-in of Citus: it records the calls, and refuses what the real one is documented to refuse.
CREATE SCHEMA standin;
CREATE TABLE standin.citus_tables (n serial, table_name regclass, kind text, colocated_with text);
CREATE TABLE standin.lapse (problem text);
CREATE FUNCTION standin.refuse(problem text) RETURNS void LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'citus: ' || refuse.problem; END$$;
CREATE FUNCTION standin.look(relation regclass, org_number smallint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    spot record;
BEGIN
    PERFORM standin.refuse(format('%s is distributed already', relation)) FROM standin.citus_tables c WHERE c.table_name = relation;
    FOR spot IN SELECT * FROM pg_trigger t WHERE t.tgrelid = relation AND NOT t.tgisinternal LOOP
        PERFORM standin.refuse('triggers are not supported on distributed tables')
        WHERE coalesce(current_setting('citus.enable_unsafe_triggers', true), '') <> 'on';
        PERFORM standin.refuse('transition tables: ' || spot.tgname) WHERE spot.tgoldtable IS NOT NULL OR spot.tgnewtable IS NOT NULL;
        -- Citus would let it fire for each row that it copies.
        INSERT INTO standin.lapse SELECT spot.tgname || ' is on' WHERE spot.tgenabled <> 'D';
    END LOOP;
    PERFORM standin.refuse('identity columns') FROM pg_attribute a WHERE a.attrelid = relation AND a.attidentity <> '';
    FOR spot IN SELECT k.* FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = relation LOOP
        PERFORM standin.refuse(format('%s: %s is local', spot.conname, spot.confrelid::regclass))
        WHERE spot.confrelid <> relation AND spot.confrelid NOT IN (SELECT c.table_name FROM standin.citus_tables c);
        CONTINUE WHEN spot.confrelid IN (SELECT c.table_name FROM standin.citus_tables c WHERE c.kind = 'reference');
        PERFORM standin.refuse(spot.conname || ': distribution column') WHERE array_position(spot.conkey, org_number) IS NULL
            OR (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = spot.confrelid
                AND a.attnum = spot.confkey[array_position(spot.conkey, org_number)]) <> 'org_id';
        PERFORM standin.refuse(spot.conname || ': action') WHERE spot.confdeltype IN ('n', 'd') OR spot.confupdtype IN ('c', 'n', 'd');
    END LOOP;
END
$$;
CREATE FUNCTION pg_catalog.create_reference_table(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM standin.look(create_reference_table.table_name, NULL);
    PERFORM standin.refuse('foreign keys between reference and local tables')
    WHERE coalesce(current_setting('citus.enable_local_reference_table_foreign_keys', true), '') <> 'off';
    INSERT INTO standin.citus_tables (table_name, kind) VALUES (create_reference_table.table_name, 'reference');
END
$$;
CREATE FUNCTION pg_catalog.create_distributed_table(table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
        colocate_with text DEFAULT 'default', shard_count integer DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number smallint := (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = create_distributed_table.table_name
                        AND a.attname = create_distributed_table.distribution_column AND a.atttypid = 'uuid'::regtype);
BEGIN
    PERFORM standin.refuse('no such column') WHERE number IS NULL;
    PERFORM standin.look(create_distributed_table.table_name, number);
    PERFORM standin.refuse('cannot modify in parallel after a reference table')
    WHERE coalesce(current_setting('citus.multi_shard_modify_mode', true), '') <> 'sequential';
    PERFORM standin.refuse(format('%s is not distributed', create_distributed_table.colocate_with))
    WHERE create_distributed_table.colocate_with <> 'default' AND create_distributed_table.colocate_with::regclass NOT IN (
        SELECT c.table_name FROM standin.citus_tables c WHERE c.kind = 'distributed');
    PERFORM standin.refuse(format('unique %s', i.indexrelid::regclass)) FROM pg_index i
    WHERE i.indrelid = create_distributed_table.table_name AND (i.indisunique OR i.indisexclusion) AND number <> ALL ((i.indkey::int2[])[0:i.indnkeyatts - 1]);
    PERFORM standin.refuse('subqueries are not supported in policies') FROM pg_policies p
    WHERE format('%I.%I', p.schemaname, p.tablename)::regclass = create_distributed_table.table_name AND concat(p.qual, p.with_check) ~* '\mSELECT\M';
    PERFORM standin.refuse('a table that is inherited from') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND NOT c.relispartition
    WHERE create_distributed_table.table_name IN (i.inhrelid, i.inhparent);
    INSERT INTO standin.citus_tables (table_name, kind, colocated_with)
    VALUES (create_distributed_table.table_name, 'distributed', create_distributed_table.colocate_with);
END
$$;

SELECT throws_ok($$SELECT create_distributed_table('sentinel.events', 'org_id')$$, '0A000',
    'citus: triggers are not supported on distributed tables', 'the stand-in refuses triggers');
SET LOCAL citus.enable_unsafe_triggers = on;
SELECT throws_ok($$SELECT create_distributed_table('sentinel.events', 'org_id')$$, '0A000', 'citus: transition tables: events_fan_out', 'transition tables');
SELECT throws_ok($$SELECT create_distributed_table('sentinel.teams', 'org_id')$$, '0A000',
    'citus: teams_org_id_fkey: sentinel.orgs is local', 'children before their parents');
SELECT throws_ok($$SELECT create_distributed_table('sentinel.pipelines', 'id')$$, '0A000', NULL, 'another distribution column');
SET LOCAL citus.enable_unsafe_triggers = off;
SELECT throws_ok('SELECT * FROM sentinel.distribute()', '55000', '4 object(s) break a rule of distribution', 'distribute() refuses while a rule is broken');
SELECT is((SELECT count(*) FROM standin.citus_tables), 0::bigint, 'and has touched nothing');
ALTER ROLE sentinel_owner LOGIN;
ALTER ROLE sentinel_engine LOGIN;
ALTER ROLE sentinel_member LOGIN;
ALTER ROLE sentinel_operator LOGIN;
SELECT is_empty($$SELECT FROM sentinel.distribute_check() WHERE blocks$$, 'with logins nothing else stands in the way');

-- The same day in two organisations, one before and one after: what the triggers make of it is the same.
CREATE FUNCTION pg_temp.play(org uuid) RETURNS void LANGUAGE plpgsql AS $play$
DECLARE
    member uuid;
    past timestamptz := now() - interval '30 days';
BEGIN
    PERFORM sentinel.enter(org);
    member := sentinel.add_member('Mira', 'mira@' || org || '.example');
    PERFORM sentinel.set_risk_settings(NULL, 5, true, true, true, past);
    PERFORM sentinel.route_event('order.placed', 'citus_a'), sentinel.route_event('order.placed', 'citus_b'),
            sentinel.route_event('order.lost', 'citus_a', false), sentinel.route_event('order.paid', 'citus_b');
    INSERT INTO sentinel.events (org_id, event_type, subject_type, subject_id, payload, idempotency_key, member_id)
    SELECT org, t, 'order', sentinel.uuid7(), jsonb_build_object('n', n), CASE WHEN n % 2 = 0 THEN t || n END, CASE WHEN n = 3 THEN member END
    FROM unnest(ARRAY['order.placed', 'order.lost', 'order.paid', 'order.forgotten']) t, generate_series(1, 5) n;
    PERFORM sentinel.emit('order.placed', NULL, NULL, '{"one": 1}', 'once'), sentinel.emit('order.placed', NULL, NULL, '{"one": 1}', 'once');
    PERFORM sentinel.emit_many('[{"event_type": "order.paid"}, {"event_type": "order.placed", "idempotency_key": "order.placed2"}]');
    INSERT INTO sentinel.leads (org_id, name, email, lead_source) VALUES (org, 'A', 'a@a.example', 'fair'), (org, 'B', NULL, NULL);
    PERFORM sentinel.create_deal('D' || n, n * 1000, CASE WHEN n < 4 THEN 'discover' ELSE 'proposal' END, owner_id => member,
                                 as_of => past + n * interval '1 hour')
    FROM generate_series(1, 6) n;
    INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, recorded_at, competitive_indicators)
    SELECT org, d.id, a.kind, past + interval '5 days', past + interval '6 days', a.indicators
    FROM sentinel.deals d, (VALUES ('email_sent', 0), ('email_received', 2), ('call_held', 1), ('note_added', 0)) a(kind, indicators)
    WHERE d.org_id = org AND d.name <> 'D6' ORDER BY d.name, a.kind;
    UPDATE sentinel.deals d SET stage = 'qualify', changed_at = past + interval '8 days' WHERE d.org_id = org AND d.stage = 'discover';
    UPDATE sentinel.deals d SET stage = CASE d.name WHEN 'D1' THEN 'closed_won' ELSE 'closed_lost' END, lost_reason = CASE d.name WHEN 'D2' THEN 'price' END,
           changed_at = past + interval '12 days' + right(d.name, 1)::integer * interval '1 hour'
    WHERE d.org_id = org AND d.name IN ('D1', 'D2');
    UPDATE sentinel.deals d SET name = d.name || ' renamed', value = d.value + 1, owner_id = NULL WHERE d.org_id = org AND d.name IN ('D3', 'D4');
    UPDATE sentinel.deals d SET stage = 'discover', changed_at = past + interval '13 days' WHERE d.org_id = org AND d.name = 'D2';
    UPDATE sentinel.deals d SET team_id = sentinel.add_team('North') WHERE d.org_id = org AND d.name = 'D5';
    DELETE FROM sentinel.deals d WHERE d.org_id = org AND d.name = 'D6';
    PERFORM sentinel.intake('form', '{"name": "Ana", "email": "ana@a.example"}'), sentinel.intake('form', '{"name": "Bo", "email": "bo@b.example"}');
    DELETE FROM sentinel.intake_raw r WHERE r.org_id = org AND r.payload ->> 'name' = 'Ana';
    INSERT INTO sentinel.job_history (org_id, id, lease, queue, job_type, outcome, attempts, worker, run_at, claimed_at, finished_at)
    SELECT org, sentinel.uuid7(), n, 'orders', 'citus_a', CASE WHEN n < 4 THEN 'dead' ELSE 'cancelled' END, 1, CASE WHEN n < 3 THEN 'backend ' || n END,
           past, CASE WHEN n < 5 THEN past + n * interval '1 s' END, past + n * interval '3 s'
    FROM generate_series(1, 5) n;
    PERFORM sentinel.leave();
END
$play$;
-- What a table holds of an organisation, ids and moments of the clock put aside: one text for each row.
CREATE FUNCTION pg_temp.rows_of(org uuid, relation regclass, aside text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $q$SELECT regexp_replace((to_jsonb(t) - $1)::text, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'id', 'g') FROM %s t WHERE t.org_id = $2$q$, relation)
        USING aside, org;
END
$$;
SELECT sentinel.register_job_type('citus_a', kind => 'http', queue => 'orders', priority => 2, max_attempts => 7),
       sentinel.register_job_type('citus_b', kind => 'http');
SELECT sentinel.create_org('One Ltd', 'citus-one') AS one, sentinel.create_org('Many Ltd', 'citus-many') AS many \gset
SELECT pg_temp.play(:'one');

ALTER TABLE sentinel.intake_raw DISABLE TRIGGER intake_raw_fingerprints;
ALTER TABLE sentinel.leads ENABLE ALWAYS TRIGGER leads_prepare;
CREATE TEMP TABLE step AS SELECT * FROM sentinel.distribute();
SELECT bag_eq('SELECT table_name::text, kind FROM standin.citus_tables', $$SELECT relation::text, kind FROM sentinel.distribution_plan() WHERE kind <> 'local'$$,
    'distribute() moves every table that the plan names');
SELECT bag_eq($$SELECT table_name FROM standin.citus_tables WHERE kind = 'distributed'$$, 'SELECT name FROM tenant_table', 'all tenant tables');
SELECT is_empty($$SELECT table_name, colocated_with FROM standin.citus_tables
        WHERE kind = 'distributed' AND (colocated_with = 'sentinel.orgs') = (table_name = 'sentinel.orgs'::regclass)$$, 'beside sentinel.orgs');
SELECT is((SELECT string_agg(kind, ' ' ORDER BY n) ~ '^(reference )+(distributed ?)+$' FROM standin.citus_tables), true, 'lookups first');
SELECT is_empty($$SELECT k.conname FROM pg_constraint k JOIN standin.citus_tables c ON c.table_name = k.conrelid
        JOIN standin.citus_tables p ON p.table_name = k.confrelid WHERE k.contype = 'f' AND p.n > c.n$$, 'parents before children');
SELECT is_empty('SELECT * FROM standin.lapse', 'no trigger was on while rows were copied');
SELECT is((SELECT string_agg(DISTINCT action, ', ' ORDER BY action) FROM step),
    'copied to every node, distributed by org_id, to run after COMMIT, triggers off, triggers on', 'it tells each step, and what is left to run');
SELECT bag_eq($$SELECT tgrelid::regclass::text, tgname::text, tgenabled::text FROM pg_trigger JOIN tenant_table x ON x.oid = tgrelid WHERE NOT tgisinternal AND tgparentid = 0 AND tgenabled <> 'O'$$,
    $$VALUES ('sentinel.intake_raw', 'intake_raw_fingerprints', 'D'), ('sentinel.leads', 'leads_prepare', 'A')$$,
    'then all triggers are on, but those that were not before');
ALTER TABLE sentinel.intake_raw ENABLE TRIGGER intake_raw_fingerprints;
ALTER TABLE sentinel.leads ENABLE TRIGGER leads_prepare;
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND (tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL)$$, 'none uses a transition table');
SELECT is_empty($$SELECT tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgtype & 1 = 1 AND NOT t.tgisinternal
        AND p.prosrc ~* '(wake_workers|pg_notify)'$$, 'and none of a row sends a NOTIFY');
SELECT throws_ok($$SELECT * FROM sentinel.distribute()$$, '55000', NULL, 'a second distribute() is refused');

SELECT pg_temp.play(:'many');
SELECT isnt_empty(format('SELECT FROM sentinel.job_waiting WHERE org_id = %L', :'one'), 'there are jobs to compare');
SELECT bag_eq(format('SELECT pg_temp.rows_of(%L, %L, %L)', x.org, 'sentinel.job_waiting', '{run_at,created_at}'),
              format('SELECT pg_temp.rows_of(%L, %L, %L)', :'one', 'sentinel.job_waiting', '{run_at,created_at}'), 'both forms of the fan-out enqueue the same jobs')
FROM (SELECT :'many' AS org) x;
SELECT bag_eq(format('SELECT pg_temp.rows_of(%L, %L, %L)', :'many', t.name, t.aside), format('SELECT pg_temp.rows_of(%L, %L, %L)', :'one', t.name, t.aside),
              format('both forms leave the same in %s', t.name))
FROM (VALUES ('sentinel.events', '{seq}'), ('sentinel.leads', '{}'), ('sentinel.deals', '{updated_at}'), ('sentinel.deal_history', '{}'),
             ('sentinel.deal_timeline', '{}'),
             ('sentinel.deal_signals', '{}'), ('sentinel.stage_norms', '{}'), ('sentinel.intake_fingerprints', '{fingerprint}')) t(name, aside);
PREPARE counts AS SELECT queue, job_type, worker, outcome, sum(jobs) AS jobs, sum(wait_ms) AS wait,
    sum(run_ms) AS run, max(max_wait_ms) AS max_wait, max(max_run_ms) AS max_run
    FROM sentinel.job_stats WHERE org_id = $1 GROUP BY 1, 2, 3, 4;
SELECT bag_eq(format('EXECUTE counts(%L)', :'many'), format('EXECUTE counts(%L)', :'one'), 'and the same counts');

-- install() makes the triggers anew, in the form that fits.
SELECT isnt_empty('SELECT FROM sentinel.install()', 'install() runs again');
SELECT is((SELECT count(*) FROM pg_trigger t JOIN sentinel.row_triggers() r ON r.relation::regclass = t.tgrelid AND r.trigger_name = t.tgname
           AND t.tgfoid = r.routine::regprocedure WHERE t.tgtype & 1 = 1), (SELECT count(*) FROM sentinel.row_triggers()), 'the forms for shards stay');
SELECT is((SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
           WHERE d.adrelid = 'sentinel.events'::regclass AND a.attname = 'generation'), sentinel.current_generation()::text, 'and events take their generation from the default');

DELETE FROM sentinel.distribution;
SELECT isnt_empty('SELECT FROM sentinel.install()', 'once the tables are taken back, install() runs');
SELECT is((SELECT count(*) FROM pg_trigger t JOIN sentinel.row_triggers() r ON r.relation::regclass = t.tgrelid AND r.trigger_name = t.tgname
           WHERE t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL), (SELECT count(*) FROM sentinel.row_triggers()), 'and the forms of one machine are back');
SELECT is((SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
           WHERE d.adrelid = 'sentinel.events'::regclass AND a.attname = 'generation'), 'sentinel.current_generation()', 'with the default');

SELECT * FROM finish();
ROLLBACK;
