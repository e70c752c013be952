-- Room gateway, notifications: routes of what a member was told, of how one wishes to be told, and of alerts.

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_notifications(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer := sentinel.http_query_integer(request, 'limit', 20, 1, 100);
    skip integer := sentinel.http_query_integer(request, 'skip', 0, 0, 10000);
    unread boolean := sentinel.http_query_boolean(request, 'unread_only');
    place jsonb := sentinel.keyset_place(request);
    last_seen uuid := (SELECT n.id FROM sentinel.notifications n WHERE n.org_id = sentinel.require_org() AND n.id = (place ->> 'id')::uuid
                       AND n.member_id = sentinel.current_member());
    -- The one that the cursor stands for may have been deleted meanwhile: then its time has to do.
    until timestamptz := CASE WHEN last_seen IS NULL THEN (place ->> 'at')::timestamptz END;
    rows jsonb;
    step integer;
BEGIN
    IF place IS NOT NULL THEN
        skip := 0;
    END IF;
    WHILE skip > 0 LOOP
        step := least(skip, 100);
        skip := skip - step;
        SELECT x.notification_id INTO last_seen FROM sentinel.my_notifications(unread, step, NULL, last_seen) x ORDER BY x.created_at, x.notification_id LIMIT 1;
        EXIT WHEN last_seen IS NULL;
    END LOOP;
    IF last_seen IS NOT NULL OR place IS NOT NULL OR sentinel.http_query_integer(request, 'skip', 0, 0, 10000) = 0 THEN
        SELECT jsonb_agg(to_jsonb(x) - 'notification_id' || jsonb_build_object('id', x.notification_id) ORDER BY x.created_at DESC, x.notification_id DESC)
        INTO rows FROM sentinel.my_notifications(unread, most, until, last_seen) x;
    END IF;
    RETURN jsonb_set(sentinel.http_list(rows, CASE
        WHEN jsonb_array_length(rows) = most AND EXISTS (SELECT FROM sentinel.my_notifications(unread, 1, NULL, (rows -> -1 ->> 'id')::uuid))
        THEN sentinel.page_cursor(jsonb_build_object('at', rows -> -1 -> 'created_at', 'id', rows -> -1 -> 'id')) END), '{json,unread_count}', to_jsonb(sentinel.unread_notifications()));
END
$$;
COMMENT ON FUNCTION sentinel.http_list_notifications(jsonb, bytea) IS 'Route: list what the caller was told, newest first, and how much is unread.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.own_notification(request jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told uuid := sentinel.http_param(request, 'notification_id');
BEGIN
    PERFORM sentinel.http_require(EXISTS (SELECT FROM sentinel.notifications n WHERE n.org_id = sentinel.require_org()
        AND n.id = told AND n.member_id = sentinel.current_member()), 'notification', told);
    RETURN told;
END
$$;
COMMENT ON FUNCTION sentinel.own_notification(jsonb) IS 'Give the notification of the member entered that stands in the path. Errors: SN002, SN004, 22023.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_read_notification(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('ok', true, 'read', sentinel.read_notifications(ARRAY[sentinel.own_notification(request)])));
END
$$;
COMMENT ON FUNCTION sentinel.http_read_notification(jsonb, bytea) IS 'Route: mark a notification as read; again changes nothing.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_read_all_notifications(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_thing(jsonb_build_object('ok', true, 'read', sentinel.read_notifications()));
END
$$;
COMMENT ON FUNCTION sentinel.http_read_all_notifications(jsonb, bytea) IS 'Route: mark all notifications of the caller as read.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_delete_notification(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.delete_notification(sentinel.own_notification(request));
    RETURN '{"status": 204}';
END
$$;
COMMENT ON FUNCTION sentinel.http_delete_notification(jsonb, bytea) IS 'Route: remove a notification of the caller.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_get_wishes(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.http_thing((
        SELECT jsonb_build_object('digest', max(w.digest), 'wishes', jsonb_agg(to_jsonb(w) - 'n' - 'digest' ORDER BY w.n))
        FROM sentinel.notification_wishes(sentinel.http_query_id(request, 'member_id')) WITH ORDINALITY
            AS w (kind, label, in_app, by_email, is_default, digest, n)));
END
$$;
COMMENT ON FUNCTION sentinel.http_get_wishes(jsonb, bytea) IS 'Route: tell how the caller, or for owners and admins another member, is told of each kind.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_set_wishes(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b jsonb := sentinel.json_members(sentinel.http_object(request), '{digest,wishes}');
    who uuid := sentinel.http_query_id(request, 'member_id');
BEGIN
    IF b ? 'digest' THEN
        PERFORM sentinel.set_digest_frequency(sentinel.json_text(b, 'digest'), who);
    END IF;
    IF b ? 'wishes' THEN
        IF jsonb_typeof(b -> 'wishes') <> 'array' OR jsonb_array_length(b -> 'wishes') > 100
           OR EXISTS (SELECT FROM jsonb_array_elements(b -> 'wishes') AS e WHERE jsonb_typeof(e) <> 'object') THEN
            RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the member "wishes" is no list of objects', DETAIL = 'It is an array of at most 100 objects.',
                HINT = 'Send {"wishes": [{"kind": "deal_at_risk", "by_email": true}]}.';
        END IF;
        PERFORM sentinel.set_notification_wish(sentinel.json_text(w.wish, 'kind'), sentinel.json_boolean(w.wish, 'in_app'),
                                               sentinel.json_boolean(w.wish, 'by_email'), who)
        FROM (SELECT sentinel.json_members(e, '{kind,in_app,by_email}', 'a wish') AS wish FROM jsonb_array_elements(b -> 'wishes') AS e) w;
    END IF;
    RETURN sentinel.http_get_wishes(request, NULL);
END
$$;
COMMENT ON FUNCTION sentinel.http_set_wishes(jsonb, bytea) IS 'Route: say how the caller, or another member, wishes to be told; what is not named stays.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_list_alerts(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    most integer := sentinel.http_query_integer(request, 'limit', 50, 1, 200);
    place jsonb := sentinel.keyset_place(request);
    seen text := sentinel.http_query_text(request, 'acknowledged', '{false,true,all}', 'false');
    level text := sentinel.http_query_text(request, 'severity', '{low,medium,high}');
    deal uuid := sentinel.http_query_id(request, 'deal_id');
BEGIN
    RETURN sentinel.http_keyset_page((
        SELECT jsonb_agg(jsonb_build_object('id', a.id, 'type', a.severity, 'kind', a.kind, 'title', a.title, 'message', a.message, 'deal_id', a.deal_id,
                   'deal_name', d.name, 'risk_score', r.score_rounded, 'recommended_action', a.payload -> 'recommended_action', 'subject_type', a.subject_type,
                   'subject_id', a.subject_id, 'created_at', a.created_at, 'acknowledged_at', a.acknowledged_at, 'acknowledged_by', a.acknowledged_by)
                   ORDER BY a.created_at DESC, a.id DESC)
        FROM (SELECT * FROM sentinel.alerts x
              WHERE x.org_id = org AND (seen = 'all' OR (x.acknowledged_at IS NOT NULL) = (seen = 'true'))
                AND (level IS NULL OR x.severity = level) AND (deal IS NULL OR x.deal_id = deal)
                AND (place IS NULL OR (x.created_at, x.id) < ((place ->> 'at')::timestamptz, (place ->> 'id')::uuid))
              ORDER BY x.created_at DESC, x.id DESC LIMIT most + 1) a
        LEFT JOIN sentinel.deals d ON d.org_id = org AND d.id = a.deal_id
        LEFT JOIN sentinel.deal_risks r ON r.org_id = org AND r.deal_id = a.deal_id), most, 'created_at');
END
$$;
COMMENT ON FUNCTION sentinel.http_list_alerts(jsonb, bytea) IS 'Route: list alerts, newest first, those that nobody has acknowledged unless asked for others.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.http_acknowledge_alert(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    alert uuid := sentinel.http_param(request, 'alert_id');
BEGIN
    PERFORM sentinel.http_require(EXISTS (SELECT FROM sentinel.alerts a WHERE a.org_id = sentinel.require_org() AND a.id = alert), 'alert', alert);
    PERFORM sentinel.acknowledge_alert(alert);
    RETURN sentinel.http_thing((SELECT jsonb_build_object('id', a.id, 'acknowledged_at', a.acknowledged_at, 'acknowledged_by', a.acknowledged_by)
                                FROM sentinel.alerts a WHERE a.org_id = sentinel.current_org() AND a.id = alert));
END
$$;
COMMENT ON FUNCTION sentinel.http_acknowledge_alert(jsonb, bytea) IS 'Route: mark an alert as seen; who was first stays.';
