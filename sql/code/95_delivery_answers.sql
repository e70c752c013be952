-- Room delivery, answers: what services said. All of it comes from strangers, and a model repeats what strangers told it: it
-- is read member by member, checked, cut to size, and only classifies. How it was asked for: 95_delivery_services.sql.

CREATE FUNCTION sentinel.read_foreign_json(body bytea, OUT value jsonb, OUT problem text) RETURNS record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(octet_length(body), 0) = 0 THEN
        problem := 'it is empty';
    ELSIF octet_length(body) > 262144 THEN
        problem := 'it is longer than 256 KiB';
    ELSE
        BEGIN
            value := convert_from(body, 'UTF8')::jsonb;
        -- Bad UTF-8, no JSON, a zero character, a number out of range; nested too deep.
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            value := NULL;
            problem := 'it is no JSON: ' || left(SQLERRM, 200);
        END;
    END IF;
    IF problem IS NULL AND jsonb_typeof(value) <> 'object' THEN
        problem := 'it is no JSON object but of type ' || jsonb_typeof(value);
        value := NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.read_foreign_json(bytea) IS
    'Read bytes of a stranger as a JSON object of at most 256 KiB; value is null and problem says why where they are none. Never raises.';

CREATE FUNCTION sentinel.plain_text(raw jsonb, size integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(plain_text.raw) = 'string' THEN
        nullif(btrim(left(regexp_replace(plain_text.raw #>> '{}', '[[:cntrl:][:space:]]+', ' ', 'g'), plain_text.size)), '') END
$$;
COMMENT ON FUNCTION sentinel.plain_text(jsonb, integer) IS
    'Give a JSON string as one line of at most size characters; null for an empty one and for what is no string.';

CREATE FUNCTION sentinel.plain_texts(raw jsonb, size integer) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT jsonb_agg(x.line ORDER BY x.n)
        FROM (SELECT sentinel.plain_text(e.item, plain_texts.size) AS line, e.n
              FROM jsonb_array_elements(CASE jsonb_typeof(plain_texts.raw) WHEN 'array' THEN plain_texts.raw ELSE '[]' END)
                   WITH ORDINALITY AS e(item, n)
              WHERE jsonb_typeof(e.item) = 'string' ORDER BY e.n LIMIT 10) x
        WHERE x.line IS NOT NULL), '[]');
END
$$;
COMMENT ON FUNCTION sentinel.plain_texts(jsonb, integer) IS
    'Give the first ten strings of a JSON array as plain_text() does; an empty array for what is no array.';

CREATE FUNCTION sentinel.bounded_number(raw jsonb, low numeric, high numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(raw) = 'number' THEN round(least(high, greatest(low, raw::numeric)), 2) END
$$;
COMMENT ON FUNCTION sentinel.bounded_number(jsonb, numeric, numeric) IS
    'Give a JSON number brought between two bounds and rounded to cents, however large it is; null for what is no number.';

CREATE FUNCTION sentinel.read_completion(body bytea, OUT said jsonb, OUT problem text, OUT input_tokens bigint, OUT output_tokens bigint)
    RETURNS record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    outer_json jsonb;
    content jsonb;
    words text;
BEGIN
    SELECT r.value, r.problem INTO outer_json, problem FROM sentinel.read_foreign_json(read_completion.body) r;
    IF problem IS NOT NULL THEN
        problem := 'the answer cannot be read: ' || problem;
        RETURN;
    END IF;
    input_tokens := sentinel.bounded_number(outer_json #> '{usage,prompt_tokens}', 0, 1e15);
    output_tokens := sentinel.bounded_number(outer_json #> '{usage,completion_tokens}', 0, 1e15);
    content := outer_json #> '{choices,0,message,content}';
    IF jsonb_typeof(content) IS DISTINCT FROM 'string' THEN
        problem := coalesce('the gateway reports an error: ' || sentinel.plain_text(outer_json #> '{error,message}', 200),
                            'the model refused: ' || sentinel.plain_text(outer_json #> '{choices,0,message,refusal}', 200),
                            'the answer holds no choices[0].message.content');
        RETURN;
    END IF;
    -- From the first { to the last }: some models write around the object, or fence it.
    words := substring(content #>> '{}' FROM '\{.*\}');
    IF words IS NULL THEN
        problem := 'the model answered without a JSON object';
        RETURN;
    END IF;
    SELECT r.value, 'the object of the model cannot be read: ' || r.problem INTO said, problem
    FROM sentinel.read_foreign_json(convert_to(words, 'UTF8')) r;
END
$$;
COMMENT ON FUNCTION sentinel.read_completion(bytea) IS
    'Read the JSON object that a model wrote from the body of a chat completion, and the tokens it took; said is null and problem says why where there is none. Never raises.';

CREATE FUNCTION sentinel.read_qualification(said jsonb, OUT score numeric, OUT reasons jsonb, OUT leak numeric, OUT profile jsonb,
                                            OUT problem text) RETURNS record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    score := sentinel.bounded_number(said -> 'qualification_score', 0, 100);
    leak := sentinel.bounded_number(said -> 'estimated_monthly_revenue_leak', 0, 1e12);
    SELECT coalesce(jsonb_agg(jsonb_build_object('rule', 'model_' || e.n, 'points', coalesce(p.points, 0), 'reason', t.reason)
               ORDER BY e.n), '[]') INTO reasons
    FROM jsonb_array_elements(CASE jsonb_typeof(said -> 'reasons') WHEN 'array' THEN said -> 'reasons' ELSE '[]' END)
         WITH ORDINALITY AS e(item, n)
    CROSS JOIN LATERAL (SELECT sentinel.plain_text(
        CASE jsonb_typeof(e.item) WHEN 'object' THEN e.item -> 'reason' ELSE e.item END, 300) AS reason) t
    CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(e.item) WHEN 'object' THEN
        sentinel.bounded_number(e.item -> 'points', -100, 100) END AS points) p
    WHERE t.reason IS NOT NULL AND e.n <= 10;
    SELECT coalesce(jsonb_object_agg(k.key, k.lines), '{}') INTO profile
    FROM (SELECT u.key, sentinel.plain_texts(said -> 'interest_profile' -> u.key, 300) AS lines
          FROM unnest(ARRAY['pain_points', 'infrastructure_gaps', 'budget_signals', 'timeline_signals']) AS u(key)) k
    WHERE k.lines <> '[]';
    problem := CASE WHEN score IS NULL THEN 'the object of the model has no number qualification_score'
                    WHEN reasons = '[]' THEN 'the object of the model gives no reasons' END;
END
$$;
COMMENT ON FUNCTION sentinel.read_qualification(jsonb) IS
    'Read what a model judged of a lead: qualification_score, reasons, estimated_monthly_revenue_leak and interest_profile, bounded; all else is left unread. problem says why it cannot be used: no score, or no reasons.';

CREATE FUNCTION sentinel.read_call_analysis(said jsonb, transcript text, OUT score numeric, OUT summary text, OUT intent text,
                                            OUT signals jsonb, OUT next_steps jsonb, OUT problem text) RETURNS record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spoken text := lower(regexp_replace(read_call_analysis.transcript, '[[:cntrl:][:space:]]+', ' ', 'g'));
BEGIN
    score := sentinel.bounded_number(said -> 'buying_signal_score', 0, 100);
    summary := sentinel.plain_text(said -> 'summary', 2000);
    intent := coalesce(sentinel.plain_text(said -> 'intent', 500), CASE WHEN score >= 60 THEN 'Strong' WHEN score >= 30 THEN 'Moderate'
                                                                        ELSE 'Weak' END || ' buying intent');
    next_steps := sentinel.plain_texts(said -> 'next_steps', 300);
    -- A sentence that was never said is no signal.
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('phrase', 'model', 'sentence', t.sentence, 'reason', t.reason))
               ORDER BY e.n), '[]') INTO signals
    FROM jsonb_array_elements(CASE jsonb_typeof(said -> 'buying_signals') WHEN 'array' THEN said -> 'buying_signals' ELSE '[]' END)
         WITH ORDINALITY AS e(item, n)
    CROSS JOIN LATERAL (SELECT sentinel.plain_text(e.item -> 'sentence', 1000) AS sentence,
                               sentinel.plain_text(e.item -> 'reason', 300) AS reason) t
    WHERE jsonb_typeof(e.item) = 'object' AND e.n <= 10 AND strpos(spoken, lower(t.sentence)) > 0;
    problem := CASE WHEN score IS NULL THEN 'the object of the model has no number buying_signal_score'
                    WHEN summary IS NULL THEN 'the object of the model has no summary' END;
END
$$;
COMMENT ON FUNCTION sentinel.read_call_analysis(jsonb, text) IS
    'Read what a model judged of a call: buying_signal_score, summary, intent, next_steps, and of buying_signals those whose sentence stands in the transcript, bounded; all else is left unread. problem says why it cannot be used: no score, or no summary.';

CREATE FUNCTION sentinel.read_enrichment(found jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'domain', sentinel.plain_text(found -> 'domain', 253), 'industry', sentinel.plain_text(found -> 'industry', 300),
        'location', sentinel.plain_text(found -> 'location', 300),
        'company_name', sentinel.plain_text(coalesce(found -> 'company_name', found -> 'companyName'), 300),
        'revenue_band', sentinel.plain_text(coalesce(found -> 'revenue_band', found -> 'revenueBand'), 100),
        'employee_count', coalesce(trunc(sentinel.bounded_number(coalesce(found -> 'employee_count', found -> 'employeeCount'),
                                                                 0, 100000000))::text,
                                   sentinel.plain_text(coalesce(found -> 'employee_count', found -> 'employeeCount'), 30))))
$$;
COMMENT ON FUNCTION sentinel.read_enrichment(jsonb) IS
    'Read what an enrichment service knows of a lead: domain, company_name, industry, location, employee_count and revenue_band, the latter in camelCase too; all else is left unread.';

CREATE FUNCTION sentinel.follow_service_end() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended record;
    subject text;
BEGIN
    UPDATE sentinel.service_requests r
    SET state = CASE NEW.state WHEN 'delivered' THEN 'answered' ELSE 'unanswered' END, ended_at = NEW.finished_at,
        problem = CASE WHEN NEW.state <> 'delivered' THEN left(coalesce(NEW.last_error, 'the request was ' || NEW.state), 500) END
    WHERE r.org_id = NEW.org_id AND r.id = NEW.id AND r.state = 'asked'
    RETURNING r.purpose, r.lead_id, r.call_id INTO ended;
    IF ended.purpose IS NULL THEN
        RETURN NULL;
    END IF;
    subject := CASE ended.purpose WHEN 'enrich_lead' THEN 'lead.enrichment_ended' WHEN 'qualify_lead' THEN 'lead.judgement_received'
                                  ELSE 'call.judgement_received' END;
    PERFORM sentinel.emit_for(NEW.org_id, subject, split_part(subject, '.', 1), coalesce(ended.call_id, ended.lead_id),
        jsonb_build_object('request_id', NEW.id, 'lead_id', ended.lead_id, 'call_id', ended.call_id, 'outcome', NEW.state),
        subject || ':' || NEW.id);
    RETURN NULL;
END
$$;
ALTER FUNCTION sentinel.follow_service_end() OWNER TO sentinel_engine;
COMMENT ON FUNCTION sentinel.follow_service_end() IS
    'Trigger: a request to a service has its answer, or will have none; emits lead.enrichment_ended, lead.judgement_received or call.judgement_received in the same commit.';

CREATE FUNCTION sentinel.go_on_without(org uuid, purpose text, lead uuid, talk uuid, cause uuid, at timestamptz, why text)
    RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('without_service', go_on_without.why) || CASE go_on_without.purpose
        WHEN 'qualify_lead' THEN sentinel.qualify_by_rules(go_on_without.org, go_on_without.lead, go_on_without.cause, go_on_without.at,
            left('No model judged: ' || go_on_without.why || '.', 300))
        WHEN 'analyze_call' THEN sentinel.analyze_by_lexicon(go_on_without.org, go_on_without.talk, go_on_without.at)
        ELSE jsonb_build_object('event_id', sentinel.tell_enrichment(go_on_without.org, go_on_without.lead, go_on_without.cause,
                                                                     '{}', go_on_without.at)) END;
END
$$;
COMMENT ON FUNCTION sentinel.go_on_without(uuid, text, uuid, uuid, uuid, timestamptz, text) IS
    'Do without a service: the rules judge a lead, saying why no model did; the lexicon judges a call; a lead to be enriched is as it is.';

CREATE FUNCTION sentinel.tell_enrichment(org uuid, lead uuid, cause uuid, facts jsonb, at timestamptz) RETURNS uuid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sentinel.emit_for(tell_enrichment.org, 'lead.enrichment_received', 'lead', tell_enrichment.lead, jsonb_build_object(
        'lead_id', tell_enrichment.lead, 'found', tell_enrichment.facts, 'as_of', tell_enrichment.at),
        format('lead.enrichment_received:%s:%s', tell_enrichment.lead, tell_enrichment.cause));
END
$$;
COMMENT ON FUNCTION sentinel.tell_enrichment(uuid, uuid, uuid, jsonb, timestamptz) IS
    'Emit lead.enrichment_received, once per lead and cause; the lead is filled and judged by what it causes.';

CREATE FUNCTION sentinel.use_answer(org uuid, purpose text, lead uuid, talk uuid, cause uuid, facts jsonb, answer bytea, at timestamptz,
                                    OUT problem text, OUT result jsonb, OUT input_tokens bigint, OUT output_tokens bigint)
    RETURNS record LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said jsonb;
    judged record;
BEGIN
    IF use_answer.purpose = 'enrich_lead' THEN
        SELECT r.value, 'the answer cannot be read: ' || r.problem INTO said, problem FROM sentinel.read_foreign_json(use_answer.answer) r;
        IF problem IS NULL THEN
            result := jsonb_build_object('event_id', sentinel.tell_enrichment(use_answer.org, use_answer.lead, use_answer.cause,
                                                                              sentinel.read_enrichment(said), use_answer.at));
        END IF;
        RETURN;
    END IF;
    SELECT r.said, r.problem, r.input_tokens, r.output_tokens INTO said, problem, input_tokens, output_tokens
    FROM sentinel.read_completion(use_answer.answer) r;
    IF problem IS NOT NULL THEN
        RETURN;
    END IF;
    IF use_answer.purpose = 'qualify_lead' THEN
        SELECT * INTO judged FROM sentinel.read_qualification(said);
        problem := judged.problem;
        IF problem IS NULL THEN
            result := sentinel.store_qualification(use_answer.org, use_answer.lead, use_answer.cause, 'model', judged.score,
                judged.reasons, use_answer.facts, use_answer.at, judged.leak);
            -- What a person wrote of a lead's interests stays.
            UPDATE sentinel.leads l
            SET interest_profile = judged.profile || coalesce((SELECT jsonb_object_agg(k.key, k.value)
                FROM jsonb_each(l.interest_profile) k WHERE k.value NOT IN ('null', '[]')), '{}')
            WHERE result ? 'score_id' AND judged.profile <> '{}' AND l.org_id = use_answer.org AND l.id = use_answer.lead
              AND coalesce(jsonb_typeof(l.interest_profile), 'object') = 'object';
        END IF;
    ELSE
        SELECT * INTO judged FROM sentinel.read_call_analysis(said, (SELECT c.transcript FROM sentinel.calls c
            WHERE c.org_id = use_answer.org AND c.id = use_answer.talk));
        problem := judged.problem;
        IF problem IS NULL THEN
            result := sentinel.store_call_analysis(use_answer.org, use_answer.talk, 'model', judged.score, judged.signals,
                judged.summary, judged.intent, judged.next_steps, use_answer.at);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION sentinel.use_answer(uuid, text, uuid, uuid, uuid, jsonb, bytea, timestamptz) IS
    'Read the answer of a service and store what it judges or knows, by the functions that rules and lexicon use too; problem says why it cannot be used, and then nothing is stored.';

CREATE FUNCTION sentinel.handle_apply_answer(job_id uuid, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := sentinel.require_org();
    asked record;
    lead uuid;
    used record;
    late boolean;
BEGIN
    SELECT * INTO asked FROM sentinel.service_requests r
    WHERE r.org_id = org AND r.id = (sentinel.job_facts(handle_apply_answer.payload) ->> 'request_id')::uuid FOR UPDATE;
    IF NOT FOUND OR asked.state NOT IN ('answered', 'unanswered') OR asked.applied_at IS NOT NULL THEN
        RETURN jsonb_build_object('skipped', 'no request that has ended and was not seen to');
    END IF;
    lead := sentinel.resolve_lead(asked.lead_id);
    -- What was asked for later may have been answered first.
    late := CASE asked.purpose
        WHEN 'qualify_lead' THEN EXISTS (SELECT FROM sentinel.lead_scores s
                                         WHERE s.org_id = org AND s.lead_id = lead AND s.scored_at > asked.as_of)
        WHEN 'analyze_call' THEN EXISTS (SELECT FROM sentinel.calls c WHERE c.org_id = org AND c.id = asked.call_id
                                         AND c.transcript_version <> asked.transcript_version)
        ELSE false END;
    IF late THEN
        UPDATE sentinel.service_requests r SET state = 'late', problem = 'something newer was known by then', applied_at = now()
        WHERE r.org_id = org AND r.id = asked.id;
        RETURN jsonb_build_object('skipped', 'something newer was known by then');
    END IF;
    IF asked.state = 'answered' THEN
        SELECT * INTO used FROM sentinel.use_answer(org, asked.purpose, lead, asked.call_id, asked.cause_id, asked.facts, asked.answer,
                                                    asked.as_of);
        IF used.problem IS NOT NULL AND asked.answer_cut THEN
            used.problem := 'the answer is longer than 256 KiB';
        END IF;
        UPDATE sentinel.service_requests r
        SET state = CASE WHEN used.problem IS NULL THEN 'used' ELSE 'invalid' END, problem = left(used.problem, 500),
            input_tokens = used.input_tokens, output_tokens = used.output_tokens, applied_at = now()
        WHERE r.org_id = org AND r.id = asked.id;
        IF used.problem IS NULL THEN
            RETURN used.result;
        END IF;
        asked.problem := used.problem;
    ELSE
        UPDATE sentinel.service_requests r SET applied_at = now() WHERE r.org_id = org AND r.id = asked.id;
    END IF;
    RETURN sentinel.go_on_without(org, asked.purpose, lead, asked.call_id, asked.cause_id, asked.as_of, asked.problem);
END
$$;
COMMENT ON FUNCTION sentinel.handle_apply_answer(uuid, jsonb) IS
    'Job, caused by lead.enrichment_ended, lead.judgement_received and call.judgement_received: use what a service answered; where it cannot be used, or none came, let the rules judge and keep why. Nothing else of an answer is written. Payload: request_id.';
