-- Room revenue, jobs: from a call to a contract; what follows is in 86_revenue_clients.sql. Each handler locks what it
-- changes, looks at how it stands now, and does nothing twice: what a unique key does not hold off, the key of its event does.

CREATE FUNCTION sentinel.score_transcript(org uuid, transcript text)
    RETURNS TABLE (phrase text, points numeric, reason text, next_step text, sentence text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH spoken AS MATERIALIZED (
        SELECT btrim(s.words) AS words, s.n
        FROM regexp_split_to_table(translate(score_transcript.transcript, '’‘', ''''''), '(?<=[.!?])\s+|\n+')
             WITH ORDINALITY AS s(words, n)
        WHERE btrim(s.words) <> '')
    SELECT p.phrase, p.points, p.reason, p.next_step, h.words
    FROM sentinel.call_phrases p
    CROSS JOIN LATERAL (SELECT s.words FROM spoken s WHERE s.words ~* p.pattern ORDER BY s.n LIMIT 1) h
    WHERE p.org_id = score_transcript.org AND p.enabled
    ORDER BY abs(p.points) DESC, p.phrase;
END
$$;
COMMENT ON FUNCTION sentinel.score_transcript(uuid, text) IS
    'Give the phrases of an organisation''s lexicon that were said in a call, each once with the first sentence that holds it, the heaviest first. A pure function of both.';

CREATE FUNCTION sentinel.clean_texts(texts jsonb, longest integer) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(CASE jsonb_typeof(t.item) WHEN 'string' THEN to_jsonb(left(t.item #>> '{}', longest))
               ELSE (SELECT coalesce(jsonb_object_agg(left(f.key, 63), CASE jsonb_typeof(f.value) WHEN 'string'
                         THEN to_jsonb(left(f.value #>> '{}', longest)) ELSE f.value END), '{}')
                     FROM jsonb_each(CASE jsonb_typeof(t.item) WHEN 'object' THEN t.item ELSE '{}' END) f
                     WHERE jsonb_typeof(f.value) IN ('string', 'number', 'boolean')) END ORDER BY t.n), '[]')
    FROM jsonb_array_elements(CASE jsonb_typeof(texts) WHEN 'array' THEN texts ELSE '[]' END) WITH ORDINALITY AS t(item, n)
    WHERE jsonb_typeof(t.item) IN ('string', 'object') AND t.n <= 100
$$;
COMMENT ON FUNCTION sentinel.clean_texts(jsonb, integer) IS
    'Give of a list of texts, or of objects of plain values, what can be kept: at most 100, each text cut to a length; an empty list of anything else.';

CREATE FUNCTION sentinel.store_call_analysis(org uuid, talk uuid, source text, score numeric, signals jsonb, summary text,
                                             intent text, next_steps jsonb, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    heat numeric := round(least(100, greatest(0, store_call_analysis.score)), 2);
    heard jsonb := sentinel.clean_texts(store_call_analysis.signals, 2000);
    told text := left(store_call_analysis.summary, 10000);
    held record;
    before numeric;
    reached numeric;
BEGIN
    -- NaN is greater than all numbers and null is none: neither is a score.
    IF coalesce(store_call_analysis.score, 'NaN') = 'NaN' THEN
        RAISE EXCEPTION USING ERRCODE = 'SN007', MESSAGE = format('score %s of call "%s"', coalesce(store_call_analysis.score::text, 'null'),
                store_call_analysis.talk),
            DETAIL = 'A score is a number; beyond 0 to 100 it is clamped.', HINT = 'Judge the call by the lexicon instead.';
    END IF;
    SELECT c.lead_id, c.deal_id, c.transcript_version AS version, c.outcome, c.applied_signal AS applied INTO held
    FROM sentinel.calls c
    WHERE c.org_id = store_call_analysis.org AND c.id = store_call_analysis.talk AND c.status = 'completed' FOR UPDATE;
    SELECT l.buying_signal_score INTO before FROM sentinel.leads l
    WHERE l.org_id = store_call_analysis.org AND l.id = held.lead_id FOR UPDATE;
    IF before IS NULL THEN
        RETURN jsonb_build_object('skipped', 'no such completed call');
    END IF;
    -- What this call gave before is taken back first: a retry adds nothing, a corrected transcript the difference.
    -- Of two leads that were merged the higher score holds, less than their calls gave: what the other calls gave stays.
    before := greatest(0, before - held.applied, least(before, (
        SELECT coalesce(sum(c.applied_signal), 0) FROM sentinel.calls c
        WHERE c.org_id = store_call_analysis.org AND c.lead_id = held.lead_id AND c.id <> store_call_analysis.talk)));
    reached := least(100, before + round(sentinel.revenue_setting('buying_signal_weight') * heat, 2));
    UPDATE sentinel.calls c
    SET summary = told, buying_signals = heard, buying_signal_score = heat,
        applied_signal = reached - before, analysis_source = store_call_analysis.source
    WHERE c.org_id = store_call_analysis.org AND c.id = store_call_analysis.talk;
    UPDATE sentinel.leads l SET buying_signal_score = reached
    WHERE l.org_id = store_call_analysis.org AND l.id = held.lead_id AND l.buying_signal_score <> reached;
    PERFORM sentinel.emit_for(store_call_analysis.org, 'call.analyzed', 'call', store_call_analysis.talk, jsonb_build_object(
        'call_id', store_call_analysis.talk, 'lead_id', held.lead_id, 'deal_id', held.deal_id, 'source', store_call_analysis.source,
        'summary', told, 'intent', left(store_call_analysis.intent, 300), 'outcome', held.outcome,
        'call_score', heat, 'buying_signal_score', reached, 'next_steps', sentinel.clean_texts(store_call_analysis.next_steps, 300),
        'as_of', store_call_analysis.at),
        format('call.analyzed:%s:%s:%s', store_call_analysis.talk, store_call_analysis.source, held.version));
    IF heat > 0 AND reached >= sentinel.revenue_setting('buying_signal_threshold') THEN
        PERFORM sentinel.emit_for(store_call_analysis.org, 'buying_signal.high', 'lead', held.lead_id, jsonb_build_object(
            'lead_id', held.lead_id, 'score', reached, 'call_id', store_call_analysis.talk, 'as_of', store_call_analysis.at),
            format('buying_signal.high:%s:%s', held.lead_id, store_call_analysis.talk));
    END IF;
    RETURN jsonb_build_object('call_score', heat, 'buying_signal_score', reached, 'applied', reached - before);
END
$$;
COMMENT ON FUNCTION sentinel.store_call_analysis(uuid, uuid, text, numeric, jsonb, text, text, jsonb, timestamptz) IS
    'Store what a call was found to tell, by lexicon or model, with the score clamped; add buying_signal_weight of it to the buying signals of the lead, once however often it is stored; emit call.analyzed once per version of the transcript and buying_signal.high once per call. Texts are cut to a length; what a person wrote of the call stays. Counts as no activity. Errors: SN007 no score.';

CREATE FUNCTION sentinel.analyze_by_lexicon(org uuid, talk uuid, at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text;
    heard record;
    heat numeric;
    intent text;
BEGIN
    SELECT c.transcript INTO words FROM sentinel.calls c
    WHERE c.org_id = analyze_by_lexicon.org AND c.id = analyze_by_lexicon.talk AND c.status = 'completed' FOR UPDATE;
    IF coalesce(btrim(words), '') = '' THEN
        RETURN jsonb_build_object('skipped', 'no completed call with a transcript');
    END IF;
    SELECT coalesce(sum(s.points), 0) AS total, string_agg(s.reason, ' ') AS reasons,
           coalesce(jsonb_agg(jsonb_build_object('phrase', s.phrase, 'points', s.points, 'reason', s.reason,
                                                 'sentence', s.sentence)), '[]') AS signals,
           coalesce(jsonb_agg(s.next_step) FILTER (WHERE s.next_step IS NOT NULL), '[]') AS steps
    INTO heard FROM sentinel.score_transcript(analyze_by_lexicon.org, words) s;
    heat := least(100, greatest(0, heard.total));
    intent := CASE WHEN heat >= 60 THEN 'Strong' WHEN heat >= 30 THEN 'Moderate' ELSE 'Weak' END || ' buying intent';
    RETURN sentinel.store_call_analysis(analyze_by_lexicon.org, analyze_by_lexicon.talk, 'lexicon', heat, heard.signals,
        format('%s, %s of 100. %s', intent, trim_scale(heat), coalesce(heard.reasons, 'Nothing of the lexicon was said.')),
        intent, heard.steps, analyze_by_lexicon.at);
END
$$;
COMMENT ON FUNCTION sentinel.analyze_by_lexicon(uuid, uuid, timestamptz) IS
    'Judge the transcript of a completed call by the lexicon of its organisation and store what it tells.';

CREATE FUNCTION sentinel.handle_analyze_call(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    talk uuid := sentinel.job_subject(handle_analyze_call.payload, 'call');
    at timestamptz := sentinel.job_time(handle_analyze_call.payload);
    about uuid;
    asked uuid;
BEGIN
    SELECT c.lead_id INTO about FROM sentinel.calls c
    WHERE c.org_id = org AND c.id = talk AND c.status = 'completed' AND btrim(c.transcript) <> '';
    IF FOUND THEN
        asked := sentinel.request_service(org, 'model', 'call.analysis_requested', 'call', talk, about,
                                          sentinel.job_cause(handle_analyze_call.job_id, handle_analyze_call.payload), at);
    END IF;
    IF asked IS NOT NULL THEN
        RETURN jsonb_build_object('asked', asked);
    END IF;
    RETURN sentinel.analyze_by_lexicon(org, talk, at);
END
$$;
COMMENT ON FUNCTION sentinel.handle_analyze_call(uuid, jsonb) IS
    'Job, caused by call.completed and call.reanalyze: have the transcript of a call judged by the language model of its organisation, or, where it has none, judge it by the lexicon at once. Waits for no answer: the lexicon judges when none comes that can be used. A retry adds nothing to the lead. Payload: call_id.';

CREATE FUNCTION sentinel.proposal_blueprint(org uuid, talk uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who record;
    base record;
    chosen record;
    said text;
    pains text[];
    loss text;
BEGIN
    SELECT c.summary, c.buying_signals, l.name, l.company_name, l.industry, l.revenue_band, l.employee_count, l.interest_profile,
           l.estimated_monthly_revenue_leak AS leak, l.currency, coalesce(l.qualification_score, 0) AS score INTO who
    FROM sentinel.calls c JOIN sentinel.leads l ON l.org_id = c.org_id AND l.id = c.lead_id
    WHERE c.org_id = proposal_blueprint.org AND c.id = proposal_blueprint.talk AND c.buying_signal_score IS NOT NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    pains := ARRAY(SELECT left(x.pain, 300) FROM jsonb_array_elements_text(
        CASE jsonb_typeof(who.interest_profile -> 'pain_points') WHEN 'array' THEN who.interest_profile -> 'pain_points' ELSE '[]' END)
        WITH ORDINALITY AS x(pain, n) WHERE btrim(x.pain) <> '' ORDER BY x.n LIMIT 5);
    said := array_to_string(pains, ' ') || ' ' || coalesce((SELECT string_agg(coalesce(s.signal ->> 'sentence', s.signal #>> '{}'), ' ')
        FROM jsonb_array_elements(who.buying_signals) AS s(signal)), '');
    SELECT o.* INTO base FROM sentinel.offers o
    WHERE o.org_id = proposal_blueprint.org AND o.enabled AND o.kind = 'base'
    ORDER BY o.least_score <= who.score DESC, CASE WHEN o.least_score <= who.score THEN -o.position ELSE o.position END LIMIT 1;
    SELECT array_agg(o.label ORDER BY o.position) AS labels, array_agg(o.offer) AS names, sum(o.price) AS price,
           string_agg(o.solution, ' ' ORDER BY o.position) AS solution, array_agg(o.pain ORDER BY o.position) AS pains
    INTO chosen FROM sentinel.offers o
    WHERE o.org_id = proposal_blueprint.org AND o.enabled
      AND (o.offer = base.offer OR o.kind = 'module' AND o.currency = base.currency AND o.least_score <= who.score
                                   AND (o.pattern IS NULL OR said ~* o.pattern));
    -- Three to five: what the lead named, then what the chosen offers end, then what the others do.
    pains := (pains || chosen.pains || ARRAY(SELECT o.pain FROM sentinel.offers o WHERE o.org_id = proposal_blueprint.org
              AND o.enabled AND o.pain <> ALL (pains || chosen.pains) ORDER BY o.position))
             [1:least(5, greatest(3, coalesce(cardinality(pains || chosen.pains), 0)))];
    loss := to_char(who.leak, 'FM999,999,999,999,990') || coalesce(' ' || who.currency, '');
    RETURN jsonb_build_object(
        'problem_statement', concat_ws(' ', coalesce(nullif(btrim(who.company_name), ''), who.name)
            || coalesce(' loses about ' || loss || ' a month.', ' loses revenue that nobody follows.'), pains[1]),
        'key_pains', to_jsonb(pains),
        'estimated_revenue_leak', jsonb_build_object('amount', who.leak, 'currency', who.currency, 'per', 'month'),
        'proposed_solution', chosen.solution,
        'deliverables', coalesce((SELECT jsonb_agg(x.item ORDER BY o.position, x.n) FROM sentinel.offers o
            CROSS JOIN LATERAL unnest(o.deliverables) WITH ORDINALITY AS x(item, n)
            WHERE o.org_id = proposal_blueprint.org AND o.offer = ANY (chosen.names)), '[]'),
        'suggested_investment', jsonb_build_object('amount', chosen.price, 'currency', base.currency,
                                                   'offers', to_jsonb(chosen.labels)),
        'urgency_frame', coalesce('Each month of waiting costs about ' || loss || '.', 'Each month of waiting repeats the loss.'),
        'loom_script_outline', jsonb_build_array('What you told us: ' || coalesce(who.summary, ''),
            'Where it hurts: ' || coalesce(pains[1], ''), 'What it costs: ' || coalesce(loss || ' a month', 'to be measured together'),
            'How we end it: ' || coalesce(chosen.solution, ''),
            'What you get: ' || coalesce(array_to_string(chosen.labels, ', '), ''), 'What happens next, and when'),
        'about', jsonb_strip_nulls(jsonb_build_object('industry', who.industry, 'revenue_band', who.revenue_band,
            'employees', who.employee_count, 'qualification_score', who.score)));
END
$$;
COMMENT ON FUNCTION sentinel.proposal_blueprint(uuid, uuid) IS
    'Draft a proposal from an analysed call, its lead and the offers of the organisation: a pure function of their rows. Null without an analysed call.';

CREATE FUNCTION sentinel.handle_generate_proposal_blueprint(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    talk uuid := sentinel.job_subject(handle_generate_proposal_blueprint.payload, 'call');
    about uuid;
    version integer;
    draft jsonb;
BEGIN
    SELECT c.lead_id, c.transcript_version INTO about, version FROM sentinel.calls c WHERE c.org_id = org AND c.id = talk FOR UPDATE;
    draft := sentinel.proposal_blueprint(org, talk);
    IF draft IS NULL THEN
        RETURN jsonb_build_object('skipped', 'no analysed call');
    END IF;
    UPDATE sentinel.calls c SET proposal_blueprint = draft
    WHERE c.org_id = org AND c.id = talk AND c.proposal_blueprint IS DISTINCT FROM draft;
    PERFORM sentinel.emit_for(org, 'call.blueprint_ready', 'call', talk, jsonb_build_object('call_id', talk, 'lead_id', about,
        'proposal_blueprint', draft, 'as_of', sentinel.job_time(handle_generate_proposal_blueprint.payload)),
        format('call.blueprint_ready:%s:%s:%s', talk, version, md5(draft::text)));
    RETURN jsonb_build_object('offers', draft #> '{suggested_investment,offers}');
END
$$;
COMMENT ON FUNCTION sentinel.handle_generate_proposal_blueprint(uuid, jsonb) IS
    'Job, caused by call.analyzed: keep a draft of the proposal with the call and emit call.blueprint_ready once per draft. Moves no deal. Payload: call_id.';

CREATE FUNCTION sentinel.handle_create_invoice(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    deal uuid := sentinel.job_subject(handle_create_invoice.payload, 'deal');
    won record;
    invoice uuid;
BEGIN
    -- The lock lets one of two look and write at a time; create_invoice() and a unique key stand behind it.
    SELECT d.closed_at, d.value, d.currency INTO won FROM sentinel.deals d
    WHERE d.org_id = org AND d.id = deal AND d.stage_kind = 'won' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('skipped', 'no won deal');
    END IF;
    -- What somebody has cancelled since the deal was won stays cancelled, however late the job comes again.
    SELECT i.id INTO invoice FROM sentinel.invoices i
    WHERE i.org_id = org AND i.deal_id = deal AND (i.status <> 'cancelled' OR i.created_at >= won.closed_at)
    ORDER BY i.status = 'cancelled', i.created_at DESC LIMIT 1;
    IF invoice IS NOT NULL THEN
        -- A draft made before the deal was won is over what the deal was worth then.
        UPDATE sentinel.invoices i SET amount = won.value, currency = won.currency
        WHERE i.org_id = org AND i.id = invoice AND i.status = 'draft' AND i.created_at < won.closed_at
          AND (i.amount, i.currency) IS DISTINCT FROM (won.value, won.currency);
        RETURN jsonb_build_object('invoice_id', invoice, 'made', false);
    END IF;
    invoice := sentinel.create_invoice(deal, least(sentinel.job_time(handle_create_invoice.payload), now()));
    RETURN jsonb_build_object('invoice_id', invoice, 'made', true);
END
$$;
COMMENT ON FUNCTION sentinel.handle_create_invoice(uuid, jsonb) IS
    'Job, caused by deal.won: draft the invoice of a won deal, unless it has one that is not cancelled, or had one made since it was won; a draft from before gets the value that was won. Payload: deal_id.';

CREATE FUNCTION sentinel.handle_generate_contract(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    at timestamptz := least(sentinel.job_time(handle_generate_contract.payload), now());
    won record;
    made uuid;
    paper record;
    known jsonb;
BEGIN
    SELECT d.id, d.name, d.value, d.currency, d.owner_id, d.closed_at INTO won FROM sentinel.deals d
    WHERE d.org_id = org AND d.id = sentinel.job_subject(handle_generate_contract.payload, 'deal') AND d.stage_kind = 'won'
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('skipped', 'no won deal');
    END IF;
    IF EXISTS (SELECT FROM sentinel.contracts k WHERE k.org_id = org AND k.deal_id = won.id
               HAVING bool_and(k.status = 'void') AND max(k.created_at) >= won.closed_at) THEN
        RETURN jsonb_build_object('skipped', 'its contract was voided');
    END IF;
    -- From the deal alone: the invoice is made at the same time, and neither waits for the other.
    made := sentinel.create_contract(won.id, NULL, at);
    SELECT k.created_at, t.body INTO paper
    FROM sentinel.contracts k LEFT JOIN sentinel.document_templates t ON t.org_id = k.org_id AND t.id = k.template_id
    WHERE k.org_id = org AND k.id = made;
    known := sentinel.contract_variables(won.id, paper.created_at);
    -- A template that names the invoice is filled in when there is one, where nobody has touched the draft since.
    UPDATE sentinel.contracts k
    SET url = coalesce(k.url, sentinel.document_url(k.id)),
        html = CASE WHEN k.html = sentinel.render_template(paper.body, known - 'invoice_number')
                    THEN sentinel.render_template(paper.body, known) ELSE k.html END
    WHERE k.org_id = org AND k.id = made AND k.status = 'draft' AND paper.body IS NOT NULL;
    PERFORM sentinel.emit_for(org, 'contract.ready', 'contract', k.id, jsonb_build_object('contract_id', k.id,
        'deal_id', won.id, 'name', won.name, 'value', won.value, 'currency', won.currency, 'client_name', known -> 'lead_name',
        'company_name', known -> 'company_name', 'email', known -> 'lead_email', 'url', k.url, 'sha256', k.sha256,
        'owner_id', won.owner_id, 'as_of', at), 'contract.ready:' || k.id)
    FROM sentinel.contracts k WHERE k.org_id = org AND k.id = made;
    RETURN jsonb_build_object('contract_id', made);
END
$$;
COMMENT ON FUNCTION sentinel.handle_generate_contract(uuid, jsonb) IS
    'Job, caused by deal.won and invoice.created: render the contract of a won deal, unless it has one that is not void, or had one made since it was won, and store it with its address; emits contract.ready once. A draft that nobody has touched gets the number of the invoice where its template asks for it. Payload: deal_id. Errors: SN004 no template.';
