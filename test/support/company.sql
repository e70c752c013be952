-- An organisation with two years of leads, deals, their versions and activities, written set by set past the triggers, in the
-- form that they would have given it. As superuser; psql variables: name, slug, leads, deals, activities, seed.
--   psql -v name=Acme -v slug=acme -v leads=100 -v deals=1000 -v activities=10000 -v seed=1 -f test/support/company.sql
-- A quarter of the deals is open, a quarter won; each has 3 to 4 versions; two currencies; what may be null sometimes is.
-- Draws are hashes of row and seed. Rows lie in the tables in the order in which they would have been recorded.
\set QUIET on
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
SET work_mem = '256MB';
SET timezone = 'UTC';
SELECT sentinel.create_org(:'name', :'slug', 'Europe/Berlin') AS org \gset
SELECT sentinel.enter(:'org', session => true) \g /dev/null

BEGIN;
SELECT date_trunc('second', now()) AS until \gset
CREATE FUNCTION pg_temp.draw(row_number bigint, purpose integer, seed bigint) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(row_number * 64 + purpose, seed) & 9007199254740991) / 9007199254740992::double precision
$$;
-- Version 7, as sentinel.uuid7() makes them, of a time in the past.
CREATE FUNCTION pg_temp.id_of(at timestamptz, row_number bigint, purpose integer, seed bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(row_number || '.' || purpose || '.' || seed), 1, 3) || '8'
        || substr(md5(row_number || '.' || purpose || '.' || seed), 4, 15))::uuid
$$;
CREATE FUNCTION pg_temp.pick(choices text[], u double precision) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT choices[1 + floor(u * cardinality(choices))::integer]
$$;

CREATE TEMP TABLE people AS
SELECT n, sentinel.add_member(format('%s %s of %s', pg_temp.pick('{Jürgen,Zoë,Łukasz,Åsa,Mira,Tom}', (n - 1) % 6 / 6.0::double precision), n, :'name'),
                              format('member%s@%s.example', n, :'slug'), CASE WHEN n = 1 THEN 'owner' ELSE 'member' END) AS id
FROM generate_series(1, 12) n;
CREATE TEMP TABLE groups AS SELECT n, sentinel.add_team('Team ' || n) AS id FROM generate_series(1, 3) n;
SELECT sentinel.set_quota(q.amount, q.currency, p.starts_at, p.ends_at, q.member_id) FROM sentinel.periods() p
CROSS JOIN (SELECT 250000 AS amount, 'EUR' AS currency, id AS member_id FROM people UNION ALL VALUES (3000000, 'EUR', NULL::uuid), (1000000, 'USD', NULL)) q
WHERE p.period IN ('this_month', 'this_quarter') \g /dev/null
SELECT id AS pipeline FROM sentinel.pipelines WHERE org_id = :'org' AND is_default \gset
SET LOCAL session_replication_role = replica;

-- Leads: age and stage; each has been in the stages before it.
CREATE TEMP TABLE made_leads AS
SELECT x.*, pg_temp.id_of(x.created_at, x.n, 1, :seed) AS id, names[x.stage] AS lifecycle_stage,
       x.created_at + (:'until'::timestamptz - x.created_at) * pg_temp.draw(x.n, 2, :seed) AS moved_at,
       :'until'::timestamptz - least(:'until'::timestamptz - x.created_at, interval '90 days' * pg_temp.draw(x.n, 3, :seed) ^ 2) AS active_at
FROM (SELECT n, :'until'::timestamptz - interval '730 days' * (1 - n / :leads::double precision) AS created_at,
             1 + (pg_temp.draw(n, 1, :seed) >= 0.2)::integer + (pg_temp.draw(n, 1, :seed) >= 0.4)::integer
               + (pg_temp.draw(n, 1, :seed) >= 0.5)::integer + (pg_temp.draw(n, 1, :seed) >= 0.55)::integer
               + (pg_temp.draw(n, 1, :seed) >= 0.6)::integer + (pg_temp.draw(n, 1, :seed) >= 0.75)::integer AS stage
      FROM generate_series(1, :leads) n) x,
     (VALUES ('{new_lead,contacted,qualified,proposal,negotiation,won,lost}'::text[])) AS l (names);
INSERT INTO sentinel.leads (org_id, id, name, email, email_match, company_name, lead_source, platform, lifecycle_stage, qualification_score,
    recommended_path, last_state_change, last_activity_at, last_contacted_at, priority, owner_id, created_at, recorded_at, updated_at)
SELECT :'org', l.id, pg_temp.pick('{Müller,Øystein,Ana,Bäcker,Grün,Kim,Straße,Núñez}', pg_temp.draw(l.n, 4, :seed)) || format(' %s of %s', l.n, :'name'),
       format('lead%s@%s.example', l.n, :'slug'), format('lead%s@%s.example', l.n, :'slug'),
       CASE WHEN l.n % 7 <> 0 THEN 'Käthe & Söhne ' || l.n END, pg_temp.pick('{web,fair,ads,referral,cold call,NULL}', pg_temp.draw(l.n, 5, :seed)),
       pg_temp.pick('{linkedin,instagram,phone,NULL}', pg_temp.draw(l.n, 6, :seed)), l.lifecycle_stage,
       CASE WHEN l.n % 3 <> 0 THEN round((100 * pg_temp.draw(l.n, 7, :seed))::numeric, 2) END,
       pg_temp.pick('{outreach,nurture,direct_call,ignore,NULL}', pg_temp.draw(l.n, 8, :seed)), l.moved_at, l.active_at,
       CASE WHEN l.stage > 1 THEN l.active_at END, pg_temp.pick('{critical,high,normal,low,NULL}', pg_temp.draw(l.n, 9, :seed)), p.id,
       l.created_at, l.created_at, l.active_at
FROM made_leads l LEFT JOIN people p ON p.n = 1 + floor(13 * pg_temp.draw(l.n, 10, :seed)) ORDER BY l.n;
INSERT INTO sentinel.state_history (org_id, id, machine, subject_id, seq, state, entered_at, left_at)
SELECT :'org', pg_temp.id_of(l.created_at, l.n, 20 + k, :seed), 'lead', l.id, k,
       CASE WHEN k = x.steps THEN l.lifecycle_stage ELSE (ARRAY['new_lead', 'contacted', 'qualified', 'proposal', 'negotiation'])[k] END,
       l.created_at + (l.moved_at - l.created_at) * (k - 1) / greatest(x.steps - 1, 1),
       CASE WHEN k < x.steps THEN l.created_at + (l.moved_at - l.created_at) * k / (x.steps - 1) END
FROM made_leads l, LATERAL (SELECT CASE WHEN l.stage = 7 THEN 2 + floor(4 * pg_temp.draw(l.n, 11, :seed))::integer ELSE l.stage END AS steps) x,
     generate_series(1, x.steps) k
ORDER BY l.n, k;

-- Deals: n in the order of creation; those behind :deals are deleted ones. Steps are what happens after creation: stages moved
-- on to, at place push a change of date or value, at the end winning or losing. The time between them is the same.
CREATE TEMP TABLE made AS
SELECT z.*, pg_temp.id_of(z.created_at, z.n, 2, :seed) AS id,
       z.life / (z.steps + z.is_open) AS pace, 1 + floor((z.steps - z.closed) * pg_temp.draw(z.n, 12, :seed))::integer AS push_place,
       round((exp(6 + 4.5 * pg_temp.draw(z.n, 13, :seed)) * (pg_temp.draw(z.n, 14, :seed) >= 0.03)::integer)::numeric, 2) AS value_first,
       round((0.7 + 0.7 * pg_temp.draw(z.n, 15, :seed))::numeric, 2) AS value_change,
       CASE WHEN pg_temp.draw(z.n, 16, :seed) < 0.85 THEN z.created_at + interval '1 day' * (20 + 70 * pg_temp.draw(z.n, 17, :seed)) END AS due_first,
       p.id AS owner_id, CASE WHEN p.n % 4 <> 0 THEN g.id END AS team_id, l.id AS lead_id,
       CASE WHEN pg_temp.draw(z.n, 20, :seed) < 0.7 THEN 'EUR' ELSE 'USD' END AS currency
FROM (SELECT y.*, y.fate <> 'open' AS is_closed, (y.fate <> 'open')::integer AS closed, (y.fate = 'open')::integer AS is_open,
             CASE WHEN y.fate = 'open' THEN :'until'::timestamptz - y.created_at ELSE y.cycle END AS life,
             y.reached - 1 + y.pushes + (y.fate <> 'open')::integer AS steps
      FROM (SELECT x.*, (pg_temp.draw(x.n, 4, :seed) < 0.5)::integer AS pushes,
                   CASE x.fate WHEN 'won' THEN 2 + (x.u < 0.9)::integer + (x.u < 0.7)::integer
                               WHEN 'lost' THEN 1 + (x.u < 0.6)::integer + (x.u < 0.35)::integer + (x.u < 0.15)::integer
                               ELSE 1 + (x.u < 0.65)::integer + (x.u < 0.35)::integer + (x.u < 0.15)::integer END AS reached
            FROM (SELECT w.*, pg_temp.draw(w.n, 5, :seed) AS u,
                         CASE WHEN w.created_at + w.cycle >= :'until'::timestamptz OR pg_temp.draw(w.n, 6, :seed) < 0.2 THEN 'open'
                              WHEN pg_temp.draw(w.n, 7, :seed) < 0.35 THEN 'won' ELSE 'lost' END AS fate
                  FROM (SELECT n, :'until'::timestamptz - interval '730 days' * (1 - CASE WHEN n > :deals THEN (n - :deals) * 500 ELSE n END / (:deals + 1)::double precision) AS created_at,
                               interval '1 day' * least(3 - 40 * ln(1 - pg_temp.draw(n, 3, :seed)), 200) AS cycle
                        FROM generate_series(1, :deals + :deals / 500) n) w) x) y) z
LEFT JOIN people p ON p.n = 1 + floor(12.6 * pg_temp.draw(z.n, 18, :seed) ^ 1.3)
LEFT JOIN groups g ON g.n = 1 + p.n % 3
LEFT JOIN made_leads l ON l.n = 1 + floor(3 * :leads * pg_temp.draw(z.n, 19, :seed)) AND l.created_at <= z.created_at;
ANALYZE made;

CREATE TEMP TABLE versions AS
SELECT m.n, m.id, v.i, m.created_at + v.i * m.pace AS at, 1 + least(v.moves, m.reached - 1) AS stage, v.changes_stage,
       m.is_closed AND v.i = m.steps AS ends, m.created_at + (v.i - (NOT v.changes_stage)::integer) * m.pace AS entered_at,
       v.i - 1 - (m.pushes = 1 AND m.push_place = v.i - 1 AND v.i > 1)::integer AS left_i, v.pushed
FROM made m, generate_series(0, m.steps) s (i),
     LATERAL (SELECT s.i, s.i - (m.pushes = 1 AND s.i >= m.push_place)::integer AS moves,
                     NOT (m.pushes = 1 AND s.i = m.push_place) AS changes_stage, m.pushes = 1 AND s.i >= m.push_place AS pushed) v;
INSERT INTO sentinel.deal_history (org_id, deal_id, seq, recorded_at, stage, stage_kind, risk_role, value, owner_id, created_at,
    stage_entered_at, pipeline_id, currency, expected_close_at, forecast_category, left_pipeline_id, left_stage, left_stage_entered_at)
SELECT :'org', m.id, v.i + 1, v.at, CASE WHEN v.ends THEN 'closed_' || m.fate ELSE names[v.stage] END,
       CASE WHEN v.ends THEN m.fate ELSE 'open' END, CASE WHEN v.ends THEN 'other' ELSE (ARRAY['discover', 'other', 'other', 'negotiation'])[v.stage] END,
       CASE WHEN v.pushed AND m.n % 3 = 0 THEN round(m.value_first * m.value_change, 2) ELSE m.value_first END, m.owner_id, m.created_at,
       v.entered_at, :'pipeline', m.currency,
       CASE WHEN v.pushed AND m.n % 3 <> 0 THEN
           CASE m.fate WHEN 'open' THEN :'until'::timestamptz + interval '1 day' * (120 * pg_temp.draw(m.n, 21, :seed) - 30)
                       ELSE coalesce(m.due_first, v.at) + interval '1 day' * (10 + 40 * pg_temp.draw(m.n, 21, :seed)) END ELSE m.due_first END,
       CASE WHEN m.fate = 'open' AND v.pushed AND m.n % 5 = 0 THEN
           pg_temp.pick('{omitted,pipeline,best_case,most_likely,commit}', pg_temp.draw(m.n, 22, :seed)) END,
       CASE WHEN v.i > 0 AND v.changes_stage THEN :'pipeline'::uuid END,
       CASE WHEN v.i > 0 AND v.changes_stage THEN names[CASE WHEN v.ends THEN m.reached ELSE v.stage - 1 END] END,
       CASE WHEN v.i > 0 AND v.changes_stage THEN m.created_at + v.left_i * m.pace END
FROM versions v JOIN made m ON m.n = v.n, (VALUES ('{discover,qualify,proposal,negotiation}'::text[])) AS s (names)
ORDER BY v.at;
DROP TABLE versions;
ANALYZE sentinel.deal_history;
INSERT INTO sentinel.deals (org_id, id, pipeline_id, stage, stage_kind, name, value, currency, lead_id, owner_id, team_id, company_name, channel,
    expected_close_at, forecast_category, lost_reason, created_at, recorded_at, changed_at, stage_changed_at, closed_at, updated_at, version, furthest_stage)
SELECT :'org', m.id, :'pipeline', h.stage, h.stage_kind, format('Geschäft %s of %s', m.n, :'name'), h.value, m.currency, m.lead_id, m.owner_id, m.team_id,
       CASE WHEN m.n % 4 <> 0 THEN 'Björk ' || m.n % 5000 END,
       pg_temp.pick('{direct,organic,outbound,referrals,partners,NULL}', pg_temp.draw(m.n, 23, :seed)), h.expected_close_at, h.forecast_category,
       CASE WHEN h.stage_kind = 'lost' THEN pg_temp.pick('{price,Timing, price ,"no budget",competitor,NULL}', pg_temp.draw(m.n, 24, :seed)) END,
       m.created_at, m.created_at, h.recorded_at, h.stage_entered_at, CASE WHEN h.stage_kind <> 'open' THEN h.recorded_at END, h.recorded_at, h.seq,
       CASE WHEN h.stage_kind = 'won' THEN h.stage ELSE (ARRAY['discover', 'qualify', 'proposal', 'negotiation'])[m.reached] END
FROM made m JOIN sentinel.deal_history h ON h.org_id = :'org' AND h.deal_id = m.id AND h.seq = m.steps + 1
WHERE m.n <= :deals ORDER BY m.n;
INSERT INTO sentinel.deal_timeline (org_id, deal_id, kind, payload, recorded_at)
SELECT :'org', m.id, 'deleted', '{}', least(m.created_at + m.life + interval '5 days', :'until'::timestamptz) FROM made m WHERE m.n > :deals;

-- Activities fall on a deal's life, those of open deals on its later part.
INSERT INTO sentinel.activities (org_id, id, deal_id, activity_type, occurred_at, recorded_at, subject, member_id, competitive_indicators)
SELECT :'org', pg_temp.id_of(a.at, a.n, 3, :seed), a.deal_id,
       pg_temp.pick('{email_sent,email_sent,email_sent,email_received,email_received,meeting_held,call_held,note_added}', pg_temp.draw(a.n, 31, :seed)),
       a.at, a.at, 'Re: next steps', a.owner_id, (pg_temp.draw(a.n, 32, :seed) < 0.03)::integer
FROM (SELECT g.n, m.id AS deal_id, m.owner_id,
             m.created_at + m.life * pg_temp.draw(g.n, 33, :seed) ^ CASE m.is_open WHEN 1 THEN 0.3 ELSE 1 END AS at
      FROM generate_series(1, :activities) g (n)
      JOIN made m ON m.n = 1 + floor(:deals * pg_temp.draw(g.n, 34, :seed))) a
ORDER BY a.at;

-- What is bought; what is to be done.
CREATE TEMP TABLE bought AS
SELECT row_number() OVER (ORDER BY d.closed_at, d.id) AS n, d.id AS deal_id, d.lead_id, d.value, d.currency, d.closed_at,
       pg_temp.id_of(d.closed_at, m.n, 4, :seed) AS client_id, pg_temp.draw(m.n, 41, :seed) AS u, pg_temp.draw(m.n, 42, :seed) AS w
FROM sentinel.deals d JOIN made m ON m.id = d.id WHERE d.org_id = :'org' AND d.stage_kind = 'won';
INSERT INTO sentinel.clients (org_id, id, lead_id, deal_id, onboarding_status, onboarding_changed_at, delivery_phase, delivery_changed_at,
    renewal_at, satisfaction_score, created_at, updated_at)
SELECT :'org', b.client_id, b.lead_id, b.deal_id, 'in_progress', b.closed_at, 'system_design', b.closed_at,
       CASE WHEN b.w < 0.9 THEN :'until'::timestamptz + interval '1 day' * (400 * b.w - 100) END, CASE WHEN b.w < 0.5 THEN round((200 * b.w)::numeric) END,
       b.closed_at, b.closed_at
FROM bought b WHERE b.u < 0.7 ORDER BY b.n;
INSERT INTO sentinel.invoices (org_id, id, deal_id, client_id, number, amount, currency, status, status_changed_at, issued_at, due_at, paid_at, created_at, updated_at)
SELECT :'org', pg_temp.id_of(b.closed_at, b.n, 5, :seed), b.deal_id, CASE WHEN b.u < 0.7 THEN b.client_id END, 'INV-' || lpad(b.n::text, 7, '0'), b.value,
       b.currency, s.status, b.closed_at, b.closed_at, b.closed_at + interval '30 days', CASE s.status WHEN 'paid' THEN b.closed_at END, b.closed_at, b.closed_at
FROM bought b, LATERAL (SELECT CASE WHEN b.u < 0.7 THEN 'paid' WHEN b.u < 0.9 THEN 'sent' ELSE 'overdue' END AS status) s ORDER BY b.n;
UPDATE sentinel.invoice_numbers SET next_number = (SELECT count(*) + 1 FROM bought) WHERE org_id = :'org';
INSERT INTO sentinel.calls (org_id, id, lead_id, scheduled_at, status, status_changed_at, transcript, outcome, completed_at, meeting_url, member_id, created_at)
SELECT :'org', pg_temp.id_of(l.created_at, l.n, 6, :seed), l.id, c.at, c.status, l.created_at, CASE c.status WHEN 'completed' THEN 'Tell me more.' END,
       CASE c.status WHEN 'completed' THEN 'wants a proposal' END, CASE c.status WHEN 'completed' THEN c.at END,
       CASE WHEN l.n % 2 = 0 THEN 'https://meet.example.com/' || l.n END, p.id, l.created_at
FROM made_leads l LEFT JOIN people p ON p.n = l.n % 13,
     LATERAL (SELECT CASE WHEN l.n % 15 = 0 THEN :'until'::timestamptz + interval '10 days' * pg_temp.draw(l.n, 51, :seed) ^ 3 ELSE l.moved_at END AS at,
                     CASE WHEN l.n % 15 = 0 THEN 'booked' WHEN l.n % 2 = 0 THEN 'completed' ELSE 'no_show' END AS status) c
WHERE l.n % 3 = 0 ORDER BY l.n;
INSERT INTO sentinel.tasks (org_id, id, title, subject_type, subject_id, due_at, completed_at, priority, member_id, created_at)
SELECT :'org', pg_temp.id_of(m.created_at, m.n, 7, :seed), format('Rückruf %s of %s', m.n, :'name'), 'deal', m.id, t.due_at,
       CASE WHEN m.is_closed OR m.n % 2 = 0 THEN m.created_at + m.life END, pg_temp.pick('{critical,high,normal,low}', pg_temp.draw(m.n, 52, :seed)),
       m.owner_id, m.created_at
FROM made m, LATERAL (SELECT CASE WHEN m.is_closed THEN m.created_at + m.life ELSE :'until'::timestamptz + interval '1 day' * (40 * pg_temp.draw(m.n, 53, :seed) - 4) END
                      AS due_at) t
WHERE m.n <= :deals AND pg_temp.draw(m.n, 54, :seed) < 0.2 ORDER BY m.n;

-- Signals, settled by their own trigger.
ANALYZE sentinel.deals, sentinel.activities;
SET LOCAL session_replication_role = origin;
INSERT INTO sentinel.deal_signals (org_id, deal_id, owner_id, team_id, risk_role, closed, value, created_at, stage_entered_at, last_sent_at,
    last_received_at, last_meeting_at, last_event_at, competitive_indicators, input_at)
SELECT d.org_id, d.id, d.owner_id, d.team_id, sentinel.risk_role_number(s.risk_role), d.stage_kind <> 'open', d.value, d.created_at, d.stage_changed_at,
       a.sent, a.received, a.met, a.newest, coalesce(a.indicators, 0), greatest(d.changed_at, a.newest)
FROM sentinel.deals d
JOIN sentinel.pipeline_stages s ON s.org_id = d.org_id AND s.pipeline_id = d.pipeline_id AND s.stage = d.stage
LEFT JOIN (SELECT x.deal_id, max(x.occurred_at) FILTER (WHERE x.activity_type = 'email_sent') AS sent,
                  max(x.occurred_at) FILTER (WHERE x.activity_type = 'email_received') AS received,
                  max(x.occurred_at) FILTER (WHERE x.activity_type IN ('meeting_held', 'call_held')) AS met, max(x.occurred_at) AS newest,
                  sum(x.competitive_indicators)::integer AS indicators
           FROM sentinel.activities x WHERE x.org_id = :'org' GROUP BY x.deal_id) a ON a.deal_id = d.id
WHERE d.org_id = :'org' ORDER BY d.created_at;
COMMIT;
