-- Room alerts, notifications: of what members can be told and how they wish it.

CREATE TABLE sentinel.notification_kinds (
    kind text NOT NULL PRIMARY KEY,
    label text NOT NULL,
    position integer NOT NULL,
    in_app boolean NOT NULL,
    by_email boolean NOT NULL,
    subject text NOT NULL,
    html text NOT NULL,
    plain text NOT NULL,
    path text NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE sentinel.notification_kinds IS
    'Of what members are told: what holds for who has no wish, and the texts of the e-mail. One row is one kind.';
COMMENT ON COLUMN sentinel.notification_kinds.kind IS 'Kind of notification.';
COMMENT ON COLUMN sentinel.notification_kinds.label IS 'Name for people.';
COMMENT ON COLUMN sentinel.notification_kinds.position IS 'Order in a list of settings.';
COMMENT ON COLUMN sentinel.notification_kinds.in_app IS 'Whether a member without a wish sees it in the product.';
COMMENT ON COLUMN sentinel.notification_kinds.by_email IS 'Whether a member without a wish has it by e-mail.';
COMMENT ON COLUMN sentinel.notification_kinds.subject IS 'Subject of the e-mail; {{word}} stands for a value of notification_words().';
COMMENT ON COLUMN sentinel.notification_kinds.html IS 'Body of the e-mail as HTML; values are escaped.';
COMMENT ON COLUMN sentinel.notification_kinds.plain IS 'Body of the e-mail as plain text.';
COMMENT ON COLUMN sentinel.notification_kinds.path IS 'Where in the product it leads; {id} stands for the deal.';
COMMENT ON COLUMN sentinel.notification_kinds.description IS 'When it is told.';

CREATE TABLE sentinel.notification_settings (
    org_id uuid NOT NULL,
    member_id uuid NOT NULL,
    kind text NOT NULL,
    in_app boolean,
    by_email boolean,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, member_id, kind),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sentinel.notification_settings IS
    'How a member wishes to be told of a kind. Without a row, or with a null, the default of the kind holds.';
COMMENT ON COLUMN sentinel.notification_settings.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.notification_settings.member_id IS 'Member.';
COMMENT ON COLUMN sentinel.notification_settings.kind IS 'Kind of sentinel.notification_kinds.';
COMMENT ON COLUMN sentinel.notification_settings.in_app IS 'Whether to show it in the product; null for the default.';
COMMENT ON COLUMN sentinel.notification_settings.by_email IS 'Whether to send it by e-mail; null for the default.';
COMMENT ON COLUMN sentinel.notification_settings.changed_at IS 'When the wish was last changed.';

CREATE TABLE sentinel.notification_digests (
    org_id uuid NOT NULL,
    member_id uuid NOT NULL,
    frequency text CHECK (frequency IN ('realtime', 'daily', 'weekly', 'never')),
    covered_until timestamptz,
    PRIMARY KEY (org_id, member_id),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sentinel.notification_digests IS
    'How often a member wishes a digest of what was not read, and up to when the last one reached.';
COMMENT ON COLUMN sentinel.notification_digests.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.notification_digests.member_id IS 'Member.';
COMMENT ON COLUMN sentinel.notification_digests.frequency IS
    'daily, weekly, never, or realtime: an e-mail at once for each notification instead. Null for the default, daily.';
COMMENT ON COLUMN sentinel.notification_digests.covered_until IS 'Up to when the last digest reached; null before the first.';
