-- Room gateway: what the database itself seals, signs and checks. Keys stay in the server's key file and in C++;
-- there is no function that opens a sealed secret to SQL.

CREATE FUNCTION sentinel.create_server_key() RETURNS text
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_create_server_key';
COMMENT ON FUNCTION sentinel.create_server_key() IS
    'Make the file that sentinel.key_file names (empty: sentinel.keys in the data directory), readable by the server''s user alone, with one random key, and give its path. For superusers. Keep a copy apart from the database''s backups. Errors: SN003, 58P02 when it is there already, 58030.';

CREATE FUNCTION sentinel.server_key_ready() RETURNS boolean
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'sentinel_server_key_ready';
COMMENT ON FUNCTION sentinel.server_key_ready() IS
    'Tell whether the server has a key file that can be used.';

CREATE FUNCTION sentinel.seal_server_secret(org_id uuid, purpose text, subject_id uuid, version integer, secret bytea) RETURNS bytea
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_seal_server_secret';
COMMENT ON FUNCTION sentinel.seal_server_secret(uuid, text, uuid, integer, bytea) IS
    'Seal a secret of 1 to 8000 bytes with the server''s key, bound to organisation (nil uuid: none), purpose, subject and version: with any other of these it does not open. Errors: SN007, 55000 without a key.';

CREATE FUNCTION sentinel.sign_token(claims jsonb) RETURNS text
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'sentinel_sign_token';
COMMENT ON FUNCTION sentinel.sign_token(jsonb) IS
    'Sign claims as a JWT (HS256, kid = id of the active key). Claims are an object with a number exp; aud is a text. Errors: SN007, 55000 without a key.';

CREATE FUNCTION sentinel.verify_token(token text, audience text, at timestamptz) RETURNS jsonb
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'sentinel_verify_token';
COMMENT ON FUNCTION sentinel.verify_token(text, text, timestamptz) IS
    'Give the claims of a token that sign_token() made, for this audience and moment. Null when anything is wrong with it: form, key id, signature, exp, nbf (30 s of skew), aud, more than 4096 characters. Errors: 55000 without a key.';

CREATE FUNCTION sentinel.password_digest(password text, key_id bigint DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'sentinel_password_digest';
COMMENT ON FUNCTION sentinel.password_digest(text, bigint) IS
    'Key a password with the server''s pepper: key_id:base64 of HMAC-SHA256, at most 55 characters, to be hashed by crypt(). With a key id, as that key does it (after a rotation); null when there is no such key. Errors: 55000 without a key.';

CREATE FUNCTION sentinel.token_digest(token text) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_token_digest';
COMMENT ON FUNCTION sentinel.token_digest(text) IS
    'Hash a random token with SHA-256: what is stored in its place.';

CREATE FUNCTION sentinel.equal_bytes(a bytea, b bytea) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_equal_bytes';
COMMENT ON FUNCTION sentinel.equal_bytes(bytea, bytea) IS
    'Compare two values in a time that tells nothing but whether their lengths are equal; false when one is null.';

CREATE FUNCTION sentinel.random_token(bytes integer DEFAULT 32) RETURNS text
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'sentinel_random_token';
COMMENT ON FUNCTION sentinel.random_token(integer) IS
    'Give 16 to 256 random bytes as base64url without padding. Errors: 22023.';

CREATE FUNCTION sentinel.new_api_key(OUT prefix text, OUT secret text)
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_new_api_key';
COMMENT ON FUNCTION sentinel.new_api_key() IS
    'Make an API key, sentinel_ID_SECRET_CHECKSUM, of 32 random bytes: the whole as secret, to be shown once and stored by token_digest(), and sentinel_ID as prefix, by which it is recognised.';

CREATE FUNCTION sentinel.api_key_wellformed(key text) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sentinel_api_key_wellformed';
COMMENT ON FUNCTION sentinel.api_key_wellformed(text) IS
    'Tell whether a text has the form and the checksum of an API key; not whether there is such a key.';

CREATE FUNCTION sentinel.totp_secret() RETURNS text
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'sentinel_totp_secret';
COMMENT ON FUNCTION sentinel.totp_secret() IS
    'Make a secret for an authenticator app: 20 random bytes in base32. To be shown once and sealed with purpose totp.';

CREATE FUNCTION sentinel.totp_step(sealed bytea, org_id uuid, subject_id uuid, version integer, code text, at timestamptz) RETURNS bigint
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'sentinel_totp_step';
COMMENT ON FUNCTION sentinel.totp_step(bytea, uuid, uuid, integer, text, timestamptz) IS
    'Give the 30-second step that a code of an authenticator app belongs to: that of the moment or a neighbour (RFC 6238). Null when it belongs to none or the secret does not open. A step may be used once: the caller stores it and refuses it and those before. Errors: 55000 without a key.';

CREATE FUNCTION sentinel.verify_id_token(id_token text, jwks jsonb, issuer text, audience text, at timestamptz) RETURNS jsonb
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'sentinel_verify_id_token';
COMMENT ON FUNCTION sentinel.verify_id_token(text, jsonb, text, text, timestamptz) IS
    'Give the claims of an OpenID Connect ID token (RS256 or ES256) that a key of the set signed, from this issuer and for this audience, valid at the moment (30 s of skew). Null when anything is wrong with it. The nonce is for the caller to compare.';

CREATE FUNCTION sentinel.webhook_fault(scheme text, keys bytea[], org_id uuid, source_id uuid, versions integer[], method text, url text, headers jsonb, body bytea, at timestamptz) RETURNS text
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'sentinel_webhook_fault';
COMMENT ON FUNCTION sentinel.webhook_fault(text, bytea[], uuid, uuid, integer[], text, text, jsonb, bytea, timestamptz) IS
    'Judge a webhook by its signature: null when it is authentic, else missing_signature, bad_signature, stale, malformed or no_key. Schemes: basic, github, gohighlevel, hmac_sha256, hubspot, pagerduty, pipedrive, shared_secret, slack, standard, zendesk, zendesk_body_first. Keys are sealed with purpose webhook, the source as subject and these versions; any may match. headers is [[name, value], ...]; a null body is an empty one, another null is malformed. Errors: SN007, 22023, 55000 without a key.';
