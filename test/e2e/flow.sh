#!/usr/bin/env bash
# The main flow, small and whole: a CSV becomes leads, a silent deal becomes one alert in Slack and one signed webhook;
# receivers that refuse, fail, redirect or lie are met as they deserve; secrets stay secret; a copy sends nothing.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

# What python finds in the JSON on standard input, named x.
see() { python3 -c "import json, sys; x = json.load(sys.stdin); print($1)"; }

send_test() { org_sql "SELECT sentinel.send_test('$1')"; }

# A fact of the newest attempt of a delivery, or of the delivery itself.
attempt() { sql "SELECT $2 FROM sentinel.delivery_attempts WHERE delivery_id = '$1' ORDER BY n DESC LIMIT 1"; }
delivery() { sql "SELECT $2 FROM sentinel.deliveries WHERE id = '$1'"; }
attempted() { [[ -n $(attempt "$1" n) ]]; }
delivered() { gives delivered "SELECT state FROM sentinel.deliveries WHERE id = '$1'"; }

token=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
key=$(new_webhook_key)

printf '== cluster, stand-ins, worker; the server logs every statement\n'
delivery_begin flow "fsync = off" "log_min_duration_statement = 0" "log_parameter_max_length = -1" "log_connections = on"
standin slack --rate 0
standin webhook_receiver
standin hostile
canary=$(ask hostile /_ports | see 'x["canary"]')
EGRESS=", \"127.0.0.1:$canary\""
worker_conf "$DIR/worker.json" 'stop_grace_s:10'
slack=$(add_slack deals '{deal.*}' "$token")
webhook=$(add_webhook /hooks/all '{deal.at_risk,lead.created}' "$key")
ok "--check finds the configuration in order" as_owner "$WORKER" --check --config "$DIR/worker.json"
worker_start
within 20 "the worker is ready" grep -q '"msg":"ready"' "$DIR/worker.log"

printf '== a CSV with good, duplicate and broken rows\n'
csv='Full Name;E-Mail;Company;Phone
Ann Berg;ann@example.com;Example AB;+46 8 123 456 78
A. Berg;ANN@example.com;Another AB;
Ann Berg;;Example AB;0046-8-12345678
Ola Nord;ola@example.org;Other Ltd;
Per Broken;not-an-address;Third Inc;
Eva "Quote;eva@example.net;"unclosed;1'
same "each row is judged" "2 waiting|3 duplicate combined|4 duplicate phone|5 waiting|6 rejected|7 rejected" "$(org_sql "
    SELECT string_agg(concat_ws(' ', line, state, duplicate_key), '|' ORDER BY line)
    FROM sentinel.intake_csv(convert_to(\$csv\$$csv\$csv\$, 'UTF8'))")"
same "rejected rows name their fault" "bad_email unclosed_quote" \
    "$(sql "SELECT string_agg(reject_code, ' ' ORDER BY line) FROM sentinel.intake_raw WHERE state = 'rejected'")"
within 20 "process_intake makes a lead of each good row" gives 'Ann Berg,Ola Nord' \
    "SELECT string_agg(name, ',' ORDER BY name) FROM sentinel.leads"
same "each lead has its event" 2 "$(sql "SELECT count(*) FROM sentinel.events WHERE event_type = 'lead.created'")"
within 20 "the webhook receiver hears of both" counted webhook_receiver accepted 2

printf '== a deal at risk\n'
deal=$(org_sql "SELECT sentinel.create_deal('Example <!channel> & Sons', 75000, 'discover', as_of => now() - interval '8 days 1 hour')")
within 20 "deal.at_risk" gives 1 "SELECT count(*) FROM sentinel.events WHERE event_type = 'deal.at_risk'"
within 20 "one alert" gives 'Deal at Risk: Example <!channel> & Sons' "SELECT string_agg(title, '|') FROM sentinel.alerts"
slack_risk="SELECT count(*) FROM sentinel.deliveries WHERE target_kind = 'slack' AND event_type = 'deal.at_risk' AND state = 'delivered'"
within 20 "Slack takes it" gives 1 "$slack_risk"
message=$(ask slack /_log | see 'json.dumps([m for m in x if "At Risk" in m["text"]])')
same "one message" 1 "$(see 'len(x)' <<<"$message")"
same "its blocks" "header section section section" "$(see '*[b["type"] for b in x[0]["blocks"]]' <<<"$message")"
same "its header" "⚠️ Deal At Risk" "$(see 'x[0]["blocks"][0]["text"]["text"]' <<<"$message")"
same "deal, value, stage and level" \
    "*Deal:*|Example &lt;!channel&gt; &amp; Sons *Value:*|75,000 USD *Stage:*|Discover *Risk Level:*|High" \
    "$(see '*[f["text"].replace("\n", "|") for f in x[0]["blocks"][1]["fields"]]' <<<"$message")"
ok "the reason comes first" grep -q 'No activity in last 7 days' <<<"$(see 'x[0]["blocks"][2]["text"]["text"]' <<<"$message")"
ok "and what to do" grep -q 'Send follow-up email' <<<"$(see 'x[0]["blocks"][3]["text"]["text"]' <<<"$message")"
same "no name can call the channel" 0 "$(counter slack broadcasts)"
within 20 "the webhook receiver hears of it" counted webhook_receiver accepted 3
same "signed, of the deal, as JSON" "deal.at_risk True application/json $deal" "$(ask webhook_receiver /_log |
    see 'x[-1]["type"], x[-1]["verified"], x[-1]["content_type"], json.loads(x[-1]["body"])["data"]["deal_id"]')"
for _ in 1 2 3; do sql "CALL sentinel.tick()" >/dev/null; done
same "further ticks tell nobody again" "1 3" "$(sql "$slack_risk") $(counter webhook_receiver accepted)"

printf '== receivers that refuse, fail, redirect or lie\n'
began=$(sql "SELECT clock_timestamp()")
ask slack /_control '{"next": [{"status": 429, "body": "rate_limited", "headers": {"Retry-After": "3"}}]}' >/dev/null
first=$(send_test "$slack")
within 20 "429: the attempt is recorded" attempted "$first"
same "429: tried again after what Retry-After says" "429 3 retry t" "$(attempt "$first" \
    "concat_ws(' ', http_status, retry_after_s, decision, next_attempt_at >= recorded_at + interval '3 s')")"
ok "429: the whole channel waits" gives t "SELECT not_before >= '$began'::timestamptz + interval '3 s' FROM sentinel.slack_channels"
second=$(send_test "$slack")
within 20 "429: then the first arrives" delivered "$first"
within 20 "429: and what came meanwhile" delivered "$second"
same "429: neither before its time" t "$(sql "SELECT bool_and(finished_at >= '$began'::timestamptz + interval '3 s')
    FROM sentinel.deliveries WHERE id IN ('$first', '$second')")"
ask slack /_control '{"next": [{"status": 500}]}' >/dev/null
first=$(send_test "$slack")
within 20 "500: tried again" delivered "$first"
same "500: the second attempt" "2 500,200" "$(sql "SELECT max(n) || ' ' || string_agg(http_status::text, ',' ORDER BY n)
    FROM sentinel.delivery_attempts WHERE delivery_id = '$first'")"

gone=$(add_webhook /hooks/gone '{chaos.never}' "$(new_webhook_key)")
ask webhook_receiver /_control '{"next": [{"status": 410, "path": "/hooks/gone"}]}' >/dev/null
first=$(send_test "$gone")
within 20 "410: the endpoint is disabled" gives "f HTTP 410" \
    "SELECT concat_ws(' ', enabled, disabled_reason) FROM sentinel.webhook_endpoints WHERE id = '$gone'"
same "410: and owners are told" 1 "$(sql "SELECT count(*) FROM sentinel.alerts WHERE kind = 'webhook_disabled'")"
same "410: the delivery has failed" failed "$(delivery "$first" state)"
archive=$(add_slack archive '{chaos.never}' "$token")
ask slack /_control '{"archive": "/services/T0EXAMPLE/B0archive/'"$token"'"}' >/dev/null
first=$(send_test "$archive")
within 20 "410: a Slack channel that is archived is disabled" gives "f HTTP 410" \
    "SELECT concat_ws(' ', enabled, disabled_reason) FROM sentinel.slack_channels WHERE id = '$archive'"

for status in 301 302 303 307 308; do
    target=$(add_webhook "/redirect/$status" '{chaos.never}' "$key" "${ADDRESS[hostile]}")
    first=$(send_test "$target")
    within 20 "$status: the attempt is recorded" attempted "$first"
    same "$status: not followed" "$status redirect_error retry" "$(attempt "$first" "concat_ws(' ', http_status, error_code, decision)")"
done
same "nobody was led to the canary" 0 "$(ask hostile /_stats | see 'x["canary_connects"]')"

met=()
for address in 10.0.0.1 169.254.169.254 127.0.0.1 192.168.0.1 localhost '[::1]' '[::ffff:127.0.0.1]' 2130706433 0x7f.1; do
    target=$(add_webhook /latest/meta-data '{chaos.never}' "$key" "$address")
    first=$(send_test "$target")
    within 20 "$address: the attempt is recorded" attempted "$first"
    met+=("$(attempt "$first" "concat_ws('|', error_code, error_detail, decision, sent, http_status, peer_ip)")")
done
same "each is blocked, in the same words" \
    'unreachable|no connection, or to an address that may not be called|retry|f' "$(printf '%s\n' "${met[@]}" | sort -u)"

for n in {0..15}; do
    target=$(add_webhook "/retry-after/$n" '{chaos.never}' "$key" "${ADDRESS[hostile]}")
    send_test "$target" >/dev/null
done
lying="FROM sentinel.webhook_endpoints e JOIN sentinel.deliveries d ON d.target_id = e.id
    JOIN sentinel.delivery_attempts a ON a.delivery_id = d.id WHERE e.url LIKE '%/retry-after/%'"
within 20 "16 lying Retry-After are taken in" gives 16 "SELECT count(DISTINCT e.id) $lying"
same "none means less than now or more than a day" t "$(sql "SELECT bool_and(a.next_attempt_at > a.recorded_at
    AND a.next_attempt_at <= a.recorded_at + interval '28.8 hours' AND e.not_before <= a.recorded_at + interval '28.8 hours') $lying")"

printf '== the server restarts, the worker stays\n'
pid=$WORKER_PID
cluster_restart_immediate "$NAME"
first=$(send_test "$slack")
within 40 "after a crash of the server the worker delivers again" delivered "$first"
cluster_stop "$NAME" fast
cluster_start "$NAME"
first=$(send_test "$webhook")
within 40 "after a restart too" delivered "$first"
ok "it is the same process" test -d "/proc/$pid"

printf '== SIGTERM in the middle of a transfer\n'
ask webhook_receiver /_control '{"delay_ms": 1500}' >/dev/null
heard=$(counter webhook_receiver accepted)
first=$(send_test "$webhook")
within 20 "the request is under way" counted webhook_receiver accepted $((heard + 1))
began=$SECONDS
worker_stop
same "exit status" 0 $?
ok "within the grace" test $((SECONDS - began)) -le 10
same "its outcome was recorded" "delivered 1" "$(delivery "$first" "concat_ws(' ', state, attempts)")"
same "no job is left running" 0 "$(sql "SELECT count(*) FROM sentinel.job_running")"

printf '== a worker frozen beyond its lease\n'
worker_start
frozen=$WORKER_PID
STANDIN_PID[frozen]=$frozen # to be ended with them
ask webhook_receiver /_control '{"delay_ms": 2000}' >/dev/null
heard=$(counter webhook_receiver accepted)
twice=$(counter webhook_receiver duplicates)
first=$(send_test "$webhook")
within 20 "its request is under way" counted webhook_receiver accepted $((heard + 1))
kill -STOP "$frozen"
sql "UPDATE sentinel.job_running SET lease_until = now()" >/dev/null # as if a minute had passed
worker_start
within 40 "another worker delivers" delivered "$first"
kill -CONT "$frozen"
late="SELECT count(*) FROM sentinel.delivery_attempts WHERE delivery_id = '$first' AND NOT held"
within 20 "the report of the first comes too late" gives 1 "$late"
same "and changes nothing" "delivered 1 1" "$(delivery "$first" "concat_ws(' ', state, attempts,
    (SELECT count(*) FROM sentinel.job_history h WHERE h.id = job_id AND h.outcome = 'completed'))")"
same "the receiver can tell by the webhook-id" $((twice + 1)) "$(counter webhook_receiver duplicates)"
ok "the second worker stops in order" worker_stop
WORKER_PID=$frozen
unset 'STANDIN_PID[frozen]'
ok "the first too" worker_stop
ask webhook_receiver /_control '{"delay_ms": 0}' >/dev/null

printf '== a copy of the database\n'
first=$(send_test "$slack")
second=$(send_test "$webhook")
before="$(counter slack messages) $(counter webhook_receiver accepted)"
cluster_psql "$NAME" -d postgres -c "CREATE DATABASE copy TEMPLATE $DB" -c "CREATE DATABASE copy2 TEMPLATE $DB"
place="host=$DIR/sock port=$(cluster_port "$NAME") user=e2e_worker"
worker_conf "$DIR/copy.json" "database:\"$place dbname=copy\""
worker_conf "$DIR/copy2.json" "database:\"$place dbname=copy2\""
drain() { timeout 60 "${AS_OWNER[@]}" "$WORKER" --drain --config "$1" >>"$DIR/drain.log" 2>&1; }
copy_sql() { cluster_psql "$NAME" -d "$1" -At -c "$2"; }
ok "a worker finds nothing to drain in it" not drain "$DIR/copy.json"
ok "and says why" grep -q 'parked: this database is a restored copy' "$DIR/drain.log"
same "its jobs wait" 't' "$(copy_sql copy "SELECT count(*) >= 2 FROM sentinel.job_waiting WHERE job_type LIKE 'send_%'")"
ok "adopt_restore() discards them" test "$(copy_sql copy "SELECT sentinel.adopt_restore()")" -ge 2
ok "then the copy is drained" drain "$DIR/copy.json"
same "and it has sent nothing" "$before" "$(counter slack messages) $(counter webhook_receiver accepted)"
copy_sql copy2 "SELECT sentinel.adopt_restore(false)" >/dev/null
ok "adopt_restore(false) keeps them" drain "$DIR/copy2.json"
same "and the copy sends them" "$((${before% *} + 1)) $((${before#* } + 1))" "$(counter slack messages) $(counter webhook_receiver accepted)"

printf '== broken configurations\n'
refused() { # words, what must be said, configuration
    local said status=0
    said=$(as_owner "$WORKER" --check --config "$3" 2>&1) || status=$?
    same "$1: exit status" 1 "$status"
    ok "$1: says $2" grep -qF -- "$2" <<<"$said"
}
broken() { # words, what must be said, members ...
    local words=$1 said=$2
    shift 2
    worker_conf "$DIR/broken.json" "$@"
    refused "$words" "$said" "$DIR/broken.json"
}
as_owner cp "$DIR/keys" "$DIR/keys.open"
as_owner chmod 644 "$DIR/keys.open"
refused "no file" "cannot read" "$DIR/nowhere.json"
printf '{"database": ' | as_owner tee "$DIR/half.json" >/dev/null
refused "half a file" "not one JSON object" "$DIR/half.json"
broken "unknown key" "databse: is no key" 'databse:"x"'
broken "no key file" "cannot open $DIR/nokeys" "key_file:\"$DIR/nokeys\""
broken "key file for all" "chmod 0400" "key_file:\"$DIR/keys.open\""
broken "no server" "cannot connect" "database:\"host=$DIR dbname=$DB\""
broken "another database" "no schema sentinel" "database:\"$place dbname=postgres\""
broken "superuser" "is a superuser" "database:\"${place/e2e_worker/postgres} dbname=$DB\""
sql "CREATE ROLE e2e_nobody LOGIN" >/dev/null
broken "no rights" "e2e_nobody" "database:\"${place/e2e_worker/e2e_nobody} dbname=$DB\""
broken "host name as egress" "egress_allow" 'egress_allow:["localhost:80"]'

few_files() {
    local said
    said=$("${AS_OWNER[@]}" bash -c 'ulimit -n 64 && exec "$@"' few "$WORKER" --check --config "$DIR/worker.json")
    grep -q 'slots: .* open files' <<<"$said"
}
ok "too few open files for the slots" few_files

printf '== where the secrets are not\n'
worker_start
within 20 "the original sends its own" delivered "$first"
within 20 "both" delivered "$second"
printf '%s\n' "$token" "${key#whsec_}" "$(cut -d ' ' -f 2 "$DIR/keys")" \
    "$(printf '%s' "${key#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')" >"$DIR/secrets"
pg_dump=$(pg_bindir)/pg_dump
env PGHOST="$DIR/sock" PGPORT="$(cluster_port "$NAME")" PGUSER=postgres "$pg_dump" -d "$DB" >"$DIR/dump.sql"
# Not there, and could be looked for.
absent() {
    local status=0
    grep -qaF -f "$DIR/secrets" "$@" || status=$?
    ((status == 1))
}
ok "they are found where they are" grep -qF -f "$DIR/secrets" "$DIR/keys"
ok "the dump is one" grep -q 'COPY sentinel.secrets' "$DIR/dump.sql"
ok "and the server's log tells of the statements" grep -q 'store_secret' "$DIR/log"
for file in dump.sql log worker.log drain.log; do ok "not in $file" absent "$DIR/$file"; done
ok "not in the server's files" absent -r --exclude-dir=pg_stat_tmp "$DIR/data"
ok "not in the worker's arguments" absent "/proc/$WORKER_PID/cmdline"
if [[ -r /proc/$WORKER_PID/environ ]]; then
    ok "nor in its environment" absent "/proc/$WORKER_PID/environ"
else
    pass "its environment is hidden even from its own user"
fi
same "the worker's log is JSON lines" 0 "$(grep -c -v '^{.*}$' "$DIR/worker.log")"
ok "the worker stops in order" worker_stop
tally
