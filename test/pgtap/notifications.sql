-- Room alerts, notifications: who is told of what, as each wishes; e-mail texts; digests. Source: revenue.md (e).
-- Lines marked "fault" would fail on the original's behaviour.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(79);

SELECT sentinel.create_org('Notes & <Co>', 'notes-pgtap', 'America/New_York') AS org, sentinel.create_org('Other Ltd', 'notes-pgtap-other') AS other \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'olga@notes.example', 'owner') AS olga, sentinel.add_member('Mira', 'mira@notes.example') AS mira,
       sentinel.add_member('Max', 'max@notes.example') AS max, sentinel.add_member('Vera', 'vera@notes.example', 'viewer') AS vera, sentinel.add_team('North') AS north \gset
SELECT sentinel.add_team_member(:'north', :'mira'), sentinel.add_team_member(:'north', :'max');
CREATE ROLE tap_note_mira LOGIN IN ROLE sentinel_member;
CREATE ROLE tap_note_max LOGIN IN ROLE sentinel_member;
SELECT sentinel.grant_login('tap_note_mira', :'org', :'mira'), sentinel.grant_login('tap_note_max', :'org', :'max');
CREATE FUNCTION pg_temp.tried(login text, org uuid, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM sentinel.leave(), set_config('role', login, true);
    BEGIN
        PERFORM sentinel.enter(org);
        EXECUTE command INTO result;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE || ' ' || SQLERRM;
    END;
    PERFORM set_config('role', 'none', true), sentinel.enter(org);
    RETURN result;
END
$$;
-- Runs the sql jobs that wait, as run_jobs() does.
CREATE FUNCTION pg_temp.work(org uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    j record;
    outcome jsonb;
BEGIN
    PERFORM sentinel.leave();
    FOR j IN SELECT * FROM sentinel.claim('pgtap', '{default}', 1000) c WHERE c.org_id = org LOOP
        outcome := sentinel.run_handler(j.org_id, j.job_id, j.lease);
        PERFORM sentinel.complete(ARRAY[j.job_id], ARRAY[j.lease], jsonb_build_array(outcome));
    END LOOP;
    PERFORM sentinel.enter(org);
END
$$;
CREATE FUNCTION pg_temp.told(of_kind text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(m.display_name || ': ' || n.title || ' | ' || n.message, E'\n' ORDER BY m.display_name, n.title, n.message), '')
    FROM sentinel.notifications n JOIN sentinel.members m ON m.org_id = n.org_id AND m.id = n.member_id WHERE n.org_id = sentinel.current_org() AND n.kind = of_kind
$$;
-- A notification of a kind, made at a time.
CREATE FUNCTION pg_temp.tell(member uuid, of_kind text, title text, message text, facts jsonb DEFAULT '{}', at timestamptz DEFAULT now()) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid := sentinel.uuid7();
BEGIN
    PERFORM sentinel.tell_members(sentinel.current_org(), ARRAY[member], of_kind, title, message, NULL, made, NULL, NULL, facts);
    UPDATE sentinel.notifications n SET created_at = at WHERE n.event_id = made RETURNING n.id INTO made;
    RETURN made;
END
$$;

-- Wishes.
SELECT results_eq(format('SELECT kind, in_app, by_email, is_default, digest FROM sentinel.notification_wishes(%L) WHERE kind !~ ''^(webhook|slack|enrichment|model)''', :'mira'),
    $$VALUES ('deal_at_risk', true, true, true, 'daily'), ('action_overdue', true, true, true, 'daily'), ('stage_changed', true, false, true, 'daily'),
             ('team_invite', true, true, true, 'daily'), ('integrity_breach', true, true, true, 'daily')$$, 'fault: without a row the defaults hold, no mail of a stage');
SELECT bag_eq($$SELECT unnest(regexp_matches(pg_get_constraintdef(oid), '''(\w+)''', 'g')) FROM pg_constraint WHERE conrelid = 'sentinel.alerts'::regclass AND contype = 'c' AND conname LIKE '%kind%'
    UNION VALUES ('stage_changed'), ('team_invite')$$, 'SELECT kind FROM sentinel.notification_kinds', 'every kind of alert is a kind of notification');
SELECT is((SELECT count(*) FROM sentinel.notification_settings) + (SELECT count(*) FROM sentinel.notification_digests), 0::bigint, 'for that no rows are made');
SELECT throws_ok('SELECT sentinel.notification_wishes()', 'SN004', NULL, 'without a member there are no wishes');
SELECT sentinel.enter(:'org', :'mira');
SELECT throws_ok($$SELECT sentinel.set_notification_wish('mention')$$, '22023', 'unknown kind of notification "mention"', 'no kind');
SELECT throws_ok($$SELECT sentinel.set_digest_frequency('hourly')$$, '22023', 'unknown frequency "hourly"', 'no frequency');
SELECT throws_ok(format('SELECT sentinel.set_notification_wish(''stage_changed'', member_id => %L)', :'max'), 'SN003', NULL, 'a member changes own wishes only');
SELECT throws_ok(format('SELECT sentinel.set_digest_frequency(''never'', %L)', :'max'), 'SN003', NULL, 'of the digest, too');
SELECT throws_ok(format('SELECT sentinel.notification_wishes(%L)', :'max'), 'SN003', NULL, 'and sees them');
SELECT sentinel.set_notification_wish('stage_changed', by_email => true);
SELECT sentinel.set_notification_wish('stage_changed', in_app => false);
SELECT results_eq($$SELECT in_app, by_email, is_default FROM sentinel.notification_wishes() WHERE kind = 'stage_changed'$$, 'VALUES (false, true, false)', 'nulls keep what was');
SELECT is(pg_temp.tried('tap_note_max', :'org', 'SELECT count(*) FROM sentinel.notification_settings'), '0', 'others do not read them');
SELECT is(pg_temp.tried('tap_note_mira', :'org', 'SELECT count(*) FROM sentinel.notification_settings'), '1', 'but their own');
SELECT sentinel.set_digest_frequency('realtime', :'max');
SELECT is((SELECT string_agg(kind, ' ' ORDER BY kind) FROM sentinel.notification_wishes(:'max') WHERE NOT by_email), NULL, 'realtime sends each by e-mail');
SELECT sentinel.set_notification_wish('slack_failing', by_email => false, member_id => :'max');
SELECT is((SELECT string_agg(kind, ' ' ORDER BY kind) FROM sentinel.notification_wishes(:'max') WHERE NOT by_email), 'slack_failing', 'but what was switched off');
SELECT sentinel.set_digest_frequency(NULL, :'max');
SELECT is((SELECT max(digest) FROM sentinel.notification_wishes(:'max')), 'daily', 'null brings the default back');
DELETE FROM sentinel.notification_settings;

-- Stages: who works the deal is told, and not who moved it.
SELECT sentinel.create_deal('Alpha', 100, owner_id => :'mira', team_id => :'north') AS alpha, sentinel.create_deal('Beta', 100, owner_id => :'max', team_id => :'north') AS beta,
       sentinel.create_deal('Gamma', 100) AS gamma, sentinel.create_deal('Delta', 100, owner_id => :'mira', team_id => :'north') AS delta \gset
SELECT pg_temp.work(:'org');
SELECT is(pg_temp.told('stage_changed'), '', 'a new deal has not changed its stage');
SELECT sentinel.enter(:'org', :'max');
SELECT * FROM sentinel.bulk_move_deals(ARRAY[:'alpha', :'beta', :'delta']::uuid[], 'closed won') \g /dev/null
SELECT sentinel.enter(:'org');
SELECT sentinel.move_deal(:'gamma', 'qualify');
SELECT pg_temp.work(:'org');
SELECT is(pg_temp.told('stage_changed'), E'Mira: Deal Stage Changed: Alpha | Moved from Discover to Closed Won\nMira: Deal Stage Changed: Delta | Moved from Discover to Closed Won',
    'fault: many moved at once tell of each, not who moved them, nobody of nobody''s deal');
SELECT is((SELECT array_agg(DISTINCT n.deal_id) FROM sentinel.notifications n WHERE n.org_id = :'org'), ARRAY[least(:'alpha'::uuid, :'delta'::uuid), greatest(:'alpha'::uuid, :'delta'::uuid)], 'with the deal');
SELECT is((SELECT bool_or(by_email) FROM sentinel.notifications WHERE org_id = :'org'), false, 'fault: no e-mail without a wish');
SELECT e.id AS moved FROM sentinel.events e WHERE e.subject_id = :'alpha' AND e.event_type = 'deal.stage_changed' \gset
SELECT is(sentinel.handle_notify_stage_change(sentinel.uuid7(), (SELECT jsonb_build_object('event_id', e.id, 'event_type', e.event_type, 'subject_id', e.subject_id, 'payload', e.payload)
    FROM sentinel.events e WHERE e.id = :'moved')) ->> 'notified', '0', 'a job that runs twice tells once');
SELECT is(sentinel.handle_notify_stage_change(sentinel.uuid7(), jsonb_build_object('event_id', sentinel.uuid7(), 'payload', jsonb_build_object('deal_id', sentinel.uuid7()))) ->> 'notified', '0', 'a deal that is gone tells nobody');
SELECT is(sentinel.handle_notify_stage_change(sentinel.uuid7(), '{"deal_id": "no uuid"}') ->> 'notified', '0', 'nor does a foreign payload');
SELECT sentinel.create_deal('Epsilon', 100, owner_id => :'vera') AS epsilon \gset
SELECT sentinel.set_notification_wish('stage_changed', in_app => false, member_id => :'vera');
SELECT sentinel.move_deal(:'epsilon', 'qualify');
SELECT pg_temp.work(:'org');
SELECT is((SELECT count(*) FROM sentinel.notifications WHERE member_id = :'vera'), 0::bigint, 'who wishes neither is not told');
SELECT sentinel.set_notification_wish('stage_changed', by_email => true, member_id => :'vera');
SELECT sentinel.move_deal(:'epsilon', 'proposal');
SELECT pg_temp.work(:'org');
SELECT results_eq(format('SELECT in_app, by_email FROM sentinel.notifications WHERE member_id = %L', :'vera'), 'VALUES (false, true)', 'who wishes e-mail alone');
SELECT sentinel.enter(:'org', :'vera');
SELECT is((SELECT count(*) FROM sentinel.my_notifications()) + sentinel.unread_notifications() + sentinel.read_notifications(), 0::bigint, 'does not see it in the product');
SELECT sentinel.enter(:'org');

-- The feed.
SELECT is((SELECT count(*) FROM sentinel.events e JOIN sentinel.notifications n ON n.org_id = e.org_id AND n.id = e.subject_id
    WHERE e.event_type = 'notification.new' AND e.payload = jsonb_build_object('notification_id', n.id, 'member_id', n.member_id, 'kind', n.kind, 'in_app', n.in_app, 'by_email', n.by_email)),
    (SELECT count(*) FROM sentinel.notifications WHERE org_id = :'org'), 'each notification is in the feed, without its text');

-- Alerts.
SELECT sentinel.emit('deal.at_risk', 'deal', :'alpha', jsonb_build_object('deal_id', :'alpha', 'name', 'Alpha', 'period_id', sentinel.uuid7(), 'primary_reason', 'No activity in last 7 days'));
SELECT sentinel.emit('deal.action_overdue', 'deal', :'alpha', jsonb_build_object('deal_id', :'alpha', 'name', 'Alpha', 'period_id', sentinel.uuid7(), 'recommended_action', 'Nudge for response', 'overdue_days', 2));
SELECT sentinel.emit('system.integrity_alert', 'deal', :'gamma', '{"rule": "won_deal_no_invoice", "detail": "Won without invoice."}');
SELECT pg_temp.work(:'org');
SELECT is(pg_temp.told('deal_at_risk'), 'Mira: Deal at Risk: Alpha | No activity in last 7 days', 'a deal at risk tells its owner');
SELECT is(pg_temp.told('action_overdue'), 'Mira: Action Overdue: Alpha | Nudge for response is 2 days overdue', 'so does an overdue action');
SELECT is(pg_temp.told('integrity_breach'), 'Olga: Integrity: won deal no invoice | Won without invoice.', 'a breach tells owners and admins');
SELECT is((SELECT bool_and(by_email AND emailed_at IS NULL) FROM sentinel.notifications WHERE kind IN ('deal_at_risk', 'action_overdue', 'integrity_breach')), true, 'these by e-mail, which is not sent yet');

-- Lists of a member.
SELECT sentinel.enter(:'org', :'mira');
SELECT is(sentinel.unread_notifications(), 4::bigint, 'four are unread');
SELECT is((SELECT array_agg(kind || coalesce(alert_id::text, '') = kind ORDER BY kind) FROM sentinel.my_notifications()), '{f,f,t,t}', 'two are of alerts, two are not');
SELECT results_eq('WITH RECURSIVE page AS (SELECT p.*, 1 AS n FROM (SELECT notification_id FROM sentinel.my_notifications(page_size => 1)) p
      UNION ALL SELECT m.notification_id, n + 1 FROM page, LATERAL sentinel.my_notifications(page_size => 1, before_id => page.notification_id) m)
    SELECT notification_id FROM page ORDER BY n', 'SELECT notification_id FROM sentinel.my_notifications()', 'pages follow without a gap, though all were made at one time');
SELECT id AS foreign FROM sentinel.notifications WHERE member_id = :'olga' LIMIT 1 \gset
SELECT is(sentinel.read_notifications(ARRAY[:'foreign', sentinel.uuid7()]::uuid[]), 0, 'foreign ids change nothing');
SELECT is(sentinel.delete_notification(:'foreign'), false, 'and delete nothing');
SELECT is((SELECT count(*) FROM sentinel.notifications WHERE id = :'foreign' AND read_at IS NULL), 1::bigint, 'it is there, unread');
SELECT is(sentinel.read_notifications(ARRAY[(SELECT notification_id FROM sentinel.my_notifications(page_size => 1))]), 1, 'one is read');
SELECT is(sentinel.read_notifications(), 3, 'all are read');
SELECT is(sentinel.unread_notifications() + sentinel.read_notifications(), 0::bigint, 'none is left');
SELECT is(sentinel.delete_notification((SELECT notification_id FROM sentinel.my_notifications(page_size => 1))), true, 'one is deleted');
SELECT is((SELECT count(*) FROM sentinel.my_notifications()), 3::bigint, 'three are left');
SELECT is(pg_temp.tried('tap_note_max', :'org', 'SELECT count(*) FROM sentinel.notifications'), '0', 'nobody reads another''s');
SELECT is(pg_temp.tried('tap_note_mira', :'org', 'SELECT count(*) FROM sentinel.notifications'), '3', 'but one''s own');
SELECT is(pg_temp.tried('tap_note_mira', :'org', 'SELECT count(*) FROM sentinel.alerts'), '2', 'alerts are those of deals that one sees');
SELECT sentinel.create_deal('Hidden', 1, owner_id => :'vera') AS hidden \gset
SELECT sentinel.emit('deal.at_risk', 'deal', :'hidden', jsonb_build_object('deal_id', :'hidden', 'name', 'Hidden', 'period_id', sentinel.uuid7()));
SELECT pg_temp.work(:'org');
SELECT is(pg_temp.tried('tap_note_mira', :'org', 'SELECT count(*) FROM sentinel.alerts'), '2', 'no others');
SELECT id AS hidden_alert FROM sentinel.alerts WHERE deal_id = :'hidden' \gset
SELECT is(left(pg_temp.tried('tap_note_mira', :'org', format('SELECT sentinel.acknowledge_alert(%L)', :'hidden_alert')), 5), 'SN004', 'nor acknowledges them');

-- Invites.
SELECT sentinel.enter(:'org', :'olga');
SELECT i.invite_id AS invite FROM sentinel.invite_to_team(:'north', 'vera@notes.example', 'admin') i \gset
SELECT sentinel.invite_to_team(:'north', 'outside@notes.example') \g /dev/null
SELECT sentinel.enter(:'org');
SELECT pg_temp.work(:'org');
SELECT is(pg_temp.told('team_invite'), 'Vera: Team Invite: North | Olga invites you to the team North', 'a member of the organisation is told of an invite to a team');
SELECT is((SELECT subject || ' | ' || text FROM sentinel.notification_email((SELECT id FROM sentinel.notifications WHERE kind = 'team_invite' AND org_id = :'org'), 'https://s.example/')),
    E'Team Invite: North | Olga invites you to the team North as Administrator.\n\nhttps://s.example/invites\n\nIt expires in 7 days.\n', 'as what, by whom and until when');

-- E-mails: what a user wrote is shown, never run.
SELECT pg_temp.tell(:'mira', 'deal_at_risk', E'Deal at Risk: <img src=x>\r\nBcc: all@notes.example', 'It''s "quiet" & {{link}}', '{"name": "<script>alert(1)</script>"}') AS evil \gset
SELECT results_eq(format('SELECT to_address, subject FROM sentinel.notification_email(%L)', :'evil'),
    $$VALUES ('mira@notes.example', 'Deal at Risk: <img src=x> Bcc: all@notes.example')$$, 'a subject is one line');
SELECT unalike((SELECT html FROM sentinel.notification_email(:'evil')), '%<script%', 'no tag of a user');
SELECT alike((SELECT html FROM sentinel.notification_email(:'evil')), '%<p><strong>&lt;script&gt;alert(1)&lt;/script&gt;</strong> is at risk.</p><p>It&#39;s &quot;quiet&quot; &amp; {{link}}</p>%', 'all five characters are escaped, and a value is not read again');
SELECT alike((SELECT html FROM sentinel.notification_email(:'evil')), '%<title>Deal at Risk: &lt;img src=x&gt;%', 'in the title, too');
SELECT alike((SELECT text FROM sentinel.notification_email(:'evil')), E'<script>alert(1)</script> is at risk.\n\nIt''s "quiet" & {{link}}\n\n/notifications\n%', 'plain text is as written');
SELECT pg_temp.tell(:'mira', 'stage_changed', 'Deal Stage Changed: Alpha', 'Moved', '{"name": "Alpha", "from_stage": "closed_lost", "stage": "discover"}') AS mailed \gset
SELECT alike((SELECT html FROM sentinel.notification_email(:'mailed')), '%<strong>Alpha</strong> moved from Closed Lost to <strong>Discover</strong>.</p><ul><li>%', 'stages are written for people');
SELECT alike((SELECT text FROM sentinel.notification_email((SELECT id FROM sentinel.notifications WHERE deal_id = :'delta' AND kind = 'stage_changed'), 'https://s.example')),
    '%https://s.example/deals/' || :'delta' || '%', 'a link leads to the deal');
SELECT throws_ok(format('SELECT sentinel.notification_email(%L, ''javascript:alert(1)//'')', :'mailed'), 'SN007', NULL, 'a link leads to the web');
CREATE TEMP TABLE each_kind AS SELECT pg_temp.tell(:'max', k.kind, 'T', 'M') AS id FROM sentinel.notification_kinds k;
SELECT is((SELECT count(*) FROM each_kind k CROSS JOIN LATERAL sentinel.notification_email(k.id) m
    WHERE m.html LIKE '<!DOCTYPE html>%</html>' AND m.subject = 'T' AND m.text <> '' AND m.html || m.text !~ '\{\{|\{id\}'), (SELECT count(*) FROM sentinel.notification_kinds), 'every kind has its texts, with no word left over');
SELECT sentinel.enter(:'org', :'max');
SELECT throws_ok(format('SELECT sentinel.notification_email(%L)', :'mailed'), 'SN004', NULL, 'a member has own e-mails only');
SELECT sentinel.enter(:'org');
SELECT is(sentinel.note_emailed(:'evil'), true, 'what was sent is noted');
SELECT is(sentinel.note_emailed(:'evil'), false, 'once');
SELECT is(sentinel.note_emailed(:'mailed'), false, 'and only what was wished');
DELETE FROM sentinel.notifications WHERE org_id = :'org';

-- Digests. 2026-06-01 is a Monday; 8:00 in New York is 12:00 UTC.
SELECT results_eq(format($$SELECT cron_expression, timezone FROM sentinel.schedules WHERE org_id = %L AND name = 'notification_digest'$$, :'org'),
    $$VALUES ('0 8 * * *', 'America/New_York')$$, 'a new organisation has digests at eight in its zone');
CREATE FUNCTION pg_temp.digests(at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    known bigint[] := ARRAY(SELECT e.seq FROM sentinel.events e WHERE e.event_type = 'notification.digest');
BEGIN
    PERFORM sentinel.handle_make_digests(sentinel.uuid7(), jsonb_build_object('as_of', at));
    RETURN coalesce((SELECT string_agg(m.display_name || ' ' || (e.payload ->> 'items') || ' ' || (e.payload ->> 'frequency') || ' ' || to_char((e.payload ->> 'since')::timestamptz, 'MM-DD HH24'), ', ' ORDER BY m.display_name)
        FROM sentinel.events e JOIN sentinel.members m ON m.id = e.subject_id WHERE e.event_type = 'notification.digest' AND e.seq <> ALL (known)), '');
END
$$;
SELECT is(pg_temp.digests('2026-06-01 12:00+00'), '', 'who has nothing new has no digest');
SELECT pg_temp.tell(:'mira', 'stage_changed', 'T' || n, 'M' || n, '{}', '2026-06-01 00:00+00'::timestamptz + n * interval '1 minute') FROM generate_series(1, 12) n \g /dev/null
SELECT pg_temp.tell(m::uuid, 'stage_changed', 'Old', 'M', '{}', '2026-05-31 11:59+00') FROM unnest(ARRAY[:'mira', :'max', :'olga', :'vera']) m \g /dev/null
SELECT sentinel.set_digest_frequency('weekly', :'max'), sentinel.set_digest_frequency('never', :'olga'), sentinel.set_digest_frequency('realtime', :'vera');
SELECT is(pg_temp.digests('2026-06-01 12:00+00'), 'Max 1 weekly 05-25 12, Mira 12 daily 05-31 12', 'fault: there are digests: daily, weekly on Mondays, none for who wishes none');
SELECT is(pg_temp.digests('2026-06-01 12:00+00'), '', 'a job that runs twice makes them once');
SELECT pg_temp.tell(m::uuid, 'stage_changed', 'New', 'M', '{}', '2026-06-02 00:00+00') FROM unnest(ARRAY[:'mira', :'max']) m \g /dev/null
SELECT is(pg_temp.digests('2026-06-02 12:00+00'), 'Mira 1 daily 06-01 12', 'the next one begins where the last ended; Tuesday is no Monday');
SELECT pg_temp.tell(:'mira', 'stage_changed', 'Late', 'M', '{}', '2026-06-03 00:00+00') AS late \gset
SELECT is(pg_temp.digests('2026-06-05 12:00+00'), 'Mira 1 daily 06-02 12', 'what a missed run left out is made up for');
SELECT is(pg_temp.digests('2026-06-08 03:59+00'), '', 'while it is Sunday in New York there is no weekly one');
SELECT is(pg_temp.digests('2026-06-08 04:00+00'), 'Max 1 weekly 06-01 12', 'on Monday there is');
UPDATE sentinel.notifications SET read_at = now() WHERE id = :'late';
SELECT is(pg_temp.digests('2026-06-05 12:00+00'), '', 'an old run again tells nothing');
SELECT results_eq(format('SELECT to_address, items, subject FROM sentinel.notification_digest(%L, ''2026-05-31 12:00+00'', ''2026-06-01 12:00+00'')', :'mira'),
    $$VALUES ('mira@notes.example', 12::bigint, '12 new notifications')$$, 'a digest counts what was not read');
SELECT matches((SELECT text FROM sentinel.notification_digest(:'mira', '2026-05-31 12:00+00', '2026-06-01 12:00+00', 'https://s.example')),
    E'^- T12\n  M12\n- T11\n  M11\n(- .*\n.*\n){7}- T3\n  M3\nAnd 2 more.\n\nhttps://s.example/notifications\n$', 'and lists the ten newest');
SELECT pg_temp.tell(:'mira', 'stage_changed', '<i>', '&', '{}', '2026-07-01 00:00+00') \g /dev/null
SELECT alike((SELECT html FROM sentinel.notification_digest(:'mira', '2026-06-30', '2026-07-02')), '%<h1>1 new notification</h1><ul><li><strong>&lt;i&gt;</strong><br>&amp;</li></ul>%', 'escaped');
SELECT alike((SELECT html || text FROM sentinel.notification_digest(:'mira', '2026-07-02', '2026-07-03')), '%<p>No new notifications.</p>%No new notifications.%', 'or says that there is nothing');
SELECT sentinel.enter(:'org', :'max');
SELECT throws_ok(format('SELECT sentinel.notification_digest(%L, ''2026-06-30'', ''2026-07-02'')', :'mira'), 'SN004', NULL, 'a member has the own digest only');
SELECT sentinel.enter(:'other');
SELECT throws_ok(format('SELECT sentinel.notification_digest(%L, ''2026-06-30'', ''2026-07-02'')', :'mira'), 'SN004', NULL, 'another organisation has none');
SELECT sentinel.enter(:'org');
SELECT sentinel.remove_member(:'mira');
SELECT is(pg_temp.tell(:'mira', 'stage_changed', 'T', 'M'), NULL, 'who was removed is told no more');
SELECT is(pg_temp.digests('2026-07-02 12:00+00'), '', 'and has no digest');
SELECT is((SELECT count(*) > 0 FROM sentinel.notifications WHERE member_id = :'mira'), true, 'what the member was told is kept');

SELECT * FROM finish();
ROLLBACK;
