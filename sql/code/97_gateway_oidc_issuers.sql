-- Room gateway, OpenID Connect: the identity providers of an organisation, and their keys, which the worker fetches.

CREATE FUNCTION sentinel.check_oidc_url(name text, url text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule text;
BEGIN
    PERFORM sentinel.check_webhook_url(check_oidc_url.url);
EXCEPTION WHEN SQLSTATE 'SN007' THEN
    GET STACKED DIAGNOSTICS rule = PG_EXCEPTION_DETAIL;
    RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('%s "%s" cannot be used', check_oidc_url.name, left(check_oidc_url.url, 100)),
        DETAIL = rule, HINT = 'Take it from /.well-known/openid-configuration of the provider.';
END
$$;
COMMENT ON FUNCTION sentinel.check_oidc_url(text, text) IS 'Refuse an address of an identity provider that cannot be used; name is for the error. Errors: SN007.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.add_oidc_issuer(issuer text, audience text, jwks_url text, authorization_url text DEFAULT NULL,
                                         makes_members boolean DEFAULT false, default_role text DEFAULT 'member',
                                         vouches_for_owners boolean DEFAULT false) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    new_issuer uuid := sentinel.uuid7();
BEGIN
    PERFORM sentinel.require_manager();
    IF add_oidc_issuer.vouches_for_owners THEN
        PERFORM sentinel.require_owner();
    END IF;
    PERFORM sentinel.check_oidc_url('issuer', add_oidc_issuer.issuer), sentinel.check_oidc_url('jwks_url', add_oidc_issuer.jwks_url);
    IF add_oidc_issuer.authorization_url IS NOT NULL THEN
        PERFORM sentinel.check_oidc_url('authorization_url', add_oidc_issuer.authorization_url);
    END IF;
    IF coalesce(add_oidc_issuer.audience, '') = '' OR length(add_oidc_issuer.audience) > 500 OR length(add_oidc_issuer.issuer) > 500 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid audience "%s"', left(add_oidc_issuer.audience, 60)),
            DETAIL = 'Audience and issuer have 1 to 500 characters.', HINT = 'Give the client id that the provider has given you.';
    ELSIF add_oidc_issuer.default_role IS NULL OR add_oidc_issuer.default_role NOT IN ('member', 'viewer') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid role "%s"', left(add_oidc_issuer.default_role, 40)),
            DETAIL = 'A provider makes members or viewers.', HINT = 'Use ''member''.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('sentinel.oidc_issuers ' || org::text, 0));
    IF (SELECT count(*) FROM sentinel.oidc_issuers i WHERE i.org_id = org) >= 20 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the organisation has 20 identity providers',
            DETAIL = 'An organisation has at most 20.', HINT = 'Remove one by sentinel.delete_oidc_issuer(id).';
    ELSIF EXISTS (SELECT FROM sentinel.oidc_issuers i
                  WHERE i.org_id = org AND i.issuer = add_oidc_issuer.issuer AND i.audience = add_oidc_issuer.audience) THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('the identity provider "%s" is there', left(add_oidc_issuer.issuer, 100)),
            DETAIL = 'An organisation has an issuer and audience once.', HINT = 'Remove it by sentinel.delete_oidc_issuer(id) first.';
    END IF;
    INSERT INTO sentinel.oidc_issuers (org_id, id, issuer, audience, jwks_url, authorization_url, makes_members, default_role,
                                       vouches_for_owners, created_by)
    VALUES (org, new_issuer, add_oidc_issuer.issuer, add_oidc_issuer.audience, add_oidc_issuer.jwks_url, add_oidc_issuer.authorization_url,
            coalesce(add_oidc_issuer.makes_members, false), add_oidc_issuer.default_role, coalesce(add_oidc_issuer.vouches_for_owners, false),
            sentinel.current_member());
    PERFORM sentinel.audit('oidc_issuer.added', 'oidc_issuer', new_issuer, jsonb_build_object('issuer', add_oidc_issuer.issuer,
        'makes_members', add_oidc_issuer.makes_members, 'vouches_for_owners', add_oidc_issuer.vouches_for_owners));
    PERFORM sentinel.request_jwks(org, new_issuer, now());
    RETURN new_issuer;
END
$$;
ALTER FUNCTION sentinel.add_oidc_issuer(text, text, text, text, boolean, text, boolean) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.add_oidc_issuer(text, text, text, text, boolean, text, boolean) IS
    'Let members sign in by an identity provider (OpenID Connect), for this organisation only; its keys are fetched at once. makes_members: who is no member yet becomes one of the default role, member or viewer. Owners sign in by it only where an owner has said so. For owners and admins; gives its id. Errors: SN002, SN003, SN007, 22023 role, 23505.';

CREATE FUNCTION sentinel.require_oidc_issuer(org uuid, issuer_id uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.require_manager();
    PERFORM FROM sentinel.oidc_issuers i WHERE i.org_id = require_oidc_issuer.org AND i.id = require_oidc_issuer.issuer_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no identity provider "%s"', require_oidc_issuer.issuer_id),
            DETAIL = 'The organisation entered has none of this id.', HINT = 'SELECT id, issuer FROM sentinel.oidc_issuers;';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.require_oidc_issuer(uuid, uuid) IS 'Lock an identity provider of the organisation for owners and admins. Errors: SN003, SN004.';

CREATE FUNCTION sentinel.end_oidc_sessions(org uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sentinel.sessions s SET ended_at = now(), ended_why = 'revoked'
    WHERE s.only_org_id = end_oidc_sessions.org AND s.method = 'oidc' AND s.ended_at IS NULL;
END
$$;
COMMENT ON FUNCTION sentinel.end_oidc_sessions(uuid) IS 'End the sessions of an organisation that began by an identity provider.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enable_oidc_issuer(issuer_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_oidc_issuer(org, enable_oidc_issuer.issuer_id);
    UPDATE sentinel.oidc_issuers i SET enabled = true, disabled_at = NULL, not_before = NULL
    WHERE i.org_id = org AND i.id = enable_oidc_issuer.issuer_id;
    PERFORM sentinel.audit('oidc_issuer.enabled', 'oidc_issuer', enable_oidc_issuer.issuer_id);
    PERFORM sentinel.request_jwks(org, enable_oidc_issuer.issuer_id, now());
END
$$;
ALTER FUNCTION sentinel.enable_oidc_issuer(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.enable_oidc_issuer(uuid) IS
    'Let members sign in by an identity provider again; its keys are fetched anew. For owners and admins. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.disable_oidc_issuer(issuer_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_oidc_issuer(org, disable_oidc_issuer.issuer_id);
    UPDATE sentinel.oidc_issuers i SET enabled = false, disabled_at = coalesce(i.disabled_at, now())
    WHERE i.org_id = org AND i.id = disable_oidc_issuer.issuer_id;
    PERFORM sentinel.end_oidc_sessions(org);
    PERFORM sentinel.audit('oidc_issuer.disabled', 'oidc_issuer', disable_oidc_issuer.issuer_id);
END
$$;
ALTER FUNCTION sentinel.disable_oidc_issuer(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.disable_oidc_issuer(uuid) IS
    'Let nobody sign in by an identity provider, and end all sessions of the organisation that began by one. For owners and admins. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.delete_oidc_issuer(issuer_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_oidc_issuer(org, delete_oidc_issuer.issuer_id);
    DELETE FROM sentinel.oidc_issuers i WHERE i.org_id = org AND i.id = delete_oidc_issuer.issuer_id;
    DELETE FROM sentinel.target_breakers k WHERE k.org_id = org AND k.target_id = delete_oidc_issuer.issuer_id;
    DELETE FROM sentinel.rate_buckets b WHERE b.org_id = org AND b.target_id = delete_oidc_issuer.issuer_id;
    PERFORM sentinel.end_oidc_sessions(org);
    PERFORM sentinel.audit('oidc_issuer.deleted', 'oidc_issuer', delete_oidc_issuer.issuer_id);
END
$$;
ALTER FUNCTION sentinel.delete_oidc_issuer(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.delete_oidc_issuer(uuid) IS
    'Remove an identity provider, and end all sessions of the organisation that began by one; members stay. For owners and admins. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.refresh_oidc_keys(issuer_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
BEGIN
    PERFORM sentinel.require_oidc_issuer(org, refresh_oidc_keys.issuer_id);
    RETURN sentinel.request_jwks(org, refresh_oidc_keys.issuer_id, now()) IS NOT NULL;
END
$$;
ALTER FUNCTION sentinel.refresh_oidc_keys(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.refresh_oidc_keys(uuid) IS
    'Have the keys of an identity provider fetched; false where that is under way, or the provider is disabled. For owners and admins. Errors: SN002, SN003, SN004.';

CREATE FUNCTION sentinel.request_jwks(org uuid, issuer_id uuid, at timestamptz, pause interval DEFAULT '0') RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    delivery uuid;
    job uuid;
BEGIN
    UPDATE sentinel.oidc_issuers i SET jwks_asked_at = request_jwks.at
    WHERE i.org_id = request_jwks.org AND i.id = request_jwks.issuer_id AND i.enabled
      AND (i.jwks_asked_at IS NULL OR i.jwks_asked_at <= request_jwks.at - request_jwks.pause)
      AND NOT EXISTS (SELECT FROM sentinel.deliveries d
                      WHERE d.org_id = request_jwks.org AND d.target_id = request_jwks.issuer_id AND d.state = 'waiting');
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO sentinel.deliveries AS d (org_id, message_id, target_kind, target_id, event_id, event_type, body)
    VALUES (request_jwks.org, 'msg_' || replace(gen_random_uuid()::text, '-', ''), 'jwks', request_jwks.issuer_id, sentinel.uuid7(),
            'sentinel.keys_wanted', '')
    RETURNING d.id INTO delivery;
    job := sentinel.send_job(request_jwks.org, 'jwks', delivery, NULL);
    UPDATE sentinel.deliveries d SET job_id = job WHERE d.org_id = request_jwks.org AND d.id = delivery;
    RETURN delivery;
END
$$;
COMMENT ON FUNCTION sentinel.request_jwks(uuid, uuid, timestamptz, interval) IS
    'Ask an enabled identity provider for its keys, by an http job; gives the delivery. Null where one is under way, or keys were asked for less than the pause ago.';

CREATE FUNCTION sentinel.follow_jwks_end() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.state = 'delivered' THEN
        PERFORM sentinel.enqueue('apply_jwks', jsonb_build_object('issuer_id', NEW.target_id), org_id => NEW.org_id);
    ELSE
        UPDATE sentinel.oidc_issuers i
        SET jwks_problem = left('no keys came: ' || coalesce(NEW.last_error, 'the request was ' || NEW.state), 500)
        WHERE i.org_id = NEW.org_id AND i.id = NEW.target_id;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.follow_jwks_end() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.follow_jwks_end() IS
    'Trigger: an identity provider has answered, which a job reads, or will not, which is kept beside its old keys.';

CREATE FUNCTION sentinel.read_jwks(answer bytea, OUT jwks jsonb, OUT problem text) RETURNS record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said jsonb;
    keys jsonb;
BEGIN
    SELECT r.value, r.problem INTO said, problem FROM sentinel.read_foreign_json(read_jwks.answer) r;
    IF problem IS NOT NULL THEN
        problem := 'the answer cannot be read: ' || problem;
        RETURN;
    END IF;
    -- Public keys for signatures, and of each what verifies: no certificate, no private part, no shared secret.
    SELECT jsonb_agg(k.key ORDER BY k.place) INTO keys
    FROM (SELECT u.place, (SELECT jsonb_object_agg(m.key, m.value) FROM jsonb_each(u.raw) m
                           WHERE m.key IN ('kty', 'kid', 'alg', 'use', 'n', 'e', 'crv', 'x', 'y') AND jsonb_typeof(m.value) = 'string'
                             AND length(m.value #>> '{}') <= 1400) AS key
          FROM jsonb_array_elements(CASE jsonb_typeof(said -> 'keys') WHEN 'array' THEN said -> 'keys' ELSE '[]' END)
               WITH ORDINALITY AS u (raw, place)
          WHERE jsonb_typeof(u.raw) = 'object' AND coalesce(u.raw ->> 'use', 'sig') = 'sig'
            AND (u.raw ->> 'kty' = 'RSA' AND u.raw ?& '{n,e}' OR u.raw ->> 'kty' = 'EC' AND u.raw ?& '{crv,x,y}')
          ORDER BY u.place LIMIT 20) k
    WHERE k.key ?& '{n,e}' OR k.key ?& '{crv,x,y}';
    jwks := jsonb_build_object('keys', keys);
    IF keys IS NULL THEN
        jwks := NULL;
        problem := 'the answer holds no key of kind RSA or EC for signatures';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.read_jwks(bytea) IS
    'Read the JWK set of a stranger: at most 20 public keys for signatures, each with kty, kid, alg, use, n, e, crv, x and y alone; jwks is null and problem says why where there is none. Never raises. Source: RFC 7517.';

CREATE FUNCTION sentinel.handle_apply_jwks(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    asked record;
    found record;
BEGIN
    SELECT i.id, i.jwks_answer, i.jwks_answer_cut INTO asked FROM sentinel.oidc_issuers i
    WHERE i.org_id = org AND i.id = sentinel.text_to_uuid(handle_apply_jwks.payload ->> 'issuer_id') FOR UPDATE;
    IF asked.jwks_answer IS NULL THEN
        RETURN jsonb_build_object('skipped', 'no answer that was not seen to');
    END IF;
    SELECT * INTO found FROM sentinel.read_jwks(asked.jwks_answer);
    IF asked.jwks_answer_cut THEN
        found.jwks := NULL;
        found.problem := 'the answer is longer than 256 KiB';
    END IF;
    UPDATE sentinel.oidc_issuers i
    SET jwks = coalesce(found.jwks, i.jwks), jwks_fetched_at = CASE WHEN found.jwks IS NULL THEN i.jwks_fetched_at ELSE now() END,
        jwks_problem = left(found.problem, 500), jwks_answer = NULL, jwks_answer_cut = false
    WHERE i.org_id = org AND i.id = asked.id;
    RETURN jsonb_strip_nulls(jsonb_build_object('keys', jsonb_array_length(found.jwks -> 'keys'), 'problem', found.problem));
END
$$;
COMMENT ON FUNCTION sentinel.handle_apply_jwks(uuid, jsonb) IS
    'Job, made when an identity provider has answered: take over its keys, or keep the old ones and why. Payload: issuer_id.';

CREATE FUNCTION sentinel.refresh_keys(as_of timestamptz) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked bigint;
BEGIN
    DELETE FROM sentinel.oidc_nonces n WHERE n.expires_at < refresh_keys.as_of;
    SELECT count(sentinel.request_jwks(d.org_id, d.id, refresh_keys.as_of)) INTO asked
    FROM (SELECT i.org_id, i.id FROM sentinel.oidc_issuers i
          WHERE i.enabled AND (i.jwks_asked_at IS NULL OR i.jwks_asked_at <= refresh_keys.as_of - interval '1 day')
          ORDER BY i.jwks_asked_at NULLS FIRST, i.id LIMIT 100) d;
    RETURN asked;
END
$$;
COMMENT ON FUNCTION sentinel.refresh_keys(timestamptz) IS
    'Ask identity providers for their keys whose last were asked for a day ago, at most 100 at once, and forget sign-ins that nobody ended. Part of tick().';
