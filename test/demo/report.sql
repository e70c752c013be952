-- What came of it: leads, deals at risk, an explanation, and the two comparisons with what was kept and planted.
\pset footer off
\pset linestyle unicode
\pset border 1
SELECT sentinel.enter(org_id, NULL, true) FROM sentinel.orgs WHERE slug = 'northwind-demo' \g /dev/null

\echo
\echo '==> Leads'
SELECT count(*) AS "rows in", count(*) FILTER (WHERE state = 'waiting') AS "good",
       (SELECT count(*) FROM sentinel.leads WHERE org_id = sentinel.current_org()) AS "leads created",
       count(*) FILTER (WHERE state = 'duplicate') AS "duplicates", count(*) FILTER (WHERE state = 'rejected') AS "rejected"
FROM demo.intake;

\echo '==> Duplicates, by the key that gave them away'
SELECT duplicate_key AS "key", count(*) AS "rows",
       (SELECT count(*) FROM demo.truth, jsonb_each(planted -> 'leads' -> 'duplicates') d
        WHERE d.value ->> 'key' = CASE i.duplicate_key WHEN 'combined' THEN 'row' ELSE i.duplicate_key END) AS "planted"
FROM demo.intake i WHERE state = 'duplicate' GROUP BY 1 ORDER BY 1;

\echo '==> Rejected rows; they are kept, with a hint, in sentinel.intake_raw'
SELECT i.line, r.reject_code AS "fault", i.reason
FROM demo.intake i JOIN sentinel.intake_raw r ON r.id = i.intake_id WHERE i.state = 'rejected' ORDER BY i.line;

\echo '==> The ten riskiest deals'
\pset tuples_only on
\pset format unaligned
SELECT format(E'%2s. %s %s  %s, %s %s, in %s\n        %s\n        -> %s (%s), due %s', row_number() OVER (ORDER BY score DESC, value DESC),
              to_char(score, 'FM0.00'), band, name, to_char(value, 'FM999,999,990'), currency, stage, array_to_string(reasons, '; '),
              coalesce(recommended_action, 'no action'), coalesce(action_urgency, '-'),
              coalesce(to_char(action_due_at, 'YYYY-MM-DD'), '-'))
FROM sentinel.deal_risks WHERE status <> 'closed' AND org_id = sentinel.current_org() ORDER BY score DESC, value DESC LIMIT 10;
\pset format aligned
\pset tuples_only off

SELECT deal_id AS first, name AS first_name FROM sentinel.deal_risks WHERE status <> 'closed' AND org_id = sentinel.current_org()
ORDER BY score DESC, value DESC LIMIT 1 \gset
\echo
\echo '==> Why' :first_name
SELECT position AS "#", term, round(contribution::numeric, 2) AS contribution, detail FROM sentinel.explain_risk(:'first')
ORDER BY position;

\echo '==> Proofs'
SELECT format('%s instants × %s deals: %s', count(DISTINCT r.instant), count(DISTINCT r.deal_id),
              CASE WHEN count(*) FILTER (WHERE to_jsonb(again) IS DISTINCT FROM r.risk) = 0 THEN 'equal'
                   ELSE count(*) FILTER (WHERE to_jsonb(again) IS DISTINCT FROM r.risk) || ' of ' || count(*) || ' DIFFER' END)
           AS past,
       count(*) FILTER (WHERE to_jsonb(again) IS DISTINCT FROM r.risk) > 0 AS past_differs
FROM demo.recorded r CROSS JOIN LATERAL sentinel.deal_risk(r.deal_id, r.instant) again \gset
SELECT count(*) FILTER (WHERE s.total IS DISTINCT FROM d.score) AS unexplained, count(*) AS explained
FROM sentinel.deal_risks d
CROSS JOIN LATERAL (SELECT sum(e.contribution ORDER BY e.position) AS total FROM sentinel.explain_risk(d.deal_id) e) s
WHERE d.org_id = sentinel.current_org() \gset
SELECT count(*) FILTER (WHERE planted AND found) AS both, count(*) FILTER (WHERE planted) AS planted,
       count(*) FILTER (WHERE found) AS found, count(*) FILTER (WHERE planted <> found) > 0 AS risk_differs
FROM (SELECT d.deal_id IS NOT NULL AND t.planted -> 'deals' -> 'at_risk_at_end' ? d.external_ref AS planted, r.status = 'at_risk' AS found
      FROM demo.truth t, demo.deal d JOIN sentinel.deal_risks r USING (deal_id)) x \gset
SELECT count(*) AS planted_faults, count(*) FILTER (WHERE r.state = 'rejected' AND p.value -> 'faults' ? r.reject_code) AS found_faults,
       (SELECT count(*) FROM demo.intake WHERE state = 'rejected') AS faults
FROM demo.truth CROSS JOIN jsonb_each(planted -> 'leads' -> 'broken') p
LEFT JOIN (sentinel.intake_raw r JOIN demo.intake i ON i.intake_id = r.id) ON i.line = p.key::integer \gset
SELECT count(*) AS planted_twins, count(*) FILTER (WHERE i.state = 'duplicate' AND h.line = (p.value ->> 'of_line')::integer) AS found_twins,
       (SELECT count(*) FROM demo.intake WHERE state = 'duplicate') AS twins
FROM demo.truth CROSS JOIN jsonb_each(planted -> 'leads' -> 'duplicates') p
LEFT JOIN demo.intake i ON i.line = p.key::integer LEFT JOIN demo.intake h ON h.intake_id = i.duplicate_of \gset
SELECT count(*) AS dead FROM sentinel.job_dead \gset
\echo '    broken rows planted:' :planted_faults', rejected:' :faults', on the right line for the right reason:' :found_faults
\echo '    duplicates planted:' :planted_twins', found:' :twins', traced to the right row:' :found_twins
\echo '    deal_risk(id, as_of) now against what it said then:' :past
\echo '    explain_risk(id) sums to the score:' :explained 'deals,' :unexplained 'exceptions'
\echo '    at risk by the generator''s own arithmetic:' :planted', by the database:' :found', the same deals:' :both
\echo '    jobs that failed for good:' :dead
CREATE TABLE demo.verdict AS SELECT :'past_differs' OR :'risk_differs' OR :unexplained > 0 OR :dead > 0
    OR (:planted_faults, :planted_faults, :planted_twins, :planted_twins)
       IS DISTINCT FROM (:faults, :found_faults, :twins, :found_twins) AS wrong;
