#!/usr/bin/env bash
# The gateway over real HTTP: every route called by curl and shown in a table, another organisation's ids on each of them, a
# listener that is cut off five times in 10,000 events, sign-ins that come at once, a database that goes away, secrets in no log.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

# The status of a request. Arguments: method, path, token, body, further arguments of curl.
status() {
    local verb=$1 path=$2 token=$3 body=$4
    shift 4
    curl -s -m 30 -o "$DIR/answer" -w '%{http_code}' -X "$verb" ${token:+-H "Authorization: Bearer $token"} \
        ${body:+-H 'Content-Type: application/json' --data-binary "$body"} "$@" "$URL$path"
}
# A member of the last answer, in python, named x.
said() { python3 -c "import json, sys; x = json.load(open(sys.argv[1])); print($1)" "$DIR/answer"; }
key_of() { cluster_psql "$NAME" -d "$DB" -At -c "SELECT sentinel.enter('$1', NULL, true)" -c "SELECT key FROM sentinel.create_api_key('e2e', '{*}')" | tail -n 1; }
org_of() { sql "SELECT org_id FROM sentinel.orgs WHERE slug = '$1'"; }
# What an organisation has, table by table, as one number.
sum_of() {
    sql "SELECT string_agg(format('SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM %s t WHERE org_id = %L', c.oid::regclass,
             c.oid::regclass, '$1'), ' UNION ALL ' ORDER BY c.oid::regclass::text) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
         WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind = 'r'
           AND c.relname NOT IN ('api_keys', 'job_waiting', 'job_running', 'job_stats')" >"$DIR/sums.sql"
    cluster_psql "$NAME" -d "$DB" -At -f "$DIR/sums.sql"
}

printf '== cluster, gateway, two organisations; the server logs every statement with its parameters\n'
delivery_begin gateway "fsync = off" "log_min_duration_statement = 0" "log_parameter_max_length = -1" "log_parameter_max_length_on_error = -1"
for who in acme rival; do
    cluster_psql "$NAME" -d "$DB" -v label="${who^}" -v slug="$who" -f "$ROOT/test/e2e/populate.sql" >/dev/null 2>"$DIR/populate.log" ||
        { cat "$DIR/populate.log" >&2; die "populate.sql failed"; }
done
acme=$(org_of acme)
rival=$(org_of rival)
gateway_start
sql "UPDATE sentinel.rate_tiers SET capacity = 1000000" >/dev/null
acme_key=$(key_of "$acme")
rival_key=$(key_of "$rival")
cron=$(sql "SELECT sentinel.make_cron_secret()")
sql "SELECT json_agg(r ORDER BY r.pattern, r.method) FROM sentinel.http_routes r" >"$DIR/routes.json"
# One id of each kind of thing of an organisation.
sql "SELECT string_agg(format('SELECT %L AS name, (SELECT id FROM %s WHERE org_id = %L ORDER BY id LIMIT 1)::text AS id',
         CASE c.relname WHEN 'webhook_sources' THEN 'source' WHEN 'api_keys' THEN 'key' WHEN 'notifications' THEN 'notification'
              WHEN 'oidc_issuers' THEN 'issuer' WHEN 'webhook_endpoints' THEN 'target' WHEN 'saved_views' THEN 'view'
              WHEN 'document_templates' THEN 'template' ELSE regexp_replace(c.relname, 's\$', '') END || '_id', c.oid::regclass, '$acme'), ' UNION ALL ')
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND a.atttypid = 'uuid'::regtype
     WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind = 'r' AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'org_id')" >"$DIR/ids.sql"
cluster_psql "$NAME" -d "$DB" -At -c "SELECT json_object_agg(name, id) FILTER (WHERE id IS NOT NULL) FROM ($(<"$DIR/ids.sql")) x" >"$DIR/ids.json"
python3 - "$DIR/ids.json" <<'PY'
import json, sys
ids = json.load(open(sys.argv[1]))
ids.update(any=ids["deal_id"], document_id=ids["contract_id"], delivery_id=ids["deliverie_id"], job_id=ids["job_dead_id"])
json.dump(ids, open(sys.argv[1], "w"))
PY

printf '== every route with ids of another organisation, and with unknown ones\n'
before=$(sum_of "$acme")
python3 -B "$ROOT/test/e2e/gateway/routes.py" "$URL" "$DIR/routes.json" "$rival_key" "$DIR/ids.json" --compare "$cron" >"$DIR/compare.out"
same "the answers are the same, byte by byte" 0 "$?"
grep 'routes take ids' "$DIR/compare.out"
grep -A2 '^FAILED' "$DIR/compare.out" | head -n 60
same "and of what the other has nothing has changed" "$before" "$(sum_of "$acme")"

printf '== every route, by its owner\n'
python3 -B "$ROOT/test/e2e/gateway/routes.py" "$URL" "$DIR/routes.json" "$acme_key" "$DIR/ids.json" --table "$cron" >"$DIR/table.out"
same "each is answered as it should" 0 "$?"
grep -v '^FAILED' "$DIR/table.out"
grep '^FAILED' "$DIR/table.out" | head -n 40
ok "the server says nothing of an error that it did not foresee" not grep -q 'sentinel: .* failed' "$DIR/log"
grep 'sentinel: .* failed' "$DIR/log" | head -n 10

printf '== people sign in\n'
password=pw-$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
same "registering" 201 "$(status POST /auth/register '' "{\"email\": \"ana@e2e.example\", \"password\": \"$password\"}")"
same "signing in" 200 "$(status POST /api/auth/login '' "{\"email\": \"ana@e2e.example\", \"password\": \"$password\"}")"
token=$(said 'x["token"]')
refresh=$(said 'x["refresh_token"]')
same "who it is" 200 "$(status GET /auth/me "$token" '')"
same "in the database" ana@e2e.example "$(said 'x["user"]["email"]')"
same "a refresh" 200 "$(status POST /auth/refresh '' "{\"refreshToken\": \"$refresh\"}")"
many=()
for n in 1 2 3 4 5 6 7 8; do
    curl -s -m 30 -o /dev/null -D "$DIR/login.$n" -X POST -H 'Content-Type: application/json' \
        --data-binary "{\"email\": \"ana@e2e.example\", \"password\": \"$password\"}" "$URL/auth/login" &
    many+=($!)
done
wait "${many[@]}"
ok "of eight at once some are told to come again in a second" grep -qi '^retry-after: 1' "$DIR"/login.*
ok "and some are let in" grep -q '^HTTP/1.1 200' "$DIR"/login.*
same "nothing else happens to them" 8 "$(cat "$DIR"/login.? | grep -cE '^HTTP/1.1 (200|503)')"

printf '== live: 10,000 events, five cuts\n'
start_process listen python3 -B "$ROOT/test/e2e/gateway/listen.py" "$URL" "$acme_key" 10000 5 "$DIR/heard"
listener=$!
within 20 "somebody listens" grep -q listening "$DIR/listen.log"
# Four writers; each second transaction of a writer stays open while others commit behind it.
writers=()
for writer in 0 1 2 3; do
    {
        printf "SELECT sentinel.enter('%s', NULL, true) \\\\g /dev/null\n" "$acme"
        for ((batch = 0; batch < 50; batch++)); do
            first=$((writer * 2500 + batch * 50))
            printf "BEGIN; SELECT sentinel.emit_many((SELECT jsonb_agg(jsonb_build_object('event_type', 'load.made', 'payload', jsonb_build_object('n', n))) FROM generate_series(%d, %d) n));" \
                "$first" $((first + 49))
            ((batch % 2)) && printf " SELECT pg_sleep(0.1 * random());"
            printf " COMMIT;\n"
        done
    } | cluster_psql "$NAME" -d "$DB" -At >/dev/null &
    writers+=($!)
done
wait "${writers[@]}"
wait "$listener"
same "all have come" 0 "$?"
tail -n 1 "$DIR/listen.log"
same "each once or more, none missed" 10000 "$(sort -u "$DIR/heard" | wc -l)"
same "a new listener with an old id hears them too" 0 "$(python3 -B "$ROOT/test/e2e/gateway/listen.py" "$URL" "$acme_key" 0 0 /dev/null >/dev/null; echo $?)"
curl -s -N -m 20 -H "Authorization: Bearer $rival_key" "$URL/api/events" >"$DIR/rival.sse" &
other=$!
curl -s -N -m 20 -H "Authorization: Bearer $acme_key" "$URL/api/events" >"$DIR/acme.sse" &
own=$!
within 10 "two more listen" grep -q retry "$DIR/rival.sse" "$DIR/acme.sse"
sql "SELECT sentinel.enter('$acme'); SELECT sentinel.emit('load.last', 'probe', sentinel.uuid7(), '{}', 'last')" >/dev/null
within 10 "an event is heard" grep -q load.last "$DIR/acme.sse"
sql "UPDATE sentinel.api_keys SET revoked_at = now() WHERE org_id = '$rival'" >/dev/null
within 10 "a listener whose key is revoked is shut out" not kill -0 "$other"
ok "another organisation heard nothing" not grep -q load.last "$DIR/rival.sse"
kill "$own" "$other" 2>/dev/null
wait "$own" "$other" 2>/dev/null

printf '== the database goes away, and comes back\n'
cluster_restart_immediate "$NAME"
within 20 "the gateway finds it again" eval '[[ $(status GET /health "" "") == 200 ]]'
cluster_stop "$NAME"
same "without it the gateway says so" 503 "$(status GET /health '' '')"
same "and when to ask again" 1 "$(curl -s -m 10 -D - -o /dev/null "$URL/health" | grep -ci '^retry-after:')"
cluster_start "$NAME"
within 40 "it comes back" eval '[[ $(status GET /health "" "") == 200 ]]'

printf '== secrets\n'
same "no password, key or token stands in the log of the server" 0 \
    "$(grep -cF -e "$password" -e "$acme_key" -e "$token" -e "$refresh" "$DIR/log" "$DIR"/gateway.log* | awk -F: '{ n += $2 } END { print n }')"
ok "which shows the statements themselves" grep -q 'sentinel.http_handle(' "$DIR/log"
gateway_stop
same "the gateway stops in order" 0 "$?"
tally
