-- Room gateway, REST: notes, tasks, templates, tags and saved views.

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_notes(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.notes',
        ARRAY['subject_type lead|deal|call|invoice|contract|client', 'subject_id uuid', 'member_id uuid']);
END
$$;
COMMENT ON FUNCTION sentinel.http_notes(jsonb, bytea) IS 'Route: list notes, the newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_note(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    note uuid;
    given jsonb;
BEGIN
    IF request ->> 'method' = 'POST' THEN
        given := sentinel.http_members(request, '{subject_type,subject_id,body}', '{subject_type,subject_id,body}');
        note := sentinel.add_note(given ->> 'subject_type', sentinel.http_id(given -> 'subject_id', 'subject_id'), given ->> 'body');
        RETURN sentinel.http_data(sentinel.http_row('sentinel.notes', note, 'note'), 201, '/notes/' || note);
    END IF;
    note := sentinel.http_param(request, 'note_id');
    CASE request ->> 'method'
        WHEN 'PATCH' THEN
            given := sentinel.http_members(request, '{body}', '{body}');
            PERFORM sentinel.edit_note(note, given ->> 'body');
        WHEN 'DELETE' THEN
            PERFORM sentinel.delete_note(note);
            RETURN '{"status": 204}';
        ELSE NULL;
    END CASE;
    RETURN sentinel.http_data(sentinel.http_row('sentinel.notes', note, 'note'));
END
$$;
COMMENT ON FUNCTION sentinel.http_note(jsonb, bytea) IS 'Route: write, give, change or delete a note.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_tasks(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.tasks',
        ARRAY['subject_type lead|deal|call|invoice|contract|client', 'subject_id uuid', 'member_id uuid', 'priority critical|high|normal|low',
              'due_from from due_at', 'due_until until due_at'],
        ARRAY['coalesce(x.completed_at, ''-infinity'')|timestamptz', 'coalesce(x.due_at, ''infinity'')|timestamptz'], '{}', true,
        CASE sentinel.http_query_text(request, 'state', ARRAY['open', 'done']) WHEN 'open' THEN 'x.completed_at IS NULL'
                                                                               WHEN 'done' THEN 'x.completed_at IS NOT NULL' END);
END
$$;
COMMENT ON FUNCTION sentinel.http_tasks(jsonb, bytea) IS 'Route: list tasks: open ones by when they are due, then those done.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_task(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task uuid;
    given jsonb;
    held jsonb;
BEGIN
    IF request ->> 'method' = 'POST' AND request ->> 'route' = '/tasks' THEN
        given := sentinel.http_members(request, '{title,subject_type,subject_id,due_at,priority,member_id}', '{title}');
        task := sentinel.add_task(given ->> 'title', nullif(given ->> 'subject_type', ''), sentinel.http_id(given -> 'subject_id', 'subject_id'),
            sentinel.http_time(given ->> 'due_at', 'due_at'), coalesce(nullif(given ->> 'priority', ''), 'normal'),
            sentinel.http_id(given -> 'member_id', 'member_id'));
        RETURN sentinel.http_data(sentinel.http_row('sentinel.tasks', task, 'task'), 201, '/tasks/' || task);
    END IF;
    task := sentinel.http_param(request, 'task_id');
    held := sentinel.http_row('sentinel.tasks', task, 'task');
    IF request ->> 'route' LIKE '%/complete' THEN
        -- Without a word it toggles.
        given := sentinel.http_wishes(request, '{done}');
        PERFORM sentinel.complete_task(task, coalesce((given ->> 'done')::boolean, held -> 'completed_at' = 'null'));
    ELSIF request ->> 'method' IN ('PATCH', 'DELETE') THEN
        PERFORM sentinel.require_contributor();
        IF request ->> 'method' = 'PATCH' THEN
            given := sentinel.http_members(request, '{title,due_at,priority,member_id}');
            IF given ? 'priority' AND coalesce(given ->> 'priority', '') NOT IN ('critical', 'high', 'normal', 'low') THEN
                RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown priority "%s"', left(given ->> 'priority', 40)),
                    DETAIL = 'A priority is critical, high, normal or low.', HINT = 'Use "normal".';
            ELSIF given ? 'title' AND NOT coalesce(length(btrim(given ->> 'title')) BETWEEN 1 AND 500, false) THEN
                RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'invalid title', DETAIL = 'A title has 1 to 500 characters.',
                    HINT = 'Use "Send the proposal".';
            END IF;
            UPDATE sentinel.tasks t SET title = CASE WHEN given ? 'title' THEN btrim(given ->> 'title') ELSE t.title END,
                due_at = CASE WHEN given ? 'due_at' THEN sentinel.http_time(given ->> 'due_at', 'due_at') ELSE t.due_at END,
                priority = CASE WHEN given ? 'priority' THEN given ->> 'priority' ELSE t.priority END,
                member_id = CASE WHEN given ? 'member_id' THEN sentinel.http_id(given -> 'member_id', 'member_id') ELSE t.member_id END
            WHERE t.org_id = sentinel.require_org() AND t.id = task;
        ELSE
            DELETE FROM sentinel.tasks t WHERE t.org_id = sentinel.require_org() AND t.id = task;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('not allowed to change task "%s"', task),
                DETAIL = 'A task is changed by who may change what it is about, or by the member it is for.', HINT = 'Ask that member, or an admin.';
        ELSIF request ->> 'method' = 'DELETE' THEN
            RETURN '{"status": 204}';
        END IF;
    END IF;
    RETURN sentinel.http_data(sentinel.http_row('sentinel.tasks', task, 'task'));
END
$$;
COMMENT ON FUNCTION sentinel.http_task(jsonb, bytea) IS
    'Route: make, give, change, complete or delete a task; complete without a body toggles.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_templates(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.document_templates', ARRAY['kind contract|proposal|email', 'name text'],
                              '{}', '{body}');
END
$$;
COMMENT ON FUNCTION sentinel.http_templates(jsonb, bytea) IS 'Route: list templates, the newest first, without their text.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_template(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    template uuid;
    held jsonb;
    given jsonb;
BEGIN
    IF request ->> 'route' = '/templates' THEN
        given := sentinel.http_members(request, '{name,body,kind}', '{name,body}');
        template := sentinel.save_document_template(given ->> 'name', given ->> 'body', coalesce(nullif(given ->> 'kind', ''), 'contract'));
        RETURN sentinel.http_data(sentinel.http_row('sentinel.document_templates', template, 'template'), 201, '/templates/' || template);
    END IF;
    template := sentinel.http_param(request, 'template_id');
    held := sentinel.http_row('sentinel.document_templates', template, 'template');
    IF request ->> 'route' LIKE '%/render' THEN
        given := sentinel.http_members(request, '{variables}', '{variables}');
        RETURN sentinel.http_data(jsonb_build_object('id', template, 'text', sentinel.render_template(held ->> 'body', given -> 'variables')));
    ELSIF request ->> 'method' = 'PATCH' THEN
        given := sentinel.http_members(request, '{body}', '{body}');
        PERFORM sentinel.save_document_template(held ->> 'name', given ->> 'body', held ->> 'kind');
        held := sentinel.http_row('sentinel.document_templates', template, 'template');
    END IF;
    RETURN sentinel.http_data(held);
END
$$;
COMMENT ON FUNCTION sentinel.http_template(jsonb, bytea) IS
    'Route: save, give or change a template, or put values into it. Saving under a known kind and name changes that template.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_tags(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.tags', ARRAY['name text'], ARRAY['lower(x.name)|text'], '{}', true);
END
$$;
COMMENT ON FUNCTION sentinel.http_tags(jsonb, bytea) IS 'Route: list tags by name.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_tag(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tag uuid;
    given jsonb;
BEGIN
    IF request ->> 'method' = 'DELETE' THEN
        PERFORM sentinel.delete_tag(sentinel.http_param(request, 'tag_id'));
        RETURN '{"status": 204}';
    END IF;
    given := sentinel.http_members(request, '{name,color}', '{name}');
    tag := sentinel.add_tag(given ->> 'name', coalesce(nullif(given ->> 'color', ''), '#6b7280'));
    RETURN sentinel.http_data(sentinel.http_row('sentinel.tags', tag, 'tag'), 201, '/tags/' || tag);
END
$$;
COMMENT ON FUNCTION sentinel.http_tag(jsonb, bytea) IS 'Route: make or delete a tag.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_saved_views(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_page(request, 'sentinel.saved_views', ARRAY['entity_type lead|deal']);
END
$$;
COMMENT ON FUNCTION sentinel.http_saved_views(jsonb, bytea) IS 'Route: list saved views, own and shared ones, the newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_saved_view(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_id uuid;
    most integer;
    page integer;
    lines jsonb;
    given jsonb;
BEGIN
    IF request ->> 'method' = 'POST' THEN
        given := sentinel.http_members(request, '{name,entity_type,filters,sort,direction,shared}', '{name,entity_type}');
        view_id := sentinel.save_view(given ->> 'name', given ->> 'entity_type', coalesce(given -> 'filters', '{}'),
            coalesce(nullif(given ->> 'sort', ''), 'created_at'), coalesce(nullif(given ->> 'direction', ''), 'desc'),
            coalesce((given ->> 'shared')::boolean, false));
        RETURN sentinel.http_data(sentinel.http_row('sentinel.saved_views', view_id, 'saved view'), 201, '/saved-views/' || view_id);
    END IF;
    view_id := sentinel.http_param(request, 'view_id');
    IF request ->> 'method' = 'DELETE' THEN
        PERFORM sentinel.delete_view(view_id);
        RETURN '{"status": 204}';
    ELSIF request ->> 'route' LIKE '%/run' THEN
        -- A search for deals gives 100 rows at most, one for leads 200.
        most := sentinel.http_query_integer(request, 'limit', 50, 1, 99);
        page := sentinel.http_query_integer(request, 'page', NULL, 1, 1000000);
        SELECT coalesce(jsonb_agg(CASE WHEN r.line ? 'deal_id' THEN r.line - 'deal_id' || jsonb_build_object('id', r.line -> 'deal_id')
                                       ELSE r.line - 'lead_id' || jsonb_build_object('id', r.line -> 'lead_id') END), '[]') INTO lines
        FROM sentinel.run_saved_view(view_id, CASE WHEN page IS NULL THEN most + 1 ELSE most END, page, sentinel.http_after(request)) AS r(line);
        RETURN jsonb_build_object('json', sentinel.http_found(lines, most)
            || CASE WHEN page IS NULL THEN '{}'
                    ELSE jsonb_build_object('page', page, 'page_size', most, 'total', coalesce(lines -> 0 -> 'total', '0')) END);
    END IF;
    RETURN sentinel.http_data(sentinel.http_row('sentinel.saved_views', view_id, 'saved view'));
END
$$;
COMMENT ON FUNCTION sentinel.http_saved_view(jsonb, bytea) IS
    'Route: save, give, delete or run a saved view. Saving under a name of one''s own changes that view.';
