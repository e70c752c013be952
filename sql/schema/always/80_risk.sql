-- Room risk: triggers, row rights, views, grants.

DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS deals_signals_new ON sentinel.deals;
        CREATE TRIGGER deals_signals_new AFTER INSERT ON sentinel.deals
            REFERENCING NEW TABLE AS new_deals FOR EACH STATEMENT EXECUTE FUNCTION sentinel.signal_new_deals();
        DROP TRIGGER IF EXISTS deals_signals_changed ON sentinel.deals;
        CREATE TRIGGER deals_signals_changed AFTER UPDATE ON sentinel.deals
            REFERENCING OLD TABLE AS old_deals NEW TABLE AS new_deals
            FOR EACH STATEMENT EXECUTE FUNCTION sentinel.signal_changed_deals();
        DROP TRIGGER IF EXISTS activities_signals ON sentinel.activities;
        CREATE TRIGGER activities_signals AFTER INSERT ON sentinel.activities
            REFERENCING NEW TABLE AS new_activities FOR EACH STATEMENT EXECUTE FUNCTION sentinel.signal_activities();
    END IF;
END
$$;
-- The numbers of the model, in the order of enum Weight in src/core/risk_model.hpp; the terms are those of explain_risk().
INSERT INTO sentinel.risk_weight_terms (position, weight_name, standard, lowest, highest, description) VALUES
    (1, 'negotiation', 0.3, 0, 1, 'Term stage: a deal in a stage of the risk role negotiation.'),
    (2, 'discover', 0.1, 0, 1, 'Term stage: a deal in a stage of the risk role discover.'),
    (3, 'competitive_high', 0.25, 0, 1, 'Term competitive: two signals of competition or more.'),
    (4, 'competitive_medium', 0.15, 0, 1, 'Term competitive: one signal, or a negotiation older than 30 days.'),
    (5, 'email_sent', -0.2, -1, 0, 'Term recent email sent: within 5 days.'),
    (6, 'email_received', -0.3, -1, 0, 'Term recent email received: within 5 days.'),
    (7, 'meeting', -0.4, -1, 0, 'Term recent meeting: a meeting or call within the inactivity days.'),
    (8, 'inactivity', 0.4, 0, 1, 'Term inactivity: none of these for longer than the inactivity days.'),
    (9, 'negotiation_stalled', 0.4, 0, 1, 'Term negotiation stalled: a negotiation without recent e-mail.'),
    (10, 'high_value', 0.2, 0, 1, 'Term high value: worth more than high_value_over.'),
    (11, 'champion_dormant', 0.25, 0, 1, 'Term champion dormant: no e-mail received for 14 days.'),
    (12, 'stage_stalled', 0.25, 0, 1, 'Term stage stalled: more than twice the typical time in the stage.'),
    (13, 'high_value_over', 5000, 0, 20000000000, 'Worth above which a deal is of high value.'),
    (14, 'competitive_value_over', 10000, 0, 20000000000, 'Worth above which a negotiation counts as a signal of competition.'),
    (15, 'overdue_step', 0.1, 0, 1, 'Rise for each second day for which the recommended action is overdue.')
ON CONFLICT DO NOTHING;

-- Only statements that bring an input name input_at; the sweep's bookkeeping does not.
DROP TRIGGER IF EXISTS deal_signals_settled ON sentinel.deal_signals;
CREATE TRIGGER deal_signals_settled BEFORE INSERT OR UPDATE OF input_at ON sentinel.deal_signals
    FOR EACH ROW EXECUTE FUNCTION sentinel.settle_risk();

DROP TRIGGER IF EXISTS risk_settings_append_only ON sentinel.risk_settings;
CREATE TRIGGER risk_settings_append_only BEFORE UPDATE OR DELETE ON sentinel.risk_settings
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS risk_settings_no_truncate ON sentinel.risk_settings;
CREATE TRIGGER risk_settings_no_truncate BEFORE TRUNCATE ON sentinel.risk_settings
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS risk_weights_append_only ON sentinel.risk_weights;
CREATE TRIGGER risk_weights_append_only BEFORE UPDATE OR DELETE ON sentinel.risk_weights
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS risk_weights_no_truncate ON sentinel.risk_weights;
CREATE TRIGGER risk_weights_no_truncate BEFORE TRUNCATE ON sentinel.risk_weights
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS stage_norms_append_only ON sentinel.stage_norms;
CREATE TRIGGER stage_norms_append_only BEFORE UPDATE OR DELETE ON sentinel.stage_norms
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS stage_norms_no_truncate ON sentinel.stage_norms;
CREATE TRIGGER stage_norms_no_truncate BEFORE TRUNCATE ON sentinel.stage_norms
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();

DROP POLICY IF EXISTS deal_signals_view ON sentinel.deal_signals;
CREATE POLICY deal_signals_view ON sentinel.deal_signals FOR SELECT
    USING (org_id = sentinel.current_org() AND sentinel.may('view', team_id, owner_id));
DROP POLICY IF EXISTS risk_periods_view ON sentinel.risk_periods;
CREATE POLICY risk_periods_view ON sentinel.risk_periods FOR SELECT
    USING (org_id = sentinel.current_org()
           AND (sentinel.current_member() IS NULL
                OR sentinel.may_deal('view', deal_id)));

-- Two shapes serve speed. The deal comes by a LEFT JOIN on its key, and the snapshot from a sub-select which HAVING keeps
-- apart: the planner drops either when no column of it is asked for, and evaluates the snapshot once per row when several
-- are. So the score of all deals is one scan of deal_signals.
CREATE OR REPLACE VIEW sentinel.deal_risks WITH (security_invoker = true) AS
SELECT s.org_id, s.deal_id, d.name, p.name AS pipeline, d.stage, d.value, d.currency, s.owner_id, s.team_id,
       m.display_name AS owner,
       sentinel.risk_score(
           s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
           s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days, s.flags,
           CASE WHEN s.replay THEN sentinel.risk_since(s.org_id, s.deal_id, s.input_at) ELSE s.at_risk_since END,
           s.input_at, now(), s.weights) AS score,
       round((r.risk).score::numeric, 2) AS score_rounded, (r.risk).band, (r.risk).status, (r.risk).reasons,
       (r.risk).primary_reason, (r.risk).recommended_action, (r.risk).action_urgency, (r.risk).risk_started_at,
       (r.risk).risk_age_days, (r.risk).action_due_at, (r.risk).action_overdue_days, (r.risk).is_action_overdue,
       (r.risk).last_activity_at, (r.risk).next_change_at
FROM sentinel.deal_signals s
LEFT JOIN sentinel.deals d ON d.org_id = s.org_id AND d.id = s.deal_id
LEFT JOIN sentinel.pipelines p ON p.org_id = d.org_id AND p.id = d.pipeline_id
LEFT JOIN sentinel.members m ON m.org_id = s.org_id AND m.id = s.owner_id
LEFT JOIN LATERAL (
    SELECT sentinel.risk_snapshot(
        s.risk_role, s.closed, s.value, s.created_at, s.stage_entered_at, s.last_sent_at, s.last_received_at,
        s.last_meeting_at, s.last_event_at, s.competitive_indicators, s.stage_norm_days, s.inactivity_days, s.flags,
        CASE WHEN s.replay THEN sentinel.risk_since(s.org_id, s.deal_id, s.input_at) ELSE s.at_risk_since END,
        s.input_at, now(), s.weights) AS risk
    HAVING true) AS r ON true;
COMMENT ON VIEW sentinel.deal_risks IS 'The risk of each deal now. One row is one deal; closed deals have the score 0.';
COMMENT ON COLUMN sentinel.deal_risks.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.deal_risks.deal_id IS 'Deal.';
COMMENT ON COLUMN sentinel.deal_risks.name IS 'Name of the deal.';
COMMENT ON COLUMN sentinel.deal_risks.pipeline IS 'Name of its pipeline.';
COMMENT ON COLUMN sentinel.deal_risks.stage IS 'Its stage.';
COMMENT ON COLUMN sentinel.deal_risks.value IS 'Its worth.';
COMMENT ON COLUMN sentinel.deal_risks.currency IS 'Currency of the worth.';
COMMENT ON COLUMN sentinel.deal_risks.owner_id IS 'Member who works it.';
COMMENT ON COLUMN sentinel.deal_risks.team_id IS 'Team whose members see it.';
COMMENT ON COLUMN sentinel.deal_risks.owner IS 'Name of the member who works it.';
COMMENT ON COLUMN sentinel.deal_risks.score IS 'Risk score, 0 to 1, exactly as explain_risk() sums it.';
COMMENT ON COLUMN sentinel.deal_risks.score_rounded IS 'Risk score with two decimals, for display.';
COMMENT ON COLUMN sentinel.deal_risks.band IS 'Low below 0.4, Medium below 0.6, else High.';
COMMENT ON COLUMN sentinel.deal_risks.status IS 'active, at_risk from 0.6 on, or closed.';
COMMENT ON COLUMN sentinel.deal_risks.reasons IS 'Why, in the order of the terms.';
COMMENT ON COLUMN sentinel.deal_risks.primary_reason IS 'The reason to act on first; null when there is none.';
COMMENT ON COLUMN sentinel.deal_risks.recommended_action IS 'What to do; null when the reason suggests nothing.';
COMMENT ON COLUMN sentinel.deal_risks.action_urgency IS 'high or medium; high once overdue.';
COMMENT ON COLUMN sentinel.deal_risks.risk_started_at IS 'Start of the uninterrupted time at risk; null when not at risk.';
COMMENT ON COLUMN sentinel.deal_risks.risk_age_days IS 'Whole days since then.';
COMMENT ON COLUMN sentinel.deal_risks.action_due_at IS 'When the action is due: one day after the start when urgent, else three.';
COMMENT ON COLUMN sentinel.deal_risks.action_overdue_days IS 'Whole days since it was due; each second one raises the score by 0.1.';
COMMENT ON COLUMN sentinel.deal_risks.is_action_overdue IS 'True from one whole day after it was due.';
COMMENT ON COLUMN sentinel.deal_risks.last_activity_at IS 'Newest e-mail, meeting or call; the creation when there was none.';
COMMENT ON COLUMN sentinel.deal_risks.next_change_at IS 'When score, status or reasons change next if nothing happens; null when never.';

CREATE OR REPLACE VIEW sentinel.risk_overview WITH (security_invoker = true) AS
SELECT r.org_id, count(*) FILTER (WHERE r.status <> 'closed') AS open_deals,
       count(*) FILTER (WHERE r.status = 'at_risk') AS at_risk,
       count(*) FILTER (WHERE r.is_action_overdue) AS overdue,
       count(*) FILTER (WHERE r.status = 'at_risk' AND r.action_urgency = 'high') AS urgent,
       count(*) FILTER (WHERE r.action_overdue_days > 3) AS overdue_over_3_days,
       coalesce(sum(r.value) FILTER (WHERE r.status = 'at_risk'), 0) AS value_at_risk,
       (array_agg(r.deal_id ORDER BY r.is_action_overdue DESC, r.action_overdue_days DESC, r.score DESC, r.deal_id)
           FILTER (WHERE r.status = 'at_risk' AND r.recommended_action IS NOT NULL))[1:3] AS most_critical
FROM sentinel.deal_risks r
GROUP BY r.org_id;
COMMENT ON VIEW sentinel.risk_overview IS 'The risk of an organisation''s deals in numbers, now. One row is one organisation.';
COMMENT ON COLUMN sentinel.risk_overview.org_id IS 'Organisation.';
COMMENT ON COLUMN sentinel.risk_overview.open_deals IS 'Deals neither won nor lost.';
COMMENT ON COLUMN sentinel.risk_overview.at_risk IS 'Deals at risk.';
COMMENT ON COLUMN sentinel.risk_overview.overdue IS 'Deals whose recommended action is overdue.';
COMMENT ON COLUMN sentinel.risk_overview.urgent IS 'Deals at risk whose action is urgent.';
COMMENT ON COLUMN sentinel.risk_overview.overdue_over_3_days IS 'Deals whose action is overdue by more than three days.';
COMMENT ON COLUMN sentinel.risk_overview.value_at_risk IS 'Worth of the deals at risk, currencies added as they are.';
COMMENT ON COLUMN sentinel.risk_overview.most_critical IS 'The three deals to act on first: overdue longest, then by score.';

GRANT SELECT ON sentinel.risk_settings, sentinel.risk_weight_terms, sentinel.risk_weights, sentinel.stage_norms, sentinel.deal_signals, sentinel.risk_periods,
    sentinel.deal_risks, sentinel.risk_overview TO sentinel_reader, sentinel_member;
