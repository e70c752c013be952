-- Room deals: pipelines, deals, their activities. What a write of a deal brings with it is in 71_deals_notes.sql.

-- grant: everyone
CREATE FUNCTION sentinel.normalize_stage(stage text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_normalize_stage';
COMMENT ON FUNCTION sentinel.normalize_stage(text) IS
    'Give the canonical stage that a text means ("Closed Won", "qualification", "lost"), or null when it means none.';

-- grant: everyone
CREATE FUNCTION sentinel.competitive_indicators(body text) RETURNS smallint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_competitive_indicators';
COMMENT ON FUNCTION sentinel.competitive_indicators(text) IS
    'Count the signs in a text that a competitor is in play: at most one keyword and one phrase, so 0 to 2.';

-- grant: everyone
CREATE FUNCTION sentinel.normalize_channel(channel text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE replace(replace(lower(btrim(channel)), '-', '_'), ' ', '_')
        WHEN 'direct' THEN 'direct' WHEN 'inbound' THEN 'direct'
        WHEN 'organic' THEN 'organic'
        WHEN 'outbound' THEN 'outbound' WHEN 'paid' THEN 'outbound' WHEN 'paid_ads' THEN 'outbound' WHEN 'cold' THEN 'outbound'
        WHEN 'referrals' THEN 'referrals' WHEN 'referral' THEN 'referrals'
        WHEN 'partners' THEN 'partners' WHEN 'partner' THEN 'partners' WHEN 'partnerships' THEN 'partners'
    END
$$;
COMMENT ON FUNCTION sentinel.normalize_channel(text) IS
    'Give the channel that a text means: direct, organic, outbound, referrals or partners; null when it means none.';

-- grant: everyone
CREATE FUNCTION sentinel.channel_or_default(channel text, stage text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(channel, CASE coalesce(sentinel.normalize_stage(stage), stage)
        WHEN 'qualify' THEN 'organic' WHEN 'proposal' THEN 'outbound' WHEN 'negotiation' THEN 'referrals'
        WHEN 'closed_won' THEN 'partners' WHEN 'closed_lost' THEN 'outbound' ELSE 'direct' END)
$$;
COMMENT ON FUNCTION sentinel.channel_or_default(text, text) IS
    'Give the channel of a deal, or for one without the channel that the original assumed of its stage. A guess for display; nothing stores it. Source: revenue.md (b).';

CREATE FUNCTION sentinel.guard_deal() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'sentinel_guard_deal';
COMMENT ON FUNCTION sentinel.guard_deal() IS
    'Trigger: guard every insert and update of deals and fill pipeline_id, stage, stage_kind, closed_at, version and times. Errors: SN002, SN004, SN005 illegal move, SN006 identity changed, SN007 name, value, currency, stage or time.';

CREATE FUNCTION sentinel.guard_activity() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'sentinel_guard_activity';
COMMENT ON FUNCTION sentinel.guard_activity() IS
    'Trigger: guard every insert of activities and fill occurred_at, recorded_at and competitive_indicators. Errors: SN007 time or length.';

CREATE FUNCTION sentinel.insert_pipeline(org uuid, template text, is_default boolean) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_pipeline uuid := sentinel.uuid7();
BEGIN
    IF insert_pipeline.is_default THEN
        UPDATE sentinel.pipelines p SET is_default = false WHERE p.org_id = insert_pipeline.org AND p.is_default;
    END IF;
    INSERT INTO sentinel.pipelines (org_id, id, name, is_default)
    SELECT insert_pipeline.org, new_pipeline, t.name, insert_pipeline.is_default
    FROM sentinel.pipeline_templates t WHERE t.template = insert_pipeline.template;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('unknown pipeline template "%s"', left(insert_pipeline.template, 80)),
            DETAIL = 'A pipeline is made from a template.',
            HINT = format('Use one of: %s.', (SELECT string_agg(t.template, ', ' ORDER BY t.template)
                                              FROM sentinel.pipeline_templates t));
    END IF;
    INSERT INTO sentinel.pipeline_stages (org_id, pipeline_id, stage, label, position, kind, risk_role, probability)
    SELECT insert_pipeline.org, new_pipeline, s.stage, s.label, s.position, s.kind, s.risk_role, s.probability
    FROM sentinel.pipeline_template_stages s WHERE s.template = insert_pipeline.template;
    INSERT INTO sentinel.stage_transitions (org_id, pipeline_id, from_stage, to_stage)
    SELECT insert_pipeline.org, new_pipeline, t.from_stage, t.to_stage
    FROM sentinel.pipeline_template_transitions t WHERE t.template = insert_pipeline.template;
    RETURN new_pipeline;
END
$$;
COMMENT ON FUNCTION sentinel.insert_pipeline(uuid, text, boolean) IS
    'Make a pipeline of a template in any organisation. For setup_deals() and add_pipeline().';

CREATE FUNCTION sentinel.setup_deals(org uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sentinel.pipelines p WHERE p.org_id = setup_deals.org) THEN
        PERFORM sentinel.insert_pipeline(setup_deals.org, 'revenue', true);
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.setup_deals(uuid) IS 'Give an organisation that has no pipeline the default one.';

-- grant: sentinel_member, sentinel_operator, sentinel_admin
CREATE FUNCTION sentinel.add_pipeline(template text DEFAULT 'revenue', is_default boolean DEFAULT false) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    new_pipeline uuid;
BEGIN
    PERFORM sentinel.require_manager();
    new_pipeline := sentinel.insert_pipeline(org, add_pipeline.template, add_pipeline.is_default);
    PERFORM sentinel.audit('pipeline.created', 'pipeline', new_pipeline, jsonb_build_object(
        'template', add_pipeline.template, 'is_default', add_pipeline.is_default));
    RETURN new_pipeline;
END
$$;
ALTER FUNCTION sentinel.add_pipeline(text, boolean) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.add_pipeline(text, boolean) IS
    'Add a pipeline made from a template (revenue, crm_v1, crm_v2) to the organisation entered, as its default if asked; gives its id. Errors: SN003, SN004 template, 23505 it has one of that name.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.resolve_stage(pipeline_id uuid, stage text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    found text;
BEGIN
    SELECT s.stage INTO found
    FROM sentinel.pipeline_stages s
    WHERE s.org_id = org AND s.pipeline_id = resolve_stage.pipeline_id
      AND s.stage IN (lower(btrim(resolve_stage.stage)), sentinel.normalize_stage(resolve_stage.stage))
    ORDER BY s.stage = lower(btrim(resolve_stage.stage)) DESC LIMIT 1;
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown stage "%s"', left(resolve_stage.stage, 80)),
            DETAIL = 'A deal is in a stage of its pipeline.',
            HINT = format('Use one of: %s.', (SELECT string_agg(s.stage, ', ' ORDER BY s.position)
                FROM sentinel.pipeline_stages s WHERE s.org_id = org AND s.pipeline_id = resolve_stage.pipeline_id));
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION sentinel.resolve_stage(uuid, text) IS
    'Give the stage of a pipeline that a text means, by its name or an alias. Errors: SN007.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.create_deal(name text, value numeric, stage text DEFAULT NULL, currency text DEFAULT 'USD',
                                     owner_id uuid DEFAULT NULL, team_id uuid DEFAULT NULL, lead_id uuid DEFAULT NULL,
                                     channel text DEFAULT NULL, pipeline text DEFAULT NULL,
                                     external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    owner uuid := coalesce(create_deal.owner_id, sentinel.current_member());
    path uuid;
    way text := sentinel.normalize_channel(create_deal.channel);
    new_deal uuid;
BEGIN
    IF create_deal.channel IS NOT NULL AND way IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('unknown channel "%s"', left(create_deal.channel, 80)),
            DETAIL = 'A channel says how the deal was won.',
            HINT = 'Use one of: direct, organic, outbound, referrals, partners.';
    END IF;
    IF create_deal.name IS NULL OR create_deal.value IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'a deal needs a name and a value',
            DETAIL = 'Neither may be null.', HINT = 'SELECT sentinel.create_deal(''Acme Ltd'', 75000);';
    END IF;
    -- Before the column's own limit, so that the answer is ours.
    IF NOT create_deal.value BETWEEN 0 AND 20000000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid deal value %s', left(create_deal.value::text, 40)),
            DETAIL = 'A value is a number from 0 to 20,000,000,000.', HINT = 'Use 75000 or 75000.50.';
    END IF;
    SELECT p.id INTO path FROM sentinel.pipelines p
    WHERE p.org_id = org AND (lower(p.name) = lower(create_deal.pipeline) OR create_deal.pipeline IS NULL AND p.is_default)
    ORDER BY p.name = create_deal.pipeline DESC LIMIT 1;
    IF path IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('no pipeline "%s" in this organisation', left(coalesce(create_deal.pipeline, 'default'), 80)),
            DETAIL = 'A deal goes along a pipeline of its organisation.',
            HINT = format('Use one of: %s.', (SELECT string_agg(quote_literal(p.name), ', ' ORDER BY p.name)
                                              FROM sentinel.pipelines p WHERE p.org_id = org));
    END IF;
    IF NOT sentinel.may('edit', create_deal.team_id, CASE WHEN create_deal.team_id IS NULL THEN owner END) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = 'not allowed to create this deal',
            DETAIL = 'A member creates own deals, and deals of teams in which the role is not viewer.',
            HINT = 'Leave owner_id and team_id out.';
    END IF;
    -- An owner who never was a member is for the foreign key to refuse.
    PERFORM sentinel.require_assignee(m.id, create_deal.team_id) FROM sentinel.members m WHERE m.org_id = org AND m.id = owner;
    INSERT INTO sentinel.deals AS d (org_id, pipeline_id, stage, name, value, currency, owner_id, team_id, lead_id, channel,
                                     external_id, created_at, recorded_at)
    VALUES (org, path,
            CASE WHEN create_deal.stage IS NOT NULL THEN sentinel.resolve_stage(path, create_deal.stage) END,
            create_deal.name, create_deal.value, upper(btrim(create_deal.currency)), owner, create_deal.team_id,
            create_deal.lead_id, way, create_deal.external_id, create_deal.as_of, create_deal.as_of)
    ON CONFLICT (org_id, external_id) WHERE d.external_id IS NOT NULL DO NOTHING
    RETURNING d.id INTO new_deal;
    IF new_deal IS NULL THEN
        SELECT d.id INTO new_deal FROM sentinel.deals d WHERE d.org_id = org AND d.external_id = create_deal.external_id;
    END IF;
    RETURN new_deal;
END
$$;
COMMENT ON FUNCTION sentinel.create_deal(text, numeric, text, text, uuid, uuid, uuid, text, text, text, timestamptz) IS
    'Make a deal in the organisation entered and give its id; emits deal.created. Stage and channel may be aliases. The owner is the member entered when not given. A known external_id gives the deal that has it, unchanged. as_of is when it began and was learned of. Errors: SN002, SN003, SN004 pipeline or owner, SN007, 23503 owner, team or lead.';

-- grant: everyone
CREATE FUNCTION sentinel.may_deal(action text, deal_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_installed();
    RETURN sentinel.current_member() IS NULL OR EXISTS (
        SELECT FROM sentinel.deals d WHERE d.org_id = sentinel.current_org() AND d.id = may_deal.deal_id
        AND sentinel.may(may_deal.action, d.team_id, d.owner_id));
END
$$;
COMMENT ON FUNCTION sentinel.may_deal(text, uuid) IS
    'Tell whether the member entered may view, edit or assign a deal, by its id; policies of what belongs to deals call it, for a policy holds no sub-select. True when an organisation is entered without a member. Errors: 22023 for another action.';

-- grant: sentinel_member, sentinel_operator, sentinel_reader
CREATE FUNCTION sentinel.require_deal(deal_id uuid, action text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    deal record;
BEGIN
    SELECT d.team_id, d.owner_id INTO deal FROM sentinel.deals d WHERE d.org_id = org AND d.id = require_deal.deal_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no deal "%s" in this organisation', require_deal.deal_id),
            DETAIL = 'A deal is found by its id, by those who may see it.', HINT = 'SELECT id, name FROM sentinel.deals;';
    END IF;
    IF NOT sentinel.may(require_deal.action, deal.team_id, deal.owner_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('not allowed to %s deal "%s"', require_deal.action, require_deal.deal_id),
            DETAIL = CASE require_deal.action
                WHEN 'assign' THEN 'Only owners and admins of the team or organisation assign deals.'
                ELSE 'Viewers read; others change own deals and those of their teams.' END,
            HINT = 'Ask an admin of the team.';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_deal(uuid, text) IS
    'Raise unless the deal exists and the member entered may do the action (view, edit, assign) on it. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.move_deal(deal_id uuid, stage text, lost_reason text DEFAULT NULL,
                                   as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    path uuid;
    goal text;
BEGIN
    PERFORM sentinel.require_deal(move_deal.deal_id, 'edit');
    SELECT d.pipeline_id INTO path FROM sentinel.deals d WHERE d.org_id = org AND d.id = move_deal.deal_id;
    goal := sentinel.resolve_stage(path, move_deal.stage);
    UPDATE sentinel.deals d
    SET stage = goal, lost_reason = coalesce(move_deal.lost_reason, d.lost_reason), changed_at = move_deal.as_of
    WHERE d.org_id = org AND d.id = move_deal.deal_id AND d.stage <> goal;
END
$$;
COMMENT ON FUNCTION sentinel.move_deal(uuid, text, text, timestamptz) IS
    'Move a deal to another stage; emits deal.stage_changed, and deal.won or deal.lost. To be where it is already changes nothing. Errors: SN002, SN003, SN004, SN005 illegal move, SN007 stage or as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.change_deal_value(deal_id uuid, value numeric, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_deal(change_deal_value.deal_id, 'edit');
    IF NOT coalesce(change_deal_value.value BETWEEN 0 AND 20000000000, false) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('invalid deal value %s', coalesce(left(change_deal_value.value::text, 40), 'null')),
            DETAIL = 'A value is a number from 0 to 20,000,000,000.', HINT = 'Use 75000 or 75000.50.';
    END IF;
    UPDATE sentinel.deals d SET value = change_deal_value.value, changed_at = change_deal_value.as_of
    WHERE d.org_id = org AND d.id = change_deal_value.deal_id AND d.value <> round(change_deal_value.value, 2);
END
$$;
COMMENT ON FUNCTION sentinel.change_deal_value(uuid, numeric, timestamptz) IS
    'Change the value of a deal. Errors: SN002, SN003, SN004, SN007.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.assign_deal(deal_id uuid, owner_id uuid, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_deal(assign_deal.deal_id, 'assign');
    PERFORM sentinel.require_assignee(assign_deal.owner_id, d.team_id)
    FROM sentinel.deals d WHERE d.org_id = org AND d.id = assign_deal.deal_id;
    UPDATE sentinel.deals d SET owner_id = assign_deal.owner_id, changed_at = assign_deal.as_of
    WHERE d.org_id = org AND d.id = assign_deal.deal_id AND d.owner_id IS DISTINCT FROM assign_deal.owner_id;
END
$$;
COMMENT ON FUNCTION sentinel.assign_deal(uuid, uuid, timestamptz) IS
    'Give a deal to a member, for one of a team to one of the team or who rules the organisation, or to nobody with null. Owners and admins only. Errors: SN002, SN003, SN004, SN007 as_of.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.move_deal_to_team(deal_id uuid, team_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    deal record;
BEGIN
    -- By the engine: an admin of the team does not see the deal any more once it is its owner's alone.
    SELECT d.team_id, d.owner_id INTO deal FROM sentinel.deals d
    WHERE d.org_id = org AND d.id = move_deal_to_team.deal_id AND sentinel.may('view', d.team_id, d.owner_id) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no deal "%s" in this organisation', move_deal_to_team.deal_id),
            DETAIL = 'A deal is found by its id, by those who may see it.', HINT = 'SELECT id, name FROM sentinel.deals;';
    END IF;
    PERFORM sentinel.require_deal(move_deal_to_team.deal_id, CASE WHEN deal.team_id IS NOT NULL THEN 'assign' ELSE 'edit' END);
    IF move_deal_to_team.team_id IS NOT NULL AND NOT sentinel.may('edit', move_deal_to_team.team_id, NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('not allowed to edit deals of team "%s"', move_deal_to_team.team_id),
            DETAIL = 'A deal moves into a team by a member of it who is not a viewer.', HINT = 'Ask an admin of the team.';
    END IF;
    UPDATE sentinel.deals d SET team_id = move_deal_to_team.team_id
    WHERE d.org_id = org AND d.id = move_deal_to_team.deal_id AND d.team_id IS DISTINCT FROM move_deal_to_team.team_id;
END
$$;
ALTER FUNCTION sentinel.move_deal_to_team(uuid, uuid) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.move_deal_to_team(uuid, uuid) IS
    'Move a deal into a team, or with null out of its team; it keeps its owner. Errors: SN002, SN003, SN004, 23503 team.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.record_activity(deal_id uuid, activity_type text, occurred_at timestamptz DEFAULT NULL,
                                         subject text DEFAULT NULL, body text DEFAULT NULL, payload jsonb DEFAULT '{}',
                                         as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    kinds constant text[] := '{email_sent,email_received,meeting_held,call_held,note_added,email_drafted,other}';
    new_activity uuid;
BEGIN
    PERFORM sentinel.require_deal(record_activity.deal_id, 'edit');
    IF record_activity.activity_type IS NULL OR record_activity.activity_type <> ALL (kinds) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('unknown activity type "%s"', left(record_activity.activity_type, 80)),
            DETAIL = 'E-mails, meetings and held calls count as engagement; the others do not.',
            HINT = format('Use one of: %s.', array_to_string(kinds, ', '));
    END IF;
    INSERT INTO sentinel.activities AS a (org_id, deal_id, activity_type, occurred_at, recorded_at, subject, body, payload,
                                          member_id)
    VALUES (org, record_activity.deal_id, record_activity.activity_type,
            coalesce(record_activity.occurred_at, record_activity.as_of), record_activity.as_of, record_activity.subject,
            record_activity.body, coalesce(record_activity.payload, '{}'), sentinel.current_member())
    RETURNING a.id INTO new_activity;
    RETURN new_activity;
END
$$;
COMMENT ON FUNCTION sentinel.record_activity(uuid, text, timestamptz, text, text, jsonb, timestamptz) IS
    'Record what happened with a deal and give the id of the activity. occurred_at is when it happened, as_of when it was learned of. Errors: SN002, SN003, SN004, SN007 type, time or length.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.log_call(deal_id uuid, summary text DEFAULT NULL, occurred_at timestamptz DEFAULT NULL,
                                  minutes integer DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.record_activity(log_call.deal_id, 'call_held', log_call.occurred_at, log_call.summary, NULL,
        CASE WHEN log_call.minutes IS NULL THEN '{}' ELSE jsonb_build_object('minutes', log_call.minutes) END, log_call.as_of);
END
$$;
COMMENT ON FUNCTION sentinel.log_call(uuid, text, timestamptz, integer, timestamptz) IS
    'Record a call that was held with a deal; it counts as engagement. Errors: those of record_activity().';
