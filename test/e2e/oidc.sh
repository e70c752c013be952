#!/usr/bin/env bash
# Sign-in by the identity provider of an organisation: the worker fetches its keys over real HTTP, its tokens sign in, its keys
# rotate; what it answers when it fails leaves the old keys; tokens that are forged, stale or for somebody else are refused.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

# One request as the gateway makes it, in a transaction of its own; prints status and body. Arguments: path, JSON.
post() {
    sql "SET ROLE sentinel_gateway; SELECT h.status || ' ' || convert_from(h.body, 'UTF8')
        FROM sentinel.http_handle('POST', '$1', NULL, '[[\"Content-Type\", \"application/json\"]]', convert_to(\$\$$2\$\$, 'UTF8'), '192.0.2.7') h"
    sql "DELETE FROM sentinel.request_buckets" # many sign-ins from one address are what this test is about
}
# What python finds in the JSON behind a status, named x.
see() { python3 -c "import json, sys; x = json.loads(sys.stdin.read().split(' ', 1)[1]); print($1)"; }
nonce() { post /auth/oidc/start '{"org": "example"}' | see 'x["data"]["nonce"]'; }
# An ID token of the provider for a new nonce. Arguments: further claims and further members of the order, as JSON members.
token() {
    local now nonce claims
    now=$(date +%s)
    nonce=$(nonce)
    claims="\"iss\": \"http://${ADDRESS[oidc]}\", \"aud\": \"client-1\", \"sub\": \"s-1\", \"iat\": $now, \"exp\": $((now + 300)), \"nonce\": \"$nonce\",
        \"email\": \"Ann@Example.com\", \"email_verified\": true"
    ask oidc /token "{\"claims\": {$claims${1:+, $1}}${2:+, $2}}"
}
sign_in() { post /auth/oidc "{\"id_token\": \"$1\"}"; }
status() { sign_in "$1" | cut -d ' ' -f 1; }
keys() { sql "SELECT concat_ws(' ', (SELECT string_agg(k ->> 'kid', ',' ORDER BY k ->> 'kid') FROM jsonb_array_elements(jwks -> 'keys') k), jwks_problem)
    FROM sentinel.oidc_issuers"; }
has() { [[ $(keys) == "$1"* ]]; }
signs_in() { [[ $(status "$1") == 200 ]]; }
refresh() { org_sql "SELECT sentinel.refresh_oidc_keys(id) FROM sentinel.oidc_issuers" >/dev/null; }
# Let the provider fail in one way, and see what is kept beside the old keys. Arguments: trick, beginning of the problem.
fails() {
    ask oidc /_control "{\"trick\": \"$1\"}" >/dev/null
    refresh
    within 20 "$1: the old keys stay, and why" has "$known $2"
}

printf '== cluster, provider, worker\n'
delivery_begin oidc "fsync = off" "log_min_duration_statement = 0" "log_parameter_max_length = -1"
standin oidc
worker_conf "$DIR/worker.json"
worker_start
within 20 "the worker is ready" grep -q '"msg":"ready"' "$DIR/worker.log"
sql "SELECT sentinel.create_server_key()" >/dev/null
org_sql "SELECT sentinel.add_member('Ann', 'ann@example.com')" >/dev/null

printf '== keys\n'
provider=$(org_sql "SELECT sentinel.add_oidc_issuer('http://${ADDRESS[oidc]}', 'client-1', 'http://${ADDRESS[oidc]}/jwks', 'http://${ADDRESS[oidc]}/authorize')")
within 20 "the worker fetches them when a provider is added" has key-1
same "by a GET without a body" "GET 0" "$(ask oidc /_log | python3 -c 'import json, sys; x = json.load(sys.stdin)[0]; print(x["method"], x["body"])')"
same "that shows nothing of ours" "accept host user-agent" "$(ask oidc /_log | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)[0]["headers"]))')"
same "of a key what verifies is kept" "alg,e,kid,kty,n,use" "$(sql "SELECT string_agg(k, ',' ORDER BY k) FROM sentinel.oidc_issuers, jsonb_object_keys(jwks #> '{keys,0}') k")"

printf '== signing in\n'
good=$(token)
answer=$(sign_in "$good")
same "a token of the provider signs in" "200 ann@example.com example" "${answer%% *} $(see 'x["user"]["email"], x["organisations"][0]["slug"]' <<<"$answer" | tr -d "'(),")"
same "once" 401 "$(status "$good")"
same "refused: for another client" 401 "$(status "$(token '"aud": "client-2"')")"
same "refused: of another issuer" 401 "$(status "$(token '"iss": "https://evil.example"')")"
same "refused: with a nonce that nobody began with" 401 "$(status "$(token "\"nonce\": \"$(sql "SELECT replace('$ORG', '-', '')")$(printf '0%.0s' {1..64})\"")")"
same "refused: without a nonce" 401 "$(status "$(token '"nonce": null')")"
same "refused: expired" 401 "$(status "$(token "\"iat\": $(($(date +%s) - 900)), \"exp\": $(($(date +%s) - 600))")")"
same "refused: of an address that may not be the person's" 401 "$(status "$(token '"email_verified": false')")"
same "refused: alg none" 401 "$(status "$(token '' '"alg": "none"')")"
same "refused: HS256 with the public key" 401 "$(status "$(token '' '"alg": "HS256"')")"
same "refused: signed by another under the same kid" 401 "$(status "$(token '' '"key": "foreign"')")"
same "refused: who is no member" 403 "$(status "$(token '"email": "eve@example.com"')")"
same "one session came of all that" 1 "$(sql "SELECT count(*) FROM sentinel.sessions")"

printf '== the provider rotates its keys\n'
sql "UPDATE sentinel.oidc_issuers SET jwks_asked_at = now() - interval '1 hour'" >/dev/null
ask oidc /_control '{"rotate": true}' >/dev/null
new=$(token)
same "a key that is not known yet: try again" "the key of the ID token is not known yet" "$(sign_in "$new" | see 'x["title"]')"
within 20 "its keys are fetched" has key-1,key-2
same "and the same token signs in" 200 "$(status "$new")"
same "one of the old key too, while it is published" 200 "$(status "$(token '' '"key": "old"')")"
asked=$(counter oidc jwks)
for _ in 1 2 3; do sign_in "$(token '' '"kid": "made-up"')" >/dev/null; done
sleep 2 # what was asked for would be here by now
same "made-up key ids do not make it ask again within the minute" "$asked" "$(counter oidc jwks)"
known=$(keys)

printf '== the provider fails\n'
fails gone 'no keys came: HTTP 404'
fails rubbish 'the answer cannot be read: it is no JSON'
fails huge 'the answer is longer than 256 KiB'
fails redirect 'no keys came: HTTP 302'
ask oidc /_control '{"trick": null, "next": [{"status": 500}, {"close": true}]}' >/dev/null
refresh
within 40 "a failure that passes: tried again, and the problem is gone" gives "$known" "SELECT (SELECT string_agg(k ->> 'kid', ',' ORDER BY k ->> 'kid')
    FROM jsonb_array_elements(jwks -> 'keys') k) || coalesce(jwks_problem, '') FROM sentinel.oidc_issuers"
ask oidc /_control '{"trick": "many"}' >/dev/null
refresh
within 20 "of two hundred keys twenty are kept" gives 20 "SELECT jsonb_array_length(jwks -> 'keys') FROM sentinel.oidc_issuers"
same "and no shared secret" 0 "$(sql "SELECT count(*) FROM sentinel.oidc_issuers WHERE jwks::text LIKE '%oct%'")"
ask oidc /_control '{"trick": null}' >/dev/null
refresh
within 20 "then it is well again" has "$known"
ok "and signs in" signs_in "$(token)"

printf '== the clock, and the end\n'
asked=$(counter oidc jwks)
sql "UPDATE sentinel.oidc_issuers SET jwks_asked_at = now() - interval '25 hours'; UPDATE sentinel.clock_steps SET ran_at = now() - interval '1 hour'" >/dev/null
within 20 "keys of yesterday are fetched by the clock" counted oidc jwks $((asked + 1))
org_sql "SELECT sentinel.disable_oidc_issuer('$provider')" >/dev/null
same "disabled, nobody begins to sign in" 404 "$(post /auth/oidc/start '{"org": "example"}' | cut -d ' ' -f 1)"
same "and no session lives" 0 "$(sql "SELECT count(*) FROM sentinel.sessions WHERE ended_at IS NULL")"
ok "the worker stops in order" worker_stop
tally
