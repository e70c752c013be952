-- Room tenancy: the tables.

CREATE TABLE sentinel.orgs (
    org_id uuid NOT NULL DEFAULT sentinel.uuid7() PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    timezone text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orgs_slug ON sentinel.orgs (slug, org_id);
COMMENT ON TABLE sentinel.orgs IS 'Organisations, the tenants. One row is one organisation.';
COMMENT ON COLUMN sentinel.orgs.org_id IS 'Id of the organisation; every tenant table carries it and never changes it.';
COMMENT ON COLUMN sentinel.orgs.name IS 'Name for people, 1 to 200 characters.';
COMMENT ON COLUMN sentinel.orgs.slug IS 'Name for addresses: lower-case letters, digits, inner hyphens. Unique, kept so by create_org().';
COMMENT ON COLUMN sentinel.orgs.timezone IS 'IANA time zone of schedules without one of their own.';
COMMENT ON COLUMN sentinel.orgs.created_at IS 'When the organisation was made.';

-- The id shows in every organisation of a person, so it holds no time: a new member's would tell who was known elsewhere.
CREATE TABLE sentinel.users (
    id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    email text NOT NULL UNIQUE,
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sentinel.users IS 'People who sign in, over all organisations. Not readable by tenants. One row is one person.';
COMMENT ON COLUMN sentinel.users.id IS 'Id of the person, the same in all organisations; random.';
COMMENT ON COLUMN sentinel.users.email IS 'Address, lower-case; identifies the person.';
COMMENT ON COLUMN sentinel.users.display_name IS 'Name for people.';
COMMENT ON COLUMN sentinel.users.created_at IS 'When the person was first added.';

CREATE TABLE sentinel.members (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    user_id uuid NOT NULL REFERENCES sentinel.users,
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    email text NOT NULL,
    role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX members_email ON sentinel.members (org_id, email) WHERE removed_at IS NULL;
COMMENT ON TABLE sentinel.members IS 'People in organisations. One row is one membership.';
COMMENT ON COLUMN sentinel.members.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.members.id IS 'Id of the membership; owner_id and member_id elsewhere mean this.';
COMMENT ON COLUMN sentinel.members.user_id IS 'The person.';
COMMENT ON COLUMN sentinel.members.display_name IS 'Name shown in this organisation.';
COMMENT ON COLUMN sentinel.members.email IS 'Address, lower-case; unique among the present members.';
COMMENT ON COLUMN sentinel.members.role IS 'owner, admin, member or viewer. Source of the rights: sentinel.may().';
COMMENT ON COLUMN sentinel.members.created_at IS 'When the member joined.';
COMMENT ON COLUMN sentinel.members.removed_at IS 'When the member was removed; null while present.';

CREATE TABLE sentinel.teams (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name),
    UNIQUE (org_id, slug)
);
COMMENT ON TABLE sentinel.teams IS 'Teams of an organisation; a deal of a team is seen by its members.';
COMMENT ON COLUMN sentinel.teams.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.teams.id IS 'Id of the team.';
COMMENT ON COLUMN sentinel.teams.name IS 'Name, unique in the organisation.';
COMMENT ON COLUMN sentinel.teams.slug IS 'Name for addresses, made by team_slug() when the team is made; a new name of the team leaves it.';
COMMENT ON COLUMN sentinel.teams.created_at IS 'When the team was made.';

CREATE TABLE sentinel.team_members (
    org_id uuid NOT NULL,
    team_id uuid NOT NULL,
    member_id uuid NOT NULL,
    role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, team_id, member_id),
    FOREIGN KEY (org_id, team_id) REFERENCES sentinel.teams (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE
);
CREATE INDEX team_members_member ON sentinel.team_members (org_id, member_id);
CREATE UNIQUE INDEX team_members_owner ON sentinel.team_members (org_id, team_id) WHERE role = 'owner';
COMMENT ON TABLE sentinel.team_members IS 'Who is in which team, with the role there.';
COMMENT ON COLUMN sentinel.team_members.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.team_members.team_id IS 'Team.';
COMMENT ON COLUMN sentinel.team_members.member_id IS 'Member.';
COMMENT ON COLUMN sentinel.team_members.role IS 'Role in the team: owner (at most one), admin, member or viewer.';
COMMENT ON COLUMN sentinel.team_members.created_at IS 'When the member joined the team.';

CREATE TABLE sentinel.member_roles (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    role_name name NOT NULL,
    member_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, role_name),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sentinel.member_roles IS 'Which database role may enter which organisation, and as which member. Written by grant_login().';
COMMENT ON COLUMN sentinel.member_roles.org_id IS 'Organisation that the role may enter.';
COMMENT ON COLUMN sentinel.member_roles.role_name IS 'Database role; roles that inherit it may enter too.';
COMMENT ON COLUMN sentinel.member_roles.member_id IS 'Member it acts as; null for a login of the whole organisation, such as a BI tool.';
COMMENT ON COLUMN sentinel.member_roles.created_at IS 'When the login was granted.';

CREATE TABLE sentinel.audit_log (
    org_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    action text NOT NULL,
    subject_type text,
    subject_id uuid,
    detail jsonb NOT NULL DEFAULT '{}',
    member_id uuid,
    role_name name NOT NULL,
    client_address inet,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX audit_log_time ON sentinel.audit_log (org_id, recorded_at);
COMMENT ON TABLE sentinel.audit_log IS 'What was changed, by whom. Append-only; holds no foreign key, so that it outlives what it tells of.';
COMMENT ON COLUMN sentinel.audit_log.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.audit_log.id IS 'Id of the row.';
COMMENT ON COLUMN sentinel.audit_log.action IS 'What was done, as subject.verb: member.added.';
COMMENT ON COLUMN sentinel.audit_log.subject_type IS 'Kind of the thing changed.';
COMMENT ON COLUMN sentinel.audit_log.subject_id IS 'Id of the thing changed.';
COMMENT ON COLUMN sentinel.audit_log.detail IS 'What changed from and to; never a secret.';
COMMENT ON COLUMN sentinel.audit_log.member_id IS 'Member who acted; null when no member was entered.';
COMMENT ON COLUMN sentinel.audit_log.role_name IS 'Database role that was logged in.';
COMMENT ON COLUMN sentinel.audit_log.client_address IS 'Address of the client; null over a unix socket.';
COMMENT ON COLUMN sentinel.audit_log.recorded_at IS 'When it was done.';

CREATE TABLE sentinel.org_setup (
    position integer NOT NULL,
    function_name text NOT NULL PRIMARY KEY
);
COMMENT ON TABLE sentinel.org_setup IS 'What create_org() calls for a new organisation, in order.';
COMMENT ON COLUMN sentinel.org_setup.position IS 'Order of the call.';
COMMENT ON COLUMN sentinel.org_setup.function_name IS 'Qualified function that takes the org_id; safe to call again.';
