-- Room leads, operations: notes, tags, saved views, and the index of the search.

CREATE TABLE sentinel.notes (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    subject_type text NOT NULL CHECK (subject_type IN ('lead', 'deal', 'call', 'invoice', 'contract', 'client')),
    subject_id uuid NOT NULL,
    body text NOT NULL CHECK (length(body) BETWEEN 1 AND 100000),
    member_id uuid,
    created_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
    edited_at timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id)
);
CREATE INDEX notes_subject ON sentinel.notes (org_id, subject_type, subject_id, created_at);
COMMENT ON TABLE sentinel.notes IS
    'What people write down about leads, deals and what belongs to them. Written by add_note() and its like only. One row is one note.';
COMMENT ON COLUMN sentinel.notes.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.notes.id IS 'Id of the note.';
COMMENT ON COLUMN sentinel.notes.subject_type IS 'Kind of thing it is about: lead, deal, call, invoice, contract or client.';
COMMENT ON COLUMN sentinel.notes.subject_id IS 'Id of it; no foreign key, for it is of several tables. A note is seen by those who see the thing.';
COMMENT ON COLUMN sentinel.notes.body IS 'Text, 1 to 100,000 characters.';
COMMENT ON COLUMN sentinel.notes.member_id IS 'Member who wrote it; null when no member was entered.';
COMMENT ON COLUMN sentinel.notes.created_at IS 'When it was written.';
COMMENT ON COLUMN sentinel.notes.edited_at IS 'When its text was last changed; null while it is the first one.';
COMMENT ON INDEX sentinel.notes_subject IS 'The notes about a thing in their order.';

CREATE TABLE sentinel.tags (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    color text NOT NULL DEFAULT '#6b7280' CHECK (color ~ '^#[0-9a-f]{6}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX tags_name ON sentinel.tags (org_id, lower(name));
COMMENT ON TABLE sentinel.tags IS 'Words by which an organisation sorts its leads and deals. One row is one tag.';
COMMENT ON COLUMN sentinel.tags.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.tags.id IS 'Id of the tag.';
COMMENT ON COLUMN sentinel.tags.name IS 'Name, unique in the organisation, upper and lower case apart.';
COMMENT ON COLUMN sentinel.tags.color IS 'Colour to show it in: # and six hexadecimal digits.';
COMMENT ON COLUMN sentinel.tags.created_at IS 'When it was made.';

CREATE TABLE sentinel.lead_tags (
    org_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, lead_id, tag_id),
    FOREIGN KEY (org_id, lead_id) REFERENCES sentinel.leads (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, tag_id) REFERENCES sentinel.tags (org_id, id) ON DELETE CASCADE
);
CREATE INDEX lead_tags_tag ON sentinel.lead_tags (org_id, tag_id);
COMMENT ON TABLE sentinel.lead_tags IS 'Which lead has which tag.';
COMMENT ON COLUMN sentinel.lead_tags.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.lead_tags.lead_id IS 'Lead.';
COMMENT ON COLUMN sentinel.lead_tags.tag_id IS 'Tag.';
COMMENT ON COLUMN sentinel.lead_tags.created_at IS 'When it was put on.';

CREATE TABLE sentinel.saved_views (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    entity_type text NOT NULL CHECK (entity_type IN ('lead', 'deal')),
    filters jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(filters) = 'object'),
    sort text NOT NULL DEFAULT 'created_at',
    direction text NOT NULL DEFAULT 'desc' CHECK (direction IN ('asc', 'desc')),
    shared boolean NOT NULL DEFAULT false,
    member_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id)
);
CREATE UNIQUE INDEX saved_views_name ON sentinel.saved_views
    (org_id, coalesce(member_id, '00000000-0000-0000-0000-000000000000'::uuid), entity_type, lower(name));
COMMENT ON TABLE sentinel.saved_views IS 'Searches that members keep; run_saved_view() runs one with the rights of who runs it. One row is one search.';
COMMENT ON COLUMN sentinel.saved_views.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.saved_views.id IS 'Id of the view.';
COMMENT ON COLUMN sentinel.saved_views.name IS 'Name, unique among those of its owner for the kind of thing.';
COMMENT ON COLUMN sentinel.saved_views.entity_type IS 'What it finds: lead or deal.';
COMMENT ON COLUMN sentinel.saved_views.filters IS 'Filters as search_filters() wrote them.';
COMMENT ON COLUMN sentinel.saved_views.sort IS 'Column it is sorted by.';
COMMENT ON COLUMN sentinel.saved_views.direction IS 'asc or desc.';
COMMENT ON COLUMN sentinel.saved_views.shared IS 'Whether the others of the organisation see it, too.';
COMMENT ON COLUMN sentinel.saved_views.member_id IS 'Member who owns it; null when no member was entered.';
COMMENT ON COLUMN sentinel.saved_views.created_at IS 'When it was first saved.';
COMMENT ON COLUMN sentinel.saved_views.updated_at IS 'When it was last saved.';

-- The operator class lies wherever pg_trgm was installed; org_id in a GIN index is what btree_gin is required for.
DO $$
BEGIN
    EXECUTE format(
        'CREATE INDEX leads_search ON sentinel.leads '
        'USING gin (org_id, (name || '' '' || coalesce(email, '''') || '' '' || coalesce(company_name, '''') || '' '' || coalesce(domain, '''')) %I.gin_trgm_ops)',
        (SELECT n.nspname FROM pg_catalog.pg_opclass o
         JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod AND a.amname = 'gin'
         JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
         WHERE o.opcname = 'gin_trgm_ops'));
END
$$;
