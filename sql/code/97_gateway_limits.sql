-- Room gateway, limits: token buckets, one a caller and tier. Figures: rate_tiers. Source: http-delivery.md §5, revenue.md (k).

CREATE FUNCTION sentinel.take_token(tier text, bucket text, peer inet, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t record;
    whose text;
    left_over double precision;
BEGIN
    SELECT x.capacity, x.per_seconds, x.counts_by INTO t FROM sentinel.rate_tiers x WHERE x.tier = take_token.tier;
    IF t.capacity IS NULL THEN
        RETURN '[]';
    END IF;
    whose := CASE WHEN t.counts_by = 'caller' AND take_token.bucket IS NOT NULL THEN take_token.bucket
                  ELSE 'address:' || coalesce(host(take_token.peer), 'local') END;
    INSERT INTO sentinel.request_buckets AS b (tier, bucket, tokens, updated_at)
    VALUES (take_token.tier, whose, t.capacity - 1, take_token.at)
    ON CONFLICT ON CONSTRAINT request_buckets_pkey DO UPDATE
    SET tokens = least(t.capacity, b.tokens + greatest(extract(epoch FROM take_token.at - b.updated_at), 0) * t.capacity / t.per_seconds) - 1,
        updated_at = greatest(b.updated_at, take_token.at)
    WHERE least(t.capacity, b.tokens + greatest(extract(epoch FROM take_token.at - b.updated_at), 0) * t.capacity / t.per_seconds) >= 1
    RETURNING b.tokens INTO left_over;
    IF left_over IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SN429', MESSAGE = format('too many requests of the tier "%s"', take_token.tier),
            DETAIL = format('%s are taken in %s s; the next in %s s.', t.capacity, t.per_seconds, ceil(t.per_seconds / t.capacity::numeric)),
            HINT = 'Wait as Retry-After says.';
    END IF;
    RETURN jsonb_build_array(
        jsonb_build_array('RateLimit-Limit', t.capacity::text), jsonb_build_array('RateLimit-Remaining', floor(left_over)::bigint::text),
        jsonb_build_array('RateLimit-Reset', ceil((t.capacity - left_over) * t.per_seconds / t.capacity)::bigint::text),
        jsonb_build_array('RateLimit-Policy', format('%s;w=%s;name="%s"', t.capacity, t.per_seconds, take_token.tier)));
END
$$;
COMMENT ON FUNCTION sentinel.take_token(text, text, inet, timestamptz) IS
    'Take one token of the caller in a tier and give the headers that tell how many are left. Errors: SN429 when there is none.';
