-- Room gateway, limits: token buckets, one a caller and tier. Figures: rate_tiers. Source: http-delivery.md §5, revenue.md (k).

CREATE FUNCTION sentinel.take_token(tier text, bucket text, peer inet, at timestamptz) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sentinel_take_token';
COMMENT ON FUNCTION sentinel.take_token(text, text, inet, timestamptz) IS
    'Take one token of the caller, else of the address, in a tier and give the headers that tell how many are left. Where more than ten tokens come in a second a session takes some of them at once, for a second, and callers do not wait for each other. Errors: SN429 when there is none, with the seconds until the next.';

CREATE FUNCTION sentinel.purge_buckets(as_of timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    -- One from the future was filled by a clock that was wrong; without it the bucket is full again.
    DELETE FROM sentinel.request_buckets b
    WHERE b.ctid = ANY (ARRAY(SELECT x.ctid FROM sentinel.request_buckets x
        WHERE x.updated_at < purge_buckets.as_of - interval '1 hour' OR x.updated_at > purge_buckets.as_of + interval '5 minutes'
        FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION sentinel.purge_buckets(timestamptz) IS
    'Delete the buckets of who has asked nothing for an hour: full ones, as one that does not exist is. Gives how many.';

CREATE FUNCTION sentinel.tell_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sentinel.table_changed(TG_RELID::regclass);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sentinel.tell_change() IS 'Trigger: let all sessions read this table of rules anew once the transaction has committed, this one now.';
