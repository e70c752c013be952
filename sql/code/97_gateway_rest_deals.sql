-- Room gateway, deals: routes of single deals and of their list. Many at once: 97_gateway_rest_deals_bulk.sql; risk:
-- 97_gateway_rest_risk.sql. Rules are those of the functions that SQL clients call.

-- grant: sentinel_member
CREATE FUNCTION sentinel.deal_cards(ids uuid[]) RETURNS TABLE (deal_id uuid, card jsonb)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT d.id, jsonb_build_object('id', d.id, 'name', d.name, 'company_name', d.company_name, 'pipeline_id', d.pipeline_id,
               'stage', d.stage, 'stage_kind', d.stage_kind, 'value', d.value, 'currency', d.currency, 'owner_id', d.owner_id,
               'owner_name', m.display_name, 'team_id', d.team_id, 'lead_id', d.lead_id, 'channel', d.channel,
               'external_id', d.external_id, 'expected_close_at', d.expected_close_at, 'forecast_category', d.forecast_category,
               'lost_reason', d.lost_reason, 'is_demo', d.is_demo, 'created_at', d.created_at, 'changed_at', d.changed_at,
               'stage_changed_at', d.stage_changed_at, 'closed_at', d.closed_at,
               'risk', CASE WHEN r.deal_id IS NOT NULL THEN jsonb_build_object(
                   'score', r.score_rounded, 'band', r.band, 'status', r.status, 'primary_reason', r.primary_reason, 'recommended_action',
                   r.recommended_action, 'action_urgency', r.action_urgency, 'action_due_at', r.action_due_at,
                   'is_action_overdue', r.is_action_overdue, 'last_activity_at', r.last_activity_at) END)
    FROM sentinel.deals d
    LEFT JOIN sentinel.members m ON m.org_id = org AND m.id = d.owner_id
    LEFT JOIN sentinel.deal_risks r ON r.org_id = org AND r.deal_id = d.id
    WHERE d.org_id = org AND d.id = ANY (deal_cards.ids);
END
$$;
COMMENT ON FUNCTION sentinel.deal_cards(uuid[]) IS
    'Give deals that the member entered may view as routes answer them, with their risk now. Errors: SN002.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.sorted_deals(request jsonb, sort text, direction text, place jsonb, page_size integer)
    RETURNS TABLE (deal_id uuid, place_after jsonb)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    stage text := sentinel.http_query_text(request, 'stage');
    key text := CASE sorted_deals.sort WHEN 'value' THEN 'd.value' WHEN 'name' THEN 'lower(d.name)' WHEN 'changed_at' THEN 'd.changed_at'
        WHEN 'expected_close_at' THEN format('coalesce(d.expected_close_at, %L)', CASE sorted_deals.direction WHEN 'asc' THEN 'infinity' ELSE '-infinity' END)
        ELSE 'd.created_at' END;
    kind text := CASE sorted_deals.sort WHEN 'value' THEN 'numeric' WHEN 'name' THEN 'text' ELSE 'timestamptz' END;
    sound boolean;
BEGIN
    BEGIN
        EXECUTE format('SELECT $1::%s IS NOT NULL AND $2::uuid IS NOT NULL', kind) INTO sound USING sorted_deals.place ->> 2, sorted_deals.place ->> 3;
        IF sorted_deals.place IS NOT NULL AND NOT coalesce(sound AND sorted_deals.place ->> 0 = sorted_deals.sort
                                                           AND sorted_deals.place ->> 1 = sorted_deals.direction, false) THEN
            RAISE invalid_parameter_value;
        END IF;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'the cursor is of another order',
            DETAIL = 'A cursor goes with the sort and direction of its page.', HINT = 'Leave the cursor out for the first page.';
    END;
    RETURN QUERY EXECUTE format(
        'SELECT d.id, jsonb_build_array($8::text, $9::text, (%1$s)::text, d.id) FROM sentinel.deals d WHERE d.org_id = $1'
        ' AND ($2 IS NULL OR d.stage IN (lower(btrim($2)), sentinel.normalize_stage($2))) AND ($3 IS NULL OR d.stage_kind = $3)'
        ' AND ($4 IS NULL OR d.owner_id = $4) AND ($5 IS NULL OR d.team_id = $5)'
        ' AND ($6 IS NULL OR d.created_at >= $6) AND ($7 IS NULL OR d.created_at < $7)'
        ' AND ($10 IS NULL OR NOT EXISTS (SELECT FROM regexp_split_to_table(lower(btrim($10)), ''\s+'') AS w'
        '      WHERE strpos(lower(concat_ws('' '', d.name, d.company_name)), w) = 0))'
        ' AND (NOT d.is_demo OR NOT EXISTS (SELECT FROM sentinel.deals x WHERE x.org_id = $1 AND NOT x.is_demo))'
        ' %2$s ORDER BY %1$s %4$s, d.id %4$s LIMIT $13', key,
        CASE WHEN sorted_deals.place IS NOT NULL THEN format('AND (%s, d.id) %s ($11::%s, $12)', key,
                                                          CASE sorted_deals.direction WHEN 'asc' THEN '>' ELSE '<' END, kind) END,
        kind, sorted_deals.direction)
    USING org, stage, sentinel.http_query_text(request, 'kind', '{open,won,lost}'), sentinel.http_query_id(request, 'owner'),
          sentinel.http_query_id(request, 'team'), sentinel.http_query_time(request, 'created_from'), sentinel.http_query_time(request, 'created_until'),
          sorted_deals.sort, sorted_deals.direction, left(sentinel.http_query_text(request, 'q'), 200),
          sorted_deals.place ->> 2, (sorted_deals.place ->> 3)::uuid, sorted_deals.page_size;
END
$$;
COMMENT ON FUNCTION sentinel.sorted_deals(jsonb, text, text, jsonb, integer) IS
    'Give a page of the deals that the filters of a request ask for in another order than search_deals() has, with the place of each row for a cursor. Reads all deals that the member entered may view. Errors: SN002, 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 100);
    sort text := sentinel.http_query_text(request, 'sort', '{created_at,changed_at,value,name,expected_close_at}', 'created_at');
    -- order as in lists of leads; direction as in SQL.
    direction text := sentinel.http_query_text(request, 'order', '{desc,asc}',
        sentinel.http_query_text(request, 'direction', '{desc,asc}', CASE sort WHEN 'name' THEN 'asc' ELSE 'desc' END));
    place jsonb := sentinel.read_page_cursor(request -> 'query' ->> 'cursor');
    newest boolean := sort = 'created_at' AND direction = 'desc';
    ids uuid[];
    places jsonb[];
BEGIN
    -- With another order the search tells only whether the filters are sound.
    SELECT array_agg(s.deal_id ORDER BY s.created_at DESC, s.deal_id DESC),
           array_agg(jsonb_build_object('after', s.cursor_after) ORDER BY s.created_at DESC, s.deal_id DESC)
    INTO ids, places
    FROM sentinel.search_deals(q => sentinel.http_query_text(request, 'q'), stage => sentinel.http_query_text(request, 'stage'),
        owner => sentinel.http_query_id(request, 'owner'), kind => sentinel.http_query_text(request, 'kind'),
        team => sentinel.http_query_id(request, 'team'), created_from => sentinel.http_query_time(request, 'created_from'),
        created_until => sentinel.http_query_time(request, 'created_until'), page_size => CASE WHEN newest THEN most + 1 ELSE 1 END,
        after => CASE WHEN newest AND place IS NOT NULL THEN coalesce(place ->> 'after', 'none') END) s;
    IF NOT newest THEN
        SELECT array_agg(s.deal_id ORDER BY s.n), array_agg(s.place_after ORDER BY s.n) INTO ids, places
        FROM sentinel.sorted_deals(request, sort, direction, place, most + 1) WITH ORDINALITY AS s (deal_id, place_after, n);
    END IF;
    -- A search gives 100 at most: after a page of 100 the next may be empty.
    RETURN sentinel.http_list((SELECT jsonb_agg(c.card ORDER BY i.n)
                               FROM unnest(ids[:most]) WITH ORDINALITY AS i (id, n) JOIN sentinel.deal_cards(ids[:most]) c ON c.deal_id = i.id),
                              CASE WHEN cardinality(ids) > most OR most = 100 AND cardinality(ids) = 100 THEN sentinel.page_cursor(places[most]) END);
END
$$;
COMMENT ON FUNCTION sentinel.http_list_deals(jsonb, bytea) IS 'Route: list deals by filters, in an order, page by page.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_get_deal(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
BEGIN
    PERFORM sentinel.require_deal(deal, 'view');
    RETURN sentinel.http_thing((
        SELECT c.card || jsonb_build_object(
            'tags', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'color', t.color) ORDER BY lower(t.name), t.id), '[]')
                     FROM sentinel.deal_tags x JOIN sentinel.tags t ON t.org_id = x.org_id AND t.id = x.tag_id
                     WHERE x.org_id = sentinel.current_org() AND x.deal_id = deal),
            'risk', to_jsonb(r) || jsonb_build_object('explanation', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('term', e.term, 'contribution', e.contribution, 'detail', e.detail) ORDER BY e.position), '[]')
                FROM sentinel.explain_risk(deal) e)))
        FROM sentinel.deal_cards(ARRAY[deal]) c, sentinel.deal_risk(deal) r));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_deal(jsonb, bytea) IS 'Route: give one deal with its tags, its risk and what the risk is made of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_create_deal(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{name,value}'), '{name,value,stage,currency,owner_id,team_id,lead_id,channel,'
        'pipeline,external_id,company_name,expected_close_at,forecast_category}');
    expected timestamptz := sentinel.http_time(sentinel.json_text(b, 'expected_close_at'), 'expected_close_at');
    deal uuid;
    known boolean := EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = sentinel.require_org() AND d.external_id = sentinel.json_text(b, 'external_id'));
BEGIN
    IF b -> 'lead_id' <> 'null' THEN
        PERFORM sentinel.http_require(sentinel.may_lead('view', sentinel.http_id(b -> 'lead_id', 'lead_id')), 'lead', sentinel.http_id(b -> 'lead_id', 'lead_id'));
    END IF;
    deal := sentinel.create_deal(sentinel.json_text(b, 'name'), sentinel.json_number(b, 'value'), sentinel.json_text(b, 'stage'),
        coalesce(sentinel.json_text(b, 'currency'), 'USD'), sentinel.http_id(b -> 'owner_id', 'owner_id'), sentinel.http_id(b -> 'team_id', 'team_id'),
        sentinel.http_id(b -> 'lead_id', 'lead_id'), sentinel.json_text(b, 'channel'), sentinel.json_text(b, 'pipeline'), sentinel.json_text(b, 'external_id'));
    IF deal IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('the external id "%s" is taken', left(sentinel.json_text(b, 'external_id'), 80)),
            DETAIL = 'An external id stands for one deal of the organisation.', HINT = 'Use another external id.';
    ELSIF known THEN
        RETURN sentinel.http_thing((SELECT c.card FROM sentinel.deal_cards(ARRAY[deal]) c));
    END IF;
    IF sentinel.json_text(b, 'company_name') <> '' THEN
        UPDATE sentinel.deals d SET company_name = b ->> 'company_name' WHERE d.org_id = sentinel.current_org() AND d.id = deal;
    END IF;
    IF expected IS NOT NULL OR sentinel.json_text(b, 'forecast_category') IS NOT NULL THEN
        PERFORM sentinel.forecast_deal(deal, expected, b ->> 'forecast_category');
    END IF;
    RETURN sentinel.http_thing((SELECT c.card FROM sentinel.deal_cards(ARRAY[deal]) c), '/deals/' || deal);
END
$$;
COMMENT ON FUNCTION sentinel.http_create_deal(jsonb, bytea) IS
    'Route: make a deal; 200 with the deal that has the external id, where there is one.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_change_deal(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    deal uuid := sentinel.http_param(request, 'deal_id');
    b jsonb := sentinel.json_members(sentinel.http_object(request), '{name,company_name,channel,value,expected_close_at,forecast_category,stage,'
        'lost_reason,owner_id,team_id}');
    owner uuid := sentinel.http_id(b -> 'owner_id', 'owner_id');
    team uuid := sentinel.http_id(b -> 'team_id', 'team_id');
    way text := sentinel.normalize_channel(sentinel.json_text(b, 'channel'));
BEGIN
    PERFORM sentinel.require_deal(deal, 'edit');
    IF nullif(b ->> 'channel', '') IS NOT NULL AND way IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown channel "%s"', left(b ->> 'channel', 80)),
            DETAIL = 'A channel says how the deal was won.', HINT = 'Use one of: direct, organic, outbound, referrals, partners.';
    ELSIF b ? 'lost_reason' AND NOT b ? 'stage' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'lost_reason goes with stage',
            DETAIL = 'A deal is given a reason when it is lost.', HINT = 'Send {"stage": "closed_lost", "lost_reason": "..."}.';
    END IF;
    IF b ?| '{name,company_name,channel}' THEN
        UPDATE sentinel.deals d
        SET name = CASE WHEN b ? 'name' THEN sentinel.json_text(b, 'name') ELSE d.name END,
            company_name = CASE WHEN b ? 'company_name' THEN nullif(sentinel.json_text(b, 'company_name'), '') ELSE d.company_name END,
            channel = CASE WHEN b ? 'channel' THEN way ELSE d.channel END
        WHERE d.org_id = org AND d.id = deal;
    END IF;
    IF b ? 'value' THEN
        PERFORM sentinel.change_deal_value(deal, sentinel.json_number(b, 'value'));
    END IF;
    IF b ?| '{expected_close_at,forecast_category}' THEN
        PERFORM sentinel.forecast_deal(deal,
            CASE WHEN b ? 'expected_close_at' THEN sentinel.http_time(sentinel.json_text(b, 'expected_close_at'), 'expected_close_at') ELSE d.expected_close_at END,
            CASE WHEN b ? 'forecast_category' THEN nullif(sentinel.json_text(b, 'forecast_category'), '') ELSE d.forecast_category END)
        FROM sentinel.deals d WHERE d.org_id = org AND d.id = deal;
    END IF;
    IF b ? 'stage' THEN
        PERFORM sentinel.move_deal(deal, sentinel.json_text(b, 'stage'), sentinel.json_text(b, 'lost_reason'));
    END IF;
    -- Into a team first, for its members work its deals; out of one last, for then only the owner sees the deal.
    IF b ? 'team_id' AND team IS NOT NULL THEN
        PERFORM sentinel.move_deal_to_team(deal, team);
    END IF;
    IF b ? 'owner_id' THEN
        PERFORM sentinel.assign_deal(deal, owner);
    END IF;
    IF b ? 'team_id' AND team IS NULL THEN
        PERFORM sentinel.move_deal_to_team(deal, NULL);
    END IF;
    RETURN sentinel.http_thing(coalesce((SELECT c.card FROM sentinel.deal_cards(ARRAY[deal]) c), jsonb_build_object('id', deal)));
END
$$;
COMMENT ON FUNCTION sentinel.http_change_deal(jsonb, bytea) IS
    'Route: change what the body names of a deal, all of it or nothing; the id alone comes back to who no longer sees the deal.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_move_deal(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{stage}'), '{stage,lost_reason}');
BEGIN
    PERFORM sentinel.move_deal(deal, sentinel.json_text(b, 'stage'), sentinel.json_text(b, 'lost_reason'));
    RETURN sentinel.http_thing((SELECT c.card FROM sentinel.deal_cards(ARRAY[deal]) c));
END
$$;
COMMENT ON FUNCTION sentinel.http_move_deal(jsonb, bytea) IS 'Route: move a deal to a stage, given by name or alias.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_delete_deal(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    fault text;
BEGIN
    PERFORM sentinel.require_deal(deal, 'edit');
    SELECT x.error INTO fault FROM sentinel.bulk_delete_deals(ARRAY[deal]) x;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '23503', MESSAGE = fault, DETAIL = 'Demo deals go by DELETE /deals/demo; a deal with a past stays.',
            HINT = 'Move it to closed_lost.';
    END IF;
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_deal(jsonb, bytea) IS 'Route: delete a deal with which nothing has happened yet.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_deal_timeline(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    deal uuid := sentinel.http_param(request, 'deal_id');
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 200);
    place jsonb := sentinel.keyset_place(request);
    rows jsonb;
BEGIN
    PERFORM sentinel.require_deal(deal, 'view');
    SELECT jsonb_agg(jsonb_build_object('id', t.id, 'kind', t.kind, 'payload', t.payload, 'member_id', t.member_id, 'member_name', t.display_name,
                                        'recorded_at', t.recorded_at) ORDER BY t.recorded_at DESC, t.id DESC) INTO rows
    FROM (SELECT x.id, x.kind, x.payload, x.member_id, x.recorded_at, m.display_name
          FROM sentinel.deal_timeline x LEFT JOIN sentinel.members m ON m.org_id = x.org_id AND m.id = x.member_id
          WHERE x.org_id = org AND x.deal_id = deal
            AND (place IS NULL OR (x.recorded_at, x.id) < ((place ->> 'at')::timestamptz, (place ->> 'id')::uuid))
          ORDER BY x.recorded_at DESC, x.id DESC LIMIT most + 1) t;
    RETURN sentinel.http_keyset_page(rows, most, 'recorded_at');
END
$$;
COMMENT ON FUNCTION sentinel.http_deal_timeline(jsonb, bytea) IS 'Route: list what was recorded of a deal, newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_deal_activities(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    deal uuid := sentinel.http_param(request, 'deal_id');
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 200);
    place jsonb := sentinel.keyset_place(request);
    wanted text := sentinel.http_query_text(request, 'activity_type');
    rows jsonb;
BEGIN
    PERFORM sentinel.require_deal(deal, 'view');
    SELECT jsonb_agg(jsonb_build_object('id', t.id, 'activity_type', t.activity_type, 'occurred_at', t.occurred_at, 'recorded_at', t.recorded_at,
                                        'subject', t.subject, 'body', t.words, 'payload', t.payload, 'member_id', t.member_id,
                                        'competitive_indicators', t.competitive_indicators) ORDER BY t.occurred_at DESC, t.id DESC) INTO rows
    FROM (SELECT a.id, a.activity_type, a.occurred_at, a.recorded_at, a.subject, a.body AS words, a.payload, a.member_id, a.competitive_indicators
          FROM sentinel.activities a
          WHERE a.org_id = org AND a.deal_id = deal AND (wanted IS NULL OR a.activity_type = wanted)
            AND (place IS NULL OR (a.occurred_at, a.id) < ((place ->> 'at')::timestamptz, (place ->> 'id')::uuid))
          ORDER BY a.occurred_at DESC, a.id DESC LIMIT most + 1) t;
    RETURN sentinel.http_keyset_page(rows, most, 'occurred_at');
END
$$;
COMMENT ON FUNCTION sentinel.http_deal_activities(jsonb, bytea) IS 'Route: list e-mails, meetings, calls and notes of a deal, newest first.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_record_activity(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    b jsonb := sentinel.json_members(sentinel.http_object(request, '{activity_type}'), '{activity_type,occurred_at,subject,body,payload}');
    activity uuid;
BEGIN
    IF jsonb_typeof(b -> 'payload') NOT IN ('object', 'null') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the member "payload" is no object', DETAIL = 'It is a JSON object.', HINT = 'Send {"payload": {}}.';
    END IF;
    activity := sentinel.record_activity(deal, sentinel.json_text(b, 'activity_type'),
        sentinel.http_time(sentinel.json_text(b, 'occurred_at'), 'occurred_at'), sentinel.json_text(b, 'subject'), sentinel.json_text(b, 'body'),
        coalesce(nullif(b -> 'payload', 'null'), '{}'));
    RETURN sentinel.http_thing(jsonb_build_object('id', activity, 'deal_id', deal), format('/deals/%s/activities', deal));
END
$$;
COMMENT ON FUNCTION sentinel.http_record_activity(jsonb, bytea) IS 'Route: record an e-mail, meeting, call or note of a deal.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_tag_deal(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deal uuid := sentinel.http_param(request, 'deal_id');
    tag uuid := sentinel.http_param(request, 'tag_id');
    added boolean := sentinel.tag_deal(deal, tag);
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('deal_id', deal, 'tag_id', tag), CASE WHEN added THEN '/deals/' || deal END);
END
$$;
COMMENT ON FUNCTION sentinel.http_tag_deal(jsonb, bytea) IS 'Route: put a tag on a deal; 200 where it is there already.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_untag_deal(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.untag_deal(sentinel.http_param(request, 'deal_id'), sentinel.http_param(request, 'tag_id'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_untag_deal(jsonb, bytea) IS 'Route: take a tag off a deal, where it is on it.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_seed_demo_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made integer := sentinel.seed_demo_deals();
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('created', made), CASE WHEN made > 0 THEN '/deals' END);
END
$$;
COMMENT ON FUNCTION sentinel.http_seed_demo_deals(jsonb, bytea) IS 'Route: make demo deals in an organisation without deals.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_remove_demo_deals(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('removed', sentinel.remove_demo_deals()));
END
$$;
COMMENT ON FUNCTION sentinel.http_remove_demo_deals(jsonb, bytea) IS 'Route: remove the demo deals.';
