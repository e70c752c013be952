-- Room leads, jobs: how well a lead fits the ideal customer, and why.

CREATE FUNCTION sentinel.icp_band(score numeric, OUT temperature text, OUT recommended_path text) RETURNS record
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN score >= 80 THEN 'hot' WHEN score >= 50 THEN 'warm' ELSE 'cold' END,
           CASE WHEN score >= 80 THEN 'direct_call' WHEN score >= 50 THEN 'outreach' WHEN score >= 20 THEN 'nurture' ELSE 'ignore' END
$$;
COMMENT ON FUNCTION sentinel.icp_band(numeric) IS
    'Give temperature and path of a qualification score: from 80 hot, direct_call; from 50 warm, outreach; from 20 cold, nurture; else cold, ignore.';

CREATE FUNCTION sentinel.estimate_leak(employees numeric, score numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(CASE WHEN employees > 200 THEN 30000 WHEN employees > 50 THEN 15000 WHEN employees > 10 THEN 5000
                      WHEN employees > 1 THEN 1500 ELSE 500 END * (0.4 + 0.6 * score / 100), -1)
$$;
COMMENT ON FUNCTION sentinel.estimate_leak(numeric, numeric) IS
    'Estimate the revenue that a lead loses a month from employees (null for unknown) and qualification score, in units of its currency, rounded to tens.';

CREATE FUNCTION sentinel.lead_facts(org uuid, lead uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'industry', nullif(btrim(l.industry), ''),
            'mailbox', CASE WHEN h.host IS NULL THEN 'none' WHEN sentinel.is_free_mail(h.host) THEN 'free' ELSE 'business' END,
            'employees', l.employee_count, 'revenue_band', nullif(btrim(l.revenue_band), ''),
            'lead_source', nullif(btrim(l.lead_source), ''), 'phone', nullif(btrim(l.phone), ''),
            'profile_link', nullif(btrim(l.profile_link), ''), 'location', nullif(btrim(l.location), ''),
            'platform', sentinel.platform_key(l.platform)))
            || coalesce((SELECT jsonb_object_agg(k.key, jsonb_array_length(l.interest_profile -> k.key))
                FROM unnest(ARRAY['pain_points', 'infrastructure_gaps', 'budget_signals', 'timeline_signals']) AS k(key)
                WHERE jsonb_typeof(l.interest_profile -> k.key) = 'array'), '{}')
        FROM sentinel.leads l
        CROSS JOIN LATERAL (SELECT sentinel.normalize_domain(coalesce(nullif(btrim(l.domain), ''), l.email)) AS host) h
        WHERE l.org_id = lead_facts.org AND l.id = lead_facts.lead);
END
$$;
COMMENT ON FUNCTION sentinel.lead_facts(uuid, uuid) IS
    'Give what a lead is judged by, under the names of icp_rules.field; null for an unknown lead. mailbox is business, free or none.';

CREATE FUNCTION sentinel.score_icp(org uuid, facts jsonb) RETURNS TABLE (rule text, points numeric, reason text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (r.group_name) r.rule,
           CASE r.kind WHEN 'count' THEN r.points * least(v.number, r.high) ELSE r.points END, r.reason
    FROM sentinel.icp_rules r
    CROSS JOIN LATERAL (
        SELECT btrim(regexp_replace(lower(score_icp.facts ->> r.field), '[[:space:]_-]+', ' ', 'g')) AS word,
               CASE WHEN score_icp.facts ->> r.field ~ '^[0-9]{1,9}$' THEN (score_icp.facts ->> r.field)::numeric END AS number) v
    WHERE r.org_id = score_icp.org AND r.enabled
      AND CASE r.kind WHEN 'matches' THEN v.word ~ r.pattern
                      WHEN 'missing' THEN coalesce(v.word, '') = ''
                      WHEN 'present' THEN v.word <> ''
                      WHEN 'between' THEN v.number >= coalesce(r.low, v.number) AND v.number <= coalesce(r.high, v.number)
                      WHEN 'count' THEN v.number > 0
                      ELSE true END
    ORDER BY r.group_name, r.position;
END
$$;
COMMENT ON FUNCTION sentinel.score_icp(uuid, jsonb) IS
    'Give the rules of an organisation that fit the facts of a lead, the first of each group, with their points. A pure function of both.';

CREATE FUNCTION sentinel.clean_reasons(reasons jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('rule', left(coalesce(r.reason ->> 'rule', 'model'), 63),
               'points', least(100, greatest(-100, CASE jsonb_typeof(r.reason -> 'points') WHEN 'number'
                   THEN round((r.reason ->> 'points')::numeric, 2) ELSE 0 END)),
               'reason', left(coalesce(r.reason ->> 'reason', ''), 300)) ORDER BY r.n), '[]')
    FROM jsonb_array_elements(CASE jsonb_typeof(reasons) WHEN 'array' THEN reasons ELSE '[]' END) WITH ORDINALITY AS r(reason, n)
    WHERE jsonb_typeof(r.reason) = 'object' AND r.n <= 100
$$;
COMMENT ON FUNCTION sentinel.clean_reasons(jsonb) IS
    'Give of the reasons of a judgement what can be used: at most 100 objects with rule, points from -100 to 100 and reason; whatever else an answer holds is dropped.';

CREATE FUNCTION sentinel.store_qualification(org uuid, lead uuid, cause uuid, source text, score numeric, reasons jsonb,
                                             facts jsonb, at timestamptz, leak numeric DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    fit numeric := round(least(100, greatest(0, store_qualification.score)), 2);
    why jsonb := sentinel.clean_reasons(store_qualification.reasons);
    summed numeric;
    band record;
    loss numeric := CASE WHEN store_qualification.leak BETWEEN 0 AND 1000000000000 THEN store_qualification.leak
        ELSE sentinel.estimate_leak(CASE WHEN store_qualification.facts ->> 'employees' ~ '^[0-9]{1,9}$'
                                         THEN (store_qualification.facts ->> 'employees')::numeric END, fit) END;
    known record;
    judged uuid;
BEGIN
    -- NaN is greater than all numbers and null is none: neither is a score.
    IF coalesce(store_qualification.score, 'NaN') = 'NaN' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('score %s of lead "%s"', coalesce(store_qualification.score::text, 'null'),
                store_qualification.lead),
            DETAIL = 'A score is a number; beyond 0 to 100 it is clamped.', HINT = 'Judge the lead by the rules instead.';
    END IF;
    SELECT l.lifecycle_stage, coalesce(l.currency, 'USD') AS money INTO known
    FROM sentinel.leads l WHERE l.org_id = store_qualification.org AND l.id = store_qualification.lead FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('skipped', 'no such lead');
    END IF;
    SELECT * INTO band FROM sentinel.icp_band(fit);
    SELECT coalesce(sum((r.reason ->> 'points')::numeric), 0) INTO summed
    FROM jsonb_array_elements(why) AS r(reason);
    INSERT INTO sentinel.lead_scores AS s (org_id, lead_id, cause_id, source, score, temperature, recommended_path,
        estimated_monthly_revenue_leak, currency, reasons, facts, scored_at)
    VALUES (store_qualification.org, store_qualification.lead, store_qualification.cause, store_qualification.source, fit,
        band.temperature, band.recommended_path, loss, known.money,
        why || CASE WHEN summed = fit THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
            'rule', 'rest', 'points', fit - summed, 'reason',
            CASE store_qualification.source WHEN 'rules' THEN 'A score is 0 to 100.' ELSE 'Not explained by the model.' END)) END,
        coalesce(store_qualification.facts, '{}'), store_qualification.at)
    ON CONFLICT (org_id, lead_id, cause_id) DO NOTHING
    RETURNING s.id INTO judged;
    IF judged IS NULL THEN
        RETURN jsonb_build_object('skipped', 'judged before');
    END IF;
    UPDATE sentinel.leads l
    SET qualification_score = fit, temperature = band.temperature, recommended_path = band.recommended_path,
        estimated_monthly_revenue_leak = loss, currency = known.money
    WHERE l.org_id = store_qualification.org AND l.id = store_qualification.lead;
    -- Qualifying moves a lead forward only, one that does not fit not at all, and is no contact with it.
    IF known.lifecycle_stage IN ('new_lead', 'contacted') AND band.recommended_path <> 'ignore' THEN
        PERFORM sentinel.set_lead_stage(store_qualification.lead, 'qualified', least(store_qualification.at, now()), false);
    END IF;
    PERFORM sentinel.emit_for(store_qualification.org, 'lead.qualified', 'lead', store_qualification.lead, jsonb_build_object(
        'lead_id', store_qualification.lead, 'score_id', judged, 'source', store_qualification.source, 'qualification_score', fit,
        'temperature', band.temperature, 'recommended_path', band.recommended_path, 'as_of', store_qualification.at),
        'lead.qualified:' || judged);
    RETURN jsonb_build_object('score_id', judged, 'score', fit, 'path', band.recommended_path);
END
$$;
COMMENT ON FUNCTION sentinel.store_qualification(uuid, uuid, uuid, text, numeric, jsonb, jsonb, timestamptz, numeric) IS
    'Store a judgement of a lead with its reasons, once per cause, and emit lead.qualified. For rules and models alike: the score is clamped, path and temperature follow its band, and only new and contacted leads that score 20 or more become qualified. A leak beyond 0 to a trillion is estimated instead. Errors: SN007 no score.';

CREATE FUNCTION sentinel.qualify_by_rules(org uuid, lead uuid, cause uuid, at timestamptz, note text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    facts jsonb := sentinel.lead_facts(qualify_by_rules.org, qualify_by_rules.lead);
    total numeric;
    why jsonb;
BEGIN
    SELECT coalesce(sum(s.points), 0), coalesce(jsonb_agg(jsonb_build_object('rule', s.rule, 'points', s.points, 'reason', s.reason)
               ORDER BY abs(s.points) DESC, s.rule), '[]') INTO total, why
    FROM sentinel.score_icp(qualify_by_rules.org, facts) s;
    IF qualify_by_rules.note IS NOT NULL THEN
        why := why || jsonb_build_object('rule', 'model_silent', 'points', 0, 'reason', qualify_by_rules.note);
    END IF;
    RETURN sentinel.store_qualification(qualify_by_rules.org, qualify_by_rules.lead, qualify_by_rules.cause, 'rules', total, why,
                                        facts, qualify_by_rules.at);
END
$$;
COMMENT ON FUNCTION sentinel.qualify_by_rules(uuid, uuid, uuid, timestamptz, text) IS
    'Judge a lead by the rules of its organisation and store score, path and reasons, once per cause. note: why no model judged it, kept as a reason of no points.';

CREATE FUNCTION sentinel.handle_qualify_lead(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    lead uuid := sentinel.job_lead(handle_qualify_lead.payload);
    cause uuid := sentinel.job_cause(handle_qualify_lead.job_id, handle_qualify_lead.payload);
    at timestamptz := sentinel.job_time(handle_qualify_lead.payload);
    asked uuid := sentinel.request_service(org, 'model', 'lead.qualification_requested', 'lead', lead, lead, cause, at);
BEGIN
    IF asked IS NOT NULL THEN
        RETURN jsonb_build_object('asked', asked);
    END IF;
    RETURN sentinel.qualify_by_rules(org, lead, cause, at);
END
$$;
COMMENT ON FUNCTION sentinel.handle_qualify_lead(uuid, jsonb) IS
    'Job, caused by lead.enriched and lead.reactivated: have a lead judged by the language model of its organisation, or, where it has none, judge it by the rules at once; emits lead.qualified once per cause. Waits for no answer: the rules judge when none comes that can be used. Payload: lead_id.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.explain_qualification(lead_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE (place integer, rule text, points numeric, reason text, score numeric, source text, scored_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT w.n::integer, w.why ->> 'rule', (w.why ->> 'points')::numeric, w.why ->> 'reason', j.score, j.source, j.scored_at
    FROM (SELECT * FROM sentinel.lead_scores s
          WHERE s.org_id = org AND s.lead_id = explain_qualification.lead_id AND s.scored_at <= explain_qualification.as_of
          ORDER BY s.scored_at DESC, s.id DESC LIMIT 1) j
    CROSS JOIN LATERAL jsonb_array_elements(j.reasons) WITH ORDINALITY AS w(why, n)
    ORDER BY w.n;
END
$$;
COMMENT ON FUNCTION sentinel.explain_qualification(uuid, timestamptz) IS
    'Say why a lead was judged as it was at a time: rows of points that sum to the score, the heaviest first. No rows before the first judgement. Errors: SN002.';

CREATE FUNCTION sentinel.setup_lead_jobs(org uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sentinel.icp_rules (org_id, rule, group_name, position, field, kind, pattern, low, high, points, reason)
    SELECT setup_lead_jobs.org, d.rule, d.group_name, d.position, d.field, d.kind, d.pattern, d.low, d.high, d.points, d.reason
    FROM sentinel.default_icp_rules d
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION sentinel.setup_lead_jobs(uuid) IS
    'Give an organisation the default rules of the ideal customer that it lacks. What it changed or switched off stays.';

CREATE FUNCTION sentinel.setup_schedules(org uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Without a time zone a schedule takes that of its organisation.
    INSERT INTO sentinel.schedules (org_id, name, cron_expression, event_type)
    SELECT setup_schedules.org, d.name, d.cron_expression, d.event_type FROM sentinel.default_schedules d
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION sentinel.setup_schedules(uuid) IS
    'Give an organisation the default schedules that it lacks, in its own time zone. One that was switched off stays off; one that was dropped comes back.';
