-- Room alerts: what an organisation is warned of, and which members are told.

CREATE FUNCTION sentinel.notify_members(in_org uuid, of_alert uuid, owner uuid, title text, message text)
RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told uuid[];
BEGIN
    SELECT array_agg(m.id) INTO told
      FROM sentinel.members m
     WHERE m.org_id = in_org AND m.removed_at IS NULL
       AND (m.id = owner
            OR (m.role IN ('owner', 'admin')
                AND NOT EXISTS (SELECT FROM sentinel.members o WHERE o.org_id = in_org AND o.id = owner
                                                               AND o.removed_at IS NULL)));
    RETURN (SELECT sentinel.tell_members(in_org, told, a.kind, notify_members.title, notify_members.message, a.id, NULL,
                                         a.deal_id, NULL, a.payload)
              FROM sentinel.alerts a WHERE a.org_id = in_org AND a.id = of_alert);
END $$;
COMMENT ON FUNCTION sentinel.notify_members(uuid, uuid, uuid, text, text) IS
    'Tells of an alert: its owner where that is a member of the organisation, else every owner and admin; each as wished. Returns how many were told for the first time.';

CREATE FUNCTION sentinel.plural_days(days integer)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT days::text || CASE WHEN days = 1 THEN ' day' ELSE ' days' END
$$;
COMMENT ON FUNCTION sentinel.plural_days(integer) IS 'Writes a number of days: 1 day, 2 days.';

CREATE FUNCTION sentinel.text_to_uuid(value text)
RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN value::uuid END
$$;
COMMENT ON FUNCTION sentinel.text_to_uuid(text) IS
    'Reads a uuid from text of a payload; NULL where it is none, so that a foreign payload cannot stop a handler.';

-- The payload is what fan-out made of an event: event_id, event_type, subject_type, subject_id, payload.
CREATE FUNCTION sentinel.handle_raise_alert(job_id uuid, payload jsonb)
RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org      uuid  := sentinel.require_org();
    event    uuid  := sentinel.text_to_uuid(payload ->> 'event_id');
    about    uuid  := sentinel.text_to_uuid(payload ->> 'subject_id');
    facts    jsonb := coalesce(payload -> 'payload', '{}');
    deal     uuid;
    owner    uuid;
    new_kind text;
    level    text;
    title    text;
    message  text;
    alert    uuid;
    told     integer;
BEGIN
    new_kind := CASE payload ->> 'event_type'
        WHEN 'deal.at_risk' THEN 'deal_at_risk'
        WHEN 'deal.action_overdue' THEN 'action_overdue'
        WHEN 'system.integrity_alert' THEN 'integrity_breach'
    END;
    IF new_kind IS NULL THEN
        RAISE EXCEPTION 'event type % raises no alert', coalesce(quote_literal(payload ->> 'event_type'), 'NULL')
            USING ERRCODE = 'SN007', DETAIL = 'Alerts are raised by deal.at_risk, deal.action_overdue and system.integrity_alert.',
                  HINT = 'Remove the route from this event type to raise_alert in sentinel.event_routes.';
    END IF;
    deal := CASE WHEN new_kind <> 'integrity_breach' OR payload ->> 'subject_type' = 'deal'
                 THEN coalesce(sentinel.text_to_uuid(facts ->> 'deal_id'), about) END;
    SELECT d.owner_id INTO owner FROM sentinel.deals d WHERE d.org_id = org AND d.id = deal;
    -- A breach of integrity is for owners and admins to mend, whose deal it may be.
    owner := CASE WHEN new_kind <> 'integrity_breach' THEN coalesce(owner, sentinel.text_to_uuid(facts ->> 'owner_id')) END;
    level := lower(coalesce(facts ->> 'risk_level', facts ->> 'severity'));
    level := CASE WHEN level IN ('low', 'medium', 'high') THEN level ELSE 'high' END;

    title := CASE WHEN new_kind = 'integrity_breach'
                  THEN 'Integrity: ' || coalesce(replace(facts ->> 'rule', '_', ' '), 'unknown rule')
                  ELSE CASE new_kind WHEN 'action_overdue' THEN 'Action Overdue: ' ELSE 'Deal at Risk: ' END
             || coalesce(nullif(facts ->> 'name', ''), deal::text, 'unknown deal') END;
    message := CASE
        WHEN new_kind = 'integrity_breach' THEN coalesce(nullif(facts ->> 'detail', ''), 'A rule of integrity is broken.')
        WHEN new_kind = 'deal_at_risk' THEN
            coalesce(nullif(facts ->> 'primary_reason', ''), 'Deal marked as high risk.')
        WHEN facts ->> 'overdue_days' ~ '^\d{1,6}$' THEN
            coalesce(nullif(facts ->> 'recommended_action', ''), 'The recommended action') || ' is '
            || sentinel.plural_days((facts ->> 'overdue_days')::integer) || ' overdue'
        ELSE coalesce(nullif(facts ->> 'recommended_action', ''), 'The recommended action') || ' is overdue'
    END;

    INSERT INTO sentinel.alerts (org_id, kind, severity, event_id, deal_id, period_id, subject_type, subject_id,
                                 title, message, payload)
    VALUES (org, new_kind, level, event, deal, sentinel.text_to_uuid(facts ->> 'period_id'),
            coalesce(payload ->> 'subject_type', 'deal'), coalesce(about, deal),
            left(title, 300), left(message, 3000), facts)
    ON CONFLICT DO NOTHING
    RETURNING id INTO alert;
    IF alert IS NULL THEN
        RETURN jsonb_build_object('raised', false, 'why', 'this period or event has its alert');
    END IF;
    told := sentinel.notify_members(org, alert, owner, left(title, 300), left(message, 3000));
    RETURN jsonb_build_object('raised', true, 'alert_id', alert, 'notified', told);
END $$;
COMMENT ON FUNCTION sentinel.handle_raise_alert(uuid, jsonb) IS
    'Job handler: raises the alert of an event and tells the deal''s owner, else and of breaches of integrity owners and admins. At most one alert per kind and at-risk period, and per kind and event, however often it runs.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.acknowledge_alert(alert_id uuid)
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org   uuid := sentinel.require_org();
    since timestamptz := now();
    at    timestamptz;
BEGIN
    UPDATE sentinel.alerts a
       SET acknowledged_by = CASE WHEN a.acknowledged_at IS NULL THEN sentinel.current_member()
                                  ELSE a.acknowledged_by END,
           acknowledged_at = coalesce(a.acknowledged_at, since)
     WHERE a.org_id = org AND a.id = acknowledge_alert.alert_id
    RETURNING a.acknowledged_at INTO at;
    IF at IS NULL THEN
        RAISE EXCEPTION 'no alert %', alert_id USING ERRCODE = 'SN004',
            DETAIL = 'The organisation entered has no alert of this id.', HINT = 'See sentinel.alerts.';
    END IF;
    RETURN at;
END $$;
COMMENT ON FUNCTION sentinel.acknowledge_alert(uuid) IS
    'Marks an alert as seen by the member entered and returns since when it is; a second call changes nothing. SN004 where there is none.';
ALTER FUNCTION sentinel.acknowledge_alert(uuid) OWNER TO sentinel_owner;
