-- Room delivery, messages: which targets hear of an event, and the bytes they are sent.

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.outbound_event_type(event_type text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE event_type WHEN 'deal.won' THEN 'deal.closed_won' WHEN 'deal.lost' THEN 'deal.closed_lost'
                           ELSE event_type END
$$;
COMMENT ON FUNCTION sentinel.outbound_event_type(text) IS
    'Name of an event outside: deal.closed_won for deal.won, deal.closed_lost for deal.lost, else its own.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.event_type_matches(patterns text[], event_type text)
RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM unnest(patterns) p
         WHERE p = '*' OR p = event_type OR p = sentinel.outbound_event_type(event_type)
            OR (p LIKE '%.*' AND starts_with(event_type, left(p, -1))))
$$;
COMMENT ON FUNCTION sentinel.event_type_matches(text[], text) IS
    'Says whether one of the patterns is *, the event type by either of its names, or its beginning followed by .*.';

CREATE FUNCTION sentinel.slack_text(raw text, size integer)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN char_length(t) <= size THEN t
                ELSE regexp_replace(left(t, size - 1), '&[a-z]{0,3}$', '') || '…' END
      FROM (SELECT replace(replace(replace(
                       regexp_replace(left(raw, size), '[\x01-\x1f\x7f]+', ' ', 'g'),
                       '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
                   || CASE WHEN char_length(raw) > size THEN '…' ELSE '' END) e(t)
$$;
COMMENT ON FUNCTION sentinel.slack_text(text, integer) IS
    'Text of a user for Slack: & < > escaped, so that it cannot forge a ping or link, control characters made spaces, cut to size without splitting an escape.';

CREATE FUNCTION sentinel.format_money(amount text, currency text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN amount ~ '^-?[0-9]{1,18}(\.[0-9]{1,18})?$' THEN
            concat_ws(' ', regexp_replace(to_char(round(amount::numeric, 2), 'FM999,999,999,999,999,999,990.00'),
                                          '\.00$', ''), currency)
        ELSE concat_ws(' ', amount, currency)
    END
$$;
COMMENT ON FUNCTION sentinel.format_money(text, text) IS
    'Writes an amount with thousands separators and its currency: 12,500 USD, 99.90 EUR; text that is no plain number is left as it is.';

CREATE FUNCTION sentinel.slack_date(stamp text)
RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz;
BEGIN
    -- Without an offset the time would depend on the session's zone.
    IF stamp !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
        RETURN sentinel.slack_text(stamp, 60);
    END IF;
    BEGIN
        at := stamp::timestamptz;
    EXCEPTION WHEN data_exception THEN
        RETURN sentinel.slack_text(stamp, 60);
    END;
    RETURN '<!date^' || extract(epoch FROM date_trunc('second', at))::bigint
           || '^{date_short_pretty} {time}|' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC>';
END $$;
COMMENT ON FUNCTION sentinel.slack_date(text) IS
    'A time of an event for Slack, which shows it in the zone of whoever reads; text that is no time is left as it is.';

CREATE FUNCTION sentinel.slack_section(content text)
RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('type', 'section', 'text',
                              jsonb_build_object('type', 'mrkdwn', 'text', content, 'verbatim', true))
$$;
COMMENT ON FUNCTION sentinel.slack_section(text) IS
    'A Block Kit section of escaped text; verbatim, so that an @here in a name stays text.';

CREATE FUNCTION sentinel.slack_fields(labels text[], contents text[])
RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('type', 'section', 'fields',
               jsonb_agg(jsonb_build_object('type', 'mrkdwn', 'text', '*' || l || ':*' || chr(10) || c, 'verbatim', true)
                         ORDER BY place))
      FROM unnest(labels, contents) WITH ORDINALITY f(l, c, place)
     WHERE c <> ''
$$;
COMMENT ON FUNCTION sentinel.slack_fields(text[], text[]) IS
    'A Block Kit section of labelled fields; those without content are left out.';

-- grant: sentinel_operator
CREATE FUNCTION sentinel.slack_message(event_type text, payload jsonb)
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind    text := sentinel.outbound_event_type(event_type);
    name    text := sentinel.slack_text(coalesce(nullif(payload ->> 'name', ''), payload ->> 'lead_id', 'unnamed'), 500);
    money   text := sentinel.slack_text(sentinel.format_money(payload ->> 'value', payload ->> 'currency'), 200);
    stage   text := sentinel.slack_text(initcap(replace(payload ->> 'stage', '_', ' ')), 200);
    level   text := sentinel.slack_text(initcap(payload ->> 'risk_level'), 100);
    reason  text := sentinel.slack_text(nullif(payload ->> 'primary_reason', ''), 1400);
    action  text := sentinel.slack_text(nullif(payload ->> 'recommended_action', ''), 500);
    due     text := sentinel.slack_date(payload ->> 'action_due_at');
    others  text;
    title   text;
    blocks  jsonb := '[]';
BEGIN
    CASE kind
    WHEN 'deal.at_risk' THEN
        title := '⚠️ Deal At Risk';
        blocks := jsonb_build_array(sentinel.slack_fields(
            ARRAY['Deal', 'Value', 'Stage', 'Risk Level'], ARRAY[name, money, stage, level]));
        IF jsonb_typeof(payload -> 'reasons') = 'array' THEN
            SELECT sentinel.slack_text(string_agg(r, ' · ' ORDER BY place), 1400) INTO others
              FROM jsonb_array_elements_text(payload -> 'reasons') WITH ORDINALITY x(r, place)
             WHERE r <> coalesce(payload ->> 'primary_reason', '') AND place <= 20;
        END IF;
        reason := coalesce(reason || coalesce(chr(10) || 'Also: ' || others, ''), others);
        IF reason IS NOT NULL THEN
            blocks := blocks || sentinel.slack_section('*Reason:* ' || reason);
        END IF;
        IF action IS NOT NULL THEN
            blocks := blocks || sentinel.slack_section(
                '*Recommended action:* ' || action || coalesce(chr(10) || '*Due:* ' || due, ''));
        END IF;
    WHEN 'deal.recovered' THEN
        title := '✅ Deal Recovered';
        blocks := jsonb_build_array(sentinel.slack_fields(
            ARRAY['Deal', 'Value', 'Stage', 'Risk Level'], ARRAY[name, money, stage, level]));
    WHEN 'deal.closed_won' THEN
        title := '🎉 Deal Closed Won!';
        blocks := jsonb_build_array(sentinel.slack_fields(ARRAY['Deal', 'Value'], ARRAY[name, money]));
    WHEN 'deal.closed_lost' THEN
        title := 'Deal Closed Lost';
        blocks := jsonb_build_array(sentinel.slack_fields(
            ARRAY['Deal', 'Value', 'Reason'],
            ARRAY[name, money, sentinel.slack_text(payload ->> 'lost_reason', 1400)]));
    WHEN 'deal.stage_changed' THEN
        blocks := jsonb_build_array(sentinel.slack_section(
            '📊 *' || name || '* moved'
            || coalesce(' from _' || sentinel.slack_text(initcap(replace(
                   coalesce(payload ->> 'old_stage', payload ->> 'from_stage'), '_', ' ')), 200) || '_', '')
            || coalesce(' to *' || coalesce(sentinel.slack_text(initcap(replace(
                   coalesce(payload ->> 'new_stage', payload ->> 'to_stage'), '_', ' ')), 200), stage) || '*', '')
            || coalesce(chr(10) || 'Value: ' || nullif(money, ''), '')));
    WHEN 'sentinel.test' THEN
        blocks := jsonb_build_array(sentinel.slack_section(
            '*Sentinel Test Message*' || chr(10) || 'Your Slack integration is working correctly!'));
    ELSE
        title := sentinel.slack_text(initcap(translate(kind, '._', '  ')), 140);
        blocks := jsonb_build_array(sentinel.slack_fields(
            ARRAY['Name', 'Value', 'Stage', 'Source', 'Platform', 'Temperature'],
            ARRAY[name, money, stage, sentinel.slack_text(payload ->> 'lead_source', 200),
                  sentinel.slack_text(payload ->> 'platform', 200), sentinel.slack_text(payload ->> 'temperature', 200)]));
    END CASE;
    IF title IS NOT NULL THEN
        blocks := jsonb_build_object('type', 'header', 'text',
                      jsonb_build_object('type', 'plain_text', 'text', left(title, 150), 'emoji', true)) || blocks;
    END IF;
    -- The text is what a notification on a phone shows.
    RETURN jsonb_build_object('text', CASE kind
               WHEN 'sentinel.test' THEN 'Sentinel Test Message'
               ELSE coalesce(title, 'Deal stage changed') || ': ' || name END,
               'blocks', blocks);
END $$;
COMMENT ON FUNCTION sentinel.slack_message(text, jsonb) IS
    'Makes the Block Kit message of an event. All text of users is escaped and cut to Slack''s limits (header 150, field 2000, section 3000).';

CREATE FUNCTION sentinel.webhook_body(event_type text, at timestamptz, data jsonb)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT convert_to('{"type":' || to_json(sentinel.outbound_event_type(event_type))::text
        || ',"timestamp":"' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        || '","data":' || CASE WHEN octet_length(data::text) <= 262144 THEN data::text
                               ELSE jsonb_build_object('event_id', data -> 'event_id', 'subject_type', data -> 'subject_type',
                                                       'subject_id', data -> 'subject_id', 'truncated', true)::text END
        || '}', 'UTF8')
$$;
COMMENT ON FUNCTION sentinel.webhook_body(text, timestamptz, jsonb) IS
    'Makes the bytes of a webhook: type, timestamp in UTC, data. Data over 256 KiB is left out but for the ids, and marked truncated.';

CREATE FUNCTION sentinel.send_job(org uuid, target_kind text, delivery_id uuid, retry_schedule interval[])
RETURNS uuid LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sentinel.enqueue(
        job_type => 'send_' || target_kind,
        payload => jsonb_build_object('delivery_id', delivery_id),
        max_attempts => cardinality(retry_schedule) + 1,
        org_id => org)
$$;
COMMENT ON FUNCTION sentinel.send_job(uuid, text, uuid, interval[]) IS
    'Enqueues the job that sends a delivery; a schedule of the endpoint''s own sets the number of attempts.';

CREATE FUNCTION sentinel.make_deliveries(org uuid, event_id uuid, event_type text, at timestamptz, data jsonb,
                                         only_target uuid DEFAULT NULL)
RETURNS uuid[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    made record;
    job  uuid;
    ids  uuid[] := '{}';
BEGIN
    FOR made IN
        INSERT INTO sentinel.deliveries AS d (org_id, message_id, target_kind, target_id, event_id, event_type, body)
        SELECT org, 'msg_' || replace(gen_random_uuid()::text, '-', ''), t.target_kind, t.id, make_deliveries.event_id,
               sentinel.outbound_event_type(make_deliveries.event_type),
               CASE t.target_kind
                    WHEN 'slack' THEN convert_to(sentinel.slack_message(make_deliveries.event_type, data)::text, 'UTF8')
                    WHEN 'webhook' THEN sentinel.webhook_body(make_deliveries.event_type, at, data)
                    ELSE sentinel.service_test_body(org, t.id) END
          FROM sentinel.delivery_targets t
         WHERE t.org_id = org AND t.enabled
           AND CASE WHEN only_target IS NULL
                    THEN sentinel.event_type_matches(t.event_types, make_deliveries.event_type)
                    ELSE t.id = only_target END
        ON CONFLICT DO NOTHING
        RETURNING d.id, d.target_kind, d.target_id
    LOOP
        job := sentinel.send_job(org, made.target_kind, made.id,
                   (SELECT t.retry_schedule FROM sentinel.delivery_targets t
                     WHERE t.org_id = org AND t.id = made.target_id));
        UPDATE sentinel.deliveries d SET job_id = job WHERE d.org_id = org AND d.id = made.id;
        ids := ids || made.id;
    END LOOP;
    RETURN ids;
END $$;
COMMENT ON FUNCTION sentinel.make_deliveries(uuid, uuid, text, timestamptz, jsonb, uuid) IS
    'Makes one delivery and its job per enabled target that wants the event and has not heard of it, or for one target whatever it wants; returns the deliveries made.';

-- The payload is what fan-out made of an event: event_id, event_type, subject_type, subject_id, payload.
CREATE FUNCTION sentinel.handle_dispatch_event(job_id uuid, payload jsonb)
RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org   uuid := sentinel.require_org();
    event uuid := sentinel.text_to_uuid(payload ->> 'event_id');
    facts jsonb := CASE WHEN jsonb_typeof(payload -> 'payload') = 'object' THEN payload -> 'payload' ELSE '{}' END;
    at    timestamptz;
    ids   uuid[];
BEGIN
    IF event IS NULL OR coalesce(payload ->> 'event_type', '') = '' THEN
        RAISE EXCEPTION 'job % names no event', job_id USING ERRCODE = 'SN007',
            DETAIL = 'dispatch_event needs event_id and event_type.',
            HINT = 'It is enqueued by sentinel.emit() through sentinel.event_routes.';
    END IF;
    SELECT e.recorded_at INTO at FROM sentinel.events e WHERE e.org_id = org AND e.id = event;
    ids := sentinel.make_deliveries(org, event, payload ->> 'event_type', coalesce(at, now()),
        facts || jsonb_build_object('event_id', event, 'subject_type', payload -> 'subject_type',
                                    'subject_id', payload -> 'subject_id'));
    RETURN jsonb_build_object('deliveries', cardinality(ids));
END $$;
COMMENT ON FUNCTION sentinel.handle_dispatch_event(uuid, jsonb) IS
    'Job handler: sends an event to every enabled target that wants it. A target hears of an event once, however often the job runs.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.send_test(target_id uuid)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org  uuid := sentinel.require_org();
    kind text := sentinel.require_target(org, target_id);
    id   uuid := sentinel.uuid7();
    made uuid[];
BEGIN
    PERFORM sentinel.require_manager();
    made := sentinel.make_deliveries(org, id, 'sentinel.test', now(),
        jsonb_build_object('test', true, 'message', 'Your integration is working correctly!', 'event_id', id), target_id);
    IF cardinality(made) = 0 THEN
        RAISE EXCEPTION 'target % is disabled', target_id USING ERRCODE = 'SN005',
            DETAIL = 'Nothing is sent to a disabled channel or endpoint.',
            HINT = 'Seal its secret by sentinel-worker seal --store, or enable it by sentinel.enable_target(id).';
    END IF;
    RETURN made[1];
END $$;
COMMENT ON FUNCTION sentinel.send_test(uuid) IS
    'Sends a test message to a channel or endpoint, or a question about nobody to a service, and returns the delivery; SN005 where the target is disabled.';
ALTER FUNCTION sentinel.send_test(uuid) OWNER TO sentinel_owner;

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.redeliver(delivery_id uuid)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org   uuid := sentinel.require_org();
    known record;
    job   uuid;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT d.state, d.target_kind, d.target_id, t.enabled, t.retry_schedule INTO known
      FROM sentinel.deliveries d
      LEFT JOIN sentinel.delivery_targets t ON t.org_id = d.org_id AND t.id = d.target_id
     WHERE d.org_id = org AND d.id = redeliver.delivery_id FOR UPDATE OF d;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no delivery %', delivery_id USING ERRCODE = 'SN004',
            DETAIL = 'The organisation entered has no delivery of this id.', HINT = 'See sentinel.delivery_status.';
    END IF;
    IF known.state = 'waiting' OR known.enabled IS NOT TRUE THEN
        RAISE EXCEPTION 'delivery % cannot be sent again: %', delivery_id,
                CASE WHEN known.state = 'waiting' THEN 'it is still waiting' ELSE 'its target is disabled or gone' END
            USING ERRCODE = 'SN005', DETAIL = 'A delivery is sent again once it is delivered, failed or discarded, to an enabled target.',
                  HINT = 'Enable the target by sentinel.enable_target(id), or wait.';
    END IF;
    IF known.target_kind IN ('enrichment', 'model', 'jwks') THEN
        RAISE EXCEPTION 'delivery % is a request to a service', delivery_id USING ERRCODE = 'SN005',
            DETAIL = 'Who waited for its answer has gone on without it: a request is not sent again, a new one is made.',
            HINT = 'Enqueue enrich_lead, qualify_lead or analyze_call for what it was about; keys: SELECT sentinel.refresh_oidc_keys(id);';
    END IF;
    job := sentinel.send_job(org, known.target_kind, delivery_id, known.retry_schedule);
    UPDATE sentinel.deliveries d
       SET state = 'waiting', job_id = job, finished_at = NULL, last_error = NULL
     WHERE d.org_id = org AND d.id = redeliver.delivery_id;
    PERFORM sentinel.audit('delivery.redelivered', 'delivery', delivery_id, jsonb_build_object('job_id', job));
    RETURN job;
END $$;
COMMENT ON FUNCTION sentinel.redeliver(uuid) IS
    'Sends a finished delivery again, the same bytes under the same message id, and returns the new job.';
ALTER FUNCTION sentinel.redeliver(uuid) OWNER TO sentinel_owner;
