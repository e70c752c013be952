-- Room gateway, settings: of the gateway as a whole, CORS, and what the gateway's own process calls.

CREATE FUNCTION sentinel.cors_headers(header jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    origin text := header ->> 'origin';
BEGIN
    IF origin IS NULL THEN
        RETURN '[]';
    ELSIF NOT EXISTS (SELECT FROM sentinel.gateway_settings s WHERE origin = ANY (s.allowed_origins)) THEN
        RETURN '[["Vary", "Origin"]]';
    END IF;
    RETURN jsonb_build_array(jsonb_build_array('Access-Control-Allow-Origin', origin), jsonb_build_array('Vary', 'Origin'),
        jsonb_build_array('Access-Control-Allow-Credentials', 'true'),
        jsonb_build_array('Access-Control-Expose-Headers', 'Content-Disposition, ETag, Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, X-Request-Id'));
END
$$;
COMMENT ON FUNCTION sentinel.cors_headers(jsonb) IS
    'Give the headers that let pages of an allowed origin read the answer; others get none. Source: Fetch standard, CORS protocol.';

CREATE FUNCTION sentinel.preflight(header jsonb, methods text[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('status', 204, 'headers', jsonb_build_object('Allow', array_to_string(methods, ', '))
        || CASE WHEN header ? 'access-control-request-method'
                     AND EXISTS (SELECT FROM sentinel.gateway_settings s WHERE header ->> 'origin' = ANY (s.allowed_origins))
                THEN jsonb_build_object('Access-Control-Allow-Methods', array_to_string(methods, ', '), 'Access-Control-Max-Age', '600',
                    'Access-Control-Allow-Headers', 'Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Api-Key, X-Org-Id, X-Request-Id')
                ELSE '{}' END);
END
$$;
COMMENT ON FUNCTION sentinel.preflight(jsonb, text[]) IS 'Answer OPTIONS: what the path allows, and to pages of an allowed origin what they may send.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.configure_gateway(settings jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    PERFORM sentinel.require_installed();
    SELECT k INTO wrong FROM jsonb_object_keys(configure_gateway.settings) AS k
    WHERE k <> ALL (ARRAY['public_url', 'allowed_origins', 'registration', 'access_token_minutes', 'session_days', 'password_checks']) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown setting "%s"', left(wrong, 60)),
            DETAIL = 'Settings are public_url, allowed_origins, registration, access_token_minutes, session_days and password_checks.',
            HINT = 'SELECT sentinel.configure_gateway(''{"public_url": "https://sentinel.example.com"}'');';
    END IF;
    UPDATE sentinel.gateway_settings s SET
        public_url = coalesce(rtrim(settings ->> 'public_url', '/'), s.public_url),
        allowed_origins = CASE WHEN settings ? 'allowed_origins'
            THEN ARRAY(SELECT rtrim(o, '/') FROM jsonb_array_elements_text(settings -> 'allowed_origins') AS o) ELSE s.allowed_origins END,
        registration = coalesce(settings ->> 'registration', s.registration),
        access_token_minutes = coalesce((settings ->> 'access_token_minutes')::integer, s.access_token_minutes),
        session_days = coalesce((settings ->> 'session_days')::integer, s.session_days),
        password_checks = coalesce((settings ->> 'password_checks')::integer, s.password_checks),
        changed_at = now();
EXCEPTION WHEN check_violation OR data_exception THEN
    RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'a setting has no good value: ' || left(SQLERRM, 200),
        DETAIL = 'public_url is scheme and host, allowed_origins an array of them, registration open, invite or closed; minutes 1 to 1440, days 1 to 365, password_checks 1 to 64.',
        HINT = 'SELECT sentinel.configure_gateway(''{"public_url": "https://sentinel.example.com"}'');';
END
$$;
ALTER FUNCTION sentinel.configure_gateway(jsonb) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.configure_gateway(jsonb) IS
    'Change settings of the gateway; those not named stay. Members: the columns of gateway_settings. Errors: SN007.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.make_cron_secret() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    secret text := sentinel.random_token();
BEGIN
    PERFORM sentinel.require_installed();
    UPDATE sentinel.gateway_settings SET cron_secret_sha256 = sha256(convert_to(secret, 'UTF8')), changed_at = now();
    RETURN secret;
END
$$;
ALTER FUNCTION sentinel.make_cron_secret() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.make_cron_secret() IS
    'Make the secret that opens /api/cron, in the place of the one before, and give it: it is shown once and kept nowhere.';

-- grant: sentinel_gateway
CREATE FUNCTION sentinel.open_gateway(gateway text, version text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    PERFORM sentinel.hide_parameters();
    INSERT INTO sentinel.gateways AS g (gateway, version) VALUES (left(open_gateway.gateway, 200), left(open_gateway.version, 60))
    ON CONFLICT ON CONSTRAINT gateways_pkey DO UPDATE SET version = excluded.version, opened_at = now();
END
$$;
ALTER FUNCTION sentinel.open_gateway(text, text) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.open_gateway(text, text) IS
    'Begin a connection of a gateway: note the gateway, and keep the parameters of the connection''s statements, which hold passwords, out of the server log from now on.';

CREATE FUNCTION sentinel.hide_parameters() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_hide_parameters';
COMMENT ON FUNCTION sentinel.hide_parameters() IS
    'Set log_parameter_max_length and log_parameter_max_length_on_error to 0 for the session: the log shows statements without the values that came with them.';
