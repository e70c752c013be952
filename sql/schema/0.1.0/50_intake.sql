-- Room intake: the tables. Nothing here is business state; leads begin in the next room.

CREATE TABLE sentinel.csv_columns (
    alias text NOT NULL PRIMARY KEY CHECK (alias = lower(alias) AND alias ~ '^\S(.*\S)?$'),
    field text NOT NULL
);
COMMENT ON TABLE sentinel.csv_columns IS 'Which header of a CSV file, or member of a form, means which field. Rows may be added.';
COMMENT ON COLUMN sentinel.csv_columns.alias IS 'Header in lower case, single blanks for blanks, _ and -.';
COMMENT ON COLUMN sentinel.csv_columns.field IS 'Field of a payload.';

CREATE TABLE sentinel.intake_batches (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    file_name text CHECK (length(file_name) <= 255),
    raw bytea NOT NULL,
    bytes integer NOT NULL,
    delimiter text,
    encoding text,
    rows_total integer NOT NULL DEFAULT 0,
    rows_accepted integer NOT NULL DEFAULT 0,
    rows_duplicate integer NOT NULL DEFAULT 0,
    rows_rejected integer NOT NULL DEFAULT 0,
    warnings text[] NOT NULL DEFAULT '{}',
    error text,
    member_id uuid,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX intake_batches_time ON sentinel.intake_batches (org_id, received_at);
COMMENT ON TABLE sentinel.intake_batches IS 'Files that came in, kept as they came. One row is one file.';
COMMENT ON COLUMN sentinel.intake_batches.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.intake_batches.id IS 'Id of the batch.';
COMMENT ON COLUMN sentinel.intake_batches.source IS 'Where the file comes from.';
COMMENT ON COLUMN sentinel.intake_batches.file_name IS 'Name that the sender gave the file.';
COMMENT ON COLUMN sentinel.intake_batches.raw IS 'The file itself, stored before it is judged.';
COMMENT ON COLUMN sentinel.intake_batches.bytes IS 'Size of the file in bytes.';
COMMENT ON COLUMN sentinel.intake_batches.delimiter IS 'Delimiter found: comma, semicolon or tab.';
COMMENT ON COLUMN sentinel.intake_batches.encoding IS 'Encoding found: UTF-8, UTF-8 with BOM, UTF-16LE, UTF-16BE or not UTF-8.';
COMMENT ON COLUMN sentinel.intake_batches.rows_total IS 'Records behind the header.';
COMMENT ON COLUMN sentinel.intake_batches.rows_accepted IS 'Records queued when the file came in.';
COMMENT ON COLUMN sentinel.intake_batches.rows_duplicate IS 'Records that were duplicates when the file came in.';
COMMENT ON COLUMN sentinel.intake_batches.rows_rejected IS 'Records refused; view intake_rejects says why.';
COMMENT ON COLUMN sentinel.intake_batches.warnings IS 'What is odd about the header but harmless.';
COMMENT ON COLUMN sentinel.intake_batches.error IS 'Why the file as a whole gave no rows.';
COMMENT ON COLUMN sentinel.intake_batches.member_id IS 'Member who brought it in.';
COMMENT ON COLUMN sentinel.intake_batches.received_at IS 'When it came in.';

CREATE TABLE sentinel.intake_raw (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    batch_id uuid,
    line integer CHECK (line > 0),
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    payload jsonb,
    raw bytea,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'processed', 'duplicate', 'rejected', 'failed')),
    duplicate_of uuid,
    duplicate_key text CHECK (duplicate_key IN ('combined', 'email', 'profile_link', 'phone')),
    reject_code text,
    reject_reason text,
    reject_hint text,
    fingerprint text,
    fingerprint_person text,
    fingerprint_email text,
    fingerprint_profile text,
    fingerprint_phone text,
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 500),
    lead_id uuid,
    received_at timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, batch_id) REFERENCES sentinel.intake_batches (org_id, id) ON DELETE CASCADE,
    CHECK (payload IS NOT NULL OR raw IS NOT NULL),
    CHECK ((state = 'rejected') = (reject_code IS NOT NULL))
);
CREATE UNIQUE INDEX intake_raw_idempotency ON sentinel.intake_raw (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX intake_raw_batch ON sentinel.intake_raw (org_id, batch_id, line) WHERE batch_id IS NOT NULL;
CREATE INDEX intake_raw_unfinished ON sentinel.intake_raw (org_id, state, received_at) WHERE state IN ('waiting', 'rejected', 'failed');
CREATE INDEX intake_raw_lead ON sentinel.intake_raw (org_id, lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX intake_raw_duplicate ON sentinel.intake_raw (org_id, duplicate_of) WHERE duplicate_of IS NOT NULL;
COMMENT ON TABLE sentinel.intake_raw IS 'Rows that came in from any source, as they came: a buffer that touches no business table. One row is one record of a file, or one form or webhook message.';
COMMENT ON COLUMN sentinel.intake_raw.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.intake_raw.id IS 'Id of the row.';
COMMENT ON COLUMN sentinel.intake_raw.batch_id IS 'File it stood in; null for a form or webhook.';
COMMENT ON COLUMN sentinel.intake_raw.line IS 'Physical line of the file on which the record begins, from 1.';
COMMENT ON COLUMN sentinel.intake_raw.source IS 'Where it comes from: csv, form, webhook or another name.';
COMMENT ON COLUMN sentinel.intake_raw.payload IS 'What it says, with our field names; unknown members under extra. Null when it could not be read.';
COMMENT ON COLUMN sentinel.intake_raw.raw IS 'The bytes of a refused line (up to 64 KiB), or the message as it came.';
COMMENT ON COLUMN sentinel.intake_raw.state IS 'waiting: queued. processed: became a lead. duplicate: of an earlier row or lead. rejected: unusable. failed: its job is dead.';
COMMENT ON COLUMN sentinel.intake_raw.duplicate_of IS 'Earlier row that it duplicates; null when the lead came in another way.';
COMMENT ON COLUMN sentinel.intake_raw.duplicate_key IS 'Which key agreed; combined: all of them.';
COMMENT ON COLUMN sentinel.intake_raw.reject_code IS 'Stable name of the reason, such as bad_email.';
COMMENT ON COLUMN sentinel.intake_raw.reject_reason IS 'Why it is unusable, naming the value.';
COMMENT ON COLUMN sentinel.intake_raw.reject_hint IS 'What would make it usable.';
COMMENT ON COLUMN sentinel.intake_raw.fingerprint IS 'sentinel.fingerprint(), or fingerprint_anonymous() without e-mail, domain and profile. Filled by trigger.';
COMMENT ON COLUMN sentinel.intake_raw.fingerprint_person IS 'fingerprint_anonymous() of a row that has a domain only: tells the people of one company apart.';
COMMENT ON COLUMN sentinel.intake_raw.fingerprint_email IS 'sentinel.fingerprint_email(). Filled by trigger.';
COMMENT ON COLUMN sentinel.intake_raw.fingerprint_profile IS 'sentinel.fingerprint_profile(). Filled by trigger.';
COMMENT ON COLUMN sentinel.intake_raw.fingerprint_phone IS 'sentinel.fingerprint_phone(). Filled by trigger.';
COMMENT ON COLUMN sentinel.intake_raw.idempotency_key IS 'Key that the sender gave; a key comes in once.';
COMMENT ON COLUMN sentinel.intake_raw.lead_id IS 'Lead that it became or belongs to.';
COMMENT ON COLUMN sentinel.intake_raw.received_at IS 'When it came in.';
COMMENT ON COLUMN sentinel.intake_raw.processed_at IS 'When its state became final.';

CREATE TABLE sentinel.intake_fingerprints (
    org_id uuid NOT NULL,
    key text NOT NULL CHECK (key IN ('combined', 'email', 'profile_link', 'phone')),
    fingerprint text NOT NULL,
    intake_id uuid NOT NULL,
    PRIMARY KEY (org_id, key, fingerprint)
);
CREATE INDEX intake_fingerprints_intake ON sentinel.intake_fingerprints (org_id, intake_id);
COMMENT ON TABLE sentinel.intake_fingerprints IS 'Which row was the first to have a fingerprint. Its primary key is what makes concurrent duplicates impossible. No foreign key, which would cost half of intake''s time: a trigger of intake_raw removes what a deleted row held.';
COMMENT ON COLUMN sentinel.intake_fingerprints.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.intake_fingerprints.key IS 'Kind of the fingerprint: combined, email, profile_link or phone.';
COMMENT ON COLUMN sentinel.intake_fingerprints.fingerprint IS 'The fingerprint; combined ones of rows with a domain only have the person''s behind them.';
COMMENT ON COLUMN sentinel.intake_fingerprints.intake_id IS 'First row that had it.';
