-- Room gateway, webhooks in: a request is verified over its bytes, stored as it came, queued, and then answered. Nothing of a
-- request that is not authentic is parsed or kept.

CREATE FUNCTION sentinel.form_object(form text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF length(form) - length(replace(form, '&', '')) > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a form of more than 1000 fields', DETAIL = 'Forms are flat and short.',
            HINT = 'Send JSON.';
    END IF;
    RETURN (SELECT coalesce(jsonb_object_agg(sentinel.url_decode(replace(split_part(p.pair, '=', 1), '+', ' ')),
                                             sentinel.url_decode(replace(substr(p.pair, strpos(p.pair || '=', '=') + 1), '+', ' '))
                                             ORDER BY p.place), '{}')
            FROM string_to_table(form, '&') WITH ORDINALITY AS p (pair, place) WHERE p.pair <> '');
END
$$;
COMMENT ON FUNCTION sentinel.form_object(text) IS
    'Read a form (application/x-www-form-urlencoded) as an object of texts, names as they are. Errors: 22023.';

CREATE FUNCTION sentinel.read_webhook(content_type text, body bytea, OUT value jsonb, OUT fault text)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bytes bytea := coalesce(read_webhook.body, '');
    form boolean := lower(trim(split_part(coalesce(content_type, ''), ';', 1))) = 'application/x-www-form-urlencoded';
BEGIN
    IF octet_length(bytes) = 0 THEN
        fault := 'the body is empty';
    ELSIF form THEN
        value := sentinel.form_object(convert_from(bytes, 'UTF8'));
        -- GitHub and Slack can put their JSON into a field of this name.
        IF value ? 'payload' THEN
            bytes := convert_to(value ->> 'payload', 'UTF8');
            form := false;
        END IF;
    END IF;
    IF fault IS NULL AND NOT form THEN
        value := NULL;
        fault := sentinel.json_fault(bytes);
        IF fault IS NULL THEN
            value := convert_from(bytes, 'UTF8')::jsonb;
        END IF;
    END IF;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    value := NULL;
    fault := CASE WHEN form THEN 'the form cannot be read' ELSE 'it cannot be read as JSON' END;
END
$$;
COMMENT ON FUNCTION sentinel.read_webhook(text, bytea) IS
    'Read the body of a webhook, JSON or a form, of which a field payload may hold JSON; or say why it cannot be read. Never raises for bad content.';

CREATE FUNCTION sentinel.webhook_external_id(vendor text, header jsonb, value jsonb, digest bytea) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id text := CASE vendor
        WHEN 'github' THEN header ->> 'x-github-delivery'
        WHEN 'slack' THEN value ->> 'event_id'
        WHEN 'zendesk' THEN value ->> 'id'
        -- Before version 2 meta.id was that of the person or deal.
        WHEN 'pipedrive' THEN CASE WHEN value -> 'meta' ? 'entity' THEN value #>> '{meta,id}' END
        WHEN 'pagerduty' THEN header ->> 'x-webhook-id'
        WHEN 'gohighlevel' THEN value ->> 'webhookId'
        WHEN 'hubspot' THEN CASE WHEN jsonb_typeof(value) = 'array' THEN
            (SELECT CASE WHEN bool_and(i.item ?& '{portalId,subscriptionId,eventId,occurredAt}') THEN 'sha256:' || encode(sha256(convert_to(
                        string_agg(concat_ws(':', i.item ->> 'portalId', i.item ->> 'subscriptionId', i.item ->> 'eventId', i.item ->> 'occurredAt')
                                       COLLATE "C", '|' ORDER BY concat_ws(':', i.item ->> 'portalId', i.item ->> 'subscriptionId',
                                       i.item ->> 'eventId', i.item ->> 'occurredAt') COLLATE "C"), 'UTF8')), 'hex') END
             FROM jsonb_array_elements(value) AS i (item)) END
        WHEN 'generic' THEN coalesce(header ->> 'webhook-id', header ->> 'x-webhook-id', header ->> 'idempotency-key')
        -- The one of the two families of names that was verified.
        ELSE header ->> CASE WHEN header ? 'webhook-signature' THEN 'webhook-id' ELSE 'svix-id' END END;
BEGIN
    id := nullif(trim(id), '');
    RETURN CASE WHEN id IS NULL THEN 'sha256:' || encode(digest, 'hex')
                WHEN length(id) > 200 THEN 'sha256:' || encode(sha256(convert_to(id, 'UTF8')), 'hex') ELSE id END;
END
$$;
COMMENT ON FUNCTION sentinel.webhook_external_id(text, jsonb, jsonb, bytea) IS
    'Give what a delivery is known by, the same when it is sent again: the vendor''s id from header or body, for a batch of HubSpot a hash of what tells its items apart in any order, else the hash of the body.';

CREATE FUNCTION sentinel.webhook_account(vendor text, value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE vendor WHEN 'github' THEN value #>> '{installation,id}' WHEN 'gohighlevel' THEN value ->> 'locationId'
        WHEN 'hubspot' THEN value ->> 'portalId' WHEN 'pipedrive' THEN value #>> '{meta,company_id}'
        WHEN 'zendesk' THEN value ->> 'account_id' WHEN 'slack' THEN coalesce(value ->> 'team_id', value #>> '{team,id}') END
$$;
COMMENT ON FUNCTION sentinel.webhook_account(text, jsonb) IS 'Give the account of the vendor that an item tells of; null where it does not say.';

CREATE FUNCTION sentinel.webhook_time(value text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN value ~ '^\d{9,10}(\.\d{1,9})?$' THEN to_timestamp(value::double precision)
                WHEN value ~ '^\d{12,13}$' THEN to_timestamp(value::double precision / 1000)
                WHEN value ~ '^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)?$' THEN value::timestamptz END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sentinel.webhook_time(text) IS
    'Read a time as vendors write it: RFC 3339, or seconds or milliseconds since 1970. Null where it is none.';

CREATE FUNCTION sentinel.kept_headers(header jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(h.key, left(h.value, 300)), '{}') FROM jsonb_each_text(header) h
    WHERE h.key = ANY ('{content-type,user-agent,x-github-event,x-github-delivery,x-github-hook-id,x-github-hook-installation-target-id,x-github-hook-installation-target-type,x-slack-request-timestamp,x-slack-retry-num,x-slack-retry-reason,x-hubspot-request-timestamp,x-hubspot-signature-version,x-zendesk-account-id,x-zendesk-webhook-id,x-zendesk-webhook-invocation-id,x-zendesk-webhook-signature-timestamp,x-webhook-id,x-webhook-subscription,webhook-id,webhook-timestamp,svix-id,svix-timestamp,idempotency-key,x-event-type}'::text[])
$$;
COMMENT ON FUNCTION sentinel.kept_headers(jsonb) IS 'Give the headers of a webhook that are kept: named ones, none of which is a secret or a signature.';

CREATE FUNCTION sentinel.verified_sources(vendor text, named text, request jsonb, body bytea)
    RETURNS TABLE (org_id uuid, source_id uuid, account text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    at timestamptz := (request ->> 'received_at')::timestamptz;
    -- The address that the vendor called, part of what HubSpot signs.
    url text := (SELECT g.public_url FROM sentinel.gateway_settings g) || (request ->> 'path')
                || CASE WHEN request ->> 'query_text' <> '' THEN '?' || (request ->> 'query_text') ELSE '' END;
    pairs jsonb := request -> 'header_pairs';
    nobody uuid := '00000000-0000-0000-0000-000000000000';
    v record;
    decoy bytea;
    candidates uuid[];
    keyed integer;
BEGIN
    SELECT w.schemes, w.secret_form INTO v FROM sentinel.webhook_vendors w WHERE w.vendor = verified_sources.vendor;
    candidates := ARRAY(SELECT s.id FROM sentinel.webhook_sources s
        WHERE s.vendor = verified_sources.vendor AND s.enabled AND (named IS NULL OR s.id = CASE
              WHEN named ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN named::uuid ELSE nobody END)
        -- The oldest: who adds sources later shuts nobody out.
        ORDER BY s.created_at, s.id LIMIT 21);
    -- A source that is not there, or has no key, takes as long as another: a key that nobody knows is sealed each time, and tried for it.
    decoy := sentinel.seal_server_secret(nobody, 'webhook', nobody, 1, convert_to(sentinel.make_webhook_secret(v.secret_form), 'UTF8'));
    SELECT count(*) INTO keyed FROM sentinel.webhook_sources s
    WHERE s.vendor = verified_sources.vendor AND s.id = ANY (candidates[:20]) AND EXISTS (SELECT FROM sentinel.webhook_keys k
          WHERE k.org_id = s.org_id AND k.source_id = s.id AND (k.expires_at IS NULL OR k.expires_at > at));
    RETURN QUERY
    WITH tried AS MATERIALIZED (
        SELECT t.org_id, t.id, t.account,
               sentinel.webhook_fault(t.scheme, t.envelopes, t.org_id, t.id, t.versions, request ->> 'method', url, pairs, body, at) AS fault
        FROM (SELECT s.org_id, s.id, s.account, s.scheme, k.envelopes, k.versions
              FROM sentinel.webhook_sources s
              CROSS JOIN LATERAL (SELECT array_agg(x.envelope ORDER BY x.version) AS envelopes, array_agg(x.version ORDER BY x.version) AS versions
                                  FROM (SELECT k.envelope, k.version FROM sentinel.webhook_keys k
                                        WHERE k.org_id = s.org_id AND k.source_id = s.id AND (k.expires_at IS NULL OR k.expires_at > at)
                                        ORDER BY k.version DESC LIMIT 8) x) k
              WHERE s.vendor = verified_sources.vendor AND s.id = ANY (candidates[:20]) AND k.versions IS NOT NULL
              UNION ALL SELECT nobody, nobody, NULL, v.schemes[1], ARRAY[decoy], '{1}' WHERE keyed = 0) t
    )
    SELECT t.org_id, t.id, t.account FROM tried t WHERE t.fault IS NULL AND t.org_id <> nobody;
    IF NOT FOUND AND cardinality(candidates) > 20 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'whose webhook this is cannot be told', DETAIL = 'Here the 20 oldest sources are tried.',
            HINT = format('Send to the path of the source: /webhooks/%s/{source_id}.', verified_sources.vendor);
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.verified_sources(text, text, jsonb, bytea) IS
    'Find the sources of a vendor, or the one named, whose keys have signed a request. Errors: SN004 none of the 20 oldest has, and there are more.';

CREATE FUNCTION sentinel.webhook_answer(vendor text, hint text, value jsonb, form boolean, event_id uuid, duplicate boolean) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN vendor = 'slack' AND value ->> 'type' = 'url_verification' THEN jsonb_build_object('json', jsonb_build_object('challenge', value -> 'challenge'))
        -- What a slash command is answered is shown to who typed it.
        WHEN vendor = 'slack' AND form THEN '{"text": ""}'
        ELSE jsonb_build_object('json', jsonb_build_object('received', true, 'id', event_id)
            || CASE WHEN duplicate THEN '{"duplicate": true}'::jsonb ELSE '{}' END
            || CASE WHEN vendor <> 'github' THEN '{}'::jsonb
                    WHEN hint = 'ping' OR sentinel.takes_github_event(hint) THEN '{"ok": true}' ELSE '{"ok": true, "skipped": "unsupported event"}' END) END
$$;
COMMENT ON FUNCTION sentinel.webhook_answer(text, text, jsonb, boolean, uuid, boolean) IS
    'Give the answer to a webhook that has been stored: what its vendor wants to hear.';

CREATE FUNCTION sentinel.refuse_webhook() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sentinel.http_problem(401, 'signature_invalid', 'the signature is not good',
        'It is missing, wrong or older than five minutes, or nobody here takes what it signs.', 'Compare the secret and the clock.')
$$;
COMMENT ON FUNCTION sentinel.refuse_webhook() IS
    'Give the answer to a webhook that is not authentic: one for all reasons, so that it tells nothing of who is here.';

CREATE FUNCTION sentinel.http_receive_webhook(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[] := string_to_array(request ->> 'route', '/');
    header jsonb := request -> 'headers';
    bytes bytea := coalesce(http_receive_webhook.body, '');
    at timestamptz := (request ->> 'received_at')::timestamptz;
    vendor text := CASE parts[2] WHEN 'webhook' THEN 'gohighlevel' WHEN 'slack' THEN 'slack' ELSE parts[3] END;
    hint text := left(CASE vendor WHEN 'github' THEN header ->> 'x-github-event' WHEN 'generic' THEN header ->> 'x-event-type'
                      WHEN 'gohighlevel' THEN substring(request ->> 'route' FROM '/(inbound_sms|unanswered_call)$') END, 100);
    signers jsonb;
    content record;
    whose text;
    taker record;
    digest bytea;
    known_as text;
    event uuid;
    is_new boolean;
BEGIN
    IF NOT sentinel.server_key_ready() THEN
        RAISE EXCEPTION USING ERRCODE = 'SN012', MESSAGE = 'webhooks cannot be verified yet', DETAIL = 'The server has no key.',
            HINT = 'SELECT sentinel.create_server_key(); as a superuser.';
    END IF;
    SELECT jsonb_agg(to_jsonb(v)) INTO signers FROM sentinel.verified_sources(vendor, request #>> '{params,source_id}', request, bytes) v;
    IF signers IS NULL THEN
        RETURN sentinel.refuse_webhook();
    END IF;
    SELECT * INTO content FROM sentinel.read_webhook(header ->> 'content-type', bytes);
    -- The signature of GoHighLevel has no time of its own; the body has.
    IF vendor = 'gohighlevel' AND header ? 'x-ghl-signature' AND abs(extract(epoch FROM at - sentinel.webhook_time(content.value ->> 'timestamp'))) > 300 THEN
        RETURN sentinel.refuse_webhook();
    END IF;
    -- One key may have signed for several: the account tells whose it is. What does not say so is taken, but for the signature
    -- of GoHighLevel, which all its customers have.
    whose := sentinel.webhook_account(vendor, CASE WHEN vendor = 'hubspot' AND jsonb_typeof(content.value) = 'array' THEN content.value -> 0
                                                   ELSE content.value END);
    SELECT count(DISTINCT s.org_id) AS orgs, (array_agg(s.org_id ORDER BY s.source_id))[1] AS org_id, (array_agg(s.source_id ORDER BY s.source_id))[1] AS source_id
    INTO taker
    FROM (SELECT x.org_id, x.source_id, rank() OVER (ORDER BY coalesce(x.account = whose, false) DESC) AS place
          FROM jsonb_to_recordset(signers) AS x (org_id uuid, source_id uuid, account text)
          WHERE x.account IS NULL OR x.account = whose OR whose IS NULL AND NOT (vendor = 'gohighlevel' AND header ? 'x-ghl-signature')) s
    WHERE s.place = 1;
    IF taker.orgs = 0 THEN
        RETURN sentinel.refuse_webhook();
    ELSIF taker.orgs > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = 'whose webhook this is cannot be told', DETAIL = 'One key signs for several sources here.',
            HINT = format('Send to the path of the source: /webhooks/%s/{source_id}.', vendor);
    END IF;

    PERFORM sentinel.act_for(taker.org_id, NULL, (request ->> 'peer')::inet);
    digest := sha256(bytes);
    known_as := sentinel.webhook_external_id(vendor, header, content.value, digest);
    INSERT INTO sentinel.webhook_events AS e (org_id, source_id, vendor, external_id, event_type, headers, body, body_sha256, received_at)
    VALUES (taker.org_id, taker.source_id, vendor, known_as, hint, sentinel.kept_headers(header), bytes, digest, at)
    ON CONFLICT ON CONSTRAINT webhook_events_external DO NOTHING
    RETURNING e.id INTO event;
    is_new := event IS NOT NULL;
    IF is_new THEN
        PERFORM sentinel.enqueue('process_webhook', jsonb_build_object('webhook_event_id', event), idempotency_key => 'process_webhook:' || event);
    ELSE
        SELECT e.id INTO event FROM sentinel.webhook_events e
        WHERE e.org_id = taker.org_id AND e.source_id = taker.source_id AND e.external_id = known_as;
    END IF;
    PERFORM sentinel.act_for(NULL, NULL, NULL);
    RETURN sentinel.webhook_answer(vendor, hint, content.value, header ->> 'content-type' ILIKE 'application/x-www-form-urlencoded%', event, NOT is_new);
END
$$;
COMMENT ON FUNCTION sentinel.http_receive_webhook(jsonb, bytea) IS
    'Route: take a webhook: verify its bytes, store it as it came, queue it, and answer when that is committed. One that came before is answered and not queued again.';
