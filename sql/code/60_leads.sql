-- Room leads: people who may buy, made from intake rows by a job, or directly.

-- grant: everyone
CREATE FUNCTION sentinel.may_edit_lead(team_id uuid, owner_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What belongs to nobody is everybody's work, except for those who only look on.
    IF may_edit_lead.team_id IS NULL AND may_edit_lead.owner_id IS NULL AND sentinel.current_member() IS NOT NULL THEN
        RETURN pg_catalog.current_setting('sentinel.member_role') <> 'viewer';
    END IF;
    RETURN sentinel.may('edit', may_edit_lead.team_id, may_edit_lead.owner_id);
END
$$;
COMMENT ON FUNCTION sentinel.may_edit_lead(uuid, uuid) IS
    'Tell whether the member entered may change a lead of this team and owner; of none: all but viewers.';

CREATE FUNCTION sentinel.prepare_lead() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.name := coalesce(nullif(regexp_replace(trim(NEW.name), '\s+', ' ', 'g'), ''), 'Unknown');
    NEW.email := nullif(trim(NEW.email), '');
    NEW.profile_link := nullif(trim(NEW.profile_link), '');
    IF TG_OP = 'UPDATE' THEN
        NEW.org_id := OLD.org_id;
        NEW.id := OLD.id;
        NEW.recorded_at := OLD.recorded_at;
        NEW.updated_at := now();
        -- What a lead is compared by follows from what is given and is not given itself.
        NEW.email_match := OLD.email_match;
        NEW.profile_match := OLD.profile_match;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.email IS DISTINCT FROM OLD.email THEN
        NEW.email_match := sentinel.normalize_email(NEW.email);
        IF NEW.email IS NOT NULL AND NEW.email_match IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid e-mail address "%s"', left(NEW.email, 80)),
                DETAIL = 'A lead has one address on a public host, or none.', HINT = 'Use ''jane@example.com''.';
        END IF;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.profile_link IS DISTINCT FROM OLD.profile_link THEN
        -- A company's page is shared by its people, so it identifies none of them.
        NEW.profile_match := CASE WHEN sentinel.fingerprint_profile(NEW.org_id, NEW.profile_link) IS NOT NULL
                                  THEN sentinel.normalize_profile_url(NEW.profile_link) END;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        -- Whoever names an earlier moment of the change, not before the last one, is believed.
        IF NEW.lifecycle_stage <> OLD.lifecycle_stage
           AND NOT (NEW.last_state_change > OLD.last_state_change AND NEW.last_state_change <= now()) THEN
            NEW.last_state_change := greatest(now(), OLD.last_state_change);
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.prepare_lead() IS
    'Trigger: trim a lead, fill what it is compared by, and the times of change; id and time of recording stay. Errors: SN007 e-mail address.';

CREATE FUNCTION sentinel.announce_leads() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.emit_for(l.org_id, 'lead.created', 'lead', l.id,
                              jsonb_strip_nulls(jsonb_build_object('lead_id', l.id, 'intake_id', l.intake_id, 'lead_source', l.lead_source,
                                                                   'platform', l.platform, 'temperature', l.temperature,
                                                                   'as_of', least(l.last_state_change, now()))),
                              'lead.created:' || l.id)
    FROM new_leads l;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.announce_leads() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.announce_leads() IS 'Trigger: emit lead.created for each new lead, whoever made it.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.create_lead(name text DEFAULT NULL, email text DEFAULT NULL, phone text DEFAULT NULL,
        profile_link text DEFAULT NULL, company_name text DEFAULT NULL, domain text DEFAULT NULL, industry text DEFAULT NULL,
        employee_count integer DEFAULT NULL, revenue_band text DEFAULT NULL, location text DEFAULT NULL,
        lead_source text DEFAULT 'sql', platform text DEFAULT NULL, temperature text DEFAULT NULL, owner_id uuid DEFAULT NULL,
        team_id uuid DEFAULT NULL, created_at timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    fault text[] := sentinel.intake_fault(jsonb_strip_nulls(jsonb_build_object('name', create_lead.name, 'email', create_lead.email,
        'phone', create_lead.phone, 'profile_link', create_lead.profile_link, 'company_name', create_lead.company_name,
        'domain', create_lead.domain, 'industry', create_lead.industry, 'employee_count', create_lead.employee_count,
        'revenue_band', create_lead.revenue_band, 'location', create_lead.location, 'lead_source', create_lead.lead_source,
        'platform', create_lead.platform)));
    since timestamptz := coalesce(create_lead.created_at, now());
    new_lead uuid;
    taken uuid;
BEGIN
    PERFORM sentinel.require_contributor();
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = fault[2], DETAIL = format('The rule has the name %s.', fault[1]), HINT = fault[3];
    END IF;
    IF create_lead.temperature NOT IN ('cold', 'warm', 'hot') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown temperature "%s"', left(create_lead.temperature, 40)),
            DETAIL = 'A temperature is cold, warm or hot.', HINT = 'Use ''warm''.';
    END IF;
    INSERT INTO sentinel.leads AS l (org_id, name, email, phone, profile_link, company_name, domain, industry, employee_count,
        revenue_band, location, lead_source, platform, temperature, owner_id, team_id, created_at, last_state_change, last_activity_at, next_action,
        next_action_due, priority)
    VALUES (org, create_lead.name, create_lead.email, create_lead.phone, create_lead.profile_link, create_lead.company_name,
        coalesce(sentinel.normalize_domain(create_lead.domain), create_lead.domain), create_lead.industry, create_lead.employee_count,
        create_lead.revenue_band, create_lead.location, create_lead.lead_source, create_lead.platform, create_lead.temperature,
        create_lead.owner_id, create_lead.team_id, since, since, since, 'contact', since + interval '24 hours', 'normal')
    ON CONFLICT (org_id, email_match) WHERE email_match IS NOT NULL DO NOTHING
    RETURNING l.id INTO new_lead;
    IF new_lead IS NULL THEN
        SELECT l.id INTO taken FROM sentinel.leads l
        WHERE l.org_id = org AND l.email_match = sentinel.normalize_email(create_lead.email);
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('a lead with the e-mail address "%s" exists', left(create_lead.email, 80)),
            DETAIL = 'Two spellings of one mailbox are one address; an address belongs to one lead of an organisation.',
            HINT = coalesce(format('It is the lead %s.', taken), 'Ask its owner for access.');
    END IF;
    RETURN new_lead;
END
$$;
COMMENT ON FUNCTION sentinel.create_lead(text, text, text, text, text, text, text, integer, text, text, text, text, text, uuid, uuid, timestamptz) IS
    'Make a lead directly; gives its id. Needs a name or an identifier (email, phone, domain, profile_link). Emits lead.created. Errors: SN002, SN003, SN007 unusable value, 22023 temperature, 23503 unknown owner or team, 23505 e-mail taken.';

CREATE FUNCTION sentinel.find_lead(org uuid, email text, profile_link text, OUT lead_id uuid, OUT matched_by text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT l.id, 'email' INTO find_lead.lead_id, find_lead.matched_by FROM sentinel.leads l
    WHERE l.org_id = find_lead.org AND l.email_match = sentinel.normalize_email(find_lead.email);
    IF find_lead.lead_id IS NULL AND sentinel.fingerprint_profile(find_lead.org, find_lead.profile_link) IS NOT NULL THEN
        SELECT l.id, 'profile_link' INTO find_lead.lead_id, find_lead.matched_by FROM sentinel.leads l
        WHERE l.org_id = find_lead.org AND l.profile_match = sentinel.normalize_profile_url(find_lead.profile_link)
        ORDER BY l.created_at, l.id LIMIT 1;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.find_lead(uuid, text, text) IS
    'Find the lead with this mailbox, else the oldest with this personal profile, and say by which; nulls when there is none.';

CREATE FUNCTION sentinel.handle_process_intake(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    r record;
    f jsonb;
    known record;
    new_lead uuid;
    heat text;
BEGIN
    SELECT i.* INTO r FROM sentinel.intake_raw i
    WHERE i.org_id = org AND i.id = (handle_process_intake.payload ->> 'intake_id')::uuid FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no intake row "%s"', handle_process_intake.payload ->> 'intake_id'),
            DETAIL = 'The job names a row of sentinel.intake_raw of its organisation.', HINT = 'Cancel the job.';
    END IF;
    IF r.state NOT IN ('waiting', 'failed') THEN
        RETURN jsonb_build_object('state', r.state, 'lead_id', r.lead_id);
    END IF;
    f := r.payload;
    SELECT * INTO known FROM sentinel.find_lead(org, f ->> 'email', f ->> 'profile_link');
    IF known.lead_id IS NULL THEN
        heat := lower(trim(f ->> 'temperature'));
        INSERT INTO sentinel.leads AS l (org_id, name, email, phone, profile_link, company_name, domain, industry, employee_count,
            revenue_band, location, lead_source, platform, temperature, created_at, last_state_change, last_activity_at, next_action,
            next_action_due, priority, intake_id)
        VALUES (org, coalesce(f ->> 'name', 'Unknown'), CASE WHEN r.fingerprint_email IS NOT NULL THEN f ->> 'email' END, f ->> 'phone',
            f ->> 'profile_link', f ->> 'company_name', coalesce(sentinel.normalize_domain(f ->> 'domain'), f ->> 'domain'),
            f ->> 'industry', sentinel.intake_count(f ->> 'employee_count'), f ->> 'revenue_band', f ->> 'location',
            coalesce(f ->> 'lead_source', r.source), f ->> 'platform', CASE WHEN heat IN ('cold', 'warm', 'hot') THEN heat END,
            coalesce(sentinel.intake_time(f ->> 'created_at'), r.received_at), r.received_at, r.received_at, 'contact',
            r.received_at + interval '24 hours', 'normal', r.id)
        ON CONFLICT (org_id, email_match) WHERE email_match IS NOT NULL DO NOTHING
        RETURNING l.id INTO new_lead;
        IF new_lead IS NULL THEN
            -- Somebody made the lead between our look and our insert.
            SELECT * INTO known FROM sentinel.find_lead(org, f ->> 'email', f ->> 'profile_link');
        END IF;
    END IF;
    IF new_lead IS NULL THEN
        UPDATE sentinel.intake_raw i
        SET state = 'duplicate', lead_id = known.lead_id, duplicate_key = known.matched_by, processed_at = now()
        WHERE i.org_id = org AND i.id = r.id;
        UPDATE sentinel.leads l SET last_activity_at = greatest(l.last_activity_at, r.received_at)
        WHERE l.org_id = org AND l.id = known.lead_id AND l.last_activity_at < r.received_at;
    ELSE
        INSERT INTO sentinel.activities (org_id, lead_id, activity_type, occurred_at, subject, body, payload)
        VALUES (org, new_lead, 'other', r.received_at, 'Lead created from intake', f ->> 'notes',
                jsonb_build_object('kind', 'lead_created_from_intake', 'intake_id', r.id, 'source', r.source));
        UPDATE sentinel.intake_raw i SET state = 'processed', lead_id = new_lead, processed_at = now()
        WHERE i.org_id = org AND i.id = r.id;
    END IF;
    UPDATE sentinel.intake_raw i SET lead_id = coalesce(new_lead, known.lead_id)
    WHERE i.org_id = org AND i.duplicate_of = r.id;
    IF r.state = 'failed' THEN
        PERFORM sentinel.hold_fingerprints(org, r.id);
    END IF;
    RETURN jsonb_build_object('state', CASE WHEN new_lead IS NULL THEN 'duplicate' ELSE 'processed' END,
                              'lead_id', coalesce(new_lead, known.lead_id));
END
$$;
COMMENT ON FUNCTION sentinel.handle_process_intake(uuid, jsonb) IS
    'Job: make a lead of an intake row with its activity and event, or link the row to the lead with the same mailbox or profile. Doing it again changes nothing. Payload: intake_id. Errors: SN004 no such row.';

CREATE FUNCTION sentinel.hold_fingerprints(org uuid, intake_id uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.intake_fingerprints (org_id, key, fingerprint, intake_id)
    SELECT r.org_id, k.key, k.fingerprint, r.id
    FROM sentinel.intake_raw r
    CROSS JOIN LATERAL sentinel.intake_keys(r.fingerprint, r.fingerprint_person, r.fingerprint_email,
                                            r.fingerprint_profile, r.fingerprint_phone) k
    WHERE r.org_id = hold_fingerprints.org AND r.id = hold_fingerprints.intake_id
    ORDER BY k.key, k.fingerprint
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION sentinel.hold_fingerprints(uuid, uuid) IS
    'Give a row that failed and was tried again the fingerprints back that no other row has taken meanwhile.';

CREATE FUNCTION sentinel.handle_fail_intake(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    failed uuid;
BEGIN
    IF handle_fail_intake.payload #>> '{payload,job_type}' IS DISTINCT FROM 'process_intake' THEN
        RETURN jsonb_build_object('failed', NULL);
    END IF;
    UPDATE sentinel.intake_raw i SET state = 'failed', processed_at = now()
    FROM sentinel.job_dead d
    WHERE d.org_id = org AND d.id = (handle_fail_intake.payload ->> 'subject_id')::uuid
      AND i.org_id = org AND i.id = (d.payload ->> 'intake_id')::uuid AND i.state = 'waiting'
    RETURNING i.id INTO failed;
    DELETE FROM sentinel.intake_fingerprints p WHERE p.org_id = org AND p.intake_id = failed;
    RETURN jsonb_build_object('failed', failed);
END
$$;
COMMENT ON FUNCTION sentinel.handle_fail_intake(uuid, jsonb) IS
    'Job, caused by job.dead: mark the intake row of a dead process_intake job as failed and free its fingerprints, so that the person may come in again. A retried job sets the row right.';
