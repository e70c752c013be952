-- Room gateway, docs: the page that lists all routes for people. It holds all it needs; its script and its style run by their hashes.

CREATE FUNCTION sentinel.docs_style() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '
:root { color-scheme: light dark; --line: #d5d9e0; --soft: #f4f6f9; --text: #1c2330; --dim: #5b6577; --page: #fff; --accent: #1d5fd1; }
@media (prefers-color-scheme: dark) { :root { --line: #323a49; --soft: #1b212c; --text: #e4e8ef; --dim: #9aa5b8; --page: #12161e; --accent: #7cabff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; } h2 { margin: 2rem 0 .5rem; text-transform: capitalize; } h3 { margin: 1rem 0 .25rem; font-size: 1rem; }
a { color: var(--accent); } p { margin: .5rem 0; } .dim { color: var(--dim); }
nav { display: flex; flex-wrap: wrap; gap: .25rem .75rem; }
input { width: 100%; margin: 1rem 0; padding: .6rem .8rem; font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; } details > div { padding: 0 1rem 1rem; }
summary { display: flex; gap: .75rem; padding: .5rem 1rem; cursor: pointer; flex-wrap: wrap; align-items: baseline; }
summary > b { width: 4rem; color: var(--accent); font-family: ui-monospace, monospace; }
code, pre { font: .9em/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; padding: .75rem; overflow-x: auto; white-space: pre-wrap; margin: .25rem 0; }
table { width: 100%; border-collapse: collapse; } td, th { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; } [hidden] { display: none; }
'
$$;
COMMENT ON FUNCTION sentinel.docs_style() IS 'Give the style sheet of the page of routes.';

CREATE FUNCTION sentinel.docs_script() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '
const find = document.getElementById("find");
const look = () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const room of document.querySelectorAll("section")) {
    let shown = 0;
    for (const route of room.querySelectorAll("details")) {
      const text = route.textContent.toLowerCase();
      route.hidden = !words.every(word => text.includes(word));
      if (!route.hidden) shown++;
    }
    room.hidden = shown === 0;
  }
};
find.addEventListener("input", look);
const open = () => { const route = document.getElementById(decodeURIComponent(location.hash.slice(1))); if (route && route.tagName === "DETAILS") route.open = true; };
addEventListener("hashchange", open);
open();
'
$$;
COMMENT ON FUNCTION sentinel.docs_script() IS 'Give the script of the page of routes: it shows the routes that hold the words typed.';

CREATE FUNCTION sentinel.docs_kind(schema jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN schema ? 'enum' THEN (SELECT string_agg(e.value, ' | ' ORDER BY e.place)
                                           FROM jsonb_array_elements_text(schema -> 'enum') WITH ORDINALITY AS e (value, place))
                WHEN schema ->> 'type' = 'array' THEN 'list of ' || coalesce(schema #>> '{items,format}', schema #>> '{items,type}', 'anything')
                ELSE coalesce(schema ->> 'format', CASE jsonb_typeof(schema -> 'type') WHEN 'string' THEN schema ->> 'type' END, 'anything') END
$$;
COMMENT ON FUNCTION sentinel.docs_kind(jsonb) IS 'Say in a word or two what a JSON Schema takes.';

CREATE FUNCTION sentinel.docs_table(members jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '<table><tr><th>Name</th><th>Kind</th><th>What it is</th></tr>' || string_agg(format('<tr><td><code>%s</code>%s</td><td>%s</td><td>%s</td></tr>',
        sentinel.escape_html(m.value ->> 'name'), CASE WHEN m.value -> 'required' = 'true' THEN ' <span class="dim">required</span>' ELSE '' END,
        sentinel.escape_html(sentinel.docs_kind(m.value -> 'schema')), coalesce(sentinel.escape_html(m.value ->> 'description'), '')), '' ORDER BY m.place) || '</table>'
    FROM jsonb_array_elements(members) WITH ORDINALITY AS m (value, place)
$$;
COMMENT ON FUNCTION sentinel.docs_table(jsonb) IS 'Give parameters or members as an HTML table.';

CREATE FUNCTION sentinel.docs_curl(method text, pattern text, operation jsonb, server text) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat('curl ', CASE WHEN method <> 'GET' THEN format('-X %s ', method) END,
        CASE WHEN operation -> 'security' @> '[{"cron": []}]' THEN E'-H "Authorization: Bearer $CRON_SECRET" \\\n     '
             WHEN operation -> 'security' <> '[]' THEN E'-H "Authorization: Bearer $TOKEN" \\\n     ' END,
        CASE WHEN body.media IS NOT NULL THEN format(E'-H "Content-Type: %s" \\\n     ', body.media) END,
        CASE WHEN body.media = 'application/json' THEN format(E'-d ''%s'' \\\n     ', replace(body.example, '''', '''\'''''))
             WHEN body.media IS NOT NULL THEN E'--data-binary @file \\\n     ' END,
        '"', server, '/api', pattern, CASE WHEN wanted.query <> '' THEN '?' || wanted.query END, '"')
    FROM (SELECT string_agg(format('%s=%s', p.value ->> 'name', coalesce(p.value #>> '{schema,enum,0}', '...')), '&' ORDER BY p.place) AS query
          FROM jsonb_array_elements(operation -> 'parameters') WITH ORDINALITY AS p (value, place)
          WHERE p.value ->> 'in' = 'query' AND p.value -> 'required' = 'true') wanted,
         (SELECT min(c.media) AS media, coalesce((
              SELECT jsonb_object_agg(m.key, CASE WHEN m.value ? 'enum' THEN m.value #> '{enum,0}' WHEN m.value ->> 'type' IN ('integer', 'number') THEN '1'
                  WHEN m.value ->> 'type' = 'boolean' THEN 'true' WHEN m.value ->> 'type' = 'array' THEN '[]' WHEN m.value ->> 'type' = 'object' THEN '{}'
                  ELSE '"..."' END::jsonb)
              FROM jsonb_each(operation #> '{requestBody,content,application/json,schema,properties}') m
              WHERE operation #> '{requestBody,content,application/json,schema,required}' ? m.key), '{}')::text AS example
          FROM jsonb_object_keys(coalesce(operation #> '{requestBody,content}', '{}')) AS c (media)) body
$$;
COMMENT ON FUNCTION sentinel.docs_curl(text, text, jsonb, text) IS 'Give a call of curl that shows how a route is used, with what it requires.';

CREATE FUNCTION sentinel.docs_route(method text, pattern text, operation jsonb, server text) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat(format('<details id="%s"><summary><b>%s</b><code>%s</code><span class="dim">%s</span></summary><div><p>%s</p>',
            sentinel.escape_html(operation ->> 'operationId'), method, sentinel.escape_html(pattern), sentinel.escape_html(operation ->> 'summary'),
            sentinel.escape_html(operation ->> 'description')),
        format('<p class="dim">Rate tier %s: %s requests in %s s, counted by %s.</p>', operation #>> '{x-rate-limit,tier}', operation #>> '{x-rate-limit,requests}',
            operation #>> '{x-rate-limit,seconds}', operation #>> '{x-rate-limit,counts_by}'),
        CASE WHEN parameters.list <> '[]' THEN '<h3>Parameters</h3>' || sentinel.docs_table(parameters.list) END,
        CASE WHEN operation ? 'requestBody' THEN concat('<h3>Body</h3>',
            format('<p><code>%s</code>, at most %s bytes.</p>', (SELECT min(c.media) FROM jsonb_object_keys(operation #> '{requestBody,content}') AS c (media)),
                   operation ->> 'x-max-body-bytes'),
            CASE WHEN body.list <> '[]' THEN sentinel.docs_table(body.list) END) END,
        '<h3>Answers</h3><table>', (SELECT string_agg(format('<tr><td><code>%s</code></td><td>%s</td><td>%s</td></tr>', a.status,
                sentinel.escape_html(coalesce(a.answer ->> 'description', known.responses #>> ARRAY[regexp_replace(a.answer ->> '$ref', '^.*/', ''), 'description'])),
                (SELECT format('<code>%s</code>', min(c.media)) FROM jsonb_object_keys(a.answer -> 'content') AS c (media) HAVING count(*) > 0)), '' ORDER BY a.status)
            FROM jsonb_each(operation -> 'responses') AS a (status, answer), (SELECT sentinel.openapi_components() -> 'responses' AS responses OFFSET 0) known
            WHERE a.status <> 'default'), '</table>',
        '<h3>Example</h3><pre>', sentinel.escape_html(sentinel.docs_curl(method, pattern, operation, server)), '</pre></div></details>', E'\n')
    FROM (SELECT coalesce(jsonb_agg(p.value ORDER BY p.place), '[]') AS list
          FROM jsonb_array_elements(operation -> 'parameters') WITH ORDINALITY AS p (value, place) WHERE p.value ? 'name') parameters,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('name', m.key, 'schema', m.value, 'description', m.value -> 'description',
              'required', coalesce(operation #> '{requestBody,content,application/json,schema,required}' ? m.key, false))
              ORDER BY coalesce(operation #> '{requestBody,content,application/json,schema,required}' ? m.key, false) DESC, m.key), '[]') AS list
          FROM jsonb_each(coalesce(operation #> '{requestBody,content,application/json,schema,properties}', '{}')) m) body
$$;
COMMENT ON FUNCTION sentinel.docs_route(text, text, jsonb, text) IS 'Give one route as HTML.';

CREATE FUNCTION sentinel.docs_page() RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH room AS MATERIALIZED (
        SELECT o.room, string_agg(sentinel.docs_route(o.method, o.pattern, o.operation, s.public_url), '' ORDER BY o.pattern, o.method) AS routes, count(*) AS many
        FROM sentinel.openapi_operations() o, sentinel.gateway_settings s GROUP BY o.room)
    SELECT concat('<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        '<title>Sentinel: routes</title><style>', sentinel.docs_style(), '</style></head><body><h1>Sentinel</h1>',
        format('<p class="dim">Version %s, %s routes. For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>', sentinel.version(), (SELECT sum(r.many) FROM room r)),
        '<p>Every path is served with and without <code>/api</code> before it. Lists answer <code>{"data": [...], "next_cursor": ...}</code>; give <code>next_cursor</code> as <code>cursor</code> for the next page. ',
        'What went wrong is told as <code>application/problem+json</code> with status, code, detail and hint. <code>$TOKEN</code> is an access token of <code>POST /auth/login</code> or an API key.</p><nav>',
        (SELECT string_agg(format('<a href="#room-%s">%s</a>', sentinel.escape_html(r.room), sentinel.escape_html(r.room)), ' ' ORDER BY r.room) FROM room r),
        '</nav><input id="find" type="search" placeholder="Find a route" aria-label="Find a route">', E'\n',
        (SELECT string_agg(format(E'<section id="room-%s"><h2>%s</h2>\n%s</section>\n', sentinel.escape_html(r.room), sentinel.escape_html(r.room), r.routes), '' ORDER BY r.room) FROM room r),
        '<script>', sentinel.docs_script(), E'</script></body></html>\n')
$$;
COMMENT ON FUNCTION sentinel.docs_page() IS 'Give the page of all routes.';

CREATE FUNCTION sentinel.http_docs(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('text', sentinel.kept_document('docs'), 'type', 'text/html; charset=utf-8', 'headers', jsonb_build_object(
        'Cache-Control', 'no-cache', 'Content-Security-Policy',
        format('default-src ''none''; script-src ''sha256-%s''; style-src ''sha256-%s''; base-uri ''none''; form-action ''none''; frame-ancestors ''none''',
               encode(sha256(convert_to(sentinel.docs_script(), 'UTF8')), 'base64'), encode(sha256(convert_to(sentinel.docs_style(), 'UTF8')), 'base64'))));
END
$$;
COMMENT ON FUNCTION sentinel.http_docs(jsonb, bytea) IS 'Route: the page of all routes, for people. It needs no other host.';
