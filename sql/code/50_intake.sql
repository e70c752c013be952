-- Room intake: normalisers, fingerprints, and the reading and judging of rows. What uses them is in 51_intake_flow.sql.

-- grant: everyone
CREATE FUNCTION sentinel.normalize_email(address text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_normalize_email';
COMMENT ON FUNCTION sentinel.normalize_email(text) IS
    'Give the form in which two spellings of one mailbox are equal: lower case, A-label host, Gmail without dots, no +detail where the provider ignores it. For comparing, never for sending. Null for what is no address on a public host.';

-- grant: everyone
CREATE FUNCTION sentinel.normalize_phone(phone text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_normalize_phone';
COMMENT ON FUNCTION sentinel.normalize_phone(text) IS
    'Give a telephone number as digits, with + where the text tells the country: 00 becomes +, punctuation and extensions go, the first of several counts. Null below 7 or above 15 digits and for one digit repeated.';

-- grant: everyone
CREATE FUNCTION sentinel.normalize_phone(phone text, default_country_code text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_normalize_national_phone';
COMMENT ON FUNCTION sentinel.normalize_phone(text, text) IS
    'Give a telephone number as normalize_phone(text) does, and put the country code (44 or +44) before numbers written nationally.';

-- grant: everyone
CREATE FUNCTION sentinel.normalize_domain(address text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_normalize_domain';
COMMENT ON FUNCTION sentinel.normalize_domain(text) IS
    'Give the host of a web address, host name or e-mail address: lower case, A-labels, without www. Null where there is no public host name; an IP address is none.';

-- grant: everyone
CREATE FUNCTION sentinel.normalize_profile_url(address text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_normalize_profile_url';
COMMENT ON FUNCTION sentinel.normalize_profile_url(text) IS
    'Give a profile address as host/path, one spelling per account: no scheme, locale, query or trailing parts. Null for a bare host, which names a site, and for a bare @handle, which names no network.';

-- grant: everyone
CREATE FUNCTION sentinel.normalize_company(company text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_normalize_company';
COMMENT ON FUNCTION sentinel.normalize_company(text) IS
    'Give the form in which two spellings of a company are equal: lower case, no diacritics or punctuation, no legal form at the end. Null for a text without letters or digits.';

-- grant: everyone
CREATE FUNCTION sentinel.fingerprint(org_id uuid, email text, domain text, profile_link text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_fingerprint';
COMMENT ON FUNCTION sentinel.fingerprint(uuid, text, text, text) IS
    'Hash org_id|email|domain|profile_link with SHA-256, each of the three lower-cased and trimmed, null as empty; lower-case hex. Null when all three are empty: fingerprint_anonymous() then takes over.';

-- grant: everyone
CREATE FUNCTION sentinel.fingerprint_anonymous(org_id uuid, name text, phone text, company_name text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_fingerprint_anonymous';
COMMENT ON FUNCTION sentinel.fingerprint_anonymous(uuid, text, text, text) IS
    'Hash org_id|name|phone|company_name with SHA-256, lower-cased and trimmed, and put n: before it: for rows without e-mail, domain and profile. Null when all of it is empty.';

-- grant: everyone
CREATE FUNCTION sentinel.fingerprint_email(org_id uuid, email text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_fingerprint_email';
COMMENT ON FUNCTION sentinel.fingerprint_email(uuid, text) IS
    'Hash the normalised e-mail address; equal for two spellings of one mailbox. Null when it is no address.';

-- grant: everyone
CREATE FUNCTION sentinel.fingerprint_profile(org_id uuid, profile_link text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_fingerprint_profile';
COMMENT ON FUNCTION sentinel.fingerprint_profile(uuid, text) IS
    'Hash the normalised profile address of a person. Null for a company page and for what is no profile.';

-- grant: everyone
CREATE FUNCTION sentinel.fingerprint_phone(org_id uuid, phone text, name text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_fingerprint_phone';
COMMENT ON FUNCTION sentinel.fingerprint_phone(uuid, text, text) IS
    'Hash the last nine digits of a telephone number together with the name, because the number alone may be the office''s. Null without one of them.';

-- grant: everyone
CREATE FUNCTION sentinel.parse_csv(csv bytea)
    RETURNS TABLE (line integer, cells text[], raw bytea, code text, reason text, hint text)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_parse_csv';
COMMENT ON FUNCTION sentinel.parse_csv(bytea) IS
    'Read a CSV file: the first row is the header; line is the physical line on which a record begins. A broken record has no cells but a code, reason and hint: unclosed_quote, text_after_quote, nul_byte, not_utf8, cell_too_long (above 64 KiB), too_many_columns, too_few_columns. Delimiter , ; or tab and the encoding are found from the file; UTF-16 is decoded; a broken header ends the file. Never raises for bad content.';

-- grant: everyone
CREATE FUNCTION sentinel.csv_format(csv bytea) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_csv_format';
COMMENT ON FUNCTION sentinel.csv_format(bytea) IS
    'Give the delimiter and the encoding (UTF-8, UTF-8 with BOM, UTF-16LE, UTF-16BE, not UTF-8) of a CSV file.';

-- grant: everyone
CREATE FUNCTION sentinel.readable(raw bytea) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_readable';
COMMENT ON FUNCTION sentinel.readable(bytea) IS
    'Give bytes as text to look at, at most 500 characters: UTF-8 where it is that, else Windows-1252; NUL is shown as a picture.';

CREATE FUNCTION sentinel.intake_payload(cells text[], fields text[]) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_intake_payload';
COMMENT ON FUNCTION sentinel.intake_payload(text[], text[]) IS
    'Make a row''s payload: fields[i] names the field of cells[i]; empty passes a cell over, extra:x puts it under extra. Cells are trimmed, empty ones left out; the first cell of a field wins, notes are joined.';

-- grant: everyone
CREATE FUNCTION sentinel.intake_fault(payload jsonb) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_intake_fault';
COMMENT ON FUNCTION sentinel.intake_fault(jsonb) IS
    'Tell why a payload cannot become a lead, as code, reason and hint; null when it can. Codes: not_an_object, no_identifier, bad_email, bad_date, bad_number, negative_number, too_long.';

CREATE FUNCTION sentinel.intake_time(value text) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_intake_time';
COMMENT ON FUNCTION sentinel.intake_time(text) IS
    'Read a date as people write it (2026-03-31, 31.03.2026, 31 Mar 2026, with time and zone), UTC without a zone, whatever DateStyle says. Null when it is none or may be two different days.';

CREATE FUNCTION sentinel.intake_count(value text) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_intake_count';
COMMENT ON FUNCTION sentinel.intake_count(text) IS
    'Read a count as people write it: 1,200 or 1000+; of a range the lower bound counts. Null when it is none.';

CREATE FUNCTION sentinel.fill_fingerprints() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'sentinel_fill_fingerprints';
COMMENT ON FUNCTION sentinel.fill_fingerprints() IS
    'Trigger: fill the fingerprints of an intake row from its payload.';
