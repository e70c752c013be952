-- Room gateway: tiers, settings, and what the roles may read. The routes: 97_gateway_routes_*.sql.

-- install() gives sentinel_engine its rights last; serve(), which the routes below call, needs these before.
GRANT SELECT, INSERT, UPDATE, DELETE ON sentinel.http_routes, sentinel.rate_tiers TO sentinel_engine;

-- What sessions remember of these tables they read anew.
DROP TRIGGER IF EXISTS tell_change ON sentinel.rate_tiers;
CREATE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE ON sentinel.rate_tiers
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.tell_change();
DROP TRIGGER IF EXISTS tell_change ON sentinel.http_routes;
CREATE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE ON sentinel.http_routes
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.tell_change();

INSERT INTO sentinel.gateway_settings DEFAULT VALUES ON CONFLICT DO NOTHING;
INSERT INTO sentinel.password_slots SELECT generate_series(1, 64) ON CONFLICT DO NOTHING;

INSERT INTO sentinel.rate_tiers (tier, capacity, per_seconds, counts_by, description) VALUES
    ('normal', 100, 60, 'caller', 'What people click: search, lists, changes of single things.'),
    ('lenient', 200, 60, 'caller', 'What pages poll.'),
    ('strict', 30, 60, 'caller', 'What is dear or changes many things.'),
    ('export', 10, 60, 'caller', 'Files.'),
    ('ai', 20, 60, 'caller', 'What asks a language model.'),
    ('public', 50, 60, 'address', 'What anybody may ask for.'),
    ('track', 10, 60, 'address', 'Usage figures of pages.'),
    ('sign_in', 10, 60, 'address', 'Attempts to sign in, register or refresh.'),
    ('refused', 300, 60, 'address', 'Tokens and keys that do not hold.'),
    ('account', 10, 60, 'caller', 'Attempts to sign in to one account from one address, and to change what guards it.'),
    ('account_anywhere', 60, 60, 'caller', 'Attempts to sign in to one account, from wherever.'),
    ('code', 20, 3600, 'caller', 'One-time codes tried for one account.'),
    ('intake', 60000, 60, 'caller', 'Leads that come in by program.'),
    ('webhook', 60000, 60, 'address', 'What vendors send.')
ON CONFLICT DO NOTHING;

DROP POLICY IF EXISTS tenant_isolation ON sentinel.api_keys;
CREATE POLICY tenant_isolation ON sentinel.api_keys
    USING (org_id = sentinel.current_org() AND sentinel.may('edit', NULL, created_by))
    WITH CHECK (org_id = sentinel.current_org());

GRANT SELECT ON sentinel.rate_tiers, sentinel.http_routes TO sentinel_reader, sentinel_member, sentinel_operator;
GRANT SELECT (org_id, id, name, prefix, scopes, member_id, created_by, created_at, expires_at, revoked_at, last_used_at)
    ON sentinel.api_keys TO sentinel_member;
GRANT SELECT ON sentinel.gateways, sentinel.gateway_requests, sentinel.gateway_settings TO sentinel_admin;
