-- Room gateway, delivery: routes of webhook endpoints and Slack channels that hear of events, and of what was sent to them.
-- Their secrets never pass here: sentinel-worker seals them, away from the database.

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.seen_target(request jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target uuid := sentinel.http_param(request, 'target_id');
    kind text := CASE WHEN request ->> 'route' LIKE '/slack/%' THEN 'slack' ELSE 'webhook' END;
BEGIN
    PERFORM sentinel.http_require(EXISTS (SELECT FROM sentinel.delivery_targets t
        WHERE t.org_id = sentinel.require_org() AND t.id = target AND t.target_kind = kind), kind || ' target', target);
    RETURN target;
END
$$;
COMMENT ON FUNCTION sentinel.seen_target(jsonb) IS
    'Give the target that stands in the path of a request: a Slack channel under /slack, else a webhook endpoint. Errors: SN002, SN004, 22023.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.target_cards(kind text, only_target uuid DEFAULT NULL) RETURNS TABLE (id uuid, card jsonb)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT t.id, jsonb_strip_nulls(jsonb_build_object('url', t.url)) || jsonb_build_object('id', t.id, 'kind', t.target_kind, 'name', t.name,
               'event_types', t.event_types, 'enabled', t.enabled, 'disabled_at', t.disabled_at, 'disabled_reason', t.disabled_reason,
               'not_before', t.not_before, 'retry_schedule', t.retry_schedule, 'created_at', t.created_at, 'health', (
                   SELECT to_jsonb(h) - '{org_id,target_id,target_kind,target}'::text[] FROM sentinel.target_health h
                   WHERE h.org_id = org AND h.target_id = t.id))
    FROM sentinel.delivery_targets t
    WHERE t.org_id = org AND (target_cards.kind IS NULL OR t.target_kind = target_cards.kind)
      AND (target_cards.only_target IS NULL OR t.id = target_cards.only_target);
END
$$;
COMMENT ON FUNCTION sentinel.target_cards(text, uuid) IS 'Give targets of a kind as routes answer them, with how they do. Errors: SN002.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_list_targets(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind text := CASE request ->> 'route' WHEN '/slack/channels' THEN 'slack' WHEN '/webhooks/endpoints' THEN 'webhook' END;
BEGIN
    PERFORM sentinel.require_manager();
    RETURN sentinel.http_list((SELECT jsonb_agg(c.card ORDER BY c.card ->> 'created_at' DESC, c.id DESC) FROM sentinel.target_cards(kind) c));
END
$$;
COMMENT ON FUNCTION sentinel.http_list_targets(jsonb, bytea) IS 'Route: list the targets of events, of the kind that the path names, else all and services too.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_get_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_manager();
    RETURN sentinel.http_thing((SELECT c.card FROM sentinel.target_cards(NULL, sentinel.seen_target(request)) c));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_target(jsonb, bytea) IS 'Route: give a webhook endpoint or Slack channel and how it does.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_add_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    slack boolean := request ->> 'route' LIKE '/slack/%';
    b jsonb := sentinel.json_members(sentinel.http_object(request, CASE WHEN slack THEN '{name}' ELSE '{url}' END::text[]),
                                     CASE WHEN slack THEN '{name,event_types}' ELSE '{url,event_types,description}' END::text[]);
    kinds text[] := sentinel.json_texts(b, 'event_types');
    made uuid;
    secret uuid;
BEGIN
    IF slack THEN
        SELECT c.channel_id, c.secret_id INTO made, secret FROM sentinel.create_slack_channel(sentinel.json_text(b, 'name'),
            coalesce(kinds, '{deal.at_risk,deal.recovered,deal.won,deal.lost}')) c;
    ELSE
        SELECT e.endpoint_id, e.secret_id INTO made, secret FROM sentinel.create_webhook_endpoint(sentinel.json_text(b, 'url'),
            coalesce(kinds, '{*}'), sentinel.json_text(b, 'description')) e;
    END IF;
    RETURN sentinel.http_thing((SELECT c.card FROM sentinel.target_cards(NULL, made) c) || jsonb_build_object('secret_id', secret, 'secret_version', 1),
                               (request ->> 'route') || '/' || made);
END
$$;
COMMENT ON FUNCTION sentinel.http_add_target(jsonb, bytea) IS
    'Route: register a webhook endpoint or Slack channel; it hears of nothing until its secret has been sealed under the secret id.';

-- grant: sentinel_operator
CREATE FUNCTION sentinel.http_change_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    target uuid := sentinel.seen_target(request);
    slack boolean := request ->> 'route' LIKE '/slack/%';
    b jsonb := sentinel.json_members(sentinel.http_object(request),
        CASE WHEN slack THEN '{name,event_types,per_second,burst}' ELSE '{event_types,description,retry_schedule,per_second,burst}' END::text[]);
    kinds text[] := sentinel.json_texts(b, 'event_types');
    label text := btrim(sentinel.json_text(b, 'name'));
    waits interval[] := sentinel.json_texts(b, 'retry_schedule', 20)::interval[];
BEGIN
    PERFORM sentinel.require_manager();
    IF b ? 'event_types' THEN
        PERFORM sentinel.check_event_patterns(kinds);
    END IF;
    IF b ? 'name' AND (coalesce(label, '') = '' OR length(label) > 200 OR label ~ '[\x01-\x1f\x7f]') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid name "%s"', left(regexp_replace(label, '[\x01-\x1f\x7f]', '?', 'g'), 60)),
            DETAIL = 'A name has 1 to 200 characters, none a control character.', HINT = 'Use the name of the channel in Slack, such as #deals.';
    ELSIF EXISTS (SELECT FROM unnest(waits) AS w WHERE NOT w >= '1 second' OR w > '7 days') OR waits = '{}' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'invalid retry_schedule', DETAIL = 'It is 1 to 20 waits, each from a second to 7 days.',
            HINT = 'Send {"retry_schedule": ["10 seconds", "5 minutes", "1 hour"]}.';
    ELSIF b ? 'burst' AND NOT b ? 'per_second' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'burst goes with per_second', DETAIL = 'Together they are a limit.', HINT = 'Send {"per_second": 5, "burst": 10}.';
    END IF;
    IF slack AND b ?| '{name,event_types}' THEN
        UPDATE sentinel.slack_channels c
        SET name = CASE WHEN b ? 'name' THEN label ELSE c.name END, event_types = coalesce(kinds, c.event_types)
        WHERE c.org_id = org AND c.id = target;
    ELSIF b ?| '{event_types,description,retry_schedule}' THEN
        UPDATE sentinel.webhook_endpoints e
        SET event_types = coalesce(kinds, e.event_types),
            description = CASE WHEN b ? 'description' THEN nullif(sentinel.json_text(b, 'description'), '') ELSE e.description END,
            retry_schedule = CASE WHEN b ? 'retry_schedule' THEN waits ELSE e.retry_schedule END
        WHERE e.org_id = org AND e.id = target;
    END IF;
    IF b ? 'per_second' THEN
        PERFORM sentinel.limit_target(target, sentinel.json_number(b, 'per_second'), coalesce(sentinel.json_integer(b, 'burst', 1, 1000), 1));
    END IF;
    RETURN sentinel.http_thing((SELECT c.card FROM sentinel.target_cards(NULL, target) c));
END
$$;
COMMENT ON FUNCTION sentinel.http_change_target(jsonb, bytea) IS
    'Route: change what a webhook endpoint or Slack channel hears of, its name and its limits; an address is never changed, for its key would go along.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_delete_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.delete_target(sentinel.seen_target(request));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_target(jsonb, bytea) IS 'Route: remove a webhook endpoint or Slack channel with its secrets.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_test_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    delivery uuid := sentinel.send_test(sentinel.seen_target(request));
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('delivery_id', delivery), '/deliveries/' || delivery) || '{"status": 202}';
END
$$;
COMMENT ON FUNCTION sentinel.http_test_target(jsonb, bytea) IS 'Route: send a test message to a webhook endpoint or Slack channel.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_rotate_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target uuid := sentinel.seen_target(request);
BEGIN
    RETURN sentinel.http_thing((SELECT jsonb_build_object('id', target, 'secret_id', r.secret_id, 'secret_version', r.version)
                                FROM sentinel.rotate_secret(target) r));
END
$$;
COMMENT ON FUNCTION sentinel.http_rotate_target(jsonb, bytea) IS
    'Route: reserve the next secret of a webhook endpoint or Slack channel; the old one is used until the new one has been sealed.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_enable_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.enable_target(sentinel.seen_target(request));
    RETURN sentinel.http_get_target(request, NULL);
END
$$;
COMMENT ON FUNCTION sentinel.http_enable_target(jsonb, bytea) IS 'Route: let a webhook endpoint or Slack channel hear of events again.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_disable_target(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := CASE WHEN request ? 'json' THEN sentinel.json_members(sentinel.http_object(request), '{reason}') ELSE '{}' END;
BEGIN
    PERFORM sentinel.disable_target(sentinel.seen_target(request), coalesce(sentinel.json_text(b, 'reason'), 'disabled by hand'));
    RETURN sentinel.http_get_target(request, NULL);
END
$$;
COMMENT ON FUNCTION sentinel.http_disable_target(jsonb, bytea) IS 'Route: let a webhook endpoint or Slack channel hear of nothing more.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_list_deliveries(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 200);
    place jsonb := sentinel.keyset_place(request);
    target uuid := sentinel.http_query_id(request, 'target_id');
    wanted text := sentinel.http_query_text(request, 'state', '{waiting,delivered,failed,discarded}');
    kind text := sentinel.http_query_text(request, 'event_type');
BEGIN
    PERFORM sentinel.require_manager();
    RETURN sentinel.http_keyset_page((
        SELECT jsonb_agg(jsonb_build_object('id', d.id, 'message_id', d.message_id, 'target_id', d.target_id, 'target_kind', d.target_kind,
                   'target', coalesce(t.name, 'removed'), 'event_id', d.event_id, 'event_type', d.event_type, 'state', d.state, 'attempts', d.attempts,
                   'last_error', d.last_error, 'created_at', d.created_at, 'finished_at', d.finished_at) ORDER BY d.created_at DESC, d.id DESC)
        FROM (SELECT * FROM sentinel.deliveries x
              WHERE x.org_id = org AND (target IS NULL OR x.target_id = target) AND (wanted IS NULL OR x.state = wanted)
                AND (kind IS NULL OR x.event_type = kind)
                AND (place IS NULL OR (x.created_at, x.id) < ((place ->> 'at')::timestamptz, (place ->> 'id')::uuid))
              ORDER BY x.created_at DESC, x.id DESC LIMIT most + 1) d
        LEFT JOIN sentinel.delivery_targets t ON t.org_id = org AND t.id = d.target_id), most, 'created_at');
END
$$;
COMMENT ON FUNCTION sentinel.http_list_deliveries(jsonb, bytea) IS 'Route: list what was sent or waits to be, newest first.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_get_delivery(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    delivery uuid := sentinel.http_param(request, 'delivery_id');
    found_one jsonb;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT to_jsonb(s) - 'delivery_id' || jsonb_build_object('id', delivery, 'attempts_made', (
               SELECT coalesce(jsonb_agg(to_jsonb(l) - '{delivery_id,message_id,target,target_kind,event_type,worker}'::text[] ORDER BY l.attempt), '[]')
               FROM sentinel.delivery_log l WHERE l.delivery_id = delivery::text))
    INTO found_one FROM sentinel.delivery_status s WHERE s.delivery_id = delivery::text
        AND EXISTS (SELECT FROM sentinel.deliveries d WHERE d.org_id = sentinel.require_org() AND d.id = delivery);
    PERFORM sentinel.http_require(found_one IS NOT NULL, 'delivery', delivery);
    RETURN sentinel.http_thing(found_one);
END
$$;
COMMENT ON FUNCTION sentinel.http_get_delivery(jsonb, bytea) IS 'Route: give a delivery with its attempts.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.http_redeliver(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    delivery uuid := sentinel.http_param(request, 'delivery_id');
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('id', delivery, 'job_id', sentinel.redeliver(delivery))) || '{"status": 202}';
END
$$;
COMMENT ON FUNCTION sentinel.http_redeliver(jsonb, bytea) IS 'Route: send a finished delivery again, the same bytes under the same message id.';
