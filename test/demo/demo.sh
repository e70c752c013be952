#!/usr/bin/env bash
# Sentinel from a CSV to an alert in Slack, on a private cluster; demo_stop.sh (make demo-stop) ends it.
#
#   demo.sh [--seed N] [--leads N] [--deals N] [--no-build]
#
# Installs packages, builds and installs (unless --no-build), makes a cluster in a fresh folder, loads generated data,
# runs the flow, prints what came of it and leaves all running. Status: 0 done, 1 failed (all is removed again) or running
# already. Runs as root, or as a user who may sudo for the packages and `make install`.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HERE=$ROOT/test/demo
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/state.sh
. "$HERE/state.sh"
# shellcheck source=SCRIPTDIR/gateway.sh
. "$HERE/gateway.sh"

seed=7 leads=500 deals=200 build=1
while (($# > 0)); do
    case $1 in
        --seed | --leads | --deals)
            [[ ${2:-} =~ ^[0-9]+$ ]] || die "$1 needs a number"
            declare "${1#--}=$2"
            shift 2
            ;;
        --no-build) build=0 && shift ;;
        *) die "unknown option $1; options: --seed N --leads N --deals N --no-build" ;;
    esac
done

# Build and install, drawing a bar over the files to compile.
build() {
    local log line total compiled=0
    # A make above us passes on flags that are not for this one.
    local -a make=(env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$ROOT" --no-print-directory)
    log=$(mktemp)
    total=$("${make[@]}" -n 2>/dev/null | grep -c -- ' -c -o ' || true)
    while IFS= read -r line; do
        [[ $line == *' -c -o '* ]] && bar "files compiled" "$((++compiled))" "$total"
    done < <("${make[@]}" -j "$(nproc)" 2>&1 | tee "$log" || true)
    # Asked again, make has nothing to do, or fails as it did.
    if ! as_root "${make[@]}" install >>"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "the build failed; its output: $log"
    fi
    rm -f "$log"
    printf '    installed in %s\n' "$(pg_bindir)"
}

look_around() {
    printf 'Look around (it goes on running until: make demo-stop):\n\n'
    printf '    psql "host=%s/sock port=%s dbname=%s user=northwind_reader"\n\n' \
        "$(demo_dir)" "$(cluster_port demo)" "$DEMO_DB"
    printf '    SELECT name, score, band, primary_reason FROM sentinel.deal_risks ORDER BY score DESC LIMIT 10;\n'
    printf '    SELECT * FROM sentinel.explain_risk((SELECT deal_id FROM sentinel.deal_risks ORDER BY score DESC LIMIT 1));\n\n'
    gateway_look
    printf 'As superuser: user=postgres. Logs of worker, gateway, server and stand-ins: %s/*.log\n' "$(demo_dir)"
}

fail() {
    local status=$?
    trap - EXIT
    ((status != 0)) || return 0
    printf '\nthe demo failed (status %s)\n' "$status" >&2
    [[ -n $(demo_dir) || -z ${CLUSTER_DIRS[demo]:-} ]] || remember "dir ${CLUSTER_DIRS[demo]}"
    local log
    for log in worker gateway log slack webhook_receiver; do
        log=$(demo_dir)/${log%.log}
        [[ -e $log ]] || log=$log.log
        [[ -s $log ]] || continue
        printf -- '--- the end of %s\n' "${log##*/}" >&2
        tail -n 15 "$log" >&2
    done
    end_demo
    exit "$status"
}

if [[ -e $DEMO_STATE ]]; then
    if demo_is_running; then
        echo "the demo is already running"
        look_around
        exit 1
    fi
    end_demo # left by a machine that went down
fi

step "Packages"
ensure_packages demo
if ((build)); then
    step "Build and install"
    build
fi
worker=$(pg_bindir)/sentinel-worker
[[ -x $worker ]] || die "no $worker: run without --no-build"

step "A private cluster with pg_cron, and the extension"
mkdir -p "$ROOT/.demo"
: >"$DEMO_STATE"
trap fail EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mapfile -t conf < <(pg_cron_conf "$DEMO_DB")
cluster_create demo "${conf[@]}"
DIR=$(cluster_dir demo)
remember "dir $DIR"
cluster_start demo
cluster_psql demo -d postgres -c "CREATE DATABASE $DEMO_DB"
demo_psql -f "$HERE/install.sql"

step "A quarter of a small company's life, day by day: forms, calls, proposals, invoices, clients"
{ demo_psql -v seed="$seed" -f "$HERE/quarter.sql" 2>&1 >&3 | bars_of_psql; } 3>&1
demo_psql -f "$HERE/quarter_report.sql"

step "Sample data (seed $seed)"
as_owner mkdir "$DIR/data_files" "$DIR/programs"
cp "$ROOT"/test/standins/*.py "$HERE"/*.py "$DIR/programs"
chmod 644 "$DIR"/programs/*.py
as_owner python3 -B "$DIR/programs/generate.py" --seed "$seed" --leads "$leads" --deals "$deals" --days 90 \
    --end "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --out "$DIR/data_files"
wc -l "$DIR"/data_files/*.csv | sed '$d; s/^/    /'
demo_psql -v dir="$DIR/data_files" -f "$HERE/org.sql"

step "Ninety days of $deals deals, replayed by the clock of the quarter"
{ demo_psql -f "$HERE/load.sql" 2>&1 >&3 | bars_of_psql; } 3>&1

step "Stand-ins for Slack and a customer's webhook receiver; their secrets, sealed by the worker"
for name in slack webhook_receiver; do
    start_process "$name" python3 -B "$DIR/programs/$name.py" --port-file "$DIR/$name.port" --log "$DIR/$name.received"
done
for name in slack webhook_receiver; do
    await 20 test -s "$DIR/$name.port" || die "the stand-in $name did not start"
done
slack=127.0.0.1:$(<"$DIR/slack.port")
receiver=127.0.0.1:$(<"$DIR/webhook_receiver.port")
printf '%s\n' '{' \
    "  \"database\": \"host=$DIR/sock port=$(cluster_port demo) dbname=$DEMO_DB user=northwind_worker\"," \
    "  \"key_file\": \"$DIR/keys\"," \
    "  \"egress_allow\": [\"$slack\", \"$receiver\"]," \
    "  \"allow_http\": true, \"ramp_s\": 0," \
    "  \"slack_hosts\": [\"$slack\"]" '}' | as_owner tee "$DIR/worker.json" >/dev/null
as_owner chmod 600 "$DIR/worker.json"
as_owner "$worker" keygen --key-file "$DIR/keys"
seal() { # purpose target secret_id; the secret on standard input
    as_owner "$worker" seal --config "$DIR/worker.json" --org "$org" --secret "$3" --version 1 --store --purpose "$1" --target "$2"
}
org=$(demo_psql -Atc "SELECT org_id FROM sentinel.orgs WHERE slug = 'northwind-demo'")
read -r channel channel_secret endpoint endpoint_secret < <(demo_psql -At -F ' ' -v url="http://$receiver/hooks/sentinel" \
    -f "$HERE/subscribe.sql")
printf 'http://%s/services/T0NORTHWIND/B0DEALS/%s' "$slack" "$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')" |
    seal slack_url "$channel" "$channel_secret"
signing_key=whsec_$(head -c 32 /dev/urandom | base64 -w 0)
printf '%s' "$signing_key" | seal webhook_key "$endpoint" "$endpoint_secret"
printf '{"path": "/hooks/sentinel", "secret": "%s"}' "$signing_key" |
    python3 -B "$DIR/programs/ask.py" "$DIR/webhook_receiver.port" /_control --post >/dev/null
"${AS_OWNER[@]}" "$worker" --check --config "$DIR/worker.json"

step "One sweep over the deals"
demo_psql -f "$HERE/sweep.sql"

step "The worker, and pg_cron beside it"
start_process worker "$worker" --config "$DIR/worker.json"
demo_psql -Atc "SELECT sentinel.install_schedule()" >/dev/null

step "leads.csv, and all that waits"
demo_psql -v dir="$DIR/data_files" -f "$HERE/leads.sql"
drain "jobs done in the database" 300 "$(<"$HERE/jobs_left.sql")" || die "the jobs do not come to an end"
drain "messages delivered" 300 "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state <> 'waiting')
    FROM sentinel.deliveries" || die "the messages do not come to an end"

demo_psql -v dir="$DIR/data_files" -f "$HERE/report.sql"
step "What Slack and the webhook receiver got"
python3 -B "$DIR/programs/heard.py" "$DIR"
[[ $(demo_psql -Atc "SELECT v.wrong OR q.wrong FROM demo.verdict v, demo.quarter_verdict q") == f ]] ||
    die "the figures under 'Planted and found' or 'Proofs' are not as they must be"

step "The gateway: a lead by HTTP, the same again, the largest open deal, and one that is not there"
gateway_show

trap - EXIT
printf '\n'
look_around
