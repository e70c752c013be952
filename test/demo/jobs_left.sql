-- How many jobs of the database are left, and how many are done; those of the worker are counted as deliveries.
SELECT (SELECT count(*) FROM sentinel.job_waiting WHERE queue NOT IN ('chat', 'webhooks'))
       + (SELECT count(*) FROM sentinel.job_running WHERE queue NOT IN ('chat', 'webhooks')),
       (SELECT count(*) FROM sentinel.job_history WHERE queue NOT IN ('chat', 'webhooks') AND outcome = 'completed')
