-- Room gateway, deals: routes that search, change, write out and take in many deals.

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_search_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer := sentinel.http_query_integer(request, 'limit', 20, 1, 100);
    words text := sentinel.http_query_text(request, 'q');
    team uuid := sentinel.http_query_id(request, 'team_id');
    owner uuid := CASE WHEN team IS NULL AND NOT sentinel.http_query_boolean(request, 'include_team_deals', true) THEN sentinel.current_member() END;
    stage text := (SELECT min(s.stage) FROM sentinel.pipeline_stages s
                   WHERE s.org_id = sentinel.require_org() AND s.stage IN (lower(btrim(words)), sentinel.normalize_stage(words)));
BEGIN
    RETURN sentinel.http_list((
        SELECT jsonb_agg(jsonb_build_object('id', f.deal_id, 'name', f.name, 'stage', f.deal_stage, 'value', f.value, 'currency', f.currency,
                                            'company_name', f.company_name) ORDER BY f.created_at DESC, f.deal_id DESC)
        FROM (SELECT * FROM sentinel.search_deals(q => words, owner => owner, team => team, page_size => most)
              UNION
              SELECT x.* FROM sentinel.search_deals(stage => stage, owner => owner, team => team, page_size => most) x
              WHERE stage IS NOT NULL AND sentinel.http_query_boolean(request, 'full_text')
              ORDER BY created_at DESC, deal_id DESC LIMIT most) f));
END
$$;
COMMENT ON FUNCTION sentinel.http_search_deals(jsonb, bytea) IS
    'Route: find deals whose name or company holds the words, with full_text also those in the stage of that name, newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.change_deals(ids uuid[], stage text, lost_reason text, assigns boolean, owner_id uuid)
    RETURNS TABLE (deal_id uuid, error text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    left_over uuid[] := change_deals.ids;
    faulty uuid[] := '{}';
    faults text[] := '{}';
    half uuid[];
BEGIN
    PERFORM sentinel.require_org();
    -- A deal gets all of it or nothing: when one is assigned that cannot be moved, the others are done again without it.
    LOOP
        EXIT WHEN left_over = '{}';
        BEGIN
            IF change_deals.assigns THEN
                SELECT faulty || coalesce(array_agg(x.deal_id) FILTER (WHERE NOT x.ok), '{}'), faults || coalesce(array_agg(x.error) FILTER (WHERE NOT x.ok), '{}'),
                       coalesce(array_agg(x.deal_id) FILTER (WHERE x.ok), '{}')
                INTO faulty, faults, left_over FROM sentinel.bulk_assign_deals(left_over, change_deals.owner_id) x;
            END IF;
            EXIT WHEN change_deals.stage IS NULL OR left_over = '{}';
            SELECT faulty || coalesce(array_agg(x.deal_id) FILTER (WHERE NOT x.ok), '{}'), faults || coalesce(array_agg(x.error) FILTER (WHERE NOT x.ok), '{}'),
                   coalesce(array_agg(x.deal_id) FILTER (WHERE NOT x.ok), '{}')
            INTO faulty, faults, half FROM sentinel.bulk_move_deals(left_over, change_deals.stage, change_deals.lost_reason) x;
            EXIT WHEN half = '{}' OR NOT change_deals.assigns;
            left_over := ARRAY(SELECT l FROM unnest(left_over) WITH ORDINALITY AS u (l, n) WHERE l <> ALL (half) ORDER BY u.n);
            RAISE EXCEPTION USING ERRCODE = 'SN014', MESSAGE = 'again without those';
        EXCEPTION WHEN SQLSTATE 'SN014' THEN
            NULL;
        END;
    END LOOP;
    RETURN QUERY SELECT i.id, f.fault FROM unnest(change_deals.ids) WITH ORDINALITY AS i (id, n)
        LEFT JOIN unnest(faulty, faults) AS f (id, fault) ON f.id = i.id ORDER BY i.n;
END
$$;
COMMENT ON FUNCTION sentinel.change_deals(uuid[], text, text, boolean, uuid) IS
    'Assign deals, move them to a stage, or both, each wholly or not at all; one row per id, in order, with the reason where it was not done. Errors: those of bulk_assign_deals() and bulk_move_deals().';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_bulk_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{action,deal_ids}'), '{action,deal_ids,updates}');
    action text := sentinel.json_text(b, 'action');
    ids uuid[] := (SELECT array_agg(u.id ORDER BY u.place) FROM (
        SELECT sentinel.http_id(to_jsonb(t.id), 'deal_ids') AS id, min(t.place) AS place
        FROM unnest(sentinel.json_texts(b, 'deal_ids')) WITH ORDINALITY AS t (id, place) GROUP BY 1) u);
    u jsonb := coalesce(nullif(b -> 'updates', 'null'), '{}');
    done bigint;
    faults jsonb;
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'no deals are named', DETAIL = 'deal_ids are 1 to 100 ids.', HINT = 'Send {"deal_ids": ["..."]}.';
    ELSIF action NOT IN ('update', 'delete') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid action "%s"', left(action, 60)),
            DETAIL = 'It is update or delete.', HINT = 'Send {"action": "update"}.';
    END IF;
    IF action = 'delete' THEN
        SELECT count(*) FILTER (WHERE x.ok), jsonb_agg(jsonb_build_object('deal_id', x.deal_id, 'message', x.error)) FILTER (WHERE NOT x.ok)
        INTO done, faults FROM sentinel.bulk_delete_deals(ids) x;
        RETURN sentinel.http_thing(jsonb_build_object('deleted', done, 'failed', cardinality(ids) - done, 'errors', coalesce(faults, '[]')));
    END IF;
    IF jsonb_typeof(u) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the member "updates" is no object', DETAIL = 'It is a JSON object.',
            HINT = 'Send {"updates": {"stage": "proposal"}}.';
    END IF;
    u := sentinel.json_members(u - '{assignedToId,lostReason}'::text[]
        || CASE WHEN u ? 'assignedToId' THEN jsonb_build_object('assigned_to_id', u -> 'assignedToId') ELSE '{}' END
        || CASE WHEN u ? 'lostReason' THEN jsonb_build_object('lost_reason', u -> 'lostReason') ELSE '{}' END,
        '{stage,lost_reason,assigned_to_id}', 'updates');
    IF NOT u ? 'assigned_to_id' AND coalesce(sentinel.json_text(u, 'stage'), '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'there is nothing to update', DETAIL = 'updates has a stage, an assigned_to_id, or both.',
            HINT = 'Send {"updates": {"stage": "proposal"}}.';
    END IF;
    SELECT count(*) FILTER (WHERE x.error IS NULL), jsonb_agg(jsonb_build_object('deal_id', x.deal_id, 'message', x.error)) FILTER (WHERE x.error IS NOT NULL)
    INTO done, faults
    FROM sentinel.change_deals(ids, nullif(sentinel.json_text(u, 'stage'), ''), sentinel.json_text(u, 'lost_reason'), u ? 'assigned_to_id',
                               sentinel.http_id(u -> 'assigned_to_id', 'assigned_to_id')) x;
    RETURN sentinel.http_thing(jsonb_build_object('updated', done, 'failed', cardinality(ids) - done, 'errors', coalesce(faults, '[]')));
END
$$;
COMMENT ON FUNCTION sentinel.http_bulk_deals(jsonb, bytea) IS
    'Route: move, assign or delete up to 100 deals; the others are done when one cannot be, and why is told of each that was not.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_export_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    form text := sentinel.http_query_text(request, 'format', '{csv,json}', 'csv');
    team uuid := sentinel.http_query_id(request, 'team_id');
    owner uuid := coalesce(sentinel.http_query_id(request, 'owner'), CASE
        WHEN team IS NULL AND NOT sentinel.http_query_boolean(request, 'include_team_deals', true) THEN sentinel.current_member() END);
    stage text := sentinel.http_query_text(request, 'stage');
    kind text := sentinel.http_query_text(request, 'kind', '{open,won,lost}');
    since timestamptz := sentinel.http_query_time(request, 'created_from');
    until timestamptz := sentinel.http_query_time(request, 'created_until');
    file text;
BEGIN
    file := CASE form WHEN 'csv' THEN sentinel.export_deals_csv(stage, owner, team, kind, since, until)
                        ELSE jsonb_pretty(sentinel.export_deals_json(stage, owner, team, kind, since, until)) END;
    PERFORM sentinel.note_use('deals_exported');
    RETURN jsonb_build_object('text', file, 'type', CASE form WHEN 'csv' THEN 'text/csv; charset=utf-8' ELSE 'application/json' END,
        'headers', jsonb_build_object('Content-Disposition', format('attachment; filename="deals-export-%s.%s"',
            to_char(coalesce((request ->> 'received_at')::timestamptz, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), form)));
END
$$;
COMMENT ON FUNCTION sentinel.http_export_deals(jsonb, bytea) IS
    'Route: write up to 5000 deals into a file; 400 where there are more, 404 where there are none.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.query_json(request jsonb, name text, header_name text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value text := nullif(coalesce(request -> 'query' ->> query_json.name, request -> 'headers' ->> query_json.header_name), '');
BEGIN
    IF length(value) > 20000 OR jsonb_typeof(value::jsonb) NOT IN ('object', 'null') THEN
        RAISE invalid_parameter_value;
    END IF;
    RETURN nullif(value::jsonb, 'null');
EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s "%s"', query_json.name, left(value, 60)),
        DETAIL = 'It is a JSON object of at most 20000 characters, percent-encoded in a query.', HINT = format('Use %s=%%7B%%7D.', query_json.name);
END
$$;
COMMENT ON FUNCTION sentinel.query_json(jsonb, text, text) IS
    'Give a query parameter, or else a header, that is a JSON object; null where both are missing. Errors: 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_import_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    media text := lower(trim(split_part(coalesce(request -> 'headers' ->> 'content-type', 'text/csv'), ';', 1)));
    shown constant integer := 1000;
    answer jsonb;
    comma text := sentinel.http_query_text(request, 'decimal_comma', '{true,false}');
BEGIN
    IF media NOT IN ('text/csv', 'application/csv', 'text/plain', 'application/vnd.ms-excel', 'application/octet-stream') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN415', MESSAGE = format('a body of type "%s"', left(media, 60)), DETAIL = 'This path takes a CSV file.',
            HINT = 'Content-Type: text/csv';
    ELSIF coalesce(octet_length(http_import_deals.body), 0) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the body is empty', DETAIL = 'It is a CSV file whose first line names the columns.',
            HINT = 'curl --data-binary @deals.csv -H ''Content-Type: text/csv''';
    END IF;
    PERFORM sentinel.check_lines(http_import_deals.body, 20000);
    SELECT jsonb_build_object('rows', count(*), 'created', count(*) FILTER (WHERE i.state = 'created'), 'updated', count(*) FILTER (WHERE i.state = 'updated'),
               'unchanged', count(*) FILTER (WHERE i.state = 'unchanged'), 'rejected', count(*) FILTER (WHERE i.state = 'rejected'),
               'dry_run', sentinel.http_query_boolean(request, 'dry_run'),
               'rejects', coalesce(jsonb_agg(jsonb_build_object('line', i.line, 'external_id', i.external_id, 'code', i.code, 'reason', i.reason, 'hint', i.hint)
                                             ORDER BY i.line) FILTER (WHERE i.state = 'rejected' AND i.nth <= shown), '[]'),
               'rejects_left_off', count(*) FILTER (WHERE i.state = 'rejected' AND i.nth > shown))
    INTO answer
    FROM (SELECT r.*, row_number() OVER (PARTITION BY r.state ORDER BY r.line) AS nth
          FROM sentinel.import_deals_csv(http_import_deals.body, sentinel.query_json(request, 'mapping', 'x-mapping'),
              sentinel.http_query_boolean(request, 'dry_run'), coalesce(sentinel.query_json(request, 'defaults'), '{}'),
              coalesce(sentinel.query_json(request, 'words'), '{}'), sentinel.http_query_text(request, 'unknown_owners', '{refuse,nobody,add}', 'refuse'),
              sentinel.http_query_boolean(request, 'announce'), sentinel.http_query_text(request, 'pipeline'),
              sentinel.http_query_text(request, 'date_order', '{day,month,year}'), comma::boolean, sentinel.http_query_text(request, 'timezone'),
              sentinel.http_query_text(request, 'file_name')) r) i;
    RETURN sentinel.http_thing(answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_import_deals(jsonb, bytea) IS
    'Route: take in a CSV file of opportunities, or with dry_run tell what would become of it; the first 1000 rejects come back.';
