#!/usr/bin/env bash
# A day of simulated traffic in minutes: 20 tenants, bursts, outages of two vendors; drawn to day.svg beside this file.
#
#   day.sh [--out DIR] [--no-build]        make bench-day
#
# DAY_SECONDS=240  how long the day takes: one hour is 10 s; a shorter one has as much less traffic, at the same rate
# SEED=7           the same seed is the same day
# QUIET_BOUND=3    seconds that a due job of a quiet tenant may wait for a worker, at worst
# DRAIN_SECONDS    how long after midnight the rest may take (default: DAY_SECONDS / 2 + 60)
# KEEP=1           leave the cluster's folder
#
# Works on a private cluster with two workers and three stand-in vendors on 127.0.0.1, all ended with it. Vendor A
# (webhooks) refuses connections for an hour and answers 503 for another, vendor B (Slack) answers 429 slowly for an
# hour, vendor C (webhooks) is well all day. Builds and installs first, unless told --no-build. Writes day.svg and
# samples.tsv; prints the day by hours and `ok` or `FAILED` for each thing that must hold. Status 0: all of them do.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
HERE=$ROOT/test/bench/day
# shellcheck source=SCRIPTDIR/../../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

OUT=$HERE build=1
while (($# > 0)); do
    case $1 in
        --out)
            [[ -d ${2:-} ]] || die "--out needs a folder"
            OUT=$2
            shift 2
            ;;
        --no-build) build=0 && shift ;;
        *) die "unknown option $1; options: --out DIR, --no-build" ;;
    esac
done
DAY_SECONDS=${DAY_SECONDS:-240}
SEED=${SEED:-7}
QUIET_BOUND=${QUIET_BOUND:-3}
[[ $DAY_SECONDS =~ ^[3-9][0-9]$|^[1-9][0-9]{2,4}$ ]] || die "DAY_SECONDS=$DAY_SECONDS: a number of seconds, 30 or more"
[[ $SEED =~ ^[0-9]+$ ]] || die "SEED=$SEED: a number"
DRAIN_SECONDS=${DRAIN_SECONDS:-$((DAY_SECONDS / 2 + 60))}
REFUSED_FROM=9 REFUSED_TO=10 BUSY_TO=11 # vendor A: gone, then there and overloaded
LIMITED_FROM=14 LIMITED_TO=15           # vendor B
RECOVERY_HOURS=6                        # after an outage, until the last message made during it has come
RETRY_AFTER=$(((DAY_SECONDS + 119) / 120)) SLOW_MS=$((DAY_SECONDS * 700 / 240))

step() { printf '\n==> %s\n' "$*"; }

# Start a vendor. Arguments: name, kind of vendor.py, port or 0, its options. Its log is the witness of what it took.
vendor() {
    local name=$1 kind=$2 port=$3
    shift 3
    rm -f "$DIR/$name.port"
    start_process "$name" python3 -B "$DIR/programs/vendor.py" "$kind" --port "$port" --port-file "$DIR/$name.port" \
        --log "$DIR/$name.received" "$@"
    STANDIN_PID[$name]=$!
    await 20 test -s "$DIR/$name.port" || die "vendor $name did not start"
    ADDRESS[$name]=127.0.0.1:$(<"$DIR/$name.port")
}

# End a vendor's process: whoever connects is refused.
vendor_gone() {
    kill -TERM "${STANDIN_PID[$1]}"
    await_exit "${STANDIN_PID[$1]}" 10 || die "vendor $1 does not end"
    unset "STANDIN_PID[$1]"
}

# Sleep until an hour of the day.
until_hour() {
    local left
    left=$(awk -v start="$START" -v hour="$1" -v day="$DAY_SECONDS" -v now="$EPOCHREALTIME" \
        'BEGIN { left = start + hour * day / 24 - now; print (left > 0 ? left : 0) }')
    sleep "$left"
}

hour_now() {
    awk -v start="$START" -v day="$DAY_SECONDS" -v now="$EPOCHREALTIME" \
        'BEGIN { printf "%.4f", (now - start) * 24 / day }'
}

outage() { sql "INSERT INTO day.outages VALUES ('$1', $2, $3, '$4')"; }

left() {
    sql "SELECT (SELECT count(*) FROM sentinel.job_waiting) + (SELECT count(*) FROM sentinel.job_running)
              + (SELECT count(*) FROM sentinel.deliveries WHERE state = 'waiting')"
}

nothing_left() { [[ $(left) == 0 ]]; }

if ((build)); then
    step "Build and install"
    ensure_packages test
    PG_CONFIG=$(pg_config_path)
    # A make above us passes on flags that are not for this one.
    make=(env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$ROOT" PG_CONFIG="$PG_CONFIG")
    "${make[@]}" -j "$(nproc)" >/dev/null 2>&1 || die "the build failed; see: make"
    as_root "${make[@]}" install >/dev/null 2>&1 || die "the installation failed; see: make install"
fi

step "A private cluster, 20 tenants, three vendors, two workers (seed $SEED, a day in $DAY_SECONDS s)"
delivery_begin day "jit = off" "max_wal_size = 4GB" "shared_buffers = 256MB"
trap 'set +e; delivery_end' EXIT # a process that has ended already must not stop the clean-up
cp "$HERE/vendor.py" "$HERE/play.py" "$DIR/programs"
chmod 644 "$DIR"/programs/*.py
scale=$(awk -v day="$DAY_SECONDS" 'BEGIN { printf "%.4f", day / 240 }')
python3 -B "$HERE/plan.py" --seed "$SEED" --scale "$scale" --tenants "$DIR/tenants" --traffic "$DIR/traffic"
chmod 644 "$DIR/traffic"
cluster_psql "$NAME" -d "$DB" -v day_seconds="$DAY_SECONDS" -f "$HERE/setup.sql" >/dev/null
cluster_psql "$NAME" -d "$DB" -f "$HERE/probe.sql"
cluster_psql "$NAME" -d "$DB" -c "COPY day.tenants (n, class, zone, vendor) FROM STDIN" <"$DIR/tenants"
sql "UPDATE day.tenants t
     SET org_id = sentinel.create_org(format('%s %s', initcap(t.class), t.n), format('tenant-%s', t.n), t.zone)"

key=$(new_webhook_key)
vendor a webhooks 0 --secret "$key" --keep-bodies 0
vendor c webhooks 0 --secret "$key" --keep-bodies 0
vendor slack slack 0 --rate 0
worker_conf "$DIR/worker.json" "worker_name:\"worker-1\""
worker_conf "$DIR/worker_2.json" "worker_name:\"worker-2\""
while IFS='|' read -r tenant vendor ORG; do
    target=$(add_webhook "/hooks/$tenant" '{shop.order}' "$key" "${ADDRESS[${vendor,}]}")
    sql "INSERT INTO day.targets VALUES ('$target', '$vendor')"
    target=$(add_slack "#tenant-$tenant" '{desk.alert}' "key$tenant")
    sql "INSERT INTO day.targets VALUES ('$target', 'B')"
    org_sql "SELECT sentinel.route_event('shop.order', 'dispatch_event');
             SELECT sentinel.route_event('desk.alert', 'dispatch_event');
             SELECT sentinel.route_event('shop.lead', 'rate_lead')" >/dev/null
done < <(sql "SELECT n, vendor, org_id FROM day.tenants ORDER BY n")
sql "UPDATE sentinel.webhook_endpoints SET retry_schedule = day.waits(0.2, 1, 2, 4, 6, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8)"
gives 40 "SELECT count(*) FROM sentinel.delivery_targets WHERE enabled" || die "not every target got its secret"
worker_start "$DIR/worker_2.json"
STANDIN_PID[worker_2]=$WORKER_PID
worker_start "$DIR/worker.json"
await 20 gives 2 "SELECT count(*) FROM sentinel.workers" || die "the workers do not start: $DIR/worker.log"

step "The day"
START=$(awk -v now="$EPOCHREALTIME" 'BEGIN { printf "%.3f", now + 1 }')
sql "UPDATE day.clock SET started_at = to_timestamp($START)"
read -r -a place < <(cluster_env "$NAME")
psql=("${AS_OWNER[@]}" env "${place[@]}" "$(pg_bindir)/psql" -X -q -At -v ON_ERROR_STOP=1 -d "$DB")
"${psql[@]}" -c "CALL day.watch()" </dev/null >>"$DIR/probe.log" 2>&1 &
probe=$!
STANDIN_PID[probe]=$probe
python3 -B "$HERE/play.py" --traffic "$DIR/traffic" --start "$START" --day-seconds "$DAY_SECONDS" "${psql[@]}" &
player=$!
STANDIN_PID[player]=$player

# An outage is noted as it happened, not as it was planned: from when it was there until just before it went.
until_hour "$REFUSED_FROM"
vendor_gone a
from=$(hour_now)
note "$(printf '%5.2f h  vendor A: connections refused' "$from")"
until_hour "$REFUSED_TO"
port=${ADDRESS[a]##*:}
vendor a webhooks "$port" --secret "$key" --keep-bodies 0 --outage-status 503
to=$(hour_now)
outage A "$from" "$to" 'connections refused'
note "$(printf '%5.2f h  vendor A: 503' "$to")"
until_hour "$BUSY_TO"
outage A "$to" "$(hour_now)" 'answers 503'
ask a /_control '{"outage": null}' >/dev/null
note "$(printf '%5.2f h  vendor A: well again' "$(hour_now)")"
until_hour "$LIMITED_FROM"
ask slack /_control "{\"outage\": {\"status\": 429, \"headers\": {\"Retry-After\": \"$RETRY_AFTER\"},
    \"body\": \"rate_limited\", \"delay_ms\": $SLOW_MS}}" >/dev/null
from=$(hour_now)
note "$(printf '%5.2f h  vendor B: 429, Retry-After: %s, after %s ms' "$from" "$RETRY_AFTER" "$SLOW_MS")"
until_hour "$LIMITED_TO"
outage B "$from" "$(hour_now)" 'answers 429, slowly'
ask slack /_control '{"outage": null}' >/dev/null
note "$(printf '%5.2f h  vendor B: well again' "$(hour_now)")"
until_hour 24
unset "STANDIN_PID[player]"
ok "the whole day was played" wait "$player"
note "midnight: $(left) jobs and messages left"
within "$DRAIN_SECONDS" "everything came to an end within $DRAIN_SECONDS s after midnight" nothing_left
sql "UPDATE day.clock SET ended_at = clock_timestamp()"
unset "STANDIN_PID[probe]"
wait "$probe" || die "the probe failed: $(<"$DIR/probe.log")"

# shellcheck source=SCRIPTDIR/verdict.sh
. "$HERE/verdict.sh"
tally
