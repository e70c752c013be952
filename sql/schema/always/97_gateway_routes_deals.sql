-- Room gateway: routes of deals, their risk, pipelines, plans and figures.

SELECT sentinel.serve('GET', '/deals', 'sentinel.http_list_deals', 'List deals that fit filters, page by page.', 'deals', answers => 'list',
    query => ARRAY['q text Words that name or company hold.', 'stage text Stage, by name or alias.', 'owner uuid Member who works them.',
        'team uuid Team whose they are.', 'kind open|won|lost What became of them.', 'created_from time Made at this time or later.',
        'created_until time Made before this time.', 'sort created_at|changed_at|value|name|expected_close_at Order; created_at when left out.',
        'order desc|asc Direction of the order; desc when left out, asc for names.', 'limit integer Deals on a page, 1 to 100; 50 when left out.',
        'cursor text Where the last page ended: its next_cursor.']);
SELECT sentinel.serve('POST', '/deals', 'sentinel.http_create_deal', 'Make a deal.', 'deals',
    body => ARRAY['name! text Name; one of the owner''s deals has it.', 'value! number Worth, 0 to 20000000000.', 'stage text Stage, by name or alias; the first of the pipeline when left out.',
        'currency text Currency of the value as ISO 4217 has it; USD when left out.', 'owner_id uuid Member who works it; the caller when left out.',
        'team_id uuid Team whose it is.', 'lead_id uuid Lead that it came from.', 'channel text direct, organic, outbound, referrals or partners.',
        'pipeline text Name of a pipeline; the default one when left out.', 'external_id text Its id elsewhere; a known one gives the deal that has it.',
        'company_name text Company.', 'expected_close_at time When it is expected to close.', 'forecast_category text Category that a person has put it in.']);
SELECT sentinel.serve('GET', '/deals/search', 'sentinel.http_search_deals', 'Find deals by words, newest first.', 'deals', answers => 'list',
    query => ARRAY['q text Words that name or company hold.', 'limit integer Deals at most, 1 to 100; 20 when left out.',
        'full_text boolean Whether those in the stage of that name are found too.', 'team_id uuid Only deals of this team.',
        'include_team_deals boolean False: only own deals; true when left out.']);
SELECT sentinel.serve('POST', '/deals/bulk', 'sentinel.http_bulk_deals', 'Move, assign or delete up to 100 deals.', 'deals', rate_tier => 'strict',
    body => ARRAY['action! update|delete What is done.', 'deal_ids! uuids 1 to 100 deals.',
        'updates object For update: stage, with lost_reason where it is lost, and assigned_to_id, null for nobody.']);
SELECT sentinel.serve('GET', '/deals/export', 'sentinel.http_export_deals', 'Write up to 5000 deals into a file.', 'deals', answers => 'text/csv',
    rate_tier => 'export',
    query => ARRAY['format csv|json Kind of file; csv when left out.', 'stage text Stage, by name or alias.', 'owner uuid Member who works them.',
        'team_id uuid Only deals of this team.', 'include_team_deals boolean False: only own deals; true when left out.',
        'kind open|won|lost What became of them.', 'created_from time Made at this time or later.', 'created_until time Made before this time.']);
SELECT sentinel.serve('POST', '/deals/import', 'sentinel.http_import_deals', 'Take in a CSV file of opportunities, of at most 20000 lines.', 'deals', role => 'admin',
    takes => 'text/csv', rate_tier => 'strict', max_body_bytes => 10485760,
    query => ARRAY['dry_run boolean True: tell what would become of it, write nothing.', 'mapping text JSON object from headings to fields, or as header X-Mapping.',
        'defaults text JSON object of what a record has that lacks it.', 'words text JSON object by field of what cells mean.',
        'unknown_owners refuse|nobody|add What becomes of deals whose owner is no member.', 'announce boolean Whether events tell of the deals.',
        'pipeline text Name of a pipeline; the default one when left out.', 'date_order day|month|year Part with which dates begin.',
        'decimal_comma boolean Whether a comma stands before decimals.', 'timezone text Time zone of times without one.', 'file_name text Name of the file.']);
SELECT sentinel.serve('POST', '/deals/demo', 'sentinel.http_seed_demo_deals', 'Make demo deals where there are no deals.', 'deals', rate_tier => 'strict');
SELECT sentinel.serve('DELETE', '/deals/demo', 'sentinel.http_remove_demo_deals', 'Remove the demo deals.', 'deals', rate_tier => 'strict');
SELECT sentinel.serve('GET', '/deals/{deal_id}', 'sentinel.http_get_deal', 'Give a deal with its tags and its risk explained.', 'deals');
SELECT sentinel.serve('PATCH', '/deals/{deal_id}', 'sentinel.http_change_deal', 'Change what the body names of a deal.', 'deals',
    body => ARRAY['name text Name.', 'company_name text Company; null for none.', 'channel text How it was won; null for unknown.', 'value number Worth.',
        'expected_close_at time When it is expected to close; null for unknown.', 'forecast_category text Category; null for that of the stage.',
        'stage text Stage, by name or alias.', 'lost_reason text Why it was lost.', 'owner_id uuid Member who works it; null for nobody.',
        'team_id uuid Team whose it is; null for none.']);
SELECT sentinel.serve('DELETE', '/deals/{deal_id}', 'sentinel.http_delete_deal', 'Delete a deal with which nothing has happened yet.', 'deals', answers => 'nothing');
SELECT sentinel.serve(m, '/deals/{deal_id}/stage', 'sentinel.http_move_deal', 'Move a deal to a stage.', 'deals',
    body => ARRAY['stage! text Stage, by name or alias.', 'lost_reason text Why it was lost.']) FROM (VALUES ('PATCH'), ('POST')) AS v (m);
SELECT sentinel.serve('GET', '/deals/{deal_id}/timeline', 'sentinel.http_deal_timeline', 'List what was recorded of a deal, newest first.', 'deals', answers => 'list',
    query => ARRAY['limit integer Entries on a page, 1 to 200; 50 when left out.', 'cursor text Where the last page ended.']);
SELECT sentinel.serve('GET', '/deals/{deal_id}/activities', 'sentinel.http_deal_activities', 'List activities of a deal, newest first.', 'deals', answers => 'list',
    query => ARRAY['activity_type text Only of this type.', 'limit integer Activities on a page, 1 to 200; 50 when left out.', 'cursor text Where the last page ended.']);
SELECT sentinel.serve('POST', '/deals/{deal_id}/activities', 'sentinel.http_record_activity', 'Record an activity of a deal.', 'deals',
    body => ARRAY['activity_type! email_sent|email_received|meeting_held|call_held|note_added|email_drafted|other What happened.',
        'occurred_at time When; now when left out.', 'subject text Subject.', 'body text Words; signs of competition in them count.', 'payload object More.']);
SELECT sentinel.serve('GET', '/deals/{deal_id}/risk', 'sentinel.http_deal_risk', 'Give the risk of a deal at a time.', 'risk', scope => 'deals:read',
    query => ARRAY['as_of time Of then, as it could be known then; now when left out.']);
SELECT sentinel.serve('GET', '/deals/{deal_id}/risk/explanation', 'sentinel.http_explain_risk', 'List the terms that sum to the risk score of a deal.', 'risk',
    scope => 'deals:read', answers => 'list', query => ARRAY['as_of time Of then; now when left out.']);
SELECT sentinel.serve('GET', '/deals/{deal_id}/win-probability', 'sentinel.http_win_probability', 'Give the chance to win a deal and how long it may take.', 'insight',
    scope => 'deals:read', query => ARRAY['as_of time Of then; now when left out.']);
SELECT sentinel.serve('GET', '/deals/{deal_id}/similar', 'sentinel.http_similar_deals', 'List the closed deals most like a deal.', 'insight', scope => 'deals:read',
    answers => 'list', query => ARRAY['as_of time Of then; now when left out.', 'limit integer Deals at most, 1 to 100; 5 when left out.']);
SELECT sentinel.serve('POST', '/deals/{deal_id}/tags/{tag_id}', 'sentinel.http_tag_deal', 'Put a tag on a deal.', 'deals');
SELECT sentinel.serve('DELETE', '/deals/{deal_id}/tags/{tag_id}', 'sentinel.http_untag_deal', 'Take a tag off a deal.', 'deals', answers => 'nothing');

SELECT sentinel.serve('GET', '/pipelines', 'sentinel.http_list_pipelines', 'List pipelines with their stages.', 'deals', scope => 'deals:read', answers => 'list');
SELECT sentinel.serve('GET', '/pipelines/{pipeline_id}', 'sentinel.http_list_pipelines', 'Give a pipeline with its stages.', 'deals', scope => 'deals:read');
SELECT sentinel.serve('POST', '/pipelines', 'sentinel.http_add_pipeline', 'Add a pipeline made from a template.', 'deals', scope => 'deals:write', role => 'admin',
    body => ARRAY['template! text revenue, crm_v1 or crm_v2.', 'is_default boolean Whether new deals go along it.']);
SELECT sentinel.serve('GET', '/settings/risk', 'sentinel.http_get_risk_settings', 'Give risk settings.', 'risk',
    query => ARRAY['of member|organisation Whose; member when left out.', 'member_id uuid Another member, for owners and admins.']);
SELECT sentinel.serve('PUT', '/settings/risk', 'sentinel.http_set_risk_settings', 'Change risk settings; what is not named stays.', 'risk',
    query => ARRAY['of member|organisation Whose; member when left out.', 'member_id uuid Another member, for owners and admins.'],
    body => ARRAY['inactivity_days integer Days of silence, 1 to 30.', 'competitive boolean Whether words of competition count.',
        'stage_stall boolean Whether a stay of twice the usual length counts.', 'champion_dormancy boolean Whether 14 days without an answer count.']);
SELECT sentinel.serve('GET', '/settings/risk/weights', 'sentinel.http_get_risk_weights', 'List the weights of the risk model.', 'risk', answers => 'list',
    query => ARRAY['as_of time Of then; now when left out.']);
SELECT sentinel.serve('PUT', '/settings/risk/weights', 'sentinel.http_set_risk_weights', 'Change weights of the risk model.', 'risk', role => 'admin',
    answers => 'list', body => '{}');
SELECT sentinel.serve('GET', '/risk/overview', 'sentinel.http_risk_overview', 'Give the risk of the open deals in numbers.', 'risk', scope => 'deals:read', rate_tier => 'lenient');
SELECT sentinel.serve('GET', '/action-queue', 'sentinel.http_action_queue', 'Give the deals to act on.', 'risk', scope => 'deals:read', rate_tier => 'lenient');
SELECT sentinel.serve('GET', '/forecast', 'sentinel.http_forecast', 'Forecast what the open deals will bring.', 'insight', scope => 'deals:read', answers => 'list',
    query => ARRAY['months integer Months, 1 to 24; 6 when left out.', 'as_of time Of then; now when left out.']);

SELECT sentinel.serve('GET', '/plan', 'sentinel.http_get_plan', 'Give the plan of the organisation.', 'plans');
SELECT sentinel.serve('GET', '/plan/usage', 'sentinel.http_plan_usage', 'List what the organisation has used and may use.', 'plans', answers => 'list');
SELECT sentinel.serve('GET', '/plans', 'sentinel.http_list_plans', 'List the plans there are.', 'plans', scope => 'plan:read', answers => 'list');
SELECT sentinel.serve('GET', '/metrics/summary', 'sentinel.http_metrics_summary', 'Count what the organisation did in a span.', 'plans',
    query => ARRAY['since time Beginning; 30 days before the end when left out.', 'until time End; now when left out.']);
SELECT sentinel.serve('GET', '/metrics/performance', 'sentinel.http_metrics_performance', 'Tell what the organisation did and how fast it won deals.', 'plans',
    query => ARRAY['since time Beginning; 30 days before the end when left out.', 'until time End; now when left out.']);
SELECT sentinel.serve('POST', '/analytics/track', 'sentinel.http_track', 'Count an event of a page.', 'plans', scope => 'analytics:write', role => 'viewer',
    rate_tier => 'track', answers => 'nothing', body => ARRAY['event! text Name, 1 to 128 characters.', 'properties object Taken, but not kept.']);
