-- Room deals, plans: what may be had and used of what, as rows.

CREATE TABLE sentinel.plan_metrics (
    metric text NOT NULL PRIMARY KEY CHECK (metric ~ '^[a-z][a-z0-9_]{0,62}$'),
    label text NOT NULL,
    counted_by text,
    description text NOT NULL
);
COMMENT ON TABLE sentinel.plan_metrics IS 'What plans limit. One row is one metric.';
COMMENT ON COLUMN sentinel.plan_metrics.metric IS 'Name of the metric.';
COMMENT ON COLUMN sentinel.plan_metrics.label IS 'Name for people, plural.';
COMMENT ON COLUMN sentinel.plan_metrics.counted_by IS
    'Qualified function that takes the org_id and counts what is there now; null for what is used up and counted per calendar month by count_usage().';
COMMENT ON COLUMN sentinel.plan_metrics.description IS 'What it counts.';

CREATE TABLE sentinel.plans (
    plan text NOT NULL PRIMARY KEY CHECK (plan ~ '^[a-z][a-z0-9_]{0,62}$'),
    label text NOT NULL,
    position integer NOT NULL UNIQUE,
    is_fallback boolean NOT NULL DEFAULT false,
    price_month numeric(18,2) NOT NULL CHECK (price_month >= 0),
    price_month_yearly numeric(18,2) NOT NULL CHECK (price_month_yearly >= 0),
    currency text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$')
);
CREATE UNIQUE INDEX plans_fallback ON sentinel.plans (is_fallback) WHERE is_fallback;
COMMENT ON TABLE sentinel.plans IS 'Plans that an organisation can have. Rows may be changed and added.';
COMMENT ON COLUMN sentinel.plans.plan IS 'Name of the plan.';
COMMENT ON COLUMN sentinel.plans.label IS 'Name for people.';
COMMENT ON COLUMN sentinel.plans.position IS 'Order, the smallest first.';
COMMENT ON COLUMN sentinel.plans.is_fallback IS 'True for the one that holds when a plan has ended.';
COMMENT ON COLUMN sentinel.plans.price_month IS 'Price of a month, paid monthly.';
COMMENT ON COLUMN sentinel.plans.price_month_yearly IS 'Price of a month, paid yearly.';
COMMENT ON COLUMN sentinel.plans.currency IS 'Currency of the prices.';

CREATE TABLE sentinel.plan_limits (
    plan text NOT NULL REFERENCES sentinel.plans ON DELETE CASCADE,
    metric text NOT NULL REFERENCES sentinel.plan_metrics,
    most bigint CHECK (most >= 0),
    PRIMARY KEY (plan, metric)
);
COMMENT ON TABLE sentinel.plan_limits IS 'Limits of the plans; a metric without a row is not limited.';
COMMENT ON COLUMN sentinel.plan_limits.plan IS 'Plan.';
COMMENT ON COLUMN sentinel.plan_limits.metric IS 'What is limited.';
COMMENT ON COLUMN sentinel.plan_limits.most IS 'How much there may be, or may be used in a month; null without limit.';

CREATE TABLE sentinel.org_plans (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    plan text NOT NULL REFERENCES sentinel.plans,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz CHECK (ends_at > starts_at),
    member_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id)
);
COMMENT ON TABLE sentinel.org_plans IS
    'Plans of organisations, written by set_org_plan(). One without a row is not limited: whoever runs this for themselves sells no plans.';
COMMENT ON COLUMN sentinel.org_plans.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.org_plans.plan IS 'Its plan.';
COMMENT ON COLUMN sentinel.org_plans.starts_at IS 'Since when.';
COMMENT ON COLUMN sentinel.org_plans.ends_at IS 'Until when it is paid; then the fallback plan holds. Null without end.';
COMMENT ON COLUMN sentinel.org_plans.member_id IS 'Member who changed it; null when no member was entered.';
COMMENT ON COLUMN sentinel.org_plans.recorded_at IS 'When it was last changed.';

CREATE TABLE sentinel.org_plan_limits (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    metric text NOT NULL REFERENCES sentinel.plan_metrics,
    most bigint CHECK (most >= 0),
    PRIMARY KEY (org_id, metric)
);
COMMENT ON TABLE sentinel.org_plan_limits IS 'What was agreed with an organisation in place of a limit of its plan; holds whatever plan it has.';
COMMENT ON COLUMN sentinel.org_plan_limits.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.org_plan_limits.metric IS 'What is limited.';
COMMENT ON COLUMN sentinel.org_plan_limits.most IS 'How much; null without limit.';

CREATE TABLE sentinel.usage_counters (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    metric text NOT NULL REFERENCES sentinel.plan_metrics,
    period_start timestamptz NOT NULL,
    used bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (org_id, metric, period_start)
);
COMMENT ON TABLE sentinel.usage_counters IS
    'What was used per calendar month of the organisation''s time zone, also where nothing limits it. What merely is there is counted anew each time.';
COMMENT ON COLUMN sentinel.usage_counters.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.usage_counters.metric IS 'What was used.';
COMMENT ON COLUMN sentinel.usage_counters.period_start IS 'Beginning of the month.';
COMMENT ON COLUMN sentinel.usage_counters.used IS 'How much.';

CREATE TABLE sentinel.plan_payments (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    provider text NOT NULL CHECK (length(provider) BETWEEN 1 AND 100),
    payment_key text NOT NULL CHECK (length(payment_key) BETWEEN 1 AND 200),
    amount numeric(18,2) NOT NULL,
    currency text NOT NULL,
    plan text REFERENCES sentinel.plans,
    paid_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, provider, payment_key)
);
COMMENT ON TABLE sentinel.plan_payments IS 'Payments for plans, each once however often its provider tells of it. One row is one payment.';
COMMENT ON COLUMN sentinel.plan_payments.org_id IS 'Organisation that paid.';
COMMENT ON COLUMN sentinel.plan_payments.id IS 'Id of the row.';
COMMENT ON COLUMN sentinel.plan_payments.provider IS 'Who took the payment, such as paypal.';
COMMENT ON COLUMN sentinel.plan_payments.payment_key IS 'The provider''s id of the payment.';
COMMENT ON COLUMN sentinel.plan_payments.amount IS 'Amount.';
COMMENT ON COLUMN sentinel.plan_payments.currency IS 'Currency of the amount.';
COMMENT ON COLUMN sentinel.plan_payments.plan IS 'Plan that it paid for; null for an amount that is no plan''s price.';
COMMENT ON COLUMN sentinel.plan_payments.paid_at IS 'When it was paid.';
COMMENT ON COLUMN sentinel.plan_payments.recorded_at IS 'When it was recorded.';
