#!/usr/bin/env bash
# A deal becomes at risk by nothing but the passing of time: pg_cron notices while no worker runs, and when the worker
# starts, Slack and a webhook receiver hear of it once.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

# Seconds after the boundary that the at-risk event and its delivery jobs may take.
LIMIT=90
# Seconds from the making of the deal to its boundary: time for the looks before it.
AHEAD=10

seconds_now() { sql "SELECT round(extract(epoch FROM clock_timestamp() - timestamptz '$boundary'), 1)"; }

printf '== a cluster with pg_cron, no worker\n'
mapfile -t conf < <(pg_cron_conf "$DB")
delivery_begin decay "${conf[@]}" "fsync = off"
sql "CREATE EXTENSION pg_cron" >/dev/null
standin slack
standin webhook_receiver
worker_conf "$DIR/worker.json"
add_slack deals '{deal.at_risk,deal.recovered}' "$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')" >/dev/null
add_webhook /hooks/deals '{deal.at_risk,deal.recovered}' "$(new_webhook_key)" >/dev/null
note "$(sql "SELECT sentinel.install_schedule()")"

printf '== a deal that was last written to 8 days ago, less %d s\n' "$AHEAD"
# Discovery 0.1, high value 0.2; after 7 + 1 days of silence 0.4 more: 0.7, above 0.6.
IFS='|' read -r deal boundary < <(org_sql "
WITH d AS (SELECT sentinel.create_deal('Example Renewal', 50000, 'discover', as_of => now() - interval '30 days') AS id),
     a AS (SELECT d.id, sentinel.record_activity(d.id, 'email_sent', as_of => now() - interval '8 days' + interval '$AHEAD s') AS done FROM d)
SELECT a.id, now() + interval '$AHEAD s' FROM a")
same "before the boundary the deal is active" "active|0.30" \
    "$(org_sql "SELECT status, round(score::numeric, 2) FROM sentinel.deal_risk('$deal')")"
same "and at the boundary it is at risk" "at_risk|0.70" \
    "$(org_sql "SELECT status, round(score::numeric, 2) FROM sentinel.deal_risk('$deal', '$boundary')")"
sql "CALL sentinel.tick()" >/dev/null
same "a tick before the boundary notices nothing" "0" \
    "$(sql "SELECT count(*) FROM sentinel.events WHERE event_type = 'deal.at_risk'")"
same "the database knows when to look again" "t" \
    "$(sql "SELECT next_change_at = '$boundary' FROM sentinel.deal_signals WHERE deal_id = '$deal'")"

printf '== waiting for the clock\n'
await $((LIMIT + AHEAD)) gives 1 "SELECT count(*) FROM sentinel.events WHERE event_type = 'deal.at_risk'"
event_took=$(seconds_now)
await $((LIMIT + AHEAD)) gives 2 "SELECT count(*) FROM sentinel.job_waiting WHERE job_type IN ('send_slack', 'send_webhook')"
took=$(seconds_now)
printf 'seconds from the boundary to the event %s, to its delivery jobs %s\n' "$event_took" "$took"
same "one at-risk event" "1" "$(sql "SELECT count(*) FROM sentinel.events WHERE event_type = 'deal.at_risk'")"
same "it dates the risk to the boundary" "t" "$(sql "SELECT (payload ->> 'risk_started_at')::timestamptz = '$boundary'
    FROM sentinel.events WHERE event_type = 'deal.at_risk'")"
same "one delivery job for Slack, one for the webhook" "send_slack,send_webhook" \
    "$(sql "SELECT string_agg(job_type, ',' ORDER BY job_type) FROM sentinel.job_waiting")"
ok "within $LIMIT s of the boundary" test "${took%.*}" -lt "$LIMIT"
same "pg_cron called, nobody else" "t" "$(sql "SELECT count(*) > 0 AND bool_and(status IN ('succeeded', 'running'))
    FROM cron.job_run_details WHERE command = 'CALL sentinel.tick()'")"
same "one alert" "deal_at_risk" "$(sql "SELECT string_agg(kind, ',') FROM sentinel.alerts")"
same "nothing was sent" "0 0" "$(counter slack requests) $(counter webhook_receiver requests)"

printf '== the worker starts\n'
worker_start
within 20 "Slack hears of it" counted slack messages 1
within 20 "the webhook receiver hears of it" counted webhook_receiver accepted 1
within 20 "both deliveries are recorded" gives 2 "SELECT count(*) FROM sentinel.deliveries WHERE state = 'delivered'"
same "signed as it must be" "0" "$(counter webhook_receiver bad_signature)"

printf '== more sweeps\n'
for _ in 1 2 3; do sql "CALL sentinel.tick()" >/dev/null; done
sql "SELECT sentinel.sweep_risk()" >/dev/null
same "still one at-risk event and one period" "1 1" "$(sql "SELECT (SELECT count(*) FROM sentinel.events WHERE event_type = 'deal.at_risk')
    || ' ' || (SELECT count(*) FROM sentinel.risk_periods)")"
same "no job is left" "0" "$(sql "SELECT (SELECT count(*) FROM sentinel.job_waiting) + (SELECT count(*) FROM sentinel.job_running)")"
same "each heard once" "1 1" "$(counter slack messages) $(counter webhook_receiver accepted)"

printf '== the customer answers\n'
org_sql "SELECT sentinel.record_activity('$deal', 'email_received')" >/dev/null
within 20 "deal.recovered comes of it" gives 1 "SELECT count(*) FROM sentinel.events WHERE event_type = 'deal.recovered'"
within 20 "and reaches Slack" counted slack messages 2
within 20 "and the webhook receiver" counted webhook_receiver accepted 2
same "told in order" "deal.at_risk deal.recovered" \
    "$(ask webhook_receiver /_log | python3 -c 'import json, sys; print(*[entry["type"] for entry in json.load(sys.stdin)])')"
same "the period has ended" "recovered" "$(sql "SELECT end_reason FROM sentinel.risk_periods")"
ok "the worker stops in order" worker_stop
tally
