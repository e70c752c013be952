-- Room insight, win model: the probability to win within a horizon, from what closed and unclosed deals were like before.
-- Weights of evidence of each feature's levels, shrunken as far as chance explains them, with one slope per feature, so that
-- features which tell the same do not count twice. Log-odds add up. Training rows are landmarks a whole horizon before as_of:
-- whether the deal was won within it is then known of every one, open deals included, so nothing is censored.

CREATE FUNCTION sentinel.require_horizon(horizon_days integer) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF require_horizon.horizon_days IS NULL OR require_horizon.horizon_days NOT BETWEEN 7 AND 730 THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('invalid horizon of %s days', coalesce(require_horizon.horizon_days::text, 'null')),
            DETAIL = 'A horizon is 7 to 730 days.', HINT = 'Use 90.';
    END IF;
    RETURN make_interval(hours => 24 * require_horizon.horizon_days);
END
$$;
COMMENT ON FUNCTION sentinel.require_horizon(integer) IS 'Give a horizon as an interval of hours. Errors: 22023.';

CREATE FUNCTION sentinel.weigh_evidence(features integer[], levels integer[], n double precision[], hits double precision[],
                                        design double precision, width integer)
    RETURNS TABLE (weights double precision[], spreads double precision[])
    LANGUAGE plpgsql IMMUTABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT u.feature, u.level, u.hits / weigh_evidence.design AS hits, (u.n - u.hits) / weigh_evidence.design AS misses
        FROM unnest(weigh_evidence.features, weigh_evidence.levels, weigh_evidence.n, weigh_evidence.hits)
             AS u (feature, level, n, hits)),
    odds AS MATERIALIZED (
        SELECT c.feature, c.level, ln((c.hits + 0.5) / (c.misses + 0.5)) - ln((a.hits + 0.5) / (a.misses + 0.5)) AS theta,
               1 / (c.hits + 0.5) + 1 / (c.misses + 0.5) AS noise
        FROM counted c JOIN counted a ON a.feature = 0
        WHERE c.feature > 0),
    centres AS MATERIALIZED (
        SELECT o.feature, sum(o.theta / o.noise) / sum(1 / o.noise) AS centre, count(*) - 1 AS freedom,
               sum(1 / o.noise) - sum(1 / (o.noise * o.noise)) / sum(1 / o.noise) AS divisor
        FROM odds o GROUP BY o.feature),
    spread AS MATERIALIZED (
        SELECT c.feature, c.centre, coalesce(greatest(0, (sum((o.theta - c.centre) * (o.theta - c.centre) / o.noise) - c.freedom)
                                                         / nullif(c.divisor, 0)), 0) AS variance
        FROM odds o JOIN centres c ON c.feature = o.feature
        GROUP BY c.feature, c.centre, c.freedom, c.divisor),
    lines AS (
        SELECT f.feature, coalesce(max(s.variance), 0) AS variance,
               array_agg(coalesce((o.theta - s.centre) * s.variance / (s.variance + o.noise), 0) ORDER BY l.level) AS line
        FROM generate_series(1, 12) AS f (feature)
        CROSS JOIN generate_series(0, weigh_evidence.width - 1) AS l (level)
        LEFT JOIN spread s ON s.feature = f.feature
        LEFT JOIN odds o ON o.feature = f.feature AND o.level = l.level
        GROUP BY f.feature)
    SELECT array_agg(l.line ORDER BY l.feature), array_agg(sqrt(l.variance) ORDER BY l.feature) FROM lines l;
END
$$;
COMMENT ON FUNCTION sentinel.weigh_evidence(integer[], integer[], double precision[], double precision[], double precision, integer) IS
    'Turn counts by feature and level (feature 0 is the whole) into weights of evidence [12][width]: log-odds of the level less those of the whole, centred, times variance / (variance + noise), where the variance between levels is that of DerSimonian and Laird. design divides the counts: rows of one deal are not independent. spreads are the standard deviations between levels.';

CREATE FUNCTION sentinel.solve_equations(matrix double precision[], vector double precision[]) RETURNS double precision[]
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m double precision[] := solve_equations.matrix;
    v double precision[] := solve_equations.vector;
    size constant integer := array_length(v, 1);
    factor double precision;
BEGIN
    FOR k IN 1..size LOOP
        FOR i IN k + 1..size LOOP
            factor := m[i][k] / m[k][k];
            CONTINUE WHEN factor = 0;
            FOR j IN k..size LOOP
                m[i][j] := m[i][j] - factor * m[k][j];
            END LOOP;
            v[i] := v[i] - factor * v[k];
        END LOOP;
    END LOOP;
    FOR k IN REVERSE size..1 LOOP
        FOR j IN k + 1..size LOOP
            v[k] := v[k] - m[k][j] * v[j];
        END LOOP;
        v[k] := v[k] / m[k][k];
    END LOOP;
    RETURN v;
END
$$;
COMMENT ON FUNCTION sentinel.solve_equations(double precision[], double precision[]) IS
    'Solve a system of linear equations whose matrix is symmetric and positive definite, by elimination. For small systems.';

CREATE FUNCTION sentinel.fit_slopes(weights double precision[], codes smallint[], n double precision[],
                                    hits double precision[], scale double precision)
    RETURNS double precision[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    penalty constant double precision := 1;
    known double precision[] := fit_slopes.weights;
    slopes double precision[] := array_fill(0::double precision, ARRAY[13]);
    matrix double precision[] := array_fill(0::double precision, ARRAY[13, 13]);
    vector double precision[] := array_fill(0::double precision, ARRAY[13]);
    products double precision[];
    residuals double precision[];
    change double precision[];
    biggest double precision;
    lowest record;
    place integer;
    -- One row per cell, sub-selects kept apart by OFFSET 0, so that each x and p is computed once and not in each sum.
    statement constant text := format($query$
        SELECT ARRAY[%s], ARRAY[%s]
        FROM (SELECT c.*, c.n * c.p * (1 - c.p) AS w
              FROM (SELECT b.*, 1 / (1 + exp(-greatest(-50, least(50, %s)))) AS p
                    FROM (SELECT $3[i] AS n, $4[i] AS hits, 1::float8 AS x0, %s
                          FROM generate_series(1, array_length($3, 1)) AS i OFFSET 0) b
                    OFFSET 0) c
              OFFSET 0) d$query$,
        (SELECT string_agg(format('sum(d.w * d.x%s * d.x%s)', i, j), ', ' ORDER BY i, j)
         FROM generate_series(0, 12) AS i CROSS JOIN LATERAL generate_series(i, 12) AS j),
        (SELECT string_agg(format('sum((d.hits - d.n * d.p) * d.x%s)', i), ', ' ORDER BY i) FROM generate_series(0, 12) AS i),
        (SELECT string_agg(format('$5[%s] * b.x%s', i + 1, i), ' + ' ORDER BY i) FROM generate_series(0, 12) AS i),
        (SELECT string_agg(format('$1[%1$s][$2[i][%1$s] + 1] AS x%1$s', i), ', ' ORDER BY i) FROM generate_series(1, 12) AS i));
BEGIN
    slopes[1] := (SELECT ln((sum(u.hits) + 0.5) / (sum(u.n - u.hits) + 0.5))
                  FROM unnest(fit_slopes.n, fit_slopes.hits) AS u (n, hits));
    LOOP
        FOR turn IN 1..25 LOOP
            EXECUTE statement INTO products, residuals USING known, fit_slopes.codes, fit_slopes.n, fit_slopes.hits, slopes;
            place := 0;
            FOR i IN 1..13 LOOP
                FOR j IN i..13 LOOP
                    place := place + 1;
                    matrix[i][j] := fit_slopes.scale * products[place];
                    matrix[j][i] := matrix[i][j];
                END LOOP;
                vector[i] := fit_slopes.scale * residuals[i];
                IF i > 1 THEN
                    matrix[i][i] := matrix[i][i] + penalty;
                    vector[i] := vector[i] - penalty * slopes[i];
                END IF;
            END LOOP;
            change := sentinel.solve_equations(matrix, vector);
            SELECT max(abs(u.x)) INTO biggest FROM unnest(change) AS u (x);
            FOR i IN 1..13 LOOP
                slopes[i] := slopes[i] + change[i] * least(1, 2 / greatest(biggest, 1e-12));
            END LOOP;
            EXIT WHEN biggest < 1e-8;
        END LOOP;
        -- A feature that only corrects others would be explained the wrong way round: it is taken out.
        SELECT u.x, u.place INTO lowest FROM unnest(slopes) WITH ORDINALITY AS u (x, place)
        WHERE u.place > 1 ORDER BY u.x LIMIT 1;
        EXIT WHEN lowest.x > -1e-9;
        slopes[lowest.place] := 0;
        FOR level IN 1..array_length(known, 2) LOOP
            known[lowest.place - 1][level] := 0;
        END LOOP;
    END LOOP;
    RETURN slopes;
END
$$;
COMMENT ON FUNCTION sentinel.fit_slopes(double precision[], smallint[], double precision[], double precision[], double precision) IS
    'Fit the intercept and one slope per feature, none below 0, by logistic regression on the weights of evidence: Newton steps over cells of equal codes with n rows and hits of them won, and a ridge of 1 on the slopes. scale makes the cells stand for the whole.';

CREATE FUNCTION sentinel.fit_evidence(org uuid, as_of timestamptz, horizon_days integer) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE
    horizon constant interval := sentinel.require_horizon(fit_evidence.horizon_days);
    last_cut constant timestamptz := fit_evidence.as_of - horizon;
    stages constant text[] := ARRAY(SELECT DISTINCT s.stage FROM sentinel.pipeline_stages s
                                    WHERE s.org_id = fit_evidence.org AND s.kind = 'open' ORDER BY 1);
    wanted constant double precision := 20000;  -- rows that slopes are fitted on
    size record;
    evidence record;
    slopes double precision[];
    design double precision;
    answer jsonb;
BEGIN
    -- Counts of all rows and cells of a sample come from one pass over the landmarks.
    WITH landmarks AS MATERIALIZED (
        SELECT l.ordinal, (uuid_hash(l.deal_id) & 1048575) AS draw, coalesce(l.won_at <= l.cut + horizon, false)::integer AS hit,
               sentinel.win_codes(stages, l.stage, l.value, l.first_value, l.owner_id, l.owner_changed, l.moves, l.reopened,
                                  l.created_at, l.stage_entered_at, l.last_received_at, l.last_sent_at, l.last_meeting_at,
                                  l.recent, l.competitive_indicators, l.cut) AS codes
        FROM sentinel.deal_landmarks(fit_evidence.org, last_cut, last_cut - interval '26280 hours', last_cut,
                                     fit_evidence.as_of) l),
    sizes AS MATERIALIZED (
        SELECT count(*)::double precision AS n, coalesce(sum(l.hit), 0)::double precision AS hits,
               (count(*) FILTER (WHERE l.ordinal = 1))::double precision AS deals
        FROM landmarks l),
    by_level AS MATERIALIZED (
        SELECT strpos(GROUPING(c.c1, c.c2, c.c3, c.c4, c.c5, c.c6, c.c7, c.c8, c.c9, c.c10, c.c11, c.c12)::bit(12)::text, '0')
                   AS feature,
               coalesce(c.c1, c.c2, c.c3, c.c4, c.c5, c.c6, c.c7, c.c8, c.c9, c.c10, c.c11, c.c12)::integer AS level,
               count(*)::double precision AS n, sum(c.hit)::double precision AS hits
        FROM (SELECT l.hit, l.codes[1] AS c1, l.codes[2] AS c2, l.codes[3] AS c3, l.codes[4] AS c4, l.codes[5] AS c5,
                     l.codes[6] AS c6, l.codes[7] AS c7, l.codes[8] AS c8, l.codes[9] AS c9, l.codes[10] AS c10,
                     l.codes[11] AS c11, l.codes[12] AS c12
              FROM landmarks l OFFSET 0) c
        GROUP BY GROUPING SETS ((), (c.c1), (c.c2), (c.c3), (c.c4), (c.c5), (c.c6), (c.c7), (c.c8), (c.c9), (c.c10), (c.c11),
                                (c.c12))),
    sample AS (
        SELECT l.codes, count(*)::double precision AS n, sum(l.hit)::double precision AS hits
        FROM landmarks l CROSS JOIN sizes z
        WHERE l.draw < 1048576 * least(1, wanted / greatest(z.n, 1))
        GROUP BY l.codes)
    SELECT z.n, z.hits, z.deals,
           (SELECT array_agg(b.feature ORDER BY b.feature, b.level) FROM by_level b) AS features,
           (SELECT array_agg(b.level ORDER BY b.feature, b.level) FROM by_level b) AS levels,
           (SELECT array_agg(b.n ORDER BY b.feature, b.level) FROM by_level b) AS level_n,
           (SELECT array_agg(b.hits ORDER BY b.feature, b.level) FROM by_level b) AS level_hits,
           s.codes, s.cell_n, s.cell_hits
    INTO size
    FROM sizes z
    CROSS JOIN (SELECT array_agg(x.codes ORDER BY x.codes) AS codes, array_agg(x.n ORDER BY x.codes) AS cell_n,
                       array_agg(x.hits ORDER BY x.codes) AS cell_hits FROM sample x) s;

    answer := jsonb_build_object('horizon_days', fit_evidence.horizon_days, 'stages', to_jsonb(stages), 'samples', size.n,
                                 'deals', size.deals, 'won', size.hits);
    design := greatest(1, size.n / greatest(size.deals, 1));
    IF least(size.hits, size.n - size.hits) / design < 30 THEN
        RETURN answer;
    END IF;
    SELECT * INTO evidence FROM sentinel.weigh_evidence(size.features, size.levels, size.level_n, size.level_hits, design,
                                                        greatest(10, cardinality(stages) + 1));
    slopes := sentinel.fit_slopes(evidence.weights, size.codes, size.cell_n, size.cell_hits,
                                  size.n / (SELECT sum(u.n) FROM unnest(size.cell_n) AS u (n)) / design);
    RETURN answer || jsonb_build_object(
        'base_rate', size.hits / size.n, 'intercept', slopes[1], 'slopes', to_jsonb(slopes[2:13]),
        'spreads', to_jsonb(evidence.spreads),
        'weights', (SELECT jsonb_agg(l.line ORDER BY l.feature)
                    FROM (SELECT f.feature, jsonb_agg(evidence.weights[f.feature][f.level] * slopes[f.feature + 1]
                                                      ORDER BY f.level) AS line
                          FROM (SELECT i.feature, j.level FROM generate_series(1, 12) AS i (feature)
                                CROSS JOIN generate_series(1, array_length(evidence.weights, 2)) AS j (level)) f
                          GROUP BY f.feature) l));
END
$$;
COMMENT ON FUNCTION sentinel.fit_evidence(uuid, timestamptz, integer) IS
    'Fit a win model on the landmarks of the three years that end one horizon before as_of and give its coefficients; without weights when fewer than 30 wins or others, rows of one deal counted as one, are to be learned from. Errors: 22023 horizon.';

-- grant: sentinel_member, sentinel_operator
CREATE FUNCTION sentinel.fit_win_model(as_of timestamptz DEFAULT now(), horizon_days integer DEFAULT 90) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(fit_win_model.as_of);
    found_coefficients jsonb;
    trial record;
    new_model uuid;
BEGIN
    PERFORM sentinel.require_manager();
    IF instant > clock_timestamp() + interval '5 minutes' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('as_of %s lies in the future', instant),
            DETAIL = 'A model is fitted on what has been recorded.', HINT = 'Leave it out to mean now.';
    END IF;
    found_coefficients := sentinel.fit_evidence(org, instant, fit_win_model.horizon_days);
    IF NOT found_coefficients ? 'weights' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007',
            MESSAGE = format('not enough deals to fit a win model: %s of %s looks at open deals were followed by a win',
                             found_coefficients ->> 'won', found_coefficients ->> 'samples'),
            DETAIL = format('At least 30 deals that were won, and 30 that were not, within %s days of a look at them are needed.',
                            fit_win_model.horizon_days),
            HINT = 'Use a shorter horizon, or win_probability() meanwhile.';
    END IF;
    SELECT * INTO trial FROM sentinel.backtest_win(instant, NULL, fit_win_model.horizon_days);
    INSERT INTO sentinel.win_models AS m (org_id, fitted_at, kind, horizon_days, coefficients, metrics)
    VALUES (org, instant, 'evidence', fit_win_model.horizon_days, found_coefficients,
            jsonb_build_object('samples', found_coefficients -> 'samples', 'deals', found_coefficients -> 'deals',
                               'won', found_coefficients -> 'won', 'backtest', to_jsonb(trial)))
    RETURNING m.id INTO new_model;
    PERFORM sentinel.audit('win_model.fitted', 'win_model', new_model, jsonb_build_object(
        'as_of', instant, 'horizon_days', fit_win_model.horizon_days, 'verdict', trial.verdict));
    RETURN new_model;
END
$$;
ALTER FUNCTION sentinel.fit_win_model(timestamptz, integer) OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.fit_win_model(timestamptz, integer) IS
    'Fit a win model on all deals of the organisation as recorded by a time, backtest it, store both and give its id. Owners and admins. Errors: SN002, SN003, SN007 as_of or not enough deals, 22023 horizon.';
