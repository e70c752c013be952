#!/usr/bin/env bash
# Webhooks through the running gateway: every payload of test/payloads with a right and a wrong signature, the same delivery
# twice and many times at once, what each becomes, and that no secret is written anywhere. Needs: make install, curl.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

GATEWAY=$(pg_bindir)/sentinel-gateway
[[ -x $GATEWAY ]] || die "no $GATEWAY: make install where the headers of Boost 1.81 are"
PAYLOADS=$ROOT/test/payloads
SCRATCH=$(mktemp -d)

# What was sent and what was said: see post.
declare -A SECRET=() WEBHOOK_PATH=()
STATUS=
ANSWER=

add_source() { # vendor, further arguments of add_webhook_source
    local vendor=$1 id path secret
    IFS='|' read -r id path secret < <(org_sql "SELECT * FROM sentinel.add_webhook_source('$vendor', 'Source of $vendor'${2:+, $2})")
    [[ -n $id ]] || die "no source of $vendor"
    WEBHOOK_PATH[$vendor]=$path
    SECRET[$vendor]=${secret:-${SECRET[$vendor]:-}}
}
# Post a file. Arguments: path, file, headers (lines), media type; sets STATUS and ANSWER.
post() {
    STATUS=$(curl -sS -m 20 -o "$SCRATCH/answer" -w '%{http_code}' -X POST -H "Content-Type: ${4:-application/json}" -H @<(printf '%s\n' "$3") \
        -H 'Expect:' --data-binary "@$2" "$URL$1")
    ANSWER=$(<"$SCRATCH/answer")
}
# The headers of a delivery. Arguments: vendor, secret, path, file, age in seconds.
headers() {
    local file=${4##*/}
    python3 -B "$ROOT/test/e2e/gateway_webhooks.py" "$1" "$2" "$URL$3" "$4" "${5:-0}"
    if [[ $1 == github ]]; then printf 'X-GitHub-Event: %s\nX-GitHub-Delivery: 72d3162e-%s\n' "${file%%.*}" "$file"; fi
}
counts() { sql "SELECT (SELECT count(*) FROM sentinel.webhook_events), (SELECT count(*) FROM sentinel.job_waiting WHERE job_type = 'process_webhook')"; }
mark() { IFS='|' read -r ROWS JOBS < <(counts); }
ends() { # WORDS STATUS ROWS JOBS: how the last post ended, counted from mark
    local rows jobs
    IFS='|' read -r rows jobs < <(counts)
    same "$1" "$2, +$3 rows, +$4 jobs" "$STATUS, +$((rows - ROWS)) rows, +$((jobs - JOBS)) jobs"
}
gateway_end() {
    [[ -n ${GATEWAY_PID:-} ]] && kill -TERM "$GATEWAY_PID" 2>/dev/null && await_exit "$GATEWAY_PID" 10
    rm -rf "$SCRATCH"
    delivery_end
}

printf '== cluster and gateway; the server logs every statement with its parameters\n'
delivery_begin webhooks "fsync = off" "log_min_duration_statement = 0" "log_parameter_max_length = -1" "log_parameter_max_length_on_error = -1"
trap gateway_end EXIT
sql "SELECT sentinel.create_server_key()" >/dev/null
sql "CREATE ROLE e2e_gateway LOGIN IN ROLE sentinel_gateway" >/dev/null
printf '{"listen": "127.0.0.1:0", "database": "host=%s port=%s dbname=%s user=e2e_gateway", "connections": 8}\n' \
    "$DIR/sock" "$(cluster_port "$NAME")" "$DB" | as_owner tee "$DIR/gateway.json" >/dev/null
as_owner chmod 600 "$DIR/gateway.json"
start_process gateway "$GATEWAY" --config "$DIR/gateway.json"
GATEWAY_PID=$!
within 20 "the gateway is ready" grep -q '"msg":"ready"' "$DIR/gateway.log"
URL=http://$(sed -nE 's/.*"msg":"ready".*"address":"([^"]+)".*/\1/p' "$DIR/gateway.log" | head -n 1)
sql "SELECT sentinel.configure_gateway('{\"public_url\": \"$URL\"}')" >/dev/null

SECRET=([hubspot]=yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy [slack]=8f742231b10e8888abcd99yyyzzz85a5 [resend]=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    [zendesk]=HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA= [pagerduty]=mock-signing-secret)
for vendor in hubspot slack resend zendesk pagerduty; do add_source "$vendor" "secret => '${SECRET[$vendor]}'"; done
for vendor in github gohighlevel pipedrive standard; do add_source "$vendor"; done
add_source generic "purpose => 'lead'"

# Payloads that the vendors publish, and one of each other vendor.
declare -A FILES=()
for vendor in github gohighlevel hubspot; do FILES[$vendor]=$(printf '%s\n' "$PAYLOADS/$vendor"/*.json); done
other() {
    printf '%s' "$2" >"$SCRATCH/$1.json"
    FILES[$1]=$SCRATCH/$1.json
}
other pipedrive '{"meta":{"action":"change","entity":"person","entity_id":"8","id":"pd-1","company_id":3},"data":{"name":"Ünïcode"}}'
other zendesk '{"id":"z-1","type":"zen:event-type:user.created","account_id":77,"detail":{"id":"42"},"time":"2026-05-01T10:00:00Z"}'
other slack '{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"message","channel":"C1","user":"U1","text":"hi"}}'
other pagerduty '{"event":{"id":"E1","event_type":"incident.triggered","resource_type":"incident","data":{"id":"P1"}}}'
other resend '{"type":"email.bounced","data":{"email_id":"e-1"}}'
other standard '{"type":"invoice.paid","data":{"id":"i-1"}}'
other generic '{"name":"Somebody","email":"somebody@example.org"}'

printf '== every payload: a wrong signature, the right one, the same again\n'
for vendor in github gohighlevel hubspot pipedrive zendesk slack pagerduty resend standard generic; do
    path=${WEBHOOK_PATH[$vendor]}
    case $vendor in
        resend | standard) wrong=whsec_$(printf 'A%.0s' {1..44}) ;;
        pipedrive) wrong=sentinel:wrong-password-of-some-length ;;
        *) wrong=${SECRET[$vendor]%?}x ;;
    esac
    while IFS= read -r file; do
        name=$vendor/${file##*/}
        mark
        post "$path" "$file" "$(headers "$vendor" "$wrong" "$path" "$file")"
        ends "$name: a wrong signature" 401 0 0
        post "$path" "$file" "$(headers "$vendor" "$wrong" "$path" "$file" | grep -iv 'signature-256\|signature:\|signature-v3\|secret\|authorization')"
        ends "$name: none" 401 0 0
        post "$path" "$file" "$(headers "$vendor" "${SECRET[$vendor]}" "$path" "$file")"
        ends "$name: the right one" 200 1 1
        same "$name: is stored byte by byte" "$(sha256sum <"$file" | cut -d ' ' -f 1)" \
            "$(sql "SELECT encode(sha256(body), 'hex') FROM sentinel.webhook_events ORDER BY id DESC LIMIT 1")"
        post "$path" "$file" "$(headers "$vendor" "${SECRET[$vendor]}" "$path" "$file")"
        ends "$name: again" 200 1 1
        ok "$name: answered as a duplicate" grep -q '"duplicate": true' <<<"$ANSWER"
        case $vendor in hubspot | zendesk | slack | resend | standard)
            post "$path" "$file" "$(headers "$vendor" "${SECRET[$vendor]}" "$path" "$file" 301)"
            ends "$name: of more than five minutes ago" 401 1 1 ;;
        esac
        case $vendor in hubspot | zendesk | slack | pagerduty | resend | standard | github | generic)
            printf ' ' | cat "$file" - >"$SCRATCH/longer"
            post "$path" "$SCRATCH/longer" "$(headers "$vendor" "${SECRET[$vendor]}" "$path" "$file")"
            ends "$name: with a byte more" 401 1 1 ;;
        esac
    done <<<"${FILES[$vendor]}"
done

printf '== the same payloads at the paths that name no source\n'
mark
for pair in github:/webhooks/github github:/api/webhooks/github gohighlevel:/webhook/ghl hubspot:/webhooks/hubspot pipedrive:/webhooks/pipedrive \
    zendesk:/webhooks/zendesk slack:/webhooks/slack slack:/slack/events pagerduty:/webhooks/pagerduty standard:/webhooks/standard generic:/webhooks/generic; do
    vendor=${pair%%:*}
    path=${pair#*:}
    file=${FILES[$vendor]%%$'\n'*}
    post "$path" "$file" "$(headers "$vendor" "${SECRET[$vendor]}" "$path" "$file")"
    ok "$path: known already" grep -q '"duplicate": true' <<<"$ANSWER"
    post "$path" "$file" "$(headers "$vendor" wrong-secret-of-some-length "$path" "$file" 2>/dev/null)"
    same "$path: a wrong signature" 401 "$STATUS"
done
ends "and nothing came of it" 401 0 0
file=$PAYLOADS/hubspot/contact.creation.json
post "/webhooks/hubspot?tenant=a%20b&x=1" "$file" "$(headers hubspot "${SECRET[hubspot]}" '/webhooks/hubspot?tenant=a%20b&x=1' "$file")"
same "HubSpot signs the query too" 200 "$STATUS"
post "/webhooks/hubspot?tenant=b" "$file" "$(headers hubspot "${SECRET[hubspot]}" '/webhooks/hubspot?tenant=a' "$file")"
same "and another query is not what it signed" 401 "$STATUS"
post "/webhook/ghl?secret=${SECRET[gohighlevel]}" "$file" ''
same "a secret in the query is none" 401 "$STATUS"
post "/webhooks/github/00000000-0000-7000-8000-000000000000" "$file" "$(headers github "${SECRET[github]}" '' "$file")"
unknown=$STATUS$ANSWER
post "${WEBHOOK_PATH[github]}" "$file" "$(headers github wrong-secret-of-some-length '' "$file")"
same "an unknown source is answered as a wrong signature" "$unknown" "$STATUS$ANSWER"

printf '== what is read\n'
printf '{"token":"x","challenge":"3eZbrw1aBm","type":"url_verification"}' >"$SCRATCH/challenge"
post /slack/events "$SCRATCH/challenge" "$(headers slack "${SECRET[slack]}" /slack/events "$SCRATCH/challenge")"
same "Slack's challenge is answered" '200 {"challenge": "3eZbrw1aBm"}' "$STATUS $ANSWER"
printf 'locationId=l&conversationId=c-9&message=hello+there%%21' >"$SCRATCH/form"
post /webhook/ghl/inbound_sms "$SCRATCH/form" "$(headers gohighlevel "${SECRET[gohighlevel]}" '' "$SCRATCH/form")" application/x-www-form-urlencoded
same "a form of GoHighLevel is taken" 200 "$STATUS"
mark
printf '\377\000{' >"$SCRATCH/noise"
post "${WEBHOOK_PATH[gohighlevel]}" "$SCRATCH/noise" "$(headers gohighlevel "${SECRET[gohighlevel]}" '' "$SCRATCH/noise")"
ends "what is no JSON is taken and kept" 200 1 1
head -c 1100000 /dev/zero >"$SCRATCH/large"
post "${WEBHOOK_PATH[slack]}" "$SCRATCH/large" "$(headers slack "${SECRET[slack]}" '' "$SCRATCH/large")"
same "a body of more than 1 MiB is refused" 413 "$STATUS"
{ printf '{"ref":"'; head -c 12000000 /dev/zero | tr '\0' x; printf '"}'; } >"$SCRATCH/push.large"
post "${WEBHOOK_PATH[github]}" "$SCRATCH/push.large" "$(headers github "${SECRET[github]}" '' "$SCRATCH/push.large")"
same "but 12 MB of GitHub are taken" 200 "$STATUS"

printf '== one delivery forty times at once\n'
printf '{"ref":"refs/heads/race"}' >"$SCRATCH/push.race"
headers github "${SECRET[github]}" '' "$SCRATCH/push.race" >"$SCRATCH/head"
mark
seq 40 | xargs -P 20 -I{} curl -sS -m 20 -o /dev/null -w '%{http_code}\n' -X POST -H 'Content-Type: application/json' -H "@$SCRATCH/head" \
    --data-binary "@$SCRATCH/push.race" "$URL${WEBHOOK_PATH[github]}" >"$SCRATCH/statuses"
STATUS=$(sort "$SCRATCH/statuses" | uniq -c | tr -s ' ' | sed 's/^ //')
ends "all are answered, one is stored" '40 200' 1 1

printf '== the jobs\n'
sql "CALL sentinel.run_jobs(10000)" >/dev/null
same "no job is left, none has failed" "0 0" "$(sql "SELECT (SELECT count(*) FROM sentinel.job_waiting WHERE job_type = 'process_webhook') || ' ' || (SELECT count(*) FROM sentinel.job_dead)")"
same "how each ended" 'done 25|failed 1|ignored 2' \
    "$(sql "SELECT string_agg(state || ' ' || n, '|' ORDER BY state) FROM (SELECT state, count(*) AS n FROM sentinel.webhook_events GROUP BY state) x")"
same "what was ignored, and what failed, says why" 'github ping|gohighlevel it holds the zero character|slack url_verification' \
    "$(sql "SELECT string_agg(vendor || ' ' || reason, '|' ORDER BY vendor) FROM sentinel.webhook_events WHERE state IN ('ignored', 'failed')")"
same "what failed is to be seen" 1 "$(org_sql "SELECT count(*) FROM sentinel.webhook_failures")"
events='github.deployment_status.created 1, github.installation.created 1, github.installation_repositories.added 1, github.pull_request.closed 1'
events+=', github.pull_request.opened 1, github.pull_request_review.submitted 1, github.push 4, gohighlevel.contact_create 1'
# Of the vendor's samples one OutboundMessage is inbound by its direction, and one more too.
events+=', gohighlevel.inbound_message 3, gohighlevel.inbound_sms 1, gohighlevel.outbound_message 1, hubspot.contact.creation 1'
events+=', hubspot.deal.property_change 2, pagerduty.incident.triggered 1, pipedrive.person.change 1, resend.email.bounced 1, slack.message 1'
events+=', standard.invoice.paid 1, zendesk.user.created 1'
told() { sql "SELECT string_agg(event_type || ' ' || n, ', ' ORDER BY event_type COLLATE \"C\") FROM (SELECT event_type, count(*) AS n FROM sentinel.events
    WHERE subject_type = 'webhook_event' GROUP BY event_type) x"; }
same "what was told" "$events" "$(told)"
same "and the lead is one" 1 "$(sql "SELECT count(*) FROM sentinel.leads WHERE email = 'somebody@example.org'")"
org_sql "SELECT sentinel.enqueue('process_webhook', jsonb_build_object('webhook_event_id', id)) FROM sentinel.webhook_events" >/dev/null
sql "CALL sentinel.run_jobs(10000)" >/dev/null
same "all jobs once more: nothing is told twice" "$events" "$(told)"

printf '== where the secrets are not\n'
for vendor in "${!SECRET[@]}"; do
    printf '%s\n' "${SECRET[$vendor]}"
    printf '%s' "${SECRET[$vendor]}" | base64 -w 0 && printf '\n'
done >"$DIR/secrets"
env PGHOST="$DIR/sock" PGPORT="$(cluster_port "$NAME")" PGUSER=postgres "$(pg_bindir)/pg_dump" -d "$DB" >"$DIR/dump.sql"
absent() {
    local status=0
    grep -qaF -f "$DIR/secrets" "$@" || status=$?
    ((status == 1))
}
grep -v 'add_webhook_source' "$DIR/log" >"$DIR/log.gateway"
ok "the log has the gateway's statements" grep -q http_handle "$DIR/log.gateway"
for file in log.gateway gateway.log dump.sql; do ok "not in $file" absent "$DIR/$file"; done
kill -TERM "$GATEWAY_PID"
status=0
wait "$GATEWAY_PID" || status=$?
GATEWAY_PID=
same "the gateway stops in order" 0 "$status"
tally
