-- Room deals, import: headings and words, row rights, the view of what was refused, grants.

INSERT INTO sentinel.deal_columns (alias, field) VALUES
    ('external id', 'external_id'), ('externalid', 'external_id'), ('id', 'external_id'), ('record id', 'external_id'),
    ('opportunity number', 'external_id'), ('number', 'external_id'), ('reference', 'external_id'), ('dealid', 'external_id'),
    ('name', 'name'), ('dealname', 'name'), ('title', 'name'), ('subject', 'name'), ('topic', 'name'), ('deal', 'name'),
    ('opportunity', 'name'),
    ('account', 'account'), ('account name', 'account'), ('company', 'account'), ('company name', 'account'), ('companyname', 'account'),
    ('customer', 'account'), ('customer name', 'account'), ('client', 'account'), ('organization', 'account'), ('organisation', 'account'),
    ('associated company', 'account'), ('potential customer', 'account'), ('firma', 'account'), ('kunde', 'account'),
    ('product', 'product'), ('product name', 'product'), ('offer', 'product'), ('offer type', 'product'),
    ('owner', 'owner'), ('owner name', 'owner'), ('sales agent', 'owner'), ('sales rep', 'owner'), ('salesperson', 'owner'),
    ('rep', 'owner'), ('agent', 'owner'), ('account executive', 'owner'), ('assigned to', 'owner'), ('assignedto', 'owner'),
    ('assignee', 'owner'), ('verantwortlich', 'owner'),
    ('owner email', 'owner_email'), ('owner e mail', 'owner_email'), ('sales agent email', 'owner_email'), ('rep email', 'owner_email'),
    ('team', 'team'), ('sales team', 'team'), ('team name', 'team'),
    ('stage', 'stage'), ('dealstage', 'stage'), ('stage name', 'stage'), ('stagename', 'stage'), ('sales stage', 'stage'),
    ('pipeline stage', 'stage'), ('phase', 'stage'),
    ('outcome', 'outcome'), ('status', 'outcome'), ('state', 'outcome'), ('result', 'outcome'), ('won/lost', 'outcome'), ('won lost', 'outcome'),
    ('won', 'is_won'), ('is won', 'is_won'), ('iswon', 'is_won'), ('is closed won', 'is_won'),
    ('is closed', 'is_closed'), ('isclosed', 'is_closed'), ('is deal closed?', 'is_closed'),
    ('created', 'created'), ('created at', 'created'), ('createdat', 'created'), ('created date', 'created'), ('create date', 'created'),
    ('createdate', 'created'), ('created on', 'created'), ('creation date', 'created'), ('date created', 'created'),
    ('opened', 'created'), ('open date', 'created'), ('start date', 'created'), ('engage date', 'created'), ('begin', 'created'),
    ('add time', 'created'), ('erstellt', 'created'), ('erstellt am', 'created'),
    ('closed', 'closed'), ('closed at', 'closed'), ('closedat', 'closed'), ('closed date', 'closed'), ('close date', 'closed'),
    ('closedate', 'closed'), ('closing date', 'closed'), ('closed on', 'closed'), ('close time', 'closed'), ('date closed', 'closed'),
    ('actual close date', 'closed'), ('end date', 'closed'), ('won date', 'closed'), ('won time', 'closed'), ('won on', 'closed'),
    ('lost date', 'closed'), ('lost time', 'closed'), ('lost on', 'closed'), ('abgeschlossen', 'closed'),
    ('expected close', 'expected_close'), ('expected close date', 'expected_close'), ('expectedcloseat', 'expected_close'),
    ('estimated close date', 'expected_close'), ('est close date', 'expected_close'), ('forecast close date', 'expected_close'),
    ('expected closing', 'expected_close'), ('target close date', 'expected_close'),
    ('stage changed', 'stage_changed'), ('stage changed at', 'stage_changed'), ('stage entered', 'stage_changed'),
    ('stage entered at', 'stage_changed'), ('last stage change', 'stage_changed'), ('last stage change date', 'stage_changed'),
    ('stage date', 'stage_changed'), ('entered stage', 'stage_changed'), ('date entered current stage', 'stage_changed'),
    ('value', 'value'), ('amount', 'value'), ('amount (usd)', 'value'), ('amount usd', 'value'), ('amount in company currency', 'value'),
    ('estimated value', 'value'), ('est revenue', 'value'), ('estimated revenue', 'value'), ('revenue', 'value'), ('tcv', 'value'),
    ('acv', 'value'), ('betrag', 'value'), ('wert', 'value'),
    ('close value', 'closing_value'), ('closing value', 'closing_value'), ('closed value', 'closing_value'), ('won value', 'closing_value'),
    ('won amount', 'closing_value'), ('closed amount', 'closing_value'), ('actual value', 'closing_value'), ('actual revenue', 'closing_value'),
    ('currency', 'currency'), ('currency code', 'currency'), ('currencyisocode', 'currency'), ('amount currency', 'currency'),
    ('currency of value', 'currency'), ('value currency', 'currency'),
    ('channel', 'channel'), ('acquisition channel', 'channel'), ('lead source', 'channel'), ('leadsource', 'channel'), ('source', 'channel'),
    ('lost reason', 'lost_reason'), ('lostreason', 'lost_reason'), ('loss reason', 'lost_reason'), ('closed lost reason', 'lost_reason'),
    ('reason lost', 'lost_reason')
ON CONFLICT DO NOTHING;

-- Sales stages of Salesforce, HubSpot and Pipedrive, of the public sales opportunities of Maven Analytics, and plain words.
INSERT INTO sentinel.deal_words (field, word, meaning) VALUES
    ('stage', 'new', 'discover'), ('stage', 'open', 'discover'), ('stage', 'prospecting', 'discover'), ('stage', 'needs analysis', 'discover'),
    ('stage', 'appointmentscheduled', 'discover'), ('stage', 'appointment scheduled', 'discover'), ('stage', 'lead in', 'discover'),
    ('stage', 'qualified', 'qualify'), ('stage', 'qualifiedtobuy', 'qualify'), ('stage', 'qualified to buy', 'qualify'),
    ('stage', 'engaging', 'qualify'), ('stage', 'contact made', 'qualify'), ('stage', 'contacted', 'qualify'),
    ('stage', 'value proposition', 'proposal'), ('stage', 'id decision makers', 'proposal'), ('stage', 'perception analysis', 'proposal'),
    ('stage', 'proposal/price quote', 'proposal'), ('stage', 'proposal/quote', 'proposal'), ('stage', 'quote', 'proposal'),
    ('stage', 'presentationscheduled', 'proposal'), ('stage', 'presentation scheduled', 'proposal'),
    ('stage', 'decisionmakerboughtin', 'proposal'), ('stage', 'decision maker bought in', 'proposal'),
    ('stage', 'demo scheduled', 'proposal'), ('stage', 'proposal made', 'proposal'),
    ('stage', 'negotiation/review', 'negotiation'), ('stage', 'negotiations started', 'negotiation'), ('stage', 'contractsent', 'negotiation'),
    ('stage', 'contract sent', 'negotiation'),
    ('stage', 'closedwon', 'closed_won'), ('stage', 'closed won', 'closed_won'), ('stage', 'win', 'closed_won'), ('stage', 'gewonnen', 'closed_won'),
    ('stage', 'closedlost', 'closed_lost'), ('stage', 'closed lost', 'closed_lost'), ('stage', 'loss', 'closed_lost'),
    ('stage', 'dead', 'closed_lost'), ('stage', 'disqualified', 'closed_lost'), ('stage', 'verloren', 'closed_lost'),
    ('stage', 'closed', NULL),
    ('outcome', 'open', 'open'), ('outcome', 'in progress', 'open'), ('outcome', 'pending', 'open'), ('outcome', 'active', 'open'),
    ('outcome', 'new', 'open'), ('outcome', 'ongoing', 'open'), ('outcome', 'offen', 'open'),
    ('outcome', 'won', 'won'), ('outcome', 'win', 'won'), ('outcome', 'closed won', 'won'), ('outcome', 'closedwon', 'won'),
    ('outcome', 'success', 'won'), ('outcome', 'gewonnen', 'won'),
    ('outcome', 'lost', 'lost'), ('outcome', 'loss', 'lost'), ('outcome', 'closed lost', 'lost'), ('outcome', 'closedlost', 'lost'),
    ('outcome', 'dead', 'lost'), ('outcome', 'abandoned', 'lost'), ('outcome', 'disqualified', 'lost'), ('outcome', 'cancelled', 'lost'),
    ('outcome', 'canceled', 'lost'), ('outcome', 'no decision', 'lost'), ('outcome', 'verloren', 'lost')
ON CONFLICT DO NOTHING;

-- A file tells of deals of all owners, so members who are neither owner nor admin do not read it.
DROP POLICY IF EXISTS deal_imports_view ON sentinel.deal_imports;
CREATE POLICY deal_imports_view ON sentinel.deal_imports
    USING (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL));
DROP POLICY IF EXISTS deal_import_rows_view ON sentinel.deal_import_rows;
CREATE POLICY deal_import_rows_view ON sentinel.deal_import_rows
    USING (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL))
    WITH CHECK (org_id = sentinel.current_org() AND sentinel.may('assign', NULL, NULL));

CREATE OR REPLACE VIEW sentinel.deal_import_rejects WITH (security_invoker = true) AS
    SELECT r.org_id, r.import_id, i.file_name, r.line, r.reject_code AS code, r.reject_reason AS reason, r.reject_hint AS hint,
           sentinel.readable(r.raw) AS raw, r.external_id, i.received_at
    FROM sentinel.deal_import_rows r
    JOIN sentinel.deal_imports i ON i.org_id = r.org_id AND i.id = r.import_id
    WHERE r.state = 'rejected';
COMMENT ON VIEW sentinel.deal_import_rejects IS 'Records of files of opportunities that were refused, with the reason. One row is one record.';
COMMENT ON COLUMN sentinel.deal_import_rejects.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_import_rejects.import_id IS 'File it stood in.';
COMMENT ON COLUMN sentinel.deal_import_rejects.file_name IS 'Name of the file.';
COMMENT ON COLUMN sentinel.deal_import_rejects.line IS 'Physical line of the file, from 1.';
COMMENT ON COLUMN sentinel.deal_import_rejects.code IS 'Stable name of the reason.';
COMMENT ON COLUMN sentinel.deal_import_rejects.reason IS 'Why it is unusable.';
COMMENT ON COLUMN sentinel.deal_import_rejects.hint IS 'What would make it usable.';
COMMENT ON COLUMN sentinel.deal_import_rejects.raw IS 'The record as text to look at, up to 500 characters.';
COMMENT ON COLUMN sentinel.deal_import_rejects.external_id IS 'Id in the system it came from, where it could be read.';
COMMENT ON COLUMN sentinel.deal_import_rejects.received_at IS 'When the file came in.';

GRANT SELECT ON sentinel.deal_columns, sentinel.deal_words TO sentinel_reader, sentinel_member, sentinel_operator;
GRANT SELECT ON sentinel.deal_imports, sentinel.deal_import_rows, sentinel.deal_import_rejects TO sentinel_member, sentinel_operator;
