-- Room deals: demo data, so that an empty organisation has something to look at. Demo deals emit no events, no plan counts
-- them, and they go when the first real deal comes.

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.seed_demo_deals(as_of timestamptz DEFAULT now()) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at constant timestamptz := least(seed_demo_deals.as_of, now());
    path uuid;
    made integer;
BEGIN
    PERFORM sentinel.require_contributor();
    IF seed_demo_deals.as_of IS NULL OR NOT isfinite(at) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid time %s', coalesce(seed_demo_deals.as_of::text, 'null')),
            DETAIL = 'Demo deals are dated back from an instant.', HINT = 'Leave as_of out to mean now.';
    END IF;
    -- One after the other, or two would both find the organisation empty.
    PERFORM FROM sentinel.orgs o WHERE o.org_id = org FOR NO KEY UPDATE;
    SELECT p.id INTO path FROM sentinel.pipelines p WHERE p.org_id = org AND p.is_default;
    IF path IS NULL OR EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org) THEN
        RETURN 0;
    END IF;
    -- A single version each, so that nothing is left to count in the past once they are gone.
    INSERT INTO sentinel.deals (org_id, pipeline_id, stage, name, company_name, value, owner_id, is_demo, imported_until,
                                created_at, recorded_at, stage_changed_at)
    SELECT org, path, sentinel.find_stage(org, path, t.stage), t.name, t.name, t.value, sentinel.current_member(), true, at,
           at - make_interval(days => t.age), at - make_interval(days => t.entered), at - make_interval(days => t.entered)
    FROM (VALUES ('Acme Corporation', 75000, 'negotiation', 24, 24), ('TechStart Inc', 45000, 'proposal', 18, 18),
                 ('Global Systems Ltd', 120000, 'qualify', 12, 12), ('Pinnacle Solutions', 35000, 'discover', 4, 4),
                 ('Horizon Dynamics', 95000, 'negotiation', 35, 35), ('Quantum Industries', 250000, 'proposal', 28, 28),
                 ('Nexus Partners', 55000, 'qualify', 9, 9), ('Apex Ventures', 180000, 'closed_won', 60, 6)
         ) AS t(name, value, stage, age, entered);
    GET DIAGNOSTICS made = ROW_COUNT;
    -- Marked, because what happened with real deals is never removed.
    INSERT INTO sentinel.activities (org_id, deal_id, activity_type, occurred_at, recorded_at, subject, payload, member_id)
    SELECT org, d.id, t.activity_type, at - make_interval(days => t.ago),
           greatest(at - make_interval(days => t.ago), d.recorded_at), t.subject, jsonb '{"demo": true}', sentinel.current_member()
    FROM (VALUES ('Acme Corporation', 'meeting_held', 20, 'Requirements'), ('Acme Corporation', 'email_sent', 11, 'Terms'),
                 ('Acme Corporation', 'email_received', 10, 'We are comparing solutions'),
                 ('TechStart Inc', 'email_sent', 6, 'Proposal'), ('TechStart Inc', 'email_received', 3, 'Questions'),
                 ('Global Systems Ltd', 'call_held', 2, 'Budget'), ('Global Systems Ltd', 'email_received', 1, 'Next steps'),
                 ('Pinnacle Solutions', 'email_sent', 3, 'Introduction'), ('Pinnacle Solutions', 'meeting_held', 1, 'First meeting'),
                 ('Horizon Dynamics', 'meeting_held', 5, 'Contract review'), ('Horizon Dynamics', 'email_received', 2, 'Redlines'),
                 ('Quantum Industries', 'email_sent', 25, 'Proposal'), ('Quantum Industries', 'note_added', 14, 'Waiting for procurement'),
                 ('Nexus Partners', 'email_received', 8, 'Interested'), ('Nexus Partners', 'email_sent', 7, 'Dates'),
                 ('Apex Ventures', 'meeting_held', 9, 'Closing'), ('Apex Ventures', 'email_received', 7, 'Signed')
         ) AS t(name, activity_type, ago, subject)
    JOIN sentinel.deals d ON d.org_id = org AND d.is_demo AND d.name = t.name;
    RETURN made;
END
$$;
ALTER FUNCTION sentinel.seed_demo_deals(timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.seed_demo_deals(timestamptz) IS
    'Make eight demo deals with activities, of the member entered, dated back from as_of; gives their number, 0 where the organisation has a deal. Emits no events. Errors: SN002, SN003 viewer, SN007 as_of.';

CREATE FUNCTION sentinel.delete_demo_deals(org uuid) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM sentinel.activities a USING sentinel.deals d
    WHERE d.org_id = delete_demo_deals.org AND d.is_demo
      AND a.org_id = delete_demo_deals.org AND a.deal_id = d.id AND a.payload @> '{"demo": true}';
    DELETE FROM sentinel.deals d
    WHERE d.org_id = delete_demo_deals.org AND d.is_demo
      AND NOT EXISTS (SELECT FROM sentinel.activities a WHERE a.org_id = delete_demo_deals.org AND a.deal_id = d.id);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION sentinel.delete_demo_deals(uuid) IS
    'Delete the demo deals of an organisation with their demo activities, but those on which something real was recorded; gives their number. For the engine.';

-- grant: sentinel_member, sentinel_admin
CREATE FUNCTION sentinel.remove_demo_deals() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_contributor();
    RETURN sentinel.delete_demo_deals(org);
END
$$;
ALTER FUNCTION sentinel.remove_demo_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.remove_demo_deals() IS
    'Remove the demo deals of the organisation entered; gives their number. One on which real activities were recorded stays. Emits no events. Errors: SN002, SN003 viewer.';

CREATE FUNCTION sentinel.end_demo() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.current_org();
BEGIN
    IF EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND d.is_demo)
       AND EXISTS (SELECT FROM sentinel.deals d WHERE d.org_id = org AND NOT d.is_demo) THEN
        PERFORM sentinel.delete_demo_deals(org);
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.end_demo() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.end_demo() IS 'Trigger: remove the demo deals of the organisation entered when it has a real deal.';
