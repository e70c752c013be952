-- Room insight: fitted win models, as versions.

CREATE TABLE sentinel.win_models (
    org_id uuid NOT NULL REFERENCES sentinel.orgs,
    id uuid NOT NULL DEFAULT sentinel.uuid7(),
    fitted_at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('evidence')),
    horizon_days integer NOT NULL CHECK (horizon_days BETWEEN 7 AND 730),
    coefficients jsonb NOT NULL,
    metrics jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX win_models_newest ON sentinel.win_models (org_id, fitted_at, id);
COMMENT ON TABLE sentinel.win_models IS
    'Win models that fit_win_model() has fitted; the newest one fitted by a time answers for that time. Append-only.';
COMMENT ON COLUMN sentinel.win_models.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.win_models.id IS 'Id of the model.';
COMMENT ON COLUMN sentinel.win_models.fitted_at IS 'Time as of which it was fitted: it knows nothing that was recorded later.';
COMMENT ON COLUMN sentinel.win_models.kind IS 'evidence: shrunken weights of evidence, each with a fitted slope.';
COMMENT ON COLUMN sentinel.win_models.horizon_days IS 'Days within which the win lies whose probability it gives.';
COMMENT ON COLUMN sentinel.win_models.coefficients IS
    'intercept, stages by code, weights by feature and level in log-odds; besides, for people, slopes and spreads.';
COMMENT ON COLUMN sentinel.win_models.metrics IS
    'Size of the training data, and the backtest that was run with it: the columns of backtest_win().';
COMMENT ON COLUMN sentinel.win_models.recorded_at IS 'When it was stored.';
COMMENT ON INDEX sentinel.win_models_newest IS 'The model that holds at a time.';
