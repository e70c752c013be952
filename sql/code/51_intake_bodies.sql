-- Room intake: bodies of requests, as bytes. What is no JSON is kept as well, and tells why.

CREATE FUNCTION sentinel.read_json(body bytea, OUT value jsonb, OUT fault text)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    read_json.fault := CASE WHEN coalesce(length(read_json.body), 0) = 0 THEN 'it is empty' ELSE sentinel.json_fault(read_json.body) END;
    IF read_json.fault IS NULL THEN
        BEGIN
            read_json.value := convert_from(read_json.body, 'UTF8')::jsonb;
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            read_json.fault := 'it cannot be read';
        END;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.read_json(bytea) IS 'Read bytes of a stranger as JSON, or tell why they are none.';

-- grant: sentinel_member, sentinel_operator, sentinel_gateway
CREATE FUNCTION sentinel.intake_bytes(source text, body bytea, wrapped boolean DEFAULT false, idempotency_key text DEFAULT NULL,
                                      received_at timestamptz DEFAULT now())
    RETURNS TABLE (intake_id uuid, state text, duplicate_of uuid, duplicate_key text, code text, reason text, hint text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    origin text := sentinel.check_source(intake_bytes.source);
    given record;
    kept record;
BEGIN
    SELECT * INTO given FROM sentinel.read_json(intake_bytes.body);
    IF given.fault IS NULL THEN
        IF intake_bytes.wrapped AND jsonb_typeof(given.value -> 'payload') = 'object' THEN
            given.value := (given.value - 'payload') || (given.value -> 'payload');
        END IF;
        SELECT * INTO kept FROM sentinel.intake(origin, given.value, intake_bytes.idempotency_key, intake_bytes.received_at);
    ELSE
        PERFORM sentinel.require_contributor();
        IF length(intake_bytes.idempotency_key) NOT BETWEEN 1 AND 500 THEN
            RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('idempotency key of %s characters', length(intake_bytes.idempotency_key)),
                DETAIL = 'A key has 1 to 500 characters.', HINT = 'Use the id that the sender gave the message.';
        END IF;
        INSERT INTO sentinel.intake_raw AS r (org_id, source, raw, state, reject_code, reject_reason, reject_hint, idempotency_key, processed_at)
        VALUES (org, origin, coalesce(intake_bytes.body, ''), 'rejected', 'not_json', 'the body is no JSON: ' || given.fault,
                'send JSON in UTF-8', intake_bytes.idempotency_key, now())
        ON CONFLICT (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
        RETURNING r.id AS intake_id, r.state, r.duplicate_of, r.duplicate_key INTO kept;
        IF kept.intake_id IS NULL THEN
            SELECT r.id AS intake_id, r.state, r.duplicate_of, r.duplicate_key INTO kept FROM sentinel.intake_raw r
            WHERE r.org_id = org AND r.idempotency_key = intake_bytes.idempotency_key;
        END IF;
    END IF;
    IF kept.state <> 'rejected' THEN
        RETURN QUERY SELECT kept.intake_id, kept.state, kept.duplicate_of, kept.duplicate_key, NULL::text, NULL::text, NULL::text;
    ELSE
        RETURN QUERY SELECT r.id, r.state, r.duplicate_of, r.duplicate_key, r.reject_code, r.reject_reason, r.reject_hint
            FROM sentinel.intake_raw r WHERE r.org_id = org AND r.id = kept.intake_id;
    END IF;
END
$$;
ALTER FUNCTION sentinel.intake_bytes(text, bytea, boolean, text, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.intake_bytes(text, bytea, boolean, text, timestamptz) IS
    'Take in one lead as the body of a request: as intake() does, but bytes that are no JSON are kept too, as rejected with the code not_json. wrapped: the lead is the member payload, what stands beside it is extra. Gives the row, its state and why it was refused. Errors: SN002, SN003 viewer, SN007 source, key or received_at.';

-- grant: sentinel_member, sentinel_operator, sentinel_gateway
CREATE FUNCTION sentinel.intake_leads(body bytea, source text DEFAULT 'csv', defaults jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL,
                                      file_name text DEFAULT NULL)
    RETURNS TABLE (line integer, state text, intake_id uuid, duplicate_of uuid, duplicate_key text, code text, reason text, hint text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    origin text := sentinel.check_source(intake_leads.source);
    bytes bytea := coalesce(intake_leads.body, '');
    common jsonb := sentinel.form_payload(intake_leads.defaults);
    given record;
    fault text;
    batch uuid;
    good_rows uuid[];
BEGIN
    PERFORM sentinel.require_contributor();
    IF length(intake_leads.idempotency_key) NOT BETWEEN 1 AND 480 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('idempotency key of %s characters', length(intake_leads.idempotency_key)),
            DETAIL = 'The key of a list has 1 to 480 characters.', HINT = 'Use the id that the sender gave the list.';
    ELSIF jsonb_typeof(common) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('defaults are of type %s', jsonb_typeof(common)),
            DETAIL = 'Defaults are a JSON object of field names and values.', HINT = 'Use ''{"platform": "linkedin"}''.';
    END IF;
    SELECT * INTO given FROM sentinel.read_json(bytes);
    fault := CASE WHEN given.fault IS NOT NULL THEN 'the body is no JSON: ' || given.fault
                  WHEN coalesce(jsonb_typeof(given.value -> 'leads'), 'null') <> 'array' THEN 'the body has no array "leads"' END;
    SELECT r.batch_id INTO batch FROM sentinel.intake_raw r
    WHERE r.org_id = org AND r.idempotency_key = intake_leads.idempotency_key || ':1';
    IF batch IS NOT NULL THEN
        RETURN QUERY SELECT r.line, r.state, r.id, r.duplicate_of, r.duplicate_key, r.reject_code, r.reject_reason, r.reject_hint
            FROM sentinel.intake_raw r WHERE r.org_id = org AND r.batch_id = batch ORDER BY r.line;
        RETURN;
    END IF;
    INSERT INTO sentinel.intake_batches AS b (org_id, source, file_name, raw, bytes, encoding, member_id, error)
    VALUES (org, origin, left(intake_leads.file_name, 255), bytes, length(bytes), 'UTF-8', sentinel.current_member(), fault)
    RETURNING b.id INTO batch;
    WITH judged AS MATERIALIZED (
        SELECT p.n, p.lead, p.payload, CASE
                   WHEN pg_column_size(p.lead) > 1048576 THEN ARRAY['too_large',
                       format('the lead has %s bytes, at most 1048576 are taken', pg_column_size(p.lead)), 'send leads without attachments']
                   ELSE sentinel.intake_fault(p.payload) END AS fault
        FROM (SELECT e.n, e.lead, CASE jsonb_typeof(e.lead) WHEN 'object' THEN common || sentinel.form_payload(e.lead) ELSE e.lead END AS payload
              FROM jsonb_array_elements(CASE WHEN fault IS NULL THEN given.value -> 'leads' ELSE '[]' END) WITH ORDINALITY AS e(lead, n)) p
    ), added AS (
        INSERT INTO sentinel.intake_raw AS r (org_id, batch_id, line, source, payload, raw, state, reject_code, reject_reason, reject_hint,
                                              idempotency_key, processed_at)
        SELECT org, batch, j.n, origin, j.payload, CASE WHEN j.fault IS NOT NULL THEN substr(convert_to(j.lead::text, 'UTF8'), 1, 65536) END,
               CASE WHEN j.fault IS NULL THEN 'waiting' ELSE 'rejected' END, j.fault[1], j.fault[2], j.fault[3],
               intake_leads.idempotency_key || ':' || j.n, CASE WHEN j.fault IS NOT NULL THEN now() END
        FROM judged j
        UNION ALL
        SELECT org, batch, NULL, origin, NULL, substr(bytes, 1, 65536), 'rejected', CASE WHEN given.fault IS NULL THEN 'no_leads' ELSE 'not_json' END,
               fault, 'send {"leads": [{"name": "…", "email": "…"}]} in UTF-8', intake_leads.idempotency_key || ':1', now()
        WHERE fault IS NOT NULL
        ON CONFLICT (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
        RETURNING r.id, r.reject_code
    )
    SELECT array_agg(a.id) FILTER (WHERE a.reject_code IS NULL) INTO good_rows FROM added a;
    IF good_rows IS NOT NULL THEN
        PERFORM sentinel.settle_intake(org, good_rows);
    END IF;
    UPDATE sentinel.intake_batches b
    SET rows_total = n.total, rows_accepted = n.accepted, rows_duplicate = n.duplicate, rows_rejected = n.rejected,
        error = coalesce(b.error, CASE WHEN n.total = 0 THEN 'the list is empty, or came in twice at once' END)
    FROM (SELECT count(*) AS total, count(*) FILTER (WHERE r.state = 'waiting') AS accepted,
                 count(*) FILTER (WHERE r.state = 'duplicate') AS duplicate, count(*) FILTER (WHERE r.state = 'rejected') AS rejected
          FROM sentinel.intake_raw r WHERE r.org_id = org AND r.batch_id = batch) n
    WHERE b.org_id = org AND b.id = batch;
    -- Of two that bring one key at once the rows of the first stand, for both.
    batch := coalesce((SELECT r.batch_id FROM sentinel.intake_raw r
                       WHERE r.org_id = org AND r.idempotency_key = intake_leads.idempotency_key || ':1'), batch);
    RETURN QUERY SELECT r.line, r.state, r.id, r.duplicate_of, r.duplicate_key, r.reject_code, r.reject_reason, r.reject_hint
        FROM sentinel.intake_raw r WHERE r.org_id = org AND r.batch_id = batch ORDER BY r.line;
END
$$;
ALTER FUNCTION sentinel.intake_leads(bytea, text, jsonb, text, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.intake_leads(bytea, text, jsonb, text, text) IS
    'Take in many leads as the body of a request, {"leads": [{…}, …]}: as intake_csv() does a file, line being the place in the list. A body that is no JSON or has no leads is kept and gives one row without a line, with the code not_json or no_leads. An idempotency key seen before gives the rows of the first time. Errors: SN002, SN003 viewer, SN007 source, key or defaults.';
