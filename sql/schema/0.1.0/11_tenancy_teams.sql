-- Room tenancy, teams: the invites.

CREATE TABLE sentinel.invites (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    email text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
    role text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    team_id uuid,
    team_role text CHECK (team_role IN ('admin', 'member', 'viewer')),
    token_sha256 bytea NOT NULL CHECK (length(token_sha256) = 32),
    invited_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL CHECK (isfinite(expires_at)),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, token_sha256),
    FOREIGN KEY (org_id, team_id) REFERENCES sentinel.teams (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, invited_by) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE,
    CHECK ((team_id IS NULL) = (team_role IS NULL))
);
CREATE UNIQUE INDEX invites_org ON sentinel.invites (org_id, email) WHERE team_id IS NULL;
CREATE UNIQUE INDEX invites_team ON sentinel.invites (org_id, email, team_id) WHERE team_id IS NOT NULL;
COMMENT ON TABLE sentinel.invites IS
    'Invites that nobody has accepted yet. One row is one address invited to the organisation or to a team.';
COMMENT ON COLUMN sentinel.invites.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.invites.id IS 'Id of the invite.';
COMMENT ON COLUMN sentinel.invites.email IS 'Address invited, trimmed and lower-case; who accepts must have signed in with it.';
COMMENT ON COLUMN sentinel.invites.role IS 'Role in the organisation for who is no member of it yet: admin, member or viewer.';
COMMENT ON COLUMN sentinel.invites.team_id IS 'Team; null for an invite to the organisation alone.';
COMMENT ON COLUMN sentinel.invites.team_role IS 'Role in the team: admin, member or viewer.';
COMMENT ON COLUMN sentinel.invites.token_sha256 IS 'SHA-256 of the token; the token itself is kept nowhere.';
COMMENT ON COLUMN sentinel.invites.invited_by IS 'Member who invited; null when no member was entered.';
COMMENT ON COLUMN sentinel.invites.created_at IS 'When it was made.';
COMMENT ON COLUMN sentinel.invites.expires_at IS 'Until when it can be accepted: seven days.';
