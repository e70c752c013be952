-- Room gateway, OpenID Connect: identity providers of organisations, and sign-ins that have begun.

CREATE TABLE sentinel.oidc_issuers (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    issuer text NOT NULL CHECK (length(issuer) >= 1) CHECK (length(issuer) <= 500),
    audience text NOT NULL CHECK (length(audience) >= 1) CHECK (length(audience) <= 500),
    jwks_url text NOT NULL CHECK (octet_length(jwks_url) <= 2048),
    authorization_url text CHECK (octet_length(authorization_url) <= 2048),
    makes_members boolean NOT NULL DEFAULT false,
    default_role text NOT NULL DEFAULT 'member' CHECK (default_role IN ('member', 'viewer')),
    vouches_for_owners boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT true,
    disabled_at timestamptz,
    not_before timestamptz,
    jwks jsonb NOT NULL DEFAULT '{"keys": []}',
    jwks_asked_at timestamptz,
    jwks_fetched_at timestamptz,
    jwks_problem text CHECK (length(jwks_problem) <= 500),
    jwks_answer bytea CHECK (octet_length(jwks_answer) <= 262144),
    jwks_answer_cut boolean NOT NULL DEFAULT false,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, issuer, audience)
);
COMMENT ON TABLE sentinel.oidc_issuers IS
    'Identity providers (OpenID Connect) by which members of an organisation sign in; what one asserts holds for that organisation only. One row is one provider and client.';
COMMENT ON COLUMN sentinel.oidc_issuers.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.oidc_issuers.id IS 'Id of the provider.';
COMMENT ON COLUMN sentinel.oidc_issuers.issuer IS 'Claim iss of its ID tokens, to the letter.';
COMMENT ON COLUMN sentinel.oidc_issuers.audience IS 'Client id under which the provider knows this service: claim aud of its ID tokens.';
COMMENT ON COLUMN sentinel.oidc_issuers.jwks_url IS 'Where it publishes its keys (jwks_uri); the worker asks.';
COMMENT ON COLUMN sentinel.oidc_issuers.authorization_url IS 'Where people sign in (authorization_endpoint).';
COMMENT ON COLUMN sentinel.oidc_issuers.makes_members IS 'Whether who is no member yet becomes one by signing in; who was removed does not.';
COMMENT ON COLUMN sentinel.oidc_issuers.default_role IS 'Role of members made so: member or viewer.';
COMMENT ON COLUMN sentinel.oidc_issuers.vouches_for_owners IS
    'Whether owners may sign in by it: else an admin who runs a provider could become the owner.';
COMMENT ON COLUMN sentinel.oidc_issuers.enabled IS 'Whether anybody may sign in by it.';
COMMENT ON COLUMN sentinel.oidc_issuers.disabled_at IS 'When it was disabled.';
COMMENT ON COLUMN sentinel.oidc_issuers.not_before IS 'Its keys are not asked for before this time: it asked to wait.';
COMMENT ON COLUMN sentinel.oidc_issuers.jwks IS 'Keys that verify its ID tokens, as a JWK set of at most 20 public keys.';
COMMENT ON COLUMN sentinel.oidc_issuers.jwks_asked_at IS 'When its keys were last asked for.';
COMMENT ON COLUMN sentinel.oidc_issuers.jwks_fetched_at IS 'When keys last came that could be used.';
COMMENT ON COLUMN sentinel.oidc_issuers.jwks_problem IS 'Why the last answer was not used, or none came; the keys from before it hold on.';
COMMENT ON COLUMN sentinel.oidc_issuers.jwks_answer IS 'Last answer as it came, at most 256 KiB, until it is seen to.';
COMMENT ON COLUMN sentinel.oidc_issuers.jwks_answer_cut IS 'Whether it was longer.';
COMMENT ON COLUMN sentinel.oidc_issuers.created_by IS 'Member who added it.';
COMMENT ON COLUMN sentinel.oidc_issuers.created_at IS 'When it was added.';

CREATE TABLE sentinel.oidc_nonces (
    org_id uuid NOT NULL,
    nonce_sha256 bytea NOT NULL CHECK (length(nonce_sha256) = 32),
    issuer_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, nonce_sha256),
    FOREIGN KEY (org_id, issuer_id) REFERENCES sentinel.oidc_issuers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX oidc_nonces_issuer ON sentinel.oidc_nonces (org_id, issuer_id);
COMMENT ON TABLE sentinel.oidc_nonces IS 'Sign-ins by an identity provider that have begun. One row is one nonce that may come back once, in an ID token.';
COMMENT ON COLUMN sentinel.oidc_nonces.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.oidc_nonces.nonce_sha256 IS 'SHA-256 of the nonce; the nonce itself is kept nowhere.';
COMMENT ON COLUMN sentinel.oidc_nonces.issuer_id IS 'Provider that it was made for.';
COMMENT ON COLUMN sentinel.oidc_nonces.expires_at IS 'Until when it holds.';
