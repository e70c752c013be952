-- Room gateway: routes of health, accounts, organisations, keys, live events and cron.

SELECT sentinel.serve('GET', '/health', 'sentinel.http_health', 'Tell whether the service answers.', 'gateway', access => 'public',
    rate_tier => 'lenient', answers => 'free');

SELECT sentinel.serve('POST', '/auth/register', 'sentinel.http_register', 'Make an account and sign in.', 'gateway', access => 'public',
    rate_tier => 'sign_in', max_body_bytes => 65536, answers => 'free', body => ARRAY['email! email Address.', 'password! text Password, 8 to 1000 characters.',
        'first_name text First name.', 'last_name text Last name.', 'organisation text Name of the organisation that is founded.',
        'invite_token text Token of an invite, to join instead of founding.']);
SELECT sentinel.serve('POST', '/auth/login', 'sentinel.http_login', 'Sign in by password.', 'gateway', access => 'public',
    rate_tier => 'sign_in', max_body_bytes => 65536, answers => 'free', body => ARRAY['email! email Address.', 'password! text Password.',
        'code text One-time code or recovery code, where the account has them.']);
SELECT sentinel.serve('POST', '/auth/refresh', 'sentinel.http_refresh', 'Exchange a refresh token for the next pair of tokens.', 'gateway',
    access => 'public', rate_tier => 'sign_in', max_body_bytes => 65536, answers => 'free', body => ARRAY['refresh_token! text Refresh token.']);
SELECT sentinel.serve('POST', '/auth/password/set', 'sentinel.http_set_password', 'Set a password by a token sent to the address.', 'gateway',
    access => 'public', rate_tier => 'sign_in', max_body_bytes => 65536, answers => 'free', body => ARRAY['token! text Token.', 'password! text New password.',
        'code text One-time code or recovery code, where the account has them.']);
SELECT sentinel.serve('POST', '/auth/logout', 'sentinel.http_logout', 'End this session.', 'gateway', scope => 'account:write',
    role => 'viewer', runs_as => 'engine', answers => 'nothing');
SELECT sentinel.serve('POST', '/auth/password', 'sentinel.http_change_password', 'Change the own password.', 'gateway', scope => 'account:write',
    role => 'viewer', runs_as => 'engine', rate_tier => 'strict', answers => 'nothing',
    body => ARRAY['current_password! text Password so far.', 'new_password! text New password.']);
SELECT sentinel.serve('GET', '/auth/me', 'sentinel.http_me', 'Tell who calls.', 'gateway', scope => 'account:read', runs_as => 'engine',
    rate_tier => 'lenient', answers => 'free');
SELECT sentinel.serve('GET', '/auth/sessions', 'sentinel.http_list_sessions', 'List the own sessions.', 'gateway', scope => 'account:read',
    runs_as => 'engine', answers => 'list');
SELECT sentinel.serve('DELETE', '/auth/sessions/{session_id}', 'sentinel.http_end_session', 'End one of the own sessions.', 'gateway',
    scope => 'account:write', role => 'viewer', runs_as => 'engine', answers => 'nothing');
SELECT sentinel.serve('POST', '/auth/ticket', 'sentinel.http_make_ticket', 'Make a ticket for one GET without headers.', 'gateway',
    scope => 'account:write', role => 'viewer', runs_as => 'engine', rate_tier => 'lenient', answers => 'free');
SELECT sentinel.serve('POST', '/auth/accept-invite', 'sentinel.http_accept_invite', 'Accept an invite.', 'gateway', scope => 'account:write',
    role => 'viewer', runs_as => 'engine', rate_tier => 'strict', body => ARRAY['token! text Token of the invite.']);
SELECT sentinel.serve('DELETE', '/user/delete', 'sentinel.http_delete_account', 'Delete the own account.', 'gateway', scope => 'account:write',
    role => 'viewer', runs_as => 'engine', rate_tier => 'strict', answers => 'free');

SELECT sentinel.serve('POST', '/orgs', 'sentinel.http_create_org', 'Found a further organisation.', 'tenancy', scope => 'account:write',
    role => 'viewer', runs_as => 'engine', rate_tier => 'strict', body => ARRAY['name! text Name.', 'timezone text Name of a time zone.']);
SELECT sentinel.serve('GET', '/org', 'sentinel.http_get_org', 'Give the organisation.', 'tenancy', scope => 'org:read');
SELECT sentinel.serve('GET', '/org/default', 'sentinel.http_get_org', 'Give the organisation that requests are in.', 'tenancy', scope => 'org:read');
SELECT sentinel.serve('PATCH', '/org', 'sentinel.http_change_org', 'Change name or time zone of the organisation.', 'tenancy',
    scope => 'org:write', role => 'admin', body => ARRAY['name text Name.', 'timezone text Name of a time zone.']);

SELECT sentinel.serve('GET', '/api-keys', 'sentinel.http_list_api_keys', 'List API keys.', 'gateway', answers => 'list', role => 'member');
SELECT sentinel.serve('POST', '/api-keys', 'sentinel.http_create_api_key', 'Make an API key.', 'gateway', runs_as => 'engine', rate_tier => 'strict',
    body => ARRAY['name! text What it is for.', 'scopes! texts What it may: thing:read, thing:write, thing:*, *:read or *.',
        'member_id uuid Member as whom it acts.', 'expires_at time From when it no longer holds.']);
SELECT sentinel.serve('POST', '/api-keys/{key_id}/rotate', 'sentinel.http_rotate_api_key', 'Make a new key in the place of one.', 'gateway',
    runs_as => 'engine', rate_tier => 'strict', body => ARRAY['overlap_hours integer Hours that the old key holds still; 24 without it.']);
SELECT sentinel.serve('DELETE', '/api-keys/{key_id}', 'sentinel.http_revoke_api_key', 'Revoke an API key.', 'gateway', runs_as => 'engine',
    answers => 'nothing');

SELECT sentinel.serve('GET', '/events', 'sentinel.http_events', 'Listen to events as they happen.', 'events', runs_as => 'engine',
    rate_tier => 'lenient', answers => 'text/event-stream',
    query => ARRAY['last_event_id text Id of the last event seen; the header Last-Event-ID goes before it.', 'ticket text Ticket of POST /auth/ticket.']);

SELECT sentinel.serve(m, '/cron/tick', 'sentinel.http_cron_tick', 'Do what time brings.', 'ops', access => 'cron', answers => 'free')
FROM (VALUES ('GET'), ('POST')) v (m);
SELECT sentinel.serve(m, '/cron/process-webhooks', 'sentinel.http_cron_deliver', 'Wake the workers to send what is due.', 'delivery',
    access => 'cron', answers => 'free') FROM (VALUES ('GET'), ('POST')) v (m);
SELECT sentinel.serve('GET', '/cron/sync-integrations', 'sentinel.http_not_built', 'Sync connections.', 'connections', access => 'cron', answers => 'free');
SELECT sentinel.serve('GET', '/cron/process-emails', 'sentinel.http_not_built', 'Send mail.', 'mail', access => 'cron', answers => 'free');
SELECT sentinel.serve('POST', '/auth/password/forgot', 'sentinel.http_not_built', 'Mail a token to set a password.', 'mail', access => 'public',
    rate_tier => 'sign_in', answers => 'nothing', body => ARRAY['email! email Address.']);
