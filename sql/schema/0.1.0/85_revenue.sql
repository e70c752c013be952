-- Room revenue: settings, calls, clients, invoices, documents, contracts, tasks, reports, merged leads.

CREATE TABLE sentinel.revenue_defaults (
    setting text NOT NULL PRIMARY KEY CHECK (setting ~ '^[a-z][a-z0-9_]{0,62}$'),
    value numeric NOT NULL,
    minimum numeric NOT NULL,
    maximum numeric NOT NULL,
    description text NOT NULL,
    CHECK (value BETWEEN minimum AND maximum)
);
COMMENT ON TABLE sentinel.revenue_defaults IS 'Settings of the revenue engine with the value that holds where an organisation has set none. One row is one setting, a column of revenue_settings.';
COMMENT ON COLUMN sentinel.revenue_defaults.setting IS 'Name of the setting.';
COMMENT ON COLUMN sentinel.revenue_defaults.value IS 'Value that holds by default.';
COMMENT ON COLUMN sentinel.revenue_defaults.minimum IS 'Least value allowed.';
COMMENT ON COLUMN sentinel.revenue_defaults.maximum IS 'Greatest value allowed.';
COMMENT ON COLUMN sentinel.revenue_defaults.description IS 'What it decides, with its unit.';

CREATE TABLE sentinel.revenue_settings (
    org_id uuid NOT NULL PRIMARY KEY REFERENCES sentinel.orgs ON DELETE CASCADE,
    buying_signal_threshold numeric,
    buying_signal_weight numeric,
    ghost_signal_floor numeric,
    ghost_silence_days numeric,
    ghost_rise numeric,
    ghost_fall numeric,
    deal_decay_days numeric,
    deal_nudge_days numeric,
    stale_lead_days numeric,
    stale_follow_up_days numeric,
    invoice_due_days numeric,
    renewal_days numeric,
    renewal_window_days numeric,
    testimonial_days numeric,
    referral_days numeric,
    upsell_days numeric,
    client_stuck_hours numeric,
    integrity_grace_minutes numeric,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sentinel.revenue_settings IS 'What an organisation has set itself; null: revenue_defaults holds. Read by revenue_setting(), written by set_revenue_settings().';
COMMENT ON COLUMN sentinel.revenue_settings.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.revenue_settings.buying_signal_threshold IS 'Buying signal score of a lead from which it is escalated.';
COMMENT ON COLUMN sentinel.revenue_settings.buying_signal_weight IS 'Part of the score of a call that is added to its lead.';
COMMENT ON COLUMN sentinel.revenue_settings.ghost_signal_floor IS 'Buying signal score above which silence counts as ghosting.';
COMMENT ON COLUMN sentinel.revenue_settings.ghost_silence_days IS 'Days of silence that are tolerated.';
COMMENT ON COLUMN sentinel.revenue_settings.ghost_rise IS 'Points that ghost risk rises a day of silence.';
COMMENT ON COLUMN sentinel.revenue_settings.ghost_fall IS 'Points that it falls a day after the lead was heard of.';
COMMENT ON COLUMN sentinel.revenue_settings.deal_decay_days IS 'Days in one stage after which a deal is stalled.';
COMMENT ON COLUMN sentinel.revenue_settings.deal_nudge_days IS 'Days until a deal that is still stalled is nudged again.';
COMMENT ON COLUMN sentinel.revenue_settings.stale_lead_days IS 'Days without contact after which a lead is stale.';
COMMENT ON COLUMN sentinel.revenue_settings.stale_follow_up_days IS 'Days in which a stale lead is to be followed up.';
COMMENT ON COLUMN sentinel.revenue_settings.invoice_due_days IS 'Days in which an invoice is to be paid.';
COMMENT ON COLUMN sentinel.revenue_settings.renewal_days IS 'Days from the start of onboarding to renewal.';
COMMENT ON COLUMN sentinel.revenue_settings.renewal_window_days IS 'Days before a renewal in which it is reminded of.';
COMMENT ON COLUMN sentinel.revenue_settings.testimonial_days IS 'Days from the start of onboarding to the request for a testimonial.';
COMMENT ON COLUMN sentinel.revenue_settings.referral_days IS 'Days from the start of onboarding to the request for a referral.';
COMMENT ON COLUMN sentinel.revenue_settings.upsell_days IS 'Days from the start of onboarding until more may be offered.';
COMMENT ON COLUMN sentinel.revenue_settings.client_stuck_hours IS 'Hours after which a client who is still pending is a breach of integrity.';
COMMENT ON COLUMN sentinel.revenue_settings.integrity_grace_minutes IS 'Minutes that jobs have before what they have not done yet is a breach.';
COMMENT ON COLUMN sentinel.revenue_settings.updated_at IS 'When a setting was last changed.';

CREATE TABLE sentinel.calls (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    lead_id uuid NOT NULL,
    deal_id uuid,
    scheduled_at timestamptz NOT NULL CHECK (isfinite(scheduled_at)),
    status text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'completed', 'no_show', 'cancelled')),
    status_changed_at timestamptz NOT NULL DEFAULT now(),
    transcript text CHECK (length(transcript) BETWEEN 1 AND 1000000),
    transcript_version integer NOT NULL DEFAULT 0,
    outcome text CHECK (length(outcome) BETWEEN 1 AND 10000),
    summary text CHECK (length(summary) <= 10000),
    proposal_blueprint jsonb,
    completed_at timestamptz,
    meeting_url text CHECK (length(meeting_url) <= 2048 AND meeting_url ~ '^https?://[^[:space:]]+$'),
    buying_signals jsonb CHECK (jsonb_typeof(buying_signals) = 'array'),
    buying_signal_score numeric(5,2) CHECK (buying_signal_score BETWEEN 0 AND 100),
    applied_signal numeric(5,2) NOT NULL DEFAULT 0,
    analysis_source text CHECK (analysis_source IN ('lexicon', 'model')),
    member_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, lead_id) REFERENCES sentinel.leads (org_id, id),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CHECK (status <> 'completed' OR transcript IS NOT NULL AND outcome IS NOT NULL)
);
CREATE UNIQUE INDEX calls_booked ON sentinel.calls (org_id, lead_id, scheduled_at) WHERE status = 'booked';
CREATE INDEX calls_lead ON sentinel.calls (org_id, lead_id);
CREATE INDEX calls_deal ON sentinel.calls (org_id, deal_id) WHERE deal_id IS NOT NULL;
CREATE INDEX calls_scheduled ON sentinel.calls (org_id, status, scheduled_at);
CREATE INDEX calls_time ON sentinel.calls (org_id, scheduled_at);
COMMENT ON TABLE sentinel.calls IS 'Calls with leads. One row is one call. What people say of it (transcript, outcome) and what an analysis says (summary, signals, blueprint) stand in different columns.';
COMMENT ON COLUMN sentinel.calls.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.calls.id IS 'Id of the call.';
COMMENT ON COLUMN sentinel.calls.lead_id IS 'Lead.';
COMMENT ON COLUMN sentinel.calls.deal_id IS 'Deal it is about; null for none. A call of a deal is seen by those who see the deal.';
COMMENT ON COLUMN sentinel.calls.scheduled_at IS 'When it is to take place.';
COMMENT ON COLUMN sentinel.calls.status IS 'State of the machine call.';
COMMENT ON COLUMN sentinel.calls.status_changed_at IS 'When it entered that state.';
COMMENT ON COLUMN sentinel.calls.transcript IS 'What was said, as a person or recorder handed it in.';
COMMENT ON COLUMN sentinel.calls.transcript_version IS 'Number of corrections of the transcript since completion.';
COMMENT ON COLUMN sentinel.calls.outcome IS 'How it ended, in the words of who held it; no analysis writes here.';
COMMENT ON COLUMN sentinel.calls.summary IS 'Summary by the analysis.';
COMMENT ON COLUMN sentinel.calls.proposal_blueprint IS 'Draft of a proposal by the analysis.';
COMMENT ON COLUMN sentinel.calls.completed_at IS 'When it was held; null unless completed.';
COMMENT ON COLUMN sentinel.calls.meeting_url IS 'Address of the meeting.';
COMMENT ON COLUMN sentinel.calls.buying_signals IS 'Sentences in which the analysis saw a buying signal, as an array.';
COMMENT ON COLUMN sentinel.calls.buying_signal_score IS 'Strength of the signals of this call, 0 to 100, by the analysis.';
COMMENT ON COLUMN sentinel.calls.applied_signal IS 'Points that the analysis has added to the lead on account of this call, so that a second run adds the difference only.';
COMMENT ON COLUMN sentinel.calls.analysis_source IS 'Who analysed it: lexicon or model; null while nobody has.';
COMMENT ON COLUMN sentinel.calls.member_id IS 'Member who booked it.';
COMMENT ON COLUMN sentinel.calls.created_at IS 'When it was booked.';
COMMENT ON COLUMN sentinel.calls.updated_at IS 'When the row last changed. Filled by trigger.';

CREATE TABLE sentinel.clients (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    lead_id uuid,
    deal_id uuid NOT NULL,
    onboarding_status text NOT NULL DEFAULT 'pending' CHECK (onboarding_status IN ('pending', 'in_progress', 'complete')),
    onboarding_changed_at timestamptz NOT NULL DEFAULT now(),
    delivery_phase text CHECK (delivery_phase IN ('system_design', 'crm_build', 'automation_build', 'handover', 'live', 'complete')),
    delivery_changed_at timestamptz,
    renewal_at timestamptz CHECK (isfinite(renewal_at)),
    churn_risk_score numeric(5,2) NOT NULL DEFAULT 0 CHECK (churn_risk_score BETWEEN 0 AND 100),
    satisfaction_score numeric(5,2) CHECK (satisfaction_score BETWEEN 0 AND 100),
    testimonial_sent_at timestamptz,
    referral_sent_at timestamptz,
    upsell_flagged_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, deal_id),
    FOREIGN KEY (org_id, lead_id) REFERENCES sentinel.leads (org_id, id),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id)
);
CREATE INDEX clients_lead ON sentinel.clients (org_id, lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX clients_renewal ON sentinel.clients (org_id, renewal_at) WHERE renewal_at IS NOT NULL;
COMMENT ON TABLE sentinel.clients IS 'Those who have bought. One row is one deal delivered.';
COMMENT ON COLUMN sentinel.clients.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.clients.id IS 'Id of the client.';
COMMENT ON COLUMN sentinel.clients.lead_id IS 'Lead it was; null when the deal knows none.';
COMMENT ON COLUMN sentinel.clients.deal_id IS 'Deal that was won; a client is seen by those who see it.';
COMMENT ON COLUMN sentinel.clients.onboarding_status IS 'State of the machine client_onboarding.';
COMMENT ON COLUMN sentinel.clients.onboarding_changed_at IS 'When it entered that state.';
COMMENT ON COLUMN sentinel.clients.delivery_phase IS 'State of the machine client_delivery; null until onboarding starts.';
COMMENT ON COLUMN sentinel.clients.delivery_changed_at IS 'When it entered that phase.';
COMMENT ON COLUMN sentinel.clients.renewal_at IS 'When the agreement is to be renewed.';
COMMENT ON COLUMN sentinel.clients.churn_risk_score IS 'Risk that the client leaves, 0 to 100.';
COMMENT ON COLUMN sentinel.clients.satisfaction_score IS 'How satisfied the client is, 0 to 100.';
COMMENT ON COLUMN sentinel.clients.testimonial_sent_at IS 'When a testimonial was asked for.';
COMMENT ON COLUMN sentinel.clients.referral_sent_at IS 'When a referral was asked for.';
COMMENT ON COLUMN sentinel.clients.upsell_flagged_at IS 'When it was noted that more may be offered.';
COMMENT ON COLUMN sentinel.clients.created_at IS 'When the client was made.';
COMMENT ON COLUMN sentinel.clients.updated_at IS 'When the row last changed. Filled by trigger.';

CREATE TABLE sentinel.invoice_numbers (
    org_id uuid NOT NULL PRIMARY KEY REFERENCES sentinel.orgs ON DELETE CASCADE,
    prefix text NOT NULL DEFAULT 'INV-' CHECK (length(prefix) <= 20),
    next_number bigint NOT NULL DEFAULT 1 CHECK (next_number > 0)
);
COMMENT ON TABLE sentinel.invoice_numbers IS 'Where the numbering of invoices stands; the row is locked while an invoice is made, so that no number is left out.';
COMMENT ON COLUMN sentinel.invoice_numbers.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.invoice_numbers.prefix IS 'What numbers begin with.';
COMMENT ON COLUMN sentinel.invoice_numbers.next_number IS 'Number of the next invoice.';

CREATE TABLE sentinel.invoices (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    deal_id uuid NOT NULL,
    client_id uuid,
    number text NOT NULL CHECK (length(number) BETWEEN 1 AND 60),
    amount numeric(18,2) NOT NULL CHECK (amount >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'sent', 'overdue', 'paid', 'cancelled')),
    status_changed_at timestamptz NOT NULL DEFAULT now(),
    issued_at timestamptz,
    due_at timestamptz NOT NULL CHECK (isfinite(due_at)),
    paid_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, number),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id),
    FOREIGN KEY (org_id, client_id) REFERENCES sentinel.clients (org_id, id),
    CHECK ((status = 'paid') = (paid_at IS NOT NULL))
);
CREATE UNIQUE INDEX invoices_deal ON sentinel.invoices (org_id, deal_id) WHERE status <> 'cancelled';
CREATE INDEX invoices_of_deal ON sentinel.invoices (org_id, deal_id);
CREATE INDEX invoices_due ON sentinel.invoices (org_id, due_at) WHERE status = 'sent';
COMMENT ON TABLE sentinel.invoices IS 'Invoices. One row is one invoice; a deal has one at a time that is not cancelled.';
COMMENT ON COLUMN sentinel.invoices.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.invoices.id IS 'Id of the invoice.';
COMMENT ON COLUMN sentinel.invoices.deal_id IS 'Deal that it bills; an invoice is seen by those who see it.';
COMMENT ON COLUMN sentinel.invoices.client_id IS 'Client; null until there is one.';
COMMENT ON COLUMN sentinel.invoices.number IS 'Number, unique in the organisation and without gaps.';
COMMENT ON COLUMN sentinel.invoices.amount IS 'Amount to pay, to the cent, in the currency; fixed once it is sent.';
COMMENT ON COLUMN sentinel.invoices.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN sentinel.invoices.status IS 'State of the machine invoice.';
COMMENT ON COLUMN sentinel.invoices.status_changed_at IS 'When it entered that state.';
COMMENT ON COLUMN sentinel.invoices.issued_at IS 'When it was sent, or paid unsent; null before.';
COMMENT ON COLUMN sentinel.invoices.due_at IS 'By when it is to be paid.';
COMMENT ON COLUMN sentinel.invoices.paid_at IS 'When it was paid; null unless paid.';
COMMENT ON COLUMN sentinel.invoices.created_at IS 'When it was made.';
COMMENT ON COLUMN sentinel.invoices.updated_at IS 'When the row last changed. Filled by trigger.';

CREATE TABLE sentinel.document_templates (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    kind text NOT NULL CHECK (kind IN ('contract', 'proposal', 'email')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (length(body) BETWEEN 1 AND 500000),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, kind, name)
);
COMMENT ON TABLE sentinel.document_templates IS 'Texts with places for values, {{word}}, that render_template() fills. One row is one template.';
COMMENT ON COLUMN sentinel.document_templates.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.document_templates.id IS 'Id of the template.';
COMMENT ON COLUMN sentinel.document_templates.kind IS 'contract, proposal or email.';
COMMENT ON COLUMN sentinel.document_templates.name IS 'Name, unique among those of the kind.';
COMMENT ON COLUMN sentinel.document_templates.body IS 'HTML with {{word}} where a value goes.';
COMMENT ON COLUMN sentinel.document_templates.created_at IS 'When it was made.';
COMMENT ON COLUMN sentinel.document_templates.updated_at IS 'When it was last changed; contracts made before keep their text.';

CREATE TABLE sentinel.document_settings (
    org_id uuid NOT NULL PRIMARY KEY REFERENCES sentinel.orgs ON DELETE CASCADE,
    base_url text NOT NULL CHECK (base_url ~ '^https?://[^[:space:]]+/$'),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sentinel.document_settings IS 'Where documents of an organisation are served. One row is one organisation.';
COMMENT ON COLUMN sentinel.document_settings.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.document_settings.base_url IS 'Address behind which the id of a document is put; ends in a slash.';
COMMENT ON COLUMN sentinel.document_settings.updated_at IS 'When it was last set.';

CREATE TABLE sentinel.contracts (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    deal_id uuid NOT NULL,
    template_id uuid,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'sent', 'signed', 'void')),
    status_changed_at timestamptz NOT NULL DEFAULT now(),
    html text NOT NULL CHECK (length(html) BETWEEN 1 AND 1000000),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    url text CHECK (length(url) <= 2048 AND url ~ '^https?://[^[:space:]]+$'),
    sent_at timestamptz,
    signed_at timestamptz,
    signed_by text CHECK (length(signed_by) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id),
    FOREIGN KEY (org_id, template_id) REFERENCES sentinel.document_templates (org_id, id),
    CHECK ((status = 'signed') = (signed_at IS NOT NULL AND signed_by IS NOT NULL))
);
CREATE UNIQUE INDEX contracts_deal ON sentinel.contracts (org_id, deal_id) WHERE status <> 'void';
CREATE INDEX contracts_of_deal ON sentinel.contracts (org_id, deal_id);
COMMENT ON TABLE sentinel.contracts IS 'Contracts. One row is one contract; a deal has one at a time that is not void.';
COMMENT ON COLUMN sentinel.contracts.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.contracts.id IS 'Id of the contract.';
COMMENT ON COLUMN sentinel.contracts.deal_id IS 'Deal; a contract is seen by those who see it.';
COMMENT ON COLUMN sentinel.contracts.template_id IS 'Template it was made of; null for one brought along.';
COMMENT ON COLUMN sentinel.contracts.status IS 'State of the machine contract.';
COMMENT ON COLUMN sentinel.contracts.status_changed_at IS 'When it entered that state.';
COMMENT ON COLUMN sentinel.contracts.html IS 'Text; fixed once it is sent.';
COMMENT ON COLUMN sentinel.contracts.sha256 IS 'SHA-256 of the text in UTF-8, as hexadecimal digits. Filled by trigger.';
COMMENT ON COLUMN sentinel.contracts.url IS 'Where it lies for signature.';
COMMENT ON COLUMN sentinel.contracts.sent_at IS 'When it was sent; null when it never was.';
COMMENT ON COLUMN sentinel.contracts.signed_at IS 'When it was signed; null unless signed.';
COMMENT ON COLUMN sentinel.contracts.signed_by IS 'Who signed it.';
COMMENT ON COLUMN sentinel.contracts.created_at IS 'When it was made.';
COMMENT ON COLUMN sentinel.contracts.updated_at IS 'When the row last changed. Filled by trigger.';

CREATE TABLE sentinel.tasks (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
    subject_type text CHECK (subject_type IN ('lead', 'deal', 'call', 'invoice', 'contract', 'client')),
    subject_id uuid,
    due_at timestamptz CHECK (isfinite(due_at)),
    completed_at timestamptz,
    priority text NOT NULL DEFAULT 'normal' CHECK (priority IN ('critical', 'high', 'normal', 'low')),
    member_id uuid,
    source_key text CHECK (length(source_key) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id),
    CHECK ((subject_type IS NULL) = (subject_id IS NULL))
);
CREATE UNIQUE INDEX tasks_source ON sentinel.tasks (org_id, source_key) WHERE source_key IS NOT NULL;
CREATE INDEX tasks_open ON sentinel.tasks (org_id, due_at) WHERE completed_at IS NULL;
CREATE INDEX tasks_subject ON sentinel.tasks (org_id, subject_type, subject_id) WHERE subject_id IS NOT NULL;
COMMENT ON TABLE sentinel.tasks IS 'What people are to do. One row is one task.';
COMMENT ON COLUMN sentinel.tasks.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.tasks.id IS 'Id of the task.';
COMMENT ON COLUMN sentinel.tasks.title IS 'What is to be done.';
COMMENT ON COLUMN sentinel.tasks.subject_type IS 'Kind of thing it is about: lead, deal, call, invoice, contract or client.';
COMMENT ON COLUMN sentinel.tasks.subject_id IS 'Id of it; no foreign key, for it is of several tables.';
COMMENT ON COLUMN sentinel.tasks.due_at IS 'By when.';
COMMENT ON COLUMN sentinel.tasks.completed_at IS 'When it was done; null until then.';
COMMENT ON COLUMN sentinel.tasks.priority IS 'critical, high, normal or low.';
COMMENT ON COLUMN sentinel.tasks.member_id IS 'Member who is to do it; null for whoever comes first.';
COMMENT ON COLUMN sentinel.tasks.source_key IS 'Key that keeps a job from making the same task twice; null for tasks of people.';
COMMENT ON COLUMN sentinel.tasks.created_at IS 'When it was made.';

CREATE TABLE sentinel.weekly_reports (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    week_start timestamptz NOT NULL,
    data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    narrative text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, week_start)
);
COMMENT ON TABLE sentinel.weekly_reports IS 'Weekly reports. One row is one week; they count what all members do, so owners and admins see them.';
COMMENT ON COLUMN sentinel.weekly_reports.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.weekly_reports.id IS 'Id of the report.';
COMMENT ON COLUMN sentinel.weekly_reports.week_start IS 'Instant at which the week began.';
COMMENT ON COLUMN sentinel.weekly_reports.data IS 'The numbers.';
COMMENT ON COLUMN sentinel.weekly_reports.narrative IS 'The same in words; null when nobody wrote them.';
COMMENT ON COLUMN sentinel.weekly_reports.created_at IS 'When it was made.';

CREATE TABLE sentinel.lead_merges (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    master_id uuid NOT NULL,
    duplicate_id uuid NOT NULL,
    duplicate jsonb NOT NULL,
    member_id uuid,
    merged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, duplicate_id),
    FOREIGN KEY (org_id, master_id) REFERENCES sentinel.leads (org_id, id) ON DELETE CASCADE
);
CREATE INDEX lead_merges_master ON sentinel.lead_merges (org_id, master_id);
COMMENT ON TABLE sentinel.lead_merges IS 'Leads that were found to be another one, so that their ids go on to mean something. Goes with the lead that stayed. One row is one lead merged.';
COMMENT ON COLUMN sentinel.lead_merges.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.lead_merges.id IS 'Id of the merge.';
COMMENT ON COLUMN sentinel.lead_merges.master_id IS 'Lead that stayed; of several merges in a row the last one''s.';
COMMENT ON COLUMN sentinel.lead_merges.duplicate_id IS 'Id of the lead that is gone.';
COMMENT ON COLUMN sentinel.lead_merges.duplicate IS 'The lead that is gone, as it was.';
COMMENT ON COLUMN sentinel.lead_merges.member_id IS 'Member who merged them.';
COMMENT ON COLUMN sentinel.lead_merges.merged_at IS 'When they were merged.';
