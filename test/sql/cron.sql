-- Values of sentinel.cron_next() and sentinel.cron_valid().
SET timezone = 'UTC';
SET datestyle = 'ISO';
\pset null (null)

-- Values, lists, ranges, steps, names; Thursday 15 January 2026, 10:07:30.
SELECT expression, sentinel.cron_next(expression, 'UTC', '2026-01-15 10:07:30+00') AS due
FROM unnest(ARRAY['* * * * *', '*/15 * * * *', '7 10 * * *', '5,50-59/3 * * * *', '0 */6 * * *', '0 8 * * *',
                  '0 9 * * 1', '0 9 * * MON-FRI', '0 8 * * 0', '0 8 * * 7', '0 8 * * sun', '0 0 31 * *', '0 0 L * *',
                  '0 0 15,L feb *', '0 0 29 2 *', '0 12 1 JAN,JUL *', '@hourly', '@daily', '@weekly', '@monthly',
                  '@yearly']) AS expression;

-- Both days restricted: either is enough. A field that begins with * is not restricted.
SELECT sentinel.cron_next('0 0 13 * FRI', 'UTC', '2026-02-01') AS friday,
       sentinel.cron_next('0 0 10 * FRI', 'UTC', '2026-02-07') AS tenth,
       sentinel.cron_next('0 0 */10 * FRI', 'UTC', '2026-01-01') AS both;

-- The zone decides what the clock shows.
SELECT zone, sentinel.cron_next('0 8 * * *', zone, '2026-07-01 00:00+00') AS due
FROM unnest(ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Pacific/Kiritimati']) AS zone;

-- Gap: Berlin has no 02:30 on 29 March 2026; it runs at 03:00 summer time, once, and the next day as ever.
SELECT sentinel.cron_next('30 2 * * *', 'Europe/Berlin', '2026-03-28 12:00+00') AS after_gap,
       sentinel.cron_next('30 2 * * *', 'Europe/Berlin', '2026-03-29 01:00+00') AS next_day,
       sentinel.cron_next('*/15 2 * * *', 'Europe/Berlin', '2026-03-29 01:00+00') AS collapsed;

-- Fold: 02:30 comes twice on 25 October 2026; a fixed hour runs the first time only, * every real hour.
SELECT sentinel.cron_next('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00+00') AS first_time,
       sentinel.cron_next('30 2 * * *', 'Europe/Berlin', '2026-10-25 00:30+00') AS next_day,
       sentinel.cron_next('30 * * * *', 'Europe/Berlin', '2026-10-25 00:30+00') AS real_hour;

-- Half an hour of summer time, a calendar without 30 December 2011, a zone before zones.
SELECT sentinel.cron_next('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03 00:00+00') AS lord_howe,
       sentinel.cron_next('0 9 30 12 *', 'Pacific/Apia', '2011-12-01 00:00+00') AS apia,
       sentinel.cron_next('0 9 * * *', 'America/New_York', '1800-01-01 00:00+00') AS local_mean_time;

-- Every minute of a year in which something is due, counted over both clock changes.
WITH RECURSIVE run(due) AS (
    SELECT sentinel.cron_next('30 2 * * *', 'America/New_York', '2026-01-01 05:00+00')
    UNION ALL
    SELECT sentinel.cron_next('30 2 * * *', 'America/New_York', due) FROM run WHERE due < '2027-01-01 05:00+00')
SELECT count(*) - 1 AS runs_in_2026 FROM run;

-- Strictly after; sub-second; the ends of time.
SELECT sentinel.cron_next('* * * * *', 'UTC', '1969-12-31 23:59:59.5') AS epoch,
       sentinel.cron_next('0 0 * * *', 'UTC', '2026-01-01') AS strictly_after,
       sentinel.cron_next('* * * * *', 'UTC', '4713-01-01 BC') AS first_year,
       sentinel.cron_next('0 0 29 2 *', 'UTC', '294276-03-01') AS beyond,
       sentinel.cron_next('* * * * *', 'UTC', 'infinity') AS never,
       sentinel.cron_next(NULL) AS unknown;

SELECT expression, sentinel.cron_valid(expression)
FROM unnest(ARRAY['0 8 * * *', '@daily', ' 0  8 * * 1-5 ', '', '* * * *', '61 * * * *', '@reboot', '0 0 30 2 *',
                  'a b c d e', '*/5 * * * * *', '0 0 31 4 *', '0 0 29 2 *']) AS expression;

-- Errors name the field, the value, the rule and a good value.
\set VERBOSITY default
SELECT sentinel.cron_next('61 * * * *');
SELECT sentinel.cron_next('* 22-6 * * *');
SELECT sentinel.cron_next('* * * FOO *');
SELECT sentinel.cron_next('*/90 * * * *');
SELECT sentinel.cron_next('5/10 * * * *');
SELECT sentinel.cron_next('* * ? * *');
SELECT sentinel.cron_next('0 30 8 * * *');
SELECT sentinel.cron_next('');
SELECT sentinel.cron_next('@reboot');
SELECT sentinel.cron_next('0 0 30 2 *');
SELECT sentinel.cron_next(repeat('ä', 500) || ' * * * *');
SELECT sentinel.cron_next('@daily', 'Mars/Olympus_Mons');
SELECT sentinel.cron_next('@daily', '');
\set VERBOSITY sqlstate
SELECT sentinel.cron_next('61 * * * *');
SELECT sentinel.cron_next('@daily', 'nowhere');
\set VERBOSITY default

-- The session goes on.
SELECT sentinel.cron_next('@daily', 'UTC', '2026-01-01');
