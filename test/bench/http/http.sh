#!/usr/bin/env bash
# Signed webhooks through the worker, to a receiver on this machine: how many, and how much memory they take. Sourced from
# the root of the tree after cluster.sh, settings.sh and measure.sh, with CLUSTER, SCRATCH, RESULTS and CONNECTION set, it
# gives http_figures, memory_figures and http_end, which ends what a broken run left: call it in the trap of EXIT. Run by
# itself it makes a cluster of its own; the extension and the worker are installed by then.
#
#   http         requests/s: Sentinel from the first request until the last outcome is recorded; floor the lower of these:
#   http_curl    libcurl alone, as many at once over connections that stay open, as many bytes, one thread
#   http_claim   claim + complete alone, 100 a call, two clients (the worker has as many connections)
#   memory_in_flight, memory_peak, memory_after   MB of the worker: resident when all slots wait for answers, the most
#                ever (VmHWM), resident when every job is done

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
    # shellcheck source=SCRIPTDIR/../latency/alone.sh
    source test/bench/latency/alone.sh
fi
# shellcheck source=SCRIPTDIR/../latency/program.sh
source test/bench/latency/program.sh
# shellcheck source=SCRIPTDIR/../../support/delivery.sh
source test/support/delivery.sh

HTTP_JOBS=${HTTP_JOBS:-20000}         # deliveries of one run
HTTP_SLOTS=${HTTP_SLOTS:-64}          # requests at once; the worker's default
HTTP_ENDPOINTS=${HTTP_ENDPOINTS:-10}  # of one receiver
HTTP_BYTES=${HTTP_BYTES:-1024}        # body of a request
MEMORY_JOBS=${MEMORY_JOBS:-100000}    # deliveries that wait when the worker starts
MEMORY_SLOTS=${MEMORY_SLOTS:-2000}    # of which so many are in flight
MEMORY_HOLD_MS=${MEMORY_HOLD_MS:-8000} # an answer is held; the worker ends transfers that stand still for 10 s
HTTP_LIMIT_S=${HTTP_LIMIT_S:-180}     # a run that takes longer is a fault
RECEIVER_PID=

# Start the receiver. Argument: milliseconds that it holds an answer.
receiver_start() {
    bench_program test/bench/http/receiver.cpp
    rm -f "$SCRATCH/receiver.port"
    "$PROGRAM" "$SCRATCH/receiver.port" "$1" &
    RECEIVER_PID=$!
    await 10 test -s "$SCRATCH/receiver.port" || die "the receiver did not start"
    ADDRESS=([receiver]=127.0.0.1:$(<"$SCRATCH/receiver.port"))
}

# What the receiver counts. Argument: received or held.
receiver_count() {
    local port=${ADDRESS[receiver]#*:}
    exec {ask}<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET / HTTP/1.0\r\n\r\n' >&"$ask"
    awk -v what="$1" '$1 == what { print $2 + 0 }' <&"$ask"
    exec {ask}>&-
}

# A worker that a subshell started is known by a file.
http_worker_start() {
    worker_start
    printf '%s\n' "$WORKER_PID" >"$SCRATCH/worker.pid"
}

http_worker_stop() {
    local pid
    read -r pid <"$SCRATCH/worker.pid" || return 0
    rm -f "$SCRATCH/worker.pid"
    [[ $(readlink "/proc/$pid/exe") == "$WORKER" ]] || return 0
    kill -TERM "$pid"
    await_exit "$pid" 30 || kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    WORKER_PID=
}

# End the worker and the receiver, if they run.
http_end() {
    [[ ! -s $SCRATCH/worker.pid ]] || http_worker_stop
    [[ -n $RECEIVER_PID ]] || return 0
    kill -TERM "$RECEIVER_PID" 2>/dev/null || true
    wait "$RECEIVER_PID" 2>/dev/null || true
    RECEIVER_PID=
}

# A database with endpoints at the receiver, and a configuration of the worker. Argument: slots.
http_begin() {
    local n
    NAME=$CLUSTER DB=bench_http DIR=$(cluster_dir "$CLUSTER")
    WORKER=$(pg_bindir)/sentinel-worker
    bench_database "$DB"
    sql "SELECT 'CREATE ROLE bench_worker LOGIN IN ROLE sentinel_worker'
         WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bench_worker')" | cluster_psql "$CLUSTER" -d "$DB"
    ORG=$(sql "SELECT sentinel.create_org('Bench', 'bench', 'UTC')")
    sql "ALTER DATABASE $DB SET sentinel.org_id = '$ORG'"
    [[ -s $DIR/keys ]] || as_owner "$WORKER" keygen --key-file "$DIR/keys" >/dev/null
    worker_conf "$DIR/worker.json" \
        "database:\"host=$DIR/sock port=$(cluster_port "$NAME") dbname=$DB user=bench_worker\"" \
        "slots:{\"webhooks\": $1, \"chat\": 0, \"mail\": 0, \"crm\": 0, \"llm\": 0}" "per_target:$1" poll_ms:1000 tick_s:5
    for ((n = 0; n < HTTP_ENDPOINTS; n++)); do
        add_webhook "/hooks/$n" '{bench.never}' "$(new_webhook_key)" "${ADDRESS[receiver]}" >/dev/null
    done
}

make_deliveries() { # how many
    sql "TRUNCATE sentinel.deliveries, sentinel.delivery_attempts, sentinel.job_waiting, sentinel.job_running,
                  sentinel.job_history, sentinel.job_stats"
    cluster_psql "$CLUSTER" -d "$DB" -v n="$1" -v bytes="$HTTP_BYTES" -f test/bench/http/deliveries.sql
    sql CHECKPOINT
}

all_sent() { gives 0 "SELECT count(*) FROM sentinel.deliveries WHERE state = 'waiting'"; }

# Costs the server nothing, as asking the database would. Argument: how many.
all_received() { (($(receiver_count received) >= $1)); }

# One run of the worker; prints requests per second.
http_rate() {
    local before
    before=$(receiver_count received)
    http_worker_start >&2
    if ! await "$HTTP_LIMIT_S" all_received $((before + HTTP_JOBS)) || ! await 20 all_sent; then
        tail -n 5 "$DIR/worker.log" >&2
        http_worker_stop
        return 1
    fi
    http_worker_stop
    sql "SELECT count(*) / extract(epoch FROM max(a.recorded_at) - min(a.started_at))
         FROM sentinel.delivery_attempts a WHERE a.http_status = 200 HAVING count(*) = $HTTP_JOBS"
}

# The lower of two figures of the floor as the floor. Arguments: sync, value, value.
emit_http_floor() {
    if (($2 == 0 || $3 == 0)); then
        emit floor http "$1" - jobs/s "one of the two failed"
    elif (($2 <= $3)); then
        emit floor http "$1" "$2" jobs/s "libcurl alone is the lower"
    else
        emit floor http "$1" "$3" jobs/s "claim + complete alone is the lower"
    fi
}

# The last figure emitted, 0 for none. Arguments: figure, sync.
last_value() {
    awk -F'\t' -v figure="$1" -v sync="$2" '$2 == figure && $3 == sync { v = $4 } END { print v + 0 }' "$RESULTS"
}

http_figures() {
    local sync file=test/bench/http/claim.sql address bare
    wanted_figure http || return 0
    receiver_start 0
    http_begin "$HTTP_SLOTS"
    section "$file" queue | peer_psql -f - >/dev/null
    bench_program test/bench/http/bare.cpp -lcurl
    bare=$PROGRAM
    address=http://${ADDRESS[receiver]}/hooks/0
    for sync in $SYNCS; do
        use_sync "$sync"
        figure floor http_curl "$sync" "$HTTP_SLOTS at once" true \
            "$bare" "$address" "$HTTP_JOBS" "$HTTP_SLOTS" "$HTTP_BYTES"
        figure floor http_claim "$sync" "" "fresh '$file' $JOBS" claim_rate "$file" 100 2
        emit_http_floor "$sync" "$(last_value http_curl "$sync")" "$(last_value http_claim "$sync")"
        section "$file" clear | peer_psql -f - >/dev/null
        figure Sentinel http "$sync" "$HTTP_SLOTS at once, $HTTP_ENDPOINTS endpoints" \
            "make_deliveries $HTTP_JOBS" http_rate
    done
    http_end
}

# Megabytes of the worker. Argument: VmRSS or VmHWM.
worker_memory() { awk -v what="$1:" '$1 == what { printf "%.1f", $2 / 1024 }' "/proc/$WORKER_PID/status"; }

holds_all() { (($(receiver_count held) >= MEMORY_SLOTS)); }

memory_figures() {
    local jobs="$MEMORY_JOBS waiting" in_flight limit
    wanted_figure memory || return 0
    receiver_start "$MEMORY_HOLD_MS"
    http_begin "$MEMORY_SLOTS"
    make_deliveries "$MEMORY_JOBS"
    limit=$(ulimit -n)
    ulimit -S -n "$(ulimit -H -n)"
    http_worker_start
    ulimit -S -n "$limit"
    # A wave of answers comes at once and the next is then sent: look until one wave is there as a whole.
    if await 60 holds_all; then
        in_flight=$(worker_memory VmRSS)
        emit Sentinel memory_in_flight - "$in_flight" MB "$jobs, $MEMORY_SLOTS in flight"
        sleep "$((MEMORY_HOLD_MS / 1000 + 2))"
    else
        emit Sentinel memory_in_flight - - MB "only $(receiver_count held) in flight after 60 s"
    fi
    emit Sentinel memory_peak_in_flight - "$(worker_memory VmHWM)" MB "peak until then and through one wave of answers"
    kill -USR1 "$RECEIVER_PID"
    jobs="all done"
    await "$HTTP_LIMIT_S" all_received "$MEMORY_JOBS" && await 20 all_sent ||
        jobs="$(sql "SELECT count(*) FROM sentinel.deliveries WHERE state = 'waiting'") left"
    emit Sentinel memory_peak - "$(worker_memory VmHWM)" MB "peak of the whole run; $jobs"
    emit Sentinel memory_after - "$(worker_memory VmRSS)" MB "$jobs"
    http_end
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    bench_private http
    http_figures
    memory_figures
fi
