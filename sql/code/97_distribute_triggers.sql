-- Room distribute: the triggers that use transition tables on one machine, for one row on a shard. There a statement stays
-- within one organisation, names it by a value, and takes times and ids from variables: Citus refuses or moves elsewhere
-- what it must compute for each row. None sends a NOTIFY; workers poll.

CREATE FUNCTION sentinel.fan_out_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    route record;
    body jsonb;
    job uuid;
    at timestamptz;
BEGIN
    FOR route IN
        SELECT t.job_type, t.queue, t.priority, t.max_attempts
        FROM sentinel.event_routes r JOIN sentinel.job_types t ON t.job_type = r.job_type
        WHERE r.org_id = NEW.org_id AND r.event_type = NEW.event_type AND r.enabled
    LOOP
        body := coalesce(body, jsonb_build_object(
            'event_id', NEW.id, 'event_type', NEW.event_type, 'subject_type', NEW.subject_type,
            'subject_id', NEW.subject_id, 'recorded_at', NEW.recorded_at, 'payload', NEW.payload));
        job := sentinel.uuid7();
        at := clock_timestamp();
        INSERT INTO sentinel.job_waiting (org_id, id, queue, job_type, priority, run_at, payload, max_attempts, event_id)
        VALUES (NEW.org_id, job, route.queue, route.job_type, route.priority, at, body, route.max_attempts, NEW.id);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.fan_out_event() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.fan_out_event() IS
    'Trigger on shards: enqueue the jobs that the routes of the organisation name for a new event. As fan_out_events(), without waking workers.';

CREATE FUNCTION sentinel.announce_lead() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.emit_for(NEW.org_id, 'lead.created', 'lead', NEW.id,
                              jsonb_strip_nulls(jsonb_build_object('lead_id', NEW.id, 'intake_id', NEW.intake_id,
                                  'lead_source', NEW.lead_source, 'platform', NEW.platform, 'temperature', NEW.temperature,
                                  'as_of', least(NEW.last_state_change, now()))),
                              'lead.created:' || NEW.id);
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.announce_lead() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.announce_lead() IS 'Trigger on shards: emit lead.created for a new lead. As announce_leads().';

CREATE FUNCTION sentinel.release_fingerprint() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sentinel.intake_fingerprints f WHERE f.org_id = OLD.org_id AND f.intake_id = OLD.id;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.release_fingerprint() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.release_fingerprint() IS
    'Trigger on shards: free the fingerprints of a deleted intake row. As release_fingerprints().';

CREATE FUNCTION sentinel.keep_deal_version(org uuid, deal uuid, version integer, changed_at timestamptz, pipeline uuid,
        stage text, stage_kind text, value numeric, owner uuid, created_at timestamptz, stage_entered_at timestamptz,
        currency text, expected_close_at timestamptz, forecast_category text, left_pipeline uuid, left_stage text,
        left_stage_entered_at timestamptz)
    RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role_of_stage text;
BEGIN
    SELECT s.risk_role INTO role_of_stage FROM sentinel.pipeline_stages s
    WHERE s.org_id = keep_deal_version.org AND s.pipeline_id = keep_deal_version.pipeline AND s.stage = keep_deal_version.stage;
    INSERT INTO sentinel.deal_history (org_id, deal_id, seq, recorded_at, stage, stage_kind, risk_role, value, owner_id,
                                       created_at, stage_entered_at, pipeline_id, currency, expected_close_at,
                                       forecast_category, left_pipeline_id, left_stage, left_stage_entered_at)
    VALUES (keep_deal_version.org, keep_deal_version.deal, keep_deal_version.version, keep_deal_version.changed_at,
            keep_deal_version.stage, keep_deal_version.stage_kind, role_of_stage, keep_deal_version.value,
            keep_deal_version.owner, keep_deal_version.created_at, keep_deal_version.stage_entered_at,
            keep_deal_version.pipeline, keep_deal_version.currency, keep_deal_version.expected_close_at,
            keep_deal_version.forecast_category, keep_deal_version.left_pipeline, keep_deal_version.left_stage,
            keep_deal_version.left_stage_entered_at);
    RETURN role_of_stage;
END
$$;
COMMENT ON FUNCTION sentinel.keep_deal_version(uuid, uuid, integer, timestamptz, uuid, text, text, numeric, uuid, timestamptz, timestamptz, text, timestamptz, text, uuid, text, timestamptz) IS
    'Keep one version of a deal; gives the risk role of its stage. Part of the triggers on shards.';

CREATE FUNCTION sentinel.keep_deal_note(org uuid, deal uuid, kind text, payload jsonb, at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    note uuid := sentinel.uuid7();
    member uuid := sentinel.current_member();
BEGIN
    INSERT INTO sentinel.deal_timeline (org_id, id, deal_id, kind, payload, member_id, recorded_at)
    VALUES (keep_deal_note.org, note, keep_deal_note.deal, keep_deal_note.kind, keep_deal_note.payload, member,
            keep_deal_note.at);
END
$$;
COMMENT ON FUNCTION sentinel.keep_deal_note(uuid, uuid, text, jsonb, timestamptz) IS
    'Write one row of a deal''s timeline. Part of the triggers on shards.';

CREATE FUNCTION sentinel.note_new_deal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.keep_deal_version(NEW.org_id, NEW.id, NEW.version, NEW.changed_at, NEW.pipeline_id, NEW.stage,
                                       NEW.stage_kind, NEW.value, NEW.owner_id, NEW.created_at, NEW.stage_changed_at,
                                       NEW.currency, NEW.expected_close_at, NEW.forecast_category, NULL, NULL, NULL);
    PERFORM sentinel.keep_deal_note(NEW.org_id, NEW.id, 'created', jsonb_build_object(
        'stage', NEW.stage, 'value', NEW.value, 'currency', NEW.currency), NEW.changed_at);
    IF NEW.is_demo OR NEW.changed_at <= NEW.imported_until THEN
        RETURN NULL;
    END IF;
    PERFORM sentinel.emit_for(NEW.org_id, 'deal.created', 'deal', NEW.id, jsonb_build_object(
        'deal_id', NEW.id, 'name', NEW.name, 'value', NEW.value, 'currency', NEW.currency, 'stage', NEW.stage,
        'from_stage', NULL, 'owner_id', NEW.owner_id, 'as_of', NEW.changed_at), 'deal.created:' || NEW.id);
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_new_deal() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_new_deal() IS
    'Trigger on shards: keep the first version of a new deal, write its timeline, emit deal.created. As note_new_deals().';

CREATE FUNCTION sentinel.note_changed_deal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    note record;
    event record;
    at timestamptz := CASE WHEN NEW.version <> OLD.version THEN NEW.changed_at ELSE now() END;
    moved boolean := NEW.stage <> OLD.stage OR NEW.pipeline_id <> OLD.pipeline_id;
BEGIN
    IF NEW.version <> OLD.version THEN
        PERFORM sentinel.keep_deal_version(NEW.org_id, NEW.id, NEW.version, NEW.changed_at, NEW.pipeline_id, NEW.stage,
                                           NEW.stage_kind, NEW.value, NEW.owner_id, NEW.created_at, NEW.stage_changed_at,
                                           NEW.currency, NEW.expected_close_at, NEW.forecast_category,
                                           CASE WHEN moved THEN OLD.pipeline_id END, CASE WHEN moved THEN OLD.stage END,
                                           CASE WHEN moved THEN OLD.stage_changed_at END);
    END IF;
    FOR note IN
        SELECT * FROM (VALUES
            (NEW.stage <> OLD.stage,
             CASE WHEN NEW.stage_kind IN ('won', 'lost') THEN NEW.stage_kind
                  WHEN OLD.stage_kind <> 'open' THEN 'reopened' ELSE 'stage_changed' END,
             jsonb_strip_nulls(jsonb_build_object('from', OLD.stage, 'to', NEW.stage, 'lost_reason', NEW.lost_reason))),
            (NEW.value <> OLD.value OR NEW.currency <> OLD.currency, 'value_changed',
             jsonb_build_object('from', OLD.value, 'to', NEW.value, 'currency', NEW.currency)),
            (NEW.owner_id IS DISTINCT FROM OLD.owner_id, 'assigned',
             jsonb_build_object('from', OLD.owner_id, 'to', NEW.owner_id)),
            (NEW.team_id IS DISTINCT FROM OLD.team_id, 'team_changed',
             jsonb_build_object('from', OLD.team_id, 'to', NEW.team_id)),
            (NEW.name <> OLD.name, 'renamed', jsonb_build_object('from', OLD.name, 'to', NEW.name))
        ) AS n(happened, kind, payload) WHERE n.happened
    LOOP
        PERFORM sentinel.keep_deal_note(NEW.org_id, NEW.id, note.kind, note.payload, at);
    END LOOP;
    IF NEW.is_demo OR NEW.changed_at <= NEW.imported_until THEN
        RETURN NULL;
    END IF;
    FOR event IN
        SELECT * FROM (VALUES
            (NEW.stage <> OLD.stage, 'deal.stage_changed'),
            (NEW.stage <> OLD.stage AND OLD.stage_kind = 'open' AND NEW.stage_kind = 'won', 'deal.won'),
            (NEW.stage <> OLD.stage AND OLD.stage_kind = 'open' AND NEW.stage_kind = 'lost', 'deal.lost')
        ) AS e(happened, event_type) WHERE e.happened
    LOOP
        PERFORM sentinel.emit_for(NEW.org_id, event.event_type, 'deal', NEW.id, jsonb_build_object(
            'deal_id', NEW.id, 'name', NEW.name, 'value', NEW.value, 'currency', NEW.currency, 'stage', NEW.stage,
            'from_stage', OLD.stage, 'owner_id', NEW.owner_id, 'as_of', NEW.changed_at)
            || CASE WHEN NEW.lost_reason IS NULL THEN '{}' ELSE jsonb_build_object('lost_reason', NEW.lost_reason) END,
            event.event_type || ':' || NEW.id || ':' || NEW.version);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_changed_deal() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_changed_deal() IS
    'Trigger on shards: keep the new version of a changed deal, write its timeline, emit deal.stage_changed, deal.won and deal.lost. As note_changed_deals().';

CREATE FUNCTION sentinel.note_gone_deal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sentinel.notes n WHERE n.org_id = OLD.org_id AND n.subject_type = 'deal' AND n.subject_id = OLD.id;
    DELETE FROM sentinel.tasks t WHERE t.org_id = OLD.org_id AND t.subject_type = 'deal' AND t.subject_id = OLD.id;
    IF OLD.is_demo THEN
        RETURN NULL;
    END IF;
    PERFORM sentinel.keep_deal_note(OLD.org_id, OLD.id, 'deleted', jsonb_build_object(
        'name', OLD.name, 'stage', OLD.stage, 'value', OLD.value), now());
    PERFORM sentinel.emit_for(OLD.org_id, 'deal.deleted', 'deal', OLD.id, jsonb_build_object(
        'deal_id', OLD.id, 'name', OLD.name, 'value', OLD.value, 'currency', OLD.currency, 'stage', OLD.stage,
        'owner_id', OLD.owner_id), 'deal.deleted:' || OLD.id);
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.note_gone_deal() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.note_gone_deal() IS
    'Trigger on shards: note a deal that was deleted and emit deal.deleted. As note_gone_deals().';

CREATE FUNCTION sentinel.signal_new_deal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings record;
    role_of_stage text;
BEGIN
    SELECT s.risk_role INTO role_of_stage FROM sentinel.pipeline_stages s
    WHERE s.org_id = NEW.org_id AND s.pipeline_id = NEW.pipeline_id AND s.stage = NEW.stage;
    SELECT * INTO settings FROM sentinel.signal_settings(NEW.org_id, NEW.owner_id, NEW.stage);
    INSERT INTO sentinel.deal_signals (org_id, deal_id, owner_id, team_id, risk_role, closed, value, created_at,
                                       stage_entered_at, inactivity_days, flags, stage_norm_days, weights, input_at, replay)
    VALUES (NEW.org_id, NEW.id, NEW.owner_id, NEW.team_id, sentinel.risk_role_number(role_of_stage), NEW.stage_kind <> 'open',
            NEW.value, NEW.created_at, NEW.stage_changed_at, settings.inactivity_days, settings.flags,
            settings.stage_norm_days, settings.weights, greatest(NEW.changed_at, settings.recorded_at),
            coalesce(NEW.changed_at < settings.recorded_at, false));
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_new_deal() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_new_deal() IS 'Trigger on shards: make the signals of a new deal. As signal_new_deals().';

CREATE FUNCTION sentinel.signal_changed_deal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings record;
    role_of_stage text;
    role_number smallint;
BEGIN
    IF (NEW.stage, NEW.pipeline_id, NEW.value, NEW.owner_id, NEW.created_at, NEW.stage_changed_at)
       IS NOT DISTINCT FROM (OLD.stage, OLD.pipeline_id, OLD.value, OLD.owner_id, OLD.created_at, OLD.stage_changed_at) THEN
        IF NEW.team_id IS DISTINCT FROM OLD.team_id THEN
            UPDATE sentinel.deal_signals s SET team_id = NEW.team_id WHERE s.org_id = NEW.org_id AND s.deal_id = NEW.id;
        END IF;
    ELSE
        SELECT s.risk_role INTO role_of_stage FROM sentinel.pipeline_stages s
        WHERE s.org_id = NEW.org_id AND s.pipeline_id = NEW.pipeline_id AND s.stage = NEW.stage;
        role_number := sentinel.risk_role_number(role_of_stage);
        SELECT * INTO settings FROM sentinel.signal_settings(NEW.org_id, NEW.owner_id, NEW.stage);
        UPDATE sentinel.deal_signals s
        SET owner_id = NEW.owner_id, team_id = NEW.team_id, risk_role = role_number, closed = NEW.stage_kind <> 'open',
            value = NEW.value, created_at = NEW.created_at, stage_entered_at = NEW.stage_changed_at,
            inactivity_days = settings.inactivity_days, flags = settings.flags, stage_norm_days = settings.stage_norm_days,
            weights = settings.weights,
            replay = s.replay OR NEW.changed_at < greatest(s.input_at, settings.recorded_at),
            input_at = greatest(s.input_at, NEW.changed_at, settings.recorded_at)
        WHERE s.org_id = NEW.org_id AND s.deal_id = NEW.id;
    END IF;
    IF OLD.stage_kind = 'open' AND NEW.stage_kind <> 'open' THEN
        PERFORM sentinel.learn_stage_norms(NEW.org_id, ARRAY[NEW.id],
                                           ARRAY[coalesce(NEW.owner_id, '00000000-0000-0000-0000-000000000000')],
                                           ARRAY[NEW.changed_at], ARRAY[NEW.version]);
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_changed_deal() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_changed_deal() IS
    'Trigger on shards: bring a change of a deal into its signals; one that closes adds to the stage norms of its owner. As signal_changed_deals(), row after row.';

CREATE FUNCTION sentinel.signal_activity() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sent timestamptz := CASE WHEN NEW.activity_type = 'email_sent' THEN NEW.occurred_at END;
    received timestamptz := CASE WHEN NEW.activity_type = 'email_received' THEN NEW.occurred_at END;
    met timestamptz := CASE WHEN NEW.activity_type IN ('meeting_held', 'call_held') THEN NEW.occurred_at END;
BEGIN
    IF NEW.deal_id IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE sentinel.deal_signals s
    SET last_sent_at = greatest(s.last_sent_at, sent),
        last_received_at = greatest(s.last_received_at, received),
        last_meeting_at = greatest(s.last_meeting_at, met),
        last_event_at = greatest(s.last_event_at, NEW.occurred_at),
        competitive_indicators = s.competitive_indicators + NEW.competitive_indicators,
        replay = s.replay OR NEW.recorded_at < s.input_at,
        input_at = greatest(s.input_at, NEW.recorded_at)
    WHERE s.org_id = NEW.org_id AND s.deal_id = NEW.deal_id;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.signal_activity() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.signal_activity() IS
    'Trigger on shards: bring a new activity into the signals of its deal. As signal_activities(), row after row.';

CREATE FUNCTION sentinel.count_ended_job() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    worker_name text := sentinel.stats_worker(NEW.worker);
    wait double precision := coalesce(greatest(0, extract(epoch FROM NEW.claimed_at - NEW.run_at) * 1000), 0);
    run double precision := coalesce(greatest(0, extract(epoch FROM NEW.finished_at - NEW.claimed_at) * 1000), 0);
BEGIN
    INSERT INTO sentinel.job_stats (org_id, queue, job_type, worker, outcome, jobs, wait_ms, run_ms, max_wait_ms, max_run_ms)
    VALUES (NEW.org_id, NEW.queue, NEW.job_type, worker_name, NEW.outcome, 1, wait, run, wait, run);
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.count_ended_job() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.count_ended_job() IS
    'Trigger on shards: add an attempt that ended otherwise than by complete() to job_stats. As count_ended_jobs(), a row for each; compact_stats() sums them up.';
