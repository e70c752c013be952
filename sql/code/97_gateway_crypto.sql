-- Room gateway: what the database itself seals, signs and checks. Keys stay in the server's key file and in C++;
-- there is no function that opens a sealed secret to SQL.

CREATE FUNCTION sentinel.create_server_key() RETURNS text
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_create_server_key';
COMMENT ON FUNCTION sentinel.create_server_key() IS
    'Make the file that sentinel.key_file names (empty: sentinel.keys in the data directory), readable by the server''s user alone, with one random key, and give its path. For superusers. Keep a copy apart from the database''s backups. Errors: SN003, 58P02 when it is there already, 58030.';

CREATE FUNCTION sentinel.server_key_ready() RETURNS boolean
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_server_key_ready';
COMMENT ON FUNCTION sentinel.server_key_ready() IS
    'Tell whether the server has a key file that can be used.';

CREATE FUNCTION sentinel.seal_server_secret(org_id uuid, purpose text, subject_id uuid, version integer, secret bytea) RETURNS bytea
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_seal_server_secret';
COMMENT ON FUNCTION sentinel.seal_server_secret(uuid, text, uuid, integer, bytea) IS
    'Seal a secret of 1 to 8000 bytes with the server''s key, bound to organisation (nil uuid: none), purpose, subject and version: with any other of these it does not open. Errors: SN007, 55000 without a key.';

CREATE FUNCTION sentinel.sign_token(claims jsonb) RETURNS text
    LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_sign_token';
COMMENT ON FUNCTION sentinel.sign_token(jsonb) IS
    'Sign claims as a JWT (HS256, kid = id of the active key). Claims are an object with a number exp; aud is a text. Errors: SN007, 55000 without a key.';

CREATE FUNCTION sentinel.verify_token(token text, audience text, at timestamptz) RETURNS jsonb
    LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_verify_token';
COMMENT ON FUNCTION sentinel.verify_token(text, text, timestamptz) IS
    'Give the claims of a token that sign_token() made, for this audience and moment. Null when anything is wrong with it: form, key id, signature, exp, nbf (30 s of skew), aud, more than 4096 characters. Errors: 55000 without a key.';

CREATE FUNCTION sentinel.password_digest(password text, key_id bigint DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_password_digest';
COMMENT ON FUNCTION sentinel.password_digest(text, bigint) IS
    'Key a password with the server''s pepper: key_id:base64 of HMAC-SHA256, at most 55 characters, to be hashed by crypt(). With a key id, as that key does it (after a rotation); null when there is no such key. Errors: 55000 without a key.';

CREATE FUNCTION sentinel.token_digest(token text) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_token_digest';
COMMENT ON FUNCTION sentinel.token_digest(text) IS
    'Hash a random token with SHA-256: what is stored in its place.';

CREATE FUNCTION sentinel.equal_bytes(a bytea, b bytea) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_equal_bytes';
COMMENT ON FUNCTION sentinel.equal_bytes(bytea, bytea) IS
    'Compare two values in a time that tells nothing but whether their lengths are equal.';

CREATE FUNCTION sentinel.random_token(bytes integer DEFAULT 32) RETURNS text
    LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'sentinel_random_token';
COMMENT ON FUNCTION sentinel.random_token(integer) IS
    'Give 16 to 256 random bytes as base64url without padding. Errors: 22023.';
