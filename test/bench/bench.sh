#!/usr/bin/env bash
# Measure against floors in the same run and write test/bench/RESULTS.md.
# Usage: make bench [ONLY="queue latency http http_in risk bi activities"] [DEALS=1000000] [BACKLOG=1000000] [HUGE=10000000] [RUNS=3] [SYNCS="on off"]
# Works on private clusters; takes about an hour.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/support/packages.sh
source test/support/packages.sh
# shellcheck source=test/support/cluster.sh
source test/support/cluster.sh
# shellcheck source=test/bench/peers/settings.sh
source test/bench/peers/settings.sh
# shellcheck source=test/bench/peers/measure.sh
source test/bench/peers/measure.sh
# shellcheck source=test/bench/queue/queue.sh
source test/bench/queue/queue.sh
# shellcheck source=test/bench/latency/latency.sh
source test/bench/latency/latency.sh
# shellcheck source=test/bench/http/http.sh
source test/bench/http/http.sh
# shellcheck source=test/bench/http_in/http_in.sh
source test/bench/http_in/http_in.sh
# shellcheck source=test/bench/risk.sh
source test/bench/risk.sh
# shellcheck source=test/bench/bi/bi.sh
source test/bench/bi/bi.sh

ONLY=${ONLY:-queue latency http http_in risk bi activities}
FOLDER=$PWD/test/bench/results
CLUSTER=bench

wanted() { [[ " $ONLY " == *" $1 "* ]]; }

ensure_packages test
PG_CONFIG=$(pg_config_path)
say "building and installing"
make -s PG_CONFIG="$PG_CONFIG" >/dev/null 2>&1
as_root make -s PG_CONFIG="$PG_CONFIG" install >/dev/null 2>&1

SCRATCH=$(fresh_folder bench)
# shellcheck disable=SC2317  # run by trap
finish() {
    trap - EXIT
    [[ $(type -t http_end) != function ]] || http_end
    http_in_end
    cluster_destroy "$CLUSTER"
    cluster_destroy bi
    rm -rf -- "$SCRATCH"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Run some figures on a fresh cluster; what they emit replaces the old lines of the part in results/queue.tsv.
# Arguments: part, functions ...
measure_part() {
    local part=$1 function
    shift
    cluster_create "$CLUSTER" "${BENCH_CONF[@]}"
    cluster_start "$CLUSTER"
    read -ra CONNECTION <<<"$(cluster_env "$CLUSTER")"
    COPY_FILE=$(cluster_dir "$CLUSTER")/payloads.copy
    for ((i = 0; i < 1000; i++)); do printf '%s\n' "$PAYLOAD"; done | as_owner tee "$COPY_FILE" >/dev/null
    RESULTS=$SCRATCH/$part.tsv
    : >"$RESULTS"
    for function in "$@"; do
        say "$function ($((SECONDS / 60)) min so far)"
        "$function"
    done
    [[ $(type -t http_end) != function ]] || http_end
    cluster_destroy "$CLUSTER"
    cp "$RESULTS" "$FOLDER/$part.part.tsv"
}

facts() {
    emit "measured on" fact - "$(. /etc/os-release && echo "$PRETTY_NAME"), $(nproc) cores, $(date -u +%F)" ""
    emit sizes fact - "JOBS $JOBS, BACKLOG $BACKLOG, HUGE $HUGE, PINNED $PINNED, SECONDS_EACH $SECONDS_EACH, RUNS $RUNS" ""
    emit PostgreSQL version - "$(cluster_psql "$CLUSTER" -At -c 'SHOW server_version')" ""
    emit sentinel version - "$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" extension/sentinel.control)" ""
}

mkdir -p "$FOLDER"
! wanted queue || measure_part queue facts queue_figures
! wanted latency || measure_part latency idle_figures_sentinel noisy_figures
! wanted http || measure_part http http_figures memory_figures
! wanted http_in || measure_part http_in http_in_figures
cat "$FOLDER"/{queue,latency,http,http_in}.part.tsv 2>/dev/null >"$FOLDER/queue.tsv" || true
! wanted risk || measure_risk >"$FOLDER/risk.md"
! wanted bi || measure_bi >"$FOLDER/bi.md"
! wanted activities || measure_activities >"$FOLDER/activities.md"
python3 -B test/bench/table.py
