-- Room events: the tables.

CREATE SEQUENCE sentinel.event_seq CACHE 1;
COMMENT ON SEQUENCE sentinel.event_seq IS 'Order of events within one transaction.';

CREATE TABLE sentinel.generation (
    generation integer NOT NULL PRIMARY KEY,
    system_identifier bigint NOT NULL,
    database_oid oid NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    adopted_at timestamptz
);
COMMENT ON TABLE sentinel.generation IS 'Lives of this data: the original database and each restore or copy of it.';
COMMENT ON COLUMN sentinel.generation.generation IS '1 for the original, one more for each restore or copy.';
COMMENT ON COLUMN sentinel.generation.system_identifier IS 'System identifier of the server, from pg_control_system().';
COMMENT ON COLUMN sentinel.generation.database_oid IS 'Oid of the database in that server.';
COMMENT ON COLUMN sentinel.generation.started_at IS 'When this life was first noticed.';
COMMENT ON COLUMN sentinel.generation.adopted_at IS 'When adopt_restore() put it into service; null while it is parked.';

CREATE TABLE sentinel.events (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    generation integer NOT NULL DEFAULT sentinel.current_generation(),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint NOT NULL DEFAULT nextval('sentinel.event_seq'),
    event_type text NOT NULL,
    subject_type text,
    subject_id uuid,
    payload jsonb NOT NULL DEFAULT '{}',
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 500),
    member_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX events_idempotency ON sentinel.events (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX events_cursor ON sentinel.events (org_id, generation, xid, seq);
CREATE INDEX events_subject ON sentinel.events (org_id, subject_id, recorded_at);
COMMENT ON TABLE sentinel.events IS 'What happened. Append-only: changes are refused to every client. One row is one event.';
COMMENT ON COLUMN sentinel.events.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.events.id IS 'Id of the event.';
COMMENT ON COLUMN sentinel.events.generation IS 'Life of the database that recorded it; first part of the cursor.';
COMMENT ON COLUMN sentinel.events.xid IS 'Transaction that recorded it; second part of the cursor.';
COMMENT ON COLUMN sentinel.events.seq IS 'Order within the transaction; third part of the cursor.';
COMMENT ON COLUMN sentinel.events.event_type IS 'What happened, as subject.verb: deal.created.';
COMMENT ON COLUMN sentinel.events.subject_type IS 'Kind of the thing it happened to.';
COMMENT ON COLUMN sentinel.events.subject_id IS 'Id of the thing it happened to.';
COMMENT ON COLUMN sentinel.events.payload IS 'Facts of the event, as an object.';
COMMENT ON COLUMN sentinel.events.idempotency_key IS 'Key under which the event is recorded once per organisation.';
COMMENT ON COLUMN sentinel.events.member_id IS 'Member who caused it; null when no member was entered.';
COMMENT ON COLUMN sentinel.events.recorded_at IS 'Start of the transaction that recorded it.';

CREATE TABLE sentinel.default_event_routes (
    event_type text NOT NULL,
    job_type text NOT NULL,
    description text NOT NULL,
    PRIMARY KEY (event_type, job_type)
);
COMMENT ON TABLE sentinel.default_event_routes IS 'Routes that every organisation starts with.';
COMMENT ON COLUMN sentinel.default_event_routes.event_type IS 'Event.';
COMMENT ON COLUMN sentinel.default_event_routes.job_type IS 'Job that it causes.';
COMMENT ON COLUMN sentinel.default_event_routes.description IS 'Why.';

CREATE TABLE sentinel.event_routes (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    event_type text NOT NULL,
    job_type text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, event_type, job_type)
);
COMMENT ON TABLE sentinel.event_routes IS 'Which events cause which jobs in an organisation. Changed by route_event().';
COMMENT ON COLUMN sentinel.event_routes.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.event_routes.event_type IS 'Event.';
COMMENT ON COLUMN sentinel.event_routes.job_type IS 'Job that it causes.';
COMMENT ON COLUMN sentinel.event_routes.enabled IS 'False keeps the row, so that install() does not bring a default back.';
COMMENT ON COLUMN sentinel.event_routes.created_at IS 'When the route was made.';
