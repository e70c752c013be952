-- Room gateway, OpenID Connect and one-time codes: job types, trigger, grants, routes.

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay, time_limit, members_may, description)
VALUES
    ('send_jwks', 'http', NULL, 'crm', 3, 5, '1 s', '5 min', '60 s', false, 'Ask an identity provider for its keys.'),
    ('apply_jwks', 'sql', 'sentinel.handle_apply_jwks', 'default', 3, 10, '1 s', '5 min', '30 s', false,
     'Read the keys that an identity provider has answered.')
ON CONFLICT DO NOTHING;

DROP TRIGGER IF EXISTS deliveries_jwks_end ON sentinel.deliveries;
CREATE TRIGGER deliveries_jwks_end AFTER UPDATE ON sentinel.deliveries
    FOR EACH ROW WHEN (NEW.target_kind = 'jwks' AND OLD.state = 'waiting' AND NEW.state <> 'waiting')
    EXECUTE FUNCTION sentinel.follow_jwks_end();

-- All of it is public at the provider; nonces are for the gateway alone.
GRANT SELECT ON sentinel.oidc_issuers TO sentinel_reader, sentinel_member, sentinel_operator;

SELECT sentinel.serve('GET', '/auth/oidc/issuers', 'sentinel.http_oidc_issuers', 'List the identity providers of the organisation.', 'gateway',
    role => 'admin', answers => 'list');
SELECT sentinel.serve('POST', '/auth/oidc/issuers', 'sentinel.http_oidc_issuer_add', 'Add an identity provider; its keys are fetched at once.',
    'gateway', role => 'admin', rate_tier => 'strict', body => ARRAY[
    'issuer! text Claim iss of its ID tokens, to the letter.',
    'audience! text Client id under which it knows this service.',
    'jwks_url! text Where it publishes its keys.',
    'authorization_url text Where people sign in.',
    'makes_members boolean Whether who is no member yet becomes one by signing in.',
    'default_role member|viewer Role of members made so.',
    'vouches_for_owners boolean Whether owners may sign in by it; only owners allow it.']);
SELECT sentinel.serve('PATCH', '/auth/oidc/issuers/{issuer_id}', 'sentinel.http_oidc_issuer_change', 'Enable or disable an identity provider.',
    'gateway', role => 'admin', rate_tier => 'strict', body => ARRAY['enabled! boolean Whether anybody may sign in by it.']);
SELECT sentinel.serve('DELETE', '/auth/oidc/issuers/{issuer_id}', 'sentinel.http_oidc_issuer_delete',
    'Remove an identity provider and end the sessions that began by one.', 'gateway', role => 'admin', rate_tier => 'strict', answers => 'nothing');
SELECT sentinel.serve('POST', '/auth/oidc/issuers/{issuer_id}/refresh', 'sentinel.http_oidc_issuer_refresh',
    'Fetch the keys of an identity provider anew.', 'gateway', role => 'admin', rate_tier => 'strict');
SELECT sentinel.serve('POST', '/auth/oidc/start', 'sentinel.http_oidc_start', 'Begin to sign in by the identity provider of an organisation.',
    'gateway', access => 'public', rate_tier => 'sign_in', max_body_bytes => 65536, body => ARRAY[
    'org! text Slug or id of the organisation.',
    'issuer text Which provider, by its issuer or id; else the first.',
    'redirect_uri text Where the provider sends the person back to; it must know it.',
    'response_type id_token|code What the provider sends back; with code the client exchanges it for the ID token.',
    'state text A value of the client''s own that comes back; else one is made.']);
SELECT sentinel.serve('POST', '/auth/oidc', 'sentinel.http_oidc', 'Sign in with an ID token of the identity provider of an organisation.',
    'gateway', access => 'public', rate_tier => 'sign_in', max_body_bytes => 65536, answers => 'free', body => ARRAY[
    'id_token! text ID token with the nonce that POST /auth/oidc/start gave.']);

SELECT sentinel.serve('POST', '/auth/totp', 'sentinel.http_totp_begin', 'Begin with one-time codes: the secret is shown once.', 'gateway',
    scope => 'account:write', role => 'viewer', runs_as => 'engine', rate_tier => 'strict');
SELECT sentinel.serve('POST', '/auth/totp/confirm', 'sentinel.http_totp_confirm',
    'Confirm one-time codes by a first one; answers with recovery codes, shown once.', 'gateway', scope => 'account:write', role => 'viewer',
    runs_as => 'engine', rate_tier => 'sign_in', body => ARRAY['code! text Code of six digits that the authenticator app shows.']);
SELECT sentinel.serve('DELETE', '/auth/totp', 'sentinel.http_totp_end', 'Sign in without one-time codes again.', 'gateway',
    scope => 'account:write', role => 'viewer', runs_as => 'engine', rate_tier => 'sign_in', answers => 'nothing', body => ARRAY[
    'password text Password.', 'code text One-time or recovery code, where no password is given.']);
