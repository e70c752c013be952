-- Room revenue: rights, settings, calls. Functions that write run as the owner of the tables and under the rights of
-- the member entered: members write these tables in no other way. Events come with the change of state, by trigger.

-- grant: everyone
CREATE FUNCTION sentinel.may_subject(action text, subject_type text, subject_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.current_org();
    deal uuid;
BEGIN
    PERFORM sentinel.require_installed();
    CASE may_subject.subject_type
    WHEN 'lead' THEN
        RETURN sentinel.may_lead(may_subject.action, may_subject.subject_id);
    WHEN 'deal' THEN
        RETURN (SELECT sentinel.may(may_subject.action, d.team_id, d.owner_id) FROM sentinel.deals d
                WHERE d.org_id = org AND d.id = may_subject.subject_id);
    WHEN 'call' THEN
        RETURN (SELECT sentinel.may_subject(may_subject.action, CASE WHEN c.deal_id IS NULL THEN 'lead' ELSE 'deal' END,
                                            coalesce(c.deal_id, c.lead_id))
                FROM sentinel.calls c WHERE c.org_id = org AND c.id = may_subject.subject_id);
    WHEN 'invoice' THEN
        SELECT i.deal_id INTO deal FROM sentinel.invoices i WHERE i.org_id = org AND i.id = may_subject.subject_id;
    WHEN 'contract' THEN
        SELECT k.deal_id INTO deal FROM sentinel.contracts k WHERE k.org_id = org AND k.id = may_subject.subject_id;
    WHEN 'client' THEN
        SELECT c.deal_id INTO deal FROM sentinel.clients c WHERE c.org_id = org AND c.id = may_subject.subject_id;
    ELSE
        RETURN NULL;
    END CASE;
    RETURN sentinel.may_subject(may_subject.action, 'deal', deal);
END
$$;
COMMENT ON FUNCTION sentinel.may_subject(text, text, uuid) IS
    'Tell whether the member entered may view or edit a lead, deal, call, invoice, contract or client, by its id; null when the member sees no such thing. A call follows its deal, else its lead; the others follow their deal.';

-- grant: everyone
CREATE FUNCTION sentinel.may_event(subject_type text, subject_id uuid, told_to text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF sentinel.may('assign', NULL, NULL) OR may_event.told_to = sentinel.current_member()::text THEN
        RETURN true;
    END IF;
    RETURN CASE
        WHEN may_event.subject_type = 'lead' THEN sentinel.may_lead('view', sentinel.resolve_lead(may_event.subject_id))
        WHEN may_event.subject_type IN ('deal', 'call', 'invoice', 'contract', 'client')
            THEN sentinel.may_subject('view', may_event.subject_type, may_event.subject_id)
        ELSE coalesce(may_event.subject_type, '') NOT IN ('notification', 'weekly_report', 'job', 'intake_row', 'deal_import') END;
END
$$;
COMMENT ON FUNCTION sentinel.may_event(text, uuid, text) IS
    'Tell whether the member entered may read an event of this subject, told to this member: of leads, deals and what belongs to them, those of what the member may view; those of notifications the own ones; reports, jobs and imports are for owners and admins, who read all. Null for what is gone.';

-- grant: sentinel_member, sentinel_operator, sentinel_reader
CREATE FUNCTION sentinel.require_subject(subject_type text, subject_id uuid, action text) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    allowed boolean := sentinel.may_subject(require_subject.action, require_subject.subject_type, require_subject.subject_id);
BEGIN
    IF allowed IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('no %s "%s" in this organisation', left(require_subject.subject_type, 40), require_subject.subject_id),
            DETAIL = 'It is found by its id, by those who may see it.',
            HINT = format('SELECT id FROM sentinel.%ss;', left(require_subject.subject_type, 40));
    END IF;
    IF NOT allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003',
            MESSAGE = format('not allowed to %s %s "%s"', require_subject.action, require_subject.subject_type, require_subject.subject_id),
            DETAIL = 'Who may change the deal, or without a deal the lead, may change what belongs to it.',
            HINT = 'Ask the owner of the deal or lead, or an admin.';
    END IF;
    RETURN org;
END
$$;
COMMENT ON FUNCTION sentinel.require_subject(text, uuid, text) IS
    'Raise unless the thing exists and the member entered may view or edit it; gives the organisation entered. Errors: SN002, SN003, SN004.';

-- grant: sentinel_reader, sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.revenue_setting(setting text) RETURNS numeric
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    found numeric;
BEGIN
    SELECT coalesce((to_jsonb(s) ->> d.setting)::numeric, d.value) INTO found
    FROM sentinel.revenue_defaults d LEFT JOIN sentinel.revenue_settings s ON s.org_id = org
    WHERE d.setting = revenue_setting.setting;
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('unknown setting "%s"', left(revenue_setting.setting, 80)),
            DETAIL = 'Settings are rows of sentinel.revenue_defaults.',
            HINT = format('Use one of: %s.', (SELECT string_agg(d.setting, ', ' ORDER BY d.setting) FROM sentinel.revenue_defaults d));
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION sentinel.revenue_setting(text) IS
    'Give a setting of the revenue engine as it holds for the organisation entered: its own value, else the default. Errors: SN002, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_revenue_settings(settings jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    moment timestamptz := now();
    bad record;
    changes text;
BEGIN
    PERFORM sentinel.require_manager();
    IF jsonb_typeof(set_revenue_settings.settings) IS DISTINCT FROM 'object' OR set_revenue_settings.settings = '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid settings %s', coalesce(left(set_revenue_settings.settings::text, 80), 'null')),
            DETAIL = 'Settings are an object of names and numbers; null brings the default back.', HINT = 'Use ''{"stale_lead_days": 45}''.';
    END IF;
    SELECT e.key, e.value, d.minimum, d.maximum INTO bad
    FROM jsonb_each(set_revenue_settings.settings) e LEFT JOIN sentinel.revenue_defaults d ON d.setting = e.key
    WHERE NOT coalesce(CASE jsonb_typeof(e.value) WHEN 'null' THEN d.setting IS NOT NULL
                       WHEN 'number' THEN (e.value #>> '{}')::numeric BETWEEN d.minimum AND d.maximum END, false)
    ORDER BY e.key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN bad.minimum IS NULL THEN 'SN004' ELSE '22023' END,
            MESSAGE = CASE WHEN bad.minimum IS NULL THEN format('unknown setting "%s"', left(bad.key, 80))
                           ELSE format('%s is %s', bad.key, left(bad.value::text, 40)) END,
            DETAIL = CASE WHEN bad.minimum IS NULL THEN 'Settings are rows of sentinel.revenue_defaults.'
                          ELSE format('It is a number from %s to %s, or null for the default.', bad.minimum, bad.maximum) END,
            HINT = 'SELECT setting, value, minimum, maximum, description FROM sentinel.revenue_defaults;';
    END IF;
    INSERT INTO sentinel.revenue_settings (org_id) VALUES (org) ON CONFLICT DO NOTHING;
    SELECT string_agg(format('%I = ($1 ->> %L)::numeric', e.key, e.key), ', ') INTO changes
    FROM jsonb_each(set_revenue_settings.settings) e;
    EXECUTE format('UPDATE sentinel.revenue_settings s SET %s, updated_at = $2 WHERE s.org_id = $3', changes)
        USING set_revenue_settings.settings, moment, org;
    PERFORM sentinel.audit('revenue_settings.changed', 'org', org, set_revenue_settings.settings);
END
$$;
ALTER FUNCTION sentinel.set_revenue_settings(jsonb) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.set_revenue_settings(jsonb) IS
    'Change settings of the revenue engine for the organisation entered: an object of names and numbers, null for the default; what is not named stays. Owners and admins only. Errors: SN002, SN003, SN004 setting, SN007, 22023 range.';

-- What people say of a call and what an analysis says of it never change in one statement: an analysis classifies, it
-- confirms nothing.
CREATE FUNCTION sentinel.settle_call() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.org_id := OLD.org_id;
        NEW.updated_at := now();
        IF (NEW.summary, NEW.proposal_blueprint, NEW.buying_signals, NEW.buying_signal_score, NEW.applied_signal, NEW.analysis_source)
               IS DISTINCT FROM
           (OLD.summary, OLD.proposal_blueprint, OLD.buying_signals, OLD.buying_signal_score, OLD.applied_signal, OLD.analysis_source)
           AND (NEW.status, NEW.transcript, NEW.outcome, NEW.completed_at)
               IS DISTINCT FROM (OLD.status, OLD.transcript, OLD.outcome, OLD.completed_at) THEN
            RAISE EXCEPTION USING ERRCODE = 'SN006', MESSAGE = format('an analysis changes what was said in call "%s"', OLD.id),
                DETAIL = 'Summary, signals and blueprint are written apart from status, transcript and outcome.',
                HINT = 'Use two statements.';
        END IF;
    END IF;
    NEW.completed_at := CASE WHEN NEW.status = 'completed' THEN coalesce(NEW.completed_at, NEW.status_changed_at) END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.settle_call() IS
    'Trigger: keep what an analysis writes of a call apart from what people write; fill completed_at. Errors: SN006.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.book_call(lead_id uuid, scheduled_at timestamptz, deal_id uuid DEFAULT NULL, meeting_url text DEFAULT NULL,
                                   as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_subject('lead', book_call.lead_id, 'edit');
    new_call uuid;
BEGIN
    IF NOT coalesce(isfinite(book_call.scheduled_at), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time "%s" of a call', book_call.scheduled_at),
            DETAIL = 'A call is booked for a finite instant.', HINT = 'Use now() + interval ''2 days''.';
    END IF;
    IF book_call.meeting_url !~ '^https?://[^[:space:]]+$' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid address "%s" of a meeting', left(book_call.meeting_url, 80)),
            DETAIL = 'An address begins with https:// or http://.', HINT = 'Use ''https://meet.example.com/room''.';
    END IF;
    IF book_call.deal_id IS NOT NULL THEN
        PERFORM sentinel.require_subject('deal', book_call.deal_id, 'edit');
        IF EXISTS (SELECT FROM sentinel.deals d
                   WHERE d.org_id = org AND d.id = book_call.deal_id AND d.lead_id <> book_call.lead_id) THEN
            RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('deal "%s" is of another lead', book_call.deal_id),
                DETAIL = 'A call is with the lead of its deal.', HINT = 'Leave the deal out.';
        END IF;
    END IF;
    INSERT INTO sentinel.calls AS c (org_id, lead_id, deal_id, scheduled_at, meeting_url, member_id, status_changed_at, created_at)
    VALUES (org, book_call.lead_id, book_call.deal_id, book_call.scheduled_at, book_call.meeting_url, sentinel.current_member(),
            book_call.as_of, book_call.as_of)
    ON CONFLICT (org_id, lead_id, scheduled_at) WHERE c.status = 'booked' DO NOTHING
    RETURNING c.id INTO new_call;
    IF new_call IS NULL THEN
        SELECT c.id INTO new_call FROM sentinel.calls c
        WHERE c.org_id = org AND c.lead_id = book_call.lead_id AND c.scheduled_at = book_call.scheduled_at AND c.status = 'booked';
        RETURN new_call;
    END IF;
    UPDATE sentinel.leads l SET last_contacted_at = greatest(l.last_contacted_at, book_call.as_of)
    WHERE l.org_id = org AND l.id = book_call.lead_id;
    RETURN new_call;
END
$$;
ALTER FUNCTION sentinel.book_call(uuid, timestamptz, uuid, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.book_call(uuid, timestamptz, uuid, text, timestamptz) IS
    'Book a call with a lead, about a deal of its where one is given; gives its id and emits call.booked. A call booked with the lead for that instant is given again; null when it belongs to a deal that the member does not see. Errors: SN002, SN003, SN004, SN007 time, address or deal of another lead.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.complete_call(call_id uuid, transcript text, outcome text, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_subject('call', complete_call.call_id, 'edit');
    held record;
BEGIN
    IF coalesce(btrim(complete_call.transcript), '') = '' OR coalesce(btrim(complete_call.outcome), '') = ''
       OR length(complete_call.transcript) > 1000000 OR length(complete_call.outcome) > 10000 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('a transcript of %s and an outcome of %s characters', coalesce(length(complete_call.transcript), 0),
                             coalesce(length(complete_call.outcome), 0)),
            DETAIL = 'A completed call has a transcript of 1 to 1,000,000 characters and an outcome of 1 to 10,000.',
            HINT = 'SELECT sentinel.complete_call(call_id, ''…'', ''wants a proposal'');';
    END IF;
    SELECT c.status, c.transcript, c.outcome, c.lead_id, c.deal_id INTO held FROM sentinel.calls c
    WHERE c.org_id = org AND c.id = complete_call.call_id FOR UPDATE;
    IF held.status = 'completed' THEN
        IF held.transcript = complete_call.transcript AND held.outcome = complete_call.outcome THEN
            RETURN;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('call "%s" is completed', complete_call.call_id),
            DETAIL = 'A completed call keeps its outcome.', HINT = 'SELECT sentinel.correct_transcript(call_id, ''…''); corrects what was said.';
    END IF;
    UPDATE sentinel.calls c
    SET status = 'completed', transcript = complete_call.transcript, outcome = complete_call.outcome,
        status_changed_at = sentinel.moved_at(c.status_changed_at, complete_call.as_of)
    WHERE c.org_id = org AND c.id = complete_call.call_id;
    UPDATE sentinel.leads l
    SET last_contacted_at = greatest(l.last_contacted_at, complete_call.as_of),
        last_activity_at = greatest(l.last_activity_at, complete_call.as_of)
    WHERE l.org_id = org AND l.id = held.lead_id;
    -- Counts as engagement with the deal, and its words as words of competition.
    INSERT INTO sentinel.activities (org_id, deal_id, lead_id, activity_type, occurred_at, recorded_at, body, payload, member_id)
    VALUES (org, held.deal_id, CASE WHEN held.deal_id IS NULL THEN held.lead_id END, 'call_held', complete_call.as_of,
            complete_call.as_of, left(complete_call.transcript, 250000),
            jsonb_build_object('call_id', complete_call.call_id, 'outcome', complete_call.outcome), sentinel.current_member());
END
$$;
ALTER FUNCTION sentinel.complete_call(uuid, text, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.complete_call(uuid, text, text, timestamptz) IS
    'Say that a call was held, with what was said and how it ended; emits call.completed and records an activity of its deal, else of its lead. The same words again change nothing. Errors: SN002, SN003, SN004, SN005 illegal move or completed otherwise, SN007 words or as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.correct_transcript(call_id uuid, transcript text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_subject('call', correct_transcript.call_id, 'edit');
    held record;
BEGIN
    SELECT c.status, c.transcript, c.transcript_version, c.lead_id, c.deal_id INTO held FROM sentinel.calls c
    WHERE c.org_id = org AND c.id = correct_transcript.call_id FOR UPDATE;
    IF held.status <> 'completed' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('call "%s" is %s', correct_transcript.call_id, held.status),
            DETAIL = 'What was said is corrected once the call is completed.', HINT = 'SELECT sentinel.complete_call(call_id, ''…'', ''…'');';
    END IF;
    IF coalesce(btrim(correct_transcript.transcript), '') = '' OR length(correct_transcript.transcript) > 1000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('a transcript of %s characters', coalesce(length(correct_transcript.transcript), 0)),
            DETAIL = 'A transcript has 1 to 1,000,000 characters.', HINT = 'Leave the call as it is.';
    END IF;
    IF held.transcript = correct_transcript.transcript THEN
        RETURN held.transcript_version;
    END IF;
    UPDATE sentinel.calls c SET transcript = correct_transcript.transcript, transcript_version = held.transcript_version + 1
    WHERE c.org_id = org AND c.id = correct_transcript.call_id;
    PERFORM sentinel.emit_for(org, 'call.reanalyze', 'call', correct_transcript.call_id, jsonb_build_object(
        'call_id', correct_transcript.call_id, 'lead_id', held.lead_id, 'deal_id', held.deal_id,
        'transcript_version', held.transcript_version + 1),
        format('call.reanalyze:%s:%s', correct_transcript.call_id, held.transcript_version + 1));
    RETURN held.transcript_version + 1;
END
$$;
ALTER FUNCTION sentinel.correct_transcript(uuid, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.correct_transcript(uuid, text) IS
    'Correct what was said in a completed call; emits call.reanalyze and gives the number of the version. The same words change nothing. Errors: SN002, SN003, SN004, SN005 not completed, SN007.';

CREATE FUNCTION sentinel.end_call(call_id uuid, status text, as_of timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_subject('call', end_call.call_id, 'edit');
BEGIN
    UPDATE sentinel.calls c SET status = end_call.status, status_changed_at = sentinel.moved_at(c.status_changed_at, end_call.as_of)
    WHERE c.org_id = org AND c.id = end_call.call_id AND c.status <> end_call.status;
END
$$;
COMMENT ON FUNCTION sentinel.end_call(uuid, text, timestamptz) IS 'Move a call to a state without words. Part of miss_call() and cancel_call().';

-- grant: sentinel_member
CREATE FUNCTION sentinel.miss_call(call_id uuid, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.end_call(miss_call.call_id, 'no_show', miss_call.as_of);
END
$$;
ALTER FUNCTION sentinel.miss_call(uuid, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.miss_call(uuid, timestamptz) IS
    'Say that the lead did not come to a call; emits call.no_show. Again changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.cancel_call(call_id uuid, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.end_call(cancel_call.call_id, 'cancelled', cancel_call.as_of);
END
$$;
ALTER FUNCTION sentinel.cancel_call(uuid, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.cancel_call(uuid, timestamptz) IS
    'Cancel a call that is booked; emits call.cancelled. Again changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.reschedule_call(call_id uuid, scheduled_at timestamptz, meeting_url text DEFAULT NULL,
                                         as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_subject('call', reschedule_call.call_id, 'edit');
    held record;
BEGIN
    IF NOT coalesce(isfinite(reschedule_call.scheduled_at), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time "%s" of a call', reschedule_call.scheduled_at),
            DETAIL = 'A call is booked for a finite instant.', HINT = 'Use now() + interval ''2 days''.';
    END IF;
    IF reschedule_call.meeting_url !~ '^https?://[^[:space:]]+$' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid address "%s" of a meeting', left(reschedule_call.meeting_url, 80)),
            DETAIL = 'An address begins with https:// or http://.', HINT = 'Use ''https://meet.example.com/room''.';
    END IF;
    SELECT c.status, c.scheduled_at, c.lead_id, c.deal_id INTO held FROM sentinel.calls c
    WHERE c.org_id = org AND c.id = reschedule_call.call_id FOR UPDATE;
    UPDATE sentinel.calls c
    SET status = 'booked', scheduled_at = reschedule_call.scheduled_at, meeting_url = coalesce(reschedule_call.meeting_url, c.meeting_url),
        status_changed_at = CASE c.status WHEN 'booked' THEN c.status_changed_at ELSE sentinel.moved_at(c.status_changed_at, reschedule_call.as_of) END
    WHERE c.org_id = org AND c.id = reschedule_call.call_id;
    IF held.status <> 'booked' OR held.scheduled_at <> reschedule_call.scheduled_at THEN
        PERFORM sentinel.emit_for(org, 'call.rescheduled', 'call', reschedule_call.call_id, jsonb_build_object(
            'call_id', reschedule_call.call_id, 'lead_id', held.lead_id, 'deal_id', held.deal_id,
            'scheduled_at', reschedule_call.scheduled_at, 'from_scheduled_at', held.scheduled_at, 'as_of', reschedule_call.as_of));
    END IF;
END
$$;
ALTER FUNCTION sentinel.reschedule_call(uuid, timestamptz, text, timestamptz) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.reschedule_call(uuid, timestamptz, text, timestamptz) IS
    'Book a call that is booked or was missed for another time; emits call.rescheduled, and after a no-show call.booked. Errors: SN002, SN003, SN004, SN005 completed or cancelled, SN007 time or address, 23505 another call with the lead then.';
