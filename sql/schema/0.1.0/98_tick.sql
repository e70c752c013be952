-- The clock: one row per step of tick(); its row lock lets one ticker at a time do the step.

CREATE TABLE sentinel.clock_steps (
    step      text        PRIMARY KEY,
    ran_at    timestamptz,
    done      bigint      NOT NULL DEFAULT 0,
    failed_at timestamptz,
    error     text
);

COMMENT ON TABLE sentinel.clock_steps IS
    'Steps of sentinel.tick(). A row lock, which outsiders cannot take, lets one ticker at a time do a step.';
COMMENT ON COLUMN sentinel.clock_steps.step IS 'Function that the step calls.';
COMMENT ON COLUMN sentinel.clock_steps.ran_at IS 'When the step last ended well, to half a minute.';
COMMENT ON COLUMN sentinel.clock_steps.done IS 'How much it did at ran_at.';
COMMENT ON COLUMN sentinel.clock_steps.failed_at IS 'When it last failed; empty after it has ended well again.';
COMMENT ON COLUMN sentinel.clock_steps.error IS 'SQLSTATE and message of that failure.';

