#!/usr/bin/env bash
# Measure a queue that is described in a file of sections (sql/*.sql) with pgbench; source it after cluster.sh and
# settings.sh.
#
# A file says in its head `-- peer: NAME`, `-- protocol: prepared|extended`, perhaps `-- consumers: 1`, and then in sections
# that begin with `-- @section`: schema, queue, clear, fill (:n jobs), waiting (prints how many), and for pgbench enqueue (one
# job), enqueue_many (1,000), claim (claims @n@ jobs and completes them, and divides by zero when there is none, so that the
# clock stops with the work) and perhaps claim_one, where a library sends other statements for one.
# CLUSTER names the cluster, SCRATCH a folder, RESULTS the file to append to.

FIGURES=${FIGURES:-.} # only figures whose name matches this pattern

# Append one result and print it. Arguments: peer, figure, sync, value (- for none), unit, a word on it (optional).
emit() {
    printf '%s|%s|%s|%s|%s|%s\n' "$1" "$2" "$3" "$4" "$5" "${6:-}"
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" "${6:-}" >>"$RESULTS"
}

wanted_figure() { [[ $1 =~ $FIGURES ]]; }

median() {
    sort -g | awk '{ v[NR] = $1 }
        END { printf "%.0f\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

section() { awk -v want="-- @$2" '/^-- @/ { on = $0 == want; next } on' "$1"; } # file, name
head_of() { sed -n "s/^-- $2: //p" "$1" | head -n 1; }                          # file, word

peer_psql() { cluster_psql "$CLUSTER" -d "$DATABASE" -At -v payload="$PAYLOAD" "$@"; }

use_sync() { peer_psql -c "ALTER DATABASE \"$DATABASE\" SET synchronous_commit = $1"; }

waiting() { section "$1" waiting | peer_psql -f -; }

# Add jobs, 100,000 a statement. Arguments: file, how many.
fill() {
    local left=$2 part
    while ((left > 0)); do
        part=$((left < 100000 ? left : 100000))
        section "$1" fill | peer_psql -v n="$part" -f - >/dev/null
        left=$((left - part))
    done
}

# Start afresh. Arguments: file, jobs that shall wait (0: none).
fresh() {
    section "$1" clear | peer_psql -f - >/dev/null
    [[ $2 -gt 0 ]] || return 0
    fill "$1" "$2"
    peer_psql -c 'VACUUM ANALYZE'
}

# Run one section; sets TRANSACTIONS and ELAPSED (seconds). Arguments: file, section, jobs a claim, clients, pgbench's limit ...
bench_section() {
    local file=$1 name=$2 batch=$3 clients=$4 log=$SCRATCH/pgbench.log
    shift 4
    if [[ $batch -eq 1 ]] && grep -qx -- "-- @${name}_one" "$file"; then name+=_one; fi
    section "$file" "$name" | sed -e "s|@n@|$batch|g" -e "s|@copy_file@|$COPY_FILE|g" >"$SCRATCH/script.sql"
    # Clients that meet an empty queue end with an error, and so does pgbench.
    env "${CONNECTION[@]}" "$(pg_bindir)/pgbench" -n -M "$(head_of "$file" protocol)" -c "$clients" \
        -j $((clients < 2 ? 1 : 2)) "$@" -D payload="$PAYLOAD" -f "$SCRATCH/script.sql" "$DATABASE" >"$log" 2>&1 || true
    if grep 'ERROR:' "$log" | grep -v 'division by zero' >&2; then return 1; fi
    TRANSACTIONS=$(sed -nE 's/^number of transactions actually processed: ([0-9]+).*/\1/p' "$log")
    ELAPSED=$(awk -v n="${TRANSACTIONS:-0}" '/^tps = / { if ($3 > 0) print n / $3 }' "$log")
    if [[ -z $ELAPSED ]]; then
        tail -n 5 "$log" >&2
        return 1
    fi
}

# Print jobs per second. Arguments: file, section, jobs a call, clients.
enqueue_rate() {
    bench_section "$1" "$2" 0 "$4" -T "$SECONDS_EACH" || return 1
    awk -v n="$TRANSACTIONS" -v batch="$3" -v s="$ELAPSED" 'BEGIN { print n * batch / s }'
}

# Print jobs per second, by what is gone from the queue. Arguments: file, jobs a call, clients.
claim_rate() {
    local before after
    before=$(waiting "$1")
    bench_section "$1" claim "$2" "$3" -T "$SECONDS_EACH" || return 1
    after=$(waiting "$1")
    awk -v n="$((before - after))" -v s="$ELAPSED" 'BEGIN { print n / s }'
}

# Emit the median of RUNS runs, each after a command that prepares it.
# Arguments: peer, figure, sync, word, preparing command in one word, measuring command ...
figure() {
    local peer=$1 name=$2 sync=$3 word=$4 prepare=$5 run value
    local -a values=()
    shift 5
    wanted_figure "$name" || return 0
    for ((run = 1; run <= RUNS; run++)); do
        eval "$prepare" || { word="could not be prepared"; break; }
        value=$("$@") || { word="failed"; break; }
        values+=("$value")
    done
    if [[ ${#values[@]} -lt $RUNS ]]; then
        emit "$peer" "$name" "$sync" - jobs/s "$word"
    else
        emit "$peer" "$name" "$sync" "$(printf '%s\n' "${values[@]}" | median)" jobs/s "$word"
    fi
}

# The figures that start from an empty or a small queue. Argument: file.
plain_figures() {
    local file=$1 peer only sync clients
    peer=$(head_of "$file" peer)
    only=$(head_of "$file" consumers)
    for sync in $SYNCS; do
        use_sync "$sync"
        for clients in 1 4; do
            figure "$peer" "enqueue_b1_c$clients" "$sync" "" "fresh '$file' 0" enqueue_rate "$file" enqueue 1 "$clients"
            figure "$peer" "enqueue_b1000_c$clients" "$sync" "" "fresh '$file' 0" \
                enqueue_rate "$file" enqueue_many 1000 "$clients"
        done
        for clients in 1 4 8; do
            if [[ -n $only && $clients -gt $only ]]; then
                ! wanted_figure "claim_b100_c$clients" ||
                    emit "$peer" "claim_b100_c$clients" "$sync" - jobs/s "one batch at a time, for one consumer"
                continue
            fi
            figure "$peer" "claim_b100_c$clients" "$sync" "" "fresh '$file' $JOBS" claim_rate "$file" 100 "$clients"
        done
        if [[ -n $only ]]; then
            ! wanted_figure claim_b1_c8 || emit "$peer" claim_b1_c8 "$sync" - jobs/s "hands out whole batches"
        else
            figure "$peer" claim_b1_c8 "$sync" "" "fresh '$file' $((JOBS / 5))" claim_rate "$file" 1 8
        fi
    done
}

# Let so many jobs wait again after a run. Arguments: file, how many.
top_up() {
    local have
    have=$(waiting "$1")
    fill "$1" $(($2 - have))
}

# Four consumers with BACKLOG jobs waiting; the jobs are loaded once, and topped up before each run.
backlog_figures() {
    local file=$1 clients word sync
    wanted_figure claim_b100_c4_backlog || return 0
    clients=$(head_of "$file" consumers)
    word=${clients:+one consumer}
    fresh "$file" "$BACKLOG"
    for sync in $SYNCS; do
        use_sync "$sync"
        figure "$(head_of "$file" peer)" claim_b100_c4_backlog "$sync" "$word" \
            "top_up '$file' $BACKLOG && peer_psql -c 'VACUUM ANALYZE'" claim_rate "$file" 100 "${clients:-4}"
    done
}

# Hold a snapshot in the peer's database until let_go.
HOLDER=
hold_snapshot() {
    peer_psql -c "SET application_name = 'holder'" -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' \
        -c 'SELECT count(*) FROM pg_class' -c 'SELECT pg_sleep(100000)' >/dev/null 2>&1 &
    HOLDER=$!
    await 10 eval "peer_psql -c \"SELECT 1 / count(*) FROM pg_stat_activity
        WHERE application_name = 'holder' AND backend_xmin IS NOT NULL AND wait_event = 'PgSleep'\""
}

let_go() {
    peer_psql -c "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'holder'" >/dev/null
    wait "$HOLDER" 2>/dev/null || true
    HOLDER=
}

# Let PINNED jobs be claimed and completed under a snapshot older than they, and leave JOBS. Arguments: file, jobs a claim.
pinned_start() {
    [[ -z $HOLDER ]] || let_go
    fresh "$1" $((PINNED + JOBS))
    hold_snapshot
    bench_section "$1" claim "$2" 1 -t $((PINNED / $2))
}

# Four consumers under a snapshot older than PINNED jobs that were claimed and completed.
pinned_figures() {
    local file=$1 clients word sync batch=5000
    wanted_figure claim_b100_c4_pinned || return 0
    clients=$(head_of "$file" consumers)
    word=${clients:+one consumer}
    [[ -z $clients ]] || batch=100
    [[ $batch -le $PINNED ]] || batch=$PINNED
    for sync in $SYNCS; do
        use_sync "$sync"
        figure "$(head_of "$file" peer)" claim_b100_c4_pinned "$sync" "$word" "pinned_start '$file' $batch" \
            claim_rate "$file" 100 "${clients:-4}"
    done
    [[ -z $HOLDER ]] || let_go
}

# All of a peer's SQL figures in a database of its own. Arguments: file, database that may exist already.
measure_peer() {
    DATABASE=$2
    peer_psql -c 'SELECT 1' >/dev/null 2>&1 || cluster_psql "$CLUSTER" -c "CREATE DATABASE \"$DATABASE\""
    if [[ $1 == */pgmq.sql && -n ${PGMQ_SQL:-} ]]; then
        peer_psql -f "$PGMQ_SQL" >/dev/null
    else
        section "$1" schema | peer_psql -f - >/dev/null
    fi
    section "$1" queue | peer_psql -f - >/dev/null
    plain_figures "$1"
    backlog_figures "$1"
    pinned_figures "$1"
}
