-- Room deals, import: what headings and words of other systems mean, the files that came in, and what became of each row.

CREATE TABLE sentinel.deal_columns (
    alias text NOT NULL PRIMARY KEY CHECK (alias = lower(alias) AND alias ~ '^\S(.*\S)?$'),
    field text NOT NULL CHECK (field IN ('external_id', 'name', 'account', 'product', 'owner', 'owner_email', 'team', 'stage',
        'outcome', 'is_won', 'is_closed', 'created', 'closed', 'expected_close', 'stage_changed', 'value', 'closing_value',
        'currency', 'channel', 'lost_reason'))
);
COMMENT ON TABLE sentinel.deal_columns IS 'Which heading of a file of opportunities means which field. Rows may be added.';
COMMENT ON COLUMN sentinel.deal_columns.alias IS
    'Heading in lower case, single blanks for blanks, _ - . : and *; also found with "deal" or "opportunity" before it.';
COMMENT ON COLUMN sentinel.deal_columns.field IS
    'Field: closed is when it was won or lost, or is expected to be while open; value is the worth, closing_value what it closed with.';

CREATE TABLE sentinel.deal_words (
    field text NOT NULL CHECK (field IN ('stage', 'outcome')),
    word text NOT NULL CHECK (word = lower(word) AND word ~ '^\S(.*\S)?$'),
    meaning text CHECK (field <> 'outcome' OR meaning IN ('open', 'won', 'lost')),
    PRIMARY KEY (field, word)
);
COMMENT ON TABLE sentinel.deal_words IS
    'What other systems call stages and outcomes, beside the names and labels of one''s own stages. Rows may be added.';
COMMENT ON COLUMN sentinel.deal_words.field IS 'stage or outcome.';
COMMENT ON COLUMN sentinel.deal_words.word IS 'Word, written as the headings of deal_columns.';
COMMENT ON COLUMN sentinel.deal_words.meaning IS
    'Stage of the revenue pipeline, in others the one of its kind with the nearest probability; or open, won, lost. Null: unclear, so refused.';

CREATE TABLE sentinel.deal_imports (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    pipeline_id uuid NOT NULL,
    file_name text CHECK (length(file_name) <= 255),
    raw bytea NOT NULL,
    bytes integer NOT NULL,
    delimiter text,
    encoding text,
    header text[],
    fields text[],
    date_order text CHECK (date_order IN ('day', 'month', 'year')),
    decimal_comma boolean,
    timezone text NOT NULL,
    announce boolean NOT NULL,
    rows_total integer NOT NULL DEFAULT 0,
    rows_created integer NOT NULL DEFAULT 0,
    rows_updated integer NOT NULL DEFAULT 0,
    rows_unchanged integer NOT NULL DEFAULT 0,
    rows_rejected integer NOT NULL DEFAULT 0,
    warnings text[] NOT NULL DEFAULT '{}',
    member_id uuid,
    as_of timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, pipeline_id) REFERENCES sentinel.pipelines (org_id, id)
);
CREATE INDEX deal_imports_time ON sentinel.deal_imports (org_id, received_at);
COMMENT ON TABLE sentinel.deal_imports IS 'Files of opportunities that import_deals_csv() took in, kept as they came. One row is one file.';
COMMENT ON COLUMN sentinel.deal_imports.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_imports.id IS 'Id of the import.';
COMMENT ON COLUMN sentinel.deal_imports.pipeline_id IS 'Pipeline that its deals go along.';
COMMENT ON COLUMN sentinel.deal_imports.file_name IS 'Name that the sender gave the file.';
COMMENT ON COLUMN sentinel.deal_imports.raw IS 'The file itself.';
COMMENT ON COLUMN sentinel.deal_imports.bytes IS 'Size of the file in bytes.';
COMMENT ON COLUMN sentinel.deal_imports.delimiter IS 'Delimiter found: comma, semicolon or tab.';
COMMENT ON COLUMN sentinel.deal_imports.encoding IS 'Encoding found.';
COMMENT ON COLUMN sentinel.deal_imports.header IS 'Headings of the file.';
COMMENT ON COLUMN sentinel.deal_imports.fields IS 'Field that each column was read as; entered:stage holds when the deal entered a stage; empty where passed over.';
COMMENT ON COLUMN sentinel.deal_imports.date_order IS 'How 03/04/2026 was read, day or month or year first; null where the file did not tell, so that such dates were refused.';
COMMENT ON COLUMN sentinel.deal_imports.decimal_comma IS 'True where 1.234,50 is an amount, false for 1,234.50, null where the file did not tell.';
COMMENT ON COLUMN sentinel.deal_imports.timezone IS 'Zone of times without one.';
COMMENT ON COLUMN sentinel.deal_imports.announce IS 'Whether what came in emitted events of deals.';
COMMENT ON COLUMN sentinel.deal_imports.rows_total IS 'Records behind the header.';
COMMENT ON COLUMN sentinel.deal_imports.rows_created IS 'Records that became deals.';
COMMENT ON COLUMN sentinel.deal_imports.rows_updated IS 'Records that changed deals that were there.';
COMMENT ON COLUMN sentinel.deal_imports.rows_unchanged IS 'Records that told nothing new.';
COMMENT ON COLUMN sentinel.deal_imports.rows_rejected IS 'Records refused; the view deal_import_rejects says why.';
COMMENT ON COLUMN sentinel.deal_imports.warnings IS 'What is odd about the file but harmless.';
COMMENT ON COLUMN sentinel.deal_imports.member_id IS 'Member who brought it in.';
COMMENT ON COLUMN sentinel.deal_imports.as_of IS 'Time for which the file tells how things stand.';
COMMENT ON COLUMN sentinel.deal_imports.received_at IS 'When it came in.';

CREATE TABLE sentinel.deal_import_rows (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    import_id uuid NOT NULL,
    line integer NOT NULL CHECK (line > 0),
    state text NOT NULL CHECK (state IN ('created', 'updated', 'unchanged', 'rejected')),
    deal_id uuid,
    external_id text,
    reading jsonb,
    raw bytea,
    reject_code text,
    reject_reason text,
    reject_hint text,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, import_id) REFERENCES sentinel.deal_imports (org_id, id) ON DELETE CASCADE,
    CHECK ((state = 'rejected') = (reject_code IS NOT NULL)),
    CHECK ((state = 'rejected') = (deal_id IS NULL))
);
CREATE INDEX deal_import_rows_line ON sentinel.deal_import_rows (org_id, import_id, line);
CREATE INDEX deal_import_rows_deal ON sentinel.deal_import_rows (org_id, deal_id) WHERE deal_id IS NOT NULL;
COMMENT ON TABLE sentinel.deal_import_rows IS 'What became of each record of a file of opportunities. One row is one record; it outlives its deal.';
COMMENT ON COLUMN sentinel.deal_import_rows.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_import_rows.id IS 'Id of the row.';
COMMENT ON COLUMN sentinel.deal_import_rows.import_id IS 'File it stood in.';
COMMENT ON COLUMN sentinel.deal_import_rows.line IS 'Physical line of the file on which the record begins, from 1.';
COMMENT ON COLUMN sentinel.deal_import_rows.state IS 'created, updated or unchanged: the deal; rejected: unusable.';
COMMENT ON COLUMN sentinel.deal_import_rows.deal_id IS 'Deal that it became or told of; null when rejected.';
COMMENT ON COLUMN sentinel.deal_import_rows.external_id IS 'Id in the system it came from, or the one made of name, account, owner and beginning.';
COMMENT ON COLUMN sentinel.deal_import_rows.reading IS 'How it was read: fields with their values, the stage at the beginning, and the moves since. Null when rejected.';
COMMENT ON COLUMN sentinel.deal_import_rows.raw IS 'The bytes of a rejected record, up to 64 KiB.';
COMMENT ON COLUMN sentinel.deal_import_rows.reject_code IS 'Stable name of the reason, such as bad_date.';
COMMENT ON COLUMN sentinel.deal_import_rows.reject_reason IS 'Why it is unusable, naming the value.';
COMMENT ON COLUMN sentinel.deal_import_rows.reject_hint IS 'What would make it usable.';
