-- The clock: steps that a later release adds, and who may see how they went.

INSERT INTO sentinel.clock_steps (step) VALUES ('reap'), ('run_schedules'), ('sweep_risk'), ('purge_jobs'), ('keep_history'),
    ('purge_gateway'), ('refresh_keys')
ON CONFLICT (step) DO NOTHING;

-- A job checks no rights: what the handlers of Sentinel do, members ask for by functions. Intake enqueues for members.
UPDATE sentinel.job_types SET members_may = false
WHERE members_may AND (handler LIKE 'sentinel.handle\_%' AND job_type <> 'process_intake'
                       OR job_type IN ('send_webhook', 'send_slack', 'send_enrichment', 'send_model', 'send_jwks'));

GRANT SELECT (step, ran_at, done, failed_at) ON sentinel.clock_steps TO sentinel_operator;
GRANT SELECT ON sentinel.clock_steps TO sentinel_admin;
