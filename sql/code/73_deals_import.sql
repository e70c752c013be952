-- Room deals, import: a file of opportunities becomes deals with their history, in sets: the deals as they began, each round of
-- moves between open stages, what closed, what changed. The triggers of deals do what they do for every write, so the versions
-- lie at the times that the file tells; they tell no events of what lies before imported_until.

CREATE FUNCTION sentinel.add_deal_owners(org uuid, file bytea, fields text[]) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newcomer record;
    added integer := 0;
BEGIN
    FOR newcomer IN
        SELECT a.address, max(a.called) AS called
        FROM (SELECT lower(coalesce(l.cells ->> 'owner_email', l.cells ->> 'owner')) AS address,
                     coalesce(l.cells ->> 'owner', l.cells ->> 'owner_email') AS called
              FROM sentinel.read_deals_csv(add_deal_owners.file, add_deal_owners.fields, '{}') l) a
        WHERE a.address ~ '^[^@\s]+@[^@\s]+$'
          AND NOT EXISTS (SELECT FROM sentinel.members m WHERE m.org_id = add_deal_owners.org
                          AND (m.email = a.address OR lower(m.display_name) = lower(a.called)))
        GROUP BY a.address ORDER BY a.address
    LOOP
        PERFORM sentinel.add_member(left(newcomer.called, 200), newcomer.address);
        added := added + 1;
    END LOOP;
    RETURN added;
END
$$;
COMMENT ON FUNCTION sentinel.add_deal_owners(uuid, bytea, text[]) IS
    'Add the owners that a file of opportunities names by e-mail address and who are no members; gives their number.';

CREATE FUNCTION sentinel.write_deal_import(org uuid, import_id uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    file record;
    turns integer;
BEGIN
    SELECT i.pipeline_id, i.as_of, i.announce INTO file FROM sentinel.deal_imports i
    WHERE i.org_id = write_deal_import.org AND i.id = write_deal_import.import_id;

    INSERT INTO sentinel.deals (org_id, id, pipeline_id, stage, name, company_name, value, currency, owner_id, team_id, channel,
                                external_id, imported_until, created_at, recorded_at)
    SELECT r.org_id, r.deal_id, file.pipeline_id, f.start, f.name, f.company_name, f.start_value, f.currency, f.owner_id, f.team_id,
           f.channel, r.external_id, CASE WHEN NOT file.announce THEN file.as_of END, f.created_at, f.created_at
    FROM sentinel.deal_import_rows r
    CROSS JOIN LATERAL jsonb_to_record(r.reading) AS f(start text, name text, company_name text, start_value numeric, currency text,
        owner_id uuid, team_id uuid, channel text, created_at timestamptz)
    WHERE r.org_id = write_deal_import.org AND r.import_id = write_deal_import.import_id AND r.state = 'created'
    ORDER BY r.line;

    SELECT max(jsonb_array_length(r.reading -> 'moves')) INTO turns FROM sentinel.deal_import_rows r
    WHERE r.org_id = write_deal_import.org AND r.import_id = write_deal_import.import_id AND r.state = 'created';
    FOR turn IN 0 .. coalesce(turns, 0) - 1 LOOP
        UPDATE sentinel.deals d SET stage = m.stage, changed_at = m.at, stage_changed_at = coalesce(m.since, m.at)
        FROM (SELECT r.deal_id, r.reading #>> ARRAY['moves', turn::text, 'stage'] AS stage,
                     (r.reading #>> ARRAY['moves', turn::text, 'at'])::timestamptz AS at,
                     (r.reading #>> ARRAY['moves', turn::text, 'since'])::timestamptz AS since
              FROM sentinel.deal_import_rows r
              WHERE r.org_id = write_deal_import.org AND r.import_id = write_deal_import.import_id AND r.state = 'created'
                AND jsonb_array_length(r.reading -> 'moves') > turn) m
        WHERE d.org_id = write_deal_import.org AND d.id = m.deal_id;
    END LOOP;

    -- All closings in one statement: the stage norms are then learned in their order.
    UPDATE sentinel.deals d SET stage = f.stage, value = f.value, lost_reason = f.lost_reason, changed_at = f.closed_at
    FROM sentinel.deal_import_rows r
    CROSS JOIN LATERAL jsonb_to_record(r.reading) AS f(stage text, kind text, value numeric, lost_reason text, closed_at timestamptz)
    WHERE r.org_id = write_deal_import.org AND r.import_id = write_deal_import.import_id AND r.state = 'created' AND f.kind <> 'open'
      AND d.org_id = write_deal_import.org AND d.id = r.deal_id;

    -- When an open deal is expected to close is known from the time of the file on, not from its beginning.
    UPDATE sentinel.deals d SET expected_close_at = f.expected_close_at, changed_at = greatest(file.as_of, d.changed_at)
    FROM sentinel.deal_import_rows r
    CROSS JOIN LATERAL jsonb_to_record(r.reading) AS f(kind text, expected_close_at timestamptz)
    WHERE r.org_id = write_deal_import.org AND r.import_id = write_deal_import.import_id AND r.state = 'created'
      AND f.kind = 'open' AND f.expected_close_at IS NOT NULL
      AND d.org_id = write_deal_import.org AND d.id = r.deal_id;

    -- Deals that were there: what the file tells becomes one more version, a closing when it happened, all else as of the file,
    -- but never before what is known.
    UPDATE sentinel.deals d
    SET name = f.name, company_name = f.company_name, value = f.value, currency = f.currency, owner_id = f.owner_id,
        team_id = f.team_id, channel = f.channel, expected_close_at = f.expected_close_at, stage = f.stage,
        lost_reason = f.lost_reason,
        changed_at = greatest(d.changed_at, CASE WHEN f.stage <> d.stage AND f.kind <> 'open' THEN m.at ELSE file.as_of END),
        stage_changed_at = CASE WHEN f.stage <> d.stage THEN greatest(d.stage_changed_at, m.at) ELSE d.stage_changed_at END,
        closed_at = CASE WHEN f.stage = d.stage THEN d.closed_at WHEN f.kind <> 'open' THEN f.closed_at END,
        imported_until = CASE WHEN NOT file.announce THEN greatest(d.imported_until, file.as_of, least(d.changed_at, now())) END
    FROM sentinel.deal_import_rows r
    CROSS JOIN LATERAL jsonb_to_record(r.reading) AS f(name text, company_name text, value numeric, currency text, owner_id uuid,
        team_id uuid, channel text, expected_close_at timestamptz, stage text, kind text, lost_reason text,
        closed_at timestamptz, stage_changed_at timestamptz)
    CROSS JOIN LATERAL (SELECT coalesce(f.closed_at, least(f.stage_changed_at, file.as_of)) AS at) m
    WHERE r.org_id = write_deal_import.org AND r.import_id = write_deal_import.import_id AND r.state = 'updated'
      AND d.org_id = write_deal_import.org AND d.id = r.deal_id;
END
$$;
COMMENT ON FUNCTION sentinel.write_deal_import(uuid, uuid) IS
    'Make and change the deals of an import as its judged rows say; a few statements for any number of rows.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.import_deals_csv(body bytea, mapping jsonb DEFAULT NULL, dry_run boolean DEFAULT false,
        defaults jsonb DEFAULT '{}', words jsonb DEFAULT '{}', unknown_owners text DEFAULT 'refuse', announce boolean DEFAULT false,
        pipeline text DEFAULT NULL, date_order text DEFAULT NULL, decimal_comma boolean DEFAULT NULL, timezone text DEFAULT NULL,
        file_name text DEFAULT NULL, as_of timestamptz DEFAULT now())
    RETURNS TABLE (line integer, state text, deal_id uuid, external_id text, code text, reason text, hint text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    file bytea := coalesce(import_deals_csv.body, '');
    format text[] := sentinel.csv_format(file);
    at constant timestamptz := least(coalesce(import_deals_csv.as_of, now()), now());
    path uuid;
    zone text;
    header record;
    columns record;
    habits record;
    wrong text;
    new_import uuid := sentinel.uuid7();
    counts record;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT p.id INTO path FROM sentinel.pipelines p
    WHERE p.org_id = org AND (lower(p.name) = lower(import_deals_csv.pipeline) OR import_deals_csv.pipeline IS NULL AND p.is_default)
    ORDER BY p.name = import_deals_csv.pipeline DESC LIMIT 1;
    IF path IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('no pipeline "%s" in this organisation', left(coalesce(import_deals_csv.pipeline, 'default'), 80)),
            DETAIL = 'A deal goes along a pipeline of its organisation.',
            HINT = format('Use one of: %s.', (SELECT string_agg(quote_literal(p.name), ', ' ORDER BY p.name)
                                              FROM sentinel.pipelines p WHERE p.org_id = org));
    END IF;
    SELECT coalesce(import_deals_csv.timezone, o.timezone) INTO zone FROM sentinel.orgs o WHERE o.org_id = org;
    IF import_deals_csv.timezone IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = zone) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown time zone "%s"', left(zone, 60)),
            DETAIL = 'A time zone is a name of pg_timezone_names.', HINT = 'Use ''Europe/Berlin''.';
    END IF;
    IF import_deals_csv.unknown_owners IS NULL OR import_deals_csv.unknown_owners NOT IN ('refuse', 'nobody', 'add') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown way "%s"', left(coalesce(import_deals_csv.unknown_owners, 'null'), 40)),
            DETAIL = 'Deals of owners who are no members are refused, imported as nobody''s, or their owners are added by their e-mail address.',
            HINT = 'Use one of: refuse, nobody, add.';
    END IF;
    IF import_deals_csv.date_order NOT IN ('day', 'month', 'year') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown date order "%s"', left(import_deals_csv.date_order, 40)),
            DETAIL = 'It names the part with which dates begin.', HINT = 'Use one of: day, month, year.';
    END IF;
    IF jsonb_typeof(coalesce(import_deals_csv.words, '{}')) <> 'object' OR jsonb_typeof(coalesce(import_deals_csv.defaults, '{}')) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'words and defaults are JSON objects',
            DETAIL = 'words says by field what cells mean, defaults fills fields that a record lacks.',
            HINT = 'Use words => ''{"stage": {"Engaging": "qualify"}}'', defaults => ''{"currency": "EUR"}''.';
    END IF;
    SELECT k.key INTO wrong FROM (SELECT jsonb_object_keys(import_deals_csv.defaults) AS key) k
    WHERE NOT EXISTS (SELECT FROM sentinel.deal_columns c WHERE c.field = k.key) ORDER BY 1 LIMIT 1;
    IF wrong IS NULL THEN
        SELECT w.key INTO wrong FROM jsonb_each(import_deals_csv.words) w
        WHERE w.key NOT IN ('stage', 'outcome', 'owner') OR jsonb_typeof(w.value) <> 'object' ORDER BY 1 LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown field "%s"', left(wrong, 80)),
            DETAIL = 'defaults has fields of sentinel.deal_columns; words has stage, outcome and owner, each an object.',
            HINT = 'SELECT DISTINCT field FROM sentinel.deal_columns;';
    END IF;

    SELECT p.line, p.cells, p.raw, p.code, p.reason, p.hint INTO header FROM sentinel.parse_csv(file) p LIMIT 1;
    IF header.cells IS NOT NULL THEN
        SELECT * INTO columns FROM sentinel.deal_csv_fields(org, path, header.cells, import_deals_csv.mapping);
        SELECT coalesce(import_deals_csv.date_order, h.date_order) AS date_order,
               coalesce(import_deals_csv.decimal_comma, h.decimal_comma) AS decimal_comma
        INTO habits FROM sentinel.deal_csv_habits(file, columns.fields) h;
    ELSE
        SELECT NULL::text[] AS fields, NULL::text[] AS warnings INTO columns;
        SELECT import_deals_csv.date_order, import_deals_csv.decimal_comma INTO habits;
    END IF;
    IF import_deals_csv.dry_run THEN
        RETURN QUERY SELECT header.line, 'rejected', NULL::uuid, NULL, header.code, header.reason, header.hint
            WHERE header.code IS NOT NULL;
        RETURN QUERY SELECT j.line, j.state, j.deal_id, j.external_id, j.code, j.reason, j.hint
            FROM sentinel.judge_deals_csv(org, path, file, columns.fields, coalesce(import_deals_csv.defaults, '{}'),
                coalesce(import_deals_csv.words, '{}'), habits.date_order, habits.decimal_comma, zone,
                import_deals_csv.unknown_owners, at) j
            WHERE columns.fields IS NOT NULL;
        RETURN;
    END IF;

    -- One import after the other, so that both do not make the same deal.
    PERFORM pg_advisory_xact_lock(7361, hashtext(org::text));
    IF import_deals_csv.unknown_owners = 'add' AND columns.fields IS NOT NULL THEN
        PERFORM sentinel.add_deal_owners(org, file, columns.fields);
    END IF;
    INSERT INTO sentinel.deal_imports (org_id, id, pipeline_id, file_name, raw, bytes, delimiter, encoding, header, fields, date_order,
                                       decimal_comma, timezone, announce, warnings, member_id, as_of)
    VALUES (org, new_import, path, left(import_deals_csv.file_name, 255), file, length(file), format[1], format[2], header.cells,
            columns.fields, habits.date_order, habits.decimal_comma, zone, coalesce(import_deals_csv.announce, false),
            coalesce(columns.warnings, '{}')
            || CASE WHEN header.cells IS NULL AND header.code IS NULL THEN ARRAY['the file has no header'] ELSE '{}' END,
            sentinel.current_member(), at);
    INSERT INTO sentinel.deal_import_rows (org_id, import_id, line, state, raw, reject_code, reject_reason, reject_hint)
    SELECT org, new_import, header.line, 'rejected', substr(header.raw, 1, 65536), header.code, header.reason, header.hint
    WHERE header.code IS NOT NULL;
    IF columns.fields IS NOT NULL THEN
        INSERT INTO sentinel.deal_import_rows (org_id, import_id, line, state, deal_id, external_id, reading, raw, reject_code,
                                               reject_reason, reject_hint)
        SELECT org, new_import, j.line, j.state,
               CASE WHEN j.state = 'created' THEN sentinel.uuid7() ELSE j.deal_id END, j.external_id, j.reading, j.raw, j.code,
               j.reason, j.hint
        FROM sentinel.judge_deals_csv(org, path, file, columns.fields, coalesce(import_deals_csv.defaults, '{}'),
            coalesce(import_deals_csv.words, '{}'), habits.date_order, habits.decimal_comma, zone,
            import_deals_csv.unknown_owners, at) j;
        -- An organisation of which the planner has not heard yet is taken for one row, and each deal then compared with each.
        IF (SELECT count(*) FROM sentinel.deal_import_rows r WHERE r.org_id = org AND r.import_id = new_import) > 500 THEN
            ANALYZE sentinel.deal_import_rows;
        END IF;
        PERFORM sentinel.write_deal_import(org, new_import);
    END IF;
    UPDATE sentinel.deal_imports i
    SET rows_total = n.total, rows_created = n.created, rows_updated = n.updated, rows_unchanged = n.unchanged,
        rows_rejected = n.rejected
    FROM (SELECT count(*) AS total, count(*) FILTER (WHERE r.state = 'created') AS created,
                 count(*) FILTER (WHERE r.state = 'updated') AS updated, count(*) FILTER (WHERE r.state = 'unchanged') AS unchanged,
                 count(*) FILTER (WHERE r.state = 'rejected') AS rejected
          FROM sentinel.deal_import_rows r WHERE r.org_id = org AND r.import_id = new_import) n
    WHERE i.org_id = org AND i.id = new_import
    RETURNING n.total, n.created, n.updated, n.unchanged, n.rejected INTO counts;
    PERFORM sentinel.emit_for(org, 'deal_import.finished', 'deal_import', new_import, jsonb_build_object(
        'import_id', new_import, 'file_name', import_deals_csv.file_name, 'rows_total', counts.total,
        'rows_created', counts.created, 'rows_updated', counts.updated, 'rows_unchanged', counts.unchanged,
        'rows_rejected', counts.rejected), 'deal_import.finished:' || new_import);
    PERFORM sentinel.audit('deals.imported', 'deal_import', new_import, to_jsonb(counts));
    RETURN QUERY SELECT r.line, r.state, r.deal_id, r.external_id, r.reject_code, r.reject_reason, r.reject_hint
        FROM sentinel.deal_import_rows r WHERE r.org_id = org AND r.import_id = new_import ORDER BY r.line;
END
$$;
ALTER FUNCTION sentinel.import_deals_csv(bytea, jsonb, boolean, jsonb, jsonb, text, boolean, text, text, boolean, text, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.import_deals_csv(bytea, jsonb, boolean, jsonb, jsonb, text, boolean, text, text, boolean, text, text, timestamptz) IS
    'Take in a CSV file of opportunities, for owners and admins; one row back per record with its physical line: created, updated, unchanged, or rejected with the reason. Columns are found by deal_columns or named by mapping; words says what their stages, outcomes and owners are called, defaults fills what a record lacks. Each deal gets the history that the file tells: a version at its beginning, one per stage with a time of entering, one when it closed; where the file is silent it began in the first stage, passed those between when it closed, and where an open one stands is known from as_of, the time of the file, on. What was learned of a deal after as_of is not undone: such a record is refused. External ids make it repeatable; without them one is made of name, account, product, owner and beginning. Nothing of it emits events of deals unless announce. dry_run writes nothing. Errors: SN002, SN003, SN004 pipeline, SN007 mapping, words or defaults, 22023 the other options.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.import_deals_csv(body text, mapping jsonb DEFAULT NULL, dry_run boolean DEFAULT false,
        defaults jsonb DEFAULT '{}', words jsonb DEFAULT '{}', unknown_owners text DEFAULT 'refuse', announce boolean DEFAULT false,
        pipeline text DEFAULT NULL, date_order text DEFAULT NULL, decimal_comma boolean DEFAULT NULL, timezone text DEFAULT NULL,
        file_name text DEFAULT NULL, as_of timestamptz DEFAULT now())
    RETURNS TABLE (line integer, state text, deal_id uuid, external_id text, code text, reason text, hint text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM sentinel.import_deals_csv(convert_to(import_deals_csv.body, 'UTF8'), import_deals_csv.mapping,
        import_deals_csv.dry_run, import_deals_csv.defaults, import_deals_csv.words, import_deals_csv.unknown_owners,
        import_deals_csv.announce, import_deals_csv.pipeline, import_deals_csv.date_order, import_deals_csv.decimal_comma,
        import_deals_csv.timezone, import_deals_csv.file_name, import_deals_csv.as_of);
END
$$;
COMMENT ON FUNCTION sentinel.import_deals_csv(text, jsonb, boolean, jsonb, jsonb, text, boolean, text, text, boolean, text, text, timestamptz) IS
    'Take in a CSV text of opportunities as import_deals_csv(bytea) does a file.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.import_deals_csv(source regclass, mapping jsonb DEFAULT NULL, dry_run boolean DEFAULT false,
        defaults jsonb DEFAULT '{}', words jsonb DEFAULT '{}', unknown_owners text DEFAULT 'refuse', announce boolean DEFAULT false,
        pipeline text DEFAULT NULL, date_order text DEFAULT NULL, decimal_comma boolean DEFAULT NULL, timezone text DEFAULT NULL,
        file_name text DEFAULT NULL, as_of timestamptz DEFAULT now())
    RETURNS TABLE (line integer, state text, deal_id uuid, external_id text, code text, reason text, hint text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head text;
    cells text;
    rest text;
BEGIN
    PERFORM sentinel.require_org();
    SELECT string_agg('"' || replace(a.attname, '"', '""') || '"', ',' ORDER BY a.attnum),
           string_agg(format('coalesce(''"'' || replace(t.%I::text, ''"'', ''""'') || ''"'', '''')', a.attname), ' || '','' || ' ORDER BY a.attnum)
    INTO head, cells
    FROM pg_attribute a WHERE a.attrelid = import_deals_csv.source AND a.attnum > 0 AND NOT a.attisdropped;
    IF head IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('no table "%s" with columns', import_deals_csv.source),
            DETAIL = 'A table into which a file was copied has the headings of the file as names of its columns.',
            HINT = 'CREATE TEMP TABLE opportunities (name text, stage text, created text, value text); \copy opportunities FROM ''deals.csv'' CSV HEADER';
    END IF;
    EXECUTE format('SELECT string_agg(%s, chr(10)) FROM %s t', cells, import_deals_csv.source) INTO rest;
    RETURN QUERY SELECT * FROM sentinel.import_deals_csv(convert_to(concat_ws(chr(10), head, rest), 'UTF8'), import_deals_csv.mapping,
        import_deals_csv.dry_run, import_deals_csv.defaults, import_deals_csv.words, import_deals_csv.unknown_owners,
        import_deals_csv.announce, import_deals_csv.pipeline, import_deals_csv.date_order, import_deals_csv.decimal_comma,
        import_deals_csv.timezone, coalesce(import_deals_csv.file_name, import_deals_csv.source::text), import_deals_csv.as_of);
END
$$;
COMMENT ON FUNCTION sentinel.import_deals_csv(regclass, jsonb, boolean, jsonb, jsonb, text, boolean, text, text, boolean, text, text, timestamptz) IS
    'Take in the rows of a table of the caller, into which a file of opportunities was copied by COPY, as import_deals_csv(bytea) does a file; its columns are the headings. Lines count from 2, in the order in which the table is read. Errors: 42501 no right to read it, SN007 no columns, and those of import_deals_csv(bytea).';
