-- Room intake: rows come in, are judged, compared with all rows before them, and queued. Business tables are not touched.

CREATE FUNCTION sentinel.check_source(source text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(trim(check_source.source), '') = '' OR length(check_source.source) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid source "%s"', left(check_source.source, 60)),
            DETAIL = 'A source has 1 to 100 characters and tells where a row comes from.', HINT = 'Use ''form''.';
    END IF;
    RETURN trim(check_source.source);
END
$$;
COMMENT ON FUNCTION sentinel.check_source(text) IS 'Give the name of a source without blanks around it. Errors: SN007 empty or too long.';

CREATE FUNCTION sentinel.column_key(header text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN trim(regexp_replace(lower(column_key.header), '[\s_:*.-]+', ' ', 'g'));
END
$$;
COMMENT ON FUNCTION sentinel.column_key(text) IS
    'Give a column header as csv_columns writes it: lower case, single blanks for blanks, _ and -.';

CREATE FUNCTION sentinel.csv_fields(header text[], OUT fields text[], OUT warnings text[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH named AS (
        SELECT h.position, trim(h.name) AS name, sentinel.column_key(h.name) AS alias
        FROM unnest(csv_fields.header) WITH ORDINALITY AS h(name, position)
    ), known AS (
        SELECT n.position, CASE WHEN n.alias = '' THEN 'column ' || n.position ELSE left(n.name, 100) END AS name, c.field,
               CASE WHEN n.alias <> '' THEN row_number() OVER (PARTITION BY n.alias ORDER BY n.position) ELSE 1 END AS turn
        FROM named n LEFT JOIN sentinel.csv_columns c ON c.alias = n.alias
    )
    SELECT array_agg(CASE WHEN k.turn > 1 THEN format('extra:%s (%s)', k.name, k.turn)
                          ELSE coalesce(k.field, 'extra:' || k.name) END ORDER BY k.position),
           array_agg(format('column %s "%s" repeats an earlier column and is kept under extra', k.position, k.name)
                     ORDER BY k.position) FILTER (WHERE k.turn > 1)
           || CASE WHEN count(k.field) = 0 THEN ARRAY['no column of the header is known; sentinel.csv_columns lists the names'] END
    INTO csv_fields.fields, csv_fields.warnings
    FROM known k;
END
$$;
COMMENT ON FUNCTION sentinel.csv_fields(text[]) IS
    'Give the field of each column of a header: by its alias in csv_columns, else extra:header; a header that comes twice counts the first time.';

CREATE FUNCTION sentinel.form_payload(payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    members jsonb := form_payload.payload;
    cells text[];
    fields text[];
    extra jsonb;
BEGIN
    IF jsonb_typeof(members) IS DISTINCT FROM 'object' THEN
        RETURN coalesce(members, 'null');
    END IF;
    IF jsonb_typeof(members -> 'payload') = 'object' AND (SELECT count(*) FROM jsonb_object_keys(members)) = 1 THEN
        members := members -> 'payload';
    END IF;
    SELECT array_agg(m.value #>> '{}' ORDER BY c.alias = c.field DESC, m.key) FILTER (WHERE m.known),
           array_agg(c.field ORDER BY c.alias = c.field DESC, m.key) FILTER (WHERE m.known),
           jsonb_object_agg(m.key, m.value) FILTER (WHERE NOT m.known AND m.value <> 'null')
    INTO cells, fields, extra
    FROM (SELECT e.key, e.value, sentinel.column_key(e.key) AS alias FROM jsonb_each(members) e) e
    LEFT JOIN sentinel.csv_columns c ON c.alias = e.alias
    CROSS JOIN LATERAL (SELECT e.key, e.value,
        c.field IS NOT NULL AND jsonb_typeof(e.value) IN ('string', 'number') AS known) m;
    RETURN coalesce(sentinel.intake_payload(cells, fields), '{}')
           || CASE WHEN extra IS NULL THEN '{}' ELSE jsonb_build_object('extra', extra) END;
END
$$;
COMMENT ON FUNCTION sentinel.form_payload(jsonb) IS
    'Give the payload of a form or webhook with our field names; unknown members are kept under extra. {"payload": {…}} is unwrapped; what is no object comes back as it is.';

-- Tables that have just grown have no statistics, and a nested loop planned for one row takes minutes for thousands.
-- So rows are reached by the one index that fits, joins are of sets that the statement itself has made, and the costs
-- of what is switched off do not start the compiler.
CREATE FUNCTION sentinel.settle_intake(org uuid, ids uuid[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
DECLARE
    twins record;
BEGIN
    -- Fingerprints are taken in their own order, so that two transactions never wait for each other in a ring; of
    -- equal ones in this set the first line is put forward. A taken one gives its holder back.
    WITH keys AS MATERIALIZED (
        SELECT r.id, r.line, k.key, k.rank, k.fingerprint
        FROM sentinel.intake_raw r
        CROSS JOIN LATERAL sentinel.intake_keys(r.fingerprint, r.fingerprint_person, r.fingerprint_email,
                                                r.fingerprint_profile, r.fingerprint_phone) k
        WHERE r.org_id = settle_intake.org AND r.id = ANY (settle_intake.ids)
    ), held AS (
        INSERT INTO sentinel.intake_fingerprints AS f (org_id, key, fingerprint, intake_id)
        SELECT DISTINCT ON (k.key, k.fingerprint) settle_intake.org, k.key, k.fingerprint, k.id
        FROM keys k ORDER BY k.key, k.fingerprint, k.line NULLS FIRST, k.id
        ON CONFLICT ON CONSTRAINT intake_fingerprints_pkey DO UPDATE SET intake_id = f.intake_id
        RETURNING f.key, f.fingerprint, f.intake_id AS holder
    ), twice AS (
        SELECT DISTINCT ON (k.id) k.id, h.holder, h.key
        FROM keys k JOIN held h ON h.key = k.key AND h.fingerprint = k.fingerprint
        WHERE h.holder <> k.id ORDER BY k.id, k.rank
    )
    SELECT array_agg(t.id) AS ids, array_agg(t.holder) AS holders, array_agg(t.key) AS keys INTO twins FROM twice t;

    IF twins.ids IS NOT NULL THEN
        UPDATE sentinel.intake_raw r
        SET state = 'duplicate', duplicate_of = d.holder, duplicate_key = d.key, processed_at = now()
        FROM unnest(twins.ids, twins.holders, twins.keys) AS d(id, holder, key)
        WHERE r.org_id = settle_intake.org AND r.id = ANY (twins.ids) AND r.id = d.id;

        -- A duplicate may hold fingerprints of its own: what matches those is a duplicate of the first row of all.
        LOOP
            UPDATE sentinel.intake_raw r
            SET duplicate_of = (SELECT h.duplicate_of FROM sentinel.intake_raw h
                                WHERE h.org_id = settle_intake.org AND h.id = r.duplicate_of)
            WHERE r.org_id = settle_intake.org AND r.id = ANY (twins.ids)
              AND (SELECT h.duplicate_of FROM sentinel.intake_raw h
                   WHERE h.org_id = settle_intake.org AND h.id = r.duplicate_of) IS NOT NULL;
            EXIT WHEN NOT FOUND;
        END LOOP;
        UPDATE sentinel.intake_raw r
        SET lead_id = (SELECT h.lead_id FROM sentinel.intake_raw h WHERE h.org_id = settle_intake.org AND h.id = r.duplicate_of)
        WHERE r.org_id = settle_intake.org AND r.id = ANY (twins.ids)
          AND (SELECT h.lead_id FROM sentinel.intake_raw h
               WHERE h.org_id = settle_intake.org AND h.id = r.duplicate_of) IS NOT NULL;
    END IF;

    PERFORM sentinel.enqueue_many(j.jobs)
    FROM (SELECT jsonb_agg(jsonb_build_object('job_type', 'process_intake', 'payload', jsonb_build_object('intake_id', r.id),
                                              'idempotency_key', 'process_intake:' || r.id) ORDER BY r.line, r.id) AS jobs
          FROM sentinel.intake_raw r
          WHERE r.org_id = settle_intake.org AND r.id = ANY (settle_intake.ids) AND r.duplicate_of IS NULL) j
    WHERE j.jobs IS NOT NULL;
END
$$;
COMMENT ON FUNCTION sentinel.settle_intake(uuid, uuid[]) IS
    'Compare new waiting rows with each other and with all rows before them, mark the duplicates, queue the rest; a few statements for any number of rows. Of concurrent rows with one fingerprint the first to arrive wins, the others wait for it.';

CREATE FUNCTION sentinel.intake_keys(combined text, person text, email text, profile text, phone text)
    RETURNS TABLE (key text, fingerprint text, rank integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT k.key, k.fingerprint, k.rank
    FROM (VALUES ('combined', combined || COALESCE(person, ''), 1), ('email', email, 2),
                 ('profile_link', profile, 3), ('phone', phone, 4)) AS k(key, fingerprint, rank)
    WHERE k.fingerprint IS NOT NULL
$$;
COMMENT ON FUNCTION sentinel.intake_keys(text, text, text, text, text) IS
    'List the fingerprints of a row that must be unique, the most telling first.';

CREATE FUNCTION sentinel.release_fingerprints() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sentinel.intake_fingerprints f USING gone g WHERE f.org_id = g.org_id AND f.intake_id = g.id;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.release_fingerprints() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.release_fingerprints() IS
    'Trigger: free the fingerprints of deleted intake rows, so that the person may come in again.';

-- grant: sentinel_member, sentinel_operator, sentinel_gateway
CREATE FUNCTION sentinel.intake(source text, payload jsonb, idempotency_key text DEFAULT NULL,
                                received_at timestamptz DEFAULT now())
    RETURNS TABLE (intake_id uuid, state text, duplicate_of uuid, duplicate_key text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    origin text := sentinel.check_source(intake.source);
    fields jsonb := sentinel.form_payload(intake.payload);
    fault text[] := CASE WHEN pg_column_size(intake.payload) > 1048576
                         THEN ARRAY['too_large', format('the payload has %s bytes, at most 1048576 are taken', pg_column_size(intake.payload)),
                                    'send one lead, without attachments']
                         ELSE sentinel.intake_fault(fields) END;
    new_id uuid;
BEGIN
    PERFORM sentinel.require_contributor();
    IF length(intake.idempotency_key) NOT BETWEEN 1 AND 500 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('idempotency key of %s characters', length(intake.idempotency_key)),
            DETAIL = 'A key has 1 to 500 characters.', HINT = 'Use the id that the sender gave the message.';
    END IF;
    IF NOT coalesce(isfinite(intake.received_at) AND intake.received_at <= clock_timestamp(), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('received_at %s is no time past', coalesce(intake.received_at::text, 'null')),
            DETAIL = 'What came in has come.', HINT = 'Leave it out to mean now.';
    END IF;
    INSERT INTO sentinel.intake_raw AS r (org_id, source, payload, raw, state, reject_code, reject_reason, reject_hint,
                                          idempotency_key, received_at, processed_at)
    VALUES (org, origin, fields, convert_to(coalesce(intake.payload::text, 'null'), 'UTF8'),
            CASE WHEN fault IS NULL THEN 'waiting' ELSE 'rejected' END, fault[1], fault[2], fault[3],
            intake.idempotency_key, intake.received_at, CASE WHEN fault IS NOT NULL THEN now() END)
    ON CONFLICT (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING r.id INTO new_id;
    IF new_id IS NOT NULL AND fault IS NULL THEN
        PERFORM sentinel.settle_intake(org, ARRAY[new_id]);
    END IF;
    RETURN QUERY SELECT r.id, r.state, r.duplicate_of, r.duplicate_key FROM sentinel.intake_raw r
        WHERE r.org_id = org AND (r.id = new_id OR (new_id IS NULL AND r.idempotency_key = intake.idempotency_key));
END
$$;
ALTER FUNCTION sentinel.intake(text, jsonb, text, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.intake(text, jsonb, text, timestamptz) IS
    'Take in one lead from a form, a webhook or SQL; names of members may be any alias of csv_columns. Gives the row and its state: waiting (queued), duplicate, or rejected with the reason in intake_raw. A bad payload is kept as rejected and raises nothing. An idempotency key seen before gives the first row. received_at lies not in the future. Errors: SN002, SN003 viewer, SN007 source, key or received_at.';

-- grant: sentinel_member, sentinel_operator, sentinel_gateway
CREATE FUNCTION sentinel.intake_csv(csv bytea, source text DEFAULT 'csv', defaults jsonb DEFAULT '{}', file_name text DEFAULT NULL)
    RETURNS TABLE (line integer, state text, intake_id uuid, duplicate_of uuid, duplicate_key text, reason text, hint text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    origin text := sentinel.check_source(intake_csv.source);
    file bytea := coalesce(intake_csv.csv, '');
    format text[] := sentinel.csv_format(file);
    common jsonb := sentinel.form_payload(intake_csv.defaults);
    new_batch uuid;
    header record;
    columns record;
    good_rows uuid[];
BEGIN
    PERFORM sentinel.require_contributor();
    IF jsonb_typeof(common) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('defaults are of type %s', jsonb_typeof(common)),
            DETAIL = 'Defaults are a JSON object of field names and values.', HINT = 'Use ''{"platform": "linkedin"}''.';
    END IF;
    INSERT INTO sentinel.intake_batches AS b (org_id, source, file_name, raw, bytes, delimiter, encoding, member_id)
    VALUES (org, origin, left(intake_csv.file_name, 255), file, length(file), format[1], format[2], sentinel.current_member())
    RETURNING b.id INTO new_batch;

    SELECT c.line, c.cells, c.raw, c.code, c.reason, c.hint INTO header FROM sentinel.parse_csv(file) c LIMIT 1;
    IF header.cells IS NULL THEN
        IF header.code IS NOT NULL THEN
            INSERT INTO sentinel.intake_raw (org_id, batch_id, line, source, raw, state, reject_code, reject_reason, reject_hint, processed_at)
            VALUES (org, new_batch, header.line, origin, substr(header.raw, 1, 65536), 'rejected', header.code, header.reason,
                    header.hint, now());
        END IF;
        UPDATE sentinel.intake_batches b
        SET rows_total = CASE WHEN header.code IS NULL THEN 0 ELSE 1 END, rows_rejected = CASE WHEN header.code IS NULL THEN 0 ELSE 1 END,
            error = CASE WHEN length(file) = 0 THEN 'the file is empty' WHEN header.code IS NULL THEN 'the file has blank lines only'
                         ELSE 'the header cannot be read: ' || header.reason END
        WHERE b.org_id = org AND b.id = new_batch;
        RETURN QUERY SELECT r.line, r.state, r.id, r.duplicate_of, r.duplicate_key, r.reject_reason, r.reject_hint
            FROM sentinel.intake_raw r WHERE r.org_id = org AND r.batch_id = new_batch;
        RETURN;
    END IF;
    SELECT * INTO columns FROM sentinel.csv_fields(header.cells);

    WITH judged AS MATERIALIZED (
        SELECT p.line, p.raw, p.payload, coalesce(p.fault, sentinel.intake_fault(p.payload)) AS fault
        FROM (SELECT c.line, c.raw, common || sentinel.intake_payload(c.cells, columns.fields) AS payload,
                     CASE WHEN c.code IS NOT NULL THEN ARRAY[c.code, c.reason, c.hint] END AS fault
              FROM sentinel.parse_csv(file) WITH ORDINALITY AS c(line, cells, raw, code, reason, hint, position)
              WHERE c.position > 1) p
    ), added AS (
        INSERT INTO sentinel.intake_raw AS r (org_id, batch_id, line, source, payload, raw, state, reject_code, reject_reason,
                                              reject_hint, processed_at)
        SELECT org, new_batch, j.line, origin, j.payload, CASE WHEN j.fault IS NOT NULL THEN substr(j.raw, 1, 65536) END,
               CASE WHEN j.fault IS NULL THEN 'waiting' ELSE 'rejected' END, j.fault[1], j.fault[2], j.fault[3],
               CASE WHEN j.fault IS NOT NULL THEN now() END
        FROM judged j
        RETURNING r.id, r.reject_code
    )
    SELECT array_agg(a.id) FILTER (WHERE a.reject_code IS NULL) INTO good_rows FROM added a;
    IF good_rows IS NOT NULL THEN
        PERFORM sentinel.settle_intake(org, good_rows);
    END IF;

    UPDATE sentinel.intake_batches b
    SET rows_total = n.total, rows_accepted = n.accepted, rows_duplicate = n.duplicate, rows_rejected = n.rejected,
        warnings = coalesce(columns.warnings, '{}'),
        error = CASE WHEN n.total = 0 THEN 'the file has a header and no rows' END
    FROM (SELECT count(*) AS total, count(*) FILTER (WHERE r.state = 'waiting') AS accepted,
                 count(*) FILTER (WHERE r.state = 'duplicate') AS duplicate,
                 count(*) FILTER (WHERE r.state = 'rejected') AS rejected
          FROM sentinel.intake_raw r WHERE r.org_id = org AND r.batch_id = new_batch) n
    WHERE b.org_id = org AND b.id = new_batch;
    RETURN QUERY SELECT r.line, r.state, r.id, r.duplicate_of, r.duplicate_key, r.reject_reason, r.reject_hint
        FROM sentinel.intake_raw r WHERE r.org_id = org AND r.batch_id = new_batch ORDER BY r.line;
END
$$;
ALTER FUNCTION sentinel.intake_csv(bytea, text, jsonb, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.intake_csv(bytea, text, jsonb, text) IS
    'Take in a CSV file of leads, one row back per record with its physical line: waiting (queued), duplicate, or rejected with reason and hint. The file is kept in intake_batches before it is judged; bad rows are kept too and cost only themselves. Columns are matched by the aliases of csv_columns, the rest is kept under extra; defaults fill fields that a row lacks. An empty file gives no rows, an unreadable header the one of its line; intake_batches has the error. Errors: SN002, SN003 viewer, SN007 source or defaults.';

-- grant: sentinel_member, sentinel_operator, sentinel_gateway
CREATE FUNCTION sentinel.intake_csv(csv text, source text DEFAULT 'csv', defaults jsonb DEFAULT '{}', file_name text DEFAULT NULL)
    RETURNS TABLE (line integer, state text, intake_id uuid, duplicate_of uuid, duplicate_key text, reason text, hint text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM sentinel.intake_csv(convert_to(intake_csv.csv, 'UTF8'), intake_csv.source, intake_csv.defaults,
                                                   intake_csv.file_name);
END
$$;
COMMENT ON FUNCTION sentinel.intake_csv(text, text, jsonb, text) IS
    'Take in a CSV text of leads as intake_csv(bytea) does a file.';
