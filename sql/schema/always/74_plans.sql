-- Room deals, plans: metrics, plans and limits, triggers, row rights, grants.

-- Rooms below count what is theirs: they set counted_by of webhooks and integrations to functions of their own.
INSERT INTO sentinel.plan_metrics (metric, label, counted_by, description) VALUES
    ('deals', 'deals', 'sentinel.count_plan_deals', 'Deals there are, open and closed; demo deals do not count.'),
    ('team_members', 'members', 'sentinel.count_plan_members', 'Members of the organisation who have not been removed.'),
    ('api_calls', 'API calls', NULL, 'Calls of the assistant in a calendar month.'),
    ('webhooks', 'webhooks', NULL, 'Webhook endpoints.'),
    ('integrations', 'integrations', NULL, 'Connected systems.')
ON CONFLICT DO NOTHING;
INSERT INTO sentinel.plans (plan, label, position, is_fallback, price_month, price_month_yearly) VALUES
    ('free', 'Free', 1, true, 0, 0), ('starter', 'Starter', 2, false, 0, 0), ('pro', 'Pro', 3, false, 31, 20),
    ('enterprise', 'Enterprise', 4, false, 85, 56)
ON CONFLICT DO NOTHING;
INSERT INTO sentinel.plan_limits (plan, metric, most) VALUES
    ('free', 'deals', 25), ('free', 'team_members', 1), ('free', 'api_calls', 100), ('free', 'webhooks', 1), ('free', 'integrations', 1),
    ('starter', 'deals', 50), ('starter', 'team_members', 3), ('starter', 'api_calls', 1000), ('starter', 'webhooks', 3),
    ('starter', 'integrations', 2),
    ('pro', 'deals', 100), ('pro', 'team_members', 10), ('pro', 'api_calls', 50000), ('pro', 'webhooks', 10), ('pro', 'integrations', NULL),
    ('enterprise', 'deals', 500), ('enterprise', 'team_members', NULL), ('enterprise', 'api_calls', NULL),
    ('enterprise', 'webhooks', NULL), ('enterprise', 'integrations', NULL)
ON CONFLICT DO NOTHING;

DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS deals_plan ON sentinel.deals;
        CREATE TRIGGER deals_plan AFTER INSERT ON sentinel.deals
            REFERENCING NEW TABLE AS new_deals FOR EACH STATEMENT EXECUTE FUNCTION sentinel.limit_new_deals();
    END IF;
END
$$;
DROP TRIGGER IF EXISTS members_plan ON sentinel.members;
CREATE TRIGGER members_plan AFTER INSERT ON sentinel.members
    FOR EACH ROW EXECUTE FUNCTION sentinel.limit_new_member();
DROP TRIGGER IF EXISTS members_plan_again ON sentinel.members;
CREATE TRIGGER members_plan_again AFTER UPDATE OF removed_at ON sentinel.members
    FOR EACH ROW WHEN (OLD.removed_at IS NOT NULL AND NEW.removed_at IS NULL) EXECUTE FUNCTION sentinel.limit_new_member();

-- What was paid is for owners and admins.
DROP POLICY IF EXISTS plan_payments_view ON sentinel.plan_payments;
CREATE POLICY plan_payments_view ON sentinel.plan_payments
    USING (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL))
    WITH CHECK (org_id = sentinel.current_org());

GRANT SELECT ON sentinel.plan_metrics, sentinel.plans, sentinel.plan_limits, sentinel.org_plans, sentinel.org_plan_limits,
    sentinel.usage_counters TO sentinel_reader, sentinel_member, sentinel_operator;
GRANT SELECT ON sentinel.plan_payments TO sentinel_member, sentinel_operator;
