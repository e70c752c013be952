-- Room leads, operations: what the jobs of a lead do, done at once for who asks.

CREATE FUNCTION sentinel.require_seen_lead(lead_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The engine passes over row-level security, so may_lead() tells it no and not nothing of a lead that the member does not see.
    IF sentinel.may_lead('view', require_seen_lead.lead_id) IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no lead "%s" in this organisation', require_seen_lead.lead_id),
            DETAIL = 'A lead is found by its id, by those who may see it.', HINT = 'SELECT id, name FROM sentinel.leads;';
    END IF;
    PERFORM sentinel.require_lead(require_seen_lead.lead_id, 'edit');
END
$$;
COMMENT ON FUNCTION sentinel.require_seen_lead(uuid) IS
    'Raise, also for the engine, unless the member entered sees the lead and may edit it. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.qualify_lead(lead_id uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_org(), sentinel.require_seen_lead(qualify_lead.lead_id);
    RETURN sentinel.handle_qualify_lead(sentinel.uuid7(), jsonb_build_object('lead_id', qualify_lead.lead_id));
END
$$;
ALTER FUNCTION sentinel.qualify_lead(uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.qualify_lead(uuid) IS
    'Judge a lead now, as the job qualify_lead does: by the rules at once, giving score_id, score and path; or, where the organisation has a language model, by asking it, giving asked, the event by which it is asked. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.enrich_lead(lead_id uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_org(), sentinel.require_seen_lead(enrich_lead.lead_id);
    RETURN sentinel.handle_enrich_lead(sentinel.uuid7(), jsonb_build_object('lead_id', enrich_lead.lead_id));
END
$$;
ALTER FUNCTION sentinel.enrich_lead(uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.enrich_lead(uuid) IS
    'Fill blanks of a lead now, as the job enrich_lead does: gives added, what the mailbox told, and asked, the event by which the enrichment service of the organisation is asked, null without one. Being judged anew follows by a job. Errors: SN002, SN003, SN004.';
