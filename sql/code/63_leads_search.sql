-- Room leads, operations: filters, the search, saved views.

-- grant: everyone
CREATE FUNCTION sentinel.search_filters(entity_type text, filters jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kinds jsonb := CASE search_filters.entity_type
        WHEN 'lead' THEN '{"q": "text", "platform": "text", "lead_source": "text", "tag": "text", "owner": "uuid", "team": "uuid",
            "created_from": "time", "created_until": "time"}'::jsonb
        WHEN 'deal' THEN '{"q": "text", "stage": "text", "owner": "uuid", "team": "uuid", "min_value": "number", "max_value": "number",
            "created_from": "time", "created_until": "time", "fuzzy": "boolean", "with_demo": "boolean"}'::jsonb END;
    choices jsonb := CASE search_filters.entity_type WHEN 'lead' THEN sentinel.lead_choices() ELSE '{"kind": "{open,won,lost}"}' END;
    entry record;
    meant text;
    given jsonb := '{}';
BEGIN
    IF kinds IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('nothing is searched as "%s"', left(search_filters.entity_type, 40)),
            DETAIL = 'Leads and deals are searched.', HINT = 'Use ''lead''.';
    ELSIF coalesce(jsonb_typeof(search_filters.filters), 'object') <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('filters are of type %s', jsonb_typeof(search_filters.filters)),
            DETAIL = 'Filters are an object of names and values.', HINT = 'Use ''{"q": "acme"}''.';
    END IF;
    FOR entry IN SELECT e.key, e.value FROM jsonb_each(search_filters.filters) e ORDER BY e.key LOOP
        IF NOT (kinds ? entry.key OR choices ? entry.key) THEN
            RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown filter "%s"', left(entry.key, 80)),
                DETAIL = format('A %s is not searched by it.', search_filters.entity_type),
                HINT = format('Use one of: %s.', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(kinds || choices) k));
        END IF;
        CONTINUE WHEN entry.value = 'null' OR jsonb_typeof(entry.value) = 'string' AND btrim(entry.value #>> '{}', E' \t\r\n') = '';
        meant := sentinel.read_value(coalesce(kinds ->> entry.key, 'choice'), (choices ->> entry.key)::text[], entry.value);
        IF meant IS NULL OR length(meant) > 200 THEN
            RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid %s %s', entry.key, left(entry.value::text, 80)),
                DETAIL = CASE WHEN choices ? entry.key THEN format('It is one of: %s.', array_to_string((choices ->> entry.key)::text[], ', '))
                              WHEN kinds ->> entry.key = 'text' THEN 'It is a text of at most 200 characters.'
                              ELSE format('It is a %s.', kinds ->> entry.key) END,
                HINT = 'Leave it out to find all.';
        END IF;
        given := given || jsonb_build_object(entry.key, meant);
    END LOOP;
    RETURN given;
END
$$;
COMMENT ON FUNCTION sentinel.search_filters(text, jsonb) IS
    'Give the filters of a search for a lead or a deal as the searches read them: known names, values as texts, nulls and empty texts left out. Errors: SN007 no object or unknown filter, 22023 value or kind of thing.';

CREATE FUNCTION sentinel.lead_sort(sort text, direction text, OUT name text, OUT way text, OUT key text, OUT type text)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rank constant jsonb := sentinel.lead_choices();
    -- What has no value stands last, whichever way.
    last text;
BEGIN
    lead_sort.way := coalesce(lower(btrim(lead_sort.direction)), 'desc');
    -- createdAt and ghostRiskScore are what the columns are called elsewhere.
    lead_sort.name := coalesce(lower(regexp_replace(btrim(lead_sort.sort), '([a-z])([A-Z])', '\1_\2', 'g')), 'created_at');
    IF lead_sort.name = 'icp_score' THEN
        lead_sort.name := 'qualification_score';
    END IF;
    last := CASE lead_sort.way WHEN 'asc' THEN '1000' ELSE '-1' END;
    lead_sort.type := CASE WHEN lead_sort.name IN ('created_at', 'updated_at', 'last_state_change') THEN 'timestamptz'
        WHEN lead_sort.name IN ('ghost_risk_score', 'buying_signal_score', 'qualification_score') THEN 'numeric'
        WHEN rank ? lead_sort.name THEN 'integer' WHEN lead_sort.name = 'name' THEN 'text' END;
    IF lead_sort.type IS NULL OR lead_sort.way NOT IN ('asc', 'desc') THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = CASE WHEN lead_sort.type IS NULL THEN format('leads are not sorted by "%s"', left(lead_sort.sort, 40))
                           ELSE format('unknown direction "%s"', left(lead_sort.direction, 40)) END,
            DETAIL = 'Sorted by created_at, updated_at, last_state_change, lifecycle_stage, name, priority, temperature, next_action, recommended_path, ghost_risk_score, buying_signal_score or qualification_score; asc or desc.',
            HINT = 'Use ''created_at'' and ''desc''.';
    END IF;
    lead_sort.key := CASE WHEN rank ? lead_sort.name
            THEN format('coalesce(array_position(%L::text[], l.%I), %s)', rank ->> lead_sort.name, lead_sort.name, last)
        WHEN lead_sort.name = 'name' THEN 'left(lower(l.name), 100)'
        WHEN lead_sort.name = 'qualification_score' THEN format('coalesce(l.qualification_score, %s)', last)
        ELSE format('l.%I', lead_sort.name) END;
END
$$;
COMMENT ON FUNCTION sentinel.lead_sort(text, text) IS
    'Give how leads are sorted: the column by its own name, asc or desc, the expression and its type. For find_leads(). Errors: 22023.';

CREATE FUNCTION sentinel.contains_pattern(word text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '%' || replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;
COMMENT ON FUNCTION sentinel.contains_pattern(text) IS
    'Give the pattern for LIKE of what holds a text, in which signs of patterns are letters.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.find_leads(filters jsonb, sort text, direction text, after text, skipped bigint, most integer)
    RETURNS TABLE (place bigint, lead_id uuid, total bigint, cursor_after text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 50 AS $$
#variable_conflict use_column
DECLARE
    -- As in the index leads_search. The planner uses no such index under row-level security, for ILIKE is not leakproof: hence
    -- the engine, the organisation by value, and may() for each row.
    hay constant text := '(l.name || '' '' || coalesce(l.email, '''') || '' '' || coalesce(l.company_name, '''') || '' '' || coalesce(l.domain, ''''))';
    org uuid := sentinel.require_org();
    f jsonb := sentinel.search_filters('lead', find_leads.filters);
    s record;
    words text[];
    spot jsonb;
BEGIN
    SELECT * INTO s FROM sentinel.lead_sort(find_leads.sort, find_leads.direction);
    IF find_leads.after IS NOT NULL THEN
        BEGIN
            spot := CASE WHEN length(find_leads.after) <= 2000 THEN convert_from(decode(find_leads.after, 'base64'), 'UTF8')::jsonb END;
            IF spot ->> 0 IS DISTINCT FROM s.name OR spot ->> 1 IS DISTINCT FROM s.way THEN
                RAISE data_exception;
            END IF;
            EXECUTE format('SELECT jsonb_build_array($1 -> 0, $1 -> 1, ($1 ->> 2)::%s, ($1 ->> 3)::uuid)', s.type) INTO STRICT spot USING spot;
            IF spot -> 2 = 'null' OR spot -> 3 = 'null' THEN
                RAISE data_exception;
            END IF;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(find_leads.after, 60)),
                DETAIL = 'A cursor is what the column cursor_after of the last row gave, for the same sort and direction.',
                HINT = 'Start with NULL.';
        END;
    END IF;
    words := ARRAY(SELECT sentinel.contains_pattern(w.word) FROM regexp_split_to_table(f ->> 'q', '\s+') AS w(word)
                   WHERE w.word <> '' ORDER BY length(w.word) DESC LIMIT 10);
    RETURN QUERY EXECUTE concat(
        'SELECT row_number() OVER (), x.id, x.total, translate(encode(convert_to(jsonb_build_array($3, $4, x.key, x.id)::text, ''UTF8''), ''base64''), E''\n'', '''') '
        'FROM (SELECT l.id, ', s.key, ' AS key, ', CASE WHEN find_leads.skipped IS NOT NULL THEN 'count(*) OVER ()' ELSE 'NULL::bigint' END, ' AS total '
        'FROM sentinel.leads l WHERE l.org_id = $1 AND (l.team_id IS NULL AND l.owner_id IS NULL OR sentinel.may(''view'', l.team_id, l.owner_id))',
        (SELECT string_agg(format(' AND %s ILIKE $5[%s]', hay, n), '' ORDER BY n) FROM generate_subscripts(words, 1) AS n),
        (SELECT string_agg(format(' AND l.%1$I = $2 ->> %1$L', k.key), '') FROM unnest(
            ARRAY['lifecycle_stage', 'temperature', 'priority', 'next_action', 'recommended_path']) AS k(key) WHERE f ? k.key),
        (SELECT string_agg(format(' AND l.%1$I ILIKE sentinel.contains_pattern($2 ->> %1$L)', k.key), '')
         FROM unnest(ARRAY['platform', 'lead_source']) AS k(key) WHERE f ? k.key),
        CASE WHEN f ? 'owner' THEN ' AND l.owner_id = ($2 ->> ''owner'')::uuid' END,
        CASE WHEN f ? 'team' THEN ' AND l.team_id = ($2 ->> ''team'')::uuid' END,
        CASE WHEN f ? 'created_from' THEN ' AND l.created_at >= ($2 ->> ''created_from'')::timestamptz' END,
        CASE WHEN f ? 'created_until' THEN ' AND l.created_at < ($2 ->> ''created_until'')::timestamptz' END,
        CASE WHEN f ? 'tag' THEN ' AND EXISTS (SELECT FROM sentinel.lead_tags g JOIN sentinel.tags t ON t.org_id = g.org_id AND t.id = g.tag_id '
            'WHERE g.org_id = $1 AND g.lead_id = l.id AND lower(t.name) = lower($2 ->> ''tag''))' END,
        CASE WHEN find_leads.after IS NOT NULL THEN format(' AND (%s, l.id) %s (($6 ->> 2)::%s, ($6 ->> 3)::uuid)', s.key,
            CASE s.way WHEN 'asc' THEN '>' ELSE '<' END, s.type) END,
        format(' ORDER BY %1$s %2$s, l.id %2$s LIMIT $7 OFFSET $8) x', s.key, s.way))
    USING org, f, s.name, s.way, words, spot, find_leads.most, coalesce(find_leads.skipped, 0);
END
$$;
ALTER FUNCTION sentinel.find_leads(jsonb, text, text, text, bigint, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.find_leads(jsonb, text, text, text, bigint, integer) IS
    'Give the ids of leads that fit filters and that the member entered may view, sorted, with the cursor of each; with skipped also how many there are. For search_leads() and the exports. Errors: SN002, SN007 filter, 22023 value, sort or cursor.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.search_leads(filters jsonb DEFAULT '{}', sort text DEFAULT 'created_at', direction text DEFAULT 'desc',
        page_size integer DEFAULT 50, page integer DEFAULT NULL, after text DEFAULT NULL)
    RETURNS TABLE (lead_id uuid, name text, email text, phone text, company_name text, domain text, industry text, location text,
                   lead_source text, platform text, lifecycle_stage text, temperature text, priority text, recommended_path text,
                   next_action text, next_action_due timestamptz, qualification_score numeric, buying_signal_score numeric,
                   ghost_risk_score numeric, owner_id uuid, owner_name text, team_id uuid, tags text[], deals bigint, calls bigint,
                   created_at timestamptz, updated_at timestamptz, last_state_change timestamptz, last_contacted_at timestamptz,
                   total bigint, cursor_after text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    size integer := greatest(1, least(coalesce(search_leads.page_size, 50), 200));
BEGIN
    IF search_leads.page < 1 OR search_leads.page IS NOT NULL AND search_leads.after IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid page %s', search_leads.page),
            DETAIL = 'Pages are numbered from 1; one goes on by number or by cursor.', HINT = 'Leave page out, or after.';
    END IF;
    RETURN QUERY
    SELECT l.id, l.name, l.email, l.phone, l.company_name, l.domain, l.industry, l.location, l.lead_source, l.platform,
           l.lifecycle_stage, l.temperature, l.priority, l.recommended_path, l.next_action, l.next_action_due, l.qualification_score,
           l.buying_signal_score, l.ghost_risk_score, l.owner_id, m.display_name, l.team_id,
           ARRAY(SELECT t.name FROM sentinel.lead_tags g JOIN sentinel.tags t ON t.org_id = org AND t.id = g.tag_id
                 WHERE g.org_id = org AND g.lead_id = l.id ORDER BY lower(t.name)),
           (SELECT count(*) FROM sentinel.deals d WHERE d.org_id = org AND d.lead_id = l.id),
           (SELECT count(*) FROM sentinel.calls c WHERE c.org_id = org AND c.lead_id = l.id),
           l.created_at, l.updated_at, l.last_state_change, l.last_contacted_at, f.total, f.cursor_after
    FROM sentinel.find_leads(search_leads.filters, search_leads.sort, search_leads.direction, search_leads.after,
                             (search_leads.page - 1)::bigint * size, size) f
    JOIN sentinel.leads l ON l.org_id = org AND l.id = f.lead_id
    LEFT JOIN sentinel.members m ON m.org_id = org AND m.id = l.owner_id
    ORDER BY f.place;
END
$$;
COMMENT ON FUNCTION sentinel.search_leads(jsonb, text, text, integer, integer, text) IS
    'Find leads of the organisation entered that the member entered may view, a page of 1 to 200 rows, each with how many deals and calls of it the member sees. filters: lifecycle_stage, temperature, priority, next_action, recommended_path, tag, owner, team as they are; platform, lead_source hold the text, in any case; each word of q stands somewhere in name, email, company or domain; created_from, created_until (excluded). Go on with after, the cursor_after of the last row, or with page, from 1, which also fills total. Errors: SN002, SN007 filter, 22023 value, sort, page or cursor.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.save_view(name text, entity_type text, filters jsonb DEFAULT '{}', sort text DEFAULT 'created_at',
                                   direction text DEFAULT 'desc', shared boolean DEFAULT false) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    label text := regexp_replace(btrim(save_view.name), '\s+', ' ', 'g');
    f jsonb := sentinel.search_filters(save_view.entity_type, save_view.filters);
    s record;
    view_id uuid;
BEGIN
    PERFORM sentinel.require_contributor();
    IF NOT coalesce(length(label) BETWEEN 1 AND 200, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('a view with a name of %s characters', coalesce(length(label), 0)),
            DETAIL = 'The name of a view has 1 to 200 characters.', HINT = 'Use ''Hot leads''.';
    END IF;
    SELECT * INTO s FROM sentinel.lead_sort(save_view.sort, save_view.direction);
    IF save_view.entity_type = 'deal' AND (s.name, s.way) <> ('created_at', 'desc') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('deals are not sorted by "%s" %s', s.name, s.way),
            DETAIL = 'search_deals() gives the newest first.', HINT = 'Leave sort and direction out.';
    END IF;
    INSERT INTO sentinel.saved_views AS v (org_id, name, entity_type, filters, sort, direction, shared, member_id)
    VALUES (org, label, save_view.entity_type, f, s.name, s.way, coalesce(save_view.shared, false), sentinel.current_member())
    ON CONFLICT (org_id, coalesce(member_id, '00000000-0000-0000-0000-000000000000'::uuid), entity_type, lower(name))
    DO UPDATE SET name = excluded.name, filters = excluded.filters, sort = excluded.sort, direction = excluded.direction,
                  shared = excluded.shared, updated_at = excluded.updated_at
    RETURNING v.id INTO view_id;
    RETURN view_id;
END
$$;
ALTER FUNCTION sentinel.save_view(text, text, jsonb, text, text, boolean) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.save_view(text, text, jsonb, text, text, boolean) IS
    'Keep a search for leads or deals under a name, for the member entered or shared with the others; gives its id. The same name again replaces one''s own. filters are those of search_leads(), for deals the parameters of search_deals(). Errors: SN002, SN003, SN007 name or filter, 22023 kind, value or sort.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.require_view(view_id uuid, OUT entity_type text, OUT filters jsonb, OUT sort text, OUT direction text,
                                      OUT member_id uuid)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    SELECT v.entity_type, v.filters, v.sort, v.direction, v.member_id
    INTO require_view.entity_type, require_view.filters, require_view.sort, require_view.direction, require_view.member_id
    FROM sentinel.saved_views v WHERE v.org_id = org AND v.id = require_view.view_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no saved view "%s" in this organisation', require_view.view_id),
            DETAIL = 'A view is found by its id: by its owner, by owners and admins, and by all when it is shared.',
            HINT = 'SELECT id, name FROM sentinel.saved_views;';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_view(uuid) IS
    'Give a saved view that the member entered may see. For run_saved_view() and delete_view(). Errors: SN002, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.delete_view(view_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    owner uuid := (SELECT v.member_id FROM sentinel.require_view(delete_view.view_id) v);
BEGIN
    PERFORM sentinel.require_contributor();
    IF NOT sentinel.may('edit', NULL, owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('not allowed to delete view "%s"', delete_view.view_id),
            DETAIL = 'Its owner deletes a view, and owners and admins of the organisation do.', HINT = 'Ask its owner.';
    END IF;
    DELETE FROM sentinel.saved_views v WHERE v.org_id = org AND v.id = delete_view.view_id;
END
$$;
ALTER FUNCTION sentinel.delete_view(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.delete_view(uuid) IS 'Delete a saved view; for its owner, owners and admins. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.run_saved_view(view_id uuid, page_size integer DEFAULT 50, page integer DEFAULT NULL,
                                        after text DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v record;
BEGIN
    SELECT * INTO v FROM sentinel.require_view(run_saved_view.view_id);
    IF v.entity_type = 'lead' THEN
        RETURN QUERY SELECT to_jsonb(r) FROM sentinel.search_leads(v.filters, v.sort, v.direction, run_saved_view.page_size,
                                                                   run_saved_view.page, run_saved_view.after) r;
        RETURN;
    ELSIF run_saved_view.page IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('deals have no page %s', run_saved_view.page),
            DETAIL = 'search_deals() goes on by cursor.', HINT = 'Use after.';
    END IF;
    RETURN QUERY SELECT to_jsonb(r)
    FROM jsonb_to_record(v.filters) AS f(q text, stage text, owner uuid, min_value numeric, max_value numeric, kind text, team uuid,
                                         created_from timestamptz, created_until timestamptz, fuzzy boolean, with_demo boolean)
    CROSS JOIN LATERAL sentinel.search_deals(f.q, f.stage, f.owner, f.min_value, f.max_value, f.kind, f.team, f.created_from,
        f.created_until, coalesce(f.fuzzy, false), f.with_demo, run_saved_view.page_size, run_saved_view.after) r;
END
$$;
COMMENT ON FUNCTION sentinel.run_saved_view(uuid, integer, integer, text) IS
    'Run a saved view with the rights of the member entered: an object for each row of search_leads() or search_deals(). Go on with after, or for leads with page. Errors: SN002, SN004, those of the search.';
