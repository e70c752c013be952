#!/usr/bin/env bash
# Strangers against the gateway: slow and endless headers, bodies and chunks, lengths given twice, JSON that breaks parsers,
# 10,000 idle listeners, clients that leave, a database that goes away. Each time another client is served as if nothing were,
# and memory stays bounded; the figures are printed. The attacks are in gateway/attack.py.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

if [[ ! -x $(pg_bindir)/sentinel-gateway ]]; then
    echo "skip: sentinel-gateway is not installed (it needs the headers of Boost 1.81 or later)"
    tally
    exit
fi

STREAMS=${STREAMS:-10000}
FIGURES=()

title() { printf '== %s (%d s)\n' "$1" "$SECONDS"; }
attack() { as_owner python3 -B "$DIR/programs/attack.py" "$GATEWAY_PORT" "$@"; }
value() { sed -nE "s/^$1 (.*)$/\1/p" <<<"$OUTPUT"; }
gateway_kb() { sed -nE "s/^$1:[[:space:]]*([0-9]+) kB\$/\1/p" "/proc/$GATEWAY_PID/status"; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }
ask_status() { curl -s -o /dev/null -m 5 -w '%{http_code}' -H "X-Forwarded-For: 10.9.$((RANDOM % 256)).$((RANDOM % 256))" "$URL$1"; }
answers() { [[ $(ask_status "$2") == "$1" ]]; }

# Judge what the other client felt, and memory. Arguments: words.
judge_witness() {
    local kb
    kb=$(gateway_kb VmRSS)
    FIGURES+=("$(printf '%-34s %8s %8s %7s %8s %7s %9s' "$1" "$(value calm_ms)" "$(value storm_ms)" "$(value ratio)" "$(value worst_ms)" "$(value asked)" "$kb")")
    note "$1: another client waits $(value storm_ms) ms (calm: $(value calm_ms)), $(value worst_ms) at most; $kb kB"
    same "$1: the other client is always served" 0 "$(value failed)"
    # A machine that is busy with other things is slow at both times.
    ok "$1: and in normal time" less "$(value storm_ms)" "$(awk -v calm="$(value calm_ms)" 'BEGIN { print (calm > 10 ? 10 * calm : 100) }')"
    ok "$1: and never waits for a second" less "$(value worst_ms)" 1000
}

# Clients that drip are told 408 when their time is over. Arguments: attack, words, clients, seconds.
slow() {
    OUTPUT=$(attack "$1")
    judge_witness "$2"
    same "$2: all are told 408" "$3" "$(value answered_408)"
    ok "$2: none before its time ($(value first_s) s)" less "$(awk -v s="$4" 'BEGIN { print s - 0.3 }')" "$(value first_s)"
    ok "$2: none long after it ($(value last_s) s)" less "$(value last_s)" "$(awk -v s="$4" 'BEGIN { print s + 2 }')"
}

# Endless input is answered with one status, and taken up to a limit. Arguments: attack, words, status, bytes.
flood() {
    OUTPUT=$(attack "$1")
    judge_witness "$2"
    same "$2: refused" "$3" "$(value statuses)"
    note "$2: $(value rounds) times, $(value most_sent) bytes at most"
}

title 'cluster, gateway'
delivery_begin gateway "fsync = off" "max_connections = 60"
cp "$ROOT"/test/e2e/gateway/*.py "$DIR/programs"
chmod 644 "$DIR"/programs/*.py
gateway_start 'trusted_proxies:["127.0.0.1"]' header_timeout_ms:3000 body_timeout_ms:4000 idle_timeout_ms:3000 stream_check_ms:1000 \
    max_streams_per_audience:20000 max_streams:19000 max_connections:19500 connections:4
GATEWAY_PORT=${URL##*:}
ok "the configuration is in order" as_owner "$(pg_bindir)/sentinel-gateway" --check --config "$DIR/gateway.json"
# Limits of rate are the database's and have tests of their own.
sql "UPDATE sentinel.rate_tiers SET capacity = 1000000"
key=$(org_sql "SELECT key FROM sentinel.create_api_key('hostile', ARRAY['*'])" | tail -n 1)
same "it answers" 200 "$(ask_status /health)"
start_kb=$(gateway_kb VmRSS)

title 'requests that are refused, and some that are not'
cases=0
while IFS=$'\t' read -r _ words wanted got; do
    same "$words" "$wanted" "$got"
    cases=$((cases + 1))
done < <(attack table "$key")
ok "all of them were tried" test "$cases" -ge 45

title 'slow'
slow slow_header "300 slow headers" 300 3
slow slow_body "100 slow bodies" 100 4
slow slow_chunks "100 slow chunks" 100 4

title 'endless'
flood header_flood "headers without end" 431
flood header_line "one header without end" 431
flood endless_uri "a target without end" 414
flood chunk_flood "chunks without end" 413
flood tiny_chunks "chunks of a byte without end" 413
flood chunk_line "a chunk's first line without end" 400
flood_kb=$(gateway_kb VmHWM)
ok "memory stayed below 100 MB ($flood_kb kB, $start_kb at the start)" test "$flood_kb" -lt 100000

title 'clients that leave'
OUTPUT=$(attack leave 2000)
judge_witness "2000 clients that leave"

title 'idle listeners'
possible=$(($(ulimit -Hn) - 700))
if ((possible < STREAMS)); then
    note "only $possible descriptors may be open (ulimit -Hn): so many streams instead of $STREAMS"
    STREAMS=$possible
fi
before_kb=$(gateway_kb VmRSS)
mkfifo "$DIR/go"
chmod 666 "$DIR/go"
attack streams "$STREAMS" "$key" <"$DIR/go" >"$DIR/streams.out" 2>&1 &
listeners=$!
exec {go}>"$DIR/go"
within 240 "they are open" grep -q '^idle$' "$DIR/streams.out"
sleep 2
ticks() { awk '{ print $14 + $15 }' "/proc/$GATEWAY_PID/stat"; }
idle_kb=$(gateway_kb VmRSS)
ticks_before=$(ticks)
sleep 10
cpu_percent=$(awk -v n="$(($(ticks) - ticks_before))" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", n / hz / 10 * 100 }')
org_sql "SELECT sentinel.emit_for('$ORG', 'hostile.told', NULL, NULL, '{\"line\": \"one\\ntwo\"}', NULL)" >/dev/null
printf 'go\n' >&"$go"
exec {go}>&-
wait "$listeners"
OUTPUT=$(<"$DIR/streams.out")
judge_witness "$(value opened) idle streams"
same "all could be opened" "$STREAMS" "$(value opened)"
note "opened in $(value open_s) s; $(((idle_kb - before_kb) * 1024 / STREAMS)) bytes each; $cpu_percent % of a processor while idle; one event at all within $(value last_heard_s) s"
same "all hear one event" "$STREAMS" "$(value heard)"
ok "a stream costs less than 10 kB" test $((idle_kb - before_kb)) -lt $((STREAMS * 10))
ok "idle ones cost less than a tenth of a processor ($cpu_percent %)" less "$cpu_percent" 10
within 10 "afterwards it answers as before" answers 200 /health

title 'access that is taken back'
curl -sN -m 20 -H "Authorization: Bearer $key" "$URL/events" >"$DIR/revoked.out" 2>&1 &
listener=$!
within 5 "a stream is open" grep -q '^retry: 1000' "$DIR/revoked.out"
org_sql "SELECT sentinel.revoke_api_key(id) FROM sentinel.api_keys" >/dev/null
ok "it ends when its key is revoked" await_exit "$listener" 5
same "and cannot be opened again" 401 "$(curl -s -o /dev/null -m 5 -w '%{http_code}' -H "Authorization: Bearer $key" "$URL/events")"

title 'a database that goes away'
cluster_stop "$NAME" immediate
within 5 "requests are told 503" answers 503 /health
same "with the time to come back" 1 "$(curl -s -m 5 -D - -o /dev/null "$URL/health" | grep -ic '^retry-after: 1')"
cluster_start "$NAME"
within 35 "and are served again when it is back" answers 200 /health

title 'the end'
peak_kb=$(gateway_kb VmHWM)
OUTPUT=$(attack stopping "$GATEWAY_PID")
same "a request under way is answered" 401 "$(value statuses)"
same "and told that the connection ends" 1 "$(value closing)"
same "an idle connection is closed" 1 "$(value idle_closed)"
status=0
wait "$GATEWAY_PID" || status=$?
GATEWAY_PID=
same "it stops in order" 0 "$status"
same "the log is JSON lines" 0 "$(grep -c -v -P '^\{[\x20-\x7e]*\}$' "$DIR/gateway.log")"
same "and holds no key, password, path or query" 0 "$(grep -cE "$key|wrong password|etc/passwd|%ff" "$DIR/gateway.log")"
# ERROR lines of the refused JSON would quote the body: parameters are not logged.
same "nor does the server's" 0 "$(grep -cE "$key|wrong password" "$DIR/log")"

title 'figures'
printf '%-34s %8s %8s %7s %8s %7s %9s\n' "attack" "calm ms" "storm ms" "ratio" "worst ms" "asked" "RSS kB"
printf '%s\n' "${FIGURES[@]}"
printf '%-40s %s\n' "memory at the start, kB" "$start_kb" "memory after the floods, most, kB" "$flood_kb" \
    "memory with $STREAMS idle streams, kB" "$idle_kb" "memory at most, kB" "$peak_kb" \
    "processor while they are idle, %" "$cpu_percent" "run time, s" "$SECONDS"
tally
