-- Room deals, plans: what an organisation may have and use. What is there is counted when somebody asks, so removing frees; what
-- is used up is counted per month in the organisation's time zone. Limits are rows, and hold for every client by trigger.

CREATE FUNCTION sentinel.count_plan_deals(org uuid) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) FROM sentinel.deals d WHERE d.org_id = count_plan_deals.org AND NOT d.is_demo);
END
$$;
COMMENT ON FUNCTION sentinel.count_plan_deals(uuid) IS 'Count the deals of an organisation that a plan limits: all but demo deals.';

CREATE FUNCTION sentinel.count_plan_members(org uuid) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) FROM sentinel.members m WHERE m.org_id = count_plan_members.org AND m.removed_at IS NULL);
END
$$;
COMMENT ON FUNCTION sentinel.count_plan_members(uuid) IS 'Count the members of an organisation that a plan limits: those who have not been removed.';

CREATE FUNCTION sentinel.plan_of(org uuid, as_of timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT CASE WHEN o.ends_at <= plan_of.as_of THEN (SELECT p.plan FROM sentinel.plans p WHERE p.is_fallback) ELSE o.plan END
            FROM sentinel.org_plans o WHERE o.org_id = plan_of.org AND o.starts_at <= plan_of.as_of);
END
$$;
COMMENT ON FUNCTION sentinel.plan_of(uuid, timestamptz) IS
    'Give the plan of an organisation at a time since its last change: the fallback one after its end, null for an organisation without a plan.';

CREATE FUNCTION sentinel.plan_limit(org uuid, metric text, as_of timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most bigint;
BEGIN
    SELECT l.most INTO most FROM sentinel.org_plan_limits l WHERE l.org_id = plan_limit.org AND l.metric = plan_limit.metric;
    IF NOT FOUND THEN
        SELECT l.most INTO most FROM sentinel.plan_limits l
        WHERE l.plan = sentinel.plan_of(plan_limit.org, plan_limit.as_of) AND l.metric = plan_limit.metric;
    END IF;
    RETURN most;
END
$$;
COMMENT ON FUNCTION sentinel.plan_limit(uuid, text, timestamptz) IS
    'Give how much of a metric an organisation may have or use: what was agreed with it, else what its plan says; null without limit.';

CREATE FUNCTION sentinel.usage_month(org uuid, as_of timestamptz, OUT starts_at timestamptz, OUT ends_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone text := (SELECT o.timezone FROM sentinel.orgs o WHERE o.org_id = usage_month.org);
    first timestamp := date_trunc('month', usage_month.as_of AT TIME ZONE zone);
BEGIN
    usage_month.starts_at := first AT TIME ZONE zone;
    usage_month.ends_at := (first + interval '1 month') AT TIME ZONE zone;
END
$$;
COMMENT ON FUNCTION sentinel.usage_month(uuid, timestamptz) IS
    'Give beginning and end of the calendar month of a time, in the time zone of an organisation.';

CREATE FUNCTION sentinel.usage_of(org uuid, metric text, as_of timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counter text;
    used bigint;
BEGIN
    SELECT m.counted_by INTO counter FROM sentinel.plan_metrics m WHERE m.metric = usage_of.metric;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('unknown metric "%s"', left(usage_of.metric, 80)),
            DETAIL = 'A plan limits metrics of sentinel.plan_metrics.',
            HINT = format('Use one of: %s.', (SELECT string_agg(m.metric, ', ' ORDER BY m.metric) FROM sentinel.plan_metrics m));
    END IF;
    IF counter IS NOT NULL THEN
        EXECUTE format('SELECT %s($1)', counter::regproc) INTO used USING usage_of.org;
    ELSE
        SELECT u.used INTO used
        FROM sentinel.usage_counters u
        WHERE u.org_id = usage_of.org AND u.metric = usage_of.metric
          AND u.period_start = (SELECT w.starts_at FROM sentinel.usage_month(usage_of.org, usage_of.as_of) w);
    END IF;
    RETURN coalesce(used, 0);
END
$$;
COMMENT ON FUNCTION sentinel.usage_of(uuid, text, timestamptz) IS
    'Count what an organisation has of a metric now, or has used of it in the month of a time. Errors: SN004 metric.';

CREATE FUNCTION sentinel.refuse_over_plan(org uuid, metric text, most bigint, used bigint, as_of timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m record;
BEGIN
    SELECT x.label, x.counted_by INTO m FROM sentinel.plan_metrics x WHERE x.metric = refuse_over_plan.metric;
    RAISE EXCEPTION USING ERRCODE = 'SN003', MESSAGE = format('plan limit of %s %s reached', refuse_over_plan.most, m.label),
        DETAIL = format('The plan is "%s"; %s %s already.',
                        coalesce(sentinel.plan_of(refuse_over_plan.org, refuse_over_plan.as_of), 'none'), refuse_over_plan.used,
                        CASE WHEN m.counted_by IS NULL THEN 'were used this month' ELSE 'are there' END),
        HINT = CASE WHEN m.counted_by IS NULL THEN 'Wait for the next month, or take a larger plan.'
                    ELSE 'Remove some, or take a larger plan.' END;
END
$$;
COMMENT ON FUNCTION sentinel.refuse_over_plan(uuid, text, bigint, bigint, timestamptz) IS
    'Raise SN003: the plan does not allow more of a metric.';

-- grant: sentinel_member, sentinel_operator, sentinel_reader
CREATE FUNCTION sentinel.check_plan_limit(metric text, amount bigint DEFAULT 1, as_of timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    used bigint := sentinel.usage_of(org, check_plan_limit.metric, check_plan_limit.as_of);
    most bigint := sentinel.plan_limit(org, check_plan_limit.metric, check_plan_limit.as_of);
BEGIN
    IF used + greatest(check_plan_limit.amount, 0) > most THEN
        PERFORM sentinel.refuse_over_plan(org, check_plan_limit.metric, most, used, check_plan_limit.as_of);
    END IF;
    RETURN most - used;
END
$$;
ALTER FUNCTION sentinel.check_plan_limit(text, bigint, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.check_plan_limit(text, bigint, timestamptz) IS
    'Raise unless the plan of the organisation entered allows amount more of a metric (deals, team_members, api_calls …); gives how much there may still be, null without limit. Errors: SN002, SN003 limit reached, SN004 metric.';

-- grant: sentinel_member, sentinel_operator, sentinel_reader
CREATE FUNCTION sentinel.plan_usage(as_of timestamptz DEFAULT now())
    RETURNS TABLE (plan text, metric text, label text, most bigint, used bigint, remaining bigint, period_start timestamptz,
                   period_end timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    RETURN QUERY
    SELECT sentinel.plan_of(org, plan_usage.as_of), m.metric, m.label, l.most, u.used, greatest(l.most - u.used, 0),
           CASE WHEN m.counted_by IS NULL THEN w.starts_at END, CASE WHEN m.counted_by IS NULL THEN w.ends_at END
    FROM sentinel.plan_metrics m
    CROSS JOIN LATERAL (SELECT sentinel.plan_limit(org, m.metric, plan_usage.as_of) AS most OFFSET 0) l
    CROSS JOIN LATERAL (SELECT sentinel.usage_of(org, m.metric, plan_usage.as_of) AS used OFFSET 0) u
    CROSS JOIN sentinel.usage_month(org, plan_usage.as_of) w
    ORDER BY m.metric;
END
$$;
ALTER FUNCTION sentinel.plan_usage(timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.plan_usage(timestamptz) IS
    'List what the organisation entered has or has used of each metric, and what its plan allows; nulls for no limit. Errors: SN002.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.count_usage(metric text, amount bigint DEFAULT 1, as_of timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    most bigint := sentinel.plan_limit(org, count_usage.metric, count_usage.as_of);
    month timestamptz := (SELECT w.starts_at FROM sentinel.usage_month(org, count_usage.as_of) w);
    sum bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM sentinel.plan_metrics m WHERE m.metric = count_usage.metric AND m.counted_by IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no metric "%s" that is used up', left(count_usage.metric, 80)),
            DETAIL = 'What merely is there is counted when somebody asks.',
            HINT = format('Use one of: %s.', (SELECT string_agg(m.metric, ', ' ORDER BY m.metric) FROM sentinel.plan_metrics m
                                              WHERE m.counted_by IS NULL));
    END IF;
    IF NOT coalesce(count_usage.amount BETWEEN 1 AND 1000000000, false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid amount %s', coalesce(count_usage.amount::text, 'null')),
            DETAIL = 'Usage only grows.', HINT = 'Use 1.';
    END IF;
    -- Checked where it is added, under the row's lock: two calls cannot share the last one.
    INSERT INTO sentinel.usage_counters AS u (org_id, metric, period_start, used)
    SELECT org, count_usage.metric, month, count_usage.amount WHERE most IS NULL OR count_usage.amount <= most
    ON CONFLICT ON CONSTRAINT usage_counters_pkey DO UPDATE SET used = u.used + excluded.used
        WHERE most IS NULL OR u.used + excluded.used <= most
    RETURNING u.used INTO sum;
    IF sum IS NULL THEN
        PERFORM sentinel.refuse_over_plan(org, count_usage.metric, most,
            sentinel.usage_of(org, count_usage.metric, count_usage.as_of), count_usage.as_of);
    END IF;
    RETURN sum;
END
$$;
ALTER FUNCTION sentinel.count_usage(text, bigint, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.count_usage(text, bigint, timestamptz) IS
    'Use up some of a metric, such as api_calls, in this transaction, and give how much was used this month. Call it when the request has been found sound. Errors: SN002, SN003 limit reached, and nothing is counted, SN004 metric, 22023 amount.';

CREATE FUNCTION sentinel.require_plan(org uuid, metric text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most bigint := sentinel.plan_limit(require_plan.org, require_plan.metric, now());
    used bigint;
BEGIN
    IF most IS NULL THEN
        RETURN;
    END IF;
    -- One after the other, or two would both see the last free place.
    PERFORM FROM sentinel.orgs o WHERE o.org_id = require_plan.org FOR NO KEY UPDATE;
    used := sentinel.usage_of(require_plan.org, require_plan.metric, now());
    IF used > most THEN
        PERFORM sentinel.refuse_over_plan(require_plan.org, require_plan.metric, most, most, now());
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_plan(uuid, text) IS
    'Raise SN003 when an organisation has more of a metric than its plan allows; for triggers, after the row was written.';

CREATE FUNCTION sentinel.limit_new_deals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_plan(o.org_id, 'deals')
    FROM (SELECT DISTINCT n.org_id FROM new_deals n WHERE NOT n.is_demo ORDER BY n.org_id) o;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.limit_new_deals() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.limit_new_deals() IS 'Trigger: refuse new deals beyond the plan of their organisation. Errors: SN003.';

CREATE FUNCTION sentinel.limit_new_deal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT NEW.is_demo THEN
        PERFORM sentinel.require_plan(NEW.org_id, 'deals');
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.limit_new_deal() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.limit_new_deal() IS 'Trigger on shards: refuse a new deal beyond the plan. As limit_new_deals(), row after row.';

CREATE FUNCTION sentinel.limit_new_member() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_plan(NEW.org_id, 'team_members');
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.limit_new_member() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.limit_new_member() IS 'Trigger: refuse a new member beyond the plan of the organisation. Errors: SN003.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.set_org_plan(plan text, ends_at timestamptz DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    before text := sentinel.plan_of(org, set_org_plan.as_of);
BEGIN
    IF set_org_plan.plan IS NOT NULL AND NOT EXISTS (SELECT FROM sentinel.plans p WHERE p.plan = set_org_plan.plan) THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('unknown plan "%s"', left(set_org_plan.plan, 80)),
            DETAIL = 'A plan is a row of sentinel.plans; null takes the plan, and with it all limits, away.',
            HINT = format('Use one of: %s.', (SELECT string_agg(p.plan, ', ' ORDER BY p.position) FROM sentinel.plans p));
    END IF;
    IF set_org_plan.as_of IS NULL OR NOT isfinite(set_org_plan.as_of) OR set_org_plan.ends_at <= set_org_plan.as_of THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('invalid time, from %s to %s', coalesce(set_org_plan.as_of::text, 'null'), coalesce(set_org_plan.ends_at::text, 'no end')),
            DETAIL = 'A plan begins before it ends.', HINT = 'Leave ends_at out for a plan without end.';
    END IF;
    IF set_org_plan.plan IS NULL THEN
        DELETE FROM sentinel.org_plans o WHERE o.org_id = org;
    ELSE
        INSERT INTO sentinel.org_plans AS o (org_id, plan, starts_at, ends_at, member_id)
        VALUES (org, set_org_plan.plan, set_org_plan.as_of, set_org_plan.ends_at, sentinel.current_member())
        ON CONFLICT ON CONSTRAINT org_plans_pkey DO UPDATE
        SET plan = excluded.plan, starts_at = least(o.starts_at, excluded.starts_at), ends_at = excluded.ends_at,
            member_id = excluded.member_id, recorded_at = now();
    END IF;
    PERFORM sentinel.audit('plan.changed', 'org', org, jsonb_build_object('from', before, 'to', set_org_plan.plan,
                                                                         'ends_at', set_org_plan.ends_at));
    PERFORM sentinel.emit_for(org, 'plan.changed', 'org', org, jsonb_build_object('from', before, 'to', set_org_plan.plan,
                                                                                'ends_at', set_org_plan.ends_at));
END
$$;
ALTER FUNCTION sentinel.set_org_plan(text, timestamptz, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.set_org_plan(text, timestamptz, timestamptz) IS
    'Give the organisation entered a plan, until ends_at if that is given, or with null none, so that nothing is limited. What it has beyond the limits stays; nothing is added. Errors: SN002, SN004 plan, 22023 times.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.set_org_plan_limit(metric text, most bigint DEFAULT NULL, agreed boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    before bigint := sentinel.plan_limit(org, set_org_plan_limit.metric, now());
BEGIN
    PERFORM sentinel.usage_of(org, set_org_plan_limit.metric, now());
    IF set_org_plan_limit.most < 0 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid limit %s', set_org_plan_limit.most),
            DETAIL = 'A limit is 0 or more, or null for none.', HINT = 'Use 100.';
    END IF;
    IF set_org_plan_limit.agreed THEN
        INSERT INTO sentinel.org_plan_limits (org_id, metric, most) VALUES (org, set_org_plan_limit.metric, set_org_plan_limit.most)
        ON CONFLICT ON CONSTRAINT org_plan_limits_pkey DO UPDATE SET most = excluded.most;
    ELSE
        DELETE FROM sentinel.org_plan_limits l WHERE l.org_id = org AND l.metric = set_org_plan_limit.metric;
    END IF;
    PERFORM sentinel.audit('plan_limit.changed', 'org', org, jsonb_build_object('metric', set_org_plan_limit.metric, 'from', before,
                           'to', sentinel.plan_limit(org, set_org_plan_limit.metric, now())));
END
$$;
ALTER FUNCTION sentinel.set_org_plan_limit(text, bigint, boolean) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.set_org_plan_limit(text, bigint, boolean) IS
    'Agree a limit with the organisation entered in place of that of its plan, null for none, or with agreed => false take it back. Errors: SN002, SN004 metric, 22023 limit.';

-- grant: sentinel_admin
CREATE FUNCTION sentinel.record_plan_payment(provider text, payment_key text, amount numeric, currency text DEFAULT 'USD',
                                             paid_at timestamptz DEFAULT now()) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    org uuid := sentinel.require_org();
    bought record;
    added uuid;
    runs_until timestamptz;
BEGIN
    SELECT p.plan, CASE WHEN record_plan_payment.amount = 12 * p.price_month_yearly THEN interval '1 year' ELSE interval '1 month' END AS span
    INTO bought FROM sentinel.plans p
    WHERE p.price_month > 0 AND p.currency = upper(record_plan_payment.currency)
      AND record_plan_payment.amount IN (p.price_month, p.price_month_yearly, 12 * p.price_month_yearly)
    ORDER BY p.position LIMIT 1;
    INSERT INTO sentinel.plan_payments AS y (org_id, provider, payment_key, amount, currency, plan, paid_at)
    VALUES (org, lower(record_plan_payment.provider), record_plan_payment.payment_key, record_plan_payment.amount,
            upper(record_plan_payment.currency), bought.plan, record_plan_payment.paid_at)
    ON CONFLICT (org_id, provider, payment_key) DO NOTHING RETURNING y.id INTO added;
    IF added IS NOT NULL AND bought.plan IS NOT NULL THEN
        -- Paid again before the end, it runs on from there; another plan takes the place of the present one.
        SELECT max(o.ends_at) INTO runs_until FROM sentinel.org_plans o WHERE o.org_id = org AND o.plan = bought.plan;
        PERFORM sentinel.set_org_plan(bought.plan, greatest(runs_until, record_plan_payment.paid_at) + bought.span,
                                      record_plan_payment.paid_at);
    END IF;
    RETURN (SELECT y.plan FROM sentinel.plan_payments y
            WHERE y.org_id = org AND y.provider = lower(record_plan_payment.provider) AND y.payment_key = record_plan_payment.payment_key);
END
$$;
ALTER FUNCTION sentinel.record_plan_payment(text, text, numeric, text, timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.record_plan_payment(text, text, numeric, text, timestamptz) IS
    'Record a verified payment of the organisation entered and give the plan that its amount is the price of, a month or a year from then on; null, and no change, for any other amount. The same payment again changes nothing. Errors: SN002.';
