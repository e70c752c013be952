-- The clock: steps that a later release adds, and who may see how they went.

INSERT INTO sentinel.clock_steps (step) VALUES ('reap'), ('run_schedules'), ('sweep_risk'), ('purge_jobs'), ('keep_history')
ON CONFLICT (step) DO NOTHING;

GRANT SELECT (step, ran_at, done, failed_at) ON sentinel.clock_steps TO sentinel_operator;
GRANT SELECT ON sentinel.clock_steps TO sentinel_admin;
