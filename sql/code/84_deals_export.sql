-- Exports of deals with their risk. Behind the room risk, whose view it reads; the room deals may not.

-- grant: everyone
CREATE FUNCTION sentinel.csv_cell(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN c.cell ~ '[",;\r\n\t]|^\s|\s$' THEN '"' || replace(c.cell, '"', '""') || '"' ELSE c.cell END
    FROM (SELECT CASE WHEN value ~ '^''*\s*[=+@＝＋＠－-]|^[\t\r\n]' THEN '''' || value ELSE coalesce(value, '') END) AS c(cell)
$$;
COMMENT ON FUNCTION sentinel.csv_cell(text) IS
    'Write a text as a cell of a CSV file (RFC 4180), with '' before what a spreadsheet would run as a formula: = + - @, tab or line end at its beginning. Null is an empty cell.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.deals_to_export(stage text, owner uuid, team uuid, kind text, created_from timestamptz,
                                         created_until timestamptz, max_rows integer)
    RETURNS TABLE (place bigint, name text, deal_stage text, value numeric, company text, created_at timestamptz,
                   last_activity_at timestamptz, risk_score numeric, primary_risk_reason text, assigned_to text, currency text,
                   closed_at timestamptz, expected_close_at timestamptz, lost_reason text, external_id text, deal_id uuid)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    most constant integer := 100000;
    found bigint;
BEGIN
    IF deals_to_export.kind NOT IN ('open', 'won', 'lost') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown kind "%s"', left(deals_to_export.kind, 40)),
            DETAIL = 'A deal is open, won or lost.', HINT = 'Use ''open''.';
    END IF;
    IF NOT coalesce(deals_to_export.max_rows BETWEEN 1 AND most, false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid max_rows %s', coalesce(deals_to_export.max_rows::text, 'null')),
            DETAIL = format('An export holds 1 to %s deals.', most), HINT = 'Use 5000.';
    END IF;
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY d.created_at DESC, d.id DESC), d.name, d.stage, d.value, d.company_name, d.created_at,
           r.last_activity_at, r.score_rounded, r.primary_reason, m.display_name, d.currency, d.closed_at, d.expected_close_at,
           d.lost_reason, d.external_id, d.id
    FROM (SELECT * FROM sentinel.deals d
          WHERE d.org_id = org AND NOT d.is_demo
            AND (deals_to_export.stage IS NULL OR d.stage IN (lower(btrim(deals_to_export.stage)),
                                                              sentinel.normalize_stage(deals_to_export.stage)))
            AND (deals_to_export.owner IS NULL OR d.owner_id = deals_to_export.owner)
            AND (deals_to_export.team IS NULL OR d.team_id = deals_to_export.team)
            AND (deals_to_export.kind IS NULL OR d.stage_kind = deals_to_export.kind)
            AND (deals_to_export.created_from IS NULL OR d.created_at >= deals_to_export.created_from)
            AND (deals_to_export.created_until IS NULL OR d.created_at < deals_to_export.created_until)
          ORDER BY d.created_at DESC, d.id DESC LIMIT deals_to_export.max_rows + 1) d
    LEFT JOIN sentinel.deal_risks r ON r.org_id = org AND r.deal_id = d.id
    LEFT JOIN sentinel.members m ON m.org_id = org AND m.id = d.owner_id;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'no deals found',
            DETAIL = 'No deal that the member entered may view fits the filter.', HINT = 'Leave filters out.';
    ELSIF found > deals_to_export.max_rows THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('more than %s deals fit the filter', deals_to_export.max_rows),
            DETAIL = 'A cut export would look like a whole one.',
            HINT = format('Narrow the filter, or raise max_rows to at most %s.', most);
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.deals_to_export(text, uuid, uuid, text, timestamptz, timestamptz, integer) IS
    'Give the deals of an export with their risk now, newest first. For the exports. Errors: SN002, SN004 none, SN007 more than max_rows, 22023 kind or max_rows.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.export_deals_csv(stage text DEFAULT NULL, owner uuid DEFAULT NULL, team uuid DEFAULT NULL,
        kind text DEFAULT NULL, created_from timestamptz DEFAULT NULL, created_until timestamptz DEFAULT NULL,
        max_rows integer DEFAULT 5000) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    shape constant text := 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"';
BEGIN
    RETURN 'name,stage,value,company,createdAt,lastActivityAt,riskScore,primaryRiskReason,assignedTo,currency,closedAt,'
           'expectedCloseAt,lostReason,externalId,dealId' || E'\n' || (
        SELECT string_agg(array_to_string(ARRAY[
                   sentinel.csv_cell(e.name), sentinel.csv_cell(e.deal_stage), e.value::text, sentinel.csv_cell(e.company),
                   to_char(e.created_at, shape), to_char(e.last_activity_at, shape), e.risk_score::text,
                   sentinel.csv_cell(e.primary_risk_reason), sentinel.csv_cell(e.assigned_to), e.currency,
                   to_char(e.closed_at, shape), to_char(e.expected_close_at, shape), sentinel.csv_cell(e.lost_reason),
                   sentinel.csv_cell(e.external_id), e.deal_id::text], ',', ''), E'\n' ORDER BY e.place)
        FROM sentinel.deals_to_export(export_deals_csv.stage, export_deals_csv.owner, export_deals_csv.team,
            export_deals_csv.kind, export_deals_csv.created_from, export_deals_csv.created_until, export_deals_csv.max_rows) e);
END
$$;
COMMENT ON FUNCTION sentinel.export_deals_csv(text, uuid, uuid, text, timestamptz, timestamptz, integer) IS
    'Write deals as CSV, newest first, lines ending with LF but the last; times are UTC. No cell runs as a formula: '' stands before = + - @ at its beginning, and import_deals_csv() takes it off again. Errors: SN002, SN004 none, SN007 more than max_rows, 22023 kind or max_rows.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.export_deals_json(stage text DEFAULT NULL, owner uuid DEFAULT NULL, team uuid DEFAULT NULL,
        kind text DEFAULT NULL, created_from timestamptz DEFAULT NULL, created_until timestamptz DEFAULT NULL,
        max_rows integer DEFAULT 5000) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object(
                   'name', e.name, 'stage', e.deal_stage, 'value', e.value, 'company', e.company, 'createdAt', e.created_at,
                   'lastActivityAt', e.last_activity_at, 'riskScore', e.risk_score,
                   'primaryRiskReason', e.primary_risk_reason, 'assignedTo', e.assigned_to, 'currency', e.currency,
                   'closedAt', e.closed_at, 'expectedCloseAt', e.expected_close_at, 'lostReason', e.lost_reason,
                   'externalId', e.external_id, 'dealId', e.deal_id) ORDER BY e.place)
        FROM sentinel.deals_to_export(export_deals_json.stage, export_deals_json.owner, export_deals_json.team,
            export_deals_json.kind, export_deals_json.created_from, export_deals_json.created_until,
            export_deals_json.max_rows) e);
END
$$;
COMMENT ON FUNCTION sentinel.export_deals_json(text, uuid, uuid, text, timestamptz, timestamptz, integer) IS
    'Give deals as a JSON array with the members of export_deals_csv(), newest first, texts as they are. Errors: SN002, SN004 none, SN007 more than max_rows, 22023 kind or max_rows.';
