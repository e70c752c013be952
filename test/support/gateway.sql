-- For pgTAP files of the gateway: requests as the gateway passes them on. \\i it within the transaction.
CREATE TYPE pg_temp.answer AS (status integer, body jsonb, headers jsonb, said text, stream jsonb, route text);
CREATE FUNCTION pg_temp.as_json(said text) RETURNS jsonb LANGUAGE plpgsql AS
    $$BEGIN RETURN said::jsonb; EXCEPTION WHEN data_exception THEN RETURN NULL; END$$;
CREATE FUNCTION pg_temp.ask(verb text, path text, body text DEFAULT NULL, token text DEFAULT NULL, query text DEFAULT '', more jsonb DEFAULT '[]',
                            at timestamptz DEFAULT now()) RETURNS pg_temp.answer
    LANGUAGE plpgsql AS $$
DECLARE
    answer sentinel.http_response := sentinel.http_handle(verb, path, query, '[["Host", "sentinel.example"]]'
        || CASE WHEN ask.body IS NULL THEN '[]' ELSE '[["Content-Type", "application/json"]]' END::jsonb
        || CASE WHEN token IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_array('Authorization', 'Bearer ' || token)) END || more,
        convert_to(coalesce(ask.body, ''), 'UTF8'), '203.0.113.9', at);
BEGIN
    RETURN (answer.status, pg_temp.as_json(convert_from(answer.body, 'UTF8')),
            (SELECT jsonb_object_agg(h ->> 0, h ->> 1) FROM jsonb_array_elements(answer.headers) h),
            convert_from(answer.body, 'UTF8'), answer.stream, answer.route);
END
$$;
-- The status alone.
CREATE FUNCTION pg_temp.status(verb text, path text, body text DEFAULT NULL, token text DEFAULT NULL, query text DEFAULT '', more jsonb DEFAULT '[]',
                               at timestamptz DEFAULT now()) RETURNS integer LANGUAGE sql AS
    $$SELECT (pg_temp.ask(verb, path, body, token, query, more, at)).status$$;
-- The server's key, where there is none yet.
DO $$BEGIN IF NOT sentinel.server_key_ready() THEN PERFORM sentinel.create_server_key(); END IF; END$$;
