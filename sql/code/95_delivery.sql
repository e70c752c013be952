-- Room delivery: targets (Slack channels, webhook endpoints, services) and their sealed secrets.
-- What is sent: 95_delivery_messages.sql. What becomes of it: 95_delivery_outcome.sql.

-- The reading of an address here and in the worker's HTTP library must not differ: what is unusual is refused.
-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.check_webhook_url(url text)
RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    authority text;
    host      text;
    port      text;
    wrong     text;
BEGIN
    authority := substring(url FROM '^[A-Za-z]+://([^/?#]*)');
    host := coalesce(substring(authority FROM '^(\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$'),
                     substring(authority FROM '^([A-Za-z0-9._-]+)(?::[0-9]*)?$'));
    port := substring(authority FROM ':([0-9]+)$');
    wrong := CASE
        WHEN url IS NULL OR url = '' THEN 'It is empty.'
        WHEN octet_length(url) > 2048 THEN 'It is longer than 2048 bytes.'
        WHEN url ~ '[\x01-\x20\x7f]' THEN 'It holds a space or a control character.'
        WHEN url !~ '^[\x21-\x7e]*$' THEN 'It holds a character outside ASCII: write the host in punycode and the path percent-encoded.'
        WHEN url ~ '[\\<>"^`{|}]' THEN 'It holds a character that must be percent-encoded.'
        WHEN url !~* '^https?://' THEN 'Its scheme must be https or http.'
        WHEN authority ~ '@' THEN 'It names a user before the host; credentials do not belong in an address.'
        WHEN url ~ '#' THEN 'It holds a fragment (#), which is never sent.'
        WHEN coalesce(authority, '') = '' THEN 'It names no host.'
        WHEN host IS NULL THEN 'Its host is not a name or an address.'
        WHEN char_length(host) > 253 THEN 'Its host is longer than 253 characters.'
        WHEN host ~ '^\.|\.\.' THEN 'Its host has an empty label.'
        WHEN authority ~ ':$' OR port::numeric NOT BETWEEN 1 AND 65535 THEN 'Its port is not in 1 to 65535.'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'webhook address % cannot be used', coalesce(quote_literal(left(url, 100)), 'NULL')
            USING ERRCODE = 'SN007', DETAIL = wrong, HINT = 'Give one like https://example.com/hooks/sentinel.';
    END IF;
    RETURN url;
END $$;
COMMENT ON FUNCTION sentinel.check_webhook_url(text) IS
    'Returns a webhook address that may be stored, or raises SN007 saying what is wrong with it. Addresses of inner networks are refused by the worker, at each attempt.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.check_event_patterns(event_types text[])
RETURNS text[] LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pattern text;
BEGIN
    IF event_types IS NULL OR cardinality(event_types) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION '% event types given', coalesce(cardinality(event_types), 0)
            USING ERRCODE = 'SN007', DETAIL = 'A target hears of 1 to 100 event types.', HINT = $h$Use '{*}' for all.$h$;
    END IF;
    FOREACH pattern IN ARRAY event_types LOOP
        IF pattern IS NULL OR pattern !~ '^(\*|[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?)$' OR char_length(pattern) > 100 THEN
            RAISE EXCEPTION 'event type % cannot be used', coalesce(quote_literal(left(pattern, 100)), 'NULL')
                USING ERRCODE = 'SN007',
                      DETAIL = 'An event type is words of letters, digits and _ joined by dots; the last may be *.',
                      HINT = 'Use deal.at_risk, deal.* or *.';
        END IF;
    END LOOP;
    RETURN event_types;
END $$;
COMMENT ON FUNCTION sentinel.check_event_patterns(text[]) IS
    'Returns the event types of a target, or raises SN007 naming the one that is no exact name, no name with .* and not *.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.create_webhook_endpoint(url text, event_types text[] DEFAULT '{*}', description text DEFAULT NULL)
RETURNS TABLE (endpoint_id uuid, secret_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    have integer;
BEGIN
    PERFORM sentinel.require_manager();
    PERFORM sentinel.check_webhook_url(url), sentinel.check_event_patterns(event_types);
    IF char_length(description) > 500 THEN
        RAISE EXCEPTION 'description of % characters is too long', char_length(description)
            USING ERRCODE = 'SN007', DETAIL = 'A description has at most 500 characters.', HINT = 'Shorten it.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('sentinel.webhook_endpoints ' || org::text, 0));
    SELECT count(*) INTO have FROM sentinel.webhook_endpoints e WHERE e.org_id = org;
    IF have >= 50 THEN
        RAISE EXCEPTION 'the organisation has % webhook endpoints', have
            USING ERRCODE = 'SN007', DETAIL = 'An organisation has at most 50.',
                  HINT = 'Remove one by sentinel.delete_target(id).';
    END IF;
    endpoint_id := sentinel.uuid7();
    secret_id := sentinel.uuid7();
    INSERT INTO sentinel.webhook_endpoints (org_id, id, url, description, event_types, disabled_reason)
    VALUES (org, endpoint_id, create_webhook_endpoint.url, create_webhook_endpoint.description,
            create_webhook_endpoint.event_types, 'no signing key stored yet');
    INSERT INTO sentinel.secrets (org_id, id, purpose, target_id, version)
    VALUES (org, secret_id, 'webhook_key', endpoint_id, 1);
    PERFORM sentinel.audit('webhook.created', 'webhook_endpoint', endpoint_id,
                           jsonb_build_object('host', sentinel.url_host(url), 'event_types', to_jsonb(event_types)));
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION sentinel.create_webhook_endpoint(text, text[], text) IS
    'Registers an address that hears of events. Nothing is sent to it until `sentinel-worker seal --store` has sealed a signing key under the secret id returned.';
ALTER FUNCTION sentinel.create_webhook_endpoint(text, text[], text) OWNER TO sentinel_owner;

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.create_slack_channel(
    name text, event_types text[] DEFAULT '{deal.at_risk,deal.recovered,deal.won,deal.lost}')
RETURNS TABLE (channel_id uuid, secret_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org   uuid := sentinel.require_org();
    label text := btrim(name);
BEGIN
    PERFORM sentinel.require_manager();
    PERFORM sentinel.check_event_patterns(event_types);
    IF label IS NULL OR char_length(label) NOT BETWEEN 1 AND 200 OR label ~ '[\x01-\x1f\x7f]' THEN
        RAISE EXCEPTION 'channel name % cannot be used', coalesce(quote_literal(left(label, 100)), 'NULL')
            USING ERRCODE = 'SN007', DETAIL = 'A name has 1 to 200 characters, none of them a control character.',
                  HINT = 'Use the channel''s name in Slack, such as #deals.';
    END IF;
    IF EXISTS (SELECT FROM sentinel.slack_channels c WHERE c.org_id = org AND c.name = label) THEN
        RAISE EXCEPTION 'channel % exists', quote_literal(label)
            USING ERRCODE = 'SN007', DETAIL = 'A Slack channel is registered once per organisation.',
                  HINT = 'Use another name, or remove the old one by sentinel.delete_target(id).';
    END IF;
    channel_id := sentinel.uuid7();
    secret_id := sentinel.uuid7();
    INSERT INTO sentinel.slack_channels (org_id, id, name, event_types, disabled_reason)
    VALUES (org, channel_id, label, create_slack_channel.event_types, 'no address stored yet');
    INSERT INTO sentinel.secrets (org_id, id, purpose, target_id, version)
    VALUES (org, secret_id, 'slack_url', channel_id, 1);
    PERFORM sentinel.audit('slack.created', 'slack_channel', channel_id,
                           jsonb_build_object('name', label, 'event_types', to_jsonb(event_types)));
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION sentinel.create_slack_channel(text, text[]) IS
    'Registers a Slack channel that hears of events. Nothing is posted until `sentinel-worker seal --store` has sealed its incoming-webhook address under the secret id returned.';
ALTER FUNCTION sentinel.create_slack_channel(text, text[]) OWNER TO sentinel_owner;

-- The caller names the organisation, for the worker's seal command enters none.
-- grant: sentinel_worker, sentinel_admin
CREATE FUNCTION sentinel.store_secret(org_id uuid, secret_id uuid, purpose text, target_id uuid, version integer,
                                      envelope bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at    timestamptz := now();
    kind  text;
    known record;
BEGIN
    IF envelope IS NULL OR octet_length(envelope) NOT BETWEEN 34 AND 8192
       OR substring(envelope FROM 1 FOR 2) <> '\x0101'::bytea THEN
        RAISE EXCEPTION 'this is no sealed secret (% bytes)', coalesce(octet_length(envelope), 0)
            USING ERRCODE = 'SN007', DETAIL = 'An envelope begins with 0x01 0x01 and has 34 to 8192 bytes.',
                  HINT = 'Seal the secret by sentinel-worker seal; never pass it in clear.';
    END IF;
    SELECT t.target_kind INTO kind FROM sentinel.delivery_targets t
     WHERE t.org_id = store_secret.org_id AND t.id = store_secret.target_id AND t.target_kind <> 'jwks';
    IF kind IS NULL THEN
        RAISE EXCEPTION 'no delivery target %', target_id USING ERRCODE = 'SN004',
            DETAIL = 'The organisation has no Slack channel, webhook endpoint or service of this id.',
            HINT = 'See sentinel.delivery_targets.';
    END IF;
    IF purpose IS DISTINCT FROM sentinel.secret_purpose(kind) OR version < 1 THEN
        RAISE EXCEPTION 'purpose % version % does not fit target %', coalesce(purpose, 'NULL'),
                        coalesce(version::text, 'NULL'), target_id
            USING ERRCODE = 'SN007', DETAIL = 'A Slack channel has a slack_url, a webhook endpoint a webhook_key, a service an enrichment_key or model_key; versions count from 1.',
                  HINT = 'Pass what the function that made the target, or rotate_secret, returned.';
    END IF;
    SELECT s.* INTO known FROM sentinel.secrets s
     WHERE s.org_id = store_secret.org_id AND s.id = store_secret.secret_id FOR UPDATE;
    IF FOUND AND (known.purpose, known.target_id, known.version)
                 IS DISTINCT FROM (store_secret.purpose, store_secret.target_id, store_secret.version) THEN
        RAISE EXCEPTION 'secret % is another secret', secret_id
            USING ERRCODE = 'SN007', DETAIL = 'Its purpose, target or version is another; the envelope is bound to them and would not open.',
                  HINT = 'Seal it again with the values that were returned with the id.';
    END IF;
    IF known.retired_at <= at THEN
        RAISE EXCEPTION 'secret % is retired', secret_id USING ERRCODE = 'SN005',
            DETAIL = 'A retired key is never used again.', HINT = 'Make a new one by sentinel.rotate_secret(target_id).';
    END IF;
    INSERT INTO sentinel.secrets AS s (org_id, id, purpose, target_id, version, envelope)
    VALUES (store_secret.org_id, store_secret.secret_id, store_secret.purpose, store_secret.target_id,
            store_secret.version, store_secret.envelope)
    ON CONFLICT ON CONSTRAINT secrets_pkey DO UPDATE SET envelope = excluded.envelope;

    -- Two keys sign for a day, so that receivers can change over; what only we present is replaced at once.
    UPDATE sentinel.secrets s
       SET retired_at = CASE WHEN o.place = 1 AND o.purpose = 'webhook_key'
                             THEN least(s.retired_at, at + interval '24 hours') ELSE at END
      FROM (SELECT e.id, e.purpose, row_number() OVER (ORDER BY e.version DESC) AS place
              FROM sentinel.secrets e
             WHERE e.org_id = store_secret.org_id AND e.target_id = store_secret.target_id
               AND e.version < store_secret.version AND e.envelope IS NOT NULL
               AND (e.retired_at IS NULL OR e.retired_at > at)) o
     WHERE s.org_id = store_secret.org_id AND s.id = o.id;
    UPDATE sentinel.webhook_endpoints e SET enabled = true, disabled_reason = NULL
     WHERE e.org_id = store_secret.org_id AND e.id = store_secret.target_id
       AND NOT e.enabled AND e.disabled_at IS NULL;
    UPDATE sentinel.slack_channels c SET enabled = true, disabled_reason = NULL
     WHERE c.org_id = store_secret.org_id AND c.id = store_secret.target_id
       AND NOT c.enabled AND c.disabled_at IS NULL;
    UPDATE sentinel.services v SET enabled = true, disabled_reason = NULL
     WHERE v.org_id = store_secret.org_id AND v.id = store_secret.target_id
       AND NOT v.enabled AND v.disabled_at IS NULL;
END $$;
COMMENT ON FUNCTION sentinel.store_secret(uuid, uuid, text, uuid, integer, bytea) IS
    'Stores a sealed secret and enables a target that waited for its first one. An older webhook key goes on signing for 24 hours, at most two at a time; an older Slack address or key of a service is retired at once.';
ALTER FUNCTION sentinel.store_secret(uuid, uuid, text, uuid, integer, bytea) OWNER TO sentinel_engine;

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.rotate_secret(target_id uuid)
RETURNS TABLE (secret_id uuid, version integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org  uuid := sentinel.require_org();
    kind text := sentinel.require_target(org, target_id);
BEGIN
    PERFORM sentinel.require_manager();
    PERFORM pg_advisory_xact_lock(hashtextextended('sentinel.secrets ' || target_id::text, 0));
    -- A version that was asked for and never sealed is handed out again: it is nobody's key.
    SELECT s.id, s.version INTO secret_id, version FROM sentinel.secrets s
     WHERE s.org_id = org AND s.target_id = rotate_secret.target_id AND s.envelope IS NULL
     ORDER BY s.version DESC LIMIT 1;
    IF NOT FOUND THEN
        secret_id := sentinel.uuid7();
        SELECT coalesce(max(s.version), 0) + 1 INTO version FROM sentinel.secrets s
         WHERE s.org_id = org AND s.target_id = rotate_secret.target_id;
        INSERT INTO sentinel.secrets (org_id, id, purpose, target_id, version)
        VALUES (org, secret_id, sentinel.secret_purpose(kind), rotate_secret.target_id, rotate_secret.version);
    END IF;
    PERFORM sentinel.audit(kind || '.secret_rotated', sentinel.target_subject(kind), target_id,
                           jsonb_build_object('version', version));
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION sentinel.rotate_secret(uuid) IS
    'Reserves the next secret of a channel, endpoint or service. The old one stays in use until `sentinel-worker seal --store` has sealed the new one under the id returned.';
ALTER FUNCTION sentinel.rotate_secret(uuid) OWNER TO sentinel_owner;

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.rotate_webhook_key(endpoint_id uuid)
RETURNS TABLE (secret_id uuid, version integer) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT r.secret_id, r.version FROM sentinel.rotate_secret(endpoint_id) r;
END $$;
COMMENT ON FUNCTION sentinel.rotate_webhook_key(uuid) IS
    'Reserves the next signing key of an endpoint; old and new sign together for 24 hours after the new one was sealed.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.url_host(url text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT substring(url FROM '^[A-Za-z]+://([^/?#]*)')
$$;
COMMENT ON FUNCTION sentinel.url_host(text) IS
    'Host and port of an address: what may be shown of it, for its path and query may hold a token.';

CREATE FUNCTION sentinel.target_subject(target_kind text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE target_kind WHEN 'slack' THEN 'slack_channel' WHEN 'enrichment' THEN 'enrichment_service'
                            WHEN 'model' THEN 'model_gateway' WHEN 'jwks' THEN 'oidc_issuer' ELSE 'webhook_endpoint' END
$$;
COMMENT ON FUNCTION sentinel.target_subject(text) IS 'Names the subject type of a kind of target, for audit and alerts.';

CREATE FUNCTION sentinel.secret_purpose(target_kind text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE target_kind WHEN 'slack' THEN 'slack_url' ELSE target_kind || '_key' END
$$;
COMMENT ON FUNCTION sentinel.secret_purpose(text) IS
    'Names what the secret of a kind of target is: slack_url, webhook_key, enrichment_key or model_key.';

CREATE FUNCTION sentinel.require_target(org uuid, target_id uuid)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind text;
BEGIN
    SELECT t.target_kind INTO kind FROM sentinel.delivery_targets t
     WHERE t.org_id = org AND t.id = require_target.target_id AND t.target_kind <> 'jwks';
    IF kind IS NULL THEN
        RAISE EXCEPTION 'no delivery target %', coalesce(target_id::text, 'NULL') USING ERRCODE = 'SN004',
            DETAIL = 'The organisation entered has no Slack channel, webhook endpoint or service of this id.',
            HINT = 'See sentinel.delivery_targets.';
    END IF;
    RETURN kind;
END $$;
COMMENT ON FUNCTION sentinel.require_target(uuid, uuid) IS
    'Returns the kind of a channel, endpoint or service of the organisation, or raises SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enable_target(target_id uuid)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org  uuid := sentinel.require_org();
    kind text := sentinel.require_target(org, target_id);
BEGIN
    PERFORM sentinel.require_manager();
    IF NOT sentinel.has_live_secret(org, target_id) THEN
        RAISE EXCEPTION 'target % has no secret', target_id USING ERRCODE = 'SN005',
            DETAIL = 'A channel needs a sealed address, an endpoint or service a sealed key.',
            HINT = 'Seal it by sentinel-worker seal --store.';
    END IF;
    UPDATE sentinel.webhook_endpoints e
       SET enabled = true, disabled_at = NULL, disabled_reason = NULL, not_before = NULL,
           failing_since = NULL, failures_in_row = 0
     WHERE e.org_id = org AND e.id = enable_target.target_id;
    UPDATE sentinel.slack_channels c
       SET enabled = true, disabled_at = NULL, disabled_reason = NULL, not_before = NULL
     WHERE c.org_id = org AND c.id = enable_target.target_id;
    UPDATE sentinel.services v
       SET enabled = true, disabled_at = NULL, disabled_reason = NULL, not_before = NULL
     WHERE v.org_id = org AND v.id = enable_target.target_id;
    DELETE FROM sentinel.target_breakers k WHERE k.org_id = org AND k.target_id = enable_target.target_id;
    UPDATE sentinel.rate_buckets b SET line_until = NULL WHERE b.org_id = org AND b.target_id = enable_target.target_id;
    PERFORM sentinel.audit(kind || '.enabled', sentinel.target_subject(kind), target_id);
END $$;
COMMENT ON FUNCTION sentinel.enable_target(uuid) IS
    'Lets a channel or endpoint hear of events again, or a service be asked, forgives its failures and closes its breaker. What waited for it is sent within minutes.';
ALTER FUNCTION sentinel.enable_target(uuid) OWNER TO sentinel_owner;

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.disable_target(target_id uuid, reason text DEFAULT 'disabled by hand')
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org  uuid := sentinel.require_org();
    kind text := sentinel.require_target(org, target_id);
    at   timestamptz := now();
BEGIN
    PERFORM sentinel.require_manager();
    UPDATE sentinel.webhook_endpoints e
       SET enabled = false, disabled_at = coalesce(e.disabled_at, at), disabled_reason = left(reason, 300)
     WHERE e.org_id = org AND e.id = disable_target.target_id;
    UPDATE sentinel.slack_channels c
       SET enabled = false, disabled_at = coalesce(c.disabled_at, at), disabled_reason = left(reason, 300)
     WHERE c.org_id = org AND c.id = disable_target.target_id;
    UPDATE sentinel.services v
       SET enabled = false, disabled_at = coalesce(v.disabled_at, at), disabled_reason = left(reason, 300)
     WHERE v.org_id = org AND v.id = disable_target.target_id;
    PERFORM sentinel.audit(kind || '.disabled', sentinel.target_subject(kind), target_id,
                           jsonb_build_object('reason', left(reason, 300)));
END $$;
COMMENT ON FUNCTION sentinel.disable_target(uuid, text) IS
    'Stops a channel, endpoint or service. Events from now on pass it by; what already waits for it waits on, and is discarded three days after it was made, or when the patience with a service ends.';
ALTER FUNCTION sentinel.disable_target(uuid, text) OWNER TO sentinel_owner;

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.delete_target(target_id uuid)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org  uuid := sentinel.require_org();
    kind text := sentinel.require_target(org, target_id);
BEGIN
    PERFORM sentinel.require_manager();
    DELETE FROM sentinel.secrets s WHERE s.org_id = org AND s.target_id = delete_target.target_id;
    DELETE FROM sentinel.webhook_endpoints e WHERE e.org_id = org AND e.id = delete_target.target_id;
    DELETE FROM sentinel.slack_channels c WHERE c.org_id = org AND c.id = delete_target.target_id;
    DELETE FROM sentinel.services v WHERE v.org_id = org AND v.id = delete_target.target_id;
    DELETE FROM sentinel.target_breakers k WHERE k.org_id = org AND k.target_id = delete_target.target_id;
    DELETE FROM sentinel.target_limits l WHERE l.org_id = org AND l.target_id = delete_target.target_id;
    DELETE FROM sentinel.rate_buckets b WHERE b.org_id = org AND b.target_id = delete_target.target_id;
    PERFORM sentinel.audit(kind || '.deleted', sentinel.target_subject(kind), target_id);
END $$;
COMMENT ON FUNCTION sentinel.delete_target(uuid) IS
    'Removes a channel, endpoint or service and its secrets. The log of what was sent to it stays; what waits for it is discarded.';
ALTER FUNCTION sentinel.delete_target(uuid) OWNER TO sentinel_owner;

CREATE FUNCTION sentinel.has_live_secret(org uuid, target_id uuid)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM sentinel.secrets s
                    WHERE s.org_id = org AND s.target_id = has_live_secret.target_id AND s.envelope IS NOT NULL
                      AND (s.retired_at IS NULL OR s.retired_at > now()));
END $$;
COMMENT ON FUNCTION sentinel.has_live_secret(uuid, uuid) IS 'Says whether a target has a sealed secret in use.';
