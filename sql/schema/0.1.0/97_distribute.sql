-- Room distribute: whether the tables are spread over several machines.

CREATE TABLE sentinel.distribution (
    single_row boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (single_row),
    distributed_at timestamptz NOT NULL DEFAULT now(),
    distributed_by name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE sentinel.distribution IS 'Holds its one row once sentinel.distribute() has spread the tables; install() then keeps the triggers in the form that shards allow.';
COMMENT ON COLUMN sentinel.distribution.single_row IS 'True: there is one row at most.';
COMMENT ON COLUMN sentinel.distribution.distributed_at IS 'When the tables were distributed.';
COMMENT ON COLUMN sentinel.distribution.distributed_by IS 'Role that did it.';
