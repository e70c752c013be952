-- Room leads, operations: exports, and what happened with a lead in one list.

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.leads_to_export(filters jsonb, sort text, direction text, max_rows integer)
    RETURNS TABLE (place bigint, name text, email text, phone text, company text, stage text, temperature text, source text,
                   industry text, location text, icp_score numeric, ghost_risk numeric, recommended_path text, created_at timestamptz,
                   lead_id uuid)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    most constant integer := 100000;
    found bigint;
BEGIN
    IF NOT coalesce(leads_to_export.max_rows BETWEEN 1 AND most, false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid max_rows %s', coalesce(leads_to_export.max_rows::text, 'null')),
            DETAIL = format('An export holds 1 to %s leads.', most), HINT = 'Use 5000.';
    END IF;
    RETURN QUERY
    SELECT f.place, l.name, l.email, l.phone, l.company_name, l.lifecycle_stage, l.temperature, l.lead_source, l.industry, l.location,
           l.qualification_score, l.ghost_risk_score, l.recommended_path, l.created_at, l.id
    FROM sentinel.find_leads(leads_to_export.filters, leads_to_export.sort, leads_to_export.direction, NULL, NULL,
                             leads_to_export.max_rows + 1) f
    JOIN sentinel.leads l ON l.org_id = org AND l.id = f.lead_id;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no leads found',
            DETAIL = 'No lead that the member entered may view fits the filters.', HINT = 'Leave filters out.';
    ELSIF found > leads_to_export.max_rows THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('more than %s leads fit the filters', leads_to_export.max_rows),
            DETAIL = 'A cut export would look like a whole one.',
            HINT = format('Narrow the filters, or raise max_rows to at most %s.', most);
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.leads_to_export(jsonb, text, text, integer) IS
    'Give the leads of an export in their order. For the exports. Errors: SN002, SN004 none, SN007 filter or more than max_rows, 22023 value, sort or max_rows.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.export_leads_csv(filters jsonb DEFAULT '{}', sort text DEFAULT 'created_at', direction text DEFAULT 'desc',
                                          max_rows integer DEFAULT 5000) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
BEGIN
    RETURN '"Name","Email","Phone","Company","Stage","Temperature","Source","Industry","Location","ICP Score","Ghost Risk",'
           '"Recommended Path","Created"' || E'\n' || (
        SELECT string_agg(w.line, E'\n' ORDER BY e.place)
        FROM sentinel.leads_to_export(export_leads_csv.filters, export_leads_csv.sort, export_leads_csv.direction,
                                      export_leads_csv.max_rows) e
        CROSS JOIN LATERAL (
            -- A cell that csv_cell() leaves bare holds nothing that needs more than the quotes.
            SELECT string_agg(CASE WHEN c.cell LIKE '"%' THEN c.cell ELSE '"' || c.cell || '"' END, ',' ORDER BY c.place) AS line
            FROM (SELECT sentinel.csv_cell(v.value) AS cell, v.place
                  FROM unnest(ARRAY[e.name, e.email, e.phone, e.company, e.stage, e.temperature, e.source, e.industry, e.location,
                                    e.icp_score::text, e.ghost_risk::text, e.recommended_path,
                                    to_char(e.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')]) WITH ORDINALITY AS v(value, place)) c) w);
END
$$;
COMMENT ON FUNCTION sentinel.export_leads_csv(jsonb, text, text, integer) IS
    'Write leads as CSV, every cell in quotes, lines ending with LF but the last; times are UTC. No cell runs as a formula: '' stands before = + - @ at its beginning. filters and sort as of search_leads(). Errors: SN002, SN004 none, SN007 filter or more than max_rows, 22023 value, sort or max_rows.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.export_leads_json(filters jsonb DEFAULT '{}', sort text DEFAULT 'created_at', direction text DEFAULT 'desc',
                                           max_rows integer DEFAULT 5000) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object(
                   'name', e.name, 'email', e.email, 'phone', e.phone, 'company', e.company, 'stage', e.stage,
                   'temperature', e.temperature, 'source', e.source, 'industry', e.industry, 'location', e.location,
                   'icpScore', e.icp_score, 'ghostRisk', e.ghost_risk, 'recommendedPath', e.recommended_path,
                   'createdAt', e.created_at, 'leadId', e.lead_id) ORDER BY e.place)
        FROM sentinel.leads_to_export(export_leads_json.filters, export_leads_json.sort, export_leads_json.direction,
                                      export_leads_json.max_rows) e);
END
$$;
COMMENT ON FUNCTION sentinel.export_leads_json(jsonb, text, text, integer) IS
    'Give leads as a JSON array with the members of export_leads_csv(), texts as they are. Errors: SN002, SN004 none, SN007 filter or more than max_rows, 22023 value, sort or max_rows.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.lead_activities(lead_id uuid, page_size integer DEFAULT 100, after text DEFAULT NULL)
    RETURNS TABLE (happened_at timestamptz, kind text, summary text, detail jsonb, subject_type text, subject_id uuid,
                   member_id uuid, member_name text, cursor_after text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    size integer := greatest(1, least(coalesce(lead_activities.page_size, 100), 1000));
    -- What lies behind all.
    moment timestamptz := 'infinity';
    entry uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
BEGIN
    PERFORM sentinel.require_lead(lead_activities.lead_id, 'view');
    IF lead_activities.after !~ '^-?\d{1,18}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(lead_activities.after, 60)),
            DETAIL = 'A cursor is what the column cursor_after of the last row gave.', HINT = 'Start with NULL.';
    ELSIF lead_activities.after IS NOT NULL THEN
        moment := timestamptz 'epoch' + split_part(lead_activities.after, '.', 1)::bigint * interval '1 microsecond';
        entry := split_part(lead_activities.after, '.', 2);
    END IF;
    RETURN QUERY
    WITH own_deals AS MATERIALIZED (
        SELECT d.id FROM sentinel.deals d WHERE d.org_id = org AND d.lead_id = lead_activities.lead_id),
    told AS (
        -- A call that was held is told below, with the call.
        SELECT a.occurred_at AS at, a.id, CASE a.activity_type WHEN 'other' THEN coalesce(a.payload ->> 'kind', 'other') ELSE a.activity_type END AS kind, a.subject AS summary,
               a.payload || jsonb_strip_nulls(jsonb_build_object('body', a.body)) AS detail,
               CASE WHEN a.deal_id IS NULL THEN 'lead' ELSE 'deal' END AS subject_type, coalesce(a.deal_id, a.lead_id) AS subject_id, a.member_id
        FROM sentinel.activities a
        WHERE a.org_id = org AND a.lead_id = lead_activities.lead_id AND NOT a.payload ? 'call_id'
        UNION ALL
        SELECT a.occurred_at, a.id, CASE a.activity_type WHEN 'other' THEN coalesce(a.payload ->> 'kind', 'other') ELSE a.activity_type END, a.subject,
               a.payload || jsonb_strip_nulls(jsonb_build_object('body', a.body)), 'deal', a.deal_id, a.member_id
        FROM own_deals d JOIN sentinel.activities a ON a.org_id = org AND a.deal_id = d.id
        WHERE a.lead_id IS DISTINCT FROM lead_activities.lead_id AND NOT a.payload ? 'call_id'
        UNION ALL
        SELECT n.created_at, n.id, 'note', left(n.body, 200), jsonb_strip_nulls(jsonb_build_object('body', n.body, 'edited_at', n.edited_at)),
               'lead', n.subject_id, n.member_id
        FROM sentinel.notes n WHERE n.org_id = org AND n.subject_type = 'lead' AND n.subject_id = lead_activities.lead_id
        UNION ALL
        SELECT h.entered_at, h.id, 'stage', format('%s to %s', b.state, h.state), jsonb_build_object('from', b.state, 'to', h.state),
               'lead', h.subject_id, h.member_id
        FROM sentinel.state_history h
        JOIN sentinel.state_history b ON b.org_id = org AND b.machine = 'lead' AND b.subject_id = h.subject_id AND b.seq = h.seq - 1
        WHERE h.org_id = org AND h.machine = 'lead' AND h.subject_id = lead_activities.lead_id
        UNION ALL
        SELECT h.entered_at, h.id, 'call_' || h.state, CASE h.state WHEN 'completed' THEN c.outcome END,
               jsonb_strip_nulls(jsonb_build_object('scheduled_at', c.scheduled_at, 'deal_id', c.deal_id)), 'call', c.id, h.member_id
        FROM sentinel.calls c JOIN sentinel.state_history h ON h.org_id = org AND h.machine = 'call' AND h.subject_id = c.id
        WHERE c.org_id = org AND c.lead_id = lead_activities.lead_id)
    SELECT t.at, t.kind, t.summary, t.detail, t.subject_type, t.subject_id, t.member_id, m.display_name,
           concat((extract(epoch FROM t.at) * 1000000)::bigint, '.', t.id)
    FROM told t LEFT JOIN sentinel.members m ON m.org_id = org AND m.id = t.member_id
    WHERE (t.at, t.id) < (moment, entry)
    ORDER BY t.at DESC, t.id DESC LIMIT size;
END
$$;
COMMENT ON FUNCTION sentinel.lead_activities(uuid, integer, text) IS
    'Tell what happened with a lead, newest first, a page of 1 to 1000 rows: notes; moves as kind stage; its calls as call_booked, call_completed and so on; activities of the lead and of its deals by their type or kind (email_sent, call_held, lead_edited, lead_created_from_intake), as far as the member entered may view them. after is cursor_after of the last row seen. Errors: SN002, SN003, SN004, 22023 cursor.';
