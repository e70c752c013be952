-- Room lifecycle: state machines as rows, what a lead is due in each stage, and which state was entered when.

CREATE TABLE sentinel.lifecycle_machines (
    machine text NOT NULL PRIMARY KEY CHECK (machine ~ '^[a-z][a-z0-9_]{0,62}$'),
    subject text NOT NULL,
    noun text NOT NULL,
    field text NOT NULL,
    payload_columns text[] NOT NULL DEFAULT '{}',
    moved_event text,
    description text NOT NULL
);
COMMENT ON TABLE sentinel.lifecycle_machines IS 'State machines. guard_state() holds rows to them, note_states() records what happens. One row is one machine.';
COMMENT ON COLUMN sentinel.lifecycle_machines.machine IS 'Name of the machine.';
COMMENT ON COLUMN sentinel.lifecycle_machines.subject IS 'Kind of thing that goes through it, as events name it: lead, call, invoice.';
COMMENT ON COLUMN sentinel.lifecycle_machines.noun IS 'The thing as an error names it, with its article.';
COMMENT ON COLUMN sentinel.lifecycle_machines.field IS 'What events call the state: stage, status.';
COMMENT ON COLUMN sentinel.lifecycle_machines.payload_columns IS 'Columns of the row that its events carry.';
COMMENT ON COLUMN sentinel.lifecycle_machines.moved_event IS 'Event of every move; null for none.';
COMMENT ON COLUMN sentinel.lifecycle_machines.description IS 'What it is for.';

CREATE TABLE sentinel.lifecycle_states (
    machine text NOT NULL REFERENCES sentinel.lifecycle_machines,
    state text NOT NULL CHECK (state ~ '^[a-z][a-z0-9_]{0,62}$'),
    position integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('open', 'good', 'bad', 'final')),
    may_begin boolean NOT NULL DEFAULT false,
    entered_event text,
    label text NOT NULL,
    PRIMARY KEY (machine, state),
    UNIQUE (machine, position)
);
COMMENT ON TABLE sentinel.lifecycle_states IS 'States of the machines. One row is one state.';
COMMENT ON COLUMN sentinel.lifecycle_states.machine IS 'Machine.';
COMMENT ON COLUMN sentinel.lifecycle_states.state IS 'Name of the state in data.';
COMMENT ON COLUMN sentinel.lifecycle_states.position IS 'Order of the state, from 1.';
COMMENT ON COLUMN sentinel.lifecycle_states.kind IS 'open: work goes on. good and bad: how it ended. final: ended, neither.';
COMMENT ON COLUMN sentinel.lifecycle_states.may_begin IS 'Whether a new row may be in it.';
COMMENT ON COLUMN sentinel.lifecycle_states.entered_event IS 'Event of entering it, by a move or as a new row; null for none.';
COMMENT ON COLUMN sentinel.lifecycle_states.label IS 'Name of the state for people.';

CREATE TABLE sentinel.lifecycle_transitions (
    machine text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL CHECK (to_state <> from_state),
    moved_event text,
    PRIMARY KEY (machine, from_state, to_state),
    FOREIGN KEY (machine, from_state) REFERENCES sentinel.lifecycle_states (machine, state),
    FOREIGN KEY (machine, to_state) REFERENCES sentinel.lifecycle_states (machine, state)
);
COMMENT ON TABLE sentinel.lifecycle_transitions IS 'Legal moves of the machines; every other move is refused. One row is one move.';
COMMENT ON COLUMN sentinel.lifecycle_transitions.machine IS 'Machine.';
COMMENT ON COLUMN sentinel.lifecycle_transitions.from_state IS 'State that may be left.';
COMMENT ON COLUMN sentinel.lifecycle_transitions.to_state IS 'State that may be entered from there.';
COMMENT ON COLUMN sentinel.lifecycle_transitions.moved_event IS 'Event of this move; null for none.';

CREATE TABLE sentinel.lead_stage_actions (
    stage text NOT NULL PRIMARY KEY,
    next_action text NOT NULL CHECK (next_action IN ('contact', 'follow_up', 'schedule_call', 'send_proposal', 'no_action')),
    due_days numeric(5,2) CHECK (due_days >= 0),
    due_by_platform boolean NOT NULL DEFAULT false,
    counts_as_contact boolean NOT NULL
);
COMMENT ON TABLE sentinel.lead_stage_actions IS 'What is to be done with a lead that enters a stage. One row is one stage.';
COMMENT ON COLUMN sentinel.lead_stage_actions.stage IS 'Stage of the machine lead.';
COMMENT ON COLUMN sentinel.lead_stage_actions.next_action IS 'What is to be done next.';
COMMENT ON COLUMN sentinel.lead_stage_actions.due_days IS 'Days of 24 hours until it is due; null for never.';
COMMENT ON COLUMN sentinel.lead_stage_actions.due_by_platform IS 'True: the days are those of lead_follow_up_days instead.';
COMMENT ON COLUMN sentinel.lead_stage_actions.counts_as_contact IS 'Whether who moves a lead there has contacted it.';

CREATE TABLE sentinel.lead_follow_up_days (
    platform text NOT NULL PRIMARY KEY CHECK (platform ~ '^[a-z][a-z0-9_]{0,62}$'),
    days numeric(5,2) NOT NULL CHECK (days >= 0)
);
COMMENT ON TABLE sentinel.lead_follow_up_days IS 'How long to wait before following up on a platform. One row is one platform.';
COMMENT ON COLUMN sentinel.lead_follow_up_days.platform IS 'Platform as platform_key() writes it; other holds for all that have no row.';
COMMENT ON COLUMN sentinel.lead_follow_up_days.days IS 'Days of 24 hours.';

CREATE TABLE sentinel.state_history (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    machine text NOT NULL,
    subject_id uuid NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    state text NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz CHECK (left_at >= entered_at),
    member_id uuid,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, machine, subject_id, seq)
);
CREATE UNIQUE INDEX state_history_open ON sentinel.state_history (org_id, machine, subject_id) WHERE left_at IS NULL;
-- The state first: an index that begins like the key of a subject would be taken for it while there are no statistics.
CREATE INDEX state_history_state ON sentinel.state_history (org_id, state, machine, entered_at);
COMMENT ON TABLE sentinel.state_history IS
    'Which state was entered when, and left when; the row without left_at tells the present one. Written by triggers only; holds no foreign key, so that it outlives what it tells of. One row is one stay.';
COMMENT ON COLUMN sentinel.state_history.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.state_history.id IS 'Id of the stay.';
COMMENT ON COLUMN sentinel.state_history.machine IS 'Machine.';
COMMENT ON COLUMN sentinel.state_history.subject_id IS 'Id of the lead, call, invoice, contract or client.';
COMMENT ON COLUMN sentinel.state_history.seq IS 'Number of the stay of this subject, from 1; entered_at never falls with it.';
COMMENT ON COLUMN sentinel.state_history.state IS 'State.';
COMMENT ON COLUMN sentinel.state_history.entered_at IS 'When it was entered.';
COMMENT ON COLUMN sentinel.state_history.left_at IS 'When it was left, or the subject deleted; null while it lasts.';
COMMENT ON COLUMN sentinel.state_history.member_id IS 'Member who moved it there; null when no member was entered.';
