-- Room gateway, REST: leads.

-- grant: sentinel_member
CREATE FUNCTION sentinel.lead_data(lead_id uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    lead jsonb;
BEGIN
    PERFORM sentinel.require_lead(lead_data.lead_id, 'view');
    SELECT to_jsonb(l) - '{org_id,email_match,profile_match,recorded_at}'::text[] || jsonb_build_object(
            'owner_name', (SELECT m.display_name FROM sentinel.members m WHERE m.org_id = org AND m.id = l.owner_id),
            'tags', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'color', t.color) ORDER BY lower(t.name)), '[]')
                     FROM sentinel.lead_tags g JOIN sentinel.tags t ON t.org_id = org AND t.id = g.tag_id
                     WHERE g.org_id = org AND g.lead_id = l.id),
            'deals', (SELECT count(*) FROM sentinel.deals d WHERE d.org_id = org AND d.lead_id = l.id),
            'calls', (SELECT count(*) FROM sentinel.calls c WHERE c.org_id = org AND c.lead_id = l.id))
    INTO lead FROM sentinel.leads l WHERE l.org_id = org AND l.id = lead_data.lead_id;
    RETURN lead;
END
$$;
COMMENT ON FUNCTION sentinel.lead_data(uuid) IS 'Give a lead as JSON, with its tags and how many deals and calls it has. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.lead_filters(request jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(request -> 'query') f
    WHERE f.key IN ('q', 'lifecycle_stage', 'temperature', 'priority', 'next_action', 'recommended_path', 'platform', 'lead_source', 'tag',
                    'owner', 'team', 'created_from', 'created_until')
$$;
COMMENT ON FUNCTION sentinel.lead_filters(jsonb) IS 'Give the query parameters of a request that are filters of search_leads().';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_leads(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    q jsonb := request -> 'query';
    sort text := sentinel.http_query_text(request, 'sort', NULL, 'created_at');
    way text := sentinel.http_query_text(request, 'order', ARRAY['desc', 'asc'], 'desc');
    most integer := sentinel.http_query_integer(request, CASE WHEN q ? 'page_size' THEN 'page_size' ELSE 'limit' END, 50, 1, 200);
    page integer := sentinel.http_query_integer(request, 'page', CASE WHEN q ? 'page_size' THEN 1 END, 1, 1000000);
    after text := sentinel.http_after(request);
    lines jsonb;
    answer jsonb;
BEGIN
    SELECT coalesce(jsonb_agg(to_jsonb(s) - 'lead_id' || jsonb_build_object('id', s.lead_id)), '[]') INTO lines
    FROM sentinel.search_leads(sentinel.lead_filters(request), sort, way, CASE WHEN page IS NULL THEN least(most + 1, 200) ELSE most END,
                               page, after) s;
    answer := sentinel.http_found(lines, most);
    IF page IS NOT NULL THEN
        RETURN jsonb_build_object('json', answer || jsonb_build_object('page', page, 'page_size', most,
            'total', coalesce((lines -> 0 ->> 'total')::bigint,
                              (SELECT f.total FROM sentinel.find_leads(sentinel.lead_filters(request), sort, way, NULL, 0, 1) f), 0)));
    ELSIF most = 200 AND jsonb_array_length(lines) = 200 THEN
        -- The search gives no more than 200: whether there are more, the next page tells.
        answer := answer || jsonb_build_object('next_cursor', sentinel.page_cursor(jsonb_build_array(lines -> 199 -> 'cursor_after')));
    END IF;
    RETURN jsonb_build_object('json', answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_leads(jsonb, bytea) IS
    'Route: list leads that fit filters, by cursor, or with page or page_size by number and with the total.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_lead_ids(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb;
BEGIN
    SELECT jsonb_build_object('data', coalesce(jsonb_agg(f.lead_id ORDER BY f.place), '[]'), 'total', coalesce(max(f.total), 0), 'next_cursor', NULL)
    INTO answer
    FROM sentinel.find_leads(sentinel.lead_filters(request), sentinel.http_query_text(request, 'sort', NULL, 'created_at'),
                             sentinel.http_query_text(request, 'order', ARRAY['desc', 'asc'], 'desc'), NULL, 0, 2000) f;
    RETURN jsonb_build_object('json', answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_lead_ids(jsonb, bytea) IS
    'Route: give the ids of the first 2000 leads that fit filters, and how many fit: for changing many at once.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_create_lead(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c jsonb := sentinel.check_lead_changes(sentinel.http_object(request));
    later jsonb := jsonb_strip_nulls(c - '{name,email,phone,profile_link,company_name,domain,industry,employee_count,revenue_band,location,lead_source,platform,temperature,owner_id,team_id}'::text[]);
    lead uuid;
BEGIN
    lead := sentinel.create_lead(c ->> 'name', c ->> 'email', c ->> 'phone', c ->> 'profile_link', c ->> 'company_name', c ->> 'domain',
        c ->> 'industry', (c ->> 'employee_count')::integer, c ->> 'revenue_band', c ->> 'location', coalesce(c ->> 'lead_source', 'api'),
        c ->> 'platform', c ->> 'temperature', (c ->> 'owner_id')::uuid, (c ->> 'team_id')::uuid);
    IF later <> '{}' THEN
        PERFORM sentinel.update_lead(lead, later);
    END IF;
    RETURN sentinel.http_data(sentinel.lead_data(lead), 201, '/leads/' || lead);
END
$$;
COMMENT ON FUNCTION sentinel.http_create_lead(jsonb, bytea) IS 'Route: make a lead, by the columns that updating knows.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_lead(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_data(sentinel.lead_data(sentinel.resolve_lead(sentinel.http_param(request, 'lead_id'))));
END
$$;
COMMENT ON FUNCTION sentinel.http_lead(jsonb, bytea) IS 'Route: give a lead, or the one that it was merged into.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_update_lead(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lead uuid := sentinel.http_param(request, 'lead_id');
BEGIN
    PERFORM sentinel.update_lead(lead, sentinel.http_object(request));
    RETURN sentinel.http_data(sentinel.lead_data(lead));
END
$$;
COMMENT ON FUNCTION sentinel.http_update_lead(jsonb, bytea) IS 'Route: change columns of a lead; an empty text or null clears.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.lead_change(request jsonb, word text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    field text := CASE lead_change.word WHEN 'stage' THEN 'lifecycle_stage' ELSE replace(lead_change.word, '-', '_') END;
    given jsonb := sentinel.http_object(request);
BEGIN
    IF NOT given ?| ARRAY[field, replace(lead_change.word, '-', '_')] THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the member "%s" is missing', replace(lead_change.word, '-', '_')),
            DETAIL = 'It holds the new value; null clears.', HINT = format('Send {"%s": ...}.', replace(lead_change.word, '-', '_'));
    END IF;
    RETURN jsonb_build_object(field, coalesce(given -> field, given -> replace(lead_change.word, '-', '_')))
           || CASE WHEN field = 'next_action' AND given ? 'next_action_due'
                   THEN jsonb_build_object('next_action_due', given -> 'next_action_due') ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION sentinel.lead_change(jsonb, text) IS
    'Give the change of one column that a body asks for; word is the last word of the path. Errors: SN007 it is missing.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_lead(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lead uuid := sentinel.http_param(request, 'lead_id');
BEGIN
    PERFORM sentinel.update_lead(lead, sentinel.lead_change(request, split_part(request ->> 'route', '/', 4)));
    RETURN sentinel.http_data(sentinel.lead_data(lead));
END
$$;
COMMENT ON FUNCTION sentinel.http_set_lead(jsonb, bytea) IS
    'Route: set stage, recommended path, next action, priority or temperature of a lead, whichever the path ends with.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_leads(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb;
BEGIN
    SELECT jsonb_build_object('data', coalesce(jsonb_agg(jsonb_build_object('lead_id', b.lead_id, 'ok', b.ok, 'error', b.error)), '[]'),
                              'changed', count(*) FILTER (WHERE b.ok), 'skipped', count(*) FILTER (WHERE NOT b.ok)) INTO answer
    FROM sentinel.bulk_set_leads(sentinel.http_ids(sentinel.http_object(request) -> 'ids', 'ids'),
                                 sentinel.lead_change(request, split_part(request ->> 'route', '/', 4))) b;
    RETURN jsonb_build_object('json', answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_set_leads(jsonb, bytea) IS
    'Route: set stage, recommended path, temperature, platform, priority or source of up to 1000 leads, whichever the path ends with, and tell of each whether it was done.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_delete_leads(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb;
BEGIN
    SELECT jsonb_build_object('data', coalesce(jsonb_agg(jsonb_build_object('lead_id', b.lead_id, 'ok', b.ok, 'error', b.error)), '[]'),
                              'deleted', count(*) FILTER (WHERE b.ok), 'skipped', count(*) FILTER (WHERE NOT b.ok)) INTO answer
    FROM sentinel.bulk_delete_leads(sentinel.http_ids(sentinel.http_object(request) -> 'ids', 'ids')) b;
    RETURN jsonb_build_object('json', answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_leads(jsonb, bytea) IS 'Route: delete up to 1000 leads; those with deals, calls or clients are skipped.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_delete_lead(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.delete_lead(sentinel.http_param(request, 'lead_id'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_lead(jsonb, bytea) IS 'Route: delete a lead; refused while deals, calls or clients hold it.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_merge_leads(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given jsonb := sentinel.http_object(request, ARRAY['master_id', 'duplicate_id']);
    lead uuid := sentinel.merge_leads(sentinel.http_id(given -> 'master_id', 'master_id'), sentinel.http_id(given -> 'duplicate_id', 'duplicate_id'));
BEGIN
    RETURN sentinel.http_data(sentinel.lead_data(lead));
END
$$;
COMMENT ON FUNCTION sentinel.http_merge_leads(jsonb, bytea) IS 'Route: merge a duplicate into the lead that stays, and give that.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_work_lead(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lead uuid := sentinel.http_param(request, 'lead_id');
    done jsonb := CASE WHEN request ->> 'route' LIKE '%/qualify' THEN sentinel.qualify_lead(lead) ELSE sentinel.enrich_lead(lead) END;
BEGIN
    RETURN sentinel.http_data(sentinel.lead_data(lead) || jsonb_build_object('result', done),
                              CASE WHEN coalesce(done -> 'asked', 'null') = 'null' THEN 200 ELSE 202 END);
END
$$;
COMMENT ON FUNCTION sentinel.http_work_lead(jsonb, bytea) IS
    'Route: qualify or enrich a lead now. 200 with the lead as it is then; 202 when a model or service was asked, whose answer changes the lead later.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_lead_activities(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 200);
    lines jsonb;
BEGIN
    SELECT coalesce(jsonb_agg(to_jsonb(a)), '[]') INTO lines
    FROM sentinel.lead_activities(sentinel.http_param(request, 'lead_id'), most + 1, sentinel.http_after(request)) a;
    RETURN jsonb_build_object('json', sentinel.http_found(lines, most));
END
$$;
COMMENT ON FUNCTION sentinel.http_lead_activities(jsonb, bytea) IS 'Route: tell what happened with a lead, newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_lead_qualification(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lead uuid := sentinel.http_param(request, 'lead_id');
    answer jsonb;
BEGIN
    PERFORM sentinel.require_lead(lead, 'view');
    SELECT jsonb_build_object('lead_id', lead, 'score', max(e.score), 'source', max(e.source), 'scored_at', max(e.scored_at),
               'reasons', coalesce(jsonb_agg(jsonb_build_object('rule', e.rule, 'points', e.points, 'reason', e.reason) ORDER BY e.place), '[]'))
    INTO answer
    FROM sentinel.explain_qualification(lead, sentinel.http_time(request -> 'query' ->> 'as_of', 'as_of', now())) e;
    RETURN sentinel.http_data(answer);
END
$$;
COMMENT ON FUNCTION sentinel.http_lead_qualification(jsonb, bytea) IS
    'Route: say why a lead was judged as it was; score is null and reasons are empty before the first judgement.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_export_leads(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    form text := sentinel.http_query_text(request, 'format', ARRAY['csv', 'json'], 'csv');
    most integer := sentinel.http_query_integer(request, 'max_rows', 5000, 1, 100000);
    sort text := sentinel.http_query_text(request, 'sort', NULL, 'created_at');
    way text := sentinel.http_query_text(request, 'order', ARRAY['desc', 'asc'], 'desc');
BEGIN
    RETURN CASE form
        WHEN 'csv' THEN jsonb_build_object('type', 'text/csv; charset=utf-8',
            'text', sentinel.export_leads_csv(sentinel.lead_filters(request), sort, way, most))
        ELSE jsonb_build_object('json', sentinel.export_leads_json(sentinel.lead_filters(request), sort, way, most)) END
        || jsonb_build_object('headers', jsonb_build_object('Content-Disposition', format('attachment; filename="leads.%s"', form)));
END
$$;
COMMENT ON FUNCTION sentinel.http_export_leads(jsonb, bytea) IS 'Route: give leads that fit filters as a CSV or JSON file.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_tag_lead(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lead uuid := sentinel.http_param(request, 'lead_id');
    tag uuid := sentinel.http_param(request, 'tag_id');
BEGIN
    IF request ->> 'method' = 'DELETE' THEN
        PERFORM sentinel.untag_lead(lead, tag);
        RETURN '{"status": 204}';
    END IF;
    RETURN sentinel.http_data(jsonb_build_object('lead_id', lead, 'tag_id', tag), CASE WHEN sentinel.tag_lead(lead, tag) THEN 201 ELSE 200 END);
END
$$;
COMMENT ON FUNCTION sentinel.http_tag_lead(jsonb, bytea) IS 'Route: put a tag on a lead or take it off; doing it again changes nothing.';
