-- Room deals, rights: who can work a deal, and what becomes of the work of who leaves a team or the organisation.

-- grant: everyone
CREATE FUNCTION sentinel.is_assignee(member_id uuid, team_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN EXISTS (
        SELECT FROM sentinel.members m
        WHERE m.org_id = org AND m.id = is_assignee.member_id AND m.removed_at IS NULL
          AND (is_assignee.team_id IS NULL OR m.role IN ('owner', 'admin') OR EXISTS (
               SELECT FROM sentinel.team_members x
               WHERE x.org_id = org AND x.team_id = is_assignee.team_id AND x.member_id = m.id)));
END
$$;
COMMENT ON FUNCTION sentinel.is_assignee(uuid, uuid) IS
    'Tell whether a member can work deals of a team: who is present and in the team, or owner or admin of the organisation. With null, of no team: who is present. Errors: SN002.';

-- grant: sentinel_member
CREATE FUNCTION sentinel.require_assignee(member_id uuid, team_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF require_assignee.member_id IS NOT NULL AND NOT sentinel.is_assignee(require_assignee.member_id, require_assignee.team_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004',
            MESSAGE = format('no member "%s" in this organisation%s', require_assignee.member_id,
                             CASE WHEN sentinel.is_assignee(require_assignee.member_id, NULL) THEN '''s team "' || require_assignee.team_id || '"' ELSE '' END),
            DETAIL = 'A deal is assigned to a member of its organisation, that of a team to one of the team or to an owner or admin.',
            HINT = 'SELECT id, display_name FROM sentinel.members;';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_assignee(uuid, uuid) IS 'Raise SN004 for who cannot work deals of a team. Null, nobody, can.';

CREATE FUNCTION sentinel.guard_deal_rights() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A policy does not see the old row: without this an UPDATE could do what assign_deal() and move_deal_to_team() refuse.
    IF pg_has_role('sentinel_owner', 'USAGE') OR pg_has_role('sentinel_engine', 'USAGE') THEN
        RETURN NEW;
    END IF;
    IF NEW.team_id IS DISTINCT FROM OLD.team_id
       AND (OLD.team_id IS NOT NULL AND NOT sentinel.may('assign', OLD.team_id, OLD.owner_id)
            OR NEW.team_id IS NOT NULL AND NOT sentinel.may('edit', NEW.team_id, NULL))
       OR NEW.owner_id IS DISTINCT FROM OLD.owner_id AND NOT sentinel.may('assign', OLD.team_id, OLD.owner_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('not allowed to assign deal "%s"', NEW.id),
            DETAIL = 'Owners and admins assign deals and take them out of a team; into a team moves who is not a viewer there.',
            HINT = 'Ask an admin of the team.';
    END IF;
    IF NEW.owner_id IS DISTINCT FROM OLD.owner_id THEN
        PERFORM sentinel.require_assignee(NEW.owner_id, NEW.team_id);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION sentinel.guard_deal_rights() IS
    'Trigger: refuse an UPDATE of owner or team by a client who may not assign the deal. Errors: SN003, SN004 owner.';

CREATE FUNCTION sentinel.hand_over_work(member_id uuid, team_id uuid, heir uuid) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    handed bigint;
BEGIN
    -- What is closed stays with who closed it: it is their record.
    UPDATE sentinel.deals d
    SET owner_id = CASE WHEN sentinel.is_assignee(hand_over_work.heir, d.team_id) THEN hand_over_work.heir END
    WHERE d.org_id = org AND d.owner_id = hand_over_work.member_id AND d.stage_kind = 'open'
      AND (hand_over_work.team_id IS NULL OR d.team_id = hand_over_work.team_id);
    GET DIAGNOSTICS handed = ROW_COUNT;
    UPDATE sentinel.leads l
    SET owner_id = CASE WHEN sentinel.is_assignee(hand_over_work.heir, l.team_id) THEN hand_over_work.heir
                        -- Of nobody and no team it would be seen by all: it stays with who left, for owners and admins to see.
                        WHEN l.team_id IS NULL THEN l.owner_id END
    WHERE l.org_id = org AND l.owner_id = hand_over_work.member_id AND l.lifecycle_stage NOT IN ('won', 'lost')
      AND (hand_over_work.team_id IS NULL OR l.team_id = hand_over_work.team_id);
    UPDATE sentinel.tasks t SET member_id = hand_over_work.heir
    WHERE t.org_id = org AND t.member_id = hand_over_work.member_id AND t.completed_at IS NULL AND hand_over_work.team_id IS NULL;
    RETURN handed;
END
$$;
COMMENT ON FUNCTION sentinel.hand_over_work(uuid, uuid, uuid) IS
    'Give the open deals and leads of a member, of one team or with null of all and the open tasks, to an heir, or with null to nobody; those of a team in which the heir is not go to nobody, and leads of no team stay with who had them, for they would be everybody''s. Gives the number of deals. For the functions of sentinel_engine. Errors: SN002, 23505 the heir has a deal of that name.';
