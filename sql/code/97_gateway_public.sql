-- Room gateway, public: what anybody may ask.

CREATE FUNCTION sentinel.http_health(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN jsonb_build_object('json', jsonb_build_object('ok', true, 'status', 'ok', 'version', sentinel.version()));
END
$$;
COMMENT ON FUNCTION sentinel.http_health(jsonb, bytea) IS 'Route: tell that gateway and database answer.';
