#!/usr/bin/env bash
# Workers, backends, server, connections, clocks and disks fail while jobs are enqueued and done: nothing is lost, nothing
# inside the database happens twice, what is sent twice has the same id and a recorded reason. See test/chaos/chaos.py.
# Usage: chaos.sh; environment: FAULTS (default 28: each kind about once), SEED (default 1) draws them, KINDS="worker_freeze
# cut_all" takes these alone, KEEP=1 keeps the folder. `make chaos` injects 200.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

FAULTS=${FAULTS:-28}
SEED=${SEED:-1}
ENDPOINTS=6
LEASE_S=15
FAULTY_WORKER=$ROOT/build/faults/sentinel-worker-faults
SMALL=() # small file systems that this script mounted

# Mount a small file system for the cluster's owner below $DIR. Arguments: name, size. Status 1 when that is not allowed.
mount_small() {
    as_owner mkdir "$DIR/$1"
    mount -t tmpfs -o "size=$2,mode=0700,uid=$(id -u "$(cluster_owner)")" tmpfs "$DIR/$1" 2>/dev/null || return 1
    SMALL+=("$DIR/$1")
}

# The WAL moves onto a small file system, where the test can fill it.
move_wal() {
    cluster_stop "$NAME"
    as_owner cp -a "$DIR/data/pg_wal" "$DIR/small_wal/pg_wal" &&
        as_owner mv "$DIR/data/pg_wal" "$DIR/old_wal" &&
        as_owner ln -s "$DIR/small_wal/pg_wal" "$DIR/data/pg_wal"
    cluster_start "$NAME"
}

# What KEEP=1 leaves behind can be started.
keep_wal() { as_owner rm "$DIR/data/pg_wal" && as_owner cp -a "$DIR/small_wal/pg_wal" "$DIR/data/pg_wal"; }

chaos_end() {
    local one
    if ((${#SMALL[@]})); then
        cluster_stop "$NAME" immediate
        [[ -z ${KEEP:-} || ! -L $DIR/data/pg_wal ]] || keep_wal
        for one in "${SMALL[@]}"; do umount -l "$one"; done
    fi
    delivery_end
}

say "building the worker with fault points"
make -s -C "$ROOT" CI=1 PG_CONFIG="$(pg_config_path)" -j2 build/faults/sentinel-worker-faults \
    2> >(grep -vE 'warning: (overriding|ignoring old) recipe' >&2) || die "no $FAULTY_WORKER"

printf '== %d faults, seed %d, leases of %d s\n' "$FAULTS" "$SEED" "$LEASE_S"
# No fsync: the test ends processes, and what a process has written is the kernel's.
delivery_begin chaos "fsync = off" "synchronous_commit = on" "max_connections = 100" "wal_keep_size = 0" \
    "min_wal_size = 32MB" "max_wal_size = 64MB" "restart_after_crash = on"
trap chaos_end EXIT
! grep -q SENTINEL_FAULT "$WORKER" || die "the installed worker has fault points: $WORKER"
cp "$FAULTY_WORKER" "$DIR/programs/sentinel-worker-faults" && chmod 755 "$DIR/programs/sentinel-worker-faults"
cp "$ROOT/test/chaos/receiver.py" "$DIR/programs" && chmod 644 "$DIR/programs/receiver.py"
gcc -shared -fPIC -O2 -o "$DIR/clock.so" "$ROOT/test/chaos/clock.c" && chmod 755 "$DIR/clock.so"
as_owner mkdir "$DIR/armed"

mounted=()
if mount_small small_log 128k && mount_small small_wal 192m; then
    move_wal
else
    printf 'skip: no small file systems (mount is not permitted), so no full disks\n'
    mounted=(--no-mount)
fi

KEY=$(new_webhook_key)
standin receiver --log "$DIR/receiver.jsonl" --secret "$KEY" --seed "$SEED" --delay-ms 100
worker_conf "$DIR/worker.json" 'ramp_s:0' 'stop_grace_s:10'
cluster_psql "$NAME" -d "$DB" -At -v armed="$DIR/armed" -f - <"$ROOT/test/chaos/setup.sql" >/dev/null ||
    die "setup.sql failed"
for ((n = 0; n < ENDPOINTS; n++)); do
    add_webhook "/hooks/$n" "{chaos.hook_$n}" "$KEY" "${ADDRESS[receiver]}" >/dev/null
    org_sql "SELECT sentinel.route_event('chaos.hook_$n', 'dispatch_event')" >/dev/null
done
org_sql "SELECT sentinel.route_event('chaos.linked', 'chaos_chained')" >/dev/null
sql "UPDATE sentinel.webhook_endpoints SET retry_schedule = array_fill('1 second'::interval, ARRAY[20])"

# shellcheck disable=SC2086  # KINDS is words
python3 -B "$ROOT/test/chaos/chaos.py" --folder "$DIR" --bindir "$(pg_bindir)" --port "$(cluster_port "$NAME")" \
    --database "$DB" --org "$ORG" --worker "$DIR/programs/sentinel-worker-faults" --faults "$FAULTS" --seed "$SEED" \
    --lease-s "$LEASE_S" --endpoints "$ENDPOINTS" "${mounted[@]}" ${KINDS:+--kinds $KINDS}
