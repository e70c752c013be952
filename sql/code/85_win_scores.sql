-- Room insight, win model: what the fitted model says of open deals, and why.

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.win_scores(as_of timestamptz DEFAULT now(), only_deal uuid DEFAULT NULL)
    RETURNS TABLE (deal_id uuid, probability double precision, log_odds double precision, codes smallint[], model_id uuid)
    LANGUAGE plpgsql STABLE ROWS 10000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(win_scores.as_of);
    model record;
    stages text[];
    weights double precision[];
    intercept double precision;
BEGIN
    SELECT m.id, m.coefficients INTO model FROM sentinel.win_models m
    WHERE m.org_id = org AND m.fitted_at <= instant ORDER BY m.fitted_at DESC, m.id DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SN004', MESSAGE = format('no win model had been fitted by %s', instant),
            DETAIL = 'A time is answered for by the newest model that was fitted as of it or before.',
            HINT = 'An owner or admin calls SELECT sentinel.fit_win_model(); until then use win_probability().';
    END IF;
    stages := ARRAY(SELECT s.stage FROM jsonb_array_elements_text(model.coefficients -> 'stages') WITH ORDINALITY AS s (stage, place)
                    ORDER BY s.place);
    weights := translate((model.coefficients -> 'weights')::text, '[]', '{}')::double precision[];
    intercept := (model.coefficients ->> 'intercept')::double precision;
    RETURN QUERY
    SELECT s.deal_id, 1 / (1 + exp(-s.odds)), s.odds, s.codes, model.id
    FROM (SELECT c.deal_id, c.codes, sentinel.win_log_odds(intercept, weights, c.codes) AS odds
          FROM (SELECT l.deal_id,
                       sentinel.win_codes(stages, l.stage, l.value, l.first_value, l.owner_id, l.owner_changed, l.moves,
                                          l.reopened, l.created_at, l.stage_entered_at, l.last_received_at, l.last_sent_at,
                                          l.last_meeting_at, l.recent, l.competitive_indicators, l.cut) AS codes
                FROM sentinel.deal_landmarks(org, instant, instant, instant, instant, win_scores.only_deal) l OFFSET 0) c
          OFFSET 0) s;
END
$$;
COMMENT ON FUNCTION sentinel.win_scores(timestamptz, uuid) IS
    'Give the probability that each open deal, or one, is won within the horizon of the newest win model fitted by a time, its log-odds and level codes, in one pass. Closed deals have no row. Errors: SN002, SN004 no model, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.win_probability_model(deal_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE (probability double precision, log_odds double precision, horizon_days integer, model_id uuid,
                   fitted_at timestamptz, verdict text)
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(win_probability_model.as_of);
    state record;
BEGIN
    SELECT * INTO state FROM sentinel.deal_state(win_probability_model.deal_id, instant);
    IF state.stage_kind <> 'open' THEN
        RETURN QUERY SELECT (state.stage_kind = 'won')::integer::double precision,
            CASE state.stage_kind WHEN 'won' THEN 'Infinity'::double precision ELSE '-Infinity' END,
            NULL::integer, NULL::uuid, NULL::timestamptz, NULL::text;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.probability, s.log_odds, m.horizon_days, m.id, m.fitted_at, m.metrics #>> '{backtest,verdict}'
    FROM sentinel.win_scores(instant, win_probability_model.deal_id) s
    JOIN sentinel.win_models m ON m.org_id = org AND m.id = s.model_id;
END
$$;
COMMENT ON FUNCTION sentinel.win_probability_model(uuid, timestamptz) IS
    'Give the probability, 0 to 1, that a deal is won within horizon_days of a time, by the newest model fitted by then, and the verdict of that model''s backtest: skill, no skill or not enough data. A closed deal has 1 or 0 and infinite log-odds. One row. Errors: SN002, SN003, SN004 unknown deal, not recorded yet or no model, SN007.';

-- grant: sentinel_reader, sentinel_member
CREATE FUNCTION sentinel.explain_win(deal_id uuid, as_of timestamptz DEFAULT now())
    RETURNS TABLE ("position" integer, feature text, level text, contribution double precision, detail text)
    LANGUAGE plpgsql STABLE ROWS 13 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    instant timestamptz := sentinel.require_instant(explain_win.as_of);
    state record;
    score record;
    model record;
    weights double precision[];
BEGIN
    SELECT * INTO state FROM sentinel.deal_state(explain_win.deal_id, instant);
    IF state.stage_kind <> 'open' THEN
        RETURN QUERY SELECT 0, 'closed'::text, state.stage_kind,
            CASE state.stage_kind WHEN 'won' THEN 'Infinity'::double precision ELSE '-Infinity' END,
            format('the deal is %s', state.stage_kind);
        RETURN;
    END IF;
    SELECT * INTO score FROM sentinel.win_scores(instant, explain_win.deal_id);
    SELECT m.coefficients, m.horizon_days INTO model FROM sentinel.win_models m WHERE m.org_id = org AND m.id = score.model_id;
    weights := translate((model.coefficients -> 'weights')::text, '[]', '{}')::double precision[];
    RETURN QUERY
    SELECT 0, 'base'::text, NULL::text, (model.coefficients ->> 'intercept')::double precision,
           format('where all features are usual; %s %% of the deals looked at were won within %s days',
                  round(100 * (model.coefficients ->> 'base_rate')::numeric, 1), model.horizon_days);
    RETURN QUERY
    SELECT t.place, t.feature, t.level, t.weight,
           format('%s: %s %s a win', t.feature, t.level, CASE WHEN t.weight > 0 THEN 'speaks for' ELSE 'speaks against' END)
    FROM (SELECT f."position" AS place, f.feature,
                 CASE WHEN f."position" > 1 THEN f.levels[score.codes[f."position"] + 1]
                      WHEN score.codes[1] = 0 THEN 'any other'
                      ELSE model.coefficients #>> ARRAY['stages', (score.codes[1] - 1)::text] END AS level,
                 weights[f."position"][score.codes[f."position"] + 1] AS weight
          FROM sentinel.win_features() f) t
    WHERE t.weight <> 0
    ORDER BY t.place;
END
$$;
COMMENT ON FUNCTION sentinel.explain_win(uuid, timestamptz) IS
    'Explain the log-odds of win_probability_model(): the base, then one row per feature that matters, in the order in which they are added; the contributions sum to the log-odds exactly, and 1 / (1 + exp(-sum)) is the probability. Errors: those of win_probability_model().';
