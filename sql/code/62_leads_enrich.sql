-- Room leads, jobs: completing a lead by what its mailbox tells and by what a service knows.

CREATE FUNCTION sentinel.is_free_mail(host text) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM sentinel.free_mail_domains f WHERE f.domain = is_free_mail.host);
END
$$;
COMMENT ON FUNCTION sentinel.is_free_mail(text) IS 'Tell whether anybody gets a mailbox at a host.';

CREATE FUNCTION sentinel.revenue_band(employees integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN employees < 10 THEN '< $1M' WHEN employees < 50 THEN '$1M - $10M' WHEN employees < 200 THEN '$10M - $50M'
                WHEN employees < 1000 THEN '$50M - $500M' ELSE '> $500M' END
$$;
COMMENT ON FUNCTION sentinel.revenue_band(integer) IS 'Give the band of yearly revenue that a number of employees suggests.';

CREATE FUNCTION sentinel.fill_lead(org uuid, lead uuid, facts jsonb, cause uuid, at timestamptz, complete boolean DEFAULT true)
    RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known record;
    -- An answer from outside: a list or an object under a name is no value of it.
    given jsonb := coalesce((SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(fill_lead.facts) f
                             WHERE jsonb_typeof(f.value) IN ('string', 'number')), '{}');
    host text := sentinel.normalize_domain(given ->> 'domain');
    staff integer := sentinel.intake_count(given ->> 'employee_count');
    added jsonb;
BEGIN
    SELECT * INTO known FROM sentinel.leads l WHERE l.org_id = fill_lead.org AND l.id = fill_lead.lead FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- Blanks only: what a person wrote stays.
    SELECT coalesce(jsonb_object_agg(f.field, btrim(f.fresh)), '{}') INTO added
    FROM (VALUES ('domain', known.domain, CASE WHEN NOT sentinel.is_free_mail(host) THEN host END),
                 ('company_name', known.company_name, given ->> 'company_name'),
                 ('industry', known.industry, given ->> 'industry'),
                 ('location', known.location, given ->> 'location'),
                 ('employee_count', known.employee_count::text, staff::text),
                 ('revenue_band', known.revenue_band, coalesce(nullif(btrim(given ->> 'revenue_band'), ''),
                     sentinel.revenue_band(coalesce(known.employee_count, staff))))
         ) AS f(field, old, fresh)
    WHERE coalesce(btrim(f.old), '') = '' AND length(btrim(f.fresh)) BETWEEN 1 AND 1000;
    IF added <> '{}' THEN
        UPDATE sentinel.leads l
        SET domain = coalesce(added ->> 'domain', l.domain), company_name = coalesce(added ->> 'company_name', l.company_name),
            industry = coalesce(added ->> 'industry', l.industry), location = coalesce(added ->> 'location', l.location),
            employee_count = coalesce((added ->> 'employee_count')::integer, l.employee_count),
            revenue_band = coalesce(added ->> 'revenue_band', l.revenue_band)
        WHERE l.org_id = fill_lead.org AND l.id = fill_lead.lead;
    END IF;
    IF fill_lead.complete THEN
        PERFORM sentinel.emit_for(fill_lead.org, 'lead.enriched', 'lead', fill_lead.lead, jsonb_build_object(
            'lead_id', fill_lead.lead, 'added', added, 'as_of', fill_lead.at),
            format('lead.enriched:%s:%s', fill_lead.lead, fill_lead.cause));
    END IF;
    RETURN added;
END
$$;
COMMENT ON FUNCTION sentinel.fill_lead(uuid, uuid, jsonb, uuid, timestamptz, boolean) IS
    'Fill what is blank in a lead from what was found and, when that is all that will be found, emit lead.enriched, once per cause; gives what was filled, null for an unknown lead. Does not count as activity of the lead. facts: domain, company_name, industry, location, employee_count, revenue_band.';

-- A room uses only rooms above it: what asks a service lies below, and hears of it by an event.
CREATE FUNCTION sentinel.request_service(org uuid, kind text, event_type text, subject_type text, subject uuid, lead uuid,
                                         cause uuid, at timestamptz) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sentinel.services s
                   WHERE s.org_id = request_service.org AND s.kind = request_service.kind AND s.enabled) THEN
        RETURN NULL;
    END IF;
    RETURN sentinel.emit_for(request_service.org, request_service.event_type, request_service.subject_type, request_service.subject,
        jsonb_build_object('lead_id', request_service.lead, 'cause_id', request_service.cause, 'as_of', request_service.at)
        || jsonb_build_object(request_service.subject_type || '_id', request_service.subject),
        format('%s:%s:%s', request_service.event_type, request_service.subject, request_service.cause));
END
$$;
COMMENT ON FUNCTION sentinel.request_service(uuid, text, text, text, uuid, uuid, uuid, timestamptz) IS
    'Emit the event by which a service is asked, once per subject and cause, and give its id; null where the organisation has no enabled service of the kind.';

CREATE FUNCTION sentinel.handle_enrich_lead(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    lead uuid := sentinel.job_lead(handle_enrich_lead.payload);
    cause uuid := sentinel.job_cause(handle_enrich_lead.job_id, handle_enrich_lead.payload);
    at timestamptz := sentinel.job_time(handle_enrich_lead.payload);
    known record;
    added jsonb;
    asked uuid;
BEGIN
    SELECT l.email, l.domain INTO known FROM sentinel.leads l WHERE l.org_id = org AND l.id = lead;
    IF known.email IS NOT NULL OR known.domain IS NOT NULL THEN
        asked := sentinel.request_service(org, 'enrichment', 'lead.enrichment_requested', 'lead', lead, lead, cause, at);
    END IF;
    added := sentinel.fill_lead(org, lead, jsonb_build_object('domain', sentinel.normalize_domain(known.email)), cause, at,
                                asked IS NULL);
    IF added IS NULL THEN
        RETURN jsonb_build_object('skipped', 'no such lead');
    END IF;
    RETURN jsonb_build_object('added', added, 'asked', asked);
END
$$;
COMMENT ON FUNCTION sentinel.handle_enrich_lead(uuid, jsonb) IS
    'Job, caused by lead.created: give a lead the domain of its mailbox, unless anybody gets one there, and a revenue band; then have the enrichment service of the organisation asked, if it has one, so that the lead is judged by what that knows too. Waits for no answer. Payload: lead_id.';

CREATE FUNCTION sentinel.handle_apply_enrichment(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    facts jsonb := sentinel.job_facts(handle_apply_enrichment.payload);
    added jsonb;
BEGIN
    added := sentinel.fill_lead(org, sentinel.job_lead(handle_apply_enrichment.payload),
        CASE WHEN jsonb_typeof(facts -> 'found') = 'object' THEN facts -> 'found' ELSE '{}' END,
        sentinel.job_cause(handle_apply_enrichment.job_id, handle_apply_enrichment.payload),
        sentinel.job_time(handle_apply_enrichment.payload));
    RETURN jsonb_build_object('added', added);
END
$$;
COMMENT ON FUNCTION sentinel.handle_apply_enrichment(uuid, jsonb) IS
    'Job, caused by lead.enrichment_received: fill blanks of a lead with the answer of an enrichment service. Payload: lead_id, found.';
