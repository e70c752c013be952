-- Delivery, services: prompts, job types, routes, trigger, view, row rights, grants.

-- Of an answer only the members named here are read, and each is checked.
INSERT INTO sentinel.default_prompts (purpose, instructions) VALUES
    ('qualify_lead', $text$You judge how well a lead fits the ideal customer of the organisation that asks you. The ideal customer is an agency, a consultancy or another service business that buys traffic to get leads and lacks systems for intake, CRM or onboarding.

Score from 0 to 100:
80 to 100: a service business that generates leads and clearly lacks such systems.
50 to 79: a service business of which part of that is known or likely.
20 to 49: little is known, or the fit is weak.
0 to 19: no service business, no lead generation, or a company of products.

Answer with one JSON object of these members:
"qualification_score": a number from 0 to 100.
"reasons": a list of up to ten objects with "points" (a number, what the reason adds to the score or takes from it) and "reason" (one short sentence). The points sum to the score.
"estimated_monthly_revenue_leak": a number, the revenue that the lead loses each month for want of such systems, in the currency of the data.
"interest_profile": an object of four lists of short texts, "pain_points", "infrastructure_gaps", "budget_signals", "timeline_signals"; a list is empty where the data says nothing. Make nothing up.$text$),
    ('analyze_call', $text$You read the transcript of a sales call and judge how strongly the prospect means to buy. What counts is what the prospect says of needs, price, budget, time, deciding and next steps; what the seller says counts little.

Score from 0 to 100: 60 and more for strong intent, 30 to 59 for moderate, below 30 for weak.

Answer with one JSON object of these members:
"buying_signal_score": a number from 0 to 100.
"summary": two or three sentences.
"intent": one sentence on how the call ended.
"buying_signals": a list of up to ten objects with "sentence" (a sentence of the transcript, word for word) and "reason" (what it shows).
"next_steps": a list of up to ten short texts.
Make nothing up.$text$)
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.job_types (job_type, kind, handler, queue, priority, max_attempts, base_delay, max_delay, time_limit, description)
VALUES
    ('ask_service', 'sql', 'sentinel.handle_ask_service', 'default', 4, 5, '5 s', '1 hour', '30 s',
     'Write the request to a service and have it sent.'),
    ('apply_answer', 'sql', 'sentinel.handle_apply_answer', 'default', 4, 10, '5 s', '1 hour', '30 s',
     'Use what a service answered, or go on without it.'),
    ('close_request', 'sql', 'sentinel.handle_close_request', 'default', 6, 10, '5 s', '1 hour', '30 s',
     'Give up a request that was not answered in time.'),
    ('send_enrichment', 'http', NULL, 'crm', 5, 6, '5 s', '1 hour', '60 s', 'Ask an enrichment service.'),
    ('send_model', 'http', NULL, 'llm', 5, 6, '2 s', '1 hour', '60 s', 'Ask a language model.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.default_event_routes (event_type, job_type, description) VALUES
    ('lead.enrichment_requested', 'ask_service', 'The enrichment service is asked about the lead.'),
    ('lead.qualification_requested', 'ask_service', 'The language model is asked about the lead.'),
    ('call.analysis_requested', 'ask_service', 'The language model is asked about the call.'),
    ('lead.enrichment_ended', 'apply_answer', 'What the enrichment service knows is used, or gone on without.'),
    ('lead.judgement_received', 'apply_answer', 'What the model judged is used, or the rules judge.'),
    ('call.judgement_received', 'apply_answer', 'What the model judged is used, or the lexicon judges.')
ON CONFLICT DO NOTHING;

INSERT INTO sentinel.org_setup (position, function_name) VALUES (95, 'sentinel.setup_prompts')
ON CONFLICT DO NOTHING;

DROP TRIGGER IF EXISTS deliveries_service_end ON sentinel.deliveries;
CREATE TRIGGER deliveries_service_end AFTER UPDATE ON sentinel.deliveries
    FOR EACH ROW WHEN (NEW.target_kind IN ('enrichment', 'model') AND OLD.state = 'waiting' AND NEW.state <> 'waiting')
    EXECUTE FUNCTION sentinel.follow_service_end();

CREATE OR REPLACE VIEW sentinel.service_log WITH (security_invoker = true) AS
    SELECT r.asked_at, coalesce(t.name, 'removed') AS service, r.purpose, r.lead_id::text AS lead_id, r.call_id::text AS call_id,
           r.state, r.problem, d.attempts::numeric AS attempts, r.ended_at, r.applied_at,
           round(extract(epoch FROM r.applied_at - r.asked_at), 3) AS seconds_taken,
           r.input_tokens::numeric AS input_tokens, r.output_tokens::numeric AS output_tokens, r.id::text AS request_id
    FROM sentinel.service_requests r
    JOIN sentinel.deliveries d ON d.org_id = r.org_id AND d.id = r.id
    LEFT JOIN sentinel.delivery_targets t ON t.org_id = r.org_id AND t.id = r.service_id;
COMMENT ON VIEW sentinel.service_log IS
    'What services were asked and how it ended; for owners and admins and logins of the whole organisation. One row is one request.';
COMMENT ON COLUMN sentinel.service_log.asked_at IS 'When the request was made.';
COMMENT ON COLUMN sentinel.service_log.service IS 'Host of the service, with its model.';
COMMENT ON COLUMN sentinel.service_log.purpose IS 'What for: enrich_lead, qualify_lead or analyze_call.';
COMMENT ON COLUMN sentinel.service_log.lead_id IS 'Lead that it is about.';
COMMENT ON COLUMN sentinel.service_log.call_id IS 'Call that it is about.';
COMMENT ON COLUMN sentinel.service_log.state IS 'asked, answered, unanswered, used, invalid or late; after unanswered and invalid the rules judged.';
COMMENT ON COLUMN sentinel.service_log.problem IS 'Why the answer was not used, or none came.';
COMMENT ON COLUMN sentinel.service_log.attempts IS 'Attempts that counted.';
COMMENT ON COLUMN sentinel.service_log.ended_at IS 'When the answer came, or was given up.';
COMMENT ON COLUMN sentinel.service_log.applied_at IS 'When it was seen to.';
COMMENT ON COLUMN sentinel.service_log.seconds_taken IS 'Seconds from asked to seen to.';
COMMENT ON COLUMN sentinel.service_log.input_tokens IS 'Tokens read.';
COMMENT ON COLUMN sentinel.service_log.output_tokens IS 'Tokens written.';
COMMENT ON COLUMN sentinel.service_log.request_id IS 'Id of the request and of its delivery.';

-- What a service is asked and answers is of leads and calls that not every member may see.
DROP POLICY IF EXISTS tenant_isolation ON sentinel.service_requests;
CREATE POLICY tenant_isolation ON sentinel.service_requests
    USING (org_id = sentinel.current_org()) WITH CHECK (org_id = sentinel.current_org());
DROP POLICY IF EXISTS service_requests_view ON sentinel.service_requests;
CREATE POLICY service_requests_view ON sentinel.service_requests AS RESTRICTIVE FOR SELECT
    USING (sentinel.may('assign', NULL, NULL));

GRANT SELECT ON sentinel.default_prompts, sentinel.prompts, sentinel.service_requests, sentinel.service_log
    TO sentinel_reader, sentinel_member;
GRANT INSERT, UPDATE, DELETE ON sentinel.prompts TO sentinel_operator;
