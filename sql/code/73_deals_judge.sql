-- Room deals, import: what a record of a file of opportunities says of a deal, or why it is refused. Reads, never writes.

CREATE FUNCTION sentinel.is_legal_move(org uuid, pipeline_id uuid, from_stage text, to_stage text) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM sentinel.stage_transitions t
                   WHERE t.org_id = is_legal_move.org AND t.pipeline_id = is_legal_move.pipeline_id
                     AND t.from_stage = is_legal_move.from_stage AND t.to_stage = is_legal_move.to_stage);
END
$$;
COMMENT ON FUNCTION sentinel.is_legal_move(uuid, uuid, text, text) IS 'Tell whether a pipeline leads from one stage directly to another.';

CREATE FUNCTION sentinel.stage_path(org uuid, pipeline_id uuid, from_stage text, to_stage text) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen text[] := ARRAY[stage_path.from_stage];
    paths jsonb := jsonb_build_object(stage_path.from_stage, jsonb '[]');
    edge text[] := seen;
BEGIN
    -- From stage to stage in rounds, so that a stage is reached by a shortest path; no deal is won or lost on the way.
    WHILE edge IS NOT NULL AND NOT paths ? stage_path.to_stage LOOP
        SELECT array_agg(n.to_stage ORDER BY n.place), paths || jsonb_object_agg(n.to_stage, n.path)
        INTO edge, paths
        FROM (SELECT DISTINCT ON (t.to_stage) t.to_stage, s.position AS place, paths -> t.from_stage || to_jsonb(t.to_stage) AS path
              FROM sentinel.stage_transitions t
              JOIN sentinel.pipeline_stages s ON s.org_id = t.org_id AND s.pipeline_id = t.pipeline_id AND s.stage = t.to_stage
              WHERE t.org_id = stage_path.org AND t.pipeline_id = stage_path.pipeline_id AND t.from_stage = ANY (edge)
                AND t.to_stage <> ALL (seen) AND (s.kind = 'open' OR t.to_stage = stage_path.to_stage)
              ORDER BY t.to_stage, array_position(edge, t.from_stage)) n;
        seen := seen || edge;
    END LOOP;
    RETURN CASE WHEN edge IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(paths -> stage_path.to_stage)) END;
END
$$;
COMMENT ON FUNCTION sentinel.stage_path(uuid, uuid, text, text) IS
    'Give the stages that lead from one stage of a pipeline to another by the fewest moves, through open stages, the goal included; null when it leads there not at all.';

CREATE FUNCTION sentinel.deal_csv_moves(org uuid, pipeline_id uuid, start text, stage text, kind text, created timestamptz,
        until timestamptz, stage_changed timestamptz, entered jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here text := deal_csv_moves.start;
    first text := deal_csv_moves.start;
    -- Stages that only lead to what the file tells are passed at once when that is known, not before.
    assumed boolean := true;
    moves jsonb := '[]';
    stop record;
    at timestamptz;
    way text[];
    gap text;
BEGIN
    FOR stop IN
        SELECT e.stage, greatest(e.at, deal_csv_moves.created) AS at
        FROM jsonb_to_recordset(coalesce(deal_csv_moves.entered, '[]')) AS e(stage text, at timestamptz)
        JOIN sentinel.pipeline_stages s ON s.org_id = deal_csv_moves.org AND s.pipeline_id = deal_csv_moves.pipeline_id
            AND s.stage = e.stage AND s.kind = 'open'
        ORDER BY e.at, s.position
    LOOP
        IF stop.at > deal_csv_moves.until THEN
            RETURN jsonb_build_object('fault', jsonb_build_array('bad_order',
                format('it entered "%s" after it closed', stop.stage), 'set the dates right'));
        ELSIF moves = '[]' AND stop.at <= deal_csv_moves.created THEN
            first := stop.stage;
            assumed := false;
        ELSIF stop.stage <> here THEN
            way := sentinel.stage_path(deal_csv_moves.org, deal_csv_moves.pipeline_id, here, stop.stage);
            IF way IS NULL OR cardinality(way) > 1 AND NOT assumed THEN
                gap := format('%s to %s', here, stop.stage);
                EXIT;
            END IF;
            moves := moves || (SELECT jsonb_agg(jsonb_build_object('stage', w.stage, 'at', stop.at) ORDER BY w.place)
                               FROM unnest(way) WITH ORDINALITY AS w(stage, place));
            assumed := false;
        ELSE
            assumed := false;
        END IF;
        here := stop.stage;
        at := stop.at;
    END LOOP;

    IF gap IS NULL AND here <> deal_csv_moves.stage THEN
        way := sentinel.stage_path(deal_csv_moves.org, deal_csv_moves.pipeline_id, here, deal_csv_moves.stage);
        IF way IS NULL AND assumed AND deal_csv_moves.kind = 'open' THEN
            first := deal_csv_moves.stage;
        ELSIF way IS NULL OR cardinality(way) > 1 AND NOT assumed THEN
            gap := format('%s to %s', here, deal_csv_moves.stage);
        ELSE
            -- The present stage of an open deal is known from the file on, even if it says since when: of closed deals it does
            -- not, so to record it earlier would tell of the past which deals are open today. The closing itself is no move.
            at := greatest(at, deal_csv_moves.created, least(deal_csv_moves.stage_changed, deal_csv_moves.until));
            moves := moves || coalesce((
                SELECT jsonb_agg(jsonb_build_object('stage', w.stage, 'at', deal_csv_moves.until)
                                 || CASE WHEN deal_csv_moves.kind = 'open' THEN jsonb_build_object('since', at) ELSE '{}' END ORDER BY w.place)
                FROM unnest(way) WITH ORDINALITY AS w(stage, place)
                WHERE deal_csv_moves.kind = 'open' OR w.place < cardinality(way)), '[]');
        END IF;
    END IF;
    RETURN jsonb_build_object('start', first, 'moves', moves, 'fault', CASE WHEN gap IS NOT NULL THEN
        jsonb_build_array('illegal_move', format('its pipeline does not lead from %s', gap),
                          'set the stages or their dates right, or import it into another pipeline') END);
END
$$;
COMMENT ON FUNCTION sentinel.deal_csv_moves(uuid, uuid, text, text, text, timestamptz, timestamptz, timestamptz, jsonb) IS
    'Give the stage in which a new deal begins and its moves between open stages until it closed or until now, from the times of entering that the file tells; start is assumed where it does not tell. at is when a move is recorded, since when it happened, where that was earlier. fault: code, reason and hint.';

CREATE FUNCTION sentinel.judge_deals_csv(org uuid, path uuid, file bytea, fields text[], defaults jsonb, words jsonb,
        date_order text, decimal_comma boolean, zone text, unknown_owners text, as_of timestamptz)
    RETURNS TABLE (line integer, raw bytea, state text, deal_id uuid, external_id text, code text, reason text, hint text,
                   reading jsonb)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    yes constant text[] := '{1,true,t,yes,y,x,ja,won}';
    truth constant text[] := '{0,1,true,false,yes,no}';
    -- Where the file does not tell where a deal began, all begin in the same stage, so that it tells nothing of the outcome.
    start constant text := (
        SELECT s.stage FROM sentinel.pipeline_stages s
        WHERE s.org_id = judge_deals_csv.org AND s.pipeline_id = judge_deals_csv.path AND s.kind = 'open' ORDER BY s.position LIMIT 1);
    won constant text := sentinel.find_stage(judge_deals_csv.org, judge_deals_csv.path, 'won');
    lost constant text := sentinel.find_stage(judge_deals_csv.org, judge_deals_csv.path, 'lost');
    next_stages constant text[] := ARRAY(
        SELECT t.to_stage FROM sentinel.stage_transitions t
        WHERE t.org_id = judge_deals_csv.org AND t.pipeline_id = judge_deals_csv.path AND t.from_stage = start);
BEGIN
    RETURN QUERY
    WITH lines AS MATERIALIZED (
        SELECT l.line, l.raw, l.cells AS c, l.fault
        FROM sentinel.read_deals_csv(judge_deals_csv.file, judge_deals_csv.fields, judge_deals_csv.defaults - 'currency') l
    ), stages AS MATERIALIZED (
        SELECT w.word, s.stage, s.kind
        FROM (SELECT l.c ->> 'stage' AS word FROM lines l UNION SELECT l.c ->> 'outcome' FROM lines l) w
        CROSS JOIN LATERAL (SELECT sentinel.find_stage(judge_deals_csv.org, judge_deals_csv.path,
                                sentinel.deal_csv_word(judge_deals_csv.words, 'stage', w.word)) AS stage OFFSET 0) f
        JOIN sentinel.pipeline_stages s
            ON s.org_id = judge_deals_csv.org AND s.pipeline_id = judge_deals_csv.path AND s.stage = f.stage
    ), outcomes AS MATERIALIZED (
        SELECT w.word, d.meaning
        FROM (SELECT DISTINCT l.c ->> 'outcome' AS word FROM lines l) w
        JOIN sentinel.deal_words d ON d.field = 'outcome'
            AND d.word = sentinel.column_key(sentinel.deal_csv_word(judge_deals_csv.words, 'outcome', w.word))
    ), owners AS MATERIALIZED (
        SELECT w.owner, w.email, matched.ids
        FROM (SELECT DISTINCT coalesce(l.c ->> 'owner', '') AS owner, coalesce(l.c ->> 'owner_email', '') AS email FROM lines l) w
        CROSS JOIN LATERAL (SELECT sentinel.deal_csv_word(judge_deals_csv.words, 'owner', w.owner) AS named) n
        CROSS JOIN LATERAL (
            SELECT array_agg(x.id) AS ids FROM (
                SELECT m.id, rank() OVER (ORDER BY m.email NOT IN (lower(w.email), lower(n.named)), m.removed_at IS NOT NULL) AS place
                FROM sentinel.members m
                WHERE m.org_id = judge_deals_csv.org
                  AND (m.email IN (lower(w.email), lower(n.named)) OR lower(m.display_name) = lower(n.named))) x
            WHERE x.place = 1) matched
    ), typed AS MATERIALIZED (
        SELECT l.line, l.raw, l.c, l.fault, st.stage AS told_stage,
               -- A column of outcomes may hold stages, too.
               coalesce(st.stage, CASE WHEN oc.meaning IS NULL THEN so.stage END) AS any_stage,
               coalesce(st.kind, CASE WHEN oc.meaning IS NULL THEN so.kind END) AS any_kind, oc.meaning AS outcome_told, ow.ids AS owner_ids, tm.id AS team_id,
               t.created, t.closed, t.expected_close, t.stage_changed, e.entered, e.unreadable, f.is_flag,
               coalesce(l.c ->> 'name', nullif(concat_ws(' - ', l.c ->> 'account', l.c ->> 'product'), '')
                        || coalesce(' (' || (l.c ->> 'external_id') || ')', ''), l.c ->> 'external_id') AS name,
               coalesce(l.c ->> 'external_id', 'csv:' || left(encode(sha256(convert_to(concat_ws('|',
                   lower(coalesce(l.c ->> 'name', '')), lower(coalesce(l.c ->> 'account', '')), lower(coalesce(l.c ->> 'product', '')),
                   lower(coalesce(l.c ->> 'owner', l.c ->> 'owner_email', '')), extract(epoch FROM t.created)::text), 'UTF8')), 'hex'), 40)) AS key,
               CASE WHEN lower(l.c ->> 'is_won') = ANY (yes) THEN 'won'
                    WHEN l.c ? 'is_won' AND lower(coalesce(l.c ->> 'is_closed', CASE WHEN f.is_flag THEN l.c ->> 'closed' END)) = ANY (yes)
                    THEN 'lost' ELSE oc.meaning END AS outcome,
               sentinel.deal_csv_amount(l.c ->> 'value', judge_deals_csv.decimal_comma) AS amount,
               sentinel.deal_csv_amount(l.c ->> 'closing_value', judge_deals_csv.decimal_comma) AS closing_amount,
               CASE WHEN l.c ? 'currency' THEN coalesce(sentinel.deal_csv_currency(l.c ->> 'currency'), '?')
                    ELSE sentinel.deal_csv_currency(coalesce(l.c ->> 'value', l.c ->> 'closing_value')) END AS currency
        FROM lines l
        CROSS JOIN LATERAL (SELECT lower(l.c ->> 'closed') = ANY (truth) AS is_flag) f
        CROSS JOIN LATERAL (
            SELECT sentinel.deal_csv_time(l.c ->> 'created', judge_deals_csv.date_order, judge_deals_csv.zone) AS created,
                   CASE WHEN NOT f.is_flag THEN
                       sentinel.deal_csv_time(l.c ->> 'closed', judge_deals_csv.date_order, judge_deals_csv.zone) END AS closed,
                   sentinel.deal_csv_time(l.c ->> 'expected_close', judge_deals_csv.date_order, judge_deals_csv.zone) AS expected_close,
                   sentinel.deal_csv_time(l.c ->> 'stage_changed', judge_deals_csv.date_order, judge_deals_csv.zone) AS stage_changed
            OFFSET 0) t
        CROSS JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object('stage', substr(x.key, 9), 'at', x.at) ORDER BY x.at) AS entered,
                   min(x.value) FILTER (WHERE x.at IS NULL) AS unreadable
            FROM (SELECT y.key, y.value, sentinel.deal_csv_time(y.value, judge_deals_csv.date_order, judge_deals_csv.zone) AS at
                  FROM jsonb_each_text(l.c) y WHERE y.key LIKE 'entered:%') x) e
        LEFT JOIN stages st ON st.word = l.c ->> 'stage'
        LEFT JOIN stages so ON so.word = l.c ->> 'outcome'
        LEFT JOIN outcomes oc ON oc.word = l.c ->> 'outcome'
        LEFT JOIN owners ow ON ow.owner = coalesce(l.c ->> 'owner', '') AND ow.email = coalesce(l.c ->> 'owner_email', '')
        LEFT JOIN LATERAL (SELECT m.id FROM sentinel.teams m
                           WHERE m.org_id = judge_deals_csv.org AND lower(m.name) = lower(l.c ->> 'team')
                           ORDER BY m.name = l.c ->> 'team' DESC LIMIT 1) tm ON true
    ), placed AS MATERIALIZED (
        SELECT t.*, d.id, d.pipeline_id, d.stage AS stage_before, d.stage_kind AS kind_before, d.created_at AS begun_before,
               d.name AS name_before, d.company_name AS company_before, d.value AS value_before, d.currency AS currency_before,
               d.owner_id AS owner_before, d.team_id AS team_before, d.channel AS channel_before,
               d.expected_close_at AS expected_before, d.lost_reason AS lost_reason_before, d.changed_at AS changed_before,
               CASE t.outcome WHEN 'won' THEN CASE WHEN t.any_kind = 'won' THEN t.any_stage ELSE won END
                              WHEN 'lost' THEN CASE WHEN t.any_kind = 'lost' THEN t.any_stage ELSE lost END
                              ELSE coalesce(t.any_stage, d.stage, start) END AS stage,
               coalesce(CASE WHEN t.outcome <> 'open' THEN t.outcome END, t.any_kind, d.stage_kind, 'open') AS kind
        FROM typed t
        LEFT JOIN sentinel.deals d ON d.org_id = judge_deals_csv.org AND d.external_id = t.key
    ), timed AS MATERIALIZED (
        SELECT p.*, b.begins, z.closes,
               CASE WHEN p.c ? 'created' AND p.created IS NULL THEN p.c ->> 'created'
                    WHEN p.c ? 'closed' AND p.closed IS NULL AND NOT p.is_flag THEN p.c ->> 'closed'
                    WHEN p.c ? 'expected_close' AND p.expected_close IS NULL THEN p.c ->> 'expected_close'
                    WHEN p.c ? 'stage_changed' AND p.stage_changed IS NULL THEN p.c ->> 'stage_changed'
                    ELSE p.unreadable END AS bad_date,
               CASE WHEN p.c ? 'value' AND p.amount IS NULL THEN p.c ->> 'value'
                    WHEN p.c ? 'closing_value' AND p.closing_amount IS NULL THEN p.c ->> 'closing_value' END AS bad_amount
        FROM placed p
        CROSS JOIN LATERAL (SELECT coalesce(p.created, p.begun_before, (p.entered -> 0 ->> 'at')::timestamptz,
            CASE WHEN p.kind = 'open' THEN coalesce(p.stage_changed, judge_deals_csv.as_of) END) AS begins) b
        CROSS JOIN LATERAL (SELECT CASE WHEN p.kind <> 'open' THEN coalesce(p.closed, (
            SELECT min((x.item ->> 'at')::timestamptz) FROM jsonb_array_elements(p.entered) x(item) WHERE x.item ->> 'stage' = p.stage),
            p.stage_changed) END AS told) a
        -- Closed on the day on which it began: a date without a time of day must not lie before its beginning.
        CROSS JOIN LATERAL (SELECT CASE WHEN a.told < b.begins AND (a.told AT TIME ZONE judge_deals_csv.zone)::date
                                             = (b.begins AT TIME ZONE judge_deals_csv.zone)::date
                                        THEN b.begins ELSE a.told END AS closes) z
    ), judged AS MATERIALIZED (
        SELECT t.*, CASE
            WHEN t.fault IS NOT NULL THEN t.fault
            WHEN t.name IS NULL THEN ARRAY['no_name', 'the record has neither a name nor an account', 'name the column that has it in mapping']
            WHEN length(t.name) > 200 OR length(t.key) > 200 OR length(t.c ->> 'account') > 1000 OR length(t.c ->> 'lost_reason') > 1000
            THEN ARRAY['too_long', 'a text is too long', 'give a name and an id of at most 200 characters, an account and a reason of 1000']
            WHEN t.c ? 'outcome' AND t.outcome_told IS NULL AND t.any_stage IS NULL
            THEN ARRAY['unknown_outcome', format('unknown outcome "%s"', left(t.c ->> 'outcome', 80)),
                       'say what it means: words => ''{"outcome": {"…": "lost"}}''']
            WHEN t.c ? 'stage' AND t.told_stage IS NULL AND coalesce(t.outcome, 'open') = 'open'
            THEN ARRAY['unknown_stage', format('unknown stage "%s"', left(t.c ->> 'stage', 80)),
                       'say what it means: words => ''{"stage": {"…": "qualify"}}''']
            WHEN t.outcome = 'open' AND t.any_kind <> 'open' OR t.outcome <> 'open' AND t.any_kind <> 'open' AND t.any_kind <> t.outcome
            THEN ARRAY['contradiction', format('the outcome is %s, the stage "%s"', t.outcome, t.any_stage), 'set one of them right']
            WHEN t.stage IS NULL THEN ARRAY['unknown_stage', format('the pipeline has no %s stage', t.kind), 'import it into another pipeline']
            WHEN t.bad_date IS NOT NULL
            THEN ARRAY['bad_date', format('"%s" is no date, or may be two different days', left(t.bad_date, 60)),
                       'write it as 2026-03-31, or say date_order => ''day'' or ''month''']
            WHEN t.begins IS NULL THEN ARRAY['no_created', 'a closed deal needs the day on which it began', 'name the column that has it in mapping']
            WHEN t.kind <> 'open' AND t.closes IS NULL
            THEN ARRAY['no_closed', format('a %s deal needs the day on which it closed', t.kind), 'name the column that has it in mapping']
            WHEN greatest(t.begins, t.closes) > judge_deals_csv.as_of
            THEN ARRAY['in_future', format('%s lies after the file was written', greatest(t.begins, t.closes)),
                       'an open deal may have an expected day; else say as_of']
            WHEN t.closes < t.begins
            THEN ARRAY['closed_before_created', format('it closed at %s, before it began at %s', t.closes, t.begins), 'set the dates right']
            WHEN t.bad_amount IS NOT NULL
            THEN ARRAY['bad_amount', format('"%s" is no amount, or may be two different ones', left(t.bad_amount, 60)),
                       'write it as 1234.50, or say decimal_comma']
            WHEN least(t.amount, t.closing_amount) < 0 OR greatest(t.amount, t.closing_amount) > 20000000000
            THEN ARRAY['bad_value', format('the value %s is out of range', CASE WHEN t.amount BETWEEN 0 AND 20000000000
                       THEN t.closing_amount ELSE coalesce(t.amount, t.closing_amount) END), 'a value is a number from 0 to 20,000,000,000']
            WHEN t.currency !~ '^[A-Z]{3}$'
            THEN ARRAY['bad_currency', format('"%s" is no currency', left(t.c ->> 'currency', 40)), 'write three letters, ISO 4217: EUR']
            WHEN cardinality(t.owner_ids) > 1
            THEN ARRAY['ambiguous_owner', format('several members are called "%s"', left(t.c ->> 'owner', 80)), 'give a column of e-mail addresses']
            WHEN (t.c ? 'owner' OR t.c ? 'owner_email') AND t.owner_ids IS NULL AND (judge_deals_csv.unknown_owners = 'refuse'
                OR judge_deals_csv.unknown_owners = 'add' AND coalesce(t.c ->> 'owner_email', t.c ->> 'owner') !~ '^[^@\s]+@[^@\s]+$')
            THEN ARRAY['unknown_owner', format('no member "%s"', left(coalesce(t.c ->> 'owner', t.c ->> 'owner_email'), 80)),
                       'add the member, say who it is: words => ''{"owner": {"…": "ana@example.com"}}'', or unknown_owners => ''nobody''']
            WHEN t.c ? 'team' AND t.team_id IS NULL
            THEN ARRAY['unknown_team', format('no team "%s"', left(t.c ->> 'team', 80)), 'make it with sentinel.add_team()']
            WHEN t.pipeline_id <> judge_deals_csv.path
            THEN ARRAY['other_pipeline', 'the deal goes along another pipeline', 'import it with pipeline => its name']
            WHEN t.id IS NOT NULL AND t.stage <> t.stage_before
                 AND NOT sentinel.is_legal_move(judge_deals_csv.org, judge_deals_csv.path, t.stage_before, t.stage)
            THEN ARRAY['illegal_move', format('a deal cannot move from "%s" to "%s"', t.stage_before, t.stage), 'move it step by step first']
            END AS fault_found
        FROM timed t
    ), moved AS (
        SELECT j.*, m.moves,
               CASE WHEN j.fault_found IS NULL AND j.turn > 1
                    THEN ARRAY['repeated', format('the id "%s" stands on line %s already', j.key, j.first_line), 'give each deal one row']
                    ELSE coalesce(j.fault_found, ARRAY(SELECT jsonb_array_elements_text(nullif(m.moves -> 'fault', 'null')))) END AS verdict
        FROM (SELECT j.*, row_number() OVER w AS turn, first_value(j.line) OVER w AS first_line FROM judged j
              WINDOW w AS (PARTITION BY j.key, j.fault_found IS NULL ORDER BY j.line)) j
        CROSS JOIN LATERAL (SELECT CASE
            WHEN j.fault_found IS NOT NULL OR j.id IS NOT NULL THEN NULL
            WHEN j.entered IS NULL AND (j.stage = start OR j.kind <> 'open' AND j.stage = ANY (next_stages))
            THEN jsonb_build_object('start', start, 'moves', jsonb '[]')
            ELSE sentinel.deal_csv_moves(judge_deals_csv.org, judge_deals_csv.path, start, j.stage, j.kind, j.begins,
                coalesce(j.closes, judge_deals_csv.as_of), j.stage_changed, j.entered) END AS moves OFFSET 0) m
    ), final AS (
        SELECT m.*, m.verdict <> '{}' AS is_bad,
               coalesce(m.c ->> 'account', m.company_before) AS company, coalesce(m.owner_ids[1], m.owner_before) AS owner_id,
               coalesce(m.team_id, m.team_before) AS team, coalesce(sentinel.normalize_channel(m.c ->> 'channel'), m.channel_before) AS way,
               coalesce(m.currency, m.currency_before, upper(judge_deals_csv.defaults ->> 'currency'), 'USD') AS money,
               round(coalesce(CASE WHEN m.kind = 'open' THEN coalesce(m.amount, m.closing_amount)
                                   ELSE coalesce(m.closing_amount, m.amount) END, m.value_before, 0), 2) AS worth,
               CASE WHEN m.kind = 'open' THEN coalesce(m.expected_close, m.closed, m.expected_before) ELSE m.expected_before END AS expected,
               CASE WHEN m.kind = 'lost' THEN coalesce(m.c ->> 'lost_reason', m.lost_reason_before) END AS why
        FROM moved m
    ), compared AS (
        SELECT f.*, (f.name, f.company, f.worth, f.money, f.owner_id, f.team, f.way, f.expected, f.stage, f.why)
                    IS DISTINCT FROM (f.name_before, f.company_before, f.value_before, f.currency_before, f.owner_before,
                        f.team_before, f.channel_before, f.expected_before, f.stage_before,
                        CASE WHEN f.kind = 'lost' THEN f.lost_reason_before END) AS differs
        FROM final f
    ), settled AS (
        -- What was learned after the file was written is not undone by it.
        SELECT f.line, f.raw, f.c, f.id, f.key, f.name, f.company, f.worth, f.money, f.owner_id, f.team, f.way, f.why, f.stage, f.kind,
               f.begins, f.closes, f.expected, f.stage_changed, f.moves, f.amount, f.closing_amount, f.differs,
               f.is_bad OR o.is_outdated AS is_bad,
               CASE WHEN o.is_outdated
                    THEN ARRAY['outdated', format('the deal was changed at %s, after the file was written', f.changed_before),
                               'import a newer file, or say as_of if it is newer'] ELSE f.verdict END AS verdict
        FROM compared f
        CROSS JOIN LATERAL (SELECT NOT f.is_bad AND f.differs AND coalesce(f.changed_before > judge_deals_csv.as_of, false) AS is_outdated) o
    )
    SELECT f.line, CASE WHEN f.is_bad THEN substr(f.raw, 1, 65536) END,
           CASE WHEN f.is_bad THEN 'rejected' WHEN f.id IS NULL THEN 'created' WHEN f.differs THEN 'updated' ELSE 'unchanged' END,
           CASE WHEN NOT f.is_bad THEN f.id END, CASE WHEN f.c IS NOT NULL THEN left(f.key, 200) END,
           f.verdict[1], f.verdict[2], f.verdict[3],
           CASE WHEN NOT f.is_bad THEN jsonb_strip_nulls(jsonb_build_object(
               'name', f.name, 'company_name', f.company, 'value', f.worth, 'currency', f.money, 'owner_id', f.owner_id,
               'team_id', f.team, 'channel', f.way, 'lost_reason', f.why, 'stage', f.stage, 'kind', f.kind,
               'created_at', f.begins, 'closed_at', f.closes, 'expected_close_at', f.expected,
               'stage_changed_at', f.stage_changed, 'start', f.moves -> 'start', 'moves', f.moves -> 'moves',
               -- What a deal was worth before it closed: never what it closed with, which would tell the outcome.
               'start_value', round(coalesce(f.amount, CASE WHEN f.kind = 'open' THEN f.closing_amount END, 0), 2))) END
    FROM settled f ORDER BY f.line;
END
$$;
COMMENT ON FUNCTION sentinel.judge_deals_csv(uuid, uuid, bytea, text[], jsonb, jsonb, text, boolean, text, text, timestamptz) IS
    'Read a file of opportunities and tell for each record what import_deals_csv() does with it: created, updated, unchanged, or rejected with the reason. Writes nothing.';
