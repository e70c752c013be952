#!/usr/bin/env bash
# A thousand webhooks while the worker is killed five times and the server once: the receiver has them all, nothing is
# left running, few came twice. Usage: chaos.sh; environment: SEED (default 1) draws where the faults fall.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

JOBS=1000
ENDPOINTS=8
SLOTS=32
KILLS=5
SEED=${SEED:-1}

# Wait until the receiver has accepted so many; it is asked every few milliseconds. Arguments: count, seconds.
progress() {
    python3 -B - "$DIR/webhook_receiver.port" "$1" "$2" <<'PY'
import http.client, json, sys, time
port, count, seconds = int(open(sys.argv[1]).read()), int(sys.argv[2]), float(sys.argv[3])
receiver = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
end = time.monotonic() + seconds
while time.monotonic() < end:
    receiver.request("GET", "/_stats")
    if json.load(receiver.getresponse())["accepted"] >= count:
        sys.exit(0)
    time.sleep(0.005)
sys.exit(1)
PY
}

# Faults fall in equal stretches of the first 60 %, each somewhere in its stretch; one of them is the server's.
plan_faults() {
    local n stretch=$((JOBS * 6 / 10 / (KILLS + 1))) server
    RANDOM=$SEED # here: a subshell draws numbers of its own
    server=$((1 + RANDOM % (KILLS - 1)))
    for ((n = 0; n <= KILLS; n++)); do
        printf '%d %s\n' $((n * stretch + stretch / 4 + RANDOM % (stretch / 2))) \
            "$( ((n == server)) && echo server || echo worker)"
    done
}

since_start() { awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

printf '== %d events for %d endpoints, %d slots, seed %d\n' "$JOBS" "$ENDPOINTS" "$SLOTS" "$SEED"
delivery_begin chaos "fsync = on" "synchronous_commit = on" "full_page_writes = on" "recovery_init_sync_method = syncfs"
standin slack
standin webhook_receiver --delay-ms 40 --keep-bodies 0
worker_conf "$DIR/worker.json" 'lease_s:60' "slots:{\"webhooks\": $SLOTS, \"chat\": 1, \"mail\": 0, \"crm\": 0, \"llm\": 0}"
for ((n = 0; n < ENDPOINTS; n++)); do
    add_webhook "/hooks/$n" "{chaos.number_$n}" "$(new_webhook_key)" >/dev/null
    org_sql "SELECT sentinel.route_event('chaos.number_$n', 'dispatch_event')" >/dev/null
done
same "$JOBS events in one statement" "$JOBS" "$(org_sql "SELECT sentinel.emit_many(jsonb_agg(jsonb_build_object(
    'event_type', 'chaos.number_' || n % $ENDPOINTS, 'payload', jsonb_build_object('n', n)))) FROM generate_series(1, $JOBS) n")"

printf '== faults\n'
began=$EPOCHREALTIME
worker_start
faults=0
# A worker that was killed held its jobs under leases of 60 s, the shortest there are: they come back last.
while read -r point fault; do
    progress "$point" 90 || fail "the receiver has not got to $point"
    before=$(counter webhook_receiver accepted)
    if [[ $fault == worker ]]; then
        worker_kill
        worker_start
    else
        cluster_restart_immediate "$NAME"
    fi
    faults=$((faults + 1))
    printf 'fault %d, %s s: %s killed at %d accepted, %d in job_running\n' "$faults" "$(since_start)" "$fault" "$before" \
        "$(sql "SELECT count(*) FROM sentinel.job_running")"
done < <(plan_faults)
same "faults" "$((KILLS + 1))" "$faults"

printf '== until all is done\n'
within 100 "every delivery is recorded as delivered" gives "$JOBS" \
    "SELECT count(*) FROM sentinel.deliveries WHERE state = 'delivered'"
within 20 "no job is left running or waiting" gives 0 \
    "SELECT (SELECT count(*) FROM sentinel.job_running) + (SELECT count(*) FROM sentinel.job_waiting)"
took=$(since_start)

sql "SELECT message_id FROM sentinel.deliveries ORDER BY 1" >"$DIR/wanted"
ask webhook_receiver /_ids | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)), sep="\n")' >"$DIR/heard"
distinct=$(counter webhook_receiver distinct_ids)
duplicates=$(counter webhook_receiver duplicates)
lost=$(comm -23 "$DIR/wanted" "$DIR/heard" | wc -l)
bound=$(((KILLS + 1) * SLOTS))
same "jobs made" "$JOBS" "$(wc -l <"$DIR/wanted")"
same "webhook-ids lost" 0 "$lost"
same "webhook-ids that nobody sent" 0 "$(comm -13 "$DIR/wanted" "$DIR/heard" | wc -l)"
same "signatures that do not verify" "0 0" "$(counter webhook_receiver bad_signature) $(counter webhook_receiver unverified)"
same "dead jobs" 0 "$(sql "SELECT count(*) FROM sentinel.job_dead")"
ok "duplicates at most $bound" test "$duplicates" -le "$bound"
same "each attempt is counted" "t" "$(sql "SELECT bool_and(d.attempts = (SELECT count(*) FROM sentinel.delivery_attempts a
    WHERE a.org_id = d.org_id AND a.delivery_id = d.id AND a.held)) FROM sentinel.deliveries d")"
same "each job is completed once" "$JOBS" "$(sql "SELECT count(*) FROM sentinel.job_history
    WHERE job_type = 'send_webhook' AND outcome = 'completed'")"
same "each event was dispatched once" "$JOBS" "$(sql "SELECT count(*) FROM sentinel.job_history
    WHERE job_type = 'dispatch_event' AND outcome = 'completed'")"
ok "the worker stops in order" worker_stop

printf 'faults %d, jobs %d, distinct ids %d, lost %d, duplicates %d, bound %d, seconds %s\n' \
    "$faults" "$JOBS" "$distinct" "$lost" "$duplicates" "$bound" "$took"
tally
