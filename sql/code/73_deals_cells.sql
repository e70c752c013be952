-- Room deals, import: what headings and cells of a file of opportunities mean. What judges rows by it is in 73_deals_judge.sql.

CREATE FUNCTION sentinel.find_stage(org uuid, pipeline_id uuid, word text) RETURNS text
    LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key text := sentinel.column_key(find_stage.word);
    canonical text;
    stage text;
BEGIN
    SELECT s.stage INTO stage FROM sentinel.pipeline_stages s
    WHERE s.org_id = find_stage.org AND s.pipeline_id = find_stage.pipeline_id
      AND (replace(s.stage, '_', ' ') = key OR sentinel.column_key(s.label) = key)
    ORDER BY replace(s.stage, '_', ' ') = key DESC, s.position LIMIT 1;
    IF stage IS NOT NULL THEN
        RETURN stage;
    END IF;
    SELECT w.meaning INTO canonical FROM sentinel.deal_words w WHERE w.field = 'stage' AND w.word = key;
    IF NOT FOUND THEN
        canonical := sentinel.normalize_stage(find_stage.word);
    END IF;
    SELECT s.stage INTO stage
    FROM sentinel.pipeline_template_stages t
    JOIN sentinel.pipeline_stages s ON s.org_id = find_stage.org AND s.pipeline_id = find_stage.pipeline_id AND s.kind = t.kind
    WHERE t.template = 'revenue' AND t.stage = canonical
    ORDER BY s.stage = t.stage DESC, abs(s.probability - t.probability), s.position LIMIT 1;
    RETURN stage;
END
$$;
COMMENT ON FUNCTION sentinel.find_stage(uuid, uuid, text) IS
    'Give the stage of a pipeline that a word of another system means: its own name or label, else by deal_words and the aliases of normalize_stage() the stage of that kind with the nearest probability. Null when it means none.';

CREATE FUNCTION sentinel.deal_csv_fields(org uuid, pipeline_id uuid, header text[], mapping jsonb,
                                         OUT fields text[], OUT warnings text[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known constant text[] := ARRAY(SELECT DISTINCT c.field FROM sentinel.deal_columns c ORDER BY 1);
    wrong text;
BEGIN
    IF jsonb_typeof(coalesce(deal_csv_fields.mapping, '{}')) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the mapping is of type %s', jsonb_typeof(deal_csv_fields.mapping)),
            DETAIL = 'A mapping is a JSON object of headings and fields.', HINT = 'Use ''{"Rep": "owner", "Notes": null}''.';
    END IF;
    SELECT m.key INTO wrong FROM jsonb_each_text(deal_csv_fields.mapping) m
    WHERE NOT EXISTS (SELECT FROM unnest(deal_csv_fields.header) AS h(name) WHERE sentinel.column_key(h.name) = sentinel.column_key(m.key))
    ORDER BY m.key LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('the file has no column "%s"', left(wrong, 80)),
            DETAIL = 'A mapping names headings of the file.',
            HINT = format('Use one of: %s.', left(array_to_string(deal_csv_fields.header, ', '), 500));
    END IF;
    SELECT m.value INTO wrong FROM jsonb_each_text(deal_csv_fields.mapping) m
    WHERE m.value <> '' AND m.value <> ALL (known)
      AND NOT (m.value LIKE 'entered:%' AND sentinel.find_stage(deal_csv_fields.org, deal_csv_fields.pipeline_id, substr(m.value, 9)) IS NOT NULL)
    ORDER BY m.value LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown field "%s"', left(wrong, 80)),
            DETAIL = 'A column is read as a field, or passed over with null.',
            HINT = format('Use one of: %s, or entered: and a stage.', array_to_string(known, ', '));
    END IF;

    WITH named AS (
        SELECT h.position, h.name, sentinel.column_key(h.name) AS key,
               (SELECT coalesce(m.value, '') FROM jsonb_each_text(deal_csv_fields.mapping) m
                WHERE sentinel.column_key(m.key) = sentinel.column_key(h.name) LIMIT 1) AS told
        FROM unnest(deal_csv_fields.header) WITH ORDINALITY AS h(name, position)
    ), found AS (
        SELECT n.position, n.name, n.key, coalesce(
                   n.told,
                   (SELECT c.field FROM sentinel.deal_columns c WHERE c.alias = n.key),
                   -- Pipedrive writes "Deal - Title" and "Deal - Deal created", Salesforce "Opportunity Name".
                   (SELECT c.field FROM sentinel.deal_columns c WHERE c.alias = substring(n.key FROM '^(?:(?:deal|opportunity|opp) )+(.+)$')),
                   -- HubSpot writes: Date entered "Contract Sent (Sales Pipeline)".
                   'entered:' || sentinel.find_stage(deal_csv_fields.org, deal_csv_fields.pipeline_id,
                       substring(n.key FROM '^(?:date )?entered "?(.+?)(?: \([^)]*\))?"?(?: \([^)]*\))?$'))) AS field
        FROM named n
    )
    SELECT array_agg(CASE WHEN f.field LIKE 'entered:%'
                          THEN 'entered:' || sentinel.find_stage(deal_csv_fields.org, deal_csv_fields.pipeline_id, substr(f.field, 9))
                          ELSE coalesce(f.field, '') END ORDER BY f.position),
           array_agg(format('column "%s" was passed over', left(f.name, 80)) ORDER BY f.position) FILTER (WHERE f.field IS NULL)
           || CASE WHEN count(nullif(f.field, '')) = 0
                   THEN ARRAY['no column of the header is known; sentinel.deal_columns lists the names'] END
    INTO deal_csv_fields.fields, deal_csv_fields.warnings
    FROM found f;
END
$$;
COMMENT ON FUNCTION sentinel.deal_csv_fields(uuid, uuid, text[], jsonb) IS
    'Give the field of each column of a header: as the mapping says, else by deal_columns, else entered:stage for the time of entering a stage; empty for what is passed over, with a warning. Errors: SN007 mapping.';

CREATE FUNCTION sentinel.read_deals_csv(file bytea, fields text[], defaults jsonb)
    RETURNS TABLE (line integer, raw bytea, cells jsonb, fault text[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p.line, p.raw,
           CASE WHEN p.cells IS NOT NULL THEN read_deals_csv.defaults || coalesce(c.told, '{}') END,
           CASE WHEN p.cells IS NULL THEN ARRAY[p.code, p.reason, p.hint] END
    FROM sentinel.parse_csv(read_deals_csv.file) WITH ORDINALITY AS p(line, cells, raw, code, reason, hint, place)
    LEFT JOIN LATERAL (
        -- What export_deals_csv() puts before a formula goes off again.
        SELECT jsonb_object_agg(e.key, regexp_replace(e.value, '^''(?=''*\s*[=+@＝＋＠－-])', '')) AS told
        FROM jsonb_each_text(sentinel.intake_payload(p.cells, read_deals_csv.fields)) e
        WHERE lower(e.value) NOT IN ('-', '--', 'n/a', 'na', 'null', 'nil', 'none', '(no value)', '0000-00-00', '#n/a')) c ON true
    WHERE p.place > 1;
END
$$;
COMMENT ON FUNCTION sentinel.read_deals_csv(bytea, text[], jsonb) IS
    'Read the records behind the header: the cells by field, over defaults, without those that say nothing; or the fault of a broken record.';

CREATE FUNCTION sentinel.deal_csv_habits(file bytea, fields text[], OUT date_order text, OUT decimal_comma boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH cells AS (
        SELECT e.key, e.value
        FROM sentinel.read_deals_csv(deal_csv_habits.file, deal_csv_habits.fields, '{}') l
        CROSS JOIN LATERAL jsonb_each_text(l.cells) e
    ), days AS (
        SELECT bool_or(m.parts[1]::integer > 12) AS first_is_day, bool_or(m.parts[2]::integer > 12) AS second_is_day
        FROM cells c
        CROSS JOIN LATERAL (SELECT regexp_match(c.value, '^(\d{1,2})[/-](\d{1,2})[/-](?:\d{4}|\d{2})(?:\D|$)') AS parts) m
        WHERE c.key IN ('created', 'closed', 'expected_close', 'stage_changed') OR c.key LIKE 'entered:%'
    ), amounts AS (
        SELECT bool_or(c.value ~ '\d,\d{1,2}(?!\d)' OR c.value ~ '\.\d{3},\d' OR c.value ~ '\d\.\d{3}\.\d{3}') AS comma,
               bool_or(c.value ~ '\d\.\d{1,2}(?!\d)' OR c.value ~ ',\d{3}\.\d' OR c.value ~ '\d,\d{3},\d{3}') AS point
        FROM cells c WHERE c.key IN ('value', 'closing_value')
    )
    SELECT CASE WHEN d.first_is_day AND NOT d.second_is_day THEN 'day' WHEN d.second_is_day AND NOT d.first_is_day THEN 'month' END,
           CASE WHEN a.comma AND NOT a.point THEN true WHEN a.point AND NOT a.comma THEN false END
    INTO deal_csv_habits.date_order, deal_csv_habits.decimal_comma
    FROM days d CROSS JOIN amounts a;
END
$$;
COMMENT ON FUNCTION sentinel.deal_csv_habits(bytea, text[]) IS
    'Find out from all cells whether dates such as 03/04/2026 begin with the day or the month, and whether amounts have a decimal comma; null where the file does not tell.';

CREATE FUNCTION sentinel.deal_csv_time(value text, date_order text, zone text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cell text := btrim(deal_csv_time.value);
    parts text[];
    numbers integer[];
    at timestamptz;
BEGIN
    IF cell ~ '^1\d{9}$' THEN
        RETURN to_timestamp(cell::double precision);
    ELSIF cell ~ '^1\d{12}$' THEN
        RETURN to_timestamp(cell::double precision / 1000);
    ELSIF cell ~ '^[2-6]\d{4}(\.\d{1,10})?$' THEN
        -- A spreadsheet's own number: days since 1899-12-30.
        RETURN (timestamp '1899-12-30' + make_interval(secs => round(cell::numeric * 86400)::double precision))
               AT TIME ZONE deal_csv_time.zone;
    END IF;
    parts := regexp_match(cell, '^(\d{1,2})([-./])(\d{1,2})\2(\d{4}|\d{2})(\D.*)?$');
    IF parts IS NOT NULL THEN
        numbers := ARRAY[parts[1], parts[3], parts[4]]::integer[];
        IF length(parts[4]) = 2 AND deal_csv_time.date_order = 'year' THEN
            numbers := ARRAY[numbers[3], numbers[2], numbers[1]];
        ELSIF parts[2] = '.' OR numbers[1] > 12 OR numbers[1] = numbers[2] THEN
            NULL;
        ELSIF numbers[2] > 12 OR deal_csv_time.date_order = 'month' THEN
            numbers := ARRAY[numbers[2], numbers[1], numbers[3]];
        ELSIF deal_csv_time.date_order IS DISTINCT FROM 'day' THEN
            RETURN NULL;
        END IF;
        IF length(parts[4]) = 2 THEN
            numbers[3] := numbers[3] + CASE WHEN numbers[3] < 70 THEN 2000 ELSE 1900 END;
        END IF;
        cell := format('%s-%s-%s%s', numbers[3], lpad(numbers[2]::text, 2, '0'), lpad(numbers[1]::text, 2, '0'),
                       regexp_replace(coalesce(parts[5], ''), '^,\s*', ' '));
    END IF;
    at := sentinel.intake_time(cell);
    IF cell ~* ':\d\d.*(z|utc|gmt|[+-]\d{1,2}(:?\d\d)?)$' THEN
        RETURN at;
    END IF;
    RETURN (at AT TIME ZONE 'UTC') AT TIME ZONE deal_csv_time.zone;
END
$$;
COMMENT ON FUNCTION sentinel.deal_csv_time(text, text, text) IS
    'Read a date as systems export it: what intake_time() reads, two-digit years, seconds and milliseconds since 1970, a spreadsheet''s number of days; in the zone given where the text has none. date_order (day, month, year) decides what may be two days. Null when it is none or undecided.';

CREATE FUNCTION sentinel.deal_csv_amount(value text, decimal_comma boolean) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Without what only groups digits, and without the dash that stands for no cents: 5.000,-
    cell text := regexp_replace(regexp_replace(lower(deal_csv_amount.value), '[\s\u00a0\u202f’'']', '', 'g'), '[.,][-–—]+', '');
    parts text[];
    digits text;
    mark text;
BEGIN
    parts := regexp_match(cell, '^([-−(]?)(?:[a-z]{3}|us\$|[a-z]?[$€£¥₹])?([-−]?)(\d[\d.,]*)(k|mn|mio|mln|m|mrd|bn|b)?(?:[a-z]{3}|[$€£¥₹])?(\)|-)?$');
    IF parts IS NULL THEN
        RETURN NULL;
    END IF;
    digits := rtrim(parts[3], '.,');
    -- The last separator is the decimal one when there are two kinds, or when what follows is no group of three.
    mark := substring(digits FROM '[.,](?=[^.,]*$)');
    IF mark IS NOT NULL AND strpos(digits, CASE mark WHEN ',' THEN '.' ELSE ',' END) = 0 THEN
        IF length(digits) - length(replace(digits, mark, '')) > 1 THEN
            IF digits !~ '^\d{1,3}([.,]\d{2,3})*[.,]\d{3}$' THEN
                RETURN NULL;
            END IF;
            mark := NULL;
        ELSIF digits ~ '^[1-9]\d{0,2}[.,]\d{3}$' THEN
            IF deal_csv_amount.decimal_comma IS NULL AND mark = '.' THEN
                RETURN NULL;
            END IF;
            mark := CASE WHEN coalesce(deal_csv_amount.decimal_comma, false) = (mark = ',') THEN mark END;
        END IF;
    END IF;
    digits := CASE mark WHEN ',' THEN replace(replace(digits, '.', ''), ',', '.')
                        WHEN '.' THEN replace(digits, ',', '')
                        ELSE translate(digits, '.,', '') END;
    IF digits !~ '^\d{1,18}(\.\d{1,12})?$' THEN
        RETURN NULL;
    END IF;
    RETURN digits::numeric
           * CASE WHEN parts[4] IS NULL THEN 1 WHEN parts[4] = 'k' THEN 1000 WHEN parts[4] IN ('b', 'bn', 'mrd') THEN 1000000000
                  ELSE 1000000 END
           * CASE WHEN parts[1] IN ('-', '−', '(') OR parts[2] IN ('-', '−') OR parts[5] = '-' THEN -1 ELSE 1 END;
END
$$;
COMMENT ON FUNCTION sentinel.deal_csv_amount(text, boolean) IS
    'Read an amount as people write it: 1,234.50, 1.234,50 €, CHF 1''234.50, $12k, 1.5 mio, (500). decimal_comma decides 1.234; without it that is undecided and null, as is what is no amount.';

CREATE FUNCTION sentinel.deal_csv_currency(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value ~ '€' THEN 'EUR' WHEN value ~ '£' THEN 'GBP' WHEN value ~ '₹' THEN 'INR' WHEN value ~* 'us\$' THEN 'USD'
                ELSE upper((regexp_match(value, '(?:^|[\d\s.,-])((?!mio|mln|mrd)[a-z]{3})(?![a-z])', 'i'))[1]) END
$$;
COMMENT ON FUNCTION sentinel.deal_csv_currency(text) IS
    'Give the currency that stands in an amount or alone, as ISO 4217 code; null for none and for signs of several currencies.';

CREATE FUNCTION sentinel.deal_csv_word(words jsonb, field text, cell text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT w.value FROM jsonb_each_text(deal_csv_word.words -> deal_csv_word.field) w
                     WHERE sentinel.column_key(w.key) = sentinel.column_key(deal_csv_word.cell) LIMIT 1),
                    deal_csv_word.cell);
END
$$;
COMMENT ON FUNCTION sentinel.deal_csv_word(jsonb, text, text) IS
    'Give what the caller''s words, such as {"stage": {"Engaging": "qualify"}}, say that a cell of a field means, else the cell.';
