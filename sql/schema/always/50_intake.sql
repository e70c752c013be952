-- Room intake: trigger, aliases, views, and what the roles may read.

DROP TRIGGER IF EXISTS intake_raw_fingerprints ON sentinel.intake_raw;
CREATE TRIGGER intake_raw_fingerprints BEFORE INSERT ON sentinel.intake_raw
    FOR EACH ROW EXECUTE FUNCTION sentinel.fill_fingerprints();
DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS intake_raw_release ON sentinel.intake_raw;
        CREATE TRIGGER intake_raw_release AFTER DELETE ON sentinel.intake_raw
            REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION sentinel.release_fingerprints();
    END IF;
END
$$;

INSERT INTO sentinel.csv_columns (alias, field) VALUES
    ('name', 'name'), ('full name', 'name'), ('fullname', 'name'), ('contact', 'name'), ('contact name', 'name'),
    ('lead name', 'name'), ('title', 'name'), ('instagram username', 'name'), ('profile handle', 'name'),
    ('first name', 'first_name'), ('firstname', 'first_name'), ('given name', 'first_name'), ('vorname', 'first_name'),
    ('last name', 'last_name'), ('lastname', 'last_name'), ('surname', 'last_name'), ('family name', 'last_name'),
    ('nachname', 'last_name'),
    ('email', 'email'), ('e mail', 'email'), ('mail', 'email'), ('email address', 'email'), ('e mail address', 'email'),
    ('work email', 'email'),
    ('phone', 'phone'), ('telephone', 'phone'), ('tel', 'phone'), ('mobile', 'phone'), ('phone number', 'phone'),
    ('telefon', 'phone'),
    ('company name', 'company_name'), ('companyname', 'company_name'), ('company', 'company_name'),
    ('organisation', 'company_name'), ('organization', 'company_name'), ('account', 'company_name'), ('firma', 'company_name'),
    ('profile link', 'profile_link'), ('profilelink', 'profile_link'), ('url', 'profile_link'), ('profile url', 'profile_link'),
    ('instagram url', 'profile_link'), ('linkedin url', 'profile_link'), ('linkedin', 'profile_link'), ('link', 'profile_link'),
    ('domain', 'domain'), ('website', 'domain'), ('web site', 'domain'), ('company domain', 'domain'), ('company website', 'domain'),
    ('industry', 'industry'), ('niche', 'industry'), ('primary offer type', 'industry'),
    ('location', 'location'), ('english speaking market', 'location'), ('city', 'location'),
    ('lead source', 'lead_source'), ('leadsource', 'lead_source'), ('source', 'lead_source'),
    ('platform', 'platform'), ('channel', 'platform'),
    ('temperature', 'temperature'), ('temp', 'temperature'),
    ('employee count', 'employee_count'), ('employees', 'employee_count'), ('headcount', 'employee_count'),
    ('company size', 'employee_count'),
    ('revenue band', 'revenue_band'), ('deal value', 'deal_value'), ('deal amount', 'deal_value'), ('value', 'deal_value'),
    ('amount', 'deal_value'), ('budget', 'deal_value'), ('currency', 'currency'),
    ('created at', 'created_at'), ('created', 'created_at'), ('created date', 'created_at'), ('date', 'created_at'),
    ('notes', 'notes'), ('note', 'notes'), ('comment', 'notes'), ('comments', 'notes'), ('message', 'notes')
ON CONFLICT DO NOTHING;

CREATE OR REPLACE VIEW sentinel.intake_rejects WITH (security_invoker = true) AS
    SELECT r.org_id, r.id AS intake_id, r.batch_id, b.file_name, r.line, r.source, r.reject_code AS code, r.reject_reason AS reason,
           r.reject_hint AS hint, coalesce(sentinel.readable(r.raw), left(r.payload::text, 500)) AS raw, r.received_at
    FROM sentinel.intake_raw r
    LEFT JOIN sentinel.intake_batches b ON b.org_id = r.org_id AND b.id = r.batch_id
    WHERE r.state = 'rejected';
COMMENT ON VIEW sentinel.intake_rejects IS 'Rows that came in and are unusable, with the reason. One row is one record.';
COMMENT ON COLUMN sentinel.intake_rejects.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.intake_rejects.intake_id IS 'Row of intake_raw.';
COMMENT ON COLUMN sentinel.intake_rejects.batch_id IS 'File it stood in; null for a form or webhook.';
COMMENT ON COLUMN sentinel.intake_rejects.file_name IS 'Name of the file.';
COMMENT ON COLUMN sentinel.intake_rejects.line IS 'Physical line of the file, from 1.';
COMMENT ON COLUMN sentinel.intake_rejects.source IS 'Where it comes from.';
COMMENT ON COLUMN sentinel.intake_rejects.code IS 'Stable name of the reason.';
COMMENT ON COLUMN sentinel.intake_rejects.reason IS 'Why it is unusable.';
COMMENT ON COLUMN sentinel.intake_rejects.hint IS 'What would make it usable.';
COMMENT ON COLUMN sentinel.intake_rejects.raw IS 'The line as text to look at, up to 500 characters.';
COMMENT ON COLUMN sentinel.intake_rejects.received_at IS 'When it came in.';

GRANT SELECT ON sentinel.csv_columns TO sentinel_reader, sentinel_member, sentinel_operator;
GRANT SELECT ON sentinel.intake_batches, sentinel.intake_raw, sentinel.intake_fingerprints, sentinel.intake_rejects
    TO sentinel_member, sentinel_operator;
