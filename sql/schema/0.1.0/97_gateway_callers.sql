-- Room gateway, callers: accounts, sessions and API keys. What is here of people is no tenant's; it refers to sentinel.users without
-- foreign keys, so that it stays on the coordinator where tables are distributed, while users is copied to every node.

CREATE TABLE sentinel.accounts (
    user_id uuid NOT NULL PRIMARY KEY,
    first_name text CHECK (length(first_name) <= 100),
    last_name text CHECK (length(last_name) <= 100),
    password_hash text,
    password_key bigint,
    password_changed_at timestamptz,
    email_verified_at timestamptz,
    totp_envelope bytea,
    totp_version integer NOT NULL DEFAULT 0,
    totp_confirmed_at timestamptz,
    totp_last_step bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((password_hash IS NULL) = (password_key IS NULL)),
    CHECK (totp_confirmed_at IS NULL OR totp_envelope IS NOT NULL)
);
COMMENT ON TABLE sentinel.accounts IS 'How people sign in. Not readable by tenants. One row is one person.';
COMMENT ON COLUMN sentinel.accounts.user_id IS 'The person.';
COMMENT ON COLUMN sentinel.accounts.first_name IS 'First name, where given.';
COMMENT ON COLUMN sentinel.accounts.last_name IS 'Last name, where given.';
COMMENT ON COLUMN sentinel.accounts.password_hash IS 'bcrypt (cost 12) of password_digest(); null for who signs in otherwise.';
COMMENT ON COLUMN sentinel.accounts.password_key IS 'Key of the server under which the password was digested.';
COMMENT ON COLUMN sentinel.accounts.password_changed_at IS 'When the password was set.';
COMMENT ON COLUMN sentinel.accounts.email_verified_at IS 'When the address was shown to be the person''s; null: only organisations that the person founded can be entered.';
COMMENT ON COLUMN sentinel.accounts.totp_envelope IS 'Secret of the one-time codes, sealed under the key of the server.';
COMMENT ON COLUMN sentinel.accounts.totp_version IS 'Version of that secret; part of what the envelope is bound to.';
COMMENT ON COLUMN sentinel.accounts.totp_confirmed_at IS 'When a first code was right; from then on a password alone is not enough.';
COMMENT ON COLUMN sentinel.accounts.totp_last_step IS 'Step of the last code accepted: no code counts twice.';
COMMENT ON COLUMN sentinel.accounts.created_at IS 'When the account was made.';

CREATE TABLE sentinel.account_founded (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES sentinel.users ON DELETE CASCADE,
    PRIMARY KEY (org_id, user_id)
);
COMMENT ON TABLE sentinel.account_founded IS 'Which organisation was made for whom by registering, and whom an invite that only the invited could hold brought in.';
COMMENT ON COLUMN sentinel.account_founded.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.account_founded.user_id IS 'Person who may enter it although the address is not verified.';

CREATE TABLE sentinel.account_tokens (
    token_sha256 bytea NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 32),
    user_id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('set_password', 'recovery_code')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz
);
CREATE INDEX account_tokens_user ON sentinel.account_tokens (user_id, purpose);
COMMENT ON TABLE sentinel.account_tokens IS 'Tokens that let a person in once. One row is one token not used yet.';
COMMENT ON COLUMN sentinel.account_tokens.token_sha256 IS 'SHA-256 of the token; the token itself is kept nowhere.';
COMMENT ON COLUMN sentinel.account_tokens.user_id IS 'Person.';
COMMENT ON COLUMN sentinel.account_tokens.purpose IS 'set_password: shows that the address is the person''s and sets a password. recovery_code: stands for a one-time code.';
COMMENT ON COLUMN sentinel.account_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN sentinel.account_tokens.expires_at IS 'Until when it holds; null for ever.';

CREATE TABLE sentinel.sessions (
    id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    user_id uuid NOT NULL,
    method text NOT NULL CHECK (method IN ('password', 'password_totp', 'oidc', 'token')),
    only_org_id uuid,
    client_address inet,
    user_agent text CHECK (length(user_agent) <= 300),
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_why text CHECK (ended_why IN ('logout', 'reuse', 'password_changed', 'revoked'))
);
CREATE INDEX sessions_user ON sentinel.sessions (user_id, expires_at);
COMMENT ON TABLE sentinel.sessions IS 'Sign-ins of people. One row is one sign-in on one device.';
COMMENT ON COLUMN sentinel.sessions.id IS 'Id, in every access token of the session.';
COMMENT ON COLUMN sentinel.sessions.user_id IS 'Person.';
COMMENT ON COLUMN sentinel.sessions.method IS 'How the person signed in.';
COMMENT ON COLUMN sentinel.sessions.only_org_id IS 'Organisation whose identity provider vouched for the person: the session enters no other. Null: any of the person''s.';
COMMENT ON COLUMN sentinel.sessions.client_address IS 'Address that signed in.';
COMMENT ON COLUMN sentinel.sessions.user_agent IS 'Program that signed in, as it called itself.';
COMMENT ON COLUMN sentinel.sessions.created_at IS 'When.';
COMMENT ON COLUMN sentinel.sessions.refreshed_at IS 'When it was last refreshed.';
COMMENT ON COLUMN sentinel.sessions.expires_at IS 'When it ends unless refreshed.';
COMMENT ON COLUMN sentinel.sessions.ended_at IS 'When it was ended before that.';
COMMENT ON COLUMN sentinel.sessions.ended_why IS 'Why: logout, reuse (a refresh token came twice), password_changed or revoked.';

CREATE TABLE sentinel.refresh_tokens (
    token_sha256 bytea NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 32),
    session_id uuid NOT NULL REFERENCES sentinel.sessions ON DELETE CASCADE,
    issued_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session ON sentinel.refresh_tokens (session_id);
COMMENT ON TABLE sentinel.refresh_tokens IS 'Refresh tokens, used ones too: one that comes twice ends its session.';
COMMENT ON COLUMN sentinel.refresh_tokens.token_sha256 IS 'SHA-256 of the token; the token itself is kept nowhere.';
COMMENT ON COLUMN sentinel.refresh_tokens.session_id IS 'Session.';
COMMENT ON COLUMN sentinel.refresh_tokens.issued_at IS 'When it was given out.';
COMMENT ON COLUMN sentinel.refresh_tokens.used_at IS 'When it was exchanged for the next.';

CREATE TABLE sentinel.api_keys (
    org_id uuid NOT NULL REFERENCES sentinel.orgs ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    name text NOT NULL CHECK (length(name) >= 1) CHECK (length(name) <= 100),
    prefix text NOT NULL,
    secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    member_id uuid,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES sentinel.members (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX api_keys_prefix ON sentinel.api_keys (prefix, org_id);
CREATE INDEX api_keys_member ON sentinel.api_keys (org_id, member_id) WHERE member_id IS NOT NULL;
COMMENT ON TABLE sentinel.api_keys IS 'Keys of programs that call the gateway. One row is one key; the key itself is shown once and kept nowhere.';
COMMENT ON COLUMN sentinel.api_keys.org_id IS 'Organisation that the key enters.';
COMMENT ON COLUMN sentinel.api_keys.id IS 'Id of the key.';
COMMENT ON COLUMN sentinel.api_keys.name IS 'What it is for.';
COMMENT ON COLUMN sentinel.api_keys.prefix IS 'First part of the key, by which people and secret scanners know it.';
COMMENT ON COLUMN sentinel.api_keys.secret_sha256 IS 'SHA-256 of the whole key.';
COMMENT ON COLUMN sentinel.api_keys.scopes IS 'What it may: thing:read, thing:write, thing:*, *:read or *.';
COMMENT ON COLUMN sentinel.api_keys.member_id IS 'Member as whom it acts; null: the organisation as a whole, within its scopes.';
COMMENT ON COLUMN sentinel.api_keys.created_by IS 'Member who made it.';
COMMENT ON COLUMN sentinel.api_keys.created_at IS 'When it was made.';
COMMENT ON COLUMN sentinel.api_keys.expires_at IS 'From when it no longer holds; null: never.';
COMMENT ON COLUMN sentinel.api_keys.revoked_at IS 'When it was revoked.';
COMMENT ON COLUMN sentinel.api_keys.last_used_at IS 'When it was last used, to the minute.';

CREATE UNLOGGED TABLE sentinel.gateway_tickets (
    ticket_sha256 bytea NOT NULL PRIMARY KEY CHECK (length(ticket_sha256) = 32),
    caller jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX gateway_tickets_expiry ON sentinel.gateway_tickets (expires_at);
COMMENT ON TABLE sentinel.gateway_tickets IS 'Tickets for what cannot send a header, such as EventSource and links to files. One row is one ticket not used yet.';
COMMENT ON COLUMN sentinel.gateway_tickets.ticket_sha256 IS 'SHA-256 of the ticket.';
COMMENT ON COLUMN sentinel.gateway_tickets.caller IS 'Who asked for it, as find_caller() gives it.';
COMMENT ON COLUMN sentinel.gateway_tickets.expires_at IS 'Until when it counts: 30 seconds.';
