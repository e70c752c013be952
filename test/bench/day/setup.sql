-- The day's own schema: its clock, its tenants, a job type whose handler lives in the database, and the emitter.
-- Variable: day_seconds.
CREATE SCHEMA day;
GRANT USAGE ON SCHEMA day TO sentinel_owner;

CREATE TABLE day.clock (day_seconds double precision NOT NULL, started_at timestamptz, ended_at timestamptz);
INSERT INTO day.clock VALUES (:day_seconds);

-- Hour of the day that a moment is, 0 to 24; beyond 24 while the rest drains.
CREATE FUNCTION day.hour_of(moment timestamptz) RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT extract(epoch FROM moment - c.started_at) * 24 / c.day_seconds FROM day.clock c
$$;

CREATE TABLE day.tenants (
    n integer PRIMARY KEY,
    class text NOT NULL,
    zone text NOT NULL,
    vendor text NOT NULL,
    org_id uuid
);
CREATE TABLE day.targets (target_id uuid PRIMARY KEY, vendor text NOT NULL);
CREATE TABLE day.outages (
    vendor text NOT NULL,
    from_hour numeric NOT NULL,
    to_hour numeric NOT NULL,
    what text NOT NULL
);

-- What the handler leaves: a lead rated twice would be two rows.
CREATE TABLE day.rated (org_id uuid NOT NULL, lead integer NOT NULL, job_id uuid NOT NULL);
GRANT INSERT ON day.rated TO sentinel_owner;

-- A rating that fails at its first attempt for one lead in fifty.
CREATE FUNCTION day.rate_lead(job_id uuid, payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    lead integer := (payload -> 'payload' ->> 'number')::integer;
BEGIN
    INSERT INTO day.rated VALUES (sentinel.current_org(), lead, rate_lead.job_id);
    IF lead % 50 = 0 AND (SELECT r.attempts FROM sentinel.job_running r WHERE r.id = rate_lead.job_id) = 1 THEN
        RAISE EXCEPTION 'the rating of lead % timed out', lead;
    END IF;
    RETURN jsonb_build_object('rating', lead % 7);
END
$$;

-- Waits between attempts pass as fast as the day does: a second of these is six minutes of the day.
SELECT sentinel.register_job_type('rate_lead', 'day.rate_lead', queue => 'scoring',
    base_delay => interval '1 second' * :day_seconds / 240, description => 'rates a lead of an import');
CREATE FUNCTION day.waits(VARIADIC seconds double precision[]) RETURNS interval[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(interval '1 second' * s * c.day_seconds / 240 ORDER BY place)
    FROM day.clock c, unnest(seconds) WITH ORDINALITY w(s, place)
$$;
UPDATE sentinel.job_types SET max_attempts = 16 WHERE job_type = 'send_slack';
UPDATE sentinel.retry_schedules SET steps = day.waits(0.2, 1, 2, 4, 6, 8) WHERE target_kind = 'slack';

-- Record `count` events of a tenant at once, numbered on from those before them, with the name that vendors get to see.
CREATE SEQUENCE day.number;
CREATE FUNCTION day.emit(tenant integer, event_type text, count integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    org uuid := (SELECT t.org_id FROM day.tenants t WHERE t.n = tenant);
BEGIN
    PERFORM sentinel.enter(org);
    IF count = 1 THEN
        PERFORM sentinel.emit(event_type, 'thing', sentinel.uuid7(), day.facts(nextval('day.number')));
        RETURN 1;
    END IF;
    RETURN sentinel.emit_many((
        SELECT jsonb_agg(jsonb_build_object('event_type', emit.event_type, 'payload', day.facts(nextval('day.number'))))
        FROM generate_series(1, emit.count)));
END
$$;
CREATE FUNCTION day.facts(number bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('number', number, 'name', 'Thing ' || number, 'value', (number * 37 % 900 + 100)::text,
                              'currency', 'EUR', 'note', repeat('x', 200))
$$;
