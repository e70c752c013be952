-- Room gateway, webhooks in: sources over HTTP. Secrets come in bodies, which no log holds, and go out once.

-- grant: sentinel_member
CREATE FUNCTION sentinel.webhook_source_object(source_id uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', s.id, 'vendor', s.vendor, 'scheme', s.scheme, 'name', s.name, 'purpose', s.purpose, 'account', s.account,
                'enabled', s.enabled, 'path', sentinel.webhook_source_path(s.vendor, s.id), 'created_at', s.created_at, 'changed_at', s.changed_at,
                'keys', (SELECT coalesce(jsonb_agg(jsonb_build_object('version', k.version, 'kind', k.kind, 'created_at', k.created_at,
                             'expires_at', k.expires_at) ORDER BY k.version), '[]')
                         FROM sentinel.webhook_keys k WHERE k.org_id = s.org_id AND k.source_id = s.id))
            FROM sentinel.webhook_sources s WHERE s.org_id = sentinel.require_org() AND s.id = webhook_source_object.source_id);
END
$$;
COMMENT ON FUNCTION sentinel.webhook_source_object(uuid) IS
    'Give a source with its keys'' times as an object, as far as the session may see it. Errors: SN002.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_webhook_sources(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_manager();
    -- At most 50: no pages.
    RETURN jsonb_build_object('json', jsonb_build_object('next_cursor', NULL, 'data', (
        SELECT coalesce(jsonb_agg(sentinel.webhook_source_object(s.id) ORDER BY s.created_at, s.id), '[]')
        FROM sentinel.webhook_sources s WHERE s.org_id = sentinel.require_org())));
END
$$;
COMMENT ON FUNCTION sentinel.http_webhook_sources(jsonb, bytea) IS 'Route: list the sources of webhooks, without their secrets.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_add_webhook_source(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    j jsonb := sentinel.http_wishes(request, '{vendor,name,secret,purpose,account,scheme}', '{vendor,name}');
    made record;
BEGIN
    SELECT * INTO made FROM sentinel.add_webhook_source(j ->> 'vendor', j ->> 'name', nullif(j ->> 'secret', ''),
        coalesce(j ->> 'purpose', 'events'), j ->> 'account', nullif(j ->> 'scheme', ''));
    RETURN jsonb_build_object('status', 201, 'headers', jsonb_build_object('Location', '/webhooks/sources/' || made.source_id),
        'json', jsonb_build_object('data', sentinel.webhook_source_object(made.source_id)
                                           || CASE WHEN made.new_secret IS NULL THEN '{}' ELSE jsonb_build_object('secret', made.new_secret) END));
END
$$;
COMMENT ON FUNCTION sentinel.http_add_webhook_source(jsonb, bytea) IS 'Route: add a source of webhooks; its secret, where Sentinel has made it, is shown this once.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_change_webhook_source(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source uuid := sentinel.http_param(request, 'source_id');
    j jsonb := sentinel.http_object(request, '{enabled}');
BEGIN
    PERFORM sentinel.enable_webhook_source(source, (j ->> 'enabled')::boolean);
    RETURN jsonb_build_object('json', jsonb_build_object('data', sentinel.webhook_source_object(source)));
END
$$;
COMMENT ON FUNCTION sentinel.http_change_webhook_source(jsonb, bytea) IS 'Route: enable or disable a source of webhooks.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.webhook_overlap(request jsonb, otherwise interval) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    minutes text := request #>> '{json,overlap_minutes}';
BEGIN
    IF minutes !~ '^\d{1,6}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid overlap_minutes "%s"', left(minutes, 60)),
            DETAIL = 'It is a whole number from 0 to 43200.', HINT = 'Send {"overlap_minutes": 1440}.';
    END IF;
    RETURN coalesce(make_interval(mins => minutes::integer), otherwise);
END
$$;
COMMENT ON FUNCTION sentinel.webhook_overlap(jsonb, interval) IS 'Read overlap_minutes of a body, or give otherwise where it is missing. Errors: 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_webhook_secret(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source uuid := sentinel.http_param(request, 'source_id');
    j jsonb := sentinel.http_object(request, '{secret}');
BEGIN
    PERFORM sentinel.set_webhook_source_secret(source, j ->> 'secret', sentinel.webhook_overlap(request, interval '0'));
    RETURN jsonb_build_object('json', jsonb_build_object('data', sentinel.webhook_source_object(source)));
END
$$;
COMMENT ON FUNCTION sentinel.http_set_webhook_secret(jsonb, bytea) IS 'Route: set the secret that a vendor has made.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_rotate_webhook_source(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source uuid := sentinel.http_param(request, 'source_id');
    made text := sentinel.rotate_webhook_source(source, sentinel.webhook_overlap(request, interval '1 day'));
BEGIN
    RETURN jsonb_build_object('json', jsonb_build_object('data', sentinel.webhook_source_object(source) || jsonb_build_object('secret', made)));
END
$$;
COMMENT ON FUNCTION sentinel.http_rotate_webhook_source(jsonb, bytea) IS 'Route: make another secret of a source; it is shown this once.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_delete_webhook_source(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.delete_webhook_source(sentinel.http_param(request, 'source_id'));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_webhook_source(jsonb, bytea) IS 'Route: remove a source of webhooks.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_webhook_events(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_manager();
    RETURN sentinel.http_page(request, 'sentinel.webhook_log', ARRAY['source_id uuid', 'vendor text', 'state pending|done|ignored|failed',
        'received_from from received_at', 'received_until until received_at']);
END
$$;
COMMENT ON FUNCTION sentinel.http_webhook_events(jsonb, bytea) IS 'Route: list webhooks that came in, the newest first, without their bodies.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_webhook_event(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_manager();
    RETURN sentinel.http_data(sentinel.http_row('sentinel.webhook_log', sentinel.http_param(request, 'webhook_event_id'), 'webhook'));
END
$$;
COMMENT ON FUNCTION sentinel.http_webhook_event(jsonb, bytea) IS 'Route: give a webhook that came in, without its body.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_replay_webhook(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('status', 202, 'json', jsonb_build_object('data', jsonb_build_object('job_id',
        sentinel.replay_webhook(sentinel.http_param(request, 'webhook_event_id')))));
END
$$;
COMMENT ON FUNCTION sentinel.http_replay_webhook(jsonb, bytea) IS 'Route: process a webhook that failed or was ignored once more.';
