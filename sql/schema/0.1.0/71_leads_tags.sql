-- Room leads, operations: tags of deals, here because deals are made only now.

CREATE TABLE sentinel.deal_tags (
    org_id uuid NOT NULL,
    deal_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, deal_id, tag_id),
    FOREIGN KEY (org_id, deal_id) REFERENCES sentinel.deals (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, tag_id) REFERENCES sentinel.tags (org_id, id) ON DELETE CASCADE
);
CREATE INDEX deal_tags_tag ON sentinel.deal_tags (org_id, tag_id);
COMMENT ON TABLE sentinel.deal_tags IS 'Which deal has which tag.';
COMMENT ON COLUMN sentinel.deal_tags.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_tags.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel.deal_tags.tag_id IS 'Tag.';
COMMENT ON COLUMN sentinel.deal_tags.created_at IS 'When it was put on.';
