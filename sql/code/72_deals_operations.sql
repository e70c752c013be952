-- Room deals: what is done with many deals at once, the search, and the rule of names. Sets are judged first, under locks taken
-- in the order of ids, and what may be changed is changed in one statement: the triggers do the rest as for a single deal.

CREATE FUNCTION sentinel.guard_deal_name() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The unique index deals_own_name decides; this gives its answer in words, before it. Triggers run before row rights: whoever
    -- may not write the deal is told that, not which names others use.
    IF sentinel.may('edit', NEW.team_id, NEW.owner_id) AND EXISTS (SELECT FROM sentinel.deals d
               WHERE d.org_id = NEW.org_id AND d.owner_id = NEW.owner_id AND lower(d.name) = lower(NEW.name)
                 AND d.external_id IS NULL AND NOT d.is_demo AND d.id <> NEW.id) THEN
        RAISE EXCEPTION USING ERRCODE = '23505',
            MESSAGE = format('a deal named "%s" of the same owner exists', left(NEW.name, 80)),
            DETAIL = 'An owner''s deals have different names, upper and lower case apart; deals with an external id are exempt.',
            HINT = format('Use ''%s (2)''.', replace(left(NEW.name, 190), '''', ''''''));
    END IF;
    RETURN NEW;
END
$$;
ALTER FUNCTION sentinel.guard_deal_name() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.guard_deal_name() IS
    'Trigger: refuse a second deal of one name and owner, whoever may see the first, to those who may write the deal. Errors: 23505.';

CREATE FUNCTION sentinel.guard_deal_marks() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Else a member could hide real deals from limits and events.
    IF NOT (pg_has_role('sentinel_owner', 'USAGE') OR pg_has_role('sentinel_engine', 'USAGE')) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'is_demo and imported_until of a deal are not set by clients',
            DETAIL = 'They take a deal out of limits and events, so only seed_demo_deals() and import_deals_csv() set them.',
            HINT = 'Leave them out.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.guard_deal_marks() IS
    'Trigger: refuse is_demo and imported_until from any client. Errors: SN003.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.judge_deals(ids uuid[], action text, as_of timestamptz)
    RETURNS TABLE (place integer, deal_id uuid, name text, pipeline_id uuid, stage text, error text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    most constant integer := 1000;
BEGIN
    IF coalesce(cardinality(judge_deals.ids), 0) NOT BETWEEN 1 AND most OR array_position(judge_deals.ids, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = CASE WHEN array_position(judge_deals.ids, NULL) IS NOT NULL THEN 'an id of the list is null'
                           ELSE format('%s ids are given', coalesce(cardinality(judge_deals.ids), 0)) END,
            DETAIL = format('A call takes 1 to %s ids of deals.', most), HINT = 'Split the list.';
    END IF;
    IF judge_deals.as_of IS NULL OR judge_deals.as_of > clock_timestamp() + interval '5 minutes' OR NOT isfinite(judge_deals.as_of) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid time %s', coalesce(judge_deals.as_of::text, 'null')),
            DETAIL = 'A change is recorded for an instant that has come.', HINT = 'Leave as_of out to mean now.';
    END IF;
    PERFORM FROM sentinel.deals d WHERE d.org_id = org AND d.id = ANY (judge_deals.ids) ORDER BY d.id FOR UPDATE;
    RETURN QUERY
    SELECT i.place::integer, i.id, d.name, d.pipeline_id, d.stage,
           CASE WHEN d.id IS NULL THEN format('no deal "%s" in this organisation', i.id)
                WHEN d.is_demo THEN format('deal "%s" is a demo deal', d.name)
                WHEN NOT sentinel.may(judge_deals.action, d.team_id, d.owner_id)
                THEN format('not allowed to %s deal "%s"', judge_deals.action, d.name)
                -- Now means behind all that is known, even what a later transaction has just written.
                WHEN judge_deals.as_of < now() AND d.changed_at > judge_deals.as_of
                THEN format('deal "%s" was changed after %s', d.name, judge_deals.as_of) END
    FROM (SELECT u.id, min(u.place) AS place
          FROM unnest(judge_deals.ids) WITH ORDINALITY AS u(id, place) GROUP BY u.id) i
    LEFT JOIN sentinel.deals d ON d.org_id = org AND d.id = i.id
    ORDER BY i.place;
END
$$;
COMMENT ON FUNCTION sentinel.judge_deals(uuid[], text, timestamptz) IS
    'Lock the deals of a list, each once, and tell in the order of the list why the member entered may not do the action (edit, assign) on it as of a time; error is null where it may. For the bulk functions. Errors: SN002, SN007 list or time.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.bulk_move_deals(ids uuid[], stage text, lost_reason text DEFAULT NULL,
                                         as_of timestamptz DEFAULT now())
    RETURNS TABLE (deal_id uuid, ok boolean, error text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    known uuid[];
    goals text[];
    faults text[];
BEGIN
    SELECT array_agg(j.deal_id ORDER BY j.place), array_agg(g.stage ORDER BY j.place),
           array_agg(CASE
               WHEN j.error IS NOT NULL THEN j.error
               WHEN g.stage IS NULL THEN format('unknown stage "%s"', left(bulk_move_deals.stage, 80))
               WHEN g.stage <> j.stage AND NOT EXISTS (
                   SELECT FROM sentinel.stage_transitions t
                   WHERE t.org_id = org AND t.pipeline_id = j.pipeline_id AND t.from_stage = j.stage AND t.to_stage = g.stage)
               THEN format('a deal cannot move from "%s" to "%s"', j.stage, g.stage) END ORDER BY j.place)
    INTO known, goals, faults
    FROM sentinel.judge_deals(bulk_move_deals.ids, 'edit', bulk_move_deals.as_of) j
    LEFT JOIN LATERAL (
        SELECT s.stage FROM sentinel.pipeline_stages s
        WHERE s.org_id = org AND s.pipeline_id = j.pipeline_id
          AND s.stage IN (lower(btrim(bulk_move_deals.stage)), sentinel.normalize_stage(bulk_move_deals.stage))
        ORDER BY s.stage = lower(btrim(bulk_move_deals.stage)) DESC LIMIT 1) g ON true;
    UPDATE sentinel.deals d
    SET stage = v.goal, lost_reason = coalesce(bulk_move_deals.lost_reason, d.lost_reason),
        changed_at = greatest(bulk_move_deals.as_of, d.changed_at)
    FROM unnest(known, goals, faults) AS v(id, goal, fault)
    WHERE d.org_id = org AND d.id = v.id AND v.fault IS NULL AND d.stage <> v.goal;
    RETURN QUERY SELECT v.id, v.fault IS NULL, v.fault
        FROM unnest(known, faults) WITH ORDINALITY AS v(id, fault, place) ORDER BY v.place;
END
$$;
COMMENT ON FUNCTION sentinel.bulk_move_deals(uuid[], text, text, timestamptz) IS
    'Move up to 1000 deals to a stage, given by name or alias; one row per id, in the order of the list, with the reason where it was not done. The others are moved all the same, with history, timeline and events as by move_deal(). To be there already is ok. Errors: SN002, SN007 list, time or lost_reason.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.bulk_assign_deals(ids uuid[], owner_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE (deal_id uuid, ok boolean, error text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    known uuid[];
    faults text[];
BEGIN
    IF bulk_assign_deals.owner_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM sentinel.members m
        WHERE m.org_id = org AND m.id = bulk_assign_deals.owner_id AND m.removed_at IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('no member "%s" in this organisation', bulk_assign_deals.owner_id),
            DETAIL = 'A deal is assigned to a member of its organisation.', HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
    SELECT array_agg(j.deal_id ORDER BY j.place),
           array_agg(coalesce(j.error, CASE WHEN bulk_assign_deals.owner_id IS NOT NULL
                                             AND NOT sentinel.is_assignee(bulk_assign_deals.owner_id, d.team_id)
                                       THEN format('the member is not in the team of deal "%s"', j.name) END) ORDER BY j.place)
    INTO known, faults
    FROM sentinel.judge_deals(bulk_assign_deals.ids, 'assign', bulk_assign_deals.as_of) j
    LEFT JOIN sentinel.deals d ON d.org_id = org AND d.id = j.deal_id;
    BEGIN
        UPDATE sentinel.deals d
        SET owner_id = bulk_assign_deals.owner_id, changed_at = greatest(bulk_assign_deals.as_of, d.changed_at)
        FROM unnest(known, faults) AS v(id, fault)
        WHERE d.org_id = org AND d.id = v.id AND v.fault IS NULL AND d.owner_id IS DISTINCT FROM bulk_assign_deals.owner_id;
    EXCEPTION WHEN unique_violation THEN
        -- The new owner has a deal of one of these names; which, is found one by one.
        FOR i IN 1 .. cardinality(known) LOOP
            CONTINUE WHEN faults[i] IS NOT NULL;
            BEGIN
                UPDATE sentinel.deals d
                SET owner_id = bulk_assign_deals.owner_id, changed_at = greatest(bulk_assign_deals.as_of, d.changed_at)
                WHERE d.org_id = org AND d.id = known[i] AND d.owner_id IS DISTINCT FROM bulk_assign_deals.owner_id;
            EXCEPTION WHEN unique_violation THEN
                faults[i] := SQLERRM;
            END;
        END LOOP;
    END;
    RETURN QUERY SELECT v.id, v.fault IS NULL, v.fault
        FROM unnest(known, faults) WITH ORDINALITY AS v(id, fault, place) ORDER BY v.place;
END
$$;
COMMENT ON FUNCTION sentinel.bulk_assign_deals(uuid[], uuid, timestamptz) IS
    'Give up to 1000 deals to a member, or to nobody with null; one row per id, in the order of the list, with the reason where it was not done. For owners and admins, of the organisation or of the deal''s team. Errors: SN002, SN004 member, SN007 list or time.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.bulk_delete_deals(ids uuid[]) RETURNS TABLE (deal_id uuid, ok boolean, error text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    known uuid[];
    names text[];
    faults text[];
    holder text;
BEGIN
    SELECT array_agg(j.deal_id ORDER BY j.place), array_agg(j.name ORDER BY j.place), array_agg(j.error ORDER BY j.place)
    INTO known, names, faults
    FROM sentinel.judge_deals(bulk_delete_deals.ids, 'edit', now()) j;
    BEGIN
        DELETE FROM sentinel.deals d USING unnest(known, faults) AS v(id, fault)
        WHERE d.org_id = org AND d.id = v.id AND v.fault IS NULL;
    EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
        FOR i IN 1 .. cardinality(known) LOOP
            CONTINUE WHEN faults[i] IS NOT NULL;
            BEGIN
                DELETE FROM sentinel.deals d WHERE d.org_id = org AND d.id = known[i];
            EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
                GET STACKED DIAGNOSTICS holder = TABLE_NAME;
                faults[i] := format('deal "%s" has %s, which are kept', names[i], replace(holder, '_', ' '));
            END;
        END LOOP;
    END;
    RETURN QUERY SELECT v.id, v.fault IS NULL, v.fault
        FROM unnest(known, faults) WITH ORDINALITY AS v(id, fault, place) ORDER BY v.place;
END
$$;
COMMENT ON FUNCTION sentinel.bulk_delete_deals(uuid[]) IS
    'Delete up to 1000 deals; one row per id, in the order of the list, with the reason where it was not done. A deal with activities, calls, invoices or the like stays; history and timeline outlive those that go. Emits deal.deleted. Errors: SN002, SN007 list.';

-- grant: sentinel_member, sentinel_reader, sentinel_operator
CREATE FUNCTION sentinel.search_deals(q text DEFAULT NULL, stage text DEFAULT NULL, owner uuid DEFAULT NULL,
        min_value numeric DEFAULT NULL, max_value numeric DEFAULT NULL, kind text DEFAULT NULL, team uuid DEFAULT NULL,
        created_from timestamptz DEFAULT NULL, created_until timestamptz DEFAULT NULL, fuzzy boolean DEFAULT false,
        with_demo boolean DEFAULT NULL, page_size integer DEFAULT 20, after text DEFAULT NULL)
    RETURNS TABLE (deal_id uuid, name text, company_name text, deal_stage text, stage_kind text, value numeric, currency text,
                   owner_id uuid, owner_name text, team_id uuid, created_at timestamptz, changed_at timestamptz,
                   similarity double precision, cursor_after text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    -- As in the index deals_search. The planner uses no such index under row-level security, for ILIKE is not leakproof: hence
    -- the engine, the organisation by value, and may() for each row.
    hay constant text := '(d.name || '' '' || coalesce(d.company_name, ''''))';
    org uuid := sentinel.require_org();
    words text[];
    stages text[];
    trigrams text;
    show_demo boolean;
BEGIN
    IF search_deals.after !~ '^-?\d{1,18}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid cursor "%s"', left(search_deals.after, 60)),
            DETAIL = 'A cursor is what the column cursor_after of the last row gave.', HINT = 'Start with NULL.';
    END IF;
    IF search_deals.kind NOT IN ('open', 'won', 'lost') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown kind "%s"', left(search_deals.kind, 40)),
            DETAIL = 'A deal is open, won or lost.', HINT = 'Use ''open''.';
    END IF;
    IF search_deals.stage IS NOT NULL THEN
        stages := ARRAY(SELECT DISTINCT s.stage FROM sentinel.pipeline_stages s
                        WHERE s.org_id = org AND s.stage IN (lower(btrim(search_deals.stage)),
                                                             sentinel.normalize_stage(search_deals.stage)));
        IF stages = '{}' THEN
            RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown stage "%s"', left(search_deals.stage, 80)),
                DETAIL = 'A deal is in a stage of a pipeline of its organisation.',
                HINT = format('Use one of: %s.', (SELECT string_agg(DISTINCT s.stage, ', ') FROM sentinel.pipeline_stages s
                                                  WHERE s.org_id = org));
        END IF;
    END IF;
    -- The longest word first: of several the index is asked for all, but one with three letters or more must be there.
    words := ARRAY(SELECT '%' || replace(replace(replace(w.word, '\', '\\'), '%', '\%'), '_', '\_') || '%'
                   FROM regexp_split_to_table(btrim(left(search_deals.q, 200)), '\s+') AS w(word)
                   WHERE w.word <> '' ORDER BY length(w.word) DESC LIMIT 10);
    IF search_deals.fuzzy THEN
        SELECT quote_ident(n.nspname) INTO trigrams
        FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    END IF;
    -- First whether there are any: that has an index, while one real deal of a small organisation is found by reading all.
    show_demo := coalesce(search_deals.with_demo,
        NOT EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.is_demo)
        OR NOT EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND NOT d.is_demo));

    RETURN QUERY EXECUTE concat(
        'SELECT d.id, d.name, d.company_name, d.stage, d.stage_kind, d.value, d.currency, d.owner_id, m.display_name, d.team_id, '
        'd.created_at, d.changed_at, ',
        CASE WHEN search_deals.fuzzy AND words <> '{}' THEN format('%s.word_similarity($15, %s)', trigrams, hay)
             ELSE 'NULL' END, '::double precision, ',
        'concat((extract(epoch FROM d.created_at) * 1000000)::bigint, ''.'', d.id) '
        'FROM sentinel.deals d LEFT JOIN sentinel.members m ON m.org_id = d.org_id AND m.id = d.owner_id '
        'WHERE d.org_id = $1 AND sentinel.may(''view'', d.team_id, d.owner_id)',
        CASE WHEN search_deals.fuzzy AND words <> '{}' THEN format(' AND %s OPERATOR(%s.%%>) $15', hay, trigrams)
             ELSE (SELECT string_agg(format(' AND %s ILIKE $2[%s]', hay, n), '' ORDER BY n)
                   FROM generate_subscripts(words, 1) AS n) END,
        CASE WHEN stages IS NOT NULL THEN ' AND d.stage = ANY ($3)' END,
        CASE WHEN search_deals.kind IS NOT NULL THEN ' AND d.stage_kind = $4' END,
        CASE WHEN search_deals.owner IS NOT NULL THEN ' AND d.owner_id = $5' END,
        CASE WHEN search_deals.team IS NOT NULL THEN ' AND d.team_id = $6' END,
        CASE WHEN search_deals.min_value IS NOT NULL THEN ' AND d.value >= $7' END,
        CASE WHEN search_deals.max_value IS NOT NULL THEN ' AND d.value <= $8' END,
        CASE WHEN search_deals.created_from IS NOT NULL THEN ' AND d.created_at >= $9' END,
        CASE WHEN search_deals.created_until IS NOT NULL THEN ' AND d.created_at < $10' END,
        CASE WHEN NOT show_demo THEN ' AND NOT d.is_demo' END,
        CASE WHEN search_deals.after IS NOT NULL
             THEN ' AND (d.created_at, d.id) < (timestamptz ''epoch'' + $11 * interval ''1 microsecond'', $12)' END,
        ' ORDER BY d.created_at DESC, d.id DESC LIMIT $13')
    USING org, words, stages, search_deals.kind, search_deals.owner, search_deals.team, search_deals.min_value,
          search_deals.max_value, search_deals.created_from, search_deals.created_until,
          split_part(search_deals.after, '.', 1)::bigint, split_part(search_deals.after, '.', 2)::uuid,
          greatest(1, least(coalesce(search_deals.page_size, 20), 100)), show_demo, left(search_deals.q, 200);
END
$$;
ALTER FUNCTION sentinel.search_deals(text, text, uuid, numeric, numeric, text, uuid, timestamptz, timestamptz, boolean, boolean, integer, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.search_deals(text, text, uuid, numeric, numeric, text, uuid, timestamptz, timestamptz, boolean, boolean, integer, text) IS
    'Find deals of the organisation entered that the member entered may view, newest first, a page of 1 to 100 rows; after is cursor_after of the last row seen. Each word of q stands somewhere in name or company, in any case; fuzzy forgives typing errors (pg_trgm.word_similarity_threshold) and fills similarity. stage may be an alias, kind is open, won or lost, created_until excludes itself. Demo deals show while there are no others, or as with_demo says. Errors: SN002, SN007 stage, 22023 kind or cursor.';
