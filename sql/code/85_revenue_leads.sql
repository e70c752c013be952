-- Room revenue: tasks, and leads that turn out to be one.

-- grant: everyone
CREATE FUNCTION sentinel.may_task(action text, subject_type text, subject_id uuid, member_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF sentinel.current_member() IS NULL OR sentinel.may(may_task.action, NULL, may_task.member_id) THEN
        RETURN true;
    END IF;
    IF may_task.subject_id IS NOT NULL THEN
        RETURN coalesce(sentinel.may_subject(may_task.action, may_task.subject_type, may_task.subject_id), false);
    END IF;
    RETURN may_task.member_id IS NULL
           AND (may_task.action = 'view' OR pg_catalog.current_setting('sentinel.member_role') <> 'viewer');
END
$$;
COMMENT ON FUNCTION sentinel.may_task(text, text, uuid, uuid) IS
    'Tell whether the member entered may view or edit a task: own ones, those about what the member may view or edit, and those of nobody about nothing; owners and admins all.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.add_task(title text, subject_type text DEFAULT NULL, subject_id uuid DEFAULT NULL, due_at timestamptz DEFAULT NULL,
                                  priority text DEFAULT 'normal', member_id uuid DEFAULT NULL, source_key text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    task uuid;
BEGIN
    PERFORM sentinel.require_contributor();
    IF NOT coalesce(length(btrim(add_task.title)) BETWEEN 1 AND 500, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('a title of %s characters', coalesce(length(btrim(add_task.title)), 0)),
            DETAIL = 'A title has 1 to 500 characters.', HINT = 'Use ''Send the proposal''.';
    END IF;
    IF add_task.priority IS NULL OR add_task.priority NOT IN ('critical', 'high', 'normal', 'low') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown priority "%s"', left(add_task.priority, 40)),
            DETAIL = 'A priority is critical, high, normal or low.', HINT = 'Use ''normal''.';
    END IF;
    IF num_nonnulls(add_task.subject_type, add_task.subject_id) = 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'a task is about a kind of thing and its id, or about nothing',
            DETAIL = 'Only one of subject_type and subject_id is given.', HINT = 'Use ''lead'' and the id of the lead.';
    END IF;
    IF add_task.subject_id IS NOT NULL THEN
        PERFORM sentinel.require_subject(add_task.subject_type, add_task.subject_id, 'edit');
    END IF;
    INSERT INTO sentinel.tasks AS t (org_id, title, subject_type, subject_id, due_at, priority, member_id, source_key)
    VALUES (org, btrim(add_task.title), add_task.subject_type, add_task.subject_id, add_task.due_at, add_task.priority,
            add_task.member_id, add_task.source_key)
    ON CONFLICT (org_id, source_key) WHERE t.source_key IS NOT NULL DO NOTHING
    RETURNING t.id INTO task;
    IF task IS NULL THEN
        SELECT t.id INTO task FROM sentinel.tasks t WHERE t.org_id = org AND t.source_key = add_task.source_key;
    END IF;
    RETURN task;
END
$$;
COMMENT ON FUNCTION sentinel.add_task(text, text, uuid, timestamptz, text, uuid, text) IS
    'Make a task, about a lead, deal, call, invoice, contract or client where one is given, for a member or for whoever comes first; gives its id. A known source_key gives the task that has it, done or not. Errors: SN002, SN003, SN004, SN007, 22023 priority, 23503 member, 42501 for a colleague about nothing.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.complete_task(task_id uuid, done boolean DEFAULT true, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM FROM sentinel.tasks t WHERE t.org_id = org AND t.id = complete_task.task_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no task "%s" to be done by you', complete_task.task_id),
            DETAIL = 'A task is done by who may change what it is about, or by the member it is for.', HINT = 'SELECT id, title FROM sentinel.tasks;';
    END IF;
    UPDATE sentinel.tasks t SET completed_at = CASE WHEN complete_task.done THEN complete_task.as_of END
    WHERE t.org_id = org AND t.id = complete_task.task_id AND (t.completed_at IS NULL) = complete_task.done;
END
$$;
COMMENT ON FUNCTION sentinel.complete_task(uuid, boolean, timestamptz) IS
    'Say that a task is done, or with false that it is to be done again; what is so already stays. Errors: SN002, SN003, SN004.';

-- grant: sentinel_reader, sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.resolve_lead(lead_id uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN coalesce((SELECT m.master_id FROM sentinel.lead_merges m WHERE m.org_id = org AND m.duplicate_id = resolve_lead.lead_id),
                    resolve_lead.lead_id);
END
$$;
COMMENT ON FUNCTION sentinel.resolve_lead(uuid) IS
    'Give the lead that an id means today: the one that it was merged into, else itself. Errors: SN002.';

CREATE FUNCTION sentinel.join_profiles(kept jsonb, gone jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(jsonb_typeof(join_profiles.kept), 'object') <> 'object' OR coalesce(jsonb_typeof(join_profiles.gone), 'object') <> 'object' THEN
        RETURN coalesce(join_profiles.kept, join_profiles.gone);
    END IF;
    RETURN join_profiles.gone || join_profiles.kept || (
        SELECT coalesce(jsonb_object_agg(k.key, (
            SELECT coalesce(jsonb_agg(v.value ORDER BY v.place), '[]')
            FROM (SELECT e.value, min(e.place) AS place
                  FROM jsonb_array_elements(k.value || g.value) WITH ORDINALITY AS e(value, place) GROUP BY e.value) v)), '{}')
        FROM jsonb_each(join_profiles.kept) k JOIN jsonb_each(join_profiles.gone) g USING (key)
        WHERE jsonb_typeof(k.value) = 'array' AND jsonb_typeof(g.value) = 'array');
END
$$;
COMMENT ON FUNCTION sentinel.join_profiles(jsonb, jsonb) IS
    'Join two interest profiles: lists are united, of other values the first profile''s stays. Part of merge_leads().';

-- grant: sentinel_member
CREATE FUNCTION sentinel.merge_leads(master_id uuid, duplicate_id uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    master uuid := merge_leads.master_id;
    twin uuid := merge_leads.duplicate_id;
    urgency constant text[] := '{critical,high,normal,low}';
    moment timestamptz := now();
    kept record;
    gone record;
    judged record;
    unseen uuid;
    merge_id uuid;
BEGIN
    IF master = twin THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('lead "%s" is merged with itself', master),
            DETAIL = 'A lead is merged into another one.', HINT = 'SELECT sentinel.merge_leads(master_id, duplicate_id);';
    END IF;
    PERFORM FROM sentinel.leads l WHERE l.org_id = org AND l.id IN (master, twin) ORDER BY l.id FOR UPDATE;
    -- This function passes over row-level security, so that what hangs on the duplicate moves whole, also deals that the
    -- member does not see: both leads must be the member's to change.
    SELECT x.lead INTO unseen FROM (VALUES (master), (twin)) AS x(lead)
    WHERE NOT coalesce(sentinel.may_lead('view', x.lead), false) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no lead "%s" in this organisation', unseen),
            DETAIL = 'A lead is found by its id, by those who may see it.', HINT = 'SELECT id, name FROM sentinel.leads;';
    END IF;
    PERFORM sentinel.require_lead(x.lead, 'edit')
    FROM (VALUES (master), (twin)) AS x(lead);
    SELECT l.* INTO kept FROM sentinel.leads l WHERE l.org_id = org AND l.id = master;
    SELECT l.* INTO gone FROM sentinel.leads l WHERE l.org_id = org AND l.id = twin;
    -- Path and leak go with the score that holds.
    IF gone.qualification_score > coalesce(kept.qualification_score, -1) THEN
        judged := gone;
    ELSE
        judged := kept;
    END IF;

    UPDATE sentinel.calls c SET status = 'cancelled'
    WHERE c.org_id = org AND c.lead_id = twin AND c.status = 'booked' AND EXISTS (
        SELECT FROM sentinel.calls m WHERE m.org_id = org AND m.lead_id = master AND m.status = 'booked'
        AND m.scheduled_at = c.scheduled_at);
    UPDATE sentinel.calls c SET lead_id = master WHERE c.org_id = org AND c.lead_id = twin;
    UPDATE sentinel.deals d SET lead_id = master WHERE d.org_id = org AND d.lead_id = twin;
    UPDATE sentinel.clients c SET lead_id = master WHERE c.org_id = org AND c.lead_id = twin;
    UPDATE sentinel.activities a SET lead_id = master WHERE a.org_id = org AND a.lead_id = twin;
    UPDATE sentinel.lead_scores s SET lead_id = master
    WHERE s.org_id = org AND s.lead_id = twin AND NOT EXISTS (
        SELECT FROM sentinel.lead_scores m WHERE m.org_id = org AND m.lead_id = master AND m.cause_id = s.cause_id);
    UPDATE sentinel.tasks t SET subject_id = master WHERE t.org_id = org AND t.subject_type = 'lead' AND t.subject_id = twin;
    UPDATE sentinel.notes n SET subject_id = master WHERE n.org_id = org AND n.subject_type = 'lead' AND n.subject_id = twin;
    INSERT INTO sentinel.lead_tags (org_id, lead_id, tag_id, created_at)
    SELECT org, master, g.tag_id, g.created_at FROM sentinel.lead_tags g WHERE g.org_id = org AND g.lead_id = twin
    ON CONFLICT DO NOTHING;
    UPDATE sentinel.intake_raw i SET lead_id = master WHERE i.org_id = org AND i.lead_id = twin;
    UPDATE sentinel.lead_merges m SET master_id = master WHERE m.org_id = org AND m.master_id = twin;
    INSERT INTO sentinel.lead_merges AS m (org_id, master_id, duplicate_id, duplicate, member_id)
    VALUES (org, master, twin, to_jsonb(gone), sentinel.current_member()) RETURNING m.id INTO merge_id;
    -- Before its mailbox goes to the other.
    DELETE FROM sentinel.leads l WHERE l.org_id = org AND l.id = twin;
    -- Before the priority is: a stage sets one. One of two that is lost does not lose the other.
    IF gone.lifecycle_stage NOT IN ('new_lead', 'lost') THEN
        PERFORM sentinel.advance_lead(master, gone.lifecycle_stage, moment);
    END IF;

    UPDATE sentinel.leads l
    SET email = coalesce(kept.email, gone.email), phone = coalesce(nullif(kept.phone, ''), gone.phone),
        profile_link = coalesce(kept.profile_link, gone.profile_link), company_name = coalesce(nullif(kept.company_name, ''), gone.company_name),
        domain = coalesce(nullif(kept.domain, ''), gone.domain), industry = coalesce(nullif(kept.industry, ''), gone.industry),
        employee_count = coalesce(kept.employee_count, gone.employee_count), revenue_band = coalesce(nullif(kept.revenue_band, ''), gone.revenue_band),
        location = coalesce(nullif(kept.location, ''), gone.location), lead_source = coalesce(nullif(kept.lead_source, ''), gone.lead_source),
        platform = coalesce(nullif(kept.platform, ''), gone.platform), name = CASE kept.name WHEN 'Unknown' THEN gone.name ELSE kept.name END,
        temperature = (ARRAY['hot', 'warm', 'cold'])[least(array_position(ARRAY['hot', 'warm', 'cold'], kept.temperature),
                                                           array_position(ARRAY['hot', 'warm', 'cold'], gone.temperature))],
        qualification_score = greatest(kept.qualification_score, gone.qualification_score),
        buying_signal_score = greatest(kept.buying_signal_score, gone.buying_signal_score),
        ghost_risk_score = greatest(kept.ghost_risk_score, gone.ghost_risk_score),
        recommended_path = coalesce(judged.recommended_path, kept.recommended_path, gone.recommended_path),
        estimated_monthly_revenue_leak = coalesce(judged.estimated_monthly_revenue_leak, kept.estimated_monthly_revenue_leak,
                                                  gone.estimated_monthly_revenue_leak),
        currency = CASE WHEN judged.estimated_monthly_revenue_leak IS NOT NULL THEN judged.currency
                        WHEN kept.estimated_monthly_revenue_leak IS NOT NULL THEN kept.currency
                        ELSE coalesce(gone.currency, kept.currency) END,
        interest_profile = CASE WHEN num_nonnulls(kept.interest_profile, gone.interest_profile) = 2
                                THEN sentinel.join_profiles(kept.interest_profile, gone.interest_profile)
                                ELSE coalesce(kept.interest_profile, gone.interest_profile) END,
        priority = urgency[least(array_position(urgency, kept.priority), array_position(urgency, gone.priority))],
        last_activity_at = greatest(kept.last_activity_at, gone.last_activity_at),
        last_contacted_at = greatest(kept.last_contacted_at, gone.last_contacted_at),
        created_at = least(kept.created_at, gone.created_at), intake_id = coalesce(kept.intake_id, gone.intake_id)
    WHERE l.org_id = org AND l.id = master;

    PERFORM sentinel.audit('lead.merged', 'lead', master, jsonb_build_object('duplicate_id', twin, 'merge_id', merge_id)),
            sentinel.emit_for(org, 'lead.merged', 'lead', master, jsonb_build_object('lead_id', master, 'duplicate_id', twin),
                              'lead.merged:' || twin);
    RETURN master;
END
$$;
ALTER FUNCTION sentinel.merge_leads(uuid, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.merge_leads(uuid, uuid) IS
    'Merge a duplicate into the lead that stays, and give its id; emits lead.merged. Deals, calls, clients, activities, notes, judgements and tasks move, tags are united; blanks are filled; the hotter, higher and further of scores, priority and stage holds; a lost lead comes back with a duplicate that is not; the duplicate is deleted, kept in lead_merges, and its id resolves to the other. Errors: SN002, SN003, SN004, SN007 the same lead twice.';
