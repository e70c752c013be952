-- Room gateway, REST: figures. What is counted, and how, is in the views and functions that are asked here.

-- grant: sentinel_member
CREATE FUNCTION sentinel.bi_columns(view_name text) RETURNS TABLE (place integer, name text, type text, description text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT a.attnum::integer, a.attname::text, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE s.nspname = 'sentinel_bi' AND c.relkind = 'v' AND c.relname = bi_columns.view_name AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY a.attnum;
END
$$;
COMMENT ON FUNCTION sentinel.bi_columns(text) IS 'List the columns of a view of sentinel_bi that the caller may read; no rows when there is none of that name.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_view_rows(request jsonb, view_name text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known jsonb := (SELECT jsonb_object_agg(c.name, c.type) FROM sentinel.bi_columns(http_view_rows.view_name) c);
    names text[] := ARRAY(SELECT c.name FROM sentinel.bi_columns(http_view_rows.view_name) c ORDER BY c.place);
    most integer := sentinel.http_query_integer(request, 'limit', 1000, 1, 10000);
    form text := sentinel.http_query_text(request, 'format', ARRAY['json', 'csv'], 'json');
    given jsonb := (SELECT coalesce(jsonb_object_agg(q.key, q.value), '{}') FROM jsonb_each_text(request -> 'query') q
                    WHERE q.key <> ALL (ARRAY['limit', 'format', 'order', 'cursor']) AND q.value <> '');
    orders text[] := string_to_array(sentinel.http_query_text(request, 'order'), ',');
    odd text;
    lines jsonb;
BEGIN
    PERFORM sentinel.require_org();
    IF known IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no view "%s"', left(http_view_rows.view_name, 60)),
            DETAIL = 'Views are those of sentinel_bi.', HINT = 'GET /analytics/views lists them.';
    END IF;
    SELECT min(n.name) INTO odd FROM (SELECT k FROM jsonb_object_keys(given) AS k UNION ALL SELECT ltrim(btrim(o), '-') FROM unnest(orders) AS o) AS n(name)
    WHERE NOT known ? n.name;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('no column "%s" in %s', left(odd, 60), http_view_rows.view_name),
            DETAIL = 'Filters are column=value, order is columns joined by commas, - before one that goes down.',
            HINT = format('Columns: %s.', array_to_string(names, ', '));
    END IF;
    EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(v)), ''[]'') FROM (SELECT * FROM sentinel_bi.%I x%s%s LIMIT $2) v', http_view_rows.view_name,
        (SELECT ' WHERE ' || string_agg(format('x.%1$I = ($1 ->> %1$L)::%2$s', g.key, known ->> g.key), ' AND ') FROM jsonb_each(given) g),
        (SELECT ' ORDER BY ' || string_agg(format('x.%I %s NULLS LAST', ltrim(btrim(o.word), '-'), CASE WHEN btrim(o.word) LIKE '-%' THEN 'DESC' ELSE 'ASC' END),
                                           ', ' ORDER BY o.n) FROM unnest(orders) WITH ORDINALITY AS o(word, n)))
    INTO lines USING given, most + 1;
    IF form = 'csv' AND jsonb_array_length(lines) > most THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('more than %s rows fit the filters', most),
            DETAIL = 'A file that is cut would look like a whole one.', HINT = 'Narrow the filters, or raise limit to at most 10000.';
    ELSIF form = 'csv' THEN
        RETURN jsonb_build_object('type', 'text/csv; charset=utf-8',
            'headers', jsonb_build_object('Content-Disposition', format('attachment; filename="%s.csv"', http_view_rows.view_name)),
            'text', array_to_string(names, ',') || coalesce(E'\n' || (
                SELECT string_agg((SELECT string_agg(coalesce(sentinel.csv_cell(l.line ->> c.name), ''), ',' ORDER BY c.n)
                                   FROM unnest(names) WITH ORDINALITY AS c(name, n)), E'\n' ORDER BY l.n)
                FROM jsonb_array_elements(lines) WITH ORDINALITY AS l(line, n)), ''));
    END IF;
    RETURN jsonb_build_object('json', jsonb_build_object('data', CASE WHEN jsonb_array_length(lines) > most THEN lines - most ELSE lines END,
                                                         'more', jsonb_array_length(lines) > most, 'next_cursor', NULL));
END
$$;
COMMENT ON FUNCTION sentinel.http_view_rows(jsonb, text) IS
    'Answer with rows of a view of sentinel_bi, as the caller sees them: query parameters that are columns filter, order sorts, limit (10000 at most) cuts, and more tells that it did; format is json or csv, a file that is never cut. Errors: SN002, SN004 view, SN007 too many rows for a file, 22023 column or limit.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_bi_views(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer jsonb;
BEGIN
    PERFORM sentinel.require_org();
    SELECT jsonb_agg(jsonb_build_object('view', c.relname, 'description', obj_description(c.oid, 'pg_class'), 'columns',
               (SELECT jsonb_agg(jsonb_build_object('name', b.name, 'type', b.type, 'description', b.description) ORDER BY b.place)
                FROM sentinel.bi_columns(c.relname) b)) ORDER BY c.relname) INTO answer
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE s.nspname = 'sentinel_bi' AND c.relkind = 'v' AND has_table_privilege(c.oid, 'SELECT');
    RETURN jsonb_build_object('json', jsonb_build_object('data', coalesce(answer, '[]'), 'next_cursor', NULL));
END
$$;
COMMENT ON FUNCTION sentinel.http_bi_views(jsonb, bytea) IS 'Route: list the views of figures with what they and their columns mean.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_bi_view(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_view_rows(request, request -> 'params' ->> 'view');
END
$$;
COMMENT ON FUNCTION sentinel.http_bi_view(jsonb, bytea) IS 'Route: give rows of any view of figures.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_figures(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    word text := split_part(request ->> 'route', '/', 3);
BEGIN
    RETURN sentinel.http_view_rows(request, CASE word WHEN 'funnel' THEN 'lead_funnel' WHEN 'deal-funnel' THEN 'funnel'
        WHEN 'leads-by-source' THEN 'lead_sources' WHEN 'leads-by-path' THEN 'lead_paths' WHEN 'actions' THEN 'todays_actions'
        ELSE replace(word, '-', '_') END);
END
$$;
COMMENT ON FUNCTION sentinel.http_figures(jsonb, bytea) IS 'Route: give the rows of the view of figures that the path names.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_stale_leads(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    days integer := sentinel.http_query_integer(request, 'stale_days', 7, 0, 36500);
    before timestamptz := now() - days * interval '24 hours';
    answer jsonb := sentinel.http_page(request, 'sentinel.leads', ARRAY['owner_id uuid', 'team_id uuid'], ARRAY['x.last_activity_at|timestamptz'],
        '{email_match,profile_match,recorded_at,interest_profile}', true,
        format('x.lifecycle_stage NOT IN (''won'', ''lost'') AND x.last_activity_at <= %L', before));
BEGIN
    RETURN jsonb_build_object('json', answer -> 'json' || jsonb_build_object('stale_days', days, 'count', (
        SELECT count(*) FROM sentinel.leads l
        WHERE l.org_id = sentinel.require_org() AND l.lifecycle_stage NOT IN ('won', 'lost') AND l.last_activity_at <= before)));
END
$$;
COMMENT ON FUNCTION sentinel.http_stale_leads(jsonb, bytea) IS
    'Route: list open leads that nobody was in touch with for so many days of 24 hours, the most silent first, and how many there are.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_outlook(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    q jsonb := request -> 'query';
    as_of timestamptz := sentinel.http_time(q ->> 'as_of', 'as_of', now());
    since timestamptz := sentinel.http_time(q ->> 'since', 'since', as_of - interval '720 hours');
    until timestamptz := sentinel.http_time(q ->> 'until', 'until', as_of);
    lines jsonb;
BEGIN
    CASE split_part(request ->> 'route', '/', 3)
        WHEN 'forecast' THEN
            SELECT jsonb_agg(to_jsonb(f)) INTO lines FROM sentinel.forecast(as_of, sentinel.http_query_integer(request, 'months', 6, 1, 36)) f;
        WHEN 'win-probability' THEN
            SELECT jsonb_agg(to_jsonb(o) ORDER BY o.deal_id) INTO lines FROM sentinel.deal_outlook(as_of) o;
        WHEN 'win-scores' THEN
            SELECT jsonb_agg(to_jsonb(w) - 'codes' ORDER BY w.probability DESC, w.deal_id) INTO lines FROM sentinel.win_scores(as_of) w;
        WHEN 'deal-patterns' THEN
            SELECT jsonb_agg(to_jsonb(p) ORDER BY p."position") INTO lines FROM sentinel.deal_patterns(as_of) p;
        WHEN 'anomalies' THEN
            SELECT jsonb_agg(to_jsonb(a)) INTO lines FROM sentinel.deal_anomalies(as_of) a;
        WHEN 'pipeline-movement' THEN
            SELECT jsonb_agg(to_jsonb(m)) INTO lines FROM sentinel.pipeline_movement(since, until) m;
        WHEN 'slippage' THEN
            SELECT jsonb_agg(to_jsonb(s)) INTO lines FROM sentinel.slippage(since, until, as_of) s;
        WHEN 'weekly-report' THEN
            SELECT to_jsonb(w) INTO lines FROM sentinel.weekly_report(as_of) w;
            RETURN sentinel.http_data(lines);
    END CASE;
    RETURN jsonb_build_object('json', jsonb_build_object('data', coalesce(lines, '[]'), 'next_cursor', NULL));
END
$$;
COMMENT ON FUNCTION sentinel.http_outlook(jsonb, bytea) IS
    'Route: give the forecast, the probabilities of open deals, patterns, anomalies, movement, slippage or the weekly report, as the path names, as of a time.';
