-- Room gateway: routes of intake, leads, notes, tasks, templates, tags and saved views.

SELECT sentinel.serve('POST', '/intake/form', 'sentinel.http_intake', 'Take in one lead as a form sends it, any JSON object; Idempotency-Key makes it come in once.',
    'intake', takes => 'application/json', rate_tier => 'intake', answers => 'free');
SELECT sentinel.serve('POST', '/intake/webhook', 'sentinel.http_intake', 'Take in one lead as {"payload": {…}}; Idempotency-Key makes it come in once.',
    'intake', takes => 'application/json', rate_tier => 'intake', answers => 'free');
SELECT sentinel.serve('POST', '/intake/csv', 'sentinel.http_intake_csv',
    'Take in many leads, as a CSV file of at most 100000 lines or as application/json {"leads": [{…}]}; what came before is a duplicate, and Idempotency-Key gives a list''s first answer.',
    'intake', takes => 'text/csv', rate_tier => 'intake', max_body_bytes => 10485760, answers => 'free',
    query => ARRAY['source text Name of where the leads come from; csv unless given.', 'file_name text Name of the file.',
                   'platform text Platform of leads that tell none.', 'lead_source text Source of leads that tell none.',
                   'temperature cold|warm|hot Temperature of leads that tell none.']);

DO $$
DECLARE
    filters constant text[] := ARRAY['q text Words that stand somewhere in name, email, company or domain.',
        'lifecycle_stage new_lead|contacted|qualified|proposal|negotiation|won|lost Stage.', 'temperature cold|warm|hot Temperature.',
        'priority critical|high|normal|low Priority.', 'next_action contact|follow_up|schedule_call|send_proposal|no_action Next action.',
        'recommended_path outreach|nurture|direct_call|ignore Recommended path.', 'platform text Text that the platform holds, in any case.',
        'lead_source text Text that the source holds, in any case.', 'tag text Name of a tag.', 'owner uuid Member who owns it.',
        'team uuid Team.', 'created_from time Made at or after.', 'created_until time Made before.'];
    sorting constant text[] := ARRAY[
        'sort text Column to sort by: created_at, updated_at, last_state_change, lifecycle_stage, name, priority, temperature, next_action, recommended_path, ghost_risk_score, buying_signal_score or qualification_score.',
        'order desc|asc Direction; desc unless given.'];
    -- What may be given of a lead; null or an empty text clears.
    columns constant text[] := ARRAY['name text Name.', 'email email E-mail address.', 'phone text Telephone number.', 'profile_link text Profile.',
        'company_name text Company.', 'domain text Domain.', 'industry text Industry.', 'employee_count integer Employees.',
        'revenue_band text Yearly revenue.', 'location text Place.', 'lead_source text Source.', 'platform text Platform.',
        'temperature cold|warm|hot Temperature.', 'owner_id uuid Member who owns it.', 'team_id uuid Team.',
        'lifecycle_stage new_lead|contacted|qualified|proposal|negotiation|won|lost Stage, by legal moves.',
        'priority critical|high|normal|low Priority.', 'next_action contact|follow_up|schedule_call|send_proposal|no_action Next action.',
        'next_action_due time When that is due.', 'recommended_path outreach|nurture|direct_call|ignore Recommended path.',
        'estimated_monthly_revenue_leak number Revenue lost a month.', 'currency text Currency, such as EUR.'];
    paging constant text[] := ARRAY['limit integer Rows on a page, 1 to 200; 50 unless given.', 'cursor text The next_cursor of the page before.'];
    stage constant text := 'new_lead|contacted|qualified|proposal|negotiation|won|lost';
    path constant text := 'outreach|nurture|direct_call|ignore';
BEGIN
    PERFORM sentinel.serve('POST', '/leads', 'sentinel.http_create_lead', 'Make a lead; it needs a name or an identifier.', 'leads', body => columns),
        sentinel.serve('GET', '/leads', 'sentinel.http_leads', 'List leads that fit filters, a page at a time.', 'leads', answers => 'list',
            query => filters || sorting || paging || ARRAY['page integer Number of the page, from 1: the answer has total, page and page_size too.',
                                                           'page_size integer Rows on a page, 1 to 200.']),
        sentinel.serve('GET', '/leads/ids', 'sentinel.http_lead_ids', 'Give the ids of the first 2000 leads that fit filters.', 'leads',
            answers => 'free', query => filters || sorting),
        sentinel.serve('GET', '/leads/export', 'sentinel.http_export_leads', 'Give leads that fit filters as a file.', 'leads', answers => 'text/csv',
            rate_tier => 'export', query => filters || sorting || ARRAY['format csv|json Form of the file; csv unless given.',
                                                                      'max_rows integer Most rows, 1 to 100000; 5000 unless given.']),
        sentinel.serve('GET', '/leads/{lead_id}', 'sentinel.http_lead', 'Give a lead, or the one that it was merged into.', 'leads'),
        sentinel.serve('PATCH', '/leads/{lead_id}', 'sentinel.http_update_lead', 'Change columns of a lead; null or an empty text clears.', 'leads',
            body => columns),
        sentinel.serve('DELETE', '/leads/{lead_id}', 'sentinel.http_delete_lead', 'Delete a lead that has no deals, calls or clients.', 'leads',
            answers => 'nothing'),
        sentinel.serve('GET', '/leads/{lead_id}/activities', 'sentinel.http_lead_activities', 'Tell what happened with a lead, newest first.', 'leads',
            answers => 'list', query => paging),
        sentinel.serve('GET', '/leads/{lead_id}/qualification', 'sentinel.http_lead_qualification', 'Say why a lead was judged as it was.', 'leads',
            query => ARRAY['as_of time As of when; now unless given.']),
        sentinel.serve('POST', '/leads/{lead_id}/qualify', 'sentinel.http_work_lead',
            'Judge a lead now; 202 when a language model is asked, which answers later.', 'leads', rate_tier => 'ai'),
        sentinel.serve('POST', '/leads/{lead_id}/enrich', 'sentinel.http_work_lead',
            'Fill blanks of a lead now; 202 when the enrichment service is asked, which answers later.', 'leads', rate_tier => 'ai'),
        sentinel.serve('POST', '/leads/merge', 'sentinel.http_merge_leads', 'Merge a duplicate into the lead that stays.', 'leads',
            body => ARRAY['master_id! uuid Lead that stays.', 'duplicate_id! uuid Lead that goes.']),
        sentinel.serve('DELETE', '/leads/bulk', 'sentinel.http_delete_leads', 'Delete up to 1000 leads; those with deals, calls or clients are skipped.',
            'leads', rate_tier => 'strict', answers => 'free', body => ARRAY['ids! uuids Leads.']),
        sentinel.serve('POST', '/leads/{lead_id}/tags/{tag_id}', 'sentinel.http_tag_lead', 'Put a tag on a lead.', 'leads'),
        sentinel.serve('DELETE', '/leads/{lead_id}/tags/{tag_id}', 'sentinel.http_tag_lead', 'Take a tag off a lead.', 'leads', answers => 'nothing');
    PERFORM sentinel.serve('PATCH', '/leads/{lead_id}/' || w.word, 'sentinel.http_set_lead', format('Set the %s of a lead; null clears.', w.noun), 'leads',
            body => array_remove(ARRAY[w.line, CASE w.word WHEN 'next-action' THEN 'next_action_due time When it is due.' END], NULL))
    FROM (VALUES ('stage', 'stage', format('stage! %s Stage, by a legal move.', stage)),
                 ('recommended-path', 'recommended path', format('recommended_path! %s Recommended path.', path)),
                 ('next-action', 'next action', 'next_action! contact|follow_up|schedule_call|send_proposal|no_action Next action.'),
                 ('priority', 'priority', 'priority! critical|high|normal|low Priority.'),
                 ('temperature', 'temperature', 'temperature! cold|warm|hot Temperature.')) AS w(word, noun, line);
    PERFORM sentinel.serve('PATCH', '/leads/bulk/' || w.word, 'sentinel.http_set_leads', format('Set the %s of up to 1000 leads.', w.noun), 'leads',
            rate_tier => 'strict', answers => 'free', body => ARRAY['ids! uuids Leads.', w.line])
    FROM (VALUES ('stage', 'stage', format('stage! %s Stage, by a legal move.', stage)),
                 ('recommended-path', 'recommended path', format('recommended_path! %s Recommended path.', path)),
                 ('temperature', 'temperature', 'temperature! cold|warm|hot Temperature.'),
                 ('platform', 'platform', 'platform! text Platform.'),
                 ('priority', 'priority', 'priority! critical|high|normal|low Priority.'),
                 ('lead-source', 'source', 'lead_source! text Source.')) AS w(word, noun, line);
END
$$;

DO $$
DECLARE
    paging constant text[] := ARRAY['limit integer Rows on a page, 1 to 200; 50 unless given.', 'cursor text The next_cursor of the page before.'];
    about constant text[] := ARRAY['subject_type lead|deal|call|invoice|contract|client Kind of what it is about.', 'subject_id uuid Id of what it is about.'];
BEGIN
    PERFORM sentinel.serve('POST', '/notes', 'sentinel.http_note', 'Write a note; on a lead it counts as contact.', 'leads',
            body => ARRAY['subject_type! lead|deal|call|invoice|contract|client Kind of what it is about.', 'subject_id! uuid Id of that.', 'body! text Text.']),
        sentinel.serve('GET', '/notes', 'sentinel.http_notes', 'List notes, the newest first.', 'leads', answers => 'list',
            query => about || ARRAY['member_id uuid Who wrote it.'] || paging),
        sentinel.serve('GET', '/notes/{note_id}', 'sentinel.http_note', 'Give a note.', 'leads'),
        sentinel.serve('PATCH', '/notes/{note_id}', 'sentinel.http_note', 'Change the text of a note.', 'leads', body => ARRAY['body! text Text.']),
        sentinel.serve('DELETE', '/notes/{note_id}', 'sentinel.http_note', 'Delete a note.', 'leads', answers => 'nothing');
    PERFORM sentinel.serve('POST', '/tasks', 'sentinel.http_task', 'Make a task.', 'revenue',
            body => ARRAY['title! text What is to be done.'] || about || ARRAY['due_at time When.', 'priority critical|high|normal|low Priority; normal unless given.',
                                                                             'member_id uuid For whom; whoever comes first unless given.']),
        sentinel.serve('GET', '/tasks', 'sentinel.http_tasks', 'List tasks: open ones by when they are due, then those done.', 'revenue', answers => 'list',
            query => ARRAY['state open|done State.'] || about || ARRAY['member_id uuid For whom.', 'priority critical|high|normal|low Priority.',
                'due_from time Due at or after.', 'due_until time Due before.'] || paging),
        sentinel.serve('GET', '/tasks/{task_id}', 'sentinel.http_task', 'Give a task.', 'revenue'),
        sentinel.serve('PATCH', '/tasks/{task_id}', 'sentinel.http_task', 'Change a task.', 'revenue',
            body => ARRAY['title text What is to be done.', 'due_at time When; null for no time.', 'priority critical|high|normal|low Priority.',
                          'member_id uuid For whom; null for whoever comes first.']),
        sentinel.serve('PATCH', '/tasks/{task_id}/complete', 'sentinel.http_task', 'Say that a task is done, or to be done again.', 'revenue',
            body => ARRAY['done boolean Whether it is done; the other way round than it stands unless given.']),
        sentinel.serve('DELETE', '/tasks/{task_id}', 'sentinel.http_task', 'Delete a task.', 'revenue', answers => 'nothing');
    PERFORM sentinel.serve('POST', '/templates', 'sentinel.http_template', 'Save a template under its kind and name.', 'revenue', role => 'admin',
            body => ARRAY['name! text Name.', 'body! text Text with {{word}} where a value goes.', 'kind contract|proposal|email Kind; contract unless given.']),
        sentinel.serve('GET', '/templates', 'sentinel.http_templates', 'List templates, the newest first, without their text.', 'revenue', answers => 'list',
            query => ARRAY['kind contract|proposal|email Kind.', 'name text Name.'] || paging),
        sentinel.serve('GET', '/templates/{template_id}', 'sentinel.http_template', 'Give a template.', 'revenue'),
        sentinel.serve('PATCH', '/templates/{template_id}', 'sentinel.http_template', 'Change the text of a template.', 'revenue', role => 'admin',
            body => ARRAY['body! text Text.']),
        sentinel.serve('POST', '/templates/{template_id}/render', 'sentinel.http_template', 'Put values into a template, escaped for HTML.', 'revenue',
            scope => 'templates:read', role => 'viewer', body => ARRAY['variables! object Values of the words.']);
    PERFORM sentinel.serve('POST', '/tags', 'sentinel.http_tag', 'Make a tag.', 'leads', body => ARRAY['name! text Name.', 'color text Colour such as #6b7280.']),
        sentinel.serve('GET', '/tags', 'sentinel.http_tags', 'List tags by name.', 'leads', answers => 'list', query => ARRAY['name text Name.'] || paging),
        sentinel.serve('DELETE', '/tags/{tag_id}', 'sentinel.http_tag', 'Delete a tag and take it off everything.', 'leads', role => 'admin', answers => 'nothing');
    PERFORM sentinel.serve('POST', '/saved-views', 'sentinel.http_saved_view', 'Keep a search under a name.', 'leads',
            body => ARRAY['name! text Name.', 'entity_type! lead|deal What is searched.', 'filters object Filters of the search.', 'sort text Column to sort by.',
                          'direction desc|asc Direction.', 'shared boolean Whether colleagues see it.']),
        sentinel.serve('GET', '/saved-views', 'sentinel.http_saved_views', 'List saved views, own and shared ones.', 'leads', answers => 'list',
            query => ARRAY['entity_type lead|deal What is searched.'] || paging),
        sentinel.serve('GET', '/saved-views/{view_id}', 'sentinel.http_saved_view', 'Give a saved view.', 'leads'),
        sentinel.serve('GET', '/saved-views/{view_id}/run', 'sentinel.http_saved_view', 'Run a saved view.', 'leads', answers => 'list',
            query => ARRAY['limit integer Rows on a page, 1 to 99; 50 unless given.', 'cursor text The next_cursor of the page before.',
                           'page integer Number of the page, from 1, of leads only.']),
        sentinel.serve('DELETE', '/saved-views/{view_id}', 'sentinel.http_saved_view', 'Delete a saved view.', 'leads', answers => 'nothing');
END
$$;
