-- Room gateway, webhooks in: sources and their keys. What comes in: 97_gateway_webhooks_receive.sql; what becomes of it:
-- 97_gateway_webhooks_process.sql.

CREATE FUNCTION sentinel.make_webhook_secret(form text) RETURNS text
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE form WHEN 'credentials' THEN 'sentinel:' || sentinel.random_token(32)
                     WHEN 'whsec' THEN 'whsec_' || translate(sentinel.random_token(33), '-_', '+/')
                     ELSE sentinel.random_token(32) END
$$;
COMMENT ON FUNCTION sentinel.make_webhook_secret(text) IS 'Make a secret: token, credentials (user:password), or whsec as Standard Webhooks has it.';

CREATE FUNCTION sentinel.check_webhook_secret(scheme text, secret text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule text;
BEGIN
    IF scheme = 'gohighlevel' AND secret ~ '^(-----BEGIN PUBLIC KEY-----\s*)?MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=(\s*-----END PUBLIC KEY-----\s*)?$' THEN
        RETURN 'public_key';
    END IF;
    rule := CASE
        WHEN scheme = 'standard' AND secret !~ '^whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'
            THEN 'A secret of Standard Webhooks is whsec_ and the base64 of 24 to 64 bytes.'
        WHEN scheme IN ('pipedrive', 'basic') AND secret !~ '^[^:[:cntrl:]]+:[^[:cntrl:]]{16,}$'
            THEN 'It is user:password, the password at least 16 characters long.'
        WHEN length(secret) < 16 OR octet_length(secret) > 4000 OR secret ~ '[[:cntrl:]]' OR secret ~ '^\s|\s$' OR secret IS NULL
            THEN 'It has 16 to 4000 characters, no line breaks and no blanks around it.' END;
    IF rule IS NOT NULL THEN
        -- What was given is not repeated: it may be the secret with a slip.
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'this secret cannot be used', DETAIL = rule,
            HINT = 'Copy it again from the settings of the webhook at the vendor.';
    END IF;
    RETURN 'secret';
END
$$;
COMMENT ON FUNCTION sentinel.check_webhook_secret(text, text) IS
    'Tell what a secret is under a scheme: secret, or public_key of the vendor. Errors: SN007 neither.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.webhook_source_path(vendor text, source_id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('/webhooks/%s/%s', vendor, source_id)
$$;
COMMENT ON FUNCTION sentinel.webhook_source_path(text, uuid) IS 'Give the path that a source is reached by, behind the address of the gateway.';

CREATE FUNCTION sentinel.lock_webhook_source(source_id uuid, OUT vendor text, OUT scheme text, OUT account text, OUT enabled boolean)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT s.vendor, s.scheme, s.account, s.enabled
    INTO lock_webhook_source.vendor, lock_webhook_source.scheme, lock_webhook_source.account, lock_webhook_source.enabled
    FROM sentinel.webhook_sources s
    WHERE s.org_id = sentinel.require_org() AND s.id = lock_webhook_source.source_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no webhook source "%s"', lock_webhook_source.source_id),
            DETAIL = 'Sources are named by their id in this organisation.', HINT = 'SELECT id, name FROM sentinel.webhook_sources;';
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.lock_webhook_source(uuid) IS 'Find a source of the organisation entered and lock it. Errors: SN004.';

CREATE FUNCTION sentinel.put_webhook_key(source_id uuid, scheme text, account text, secret text, overlap interval) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    key_kind text := sentinel.check_webhook_secret(put_webhook_key.scheme, put_webhook_key.secret);
    number integer;
BEGIN
    IF NOT coalesce(put_webhook_key.overlap >= interval '0' AND put_webhook_key.overlap <= interval '30 days', false) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid overlap %s', coalesce(put_webhook_key.overlap::text, 'null')),
            DETAIL = 'Two secrets count at once for at most 30 days.', HINT = 'Use ''1 day''.';
    ELSIF key_kind = 'public_key' AND put_webhook_key.account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'a public key without an account cannot be used',
            DETAIL = 'The vendor signs for all its customers with one key; the account says which of them is meant.',
            HINT = 'Add a source with account => the location id.';
    END IF;
    SELECT coalesce(max(k.version), 0) + 1 INTO number FROM sentinel.webhook_keys k
    WHERE k.org_id = org AND k.source_id = put_webhook_key.source_id;
    UPDATE sentinel.webhook_keys k SET expires_at = now() + put_webhook_key.overlap
    WHERE k.org_id = org AND k.source_id = put_webhook_key.source_id AND k.kind = key_kind
      AND (k.expires_at IS NULL OR k.expires_at > now() + put_webhook_key.overlap);
    -- Few keys are tried for a request, so few count at once: of a kind the new one and three before it.
    UPDATE sentinel.webhook_keys k SET expires_at = now()
    WHERE k.org_id = org AND k.source_id = put_webhook_key.source_id AND k.kind = key_kind AND k.expires_at > now()
      AND k.version < (SELECT x.version FROM sentinel.webhook_keys x
                       WHERE x.org_id = org AND x.source_id = put_webhook_key.source_id AND x.kind = key_kind
                       ORDER BY x.version DESC OFFSET 2 LIMIT 1);
    INSERT INTO sentinel.webhook_keys (org_id, source_id, version, kind, envelope)
    VALUES (org, put_webhook_key.source_id, number, key_kind,
            sentinel.seal_server_secret(org, 'webhook', put_webhook_key.source_id, number, convert_to(put_webhook_key.secret, 'UTF8')));
    UPDATE sentinel.webhook_sources s SET changed_at = now() WHERE s.org_id = org AND s.id = put_webhook_key.source_id;
    RETURN number;
END
$$;
COMMENT ON FUNCTION sentinel.put_webhook_key(uuid, text, text, text, interval) IS
    'Seal a secret as the next key of a source that is locked; those of its kind before count until the overlap is over. Errors: SN007, 22023, 55000 the server has no key.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.add_webhook_source(vendor text, name text, secret text DEFAULT NULL, purpose text DEFAULT 'events',
                                            account text DEFAULT NULL, scheme text DEFAULT NULL)
    RETURNS TABLE (source_id uuid, path text, new_secret text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    v record;
    manner text;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT w.vendor, w.schemes, w.secret_form, w.made_by INTO v FROM sentinel.webhook_vendors w WHERE w.vendor = add_webhook_source.vendor;
    manner := coalesce(add_webhook_source.scheme, v.schemes[1]);
    IF v.vendor IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown vendor "%s"', left(add_webhook_source.vendor, 60)),
            DETAIL = format('It is one of %s.', (SELECT string_agg(w.vendor, ', ' ORDER BY w.vendor) FROM sentinel.webhook_vendors w)),
            HINT = 'Use generic for a sender of your own.';
    ELSIF manner <> ALL (v.schemes) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('unknown scheme "%s"', left(manner, 60)),
            DETAIL = format('What comes from %s is signed as %s.', v.vendor, array_to_string(v.schemes, ', ')), HINT = 'Leave it out.';
    ELSIF coalesce(trim(add_webhook_source.name), '') = '' OR length(add_webhook_source.name) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid name "%s"', left(add_webhook_source.name, 60)),
            DETAIL = 'A name has 1 to 100 characters.', HINT = 'Use ''Website form''.';
    ELSIF add_webhook_source.purpose IS NULL OR add_webhook_source.purpose NOT IN ('events', 'lead')
          OR add_webhook_source.purpose = 'lead' AND v.vendor NOT IN ('standard', 'generic') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid purpose "%s"', left(add_webhook_source.purpose, 60)),
            DETAIL = 'A purpose is events; or lead, where the vendor is standard or generic.', HINT = 'Use ''events''.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('sentinel.webhook_sources ' || org::text, 0));
    IF (SELECT count(*) FROM sentinel.webhook_sources s WHERE s.org_id = org) >= 50 THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = 'the organisation has 50 webhook sources',
            DETAIL = 'An organisation has at most 50.', HINT = 'Remove one by sentinel.delete_webhook_source(id).';
    END IF;
    INSERT INTO sentinel.webhook_sources AS s (org_id, vendor, scheme, name, purpose, account, created_by)
    VALUES (org, v.vendor, manner, trim(add_webhook_source.name), add_webhook_source.purpose, nullif(trim(add_webhook_source.account), ''),
            sentinel.current_member())
    RETURNING s.id INTO source_id;
    path := sentinel.webhook_source_path(v.vendor, source_id);
    IF add_webhook_source.secret IS NULL AND v.made_by = 'sentinel' THEN
        new_secret := sentinel.make_webhook_secret(CASE manner WHEN 'basic' THEN 'credentials' WHEN 'standard' THEN 'whsec' ELSE v.secret_form END);
    END IF;
    IF coalesce(add_webhook_source.secret, new_secret) IS NOT NULL THEN
        PERFORM sentinel.put_webhook_key(source_id, manner, nullif(trim(add_webhook_source.account), ''),
                                         coalesce(add_webhook_source.secret, new_secret), interval '0');
    END IF;
    PERFORM sentinel.audit('webhook_source.added', 'webhook_source', source_id, jsonb_build_object(
        'vendor', v.vendor, 'name', trim(add_webhook_source.name), 'purpose', add_webhook_source.purpose, 'scheme', manner));
    RETURN NEXT;
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('invalid account "%s"', left(add_webhook_source.account, 60)),
        DETAIL = 'An account has at most 200 characters.', HINT = 'Leave it out.';
END
$$;
ALTER FUNCTION sentinel.add_webhook_source(text, text, text, text, text, text) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.add_webhook_source(text, text, text, text, text, text) IS
    'Take webhooks of a vendor, for owners and admins; gives id and path of the source, and the secret that Sentinel has made: it is shown once. Where the vendor makes it, hand it in here or by set_webhook_source_secret(); until then nothing is taken. purpose lead hands bodies to intake(). account: whose deliveries are taken where the key signs those of others too (portal, location, team). Statements with a secret belong into a session whose statements are not logged; the gateway''s are not. Errors: SN002, SN003, SN007, 22023, 55000 the server has no key.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.set_webhook_source_secret(source_id uuid, secret text, overlap interval DEFAULT '0') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    s record;
    version integer;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT * INTO s FROM sentinel.lock_webhook_source(set_webhook_source_secret.source_id);
    version := sentinel.put_webhook_key(set_webhook_source_secret.source_id, s.scheme, s.account, set_webhook_source_secret.secret,
                                        set_webhook_source_secret.overlap);
    PERFORM sentinel.audit('webhook_source.secret_set', 'webhook_source', set_webhook_source_secret.source_id,
                           jsonb_build_object('version', version, 'overlap', set_webhook_source_secret.overlap));
END
$$;
ALTER FUNCTION sentinel.set_webhook_source_secret(uuid, text, interval) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.set_webhook_source_secret(uuid, text, interval) IS
    'Set the secret that a vendor has made, or its public key; the one before counts for the overlap too. A public key of GoHighLevel stands beside a secret, not in its place. Errors: SN002, SN003, SN004, SN007, 22023, 55000 the server has no key.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.rotate_webhook_source(source_id uuid, overlap interval DEFAULT '1 day') RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    s record;
    v record;
    made text;
    version integer;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT * INTO s FROM sentinel.lock_webhook_source(rotate_webhook_source.source_id);
    SELECT w.made_by, w.secret_form, w.label INTO v FROM sentinel.webhook_vendors w WHERE w.vendor = s.vendor;
    IF v.made_by = 'vendor' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN005', MESSAGE = format('the secret of %s is made by the vendor', v.label),
            DETAIL = 'Sentinel makes secrets for vendors that can be told one.',
            HINT = 'Rotate it there, then SELECT sentinel.set_webhook_source_secret(source_id, secret, overlap);';
    END IF;
    made := sentinel.make_webhook_secret(CASE s.scheme WHEN 'basic' THEN 'credentials' WHEN 'standard' THEN 'whsec' ELSE v.secret_form END);
    version := sentinel.put_webhook_key(rotate_webhook_source.source_id, s.scheme, s.account, made, rotate_webhook_source.overlap);
    PERFORM sentinel.audit('webhook_source.rotated', 'webhook_source', rotate_webhook_source.source_id,
                           jsonb_build_object('version', version, 'overlap', rotate_webhook_source.overlap));
    RETURN made;
END
$$;
ALTER FUNCTION sentinel.rotate_webhook_source(uuid, interval) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.rotate_webhook_source(uuid, interval) IS
    'Make another secret of a source and give it, this once; the one before counts for the overlap too. Errors: SN002, SN003, SN004, SN005 the vendor makes it, 22023, 55000 the server has no key.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.enable_webhook_source(source_id uuid, enabled boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    s record;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT * INTO s FROM sentinel.lock_webhook_source(enable_webhook_source.source_id);
    IF s.enabled = enable_webhook_source.enabled THEN
        RETURN;
    END IF;
    UPDATE sentinel.webhook_sources w SET enabled = enable_webhook_source.enabled, changed_at = now()
    WHERE w.org_id = org AND w.id = enable_webhook_source.source_id;
    PERFORM sentinel.audit(CASE WHEN enable_webhook_source.enabled THEN 'webhook_source.enabled' ELSE 'webhook_source.disabled' END,
                           'webhook_source', enable_webhook_source.source_id, jsonb_build_object('vendor', s.vendor));
END
$$;
ALTER FUNCTION sentinel.enable_webhook_source(uuid, boolean) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.enable_webhook_source(uuid, boolean) IS
    'Take what a source sends, or with enabled => false refuse it as an unknown source is. Errors: SN002, SN003, SN004.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.delete_webhook_source(source_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    s record;
BEGIN
    PERFORM sentinel.require_manager();
    SELECT * INTO s FROM sentinel.lock_webhook_source(delete_webhook_source.source_id);
    DELETE FROM sentinel.webhook_sources w WHERE w.org_id = org AND w.id = delete_webhook_source.source_id;
    PERFORM sentinel.audit('webhook_source.deleted', 'webhook_source', delete_webhook_source.source_id,
                           jsonb_build_object('vendor', s.vendor));
END
$$;
ALTER FUNCTION sentinel.delete_webhook_source(uuid) OWNER TO sentinel_owner;
COMMENT ON FUNCTION sentinel.delete_webhook_source(uuid) IS
    'Remove a source with its keys; what it sent stays until its time is over. Errors: SN002, SN003, SN004.';

CREATE FUNCTION sentinel.purge_webhooks(as_of timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM sentinel.require_installed();
    DELETE FROM sentinel.webhook_keys k USING sentinel.orgs o WHERE k.org_id = o.org_id AND k.expires_at <= purge_webhooks.as_of;
    DELETE FROM sentinel.webhook_events e USING sentinel.orgs o
    WHERE e.org_id = o.org_id AND e.received_at < purge_webhooks.as_of - interval '30 days';
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
ALTER FUNCTION sentinel.purge_webhooks(timestamptz) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.purge_webhooks(timestamptz) IS
    'Remove webhooks that came in more than 30 days ago, and keys that count no more. Gives the number of webhooks removed. Called by tick().';
