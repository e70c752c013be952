-- Room gateway: the routes of deals, their risk, pipelines, plans and figures, called as http_handle() calls them.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(238);

\ir ../support/routes.sql

SELECT sentinel.create_org('Routes Ltd', 'routes-pgtap') AS org, sentinel.create_org('Foes Ltd', 'routes-pgtap-foes') AS foes \gset
SELECT sentinel.enter(:'foes');
INSERT INTO known SELECT 'foe', :'foes', sentinel.add_member('Foe', 'foe@routes.example', 'owner'), 'owner';
SELECT sentinel.create_deal('Theirs', 5) AS theirs, sentinel.add_tag('theirs') AS their_tag \gset
SELECT sentinel.enter(:'org');
INSERT INTO known SELECT v.who, :'org', sentinel.add_member(initcap(v.who), v.who || '@routes.example', v.role), v.role
FROM (VALUES ('olga', 'owner'), ('ada', 'admin'), ('mira', 'member'), ('max', 'member'), ('vera', 'viewer')) v (who, role);
INSERT INTO known VALUES ('key', :'org', NULL, NULL);
SELECT id AS olga FROM known WHERE name = 'olga' \gset
SELECT id AS mira FROM known WHERE name = 'mira' \gset
SELECT id AS max FROM known WHERE name = 'max' \gset
SELECT sentinel.add_team('North') AS north, sentinel.add_team('South') AS south, sentinel.add_tag('hot') AS hot \gset
SELECT sentinel.add_team_member(:'north', :'mira', 'admin'), sentinel.add_team_member(:'north', id, 'viewer') FROM known WHERE name = 'vera';
SELECT sentinel.leave();

-- Make and read.
SELECT pg_temp.call('mira', 'POST', '/api/deals', '{"name": "Acme", "value": 75000, "stage": "negotiation", "companyName": "Acme Ltd", "expectedCloseAt": "2031-05-01"}') AS made \gset
SELECT :'made'::jsonb -> 'json' -> 'data' ->> 'id' AS acme \gset
SELECT is(:'made'::jsonb -> 'status', '201', 'a deal is made');
SELECT is(:'made'::jsonb -> 'headers' ->> 'Location', '/deals/' || :'acme', 'with its place');
SELECT is((:'made'::jsonb -> 'json' -> 'data') - '{id,pipeline_id,created_at,changed_at,stage_changed_at,risk}'::text[],
    jsonb_build_object('name', 'Acme', 'company_name', 'Acme Ltd', 'stage', 'negotiation', 'stage_kind', 'open', 'value', 75000.00, 'currency', 'USD',
        'owner_id', :'mira', 'owner_name', 'Mira', 'team_id', NULL, 'lead_id', NULL, 'channel', NULL, 'external_id', NULL, 'lost_reason', NULL,
        'expected_close_at', timestamptz '2031-05-01', 'forecast_category', NULL, 'is_demo', false, 'closed_at', NULL), 'all of it comes back');
SELECT is(pg_temp.call('mira', 'GET', '/deals/' || :'acme') -> 'json' -> 'data' -> 'risk' ->> 'band', 'High', 'its risk is told');
SELECT is((SELECT round(sum((e ->> 'contribution')::numeric), 6) FROM jsonb_array_elements(pg_temp.call('mira', 'GET', '/deals/' || :'acme') -> 'json' -> 'data' -> 'risk' -> 'explanation') e),
    (SELECT round(score::numeric, 6) FROM sentinel.deal_risks WHERE deal_id = :'acme'), 'and its terms sum to it');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Wrong", "value": 1, "colour": "red"}') -> 'json' ->> 'title', 'the body has an unknown member "colour"', 'what is not known is refused');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Wrong"}') -> 'json' ->> 'title', 'the member "value" is missing', 'a value is needed');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": {"a": 1}, "value": 1}') -> 'status', '400', 'a name is a text');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Wrong", "value": "NaN"}') -> 'status', '400', 'no number is none');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Wrong", "value": 1e30}') -> 'status', '400', 'nor is more than all money');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Wrong", "value": 1, "stage": "nonsense"}') -> 'status', '400', 'a stage is known');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Wrong", "value": 1, "channel": "tv"}') -> 'status', '400', 'a channel too');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "acme", "value": 1}') -> 'status', '409', 'a name is taken once');
SELECT is(pg_temp.call('vera', 'POST', '/deals', '{"name": "Mine", "value": 1}') -> 'status', '403', 'viewers make none');
SELECT is(pg_temp.call('mira', 'POST', '/deals', jsonb_build_object('name', 'For Max', 'value', 1, 'owner_id', :'max')) -> 'status', '403', 'members make none for others');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Outside", "value": 1, "external_id": "X1"}') -> 'status', '201', 'one known elsewhere');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Outside again", "value": 2, "external_id": "X1"}') #>> '{json,data,name}', 'Outside', 'comes back when sent again');
SELECT is(pg_temp.call('mira', 'POST', '/deals', '{"name": "Outside again", "value": 2, "external_id": "X1"}') -> 'status', '200', 'as not new');
SELECT is(pg_temp.call('max', 'POST', '/deals', '{"name": "Outside", "value": 2, "external_id": "X1"}') -> 'status', '409', 'to others the id is taken');
SELECT is(pg_temp.call('key', 'POST', '/deals', '{"name": "By a key", "value": "10.50"}') #> '{json,data,owner_id}', 'null', 'a key without a member makes deals of nobody');

-- Unknown, hidden and foreign are one.
SELECT is(pg_temp.refusal('max', v.verb, v.path, w.id, v.json), pg_temp.refusal('max', v.verb, v.path, '00000000-0000-7000-8000-000000000000', v.json),
    format('%s %s: %s is unknown', v.verb, v.path, w.what))
FROM (VALUES ('GET', '/deals/{}', NULL::jsonb), ('PATCH', '/deals/{}', '{"name": "x"}'), ('DELETE', '/deals/{}', NULL), ('POST', '/deals/{}/stage', '{"stage": "qualify"}'),
             ('GET', '/deals/{}/timeline', NULL), ('GET', '/deals/{}/activities', NULL), ('POST', '/deals/{}/activities', '{"activity_type": "email_sent"}'),
             ('GET', '/deals/{}/risk', NULL), ('GET', '/deals/{}/risk/explanation', NULL), ('GET', '/deals/{}/win-probability', NULL), ('GET', '/deals/{}/similar', NULL),
             ('POST', '/deals/bulk', '{"action": "delete", "deal_ids": ["{}"]}')) v (verb, path, json)
CROSS JOIN (VALUES (:'acme', 'a hidden deal'), (:'theirs', 'a foreign deal')) w (id, what);
SELECT is(pg_temp.call('max', v.verb, replace(v.path, '{}', :'acme'), v.json) -> 'status', '404', 'no 403 for ' || v.path)
FROM (VALUES ('GET', '/deals/{}', NULL::jsonb), ('PATCH', '/deals/{}', '{"name": "x"}'), ('DELETE', '/deals/{}', NULL), ('GET', '/deals/{}/risk', NULL)) v (verb, path, json);
SELECT is(pg_temp.refusal('olga', 'POST', '/deals/' || :'acme' || '/tags/{}', :'their_tag'),
    pg_temp.refusal('olga', 'POST', '/deals/' || :'acme' || '/tags/{}', '00000000-0000-7000-8000-000000000000'), 'a foreign tag is unknown');
SELECT is(pg_temp.refusal('olga', 'PATCH', '/deals/' || :'acme', id::text, '{"owner_id": "{}"}'),
    pg_temp.refusal('olga', 'PATCH', '/deals/' || :'acme', '00000000-0000-7000-8000-000000000000', '{"owner_id": "{}"}'), 'a foreign member is unknown') FROM known WHERE name = 'foe';
SELECT sentinel.enter(:'org');
SELECT sentinel.create_lead(email => 'lead@hidden.example', owner_id => :'mira') AS hidden_lead \gset
SELECT sentinel.leave();
SELECT is(pg_temp.refusal('max', 'POST', '/deals', :'hidden_lead', '{"name": "Poached", "value": 1, "lead_id": "{}"}'),
    pg_temp.refusal('max', 'POST', '/deals', '00000000-0000-7000-8000-000000000000', '{"name": "Poached", "value": 1, "lead_id": "{}"}'), 'a hidden lead is unknown');
SELECT is(pg_temp.call('max', 'POST', '/deals', jsonb_build_object('name', 'Poached', 'value', 1, 'lead_id', :'hidden_lead')) -> 'status', '404', 'which is 404');
SELECT is(pg_temp.call('mira', 'GET', '/deals/abc') -> 'status', '400', 'no id at all');

-- Change.
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', '{"name": "Acme 2", "value": 80000.5, "channel": "inbound", "company_name": null}') -> 'json' -> 'data' @>
    '{"name": "Acme 2", "value": 80000.5, "channel": "direct", "company_name": null, "expected_close_at": "2031-05-01T00:00:00+00:00"}', true, 'a deal is changed, and keeps what is not named');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', '{"forecast_category": "commit"}') -> 'json' -> 'data' @>
    '{"forecast_category": "commit", "expected_close_at": "2031-05-01T00:00:00+00:00"}', true, 'so of what two make together');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', '{"expected_close_at": null}') -> 'json' -> 'data' @>
    '{"forecast_category": "commit", "expected_close_at": null}', true, 'null takes it back');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', '{"name": "Acme 3", "value": -1}') -> 'status', '400', 'all or nothing');
SELECT is(pg_temp.call('mira', 'GET', '/deals/' || :'acme') #>> '{json,data,name}', 'Acme 2', 'nothing it was');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', jsonb_build_object('owner_id', :'max')) -> 'status', '403', 'members do not assign');
SELECT is(pg_temp.call('ada', 'PATCH', '/deals/' || :'acme', jsonb_build_object('owner_id', :'max')) #>> '{json,data,owner_name}', 'Max', 'admins do');
SELECT is(pg_temp.call('ada', 'PATCH', '/deals/' || :'acme', jsonb_build_object('owner_id', :'mira', 'team_id', :'north')) -> 'json' -> 'data' @>
    jsonb_build_object('owner_id', :'mira', 'team_id', :'north'), true, 'and move it into a team with its new owner');
SELECT is(pg_temp.call('vera', 'PATCH', '/deals/' || :'acme', '{"name": "x"}') -> 'status', '403', 'a viewer changes nothing');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', jsonb_build_object('team_id', NULL, 'owner_id', :'max')) -> 'status', '404', 'out of the team to who is not in it: not by its admin');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', '{"lost_reason": "dear"}') -> 'status', '400', 'a reason goes with a loss');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme', '[]') -> 'status', '400', 'a list is no change');
SELECT is(pg_temp.call('mira', 'PATCH', '/deals/' || :'acme' || '/stage', '{"stage": "Proposal"}') #>> '{json,data,stage}', 'proposal', 'a deal moves');
SELECT is(pg_temp.call('mira', 'POST', '/deals/' || :'acme' || '/stage', '{"stage": "lost", "lostReason": "too dear"}') -> 'json' -> 'data' @>
    '{"stage": "closed_lost", "lost_reason": "too dear", "stage_kind": "lost"}', true, 'and is lost');
SELECT is(pg_temp.call('mira', 'POST', '/deals/' || :'acme' || '/stage', '{"stage": "proposal"}') -> 'status', '409', 'which is for ever here');
SELECT is(pg_temp.call('mira', 'POST', '/deals/' || :'acme' || '/stage', '{}') -> 'status', '400', 'a stage is needed');
SELECT is(pg_temp.call('key', 'DELETE', '/deals/' || d.id) -> 'status', '204', 'a deal without a past goes') FROM sentinel.deals d WHERE d.name = 'By a key';
SELECT is(pg_temp.call('key', 'GET', '/deals', NULL, 'q=key') #> '{json,data}', '[]', 'and is gone');

-- Activities and timeline, page by page.
SELECT is(pg_temp.call('mira', 'POST', '/deals/' || :'acme' || '/activities', jsonb_build_object('activityType', 'email_sent', 'subject', 'm' || i,
    'occurred_at', timestamptz '2026-01-01' - i * interval '1 hour')) -> 'status', '201', 'activity ' || i) FROM generate_series(1, 5) i;
SELECT is(pg_temp.walk('mira', '/deals/' || :'acme' || '/activities', 'limit=2'), '{"seen": ["m1", "m2", "m3", "m4", "m5"], "pages": 3}', 'activities come newest first, all of them');
SELECT is(pg_temp.call('vera', 'GET', '/deals/' || :'acme' || '/activities', NULL, 'activity_type=meeting_held') #> '{json,data}', '[]', 'or of one type');
SELECT is(jsonb_array_length(pg_temp.walk('vera', '/deals/' || :'acme' || '/timeline', 'limit=1') -> 'seen'),
    (SELECT count(*)::integer FROM sentinel.deal_timeline WHERE deal_id = :'acme'), 'the timeline is walked to its end');
SELECT is(pg_temp.call('mira', 'GET', '/deals/' || :'acme' || '/timeline', NULL, 'cursor=' || c) -> 'status', '400', 'no cursor: ' || c)
FROM (VALUES ('abc'), ('W10'), ('e30'), ('eyJhdCI6ICJ4IiwgImlkIjogIngifQ'), ('eyJhdCI6IG51bGwsICJpZCI6IG51bGx9'), (sentinel.page_cursor('{"after": "1"}'))) v (c);
SELECT is(pg_temp.call('mira', 'GET', '/deals/' || :'acme' || '/timeline', NULL, 'limit=201') -> 'status', '400', 'a page has its limit');
SELECT is(pg_temp.call('mira', 'POST', '/deals/' || :'acme' || '/activities', '{"activity_type": "sang"}') -> 'status', '400', 'what is no activity');
SELECT is(pg_temp.call('vera', 'POST', '/deals/' || :'acme' || '/activities', '{"activity_type": "email_sent"}') -> 'status', '403', 'viewers record none');
SELECT is(pg_temp.call('mira', 'DELETE', '/deals/' || :'acme') -> 'status', '409', 'a deal with a past stays');

-- Tags.
SELECT is(pg_temp.call('mira', 'POST', '/deals/' || :'acme' || '/tags/' || :'hot') -> 'status', '201', 'a tag is put on');
SELECT is(pg_temp.call('mira', 'POST', '/deals/' || :'acme' || '/tags/' || :'hot') -> 'status', '200', 'once');
SELECT is(pg_temp.call('mira', 'GET', '/deals/' || :'acme') #>> '{json,data,tags,0,name}', 'hot', 'is seen');
SELECT is(pg_temp.call('mira', 'DELETE', '/deals/' || :'acme' || '/tags/' || :'hot') -> 'status', '204', 'and taken off');
SELECT is(pg_temp.call('vera', 'POST', '/deals/' || :'acme' || '/tags/' || :'hot') -> 'status', '403', 'not by viewers');

-- Lists, in each order, page by page.
SELECT sentinel.enter(:'org');
SELECT sentinel.create_deal('L' || i, CASE i WHEN 3 THEN 20 ELSE i * 10 END, owner_id => CASE WHEN i % 2 = 0 THEN :'max'::uuid ELSE :'mira'::uuid END, as_of => timestamptz '2026-02-01' + (i / 2) * interval '1 day')
FROM generate_series(1, 7) i;
SELECT sentinel.forecast_deal(d.id, timestamptz '2027-01-01' + d.value * interval '1 day') FROM sentinel.deals d WHERE d.name IN ('L2', 'L5');
SELECT sentinel.leave();
SELECT is(pg_temp.walk('olga', '/deals', 'limit=2&created_until=2026-03-01') -> 'pages', '4', 'newest first, in pages');
SELECT is(pg_temp.walk('olga', '/deals', 'limit=' || n || '&created_until=2026-03-01') -> 'seen', pg_temp.walk('olga', '/deals', 'limit=100&created_until=2026-03-01') -> 'seen',
    'of any size') FROM (VALUES (1), (2), (3), (7)) v (n);
SELECT is(pg_temp.walk('olga', '/deals', 'limit=2&created_until=2026-03-01&sort=name') -> 'seen', '["L1", "L2", "L3", "L4", "L5", "L6", "L7"]', 'by name');
SELECT is(pg_temp.walk('olga', '/deals', 'limit=3&created_until=2026-03-01&sort=name&order=desc') -> 'seen', '["L7", "L6", "L5", "L4", "L3", "L2", "L1"]', 'backwards');
SELECT is((SELECT jsonb_agg(x) FROM (SELECT x FROM jsonb_array_elements(pg_temp.walk('olga', '/deals', 'limit=1&created_until=2026-03-01&sort=value&direction=asc') -> 'seen') WITH ORDINALITY AS e (x, n) WHERE x NOT IN ('"L2"', '"L3"') ORDER BY n) y),
    '["L1", "L4", "L5", "L6", "L7"]', 'by value');
SELECT is(jsonb_array_length(pg_temp.walk('olga', '/deals', 'limit=1&created_until=2026-03-01&sort=value') -> 'seen'), 7, 'of two of one value none is lost');
SELECT is((pg_temp.walk('olga', '/deals', 'limit=2&created_until=2026-03-01&sort=expected_close_at&direction=asc') -> 'seen') ->> 0, 'L2', 'by what is expected first');
SELECT is((pg_temp.walk('olga', '/deals', 'limit=2&created_until=2026-03-01&sort=expected_close_at') -> 'seen') ->> 0, 'L5', 'or last');
SELECT is(jsonb_array_length(pg_temp.walk('olga', '/deals', 'limit=2&created_until=2026-03-01&sort=expected_close_at') -> 'seen'), 7, 'what is not expected comes behind');
SELECT is(jsonb_array_length(pg_temp.walk('olga', '/deals', 'limit=2&created_until=2026-03-01&sort=changed_at') -> 'seen'), 7, 'by change');
SELECT is(pg_temp.walk('max', '/deals', 'sort=name') -> 'seen', '["L2", "L4", "L6"]', 'a member lists the own');
SELECT is((pg_temp.walk('max', '/deals', 'limit=2') -> 'seen') @> '["L2", "L4", "L6"]' AND jsonb_array_length(pg_temp.walk('max', '/deals', '') -> 'seen') = 3, true, 'in any order');
SELECT is(pg_temp.walk('olga', '/deals', 'sort=name&kind=lost') -> 'seen', '["Acme 2"]', 'those lost');
SELECT is(pg_temp.walk('olga', '/deals', 'kind=lost') -> 'seen', '["Acme 2"]', 'by the search too');
SELECT is(pg_temp.walk('olga', '/deals', 'sort=name&q=l7') -> 'seen', '["L7"]', 'by words');
SELECT is(pg_temp.walk('olga', '/deals', 'sort=name&owner=' || :'max') -> 'seen', '["L2", "L4", "L6"]', 'by owner');
SELECT is(pg_temp.walk('olga', '/deals', 'sort=name&team=' || :'north') -> 'seen', '["Acme 2"]', 'by team');
SELECT is(pg_temp.walk('olga', '/deals', 'sort=name&stage=Lost') -> 'seen', '["Acme 2"]', 'by an alias of a stage');
SELECT is(pg_temp.call('olga', 'GET', '/deals', NULL, q) -> 'status', '400', q) FROM (VALUES ('limit=101'), ('limit=0'), ('sort=owner'), ('direction=up'), ('kind=odd'),
    ('stage=odd'), ('owner=me'), ('created_from=yesterday'), ('cursor=W10'), ('cursor=eyJhZnRlciI6ICJ4In0'), ('sort=name&cursor=W10'), ('sort=value&cursor=' || sentinel.page_cursor('["value", "desc", "x", "00000000-0000-7000-8000-000000000000"]')),
    ('sort=value&cursor=' || sentinel.page_cursor('["value", "asc", "1", "00000000-0000-7000-8000-000000000000"]'))) v (q);
SELECT is(pg_temp.call('olga', 'GET', '/deals', NULL, 'sort=name&cursor=' || (pg_temp.call('olga', 'GET', '/deals', NULL, 'limit=1&sort=value') -> 'json' ->> 'next_cursor')) -> 'status', '400',
    'a cursor goes with its order');

-- Search.
SELECT is(jsonb_array_length(pg_temp.call('olga', 'GET', '/deals/search', NULL, 'q=l&limit=3') #> '{json,data}'), 3, 'a search gives so many');
SELECT is((pg_temp.call('olga', 'GET', '/deals/search', NULL, 'q=l7') #> '{json,data,0}') - 'id', '{"name": "L7", "stage": "discover", "value": 70.00, "currency": "USD", "company_name": null}', 'with name, stage and value');
SELECT is(pg_temp.call('olga', 'GET', '/deals/search', NULL, 'q=lost') #> '{json,data}', '[]', 'a stage is no name');
SELECT is(pg_temp.call('olga', 'GET', '/deals/search', NULL, 'q=lost&fullText=true') #>> '{json,data,0,name}', 'Acme 2', 'but for the full text');
SELECT is(pg_temp.call('vera', 'GET', '/deals/search', NULL, 'includeTeamDeals=false') #> '{json,data}', '[]', 'a viewer has none');
SELECT is(pg_temp.call('vera', 'GET', '/deals/search', NULL, 'q=acme') #>> '{json,data,0,name}', 'Acme 2', 'but those of the team');
SELECT is(pg_temp.call('vera', 'GET', '/deals/search', NULL, 'team_id=' || :'south') #> '{json,data}', '[]', 'another team has others');
SELECT is(pg_temp.call('olga', 'GET', '/deals/search', NULL, 'limit=101') -> 'status', '400', 'at most 100');

-- Many at once.
SELECT id AS l1 FROM sentinel.deals WHERE name = 'L1' \gset
SELECT id AS l2 FROM sentinel.deals WHERE name = 'L2' \gset
SELECT id AS l3 FROM sentinel.deals WHERE name = 'L3' \gset
CREATE FUNCTION pg_temp.bulk(who text, ids uuid[], updates jsonb, action text DEFAULT 'update') RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.data(pg_temp.call(who, 'POST', '/deals/bulk', jsonb_strip_nulls(jsonb_build_object('action', action, 'dealIds', ids)) || jsonb_build_object('updates', updates)))
$$;
SELECT is(pg_temp.bulk('mira', ARRAY[:'l1', :'l3', :'l1', :'l2']::uuid[], '{"stage": "proposal"}'),
    jsonb_build_object('updated', 2, 'failed', 1, 'errors', jsonb_build_array(jsonb_build_object('deal_id', :'l2', 'message', format('no deal "%s" in this organisation', :'l2')))),
    'some are moved, why others are not is told');
SELECT is(pg_temp.bulk('mira', ARRAY[:'l1']::uuid[], jsonb_build_object('assignedToId', :'max')) #>> '{errors,0,message}', 'not allowed to assign deal "L1"', 'members do not assign');
SELECT is(pg_temp.bulk('mira', ARRAY[:'l1']::uuid[], jsonb_build_object('assignedToId', :'max', 'stage', 'negotiation')) -> 'updated', '0', 'nor half of it');
SELECT is((SELECT stage FROM sentinel.deals WHERE id = :'l1'), 'proposal', 'so that it did not move');
SELECT is(pg_temp.bulk('olga', ARRAY[:'l1', :'acme', :'l3']::uuid[], jsonb_build_object('assigned_to_id', :'mira', 'stage', 'negotiation')) - 'errors', '{"updated": 2, "failed": 1}', 'admins do both');
SELECT is(pg_temp.bulk('olga', ARRAY[:'l1', :'acme', :'l2']::uuid[], jsonb_build_object('assigned_to_id', :'olga', 'stage', 'qualify')) #>> '{errors,0,message}',
    'a deal cannot move from "closed_lost" to "qualify"', 'one that cannot move');
SELECT is((SELECT array_agg(owner_id ORDER BY name) FROM sentinel.deals WHERE id IN (:'l1', :'acme', :'l2')), ARRAY[:'mira', :'olga', :'olga']::uuid[], 'is not assigned either, the others are');
SELECT is((SELECT array_agg(stage ORDER BY name) FROM sentinel.deals WHERE id IN (:'l1', :'acme', :'l2')), '{closed_lost,qualify,qualify}', 'and have moved');
SELECT is(pg_temp.bulk('olga', ARRAY[:'l1', :'l2']::uuid[], '{"assignedToId": null}') -> 'updated', '2', 'nobody works them');
SELECT is((SELECT count(*) FROM sentinel.deals WHERE id IN (:'l1', :'l2') AND owner_id IS NULL), 2::bigint, 'which is so');
SELECT is(pg_temp.bulk('vera', ARRAY[:'l1']::uuid[], '{"stage": "proposal"}') -> 'status', '403', 'viewers change nothing');
SELECT is(pg_temp.bulk('olga', ids, updates, action) -> 'status', '400', what) FROM (VALUES
    ('{}'::uuid[], '{"stage": "proposal"}'::jsonb, 'update', 'none'), (ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 101)), '{"stage": "proposal"}', 'update', 'more than 100'),
    (ARRAY[:'l1']::uuid[], '{}', 'update', 'nothing to do'), (ARRAY[:'l1']::uuid[], '{"value": 1}', 'update', 'what is not done to many'),
    (ARRAY[:'l1']::uuid[], '[]', 'update', 'no object'), (ARRAY[:'l1']::uuid[], '{"stage": "proposal"}', 'burn', 'no action')) v (ids, updates, action, what);
SELECT is(pg_temp.call('olga', 'POST', '/deals/bulk', '{"action": "delete", "deal_ids": ["x"]}') -> 'status', '400', 'no id');
SELECT is(pg_temp.bulk('olga', ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 100)), '{"stage": "proposal"}') - 'errors', '{"updated": 0, "failed": 100}', '100 unknown ones fail');
SELECT is(pg_temp.bulk('olga', ARRAY[:'l2', :'acme', :'theirs']::uuid[], '{}', 'delete') - 'errors', '{"deleted": 1, "failed": 2}', 'one without a past goes');

-- Files.
SELECT pg_temp.call('olga', 'GET', '/deals/export', NULL, 'created_until=2026-03-01') AS file \gset
SELECT is(:'file'::jsonb -> 'headers' ->> 'Content-Disposition', format('attachment; filename="deals-export-%s.csv"', to_char(now(), 'YYYY-MM-DD')), 'a file by its day');
SELECT is(:'file'::jsonb ->> 'type', 'text/csv; charset=utf-8', 'of its type');
SELECT is((SELECT array_agg(split_part(l, ',', 1) ORDER BY split_part(l, ',', 1)) FROM string_to_table(:'file'::jsonb ->> 'text', E'\n') l), '{L1,L3,L4,L5,L6,L7,name}', 'with a line for each deal');
SELECT is((pg_temp.call('olga', 'GET', '/deals/export', NULL, 'format=json&created_until=2026-03-01') ->> 'text')::jsonb -> 0 ->> 'name', 'L7', 'as JSON too');
SELECT is(pg_temp.call('vera', 'GET', '/deals/export', NULL, 'include_team_deals=false') -> 'status', '404', 'none');
SELECT is(pg_temp.call('vera', 'GET', '/deals/export', NULL, 'include_team_deals=false') #>> '{json,title}', 'no deals found', 'as it is said');
SELECT is(pg_temp.call('olga', 'GET', '/deals/export', NULL, 'format=pdf') -> 'status', '400', 'no pictures');
SELECT is((SELECT rate_tier FROM sentinel.http_routes WHERE pattern = '/deals/export'), 'export', 'of a tier of its own');
SELECT is(pg_temp.data(pg_temp.call('olga', 'POST', '/deals/import', NULL, 'dryRun=true', convert_to(E'name,stage,value\nOne,proposal,5\nTwo,nonsense,7\n', 'UTF8'))) - 'rejects',
    '{"rows": 2, "created": 1, "updated": 0, "unchanged": 0, "rejected": 1, "dry_run": true, "rejects_left_off": 0}', 'a file is judged');
SELECT is((SELECT count(*) FROM sentinel.deals WHERE name = 'One'), 0::bigint, 'and not taken in');
SELECT is(pg_temp.data(pg_temp.call('ada', 'POST', '/deals/import', NULL, 'mapping=%7B%22Titel%22%3A%22name%22%7D', convert_to(E'Titel,stage,value\nOne,proposal,5\nTwo,nonsense,7\n', 'UTF8'))) #>> '{rejects,0,line}', '3', 'with the line that is wrong');
SELECT is((SELECT count(*) FROM sentinel.deals WHERE name = 'One'), 1::bigint, 'and taken in, by headings that are told');
SELECT is(pg_temp.data(pg_temp.call('ada', 'POST', '/deals/import', NULL, '', convert_to(E'Titel,stage,value\nOne,proposal,5\n', 'UTF8'), '{"x-mapping": "{\"Titel\":\"name\"}"}')) -> 'rejected', '0', 'or in a header');
SELECT is(pg_temp.call(who, 'POST', '/deals/import', NULL, query, body, headers) -> 'status', to_jsonb(status), what) FROM (VALUES
    ('mira', '', 'name'::bytea, '{}'::jsonb, 403, 'members take in no files'), ('olga', '', NULL, '{}', 400, 'an empty one'), ('olga', '', '', '{}', 400, 'one of no bytes'),
    ('olga', 'mapping=x', 'name', '{}', 400, 'a mapping that is none'), ('olga', '', 'name', '{"content-type": "application/json"}', 415, 'of another type'),
    ('olga', 'pipeline=none', 'name', '{}', 404, 'into a pipeline that is none')) v (who, query, body, headers, status, what);
SELECT is((SELECT max_body_bytes FROM sentinel.http_routes WHERE pattern = '/deals/import'), 10485760, 'files have up to 10 MB');
SELECT is(pg_temp.call('ada', 'POST', '/deals/import', NULL, '', convert_to(repeat(E'x\n', 20001), 'UTF8')) -> 'status', '413', 'of as many lines as can be done in a request');

-- Risk.
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/risk')) ->> 'band', 'High', 'the risk of a deal');
SELECT is((pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/risk', NULL, 'as_of=2026-02-02T01:00:00Z')) ->> 'stage'), 'discover', 'as it was known then');
SELECT is(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/risk', NULL, 'as_of=2020-01-01') -> 'status', '404', 'not before it began');
SELECT is((SELECT sum((e ->> 'contribution')::float8) FROM jsonb_array_elements(pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/risk/explanation', NULL, 'as_of=2031-01-01'))) e),
    (pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/risk', NULL, 'as_of=2031-01-01')) ->> 'score')::float8, 'its terms sum to it');
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/win-probability')) ?& '{probability,trend,base_rate,factors,days_to_close,model}', true, 'the chance to win it');
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/win-probability')) -> 'model', 'null', 'by a model where one is fitted');
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'acme' || '/win-probability')) -> 'probability', '0', 'none once it is lost');
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/deals/' || :'l3' || '/similar')) #>> '{0,name}', 'Acme 2', 'those like it');
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/risk/overview')) -> 'open_deals', to_jsonb((SELECT count(*) FROM sentinel.deals WHERE org_id = :'org' AND stage_kind = 'open')), 'the risk of all');
SELECT is(pg_temp.data(pg_temp.call('vera', 'GET', '/risk/overview')) -> 'open_deals', '0', 'of those that one sees');
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('olga', 'GET', '/action-queue')) -> 'urgent') <= 5, true, 'what to act on');
SELECT is(pg_temp.data(pg_temp.call('vera', 'GET', '/action-queue')), '{"safe": [], "urgent": [], "important": []}', 'nothing for who sees nothing');
SELECT is((SELECT count(DISTINCT f ->> 'period') >= 3 FROM jsonb_array_elements(pg_temp.data(pg_temp.call('olga', 'GET', '/forecast', NULL, 'months=2'))) f), true, 'a forecast by month');
SELECT is(pg_temp.call('olga', 'GET', '/forecast', NULL, 'months=25') -> 'status', '400', 'of at most two years');
SELECT is(pg_temp.data(pg_temp.call('mira', 'GET', '/settings/risk')) - 'member_id', '{"inactivity_days": 7, "competitive": true, "stage_stall": false, "champion_dormancy": false, "source": "standard", "recorded_at": null}', 'standard settings');
SELECT is(pg_temp.call('mira', 'PUT', '/settings/risk', '{"inactivityDays": 9}', 'of=organisation') -> 'status', '403', 'members set none for all');
SELECT is(pg_temp.data(pg_temp.call('ada', 'PUT', '/settings/risk', '{"inactivityDays": 9, "stage_stall": true}', 'of=organisation')) @> '{"inactivity_days": 9, "stage_stall": true, "source": "organisation"}', true, 'admins do');
SELECT is(pg_temp.data(pg_temp.call('mira', 'GET', '/settings/risk')) @> '{"inactivity_days": 9, "source": "organisation"}', true, 'which holds for who has no own');
SELECT is(pg_temp.data(pg_temp.call('mira', 'PUT', '/settings/risk', '{"inactivity_days": 3}')) @> '{"inactivity_days": 3, "stage_stall": true, "source": "member"}', true, 'own ones');
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/settings/risk', NULL, 'member_id=' || :'mira')) -> 'inactivity_days', '3', 'an admin reads them');
SELECT is(pg_temp.call('max', 'GET', '/settings/risk', NULL, 'member_id=' || :'mira') -> 'status', '403', 'another member does not');
SELECT is(pg_temp.call('olga', 'GET', '/settings/risk', NULL, 'member_id=' || id) -> 'status', '404', 'a foreign member is unknown') FROM known WHERE name = 'foe';
SELECT is(pg_temp.call('mira', 'PUT', '/settings/risk', json) -> 'status', '400', json::text) FROM (VALUES ('{"inactivity_days": 0}'::jsonb), ('{"inactivity_days": 31}'), ('{"inactivity_days": 1.5}'), ('{"competitive": "yes"}'), ('{"x": 1}')) v (json);
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('mira', 'GET', '/settings/risk/weights'))), (SELECT count(*)::integer FROM sentinel.risk_weight_terms), 'weights');
SELECT is(pg_temp.call('mira', 'PUT', '/settings/risk/weights', '{}') -> 'status', '403', 'are for admins to set');
SELECT is((SELECT w -> 'weight' FROM jsonb_array_elements(pg_temp.data(pg_temp.call('ada', 'PUT', '/settings/risk/weights', '{"high_value": 0.1}'))) w WHERE w ->> 'weight_name' = 'high_value'), '0.1', 'who do');

-- Pipelines and demo deals.
SELECT is(pg_temp.data(pg_temp.call('vera', 'GET', '/pipelines')) #>> '{0,stages,0,stage}', 'discover', 'pipelines with stages');
SELECT is(pg_temp.data(pg_temp.call('vera', 'GET', '/pipelines')) #> '{0,stages,0,next}' ? 'qualify', true, 'and what may follow');
SELECT is(pg_temp.data(pg_temp.call('vera', 'GET', '/pipelines/' || p.id)) ->> 'name', p.name, 'one of them') FROM sentinel.pipelines p WHERE p.org_id = :'org';
SELECT is(pg_temp.refusal('olga', 'GET', '/pipelines/{}', p.id::text), pg_temp.refusal('olga', 'GET', '/pipelines/{}', '00000000-0000-7000-8000-000000000000'), 'a foreign one is unknown')
FROM sentinel.pipelines p WHERE p.org_id = :'foes';
SELECT is(pg_temp.call('mira', 'POST', '/pipelines', '{"template": "crm_v2"}') -> 'status', '403', 'members add none');
SELECT is(pg_temp.call('ada', 'POST', '/pipelines', '{"template": "crm_v2"}') -> 'status', '201', 'admins do');
SELECT is(pg_temp.data(pg_temp.call('foe', 'DELETE', '/deals/' || :'theirs')) -> 'status', '204', 'without deals');
SELECT is(pg_temp.data(pg_temp.call('foe', 'POST', '/deals/demo')) -> 'created', '8', 'there are demo deals');
SELECT is(pg_temp.call('foe', 'POST', '/deals/demo') -> 'status', '200', 'once');
SELECT is(pg_temp.walk('foe', '/deals', 'sort=name&limit=3') -> 'pages', '3', 'which show while there are no others');
SELECT is(pg_temp.data(pg_temp.call('foe', 'DELETE', '/deals/demo')) -> 'removed', '8', 'and go');
SELECT is(pg_temp.call('vera', 'POST', '/deals/demo') -> 'status', '403', 'viewers make none');

-- Plans and figures.
SELECT is(pg_temp.data(pg_temp.call('vera', 'GET', '/plan')) -> 'plan', 'null', 'no plan, no limits');
SELECT sentinel.enter(:'org'), sentinel.set_org_plan('pro'), sentinel.leave();
SELECT is(pg_temp.data(pg_temp.call('vera', 'GET', '/plan')) @> '{"plan": "pro", "price_month": 31.00, "limits": {"deals": 100, "integrations": null}}', true, 'a plan with its limits');
SELECT is((SELECT u -> 'used' FROM jsonb_array_elements(pg_temp.data(pg_temp.call('vera', 'GET', '/plan/usage'))) u WHERE u ->> 'metric' = 'team_members'), '5', 'and what is used');
SELECT is(jsonb_array_length(pg_temp.data(pg_temp.call('vera', 'GET', '/plans'))), 4, 'the plans there are');
SELECT is(pg_temp.call('vera', 'POST', '/analytics/track', '{"event": "insightsOpened", "properties": {"secret": "s3cret"}}') -> 'status', '204', 'a page tells');
SELECT is((SELECT count(*) FROM sentinel.events WHERE payload::text LIKE '%s3cret%'), 0::bigint, 'what is not kept');
SELECT is(pg_temp.call('mira', 'POST', '/analytics/track', json) -> 'status', '400', left(json::text, 40)) FROM (VALUES (jsonb_build_object('event', repeat('x', 129))), ('{"event": ""}'), ('{"event": "a\tb"}'), ('{"event": 1}'), ('{"event": "a", "properties": 1}'), ('{}')) v (json);
SELECT is(pg_temp.data(pg_temp.call('mira', 'GET', '/metrics/summary', NULL, 'until=2099-01-01&since=2026-01-01')) @> '{"deals_exported": 2, "insights_opened": 1, "tracked": {"insightsOpened": 1}}', true, 'figures of use');
SELECT is(pg_temp.data(pg_temp.call('mira', 'GET', '/metrics/summary', NULL, 'since=2026-01-01&until=2026-03-01')) -> 'deals_created', '6', 'of a span');
SELECT is(pg_temp.data(pg_temp.call('foe', 'GET', '/metrics/summary')) @> '{"deals_exported": 0, "deals_created": 0, "tracked": {}}', true, 'each organisation its own');
SELECT is(pg_temp.call('mira', 'GET', '/metrics/summary', NULL, 'since=2026-03-01&until=2026-01-01') -> 'status', '400', 'a span ends after it began');
SELECT is(pg_temp.data(pg_temp.call('olga', 'GET', '/metrics/performance', NULL, 'since=2026-01-01&until=2099-01-01')) #> '{performance,0,lost_deals}', '1', 'and how deals went');
SELECT is((SELECT rate_tier FROM sentinel.http_routes WHERE pattern = '/analytics/track'), 'track', 'pages have a tier of their own');

SELECT * FROM finish();
ROLLBACK;
