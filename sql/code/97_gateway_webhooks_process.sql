-- Room gateway, webhooks in: what becomes of a webhook that was stored. Each thing it tells of becomes one event, vendor.what,
-- under a key that the vendor's own ids make, so that what comes twice is told once. Rooms below route on these events; what
-- a vendor says is fetched or read from the body there, never believed here.

CREATE FUNCTION sentinel.takes_github_event(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(name = ANY ('{push,pull_request,pull_request_review,deployment_status,installation,installation_repositories,repository,issues}'), false)
$$;
COMMENT ON FUNCTION sentinel.takes_github_event(text) IS 'Tell whether an event of GitHub is one that Sentinel has a use for.';

CREATE FUNCTION sentinel.webhook_event_type(vendor text, name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT vendor || '.' || coalesce((
        SELECT left(string_agg(w.word, '.' ORDER BY p.place), 120)
        FROM string_to_table(replace(left(name, 120), ':', '.'), '.') WITH ORDINALITY AS p (part, place)
        CROSS JOIN LATERAL (SELECT trim(BOTH '_' FROM regexp_replace(regexp_replace(lower(regexp_replace(p.part,
            '(?<=[a-z0-9])([A-Z])', '_\1', 'g')), '[^a-z0-9]+', '_', 'g'), '^[0-9_]+', '')) AS word) w
        WHERE w.word <> ''), 'received')
$$;
COMMENT ON FUNCTION sentinel.webhook_event_type(text, text) IS
    'Give the event type of what a vendor calls an event: lower-case words behind the vendor''s name; vendor.received where it calls it nothing.';

CREATE FUNCTION sentinel.webhook_item(vendor text, hint text, v jsonb, OUT name text, OUT known_as text, OUT facts jsonb, OUT skip text)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    talks boolean;
BEGIN
    CASE vendor
    WHEN 'github' THEN
        name := concat_ws('.', hint, v ->> 'action');
        skip := CASE WHEN hint = 'ping' THEN 'ping' WHEN NOT sentinel.takes_github_event(hint) THEN 'unsupported event' END;
        facts := jsonb_build_object('action', v ->> 'action', 'subject_type', 'repository', 'subject_id', v #>> '{repository,id}',
            'repository', v #>> '{repository,full_name}', 'number', coalesce(v #>> '{pull_request,number}', v #>> '{issue,number}'),
            'ref', v ->> 'ref', 'sha', coalesce(v ->> 'after', v #>> '{pull_request,head,sha}', v #>> '{deployment,sha}'),
            'status', coalesce(v #>> '{deployment_status,state}', v #>> '{review,state}'), 'merged', v #>> '{pull_request,merged}',
            'occurred_at', coalesce(v #>> '{head_commit,timestamp}', v #>> '{review,submitted_at}', v #>> '{deployment_status,updated_at}',
                                    v #>> '{pull_request,updated_at}'));
    WHEN 'hubspot' THEN
        name := v ->> 'subscriptionType';
        known_as := CASE WHEN v ?& '{portalId,subscriptionId,eventId,occurredAt}' THEN
            concat_ws(':', v ->> 'portalId', v ->> 'subscriptionId', v ->> 'eventId', v ->> 'occurredAt') END;
        skip := CASE WHEN name IS NULL THEN 'an item without subscriptionType' END;
        facts := jsonb_build_object('action', split_part(name, '.', 2), 'subject_type', split_part(name, '.', 1), 'subject_id', v ->> 'objectId',
            'property', v ->> 'propertyName', 'event_id', v ->> 'eventId', 'change_source', v ->> 'changeSource', 'occurred_at', v ->> 'occurredAt');
    WHEN 'pipedrive' THEN
        name := concat_ws('.', coalesce(v #>> '{meta,entity}', v #>> '{meta,object}'), v #>> '{meta,action}');
        skip := CASE WHEN name = '' THEN 'no meta.entity' END;
        facts := jsonb_build_object('action', v #>> '{meta,action}', 'subject_type', coalesce(v #>> '{meta,entity}', v #>> '{meta,object}'),
            'subject_id', coalesce(v #>> '{meta,entity_id}', v #>> '{meta,id}'), 'merged_to', v #>> '{meta,merged_to_id}',
            'occurred_at', v #>> '{meta,timestamp}');
    WHEN 'zendesk' THEN
        name := regexp_replace(v ->> 'type', '^zen:event-type:', '');
        facts := jsonb_build_object('action', split_part(name, '.', 2), 'subject_type', split_part(name, '.', 1),
            'subject_id', coalesce(v #>> '{detail,id}', substring(v ->> 'subject' FROM ':([^:]+)$')), 'event_id', v ->> 'id', 'occurred_at', v ->> 'time');
    WHEN 'slack' THEN
        name := CASE WHEN v ->> 'type' = 'event_callback' THEN v #>> '{event,type}' WHEN v ? 'command' THEN 'command' ELSE v ->> 'type' END;
        skip := CASE WHEN v ->> 'type' = 'url_verification' THEN 'url_verification' WHEN name IS NULL THEN 'no type' END;
        facts := jsonb_build_object('action', coalesce(v #>> '{event,subtype}', v ->> 'command'), 'subject_type', 'channel',
            'subject_id', coalesce(v #>> '{event,channel}', v #>> '{channel,id}', v ->> 'channel_id'), 'event_id', v ->> 'event_id',
            'user', coalesce(v #>> '{event,user}', v #>> '{user,id}', v ->> 'user_id'), 'message', v #>> '{event,ts}',
            'occurred_at', coalesce(v ->> 'event_time', v #>> '{event,ts}'));
    WHEN 'pagerduty' THEN
        name := v #>> '{event,event_type}';
        known_as := v #>> '{event,id}';
        skip := CASE WHEN name LIKE 'pagey.%' THEN 'ping' WHEN name IS NULL THEN 'no event_type' END;
        facts := jsonb_build_object('action', substring(name FROM '[^.]+$'), 'subject_type', coalesce(v #>> '{event,resource_type}', 'incident'),
            'subject_id', v #>> '{event,data,id}', 'event_id', v #>> '{event,id}', 'status', v #>> '{event,data,status}',
            'occurred_at', v #>> '{event,occurred_at}');
    WHEN 'gohighlevel' THEN
        -- The vendor's sample of an inbound call calls itself OutboundMessage: direction says it.
        talks := v ->> 'type' IN ('InboundMessage', 'OutboundMessage');
        name := coalesce(hint, CASE WHEN talks AND v ->> 'direction' IN ('inbound', 'outbound') THEN (v ->> 'direction') || '_message' ELSE v ->> 'type' END);
        skip := CASE WHEN name IS NULL THEN 'no type' END;
        facts := jsonb_build_object('action', v ->> 'direction', 'subject_type', CASE WHEN talks OR hint IS NOT NULL THEN 'conversation' ELSE 'contact' END,
            'subject_id', CASE WHEN talks OR hint IS NOT NULL THEN coalesce(v ->> 'conversationId', v ->> 'conversation_id') ELSE v ->> 'id' END,
            'contact', coalesce(v ->> 'contactId', v ->> 'contact_id'), 'message', v ->> 'messageId', 'message_type', v ->> 'messageType',
            'status', v ->> 'status', 'occurred_at', coalesce(v ->> 'timestamp', v ->> 'dateAdded'));
    ELSE
        name := coalesce(hint, v ->> 'type', v ->> 'event_type', v ->> 'event');
        facts := jsonb_build_object('action', v ->> 'action', 'subject_id', coalesce(v #>> '{data,id}', v #>> '{data,email_id}', v ->> 'id'),
            'occurred_at', coalesce(v ->> 'timestamp', v ->> 'created_at'));
    END CASE;
END
$$;
COMMENT ON FUNCTION sentinel.webhook_item(text, text, jsonb) IS
    'Read one item of a webhook: what it is called, the vendor''s key of it where it has one of its own, the ids that it tells of, and why it is skipped where it is.';

CREATE FUNCTION sentinel.webhook_items(vendor text, hint text, value jsonb)
    RETURNS TABLE (place integer, event_type text, known_as text, account text, facts jsonb, skip text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF webhook_items.vendor = 'hubspot' AND jsonb_typeof(value) = 'array' AND jsonb_array_length(value) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('a batch of %s items', jsonb_array_length(value)),
            DETAIL = 'HubSpot sends at most 100 at once.', HINT = 'Send less at once.';
    END IF;
    RETURN QUERY
    SELECT e.place::integer, sentinel.webhook_event_type(webhook_items.vendor, i.name), i.known_as, a.account,
           jsonb_strip_nulls(jsonb_build_object('account_id', left(a.account, 200), 'occurred_at', sentinel.webhook_time(i.facts ->> 'occurred_at')))
           || coalesce((SELECT jsonb_object_agg(f.key, left(f.value, 200)) FROM jsonb_each_text(i.facts) f
                        WHERE f.value <> '' AND f.key <> 'occurred_at'), '{}'), i.skip
    FROM jsonb_array_elements(CASE WHEN webhook_items.vendor = 'hubspot' AND jsonb_typeof(value) = 'array' THEN value
                                   ELSE jsonb_build_array(value) END) WITH ORDINALITY AS e (item, place)
    CROSS JOIN LATERAL sentinel.webhook_account(webhook_items.vendor, e.item) AS a (account)
    CROSS JOIN LATERAL sentinel.webhook_item(webhook_items.vendor, webhook_items.hint, e.item) AS i;
END
$$;
COMMENT ON FUNCTION sentinel.webhook_items(text, text, jsonb) IS
    'Split a webhook into what it tells of: a batch of HubSpot into its items, others are one. Errors: 22023 more than 100 items.';

CREATE FUNCTION sentinel.take_webhook_lead(key text, value jsonb) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Standard Webhooks puts what happened into data.
    lead jsonb := CASE WHEN value ? 'type' AND jsonb_typeof(value -> 'data') = 'object' THEN value -> 'data' ELSE value END;
    taken record;
BEGIN
    SELECT i.intake_id, i.state INTO taken FROM sentinel.intake('webhook', lead, take_webhook_lead.key) i;
    RETURN format('intake %s: %s', taken.intake_id, taken.state);
END
$$;
COMMENT ON FUNCTION sentinel.take_webhook_lead(text, jsonb) IS 'Hand the body of a webhook to intake() and tell what became of it.';

CREATE FUNCTION sentinel.handle_process_webhook(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    event uuid := (handle_process_webhook.payload ->> 'webhook_event_id')::uuid;
    w record;
    s record;
    content record;
    told jsonb;
    made integer := 0;
    result text := 'done';
    why text;
BEGIN
    SELECT e.* INTO w FROM sentinel.webhook_events e WHERE e.org_id = org AND e.id = event FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"state": "gone"}';
    ELSIF w.state IN ('done', 'ignored') THEN
        RETURN jsonb_build_object('state', w.state, 'items', w.items);
    END IF;
    SELECT x.purpose, x.account INTO s FROM sentinel.webhook_sources x WHERE x.org_id = org AND x.id = w.source_id;
    SELECT * INTO content FROM sentinel.read_webhook(w.headers ->> 'content-type', w.body);
    why := content.fault;
    IF why IS NULL THEN
        BEGIN
            told := (SELECT jsonb_agg(to_jsonb(i) ORDER BY i.place) FROM sentinel.webhook_items(w.vendor, w.event_type, content.value) i);
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            why := SQLERRM;
        END;
    END IF;
    IF why IS NOT NULL THEN
        result := 'failed';
    ELSIF s.purpose = 'lead' THEN
        why := sentinel.take_webhook_lead(format('webhook:%s:%s', w.source_id, w.external_id), content.value);
        made := 1;
    ELSE
        -- GitHub's delivery id is not signed, so what it tells of is known by its bytes.
        PERFORM sentinel.emit_for(org, i.event_type, 'webhook_event', w.id,
            jsonb_build_object('webhook_event_id', w.id, 'source_id', w.source_id, 'vendor', w.vendor, 'external_id', w.external_id,
                               'item', i.place, 'received_at', w.received_at) || i.facts,
            format('webhook:%s:%s', w.source_id, CASE WHEN w.vendor = 'github' THEN encode(w.body_sha256, 'hex') ELSE left(coalesce(i.known_as, w.external_id), 200) END))
        FROM jsonb_to_recordset(told) AS i (place integer, event_type text, known_as text, account text, facts jsonb, skip text)
        WHERE i.skip IS NULL AND (s.account IS NULL OR i.account IS NULL OR i.account = s.account)
        ORDER BY i.place;
        GET DIAGNOSTICS made = ROW_COUNT;
        IF made = 0 THEN
            result := 'ignored';
            why := coalesce((SELECT i.skip FROM jsonb_to_recordset(told) AS i (skip text) WHERE i.skip IS NOT NULL LIMIT 1),
                            CASE WHEN told IS NULL THEN 'an empty batch' ELSE 'nothing for this account' END);
        END IF;
    END IF;
    UPDATE sentinel.webhook_events e
    SET state = result, reason = left(why, 500), attempts = e.attempts + 1, items = made, processed_at = now(),
        event_type = CASE WHEN made > 0 AND s.purpose IS DISTINCT FROM 'lead' THEN left(told #>> '{0,event_type}', 200) ELSE e.event_type END
    WHERE e.org_id = org AND e.id = w.id;
    RETURN jsonb_build_object('state', result, 'items', made);
END
$$;
COMMENT ON FUNCTION sentinel.handle_process_webhook(uuid, jsonb) IS
    'Job: make one event of each thing that a webhook tells of, or hand it to intake() where its source is for leads. What cannot be read ends as failed, what nobody wants as ignored; both say why. Doing it again changes nothing. Payload: webhook_event_id.';

CREATE FUNCTION sentinel.handle_fail_webhook(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    failed uuid;
BEGIN
    IF handle_fail_webhook.payload #>> '{payload,job_type}' IS DISTINCT FROM 'process_webhook' THEN
        RETURN jsonb_build_object('failed', NULL);
    END IF;
    UPDATE sentinel.webhook_events e
    SET state = 'failed', reason = left('its job is dead: ' || coalesce(d.last_error, 'no word'), 500), attempts = d.attempts, processed_at = now()
    FROM sentinel.job_dead d
    WHERE d.org_id = org AND d.id = (handle_fail_webhook.payload ->> 'subject_id')::uuid
      AND e.org_id = org AND e.id = (d.payload ->> 'webhook_event_id')::uuid AND e.state = 'pending'
    RETURNING e.id INTO failed;
    RETURN jsonb_build_object('failed', failed);
END
$$;
COMMENT ON FUNCTION sentinel.handle_fail_webhook(uuid, jsonb) IS
    'Job, caused by job.dead: mark the webhook of a dead process_webhook job as failed.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.replay_webhook(webhook_event_id uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    before text;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT e.state INTO before FROM sentinel.webhook_events e WHERE e.org_id = org AND e.id = replay_webhook.webhook_event_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no webhook "%s"', replay_webhook.webhook_event_id),
            DETAIL = 'Webhooks are kept for 30 days.', HINT = 'SELECT webhook_event_id FROM sentinel.webhook_failures;';
    ELSIF before NOT IN ('failed', 'ignored') THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('the webhook is %s', before),
            DETAIL = 'Only what failed or was ignored is processed once more.', HINT = 'SELECT webhook_event_id FROM sentinel.webhook_failures;';
    END IF;
    UPDATE sentinel.webhook_events e SET state = 'pending', reason = NULL, processed_at = NULL
    WHERE e.org_id = org AND e.id = replay_webhook.webhook_event_id;
    PERFORM sentinel.audit('webhook.replayed', 'webhook_event', replay_webhook.webhook_event_id, '{}');
    RETURN sentinel.enqueue('process_webhook', jsonb_build_object('webhook_event_id', replay_webhook.webhook_event_id));
END
$$;
ALTER FUNCTION sentinel.replay_webhook(uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.replay_webhook(uuid) IS
    'Process a webhook that failed or was ignored once more, for owners and admins; gives the job. Errors: SN002, SN003, SN004, SN005 state.';
