-- What the tests of job handlers share: running jobs inside a transaction, the facts of a job, and whether it changes anything.
-- Runs the sql jobs that wait, as run_jobs() does, and gives their number.
CREATE FUNCTION pg_temp.run_sql_jobs(org uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    j record;
    done integer := 0;
BEGIN
    FOR j IN SELECT * FROM sentinel.claim('pgtap', '{default}', 1000) LOOP
        PERFORM sentinel.complete(ARRAY[j.job_id], ARRAY[j.lease], jsonb_build_array(sentinel.run_handler(j.org_id, j.job_id, j.lease)));
        done := done + 1;
    END LOOP;
    PERFORM sentinel.enter(org);
    RETURN done;
END $$;
CREATE FUNCTION pg_temp.drain(org uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    rounds integer := 0;
BEGIN
    WHILE pg_temp.run_sql_jobs(org) > 0 LOOP rounds := rounds + 1; END LOOP;
    RETURN rounds;
END $$;
-- What an organisation holds, as one word.
CREATE FUNCTION pg_temp.state(org uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t text;
    part text;
    found text := '';
BEGIN
    FOREACH t IN ARRAY '{leads,lead_scores,state_history,deals,calls,invoices,contracts,clients,tasks,scheduled_tasks,events,activities,integrity_findings,weekly_reports,alerts}'::text[] LOOP
        EXECUTE format('SELECT md5(coalesce(string_agg(to_jsonb(x)::text, '','' ORDER BY x.id), '''')) FROM sentinel.%I x WHERE org_id = $1', t) INTO part USING org;
        found := found || part;
    END LOOP;
    RETURN md5(found);
END $$;
-- Calls a handler twice as one job and tells whether the second call has changed anything.
CREATE FUNCTION pg_temp.changes_again(handler text, job uuid, payload jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    org uuid := sentinel.current_org();
    before text;
BEGIN
    EXECUTE format('SELECT sentinel.%I($1, $2)', handler) USING job, payload;
    before := pg_temp.state(org);
    EXECUTE format('SELECT sentinel.%I($1, $2)', handler) USING job, payload;
    RETURN before <> pg_temp.state(org);
END $$;
CREATE FUNCTION pg_temp.facts(lead uuid) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('lead_id', lead) $$;
CREATE FUNCTION pg_temp.at(moment timestamptz) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('as_of', moment) $$;
CREATE FUNCTION pg_temp.told(org uuid, kind text, subject uuid DEFAULT NULL) RETURNS integer LANGUAGE sql AS $$
    SELECT count(*)::integer FROM sentinel.events e WHERE e.org_id = org AND e.event_type = kind AND (subject IS NULL OR e.subject_id = subject) $$;
