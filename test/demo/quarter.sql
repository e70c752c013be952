-- A quarter of a small company's life: who comes in when and what becomes of each is planted by the seed, then played day by
-- day through the public functions, with the jobs and schedules of each day. quarter_report.sql compares. Variable: seed.
\set VERBOSITY terse
CREATE TABLE demo.fate (fate text PRIMARY KEY, leads integer, latest integer, tells text);
INSERT INTO demo.fate VALUES
    ('client', 7, 40, 'call, proposal, won, paid, taken in'),
    ('overdue', 3, 40, 'won, but does not pay'),
    ('lost', 8, 70, 'goes with another offer'),
    ('stalled', 4, 60, 'a proposal that nobody answers'),
    ('ghosted', 4, 60, 'wanted to buy, then silence'),
    ('stale', 8, 50, 'never called'),
    ('unfit', 6, 85, 'sells goods: not our kind of customer'),
    ('no_show', 3, 60, 'missed the call, came to the second'),
    ('twice', 4, 60, 'wrote twice');

SELECT sentinel.create_org('Harbour Works', 'harbour-works', 'Europe/London') AS org \gset
SELECT sentinel.enter(:'org', NULL, true) \g /dev/null
SELECT sentinel.add_member('Sales desk', 'sales@harbour-works.example', 'owner') AS seller \gset
SELECT date_trunc('day', now()) - interval '91 days' AS start \gset
UPDATE sentinel.schedules SET next_due_at = sentinel.cron_next(cron_expression, timezone, :'start') WHERE org_id = :'org';

-- One row is one company that gets in touch.
CREATE TABLE demo.visitor AS
WITH one AS (
    SELECT row_number() OVER (ORDER BY f.fate, i)::integer AS n, f.fate, f.latest FROM demo.fate f, generate_series(1, f.leads) AS i
), dice AS (
    SELECT o.*, (hashint8extended(o.n, :seed + k) & 1048575) / 1048576.0 AS roll, k FROM one o, generate_series(1, 4) AS k
), drawn AS (
    SELECT d.n, d.fate, max(d.latest * d.roll) FILTER (WHERE d.k = 1) AS day, max(d.roll) FILTER (WHERE d.k = 2) AS size,
           max(d.roll) FILTER (WHERE d.k = 3) AS kind, max(d.roll) FILTER (WHERE d.k = 4) AS way
    FROM dice d GROUP BY d.n, d.fate
)
SELECT d.n, d.fate, :'start'::timestamptz + d.day * interval '24 hours' AS at,
       (ARRAY['Alder', 'Birch', 'Cedar', 'Elm', 'Hazel', 'Linden', 'Maple', 'Rowan'])[1 + d.n % 8] || ' '
       || CASE d.fate WHEN 'unfit' THEN (ARRAY['Wholesale', 'Hardware'])[1 + floor(2 * d.kind)::integer]
                      ELSE (ARRAY['Legal', 'Design', 'Dental', 'Consulting'])[1 + floor(4 * d.kind)::integer] END || ' ' || d.n AS company,
       CASE d.fate WHEN 'unfit' THEN 'wholesale' ELSE (ARRAY['law firm', 'design studio', 'dental clinic', 'consulting'])[1 + floor(4 * d.kind)::integer] END
           AS industry,
       CASE d.fate WHEN 'unfit' THEN 2000 ELSE 5 + floor(40 * d.size)::integer END AS employees,
       round(1500 + 9000 * d.size::numeric, -2) AS worth,
       (ARRAY['linkedin', 'Cold email', 'phone', 'instagram'])[1 + floor(4 * d.way)::integer] AS platform,
       NULL::uuid AS lead_id, NULL::uuid AS deal_id
FROM drawn d;

-- What happens to whom, by days after the first word. One row is one thing that people do; all else the engine does.
CREATE TABLE demo.script (fate text, day numeric, deed text, detail text);
INSERT INTO demo.script
SELECT f.fate, s.day, s.deed, s.detail
FROM demo.fate f
JOIN (VALUES
    ('{client,overdue,lost,stalled,ghosted,stale,unfit,no_show,twice}', 0.0, 'comes', NULL),
    ('{twice}', 2.1, 'comes', NULL),
    ('{client,overdue,lost,stalled,ghosted,no_show}', 1.2, 'books', NULL),
    ('{no_show}', 3.2, 'misses', NULL),
    ('{no_show}', 4.1, 'rebooks', NULL),
    ('{client,overdue}', 3.2, 'talks', 'We are ready to start. Please send us the proposal. How much is it by the month? What are the next steps?'),
    ('{lost,stalled}', 3.2, 'talks', 'What is the price? Our budget is small and we think about it.'),
    ('{no_show}', 6.2, 'talks', 'Sorry for the other day. What does it cost?'),
    ('{ghosted}', 3.2, 'talks', 'Let''s do it. Send us the contract. How soon can we begin? The budget is there. How much is it?'),
    ('{ghosted}', 5.1, 'books', NULL),
    ('{ghosted}', 6.2, 'talks', 'We are ready to sign off. Send over the agreement. When can we start? What are the next steps?'),
    ('{client,overdue,lost,stalled}', 3.3, 'deal', NULL),
    ('{client,overdue,lost,stalled}', 6.1, 'moves', 'proposal'),
    ('{client,overdue,lost}', 8.0, 'writes', NULL),
    ('{client,overdue}', 12.1, 'moves', 'negotiation'),
    ('{client,overdue}', 16.1, 'moves', 'closed_won'),
    ('{lost}', 14.1, 'moves', 'closed_lost'),
    ('{client,overdue}', 17.1, 'sends papers', NULL),
    ('{client,overdue}', 18.1, 'signs', NULL),
    ('{client}', 25.1, 'pays', NULL),
    ('{client}', 32.1, 'advances', NULL),
    ('{client}', 39.1, 'taken in', NULL)) AS s(fates, day, deed, detail) ON f.fate = ANY (s.fates::text[]);

CREATE PROCEDURE demo.play(who demo.visitor, deed text, detail text, at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    talk uuid := (SELECT c.id FROM sentinel.calls c WHERE c.lead_id = who.lead_id AND c.status IN ('booked', 'no_show')
                  ORDER BY c.created_at DESC LIMIT 1);
    invoice uuid := (SELECT i.id FROM sentinel.invoices i WHERE i.deal_id = who.deal_id);
    contract uuid := (SELECT k.id FROM sentinel.contracts k WHERE k.deal_id = who.deal_id);
    client uuid := (SELECT c.id FROM sentinel.clients c WHERE c.deal_id = who.deal_id);
BEGIN
    CASE deed
    WHEN 'comes' THEN
        PERFORM sentinel.intake('form', jsonb_build_object('name', 'Office of ' || who.company, 'company', who.company,
            'email', 'office@' || replace(lower(who.company), ' ', '-') || '.example', 'industry', who.industry,
            'employee_count', who.employees, 'platform', who.platform, 'phone', '+44 7700 900' || lpad((who.n % 1000)::text, 3, '0')),
            received_at => at);
    WHEN 'books' THEN PERFORM sentinel.book_call(who.lead_id, at + interval '1 day', as_of => at);
    WHEN 'misses' THEN PERFORM sentinel.miss_call(talk, at);
    WHEN 'rebooks' THEN PERFORM sentinel.reschedule_call(talk, at + interval '2 days', as_of => at);
    WHEN 'talks' THEN PERFORM sentinel.complete_call(talk, detail, 'talked', at);
    WHEN 'deal' THEN
        UPDATE demo.visitor v SET deal_id = sentinel.create_deal(who.company || ' lifecycle', who.worth, currency => 'GBP',
            owner_id => (SELECT m.id FROM sentinel.members m WHERE m.role = 'owner'), lead_id => who.lead_id, as_of => play.at)
        WHERE v.n = who.n;
    WHEN 'moves' THEN
        PERFORM sentinel.move_deal(who.deal_id, detail, CASE detail WHEN 'closed_lost' THEN 'went with another offer' END, at);
    WHEN 'writes' THEN PERFORM sentinel.record_activity(who.deal_id, 'email_received', at, 'Your proposal', NULL, '{}', at);
    WHEN 'sends papers' THEN
        PERFORM sentinel.send_invoice(invoice, as_of => at), sentinel.send_contract(contract, as_of => at);
    WHEN 'signs' THEN PERFORM sentinel.sign_contract(contract, who.company, as_of => at);
    WHEN 'pays' THEN PERFORM sentinel.mark_invoice_paid(invoice, who.worth, at);
    WHEN 'advances' THEN PERFORM sentinel.advance_delivery(client, as_of => at);
    WHEN 'taken in' THEN PERFORM sentinel.complete_onboarding(client, at);
    END CASE;
END
$$;

-- Each day: what people do, then what is due at its end, each followed by the jobs that it causes.
\set start '''' :start ''''
SELECT set_config('demo.start', :start, false) \g /dev/null
DO $$
DECLARE
    start timestamptz := current_setting('demo.start');
    ends timestamptz;
    step record;
    ran integer;
BEGIN
    FOR day IN 1..91 LOOP
        ends := start + day * interval '24 hours';
        FOR step IN
            SELECT v AS who, s.deed, s.detail, v.at + s.day * interval '24 hours' AS at
            FROM demo.visitor v JOIN demo.script s USING (fate)
            WHERE v.at + s.day * interval '24 hours' >= ends - interval '24 hours' AND v.at + s.day * interval '24 hours' < ends
            ORDER BY v.at + s.day * interval '24 hours', v.n
        LOOP
            CALL demo.play(step.who, step.deed, step.detail, step.at);
            CALL sentinel.run_jobs(10000, ran);
            UPDATE demo.visitor v SET lead_id = r.lead_id FROM sentinel.intake_raw r
            WHERE v.n = (step.who).n AND v.lead_id IS NULL AND step.deed = 'comes' AND r.received_at = step.at;
        END LOOP;
        PERFORM sentinel.run_schedules(ends - interval '1 second'), sentinel.sweep_risk(ends - interval '1 second');
        CALL sentinel.run_jobs(10000, ran);
        RAISE NOTICE 'progress % 91 days played', day;
    END LOOP;
END
$$;
